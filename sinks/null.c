/*
 * The null sink: encodes as Kafka would get it, drops the bytes, and acknowledges at the next poll. For benchmarks and for
 * looking at what a connector would do.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "decoder/encoder.h"
#include "sinks/sink.h"

struct null_sink {
    struct sink base;
    uint64_t pending_bytes;
    /* Tickets in the order of put, those of one ticket in a row counted. */
    struct null_run {
        uint64_t ticket;
        unsigned n;
    } * runs;
    size_t n, cap;
};

/* Enough to make an acknowledgement rare, few enough to keep what a restart would repeat small. */
enum { RUNS_MAX = 8192 };

static bool
null_compile(struct sink *s, const struct plan *p, void **prog, struct err *e)
{
    (void)s;
    *prog = encoder_new(p, e);
    return *prog != NULL;
}

static void
null_discard(struct sink *s, void *prog)
{
    (void)s;
    encoder_free(prog);
}

static bool
null_encode(const void *prog, const struct change *c, struct recbuf *out, struct err *e)
{
    return encoder_encode(prog, c, out, e);
}

static enum sink_put
null_put(struct sink *base, void *prog, const struct recbuf *b, const struct record *r,
         uint64_t ticket, struct err *e)
{
    struct null_sink *s = (struct null_sink *)base;

    (void)prog, (void)b, (void)e;
    if (s->n > 0 && s->runs[s->n - 1].ticket == ticket) {
        s->runs[s->n - 1].n++;
    } else {
        if (s->n == RUNS_MAX)
            return SINK_FULL;
        if (s->n == s->cap) {
            s->cap = s->cap ? s->cap * 2 : 64;
            s->runs = mem_grow(s->runs, s->cap, sizeof *s->runs);
        }
        s->runs[s->n++] = (struct null_run){ticket, 1};
    }
    s->pending_bytes += (uint64_t)r->nkey + r->nvalue;
    return SINK_TAKEN;
}

static bool
null_poll(struct sink *base, struct err *e)
{
    struct null_sink *s = (struct null_sink *)base;
    size_t n = s->n;

    (void)e;
    s->n = 0;
    s->pending_bytes = 0;
    for (size_t i = 0; i < n; i++)
        s->base.ack(s->base.ack_arg, s->runs[i].ticket, s->runs[i].n);
    return true;
}

static int
null_fd(struct sink *s)
{
    (void)s;
    return -1;
}

static int64_t
null_deadline_us(struct sink *base)
{
    return ((struct null_sink *)base)->n > 0 ? 0 : INT64_MAX;
}

static void
null_flush(struct sink *s)
{
    (void)s;
}

static uint64_t
null_pending_bytes(struct sink *base)
{
    return ((struct null_sink *)base)->pending_bytes;
}

static void
null_close(struct sink *base)
{
    struct null_sink *s = (struct null_sink *)base;

    free(s->runs);
    free(s);
}

static const struct sink_ops null_ops = {
    .name = "null",
    .compile = null_compile,
    .discard = null_discard,
    .encode = null_encode,
    .put = null_put,
    .poll = null_poll,
    .fd = null_fd,
    .deadline_us = null_deadline_us,
    .flush = null_flush,
    .pending_bytes = null_pending_bytes,
    .close = null_close,
};

struct sink *
sink_null_new(const struct sink_env *env, struct err *e)
{
    struct null_sink *s = mem_alloc(sizeof *s);

    (void)env, (void)e;
    s->base.ops = &null_ops;
    return &s->base;
}
