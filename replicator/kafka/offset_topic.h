/* The offsets topic itself: made compacted when it is missing, checked when it is there. Blocks. */
#ifndef REPLICATOR_KAFKA_OFFSET_TOPIC_H
#define REPLICATOR_KAFKA_OFFSET_TOPIC_H

#include <librdkafka/rdkafka.h>

#include "base/err.h"
#include "base/prop.h"

enum { OFFSET_TOPIC_WAIT_MS = 30000 };

/* rk: a producer. Fills the number of partitions. */
bool offset_topic_ready(rd_kafka_t *rk, const struct config *c, const char *topic,
                        int32_t *partitions, struct err *e);

#endif
