/* What `validate` says of each property: what Kafka Connect itself knows of a source connector. See definition.h. */
#include "replicator/rest/definition.h"

/* clang-format off */
static const struct definition rows[] = {
    {.name = "name", .trimmed = true, .width = "MEDIUM", .required = true, .rules = {RULE_NAME},
     .doc = "Globally unique name to use for this connector."},
    {.name = "connector.class", .width = "LONG", .required = true,
     .doc = "Name or alias of the class for this connector. Must be a subclass of "
            "org.apache.kafka.connect.connector.Connector. If the connector is "
            "org.apache.kafka.connect.file.FileStreamSinkConnector, you can either specify "
            "this full name,  or use \"FileStreamSink\" or \"FileStreamSinkConnector\" to make "
            "the configuration a bit shorter"},
    {.name = "connector.plugin.version", .width = "MEDIUM", .rules = {RULE_PLUGIN_VERSION},
     .recommended = "3.6.1.Final",
     .doc = "Version of the connector."},
    {.name = "tasks.max", .width = "SHORT", .rules = {RULE_CONNECT_INT, RULE_CONNECT_MIN},
     .doc = "Maximum number of tasks to use for this connector."},
    {.name = "tasks.max.enforce", .width = "SHORT", .rules = {RULE_CONNECT_BOOL},
     .doc = "(Deprecated) Whether to enforce that the tasks.max property is respected by the "
            "connector. By default, connectors that generate too many tasks will fail, and "
            "existing sets of tasks that exceed the tasks.max property will also be failed. If "
            "this property is set to false, then connectors will be allowed to generate more "
            "than the maximum number of tasks, and existing sets of tasks that exceed the "
            "tasks.max property will be allowed to run. This property is deprecated and will "
            "be removed in an upcoming major release."},
    {.name = "key.converter", .of_worker = true, .width = "SHORT", .rules = {RULE_CONNECT_CLASS},
     .recommended = "io.debezium.converters.BinaryDataConverter, "
                    "io.debezium.converters.ByteArrayConverter, "
                    "org.apache.kafka.connect.converters.BooleanConverter, "
                    "org.apache.kafka.connect.converters.ByteArrayConverter, "
                    "org.apache.kafka.connect.converters.DoubleConverter, "
                    "org.apache.kafka.connect.converters.FloatConverter, "
                    "org.apache.kafka.connect.converters.IntegerConverter, "
                    "org.apache.kafka.connect.converters.LongConverter, "
                    "org.apache.kafka.connect.converters.ShortConverter, "
                    "org.apache.kafka.connect.json.JsonConverter, "
                    "org.apache.kafka.connect.storage.StringConverter, "
                    "org.apache.kafka.connect.storage.StringConverter",
     .doc = "Converter class used to convert between Kafka Connect format and the serialized "
            "form that is written to Kafka. This controls the format of the keys in messages "
            "written to or read from Kafka, and since this is independent of connectors it "
            "allows any connector to work with any serialization format. Examples of common "
            "formats include JSON and Avro."},
    {.name = "key.converter.plugin.version", .of_worker = true, .width = "SHORT",
     .recommended = "4.3.0",
     .doc = "Version of the key converter."},
    {.name = "value.converter", .of_worker = true, .width = "SHORT", .rules = {RULE_CONNECT_CLASS},
     .recommended = "io.debezium.converters.BinaryDataConverter, "
                    "io.debezium.converters.ByteArrayConverter, "
                    "org.apache.kafka.connect.converters.BooleanConverter, "
                    "org.apache.kafka.connect.converters.ByteArrayConverter, "
                    "org.apache.kafka.connect.converters.DoubleConverter, "
                    "org.apache.kafka.connect.converters.FloatConverter, "
                    "org.apache.kafka.connect.converters.IntegerConverter, "
                    "org.apache.kafka.connect.converters.LongConverter, "
                    "org.apache.kafka.connect.converters.ShortConverter, "
                    "org.apache.kafka.connect.json.JsonConverter, "
                    "org.apache.kafka.connect.storage.StringConverter, "
                    "org.apache.kafka.connect.storage.StringConverter",
     .doc = "Converter class used to convert between Kafka Connect format and the serialized "
            "form that is written to Kafka. This controls the format of the values in messages "
            "written to or read from Kafka, and since this is independent of connectors it "
            "allows any connector to work with any serialization format. Examples of common "
            "formats include JSON and Avro."},
    {.name = "value.converter.plugin.version", .of_worker = true, .width = "SHORT",
     .recommended = "4.3.0",
     .doc = "Version of the value converter."},
    {.name = "header.converter", .of_worker = true, .width = "SHORT", .rules = {RULE_CONNECT_CLASS},
     .recommended = "io.debezium.converters.BinaryDataConverter, "
                    "io.debezium.converters.ByteArrayConverter, "
                    "org.apache.kafka.connect.converters.BooleanConverter, "
                    "org.apache.kafka.connect.converters.ByteArrayConverter, "
                    "org.apache.kafka.connect.converters.DoubleConverter, "
                    "org.apache.kafka.connect.converters.FloatConverter, "
                    "org.apache.kafka.connect.converters.IntegerConverter, "
                    "org.apache.kafka.connect.converters.LongConverter, "
                    "org.apache.kafka.connect.converters.ShortConverter, "
                    "org.apache.kafka.connect.json.JsonConverter, "
                    "org.apache.kafka.connect.storage.SimpleHeaderConverter, "
                    "org.apache.kafka.connect.storage.SimpleHeaderConverter, "
                    "org.apache.kafka.connect.storage.StringConverter, "
                    "org.apache.kafka.connect.storage.StringConverter",
     .doc = "HeaderConverter class used to convert between Kafka Connect format and the "
            "serialized form that is written to Kafka. This controls the format of the header "
            "values in messages written to or read from Kafka, and since this is independent "
            "of connectors it allows any connector to work with any serialization format. "
            "Examples of common formats include JSON and Avro. By default, the "
            "SimpleHeaderConverter is used to serialize header values to strings and "
            "deserialize them by inferring the schemas."},
    {.name = "header.converter.plugin.version", .of_worker = true, .width = "SHORT",
     .recommended = "4.3.0",
     .doc = "Version of the header converter."},
    {.name = "transforms", .width = "LONG", .order = 12, .def = "", .rules = {RULE_ALIASES},
     .doc = "Aliases for the transformations to be applied to records."},
    {.name = "predicates", .width = "LONG", .order = 13, .def = "", .rules = {RULE_ALIASES},
     .doc = "Aliases for the predicates used by transformations."},
    {.name = "config.action.reload", .trimmed = true, .width = "MEDIUM", .order = 14, .rules = {RULE_CONNECT_CHOICE},
     .with = "none, restart",
     .doc = "The action that Connect should take on the connector when changes in external "
            "configuration providers result in a change in the connector's configuration "
            "properties. A value of 'none' indicates that Connect will do nothing. A value of "
            "'restart' indicates that Connect should restart/reload the connector with the "
            "updated configuration properties.The restart may actually be scheduled in the "
            "future if the external configuration provider indicates that a configuration "
            "value will expire in the future."},
    {.name = "errors.retry.timeout", .width = "MEDIUM", .rules = {RULE_CONNECT_LONG},
     .doc = "The maximum duration in milliseconds that a failed operation will be reattempted. "
            "The default is 0, which means no retries will be attempted. Use -1 for infinite "
            "retries."},
    {.name = "errors.retry.delay.max.ms", .width = "MEDIUM", .rules = {RULE_CONNECT_LONG},
     .doc = "The maximum duration in milliseconds between consecutive retry attempts. Jitter "
            "will be added to the delay once this limit is reached to prevent thundering herd "
            "issues."},
    {.name = "errors.tolerance", .trimmed = true, .width = "SHORT", .rules = {RULE_CONNECT_CHOICE},
     .with = "none, all",
     .doc = "Behavior for tolerating errors during connector operation. 'none' is the default "
            "value and signals that any error will result in an immediate connector task "
            "failure; 'all' changes the behavior to skip over problematic records."},
    {.name = "errors.log.enable", .width = "SHORT", .rules = {RULE_CONNECT_BOOL},
     .doc = "If true, write each error and the details of the failed operation and problematic "
            "record to the Connect application log. This is 'false' by default, so that only "
            "errors that are not tolerated are reported."},
    {.name = "errors.log.include.messages", .width = "SHORT", .rules = {RULE_CONNECT_BOOL},
     .doc = "Whether to include in the log the Connect record that resulted in a failure. For "
            "sink records, the topic, partition, offset, and timestamp will be logged. For "
            "source records, the key and value (and their schemas), all headers, and the "
            "timestamp, Kafka topic, Kafka partition, source partition, and source offset will "
            "be logged. This is 'false' by default, which will prevent record keys, values, "
            "and headers from being written to log files."},
    {.name = "topic.creation.groups", .width = "LONG", .def = "",
     .display = "Topic Creation Groups",
     .doc = "Groups of configurations for topics created by source connectors"},
    {.name = "exactly.once.support", .trimmed = true, .width = "SHORT", .order = 2,
     .rules = {RULE_CONNECT_CHOICE_ANY, RULE_EXACTLY_ONCE}, .with = "REQUIRED, REQUESTED",
     .doc = "Permitted values are requested, required. If set to \"required\", forces a "
            "preflight check for the connector to ensure that it can provide exactly-once "
            "semantics with the given configuration. Some connectors may be capable of "
            "providing exactly-once semantics but not signal to Connect that they support "
            "this; in that case, documentation for the connector should be consulted carefully "
            "before creating it, and the value for this property should be set to "
            "\"requested\". Additionally, if the value is set to \"required\" but the worker "
            "that performs preflight validation does not have exactly-once support enabled for "
            "source connectors, requests to create or validate the connector will fail."},
    {.name = "transaction.boundary", .trimmed = true, .width = "SHORT", .rules = {RULE_CONNECT_CHOICE_ANY},
     .with = "INTERVAL, POLL, CONNECTOR",
     .doc = "Permitted values are: poll, interval, connector. If set to 'poll', a new producer "
            "transaction will be started and committed for every batch of records that each "
            "task from this connector provides to Connect. If set to 'connector', relies on "
            "connector-defined transaction boundaries; note that not all connectors are "
            "capable of defining their own transaction boundaries, and in that case, attempts "
            "to instantiate a connector with this value will fail. Finally, if set to "
            "'interval', commits transactions only after a user-defined time interval has "
            "passed."},
    {.name = "transaction.boundary.interval.ms", .width = "SHORT",
     .rules = {RULE_CONNECT_LONG, RULE_CONNECT_NATURAL},
     .doc = "If 'transaction.boundary' is set to 'interval', determines the interval for "
            "producer transaction commits by connector tasks. If unset, defaults to the value "
            "of the worker-level 'offset.flush.interval.ms' property. It has no effect if a "
            "different transaction.boundary is specified."},
    {.name = "offsets.storage.topic", .width = "LONG", .rules = {RULE_CONNECT_NOT_EMPTY},
     .doc = "The name of a separate offsets topic to use for this connector. If empty or not "
            "specified, the worker’s global offsets topic name will be used. If specified, the "
            "offsets topic will be created if it does not already exist on the Kafka cluster "
            "targeted by this connector (which may be different from the one used for the "
            "worker's global offsets topic if the bootstrap.servers property of the "
            "connector's producer has been overridden from the worker's). Only applicable in "
            "distributed mode; in standalone mode, setting this property will have no effect."},
};
/* clang-format on */

const struct definition_table definitions_worker = {rows, sizeof(rows) / sizeof(rows[0])};
