/*
 * numeric and money. Connect's Decimal is Base64 of the unscaled value, big-endian two's
 * complement, as few bytes as hold it with its sign (BigInteger.toByteArray); the scale stands in
 * the schema.
 */
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"
#include "decoder/pgtext.h"

__extension__ typedef unsigned __int128 u128;

/* Digits that fit u64 whatever they are, and decimal digits that always have a double of their
 * own. */
enum { DEC_U64_DIGITS = 19, DEC_DOUBLE_DIGITS = 15, DEC_LIMB_DIGITS = 18 };

static size_t
dec_digits(struct slice s)
{
    size_t n = 0;

    while (n < s.n && (unsigned char)(s.p[n] - '0') <= 9)
        n++;
    return n;
}

/* decimal = [ "-" / "+" ] 1*digit [ "." *digit ] */
bool
pgdec_parse(struct slice text, struct pgdec *d)
{
    struct slice rest = text;
    size_t n;

    d->negative = rest.n > 0 && rest.p[0] == '-';
    if (rest.n > 0 && (rest.p[0] == '-' || rest.p[0] == '+'))
        rest = (struct slice){rest.p + 1, rest.n - 1};
    n = dec_digits(rest);
    d->whole = (struct slice){rest.p, n};
    d->fraction = (struct slice){rest.p + n, 0};
    if (n == 0 || n == rest.n)
        return n > 0;
    if (rest.p[n] != '.')
        return false;
    rest = (struct slice){rest.p + n + 1, rest.n - n - 1};
    d->fraction = (struct slice){rest.p, dec_digits(rest)};
    return d->fraction.n == rest.n;
}

static void
dec_strip_zeros(struct slice *fraction)
{
    while (fraction->n > 0 && fraction->p[fraction->n - 1] == '0')
        fraction->n--;
}

/* Big-endian two's complement of ±magnitude, without the bytes that only repeat the sign. */
static void
dec_put_u64(struct buf *out, uint64_t magnitude, bool negative)
{
    uint64_t v = negative ? 0 - magnitude : magnitude, folded, be;
    char bytes[9];
    size_t n;

    /* A magnitude with its top bit set needs a byte of sign in front. */
    bytes[0] = (char)(negative && magnitude ? 0xff : 0);
    be = __builtin_bswap64(v);
    memcpy(bytes + 1, &be, 8);
    folded = negative && magnitude ? magnitude - 1 : magnitude;
    n = folded ? (64 - (unsigned)__builtin_clzll(folded)) / 8 + 1 : 1;
    json_base64(out, (struct slice){bytes + 9 - n, n});
}

/* limbs = limbs × factor + add; returns the new number of limbs. */
static size_t
dec_mul_add(uint64_t *limbs, size_t n, uint64_t factor, uint64_t add)
{
    u128 carry = add;

    for (size_t i = 0; i < n; i++) {
        carry += (u128)limbs[i] * factor;
        limbs[i] = (uint64_t)carry;
        carry >>= 64;
    }
    if (carry)
        limbs[n++] = (uint64_t)carry;
    return n;
}

/* Feeds digits, DEC_LIMB_DIGITS at a time; what is left over stays in *chunk and *chunk_digits. */
struct dec_big {
    uint64_t *limbs;
    size_t n;
    uint64_t chunk, factor;
    unsigned digits;
};

static inline void
dec_feed(struct dec_big *b, unsigned digit)
{
    b->chunk = b->chunk * 10 + digit;
    b->factor *= 10;
    if (++b->digits == DEC_LIMB_DIGITS) {
        b->n = dec_mul_add(b->limbs, b->n, b->factor, b->chunk);
        b->chunk = 0;
        b->factor = 1;
        b->digits = 0;
    }
}

