#include "replicator/pg/probe.h"

#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "replicator/pg/conn.h"

static bool
late(int64_t timeout_ms, struct err *e)
{
    return err_set(e, ERR_RETRY, "connection.timeout",
                   "Connection validation timed out after %lld ms", (long long)timeout_ms);
}

/* Until the session stands. */
static bool
connect_until(PGconn *conn, const struct pg_params *p, int64_t deadline_us, int64_t timeout_ms,
              struct err *e)
{
    bool done = false, want_write = true;

    for (;;) {
        int64_t left_ms = (deadline_us - clock_mono_us()) / 1000;
        struct pollfd fd = {PQsocket(conn), want_write ? POLLOUT : POLLIN, 0};

        if (left_ms <= 0 || poll(&fd, 1, (int)left_ms) == 0)
            return late(timeout_ms, e);
        if (!pg_connect_poll(conn, p, PG_GENERAL, &done, &want_write, e))
            return false;
        if (done)
            return true;
    }
}

static bool
check_wal_level(PGconn *conn, struct err *e)
{
    PGresult *r = pg_query(conn, e, 1, "SHOW wal_level");
    bool ok = r != NULL;

    if (ok && strcmp(PQgetvalue(r, 0, 0), "logical") != 0)
        ok = err_set(e, ERR_CONFIG, "server.wal_level",
                     "Postgres server wal_level property must be 'logical' but is: '%s'",
                     PQgetvalue(r, 0, 0));
    PQclear(r);
    return ok;
}

bool
pg_probe(const struct config *c, int64_t timeout_ms, struct err *e)
{
    int64_t deadline_us = clock_mono_us() + timeout_ms * 1000;
    struct pg_params *p = pg_params_from_config(c, e);
    PGconn *conn = p ? pg_connect_start(p, PG_GENERAL, e) : NULL;
    bool ok =
        conn && connect_until(conn, p, deadline_us, timeout_ms, e) && check_wal_level(conn, e);

    if (conn)
        PQfinish(conn);
    pg_params_free(p);
    return ok;
}
