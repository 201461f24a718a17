#include "replicator/pg/heartbeat.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "replicator/pg/aside.h"

struct heartbeat {
    int64_t interval_us, next_us;
    bool owed;
    struct pg_aside *query; /* NULL: there is none */
};

struct heartbeat *
heartbeat_new(const struct pg_params *params, int64_t interval_ms, const char *query)
{
    struct heartbeat *h = mem_alloc(sizeof(*h));

    h->interval_us = interval_ms * 1000;
    h->next_us = clock_mono_us() + h->interval_us;
    h->query = query && *query ? pg_aside_new(params, query) : NULL;
    return h;
}

void
heartbeat_free(struct heartbeat *h)
{
    if (!h)
        return;
    pg_aside_free(h->query);
    free(h);
}

void
heartbeat_owe(struct heartbeat *h)
{
    h->owed = true;
}

bool
heartbeat_is_owed(const struct heartbeat *h)
{
    return h->owed;
}

bool
heartbeat_is_due(const struct heartbeat *h)
{
    return clock_mono_us() >= heartbeat_deadline_us(h);
}

void
heartbeat_sent(struct heartbeat *h)
{
    struct err e = {0};

    if (!h->owed)
        h->next_us = clock_mono_us() + h->interval_us;
    h->owed = false;
    if (!h->query)
        return;
    if (pg_aside_busy(h->query))
        log_warn(
            "heartbeat.action.query still runs since the last heartbeat; it is not started again");
    else if (!pg_aside_start(h->query, &e))
        log_err(LOG_WARN, &e, "heartbeat.action.query");
}

bool
heartbeat_poll(struct heartbeat *h, struct err *e)
{
    struct err why = {0};

    if (!h->query || pg_aside_poll(h->query, &why) != ASIDE_FAILED)
        return true;
    if (strcmp(why.sqlstate, "42P01") == 0 || strcmp(why.sqlstate, "57P01") == 0) {
        *e = why;
        return err_wrap(e, "heartbeat.action.query");
    }
    log_err(LOG_WARN, &why, "heartbeat.action.query");
    return true;
}

int
heartbeat_fd(const struct heartbeat *h)
{
    return h->query ? pg_aside_fd(h->query) : -1;
}

bool
heartbeat_wants_write(const struct heartbeat *h)
{
    return h->query && pg_aside_wants_write(h->query);
}

int64_t
heartbeat_deadline_us(const struct heartbeat *h)
{
    return h->owed ? 0 : h->next_us;
}
