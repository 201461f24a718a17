/* What `validate` and /connector-plugins say of the properties of Debezium's transformations. See definition.h. */
#include "replicator/rest/definition.h"

/* clang-format off */
static const struct definition decode_logical_decoding_message_content[] = {
    {.name = "fields.null.include", .type = "BOOLEAN", .def = "false", .importance = "MEDIUM",
     .order = 1, .width = "MEDIUM",
     .display = "Defines whether to include fields with null values to the decoded structure",
     .doc = "Defines whether to include fields with null values to the decoded structure"},
};

static const struct definition by_logical_table_router[] = {
    {.name = "topic.regex", .type = "STRING", .importance = "LOW", .order = 1, .width = "LONG",
     .display = "Topic regex",
     .doc = "The regex used for extracting the name of the logical table from the original "
            "topic name."},
    {.name = "topic.replacement", .type = "STRING", .importance = "LOW", .order = 1,
     .width = "LONG", .display = "Topic replacement",
     .doc = "The replacement string used in conjunction with topic.regex. This will be used to "
            "create the new topic name."},
    {.name = "key.enforce.uniqueness", .type = "BOOLEAN", .def = "true", .importance = "LOW",
     .order = 1, .width = "SHORT", .display = "Add source topic name into key",
     .doc = "Augment each record's key with a field denoting the source topic. This field "
            "distinguishes records coming from different physical tables which may otherwise "
            "have primary/unique key conflicts. If the source tables are guaranteed to have "
            "globally unique keys then this may be set to false to disable key rewriting."},
    {.name = "key.field.regex", .type = "STRING", .importance = "LOW", .order = 1, .width = "LONG",
     .display = "Key field regex",
     .doc = "The regex used for extracting the physical table identifier from the original "
            "topic name. Now that multiple physical tables can share a topic, the event's key "
            "may need to be augmented to include fields other than just those for the record's "
            "primary/unique key, since these are not guaranteed to be unique across tables. We "
            "need some identifier added to the key that distinguishes the different physical "
            "tables."},
    {.name = "key.field.replacement", .type = "STRING", .importance = "LOW", .order = 1,
     .width = "LONG", .display = "Key field replacement",
     .doc = "The replacement string used in conjunction with key.field.regex. This will be "
            "used to create the physical table identifier in the record's key."},
    {.name = "logical.table.cache.size", .type = "INT", .def = "16", .importance = "LOW",
     .order = 1, .width = "LONG", .display = "Logical table cache size",
     .doc = "The size used for holding the max entries in LRUCache. The cache will keep the "
            "old/new schema for logical table key and value, also cache the derived key and "
            "topic regex result for improving the source record transformation."},
};

static const struct definition extract_changed_record_state[] = {
    {.name = "header.changed.name", .type = "STRING", .importance = "LOW", .order = 1,
     .width = "LONG", .display = "Header change name.",
     .doc = "Specify the header changed name, default is null which means not send changes to "
            "header."},
    {.name = "header.unchanged.name", .type = "STRING", .importance = "LOW", .order = 1,
     .width = "LONG", .display = "Header unchanged name.",
     .doc = "Specify the header unchanged name of schema, default is null which means not send "
            "changes to header."},
};

