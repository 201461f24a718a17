#!/usr/bin/env python3
"""Benchmarks against a private PostgreSQL server. Started by tests/bench/bench.sh, which also describes them."""
import json
import os
import re
import shlex
import shutil
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

from workloads import workload

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "out" / "bench"
WALBRIDGE = os.environ.get("WALBRIDGE", str(ROOT / "out/release/walbridge"))
TICK = os.sysconf("SC_CLK_TCK")
ROUNDS = int(os.environ.get("ROUNDS", "3"))
WORKLOAD = os.environ.get("WORKLOAD", "narrow")
WORK_SQL = workload(WORKLOAD, int(os.environ.get("EVENTS", "0")))
EVENTS = WORK_SQL["events"]
ONLY = os.environ.get("ONLY", "").split()
PUBLICATION = "bench"
SETTINGS = ["autovacuum=off", "synchronous_commit=off", "max_wal_size=16GB", "checkpoint_timeout=1h", "shared_buffers=512MB"]
# wal_sender_timeout stays at its default: 0 makes the server look for replies after every single change.


# ---- the machine -----------------------------------------------------------------------------------------------------

def cpu(pid):
    """CPU seconds of a process, or None when it has gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / TICK


def peak_mb(pid):
    try:
        return next(int(x.split()[1]) for x in Path(f"/proc/{pid}/status").read_text().splitlines() if x.startswith("VmHWM")) / 1024
    except (OSError, StopIteration):
        return None


class Meter:
    """CPU and peak memory of a process up to the last look at it; ended processes keep their last figures."""

    def __init__(self, pid):
        self.pid, self.first, self.cpu, self.peak = pid, cpu(pid) or 0.0, cpu(pid) or 0.0, 0.0

    def look(self):
        self.cpu, self.peak = cpu(self.pid) or self.cpu, peak_mb(self.pid) or self.peak

    def used(self):
        return self.cpu - self.first


# ---- PostgreSQL ------------------------------------------------------------------------------------------------------

class Server:
    def __init__(self):
        pg = str(ROOT / "tests/pg.sh")
        subprocess.run([pg, "remove", str(WORK / "pg")], check=False)
        out = subprocess.run([pg, "start", str(WORK / "pg"), "--until", str(os.getpid()), *SETTINGS], check=True, text=True,
                             stdout=subprocess.PIPE).stdout
        env = {k: v for k, _, v in (w.partition("=") for w in shlex.split(out) if "=" in w)}
        self.port, self.socket, self.bin = env["PGPORT"], env["PG_SOCKET"], env["PG_BIN"]

    def psql(self, *more):
        return ["psql", "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-h", self.socket, "-p", self.port,
                "-U", "postgres", "-d", "postgres", *more]

    def sql(self, text):
        """Rows of the last query as lists of text."""
        out = subprocess.run(self.psql(), input=text, text=True, check=True, stdout=subprocess.PIPE).stdout
        return [line.split("\t") for line in out.splitlines() if line]

    def until_confirmed(self, slot, lsn):
        """A process that ends as soon as the slot's confirmed position has passed lsn: it looks every 5 ms from inside."""
        return subprocess.Popen(["psql", "-X", "-q", "-h", self.socket, "-p", self.port, "-U", "postgres", "-d", "postgres", "-c",
                                 f"""do $$ begin while not exists (select from pg_replication_slots where slot_name = '{slot}'
                                     and confirmed_flush_lsn >= '{lsn}') loop perform pg_sleep(0.005); end loop; end $$"""],
                                stdin=subprocess.DEVNULL)

    def walsender(self, slot):
        rows = self.sql(f"select active_pid from pg_replication_slots where slot_name = '{slot}' and active_pid is not null")
        return int(rows[0][0]) if rows else None

    def tables(self, work):
        self.sql(f"""{work["prepare"]};
                     create table sentinel (id serial primary key);
                     create publication {PUBLICATION} for table {", ".join(work["tables"])}, sentinel;""")
        self.sql("select pg_create_logical_replication_slot('base', 'pgoutput')")

    def slots(self, names):
        """All at one position, so that all read the same."""
        for name in names:
            self.sql(f"select pg_copy_logical_replication_slot('base', '{name}')")

    def write(self, work):
        """Writes the workload and returns a position that has been passed when the last row has been confirmed."""
        self.sql(work["run"])
        lsn = self.sql("select pg_current_wal_insert_lsn()")[0][0]
        self.sql("set synchronous_commit = on; insert into sentinel default values; checkpoint;")
        return lsn


