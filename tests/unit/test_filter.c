/* Include and exclude lists as Debezium reads them: Java's regular expressions, anchored, without regard to case. */
#include "decoder/filter.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/decoder_fixture.h"

#define L(...) ((const char *const[]){__VA_ARGS__, NULL})

static struct filter *
filter_of(const char *const *pairs)
{
    struct config *c = dfix_config(pairs);
    struct err e = {0};
    struct filter *f = filter_new(c, &e);

    if (!f)
        fail_msg("%s", e.msg);
    config_free(c); /* a filter keeps nothing of it */
    return f;
}

static bool
table(const char *const *pairs, const char *schema, const char *name)
{
    struct filter *f = filter_of(pairs);
    bool yes = filter_table(f, slice_of(schema), slice_of(name));

    filter_free(f);
    return yes;
}

static void
without_lists_everything_is_captured(void **state)
{
    struct filter *f = filter_of(NULL);

    (void)state;
    assert_true(filter_table(f, SLICE_LIT("public"), SLICE_LIT("t")));
    assert_true(filter_column(f, SLICE_LIT("public"), SLICE_LIT("t"), SLICE_LIT("c")));
    assert_true(filter_message(f, SLICE_LIT("any")));
    filter_free(f);
    filter_free(NULL);
}

/* Pattern, table of schema "public", matches? What Pattern.CASE_INSENSITIVE and matches() say. */
static const struct {
    const char *pattern, *name;
    bool yes;
} matches[] = {
    {"public.item", "item", true},
    {"PUBLIC.Item", "item", true},
    {"public.item", "ITEM", true},
    {"public.item", "items", false},
    {"public.item", "anitem", false},
    {"item", "item", false},
    {"public.ite", "item", false},
    {"public\\.item", "item", true},
    {"public\\.i.*", "item", true},
    {"public\\.i.*", "line", false},
    {".*", "item", true},
    {".*\\.item", "item", true},
    {"public.(item|line)", "line", true},
    {"public.(item|line)", "lines", false},
    {"public\\.item|other", "item", true},
    {"public\\.a|public\\.ab", "ab", true}, /* the whole has to match, whichever comes first */
    {"public\\.[a-c]\\d{2}", "b42", true},
    {"public\\.[a-c]\\d{2}", "d42", false},
    {"public\\.\\w+", "t_1", true},
    {"public\\.(?!temp_).*", "item", true},
    {"public\\.(?!temp_).*", "temp_item", false},
    {"public\\.x{2,3}", "xxxx", false},
    {"public\\.\\Qa.b\\E", "a.b", true},
    {"public\\.\\Qa.b\\E", "axb", false},
    {"public\\.t\\$1", "t$1", true},
    {"public\\.\\p{L}+", "\xc3\xa4rger", true},
    {"public\\.\xc3\xa4", "\xc3\xa4", true},
    {"public\\.a.c",
     "a\xc3\xa4"
     "c",
     true}, /* a character, not a byte */
    {"public\\.[^_]+", "item", true},
    {"public\\.\\p{Alpha}+", "item", true},
    {"public\\.\\p{Lower}+", "item", true},
    {"public\\.\\p{Digit}+", "42", true},
    {"public\\.\\p{Alnum}+", "a1", true},
    {"public\\.[\\p{Alpha}_]+", "a_b", true},
    {"public\\.\\P{Digit}+", "item", true},
    {"public\\.[\\P{Digit}]+", "i2", false},
    {"public\\.\\Q\\p{Digit}\\E", "\\p{digit}", true},
    {"public\\.[\\[\\]]+", "[]", true},
    {"public\\.a&&b", "a&&b", true},
    {"public\\.\\h?item", "item", true},
    {"public\\.item$", "item", true},
    {"^public\\.item", "item", true},
    {"public\\.(?<kind>item)", "item", true},
    {"public\\.(a)\\1", "aa", true},
    {"public\\.i*+tem", "item", true},
    {"public\\.a.b", "a\nb", false}, /* a dot is no line terminator */
    {"(?s)public\\.a.b", "a\nb", true},
    {"public\\.\\u0061", "a", true},
    {"public\\.\\x61", "a", true},
};

static void
patterns_match_as_in_java(void **state)
{
    unsigned wrong = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(matches) / sizeof(*matches); i++) {
        char escaped[200], *w = escaped;
        struct config *c;
        struct err e = {0};
        struct filter *f;

        /* A comma would end the pattern in a list. */
        for (const char *p = matches[i].pattern; *p; *w++ = *p++)
            if (*p == ',')
                *w++ = '\\';
        *w = '\0';
        c = dfix_config(L("table.include.list", escaped));
        f = filter_new(c, &e);
        config_free(c);
        if (!f) {
            print_error("%s: %s\n", matches[i].pattern, e.msg);
            wrong++;
            continue;
        }
        if (filter_table(f, SLICE_LIT("public"), slice_of(matches[i].name)) != matches[i].yes) {
            print_error("%s on %s: not %d\n", matches[i].pattern, matches[i].name, matches[i].yes);
            wrong++;
        }
        filter_free(f);
    }
    assert_int_equal(wrong, 0);
}

