#include <stdlib.h>
#include <strings.h>

#include "base/log.h"
#include "base/num.h"
#include "replicator/connector_priv.h"
#include "replicator/pg/pooler.h"

enum { START_STANDBY_VERSION = 160000 };

/* ------------------------------------------------------------------------------------------------ where to go on */

static enum mismatch
start_mismatch(const struct config *config)
{
    static const struct {
        const char *name;
        enum mismatch mismatch;
    } names[] = {
        {"no_validation", MISMATCH_NO_VALIDATION},
        {"trust_offset", MISMATCH_TRUST_OFFSET},
        {"trust_slot", MISMATCH_TRUST_SLOT},
        {"trust_greater_lsn", MISMATCH_TRUST_GREATER},
    };

    if (config_given(config, "offset.mismatch.strategy"))
        for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
            if (strcasecmp(config_str(config, "offset.mismatch.strategy"), names[i].name) == 0)
                return names[i].mismatch;
    return MISMATCH_REFUSE;
}

/* Within one run a snapshot is taken once, also by snapshot.mode=always: a broker that was away is no reason for another. */
static struct startup_mode
start_mode(const struct connector *c)
{
    struct startup_mode m = startup_mode(c->config);

    if (c->phase == PHASE_STREAM)
        m.data = DATA_NEVER;
    else if (m.data == DATA_ALWAYS && c->run_point && c->has_stored && c->stored.own &&
             c->stored.flush_lsn >= c->run_point)
        m.data = DATA_INITIAL;
    return m;
}

/* Where the server left the timeline that the offset was stored on. A server need not have kept that. */
static bool
start_find_fork(struct connector *c, uint32_t timeline, uint64_t *lsn, struct err *e)
{
    PGconn *repl;
    bool ok, found;

    *lsn = 0;
    if (!timeline || timeline >= c->server.timeline)
        return true;
    repl = pg_connect(c->params, PG_REPLICATION, e);
    ok = repl && pg_timeline_end(repl, c->server.timeline, timeline, lsn, &found, e);
    if (!ok && PQstatus(repl) == CONNECTION_OK) {
        log_err(LOG_WARN, e, "whether the server had all that was delivered cannot be checked");
        err_clear(e);
        *lsn = UINT64_MAX;
        ok = true;
    }
    PQfinish(repl);
    return ok;
}

static bool
start_decide(struct connector *c, PGconn *conn, struct startup_plan *plan, struct pg_slot *slot,
             bool *has_slot, struct err *e)
{
    struct startup_facts f = {
        .connector = c->name,
        .slot_name = config_str(c->config, "slot.name"),
        .database = pg_params_database(c->params),
        .mode = start_mode(c),
        .drops_slot = config_bool(c->config, "slot.drop.on.stop"),
        .mismatch = start_mismatch(c->config),
        .server = &c->server,
        .slot = slot,
        .progress = c->phase == PHASE_NEW && c->life.resumes && c->life.progress.before
                        ? &c->life.progress
                        : NULL,
    };
    struct offset now = c->stored;

    if (!pg_slot_get(conn, f.slot_name, slot, has_slot, e))
        return false;
    f.has_slot = *has_slot;
    f.has_offset = c->has_stored;
    f.offset = &now;
    /* Later sessions go on from what this incarnation has stored, not from what it once loaded. */
    if (c->phase == PHASE_STREAM) {
        uint64_t flush = led_flush_lsn(c->ledger);

        now.own = f.has_offset = true;
        now.snapshot[0] = '\0';
        now.flush_lsn = flush > c->start_lsn ? flush : c->start_lsn;
        now.system_id = c->system_id;
        now.timeline = c->timeline;
        now.database[0] = now.slot[0] = '\0';
    }
    if (f.has_offset && now.own && !start_find_fork(c, now.timeline, &f.fork_lsn, e))
        return false;
    return startup_decide(&f, plan, e);
}

static bool
start_check_server(struct connector *c, struct err *e)
{
    if (!startup_mode(c->config).streams)
        return true;
    if (strcmp(c->server.wal_level, "logical") != 0)
        return err_set(e, ERR_CONFIG, "server.wal_level",
                       "wal_level is \"%s\", logical is needed: ALTER SYSTEM SET wal_level = "
                       "logical, then restart the server "
                       "(on RDS: rds.logical_replication = 1 in the parameter group, then reboot)",
                       c->server.wal_level);
    if (c->server.in_recovery && c->server.version < START_STANDBY_VERSION)
        return err_set(e, ERR_CONFIG, "server.standby",
                       "this server is a standby of version %d, which has no logical slots: give "
                       "the primary's host and port (from PostgreSQL 16 on a standby will do)",
                       c->server.version / 10000);
    return true;
}

/* ------------------------------------------------------------------------------------------------ slot and snapshot */

