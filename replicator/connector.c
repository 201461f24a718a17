#include "replicator/connector.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "decoder/filter.h"
#include "decoder/mapper.h"
#include "decoder/naming.h"
#include "decoder/smt.h"
#include "replicator/conf.h"
#include "replicator/connector_priv.h"
#include "replicator/uuid.h"

enum {
    CONNECTOR_BACKOFF_MS = 250,
    CONNECTOR_DROP_ATTEMPTS = 10,
    CONNECTOR_DROP_WAIT_MS = 300,
    CONNECTOR_TIMER_SLACK_NS = 1000, /* 50 µs by default, too coarse for naps of 200 */
};

static const struct {
    const char *name;
    struct sink *(*open)(const struct sink_env *env, struct err *e);
} connector_sinks[] = {
    {"kafka", sink_kafka_new},
    {"bigquery", sink_bigquery_new},
    {"lines", sink_lines_new},
    {"null", sink_null_new},
};

/* ------------------------------------------------------------------------------------------------ making */

static bool
connector_check_sinks(const struct connector_options *o, struct err *e)
{
    if (o->nsinks == 0 || o->nsinks > PLAN_SINKS_MAX)
        return err_set(e, ERR_CONFIG, "sink.count", "%zu sinks are given, 1 to %d are possible",
                       o->nsinks, PLAN_SINKS_MAX);
    for (size_t i = 0; i < o->nsinks; i++) {
        bool known = false;

        for (size_t k = 0; k < sizeof(connector_sinks) / sizeof(*connector_sinks); k++)
            known |= strcmp(o->sinks[i], connector_sinks[k].name) == 0;
        if (!known)
            return err_set(e, ERR_CONFIG, "sink.unknown",
                           "sink \"%s\" is unknown; kafka, bigquery, lines and null are there",
                           o->sinks[i]);
    }
    return true;
}

struct connector *
connector_new(const struct connector_options *o, struct err *e)
{
    const char *flush_mode = config_str(o->config, "lsn.flush.mode");
    struct connector *c;
    bool named, completed;

    if (!connector_check_sinks(o, e))
        return NULL;
    c = mem_alloc(sizeof(*c));
    c->options = *o;
    c->config = o->config;
    c->name = config_name(o->config);
    c->stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    c->box = signal_box_new();
    atomic_store(&c->starting, true);
    uuid_v7(c->run_id);
    conf_settings(c->config, &c->settings);
    c->flush_is_ours = !flush_mode || strcasecmp(flush_mode, "manual") != 0;
    c->filter = filter_new(c->config, e);
    c->settings.filter = c->filter;
    if (c->filter)
        c->mappers = mappers_new(c->config, e);
    c->settings.mappers = c->mappers;
    named = c->mappers && naming_new(c->config, &c->naming, e);
    c->settings.naming = c->naming;
    if (named && smt_chain_new(c->config, &c->settings, c->run_id, &c->chain, e))
        c->params = pg_params_from_config(c->config, e);
    completed = c->params && reselect_new(c->config, &c->settings, c->params, &c->reselect, e);
    c->settings.chain = c->chain;
    if (!completed || c->stop_fd < 0) {
        connector_free(c);
        return NULL;
    }
    return c;
}

void
connector_free(struct connector *c)
{
    if (!c)
        return;
    signal_box_free(c->box);
    filter_free(c->filter);
    mappers_free(c->mappers);
    naming_free(c->naming);
    smt_chain_free(c->chain);
    reselect_free(c->reselect);
    pg_params_free(c->params);
    if (c->stop_fd >= 0)
        close(c->stop_fd);
    free(c);
}

bool
connector_signal(struct connector *c, const struct signal *s, struct err *e)
{
    return signal_box_post(c->box, s, e);
}

const char *
connector_name(const struct connector *c)
{
    return c->name;
}

