#include "replicator/kafka/compacted_topic.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "sinks/kafka/client.h"

enum { ADMIN_WAIT_MS = 10000 };

/* The answer of an admin request on its own queue; NULL: e is set. Log lines that come meanwhile go their way. */
static rd_kafka_event_t *
admin_answer(rd_kafka_queue_t *queue, int type, const struct compacted_topic *t, struct err *e)
{
    int64_t until_us = clock_mono_us() + (ADMIN_WAIT_MS + 2000) * INT64_C(1000);
    rd_kafka_event_t *ev;

    while (clock_mono_us() < until_us) {
        ev = rd_kafka_queue_poll(queue, 100);
        if (ev && rd_kafka_event_type(ev) == type)
            return ev;
        if (ev)
            rd_kafka_event_destroy(ev);
    }
    err_set(e, ERR_RETRY, "kafka.unreachable", "%s \"%s\": the brokers do not answer", t->what,
            t->name);
    return NULL;
}

static rd_kafka_AdminOptions_t *
admin_options(rd_kafka_t *rk, rd_kafka_admin_op_t op)
{
    rd_kafka_AdminOptions_t *o = rd_kafka_AdminOptions_new(rk, op);
    char why[200];

    rd_kafka_AdminOptions_set_request_timeout(o, ADMIN_WAIT_MS, why, sizeof why);
    return o;
}

static bool
is_setting(const char *name)
{
    return strcmp(name, "topic") != 0 && strcmp(name, "partitions") != 0 &&
           strcmp(name, "replication.factor") != 0;
}

static rd_kafka_NewTopic_t *
new_topic(const struct compacted_topic *t, struct err *e)
{
    char why[300];
    rd_kafka_NewTopic_t *n =
        rd_kafka_NewTopic_new(t->name, t->partitions, t->replicas, why, sizeof why);
    const char *key, *value;

    if (!n) {
        err_set(e, ERR_CONFIG, "kafka.topic_creation", "%s \"%s\": %s", t->what, t->name, why);
        return NULL;
    }
    for (size_t i = 0; t->config && config_next(t->config, &i, &key, &value);)
        if (strncmp(key, t->prefix, strlen(t->prefix)) == 0 && is_setting(key + strlen(t->prefix)))
            rd_kafka_NewTopic_set_config(n, key + strlen(t->prefix), value);
    rd_kafka_NewTopic_set_config(n, "cleanup.policy", "compact");
    return n;
}

/* Connect's way: create it and take "exists" for an answer. */
static bool
create(rd_kafka_t *rk, rd_kafka_queue_t *queue, const struct compacted_topic *t, bool *existed,
       struct err *e)
{
    rd_kafka_AdminOptions_t *options;
    rd_kafka_NewTopic_t *n = new_topic(t, e);
    rd_kafka_event_t *ev;
    rd_kafka_resp_err_t code;
    const char *text;
    size_t count = 0;
    const rd_kafka_topic_result_t **results = NULL;
    bool ok = true;

    if (!n)
        return false;
    options = admin_options(rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_CreateTopics(rk, &n, 1, options, queue);
    rd_kafka_NewTopic_destroy(n);
    rd_kafka_AdminOptions_destroy(options);
    ev = admin_answer(queue, RD_KAFKA_EVENT_CREATETOPICS_RESULT, t, e);
    if (!ev)
        return false;
    code = rd_kafka_event_error(ev);
    text = rd_kafka_event_error_string(ev);
    if (!code)
        results =
            rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(ev), &count);
    if (count == 1) {
        code = rd_kafka_topic_result_error(results[0]);
        text = rd_kafka_topic_result_error_string(results[0]);
    }
    *existed = code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS;
    if (code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
        code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED ||
        code == RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE)
        log_info("kafka: cannot create %s \"%s\" (%s), going on as if it existed", t->what, t->name,
                 text ? text : rd_kafka_err2str(code));
    else if (code && !*existed)
        ok = kafka_err(e, code, "cannot create %s \"%s\": %s", t->what, t->name, text ? text : "");
    rd_kafka_event_destroy(ev);
    return ok;
}

