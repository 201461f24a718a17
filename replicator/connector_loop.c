/*
 * The loop. Its body is always in this order, each step a function of that name: take commands → poll sinks (acks) → look
 * at the store → status if due → read and put until empty, parked or budget used → sleep. Nothing here blocks but sleep.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "replicator/connector_priv.h"

enum {
    LOOP_BUDGET = 4000,          /* frames between two looks at everything else */
    LOOP_STATUS_GAP_US = 250000, /* between statuses that only say a new flush LSN */
    LOOP_STATUS_DONE_US = 20000, /* the same when nothing is on its way */
    LOOP_SLEEP_MAX_US = 1000000,
    LOOP_NAP_US =
        200, /* while behind: 100–200 µs raises throughput and spares the server; 1000 ruins it */
    LOOP_PACE_WINDOW_US = 1000,
    LOOP_BEHIND_FRAMES = 30, /* a millisecond: what no live workload of single rows reaches */
    LOOP_FULL_READ =
        16000, /* libpq's buffer has 16 kB: a read that brought less emptied the socket */
    LOOP_NAP_FRAMES =
        128, /* read between two naps: what is left keeps the server from sending each alone */
    LOOP_FRAME_HEAD = 30, /* of CopyData and XLogData, beside the payload */
    LOOP_EMPTY_NAPS =
        5, /* in a row end the lazy reading: a server that was off the CPU is not yet idle */
    LOOP_FDS = 10,
};

/* ------------------------------------------------------------------------------------------------ acks */

static bool
loop_poll_sinks(struct connector *c, struct err *e)
{
    for (unsigned i = 0; i < c->nsinks; i++)
        if (!c->sinks[i]->ops->poll(c->sinks[i], e)) {
            c->sink_failed = true;
            return err_wrap(e, "sink \"%s\"", c->sinks[i]->ops->name);
        }
    if (c->ack_error.cls != ERR_NONE) {
        *e = c->ack_error;
        c->sink_failed = true;
        return false;
    }
    return true;
}

static bool
loop_poll_store(struct connector *c, struct err *e)
{
    uint64_t lsn;
    bool news;

    if (!offsets_stored(c->offsets, &lsn, &news, e)) {
        c->sink_failed = true;
        return err_wrap(e, "offset store");
    }
    if (news) {
        led_stored(c->ledger, lsn);
        signals_stored(c->signals, offsets_stored_mark(c->offsets));
        c->progressed = true;
    }
    return true;
}

/* ------------------------------------------------------------------------------------------------ status */

static int64_t
loop_status_interval_us(const struct connector *c)
{
    int64_t us = config_int(c->config, "status.update.interval.ms") * 1000;

    return c->phase == PHASE_CATCH_UP && us > LOOP_STATUS_GAP_US ? LOOP_STATUS_GAP_US : us;
}

/* When a new flush LSN is told: soon once all is delivered, so that a drained slot is seen to be. */
static int64_t
loop_flush_due_us(const struct connector *c)
{
    return c->status_us + (led_pending(c->ledger) == 0 ? LOOP_STATUS_DONE_US : LOOP_STATUS_GAP_US);
}

/* Who catches up wants an answer: it may be the only thing that an idle server says. */
static bool
loop_status(struct connector *c, struct err *e)
{
    int64_t now = clock_mono_us();
    uint64_t flush = connector_flush_lsn(c);
    int64_t interval_us = loop_status_interval_us(c);
    bool ask = c->phase == PHASE_STREAM && c->wal && signals_wants_keepalive(c->signals);
    bool due = c->reply_due || now - c->status_us >= interval_us ||
               (flush > c->told_lsn && now >= loop_flush_due_us(c)) ||
               (ask && now - c->status_us >= LOOP_STATUS_GAP_US);

    if (!c->wal)
        return true;
    if (c->status_left && !wal_flush(c->wal, &c->status_left, e))
        return false;
    if (!due)
        return true;
    c->reply_due = false;
    c->status_us = now;
    c->told_lsn = flush;
    if (!wal_status(c->wal, c->received_lsn > flush ? c->received_lsn : flush, flush,
                    ask || c->phase == PHASE_CATCH_UP, e))
        return false;
    return wal_flush(c->wal, &c->status_left, e);
}

/* ------------------------------------------------------------------------------------------------ the stream */

