/*
 * A sink takes encoded records and promises durability. compile and encode are pure and may run on any thread; everything
 * else runs on the connector thread and never blocks. Bytes handed to put are copied or queued before it returns.
 */
#ifndef SINKS_SINK_H
#define SINKS_SINK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/prop.h"
#include "decoder/plan.h"
#include "decoder/record.h"

struct sink;

enum sink_put {
    SINK_TAKEN,
    SINK_FULL,  /* come again after poll; not an error */
    SINK_ERROR, /* e is set; the connector restarts from the safe position or fails, by e's class */
};

/* n records of `ticket` are durable. Any order, any batch; only from within poll. */
typedef void (*sink_ack)(void *arg, uint64_t ticket, unsigned n);

struct sink_ops {
    const char *name;
    /* Compiles a plan to this sink's program. */
    bool (*compile)(struct sink *s, const struct plan *p, void **prog, struct err *e);
    void (*discard)(struct sink *s, void *prog);
    /* Appends the change's 0..n records to out. Pure; any thread. */
    bool (*encode)(const void *prog, const struct change *c, struct recbuf *out, struct err *e);
    /* Takes one record of `b`. Order of puts is the order of delivery per key. */
    enum sink_put (*put)(struct sink *s, void *prog, const struct recbuf *b, const struct record *r,
                         uint64_t ticket, struct err *e);
    /* Serves events and reports acks. False: e is set, as for SINK_ERROR. */
    bool (*poll)(struct sink *s, struct err *e);
    /* Readable when poll has something to do; -1: none. */
    int (*fd)(struct sink *s);
    /* Monotonic µs (clock_mono_us) at which poll wants to run at the latest; INT64_MAX: no wish. */
    int64_t (*deadline_us)(struct sink *s);
    /* Hand out what is being batched now: nothing more is coming (shutdown). */
    void (*flush)(struct sink *s);
    /* Bytes accepted and not yet acknowledged. */
    uint64_t (*pending_bytes)(struct sink *s);
    void (*close)(struct sink *s); /* drops what is not yet delivered, frees s */
};

/* First member of every sink. */
struct sink {
    const struct sink_ops *ops;
    sink_ack ack; /* set by the owner before the first put */
    void *ack_arg;
    unsigned index; /* into plan.progs */
};

/* Who is told of the topics of a sink that has some: of each when its first record has arrived. */
struct sink_topics {
    void (*tell)(void *arg, const char *topic); /* on the connector thread; does not block */
    void *arg;
    atomic_uint epoch; /* another number: of all of them once more */
};

/* What a sink's constructor gets. */
struct sink_env {
    const struct config *config;
    const struct settings *settings;
    const char *connector;  /* name */
    const char *run_id;     /* UUID v7 text, new on every start: header __debezium.context.runId */
    const char *lines_path; /* lines: file, "-" standard output */
    struct sink_topics *topics; /* outlives the sink; NULL: nobody asks */
};

struct sink *sink_null_new(const struct sink_env *env, struct err *e);
struct sink *sink_lines_new(const struct sink_env *env, struct err *e);
struct sink *sink_kafka_new(const struct sink_env *env, struct err *e);
struct sink *sink_bigquery_new(const struct sink_env *env, struct err *e);

/* The property rows that sinks add to a connector's configuration. */
extern const struct prop_table kafka_prop_table;
extern const struct prop_table bigquery_prop_table;

#endif
