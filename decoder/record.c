#include "decoder/record.h"

#include <stdlib.h>

#include "base/mem.h"

void
recbuf_init(struct recbuf *b, size_t max_bytes)
{
    memset(b, 0, sizeof(*b));
    buf_init(&b->bytes, max_bytes);
}

void
recbuf_clear(struct recbuf *b)
{
    buf_recycle(&b->bytes);
    b->n = 0;
    b->nheaders = 0;
    b->hidden = 0;
}

void
recbuf_free(struct recbuf *b)
{
    buf_free(&b->bytes);
    free(b->recs);
    free(b->headers);
    if (b->cache)
        b->free_cache(b->cache);
    memset(b, 0, sizeof(*b));
}

struct record *
recbuf_add(struct recbuf *b)
{
    struct record *r;

    if (b->n == b->cap) {
        b->cap = b->cap ? b->cap * 2 : 8;
        b->recs = mem_grow(b->recs, b->cap, sizeof(*b->recs));
    }
    r = &b->recs[b->n++];
    memset(r, 0, sizeof(*r));
    r->partition = RECORD_ANY_PARTITION;
    return r;
}

struct record_header_value *
recbuf_add_header(struct recbuf *b)
{
    struct record_header_value *h;

    if (b->nheaders == b->headers_cap) {
        b->headers_cap = b->headers_cap ? b->headers_cap * 2 : 8;
        b->headers = mem_grow(b->headers, b->headers_cap, sizeof(*b->headers));
    }
    h = &b->headers[b->nheaders++];
    *h = (struct record_header_value){0};
    return h;
}

static const char *const snapshot_markers[] = {
    [SNAPSHOT_FALSE] = "false",
    [SNAPSHOT_FIRST] = "first",
    [SNAPSHOT_FIRST_IN_COLLECTION] = "first_in_data_collection",
    [SNAPSHOT_TRUE] = "true",
    [SNAPSHOT_LAST_IN_COLLECTION] = "last_in_data_collection",
    [SNAPSHOT_LAST] = "last",
    [SNAPSHOT_INCREMENTAL] = "incremental",
};

const char *
snapshot_marker_text(enum snapshot_marker m)
{
    return snapshot_markers[m];
}
