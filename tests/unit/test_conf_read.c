#include "replicator/conf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct config *
parse(const char *text)
{
    struct err e;
    struct config *c = conf_parse(text, strlen(text), "dir/orders.json", &e);

    if (!c)
        fail_msg("%s: %s", text, e.msg);
    return c;
}

static void
the_name_is_the_files_else_the_prefix_else_the_file_name(void **state)
{
    static const struct {
        const char *text, *name;
    } cases[] = {
        {"{\"name\":\"n\",\"config\":{\"topic.prefix\":\"p\"}}", "n"},
        {"{\"config\":{\"topic.prefix\":\"p\"}}", "p"},
        {"{\"config\":{\"name\":\"m\"}}", "m"},
        {"{\"name\":\"m\",\"config\":{\"name\":\"m\"}}", "m"},
        {"{\"name\":\"m\",\"topic.prefix\":\"p\"}", "m"},
        {"database.server.name=s", "s"},
        {"name=\ntopic.prefix=p", "p"},
        {"slot.name=s", "orders"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct config *c = parse(cases[i].text);

        assert_string_equal(config_name(c), cases[i].name);
        assert_string_equal(config_str(c, "name"), cases[i].name);
        config_free(c);
    }
}

static void
json_scalars_become_text(void **state)
{
    struct config *c = parse(
        " \r\n\t{\"a\":1,\"b\":true,\"c\":false,\"d\":-7000000000,\"e\":0.1,\"f\":null,\"g\":"
        "\"\\u00fc\"}");
    static const char *const want[] = {"a", "1",           "b", "true", "c", "false",
                                       "d", "-7000000000", "e", "0.1",  "g", "\xc3\xbc"};
    const char *key, *value;
    size_t i = 0;

    (void)state;
    for (size_t w = 0; w < sizeof(want) / sizeof(want[0]); w += 2) {
        assert_true(config_next(c, &i, &key, &value));
        assert_string_equal(key, want[w]);
        assert_string_equal(value, want[w + 1]);
    }
    config_free(c);
}

static void
a_byte_order_mark_is_skipped(void **state)
{
    struct config *c = parse("\xef\xbb\xbf{\"slot.name\":\"s\"}");

    (void)state;
    assert_string_equal(config_str(c, "slot.name"), "s");
    config_free(c);
}

/* As java.util.Properties reads it. */
static void
properties_follow_javas_syntax(void **state)
{
    static const struct {
        const char *text, *key, *value;
    } cases[] = {
        {"a=b", "a", "b"},
        {"a:b", "a", "b"},
        {"a b", "a", "b"},
        {"a\t=\f b ", "a", "b "},
        {"a = = b", "a", "= b"},
        {"a", "a", ""},
        {"  a=b\r\n", "a", "b"},
        {"# a=x\n! b=x\n   # c=x\n\n a = b", "a", "b"},
        {"# no continuation \\\na=b", "a", "b"},
        {"a = b\\\n    c\\\r\n  d", "a", "bcd"},
        {"a\\\n  b=c", "ab", "c"},
        {"a \\\n  = \\\n b", "a", "b"},
        {"a\\ b\\=c\\:d = x", "a b=c:d", "x"},
        {"a=\\t\\n\\r\\f\\q\\\\\\#", "a", "\t\n\r\fq\\#"},
        {"a=\\u00fc\\u20AC\\uD83D\\uDE00", "a", "\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80"},
        {"a=\xc3\xbc", "a", "\xc3\xbc"},
        {"a=x\\\\", "a", "x\\"},
        {"a=x\\", "a", "x"},
        {"a=x\\\n", "a", "x"},
        {"a=#b", "a", "#b"},
        {"a=regex\\\\.x{1\\\\,3}", "a", "regex\\.x{1\\,3}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct config *c = parse(cases[i].text);
        const char *key = "", *value = "";
        size_t at = 0;

        assert_true(config_next(c, &at, &key, &value));
        assert_string_equal(key, cases[i].key);
        assert_string_equal(value, cases[i].value);
        config_free(c);
    }
}

static void
variables_are_filled_in_anywhere_in_a_value(void **state)
{
    struct config *c;

    (void)state;
    setenv("WB_TEST_A", "x y", 1);
    setenv("WB_TEST_EMPTY", "", 1);
    c = parse(
        "slot.name=<${env:WB_TEST_A}${env:WB_TEST_EMPTY}${env:WB_TEST_A}>\ntopic.prefix=${routedBy}"
        " ${x:y} $${");
    assert_string_equal(config_str(c, "slot.name"), "<x yx y>");
    assert_string_equal(config_str(c, "topic.prefix"), "${routedBy} ${x:y} $${");
    config_free(c);
}

static void
a_variable_is_not_filled_in_twice(void **state)
{
    struct config *c;

    (void)state;
    setenv("WB_TEST_A", "${env:HOME}", 1);
    c = parse("slot.name=${env:WB_TEST_A}");
    assert_string_equal(config_str(c, "slot.name"), "${env:HOME}");
    config_free(c);
}

static void
bad_files_are_errors(void **state)
{
    static const struct {
        const char *text, *code;
    } cases[] = {
        {"", "config.empty"},
        {"# nothing", "config.empty"},
        {"{}", "config.empty"},
        {"{", "config.syntax"},
        {"{\"a\":}", "config.syntax"},
        {"{\"a\":\"b\"} x", "config.syntax"},
        {"{\"a\":\"\\u0000\"}", "config.syntax"},
        {"{\"a\":\"\xff\"}", "config.syntax"},
        {"{\"a\":\"b\",\"a\":\"b\"}", "config.syntax"},
        {"{\"a\":{\"b\":1}}", "config.nested"},
        {"{\"a\":[1]}", "config.nested"},
        {"{\"config\":{\"a\":{}}}", "config.nested"},
        {"{\"config\":[]}", "config.nested"},
        {"{\"name\":\"a\",\"config\":{\"x\":1},\"more\":1}", "config.shape"},
        {"{\"name\":1,\"config\":{\"x\":1}}", "config.shape"},
        {"{\"name\":\"a\",\"config\":{\"name\":\"b\"}}", "config.shape"},
        {"a=1\na=2", "config.duplicate"},
        {"a=\\u12g4", "config.syntax"},
        {"a=\\u12", "config.syntax"},
        {"a=\\ud800", "config.syntax"},
        {"a=\\ud800\\u0041", "config.syntax"},
        {"a=\\udc00", "config.syntax"},
        {"a=\\u0000", "config.syntax"},
        {"=b", "config.syntax"},
        {"a=${env:WB_TEST_NOT_SET}", "config.env"},
        {"a=${env:}", "config.env"},
        {"a=${env:X", "config.env"},
        {"a=${env:A B}", "config.env"},
        {"a=${file:/nonexistent/file:root}", "config.provider"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct err e = {0};

        if (conf_parse(cases[i].text, strlen(cases[i].text), "x", &e))
            fail_msg("\"%s\" is read", cases[i].text);
        if (strcmp(e.code, cases[i].code) != 0)
            fail_msg("\"%s\" gives %s, %s", cases[i].text, e.code, e.msg);
        assert_int_equal(e.cls, ERR_CONFIG);
    }
}

static void
a_missing_variable_is_named(void **state)
{
    struct err e;

    (void)state;
    unsetenv("WB_TEST_NOT_SET");
    assert_null(conf_parse("slot.name=${env:WB_TEST_NOT_SET}", 32, "x", &e));
    assert_non_null(strstr(e.msg, "WB_TEST_NOT_SET"));
    assert_non_null(strstr(e.msg, "slot.name"));
}

static void
broken_json_does_not_print_what_stood_there(void **state)
{
    static const char text[] = "{\"database.password\": \"hunter2\", oops hunter2";
    struct err e;

    (void)state;
    assert_null(conf_parse(text, sizeof(text) - 1, "x", &e));
    assert_null(strstr(e.msg, "hunter2"));
    assert_non_null(strstr(e.msg, "line 1"));
}

static void
a_nul_in_a_file_is_an_error(void **state)
{
    struct err e;

    (void)state;
    assert_null(conf_parse("a=b\0c", 5, "x", &e));
    assert_string_equal(e.code, "config.syntax");
    assert_null(conf_parse("\0", 1, "x", &e));
    assert_null(conf_parse("a=\\\0", 4, "x", &e));
}

static void
every_cut_of_a_file_is_read_or_refused_within_its_bytes(void **state)
{
    static const char text[] =
        "\xef\xbb\xbf# c\na = b\\\n c\\u00fc\\uD83D\\uDE00${env:PATH}\r\n!x\nd:e\\";

    (void)state;
    for (size_t n = 0; n < sizeof(text); n++) {
        char *copy = malloc(n + 1); /* exact end, for the address sanitizer */
        struct err e;

        memcpy(copy, text, n);
        copy = realloc(copy, n ? n : 1);
        config_free(conf_parse(copy, n, "x", &e));
        free(copy);
    }
}

static void
too_much_is_an_error(void **state)
{
    char *text = malloc(2 << 20);
    size_t n = 0;
    struct err e;

    (void)state;
    for (int i = 0; i < 5000; i++)
        n += (size_t)sprintf(text + n, "k%d=v\n", i);
    assert_null(conf_parse(text, n, "x", &e));
    assert_string_equal(e.code, "config.size");
    n = (size_t)sprintf(text, "a=");
    memset(text + n, 'x', 300000);
    assert_null(conf_parse(text, n + 300000, "x", &e));
    assert_string_equal(e.code, "config.size");
    free(text);
}

static void
files_are_read_up_to_a_limit(void **state)
{
    char path[] = "/tmp/walbridge-test-XXXXXX";
    int fd = mkstemp(path);
    struct config *c;
    struct err e;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "slot.name=s\n", 12), 12);
    c = conf_read(path, &e);
    assert_non_null(c);
    assert_string_equal(config_str(c, "slot.name"), "s");
    config_free(c);
    assert_int_equal(ftruncate(fd, 3 << 20), 0);
    assert_null(conf_read(path, &e));
    assert_string_equal(e.code, "config.size");
    close(fd);
    unlink(path);
    assert_null(conf_read(path, &e));
    assert_string_equal(e.code, "config.read");
    assert_null(conf_read("/", &e));
    assert_string_equal(e.code, "config.read");
}

static void
bootstrap_servers_come_from_the_environment_when_the_file_has_none(void **state)
{
    struct config *c;

    (void)state;
    setenv("BOOTSTRAP_SERVERS", "env:9092", 1);
    c = parse("slot.name=s");
    assert_string_equal(config_str(c, "bootstrap.servers"), "env:9092");
    config_free(c);
    c = parse("bootstrap.servers=file:9092");
    assert_string_equal(config_str(c, "bootstrap.servers"), "file:9092");
    config_free(c);
    setenv("BOOTSTRAP_SERVERS", "", 1);
    c = parse("slot.name=s");
    assert_false(config_given(c, "bootstrap.servers"));
    config_free(c);
    unsetenv("BOOTSTRAP_SERVERS");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_name_is_the_files_else_the_prefix_else_the_file_name),
        cmocka_unit_test(json_scalars_become_text),
        cmocka_unit_test(a_byte_order_mark_is_skipped),
        cmocka_unit_test(properties_follow_javas_syntax),
        cmocka_unit_test(variables_are_filled_in_anywhere_in_a_value),
        cmocka_unit_test(a_variable_is_not_filled_in_twice),
        cmocka_unit_test(bad_files_are_errors),
        cmocka_unit_test(a_missing_variable_is_named),
        cmocka_unit_test(broken_json_does_not_print_what_stood_there),
        cmocka_unit_test(a_nul_in_a_file_is_an_error),
        cmocka_unit_test(every_cut_of_a_file_is_read_or_refused_within_its_bytes),
        cmocka_unit_test(too_much_is_an_error),
        cmocka_unit_test(files_are_read_up_to_a_limit),
        cmocka_unit_test(bootstrap_servers_come_from_the_environment_when_the_file_has_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
