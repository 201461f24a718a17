#include "sinks/kafka/size.h"

enum {
    BATCH_OVERHEAD = 61,  /* DefaultRecordBatch.RECORD_BATCH_OVERHEAD */
    RECORD_OVERHEAD = 21, /* DefaultRecord.MAX_RECORD_OVERHEAD */
};

/* A length as a zigzag varint, and the bytes; null is the length -1. */
static uint64_t
sized(uint64_t n)
{
    uint64_t bytes = 1;

    for (uint64_t v = n << 1; v >= 0x80; v >>= 7)
        bytes++;
    return bytes + n;
}

uint64_t
kafka_record_size(const struct recbuf *b, const struct record *r,
                  const struct kafka_header *context, size_t n)
{
    uint64_t size = BATCH_OVERHEAD + RECORD_OVERHEAD;
    size_t headers = 0;

    size += r->null_key ? 1 : sized(r->nkey);
    size += r->null_value ? 1 : sized(r->nvalue);
    if (r->nextra > 0) {
        size += sized(strlen(r->extra_name)) + sized(r->nextra);
        headers++;
    }
    for (size_t i = 0; r->headers == RECORD_CONTEXT && i < n; i++) {
        size += sized(strlen(context[i].name)) + sized(context[i].value.n);
        headers++;
    }
    for (uint32_t i = 0; i < r->nhdr; i++) {
        const struct record_header_value *h = &b->headers[r->hdr + i];

        size += sized(strlen(h->name)) + (h->null ? 1 : sized(h->n));
        headers++;
    }
    return size + sized(headers) - headers;
}
