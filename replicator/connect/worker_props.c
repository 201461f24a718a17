/* Properties of the Connect worker. What a JVM needs and we do not is accepted without effect. */
#include "replicator/conf_rows.h"
#include "replicator/connect/worker_conf.h"

#define GENERAL "Worker"
#define STORAGE "Storage Topics"
#define REST "REST"
#define MEMBER "Group"
#define CLIENTS "Kafka Clients"

#define MEMBER_SEE                                                                                 \
    "this worker is no member of the group; it looks for members and waits while there is one"
#define JVM_SEE "there are no plug-ins and no JVM"

/* An enabled exactly-once support would need transactions around records and offsets. */
static bool
check_exactly_once(const struct config *c, const char *value, struct err *e)
{
    (void)c;
    if (strcasecmp(value, "disabled") == 0)
        return true;
    return err_set(e, ERR_CONFIG, "config.exactly_once",
                   "records are delivered at least once, without transactions: leave it disabled");
}

/* clang-format off */
static const struct prop rows[] = {
    {.name = "group.id", .type = PROP_STRING, .flags = PROP_REQUIRED, .group = GENERAL, .importance = PROP_HIGH,
     .doc = "The Connect group. Its storage topics belong to it; while a real worker is its member, this one waits."},
    {.name = "config.storage.topic", .type = PROP_STRING, .flags = PROP_REQUIRED, .group = STORAGE,
     .importance = PROP_HIGH, .check = conf_rule_topic,
     .doc = "Topic of the connectors' configurations. It is made, with one compacted partition, when it is missing."},
    {.name = "offset.storage.topic", .type = PROP_STRING, .flags = PROP_REQUIRED, .group = STORAGE,
     .importance = PROP_HIGH, .check = conf_rule_topic,
     .doc = "Topic of the connectors' positions. It is made, compacted, when it is missing."},
    {.name = "status.storage.topic", .type = PROP_STRING, .flags = PROP_REQUIRED, .group = STORAGE,
     .importance = PROP_HIGH, .check = conf_rule_topic,
     .doc = "Topic of the connectors' states. It is made, compacted, when it is missing."},
    {.name = "config.storage.replication.factor", .type = PROP_INT, .def = "3", .min = -1, .max = 32767,
     .group = STORAGE, .importance = PROP_LOW, .doc = "Copies of that topic when it is made; -1: as the brokers say."},
    {.name = "offset.storage.replication.factor", .type = PROP_INT, .def = "3", .min = -1, .max = 32767,
     .group = STORAGE, .importance = PROP_LOW, .doc = "Copies of that topic when it is made; -1: as the brokers say."},
    {.name = "status.storage.replication.factor", .type = PROP_INT, .def = "3", .min = -1, .max = 32767,
     .group = STORAGE, .importance = PROP_LOW, .doc = "Copies of that topic when it is made; -1: as the brokers say."},
    {.name = "offset.storage.partitions", .type = PROP_INT, .def = "25", .min = -1, .max = INT32_MAX, .group = STORAGE,
     .importance = PROP_LOW, .doc = "Partitions of that topic when it is made; -1: as the brokers say."},
    {.name = "status.storage.partitions", .type = PROP_INT, .def = "5", .min = -1, .max = INT32_MAX, .group = STORAGE,
     .importance = PROP_LOW, .doc = "Partitions of that topic when it is made; -1: as the brokers say."},
    {.name = "config.storage.", .type = PROP_STRING, .flags = PROP_PREFIX, .group = STORAGE, .importance = PROP_LOW,
     .doc = "Any setting of the configuration topic, for when it is made."},
    {.name = "offset.storage.", .type = PROP_STRING, .flags = PROP_PREFIX, .group = STORAGE, .importance = PROP_LOW,
     .doc = "Any setting of the offsets topic, for when it is made."},
    {.name = "status.storage.", .type = PROP_STRING, .flags = PROP_PREFIX, .group = STORAGE, .importance = PROP_LOW,
     .doc = "Any setting of the status topic, for when it is made."},
    {.name = "offset.flush.interval.ms", .type = PROP_LONG, .def = "60000", .min = 1, .max = INT32_MAX, .group = GENERAL,
     .importance = PROP_LOW,
     .doc = "Longest time between two stores of a position that moves, in milliseconds. Stores follow the "
            "acknowledgements, at most 20 a second, so this is only an upper bound."},
    {.name = "offset.flush.timeout.ms", .type = PROP_LONG, .def = "5000", .min = 1, .max = INT32_MAX, .group = GENERAL,
     .importance = PROP_LOW, .doc = "How long storing a position may take before it is tried again, in milliseconds."},
    {.name = "task.shutdown.graceful.timeout.ms", .type = PROP_LONG, .def = "5000", .min = 0, .max = INT32_MAX,
     .group = GENERAL, .importance = PROP_LOW,
     .doc = "How long a connector that stops waits for acknowledgements of what it has handed on, in milliseconds."},
    {.name = "key.converter", .type = PROP_CLASS, .def = "org.apache.kafka.connect.json.JsonConverter", .group = GENERAL,
     .importance = PROP_HIGH, .doc = "Converter of keys, for connectors that name none."},
    {.name = "value.converter", .type = PROP_CLASS, .def = "org.apache.kafka.connect.json.JsonConverter",
     .group = GENERAL, .importance = PROP_HIGH, .doc = "Converter of values, for connectors that name none."},
    {.name = "header.converter", .type = PROP_CLASS, .def = "org.apache.kafka.connect.storage.SimpleHeaderConverter",
     .group = GENERAL, .importance = PROP_LOW, .doc = "Converter of headers, for connectors that name none."},
    {.name = "key.converter.", .type = PROP_STRING, .flags = PROP_PREFIX, .group = GENERAL, .importance = PROP_LOW,
     .doc = "Options of the worker's converter of keys."},
    {.name = "value.converter.", .type = PROP_STRING, .flags = PROP_PREFIX, .group = GENERAL, .importance = PROP_LOW,
     .doc = "Options of the worker's converter of values."},
    {.name = "header.converter.", .type = PROP_STRING, .flags = PROP_PREFIX, .group = GENERAL, .importance = PROP_LOW,
     .doc = "Options of the worker's converter of headers."},
    {.name = "topic.creation.enable", .type = PROP_BOOL, .def = "true", .group = GENERAL, .importance = PROP_LOW,
     .doc = "Whether the topic.creation properties of connectors count."},
    {.name = "topic.tracking.enable", .type = PROP_BOOL, .def = "true", .group = GENERAL, .importance = PROP_LOW,
     .doc = "Whether the topics that a connector writes to are recorded in the status topic."},
    {.name = "topic.tracking.allow.reset", .type = PROP_BOOL, .def = "true", .group = GENERAL, .importance = PROP_LOW,
     .doc = "Whether that record may be reset by request."},
    {.name = "exactly.once.source.support", .type = PROP_STRING, .def = "disabled", .group = GENERAL,
     .importance = PROP_HIGH, .check = check_exactly_once,
     .doc = "Exactly-once delivery of a Connect cluster. Only disabled is possible."},
    {.name = "connector.client.config.override.policy", .type = PROP_CLASS, .def = "All", .group = CLIENTS,
     .flags = PROP_NOOP, .see = "connectors may override every setting of their producer", .importance = PROP_LOW,
     .doc = "Which client settings a connector may override."},
    {.name = "client.id", .type = PROP_STRING, .def = "", .group = CLIENTS, .importance = PROP_LOW, .flags = PROP_NOOP,
     .see = "clients of the storage topics are named after the group", .doc = "Name of the worker's Kafka clients."},
    {.name = "producer.", .type = PROP_STRING, .flags = PROP_PREFIX, .group = CLIENTS, .importance = PROP_LOW,
     .doc = "Settings of the connectors' producers; their own producer.override.* win."},
    {.name = "consumer.", .type = PROP_STRING, .flags = PROP_PREFIX, .group = CLIENTS, .importance = PROP_LOW,
     .doc = "Settings of sink connectors' consumers. There are none; the connection's security of the storage topics is "
            "that of the worker."},
    {.name = "admin.", .type = PROP_STRING, .flags = PROP_PREFIX, .group = CLIENTS, .importance = PROP_LOW,
     .doc = "Settings of the connectors' admin clients. Topics are made by the connectors' producers."},
    {.name = "request.timeout.ms", .type = PROP_LONG, .def = "40000", .group = CLIENTS, .importance = PROP_LOW,
     .flags = PROP_NOOP, .see = "librdkafka has timeouts of its own", .doc = "How long a request may take."},
    {.name = "metadata.max.age.ms", .type = PROP_LONG, .def = "300000", .group = CLIENTS, .importance = PROP_LOW,
     .flags = PROP_NOOP, .see = "librdkafka refreshes by itself", .doc = "When metadata is asked for anew."},
    {.name = "rest.advertised.host.name", .type = PROP_STRING, .group = REST, .importance = PROP_LOW,
     .doc = "The worker's host as it stands in statuses and in Location headers. Not given: the address of the last "
            "network interface."},
    {.name = "rest.advertised.port", .type = PROP_INT, .min = 1, .max = 65535, .group = REST, .importance = PROP_LOW,
     .doc = "The worker's port, likewise. Not given: the listener's."},
    {.name = "rest.advertised.listener", .type = PROP_STRING, .group = REST, .importance = PROP_LOW,
     .flags = PROP_NOOP, .see = "no other worker asks this one", .doc = "Protocol by which other workers come."},
    {.name = "rest.host.name", .type = PROP_STRING, .group = REST, .importance = PROP_LOW, .flags = PROP_NOOP,
     .see = "Kafka 3.0 has dropped it: use listeners", .doc = "Where the REST server listened once."},
    {.name = "rest.port", .type = PROP_INT, .group = REST, .importance = PROP_LOW, .flags = PROP_NOOP,
     .see = "Kafka 3.0 has dropped it: use listeners", .doc = "Where the REST server listened once."},
    {.name = "connect.protocol", .type = PROP_STRING, .def = "sessioned", .group = MEMBER, .importance = PROP_LOW,
     .flags = PROP_NOOP, .see = MEMBER_SEE, .doc = "How workers share work."},
    {.name = "session.timeout.ms", .type = PROP_LONG, .def = "10000", .group = MEMBER, .importance = PROP_LOW,
     .flags = PROP_NOOP, .see = MEMBER_SEE, .doc = "When a silent member is dropped."},
    {.name = "heartbeat.interval.ms", .type = PROP_LONG, .def = "3000", .group = MEMBER, .importance = PROP_LOW,
     .flags = PROP_NOOP, .see = MEMBER_SEE, .doc = "How often a member tells that it lives."},
    {.name = "rebalance.timeout.ms", .type = PROP_LONG, .def = "60000", .group = MEMBER, .importance = PROP_LOW,
     .flags = PROP_NOOP, .see = MEMBER_SEE, .doc = "How long a rebalance may take."},
    {.name = "scheduled.rebalance.max.delay.ms", .type = PROP_LONG, .def = "300000", .group = MEMBER,
     .importance = PROP_LOW, .flags = PROP_NOOP, .see = MEMBER_SEE, .doc = "How long work of a lost member waits."},
    {.name = "worker.sync.timeout.ms", .type = PROP_LONG, .def = "3000", .group = MEMBER, .importance = PROP_LOW,
     .flags = PROP_NOOP, .see = MEMBER_SEE, .doc = "How long a worker may take to catch up."},
    {.name = "worker.unsync.backoff.ms", .type = PROP_LONG, .def = "300000", .group = MEMBER, .importance = PROP_LOW,
     .flags = PROP_NOOP, .see = MEMBER_SEE, .doc = "How long a worker that could not catch up stays away."},
    {.name = "inter.worker.", .type = PROP_STRING, .flags = PROP_PREFIX | PROP_NOOP, .group = MEMBER,
     .importance = PROP_LOW, .see = MEMBER_SEE, .doc = "Keys by which workers know each other."},
    {.name = "plugin.path", .type = PROP_LIST, .group = GENERAL, .importance = PROP_LOW, .flags = PROP_NOOP,
     .see = JVM_SEE, .doc = "Where plug-ins are looked for."},
    {.name = "plugin.discovery", .type = PROP_STRING, .def = "hybrid_warn", .group = GENERAL, .importance = PROP_LOW,
     .flags = PROP_NOOP, .see = JVM_SEE, .doc = "How plug-ins are looked for."},
    {.name = "metric.reporters", .type = PROP_LIST, .def = "", .group = GENERAL, .importance = PROP_LOW,
     .flags = PROP_NOOP, .see = JVM_SEE, .doc = "Classes that take metrics."},
    {.name = "metrics.", .type = PROP_STRING, .flags = PROP_PREFIX | PROP_NOOP, .group = GENERAL, .importance = PROP_LOW,
     .see = JVM_SEE, .doc = "How metrics are sampled."},
    {.name = "auto.include.jmx.reporter", .type = PROP_BOOL, .def = "true", .group = GENERAL, .importance = PROP_LOW,
     .flags = PROP_NOOP, .see = JVM_SEE, .doc = "Whether metrics are told by JMX."},
    {.name = "internal.key.converter", .type = PROP_CLASS, .group = GENERAL, .importance = PROP_LOW,
     .flags = PROP_NOOP, .see = "the storage topics are JSON", .doc = "Converter of the storage topics, once."},
    {.name = "internal.value.converter", .type = PROP_CLASS, .group = GENERAL, .importance = PROP_LOW,
     .flags = PROP_NOOP, .see = "the storage topics are JSON", .doc = "Converter of the storage topics, once."},
    {.name = "internal.", .type = PROP_STRING, .flags = PROP_PREFIX | PROP_NOOP, .group = GENERAL,
     .importance = PROP_LOW, .see = "the storage topics are JSON", .doc = "Options of those converters."},
    {.name = "config.providers", .type = PROP_LIST, .def = "", .group = GENERAL, .importance = PROP_LOW,
     .flags = PROP_NOOP, .see = "the providers env, file and dir are always there, others are not",
     .doc = "Names of configuration providers."},
    {.name = "config.providers.", .type = PROP_STRING, .flags = PROP_PREFIX | PROP_NOOP, .group = GENERAL,
     .importance = PROP_LOW, .see = "the providers env, file and dir are always there, others are not",
     .doc = "Settings of configuration providers."},
};
/* clang-format on */

const struct prop_table worker_prop_table = {rows, sizeof(rows) / sizeof(rows[0])};
