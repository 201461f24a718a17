/*
 * The Kafka sink: an idempotent librdkafka producer that never gives a record up. Its events (delivery reports, errors,
 * answers to CreateTopics, log lines) all lie in one queue and are served on the connector thread by poll; librdkafka
 * writes to an eventfd when the queue stops being empty.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/num.h"
#include "decoder/json_conv.h"
#include "sinks/kafka/client.h"
#include "sinks/kafka/size.h"
#include "sinks/kafka/topic.h"
#include "sinks/sink.h"

_Static_assert(sizeof(void *) >= sizeof(uint64_t),
               "a ticket travels as librdkafka's opaque pointer");

enum {
    CONTEXT_HEADERS = 4,
    /* What librdkafka keeps for a record beside its bytes: the message, and a list and an allocation for each header. */
    PLAIN_COST = 256,
    CONTEXT_COST = 1024,
    /* So often may no broker let us in before the credentials are to blame, and not the moment. */
    AUTH_FAILURES_MAX = 3,
};

struct kafka_sink {
    struct sink base;
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    int event_fd;

    uint64_t pending_bytes, queue_bytes, max_request_bytes;
    uint32_t cost; /* of a record beside its bytes */
    struct kafka_header context[CONTEXT_HEADERS];
    rd_kafka_headers_t *context_list; /* the same, to be copied */
    bool tolerate_data;               /* errors.tolerance=all */

    pthread_mutex_t lock; /* of the map only: compile may run on any thread */
    struct map *topics;
    struct kafka_rules *rules;
    unsigned unproven; /* topics that have not yet acknowledged their first record */

    uint64_t ack_ticket; /* reports of one ticket in a row are told at once */
    unsigned ack_n;
    uint64_t
        *skipped; /* records that errors.tolerance disposed of: acknowledged by the next poll */
    size_t nskipped;

    bool failed;
    struct err failure;
    int64_t gap_us; /* a fatal error whose cause is still to come by a delivery report; 0: none */
    bool delivered; /* something was, ever */
    unsigned auth_failures;
};

struct kafka_prog {
    struct json_program *json;
    struct kafka_topic *topic;
};

/* ------------------------------------------------------------------------------------------------------ programs */

static struct kafka_topic *
topic_named(struct kafka_sink *s, const char *name)
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

    k->json = json_compile(p, e);
    if (!k->json) {
        free(k);
        return false;
    }
    k->topic = topic_named((struct kafka_sink *)base, p->topic);
    *prog = k;
    return true;
}

static void
kafka_discard(struct sink *base, void *prog)
{
    struct kafka_prog *k = prog;

    (void)base;
    json_discard(k->json);
    free(k);
}

static bool
kafka_encode(const void *prog, const struct change *c, struct recbuf *out, struct err *e)
{
    return json_encode(((const struct kafka_prog *)prog)->json, c, out, e);
}

/* ----------------------------------------------------------------------------------------------------------- put */

static void
sink_fails(struct kafka_sink *s, const struct err *e)
{
    /* The first failure counts, but one that a person must mend explains more than one that passes. */
    if (s->failed && (s->failure.cls != ERR_RETRY || e->cls == ERR_RETRY))
        return;
    s->failed = true;
    s->failure = *e;
}

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

/* The record cannot be delivered, now or ever: errors.tolerance says what becomes of it. */
static enum sink_put
put_refused(struct kafka_sink *s, const struct record *r, uint64_t ticket, struct err *refusal,
            struct err *e)
{
    char lsn[NUM_LSN_TEXT];

    err_wrap(refusal, "change at %s", num_lsn_text(lsn, r->id.lsn));
    if (!s->tolerate_data) {
        sink_fails(s, refusal);
        return put_error(s, e);
    }
    log_err(LOG_WARN, refusal, "skipping a record because errors.tolerance is all");
    s->skipped = mem_grow(s->skipped, s->nskipped + 1, sizeof *s->skipped);
    s->skipped[s->nskipped++] = ticket;
    wake(s);
    return SINK_TAKEN;
}

/* The new or old key stands before the context, as Debezium has it. NULL: no headers. */
static rd_kafka_headers_t *
headers_of(const struct kafka_sink *s, const struct recbuf *b, const struct record *r)
{
    rd_kafka_headers_t *list;

    if (r->nextra == 0)
        return r->headers == RECORD_CONTEXT ? rd_kafka_headers_copy(s->context_list) : NULL;
    list = rd_kafka_headers_new(1 + CONTEXT_HEADERS);
    rd_kafka_header_add(list, r->extra_name, -1, b->bytes.p + r->extra, (ssize_t)r->nextra);
    for (size_t i = 0; r->headers == RECORD_CONTEXT && i < CONTEXT_HEADERS; i++)
        rd_kafka_header_add(list, s->context[i].name, -1, s->context[i].value.p,
                            (ssize_t)s->context[i].value.n);
    return list;
}

