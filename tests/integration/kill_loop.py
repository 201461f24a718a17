#!/usr/bin/env python3
"""kill -9 in a loop while writers work, against a real Kafka. `make test-long`.

Environment: KILLS (100), WRITERS (8), RATE (4000 rows a second, all writers together), MAX_REPEATS (300 a kill at that
rate), SEED, KEEP=1 (leave the work folder).

Shown, for every committed row, from the server's own account of what was committed (a second slot read at the end):
  - it is in Kafka;
  - per key, in order: each version follows its predecessor, or repeats what had been sent before a kill;
  - after each kill, with the slot's confirmed position C read from the server: every transaction that ends at or before
    C was already in Kafka, and C was not beyond the position in the stored offset;
  - how many records a kill repeats.
"""
import os
import random
import re
import shutil
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition  # noqa: E402
from confluent_kafka.admin import NewTopic  # noqa: E402
from kit import kafka, postgres, program, wait_until  # noqa: E402

KILLS, WRITERS, RATE = (int(os.environ.get(n, d)) for n, d in (("KILLS", "100"), ("WRITERS", "8"), ("RATE", "4000")))
MAX_REPEATS = int(os.environ.get("MAX_REPEATS", "300"))
SEED = int(os.environ.get("SEED", random.randrange(1 << 30)))
BATCH, KEYS, PARTITIONS = 10, 50, 4
TOPIC = "kill.public.t"


def say(text):
    print(text, flush=True)


class Writer(threading.Thread):
    """Owns KEYS keys and raises each one's version by one, BATCH rows a transaction; two in ten are rolled back."""

    def __init__(self, db, number, stop):
        super().__init__(daemon=True)
        self.db, self.number, self.stop = db, number, stop
        self.committed, self.error = 0, None

    def run(self):
        rng, version = random.Random(SEED + self.number), [0] * KEYS
        pause, due = BATCH * WRITERS / RATE, time.monotonic()
        try:
            with self.db.server.connect(self.db.name) as c:
                while not self.stop.is_set():
                    first = rng.randrange(KEYS)
                    chosen = [(first + i) % KEYS for i in range(BATCH)]
                    rows = ",".join(f"({self.number * KEYS + k},{version[k] + 1})" for k in chosen)
                    undo = rng.random() < 0.2
                    c.execute(f"begin; insert into t values {rows} on conflict (id) do update set n = excluded.n; "
                              + ("rollback" if undo else "commit"))
                    if not undo:
                        self.committed += BATCH
                        for k in chosen:
                            version[k] += 1
                        due += pause
                        time.sleep(max(0.0, due - time.monotonic()))
        except Exception as e:  # shown by the main thread
            self.error = e


def watermarks(consumer):
    return [consumer.get_watermark_offsets(TopicPartition(TOPIC, p), timeout=10, cached=False)[1] for p in range(PARTITIONS)]


def read_topic(consumer):
    """Per partition, the (key, version) of each record in order."""
    value = re.compile(rb'"after":\{"id":(\d+),"n":(\d+)\}')
    ends = watermarks(consumer)
    out = [[] for _ in range(PARTITIONS)]
    consumer.assign([TopicPartition(TOPIC, p, OFFSET_BEGINNING) for p in range(PARTITIONS)])
    end = time.monotonic() + 600
    while any(len(o) < n for o, n in zip(out, ends)) and time.monotonic() < end:
        for m in consumer.consume(10000, 0.5):
            if not m.error():
                assert m.offset() == len(out[m.partition()])
                out[m.partition()].append(tuple(map(int, value.search(m.value()).groups())))
    assert all(len(o) >= n for o, n in zip(out, ends)), "the topic could not be read to its end"
    return out


def commits(db, slot):
    """[(end LSN, [(key, version)])] of every committed transaction, from the server. (The position that comes with
    COMMIT is the end of its record.)"""
    out, rows = [], []
    row = re.compile(r"id\[integer\]:(\d+) n\[bigint\]:(\d+)")
    with db.server.connect(db.name) as c:
        while True:
            batch = c.execute("select lsn::text, data from pg_logical_slot_get_changes(%s, null, 50000, 'include-xids', 'false')",
                              [slot]).fetchall()
            if not batch:
                return out
            for at, data in batch:
                if data.startswith("COMMIT"):
                    out.append((postgres.lsn(at), rows))
                    rows = []
                elif data.startswith("table public.t:"):
                    rows.append(tuple(map(int, row.findall(data)[-1])))  # an update has the old row first


