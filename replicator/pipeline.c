#include "replicator/pipeline.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "decoder/filter.h"
#include "decoder/unchanged.h"
#include "replicator/pipeline_priv.h"

struct pipeline *
pipeline_new(const struct pipeline_parts *parts)
{
    struct pipeline *p = mem_alloc(sizeof(*p));

    p->parts = *parts;
    p->pgo = pgo_new();
    p->tables = map_new();
    buf_init(&p->compared, PIPE_RECORD_MAX);
    pipeline_count_init(p);
    for (unsigned i = 0; i < parts->nsinks; i++)
        recbuf_init(&p->out[i], PIPE_RECORD_MAX);
    return p;
}

/* ------------------------------------------------------------------------------------------------ tables */

static void
pipeline_table_free(struct pipeline *p, struct pipe_table *t)
{
    if (!t)
        return;
    pipeline_drop_plan(p, t->plan);
    free(t);
}

static void
pipeline_set_table(struct pipeline *p, uint32_t oid, struct pipe_table *t)
{
    pipeline_table_free(p, map_put_u32(p->tables, oid, t));
    p->last_table = NULL;
}

static void
pipeline_forget_tables(struct pipeline *p)
{
    struct slice key;
    void *t;

    for (size_t i = 0; map_next(p->tables, &i, &key, &t);)
        pipeline_table_free(p, t);
    map_free(p->tables, NULL);
    p->tables = map_new();
    p->last_table = NULL;
}

void
pipeline_free(struct pipeline *p)
{
    if (!p)
        return;
    pipeline_forget_tables(p);
    map_free(p->tables, NULL);
    for (unsigned i = 0; i <= PLAN_NOTIFICATION; i++)
        pipeline_drop_plan(p, p->event_plans[i]);
    pipeline_count_free(p);
    for (unsigned i = 0; i < p->parts.nsinks; i++)
        recbuf_free(&p->out[i]);
    buf_free(&p->compared);
    pgo_free(p->pgo);
    free(p);
}

/* ------------------------------------------------------------------------------------------------ delivery */

/* A change that cannot be said: event.processing.failure.handling.mode decides whether that is an error. */
static bool
pipeline_leaves_out(struct pipeline *p, const struct change *c, struct err *e)
{
    char lsn[NUM_LSN_TEXT];

    if (e->cls != ERR_DATA || !p->parts.settings->skip_failed)
        return false;
    p->stats.failed++;
    if (!p->parts.settings->silent_failed)
        log_warn("%s: a change is left out, as event.processing.failure.handling.mode says: %s",
                 num_lsn_text(lsn, c->lsn), e->msg);
    for (unsigned i = 0; i < p->parts.nsinks; i++)
        recbuf_clear(&p->out[i]);
    err_clear(e);
    return true;
}

/* said: else e tells why not. */
static enum pipe_result
pipeline_deliver_as(struct pipeline *p, struct plan *plan, struct change *c, enum led_type type,
                    bool said, struct err *e)
{
    bool counted = p->parts.settings->transactions;
    unsigned nrecs = 0;
    uint32_t bytes = 0;

    if (counted)
        pipeline_count_block(p, c);
    if (!said || !pipeline_encode(p, c, &nrecs, &bytes, e)) {
        err_wrap(e, "transaction %" PRIu64, p->txn.xid);
        if (!pipeline_leaves_out(p, c, e))
            return PIPE_ERROR;
        nrecs = bytes = 0;
    }
    if (counted)
        pipeline_count_records(p);
    pipeline_ready_to_put(p, plan,
                          led_open(p->parts.ledger, type, c->lsn, p->ordinal, nrecs, bytes));
    p->done_commit = p->txn.commit_lsn;
    p->done_ordinal = p->ordinal;
    return pipeline_put(p, e);
}

/* A change of the open transaction. */
enum pipe_result
pipeline_deliver(struct pipeline *p, struct plan *plan, struct change *c, enum led_type type,
                 struct err *e)
{
    return pipeline_deliver_as(p, plan, c, type, true, e);
}

