"""A standby as the source (from PostgreSQL 16 on; test_failover.py has what older ones say)."""
import os
import threading
import time

import incremental_kills
import pytest
from kit import postgres, program, wait_until

ROWS = 20000
SETTINGS = {**program.NO_SCHEMAS, "publication.name": "pub", "snapshot.max.threads": "3", "walbridge.snapshot.unit.bytes": "200000"}


@pytest.fixture
def pair(tmp_path_factory):
    """A primary, and its standby."""
    primary = postgres.Server(tmp_path_factory.mktemp("pg"), os.getpid())
    if primary.version < 16:
        primary.remove()
        pytest.skip("a standby has no logical slots before PostgreSQL 16")
    standby = postgres.Server(tmp_path_factory.mktemp("pg"), os.getpid(), of=primary)
    yield primary, standby
    standby.remove()
    primary.remove()


@pytest.fixture
def made(pair, name, tmp_path):
    """A table on the primary, a connector on the standby; what slots wait for comes by all the time."""
    primary, standby = pair
    db = primary.database("source")
    db.sql("create table t (id int primary key, n int, more text); create publication pub for all tables; "
           f"insert into t select g, -g, repeat('m', 100) from generate_series(1, {ROWS}) g; analyze t")
    wait_until(lambda: standby.there("postgres").sql("select 1 from pg_database where datname = 'source'"), "the database on the standby")
    there = standby.there("source")
    wait_until(lambda: there.sql("select 1 from pg_class where relname = 't'") and there.sql("select count(*) from t") == [(ROWS,)], "the table there")
    c = program.Connector(tmp_path / name, name, {**program.base_settings(there, name), **SETTINGS})
    over = threading.Event()

    def running_transactions():
        with primary.connect() as p:
            while not over.wait(0.2):
                p.execute("select pg_log_standby_snapshot()")

    logging = threading.Thread(target=running_transactions)
    logging.start()

    def end():
        over.set()
        logging.join()

    yield db, there, c, end
    end()
    if c.running():
        c.kill()


class Writers:
    """Change rows on the primary as long as the block runs."""

    def __init__(self, db, n=2):
        self.stop = threading.Event()
        self.crew = [incremental_kills.Writer(db, ROWS, 100 + i, self.stop) for i in range(n)]

    def __enter__(self):
        for w in self.crew:
            w.start()

    def __exit__(self, *_):
        self.stop.set()
        for w in self.crew:
            w.join(20)
            assert not w.error, w.error
            assert w.done


def whole(db, c, last):
    """What came folds to the primary's table, once a last row is there."""
    db.sql(f"insert into t values ({last}, 1)")
    wait_until(lambda: f'"id":{last},' in c.stdout.read_text()[-20000:], lambda: f"the last row\n{c.log()[-2000:]}", 60)
    folded, _ = incremental_kills.fold(c.lines())
    assert folded == dict(db.sql("select id, n from t"))


def test_snapshot_stream_and_restarts(made):
    db, there, c, _ = made
    with Writers(db):
        c.start("--sink", "lines")
        c.wait_log("threads")
        time.sleep(0.2)
        c.kill()
        incremental_kills.cut_last_line(c)
        c.start("--sink", "lines")
        wait_until(lambda: (c.offset() or {}).get("offset"), lambda: f"a whole snapshot\n{c.log()[-3000:]}", 120)
        c.wait_streaming(there)
        time.sleep(0.5)
        c.kill()
        incremental_kills.cut_last_line(c)
        c.start("--sink", "lines")
        c.wait_streaming(there)
        assert c.terminate() == program.OK
        time.sleep(0.3)
    c.start("--sink", "lines")
    whole(db, c, 1000001)
    at = postgres.lsn(there.value("select pg_last_wal_replay_lsn()::text"))
    db.sql("insert into t values (1000002, 1)")
    there.wait_confirmed(c.slot, at)
    assert c.terminate() == program.OK


def test_incremental_without_watermarks(made, tmp_path):
    db, there, c, _ = made
    file = tmp_path / "signals"
    c.settings.update({"snapshot.mode": "no_data", "read.only": "true", "signal.enabled.channels": "file", "signal.file": str(file),
                       "signal.poll.interval.ms": "50", "incremental.snapshot.chunk.size": "500"})
    c.start("--sink", "lines")
    c.wait_streaming(there, 60)
    with Writers(db):
        file.write_text('{"id":"s","type":"execute-snapshot","data":{"data-collections":["public.t"]}}\n')
        wait_until(lambda: '"op":"r"' in c.stdout.read_text(), lambda: f"a chunk\n{c.log()[-2000:]}", 60)
        c.kill()
        incremental_kills.cut_last_line(c)
        c.start("--sink", "lines")
        c.wait_log('incremental snapshot \\"s\\": done', 120)
    whole(db, c, 1000001)
    assert c.terminate() == program.OK


def test_it_goes_on_when_the_standby_is_promoted(made, pair):
    db, there, c, end = made
    c.start("--sink", "lines")
    wait_until(lambda: (c.offset() or {}).get("offset"), lambda: f"a whole snapshot\n{c.log()[-3000:]}", 120)
    whole(db, c, 1000001)
    at = db.value("select pg_current_wal_lsn()::text")
    wait_until(lambda: there.value("select pg_last_wal_replay_lsn() >= %s::pg_lsn", at), "all of it there")
    end()
    pair[0].stop("immediate")
    there.sql("select pg_promote()")
    there.sql("insert into t values (1000002, 1)")
    wait_until(lambda: '"id":1000002,' in c.stdout.read_text()[-20000:], lambda: f"a row of its own\n{c.log()[-2000:]}", 60)
    wait_until(lambda: c.offset()["timeline"] == 2, lambda: f"the new timeline in the offset\n{c.log()[-2000:]}")
    assert c.terminate() == program.OK
    there.sql("insert into t values (1000003, 1)")
    c.start("--sink", "lines")
    wait_until(lambda: '"id":1000003,' in c.stdout.read_text()[-20000:], lambda: f"and another\n{c.log()[-2000:]}", 60)
    assert c.terminate() == program.OK
