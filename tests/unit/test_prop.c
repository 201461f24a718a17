#include "base/prop.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static bool
no_spaces(const struct config *c, const char *value, struct err *e)
{
    (void)c;
    return strchr(value, ' ') ? err_set(e, ERR_CONFIG, "x", "a space is not allowed") : true;
}

/* clang-format off */
static const struct prop rows[] = {
    {.name = "server.name", .type = PROP_STRING, .flags = PROP_REQUIRED, .check = no_spaces},
    {.name = "server.password", .type = PROP_PASSWORD, .flags = PROP_SECRET, .check = no_spaces},
    {.name = "server.port", .type = PROP_INT, .def = "5432", .min = 1, .max = 65535},
    {.name = "server.weight", .type = PROP_DOUBLE, .def = "0.5"},
    {.name = "bytes.max", .type = PROP_LONG, .def = "8000000000"},
    {.name = "retries", .type = PROP_INT, .def = "-1", .min = -1, .max = INT32_MAX},
    {.name = "enabled", .type = PROP_BOOL, .def = "true"},
    {.name = "mode", .type = PROP_ENUM, .def = "first", .choices = "first|initial,no_data|never|none,last"},
    {.name = "no.default", .type = PROP_ENUM, .choices = "a,b"},
    {.name = "list", .type = PROP_LIST},
    {.name = "later", .type = PROP_BOOL, .def = "false", .flags = PROP_REFUSED, .see = "it comes later"},
    {.name = "later.list", .type = PROP_LIST, .flags = PROP_REFUSED, .see = "it comes later"},
    {.name = "tuning", .type = PROP_INT, .def = "2048", .flags = PROP_NOOP, .see = "there is no queue"},
    {.name = "host", .type = PROP_STRING, .flags = PROP_ALIAS, .see = "server.name"},
    {.name = "machine", .type = PROP_STRING, .flags = PROP_ALIAS, .see = "server.name"},
    {.name = "disabled", .type = PROP_BOOL, .flags = PROP_ALIAS, .see = "enabled", .choices = "true=false,false=true"},
};
static const struct prop open_rows[] = {
    {.name = "driver.", .type = PROP_STRING, .flags = PROP_PREFIX},
    {.name = "driver.ssl.", .type = PROP_INT, .flags = PROP_PREFIX},
    {.name = "server.", .type = PROP_STRING, .flags = PROP_PREFIX},
    {.name = "<step>.type", .type = PROP_INT, .flags = PROP_PATTERN | PROP_NAMED, .see = "list"},
    {.name = "mask.<n>.chars", .type = PROP_STRING, .flags = PROP_PATTERN},
    {.name = "mask.hash.<algorithm>.salt.<salt>", .type = PROP_STRING, .flags = PROP_PATTERN | PROP_REFUSED,
     .see = "it comes later"},
};
/* clang-format on */
static const struct prop_table table = {rows, sizeof(rows) / sizeof(rows[0])};
static const struct prop_table open_table = {open_rows, sizeof(open_rows) / sizeof(open_rows[0])};
static const struct prop_table *const tables[] = {&table, &open_table, NULL};

static struct config *
config_with(const char *key, const char *value)
{
    struct config *c = config_new("c", tables);

    config_set(c, "server.name", "db");
    if (key)
        config_set(c, key, value);
    return c;
}

/* Validates; the only issue's text, or NULL when there is none. */
static const char *
only_issue(struct config *c, bool is_error)
{
    const struct prop_issue *is;
    bool ok = config_validate(c, &is);

    assert_int_equal(ok, !(is && is_error));
    if (!is)
        return NULL;
    if (is->next || is->is_error != is_error)
        fail_msg("%s; %s", is->text, is->next ? is->next->text : "");
    return is->text;
}

static void
a_value_counts_more_than_the_default(void **state)
{
    struct config *c = config_with("server.port", "6000");

    (void)state;
    assert_int_equal(config_int(c, "server.port"), 6000);
    assert_true(config_given(c, "server.port"));
    config_set(c, "server.port", NULL);
    assert_int_equal(config_int(c, "server.port"), 5432);
    assert_false(config_given(c, "server.port"));
    assert_string_equal(config_str(c, "server.port"), "5432");
    assert_null(config_str(c, "list"));
    assert_true(config_bool(c, "enabled"));
    assert_int_equal(config_int(c, "bytes.max"), 8000000000);
    assert_int_equal(config_enum(c, "no.default"), -1);
    config_free(c);
}

