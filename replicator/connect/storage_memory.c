/* The storage topics in memory: what is written is read at once, by the writer's thread. Nothing outlives the process. */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "replicator/connect/storage.h"

struct memory {
    struct storage base;
    struct storage_handler handler;
};

static bool
memory_start(struct storage *s, const struct storage_handler *h, struct err *e)
{
    (void)e;
    ((struct memory *)s)->handler = *h;
    h->ready(h->arg, NULL);
    return true;
}

static void
memory_post(struct storage *s, const struct storage_record *r)
{
    const struct memory *m = (struct memory *)s;

    m->handler.record(m->handler.arg, r);
}

static bool
memory_put(struct storage *s, const struct storage_record *records, size_t n, struct err *e)
{
    (void)e;
    for (size_t i = 0; i < n; i++)
        memory_post(s, &records[i]);
    return true;
}

static bool
memory_sync(struct storage *s, struct err *e)
{
    (void)s;
    (void)e;
    return true;
}

/* There is no group. */
static bool
memory_members(struct storage *s, unsigned *n, char who[STORAGE_MEMBER_TEXT], struct err *e)
{
    (void)s;
    (void)e;
    *n = 0;
    who[0] = '\0';
    return true;
}

static void
memory_cluster_id(struct storage *s, char *out, size_t n)
{
    (void)s;
    snprintf(out, n, "memory");
}

static void
memory_flush(struct storage *s, int64_t ms)
{
    (void)s;
    (void)ms;
}

static void
memory_close(struct storage *s)
{
    free(s);
}

struct storage *
storage_memory_new(void)
{
    static const struct storage_ops ops = {.start = memory_start,
                                           .put = memory_put,
                                           .post = memory_post,
                                           .sync = memory_sync,
                                           .members = memory_members,
                                           .cluster_id = memory_cluster_id,
                                           .flush = memory_flush,
                                           .close = memory_close};
    struct memory *m = mem_alloc(sizeof(*m));

    m->base.ops = &ops;
    return &m->base;
}
