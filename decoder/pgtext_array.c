/*
 * array   = [ bounds "=" ] list           bounds = 1*( "[" int ":" int "]" )
 * list    = "{" [ element *( delim element ) ] "}"
 * element = list / "NULL" / bare / DQUOTE *( char / "\" char ) DQUOTE
 *
 * Debezium's schema knows one dimension. The inner lists of more arrive there as Java arrays,
 * which most element converters turn into null; those of texts print
 * "[Ljava.lang.String;@1b6d3586", which says nothing either: here they are null as well.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "decoder/pgtext.h"

struct reader {
    const char *p, *end;
    char delim;
};

/* Behind the closing quote; NULL when there is none. */
static const char *
array_skip_quoted(const char *p, const char *end)
{
    for (p++; p < end && *p != '"'; p++)
        if (*p == '\\' && ++p == end)
            return NULL;
    return p < end ? p + 1 : NULL;
}

/* Behind the list that begins at p. */
static const char *
array_skip_list(const char *p, const char *end)
{
    size_t depth = 0;

    while (p < end) {
        if (*p == '"') {
            p = array_skip_quoted(p, end);
            if (!p)
                return NULL;
            continue;
        }
        depth += *p == '{';
        depth -= *p == '}';
        p++;
        if (depth == 0)
            return p;
    }
    return NULL;
}

/* An element that cannot be said: null where Debezium's converter says null, else the array fails
 * as a whole. */
static bool
array_null(struct buf *out, size_t mark, const struct bind_ctx *ctx)
{
    if (ctx->item_required)
        return false;
    out->n = mark;
    BUF_LIT(out, "null");
    return true;
}

static bool
array_item(struct buf *out, struct slice text, const struct bind_ctx *ctx)
{
    size_t mark = out->n;

    if (ctx->item(out, text, ctx->item_ctx, NULL))
        return true;
    return ctx->item_lenient && array_null(out, mark, ctx);
}

static bool
array_quoted(struct buf *out, struct slice quoted, const struct bind_ctx *ctx)
{
    enum { SMALL = 256 };
    char small[SMALL], *text;
    size_t n = 0;
    bool ok;

    if (!memchr(quoted.p, '\\', quoted.n))
        return array_item(out, quoted, ctx);
    text = quoted.n <= SMALL ? small : mem_alloc(quoted.n);
    for (size_t i = 0; i < quoted.n; i++) {
        if (quoted.p[i] == '\\' && i + 1 < quoted.n)
            i++;
        text[n++] = quoted.p[i];
    }
    ok = array_item(out, (struct slice){text, n}, ctx);
    if (text != small)
        free(text);
    return ok;
}

static bool
array_element(struct buf *out, struct reader *r, const struct bind_ctx *ctx)
{
    const char *start = r->p;
    struct slice bare;

    if (*start == '{') {
        r->p = array_skip_list(start, r->end);
        return r->p && array_null(out, out->n, ctx);
    }
    if (*start == '"') {
        r->p = array_skip_quoted(start, r->end);
        return r->p &&
               array_quoted(out, (struct slice){start + 1, (size_t)(r->p - start) - 2}, ctx);
    }
    while (r->p < r->end && *r->p != r->delim && *r->p != '}')
        r->p++;
    bare = (struct slice){start, (size_t)(r->p - start)};
    if (slice_is(bare, "NULL"))
        return array_null(out, out->n, ctx);
    return bare.n > 0 && array_item(out, bare, ctx);
}

static bool
array_write(struct buf *out, struct reader *r, const struct bind_ctx *ctx)
{
    if (r->p < r->end && *r->p == '[') {
        const char *equals = memchr(r->p, '=', (size_t)(r->end - r->p));

        if (!equals)
            return false;
        r->p = equals + 1;
    }
    if (r->p == r->end || *r->p++ != '{')
        return false;
    buf_putc(out, '[');
    if (r->p < r->end && *r->p == '}') {
        r->p++;
    } else {
        for (;;) {
            if (r->p == r->end || !array_element(out, r, ctx) || r->p == r->end)
                return false;
            if (*r->p++ == '}')
                break;
            if (r->p[-1] != r->delim)
                return false;
            buf_putc(out, ',');
        }
    }
    buf_putc(out, ']');
    return r->p == r->end;
}

bool
text_array(struct buf *out, struct slice text, const struct bind_ctx *ctx, struct err *e)
{
    struct reader r = {text.p, text.p + text.n, ctx->delim};

    return array_write(out, &r, ctx) || pgtext_bad(ctx, e);
}

bool
text_empty_array(struct buf *out, struct slice text, const struct bind_ctx *ctx, struct err *e)
{
    (void)e;
    if (text.n == 0 && ctx->null_json.n > 0)
        buf_slice(out, ctx->null_json);
    else
        BUF_LIT(out, "[]");
    return true;
}
