/*
 * Where a stream has to begin that is to go on from a snapshot which no slot exported. What commits later than the point is
 * in the stream; what commits before must be in the snapshot, and that is not so of itself: a commit is in the WAL before
 * others see it, and by far before when it waits for a synchronous standby.
 */
#include <poll.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "replicator/pg/slot.h"
#include "replicator/pg/snapshot_priv.h"

enum { POINT_LOOK_MS = 20 };

static bool
point_stand(PGconn *conn, bool *recovery, uint64_t *lsn, struct err *e)
{
    PGresult *r = pg_query(
        conn, e, 2,
        "SELECT pg_catalog.pg_is_in_recovery(), ((CASE WHEN pg_catalog.pg_is_in_recovery() THEN "
        "pg_catalog.pg_last_wal_replay_lsn() ELSE pg_catalog.pg_current_wal_lsn() END) - "
        "'0/0')::text");
    bool ok = r != NULL;

    if (ok && !num_parse_u64(slice_of(PQgetvalue(r, 0, 1)), lsn))
        ok = err_set(e, ERR_BUG, "snapshot.point", "the server's position is no number");
    if (ok)
        *recovery = PQgetvalue(r, 0, 0)[0] == 't';
    PQclear(r);
    return ok;
}

/* Younger than all that may have committed so far. */
static bool
point_youngest(PGconn *conn, char xid[24], struct err *e)
{
    PGresult *r = pg_query(conn, e, 1, "SELECT pg_catalog.txid_current()::text");

    if (r)
        snprintf(xid, 24, "%s", PQgetvalue(r, 0, 0));
    PQclear(r);
    return r != NULL;
}

/* How many of the older ones others do not see yet. */
static bool
point_left(PGconn *conn, const char *xid, int64_t *n, struct err *e)
{
    const char *params[] = {xid};
    PGresult *r = pg_query_params(conn, e, 1,
                                  "SELECT count(*)::text FROM pg_catalog.txid_snapshot_xip("
                                  "pg_catalog.txid_current_snapshot()) AS x WHERE x < $1::int8",
                                  1, params);

    if (r)
        (void)num_parse_i64(slice_of(PQgetvalue(r, 0, 0)), n);
    PQclear(r);
    return r != NULL;
}

/* Only such a commit can take that long, or one that still waits for the disk. */
static bool
point_may_be_kept_back(PGconn *conn, uint64_t point, bool *may, struct err *e)
{
    char lsn[NUM_LSN_TEXT];
    const char *params[] = {num_lsn_text(lsn, point)};
    PGresult *r =
        pg_query_params(conn, e, 1,
                        "SELECT pg_catalog.current_setting('synchronous_standby_names') <> '' OR "
                        "pg_catalog.pg_current_wal_flush_lsn() < $1::pg_lsn",
                        1, params);

    if (r)
        *may = PQgetvalue(r, 0, 0)[0] == 't';
    PQclear(r);
    return r != NULL;
}

/* A stream from where the slot stands has them all, and what the snapshot has as well. Without a slot there is none to begin. */
static bool
point_set_back(struct snapshot *s, int64_t left, uint64_t *point, struct err *e)
{
    const char *name = config_str(s->req.config, "slot.name");
    struct pg_slot slot = {0};
    char lsn[NUM_LSN_TEXT];
    bool found, may = false;

    if (!point_may_be_kept_back(s->conn, *point, &may, e) ||
        !pg_slot_get(s->conn, name, &slot, &found, e))
        return false;
    if (!may || !found || !slot.confirmed_lsn || slot.confirmed_lsn >= *point)
        return true;
    *point = slot.confirmed_lsn;
    log_warn(
        "snapshot: %lld transaction%s not ended within snapshot.lock.timeout.ms, and a commit "
        "may wait for a synchronous standby: a stream that is begun from this snapshot's "
        "offset repeats what was committed since %s, where slot \"%s\" stands",
        (long long)left, left == 1 ? " has" : "s have", num_lsn_text(lsn, *point), name);
    return true;
}

static bool
point_wait(struct snapshot *s, const char *xid, uint64_t *point, struct err *e)
{
    int64_t until_us = clock_mono_us() + snapshot_patience_ms(s) * INT64_C(1000), left = 0;
    bool told = false;

    for (;;) {
        if (!point_left(s->conn, xid, &left, e))
            return false;
        if (left == 0)
            return true;
        if (clock_mono_us() >= until_us)
            return point_set_back(s, left, point, e);
        if (!told)
            log_info(
                "snapshot: waits for %lld transaction%s to end, so that a stream which is "
                "begun behind it misses none",
                (long long)left, left == 1 ? "" : "s");
        told = true;
        (void)poll(NULL, 0, POINT_LOOK_MS);
    }
}

/*
 * Before the snapshot is taken: what commits while it is must not seem to lie before it, and a sink that goes by positions
 * would take the row that was read for the newer one. The youngest transaction is asked for behind the position, or
 * one could begin and commit in between. A standby sees a commit before it says that it has replayed it.
 */
bool
snapshot_stand(struct snapshot *s, bool *recovery, struct err *e)
{
    char xid[24];
    uint64_t lsn = 0;
    bool ok = point_stand(s->conn, recovery, &lsn, e);

    /* Of tables that are named the stream has been going on all the while. */
    if (ok && !s->req.exported && !s->req.tables && !*recovery)
        ok = point_youngest(s->conn, xid, e) && point_wait(s, xid, &lsn, e);
    if (!s->req.exported)
        s->req.point_lsn = lsn;
    return ok;
}
