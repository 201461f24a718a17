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
    return err_set(e, ERR_DATA, "value.convert", "a value of type \"%s\" cannot be converted", ctx->type);
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

/* An integer's text is its JSON: checked while it is copied. */
bool
text_int(struct buf *out, struct slice text, const struct bind_ctx *ctx, struct err *e)
{
    size_t i = 0;
    unsigned bad;
    char *w;

    if (text.n - 1 >= INT_TEXT_MAX)
        return pgtext_bad(ctx, e);
    w = buf_room(out, INT_TEXT_MAX);
    if (!w)
        return false;
    if (text.p[0] == '-')
        w[i++] = '-';
    /* No digit, or a zero in front of others. */
    bad = i == text.n || (text.p[i] == '0' && (i != 0 || text.n > 1));
    for (; i < text.n; i++) {
        bad |= (unsigned char)(text.p[i] - '0') > 9;
        w[i] = text.p[i];
    }
    if (bad)
        return pgtext_bad(ctx, e);
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
 * The shortest text that reads back as v. Up to `safe` digits every decimal has a number of its own, so the first try is
 * nearly always the last; below the normal range there are fewer digits than that.
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
    /* strtod knows more than Java: hexadecimal, "inf", "nan(…)"; none of these begins with a digit, sign or point. */
    ok = end == copy + text.n && text.n > 0 && (text.p[0] == '-' || text.p[0] == '+' || text.p[0] == '.' ||
                                                (text.p[0] >= '0' && text.p[0] <= '9')) &&
         !memchr(copy, 'x', text.n) && !memchr(copy, 'X', text.n) && !memchr(copy, 'n', text.n) && !memchr(copy, 'N', text.n);
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

/* The last bit is the lowest of the first byte; bytes that hold no 1 are left off at the end (java.util.BitSet). */
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
