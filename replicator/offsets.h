/*
 * The offset thread: keeps the newest offset durable without ever making the connector thread wait. Latest value in,
 * "stored up to" back through an eventfd; at most 20 stores a second.
 */
#ifndef REPLICATOR_OFFSETS_H
#define REPLICATOR_OFFSETS_H

#include "replicator/offset.h"

struct offsets;

/* Takes the store over. interval_ms: an upper bound for the time between two stores while offsets change. */
struct offsets *offsets_start(struct offset_store *store, const char *connector,
                              int64_t interval_ms);
/* Hands the newest offset over (copied); an older one that is not yet stored is dropped. */
void offsets_put(struct offsets *o, const struct offset *offset);
/* Which tables need no snapshot (copied), NULL: not known. It is stored before anything that is handed over behind it. */
void offsets_put_tables(struct offsets *o, const char *json);
/*
 * The newest progress of an unfinished snapshot (copied), NULL: none any more. It is stored before an offset that is handed
 * over at the same time, and taken away after it. flush_lsn: what the server may be told once it is stored; 0: nothing new.
 */
void offsets_put_progress(struct offsets *o, const char *json, uint64_t flush_lsn);
/* Readable when offsets_stored has news. */
int offsets_fd(const struct offsets *o);
/* The flush LSN of what was stored last; *news false when nothing was stored since the last call. False: the store
 * failed for good (e). */
bool offsets_stored(struct offsets *o, uint64_t *flush_lsn, bool *news, struct err *e);
/* The mark (offset.mark) of what was stored last. */
uint64_t offsets_stored_mark(struct offsets *o);
/* Stores what is left, ends the thread, closes the store. *flush_lsn: of what is stored at last (0: nothing was). False:
 * the last offset could not be stored. */
bool offsets_stop(struct offsets *o, uint64_t *flush_lsn, uint64_t *mark, struct err *e);

#endif
