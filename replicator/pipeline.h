/*
 * One change, one direction: a pgoutput message → relation or transaction → filter → change → each sink's records → put.
 * Runs on the connector thread and never blocks: what cannot go on is parked, and pipeline_resume goes on with it.
 */
#ifndef REPLICATOR_PIPELINE_H
#define REPLICATOR_PIPELINE_H

#include <stdbool.h>
#include <stdint.h>

#include "decoder/change.h"
#include "decoder/plan.h"
#include "decoder/record.h"
#include "replicator/facts.h"
#include "replicator/ledger.h"
#include "sinks/sink.h"

struct pipeline;

/*
 * Looks at changes of the signal table and of the table that pipeline_watch names before they go out: signals, and the
 * window of an incremental snapshot. Called again and again for the same change until it says go.
 */
enum tap_result {
    TAP_GO,
    TAP_WAIT, /* not yet: the stream stops here, the tap is asked again with pipeline_resume */
    TAP_READ, /* *read goes out before the change */
};

struct tap_read {
    struct plan *plan;
    struct tuple row;
    uint64_t number; /* in its window, from 1 */
    int64_t now_ns;  /* the clock */
};

struct pipeline_tap {
    enum tap_result (*see)(void *arg, const struct change *c, struct tap_read *read);
    void *arg;
};

/*
 * Completes inserted and updated rows before they are said (replicator/pg/reselect.h). Called again with pipeline_resume while
 * it says wait. False with e, or *wait, or c->after is what is said.
 */
struct pipeline_completer {
    bool (*complete)(void *arg, struct change *c, bool *wait, struct err *e); /* NULL: none */
    void *arg;
};

/* All of these outlive the pipeline. */
struct pipeline_parts {
    const struct settings *settings;
    struct sink *const *sinks;
    unsigned nsinks;
    struct ledger *ledger;
    struct types *types;
    struct pipeline_completer completer;
    bool stores_positions; /* pipeline_counts_at is asked now and then */
};

/*
 * Where this run goes on. Own offsets name the last delivered change exactly; an offset that only Debezium wrote names a
 * record's LSN, several rows may share it, and then they are repeated rather than skipped.
 */
struct pipeline_resume {
    uint64_t commit_lsn,
        ordinal;              /* drop transactions before, and this one's first `ordinal` changes */
    uint64_t last_commit_lsn; /* source.sequence[0] of what comes next; 0: null */
    bool bare;                /* Debezium's: the members below instead of the first two */
    bool bare_is_row;         /* bare_lsn is that of a row (messageType) */
    uint64_t bare_commit, bare_lsn, bare_rows;
    uint64_t bare_xid; /* transaction of that row; 0: unknown, the first one that is not older */
    /* What the transaction `xid`, in which this stands, had until then (provide.transaction.metadata); NULL: nothing. Only
     * read by pipeline_start. */
    uint64_t xid;
    const struct txn_summary *counts;
};

enum pipe_result { PIPE_OK, PIPE_PARKED, PIPE_ERROR };

struct pipeline *pipeline_new(const struct pipeline_parts *parts);
void pipeline_free(struct pipeline *p);

void pipeline_start(struct pipeline *p, const struct pipeline_resume *r);
/* A new replication session begins: the server describes relations anew and repeats what was not confirmed. Nothing may be
 * parked with a sink: its plan goes with the old session. */
void pipeline_new_session(struct pipeline *p, struct facts_source facts);
/* `data` stays valid until the next feed. lsn: the frame's; now_ns: the connector's clock. */
enum pipe_result pipeline_feed(struct pipeline *p, struct slice data, uint64_t lsn, int64_t now_ns,
                               struct err *e);
/* Goes on with what is parked. */
enum pipe_result pipeline_resume(struct pipeline *p, struct err *e);
/* Waiting for the catalog or the tap (rather than a sink)? What waits comes again with the next session. */
bool pipeline_waits_for_server(const struct pipeline *p);

bool pipeline_waits_for_sink(const struct pipeline *p);

/* source.xmin of what comes; 0: null. */
void pipeline_set_xmin(struct pipeline *p, uint64_t xmin);

