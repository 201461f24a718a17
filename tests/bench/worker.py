#!/usr/bin/env python3
"""The Connect worker: how soon it answers and delivers, its memory, and REST while a connector drains a backlog.

Run by `make bench-worker`, on a private PostgreSQL and a real Kafka of its own. EVENTS (300000 rows a backlog), ROUNDS (5), STARTS (7).
With REAL_CONNECT_LIBS and REAL_CONNECT_PLUGINS (tests/integration/kit/connect.py) the real worker's start is measured beside it.
"""
import http.client
import json
import os
import shutil
import socket
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))
from kit import connect, kafka, postgres, program, wait_until  # noqa: E402

EVENTS, ROUNDS, STARTS = (int(os.environ.get(n, d)) for n, d in (("EVENTS", "300000"), ("ROUNDS", "5"), ("STARTS", "7")))
RATE = 50  # requests a second beside a drain


def say(text):
    print(text, flush=True)


def memory_mb(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(x.split()[1] for x in lines if x.startswith("VmRSS"))) / 1024


def cpu(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Bench:
    def __init__(self, work):
        (work / "pg").mkdir()
        (work / "kafka").mkdir()
        self.server = postgres.Server(work / "pg", os.getpid())
        self.broker = kafka.Real(work / "kafka")
        self.work = work
        self.db = self.server.new_database("bench")
        self.db.sql("create table t (id bigserial primary key, v text, at timestamptz default now())")

    def close(self):
        self.broker.stop()
        self.server.remove()

    def config(self, name):
        return {**{k: v for k, v in program.base_settings(self.db, name).items() if not k.startswith("offset.")},
                "table.include.list": "public.t", "heartbeat.interval.ms": "0", **program.NO_SCHEMAS}


# ---- start -----------------------------------------------------------------------------------------------------------

def answers(worker):
    try:
        return worker.get("/connectors")[0] == 200
    except OSError:
        return False


def starts(bench, worker, name, n):
    """[seconds to REST], [seconds to the first event of a stored connector], MB"""
    topics = kafka.Topics(bench.broker.bootstrap, f"{name}.public.t")
    worker.start().wait_up()
    status, answer = worker.request("POST", "/connectors", {"name": name, "config": bench.config(name)})
    assert status == 201, answer
    worker.wait_states(name, "RUNNING", "RUNNING")
    bench.db.sql("insert into t (v) values ('first')")
    wait_until(lambda: topics.count() > 0, "the first row", 60)
    rest, event, memory = [], [], 0
    for _ in range(n):
        time.sleep(1.5)
        memory = max(memory, memory_mb(worker.proc.pid))
        worker.terminate()
        bench.db.sql("insert into t (v) values ('x')")
        before = topics.count()
        began = time.monotonic()
        worker.start()
        wait_until(lambda: answers(worker), "REST", 60, 0.002)
        rest.append(time.monotonic() - began)
        wait_until(lambda: topics.count() > before, "a row", 60, 0.002)
        event.append(time.monotonic() - began)
    worker.request("DELETE", f"/connectors/{name}")
    worker.terminate()
    topics.close()
    return rest, event, memory


# ---- REST beside a drain ---------------------------------------------------------------------------------------------

class Client(threading.Thread):
    """Asks for states again and again over one connection; and, once, for a validation that waits for a silent host."""

    def __init__(self, worker, config):
        super().__init__(daemon=True)
        self.worker, self.config, self.stop, self.took, self.error = worker, config, threading.Event(), [], None

    def validate(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            c = http.client.HTTPConnection("127.0.0.1", self.worker.port, timeout=30)
            c.request("PUT", "/connector-plugins/PostgresConnector/config/validate", headers={"Content-Type": "application/json"},
                      body=json.dumps({**self.config, "database.port": str(silent.getsockname()[1])}))
            self.stop.wait()
            c.close()

    def run(self):
        try:
            validation = threading.Thread(target=self.validate, daemon=True)
            validation.start()
            c = http.client.HTTPConnection("127.0.0.1", self.worker.port, timeout=30)
            while not self.stop.is_set():
                for path in ("/connectors?expand=status", "/connectors/drain/offsets", "/health", "/metrics"):
                    began = time.monotonic()
                    c.request("GET", path)
                    answer = c.getresponse()
                    answer.read()
                    self.took.append(time.monotonic() - began)
                    assert answer.status == 200, path
                    self.stop.wait(1 / RATE)
            c.close()
            validation.join()
        except Exception as e:  # shown by whoever joins
            self.error = e


def drain(bench, worker, client):
    """Seconds in which a backlog is drained, and what the worker used of the processor."""
    assert worker.request("PUT", "/connectors/drain/stop")[0] == 204
    worker.wait_states("drain", "STOPPED", "")
    with bench.server.connect(bench.db.name) as c:
        c.execute("insert into t (v) select 'some text of a row' from generate_series(1, %s)" % EVENTS)
    end = bench.db.sql("select pg_current_wal_insert_lsn()")[0][0]
    began, used = time.monotonic(), cpu(worker.proc.pid)
    assert worker.request("PUT", "/connectors/drain/resume")[0] == 202
    client.start()
    wait_until(lambda: bench.db.sql(f"select confirmed_flush_lsn >= '{end}' from pg_replication_slots where slot_name = 'drain'")[0][0],
               "the drain", 300, 0.05)
    took, used = time.monotonic() - began, cpu(worker.proc.pid) - used
    client.stop.set()
    client.join()
    assert client.error is None, client.error
    return took, used


def beside_drains(bench):
    """Without requests to it means: as many of the same client to another worker, so that what the client costs is in both."""
    worker = connect.Walbridge(bench.work / "drain", bench.broker.bootstrap, "drains")
    idle = connect.Walbridge(bench.work / "idle", bench.broker.bootstrap, "idles")
    config = {**bench.config("drain"), "slot.name": "drain"}
    for w, state in ((worker, "RUNNING"), (idle, "STOPPED")):
        w.start().wait_up()
        status, answer = w.request("POST", "/connectors", {"name": "drain", "config": config, "initial_state": state})
        assert status == 201, answer
    worker.wait_states("drain", "RUNNING", "RUNNING")
    wait_until(lambda: (bench.db.slot("drain") or {}).get("active"), "streaming", 60)
    drain(bench, worker, Client(idle, config))
    alone, asked, took = [], [], []
    for n in range(ROUNDS):
        for whom in ((idle, worker), (worker, idle))[n % 2]:
            client = Client(whom, config)
            (asked if whom is worker else alone).append(drain(bench, worker, client))
            took += client.took if whom is worker else []
    for w in (worker, idle):
        w.terminate()
    return alone, asked, sorted(took)


def main():
    work = Path(tempfile.mkdtemp(prefix="bench-worker-"))
    work.chmod(0o755)
    bench = Bench(work)
    try:
        workers = [("walbridge", connect.Walbridge(work / "ours", bench.broker.bootstrap, "ours"), STARTS)]
        if not connect.Real.missing():
            workers.append(("real worker", connect.Real(work / "real", bench.broker.bootstrap, "real"), 2))
        for what, worker, n in workers:
            rest, event, memory = starts(bench, worker, worker.group, n)
            say(f"{what}: REST after {statistics.median(rest) * 1000:.0f} ms, first event of a stored connector after "
                f"{statistics.median(event) * 1000:.0f} ms (medians of {n}), {memory:.0f} MB resident")
        alone, asked, took = beside_drains(bench)
        for i, what in enumerate(("seconds", "CPU seconds of the worker")):
            a, b = ([x[i] for x in each] for each in (alone, asked))
            ratios = [y / x for x, y in zip(a, b)]
            say(f"drain of {EVENTS} rows, {what}: {statistics.median(a):.2f} alone, {statistics.median(b):.2f} while REST is asked; "
                f"ratio {statistics.median(ratios):.2f} (median of {ROUNDS} pairs, {min(ratios):.2f} to {max(ratios):.2f})")
        say(f"{len(took)} requests beside drains: median {took[len(took) // 2] * 1000:.1f} ms, 99 % within "
            f"{took[len(took) * 99 // 100] * 1000:.1f} ms, longest {took[-1] * 1000:.1f} ms")
    finally:
        bench.close()
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
