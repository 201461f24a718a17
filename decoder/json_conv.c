#include "decoder/json_conv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"
#include "decoder/schema.h"

/* A schema of 1600 columns with defaults and long names stays below this. */
enum { JSON_SCHEMA_MAX = 64 << 20 };

/* Before this column: this text. */
struct json_step {
    const char *lit;
    uint32_t nlit;
    uint16_t col;
    const struct plan_field *field;
};

/* '{"a":', ',"b":', … and the closing brace. */
struct json_row {
    uint16_t n;
    struct json_step *steps;
};

struct json_program {
    const struct plan *plan;
    struct json_row row, key;
    struct slice value_head;  /* '{"schema":…,"payload":' or nothing */
    struct slice create_head; /* the same and '{"before":null,"after":' */
    struct slice key_head;
    bool value_brace, key_brace; /* the head's '{' needs its '}' */
    /* The source block's constant pieces; see json_render_source. */
    struct slice source_name, source_db, source_tail;
    struct arena arena;
};

/* ------------------------------------------------------------------------------------------------ the cache */

enum { JSON_CACHE_SLOTS = 64, JSON_SOURCE_MAX = 8192, JSON_TAIL_MAX = 128, JSON_TAIL_OP = 26, JSON_LSN_LOW = 10000 };

/* The source block of one program in one transaction, in three pieces with the LSN between them. */
struct json_source {
    uint64_t plan_id, txn_seq;
    enum snapshot_marker marker;
    uint32_t n1, n2, n3; /* lengths of the pieces in text */
    struct buf text;
};

struct recbuf_cache {
    struct json_source sources[JSON_CACHE_SLOTS];
    int64_t now_ns;
    unsigned ntail;
    char tail[JSON_TAIL_MAX]; /* what follows the source block; the operation's letter is put in at JSON_TAIL_OP */
    uint64_t lsn_high;        /* LSN / JSON_LSN_LOW: the digits that seldom change */
    unsigned nhigh, nlsn;
    char lsn_text[NUM_U64_MAX + 4];
};

static void
json_cache_free(struct recbuf_cache *c)
{
    for (size_t i = 0; i < JSON_CACHE_SLOTS; i++)
        buf_free(&c->sources[i].text);
    free(c);
}

static struct recbuf_cache *
json_cache(struct recbuf *out)
{
    if (__builtin_expect(!out->cache, 0)) {
        out->cache = mem_alloc(sizeof(*out->cache));
        out->free_cache = json_cache_free;
        for (size_t i = 0; i < JSON_CACHE_SLOTS; i++)
            buf_init(&out->cache->sources[i].text, JSON_SOURCE_MAX);
    }
    return out->cache;
}

/* ------------------------------------------------------------------------------------------------ compiling */

/* Moves what is in `b` to the arena, padded for buf_add_padded. */
static struct slice
json_keep(struct arena *a, struct buf *b)
{
    char *p = arena_alloc(a, b->n + BUF_PAD);
    struct slice s = {p, b->n};

    if (b->n)
        memcpy(p, b->p, b->n);
    buf_clear(b);
    return s;
}

static void
json_compile_row(struct json_program *prog, struct json_row *row, const struct plan_field *fields, uint16_t n, struct buf *b)
{
    row->n = n;
    row->steps = arena_alloc(&prog->arena, (n ? n : 1u) * sizeof(*row->steps));
    for (uint16_t i = 0; i < n; i++) {
        struct slice lit;

        buf_putc(b, i ? ',' : '{');
        json_str(b, fields[i].name);
        buf_putc(b, ':');
        lit = json_keep(&prog->arena, b);
        row->steps[i] = (struct json_step){lit.p, (uint32_t)lit.n, fields[i].col, &fields[i]};
    }
}

static struct slice
json_compile_head(struct json_program *prog, bool schemas, const struct schema *schema, struct buf *b)
{
    if (!schemas)
        return json_keep(&prog->arena, b);
    BUF_LIT(b, "{\"schema\":");
    schema_write(b, schema, (struct slice){NULL, 0});
    BUF_LIT(b, ",\"payload\":");
    return json_keep(&prog->arena, b);
}

