#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static void
wall_clock_is_nanoseconds_since_1970(void **state)
{
    int64_t before = time(NULL), now = clock_now_ns() / 1000000000, after;

    (void)state;
    after = time(NULL);
    /* time() may read a coarser clock that lags a tick behind. */
    assert_in_range(now, before, after + 1);
}

static void
monotonic_clock_counts_microseconds(void **state)
{
    int64_t start = clock_mono_us();

    (void)state;
    usleep(2000);
    assert_true(clock_mono_us() - start >= 2000);
}

static void
backoff_doubles_to_its_cap_within_a_quarter(void **state)
{
    static const struct {
        unsigned attempt;
        int64_t base_ms, cap_ms, middle_ms;
    } cases[] = {
        {0, 100, 10000, 100},
        {1, 100, 10000, 200},
        {5, 100, 10000, 3200},
        {7, 100, 10000, 10000},
        {50, 100, 10000, 10000},
        {4000000000U, 100, 10000, 10000},
        {63, 1, INT64_MAX / 2, INT64_MAX / 2},
        {0, 20000, 10000, 10000},
        {3, 1, 100, 8},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t middle = cases[i].middle_ms;

        for (int n = 0; n < 1000; n++) {
            int64_t wait = clock_backoff_ms(cases[i].attempt, cases[i].base_ms, cases[i].cap_ms);

            assert_true(wait >= middle - middle / 4);
            assert_true(wait <= middle + middle / 4);
        }
    }
}

static void
backoff_is_spread_over_its_range(void **state)
{
    int64_t low = INT64_MAX, high = 0;

    (void)state;
    for (int n = 0; n < 1000; n++) {
        int64_t wait = clock_backoff_ms(0, 1000, 1000);

        low = wait < low ? wait : low;
        high = wait > high ? wait : high;
    }
    assert_true(low < 800);
    assert_true(high > 1200);
}

static void
backoff_of_nothing_is_zero(void **state)
{
    (void)state;
    assert_int_equal(clock_backoff_ms(3, 0, 1000), 0);
    assert_int_equal(clock_backoff_ms(3, 100, 0), 0);
    assert_int_equal(clock_backoff_ms(3, -5, 1000), 0);
    assert_int_equal(clock_backoff_ms(0, 1, 1), 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wall_clock_is_nanoseconds_since_1970),
        cmocka_unit_test(monotonic_clock_counts_microseconds),
        cmocka_unit_test(backoff_doubles_to_its_cap_within_a_quarter),
        cmocka_unit_test(backoff_is_spread_over_its_range),
        cmocka_unit_test(backoff_of_nothing_is_zero),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
