/*
 * One change, as views: into the wire buffer (streaming) or a COPY row (snapshot). Valid until the next message is read.
 */
#ifndef DECODER_CHANGE_H
#define DECODER_CHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum value_kind {
    VALUE_NULL,
    VALUE_TEXT,
    VALUE_UNCHANGED, /* TOASTed, not sent because the update did not touch it */
    VALUE_ABSENT,    /* the tuple has no such column (a key-only old tuple) */
};

struct value {
    const char *p;
    uint32_t n;
    uint8_t kind; /* enum value_kind */
};

/* n == 0: there is no such tuple. Otherwise one value per column of the relation. */
struct tuple {
    const struct value *v;
    uint16_t n;
};

enum change_op {
    OP_READ = 'r',
    OP_CREATE = 'c',
    OP_UPDATE = 'u',
    OP_DELETE = 'd',
    OP_TRUNCATE = 't',
    OP_MESSAGE = 'm',
    OP_BEGIN = 'B', /* a transaction's beginning and end, under provide.transaction.metadata */
    OP_END = 'E',
    OP_HEARTBEAT = 'h',
    OP_NOTIFICATION = 'n',
};

enum snapshot_marker {
    SNAPSHOT_FALSE,
    SNAPSHOT_FIRST,
    SNAPSHOT_FIRST_IN_COLLECTION,
    SNAPSHOT_TRUE,
    SNAPSHOT_LAST_IN_COLLECTION,
    SNAPSHOT_LAST,
    SNAPSHOT_INCREMENTAL
};
/* The text in source.snapshot: "false", "first", … */
const char *snapshot_marker_text(enum snapshot_marker m);

/* The part that is constant for a transaction (or for one table's snapshot). */
struct txn {
    uint64_t seq;             /* grows with every transaction of a run: caches compare it */
    uint64_t commit_lsn;      /* Begin's final_lsn; a snapshot's consistent point */
    uint64_t last_commit_lsn; /* end of the transaction before, source.sequence[0]; 0: null */
    int64_t commit_us;        /* µs since 1970 */
    uint64_t xid;
    const char *origin; /* NULL: none */
    uint64_t origin_lsn;
    uint64_t xmin; /* the slot's, source.xmin; 0: null */
    enum snapshot_marker
        snapshot; /* SNAPSHOT_FALSE while streaming; rows of a snapshot carry their own */
};

/*
 * What identifies a change for ever; every sink that deduplicates uses it. Streamed: (commit LSN, record LSN, ordinal in
 * the transaction counted before filters). Snapshot: (consistent point, table oid, row number in the table).
 */
struct identity {
    uint64_t commit_lsn;
    uint64_t lsn;
    uint64_t ordinal;
    bool snapshot;
};

/* A row's place in its transaction, counted from 1: under provide.transaction.metadata. */
struct txn_block {
    uint64_t total_order, collection_order;
};

/* What a transaction had, for OP_END. */
struct txn_collection {
    struct slice name; /* "schema.table" */
    uint64_t events;
};

struct txn_summary {
    uint64_t events;
    size_t ncollections;
    const struct txn_collection *collections; /* in order of first appearance */
};

/* What a connector tells of its snapshots (notification.enabled.channels). */
struct notification_field {
    const char *name;
    struct slice value;
};

enum { NOTIFICATION_FIELDS = 6 };

struct notification {
    struct slice id;
    const char *type, *aggregate; /* "STARTED", "Initial Snapshot" */
    int64_t ms;
    unsigned nfields;
    struct notification_field fields[NOTIFICATION_FIELDS]; /* additional_data */
};

struct plan;
struct change {
    enum change_op op;
    enum snapshot_marker snapshot;
    bool old_is_key; /* before holds the identity columns only ('K') */
    const struct plan *plan;
    const struct txn *txn;
    struct tuple before, after;
    uint64_t lsn; /* of the WAL record; source.lsn */
    struct identity id;
    int64_t now_ns;                          /* the connector's clock */
    struct slice prefix, content;            /* OP_MESSAGE */
    const struct txn_block *block;           /* NULL: no transaction metadata */
    const struct txn_summary *summary;       /* OP_END */
    const struct notification *notification; /* OP_NOTIFICATION */
};

#endif
