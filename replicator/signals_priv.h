/* Inside ad-hoc work: dispatch (signals.c), which tables are meant (signals_tables.c), channels (signals_channels.c),
 * blocking snapshots (signals_blocking.c). */
#ifndef REPLICATOR_SIGNALS_PRIV_H
#define REPLICATOR_SIGNALS_PRIV_H

#include "decoder/pattern.h"
#include "replicator/kafka/signals.h"
#include "replicator/pg/catalog.h"
#include "replicator/pg/script.h"
#include "replicator/pg/snapshot.h"
#include "replicator/signal_file.h"
#include "replicator/signals.h"

enum channel { CHANNEL_SOURCE, CHANNEL_KAFKA, CHANNEL_FILE, CHANNEL_BOX, CHANNEL_NOTED };

/* A signal that came by a channel and is not yet known to be stored. */
struct signal_owed {
    enum channel channel;
    int64_t token; /* Kafka's offset */
    uint64_t mark; /* done once this one is stored */
};

enum order_step { ORDER_NONE, ORDER_LISTING, ORDER_STARTING, ORDER_BLOCKING };

/* A table that an order names, strings in the order's arena. */
struct order_table {
    const char *schema, *table, *filter;
};

struct table_list {
    struct order_table *v;
    size_t n;
};

struct signals {
    struct signals_parts parts;
    struct notify *notify;
    struct incremental *inc;
    int server_version;
    bool delete_mark;
    bool channels[CHANNEL_BOX + 1];
    struct kafka_signals *kafka;
    struct signal_file *file;
    int64_t look_us, look_interval_us;
    struct signal_owed *owed;
    size_t nowed;
    uint64_t stored_mark;

    /* The order at hand. */
    enum order_step step;
    struct arena arena;
    struct signal_order order;
    enum channel channel;
    int64_t token;
    struct script *lister;            /* lists tables */
    size_t ncaptured;                 /* tables, when they were last listed */
    uint64_t row_commit, row_ordinal; /* the last row of the signal table that was taken */

    /* Signals of the stream while a snapshot catches up, and those that were given back; they live in `noted_texts`. */
    signals_note_fn *note;
    void *note_arg;
    struct signal *noted;
    size_t nnoted, noted_at; /* the next one to be carried out */
    struct arena noted_texts;
    uint64_t noted_mark, noted_ticket;

    struct snapshot *snapshot; /* blocking */
    struct batch *batch;
    bool more;        /* of it is ready */
    bool note_parked; /* the pipeline holds a notification */
    bool own_txn;     /* the ledger's transaction around it is ours */
    bool blocked;     /* one is whole, and signals_take_blocked was not asked since */
    struct notify_tables told;
};

/* signals_tables.c. The tables of the order at hand, of those that there are; in the order's arena. */
bool signals_expand(struct signals *s, const struct catalog_table *tables, size_t n,
                    struct table_list *out, struct err *e);
/* The queued ones that a stop-snapshot names, all when it names none; the same. */
bool signals_to_stop(struct signals *s, const char ***names, size_t *n, struct err *e);

/* signals_channels.c */
bool signals_open_channels(struct signals *s, struct err *e);
void signals_close_channels(struct signals *s);
/* The next signal of a channel, in the order's arena. */
bool signals_take(struct signals *s, struct signal *out);
/* The order at hand is done with as soon as the present state is stored. */
void signals_owe(struct signals *s, uint64_t mark);
void signals_settle(struct signals *s);

/* signals_blocking.c */
void signals_block(struct signals *s, const struct order_table *tables, size_t n);
enum pipe_result signals_blocking_step(struct signals *s, struct err *e);
void signals_end_blocking(struct signals *s);

#endif