static void
a_name_in_no_table_aborts(void **state)
{
    struct config *c = config_with(NULL, NULL);
    pid_t pid = fork();
    int status;

    (void)state;
    if (pid == 0) {
        fclose(stderr);
        signal(SIGABRT, SIG_DFL);
        config_str(c, "no.such");
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    config_free(c);
}

static void
given_names_come_in_the_order_of_their_first_setting(void **state)
{
    struct config *c = config_new("c", tables);
    const char *key, *value;
    size_t i = 0;

    (void)state;
    config_set(c, "mode", "last");
    config_set(c, "list", "x");
    config_set(c, "unknown", "y");
    config_set(c, "list", NULL);
    config_set(c, "mode", "first");
    assert_true(config_next(c, &i, &key, &value));
    assert_string_equal(key, "mode");
    assert_string_equal(value, "first");
    assert_true(config_next(c, &i, &key, &value));
    assert_string_equal(key, "unknown");
    assert_false(config_next(c, &i, &key, &value));
    config_free(c);
}

static void
a_copy_lives_on_its_own(void **state)
{
    struct config *c = config_with("list", "a,b"), *copy = config_copy(c);

    (void)state;
    config_set(copy, "list", "c");
    assert_string_equal(config_str(c, "list"), "a,b");
    config_free(c);
    assert_string_equal(config_str(copy, "list"), "c");
    assert_string_equal(config_str(copy, "server.name"), "db");
    assert_string_equal(config_name(copy), "c");
    config_free(copy);
}

static void
an_old_name_counts_with_a_warning_that_names_the_new_one(void **state)
{
    struct config *c = config_new("c", tables);
    const char *text;

    (void)state;
    config_set(c, "host", "db1");
    text = only_issue(c, false);
    assert_non_null(strstr(text, "\"host\""));
    assert_non_null(strstr(text, "\"server.name\""));
    assert_string_equal(config_str(c, "server.name"), "db1");
    assert_false(config_given(c, "host"));
    config_free(c);
}

static void
the_new_name_wins_over_the_old_one(void **state)
{
    struct config *c = config_new("c", tables);

    (void)state;
    config_set(c, "host", "old");
    config_set(c, "server.name", "new");
    assert_non_null(strstr(only_issue(c, false), "wins"));
    assert_string_equal(config_str(c, "server.name"), "new");
    config_free(c);
}

static void
of_two_old_names_the_first_counts(void **state)
{
    struct config *c = config_new("c", tables);
    const struct prop_issue *is;

    (void)state;
    config_set(c, "machine", "one");
    config_set(c, "host", "two");
    assert_true(config_validate(c, &is));
    assert_string_equal(config_str(c, "server.name"), "one");
    config_free(c);
}

static void
an_old_name_may_have_had_other_values(void **state)
{
    struct config *c = config_with("disabled", "TRUE");

    (void)state;
    assert_non_null(only_issue(c, false));
    assert_false(config_bool(c, "enabled"));
    config_free(c);
    c = config_with("disabled", "maybe");
    assert_non_null(strstr(only_issue(c, true), "\"maybe\""));
    config_free(c);
}

static void
old_spellings_of_a_choice_become_the_new_one(void **state)
{
    static const struct {
        const char *value, *now;
        int at;
        bool warned;
    } cases[] = {{"first", "first", 0, false},  {"INITIAL", "first", 0, true},
                 {"never", "no_data", 1, true}, {" none ", "no_data", 1, true},
                 {"Last", "last", 2, false},    {"no_data", "no_data", 1, false}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct config *c = config_with("mode", cases[i].value);
        const char *text = only_issue(c, false);

        assert_int_equal(text != NULL, cases[i].warned);
        assert_string_equal(config_str(c, "mode"), cases[i].now);
        assert_int_equal(config_enum(c, "mode"), cases[i].at);
        config_free(c);
    }
}

static void
unknown_names_are_warned_of_with_what_was_probably_meant(void **state)
{
    static const struct {
        const char *typed, *meant;
    } cases[] = {
        {"retreis", "retries"},          {"Enabled", "enabled"},   {"bytes.mx", "bytes.max"},
        {"later.lst", "later.list"},     {"moed", "mode"},         {"tunning", "tuning"},
        {"password", "server.password"}, {"something.else", NULL}, {"x", NULL}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct config *c = config_with(cases[i].typed, "1");
        const char *text = only_issue(c, false), *meant = strstr(text, "did you mean");

        if (cases[i].meant)
            assert_non_null(strstr(meant, cases[i].meant));
        else
            assert_null(meant);
        config_free(c);
    }
}

static void
names_that_a_list_has_to_hold_are_unknown_without_it(void **state)
{
    static const struct {
        const char *list;
        bool known;
    } cases[] = {{"a, one", true}, {"one", true}, {"", false}, {"One", false}, {"on,ones", false}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct config *c = config_with("one.type", "no number");
        const char *text;

        config_set(c, "list", cases[i].list);
        text = only_issue(c, cases[i].known);
        assert_non_null(strstr(text, cases[i].known ? "\"no number\"" : "is unknown"));
        config_free(c);
    }
}

static void
a_slip_behind_a_prefix_is_noticed(void **state)
{
    struct config *c = config_with("server.prt", "1");

    (void)state;
    assert_non_null(strstr(only_issue(c, false), "\"server.port\""));
    config_free(c);
    c = config_with("server.other", "1");
    assert_null(only_issue(c, false));
    config_free(c);
}

static void
distance_counts_swaps_once_and_ignores_case(void **state)
{
    (void)state;
    assert_int_equal(prop_distance("abcd", "ABDC", 3), 1);
    assert_int_equal(prop_distance("kitten", "sitting", 5), 3);
    assert_int_equal(prop_distance("", "abc", 5), 3);
    assert_int_equal(prop_distance("abc", "abc", 0), 0);
    assert_int_equal(prop_distance("abcdef", "uvwxyz", 2), 3);
    assert_int_equal(prop_distance("a", "abcdef", 2), 3);
}

static void
all_errors_are_reported_at_once(void **state)
{
    struct config *c = config_new("c", tables);
    const struct prop_issue *is;
    unsigned n = 0;

    (void)state;
    config_set(c, "server.port", "70000");
    config_set(c, "enabled", "yes");
    config_set(c, "mode", "sometimes");
    config_set(c, "later", "true");
    config_set(c, "server.weight", "much");
    assert_false(config_validate(c, &is));
    for (; is; is = is->next, n++)
        assert_true(is->is_error);
    assert_int_equal(n, 6); /* and server.name is missing */
    config_free(c);
}

static void
wrong_values_name_property_value_and_what_is_allowed(void **state)
{
    static const struct {
        const char *name, *value, *allowed;
    } cases[] = {
        {"server.port", "abc", "from 1 to 65535"},
        {"server.port", "0", "from 1 to 65535"},
        {"server.port", "65536", "from 1 to 65535"},
        {"server.port", "", "from 1 to 65535"},
        {"server.port", "5432x", "from 1 to 65535"},
        {"retries", "-2", "from -1"},
        {"bytes.max", "99999999999999999999", "from -9223372036854775808 to 9223372036854775807"},
        {"enabled", "1", "true, false"},
        {"mode", "sometimes", "first, no_data, last"},
        {"mode", "fir", "first, no_data, last"},
        {"server.weight", "1.5x", "number"},
        {"server.name", "a b", "a space is not allowed"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct config *c = config_with(cases[i].name, cases[i].value);
        const char *text = only_issue(c, true);

        assert_non_null(strstr(text, cases[i].name));
        assert_non_null(strstr(text, cases[i].value));
        assert_non_null(strstr(text, cases[i].allowed));
        config_free(c);
    }
}

static void
good_values_pass_and_are_trimmed(void **state)
{
    static const struct {
        const char *name, *value, *now;
    } cases[] = {
        {"server.port", " 1 ", "1"},         {"retries", "-1", "-1"}, {"enabled", "TRUE ", "true"},
        {"server.weight", " 1e3 ", " 1e3 "}, {"list", "", ""},        {"server.password", "", ""}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct config *c = config_with(cases[i].name, cases[i].value);

        assert_null(only_issue(c, false));
        assert_string_equal(config_str(c, cases[i].name), cases[i].now);
        config_free(c);
    }
}

static void
a_secret_is_never_printed(void **state)
{
    struct config *c = config_with("server.password", "hunter 2");

    (void)state;
    assert_null(strstr(only_issue(c, true), "hunter"));
    config_free(c);
    c = config_with("mask.hash.SHA-256.salt.Sa.lt", "a.b");
    assert_null(strstr(only_issue(c, true), "Sa.lt"));
    config_free(c);
}

static void
control_characters_do_not_reach_a_message(void **state)
{
    struct config *c = config_with("mode", "a\nERROR forged\x1b[2J");
    const char *text = only_issue(c, true);

    (void)state;
    assert_null(strchr(text, '\n'));
    assert_null(strchr(text, 0x1b));
    config_free(c);
}

static void
long_values_are_cut_between_characters(void **state)
{
    char value[4001];
    struct config *c;
    const char *text, *dots;

    (void)state;
    for (size_t i = 0; i < 4000; i += 2)
        memcpy(value + i, "\xc3\xbc", 2);
    value[4000] = '\0';
    c = config_with("mode", value);
    text = only_issue(c, true);
    dots = strstr(text, "...\"");
    assert_non_null(dots);
    assert_int_equal((unsigned char)dots[-1], 0xbc);
    config_free(c);
}

static void
a_refused_property_is_an_error_unless_it_says_the_default(void **state)
{
    struct config *c = config_with("later", "False");

    (void)state;
    assert_null(only_issue(c, false));
    config_set(c, "later", "true");
    assert_non_null(strstr(only_issue(c, true), "it comes later"));
    config_free(c);
    c = config_with("later.list", " ");
    assert_null(only_issue(c, false));
    config_set(c, "later.list", "a");
    assert_non_null(only_issue(c, true));
    config_free(c);
}

static void
a_property_without_effect_is_warned_of_unless_it_says_the_default(void **state)
{
    struct config *c = config_with("tuning", "02048");

    (void)state;
    assert_null(only_issue(c, false));
    config_set(c, "tuning", "1");
    assert_non_null(strstr(only_issue(c, false), "there is no queue"));
    config_set(c, "tuning", "many");
    assert_non_null(only_issue(c, true));
    config_free(c);
}

static void
required_ones_must_be_there_and_not_empty(void **state)
{
    struct config *c = config_new("c", tables);

    (void)state;
    assert_non_null(strstr(only_issue(c, true), "\"server.name\" is required"));
    config_set(c, "server.name", "  ");
    assert_non_null(only_issue(c, true));
    config_set(c, "server.name", "x");
    assert_null(only_issue(c, false));
    config_free(c);
}

static void
rows_are_found_by_name_prefix_and_pattern(void **state)
{
    static const struct {
        const char *name, *row;
    } cases[] = {
        {"server.port", "server.port"},
        {"server.anything", "server."},
        {"driver.x", "driver."},
        {"driver.ssl.x", "driver.ssl."},
        {"driver", NULL},
        {"mask.12.chars", "mask.<n>.chars"},
        {"mask..chars", NULL},
        {"mask.1.2.chars", NULL},
        {"mask.12.chars.x", NULL},
        {"mask.hash.MD5.salt.a.b.c", "mask.hash.<algorithm>.salt.<salt>"},
        {"mask.hash.MD5.salt.", NULL},
        {"mask.hash.MD5.salt", NULL},
        {"mask.hash.v2.MD5.salt.a", NULL},
        {"", NULL},
    };
    struct config *c = config_new("c", tables);

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct prop *row = config_prop(c, cases[i].name);

        assert_ptr_equal(row, prop_find(tables, cases[i].name));
        if (cases[i].row)
            assert_string_equal(row->name, cases[i].row);
        else
            assert_null(row);
    }
    config_free(c);
}

static void
a_prefix_itself_is_no_property_but_has_a_page(void **state)
{
    struct config *c = config_new("c", tables);

    (void)state;
    assert_null(config_prop(c, "driver."));
    assert_string_equal(prop_find(tables, "driver.")->name, "driver.");
    assert_string_equal(prop_find(tables, "mask.<n>.chars")->name, "mask.<n>.chars");
    config_free(c);
}

static void
lists_are_split_at_commas_that_are_not_escaped(void **state)
{
    static const struct {
        const char *text, *items; /* joined by '|' */
    } cases[] = {
        {"", ""},           {" , ,", ""},         {"a", "a"},
        {" a , b ", "a|b"}, {"a\\,b,c", "a,b|c"}, {"a\\.b\\d,c\\\\,d", "a\\.b\\d|c\\\\|d"},
        {"a\\", "a\\"},     {"a,,b", "a|b"},      {"a{1\\,3}", "a{1,3}"},
    };
    char joined[64];
    struct buf item;

    (void)state;
    buf_init(&item, 64);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *pos = cases[i].text;

        joined[0] = '\0';
        while (config_list_next(&pos, &item)) {
            if (joined[0])
                strcat(joined, "|");
            strcat(joined, buf_cstr(&item));
        }
        assert_string_equal(joined, cases[i].items);
        assert_false(config_list_next(&pos, &item));
    }
    buf_free(&item);
}

