#!/usr/bin/env python3
"""A randomised comparison with the real Debezium: both connectors on one database, records compared byte for byte.

  fuzz.py --seed 7 --rounds 500              rounds 0 to 499 of seed 7
  fuzz.py --seed 7 --round 123               that round alone
  fuzz.py --seed 7 --round 123 --shrink      … and the fewest of its statements that still differ
  fuzz.py --seed 7 --round 123 --print       its options and SQL, run nowhere

See README.md.
"""
import argparse
import json
import os
import re
import signal
import sys
import time

import psycopg

from generate import Round
from options import ONLY_OURS, as_old, draw, with_columns
from sides import CLASS, Debezium, Failed, Topics, Walbridge, difference

CATCH_UP_S, SETTLE_S = 60, 12
EXTENSIONS = ("hstore", "citext", "ltree", "isn")
MARKER = "fuzz_marker"


class Batch:
    """A database, both connectors on it, and the rounds that run there one after the other."""

    def __init__(self, o, options):
        self.o, self.options = o, options
        self.stamp = f"fz{time.time_ns() // 1000 % 16**9:09x}"
        self.database = f"parity_{self.stamp}"
        self.sides = [(Debezium(o.connect), Topics(o.bootstrap, self.stamp + "d"), "d"), (Walbridge(o.program, o.bootstrap), Topics(o.bootstrap, self.stamp + "o"), "o")]
        self.markers, self.spans, self.db = 0, [], None
        self.records = self.refused = self.played = 0

    def admin(self, sql, *args):
        with psycopg.connect(self.o.pg, autocommit=True) as db:
            cursor = db.execute(sql, args or None)
            return cursor.fetchall() if cursor.description else []

    def open(self):
        self.admin(f"create database {self.database} template template0 encoding 'UTF8'")
        self.db = psycopg.connect(self.o.pg, dbname=self.database, autocommit=True)
        self.db.add_notice_handler(lambda d: None)
        for name in EXTENSIONS:
            self.run([f"create extension if not exists {name}"])
        self.run([f"create table {MARKER} (n bigint primary key, v bigint)", f"insert into {MARKER} values (0, 0)"])
        if not self.admin("select from pg_replication_origin where roname = 'fuzz'"):
            self.run(["select pg_replication_origin_create('fuzz')"])

    def run(self, statements, say=False):
        """As psql would: autocommit, errors are passed over."""
        failed = []
        for sql in statements:
            try:
                self.db.execute(sql.encode(), prepare=False)
            except psycopg.Error as e:
                failed.append((sql, str(e).strip().splitlines()[0]))
        if self.db.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            self.db.execute("rollback")
        if say:
            for sql, why in failed:
                print(f"    refused: {why}: {sql[:150]}")
        return len(failed)

    def start(self):
        options = {k: v for k, v in self.options.items() if k != ONLY_OURS}
        base = {"connector.class": CLASS, "plugin.name": "pgoutput", "database.hostname": self.db.info.host, "database.port": str(self.db.info.port),
                "database.user": self.db.info.user, "database.password": self.db.info.password or "none", "database.dbname": self.database, "poll.interval.ms": "10"}
        for program, topics, letter in self.sides:
            slot = f"{self.stamp}{letter}"
            config = {**base, **options, "topic.prefix": topics.prefix, "slot.name": slot, "publication.name": f"{slot}_pub"}
            program.start(f"parity-{slot}", as_old(config) if letter == "o" and ONLY_OURS in self.options else config)
            limit = time.time() + CATCH_UP_S
            # A slot is active while it is being made, too, and what commits until it has a position is not streamed.
            while self.admin("select active and confirmed_flush_lsn is not null from pg_replication_slots where slot_name = %s", slot) != [(True,)]:
                program.check()
                if time.time() > limit:
                    raise Failed(program.title, f"slot not active within {CATCH_UP_S} s")
                time.sleep(0.05)
        self.catch_up()

    def catch_up(self):
        """Until both have said everything that is committed: a marker is written, and waited for."""
        self.markers += 1
        skipped = self.options.get("skipped.operations", "")
        self.db.execute(f"update {MARKER} set v = v + 1" if "c" in skipped else f"insert into {MARKER} values ({self.markers})", prepare=False)
        want = self.markers + (self.options.get("snapshot.mode", "initial") == "initial")
        limit, pause = time.time() + CATCH_UP_S, 0.01
        for program, topics, _ in self.sides:
            while topics.count(MARKER) < want:
                if time.time() > limit:
                    program.check()
                    raise Failed(program.title, f"nothing new within {CATCH_UP_S} s")
                time.sleep(pause)
                pause = min(pause * 1.3, 0.3)
                if pause > 0.2:
                    for other, *_ in self.sides:
                        other.check()

    def wal(self):
        return self.db.execute("select pg_current_wal_insert_lsn() - '0/0'").fetchone()[0]

    def prepare(self, r):
        """Tables that are there before the connectors."""
        if r.preloaded:
            self.refused += self.run(r.setup + r.rows, self.o.verbose)

    def play(self, r):
        begin = self.wal()
        refused = 0
        try:
            if not r.preloaded:
                refused += self.run(r.setup, self.o.verbose)
            for step in r.steps:
                if step.defines:
                    self.catch_up()
                refused += self.run(step.sql, self.o.verbose)
            self.catch_up()
        finally:
            self.spans.append((int(begin), int(self.wal()), r.number))
            self.refused += refused
            self.played += sum(len(s.sql) for s in r.steps)

    def round_of(self, topic, text):
        """Which round a record is of: by its topic, or by where it stood in the log."""
        named = re.match(r"PREFIX(?:[._-]|_u[0-9a-f]{4})r(\d+)", topic)
        if named:
            return int(named[1])
        lsn = re.search(r'"lsn":(\d+)', text[-2000:]) or re.search(r'"id":"\d+:(\d+)"', text[-2000:])
        return next((n for a, b, n in self.spans if lsn and a <= int(lsn[1]) <= b), None)

    def compare(self):
        """Round → texts of its differences."""
        limit = time.time() + SETTLE_S
        while time.time() < limit:
            counts = [{t.replace(topics.prefix, ""): n for (t, _), n in topics.ends().items() if n} for _, topics, _ in self.sides]
            if counts[0] == counts[1]:
                break
            time.sleep(0.3)
        a, b = (topics.read() for _, topics, _ in self.sides)
        out = {}
        self.records = sum(len(x) for x in a.values())
        for topic in sorted(a.keys() | b.keys()):
            if MARKER in topic:
                continue
            found = difference(a.get(topic, []), b.get(topic, []))
            if found:
                out.setdefault(self.round_of(topic, found[1]), []).append(f"{topic}: {found[0]}")
        return out

    def close(self):
        for program, topics, letter in self.sides:
            try:
                program.end()
            finally:
                slot = f"{self.stamp}{letter}"
                for (pid,) in self.admin("select active_pid from pg_replication_slots where slot_name = %s and active_pid is not null", slot):
                    self.admin("select pg_terminate_backend(%s)", pid)
                    time.sleep(0.3)
                self.admin("select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = %s", slot)
                topics.close()
        if self.db:
            self.db.close()
        self.admin("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", self.database)
        for _ in range(50):
            try:
                self.admin(f"drop database if exists {self.database}")
                return
            except psycopg.Error:  # a session takes its time to leave
                time.sleep(0.2)


