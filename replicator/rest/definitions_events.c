/* What `validate` says of each property: Debezium's group "Events". See definition.h. */
#include "replicator/rest/definition.h"

/* clang-format off */
static const struct definition rows[] = {
    {.name = "converters", .width = "MEDIUM",
     .doc = "Optional list of custom converters that would be used instead of default ones. "
            "The converters are defined using '<converter.prefix>.type' config option and "
            "configured using options '<converter.prefix>.<option>'"},
    {.name = "post.processors", .width = "MEDIUM",
     .doc = "Optional list of post processors. The processors are defined using "
            "'<post.processor.prefix>.type' config option and configured using options "
            "'<post.processor.prefix.<option>'"},
    {.name = "tombstones.on.delete", .width = "SHORT", .rules = {RULE_BOOL, RULE_BOOL},
     .doc = "Whether delete operations should be represented by a delete event and a "
            "subsequent tombstone event (true) or only by a delete event (false). Emitting the "
            "tombstone event (the default behavior) allows Kafka to completely delete all "
            "events pertaining to the given key once the source record got deleted."},
    {.name = "heartbeat.interval.ms", .width = "MEDIUM", .rules = {RULE_INT, RULE_NAT_INT},
     .doc = "Length of an interval in milli-seconds in in which the connector periodically "
            "sends heartbeat messages to a heartbeat topic. Use 0 to disable heartbeat "
            "messages. Disabled by default."},
    {.name = "heartbeat.topics.prefix", .width = "MEDIUM",
     .doc = "The prefix that is used to name heartbeat topics.Defaults to __debezium-heartbeat."},
    {.name = "signal.data.collection", .width = "MEDIUM",
     .doc = "The name of the data collection that is used to send signals/commands to "
            "Debezium. For multi-partition mode connectors, multiple signal data collections "
            "can be specified as a comma-separated list. Signaling is disabled when not set."},
    {.name = "signal.poll.interval.ms", .width = "SHORT", .rules = {RULE_LONG, RULE_POS_INT},
     .doc = "Interval for looking for new signals in registered channels, given in "
            "milliseconds. Defaults to 5 seconds."},
    {.name = "signal.enabled.channels", .width = "LONG",
     .doc = "List of channels names that are enabled. Source channel is enabled by default"},
    {.name = "topic.naming.strategy", .width = "MEDIUM", .rules = {RULE_CLASS},
     .doc = "The name of the TopicNamingStrategy class that should be used to determine the "
            "topic name for data change, schema change, transaction, heartbeat event etc."},
    {.name = "notification.enabled.channels", .width = "LONG",
     .doc = "List of notification channels names that are enabled."},
    {.name = "notification.sink.topic.name", .width = "LONG", .rules = {RULE_NOTIFICATION_TOPIC},
     .doc = "The name of the topic for the notifications. This is required in case 'sink' is "
            "in the list of enabled channels"},
    {.name = "transaction.metadata.factory", .width = "MEDIUM", .rules = {RULE_CLASS},
     .doc = "Class to make transaction context & transaction struct/schemas"},
    {.name = "custom.metric.tags", .width = "MEDIUM", .rules = {RULE_MAP},
     .doc = "The custom metric tags will accept key-value pairs to customize the MBean object "
            "name which should be appended the end of regular name, each key would represent a "
            "tag for the MBean object name, and the corresponding value would be the value of "
            "that tag the key is. For example: k1=v1,k2=v2"},
    {.name = "column.include.list", .width = "LONG", .rules = {RULE_REGEX_LIST},
     .doc = "Regular expressions matching columns to include in change events"},
    {.name = "column.exclude.list", .width = "LONG", .rules = {RULE_REGEX_LIST, RULE_EXCLUDES},
     .with = "column.include.list",
     .doc = "Regular expressions matching columns to exclude from change events"},
    {.name = "table.include.list", .width = "LONG", .rules = {RULE_REGEX_LIST},
     .doc = "The tables for which changes are to be captured"},
    {.name = "table.exclude.list", .width = "LONG", .rules = {RULE_REGEX_LIST, RULE_EXCLUDES},
     .with = "table.include.list",
     .doc = "A comma-separated list of regular expressions that match the fully-qualified "
            "names of tables to be excluded from monitoring"},
    {.name = "table.ignore.builtin", .width = "SHORT", .rules = {RULE_BOOL, RULE_BOOL},
     .doc = "Flag specifying whether built-in tables should be ignored."},
    {.name = "schema.include.list", .width = "LONG", .rules = {RULE_REGEX_LIST},
     .dependents = "table.include.list",
     .doc = "The schemas for which events should be captured"},
    {.name = "schema.exclude.list", .width = "LONG", .rules = {RULE_REGEX_LIST, RULE_EXCLUDES},
     .with = "schema.include.list", .hidden = true,
     .doc = "The schemas for which events must not be captured"},
    {.name = "message.key.columns", .width = "LONG", .rules = {RULE_NOT_EMPTY, RULE_KEY_COLUMNS},
     .doc = "A semicolon-separated list of expressions that match fully-qualified tables and "
            "column(s) to be used as message key. Each expression must match the pattern "
            "'<fully-qualified table name>:<key columns>', where the table names could be "
            "defined as (DB_NAME.TABLE_NAME) or (SCHEMA_NAME.TABLE_NAME), depending on the "
            "specific connector, and the key columns are a comma-separated list of columns "
            "representing the custom key. For any table without an explicit key configuration "
            "the table's primary key column(s) will be used as message key. Example: "
            "dbserver1.inventory.orderlines:orderId,orderLineId;dbserver1.inventory.orders:id"},
    {.name = "snapshot.select.statement.overrides", .width = "LONG",
     .doc = " This property contains a comma-separated list of fully-qualified tables "
            "(DB_NAME.TABLE_NAME) or (SCHEMA_NAME.TABLE_NAME), depending on the specific "
            "connectors. Select statements for the individual tables are specified in further "
            "configuration properties, one for each table, identified by the id "
            "'snapshot.select.statement.overrides.[DB_NAME].[TABLE_NAME]' or "
            "'snapshot.select.statement.overrides.[SCHEMA_NAME].[TABLE_NAME]', respectively. "
            "The value of those properties is the select statement to use when retrieving data "
            "from the specific table during snapshotting. A possible use case for large "
            "append-only tables is setting a specific point where to start (resume) "
            "snapshotting, in case a previous snapshotting was interrupted."},
    {.name = "column.mask.hash.([^.]+).with.salt.(.+)",
     .row = "column.mask.hash.<algorithm>.with.salt.<salt>", .width = "LONG",
     .doc = "A comma-separated list of regular expressions matching fully-qualified names of "
            "columns that should be masked by hashing the input. Using the specified hash "
            "algorithms and salt."},
    {.name = "column.mask.with.(d+).chars", .row = "column.mask.with.<n>.chars", .width = "NONE",
     .rules = {RULE_INT},
     .doc = "A comma-separated list of regular expressions matching fully-qualified names of "
            "columns that should be masked with configured amount of asterisk ('*') characters."},
    {.name = "column.truncate.to.(d+).chars", .row = "column.truncate.to.<n>.chars",
     .width = "NONE", .type = "INT", .rules = {RULE_INT, RULE_INT},
     .doc = "A comma-separated list of regular expressions matching fully-qualified names of "
            "columns that should be truncated to the configured amount of characters."},
    {.name = "include.schema.comments", .width = "SHORT", .rules = {RULE_BOOL, RULE_BOOL},
     .doc = "Whether the connector parse table and column's comment to metadata object. Note: "
            "Enable this option will bring the implications on memory usage. The number and "
            "size of ColumnImpl objects is what largely impacts how much memory is consumed by "
            "the Debezium connectors, and adding a String to each of them can potentially be "
            "quite heavy. The default is 'false'."},
    {.name = "column.propagate.source.type", .width = "NONE", .rules = {RULE_REGEX_LIST},
     .doc = "A comma-separated list of regular expressions matching fully-qualified names of "
            "columns that adds the column’s original type and original length as parameters to "
            "the corresponding field schemas in the emitted change records."},
    {.name = "datatype.propagate.source.type", .width = "NONE", .rules = {RULE_REGEX_LIST},
     .doc = "A comma-separated list of regular expressions matching the database-specific data "
            "type names that adds the data type's original type and original length as "
            "parameters to the corresponding field schemas in the emitted change records."},
    {.name = "internal.snapshot.scan.all.columns.force", .width = "SHORT", .rules = {RULE_BOOL},
     .doc = "Restore pre 1.5 behaviour and scan all tables to discover columns. If you are "
            "excluding one table then turning this on may improve performance. If you are "
            "excluding a lot of tables the default behavior should work well."},
    {.name = "snapshot.tables.order.by.row.count", .width = "NONE", .rules = {RULE_CHOICE},
     .recommended = "disabled, ascending, descending",
     .doc = "Controls the order in which tables are processed in the initial snapshot. A "
            "`descending` value will order the tables by row count descending. A `ascending` "
            "value will order the tables by row count ascending. A value of `disabled` (the "
            "default) will disable ordering by row count."},
    {.name = "heartbeat.action.query", .width = "MEDIUM",
     .doc = "The query executed with every heartbeat."},
    {.name = "include.unknown.datatypes", .width = "SHORT", .rules = {RULE_BOOL},
     .doc = "Specify whether the fields of data type not supported by Debezium should be "
            "processed: 'false' (the default) omits the fields; 'true' converts the field into "
            "an implementation dependent binary representation."},
    {.name = "sourceinfo.struct.maker", .width = "MEDIUM", .rules = {RULE_CLASS},
     .doc = "The name of the SourceInfoStructMaker class that returns SourceInfo schema and "
            "struct."},
};
/* clang-format on */

const struct definition_table definitions_events = {rows, sizeof(rows) / sizeof(rows[0])};
