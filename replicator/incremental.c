/* The way of a chunk: from its open watermark to the next one's. */
#include "replicator/incremental.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "replicator/incremental_priv.h"
#include "replicator/uuid.h"

enum {
    INC_RETRY_MS = 250,
    INC_RETRY_CAP_MS = 10000,
    INC_BLIND_MS = 10, /* until a commit is visible */
    INC_BLIND_CAP_MS = 1000,
    INC_WINDOW_WARN_US = 60000000,
};

struct incremental *
incremental_new(const struct incremental_parts *parts)
{
    struct incremental *i = mem_alloc(sizeof(*i));
    const char *signals = config_str(parts->config, "signal.data.collection");

    i->parts = *parts;
    i->chunks = chunks_new(parts->params, signals ? slice_of(signals) : (struct slice){NULL, 0});
    i->read_only = config_bool(parts->config, "read.only");
    i->delete_mark =
        strcasecmp(config_str(parts->config, "incremental.snapshot.watermarking.strategy"),
                   "insert_delete") == 0;
    i->chunk_rows = config_int(parts->config, "incremental.snapshot.chunk.size");
    i->saved = mem_alloc(sizeof(*i->saved));
    i->nsaved = 1;
    i->xids = mem_array(PIPE_XIDS, sizeof(*i->xids));
    i->window = window_new();
    arena_init(&i->arena);
    arena_init(&i->snapshot_arena);
    return i;
}

void
incremental_free(struct incremental *i)
{
    if (!i)
        return;
    inc_forget_table(i);
    chunks_free(i->chunks);
    while (i->ntables)
        inc_drop_table(i, i->ntables - 1);
    for (size_t k = 0; k < i->nstops; k++)
        free(i->stops[k]);
    for (size_t k = 0; k < i->nsaved; k++)
        free(i->saved[k].text);
    map_free(i->known, NULL);
    free(i->stops);
    free(i->tables);
    free(i->saved);
    free(i->id);
    free(i->xids);
    inc_key_free(&i->sent);
    inc_key_free(&i->upto);
    inc_key_free(&i->after);
    inc_key_free(&i->end);
    free(i->key_names);
    window_free(i->window);
    arena_free(&i->arena);
    arena_free(&i->snapshot_arena);
    free(i);
}

bool
incremental_is_running(const struct incremental *i)
{
    return i->ntables > 0;
}

bool
incremental_is_reading(const struct incremental *i)
{
    return i->step != INC_IDLE && i->step != INC_WINDOW;
}

bool
incremental_is_possible(const struct incremental *i)
{
    return i->read_only || config_str(i->parts.config, "signal.data.collection") != NULL;
}

const char *
incremental_queued(const struct incremental *i, size_t at)
{
    return at < i->ntables ? i->tables[at].name : NULL;
}

/* ------------------------------------------------------------------------------------------------ telling */

static void
say_scanned(struct incremental *i, const char *status)
{
    char rows[24], *names = inc_names(i);

    snprintf(rows, sizeof(rows), "%" PRIu64, i->rows);
    notify_say(i->parts.notify, NOTIFY_INCREMENTAL, "TABLE_SCAN_COMPLETED", i->id,
               "scanned_collection", i->tables[0].name, "total_rows_scanned", rows,
               "data_collections", names, "status", status, NULL);
    free(names);
}

static void
say_progress(struct incremental *i)
{
    char *names = inc_names(i), *upto = inc_key_text(&i->upto), *last = inc_key_text(&i->end);

    notify_say(i->parts.notify, NOTIFY_INCREMENTAL, "IN_PROGRESS", i->id,
               "current_collection_in_progress", i->tables[0].name, "maximum_key", upto,
               "last_processed_key", last, "data_collections", names, NULL);
    free(names);
    free(upto);
    free(last);
}

/* ------------------------------------------------------------------------------------------------ tables */

