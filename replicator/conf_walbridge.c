/* Properties of our own, and those of the Kafka Connect worker that we take over. */
#include "replicator/conf_rows.h"

/* clang-format off */
static const struct prop rows[] = {
    {.name = "walbridge.compat", .type = PROP_ENUM, .def = "3.6", .choices = "3.6,1.2",
     .group = "walbridge", .importance = PROP_LOW, .flags = PROP_OWN,
     .doc = "The Debezium version whose records are written: 3.6.1, or 1.2.5 for consumers that were "
            "built on it. With 1.2 the source block, the order of the envelope, schema names and "
            "types are that version's, columns have no defaults in schemas, names of schemas are "
            "always made valid for Avro, headers are those of key changes only, and truncates and "
            "logical messages are left out, whatever the properties say that came later."},
    {.name = "walbridge.offset.storage", .type = PROP_ENUM, .def = "file", .choices = "file,kafka",
     .group = "walbridge", .importance = PROP_HIGH, .flags = PROP_OWN,
     .doc = "Where the position is stored: in a file, or in the offsets topic of Kafka Connect in "
            "its exact format, so that a connector can move from a worker to here and back."},
    {.name = "offset.storage.file.filename", .type = PROP_STRING, .group = "walbridge",
     .importance = PROP_HIGH,
     .doc = "File of the position, for walbridge.offset.storage=file. Each connector needs one of "
            "its own. Left out: <name>.offset in the working directory."},
    {.name = "offset.storage.topic", .type = PROP_STRING, .def = "connect-offsets",
     .group = "walbridge", .importance = PROP_HIGH, .check = conf_rule_topic,
     .doc = "Topic of the positions, for walbridge.offset.storage=kafka. It is made, compacted, "
            "when it is missing."},
    {.name = "offset.storage.replication.factor", .type = PROP_INT, .def = "-1", .min = -1,
     .max = 32767, .group = "walbridge", .importance = PROP_MEDIUM,
     .doc = "Copies of that topic when it is made; -1 takes the broker's default."},
    {.name = "offset.storage.partitions", .type = PROP_INT, .def = "25", .min = -1, .max = INT32_MAX,
     .group = "walbridge", .importance = PROP_LOW,
     .doc = "Partitions of that topic when it is made; -1 takes the broker's default."},
    {.name = "offset.flush.interval.ms", .type = PROP_LONG, .def = "60000", .min = 1,
     .max = INT32_MAX, .group = "walbridge", .importance = PROP_LOW,
     .doc = "Longest time between two stores of a position that moves, in milliseconds. Stores "
            "follow the acknowledgements, at most 20 a second, so this is only an upper bound."},
    {.name = "offset.flush.timeout.ms", .type = PROP_LONG, .def = "5000", .min = 1, .max = INT32_MAX,
     .group = "walbridge", .importance = PROP_LOW,
     .doc = "How long storing a position in Kafka may take before it is tried again, in "
            "milliseconds. The stream goes on meanwhile."},
    {.name = "walbridge.pending.max.bytes", .type = PROP_LONG, .def = "67108864", .min = 1048576,
     .max = INT64_C(1) << 40, .group = "walbridge", .importance = PROP_LOW, .flags = PROP_OWN,
     .doc = "How much may be handed to the sinks and not yet be acknowledged, in bytes of their "
            "records. Beyond it the stream is not read further until acknowledgements come."},
    {.name = "walbridge.snapshot.unit.bytes", .type = PROP_LONG, .def = "1073741824", .min = 65536,
     .max = INT64_C(1) << 50, .group = "walbridge", .importance = PROP_LOW, .flags = PROP_OWN,
     .doc = "A table larger than this, whose primary key begins with an integer and whose rows lie "
            "in its order, is read in ranges of keys of about that many bytes: what an interrupted "
            "snapshot need not read again. Others are read as a whole. It goes by the server's "
            "statistics, so analyse a table that was just loaded."},
    {.name = "walbridge.snapshot.resume", .type = PROP_BOOL, .def = "true", .group = "walbridge",
     .importance = PROP_MEDIUM, .flags = PROP_OWN,
     .doc = "Whether a snapshot that was interrupted goes on where it stopped: what every sink has "
            "acknowledged of it is not read again, and its changes since then are sent first. false "
            "begins anew, as Debezium does, and is refused beside "
            "walbridge.snapshot.new.tables=initial."},
    {.name = "walbridge.snapshot.new.tables", .type = PROP_ENUM, .def = "off",
     .choices = "off,initial", .group = "walbridge", .importance = PROP_MEDIUM, .flags = PROP_OWN,
     .check = conf_rule_new_tables,
     .doc = "What becomes of tables that are captured, as table.include.list or another filter "
            "says now, and that no snapshot of this connector has read. initial: they are read at "
            "the next start, each behind its changes so far, then the stream goes on; so are tables "
            "that were made while the connector ran, and ones that were made anew or renamed. off: "
            "only their changes are sent, as Debezium does. Tables that are captured at the first "
            "start from an offset of Debezium's are taken for read. initial needs "
            "walbridge.snapshot.resume=true, the default."},
    {.name = "walbridge.shutdown.timeout.ms", .type = PROP_LONG, .def = "10000", .max = 3600000,
     .group = "walbridge", .importance = PROP_LOW, .flags = PROP_OWN,
     .doc = "How long an orderly stop waits for the sinks to acknowledge what they were given, in "
            "milliseconds. What is still open then is sent again at the next start."},
};
/* clang-format on */

const struct prop_table walbridge_prop_table = {rows, sizeof(rows) / sizeof(rows[0])};
