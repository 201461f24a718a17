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
    INC_RETRIES = 5, /* of a statement that failed for a reason that passes */
    INC_RETRY_MS = 250,
    INC_RETRY_CAP_MS = 10000,
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
    free(i->stops);
    free(i->tables);
    free(i->saved);
    free(i->id);
    free(i->xids);
    inc_key_free(&i->after);
    inc_key_free(&i->upto);
    inc_key_free(&i->end);
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
    inc_key_free(&i->after);
    inc_key_free(&i->upto);
    i->rows = 0;
    i->retries = 0;
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

/* What came before: nothing of it may be missing in the chunk's snapshot. */
static void
note_window_opens(struct incremental *i)
{
    i->open = true;
    i->nxids = pipeline_recent_xids(i->parts.pipeline, i->xids);
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
            note_window_opens(i);
        chunks_ask_rows(i->chunks, &s);
        i->step = INC_ROWS;
    }
    chunks_run(i->chunks);
}

/* The description of what is now the first table, or the end. */
static void
go_on(struct incremental *i)
{
    if (i->ntables) {
        chunks_clear(i->chunks);
        ask_describe(i);
    } else {
        ask_close(i);
    }
}

void
inc_begin_chunk(struct incremental *i)
{
    end_chunk(i);
    i->retry_us = 0;
    inc_leave_out(i);
    if (!i->ntables || i->paused)
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

/* A transaction that was streamed before the window opened and that the chunk does not see. */
static bool
is_blind(const struct incremental *i)
{
    for (size_t k = 0; k < i->nxids; k++)
        if (!chunk_snapshot_sees(&i->snapshot, i->xids[k]))
            return true;
    return false;
}

static void
read_again(struct incremental *i)
{
    log_info(
        "incremental snapshot: a chunk of table \"%s\" is read again, a transaction was "
        "committed and not yet visible",
        i->tables[0].name);
    inc_begin_chunk(i);
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
    if (i->open && is_blind(i)) {
        read_again(i);
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
    i->retries = 0;
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
 * Debezium; the watermark of its window then stays without its counterpart.
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
    if (!is_for_good(e) && i->retries < INC_RETRIES) {
        log_err(LOG_WARN, e, "incremental snapshot: trying again");
        again_later(i);
        return;
    }
    log_err(LOG_ERROR, e, "incremental snapshot: a table is skipped");
    skip_table(i, "SQL_EXCEPTION");
    inc_begin_chunk(i);
}

/* ------------------------------------------------------------------------------------------------ the stream */

static bool
is_chunk(const struct incremental *i, const char *id)
{
    return i->chunk_id[0] && strncmp(id, i->chunk_id, strlen(i->chunk_id)) == 0;
}

void
incremental_open(struct incremental *i, const char *id)
{
    if (!is_chunk(i, id)) {
        log_info("incremental snapshot: a watermark of another run is ignored");
        return;
    }
    note_window_opens(i);
    if (window_rows(i->window) > 0 && is_blind(i))
        read_again(i);
}

/* The next row that goes out; with the last one the chunk is done, whatever becomes of the program. */
static bool
next_read(struct incremental *i, struct tap_read *read)
{
    size_t row;

    if (!window_next(i->window, &row))
        return false;
    if (window_left(i->window) == 0) {
        inc_key_move(&i->after, &i->end);
        inc_save(i);
    }
    for (uint16_t k = 0; k < i->plan->rel->ncols; k++)
        i->row[k] = (struct value){NULL, 0, VALUE_ABSENT};
    for (size_t k = 0; k < i->ncolumns; k++)
        i->row[i->column_of[k]] = chunks_value(i->chunks, row, k);
    *read = (struct tap_read){.plan = i->plan,
                              .row = {i->row, i->plan->rel->ncols},
                              .number = ++i->number,
                              .now_ns = clock_now_ns()};
    return true;
}

/* Its reads are out. The session may still wait for the close watermark's answer. */
static void
window_is_out(struct incremental *i)
{
    if (i->end.v) { /* every row was taken away */
        inc_key_move(&i->after, &i->end);
        inc_save(i);
    }
    i->open = false;
    i->closed = true;
    if (i->step == INC_WINDOW)
        inc_begin_chunk(i);
}

enum tap_result
incremental_close(struct incremental *i, const char *id, struct tap_read *read)
{
    if (!is_chunk(i, id) || i->closed)
        return TAP_GO;
    if (next_read(i, read))
        return TAP_READ;
    window_is_out(i);
    return TAP_GO;
}

static void
take_away(struct incremental *i, const struct tuple *t)
{
    struct value key[CHUNK_KEY_MAX];

    if (!t->n)
        return;
    for (size_t k = 0; k < i->ndedup; k++) {
        key[k] = t->v[i->dedup[k]];
        if (key[k].kind != VALUE_TEXT && key[k].kind != VALUE_NULL)
            return;
        if (key[k].kind == VALUE_NULL)
            key[k] = (struct value){NULL, 0, VALUE_NULL};
    }
    (void)window_remove(i->window, key, i->ndedup);
}

/*
 * The stream's columns are told by their place in the plan's relation; a definition that has changed since leaves only
 * reading the chunk again.
 */
static bool
is_same_shape(const struct incremental *i, const struct relation *rel)
{
    for (size_t k = 0; k < i->ndedup; k++) {
        uint16_t col = i->dedup[k];

        if (col >= rel->ncols || !slice_eq(rel->cols[col].name, i->plan->rel->cols[col].name))
            return false;
    }
    return true;
}

enum tap_result
incremental_change(struct incremental *i, const struct change *c)
{
    if (!i->open || i->closed || !i->plan || c->plan->rel->oid != i->plan->rel->oid)
        return TAP_GO;
    /* The chunk is being read: which of its rows this one takes away is known afterwards. */
    if (i->step == INC_DESCRIBE || i->step == INC_TYPES || i->step == INC_LAST ||
        i->step == INC_ROWS)
        return i->retry_us ? TAP_GO : TAP_WAIT;
    if (c->op == OP_TRUNCATE) {
        window_remove_all(i->window);
        return TAP_GO;
    }
    if (!is_same_shape(i, c->plan->rel)) {
        inc_begin_chunk(i);
        return TAP_GO;
    }
    take_away(i, &c->before);
    take_away(i, &c->after);
    return TAP_GO;
}

void
incremental_passed(struct incremental *i, uint64_t lsn)
{
    if (lsn > i->passed)
        i->passed = lsn;
}

bool
incremental_wants_keepalive(const struct incremental *i)
{
    return i->read_only && i->step == INC_WINDOW && i->passed < i->snapshot.lsn;
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
        if (!i->ntables)
            end_chunk(i);
        else if (i->closed)
            inc_begin_chunk(i);
        break;
    case INC_IDLE:
    case INC_WINDOW:
        break;
    }
}

/* Without watermarks: the window closes when the stream has passed what the chunk can see. */
static enum pipe_result
close_by_position(struct incremental *i, struct err *e)
{
    struct tap_read read;

    incremental_passed(i, pipeline_seen_lsn(i->parts.pipeline));
    if (!i->read_only || i->step != INC_WINDOW || i->passed < i->snapshot.lsn)
        return PIPE_OK;
    while (pipeline_may_put(i->parts.pipeline)) {
        enum pipe_result r;

        if (!next_read(i, &read)) {
            window_is_out(i);
            return PIPE_OK;
        }
        r = pipeline_read(i->parts.pipeline, &read, e);
        if (r != PIPE_OK)
            return r;
    }
    return PIPE_OK;
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
    if (i->step == INC_IDLE && i->ntables && !i->paused && clock_mono_us() >= i->retry_us)
        inc_begin_chunk(i);
    return close_by_position(i, e);
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

    if (i->step == INC_IDLE && i->ntables && !i->paused && i->retry_us < at)
        at = i->retry_us;
    return at;
}
