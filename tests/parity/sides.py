"""The two programs that are compared, and the topics they write to."""
import json
import re
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import requests
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

START_S, STOP_S = 90, 30
CLASS = "io.debezium.connector.postgresql.PostgresConnector"


class Failed(Exception):
    """A connector ended with an error; args: which one, what it said."""


class Debezium:
    """The original, in a Kafka Connect worker."""
    title = "Debezium"

    def __init__(self, url):
        self.url, self.name = url.rstrip("/"), None

    def start(self, name, config):
        self.name = name
        config = {**config, "tasks.max": "1"}
        for _ in range(60):  # a worker in the middle of a rebalance answers 409
            answer = requests.put(f"{self.url}/connectors/{name}/config", json=config, timeout=60)
            if answer.status_code != 409:
                break
            time.sleep(0.25)
        if answer.status_code >= 400:
            raise Failed(self.title, answer.text[:600])

    def check(self):
        status = requests.get(f"{self.url}/connectors/{self.name}/status", timeout=30)
        if status.status_code != 200:
            return
        for part in [status.json().get("connector", {})] + status.json().get("tasks", []):
            if part.get("state") == "FAILED":
                said = [x.strip() for x in part.get("trace", "").splitlines() if x.strip() and not x.lstrip().startswith(("at ", "... "))]
                raise Failed(self.title, " | ".join(said[:1] + said[-1:])[:900])

    def end(self):
        if self.name:
            requests.delete(f"{self.url}/connectors/{self.name}", timeout=30)
            limit = time.time() + STOP_S
            while time.time() < limit and requests.get(f"{self.url}/connectors/{self.name}", timeout=30).status_code != 404:
                time.sleep(0.1)


class Walbridge:
    """The program under test, as a process of its own."""
    title = "walbridge"

    def __init__(self, program, bootstrap):
        self.program, self.bootstrap, self.process = program, bootstrap, None
        self.dir = tempfile.TemporaryDirectory(prefix="parity-fuzz-")
        self.log = Path(self.dir.name) / "log"

    def start(self, name, config):
        file = Path(self.dir.name) / "connector.json"
        file.write_text(json.dumps({"name": name, "config": {**config, "bootstrap.servers": self.bootstrap}}, indent=1))
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([self.program, "run", str(file)], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.dir.name)

    def check(self):
        if self.process.poll() is not None:
            raise Failed(self.title, f"exit {self.process.returncode}: " + self.log.read_text(errors="replace")[-1500:])

    def end(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Topics:
    """Everything written under a prefix."""

    def __init__(self, bootstrap, prefix):
        self.prefix, self.known = prefix, {}
        self.admin = AdminClient({"bootstrap.servers": bootstrap})
        self.consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "parity-fuzz", "enable.auto.commit": False, "fetch.wait.max.ms": 50})

    def ends(self):
        """Topic → number of records."""
        meta = self.admin.list_topics(timeout=20)
        return {(t, p): self.consumer.get_watermark_offsets(TopicPartition(t, p), timeout=20, cached=False)[1]
                for t in meta.topics if self.prefix in t for p in meta.topics[t].partitions}

    def count(self, table):
        """How many records a table has: what its topic is called depends on the naming strategy."""
        names = (table, table.replace("_", "_u005f"))
        if table not in self.known:
            found = [t for t in self.admin.list_topics(timeout=20).topics if self.prefix in t and t.endswith(names)]
            self.known.update({table: t for t in found})
        try:
            return self.consumer.get_watermark_offsets(TopicPartition(self.known[table], 0), timeout=20, cached=False)[1]
        except Exception:  # not there yet
            return 0

    def read(self):
        """Records by topic, in order: (topic, headers, key, value), with the prefix replaced."""
        ends = {k: n for k, n in self.ends().items() if n}
        self.consumer.assign([TopicPartition(t, p, OFFSET_BEGINNING) for t, p in ends])
        found, limit = [], time.time() + 60
        while ends and time.time() < limit:
            for m in self.consumer.consume(2000, 0.5):
                if m.error():
                    continue
                found.append((m.topic(), m.partition(), m.offset(), m))
                if m.offset() + 1 >= ends.get((m.topic(), m.partition()), -1):
                    ends.pop((m.topic(), m.partition()), None)
        out = {}
        for topic, partition, _, m in sorted(found, key=lambda x: x[:3]):
            headers = [(k, self.text(v)) for k, v in m.headers() or []]
            out.setdefault(topic.replace(self.prefix, "PREFIX"), []).append((partition, headers, self.text(m.key()), self.text(m.value())))
        return out

    def text(self, data):
        return None if data is None else data.decode("utf-8", "surrogateescape").replace(self.prefix, "PREFIX")

    def delete(self):
        names = sorted(t for t in self.admin.list_topics(timeout=20).topics if self.prefix in t)
        for i in range(0, len(names), 200):
            for future in self.admin.delete_topics(names[i:i + 200]).values():
                try:
                    future.result()
                except Exception:  # another deletion was quicker
                    pass

    def close(self):
        self.delete()
        self.consumer.close()


# What may differ: the connector's own clock, and whatever a snapshot says of time and place (each has its own).
CLOCK = [(re.compile(r'("op":"[a-z]","ts_ms":)\d+(,"ts_us":)\d+(,"ts_ns":)\d+'), r"\g<1>0\g<2>0\g<3>0"),
         (re.compile(r'("ts_ms":)\d+(\}\}?$)'), r"\g<1>0\2"),
         (re.compile(r'("op":"m","ts_ms":)\d+(,"source")'), r"\g<1>0\2")]
# A logical message's collection has the name of a Java object, drawn anew for each.
MESSAGES = re.compile(r'\{"data_collection":"[^"]*LogicalDecodingMessageId@[0-9a-f]+","event_count":\d+\},?')
SNAPSHOT = re.compile(r'"snapshot":"(?:true|first|first_in_data_collection|last_in_data_collection|last)"')
POSITION = [(re.compile(r'("(?:ts_ms|ts_us|ts_ns|lsn|txId)":)-?\d+'), r"\g<1>0"), (re.compile(r'("sequence":"\[)[^\]]*\]'), r"\g<1>]")]
RUN_HEADER = "__debezium.context.runId"


def masked(text):
    if text is None:
        return None
    text = MESSAGES.sub("", text).replace("},]", "}]") if "LogicalDecodingMessageId" in text else text
    for pattern, put in CLOCK + (POSITION if SNAPSHOT.search(text) else []):
        text = pattern.sub(put, text)
    return text


def difference(a, b):
    """What differs between two lists of a topic's records, in words, with the record's text for finding its round; or None."""
    for i, (x, y) in enumerate(zip(a, b)):
        for part, p, q in zip(("partition", "headers", "key", "value"), x, y):
            if part == "headers":
                p, q = (json.dumps([(k, "run" if k == RUN_HEADER else v) for k, v in h], ensure_ascii=False) for h in (p, q))
            elif part != "partition":
                p, q = masked(p), masked(q)
            if p != q:
                p, q = str(p), str(q)
                at = next((n for n, (c, d) in enumerate(zip(p, q)) if c != d), min(len(p), len(q)))
                lo = max(0, at - 110)
                return f"record {i}: {part} differs\n      Debezium  …{p[lo:at + 130]!r}\n      walbridge …{q[lo:at + 130]!r}", x[3] or ""
    if len(a) != len(b):
        extra = max(a, b, key=len)[min(len(a), len(b))]
        return f"{len(a)} records of Debezium, {len(b)} of walbridge; first surplus: key {extra[2]!r}, value …{str(extra[3])[-500:]}", extra[3] or ""
    return None
