#include "base/rd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const unsigned char message[] = {
    0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c,
    0x0d, 0x0e, 0x0f, 'a',  'b',  'c',  'n',  'a',  'm',  'e',  0x00,
};

struct message {
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
    struct slice bytes, name;
};

static struct message
read_message(struct rd *r)
{
    struct message m;

    m.u8 = rd_u8(r);
    m.u16 = rd_u16(r);
    m.u32 = rd_u32(r);
    m.u64 = rd_u64(r);
    m.bytes = rd_bytes(r, 3);
    m.name = rd_cstr(r);
    return m;
}

static void
numbers_are_big_endian_and_texts_are_views(void **state)
{
    struct rd r = rd_of(message, sizeof(message));
    struct message m = read_message(&r);

    (void)state;
    assert_true(rd_done(&r));
    assert_int_equal(m.u8, 0x01);
    assert_int_equal(m.u16, 0x0203);
    assert_int_equal(m.u32, 0x04050607);
    assert_int_equal(m.u64, UINT64_C(0x08090a0b0c0d0e0f));
    assert_true(slice_is(m.bytes, "abc"));
    assert_true(slice_is(m.name, "name"));
    assert_ptr_equal(m.name.p, message + 18);
}

/* The copy ends where the message is cut: a read past it is found by the asan build. */
static void
every_shorter_length_is_bad_and_never_read_past(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof(message); n++) {
        unsigned char *copy = malloc(n ? n : 1);
        struct rd r;

        assert_non_null(copy);
        memcpy(copy, message, n);
        r = rd_of(copy, n);
        read_message(&r);
        assert_false(rd_ok(&r));
        assert_false(rd_done(&r));
        assert_int_equal(rd_left(&r), 0);
        free(copy);
    }
}

static void
reads_after_the_end_are_zeros_and_stay_bad(void **state)
{
    struct rd r = rd_of(message, 1);

    (void)state;
    assert_int_equal(rd_u32(&r), 0);
    assert_false(rd_ok(&r));
    /* What was left is gone too: a bad reader never goes on in the middle. */
    assert_int_equal(rd_u8(&r), 0);
    assert_int_equal(rd_u16(&r), 0);
    assert_int_equal(rd_u64(&r), 0);
    assert_int_equal(rd_bytes(&r, 1).n, 0);
    assert_int_equal(rd_cstr(&r).n, 0);
    assert_int_equal(rd_bytes(&r, 0).n, 0);
    assert_false(rd_ok(&r));
}

static void
bytes_left_over_are_not_done(void **state)
{
    struct rd r = rd_of(message, sizeof(message));

    (void)state;
    rd_u8(&r);
    assert_true(rd_ok(&r));
    assert_false(rd_done(&r));
    assert_int_equal(rd_left(&r), sizeof(message) - 1);
}

static void
a_huge_length_does_not_wrap(void **state)
{
    struct rd r = rd_of(message, sizeof(message));

    (void)state;
    assert_int_equal(rd_bytes(&r, SIZE_MAX).n, 0);
    assert_false(rd_ok(&r));
}

static void
a_string_without_its_nul_is_bad(void **state)
{
    struct rd r = rd_of("abc", 3);

    (void)state;
    assert_int_equal(rd_cstr(&r).n, 0);
    assert_false(rd_ok(&r));
}

static void
an_empty_string_is_one_byte(void **state)
{
    struct rd r = rd_of("\0x", 2);

    (void)state;
    assert_int_equal(rd_cstr(&r).n, 0);
    assert_true(rd_ok(&r));
    assert_int_equal(rd_u8(&r), 'x');
    assert_true(rd_done(&r));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_big_endian_and_texts_are_views),
        cmocka_unit_test(every_shorter_length_is_bad_and_never_read_past),
        cmocka_unit_test(reads_after_the_end_are_zeros_and_stay_bad),
        cmocka_unit_test(bytes_left_over_are_not_done),
        cmocka_unit_test(a_huge_length_does_not_wrap),
        cmocka_unit_test(a_string_without_its_nul_is_bad),
        cmocka_unit_test(an_empty_string_is_one_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
