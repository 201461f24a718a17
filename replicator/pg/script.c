#include "replicator/pg/script.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"

enum { SCRIPT_BACKOFF_MS = 200, SCRIPT_BACKOFF_CAP_MS = 10000 };

enum step { STEP_IDLE, STEP_WAIT, STEP_CONNECT, STEP_RUN, STEP_ROLLBACK };

struct statement {
    char *sql;
    int nparams;
    char **params;
    PGresult *result;
};

struct script {
    const struct pg_params *params;
    PGconn *conn;
    enum step step;
    struct statement *list;
    size_t n, at, ran;
    bool want_write, failed, sent;
    struct err why;
    unsigned failures;
    int64_t retry_us;
};

struct script *
script_new(const struct pg_params *params)
{
    struct script *s = mem_alloc(sizeof(*s));

    s->params = params;
    return s;
}

void
script_clear(struct script *s)
{
    for (size_t i = 0; i < s->n; i++) {
        for (int k = 0; k < s->list[i].nparams; k++)
            free(s->list[i].params[k]);
        free(s->list[i].params);
        free(s->list[i].sql);
        PQclear(s->list[i].result);
    }
    s->n = s->at = s->ran = 0;
    s->failed = false;
}

void
script_free(struct script *s)
{
    if (!s)
        return;
    script_clear(s);
    free(s->list);
    PQfinish(s->conn);
    free(s);
}

void
script_add(struct script *s, struct slice sql, int nparams, const char *const *params)
{
    struct statement *st;

    s->list = mem_grow(s->list, s->n + 1, sizeof(*s->list));
    st = &s->list[s->n++];
    *st = (struct statement){.sql = mem_strndup(sql.p, sql.n), .nparams = nparams};
    st->params = mem_array((size_t)nparams + 1, sizeof(*st->params));
    for (int i = 0; i < nparams; i++)
        st->params[i] = params[i] ? mem_strdup(params[i]) : NULL;
}

static enum script_state
script_lost(struct script *s, const struct err *why, struct err *e)
{
    PQfinish(s->conn);
    s->conn = NULL;
    s->step = STEP_IDLE;
    s->want_write = false;
    s->retry_us = clock_mono_us() +
                  clock_backoff_ms(s->failures++, SCRIPT_BACKOFF_MS, SCRIPT_BACKOFF_CAP_MS) * 1000;
    *e = *why;
    return SCRIPT_LOST;
}

static bool
script_flush(struct script *s)
{
    int rc = PQflush(s->conn);

    s->want_write = rc > 0;
    return rc >= 0;
}

/* Sends the statement whose turn it is; the extended protocol runs one and refuses two. */
static bool
script_send(struct script *s)
{
    const struct statement *st = &s->list[s->at];
    const char *rollback = "ROLLBACK";
    int ok = s->step == STEP_ROLLBACK
                 ? PQsendQuery(s->conn, rollback)
                 : PQsendQueryParams(s->conn, st->sql, st->nparams, NULL,
                                     (const char *const *)st->params, NULL, NULL, 0);

    return ok && script_flush(s);
}

void
script_run(struct script *s)
{
    s->at = s->ran;
    s->step = s->conn ? STEP_RUN : STEP_WAIT;
    s->sent = s->conn && script_send(s); /* what fails is found by the next poll */
    if (!s->failures)
        s->retry_us = 0;
}

/* One statement is over; what comes next? *over: nothing. */
static bool
script_next(struct script *s, bool *over)
{
    if (s->step == STEP_RUN && !s->failed && ++s->at < s->n)
        return script_send(s);
    if (s->step == STEP_RUN && PQtransactionStatus(s->conn) != PQTRANS_IDLE) {
        s->step = STEP_ROLLBACK;
        return script_send(s);
    }
    *over = true;
    return true;
}

static void
script_take(struct script *s, PGresult *r)
{
    ExecStatusType status = PQresultStatus(r);

    if (s->step == STEP_RUN && (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)) {
        PQclear(s->list[s->at].result);
        s->list[s->at].result = r;
        return;
    }
    if (s->step == STEP_RUN && !s->failed) {
        s->failed = true;
        pg_error(s->conn, r, &s->why);
    }
    PQclear(r);
}

static enum script_state
script_receive(struct script *s, struct err *e)
{
    struct err why = {0};
    bool over = false;

    if (!PQconsumeInput(s->conn) || (s->want_write && !script_flush(s))) {
        pg_error(s->conn, NULL, &why);
        return script_lost(s, &why, e);
    }
    while (!over && !PQisBusy(s->conn)) {
        PGresult *r = PQgetResult(s->conn);

        if (r) {
            script_take(s, r);
            continue;
        }
        if (PQstatus(s->conn) != CONNECTION_OK || !script_next(s, &over)) {
            pg_error(s->conn, NULL, &why);
            return script_lost(s, s->failed ? &s->why : &why, e);
        }
    }
    if (!over)
        return SCRIPT_BUSY;
    s->step = STEP_IDLE;
    s->failures = 0;
    s->ran = s->n;
    if (s->failed)
        *e = s->why;
    return s->failed ? SCRIPT_FAILED : SCRIPT_DONE;
}

static enum script_state
script_connect(struct script *s, struct err *e)
{
    struct err why = {0};
    bool done = false;

    if (s->step == STEP_WAIT) {
        if (clock_mono_us() < s->retry_us)
            return SCRIPT_BUSY;
        s->conn = pg_connect_start(s->params, PG_CHUNK, &why);
        if (!s->conn)
            return script_lost(s, &why, e);
        s->step = STEP_CONNECT;
        s->want_write = true;
    }
    if (!pg_connect_poll(s->conn, s->params, PG_CHUNK, &done, &s->want_write, &why))
        return script_lost(s, &why, e);
    if (!done)
        return SCRIPT_BUSY;
    PQsetnonblocking(s->conn, 1);
    s->step = STEP_RUN;
    return SCRIPT_IDLE;
}

enum script_state
script_poll(struct script *s, struct err *e)
{
    struct err why = {0};

    if (s->step == STEP_IDLE)
        return SCRIPT_IDLE;
    if (s->step == STEP_WAIT || s->step == STEP_CONNECT) {
        enum script_state state = script_connect(s, e);

        if (state != SCRIPT_IDLE)
            return state;
    }
    if (!s->sent && !script_send(s)) {
        pg_error(s->conn, NULL, &why);
        return script_lost(s, &why, e);
    }
    s->sent = true;
    return script_receive(s, e);
}

bool
script_is_busy(const struct script *s)
{
    return s->step != STEP_IDLE;
}

const PGresult *
script_result(const struct script *s, size_t i)
{
    return i < s->n ? s->list[i].result : NULL;
}

int
script_fd(const struct script *s)
{
    return s->conn && (s->step == STEP_CONNECT || s->step == STEP_RUN || s->step == STEP_ROLLBACK)
               ? PQsocket(s->conn)
               : -1;
}

bool
script_wants_write(const struct script *s)
{
    return s->want_write;
}

int64_t
script_deadline_us(const struct script *s)
{
    return s->step == STEP_WAIT ? s->retry_us : INT64_MAX;
}
