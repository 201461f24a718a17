/* Rows in COPY's text form. No libpq: bytes in, values out. */
#ifndef REPLICATOR_PG_COPY_TEXT_H
#define REPLICATOR_PG_COPY_TEXT_H

#include <stddef.h>

#include "decoder/change.h"

/*
 * Splits a row of n bytes, without its newline, at its tabs; field i becomes v[cols[i]], for i < ncols. Escapes are undone
 * in place, so a row is split once. Returns the number of fields, ncols + 1 when there are more.
 */
unsigned copy_text_split(char *row, size_t n, const uint16_t *cols, unsigned ncols,
                         struct value *v);

#endif
