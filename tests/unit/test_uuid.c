#include "replicator/uuid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"

static void
the_text_has_the_form_of_version_7(void **state)
{
    char u[37];

    (void)state;
    for (int round = 0; round < 1000; round++) {
        memset(u, 'x', sizeof(u));
        uuid_v7(u);
        assert_int_equal(strlen(u), 36);
        for (int i = 0; i < 36; i++)
            if (i == 8 || i == 13 || i == 18 || i == 23)
                assert_int_equal(u[i], '-');
            else
                assert_non_null(strchr("0123456789abcdef", u[i]));
        assert_int_equal(u[14], '7');
        assert_non_null(strchr("89ab", u[19]));
    }
}

static void
it_begins_with_the_time(void **state)
{
    char u[37], hex[13];
    int64_t before, after, at;

    (void)state;
    before = clock_now_ns() / 1000000;
    uuid_v7(u);
    after = clock_now_ns() / 1000000;
    memcpy(hex, u, 8);
    memcpy(hex + 8, u + 9, 4);
    hex[12] = '\0';
    at = strtoll(hex, NULL, 16);
    assert_true(before <= at && at <= after);
}

static void
no_two_are_the_same(void **state)
{
    enum { N = 2000 };
    static char all[N][37];

    (void)state;
    for (int i = 0; i < N; i++) {
        uuid_v7(all[i]);
        for (int k = 0; k < i; k++)
            assert_string_not_equal(all[i], all[k]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_text_has_the_form_of_version_7),
        cmocka_unit_test(it_begins_with_the_time),
        cmocka_unit_test(no_two_are_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