bool
connector_step_failed(struct connector *c, uint64_t lsn, struct err *e)
{
    char text[NUM_LSN_TEXT];

    /* A sink's refusal and a row that cannot be said are found while putting; both end the incarnation. */
    c->sink_failed = true;
    return err_wrap(e, "slot \"%s\", LSN %s", config_str(c->config, "slot.name"),
                    num_lsn_text(text, lsn));
}

static void
loop_keepalive(struct connector *c, const struct wal_frame *f)
{
    if (f->end > c->received_lsn)
        c->received_lsn = f->end;
    if (f->reply)
        c->reply_due = true;
    /* Catching up, it only says that all before has been sent: the snapshot's rows come behind. */
    if (c->phase == PHASE_CATCH_UP)
        c->life.reached |= f->end >= c->life.until;
    else
        led_keepalive(c->ledger, f->end);
    signals_passed(c->signals, f->end);
}

/* What is parked goes on first; false in *go: it still cannot. */
static bool
loop_unpark(struct connector *c, bool *go, struct err *e)
{
    *go = true;
    if (!c->parked)
        return true;
    switch (pipeline_resume(c->pipeline, e)) {
    case PIPE_OK:
        c->parked = false;
        return true;
    case PIPE_PARKED:
        *go = false;
        return true;
    case PIPE_ERROR:
        return connector_step_failed(c, c->received_lsn, e);
    }
    return false;
}

static bool
loop_feed(struct connector *c, const struct wal_frame *f, int64_t now_ns, struct err *e)
{
    if (f->start > c->received_lsn)
        c->received_lsn = f->start;
    switch (pipeline_feed(c->pipeline, f->data, f->start, now_ns, e)) {
    case PIPE_OK:
        return true;
    case PIPE_PARKED:
        c->parked = true;
        return true;
    case PIPE_ERROR:
        return connector_step_failed(c, f->start, e);
    }
    return false;
}

/*
 * Frames per millisecond decide whether to read lazily: that many within one begin it, naps that bring nothing end it.
 * Commit times cannot tell, the server's clock may differ from ours.
 */
static void
loop_watch_pace(struct pace *p, int64_t now_us)
{
    if (!p->behind && p->frames - p->window >= LOOP_BEHIND_FRAMES) {
        p->behind = true;
        p->empty_naps = 0;
    }
    if (now_us - p->since_us >= LOOP_PACE_WINDOW_US) {
        p->since_us = now_us;
        p->window = p->frames;
    }
}

/*
 * *empty: time to sleep. When caught up that is when the socket has nothing more; while behind after the first read that
 * did not fill libpq's buffer, or enough frames: reading what trickles in while the last rows are encoded would wake the server for each.
 */
static bool
loop_read(struct connector *c, bool *empty, struct err *e)
{
    struct wal_frame f;
    int64_t now_ns = clock_now_ns();
    size_t bytes = 0, largest = 0; /* of frames since the last read */
    uint64_t first = c->pace.frames;
    char lsn[NUM_LSN_TEXT];
    bool read = false;

    *empty = false;
    for (int budget = LOOP_BUDGET; budget > 0 && !c->parked && !led_full(c->ledger); budget--) {
        switch (wal_next(c->wal, &f, e)) {
        case WAL_DATA:
            bytes += f.data.n + LOOP_FRAME_HEAD;
            largest = f.data.n > largest ? f.data.n : largest;
            c->pace.frames++;
            if (!loop_feed(c, &f, now_ns, e))
                return false;
            break;
        case WAL_KEEPALIVE:
            bytes++;
            loop_keepalive(c, &f);
            break;
        case WAL_NONE:
            if (read && (c->pace.behind ? bytes + largest < LOOP_FULL_READ ||
                                              c->pace.frames - first >= LOOP_NAP_FRAMES
                                        : bytes == 0)) {
                *empty = true;
                return true;
            }
            if (!wal_read(c->wal, e))
                return false;
            now_ns = clock_now_ns();
            loop_watch_pace(&c->pace, now_ns / 1000);
            read = true;
            bytes = largest = 0;
            break;
        case WAL_ERROR:
            /* What the server cannot say comes behind what it said last. */
            if (e->cls == ERR_DATA)
                err_wrap(e, "slot \"%s\", behind LSN %s", config_str(c->config, "slot.name"),
                         num_lsn_text(lsn, c->received_lsn));
            return false;
        }
    }
    return true;
}

