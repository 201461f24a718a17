/*
 * The ledger: what has been handed to the sinks and what of it is durable. Bytes go right, acks go left, and they meet
 * here. Two outputs: the position (what is stored as offset) and the flush LSN (what the server is told).
 *
 * Laws, each a unit test:
 *  1. acks arrive in any order and in batches; a ticket is a number, never a pointer;
 *  2. a keepalive moves the flush LSN only when nothing is pending and no transaction is open;
 *  3. a transaction whose changes were all filtered is finished at its commit;
 *  4. a full ledger stops reading, it never drops; its limit is in bytes, and acks release bytes one by one;
 *  5. a failed delivery is never an ack (sinks do not report it as one);
 *  6. within one run neither output goes back, and neither passes what was received;
 *  7. the server is told an LSN only after the offset store has it (led_stored).
 * Connector thread only.
 */
#ifndef REPLICATOR_LEDGER_H
#define REPLICATOR_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct ledger;

/* What an entry's offset says. LED_END: a transaction's END, behind its last change. LED_NOTE: it has to be delivered and
 * moves no position (heartbeat, a transaction's BEGIN, rows that an incremental or blocking snapshot read). */
enum led_type { LED_INSERT, LED_UPDATE, LED_DELETE, LED_TRUNCATE, LED_MESSAGE, LED_END, LED_NOTE };

/* The ordinal of LED_END. */
#define LED_ORDINAL_END ((uint64_t)INT64_MAX)

/* A transaction's constants, for the offsets of its entries. */
struct led_txn {
    uint64_t commit_lsn;      /* Begin's final_lsn */
    uint64_t last_commit_lsn; /* Debezium's lsn_commit while it runs; 0: none */
    int64_t commit_us;
    uint64_t xid;  /* 0: none */
    uint64_t xmin; /* the slot's; 0: none */
};

/* The offset that is true now. */
struct led_position {
    uint64_t lsn;     /* of the last delivered record */
    uint64_t ordinal; /* in its transaction, counted from 1; 0: none of a transaction */
    enum led_type type;
    struct led_txn txn;  /* of that record */
    uint64_t commit_end; /* end of the last transaction that is wholly delivered; 0: none yet */
    uint64_t flush_lsn;  /* what the server may be told once this is stored */
    uint64_t mark;       /* the newest of led_mark that is true; 0: none */
};

/* limit_bytes: how much may be pending before led_full says stop. */
struct ledger *led_new(uint64_t limit_bytes);
void led_free(struct ledger *l);

/* Where this run begins: both outputs stand here until something is delivered. commit_end: of the last whole transaction. */
void led_start(struct ledger *l, uint64_t flush_lsn, uint64_t commit_end);

void led_begin(struct ledger *l, const struct led_txn *t);
/* Opens an entry that `acks` acknowledgements finish (0: nothing to wait for) and returns its ticket. */
uint64_t led_open(struct ledger *l, enum led_type type, uint64_t lsn, uint64_t ordinal,
                  unsigned acks, uint32_t bytes);
/* False: more acks than the entry waits for, or an unknown ticket (our bug). */
bool led_ack(struct ledger *l, uint64_t ticket, unsigned n, struct err *e);
void led_commit(struct ledger *l, uint64_t end_lsn);
/* A record outside any transaction, complete by itself: flush may pass to end_lsn once it is delivered. */
uint64_t led_open_single(struct ledger *l, const struct led_txn *t, enum led_type type,
                         uint64_t lsn, uint64_t end_lsn, unsigned acks, uint32_t bytes);
/* A note outside any transaction. */
uint64_t led_open_note(struct ledger *l, unsigned acks, uint32_t bytes);
/*
 * From the next entry that is opened on, `mark` is true: once that one and all before it are delivered, the position says
 * so. Marks grow; they stand for what an offset carries beside the position (an incremental snapshot's state).
 */
void led_mark(struct ledger *l, uint64_t mark);
/* The server's position while nothing is pending; true when it moved the outputs. */
bool led_keepalive(struct ledger *l, uint64_t wal_end);

bool led_full(const struct ledger *l);
bool led_idle(const struct ledger *l); /* nothing pending, no transaction open */
bool led_in_txn(const struct ledger *l);
uint64_t led_pending(const struct ledger *l); /* entries not yet acknowledged */
uint64_t led_pending_bytes(const struct ledger *l);

/* The ticket that the next entry gets, and the first one that is not delivered: all before it are. */
uint64_t led_next(const struct ledger *l);
uint64_t led_delivered(struct ledger *l);

/* The newest position; false when no record was delivered since the last call that returned true. */
bool led_position(struct ledger *l, struct led_position *out);
/*
 * Is there an LSN beyond it that no record stands at (a keepalive, a wholly filtered transaction)? Storing it lets the
 * server drop WAL; nothing is lost or repeated without. *out: the newest position.
 */
bool led_quiet(struct ledger *l, struct led_position *out, uint64_t *lsn);
/* The store has everything up to this flush LSN. */
void led_stored(struct ledger *l, uint64_t flush_lsn);
/* What the server may be told. */
uint64_t led_flush_lsn(const struct ledger *l);

#endif
