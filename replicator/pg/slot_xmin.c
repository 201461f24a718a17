#include "replicator/pg/slot_xmin.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "replicator/pg/aside.h"

enum { XMIN_GAP_US = 10000 }; /* whatever the interval: a server is not asked more often */

struct slot_xmin {
    char sql[256];
    struct pg_aside *question;
    int64_t interval_us, next_us;
    bool known;
    uint64_t value;
};

struct slot_xmin *
slot_xmin_new(const struct pg_params *params, int64_t interval_ms, const char *slot)
{
    struct slot_xmin *x = mem_alloc(sizeof(*x));

    /* A slot's name has nothing to quote. */
    snprintf(
        x->sql, sizeof(x->sql),
        "SELECT catalog_xmin::text FROM pg_catalog.pg_replication_slots WHERE slot_name = '%s'",
        slot);
    x->question = pg_aside_new(params, x->sql);
    x->interval_us = interval_ms > INT64_MAX / 2000 ? INT64_MAX / 2 : interval_ms * 1000;
    if (x->interval_us < XMIN_GAP_US)
        x->interval_us = XMIN_GAP_US;
    return x;
}

void
slot_xmin_free(struct slot_xmin *x)
{
    if (!x)
        return;
    pg_aside_free(x->question);
    free(x);
}

static void
xmin_failed(struct slot_xmin *x, const struct err *e)
{
    log_err(LOG_WARN, e, "xmin.fetch.interval.ms: asking for the slot's xmin");
    x->known = true;
}

void
slot_xmin_poll(struct slot_xmin *x)
{
    struct err e = {0};
    int64_t now = clock_mono_us();
    const PGresult *rows;

    if (!pg_aside_busy(x->question) && now >= x->next_us) {
        x->next_us = now + x->interval_us;
        if (!pg_aside_start(x->question, &e))
            xmin_failed(x, &e);
    }
    switch (pg_aside_poll(x->question, &e)) {
    case ASIDE_PENDING:
        break;
    case ASIDE_FAILED:
        xmin_failed(x, &e);
        break;
    case ASIDE_DONE:
        rows = pg_aside_rows(x->question);
        x->value = rows && PQntuples(rows) == 1 && PQnfields(rows) == 1
                       ? strtoull(PQgetvalue(rows, 0, 0), NULL, 10)
                       : 0;
        x->known = true;
        break;
    }
}

bool
slot_xmin_known(const struct slot_xmin *x, uint64_t *value)
{
    *value = x->value;
    return x->known;
}

int
slot_xmin_fd(const struct slot_xmin *x)
{
    return pg_aside_fd(x->question);
}

bool
slot_xmin_wants_write(const struct slot_xmin *x)
{
    return pg_aside_wants_write(x->question);
}

int64_t
slot_xmin_deadline_us(const struct slot_xmin *x)
{
    return pg_aside_busy(x->question) ? INT64_MAX : x->next_us;
}
