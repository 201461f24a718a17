/* What librdkafka has to say: delivery reports, errors, answers to CreateTopics, log lines. */
#include <assert.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "sinks/kafka/kafka.h"

/* So often may no broker let us in before the credentials are to blame, and not the moment; librdkafka keeps the same
 * failure to itself from the third on. */
enum { AUTH_FAILURES_MAX = 2, GAP_WAIT_US = 1000000 };

void
kafka_sink_fails(struct kafka_sink *s, const struct err *e)
{
    /* The first failure counts, but one that a person must mend explains more than one that passes. */
    if (s->failed && (s->failure.cls != ERR_RETRY || e->cls == ERR_RETRY))
        return;
    s->failed = true;
    s->failure = *e;
}

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
    /* The broker's own word for it; librdkafka has waited long enough for the topic to appear. */
    rd_kafka_resp_err_t code = m->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART
                                   ? RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC
                                   : m->err;

    /* Only the echo of another failure, or of close. */
    if (m->err == RD_KAFKA_RESP_ERR__PURGE_QUEUE || m->err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT ||
        (m->err == RD_KAFKA_RESP_ERR__FATAL && s->gap_us != 0))
        return;
    kafka_err(&e, code, "topic \"%s\": a record was not delivered", rd_kafka_topic_name(m->rkt));
    if (e.cls == ERR_DATA && s->tolerate_data) {
        log_err(LOG_WARN, &e, "skipping a record because errors.tolerance is all");
        ack_one(s, (uint64_t)(uintptr_t)m->_private);
        return;
    }
    kafka_sink_fails(s, &e);
}

/* The list that all records share must not be freed with this one. */
static void
take_headers_off(const struct kafka_sink *s, const rd_kafka_message_t *m)
{
    rd_kafka_headers_t *list;

    if (rd_kafka_message_headers(m, &list) == RD_KAFKA_RESP_ERR_NO_ERROR && list == s->context_list)
        rd_kafka_message_detach_headers((rd_kafka_message_t *)(uintptr_t)m, &list);
}

static void
topic_proved(struct kafka_sink *s, struct kafka_topic *t)
{
    if (t->proven)
        return;
    t->proven = true;
    s->unproven--;
}

/* Which topics are written to. Those that are not any more keep this asking, one comparison for each record. */
static void
topic_told(struct kafka_sink *s, struct kafka_topic *t)
{
    if (t->told == s->told_epoch)
        return;
    assert(s->tell); /* nothing is untold where nobody asks */
    t->told = s->told_epoch;
    s->untold--;
    s->tell->tell(s->tell->arg, t->name);
}

/* Epochs count from one: a topic that was never told has 0. */
static void
begin_epoch(struct kafka_sink *s)
{
    unsigned epoch = atomic_load_explicit(&s->tell->epoch, memory_order_relaxed) + 1;
    struct slice key;
    void *value;

    if (epoch == s->told_epoch)
        return;
    s->told_epoch = epoch;
    s->untold = 0;
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; map_next(s->topics, &i, &key, &value);) {
        const struct kafka_topic *t = value;

        s->untold += t->proven || t->first_put_us != 0;
    }
    pthread_mutex_unlock(&s->lock);
}

static void
serve_reports(struct kafka_sink *s, rd_kafka_event_t *ev)
{
    const rd_kafka_message_t *m;
    struct kafka_topic *t = NULL; /* one for all: an event is the report of a batch */

    if (s->tell)
        begin_epoch(s);

    while ((m = rd_kafka_event_message_next(ev))) {
        t = t ? t : rd_kafka_topic_opaque(m->rkt);
        s->pending_bytes -= m->len + m->key_len + KAFKA_RECORD_COST;
        kafka_window_take(&t->window, m->len + m->key_len);
        take_headers_off(s, m);
        if (__builtin_expect(s->closing, 0))
            continue;
        if (__builtin_expect(m->err != RD_KAFKA_RESP_ERR_NO_ERROR || fault_hit("kafka.delivery"),
                             0)) {
            delivery_failed(s, m);
            continue;
        }
        if (__builtin_expect(s->unproven > 0, 0))
            topic_proved(s, t);
        if (__builtin_expect(s->untold > 0, 0))
            topic_told(s, t);
        s->delivered = true;
        s->brokers_down = false;
        ack_one(s, (uint64_t)(uintptr_t)m->_private);
    }
    if (t)
        kafka_window_reported(&t->window, &s->batching, s->now_us);
}

