/* Points, PostGIS and pgvector. */
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"
#include "decoder/pgtext.h"

enum { POINT_WKB = 21, EWKB_HEAD = 9, FLOAT_TEXT = 64 };
#define EWKB_HAS_SRID UINT32_C(0x20000000)

/* A coordinate: PostgreSQL's shortest text, so strtod gives the very double. */
static bool
point_double(struct slice text, uint64_t *bits)
{
    char copy[FLOAT_TEXT], *end;
    double v;

    if (text.n == 0 || text.n >= sizeof(copy))
        return false;
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    v = strtod(copy, &end);
    if (end != copy + text.n)
        return false;
    memcpy(bits, &v, 8);
    if (v != v)
        *bits = UINT64_C(0x7ff8000000000000); /* Java has one NaN */
    return true;
}

static void
put_le64(char *p, uint64_t v)
{
    for (unsigned i = 0; i < 8; i++)
        p[i] = (char)(v >> 8 * i);
}

/* point = "(" x "," y ")" */
bool
text_point(struct buf *out, struct slice text, const struct bind_ctx *ctx, struct err *e)
{
    const char *comma = text.n > 0 ? memchr(text.p, ',', text.n) : NULL;
    char wkb[POINT_WKB] = {1, 1};
    struct slice x, y;
    uint64_t bits[2];

    if (!comma || text.p[0] != '(' || text.p[text.n - 1] != ')' || comma == text.p ||
        comma == text.p + text.n - 1)
        return pgtext_bad(ctx, e);
    x = (struct slice){text.p + 1, (size_t)(comma - text.p) - 1};
    y = (struct slice){comma + 1, (size_t)(text.p + text.n - comma) - 2};
    if (!point_double(x, &bits[0]) || !point_double(y, &bits[1]))
        return pgtext_bad(ctx, e);
    put_le64(wkb + 5, bits[0]);
    put_le64(wkb + 13, bits[1]);
    BUF_LIT(out, "{\"x\":");
    if (!num_add_java_float(out, x, false))
        return pgtext_bad(ctx, e);
    BUF_LIT(out, ",\"y\":");
    if (!num_add_java_float(out, y, false))
        return pgtext_bad(ctx, e);
    BUF_LIT(out, ",\"wkb\":");
    json_base64(out, (struct slice){wkb, sizeof(wkb)});
    BUF_LIT(out, ",\"srid\":null}");
    return true;
}

/* geometry = 1*(2hexdigit): EWKB, byte order, type with flags, SRID when the flag says so. Written
 * with the SRID inside. */
bool
text_postgis(struct buf *out, struct slice text, const struct bind_ctx *ctx, struct err *e)
{
    size_t n = text.n / 2;
    unsigned char *ewkb;
    uint32_t word[2] = {0, 0};
    bool ok = text.n % 2 == 0 && n >= EWKB_HEAD;

    if (!ok)
        return pgtext_bad(ctx, e);
    ewkb = mem_alloc(n);
    ok = num_unhex(text, ewkb);
    for (unsigned i = 0; i < 8 && ok; i++)
        word[i / 4] |= (uint32_t)ewkb[1 + i] << (ewkb[0] == 1 ? i % 4 * 8 : 24 - i % 4 * 8);
    if (ok) {
        BUF_LIT(out, "{\"wkb\":");
        json_base64(out, (struct slice){(char *)ewkb, n});
        BUF_LIT(out, ",\"srid\":");
        if (word[0] & EWKB_HAS_SRID)
            num_add_i64(out, (int32_t)word[1]);
        else
            BUF_LIT(out, "null");
        buf_putc(out, '}');
    }
    free(ewkb);
    return ok || pgtext_bad(ctx, e);
}

