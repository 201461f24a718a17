#include "replicator/conf.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"

/* ---------------------------------------------------------------------------------- the tables */

/* for (size_t t = 0, i = 0; (row = next_row(&t, &i));) */
static const struct prop *
next_row(size_t *t, size_t *i)
{
    while (conf_tables[*t] && *i == conf_tables[*t]->n) {
        ++*t;
        *i = 0;
    }
    return conf_tables[*t] ? &conf_tables[*t]->rows[(*i)++] : NULL;
}

static struct config *
minimal(void)
{
    static const char text[] =
        "database.hostname=h\ndatabase.user=u\ndatabase.dbname=d\ntopic.prefix=p\n";
    struct err e;
    struct config *c = conf_parse(text, sizeof(text) - 1, "x.properties", &e);

    assert_non_null(c);
    return c;
}

static void
must_be_clean(struct config *c)
{
    const struct prop_issue *is;

    config_validate(c, &is);
    if (is)
        fail_msg("%s", is->text);
}

static void
every_name_stands_once(void **state)
{
    const struct prop *a, *b;

    (void)state;
    for (size_t t = 0, i = 0; (a = next_row(&t, &i));)
        for (size_t u = t, j = i; (b = next_row(&u, &j));)
            if (strcmp(a->name, b->name) == 0)
                fail_msg("%s stands twice", a->name);
}

static void
every_row_says_what_it_is(void **state)
{
    const struct prop *row;

    (void)state;
    for (size_t t = 0, i = 0; (row = next_row(&t, &i));) {
        size_t n = row->doc ? strlen(row->doc) : 0;

        if (n < 10 || row->doc[n - 1] != '.' || !row->group || !*row->group)
            fail_msg("%s has no proper documentation or group", row->name);
        if ((row->flags & (PROP_ALIAS | PROP_NOOP | PROP_REFUSED)) && (!row->see || !*row->see))
            fail_msg("%s does not say why or what instead", row->name);
        if ((row->flags & (PROP_NOOP | PROP_REFUSED)) && row->see[strlen(row->see) - 1] == '.')
            fail_msg("the reason of %s ends in a full stop, which the message adds itself",
                     row->name);
        if (row->type == PROP_PASSWORD && !(row->flags & PROP_SECRET))
            fail_msg("%s is a password but no secret", row->name);
        if ((row->flags & PROP_OWN) && strncmp(row->name, "walbridge.", 10) != 0)
            fail_msg("%s is ours and does not begin with walbridge.", row->name);
    }
}

static void
a_row_has_one_state_at_most(void **state)
{
    const struct prop *row;

    (void)state;
    for (size_t t = 0, i = 0; (row = next_row(&t, &i));) {
        unsigned s = row->flags & (PROP_ALIAS | PROP_NOOP | PROP_REFUSED | PROP_REQUIRED);

        if (s & (s - 1))
            fail_msg("%s has flags that exclude each other", row->name);
    }
}

static void
prefixes_and_patterns_have_their_form(void **state)
{
    const struct prop *row;

    (void)state;
    for (size_t t = 0, i = 0; (row = next_row(&t, &i));) {
        if ((row->flags & PROP_PREFIX) && row->name[strlen(row->name) - 1] != '.')
            fail_msg("prefix %s does not end in a dot", row->name);
        if (!!(row->flags & PROP_PATTERN) != !!strchr(row->name, '<'))
            fail_msg("%s: pattern flag and holes do not go together", row->name);
    }
}

static void
every_old_name_leads_to_a_name_of_today(void **state)
{
    const struct prop *row;

    (void)state;
    for (size_t t = 0, i = 0; (row = next_row(&t, &i));) {
        const struct prop *now = row->flags & PROP_ALIAS ? prop_find(conf_tables, row->see) : NULL;

        if (!(row->flags & PROP_ALIAS))
            continue;
        if (!now || (now->flags & (PROP_ALIAS | PROP_PREFIX | PROP_PATTERN)))
            fail_msg("%s leads to %s, which is no property of today", row->name, row->see);
    }
}

static void
every_default_is_a_good_value_and_passes_in_silence(void **state)
{
    const struct prop *row;

    (void)state;
    for (size_t t = 0, i = 0; (row = next_row(&t, &i));) {
        struct config *c;

        if (!row->def || (row->flags & (PROP_ALIAS | PROP_PREFIX | PROP_PATTERN)))
            continue;
        c = minimal();
        config_set(c, row->name, row->def);
        must_be_clean(c);
        config_free(c);
    }
}

