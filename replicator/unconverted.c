#include "replicator/unconverted.h"

#include <inttypes.h>

#include "base/log.h"

enum { UNCONVERTED_FIRST = 3 };

/* One of the first, or a bit more than before had. */
static bool
unconverted_logged(uint64_t before, uint64_t n)
{
    return n <= UNCONVERTED_FIRST || (before ^ n) > before;
}

uint64_t
unconverted_take(struct recbuf *out, const struct plan *plan, uint64_t before, const char *where)
{
    uint64_t n = before + out->unconverted;

    out->unconverted = 0;
    if (!plan->settings->silent_unconvertible && unconverted_logged(before, n))
        log_warn("%s: table \"%.*s.%.*s\", column \"%.*s\": %s (%" PRIu64 " so far)", where,
                 SLICE_ARG(plan->rel->schema), SLICE_ARG(plan->rel->table),
                 SLICE_ARG(out->unconverted_column), out->unconverted_why.msg, n);
    return n;
}

uint64_t
unconverted_take_note(struct recbuf *out, const struct plan *plan, uint64_t before,
                      const char *where)
{
    uint64_t n = before + out->noted;

    out->noted = 0;
    if (unconverted_logged(before, n))
        log_at(out->note.is_error ? LOG_ERROR : LOG_WARN,
               "%s: topic \"%s\": %s (%" PRIu64 " so far)", where, plan->topic, out->note.text, n);
    return n;
}
