#include "replicator/pg/heartbeat.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

enum beat_step { BEAT_IDLE, BEAT_CONNECTING, BEAT_RUNNING };

struct heartbeat {
    const struct pg_params *params;
    int64_t interval_us, next_us;
    const char *query;
    PGconn *conn; /* kept between beats */
    enum beat_step step;
    bool want_write;
    bool failed; /* the query that runs has failed */
    struct err why;
};

struct heartbeat *
heartbeat_new(const struct pg_params *params, int64_t interval_ms, const char *query)
{
    struct heartbeat *h = mem_alloc(sizeof(*h));

    h->params = params;
    h->interval_us = interval_ms * 1000;
    h->next_us = clock_mono_us() + h->interval_us;
    h->query = query && *query ? query : NULL;
    return h;
}

void
heartbeat_free(struct heartbeat *h)
{
    if (!h)
        return;
    PQfinish(h->conn);
    free(h);
}

bool
heartbeat_is_due(const struct heartbeat *h)
{
    return clock_mono_us() >= h->next_us;
}

/* The session is given up; the next beat opens another. */
static void
beat_end(struct heartbeat *h)
{
    PQfinish(h->conn);
    h->conn = NULL;
    h->step = BEAT_IDLE;
    h->want_write = false;
}

static void
beat_send(struct heartbeat *h)
{
    struct err e = {0};
    int rc;

    h->failed = false;
    if (!PQsendQuery(h->conn, h->query) || (rc = PQflush(h->conn)) < 0) {
        pg_error(h->conn, NULL, &e);
        log_err(LOG_WARN, &e, "heartbeat.action.query");
        beat_end(h);
        return;
    }
    h->step = BEAT_RUNNING;
    h->want_write = rc > 0;
}

void
heartbeat_sent(struct heartbeat *h)
{
    struct err e = {0};

    h->next_us = clock_mono_us() + h->interval_us;
    if (!h->query)
        return;
    if (h->step != BEAT_IDLE) {
        log_warn(
            "heartbeat.action.query still runs since the last heartbeat; it is not started again");
        return;
    }
    if (h->conn) {
        beat_send(h);
        return;
    }
    h->conn = pg_connect_start(h->params, PG_GENERAL, &e);
    if (!h->conn) {
        log_err(LOG_WARN, &e, "heartbeat.action.query");
        return;
    }
    h->step = BEAT_CONNECTING;
    h->want_write = true;
}

static void
beat_connect(struct heartbeat *h)
{
    struct err e = {0};
    bool done = false;

    if (!pg_connect_poll(h->conn, h->params, PG_GENERAL, &done, &h->want_write, &e)) {
        log_err(LOG_WARN, &e, "heartbeat.action.query");
        beat_end(h);
        return;
    }
    if (!done)
        return;
    PQsetnonblocking(h->conn, 1);
    beat_send(h);
}

/* True when the query is over. */
static bool
beat_receive(struct heartbeat *h)
{
    int rc = 0;

    if (!PQconsumeInput(h->conn) || (h->want_write && (rc = PQflush(h->conn)) < 0)) {
        pg_error(h->conn, NULL, &h->why);
        h->failed = true;
        return true;
    }
    h->want_write = rc > 0;
    while (!PQisBusy(h->conn)) {
        PGresult *r = PQgetResult(h->conn);
        ExecStatusType status = PQresultStatus(r);

        if (!r)
            return true;
        if (!h->failed && status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
            pg_error(h->conn, r, &h->why);
            h->failed = true;
        }
        PQclear(r);
    }
    return false;
}

bool
heartbeat_poll(struct heartbeat *h, struct err *e)
{
    if (h->step == BEAT_CONNECTING)
        beat_connect(h);
    if (h->step != BEAT_RUNNING || !beat_receive(h))
        return true;
    h->step = BEAT_IDLE;
    h->want_write = false;
    if (!h->failed)
        return true;
    if (PQstatus(h->conn) != CONNECTION_OK)
        beat_end(h);
    if (strcmp(h->why.sqlstate, "42P01") == 0 || strcmp(h->why.sqlstate, "57P01") == 0) {
        *e = h->why;
        return err_wrap(e, "heartbeat.action.query");
    }
    log_err(LOG_WARN, &h->why, "heartbeat.action.query");
    return true;
}

int
heartbeat_fd(const struct heartbeat *h)
{
    return h->conn && h->step != BEAT_IDLE ? PQsocket(h->conn) : -1;
}

bool
heartbeat_wants_write(const struct heartbeat *h)
{
    return h->want_write;
}

int64_t
heartbeat_deadline_us(const struct heartbeat *h)
{
    return h->next_us;
}
