#!/usr/bin/env python3
"""A real Kafka Connect worker and walbridge take over from each other under load. Part of `make test-long`.

REAL_CONNECT_LIBS, REAL_CONNECT_PLUGINS: where the real worker is (kit/connect.py); without them it says so and ends well. Also ROUNDS
(2; 0: only what comes behind them), RATE (500 rows a second), KEEP=1.

Shown: after clean stops, in both directions and also while the other one already waits, every committed row is in Kafka
exactly once and in order, and no snapshot was taken again. Then an incremental snapshot goes on in its middle, both ways, and reads every row;
and after a kill -9 of the real worker, and of walbridge, no row is missing, and what comes again is in order.
"""
import collections
import json
import os
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from kit import connect, kafka, postgres, program, wait_until  # noqa: E402

ROUNDS, RATE = (int(os.environ.get(n, d)) for n, d in (("ROUNDS", "2"), ("RATE", "500")))
NAME, GROUP, LARGE, BIG = "moving", "takeover", 30000, 4000


def say(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


class Writer(threading.Thread):
    """Numbers in order: small transactions, now and then a large one."""

    def __init__(self, db):
        super().__init__(daemon=True)
        self.db, self.stop, self.last, self.error = db, threading.Event(), 0, None
        self.hold, self.held, self.large = threading.Event(), threading.Event(), threading.Event()

    def run(self):
        try:
            with self.db.server.connect(self.db.name) as c:
                round_ = 0
                while not self.stop.is_set():
                    if self.hold.is_set():
                        self.held.set()
                        time.sleep(0.05)
                        continue
                    self.held.clear()
                    round_ += 1
                    n = 2000 if round_ % 100 == 0 else 5
                    if self.large.is_set():
                        self.large.clear()
                        n = LARGE
                    c.execute(f"insert into t select i, 'x' from generate_series({self.last + 1}, {self.last + n}) i")
                    self.last += n
                    time.sleep(n / RATE if n < 100 else 0)
        except Exception as e:  # shown at the end
            self.error = e


class Trial:
    def __init__(self, work):
        self.server = postgres.Server(work / "pg", os.getpid())
        (work / "kafka").mkdir()
        self.broker = kafka.Real(work / "kafka")
        self.db = self.server.new_database("takeover")
        self.db.sql("create table t (id int primary key, v text); create table other (i int); "
                    "create table big (id int primary key); "
                    "create table signal (id varchar(64) primary key, type varchar(32), data varchar(2048))")
        self.db.sql(f"insert into big select generate_series(1, {BIG})")
        self.kills = 0
        self.real = connect.Real(work / "real", self.broker.bootstrap, GROUP)
        self.ours = connect.Walbridge(work / "ours", self.broker.bootstrap, GROUP)
        self.topics, self.big = (kafka.Topics(self.broker.bootstrap, n) for n in ("tk.public.t", "tk.public.big"))

    def close(self):
        for w in (self.real, self.ours):
            w.kill()
        self.topics.close()
        self.big.close()
        self.broker.stop()
        self.server.remove()

    def config(self):
        return {**{k: v for k, v in program.base_settings(self.db, "tk").items() if not k.startswith("offset.")},
                "table.include.list": "public.t,public.big", "signal.data.collection": "public.signal",
                "incremental.snapshot.chunk.size": "20", **program.NO_SCHEMAS}

    def read_again(self):
        """How often each row of the big table was read; the first time by the initial snapshot."""
        return collections.Counter(json.loads(r["value"])["after"]["id"] for r in self.big.read())

    def sent(self):
        return [json.loads(r["value"])["after"]["id"] for r in self.topics.read() if r["topic"] == "tk.public.t"]

    def newest(self):
        return max((json.loads(r["value"])["after"]["id"] for r in self.topics.last() if r["topic"] == "tk.public.t"), default=0)

    def check(self, writer, what):
        """In order, each once, up to now."""
        begin = writer.last
        wait_until(lambda: writer.last > begin + 200 or not writer.is_alive(), "rows to be written", 30)
        assert writer.error is None, writer.error
        last = writer.last
        wait_until(lambda: self.newest() >= last, f"row {last} in Kafka ({what})", 120, 0.5)
        ids = self.sent()
        repeated = [(i, a, b) for i, (a, b) in enumerate(zip(ids, ids[1:])) if b != a + 1]
        # Back, never forward, and once for each kill.
        fits = len(repeated) <= self.kills and all(b <= a for _, a, b in repeated)
        assert ids[0] == 1 and fits, f"{what}: not 1, 2, 3 …: {repeated[:5]} of {len(ids)}"
        say(f"{what}: {len(ids)} rows, each once and in order" + (f", but for {len(ids) - len(set(ids))} after kills" if self.kills else ""))

    def quiet(self, writer):
        """Nothing of ours for a while, only other tables and checkpoints; the next row may start exactly where all stopped."""
        writer.hold.set()
        wait_until(writer.held.is_set, "the writer to hold", 30)
        for _ in range(12):
            self.db.sql("insert into other select i from generate_series(1, 100) i")
            self.db.sql("checkpoint")
            time.sleep(1)

    def state_is(self, worker, state="RUNNING"):
        worker.wait_states(NAME, state, state, 90)


def incremental(t, writer):
    """Begun by one, gone on with by the other. The real worker runs, and runs again at the end."""
    for begins, goes_on, n in ((t.real, t.ours, 1), (t.ours, t.real, 2)):
        before = t.big.count()
        t.db.sql(f"""insert into signal values ('again{n}', 'execute-snapshot', '{{"data-collections": ["public.big"]}}')""")
        wait_until(lambda: t.big.count() > before + BIG // 20, "some of an incremental snapshot", 60, 0.05)
        begins.terminate()
        read = t.big.count() - before
        assert read < BIG, "the snapshot was over before the worker had ended"
        goes_on.start().wait_up()
        t.state_is(goes_on)
        wait_until(lambda: min(t.read_again().values()) > n, lambda: f"all rows read: {t.read_again().most_common()[-3:]}", 180, 1)
        total = t.big.count() - before
        assert total < BIG + BIG // 10, f"begun anew: {read} and then {total - read} rows of {BIG}"
        t.check(writer, f"an incremental snapshot, {read} rows by the one and {total - read} by the other")


def kills(t, writer):
    for dies, goes_on, who in ((t.real, t.ours, "the real worker"), (t.ours, t.real, "walbridge")):
        dies.kill()
        t.kills += 1
        goes_on.start().wait_up()
        t.state_is(goes_on)
        t.check(writer, f"{who} was killed")


def run(t):
    writer = Writer(t.db)
    t.real.start().wait_up()
    status, answer = t.real.request("POST", "/connectors", {"name": NAME, "config": t.config()})
    assert status == 201, answer
    t.state_is(t.real)
    writer.start()
    t.check(writer, "the real worker")
    for n in range(ROUNDS):
        # One ends after a quiet while, the other begins.
        t.quiet(writer)
        t.real.terminate()
        t.ours.start().wait_up()
        t.state_is(t.ours)
        writer.hold.clear()
        t.check(writer, f"round {n}: taken over from the real worker that ended")
        t.quiet(writer)
        assert t.ours.terminate() == 0
        t.real.start().wait_up()
        t.state_is(t.real)
        writer.hold.clear()
        t.check(writer, f"round {n}: handed back")
        # And in the middle of a large transaction, both ways.
        for begins, goes_on, who in ((t.real, t.ours, "the real worker"), (t.ours, t.real, "walbridge")):
            before = t.topics.count()
            writer.large.set()
            wait_until(lambda: t.topics.count() > before + LARGE // 10, "some of a large transaction", 60, 0.01)
            begins.terminate()
            say(f"stopped after {t.topics.count() - before} rows")
            goes_on.start().wait_up()
            t.state_is(goes_on)
            t.check(writer, f"round {n}: a large transaction, begun by {who}")
        # Ours waits for the real one to leave.
        t.ours.start().wait_up()
        wait_until(lambda: "alive" in t.ours.get("/health")[1]["message"], "walbridge waiting", 20)
        status, answer = t.ours.request("PUT", f"/connectors/{NAME}/pause")
        assert status == 409, answer
        t.check(writer, f"round {n}: the real worker while walbridge waits")
        assert t.ours.get("/health")[0] == 200
        t.real.terminate()
        wait_until(lambda: "ready" in t.ours.get("/health")[1]["message"], "walbridge running", 30)
        t.state_is(t.ours)
        t.check(writer, f"round {n}: taken over from the real worker that left")
        # The real one joins while ours runs.
        t.real.start().wait_up()
        wait_until(lambda: "alive" in t.ours.get("/health")[1]["message"], "walbridge letting go", 60)
        t.state_is(t.real)
        t.check(writer, f"round {n}: let the real worker in")
        assert t.ours.terminate() == 0
        t.state_is(t.real)
    incremental(t, writer)
    kills(t, writer)
    writer.stop.set()
    writer.join()
    t.check(writer, "the end")
    ops = {json.loads(r["value"])["op"] for r in t.topics.read() if r["topic"] == "tk.public.t"}
    assert ops <= {"c", "r"}, ops
    log = t.ours.log_file.read_text()
    assert "created slot" not in log and '"snapshot: ' not in log, "a snapshot was taken"


def main():
    missing = connect.Real.missing()
    if missing:
        say(f"skipped: {missing}")
        return 0
    work = Path(tempfile.mkdtemp(prefix="takeover-"))
    work.chmod(0o755)
    (work / "pg").mkdir()
    t = None
    try:
        t = Trial(work)
        run(t)
    finally:
        if t:
            t.close()
        if os.environ.get("KEEP"):
            say(f"kept: {work}")
        else:
            shutil.rmtree(work, ignore_errors=True)
    say("passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
