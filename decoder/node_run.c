/* Values of one row: what a node stands for in one change. */
#include <inttypes.h>

#include "base/json.h"
#include "decoder/json_priv.h"

/* ------------------------------------------------------------------------------------------------------- leaves */

static enum node_got
node_eval_column(const struct node *n, struct node_run *run, struct buf *out)
{
    const struct plan_field *f = n->column;
    const struct binding *bind = &f->value;
    const struct change *c = run->c;
    const struct tuple *t = n->old ? &c->before : &c->after;
    const struct value *v = f->col < t->n ? &t->v[f->col] : NULL;
    size_t mark = out->n;

    if (bind->stream_null && c->op != OP_READ)
        v = NULL;
    if (v && v->kind == VALUE_UNCHANGED && !(v = json_unchanged(c, f->col))) {
        if (slice_is(bind->unavailable_json, "null"))
            return NODE_IS_NULL;
        buf_slice(out, bind->unavailable_json);
        return NODE_HAS_VALUE;
    }
    if (!v || v->kind != VALUE_TEXT)
        return NODE_IS_NULL;
    if (!bind->write(out, (struct slice){v->p, v->n}, bind->ctx, run->e)) {
        if (!json_unconverted(c->plan, f, run->out, out, mark, run->e))
            return NODE_FAILED;
        return NODE_IS_NULL;
    }
    if (__builtin_expect(out->replaced, 0) &&
        !json_value_replaced(c->plan, f->col, v, run->out, out, run->e))
        return NODE_FAILED;
    /* Writers say some values as null themselves; a string is quoted, so that it cannot be taken for one. */
    if (out->n - mark == 4 && memcmp(out->p + mark, "null", 4) == 0) {
        out->n = mark;
        return NODE_IS_NULL;
    }
    return NODE_HAS_VALUE;
}

static enum node_got
node_put_u64(uint64_t v, bool null, struct buf *out)
{
    if (null)
        return NODE_IS_NULL;
    num_add_u64(out, v);
    return NODE_HAS_VALUE;
}

static enum node_got
node_put_i64(int64_t v, struct buf *out)
{
    num_add_i64(out, v);
    return NODE_HAS_VALUE;
}

static enum node_got
node_put_cstr(const char *text, struct buf *out)
{
    if (!text)
        return NODE_IS_NULL;
    json_cstr(out, text);
    return NODE_HAS_VALUE;
}

/* "[\"<end of the transaction before>\",\"<lsn>\"]" */
static enum node_got
node_put_sequence(const struct change *c, struct buf *out)
{
    BUF_LIT(out, "\"[");
    if (c->txn->last_commit_lsn)
        buf_printf(out, "\\\"%" PRIu64 "\\\"", c->txn->last_commit_lsn);
    else
        BUF_LIT(out, "null");
    buf_printf(out, ",\\\"%" PRIu64 "\\\"]\"", c->lsn);
    return NODE_HAS_VALUE;
}

