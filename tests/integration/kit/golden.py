"""Recorded scenarios (tests/golden): what Debezium wrote for some SQL, byte for byte.

A folder holds scenario.toml (settings and steps) and records.jsonl (topic, partition, headers, key, value exactly as
written). Clock, WAL positions and transaction ids differ from run to run: they are replaced in the text on both sides;
everything else is compared as it is.
"""
import json
import re
import tomllib

CLOCK = [
    (r'("op":"[a-z]","ts_ms":)\d+(,"ts_us":)\d+(,"ts_ns":)\d+', r"\g<1>0\g<2>0\g<3>0"),
    (r'("ts_ms":)\d+(\}\}?$)', r"\g<1>0\2"),
    (r'("op":"m","ts_ms":)\d+(,"source")', r"\g<1>0\2"),
]
POSITION = [
    (r'("(?:ts_ms|ts_us|ts_ns|lsn|txId|xmin)":)-?\d+', r"\g<1>0"),
    (r'("sequence":"\[)[^\]]*\]', r"\g<1>]"),
    (r'("transaction":\{"id":"|"status":"(?:BEGIN|END)","id":")\d+:\d+', r"\g<1>0:0"),
    (r'("timestamp":)\d+', r"\g<1>0"),
    (r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(-(?:open|close))", r"UUID\1"),
    (r'(WindowTimestamp\\": \\")[^\\]+', r"\g<1>0"),
    # members of a map whose order Java draws anew in every process
    (r'"additional_data":\{([^{}]*)\}', lambda m: '"additional_data":{%s}' % ",".join(sorted(m[1].split(',"')))),
]
RUN_HEADER = "__debezium.context.runId"


class Scenario:
    def __init__(self, path):
        doc = tomllib.loads((path / "scenario.toml").read_text())
        self.path, self.name, self.title = path, path.name, doc["title"]
        self.config = {k: v for k, v in {**doc.get("config", {}), **doc.get("ours", {})}.items()}
        self.steps = [next(iter(s.items())) for s in doc["step"]]
        self.fails = doc.get("fails", False)
        self.prefix = doc.get("prefix", self.name.replace("-", "_"))
        self.masks = [(p, r) for p, r in doc.get("mask", [])]
        self.database = doc.get("database", "")
        self.min_pg = doc.get("min_pg", 12)
        unknown = set(doc) - {"title", "covers", "config", "ours", "step", "fails", "prefix", "mask", "database", "min_pg", "twin"}
        assert not unknown, f"{self.name}: this runner does not know {unknown}"

    def recording(self):
        text = (self.path / "records.jsonl").read_text(errors="surrogateescape")
        return [json.loads(x) for x in text.split("\n") if x]

    def settings(self, base):
        """Base settings with the scenario's on top."""
        out = {**base, **{k: str(v).replace("${prefix}", self.prefix) for k, v in self.config.items()}}
        return {k: v for k, v in out.items() if v != "<absent>"}

    def mask(self, text):
        if text is None:
            return None
        text = text.replace(self.prefix, "PREFIX")
        for pattern, put in self.masks + CLOCK + POSITION:
            text = re.sub(pattern, put, text)
        return text

    def masked(self, records):
        return [{"topic": r["topic"].replace(self.prefix, "PREFIX"), "partition": r["partition"], "key": self.mask(r["key"]),
                 "headers": [[k, "RUN" if k == RUN_HEADER else self.mask(v)] for k, v in r["headers"]],
                 "value": self.mask(r["value"])} for r in records]


def difference(want, got):
    """Where two record lists part, topic by topic, or None."""
    out = []
    for topic in sorted({r["topic"] for r in want + got}):
        w, g = ([r for r in side if r["topic"] == topic] for side in (want, got))
        for i, (a, b) in enumerate(zip(w, g)):
            part = next((p for p in ("partition", "key", "headers", "value") if a[p] != b[p]), None)
            if part is None:
                continue
            x, y = (s if isinstance(s, str) else json.dumps(s, ensure_ascii=False) for s in (a[part], b[part]))
            at = next((n for n, (p, q) in enumerate(zip(x, y)) if p != q), min(len(x), len(y)))
            lo = max(0, at - 100)
            out.append(f"{topic} record {i}: {part} differs at character {at}\n    want …{x[lo:at + 120]}…\n    got  …{y[lo:at + 120]}…")
        if len(w) != len(g):
            extra = (w if len(w) > len(g) else g)[min(len(w), len(g))]
            out.append(f"{topic}: {len(w)} records wanted, {len(g)} came; first {'missing' if len(w) > len(g) else 'unexpected'}: "
                       f"key {str(extra['key'])[-120:]}, value …{str(extra['value'])[-300:]}")
    return "\n".join(out[:5]) or None


def clocks_agree(records):
    """What must hold inside each record before masking: the three clocks agree, the sequence ends in the LSN."""
    for r in records:
        try:
            value = json.loads(r["value"] or "null")
        except ValueError:
            continue
        value = value.get("payload", value) if isinstance(value, dict) else None
        source = value.get("source") if isinstance(value, dict) else None
        if not isinstance(source, dict) or "op" not in value or "lsn" not in source:
            continue
        for d in (source, value):
            ms, us, ns = (d.get(k) for k in ("ts_ms", "ts_us", "ts_ns"))
            if us is not None:
                assert us // 1000 == ms and ns // 1000 == us and 1.2e15 < us < 9e15, f"{r['topic']}: clocks {ms} {us} {ns}"
        sequence = json.loads(source.get("sequence") or "null")
        if sequence and source["lsn"] is not None:
            assert sequence[1] == str(source["lsn"]), f"{r['topic']}: sequence {sequence}, lsn {source['lsn']}"
