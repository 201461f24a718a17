/*
 * The worker's three storage topics in Kafka: clients, writing, and a look at the group. One thread reads (storage_read.c),
 * another serves the producer's reports.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "replicator/kafka/group.h"
#include "replicator/kafka/murmur2.h"
#include "replicator/kafka/storage_priv.h"
#include "sinks/kafka/client.h"

enum {
    STORAGE_WRITE_MS = 60000,   /* a request that changes something waits for this long */
    STORAGE_REPORT_MS = 600000, /* a status goes on being tried */
};

/* What a writer waits for. Lives until its report has come, which it always does. */
struct report {
    bool done;
    rd_kafka_resp_err_t code;
    int32_t partition;
    int64_t offset;
};

static const struct {
    const char *what, *prefix;
} storage_names[STORAGE_TOPICS] = {
    [STORAGE_CONFIGS] = {"configuration topic", "config.storage."},
    [STORAGE_STATUSES] = {"status topic", "status.storage."},
    [STORAGE_OFFSETS] = {"offsets topic", "offset.storage."},
};

/* ------------------------------------------------------------------------------------------------------- clients */

static rd_kafka_t *
client_new(struct storage_kafka *s, rd_kafka_type_t type, const char *const rows[][2],
           struct err *e)
{
    struct kafka_conf conf;
    rd_kafka_t *rk;
    char why[400], client[200];

    if (!kafka_conf_make(s->config, KAFKA_STORE, &conf, e))
        return NULL;
    snprintf(client, sizeof client, "%.150s-storage", config_str(s->config, "group.id"));
    rd_kafka_conf_set(conf.rk, "client.id", client, why, sizeof why);
    for (size_t i = 0; rows[i][0]; i++)
        if (rd_kafka_conf_set(conf.rk, rows[i][0], rows[i][1], why, sizeof why) !=
            RD_KAFKA_CONF_OK) {
            rd_kafka_conf_destroy(conf.rk);
            err_set(e, ERR_BUG, "kafka.property", "%s", why);
            return NULL;
        }
    rd_kafka_conf_set_events(conf.rk,
                             RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG);
    rk = rd_kafka_new(type, conf.rk, why, sizeof why);
    if (!rk) {
        rd_kafka_conf_destroy(conf.rk);
        err_set(e, ERR_CONFIG, "kafka.property",
                "the client of the storage topics cannot be made: %s", why);
        return NULL;
    }
    rd_kafka_set_log_queue(rk, NULL);
    return rk;
}

/* How long a record is tried is a setting of its topic. A producer's handle asks for the topic, which a broker may then make
 * its own way: only when it is there. */
bool
storage_topic_out(struct storage_kafka *s, enum storage_topic topic, struct err *e)
{
    rd_kafka_topic_conf_t *conf = rd_kafka_topic_conf_new();
    int64_t ms = STORAGE_WRITE_MS;
    char text[24], why[300];

    if (topic == STORAGE_STATUSES)
        ms = STORAGE_REPORT_MS;
    if (topic == STORAGE_OFFSETS) {
        ms = config_int(s->config, "offset.flush.timeout.ms");
        ms = ms < 1000 ? 1000 : ms;
    }
    snprintf(text, sizeof text, "%" PRId64, ms);
    if (rd_kafka_topic_conf_set(conf, "message.timeout.ms", text, why, sizeof why) !=
            RD_KAFKA_CONF_OK ||
        rd_kafka_topic_conf_set(conf, "acks", "all", why, sizeof why) != RD_KAFKA_CONF_OK) {
        rd_kafka_topic_conf_destroy(conf);
        return err_set(e, ERR_BUG, "kafka.property", "%s", why);
    }
    s->out[topic] = rd_kafka_topic_new(s->producer, s->topics[topic].name, conf);
    return s->out[topic] != NULL || kafka_err(e, rd_kafka_last_error(), "%s \"%s\"",
                                              s->topics[topic].what, s->topics[topic].name);
}

/* As Connect's: one request at a time, so that nothing overtakes. */
static bool
connect_clients(struct storage_kafka *s, struct err *e)
{
    static const char *const producer[][2] = {
        {"max.in.flight.requests.per.connection", "1"}, {"linger.ms", "0"}, {NULL, NULL}};
    static const char *const consumer[][2] = {{"enable.partition.eof", "true"},
                                              {"fetch.wait.max.ms", "500"},
                                              {"enable.auto.commit", "false"},
                                              {"isolation.level", "read_committed"},
                                              {"queued.max.messages.kbytes", "4096"},
                                              {"auto.offset.reset", "earliest"},
                                              {NULL, NULL}};

    if (!(s->consumer = client_new(s, RD_KAFKA_CONSUMER, consumer, e)) ||
        !(s->producer = client_new(s, RD_KAFKA_PRODUCER, producer, e)))
        return false;
    s->queue = rd_kafka_queue_new(s->consumer);
    return true;
}

/* ------------------------------------------------------------------------------------------------------- writing */

