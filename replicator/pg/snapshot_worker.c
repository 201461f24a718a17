/* A worker: takes pieces, reads each by COPY, encodes its rows for every sink into batches. */
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "replicator/pg/copy_text.h"
#include "replicator/pg/snapshot_priv.h"
#include "replicator/unconverted.h"

/* ------------------------------------------------------------------------------------------------ saying rows */

static void
worker_count(struct snap_worker *w)
{
    if (!w->table)
        return;
    atomic_fetch_add_explicit(&w->table->nrows, w->nrows, memory_order_relaxed);
    atomic_fetch_add_explicit(&w->table->nbytes, w->nbytes, memory_order_relaxed);
    w->nrows = w->nbytes = 0;
}

static void
worker_hand_over(struct snap_worker *w)
{
    struct batch *b = w->filling;

    worker_count(w);
    w->filling = NULL;
    if (b)
        snapshot_hand_over(w->s, b);
}

/* A batch of the unit to go on with. False: stopping. */
static bool
worker_batch(struct snap_worker *w, size_t unit)
{
    struct snapshot *s = w->s;

    if (w->filling && w->filling->unit != unit)
        worker_hand_over(w);
    if (w->filling)
        return true;
    w->filling = snapshot_room(s);
    if (!w->filling)
        return false;
    w->filling->unit = unit;
    w->filling->plan = s->tables[s->units[unit].table].plan;
    w->now_ns = clock_now_ns();
    return true;
}

static void
worker_take_unconverted(struct snap_table *t, const struct change *c, struct recbuf *out)
{
    uint64_t before = atomic_fetch_add(&t->unconverted, out->unconverted);

    (void)unconverted_take(out, c->plan, before, "snapshot");
}

static void
worker_take_noted(struct snap_table *t, const struct change *c, struct recbuf *out)
{
    uint64_t before = atomic_fetch_add(&t->noted, out->noted);

    (void)unconverted_take_note(out, c->plan, before, "snapshot");
}

static bool
worker_encode(struct snap_worker *w, struct snap_table *t, const struct change *c, struct err *e)
{
    const struct snapshot *s = w->s;
    struct batch *b = w->filling;
    size_t most = 0;

    for (unsigned i = 0; i < s->req.nsinks; i++) {
        struct recbuf *out = &b->out[i];

        if (!s->req.sinks[i]->ops->encode(t->plan->progs[i], c, out, e))
            return err_wrap(e, "row %llu of \"%s\"", (unsigned long long)c->id.ordinal, t->name);
        if (__builtin_expect(out->unconverted != 0, 0))
            worker_take_unconverted(t, c, out);
        if (__builtin_expect(out->noted != 0, 0))
            worker_take_noted(t, c, out);
        if (__builtin_expect(out->skipped != 0, 0)) {
            log_warn("table \"%s\": a row is left out because errors.tolerance is all: %s", t->name,
                     out->skipped_why.msg);
            out->skipped = 0;
        }
        most = out->bytes.n > most ? out->bytes.n : most;
    }
    b->number = c->id.ordinal;
    b->nrows++;
    if (b->nrows >= SNAPSHOT_BATCH_ROWS || most >= SNAPSHOT_BATCH_BYTES)
        worker_hand_over(w);
    return true;
}

/* Says a row under its marker, and gives its memory back. False with e->cls ERR_NONE: stopping. */
static bool
worker_say(struct snap_worker *w, const struct mark_row *row, enum snapshot_marker marker,
           struct err *e)
{
    struct snapshot *s = w->s;
    struct snap_table *t = &s->tables[row->table];
    const struct change c = {
        .op = OP_READ,
        .snapshot = marker,
        .plan = t->plan,
        .txn = &w->txn,
        .lsn = s->req.point_lsn,
        .now_ns = w->now_ns,
        .id = {s->req.point_lsn, t->oid, row->number, true},
        .after = {w->values, t->plan->rel->ncols},
    };
    unsigned got = copy_text_split(row->line, row->n, t->cols, t->ncols, w->values);
    bool ok = got == t->ncols ||
              err_set(e, ERR_DATA, "copy.columns", "a row of \"%s\" has %s than %u columns",
                      t->name, got < t->ncols ? "fewer" : "more", t->ncols);

    ok = ok && worker_encode(w, t, &c, e);
    PQfreemem(row->line);
    return ok;
}

