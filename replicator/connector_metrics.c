/* A connector's figures, copied a few times a second to where others may read them. */
#include <string.h>

#include "base/clock.h"
#include "replicator/connector_priv.h"

enum {
    MEASURE_US = 250000,     /* at work */
    MEASURE_IDLE_US = 10000, /* when it has nothing to do: soon, so that nothing is left unsaid */
};

static void
measure_stream(struct connector *c, struct metrics *m, int64_t now_us)
{
    const struct pipeline_stats *s = pipeline_stats(c->pipeline);
    uint64_t seen = s->changes + s->filtered;

    if (s->commit_us && s->commit_us != c->measured.commit_us)
        c->measured.behind_ms = (clock_now_ns() / 1000 - s->commit_us) / 1000;
    c->measured.commit_us = s->commit_us;
    if (seen != c->measured.seen)
        c->measured.event_us = now_us;
    c->measured.seen = seen;
    m->v[METRIC_EVENTS] = (int64_t)seen;
    m->v[METRIC_CREATES] = (int64_t)s->creates;
    m->v[METRIC_UPDATES] = (int64_t)s->updates;
    m->v[METRIC_DELETES] = (int64_t)s->deletes;
    m->v[METRIC_FILTERED] = (int64_t)s->filtered;
    m->v[METRIC_ERRONEOUS] = (int64_t)s->failed;
    m->v[METRIC_TRANSACTIONS] = (int64_t)s->transactions;
    m->v[METRIC_DELIVERED] = (int64_t)s->changes;
    m->v[METRIC_REPEATED] = (int64_t)s->repeated;
    m->v[METRIC_UNCONVERTED] = (int64_t)s->unconverted;
}

static void
measure_snapshot(struct connector *c, struct metrics *m, int64_t now_us)
{
    struct snapshot_progress p;

    m->v[METRIC_SNAPSHOT_RUNNING] = c->snapshot != NULL;
    if (!c->snapshot)
        return;
    snapshot_progress(c->snapshot, &p);
    m->v[METRIC_SNAPSHOT_COMPLETED] = 0;
    m->v[METRIC_SNAPSHOT_SECONDS] = (now_us - p.started_us) / 1000000;
    m->v[METRIC_SNAPSHOT_TABLES] = p.tables;
    m->v[METRIC_SNAPSHOT_TABLES_LEFT] = p.tables - p.tables_done;
    m->v[METRIC_SNAPSHOT_ROWS] = (int64_t)p.rows;
}

void
connector_measure(struct connector *c, bool idle)
{
    struct metrics *m = &c->measured.m;
    int64_t now_us = clock_mono_us();

    if (!c->options.metrics || now_us - c->measured.at_us < (idle ? MEASURE_IDLE_US : MEASURE_US))
        return;
    c->measured.at_us = now_us;
    if (m->v[METRIC_SNAPSHOT_RUNNING] && !c->snapshot && c->phase == PHASE_STREAM) {
        m->v[METRIC_SNAPSHOT_COMPLETED] = 1;
        m->v[METRIC_SNAPSHOT_TABLES_LEFT] = 0;
    }
    if (c->pipeline)
        measure_stream(c, m, now_us);
    measure_snapshot(c, m, now_us);
    m->v[METRIC_CONNECTED] = c->wal || c->snapshot;
    m->v[METRIC_BEHIND_MS] = c->measured.commit_us ? c->measured.behind_ms : -1;
    m->v[METRIC_SINCE_EVENT_MS] =
        c->measured.event_us ? (now_us - c->measured.event_us) / 1000 : -1;
    m->v[METRIC_QUEUE_BYTES] = c->ledger ? (int64_t)led_pending_bytes(c->ledger) : 0;
    m->v[METRIC_QUEUE_MAX_BYTES] = config_int(c->config, "walbridge.pending.max.bytes");
    m->v[METRIC_PENDING] = c->ledger ? (int64_t)led_pending(c->ledger) : 0;
    m->v[METRIC_RECEIVED_LSN] = (int64_t)c->received_lsn;
    m->v[METRIC_FLUSHED_LSN] = (int64_t)c->told_lsn;
    metrics_slot_put(c->options.metrics, m);
}

void
connector_measure_end(struct connector *c, bool failed)
{
    c->measured.m.v[METRIC_FAILURES] += failed;
    c->measured.at_us = 0;
    connector_measure(c, true);
}
