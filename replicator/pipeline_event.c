/* Records that are no rows: heartbeats, a transaction's BEGIN and END. */
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

/* ------------------------------------------------------------------------------------------------ records */

enum pipe_result
pipeline_put_event(struct pipeline *p, struct plan *plan, const struct change *c,
                   enum led_type type, uint64_t ordinal, struct err *e)
{
    unsigned nrecs;
    uint32_t bytes;

    if (!pipeline_encode(p, c, &nrecs, &bytes, e))
        return PIPE_ERROR;
    pipeline_ready_to_put(p, plan,
                          led_in_txn(p->parts.ledger)
                              ? led_open(p->parts.ledger, type, p->msg_lsn, ordinal, nrecs, bytes)
                              : led_open_note(p->parts.ledger, nrecs, bytes));
    return pipeline_put(p, e);
}

/* Behind a transaction's END nothing of it is left, so that one is a position; BEGIN is none. */
enum pipe_result
pipeline_deliver_bound(struct pipeline *p, enum change_op op, struct err *e)
{
    struct plan *plan = pipeline_event_plan(p, PLAN_TRANSACTION, e);
    struct txn_summary sum;
    struct change c;

    if (!plan)
        return PIPE_ERROR;
    pipeline_change(p, &c, op, plan);
    if (op == OP_BEGIN)
        return pipeline_put_event(p, plan, &c, LED_NOTE, 0, e);
    sum = pipeline_count_summary(p);
    c.summary = &sum;
    return pipeline_put_event(p, plan, &c, LED_END, LED_ORDINAL_END, e);
}

enum pipe_result
pipeline_heartbeat(struct pipeline *p, int64_t now_ns, struct err *e)
{
    struct plan *plan = pipeline_event_plan(p, PLAN_HEARTBEAT, e);
    struct change c;

    if (!plan)
        return PIPE_ERROR;
    p->now_ns = now_ns;
    pipeline_change(p, &c, OP_HEARTBEAT, plan);
    return pipeline_put_event(p, plan, &c, LED_NOTE, 0, e);
}

bool
pipeline_may_beat(const struct pipeline *p)
{
    return p->park == PARK_NONE && !p->in_txn && !led_in_txn(p->parts.ledger);
}
