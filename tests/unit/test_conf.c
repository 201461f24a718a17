#include "replicator/conf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"

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
        {"slot.stream.params", "proto_version=2"},
        {"slot.stream.params", "origin=none;Binary=true"},
        {"slot.stream.params", "origin"},
        {"slot.stream.params", "=x"},
        {"snapshot.mode", "custom"},
        {"snapshot.locking.mode", "custom"},
        {"lsn.flush.mode", "never"},
        {"transaction.metadata.factory", "com.example.Factory"},
        {"topic.naming.strategy", "com.example.Names"},
        {"topic.naming.strategy", "io.debezium.schema.SchemaRegexTopicNamingStrategy"},
        {"post.processors", "a"},
        {"post.processors", "a,b"},
        {"transaction.topic", "tx"},
        {"flush.lsn.source", "perhaps"},
        {"topic.delimiter", "#"},
        {"connector.class", "io.debezium.connector.mysql.MySqlConnector"},
        {"key.converter", "io.confluent.connect.avro.AvroConverter"},
        {"value.converter", "io.confluent.connect.avro.AvroConverter"},
        {"header.converter", "org.apache.kafka.connect.converters.ByteArrayConverter"},
        {"name", "a/b"},
        {"name", "a\tb"},
        {"column.mask.with.10.chars", "public.t.(a"},
        {"tasks.max", "0"},
        {"walbridge.compat", "1.3"},
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
        {"skipped.operations", "r,d"},
        {"unavailable.value.placeholder", "hex:00ff"},
        {"replica.identity.autoset.values", "public.a:FULL,public.b:index b_i"},
        {"slot.stream.params", "origin=none;"},
        {"errors.tolerance", "all"},
        {"snapshot.mode", "NO_DATA"},
        {"snapshot.locking.mode", "none"},
        {"lsn.flush.mode", "connector_and_driver"},
        {"lsn.flush.mode", "manual"},
        {"transaction.topic", "${database.server.name}.transaction"},
        {"connector.class", "io.debezium.connector.postgresql.PostgresConnector"},
        {"key.converter", "org.apache.kafka.connect.json.JsonConverter"},
        {"column.mask.with.10.chars", ""},
        {"transforms", ""},
        {"transforms.unwrap.type", "left over, without effect in Kafka Connect too"},
        {"snapshot.select.statement.overrides.public.a", "select 1"},
        {"tasks.max", "8"},
        {"walbridge.compat", "3.6"},
        {"walbridge.compat", "1.2"},
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
new_tables_are_read_only_by_snapshots_that_go_on(void **state)
{
    static const struct {
        const char *resume, *news;
        bool good;
    } cases[] = {
        {"false", "initial", false}, {"false", "INITIAL", false}, {"true", "initial", true},
        {NULL, "initial", true},     {"false", "off", true},      {"false", NULL, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct config *c = minimal();
        const struct prop_issue *is;

        if (cases[i].resume)
            config_set(c, "walbridge.snapshot.resume", cases[i].resume);
        if (cases[i].news)
            config_set(c, "walbridge.snapshot.new.tables", cases[i].news);
        assert_int_equal(config_validate(c, &is), cases[i].good);
        if (!cases[i].good)
            assert_non_null(strstr(is->text, "needs walbridge.snapshot.resume=true"));
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
compat_1_2_overrules_what_came_later(void **state)
{
    struct config *c;
    struct settings s = settings_with(&c, "walbridge.compat", "1.2");

    (void)state;
    assert_int_equal(s.compat, COMPAT_1_2);
    assert_string_equal(s.version, "1.2.5.Final");
    assert_int_equal(s.schema_adjust, ADJUST_AVRO_1_2);
    assert_false(s.context_headers);
    assert_int_equal(s.skipped_ops, OPS_TRUNCATE | OPS_MESSAGE);
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
        {"skipped.operations", "r", offsetof(struct settings, skipped_ops), 0},
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
    struct config *c = conf_parse(file, sizeof(file) - 1, "x.json", NULL);
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
        cmocka_unit_test(wrong_values_are_refused),
        cmocka_unit_test(good_values_pass_in_silence),
        cmocka_unit_test(both_lists_of_a_pair_are_refused),
        cmocka_unit_test(new_tables_are_read_only_by_snapshots_that_go_on),
        cmocka_unit_test(any_plugin_means_pgoutput_with_a_warning),
        cmocka_unit_test(settings_of_an_empty_configuration_are_debeziums_defaults),
        cmocka_unit_test(compat_1_2_overrules_what_came_later),
        cmocka_unit_test(every_mode_reaches_the_settings),
        cmocka_unit_test(a_placeholder_in_hexadecimal_is_decoded),
        cmocka_unit_test(a_named_converter_is_set_up_by_its_own_options),
        cmocka_unit_test(options_of_a_converter_that_is_not_named_do_not_count),
        cmocka_unit_test(the_reference_connector_file_with_names_of_1_2_is_taken_as_it_is),
        cmocka_unit_test(conf_check_counts_errors_and_lets_warnings_pass),
    };

    return cmocka_run_group_tests(tests, quiet, NULL);
}