enum pipe_result
pipeline_deliver_failed(struct pipeline *p, struct plan *plan, struct change *c, enum led_type type,
                        struct err *e)
{
    return pipeline_deliver_as(p, plan, c, type, false, e);
}

/* ------------------------------------------------------------------------------------------------ messages */

static struct pipe_table *
pipeline_table(struct pipeline *p, uint32_t oid)
{
    if (p->last_oid != oid || !p->last_table) {
        p->last_table = map_get_u32(p->tables, oid);
        p->last_oid = oid;
    }
    return p->last_table;
}

enum row_kind { ROW_INSERT, ROW_UPDATE, ROW_DELETE };

static const struct {
    enum change_op op;
    enum led_type type;
    unsigned bit;
} row_kinds[] = {
    [ROW_INSERT] = {OP_CREATE, LED_INSERT, OPS_CREATE},
    [ROW_UPDATE] = {OP_UPDATE, LED_UPDATE, OPS_UPDATE},
    [ROW_DELETE] = {OP_DELETE, LED_DELETE, OPS_DELETE},
};

/*
 * A table without a key that is still to be read: what it has then comes then, and until then rows may only go. What a lost
 * run had delivered of them is not known, and one that goes too often does no harm.
 */
static bool
pipeline_only_leaves(struct pipeline *p, enum row_kind *kind)
{
    if (*kind == ROW_UPDATE && p->msg.u.row.old_kind) {
        *kind = ROW_DELETE;
        p->msg.u.row.new_row = (struct tuple){NULL, 0};
    }
    return *kind == ROW_DELETE;
}

static enum pipe_result
pipeline_row(struct pipeline *p, enum row_kind kind, struct err *e)
{
    const struct pgo_row *row = &p->msg.u.row;
    struct pipe_table *t;
    struct change c;
    bool tapped, skipped, completed, moves; /* it may move a row */

    if (!p->in_txn) {
        pipeline_out_of_order("row", e);
        return PIPE_ERROR;
    }
    if (pipeline_is_repeated(p, p->msg_lsn))
        return PIPE_OK;
    t = pipeline_table(p, row->oid);
    if (!t) {
        err_set(e, ERR_DATA, "pgoutput.relation", "row of relation %u, which was never described",
                row->oid);
        return PIPE_ERROR;
    }
    if (__builtin_expect(t->leaving, 0) && !pipeline_only_leaves(p, &kind)) {
        p->stats.filtered++;
        return PIPE_OK;
    }
    skipped = p->parts.settings->skipped_ops & row_kinds[kind].bit;
    tapped = t->signals || row->oid == p->watch_oid;
    /* Signals are no rows that anybody completes, and what a delete leaves out nobody can. */
    completed = p->parts.completer.complete && !t->signals && kind != ROW_DELETE;
    moves = p->catch_up.until && kind == ROW_UPDATE;
    /* A table may have no columns; Debezium leaves its rows out, too. */
    if (!t->captured || !t->ncols || __builtin_expect(skipped && !tapped && !moves, 0)) {
        p->stats.filtered++;
        return PIPE_OK;
    }
    if ((row->old_kind && row->old_row.n != t->ncols) ||
        (kind != ROW_DELETE && row->new_row.n != t->ncols)) {
        err_set(e, ERR_DATA, "pgoutput.columns",
                "row of \"%.*s.%.*s\" has %u columns, the relation %u",
                SLICE_ARG(t->plan->rel->schema), SLICE_ARG(t->plan->rel->table),
                kind == ROW_DELETE || row->new_row.n == t->ncols ? row->old_row.n : row->new_row.n,
                t->ncols);
        return PIPE_ERROR;
    }
    pipeline_change(p, &c, row_kinds[kind].op, t->plan);
    c.before = row->old_row;
    c.after = row->new_row;
    c.old_is_key = row->old_kind == 'K';
    if (__builtin_expect(moves, 0))
        p->catch_up.update(p->catch_up.arg, &c, !skipped);
    if (__builtin_expect(tapped, 0))
        return pipeline_hold(
            p, t->plan, &c,
            (struct pipeline_holding){row_kinds[kind].type, true, skipped, completed}, e);
    if (skipped || (c.op == OP_UPDATE && p->parts.settings->skip_unchanged &&
                    unchanged_update(&c, &p->compared))) {
        p->stats.filtered++;
        return PIPE_OK;
    }
    if (__builtin_expect(completed, 0))
        return pipeline_hold(
            p, t->plan, &c,
            (struct pipeline_holding){.type = row_kinds[kind].type, .completed = true}, e);
    return pipeline_deliver(p, t->plan, &c, row_kinds[kind].type, e);
}

