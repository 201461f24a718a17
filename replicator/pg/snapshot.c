#include "replicator/pg/snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "replicator/pg/snapshot_priv.h"

static void
snapshot_init(struct snapshot *s)
{
    pthread_condattr_t mono;
    int64_t threads = config_int(s->req.config, "snapshot.max.threads");
    int64_t delay_ms = config_int(s->req.config, "snapshot.delay.ms");

    s->ready_end = &s->ready;
    s->started_us = s->shown_us = clock_mono_us();
    /* A blocking snapshot was asked for just now. */
    s->begin_us = s->started_us;
    if (!s->req.tables)
        s->begin_us += delay_ms > INT64_MAX / 2000 ? INT64_MAX / 2 : delay_ms * 1000;
    s->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    s->nworkers = (unsigned)(threads > SNAPSHOT_THREADS_MAX ? SNAPSHOT_THREADS_MAX : threads);
    atomic_init(&s->wal_retained, -1);
    atomic_init(&s->wal_limit, -1);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->room, NULL);
    pthread_condattr_init(&mono);
    pthread_condattr_setclock(&mono, CLOCK_MONOTONIC);
    pthread_cond_init(&s->news, &mono);
    pthread_condattr_destroy(&mono);
}

static void
snapshot_make_marks(struct snapshot *s)
{
    size_t *table = mem_array(s->nunits + 1, sizeof(*table));
    unsigned *pieces = mem_array(s->nunits + 1, sizeof(*pieces));

    for (size_t i = 0; i < s->nunits; i++) {
        table[i] = s->units[i].table;
        pieces[i] = (unsigned)s->units[i].npieces;
    }
    s->marks = marks_new(s->ntables, s->nunits, table, pieces, s->nworkers > 1, PQfreemem);
    free(table);
    free(pieces);
}

/* No more workers than pieces; one, though, who waits while there is a delay. */
static void
snapshot_make_workers(struct snapshot *s)
{
    if (s->nworkers > s->npieces)
        s->nworkers = s->npieces ? (unsigned)s->npieces : 1;
    s->workers = mem_array(s->nworkers, sizeof(*s->workers));
    for (unsigned i = 0; i < s->nworkers; i++) {
        struct snap_worker *w = &s->workers[i];

        w->s = s;
        w->index = i;
        w->values = mem_array(s->widest + 1u, sizeof(*w->values));
        w->txn = (struct txn){.seq = 1,
                              .commit_lsn = s->req.point_lsn,
                              .last_commit_lsn = s->req.last_commit_lsn,
                              .commit_us = s->txn.commit_us,
                              .xid = s->txn.xid};
    }
    s->workers[0].conn = s->conn;
    s->workers[0].cancel = pg_cancel_new(s->conn);
    s->conn = NULL;
    s->done = s->npieces == 0;
    if (s->done)
        snapshot_signal(s);
}

static bool
snapshot_start_threads(struct snapshot *s, struct err *e)
{
    for (unsigned i = 0; i < s->nworkers; i++) {
        struct snap_worker *w = &s->workers[i];

        if (pthread_create(&w->thread, NULL, snapshot_work, w) != 0) {
            if (i == 0)
                return err_set(e, ERR_RETRY, "snapshot.thread",
                               "cannot start the snapshot thread: %s", strerror(errno));
            log_warn("snapshot: no more than %u threads can be started", i);
            break;
        }
        w->threaded = true;
    }
    s->watched = pthread_create(&s->watcher, NULL, snapshot_watch, s) == 0;
    return true;
}

struct snapshot *
snapshot_start(const struct snapshot_request *r, struct err *e)
{
    struct snapshot *s = mem_alloc(sizeof(*s));

    s->req = *r;
    snapshot_init(s);
    if (s->fd < 0)
        err_set(e, ERR_RETRY, "snapshot.eventfd", "eventfd: %s", strerror(errno));
    else if ((s->conn = pg_connect(r->params, PG_SNAPSHOT, e)) != NULL && snapshot_begin(s, e) &&
             snapshot_plan(s, e)) {
        snapshot_make_workers(s);
        snapshot_make_marks(s);
        if (snapshot_start_threads(s, e)) {
            /* The caller's lists are his again. */
            s->req.tables = NULL;
            s->req.done = NULL;
            log_info("snapshot: %zu %s, about %.0f rows, %u %s", s->ntables,
                     s->ntables == 1 ? "table" : "tables", s->total_rows, s->nworkers,
                     s->nworkers == 1 ? "thread" : "threads");
            return s;
        }
    }
    snapshot_free(s);
    return NULL;
}

void
snapshot_txn(const struct snapshot *s, struct led_txn *out)
{
    *out = s->txn;
}

int
snapshot_fd(const struct snapshot *s)
{
    return s->fd;
}

/* Threads that wait for rows, or for an answer, end at once. */
static void
snapshot_cancel(struct snapshot *s)
{
    struct pg_cancel **all = mem_array(s->nworkers + 1u, sizeof(struct pg_cancel *));
    size_t n = 0;

    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    for (unsigned i = 0; !s->done && s->workers && i < s->nworkers; i++)
        if (s->workers[i].cancel)
            all[n++] = s->workers[i].cancel;
    if (s->watch_cancel)
        all[n++] = s->watch_cancel;
    /* Also a server that was told and does not answer must not keep us. */
    (void)pg_cancel_ask(all, n);
    for (size_t i = 0; i < n; i++)
        pg_cancel_shut(all[i]);
    free(all);
    pthread_cond_broadcast(&s->room);
    pthread_cond_broadcast(&s->news);
    pthread_mutex_unlock(&s->lock);
}

static void
snapshot_end_workers(struct snapshot *s)
{
    snapshot_cancel(s);
    if (s->watched)
        pthread_join(s->watcher, NULL);
    for (unsigned i = 0; s->workers && i < s->nworkers; i++) {
        struct snap_worker *w = &s->workers[i];

        if (w->threaded)
            pthread_join(w->thread, NULL);
        pg_cancel_free(w->cancel);
        PQfinish(w->conn);
        free(w->values);
    }
    PQfinish(s->conn);
}

void
snapshot_free(struct snapshot *s)
{
    if (!s)
        return;
    snapshot_end_workers(s);
    marks_free(s->marks);
    snapshot_batches_free(s);
    for (size_t i = 0; i < s->ntables; i++) {
        struct snap_table *t = &s->tables[i];

        pipeline_drop_plan(s->req.pipeline, t->plan);
        free(t->name);
        free(t->columns);
        free(t->select);
        free(t->condition);
        free(t->unreadable);
        free(t->cols);
        free(t->key);
    }
    free(s->tables);
    free(s->signal.name);
    free(s->reading);
    free(s->captured);
    free(s->units);
    free(s->pieces);
    free(s->workers);
    free(s->exported);
    if (s->fd >= 0)
        close(s->fd);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->room);
    pthread_cond_destroy(&s->news);
    free(s);
}
