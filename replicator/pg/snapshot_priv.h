/*
 * Inside the snapshot reader: planning (snapshot_plan.c, snapshot_lock.c, snapshot_unit.c, snapshot_override.c), sessions
 * (snapshot_session.c), where a stream begins behind it (snapshot_point.c), workers (snapshot_worker.c), handing over (snapshot_queue.c), what is shown (snapshot_progress.c)
 * and its life (snapshot.c).
 */
#ifndef REPLICATOR_PG_SNAPSHOT_PRIV_H
#define REPLICATOR_PG_SNAPSHOT_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include "replicator/pg/cancel.h"
#include "replicator/pg/catalog.h"
#include "replicator/pg/snapshot.h"
#include "replicator/pg/snapshot_marks.h"
#include "replicator/pg/snapshot_range.h"

enum {
    SNAPSHOT_BATCH_ROWS = 512,
    SNAPSHOT_BATCH_BYTES = 256 << 10,
    SNAPSHOT_RECORDS_MAX = 1 << 30, /* one row may be as large as PostgreSQL allows */
    SNAPSHOT_SQL_MAX = 1 << 20,
    SNAPSHOT_THREADS_MAX = 64, /* each is a session of the server */
};

struct snap_table {
    struct plan *plan;
    const char *schema, *table; /* the plan's */
    uint32_t oid;
    char *name; /* "schema.table", for messages */
    int rank;   /* its place in the order, then by name */
    double rows;
    /* How it is read. */
    char *columns; /* the select list; NULL with a statement of the user's */
    char *select;  /* the user's statement, NULL: ours */
    char *condition;
    struct err *unreadable; /* why it cannot be read by `select`, said when its turn comes; NULL */
    uint16_t ncols;         /* selected */
    uint16_t *cols;         /* which column of the relation each is */
    /* What it is cut by. */
    uint64_t bytes, blocks; /* blocks: of its largest relation */
    bool has_children, has_foreign;
    char *key; /* the primary key's first column when it is an integer */
    size_t first_unit, nunits;

    atomic_uint_fast64_t nrows, nbytes, unconverted, noted;
    _Atomic int64_t started_us, ended_us;
    atomic_bool failed;
    atomic_uint pieces_left;
};

struct snap_unit {
    size_t table;
    bool ranged;
    struct key_range range;
    size_t first_piece, npieces;
    atomic_uint_fast64_t handed;
};

/* What a worker reads at a time: a unit, or a range of blocks within it. */
struct snap_piece {
    size_t unit;
    uint64_t base; /* its rows are numbered from here */
    bool by_block;
    uint64_t first_block, end_block; /* end UINT64_MAX: open */
};

struct snap_worker {
    struct snapshot *s;
    unsigned index;
    pthread_t thread;
    bool threaded;
    PGconn *conn;
    struct pg_cancel *cancel; /* under the lock */
    struct txn txn;
    struct value *values; /* of the row being encoded, one per relation column */
    struct batch *filling;
    int64_t now_ns;
    /* Of the table being read, not yet counted in it. */
    struct snap_table *table;
    uint64_t nrows, nbytes;
};

struct snapshot {
    struct snapshot_request req;
    enum { ISOLATION_SERIALIZABLE, ISOLATION_REPEATABLE, ISOLATION_COMMITTED } isolation;
    PGconn *conn; /* the first session: takes the snapshot, plans, locks; then the first worker's */
    char *exported; /* by it, for the other workers; NULL: they see what they see */
    struct led_txn txn;
    struct snap_table *tables;
    size_t ntables;
    struct snap_table
        signal; /* the signal table if it would be one of them; its name and rank alone */
    char *reading, *captured; /* names, as notifications list them */
    struct snap_unit *units;
    size_t nunits;
    struct snap_piece *pieces;
    size_t npieces;
    double total_rows;
    uint16_t widest;              /* columns of the widest table */
    int64_t started_us, begin_us; /* begin: no row is read before */
    int64_t shown_us;             /* when the progress was last shown; the connector thread's */
    struct marks *marks;
    unsigned nworkers;
    struct snap_worker *workers;
    atomic_uint tables_done;
    _Atomic(const char *) table;

    /* The one who looks how much WAL the slot keeps. */
    pthread_t watcher;
    bool watched;
    struct pg_cancel *watch_cancel; /* under the lock */
    _Atomic int64_t wal_retained, wal_limit;

    int fd;
    pthread_mutex_t lock;
    pthread_cond_t room,
        news; /* for batches; for workers and the watcher, who wait by the monotonic clock */
    /* Under the lock: */
    struct batch *ready, **ready_end, *spare;
    unsigned in_flight;
    size_t next_piece, pieces_left; /* not yet begun: [next_piece, npieces); not yet finished */
    bool stopping, done, failed;
    struct err why;
};

/* snapshot_plan.c: tables, in their order, locked. */
bool snapshot_plan(struct snapshot *s, struct err *e);
/*
 * snapshot_lock.c. Held to the end, and one that came too late is noticed: rows of a table that was rewritten (ALTER TABLE) or
 * emptied (TRUNCATE) are not there for a snapshot that was taken before, so the table would be read as if it had none.
 */
bool snapshot_lock(struct snapshot *s, const struct catalog_table *const *tables, size_t n,
                   struct err *e);
/*
 * Debezium waits for locks without end, unless it was told to take them: then it gives up in time. So do we, also when a
 * stream is kept waiting by us: it lives only as long as it is looked after.
 */
bool snapshot_lock_timeout(struct snapshot *s, bool begin, struct err *e);
/*
 * snapshot_override.c: reads a table by the user's own statement, if there is one for it. One that a signal gave and that
 * cannot be used fails when its turn comes: what stands before it is read, and then the snapshot says where it ended.
 */
bool snapshot_override(struct snapshot *s, struct snap_table *t, struct err *e);
void snapshot_override_warn(const struct snapshot *s); /* of entries that name no table */
/* snapshot_unit.c: what is read as a whole, and what at a time. */
bool snapshot_cut(struct snapshot *s, struct err *e);
/* The COPY of a piece. */
void snapshot_piece_sql(const struct snapshot *s, const struct snap_piece *p, struct buf *sql);

/* snapshot_point.c: before a snapshot is taken; sets the point unless a slot has given it. */
bool snapshot_stand(struct snapshot *s, bool *recovery, struct err *e);

/* snapshot_session.c. snapshot.lock.timeout.ms, as the server takes it. */
int snapshot_patience_ms(const struct snapshot *s);
bool snapshot_begin(struct snapshot *s, struct err *e);
/* Another worker's session, under the same snapshot where there is one. */
bool snapshot_join(struct snap_worker *w, struct err *e);
void *snapshot_watch(void *arg);

/* snapshot_queue.c. An empty batch; waits while too many are on their way. NULL: stopping. */
struct batch *snapshot_room(struct snapshot *s);
void snapshot_hand_over(struct snapshot *s, struct batch *b);
void snapshot_signal(struct snapshot *s);
void snapshot_batches_free(struct snapshot *s);
/* Only what ends it counts: others fail because it does. */
void snapshot_fail(struct snapshot *s, struct snap_table *at, const struct err *why);
/* Until the monotonic time or a stop: then true. */
bool snapshot_wait(struct snapshot *s, int64_t until_us);

/* snapshot_worker.c */
void *snapshot_work(void *arg);

#endif