static void
choices_belong_to_enumerations_and_hold_the_default(void **state)
{
    const struct prop *row;

    (void)state;
    for (size_t t = 0, i = 0; (row = next_row(&t, &i));) {
        struct config *c = config_new("x", conf_tables);

        if (!(row->flags & PROP_ALIAS) && (row->type == PROP_ENUM) != (row->choices != NULL))
            fail_msg("%s: type and choices do not go together", row->name);
        if (row->type == PROP_ENUM && row->def && config_enum(c, row->name) < 0)
            fail_msg("the default of %s is none of its choices", row->name);
        config_free(c);
    }
}

static void
every_refused_property_is_refused(void **state)
{
    const struct prop *row;

    (void)state;
    for (size_t t = 0, i = 0; (row = next_row(&t, &i));) {
        const struct prop_issue *is;
        struct config *c;

        if (!(row->flags & PROP_REFUSED) || (row->flags & PROP_PATTERN))
            continue;
        c = minimal();
        config_set(c, row->name, "something");
        if (config_validate(c, &is) || !strstr(is->text, row->see))
            fail_msg("%s is not refused", row->name);
        config_free(c);
    }
}

/* "column.mask.with.(d+).chars" stands in Debezium's list for our "column.mask.with.<n>.chars". */
static const struct prop *
row_of_recorded(const char *name)
{
    char same[160] = "";
    const struct prop *row;

    if (!strchr(name, '('))
        return prop_find(conf_tables, name);
    for (size_t t = 0, i = 0; (row = next_row(&t, &i));) {
        const char *p = row->name, *q = name;

        if (!(row->flags & PROP_PATTERN))
            continue;
        while (*p && *q) {
            if (*p == '<' && *q == '(') {
                p = strchr(p, '>');
                q = strchr(q, ')');
            } else if (*p != *q) {
                break;
            }
            p++;
            q++;
        }
        if (!*p && !*q)
            return row;
    }
    snprintf(same, sizeof(same), "no pattern for %s", name);
    fail_msg("%s", same);
    return NULL;
}

static bool
same_type(const struct prop *row, const char *recorded)
{
    static const char *const names[] = {
        [PROP_STRING] = "STRING", [PROP_PASSWORD] = "PASSWORD", [PROP_BOOL] = "BOOLEAN",
        [PROP_INT] = "INT",       [PROP_LONG] = "LONG",         [PROP_ENUM] = "STRING",
        [PROP_LIST] = "LIST",     [PROP_CLASS] = "CLASS",       [PROP_DOUBLE] = "DOUBLE",
    };

    /* Debezium calls the value of column.truncate.to.<n>.chars a number, but reads a list of expressions. */
    return strcmp(names[row->type], recorded) == 0 || (row->flags & PROP_PATTERN);
}

static void
check_recorded(char *line)
{
    static const char *const importances[] = {"LOW", "MEDIUM", "HIGH"};
    char *field[6], *rest = line;
    const struct prop *row;

    for (size_t i = 0; i < 6; i++)
        field[i] = strsep(&rest, "\t\n");
    row = row_of_recorded(field[0]);
    if (!row || (row->flags & PROP_PREFIX))
        fail_msg("%s has no row", field[0]);
    if (!same_type(row, field[1]))
        fail_msg("%s has another type than %s", field[0], field[1]);
    /* The plug-in that is always there is ours. */
    if (strcmp(field[0], "plugin.name") != 0 && strcasecmp(row->def ? row->def : "", field[2]) != 0)
        fail_msg("%s: default %s, recorded %s", field[0], row->def ? row->def : "", field[2]);
    if (strcmp(importances[row->importance], field[3]) != 0)
        fail_msg("%s is of importance %s", field[0], field[3]);
    if (strcmp(row->group, field[4]) != 0)
        fail_msg("%s is of group %s", field[0], field[4]);
    if (row->display && strcmp(row->display, field[5]) != 0)
        fail_msg("%s is displayed as %s", field[0], field[5]);
}

/* tests/golden/validate-names.txt: name, type, default, importance, group, display name of each property in the answer of
 * a real worker, tabs between. */
static void
every_property_that_debezium_names_has_a_row_with_its_facts(void **state)
{
    FILE *f = fopen("tests/golden/validate-names.txt", "re");
    char line[1024];
    unsigned n = 0;

    (void)state;
    assert_non_null(f);
    for (; fgets(line, sizeof(line), f); n++)
        check_recorded(line);
    fclose(f);
    assert_int_equal(n, 150);
}

