#include "replicator/pg/pooler.h"

#include <stdlib.h>

static bool
backend_pid(PGconn *c, int *out, struct err *e)
{
    PGresult *r = pg_query(c, e, 1, "SELECT pg_catalog.pg_backend_pid()");

    if (!r)
        return false;
    *out = (int)strtol(PQgetvalue(r, 0, 0), NULL, 10);
    PQclear(r);
    return true;
}

/*
 * Who answers the connection names itself by a process id, and a pooler's is not the server's. That alone is no harm; but
 * a second session, opened while this one is between two transactions, must not be given the same server process.
 */
bool
pg_check_pooler(const struct pg_params *p, PGconn *c, struct err *e)
{
    int first, second;
    PGconn *other;
    bool ok;

    if (!backend_pid(c, &first, e))
        return false;
    if (first == PQbackendPID(c))
        return true;
    other = pg_connect(p, PG_GENERAL, e);
    ok = other && backend_pid(other, &second, e);
    PQfinish(other);
    if (!ok || first != second)
        return ok;
    return err_set(
        e, ERR_CONFIG, "conn.pooler",
        "a connection pooler answers, which shares the server's sessions by transaction: "
        "settings, snapshots and slots would not hold; give the server's own host and "
        "port, or a pool by session");
}
