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
    struct offset next;
    bool has_next, stopping, failed;
    uint64_t stored;
    struct err why;
};

static void
offsets_copy(struct offset *to, const struct offset *from)
{
    *to = *from;
    to->extra = from->extra ? mem_strdup(from->extra) : NULL;
}

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

/* One store; the lock is not held. Transient failures are tried again, with the newest offset there is by then. */
static void
offsets_store(struct offsets *o, struct offset *offset, unsigned *failures)
{
    struct err e = {0};
    uint64_t one = 1;
    bool ok = o->store->ops->save(o->store, offset, &e);

    pthread_mutex_lock(&o->lock);
    if (ok) {
        *failures = 0;
        o->stored = offset->flush_lsn;
        o->why = (struct err){0};
    } else {
        o->why = e;
        if (!o->has_next) { /* it is still the newest */
            offsets_copy(&o->next, offset);
            o->has_next = true;
        }
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
        struct offset now;

        while (!o->has_next && !o->stopping)
            pthread_cond_wait(&o->wake, &o->lock);
        if (!o->has_next || (o->stopping && failures > OFFSETS_STOP_TRIES))
            break;
        now = o->next;
        o->next = (struct offset){0};
        o->has_next = false;
        pthread_mutex_unlock(&o->lock);
        offsets_store(o, &now, &failures);
        offset_free(&now);
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
    offset_free(&o->next);
    offsets_copy(&o->next, offset);
    o->has_next = true;
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

bool
offsets_stop(struct offsets *o, uint64_t *flush_lsn, struct err *e)
{
    bool left;

    pthread_mutex_lock(&o->lock);
    o->stopping = true;
    pthread_cond_signal(&o->wake);
    pthread_mutex_unlock(&o->lock);
    pthread_join(o->thread, NULL);
    left = o->has_next;
    if (left && e)
        *e = o->why;
    *flush_lsn = o->stored;
    offset_free(&o->next);
    o->store->ops->close(o->store);
    close(o->fd);
    pthread_mutex_destroy(&o->lock);
    pthread_cond_destroy(&o->wake);
    free(o->connector);
    free(o);
    return !left;
}
