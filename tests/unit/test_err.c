#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
set_fills_every_field_and_returns_false(void **state)
{
    struct err e = {.sqlstate = "55006"};

    (void)state;
    assert_false(err_set(&e, ERR_CONFIG, "slot.in_use", "slot \"%s\" is held by pid %d", "s1", 42));
    assert_int_equal(e.cls, ERR_CONFIG);
    assert_string_equal(e.code, "slot.in_use");
    assert_string_equal(e.sqlstate, "");
    assert_string_equal(e.msg, "slot \"s1\" is held by pid 42");
}

static void
set_may_quote_the_error_it_replaces(void **state)
{
    struct err e;

    (void)state;
    err_set(&e, ERR_RETRY, "a", "first");
    err_set(&e, ERR_FATAL, e.code, "was: %s", e.msg);
    assert_string_equal(e.msg, "was: first");
    assert_string_equal(e.code, "a");
}

static void
wrap_puts_text_before_and_keeps_the_rest(void **state)
{
    struct err e;

    (void)state;
    err_set(&e, ERR_RETRY, "conn.refused", "connection refused");
    strcpy(e.sqlstate, "08001");
    assert_false(err_wrap(&e, "connecting to \"%s\"", "db"));
    assert_string_equal(e.msg, "connecting to \"db\": connection refused");
    assert_int_equal(e.cls, ERR_RETRY);
    assert_string_equal(e.code, "conn.refused");
    assert_string_equal(e.sqlstate, "08001");
}

static void
wrap_of_a_long_message_loses_its_end(void **state)
{
    struct err e;
    char text[sizeof(e.msg) + 100];

    (void)state;
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    err_set(&e, ERR_DATA, "long", "%s", text);
    assert_int_equal(strlen(e.msg), sizeof(e.msg) - 1);
    err_wrap(&e, "reading");
    assert_int_equal(strlen(e.msg), sizeof(e.msg) - 1);
    assert_memory_equal(e.msg, "reading: xxx", 12);
    err_wrap(&e, "%s", text);
    assert_int_equal(strlen(e.msg), sizeof(e.msg) - 1);
    /* Every length of the prefix around the end of the room. */
    for (size_t n = sizeof(e.msg) - 8; n < sizeof(e.msg) + 2; n++) {
        err_set(&e, ERR_DATA, "long", "inner");
        err_wrap(&e, "%.*s", (int)n, text);
        assert_true(strlen(e.msg) < sizeof(e.msg));
        assert_true(strlen(e.msg) >= (n < sizeof(e.msg) ? n : sizeof(e.msg) - 1));
    }
}

static void
a_long_code_is_cut(void **state)
{
    struct err e;

    (void)state;
    err_set(&e, ERR_BUG, "0123456789012345678901234567890123456789012345", "m");
    assert_int_equal(strlen(e.code), sizeof(e.code) - 1);
}

static void
null_error_is_allowed(void **state)
{
    (void)state;
    assert_false(err_set(NULL, ERR_BUG, "x", "y"));
    assert_false(err_wrap(NULL, "y"));
    err_clear(NULL);
}

static void
clear_leaves_nothing(void **state)
{
    struct err e;

    (void)state;
    err_set(&e, ERR_BUG, "x", "y");
    strcpy(e.sqlstate, "XX000");
    err_clear(&e);
    assert_int_equal(e.cls, ERR_NONE);
    assert_string_equal(e.code, "");
    assert_string_equal(e.sqlstate, "");
    assert_string_equal(e.msg, "");
}

static void
every_class_has_a_name(void **state)
{
    static const char *const names[] = {"none", "retry", "config", "data", "fatal", "bug"};

    (void)state;
    for (int c = ERR_NONE; c <= ERR_BUG; c++)
        assert_string_equal(err_class_name((enum err_class)c), names[c]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_fills_every_field_and_returns_false),
        cmocka_unit_test(set_may_quote_the_error_it_replaces),
        cmocka_unit_test(wrap_puts_text_before_and_keeps_the_rest),
        cmocka_unit_test(wrap_of_a_long_message_loses_its_end),
        cmocka_unit_test(a_long_code_is_cut),
        cmocka_unit_test(null_error_is_allowed),
        cmocka_unit_test(clear_leaves_nothing),
        cmocka_unit_test(every_class_has_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
