/*
 * What surrounds a row: the source block, rendered once per transaction and table and copied afterwards, the operation and
 * the clock.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "decoder/json_priv.h"

static void
json_cache_free(struct recbuf_cache *c)
{
    for (size_t i = 0; i < JSON_CACHE_SLOTS; i++)
        buf_free(&c->sources[i].text);
    for (size_t i = 0; i <= NODE_DEPTH_MAX; i++)
        buf_free(&c->scratch[i]);
    free(c);
}

struct recbuf_cache *
json_cache(struct recbuf *out)
{
    if (__builtin_expect(!out->cache, 0)) {
        out->cache = mem_alloc(sizeof(*out->cache));
        out->free_cache = json_cache_free;
        for (size_t i = 0; i < JSON_CACHE_SLOTS; i++)
            buf_init(&out->cache->sources[i].text, JSON_SOURCE_MAX);
        for (size_t i = 0; i <= NODE_DEPTH_MAX; i++)
            buf_init(&out->cache->scratch[i], out->bytes.max);
    }
    return out->cache;
}

/* Moves what is in `b` to the arena, padded for buf_add_padded. */
struct slice
json_keep(struct arena *a, struct buf *b)
{
    char *p = arena_alloc(a, b->n + BUF_PAD);
    struct slice s = {p, b->n};

    if (b->n)
        memcpy(p, b->p, b->n);
    buf_clear(b);
    return s;
}

/*
 * "source":{"version":V,"connector":"postgresql","name":N,"ts_ms":…,"snapshot":…,"db":D,"sequence":…,"ts_us":…,"ts_ns":…,
 * "schema":S,"table":T,"txId":…; without sequence and the finer times the database's name goes into the tail.
 */
void
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
    if (prog->voice->sequence) {
        BUF_LIT(b, ",\"sequence\":\"[");
        prog->source_db = json_keep(&prog->arena, b);
    }
    BUF_LIT(b, ",\"schema\":");
    json_str(b, table ? p->rel->schema : SLICE_LIT(""));
    BUF_LIT(b, ",\"table\":");
    json_str(b, table ? p->rel->table : SLICE_LIT(""));
    BUF_LIT(b, ",\"txId\":");
    prog->source_tail = json_keep(&prog->arena, b);
}

void
json_put_xmin(const struct txn *t, struct buf *b)
{
    BUF_LIT(b, ",\"xmin\":");
    if (t->xmin)
        num_add_u64(b, t->xmin);
    else
        BUF_LIT(b, "null");
}

/* origin and its LSN come as a pair; without one both are null. */
static void
json_put_origin(struct buf *b, const struct txn *t)
{
    json_put_xmin(t, b);
    BUF_LIT(b, ",\"origin\":");
    if (!t->origin) {
        BUF_LIT(b, "null,\"origin_lsn\":null}");
        return;
    }
    json_cstr(b, t->origin);
    BUF_LIT(b, ",\"origin_lsn\":");
    num_add_u64(b, t->origin_lsn);
    buf_putc(b, '}');
}

void
json_put_marker(const struct json_program *prog, enum snapshot_marker marker, const char *text,
                struct buf *b)
{
    if (marker == SNAPSHOT_FALSE && !prog->plan->settings->value_json.replace_null)
        BUF_LIT(b, ",\"snapshot\":null");
    else
        buf_printf(b, ",\"snapshot\":\"%s\"", text);
}

/* The value of "txId", and what stands before the LSN. */
void
json_put_txid(const struct txn *t, struct buf *b)
{
    if (t->xid)
        num_add_u64(b, t->xid);
    else
        BUF_LIT(b, "null");
    BUF_LIT(b, ",\"lsn\":");
}

