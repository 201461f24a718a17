/* What is left of a table's keys, and how it is cut. */
#include "replicator/pg/snapshot_range.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LOW INT64_MIN
#define HIGH INT64_MAX
#define RANGES(...)                                                                                \
    ((const struct key_range[]){__VA_ARGS__}),                                                     \
        sizeof((const struct key_range[]){__VA_ARGS__}) / sizeof(struct key_range)

static void
same(const struct key_range *got, size_t n, const struct key_range *want, size_t nwant)
{
    assert_int_equal(n, nwant);
    for (size_t i = 0; i < n; i++) {
        assert_true(got[i].first == want[i].first);
        assert_true(got[i].last == want[i].last);
    }
}

static void
left(const struct key_range *done, size_t n, const struct key_range *want, size_t nwant)
{
    struct key_range *out;

    n = key_range_left(done, n, &out);
    same(out, n, want, nwant);
    free(out);
}

static void
what_was_not_done_is_left(void **state)
{
    struct key_range *out;

    (void)state;
    left(NULL, 0, RANGES({LOW, HIGH}));
    left(RANGES({LOW, 9}), RANGES({10, HIGH}));
    left(RANGES({10, HIGH}), RANGES({LOW, 9}));
    left(RANGES({20, 29}, {0, 9}), RANGES({LOW, -1}, {10, 19}, {30, HIGH}));
    left(RANGES({0, 9}, {10, 19}), RANGES({LOW, -1}, {20, HIGH}));
    left(RANGES({0, 100}, {10, 20}, {50, 150}), RANGES({LOW, -1}, {151, HIGH}));
    left(RANGES({5, 5}), RANGES({LOW, 4}, {6, HIGH}));
    left(RANGES({LOW + 1, HIGH - 1}), RANGES({LOW, LOW}, {HIGH, HIGH}));
    assert_int_equal(key_range_left(RANGES({LOW, 0}, {1, HIGH}), &out), 0);
    free(out);
    assert_int_equal(key_range_left(RANGES({LOW, HIGH}), &out), 0);
    free(out);
}

static void
cut(const struct key_range *r, size_t n, size_t pieces, const struct key_range *want, size_t nwant)
{
    static const int64_t bounds[] = {0, 10, 20, 30, 40};
    struct key_range *out;

    n = key_range_cut(r, n, bounds, 5, pieces, &out);
    same(out, n, want, nwant);
    free(out);
}

static void
ranges_are_cut_at_the_bounds(void **state)
{
    struct key_range *out;
    static const int64_t equal[] = {7, 7, 7, 8};
    size_t n;

    (void)state;
    cut(RANGES({LOW, HIGH}), 1, RANGES({LOW, HIGH}));
    cut(RANGES({LOW, HIGH}), 4, RANGES({LOW, 9}, {10, 19}, {20, 29}, {30, HIGH}));
    cut(RANGES({LOW, HIGH}), 100, RANGES({LOW, 9}, {10, 19}, {20, 29}, {30, HIGH}));
    cut(RANGES({LOW, HIGH}), 2, RANGES({LOW, 19}, {20, HIGH}));
    cut(RANGES({LOW, 9}, {20, HIGH}), 4, RANGES({LOW, 9}, {20, 29}, {30, HIGH}));
    cut(RANGES({15, 20}), 4, RANGES({15, 19}, {20, 20}));
    cut(RANGES({50, HIGH}), 4, RANGES({50, HIGH}));
    /* A value that fills several parts is one cut. */
    n = key_range_cut(RANGES({LOW, HIGH}), equal, 4, 9, &out);
    same(out, n, RANGES({LOW, 6}, {7, HIGH}));
    free(out);
    n = key_range_cut(RANGES({3, HIGH}), NULL, 0, 9, &out);
    same(out, n, RANGES({3, HIGH}));
    free(out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_not_done_is_left),
        cmocka_unit_test(ranges_are_cut_at_the_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
