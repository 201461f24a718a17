/* Inside the worker's storage in Kafka: what its clients and writing (storage.c) and its reading (storage_read.c) share. */
#ifndef REPLICATOR_KAFKA_STORAGE_PRIV_H
#define REPLICATOR_KAFKA_STORAGE_PRIV_H

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdatomic.h>

#include "replicator/connect/storage.h"
#include "replicator/kafka/compacted_topic.h"

enum { STORAGE_SYNC_MS = 60000 };

struct storage_kafka {
    struct storage base;
    const struct config *config;
    struct compacted_topic topics[STORAGE_TOPICS];
    struct storage_handler handler;
    rd_kafka_t *producer, *consumer;
    rd_kafka_topic_t *out[STORAGE_TOPICS];
    rd_kafka_queue_t *queue;
    pthread_t reader, reporter;
    bool has_reader, has_reporter;
    atomic_bool closing;
    int32_t partitions[STORAGE_TOPICS];

    pthread_mutex_t lock;
    pthread_cond_t moved;          /* a position or a report */
    int64_t *next[STORAGE_TOPICS]; /* what is read next, by partition */
};

/* storage.c */
/* A producer's handle of a topic that is there. */
bool storage_topic_out(struct storage_kafka *s, enum storage_topic topic, struct err *e);
/* Is the topic known yet? */
bool storage_is_ready(struct storage_kafka *s, enum storage_topic topic, struct err *e);
/* With the lock: waits for something to move, for a moment. False: the time is over, or it is closing. */
bool storage_wait(struct storage_kafka *s, int64_t until_us);

/* storage_read.c */
void *storage_read(void *arg); /* the reading thread; arg: the storage */
bool storage_sync(struct storage *base, struct err *e);

#endif
