#include "replicator/pipeline.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/num.h"
#include "decoder/filter.h"
#include "decoder/pgoutput.h"

/* One change's records: PostgreSQL's rows end at 1 GB, their JSON escapes can be six times as long; nobody's topic takes
 * that. An own cap gives a clear error before memory does. */
enum { PIPE_RECORD_MAX = 1 << 30 };

/* A relation of this session. */
struct pipe_table {
    bool captured;
    uint16_t ncols;
    struct plan *plan; /* NULL unless captured */
};

enum park { PARK_NONE, PARK_CATALOG, PARK_SINK };

struct pipeline {
    struct pipeline_parts parts;
    struct facts_source facts;
    struct pgo *pgo;
    struct pgo_msg msg;       /* the message at hand; its views are valid while it is parked */
    uint64_t msg_lsn;
    int64_t now_ns;

    struct map *tables;       /* oid → struct pipe_table */
    uint32_t last_oid;        /* rows come in runs of one table */
    struct pipe_table *last_table;
    struct plan *message_plan;

    /* The transaction being received. */
    bool in_txn, skip_txn, bare_txn;
    struct txn txn;
    char origin[256];
    uint64_t ordinal;
    uint64_t txn_seq;

    uint64_t last_commit_lsn;
    int64_t last_commit_us;
    /* The last change put: what is sent again up to here is dropped. */
    uint64_t done_commit, done_ordinal, done_single;
    struct pipeline_resume bare;
    uint64_t bare_at;         /* commit LSN of the transaction that a bare offset stands in, once it was found */

    /* What is parked. */
    enum park park;
    struct recbuf out[PLAN_SINKS_MAX];
    struct plan *put_plan;
    unsigned put_sink;
    size_t put_rec;
    uint64_t put_ticket;
    uint32_t truncate_at;     /* relations of a Truncate that are done */

    struct pipeline_stats stats;
};

struct pipeline *
pipeline_new(const struct pipeline_parts *parts)
{
    struct pipeline *p = mem_alloc(sizeof(*p));

    p->parts = *parts;
    p->pgo = pgo_new();
    p->tables = map_new();
    for (unsigned i = 0; i < parts->nsinks; i++)
        recbuf_init(&p->out[i], PIPE_RECORD_MAX);
    return p;
}

/* ------------------------------------------------------------------------------------------------ plans */

void
pipeline_drop_plan(struct pipeline *p, struct plan *plan)
{
    if (!plan)
        return;
    for (unsigned i = 0; i < p->parts.nsinks; i++)
        if (plan->progs[i])
            p->parts.sinks[i]->ops->discard(p->parts.sinks[i], plan->progs[i]);
    plan_unref(plan);
}

static bool
pipeline_compile(struct pipeline *p, struct plan *plan, struct err *e)
{
    for (unsigned i = 0; i < p->parts.nsinks; i++) {
        struct sink *s = p->parts.sinks[i];

        if (!s->ops->compile(s, plan, &plan->progs[i], e))
            return err_wrap(e, "sink \"%s\", topic \"%s\"", s->ops->name, plan->topic);
    }
    return true;
}

struct plan *
pipeline_plan(struct pipeline *p, const struct pgo_relation *wire, const struct relation_facts *facts, struct err *e)
{
    struct relation *rel = relation_new(wire, facts);
    struct plan *plan;
    uint32_t missing;

    while (!(plan = plan_new_table(rel, p->parts.types, p->parts.settings, &missing))) {
        /* The catalog no longer knows the type (dropped since): as any type that cannot be said. */
        const struct pgtype gone = {.oid = missing, .schema = "", .name = "unknown", .kind = 'p', .base_typmod = -1};

        log_warn("table \"%.*s.%.*s\": type %u is not in the catalog any more", SLICE_ARG(rel->schema), SLICE_ARG(rel->table),
                 missing);
        types_add(p->parts.types, &gone);
    }
    relation_unref(rel);
    if (!pipeline_compile(p, plan, e)) {
        pipeline_drop_plan(p, plan);
        return NULL;
    }
    return plan;
}

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
    pipeline_drop_plan(p, p->message_plan);
    for (unsigned i = 0; i < p->parts.nsinks; i++)
        recbuf_free(&p->out[i]);
    pgo_free(p->pgo);
    free(p);
}

