"""Tables that come to be captured are read at the next start, and only they (walbridge.snapshot.new.tables)."""
import os

import pytest
from kit import program, wait_until
from test_snapshot_resume import Pipe, actual, fold, reads, table_of

ON = {"walbridge.snapshot.new.tables": "initial"}


def run(c, db, lines):
    """One more start, until there are that many records, in all."""
    c.start("--sink", "lines")
    wait_until(lambda: len(c.lines()) >= lines, lambda: f"{lines} records: {c.lines()}\n{c.log()[-3000:]}")
    c.wait_streaming(db)


def stop(c, db):
    wait_until(lambda: (c.offset() or {}).get("offset") and "snapshot" not in c.offset(), lambda: f"an offset: {c.offset()}")
    assert c.terminate() == program.OK
    wait_until(lambda: not db.slot(c.slot)["active"], "the slot is let go")


def said(c):
    return [(table_of(r), r["value"]["payload"]["op"]) for r in c.lines()]


def tables_file(c):
    return str(c.offset_file) + ".tables"


@pytest.fixture
def captured(db, new_connector):
    """Table a is captured and read; b and c are not."""
    db.sql("create table a (id int primary key); create table b (id int primary key, v text); create table c (v text);"
           "insert into a values (1); insert into b values (1, 'old'); insert into c values ('old')")
    c = new_connector(table__include__list="public.a", publication__autocreate__mode="filtered")
    c.settings.update(ON)
    run(c, db, 1)
    stop(c, db)
    return c


def test_tables_that_were_added_to_the_list_are_read_once(db, captured):
    c = captured
    c.settings["table.include.list"] = "public.(a|b|c)"
    db.sql("insert into a values (2); insert into b values (2, 'new')")
    run(c, db, 5)
    db.sql("update b set v = 'newer' where id = 1; insert into c values ('new')")
    wait_until(lambda: len(c.lines()) >= 7, lambda: f"seven records: {c.log()[-3000:]}")
    assert len(reads(c.lines(), "a")) == 1 and said(c).count(("a", "c")) == 1
    assert [r["value"]["payload"]["source"]["snapshot"] for r in reads(c.lines(), "b")] == ["first", "last_in_data_collection"]
    assert len(reads(c.lines(), "c")) == 1 and said(c)[-2:] == [("b", "u"), ("c", "c")]
    assert fold([r for r in c.lines() if table_of(r) != "c"]) == actual(db, "a", "b")
    stop(c, db)
    run(c, db, 7)
    assert len(c.lines()) == 7, "once"
    stop(c, db)


def test_without_the_property_they_are_read_when_it_is_given(db, captured):
    c = captured
    del c.settings["walbridge.snapshot.new.tables"]
    c.settings["table.include.list"] = "public.(a|b)"
    run(c, db, 1)
    db.sql("insert into b values (2, 'new')")
    wait_until(lambda: len(c.lines()) >= 2, "its changes are streamed")
    stop(c, db)
    assert not reads(c.lines(), "b")
    c.settings.update(ON)
    run(c, db, 4)
    assert len(reads(c.lines(), "b")) == 2 and fold(c.lines()) == actual(db, "a", "b")
    stop(c, db)


def test_an_offset_of_unknown_history_reads_nothing_again(db, captured):
    c = captured
    os.unlink(tables_file(c))
    c.settings["table.include.list"] = "public.(a|b)"
    db.sql("insert into a values (2)")
    run(c, db, 2)
    stop(c, db)
    assert said(c) == [("a", "r"), ("a", "c")] and "which tables were read before is not known" in c.log()
    c.settings["table.include.list"] = "public.(a|b|c)"
    run(c, db, 3)
    stop(c, db)
    assert said(c) == [("a", "r"), ("a", "c"), ("c", "r")]


def test_a_list_that_cannot_be_read_is_made_anew(db, captured):
    c = captured
    with open(tables_file(c), "w") as f:
        f.write('{"version":')
    db.sql("insert into a values (2)")
    run(c, db, 2)
    stop(c, db)
    assert said(c) == [("a", "r"), ("a", "c")] and "tables that are captured now are taken for read" in c.log()


def test_a_table_that_was_left_out_for_a_while_is_read_anew(db, captured):
    c = captured
    c.settings["table.include.list"] = "public.b"
    run(c, db, 2)
    db.sql("insert into a values (2); insert into b values (2, 'new')")
    wait_until(lambda: len(c.lines()) >= 3, "the stream goes on without it")
    stop(c, db)
    c.settings["table.include.list"] = "public.(a|b)"
    run(c, db, 5)
    assert len(reads(c.lines(), "a")) == 3 and len(reads(c.lines(), "b")) == 1
    assert fold(c.lines()) == actual(db, "a", "b")
    stop(c, db)


