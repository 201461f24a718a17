/* JSON values as Kafka Connect's Jackson writes them: compact, its escapes, members in the order they have. */
#ifndef REPLICATOR_CONNECT_JSON_TEXT_H
#define REPLICATOR_CONNECT_JSON_TEXT_H

#include <jansson.h>

#include "base/buf.h"

/* NULL is written as null. */
void json_text_add(struct buf *out, const json_t *v);

#endif
