/* Tags of a connector as labels of its figures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "replicator/metrics_labels.h"

static void
tags_become_labels(void **state)
{
    static const struct {
        const char *tags, *want; /* NULL: refused */
    } cases[] = {
        {"", ""},
        {"team=data", "team=\"data\""},
        {"team=data, stage = live ", "team=\"data\",stage=\"live\""},
        {"cost center=a b", "cost_center=\"a b\""},
        {"größe=x", "gr____e=\"x\""},
        {"a=b=c", "a=\"b=c\""},
        {"a=", "a=\"\""},
        {"a=x\"y", "a=\"x\\\"y\""},
        {"name=n,connector=c", "tag_name=\"n\",tag_connector=\"c\""},
        {"1st=n,__x=y", "tag_1st=\"n\",tag___x=\"y\""},
        {"a b=1,a_b=2,b=3", "a_b=\"1\",b=\"3\""},
        {"a=b\\,c=d,c=e", "a=\"b,c=d\",c=\"e\""},
        {"team", NULL},
        {"a=b,=c", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct err e = {0};
        struct buf out;
        bool ok;

        buf_init(&out, 10000);
        ok = metrics_labels(&out, cases[i].tags, &e);
        assert_int_equal(ok, cases[i].want != NULL);
        if (ok)
            assert_string_equal(buf_cstr(&out), cases[i].want);
        else
            assert_string_equal(e.code, "config.value");
        buf_free(&out);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(tags_become_labels)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