/* ------------------------------------------------------------------------------------------------ putting */

/* Gives what is encoded to the sinks, from where it stopped. */
static enum pipe_result
pipeline_put(struct pipeline *p, struct err *e)
{
    for (; p->put_sink < p->parts.nsinks; p->put_sink++, p->put_rec = 0) {
        struct sink *s = p->parts.sinks[p->put_sink];
        struct recbuf *out = &p->out[p->put_sink];

        for (; p->put_rec < out->n; p->put_rec++)
            switch (s->ops->put(s, p->put_plan->progs[p->put_sink], out, &out->recs[p->put_rec], p->put_ticket, e)) {
            case SINK_TAKEN:
                break;
            case SINK_FULL:
                p->park = PARK_SINK;
                return PIPE_PARKED;
            case SINK_ERROR:
                err_wrap(e, "sink \"%s\", topic \"%s\"", s->ops->name, p->put_plan->topic);
                return PIPE_ERROR;
            }
    }
    p->park = PARK_NONE;
    p->stats.changes++;
    return PIPE_OK;
}

static void
pipeline_warn_unconverted(struct pipeline *p, const struct plan *plan, struct recbuf *out, uint64_t lsn)
{
    char text[NUM_LSN_TEXT];

    p->stats.unconverted += out->unconverted;
    /* Thousands may come; the first ones and then every power of two are enough to act on. */
    if (p->stats.unconverted < 4 || (p->stats.unconverted & (p->stats.unconverted - 1)) == 0)
        log_warn("%s: table \"%.*s.%.*s\", column \"%.*s\": %s; written as null (%" PRIu64 " so far)",
                 num_lsn_text(text, lsn), SLICE_ARG(plan->rel->schema), SLICE_ARG(plan->rel->table),
                 SLICE_ARG(out->unconverted_column), out->unconverted_why.msg, p->stats.unconverted);
    out->unconverted = 0;
}

/* Encodes a change for every sink; total records and bytes. */
static bool
pipeline_encode(struct pipeline *p, const struct change *c, unsigned *nrecs, uint32_t *bytes, struct err *e)
{
    size_t total = 0;

    *nrecs = 0;
    for (unsigned i = 0; i < p->parts.nsinks; i++) {
        struct recbuf *out = &p->out[i];

        recbuf_clear(out);
        if (!p->parts.sinks[i]->ops->encode(c->plan->progs[i], c, out, e))
            return false;
        if (__builtin_expect(out->unconverted != 0, 0))
            pipeline_warn_unconverted(p, c->plan, out, c->lsn);
        *nrecs += (unsigned)out->n;
        total += out->bytes.n;
    }
    *bytes = total > UINT32_MAX ? UINT32_MAX : (uint32_t)total;
    return true;
}

static void
pipeline_ready_to_put(struct pipeline *p, struct plan *plan, uint64_t ticket)
{
    p->put_plan = plan;
    p->put_sink = 0;
    p->put_rec = 0;
    p->put_ticket = ticket;
}

/* A change of the open transaction. */
static enum pipe_result
pipeline_deliver(struct pipeline *p, struct plan *plan, const struct change *c, enum led_type type, struct err *e)
{
    unsigned nrecs;
    uint32_t bytes;

    if (!pipeline_encode(p, c, &nrecs, &bytes, e)) {
        err_wrap(e, "transaction %" PRIu64, p->txn.xid);
        return PIPE_ERROR;
    }
    pipeline_ready_to_put(p, plan, led_open(p->parts.ledger, type, c->lsn, p->ordinal, nrecs, bytes));
    p->done_commit = p->txn.commit_lsn;
    p->done_ordinal = p->ordinal;
    return pipeline_put(p, e);
}