/*
 * "source":{"version":V,"connector":"postgresql","name":N,"ts_ms":…,"snapshot":…,"db":D,"sequence":…,"ts_us":…,"ts_ns":…,
 * "schema":S,"table":T,"txId":…
 */
static void
json_compile_source(struct json_program *prog, struct buf *b)
{
    const struct plan *p = prog->plan;
    bool table = p->kind == PLAN_TABLE;

    BUF_LIT(b, ",\"source\":{\"version\":");
    json_cstr(b, p->settings->version);
    BUF_LIT(b, ",\"connector\":\"postgresql\",\"name\":");
    json_cstr(b, p->settings->prefix);
    BUF_LIT(b, ",\"ts_ms\":");
    prog->source_name = json_keep(&prog->arena, b);
    BUF_LIT(b, ",\"db\":");
    json_cstr(b, p->settings->database);
    BUF_LIT(b, ",\"sequence\":\"[");
    prog->source_db = json_keep(&prog->arena, b);
    BUF_LIT(b, ",\"schema\":");
    json_str(b, table ? p->rel->schema : SLICE_LIT(""));
    BUF_LIT(b, ",\"table\":");
    json_str(b, table ? p->rel->table : SLICE_LIT(""));
    BUF_LIT(b, ",\"txId\":");
    prog->source_tail = json_keep(&prog->arena, b);
}

struct json_program *
json_compile(const struct plan *p, struct err *e)
{
    struct json_program *prog = mem_alloc(sizeof(*prog));
    const struct settings *s = p->settings;
    struct buf b;

    arena_init(&prog->arena);
    prog->plan = p;
    buf_init(&b, JSON_SCHEMA_MAX);
    json_compile_row(prog, &prog->row, p->fields, p->nfields, &b);
    json_compile_row(prog, &prog->key, p->key, p->nkey, &b);
    prog->value_brace = s->value_json.schemas;
    prog->key_brace = s->key_json.schemas;
    prog->value_head = json_compile_head(prog, s->value_json.schemas, p->envelope_schema, &b);
    buf_slice(&b, prog->value_head);
    BUF_LIT(&b, "{\"before\":null,\"after\":");
    prog->create_head = json_keep(&prog->arena, &b);
    prog->key_head = json_compile_head(prog, p->key_schema && s->key_json.schemas, p->key_schema, &b);
    json_compile_source(prog, &b);
    if (!buf_ok(&b)) {
        err_set(e, ERR_DATA, "record.schema", "the schema of topic \"%s\" is larger than %d bytes", p->topic, JSON_SCHEMA_MAX);
        json_discard(prog);
        prog = NULL;
    }
    buf_free(&b);
    return prog;
}

void
json_discard(struct json_program *prog)
{
    if (!prog)
        return;
    arena_free(&prog->arena);
    free(prog);
}

/* ------------------------------------------------------------------------------------------------ rows and keys */

static bool
json_unconvertible(const struct json_program *prog, const struct json_step *st, struct recbuf *out, size_t mark, struct err *e)
{
    const struct plan *p = prog->plan;

    if (!buf_ok(&out->bytes))
        return err_set(e, ERR_DATA, "record.too_large", "a row of table \"%.*s.%.*s\" makes a record larger than %zu bytes",
                       SLICE_ARG(p->rel->schema), SLICE_ARG(p->rel->table), out->bytes.max);
    if (p->settings->fail_on_unconvertible)
        return err_wrap(e, "table \"%.*s.%.*s\", column \"%.*s\"", SLICE_ARG(p->rel->schema), SLICE_ARG(p->rel->table),
                        SLICE_ARG(p->rel->cols[st->col].name));
    out->bytes.n = mark;
    out->unconverted++;
    out->unconverted_column = p->rel->cols[st->col].name;
    if (e)
        out->unconverted_why = *e;
    buf_slice(&out->bytes, st->field->value.null_json);
    return true;
}