static void
lists_have_commas_blanks_and_escapes(void **state)
{
    (void)state;
    for (const char *const *name = L("a", "b", "c"); *name; name++)
        assert_true(
            table(L("table.include.list", " public.a ,public.b,\n\tpublic.c,,"), "public", *name));
    assert_false(table(L("table.include.list", "public.a,public.b"), "public", "a,public.b"));
    assert_true(table(L("table.include.list", "public.a\\,b"), "public", "a,b"));
    assert_false(table(L("table.include.list", "public.a\\,b"), "public", "a"));
    assert_true(table(L("table.include.list", "public.x{1\\,2}"), "public", "xx"));
}

static void
an_include_list_wins(void **state)
{
    (void)state;
    assert_true(table(L("table.include.list", "public.a"), "public", "a"));
    assert_false(table(L("table.include.list", "public.a"), "public", "b"));
    assert_false(table(L("table.exclude.list", "public.a"), "public", "a"));
    assert_true(table(L("table.exclude.list", "public.a"), "public", "b"));
    assert_true(table(L("table.include.list", "public.a", "table.exclude.list", "public.a"),
                      "public", "a"));
    /* An empty list is none. */
    assert_true(table(L("table.include.list", ""), "public", "a"));
    assert_true(table(L("table.include.list", " , "), "public", "a"));
}

static void
schema_and_table_both_have_to_pass(void **state)
{
    const char *const *both = L("schema.include.list", "s1,s2", "table.exclude.list", "s1.secret");

    (void)state;
    assert_true(table(both, "s1", "t"));
    assert_true(table(both, "S2", "secret"));
    assert_false(table(both, "s1", "secret"));
    assert_false(table(both, "s3", "t"));
    assert_false(table(L("schema.exclude.list", "audit.*"), "audit_2026", "t"));
    assert_false(table(L("schema.include.list", "s"), "sx", "t"));
}

static void
system_schemas_are_never_captured(void **state)
{
    static const char *const names[] = {"pg_catalog", "information_schema", "pg_toast",
                                        "pg_temp_3"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        assert_false(table(L("table.include.list", ".*"), names[i], "t"));
        assert_true(table(L("table.ignore.builtin", "false"), names[i], "t"));
    }
    assert_true(table(NULL, "pg_mine", "t"));
}

static void
a_name_with_a_dot_is_matched_as_it_is_written(void **state)
{
    (void)state;
    assert_true(
        table(L("table.include.list", "My Schema\\.Table\\.One"), "My Schema", "Table.One"));
    assert_true(table(L("table.include.list", "a\\.b\\.c"), "a.b", "c"));
}

static void
columns_are_matched_with_their_table(void **state)
{
    struct filter *f = filter_of(L("column.exclude.list", "public.item.(secret|note)"));

    (void)state;
    assert_false(filter_column(f, SLICE_LIT("public"), SLICE_LIT("item"), SLICE_LIT("secret")));
    assert_false(filter_column(f, SLICE_LIT("Public"), SLICE_LIT("Item"), SLICE_LIT("Note")));
    assert_true(filter_column(f, SLICE_LIT("public"), SLICE_LIT("item"), SLICE_LIT("notes")));
    assert_true(filter_column(f, SLICE_LIT("public"), SLICE_LIT("line"), SLICE_LIT("secret")));
    filter_free(f);
    f = filter_of(L("column.include.list", "public\\.item\\.id,.*\\.name"));
    assert_true(filter_column(f, SLICE_LIT("public"), SLICE_LIT("item"), SLICE_LIT("id")));
    assert_true(filter_column(f, SLICE_LIT("other"), SLICE_LIT("line"), SLICE_LIT("name")));
    assert_false(filter_column(f, SLICE_LIT("public"), SLICE_LIT("line"), SLICE_LIT("id")));
    filter_free(f);
}

static void
messages_are_matched_by_prefix(void **state)
{
    struct filter *f = filter_of(L("message.prefix.include.list", "audit,app.*"));

    (void)state;
    assert_true(filter_message(f, SLICE_LIT("audit")));
    assert_true(filter_message(f, SLICE_LIT("app_1")));
    assert_false(filter_message(f, SLICE_LIT("audits")));
    assert_false(filter_message(f, SLICE_LIT("")));
    filter_free(f);
    f = filter_of(L("message.prefix.exclude.list", "noise"));
    assert_false(filter_message(f, SLICE_LIT("noise")));
    assert_true(filter_message(f, SLICE_LIT("")));
    filter_free(f);
}