# ---- programs --------------------------------------------------------------------------------------------------------

def recvlogical(server, transport, slot, lsn):
    host = server.socket if transport == "unix" else "127.0.0.1"
    return [f"{server.bin}/pg_recvlogical", "-h", host, "-p", server.port, "-U", "postgres", "-d", "postgres", "-S", slot, "--start",
            "-o", "proto_version=1", "-o", f"publication_names={PUBLICATION}", "-f", "/dev/null", "--endpos", lsn]


def walbridge(server, transport, slot, sink, schemas=False, more=()):
    folder = WORK / slot
    shutil.rmtree(folder, ignore_errors=True)  # an offset of an earlier run belongs to another server
    folder.mkdir(exist_ok=True)
    config = {"connector.class": "io.debezium.connector.postgresql.PostgresConnector", "plugin.name": "pgoutput",
              "database.hostname": server.socket if transport == "unix" else "127.0.0.1", "database.port": server.port,
              "database.user": "postgres", "database.dbname": "postgres", "topic.prefix": "bench", "slot.name": slot,
              "publication.name": PUBLICATION, "publication.autocreate.mode": "disabled", "snapshot.mode": "no_data",
              "offset.storage.file.filename": str(folder / "offsets.dat"), **dict(more)}
    for side in ("key", "value"):
        config[f"{side}.converter"] = "org.apache.kafka.connect.json.JsonConverter"
        config[f"{side}.converter.schemas.enable"] = str(schemas).lower()
    file = folder / "connector.json"
    file.write_text(json.dumps({"name": slot, "config": config}, indent=1))
    return [WALBRIDGE, "run", str(file), "--sink", sink]