static void
connector_wake(struct connector *c)
{
    uint64_t one = 1;

    if (write(c->stop_fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
        log_warn("eventfd: write failed");
}

void
connector_stop(struct connector *c)
{
    atomic_store(&c->stopping, true);
    connector_wake(c);
}

void
connector_pause(struct connector *c, bool on)
{
    atomic_store(&c->paused, on);
    connector_wake(c);
}

void
connector_woken(struct connector *c)
{
    uint64_t count;

    /* A stop leaves it readable: nothing sleeps any more. */
    if (!atomic_load(&c->stopping) && read(c->stop_fd, &count, sizeof(count)) < 0 &&
        errno != EAGAIN)
        log_warn("eventfd: read failed");
}

bool
connector_is_starting(const struct connector *c)
{
    return atomic_load(&c->starting);
}

/* ------------------------------------------------------------------------------------------------ an incarnation */

static void
connector_on_ack(void *arg, uint64_t ticket, unsigned n)
{
    struct connector *c = arg;

    if (c->ack_error.cls == ERR_NONE)
        (void)led_ack(c->ledger, ticket, n, &c->ack_error);
}

static struct sink *
connector_open_sink(struct connector *c, const char *name, struct err *e)
{
    struct sink_env env = {
        .config = c->config,
        .settings = &c->settings,
        .connector = c->name,
        .run_id = c->run_id,
        .lines_path = c->options.lines_path,
        .topics = c->options.topics,
    };

    for (size_t k = 0; k < sizeof(connector_sinks) / sizeof(*connector_sinks); k++)
        if (strcmp(name, connector_sinks[k].name) == 0)
            /* cppcheck-suppress returnDanglingLifetime ; sinks copy what they keep of env */
            return connector_sinks[k].open(&env, e);
    return NULL;
}

/* Sinks first: Kafka's producer asks for its id a while after it was made. */
static bool
connector_complete(void *arg, struct change *change, bool *wait, struct err *e)
{
    enum reselect_result r = reselect_complete(arg, change, e);

    *wait = r == RESELECT_WAIT;
    return r != RESELECT_FAILED;
}

static struct pipeline_completer
connector_completer(const struct connector *c)
{
    return c->reselect ? (struct pipeline_completer){connector_complete, c->reselect}
                       : (struct pipeline_completer){NULL, NULL};
}

static bool
connector_open(struct connector *c, struct err *e)
{
    struct offset_store *store;

    for (size_t i = 0; i < c->options.nsinks; i++) {
        struct sink *s = connector_open_sink(c, c->options.sinks[i], e);

        if (!s)
            return err_wrap(e, "sink \"%s\"", c->options.sinks[i]);
        s->ack = connector_on_ack;
        s->ack_arg = c;
        s->index = c->nsinks;
        c->sinks[c->nsinks++] = s;
    }
    store = c->options.open_offsets ? c->options.open_offsets(c->options.offsets_arg, c->config, e)
                                    : offset_store_open(c->config, e);
    if (!store)
        return err_wrap(e, "offset store");
    if (!store->ops->load(store, &c->stored, &c->has_stored, e)) {
        store->ops->close(store);
        return err_wrap(e, "loading the offset");
    }
    connector_load_progress(c, store);
    connector_load_known(c, store);
    c->offsets = offsets_start(store, c->name, config_int(c->config, "offset.flush.interval.ms"));
    c->types = types_new();
    c->ledger = led_new((uint64_t)config_int(c->config, "walbridge.pending.max.bytes"));
    c->pipeline = pipeline_new(&(struct pipeline_parts){.settings = &c->settings,
                                                        .sinks = c->sinks,
                                                        .nsinks = c->nsinks,
                                                        .ledger = c->ledger,
                                                        .types = c->types,
                                                        .completer = connector_completer(c),
                                                        .stores_positions = true});
    c->signals = signals_new(
        &(struct signals_parts){
            .inc = {.config = c->config,
                    .settings = &c->settings,
                    .params = c->params,
                    .pipeline = c->pipeline,
                    .ledger = c->ledger,
                    .types = c->types,
                    .state_max = offset_extra_max(c->config, c->options.open_offsets != NULL)},
            .connector = c->name,
            .box = c->box,
            .sinks = c->sinks,
            .nsinks = c->nsinks,
        },
        e);
    if (!c->signals)
        return false;
    if (c->has_stored)
        incremental_load(signals_incremental(c->signals), c->stored.extra);
    c->phase = PHASE_NEW;
    c->snapshot_point = 0;
    c->received_lsn = 0;
    return true;
}

static void
connector_end_session(struct connector *c)
{
    if (c->batch && c->snapshot)
        snapshot_give_back(c->snapshot, c->batch);
    c->batch = NULL;
    snapshot_free(c->snapshot);
    c->snapshot = NULL;
    wal_close(c->wal);
    c->wal = NULL;
    catalog_free(c->catalog);
    c->catalog = NULL;
    heartbeat_free(c->heartbeat);
    c->heartbeat = NULL;
    slot_xmin_free(c->xmin);
    c->xmin = NULL;
    timeline_watch_free(c->standby);
    c->standby = NULL;
    if (c->repl)
        PQfinish(c->repl);
    c->repl = NULL;
    if (c->pipeline && pipeline_waits_for_server(c->pipeline))
        c->parked = false;
}

/* The last offset is stored, then the server is told, then everything goes. */
uint64_t
connector_flush_lsn(const struct connector *c)
{
    return c->flush_is_ours ? led_flush_lsn(c->ledger) : 0;
}

static void
connector_close(struct connector *c)
{
    struct err e = {0};
    uint64_t lsn = 0;
    uint64_t mark;
    bool more;

    if (c->offsets) {
        if (!offsets_stop(c->offsets, &lsn, &mark, &e))
            log_err(LOG_WARN, &e, "the last offset could not be stored");
        if (c->signals)
            signals_stored(c->signals, mark);
        if (lsn && c->ledger)
            led_stored(c->ledger, lsn);
        c->offsets = NULL;
    }
    if (c->wal && c->ledger) {
        lsn = connector_flush_lsn(c);
        if (wal_status(c->wal, c->received_lsn > lsn ? c->received_lsn : lsn, lsn, false, &e))
            (void)wal_flush(c->wal, &more, &e);
    }
    connector_end_session(c);
    signals_free(c->signals);
    c->signals = NULL;
    pipeline_free(c->pipeline);
    c->pipeline = NULL;
    for (unsigned i = 0; i < c->nsinks; i++)
        c->sinks[i]->ops->close(c->sinks[i]);
    c->nsinks = 0;
    led_free(c->ledger);
    c->ledger = NULL;
    types_free(c->types);
    c->types = NULL;
    connector_clear_progress(c);
    connector_clear_known(c);
    offset_free(&c->stored);
    c->stored = (struct offset){0};
    c->has_stored = c->sink_failed = c->parked = false;
    c->quiet_put = 0;
    c->quiet_since_us = 0;
    c->stream_us = 0;
    c->ack_error = (struct err){0};
}

/* ------------------------------------------------------------------------------------------------ retrying */

/* Sleeps, but not through a stop. Sinks go on being served: what they have must not wait for the server. */
static void
connector_wait(struct connector *c, int64_t ms)
{
    int64_t until = clock_mono_us() + ms * 1000;
    struct err e = {0};

    while (!atomic_load(&c->stopping) && clock_mono_us() < until) {
        struct pollfd fd = {c->stop_fd, POLLIN, 0};
        bool ok = true;

        for (unsigned i = 0; ok && i < c->nsinks && !c->sink_failed; i++)
            ok = c->sinks[i]->ops->poll(c->sinks[i], &e);
        if (!ok) {
            log_err(LOG_WARN, &e, "sink");
            c->sink_failed = true;
        }
        if (poll(&fd, 1, 20) > 0)
            connector_woken(c);
    }
}

/*
 * A slot that another reader holds is given up on after slot.max.retries × slot.retry.delay.ms, as Debezium does: a reader
 * that does not go away is somebody else. So is a server without a walsender to spare when we begin, if errors.max.retries
 * does not end it before; one that we had before may be our own. *held_us: since when it has been so; the server notices a
 * connection that broke later than we do, so time before does not count.
 */
static bool
connector_may_retry(struct connector *c, const struct err *e, unsigned attempt, int64_t *held_us)
{
    int64_t max = config_int(c->config, "errors.max.retries");
    int64_t slot_ms =
        config_int(c->config, "slot.max.retries") * config_int(c->config, "slot.retry.delay.ms");
    bool in_use = strcmp(e->code, "slot.in_use") == 0;
    bool held = in_use || (c->phase == PHASE_NEW && strcmp(e->code, "server.wal_senders") == 0);

    if (e->cls != ERR_RETRY)
        return false;
    if (!held)
        *held_us = 0;
    else if (!*held_us)
        *held_us = clock_mono_us();
    if (held && clock_mono_us() - *held_us >= slot_ms * 1000)
        return false;
    return in_use || max < 0 || (int64_t)attempt < max;
}

/* One session: true when it ended by a stop. */
static bool
connector_session(struct connector *c, struct err *e)
{
    while (atomic_load(&c->paused) && !atomic_load(&c->stopping))
        connector_wait(c, 50);
    if (atomic_load(&c->stopping))
        return true;
    if (!c->offsets && !connector_open(c, e)) {
        c->sink_failed = true;
        return false;
    }
    if (atomic_load(&c->stopping))
        return true;
    if (!connector_connect(c, e))
        return false;
    atomic_store(&c->starting, false);
    return connector_loop(c, e);
}

/* What a sink was given before the server went away still goes on: the next session begins behind it. */
static void
connector_finish_parked(struct connector *c)
{
    struct err e = {0};

    /* What waits for the catalog waits for the server: that goes with the session and comes again. */
    while (c->parked && !pipeline_waits_for_server(c->pipeline) && !c->sink_failed &&
           !atomic_load(&c->stopping)) {
        switch (pipeline_resume(c->pipeline, &e)) {
        case PIPE_OK:
            c->parked = false;
            return;
        case PIPE_PARKED:
            break;
        case PIPE_ERROR:
            log_err(LOG_WARN, &e, "sink");
            c->sink_failed = true;
            return;
        }
        connector_wait(c, 10);
    }
}

/* slot.drop.on.stop. The walsender lets go of the slot a moment after its session was closed. */
static void
connector_drop_slot(struct connector *c)
{
    const char *slot = config_str(c->config, "slot.name");
    struct err e = {0};
    PGconn *conn = pg_connect(c->params, PG_GENERAL, &e);
    bool ok = false;

    for (int attempt = 0; conn && !ok && attempt < CONNECTOR_DROP_ATTEMPTS; attempt++) {
        if (attempt > 0)
            (void)poll(NULL, 0, CONNECTOR_DROP_WAIT_MS);
        err_clear(&e);
        ok = pg_slot_drop(conn, slot, &e);
        if (!ok && strcmp(e.code, "slot.in_use") != 0)
            break;
    }
    PQfinish(conn);
    if (ok)
        log_info("dropped slot \"%s\", as slot.drop.on.stop says", slot);
    else
        log_err(LOG_WARN, &e, "the slot could not be dropped and holds WAL back");
}

bool
connector_run(struct connector *c, struct err *e)
{
    unsigned attempt = 0;
    int64_t held_us = 0;
    int64_t cap_ms = config_int(c->config, "retriable.restart.connector.wait.ms");
    bool stopped;

    log_set_connector(c->name);
    prctl(PR_SET_TIMERSLACK, CONNECTOR_TIMER_SLACK_NS);
    for (;;) {
        int64_t wait_ms;

        stopped = connector_session(c, e);
        if (stopped)
            break;
        atomic_store(&c->starting, true);
        if (c->progressed) {
            attempt = 0;
            held_us = 0;
            c->progressed = false;
        }
        if (!connector_may_retry(c, e, attempt, &held_us))
            break;
        wait_ms = clock_backoff_ms(attempt++, CONNECTOR_BACKOFF_MS,
                                   cap_ms > CONNECTOR_BACKOFF_MS ? cap_ms : CONNECTOR_BACKOFF_MS);
        log_err(LOG_WARN, e, "trying again");
        if (c->phase == PHASE_NEW || c->phase == PHASE_SNAPSHOT || c->phase == PHASE_CATCH_UP ||
            (c->signals && signals_is_blocking(c->signals)))
            c->sink_failed = true; /* nothing is stored yet that a later session could go on from */
        if (!c->sink_failed)
            connector_finish_parked(c);
        if (c->sink_failed)
            connector_close(c);
        else
            connector_end_session(c);
        connector_measure_end(c, true);
        connector_wait(c, wait_ms);
        if (c->sink_failed)
            connector_close(c);
        err_clear(e);
        if (atomic_load(&c->stopping)) {
            stopped = true;
            break;
        }
    }
    atomic_store(&c->starting, false);
    if (c->offsets)
        connector_drain(c);
    connector_close(c);
    connector_measure_end(c, false);
    log_progress(NULL);
    if (stopped && c->slot_held && config_bool(c->config, "slot.drop.on.stop"))
        connector_drop_slot(c);
    if (stopped)
        log_info("stopped");
    return stopped;
}

/* Nothing is changed: a file of lines is not even opened, the null sink stands in for it. */
bool
connector_check(const struct connector_options *o, struct err *e)
{
    struct connector_options look = *o;
    const char *sinks[PLAN_SINKS_MAX] = {"", "", "", ""};
    struct connector *c;
    bool ok;

    for (size_t i = 0; i < o->nsinks && i < PLAN_SINKS_MAX; i++)
        sinks[i] = strcmp(o->sinks[i], "lines") == 0 ? "null" : o->sinks[i];
    look.sinks = sinks;
    c = connector_new(&look, e);
    if (!c)
        return false;
    ok = connector_open(c, e) && connector_look(c, e);
    connector_close(c);
    connector_free(c);
    return ok;
}
