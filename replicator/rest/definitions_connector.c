/* What `validate` says of each property: Debezium's group "Connector". See definition.h. */
#include "replicator/rest/definition.h"

/* clang-format off */
static const struct definition rows[] = {
    {.name = "event.processing.failure.handling.mode", .width = "SHORT", .rules = {RULE_CHOICE},
     .recommended = "warn, fail, ignore, skip",
     .doc = "Specify how failures during processing of events (i.e. when encountering a "
            "corrupted event) should be handled, including: 'fail' (the default) an exception "
            "indicating the problematic event and its position is raised, causing the "
            "connector to be stopped; 'warn' the problematic event and its position will be "
            "logged and the event will be skipped; 'ignore' the problematic event will be "
            "skipped."},
    {.name = "max.batch.size", .width = "SHORT", .rules = {RULE_INT, RULE_POS_INT},
     .doc = "Maximum size of each batch of source records. Defaults to 2048."},
    {.name = "max.queue.size", .width = "SHORT", .rules = {RULE_INT, RULE_QUEUE_POSITIVE, RULE_QUEUE_SIZE},
     .doc = "Maximum size of the queue for change events read from the database log but not "
            "yet recorded or forwarded. Defaults to 8192, and should always be larger than the "
            "maximum batch size."},
    {.name = "poll.interval.ms", .width = "SHORT", .rules = {RULE_LONG, RULE_POS_INT},
     .doc = "Time to wait for new change events to appear after receiving no events, given in "
            "milliseconds. Defaults to 500 ms."},
    {.name = "max.queue.size.in.bytes", .width = "LONG", .rules = {RULE_LONG, RULE_NAT_LONG},
     .doc = "Maximum size of the queue in bytes for change events read from the database log "
            "but not yet recorded or forwarded. Defaults to 0. Mean the feature is not enabled"},
    {.name = "provide.transaction.metadata", .width = "SHORT", .rules = {RULE_BOOL},
     .doc = "Enables transaction metadata extraction together with event counting"},
    {.name = "snapshot.delay.ms", .width = "MEDIUM", .rules = {RULE_LONG, RULE_NAT_LONG},
     .doc = "A delay period before a snapshot will begin, given in milliseconds. Defaults to 0 "
            "ms."},
    {.name = "streaming.delay.ms", .width = "MEDIUM", .rules = {RULE_LONG, RULE_NAT_LONG},
     .doc = "A delay period after the snapshot is completed and the streaming begins, given in "
            "milliseconds. Defaults to 0 ms."},
    {.name = "snapshot.include.collection.list", .width = "LONG", .rules = {RULE_REGEX_LIST},
     .doc = "This setting must be set to specify a list of tables/collections whose snapshot "
            "must be taken on creating or restarting the connector."},
    {.name = "snapshot.fetch.size", .width = "MEDIUM", .rules = {RULE_INT, RULE_NAT_INT},
     .doc = "The maximum number of records that should be loaded into memory while performing "
            "a snapshot."},
    {.name = "snapshot.max.threads", .width = "SHORT", .rules = {RULE_INT, RULE_POS_INT},
     .doc = "The maximum number of threads used to perform the snapshot. Defaults to 1."},
    {.name = "snapshot.max.threads.multiplier", .width = "SHORT", .rules = {RULE_INT, RULE_POS_INT},
     .doc = "The factor used to scale the number of snapshot chunks per table. The default "
            "behavior is to take 'row_count/snapshot.max.threads' to compute the number of "
            "rows per chunks. This may not be ideal for larger tables, and using the "
            "multiplier, the formula is adjusted to increase the number of chunks by using "
            "'row_count/(snapshot.max.threads * snapshot.max.threads.multiplier)."},
    {.name = "legacy.snapshot.max.threads", .width = "SHORT", .rules = {RULE_BOOL},
     .doc = "When enabled, uses the legacy table-per-thread parallel snapshot algorithm. When "
            "set to false (the default), tables are split into chunks and processed across all "
            "snapshot threads, allowing for higher concurrency for snapshots."},
    {.name = "internal.legacy.snapshot.max.threads", .width = "SHORT", .order = 13,
     .no_value = true,
     .doc = "When enabled, uses the legacy table-per-thread parallel snapshot algorithm. When "
            "set to false (the default), tables are split into chunks and processed across all "
            "snapshot threads, allowing for higher concurrency for snapshots."},
    {.name = "snapshot.mode.custom.name", .width = "MEDIUM",
     .doc = "When 'snapshot.mode' is set as custom, this setting must be set to specify a the "
            "name of the custom implementation provided in the 'name()' method. The "
            "implementations must implement the 'Snapshotter' interface and is called on each "
            "app boot to determine whether to do a snapshot."},
    {.name = "snapshot.mode.configuration.based.snapshot.data", .width = "MEDIUM",
     .rules = {RULE_BOOL},
     .doc = "When 'snapshot.mode' is set as configuration_based, this setting permits to "
            "specify whenever the data should be snapshotted or not."},
    {.name = "snapshot.mode.configuration.based.snapshot.schema", .width = "MEDIUM",
     .rules = {RULE_BOOL},
     .doc = "When 'snapshot.mode' is set as configuration_based, this setting permits to "
            "specify whenever the schema should be snapshotted or not."},
    {.name = "snapshot.mode.configuration.based.start.stream", .width = "MEDIUM",
     .rules = {RULE_BOOL},
     .doc = "When 'snapshot.mode' is set as configuration_based, this setting permits to "
            "specify whenever the stream should start or not after snapshot."},
    {.name = "snapshot.mode.configuration.based.snapshot.on.schema.error", .width = "MEDIUM",
     .rules = {RULE_BOOL},
     .doc = "When 'snapshot.mode' is set as configuration_based, this setting permits to "
            "specify whenever the schema should be snapshotted or not in case of error."},
    {.name = "snapshot.mode.configuration.based.snapshot.on.data.error", .width = "MEDIUM",
     .rules = {RULE_BOOL},
     .doc = "When 'snapshot.mode' is set as configuration_based, this setting permits to "
            "specify whenever the data should be snapshotted or not in case of error."},
    {.name = "retriable.restart.connector.wait.ms", .width = "MEDIUM",
     .rules = {RULE_LONG, RULE_POS_LONG},
     .doc = "Time to wait before restarting connector after retriable exception occurs. "
            "Defaults to 10000ms."},
    {.name = "query.fetch.size", .width = "MEDIUM", .rules = {RULE_INT, RULE_NAT_INT},
     .doc = "The maximum number of records that should be loaded into memory while streaming. "
            "A value of '0' uses the default JDBC fetch size."},
    {.name = "errors.max.retries", .width = "MEDIUM", .rules = {RULE_INT, RULE_INT},
     .doc = "The maximum number of retries on connection errors before failing (-1 = no limit, "
            "0 = disabled, > 0 = num of retries)."},
    {.name = "incremental.snapshot.watermarking.strategy", .width = "MEDIUM",
     .def = "INSERT_INSERT", .rules = {RULE_CHOICE},
     .recommended = "insert_delete, insert_insert",
     .doc = "Specify the strategy used for watermarking during an incremental snapshot: "
            "'insert_insert' both open and close signal is written into signal data collection "
            "(default); 'insert_delete' only open signal is written on signal data collection, "
            "the close will delete the relative open signal;"},
    {.name = "internal.log.position.check.enable", .width = "MEDIUM", .rules = {RULE_BOOL},
     .doc = "When enabled the connector checks if the position stored in the offset is still "
            "available in the log"},
    {.name = "internal.advanced.metrics.enable", .width = "MEDIUM", .rules = {RULE_BOOL},
     .doc = "When enabled the connector will emit advanced streaming metrics"},
    {.name = "connection.validation.timeout.ms", .width = "SHORT",
     .rules = {RULE_LONG, RULE_POS_LONG},
     .doc = "The maximum time in milliseconds to wait for connection validation to complete. "
            "Defaults to 60 seconds."},
    {.name = "executor.shutdown.timeout.ms", .width = "MEDIUM", .rules = {RULE_LONG, RULE_POS_LONG},
     .doc = "The maximum time in milliseconds to wait for task executor to shut down."},
    {.name = "openlineage.integration.enabled", .width = "SHORT", .rules = {RULE_BOOL},
     .doc = "Enable Debezium to emit data lineage metadata through OpenLineage API"},
    {.name = "openlineage.integration.config.file.path", .width = "LONG",
     .doc = "Path to OpenLineage file configuration. See "
            "https://openlineage.io/docs/client/java/configuration"},
    {.name = "openlineage.integration.job.namespace", .width = "LONG",
     .doc = "The job's namespace emitted by Debezium"},
    {.name = "openlineage.integration.job.description", .width = "LONG",
     .doc = "The job's description emitted by Debezium"},
    {.name = "openlineage.integration.job.tags", .width = "LONG", .rules = {RULE_MAP},
     .doc = "The job's tags emitted by Debezium. A comma-separated list of key-value pairs.For "
            "example: k1=v1,k2=v2"},
    {.name = "openlineage.integration.job.owners", .width = "LONG", .rules = {RULE_MAP},
     .doc = "The job's owners emitted by Debezium. A comma-separated list of key-value "
            "pairs.For example: k1=v1,k2=v2"},
    {.name = "openlineage.integration.dataset.kafka.bootstrap.servers", .width = "LONG",
     .doc = "The Kafka bootstrap server address used as input/output namespace/"},
    {.name = "extended.headers.enabled", .width = "SHORT", .rules = {RULE_BOOL, RULE_BOOL},
     .doc = "Enable/Disable Debezium context headers that provides essential metadata for "
            "tracking and identifying the source of CDC events in downstream processing "
            "systems."},
    {.name = "guardrail.collections.max", .width = "SHORT", .rules = {RULE_INT, RULE_NAT_INT},
     .doc = "The maximum number of collections or tables that can be captured by the "
            "connector. When this limit is exceeded, the action specified by "
            "'guardrail.collections.limit.action' will be taken. Set to 0 to disable this "
            "guardrail."},
    {.name = "guardrail.collections.limit.action", .width = "SHORT", .rules = {RULE_CHOICE},
     .recommended = "warn, fail",
     .doc = "Specify the action to take when a guardrail collections limit is exceeded: 'warn' "
            "(the default) logs a warning message and continues processing; 'fail' stops the "
            "connector with an error."},
    {.name = "custom.sanitize.pattern", .width = "LONG",
     .doc = "Regular expression identifying configuration keys whose values should be masked. "
            "When set, this custom pattern replaces Debezium’s default password masking "
            "pattern."},
    {.name = "statistics.metrics.enabled", .width = "SHORT", .rules = {RULE_BOOL},
     .doc = "Enable to collect various kind of statistics, like latencies in record "
            "processing, and derived data like quantiles. By default collecting statistics is "
            "enabled."},
    {.name = "decimal.handling.mode", .width = "SHORT", .rules = {RULE_CHOICE},
     .recommended = "string, double, precise",
     .doc = "Specify how DECIMAL and NUMERIC columns should be represented in change events, "
            "including: 'precise' (the default) uses java.math.BigDecimal to represent values, "
            "which are encoded in the change events using a binary representation and Kafka "
            "Connect's 'org.apache.kafka.connect.data.Decimal' type; 'string' uses string to "
            "represent values; 'double' represents values using Java's 'double', which may not "
            "offer the precision but will be far easier to use in consumers."},
    {.name = "time.precision.mode", .width = "SHORT", .rules = {RULE_CHOICE},
     .recommended = "adaptive, adaptive_time_microseconds, isostring, microseconds, "
                    "nanoseconds, connect",
     .doc = "Time, date, and timestamps can be represented with different kinds of precisions, "
            "including: 'adaptive' (the default) bases the precision of time, date, and "
            "timestamp values on the database column's precision; 'adaptive_time_microseconds' "
            "like 'adaptive' mode, but TIME fields always use microseconds precision; "
            "'connect' always represents time, date, and timestamp values using Kafka "
            "Connect's built-in representations for Time, Date, and Timestamp, which uses "
            "millisecond precision regardless of the database columns' precision; 'isostring' "
            "represents time, date, and timestamp values as ISO-8601 formatted strings at the "
            "UTC time zone; 'microseconds' always represents time, date, and timestamp values "
            "using microsecond precision; 'nanoseconds' always represents time, date, and "
            "timestamp values using nanosecond precision."},
    {.name = "snapshot.lock.timeout.ms", .width = "LONG", .rules = {RULE_LONG},
     .doc = "The maximum number of millis to wait for table locks at the beginning of a "
            "snapshot. If locks cannot be acquired in this time frame, the snapshot will be "
            "aborted. Defaults to 10 seconds"},
    {.name = "memory.management.schemas.class", .width = "LONG", .rules = {RULE_CLASS},
     .doc = "The fully-qualified class name of the storage implementation for schema metadata. "
            "The class must implement "
            "io.debezium.relational.TableMappingStorage<io.debezium.relational.TableSchema>. "
            "Defaults to io.debezium.relational.ConcurrentMapTableMappingStorage for in-memory "
            "storage."},
    {.name = "memory.management.tables.class", .width = "LONG", .rules = {RULE_CLASS},
     .doc = "The fully-qualified class name of the storage implementation for table metadata. "
            "The class must implement "
            "io.debezium.relational.TableMappingStorage<io.debezium.relational.Table>. "
            "Defaults to io.debezium.relational.ConcurrentMapTableMappingStorage for in-memory "
            "storage."},
    {.name = "snapshot.mode", .width = "SHORT", .rules = {RULE_CHOICE},
     .recommended = "always, initial_only, configuration_based, when_needed, initial, custom, "
                    "no_data",
     .doc = "The criteria for running a snapshot upon startup of the connector. Select one of "
            "the following snapshot options: 'always': The connector runs a snapshot every "
            "time that it starts. After the snapshot completes, the connector begins to stream "
            "changes from the transaction log.; 'initial' (default): If the connector does not "
            "detect any offsets for the logical server name, it runs a snapshot that captures "
            "the current full state of the configured tables. After the snapshot completes, "
            "the connector begins to stream changes from the transaction log. 'initial_only': "
            "The connector performs a snapshot as it does for the 'initial' option, but after "
            "the connector completes the snapshot, it stops, and does not stream changes from "
            "the transaction log.; 'never': The connector does not run a snapshot. Upon first "
            "startup, the connector immediately begins reading from the beginning of the "
            "transaction log. 'exported': This option is deprecated; use 'initial' instead.; "
            "'custom': The connector loads a custom class  to specify how the connector "
            "performs snapshots. For more information, see Custom snapshotter SPI in the "
            "PostgreSQL connector documentation."},
    {.name = "snapshot.isolation.mode", .width = "SHORT", .rules = {RULE_CHOICE},
     .recommended = "read_uncommitted, repeatable_read, read_committed, serializable",
     .doc = "Controls which transaction isolation level is used. The default is "
            "'serializable', which means that serializable isolation level is used. When "
            "'repeatable_read' is specified, connector runs the initial snapshot in REPEATABLE "
            "READ isolation level. When 'read_committed' is specified, connector runs the "
            "initial snapshot in READ COMMITTED isolation level. In 'read_uncommitted' is "
            "specified, connector runs the initial snapshot in READ UNCOMMITTED isolation "
            "level."},
    {.name = "snapshot.query.mode", .width = "SHORT", .rules = {RULE_CHOICE},
     .recommended = "custom, select_all",
     .doc = "Controls query used during the snapshot"},
    {.name = "snapshot.query.mode.custom.name", .width = "MEDIUM",
     .doc = "When 'snapshot.query.mode' is set as custom, this setting must be set to specify "
            "a the name of the custom implementation provided in the 'name()' method. The "
            "implementations must implement the 'SnapshotterQuery' interface and is called to "
            "determine how to build queries during snapshot."},
    {.name = "snapshot.locking.mode.custom.name", .width = "MEDIUM",
     .doc = "When 'snapshot.locking.mode' is set as custom, this setting must be set to "
            "specify a the name of the custom implementation provided in the 'name()' method. "
            "The implementations must implement the 'SnapshotterLocking' interface and is "
            "called to determine how to lock tables during schema snapshot."},
    {.name = "snapshot.locking.mode", .width = "SHORT", .rules = {RULE_CHOICE},
     .recommended = "shared, custom, none",
     .doc = "Controls how the connector holds locks on tables while performing the schema "
            "snapshot. The 'shared' which means the connector will hold a table lock that "
            "prevents exclusive table access for just the initial portion of the snapshot "
            "while the database schemas and other metadata are being read. The remaining work "
            "in a snapshot involves selecting all rows from each table, and this is done using "
            "a flashback query that requires no locks. However, in some cases it may be "
            "desirable to avoid locks entirely which can be done by specifying 'none'. This "
            "mode is only safe to use if no schema changes are happening while the snapshot is "
            "taken."},
    {.name = "hstore.handling.mode", .width = "MEDIUM", .rules = {RULE_CHOICE},
     .recommended = "json, map",
     .doc = "Specify how HSTORE columns should be represented in change events, including: "
            "'json' represents values as string-ified JSON (default); 'map' represents values "
            "as a key/value map"},
    {.name = "binary.handling.mode", .width = "MEDIUM", .rules = {RULE_CHOICE},
     .recommended = "bytes, base64, hex, base64-url-safe",
     .doc = "Specify how binary (blob, binary, etc.) columns should be represented in change "
            "events, including: 'bytes' represents binary data as byte array (default); "
            "'base64' represents binary data as base64-encoded string; 'base64-url-safe' "
            "represents binary data as base64-url-safe-encoded string; 'hex' represents binary "
            "data as hex-encoded (base16) string"},
    {.name = "schema.name.adjustment.mode", .width = "MEDIUM", .rules = {RULE_CHOICE},
     .recommended = "none, avro_unicode, avro",
     .doc = "Specify how schema names should be adjusted for compatibility with the message "
            "converter used by the connector, including: 'avro' replaces the characters that "
            "cannot be used in the Avro type name with underscore; 'avro_unicode' replaces the "
            "underscore or characters that cannot be used in the Avro type name with "
            "corresponding unicode like _uxxxx. Note: _ is an escape sequence like backslash "
            "in Java;'none' does not apply any adjustment (default)"},
    {.name = "interval.handling.mode", .width = "MEDIUM", .rules = {RULE_CHOICE},
     .recommended = "string, numeric",
     .doc = "Specify how INTERVAL columns should be represented in change events, including: "
            "'string' represents values as an exact ISO formatted string; 'numeric' (default) "
            "represents values using the inexact conversion into microseconds"},
    {.name = "schema.refresh.mode", .width = "SHORT", .rules = {RULE_CHOICE},
     .recommended = "columns_diff, columns_diff_exclude_unchanged_toast",
     .doc = "Specify the conditions that trigger a refresh of the in-memory schema for a "
            "table. 'columns_diff' (the default) is the safest mode, ensuring the in-memory "
            "schema stays in-sync with the database table's schema at all times. "
            "'columns_diff_exclude_unchanged_toast' instructs the connector to refresh the "
            "in-memory schema cache if there is a discrepancy between it and the schema "
            "derived from the incoming message, unless unchanged TOASTable data fully accounts "
            "for the discrepancy. This setting can improve connector performance significantly "
            "if there are frequently-updated tables that have TOASTed data that are rarely "
            "part of these updates. However, it is possible for the in-memory schema to become "
            "outdated if TOASTable columns are dropped from the table."},
    {.name = "incremental.snapshot.chunk.size", .width = "MEDIUM",
     .rules = {RULE_INT, RULE_NAT_INT},
     .doc = "The maximum size of chunk (number of documents/rows) for incremental snapshotting"},
    {.name = "unavailable.value.placeholder", .width = "MEDIUM",
     .doc = "Specify the constant that will be provided by Debezium to indicate that the "
            "original value is a toasted value not provided by the database. If starts with "
            "'hex:' prefix it is expected that the rest of the string represents hexadecimal "
            "encoded octets."},
    {.name = "message.prefix.include.list", .width = "LONG", .rules = {RULE_REGEX_LIST},
     .doc = "A comma-separated list of regular expressions that match the logical decoding "
            "message prefixes to be monitored. All prefixes are monitored by default."},
    {.name = "message.prefix.exclude.list", .width = "LONG",
     .rules = {RULE_REGEX_LIST, RULE_EXCLUDES}, .with = "message.prefix.include.list",
     .doc = "A comma-separated list of regular expressions that match the logical decoding "
            "message prefixes to be excluded from monitoring."},
    {.name = "publish.via.partition.root", .width = "SHORT", .rules = {RULE_BOOL, RULE_BOOL},
     .doc = "A boolean that determines whether the connector should publish changes via the "
            "partition root. When true, changes are published through partition root. When "
            "false, changes are published directly."},
};
/* clang-format on */

const struct definition_table definitions_connector = {rows, sizeof(rows) / sizeof(rows[0])};