/* What the transaction had up to a position, for its offset; positions only rise. Valid until the next call. */
struct txn_summary pipeline_counts_at(struct pipeline *p, uint64_t commit_lsn, uint64_t ordinal);

/*
 * While the tables of an interrupted snapshot catch up: what commits at `until` or later is for after the snapshot and is
 * parked. Given again with a later `until`, pipeline_resume goes on; with none, the session has to go.
 */
struct pipeline_catch_up {
    uint64_t until;
    /* Are all changes of this table streamed meanwhile? Else only that rows leave it: TRUNCATE, DELETE, and of an UPDATE,
     * as a delete, that its old row is no more. */
    bool (*wants)(void *arg, const struct plan *plan);
    /* One has come; said: unless it changes nothing that is captured, it is about to be delivered. */
    void (*update)(void *arg, const struct change *c, bool said);
    void *arg;
};
void pipeline_catch_up(struct pipeline *p, const struct pipeline_catch_up *c); /* NULL: no more */
bool pipeline_caught_up(const struct pipeline *p);

/* A heartbeat may go out: nothing is parked, no transaction is open. */
bool pipeline_may_beat(const struct pipeline *p);
enum pipe_result pipeline_heartbeat(struct pipeline *p, int64_t now_ns, struct err *e);

/* Changes of the signal table (filter_signal_table), and of the table that is watched (0: none), are shown to the tap. */
void pipeline_set_tap(struct pipeline *p, struct pipeline_tap tap);
/* Is the change that the tap sees left out of the stream (skipped.operations, skip.messages.without.change)? */
bool pipeline_leaves_tapped_out(const struct pipeline *p);
void pipeline_watch(struct pipeline *p, uint32_t oid);
/* Nothing is parked, so a record that is of no transaction can go in between. */
bool pipeline_may_put(const struct pipeline *p);
/* Both may be called when pipeline_may_put, inside a transaction or not. */
enum pipe_result pipeline_notify(struct pipeline *p, const struct notification *n, struct err *e);
enum pipe_result pipeline_read(struct pipeline *p, const struct tap_read *read, struct err *e);
/* The last transactions that came, the one at hand included; how many. */
enum { PIPE_XIDS = 4096 };
size_t pipeline_recent_xids(const struct pipeline *p, uint32_t out[PIPE_XIDS]);
/* Every transaction that ends before this LSN has been seen. */
uint64_t pipeline_seen_lsn(const struct pipeline *p);

/* The plan of a table, its programs compiled for every sink. The caller gives it back with pipeline_drop_plan. */
struct plan *pipeline_plan(struct pipeline *p, enum plan_use use, const struct pgo_relation *wire,
                           const struct relation_facts *facts, struct err *e);
void pipeline_drop_plan(struct pipeline *p, struct plan *plan);

/* Rows of one table that a snapshot worker encoded, all of one unit (snapshot.h); there may be none. */
struct batch {
    struct batch *next;
    struct plan *plan;
    size_t unit;
    bool unit_ends; /* they are the unit's last ones */
    uint32_t nrows;
    uint64_t number; /* of the last row, in its table */
    struct recbuf out[PLAN_SINKS_MAX];
    /* Of the ledger's entry, once it is put: delivered when all before it are delivered too. */
    uint64_t ticket;
};

/* Puts a batch as one entry; the ledger has an open transaction. lsn 0: it moves no position. PARKED: come again with the
 * same batch. */
enum pipe_result pipeline_put_batch(struct pipeline *p, struct batch *b, uint64_t lsn,
                                    struct err *e);

struct pipeline_stats {
    uint64_t changes;  /* put, rows and others */
    uint64_t filtered; /* seen and not captured, or skipped */
    uint64_t repeated; /* sent again by the server and dropped */
    uint64_t unconverted;
    uint64_t transactions;
    uint64_t creates, updates, deletes; /* of the changes */
    uint64_t failed;                    /* left out by event.processing.failure.handling.mode */
    int64_t commit_us;                  /* of the newest transaction */
};
const struct pipeline_stats *pipeline_stats(const struct pipeline *p);

#endif
