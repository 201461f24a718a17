/* Ranges of integer keys: what is left of a table when some were read before, and how to cut it. No libpq. */
#ifndef REPLICATOR_PG_SNAPSHOT_RANGE_H
#define REPLICATOR_PG_SNAPSHOT_RANGE_H

#include <stddef.h>
#include <stdint.h>

/* Both bounds inclusive; INT64_MIN and INT64_MAX: open. */
struct key_range {
    int64_t first, last;
};

/* What none of `done` (any order, they may overlap) covers, ascending. *out is the caller's to free; returns how many. */
size_t key_range_left(const struct key_range *done, size_t n, struct key_range **out);

/*
 * Cuts ranges (ascending, disjoint) at bounds (ascending), where a table of nbounds - 1 equal parts has its borders, so
 * that there are about `pieces` for a whole table. *out is the caller's to free; returns how many.
 */
size_t key_range_cut(const struct key_range *ranges, size_t n, const int64_t *bounds,
                     size_t nbounds, size_t pieces, struct key_range **out);

#endif
