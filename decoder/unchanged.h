/*
 * skip.messages.without.change: does an update change anything that is said? Both rows are compared as the record's
 * columns are said, so a change of a masked or left out column is none.
 */
#ifndef DECODER_UNCHANGED_H
#define DECODER_UNCHANGED_H

#include "base/buf.h"
#include "decoder/change.h"

/* False without an old row. scratch: for values whose texts differ and that may still be said alike. */
bool unchanged_update(const struct change *c, struct buf *scratch);

#endif
