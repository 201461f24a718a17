/*
 * The offset in Kafka Connect's offsets topic, so that Connect can take over from us and we from it:
 *
 *   key    ["<connector>",{"server":"<topic.prefix>"}]      no blank anywhere: Connect compares bytes
 *   value  {Debezium's JSON}, or null: none
 *   partition  Java's murmur2 of the key: in another one Connect would keep two offsets for one key
 *
 * What stands beside the offset has keys of its own, those of connectors which there are not: Connect, and who asks it for
 * the connector's offsets, never sees them. They are in the same partition, so that all are read and written in order.
 *
 * What we know beyond Debezium stands in record headers, which Connect ignores. Connected at the first load or save.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "replicator/kafka/compacted_topic.h"
#include "replicator/kafka/murmur2.h"
#include "replicator/offset.h"
#include "replicator/offset_own.h"
#include "sinks/kafka/client.h"

enum { LOAD_WAIT_MS = 60000 };

struct offset_kafka {
    struct offset_store base;
    struct config *config;
    char *topic;
    struct buf key, beside_keys[OFFSET_BESIDES];
    rd_kafka_t *producer; /* NULL: not yet connected */
    int32_t partitions, partition;
    int64_t timeout_ms;
    uintptr_t
        serial; /* of the record on the way: a report that comes too late is not taken for the next one's */
};

/* -------------------------------------------------------------------------------------------------------- headers */

static bool
read_headers(const struct offset_kafka *k, const rd_kafka_message_t *m, struct offset *o,
             struct err *e)
{
    struct offset_own_texts texts = {0};
    rd_kafka_headers_t *headers;

    if (rd_kafka_message_headers(m, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return true;
    for (int i = 0; i < OFFSET_OWN_MEMBERS; i++) {
        const void *value;
        size_t n;

        if (rd_kafka_header_get_last(headers, offset_own_names[i], &value, &n) ==
                RD_KAFKA_RESP_ERR_NO_ERROR &&
            !offset_own_take(&texts, i, value, n, e))
            return err_wrap(e, "offsets topic \"%s\"", k->topic);
    }
    return offset_own_read(&texts, o, e) || err_wrap(e, "offsets topic \"%s\"", k->topic);
}

/* ----------------------------------------------------------------------------------------------------- connecting */

static bool
conf_rows(rd_kafka_conf_t *conf, const char *const rows[][2], struct err *e)
{
    char why[300];

    for (size_t i = 0; rows[i][0]; i++)
        if (rd_kafka_conf_set(conf, rows[i][0], rows[i][1], why, sizeof why) != RD_KAFKA_CONF_OK)
            return err_set(e, ERR_BUG, "kafka.property", "%s", why);
    return true;
}

static rd_kafka_t *
client_new(const struct offset_kafka *k, rd_kafka_type_t type, const char *const rows[][2],
           struct err *e)
{
    struct kafka_conf conf;
    rd_kafka_t *rk;
    char why[400];

    if (!kafka_conf_make(k->config, KAFKA_STORE, &conf, e))
        return NULL;
    if (!conf_rows(conf.rk, rows, e)) {
        rd_kafka_conf_destroy(conf.rk);
        return NULL;
    }
    rd_kafka_conf_set_events(conf.rk,
                             RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG);
    rk = rd_kafka_new(type, conf.rk, why, sizeof why);
    if (!rk) {
        rd_kafka_conf_destroy(conf.rk);
        err_set(e, ERR_CONFIG, "kafka.property",
                "the client of offsets topic \"%s\" cannot be made: %s", k->topic, why);
        return NULL;
    }
    rd_kafka_set_log_queue(rk, NULL); /* onto the main queue, where serve_until finds them */
    return rk;
}

static struct compacted_topic
topic_of(const struct offset_kafka *k)
{
    return (struct compacted_topic){
        .what = "offsets topic",
        .name = k->topic,
        .partitions = (int)config_int(k->config, "offset.storage.partitions"),
        .replicas = (int)config_int(k->config, "offset.storage.replication.factor"),
    };
}

/*
 * One request at a time and idempotent: a save that timed out here and reaches the broker late must not land behind a newer
 * one. The 500 ms that librdkafka waits for its producer id pass on the offset thread.
 */
static bool
connect_producer(struct offset_kafka *k, struct err *e)
{
    struct compacted_topic topic;
    char timeout[24];
    const char *const rows[][2] = {{"enable.idempotence", "true"},
                                   {"acks", "all"},
                                   {"max.in.flight.requests.per.connection", "1"},
                                   {"linger.ms", "0"},
                                   {"message.timeout.ms", timeout},
                                   {NULL, NULL}};

    if (k->producer)
        return true;
    snprintf(timeout, sizeof timeout, "%" PRId64, k->timeout_ms);
    k->producer = client_new(k, RD_KAFKA_PRODUCER, rows, e);
    if (!k->producer)
        return false;
    topic = topic_of(k);
    if (!compacted_topic_ready(k->producer, &topic, &k->partitions, e)) {
        rd_kafka_destroy(k->producer);
        k->producer = NULL;
        return false;
    }
    k->partition = murmur2_partition(k->key.p, k->key.n, k->partitions);
    return true;
}

/* --------------------------------------------------------------------------------------------------------- saving */

static bool
produce(struct offset_kafka *k, const struct buf *key, struct slice value,
        rd_kafka_headers_t *headers, struct err *e)
{
    rd_kafka_vu_t parts[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = k->topic},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = k->partition},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = (void *)++k->serial},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {key->p, key->n}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)(uintptr_t)value.p, value.n}},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
    };
    rd_kafka_error_t *error = rd_kafka_produceva(
        k->producer, parts, sizeof parts / sizeof *parts - (headers == NULL ? 1 : 0));

    if (!error)
        return true;
    if (headers)
        rd_kafka_headers_destroy(headers);
    kafka_err(e, rd_kafka_error_code(error), "offsets topic \"%s\"", k->topic);
    rd_kafka_error_destroy(error);
    return false;
}