/* vector = "[" float *( "," float ) "]" */
static bool
vector_write(struct buf *out, struct slice text, bool single)
{
    const char *p = text.p + 1, *end = text.p + text.n - 1;

    if (text.n < 2 || text.p[0] != '[' || *end != ']')
        return false;
    buf_putc(out, '[');
    for (;;) {
        const char *comma = p < end ? memchr(p, ',', (size_t)(end - p)) : NULL,
                   *stop = comma ? comma : end;

        if (!pgtext_java_float(out, (struct slice){p, (size_t)(stop - p)}, single))
            return false;
        if (!comma)
            break;
        buf_putc(out, ',');
        p = comma + 1;
    }
    buf_putc(out, ']');
    return true;
}

bool
text_vector(struct buf *out, struct slice text, const struct bind_ctx *ctx, struct err *e)
{
    return vector_write(out, text, false) || pgtext_bad(ctx, e);
}

bool
text_halfvec(struct buf *out, struct slice text, const struct bind_ctx *ctx, struct err *e)
{
    return vector_write(out, text, true) || pgtext_bad(ctx, e);
}

struct sparse {
    int64_t index;
    struct slice value;
    uint32_t bucket, order;
};

static int
sparse_compare(const void *a, const void *b)
{
    const struct sparse *x = a, *y = b;

    return x->bucket != y->bucket ? (x->bucket < y->bucket ? -1 : 1) : x->order < y->order ? -1 : 1;
}

/* "index:value" elements between p and end, in the order of a HashMap<Short, Double>. */
static bool
sparse_elements(struct buf *out, const char *p, const char *end)
{
    struct sparse *list = NULL;
    size_t n = 0, cap = 0;
    bool ok = true;
    uint32_t table;

    while (ok && p < end) {
        const char *comma = memchr(p, ',', (size_t)(end - p)), *stop = comma ? comma : end;
        const char *colon = memchr(p, ':', (size_t)(stop - p));

        if (n == cap) {
            cap = cap ? cap * 2 : 16;
            list = mem_grow(list, cap, sizeof(*list));
        }
        ok = colon && num_parse_i64((struct slice){p, (size_t)(colon - p)}, &list[n].index) &&
             list[n].index >= 0 && list[n].index <= INT16_MAX;
        if (!ok)
            break;
        list[n].value = (struct slice){colon + 1, (size_t)(stop - colon) - 1};
        list[n].order = (uint32_t)n;
        n++;
        p = comma ? comma + 1 : end;
    }
    table = pgtext_java_table(n, n);
    for (size_t i = 0; i < n; i++)
        list[i].bucket = pgtext_java_bucket((uint32_t)list[i].index, table);
    if (n > 1)
        qsort(list, n, sizeof(*list), sparse_compare);
    buf_putc(out, '[');
    for (size_t i = 0; ok && i < n; i++) {
        if (i > 0)
            buf_putc(out, ',');
        buf_putc(out, '[');
        num_add_i64(out, list[i].index);
        buf_putc(out, ',');
        ok = pgtext_java_float(out, list[i].value, false);
        buf_putc(out, ']');
    }
    buf_putc(out, ']');
    free(list);
    return ok;
}

/* sparsevec = "{" [ index ":" float *( "," index ":" float ) ] "}/" dimensions */
bool
text_sparsevec(struct buf *out, struct slice text, const struct bind_ctx *ctx, struct err *e)
{
    const char *close = text.n > 0 ? memchr(text.p, '}', text.n) : NULL, *end = text.p + text.n;
    int64_t dimensions;

    if (!close || text.p[0] != '{' || end - close < 3 || close[1] != '/' ||
        !num_parse_i64((struct slice){close + 2, (size_t)(end - close) - 2}, &dimensions) ||
        dimensions < 0 || dimensions > INT16_MAX)
        return pgtext_bad(ctx, e);
    BUF_LIT(out, "{\"dimensions\":");
    num_add_i64(out, dimensions);
    BUF_LIT(out, ",\"vector\":");
    if (!sparse_elements(out, text.p + 1, close))
        return pgtext_bad(ctx, e);
    buf_putc(out, '}');
    return true;
}
