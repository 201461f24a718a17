/*
 * PostgreSQL sessions from a connector's configuration (database.*), a URI or PG* variables. Every session, the walsender
 * included, sets what text output depends on (DateStyle, IntervalStyle, TimeZone=UTC, bytea_output, extra_float_digits,
 * xmlbinary, lc_monetary, search_path, client_encoding) and turns statement, lock, idle and transaction time-outs off.
 */
#ifndef REPLICATOR_PG_CONN_H
#define REPLICATOR_PG_CONN_H

#include <libpq-fe.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/prop.h"

enum pg_role {
    PG_GENERAL,     /* catalog, publication */
    PG_REPLICATION, /* replication=database */
    PG_SNAPSHOT,    /* COPY */
};

/* Connection parameters, resolved; secrets inside. */
struct pg_params;
struct pg_params *pg_params_from_config(const struct config *c, struct err *e);
/* uri may be NULL: PG* variables. */
struct pg_params *pg_params_from_uri(const char *uri, struct err *e);
void pg_params_free(struct pg_params *p);
/* "host:port/database" for messages. */
const char *pg_params_target(const struct pg_params *p);
const char *pg_params_database(const struct pg_params *p);

/* Connects and sets the session up; blocks at most connect_timeout. */
PGconn *pg_connect(const struct pg_params *p, enum pg_role role, struct err *e);
/* The same without blocking: start, then poll (PQconnectPoll's contract) until *done. */
PGconn *pg_connect_start(const struct pg_params *p, enum pg_role role, struct err *e);
bool pg_connect_poll(PGconn *c, const struct pg_params *p, enum pg_role role, bool *done, bool *want_write, struct err *e);

/* Runs a query, checks status and shape (exact number of columns; cols < 0: any), sets e from the server's error. */
PGresult *pg_query(PGconn *c, struct err *e, int cols, const char *sql);
PGresult *pg_query_params(PGconn *c, struct err *e, int cols, const char *sql, int n, const char *const *params);
bool pg_exec(PGconn *c, struct err *e, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* e from a result's or connection's error: class by SQLSTATE table, server's message (primary, detail, hint; one line). */
bool pg_error(PGconn *c, const PGresult *r, struct err *e);
/* Quotes an identifier into dst ("" doubled). */
struct buf;
void pg_ident(struct buf *out, const char *name);
void pg_literal(struct buf *out, const char *text);

/* SQLSTATE → class and our code; the table is walked by a test and printed by the docs. */
struct pg_state_class {
    const char *sqlstate; /* five characters, or two for a whole class */
    enum err_class cls;
    const char *code;     /* "slot.in_use" */
    const char *hint;     /* what to do, or NULL */
};
const struct pg_state_class *pg_state_lookup(const char *sqlstate);

#endif