static bool
start_create_slot(struct connector *c, PGconn *conn, const char *name, bool temporary,
                  struct pg_slot_created *made, struct err *e)
{
    /* A standby keeps none for others; Debezium leaves it out there, too. */
    bool failover = !temporary && config_bool(c->config, "slot.failover") &&
                    c->server.version >= 170000 && !c->server.in_recovery;
    char lsn[NUM_LSN_TEXT];

    if (!pg_slot_create_within(c->repl, conn, name, temporary, failover, true,
                               connector_timeout_ms(c), made, e))
        return false;
    log_info("created %sslot \"%s\" at %s", temporary ? "temporary " : "", name,
             num_lsn_text(lsn, made->consistent_lsn));
    return true;
}

bool
connector_start_snapshot(struct connector *c, PGconn *conn, const struct pg_slot_created *made,
                         struct err *e)
{
    struct snapshot_request r = {
        .params = c->params,
        .connector = c->name,
        .config = c->config,
        .exported = made ? made->snapshot : NULL,
        .point_lsn = made ? made->consistent_lsn : 0,
        .server_version = c->server.version,
        .settings = &c->settings,
        .sinks = c->sinks,
        .nsinks = c->nsinks,
        .types = c->types,
        .pipeline = c->pipeline,
    };
    struct snapshot_interval *done;
    struct led_txn txn;

    if (!connector_done(c, conn, &done, &r.ndone, e))
        return err_wrap(e, "snapshot");
    r.done = done;
    c->snapshot = snapshot_start(&r, e);
    free(done);
    if (!c->snapshot)
        return err_wrap(e, "snapshot");
    snapshot_txn(c->snapshot, &txn);
    c->snapshot_point = c->run_point = txn.commit_lsn;
    c->phase = PHASE_SNAPSHOT;
    if (!connector_begin_progress(c, conn, e))
        return err_wrap(e, "snapshot");
    led_begin(c->ledger, &txn);
    c->snapshot_told = (struct notify_tables){0};
    notify_say(signals_notify(c->signals), NOTIFY_INITIAL, "STARTED", NULL, NULL);
    return true;
}

/*
 * No other way is as good: to drop the connector's slot and make it anew would lose what was deleted in between of rows that
 * a lost run had delivered.
 */
static bool
start_say_no_slot(PGconn *conn, struct err *e)
{
    struct err ignored = {0};
    struct buf unused;

    buf_init(&unused, 1024);
    (void)pg_slot_unused(conn, &unused, &ignored);
    err_wrap(e,
             "a snapshot beside a slot that is there needs a second, temporary one until its point "
             "is known (it goes on where it is at the next start; read by nobody: %s)",
             unused.n ? buf_cstr(&unused) : "none");
    buf_free(&unused);
    return false;
}

/* A slot that existed before exports no snapshot: this one does, and lives as long as its session. */
bool
connector_temporary_slot(struct connector *c, PGconn *conn, struct pg_slot_created *made,
                         struct err *e)
{
    struct buf name;
    bool ok;

    buf_init(&name, 128);
    buf_printf(&name, "%.40s_snapshot_%d", config_str(c->config, "slot.name"),
               PQbackendPID(c->repl));
    ok = start_create_slot(c, conn, buf_cstr(&name), true, made, e);
    buf_free(&name);
    return ok || strcmp(e->code, "slot.none_free") != 0 || start_say_no_slot(conn, e);
}

/* Debezium says so at every start that reads no tables. */
static void
start_say_skipped(struct connector *c)
{
    notify_say(signals_notify(c->signals), NOTIFY_INITIAL, "SKIPPED", NULL, NULL);
}

/*
 * A slot that is made exports the snapshot that begins where its stream does. One that existed before exports none: a
 * temporary second slot does, and streaming starts at that one's point.
 */
static bool
start_new(struct connector *c, PGconn *conn, const struct startup_plan *plan, struct err *e)
{
    const char *slot = config_str(c->config, "slot.name");
    struct pg_slot_created made = {0};

    c->start_lsn = plan->start_lsn;
    if (plan->create_slot) {
        if (!start_create_slot(c, conn, slot, false, &made, e))
            return false;
        c->slot_held = true;
        c->start_lsn = made.consistent_lsn;
    } else if (plan->snapshot) {
        if (!connector_temporary_slot(c, conn, &made, e))
            return false;
        c->start_lsn = made.consistent_lsn;
    }
    if (!plan->snapshot) {
        /* Where the slot stands: a position inside the very first transaction must not claim less. */
        led_start(c->ledger, c->start_lsn, 0);
        c->phase = PHASE_STREAM;
        start_say_skipped(c);
        return true;
    }
    led_start(c->ledger, 0, 0);
    if (!connector_start_snapshot(c, conn, &made, e))
        return false;
    if (!plan->create_slot) {
        /* The temporary slot lives as long as its session, and would hold the server's WAL while we stream. */
        PQfinish(c->repl);
        c->repl = NULL;
    }
    return true;
}

