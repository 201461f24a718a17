/*
 * A blocking snapshot: the stream waits at the signal's row, which goes out behind what was read. So a program that is ended
 * in between sees the signal again and begins anew.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "base/mem.h"
#include "decoder/filter.h"
#include "replicator/signals_priv.h"

enum { BLOCKING_BATCHES = 4 };

/* Debezium wants a whole SELECT here and a condition for an incremental snapshot; both are understood. */
static bool
is_select(const char *text)
{
    text += strspn(text, " \t\r\n(");
    return strncasecmp(text, "select", 6) == 0 || strncasecmp(text, "with", 4) == 0;
}

static size_t
blocking_tables(struct signals *s, const struct order_table *tables, size_t n,
                struct snapshot_table *out)
{
    const struct filter *filter = s->parts.inc.settings->filter;
    size_t kept = 0;

    for (size_t i = 0; i < n; i++) {
        struct slice schema = slice_of(tables[i].schema), table = slice_of(tables[i].table);
        bool select = tables[i].filter && is_select(tables[i].filter);

        if (!filter_table(filter, schema, table)) {
            log_warn(
                "blocking snapshot: there is no table \"%s.%s\", or it is not captured; it "
                "is left out",
                tables[i].schema, tables[i].table);
            continue;
        }
        out[kept++] = (struct snapshot_table){
            .schema = tables[i].schema,
            .table = tables[i].table,
            .select = select ? tables[i].filter : NULL,
            .condition = select ? NULL : tables[i].filter,
        };
    }
    return kept;
}

static void
blocking_done(struct signals *s, const char *type)
{
    signals_end_blocking(s);
    notify_say(s->notify, NOTIFY_INITIAL, type, NULL, NULL);
    s->step = ORDER_NONE;
    signals_owe(s, incremental_touch(s->inc));
}

void
signals_block(struct signals *s, const struct order_table *tables, size_t n)
{
    struct snapshot_table *list = arena_alloc(&s->arena, (n + 1) * sizeof(*list));
    struct snapshot_request r = {
        .params = s->parts.inc.params,
        .connector = s->parts.connector,
        .config = s->parts.inc.config,
        .last_commit_lsn = pipeline_seen_lsn(s->parts.inc.pipeline),
        .server_version = s->server_version,
        .settings = s->parts.inc.settings,
        .sinks = s->parts.sinks,
        .nsinks = s->parts.nsinks,
        .types = s->parts.inc.types,
        .pipeline = s->parts.inc.pipeline,
        .tables = list,
        .ntables = blocking_tables(s, tables, n, list),
    };
    struct err e = {0};

    s->step = ORDER_BLOCKING;
    s->told = (struct notify_tables){0};
    notify_say(s->notify, NOTIFY_INITIAL, "STARTED", NULL, NULL);
    log_info("blocking snapshot \"%s\": the stream waits", s->order.id ? s->order.id : "");
    if (r.ntables == 0) {
        blocking_done(s, "COMPLETED");
        s->blocked = true;
        return;
    }
    s->snapshot = snapshot_start(&r, &e);
    if (!s->snapshot) {
        log_err(LOG_ERROR, &e, "blocking snapshot");
        blocking_done(s, "ABORTED");
        return;
    }
    s->own_txn = !led_in_txn(s->parts.inc.ledger);
    if (s->own_txn)
        led_begin(s->parts.inc.ledger, &(struct led_txn){0});
}

void
signals_end_blocking(struct signals *s)
{
    if (!s->snapshot)
        return;
    if (s->batch)
        snapshot_give_back(s->snapshot, s->batch);
    s->batch = NULL;
    snapshot_free(s->snapshot);
    s->snapshot = NULL;
    if (s->own_txn)
        led_commit(s->parts.inc.ledger, 1); /* the smallest end: it moves no position */
    s->own_txn = false;
}

static enum pipe_result
blocking_failed(struct signals *s, const struct err *e)
{
    log_err(LOG_ERROR, e, "blocking snapshot; the stream goes on");
    notify_of_failure(s->notify, &s->told, s->snapshot);
    blocking_done(s, "ABORTED");
    return PIPE_OK;
}

/* One batch; *over: nothing more for now. */
static enum pipe_result
blocking_put(struct signals *s, bool *over, struct err *e)
{
    struct err why = {0};
    enum pipe_result r;
    bool done;

    *over = true;
    if (!s->batch && !snapshot_take(s->snapshot, &s->batch, &done, &why))
        return blocking_failed(s, &why);
    if (!s->batch && !done)
        return PIPE_OK;
    if (!s->batch) {
        notify_of_tables(s->notify, &s->told, s->snapshot);
        log_info("blocking snapshot \"%s\": done, the stream goes on",
                 s->order.id ? s->order.id : "");
        blocking_done(s, "COMPLETED");
        s->blocked = true;
        return PIPE_OK;
    }
    r = pipeline_put_batch(s->parts.inc.pipeline, s->batch, 0, e);
    if (r != PIPE_OK)
        return r;
    snapshot_give_back(s->snapshot, s->batch);
    s->batch = NULL;
    *over = false;
    return PIPE_OK;
}

enum pipe_result
signals_blocking_step(struct signals *s, struct err *e)
{
    enum pipe_result r = PIPE_OK;
    bool over = false;

    s->more = false;
    if (!s->batch) {
        notify_of_tables(s->notify, &s->told, s->snapshot);
        r = signals_notes(s, e);
    }
    for (int i = 0; r == PIPE_OK && !over && i < BLOCKING_BATCHES; i++) {
        if (led_full(s->parts.inc.ledger))
            return PIPE_OK;
        r = blocking_put(s, &over, e);
    }
    s->more = r == PIPE_OK && !over;
    return r;
}
