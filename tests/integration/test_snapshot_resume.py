"""A snapshot that is killed goes on where it stopped: nothing twice, nothing lost, nothing left over."""
import fcntl
import json
import os
import signal
import sys
import termios
import threading
import time

import pytest
from kit import program, wait_until


class Pipe:
    """Where the lines sink writes to; the snapshot stands still while nobody reads."""

    def __init__(self, path):
        os.mkfifo(path)
        self.path, self.fd = path, os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self.got, self.rest = [], b""
        os.set_blocking(self.fd, True)

    def read_until(self, enough):
        end = time.monotonic() + 60
        while not enough(self.got):
            assert time.monotonic() < end, "enough from the pipe"
            if not self.read():  # nobody has opened it yet
                time.sleep(0.02)

    def read(self):
        chunk = os.read(self.fd, 1 << 16)
        if chunk:
            *lines, self.rest = (self.rest + chunk).split(b"\n")
            self.got += [json.loads(line) for line in lines]
        return chunk

    def drain(self):
        """What was written before the program died."""
        os.set_blocking(self.fd, False)
        while self.read():
            pass
        os.close(self.fd)
        return self.got


def table_of(record):
    return record["topic"].rsplit(".", 1)[1]


def fold(records):
    """The tables as a consumer has them: {table: {key: row}}."""
    state = {}
    for r in records:
        if "value" not in r or r["value"] is None:
            continue
        p = r["value"]["payload"] if "payload" in r["value"] else r["value"]
        key = json.dumps(r["key"]["payload"] if "payload" in r["key"] else r["key"])
        rows = state.setdefault(table_of(r), {})
        if p["op"] == "d":
            rows.pop(key, None)
        elif p["op"] == "t":
            rows.clear()
        else:
            old = rows.get(key, {})
            rows[key] = {k: old.get(k) if v == "__debezium_unavailable_value" else v for k, v in p["after"].items()}
    return {t: sorted(map(json.dumps, rows.values())) for t, rows in state.items() if rows}


def actual(db, *tables):
    out = {t: sorted(json.dumps(r[0]) for r in db.sql(f"select to_json(x) from (select * from {t}) x")) for t in tables}
    return {t: rows for t, rows in out.items() if rows}


def reads(records, table):
    return [r for r in records if table_of(r) == table and (r["value"] or {}).get("payload", {}).get("op") == "r"]


def done_tables(c):
    return {t["table"] for t in ((c.offset() or {}).get("snapshot") or {}).get("tables", [])}


@pytest.fixture
def interrupted(db, new_connector, tmp_path):
    """Killed when table a was done and b, c were not."""
    if not db.sql("select 1 from pg_roles where rolname = 'reader'"):
        db.sql("create role reader login replication")
    db.sql("create table a (id int primary key, v text); create table b (id int primary key, v text);"
           "create table c (v text); alter table c replica identity full;"
           "insert into a select g, 'a' || g from generate_series(1, 2000) g;"
           "insert into b select g, repeat('b', 300) || g from generate_series(1, 20000) g;"
           "insert into c select 'c' || g from generate_series(1, 100) g;"
           "grant select on all tables in schema public to reader; create publication pub for all tables;"
           "grant execute on function pg_control_system, pg_control_checkpoint, pg_control_recovery to reader")
    pipe = Pipe(tmp_path / "pipe")
    c = new_connector(database__user="reader", database__password="reader", publication__name="pub",
                      publication__autocreate__mode="disabled")
    c.start("--sink", "lines", "--output", str(pipe.path))
    pipe.read_until(lambda got: any(table_of(r) == "b" for r in got))
    wait_until(lambda: done_tables(c) == {"a"}, lambda: f"a is done: {c.offset()}\n{c.log()[-2000:]}")
    c.kill()
    before = pipe.drain()
    assert len(reads(before, "a")) == 2000 and 0 < len(reads(before, "b")) < 20000
    wait_until(lambda: not db.slot(c.slot)["active"], "the slot is let go")
    return db, c, before


def go_on(c, db):
    c.start("--sink", "lines")
    c.wait_streaming(db)
    wait_until(lambda: (c.offset() or {}).get("offset"), lambda: f"an offset: {c.offset()}")
    return c.lines()


