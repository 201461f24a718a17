/*
 * A statement that is run now and then on a session of its own, aside from the stream: nothing here makes the connector
 * wait. The session is kept between two runs, and given up when it is lost; the next run opens another.
 */
#ifndef REPLICATOR_PG_ASIDE_H
#define REPLICATOR_PG_ASIDE_H

#include <stdbool.h>

#include "replicator/pg/conn.h"

struct pg_aside;

/* params and sql must outlive it. */
struct pg_aside *pg_aside_new(const struct pg_params *params, const char *sql);
void pg_aside_free(struct pg_aside *a);
bool pg_aside_busy(const struct pg_aside *a);
/* Not while it is busy. False: it could not be begun. */
bool pg_aside_start(struct pg_aside *a, struct err *e);

enum pg_aside_state { ASIDE_PENDING, ASIDE_DONE, ASIDE_FAILED };

/* Goes on with what runs (PENDING also when nothing does); DONE and FAILED come once for each start. */
enum pg_aside_state pg_aside_poll(struct pg_aside *a, struct err *e);
/* The last rows of a run that is DONE, NULL when it gave none; until the next start. */
const PGresult *pg_aside_rows(const struct pg_aside *a);
int pg_aside_fd(const struct pg_aside *a); /* -1: nothing to wait for */
bool pg_aside_wants_write(const struct pg_aside *a);

#endif
