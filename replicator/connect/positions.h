/*
 * What the offsets topic says: the newest record of each key, ["<connector>",{"server":"<topic.prefix>"}]. Pure: no thread,
 * no Kafka; the caller locks.
 */
#ifndef REPLICATOR_CONNECT_POSITIONS_H
#define REPLICATOR_CONNECT_POSITIONS_H

#include <jansson.h>

#include "base/buf.h"
#include "replicator/connect/storage.h"
#include "replicator/offset.h"

struct positions;

struct positions *positions_new(void);
void positions_free(struct positions *p);
void positions_apply(struct positions *p, const struct storage_record *r);
/* The offset of a key. False: what stands there cannot be read. */
bool positions_find(const struct positions *p, struct slice key, struct offset *out, bool *found,
                    struct err *e);
/* What stands there as it is; NULL: nothing. Caller frees. */
char *positions_text(const struct positions *p, struct slice key);
/* [{"partition":…,"offset":…}] of a connector. */
json_t *positions_of(const struct positions *p, const char *connector);
/* All keys of a connector that have an offset, one after the other: for (i = 0; positions_next(…);) */
bool positions_next(const struct positions *p, const char *connector, size_t *i, struct slice *key);

void positions_put_key(struct buf *key, const char *connector, const json_t *partition);

#endif