static const struct definition extract_new_record_state[] = {
    {.name = "delete.tombstone.handling.mode", .type = "STRING", .rules = {RULE_CONNECT_ONE_OF},
     .with = "drop, tombstone, rewrite-with-tombstone, rewrite, delete-to-tombstone", .def = "tombstone",
     .importance = "MEDIUM", .order = 1, .width = "MEDIUM",
     .display = "Handle delete and tombstone records",
     .doc = "How to handle delete records. Options are: drop - Remove the delete event and "
            "tombstone from the stream.tombstone (default) - For each delete event, leave only "
            "a tombstone in the stream.rewrite - Remove tombstone from the record, and add a "
            "`__deleted` field with the value `true`.rewrite-with-tombstone - Retain tombstone "
            "in record and add a `__deleted` field with the value `true`.delete-to-tombstone - "
            "Convert delete events to tombstone events and drop tombstone events."},
    {.name = "route.by.field", .type = "STRING", .def = "", .importance = "LOW", .order = 1,
     .width = "LONG", .display = "Route by field name",
     .doc = "The column which determines how the events will be routed, the value will replace "
            "the topic name."},
    {.name = "add.fields.prefix", .type = "STRING", .def = "__", .importance = "LOW", .order = 1,
     .width = "SHORT", .display = "Field prefix to be added to each field.",
     .doc = "Adds this prefix to each field listed."},
    {.name = "add.fields", .type = "LIST", .def = "", .importance = "LOW", .order = 1,
     .width = "LONG", .display = "Adds the specified field(s) to the message if they exist.",
     .doc = "Adds each field listed, prefixed with __ (or __<struct>_ if the struct is "
            "specified). Example: 'version,connector,source.ts_ms' would add __version, "
            "__connector and __source_ts_ms fields. Optionally one can also map new field name "
            "like version:VERSION,connector:CONNECTOR,source.ts_ms:EVENT_TIMESTAMP.Please note "
            "that the new field name is case-sensitive."},
    {.name = "add.headers.prefix", .type = "STRING", .def = "__", .importance = "LOW", .order = 1,
     .width = "SHORT", .display = "Header prefix to be added to each header.",
     .doc = "Adds this prefix listed to each header."},
    {.name = "add.headers", .type = "LIST", .def = "", .importance = "LOW", .order = 1,
     .width = "LONG", .display = "Adds the specified fields to the header if they exist.",
     .doc = "Adds each field listed to the header,  __ (or __<struct>_ if the struct is "
            "specified). Example: 'version,connector,source.ts_ms' would add __version, "
            "__connector and __source_ts_ms fields. Optionally one can also map new field name "
            "like version:VERSION,connector:CONNECTOR,source.ts_ms:EVENT_TIMESTAMP.Please note "
            "that the new field name is case-sensitive."},
    {.name = "drop.fields.header.name", .type = "STRING", .importance = "LOW", .order = 1,
     .width = "SHORT",
     .display = "Specifies a header that contains a list of field names to be removed",
     .doc = "Specifies the name of a header that contains a list of fields to be removed from "
            "the event value."},
    {.name = "drop.fields.from.key", .type = "BOOLEAN", .def = "false", .importance = "LOW",
     .order = 1, .width = "SHORT",
     .display = "Specifies whether the fields to be dropped should also be omitted from the key",
     .doc = "Specifies whether to apply the drop fields behavior to the event key as well as "
            "the value. Default behavior is to only remove fields from the event value, not "
            "the key."},
    {.name = "drop.fields.keep.schema.compatible", .type = "BOOLEAN", .def = "true",
     .importance = "LOW", .order = 1, .width = "SHORT",
     .display = "Specifies if fields are dropped, will the event's schemas be compatible",
     .doc = "Controls the output event's schema compatibility when using the drop fields "
            "feature. `true`: dropped fields are removed if the schema indicates its optional "
            "leaving the schemas unchanged, `false`: dropped fields are removed from the "
            "key/value schemas, regardless of optionality."},
};

static const struct definition header_to_value[] = {
    {.name = "headers", .type = "LIST", .importance = "HIGH", .order = 1, .width = "NONE",
     .display = "Header names list",
     .doc = "Header names in the record whose values are to be copied or moved to record value."},
    {.name = "fields", .type = "LIST", .importance = "HIGH", .order = 1, .width = "NONE",
     .display = "Field names list",
     .doc = "Field names, in the same order as the header names listed in the headers "
            "configuration property. Supports Struct nesting using dot notation."},
    {.name = "operation", .type = "STRING", .importance = "HIGH", .order = 1, .width = "NONE",
     .display = "Operation: mover or copy",
     .doc = "Either <code>move</code> if the fields are to be moved to the value (removed from "
            "the headers), or <code>copy</code> if the fields are to be copied to the value "
            "(retained in the headers)."},
};

