/*
 * The timeline of a standby that is the source: a session goes on when its server is promoted, or follows another one that
 * was, and what comes then belongs to another timeline. Asked for now and then without making the connector wait.
 */
#ifndef REPLICATOR_PG_TIMELINE_H
#define REPLICATOR_PG_TIMELINE_H

#include <stdbool.h>
#include <stdint.h>

#include "replicator/pg/conn.h"

struct timeline_watch;

/* params must outlive it. timeline: the one that is known. */
struct timeline_watch *timeline_watch_new(const struct pg_params *params, uint32_t timeline);
void timeline_watch_free(struct timeline_watch *w);
/* Serves the question, and asks again when it is time. True: it is another one now. A failure is logged, the next answer
 * tells. */
bool timeline_watch_poll(struct timeline_watch *w, uint32_t *timeline);
int timeline_watch_fd(const struct timeline_watch *w); /* -1: nothing to wait for */
bool timeline_watch_wants_write(const struct timeline_watch *w);
int64_t timeline_watch_deadline_us(const struct timeline_watch *w);

#endif
