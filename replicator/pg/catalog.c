/* The session that answers the stream's questions. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "decoder/pgoutput.h"
#include "replicator/pg/catalog_priv.h"

enum {
    CATALOG_BACKOFF_MS = 200,
    CATALOG_BACKOFF_CAP_MS = 10000,
};

enum step { STEP_IDLE, STEP_CONNECTING, STEP_WAITING, STEP_BROKEN };

struct catalog {
    const struct pg_params *params;
    struct types *registry;
    PGconn *conn;
    enum step step;
    bool want_write;
    bool asked;    /* sql holds a question that awaits its answer */
    bool prepared; /* this session knows the statement */
    struct buf sql;
    unsigned failures;
    int64_t retry_us; /* STEP_BROKEN: when to connect again */
    unsigned results; /* how many of the question's results have come */
    bool failed;      /* one of them was an error */
    bool refused;     /* the session cannot be opened again: somebody has to act; why says how */
    struct err why;
    struct arena arena; /* the answer's */
    struct relation_facts facts;
    PGresult *types; /* taken into the registry when the whole answer is there */
};

/* ------------------------------------------------------------------------------------------------ the session */

struct catalog *
catalog_new(const struct pg_params *params, PGconn *conn, struct types *types)
{
    struct catalog *c = mem_alloc(sizeof(*c));

    c->params = params;
    c->registry = types;
    c->conn = conn;
    PQsetnonblocking(conn, 1);
    buf_init(&c->sql, CATALOG_SQL_MAX);
    arena_init(&c->arena);
    return c;
}

void
catalog_free(struct catalog *c)
{
    if (!c)
        return;
    PQclear(c->types);
    PQfinish(c->conn);
    buf_free(&c->sql);
    arena_free(&c->arena);
    free(c);
}

static void
catalog_broken(struct catalog *c, const struct err *why)
{
    int64_t wait_ms = clock_backoff_ms(c->failures++, CATALOG_BACKOFF_MS, CATALOG_BACKOFF_CAP_MS);

    if (why->cls != ERR_NONE && why->cls != ERR_RETRY) {
        c->refused = true;
        c->why = *why;
    }
    log_err(LOG_WARN, why, "catalog session");
    PQfinish(c->conn);
    c->conn = NULL;
    c->prepared = false;
    c->step = STEP_BROKEN;
    c->want_write = false;
    c->retry_us = clock_mono_us() + wait_ms * 1000;
}

static void
catalog_send(struct catalog *c)
{
    struct err e = {0};
    int rc = 0;
    struct buf sql;
    bool sent;

    c->results = 0;
    c->failed = false;
    PQclear(c->types);
    c->types = NULL;
    arena_reset(&c->arena);
    buf_init(&sql, 2 * CATALOG_SQL_MAX);
    if (!c->prepared)
        catalog_prepare_sql(&sql);
    buf_slice(&sql, buf_view(&c->sql));
    sent = PQsendQuery(c->conn, buf_cstr(&sql)) && (rc = PQflush(c->conn)) >= 0;
    buf_free(&sql);
    if (!sent) {
        pg_error(c->conn, NULL, &e);
        catalog_broken(c, &e);
        return;
    }
    c->step = STEP_WAITING;
    c->want_write = rc > 0;
}

bool
catalog_ask(struct catalog *c, const struct pgo_relation *rel, struct err *e)
{
    struct buf types;

    buf_clear(&c->sql);
    catalog_facts_sql(&c->sql, rel->schema, rel->table);
    buf_init(&types, CATALOG_SQL_MAX);
    if (catalog_types_sql(&types, c->registry, rel->cols, rel->ncols)) {
        BUF_LIT(&c->sql, "; ");
        buf_slice(&c->sql, buf_view(&types));
    }
    buf_free(&types);
    if (!buf_ok(&c->sql))
        return err_set(e, ERR_DATA, "catalog.question",
                       "table \"%.*s.%.*s\" has too many columns of user-defined types",
                       SLICE_ARG(rel->schema), SLICE_ARG(rel->table));
    c->asked = true;
    if (c->step == STEP_IDLE && c->conn)
        catalog_send(c);
    return true;
}