static void
dec_put_big(struct buf *out, const struct pgdec *d, size_t zeros)
{
    size_t digits = d->whole.n + d->fraction.n + zeros, n, start = 0;
    /* 18 digits are less than 64 bits. */
    struct dec_big b = {.limbs = mem_array(digits / DEC_LIMB_DIGITS + 2, 8), .factor = 1};
    unsigned char *bytes;
    bool negative = d->negative;

    for (size_t i = 0; i < d->whole.n; i++)
        dec_feed(&b, (unsigned)(d->whole.p[i] - '0'));
    for (size_t i = 0; i < d->fraction.n; i++)
        dec_feed(&b, (unsigned)(d->fraction.p[i] - '0'));
    for (size_t i = 0; i < zeros; i++)
        dec_feed(&b, 0);
    b.n = dec_mul_add(b.limbs, b.n, b.factor, b.chunk);
    n = b.n * 8 + 1;
    bytes = mem_alloc(n);
    for (size_t i = 0; i < b.n * 8; i++)
        bytes[n - 1 - i] = (unsigned char)(b.limbs[i / 8] >> (i % 8 * 8));
    if (negative) {
        unsigned carry = 1;

        for (size_t i = n; i-- > 0;) {
            carry += (unsigned char)~bytes[i];
            bytes[i] = (unsigned char)carry;
            carry >>= 8;
        }
    }
    while (start + 1 < n && ((bytes[start] == 0 && bytes[start + 1] < 0x80) ||
                             (bytes[start] == 0xff && bytes[start + 1] >= 0x80)))
        start++;
    json_base64(out, (struct slice){(char *)bytes + start, n - start});
    free(bytes);
    free(b.limbs);
}

static void
dec_put_base64(struct buf *out, const struct pgdec *d, size_t zeros)
{
    uint64_t v = 0;

    if (d->whole.n + d->fraction.n + zeros > DEC_U64_DIGITS) {
        dec_put_big(out, d, zeros);
        return;
    }
    for (size_t i = 0; i < d->whole.n; i++)
        v = v * 10 + (unsigned)(d->whole.p[i] - '0');
    for (size_t i = 0; i < d->fraction.n; i++)
        v = v * 10 + (unsigned)(d->fraction.p[i] - '0');
    for (size_t i = 0; i < zeros; i++)
        v *= 10;
    dec_put_u64(out, v, d->negative);
}

static void
dec_zeros(struct buf *out, size_t n)
{
    char *w = buf_room(out, n);

    if (w && n > 0) {
        memset(w, '0', n);
        buf_took(out, n);
    }
}

/*
 * java.math.BigDecimal.toString of whole.fraction followed by zeros: plain while the first digit
 * is not further than six places behind the point, else d.dddE-n. `digits` are those of the
 * unscaled value without leading zeros.
 */
static void
dec_put_number(struct buf *out, const struct pgdec *d, size_t zeros)
{
    struct slice whole = d->whole, fraction = d->fraction;
    size_t scale = fraction.n + zeros, digits;

    while (whole.n > 0 && whole.p[0] == '0')
        whole = (struct slice){whole.p + 1, whole.n - 1};
    if (whole.n == 0)
        while (fraction.n > 0 && fraction.p[0] == '0')
            fraction = (struct slice){fraction.p + 1, fraction.n - 1};
    digits = whole.n || fraction.n ? whole.n + fraction.n + zeros : 1;
    if (d->negative && (whole.n || fraction.n))
        buf_putc(out, '-');
    if (scale < digits + 6) {
        if (whole.n)
            buf_slice(out, whole);
        else
            buf_putc(out, '0');
        if (scale > 0) {
            buf_putc(out, '.');
            buf_slice(out, d->fraction);
            dec_zeros(out, zeros);
        }
        return;
    }
    /* Only fractions come here: whole is empty. */
    buf_putc(out, fraction.n ? fraction.p[0] : '0');
    if (digits > 1) {
        buf_putc(out, '.');
        buf_add(out, fraction.p + 1, fraction.n - 1);
        dec_zeros(out, zeros);
    }
    BUF_LIT(out, "E-");
    num_add_u64(out, scale - (digits - 1));
}

bool
pgdec_write(struct buf *out, const struct pgdec *d, int scale, bool plain_decimal)
{
    struct pgdec exact = *d;
    size_t want = (size_t)scale;

    while (exact.fraction.n > want && exact.fraction.p[exact.fraction.n - 1] == '0')
        exact.fraction.n--;
    if (exact.fraction.n > want)
        return false;
    if (plain_decimal)
        dec_put_number(out, &exact, want - exact.fraction.n);
    else
        dec_put_base64(out, &exact, want - exact.fraction.n);
    return true;
}

/* The unscaled value of a text that has all digits of the scale and fits; the common case, in one
 * pass. */