/* One record per captured table, in the message's order. */
static enum pipe_result
pipeline_truncate(struct pipeline *p, struct err *e)
{
    while (p->truncate_at < p->msg.u.truncate.n) {
        uint32_t oid = p->msg.u.truncate.oids[p->truncate_at++];
        struct pipe_table *t = pipeline_table(p, oid);
        bool skipped = p->parts.settings->skipped_ops & OPS_TRUNCATE;
        bool tapped = oid == p->watch_oid;
        struct change c;
        enum pipe_result r;

        if (pipeline_is_repeated(p, p->msg_lsn))
            continue;
        if (!t || !t->captured || (skipped && !tapped)) {
            p->stats.filtered++;
            continue;
        }
        pipeline_change(p, &c, OP_TRUNCATE, t->plan);
        r = tapped ? pipeline_hold(p, t->plan, &c,
                                   (struct pipeline_holding){LED_TRUNCATE, true, skipped, false}, e)
                   : pipeline_deliver(p, t->plan, &c, LED_TRUNCATE, e);
        if (r != PIPE_OK)
            return r;
    }
    return PIPE_OK;
}

/*
 * A message outside a transaction is complete by itself and acts as a commit of its own: no commit covers it, so its end
 * must be later than its LSN, or the server sends it again.
 */
static enum pipe_result
pipeline_single_message(struct pipeline *p, const struct change *message, struct err *e)
{
    /* The origin of the transaction before stays until the next one begins, as in Debezium. */
    struct txn t = {.seq = ++p->txn_seq,
                    .commit_lsn = p->msg_lsn,
                    .last_commit_lsn = p->msg_lsn,
                    .xmin = p->xmin,
                    .origin = p->txn.origin,
                    .origin_lsn = p->txn.origin_lsn};
    struct change c = *message;
    unsigned nrecs;
    uint32_t bytes;

    if (p->msg_lsn <= p->done_single) {
        p->stats.repeated++;
        return PIPE_OK;
    }
    if (led_in_txn(p->parts.ledger)) {
        pipeline_gap(e);
        return PIPE_ERROR;
    }
    p->last_commit_lsn = p->msg_lsn;
    t.commit_us = p->last_commit_us ? p->last_commit_us : p->now_ns / 1000;
    c.txn = &t;
    c.id = (struct identity){p->msg_lsn, p->msg_lsn, 0, false};
    if (!pipeline_encode(p, &c, &nrecs, &bytes, e))
        return PIPE_ERROR;
    pipeline_ready_to_put(p, p->event_plans[PLAN_MESSAGE],
                          led_open_single(p->parts.ledger,
                                          &(struct led_txn){.commit_lsn = p->msg_lsn,
                                                            .last_commit_lsn = p->msg_lsn,
                                                            .commit_us = t.commit_us,
                                                            .xmin = p->xmin},
                                          LED_MESSAGE, p->msg_lsn, p->msg_lsn + 1, nrecs, bytes));
    p->done_single = p->msg_lsn;
    return pipeline_put(p, e);
}

