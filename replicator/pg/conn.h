/*
 * PostgreSQL sessions from a connector's configuration (database.*), a URI or PG* variables. Every session, the walsender
 * included, sets what text output depends on (DateStyle, IntervalStyle, TimeZone=UTC, bytea_output, extra_float_digits,
 * xmlbinary, lc_monetary, client_encoding) and turns statement, lock, idle and transaction time-outs off.
 *
 * search_path stays what the role or the database says (database.currentSchema changes it): the text of regclass and of
 * default expressions then equals what Debezium's sessions see, and the statements a user configures find their tables.
 * So our own queries name pg_catalog, and a default reads 'a'::mood or 'a'::s.mood as the path has it.
 *
 * client_encoding is UTF8, except in a SQL_ASCII database: there the server cannot convert and would end the stream at the
 * first byte that is no UTF-8, so bytes pass unchecked.
 */
#ifndef REPLICATOR_PG_CONN_H
#define REPLICATOR_PG_CONN_H

#include <libpq-fe.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/prop.h"
#include "base/slice.h"

enum pg_role {
    PG_GENERAL,     /* catalog, publication */
    PG_REPLICATION, /* replication=database */
    PG_SNAPSHOT,    /* COPY */
    PG_CHUNK,       /* incremental snapshots: short transactions while the stream goes on */
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
const char *pg_params_user(const struct pg_params *p);
/* Time to wait for one host, milliseconds (database.connectTimeout, loginTimeout). */
int pg_params_timeout_ms(const struct pg_params *p);

/* Connects and sets the session up; blocks at most the connect time-out for each host, and again for the set-up. */
PGconn *pg_connect(const struct pg_params *p, enum pg_role role, struct err *e);
/* The same without blocking (name resolution aside): start, then poll whenever PQsocket is readable or, with *want_write,
 * writable (as at first), until *done. PQsocket may change between polls. After false the caller calls PQfinish; the time is his. */
PGconn *pg_connect_start(const struct pg_params *p, enum pg_role role, struct err *e);
bool pg_connect_poll(PGconn *c, const struct pg_params *p, enum pg_role role, bool *done,
                     bool *want_write, struct err *e);

/* Runs a query, checks status and shape (exact number of columns; cols < 0: any), sets e from the server's error. */
PGresult *pg_query(PGconn *c, struct err *e, int cols, const char *sql);
PGresult *pg_query_params(PGconn *c, struct err *e, int cols, const char *sql, int n,
                          const char *const *params);
bool pg_exec(PGconn *c, struct err *e, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* e from a result's or connection's error: class by SQLSTATE table, server's message (primary, detail, hint; one line). */
bool pg_error(PGconn *c, const PGresult *r, struct err *e);
/* Quotes an identifier into dst ("" doubled). */
struct buf;
void pg_ident(struct buf *out, const char *name);
void pg_ident_slice(struct buf *out, struct slice name);
void pg_literal(struct buf *out, const char *text);

/* SQLSTATE → class and our code; the table is walked by a test and printed by the docs. */
struct pg_state_class {
    const char *sqlstate; /* five characters, or two for a whole class */
    enum err_class cls;
    const char *code; /* "slot.in_use" */
    const char *hint; /* what to do, or NULL */
};
extern const struct pg_state_class pg_state_classes[];
extern const size_t pg_nstate_classes;
/* Never NULL: an unknown state is tried again, and its row has sqlstate "". */
const struct pg_state_class *pg_state_lookup(const char *sqlstate);
/* e from the text libpq gives for a connection that was not made (verbose: the SQLSTATE is in it). */
bool pg_connect_error(const char *text, const char *target, const char *user, const char *database,
                      struct err *e);

#endif
