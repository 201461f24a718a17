/* The window: what is streamed takes its row away, whatever else has the same key. */
#include "replicator/incremental_window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct value
text(const char *s)
{
    return (struct value){s, (uint32_t)strlen(s), VALUE_TEXT};
}

static void
add(struct window *w, const char *a, const char *b)
{
    struct value key[] = {text(a), b ? text(b) : (struct value){NULL, 0, VALUE_NULL}};

    window_add(w, key, 2);
}

static size_t
take(struct window *w, const char *a, const char *b)
{
    struct value key[] = {text(a), b ? text(b) : (struct value){NULL, 0, VALUE_NULL}};

    return window_remove(w, key, 2);
}

static int
setup(void **state)
{
    *state = window_new();
    return 0;
}

static int
teardown(void **state)
{
    window_free(*state);
    return 0;
}

static void
rows_come_in_their_order(void **state)
{
    struct window *w = *state;
    size_t row;

    add(w, "2", "a");
    add(w, "1", "a");
    add(w, "3", "a");
    assert_int_equal(window_left(w), 3);
    for (size_t i = 0; i < 3; i++) {
        assert_true(window_next(w, &row));
        assert_int_equal(row, i);
    }
    assert_int_equal(window_left(w), 0);
    assert_false(window_next(w, &row));
}

static void
a_row_that_is_taken_out_does_not_come_again(void **state)
{
    struct window *w = *state;
    const struct value key[2] = {{"2", 1, VALUE_TEXT}, {"a", 1, VALUE_TEXT}};
    size_t row;

    add(w, "1", "a");
    add(w, "2", "a");
    assert_true(window_take(w, key, 2, &row));
    assert_int_equal(row, 1);
    assert_false(window_take(w, key, 2, &row));
    assert_int_equal(window_left(w), 1);
    assert_int_equal(window_remove(w, key, 2), 0);
    assert_true(window_next(w, &row));
    assert_int_equal(row, 0);
    assert_false(window_next(w, &row));
}

static void
a_streamed_row_is_gone_and_the_others_stay(void **state)
{
    struct window *w = *state;
    size_t row;

    add(w, "1", "a");
    add(w, "2", "a");
    add(w, "2", NULL);
    assert_int_equal(take(w, "2", "a"), 1);
    assert_int_equal(take(w, "2", "a"), 0);
    assert_int_equal(take(w, "9", "a"), 0);
    assert_int_equal(window_left(w), 2);
    assert_true(window_next(w, &row));
    assert_int_equal(row, 0);
    assert_true(window_next(w, &row));
    assert_int_equal(row, 2);
}

static void
keys_do_not_run_into_each_other(void **state)
{
    struct window *w = *state;

    add(w, "ab", "c");
    assert_int_equal(take(w, "a", "bc"), 0);
    assert_int_equal(take(w, "ab", NULL), 0);
    assert_int_equal(take(w, "ab", "c"), 1);
}

static void
rows_that_share_a_key_go_together(void **state)
{
    struct window *w = *state;

    for (int i = 0; i < 600; i++)
        add(w, i % 2 ? "odd" : "even", "x");
    assert_int_equal(take(w, "odd", "x"), 300);
    assert_int_equal(window_left(w), 300);
}

static void
a_row_that_went_out_is_not_taken_away_again(void **state)
{
    struct window *w = *state;
    size_t row;

    add(w, "1", "a");
    assert_true(window_next(w, &row));
    assert_int_equal(take(w, "1", "a"), 0);
    assert_int_equal(window_left(w), 0);
}

static void
a_truncate_takes_all_and_a_new_chunk_begins_empty(void **state)
{
    struct window *w = *state;
    size_t row;

    add(w, "1", "a");
    add(w, "2", "a");
    window_remove_all(w);
    assert_false(window_next(w, &row));
    assert_int_equal(window_rows(w), 2);
    window_clear(w);
    assert_int_equal(window_rows(w), 0);
    assert_int_equal(take(w, "1", "a"), 0);
    add(w, "1", "a");
    assert_true(window_next(w, &row));
    assert_int_equal(row, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows_come_in_their_order, setup, teardown),
        cmocka_unit_test_setup_teardown(a_row_that_is_taken_out_does_not_come_again, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_streamed_row_is_gone_and_the_others_stay, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(keys_do_not_run_into_each_other, setup, teardown),
        cmocka_unit_test_setup_teardown(rows_that_share_a_key_go_together, setup, teardown),
        cmocka_unit_test_setup_teardown(a_row_that_went_out_is_not_taken_away_again, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_truncate_takes_all_and_a_new_chunk_begins_empty, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
