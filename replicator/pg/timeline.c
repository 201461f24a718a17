#include "replicator/pg/timeline.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "replicator/pg/aside.h"
#include "replicator/pg/slot.h"

/* How long an offset may name the old timeline: refused then, not taken for what it is not. */
enum { TIMELINE_GAP_US = 1000000 };

static const char timeline_sql[] = "SELECT (" PG_TIMELINE_SQL ")::text FROM " PG_TIMELINE_FROM;

struct timeline_watch {
    struct pg_aside *question;
    int64_t next_us;
    uint32_t timeline;
};

struct timeline_watch *
timeline_watch_new(const struct pg_params *params, uint32_t timeline)
{
    struct timeline_watch *w = mem_alloc(sizeof(*w));

    w->question = pg_aside_new(params, timeline_sql);
    w->timeline = timeline;
    return w;
}

void
timeline_watch_free(struct timeline_watch *w)
{
    if (!w)
        return;
    pg_aside_free(w->question);
    free(w);
}

static uint32_t
answer(const struct timeline_watch *w)
{
    const PGresult *rows = pg_aside_rows(w->question);

    return rows && PQntuples(rows) == 1 ? (uint32_t)strtoul(PQgetvalue(rows, 0, 0), NULL, 10) : 0;
}

bool
timeline_watch_poll(struct timeline_watch *w, uint32_t *timeline)
{
    struct err e = {0};
    int64_t now = clock_mono_us();
    bool ok = true;

    if (!pg_aside_busy(w->question) && now >= w->next_us) {
        w->next_us = now + TIMELINE_GAP_US;
        ok = pg_aside_start(w->question, &e);
    }
    switch (ok ? pg_aside_poll(w->question, &e) : ASIDE_FAILED) {
    case ASIDE_PENDING:
        return false;
    case ASIDE_FAILED:
        log_err(LOG_WARN, &e, "asking the standby for its timeline");
        return false;
    case ASIDE_DONE:
        break;
    }
    *timeline = answer(w);
    if (!*timeline || *timeline == w->timeline)
        return false;
    w->timeline = *timeline;
    return true;
}

int
timeline_watch_fd(const struct timeline_watch *w)
{
    return pg_aside_fd(w->question);
}

bool
timeline_watch_wants_write(const struct timeline_watch *w)
{
    return pg_aside_wants_write(w->question);
}

int64_t
timeline_watch_deadline_us(const struct timeline_watch *w)
{
    return pg_aside_busy(w->question) ? INT64_MAX : w->next_us;
}
