/*
 * The Kafka sink: an idempotent librdkafka producer that never gives a record up. Its events (delivery reports, errors,
 * answers to CreateTopics, log lines) all lie in one queue and are served on the connector thread by poll; librdkafka
 * writes to an eventfd when the queue stops being empty.
 */
#include "sinks/kafka/kafka.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"

enum {
    CLOSE_WAIT_US = 5000000,
    RECORD_FRAME = 40, /* of a record in a batch: its varints, at most */
    CLOCK_PUTS = 32,   /* records between two looks at the clock */
};

/* ------------------------------------------------------------------------------------------------------ programs */

struct kafka_topic *
kafka_topic_named(struct kafka_sink *s, const char *name)
{
    struct kafka_topic *t;

    pthread_mutex_lock(&s->lock);
    t = map_get(s->topics, slice_of(name));
    if (!t) {
        t = mem_alloc(sizeof *t);
        t->name = mem_strdup(name);
        map_put(s->topics, slice_of(name), t);
    }
    pthread_mutex_unlock(&s->lock);
    return t;
}

static bool
kafka_compile(struct sink *base, const struct plan *p, void **prog, struct err *e)
{
    struct kafka_prog *k = mem_alloc(sizeof *k);

    k->encoder = encoder_new(p, e);
    if (!k->encoder) {
        free(k);
        return false;
    }
    k->topic = kafka_topic_named((struct kafka_sink *)base, p->topic);
    *prog = k;
    return true;
}

static void
kafka_discard(struct sink *base, void *prog)
{
    struct kafka_prog *k = prog;

    (void)base;
    encoder_free(k->encoder);
    free(k);
}

static bool
kafka_encode(const void *prog, const struct change *c, struct recbuf *out, struct err *e)
{
    return encoder_encode(((const struct kafka_prog *)prog)->encoder, c, out, e);
}

/* ----------------------------------------------------------------------------------------------------------- put */

static enum sink_put
put_error(struct kafka_sink *s, struct err *e)
{
    if (e)
        *e = s->failure;
    return SINK_ERROR;
}

static void
wake(struct kafka_sink *s)
{
    uint64_t one = 1;
    ssize_t ignored = write(s->event_fd, &one, sizeof one);

    (void)ignored;
}

/*
 * The record cannot be delivered, now or ever: errors.tolerance says what becomes of it. Whoever puts names the change and
 * its topic when this is an error; when it is not, we do.
 */
static enum sink_put
put_refused(struct kafka_sink *s, const struct kafka_topic *t, const struct record *r,
            uint64_t ticket, struct err *refusal, struct err *e)
{
    char lsn[NUM_LSN_TEXT];

    if (!s->tolerate_data) {
        kafka_sink_fails(s, refusal);
        return put_error(s, e);
    }
    err_wrap(refusal, "topic \"%s\", change at %s", t->name, num_lsn_text(lsn, r->id.lsn));
    log_err(LOG_WARN, refusal, "skipping a record because errors.tolerance is all");
    s->skipped = mem_grow(s->skipped, s->nskipped + 1, sizeof *s->skipped);
    s->skipped[s->nskipped++] = ticket;
    wake(s);
    return SINK_TAKEN;
}

static void
add_own_headers(rd_kafka_headers_t *list, const struct recbuf *b, const struct record *r,
                uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        const struct record_header_value *h = &b->headers[r->hdr + i];

        rd_kafka_header_add(list, h->name, -1, h->null ? NULL : b->bytes.p + h->at, (ssize_t)h->n);
    }
}

/* The new or old key stands before the context, as Debezium has it. NULL: no headers. */
static rd_kafka_headers_t *
headers_of(const struct kafka_sink *s, const struct recbuf *b, const struct record *r)
{
    rd_kafka_headers_t *list;

    if (r->nextra == 0 && r->nhdr == 0)
        return r->headers == RECORD_CONTEXT ? s->context_list : NULL;
    list = rd_kafka_headers_new(1 + r->nhdr + KAFKA_CONTEXT_HEADERS);
    if (r->nextra > 0)
        rd_kafka_header_add(list, r->extra_name, -1, b->bytes.p + r->extra, (ssize_t)r->nextra);
    add_own_headers(list, b, r, 0, r->nlead);
    for (size_t i = 0; r->headers == RECORD_CONTEXT && i < KAFKA_CONTEXT_HEADERS; i++)
        rd_kafka_header_add(list, s->context[i].name, -1, s->context[i].value.p,
                            (ssize_t)s->context[i].value.n);
    add_own_headers(list, b, r, r->nlead, r->nhdr);
    return list;
}

