/*
 * A connector: one configuration, one slot, its sinks, and the thread that runs them. Survives what passes by itself
 * (server restarts, lost connections, brokers away) with capped back-off from the safe position; ends with an error that a
 * person must act on, or when it is told to stop.
 */
#ifndef REPLICATOR_CONNECTOR_H
#define REPLICATOR_CONNECTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/prop.h"

struct connector;
struct offset_store;
struct sink_topics;
struct metrics_slot;

struct connector_options {
    struct config *config;    /* validated; outlives the connector */
    const char *const *sinks; /* names: kafka, bigquery, lines, null */
    size_t nsinks;
    const char *lines_path; /* for lines; "-" standard output */
    /* Where positions are kept; NULL: as walbridge.offset.storage says. */
    struct offset_store *(*open_offsets)(void *arg, const struct config *config, struct err *e);
    void *offsets_arg;
    struct metrics_slot *metrics; /* where figures are put; NULL: nowhere */
    struct sink_topics *topics;   /* who is told of the topics that records go to; NULL: nobody */
};

struct connector *connector_new(const struct connector_options *o, struct err *e);
/* Runs on the calling thread until connector_stop (true) or an error that does not pass (false). */
bool connector_run(struct connector *c, struct err *e);
/* From any thread, also from a signal handler's reader: drain, store, last status, return. */
void connector_stop(struct connector *c);
/* From any thread: reads nothing from now on but keeps its session, or does not begin one; off: goes on. */
void connector_pause(struct connector *c, bool on);
/*
 * A signal, from any thread: as one of the table signal.data.collection or of another channel, but at once. False: e says
 * what is wrong with it. What it starts is told by log and notifications.
 */
struct signal;
bool connector_signal(struct connector *c, const struct signal *s, struct err *e);
/* Can it be abandoned, because nothing that it does could be lost (it is still starting or waiting to retry)? */
bool connector_is_starting(const struct connector *c);
const char *connector_name(const struct connector *c);
void connector_free(struct connector *c);

/* --check: connects, looks at everything, changes nothing. Logs what it finds; false: e. */
bool connector_check(const struct connector_options *o, struct err *e);

#endif