/* The report of the one record on the way. Its timeout is message.timeout.ms. */
static bool
await_report(struct offset_kafka *k, struct err *e)
{
    int64_t until_us = clock_mono_us() + (k->timeout_ms + 5000) * 1000;
    rd_kafka_queue_t *queue = rd_kafka_queue_get_main(k->producer);
    bool done = false, ok = false;

    while (!done && clock_mono_us() < until_us) {
        rd_kafka_event_t *ev = rd_kafka_queue_poll(queue, 100);
        const rd_kafka_message_t *m;

        if (!ev)
            continue;
        if (rd_kafka_event_type(ev) == RD_KAFKA_EVENT_LOG)
            kafka_log_event(ev);
        if (rd_kafka_event_type(ev) == RD_KAFKA_EVENT_DR && (m = rd_kafka_event_message_next(ev)) &&
            (uintptr_t)m->_private == k->serial) {
            done = true;
            ok = m->err == RD_KAFKA_RESP_ERR_NO_ERROR ||
                 kafka_err(e, m->err, "the offset was not stored in topic \"%s\"", k->topic);
        }
        rd_kafka_event_destroy(ev);
    }
    rd_kafka_queue_destroy(queue);
    return done ? ok
                : err_set(e, ERR_RETRY, "offset.timeout", "offsets topic \"%s\": no answer",
                          k->topic);
}

static bool
store_save(struct offset_store *base, const struct offset *o, struct err *e)
{
    struct offset_kafka *k = (struct offset_kafka *)base;
    rd_kafka_headers_t *headers = NULL;
    struct buf value;
    bool ok;

    if (!connect_producer(k, e))
        return false;
    if (fault_hit("offset.kafka.save"))
        return err_set(e, ERR_RETRY, "fault", "fault point offset.kafka.save");
    if (o->own) {
        struct offset_own_texts texts;

        offset_own_write(o, &texts);
        headers = rd_kafka_headers_new(OFFSET_OWN_MEMBERS);
        for (int i = 0; i < OFFSET_OWN_MEMBERS; i++)
            rd_kafka_header_add(headers, offset_own_names[i], -1, texts.text[i], -1);
    }
    buf_init(&value, 1 << 20);
    offset_to_json(o, &value);
    ok = buf_ok(&value)
             ? produce(k, &k->key, buf_view(&value), headers, e) && await_report(k, e)
             : err_set(e, ERR_FATAL, "offset.too_large", "the offset is larger than 1 MiB");
    buf_free(&value);
    return ok;
}

static bool
store_save_beside(struct offset_store *base, enum offset_beside what, const char *json,
                  struct err *e)
{
    struct offset_kafka *k = (struct offset_kafka *)base;
    struct slice value = json ? slice_of(json) : (struct slice){NULL, 0};

    return connect_producer(k, e) && produce(k, &k->beside_keys[what], value, NULL, e) &&
           await_report(k, e);
}

static bool
store_erase(struct offset_store *base, struct err *e)
{
    struct offset_kafka *k = (struct offset_kafka *)base;

    return connect_producer(k, e) && produce(k, &k->key, (struct slice){NULL, 0}, NULL, e) &&
           await_report(k, e) && store_save_beside(base, OFFSET_PROGRESS, NULL, e) &&
           store_save_beside(base, OFFSET_TABLES, NULL, e);
}