static enum pipe_result
pipeline_message(struct pipeline *p, struct err *e)
{
    struct change c;
    struct plan *plan;

    if (p->msg.u.message.transactional) {
        if (!p->in_txn) {
            pipeline_out_of_order("transactional message", e);
            return PIPE_ERROR;
        }
        if (pipeline_is_repeated(p, p->msg_lsn))
            return PIPE_OK;
    } else if (p->in_txn) {
        err_set(e, ERR_DATA, "pgoutput.order", "a message that is of no transaction inside of one");
        return PIPE_ERROR;
    }
    if (p->parts.settings->skipped_ops & OPS_MESSAGE ||
        !filter_message(p->parts.settings->filter, p->msg.u.message.prefix)) {
        /* One that is of no transaction counts as a commit, said or not: it shows in the next "sequence". */
        if (!p->msg.u.message.transactional)
            p->last_commit_lsn = p->msg_lsn;
        p->stats.filtered++;
        return PIPE_OK;
    }
    plan = pipeline_event_plan(p, PLAN_MESSAGE, e);
    if (!plan)
        return PIPE_ERROR;
    pipeline_change(p, &c, OP_MESSAGE, plan);
    c.prefix = p->msg.u.message.prefix;
    c.content = p->msg.u.message.content;
    if (!p->msg.u.message.transactional)
        return pipeline_single_message(p, &c, e);
    return pipeline_deliver(p, plan, &c, LED_MESSAGE, e);
}

/* A relation that is captured waits for the catalog; the others are only remembered as not captured. */
static enum pipe_result
pipeline_relation(struct pipeline *p, struct err *e)
{
    const struct pgo_relation *rel = &p->msg.u.relation;

    if (!filter_table(p->parts.settings->filter, rel->schema, rel->table)) {
        struct pipe_table *t = mem_alloc(sizeof(*t));

        t->ncols = rel->ncols;
        pipeline_set_table(p, rel->oid, t);
        return PIPE_OK;
    }
    if (!p->facts.ask(p->facts.arg, rel, e))
        return PIPE_ERROR;
    p->park = PARK_CATALOG;
    return PIPE_PARKED;
}

static enum pipe_result
pipeline_resume_relation(struct pipeline *p, struct err *e)
{
    const struct pgo_relation *rel = &p->msg.u.relation;
    const struct relation_facts *facts = NULL;
    struct pipe_table *t;
    struct plan *plan;

    switch (p->facts.poll(p->facts.arg, p->parts.types, &facts, e)) {
    case FACTS_BUSY:
        return PIPE_PARKED;
    case FACTS_READY:
        break;
    case FACTS_IDLE:
        err_set(e, ERR_BUG, "catalog.idle", "the catalog was never asked");
        return PIPE_ERROR;
    case FACTS_FAILED:
        err_wrap(e, "looking up table \"%.*s.%.*s\"", SLICE_ARG(rel->schema),
                 SLICE_ARG(rel->table));
        return PIPE_ERROR;
    }
    plan = pipeline_plan(p, PLAN_FOR_STREAM, rel, facts, e);
    if (!plan)
        return PIPE_ERROR;
    t = mem_alloc(sizeof(*t));
    t->captured = true;
    t->leaving = p->catch_up.until && !p->catch_up.wants(p->catch_up.arg, plan);
    t->signals =
        p->tap.see && filter_signal_table(p->parts.settings->filter, rel->schema, rel->table);
    t->ncols = rel->ncols;
    t->plan = plan;
    pipeline_set_table(p, rel->oid, t);
    p->park = PARK_NONE;
    return PIPE_OK;
}

/* ------------------------------------------------------------------------------------------------ catching up */

void
pipeline_catch_up(struct pipeline *p, const struct pipeline_catch_up *c)
{
    p->catch_up = c ? *c : (struct pipeline_catch_up){0};
    if (!c && p->park == PARK_CAUGHT_UP)
        p->park = PARK_NONE;
}

bool
pipeline_caught_up(const struct pipeline *p)
{
    return p->park == PARK_CAUGHT_UP;
}

/* Transactions come in the order of their commits, and so do messages outside of them. */
static bool
pipeline_is_for_later(const struct pipeline *p)
{
    return (p->msg.type == PGO_BEGIN && p->msg.u.begin.final_lsn >= p->catch_up.until) ||
           (p->msg.type == PGO_MESSAGE && !p->msg.u.message.transactional &&
            p->msg_lsn >= p->catch_up.until);
}

