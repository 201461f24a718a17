#include "replicator/rest/pool.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"

struct job {
    void (*run)(void *arg);
    void *arg;
};

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t more;
    pthread_t *threads;
    unsigned threads_max, nthreads, idle;
    struct job *jobs; /* a ring */
    unsigned jobs_max, first, njobs;
    bool ending;
};

static void *
pool_thread(void *arg)
{
    struct pool *p = arg;

    pthread_mutex_lock(&p->lock);
    for (;;) {
        struct job j;

        p->idle++;
        while (p->njobs == 0 && !p->ending)
            pthread_cond_wait(&p->more, &p->lock);
        p->idle--;
        if (p->njobs == 0)
            break;
        j = p->jobs[p->first];
        p->first = (p->first + 1) % p->jobs_max;
        p->njobs--;
        pthread_mutex_unlock(&p->lock);
        j.run(j.arg);
        pthread_mutex_lock(&p->lock);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

struct pool *
pool_new(unsigned threads_max, unsigned queue_max)
{
    struct pool *p = mem_alloc(sizeof(*p));

    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->more, NULL);
    p->threads_max = threads_max;
    p->threads = mem_array(threads_max, sizeof(*p->threads));
    p->jobs_max = queue_max;
    p->jobs = mem_array(queue_max, sizeof(*p->jobs));
    return p;
}

bool
pool_add(struct pool *p, void (*run)(void *arg), void *arg)
{
    bool taken;

    pthread_mutex_lock(&p->lock);
    if (!p->ending && p->idle <= p->njobs && p->nthreads < p->threads_max &&
        pthread_create(&p->threads[p->nthreads], NULL, pool_thread, p) == 0)
        p->nthreads++;
    taken = p->njobs < p->jobs_max && p->nthreads > 0 && !p->ending;
    if (taken) {
        p->jobs[(p->first + p->njobs++) % p->jobs_max] = (struct job){run, arg};
        pthread_cond_signal(&p->more);
    }
    pthread_mutex_unlock(&p->lock);
    return taken;
}

void
pool_end(struct pool *p)
{
    pthread_mutex_lock(&p->lock);
    p->ending = true;
    pthread_cond_broadcast(&p->more);
    pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->nthreads; i++)
        pthread_join(p->threads[i], NULL);
    p->nthreads = 0;
}

void
pool_free(struct pool *p)
{
    pthread_cond_destroy(&p->more);
    pthread_mutex_destroy(&p->lock);
    free(p->threads);
    free(p->jobs);
    free(p);
}