static void
on_report(struct storage_kafka *s, const rd_kafka_message_t *m)
{
    struct report *r = m->_private;

    if (m->err && !r) {
        log_warn("kafka: a record of topic \"%s\" could not be written: %s",
                 rd_kafka_topic_name(m->rkt), rd_kafka_err2str(m->err));
        for (int t = 0; t < STORAGE_TOPICS; t++)
            if (m->rkt == s->out[t])
                s->handler.lost(s->handler.arg, (enum storage_topic)t,
                                (struct slice){m->key, m->key_len});
    }
    if (!r)
        return;
    pthread_mutex_lock(&s->lock);
    r->code = m->err;
    r->partition = m->partition;
    r->offset = m->offset;
    r->done = true;
    pthread_cond_broadcast(&s->moved);
    pthread_mutex_unlock(&s->lock);
}

static void *
report_thread(void *arg)
{
    struct storage_kafka *s = arg;
    rd_kafka_queue_t *queue = rd_kafka_queue_get_main(s->producer);

    while (!atomic_load(&s->closing)) {
        rd_kafka_event_t *ev = rd_kafka_queue_poll(queue, 200);
        const rd_kafka_message_t *m;

        if (!ev)
            continue;
        if (rd_kafka_event_type(ev) == RD_KAFKA_EVENT_LOG)
            kafka_log_event(ev);
        while (rd_kafka_event_type(ev) == RD_KAFKA_EVENT_DR &&
               (m = rd_kafka_event_message_next(ev)))
            on_report(s, m);
        rd_kafka_event_destroy(ev);
    }
    rd_kafka_queue_destroy(queue);
    return NULL;
}

static bool
produce(struct storage_kafka *s, const struct storage_record *r, struct report *report,
        struct err *e)
{
    rd_kafka_headers_t *headers = r->nheaders ? rd_kafka_headers_new(r->nheaders) : NULL;
    const struct compacted_topic *t = &s->topics[r->topic];
    struct slice place = r->place.p ? r->place : r->key;
    rd_kafka_error_t *error;
    rd_kafka_vu_t parts[] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = s->out[r->topic]},
        {.vtype = RD_KAFKA_VTYPE_PARTITION,
         .u.i32 = murmur2_partition(place.p, place.n, s->partitions[r->topic])},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = report},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)(uintptr_t)r->key.p, r->key.n}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)(uintptr_t)r->value.p, r->value.n}},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
    };

    for (size_t i = 0; i < r->nheaders; i++)
        rd_kafka_header_add(headers, r->headers[i].name, -1, r->headers[i].value.p,
                            (ssize_t)r->headers[i].value.n);
    error = rd_kafka_produceva(s->producer, parts,
                               sizeof parts / sizeof *parts - (headers == NULL ? 1 : 0));
    if (!error)
        return true;
    if (headers)
        rd_kafka_headers_destroy(headers);
    kafka_err(e, rd_kafka_error_code(error), "%s \"%s\"", t->what, t->name);
    rd_kafka_error_destroy(error);
    return false;
}

bool
storage_is_ready(struct storage_kafka *s, enum storage_topic topic, struct err *e)
{
    bool ready;

    pthread_mutex_lock(&s->lock);
    ready = s->partitions[topic] > 0;
    pthread_mutex_unlock(&s->lock);
    return ready || err_set(e, ERR_RETRY, "storage.starting", "%s \"%s\" is not yet known",
                            s->topics[topic].what, s->topics[topic].name);
}

static void
storage_post(struct storage *base, const struct storage_record *r)
{
    struct storage_kafka *s = (struct storage_kafka *)base;
    struct err e = {0};

    if (storage_is_ready(s, r->topic, &e) && produce(s, r, NULL, &e))
        return;
    log_err(LOG_WARN, &e, "writing");
    s->handler.lost(s->handler.arg, r->topic, r->key);
}

/* With the lock. Waits; false when it is closing or the time is over. */
bool
storage_wait(struct storage_kafka *s, int64_t until_us)
{
    struct timespec ts;
    int64_t left = until_us - clock_mono_us();

    if (left <= 0 || atomic_load(&s->closing))
        return false;
    clock_gettime(CLOCK_REALTIME, &ts);
    left = left < 200000 ? left : 200000;
    ts.tv_nsec += left * 1000;
    ts.tv_sec += ts.tv_nsec / 1000000000;
    ts.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&s->moved, &s->lock, &ts);
    return true;
}

