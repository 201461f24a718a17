/*
 * Reading the worker's storage topics: to where they ended when it began, and then what comes. Topics are compacted, so a
 * partition has been read when its position, not its last record, is at the end.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "replicator/kafka/murmur2.h"
#include "replicator/kafka/storage_priv.h"
#include "sinks/kafka/client.h"

enum {
    STORAGE_BACKOFF_MS = 200,
    STORAGE_BACKOFF_CAP_MS = 5000,
    STORAGE_LOOK_MS = 10000,
    STORAGE_PARTITIONS_MAX = 10000,
};

/* Where all partitions begin or end; the caller destroys it. One request to each broker; by the producer, as everything that
 * is asked while the consumer reads: its connection would answer only when a fetch that waits for news is over. */
static rd_kafka_topic_partition_list_t *
watermarks(struct storage_kafka *s, int64_t which, struct err *e)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(64);
    int64_t until_us = clock_mono_us() + STORAGE_LOOK_MS * INT64_C(1000);
    rd_kafka_resp_err_t code;

    do {
        list->cnt = 0;
        for (int t = 0; t < STORAGE_TOPICS; t++)
            for (int32_t p = 0; p < s->partitions[t]; p++)
                rd_kafka_topic_partition_list_add(list, s->topics[t].name, p)->offset = which;
        code = rd_kafka_offsets_for_times(s->producer, list, STORAGE_LOOK_MS);
        for (int i = 0; !code && i < list->cnt; i++)
            code = list->elems[i].err;
        /* A topic that was just made has partitions without a leader for a moment. */
        if (code && kafka_err_class(code) == ERR_RETRY)
            usleep(50000);
    } while (code && kafka_err_class(code) == ERR_RETRY && !atomic_load(&s->closing) &&
             clock_mono_us() < until_us);
    if (!code)
        return list;
    rd_kafka_topic_partition_list_destroy(list);
    kafka_err(e, code, "where the storage topics end");
    return NULL;
}

static int
topic_named(const struct storage_kafka *s, const char *name)
{
    int t = 0;

    while (t < STORAGE_TOPICS && strcmp(s->topics[t].name, name) != 0)
        t++;
    return t;
}

static void
hand_on(struct storage_kafka *s, int topic, const rd_kafka_message_t *m)
{
    struct storage_header headers[STORAGE_HEADERS_MAX];
    struct storage_record r = {
        .topic = (enum storage_topic)topic,
        .key = {m->key, m->key_len},
        .value = {m->payload, m->len},
        .headers = headers,
        .partition = m->partition,
        .offset = m->offset,
        .strayed =
            m->key && m->partition != murmur2_partition(m->key, m->key_len, s->partitions[topic]),
    };
    rd_kafka_headers_t *list;
    const void *value;
    size_t n;

    if (rd_kafka_message_headers(m, &list) == RD_KAFKA_RESP_ERR_NO_ERROR)
        while (r.nheaders < STORAGE_HEADERS_MAX &&
               rd_kafka_header_get_all(list, r.nheaders, &headers[r.nheaders].name, &value, &n) ==
                   RD_KAFKA_RESP_ERR_NO_ERROR)
            headers[r.nheaders++].value = (struct slice){value, n};
    s->handler.record(s->handler.arg, &r);
}