/* A column that an update did not touch: from the old row when it is whole, else the placeholder. */
static inline const struct value *
json_unchanged(const struct change *c, uint16_t col)
{
    const struct value *old = !c->old_is_key && col < c->before.n ? &c->before.v[col] : NULL;

    return old && (old->kind == VALUE_TEXT || old->kind == VALUE_NULL) ? old : NULL;
}

static bool
json_put_row(const struct json_program *prog, const struct json_row *row, const struct change *c,
             const struct tuple *t, struct recbuf *out, struct err *e)
{
    struct buf *b = &out->bytes;

    if (row->n == 0)
        buf_putc(b, '{');
    for (const struct json_step *st = row->steps, *end = st + row->n; st < end; st++) {
        const struct binding *bind = &st->field->value;
        const struct value *v = st->col < t->n ? &t->v[st->col] : NULL;
        size_t mark;

        buf_add_padded(b, st->lit, st->nlit);
        if (__builtin_expect(!v || v->kind != VALUE_TEXT, 0)) {
            if (v && v->kind == VALUE_UNCHANGED && !(v = json_unchanged(c, st->col))) {
                buf_add(b, bind->unavailable_json.p, bind->unavailable_json.n);
                continue;
            }
            if (!v || v->kind != VALUE_TEXT) {
                buf_add(b, bind->null_json.p, bind->null_json.n);
                continue;
            }
        }
        mark = b->n;
        if (__builtin_expect(!bind->write(b, (struct slice){v->p, v->n}, bind->ctx, e), 0) &&
            !json_unconvertible(prog, st, out, mark, e))
            return false;
    }
    buf_putc(b, '}');
    return true;
}

static bool
json_put_key(const struct json_program *prog, const struct change *c, const struct tuple *t,
             struct recbuf *out, struct record *r, struct err *e)
{
    struct buf *b = &out->bytes;

    r->key = (uint32_t)b->n;
    if (!prog->key.n) {
        r->null_key = true;
        return true;
    }
    buf_add_padded(b, prog->key_head.p, prog->key_head.n);
    if (!json_put_row(prog, &prog->key, c, t, out, e))
        return false;
    if (prog->key_brace)
        buf_putc(b, '}');
    r->nkey = (uint32_t)b->n - r->key;
    return true;
}

/* ------------------------------------------------------------------------------------------------ source, op, clock */

/* origin and its LSN come as a pair; without one both are null. */
static void
json_put_origin(struct buf *b, const struct txn *t)
{
    BUF_LIT(b, ",\"xmin\":null,\"origin\":");
    if (!t->origin) {
        BUF_LIT(b, "null,\"origin_lsn\":null}");
        return;
    }
    json_cstr(b, t->origin);
    BUF_LIT(b, ",\"origin_lsn\":");
    num_add_u64(b, t->origin_lsn);
    buf_putc(b, '}');
}

/* Renders the transaction's source block into its cache slot: three pieces, the record's LSN goes between them. */
static void
json_render_source(const struct json_program *prog, const struct change *c, struct json_source *s)
{
    const struct txn *t = c->txn;
    struct buf *b = &s->text;

    buf_clear(b);
    buf_slice(b, prog->source_name);
    num_add_i64(b, t->commit_us / 1000);
    BUF_LIT(b, ",\"snapshot\":\"");
    buf_str(b, snapshot_marker_text(c->snapshot));
    buf_putc(b, '"');
    buf_slice(b, prog->source_db);
    if (t->last_commit_lsn) {
        BUF_LIT(b, "\\\"");
        num_add_u64(b, t->last_commit_lsn);
        BUF_LIT(b, "\\\"");
    } else {
        BUF_LIT(b, "null");
    }
    BUF_LIT(b, ",\\\"");
    s->n1 = (uint32_t)b->n;
    BUF_LIT(b, "\\\"]\",\"ts_us\":");
    num_add_i64(b, t->commit_us);
    BUF_LIT(b, ",\"ts_ns\":");
    num_add_i64(b, t->commit_us);
    BUF_LIT(b, "000");
    buf_slice(b, prog->source_tail);
    if (t->xid)
        num_add_u64(b, t->xid);
    else
        BUF_LIT(b, "null");
    BUF_LIT(b, ",\"lsn\":");
    s->n2 = (uint32_t)b->n - s->n1;
    json_put_origin(b, t);
    s->n3 = (uint32_t)b->n - s->n1 - s->n2;
    s->plan_id = prog->plan->id;
    s->txn_seq = t->seq;
    s->marker = c->snapshot;
}

