#include "replicator/pg/aside.h"

#include <stdlib.h>

#include "base/mem.h"

enum aside_step { ASIDE_IDLE, ASIDE_CONNECTING, ASIDE_RUNNING };

struct pg_aside {
    const struct pg_params *params;
    const char *sql;
    PGconn *conn; /* kept between runs */
    enum aside_step step;
    bool want_write;
    bool failed; /* the statement that runs has failed */
    struct err why;
    PGresult *rows;
};

struct pg_aside *
pg_aside_new(const struct pg_params *params, const char *sql)
{
    struct pg_aside *a = mem_alloc(sizeof(*a));

    a->params = params;
    a->sql = sql;
    return a;
}

void
pg_aside_free(struct pg_aside *a)
{
    if (!a)
        return;
    PQclear(a->rows);
    PQfinish(a->conn);
    free(a);
}

bool
pg_aside_busy(const struct pg_aside *a)
{
    return a->step != ASIDE_IDLE;
}

/* The session is given up; the next run opens another. */
static bool
aside_end(struct pg_aside *a)
{
    PQfinish(a->conn);
    a->conn = NULL;
    a->step = ASIDE_IDLE;
    a->want_write = false;
    return false;
}

static bool
aside_send(struct pg_aside *a, struct err *e)
{
    int rc;

    a->failed = false;
    if (!PQsendQuery(a->conn, a->sql) || (rc = PQflush(a->conn)) < 0) {
        pg_error(a->conn, NULL, e);
        return aside_end(a);
    }
    a->step = ASIDE_RUNNING;
    a->want_write = rc > 0;
    return true;
}

bool
pg_aside_start(struct pg_aside *a, struct err *e)
{
    PQclear(a->rows);
    a->rows = NULL;
    if (a->conn)
        return aside_send(a, e);
    a->conn = pg_connect_start(a->params, PG_GENERAL, e);
    if (!a->conn)
        return false;
    a->step = ASIDE_CONNECTING;
    a->want_write = true;
    return true;
}

static bool
aside_connect(struct pg_aside *a, struct err *e)
{
    bool done = false;

    if (!pg_connect_poll(a->conn, a->params, PG_GENERAL, &done, &a->want_write, e))
        return aside_end(a);
    if (!done)
        return true;
    PQsetnonblocking(a->conn, 1);
    return aside_send(a, e);
}

static void
aside_take(struct pg_aside *a, PGresult *r)
{
    ExecStatusType status = PQresultStatus(r);

    if (status == PGRES_TUPLES_OK) {
        PQclear(a->rows);
        a->rows = r;
        return;
    }
    if (!a->failed && status != PGRES_COMMAND_OK) {
        pg_error(a->conn, r, &a->why);
        a->failed = true;
    }
    PQclear(r);
}

/* True when the statement is over. */
static bool
aside_receive(struct pg_aside *a)
{
    int rc = 0;

    if (!PQconsumeInput(a->conn) || (a->want_write && (rc = PQflush(a->conn)) < 0)) {
        pg_error(a->conn, NULL, &a->why);
        a->failed = true;
        return true;
    }
    a->want_write = rc > 0;
    while (!PQisBusy(a->conn)) {
        PGresult *r = PQgetResult(a->conn);

        if (!r)
            return true;
        aside_take(a, r);
    }
    return false;
}

enum pg_aside_state
pg_aside_poll(struct pg_aside *a, struct err *e)
{
    if (a->step == ASIDE_CONNECTING && !aside_connect(a, e))
        return ASIDE_FAILED;
    if (a->step != ASIDE_RUNNING || !aside_receive(a))
        return ASIDE_PENDING;
    a->step = ASIDE_IDLE;
    a->want_write = false;
    if (!a->failed)
        return ASIDE_DONE;
    if (PQstatus(a->conn) != CONNECTION_OK)
        aside_end(a);
    *e = a->why;
    return ASIDE_FAILED;
}

const PGresult *
pg_aside_rows(const struct pg_aside *a)
{
    return a->rows;
}

int
pg_aside_fd(const struct pg_aside *a)
{
    return a->conn && a->step != ASIDE_IDLE ? PQsocket(a->conn) : -1;
}

bool
pg_aside_wants_write(const struct pg_aside *a)
{
    return a->want_write;
}
