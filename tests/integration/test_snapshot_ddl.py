"""The snapshot against what others do to its tables and slots meanwhile."""
import json
import os
import threading

import psycopg
import pytest
from kit import program, wait_until


@pytest.fixture
def slow(db, tmp_path):
    """A pipe whose reader waits, so that a snapshot of the first table stops half way; read() lets it go on."""
    path = tmp_path / "lines"
    os.mkfifo(path)
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(fd, True)
    got = []

    def read():
        def run():
            with os.fdopen(fd, "rb") as f:
                got.extend(f)

        threading.Thread(target=run, daemon=True).start()

    yield path, read, got


def topics_of(lines):
    return [json.loads(line)["topic"].rsplit(".", 1)[1] for line in lines]


def test_a_table_that_waits_for_its_turn_is_not_rewritten_under_the_snapshot(db, slow, new_connector):
    path, read, got = slow
    db.sql("create table a (id int primary key, v text); create table b (id int primary key, v int)")
    db.sql("insert into a select g, repeat('x', 200) from generate_series(1, 50000) g; insert into b select g, g from generate_series(1, 100) g")
    c = new_connector().start("--sink", "lines", "--output", str(path))
    wait_until(lambda: "snapshot: 2 tables" in c.log(), "the snapshot under way")
    # Rewritten, its rows would be none to the snapshot: the table would be read as empty.
    with db.server.connect(db.name) as s, pytest.raises(psycopg.errors.LockNotAvailable):
        s.execute("set lock_timeout = '300ms'")
        s.execute("alter table b alter column v type bigint")
    read()
    wait_until(lambda: topics_of(got).count("b") == 100, "all rows of the second table")
    c.wait_streaming(db)
    assert c.terminate() == program.OK


def test_the_temporary_slot_of_a_snapshot_is_gone_while_streaming(db, new_connector):
    db.sql("create table t (id int primary key); insert into t values (1)")
    c = new_connector()
    db.sql("select pg_create_logical_replication_slot(%s, 'pgoutput')", c.slot)
    c.start("--sink", "null")
    c.wait_streaming(db)
    assert "created temporary slot" in c.log()
    assert db.value("select count(*) from pg_replication_slots where temporary and database = current_database()") == 0
    assert c.terminate() == program.OK


def test_heartbeats_go_out_before_anything_changed_and_cost_nothing(db, new_connector):
    db.sql("create table t (id int primary key); create table beats (at timestamptz default now())")
    c = new_connector(snapshot__mode="no_data", heartbeat__interval__ms="100", table__include__list="public.t",
                      heartbeat__action__query="insert into public.beats default values").start("--sink", "null")
    c.wait_streaming(db)
    wait_until(lambda: db.value("select count(*) from beats") > 2, "beats")
    ticks = lambda: sum(int(x) for x in open(f"/proc/{c.proc.pid}/stat").read().rsplit(")", 1)[1].split()[11:13])
    start = ticks()
    threading.Event().wait(2)
    assert ticks() - start < 50, "of 200 a CPU has in 2 s"
    assert c.terminate() == program.OK