/* Consecutive records lie close together: only the low digits are rendered anew. */
static void
json_render_lsn(struct recbuf_cache *cache, uint64_t lsn)
{
    uint64_t high = lsn / JSON_LSN_LOW;
    unsigned low = (unsigned)(lsn - high * JSON_LSN_LOW);
    char *w;

    if (high != cache->lsn_high || !cache->nlsn) {
        cache->lsn_high = high;
        cache->nhigh = high ? num_u64(cache->lsn_text, high) : 0;
    }
    if (!cache->nhigh) {
        cache->nlsn = num_u64(cache->lsn_text, low);
        return;
    }
    w = cache->lsn_text + cache->nhigh;
    num_two(w, low / 100);
    num_two(w + 2, low % 100);
    cache->nlsn = cache->nhigh + 4;
}

/* The clock is read once per batch of messages, so its text is too. */
static void
json_render_tail(struct recbuf_cache *cache, int64_t now_ns)
{
    cache->now_ns = now_ns;
    cache->ntail = (unsigned)snprintf(cache->tail, sizeof(cache->tail),
                                      ",\"transaction\":null,\"op\":\"?\",\"ts_ms\":%" PRId64 ",\"ts_us\":%" PRId64
                                      ",\"ts_ns\":%" PRId64 "}",
                                      now_ns / 1000000, now_ns / 1000, now_ns);
}

static struct json_source *
json_source_of(const struct json_program *prog, const struct change *c, struct recbuf_cache *cache)
{
    struct json_source *s = &cache->sources[prog->plan->id % JSON_CACHE_SLOTS];

    if (__builtin_expect(s->txn_seq != c->txn->seq || s->plan_id != prog->plan->id || s->marker != c->snapshot, 0))
        json_render_source(prog, c, s);
    json_render_lsn(cache, c->lsn);
    return s;
}

/* The cached pieces with the LSN between them; returns where it ends. */
static char *
json_copy_source(char *w, const struct json_source *s, const struct recbuf_cache *cache)
{
    const char *text = s->text.p;

    memcpy(w, text, s->n1);
    w += s->n1;
    memcpy(w, cache->lsn_text, sizeof(cache->lsn_text));
    w += cache->nlsn;
    memcpy(w, text + s->n1, s->n2);
    w += s->n2;
    memcpy(w, cache->lsn_text, sizeof(cache->lsn_text));
    w += cache->nlsn;
    memcpy(w, text + s->n1 + s->n2, s->n3);
    return w + s->n3;
}

static void
json_put_source(const struct json_program *prog, const struct change *c, struct recbuf *out)
{
    struct recbuf_cache *cache = json_cache(out);
    struct json_source *s = json_source_of(prog, c, cache);
    char *start = buf_room(&out->bytes, s->text.n + 2 * sizeof(cache->lsn_text));

    if (start)
        buf_took(&out->bytes, (size_t)(json_copy_source(start, s, cache) - start));
}

/* ,"source":{…},"transaction":null,"op":"c","ts_ms":…,"ts_us":…,"ts_ns":…} */
static void
json_put_source_and_tail(const struct json_program *prog, const struct change *c, enum change_op op, struct recbuf *out)
{
    struct recbuf_cache *cache = json_cache(out);
    struct json_source *s = json_source_of(prog, c, cache);
    char *start = buf_room(&out->bytes, s->text.n + 2 * sizeof(cache->lsn_text) + JSON_TAIL_MAX), *w;

    if (!start)
        return;
    if (cache->now_ns != c->now_ns || !cache->ntail)
        json_render_tail(cache, c->now_ns);
    w = json_copy_source(start, s, cache);
    memcpy(w, cache->tail, JSON_TAIL_MAX);
    w[JSON_TAIL_OP] = (char)op;
    buf_took(&out->bytes, (size_t)(w - start) + cache->ntail);
}

