/* Tables that need no snapshot: by oid and name, on another server by name; and the form in which they are stored. */
#include "replicator/known.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { SYSTEM = 7, OTHER = 8 };

static struct known
two_tables(void)
{
    struct known k = {.system_id = SYSTEM};

    known_add(&k, 11, "public", "a");
    known_add(&k, 12, "s\"1", "b");
    return k;
}

static void
a_table_made_anew_or_renamed_is_another(void **state)
{
    struct known k = two_tables(), none = {0};

    (void)state;
    assert_true(known_has(&k, SYSTEM, 11, "public", "a"));
    assert_false(known_has(&k, SYSTEM, 13, "public", "a"));
    assert_false(known_has(&k, SYSTEM, 11, "public", "c"));
    assert_false(known_has(&k, SYSTEM, 12, "public", "b"));
    assert_false(known_has(&none, SYSTEM, 11, "public", "a"));
    known_clear(&k);
    assert_false(known_has(&k, SYSTEM, 11, "public", "a"));
}

static void
on_another_server_the_name_counts(void **state)
{
    struct known k = two_tables();

    (void)state;
    assert_true(known_has(&k, OTHER, 99, "public", "a"));
    assert_false(known_has(&k, OTHER, 11, "public", "c"));
    known_clear(&k);
}

static void
a_table_is_there_once(void **state)
{
    struct known k = two_tables();

    (void)state;
    known_add(&k, 20, "public", "a");
    assert_int_equal(known_count(&k), 2);
    assert_true(known_has(&k, SYSTEM, 20, "public", "a"));
    known_clear(&k);
    assert_int_equal(known_count(&k), 0);
}

static void
it_is_stored_and_read(void **state)
{
    struct known k = two_tables(), again;
    struct buf json;

    (void)state;
    buf_init(&json, 4096);
    known_to_json(&k, &json);
    assert_string_equal(buf_cstr(&json),
                        "{\"version\":1,\"system\":\"7\",\"schemas\":{\"public\":{\"a\":11},"
                        "\"s\\\"1\":{\"b\":12}}}");
    assert_true(known_from_json(buf_cstr(&json), &again, NULL));
    assert_int_equal(known_count(&again), 2);
    assert_true(known_has(&again, SYSTEM, 12, "s\"1", "b"));
    known_clear(&k);
    known_clear(&again);
    buf_clear(&json);
    known_to_json(&k, &json);
    assert_string_equal(buf_cstr(&json), "{\"version\":1,\"system\":\"0\",\"schemas\":{}}");
    assert_true(known_from_json(buf_cstr(&json), &again, NULL));
    assert_int_equal(known_count(&again), 0);
    buf_free(&json);
}

static void
what_is_no_list_is_an_error(void **state)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"version\":2,\"system\":\"7\",\"schemas\":{}}",
        "{\"version\":1,\"system\":7,\"schemas\":{}}",
        "{\"version\":1,\"system\":\"x\",\"schemas\":{}}",
        "{\"version\":1,\"system\":\"7\",\"schemas\":[]}",
        "{\"version\":1,\"system\":\"7\",\"schemas\":{\"public\":1}}",
        "{\"version\":1,\"system\":\"7\",\"schemas\":{\"public\":{\"a\":-1}}}",
        "{\"version\":1,\"system\":\"7\",\"schemas\":{\"public\":{\"a\":4294967296}}}",
        "{\"version\":1,\"system\":\"7\",\"schemas\":{\"public\":{\"a\":\"1\"}}}",
        "{\"version\":1,\"system\":\"7\",\"schemas\":{\"public\":{\"a\":1,\"a\":2}}}",
    };
    struct known k;
    struct err e;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        e = (struct err){0};
        assert_false(known_from_json(bad[i], &k, &e));
        assert_string_equal(e.code, "snapshot.tables");
        assert_int_equal(known_count(&k), 0);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_made_anew_or_renamed_is_another),
        cmocka_unit_test(on_another_server_the_name_counts),
        cmocka_unit_test(a_table_is_there_once),
        cmocka_unit_test(it_is_stored_and_read),
        cmocka_unit_test(what_is_no_list_is_an_error),
    };

    return cmocka_run_group_tests_name("known", tests, NULL, NULL);
}
