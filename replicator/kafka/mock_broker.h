/*
 * An embedded Kafka endpoint for trials: librdkafka's mock cluster (one broker, in this process) behind a listener of our
 * own on 127.0.0.1. The listener passes bytes on; it looks at requests for metadata only, to make topics that are asked
 * for with one partition, where the mock cluster by itself would make four, and puts its own port into the answers.
 *
 * Limits of the mock cluster: a partition keeps its last 5 MB or 100 000 messages; no CreateTopics.
 */
#ifndef REPLICATOR_KAFKA_MOCK_BROKER_H
#define REPLICATOR_KAFKA_MOCK_BROKER_H

#include "base/err.h"

struct mock_broker;

/* port 0: any free one. */
struct mock_broker *mock_broker_new(int port, struct err *e);
/* "127.0.0.1:PORT" */
const char *mock_broker_servers(const struct mock_broker *b);
/* A topic that is there already stays as it is. */
bool mock_broker_topic(struct mock_broker *b, const char *name, int partitions, struct err *e);
/* Every answer comes that much later, as from a broker far away. */
void mock_broker_delay(struct mock_broker *b, int ms);
/* Serves until stop_fd is readable. */
bool mock_broker_run(struct mock_broker *b, int stop_fd, struct err *e);
void mock_broker_free(struct mock_broker *b);

#endif
