#!/usr/bin/env python3
"""kill -9 in the middle of snapshots that several threads read, while writers change the same rows; against a real Kafka.
Part of `make test-long`.

Environment: KILLS (100), WRITERS (4), ROWS (60000), THREADS (3), SEED, KEEP=1 (leave the work folder).

The writers insert, update, delete, move keys (a large value stays), and truncate one table. Each round is one snapshot, killed until it is whole;
in every second round that of two tables which come to be captured (walbridge.snapshot.new.tables), beside one that was streamed before.
Shown after each round:
  - the tables folded from Kafka are the server's;
  - per key, in order: a row's version never goes back but to repeat what a kill had not yet stored;
  - nothing that the stored progress calls done is read again, but for single keys that were moved.
"""
import json
import os
import random
import re
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition  # noqa: E402
from confluent_kafka.admin import NewTopic  # noqa: E402
from kit import kafka, postgres, program, wait_until  # noqa: E402

KILLS, WRITERS, ROWS, THREADS = (int(os.environ.get(n, d)) for n, d in
                                 (("KILLS", "100"), ("WRITERS", "4"), ("ROWS", "60000"), ("THREADS", "3")))
SEED = int(os.environ.get("SEED", random.randrange(1 << 30)))
TABLES = ("ranged", "emptied", "plain")
UNAVAILABLE = "__debezium_unavailable_value"
VALUE = re.compile(rb'"before":(\{.*?\}|null),"after":(\{.*?\}|null),"source":.*?"op":"(.)"')


def say(text):
    print(text, flush=True)


def load(db):
    # Even keys are there at first, so that there are odd ones to move to.
    for t in TABLES:
        rows = ROWS if t == "ranged" else ROWS // 4
        db.sql(f"create table {t} (id bigint primary key, n int not null, small text, big text)")
        db.sql(f"alter table {t} alter big set storage external")
        db.sql(f"insert into {t} select 2 * g, 0, repeat('s', 150), case when g % 20 = 0 then repeat(md5(g::text), 90) end "
               f"from generate_series(1, {rows}) g")
        db.sql(f"analyze {t}")


class Writer(threading.Thread):
    """Changes rows at random; n grows with each change of a row, wherever it moves."""

    def __init__(self, db, number, stop):
        super().__init__(daemon=True)
        self.db, self.number, self.stop, self.error, self.changes = db, number, stop, None, 0

    def run(self):
        rng = random.Random(SEED * 100 + self.number)
        try:
            with self.db.server.connect(self.db.name) as c:
                while not self.stop.is_set():
                    t, key = rng.choice(TABLES), rng.randrange(2, 2 * ROWS)
                    odd = rng.randrange(ROWS) * 2 + 1 + 2 * ROWS * rng.randrange(2)
                    kind = rng.random()
                    if kind < 0.45:
                        sql = f"update {t} set n = n + 1 where id between {key} and {key + 20}"
                    elif kind < 0.6:
                        sql = f"delete from {t} where id between {key} and {key + 6}"
                    elif kind < 0.75:
                        sql = f"insert into {t} values ({odd}, 0, 'new', repeat('x', {rng.choice((1, 3000))})) on conflict (id) do update set n = {t}.n + 1"
                    elif kind < 0.998 or t != "emptied":
                        # Rows with a large value, to a key that is free.
                        sql = (f"update {t} set id = {odd}, n = n + 1 where id = (select min(id) from {t} where id >= {key} and big is not null) "
                               f"and not exists (select 1 from {t} where id = {odd})")
                    else:
                        sql = f"truncate {t}"
                    try:
                        c.execute(sql)
                    except Exception as e:
                        if getattr(e, "sqlstate", None) not in ("23505", "40P01"):  # taken meanwhile, deadlock
                            raise
                    self.changes += 1
                    time.sleep(0.002)
        except Exception as e:  # shown by the main thread
            self.error = e


