/* Orders that Debezium's notifications were recorded with. */
#include "replicator/java_order.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { NAMES_MAX = 32 };

static void
expect_order(const char *const *names, size_t n, uint32_t table, const char *const *expected)
{
    size_t order[NAMES_MAX];

    java_order(names, n, table, order);
    for (size_t i = 0; i < n; i++)
        assert_string_equal(names[order[i]], expected[i]);
}

static void
a_set_has_its_names_by_bucket(void **state)
{
    static const char *const names[] = {"public.e", "public.nk", "public.t",
                                        "public.u", "public.un", "s2.t"};
    static const char *const expected[] = {"s2.t",     "public.un", "public.t",
                                           "public.e", "public.u",  "public.nk"};

    (void)state;
    expect_order(names, 6, java_set_table(6), expected);
}

static void
names_that_share_a_bucket_stay_as_they_are(void **state)
{
    static const char *const up[] = {"public.1", "public.A", "public.a", "public.q"};
    static const char *const down[] = {"public.q", "public.a", "public.A", "public.1"};

    (void)state;
    expect_order(up, 4, java_set_table(4), up);
    expect_order(down, 4, java_set_table(4), down);
}

static void
more_names_have_more_buckets(void **state)
{
    static const char *const names[] = {"public.f", "public.e", "public.u", "public.c"};
    static const char *const expected[] = {"public.c", "public.u", "public.e", "public.f"};

    (void)state;
    expect_order(names, 4, 32, expected);
}

static void
a_concurrent_map_grows_one_earlier_than_a_set(void **state)
{
    (void)state;
    assert_int_equal(java_concurrent_table(0), 16);
    assert_int_equal(java_concurrent_table(11), 16);
    assert_int_equal(java_concurrent_table(12), 32);
    assert_int_equal(java_concurrent_table(23), 32);
    assert_int_equal(java_concurrent_table(24), 64);
    assert_int_equal(java_set_table(0), 16);
    assert_int_equal(java_set_table(11), 16);
    assert_int_equal(java_set_table(12), 32); /* made for (int)(12 / .75f) + 1 = 17 */
    assert_int_equal(java_set_table(23), 32);
    assert_int_equal(java_set_table(24), 64);
}

static void
no_names_are_no_order(void **state)
{
    size_t order[1] = {7};

    (void)state;
    java_order(NULL, 0, java_set_table(0), order);
    assert_int_equal(order[0], 7);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_set_has_its_names_by_bucket),
        cmocka_unit_test(names_that_share_a_bucket_stay_as_they_are),
        cmocka_unit_test(more_names_have_more_buckets),
        cmocka_unit_test(a_concurrent_map_grows_one_earlier_than_a_set),
        cmocka_unit_test(no_names_are_no_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
