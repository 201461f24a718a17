/*
 * Encoded records: what `encode` makes and `put` takes. Bytes lie in one buffer; records name them by offset, so the buffer
 * may grow. A snapshot worker fills a recbuf with many rows, the stream with one change at a time.
 */
#ifndef DECODER_RECORD_H
#define DECODER_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "decoder/change.h"

enum record_header { RECORD_PLAIN, RECORD_CONTEXT /* the four __debezium.context headers */ };

struct record {
    uint32_t key, nkey; /* offset and length in recbuf.bytes */
    uint32_t value, nvalue;
    uint32_t extra, nextra; /* value of one more header (new key, old key), nextra 0: none */
    const char *extra_name; /* "__debezium.newkey"; constant */
    struct identity id;
    uint16_t index;            /* of this record among the change's: part of its identity */
    bool null_key, null_value; /* null bytes, not the text "null" */
    bool first_partition;      /* to partition 0, whatever the key says */
    uint8_t headers;           /* enum record_header */
    uint8_t op;                /* enum change_op */
};

struct recbuf {
    struct buf bytes;
    struct record *recs;
    size_t n, cap;
    /* Values that could not be said and were written as NULL is: how many since the owner last looked, and the last one. */
    uint64_t unconverted;
    struct slice unconverted_column;
    struct err unconverted_why;
    /* Scratch of the program that fills it: what it rendered for the current transaction. Owned by the converter. */
    struct recbuf_cache *cache;
    void (*free_cache)(struct recbuf_cache *);
};

void recbuf_init(struct recbuf *b, size_t max_bytes);
void recbuf_clear(struct recbuf *b); /* keeps memory and cache */
void recbuf_free(struct recbuf *b);
struct record *recbuf_add(struct recbuf *b); /* zeroed */

static inline struct slice
recbuf_slice(const struct recbuf *b, uint32_t at, uint32_t n)
{
    return (struct slice){b->bytes.p + at, n};
}

#endif