enum pipe_result
pipeline_put_batch(struct pipeline *p, struct batch *b, uint64_t lsn, struct err *e)
{
    while (b->at < b->nrows) {
        const struct batch_row *row = &b->rows[b->at];

        if (p->park == PARK_NONE) {
            unsigned nrecs = 0;

            for (unsigned i = 0; i < p->parts.nsinks; i++)
                nrecs += row->nrecs[i];
            pipeline_ready_to_put(p, row->plan, led_open(p->parts.ledger, LED_INSERT, lsn, row->number, nrecs, row->bytes));
        }
        for (; p->put_sink < p->parts.nsinks; p->put_sink++, p->put_rec = 0) {
            struct sink *s = p->parts.sinks[p->put_sink];
            struct recbuf *out = &b->out[p->put_sink];

            for (; p->put_rec < row->nrecs[p->put_sink]; p->put_rec++)
                switch (s->ops->put(s, row->plan->progs[p->put_sink], out, &out->recs[b->rec[p->put_sink] + p->put_rec],
                                    p->put_ticket, e)) {
                case SINK_TAKEN:
                    break;
                case SINK_FULL:
                    p->park = PARK_SINK;
                    return PIPE_PARKED;
                case SINK_ERROR:
                    err_wrap(e, "sink \"%s\", topic \"%s\"", s->ops->name, row->plan->topic);
                    return PIPE_ERROR;
                }
        }
        for (unsigned i = 0; i < p->parts.nsinks; i++)
            b->rec[i] += row->nrecs[i];
        p->park = PARK_NONE;
        p->stats.changes++;
        b->at++;
    }
    return PIPE_OK;
}

/* ------------------------------------------------------------------------------------------------ transactions */

static bool
pipeline_out_of_order(const char *what, struct err *e)
{
    return err_set(e, ERR_DATA, "pgoutput.order", "%s outside of a transaction", what);
}

static bool
pipeline_gap(struct err *e)
{
    return err_set(e, ERR_FATAL, "wal.gap", "the server did not repeat the transaction that was cut off");
}

/*
 * Which of a transaction's changes were delivered before? A bare offset's row is looked for in its own transaction: that one
 * may be confirmed already, and in another a row of a lower LSN is not older (it began before and committed behind).
 */
static void
pipeline_judge_txn(struct pipeline *p, uint64_t commit_lsn, uint64_t xid)
{
    p->skip_txn = commit_lsn < p->done_commit || (p->bare.bare && commit_lsn < p->bare.bare_commit);
    if (p->bare.bare && !p->skip_txn && (!p->bare.bare_is_row || !p->bare.bare_xid || p->bare.bare_xid == xid)) {
        p->bare.bare = false;
        p->bare_at = p->bare.bare_is_row ? commit_lsn : 0;
    }
    p->bare_txn = p->bare_at && p->bare_at == commit_lsn;
}

static enum pipe_result
pipeline_begin(struct pipeline *p, struct err *e)
{
    uint64_t commit_lsn = p->msg.u.begin.final_lsn;
    bool continued = led_in_txn(p->parts.ledger) && commit_lsn == p->txn.commit_lsn;

    if (p->in_txn) {
        err_set(e, ERR_DATA, "pgoutput.order", "a transaction begins inside another");
        return PIPE_ERROR;
    }
    /* Only older ones may come before a half received transaction is sent again. */
    if (led_in_txn(p->parts.ledger) && commit_lsn > p->txn.commit_lsn) {
        pipeline_gap(e);
        return PIPE_ERROR;
    }
    p->in_txn = true;
    p->ordinal = 0;
    pipeline_judge_txn(p, commit_lsn, p->msg.u.begin.xid);
    if (led_in_txn(p->parts.ledger) && !continued)
        p->skip_txn = true;
    if (p->skip_txn || continued)
        return PIPE_OK;
    p->txn = (struct txn){
        .seq = ++p->txn_seq,
        .commit_lsn = commit_lsn,
        .last_commit_lsn = p->last_commit_lsn,
        .commit_us = p->msg.u.begin.commit_us,
        .xid = p->msg.u.begin.xid,
    };
    p->stats.commit_us = p->txn.commit_us;
    led_begin(p->parts.ledger, &(struct led_txn){.commit_lsn = commit_lsn,
                                                 .last_commit_lsn = p->last_commit_lsn,
                                                 .commit_us = p->txn.commit_us,
                                                 .xid = p->txn.xid});
    return PIPE_OK;
}

static enum pipe_result
pipeline_commit(struct pipeline *p, struct err *e)
{
    if (!p->in_txn) {
        pipeline_out_of_order("commit", e);
        return PIPE_ERROR;
    }
    p->in_txn = false;
    p->last_commit_lsn = p->msg.u.commit.end_lsn;
    p->last_commit_us = p->msg.u.commit.commit_us;
    if (p->skip_txn)
        return PIPE_OK;
    p->done_commit = p->txn.commit_lsn;
    p->done_ordinal = UINT64_MAX;
    led_commit(p->parts.ledger, p->msg.u.commit.end_lsn);
    return PIPE_OK;
}

