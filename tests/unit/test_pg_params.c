/* Connection parameters: from database.* properties and URIs to libpq's keywords and the session's options. */
#include "replicator/pg/params.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct prop rows[] = {
    {.name = "database.hostname", .type = PROP_STRING},
    {.name = "database.port", .type = PROP_STRING, .def = "5432"},
    {.name = "database.initial.statements", .type = PROP_STRING},
    {.name = "read.only", .type = PROP_BOOL, .def = "false"},
    {.name = "database.", .type = PROP_STRING, .flags = PROP_PREFIX},
};
static const struct prop_table table = {rows, sizeof(rows) / sizeof(rows[0])};
static const struct prop_table *const tables[] = {&table, NULL};

/* pairs: name, value, …, NULL. */
static struct pg_params *
params(struct err *e, const char *const *pairs)
{
    struct config *c = config_new("orders", tables);
    struct pg_params *p;

    config_set(c, "database.hostname", "db.example");
    config_set(c, "database.user", "cdc");
    config_set(c, "database.dbname", "shop");
    for (; *pairs; pairs += 2)
        config_set(c, pairs[0], pairs[1]);
    p = pg_params_from_config(c, e);
    config_free(c);
    return p;
}

static const char *
value(const struct pg_params *p, const char *keyword)
{
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->keyword[i], keyword) == 0)
            return p->value[i];
    return NULL;
}

