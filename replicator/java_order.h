/* Names in the order of a Java hash set or map, where Debezium lists them so. */
#ifndef REPLICATOR_JAVA_ORDER_H
#define REPLICATOR_JAVA_ORDER_H

#include <stddef.h>
#include <stdint.h>

/* What holds them decides how many buckets there are: a HashSet made of a collection, a ConcurrentHashMap that grew. */
uint32_t java_set_table(size_t n);
uint32_t java_concurrent_table(size_t n);
/* order[0..n): which name comes when. Those that share a bucket stay as they are. */
void java_order(const char *const *names, size_t n, uint32_t table, size_t *order);

#endif
