"""Random connector options: one set for a batch of rounds."""
import random

# option → values; None leaves it out. Defaults come up often enough by themselves.
CHOICES = {
    "decimal.handling.mode": [None, "precise", "double", "string"],
    "time.precision.mode": [None, "adaptive", "adaptive_time_microseconds", "connect", "isostring", "microseconds", "nanoseconds"],
    "binary.handling.mode": [None, "bytes", "base64", "base64-url-safe", "hex"],
    "interval.handling.mode": [None, "numeric", "string"],
    "hstore.handling.mode": [None, "json", "map"],
    "include.unknown.datatypes": [None, "true", "false"],
    "money.fraction.digits": [None, None, "0", "1", "4"],
    "tombstones.on.delete": [None, None, "false"],
    "skipped.operations": [None, "none", "none", "t", "u", "d,t", "c"],
    "provide.transaction.metadata": [None, "true"],
    "schema.name.adjustment.mode": [None, None, "avro", "avro_unicode"],
    "field.name.adjustment.mode": [None, None, "avro", "avro_unicode"],
    "unavailable.value.placeholder": [None, None, "gone", "hex:00ff7f", "ünï"],
    "extended.headers.enabled": [None, None, "false"],
    "topic.delimiter": [None, None, "-", "_"],
    "publish.via.partition.root": [None, "true"],
    "skip.messages.without.change": [None, None, "true"],
    "message.prefix.exclude.list": [None, None, "pre"],
    "datatype.propagate.source.type": [None, None, ".+\\.NUMERIC,.+\\.VARCHAR,.*text", ".*"],
    "value.converter.replace.null.with.default": [None, None, "false"],
    "event.converting.failure.handling.mode": [None, None, "skip", "warn"],
    "topic.transaction": [None, None, "tx"],
    "schema.refresh.mode": [None, None, "columns_diff", "columns_diff_exclude_unchanged_toast"],
    "max.batch.size": [None, None, "1", "5"],
    "topic.naming.strategy": [None, None, None, None] + [f"io.debezium.schema.{x}TopicNamingStrategy" for x in (
        "Schema", "Default", "SchemaUnicode", "DefaultUnicode", "SchemaRegex", "DefaultRegex")],
    "schema.exclude.list": [None, None, None, "r\\d*3( .*)?", "R\\d+ .*"],
    "table.include.list": [None, None, None, "public\\..*, r\\d+.*\\.[^.]*", "PUBLIC\\.FUZZ_MARKER,.*[a-z\"].*\\..*[0-9]"],
    "table.exclude.list": [None, None, None, "r\\d+\\.t\\d*7", ".*child"],
    "replica.identity.autoset.values": [None, None, None, "r\\d+\\.t\\d*:FULL", "r\\d+\\.t\\d*1:DEFAULT,r\\d+\\.t\\d*5:NOTHING"],
    "database.initial.statements": [None, None, "set work_mem = '8MB';set lock_timeout = 9999", "select 'a;;b'"],
    "snapshot.fetch.size": [None, None, "1"],
    "snapshot.include.collection.list": [None, None, None, "public\\..*,r\\d*[02468]( .*)?\\..*"],
    "message.prefix.include.list": [None, None, None, "pre,fix-.", ""],
    "publication.autocreate.mode": [None, None, None, None, "filtered"],
    "snapshot.mode": ["initial", "no_data"],
}
REGEX = {"topic.regex": "(.*)\\br(\\d)\\d*(.*)", "topic.replacement": "$1all$2$3"}
# Transforms that many connectors have; neither says when or where a change was.
UNWRAP = "io.debezium.transforms.ExtractNewRecordState"
CHAINS = [
    {"u.type": UNWRAP},
    {"u.type": UNWRAP, "u.add.fields": "op,table,source.schema", "u.add.headers": "op,source.db:name", "u.delete.tombstone.handling.mode": "rewrite"},
    {"u.type": UNWRAP, "u.delete.tombstone.handling.mode": "rewrite-with-tombstone", "u.add.fields.prefix": "f_", "u.add.fields": "op"},
    {"u.type": UNWRAP, "u.delete.tombstone.handling.mode": "delete-to-tombstone"},
]
ONLY_OURS = "fuzz.old.names"  # no option: walbridge gets the old names
JOINED = {"message.key.columns": ";"}
# As Debezium 1.x called them; Debezium 3 does not know them, so only walbridge gets them.
OLD_NAMES = {"schema.include.list": "schema.whitelist", "schema.exclude.list": "schema.blacklist", "table.include.list": "table.whitelist",
             "table.exclude.list": "table.blacklist", "column.exclude.list": "column.blacklist", "unavailable.value.placeholder": "toasted.value.placeholder",
             "topic.prefix": "database.server.name", "snapshot.fetch.size": "rows.fetch.size"}


def draw(seed, batch):
    rng = random.Random(f"{seed}/batch {batch}")
    out = {k: rng.choice(v) for k, v in CHOICES.items()}
    out = {k: v for k, v in out.items() if v is not None}
    for kind in ("message.prefix", "table"):  # one of the two
        if f"{kind}.include.list" in out:
            out.pop(f"{kind}.exclude.list", None)
    if batch % 2:  # no table of the rounds is there when the publication is made
        out.pop("publication.autocreate.mode", None)
    if "publication.autocreate.mode" in out:  # the original's statement for other tables is wrong when operations are skipped
        out["skipped.operations"] = "none"
    if "Regex" in out.get("topic.naming.strategy", ""):
        out |= REGEX
    if rng.random() < 0.2:
        out |= {"transforms": "u", **{f"transforms.{k}": v for k, v in rng.choice(CHAINS).items()}}
    if rng.random() < 0.2:
        out[ONLY_OURS] = "1.x names"
    if rng.random() < 0.5:
        for side in ("key", "value"):
            out[f"{side}.converter"] = "org.apache.kafka.connect.json.JsonConverter"
            out[f"{side}.converter.schemas.enable"] = rng.choice(["true", "false"])
            if rng.random() < 0.2:
                out[f"{side}.converter.decimal.format"] = "NUMERIC"
    elif any(k.startswith("value.converter.") for k in out):
        out["value.converter"] = "org.apache.kafka.connect.json.JsonConverter"
    return out


def with_columns(options, rounds):
    """The options, and what each round says of its own columns."""
    out = dict(options)
    for r in rounds:
        for k, v in r.options.items():
            out[k] = JOINED.get(k, ",").join(x for x in (out.get(k), v) if x)
    return out


def as_old(config):
    """The same under the names of Debezium 1.x."""
    return {OLD_NAMES.get(k, k): v for k, v in config.items()}
