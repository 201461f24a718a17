/* The statements of an incremental snapshot, as Debezium orders and bounds them, and what a snapshot sees. */
#include "replicator/pg/chunk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"

static void
sql_is(const struct chunk_select *s, const char *want, int want_params)
{
    const char *params[CHUNK_PARAMS_MAX];
    struct buf b;
    int n;

    buf_init(&b, 1 << 16);
    chunk_rows_sql(&b, s, params, &n);
    assert_string_equal(buf_cstr(&b), want);
    assert_int_equal(n, want_params);
    buf_free(&b);
}

static void
chunks_follow_the_key(void **state)
{
    static const struct slice columns[] = {SLICE_INIT("id"), SLICE_INIT("o\"dd")};
    static const struct chunk_key key[] = {{SLICE_INIT("id"), false}, {SLICE_INIT("b"), false}};
    static const char *const after[] = {"1", "x"}, *const upto[] = {"9", "y"};
    struct chunk_select s = {.schema = "public",
                             .table = "t",
                             .columns = columns,
                             .ncolumns = 2,
                             .key = key,
                             .nkey = 1,
                             .limit = 4};

    (void)state;
    sql_is(&s, "SELECT \"id\", \"o\"\"dd\" FROM \"public\".\"t\" ORDER BY \"id\" LIMIT 4", 0);
    s.after = after;
    s.upto = upto;
    sql_is(&s,
           "SELECT \"id\", \"o\"\"dd\" FROM \"public\".\"t\" WHERE \"id\" > $1 AND \"id\" <= $2 "
           "ORDER BY \"id\" LIMIT 4",
           2);
    s.nkey = 2;
    s.condition = "v = 1 -- c";
    sql_is(
        &s,
        "SELECT \"id\", \"o\"\"dd\" FROM \"public\".\"t\" WHERE ROW(\"id\", \"b\") > ROW($1, $2) "
        "AND ROW(\"id\", \"b\") <= ROW($3, $4) AND (v = 1 -- c\n) ORDER BY \"id\", \"b\" LIMIT 4",
        4);
    s.after = s.upto = NULL;
    sql_is(&s,
           "SELECT \"id\", \"o\"\"dd\" FROM \"public\".\"t\" WHERE (v = 1 -- c\n) ORDER BY \"id\", "
           "\"b\" LIMIT 4",
           0);
}

static void
nulls_sort_last(void **state)
{
    static const struct slice columns[] = {SLICE_INIT("a")};
    static const struct chunk_key key[] = {{SLICE_INIT("a"), true}, {SLICE_INIT("b"), false}};
    static const char *const after[] = {"1", "2"}, *const upto[] = {NULL, "9"};
    const struct chunk_select s = {.schema = "s",
                                   .table = "t",
                                   .columns = columns,
                                   .ncolumns = 1,
                                   .key = key,
                                   .nkey = 2,
                                   .after = after,
                                   .upto = upto,
                                   .limit = 1};

    (void)state;
    sql_is(
        &s,
        "SELECT \"a\" FROM \"s\".\"t\" WHERE (((\"a\" > $1 OR \"a\" IS NULL)) OR (\"a\" = $2 AND "
        "\"b\" > $3)) AND NOT ((1 = 0) OR (\"a\" IS NULL AND \"b\" > $4)) ORDER BY \"a\", \"b\" "
        "LIMIT 1",
        4);
}

static void
a_snapshot_sees_what_ended_before_it(void **state)
{
    struct chunk_snapshot s;
    struct arena a;

    (void)state;
    arena_init(&a);
    assert_true(chunk_snapshot_parse(SLICE_LIT("10:20:12,15"), &a, &s));
    assert_true(chunk_snapshot_sees(&s, 9));
    assert_true(chunk_snapshot_sees(&s, 11));
    assert_false(chunk_snapshot_sees(&s, 12));
    assert_false(chunk_snapshot_sees(&s, 15));
    assert_true(chunk_snapshot_sees(&s, 19));
    assert_false(chunk_snapshot_sees(&s, 20));
    assert_true(chunk_snapshot_parse(SLICE_LIT("5:5:"), &a, &s));
    assert_int_equal(s.nxip, 0);
    /* The stream tells the low half of a transaction's number: here it has just begun anew. */
    assert_true(chunk_snapshot_parse(SLICE_LIT("4294967290:4294967300:4294967299"), &a, &s));
    assert_true(chunk_snapshot_sees(&s, 4294967291u));
    assert_true(chunk_snapshot_sees(&s, 2));
    assert_false(chunk_snapshot_sees(&s, 3));
    assert_false(chunk_snapshot_sees(&s, 4));
    arena_free(&a);
}

static void
what_is_no_snapshot_is_refused(void **state)
{
    static const char *const bad[] = {"", "1", "1:", "1:2", "a:2:", "1:2:x", "1:2:3,", "1:2:,"};
    struct chunk_snapshot s;
    struct arena a;

    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        if (chunk_snapshot_parse(slice_of(bad[i]), &a, &s))
            fail_msg("\"%s\"", bad[i]);
    arena_free(&a);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_follow_the_key),
        cmocka_unit_test(nulls_sort_last),
        cmocka_unit_test(a_snapshot_sees_what_ended_before_it),
        cmocka_unit_test(what_is_no_snapshot_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