/* ------------------------------------------------------------------------------------------------ the way through */

enum pipe_result
pipeline_feed(struct pipeline *p, struct slice data, uint64_t lsn, int64_t now_ns, struct err *e)
{
    if (!pgo_decode(p->pgo, data, &p->msg, e))
        return PIPE_ERROR;
    p->msg_lsn = lsn;
    p->now_ns = now_ns;
    if (__builtin_expect(p->catch_up.until != 0, 0) && pipeline_is_for_later(p)) {
        p->park = PARK_CAUGHT_UP;
        return PIPE_PARKED;
    }
    switch (p->msg.type) {
    case PGO_INSERT:
        return pipeline_row(p, ROW_INSERT, e);
    case PGO_UPDATE:
        return pipeline_row(p, ROW_UPDATE, e);
    case PGO_DELETE:
        return pipeline_row(p, ROW_DELETE, e);
    case PGO_BEGIN:
        return pipeline_begin(p, e);
    case PGO_COMMIT:
        return pipeline_commit(p, e);
    case PGO_RELATION:
        return pipeline_relation(p, e);
    case PGO_TRUNCATE:
        if (!p->in_txn) {
            pipeline_out_of_order("truncate", e);
            return PIPE_ERROR;
        }
        p->truncate_at = 0;
        return pipeline_truncate(p, e);
    case PGO_MESSAGE:
        return pipeline_message(p, e);
    case PGO_ORIGIN:
        return pipeline_origin(p);
    case PGO_TYPE: /* the catalog is asked with the relation that uses the type */
        return PIPE_OK;
    }
    return PIPE_OK;
}

enum pipe_result
pipeline_resume(struct pipeline *p, struct err *e)
{
    enum pipe_result r = PIPE_OK;

    switch (p->park) {
    case PARK_NONE:
        break;
    case PARK_CATALOG:
        return pipeline_resume_relation(p, e);
    case PARK_SINK:
        r = pipeline_put(p, e);
        break;
    case PARK_CAUGHT_UP: /* there may be farther to go now */
        if (pipeline_is_for_later(p))
            return PIPE_PARKED;
        p->park = PARK_NONE;
        return p->msg.type == PGO_BEGIN ? pipeline_begin(p, e) : pipeline_message(p, e);
    }
    if (r == PIPE_OK && p->tapping)
        r = pipeline_tap(p, e);
    if (r == PIPE_OK && p->commit_left)
        pipeline_finish_commit(p);
    return r == PIPE_OK && p->msg.type == PGO_TRUNCATE ? pipeline_truncate(p, e) : r;
}

bool
pipeline_waits_for_server(const struct pipeline *p)
{
    return p->park == PARK_CATALOG || p->park == PARK_CAUGHT_UP ||
           (p->park == PARK_NONE && p->tapping);
}

void
pipeline_start(struct pipeline *p, const struct pipeline_resume *r)
{
    p->bare = *r;
    p->done_commit = r->commit_lsn;
    p->done_ordinal = r->ordinal;
    p->last_commit_lsn = r->last_commit_lsn;
    pipeline_count_restore(p, r->xid, r->counts);
}

void
pipeline_new_session(struct pipeline *p, struct facts_source facts)
{
    p->facts = facts;
    pipeline_forget_tables(p);
    p->in_txn = false;
    if (p->park == PARK_CATALOG)
        p->park = PARK_NONE;
    p->tapping = false;
    assert(p->park == PARK_NONE);
}

/* A long transaction's rows say the newest one, as Debezium's do. */
void
pipeline_set_xmin(struct pipeline *p, uint64_t xmin)
{
    if (p->xmin == xmin)
        return;
    p->xmin = p->txn.xmin = xmin;
    p->txn.seq = ++p->txn_seq;
}

const struct pipeline_stats *
pipeline_stats(const struct pipeline *p)
{
    return &p->stats;
}
