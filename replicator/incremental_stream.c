/* Where the stream meets a chunk: its window opens, loses rows, closes. */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "replicator/incremental_priv.h"

/* What came before: nothing of it may be missing in the chunk's snapshot. */
void
inc_note_open(struct incremental *i)
{
    i->open = true;
    i->nxids = pipeline_recent_xids(i->parts.pipeline, i->xids);
}

/* A transaction that was streamed before the window opened and that the chunk does not see. */
bool
inc_is_blind(const struct incremental *i)
{
    for (size_t k = 0; k < i->nxids; k++)
        if (!chunk_snapshot_sees(&i->snapshot, i->xids[k]))
            return true;
    return false;
}

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
    inc_note_open(i);
    if (window_rows(i->window) > 0 && inc_is_blind(i))
        inc_read_later(i);
}

/*
 * The next row that goes out; with the last one the chunk is done, whatever becomes of the program. What is stored is that
 * row's key, as Debezium has it: rows behind it, which the stream took away, are read again after a restart.
 */
static void
give_row(struct incremental *i, size_t row, struct tap_read *read)
{
    if (window_left(i->window) == 0) {
        inc_take_key(i, row, true, &i->sent);
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
}

static bool
next_read(struct incremental *i, struct tap_read *read)
{
    size_t row;

    if (!window_next(i->window, &row))
        return false;
    give_row(i, row, read);
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

/*
 * The columns that name a row, where the stream has them: its relation may have fewer columns (a publication's list of
 * them, one that was dropped since). False: it lacks one.
 */
static bool
stream_columns(const struct incremental *i, const struct relation *rel, uint16_t at[CHUNK_KEY_MAX])
{
    for (size_t k = 0; k < i->ndedup; k++) {
        struct slice name = i->plan->rel->cols[i->dedup[k]].name;
        int col = inc_column_at(rel, name);

        if (col < 0)
            return false;
        at[k] = (uint16_t)col;
    }
    return true;
}

/* False: the tuple does not say it. */
static bool
row_key(const struct incremental *i, const uint16_t *at, const struct tuple *t,
        struct value key[CHUNK_KEY_MAX])
{
    if (!t->n)
        return false;
    for (size_t k = 0; k < i->ndedup; k++) {
        key[k] = t->v[at[k]];
        if (key[k].kind != VALUE_TEXT && key[k].kind != VALUE_NULL)
            return false;
        if (key[k].kind == VALUE_NULL)
            key[k] = (struct value){NULL, 0, VALUE_NULL};
    }
    return true;
}

static void
take_away(struct incremental *i, const uint16_t *at, const struct tuple *t)
{
    struct value key[CHUNK_KEY_MAX];

    if (row_key(i, at, t, key))
        (void)window_remove(i->window, key, i->ndedup);
}

/* A large value that the update did not touch and that is not in the old row either. */
static bool
lacks_a_value(const struct change *c)
{
    bool whole_before = c->before.n == c->after.n && !c->old_is_key;

    for (uint16_t k = 0; k < c->after.n; k++)
        if (c->after.v[k].kind == VALUE_UNCHANGED &&
            (!whole_before || c->before.v[k].kind == VALUE_UNCHANGED))
            return true;
    return false;
}

/*
 * An update that lacks a value of a row in the window: the row goes out first, or nobody would have that value. What was
 * read may be newer than the update; what came after it is in the stream as well.
 */
static bool
give_whole_row(struct incremental *i, const uint16_t *at, const struct change *c,
               struct tap_read *read)
{
    struct value key[CHUNK_KEY_MAX];
    size_t row;

    if (c->op != OP_UPDATE || !lacks_a_value(c))
        return false;
    if (!(row_key(i, at, &c->before, key) && window_take(i->window, key, i->ndedup, &row)) &&
        !(row_key(i, at, &c->after, key) && window_take(i->window, key, i->ndedup, &row)))
        return false;
    give_row(i, row, read);
    return true;
}

enum tap_result
incremental_change(struct incremental *i, const struct change *c, struct tap_read *read)
{
    uint16_t at[CHUNK_KEY_MAX];

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
    /* Its definition has changed since: that leaves only reading the chunk again. */
    if (!stream_columns(i, c->plan->rel, at)) {
        inc_read_again(i);
        return TAP_GO;
    }
    /* What the stream leaves out comes as it was read, or not at all. */
    if (c->op != OP_DELETE && pipeline_leaves_tapped_out(i->parts.pipeline))
        return TAP_GO;
    if (give_whole_row(i, at, c, read))
        return TAP_READ;
    take_away(i, at, &c->before);
    take_away(i, at, &c->after);
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

/* Without watermarks: the window closes when the stream has passed what the chunk can see. */
enum pipe_result
inc_close_by_position(struct incremental *i, struct err *e)
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