class Log:
    """A topic of one partition, from its beginning."""

    def __init__(self, broker, topic):
        self.tp = TopicPartition(topic, 0, OFFSET_BEGINNING)
        self.consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "kill", "enable.auto.commit": False, "log_level": 0})

    def end(self):
        return wait_until(self.bounds, f"topic {self.tp.topic}")[1]

    def bounds(self):
        try:
            return self.consumer.get_watermark_offsets(self.tp, timeout=10, cached=False)
        except KafkaException as e:
            if e.args[0].code() != KafkaError._UNKNOWN_PARTITION:  # a broker may not know yet of a topic that was just made
                raise

    def read(self):
        """(op, key, before, after, headers) of each record; tombstones are None."""
        end, out = self.end(), []
        self.consumer.assign([self.tp])
        limit = time.monotonic() + 600
        while len(out) < end and time.monotonic() < limit:
            for m in self.consumer.consume(10000, 0.5):
                assert not m.error() and m.offset() == len(out)
                found = VALUE.search(m.value()) if m.value() else None
                out.append(found and (found[3].decode(), m.key() and json.loads(m.key())["id"], json.loads(found[2]),
                                      {k: json.loads(v)["id"] for k, v in m.headers() if k in ("__debezium.oldkey", "__debezium.newkey")}))
        return out


def fold(records):
    """What a consumer has: {id: row}. A row that moves takes along the large value that stayed the same."""
    state, moved = {}, {}
    for r in filter(None, records):
        op, key, after, headers = r
        if op == "t":
            state.clear()
        elif op == "d":
            old = state.pop(key, None)
            if "__debezium.newkey" in headers:
                moved[headers["__debezium.newkey"]] = old
        else:
            # What a kill repeats finds the row under its old key no more; then the value is where it was taken to before.
            old = [moved.pop(key, None) if "__debezium.oldkey" in headers else None, state.get(key)]
            if after["big"] == UNAVAILABLE:
                known = [o["big"] for o in old if o and o["big"] != UNAVAILABLE]
                after = {**after, "big": (known or [UNAVAILABLE])[0]}
            state[key] = after
    return state


def check_reads(name, records, looks):
    """
    Rows of what is done by a look must not be read behind it, but for those that moved there without their large value.
    (The emptied table begins anew each time.)
    """
    opened = 0
    for i, (end, done) in enumerate(looks):
        t, moved = done.get(name), set()
        for r in filter(None, records[end:] if t and name != "emptied" else []):
            op, key, after, _ = r
            if op == "c" and after["big"] == UNAVAILABLE:
                moved.add(key)
            if op == "r" and covers(t, key):
                assert key in moved, f"{name}: row {key} is read though it was done at kill {i}"
                opened += 1
    return opened


def covers(t, key):
    return bool(t) and ("ranges" not in t or any(a <= key <= b for a, b in t["ranges"]))


def is_read(c):
    """All tables are read, and that is stored; a progress may be left over that fits no more."""
    tables = Path(f"{c.offset_file}.tables")
    known = json.loads(tables.read_text())["schemas"].get("public", {}) if tables.exists() else {}
    return "offset" in (c.offset() or {}) and known.keys() >= set(TABLES)


def is_whole(c):
    return is_read(c) and "snapshot" not in c.offset()


def capture_first(c, db):
    """The other tables are new when it starts again."""
    c.settings.update({"walbridge.snapshot.new.tables": "initial", "table.include.list": "public.plain"})
    c.start("--sink", "kafka")
    wait_until(lambda: "offset" in (c.offset() or {}) and "snapshot" not in c.offset(), lambda: f"the first table\n{c.log()[-3000:]}", 60)
    time.sleep(0.5)
    assert c.terminate() == program.OK
    c.settings["table.include.list"] = "public.*"
    wait_until(lambda: not db.slot(c.slot)["active"], "the slot is let go", 30)