static rd_kafka_resp_err_t
produce(struct kafka_sink *s, rd_kafka_topic_t *rkt, const struct recbuf *b, const struct record *r,
        uint64_t ticket)
{
    rd_kafka_headers_t *headers = headers_of(s, b, r);
    /* librdkafka copies both; its signature only lacks the const. */
    char *value = r->null_value ? NULL : b->bytes.p + r->value;
    char *key = r->null_key ? NULL : b->bytes.p + r->key;
    void *opaque = (void *)(uintptr_t)ticket;
    rd_kafka_error_t *error;
    rd_kafka_resp_err_t code;

    if (!headers)
        return rd_kafka_produce(rkt, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, value, r->nvalue,
                                key, r->nkey, opaque) == 0
                   ? RD_KAFKA_RESP_ERR_NO_ERROR
                   : rd_kafka_last_error();
    rd_kafka_vu_t parts[] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = rkt},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {value, r->nvalue}},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {key, r->nkey}},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = opaque},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
    };
    error = rd_kafka_produceva(s->rk, parts, sizeof parts / sizeof *parts);
    if (!error)
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    /* The list stays ours when the record was not taken. */
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
}

static enum sink_put
produce_failed(struct kafka_sink *s, const struct kafka_topic *t, const struct record *r,
               uint64_t ticket, rd_kafka_resp_err_t code, struct err *e)
{
    struct err refusal = {0};

    /* A fatal error is told by its event, with the cause; until poll has seen it there is room for nothing. */
    if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL || code == RD_KAFKA_RESP_ERR__FATAL)
        return SINK_FULL;
    kafka_err(&refusal, code, "topic \"%s\"", t->name);
    if (refusal.cls == ERR_DATA)
        return put_refused(s, r, ticket, &refusal, e);
    sink_fails(s, &refusal);
    return put_error(s, e);
}

static enum sink_put
kafka_put(struct sink *base, void *prog, const struct recbuf *b, const struct record *r,
          uint64_t ticket, struct err *e)
{
    struct kafka_sink *s = (struct kafka_sink *)base;
    struct kafka_topic *t = ((struct kafka_prog *)prog)->topic;
    uint64_t cost = (uint64_t)r->nkey + r->nvalue + s->cost, size;
    struct err refusal = {0};
    rd_kafka_resp_err_t code;

    if (s->failed)
        return put_error(s, e);
    /* One record may be larger than the whole queue: alone, it passes. */
    if (s->pending_bytes + cost > s->queue_bytes && s->pending_bytes > 0)
        return SINK_FULL;
    if (__builtin_expect(t->state != KAFKA_TOPIC_OPEN, 0)) {
        enum sink_put ready = kafka_topic_prepare(t, s->rk, s->rules, s->queue, e);

        if (ready != SINK_TAKEN)
            return ready;
    }
    /* Cheap bound first: headers and overhead are below it for all but records near the limit. */
    if (__builtin_expect(cost + r->nextra + CONTEXT_COST > s->max_request_bytes, 0) &&
        (size = kafka_record_size(r, s->context, CONTEXT_HEADERS)) > s->max_request_bytes) {
        err_set(&refusal, ERR_DATA, "kafka.record_too_large",
                "topic \"%s\": the message is %llu bytes when serialized which is larger than "
                "%llu, which is the value of "
                "the max.request.size configuration; raise producer.override.max.request.size and "
                "the topic's "
                "max.message.bytes, or leave the column out",
                t->name, (unsigned long long)size, (unsigned long long)s->max_request_bytes);
        return put_refused(s, r, ticket, &refusal, e);
    }
    code = produce(s, t->rkt, b, r, ticket);
    if (code)
        return produce_failed(s, t, r, ticket, code, e);
    s->pending_bytes += cost;
    if (__builtin_expect(t->first_put_us == 0 && !t->proven, 0))
        topic_first(s, t);
    return SINK_TAKEN;
}

/* ---------------------------------------------------------------------------------------------------------- poll */

