/*
 * Breaks off what a session waits for, from another thread and in bounded time: PQcancel alone waits for a host that has gone
 * as long as TCP does.
 */
#ifndef REPLICATOR_PG_CANCEL_H
#define REPLICATOR_PG_CANCEL_H

#include <stdbool.h>
#include <stddef.h>

#include <libpq-fe.h>

enum { PG_CANCEL_MS = 2000 };

struct pg_cancel;
/* Made on the session's thread, freed by whoever has it, before or after the session. */
struct pg_cancel *pg_cancel_new(PGconn *c);
void pg_cancel_free(struct pg_cancel *k);
/* Asks the servers to cancel, once for each; waits at most PG_CANCEL_MS altogether. False: it could not be said by then. */
bool pg_cancel_ask(struct pg_cancel *const *all, size_t n);
/* Whoever reads from the session gets an error at once; nothing can be done with it any more but PQfinish. */
void pg_cancel_shut(const struct pg_cancel *k);

#endif