/* The first table is done with: on to the next, if there is one. */
void
inc_next_table(struct incremental *i)
{
    inc_forget_table(i);
    inc_drop_table(i, 0);
    inc_key_free(&i->sent);
    inc_key_free(&i->after);
    inc_key_free(&i->upto);
    free(i->key_names);
    i->key_names = NULL;
    i->rows = 0;
    i->retries = i->blinds = 0;
    i->failed_once = false;
    if (!i->ntables) {
        notify_say(i->parts.notify, NOTIFY_INCREMENTAL, "COMPLETED", i->id, NULL);
        log_info("incremental snapshot \"%s\": done", i->id ? i->id : "");
        inc_set_id(i, NULL);
    }
    inc_save(i);
}

static void
skip_table(struct incremental *i, const char *status)
{
    say_scanned(i, status);
    inc_next_table(i);
}

/* ------------------------------------------------------------------------------------------------ questions */

static void
instant(char dst[40])
{
    int64_t ns = clock_now_ns();
    time_t s = (time_t)(ns / 1000000000);
    struct tm tm;

    size_t n;

    gmtime_r(&s, &tm);
    n = strftime(dst, 24, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(dst + n, 40 - n, ".%09uZ", (unsigned)(ns % 1000000000));
}

static void
ask_open(struct incremental *i)
{
    char id[48], data[96];

    if (i->read_only)
        return;
    instant(i->opened);
    snprintf(id, sizeof(id), "%s-open", i->chunk_id);
    snprintf(data, sizeof(data), "{\"openWindowTimestamp\": \"%s\"}", i->opened);
    chunks_insert_mark(i->chunks, id, "snapshot-window-open", data);
}

static void
ask_describe(struct incremental *i)
{
    chunks_describe(i->chunks, i->tables[0].schema, i->tables[0].table);
    chunks_run(i->chunks);
    i->step = INC_DESCRIBE;
}

static void
end_chunk(struct incremental *i)
{
    i->step = INC_IDLE;
    i->open = i->closed = false;
    i->chunk_id[0] = '\0';
    inc_key_free(&i->end);
    window_clear(i->window);
}

static void
ask_close(struct incremental *i)
{
    char id[48], data[160], now[40];

    i->step = INC_CLOSE;
    if (i->read_only) {
        i->step = INC_WINDOW;
        if (!i->ntables)
            end_chunk(i);
        return;
    }
    snprintf(id, sizeof(id), "%s-%s", i->chunk_id, i->delete_mark ? "open" : "close");
    instant(now);
    snprintf(data, sizeof(data),
             "{\"openWindowTimestamp\": \"%s\", \"closeWindowTimestamp\": \"%s\"}", i->opened, now);
    if (i->delete_mark)
        chunks_delete_mark(i->chunks, id);
    else
        chunks_insert_mark(i->chunks, id, "snapshot-window-close", data);
    chunks_run(i->chunks);
}

static void
ask_rows(struct incremental *i)
{
    struct chunk_select s;
    bool whole = i->upto.v != NULL;

    inc_select(i, &s);
    chunks_clear(i->chunks);
    if (!whole) {
        chunks_ask_last(i->chunks, &s);
        i->step = INC_LAST;
    } else {
        if (i->read_only)
            inc_note_open(i);
        chunks_ask_rows(i->chunks, &s);
        i->step = INC_ROWS;
    }
    chunks_run(i->chunks);
}

/* The description of what is now the first table, or the end. */
static void
go_on(struct incremental *i)
{
    if (i->ntables && inc_is_ahead(i)) {
        end_chunk(i);
    } else if (i->ntables) {
        chunks_clear(i->chunks);
        ask_describe(i);
    } else {
        ask_close(i);
    }
}

static bool
may_begin(const struct incremental *i)
{
    return i->step == INC_IDLE && i->ntables && !i->paused && !inc_is_ahead(i);
}

void
inc_begin_chunk(struct incremental *i)
{
    end_chunk(i);
    i->retry_us = 0;
    inc_leave_out(i);
    if (!may_begin(i))
        return;
    if (fault_hit("incremental_chunk"))
        log_warn("fault point: incremental_chunk");
    uuid_v7(i->chunk_id);
    i->number = 0;
    arena_reset(&i->snapshot_arena);
    chunks_clear(i->chunks);
    ask_open(i);
    ask_describe(i);
}

/* Its close watermark may still be on the way: the session's next question comes behind it. */
void
inc_read_again(struct incremental *i)
{
    bool closing = i->step == INC_CLOSE;

    end_chunk(i);
    if (closing) {
        i->step = INC_CLOSE;
        i->closed = true;
    }
}

/* Commits wait for their standbys after they are in the WAL, so it can take as long as those are away. */
void
inc_read_later(struct incremental *i)
{
    log_info(
        "incremental snapshot: a chunk of table \"%s\" is read again, a transaction was "
        "committed and not yet visible",
        i->tables[0].name);
    inc_read_again(i);
    i->retry_us =
        clock_mono_us() + clock_backoff_ms(i->blinds++, INC_BLIND_MS, INC_BLIND_CAP_MS) * 1000;
}

/* ------------------------------------------------------------------------------------------------ answers */

static void
on_described(struct incremental *i)
{
    const char *status;
    struct pgo_relation rel;
    struct relation_facts facts;

    if (i->step == INC_DESCRIBE && chunks_relation(i->chunks, &i->snapshot_arena, &rel, &facts)) {
        if (chunks_ask_types(i->chunks, i->parts.types, &rel)) {
            i->step = INC_TYPES;
            chunks_run(i->chunks);
            return;
        }
    }
    if (i->step == INC_TYPES)
        chunks_take_types(i->chunks, i->parts.types);
    if (inc_table_ready(i, &status)) {
        ask_rows(i);
        return;
    }
    skip_table(i, status);
    if (strcmp(status, "SQL_EXCEPTION") == 0)
        inc_begin_chunk(i); /* the window stays open, as in on_failed */
    else
        go_on(i);
}

static void
on_last(struct incremental *i)
{
    if (chunks_nrows(i->chunks) == 0) {
        log_info("incremental snapshot: table \"%s\" is empty", i->tables[0].name);
        skip_table(i, "EMPTY");
        go_on(i);
        return;
    }
    inc_take_key(i, 0, false, &i->upto);
    ask_rows(i);
}

static void
fill_window(struct incremental *i)
{
    size_t n = chunks_nrows(i->chunks);
    struct value *key = mem_array(i->ndedup + 1, sizeof(*key));

    window_clear(i->window);
    for (size_t row = 0; row < n; row++) {
        for (size_t k = 0; k < i->ndedup; k++)
            key[k] = chunks_value(i->chunks, row, i->dedup_at[k]);
        window_add(i->window, key, i->ndedup);
    }
    free(key);
}

static void
on_rows(struct incremental *i)
{
    size_t n = chunks_nrows(i->chunks);

    if (!chunks_snapshot(i->chunks, &i->snapshot_arena, &i->snapshot)) {
        log_warn(
            "incremental snapshot: the server does not say what a snapshot sees; table "
            "\"%s\" is skipped",
            i->tables[0].name);
        skip_table(i, "SQL_EXCEPTION");
        go_on(i);
        return;
    }
    if (!inc_is_as_described(i)) {
        log_info("incremental snapshot: table \"%s\" was altered, its chunk is read again",
                 i->tables[0].name);
        inc_read_again(i);
        return;
    }
    if (i->open && inc_is_blind(i)) {
        inc_read_later(i);
        return;
    }
    if (n == 0) {
        log_info("incremental snapshot: table \"%s\" is read, %" PRIu64 " rows", i->tables[0].name,
                 i->rows);
        skip_table(i, "SUCCEEDED");
        go_on(i);
        return;
    }
    i->rows += n;
    i->retries = i->blinds = 0;
    i->failed_once = false;
    inc_take_key(i, n - 1, true, &i->end);
    fill_window(i);
    say_progress(i);
    ask_close(i); /* the rows stay */
}

/* ------------------------------------------------------------------------------------------------ failures */

/* Behind these SQLSTATEs stands the statement itself: it would fail again. */
static bool
is_for_good(const struct err *e)
{
    static const char *const classes[] = {"0A", "21", "22", "23", "25", "28", "2F",
                                          "38", "39", "3D", "3F", "42", "44", "P0"};

    if (e->cls != ERR_RETRY)
        return true;
    for (size_t k = 0; k < sizeof(classes) / sizeof(*classes); k++)
        if (strncmp(e->sqlstate, classes[k], 2) == 0)
            return true;
    return false;
}

static void
again_later(struct incremental *i)
{
    end_chunk(i);
    i->retry_us =
        clock_mono_us() + clock_backoff_ms(i->retries++, INC_RETRY_MS, INC_RETRY_CAP_MS) * 1000;
}

/*
 * A table that was altered since it was described is described anew, once. What fails for good ends the table, as in
 * Debezium; the watermark of its window then stays without its counterpart. What passes (a conflict with recovery on a
 * standby) is tried again without end: to leave the table would lose its rows, and stop-snapshot is there.
 */
static void
on_failed(struct incremental *i, const struct err *e)
{
    bool altered = (i->step == INC_ROWS || i->step == INC_LAST) && !i->failed_once &&
                   strncmp(e->sqlstate, "42", 2) == 0;

    if (altered) {
        i->failed_once = true;
        inc_begin_chunk(i);
        return;
    }
    if (!i->ntables) { /* the last close watermark; nothing hangs on it any more */
        log_err(LOG_WARN, e, "incremental snapshot: watermark");
        end_chunk(i);
        return;
    }
    if (!is_for_good(e)) {
        log_err(LOG_WARN, e, "incremental snapshot: trying again");
        again_later(i);
        return;
    }
    log_err(LOG_ERROR, e, "incremental snapshot: a table is skipped");
    skip_table(i, "SQL_EXCEPTION");
    inc_begin_chunk(i);
}

/* ------------------------------------------------------------------------------------------------ the session */

static void
on_answer(struct incremental *i)
{
    switch (i->step) {
    case INC_DESCRIBE:
    case INC_TYPES:
        on_described(i);
        break;
    case INC_LAST:
        on_last(i);
        break;
    case INC_ROWS:
        on_rows(i);
        break;
    case INC_CLOSE:
        i->step = INC_WINDOW;
        i->window_us = clock_mono_us();
        if (!i->ntables || i->closed)
            end_chunk(i);
        break;
    case INC_IDLE:
    case INC_WINDOW:
        break;
    }
}

/* A watermark that does not come holds the snapshot for good. */
static void
watch_window(struct incremental *i)
{
    if (i->step != INC_WINDOW || !i->window_us || i->read_only ||
        clock_mono_us() - i->window_us < INC_WINDOW_WARN_US)
        return;
    i->window_us = 0;
    log_warn(
        "incremental snapshot: the watermarks of a chunk do not come by in the stream: it may "
        "be far behind, or signal.data.collection is not in the publication");
}

enum pipe_result
incremental_poll(struct incremental *i, struct err *e)
{
    struct err why = {0};

    if (pipeline_waits_for_sink(i->parts.pipeline))
        return PIPE_OK; /* it holds a row that was made with the table's present plan */
    switch (chunks_poll(i->chunks, &why)) {
    case SCRIPT_IDLE:
    case SCRIPT_BUSY:
        break;
    case SCRIPT_DONE:
        on_answer(i);
        break;
    case SCRIPT_FAILED:
        on_failed(i, &why);
        break;
    case SCRIPT_LOST:
        log_err(LOG_WARN, &why,
                "incremental snapshot: the session is lost, its chunk is read again");
        again_later(i);
        break;
    }
    if (may_begin(i) && clock_mono_us() >= i->retry_us)
        inc_begin_chunk(i);
    watch_window(i);
    return inc_close_by_position(i, e);
}

void
incremental_new_session(struct incremental *i)
{
    /* Repeated changes are not shown again; those that were cut off come, and find the window as it was. */
    i->passed = 0;
}

int
incremental_fd(const struct incremental *i, short *events)
{
    *events = (short)(POLLIN | (chunks_wants_write(i->chunks) ? POLLOUT : 0));
    return chunks_fd(i->chunks);
}

int64_t
incremental_deadline_us(const struct incremental *i)
{
    int64_t at = chunks_deadline_us(i->chunks);

    if (may_begin(i) && i->retry_us < at)
        at = i->retry_us;
    return at;
}
