#include "base/num.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void
assert_number(uint64_t v)
{
    char expected[32], got[NUM_U64_MAX + 1];
    struct buf b;

    snprintf(expected, sizeof(expected), "%" PRIu64, v);
    got[num_u64(got, v)] = '\0';
    assert_string_equal(got, expected);

    buf_init(&b, 100);
    num_add_u64(&b, v);
    assert_string_equal(buf_cstr(&b), expected);
    buf_clear(&b);
    num_add_i64(&b, (int64_t)v);
    snprintf(expected, sizeof(expected), "%" PRId64, (int64_t)v);
    assert_string_equal(buf_cstr(&b), expected);
    buf_free(&b);
}

static void
integers_read_as_printf_writes_them(void **state)
{
    uint64_t power = 1, random = 88172645463325252U;

    (void)state;
    for (uint64_t v = 0; v < 20000; v++)
        assert_number(v);
    for (int digits = 0; digits < 20; digits++, power *= 10) {
        assert_number(power - 1);
        assert_number(power);
        assert_number(power + 1);
    }
    for (int bit = 0; bit < 64; bit++) {
        assert_number((UINT64_C(1) << bit) - 1);
        assert_number(UINT64_C(1) << bit);
        assert_number(0 - (UINT64_C(1) << bit));
    }
    assert_number(UINT64_MAX);
    for (int i = 0; i < 100000; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        assert_number(random >> (i & 63));
    }
}

static void
integers_are_parsed_whole_or_not_at_all(void **state)
{
    static const struct {
        const char *text;
        bool is_i64, is_u64;
        int64_t i64;
        uint64_t u64;
    } cases[] = {
        {"0", true, true, 0, 0},
        {"007", true, true, 7, 7},
        {"-0", true, false, 0, 0},
        {"+5", true, false, 5, 0},
        {"-5", true, false, -5, 0},
        {"9223372036854775807", true, true, INT64_MAX, INT64_MAX},
        {"9223372036854775808", false, true, 0, UINT64_C(9223372036854775808)},
        {"-9223372036854775808", true, false, INT64_MIN, 0},
        {"-9223372036854775809", false, false, 0, 0},
        {"18446744073709551615", false, true, 0, UINT64_MAX},
        {"18446744073709551616", false, false, 0, 0},
        {"99999999999999999999999", false, false, 0, 0},
        {"", false, false, 0, 0},
        {"-", false, false, 0, 0},
        {"+", false, false, 0, 0},
        {"--1", false, false, 0, 0},
        {" 1", false, false, 0, 0},
        {"1 ", false, false, 0, 0},
        {"1.0", false, false, 0, 0},
        {"0x1", false, false, 0, 0},
        {"1:", false, false, 0, 0},
        {"1/", false, false, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t i64 = 0;
        uint64_t u64 = 0;

        assert_int_equal(num_parse_i64(slice_of(cases[i].text), &i64), cases[i].is_i64);
        assert_int_equal(num_parse_u64(slice_of(cases[i].text), &u64), cases[i].is_u64);
        assert_int_equal(i64, cases[i].i64);
        assert_int_equal(u64, cases[i].u64);
    }
}

static void
lsn_in_both_directions(void **state)
{
    static const struct {
        const char *text;
        uint64_t lsn;
    } cases[] = {
        {"0/0", 0},
        {"16/B374D848", UINT64_C(0x16B374D848)},
        {"0/1", 1},
        {"1/0", UINT64_C(0x100000000)},
        {"FFFFFFFF/FFFFFFFF", UINT64_MAX},
    };
    static const char *const bad[] = {"",      "0",    "/",   "0/",          "/0",
                                      "0/0/0", "G/0",  "0/G", "123456789/0", "0/123456789",
                                      " 0/0",  "0/0 ", "-1/0"};
    char text[NUM_LSN_TEXT];
    uint64_t lsn = 7;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_string_equal(num_lsn_text(text, cases[i].lsn), cases[i].text);
        assert_true(num_parse_lsn(slice_of(cases[i].text), &lsn));
        assert_int_equal(lsn, cases[i].lsn);
    }
    assert_true(num_parse_lsn(SLICE_LIT("16/b374d848"), &lsn));
    assert_int_equal(lsn, UINT64_C(0x16B374D848));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(num_parse_lsn(slice_of(bad[i]), &lsn));
    assert_int_equal(lsn, UINT64_C(0x16B374D848));
}

