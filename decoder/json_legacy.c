/*
 * Around a row as Debezium 1.2 said it: a source block without sequence, microseconds and origin, no times but
 * milliseconds, the transaction at the end.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/json.h"
#include "decoder/json_priv.h"

/* An incremental snapshot is younger than 1.2: its rows are read ones like the others. */
static const char *const json_legacy_markers[] = {
    [SNAPSHOT_FALSE] = "false",
    [SNAPSHOT_FIRST] = "true",
    [SNAPSHOT_FIRST_IN_COLLECTION] = "true",
    [SNAPSHOT_TRUE] = "true",
    [SNAPSHOT_LAST_IN_COLLECTION] = "true",
    [SNAPSHOT_LAST] = "last",
    [SNAPSHOT_INCREMENTAL] = "true",
};

static const char *
json_legacy_marker_text(enum snapshot_marker m)
{
    return json_legacy_markers[m];
}

static void
json_legacy_render_source(const struct json_program *prog, const struct change *c,
                          struct json_source *s)
{
    const struct txn *t = c->txn;
    struct buf *b = &s->text;

    buf_clear(b);
    buf_slice(b, prog->source_name);
    num_add_i64(b, t->commit_us / 1000);
    json_put_marker(prog, c->snapshot, json_legacy_markers[c->snapshot], b);
    buf_slice(b, prog->source_tail);
    json_put_txid(t, b);
    s->n1 = 0;
    s->n2 = (uint32_t)b->n;
    json_put_xmin(t, b);
    buf_putc(b, '}');
    s->n3 = (uint32_t)b->n - s->n2;
}

static const char json_legacy_op[] = ",\"op\":\"", json_legacy_null[] = "null}";

static void
json_legacy_render_tail(struct recbuf_cache *cache, int64_t now_ns)
{
    cache->tail_op = sizeof(json_legacy_op) - 1;
    cache->ntail = (unsigned)snprintf(cache->tail, sizeof(cache->tail),
                                      "%s?\",\"ts_ms\":%" PRId64 ",\"transaction\":%s",
                                      json_legacy_op, now_ns / 1000000, json_legacy_null);
}

/* Not yet with an LSN behind it. */
static void
json_legacy_put_transaction_id(const struct change *c, struct buf *b)
{
    buf_printf(b, "\"%" PRIu64 "\"", c->txn->xid);
}

/* "op":"c","ts_ms":…,"transaction":{…}} */
static void
json_legacy_put_tail_with_block(const struct json_program *prog, const struct change *c,
                                enum change_op op, bool second, const struct recbuf_cache *cache,
                                struct buf *b)
{
    size_t at = b->n;

    buf_add(b, cache->tail, cache->ntail - (sizeof(json_legacy_null) - 1));
    if (!buf_ok(b))
        return;
    b->p[at + cache->tail_op] = (char)op;
    json_put_block(prog, c, second, b);
    buf_putc(b, '}');
}

const struct json_voice json_voice_1_2 = {
    .render_source = json_legacy_render_source,
    .render_tail = json_legacy_render_tail,
    .put_tail_with_block = json_legacy_put_tail_with_block,
    .put_transaction_id = json_legacy_put_transaction_id,
    .marker_text = json_legacy_marker_text,
};
