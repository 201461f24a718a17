/* What is shown to the tap before it is delivered, and what goes out between two changes. */
#include "decoder/unchanged.h"
#include "replicator/pipeline_priv.h"

void
pipeline_set_tap(struct pipeline *p, struct pipeline_tap tap)
{
    p->tap = tap;
}

void
pipeline_watch(struct pipeline *p, uint32_t oid)
{
    p->watch_oid = oid;
}

bool
pipeline_may_put(const struct pipeline *p)
{
    return p->park == PARK_NONE && !p->commit_left;
}

bool
pipeline_waits_for_sink(const struct pipeline *p)
{
    return p->park == PARK_SINK;
}

uint64_t
pipeline_seen_lsn(const struct pipeline *p)
{
    /* A transaction comes when it has committed, in the order of commits. */
    return p->in_txn && p->txn.commit_lsn > p->last_commit_lsn ? p->txn.commit_lsn
                                                               : p->last_commit_lsn;
}

size_t
pipeline_recent_xids(const struct pipeline *p, uint32_t out[PIPE_XIDS])
{
    memcpy(out, p->xids, sizeof(p->xids));
    return p->nxids < PIPE_XIDS ? (size_t)p->nxids : PIPE_XIDS;
}

/* A row that an incremental snapshot read: as one that stands between the last event and the next. */
enum pipe_result
pipeline_read(struct pipeline *p, const struct tap_read *read, struct err *e)
{
    struct change c;

    p->now_ns = read->now_ns;
    p->read_txn = (struct txn){
        .seq = ++p->txn_seq,
        .commit_lsn = p->txn.commit_lsn,
        .last_commit_lsn = p->last_commit_lsn,
        .commit_us = p->now_ns / 1000,
        .snapshot = SNAPSHOT_INCREMENTAL,
    };
    pipeline_change(p, &c, OP_READ, read->plan);
    c.snapshot = SNAPSHOT_INCREMENTAL;
    c.txn = &p->read_txn;
    c.after = read->row;
    c.id = (struct identity){p->txn.commit_lsn, p->msg_lsn, read->number, true};
    return pipeline_put_event(p, read->plan, &c, LED_NOTE, p->ordinal, e);
}

enum pipe_result
pipeline_notify(struct pipeline *p, const struct notification *n, struct err *e)
{
    struct plan *plan = pipeline_event_plan(p, PLAN_NOTIFICATION, e);
    struct change c;

    if (!plan)
        return PIPE_ERROR;
    pipeline_change(p, &c, OP_NOTIFICATION, plan);
    c.notification = n;
    return pipeline_put_event(p, plan, &c, LED_NOTE, p->ordinal, e);
}

enum pipe_result
pipeline_hold(struct pipeline *p, struct plan *plan, const struct change *c,
              struct pipeline_holding how, struct err *e)
{
    p->held = *c;
    p->held_plan = plan;
    p->held_type = how.type;
    p->held_skipped = how.skipped || (c->op == OP_UPDATE && p->parts.settings->skip_unchanged &&
                                      unchanged_update(c, &p->compared));
    p->held_seen = !how.tapped;
    p->held_completed = how.completed;
    return pipeline_tap(p, e);
}

bool
pipeline_leaves_tapped_out(const struct pipeline *p)
{
    return p->held_skipped;
}

/* Until the tap lets it go. */
static enum pipe_result
pipeline_show(struct pipeline *p, struct err *e)
{
    struct tap_read read;
    enum pipe_result r;

    for (;;) {
        switch (p->tap.see(p->tap.arg, &p->held, &read)) {
        case TAP_WAIT:
            return PIPE_PARKED;
        case TAP_READ:
            r = pipeline_read(p, &read, e);
            if (r != PIPE_OK)
                return r;
            continue;
        case TAP_GO:
            break;
        }
        break;
    }
    p->held_seen = true;
    return PIPE_OK;
}

/*
 * A change that is not said, but was acted upon: a signal is not to be seen again, and what it began (led_mark) counts from
 * here on, not from a record that may be long in coming.
 */
static void
pipeline_pass_by(struct pipeline *p)
{
    (void)led_open(p->parts.ledger, p->held_type, p->held.lsn, p->ordinal, 0, 0);
    p->done_commit = p->txn.commit_lsn;
    p->done_ordinal = p->ordinal;
}

enum pipe_result
pipeline_tap(struct pipeline *p, struct err *e)
{
    bool wait = false, ok = true;

    p->tapping = true;
    if (!p->held_seen) {
        enum pipe_result r = pipeline_show(p, e);

        if (r != PIPE_OK)
            return r;
    }
    if (p->held_skipped) {
        p->tapping = false;
        p->stats.filtered++;
        pipeline_pass_by(p);
        return PIPE_OK;
    }
    if (p->held_completed)
        ok = p->parts.completer.complete(p->parts.completer.arg, &p->held, &wait, e);
    if (wait)
        return PIPE_PARKED;
    p->tapping = false;
    return ok ? pipeline_deliver(p, p->held_plan, &p->held, p->held_type, e)
              : pipeline_deliver_failed(p, p->held_plan, &p->held, p->held_type, e);
}
