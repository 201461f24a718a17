/*
 * Heartbeats (heartbeat.interval.ms): when one is due, and heartbeat.action.query, run with each on a session of its own
 * without ever making the connector wait.
 */
#ifndef REPLICATOR_PG_HEARTBEAT_H
#define REPLICATOR_PG_HEARTBEAT_H

#include <stdbool.h>
#include <stdint.h>

#include "replicator/pg/conn.h"

struct heartbeat;

/* query NULL: records only. params must outlive it. */
struct heartbeat *heartbeat_new(const struct pg_params *params, int64_t interval_ms,
                                const char *query);
void heartbeat_free(struct heartbeat *h);
/* One is due at once, whatever the interval; heartbeat_is_owed until it went out. */
void heartbeat_owe(struct heartbeat *h);
bool heartbeat_is_owed(const struct heartbeat *h);
bool heartbeat_is_due(const struct heartbeat *h);
/* The record went out: starts the query, if there is one, and the next interval, which one that was owed leaves alone. */
void heartbeat_sent(struct heartbeat *h);
/*
 * Serves the query's session. Most errors are only logged, the next beat tries again; false for those that Debezium gives
 * up on: the table is missing (42P01), the session was ended by an administrator (57P01).
 */
bool heartbeat_poll(struct heartbeat *h, struct err *e);
int heartbeat_fd(const struct heartbeat *h); /* -1: nothing to wait for */
bool heartbeat_wants_write(const struct heartbeat *h);
int64_t heartbeat_deadline_us(const struct heartbeat *h);

#endif
