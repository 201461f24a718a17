/* How large a record is to the Java producer, whose max.request.size is measured by this estimate and not by the bytes sent. */
#ifndef SINKS_KAFKA_SIZE_H
#define SINKS_KAFKA_SIZE_H

#include <stddef.h>
#include <stdint.h>

#include "decoder/record.h"

struct kafka_header {
    const char *name;
    struct slice value;
};

/*
 * AbstractRecords.estimateSizeInBytesUpperBound of a version 2 batch holding this record alone. context stands for the
 * headers of a record with RECORD_CONTEXT.
 */
uint64_t kafka_record_size(const struct recbuf *b, const struct record *r,
                           const struct kafka_header *context, size_t n);

#endif