/* -------------------------------------------------------------------------------------------------------- loading */

/* What is known of our key while the topic is read. */
struct reading {
    struct offset value;
    bool found;   /* false also behind a tombstone */
    bool strayed; /* from a partition that is not the key's */
    bool seen;
    char *beside[OFFSET_BESIDES]; /* the newest; NULL none */
};

static bool
take_beside(const struct offset_kafka *k, const rd_kafka_message_t *m, struct reading *r)
{
    for (int i = 0; i < OFFSET_BESIDES; i++) {
        if (!slice_eq((struct slice){m->key, m->key_len}, buf_view(&k->beside_keys[i])))
            continue;
        free(r->beside[i]);
        r->beside[i] = m->len ? mem_strndup(m->payload, m->len) : NULL;
        return true;
    }
    return false;
}

static bool
take(const struct offset_kafka *k, const rd_kafka_message_t *m, struct reading *r, struct err *e)
{
    bool strayed = m->partition != k->partition;

    if (take_beside(k, m, r) || !slice_eq((struct slice){m->key, m->key_len}, buf_view(&k->key)))
        return true;
    if (strayed)
        log_warn(
            "offsets topic \"%s\" holds the connector's key in partition %d as well, where only "
            "another partitioner "
            "puts it; partition %d counts",
            k->topic, m->partition, k->partition);
    /* A stray one counts only as long as there is none where it belongs. */
    if (strayed && r->seen && !r->strayed)
        return true;
    offset_free(&r->value);
    r->value = (struct offset){0};
    r->seen = true;
    r->strayed = strayed;
    r->found = m->payload != NULL && m->len > 0;
    if (!r->found)
        return true;
    return (offset_from_json(m->payload, m->len, &r->value, e) &&
            read_headers(k, m, &r->value, e)) ||
           err_wrap(e, "offsets topic \"%s\", partition %d, offset %" PRId64, k->topic,
                    m->partition, m->offset);
}

/* Where each partition ended when we began; 0: nothing to read. An empty one is not even asked, which would wait. */
static bool
find_ends(const struct offset_kafka *k, rd_kafka_t *consumer, int64_t *ends, struct err *e)
{
    int64_t until_us = clock_mono_us() + COMPACTED_TOPIC_WAIT_MS * INT64_C(1000);

    for (int32_t p = 0; p < k->partitions; p++) {
        int64_t low = 0, high = 0;
        rd_kafka_resp_err_t code;

        /* A topic that was just made has partitions without a leader for a moment. */
        while (
            (code = rd_kafka_query_watermark_offsets(consumer, k->topic, p, &low, &high, 10000)) &&
            kafka_err_class(code) == ERR_RETRY && clock_mono_us() < until_us)
            usleep(50000);
        if (code)
            return kafka_err(e, code, "offsets topic \"%s\", partition %d", k->topic, p);
        ends[p] = high > low ? high : 0;
    }
    return true;
}

/* Compaction leaves holes, so a partition is done at its end's offset or at its end, whichever is told first. */
static bool
read_to_ends(const struct offset_kafka *k, rd_kafka_topic_t *rkt, rd_kafka_queue_t *queue,
             int64_t *ends, struct reading *r, struct err *e)
{
    int64_t until_us = clock_mono_us() + LOAD_WAIT_MS * INT64_C(1000);
    int32_t left = 0;
    bool ok = true;

    for (int32_t p = 0; p < k->partitions; p++) {
        if (ends[p] == 0)
            continue;
        if (rd_kafka_consume_start_queue(rkt, p, RD_KAFKA_OFFSET_BEGINNING, queue) != 0)
            return kafka_err(e, rd_kafka_last_error(), "offsets topic \"%s\"", k->topic);
        left++;
    }
    while (ok && left > 0 && clock_mono_us() < until_us) {
        rd_kafka_message_t *m = rd_kafka_consume_queue(queue, 100);

        if (!m)
            continue;
        if (m->err && m->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            if (kafka_err_class(m->err) != ERR_RETRY)
                ok = kafka_err(e, m->err, "offsets topic \"%s\"", k->topic);
        } else if (m->partition >= 0 && m->partition < k->partitions) {
            int64_t next = m->err ? m->offset : m->offset + 1;

            if (!m->err)
                ok = take(k, m, r, e);
            if (ends[m->partition] > 0 && (m->err || next >= ends[m->partition])) {
                ends[m->partition] = 0;
                left--;
            }
        }
        rd_kafka_message_destroy(m);
    }
    for (int32_t p = 0; p < k->partitions; p++)
        rd_kafka_consume_stop(rkt, p);
    if (ok && left > 0)
        ok = err_set(e, ERR_RETRY, "offset.timeout",
                     "offsets topic \"%s\": %d partitions not read after %d s", k->topic, left,
                     LOAD_WAIT_MS / 1000);
    return ok;
}