static inline bool
dec_fast(struct slice text, size_t scale, uint64_t *magnitude)
{
    size_t i = text.n > 0 && text.p[0] == '-', point = scale ? text.n - scale - 1 : text.n;
    uint64_t v = 0;
    unsigned bad = 0;

    if (text.n > DEC_U64_DIGITS || text.n <= i + scale + (scale > 0))
        return false;
    for (; i < point; i++) {
        unsigned digit = (unsigned)(unsigned char)text.p[i] - '0';

        bad |= digit > 9;
        v = v * 10 + digit;
    }
    if (scale && text.p[i++] != '.')
        return false;
    for (; i < text.n; i++) {
        unsigned digit = (unsigned)(unsigned char)text.p[i] - '0';

        bad |= digit > 9;
        v = v * 10 + digit;
    }
    *magnitude = v;
    return !bad;
}

bool
text_decimal(struct buf *out, struct slice text, const struct bind_ctx *ctx, struct err *e)
{
    uint64_t magnitude;
    struct pgdec d;

    if (!ctx->plain_decimal && dec_fast(text, (size_t)ctx->scale, &magnitude)) {
        dec_put_u64(out, magnitude, text.p[0] == '-');
        return true;
    }
    if (!pgdec_parse(text, &d) || !pgdec_write(out, &d, ctx->scale, ctx->plain_decimal))
        return pgtext_bad(ctx, e);
    return true;
}

bool
text_decimal_variable(struct buf *out, struct slice text, const struct bind_ctx *ctx, struct err *e)
{
    struct pgdec d;

    if (!pgdec_parse(text, &d))
        return pgtext_bad(ctx, e);
    dec_strip_zeros(&d.fraction);
    BUF_LIT(out, "{\"scale\":");
    num_add_u64(out, d.fraction.n);
    BUF_LIT(out, ",\"value\":");
    dec_put_base64(out, &d, 0); /* a struct's plain bytes: decimal.format does not reach them */
    buf_putc(out, '}');
    return true;
}

/* What Debezium writes for a special value: the name of its enum constant as a string, the double
 * as a double. */
static const struct dec_special {
    const char *text, *string, *number;
} dec_specials[] = {
    {"NaN", "\"NAN\"", "\"NaN\""},
    {"Infinity", "\"POSITIVE_INFINITY\"", "\"Infinity\""},
    {"-Infinity", "\"NEGATIVE_INFINITY\"", "\"-Infinity\""},
};

static const struct dec_special *
dec_special(struct slice text, const struct bind_ctx *ctx)
{
    /* An element of an array goes through BigDecimal, which knows none of these. */
    for (size_t i = 0; !ctx->in_array && i < sizeof(dec_specials) / sizeof(*dec_specials); i++)
        if (slice_is(text, dec_specials[i].text))
            return &dec_specials[i];
    return NULL;
}

static void
dec_put_string(struct buf *out, const struct pgdec *d, int scale)
{
    size_t zeros = scale > 0 && (size_t)scale > d->fraction.n ? (size_t)scale - d->fraction.n : 0;

    buf_putc(out, '"');
    if (d->negative)
        buf_putc(out, '-');
    buf_slice(out, d->whole);
    if (d->fraction.n + zeros > 0) {
        buf_putc(out, '.');
        buf_slice(out, d->fraction);
        dec_zeros(out, zeros);
    }
    buf_putc(out, '"');
}

bool
text_decimal_string(struct buf *out, struct slice text, const struct bind_ctx *ctx, struct err *e)
{
    const struct dec_special *special;
    struct pgdec d;

    if (pgdec_parse(text, &d)) {
        dec_put_string(out, &d, ctx->scale);
        return true;
    }
    special = dec_special(text, ctx);
    if (!special)
        return pgtext_bad(ctx, e);
    buf_str(out, special->string);
    return true;
}

/*
 * BigDecimal.toString prefers an exponent when the first digit stands further than six places behind the point; its
 * coefficient is the digits at the end of what stands at `at`, quoted.
 */
static void
dec_to_scientific(struct buf *out, size_t at)
{
    enum { DEC_PLAIN_PLACES = 6 };
    char *w = out->p + at + 1, *point, *digits, *end = out->p + out->n - 1;
    size_t places;

    if (*w == '-')
        w++;
    point = memchr(w, '.', (size_t)(end - w));
    if (!point || point != w + 1 || *w != '0')
        return;
    for (digits = point + 1; digits < end - 1 && *digits == '0'; digits++)
        ;
    places = (size_t)(digits - point);
    if (places <= DEC_PLAIN_PLACES)
        return;
    *w++ = *digits++;
    if (digits < end) {
        *w++ = '.';
        memmove(w, digits, (size_t)(end - digits));
        w += end - digits;
    }
    out->n = (size_t)(w - out->p);
    BUF_LIT(out, "E-");
    num_add_u64(out, places);
    buf_putc(out, '"');
}