def test_what_is_done_is_not_read_again(interrupted):
    db, c, before = interrupted
    db.sql("revoke select on a from reader")
    db.sql("update a set v = 'new' where id <= 10; delete from a where id between 11 and 20; insert into a values (5000, 'late');"
           "update a set id = 6000 where id = 30")
    db.sql("update b set v = 'new' where id <= 10; delete from b where id between 11 and 20; insert into b values (50000, 'late')")
    db.sql("insert into c values ('late'); delete from c where v = 'c1'; update c set v = 'new' where v = 'c2'")
    after = go_on(c, db)
    assert not reads(after, "a")
    assert len(reads(after, "b")) == db.value("select count(*) from b")
    assert len(reads(after, "c")) == 100, "without a key: read, not streamed as well"
    gone = [(r["value"]["payload"]["op"], r["value"]["payload"]["before"]["v"]) for r in after
            if table_of(r) == "c" and r["value"] and r["value"]["payload"]["op"] != "r"]
    assert gone == [("d", "c1"), ("d", "c2")], "a lost run may have delivered them"
    assert fold([r for r in before + after if table_of(r) != "c"]) == actual(db, "a", "b")
    assert "snapshot" not in c.offset(), "nothing is left of it"
    assert c.terminate() == program.OK


def test_the_stream_goes_on_behind_it(interrupted):
    db, c, before = interrupted
    go_on(c, db)
    db.sql("insert into a values (7000, 'x'); insert into c values ('y')")
    wait_until(lambda: len([r for r in c.lines() if (r["value"] or {}).get("payload", {}).get("op") == "c"]) == 2,
               lambda: f"both rows once: {c.log()[-3000:]}")
    assert c.terminate() == program.OK
    c.start("--sink", "lines")
    c.wait_streaming(db)
    db.sql("insert into a values (7001, 'x')")
    wait_until(lambda: [r["value"]["payload"]["after"] for r in c.lines()][-1] == {"id": 7001, "v": "x"}, "the next row")
    assert fold([r for r in before + c.lines() if table_of(r) != "c"]) == actual(db, "a", "b")
    assert c.terminate() == program.OK


def whole_lines(path):
    """A process that is killed may leave half a line."""
    return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]


def test_killed_again_and_again(interrupted, tmp_path):
    db, c, before = interrupted
    db.sql("delete from b where id <= 1000")
    for i, sign in enumerate(("their changes since", "tables, about", "table \\\"public.b\\\" is read")):
        db.sql("update a set v = v || 'x' where id < 100; delete from b where id = (select min(id) from b)")
        c.start("--sink", "lines", "--output", str(tmp_path / f"run{i}"))
        c.wait_log(sign)
        c.kill()
        before += whole_lines(tmp_path / f"run{i}")
        wait_until(lambda: not db.slot(c.slot)["active"], "the slot is let go")
    after = go_on(c, db)
    assert len(reads(before + after, "a")) == 2000
    assert fold([r for r in before + after if table_of(r) != "c"]) == actual(db, "a", "b")
    assert c.terminate() == program.OK


def test_a_table_made_anew_is_read_anew(interrupted):
    db, c, before = interrupted
    db.sql("drop table a; create table a (id int primary key, v text); insert into a values (1, 'other'); grant select on a to reader")
    after = go_on(c, db)
    assert [r["value"]["payload"]["after"]["v"] for r in reads(after, "a")] == ["other"]
    assert c.terminate() == program.OK


@pytest.mark.parametrize("how", ["off", "slot made anew", "slot moved", "offset set"])
def test_it_begins_anew(interrupted, how):
    db, c, before = interrupted
    db.sql("update a set v = 'new' where id = 1")
    if how == "off":
        c.settings["walbridge.snapshot.resume"] = "false"
    elif how == "slot made anew":
        db.sql("select pg_drop_replication_slot(%s)", c.slot)
    elif how == "slot moved":
        db.sql("select pg_replication_slot_advance(%s, pg_current_wal_lsn())", c.slot)
    else:
        doc = c.offset()
        doc["snapshot"]["before"] = '{"lsn":1}'
        c.offset_file.write_text(json.dumps(doc))
    after = go_on(c, db)
    assert len(reads(after, "a")) == 2000
    assert fold([r for r in before + after if table_of(r) != "c"]) == actual(db, "a", "b")
    assert "snapshot" not in c.offset()
    assert c.terminate() == program.OK


