/* Is there a pooler between us and the server that hands one server session to several of ours? */
#ifndef REPLICATOR_PG_POOLER_H
#define REPLICATOR_PG_POOLER_H

#include "replicator/pg/conn.h"

/*
 * False (conn.pooler): sessions are shared by transaction. Settings, exported snapshots and slots belong to a session, so
 * nothing here would hold. A pooler that gives each of ours one of its own passes.
 */
bool pg_check_pooler(const struct pg_params *p, PGconn *c, struct err *e);

#endif
