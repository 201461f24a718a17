/* Text, bytea, and types that Debezium does not know. */
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"
#include "decoder/pgtext.h"

bool
text_string(struct buf *out, struct slice text, const struct bind_ctx *ctx, struct err *e)
{
    (void)ctx;
    (void)e;
    json_str(out, text);
    return true;
}

bool
text_null(struct buf *out, struct slice text, const struct bind_ctx *ctx, struct err *e)
{
    (void)text;
    (void)e;
    buf_slice(out, ctx->null_json);
    return true;
}

static void
binary_hex(struct buf *out, struct slice bytes)
{
    static const char digits[] = "0123456789abcdef";
    char *w;

    buf_putc(out, '"');
    w = bytes.n < SIZE_MAX / 2 ? buf_room(out, bytes.n * 2) : NULL;
    if (w) {
        for (size_t i = 0; i < bytes.n; i++) {
            unsigned char c = (unsigned char)bytes.p[i];

            w[2 * i] = digits[c >> 4];
            w[2 * i + 1] = digits[c & 15];
        }
        buf_took(out, bytes.n * 2);
    }
    buf_putc(out, '"');
}

void
pgtext_binary(struct buf *out, struct slice bytes, enum binary_mode mode)
{
    size_t start = out->n;

    if (mode == BINARY_HEX) {
        binary_hex(out, bytes);
        return;
    }
    json_base64(out, bytes);
    if (mode != BINARY_BASE64_URL)
        return;
    for (char *p = out->p + start, *end = out->p + out->n; p < end; p++)
        *p = *p == '+' ? '-' : *p == '/' ? '_' : *p;
}

/* The value of a hexadecimal digit; 0xff: none. */
static const unsigned char bytea_digits[256] = {
    ['0'] = 0x10, ['1'] = 0x11, ['2'] = 0x12, ['3'] = 0x13, ['4'] = 0x14, ['5'] = 0x15,
    ['6'] = 0x16, ['7'] = 0x17, ['8'] = 0x18, ['9'] = 0x19, ['a'] = 0x1a, ['b'] = 0x1b,
    ['c'] = 0x1c, ['d'] = 0x1d, ['e'] = 0x1e, ['f'] = 0x1f, ['A'] = 0x1a, ['B'] = 0x1b,
    ['C'] = 0x1c, ['D'] = 0x1d, ['E'] = 0x1e, ['F'] = 0x1f,
};

/* bytea = "\x" *(2hexdigit). Decoded piece by piece: a value of a gigabyte gets no second copy. */
bool
text_bytea(struct buf *out, struct slice text, const struct bind_ctx *ctx, struct err *e)
{
    enum { PIECE = 3072 }; /* a multiple of three: base64 of pieces is base64 of the whole */
    const unsigned char *p = (const unsigned char *)text.p + 2;
    size_t n = text.n / 2 - 1;
    unsigned char piece[PIECE];

    if (text.n < 2 || text.n % 2 != 0 || text.p[0] != '\\' || text.p[1] != 'x')
        return pgtext_bad(ctx, e);
    buf_putc(out, '"');
    while (n > 0) {
        size_t take = n < PIECE ? n : PIECE, mark = out->n;
        unsigned good = 0x10;

        for (size_t i = 0; i < take; i++, p += 2) {
            unsigned high = bytea_digits[p[0]], low = bytea_digits[p[1]];

            good &= high & low;
            piece[i] = (unsigned char)((high & 15) << 4 | (low & 15));
        }
        if (!good)
            return pgtext_bad(ctx, e);
        pgtext_binary(out, (struct slice){(char *)piece, take}, ctx->binary);
        if (!buf_ok(out))
            return false;
        /* Without its quotes. */
        memmove(out->p + mark, out->p + mark + 1, out->n - mark - 2);
        out->n -= 2;
        n -= take;
    }
    buf_putc(out, '"');
    return true;
}

bool
text_unknown(struct buf *out, struct slice text, const struct bind_ctx *ctx, struct err *e)
{
    (void)e;
    pgtext_binary(out, text, ctx->binary);
    return true;
}

/* pgjdbc's PGcircle, PGline, PGlseg, PGbox, PGpath and PGpolygon print their doubles as Java does. */
bool
text_geometric(struct buf *out, struct slice text, const struct bind_ctx *ctx, struct err *e)
{
    static const char signs[9] = {'(', ')', '[', ']', '{', '}', '<', '>', ','};
    const char *p = text.p, *end = text.p + text.n;
    struct buf java;
    bool ok = true;

    /* No double is longer than 24 characters; between two of them stands at least one. */
    buf_init(&java, text.n * 24 + 32);
    while (ok && p < end) {
        const char *start = p;

        while (p < end && !memchr(signs, *p, sizeof(signs)))
            p++;
        if (p > start)
            ok = pgtext_java_float(&java, (struct slice){start, (size_t)(p - start)}, false);
        else
            buf_putc(&java, *p++);
    }
    /* Special values come quoted, as JSON wants them; here they stand in a text. */
    for (size_t i = 0, w = 0, n = java.n; ok && i < n; i++) {
        if (java.p[i] == '"')
            java.n--;
        else
            java.p[w++] = java.p[i];
    }
    if (ok && buf_ok(&java))
        pgtext_binary(out, buf_view(&java), ctx->binary);
    buf_free(&java);
    return ok || pgtext_bad(ctx, e);
}