/* The producer is dead. What it died of may still be on the way. */
static void
serve_fatal(struct kafka_sink *s)
{
    char why[512] = "";
    struct err e = {0};
    rd_kafka_resp_err_t code = rd_kafka_fatal_error(s->rk, why, sizeof why);

    /* A record was refused for good: its report, which says why, is on the way. */
    if (code == RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE) {
        s->gap_us = clock_mono_us();
        return;
    }
    kafka_err(&e, code, "the producer cannot go on: %s", why);
    kafka_sink_fails(s, &e);
}

static void
serve_error(struct kafka_sink *s, rd_kafka_event_t *ev)
{
    rd_kafka_resp_err_t code = rd_kafka_event_error(ev);
    const char *text = rd_kafka_event_error_string(ev);
    struct err e = {0};

    if (rd_kafka_event_error_is_fatal(ev)) {
        serve_fatal(s);
    } else if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        s->brokers_down = true;
        log_warn("kafka: no broker can be reached (%s); trying for ever, nothing is lost",
                 s->last_error[0] ? s->last_error : text);
    } else {
        snprintf(s->last_error, sizeof s->last_error, "%s", text);
        /* librdkafka tries for ever. Who was never let in has the wrong credentials. */
        if (kafka_err_class(code) == ERR_CONFIG && !s->delivered &&
            ++s->auth_failures >= AUTH_FAILURES_MAX) {
            kafka_err(&e, code, "%s", text);
            kafka_sink_fails(s, &e);
        }
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
            kafka_sink_fails(s, &e);
        break;
    case RD_KAFKA_EVENT_LOG:
        kafka_log_event(ev);
        break;
    default: /* nothing else was asked for */
        break;
    }
}

void
kafka_serve_events(struct kafka_sink *s, int wait_ms)
{
    rd_kafka_event_t *ev;

    for (size_t i = 0; i < s->nskipped; i++)
        ack_one(s, s->skipped[i]);
    s->nskipped = 0;
    while ((ev = rd_kafka_queue_poll(s->queue, wait_ms))) {
        serve_event(s, ev);
        rd_kafka_event_destroy(ev);
        wait_ms = 0;
    }
    ack_run(s);
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
        /* Then it says nothing about the topic, and has been told. */
        if (s->brokers_down)
            continue;
        log_warn(
            "kafka: topic \"%s\" has taken no record for %lld s; if it does not exist, create it, "
            "or set "
            "topic.creation.default.partitions and topic.creation.default.replication.factor, or "
            "auto.create.topics.enable=true on the brokers",
            t->name, (long long)(KAFKA_TOPIC_SILENT_US / 1000000));
    }
}

/* When a topic's timer is next due. */
static int64_t
topics_due_us(struct kafka_sink *s)
{
    int64_t due = INT64_MAX;
    struct slice name;
    void *value;

    for (size_t i = 0; map_next(s->topics, &i, &name, &value);) {
        const struct kafka_topic *t = value;
        int64_t t_due = INT64_MAX;

        if (t->state == KAFKA_TOPIC_WAITING)
            t_due = t->retry_us;
        else if (!t->proven && !t->warned && t->first_put_us != 0)
            t_due = t->first_put_us + KAFKA_TOPIC_SILENT_US;
        due = t_due < due ? t_due : due;
    }
    return due;
}

int64_t
kafka_next_timer_us(struct kafka_sink *s)
{
    int64_t due = s->gap_us != 0 && !s->failed ? s->gap_us + GAP_WAIT_US : INT64_MAX, topics;

    if (s->unproven == 0 && !s->rules)
        return due;
    pthread_mutex_lock(&s->lock);
    topics = topics_due_us(s);
    pthread_mutex_unlock(&s->lock);
    return topics < due ? topics : due;
}

void
kafka_serve_timers(struct kafka_sink *s)
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
    if (s->gap_us != 0 && now_us - s->gap_us > GAP_WAIT_US) {
        kafka_err(&e, RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE, "a record was not delivered");
        kafka_sink_fails(s, &e);
    }
}
