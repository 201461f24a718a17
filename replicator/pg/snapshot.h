/*
 * The initial snapshot: tables read by COPY under a slot's exported snapshot, on a thread of its own that encodes rows for
 * every sink and hands finished batches over. A row is held back until it is known whether it is the last.
 */
#ifndef REPLICATOR_PG_SNAPSHOT_H
#define REPLICATOR_PG_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "replicator/pg/conn.h"
#include "replicator/pipeline.h"

struct snapshot;

struct snapshot_request {
    const struct pg_params *params;
    const char *connector;
    const char *exported; /* the exported snapshot's name */
    uint64_t point_lsn;   /* its consistent point */
    int server_version;
    const struct settings *settings;
    struct sink *const *sinks;
    unsigned nsinks;
    struct types *types;
    struct pipeline *pipeline; /* makes the plans */
};

struct snapshot_progress {
    uint64_t rows, bytes;
    double total_rows; /* the server's estimate; 0: unknown */
    unsigned tables, tables_done;
    const char *table;  /* being read, NULL none */
    int64_t started_us; /* clock_mono_us */
};

/* Connects, imports the exported snapshot, plans the captured tables (blocks), then starts the thread. After it returned the
 * exporting session may go on. */
struct snapshot *snapshot_start(const struct snapshot_request *r, struct err *e);
/* The constants of its rows. */
void snapshot_txn(const struct snapshot *s, struct led_txn *out);
/* Readable when snapshot_take has news. */
int snapshot_fd(const struct snapshot *s);
/* The next finished batch; NULL: none yet, or *done. False: e. */
bool snapshot_take(struct snapshot *s, struct batch **out, bool *done, struct err *e);
void snapshot_give_back(struct snapshot *s, struct batch *b);
void snapshot_progress(struct snapshot *s, struct snapshot_progress *out);
/* Ends it, whole or not. */
void snapshot_free(struct snapshot *s);

#endif
