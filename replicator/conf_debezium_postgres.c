/* Debezium's group "Postgres": connection, slot, publication. */
#include "replicator/conf_rows.h"

/* clang-format off */
static const struct prop rows[] = {
    {.name = "topic.prefix", .type = PROP_STRING, .group = "Postgres", .importance = PROP_HIGH,
     .flags = PROP_REQUIRED, .display = "Topic prefix", .check = conf_rule_topic_prefix,
     .doc = "Names the server: first part of every topic name, and the key of the stored offset. "
            "Letters, digits, dot, hyphen and underscore."},
    {.name = "database.hostname", .type = PROP_STRING, .group = "Postgres", .importance = PROP_HIGH,
     .flags = PROP_REQUIRED, .display = "Hostname", .check = conf_rule_hostname,
     .doc = "Host name or address of the server; several separated by commas are tried in turn; a "
            "path that starts with a slash is a Unix socket's folder."},
    {.name = "database.port", .type = PROP_INT, .def = "5432", .min = 1, .max = 65535,
     .group = "Postgres", .importance = PROP_HIGH, .display = "Port",
     .doc = "Port of the server."},
    {.name = "database.user", .type = PROP_STRING, .group = "Postgres", .importance = PROP_HIGH,
     .flags = PROP_REQUIRED, .display = "User",
     .doc = "User to connect as. It needs the rights LOGIN and REPLICATION, and SELECT on what is "
            "snapshotted."},
    {.name = "database.password", .type = PROP_PASSWORD, .group = "Postgres",
     .importance = PROP_HIGH, .flags = PROP_SECRET, .display = "Password",
     .doc = "Password of that user."},
    {.name = "database.dbname", .type = PROP_STRING, .group = "Postgres", .importance = PROP_HIGH,
     .flags = PROP_REQUIRED, .display = "Database",
     .doc = "Database whose changes are read. A slot belongs to one database."},
    {.name = "database.query.timeout.ms", .type = PROP_INT, .def = "600000", .max = INT32_MAX,
     .group = "Postgres", .importance = PROP_LOW, .flags = PROP_NOOP, .display = "Query timeout",
     .see = "catalog queries have no time limit of their own, and a snapshot's must have none",
     .doc = "Longest time a query of Debezium's may run, in milliseconds."},
    {.name = "plugin.name", .type = PROP_ENUM, .def = "pgoutput",
     .choices = "pgoutput,decoderbufs,wal2json,wal2json_streaming,wal2json_rds,"
                "wal2json_rds_streaming",
     .group = "Postgres",
     .importance = PROP_MEDIUM, .flags = PROP_NOOP, .display = "Plugin",
     .see = "the server's built-in pgoutput is read instead; the records are the same",
     .doc = "Logical decoding plug-in. pgoutput, which every server has, is used whatever stands "
            "here; Debezium's own default is decoderbufs."},
    {.name = "slot.name", .type = PROP_STRING, .def = "debezium", .group = "Postgres",
     .importance = PROP_MEDIUM, .display = "Slot", .check = conf_rule_slot_name,
     .doc = "Replication slot that remembers on the server how far this connector has read. "
            "Lower-case letters, digits and underscore, at most 63."},
    {.name = "publication.name", .type = PROP_STRING, .def = "dbz_publication", .group = "Postgres",
     .importance = PROP_MEDIUM, .display = "Publication",
     .doc = "Publication that says which tables' changes the server sends."},
    {.name = "publication.autocreate.mode", .type = PROP_ENUM, .def = "all_tables",
     .choices = "disabled,all_tables,filtered,no_tables", .group = "Postgres",
     .importance = PROP_MEDIUM, .display = "Publication Auto Create Mode",
     .doc = "What to do about the publication: disabled expects it to exist; all_tables makes one "
            "for all tables; filtered makes one for the captured tables and keeps it so; "
            "no_tables makes an empty one."},
    {.name = "replica.identity.autoset.values", .type = PROP_STRING, .group = "Postgres",
     .importance = PROP_MEDIUM, .display = "Replica Identity Auto Set Values",
     .check = conf_rule_identity_autoset,
     .doc = "Replica identity to give to tables at start: a comma list of <schema.table "
            "expression>:DEFAULT, :FULL, :NOTHING or :INDEX <name>."},
    {.name = "slot.drop.on.stop", .type = PROP_BOOL, .def = "false", .group = "Postgres",
     .importance = PROP_MEDIUM, .display = "Drop slot on stop",
     .doc = "Drops the slot on an orderly stop. What is written while the connector is away is "
            "then lost to it; meant for tests."},
    {.name = "slot.failover", .type = PROP_BOOL, .def = "false", .group = "Postgres",
     .importance = PROP_MEDIUM, .display = "Create failover slot",
     .doc = "Makes the slot a failover slot, which is synchronized to standbys (PostgreSQL 17 and "
            "later, on a primary)."},
    {.name = "slot.stream.params", .type = PROP_STRING, .group = "Postgres", .importance = PROP_LOW,
     .display = "Optional parameters to pass to the logical decoder when the stream is started.",
     .check = conf_rule_stream_params,
     .doc = "Further options for START_REPLICATION, as name=value pairs separated by semicolons, "
            "for instance origin=none. Options that change the form of the stream are refused."},
    {.name = "database.initial.statements", .type = PROP_STRING, .group = "Postgres",
     .importance = PROP_LOW, .display = "Initial statements",
     .doc = "SQL statements to run on every session except the replication one, separated by "
            "semicolons; two semicolons stand for one."},
    {.name = "database.sslmode", .type = PROP_ENUM, .def = "prefer",
     .choices = "disable,allow,prefer,require,verify-ca,verify-full", .group = "Postgres",
     .importance = PROP_MEDIUM, .display = "SSL mode",
     .doc = "Whether to encrypt the connection and what to check about the server's certificate; "
            "as libpq's sslmode."},
    {.name = "database.sslcert", .type = PROP_STRING, .group = "Postgres",
     .importance = PROP_MEDIUM, .display = "SSL Client Certificate",
     .doc = "File with the client's certificate (PEM)."},
    {.name = "database.sslpassword", .type = PROP_PASSWORD, .group = "Postgres",
     .importance = PROP_MEDIUM, .flags = PROP_SECRET, .display = "SSL Client Key Password",
     .doc = "Password of the client's private key."},
    {.name = "database.sslrootcert", .type = PROP_STRING, .group = "Postgres",
     .importance = PROP_MEDIUM, .display = "SSL Root Certificate",
     .doc = "File with the certificates of trusted authorities (PEM)."},
    {.name = "database.sslkey", .type = PROP_STRING, .group = "Postgres", .importance = PROP_MEDIUM,
     .display = "SSL Client Key",
     .doc = "File with the client's private key (PEM or DER; PKCS-8 in DER is read too)."},
    {.name = "slot.max.retries", .type = PROP_INT, .def = "6", .max = INT32_MAX,
     .group = "Postgres", .importance = PROP_LOW, .display = "Retry count",
     .doc = "How often starting to read the slot is tried again in a row, for instance while "
            "another session still holds it, or at the start while the server has no walsender "
            "to spare (max_wal_senders)."},
    {.name = "slot.retry.delay.ms", .type = PROP_LONG, .def = "10000", .max = INT64_MAX,
     .group = "Postgres", .importance = PROP_LOW, .display = "Retry delay",
     .doc = "Wait between two such attempts, in milliseconds."},
    {.name = "database.sslfactory", .type = PROP_STRING, .group = "Postgres",
     .importance = PROP_MEDIUM, .flags = PROP_REFUSED, .display = "SSL Root Certificate",
     .see = "Java classes cannot be loaded. Say what to check with database.sslmode, for instance "
            "require instead of NonValidatingFactory",
     .doc = "Java class that opens TLS sockets."},
    {.name = "status.update.interval.ms", .type = PROP_INT, .def = "10000", .min = 1,
     .max = INT32_MAX, .group = "Postgres", .importance = PROP_MEDIUM,
     .display = "Status update interval (ms)",
     .doc = "How often the server is told how far has been read, in milliseconds."},
    {.name = "lsn.flush.timeout.ms", .type = PROP_LONG, .def = "30000", .min = 1, .max = INT64_MAX,
     .group = "Postgres", .importance = PROP_MEDIUM, .flags = PROP_NOOP,
     .display = "LSN flush timeout (ms)",
     .see = "telling the server a position never waits",
     .doc = "How long Debezium waits for the server to take a flushed position, in milliseconds."},
    {.name = "lsn.flush.timeout.action", .type = PROP_ENUM, .def = "fail",
     .choices = "fail,warn,ignore", .group = "Postgres", .importance = PROP_MEDIUM,
     .flags = PROP_NOOP, .display = "LSN flush timeout action",
     .see = "telling the server a position never waits",
     .doc = "What Debezium does when that wait is over."},
    {.name = "database.tcpKeepAlive", .type = PROP_BOOL, .def = "true", .group = "Postgres",
     .importance = PROP_MEDIUM, .display = "TCP keep-alive probe",
     .doc = "Sends TCP keep-alive probes, so that a dead connection is noticed."},
    {.name = "xmin.fetch.interval.ms", .type = PROP_LONG, .def = "0", .max = INT64_MAX,
     .group = "Postgres", .importance = PROP_MEDIUM, .display = "Xmin fetch interval (ms)",
     .doc = "How often the slot's catalog_xmin is read for the field source.xmin, in milliseconds; 0 "
            "leaves the field null. It is not read more often than a hundred times a second."},
    {.name = "skipped.operations", .type = PROP_LIST, .def = "t", .group = "Postgres",
     .importance = PROP_LOW, .display = "Skipped Operations", .check = conf_rule_skipped_operations,
     .doc = "Operations that give no record: c (insert), u (update), d (delete), t (truncate), or "
            "none; r is taken too, but what a snapshot reads is never skipped. Given, it also "
            "restricts a publication that is made."},
    {.name = "lsn.flush.mode", .type = PROP_ENUM,
     .choices = "connector,manual,connector_and_driver", .group = "Postgres",
     .importance = PROP_LOW, .display = "LSN flush mode",
     .doc = "Who tells the server that WAL is no longer needed. connector and "
            "connector_and_driver mean the same here: positions move with delivered records and, "
            "on a quiet database, with the server's keepalives. manual: the slot stays where it "
            "is and the server keeps its WAL, until somebody advances it while the connector is stopped "
            "(pg_replication_slot_advance)."},
    {.name = "flush.lsn.source", .type = PROP_BOOL, .def = "true",
     .choices = "true=connector,false=manual", .group = "Postgres", .importance = PROP_LOW,
     .flags = PROP_ALIAS,
     .display = "Boolean to determine if Debezium should flush LSN in the source database",
     .see = "lsn.flush.mode",
     .doc = "Older name, deprecated in Debezium 3."},

    /* Not in the list that Debezium itself gives. */
    {.name = "database.", .type = PROP_STRING, .group = "Postgres", .importance = PROP_LOW,
     .flags = PROP_PREFIX,
     .doc = "Any other database.* name is passed on to the connection, as Debezium passes it to "
            "its driver; names that libpq knows under another name are translated."},
    {.name = "driver.", .type = PROP_STRING, .group = "Postgres", .importance = PROP_LOW,
     .flags = PROP_NOOP | PROP_PREFIX,
     .see = "there is no Java driver; connection options are given as database.*",
     .doc = "Options of the Java driver."},
    {.name = "create.slot.command.timeout", .type = PROP_LONG, .def = "90", .min = 1,
     .max = INT64_MAX, .group = "Postgres", .importance = PROP_LOW,
     .doc = "Longest time making the slot may take, in seconds: it waits for all transactions "
            "that are open."},
    {.name = "slot.seek.to.known.offset.on.start", .type = PROP_BOOL, .def = "false",
     .group = "Postgres", .importance = PROP_LOW, .flags = PROP_NOOP,
     .see = "it has no effect in Debezium 3.6 either; offset.mismatch.strategy decides",
     .doc = "Meant to move the slot to the stored position at start."},
    {.name = "offset.mismatch.strategy", .type = PROP_ENUM, .def = "no_validation",
     .choices = "no_validation,trust_offset,trust_slot,trust_greater_lsn", .group = "Postgres",
     .importance = PROP_MEDIUM,
     .doc = "What to do when the stored position and the slot's differ: no_validation starts from "
            "the stored one, unless the slot was made anew since; trust_offset moves a slot that "
            "lies behind; trust_slot starts from a slot that lies ahead; trust_greater_lsn does "
            "both. Left out, a difference that could lose changes is an error."},
    {.name = "read.only", .type = PROP_BOOL, .def = "false", .group = "Postgres",
     .importance = PROP_LOW,
     .doc = "Nothing is written to the database: incremental snapshots do without watermarks in the "
            "signal table, and signals come by another channel than source. With several hosts it "
            "also allows a standby; otherwise the primary is looked for."},
};
/* clang-format on */

const struct prop_table debezium_postgres_table = {rows, sizeof(rows) / sizeof(rows[0])};
