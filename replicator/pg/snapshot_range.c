#include "replicator/pg/snapshot_range.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static int
key_range_cmp(const void *a, const void *b)
{
    const struct key_range *x = a, *y = b;

    return x->first != y->first ? (x->first < y->first ? -1 : 1) : 0;
}

size_t
key_range_left(const struct key_range *done, size_t n, struct key_range **out)
{
    struct key_range *sorted = mem_array(n + 1, sizeof(*sorted));
    struct key_range *left = mem_array(n + 1, sizeof(*left));
    int64_t from = INT64_MIN;
    size_t nleft = 0;
    bool open = true; /* from is not covered yet */

    if (n) {
        memcpy(sorted, done, n * sizeof(*sorted));
        qsort(sorted, n, sizeof(*sorted), key_range_cmp);
    }
    for (size_t i = 0; open && i < n; i++) {
        if (sorted[i].last < from)
            continue;
        if (sorted[i].first > from)
            left[nleft++] = (struct key_range){from, sorted[i].first - 1};
        open = sorted[i].last < INT64_MAX;
        from = open ? sorted[i].last + 1 : from;
    }
    if (open)
        left[nleft++] = (struct key_range){from, INT64_MAX};
    free(sorted);
    *out = left;
    return nleft;
}

size_t
key_range_cut(const struct key_range *ranges, size_t n, const int64_t *bounds, size_t nbounds,
              size_t pieces, struct key_range **out)
{
    size_t parts = nbounds > 1 ? nbounds - 1 : 0;
    size_t step = pieces > 0 && parts > pieces ? (parts + pieces - 1) / pieces : 1;
    struct key_range *cut = mem_array(n + nbounds + 1, sizeof(*cut));
    size_t ncut = 0;

    for (size_t i = 0; i < n; i++) {
        int64_t first = ranges[i].first;

        /* Neither the smallest nor the greatest key known is a place to cut. */
        for (size_t b = step; pieces > 1 && b < parts; b += step) {
            if (bounds[b] <= first || bounds[b] > ranges[i].last)
                continue;
            cut[ncut++] = (struct key_range){first, bounds[b] - 1};
            first = bounds[b];
        }
        cut[ncut++] = (struct key_range){first, ranges[i].last};
    }
    *out = cut;
    return ncut;
}