static bool
take(struct storage_kafka *s, const rd_kafka_message_t *m, struct err *e)
{
    int topic = m->rkt ? topic_named(s, rd_kafka_topic_name(m->rkt)) : STORAGE_TOPICS;

    if (m->err && m->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
        return kafka_err_class(m->err) == ERR_RETRY ||
               kafka_err(e, m->err, "reading the storage topics");
    if (topic == STORAGE_TOPICS || m->partition < 0 || m->partition >= s->partitions[topic])
        return true;
    if (!m->err)
        hand_on(s, topic, m);
    pthread_mutex_lock(&s->lock);
    s->next[topic][m->partition] = m->err ? m->offset : m->offset + 1;
    pthread_cond_broadcast(&s->moved);
    pthread_mutex_unlock(&s->lock);
    return true;
}

static bool
topics_ready(struct storage_kafka *s, struct err *e)
{
    for (int t = 0; t < STORAGE_TOPICS; t++) {
        int32_t n;

        if (!compacted_topic_ready(s->consumer, &s->topics[t], &n, e))
            return false;
        if (t == STORAGE_CONFIGS && n != 1)
            return err_set(e, ERR_CONFIG, "storage.partitions",
                           "%s \"%s\" has %d partitions, it must have one: else the order of its "
                           "records is lost",
                           s->topics[t].what, s->topics[t].name, n);
        if (n > STORAGE_PARTITIONS_MAX)
            return err_set(e, ERR_CONFIG, "storage.partitions",
                           "%s \"%s\" has %d partitions, at most %d make sense", s->topics[t].what,
                           s->topics[t].name, n, STORAGE_PARTITIONS_MAX);
        if (!s->out[t] && !storage_topic_out(s, (enum storage_topic)t, e))
            return false;
        pthread_mutex_lock(&s->lock);
        if (!s->next[t])
            s->next[t] = mem_array((size_t)n, sizeof *s->next[t]);
        s->partitions[t] = n;
        pthread_mutex_unlock(&s->lock);
    }
    return true;
}

static bool
start_partition(struct storage_kafka *s, rd_kafka_topic_t *in[], const char *name,
                int32_t partition, int64_t from, struct err *e)
{
    int t = topic_named(s, name);

    if (rd_kafka_consume_start_queue(in[t], partition, from, s->queue) != 0)
        return kafka_err(e, rd_kafka_last_error(), "%s \"%s\"", s->topics[t].what, name);
    return true;
}

static bool
is_read_to(struct storage_kafka *s, const rd_kafka_topic_partition_list_t *ends)
{
    for (int i = 0; i < ends->cnt; i++) {
        int t = topic_named(s, ends->elems[i].topic);

        if (s->next[t][ends->elems[i].partition] < ends->elems[i].offset)
            return false;
    }
    return true;
}

/*
 * What stands there first, from the partitions that hold something: a fetch that asks an empty one as well waits. Then all
 * of them.
 */
static bool
read_all(struct storage_kafka *s, rd_kafka_topic_t *in[], struct err *e)
{
    rd_kafka_topic_partition_list_t *low = watermarks(s, RD_KAFKA_OFFSET_BEGINNING, e), *high;
    bool ok;

    if (!low)
        return false;
    high = watermarks(s, RD_KAFKA_OFFSET_END, e);
    ok = high != NULL;
    for (int empty = 0; ok && empty < 2; empty++) {
        for (int i = 0; ok && i < low->cnt; i++) {
            const rd_kafka_topic_partition_t *p = &low->elems[i];
            bool is_empty = high->elems[i].offset <= p->offset;
            int t = topic_named(s, p->topic);

            if (is_empty != (empty == 1))
                continue;
            pthread_mutex_lock(&s->lock);
            s->next[t][p->partition] = p->offset;
            pthread_mutex_unlock(&s->lock);
            ok = start_partition(s, in, p->topic, p->partition, p->offset, e);
        }
        for (; ok && !empty && !atomic_load(&s->closing);) {
            rd_kafka_message_t *m;
            bool done;

            pthread_mutex_lock(&s->lock);
            done = true;
            for (int i = 0; done && i < high->cnt; i++)
                done = high->elems[i].offset <= low->elems[i].offset ||
                       s->next[topic_named(s, high->elems[i].topic)][high->elems[i].partition] >=
                           high->elems[i].offset;
            pthread_mutex_unlock(&s->lock);
            if (done)
                break;
            m = rd_kafka_consume_queue(s->queue, 100);
            if (m) {
                ok = take(s, m, e);
                rd_kafka_message_destroy(m);
            }
        }
    }
    rd_kafka_topic_partition_list_destroy(low);
    if (high)
        rd_kafka_topic_partition_list_destroy(high);
    return ok;
}

/* Until it works: brokers that are away at the start are waited for. */
static bool
begin_reading(struct storage_kafka *s, rd_kafka_topic_t *in[], struct err *e)
{
    for (unsigned attempt = 0; !atomic_load(&s->closing); attempt++) {
        err_clear(e);
        if (topics_ready(s, e)) {
            for (int t = 0; t < STORAGE_TOPICS; t++)
                if (!in[t])
                    in[t] = rd_kafka_topic_new(s->consumer, s->topics[t].name, NULL);
            return read_all(s, in, e);
        }
        if (e->cls != ERR_RETRY)
            return false;
        log_err(LOG_WARN, e, "storage topics: trying again");
        s->handler.trouble(s->handler.arg, e);
        for (int64_t ms = clock_backoff_ms(attempt, STORAGE_BACKOFF_MS, STORAGE_BACKOFF_CAP_MS);
             ms > 0 && !atomic_load(&s->closing); ms -= 50)
            usleep(50000);
    }
    return true;
}

void *
storage_read(void *arg)
{
    struct storage_kafka *s = arg;
    rd_kafka_topic_t *in[STORAGE_TOPICS] = {NULL};
    struct err e = {0};
    bool ok = begin_reading(s, in, &e);

    if (!atomic_load(&s->closing))
        s->handler.ready(s->handler.arg, ok ? NULL : &e);
    while (ok && !atomic_load(&s->closing)) {
        rd_kafka_message_t *m = rd_kafka_consume_queue(s->queue, 200);

        if (!m)
            continue;
        if (!take(s, m, &e)) {
            log_err(LOG_WARN, &e, "storage topics");
            err_clear(&e);
        }
        rd_kafka_message_destroy(m);
    }
    for (int t = 0; t < STORAGE_TOPICS; t++) {
        for (int32_t p = 0; in[t] && p < s->partitions[t]; p++)
            rd_kafka_consume_stop(in[t], p);
        if (in[t])
            rd_kafka_topic_destroy(in[t]);
    }
    return NULL;
}

bool
storage_sync(struct storage *base, struct err *e)
{
    struct storage_kafka *s = (struct storage_kafka *)base;
    rd_kafka_topic_partition_list_t *ends;
    int64_t until_us = clock_mono_us() + STORAGE_SYNC_MS * INT64_C(1000);
    bool ok = true;

    for (int t = 0; ok && t < STORAGE_TOPICS; t++)
        ok = storage_is_ready(s, (enum storage_topic)t, e);
    if (!ok || !(ends = watermarks(s, RD_KAFKA_OFFSET_END, e)))
        return false;
    pthread_mutex_lock(&s->lock);
    while (ok && !is_read_to(s, ends))
        ok = storage_wait(s, until_us);
    pthread_mutex_unlock(&s->lock);
    rd_kafka_topic_partition_list_destroy(ends);
    return ok || err_set(e, ERR_RETRY, "storage.timeout",
                         "the storage topics could not be read to their ends within %d s",
                         STORAGE_SYNC_MS / 1000);
}
