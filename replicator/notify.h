/*
 * Notifications of snapshots (notification.enabled.channels): to a topic through the sinks, to the log. They wait in a
 * queue while the pipeline is parked; whoever reads a snapshot is parked then too, so it stays short.
 */
#ifndef REPLICATOR_NOTIFY_H
#define REPLICATOR_NOTIFY_H

#include <stdbool.h>

#include "base/prop.h"
#include "replicator/pipeline.h"

struct notify;

/* Debezium's. */
#define NOTIFY_INITIAL "Initial Snapshot"
#define NOTIFY_INCREMENTAL "Incremental Snapshot"

/* config must outlive it. */
struct notify *notify_new(const struct config *c);
void notify_free(struct notify *n);
/* Are there channels at all? */
bool notify_is_on(const struct notify *n);
/*
 * id NULL: a new UUID. Then pairs of name and value (values may be NULL: left out) up to a NULL name; connector_name comes
 * by itself. Copied.
 */
void notify_say(struct notify *n, const char *aggregate, const char *type, const char *id, ...)
    __attribute__((sentinel));
/*
 * What is new of a snapshot's tables: one begun, one read. Tables are told of in their order.
 */
struct snapshot;
struct notify_tables {
    size_t told; /* tables that were told of wholly */
    bool begun;  /* the next one was told to have begun */
};
void notify_of_tables(struct notify *n, struct notify_tables *t, struct snapshot *s);
/* The same of one that failed, and the table at which it did. */
void notify_of_failure(struct notify *n, struct notify_tables *t, struct snapshot *s);
/* Hands on what waits. PARKED: the pipeline has it, and goes on with pipeline_resume. */
enum pipe_result notify_flush(struct notify *n, struct pipeline *p, struct err *e);

#endif