static void
a_wrong_value_counts_as_absent(void **state)
{
    struct config *c = config_with("server.port", "abc");

    (void)state;
    config_set(c, "mode", "sometimes");
    config_set(c, "enabled", "perhaps");
    assert_int_equal(config_int(c, "server.port"), 5432);
    assert_int_equal(config_enum(c, "mode"), 0);
    assert_true(config_bool(c, "enabled"));
    config_free(c);
}

static void
validating_again_begins_anew(void **state)
{
    struct config *c = config_with("mode", "sometimes");
    const struct prop_issue *is;

    (void)state;
    assert_false(config_validate(c, &is));
    assert_false(config_validate(c, &is));
    assert_null(is->next);
    config_set(c, "mode", "last");
    assert_true(config_validate(c, &is));
    assert_null(is);
    config_free(c);
}

static void
thousands_of_unknown_names_are_no_burden(void **state)
{
    struct config *c = config_with(NULL, NULL);
    const struct prop_issue *is;
    unsigned n = 0, meant = 0;

    (void)state;
    for (int i = 0; i < 4000; i++) {
        char key[32];

        snprintf(key, sizeof(key), "retrie%d", i);
        config_set(c, key, "x");
    }
    assert_true(config_validate(c, &is));
    for (; is; is = is->next, n++)
        meant += strstr(is->text, "did you mean") != NULL;
    assert_int_equal(n, 4000);
    assert_true(meant > 0 && meant <= 32);
    config_free(c);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_counts_more_than_the_default),
        cmocka_unit_test(a_name_in_no_table_aborts),
        cmocka_unit_test(given_names_come_in_the_order_of_their_first_setting),
        cmocka_unit_test(a_copy_lives_on_its_own),
        cmocka_unit_test(an_old_name_counts_with_a_warning_that_names_the_new_one),
        cmocka_unit_test(the_new_name_wins_over_the_old_one),
        cmocka_unit_test(of_two_old_names_the_first_counts),
        cmocka_unit_test(an_old_name_may_have_had_other_values),
        cmocka_unit_test(old_spellings_of_a_choice_become_the_new_one),
        cmocka_unit_test(unknown_names_are_warned_of_with_what_was_probably_meant),
        cmocka_unit_test(names_that_a_list_has_to_hold_are_unknown_without_it),
        cmocka_unit_test(a_slip_behind_a_prefix_is_noticed),
        cmocka_unit_test(distance_counts_swaps_once_and_ignores_case),
        cmocka_unit_test(all_errors_are_reported_at_once),
        cmocka_unit_test(wrong_values_name_property_value_and_what_is_allowed),
        cmocka_unit_test(good_values_pass_and_are_trimmed),
        cmocka_unit_test(a_secret_is_never_printed),
        cmocka_unit_test(control_characters_do_not_reach_a_message),
        cmocka_unit_test(long_values_are_cut_between_characters),
        cmocka_unit_test(a_refused_property_is_an_error_unless_it_says_the_default),
        cmocka_unit_test(a_property_without_effect_is_warned_of_unless_it_says_the_default),
        cmocka_unit_test(required_ones_must_be_there_and_not_empty),
        cmocka_unit_test(rows_are_found_by_name_prefix_and_pattern),
        cmocka_unit_test(a_prefix_itself_is_no_property_but_has_a_page),
        cmocka_unit_test(lists_are_split_at_commas_that_are_not_escaped),
        cmocka_unit_test(a_wrong_value_counts_as_absent),
        cmocka_unit_test(validating_again_begins_anew),
        cmocka_unit_test(thousands_of_unknown_names_are_no_burden),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
