/* What of a snapshot is done: ranges that join, rows that are opened again, and the form in which it is stored. */
#include "replicator/progress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
text_of(const struct progress_table *t, char *out, size_t n)
{
    size_t at = 0;

    out[0] = '\0';
    for (size_t i = 0; i < t->n; i++)
        at += (size_t)snprintf(out + at, n - at, "%s%lld-%lld", i ? " " : "",
                               (long long)t->ranges[i].first, (long long)t->ranges[i].last);
}

static void
assert_ranges(const struct progress_table *t, const char *expected)
{
    char text[500];

    text_of(t, text, sizeof(text));
    assert_string_equal(text, expected);
}

static struct progress_table *
ranged(struct progress *p)
{
    struct progress_table *t = progress_table(p, 7, "public", "t");

    if (!t->key)
        t->key = strdup("id");
    return t;
}

static void
ranges_join_in_whatever_order_they_come(void **state)
{
    struct progress p = {0};
    struct progress_table *t = ranged(&p);

    (void)state;
    progress_add_range(t, (struct progress_range){10, 19});
    progress_add_range(t, (struct progress_range){40, 49});
    progress_add_range(t, (struct progress_range){0, 4});
    assert_ranges(t, "0-4 10-19 40-49");
    progress_add_range(t, (struct progress_range){20, 29}); /* touches */
    assert_ranges(t, "0-4 10-29 40-49");
    progress_add_range(t, (struct progress_range){5, 45}); /* touches, covers and overlaps */
    assert_ranges(t, "0-49");
    progress_add_range(t, (struct progress_range){12, 13}); /* is there */
    assert_ranges(t, "0-49");
    progress_add_range(t, (struct progress_range){INT64_MIN, -1});
    progress_add_range(t, (struct progress_range){50, INT64_MAX});
    assert_int_equal(t->n, 1);
    assert_true(t->ranges[0].first == INT64_MIN && t->ranges[0].last == INT64_MAX);
    progress_clear(&p);
}

static void
a_range_covers_both_of_its_bounds(void **state)
{
    struct progress p = {0};
    struct progress_table *t = ranged(&p);

    (void)state;
    assert_false(progress_covers(t, 1));
    progress_add_range(t, (struct progress_range){1, 3});
    assert_false(progress_covers(t, 0));
    assert_true(progress_covers(t, 1) && progress_covers(t, 3));
    assert_false(progress_covers(t, 4));
    t->whole = true;
    assert_true(progress_covers(t, 4));
    progress_clear(&p);
}

static void
an_opened_key_leaves_its_neighbours_done(void **state)
{
    struct progress p = {0};
    struct progress_table *t = ranged(&p);

    (void)state;
    progress_add_range(t, (struct progress_range){1, 5});
    progress_add_range(t, (struct progress_range){INT64_MAX - 1, INT64_MAX});
    progress_reopen(t, 3);
    progress_reopen(t, 3);
    progress_reopen(t, 9);
    assert_false(progress_covers(t, 3));
    assert_true(progress_covers(t, 2) && progress_covers(t, 4));
    progress_reopen(t, 1);
    progress_reopen(t, 2);
    progress_reopen(t, 5);
    progress_reopen(t, INT64_MAX);
    assert_ranges(t, "4-4 9223372036854775806-9223372036854775806");
    progress_reopen(t, 4);
    assert_false(progress_covers(t, 4));
    progress_clear(&p);
}

static char *
json_of(const struct progress *p)
{
    struct buf b;
    char *text;

    buf_init(&b, PROGRESS_MAX);
    progress_to_json(p, &b);
    text = strdup(buf_cstr(&b));
    buf_free(&b);
    return text;
}

static void
make(struct progress *p)
{
    struct progress_table *t;

    *p = (struct progress){.before = strdup("{\"lsn\":1}"),
                           .position = {.own = true,
                                        .flush_lsn = 0x100000010,
                                        .pos_commit_lsn = 0x100000008,
                                        .pos_lsn = 5,
                                        .pos_ordinal = 6,
                                        .commit_end = 7,
                                        .system_id = UINT64_MAX,
                                        .timeline = 2,
                                        .slot = "s",
                                        .database = "d"}};
    progress_set_sinks(p, (const char *const[]){"kafka", "li\"nes"}, 2);
    progress_table(p, 5, "public", "whole \"one\"")->whole = true;
    assert_true(progress_add_signal(
        p, &(struct signal){"s \"1\"", "execute-snapshot", "{\"data-collections\":[]}"}, 8, 9));
    assert_true(progress_add_signal(p, &(struct signal){NULL, "log", NULL}, 8, 10));
    assert_false(progress_add_signal(p, &(struct signal){"s", "log", NULL}, 8, 9));
    t = ranged(p);
    t->filenode = 99;
    progress_add_range(t, (struct progress_range){INT64_MIN, 3});
    progress_add_range(t, (struct progress_range){8, INT64_MAX});
}