static const struct definition timezone_converter[] = {
    {.name = "converted.timezone", .type = "STRING", .importance = "HIGH", .order = 1,
     .width = "MEDIUM", .display = "Converted Timezone",
     .doc = "A string that represents the timezone to which the time-based fields should be "
            "converted.The format can be geographic (e.g. America/Los_Angeles), or it can be a "
            "UTC offset in the format of +/-hh:mm, (e.g. +08:00)."},
    {.name = "include.list", .type = "LIST", .importance = "HIGH", .order = 1, .width = "MEDIUM",
     .display = "Include List",
     .doc = "A comma-separated list of rules that specify what events should be evaluated for "
            "timezone conversion, using one of the following formats: `source:<tablename>`:: "
            "Matches only Debezium change events with a source information block with the "
            "specified table name. All time-based fields will be converted. "
            "`source:<tablename>:<fieldname>`:: Matches only Debezium change events with a "
            "source information with the specified table name. Only the specified field name "
            "will be converted. `topic:<topicname>`:: Matches the specified topic name, "
            "converting all time-based fields. `topic:<topicname>:<fieldname>`:: Matches the "
            "specified topic name, converting only the specified field name. "
            "`<matchname>:<fieldname>`:: Uses a heuristic matching algorithm to matches the "
            "source information block table name if the source information block exists, "
            "otherwise matches against the topic name. The conversion is applied only to to "
            "the specified field name. "},
    {.name = "exclude.list", .type = "LIST", .importance = "HIGH", .order = 1, .width = "MEDIUM",
     .display = "Exclude List",
     .doc = "A comma-separated list of rules that specify what events should be excluded from "
            "timezone conversion, using one of the following formats: `source:<tablename>`:: "
            "Matches only Debezium change events with a source information block with the "
            "specified table name. All time-based fields will be excluded. "
            "`source:<tablename>:<fieldnames>`:: Matches only Debezium change events with a "
            "source information with the specified table name. Only the specified field name "
            "will be excluded. `topic:<topicname>`:: Matches the specified topic name, "
            "excluding all time-based fields. `topic:<topicname>:<fieldnames>`:: Matches the "
            "specified topic name, excluding only the specified field name. "
            "`<matchname>:<fieldnames>`:: Uses a heuristic matching algorithm to matches the "
            "source information block table name if the source information block exists, "
            "otherwise matches against the topic name. The conversion is applied only to to "
            "the specified field name. "},
};