@pytest.mark.parametrize("empty", [True, False], ids=["truncated", "changed"])
def test_rows_without_a_key_do_not_stay_for_ever(db, new_connector, tmp_path, empty):
    """Cut off in mid-table: what went away since goes away with the consumer, too."""
    db.sql("create table a (id int primary key); insert into a values (1); create table b (v text, pad text);"
           "alter table b replica identity full;"
           "insert into b select 'old' || g, repeat('b', 300) from generate_series(1, 10000) g")
    c = new_connector(skipped__operations="none")
    pipe = Pipe(tmp_path / "pipe")
    c.start("--sink", "lines", "--output", str(pipe.path))
    pipe.read_until(lambda got: any(table_of(r) == "b" for r in got))
    wait_until(lambda: done_tables(c) == {"a"}, lambda: f"a is done: {c.offset()}")
    c.kill()
    before = pipe.drain()
    assert 0 < len(reads(before, "b")) < 10000
    wait_until(lambda: not db.slot(c.slot)["active"], "the slot is let go")
    if empty:
        db.sql("truncate b; insert into b values ('new')")
    else:
        db.sql("delete from b where v like '%7'; update b set v = v || 'x' where v like '%1'; update b set v = v || 'y' where v like '%1x'")
    after = go_on(c, db)
    rows = set()
    for r in before + after:
        if table_of(r) != "b" or not r["value"]:
            continue
        p = r["value"]["payload"]
        if p["op"] == "t":
            rows.clear()
        elif p["op"] == "d":
            rows.discard(p["before"]["v"])
        else:
            rows.add(p["after"]["v"])
    assert rows == {v for (v,) in db.sql("select v from b")}
    assert c.terminate() == program.OK


def test_a_stop_does_not_wait_for_a_notification_that_a_full_sink_kept_back(db, new_connector, tmp_path):
    db.sql("".join(f"create table t{i} (id int);" for i in range(1500)))
    pipe = Pipe(tmp_path / "pipe")
    c = new_connector(notification__enabled__channels="sink", notification__sink__topic__name="notes",
                      walbridge__shutdown__timeout__ms="600000")
    c.start("--sink", "lines", "--output", str(pipe.path))
    pipe.read_until(lambda got: got)
    waiting = lambda: int.from_bytes(fcntl.ioctl(pipe.fd, termios.FIONREAD, b"0000"), sys.byteorder)  # noqa: E731
    wait_until(lambda: waiting() > 50000, "nobody reads, and the pipe is full")
    said = -1
    while said != len(c.log()):  # so is the sink, and nothing but notifications comes: no table is read any more
        said = len(c.log())
        time.sleep(1)
    c.proc.send_signal(signal.SIGTERM)
    reader = threading.Thread(target=lambda: all(iter(pipe.read, b"")))
    reader.start()
    assert c.exit_code() == program.OK
    reader.join()


def test_a_slot_that_cannot_be_had_is_said_and_nothing_is_lost(interrupted):
    """A snapshot that goes on needs a second one for a moment."""
    db, c, before = interrupted
    taken = [f"taken_{i}" for i in range(db.value("select current_setting('max_replication_slots')::int - count(*) from pg_replication_slots"))]
    for slot in taken:
        db.sql("select pg_create_physical_replication_slot(%s)", slot)
    try:
        db.sql("update a set v = 'new' where id <= 10; delete from b where id <= 10")
        c.start("--sink", "lines", "--output", str(c.folder / "refused"))
        assert c.exit_code() == program.CONFIG
        assert "slot.none_free" in c.error_codes() and "a second, temporary one" in c.log() and "taken_0" in c.log()
    finally:
        for slot in taken:
            db.sql("select pg_drop_replication_slot(%s)", slot)
    before += whole_lines(c.folder / "refused")
    after = go_on(c, db)
    assert not reads(after, "a")
    assert fold([r for r in before + after if table_of(r) != "c"]) == actual(db, "a", "b")
    assert c.terminate() == program.OK


def test_a_sink_that_is_new_gets_all_of_it(interrupted, tmp_path):
    db, c, before = interrupted
    assert c.offset()["snapshot"]["sinks"] == ["lines"]
    db.sql("update a set v = 'new' where id = 1")
    c.start("--sink", "null", "--sink", "lines")
    c.wait_streaming(db)
    wait_until(lambda: (c.offset() or {}).get("offset"), lambda: f"an offset: {c.offset()}")
    after = c.lines()
    assert 'sink \\"null\\" is new' in c.log()
    assert len(reads(after, "a")) == 2000
    assert fold([r for r in after if table_of(r) != "c"]) == actual(db, "a", "b")
    assert c.terminate() == program.OK


