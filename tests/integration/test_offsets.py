"""The stored offset against the server: what is accepted, what is refused, and how a refusal is settled."""
import json

import pytest
from kit import program, wait_until


@pytest.fixture
def table(db):
    db.sql("create table t (id int primary key, v text)")
    return db


@pytest.fixture
def stopped(table, new_connector):
    """A connector that has streamed one row and was stopped in order."""
    c = new_connector(snapshot__mode="no_data").start("--sink", "lines")
    c.wait_streaming(table)
    table.sql("insert into t values (1)")
    table.wait_confirmed(c.slot, table.current_lsn())
    assert c.terminate() == program.OK
    return c


def change(connector, **members):
    """Rewrites members of the stored offset wherever they stand in the file."""
    doc = connector.offset()

    def walk(node):
        hit = 0
        if isinstance(node, dict):
            for k in node:
                if k in members:
                    node[k] = members[k](node[k])
                    hit += 1
                else:
                    hit += walk(node[k])
        return hit

    assert walk(doc) >= len(members), f"{set(members)} not all in {doc}"
    connector.offset_file.write_text(json.dumps(doc))


def refused(connector, code):
    connector.start("--sink", "lines")
    assert connector.exit_code() == program.REFUSED
    assert code in connector.error_codes(), connector.log()
    assert "walbridge offsets accept" in connector.log(), "names the command that settles it"


def test_the_file_holds_debeziums_offset_and_what_our_checks_need(stopped):
    doc = json.dumps(stopped.offset())
    assert {"lsn_proc", "lsn", "txId", "ts_usec", "messageType"} <= set(stopped.offset()["offset"])
    for member in ("system_identifier", "timeline", "flush_lsn", stopped.slot):
        assert member in doc


def test_an_unchanged_offset_is_taken_up(table, stopped):
    table.sql("insert into t values (2)")
    stopped.start("--sink", "lines")
    wait_until(lambda: len(stopped.lines()) == 2, lambda: f"two lines, got {stopped.lines()}")
    assert stopped.terminate() == program.OK


def test_an_offset_ahead_of_the_server_is_refused(stopped):
    change(stopped, flush_lsn=lambda v: "FF/0")
    refused(stopped, "offset.ahead")


def test_an_offset_behind_the_slot_is_refused(table, stopped):
    table.sql("insert into t values (2)")
    table.sql("select pg_replication_slot_advance(%s, pg_current_wal_lsn())", stopped.slot)
    refused(stopped, "offset.behind")


def test_an_offset_of_another_system_is_refused(stopped):
    change(stopped, system_identifier=lambda v: "1234567890")
    refused(stopped, "offset.foreign_system")


def test_an_offset_of_another_database_is_refused(stopped):
    change(stopped, database=lambda v: "another")
    refused(stopped, "offset.foreign_database")


def test_accept_settles_a_refusal(table, stopped):
    table.sql("insert into t values (2)")
    table.sql("select pg_replication_slot_advance(%s, pg_current_wal_lsn())", stopped.slot)
    refused(stopped, "offset.behind")
    done = stopped.call("offsets", "accept", "{file}")
    assert done.returncode == program.REFUSED, "without --yes, and nobody to ask, nothing is changed"
    done = stopped.call("offsets", "accept", "--yes", "{file}")
    assert done.returncode == program.OK, done.stderr
    table.sql("insert into t values (3)")
    stopped.start("--sink", "lines")
    wait_until(lambda: [x["value"]["payload"]["after"]["id"] for x in stopped.lines()] == [1, 3], "the row after the gap that was accepted")
    assert stopped.terminate() == program.OK


def test_idle_database_confirms_wal_written_elsewhere(table, new_connector, server):
    c = new_connector(snapshot__mode="no_data").start("--sink", "null")
    c.wait_streaming(table)
    other = server.new_database("elsewhere")
    try:
        other.sql("create table noise as select g, repeat('z', 100) from generate_series(1, 50000) g")
        table.wait_confirmed(c.slot, other.current_lsn() - 1024, 40)
    finally:
        other.drop()
    assert c.terminate() == program.OK


def test_filtered_tables_do_not_hold_the_slot(table, new_connector):
    table.sql("create table hidden (id int primary key, v text)")
    c = new_connector(snapshot__mode="no_data", table__include__list="public.t").start("--sink", "null")
    c.wait_streaming(table)
    table.sql("insert into hidden select g, repeat('z', 100) from generate_series(1, 50000) g")
    table.wait_confirmed(c.slot, table.current_lsn(), 40)
    assert c.terminate() == program.OK


def test_offset_is_stored_before_the_server_is_told(table, new_connector):
    from kit.postgres import lsn
    c = new_connector(snapshot__mode="no_data").start("--sink", "null")
    c.wait_streaming(table)
    for i in range(20):
        table.sql("insert into t select g from generate_series(%s::int, %s::int) g", i * 100, i * 100 + 99)
        confirmed, stored = table.confirmed(c.slot), c.offset()
        if stored:
            # The slot is read first, so what was stored by then can only be later.
            assert confirmed <= lsn(stored["flush_lsn"])
    assert c.terminate() == program.OK


def test_offsets_show_prints_the_stored_offset(stopped):
    done = stopped.call("offsets", "show", "{file}")
    assert done.returncode == program.OK, done.stderr
    assert stopped.slot in done.stdout and "lsn" in done.stdout
