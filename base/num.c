#include "base/num.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char num_pairs[200] =
    "0001020304050607080910111213141516171819"
    "2021222324252627282930313233343536373839"
    "4041424344454647484950515253545556575859"
    "6061626364656667686970717273747576777879"
    "8081828384858687888990919293949596979899";

static unsigned
num_digits(uint64_t v)
{
    /* clang-format off */
    static const uint64_t powers[] = {
        0U, 10U, 100U, 1000U, 10000U, 100000U, 1000000U, 10000000U, 100000000U, 1000000000U,
        10000000000U, 100000000000U, 1000000000000U, 10000000000000U, 100000000000000U,
        1000000000000000U, 10000000000000000U, 100000000000000000U, 1000000000000000000U,
        10000000000000000000U,
    };
    /* clang-format on */
    /* log10(2) ≈ 1233 / 4096: right or one too small for every 64-bit number. */
    unsigned guess = ((64 - (unsigned)__builtin_clzll(v | 1)) * 1233) >> 12;

    return guess + (v >= powers[guess] || guess == 0);
}

unsigned
num_u64(char *p, uint64_t v)
{
    unsigned n = num_digits(v);
    char *w = p + n;

    while (v >= 100) {
        w -= 2;
        memcpy(w, num_pairs + 2 * (v % 100), 2);
        v /= 100;
    }
    if (v >= 10)
        memcpy(p, num_pairs + 2 * v, 2);
    else
        *p = (char)('0' + v);
    return n;
}

void
num_add_u64(struct buf *b, uint64_t v)
{
    char text[NUM_U64_MAX];

    buf_add(b, text, num_u64(text, v));
}

void
num_add_i64(struct buf *b, int64_t v)
{
    char text[NUM_U64_MAX + 1];
    bool negative = v < 0;
    uint64_t magnitude = negative ? 0 - (uint64_t)v : (uint64_t)v;

    text[0] = '-';
    buf_add(b, text + !negative, num_u64(text + 1, magnitude) + negative);
}

bool
num_parse_u64(struct slice s, uint64_t *out)
{
    uint64_t v = 0;

    if (!s.n)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned digit = (unsigned)(unsigned char)s.p[i] - '0';

        if (digit > 9 || __builtin_mul_overflow(v, 10U, &v) ||
            __builtin_add_overflow(v, (uint64_t)digit, &v))
            return false;
    }
    *out = v;
    return true;
}

bool
num_parse_i64(struct slice s, int64_t *out)
{
    bool negative = s.n && s.p[0] == '-';
    uint64_t v;

    if (s.n && (negative || s.p[0] == '+')) {
        s.p++;
        s.n--;
    }
    if (!num_parse_u64(s, &v) || v > (uint64_t)INT64_MAX + negative)
        return false;
    *out = (int64_t)(negative ? 0 - v : v);
    return true;
}

const char *
num_lsn_text(char dst[NUM_LSN_TEXT], uint64_t lsn)
{
    snprintf(dst, NUM_LSN_TEXT, "%X/%X", (unsigned)(lsn >> 32), (unsigned)lsn);
    return dst;
}

int
num_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool
num_unhex(struct slice hex, void *out)
{
    unsigned char *bytes = out;

    for (size_t i = 0; i + 1 < hex.n; i += 2) {
        int high = num_hex_digit(hex.p[i]), low = num_hex_digit(hex.p[i + 1]);

        if (high < 0 || low < 0)
            return false;
        bytes[i / 2] = (unsigned char)(high << 4 | low);
    }
    return hex.n % 2 == 0;
}

bool
num_parse_lsn(struct slice s, uint64_t *out)
{
    uint64_t half[2] = {0, 0};
    unsigned digits = 0, part = 0;

    for (size_t i = 0; i < s.n; i++) {
        int digit;

        if (s.p[i] == '/' && part == 0 && digits) {
            part = 1;
            digits = 0;
            continue;
        }
        digit = num_hex_digit(s.p[i]);
        if (digit < 0 || ++digits > 8)
            return false;
        half[part] = half[part] << 4 | (unsigned)digit;
    }
    if (part == 0 || !digits)
        return false;
    *out = half[0] << 32 | half[1];
    return true;
}
