/*
 * The texts that are lists, and what separates their elements:
 *
 *   arrays                  [bounds]={element,"quoted \"element\"",NULL,{nested}}
 *   vectors (pgvector)      [1,2.5,3]
 *   int2vector, oidvector   1 2 3
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
    char open, close;
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

    while (r->i < r->s.n && r->s.p[r->i] != ',' && r->s.p[r->i] != r->close) {
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
    if (depth > (r->nested ? DEPTH_MAX : 1) || r->i >= r->s.n || r->s.p[r->i] != r->open)
        return false;
    r->i++;
    buf_putc(r->out, '[');
    if (r->i < r->s.n && r->s.p[r->i] == r->close) {
        r->i++;
        buf_putc(r->out, ']');
        return true;
    }
    for (;;) {
        char c = r->i < r->s.n ? r->s.p[r->i] : '\0';
        bool ok = c == r->open ? read_level(r, depth + 1)
                  : c == '"'   ? read_quoted(r)
                               : read_plain(r);

        if (!ok || r->i >= r->s.n)
            return false;
        c = r->s.p[r->i++];
        if (c == r->close)
            break;
        if (c != ',')
            return false;
        buf_putc(r->out, ',');
    }
    buf_putc(r->out, ']');
    return true;
}

/* Neither brackets nor quotes: words between blanks. */
static bool
read_words(struct array_reader *r)
{
    size_t start;

    buf_putc(r->out, '[');
    while (r->i < r->s.n) {
        start = r->i;
        while (r->i < r->s.n && r->s.p[r->i] != ' ')
            r->i++;
        if (!r->element(r->out, (struct slice){r->s.p + start, r->i - start}))
            return false;
        if (r->i++ < r->s.n)
            buf_putc(r->out, ',');
    }
    buf_putc(r->out, ']');
    return r->s.n == 0 || r->s.p[r->s.n - 1] != ' ';
}

static bool
read_array(struct buf *out, struct slice text, bq_writer element, bool nested)
{
    struct array_reader r = {.s = text, .out = out, .element = element, .nested = nested};
    bool ok;

    skip_bounds(&r);
    r.open = r.i < text.n ? text.p[r.i] : '\0';
    if (r.open != '{' && r.open != '[')
        return read_words(&r);
    r.close = r.open == '{' ? '}' : ']';
    buf_init(&r.scratch, text.n + 1);
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
