/* Records that are no rows: heartbeats, a transaction's BEGIN and END; and the counts that stand in them and in rows. */
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "replicator/pipeline_priv.h"

struct plan *
pipeline_event_plan(struct pipeline *p, enum plan_kind kind, struct err *e)
{
    if (!p->event_plans[kind]) {
        p->event_plans[kind] = plan_new_event(p->parts.settings, kind);
        if (!pipeline_compile(p, p->event_plans[kind], e)) {
            pipeline_drop_plan(p, p->event_plans[kind]);
            p->event_plans[kind] = NULL;
        }
    }
    return p->event_plans[kind];
}

void
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
    c->block = NULL;
    c->summary = NULL;
}

/* ------------------------------------------------------------------------------------------------ counts */

void
pipeline_count_begin(struct pipeline *p)
{
    p->counts.n = 0;
    p->counts.events = 0;
    arena_reset(&p->counts.names);
}

void
pipeline_count_free(struct pipeline *p)
{
    arena_free(&p->counts.names);
    free(p->counts.collections);
}

/* The collection of the change's table; a transaction has few. */
static size_t
count_collection(struct txn_counts *t, const struct relation *rel)
{
    size_t n = rel->schema.n + 1 + rel->table.n;

    for (size_t i = 0; i < t->n; i++) {
        const char *name = t->collections[i].name.p;

        if (t->collections[i].name.n == n && memcmp(name, rel->schema.p, rel->schema.n) == 0 &&
            name[rel->schema.n] == '.' &&
            memcmp(name + rel->schema.n + 1, rel->table.p, rel->table.n) == 0)
            return i;
    }
    if (t->n == t->cap) {
        t->cap = t->cap ? t->cap * 2 : 8;
        t->collections = mem_grow(t->collections, t->cap, sizeof(*t->collections));
    }
    t->collections[t->n] = (struct txn_collection){
        .name = {
            arena_printf(&t->names, "%.*s.%.*s", SLICE_ARG(rel->schema), SLICE_ARG(rel->table)),
            n}};
    return t->n++;
}

void
pipeline_count_block(struct pipeline *p, struct change *c)
{
    struct txn_counts *t = &p->counts;

    t->current = count_collection(t, c->plan->rel);
    t->block = (struct txn_block){t->events + 1, t->collections[t->current].events + 1};
    c->block = &t->block;
}

/* A key change is two events, a tombstone none. Sinks differ in how they say a change; the one that says most counts. */
void
pipeline_count_records(struct pipeline *p)
{
    struct txn_counts *t = &p->counts;
    uint64_t most = 0;

    for (unsigned i = 0; i < p->parts.nsinks; i++) {
        uint64_t n = 0;

        for (size_t k = 0; k < p->out[i].n; k++)
            n += !p->out[i].recs[k].null_value;
        most = n > most ? n : most;
    }
    t->events += most;
    t->collections[t->current].events += most;
}

/* ------------------------------------------------------------------------------------------------ records */

/* A note: delivered like a row, but no position stands at it. In a transaction its commit waits for it. */
static enum pipe_result
pipeline_note(struct pipeline *p, enum change_op op, enum plan_kind kind,
              const struct txn_summary *summary, struct err *e)
{
    struct plan *plan = pipeline_event_plan(p, kind, e);
    struct change c;
    unsigned nrecs;
    uint32_t bytes;

    if (!plan)
        return PIPE_ERROR;
    pipeline_change(p, &c, op, plan);
    c.summary = summary;
    if (!pipeline_encode(p, &c, &nrecs, &bytes, e))
        return PIPE_ERROR;
    pipeline_ready_to_put(
        p, plan,
        led_in_txn(p->parts.ledger)
            ? led_open(p->parts.ledger, LED_NOTE, p->msg_lsn, p->ordinal, nrecs, bytes)
            : led_open_note(p->parts.ledger, nrecs, bytes));
    return pipeline_put(p, e);
}

enum pipe_result
pipeline_deliver_bound(struct pipeline *p, enum change_op op, struct err *e)
{
    struct txn_summary sum = {p->counts.events, p->counts.n, p->counts.collections};

    return pipeline_note(p, op, PLAN_TRANSACTION, op == OP_END ? &sum : NULL, e);
}

enum pipe_result
pipeline_heartbeat(struct pipeline *p, int64_t now_ns, struct err *e)
{
    p->now_ns = now_ns;
    return pipeline_note(p, OP_HEARTBEAT, PLAN_HEARTBEAT, NULL, e);
}

bool
pipeline_may_beat(const struct pipeline *p)
{
    return p->park == PARK_NONE && !p->in_txn && !led_in_txn(p->parts.ledger);
}