static void
every_passed_property_reaches_its_keyword(void **state)
{
    static const struct {
        const char *name, *given, *keyword, *becomes;
    } cases[] = {
        {"database.user", "u", "user", "u"},
        {"database.password", "p", "password", "p"},
        {"database.sslmode", "Verify-CA", "sslmode", "verify-ca"},
        {"database.sslcert", "/c", "sslcert", "/c"},
        {"database.sslkey", "/k", "sslkey", "/k"},
        {"database.sslpassword", "s", "sslpassword", "s"},
        {"database.sslrootcert", "/r", "sslrootcert", "/r"},
        {"database.ssl", "true", "sslmode", "verify-full"},
        {"database.tcpKeepAlive", "false", "keepalives", "0"},
        {"database.socketTimeout", "7", "tcp_user_timeout", "7000"},
        {"database.targetServerType", "preferSecondary", "target_session_attrs", "prefer-standby"},
        {"database.target_session_attrs", "read-write", "target_session_attrs", "read-write"},
        {"database.channelBinding", "require", "channel_binding", "require"},
        {"database.keepalives_idle", "5", "keepalives_idle", "5"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pg_params *p = params(NULL, (const char *[]){cases[i].name, cases[i].given, NULL});

        assert_non_null(p);
        assert_non_null(value(p, cases[i].keyword));
        assert_string_equal(value(p, cases[i].keyword), cases[i].becomes);
        pg_params_free(p);
    }
}

static void
a_vanished_peer_is_noticed_unless_the_user_says_otherwise(void **state)
{
    struct pg_params *p = params(NULL, (const char *[]){NULL});

    (void)state;
    assert_string_equal(value(p, "keepalives_idle"), "30");
    assert_string_equal(value(p, "tcp_user_timeout"), "60000");
    pg_params_free(p);
    p = params(NULL, (const char *[]){"database.tcpKeepAlive", "false", NULL});
    assert_null(value(p, "keepalives_idle"));
    pg_params_free(p);
}

static void
unknown_and_dangerous_options_are_not_passed_on(void **state)
{
    struct pg_params *p =
        params(NULL, (const char *[]){"database.passfile", "/etc/shadow", "database.service", "x",
                                      "database.prepareThreshold", "0", NULL});

    (void)state;
    assert_non_null(p);
    assert_null(value(p, "passfile"));
    assert_null(value(p, "service"));
    assert_null(value(p, "prepareThreshold"));
    pg_params_free(p);
}

static void
hosts_and_ports_are_paired(void **state)
{
    static const struct {
        const char *hosts, *ports, *target;
    } cases[] = {
        {"a", "5433", "a:5433/shop"},
        {"a, b", "5433", "a:5433,b:5433/shop"},
        {"a,b", "5433,5434", "a:5433,b:5434/shop"},
        {"a:1,b", "5433", "a:1,b:5433/shop"},
        {"[::1]:7,fe80::1", "5433", "::1:7,fe80::1:5433/shop"},
        {"/run/postgresql", "5433", "/run/postgresql:5433/shop"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pg_params *p = params(NULL, (const char *[]){"database.hostname", cases[i].hosts,
                                                            "database.port", cases[i].ports, NULL});

        assert_non_null(p);
        assert_string_equal(pg_params_target(p), cases[i].target);
        pg_params_free(p);
    }
}

static void
several_hosts_mean_the_primary_unless_read_only(void **state)
{
    struct pg_params *p = params(NULL, (const char *[]){"database.hostname", "a,b", NULL});

    (void)state;
    assert_string_equal(value(p, "target_session_attrs"), "primary");
    pg_params_free(p);
    p = params(NULL, (const char *[]){"database.hostname", "a,b", "read.only", "true", NULL});
    assert_null(value(p, "target_session_attrs"));
    pg_params_free(p);
    p = params(NULL, (const char *[]){"database.hostname", "a", NULL});
    assert_null(value(p, "target_session_attrs"));
    pg_params_free(p);
}

static void
wrong_values_are_refused(void **state)
{
    static const char *const cases[][2] = {
        {"database.hostname", ""},
        {"database.hostname", " , "},
        {"database.port", "1,2"},
        {"database.dbname", ""},
        {"database.loginTimeout", "soon"},
        {"database.socketTimeout", "-1"},
        {"database.targetServerType", "best"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err e = {0};

        assert_null(params(&e, (const char *[]){cases[i][0], cases[i][1], NULL}));
        assert_string_equal(e.code, "conn.parameter");
        assert_int_equal(e.cls, ERR_CONFIG);
    }
}

static void
the_time_to_connect_has_a_limit(void **state)
{
    struct pg_params *p = params(NULL, (const char *[]){NULL});

    (void)state;
    assert_int_equal(pg_params_timeout_ms(p), 10000);
    pg_params_free(p);
    p = params(NULL, (const char *[]){"database.loginTimeout", "3", NULL});
    assert_int_equal(pg_params_timeout_ms(p), 3000);
    pg_params_free(p);
    p = params(NULL, (const char *[]){"database.connectTimeout", "0", NULL});
    assert_int_equal(pg_params_timeout_ms(p), 10000);
    pg_params_free(p);
}

static const char *
options(const struct pg_params *p, enum pg_role role, struct buf *b)
{
    buf_clear(b);
    pg_params_options(p, role, b);
    return buf_cstr(b);
}

static void
every_session_carries_every_setting_and_the_users_come_first(void **state)
{
    struct pg_params *p =
        params(NULL, (const char *[]){"database.options", "-c geqo=off", "database.currentSchema",
                                      "my schema,public", NULL});
    static const char first[] = "-c geqo=off -c search_path=my\\ schema,public ";
    struct buf b;

    (void)state;
    buf_init(&b, 8192);
    assert_int_equal(strncmp(options(p, PG_GENERAL, &b), first, sizeof first - 1), 0);
    for (size_t i = 0; i < pg_nsettings; i++) {
        char text[128];

        snprintf(text, sizeof text, "-c %s=%s", pg_settings[i].name, pg_settings[i].value);
        assert_true(pg_settings[i].snapshot_only == !strstr(options(p, PG_GENERAL, &b), text));
        assert_true(pg_settings[i].snapshot_only == !strstr(options(p, PG_REPLICATION, &b), text));
        assert_non_null(strstr(options(p, PG_SNAPSHOT, &b), text));
        if (pg_settings[i].chunk)
            snprintf(text, sizeof text, "-c %s=%s", pg_settings[i].name, pg_settings[i].chunk);
        assert_true(pg_settings[i].snapshot_only == !strstr(options(p, PG_CHUNK, &b), text));
    }
    buf_free(&b);
    pg_params_free(p);
}

static void
search_path_stays_the_roles_own(void **state)
{
    struct pg_params *p = params(NULL, (const char *[]){NULL});
    struct buf b;

    (void)state;
    buf_init(&b, 8192);
    assert_null(strstr(options(p, PG_REPLICATION, &b), "search_path"));
    buf_free(&b);
    pg_params_free(p);
}

static void
the_application_name_says_connector_and_role(void **state)
{
    struct pg_params *p = params(NULL, (const char *[]){NULL});
    struct buf b;

    (void)state;
    buf_init(&b, 1024);
    pg_params_application(p, PG_REPLICATION, &b);
    assert_string_equal(buf_cstr(&b), "walbridge/orders (streaming)");
    pg_params_free(p);
    p = params(NULL, (const char *[]){"database.applicationName", "mine", NULL});
    buf_clear(&b);
    pg_params_application(p, PG_SNAPSHOT, &b);
    assert_string_equal(buf_cstr(&b), "mine");
    buf_free(&b);
    pg_params_free(p);
}

static void
initial_statements_are_split_at_single_semicolons(void **state)
{
    static const struct {
        const char *text;
        size_t n;
        const char *parts[3];
    } cases[] = {
        {"", 0, {NULL}},
        {" ; ;", 0, {NULL}},
        {"set a = 1", 1, {"set a = 1"}},
        {"set a = 1; set b = 2;", 2, {"set a = 1", "set b = 2"}},
        {"select ';;'; x", 2, {"select ';'", "x"}},
        {"a;;;b", 2, {"a;", "b"}},
        {"a;;", 1, {"a;"}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char **list;
        struct arena a;

        arena_init(&a);
        assert_int_equal(pg_split_statements(&a, cases[i].text, &list), cases[i].n);
        for (size_t k = 0; k < cases[i].n; k++)
            assert_string_equal(list[k], cases[i].parts[k]);
        arena_free(&a);
    }
}

static void
a_uri_gives_host_user_database_and_options(void **state)
{
    struct pg_params *p = pg_params_from_uri(
        "postgresql://u:secret@h1:1,h2:2/d?options=-c%20geqo%3Doff&connect_timeout=4", NULL);

    (void)state;
    assert_non_null(p);
    assert_string_equal(pg_params_target(p), "h1:1,h2:2/d");
    assert_string_equal(pg_params_user(p), "u");
    assert_string_equal(pg_params_database(p), "d");
    assert_string_equal(value(p, "password"), "secret");
    assert_string_equal(p->options, "-c geqo=off");
    assert_int_equal(pg_params_timeout_ms(p), 4000);
    pg_params_free(p);
}

static void
a_bad_uri_is_refused_without_repeating_it(void **state)
{
    struct err e = {0};

    (void)state;
    assert_null(pg_params_from_uri("postgresql//u:secret@h", &e));
    assert_string_equal(e.code, "conn.parameter");
    assert_null(strstr(e.msg, "secret"));
}

static void
names_and_texts_are_quoted(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 256);
    pg_ident(&b, "a\"b");
    assert_string_equal(buf_cstr(&b), "\"a\"\"b\"");
    buf_clear(&b);
    pg_literal(&b, "it's");
    assert_string_equal(buf_cstr(&b), "'it''s'");
    buf_clear(&b);
    pg_literal(&b, "a\\'b");
    assert_string_equal(buf_cstr(&b), " E'a\\\\''b'");
    buf_free(&b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_passed_property_reaches_its_keyword),
        cmocka_unit_test(a_vanished_peer_is_noticed_unless_the_user_says_otherwise),
        cmocka_unit_test(unknown_and_dangerous_options_are_not_passed_on),
        cmocka_unit_test(hosts_and_ports_are_paired),
        cmocka_unit_test(several_hosts_mean_the_primary_unless_read_only),
        cmocka_unit_test(wrong_values_are_refused),
        cmocka_unit_test(the_time_to_connect_has_a_limit),
        cmocka_unit_test(every_session_carries_every_setting_and_the_users_come_first),
        cmocka_unit_test(search_path_stays_the_roles_own),
        cmocka_unit_test(the_application_name_says_connector_and_role),
        cmocka_unit_test(initial_statements_are_split_at_single_semicolons),
        cmocka_unit_test(a_uri_gives_host_user_database_and_options),
        cmocka_unit_test(a_bad_uri_is_refused_without_repeating_it),
        cmocka_unit_test(names_and_texts_are_quoted),
    };

    /* Connection variables of whoever runs the tests must not show. */
    static const char *const variables[] = {
        "PGHOST",    "PGPORT",     "PGUSER",    "PGDATABASE",        "PGOPTIONS",
        "PGAPPNAME", "PGPASSWORD", "PGSSLMODE", "PGCONNECT_TIMEOUT", "PGSERVICE"};

    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
        unsetenv(variables[i]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