static void
key_columns_are_named_per_table(void **state)
{
    struct filter *f =
        filter_of(L("message.key.columns", "public.item:a, b; (.*).line:c ;s\\.t:x.*"));
    static const struct {
        size_t rule;
        const char *schema, *table, *column;
        bool named;
    } cases[] = {
        {0, "public", "item", "a", true},  {1, "public", "item", "b", true},
        {0, "public", "item", "b", false}, {0, "public", "items", "a", false},
        {2, "any", "LINE", "C", true},     {2, "any", "line", "cc", false},
        {3, "s", "t", "x1", true},         {3, "s", "t", "y", false},
    };

    (void)state;
    assert_int_equal(filter_key_rules(f), 4);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(filter_key_column(f, cases[i].rule, slice_of(cases[i].schema),
                                           slice_of(cases[i].table), slice_of(cases[i].column)),
                         cases[i].named);
    filter_free(f);
}

static void
bad_patterns_are_named(void **state)
{
    static const struct {
        const char *property, *value, *code;
    } bad[] = {
        {"table.include.list", "public.a,public.(b", "config.regex"},
        {"schema.exclude.list", "[", "config.regex"},
        {"column.include.list", "*", "config.regex"},
        {"message.prefix.exclude.list", "a{2\\,1}", "config.regex"},
        /* What would silently mean something else. */
        {"table.include.list", "public.[a-z&&[^x]]+", "config.regex"},
        {"table.include.list", "public.[a-c[x-z]]+", "config.regex"},
        {"table.include.list", "public.[a-z&&b]+", "config.regex"},
        {"table.include.list", "public.\\p{javaLowerCase}", "config.regex"},
        {"message.key.columns", "public.a", "config.value"},
        {"message.key.columns", ":a", "config.value"},
        {"message.key.columns", "public.a:", "config.value"},
        {"message.key.columns", "public.(a:b", "config.regex"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct config *c = dfix_config(L(bad[i].property, bad[i].value));
        struct err e = {0};

        assert_null(filter_new(c, &e));
        assert_string_equal(e.code, bad[i].code);
        assert_int_equal(e.cls, ERR_CONFIG);
        assert_non_null(strstr(e.msg, bad[i].property));
        config_free(c);
    }
}

static void
names_longer_than_any_match_nothing(void **state)
{
    static char longer[2000];
    struct filter *f = filter_of(L("table.exclude.list", "public.x+"));
    struct slice name = {longer, sizeof(longer)};

    (void)state;
    memset(longer, 'x', sizeof(longer));
    assert_true(filter_table(f, SLICE_LIT("public"), name));
    assert_false(filter_table(f, SLICE_LIT("public"), (struct slice){longer, 63}));
    filter_free(f);
}

static void
the_rank_of_a_table_is_its_pattern(void **state)
{
    struct filter *f = filter_of(L("table.include.list", "public.b,public.a,public.*"));

    (void)state;
    assert_int_equal(filter_table_rank(f, SLICE_LIT("public"), SLICE_LIT("b")), 0);
    assert_int_equal(filter_table_rank(f, SLICE_LIT("public"), SLICE_LIT("a")), 1);
    assert_int_equal(filter_table_rank(f, SLICE_LIT("public"), SLICE_LIT("z")), 2);
    assert_int_equal(filter_table_rank(f, SLICE_LIT("other"), SLICE_LIT("z")), INT_MAX);
    filter_free(f);
}

/* Bytes that are no UTF-8 reach us from a database without encoding. */
static void
names_that_are_no_utf8_are_judged(void **state)
{
    (void)state;
    assert_true(table(L("table.exclude.list", "public.item"), "public", "\xff\xfe"));
    assert_false(table(L("table.include.list", "public.item"), "public", "\xff\xfe"));
    assert_true(table(L("table.include.list", "public\\..*"), "public", "caf\xe9"));
    assert_false(table(L("table.exclude.list", "public\\..*"), "public", "caf\xe9"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_lists_everything_is_captured),
        cmocka_unit_test(patterns_match_as_in_java),
        cmocka_unit_test(lists_have_commas_blanks_and_escapes),
        cmocka_unit_test(an_include_list_wins),
        cmocka_unit_test(schema_and_table_both_have_to_pass),
        cmocka_unit_test(system_schemas_are_never_captured),
        cmocka_unit_test(a_name_with_a_dot_is_matched_as_it_is_written),
        cmocka_unit_test(columns_are_matched_with_their_table),
        cmocka_unit_test(messages_are_matched_by_prefix),
        cmocka_unit_test(key_columns_are_named_per_table),
        cmocka_unit_test(bad_patterns_are_named),
        cmocka_unit_test(names_longer_than_any_match_nothing),
        cmocka_unit_test(the_rank_of_a_table_is_its_pattern),
        cmocka_unit_test(names_that_are_no_utf8_are_judged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
