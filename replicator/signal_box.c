/* Signals from other threads: the REST server's, a command's. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "replicator/signals.h"

enum { BOX_MAX = 1000 }; /* nobody gives so many; a program gone wild does */

struct boxed {
    struct boxed *next;
    struct arena arena;
    struct signal signal;
};

struct signal_box {
    pthread_mutex_t lock;
    struct boxed *first, **last;
    unsigned n;
    int fd;
};

struct signal_box *
signal_box_new(void)
{
    struct signal_box *b = mem_alloc(sizeof(*b));

    pthread_mutex_init(&b->lock, NULL);
    b->last = &b->first;
    b->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return b;
}

void
signal_box_free(struct signal_box *b)
{
    struct arena a;
    struct signal s;

    if (!b)
        return;
    arena_init(&a);
    while (signal_box_take(b, &a, &s))
        ;
    arena_free(&a);
    if (b->fd >= 0)
        close(b->fd);
    pthread_mutex_destroy(&b->lock);
    free(b);
}

bool
signal_box_post(struct signal_box *b, const struct signal *s, struct err *e)
{
    struct signal_order order;
    struct boxed *boxed = mem_alloc(sizeof(*boxed));
    uint64_t one = 1;
    bool full;

    arena_init(&boxed->arena);
    if (!signal_parse(s, &boxed->arena, &order, e)) {
        arena_free(&boxed->arena);
        free(boxed);
        return false;
    }
    boxed->signal = (struct signal){s->id ? arena_strdup(&boxed->arena, s->id) : NULL,
                                    arena_strdup(&boxed->arena, s->type),
                                    s->data ? arena_strdup(&boxed->arena, s->data) : NULL};
    pthread_mutex_lock(&b->lock);
    full = b->n >= BOX_MAX;
    if (!full) {
        *b->last = boxed;
        b->last = &boxed->next;
        b->n++;
    }
    pthread_mutex_unlock(&b->lock);
    if (full) {
        arena_free(&boxed->arena);
        free(boxed);
        return err_set(e, ERR_RETRY, "signal.full", "%d signals wait already", BOX_MAX);
    }
    if (write(b->fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
        log_warn("eventfd: write failed");
    return true;
}

int
signal_box_fd(const struct signal_box *b)
{
    return b->fd;
}

bool
signal_box_take(struct signal_box *b, struct arena *a, struct signal *out)
{
    struct boxed *boxed;
    uint64_t count;

    pthread_mutex_lock(&b->lock);
    boxed = b->first;
    if (boxed) {
        b->first = boxed->next;
        b->n--;
    }
    if (!b->first) {
        b->last = &b->first;
        if (read(b->fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
            log_warn("eventfd: read failed");
    }
    pthread_mutex_unlock(&b->lock);
    if (!boxed)
        return false;
    *out = (struct signal){boxed->signal.id ? arena_strdup(a, boxed->signal.id) : NULL,
                           arena_strdup(a, boxed->signal.type),
                           boxed->signal.data ? arena_strdup(a, boxed->signal.data) : NULL};
    arena_free(&boxed->arena);
    free(boxed);
    return true;
}
