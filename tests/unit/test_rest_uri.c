#include "replicator/rest/uri.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The segments, each in brackets. */
static void
show(const struct uri *u, char *out)
{
    *out = '\0';
    for (size_t i = 0; i < u->n; i++) {
        strcat(out, "[");
        strcat(out, u->segments[i]);
        strcat(out, "]");
    }
}

static void
a_path_is_split_before_it_is_unescaped(void **state)
{
    static const struct {
        const char *raw, *segments;
    } cases[] = {
        {"/", ""},
        {"/connectors", "[connectors]"},
        {"/connectors/", "[connectors]"},
        {"/connectors/a%20b/status/", "[connectors][a b][status]"},
        {"/connectors/a+b", "[connectors][a+b]"},
        {"/connectors/%C3%B6dd%20name%2B1",
         "[connectors][\xc3\xb6"
         "dd name+1]"},
        {"/connectors/a;b=c/x", "[connectors][a][x]"},
        {"/connectors/semi%3Bcolon", "[connectors][semi;colon]"},
        {"/connectors/..", "[connectors][..]"},
        {"/connectors/dots..", "[connectors][dots..]"},
        {"/connectors/%2e%2e%2e", "[connectors][...]"},
        {"/connectors/q%3Fmark?x=1", "[connectors][q?mark]"},
        {"/connectors/ha%23sh", "[connectors][ha#sh]"},
        {"/a/b/c/d/e/f/g/h/i/j", "[a][b][c][d][e][f][g][h]"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct uri u;
        const char *why;
        char shown[200];

        assert_true(uri_parse(cases[i].raw, &u, &why));
        show(&u, shown);
        assert_string_equal(shown, cases[i].segments);
        assert_int_equal(u.too_deep, i + 1 == sizeof(cases) / sizeof(cases[0]));
        uri_free(&u);
    }
}

static void
what_means_something_else_than_it_says_is_refused(void **state)
{
    static const struct {
        const char *raw, *why;
    } cases[] = {
        {"//", "Ambiguous URI empty segment"},
        {"//connectors", "Ambiguous URI empty segment"},
        {"/connectors//", "Ambiguous URI empty segment"},
        {"/connectors/a%2Fb", "Ambiguous URI path separator"},
        {"/connectors/..%2f..%2fetc", "Ambiguous URI path separator"},
        {"/connectors/per%25cent", "Ambiguous URI path encoding"},
        {"/connectors/%2e%2e", "Ambiguous URI path segment"},
        {"/connectors/.%2E/x", "Ambiguous URI path segment"},
        {"/connectors/a%5Cb", "Suspicious Path Character"},
        {"/connectors/a\\b", "Suspicious Path Character"},
        {"/connectors/a%0Ab", "Suspicious Path Character"},
        {"/connectors/a%7f", "Suspicious Path Character"},
        {"/connectors/%E2%82", "Bad UTF-8 encoding"},
        {"/connectors/%C0%AF", "Bad UTF-8 encoding"},
        {"/connectors/%ED%A0%80", "Bad UTF-8 encoding"},
        {"/connectors/%F4%90%80%80", "Bad UTF-8 encoding"},
        {"/connectors/%zz", "Bad Request"},
        {"/connectors/%", "Bad Request"},
        {"/connectors/%4", "Bad Request"},
        {"/connectors/a%00b", "Bad Request"},
        {"connectors", "Bad Request"},
        {"", "Bad Request"},
        {"*", "Bad Request"},
        {"http://host/connectors", "Bad Request"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct uri u;
        const char *why = "";

        if (uri_parse(cases[i].raw, &u, &why))
            fail_msg("%s was taken", cases[i].raw);
        assert_string_equal(why, cases[i].why);
        uri_free(&u);
    }
}

static void
query_parameters_may_come_more_than_once(void **state)
{
    static const struct {
        const char *raw, *name, *values; /* each with a '|' behind it */
    } cases[] = {
        {"/c?expand=info&expand=status", "expand", "info|status|"},
        {"/c?expand=", "expand", "|"},
        {"/c?expand", "expand", "|"},
        {"/c?a=b", "expand", ""},
        {"/c", "expand", ""},
        {"/c?x=%zz", "x", "%zz|"},
        {"/c?x=a+b%2Bc&x=%26", "x", "a b+c|&|"},
        {"/c?&&x=1&&", "x", "1|"},
        {"/c?e%78pand=1", "expand", "1|"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct uri u;
        const char *why;
        char all[100] = "", *value;

        assert_true(uri_parse(cases[i].raw, &u, &why));
        for (size_t at = 0; (value = uri_query(&u, cases[i].name, &at)) != NULL; free(value)) {
            strcat(all, value);
            strcat(all, "|");
        }
        assert_string_equal(all, cases[i].values);
        uri_free(&u);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_is_split_before_it_is_unescaped),
        cmocka_unit_test(what_means_something_else_than_it_says_is_refused),
        cmocka_unit_test(query_parameters_may_come_more_than_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