static void
ack_run(struct kafka_sink *s)
{
    unsigned n = s->ack_n;

    s->ack_n = 0;
    if (n > 0)
        s->base.ack(s->base.ack_arg, s->ack_ticket, n);
}

static void
ack_one(struct kafka_sink *s, uint64_t ticket)
{
    if (s->ack_n > 0 && s->ack_ticket != ticket)
        ack_run(s);
    s->ack_ticket = ticket;
    s->ack_n++;
}

static void
delivery_failed(struct kafka_sink *s, const rd_kafka_message_t *m)
{
    struct err e = {0};

    /* Only the echo of another failure, or of close. */
    if (m->err == RD_KAFKA_RESP_ERR__PURGE_QUEUE || m->err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT ||
        (m->err == RD_KAFKA_RESP_ERR__FATAL && s->gap_us != 0))
        return;
    kafka_err(&e, m->err, "topic \"%s\": a record was not delivered", rd_kafka_topic_name(m->rkt));
    if (e.cls == ERR_DATA && s->tolerate_data) {
        log_err(LOG_WARN, &e, "skipping a record because errors.tolerance is all");
        ack_one(s, (uint64_t)(uintptr_t)m->_private);
        return;
    }
    sink_fails(s, &e);
}

static void
serve_reports(struct kafka_sink *s, rd_kafka_event_t *ev)
{
    const rd_kafka_message_t *m;

    while ((m = rd_kafka_event_message_next(ev))) {
        s->pending_bytes -= m->len + m->key_len + s->cost;
        if (__builtin_expect(m->err != RD_KAFKA_RESP_ERR_NO_ERROR || fault_hit("kafka.delivery"),
                             0)) {
            delivery_failed(s, m);
            continue;
        }
        if (__builtin_expect(s->unproven > 0, 0)) {
            struct kafka_topic *t = rd_kafka_topic_opaque(m->rkt);

            if (!t->proven) {
                t->proven = true;
                s->unproven--;
            }
        }
        s->delivered = true;
        ack_one(s, (uint64_t)(uintptr_t)m->_private);
    }
}

static void
serve_error(struct kafka_sink *s, rd_kafka_event_t *ev)
{
    rd_kafka_resp_err_t code = rd_kafka_event_error(ev);
    const char *text = rd_kafka_event_error_string(ev);
    struct err e = {0};
    char why[512] = "";

    if (rd_kafka_event_error_is_fatal(ev)) {
        code = rd_kafka_fatal_error(s->rk, why, sizeof why);
        /* A record was refused for good: its report, which says why, is on the way. */
        if (code == RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE) {
            s->gap_us = clock_mono_us();
            return;
        }
        kafka_err(&e, code, "the producer cannot go on: %s", why);
        sink_fails(s, &e);
        return;
    }
    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        log_warn("kafka: no broker can be reached; trying for ever, nothing is lost: %s", text);
        return;
    }
    if (kafka_err_class(code) != ERR_CONFIG) {
        log_debug("kafka: %s", text);
        return;
    }
    log_warn("kafka: %s", text);
    if (!s->delivered && ++s->auth_failures >= AUTH_FAILURES_MAX) {
        kafka_err(&e, code, "%s", text);
        sink_fails(s, &e);
    }
}

static void
serve_event(struct kafka_sink *s, rd_kafka_event_t *ev)
{
    struct err e = {0};

    switch (rd_kafka_event_type(ev)) {
    case RD_KAFKA_EVENT_DR:
        serve_reports(s, ev);
        break;
    case RD_KAFKA_EVENT_ERROR:
        serve_error(s, ev);
        break;
    case RD_KAFKA_EVENT_CREATETOPICS_RESULT:
        if (!kafka_topic_created(ev, s->rk, &e))
            sink_fails(s, &e);
        break;
    case RD_KAFKA_EVENT_LOG:
        kafka_log_event(ev);
        break;
    default: /* nothing else was asked for */
        break;
    }
}

/* A topic that is silent after its first record most likely does not exist: librdkafka waits 30 s for it, then fails. */
static void
warn_of_silent_topics(struct kafka_sink *s, int64_t now_us)
{
    struct slice name;
    void *value;

    for (size_t i = 0; map_next(s->topics, &i, &name, &value);) {
        struct kafka_topic *t = value;

        if (t->proven || t->warned || t->first_put_us == 0 ||
            now_us - t->first_put_us < KAFKA_TOPIC_SILENT_US)
            continue;
        t->warned = true;
        log_warn(
            "kafka: topic \"%s\" has taken no record for %lld s; if it does not exist, create it, "
            "or set "
            "topic.creation.default.partitions and topic.creation.default.replication.factor, or "
            "auto.create.topics.enable=true on the brokers",
            t->name, (long long)(KAFKA_TOPIC_SILENT_US / 1000000));
    }
}

