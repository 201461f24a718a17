/* Slots as a person wants to see them: who holds each, what it retains, what waits in it. For commands, not the pipeline. */
#ifndef REPLICATOR_PG_SLOT_REPORT_H
#define REPLICATOR_PG_SLOT_REPORT_H

#include "base/buf.h"
#include "base/slice.h"
#include "replicator/pg/slot.h"

struct slot_report {
    struct pg_slot slot;
    bool logical;
    bool failover, synced; /* PostgreSQL 17: kept on standbys; is such a copy */
    char user[64], application[64],
        client[64];         /* of the session that holds it; "" nobody, or hidden from this role */
    int64_t lag_bytes;      /* written since the confirmed position; -1: unknown */
    int64_t retained_bytes; /* WAL kept on disk for it; -1: unknown */
    double lag_s;           /* seconds; < 0: unknown */
    const char *lag_from;   /* "position", "walsender", "commit timestamp", or NULL */
    double inactive_s;      /* PostgreSQL 17; < 0: unknown */
};

/* name NULL: all of them, by name. *out is freed with free(). */
bool slot_report_read(PGconn *c, const char *name, struct slot_report **out, size_t *n,
                      struct err *e);
/*
 * A slot that makes nobody's progress and holds WAL back: no session has it, it is no standby's copy, and it is not the one
 * that own (a connector's slot.name, NULL: none is known) names.
 */
bool slot_report_orphan(const struct slot_report *r, const char *own);
/* "active", "lost", "synced", "idle" (inactive, own), "orphan" */
const char *slot_report_state(const struct slot_report *r, const char *own);
/*
 * Why a command must leave the slot alone, as text; NULL: it may go on. Foreign is a slot that is not pgoutput's, is of
 * another database, belongs to a subscription's table synchronization, is a standby's copy, or is not the one own names.
 */
const char *slot_report_foreign(const struct slot_report *r, const char *own, const char *database);

/* What a look into a slot found; nothing is consumed. */
struct slot_content {
    uint64_t transactions, changes, inserts, updates, deletes, truncates, messages, tables;
    bool more; /* the limit was reached */
};

/* publications: as pgoutput wants them, see slot_publications. limit: stops behind the transaction that reaches so many
 * messages. upto_lsn 0: all. */
bool slot_count(PGconn *c, const char *name, const char *publications, uint64_t upto_lsn, int limit,
                struct slot_content *out, struct err *e);
/* Calls each with pgoutput's messages until `changes` changes have been given. */
bool slot_peek(PGconn *c, const char *name, const char *publications, int changes,
               bool (*each)(void *arg, uint64_t lsn, uint64_t xid, struct slice message,
                            struct err *e),
               void *arg, struct err *e);
/* Every publication of the database as a list of quoted identifiers; "" none. */
bool slot_publications(PGconn *c, struct buf *out, struct err *e);
bool slot_publication_exists(PGconn *c, const char *name, bool *exists, struct err *e);
/* Ends the session that holds the slot and waits until it is free. */
bool slot_release(PGconn *c, const char *name, int timeout_ms, struct err *e);

#endif