def server(o):
    with psycopg.connect(o.pg, autocommit=True) as db:
        major = db.info.server_version // 10000
        have = {x for (x,) in db.execute("select name from pg_available_extensions where name = any(%s)", (list(EXTENSIONS),)).fetchall()}
    return major, have


def drawn(o, numbers, batch):
    options = draw(o.seed, batch)
    rounds = [Round(o.seed, n, o.major, o.have, preloaded=batch % 2 == 0) for n in numbers]
    if o.major < 13:
        options.pop("publish.via.partition.root", None)
    return with_columns(options, rounds), rounds


def again(o, number):
    return f"fuzz.py --seed {o.seed} --per-start {o.per_start} --round {number}"


def run_batch(o, numbers, batch):
    """Plays rounds until one ends a connector. Returns (rounds not played, differences by round, why the original stopped by round)."""
    options, rounds = drawn(o, numbers, batch)
    b, wrong, stopped, left = Batch(o, options), {}, {}, []
    try:
        b.open()
        for r in rounds:
            b.prepare(r)
        playing = rounds[0]
        try:
            b.start()
            for i, playing in enumerate(rounds):
                left = [r.number for r in rounds[i + 1:]]
                b.play(playing)
            wrong = b.compare()
        except Failed as e:
            if not b.spans and len(rounds) > 1:
                print(f"  batch {batch}: could not begin; its rounds are played alone: {e.args[0]}: {e.args[1][:200]}", flush=True)
                return None, {}, {}
            wrong = b.compare() if b.spans else {}
            wrong = {k: v for k, v in wrong.items() if k is not None and k < playing.number}
            ended = stopped if e.args[0] == Debezium.title else wrong
            ended[playing.number] = [f"{e.args[0]} ended or stood still: {e.args[1]}"]
        print(f"  batch {batch}: rounds {numbers[0]} to {playing.number}, {b.records} records of {b.played} statements ({b.refused} refused by the server)", flush=True)
        return left, wrong, stopped
    finally:
        b.close()