/* Never NULL, which would be null to librdkafka, where empty is meant. */
static char *
bytes_at(const struct recbuf *b, uint32_t at)
{
    static char none[1];

    return b->bytes.p ? b->bytes.p + at : none;
}

static rd_kafka_resp_err_t
produce(struct kafka_sink *s, rd_kafka_topic_t *rkt, const struct recbuf *b, const struct record *r,
        uint64_t ticket)
{
    rd_kafka_headers_t *headers = headers_of(s, b, r);
    /* librdkafka copies both; its signature only lacks the const. */
    char *value = r->null_value ? NULL : bytes_at(b, r->value);
    char *key = r->null_key ? NULL : bytes_at(b, r->key);
    void *opaque = (void *)(uintptr_t)ticket;
    rd_kafka_error_t *error;
    rd_kafka_resp_err_t code;

    if (!headers && r->timestamp_ms == 0)
        return rd_kafka_produce(rkt, r->partition, RD_KAFKA_MSG_F_COPY, value, r->nvalue, key,
                                r->nkey, opaque) == 0
                   ? RD_KAFKA_RESP_ERR_NO_ERROR
                   : rd_kafka_last_error();
    rd_kafka_vu_t parts[] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = rkt},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {value, r->nvalue}},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {key, r->nkey}},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = opaque},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = r->partition},
        {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = r->timestamp_ms},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
    };
    error = rd_kafka_produceva(s->rk, parts, sizeof parts / sizeof *parts - (headers == NULL));
    if (!error)
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    /* The list stays ours when the record was not taken. */
    if (headers && headers != s->context_list)
        rd_kafka_headers_destroy(headers);
    code = rd_kafka_error_code(error);
    rd_kafka_error_destroy(error);
    return code;
}

/* The first record of a topic: it has to prove that the topic exists. */
static void
topic_first(struct kafka_sink *s, struct kafka_topic *t)
{
    t->first_put_us = clock_mono_us();
    s->unproven++;
    s->untold += s->tell != NULL;
}

static enum sink_put
produce_failed(struct kafka_sink *s, const struct kafka_topic *t, const struct record *r,
               uint64_t ticket, rd_kafka_resp_err_t code, struct err *e)
{
    struct err refusal = {0};

    /* A fatal error is told by its event, with the cause; until poll has seen it there is room for nothing. */
    if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL || code == RD_KAFKA_RESP_ERR__FATAL)
        return SINK_FULL;
    kafka_err(&refusal, code, "the record is not taken");
    if (refusal.cls == ERR_DATA)
        return put_refused(s, t, r, ticket, &refusal, e);
    kafka_sink_fails(s, &refusal);
    return put_error(s, e);
}

/* One pointer stands for one name, so that a look at it saves the search. */
static struct kafka_topic *
topic_of_record(struct kafka_sink *s, const struct record *r)
{
    struct kafka_named *slot = &s->named[((uintptr_t)r->topic >> 4) % KAFKA_NAMED];

    if (slot->name != r->topic)
        *slot = (struct kafka_named){r->topic, kafka_topic_named(s, r->topic)};
    return slot->topic;
}

/* What its headers add, at most: name, value and the lengths of both. */
static uint64_t
own_header_bytes(const struct recbuf *b, const struct record *r)
{
    uint64_t n = r->nextra;

    for (uint32_t i = 0; i < r->nhdr; i++)
        n += strlen(b->headers[r->hdr + i].name) + b->headers[r->hdr + i].n + 10;
    return n;
}

