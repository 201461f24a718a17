#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sinks/retry.h"

static void
every_rule_is_reached_and_says_enough(void **state)
{
    (void)state;
    for (size_t i = 0; i < retry_nrules; i++) {
        const struct retry_rule *r = &retry_rules[i];

        assert_true(r->lo <= r->hi);
        assert_true(r->base_ms <= r->cap_ms);
        /* What waits must have a wait, what is reported a code. */
        if (r->action == RETRY_AGAIN || r->action == RETRY_PEOPLE || r->action == RETRY_MISSING)
            assert_true(r->base_ms > 0);
        assert_true(r->action == RETRY_DONE || r->code[0] != '\0');
        assert_ptr_equal(retry_find(r->lo, r->reason, r->text), r);
    }
}

static void
every_status_has_a_rule(void **state)
{
    (void)state;
    for (int status = 0; status < 1000; status++) {
        const struct retry_rule *r = retry_find(status, NULL, NULL);

        assert_true(status >= r->lo && status <= r->hi);
        assert_true((r->action == RETRY_DONE) == (status >= 200 && status < 300));
    }
}

static void
known_answers_get_their_action(void **state)
{
    static const struct {
        int status;
        const char *reason, *message;
        enum retry_action action;
        enum err_class cls;
    } rows[] = {
        {0, NULL, NULL, RETRY_AGAIN, ERR_RETRY},
        {503, "backendError", "", RETRY_AGAIN, ERR_RETRY},
        {500, "internalError", "", RETRY_AGAIN, ERR_RETRY},
        {429, "rateLimitExceeded", "", RETRY_AGAIN, ERR_RETRY},
        {403, "rateLimitExceeded", "", RETRY_AGAIN, ERR_RETRY},
        {403, "quotaExceeded", "", RETRY_AGAIN, ERR_RETRY},
        {403, "accessDenied", "", RETRY_PEOPLE, ERR_CONFIG},
        {401, "authError", "", RETRY_AUTH, ERR_CONFIG},
        {404, "notFound", "", RETRY_MISSING, ERR_CONFIG},
        {409, "duplicate", "", RETRY_EXISTS, ERR_RETRY},
        {412, "conditionNotMet", "", RETRY_STALE, ERR_RETRY},
        {413, NULL, "", RETRY_SPLIT, ERR_DATA},
        {400, "badRequest", "Request payload size exceeds the limit: 10485760 bytes.", RETRY_SPLIT,
         ERR_DATA},
        {400, "invalid", "too many rows present in the request, limit: 50000", RETRY_SPLIT,
         ERR_DATA},
        {400, "invalid", "The destination table has no schema.", RETRY_SCHEMA, ERR_RETRY},
        {400, "invalid", "Invalid value", RETRY_REFUSED, ERR_FATAL},
        {302, NULL, "", RETRY_AGAIN, ERR_RETRY},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const struct retry_rule *r = retry_find(rows[i].status, rows[i].reason, rows[i].message);

        assert_int_equal(r->action, rows[i].action);
        assert_int_equal(r->cls, rows[i].cls);
    }
}

static void
waits_grow_to_the_cap_and_respect_retry_after(void **state)
{
    const struct retry_rule *r = retry_find(503, NULL, NULL);

    (void)state;
    assert_in_range(retry_wait_ms(r, 0, -1), 750, 1250);
    assert_in_range(retry_wait_ms(r, 3, -1), 6000, 10000);
    assert_in_range(retry_wait_ms(r, 60, -1), 48000, 80000);
    assert_int_equal(retry_wait_ms(r, 0, 30000), 30000);
    assert_int_equal(retry_wait_ms(r, 0, INT64_C(1) << 50), 3600 * 1000);
    assert_true(retry_wait_ms(retry_find(403, "quotaExceeded", NULL), 0, -1) >= 45000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rule_is_reached_and_says_enough),
        cmocka_unit_test(every_status_has_a_rule),
        cmocka_unit_test(known_answers_get_their_action),
        cmocka_unit_test(waits_grow_to_the_cap_and_respect_retry_after),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