def races(o, number, batch):
    """A definition inside a transaction: either connector may ask the catalog, or be sent the table's description once more, before
    the server shows the commit, so that two of the original differ, too. Such a round counts when it differs alone, each time;
    number None, of a difference that is not known whose it is: when the batch has one each time."""
    numbers = batch if number is None else [number]
    _, rounds = drawn(o, numbers, numbers[0] // o.per_start)
    return any(r.racy for r in rounds) and not all(run_batch(o, numbers, numbers[0] // o.per_start)[1] for _ in range(3))


def differs(o, options, r, steps):
    """Whether a selection of a round's steps still differs."""
    b = Batch(o, options)
    try:
        b.open()
        b.prepare(r)
        try:
            b.start()
            r.steps = steps
            b.play(r)
        except Failed:
            return True
        return bool(b.compare())
    finally:
        b.close()


def shrink(o, number):
    """Leaves out steps, then options, one after the other, as long as a difference stays."""
    options, (r,) = drawn(o, [number], number // o.per_start)
    steps = list(r.steps)
    for i in reversed(range(len(steps))):
        fewer = steps[:i] + steps[i + 1:]
        if differs(o, options, r, fewer):
            steps = fewer
    for k in list(options):
        if k != "snapshot.mode":
            fewer = {x: v for x, v in options.items() if x != k}
            if differs(o, fewer, r, steps):
                options = fewer
    r.steps = steps
    show(r, options)


def show(r, options):
    print("-- " + "\n-- ".join(json.dumps(options, indent=1, ensure_ascii=False).splitlines()))
    for sql in r.setup + r.rows:
        print(sql + ";")
    for step in r.steps:
        print("-- both catch up" if step.defines else "--")
        for sql in step.sql:
            print(sql + ";")


def arguments():
    env = os.environ.get
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--pg", default=env("PARITY_PG"), metavar="DSN", help="PostgreSQL, a superuser, wal_level=logical (PARITY_PG)")
    ap.add_argument("--bootstrap", default=env("PARITY_BOOTSTRAP"), metavar="HOST:PORT", help="Kafka (PARITY_BOOTSTRAP)")
    ap.add_argument("--connect", default=env("PARITY_CONNECT"), metavar="URL", help="a Kafka Connect worker with Debezium 3.6.1 (PARITY_CONNECT)")
    ap.add_argument("--program", default="./walbridge", help="the program under test")
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--rounds", type=int, default=500)
    ap.add_argument("--first", type=int, default=0, help="first round")
    ap.add_argument("--round", type=int, metavar="N", help="only this round")
    ap.add_argument("--per-start", type=int, default=25, metavar="N", help="rounds that share connectors and their options (part of the draw)")
    ap.add_argument("--shrink", action="store_true", help="with --round: find the fewest steps and options that differ")
    ap.add_argument("--print", action="store_true", help="with --round: print the round's options and SQL, run nothing")
    ap.add_argument("--verbose", action="store_true", help="say which statements the server refused")
    o = ap.parse_args()
    missing = [x for x in ("pg", "bootstrap", "connect") if not getattr(o, x)]
    if missing:
        ap.error("the comparison needs real servers; not given: " + ", ".join(f"--{x} (PARITY_{x.upper()})" for x in missing))
    o.program = os.path.abspath(o.program)
    return o


def main():
    o = arguments()
    o.major, o.have = server(o)
    if o.round is not None:
        numbers = [o.round]
        if o.print:
            options, (r,) = drawn(o, numbers, o.round // o.per_start)
            return show(r, options)
        if o.shrink:
            return shrink(o, o.round)
    else:
        numbers = list(range(o.first, o.first + o.rounds))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # what was made is removed
    print(f"seed {o.seed}, rounds {numbers[0]} to {numbers[-1]}, PostgreSQL {o.major}", flush=True)
    wrong, stopped, began, alone = {}, {}, time.time(), set()
    while numbers:
        batch = numbers[0] // o.per_start
        mine = numbers[:1] if numbers[0] in alone else [n for n in numbers if n // o.per_start == batch]
        left, found, ended = run_batch(o, mine, batch)
        if left is None:
            alone.update(mine)
            continue
        numbers = left + numbers[len(mine):]
        for n, texts in ended.items():
            stopped[n] = texts
            print(f"round {n} stopped: {texts[0]}; again: {again(o, n)}", flush=True)
        for n, texts in found.items():
            if o.round is None and races(o, n, mine):
                print(f"round {n} differed, and not each time: it defines inside a transaction", flush=True)
                continue
            wrong.setdefault(n, []).extend(texts)
            print(f"round {n} differs; again: {again(o, n)}")
            for text in texts[:4]:
                print(f"    {text}")
            sys.stdout.flush()
    total = 1 if o.round is not None else o.rounds
    print(f"{total - len(wrong) - len(stopped)} rounds without a difference, {len(wrong)} with, {len(stopped)} that the original ended at "
          f"({time.time() - began:.0f} s)")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