/* PostgreSQL 15's text of a value, and what Double.toString or Float.toString of JDK 25 makes of the same value. */
static const struct {
    const char *pg, *java;
    bool single;
} floats[] = {
    {"0", "0.0", false},
    {"-0", "-0.0", false},
    {"1", "1.0", false},
    {"100", "100.0", false},
    {"-12.5", "-12.5", false},
    {"0.001", "0.001", false},
    {"0.000999", "9.99E-4", false},
    {"0.0001", "1.0E-4", false},
    {"1e-05", "1.0E-5", false},
    {"0.01", "0.01", false},
    {"-0.001", "-0.001", false},
    {"-0.0009", "-9.0E-4", false},
    {"0.1234567890123456", "0.1234567890123456", false},
    {"9999999.999999998", "9999999.999999998", false},
    {"10000000.000000002", "1.0000000000000002E7", false},
    {"-7", "-7.0", false},
    {"1234567", "1234567.0", false},
    {"12345678", "1.2345678E7", false},
    /* Not PostgreSQL's form, but numbers all the same. */
    {"1.50", "1.5", false},
    {"007", "7.0", false},
    {"0.0", "0.0", false},
    {"1.000", "1.0", false},
    {"0.30000000000000004", "0.30000000000000004", false},
    {"9999999", "9999999.0", false},
    {"10000000", "1.0E7", false},
    {"12345678.9", "1.23456789E7", false},
    {"123456789.12345679", "1.2345678912345679E8", false},
    {"100000000000000", "1.0E14", false},
    {"1e+16", "1.0E16", false},
    {"1e+21", "1.0E21", false},
    {"1e+22", "1.0E22", false},
    {"9007199254740992", "9.007199254740992E15", false},
    {"1.7976931348623157e+308", "1.7976931348623157E308", false},
    {"2.2250738585072014e-308", "2.2250738585072014E-308", false},
    {"2.225073858507201e-308", "2.225073858507201E-308", false},
    {"NaN", "\"NaN\"", false},
    {"Infinity", "\"Infinity\"", false},
    {"-Infinity", "\"-Infinity\"", false},
    /* One digit would do: the nearest of two. */
    {"5e-324", "4.9E-324", false},
    {"-5e-324", "-4.9E-324", false},
    {"1e-323", "9.9E-324", false},
    {"1.5e-323", "1.5E-323", false},
    {"2e-323", "2.0E-323", false},
    {"1e-45", "1.4E-45", true},
    {"3e-45", "2.8E-45", true},
    {"4e-45", "4.2E-45", true},
    {"6e-45", "5.6E-45", true},
    /* Half way between two floats. */
    {"1.9999999999999998e+23", "2.0E23", false},
    {"-1.9999999999999998e+23", "-2.0E23", false},
    {"8.600001e+09", "8.6E9", true},
    {"8.999999e+09", "9.0E9", true},
    {"3.355443e+07", "3.355443E7", true},
    {"1.1754944e-38", "1.1754944E-38", true},
    {"3.4028235e+38", "3.4028235E38", true},
    {"1.6777216e+07", "1.6777216E7", true},
    {"123456.79", "123456.79", true},
    {"0.1", "0.1", true},
    {"1e+10", "1.0E10", true},
    {"0.0001", "1.0E-4", true},
    {"1e+07", "1.0E7", true},
};

static void
floats_read_as_java_writes_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(floats) / sizeof(floats[0]); i++) {
        struct buf b;

        buf_init(&b, 100);
        assert_true(num_add_java_float(&b, slice_of(floats[i].pg), floats[i].single));
        assert_string_equal(buf_cstr(&b), floats[i].java);
        buf_free(&b);
    }
}

static void
what_is_no_float_is_refused_and_writes_nothing(void **state)
{
    static const char *const bad[] = {"",        "-",
                                      ".",       "1.",
                                      ".5",      "-.5",
                                      "1..2",    "1.2.3",
                                      "e5",      "1e",
                                      "1e+",     "1e+-5",
                                      "1ee5",    "1e5 ",
                                      " 1",      "+1",
                                      "nan",     "inf",
                                      "-NaN",    "1x",
                                      "0x10",    "1e5.5",
                                      "--1",     "1e999999999999",
                                      "Infinit", "1234567890123456789.5"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct buf b;

        buf_init(&b, 100);
        assert_false(num_add_java_float(&b, slice_of(bad[i]), false));
        assert_int_equal(b.n, 0);
        buf_free(&b);
    }
}

/* Every float that a text can stand for is read back as the same one. */
static void
java_text_reads_back_as_the_same_float(void **state)
{
    uint64_t random = 88172645463325252U;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        char text[40];
        double value, back;
        struct buf b;

        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        memcpy(&value, &random, sizeof(value));
        if (value != value || value - value != 0)
            continue;
        /* 17 digits are never too few. */
        snprintf(text, sizeof(text), "%.16e", value);
        buf_init(&b, 100);
        assert_true(num_add_java_float(&b, slice_of(text), false));
        assert_int_equal(sscanf(buf_cstr(&b), "%lf", &back), 1);
        assert_memory_equal(&back, &value, sizeof(value));
        buf_free(&b);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_read_as_printf_writes_them),
        cmocka_unit_test(integers_are_parsed_whole_or_not_at_all),
        cmocka_unit_test(lsn_in_both_directions),
        cmocka_unit_test(floats_read_as_java_writes_them),
        cmocka_unit_test(what_is_no_float_is_refused_and_writes_nothing),
        cmocka_unit_test(java_text_reads_back_as_the_same_float),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
