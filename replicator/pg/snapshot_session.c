/*
 * The sessions of a snapshot. The first one imports what a slot exported (REPEATABLE READ: no other level can), or takes
 * a snapshot of its own; it holds the tables' locks to the end. It exports what it sees to the other workers, so the
 * slot's session is not needed once it has begun. READ COMMITTED sees something new with every statement: nothing to share.
 */
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <strings.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "replicator/pg/snapshot_priv.h"

enum {
    WATCH_FIRST_US = 10 * 1000 * 1000, /* short snapshots keep nothing worth a session */
    WATCH_EVERY_US = 10 * 1000 * 1000,
    WATCH_WARN_PERCENT =
        50, /* of max_slot_wal_keep_size: the first warning, and another for each tenth beyond */
};

/*
 * A table is read in its own order only without synchronized scans and without parallel plans, as by Debezium's cursors.
 */
static bool
session_set(PGconn *conn, struct err *e)
{
    return pg_exec(conn, e,
                   "SET synchronize_seqscans = off; SET max_parallel_workers_per_gather = 0");
}

static bool
session_import(PGconn *conn, const char *exported, struct err *e)
{
    struct buf lit;
    bool ok;

    buf_init(&lit, 1024);
    pg_literal(&lit, exported);
    ok = pg_exec(conn, e, "BEGIN ISOLATION LEVEL REPEATABLE READ") &&
         pg_exec(conn, e, "SET TRANSACTION SNAPSHOT %s", buf_cstr(&lit));
    buf_free(&lit);
    return ok;
}

int
snapshot_patience_ms(const struct snapshot *s)
{
    int64_t ms = config_int(s->req.config, "snapshot.lock.timeout.ms");

    return ms > INT_MAX ? INT_MAX : (int)ms;
}

/* DEFERRABLE waits for a moment that no SERIALIZABLE transaction can spoil; such a one may last. */
static bool
session_wait_safe(struct snapshot *s, struct err *e)
{
    if (pg_exec(s->conn, e, "SET LOCAL statement_timeout = %d", snapshot_patience_ms(s)) &&
        pg_exec(s->conn, e, "SELECT FROM pg_catalog.pg_class LIMIT 1") &&
        pg_exec(s->conn, e, "SET LOCAL statement_timeout = 0"))
        return true;
    if (strcmp(e->sqlstate, "57014") == 0)
        err_set(e, ERR_RETRY, "snapshot.unsafe",
                "SERIALIZABLE transactions left no moment for a snapshot within "
                "snapshot.lock.timeout.ms; snapshot.isolation.mode=repeatable_read needs none");
    return false;
}

static bool
session_begin_own(struct snapshot *s, struct err *e)
{
    /* As Debezium says it; a standby has no serializable. */
    static const char *const begin[] = {
        [ISOLATION_SERIALIZABLE] = "BEGIN ISOLATION LEVEL SERIALIZABLE, READ ONLY, DEFERRABLE",
        [ISOLATION_REPEATABLE] = "BEGIN ISOLATION LEVEL REPEATABLE READ",
        [ISOLATION_COMMITTED] = "BEGIN ISOLATION LEVEL READ COMMITTED",
    };

    return pg_exec(s->conn, e, "%s", begin[s->isolation]) &&
           (s->isolation != ISOLATION_SERIALIZABLE || session_wait_safe(s, e));
}

/* What its rows say of the transaction they were read in. */
static bool
session_look(struct snapshot *s, bool recovery, struct err *e)
{
    static const char primary[] =
        "SELECT (extract(epoch FROM current_timestamp) * 1000000)::int8::text, "
        "pg_catalog.txid_current()::text";
    static const char standby[] =
        "SELECT (extract(epoch FROM current_timestamp) * 1000000)::int8::text, '0'";
    PGresult *r = pg_query(s->conn, e, 2, recovery ? standby : primary);
    bool ok = r != NULL;

    if (ok && (!num_parse_i64(slice_of(PQgetvalue(r, 0, 0)), &s->txn.commit_us) ||
               !num_parse_u64(slice_of(PQgetvalue(r, 0, 1)), &s->txn.xid)))
        ok = err_set(e, ERR_BUG, "snapshot.time", "the server's time or transaction is no number");
    PQclear(r);
    s->txn.commit_lsn = s->req.point_lsn;
    return ok;
}

static bool
session_export(struct snapshot *s, struct err *e)
{
    PGresult *r;

    if (s->nworkers == 1 || (!s->req.exported && s->isolation == ISOLATION_COMMITTED))
        return true;
    r = pg_query(s->conn, e, 1, "SELECT pg_catalog.pg_export_snapshot()");
    if (r)
        s->exported = mem_strdup(PQgetvalue(r, 0, 0));
    PQclear(r);
    return r != NULL;
}

