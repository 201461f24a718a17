/* Whether a configuration's database can be reached and streamed from: what Debezium asks before it takes a configuration. */
#ifndef REPLICATOR_PG_PROBE_H
#define REPLICATOR_PG_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/prop.h"

/* Connects, looks, disconnects. Blocks, at most the given time (name resolution aside); changes nothing. */
bool pg_probe(const struct config *c, int64_t timeout_ms, struct err *e);

#endif
