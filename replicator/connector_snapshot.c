/* The snapshot on the connector thread: what the reader hands over goes to the sinks, and then the stream begins. */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "replicator/connector_priv.h"

enum { SNAP_BATCHES = 4 }; /* between two looks at everything else */

/* Signals that came while an interrupted snapshot caught up. */
static void
snap_give_signals(struct connector *c)
{
    const struct progress *p = &c->life.progress;

    signals_note_only(c->signals, NULL, NULL);
    for (size_t i = 0; i < p->nsignals; i++)
        signals_give_back(c->signals, &p->signals[i].signal);
}

static void
snap_warn_of_signals(const struct connector *c)
{
    const struct progress *p = &c->life.progress;

    for (size_t i = 0; i < p->nsignals; i++)
        log_warn(
            "signal \"%s\" (%s) is not carried out, as snapshot.mode streams nothing; give it "
            "again to a connector that streams",
            p->signals[i].signal.id, p->signals[i].signal.type);
}

/* Once streaming.delay.ms is over. */
bool
connector_begin_stream(struct connector *c, struct err *e)
{
    if (clock_mono_us() < c->stream_us)
        return true;
    c->stream_us = 0;
    return connector_stream(c, e);
}

static void
snap_tell(struct connector *c)
{
    notify_of_tables(signals_notify(c->signals), &c->snapshot_told, c->snapshot);
}

/* Notifications go out between two batches. *wait: a sink is full. */
static bool
snap_notes(struct connector *c, bool *wait, struct err *e)
{
    *wait = false;
    if (c->batch)
        return true;
    snap_tell(c);
    switch (signals_notes(c->signals, e)) {
    case PIPE_OK:
        return true;
    case PIPE_PARKED:
        *wait = true;
        return true;
    case PIPE_ERROR:
        return connector_step_failed(c, c->snapshot_point, e);
    }
    return false;
}

static bool
snap_done(struct connector *c, struct err *e)
{
    int64_t delay_ms = config_int(c->config, "streaming.delay.ms");
    struct snapshot_progress p;
    char lsn[NUM_LSN_TEXT];
    double seconds;

    snapshot_progress(c->snapshot, &p);
    seconds = (double)(clock_mono_us() - p.started_us) / 1e6;
    log_progress(NULL);
    log_info("snapshot: done, %" PRIu64 " rows of %u tables in %.1f s, point %s", p.rows, p.tables,
             seconds, num_lsn_text(lsn, c->snapshot_point));
    snap_tell(c);
    notify_say(signals_notify(c->signals), NOTIFY_INITIAL, "COMPLETED", NULL, NULL);
    if (c->heartbeat)
        heartbeat_owe(c->heartbeat);
    snapshot_free(c->snapshot);
    c->snapshot = NULL;
    led_commit(c->ledger, c->snapshot_point);
    c->life.end = led_next(c->ledger);
    c->life.whole = true;
    if (!startup_mode(c->config).streams) {
        snap_warn_of_signals(c);
        connector_rest(c);
        return true;
    }
    c->phase = PHASE_STREAM;
    snap_give_signals(c);
    c->stream_us = clock_mono_us() + delay_ms * 1000;
    return connector_begin_stream(c, e);
}

bool
connector_put_batch(struct connector *c, struct err *e)
{
    switch (pipeline_put_batch(c->pipeline, c->batch, c->snapshot_point, e)) {
    case PIPE_OK:
        if (c->batch->unit_ends)
            connector_put_unit(c, c->batch);
        snapshot_give_back(c->snapshot, c->batch);
        c->batch = NULL;
        c->parked = false;
        return true;
    case PIPE_PARKED:
        c->parked = true;
        return true;
    case PIPE_ERROR:
        return connector_step_failed(c, c->snapshot_point, e);
    }
    return false;
}

bool
connector_snapshot(struct connector *c, bool *empty, struct err *e)
{
    bool done;

    snapshot_show(c->snapshot);
    *empty = false;
    if (!snap_notes(c, empty, e))
        return false;
    if (*empty)
        return true;
    for (int i = 0; i < SNAP_BATCHES && !led_full(c->ledger); i++) {
        if (!c->batch && !snapshot_take(c->snapshot, &c->batch, &done, e)) {
            c->sink_failed =
                true; /* what was put of it must be read again under a snapshot of its own */
            return err_wrap(e, "snapshot");
        }
        if (!c->batch) {
            *empty = true;
            return !done || snap_done(c, e);
        }
        if (!connector_put_batch(c, e))
            return false;
        if (c->parked)
            return true;
    }
    return true;
}