bool
text_decimal_scientific(struct buf *out, struct slice text, const struct bind_ctx *ctx,
                        struct err *e)
{
    size_t at = out->n;

    if (!text_decimal_string(out, text, ctx, e))
        return false;
    if (buf_ok(out))
        dec_to_scientific(out, at);
    return true;
}

static bool
dec_put_double(struct buf *out, const struct pgdec *d, struct slice text)
{
    struct slice fraction = d->fraction;

    dec_strip_zeros(&fraction);
    if (d->whole.n + fraction.n <= DEC_DOUBLE_DIGITS)
        return num_add_java_float(out, text, false);
    return pgtext_java_float(out, text, false);
}

bool
text_decimal_double(struct buf *out, struct slice text, const struct bind_ctx *ctx, struct err *e)
{
    const struct dec_special *special;
    struct pgdec d;

    if (pgdec_parse(text, &d))
        return dec_put_double(out, &d, text) || pgtext_bad(ctx, e);
    special = dec_special(text, ctx);
    if (!special)
        return pgtext_bad(ctx, e);
    buf_str(out, special->number);
    return true;
}

/* Money as a decimal: a sign, the digits with room for a carry in front of them, a point. */
enum { MONEY_TEXT = 64 };
struct money {
    char text[MONEY_TEXT];
    struct pgdec d;
    struct slice slice;
};

/* Rounds half up, away from zero, to `scale` digits behind the point. text[1..] are n characters. */
static size_t
money_round(char *text, size_t n, size_t point, size_t scale, size_t *start)
{
    size_t keep = point + 1 + scale;

    if (point == n || keep >= n)
        return n;
    if (text[keep] >= '5') {
        size_t i = keep;

        while (i-- > *start) {
            if (text[i] == '.')
                continue;
            if (text[i]++ != '9')
                return scale ? keep : point;
            text[i] = '0';
        }
        text[--*start] = '1';
    }
    return scale ? keep : point;
}

/* All the digits that the text has. */
enum { MONEY_AS_IT_IS = MONEY_TEXT };

/* money = [ "-" ] symbol and digits in groups, a point, digits; a minus or a parenthesis anywhere
 * means negative. */
static bool
money_parse(struct slice text, int scale, struct money *m)
{
    size_t n = 2, start = 2, point = 0;
    bool negative = false, zero = true;

    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];

        negative |= c == '-' || c == '(';
        if ((c < '0' || c > '9') && (c != '.' || point))
            continue;
        if (n == MONEY_TEXT)
            return false;
        if (c == '.')
            point = n;
        m->text[n++] = c;
    }
    if (n == start || point == start || point == n - 1)
        return false;
    if (point)
        n = money_round(m->text, n, point, (size_t)scale, &start);
    for (size_t i = start; i < n; i++)
        zero &= m->text[i] == '0' || m->text[i] == '.';
    if (negative && !zero)
        m->text[--start] = '-';
    m->slice = (struct slice){m->text + start, n - start};
    return pgdec_parse(m->slice, &m->d);
}

bool
text_money(struct buf *out, struct slice text, const struct bind_ctx *ctx, struct err *e)
{
    struct money m;

    if (!money_parse(text, ctx->scale, &m) ||
        !pgdec_write(out, &m.d, ctx->scale, ctx->plain_decimal))
        return pgtext_bad(ctx, e);
    return true;
}

bool
text_money_string(struct buf *out, struct slice text, const struct bind_ctx *ctx, struct err *e)
{
    struct money m;

    if (!money_parse(text, MONEY_AS_IT_IS, &m))
        return pgtext_bad(ctx, e);
    /* A value has its two digits and keeps them; what stands for a NULL has none and gets those of the settings. */
    dec_put_string(out, &m.d, m.d.fraction.n > 0 ? 0 : ctx->scale);
    return true;
}

bool
text_money_double(struct buf *out, struct slice text, const struct bind_ctx *ctx, struct err *e)
{
    struct money m;

    if (!money_parse(text, MONEY_AS_IT_IS, &m) || !dec_put_double(out, &m.d, m.slice))
        return pgtext_bad(ctx, e);
    return true;
}