/*
 * Nothing is streamed: the snapshot, if there is one to take, or nothing at all. It needs no slot. Its offset is what the
 * server had reached before, so that a stream which is begun there some day misses nothing.
 */
static bool
start_without_stream(struct connector *c, PGconn *conn, const struct startup_plan *plan,
                     struct err *e)
{
    if (!plan->snapshot) {
        start_say_skipped(c);
        connector_rest(c);
        return true;
    }
    led_start(c->ledger, 0, 0);
    return connector_start_snapshot(c, conn, NULL, e);
}

static bool
start_drop_lost(struct connector *c, PGconn *conn, const struct startup_plan *plan, struct err *e)
{
    const char *slot = config_str(c->config, "slot.name");

    if (!plan->drop_slot)
        return true;
    log_warn("dropping slot \"%s\", which the server has invalidated", slot);
    return pg_slot_drop(conn, slot, e);
}

static bool
start_advance(struct connector *c, PGconn *conn, const struct startup_plan *plan, struct err *e)
{
    char lsn[NUM_LSN_TEXT];
    uint64_t end;

    if (!plan->advance_to)
        return true;
    log_warn("advancing slot \"%s\" to the stored offset %s, as offset.mismatch.strategy says",
             config_str(c->config, "slot.name"), num_lsn_text(lsn, plan->advance_to));
    return pg_slot_advance(conn, config_str(c->config, "slot.name"), plan->advance_to, &end, e);
}

/* ------------------------------------------------------------------------------------------------ the session */

void
connector_rest(struct connector *c)
{
    log_info("nothing is streamed, as snapshot.mode says: idle until stopped");
    c->phase = PHASE_IDLE;
}

bool
connector_open_wal(struct connector *c, struct err *e)
{
    uint64_t flushed = led_flush_lsn(c->ledger);
    struct wal_options o = {
        .slot = config_str(c->config, "slot.name"),
        .publication = config_str(c->config, "publication.name"),
        .start_lsn = flushed > c->start_lsn ? flushed : c->start_lsn,
        .server_version = c->server.version,
        .messages = true,
        .extra = config_str(c->config, "slot.stream.params"),
    };
    char lsn[NUM_LSN_TEXT];
    PGconn *repl = c->repl;

    c->repl = NULL;
    if (!repl && !(repl = pg_connect(c->params, PG_REPLICATION, e)))
        return false;
    c->wal = wal_open(repl, &o, e);
    if (!c->wal)
        return false;
    c->slot_held = true;
    signals_new_session(c->signals, c->server.version);
    pipeline_new_session(c->pipeline, catalog_facts_source(c->catalog));
    c->received_lsn = o.start_lsn > c->received_lsn ? o.start_lsn : c->received_lsn;
    c->told_lsn = 0;
    c->status_us = 0;
    c->pace = (struct pace){.behind = true}; /* as likely as not; some empty naps end it */
    log_info("streaming from slot \"%s\" at %s", o.slot, num_lsn_text(lsn, o.start_lsn));
    return true;
}

/* What was stored of a snapshot is of no use any more once streaming begins without one. */
bool
connector_stream(struct connector *c, struct err *e)
{
    if (!connector_open_wal(c, e))
        return false;
    c->phase = PHASE_STREAM;
    if (c->life.found && !c->life.open) {
        offsets_put_progress(c->offsets, NULL, 0);
        connector_clear_progress(c);
    }
    return true;
}

/* Where to go on, with the tables in sight: those that are new may be asked for. */
static bool
start_plan(struct connector *c, PGconn *conn, struct catalog_table *tables, size_t n, bool dry_run,
           struct startup_plan *plan, struct err *e)
{
    struct pg_slot slot = {0};
    bool has_slot = false, asked = false;

    if (!start_decide(c, conn, plan, &slot, &has_slot, e) ||
        !connector_ask_for_new(c, plan, tables, n, &asked, e) ||
        (asked && !start_decide(c, conn, plan, &slot, &has_slot, e)))
        return false;
    if (plan->warning[0])
        log_warn("%s", plan->warning);
    if (plan->streams && has_slot && slot.active)
        return err_set(
            e, ERR_RETRY, "slot.in_use",
            "slot \"%s\" is in use by pid %d; stop that reader, or set slot.name to another name",
            slot.name, slot.active_pid);
    if (!connector_prepare_tables(c, conn, tables, n, dry_run, e))
        return false;
    if (dry_run)
        return true;
    incremental_know(signals_incremental(c->signals), tables, n, true);
    if (c->phase == PHASE_NEW)
        connector_note_known(c, plan, tables, n);
    return true;
}

