#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json_scan.h"

static void
assert_json(struct slice in, const char *expected)
{
    struct buf b;
    /* A copy of exactly its size, so that the asan build sees a read behind it. */
    char *copy = malloc(in.n ? in.n : 1);

    assert_non_null(copy);
    if (in.n)
        memcpy(copy, in.p, in.n);
    buf_init(&b, 1 << 20);
    json_str(&b, (struct slice){copy, in.n});
    assert_true(buf_ok(&b));
    assert_string_equal(buf_cstr(&b), expected);
    buf_free(&b);
    free(copy);
}

static void
plain_text_is_copied_at_every_length(void **state)
{
    char text[200], expected[203];

    (void)state;
    for (size_t n = 0; n < sizeof(text); n++) {
        for (size_t i = 0; i < n; i++)
            text[i] = (char)('a' + i % 26);
        expected[0] = '"';
        memcpy(expected + 1, text, n);
        strcpy(expected + 1 + n, "\"");
        assert_json((struct slice){text, n}, expected);
    }
}

static void
every_ascii_character(void **state)
{
    static const char *const escapes[0x20] = {
        "\\u0000", "\\u0001", "\\u0002", "\\u0003", "\\u0004", "\\u0005", "\\u0006", "\\u0007",
        "\\b",     "\\t",     "\\n",     "\\u000B", "\\f",     "\\r",     "\\u000E", "\\u000F",
        "\\u0010", "\\u0011", "\\u0012", "\\u0013", "\\u0014", "\\u0015", "\\u0016", "\\u0017",
        "\\u0018", "\\u0019", "\\u001A", "\\u001B", "\\u001C", "\\u001D", "\\u001E", "\\u001F",
    };

    (void)state;
    for (int c = 0; c < 0x80; c++) {
        char in = (char)c, expected[16] = "\"", one[2] = {in, '\0'};

        if (c == '"' || c == '\\')
            strcat(expected, "\\");
        strcat(expected, c < 0x20 ? escapes[c] : one);
        strcat(expected, "\"");
        assert_json((struct slice){&in, 1}, expected);
    }
}

static void
an_escape_is_found_at_every_place(void **state)
{
    (void)state;
    for (size_t n = 1; n < 50; n++) {
        for (size_t at = 0; at < n; at++) {
            char text[50], expected[60];

            memset(text, 'x', n);
            text[at] = '\n';
            memset(expected, 'x', sizeof(expected));
            expected[0] = '"';
            memcpy(expected + 1 + at, "\\n", 2);
            strcpy(expected + n + 2, "\"");
            assert_json((struct slice){text, n}, expected);
        }
    }
}

/* From Jackson's own generator: e, U+1F600, space, é, €, space, /, DEL, U+2028, 01, 1F. */
static void
jackson_sample(void **state)
{
    (void)state;
    assert_json(slice_of("e\xF0\x9F\x98\x80 \xC3\xA9\xE2\x82\xAC /\x7F\xE2\x80\xA8\x01\x1F"),
                "\"e\\uD83D\\uDE00 \xC3\xA9\xE2\x82\xAC /\x7F\xE2\x80\xA8\\u0001\\u001F\"");
}

static void
four_byte_characters_become_two_surrogates(void **state)
{
    (void)state;
    assert_json(slice_of("\xF0\x90\x80\x80"), "\"\\uD800\\uDC00\"");
    assert_json(slice_of("\xF4\x8F\xBF\xBF"), "\"\\uDBFF\\uDFFF\"");
    assert_json(slice_of("a\xF0\x9F\x90\x98z\xF0\x9F\x90\x98"),
                "\"a\\uD83D\\uDC18z\\uD83D\\uDC18\"");
}

static void
two_and_three_byte_characters_stay(void **state)
{
    (void)state;
    assert_json(slice_of("\xC2\x80\xDF\xBF"), "\"\xC2\x80\xDF\xBF\"");
    assert_json(slice_of("\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF"),
                "\"\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF\"");
}

#define R "\xEF\xBF\xBD"

