/* A storage topic itself, as Kafka Connect makes it: compacted, made when it is missing, checked when it is there. Blocks. */
#ifndef REPLICATOR_KAFKA_COMPACTED_TOPIC_H
#define REPLICATOR_KAFKA_COMPACTED_TOPIC_H

#include <librdkafka/rdkafka.h>

#include "base/err.h"
#include "base/prop.h"

enum { COMPACTED_TOPIC_WAIT_MS = 30000 };

struct compacted_topic {
    const char *what; /* for messages: "offsets topic" */
    const char *name;
    int partitions, replicas; /* -1: as the brokers say */
    /* More settings for when it is made: config's names that begin so, but for .topic, .partitions and
     * .replication.factor. NULL: none. */
    const struct config *config;
    const char *prefix;
};

/* rk: any client. Fills the number of partitions. */
bool compacted_topic_ready(rd_kafka_t *rk, const struct compacted_topic *t, int32_t *partitions,
                           struct err *e);
/* Is it there? Looking does not make it, with a consumer. *partitions 0: no. */
bool compacted_topic_look(rd_kafka_t *consumer, const struct compacted_topic *t, int timeout_ms,
                          int32_t *partitions, struct err *e);

#endif