/* ------------------------------------------------------------------------------------------------ records */

static struct record *
json_open(struct recbuf *out, const struct change *c, enum change_op op, uint16_t index)
{
    struct record *r = recbuf_add(out);

    r->id = c->id;
    r->index = index;
    r->op = (uint8_t)op;
    r->headers = c->plan->kind == PLAN_TABLE && c->plan->settings->context_headers ? RECORD_CONTEXT : RECORD_PLAIN;
    return r;
}

static bool
json_close(const struct json_program *prog, struct recbuf *out, struct record *r, struct err *e)
{
    if (prog->value_brace)
        buf_putc(&out->bytes, '}');
    r->nvalue = (uint32_t)out->bytes.n - r->value;
    return buf_ok(&out->bytes) || err_set(e, ERR_DATA, "record.too_large", "a record for topic \"%s\" is larger than %zu bytes",
                                          prog->plan->topic, out->bytes.max);
}

/* One envelope: before and after as given, key from `key` (no key at all for a truncate). */
static bool
json_put_envelope(const struct json_program *prog, const struct change *c, enum change_op op,
                  const struct tuple *before, const struct tuple *after, const struct tuple *key, uint16_t index,
                  struct recbuf *out, struct err *e)
{
    struct record *r = json_open(out, c, op, index);
    struct buf *b = &out->bytes;

    if (!key)
        r->null_key = true;
    else if (!json_put_key(prog, c, key, out, r, e))
        return false;
    r->value = (uint32_t)b->n;
    if (!before) {
        buf_add_padded(b, prog->create_head.p, prog->create_head.n);
    } else {
        buf_slice(b, prog->value_head);
        BUF_LIT(b, "{\"before\":");
        if (!json_put_row(prog, &prog->row, c, before, out, e))
            return false;
        BUF_LIT(b, ",\"after\":");
    }
    if (!after)
        BUF_LIT(b, "null");
    else if (!json_put_row(prog, &prog->row, c, after, out, e))
        return false;
    json_put_source_and_tail(prog, c, op, out);
    return json_close(prog, out, r, e);
}

/* Key bytes of the record before, a null value. */
static void
json_put_tombstone(const struct change *c, struct recbuf *out, uint16_t index)
{
    struct record *r = json_open(out, c, OP_DELETE, index);
    const struct record *deleted = r - 1;

    r->key = deleted->key;
    r->nkey = deleted->nkey;
    r->null_key = deleted->null_key;
    r->value = deleted->value;
    r->null_value = true;
}

/* Four hex digits of a \u escape. */
static uint32_t
json_hex4(const char *p)
{
    uint32_t v = 0;

    for (int i = 0; i < 4; i++) {
        char ch = p[i];

        v = v << 4 | (uint32_t)(ch <= '9' ? ch - '0' : (ch | 0x20) - 'a' + 10);
    }
    return v;
}

static void
json_put_utf8(struct buf *b, uint32_t cp)
{
    if (cp < 0x80) {
        buf_putc(b, (char)cp);
    } else if (cp < 0x800) {
        buf_putc(b, (char)(0xC0 | cp >> 6));
        buf_putc(b, (char)(0x80 | (cp & 0x3F)));
    } else if (cp < 0x10000) {
        buf_putc(b, (char)(0xE0 | cp >> 12));
        buf_putc(b, (char)(0x80 | (cp >> 6 & 0x3F)));
        buf_putc(b, (char)(0x80 | (cp & 0x3F)));
    } else {
        buf_putc(b, (char)(0xF0 | cp >> 18));
        buf_putc(b, (char)(0x80 | (cp >> 12 & 0x3F)));
        buf_putc(b, (char)(0x80 | (cp >> 6 & 0x3F)));
        buf_putc(b, (char)(0x80 | (cp & 0x3F)));
    }
}