/* When a timer of ours is next due; INT64_MAX: none. */
static int64_t
next_timer_us(struct kafka_sink *s)
{
    int64_t due = INT64_MAX, t_due;
    struct slice name;
    void *value;

    if (s->gap_us != 0 && !s->failed)
        due = s->gap_us + 1000000;
    if (s->unproven == 0 && !s->rules)
        return due;
    for (size_t i = 0; map_next(s->topics, &i, &name, &value);) {
        const struct kafka_topic *t = value;

        t_due = INT64_MAX;
        if (t->state == KAFKA_TOPIC_WAITING)
            t_due = t->retry_us;
        else if (!t->proven && !t->warned && t->first_put_us != 0)
            t_due = t->first_put_us + KAFKA_TOPIC_SILENT_US;
        due = t_due < due ? t_due : due;
    }
    return due;
}

static void
serve_timers(struct kafka_sink *s)
{
    int64_t now_us;
    struct err e = {0};

    if (s->unproven == 0 && s->gap_us == 0)
        return;
    now_us = clock_mono_us();
    if (s->unproven > 0) {
        pthread_mutex_lock(&s->lock);
        warn_of_silent_topics(s, now_us);
        pthread_mutex_unlock(&s->lock);
    }
    if (s->gap_us != 0 && now_us - s->gap_us > 1000000) {
        kafka_err(&e, RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE, "a record was not delivered");
        sink_fails(s, &e);
    }
}

static bool
kafka_poll(struct sink *base, struct err *e)
{
    struct kafka_sink *s = (struct kafka_sink *)base;
    rd_kafka_event_t *ev;
    uint64_t count;
    /* Before the queue is emptied, so that what comes while we do it wakes us again. */
    ssize_t ignored = read(s->event_fd, &count, sizeof count);

    (void)ignored;
    for (size_t i = 0; i < s->nskipped; i++)
        ack_one(s, s->skipped[i]);
    s->nskipped = 0;
    while ((ev = rd_kafka_queue_poll(s->queue, 0))) {
        serve_event(s, ev);
        rd_kafka_event_destroy(ev);
    }
    ack_run(s);
    serve_timers(s);
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
    struct kafka_sink *s = (struct kafka_sink *)base;
    int64_t due;

    if (s->unproven == 0 && s->gap_us == 0 && !s->rules)
        return INT64_MAX;
    pthread_mutex_lock(&s->lock);
    due = next_timer_us(s);
    pthread_mutex_unlock(&s->lock);
    return due;
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

static void
kafka_close(struct sink *base)
{
    struct kafka_sink *s = (struct kafka_sink *)base;

    if (s->rk) {
        rd_kafka_queue_io_event_enable(s->queue, -1, NULL, 0);
        rd_kafka_purge(s->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                                  RD_KAFKA_PURGE_F_NON_BLOCKING);
        rd_kafka_queue_destroy(s->queue);
    }
    map_free(s->topics, kafka_topic_free);
    if (s->rk)
        rd_kafka_destroy(s->rk);
    if (s->context_list)
        rd_kafka_headers_destroy(s->context_list);
    kafka_rules_free(s->rules);
    if (s->event_fd >= 0)
        close(s->event_fd);
    pthread_mutex_destroy(&s->lock);
    for (size_t i = 0; i < CONTEXT_HEADERS; i++)
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
    } rows[CONTEXT_HEADERS] = {
        {"__debezium.context.connectorLogicalName", env->settings->prefix},
        {"__debezium.context.taskId", "0"},
        {"__debezium.context.connectorName", "postgresql"},
        {"__debezium.context.runId", env->run_id},
    };

    s->context_list = rd_kafka_headers_new(CONTEXT_HEADERS);
    for (size_t i = 0; i < CONTEXT_HEADERS; i++) {
        s->context[i].name = rows[i].name;
        s->context[i].value = slice_of(mem_strdup(rows[i].value ? rows[i].value : ""));
        rd_kafka_header_add(s->context_list, rows[i].name, -1, s->context[i].value.p,
                            (ssize_t)s->context[i].value.n);
    }
    s->cost = env->settings->context_headers ? CONTEXT_COST : PLAIN_COST;
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
    pthread_mutex_init(&s->lock, NULL);
    s->topics = map_new();
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