/* Deleting by age would lose the offset of a connector that is quiet. */
static bool
check_policy(rd_kafka_t *rk, rd_kafka_queue_t *queue, const struct compacted_topic *t,
             struct err *e)
{
    rd_kafka_AdminOptions_t *options = admin_options(rk, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_ConfigResource_t *asked =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, t->name);
    const rd_kafka_ConfigResource_t **got = NULL;
    const rd_kafka_ConfigEntry_t **entries = NULL;
    rd_kafka_event_t *ev;
    size_t n = 0;
    bool ok = true;

    rd_kafka_DescribeConfigs(rk, &asked, 1, options, queue);
    rd_kafka_ConfigResource_destroy(asked);
    rd_kafka_AdminOptions_destroy(options);
    ev = admin_answer(queue, RD_KAFKA_EVENT_DESCRIBECONFIGS_RESULT, t, e);
    if (!ev)
        return false;
    if (!rd_kafka_event_error(ev))
        got = rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(ev),
                                                        &n);
    if (n == 1 && !rd_kafka_ConfigResource_error(got[0]))
        entries = rd_kafka_ConfigResource_configs(got[0], &n);
    else
        log_info(
            "kafka: cannot look at the settings of %s \"%s\"; its cleanup.policy must be "
            "compact",
            t->what, t->name);
    for (size_t i = 0; entries && i < n; i++) {
        const char *value = rd_kafka_ConfigEntry_value(entries[i]);

        if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), "cleanup.policy") == 0 && value &&
            strcmp(value, "compact") != 0)
            ok = err_set(e, ERR_CONFIG, "offset.topic_policy",
                         "%s \"%s\" has cleanup.policy \"%s\", expected \"compact\": anything "
                         "else loses what connectors do not write again",
                         t->what, t->name, value);
    }
    rd_kafka_event_destroy(ev);
    return ok;
}

bool
compacted_topic_look(rd_kafka_t *consumer, const struct compacted_topic *t, int timeout_ms,
                     int32_t *partitions, struct err *e)
{
    const struct rd_kafka_metadata *m;
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(consumer, t->name, NULL);
    rd_kafka_resp_err_t code = rd_kafka_metadata(consumer, 0, rkt, &m, timeout_ms);

    rd_kafka_topic_destroy(rkt);
    *partitions = 0;
    if (code)
        return kafka_err(e, code, "%s \"%s\"", t->what, t->name);
    if (m->topic_cnt == 1 && m->topics[0].partition_cnt > 0)
        *partitions = m->topics[0].partition_cnt;
    rd_kafka_metadata_destroy(m);
    return true;
}

/* Until the topic has partitions with leaders. Asking makes it where brokers make topics by themselves. */
static bool
await_partitions(rd_kafka_t *rk, const struct compacted_topic *t, int32_t *partitions,
                 struct err *e)
{
    int64_t until_us = clock_mono_us() + COMPACTED_TOPIC_WAIT_MS * INT64_C(1000);
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(rk, t->name, NULL);
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
    const struct rd_kafka_metadata *m;

    *partitions = 0;
    while (*partitions == 0 && clock_mono_us() < until_us) {
        code = rd_kafka_metadata(rk, 0, rkt, &m, 5000);
        if (code)
            continue;
        code = m->topic_cnt == 1 ? m->topics[0].err : RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
        if (!code && m->topics[0].partition_cnt > 0)
            *partitions = m->topics[0].partition_cnt;
        rd_kafka_metadata_destroy(m);
        if (*partitions == 0)
            usleep(50000);
    }
    rd_kafka_topic_destroy(rkt);
    if (*partitions > 0)
        return true;
    /* The broker says so for 30 s: as final as librdkafka's own judgement. */
    if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        code = RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
    return kafka_err(e, code, "%s \"%s\"", t->what, t->name);
}

bool
compacted_topic_ready(rd_kafka_t *rk, const struct compacted_topic *t, int32_t *partitions,
                      struct err *e)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    bool existed = false;
    bool ok = create(rk, queue, t, &existed, e) && (!existed || check_policy(rk, queue, t, e)) &&
              await_partitions(rk, t, partitions, e);

    rd_kafka_queue_destroy(queue);
    return ok;
}
