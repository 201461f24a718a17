/* Transactions as they come: where they begin and end, and what of them was delivered before. */
#include <string.h>

#include "replicator/pipeline_priv.h"

bool
pipeline_out_of_order(const char *what, struct err *e)
{
    return err_set(e, ERR_DATA, "pgoutput.order", "%s outside of a transaction", what);
}

bool
pipeline_gap(struct err *e)
{
    return err_set(e, ERR_FATAL, "wal.gap",
                   "the server did not repeat the transaction that was cut off");
}

/*
 * Which of a transaction's changes were delivered before? A bare offset's row is looked for in its own transaction: that one
 * may be confirmed already, and in another a row of a lower LSN is not older (it began before and committed behind).
 */
static void
pipeline_judge_txn(struct pipeline *p, uint64_t commit_lsn, uint64_t xid)
{
    p->skip_txn = commit_lsn < p->done_commit || (p->bare.bare && commit_lsn < p->bare.bare_commit);
    if (p->bare.bare && !p->skip_txn &&
        (!p->bare.bare_is_row || !p->bare.bare_xid || p->bare.bare_xid == xid)) {
        p->bare.bare = false;
        p->bare_at = p->bare.bare_is_row ? commit_lsn : 0;
    }
    p->bare_txn = p->bare_at && p->bare_at == commit_lsn;
}

enum pipe_result
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
    p->xids[p->nxids++ % PIPE_XIDS] = p->msg.u.begin.xid;
    pipeline_judge_txn(p, commit_lsn, p->msg.u.begin.xid);
    if (led_in_txn(p->parts.ledger) && !continued)
        p->skip_txn = true;
    if (p->skip_txn)
        return PIPE_OK;
    if (continued)
        return PIPE_OK;
    p->txn = (struct txn){
        .seq = ++p->txn_seq,
        .commit_lsn = commit_lsn,
        .last_commit_lsn = p->last_commit_lsn,
        .commit_us = p->msg.u.begin.commit_us,
        .xid = p->msg.u.begin.xid,
        .xmin = p->xmin,
    };
    p->stats.commit_us = p->txn.commit_us;
    p->stats.transactions++;
    led_begin(p->parts.ledger, &(struct led_txn){.commit_lsn = commit_lsn,
                                                 .last_commit_lsn = p->last_commit_lsn,
                                                 .commit_us = p->txn.commit_us,
                                                 .xid = p->txn.xid,
                                                 .xmin = p->xmin});
    if (!p->parts.settings->transactions || !pipeline_count_begin(p))
        return PIPE_OK;
    return pipeline_deliver_bound(p, OP_BEGIN, e);
}

void
pipeline_finish_commit(struct pipeline *p)
{
    p->commit_left = false;
    p->done_commit = p->txn.commit_lsn;
    p->done_ordinal = UINT64_MAX;
    led_commit(p->parts.ledger, p->msg.u.commit.end_lsn);
}

enum pipe_result
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
    if (p->parts.settings->transactions) {
        enum pipe_result r = pipeline_deliver_bound(p, OP_END, e);

        p->commit_left = r == PIPE_PARKED;
        if (r != PIPE_OK)
            return r;
    }
    pipeline_finish_commit(p);
    return PIPE_OK;
}

enum pipe_result
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
bool
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
