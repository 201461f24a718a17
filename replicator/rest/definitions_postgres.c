/* What `validate` says of each property: the connection, slot and publication (Debezium's group "Postgres"). See definition.h. */
#include "replicator/rest/definition.h"

/* clang-format off */
static const struct definition rows[] = {
    {.name = "topic.prefix", .width = "MEDIUM", .rules = {RULE_REQUIRED, RULE_TOPIC_PREFIX},
     .doc = "Topic prefix that identifies and provides a namespace for the particular database "
            "server/cluster is capturing changes. The topic prefix should be unique across all "
            "other connectors, since it is used as a prefix for all Kafka topic names that "
            "receive events emitted by this connector. Only alphanumeric characters, hyphens, "
            "dots and underscores must be accepted."},
    {.name = "database.hostname", .width = "MEDIUM", .rules = {RULE_REQUIRED, RULE_HOST},
     .doc = "Resolvable hostname or IP address of the database server."},
    {.name = "database.port", .width = "SHORT", .rules = {RULE_INT, RULE_INT},
     .doc = "Port of the database server."},
    {.name = "database.user", .width = "SHORT", .rules = {RULE_REQUIRED},
     .doc = "Name of the database user to be used when connecting to the database."},
    {.name = "database.password", .width = "SHORT",
     .doc = "Password of the database user to be used when connecting to the database."},
    {.name = "database.dbname", .width = "MEDIUM", .rules = {RULE_REQUIRED},
     .doc = "The name of the database from which the connector should capture changes"},
    {.name = "database.query.timeout.ms", .width = "NONE", .rules = {RULE_INT},
     .doc = "Time to wait for a query to execute, given in milliseconds. Defaults to 600 "
            "seconds (600,000 ms); zero means there is no limit."},
    {.name = "plugin.name", .width = "MEDIUM", .def = "decoderbufs", .rules = {RULE_CHOICE},
     /* What the database services' Debezium 1 had besides; wal2json alone is refused, as recorded. */
     .with = "decoderbufs,pgoutput,wal2json_streaming,wal2json_rds,wal2json_rds_streaming",
     .recommended = "decoderbufs, pgoutput",
     .doc = "The name of the Postgres logical decoding plugin installed on the server. "
            "Supported values are 'decoderbufs' and 'pgoutput'. Defaults to 'decoderbufs'."},
    {.name = "slot.name", .width = "MEDIUM", .rules = {RULE_SLOT},
     .doc = "The name of the Postgres logical decoding slot created for streaming changes from "
            "a plugin. Defaults to 'debezium"},
    {.name = "publication.name", .width = "MEDIUM",
     .doc = "The name of the Postgres 10+ publication used for streaming changes from a "
            "plugin. Defaults to 'dbz_publication'"},
    {.name = "publication.autocreate.mode", .width = "MEDIUM", .rules = {RULE_CHOICE},
     .recommended = "no_tables, filtered, disabled, all_tables",
     .doc = "Applies only when streaming changes using pgoutput.Determine how creation of a "
            "publication should work, the default is all_tables.DISABLED - The connector will "
            "not attempt to create a publication at all. The expectation is that the user has "
            "created the publication up-front. If the publication isn't found to exist upon "
            "startup, the connector will throw an exception and stop.ALL_TABLES - If no "
            "publication exists, the connector will create a new publication for all tables. "
            "Note this requires that the configured user has access. If the publication "
            "already exists, it will be used. i.e CREATE PUBLICATION <publication_name> FOR "
            "ALL TABLES;FILTERED - If no publication exists, the connector will create a new "
            "publication for all those tables matchingthe current filter configuration (see "
            "table/database include/exclude list properties). If the publication already "
            "exists, it will be used. i.e CREATE PUBLICATION <publication_name> FOR TABLE "
            "<tbl1, tbl2, etc>"},
    {.name = "replica.identity.autoset.values", .width = "LONG",
     .rules = {RULE_NOT_EMPTY, RULE_IDENTITY},
     .doc = "Applies only when streaming changes using pgoutput.Determines the value for "
            "Replica Identity at table level. This option will overwrite the existing value in "
            "databaseA comma-separated list of regular expressions that match fully-qualified "
            "tables and Replica Identity value to be used in the table. Each expression must "
            "match the pattern '<fully-qualified table name>:<replica identity>', where the "
            "table names could be defined as (SCHEMA_NAME.TABLE_NAME), and the replica "
            "identity values are: DEFAULT - Records the old values of the columns of the "
            "primary key, if any. This is the default for non-system tables.INDEX index_name - "
            "Records the old values of the columns covered by the named index, that must be "
            "unique, not partial, not deferrable, and include only columns marked NOT NULL. If "
            "this index is dropped, the behavior is the same as NOTHING.FULL - Records the old "
            "values of all columns in the row.NOTHING - Records no information about the old "
            "row. This is the default for system tables."},
    {.name = "slot.drop.on.stop", .width = "NONE", .rules = {RULE_BOOL},
     .doc = "Whether or not to drop the logical replication slot when the connector finishes "
            "orderly. By default the replication is kept so that on restart progress can "
            "resume from the last recorded location"},
    {.name = "slot.failover", .width = "NONE", .rules = {RULE_BOOL},
     .doc = "Whether or not to create a failover slot. This is only supported when connecting "
            "to a primary server of a Postgres cluster, version 17 or newer. When not "
            "specified, or when not connecting to a Postgres 17+ primary, no failover slot "
            "will be created."},
    {.name = "slot.stream.params", .width = "LONG",
     .doc = "Any optional parameters used by logical decoding plugin. Semi-colon separated. "
            "E.g. 'add-tables=public.table,public.table2;include-lsn=true'"},
    {.name = "database.initial.statements", .width = "LONG",
     .doc = "A semicolon separated list of SQL statements to be executed when a JDBC "
            "connection to the database is established. Note that the connector may establish "
            "JDBC connections at its own discretion, so this should typically be used for "
            "configuration of session parameters only, but not for executing DML statements. "
            "Use doubled semicolon (';;') to use a semicolon as a character and not as a "
            "delimiter."},
    {.name = "database.sslmode", .width = "MEDIUM", .rules = {RULE_CHOICE},
     .recommended = "allow, prefer, disable, verify-ca, require, verify-full",
     .doc = "Whether to use an encrypted connection to Postgres. Options include: 'disable' "
            "(the default) to use an unencrypted connection; 'allow' to try and use an "
            "unencrypted connection first and, failing that, a secure (encrypted) connection; "
            "'prefer' (the default) to try and use a secure (encrypted) connection first and, "
            "failing that, an unencrypted connection; 'require' to use a secure (encrypted) "
            "connection, and fail if one cannot be established; 'verify-ca' like 'required' "
            "but additionally verify the server TLS certificate against the configured "
            "Certificate Authority (CA) certificates, or fail if no valid matching CA "
            "certificates are found; or 'verify-full' like 'verify-ca' but additionally verify "
            "that the server certificate matches the host to which the connection is attempted."},
    {.name = "database.sslcert", .width = "LONG",
     .doc = "File containing the SSL Certificate for the client. See the Postgres SSL docs for "
            "further information"},
    {.name = "database.sslpassword", .width = "MEDIUM",
     .doc = "Password to access the client private key from the file specified by "
            "'database.sslkey'. See the Postgres SSL docs for further information"},
    {.name = "database.sslrootcert", .width = "LONG",
     .doc = "File containing the root certificate(s) against which the server is validated. "
            "See the Postgres JDBC SSL docs for further information"},
    {.name = "database.sslkey", .width = "LONG",
     .doc = "File containing the SSL private key for the client. See the Postgres SSL docs for "
            "further information"},
    {.name = "slot.max.retries", .width = "NONE", .rules = {RULE_INT, RULE_INT},
     .doc = "How many times to retry connecting to a replication slot when an attempt fails."},
    {.name = "slot.retry.delay.ms", .width = "NONE", .rules = {RULE_LONG, RULE_INT},
     .doc = "Time to wait between retry attempts when the connector fails to connect to a "
            "replication slot, given in milliseconds. Defaults to 10 seconds (10,000 ms)."},
    {.name = "database.sslfactory", .width = "LONG",
     .doc = "A name of class to that creates SSL Sockets. Use "
            "org.postgresql.ssl.NonValidatingFactory to disable SSL validation in development "
            "environments"},
    {.name = "status.update.interval.ms", .width = "SHORT", .rules = {RULE_INT, RULE_POS_INT},
     .doc = "Frequency for sending replication connection status updates to the server, given "
            "in milliseconds. Defaults to 10 seconds (10,000 ms)."},
    {.name = "lsn.flush.timeout.ms", .width = "SHORT", .rules = {RULE_LONG, RULE_POS_INT},
     .doc = "Maximum time in milliseconds to wait for LSN flush operation to complete. If the "
            "flush operation does not complete within this timeout, the action specified by "
            "lsn.flush.timeout.action will be taken. Defaults to 30 seconds."},
    {.name = "lsn.flush.timeout.action", .width = "MEDIUM", .rules = {RULE_CHOICE},
     .recommended = "fail, warn, ignore",
     .doc = "Action to take when an LSN flush timeout occurs. Options include: 'fail' "
            "(default) to fail the connector; 'warn' to log a warning and continue processing; "
            "'ignore' to continue processing and ignore the timeout."},
    {.name = "database.tcpKeepAlive", .width = "SHORT", .rules = {RULE_BOOL, RULE_BOOL},
     .doc = "Enable or disable TCP keep-alive probe to avoid dropping TCP connection"},
    {.name = "xmin.fetch.interval.ms", .width = "SHORT", .rules = {RULE_LONG, RULE_NAT_LONG},
     .doc = "Specify how often (in ms) the xmin will be fetched from the replication slot. "
            "This xmin value is exposed by the slot which gives a lower bound of where a new "
            "replication slot could start from. The lower the value, the more likely this "
            "value is to be the current 'true' value, but the bigger the performance cost. The "
            "bigger the value, the less likely this value is to be the current 'true' value, "
            "but the lower the performance penalty. The default is set to 0 ms, which disables "
            "tracking xmin."},
    {.name = "skipped.operations", .width = "SHORT", .rules = {RULE_OPERATIONS},
     .doc = "The comma-separated list of operations to skip during streaming, defined as: 'c' "
            "for inserts/create; 'u' for updates; 'd' for deletes, 't' for truncates, and "
            "'none' to indicate nothing skipped. By default, only truncate operations will be "
            "skipped."},
    {.name = "lsn.flush.mode", .width = "SHORT", .rules = {RULE_CHOICE},
     .recommended = "connector_and_driver, connector, manual",
     .doc = "Determines the LSN flushing strategy. Options include: 'connector' (default) for "
            "Debezium managed LSN flushing (replaces deprecated flush.lsn.source=true); "
            "'manual' for externally managed LSN flushing (replaces deprecated "
            "flush.lsn.source=false); 'connector_and_driver' for Debezium managed LSN flushing "
            "with the pgjdbc driver flushing unmonitored LSNsusing server keepalive LSN, which "
            "prevents WAL growth on low-activity databases."},
    {.name = "flush.lsn.source", .width = "SHORT", .rules = {RULE_BOOL, RULE_BOOL},
     .doc = "(Deprecated) Boolean to determine if Debezium should flush LSN in the source "
            "postgres database. Use 'lsn.flush.mode' instead. A value of 'true' maps to "
            "'connector' mode, 'false' maps to 'manual' mode."},
};
/* clang-format on */

const struct definition_table definitions_postgres = {rows, sizeof(rows) / sizeof(rows[0])};