static const struct definition event_router[] = {
    {.name = "table.field.event.id", .type = "STRING", .def = "id", .importance = "LOW",
     .group = "Table", .order = 1, .width = "MEDIUM", .display = "Event ID Field",
     .doc = "The column which contains the event ID within the outbox table"},
    {.name = "table.field.event.key", .type = "STRING", .def = "aggregateid", .importance = "LOW",
     .group = "Table", .order = 2, .width = "MEDIUM", .display = "Event Key Field",
     .doc = "The column which contains the event key within the outbox table"},
    {.name = "table.field.event.type", .type = "STRING", .def = "type", .importance = "LOW",
     .group = "Table", .order = 3, .width = "MEDIUM", .display = "Event Type Field",
     .doc = "The column which contains the event type within the outbox table"},
    {.name = "table.field.event.payload", .type = "STRING", .def = "payload", .importance = "LOW",
     .group = "Table", .order = 4, .width = "MEDIUM", .display = "Event Payload Field",
     .doc = "The column which contains the event payload within the outbox table"},
    {.name = "table.field.event.timestamp", .type = "STRING", .importance = "MEDIUM",
     .group = "Table", .order = 5, .width = "MEDIUM", .display = "Event Timestamp Field",
     .doc = "Optionally you can override the Kafka message timestamp with a value from a "
            "chosen column, otherwise it'll be the Debezium event processed timestamp."},
    {.name = "table.fields.additional.placement", .type = "LIST", .importance = "HIGH",
     .group = "Table", .order = 6, .width = "MEDIUM",
     .display = "Settings for each additional column in the outbox table",
     .doc = "Extra fields can be added as part of the event envelope or a message header, "
            "format is a list of colon-delimited pairs or trios when you desire to have "
            "aliases, e.g. "
            "<code>id:header,field_name:envelope:alias,field_name:partition</code> "},
    {.name = "table.field.additional.missing", .type = "STRING", .def = "error",
     .importance = "MEDIUM", .group = "Table", .order = 7, .width = "MEDIUM",
     .display = "Behavior when an additional field is missing in the change data",
     .doc = "When transforming the 'table.fields.additional.placement' fields, defines the "
            "behavior when one of the configured fields is missing in the change data. 'error' "
            "(default) will throw an exception; 'ignore' will silently skip the missing field."},
    {.name = "table.field.event.schema.version", .type = "STRING", .importance = "LOW",
     .group = "Table", .order = 8, .width = "MEDIUM", .display = "Event Schema Version Field",
     .doc = "The column which contains the event schema version within the outbox table"},
    {.name = "table.op.invalid.behavior", .type = "STRING", .def = "warn", .importance = "MEDIUM",
     .group = "Table", .order = 9, .width = "MEDIUM",
     .display = "Behavior when capturing an unexpected outbox event",
     .doc = "While Debezium is capturing changes from the outbox table, it is expecting only "
            "to process 'create' or 'delete' row events; in case something else is processed "
            "this transform can log it as warning, error or stop the process."},
    {.name = "table.expand.json.payload", .type = "BOOLEAN", .def = "false", .importance = "MEDIUM",
     .group = "Table", .order = 10, .width = "MEDIUM",
     .display = "Expand Payload escaped string as real JSON",
     .doc = "Whether or not to try unescaping a JSON string and make it real JSON. It will "
            "infer schema information from payload and update the record schema accordingly. "
            "If content is not JSON, it just produces a warning and emits the record unchanged"},
    {.name = "table.json.payload.null.behavior", .type = "STRING", .def = "ignore",
     .importance = "MEDIUM", .group = "Table", .order = 11, .width = "MEDIUM",
     .display = "Behavior when json payload including null value",
     .doc = "Behavior when json payload including null value, the default will ignore null, "
            "optional_bytes will keep the null value, and treat null as optional bytes of "
            "connect."},
    {.name = "route.by.field", .type = "STRING", .def = "aggregatetype", .importance = "HIGH",
     .group = "Router", .order = 1, .width = "MEDIUM", .display = "Field to route events by",
     .doc = "The column which determines how the events will be routed, the value will become "
            "part of the topic name"},
    {.name = "route.topic.regex", .type = "STRING", .def = "(?<routedByValue>.*)",
     .importance = "LOW", .group = "Router", .order = 2, .width = "MEDIUM",
     .display = "The name of the routed topic",
     .doc = "The default regex to use within the RegexRouter, the default capture will allow "
            "to replace the routed field into a new topic name defined in "
            "'route.topic.replacement'"},
    {.name = "route.topic.replacement", .type = "STRING", .def = "outbox.event.${routedByValue}",
     .importance = "HIGH", .group = "Router", .order = 3, .width = "MEDIUM",
     .display = "The name of the routed topic",
     .doc = "The name of the topic in which the events will be routed, a replacement "
            "'${routedByValue}' is available which is the value of The column configured via "
            "'route.by.field'"},
    {.name = "route.tombstone.on.empty.payload", .type = "BOOLEAN", .def = "false",
     .importance = "HIGH", .group = "Router", .order = 4, .width = "MEDIUM",
     .display = "Empty payloads cause a tombstone message",
     .doc = "Whether or not an empty payload should cause a tombstone event."},
    {.name = "tracing.span.context.field", .type = "STRING", .def = "tracingspancontext",
     .importance = "HIGH", .group = "Tracing", .order = 1, .width = "MEDIUM",
     .display = "Serialized tracing span context field",
     .doc = "The name of the field containing java.util.Properties representation of "
            "serialized span context. Defaults to 'tracingspancontext'"},
    {.name = "tracing.operation.name", .type = "STRING", .def = "debezium-read",
     .importance = "HIGH", .group = "Tracing", .order = 2, .width = "MEDIUM",
     .display = "Tracing operation name",
     .doc = "The operation name representing Debezium processing span. Default is "
            "'debezium-read'"},
    {.name = "tracing.with.context.field.only", .type = "BOOLEAN", .def = "false",
     .importance = "HIGH", .group = "Tracing", .order = 3, .width = "MEDIUM",
     .display = "Trace only events with context field present",
     .doc = "Set to `true` when only events that have serialized context field should be "
            "traced."},
};

static const struct definition partition_routing[] = {
    {.name = "partition.payload.fields", .type = "LIST", .importance = "HIGH",
     .group = "partitions", .order = 1, .width = "NONE",
     .display = "List of payload fields to use for compute partition.",
     .doc = "Payload fields to use to calculate the partition. Supports Struct nesting using "
            "dot notation.To access fields related to data collections, you can use: after, "
            "before or change, where 'change' is a special field that will automatically "
            "choose, based on operation, the 'after' or 'before'. If a field not exist for the "
            "current record it will simply not usede.g. after.name,source.table,change.name"},
    {.name = "partition.topic.num", .type = "INT", .importance = "HIGH", .group = "partitions",
     .order = 2, .width = "NONE", .display = "Number of partition configured for topic",
     .doc = "Number of partition for the topic on which this SMT act. Use TopicNameMatches "
            "predicate to filter records by topic"},
    {.name = "partition.hash.function", .type = "STRING", .def = "java", .importance = "LOW",
     .group = "partitions", .order = 3, .width = "NONE", .display = "Hash function",
     .doc = "Hash function to be used when computing hash of the fields which would determine "
            "number of the destination partition."},
};