bool
snapshot_begin(struct snapshot *s, struct err *e)
{
    static const int isolations[] = {ISOLATION_SERIALIZABLE, ISOLATION_REPEATABLE,
                                     ISOLATION_COMMITTED, ISOLATION_COMMITTED};
    bool recovery = false, ok;

    s->isolation = isolations[config_enum(s->req.config, "snapshot.isolation.mode")];
    ok = session_set(s->conn, e) && snapshot_stand(s, &recovery, e);
    if (recovery && s->isolation == ISOLATION_SERIALIZABLE)
        s->isolation = ISOLATION_REPEATABLE;
    ok =
        ok &&
        (s->req.exported ? session_import(s->conn, s->req.exported, e) : session_begin_own(s, e)) &&
        session_look(s, recovery, e) && session_export(s, e);
    return ok || err_wrap(e, "starting the snapshot transaction");
}

bool
snapshot_join(struct snap_worker *w, struct err *e)
{
    struct snapshot *s = w->s;

    bool stopping;

    w->conn = pg_connect(s->req.params, PG_SNAPSHOT, e);
    if (!w->conn)
        return false;
    pthread_mutex_lock(&s->lock);
    w->cancel = pg_cancel_new(w->conn);
    stopping = s->stopping; /* and then nobody shuts this one */
    pthread_mutex_unlock(&s->lock);
    if (stopping)
        return err_set(e, ERR_RETRY, "snapshot.stopping", "the snapshot is being ended");
    return session_set(w->conn, e) &&
           (s->exported ? session_import(w->conn, s->exported, e)
                        : pg_exec(w->conn, e, "BEGIN ISOLATION LEVEL READ COMMITTED"));
}

/* ------------------------------------------------------------------------------------------------ WAL kept meanwhile */

static void
watch_warn(const char *slot, int64_t retained, int64_t limit, int64_t *warned)
{
    int64_t percent = limit > 0 ? (int64_t)(100.0 * (double)retained / (double)limit) : 0;

    if (percent < WATCH_WARN_PERCENT || percent / 10 <= *warned)
        return;
    *warned = percent / 10;
    log_warn(
        "slot \"%s\" keeps %" PRId64 " MB of WAL while the snapshot is read, %" PRId64
        " %% of what max_slot_wal_keep_size allows; beyond it the server throws the slot's WAL "
        "away and the snapshot was for nothing: raise max_slot_wal_keep_size (it needs no "
        "restart, only a reload), or snapshot.max.threads next time",
        slot, retained >> 20, percent);
}

static bool
watch_look(struct snapshot *s, PGconn *conn, const char *slot, int64_t *warned, struct err *e)
{
    const char *params[] = {slot};
    PGresult *r = pg_query_params(
        conn, e, 2,
        "SELECT ((CASE WHEN pg_catalog.pg_is_in_recovery() THEN "
        "pg_catalog.pg_last_wal_replay_lsn() ELSE pg_catalog.pg_current_wal_lsn() END) - "
        "restart_lsn)::int8::text, coalesce((SELECT CASE WHEN setting::int8 < 0 THEN -1 ELSE "
        "setting::int8 * 1048576 END FROM pg_catalog.pg_settings WHERE name = "
        "'max_slot_wal_keep_size'), -1)::text FROM pg_catalog.pg_replication_slots WHERE "
        "slot_name = $1",
        1, params);
    int64_t retained = -1, limit = -1;
    bool ok = r != NULL;

    if (ok && PQntuples(r) == 1 && num_parse_i64(slice_of(PQgetvalue(r, 0, 0)), &retained) &&
        num_parse_i64(slice_of(PQgetvalue(r, 0, 1)), &limit)) {
        atomic_store(&s->wal_limit, limit);
        atomic_store(&s->wal_retained, retained);
        watch_warn(slot, retained, limit, warned);
    }
    PQclear(r);
    return ok;
}

void *
snapshot_watch(void *arg)
{
    struct snapshot *s = arg;
    const char *slot = config_str(s->req.config, "slot.name");
    PGconn *conn = NULL;
    int64_t warned = 0;
    struct err e;

    log_set_connector(s->req.connector);
    if (snapshot_wait(s, clock_mono_us() + WATCH_FIRST_US))
        return NULL;
    do {
        if (!conn && (conn = pg_connect(s->req.params, PG_GENERAL, &e)) != NULL) {
            pthread_mutex_lock(&s->lock);
            s->watch_cancel = pg_cancel_new(conn);
            pthread_mutex_unlock(&s->lock);
        }
        if (!conn || !watch_look(s, conn, slot, &warned, &e)) {
            log_warn("the WAL that slot \"%s\" keeps cannot be seen: %s", slot, e.msg);
            break;
        }
    } while (!snapshot_wait(s, clock_mono_us() + WATCH_EVERY_US));
    pthread_mutex_lock(&s->lock);
    pg_cancel_free(s->watch_cancel);
    s->watch_cancel = NULL;
    pthread_mutex_unlock(&s->lock);
    PQfinish(conn);
    return NULL;
}