/* A topic that is not there holds nothing. It is made by the first save: looking must not change anything. */
static bool
topic_is_there(const struct offset_kafka *k, rd_kafka_t *consumer, bool *there, struct err *e)
{
    struct compacted_topic topic = topic_of(k);
    int32_t partitions;

    if (!compacted_topic_look(consumer, &topic, (int)k->timeout_ms, &partitions, e))
        return false;
    *there = partitions > 0;
    return true;
}

static bool
store_load(struct offset_store *base, struct offset *out, bool *found, struct err *e)
{
    static const char *const rows[][2] = {{"enable.partition.eof", "true"},
                                          {"fetch.wait.max.ms", "10"},
                                          {"enable.auto.commit", "false"},
                                          {"isolation.level", "read_committed"},
                                          {NULL, NULL}};
    struct offset_kafka *k = (struct offset_kafka *)base;
    struct reading r = {0};
    rd_kafka_queue_t *queue;
    rd_kafka_topic_t *rkt;
    rd_kafka_t *consumer;
    int64_t *ends;
    bool ok, there = false;

    *found = false;
    *out = (struct offset){0};
    if (!(consumer = client_new(k, RD_KAFKA_CONSUMER, rows, e)))
        return false;
    ok = topic_is_there(k, consumer, &there, e);
    if (ok && there)
        ok = connect_producer(k, e);
    if (!ok || !there) {
        rd_kafka_destroy(consumer);
        return ok;
    }
    ends = mem_array((size_t)k->partitions, sizeof *ends);
    queue = rd_kafka_queue_new(consumer);
    rkt = rd_kafka_topic_new(consumer, k->topic, NULL);
    ok = find_ends(k, consumer, ends, e) && read_to_ends(k, rkt, queue, ends, &r, e);
    rd_kafka_topic_destroy(rkt);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(consumer);
    free(ends);
    if (!ok) {
        offset_free(&r.value);
        for (int i = 0; i < OFFSET_BESIDES; i++)
            free(r.beside[i]);
        return false;
    }
    for (int i = 0; i < OFFSET_BESIDES; i++) {
        free(base->beside[i]);
        base->beside[i] = r.beside[i];
    }
    *out = r.value;
    *found = r.found;
    return true;
}

/* ----------------------------------------------------------------------------------------------------------- life */

static void
store_close(struct offset_store *base)
{
    struct offset_kafka *k = (struct offset_kafka *)base;

    if (k->producer)
        rd_kafka_destroy(k->producer);
    config_free(k->config);
    buf_free(&k->key);
    for (int i = 0; i < OFFSET_BESIDES; i++) {
        buf_free(&k->beside_keys[i]);
        free(k->base.beside[i]);
    }
    free(k->topic);
    free(k);
}

static const struct offset_store_ops kafka_ops = {.name = "kafka",
                                                  .load = store_load,
                                                  .save = store_save,
                                                  .save_beside = store_save_beside,
                                                  .erase = store_erase,
                                                  .close = store_close};

struct offset_store *
offset_kafka_open(const struct config *c, struct err *e)
{
    const char *topic = config_str(c, "offset.storage.topic"),
               *server = config_str(c, "topic.prefix");
    struct offset_kafka *k;

    if (!kafka_bootstrap(c))
        return err_set(e, ERR_CONFIG, "kafka.bootstrap",
                       "no Kafka brokers are given for the offsets topic: set bootstrap.servers or "
                       "BOOTSTRAP_SERVERS"),
               NULL;
    if (!topic || !*topic)
        return err_set(e, ERR_CONFIG, "offset.topic",
                       "property \"offset.storage.topic\" is missing"),
               NULL;
    k = mem_alloc(sizeof *k);
    k->base.ops = &kafka_ops;
    k->config = config_copy(c);
    k->topic = mem_strdup(topic);
    k->timeout_ms = config_int(c, "offset.flush.timeout.ms");
    if (k->timeout_ms < 1000)
        k->timeout_ms = 1000;
    buf_init(&k->key, 4096);
    offset_own_key(&k->key, config_name(c), server ? server : "", "");
    for (int i = 0; i < OFFSET_BESIDES; i++) {
        buf_init(&k->beside_keys[i], 4096);
        offset_own_key(&k->beside_keys[i], config_name(c), server ? server : "",
                       offset_own_tails[i]);
    }
    return &k->base;
}