static void
what_is_written_is_read(void **state)
{
    struct progress p, q;
    struct err e = {0};
    char *text, *again;

    (void)state;
    make(&p);
    text = json_of(&p);
    assert_true(progress_from_json(text, &q, &e));
    again = json_of(&q);
    assert_string_equal(again, text);
    assert_string_equal(q.before, "{\"lsn\":1}");
    assert_true(q.position.own && q.position.flush_lsn == 0x100000010 &&
                q.position.pos_ordinal == 6 && q.position.system_id == UINT64_MAX);
    assert_int_equal(q.nsinks, 2);
    assert_true(progress_has_sink(&q, "kafka") && progress_has_sink(&q, "li\"nes"));
    assert_false(progress_has_sink(&q, "null"));
    progress_set_sinks(&q, (const char *const[]){"null"}, 1);
    assert_true(progress_has_sink(&q, "null") && !progress_has_sink(&q, "kafka"));
    assert_true(progress_find(&q, 5)->whole);
    assert_string_equal(progress_find(&q, 5)->table, "whole \"one\"");
    assert_ranges(progress_find(&q, 7), "-9223372036854775808-3 8-9223372036854775807");
    assert_int_equal(progress_find(&q, 7)->filenode, 99);
    assert_null(progress_find(&q, 6));
    progress_remove(&q, 0);
    assert_null(progress_find(&q, 5));
    assert_non_null(progress_find(&q, 7));
    free(text);
    free(again);
    progress_clear(&p);
    progress_clear(&q);
}

static void
what_is_damaged_is_refused(void **state)
{
    struct progress p, q;
    char *text;

    (void)state;
    make(&p);
    text = json_of(&p);
    /* One byte is missing: every reader error shows, none reads beyond the end. */
    for (size_t n = 0; n < strlen(text); n++) {
        char *cut = strndup(text, n);
        struct err e = {0};

        assert_false(progress_from_json(cut, &q, &e));
        assert_string_equal(e.code, "snapshot.progress");
        free(cut);
    }
    static const struct {
        const char *from, *to, *code;
    } damages[] = {
        {"\"version\":1", "\"version\":2", "snapshot.progress"},
        {"\"before\"", "\"behind\"", "snapshot.progress"},
        {"[\"kafka\"", "[[      ", "snapshot.progress"},
        {"\"kafka\"", "1234567", "snapshot.progress"},
        {"\"oid\":5", "\"oid\":7", "snapshot.progress"},
        {"\"oid\":5", "\"oid\":-", "snapshot.progress"},
        {"[8,", "[[,", "snapshot.progress"},
        {"\"filenode\":99", "\"filenode\":{}", "snapshot.progress"},
        {"\"key\":\"id\"", "\"kex\":\"id\"", "snapshot.progress"},
        {"1/10", "1/xx", "offset.corrupt"},
        {"walbridge.slot", "walbridge.slut", "offset.corrupt"},
    };
    for (size_t i = 0; i < sizeof(damages) / sizeof(*damages); i++) {
        char *bad = strdup(text), *at = strstr(bad, damages[i].from);
        struct err e = {0};

        assert_non_null(at);
        memcpy(at, damages[i].to, strlen(damages[i].to));
        assert_false(progress_from_json(bad, &q, &e));
        assert_string_equal(e.code, damages[i].code);
        free(bad);
    }
    free(text);
    progress_clear(&p);
}

/* Where transactions are counted, one that was cut off is delivered anew: a progress has no counts. */
static void
a_request_stands_where_the_offset_does(void **state)
{
    struct offset o = {.own = true,
                       .lsn = 50,
                       .flush_lsn = 40,
                       .pos_commit_lsn = 60,
                       .pos_lsn = 50,
                       .pos_ordinal = 3,
                       .slot = "s"};
    struct progress p = {.news = true}, q;
    struct buf json;

    (void)state;
    progress_ask(&p, &o);
    assert_true(p.requested && p.position.own);
    assert_string_equal(p.before, "{\"lsn\":50}");
    assert_int_equal(p.position.pos_ordinal, 3);
    assert_int_equal(p.position.pos_commit_lsn, 60);
    buf_init(&json, PROGRESS_MAX);
    progress_to_json(&p, &json);
    assert_true(progress_from_json(buf_cstr(&json), &q, NULL));
    assert_true(q.requested && q.news);
    assert_string_equal(q.position.slot, "s");
    progress_clear(&p);
    progress_clear(&q);
    snprintf(o.transaction_id, sizeof(o.transaction_id), "7");
    progress_ask(&p, &o);
    assert_int_equal(p.position.pos_ordinal, 0);
    assert_int_equal(p.position.pos_commit_lsn, 40);
    assert_false(p.news);
    progress_clear(&p);
    buf_free(&json);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_join_in_whatever_order_they_come),
        cmocka_unit_test(a_range_covers_both_of_its_bounds),
        cmocka_unit_test(an_opened_key_leaves_its_neighbours_done),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(a_request_stands_where_the_offset_does),
        cmocka_unit_test(what_is_damaged_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
