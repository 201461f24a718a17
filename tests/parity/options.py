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
    "column.exclude.list": [None], "snapshot.mode": ["initial", "no_data"],
}
JOINED = {"message.key.columns": ";"}


def draw(seed, batch):
    rng = random.Random(f"{seed}/batch {batch}")
    out = {k: rng.choice(v) for k, v in CHOICES.items()}
    out = {k: v for k, v in out.items() if v is not None}
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