def one_round(number, server, broker, work, rng, kills):
    db = server.database(f"kill{number}")
    prefix = f"kill{number}"
    load(db)
    logs = {t: Log(broker, f"{prefix}.public.{t}") for t in TABLES}
    admin = kafka.Topics(broker.bootstrap, prefix).admin
    for f in admin.create_topics([NewTopic(f"{prefix}.public.{t}", 1, 1) for t in TABLES]).values():
        f.result()
    c = program.Connector(work / prefix, prefix, {
        **program.base_settings(db, prefix), **program.NO_SCHEMAS, "bootstrap.servers": broker.bootstrap, "skipped.operations": "none",
        "snapshot.max.threads": str(THREADS), "walbridge.snapshot.unit.bytes": "400000", "walbridge.pending.max.bytes": "1048576"})
    stop = threading.Event()
    writers = [Writer(db, w, stop) for w in range(WRITERS)]
    for w in writers:
        w.start()
    looks, done = [], 0
    c.settings["publication.autocreate.mode"] = rng.choice(("all_tables", "filtered"))
    try:
        if number % 2 == 0:
            capture_first(c, db)
        while done < kills and not is_read(c):
            c.start("--sink", "kafka")
            wait_until(lambda: "rows, " in c.log() and "thread" in c.log() or not c.running(), lambda: f"the snapshot\n{c.log()[-2000:]}", 60)
            time.sleep(rng.uniform(0, 0.4))
            assert c.running(), f"it ended by itself:\n{c.log()[-3000:]}"
            c.kill()
            done += 1
            wait_until(lambda: not db.slot(prefix)["active"], "the server notices the kill", 30)
            tables = ((c.offset() or {}).get("snapshot") or {}).get("tables", [])
            looks.append((0, {t["table"]: t for t in tables}))
            looks[-1] = ({t: logs[t].end() for t in TABLES}, looks[-1][1])
        c.start("--sink", "kafka")
        wait_until(lambda: is_whole(c), lambda: f"a whole snapshot\n{c.log()[-3000:]}", 120)
        time.sleep(0.5)
        stop.set()
        for w in writers:
            w.join()
            assert w.error is None, w.error
        # A last row in each table: when it is there, all before it is.
        for t in TABLES:
            db.sql(f"insert into {t} values (-1, 0, 'last', null)")
        wait_until(lambda: all(-1 in fold(log.read()) for log in logs.values()), lambda: f"the last rows\n{c.log()[-3000:]}", 120, 1)
        assert c.terminate() == program.OK
    finally:
        stop.set()
        if c.running():
            c.kill()
    opened = 0
    for t in TABLES:
        records, actual = logs[t].read(), {r[0]: r for r in db.sql(f"select id, n, small, big from {t}")}
        state = fold(records)
        assert state.keys() == actual.keys(), (f"{t}: {sorted(actual.keys() - state.keys())[:5]} are missing, "
                                               f"{sorted(state.keys() - actual.keys())[:5]} are left over")
        wrong = [k for k, row in actual.items() if tuple(state[k][x] for x in ("id", "n", "small", "big")) != tuple(row)]
        assert not wrong, f"{t}: {len(wrong)} rows differ, first {wrong[0]}: {str(state[wrong[0]])[:200]}, not {str(actual[wrong[0]])[:200]}"
        opened += check_reads(t, records, [(ends[t], d) for ends, d in looks])
    changes = sum(w.changes for w in writers)
    db.drop()
    said = sorted({len(d["ranged"].get("ranges", [])) for _, d in looks if "ranged" in d})
    say(f"round {number}: {done} kills, {changes} changes, as on the server; ranges of done keys seen {said}, {opened} rows opened again")
    return done


def main():
    work = Path(tempfile.mkdtemp(prefix="walbridge-kill."))
    work.chmod(0o755)
    rng = random.Random(SEED)
    say(f"{KILLS} kills of snapshots, {WRITERS} writers, {THREADS} threads, seed {SEED}, work folder {work}")
    server = postgres.Server(work / "pg", os.getpid(), "max_wal_size=4GB")
    (work / "kafka").mkdir()
    broker = kafka.Real(work / "kafka")
    try:
        left, number = KILLS, 0
        while left > 0:
            number += 1
            left -= max(1, one_round(number, server, broker, work, rng, min(left, 12)))
        say(f"{KILLS} kills in {number} snapshots: every table folds to the server's, nothing that was done is read again")
        return 0
    finally:
        broker.stop()
        server.remove()
        if not os.environ.get("KEEP"):
            shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
