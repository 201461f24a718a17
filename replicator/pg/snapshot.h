/*
 * Reads tables by COPY under one snapshot, on threads of its own that encode rows for every sink and hand finished batches
 * over. What a restart need not read again is a unit: a whole table, or a range of the keys of a big one. A row is held
 * back until it is known whether it is the last, so markers are right whatever the number of threads.
 *
 * Start-up, and everything else here, is called on the connector thread.
 */
#ifndef REPLICATOR_PG_SNAPSHOT_H
#define REPLICATOR_PG_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/prop.h"
#include "replicator/pg/conn.h"
#include "replicator/pipeline.h"

struct snapshot;

/* Rows of a table: all of them, or (ranged) those whose primary key's first column, an integer, lies within both bounds. */
struct snapshot_interval {
    const char *schema, *table;
    bool ranged;
    int64_t first, last; /* inclusive; INT64_MIN and INT64_MAX: open */
};

/* A table that is named to be read. */
struct snapshot_table {
    const char *schema, *table;
    const char *select;    /* a whole SELECT statement instead of ours; NULL */
    const char *condition; /* what stands behind WHERE in ours; NULL */
};

struct snapshot_request {
    const struct pg_params *params;
    const char *connector;
    const struct config *config; /* snapshot.*; outlives the snapshot */
    /* The exported snapshot's name; NULL: one of its own, as snapshot.isolation.mode says. */
    const char *exported;
    uint64_t point_lsn;       /* the exported one's consistent point */
    uint64_t last_commit_lsn; /* source.sequence[0] of its rows; 0: null */
    int server_version;
    const struct settings *settings;
    struct sink *const *sinks;
    unsigned nsinks;
    struct types *types;
    struct pipeline *pipeline; /* makes the plans */
    /* NULL: every captured table, as snapshot.include.collection.list, the overrides and the order have it. Else these, in
     * the order given; those that are not captured or not there are left out with a warning. */
    const struct snapshot_table *tables;
    size_t ntables;
    /* Finished before: not read again, and a table that is wholly in here needs no SELECT privilege any more. */
    const struct snapshot_interval *done;
    size_t ndone;
};

/* What is read as a whole. Known once snapshot_start returned; rows grows. Strings live as long as the snapshot. */
struct snapshot_unit {
    struct snapshot_interval rows;
    const char *key; /* ranged: the column that is meant */
    uint32_t oid;
    uint64_t point_lsn;
    uint64_t nrows; /* handed over so far; all of them once a batch said that the unit ends */
};

struct snapshot_progress {
    uint64_t rows, bytes; /* bytes as COPY sends them */
    double total_rows;    /* the server's estimate; 0: unknown */
    unsigned tables, tables_done;
    const char *table;  /* being read (one of them), NULL none */
    int64_t started_us; /* clock_mono_us */
    /* The WAL that the connector's slot keeps meanwhile, as last looked at; -1: not yet known, limit -1: none. */
    int64_t wal_retained, wal_limit;
};

struct snapshot_table_progress {
    const char *schema, *table;
    uint64_t rows, bytes;
    double total_rows;            /* 0: unknown */
    int64_t started_us, ended_us; /* clock_mono_us; 0: not yet */
    bool failed;                  /* reading it ended the snapshot */
};

/* snapshot.include.collection.list, for snapshot_reads; freed by the caller. */
struct pattern_list;
bool snapshot_include(const struct config *c, struct pattern_list *out, struct err *e);
/* Is this table, which is captured, one of those that a snapshot of all of them reads? */
bool snapshot_reads(const struct config *c, const struct pattern_list *include, const char *schema,
                    const char *table);

/* Connects, imports or takes the snapshot, plans the tables (blocks), then starts the threads. After it returned the
 * exporting session may go on. */
struct snapshot *snapshot_start(const struct snapshot_request *r, struct err *e);
/*
 * The constants of its rows. commit_lsn is the point: the exported snapshot's, and then every transaction that committed
 * before it is in the rows and no later one; or, with a snapshot of its own, where the server's WAL stood just before it
 * was taken, which says nothing of that kind.
 */
void snapshot_txn(const struct snapshot *s, struct led_txn *out);
size_t snapshot_nunits(const struct snapshot *s);
void snapshot_unit(struct snapshot *s, size_t i, struct snapshot_unit *out);
/* Readable when snapshot_take has news. */
int snapshot_fd(const struct snapshot *s);
/*
 * The next finished batch, all of one unit (batch.unit); NULL: none yet, or *done. batch.unit_ends: with it the unit is
 * whole, also when it has no row. A unit ends only once the marker of its last row is known, so later than it was read.
 * False: e.
 */
bool snapshot_take(struct snapshot *s, struct batch **out, bool *done, struct err *e);
void snapshot_give_back(struct snapshot *s, struct batch *b);
void snapshot_progress(struct snapshot *s, struct snapshot_progress *out);
size_t snapshot_ntables(const struct snapshot *s);
/* Comma lists of them, as Debezium's notifications have them: while one is read, and of one that was. */
const char *snapshot_names_reading(const struct snapshot *s);
const char *snapshot_names_captured(const struct snapshot *s);
void snapshot_table_progress(struct snapshot *s, size_t i, struct snapshot_table_progress *out);
/* Shows the progress when it is time to: a bar on a terminal; in the log a line for all tables and one for each that is
 * being read. To be called often. */
void snapshot_show(struct snapshot *s);
/* Ends it, whole or not. */
void snapshot_free(struct snapshot *s);

#endif
