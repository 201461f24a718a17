/* bool, integers, floats and bit strings. */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"
#include "decoder/pgtext.h"

/* The longest is -9223372036854775808. */
enum { INT_TEXT_MAX = 20 };

bool
pgtext_bad(const struct bind_ctx *ctx, struct err *e)
{
    return err_set(e, ERR_DATA, "value.convert", "a value of type \"%s\" cannot be converted",
                   ctx->type);
}

/* Eight decimal digits 0..9 in eight bytes, the first in the lowest: halves, quarters and single
 * digits side by side. */
static inline uint64_t
int_eight_digits(uint32_t v)
{
    uint64_t fours = v / 10000 | (uint64_t)(v % 10000) << 32, twos, ones;

    twos = (fours * 10486 >> 20) & UINT64_C(0x0000007f0000007f);
    twos += (fours - twos * 100) << 16;
    ones = (twos * 103 >> 10) & UINT64_C(0x000f000f000f000f);
    return ones + ((twos - ones * 10) << 8);
}

/* Puts the digits from the `skip`th on; room for eight bytes. */
static inline char *
int_put_eight(char *w, uint64_t digits, unsigned skip)
{
    digits = (digits | UINT64_C(0x3030303030303030)) >> skip * 8;
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    digits = __builtin_bswap64(digits);
#endif
    memcpy(w, &digits, 8);
    return w + 8 - skip;
}

void
pgtext_put_i64(struct buf *out, int64_t v)
{
    enum { HALF = 100000000 };
    uint64_t magnitude = v < 0 ? 0 - (uint64_t)v : (uint64_t)v, high = magnitude / HALF, low, first;
    char *w;

    if (high == 0 || high >= HALF) {
        num_add_i64(out, v);
        return;
    }
    w = buf_room(out, 1 + 8 + 8);
    if (!w)
        return;
    *w = '-';
    w += v < 0;
    first = int_eight_digits((uint32_t)high);
    low = int_eight_digits((uint32_t)(magnitude - high * HALF));
    w = int_put_eight(w, first, (unsigned)__builtin_ctzll(first) / 8);
    w = int_put_eight(w, low, 0);
    buf_took(out, (size_t)(w - (out->p + out->n)));
}

bool
text_bool(struct buf *out, struct slice text, const struct bind_ctx *ctx, struct err *e)
{
    if (text.n != 1 || (text.p[0] != 't' && text.p[0] != 'f'))
        return pgtext_bad(ctx, e);
    if (text.p[0] == 't')
        BUF_LIT(out, "true");
    else
        BUF_LIT(out, "false");
    return true;
}

/* Are the low n bytes (1 to 8) all digits? Little-endian: the text's first byte is the lowest. */
static inline bool
digits_only(uint64_t v, size_t n)
{
    uint64_t mask = ~UINT64_C(0) >> (64 - 8 * n);

    /* High nibble 3 before and after adding 6: '0' to '9'. */
    return (((v ^ UINT64_C(0x3030303030303030)) & UINT64_C(0xF0F0F0F0F0F0F0F0) & mask) |
            (((v + UINT64_C(0x0606060606060606)) ^ UINT64_C(0x3030303030303030)) &
             UINT64_C(0xF0F0F0F0F0F0F0F0) & mask)) == 0;
}

/* 1 to 8 bytes as a little-endian word, without a call and without a look behind their end. */
static inline uint64_t
load_up_to_8(const char *p, size_t n)
{
    uint32_t first, last;

    if (n < 4)
        return (uint64_t)(unsigned char)p[0] |
               (uint64_t)(unsigned char)p[n >> 1] << (8 * (n >> 1)) |
               (uint64_t)(unsigned char)p[n - 1] << (8 * (n - 1));
    memcpy(&first, p, 4);
    memcpy(&last, p + n - 4, 4);
    return first | (uint64_t)last << (8 * (n - 4));
}

/* Up to eight digits without sign, which most are; false: the long way. */
static inline bool
text_int_short(struct buf *out, struct slice text)
{
    uint64_t word;
    char *w;

    if (text.n - 1 >= 8)
        return false;
    word = load_up_to_8(text.p, text.n);
    if (!digits_only(word, text.n) || ((word & 0xFF) == '0' && text.n > 1))
        return false;
    w = buf_room(out, 8);
    if (!w)
        return false;
    memcpy(w, &word, 8);
    buf_took(out, text.n);
    return true;
}

