/*
 * The stored offset: exactly Debezium's JSON, and beside it what our own checks need.
 */
#ifndef REPLICATOR_OFFSET_H
#define REPLICATOR_OFFSET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/prop.h"
#include "decoder/change.h"

struct offset {
    /* Debezium's members; 0 / -1 / NULL: absent. */
    uint64_t lsn, lsn_proc, lsn_commit;
    uint64_t events_processed; /* lsn_events_processed */
    bool has_txid;
    uint64_t txid;
    bool has_ts;
    int64_t ts_usec;
    char message_type[12];                         /* "INSERT", … ; "" absent */
    char snapshot[16];                             /* "INITIAL" while one runs; "" absent */
    bool last_snapshot_record, snapshot_completed; /* written with snapshot only */
    uint64_t xmin;                                 /* the slot's, xmin.fetch.interval.ms */
    /* provide.transaction.metadata: whose changes were counted, and how many until here; "" and NULL: none. */
    char transaction_id[32];
    const struct txn_summary *counts;
    char *extra; /* members we do not know, as JSON object text; kept when rewriting; NULL none */

    /* Ours: file fields or record headers. */
    bool own;           /* the members below are there: walbridge wrote this offset */
    uint64_t flush_lsn; /* what the server was, or may be, told */
    uint64_t pos_commit_lsn, pos_lsn,
        pos_ordinal;     /* last delivered change: rows up to it are dropped when sent again */
    uint64_t commit_end; /* end of the last whole transaction: source.sequence[0] after a restart */
    uint64_t system_id;
    uint32_t timeline;
    char slot[64], database[64];
    uint64_t mark; /* of the ledger, in this process alone: what it stands for is in `extra` */
};

void offset_free(struct offset *o);                             /* frees members, not o */
void offset_copy(struct offset *to, const struct offset *from); /* members too */
/*
 * As if everything up to `lsn`, which is no row's, had been delivered from this slot. No record stands at lsn − 1 (records
 * are aligned to 8), so no reader of the offset takes a row for done. Members that we do not know stay.
 */
void offset_move(struct offset *o, uint64_t lsn, uint64_t system_id, uint32_t timeline,
                 const char *slot, const char *database);
/* Debezium's JSON, compact. */
struct buf;
void offset_to_json(const struct offset *o, struct buf *out);
/* Reads Debezium's JSON (boolean or text snapshot, unknown members kept). */
bool offset_from_json(const char *json, size_t n, struct offset *o, struct err *e);

/* What may stand beside an offset, each a JSON text of its own. */
enum offset_beside {
    OFFSET_PROGRESS, /* how far an unfinished snapshot is (progress.h) */
    OFFSET_TABLES,   /* which tables need no snapshot any more (known.h) */
    OFFSET_BESIDES
};

/*
 * A store. load and save block (they run at start and on the offset thread); save returns when the offset is durable.
 * load: *found false when there is none.
 */
struct offset_store;
struct offset_store_ops {
    const char *name;
    bool (*load)(struct offset_store *s, struct offset *out, bool *found, struct err *e);
    bool (*save)(struct offset_store *s, const struct offset *o, struct err *e);
    /* NULL: none any more. */
    bool (*save_beside)(struct offset_store *s, enum offset_beside what, const char *json,
                        struct err *e);
    bool (*erase)(struct offset_store *s, struct err *e); /* all of it */
    void (*close)(struct offset_store *s);
};
struct offset_store {
    const struct offset_store_ops *ops;
    char *beside[OFFSET_BESIDES]; /* as load found it; NULL none */
};

/* The file store keeps one file per connector: <offset.storage.file.filename>. */
struct offset_store *offset_file_open(const struct config *c, struct err *e);
/* The exact format of Connect's offsets topic (offset.storage.topic); creates it compacted when missing. */
struct offset_store *offset_kafka_open(const struct config *c, struct err *e);
/* How many bytes of offset.extra a store takes: a record in Kafka has to stay below 1 MB. `topic`: it is Kafka in any case. */
size_t offset_extra_max(const struct config *c, bool topic);
/* By walbridge.offset.storage (file, kafka). */
struct offset_store *offset_store_open(const struct config *c, struct err *e);

#endif