class Broker:
    """`walbridge broker`, one for all drains: it keeps only the last few megabytes of a topic."""

    def __init__(self, delay=0):
        self.proc = subprocess.Popen([WALBRIDGE, "broker", "--delay", str(delay)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                                     stderr=open(WORK / "broker.log", "w"))
        self.bootstrap = re.match(r"bootstrap\.servers=(\S+)", self.proc.stdout.readline())[1]

    def stop(self):
        self.proc.terminate()
        self.proc.wait()


def programs(server, broker):
    """name → (what it is measured against, command of a slot and the last position)"""
    kafka = {"bootstrap.servers": broker.bootstrap}
    return {
        "pg_recvlogical tcp": (None, lambda slot, lsn: recvlogical(server, "tcp", slot, lsn)),
        "null tcp": ("pg_recvlogical tcp", lambda slot, lsn: walbridge(server, "tcp", slot, "null")),
        "kafka tcp": ("pg_recvlogical tcp", lambda slot, lsn: walbridge(server, "tcp", slot, "kafka", more=kafka)),
        "kafka tcp, schemas": ("pg_recvlogical tcp", lambda slot, lsn: walbridge(server, "tcp", slot, "kafka", True, kafka)),
        "pg_recvlogical unix": (None, lambda slot, lsn: recvlogical(server, "unix", slot, lsn)),
        "null unix": ("pg_recvlogical unix", lambda slot, lsn: walbridge(server, "unix", slot, "null")),
    }


def drain(server, command, slot, lsn):
    """Runs a program until the slot has passed lsn; figures of that run."""
    log = open(WORK / f"{slot}.log", "wb")
    ends_itself = "--endpos" in command
    watch = None if ends_itself else server.until_confirmed(slot, lsn)
    begin = time.monotonic()
    proc = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    reader, sender = Meter(proc.pid), None
    ended = proc if ends_itself else watch
    while ended.poll() is None:
        if sender is None and (pid := server.walsender(slot)):
            sender = Meter(pid)
            sender.first = 0.0  # it began with this session
        reader.look()
        if sender:
            sender.look()
        if not ends_itself and proc.poll() is not None:
            watch.kill()
            raise SystemExit(f"{shlex.join(command)} ended with {proc.returncode}; see {log.name}")
        time.sleep(0.01)
    seconds = time.monotonic() - begin
    reader.look()
    if sender:
        sender.look()
    if not ends_itself:
        proc.send_signal(signal.SIGTERM)
    code = proc.wait(60)
    if code != 0:
        raise SystemExit(f"{shlex.join(command)} ended with {code}; see {log.name}")
    million = EVENTS / 1e6
    return {"seconds": round(seconds, 3), "events_s": round(EVENTS / seconds), "reader_cpu": round(reader.used() / million, 3),
            "walsender_cpu": round(sender.used() / million, 3) if sender else None, "peak_mb": round(reader.peak, 1)}


# ---- benchmarks ------------------------------------------------------------------------------------------------------

def bench_drain():
    server = Server()
    broker = Broker()
    try:
        every = {n: p for n, p in programs(server, broker).items() if not ONLY or any(re.search(o, n) for o in ONLY)}
        slot = lambda name, round_: re.sub("[^a-z0-9]+", "_", name) + f"_{round_}"
        server.tables(WORK_SQL)
        server.slots(["warmup"] + [slot(n, r) for r in range(ROUNDS) for n in every])
        print(f"writing {EVENTS} events, {WORKLOAD}", flush=True)
        lsn = server.write(WORK_SQL)
        drain(server, recvlogical(server, "unix", "warmup", lsn), "warmup", lsn)  # the first one reads cold files
        runs = {n: [] for n in every}
        with open(WORK / "results.jsonl", "w") as results:
            for r in range(ROUNDS):
                order = list(every)[r % len(every):] + list(every)[:r % len(every)]
                for name in order:
                    figures = drain(server, every[name][1](slot(name, r), lsn), slot(name, r), lsn)
                    runs[name].append(figures)
                    line = json.dumps({"round": r + 1, "program": name, **figures})
                    results.write(line + "\n")
                    print(line, flush=True)
                    server.sql(f"select pg_drop_replication_slot('{slot(name, r)}')")
        report(every, runs)
    finally:
        broker.stop()
        subprocess.run([str(ROOT / "tests/pg.sh"), "remove", str(WORK / "pg")], check=False)


def report(every, runs):
    """Medians, and the medians of the ratios within each round."""
    def median(name, figure):
        found = [x[figure] for x in runs[name] if x[figure] is not None]
        return statistics.median(found) if found else float("nan")

    def ratio(name, base, figure):
        if base not in runs:
            return ""
        return f"{100 * statistics.median(a[figure] / b[figure] for a, b in zip(runs[name], runs[base]) if a[figure] and b[figure]):.0f} %"

    print(f"\nMedians of {ROUNDS} rounds, {EVENTS} events, {WORKLOAD}; ratios are to pg_recvlogical in the same round\n")
    print("| Program | events/s | ratio | reader CPU-s/M | walsender CPU-s/M | ratio | peak RSS MB |")
    print("|---|---|---|---|---|---|---|")
    for name, (base, _) in every.items():
        print(f"| {name} | {median(name, 'events_s'):.0f} | {ratio(name, base, 'events_s')} | {median(name, 'reader_cpu'):.2f} "
              f"| {median(name, 'walsender_cpu'):.2f} | {ratio(name, base, 'walsender_cpu')} | {median(name, 'peak_mb'):.0f} |")


def copy_rows(server):
    """What the server gives at most: COPY, dropped."""
    command = [f"{server.bin}/psql", "-X", "-q", "-h", "127.0.0.1", "-p", server.port, "-U", "postgres", "-d", "postgres",
               "-c", "copy users to stdout"]
    begin = time.monotonic()
    proc = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    reader = Meter(proc.pid)
    while proc.poll() is None:
        reader.look()
        time.sleep(0.01)
    seconds = time.monotonic() - begin
    return {"seconds": round(seconds, 3), "rows_s": round(EVENTS / seconds), "reader_cpu": round(reader.used() / EVENTS * 1e6, 3),
            "peak_mb": round(reader.peak, 1)}


def read_snapshot(server, slot, sink, more):
    """The time is the snapshot's own, from its transaction to the last row in the sink's hands; the slot's making is not in it."""
    log = WORK / f"{slot}.log"
    command = walbridge(server, "tcp", slot, sink, more={"snapshot.mode": "initial", "table.include.list": "public.users",
                                                         "slot.drop.on.stop": "true", **more})
    with open(log, "wb") as out:
        proc = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    reader = Meter(proc.pid)
    while not (done := re.search(r"snapshot: done, (\d+) rows of .* in ([0-9.]+) s", log.read_text(errors="replace"))):
        if proc.poll() is not None:
            raise SystemExit(f"{shlex.join(command)} ended with {proc.returncode}; see {log}")
        reader.look()
        time.sleep(0.01)
    reader.look()
    proc.send_signal(signal.SIGTERM)
    proc.wait(60)
    if int(done[1]) != EVENTS:
        raise SystemExit(f"{slot}: {done[1]} rows were read, not {EVENTS}")
    seconds = float(done[2])
    return {"seconds": seconds, "rows_s": round(EVENTS / seconds), "reader_cpu": round(reader.used() / EVENTS * 1e6, 3),
            "peak_mb": round(reader.peak, 1)}


def bench_snapshot():
    """One table of narrow rows, beside COPY to /dev/null."""
    server = Server()
    broker = Broker()
    lz4 = {"bootstrap.servers": broker.bootstrap, "producer.override.compression.type": "lz4"}
    every = {"COPY": lambda slot: copy_rows(server), "null": lambda slot: read_snapshot(server, slot, "null", {}),
             "null, 2 threads": lambda slot: read_snapshot(server, slot, "null", {"snapshot.max.threads": "2"}),
             "kafka lz4": lambda slot: read_snapshot(server, slot, "kafka", lz4)}
    every = {n: p for n, p in every.items() if not ONLY or any(re.search(o, n) for o in ONLY)}
    try:
        server.tables(workload("narrow"))
        server.sql(f"insert into users select g, 'user number ' || g, '2024-01-01 00:00:00.123456+00' from generate_series(1, {EVENTS}) g")
        server.sql("vacuum analyze users")
        server.sql("checkpoint")
        copy_rows(server)  # the first one reads cold files
        runs = {n: [] for n in every}
        with open(WORK / "results.jsonl", "w") as results:
            for r in range(ROUNDS):
                for name, run in every.items():
                    figures = run(re.sub("[^a-z0-9]+", "_", name.lower()) + f"_{r}")
                    runs[name].append(figures)
                    line = json.dumps({"round": r + 1, "program": name, **figures})
                    results.write(line + "\n")
                    print(line, flush=True)
        print(f"\nMedians of {ROUNDS} rounds, {EVENTS} rows; ratios are to COPY in the same round\n")
        print("| Program | rows/s | ratio | reader CPU-s/M | peak RSS MB |")
        print("|---|---|---|---|---|")
        for name, found in runs.items():
            ratio = (f"{100 * statistics.median(a['rows_s'] / b['rows_s'] for a, b in zip(found, runs['COPY'])):.0f} %"
                     if name != "COPY" and "COPY" in runs else "")
            median = lambda figure: statistics.median(x[figure] for x in found)
            print(f"| {name} | {median('rows_s'):.0f} | {ratio} | {median('reader_cpu'):.2f} | {median('peak_mb'):.0f} |")
    finally:
        broker.stop()
        subprocess.run([str(ROOT / "tests/pg.sh"), "remove", str(WORK / "pg")], check=False)


def bench_distant():
    """A steady rate to a broker whose answers take longer than records linger: processor time of a second."""
    rate, seconds = 1000, 10
    server = Server()
    server.tables(workload("narrow"))
    try:
        for delay in (0, 8, 20):
            broker, slot = Broker(delay), f"distant_{delay}"
            server.sql(f"select pg_create_logical_replication_slot('{slot}', 'pgoutput')")
            proc = subprocess.Popen(walbridge(server, "tcp", slot, "kafka", more={"bootstrap.servers": broker.bootstrap}),
                                    stdin=subprocess.DEVNULL, stderr=open(WORK / f"{slot}.log", "wb"))
            try:
                while not server.walsender(slot):
                    time.sleep(0.05)
                time.sleep(1)
                load = subprocess.Popen(server.psql("-c", "set synchronous_commit = on", "-c", f"""do $$ begin for i in 0 .. {rate * seconds // 10 - 1} loop
                    insert into users select {delay} * 1000000 + i * 10 + g, 'n', now() from generate_series(0, 9) g;
                    commit; perform pg_sleep(10.0 / {rate}); end loop; end $$"""))
                time.sleep(2)  # the first second makes the topic
                reader = Meter(proc.pid)
                begin = time.monotonic()
                while load.poll() is None:
                    time.sleep(0.1)
                reader.look()
                share = reader.used() / (time.monotonic() - begin)
                print(f"{rate} events a second, broker {delay} ms away: {100 * share:.1f} % of a core")
            finally:
                proc.terminate()
                proc.wait(30)
                broker.stop()
                server.sql(f"select pg_drop_replication_slot('{slot}')")
    finally:
        subprocess.run([str(ROOT / "tests/pg.sh"), "remove", str(WORK / "pg")], check=False)


def bench_instructions():
    """Instructions of the null sink per event: the difference of two drains, so that starting and stopping cancel out."""
    few, many = 20_000, 120_000
    server = Server()
    try:
        server.tables(workload(WORKLOAD, many))
        counted = {}
        for events in (few, many):
            work = workload(WORKLOAD, events)
            server.slots([f"count_{events}"])
            if counted:  # the tables as they were before the first
                server.sql(f"drop table {', '.join(work['tables'])}; {work['prepare']}; "
                           f"alter publication {PUBLICATION} set table {', '.join(work['tables'])}, sentinel")
            lsn = server.write(work)
            out = WORK / f"callgrind.{events}"
            command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", *walbridge(server, "unix", f"count_{events}", "null")]
            watch = server.until_confirmed(f"count_{events}", lsn)
            with open(WORK / "callgrind.log", "wb") as log:
                proc = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            while watch.poll() is None:
                if proc.poll() is not None:
                    watch.kill()
                    raise SystemExit(f"it ended with {proc.returncode}; see {WORK}/callgrind.log")
                time.sleep(0.05)
            proc.send_signal(signal.SIGTERM)
            proc.wait(120)
            counted[events] = sum(int(x) for x in re.findall(r"^(?:totals|summary): (\d+)", out.read_text(), re.M)[-1:])
            # The second drain must not read the first one's rows again.
            server.sql(f"select pg_drop_replication_slot('count_{events}'); select pg_drop_replication_slot('base'); "
                       "select pg_create_logical_replication_slot('base', 'pgoutput')")
        print(f"instructions per event, null sink: {(counted[many] - counted[few]) / (many - few):.0f} "
              f"({counted[few]} for {few} events, {counted[many]} for {many}); profile: callgrind_annotate {WORK}/callgrind.{many}")
    finally:
        subprocess.run([str(ROOT / "tests/pg.sh"), "remove", str(WORK / "pg")], check=False)


def bench_startup():
    """From starting the program to the first event, a slot and an offset being there already: lines on standard output."""
    server = Server()
    try:
        server.tables(workload("narrow"))
        server.slots(["startup"])
        took = []
        for i in range(ROUNDS * 5 + 1):
            server.sql(f"insert into users values ({i}, 'n', now())")
            begin = time.monotonic()
            proc = subprocess.Popen(walbridge(server, "tcp", "startup", "lines"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                    stderr=open(WORK / "startup.log", "wb"))
            proc.stdout.readline()
            took.append((time.monotonic() - begin) * 1000)
            proc.terminate()
            proc.wait(30)
        took = sorted(took[1:])  # the first makes offset and caches
        print(f"start to first event, lines: median {statistics.median(took):.0f} ms, worst {took[-1]:.0f} ms of {len(took)}")
    finally:
        subprocess.run([str(ROOT / "tests/pg.sh"), "remove", str(WORK / "pg")], check=False)


if __name__ == "__main__":
    WORK.mkdir(parents=True, exist_ok=True)
    {"drain": bench_drain, "snapshot": bench_snapshot, "instructions": bench_instructions, "startup": bench_startup, "distant": bench_distant}[sys.argv[1] if len(sys.argv) > 1 else "drain"]()