/* May a heartbeat go out? Until then its time does not count for the sleep. Without a stream only one that is owed. */
static bool
loop_may_beat(const struct connector *c)
{
    return c->heartbeat && !c->snapshot && !c->parked &&
           ((c->wal && c->phase == PHASE_STREAM) || heartbeat_is_owed(c->heartbeat)) &&
           !atomic_load_explicit(&c->stopping, memory_order_relaxed) &&
           !atomic_load_explicit(&c->paused, memory_order_relaxed) &&
           pipeline_may_beat(c->pipeline);
}

/* A heartbeat, when one is due. */
static bool
loop_heartbeat(struct connector *c, struct err *e)
{
    if (!c->heartbeat)
        return true;
    if (signals_take_blocked(c->signals))
        heartbeat_owe(c->heartbeat);
    if (!heartbeat_poll(c->heartbeat, e))
        return false;
    if (!loop_may_beat(c) || !heartbeat_is_due(c->heartbeat))
        return true;
    switch (pipeline_heartbeat(c->pipeline, clock_now_ns(), e)) {
    case PIPE_OK:
        break;
    case PIPE_PARKED:
        c->parked = true;
        break;
    case PIPE_ERROR:
        return connector_step_failed(c, c->received_lsn, e);
    }
    heartbeat_sent(c->heartbeat);
    return true;
}

/* ------------------------------------------------------------------------------------------------ signals */

/* *busy: a blocking snapshot is being read, the stream waits. */
static bool
loop_signals(struct connector *c, bool *busy, struct err *e)
{
    switch (signals_poll(c->signals, busy, e)) {
    case PIPE_OK:
        break;
    case PIPE_PARKED:
        c->parked = c->parked || !*busy;
        break;
    case PIPE_ERROR:
        return connector_step_failed(c, c->received_lsn, e);
    }
    return true;
}

/* ------------------------------------------------------------------------------------------------ sleeping */

static void
loop_add_fd(struct pollfd *fds, nfds_t *n, int fd, short events)
{
    /* Without an event that is wanted, a peer that hung up would wake us all the time. */
    if (fd >= 0 && events)
        fds[(*n)++] = (struct pollfd){fd, events, 0};
}

/* Is the server asked beside the stream in these turns of the loop? */
static bool
loop_asks(const struct connector *c)
{
    return c->wal && !atomic_load_explicit(&c->stopping, memory_order_relaxed) &&
           !atomic_load_explicit(&c->paused, memory_order_relaxed);
}

/* For the slot's xmin. */
static bool
loop_asks_xmin(const struct connector *c)
{
    return c->xmin && loop_asks(c);
}

/* For the standby's timeline. */
static bool
loop_asks_timeline(const struct connector *c)
{
    return c->standby && loop_asks(c);
}

static int64_t
loop_deadline(const struct connector *c)
{
    int64_t now = clock_mono_us(), at = now + LOOP_SLEEP_MAX_US;
    int64_t status = c->status_us + loop_status_interval_us(c);

    if (c->wal && connector_flush_lsn(c) > c->told_lsn)
        status = loop_flush_due_us(c);
    if (c->wal && status < at)
        at = status;
    if (c->stream_us && c->stream_us < at)
        at = c->stream_us;
    if (connector_position_deadline_us(c) < at)
        at = connector_position_deadline_us(c);
    for (unsigned i = 0; i < c->nsinks; i++) {
        int64_t d = c->sinks[i]->ops->deadline_us(c->sinks[i]);

        at = d < at ? d : at;
    }
    if (c->wal && signals_deadline_us(c->signals) < at)
        at = signals_deadline_us(c->signals);
    if (c->wal && signals_wants_keepalive(c->signals) && c->status_us + LOOP_STATUS_GAP_US < at)
        at = c->status_us + LOOP_STATUS_GAP_US;
    if (c->catalog && catalog_deadline_us(c->catalog) < at)
        at = catalog_deadline_us(c->catalog);
    if (c->reselect && c->wal && reselect_deadline_us(c->reselect) < at)
        at = reselect_deadline_us(c->reselect);
    if (loop_may_beat(c) && heartbeat_deadline_us(c->heartbeat) < at)
        at = heartbeat_deadline_us(c->heartbeat);
    if (loop_asks_xmin(c) && slot_xmin_deadline_us(c->xmin) < at)
        at = slot_xmin_deadline_us(c->xmin);
    if (loop_asks_timeline(c) && timeline_watch_deadline_us(c->standby) < at)
        at = timeline_watch_deadline_us(c->standby);
    return at > now ? at - now : 0;
}