/* The values of columns that a table's rows do not bring are absent. */
static void
worker_turn_to(struct snap_worker *w, struct snap_table *t)
{
    for (uint16_t i = 0; i < t->plan->rel->ncols; i++)
        w->values[i] = (struct value){NULL, 0, VALUE_ABSENT};
}

static bool
worker_emit(void *arg, const struct mark_row *row, enum snapshot_marker marker, bool unit_ends,
            struct err *e)
{
    struct snap_worker *w = arg;
    struct snap_table *t = &w->s->tables[row->table];

    if (!worker_batch(w, row->unit)) {
        PQfreemem(row->line);
        return false;
    }
    worker_turn_to(w, t);
    if (row->line && !worker_say(w, row, marker, e))
        return false;
    if (w->table)
        worker_turn_to(w, w->table);
    if (!unit_ends)
        return true;
    /* The row may have filled the batch, and that is gone. */
    if (!worker_batch(w, row->unit))
        return false;
    w->filling->unit_ends = true;
    worker_hand_over(w);
    return true;
}

static void
worker_flush(void *arg)
{
    worker_hand_over(arg);
}

/* ------------------------------------------------------------------------------------------------ reading a piece */

/* The rows of a COPY that has begun; *kept is the last one, unless it was taken. */
static bool
worker_read_rows(struct snap_worker *w, const struct snap_piece *p, struct mark_row *kept,
                 struct err *e)
{
    const struct mark_says says = {worker_emit, worker_flush, w};
    struct snapshot *s = w->s;
    size_t table = s->units[p->unit].table;
    uint64_t number = p->base;
    char *line;
    int n;

    while ((n = PQgetCopyData(w->conn, &line, 0)) > 0) {
        struct mark_row row = {.line = line,
                               .n = (size_t)n - (line[n - 1] == '\n'),
                               .number = number + 1,
                               .table = table,
                               .unit = p->unit};
        bool ok, mine = true;

        number++;
        w->nrows++;
        w->nbytes += (uint64_t)n;
        if (kept->line)
            ok = worker_batch(w, p->unit) && worker_say(w, kept, SNAPSHOT_TRUE, e);
        else if (number == p->base + 1)
            ok = marks_first_row(s->marks, &row, &mine, &says, e);
        else
            ok = marks_second_row(s->marks, table, &says, e);
        *kept = mine ? row : (struct mark_row){0};
        if (!ok)
            return false;
    }
    return n == -1 || pg_error(w->conn, NULL, e);
}

static bool
worker_copy(struct snap_worker *w, const struct snap_piece *p, struct mark_row *kept, struct err *e)
{
    struct snapshot *s = w->s;
    const struct snap_table *t = &s->tables[s->units[p->unit].table];
    bool ranged = s->units[p->unit].ranged, ok;
    struct buf sql;
    PGresult *r;

    if (t->unreadable) {
        *e = *t->unreadable;
        return false;
    }
    buf_init(&sql, SNAPSHOT_SQL_MAX);
    snapshot_piece_sql(s, p, &sql);
    /* A range is cheap by its index alone: a scan of the whole table for each would not be. */
    if (ranged && !pg_exec(w->conn, e, "SET enable_seqscan = off")) {
        buf_free(&sql);
        return false;
    }
    r = PQexec(w->conn, buf_cstr(&sql));
    buf_free(&sql);
    ok = PQresultStatus(r) == PGRES_COPY_OUT || pg_error(w->conn, r, e);
    PQclear(r);
    if (!ok || !worker_read_rows(w, p, kept, e))
        return false;
    r = PQgetResult(w->conn);
    ok = PQresultStatus(r) == PGRES_COMMAND_OK || pg_error(w->conn, r, e);
    PQclear(r);
    while ((r = PQgetResult(w->conn)) != NULL)
        PQclear(r);
    return ok && (!ranged || pg_exec(w->conn, e, "SET enable_seqscan = on"));
}

static void
worker_table_done(struct snapshot *s, struct snap_table *t)
{
    int64_t now = clock_mono_us();
    uint64_t rows = atomic_load(&t->nrows);
    double seconds = (double)(now - atomic_load(&t->started_us)) / 1e6;

    atomic_store(&t->ended_us, now);
    atomic_fetch_add(&s->tables_done, 1);
    log_info("snapshot: table \"%s\" is read, %llu rows, %.1f MB in %.1f s", t->name,
             (unsigned long long)rows, (double)atomic_load(&t->nbytes) / 1e6, seconds);
}

