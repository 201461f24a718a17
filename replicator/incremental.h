/*
 * Incremental snapshots: tables read in chunks by key while the stream goes on.
 *
 *   open watermark ─► describe table ─► greatest key ─► chunk ─► close watermark        a session of its own
 *        │ stream                                                   │ stream
 *        └── window open: what is streamed takes its row away ──────┴── what is left goes out as reads
 *
 * A transaction's commit is in the WAL a moment before others see it. A chunk's snapshot therefore says which transactions
 * it sees; when one that came before the window did not belong to them, the chunk is read anew. So no read is ever older
 * than what was streamed before it.
 *
 * read.only: nothing is written. The window opens when the chunk is asked for and closes when the stream has passed the
 * place where the WAL stood then.
 *
 * The state, which Debezium reads and writes alike, is one of the offset's: a mark in the ledger makes it true together
 * with the entries before it (led_mark).
 */
#ifndef REPLICATOR_INCREMENTAL_H
#define REPLICATOR_INCREMENTAL_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/prop.h"
#include "replicator/ledger.h"
#include "replicator/notify.h"
#include "replicator/pipeline.h"

struct catalog_table;
struct incremental;
struct pg_params;

/* All of these outlive it. */
struct incremental_parts {
    const struct config *config;
    const struct settings *settings;
    const struct pg_params *params;
    struct pipeline *pipeline;
    struct ledger *ledger;
    struct types *types;
    struct notify *notify;
    size_t state_max; /* bytes of the state that an offset has room for */
};

struct incremental *incremental_new(const struct incremental_parts *parts);
void incremental_free(struct incremental *i);
/* The state in the members of a stored offset (a JSON object's text, NULL none). What cannot be understood begins anew,
 * with a warning. */
void incremental_load(struct incremental *i, const char *members);
/* The same, as of a mark; NULL: no snapshot was running then. Valid until the next call. */
char *incremental_state(struct incremental *i, uint64_t mark);

/* The present state's mark; touch makes a new one of the same state, true with all that was put before. */
uint64_t incremental_mark(const struct incremental *i);
uint64_t incremental_touch(struct incremental *i);

/*
 * The tables that there are, the captured ones of which are known from now on: one that is gone when its turn comes has failed,
 * one that was never known has not (the status in its notification). anew: what was known before is forgotten.
 */
void incremental_know(struct incremental *i, const struct catalog_table *tables, size_t n,
                      bool anew);

/* Orders. Names are "schema.table"; condition and surrogate NULL: none. */
struct incremental_table {
    const char *schema, *table, *condition, *surrogate;
};
/* False: nothing was added, as the state would be larger than an offset can hold (e). */
bool incremental_add(struct incremental *i, const char *id, const struct incremental_table *tables,
                     size_t n, struct err *e);
/* Queued ones, and such as are not. */
void incremental_stop(struct incremental *i, const char *const *names, size_t n);
void incremental_pause(struct incremental *i);
/* False: it was not paused. */
bool incremental_resume(struct incremental *i);
bool incremental_is_running(const struct incremental *i);
/* Is a chunk being read? */
bool incremental_is_reading(const struct incremental *i);
/* Can one be run: is there a signal table, or read.only? */
bool incremental_is_possible(const struct incremental *i);
/* The table at `at` in the queue, "schema.table"; NULL behind the last one. */
const char *incremental_queued(const struct incremental *i, size_t at);

/* Watermarks in the stream. Close says TAP_READ as long as there are rows to go out. */
void incremental_open(struct incremental *i, const char *id);
enum tap_result incremental_close(struct incremental *i, const char *id, struct tap_read *read);
/* A change of the table that is watched. READ: a row that goes out before it. */
enum tap_result incremental_change(struct incremental *i, const struct change *c,
                                   struct tap_read *read);
/* The server has sent everything before this LSN. */
void incremental_passed(struct incremental *i, uint64_t lsn);

/* Goes on with what the session has. False: a row cannot be said (e). PARKED: the pipeline has a row that a sink cannot take
 * yet. */
enum pipe_result incremental_poll(struct incremental *i, struct err *e);
/* The stream begins anew; what is being read goes on. */
void incremental_new_session(struct incremental *i);
int incremental_fd(const struct incremental *i, short *events);
int64_t incremental_deadline_us(const struct incremental *i);
/* Does it wait for a keepalive (read.only)? */
bool incremental_wants_keepalive(const struct incremental *i);

#endif
