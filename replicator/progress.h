/*
 * How far an unfinished snapshot has come: which rows need not be read again, and up to where the stream of their tables was
 * delivered since. Kept in the offset store beside the offset, and of use only as long as that one has not moved.
 *
 *   {"version":1,"before":"<Debezium's JSON of the offset that the snapshot replaces, or nothing>",
 *    "requested":true,"new":true,                                                              or left out
 *    "sinks":["<name>",…],
 *    "position":{<ours, see offset_own.h>},
 *    "tables":[{"oid":N,"schema":"…","table":"…"}                                              whole, or
 *              {…,"key":"<column>","filenode":N,"ranges":[[first,last],…]}],                   by ranges, bounds inclusive
 *    "signals":[{"id":"…","type":"…","data":"…","commit":LSN,"ordinal":N}]}                    or left out
 */
#ifndef REPLICATOR_PROGRESS_H
#define REPLICATOR_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "replicator/offset.h"
#include "replicator/signal.h"

enum { PROGRESS_MAX = 900 << 10 }; /* a Kafka record of the usual limit holds it */

struct progress_range {
    int64_t first, last; /* inclusive; INT64_MIN and INT64_MAX: open */
};

struct progress_table {
    uint32_t oid;
    char *schema, *table;
    bool whole;
    /* Unless whole: */
    char *key;         /* the primary key's first column, whose values the ranges are of */
    uint32_t filenode; /* another one means that the rows are others */
    struct progress_range *ranges; /* sorted, neither touching nor overlapping */
    size_t n;
};

/* A signal that was streamed while the snapshot caught up: it is carried out when the snapshot is whole. */
struct progress_signal {
    struct signal signal;
    uint64_t commit_lsn, ordinal; /* of its row, which may come again */
};

struct progress {
    bool requested; /* by a command, whatever snapshot.mode says; */
    bool news;      /* by ourselves, for all that no snapshot has read */
    char *before;   /* "" none */
    char **sinks;   /* that have what is done */
    size_t nsinks;
    struct offset position; /* our members only */
    struct progress_table *tables;
    size_t n;
    struct progress_signal *signals; /* in the order in which they came */
    size_t nsignals;
    struct arena texts; /* theirs */
};

void progress_clear(struct progress *p);
/* A request: all is done but what is not in `tables`, up to where this offset, which is our own, stands. */
void progress_ask(struct progress *p, const struct offset *stored);
/* Does this sink have what is done? */
bool progress_has_sink(const struct progress *p, const char *name);
/* From now on these are the ones that get it. Copied. */
void progress_set_sinks(struct progress *p, const char *const *names, size_t n);
/* NULL: not there. */
struct progress_table *progress_find(const struct progress *p, uint32_t oid);
/* The table's entry, made when it is missing: not whole, without ranges. */
struct progress_table *progress_table(struct progress *p, uint32_t oid, const char *schema,
                                      const char *table);
void progress_remove(struct progress *p, size_t i);
void progress_add_range(struct progress_table *t, struct progress_range r);
bool progress_covers(const struct progress_table *t, int64_t key);
/* Rows of this key are to be read again after all. */
void progress_reopen(struct progress_table *t, int64_t key);

/* Copied; false: it is there already. */
bool progress_add_signal(struct progress *p, const struct signal *s, uint64_t commit_lsn,
                         uint64_t ordinal);

void progress_to_json(const struct progress *p, struct buf *out);
bool progress_from_json(const char *json, struct progress *p, struct err *e);

#endif