static enum sink_put
kafka_put(struct sink *base, void *prog, const struct recbuf *b, const struct record *r,
          uint64_t ticket, struct err *e)
{
    struct kafka_sink *s = (struct kafka_sink *)base;
    struct kafka_topic *t = __builtin_expect(r->topic == NULL, 1)
                                ? ((struct kafka_prog *)prog)->topic
                                : topic_of_record(s, r);
    uint64_t bytes = (uint64_t)r->nkey + r->nvalue, cost = bytes + KAFKA_RECORD_COST, size;
    struct err refusal = {0};
    rd_kafka_resp_err_t code;

    if (s->failed)
        return put_error(s, e);
    if (++s->clock_puts % CLOCK_PUTS == 0)
        s->now_us = clock_mono_us();
    /* One record may be larger than the whole queue: alone, it passes. */
    if (s->pending_bytes + cost > s->queue_bytes && s->pending_bytes > 0)
        return SINK_FULL;
    if (!kafka_window_admits(&t->window, &s->batching, bytes, s->now_us))
        return SINK_FULL;
    if (__builtin_expect(t->state != KAFKA_TOPIC_OPEN, 0)) {
        enum sink_put ready = kafka_topic_prepare(t, s->rk, s->rules, s->queue, e);

        if (ready != SINK_TAKEN)
            return ready;
    }
    /* A cheap bound first: only a record near the limit is measured. */
    if (__builtin_expect(cost + own_header_bytes(b, r) + s->headers_bytes > s->max_request_bytes,
                         0) &&
        (size = kafka_record_size(b, r, s->context, KAFKA_CONTEXT_HEADERS)) >
            s->max_request_bytes) {
        err_set(&refusal, ERR_DATA, "kafka.record_too_large",
                "the message is %llu bytes when serialized which is larger than %llu, which is the "
                "value of "
                "the max.request.size configuration; raise producer.override.max.request.size and "
                "the topic's "
                "max.message.bytes, or leave the column out",
                (unsigned long long)size, (unsigned long long)s->max_request_bytes);
        return put_refused(s, t, r, ticket, &refusal, e);
    }
    code = produce(s, t->rkt, b, r, ticket);
    if (code)
        return produce_failed(s, t, r, ticket, code, e);
    s->pending_bytes += cost;
    kafka_window_put(&t->window, &s->batching, bytes, s->now_us);
    if (__builtin_expect(t->first_put_us == 0 && !t->proven, 0))
        topic_first(s, t);
    return SINK_TAKEN;
}

/* ---------------------------------------------------------------------------------------------------------- poll */

static bool
kafka_poll(struct sink *base, struct err *e)
{
    struct kafka_sink *s = (struct kafka_sink *)base;
    uint64_t count;
    /* Before the queue is emptied, so that what comes while we do it wakes us again. */
    ssize_t ignored = read(s->event_fd, &count, sizeof count);

    (void)ignored;
    s->now_us = clock_mono_us();
    kafka_serve_events(s, 0);
    kafka_serve_timers(s);
    if (s->failed && e)
        *e = s->failure;
    return !s->failed;
}

static int
kafka_fd(struct sink *base)
{
    return ((struct kafka_sink *)base)->event_fd;
}

static int64_t
kafka_deadline_us(struct sink *base)
{
    return kafka_next_timer_us((struct kafka_sink *)base);
}

static void
kafka_flush(struct sink *base)
{
    /* Ends the linger of what waits. The few ms are not for the records but for the threads to notice. */
    rd_kafka_flush(((struct kafka_sink *)base)->rk, 5);
}

static uint64_t
kafka_pending_bytes(struct sink *base)
{
    return ((struct kafka_sink *)base)->pending_bytes;
}

/* ---------------------------------------------------------------------------------------------------------- life */

static void
kafka_topic_free(void *topic)
{
    struct kafka_topic *t = topic;

    if (t->rkt)
        rd_kafka_topic_destroy(t->rkt);
    free(t->name);
    free(t);
}

/*
 * Every record must have been reported before the producer goes: see context_list. A purge reports all of them at once,
 * so this takes milliseconds. False: a record is still away after all; then the producer is better left alone than freed
 * under it.
 */