/* Until something happens or is due. `reading`: the stream may be read, so its socket counts. */
static void
loop_sleep(struct connector *c, bool reading)
{
    struct pollfd fds[LOOP_FDS + PLAN_SINKS_MAX + SIGNALS_FDS];
    nfds_t n = 0;
    int64_t us;

    if (c->wal && reading && c->pace.behind) {
        struct timespec nap = {0, LOOP_NAP_US * 1000};

        c->pace.empty_naps = c->pace.frames == c->pace.seen ? c->pace.empty_naps + 1 : 0;
        c->pace.behind = c->pace.empty_naps < LOOP_EMPTY_NAPS;
        c->pace.seen = c->pace.frames;
        nanosleep(&nap, NULL);
        return;
    }
    us = loop_deadline(c);
    if (!atomic_load_explicit(&c->stopping,
                              memory_order_relaxed)) /* else it is readable for good */
        loop_add_fd(fds, &n, c->stop_fd, POLLIN);
    loop_add_fd(fds, &n, offsets_fd(c->offsets), POLLIN);
    for (unsigned i = 0; i < c->nsinks; i++)
        loop_add_fd(fds, &n, c->sinks[i]->ops->fd(c->sinks[i]), POLLIN);
    if (c->wal)
        loop_add_fd(fds, &n, wal_fd(c->wal),
                    (short)((reading ? POLLIN : 0) | (c->status_left ? POLLOUT : 0)));
    if (c->catalog)
        loop_add_fd(fds, &n, catalog_fd(c->catalog),
                    (short)(POLLIN | (catalog_wants_write(c->catalog) ? POLLOUT : 0)));
    if (c->reselect && c->wal)
        loop_add_fd(fds, &n, reselect_fd(c->reselect),
                    (short)(POLLIN | (reselect_wants_write(c->reselect) ? POLLOUT : 0)));
    if (c->heartbeat && !atomic_load_explicit(&c->stopping, memory_order_relaxed))
        loop_add_fd(fds, &n, heartbeat_fd(c->heartbeat),
                    (short)(POLLIN | (heartbeat_wants_write(c->heartbeat) ? POLLOUT : 0)));
    if (loop_asks_xmin(c))
        loop_add_fd(fds, &n, slot_xmin_fd(c->xmin),
                    (short)(POLLIN | (slot_xmin_wants_write(c->xmin) ? POLLOUT : 0)));
    if (loop_asks_timeline(c))
        loop_add_fd(fds, &n, timeline_watch_fd(c->standby),
                    (short)(POLLIN | (timeline_watch_wants_write(c->standby) ? POLLOUT : 0)));
    if (c->snapshot && reading)
        loop_add_fd(fds, &n, snapshot_fd(c->snapshot), POLLIN);
    if (c->wal && c->phase == PHASE_STREAM)
        n += signals_fds(c->signals, fds + n);
    if (ppoll(fds, n, &(struct timespec){us / 1000000, us % 1000000 * 1000}, NULL) < 0 &&
        errno != EINTR)
        log_warn("ppoll: %s", strerror(errno));
    else if (n > 0 && fds[0].fd == c->stop_fd && fds[0].revents)
        connector_woken(c);
}

/* ------------------------------------------------------------------------------------------------ the loop */

/* Changes wait for the first answer, so that all of them say an xmin. */
static bool
loop_xmin(struct connector *c)
{
    uint64_t value;

    if (!c->xmin)
        return true;
    slot_xmin_poll(c->xmin);
    if (!slot_xmin_known(c->xmin, &value))
        return false;
    pipeline_set_xmin(c->pipeline, value);
    return true;
}

/* A session outlives its server's promotion: what it has streamed since is of another timeline. */
static void
loop_timeline(struct connector *c)
{
    uint32_t timeline;

    if (!loop_asks_timeline(c) || !timeline_watch_poll(c->standby, &timeline))
        return;
    log_info("the standby was promoted, or follows another server: it is on timeline %" PRIu32
             " now, and was on %" PRIu32,
             timeline, c->timeline);
    c->timeline = c->server.timeline = timeline;
    connector_store_again(c);
}

