#include "replicator/offsets.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

enum {
    OFFSETS_MIN_GAP_MS = 50,
    OFFSETS_BACKOFF_MS = 200,
    OFFSETS_BACKOFF_CAP_MS = 10000,
    OFFSETS_STOP_TRIES = 3
};

/* What is to be stored. */
struct work {
    bool has_offset, has_progress, has_tables;
    struct offset offset;
    char *progress, *tables;
    uint64_t progress_flush;
};

struct offsets {
    struct offset_store *store;
    char *connector;
    int64_t gap_ms;
    int fd;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    atomic_bool
        news; /* since offsets_stored was last asked: spares it the lock and a system call */
    /* Under the lock: */
    struct work next;
    bool stopping, failed;
    uint64_t stored;
    struct err why;
    atomic_uint_fast64_t stored_mark;
};

static void
offsets_deadline(struct timespec *ts, int64_t ms)
{
    clock_gettime(CLOCK_MONOTONIC, ts);
    ts->tv_sec += ms / 1000;
    ts->tv_nsec += ms % 1000 * 1000000;
    if (ts->tv_nsec >= 1000000000) {
        ts->tv_sec++;
        ts->tv_nsec -= 1000000000;
    }
}

/* Waits `ms` or until stopping; the lock is held. */
static void
offsets_pause(struct offsets *o, int64_t ms)
{
    struct timespec until;

    offsets_deadline(&until, ms);
    while (!o->stopping && pthread_cond_timedwait(&o->wake, &o->lock, &until) != ETIMEDOUT)
        ;
}

static void
offsets_work_clear(struct work *w)
{
    offset_free(&w->offset);
    free(w->progress);
    free(w->tables);
    *w = (struct work){0};
}

static bool
offsets_has_work(const struct work *w)
{
    return w->has_offset || w->has_progress || w->has_tables;
}

/*
 * Rows that a progress leaves out must not be taken for read while the offset is still the one before, and no offset may
 * pass changes of a table that is still said to be captured: hence the order.
 */
static bool
offsets_save(struct offsets *o, struct work *w, uint64_t *stored, struct err *e)
{
    struct offset_store *s = o->store;

    if (w->has_tables && !s->ops->save_beside(s, OFFSET_TABLES, w->tables, e))
        return false;
    w->has_tables = false;
    if (w->has_progress && w->progress) {
        if (!s->ops->save_beside(s, OFFSET_PROGRESS, w->progress, e))
            return false;
        w->has_progress = false;
        *stored = w->progress_flush;
    }
    if (w->has_offset) {
        if (!s->ops->save(s, &w->offset, e))
            return false;
        w->has_offset = false;
        *stored = w->offset.flush_lsn;
        atomic_store(&o->stored_mark, w->offset.mark);
    }
    if (w->has_progress && !s->ops->save_beside(s, OFFSET_PROGRESS, NULL, e))
        return false;
    w->has_progress = false;
    return true;
}

/* What could not be stored is still the newest, unless something newer came meanwhile. */
static void
offsets_put_back(struct offsets *o, struct work *w)
{
    if (w->has_offset && !o->next.has_offset) {
        o->next.has_offset = true;
        o->next.offset = w->offset;
        w->offset = (struct offset){0};
    }
    if (w->has_progress && !o->next.has_progress) {
        o->next.has_progress = true;
        o->next.progress = w->progress;
        o->next.progress_flush = w->progress_flush;
        w->progress = NULL;
    }
    if (w->has_tables && !o->next.has_tables) {
        o->next.has_tables = true;
        o->next.tables = w->tables;
        w->tables = NULL;
    }
}