/*
 * A key struct as Connect's SimpleHeaderConverter writes it: like JSON, but inside strings only '"' and '\' are escaped.
 * `json` is text we rendered ourselves.
 */
static void
json_put_header_text(struct buf *b, const char *json, size_t n)
{
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";

    for (size_t i = 0; i < n; i++) {
        const char *short_form;

        if (json[i] != '\\' || i + 1 >= n) {
            buf_putc(b, json[i]);
        } else if (json[i + 1] == 'u' && i + 5 < n) {
            uint32_t cp = json_hex4(json + i + 2);

            i += 5;
            if (cp >= 0xD800 && cp < 0xDC00 && i + 6 < n && json[i + 1] == '\\' && json[i + 2] == 'u') {
                cp = 0x10000 + ((cp - 0xD800) << 10) + (json_hex4(json + i + 3) - 0xDC00);
                i += 6;
            }
            json_put_utf8(b, cp);
        } else if ((short_form = strchr(from, json[i + 1])) != NULL) {
            buf_putc(b, to[short_form - from]);
            i++;
        } else {
            buf_putc(b, json[i]);
            buf_putc(b, json[++i]);
        }
    }
}

/* The header that points from one half of a key change to the other; `other` is the other half's key row. */
static bool
json_put_key_header(const struct json_program *prog, const struct change *c, const struct tuple *other, const char *name,
                    struct recbuf *out, size_t rec, struct err *e)
{
    size_t at = out->bytes.n, n;
    char *json;

    if (!json_put_row(prog, &prog->key, c, other, out, e))
        return false;
    n = out->bytes.n - at;
    json = mem_strndup(out->bytes.p + at, n);
    out->bytes.n = at;
    json_put_header_text(&out->bytes, json, n);
    free(json);
    out->recs[rec].extra = (uint32_t)at;
    out->recs[rec].nextra = (uint32_t)(out->bytes.n - at);
    out->recs[rec].extra_name = name;
    return true;
}

/* Did the key change? Compared as it is said: a NOT NULL key column that the old tuple lacks counts as its fallback. */
static bool
json_key_changed(const struct json_program *prog, const struct change *c, struct recbuf *out, bool *changed, struct err *e)
{
    bool same = true;
    size_t at = out->bytes.n, n1;

    *changed = false;
    for (uint16_t i = 0; same && i < prog->key.n; i++) {
        uint16_t col = prog->key.steps[i].col;
        const struct value *o = &c->before.v[col], *v = &c->after.v[col];

        if (v->kind == VALUE_UNCHANGED)
            continue;
        same = o->kind == VALUE_TEXT && v->kind == VALUE_TEXT && o->n == v->n && memcmp(o->p, v->p, o->n) == 0;
    }
    if (same)
        return true;
    if (!json_put_row(prog, &prog->key, c, &c->before, out, e))
        return false;
    n1 = out->bytes.n - at;
    if (!json_put_row(prog, &prog->key, c, &c->after, out, e))
        return false;
    *changed = n1 != out->bytes.n - at - n1 || memcmp(out->bytes.p + at, out->bytes.p + at + n1, n1) != 0;
    out->bytes.n = at;
    return true;
}

static bool
json_encode_delete(const struct json_program *prog, const struct change *c, struct recbuf *out, struct err *e)
{
    if (!json_put_envelope(prog, c, OP_DELETE, &c->before, NULL, &c->before, 0, out, e))
        return false;
    if (c->plan->settings->tombstones)
        json_put_tombstone(c, out, 1);
    return true;
}

/*
 * Delete under the old key, its tombstone, create under the new one; headers tie them together. Each half is left out when
 * its operation is skipped.
 */
