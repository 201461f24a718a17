/*
 * Values that cannot be said and were written as NULL is, or with U+FFFD in place of bytes that are no characters
 * (event.converting.failure.handling.mode): one way to tell of them,
 * for the stream and for snapshots. Any thread.
 */
#ifndef REPLICATOR_UNCONVERTED_H
#define REPLICATOR_UNCONVERTED_H

#include "decoder/plan.h"
#include "decoder/record.h"

/*
 * Takes note of what `out` has had since it was last asked and clears it; returns how many there are with the `before` that
 * its owner knew of. Thousands may come: the first ones are logged, and then whenever their number has doubled. where: what
 * stands at the line's beginning.
 */
uint64_t unconverted_take(struct recbuf *out, const struct plan *plan, uint64_t before,
                          const char *where);
/* The same for what transforms say of records (struct smt_note), whatever event.converting.failure.handling.mode says. */
uint64_t unconverted_take_note(struct recbuf *out, const struct plan *plan, uint64_t before,
                               const char *where);

#endif
