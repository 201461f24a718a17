/* From the workers to the connector thread: a bounded queue of finished batches. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "replicator/pg/snapshot_priv.h"

/* Enough that a worker can go on while another batch is put; few, for each is as large as a batch may be. */
static unsigned
queue_max(const struct snapshot *s)
{
    return 2 + 2 * s->nworkers;
}

void
snapshot_signal(struct snapshot *s)
{
    uint64_t one = 1;

    if (write(s->fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
        log_warn("eventfd: write failed");
}

static struct batch *
batch_new(unsigned nsinks)
{
    struct batch *b = mem_alloc(sizeof(*b));

    for (unsigned i = 0; i < nsinks; i++)
        recbuf_init(&b->out[i], SNAPSHOT_RECORDS_MAX);
    return b;
}

static void
batch_list_free(struct batch *b, unsigned nsinks)
{
    while (b) {
        struct batch *next = b->next;

        for (unsigned i = 0; i < nsinks; i++)
            recbuf_free(&b->out[i]);
        free(b);
        b = next;
    }
}

void
snapshot_batches_free(struct snapshot *s)
{
    for (unsigned i = 0; s->workers && i < s->nworkers; i++)
        batch_list_free(s->workers[i].filling, s->req.nsinks);
    batch_list_free(s->ready, s->req.nsinks);
    batch_list_free(s->spare, s->req.nsinks);
}

struct batch *
snapshot_room(struct snapshot *s)
{
    struct batch *b;

    pthread_mutex_lock(&s->lock);
    while (s->in_flight >= queue_max(s) && !s->stopping)
        pthread_cond_wait(&s->room, &s->lock);
    if (s->stopping) {
        pthread_mutex_unlock(&s->lock);
        return NULL;
    }
    s->in_flight++;
    b = s->spare;
    if (b)
        s->spare = b->next;
    pthread_mutex_unlock(&s->lock);
    if (!b)
        b = batch_new(s->req.nsinks);
    b->next = NULL;
    b->nrows = 0;
    b->unit_ends = false;
    for (unsigned i = 0; i < s->req.nsinks; i++)
        recbuf_clear(&b->out[i]);
    return b;
}

void
snapshot_hand_over(struct snapshot *s, struct batch *b)
{
    atomic_fetch_add_explicit(&s->units[b->unit].handed, b->nrows, memory_order_relaxed);
    pthread_mutex_lock(&s->lock);
    *s->ready_end = b;
    s->ready_end = &b->next;
    pthread_mutex_unlock(&s->lock);
    snapshot_signal(s);
}

bool
snapshot_take(struct snapshot *s, struct batch **out, bool *done, struct err *e)
{
    uint64_t count;
    bool ok = true;

    if (read(s->fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
        log_warn("eventfd: read failed");
    pthread_mutex_lock(&s->lock);
    *out = s->ready;
    if (s->ready) {
        s->ready = s->ready->next;
        if (!s->ready)
            s->ready_end = &s->ready;
        (*out)->next = NULL;
    }
    *done = !*out && s->done;
    if (!*out && s->failed) {
        *e = s->why;
        ok = false;
    }
    pthread_mutex_unlock(&s->lock);
    return ok;
}

void
snapshot_give_back(struct snapshot *s, struct batch *b)
{
    pthread_mutex_lock(&s->lock);
    b->next = s->spare;
    s->spare = b;
    s->in_flight--;
    pthread_cond_signal(&s->room);
    pthread_mutex_unlock(&s->lock);
}

void
snapshot_fail(struct snapshot *s, struct snap_table *at, const struct err *why)
{
    pthread_mutex_lock(&s->lock);
    if (!s->failed && !s->stopping) {
        s->failed = true;
        s->why = *why;
        atomic_store(&at->failed, true);
    }
    s->stopping = true;
    pthread_cond_broadcast(&s->room);
    pthread_cond_broadcast(&s->news);
    pthread_mutex_unlock(&s->lock);
    snapshot_signal(s);
}

bool
snapshot_wait(struct snapshot *s, int64_t until_us)
{
    const struct timespec until = {.tv_sec = (time_t)(until_us / 1000000),
                                   .tv_nsec = (long)(until_us % 1000000) * 1000};
    bool stopped;

    pthread_mutex_lock(&s->lock);
    while (!s->stopping && !s->done &&
           pthread_cond_timedwait(&s->news, &s->lock, &until) != ETIMEDOUT)
        ;
    stopped = s->stopping || s->done;
    pthread_mutex_unlock(&s->lock);
    return stopped;
}