static bool
json_encode_key_change(const struct json_program *prog, const struct change *c, struct recbuf *out, struct err *e)
{
    const struct settings *s = c->plan->settings;
    size_t first = out->n;

    if (!(s->skipped_ops & OPS_DELETE)) {
        if (!json_put_envelope(prog, c, OP_DELETE, &c->before, NULL, &c->before, 0, out, e) ||
            !json_put_key_header(prog, c, &c->after, "__debezium.newkey", out, first, e))
            return false;
        if (s->tombstones) {
            json_put_tombstone(c, out, 1);
            out->recs[first + 1].extra = out->recs[first].extra;
            out->recs[first + 1].nextra = out->recs[first].nextra;
            out->recs[first + 1].extra_name = out->recs[first].extra_name;
        }
    }
    if (s->skipped_ops & OPS_CREATE)
        return true;
    return json_put_envelope(prog, c, OP_CREATE, NULL, &c->after, &c->after, (uint16_t)(out->n - first), out, e) &&
           json_put_key_header(prog, c, &c->before, "__debezium.oldkey", out, out->n - 1, e);
}

static bool
json_encode_update(const struct json_program *prog, const struct change *c, struct recbuf *out, struct err *e)
{
    bool changed = false;

    if (c->before.n && prog->key.n && !json_key_changed(prog, c, out, &changed, e))
        return false;
    if (changed)
        return json_encode_key_change(prog, c, out, e);
    return json_put_envelope(prog, c, OP_UPDATE, c->before.n ? &c->before : NULL, &c->after, &c->after, 0, out, e);
}

static void
json_put_content(const struct change *c, struct buf *b)
{
    static const char hex[] = "0123456789abcdef";
    enum binary_mode mode = c->plan->settings->binary;
    size_t at = b->n;

    if (mode == BINARY_HEX) {
        buf_putc(b, '"');
        for (size_t i = 0; i < c->content.n; i++) {
            buf_putc(b, hex[(unsigned char)c->content.p[i] >> 4]);
            buf_putc(b, hex[(unsigned char)c->content.p[i] & 15]);
        }
        buf_putc(b, '"');
        return;
    }
    json_base64(b, c->content);
    if (mode == BINARY_BASE64_URL)
        for (size_t i = at; i < b->n; i++)
            b->p[i] = b->p[i] == '+' ? '-' : b->p[i] == '/' ? '_' : b->p[i];
}

/* A logical message: {"op":"m","ts_ms":…,"source":{…},"transaction":null,"message":{"prefix":…,"content":…}} */
static bool
json_encode_message(const struct json_program *prog, const struct change *c, struct recbuf *out, struct err *e)
{
    struct record *r = json_open(out, c, OP_MESSAGE, 0);
    struct buf *b = &out->bytes;

    r->key = (uint32_t)b->n;
    buf_slice(b, prog->key_head);
    BUF_LIT(b, "{\"prefix\":");
    json_str(b, c->prefix);
    buf_str(b, prog->key_brace ? "}}" : "}");
    r->nkey = (uint32_t)b->n - r->key;
    r->value = (uint32_t)b->n;
    buf_slice(b, prog->value_head);
    BUF_LIT(b, "{\"op\":\"m\",\"ts_ms\":");
    num_add_i64(b, c->now_ns / 1000000);
    json_put_source(prog, c, out);
    BUF_LIT(b, ",\"transaction\":null,\"message\":{\"prefix\":");
    json_str(b, c->prefix);
    BUF_LIT(b, ",\"content\":");
    json_put_content(c, b);
    BUF_LIT(b, "}}");
    return json_close(prog, out, r, e);
}

bool
json_encode(const struct json_program *prog, const struct change *c, struct recbuf *out, struct err *e)
{
    switch (c->op) {
    case OP_CREATE:
    case OP_READ:
        return json_put_envelope(prog, c, c->op, NULL, &c->after, &c->after, 0, out, e);
    case OP_UPDATE:
        return json_encode_update(prog, c, out, e);
    case OP_DELETE:
        return json_encode_delete(prog, c, out, e);
    case OP_TRUNCATE:
        return json_put_envelope(prog, c, OP_TRUNCATE, NULL, NULL, NULL, 0, out, e);
    case OP_MESSAGE:
        return json_encode_message(prog, c, out, e);
    }
    return err_set(e, ERR_BUG, "change.op", "change with unknown operation 0x%02x", (unsigned)c->op);
}
