/* The Kafka sink's window: what is handed over to librdkafka, and what waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sinks/kafka/window.h"

/* Batches of 1 000 bytes that linger 5 ms; a record takes 10 bytes beside key and value. */
static const struct kafka_batching batching = {1000, 10, 5000};

/* Hands records of 90 bytes over until no more is admitted; how many. */
static unsigned
fill(struct kafka_window *w, int64_t now_us)
{
    unsigned n = 0;

    for (; kafka_window_admits(w, &batching, 90, now_us) && n < 1000; n++)
        kafka_window_put(w, &batching, 90, now_us);
    return n;
}

static void
report(struct kafka_window *w, unsigned n, int64_t now_us)
{
    for (unsigned i = 0; i < n; i++)
        kafka_window_take(w, 90);
    kafka_window_reported(w, &batching, now_us);
}

/* A batch that went after its linger, and was away so long. */
static void
make_trip(struct kafka_window *w, int64_t at_us, int64_t trip_us)
{
    kafka_window_put(w, &batching, 90, at_us);
    report(w, 1, at_us + batching.linger_us + trip_us);
}

static void
test_short_trips_keep_a_batch_waiting(void **state)
{
    struct kafka_window w = {0};

    (void)state;
    make_trip(&w, 100, 400);
    assert_int_equal(w.trip_us, 400);
    /* One on its way and one behind it: 2 000 bytes, and the record that passes them. */
    assert_int_equal(fill(&w, 10000), 23);
}

static void
test_longer_trips_keep_none_waiting(void **state)
{
    struct kafka_window w = {0};

    (void)state;
    make_trip(&w, 100, 4000);
    assert_int_equal(fill(&w, 10000), 12);
}

static void
test_long_trips_admit_only_the_batch_that_lingers(void **state)
{
    struct kafka_window w = {0};

    (void)state;
    make_trip(&w, 100, 8000);
    assert_int_equal(fill(&w, 20000), 10); /* with all that belongs to them */
    /* Sent: what came now would wait for the trip. */
    assert_false(kafka_window_admits(&w, &batching, 90, 20000 + 5000));
    report(&w, 10, 33000);
    assert_int_equal(fill(&w, 33000), 10);
}

static void
test_a_batch_that_lingers_takes_records_until_it_goes(void **state)
{
    struct kafka_window w = {0};

    (void)state;
    make_trip(&w, 100, 8000);
    for (unsigned i = 0; i < 6; i++)
        kafka_window_put(&w, &batching, 1, 20000);
    assert_true(kafka_window_admits(&w, &batching, 1, 24999));
    assert_false(kafka_window_admits(&w, &batching, 1, 25000));
}

static void
test_few_records_and_large_ones_always_go(void **state)
{
    struct kafka_window w = {0};

    (void)state;
    make_trip(&w, 100, 8000);
    for (unsigned i = 0; i < 5; i++) {
        assert_true(kafka_window_admits(&w, &batching, 1000000, 50000));
        kafka_window_put(&w, &batching, 1000000, 20000);
    }
    assert_false(kafka_window_admits(&w, &batching, 1, 50000));
}

static void
test_trips_of_full_batches_count_from_when_they_were_full(void **state)
{
    struct kafka_window w = {0};

    (void)state;
    for (unsigned i = 0; i < 12; i++)
        kafka_window_put(&w, &batching, 90, 1000 + i * 100);
    assert_int_equal(w.full_us, 2100);
    report(&w, 6, 3100);
    assert_int_equal(w.trip_us, 1000);
    /* The rest lingers until nobody knows when: that says nothing. */
    report(&w, 6, 9000);
    assert_int_equal(w.trip_us, 1000);
}

/* Some of them may be on their way for good: in one partition after the other. */
static void
test_a_few_stragglers_do_not_keep_it_closed(void **state)
{
    struct kafka_window w = {0};
    unsigned n;

    (void)state;
    make_trip(&w, 100, 8000);
    n = fill(&w, 20000);
    report(&w, n - 3, 33000);
    assert_int_equal(w.away, 3);
    assert_int_equal(fill(&w, 33000), n - 3);
    assert_int_equal(w.trip_us, 8000);
}

static void
test_one_slow_trip_is_soon_forgotten(void **state)
{
    struct kafka_window w = {0};
    int64_t now_us = 100;
    unsigned trips = 0;

    (void)state;
    make_trip(&w, now_us, 2000000); /* the topic was made */
    assert_int_equal(w.trip_us, 10000);
    while (w.trip_us > 2000 && trips < 100) {
        now_us += 3000000;
        make_trip(&w, now_us, 500);
        trips++;
    }
    assert_true(trips < 10);
}

static void
test_without_a_batch_size_all_is_admitted(void **state)
{
    static const struct kafka_batching none = {0};
    struct kafka_window w = {0};

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        assert_true(kafka_window_admits(&w, &none, 90, i));
        kafka_window_put(&w, &none, 90, i);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_short_trips_keep_a_batch_waiting),
        cmocka_unit_test(test_longer_trips_keep_none_waiting),
        cmocka_unit_test(test_long_trips_admit_only_the_batch_that_lingers),
        cmocka_unit_test(test_a_batch_that_lingers_takes_records_until_it_goes),
        cmocka_unit_test(test_few_records_and_large_ones_always_go),
        cmocka_unit_test(test_trips_of_full_batches_count_from_when_they_were_full),
        cmocka_unit_test(test_a_few_stragglers_do_not_keep_it_closed),
        cmocka_unit_test(test_one_slow_trip_is_soon_forgotten),
        cmocka_unit_test(test_without_a_batch_size_all_is_admitted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