/* What new String(bytes, UTF_8) of JDK 25 gives. */
static void
bytes_that_are_not_utf8_are_replaced_as_java_does(void **state)
{
    static const struct {
        struct slice in;
        const char *out;
    } cases[] = {
        {SLICE_INIT("\x80"), R},
        {SLICE_INIT("\x80\xBF"), R R},
        {SLICE_INIT("\xC0\x80"), R R}, /* overlong NUL */
        {SLICE_INIT("\xC1\xBF"), R R},
        {SLICE_INIT("\xC2"), R},
        {SLICE_INIT("\xC2 A"), R " A"},
        {SLICE_INIT("\xC2\xC2\x80"), R "\xC2\x80"},
        {SLICE_INIT("\xE0\x80\x80"), R R R}, /* overlong */
        {SLICE_INIT("\xE0\x9F\xBF"), R R R},
        {SLICE_INIT("\xE2\x82"), R}, /* cut at the end: one for both */
        {SLICE_INIT("\xE2\x82 A"), R " A"},
        {SLICE_INIT("\xE2 A"), R " A"},
        {SLICE_INIT("\xE2\xE2\x82\xAC"), R "\xE2\x82\xAC"},
        {SLICE_INIT("\xED\xA0\x80"), R}, /* a surrogate: one for three */
        {SLICE_INIT("\xED\xBF\xBF"
                    "A"),
         R "A"},
        {SLICE_INIT("\xED\xA0\xBD\xED\xB8\x80"), R R}, /* CESU-8 */
        {SLICE_INIT("\xED\xA0"), R},
        {SLICE_INIT("\xF0\x80\x80\x80"), R R R R},
        {SLICE_INIT("\xF0\x8F\xBF\xBF"), R R R R},
        {SLICE_INIT("\xF0\x9F"), R},
        {SLICE_INIT("\xF0\x9F\x98"), R},
        {SLICE_INIT("\xF0\x9F\x98 A"), R " A"},
        {SLICE_INIT("\xF0\x9F A"), R " A"},
        {SLICE_INIT("\xF0\x9F\x98\xF0\x9F\x98\x80"), R "\\uD83D\\uDE00"},
        {SLICE_INIT("\xF4\x90\x80\x80"), R R R R}, /* beyond U+10FFFF */
        {SLICE_INIT("\xF5\x80\x80\x80"), R R R R},
        {SLICE_INIT("\xFE\xFF"), R R},
        {SLICE_INIT("\x80\n\"\xFF"), R "\\n\\\"" R},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char expected[64] = "\"";

        strcat(strcat(expected, cases[i].out), "\"");
        assert_json(cases[i].in, expected);
    }
}

static void
body_has_no_quotes_and_cstr_has(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 100);
    json_str_body(&b, SLICE_LIT("a\"b"));
    json_cstr(&b, "c");
    json_str(&b, (struct slice){NULL, 0});
    assert_string_equal(buf_cstr(&b), "a\\\"b\"c\"\"\"");
    buf_free(&b);
}

static void
a_full_buffer_is_never_passed(void **state)
{
    struct slice in = SLICE_LIT(
        "abc\n\xF0\x9F\x98\x80\xFF"
        "defghijklmnopqrstuvwxyz\"");

    (void)state;
    for (size_t max = 0; max < 60; max++) {
        struct buf b;

        buf_init(&b, max);
        json_str(&b, in);
        json_base64(&b, in);
        assert_true(b.n <= max);
        buf_free(&b);
    }
}

static void
both_scanners_agree(void **state)
{
#ifdef __SSE2__
    static const unsigned char bytes[] = {0x00, 0x1f, 0x20, 0x21, '"',  0x23, '[',  '\\',
                                          ']',  0x7f, 0x80, 0x81, 0xa2, 0xdc, 0xff, 'a'};
    unsigned seed = 1;

    (void)state;
    for (int round = 0; round < 200000; round++) {
        unsigned char text[70];
        size_t n = (seed = seed * 1103515245 + 12345) >> 16 & 63;
        bool rare = round & 1;

        for (size_t i = 0; i < n; i++) {
            unsigned draw = (seed = seed * 1103515245 + 12345) >> 16;

            text[i] = rare && draw % 23 ? 'x' : bytes[draw >> 4 & 15];
        }
        assert_int_equal(json_scan_sse2(text, n), json_scan_portable(text, n));
    }
#else
    (void)state;
    skip();
#endif
}

static void
portable_scanner_stops_at_what_needs_a_look(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        bool plain = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';

        for (size_t at = 0; at < 20; at++) {
            unsigned char text[20];

            memset(text, 'x', sizeof(text));
            text[at] = (unsigned char)c;
            assert_int_equal(json_scan_portable(text, sizeof(text)), plain ? sizeof(text) : at);
        }
    }
}

static void
base64(void **state)
{
    static const struct {
        struct slice in;
        const char *out;
    } cases[] = {
        {SLICE_INIT(""), "\"\""},
        {SLICE_INIT("\0"), "\"AA==\""},
        {SLICE_INIT("\0\x96"), "\"AJY=\""},
        {SLICE_INIT("f"), "\"Zg==\""},
        {SLICE_INIT("fo"), "\"Zm8=\""},
        {SLICE_INIT("foo"), "\"Zm9v\""},
        {SLICE_INIT("foob"), "\"Zm9vYg==\""},
        {SLICE_INIT("fooba"), "\"Zm9vYmE=\""},
        {SLICE_INIT("foobar"), "\"Zm9vYmFy\""},
        {SLICE_INIT("\xFB\xFF\xBF\xFF\xFF\xFE"), "\"+/+////+\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf b;

        buf_init(&b, 100);
        json_base64(&b, cases[i].in);
        assert_string_equal(buf_cstr(&b), cases[i].out);
        buf_free(&b);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text_is_copied_at_every_length),
        cmocka_unit_test(every_ascii_character),
        cmocka_unit_test(an_escape_is_found_at_every_place),
        cmocka_unit_test(jackson_sample),
        cmocka_unit_test(four_byte_characters_become_two_surrogates),
        cmocka_unit_test(two_and_three_byte_characters_stay),
        cmocka_unit_test(bytes_that_are_not_utf8_are_replaced_as_java_does),
        cmocka_unit_test(body_has_no_quotes_and_cstr_has),
        cmocka_unit_test(a_full_buffer_is_never_passed),
        cmocka_unit_test(both_scanners_agree),
        cmocka_unit_test(portable_scanner_stops_at_what_needs_a_look),
        cmocka_unit_test(base64),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
