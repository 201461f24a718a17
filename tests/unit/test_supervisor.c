/* The life of a job: every pair of state and reason, and what the table says of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "replicator/conf.h"
#include "replicator/supervisor.h"

enum { STATES = JOB_DONE + 1, WHYS = JOB_BROKE + 1, STAYS = -1 };

static void
every_pair_is_as_drawn(void **state)
{
    static const int wanted[STATES][WHYS] = {
        /* run, pause, stop, restart, ended, broke */
        [JOB_OFF] = {JOB_RUNNING, JOB_PAUSED, STAYS, STAYS, STAYS, STAYS},
        [JOB_RUNNING] = {STAYS, JOB_PAUSED, JOB_STOPPING, JOB_STOPPING, JOB_DONE, JOB_FAILED},
        [JOB_PAUSED] = {JOB_RUNNING, STAYS, JOB_STOPPING, JOB_STOPPING, JOB_DONE, JOB_FAILED},
        [JOB_STOPPING] = {STAYS, STAYS, STAYS, STAYS, JOB_OFF, JOB_OFF},
        [JOB_FAILED] = {STAYS, STAYS, JOB_OFF, JOB_OFF, STAYS, STAYS},
        [JOB_DONE] = {STAYS, STAYS, JOB_OFF, JOB_OFF, STAYS, STAYS},
    };

    (void)state;
    for (int s = 0; s < STATES; s++)
        for (int w = 0; w < WHYS; w++) {
            enum job_state to;
            bool moves = job_next((enum job_state)s, (enum job_why)w, &to);

            assert_int_equal(moves, wanted[s][w] != STAYS);
            if (moves)
                assert_int_equal(to, wanted[s][w]);
        }
}

/* A thread that runs is always asked to end, and taken back, before there can be another. */
static void
no_state_with_a_thread_leads_to_one_without_its_end(void **state)
{
    static const bool has_thread[STATES] = {
        [JOB_RUNNING] = true, [JOB_PAUSED] = true, [JOB_STOPPING] = true};

    (void)state;
    for (int s = 0; s < STATES; s++)
        for (int w = 0; w < WHYS; w++) {
            enum job_state to;

            if (job_next((enum job_state)s, (enum job_why)w, &to) && has_thread[s] &&
                !has_thread[to])
                assert_true(w == JOB_ENDED || w == JOB_BROKE);
        }
}

static void
what_cannot_be_made_has_failed_with_the_reason(void **state)
{
    struct supervisor *s = supervisor_new();
    struct job *j = job_new(s, "one", NULL, NULL);
    static const char *const sinks[] = {"nowhere"};
    struct connector_options o = {
        .config = config_new("one", conf_tables), .sinks = sinks, .nsinks = 1};

    (void)state;
    job_configure(j, &o);
    job_step(j);
    assert_int_equal(job_state(j), JOB_OFF);
    job_want(j, JOB_WANT_RUN);
    job_step(j);
    assert_int_equal(job_state(j), JOB_FAILED);
    assert_string_equal(job_error(j)->code, "sink.unknown");
    /* It is not tried again by itself, and forgotten when nobody wants it. */
    job_step(j);
    assert_int_equal(job_state(j), JOB_FAILED);
    job_want(j, JOB_WANT_STOP);
    job_step(j);
    assert_int_equal(job_state(j), JOB_OFF);
    assert_int_equal(job_error(j)->cls, ERR_NONE);
    job_free(j);
    supervisor_free(s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pair_is_as_drawn),
        cmocka_unit_test(no_state_with_a_thread_leads_to_one_without_its_end),
        cmocka_unit_test(what_cannot_be_made_has_failed_with_the_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
