#include "replicator/kafka/signals.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "sinks/kafka/client.h"
#include "sinks/kafka/translate.h"

#define CONSUMER "signal.consumer."

enum { SEND_TIMEOUT_MS = 30000, CLOSE_WAIT_MS = 2000 };

struct kafka_signals {
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    int fd;
    char *topic;
    const char *prefix;          /* topic.prefix: the key of records that are for us */
    rd_kafka_resp_err_t trouble; /* the last one that was logged */
    int64_t committed;           /* the last offset that was committed, + 1; 0: none */
};

static char *
signal_topic(const struct config *c)
{
    const char *topic = config_str(c, "signal.kafka.topic");

    return topic && *topic ? mem_strdup(topic)
                           : mem_printf("%s-signal", config_str(c, "topic.prefix"));
}

/* A property of the Java consumer: those of the connection by the translator's table, others under the same name. */
static bool
apply_consumer(struct kafka_translation *t, const char *name, const char *value, struct err *e)
{
    const struct kafka_java_prop *row = kafka_java_prop(name);
    char why[300];

    if (row && row->flags & KAFKA_COMMON)
        return kafka_translate(t, name, value, e) ||
               err_wrap(e, "property \"" CONSUMER "%s\"", name);
    switch (rd_kafka_conf_set(t->rk, name, value, why, sizeof(why))) {
    case RD_KAFKA_CONF_OK:
        return true;
    case RD_KAFKA_CONF_UNKNOWN:
        log_warn("property \"" CONSUMER "%s\" has no effect: librdkafka has none of that name",
                 name);
        return true;
    case RD_KAFKA_CONF_INVALID:
        break;
    }
    return err_set(e, ERR_CONFIG, "kafka.property", "property \"" CONSUMER "%s\": %s", name, why);
}

static bool
make_conf(const struct config *c, struct kafka_translation *t, bool consumer, struct err *e)
{
    const char *servers = config_str(c, "signal.kafka.bootstrap.servers"), *key, *value;
    bool ok;

    if (!servers || !*servers)
        servers = kafka_bootstrap(c);
    if (!servers)
        return err_set(e, ERR_CONFIG, "kafka.bootstrap",
                       "no brokers are given for the signal channel kafka: set "
                       "signal.kafka.bootstrap.servers");
    kafka_translate_init(t);
    ok = kafka_set(t->rk, "bootstrap.servers", servers, false, e) &&
         kafka_set(t->rk, "log.queue", "false", false, e);
    if (consumer)
        ok = ok && kafka_set(t->rk, "group.id", config_str(c, "signal.kafka.groupId"), false, e) &&
             kafka_set(t->rk, "auto.offset.reset", "earliest", false, e) &&
             kafka_set(t->rk, "enable.auto.commit", "false", false, e) &&
             kafka_set(t->rk, "enable.auto.offset.store", "false", false, e);
    for (size_t i = 0; ok && config_next(c, &i, &key, &value);)
        if (strncmp(key, CONSUMER, sizeof(CONSUMER) - 1) == 0 &&
            (consumer || kafka_java_prop(key + sizeof(CONSUMER) - 1)))
            ok = apply_consumer(t, key + sizeof(CONSUMER) - 1, value, e);
    ok = ok && kafka_auth_end(t, e) && kafka_tls_end(t, e);
    if (!ok)
        rd_kafka_conf_destroy(t->rk);
    return ok;
}

static void
log_line(const rd_kafka_t *rk, int level, const char *fac, const char *text)
{
    (void)rk;
    log_at(kafka_log_level(level), "signals, librdkafka: %s: %s", fac, text);
}

static bool
start_consumer(struct kafka_signals *k, struct kafka_translation *t, struct err *e)
{
    rd_kafka_topic_partition_list_t *parts;
    uint64_t one = 1;
    char why[300];

    rd_kafka_conf_set_log_cb(t->rk, log_line);
    k->rk = rd_kafka_new(RD_KAFKA_CONSUMER, t->rk, why, sizeof(why));
    if (!k->rk) {
        rd_kafka_conf_destroy(t->rk);
        return err_set(e, ERR_CONFIG, "kafka.property", "the signal consumer cannot be made: %s",
                       why);
    }
    rd_kafka_poll_set_consumer(k->rk);
    k->queue = rd_kafka_queue_get_consumer(k->rk);
    rd_kafka_queue_io_event_enable(k->queue, k->fd, &one, sizeof(one));
    parts = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(parts, k->topic, 0)->offset = RD_KAFKA_OFFSET_STORED;
    rd_kafka_assign(k->rk, parts);
    rd_kafka_topic_partition_list_destroy(parts);
    log_info("signals are read from topic \"%s\"", k->topic);
    return true;
}

