/* Signals: what they ask for, and everything that can be wrong with them. */
#include "replicator/signal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct arena arena;

static int
setup(void **state)
{
    (void)state;
    arena_init(&arena);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

static void
an_execute_signal_says_tables_conditions_and_key(void **state)
{
    const struct signal s = {
        "s1", "execute-snapshot",
        "{\"data-collections\": [\" public.t \", \"public.(a|b)\"], \"type\": \"BLOCKING\", "
        "\"surrogate-key\": \"k\", \"additional-conditions\": [{\"data-collection\": \"public.t\", "
        "\"filter\": \"id > 3\"}]}"};
    struct signal_order o;
    struct err e = {0};

    (void)state;
    assert_true(signal_parse(&s, &arena, &o, &e));
    assert_int_equal(o.kind, SIGNAL_EXECUTE);
    assert_string_equal(o.id, "s1");
    assert_true(o.blocking);
    assert_int_equal(o.ntables, 2);
    assert_string_equal(o.tables[0], "public.t");
    assert_string_equal(o.tables[1], "public.(a|b)");
    assert_int_equal(o.nconditions, 1);
    assert_string_equal(o.conditions[0].filter, "id > 3");
    assert_string_equal(o.surrogate, "k");
}

static void
incremental_is_what_is_meant_without_a_type(void **state)
{
    static const char *const data[] = {
        "{\"data-collections\": [\"a.b\"]}",
        "{\"data-collections\": [\"a.b\"], \"type\": null, \"surrogate-key\": \"\"}",
        "{\"data-collections\": [\"a.b\"], \"type\": \"Incremental\"}",
    };
    struct signal_order o;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_true(
            signal_parse(&(struct signal){NULL, "execute-snapshot", data[i]}, &arena, &o, NULL));
        assert_false(o.blocking);
        assert_null(o.surrogate);
    }
}

static void
data_may_be_missing_where_nothing_is_needed(void **state)
{
    static const char *const types[] = {"stop-snapshot", "pause-snapshot", "resume-snapshot"};
    struct signal_order o;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_true(signal_parse(&(struct signal){"x", types[i], NULL}, &arena, &o, NULL));
        assert_true(signal_parse(&(struct signal){"x", types[i], ""}, &arena, &o, NULL));
        assert_int_equal(o.ntables, 0);
    }
}

static void
what_is_wrong_is_said(void **state)
{
    static const struct {
        const char *type, *data, *code;
    } cases[] = {
        {"what-is-this", "{}", "signal.type"},
        {"", "{}", "signal.type"},
        {NULL, "{}", "signal.type"},
        {"execute-snapshot", "{not json", "signal.data"},
        {"execute-snapshot", "[]", "signal.data"},
        {"execute-snapshot", "\"text\"", "signal.data"},
        {"execute-snapshot", NULL, "signal.data"},
        {"execute-snapshot", "{\"data-collections\": []}", "signal.data"},
        {"execute-snapshot", "{\"data-collections\": \"public.t\"}", "signal.data"},
        {"execute-snapshot", "{\"data-collections\": [{}]}", "signal.data"},
        {"execute-snapshot", "{\"data-collections\": [\"a.b\"], \"type\": \"other\"}",
         "signal.data"},
        {"execute-snapshot", "{\"data-collections\": [\"a.b\"], \"type\": []}", "signal.data"},
        {"execute-snapshot", "{\"data-collections\": [\"a.b\"], \"additional-conditions\": {}}",
         "signal.data"},
        {"execute-snapshot", "{\"data-collections\": [\"a.b\"], \"additional-conditions\": [1]}",
         "signal.data"},
        {"stop-snapshot", "{\"type\": \"blocking\"}", "signal.data"},
        {"log", "{}", "signal.data"},
        {"log", "{\"message\": \"\"}", "signal.data"},
    };
    struct signal_order o;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct err e = {0};

        if (signal_parse(&(struct signal){"x", cases[i].type, cases[i].data}, &arena, &o, &e))
            fail_msg("%s %s", cases[i].type, cases[i].data);
        assert_string_equal(e.code, cases[i].code);
        assert_int_equal(e.cls, ERR_DATA);
    }
}

static void
data_has_a_limit(void **state)
{
    char *big = malloc(SIGNAL_DATA_MAX + 2);
    struct signal_order o;
    struct err e = {0};

    (void)state;
    memset(big, ' ', SIGNAL_DATA_MAX + 1);
    big[SIGNAL_DATA_MAX + 1] = '\0';
    assert_false(signal_parse(&(struct signal){"x", "pause-snapshot", big}, &arena, &o, &e));
    assert_string_equal(e.code, "signal.data");
    free(big);
}

static void
a_document_is_a_signal_and_back(void **state)
{
    static const char json[] =
        "{\"id\":\"k\",\"type\":\"log\",\"data\":{\"message\":\"hi\"},\"additionalData\":{}}";
    struct signal s;
    struct err e = {0};
    char *text;

    (void)state;
    assert_true(signal_read(json, sizeof(json) - 1, &arena, &s, &e));
    assert_string_equal(s.id, "k");
    assert_string_equal(s.type, "log");
    assert_string_equal(s.data, "{\"message\":\"hi\"}");
    text = signal_json(&s);
    assert_string_equal(text, "{\"id\":\"k\",\"type\":\"log\",\"data\":{\"message\":\"hi\"}}");
    free(text);
    assert_true(signal_read("{\"type\":\"log\"}", 14, &arena, &s, &e));
    assert_null(s.id);
    assert_null(s.data);
    for (size_t n = 0; n < sizeof(json) - 1; n++)
        assert_false(signal_read(json, n, &arena, &s, &e));
    assert_false(signal_read("{\"id\":\"k\"}", 10, &arena, &s, &e));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_execute_signal_says_tables_conditions_and_key, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(incremental_is_what_is_meant_without_a_type, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(data_may_be_missing_where_nothing_is_needed, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_is_wrong_is_said, setup, teardown),
        cmocka_unit_test_setup_teardown(data_has_a_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(a_document_is_a_signal_and_back, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