/* One store; the lock is not held. Transient failures are tried again, with the newest there is by then. */
static void
offsets_store(struct offsets *o, struct work *w, unsigned *failures)
{
    struct err e = {0};
    uint64_t one = 1, stored = 0;
    bool ok = offsets_save(o, w, &stored, &e);

    pthread_mutex_lock(&o->lock);
    if (stored)
        o->stored = stored;
    if (ok) {
        *failures = 0;
        o->why = (struct err){0};
    } else {
        o->why = e;
        offsets_put_back(o, w);
        ++*failures;
        if (e.cls != ERR_RETRY)
            o->failed = true;
    }
    pthread_mutex_unlock(&o->lock);
    atomic_store(&o->news, true);
    if (!ok)
        log_err(e.cls == ERR_RETRY ? LOG_WARN : LOG_ERROR, &e, "storing the offset");
    if (write(o->fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
        log_warn("eventfd: write failed");
}

static void *
offsets_run(void *arg)
{
    struct offsets *o = arg;
    unsigned failures = 0;

    log_set_connector(o->connector);
    pthread_mutex_lock(&o->lock);
    while (!o->failed) {
        struct work now;

        while (!offsets_has_work(&o->next) && !o->stopping)
            pthread_cond_wait(&o->wake, &o->lock);
        if (!offsets_has_work(&o->next) || (o->stopping && failures > OFFSETS_STOP_TRIES))
            break;
        now = o->next;
        o->next = (struct work){0};
        pthread_mutex_unlock(&o->lock);
        offsets_store(o, &now, &failures);
        offsets_work_clear(&now);
        pthread_mutex_lock(&o->lock);
        if (failures)
            offsets_pause(o,
                          clock_backoff_ms(failures, OFFSETS_BACKOFF_MS, OFFSETS_BACKOFF_CAP_MS));
        else
            offsets_pause(o, o->gap_ms);
    }
    pthread_mutex_unlock(&o->lock);
    return NULL;
}

struct offsets *
offsets_start(struct offset_store *store, const char *connector, int64_t interval_ms)
{
    struct offsets *o = mem_alloc(sizeof(*o));
    pthread_condattr_t attr;

    o->store = store;
    o->connector = mem_strdup(connector);
    o->gap_ms =
        interval_ms > 0 && interval_ms < OFFSETS_MIN_GAP_MS ? interval_ms : OFFSETS_MIN_GAP_MS;
    o->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    pthread_mutex_init(&o->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&o->wake, &attr);
    pthread_condattr_destroy(&attr);
    if (o->fd < 0 || pthread_create(&o->thread, NULL, offsets_run, o) != 0) {
        log_error("cannot start the offset thread: out of file descriptors or threads");
        abort();
    }
    return o;
}

void
offsets_put(struct offsets *o, const struct offset *offset)
{
    pthread_mutex_lock(&o->lock);
    offset_free(&o->next.offset);
    offset_copy(&o->next.offset, offset);
    o->next.has_offset = true;
    pthread_cond_signal(&o->wake);
    pthread_mutex_unlock(&o->lock);
}

void
offsets_put_tables(struct offsets *o, const char *json)
{
    pthread_mutex_lock(&o->lock);
    free(o->next.tables);
    o->next.tables = json ? mem_strdup(json) : NULL;
    o->next.has_tables = true;
    pthread_cond_signal(&o->wake);
    pthread_mutex_unlock(&o->lock);
}

void
offsets_put_progress(struct offsets *o, const char *json, uint64_t flush_lsn)
{
    pthread_mutex_lock(&o->lock);
    free(o->next.progress);
    o->next.progress = json ? mem_strdup(json) : NULL;
    o->next.progress_flush = flush_lsn;
    o->next.has_progress = true;
    pthread_cond_signal(&o->wake);
    pthread_mutex_unlock(&o->lock);
}

int
offsets_fd(const struct offsets *o)
{
    return o->fd;
}

bool
offsets_stored(struct offsets *o, uint64_t *flush_lsn, bool *news, struct err *e)
{
    uint64_t count;
    bool failed;

    *news = atomic_exchange(&o->news, false);
    if (!*news)
        return true;
    if (read(o->fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
        log_warn("eventfd: read failed");
    pthread_mutex_lock(&o->lock);
    *flush_lsn = o->stored;
    failed = o->failed;
    if (failed && e)
        *e = o->why;
    pthread_mutex_unlock(&o->lock);
    return !failed;
}

uint64_t
offsets_stored_mark(struct offsets *o)
{
    return atomic_load(&o->stored_mark);
}

bool
offsets_stop(struct offsets *o, uint64_t *flush_lsn, uint64_t *mark, struct err *e)
{
    bool left;

    pthread_mutex_lock(&o->lock);
    o->stopping = true;
    pthread_cond_signal(&o->wake);
    pthread_mutex_unlock(&o->lock);
    pthread_join(o->thread, NULL);
    left = offsets_has_work(&o->next);
    if (left && e)
        *e = o->why;
    *flush_lsn = o->stored;
    *mark = atomic_load(&o->stored_mark);
    offsets_work_clear(&o->next);
    o->store->ops->close(o->store);
    close(o->fd);
    pthread_mutex_destroy(&o->lock);
    pthread_cond_destroy(&o->wake);
    free(o->connector);
    free(o);
    return !left;
}
