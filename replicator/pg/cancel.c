#include "replicator/pg/cancel.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"

/* fd: the session's socket under a number of our own, for libpq may close its one on the other thread at any time. */
struct pg_cancel {
    PGcancel *cancel;
    int fd;
};

/* Shared with the thread that asks; who comes last frees it. That one goes on when nobody waits for it any more. */
struct cancel_job {
    atomic_uint refs;
    pthread_mutex_t lock;
    pthread_cond_t news;
    bool asked; /* under the lock */
    size_t n;
    PGcancel *cancels[];
};

struct pg_cancel *
pg_cancel_new(PGconn *c)
{
    struct pg_cancel *k = mem_alloc(sizeof(*k));

    k->cancel = PQgetCancel(c);
    k->fd = PQsocket(c) < 0 ? -1 : dup(PQsocket(c));
    return k;
}

void
pg_cancel_free(struct pg_cancel *k)
{
    if (!k)
        return;
    PQfreeCancel(k->cancel);
    if (k->fd >= 0)
        close(k->fd);
    free(k);
}

static void
cancel_release(struct cancel_job *j)
{
    if (atomic_fetch_sub(&j->refs, 1) != 1)
        return;
    for (size_t i = 0; i < j->n; i++)
        PQfreeCancel(j->cancels[i]);
    pthread_cond_destroy(&j->news);
    pthread_mutex_destroy(&j->lock);
    free(j);
}

static void *
cancel_run(void *arg)
{
    struct cancel_job *j = arg;
    char why[256];

    for (size_t i = 0; i < j->n; i++)
        (void)PQcancel(j->cancels[i], why, sizeof(why));
    pthread_mutex_lock(&j->lock);
    j->asked = true;
    pthread_cond_signal(&j->news);
    pthread_mutex_unlock(&j->lock);
    cancel_release(j);
    return NULL;
}

static struct cancel_job *
cancel_job_new(struct pg_cancel *const *all, size_t n)
{
    struct cancel_job *j = mem_alloc(sizeof(*j) + n * sizeof(PGcancel *));
    pthread_condattr_t mono;

    atomic_init(&j->refs, 1);
    for (size_t i = 0; i < n; i++)
        if (all[i]->cancel) {
            j->cancels[j->n++] = all[i]->cancel;
            all[i]->cancel = NULL;
        }
    pthread_mutex_init(&j->lock, NULL);
    pthread_condattr_init(&mono);
    pthread_condattr_setclock(&mono, CLOCK_MONOTONIC);
    pthread_cond_init(&j->news, &mono);
    pthread_condattr_destroy(&mono);
    return j;
}

static bool
cancel_wait(struct cancel_job *j)
{
    struct timespec until;
    bool asked;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += PG_CANCEL_MS / 1000;
    pthread_mutex_lock(&j->lock);
    while (!j->asked && pthread_cond_timedwait(&j->news, &j->lock, &until) != ETIMEDOUT)
        ;
    asked = j->asked;
    pthread_mutex_unlock(&j->lock);
    return asked;
}

bool
pg_cancel_ask(struct pg_cancel *const *all, size_t n)
{
    struct cancel_job *j = cancel_job_new(all, n);
    pthread_t thread;
    bool asked = j->n == 0;

    if (!asked) {
        atomic_store(&j->refs, 2);
        if (pthread_create(&thread, NULL, cancel_run, j) == 0) {
            pthread_detach(thread);
            asked = cancel_wait(j);
        } else {
            atomic_store(&j->refs, 1);
        }
    }
    cancel_release(j);
    return asked;
}

void
pg_cancel_shut(const struct pg_cancel *k)
{
    if (k->fd >= 0)
        (void)shutdown(k->fd, SHUT_RDWR);
}
