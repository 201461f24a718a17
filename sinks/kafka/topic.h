/*
 * Topics of the Kafka sink. With topic.creation properties a topic is created before its first record, as Connect does it
 * (KIP-158); without them the brokers make it, or refuse. All of it runs on the connector thread, except kafka_topic_named.
 */
#ifndef SINKS_KAFKA_TOPIC_H
#define SINKS_KAFKA_TOPIC_H

#include <stdint.h>

#include "sinks/kafka/client.h"
#include "sinks/kafka/window.h"
#include "sinks/sink.h"

/*
 *   NEW ──no rules──────────────────────────► OPEN
 *   NEW ──CreateTopics──► CREATING ──made, or there already, or no right to make──► OPEN
 *                         CREATING ──passes by itself──► WAITING ──back-off over──► CREATING
 *                         CREATING ──the settings are wrong──► the sink fails
 */
enum kafka_topic_state {
    KAFKA_TOPIC_NEW,
    KAFKA_TOPIC_CREATING,
    KAFKA_TOPIC_WAITING,
    KAFKA_TOPIC_OPEN
};

struct kafka_topic {
    char *name;
    enum kafka_topic_state state;
    /* NULL until OPEN: making the handle asks for metadata, which makes a broker create the topic its own way. */
    rd_kafka_topic_t *rkt;
    int64_t retry_us; /* WAITING */
    unsigned attempts;
    int64_t
        first_put_us; /* of a record that is not yet known to have arrived; 0: none, or one has arrived */
    bool proven, warned;
    unsigned told; /* the epoch in which its name was last told */
    struct kafka_window window;
};

/* Which settings a topic is created with; NULL when topic.creation is not configured. */
struct kafka_rules;
bool kafka_rules_new(const struct config *c, struct kafka_rules **out, struct err *e);
void kafka_rules_free(struct kafka_rules *r);
/* The settings of a topic: first group that takes it, else default. Caller destroys. NULL: e is set. */
rd_kafka_NewTopic_t *kafka_rules_topic(const struct kafka_rules *r, const char *topic,
                                       struct err *e);

/* Makes the topic ready for produce: SINK_TAKEN when it is. queue gets the answer of CreateTopics. */
enum sink_put kafka_topic_prepare(struct kafka_topic *t, rd_kafka_t *rk,
                                  const struct kafka_rules *r, rd_kafka_queue_t *queue,
                                  struct err *e);
/* The answer of CreateTopics; the topic is the event's opaque. */
bool kafka_topic_created(rd_kafka_event_t *ev, rd_kafka_t *rk, struct err *e);

/* A topic that took its first record this long ago and has acknowledged none gets a warning. */
#define KAFKA_TOPIC_SILENT_US INT64_C(5000000)

#endif
