/*
 * Inside of the Kafka sink: kafka.c takes records, events.c serves what librdkafka has to say. Everything here belongs to
 * the connector thread, except the topic map, which compile asks from any thread.
 */
#ifndef SINKS_KAFKA_KAFKA_H
#define SINKS_KAFKA_KAFKA_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "base/map.h"
#include "decoder/encoder.h"
#include "sinks/kafka/client.h"
#include "sinks/kafka/size.h"
#include "sinks/kafka/topic.h"
#include "sinks/sink.h"

_Static_assert(sizeof(void *) >= sizeof(uint64_t),
               "a ticket travels as librdkafka's opaque pointer");

enum {
    KAFKA_CONTEXT_HEADERS = 4,
    /* What librdkafka keeps for a record beside its bytes. */
    KAFKA_RECORD_COST = 256,
    KAFKA_NAMED = 256,
};

/* A topic that transforms named, by the pointer that stands for its name. */
struct kafka_named {
    const char *name;
    struct kafka_topic *topic;
};

struct kafka_sink {
    struct sink base;
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    int event_fd;

    uint64_t pending_bytes, queue_bytes, max_request_bytes;
    struct kafka_batching batching;
    int64_t now_us; /* read again by every poll and now and then between */
    unsigned clock_puts;
    struct kafka_header context[KAFKA_CONTEXT_HEADERS];
    uint64_t headers_bytes; /* of a record with these headers, at most: batch, varints and all */
    /*
     * The same as librdkafka's list. All records on the way share it: a copy for each is six allocations and more than
     * doubles what a record costs (measured: 2.7 CPU-s per million against 1.05). A record would free its list with
     * itself, so its report takes the list off before (kafka_take_headers_off), and close waits for every report.
     */
    rd_kafka_headers_t *context_list;
    bool tolerate_data; /* errors.tolerance=all */

    pthread_mutex_t lock; /* of the map only */
    struct map *topics;
    struct kafka_named named[KAFKA_NAMED]; /* of put alone */
    struct kafka_rules *rules;
    struct sink_topics *tell; /* NULL: nobody asks for the topics */
    unsigned told_epoch;
    size_t untold;     /* topics whose name was not told in this epoch */
    unsigned unproven; /* topics that have not yet acknowledged their first record */

    uint64_t ack_ticket; /* reports of one ticket in a row are told at once */
    unsigned ack_n;
    uint64_t
        *skipped; /* records that errors.tolerance disposed of: the next poll acknowledges them */
    size_t nskipped;

    bool failed, closing;
    struct err failure;
    int64_t gap_us; /* a fatal error whose cause is still to come by a delivery report; 0: none */
    bool delivered; /* something was, ever */
    bool brokers_down;
    char last_error[300]; /* why */
    unsigned auth_failures;
};

struct kafka_prog {
    struct encoder *encoder;
    struct kafka_topic *topic;
};

struct kafka_topic *kafka_topic_named(struct kafka_sink *s, const char *name);

/* The sink cannot go on: put and poll say so from now on. */
void kafka_sink_fails(struct kafka_sink *s, const struct err *e);

/* events.c */
/* All that wait, and acknowledges; wait_ms for the first of them. */
void kafka_serve_events(struct kafka_sink *s, int wait_ms);
void kafka_serve_timers(struct kafka_sink *s);
int64_t kafka_next_timer_us(struct kafka_sink *s); /* INT64_MAX: none */

#endif