def test_a_sink_less_goes_on(interrupted):
    db, c, before = interrupted
    doc = c.offset()
    doc["snapshot"]["sinks"] = ["kafka", "lines"]
    c.offset_file.write_text(json.dumps(doc))
    after = go_on(c, db)
    assert not reads(after, "a") and len(reads(after, "b")) == 20000
    assert c.terminate() == program.OK


def test_reset_forgets_it(interrupted):
    db, c, before = interrupted
    shown = c.call("offsets", "show", "{file}").stdout
    assert "snapshot   interrupted; 1 tables are read, 0 in part" in shown
    assert c.call("offsets", "reset", "--yes", "{file}").returncode == program.OK
    after = go_on(c, db)
    assert len(reads(after, "a")) == 2000
    assert c.terminate() == program.OK


def test_it_goes_on_without_a_stream(db, new_connector, tmp_path):
    db.sql("create table a (id int primary key); create table b (id int primary key, v text);"
           "insert into a select generate_series(1, 100); insert into b select g, repeat('b', 300) from generate_series(1, 20000) g")
    pipe = Pipe(tmp_path / "pipe")
    c = new_connector(snapshot__mode="initial_only").start("--sink", "lines", "--output", str(pipe.path))
    pipe.read_until(lambda got: any(table_of(r) == "b" for r in got))
    wait_until(lambda: done_tables(c) == {"a"}, lambda: f"a is done: {c.offset()}")
    c.kill()
    c.start("--sink", "lines")
    c.wait_log("idle until stopped")
    wait_until(lambda: (c.offset() or {}).get("offset"), "an offset")
    assert not reads(c.lines(), "a") and len(reads(c.lines(), "b")) == 20000
    assert c.terminate() == program.OK


def test_tables_are_read_on_request(db, new_connector):
    db.sql("create table a (id int primary key); create table b (id int primary key, v text); create table c (v text);"
           "insert into a values (1); insert into b values (1, 'old'); insert into c values ('old')")
    c = new_connector(table__include__list="public.a", publication__autocreate__mode="filtered").start("--sink", "lines")
    wait_until(lambda: (c.offset() or {}).get("offset"), "an offset")
    c.wait_streaming(db)
    assert c.call("snapshot", "{file}", "public.a").returncode == program.REFUSED, "it runs"
    assert c.terminate() == program.OK
    assert "does not capture" in c.call("snapshot", "{file}", "public.b").stderr
    c.settings["table.include.list"] = "public.(a|b|c)"
    done = c.call("snapshot", "{file}", "public.b", "public.c")
    assert done.returncode == program.OK and "reads 2 tables" in done.stdout, done.stderr
    assert "under way already" in c.call("snapshot", "{file}", "public.c").stderr
    db.sql("insert into a values (2); insert into b values (2, 'new')")
    c.start("--sink", "lines")
    wait_until(lambda: len(c.lines()) >= 5, lambda: f"five records: {c.lines()}\n{c.log()[-3000:]}")
    c.wait_streaming(db)
    db.sql("insert into b values (3, 'new'); insert into c values ('new')")
    wait_until(lambda: len(c.lines()) >= 7, lambda: f"seven records: {c.log()[-3000:]}")
    said = [(table_of(r), r["value"]["payload"]["op"]) for r in c.lines()]
    assert len(reads(c.lines(), "a")) == 1 and said.count(("a", "c")) == 1
    assert len(reads(c.lines(), "b")) == 2 and len(reads(c.lines(), "c")) == 1 and said.count(("c", "c")) == 1
    assert fold([r for r in c.lines() if table_of(r) != "c"]) == actual(db, "a", "b")
    assert "snapshot" not in c.offset()
    assert c.terminate() == program.OK
    c.start("--sink", "lines")
    c.wait_streaming(db)
    assert len(c.lines()) == 7, "once"
    assert c.terminate() == program.OK