static bool
start_look(struct connector *c, PGconn *conn, bool dry_run, struct startup_plan *plan,
           struct err *e)
{
    struct catalog_table *tables = NULL;
    size_t n = 0;
    bool ok = pg_check_pooler(c->params, conn, e) && pg_server_info(conn, &c->server, e) &&
              start_check_server(c, e) && connector_captured(c, conn, &tables, &n, e) &&
              start_plan(c, conn, tables, n, dry_run, plan, e);

    catalog_tables_free(tables, n);
    return ok;
}

/* What the plan says, with a session for the stream where there is to be one. */
static bool
start_follow(struct connector *c, PGconn *conn, const struct startup_plan *plan, struct err *e)
{
    if (!catalog_load_types(conn, c->types, e))
        return false;
    if (c->phase == PHASE_NEW && !plan->resume_snapshot) {
        if (c->life.progress.news)
            log_warn(
                "they are not read yet, as the slot is not where the stored offset is: at the next "
                "start");
        else if (c->life.progress.requested)
            log_warn(
                "the tables that were asked for are not read: offset or slot have moved since; "
                "ask again");
        progress_clear(&c->life.progress);
    }
    if (!plan->streams)
        return start_without_stream(c, conn, plan, e);
    if (c->phase == PHASE_STREAM && plan->snapshot) {
        c->sink_failed = true; /* a snapshot begins with an incarnation */
        return err_set(e, ERR_RETRY, "snapshot.needed", "the tables are to be read again");
    }
    c->repl = pg_connect(c->params, PG_REPLICATION, e);
    if (!c->repl || !start_advance(c, conn, plan, e) || !start_drop_lost(c, conn, plan, e))
        return false;
    if (plan->resume_snapshot)
        return true; /* once the catalog can be asked: connector_catch_up */
    if (c->phase == PHASE_NEW && (plan->create_slot || plan->snapshot))
        return start_new(c, conn, plan, e);
    if (c->phase == PHASE_NEW) {
        c->start_lsn = plan->start_lsn;
        led_start(c->ledger, plan->flush_lsn, plan->resume.last_commit_lsn);
        pipeline_start(c->pipeline, &plan->resume);
        c->phase = PHASE_STREAM;
        start_say_skipped(c);
    }
    return true;
}

bool
connector_connect(struct connector *c, struct err *e)
{
    PGconn *conn = pg_connect(c->params, PG_GENERAL, e);
    struct startup_plan plan;

    if (!conn)
        return false;
    if (!start_look(c, conn, false, &plan, e)) {
        PQfinish(conn);
        return false;
    }
    c->system_id = c->server.system_id;
    c->timeline = c->server.timeline;
    if (!start_follow(c, conn, &plan, e)) {
        PQfinish(conn);
        return false;
    }
    c->catalog = catalog_new(c->params, conn, c->types);
    if (config_int(c->config, "heartbeat.interval.ms") > 0)
        c->heartbeat = heartbeat_new(c->params, config_int(c->config, "heartbeat.interval.ms"),
                                     config_str(c->config, "heartbeat.action.query"));
    if (plan.streams && config_int(c->config, "xmin.fetch.interval.ms") > 0)
        c->xmin = slot_xmin_new(c->params, config_int(c->config, "xmin.fetch.interval.ms"),
                                config_str(c->config, "slot.name"));
    if (plan.streams && c->server.in_recovery)
        c->standby = timeline_watch_new(c->params, c->timeline);
    if (plan.streams && plan.resume_snapshot)
        return connector_catch_up(c, &plan, e);
    return c->phase != PHASE_STREAM || connector_stream(c, e);
}

bool
connector_look(struct connector *c, struct err *e)
{
    PGconn *conn = pg_connect(c->params, PG_GENERAL, e);
    struct startup_plan plan;
    char lsn[NUM_LSN_TEXT];
    bool ok;

    if (!conn)
        return false;
    ok = start_look(c, conn, true, &plan, e);
    PQfinish(conn);
    if (!ok)
        return false;
    if (plan.streams) {
        c->repl = pg_connect(c->params, PG_REPLICATION, e); /* has the role the right? */
        if (!c->repl)
            return false;
    } else {
        log_info("nothing would be streamed, as snapshot.mode says");
    }
    if (plan.create_slot)
        log_info("slot \"%s\" would be created", config_str(c->config, "slot.name"));
    if (plan.resume_snapshot && c->life.progress.requested)
        log_info("tables that are new, or were asked for, would be read");
    else if (plan.resume_snapshot)
        log_info("an interrupted snapshot would go on");
    else if (plan.snapshot)
        log_info("a snapshot would be taken");
    else if (plan.start_lsn)
        log_info("streaming would begin at %s", num_lsn_text(lsn, plan.start_lsn));
    return true;
}
