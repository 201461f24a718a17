/*
 * The slot's catalog_xmin for source.xmin (xmin.fetch.interval.ms), asked for at that interval without making the connector
 * wait. Debezium asks when a change comes and the interval is over: its value is as old as ours.
 */
#ifndef REPLICATOR_PG_SLOT_XMIN_H
#define REPLICATOR_PG_SLOT_XMIN_H

#include <stdint.h>

#include "replicator/pg/conn.h"

struct slot_xmin;

/* params must outlive it. */
struct slot_xmin *slot_xmin_new(const struct pg_params *params, int64_t interval_ms,
                                const char *slot);
void slot_xmin_free(struct slot_xmin *x);
/* Serves the question, and asks again when it is time. A failure is logged, and the last value goes on to count. */
void slot_xmin_poll(struct slot_xmin *x);
/* False until the first answer (or failure): changes wait for it. *value: 0 when the slot has none. */
bool slot_xmin_known(const struct slot_xmin *x, uint64_t *value);
int slot_xmin_fd(const struct slot_xmin *x); /* -1: nothing to wait for */
bool slot_xmin_wants_write(const struct slot_xmin *x);
int64_t slot_xmin_deadline_us(const struct slot_xmin *x);

#endif