static bool
storage_put(struct storage *base, const struct storage_record *records, size_t n, struct err *e)
{
    struct storage_kafka *s = (struct storage_kafka *)base;
    struct report *reports = mem_array(n, sizeof *reports);
    size_t sent = 0;
    bool ok = storage_is_ready(s, records[0].topic, e);
    int64_t until_us;

    while (ok && sent < n && (ok = produce(s, &records[sent], &reports[sent], e)))
        sent++;
    pthread_mutex_lock(&s->lock);
    /* A report always comes, at the latest when its topic's time is over or the producer is closed. */
    for (size_t i = 0; i < sent; i++) {
        while (!reports[i].done)
            (void)storage_wait(s, INT64_MAX);
        if (ok && reports[i].code)
            ok = kafka_err(e, reports[i].code, "%s \"%s\" was not written",
                           s->topics[records[i].topic].what, s->topics[records[i].topic].name);
    }
    until_us = clock_mono_us() + STORAGE_SYNC_MS * INT64_C(1000);
    while (ok && records[0].topic == STORAGE_CONFIGS &&
           s->next[STORAGE_CONFIGS][reports[n - 1].partition] <= reports[n - 1].offset)
        if (!storage_wait(s, until_us))
            ok = err_set(e, ERR_RETRY, "storage.timeout",
                         "%s \"%s\": what was written is not read back",
                         s->topics[STORAGE_CONFIGS].what, s->topics[STORAGE_CONFIGS].name);
    pthread_mutex_unlock(&s->lock);
    free(reports);
    return ok;
}

/* ---------------------------------------------------------------------------------------------------------- group */

static bool
storage_members(struct storage *base, unsigned *n, char who[STORAGE_MEMBER_TEXT], struct err *e)
{
    struct storage_kafka *s = (struct storage_kafka *)base;

    return group_members(s->producer, config_str(s->config, "group.id"), n, who,
                         STORAGE_MEMBER_TEXT, e);
}

static void
storage_cluster_id(struct storage *base, char *out, size_t n)
{
    struct storage_kafka *s = (struct storage_kafka *)base;
    char *id = rd_kafka_clusterid(s->consumer, 0);

    snprintf(out, n, "%s", id ? id : "");
    rd_kafka_mem_free(s->consumer, id);
}

/* ----------------------------------------------------------------------------------------------------------- life */

static bool
storage_start(struct storage *base, const struct storage_handler *h, struct err *e)
{
    struct storage_kafka *s = (struct storage_kafka *)base;

    s->handler = *h;
    if (pthread_create(&s->reporter, NULL, report_thread, s) != 0)
        return err_set(e, ERR_FATAL, "storage.thread", "cannot start a thread: %s",
                       strerror(errno));
    s->has_reporter = true;
    if (pthread_create(&s->reader, NULL, storage_read, s) != 0)
        return err_set(e, ERR_FATAL, "storage.thread", "cannot start a thread: %s",
                       strerror(errno));
    s->has_reader = true;
    return true;
}

static void
storage_flush(struct storage *base, int64_t ms)
{
    struct storage_kafka *s = (struct storage_kafka *)base;
    int64_t until_us = clock_mono_us() + ms * 1000;

    /* The reports are taken by their own thread. */
    while (rd_kafka_outq_len(s->producer) > 0 && clock_mono_us() < until_us)
        usleep(5000);
}

static void
storage_close(struct storage *base)
{
    struct storage_kafka *s = (struct storage_kafka *)base;

    atomic_store(&s->closing, true);
    if (s->has_reader)
        pthread_join(s->reader, NULL);
    if (s->has_reporter)
        pthread_join(s->reporter, NULL);
    for (int t = 0; t < STORAGE_TOPICS; t++) {
        if (s->out[t])
            rd_kafka_topic_destroy(s->out[t]);
        free(s->next[t]);
    }
    if (s->queue)
        rd_kafka_queue_destroy(s->queue);
    if (s->producer)
        rd_kafka_destroy(s->producer);
    if (s->consumer)
        rd_kafka_destroy(s->consumer);
    pthread_cond_destroy(&s->moved);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

struct storage *
storage_kafka_new(const struct config *c, struct err *e)
{
    static const struct storage_ops ops = {.start = storage_start,
                                           .put = storage_put,
                                           .post = storage_post,
                                           .sync = storage_sync,
                                           .members = storage_members,
                                           .cluster_id = storage_cluster_id,
                                           .flush = storage_flush,
                                           .close = storage_close};
    struct storage_kafka *s = mem_alloc(sizeof *s);

    s->base.ops = &ops;
    s->config = c;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->moved, NULL);
    for (int t = 0; t < STORAGE_TOPICS; t++) {
        char name[64];

        snprintf(name, sizeof name, "%stopic", storage_names[t].prefix);
        s->topics[t] = (struct compacted_topic){.what = storage_names[t].what,
                                                .name = config_str(c, name),
                                                .partitions = 1,
                                                .config = c,
                                                .prefix = storage_names[t].prefix};
        snprintf(name, sizeof name, "%sreplication.factor", storage_names[t].prefix);
        s->topics[t].replicas = (int)config_int(c, name);
        if (t != STORAGE_CONFIGS) {
            snprintf(name, sizeof name, "%spartitions", storage_names[t].prefix);
            s->topics[t].partitions = (int)config_int(c, name);
        }
    }
    if (connect_clients(s, e))
        return &s->base;
    storage_close(&s->base);
    return NULL;
}
