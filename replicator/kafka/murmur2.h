/* The hash by which Java's producer, and so Kafka Connect, gives keys to partitions. */
#ifndef REPLICATOR_KAFKA_MURMUR2_H
#define REPLICATOR_KAFKA_MURMUR2_H

#include <stddef.h>
#include <stdint.h>

/* org.apache.kafka.common.utils.Utils.murmur2 */
int32_t murmur2(const void *key, size_t n);
/* Utils.toPositive(murmur2(key)) % partitions */
int32_t murmur2_partition(const void *key, size_t n, int32_t partitions);

#endif
