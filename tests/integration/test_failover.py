"""The server comes back on another timeline."""
import json
import os
from pathlib import Path

import pytest
from kit import postgres, program, wait_until


@pytest.fixture
def alone(tmp_path_factory):
    """A server of its own: it is promoted."""
    s = postgres.Server(tmp_path_factory.mktemp("pg"), os.getpid())
    yield s
    s.remove()


def make_standby(server):
    data = Path(server.connect().execute("show data_directory").fetchone()[0])
    signal = data / "standby.signal"
    server.stop()
    signal.touch()
    os.chown(signal, data.stat().st_uid, data.stat().st_gid)
    server.start()


def promote(server):
    make_standby(server)
    with server.connect() as c:
        c.execute("select pg_promote()")
        wait_until(lambda: not c.execute("select pg_is_in_recovery()").fetchone()[0], "the promotion")


def lines(c):
    return [r["value"]["payload"]["after"]["id"] for r in c.lines()]


def test_a_promoted_server_goes_on_unless_it_lacks_what_was_delivered(alone, tmp_path):
    db = alone.database("failover")
    db.sql("create table t (id int primary key); insert into t values (1)")
    c = program.Connector(tmp_path / "failover", "failover", program.base_settings(db, "failover"))
    try:
        c.start("--sink", "lines")
        c.wait_streaming(db)
        db.sql("insert into t values (2)")
        wait_until(lambda: lines(c) == [1, 2], lambda: f"two rows: {c.log()[-2000:]}")
        assert c.terminate() == program.OK
        promote(alone)
        db.sql("insert into t values (3)")
        c.start("--sink", "lines")
        wait_until(lambda: lines(c) == [1, 2, 3], lambda: f"three rows: {c.log()[-2000:]}")
        wait_until(lambda: c.offset()["timeline"] == 2, "the new timeline in the offset")
        assert c.terminate() == program.OK

        # As if the last transaction had been delivered from a primary that is no more.
        doc = c.offset()
        doc["timeline"] = 1
        c.offset_file.write_text(json.dumps(doc))
        db.sql("insert into t values (4)")
        c.start("--sink", "lines")
        assert c.exit_code() == program.REFUSED
        assert "offset.diverged" in c.error_codes()
        c.settings["offset.mismatch.strategy"] = "trust_slot"
        c.start("--sink", "lines")
        wait_until(lambda: lines(c)[-1] == 4, lambda: f"the last row: {c.log()[-2000:]}")
        assert c.terminate() == program.OK
    finally:
        if c.running():
            c.kill()


def test_a_standby_needs_logical_slots(alone, tmp_path):
    db = alone.database("standby")
    db.sql("create table t (id int primary key); create publication pub for all tables")
    c = program.Connector(tmp_path / "standby", "standby", {**program.base_settings(db, "standby"), "publication.name": "pub",
                                                            "create.slot.command.timeout": "2", "slot.failover": "true"})
    make_standby(alone)
    c.start("--sink", "lines")
    try:
        if alone.version < 16:
            assert c.exit_code() == program.CONFIG
            assert "server.standby" in c.error_codes() and "the primary's host and port" in c.log()
        else:  # no primary writes what the slot waits for
            c.wait_log("pg_log_standby_snapshot()")
    finally:
        c.kill()