@pytest.fixture
def without_stream(db, new_connector, tmp_path):
    """initial_only, killed when table a was done and b was begun; again and again with more(). The slot was there before."""
    db.sql("create table a (id int primary key, v text); create table b (id int primary key, v text);"
           "insert into a select g, 'a' || g from generate_series(1, 100) g;"
           "insert into b select g, repeat('b', 300) || g from generate_series(1, 20000) g; analyze b")
    db.sql("create publication pub for all tables")
    c = new_connector(snapshot__mode="initial_only", publication__name="pub", publication__autocreate__mode="disabled")
    db.sql("select pg_create_logical_replication_slot(%s, 'pgoutput')", c.slot)
    got, runs = [], []

    def interrupt(enough=lambda snapshot: any(t["table"] == "a" for t in snapshot["tables"])):
        pipe = Pipe(tmp_path / f"pipe{len(runs)}")
        runs.append(c.start("--sink", "lines", "--output", str(pipe.path)))
        end = time.monotonic() + 60
        while not ((snapshot := (c.offset() or {}).get("snapshot")) and enough(snapshot)):
            assert time.monotonic() < end, f"{c.offset()}\n{c.log()[-2000:]}"
            pipe.read_until(lambda records, n=len(pipe.got): len(records) > n)
        pipe.read_until(lambda records: any(table_of(r) == "b" for r in records))
        time.sleep(0.6)  # what it stores as it begins is stored
        c.kill()
        got.extend(pipe.drain())
    return db, c, got, interrupt


def stream_then(db, c, got, tmp_path):
    got += whole_lines(tmp_path / "idle") if (tmp_path / "idle").exists() else []
    c.settings["snapshot.mode"] = "initial"
    c.start("--sink", "lines", "--output", str(tmp_path / "streamed"))
    c.wait_streaming(db)
    db.sql("insert into a values (1000000, 'end')")
    wait_until(lambda: any((r["value"] or {}).get("payload", {}).get("after") == {"id": 1000000, "v": "end"}
                           for r in whole_lines(tmp_path / "streamed")), "the end")
    # That row may come before what is left is read.
    wait_until(lambda: (c.offset() or {}).get("offset") and not c.offset().get("snapshot"), lambda: f"a whole snapshot: {c.offset()}")
    assert c.terminate() == program.OK
    assert fold(got + whole_lines(tmp_path / "streamed")) == actual(db, "a", "b")


def test_a_stream_begun_later_misses_nothing(without_stream, tmp_path):
    db, c, got, interrupt = without_stream
    interrupt()
    db.sql("update a set v = 'new' where id <= 10; delete from a where id = 20")
    c.start("--sink", "lines", "--output", str(tmp_path / "idle"))
    c.wait_log("idle until stopped")
    wait_until(lambda: (c.offset() or {}).get("offset"), "an offset")
    assert c.terminate() == program.OK
    stream_then(db, c, got, tmp_path)


def test_a_stream_begun_in_the_middle_misses_nothing(without_stream, tmp_path):
    db, c, got, interrupt = without_stream
    interrupt()
    db.sql("update a set v = 'new' where id <= 10; delete from a where id = 20")
    interrupt()
    stream_then(db, c, got, tmp_path)


def test_without_a_stream_no_row_gets_lost_between_ranges(without_stream, tmp_path):
    db, c, got, interrupt = without_stream
    c.settings["walbridge.snapshot.unit.bytes"] = "65536"
    interrupt(lambda snapshot: any(t["table"] == "b" and t.get("ranges") for t in snapshot["tables"]))
    db.sql("delete from b where id = 1; update b set id = 1 where id = 20000")
    c.start("--sink", "lines", "--output", str(tmp_path / "idle"))
    c.wait_log("idle until stopped")
    wait_until(lambda: (c.offset() or {}).get("offset"), "an offset")
    assert c.terminate() == program.OK
    rows = [r["value"]["payload"]["after"]["v"] for r in got + whole_lines(tmp_path / "idle") if table_of(r) == "b"]
    assert f"{'b' * 300}20000" in rows


def test_a_table_that_was_not_captured_for_a_while_is_read_anew(interrupted, tmp_path):
    db, c, before = interrupted
    db.sql("update a set v = 'new' where id <= 10")
    stood = c.offset()["snapshot"]["position"]
    c.settings["table.include.list"] = "public.b,public.c"
    pipe = Pipe(tmp_path / "without")
    c.start("--sink", "lines", "--output", str(pipe.path))
    pipe.read_until(lambda records: any(table_of(r) == "b" for r in records))
    wait_until(lambda: c.offset()["snapshot"]["position"] != stood, "it goes on")
    c.kill()
    before += pipe.drain()
    wait_until(lambda: not db.slot(c.slot)["active"], "the slot is let go")
    del c.settings["table.include.list"]
    after = go_on(c, db)
    assert fold([r for r in before + after if table_of(r) != "c"]) == actual(db, "a", "b")
    assert c.terminate() == program.OK


