"""Recording a stream and decoding it without its server: the same records as run, nothing confirmed, nothing secret."""
import json
import re

import pytest
from kit import program, wait_until

WORK = """
insert into item values (1, 'nail', 'happy', '{1,2}'), (2, 'screw', null, null);
update item set name = 'bolt' where id = 1;
update item set id = 3 where id = 2;
delete from item where id = 3;
select pg_logical_emit_message(true, 'audit', 'in'), pg_logical_emit_message(false, 'audit', 'out');
alter type mood add value 'great';
alter table item add column extra mood default 'sad';
insert into item (id, extra) values (4, 'great');
truncate item;
"""


@pytest.fixture
def connector(db, new_connector):
    """It has run before, and WORK is waiting in its slot."""
    db.sql("create type mood as enum ('sad', 'happy')")
    db.sql("create table item (id int primary key, name text not null default 'none', mood mood, ns int[])")
    c = new_connector(snapshot__mode="no_data", skipped__operations="none", database__password="se1cret",
                      **{k.replace(".", "__"): v for k, v in program.NO_SCHEMAS.items()})
    c.start("--sink", "null")
    c.wait_streaming(db)
    db.sql("insert into item values (0)")
    db.wait_confirmed(c.slot, db.current_lsn())
    assert c.terminate() == program.OK
    for statement in WORK.strip().split("\n"):
        db.sql(statement)
    return c


def plain(records):
    """Without what differs by its nature: the clock, the run's id, and the transaction before the first one."""
    out = []
    for r in records:
        r["headers"] = {k: v for k, v in r["headers"].items() if k != "__debezium.context.runId"}
        text = re.sub(r'("op": "[a-z]", "ts_ms": )\d+(, "ts_us": \d+, "ts_ns": \d+)?', r"\1", json.dumps(r))
        out.append(re.sub(r'("sequence": "\[)[^,]*,', r"\1", text))
    return out


def test_a_recording_decodes_to_what_run_says(db, connector):
    before = db.confirmed(connector.slot)
    done = connector.call("record", "{file}", "--output", "r.rec", "--current")
    assert done.returncode == program.OK, done.stderr
    assert db.confirmed(connector.slot) == before, "recording confirms nothing"
    assert b"se1cret" not in (connector.folder / "r.rec").read_bytes()
    decoded = connector.call("decode", "r.rec")
    assert decoded.returncode == program.OK, decoded.stderr
    records = [json.loads(x) for x in decoded.stdout.splitlines()]
    connector.start("--sink", "lines")
    wait_until(lambda: len(connector.lines()) >= len(records), lambda: f"{len(records)} lines, got {len(connector.lines())}")
    assert connector.terminate() == program.OK
    assert plain(records) == plain(connector.lines())
    assert [r["value"] and r["value"]["op"] for r in records] == ["c", "c", "u", "d", None, "c", "d", None, "m", "m", "c", "t"]


def test_the_same_stream_can_be_recorded_again(db, connector):
    end = db.value("select pg_current_wal_lsn()::text")
    for name in ("a.rec", "b.rec"):
        done = connector.call("record", "{file}", "-o", name, "--until", end)
        assert done.returncode == program.OK, done.stderr
    first, second = (connector.call("decode", name).stdout for name in ("a.rec", "b.rec"))
    assert first and plain(map(json.loads, first.splitlines())) == plain(map(json.loads, second.splitlines()))


def test_a_recording_ends_when_told(db, connector):
    done = connector.call("record", "{file}", "-o", "a.rec", "--seconds", "1", seconds=20)
    assert done.returncode == program.OK, done.stderr
    assert connector.call("decode", "a.rec").returncode == program.OK


def test_recording_leaves_a_slot_in_use_alone(db, connector):
    connector.start("--sink", "null")
    connector.wait_streaming(db)
    done = connector.call("record", "{file}", "-o", "a.rec", "--current")
    assert done.returncode == program.REFUSED and "in use" in done.stderr
    assert not (connector.folder / "a.rec").exists()
    assert connector.terminate() == program.OK


def test_recording_needs_a_slot(db, connector):
    done = connector.call("record", "{file}", "-o", "a.rec", "--set", "slot.name=nobody")
    assert done.returncode == program.CONFIG and "walbridge slot create" in done.stderr


def test_recording_writes_over_nothing(db, connector):
    (connector.folder / "mine").write_text("mine")
    done = connector.call("record", "{file}", "-o", "mine", "--current")
    assert done.returncode == program.CONFIG and (connector.folder / "mine").read_text() == "mine"


def test_a_recording_that_was_cut_off_is_decoded_up_to_there(db, connector):
    assert connector.call("record", "{file}", "-o", "a.rec", "--current").returncode == program.OK
    whole = connector.call("decode", "a.rec").stdout
    data = (connector.folder / "a.rec").read_bytes()
    (connector.folder / "b.rec").write_bytes(data[:len(data) * 2 // 3])
    done = connector.call("decode", "b.rec")
    assert done.returncode == program.FAILED and "cut off" in done.stderr
    assert done.stdout and whole.startswith(done.stdout) and done.stdout.endswith("\n")


def test_reset_erases_the_offset(db, connector):
    assert connector.offset()
    done = connector.call("offsets", "reset", "{file}")
    assert done.returncode == program.REFUSED and connector.offset()
    done = connector.call("offsets", "reset", "--yes", "{file}")
    assert done.returncode == program.OK and connector.offset() is None
    assert "none is stored" in connector.call("offsets", "show", "{file}").stdout
    assert json.loads(connector.call("offsets", "show", "--json", "{file}").stdout)["stored"] is False


def test_accept_leaves_a_running_connector_alone(db, connector):
    connector.start("--sink", "null")
    connector.wait_streaming(db)
    done = connector.call("offsets", "accept", "--yes", "{file}")
    assert done.returncode == program.REFUSED and "in use" in done.stderr
    assert connector.call("offsets", "accept", "--yes", "--force", "{file}").returncode == program.OK
    assert connector.terminate() == program.OK


def test_accept_says_both_positions(db, connector):
    db.sql("select pg_replication_slot_advance(%s, pg_current_wal_lsn())", connector.slot)
    stored = connector.offset()["flush_lsn"]
    slot = db.value("select confirmed_flush_lsn::text from pg_replication_slots where slot_name = %s", connector.slot)
    done = connector.call("offsets", "accept", "{file}")
    assert stored in done.stdout and slot in done.stdout and "not delivered" in done.stdout
    assert connector.offset()["flush_lsn"] == stored
    assert connector.call("offsets", "accept", "-y", "{file}").returncode == program.OK
    assert connector.offset()["flush_lsn"] == slot