/* Nothing is streamed: what is left is what the snapshot's end has to tell. */
static bool
loop_rest(struct connector *c, struct err *e)
{
    bool go;

    if (!loop_unpark(c, &go, e))
        return false;
    if (!go)
        return true;
    if (signals_notes(c->signals, e) == PIPE_ERROR)
        return connector_step_failed(c, c->snapshot_point, e);
    return loop_heartbeat(c, e);
}

static bool
loop_step(struct connector *c, bool *idle, struct err *e)
{
    bool empty = false, go = true, busy;

    *idle = true;
    if (atomic_load_explicit(&c->paused, memory_order_relaxed))
        return true;
    if (c->snapshot) {
        if (!connector_snapshot(c, &empty, e))
            return false;
        *idle = empty || c->parked || led_full(c->ledger);
        return true;
    }
    if (c->stream_us)
        return connector_begin_stream(c, e);
    if (!c->wal)
        return loop_rest(c, e);
    loop_timeline(c);
    c->xmin_awaited = !loop_xmin(c);
    if (c->xmin_awaited)
        return true;
    /* Catching up, signals are only noted: what they ask for begins with the stream. */
    busy = false;
    if (c->phase == PHASE_STREAM && !loop_signals(c, &busy, e))
        return false;
    if (busy) {
        *idle = !signals_has_more(c->signals) || led_full(c->ledger);
        return true;
    }
    if (!loop_unpark(c, &go, e))
        return false;
    if (go && !loop_read(c, &empty, e))
        return false;
    if (c->phase == PHASE_CATCH_UP && (c->life.reached || pipeline_caught_up(c->pipeline))) {
        *idle = false;
        return connector_caught_up(c, e);
    }
    if (!loop_heartbeat(c, e))
        return false;
    *idle = empty || c->parked || led_full(c->ledger);
    return true;
}

bool
connector_loop(struct connector *c, struct err *e)
{
    while (!atomic_load_explicit(&c->stopping, memory_order_relaxed)) {
        bool idle;

        if (!loop_poll_sinks(c, e) || !loop_poll_store(c, e))
            return false;
        if (!loop_step(c, &idle, e))
            return false;
        connector_store_position(c, false);
        if (!loop_status(c, e))
            return false;
        connector_measure(c, idle);
        if (idle)
            loop_sleep(c, !c->parked && !c->xmin_awaited && !led_full(c->ledger) &&
                              !atomic_load_explicit(&c->paused, memory_order_relaxed));
    }
    return true;
}

/* What a full sink kept waiting: a batch, a change or a notification. */
static bool
drain_put(struct connector *c, struct err *e)
{
    bool go;

    if (c->batch)
        return connector_put_batch(c, e);
    if (c->parked)
        return loop_unpark(c, &go, e);
    return c->wal || signals_notes(c->signals, e) != PIPE_ERROR ||
           connector_step_failed(c, c->snapshot_point, e);
}

void
connector_drain(struct connector *c)
{
    int64_t until = clock_mono_us() + config_int(c->config, "walbridge.shutdown.timeout.ms") * 1000;
    struct err e = {0};
    bool ok = true;

    /* Rows of a half read snapshot are only waited for when it goes on; a blocking one begins anew. */
    while (ok && (c->life.resumes || !c->snapshot) && !signals_is_blocking(c->signals) &&
           clock_mono_us() < until) {
        ok = drain_put(c, &e);
        for (unsigned i = 0; i < c->nsinks; i++)
            c->sinks[i]->ops->flush(c->sinks[i]);
        ok = ok && loop_poll_sinks(c, &e) && loop_poll_store(c, &e);
        connector_store_position(c, true);
        (void)loop_status(
            c, &(struct err){
                   0}); /* a server that has gone is no reason to drop what the sinks still take */
        if (!ok || (led_pending(c->ledger) == 0 &&
                    !(c->parked && !pipeline_waits_for_server(c->pipeline))))
            break;
        loop_sleep(c, false);
    }
    if (!ok)
        log_err(LOG_WARN, &e, "stopping");
    if (led_pending(c->ledger))
        log_warn("%" PRIu64
                 " changes were not acknowledged in time; they are sent again at the next start",
                 led_pending(c->ledger));
}