static bool
reclaim_records(struct kafka_sink *s)
{
    int64_t until_us = clock_mono_us() + CLOSE_WAIT_US;

    s->closing = true;
    rd_kafka_purge(s->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    while (s->pending_bytes > 0 && clock_mono_us() < until_us)
        kafka_serve_events(s, 10);
    return s->pending_bytes == 0;
}

static void
kafka_close(struct sink *base)
{
    struct kafka_sink *s = (struct kafka_sink *)base;
    bool whole = true;

    if (s->rk) {
        whole = reclaim_records(s);
        rd_kafka_queue_io_event_enable(s->queue, -1, NULL, 0);
        rd_kafka_queue_destroy(s->queue);
    }
    map_free(s->topics, kafka_topic_free);
    if (s->rk && whole)
        rd_kafka_destroy(s->rk);
    if (s->context_list && whole)
        rd_kafka_headers_destroy(s->context_list);
    if (!whole)
        log_error("kafka: records were still on their way at close; their memory is given up");
    kafka_rules_free(s->rules);
    if (s->event_fd >= 0)
        close(s->event_fd);
    pthread_mutex_destroy(&s->lock);
    for (size_t i = 0; i < KAFKA_CONTEXT_HEADERS; i++)
        free((void *)(uintptr_t)s->context[i].value.p);
    free(s->skipped);
    free(s);
}

static const struct sink_ops kafka_ops = {
    .name = "kafka",
    .compile = kafka_compile,
    .discard = kafka_discard,
    .encode = kafka_encode,
    .put = kafka_put,
    .poll = kafka_poll,
    .fd = kafka_fd,
    .deadline_us = kafka_deadline_us,
    .flush = kafka_flush,
    .pending_bytes = kafka_pending_bytes,
    .close = kafka_close,
};

/* The same on every record of a run. The connector's short name and the one task are Debezium's. */
static void
make_context(struct kafka_sink *s, const struct sink_env *env)
{
    const struct {
        const char *name, *value;
    } rows[KAFKA_CONTEXT_HEADERS] = {
        {"__debezium.context.connectorLogicalName", env->settings->prefix},
        {"__debezium.context.taskId", "0"},
        {"__debezium.context.connectorName", "postgresql"},
        {"__debezium.context.runId", env->run_id},
    };

    s->context_list = rd_kafka_headers_new(KAFKA_CONTEXT_HEADERS);
    for (size_t i = 0; i < KAFKA_CONTEXT_HEADERS; i++) {
        s->context[i].name = rows[i].name;
        s->context[i].value = slice_of(mem_strdup(rows[i].value ? rows[i].value : ""));
        rd_kafka_header_add(s->context_list, rows[i].name, -1, s->context[i].value.p,
                            (ssize_t)s->context[i].value.n);
        s->headers_bytes += strlen(rows[i].name) + s->context[i].value.n + 10;
    }
}

static bool
start_producer(struct kafka_sink *s, const struct sink_env *env, struct err *e)
{
    static const uint64_t one = 1;
    struct kafka_conf conf;
    char why[400];

    if (!kafka_conf_make(env->config, KAFKA_SINK, &conf, e))
        return false;
    s->queue_bytes = conf.queue_bytes;
    s->max_request_bytes = conf.max_request_bytes;
    /* Without idempotence librdkafka sleeps, and who wants no linger wants no wait. */
    if (conf.idempotent && conf.linger_us > 0)
        s->batching = (struct kafka_batching){.batch_bytes = conf.batch_bytes,
                                              .record_bytes = s->headers_bytes + RECORD_FRAME,
                                              .linger_us = conf.linger_us};
    /* After a record that can never be delivered nothing later may be: no gap in what a consumer sees. */
    if (conf.idempotent && !s->tolerate_data &&
        rd_kafka_conf_set(conf.rk, "enable.gapless.guarantee", "true", why, sizeof why) !=
            RD_KAFKA_CONF_OK) {
        rd_kafka_conf_destroy(conf.rk);
        return err_set(e, ERR_BUG, "kafka.property", "%s", why);
    }
    rd_kafka_conf_set_events(conf.rk,
                             RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG);
    s->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf.rk, why, sizeof why);
    if (!s->rk) {
        rd_kafka_conf_destroy(conf.rk);
        return err_set(e, ERR_CONFIG, "kafka.property", "the Kafka producer cannot be made: %s",
                       why);
    }
    s->queue = rd_kafka_queue_get_main(s->rk);
    rd_kafka_set_log_queue(s->rk, s->queue);
    rd_kafka_queue_io_event_enable(s->queue, s->event_fd, &one, sizeof one);
    /* librdkafka writes when the queue stops being empty: what came before now would never be told. */
    wake(s);
    return true;
}

struct sink *
sink_kafka_new(const struct sink_env *env, struct err *e)
{
    struct kafka_sink *s = mem_alloc(sizeof *s);
    const char *tolerance = kafka_given(env->config, "errors.tolerance");

    s->base.ops = &kafka_ops;
    s->now_us = clock_mono_us();
    pthread_mutex_init(&s->lock, NULL);
    s->topics = map_new();
    s->tell = env->topics;
    s->tolerate_data = tolerance && strcasecmp(tolerance, "all") == 0;
    s->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (s->event_fd < 0) {
        err_set(e, ERR_RETRY, "kafka.eventfd", "eventfd: %s", strerror(errno));
    } else {
        make_context(s, env);
        if (kafka_rules_new(env->config, &s->rules, e) && start_producer(s, env, e))
            return &s->base;
    }
    kafka_close(&s->base);
    return NULL;
}
