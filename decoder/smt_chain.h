/* The chain of transforms as it was read. Inside decoder/smt*.c only. */
#ifndef DECODER_SMT_CHAIN_H
#define DECODER_SMT_CHAIN_H

#include <stdatomic.h>

#include "decoder/smt_priv.h"

enum {
    SMT_TOPIC_BUCKETS = 256,
    /* Kafka sinks keep something for each topic, and a cluster does not bear more. */
    SMT_TOPICS_MAX = 100000,
};

struct smt_topic {
    struct smt_topic *next;
    size_t n;
    char name[];
};

struct smt_topics {
    _Atomic(struct smt_topic *) buckets[SMT_TOPIC_BUCKETS];
    atomic_size_t n;
};

struct smt_chain {
    struct arena arena;
    struct smt *v;
    size_t n;
    struct smt *predicates;
    size_t npredicates;
    struct draft_context context;
    bool tolerant;
    struct smt_topics *topics;
};

#endif