struct kafka_signals *
kafka_signals_open(const struct config *c, struct err *e)
{
    struct kafka_signals *k;
    struct kafka_translation t;

    if (!make_conf(c, &t, true, e))
        return NULL;
    k = mem_alloc(sizeof(*k));
    k->topic = signal_topic(c);
    k->prefix = config_str(c, "topic.prefix");
    k->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (!start_consumer(k, &t, e)) {
        kafka_signals_close(k);
        return NULL;
    }
    return k;
}

/* wait_ms 0: the answer is not waited for. */
static void
commit(struct kafka_signals *k, int wait_ms)
{
    rd_kafka_topic_partition_list_t *parts = rd_kafka_topic_partition_list_new(1);
    rd_kafka_queue_t *answer = rd_kafka_queue_new(k->rk);

    rd_kafka_topic_partition_list_add(parts, k->topic, 0)->offset = k->committed;
    (void)rd_kafka_commit_queue(k->rk, parts, answer, NULL, NULL);
    if (wait_ms)
        rd_kafka_event_destroy(rd_kafka_queue_poll(answer, wait_ms));
    rd_kafka_queue_destroy(answer);
    rd_kafka_topic_partition_list_destroy(parts);
}

void
kafka_signals_commit(struct kafka_signals *k, int64_t offset)
{
    k->committed = offset + 1;
    commit(k, 0);
}

void
kafka_signals_close(struct kafka_signals *k)
{
    if (!k)
        return;
    if (k->committed)
        commit(k, CLOSE_WAIT_MS); /* the last one may still be on its way */
    if (k->queue) {
        rd_kafka_queue_io_event_enable(k->queue, -1, NULL, 0);
        rd_kafka_queue_destroy(k->queue);
    }
    if (k->rk)
        rd_kafka_destroy(k->rk);
    if (k->fd >= 0)
        close(k->fd);
    free(k->topic);
    free(k);
}

static void
complain(struct kafka_signals *k, rd_kafka_resp_err_t code)
{
    struct err e = {0};

    if (code == k->trouble)
        return;
    k->trouble = code;
    kafka_err(&e, code, "signal topic \"%s\"", k->topic);
    log_err(LOG_WARN, &e, "signals");
}

/* False: not for us, or no signal. */
static bool
read_message(struct kafka_signals *k, const rd_kafka_message_t *m, struct arena *a,
             struct signal *out)
{
    struct err e = {0};

    if (!slice_is((struct slice){m->key, m->key_len}, k->prefix)) {
        log_info("signal topic \"%s\": the record at %lld is for another connector", k->topic,
                 (long long)m->offset);
        return false;
    }
    if (!m->payload || m->len == 0)
        return false;
    if (signal_read(m->payload, m->len, a, out, &e))
        return true;
    err_wrap(&e, "signal topic \"%s\": the record at %lld is left out", k->topic,
             (long long)m->offset);
    log_err(LOG_WARN, &e, "signal");
    return false;
}

bool
kafka_signals_take(struct kafka_signals *k, struct arena *a, struct signal *out, int64_t *offset)
{
    rd_kafka_message_t *m;
    uint64_t count;
    bool found = false;

    if (read(k->fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
        log_warn("eventfd: read failed");
    while (!found && (m = rd_kafka_consumer_poll(k->rk, 0)) != NULL) {
        if (m->err && m->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
            complain(k, m->err);
        else if (!m->err)
            found = read_message(k, m, a, out);
        *offset = m->offset;
        rd_kafka_message_destroy(m);
    }
    return found;
}

int
kafka_signals_fd(const struct kafka_signals *k)
{
    return k->fd;
}

/* ------------------------------------------------------------------------------------------------ sending */

bool
kafka_signals_send(const struct config *c, const struct signal *s, struct err *e)
{
    struct kafka_translation t = {0};
    char *topic, *value, why[300];
    rd_kafka_t *rk;
    rd_kafka_resp_err_t code;
    bool ok;

    if (!make_conf(c, &t, false, e))
        return false;
    rd_kafka_conf_set_log_cb(t.rk, log_line);
    rk = rd_kafka_new(RD_KAFKA_PRODUCER, t.rk, why, sizeof(why));
    if (!rk) {
        rd_kafka_conf_destroy(t.rk);
        return err_set(e, ERR_CONFIG, "kafka.property", "the producer cannot be made: %s", why);
    }
    topic = signal_topic(c);
    value = signal_json(s);
    code = rd_kafka_producev(
        rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(0),
        RD_KAFKA_V_KEY(config_str(c, "topic.prefix"), strlen(config_str(c, "topic.prefix"))),
        RD_KAFKA_V_VALUE(value, strlen(value)), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_END);
    if (!code)
        code = rd_kafka_flush(rk, SEND_TIMEOUT_MS);
    ok = !code || kafka_err(e, code, "signal topic \"%s\"", topic);
    rd_kafka_destroy(rk);
    free(topic);
    free(value);
    return ok;
}
