/* Inside the pipeline: the stream (pipeline.c), encoding and putting (pipeline_put.c), records that are no rows
 * (pipeline_event.c), transaction metadata (pipeline_count.c), what the tap looks at (pipeline_tap.c). */
#ifndef REPLICATOR_PIPELINE_PRIV_H
#define REPLICATOR_PIPELINE_PRIV_H

#include "base/arena.h"
#include "base/map.h"
#include "decoder/pgoutput.h"
#include "replicator/pipeline.h"

/* One change's records: PostgreSQL's rows end at 1 GB, their JSON escapes can be six times as long; nobody's topic takes
 * that. An own cap gives a clear error before memory does. */
enum { PIPE_RECORD_MAX = 1 << 30 };

/* Counts by collection, in order of first appearance. */
struct count_set {
    const struct count_name **names;
    struct txn_collection *collections;
    size_t n, cap;
    uint64_t events;
};

/* Under provide.transaction.metadata; see pipeline_count.c. */
struct txn_counts {
    struct arena arena;
    struct map *names;
    struct count_set now;         /* of the open transaction */
    uint64_t restored_xid;        /* whose counts `now` holds before it has come again; 0: none */
    struct txn_block block;       /* of the change at hand */
    uint64_t last_plan;           /* its plan, */
    size_t current;               /* and its collection */
    struct txn_collection *order; /* END's */
    uint32_t java_table;
    struct count_set stored; /* at the position asked for last, */
    uint64_t stored_commit;  /* in the transaction that commits here */
    bool logs;
    struct count_entry *log; /* a ring: what was counted behind that */
    size_t log_head, log_tail, log_cap;
};

/* A relation of this session. */
struct pipe_table {
    bool captured;
    bool signals; /* it is the signal table */
    bool leaving; /* catching up: only that rows leave it is streamed */
    uint16_t ncols;
    struct plan *plan; /* NULL unless captured */
};

enum park { PARK_NONE, PARK_CATALOG, PARK_SINK, PARK_CAUGHT_UP };

struct pipeline {
    struct pipeline_parts parts;
    struct facts_source facts;
    struct pgo *pgo;
    struct pgo_msg msg; /* the message at hand; its views are valid while it is parked */
    uint64_t msg_lsn;
    int64_t now_ns;

    struct map *tables; /* oid → struct pipe_table */
    uint32_t last_oid;  /* rows come in runs of one table */
    struct pipe_table *last_table;
    struct plan *event_plans[PLAN_NOTIFICATION +
                             1]; /* of records that are no rows, by kind; made when first needed */

    /* The transaction being received. */
    bool in_txn, skip_txn, bare_txn;
    struct txn txn;
    char origin[256];
    uint64_t ordinal;
    uint64_t txn_seq;
    uint64_t xmin;

    uint64_t last_commit_lsn;
    int64_t last_commit_us;
    /* The last change put: what is sent again up to here is dropped. */
    uint64_t done_commit, done_ordinal, done_single;
    struct pipeline_resume bare;
    uint64_t
        bare_at; /* commit LSN of the transaction that a bare offset stands in, once it was found */

    struct pipeline_catch_up catch_up; /* until 0: none */

    /* What is parked. */
    enum park park;
    struct recbuf out[PLAN_SINKS_MAX];
    struct plan *put_plan;
    unsigned put_sink;
    size_t put_rec;
    uint64_t put_ticket;
    uint32_t truncate_at; /* relations of a Truncate that are done */

    uint32_t xids[PIPE_XIDS]; /* of the last transactions, a ring */
    uint64_t nxids;

    /* A change that the tap looks at. */
    struct pipeline_tap tap;
    uint32_t watch_oid;
    bool tapping;
    bool held_skipped; /* its operation is one of skipped.operations */
    bool held_completed;
    bool held_seen; /* by the tap, if that looks at it at all */
    struct change held;
    struct plan *held_plan;
    enum led_type held_type;
    struct txn read_txn; /* of rows that an incremental snapshot read */

    bool commit_left; /* the transaction's END is being put: its commit comes behind */
    struct txn_counts counts;

    struct buf compared; /* scratch of skip.messages.without.change */
    struct pipeline_stats stats;
    uint64_t noted; /* lines of transforms so far */
};

/* pipeline_txn.c: the messages at hand. */
enum pipe_result pipeline_begin(struct pipeline *p, struct err *e);
enum pipe_result pipeline_commit(struct pipeline *p, struct err *e);
/* Its END is put. */
void pipeline_finish_commit(struct pipeline *p);
enum pipe_result pipeline_origin(struct pipeline *p);
/* Counts a change of the open transaction; true when it was delivered before. */
bool pipeline_is_repeated(struct pipeline *p, uint64_t lsn);
/* Errors; both return false. */
bool pipeline_out_of_order(const char *what, struct err *e);
bool pipeline_gap(struct err *e);

/* pipeline_put.c */
bool pipeline_compile(struct pipeline *p, struct plan *plan, struct err *e);
/* Encodes a change for every sink; total records and bytes. */
bool pipeline_encode(struct pipeline *p, const struct change *c, unsigned *nrecs, uint32_t *bytes,
                     struct err *e);
void pipeline_ready_to_put(struct pipeline *p, struct plan *plan, uint64_t ticket);
/* Gives what is encoded to the sinks, from where it stopped. */
enum pipe_result pipeline_put(struct pipeline *p, struct err *e);

/* pipeline_event.c */
struct plan *pipeline_event_plan(struct pipeline *p, enum plan_kind kind, struct err *e);
void pipeline_change(struct pipeline *p, struct change *c, enum change_op op, struct plan *plan);
/* A record that is no change of the stream. In a transaction its commit waits for it. */
enum pipe_result pipeline_put_event(struct pipeline *p, struct plan *plan, const struct change *c,
                                    enum led_type type, uint64_t ordinal, struct err *e);
struct pipeline_holding {
    enum led_type type;
    bool tapped;    /* shown to the tap */
    bool skipped;   /* not delivered afterwards */
    bool completed; /* shown to the completer */
};
/* A change of a table that is tapped or that may have to be completed: that first, then it is delivered. */
enum pipe_result pipeline_hold(struct pipeline *p, struct plan *plan, const struct change *c,
                               struct pipeline_holding how, struct err *e);
enum pipe_result pipeline_tap(struct pipeline *p, struct err *e);
/* A change of the open transaction (pipeline.c). */
enum pipe_result pipeline_deliver(struct pipeline *p, struct plan *plan, struct change *c,
                                  enum led_type type, struct err *e);
/* The same of one that failed with e before it could be said. */
enum pipe_result pipeline_deliver_failed(struct pipeline *p, struct plan *plan, struct change *c,
                                         enum led_type type, struct err *e);
/* The BEGIN or END record. */
enum pipe_result pipeline_deliver_bound(struct pipeline *p, enum change_op op, struct err *e);

/* pipeline_count.c */
void pipeline_count_init(struct pipeline *p);
void pipeline_count_free(struct pipeline *p);
/* Where a stored offset's transaction goes on; NULL: it has none. */
void pipeline_count_restore(struct pipeline *p, uint64_t xid, const struct txn_summary *had);
/* False: it is that transaction, and its BEGIN went out then. */
bool pipeline_count_begin(struct pipeline *p);
/* Where a change stands, and what it added once it is encoded. */
void pipeline_count_block(struct pipeline *p, struct change *c);
void pipeline_count_records(struct pipeline *p);
/* For END; valid until the next one. */
struct txn_summary pipeline_count_summary(struct pipeline *p);

#endif