def test_partitions_that_were_rewritten_are_read_anew(db, new_connector, tmp_path):
    """Their keys may be others, and the stream says nothing of it."""
    if db.server.version < 13:
        pytest.skip("a partitioned table is published by itself from PostgreSQL 13 on")
    db.sql("create table b (id int, r int, v text, primary key (id, r)) partition by list (r);"
           "create table b1 partition of b for values in (1);"
           "insert into b select g, 1, repeat('b', 300) || g from generate_series(1, 20000) g; analyze b")
    c = new_connector(publish__via__partition__root="true", table__include__list="public.b", walbridge__snapshot__unit__bytes="65536")
    pipe = Pipe(tmp_path / "pipe")
    c.start("--sink", "lines", "--output", str(pipe.path))
    while not any(t.get("ranges") for t in ((c.offset() or {}).get("snapshot") or {}).get("tables", [])):
        pipe.read_until(lambda records, n=len(pipe.got): len(records) > n)
    c.kill()
    before = pipe.drain()
    wait_until(lambda: not db.slot(c.slot)["active"], "the slot is let go")
    db.sql("alter table b alter id type int using 20001 - id")
    after = go_on(c, db)
    rows = {r["value"]["payload"]["after"]["v"] for r in before + after if table_of(r) == "b"}
    assert len(rows) == 20000
    assert c.terminate() == program.OK


SIGNALS = ("create table signal (id text, type text, data text);"
           "create table a (id int primary key); create table b (id int primary key, v text);"
           "insert into a select generate_series(1, 100); insert into b select g, repeat('b', 300) from generate_series(1, 20000) g")


def into_the_middle(c, path):
    """Runs until some of b was read, and what has come is stored; then it is killed."""
    pipe = Pipe(path)
    c.start("--sink", "lines", "--output", str(pipe.path))
    pipe.read_until(lambda got: any(table_of(r) == "b" for r in got))
    wait_until(lambda: done_tables(c) == {"a"}, lambda: f"a is done: {c.offset()}\n{c.log()[-2000:]}")
    return pipe


def killed(c, db, pipe):
    c.kill()
    wait_until(lambda: not db.slot(c.slot)["active"], "the slot is let go")
    return pipe.drain()


@pytest.mark.parametrize("type", ["incremental", "blocking"])
def test_a_signal_of_the_interruption_outlives_kills(db, new_connector, tmp_path, type):
    """It is streamed while the snapshot catches up, and carried out when that is whole: another kill in between does not lose it."""
    db.sql(SIGNALS)
    c = new_connector(**{"signal.data.collection": "public.signal"})
    before = killed(c, db, into_the_middle(c, tmp_path / "first"))
    db.sql("insert into signal values ('s', 'execute-snapshot', %s), ('x', 'unknown', null)",
           json.dumps({"type": type, "data-collections": ["public.a"]}))
    pipe = into_the_middle(c, tmp_path / "second")
    wait_until(lambda: [s["id"] for s in c.offset()["snapshot"].get("signals", [])] == ["s"], lambda: f"it is noted: {c.offset()}")
    before += killed(c, db, pipe)
    assert len(reads(before, "a")) == 100
    assert [r["value"]["payload"]["after"]["id"] for r in before if table_of(r) == "signal"] == ["s", "x"]
    db.sql("insert into signal values ('l', 'log', '{\"message\": \"the last one\"}')")
    go_on(c, db)
    wait_until(lambda: len(reads(c.lines(), "a")) == 100, lambda: f"a is read again: {c.log()[-3000:]}")
    wait_until(lambda: "snapshot" not in c.offset(), "nothing is left of the snapshot")
    assert len(reads(c.lines(), "b")) == 20000
    assert "the last one" in c.log()
    assert c.terminate() == program.OK
    c.start("--sink", "lines")
    c.wait_streaming(db)
    db.sql("insert into a values (1000)")
    wait_until(lambda: any(table_of(r) == "a" and r["value"]["payload"]["op"] == "c" for r in c.lines()), "the next row")
    assert len(reads(c.lines(), "a")) == 100, "once"
    assert c.terminate() == program.OK
