#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
text_comes_out_as_it_went_in(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 1000);
    BUF_LIT(&b, "one ");
    buf_str(&b, "two ");
    buf_slice(&b, SLICE_LIT("three "));
    buf_putc(&b, '4');
    buf_printf(&b, " %s=%d", "five", 5);
    assert_true(buf_ok(&b));
    assert_string_equal(buf_cstr(&b), "one two three 4 five=5");
    assert_int_equal(buf_view(&b).n, strlen("one two three 4 five=5"));
    buf_free(&b);
}

static void
a_fresh_buffer_is_an_empty_text(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 0);
    assert_string_equal(buf_cstr(&b), "");
    buf_add(&b, "x", 0);
    BUF_LIT(&b, "");
    buf_printf(&b, "%s", "");
    assert_true(buf_ok(&b));
    assert_int_equal(b.n, 0);
    buf_free(&b);
}

static void
the_maximum_can_be_reached_and_not_passed(void **state)
{
    (void)state;
    for (size_t max = 0; max < 600; max++) {
        struct buf b;

        buf_init(&b, max);
        for (size_t i = 0; i < max; i++) {
            buf_putc(&b, 'a');
            assert_true(buf_ok(&b));
        }
        assert_int_equal(b.n, max);
        assert_int_equal(strlen(buf_cstr(&b)), max);
        assert_true(buf_ok(&b));
        buf_putc(&b, 'b');
        assert_false(buf_ok(&b));
        assert_int_equal(b.n, max);
        assert_true(b.cap <= max);
        buf_free(&b);
    }
}

static void
full_stays_until_clear(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 300);
    buf_str(&b, "kept");
    assert_null(buf_room(&b, 301));
    assert_false(buf_ok(&b));
    assert_int_equal(b.n, 4);
    buf_clear(&b);
    assert_true(buf_ok(&b));
    assert_int_equal(b.n, 0);
    assert_non_null(buf_room(&b, 300));
    buf_free(&b);
}

static void
a_length_that_wraps_is_full(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, SIZE_MAX);
    buf_putc(&b, 'a');
    assert_null(buf_room(&b, SIZE_MAX));
    assert_false(buf_ok(&b));
    buf_free(&b);
}

static void
printf_that_does_not_fit_writes_nothing(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 5);
    buf_printf(&b, "%d", 12345);
    assert_true(buf_ok(&b));
    assert_string_equal(buf_cstr(&b), "12345");
    buf_clear(&b);
    buf_printf(&b, "%d", 123456);
    assert_false(buf_ok(&b));
    assert_int_equal(b.n, 0);
    buf_free(&b);
}

static void
free_leaves_a_usable_buffer(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 10);
    buf_str(&b, "x");
    buf_free(&b);
    assert_int_equal(b.max, 10);
    buf_str(&b, "again");
    assert_string_equal(buf_cstr(&b), "again");
    buf_free(&b);
}

static void
a_recycled_buffer_gives_back_what_was_huge(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, SIZE_MAX);
    buf_str(&b, "small");
    buf_recycle(&b);
    assert_int_equal(b.n, 0);
    assert_true(b.cap > 0);
    assert_non_null(buf_room(&b, BUF_KEEP + 1));
    b.n = BUF_KEEP + 1;
    buf_recycle(&b);
    assert_int_equal(b.n, 0);
    assert_int_equal(b.cap, 0);
    buf_str(&b, "again");
    assert_string_equal(buf_cstr(&b), "again");
    buf_free(&b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_comes_out_as_it_went_in),
        cmocka_unit_test(a_fresh_buffer_is_an_empty_text),
        cmocka_unit_test(the_maximum_can_be_reached_and_not_passed),
        cmocka_unit_test(full_stays_until_clear),
        cmocka_unit_test(a_length_that_wraps_is_full),
        cmocka_unit_test(printf_that_does_not_fit_writes_nothing),
        cmocka_unit_test(free_leaves_a_usable_buffer),
        cmocka_unit_test(a_recycled_buffer_gives_back_what_was_huge),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
