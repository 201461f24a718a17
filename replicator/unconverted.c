#include "replicator/unconverted.h"

#include <inttypes.h>

#include "base/log.h"

enum { UNCONVERTED_FIRST = 3 };

uint64_t
unconverted_take(struct recbuf *out, const struct plan *plan, uint64_t before, const char *where)
{
    uint64_t n = before + out->unconverted;
    bool doubled = (before ^ n) > before; /* a bit more than before had */

    out->unconverted = 0;
    if (!plan->settings->silent_unconvertible && (n <= UNCONVERTED_FIRST || doubled))
        log_warn("%s: table \"%.*s.%.*s\", column \"%.*s\": %s (%" PRIu64 " so far)", where,
                 SLICE_ARG(plan->rel->schema), SLICE_ARG(plan->rel->table),
                 SLICE_ARG(out->unconverted_column), out->unconverted_why.msg, n);
    return n;
}
