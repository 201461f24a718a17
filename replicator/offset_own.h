/*
 * What we know of a position beyond Debezium, as short texts with names: the headers of its record in the offsets topic,
 * which Kafka Connect ignores, and loses when it writes.
 */
#ifndef REPLICATOR_OFFSET_OWN_H
#define REPLICATOR_OFFSET_OWN_H

#include <stddef.h>

#include "replicator/offset.h"

enum { OFFSET_OWN_MEMBERS = 7, OFFSET_OWN_TEXT = 256 };

extern const char *const offset_own_names[OFFSET_OWN_MEMBERS];

struct offset_own_texts {
    char text[OFFSET_OWN_MEMBERS][OFFSET_OWN_TEXT];
    bool found[OFFSET_OWN_MEMBERS];
};

void offset_own_write(const struct offset *o, struct offset_own_texts *out);
/* A text that was found beside a stored offset; value NULL: a header without one. */
bool offset_own_take(struct offset_own_texts *t, int member, const void *value, size_t n,
                     struct err *e);
/* All of ours, or none, which leaves o->own false: Connect wrote it. */
bool offset_own_read(const struct offset_own_texts *t, struct offset *o, struct err *e);

struct buf;
/*
 * Appends the key of an offset in the offsets topic, without a blank: Connect compares bytes. tail: "", or one of
 * offset_own_tails for what stands beside the offset. That is the key of a connector which there is not (no connector's name
 * has a slash). Its records stand in the offset's partition, so that all are read and written in order.
 */
void offset_own_key(struct buf *out, const char *connector, const char *server, const char *tail);
extern const char *const offset_own_tails[OFFSET_BESIDES];
/* The key of something beside an offset? *key_of: its place, the offset's own key. key_of may be NULL. */
bool offset_own_is_beside(struct slice key, struct buf *key_of);

#endif
