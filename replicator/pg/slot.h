/* Replication slots: what the server knows of them, and the commands that make, move and drop them. */
#ifndef REPLICATOR_PG_SLOT_H
#define REPLICATOR_PG_SLOT_H

#include <stdint.h>

#include "replicator/pg/conn.h"

struct pg_server {
    int version; /* server_version_num: 150018 */
    uint64_t system_id;
    uint32_t timeline;
    uint64_t wal_lsn; /* current write (or replay) position */
    bool in_recovery;
    char wal_level[16];
    char encoding[32]; /* server_encoding */
};

struct pg_slot {
    char name[64], plugin[64], database[64];
    bool active, temporary, has_plugin;
    int active_pid;                      /* 0: none */
    uint64_t restart_lsn, confirmed_lsn; /* 0: null */
    char wal_status[16];                 /* "" before PostgreSQL 13 */
    bool has_safe_bytes;
    int64_t safe_bytes; /* safe_wal_size */
    uint64_t catalog_xmin;
    char invalidation_reason[32];
};

/*
 * The timeline comes from the name of the current WAL file: the control file shows the one of the last checkpoint, which
 * right after a promotion is still the old one. A standby has no current file; there the control file knows best.
 */
#define PG_TIMELINE_SQL                                                                            \
    "CASE WHEN pg_catalog.pg_is_in_recovery()"                                                     \
    " THEN greatest(k.timeline_id, m.min_recovery_end_timeline) ELSE ('x' || "                     \
    "pg_catalog.substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()),"               \
    " 1, 8))::bit(32)::int END"
#define PG_TIMELINE_FROM "pg_catalog.pg_control_checkpoint() k, pg_catalog.pg_control_recovery() m"

/* c: a general session. */
bool pg_server_info(PGconn *c, struct pg_server *out, struct err *e);
/*
 * Where the server left an earlier timeline. *found false: it never was on it. repl: a replication session.
 *
 *   history = *(timeline TAB lsn TAB reason LF)
 */
bool pg_timeline_end(PGconn *repl, uint32_t server_timeline, uint32_t timeline, uint64_t *lsn,
                     bool *found, struct err *e);
bool pg_timeline_history_end(const char *history, uint32_t timeline, uint64_t *lsn);
/* *found false: no such slot. */
bool pg_slot_get(PGconn *c, const char *name, struct pg_slot *out, bool *found, struct err *e);
/*
 * repl: a replication session. An exported snapshot lives until repl's next command. Creation waits for every transaction
 * that is open on the server; pg_slot_create waits for ever, pg_slot_create_within at most timeout_ms, and then its error
 * (slot.timeout, retry) names the sessions waited for. To do it without blocking: PQsendQuery of pg_slot_create_sql's text,
 * then pg_slot_create_result.
 */
struct pg_slot_created {
    uint64_t consistent_lsn;
    char snapshot[64]; /* snapshot name */
};
bool pg_slot_create(PGconn *repl, int server_version, const char *name, bool temporary,
                    bool failover, bool export_snapshot, struct pg_slot_created *out,
                    struct err *e);
/* c: a general session, asked who blocks. */
bool pg_slot_create_within(PGconn *repl, PGconn *c, const char *name, bool temporary, bool failover,
                           bool export_snapshot, int timeout_ms, struct pg_slot_created *out,
                           struct err *e);
struct buf;
/* Appends the names of some slots that nobody reads from. */
bool pg_slot_unused(PGconn *c, struct buf *out, struct err *e);
void pg_slot_create_sql(struct buf *out, int server_version, const char *name, bool temporary,
                        bool failover, bool export_snapshot);
bool pg_slot_create_result(PGconn *repl, const PGresult *r, struct pg_slot_created *out,
                           struct err *e);
/* Who keeps the walsender waiter_pid waiting (0: every open transaction that writes), as text for a message: "pid 123 (user
 * app, application psql, in transaction for 12 s)"; "" nobody. */
bool pg_slot_blockers(PGconn *c, int waiter_pid, struct buf *out, struct err *e);
bool pg_slot_drop(PGconn *c, const char *name, struct err *e);
bool pg_slot_advance(PGconn *c, const char *name, uint64_t lsn, uint64_t *end, struct err *e);

#endif
