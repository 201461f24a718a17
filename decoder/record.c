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
    buf_clear(&b->bytes);
    b->n = 0;
}

void
recbuf_free(struct recbuf *b)
{
    buf_free(&b->bytes);
    free(b->recs);
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
    return r;
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
