/* Who is in a Connect group. librdkafka's DescribeConsumerGroups takes consumers only, so this lists groups, and blocks. */
#ifndef REPLICATOR_KAFKA_GROUP_H
#define REPLICATOR_KAFKA_GROUP_H

#include <librdkafka/rdkafka.h>

#include "base/err.h"

/* *n: members of the group whose protocol is Connect's. who: one of them, for messages. */
bool group_members(rd_kafka_t *rk, const char *group, unsigned *n, char *who, size_t nwho,
                   struct err *e);

#endif