def check_order(records):
    """Per key: each version is the next one, or one that was sent before. Returns the first-seen offset of each row."""
    first, repeats = {}, []
    for p, partition in enumerate(records):
        last, top = {}, {}
        for at, (key, version) in enumerate(partition):
            if version > top.get(key, 0):
                assert version == top.get(key, 0) + 1, f"key {key}: version {version} after {top.get(key, 0)}: one is missing or late"
                assert version == last.get(key, 0) + 1, f"key {key}: version {version} after a repeat that broke off at {last[key]}"
                top[key] = version
                first[key, version] = (p, at)
            else:
                repeats.append((p, at))
            last[key] = version
    return first, repeats


def main():
    work = Path(tempfile.mkdtemp(prefix="walbridge-kill."))
    work.chmod(0o755)
    rng, stop = random.Random(SEED), threading.Event()
    say(f"{KILLS} kills, {WRITERS} writers, {RATE} rows/s, seed {SEED}, work folder {work}")
    server = postgres.Server(work / "pg", os.getpid(), "max_wal_size=4GB")
    (work / "kafka").mkdir()
    broker, connector = kafka.Real(work / "kafka"), None
    try:
        db = server.database("killdb")
        db.sql("create table t (id int primary key, n bigint); alter table t replica identity full")
        db.sql("select pg_create_logical_replication_slot('witness', 'test_decoding')")
        consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "kill", "enable.auto.commit": False, "log_level": 0})
        reader = kafka.Topics(broker.bootstrap, "kill")
        for f in reader.admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1)]).values():
            f.result()
        connector = program.Connector(work / "connector", "kill", {
            **program.base_settings(db, "kill"), **program.NO_SCHEMAS, "snapshot.mode": "no_data", "bootstrap.servers": broker.bootstrap})
        connector.start("--sink", "kafka")
        connector.wait_streaming(db)
        writers = [Writer(db, w, stop) for w in range(WRITERS)]
        for w in writers:
            w.start()
        begin, looks = time.monotonic(), []
        for kill in range(1, KILLS + 1):
            time.sleep(rng.uniform(0.3, 1.5))
            assert connector.running(), f"it ended by itself:\n{connector.log()[-3000:]}"
            connector.kill()
            # A status that was on its way counts: the server is asked once it has noticed.
            wait_until(lambda: not db.slot("kill")["active"], "the server notices the kill", 30)
            confirmed, stored = db.confirmed("kill"), connector.offset()
            looks.append((confirmed, watermarks(consumer)))
            if stored:
                flush = postgres.lsn(stored["flush_lsn"])
                assert confirmed <= flush, f"kill {kill}: the server was told {confirmed}, stored is {flush}"
            connector.start("--sink", "kafka")
            if rng.random() < 0.8:  # else it may be killed before it streams
                connector.wait_streaming(db)
            if kill % 10 == 0:
                say(f"  {kill} kills, {sum(w.committed for w in writers)} rows committed, {sum(watermarks(consumer))} records")
        stop.set()
        for w in writers:
            w.join()
            assert w.error is None, w.error
        seconds, total = time.monotonic() - begin, sum(w.committed for w in writers)
        connector.wait_streaming(db)
        db.wait_confirmed("kill", db.current_lsn(), 120)
        assert connector.terminate() == program.OK

        said = commits(db, "witness")
        assert sum(len(rows) for _, rows in said) == total, "the server's account and the writers' differ"
        records = read_topic(consumer)
        first, repeats = check_order(records)
        lost = [r for _, rows in said for r in rows if r not in first]
        assert not lost, f"{len(lost)} of {total} rows are not in Kafka, the first: {lost[:3]}"
        assert len(first) == total, f"{len(first) - total} rows in Kafka were never committed"
        early = 0
        for confirmed, ends in looks:
            early += sum(first[r][1] >= ends[first[r][0]] for end, rows in said if end <= confirmed for r in rows)
        assert early == 0, f"{early} rows had been confirmed to the server before they were in Kafka"
        edges = [ends for _, ends in looks] + [[len(r) for r in records]]
        per_kill = [sum(a[p] <= at < b[p] for p, at in repeats) for a, b in zip(edges, edges[1:])]
        say(f"{total} rows committed in {seconds:.0f} s ({total / seconds:.0f} a second), {sum(map(len, records))} records, "
            f"{KILLS} kills: none lost, order per key kept, nothing confirmed early")
        say(f"repeats a kill: median {statistics.median(per_kill):.0f}, mean {statistics.mean(per_kill):.1f}, max {max(per_kill)}; "
            f"the ten largest: {sorted(per_kill)[:-11:-1]}")
        assert max(per_kill) < MAX_REPEATS, f"a kill repeated {max(per_kill)} records, allowed are fewer than {MAX_REPEATS}"
        return 0
    finally:
        stop.set()
        if connector and connector.running():
            connector.kill()
        broker.stop()
        server.remove()
        if not os.environ.get("KEEP"):
            shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