def test_what_was_made_meanwhile_is_read(db, captured):
    """Made, made anew and renamed: none of it was in the publication from its beginning."""
    c = captured
    c.settings["table.include.list"] = "public.(a|b|d.*)"
    run(c, db, 2)
    db.sql("create table d1 (id int primary key); insert into d1 values (1);"
           "drop table b; create table b (id int primary key, v text); insert into b values (7, 'anew')")
    stop(c, db)
    db.sql("alter table d1 rename to d2")
    run(c, db, 4)
    stop(c, db)
    assert said(c)[2:] == [("b", "r"), ("d2", "r")]


def test_what_is_made_behind_the_publication_stays_new(db, new_connector):
    """The snapshot reads it, but no stream has its changes until the next start."""
    db.sql("create table a (id int primary key); insert into a values (1)")
    c = new_connector(table__include__list="public.(a|d)", publication__autocreate__mode="filtered")
    c.settings.update(ON)
    with db.server.connect(db.name) as other:
        other.execute("begin; select pg_current_xact_id()")
        c.start("--sink", "lines")
        wait_until(lambda: db.slot(c.slot), "a slot that waits for the transaction")
        db.sql("create table d (id int primary key); insert into d values (1)")
        other.execute("commit")
    wait_until(lambda: len(c.lines()) >= 2, lambda: f"two records: {c.log()[-3000:]}")
    c.wait_streaming(db)
    db.sql("insert into d values (2); insert into a values (2)")
    wait_until(lambda: len(c.lines()) >= 3, lambda: f"three records: {c.log()[-3000:]}")
    stop(c, db)
    assert said(c) == [("a", "r"), ("d", "r"), ("a", "c")]
    run(c, db, 5)
    stop(c, db)
    assert fold(c.lines()) == actual(db, "a", "d") and len(reads(c.lines(), "a")) == 1


def test_what_no_snapshot_reads_is_not_read(db, captured):
    c = captured
    db.sql("create table signals (id text primary key, type text, data text); insert into signals values ('x', 'log', '{}')")
    c.settings.update({"table.include.list": "public.(a|b|c|signals)", "signal.data.collection": "public.signals",
                       "snapshot.include.collection.list": "public.(a|c)"})
    run(c, db, 2)
    db.sql("insert into b values (2, 'new')")
    wait_until(lambda: len(c.lines()) >= 3, lambda: f"three records: {c.log()[-3000:]}")
    stop(c, db)
    assert said(c)[1:] == [("c", "r"), ("b", "c")]


def test_killed_while_a_new_table_is_read(db, captured, tmp_path):
    c = captured
    db.sql("insert into b select g, repeat('b', 300) || g from generate_series(10, 20000) g")
    c.settings["table.include.list"] = "public.(a|b|c)"
    before = c.lines()
    for n in range(3):
        pipe = Pipe(tmp_path / f"pipe{n}")
        c.start("--sink", "lines", "--output", str(pipe.path))
        pipe.read_until(lambda got: any(table_of(r) == "b" for r in got))
        c.kill()
        before += pipe.drain()
        wait_until(lambda: not db.slot(c.slot)["active"], "the slot is let go")
        db.sql(f"insert into a values (1{n}); update b set v = 'changed {n}' where id = 1{n}; delete from b where id = 2{n}")
    c.start("--sink", "lines")
    c.wait_log("snapshot: done", 60)  # it streams before, too, to catch up
    c.wait_streaming(db)
    db.sql("insert into a values (99); insert into c values ('behind')")
    wait_until(lambda: any(table_of(r) == "c" and r["value"]["payload"]["op"] == "c" for r in c.lines()), "the stream is there")
    got = before + c.lines()[1:]
    assert len(reads(got, "a")) == 1, "what was known is not read again"
    assert fold([r for r in got if table_of(r) != "c"]) == actual(db, "a", "b")
    stop(c, db)
    n = len(c.lines())
    c.start("--sink", "lines")
    c.wait_streaming(db)
    stop(c, db)
    assert len(c.lines()) == n, "once"


def test_without_a_stream_new_tables_are_read(db, new_connector):
    db.sql("create table a (id int primary key); create table b (id int primary key); insert into a values (1); insert into b values (1)")
    c = new_connector(table__include__list="public.a", snapshot__mode="initial_only")
    c.settings.update(ON)
    for tables, lines in (("public.a", 1), ("public.(a|b)", 2), ("public.(a|b)", 2)):
        c.settings["table.include.list"] = tables
        c.start("--sink", "lines")
        c.wait_log("idle until stopped")
        wait_until(lambda: (c.offset() or {}).get("offset") and "snapshot" not in c.offset(), "an offset")
        assert c.terminate() == program.OK
        assert len(c.lines()) == lines
    assert said(c) == [("a", "r"), ("b", "r")]


def test_it_needs_snapshots_that_go_on(captured):
    captured.settings["walbridge.snapshot.resume"] = "false"
    captured.start("--sink", "lines")
    assert captured.exit_code() != program.OK and "walbridge.snapshot.resume=true" in captured.log()
