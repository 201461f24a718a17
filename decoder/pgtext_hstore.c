/*
 * hstore = [ pair *( ", " pair ) ]
 * pair   = quoted "=>" ( quoted / "NULL" )
 * quoted = DQUOTE *( char / "\" char ) DQUOTE
 *
 * Debezium holds the pairs in a java.util.HashMap, so they come out in the order of its buckets,
 * and so do ours. Not reproduced: the order within a bucket of nine keys and more, which Java
 * turns into a tree.
 */
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "decoder/pgtext.h"

struct pair {
    struct slice key, value; /* value.p NULL: SQL NULL */
    uint32_t bucket, order;
};

struct hstore {
    struct pair *pairs;
    size_t n, cap;
    char *text; /* the unquoted keys and values, one behind the other */
};

/* String.hashCode: over UTF-16 units. */
uint32_t
pgtext_java_hash(struct slice utf8)
{
    uint32_t h = 0;

    while (utf8.n > 0) {
        uint32_t c;
        size_t n = utf8_next(utf8, &c);

        if (c >= 0x10000) {
            h = h * 31 + utf8_high_unit(c);
            c = utf8_low_unit(c);
        }
        h = h * 31 + c;
        utf8.p += n;
        utf8.n -= n;
    }
    return h;
}

uint32_t
pgtext_java_table(size_t made_for, size_t entries)
{
    uint32_t table = 1;

    while (table < UINT32_C(1) << 30 && (table < made_for || entries > (size_t)table * 3 / 4))
        table *= 2;
    return table;
}

/* Unquotes the string at *p to w; NULL when there is none. */
static char *
hstore_unquote(const char **p, const char *end, char *w, struct slice *out)
{
    const char *s = *p;
    char *start = w;

    if (s == end || *s++ != '"')
        return NULL;
    while (s < end && *s != '"') {
        if (*s == '\\' && ++s == end)
            return NULL;
        *w++ = *s++;
    }
    if (s == end)
        return NULL;
    *p = s + 1;
    *out = (struct slice){start, (size_t)(w - start)};
    return w;
}

static struct pair *
hstore_add(struct hstore *h)
{
    if (h->n == h->cap) {
        h->cap = h->cap ? h->cap * 2 : 16;
        h->pairs = mem_grow(h->pairs, h->cap, sizeof(*h->pairs));
    }
    return &h->pairs[h->n++];
}

static bool
hstore_parse(struct hstore *h, struct slice text)
{
    const char *p = text.p, *end = text.p + text.n;
    char *w;

    *h = (struct hstore){.text = mem_alloc(text.n + 1)};
    w = h->text;
    while (p < end) {
        struct pair *pair = hstore_add(h);

        *pair = (struct pair){.order = (uint32_t)h->n};
        w = hstore_unquote(&p, end, w, &pair->key);
        if (!w || end - p < 2 || p[0] != '=' || p[1] != '>')
            return false;
        p += 2;
        if (end - p >= 4 && memcmp(p, "NULL", 4) == 0) {
            p += 4;
        } else {
            w = hstore_unquote(&p, end, w, &pair->value);
            if (!w)
                return false;
        }
        if (p < end && (end - p < 3 || *p++ != ',' || *p++ != ' '))
            return false;
    }
    return true;
}

static int
hstore_compare(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;

    return x->bucket != y->bucket ? (x->bucket < y->bucket ? -1 : 1) : x->order < y->order ? -1 : 1;
}

static void
hstore_sort(struct hstore *h)
{
    uint32_t table = pgtext_java_table(JAVA_TABLE_DEFAULT, h->n);

    for (size_t i = 0; i < h->n; i++)
        h->pairs[i].bucket = pgtext_java_bucket(pgtext_java_hash(h->pairs[i].key), table);
    if (h->n > 1)
        qsort(h->pairs, h->n, sizeof(*h->pairs), hstore_compare);
}

static void
hstore_free(struct hstore *h)
{
    free(h->pairs);
    free(h->text);
}

/* A JSON string inside a JSON string: escapes are escaped once more; what is not escaped goes
 * through json_str_body. */
static void
hstore_inner_string(struct buf *out, struct slice s)
{
    static const char shorts[0x20] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    static const char hex[] = "0123456789ABCDEF";
    size_t run = 0;

    BUF_LIT(out, "\\\"");
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        json_str_body(out, (struct slice){s.p + run, i - run});
        run = i + 1;
        BUF_LIT(out, "\\\\");
        if (c == '"' || c == '\\') {
            buf_putc(out, '\\');
            buf_putc(out, (char)c);
        } else if (shorts[c]) {
            buf_putc(out, shorts[c]);
        } else {
            BUF_LIT(out, "u00");
            buf_putc(out, hex[c >> 4]);
            buf_putc(out, hex[c & 15]);
        }
    }
    json_str_body(out, (struct slice){s.p + run, s.n - run});
    BUF_LIT(out, "\\\"");
}

static bool
hstore_write(struct buf *out, struct slice text, void (*string)(struct buf *, struct slice))
{
    struct hstore h;
    bool ok = hstore_parse(&h, text);

    if (ok) {
        hstore_sort(&h);
        buf_putc(out, '{');
        for (size_t i = 0; i < h.n; i++) {
            if (i > 0)
                buf_putc(out, ',');
            string(out, h.pairs[i].key);
            buf_putc(out, ':');
            if (h.pairs[i].value.p)
                string(out, h.pairs[i].value);
            else
                BUF_LIT(out, "null");
        }
        buf_putc(out, '}');
    }
    hstore_free(&h);
    return ok;
}

bool
text_hstore_json(struct buf *out, struct slice text, const struct bind_ctx *ctx, struct err *e)
{
    buf_putc(out, '"');
    if (!hstore_write(out, text, hstore_inner_string))
        return pgtext_bad(ctx, e);
    buf_putc(out, '"');
    return true;
}

bool
text_hstore_map(struct buf *out, struct slice text, const struct bind_ctx *ctx, struct err *e)
{
    return hstore_write(out, text, json_str) || pgtext_bad(ctx, e);
}
