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
enum { RECORD_ANY_PARTITION = -1 };

/* A header that transforms made or kept. */
struct record_header_value {
    const char *name; /* as long as the program */
    uint32_t at, n;   /* in recbuf.bytes */
    bool null;
};

struct record {
    uint32_t key, nkey; /* offset and length in recbuf.bytes */
    uint32_t value, nvalue;
    uint32_t extra, nextra; /* value of one more header (new key, old key), nextra 0: none */
    const char *extra_name; /* "__debezium.newkey"; constant */
    struct identity id;
    uint16_t index;            /* of this record among the change's: part of its identity */
    bool null_key, null_value; /* null bytes, not the text "null" */
    uint8_t headers;           /* enum record_header */
    uint8_t op;                /* enum change_op */
    int32_t partition;         /* RECORD_ANY_PARTITION: the key says */
    const char
        *topic; /* NULL: the plan's; else as long as the connector, one pointer for each name */
    int64_t timestamp_ms; /* 0: when it is sent */
    uint32_t hdr, nhdr;   /* more headers, in recbuf.headers */
    uint32_t nlead;       /* so many of them stand before the context, the others behind */
};

/* A line of the log: which of the table's records it is does not matter. */
struct smt_note {
    char text[160];
    bool is_error; /* else a warning */
};

struct recbuf {
    struct buf bytes;
    struct record *recs;
    size_t n, cap;
    struct record_header_value *headers;
    size_t nheaders, headers_cap;
    /* Values that could not be said and were written as NULL is: how many since the owner last looked, and the last one. */
    uint64_t unconverted;
    struct slice unconverted_column;
    struct err unconverted_why;
    /* Records that a transform failed on and errors.tolerance=all left out: the same. */
    uint64_t skipped;
    struct err skipped_why;
    /* What transforms say of records that they leave out or cannot make what they should: the same. */
    uint64_t noted;
    struct smt_note note;
    /* Records with a value that transforms dropped or made tombstones, since recbuf_clear: Debezium counts them. */
    uint32_t hidden;
    /* Scratch of the program that fills it: what it rendered for the current transaction. Owned by the converter. */
    struct recbuf_cache *cache;
    void (*free_cache)(struct recbuf_cache *);
};

void recbuf_init(struct recbuf *b, size_t max_bytes);
void recbuf_clear(struct recbuf *b); /* keeps memory and cache */
void recbuf_free(struct recbuf *b);
struct record *recbuf_add(struct recbuf *b);                     /* zeroed, to any partition */
struct record_header_value *recbuf_add_header(struct recbuf *b); /* zeroed */

static inline struct slice
recbuf_slice(const struct recbuf *b, uint32_t at, uint32_t n)
{
    return (struct slice){b->bytes.p + at, n};
}

#endif