static enum node_got
node_eval_field(enum node_field field, const struct node_run *run, struct buf *out)
{
    const struct change *c = run->c;
    const struct json_voice *voice = run->json->voice;

    switch (field) {
    case FIELD_TS_MS:
        return node_put_i64(c->now_ns / 1000000, out);
    case FIELD_TS_US:
        return node_put_i64(c->now_ns / 1000, out);
    case FIELD_TS_NS:
        return node_put_i64(c->now_ns, out);
    case FIELD_SOURCE_TS_MS:
        return node_put_i64(c->txn->commit_us / 1000, out);
    case FIELD_SOURCE_TS_US:
        return node_put_i64(c->txn->commit_us, out);
    case FIELD_SOURCE_TS_NS:
        return node_put_i64(c->txn->commit_us * 1000, out);
    case FIELD_SNAPSHOT:
        return node_put_cstr(c->snapshot == SNAPSHOT_FALSE ? NULL : voice->marker_text(c->snapshot),
                             out);
    case FIELD_SEQUENCE:
        return node_put_sequence(c, out);
    case FIELD_TXID:
        return node_put_u64(c->txn->xid, c->txn->xid == 0, out);
    case FIELD_LSN:
        return node_put_u64(c->lsn, c->snapshot == SNAPSHOT_INCREMENTAL, out);
    case FIELD_ORIGIN:
        return node_put_cstr(c->txn->origin, out);
    case FIELD_ORIGIN_LSN:
        return node_put_u64(c->txn->origin_lsn, c->txn->origin == NULL, out);
    case FIELD_BLOCK_ID:
        voice->put_transaction_id(c, out);
        return NODE_HAS_VALUE;
    case FIELD_BLOCK_TOTAL:
        return node_put_u64(c->block->total_order + run->second, false, out);
    case FIELD_BLOCK_COLLECTION:
        return node_put_u64(c->block->collection_order + run->second, false, out);
    case FIELD_MESSAGE_PREFIX:
        json_str(out, c->prefix);
        return NODE_HAS_VALUE;
    case FIELD_MESSAGE_CONTENT:
        json_put_content(c, out);
        return NODE_HAS_VALUE;
    case FIELD_EVENTS:
        return node_put_u64(c->summary ? c->summary->events : 0, c->summary == NULL, out);
    case FIELD_COLLECTIONS:
        if (!c->summary)
            return NODE_IS_NULL;
        json_put_collections(c->summary, out);
        return NODE_HAS_VALUE;
    case FIELD_NOTIFICATION_ID:
        json_str(out, c->notification->id);
        return NODE_HAS_VALUE;
    case FIELD_NOTIFICATION_TYPE:
        return node_put_cstr(c->notification->type, out);
    case FIELD_NOTIFICATION_AGGREGATE:
        return node_put_cstr(c->notification->aggregate, out);
    case FIELD_NOTIFICATION_DATA:
        json_put_notification_data(c->notification, out);
        return NODE_HAS_VALUE;
    case FIELD_NOTIFICATION_MS:
        return node_put_i64(c->notification->ms, out);
    }
    return NODE_IS_NULL;
}

/* ------------------------------------------------------------------------------------------------------- values */

struct slice
node_null_text(const struct node *n, bool replace_null)
{
    return replace_null && n->schema && n->schema->def.n > 0 ? n->schema->def : SLICE_LIT("null");
}

bool
node_write(const struct node *n, struct node_run *run, struct buf *out)
{
    switch (node_eval(n, run, out)) {
    case NODE_HAS_VALUE:
        return true;
    case NODE_IS_NULL:
        buf_slice(out, node_null_text(n, run->replace_null));
        return true;
    case NODE_FAILED:
        break;
    }
    return false;
}

static enum node_got
node_eval_struct(const struct node *n, struct node_run *run, struct buf *out)
{
    buf_putc(out, '{');
    for (size_t i = 0; i < n->schema->nfields; i++) {
        if (i)
            buf_putc(out, ',');
        json_str(out, n->schema->fields[i].name);
        buf_putc(out, ':');
        if (!node_write(n->members[i], run, out))
            return NODE_FAILED;
    }
    buf_putc(out, '}');
    return NODE_HAS_VALUE;
}

static enum node_got
node_eval_call(const struct node *n, struct node_run *run, struct buf *out)
{
    enum node_got got;

    if (run->depth == NODE_DEPTH_MAX) {
        err_set(run->e, ERR_FATAL, "transform.depth",
                "a value goes through more than %d conversions", NODE_DEPTH_MAX);
        return NODE_FAILED;
    }
    run->depth++;
    got = n->call(n, run, out);
    run->depth--;
    return got;
}

static enum node_got
node_eval_raw(const struct node *n, struct node_run *run, struct buf *out)
{
    switch (n->kind) {
    case NODE_NULL:
        return NODE_IS_NULL;
    case NODE_TEXT:
        buf_slice(out, n->text);
        return NODE_HAS_VALUE;
    case NODE_STRUCT:
        return node_eval_struct(n, run, out);
    case NODE_COLUMN:
        return node_eval_column(n, run, out);
    case NODE_FIELD:
        return node_eval_field(n->field, run, out);
    case NODE_CALL:
        return node_eval_call(n, run, out);
    }
    return NODE_IS_NULL;
}

enum node_got
node_eval(const struct node *n, struct node_run *run, struct buf *out)
{
    enum node_got got = node_eval_raw(n, run, out);

    if (got != NODE_IS_NULL || !n->null_text.p)
        return got;
    buf_slice(out, n->null_text);
    return NODE_HAS_VALUE;
}

enum node_got
node_input(const struct node *in, struct node_run *run, struct slice *text)
{
    struct buf *b = &run->scratch[run->depth - 1];
    enum node_got got;

    buf_clear(b);
    got = node_eval(in, run, b);
    *text = buf_view(b);
    return got;
}