static const struct definition content_based_router[] = {
    {.name = "language", .type = "STRING", .importance = "HIGH", .order = 1, .width = "MEDIUM",
     .display = "Expression language", .required = true,
     .doc = "An expression language used to evaluate the expression. Must begin with 'jsr223.', e.g. "
            "'jsr223.groovy' or 'jsr223.graal.js'."},
    {.name = "topic.expression", .type = "STRING", .importance = "HIGH", .order = 2, .width = "MEDIUM",
     .display = "Topic name expression", .required = true,
     .doc = "An expression determining the new name of the topic the record should use. When null the "
            "record is delivered to the original topic."},
    {.name = "null.handling.mode", .type = "STRING", .def = "keep", .importance = "MEDIUM", .order = 3,
     .width = "LONG", .display = "Handle null records",
     .doc = "How to handle records with null value. Options are: keep - records are passed (the "
            "default), drop - records are removed, evaluate - the null records are passed for "
            "evaluation."},
    {.name = "topic.regex", .type = "STRING", .importance = "MEDIUM", .order = 4, .width = "LONG",
     .display = "Topic regex",
     .doc = "A regex used for selecting the topic(s) to which this transformation should be applied."},
};

static const struct definition filter[] = {
    {.name = "language", .type = "STRING", .importance = "HIGH", .order = 1, .width = "MEDIUM",
     .display = "Expression language", .required = true,
     .doc = "An expression language used to evaluate the expression. Must begin with 'jsr223.', e.g. "
            "'jsr223.groovy' or 'jsr223.graal.js'."},
    {.name = "condition", .type = "STRING", .importance = "HIGH", .order = 2, .width = "MEDIUM",
     .display = "Filtering condition", .required = true,
     .doc = "An expression: records for which it is true are passed on, others are left out."},
    {.name = "null.handling.mode", .type = "STRING", .def = "keep", .importance = "MEDIUM", .order = 3,
     .width = "LONG", .display = "Handle null records",
     .doc = "How to handle records with null value. Options are: keep - records are passed (the "
            "default), drop - records are removed, evaluate - the null records are passed for "
            "evaluation."},
    {.name = "topic.regex", .type = "STRING", .importance = "MEDIUM", .order = 4, .width = "LONG",
     .display = "Topic regex",
     .doc = "A regex used for selecting the topic(s) to which this transformation should be applied."},
};

/* clang-format on */

#define TABLE(t)                                                                                   \
    {                                                                                              \
        t, sizeof(t) / sizeof((t)[0])                                                              \
    }

const struct plugin plugins_debezium[] = {
    {"io.debezium.connector.postgresql.transforms.DecodeLogicalDecodingMessageContent",
     PLUGIN_TRANSFORMATION, "3.6.1.Final", TABLE(decode_logical_decoding_message_content)},
    {"io.debezium.transforms.ByLogicalTableRouter", PLUGIN_TRANSFORMATION, "3.6.1.Final",
     TABLE(by_logical_table_router)},
    {"io.debezium.transforms.ContentBasedRouter", PLUGIN_TRANSFORMATION, "3.6.1.Final",
     TABLE(content_based_router)},
    {"io.debezium.transforms.ExtractChangedRecordState", PLUGIN_TRANSFORMATION, "3.6.1.Final",
     TABLE(extract_changed_record_state)},
    {"io.debezium.transforms.ExtractNewRecordState", PLUGIN_TRANSFORMATION, "3.6.1.Final",
     TABLE(extract_new_record_state)},
    {"io.debezium.transforms.Filter", PLUGIN_TRANSFORMATION, "3.6.1.Final", TABLE(filter)},
    {"io.debezium.transforms.HeaderToValue", PLUGIN_TRANSFORMATION, "3.6.1.Final",
     TABLE(header_to_value)},
    {"io.debezium.transforms.TimezoneConverter", PLUGIN_TRANSFORMATION, "3.6.1.Final",
     TABLE(timezone_converter)},
    {"io.debezium.transforms.outbox.EventRouter", PLUGIN_TRANSFORMATION, "3.6.1.Final",
     TABLE(event_router)},
    {"io.debezium.transforms.partitions.PartitionRouting", PLUGIN_TRANSFORMATION, "3.6.1.Final",
     TABLE(partition_routing)},
};
const size_t plugins_debezium_n = sizeof(plugins_debezium) / sizeof(plugins_debezium[0]);