/* Renders the transaction's source block into its cache slot: three pieces, the record's LSN goes between them. */
static void
json_render_source(const struct json_program *prog, const struct change *c, struct json_source *s)
{
    const struct txn *t = c->txn;
    struct buf *b = &s->text;
    uint32_t at;

    buf_clear(b);
    buf_slice(b, prog->source_name);
    num_add_i64(b, t->commit_us / 1000);
    json_put_marker(prog, c->snapshot, snapshot_marker_text(c->snapshot), b);
    buf_slice(b, prog->source_db);
    if (t->last_commit_lsn) {
        BUF_LIT(b, "\\\"");
        num_add_u64(b, t->last_commit_lsn);
        BUF_LIT(b, "\\\"");
    } else {
        BUF_LIT(b, "null");
    }
    BUF_LIT(b, ",\\\"");
    at = (uint32_t)b->n;
    BUF_LIT(b, "\\\"]\",\"ts_us\":");
    num_add_i64(b, t->commit_us);
    BUF_LIT(b, ",\"ts_ns\":");
    num_add_i64(b, t->commit_us);
    BUF_LIT(b, "000");
    buf_slice(b, prog->source_tail);
    json_put_txid(t, b);
    s->n1 = at;
    s->n2 = (uint32_t)b->n - at;
    if (c->snapshot == SNAPSHOT_INCREMENTAL) {
        /* A row between two events: the sequence says where, the row itself has no LSN. */
        s->n1 = 0;
        s->n2 = at;
        BUF_LIT(b, "null");
    }
    json_put_origin(b, t);
    s->n3 = (uint32_t)b->n - s->n1 - s->n2;
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

enum { JSON_TAIL_OP = sizeof(",\"transaction\":null,\"op\":\"") - 1 };

/* The clock is read once per batch of messages, so its text is too. */
static void
json_render_tail(struct recbuf_cache *cache, int64_t now_ns)
{
    cache->tail_op = JSON_TAIL_OP;
    cache->ntail = (unsigned)snprintf(cache->tail, sizeof(cache->tail),
                                      ",\"transaction\":null,\"op\":\"?\",\"ts_ms\":%" PRId64
                                      ",\"ts_us\":%" PRId64 ",\"ts_ns\":%" PRId64 "}",
                                      now_ns / 1000000, now_ns / 1000, now_ns);
}

static void
json_refresh_source(const struct json_program *prog, const struct change *c, struct json_source *s)
{
    prog->voice->render_source(prog, c, s);
    s->plan_id = prog->plan->id;
    s->txn_seq = c->txn->seq;
    s->marker = c->snapshot;
}

static struct json_source *
json_source_of(const struct json_program *prog, const struct change *c, struct recbuf_cache *cache)
{
    struct json_source *s = &cache->sources[prog->plan->id % JSON_CACHE_SLOTS];

    if (__builtin_expect(s->txn_seq != c->txn->seq || s->plan_id != prog->plan->id ||
                             s->marker != c->snapshot,
                         0))
        json_refresh_source(prog, c, s);
    json_render_lsn(cache, c->lsn);
    return s;
}

/* The cached pieces with the LSN between them; returns where it ends. */
static char *
json_copy_source(char *w, const struct json_source *s, const struct recbuf_cache *cache)
{
    const char *text = s->text.p;

    if (__builtin_expect(s->n1 != 0, 1)) {
        memcpy(w, text, s->n1);
        w += s->n1;
        memcpy(w, cache->lsn_text, sizeof(cache->lsn_text));
        w += cache->nlsn;
    }
    memcpy(w, text + s->n1, s->n2);
    w += s->n2;
    memcpy(w, cache->lsn_text, sizeof(cache->lsn_text));
    w += cache->nlsn;
    memcpy(w, text + s->n1 + s->n2, s->n3);
    return w + s->n3;
}

void
json_put_source(const struct json_program *prog, const struct change *c, struct recbuf *out)
{
    struct recbuf_cache *cache = json_cache(out);
    struct json_source *s = json_source_of(prog, c, cache);
    char *start = buf_room(&out->bytes, s->text.n + 2 * sizeof(cache->lsn_text));

    if (start)
        buf_took(&out->bytes, (size_t)(json_copy_source(start, s, cache) - start));
}

/* "<xid>:<lsn>" */
static void
json_put_transaction_id(const struct change *c, struct buf *b)
{
    buf_printf(b, "\"%" PRIu64 ":%" PRIu64 "\"", c->txn->xid, c->lsn);
}

/* {"id":…,"total_order":n,"data_collection_order":m} */
void
json_put_block(const struct json_program *prog, const struct change *c, bool second, struct buf *b)
{
    BUF_LIT(b, "{\"id\":");
    prog->voice->put_transaction_id(c, b);
    buf_printf(b, ",\"total_order\":%" PRIu64 ",\"data_collection_order\":%" PRIu64 "}",
               c->block->total_order + second, c->block->collection_order + second);
}

/* "transaction":{…},"op":"c",… */
static void
json_put_tail_with_block(const struct json_program *prog, const struct change *c, enum change_op op,
                         bool second, const struct recbuf_cache *cache, struct buf *b)
{
    BUF_LIT(b, ",\"transaction\":");
    json_put_block(prog, c, second, b);
    buf_printf(b, ",\"op\":\"%c", (char)op);
    buf_add(b, cache->tail + JSON_TAIL_OP + 1, cache->ntail - JSON_TAIL_OP - 1);
}

const struct json_voice json_voice_3_6 = {
    .sequence = true,
    .render_source = json_render_source,
    .render_tail = json_render_tail,
    .put_tail_with_block = json_put_tail_with_block,
    .put_transaction_id = json_put_transaction_id,
    .transaction_clock = true,
    .marker_text = snapshot_marker_text,
};

void
json_put_source_and_tail(const struct json_program *prog, const struct change *c, enum change_op op,
                         bool second, struct recbuf *out)
{
    struct recbuf_cache *cache = json_cache(out);
    struct json_source *s = json_source_of(prog, c, cache);
    char *start = buf_room(&out->bytes, s->text.n + 2 * sizeof(cache->lsn_text) + JSON_TAIL_MAX),
         *w;

    if (!start)
        return;
    if (cache->now_ns != c->now_ns || !cache->ntail) {
        prog->voice->render_tail(cache, c->now_ns);
        cache->now_ns = c->now_ns;
    }
    w = json_copy_source(start, s, cache);
    if (__builtin_expect(c->block != NULL, 0)) {
        buf_took(&out->bytes, (size_t)(w - start));
        prog->voice->put_tail_with_block(prog, c, op, second, cache, &out->bytes);
        return;
    }
    memcpy(w, cache->tail, JSON_TAIL_MAX);
    w[cache->tail_op] = (char)op;
    buf_took(&out->bytes, (size_t)(w - start) + cache->ntail);
}

struct record *
json_open(struct recbuf *out, const struct change *c, enum change_op op, uint16_t index)
{
    struct record *r = recbuf_add(out);

    r->id = c->id;
    r->index = index;
    r->op = (uint8_t)op;
    r->headers = c->plan->kind == PLAN_TABLE && c->plan->settings->context_headers ? RECORD_CONTEXT
                                                                                   : RECORD_PLAIN;
    return r;
}

bool
json_close(const struct json_program *prog, struct recbuf *out, struct record *r, struct err *e)
{
    if (prog->value_brace)
        buf_putc(&out->bytes, '}');
    r->nvalue = (uint32_t)out->bytes.n - r->value;
    return buf_ok(&out->bytes) || err_set(e, ERR_DATA, "record.too_large",
                                          "a record for topic \"%s\" is larger than %zu bytes",
                                          prog->plan->topic, out->bytes.max);
}