static void
what_can_fail_inside_a_record_is_never_ignored(void **state)
{
    static const char *const must_be_refused[] = {
        "transforms",
        "predicates",
        "errors.tolerance",
        "provide.transaction.metadata",
        "signal.data.collection",
        "notification.enabled.channels",
        "column.mask.with.<n>.chars",
        "column.mask.hash.<algorithm>.with.salt.<salt>",
        "column.mask.hash.v2.<algorithm>.with.salt.<salt>",
        "column.truncate.to.<n>.chars",
        "column.propagate.source.type",
        "datatype.propagate.source.type",
        "converters",
        "post.processors",
        "snapshot.select.statement.overrides",
        "snapshot.include.collection.list",
        "skip.messages.without.change",
        "xmin.fetch.interval.ms",
        "topic.naming.strategy",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(must_be_refused) / sizeof(must_be_refused[0]); i++) {
        const struct prop *row = prop_find(conf_tables, must_be_refused[i]);

        if (!row || !(row->flags & PROP_REFUSED))
            fail_msg("%s would be ignored", must_be_refused[i]);
    }
}

/* ---------------------------------------------------------------------------------------- values */

static void
wrong_values_are_refused(void **state)
{
    static const struct {
        const char *name, *value;
    } cases[] = {
        {"topic.prefix", "a b"},
        {"topic.prefix", "a/b"},
        {"database.hostname", "a b"},
        {"database.port", "0"},
        {"slot.name", "Upper"},
        {"slot.name", "a-b"},
        {"slot.name", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
        {"table.include.list", "a(b"},
        {"table.include.list", "ok,[a"},
        {"message.prefix.exclude.list", "*"},
        {"message.key.columns", "a.b"},
        {"message.key.columns", "a.b:"},
        {"message.key.columns", ":c"},
        {"message.key.columns", "a.b:c;x("},
        {"message.key.columns", "a(:c"},
        {"skipped.operations", "x"},
        {"skipped.operations", "none,c"},
        {"skipped.operations", "cu"},
        {"unavailable.value.placeholder", "hex:0"},
        {"unavailable.value.placeholder", "hex:zz"},
        {"replica.identity.autoset.values", "a.b"},
        {"replica.identity.autoset.values", "a.b:SOME"},
        {"replica.identity.autoset.values", "a.b:INDEX "},
        {"snapshot.mode", "always"},
        {"snapshot.mode", "custom"},
        {"snapshot.locking.mode", "custom"},
        {"lsn.flush.mode", "manual"},
        {"flush.lsn.source", "false"},
        {"topic.delimiter", "#"},
        {"connector.class", "io.debezium.connector.mysql.MySqlConnector"},
        {"key.converter", "org.apache.kafka.connect.storage.StringConverter"},
        {"value.converter", "io.confluent.connect.avro.AvroConverter"},
        {"header.converter", "org.apache.kafka.connect.json.JsonConverter"},
        {"name", "a/b"},
        {"name", "a\tb"},
        {"column.mask.with.10.chars", "public.t.a"},
        {"tasks.max", "0"},
        {"walbridge.compat", "1.2"},
        {"offset.storage.topic", "a b"},
        {"truncate.handling.mode", "maybe"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct config *c = minimal();
        const struct prop_issue *is;

        config_set(c, cases[i].name, cases[i].value);
        if (config_validate(c, &is))
            fail_msg("%s=%s passes", cases[i].name, cases[i].value);
        assert_true(is->is_error || is->next->is_error);
        config_free(c);
    }
}

static void
good_values_pass_in_silence(void **state)
{
    static const struct {
        const char *name, *value;
    } cases[] = {
        {"topic.prefix", "a.B-c_9"},
        {"database.hostname", "db-1.example.com,db-2"},
        {"database.hostname", "/var/run/postgresql"},
        {"database.hostname", "::1"},
        {"database.applicationName", "x"},
        {"plugin.name", "pgoutput"},
        {"table.include.list", "public\\.a,s[12]\\..*"},
        {"message.key.columns", "public.a:b,c; public.d:e;"},
        {"skipped.operations", "none"},
        {"skipped.operations", "c, u,d"},
        {"unavailable.value.placeholder", "hex:00ff"},
        {"replica.identity.autoset.values", "public.a:FULL,public.b:index b_i"},
        {"snapshot.mode", "NO_DATA"},
        {"snapshot.locking.mode", "none"},
        {"lsn.flush.mode", "connector_and_driver"},
        {"connector.class", "io.debezium.connector.postgresql.PostgresConnector"},
        {"key.converter", "org.apache.kafka.connect.json.JsonConverter"},
        {"column.mask.with.10.chars", ""},
        {"transforms", ""},
        {"transforms.unwrap.type", "left over, without effect in Kafka Connect too"},
        {"snapshot.select.statement.overrides.public.a", "select 1"},
        {"tasks.max", "8"},
        {"walbridge.compat", "3.6"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct config *c = minimal();

        config_set(c, cases[i].name, cases[i].value);
        must_be_clean(c);
        config_free(c);
    }
}

static void
both_lists_of_a_pair_are_refused(void **state)
{
    static const char *const pairs[] = {"schema.", "table.", "column.", "message.prefix."};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct config *c = minimal();
        const struct prop_issue *is;
        char name[64];

        snprintf(name, sizeof(name), "%sinclude.list", pairs[i]);
        config_set(c, name, "a");
        snprintf(name, sizeof(name), "%sexclude.list", pairs[i]);
        config_set(c, name, "b");
        assert_false(config_validate(c, &is));
        assert_non_null(strstr(is->text, name));
        config_free(c);
    }
}

static void
any_plugin_means_pgoutput_with_a_warning(void **state)
{
    static const char *const names[] = {"decoderbufs", "wal2json_rds_streaming"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct config *c = minimal();
        const struct prop_issue *is;

        config_set(c, "plugin.name", names[i]);
        assert_true(config_validate(c, &is));
        assert_non_null(is);
        assert_false(is->is_error);
        config_free(c);
    }
}

/* ------------------------------------------------------------------------------------- settings */

static struct settings
settings_with(struct config **c, const char *key, const char *value)
{
    const struct prop_issue *is;
    struct settings s;

    *c = minimal();
    if (key)
        config_set(*c, key, value);
    config_validate(*c, &is);
    conf_settings(*c, &s);
    return s;
}

static void
settings_of_an_empty_configuration_are_debeziums_defaults(void **state)
{
    struct config *c;
    struct settings s = settings_with(&c, NULL, NULL);

    (void)state;
    assert_string_equal(s.prefix, "p");
    assert_string_equal(s.database, "d");
    assert_string_equal(s.delimiter, ".");
    assert_string_equal(s.version, "3.6.1.Final");
    assert_int_equal(s.decimal, DECIMAL_PRECISE);
    assert_int_equal(s.time, TIME_ADAPTIVE);
    assert_int_equal(s.binary, BINARY_BYTES);
    assert_int_equal(s.interval, INTERVAL_NUMERIC);
    assert_int_equal(s.hstore, HSTORE_JSON);
    assert_int_equal(s.schema_adjust, ADJUST_NONE);
    assert_int_equal(s.field_adjust, ADJUST_NONE);
    assert_int_equal(s.money_scale, 2);
    assert_false(s.unknown_types);
    assert_true(slice_eq(s.unavailable, SLICE_LIT("__debezium_unavailable_value")));
    assert_true(s.tombstones);
    assert_true(s.context_headers);
    assert_int_equal(s.skipped_ops, OPS_TRUNCATE);
    assert_true(s.key_json.schemas && s.key_json.replace_null && !s.key_json.decimal_numeric);
    assert_true(s.value_json.schemas && s.value_json.replace_null && !s.value_json.decimal_numeric);
    config_free(c);
}

static void
every_mode_reaches_the_settings(void **state)
{
    static const struct {
        const char *name, *value;
        size_t at;
        unsigned want;
    } cases[] = {
        {"decimal.handling.mode", "string", offsetof(struct settings, decimal), DECIMAL_STRING},
        {"decimal.handling.mode", "double", offsetof(struct settings, decimal), DECIMAL_DOUBLE},
        {"time.precision.mode", "adaptive_time_microseconds", offsetof(struct settings, time),
         TIME_ADAPTIVE_US},
        {"time.precision.mode", "connect", offsetof(struct settings, time), TIME_CONNECT},
        {"time.precision.mode", "isostring", offsetof(struct settings, time), TIME_ISOSTRING},
        {"time.precision.mode", "microseconds", offsetof(struct settings, time), TIME_MICROSECONDS},
        {"time.precision.mode", "nanoseconds", offsetof(struct settings, time), TIME_NANOSECONDS},
        {"binary.handling.mode", "base64", offsetof(struct settings, binary), BINARY_BASE64},
        {"binary.handling.mode", "base64-url-safe", offsetof(struct settings, binary),
         BINARY_BASE64_URL},
        {"binary.handling.mode", "HEX", offsetof(struct settings, binary), BINARY_HEX},
        {"interval.handling.mode", "string", offsetof(struct settings, interval), INTERVAL_STRING},
        {"hstore.handling.mode", "map", offsetof(struct settings, hstore), HSTORE_MAP},
        {"schema.name.adjustment.mode", "avro", offsetof(struct settings, schema_adjust),
         ADJUST_AVRO},
        {"field.name.adjustment.mode", "avro_unicode", offsetof(struct settings, field_adjust),
         ADJUST_AVRO_UNICODE},
        {"sanitize.field.names", "true", offsetof(struct settings, field_adjust), ADJUST_AVRO},
        {"money.fraction.digits", "4", offsetof(struct settings, money_scale), 4},
        {"skipped.operations", "none", offsetof(struct settings, skipped_ops), 0},
        {"skipped.operations", "C,u", offsetof(struct settings, skipped_ops),
         OPS_CREATE | OPS_UPDATE},
        {"skipped.operations", "d,t", offsetof(struct settings, skipped_ops),
         OPS_DELETE | OPS_TRUNCATE},
        {"truncate.handling.mode", "include", offsetof(struct settings, skipped_ops), 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct config *c;
        struct settings s = settings_with(&c, cases[i].name, cases[i].value);
        unsigned got;

        memcpy(&got, (const char *)&s + cases[i].at, sizeof(got));
        if (got != cases[i].want)
            fail_msg("%s=%s gives %u", cases[i].name, cases[i].value, got);
        config_free(c);
    }
}

static void
a_placeholder_in_hexadecimal_is_decoded(void **state)
{
    struct config *c;
    struct settings s = settings_with(&c, "unavailable.value.placeholder", "hex:00fFaB");

    (void)state;
    assert_int_equal(s.unavailable.n, 3);
    assert_memory_equal(s.unavailable.p, "\x00\xff\xab", 3);
    config_free(c);
}

static void
a_named_converter_is_set_up_by_its_own_options(void **state)
{
    struct config *c = minimal();
    const struct prop_issue *is;
    struct settings s;

    (void)state;
    config_set(c, "value.converter", "org.apache.kafka.connect.json.JsonConverter");
    config_set(c, "value.converter.schemas.enable", "false");
    config_set(c, "value.converter.decimal.format", "numeric");
    config_set(c, "value.converter.replace.null.with.default", "false");
    config_validate(c, &is);
    conf_settings(c, &s);
    assert_true(!s.value_json.schemas && !s.value_json.replace_null &&
                s.value_json.decimal_numeric);
    assert_true(s.key_json.schemas && s.key_json.replace_null);
    config_free(c);
}

static void
options_of_a_converter_that_is_not_named_do_not_count(void **state)
{
    struct config *c;
    struct settings s = settings_with(&c, "key.converter.schemas.enable", "false");

    (void)state;
    assert_true(s.key_json.schemas);
    config_free(c);
}

/* ---------------------------------------------------------------------------------------- files */

static struct config *
parse(const char *text)
{
    struct err e;
    struct config *c = conf_parse(text, strlen(text), "dir/orders.json", &e);

    if (!c)
        fail_msg("%s: %s", text, e.msg);
    return c;
}

static void
the_reference_connector_file_with_names_of_1_2_is_taken_as_it_is(void **state)
{
    static const char file[] =
        "{\n  \"name\": \"inventory-connector\",\n  \"config\": {\n"
        "    \"connector.class\": \"io.debezium.connector.postgresql.PostgresConnector\",\n"
        "    \"plugin.name\": \"pgoutput\",\n    \"database.hostname\": \"db.internal\",\n"
        "    \"database.port\": \"5432\",\n    \"database.user\": \"murillodigital\",\n"
        "    \"database.password\": \"secret\",\n    \"database.dbname\": \"inventory\",\n"
        "    \"database.server.name\": \"debezium_multicloud\",\n"
        "    \"table.whitelist\": \"public.inventory\"\n  }\n}\n";
    struct config *c = parse(file);
    const struct prop_issue *is;
    struct settings s;

    (void)state;
    assert_string_equal(config_name(c), "inventory-connector");
    assert_true(config_validate(c, &is));
    assert_int_equal(is && is->next && !is->next->next, 1); /* two old names, two warnings */
    assert_false(is->is_error);
    assert_string_equal(config_str(c, "topic.prefix"), "debezium_multicloud");
    assert_string_equal(config_str(c, "table.include.list"), "public.inventory");
    assert_string_equal(config_str(c, "slot.name"), "debezium");
    assert_string_equal(config_str(c, "publication.name"), "dbz_publication");
    assert_string_equal(config_str(c, "snapshot.mode"), "initial");
    assert_string_equal(config_str(c, "database.password"), "secret");
    conf_settings(c, &s);
    assert_string_equal(s.prefix, "debezium_multicloud");
    assert_string_equal(s.version, "3.6.1.Final");
    config_free(c);
}

static void
conf_check_counts_errors_and_lets_warnings_pass(void **state)
{
    struct config *c = minimal();
    struct err e;

    (void)state;
    config_set(c, "table.whitelist", "a.b");
    assert_true(conf_check(c, &e));
    config_set(c, "snapshot.mode", "sometimes");
    config_set(c, "database.port", "x");
    assert_false(conf_check(c, &e));
    assert_int_equal(e.cls, ERR_CONFIG);
    assert_string_equal(e.code, "config.invalid");
    assert_non_null(strstr(e.msg, "2 errors"));
    config_free(c);
}

static void
the_name_is_the_files_else_the_prefix_else_the_file_name(void **state)
{
    static const struct {
        const char *text, *name;
    } cases[] = {
        {"{\"name\":\"n\",\"config\":{\"topic.prefix\":\"p\"}}", "n"},
        {"{\"config\":{\"topic.prefix\":\"p\"}}", "p"},
        {"{\"config\":{\"name\":\"m\"}}", "m"},
        {"{\"name\":\"m\",\"config\":{\"name\":\"m\"}}", "m"},
        {"{\"name\":\"m\",\"topic.prefix\":\"p\"}", "m"},
        {"database.server.name=s", "s"},
        {"name=\ntopic.prefix=p", "p"},
        {"slot.name=s", "orders"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct config *c = parse(cases[i].text);

        assert_string_equal(config_name(c), cases[i].name);
        assert_string_equal(config_str(c, "name"), cases[i].name);
        config_free(c);
    }
}

static void
json_scalars_become_text(void **state)
{
    struct config *c = parse(
        " \r\n\t{\"a\":1,\"b\":true,\"c\":false,\"d\":-7000000000,\"e\":0.1,\"f\":null,\"g\":"
        "\"\\u00fc\"}");
    static const char *const want[] = {"a", "1",           "b", "true", "c", "false",
                                       "d", "-7000000000", "e", "0.1",  "g", "\xc3\xbc"};
    const char *key, *value;
    size_t i = 0;

    (void)state;
    for (size_t w = 0; w < sizeof(want) / sizeof(want[0]); w += 2) {
        assert_true(config_next(c, &i, &key, &value));
        assert_string_equal(key, want[w]);
        assert_string_equal(value, want[w + 1]);
    }
    config_free(c);
}

static void
a_byte_order_mark_is_skipped(void **state)
{
    struct config *c = parse("\xef\xbb\xbf{\"slot.name\":\"s\"}");

    (void)state;
    assert_string_equal(config_str(c, "slot.name"), "s");
    config_free(c);
}

/* As java.util.Properties reads it. */
static void
properties_follow_javas_syntax(void **state)
{
    static const struct {
        const char *text, *key, *value;
    } cases[] = {
        {"a=b", "a", "b"},
        {"a:b", "a", "b"},
        {"a b", "a", "b"},
        {"a\t=\f b ", "a", "b "},
        {"a = = b", "a", "= b"},
        {"a", "a", ""},
        {"  a=b\r\n", "a", "b"},
        {"# a=x\n! b=x\n   # c=x\n\n a = b", "a", "b"},
        {"# no continuation \\\na=b", "a", "b"},
        {"a = b\\\n    c\\\r\n  d", "a", "bcd"},
        {"a\\\n  b=c", "ab", "c"},
        {"a \\\n  = \\\n b", "a", "b"},
        {"a\\ b\\=c\\:d = x", "a b=c:d", "x"},
        {"a=\\t\\n\\r\\f\\q\\\\\\#", "a", "\t\n\r\fq\\#"},
        {"a=\\u00fc\\u20AC\\uD83D\\uDE00", "a", "\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80"},
        {"a=\xc3\xbc", "a", "\xc3\xbc"},
        {"a=x\\\\", "a", "x\\"},
        {"a=x\\", "a", "x"},
        {"a=x\\\n", "a", "x"},
        {"a=#b", "a", "#b"},
        {"a=regex\\\\.x{1\\\\,3}", "a", "regex\\.x{1\\,3}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct config *c = parse(cases[i].text);
        const char *key = "", *value = "";
        size_t at = 0;

        assert_true(config_next(c, &at, &key, &value));
        assert_string_equal(key, cases[i].key);
        assert_string_equal(value, cases[i].value);
        config_free(c);
    }
}

static void
variables_are_filled_in_anywhere_in_a_value(void **state)
{
    struct config *c;

    (void)state;
    setenv("WB_TEST_A", "x y", 1);
    setenv("WB_TEST_EMPTY", "", 1);
    c = parse(
        "slot.name=<${env:WB_TEST_A}${env:WB_TEST_EMPTY}${env:WB_TEST_A}>\ntopic.prefix=${routedBy}"
        " ${x:y} $${");
    assert_string_equal(config_str(c, "slot.name"), "<x yx y>");
    assert_string_equal(config_str(c, "topic.prefix"), "${routedBy} ${x:y} $${");
    config_free(c);
}

static void
a_variable_is_not_filled_in_twice(void **state)
{
    struct config *c;

    (void)state;
    setenv("WB_TEST_A", "${env:HOME}", 1);
    c = parse("slot.name=${env:WB_TEST_A}");
    assert_string_equal(config_str(c, "slot.name"), "${env:HOME}");
    config_free(c);
}

static void
bad_files_are_errors(void **state)
{
    static const struct {
        const char *text, *code;
    } cases[] = {
        {"", "config.empty"},
        {"# nothing", "config.empty"},
        {"{}", "config.empty"},
        {"{", "config.syntax"},
        {"{\"a\":}", "config.syntax"},
        {"{\"a\":\"b\"} x", "config.syntax"},
        {"{\"a\":\"\\u0000\"}", "config.syntax"},
        {"{\"a\":\"\xff\"}", "config.syntax"},
        {"{\"a\":\"b\",\"a\":\"b\"}", "config.syntax"},
        {"{\"a\":{\"b\":1}}", "config.nested"},
        {"{\"a\":[1]}", "config.nested"},
        {"{\"config\":{\"a\":{}}}", "config.nested"},
        {"{\"config\":[]}", "config.nested"},
        {"{\"name\":\"a\",\"config\":{\"x\":1},\"more\":1}", "config.shape"},
        {"{\"name\":1,\"config\":{\"x\":1}}", "config.shape"},
        {"{\"name\":\"a\",\"config\":{\"name\":\"b\"}}", "config.shape"},
        {"a=1\na=2", "config.duplicate"},
        {"a=\\u12g4", "config.syntax"},
        {"a=\\u12", "config.syntax"},
        {"a=\\ud800", "config.syntax"},
        {"a=\\ud800\\u0041", "config.syntax"},
        {"a=\\udc00", "config.syntax"},
        {"a=\\u0000", "config.syntax"},
        {"=b", "config.syntax"},
        {"a=${env:WB_TEST_NOT_SET}", "config.env"},
        {"a=${env:}", "config.env"},
        {"a=${env:X", "config.env"},
        {"a=${env:A B}", "config.env"},
        {"a=${file:/etc/passwd:root}", "config.provider"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct err e = {0};

        if (conf_parse(cases[i].text, strlen(cases[i].text), "x", &e))
            fail_msg("\"%s\" is read", cases[i].text);
        if (strcmp(e.code, cases[i].code) != 0)
            fail_msg("\"%s\" gives %s, %s", cases[i].text, e.code, e.msg);
        assert_int_equal(e.cls, ERR_CONFIG);
    }
}

static void
a_missing_variable_is_named(void **state)
{
    struct err e;

    (void)state;
    unsetenv("WB_TEST_NOT_SET");
    assert_null(conf_parse("slot.name=${env:WB_TEST_NOT_SET}", 32, "x", &e));
    assert_non_null(strstr(e.msg, "WB_TEST_NOT_SET"));
    assert_non_null(strstr(e.msg, "slot.name"));
}

static void
broken_json_does_not_print_what_stood_there(void **state)
{
    static const char text[] = "{\"database.password\": \"hunter2\", oops hunter2";
    struct err e;

    (void)state;
    assert_null(conf_parse(text, sizeof(text) - 1, "x", &e));
    assert_null(strstr(e.msg, "hunter2"));
    assert_non_null(strstr(e.msg, "line 1"));
}

static void
a_nul_in_a_file_is_an_error(void **state)
{
    struct err e;

    (void)state;
    assert_null(conf_parse("a=b\0c", 5, "x", &e));
    assert_string_equal(e.code, "config.syntax");
    assert_null(conf_parse("\0", 1, "x", &e));
    assert_null(conf_parse("a=\\\0", 4, "x", &e));
}

static void
every_cut_of_a_file_is_read_or_refused_within_its_bytes(void **state)
{
    static const char text[] =
        "\xef\xbb\xbf# c\na = b\\\n c\\u00fc\\uD83D\\uDE00${env:PATH}\r\n!x\nd:e\\";

    (void)state;
    for (size_t n = 0; n < sizeof(text); n++) {
        char *copy = malloc(n + 1); /* exact end, for the address sanitizer */
        struct err e;

        memcpy(copy, text, n);
        copy = realloc(copy, n ? n : 1);
        config_free(conf_parse(copy, n, "x", &e));
        free(copy);
    }
}

static void
too_much_is_an_error(void **state)
{
    char *text = malloc(2 << 20);
    size_t n = 0;
    struct err e;

    (void)state;
    for (int i = 0; i < 5000; i++)
        n += (size_t)sprintf(text + n, "k%d=v\n", i);
    assert_null(conf_parse(text, n, "x", &e));
    assert_string_equal(e.code, "config.size");
    n = (size_t)sprintf(text, "a=");
    memset(text + n, 'x', 300000);
    assert_null(conf_parse(text, n + 300000, "x", &e));
    assert_string_equal(e.code, "config.size");
    free(text);
}

static void
files_are_read_up_to_a_limit(void **state)
{
    char path[] = "/tmp/walbridge-test-XXXXXX";
    int fd = mkstemp(path);
    struct config *c;
    struct err e;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "slot.name=s\n", 12), 12);
    c = conf_read(path, &e);
    assert_non_null(c);
    assert_string_equal(config_str(c, "slot.name"), "s");
    config_free(c);
    assert_int_equal(ftruncate(fd, 3 << 20), 0);
    assert_null(conf_read(path, &e));
    assert_string_equal(e.code, "config.size");
    close(fd);
    unlink(path);
    assert_null(conf_read(path, &e));
    assert_string_equal(e.code, "config.read");
    assert_null(conf_read("/", &e));
    assert_string_equal(e.code, "config.read");
}

static void
bootstrap_servers_come_from_the_environment_when_the_file_has_none(void **state)
{
    struct config *c;

    (void)state;
    setenv("BOOTSTRAP_SERVERS", "env:9092", 1);
    c = parse("slot.name=s");
    assert_string_equal(config_str(c, "bootstrap.servers"), "env:9092");
    config_free(c);
    c = parse("bootstrap.servers=file:9092");
    assert_string_equal(config_str(c, "bootstrap.servers"), "file:9092");
    config_free(c);
    setenv("BOOTSTRAP_SERVERS", "", 1);
    c = parse("slot.name=s");
    assert_false(config_given(c, "bootstrap.servers"));
    config_free(c);
    unsetenv("BOOTSTRAP_SERVERS");
}

static int
quiet(void **state)
{
    (void)state;
    unsetenv("BOOTSTRAP_SERVERS");
    log_init(LOG_ERROR, LOG_TEXT);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_name_stands_once),
        cmocka_unit_test(every_row_says_what_it_is),
        cmocka_unit_test(a_row_has_one_state_at_most),
        cmocka_unit_test(prefixes_and_patterns_have_their_form),
        cmocka_unit_test(every_old_name_leads_to_a_name_of_today),
        cmocka_unit_test(every_default_is_a_good_value_and_passes_in_silence),
        cmocka_unit_test(choices_belong_to_enumerations_and_hold_the_default),
        cmocka_unit_test(every_refused_property_is_refused),
        cmocka_unit_test(every_property_that_debezium_names_has_a_row_with_its_facts),
        cmocka_unit_test(what_can_fail_inside_a_record_is_never_ignored),
        cmocka_unit_test(wrong_values_are_refused),
        cmocka_unit_test(good_values_pass_in_silence),
        cmocka_unit_test(both_lists_of_a_pair_are_refused),
        cmocka_unit_test(any_plugin_means_pgoutput_with_a_warning),
        cmocka_unit_test(settings_of_an_empty_configuration_are_debeziums_defaults),
        cmocka_unit_test(every_mode_reaches_the_settings),
        cmocka_unit_test(a_placeholder_in_hexadecimal_is_decoded),
        cmocka_unit_test(a_named_converter_is_set_up_by_its_own_options),
        cmocka_unit_test(options_of_a_converter_that_is_not_named_do_not_count),
        cmocka_unit_test(the_reference_connector_file_with_names_of_1_2_is_taken_as_it_is),
        cmocka_unit_test(conf_check_counts_errors_and_lets_warnings_pass),
        cmocka_unit_test(the_name_is_the_files_else_the_prefix_else_the_file_name),
        cmocka_unit_test(json_scalars_become_text),
        cmocka_unit_test(a_byte_order_mark_is_skipped),
        cmocka_unit_test(properties_follow_javas_syntax),
        cmocka_unit_test(variables_are_filled_in_anywhere_in_a_value),
        cmocka_unit_test(a_variable_is_not_filled_in_twice),
        cmocka_unit_test(bad_files_are_errors),
        cmocka_unit_test(a_missing_variable_is_named),
        cmocka_unit_test(broken_json_does_not_print_what_stood_there),
        cmocka_unit_test(a_nul_in_a_file_is_an_error),
        cmocka_unit_test(every_cut_of_a_file_is_read_or_refused_within_its_bytes),
        cmocka_unit_test(too_much_is_an_error),
        cmocka_unit_test(files_are_read_up_to_a_limit),
        cmocka_unit_test(bootstrap_servers_come_from_the_environment_when_the_file_has_none),
    };

    return cmocka_run_group_tests(tests, quiet, NULL);
}
