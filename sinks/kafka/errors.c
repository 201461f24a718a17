#include <stdarg.h>
#include <stdio.h>

#include "sinks/kafka/client.h"
#include "sinks/kafka/errors.h"

/*
 * Only what a person or the data must mend stands here: everything else (no leader, not enough replicas, a broker that is
 * away) passes by itself and is retried. An idempotent producer that has lost its sequence is retried as well: the
 * connector starts again from the safe position with a new producer.
 */
const struct kafka_err_row kafka_err_rows[] = {
    {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, ERR_DATA, "kafka.record_too_large",
     "raise the topic's max.message.bytes (broker: message.max.bytes), or leave the column out"},
    {RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE, ERR_DATA, "kafka.record_too_large",
     "raise the topic's segment.bytes, or leave the column out"},
    {RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE, ERR_DATA, "kafka.record_too_large",
     "raise the topic's max.message.bytes"},
    {RD_KAFKA_RESP_ERR_INVALID_RECORD, ERR_DATA, "kafka.record_invalid",
     "the broker refuses the record; a compacted topic takes no record without a key"},
    {RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP, ERR_CONFIG, "kafka.timestamp",
     "set the host's clock, or the topic's message.timestamp limits"},
    {RD_KAFKA_RESP_ERR_INVALID_MSG, ERR_RETRY, "kafka.corrupt", NULL},
    {RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, ERR_CONFIG, "kafka.topic_name",
     "the name is not legal for a topic"},
    {RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, ERR_CONFIG, "kafka.unknown_topic",
     "create it, or set topic.creation.default.partitions and "
     "topic.creation.default.replication.factor, or "
     "auto.create.topics.enable=true on the brokers"},
    {RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, ERR_RETRY, "kafka.unknown_partition", NULL},
    {RD_KAFKA_RESP_ERR_INVALID_REQUIRED_ACKS, ERR_CONFIG, "kafka.acks", NULL},
    {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, ERR_CONFIG, "kafka.topic_denied",
     "grant the user Write and Describe on the topic"},
    {RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, ERR_CONFIG, "kafka.group_denied",
     "grant the user Read on the group"},
    {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, ERR_CONFIG, "kafka.cluster_denied",
     "grant the user IdempotentWrite on the cluster (Amazon MSK: "
     "kafka-cluster:WriteDataIdempotently), or set "
     "producer.override.enable.idempotence=false"},
    {RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, ERR_CONFIG, "kafka.txn_denied", NULL},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM, ERR_CONFIG, "kafka.sasl_mechanism",
     "set sasl.mechanism to one that the broker's listener offers"},
    {RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, ERR_CONFIG, "kafka.authentication",
     "check sasl.jaas.config"},
    {RD_KAFKA_RESP_ERR_ILLEGAL_SASL_STATE, ERR_CONFIG, "kafka.authentication",
     "check security.protocol"},
    {RD_KAFKA_RESP_ERR__AUTHENTICATION, ERR_CONFIG, "kafka.authentication",
     "check sasl.mechanism and sasl.jaas.config"},
    {RD_KAFKA_RESP_ERR__SSL, ERR_CONFIG, "kafka.tls",
     "check security.protocol and the ssl. properties"},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION, ERR_CONFIG, "kafka.version", "the broker is too old"},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT, ERR_CONFIG, "kafka.version",
     "the topic's message.format.version is too old for headers"},
    {RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE, ERR_CONFIG, "kafka.version", "the broker is too old"},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE, ERR_CONFIG, "kafka.compression",
     "set producer.override.compression.type to one that the broker knows"},
    {RD_KAFKA_RESP_ERR_INVALID_PARTITIONS, ERR_CONFIG, "kafka.topic_creation",
     "check topic.creation.default.partitions"},
    {RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR, ERR_CONFIG, "kafka.topic_creation",
     "the cluster has fewer brokers than the replication factor asks for"},
    {RD_KAFKA_RESP_ERR_INVALID_REPLICA_ASSIGNMENT, ERR_CONFIG, "kafka.topic_creation", NULL},
    {RD_KAFKA_RESP_ERR_INVALID_CONFIG, ERR_CONFIG, "kafka.topic_creation",
     "check the topic settings"},
    {RD_KAFKA_RESP_ERR_POLICY_VIOLATION, ERR_CONFIG, "kafka.policy",
     "the brokers' policy forbids it"},
    {RD_KAFKA_RESP_ERR_INVALID_REQUEST, ERR_RETRY, "kafka.request", NULL},
    {RD_KAFKA_RESP_ERR__INVALID_ARG, ERR_BUG, "kafka.argument", NULL},
    {RD_KAFKA_RESP_ERR__BAD_COMPRESSION, ERR_RETRY, "kafka.corrupt", NULL},
    {RD_KAFKA_RESP_ERR__FATAL, ERR_RETRY, "kafka.fatal",
     "the producer is started again from the safe position"},
    {RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE, ERR_RETRY, "kafka.fatal",
     "the producer is started again from the safe position"},
    {RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, ERR_RETRY, "kafka.fatal",
     "the producer is started again from the safe position"},
    {RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER, ERR_RETRY, "kafka.fatal",
     "the producer is started again from the safe position"},
    {RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID, ERR_RETRY, "kafka.fatal",
     "the producer is started again from the safe position"},
    {RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, ERR_RETRY, "kafka.fatal",
     "the producer is started again from the safe position"},
    {RD_KAFKA_RESP_ERR__FENCED, ERR_RETRY, "kafka.fatal", NULL},
};
const size_t kafka_err_nrows = sizeof kafka_err_rows / sizeof *kafka_err_rows;

static const struct kafka_err_row *
row_of(rd_kafka_resp_err_t code)
{
    static const struct kafka_err_row other = {RD_KAFKA_RESP_ERR_UNKNOWN, ERR_RETRY,
                                               "kafka.delivery", NULL};

    for (size_t i = 0; i < kafka_err_nrows; i++)
        if (kafka_err_rows[i].kafka == code)
            return &kafka_err_rows[i];
    return &other;
}

enum err_class
kafka_err_class(rd_kafka_resp_err_t code)
{
    return row_of(code)->cls;
}

bool
kafka_err(struct err *e, rd_kafka_resp_err_t code, const char *fmt, ...)
{
    const struct kafka_err_row *r = row_of(code);
    char what[700];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    return err_set(e, r->cls, r->code, "%s: %s (%s)%s%s", what, rd_kafka_err2str(code),
                   rd_kafka_err2name(code), r->hint ? "; " : "", r->hint ? r->hint : "");
}

/* What librdkafka calls an error (a broker that does not answer) it mends by itself: to us a warning. */
enum log_level
kafka_log_level(int syslog_level)
{
    static const enum log_level map[8] = {LOG_ERROR, LOG_ERROR, LOG_ERROR, LOG_WARN,
                                          LOG_WARN,  LOG_INFO,  LOG_INFO,  LOG_DEBUG};

    return syslog_level < 0 ? LOG_ERROR : syslog_level > 7 ? LOG_DEBUG : map[syslog_level];
}

void
kafka_log_event(rd_kafka_event_t *ev)
{
    const char *facility, *text;
    int level;

    if (rd_kafka_event_log(ev, &facility, &text, &level) != 0)
        return;
    /* Remarks on settings that we chose ourselves: nothing a user could act on. */
    if (strcmp(facility, "CONFWARN") == 0)
        level = 7;
    log_at(kafka_log_level(level), "kafka: %s: %s", facility, text);
}
