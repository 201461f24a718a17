/*
 * The three storage topics, as the worker needs them: records that are read in order, from the beginning and then as they
 * come, and records that are written. In Kafka (replicator/kafka/storage.c), or in memory for tests.
 */
#ifndef REPLICATOR_CONNECT_STORAGE_H
#define REPLICATOR_CONNECT_STORAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/prop.h"
#include "base/slice.h"

enum storage_topic { STORAGE_CONFIGS, STORAGE_STATUSES, STORAGE_OFFSETS, STORAGE_TOPICS };
enum { STORAGE_HEADERS_MAX = 16, STORAGE_MEMBER_TEXT = 300 };

struct storage_header {
    const char *name;
    struct slice value; /* p NULL: none */
};

struct storage_record {
    enum storage_topic topic;
    struct slice key, value; /* value.p NULL: a tombstone */
    struct slice place;      /* when written: the key whose partition it goes to; p NULL: its own */
    const struct storage_header *headers;
    size_t nheaders;
    /* When read: where it stands, and whether that is where its key belongs (Java's partitioner). */
    int32_t partition;
    int64_t offset;
    bool strayed;
};

struct storage_handler {
    void *arg;
    /* On the storage's thread (in memory: on the writer's); views that are valid during the call. */
    void (*record)(void *arg, const struct storage_record *r);
    /* Once: what stood there at the start was read (e NULL), or the topics cannot be used. */
    void (*ready)(void *arg, const struct err *e);
    /* Before that: what it is waiting for. */
    void (*trouble)(void *arg, const struct err *e);
    /* What was posted under this key could not be written. On any thread, also in post itself. */
    void (*lost)(void *arg, enum storage_topic topic, struct slice key);
};

struct storage;
struct storage_ops {
    /* Begins to read; returns at once. */
    bool (*start)(struct storage *s, const struct storage_handler *h, struct err *e);
    /* n records of one topic in order: durable when it returns, those of the configuration topic also read back. From any
     * thread but the storage's. */
    bool (*put)(struct storage *s, const struct storage_record *records, size_t n, struct err *e);
    /* Does not wait: for what can be written again when it was lost. */
    void (*post)(struct storage *s, const struct storage_record *r);
    /* Reads up to what stands there now. */
    bool (*sync)(struct storage *s, struct err *e);
    /* Real workers of the group that are alive, at this moment. *who: of one of them, for messages. Blocks. */
    bool (*members)(struct storage *s, unsigned *n, char who[STORAGE_MEMBER_TEXT], struct err *e);
    /* The cluster's id; "" not known. */
    void (*cluster_id)(struct storage *s, char *out, size_t n);
    /* What was posted goes out, for at most this long. */
    void (*flush)(struct storage *s, int64_t ms);
    /* Nobody is in a call of it any more. */
    void (*close)(struct storage *s);
};
/* First member of every storage. */
struct storage {
    const struct storage_ops *ops;
};

struct storage *storage_memory_new(void);
/* c: the worker's configuration. */
struct storage *storage_kafka_new(const struct config *c, struct err *e);

#endif