/* One result of the question: the facts first, the types second. */
static void
catalog_take(struct catalog *c, PGresult *r)
{
    unsigned which;

    if (PQresultStatus(r) == PGRES_COMMAND_OK) {
        c->prepared = c->prepared || strcmp(PQcmdStatus(r), "PREPARE") == 0;
        PQclear(r);
        return;
    }
    which = c->results++;
    if (PQresultStatus(r) != PGRES_TUPLES_OK) {
        if (!c->failed)
            pg_error(c->conn, r, &c->why);
        c->failed = true;
    } else if (which == 0 && PQnfields(r) == COL_COLS) {
        struct catalog_rows all = catalog_rows_all(r);

        catalog_read_facts(&all, &c->arena, &c->facts);
    } else if (which == 1 && PQnfields(r) == TYPES_COLS) {
        c->types = r;
        return;
    } else if (!c->failed) {
        err_set(&c->why, ERR_BUG, "catalog.shape", "catalog query answered with %d columns",
                PQnfields(r));
        c->failed = true;
    }
    PQclear(r);
}

/* Reads results until the question is answered; true then. */
static bool
catalog_receive(struct catalog *c)
{
    struct err e = {0};
    int rc = 0;

    if (!PQconsumeInput(c->conn) || (c->want_write && (rc = PQflush(c->conn)) < 0)) {
        pg_error(c->conn, NULL, &e);
        catalog_broken(c, &e);
        return false;
    }
    c->want_write = rc > 0;
    while (!PQisBusy(c->conn)) {
        PGresult *r = PQgetResult(c->conn);

        if (!r) {
            if (PQstatus(c->conn) != CONNECTION_OK) {
                catalog_broken(c, &c->why);
                return false;
            }
            c->step = STEP_IDLE;
            return true;
        }
        catalog_take(c, r);
    }
    return false;
}

static void
catalog_reconnect(struct catalog *c)
{
    struct err e = {0};
    bool done;

    if (c->step == STEP_BROKEN) {
        if (clock_mono_us() < c->retry_us)
            return;
        c->conn = pg_connect_start(c->params, PG_GENERAL, &e);
        if (!c->conn) {
            catalog_broken(c, &e);
            return;
        }
        c->step = STEP_CONNECTING;
    }
    if (!pg_connect_poll(c->conn, c->params, PG_GENERAL, &done, &c->want_write, &e)) {
        catalog_broken(c, &e);
        return;
    }
    if (!done)
        return;
    log_info("catalog session is open again");
    c->failures = 0;
    c->step = STEP_IDLE;
    PQsetnonblocking(c->conn, 1);
    if (c->asked)
        catalog_send(c);
}

enum facts_state
catalog_poll(struct catalog *c, struct types *types, const struct relation_facts **facts,
             struct err *e)
{
    if (c->step == STEP_BROKEN || c->step == STEP_CONNECTING)
        catalog_reconnect(c);
    if (!c->asked)
        return FACTS_IDLE;
    if (c->refused) {
        c->asked = c->refused = false;
        *e = c->why;
        return FACTS_FAILED;
    }
    if (c->step == STEP_IDLE)
        catalog_send(c);
    if (c->step != STEP_WAITING || !catalog_receive(c))
        return FACTS_BUSY;
    if (c->failed) {
        /* The server ended the session, or another passing trouble: ask again. */
        if (c->why.cls == ERR_RETRY) {
            catalog_broken(c, &c->why);
            return FACTS_BUSY;
        }
        c->asked = false;
        *e = c->why;
        return FACTS_FAILED;
    }
    c->asked = false;
    c->failures = 0;
    if (c->types)
        catalog_read_types(c->types, types, false);
    *facts = &c->facts;
    return FACTS_READY;
}

static bool
catalog_source_ask(void *arg, const struct pgo_relation *rel, struct err *e)
{
    return catalog_ask(arg, rel, e);
}

static enum facts_state
catalog_source_poll(void *arg, struct types *types, const struct relation_facts **facts,
                    struct err *e)
{
    return catalog_poll(arg, types, facts, e);
}

struct facts_source
catalog_facts_source(struct catalog *c)
{
    return (struct facts_source){catalog_source_ask, catalog_source_poll, c};
}

int
catalog_fd(const struct catalog *c)
{
    return c->conn && (c->step == STEP_WAITING || c->step == STEP_CONNECTING) ? PQsocket(c->conn)
                                                                              : -1;
}

bool
catalog_wants_write(const struct catalog *c)
{
    return c->want_write;
}

int64_t
catalog_deadline_us(const struct catalog *c)
{
    return c->step == STEP_BROKEN ? c->retry_us : INT64_MAX;
}