static enum pipe_result
pipeline_origin(struct pipeline *p)
{
    size_t n = p->msg.u.origin.name.n;

    if (!p->in_txn || p->skip_txn)
        return PIPE_OK;
    if (n >= sizeof(p->origin))
        n = sizeof(p->origin) - 1;
    memcpy(p->origin, p->msg.u.origin.name.p, n);
    p->origin[n] = '\0';
    p->txn.origin = p->origin;
    p->txn.origin_lsn = p->msg.u.origin.lsn;
    p->txn.seq = ++p->txn_seq;
    return PIPE_OK;
}

static bool
pipeline_is_before_bare(struct pipeline *p, uint64_t lsn)
{
    if (lsn != p->bare.bare_lsn || !p->bare.bare_rows)
        return lsn < p->bare.bare_lsn;
    p->bare.bare_rows--;
    return true;
}

/* Counts a change of the open transaction; true when it was delivered before. */
static bool
pipeline_is_repeated(struct pipeline *p, uint64_t lsn)
{
    p->ordinal++;
    if (__builtin_expect(p->skip_txn, 0))
        goto repeated;
    if (p->txn.commit_lsn == p->done_commit && p->ordinal <= p->done_ordinal)
        goto repeated;
    if (__builtin_expect(p->bare_txn, 0) && pipeline_is_before_bare(p, lsn)) {
        /* So that the next session, too, knows it. */
        p->done_commit = p->txn.commit_lsn;
        p->done_ordinal = p->ordinal;
        goto repeated;
    }
    return false;

repeated:
    p->stats.repeated++;
    return true;
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

static void
pipeline_change(struct pipeline *p, struct change *c, enum change_op op, struct plan *plan)
{
    /* Member by member: the others belong to other operations, and this runs for every row. */
    c->op = op;
    c->snapshot = SNAPSHOT_FALSE;
    c->old_is_key = false;
    c->plan = plan;
    c->txn = &p->txn;
    c->before = c->after = (struct tuple){NULL, 0};
    c->lsn = p->msg_lsn;
    c->id = (struct identity){p->txn.commit_lsn, p->msg_lsn, p->ordinal, false};
    c->now_ns = p->now_ns;
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

static enum pipe_result
pipeline_row(struct pipeline *p, enum row_kind kind, struct err *e)
{
    const struct pgo_row *row = &p->msg.u.row;
    struct pipe_table *t;
    struct change c;

    if (!p->in_txn) {
        pipeline_out_of_order("row", e);
        return PIPE_ERROR;
    }
    if (pipeline_is_repeated(p, p->msg_lsn))
        return PIPE_OK;
    t = pipeline_table(p, row->oid);
    if (!t) {
        err_set(e, ERR_DATA, "pgoutput.relation", "row of relation %u, which was never described", row->oid);
        return PIPE_ERROR;
    }
    if (!t->captured || (p->parts.settings->skipped_ops & row_kinds[kind].bit)) {
        p->stats.filtered++;
        return PIPE_OK;
    }
    if ((row->old_kind && row->old_row.n != t->ncols) || (kind != ROW_DELETE && row->new_row.n != t->ncols)) {
        err_set(e, ERR_DATA, "pgoutput.columns", "row of \"%.*s.%.*s\" has %u columns, the relation %u",
                SLICE_ARG(t->plan->rel->schema), SLICE_ARG(t->plan->rel->table),
                kind == ROW_DELETE || row->new_row.n == t->ncols ? row->old_row.n : row->new_row.n, t->ncols);
        return PIPE_ERROR;
    }
    pipeline_change(p, &c, row_kinds[kind].op, t->plan);
    c.before = row->old_row;
    c.after = row->new_row;
    c.old_is_key = row->old_kind == 'K';
    return pipeline_deliver(p, t->plan, &c, row_kinds[kind].type, e);
}

/* One record per captured table, in the message's order. */
static enum pipe_result
pipeline_truncate(struct pipeline *p, struct err *e)
{
    while (p->truncate_at < p->msg.u.truncate.n) {
        struct pipe_table *t = pipeline_table(p, p->msg.u.truncate.oids[p->truncate_at++]);
        struct change c;
        enum pipe_result r;

        if (pipeline_is_repeated(p, p->msg_lsn))
            continue;
        if (!t || !t->captured || (p->parts.settings->skipped_ops & OPS_TRUNCATE)) {
            p->stats.filtered++;
            continue;
        }
        pipeline_change(p, &c, OP_TRUNCATE, t->plan);
        r = pipeline_deliver(p, t->plan, &c, LED_TRUNCATE, e);
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
pipeline_single_message(struct pipeline *p, struct change *c, struct err *e)
{
    struct txn t = {.seq = ++p->txn_seq, .commit_lsn = p->msg_lsn, .last_commit_lsn = p->msg_lsn};
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
    c->txn = &t;
    c->id = (struct identity){p->msg_lsn, p->msg_lsn, 0, false};
    if (!pipeline_encode(p, c, &nrecs, &bytes, e))
        return PIPE_ERROR;
    pipeline_ready_to_put(p, p->message_plan,
                          led_open_single(p->parts.ledger,
                                          &(struct led_txn){.commit_lsn = p->msg_lsn,
                                                            .last_commit_lsn = p->msg_lsn,
                                                            .commit_us = t.commit_us},
                                          LED_MESSAGE, p->msg_lsn, p->msg_lsn + 1, nrecs, bytes));
    p->done_single = p->msg_lsn;
    return pipeline_put(p, e);
}

static enum pipe_result
pipeline_message(struct pipeline *p, struct err *e)
{
    struct change c;

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
    if (!filter_message(p->parts.settings->filter, p->msg.u.message.prefix)) {
        p->stats.filtered++;
        return PIPE_OK;
    }
    if (!p->message_plan) {
        p->message_plan = plan_new_message(p->parts.settings);
        if (!pipeline_compile(p, p->message_plan, e))
            return PIPE_ERROR;
    }
    pipeline_change(p, &c, OP_MESSAGE, p->message_plan);
    c.prefix = p->msg.u.message.prefix;
    c.content = p->msg.u.message.content;
    if (!p->msg.u.message.transactional)
        return pipeline_single_message(p, &c, e);
    return pipeline_deliver(p, p->message_plan, &c, LED_MESSAGE, e);
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
        err_wrap(e, "looking up table \"%.*s.%.*s\"", SLICE_ARG(rel->schema), SLICE_ARG(rel->table));
        return PIPE_ERROR;
    }
    plan = pipeline_plan(p, rel, facts, e);
    if (!plan)
        return PIPE_ERROR;
    t = mem_alloc(sizeof(*t));
    t->captured = true;
    t->ncols = rel->ncols;
    t->plan = plan;
    pipeline_set_table(p, rel->oid, t);
    p->park = PARK_NONE;
    return PIPE_OK;
}

/* ------------------------------------------------------------------------------------------------ the way through */

enum pipe_result
pipeline_feed(struct pipeline *p, struct slice data, uint64_t lsn, int64_t now_ns, struct err *e)
{
    if (!pgo_decode(p->pgo, data, &p->msg, e))
        return PIPE_ERROR;
    p->msg_lsn = lsn;
    p->now_ns = now_ns;
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
        return PIPE_OK;
    case PARK_CATALOG:
        return pipeline_resume_relation(p, e);
    case PARK_SINK:
        r = pipeline_put(p, e);
        break;
    }
    return r == PIPE_OK && p->msg.type == PGO_TRUNCATE ? pipeline_truncate(p, e) : r;
}

bool
pipeline_waits_for_catalog(const struct pipeline *p)
{
    return p->park == PARK_CATALOG;
}

void
pipeline_start(struct pipeline *p, const struct pipeline_resume *r)
{
    p->bare = *r;
    p->done_commit = r->commit_lsn;
    p->done_ordinal = r->ordinal;
    p->last_commit_lsn = r->last_commit_lsn;
}

void
pipeline_new_session(struct pipeline *p, struct facts_source facts)
{
    p->facts = facts;
    pipeline_forget_tables(p);
    p->in_txn = false;
    if (p->park == PARK_CATALOG)
        p->park = PARK_NONE;
    assert(p->park == PARK_NONE);
}

const struct pipeline_stats *
pipeline_stats(const struct pipeline *p)
{
    return &p->stats;
}