/* An integer's text is its JSON: checked eight digits at a time in the place it is copied to. */
bool
text_int(struct buf *out, struct slice text, const struct bind_ctx *ctx, struct err *e)
{
    char *w;
    size_t sign;

    if (text_int_short(out, text))
        return true;
    if (text.n - 1 >= INT_TEXT_MAX)
        return pgtext_bad(ctx, e);
    w = buf_room(out, INT_TEXT_MAX + 8);
    if (!w)
        return false;
    memcpy(w, text.p, text.n);
    sign = w[0] == '-';
    /* No digit, or a zero in front of others. */
    if (sign == text.n || (w[sign] == '0' && text.n > 1))
        return pgtext_bad(ctx, e);
    for (size_t i = sign; i < text.n; i += 8) {
        uint64_t eight;

        memcpy(&eight, w + i, 8);
        if (!digits_only(eight, text.n - i < 8 ? text.n - i : 8))
            return pgtext_bad(ctx, e);
    }
    buf_took(out, text.n);
    return true;
}

bool
text_float4(struct buf *out, struct slice text, const struct bind_ctx *ctx, struct err *e)
{
    return num_add_java_float(out, text, true) || pgtext_bad(ctx, e);
}

bool
text_float8(struct buf *out, struct slice text, const struct bind_ctx *ctx, struct err *e)
{
    return num_add_java_float(out, text, false) || pgtext_bad(ctx, e);
}

/*
 * The shortest text that reads back as v. Up to `safe` digits every decimal has a number of its
 * own, so the first try is nearly always the last; below the normal range there are fewer digits
 * than that.
 */
static int
float_shortest(char *dst, size_t n, double v, bool single)
{
    const int safe = single ? 6 : 15, most = single ? 9 : 17;
    const double smallest = single ? 1.17549435e-38 : 2.2250738585072014e-308;
    int digits = v < smallest && v > -smallest ? 1 : safe, len;

    for (;; digits++) {
        len = snprintf(dst, n, "%.*g", digits, v);
        if (digits == most || (single ? (double)strtof(dst, NULL) == v : strtod(dst, NULL) == v))
            return len;
    }
}

/* Java's parser also takes a sign in front; PostgreSQL's special names are Java's. */
bool
pgtext_java_float(struct buf *out, struct slice text, bool single)
{
    enum { SMALL = 400 };
    char small[SMALL], shortest[64], *copy = text.n < SMALL ? small : mem_alloc(text.n + 1), *end;
    double v;
    int len;
    bool ok;

    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    v = single ? (double)strtof(copy, &end) : strtod(copy, &end);
    /* strtod knows more than Java: hexadecimal, "inf", "nan(…)"; none of these begins with a
     * digit, sign or point. */
    ok = end == copy + text.n && text.n > 0 &&
         (text.p[0] == '-' || text.p[0] == '+' || text.p[0] == '.' ||
          (text.p[0] >= '0' && text.p[0] <= '9')) &&
         !memchr(copy, 'x', text.n) && !memchr(copy, 'X', text.n) && !memchr(copy, 'n', text.n) &&
         !memchr(copy, 'N', text.n);
    if (ok && v - v == 0) {
        len = float_shortest(shortest, sizeof(shortest), v, single);
        ok = num_add_java_float(out, (struct slice){shortest, (size_t)len}, single);
    } else if (ok) {
        buf_str(out, v > 0 ? "\"Infinity\"" : "\"-Infinity\"");
    } else {
        ok = slice_is(text, "NaN") || slice_is(text, "Infinity") || slice_is(text, "-Infinity");
        if (ok)
            json_str(out, text);
    }
    if (copy != small)
        free(copy);
    return ok;
}

bool
text_bit(struct buf *out, struct slice text, const struct bind_ctx *ctx, struct err *e)
{
    if (text.n != 1 || (text.p[0] != '0' && text.p[0] != '1'))
        return pgtext_bad(ctx, e);
    if (text.p[0] == '1')
        BUF_LIT(out, "true");
    else
        BUF_LIT(out, "false");
    return true;
}

/* The last bit is the lowest of the first byte; bytes that hold no 1 are left off at the end
 * (java.util.BitSet). */
bool
text_bits(struct buf *out, struct slice text, const struct bind_ctx *ctx, struct err *e)
{
    enum { SMALL = 64 };
    unsigned char small[SMALL], *bytes = small;
    size_t first = 0, n;

    while (first < text.n && text.p[first] == '0')
        first++;
    n = (text.n - first + 7) / 8;
    for (size_t i = first; i < text.n; i++)
        if (text.p[i] != '0' && text.p[i] != '1')
            return pgtext_bad(ctx, e);
    if (n > SMALL)
        bytes = mem_alloc(n);
    else
        memset(small, 0, sizeof(small));
    for (size_t i = first; i < text.n; i++) {
        size_t bit = text.n - 1 - i;

        if (text.p[i] == '1')
            bytes[bit / 8] = (unsigned char)(bytes[bit / 8] | 1U << bit % 8);
    }
    json_base64(out, (struct slice){(char *)bytes, n});
    if (bytes != small)
        free(bytes);
    return true;
}
