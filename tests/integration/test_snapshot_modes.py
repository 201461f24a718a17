"""snapshot.mode at the first start and at the ones after it."""
import threading
import time

import pytest
from kit import program, wait_until


@pytest.fixture
def table(db):
    db.sql("create table t (id int primary key, v text); insert into t values (1), (2)")
    return db


def rows(c):
    """(op, snapshot marker, id) of every record so far."""
    out = []
    for line in c.lines():
        p = line["value"]["payload"]
        out.append((p["op"], p["source"]["snapshot"], (p["after"] or p["before"])["id"]))
    return out


def wait_rows(c, n):
    wait_until(lambda: len(rows(c)) >= n, lambda: f"{n} records, got {rows(c)}:\n{c.log()[-3000:]}")
    return rows(c)


def wait_stored(c):
    wait_until(lambda: (c.offset() or {}).get("offset", {}).get("snapshot_completed"), lambda: f"a whole snapshot in {c.offset()}")


SNAPSHOT = [("r", "first", 1), ("r", "last", 2)]


def test_always_reads_the_tables_at_every_start(table, new_connector):
    c = new_connector(snapshot__mode="always").start("--sink", "lines")
    assert wait_rows(c, 2) == SNAPSHOT
    c.wait_streaming(table)
    table.sql("insert into t values (3)")
    wait_rows(c, 3)
    assert c.terminate() == program.OK
    table.sql("insert into t values (4)")
    c.start("--sink", "lines")
    assert wait_rows(c, 7)[3:] == [("r", "first", 1), ("r", "true", 2), ("r", "true", 3), ("r", "last", 4)]
    c.wait_streaming(table)
    table.sql("insert into t values (5)")
    assert wait_rows(c, 8)[7:] == [("c", "false", 5)], "the row that was read is not streamed as well"
    assert c.terminate() == program.OK


def test_always_does_not_read_again_for_a_session_that_was_lost(table, new_connector):
    c = new_connector(snapshot__mode="always").start("--sink", "lines")
    wait_rows(c, 2)
    wait_stored(c)
    c.wait_streaming(table)
    table.sql("select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = %s", c.slot)
    table.sql("insert into t values (3)")
    assert wait_rows(c, 3) == [*SNAPSHOT, ("c", "false", 3)]
    assert c.terminate() == program.OK


def test_initial_only_needs_no_slot_and_rests(table, new_connector):
    c = new_connector(snapshot__mode="initial_only").start("--sink", "lines")
    assert wait_rows(c, 2) == SNAPSHOT
    wait_stored(c)
    c.wait_log("idle until stopped")
    assert table.slot(c.slot) is None
    assert table.value("select count(*) from pg_publication") == 0
    table.sql("insert into t values (3)")
    time.sleep(1)
    assert c.running() and len(rows(c)) == 2
    assert c.terminate() == program.OK
    c.start("--sink", "lines")
    c.wait_log("idle until stopped")
    assert c.terminate() == program.OK
    assert len(rows(c)) == 2, "what was read once is not read again"


def test_when_needed_reads_again_when_the_slot_is_gone(table, new_connector):
    c = new_connector(snapshot__mode="when_needed").start("--sink", "lines")
    wait_rows(c, 2)
    wait_stored(c)
    assert c.terminate() == program.OK
    c.start("--sink", "lines")
    c.wait_streaming(table)
    assert len(rows(c)) == 2, "not needed"
    assert c.terminate() == program.OK
    table.sql("select pg_drop_replication_slot(%s)", c.slot)
    table.sql("insert into t values (3)")
    c.start("--sink", "lines")
    assert wait_rows(c, 5)[2:] == [("r", "first", 1), ("r", "true", 2), ("r", "last", 3)]
    c.wait_streaming(table)
    assert "the tables are read again" in c.log()
    assert c.terminate() == program.OK


def test_configuration_based_reads_without_a_stream(table, new_connector):
    c = new_connector(snapshot__mode="configuration_based", snapshot__mode__configuration__based__snapshot__data="true",
                      snapshot__mode__configuration__based__snapshot__schema="true").start("--sink", "lines")
    assert wait_rows(c, 2) == SNAPSHOT
    c.wait_log("idle until stopped")
    assert table.slot(c.slot) is None
    assert c.terminate() == program.OK


def test_streaming_waits_for_its_delay(table, new_connector):
    c = new_connector(streaming__delay__ms="3000").start("--sink", "lines")
    wait_rows(c, 2)
    wait_stored(c)
    table.sql("insert into t values (3)")
    assert "streaming from slot" not in c.log()
    assert wait_rows(c, 3)[2:] == [("c", "false", 3)]
    assert c.terminate() == program.OK
    c.start("--sink", "lines")
    c.wait_streaming(table)
    assert c.terminate() == program.OK


def test_custom_is_refused_with_a_reason(table, new_connector):
    c = new_connector(snapshot__mode="custom").start("--sink", "lines")
    assert c.exit_code() == program.CONFIG
    assert "Java classes cannot be loaded" in c.log()


@pytest.fixture
def in_flight(table, server, new_connector):
    """A connector with a slot, and a commit that is in the WAL but waits for a standby that there is not: nobody sees its
    row yet. The third lets it through."""
    def synchronous(names):
        table.sql(f"alter system set synchronous_standby_names = '{names}'")
        table.sql("select pg_reload_conf()")
        wait_until(lambda: table.value("show synchronous_standby_names") == names, "the server has heard of it")

    def commit():
        with server.connect(table.name) as c:
            c.execute("insert into t values (3)")

    def through():
        synchronous("")
        thread.join()

    c = new_connector(snapshot__mode="initial_only", publication__name="pub", publication__autocreate__mode="disabled")
    table.sql("create publication pub for all tables")
    table.sql("select pg_create_logical_replication_slot(%s, 'pgoutput')", c.slot)
    thread = threading.Thread(target=commit)
    synchronous("nobody")
    thread.start()
    try:
        wait_until(lambda: table.value("select count(*) from pg_stat_activity where wait_event = 'SyncRep'"), "the commit waits")
        yield table, c, through
    finally:
        through()


def stream_behind(table, c):
    """What a stream says that is begun at the snapshot's point."""
    wait_stored(c)
    assert c.terminate() == program.OK
    n = len(rows(c))
    c.settings["snapshot.mode"] = "initial"
    c.start("--sink", "lines")
    c.wait_streaming(table)
    table.sql("insert into t values (4)")
    wait_until(lambda: ("c", "false", 4) in rows(c), lambda: f"the stream: {rows(c)}\n{c.log()[-3000:]}")
    assert c.terminate() == program.OK
    return rows(c)[n:]


def test_a_stream_begun_later_misses_nothing_that_was_in_flight(in_flight):
    table, c, through = in_flight
    c.start("--sink", "lines")
    try:
        c.wait_log("waits for 1 transaction", 5)
    finally:
        through()
    assert wait_rows(c, 3) == [("r", "first", 1), ("r", "true", 2), ("r", "last", 3)]
    assert stream_behind(table, c) == [("c", "false", 4)]


def test_what_stays_in_flight_comes_by_the_stream(in_flight):
    table, c, through = in_flight
    c.settings["snapshot.lock.timeout.ms"] = "300"
    c.start("--sink", "lines")
    assert wait_rows(c, 2) == SNAPSHOT
    assert any(x.get("level") == "warn" and "1 transaction has not ended" in x["message"] for x in c.log_entries()), c.log()
    through()
    assert stream_behind(table, c) == [("c", "false", 3), ("c", "false", 4)]
