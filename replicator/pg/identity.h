/*
 * replica.identity.autoset.values: gives captured tables the replica identity that a rule names.
 *
 *   rules = rule *("," rule)
 *   rule  = <expression for schema.table> ":" ("DEFAULT" | "FULL" | "NOTHING" | "INDEX " <name>)
 */
#ifndef REPLICATOR_PG_IDENTITY_H
#define REPLICATOR_PG_IDENTITY_H

#include "replicator/pg/catalog.h"
#include "replicator/pg/conn.h"

/*
 * Sets what differs, in tables[] too; a statement waits at most timeout_ms for other sessions. As in Debezium what cannot be
 * set (not the owner, two rules for one table, no such index) is logged and no error: false means that a rule cannot be read
 * or the session is lost. dry_run says what would be done.
 */
bool pg_identity_autoset(PGconn *c, const char *rules, struct catalog_table *tables, size_t n,
                         int timeout_ms, bool dry_run, struct err *e);

#endif