static bool
worker_read(struct snap_worker *w, const struct snap_piece *p, struct err *e)
{
    const struct mark_says says = {worker_emit, worker_flush, w};
    struct snapshot *s = w->s;
    struct snap_table *t = &s->tables[s->units[p->unit].table];
    struct mark_row kept = {0};
    int64_t never = 0;
    bool ok;

    atomic_store(&s->table, t->name);
    atomic_compare_exchange_strong(&t->started_us, &never, clock_mono_us());
    w->table = t;
    worker_turn_to(w, t);
    ok = worker_copy(w, p, &kept, e) || err_wrap(e, "reading table \"%s\"", t->name);
    if (!ok) {
        PQfreemem(kept.line);
        return false;
    }
    worker_hand_over(w);
    w->table = NULL;
    if (atomic_fetch_sub(&t->pieces_left, 1) == 1)
        worker_table_done(s, t);
    return marks_piece_done(s->marks, &kept, p->unit, &says, e);
}

/* ------------------------------------------------------------------------------------------------ pieces */

/*
 * The next piece; false: none is left, or it is being stopped. The first worker, who has every lock, stays while others
 * read: one of them may give his piece back.
 */
static bool
worker_next(struct snap_worker *w, struct snap_piece *p)
{
    struct snapshot *s = w->s;
    bool got;

    pthread_mutex_lock(&s->lock);
    while (!s->stopping && s->next_piece == s->npieces && s->pieces_left > 0 && w->index == 0)
        pthread_cond_wait(&s->news, &s->lock);
    got = !s->stopping && s->next_piece < s->npieces;
    if (got)
        *p = s->pieces[s->next_piece++];
    pthread_mutex_unlock(&s->lock);
    return got;
}

static void
worker_finished(struct snapshot *s)
{
    pthread_mutex_lock(&s->lock);
    s->done = --s->pieces_left == 0;
    pthread_cond_broadcast(&s->news);
    pthread_mutex_unlock(&s->lock);
    snapshot_signal(s);
}

/* Pieces are taken as copies, so the place of one that was taken is free. */
static void
worker_return(struct snapshot *s, const struct snap_piece *p)
{
    pthread_mutex_lock(&s->lock);
    s->pieces[--s->next_piece] = *p;
    pthread_cond_broadcast(&s->news);
    pthread_mutex_unlock(&s->lock);
}

/*
 * Locks the table in this session too. It must not wait: somebody else's ALTER TABLE may already wait for the first
 * worker's lock, and that is held until all are done.
 */
static bool
worker_lock(struct snap_worker *w, const struct snap_piece *p, struct err *e)
{
    const struct snap_table *t = &w->s->tables[w->s->units[p->unit].table];
    struct buf sql;
    bool ok;

    buf_init(&sql, 4096);
    BUF_LIT(&sql, "LOCK TABLE ");
    pg_ident(&sql, t->schema);
    buf_putc(&sql, '.');
    pg_ident(&sql, t->table);
    BUF_LIT(&sql, " IN ACCESS SHARE MODE NOWAIT");
    ok = pg_exec(w->conn, e, "%s", buf_cstr(&sql));
    buf_free(&sql);
    return ok;
}

void *
snapshot_work(void *arg)
{
    struct snap_worker *w = arg;
    struct snapshot *s = w->s;
    struct snap_piece p;
    struct err e = {0};

    log_set_connector(s->req.connector);
    if (clock_mono_us() < s->begin_us && snapshot_wait(s, s->begin_us))
        return NULL;
    if (w->index > 0 && !snapshot_join(w, &e)) {
        if (strcmp(e.code, "snapshot.stopping") != 0)
            log_warn("snapshot: thread %u cannot begin, the others go on without it: %s",
                     w->index + 1, e.msg);
        return NULL;
    }
    while (worker_next(w, &p)) {
        if (w->index > 0 && !worker_lock(w, &p, &e)) {
            worker_return(s, &p);
            log_warn("snapshot: thread %u ends, the others go on without it: %s", w->index + 1,
                     e.msg);
            break;
        }
        if (!worker_read(w, &p, &e)) {
            snapshot_fail(s, &s->tables[s->units[p.unit].table], &e);
            break;
        }
        worker_finished(s);
    }
    return NULL;
}
