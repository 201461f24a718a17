/*
 * The HTTP server: libmicrohttpd, one thread for all connections of a listener, which answers from memory; what may wait for
 * Kafka or a database is handed to a few threads of its own, with the connection suspended meanwhile.
 *
 * Bounds, so that nobody who can connect can take memory or time from the connectors: a request's head, its body, all bodies
 * together, the number of connections (when all are taken, the longest idle one makes room) and how long one may be idle.
 */
#ifndef REPLICATOR_REST_SERVER_H
#define REPLICATOR_REST_SERVER_H

#include <stdbool.h>

#include "base/err.h"
#include "base/prop.h"

struct rest;
struct worker;

/* Properties of a worker that are the REST server's. */
extern const struct prop_table rest_prop_table;

/* Opens the listeners and begins to answer. config: the worker's, validated; both outlive it. */
struct rest *rest_start(const struct config *config, struct worker *worker, struct err *e);
/* The port of the first listener: it may have been chosen by the system. */
unsigned rest_port(const struct rest *r);
/* What is being answered is finished first, if the worker lets it. NULL: nothing. */
void rest_stop(struct rest *r);

#endif
