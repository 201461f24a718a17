/*
 * PostgreSQL's array text: [bounds]={element,"quoted \"element\"",NULL,{nested}}. Elements are separated by commas (box,
 * the one type with another separator, is not bound as an array).
 */
#include "base/json.h"
#include "sinks/bigquery/types.h"
#include "sinks/bigquery/values.h"

enum { DEPTH_MAX = 6 }; /* PostgreSQL's MAXDIM */

struct array_reader {
    struct slice s;
    size_t i;
    struct buf *out;
    bq_writer element;
    bool nested; /* more dimensions and NULLs are welcome */
    struct buf scratch;
};

/* Past "[2:3][0:1]=": bounds other than 1 are left out by BigQuery's arrays anyway. */
static void
skip_bounds(struct array_reader *r)
{
    const char *eq;

    if (r->s.n && r->s.p[0] == '[' && (eq = memchr(r->s.p, '=', r->s.n)) != NULL)
        r->i = (size_t)(eq - r->s.p) + 1;
}

static bool
read_quoted(struct array_reader *r)
{
    buf_clear(&r->scratch);
    for (r->i++; r->i < r->s.n && r->s.p[r->i] != '"'; r->i++) {
        if (r->s.p[r->i] == '\\' && r->i + 1 < r->s.n)
            r->i++;
        buf_putc(&r->scratch, r->s.p[r->i]);
    }
    if (r->i++ >= r->s.n)
        return false;
    return r->element(r->out, r->scratch.n ? buf_view(&r->scratch) : SLICE_LIT(""));
}

static bool
read_plain(struct array_reader *r)
{
    size_t start = r->i;
    struct slice text;

    while (r->i < r->s.n && r->s.p[r->i] != ',' && r->s.p[r->i] != '}') {
        /* Only quoted elements hold backslashes or braces. */
        if (r->s.p[r->i] == '\\' || r->s.p[r->i] == '{')
            return false;
        r->i++;
    }
    text = (struct slice){r->s.p + start, r->i - start};
    if (text.n == 0)
        return false;
    if (slice_is(text, "NULL")) {
        BUF_LIT(r->out, "null");
        return r->nested;
    }
    return r->element(r->out, text);
}

static bool
read_level(struct array_reader *r, int depth)
{
    if (depth > (r->nested ? DEPTH_MAX : 1) || r->i >= r->s.n || r->s.p[r->i] != '{')
        return false;
    r->i++;
    buf_putc(r->out, '[');
    if (r->i < r->s.n && r->s.p[r->i] == '}') {
        r->i++;
        buf_putc(r->out, ']');
        return true;
    }
    for (;;) {
        char c = r->i < r->s.n ? r->s.p[r->i] : '\0';
        bool ok = c == '{' ? read_level(r, depth + 1) : c == '"' ? read_quoted(r) : read_plain(r);

        if (!ok || r->i >= r->s.n)
            return false;
        c = r->s.p[r->i++];
        if (c == '}')
            break;
        if (c != ',')
            return false;
        buf_putc(r->out, ',');
    }
    buf_putc(r->out, ']');
    return true;
}

static bool
read_array(struct buf *out, struct slice text, bq_writer element, bool nested)
{
    struct array_reader r = {.s = text, .out = out, .element = element, .nested = nested};
    bool ok;

    buf_init(&r.scratch, text.n + 1);
    skip_bounds(&r);
    ok = read_level(&r, 1) && r.i == text.n;
    buf_free(&r.scratch);
    return ok;
}

bool
bq_write_array(struct buf *out, struct slice text, bq_writer element)
{
    return read_array(out, text, element, false);
}

bool
bq_write_array_json(struct buf *out, struct slice text, bq_writer element)
{
    struct buf doc;
    bool ok;

    /* A character can become six, an element gets quotes. */
    buf_init(&doc, text.n * 8 + 16);
    ok = read_array(&doc, text, element == bq_write_json ? bq_write_json_raw : element, true) &&
         buf_ok(&doc);
    if (ok)
        json_str(out, buf_view(&doc));
    buf_free(&doc);
    return ok;
}
