"""Signals, incremental and blocking snapshots, notifications."""
import json
import re
import threading
import time

import incremental_kills
import pytest
from kit import program, wait_until
from kit.postgres import lsn

EXECUTE = """insert into signal values ('{id}', 'execute-snapshot', '{data}')"""


def execute(db, id, *tables, **more):
    db.sql(EXECUTE.format(id=id, data=json.dumps({"data-collections": list(tables), **more}).replace("'", "''")))


def reads(c, table):
    return [x["value"]["after"] for x in c.lines()
            if x["topic"].endswith("." + table) and x["value"] and x["value"]["op"] == "r"]


@pytest.fixture
def ready(db, new_connector):
    """A signal table, a connector that streams to lines."""
    def start(*sql, **settings):
        db.sql("; ".join([incremental_kills.SIGNAL_TABLE, *sql]))
        c = new_connector(**{**incremental_kills.SETTINGS, "notification.enabled.channels": "log", **settings})
        c.start("--sink", "lines")
        c.wait_streaming(db)
        return c
    return start


def test_killed_while_writers_change_the_rows(db, new_connector):
    c = new_connector(**incremental_kills.SETTINGS, **{"incremental.snapshot.chunk.size": "64"})
    folded, table, read = incremental_kills.run(db, c, kills=8)
    assert folded == table
    assert len(read) < 2 * 4000, "chunks that were stored are not read again"
    assert c.terminate() == program.OK


KEYS = """create type mood as enum ('sad', 'ok', 'happy');
create table k (a smallint, b text collate "C", c uuid, d numeric, e date, f timestamptz, g mood, h boolean, i float8, j bytea,
                primary key (a, b, c, d, e, f, g, h, i, j));
insert into k select i % 3, 'k' || i % 7, ('00000000-0000-0000-0000-' || lpad(i::text, 12, '0'))::uuid, i / 4.0, '2020-01-01'::date + i,
  '2020-01-01 00:00:00.123456+00'::timestamptz + i * interval '1 hour', (enum_range(null::mood))[1 + i % 3], i % 2 = 0, i / 3.0,
  decode(lpad(to_hex(i), 4, '0'), 'hex') from generate_series(1, 100) i"""


def test_goes_on_in_mid_table_by_every_type_of_key(db, ready):
    c = ready(*KEYS.split(";\n"), **{"incremental.snapshot.chunk.size": "7"})
    # The pause is seen behind the first chunk.
    db.sql(EXECUTE.format(id="s", data='{"data-collections": ["public.k"]}') + "; insert into signal values ('p', 'pause-snapshot', '{}')")
    wait_until(lambda: len(reads(c, "k")) == 7, "a chunk")
    db.sql("insert into signal values ('l', 'log', '{\"message\": \"position {}\"}')")
    wait_until(lambda: "incremental_snapshot_primary_key" in (c.offset() or {}).get("offset", {}) and "position {" in c.log(), "the state in the offset")
    assert c.terminate() == program.OK
    stored = c.offset()["offset"]
    assert stored["incremental_snapshot_primary_key"].startswith("aced0005757200135b4c6a6176612e6c616e672e4f626a6563743b")
    assert json.loads(stored["incremental_snapshot_collections"])[0]["incremental_snapshot_collections_id"] == "public.k"
    c.start("--sink", "lines")
    wait_until(lambda: len(reads(c, "k")) >= 100, lambda: f"all rows: {len(reads(c, 'k'))}\n{c.log()[-2000:]}")
    got = [r["c"] for r in reads(c, "k")]
    assert len(got) == len(set(got)) == 100, "none twice"
    assert c.terminate() == program.OK


def test_null_and_surrogate_keys(db, ready):
    c = ready("create table n (v text, x int, y int)",
              "insert into n select 'v' || g, nullif(g % 5, 0), g from generate_series(1, 33) g",
              "create unique index on n (y)",
              **{"incremental.snapshot.chunk.size": "4", "message.key.columns": "public.n:x,y"})
    execute(db, "k", "public.n")
    wait_until(lambda: len(reads(c, "n")) == 33, lambda: f"33 rows: {len(reads(c, 'n'))}\n{c.log()[-1500:]}")
    assert {r["y"] for r in reads(c, "n")} == set(range(1, 34)), "nulls sort last and are read once"
    execute(db, "s", "public.n", **{"surrogate-key": "y", "additional-conditions": [{"data-collection": "PUBLIC.N", "filter": "y > 10 -- not all"}]})
    wait_until(lambda: len(reads(c, "n")) == 33 + 23, lambda: f"23 more: {len(reads(c, 'n'))}\n{c.log()[-1500:]}")
    assert c.terminate() == program.OK


def test_what_cannot_be_done_is_said_and_the_stream_goes_on(db, ready):
    c = ready("create table t (id int primary key, v text)", "insert into t values (1, 'a')", "create table bare (v text)")
    signals = [("execute-snapshot", "{not json"), ("what-is-this", "{}"), ("execute-snapshot", "{}"), ("execute-snapshot", "[]"),
               ("execute-snapshot", '{"data-collections": ["public.("]}'), ("execute-snapshot", '{"data-collections": ["public.t"], "type": "other"}'),
               ("execute-snapshot", '{"data-collections": ["%s"]}' % ("x" * 1_000_000)), ("log", "{}"), ("schema-changes", "{}"),
               ("execute-snapshot", '{"data-collections": ["public.none", "public.bare"]}'),
               ("execute-snapshot", '{"data-collections": ["public.t"], "additional-conditions": [{"data-collection": "public.t", "filter": "1 = 1); drop table t; --"}]}'),
               ("execute-snapshot", '{"data-collections": ["public.t"], "surrogate-key": "none"}')]
    with db.server.connect(db.name) as w:
        for i, (kind, data) in enumerate(signals):
            w.execute("insert into signal values (%s, %s, %s)", [f"s{i}", kind, data])
        w.execute("insert into t values (2, 'alive')")
    wait_until(lambda: any(x["topic"].endswith(".t") and x["value"]["after"]["id"] == 2 for x in c.lines()), lambda: c.log()[-3000:])
    for i in (0, 1, 2, 3, 4, 5, 6, 7):
        assert f'signal \\"s{i}\\" is ignored' in c.log()
    wait_until(lambda: c.log().count("type='COMPLETED'") >= 3, lambda: c.log()[-3000:])
    for status in ("UNKNOWN_SCHEMA", "NO_PRIMARY_KEY", "SQL_EXCEPTION"):
        assert f"status={status}" in c.log()
    assert db.sql("select id from t order by 1") == [(1,), (2,)], "a condition is a condition"
    execute(db, "good", "public.t")
    wait_until(lambda: len(reads(c, "t")) == 2, lambda: c.log()[-3000:])
    assert c.terminate() == program.OK


def test_altered_in_mid_snapshot(db, ready):
    c = ready("create table t (id int primary key, v text)", "insert into t select g, 'v' from generate_series(1, 20) g",
              **{"incremental.snapshot.chunk.size": "5"})
    db.sql(EXECUTE.format(id="s", data='{"data-collections": ["public.t"]}') + "; insert into signal values ('p', 'pause-snapshot', '{}')")
    wait_until(lambda: len(reads(c, "t")) == 5, "a chunk")
    db.sql("alter table t drop column v, add column w int default 7; insert into signal values ('r', 'resume-snapshot', '{}')")
    wait_until(lambda: len(reads(c, "t")) == 20, lambda: c.log()[-3000:])
    assert [sorted(r) for r in reads(c, "t")] == [["id", "v"]] * 5 + [["id", "w"]] * 15
    assert c.terminate() == program.OK


def test_a_chunk_does_not_wait_for_a_lock_that_may_wait_for_the_stream(db, ready):
    c = ready("create table t (id int primary key, v text)", "insert into t select g, 'v' from generate_series(1, 20) g",
              "create table other (id int primary key)", **{"incremental.snapshot.chunk.size": "5"})
    with db.server.connect(db.name) as alter:
        alter.execute("begin")
        alter.execute("lock table t")
        db.sql(EXECUTE.format(id="s", data='{"data-collections": ["public.t"]}'))
        wait_until(lambda: "incremental snapshot: trying again" in c.log(), lambda: c.log()[-3000:])
        db.sql("insert into other values (1)")
        wait_until(lambda: any(x["topic"].endswith(".other") for x in c.lines()), "the stream goes on")
        alter.execute("rollback")
    wait_until(lambda: len(reads(c, "t")) == 20, lambda: c.log()[-3000:])
    assert c.terminate() == program.OK


def test_file_and_command(db, ready, tmp_path):
    file = tmp_path / "signals"
    c = ready("create table t (id int primary key)", "insert into t values (1), (2)",
              **{"signal.enabled.channels": "source,file", "signal.file": str(file), "signal.poll.interval.ms": "50"})
    file.write_text('{"id":"f1","type":"execute-snapshot","data":{"data-collections":["public.t"]}}\nnonsense\n')
    wait_until(lambda: len(reads(c, "t")) == 2, lambda: c.log()[-3000:])
    wait_until(lambda: file.read_text() == "", "an empty file once it is stored")
    assert c.call("signal", "{file}", "execute-snapshot", '{"data-collections":["public.t"]}').returncode == 0
    wait_until(lambda: len(reads(c, "t")) == 4, lambda: c.log()[-3000:])
    assert c.call("signal", "{file}", "execute-snapshot", "{}").returncode == program.USAGE
    assert c.terminate() == program.OK


def test_kafka_channel(db, ready, real_kafka):
    from confluent_kafka import Producer
    c = ready("create table t (id int primary key)", "insert into t values (1), (2)",
              **{"signal.enabled.channels": "kafka", "signal.kafka.bootstrap.servers": real_kafka.bootstrap})
    p = Producer({"bootstrap.servers": real_kafka.bootstrap})
    for key in ("somebody", c.prefix):
        p.produce(f"{c.prefix}-signal", key=key, value='{"id":"k","type":"execute-snapshot","data":{"data-collections":["public.t"]}}')
    p.flush()
    wait_until(lambda: len(reads(c, "t")) == 2, lambda: c.log()[-3000:], 60)
    wait_until(lambda: "COMPLETED" in c.log(), "its end")
    assert c.terminate() == program.OK
    c.start("--sink", "lines")
    c.wait_streaming(db)
    assert c.call("signal", "{file}", "log", '{"message": "by command"}').returncode == 0
    c.wait_log("by command")
    assert len(reads(c, "t")) == 2, "a signal that was carried out does not come again"
    assert c.terminate() == program.OK


def test_read_only_writes_nothing(db, ready, tmp_path):
    file = tmp_path / "signals"
    c = ready("create table t (id int primary key, v text)", "insert into t select g, 'v' from generate_series(1, 30) g",
              **{"read.only": "true", "signal.enabled.channels": "file", "signal.file": str(file), "signal.poll.interval.ms": "50",
                 "incremental.snapshot.chunk.size": "7"})
    file.write_text('{"id":"f1","type":"execute-snapshot","data":{"data-collections":["public.t"]}}\n')
    wait_until(lambda: len(reads(c, "t")) == 30, lambda: c.log()[-3000:])
    assert db.sql("select count(*) from signal") == [(0,)]
    assert c.terminate() == program.OK


def test_what_is_stored_does_not_go_back_behind_a_quiet_time(db, ready, tmp_path):
    """No record has come since the start, but the server was told of WAL that others wrote: rows read then stand behind it."""
    signals = tmp_path / "signals.txt"
    c = ready("create table r (id int primary key)", "insert into r select generate_series(1, 20)", "create table other (id int)",
              **{"read.only": "true", "signal.enabled.channels": "file", "signal.file": str(signals), "table.include.list": "public.r"})
    db.sql("insert into r values (100)")
    wait_until(lambda: c.lines(), "the row")
    assert c.terminate() == program.OK
    c.start("--sink", "lines")
    c.wait_streaming(db)
    before = c.offset()["flush_lsn"]
    db.sql("insert into other select generate_series(1, 1000)")
    wait_until(lambda: c.offset()["flush_lsn"] != before, "the quiet position")
    quiet = c.offset()["flush_lsn"]
    db.wait_confirmed(c.slot, lsn(quiet))
    rows = len(reads(c, "r"))
    signals.write_text('{"id":"f","type":"execute-snapshot","data":{"data-collections":["public.r"]}}\n')
    wait_until(lambda: len(reads(c, "r")) == rows + 21, lambda: f"rows: {c.log()[-2000:]}")
    assert c.terminate() == program.OK
    assert lsn(c.offset()["flush_lsn"]) >= lsn(quiet)
    c.start("--sink", "lines")
    c.wait_streaming(db)
    assert c.terminate() == program.OK


def test_blocking_snapshot_waits_in_the_stream(db, ready):
    c = ready("create table t (id int primary key)", "insert into t select g from generate_series(1, 500) g",
              "create table u (id int primary key)", "insert into u values (1), (2), (3)")
    execute(db, "b", "public.(t|u)", type="blocking", **{"additional-conditions": [{"data-collection": "public.u", "filter": "SELECT * FROM u WHERE id > 1"}]})
    db.sql("insert into t values (1000)")
    wait_until(lambda: any(x["topic"].endswith(".t") and x["value"]["after"]["id"] == 1000 and x["value"]["op"] == "c" for x in c.lines()),
               lambda: c.log()[-3000:])
    order = [(x["value"]["op"], x["value"]["after"]["id"]) for x in c.lines() if x["topic"].endswith(".t")]
    assert order[-1] == ("c", 1000) and {i for op, i in order if op == "r"} >= set(range(1, 501))
    assert [r["id"] for r in reads(c, "u")] == [2, 3]
    sequences = {tuple(json.loads(x["value"]["source"]["sequence"])) for x in c.lines() if x["value"] and x["value"]["op"] == "r"}
    assert all(commit and int(commit) <= int(lsn) for commit, lsn in sequences), "behind the last commit, as Debezium says it"
    for kind in ("STARTED", "IN_PROGRESS", "TABLE_SCAN_COMPLETED", "COMPLETED"):
        assert f"type='{kind}'" in c.log()
    assert c.terminate() == program.OK


def test_killed_in_a_blocking_snapshot_it_begins_anew(db, ready):
    c = ready("create table t (id int primary key, v text)", "insert into t select g, repeat('x', 500) from generate_series(1, 30000) g")
    slowly = {"data-collection": "public.t", "filter": "id % 20 > 0 or pg_sleep(0.002) is not null"}
    execute(db, "b", "public.t", type="blocking", **{"additional-conditions": [slowly]})
    wait_until(lambda: len(c.stdout.read_text().splitlines()) > 500, "some rows")
    c.kill()
    incremental_kills.cut_last_line(c)
    c.start("--sink", "lines")
    c.wait_log("the stream goes on", 60)
    wait_until(lambda: {r["id"] for r in reads(c, "t")} == set(range(1, 30001)), "all rows", 60)
    assert c.terminate() == program.OK


# What Debezium 3.6.1 stored in the middle of a table with these keys: row 1 was read, row 5 is the last.
DEBEZIUM_KEYS = """create type mood as enum ('happy', 'sad');
create table k (a smallint, b int, c bigint, d text, e uuid, f numeric(10,2), g numeric, h boolean, i real, j float8, k date, l timestamp,
                m timestamptz, n time, o char(3), p bytea, q mood, r varchar(5), s timestamp(3), t oid, u money,
                primary key (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u));
insert into k select i, i, i, 'té' || i, ('00000000-0000-0000-0000-00000000000' || i)::uuid, i + 0.5, i * 1000, true, i + 0.25, i + 0.125,
  ('2020-01-0' || i)::date, ('2020-01-01 10:00:00.12345' || i)::timestamp, ('2020-01-01 10:00:00.12345' || i || '+00')::timestamptz,
  ('10:00:0' || i)::time, 'ab', '\\x01ff', 'happy', 'v', '2020-01-01 10:00:00.123', i, i from generate_series(1, 5) i"""
DEBEZIUM_STATE = {
  "incremental_snapshot_correlation_id": "s1",
  "incremental_snapshot_collections": '[{"incremental_snapshot_collections_id":"public.k","incremental_snapshot_collections_additional_condition":null,'
                                      '"incremental_snapshot_collections_surrogate_key":null}]',
  "incremental_snapshot_primary_key": (
    "aced0005757200135b4c6a6176612e6c616e672e4f626a6563743b90ce589f1073296c020000787000000015737200116a6176612e6c616e672e496e"
    "746567657212e2a0a4f781873802000149000576616c7565787200106a6176612e6c616e672e4e756d62657286ac951d0b94e08b0200007870000000"
    "0171007e00047372000e6a6176612e6c616e672e4c6f6e673b8be490cc8f23df0200014a000576616c75657871007e00030000000000000001740004"
    "74c3a9317372000e6a6176612e7574696c2e55554944bc9903f7986d852f0200024a000c6c65617374536967426974734a000b6d6f73745369674269"
    "7473787000000000000000010000000000000000737200146a6176612e6d6174682e426967446563696d616c54c71557f981284f0300024900057363"
    "616c654c0006696e7456616c7400164c6a6176612f6d6174682f426967496e74656765723b7871007e000300000002737200146a6176612e6d617468"
    "2e426967496e74656765728cfc9f1fa93bfb1d030006490008626974436f756e744900096269744c656e67746849001366697273744e6f6e7a65726f"
    "427974654e756d49000c6c6f776573745365744269744900067369676e756d5b00096d61676e69747564657400025b427871007e0003ffffffffffff"
    "fffffffffffefffffffe00000001757200025b42acf317f8060854e00200007870000000019678787371007e000a000000007371007e000dffffffff"
    "fffffffffffffffefffffffe000000017571007e00100000000203e87878737200116a6176612e6c616e672e426f6f6c65616ecd207280d59cfaee02"
    "00015a000576616c75657870017372000f6a6176612e6c616e672e466c6f6174daedc9a2db3cf0ec02000146000576616c75657871007e00033fa000"
    "00737200106a6176612e6c616e672e446f75626c6580b3c24a296bfb0402000144000576616c75657871007e00033ff20000000000007372000d6a61"
    "76612e73716c2e4461746514fa46683f3566970200007872000e6a6176612e7574696c2e44617465686a81014b597419030000787077080000016f5e"
    "66e8007874001a323032302d30312d30312031303a30303a30302e31323334353174001d323032302d30312d30312031303a30303a30302e31323334"
    "35312b303074000831303a30303a30317400036162207571007e00100000000201ff740005686170707974000176740017323032302d30312d303120"
    "31303a30303a30302e31323371007e00067371007e000a000000027371007e000dfffffffffffffffffffffffefffffffe000000017571007e001000"
    "000001647878"),
  "incremental_snapshot_maximum_key": (
    "aced0005757200135b4c6a6176612e6c616e672e4f626a6563743b90ce589f1073296c020000787000000015737200116a6176612e6c616e672e496e"
    "746567657212e2a0a4f781873802000149000576616c7565787200106a6176612e6c616e672e4e756d62657286ac951d0b94e08b0200007870000000"
    "0571007e00047372000e6a6176612e6c616e672e4c6f6e673b8be490cc8f23df0200014a000576616c75657871007e00030000000000000005740004"
    "74c3a9357372000e6a6176612e7574696c2e55554944bc9903f7986d852f0200024a000c6c65617374536967426974734a000b6d6f73745369674269"
    "7473787000000000000000050000000000000000737200146a6176612e6d6174682e426967446563696d616c54c71557f981284f0300024900057363"
    "616c654c0006696e7456616c7400164c6a6176612f6d6174682f426967496e74656765723b7871007e000300000002737200146a6176612e6d617468"
    "2e426967496e74656765728cfc9f1fa93bfb1d030006490008626974436f756e744900096269744c656e67746849001366697273744e6f6e7a65726f"
    "427974654e756d49000c6c6f776573745365744269744900067369676e756d5b00096d61676e69747564657400025b427871007e0003ffffffffffff"
    "fffffffffffefffffffe00000001757200025b42acf317f8060854e0020000787000000002022678787371007e000a000000007371007e000dffffff"
    "fffffffffffffffffefffffffe000000017571007e00100000000213887878737200116a6176612e6c616e672e426f6f6c65616ecd207280d59cfaee"
    "0200015a000576616c75657870017372000f6a6176612e6c616e672e466c6f6174daedc9a2db3cf0ec02000146000576616c75657871007e000340a8"
    "0000737200106a6176612e6c616e672e446f75626c6580b3c24a296bfb0402000144000576616c75657871007e000340148000000000007372000d6a"
    "6176612e73716c2e4461746514fa46683f3566970200007872000e6a6176612e7574696c2e44617465686a81014b597419030000787077080000016f"
    "730058007874001a323032302d30312d30312031303a30303a30302e31323334353574001d323032302d30312d30312031303a30303a30302e313233"
    "3435352b303074000831303a30303a30357400036162207571007e00100000000201ff740005686170707974000176740017323032302d30312d3031"
    "2031303a30303a30302e31323371007e00067371007e000a000000027371007e000dfffffffffffffffffffffffefffffffe000000017571007e0010"
    "0000000201f47878"),
}


def test_goes_on_where_debezium_stopped(db, ready):
    c = ready(*DEBEZIUM_KEYS.split(";\n"))
    db.sql("insert into signal values ('x', 'log', '{\"message\": \"x\"}')")
    wait_until(lambda: c.offset(), "an offset")
    assert c.terminate() == program.OK
    stored = c.offset()
    stored["offset"].update(DEBEZIUM_STATE)
    c.offset_file.write_text(json.dumps(stored))
    c.start("--sink", "lines")
    c.wait_log('incremental snapshot \\"s1\\": done')
    assert [r["a"] for r in reads(c, "k")] == [2, 3, 4, 5]
    wait_until(lambda: not any(k.startswith("incremental") for k in c.offset()["offset"]), "an offset that knows that it is over")
    assert c.terminate() == program.OK


def in_the_window(db, c, change):
    """Changes rows while a chunk of them is being read: its condition sleeps."""
    execute(db, "w", "public.t", **{"additional-conditions": [{"data-collection": "public.t", "filter": "pg_sleep(0.3) is not null"}]})
    wait_until(lambda: db.value("select count(*) from pg_stat_activity where state = 'active' and query like '%pg_sleep(0.3)%' and query like '%LIMIT 9'"),
               "the chunk")
    change() if callable(change) else db.sql(change)
    wait_until(lambda: "\\\"w\\\": done" in c.log(), lambda: c.log()[-3000:])
    return [(x["value"]["op"], x["value"]["after"]) for x in c.lines() if x["topic"].endswith(".t") and x["value"]]


def test_a_transaction_that_began_before_the_window_and_commits_in_it(db, ready):
    c = ready("create table t (id int primary key, v text)", "insert into t select g, 'old' from generate_series(1, 4) g", **{"incremental.snapshot.chunk.size": "9"})
    with db.server.connect(db.name) as w:
        w.execute("begin; update t set v = 'new' where id = 2; update t set id = 30 where id = 3; delete from t where id = 4")
        got = in_the_window(db, c, lambda: w.execute("commit"))
    assert sorted(row["id"] for op, row in got if op == "r") == [1], "what the transaction changed is the stream's"
    assert [(op, row and row["id"]) for op, row in got if op != "r"] == [("u", 2), ("d", None), ("c", 30), ("d", None)]
    assert c.terminate() == program.OK


def test_a_table_that_is_emptied_in_the_window(db, ready):
    c = ready("create table t (id int primary key, v text)", "insert into t select g, 'old' from generate_series(1, 4) g", **{"incremental.snapshot.chunk.size": "9"})
    with db.server.connect(db.name) as w:
        def change():
            w.execute("truncate t; insert into t values (2, 'new')")  # waits for the chunk

        got = in_the_window(db, c, change)
    final = {}
    for op, row in got:
        final[row["id"]] = row["v"]
    assert final.get(2) == "new" and got[-1] == ("c", {"id": 2, "v": "new"}), "no row comes behind what emptied the table"
    assert c.terminate() == program.OK


@pytest.mark.parametrize("settings", [{"skipped.operations": "u"}, {"skip.messages.without.change": "true"}])
def test_a_change_that_is_left_out_takes_no_row_away(db, ready, settings):
    c = ready("create table t (id int primary key, v text)", "alter table t replica identity full", "insert into t values (1, 'a'), (2, 'b'), (3, 'c')",
              **settings, **{"incremental.snapshot.chunk.size": "9"})
    got = in_the_window(db, c, "update t set v = v where id = 2")
    assert sorted(row["id"] for op, row in got if op == "r") == [1, 2, 3]
    assert c.terminate() == program.OK


def test_a_large_value_that_an_update_leaves_alone_comes_by_its_read(db, ready):
    c = ready("create table t (id int primary key, n int, v text)", "alter table t alter v set storage external",
              "insert into t select i, 0, repeat('x', 9000) || i from generate_series(1, 3) i", **{"incremental.snapshot.chunk.size": "9"})
    got = in_the_window(db, c, "update t set n = 1 where id = 2")
    of_2 = [(op, row["v"][-1]) for op, row in got if row["id"] == 2]
    assert of_2 == [("r", "2"), ("u", "e")], "the row with its value, then the update without: __debezium_unavailable_value"
    assert [op for op, row in got if op == "r"] == ["r"] * 3
    assert c.terminate() == program.OK


def waiting(db):
    """Statements that wait for a lock."""
    return [q for q, in db.sql("select query from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'")]


@pytest.mark.parametrize("alter", ["alter table t alter n type bigint", "alter table t add w int default 7", "truncate t; insert into t select g from generate_series(1, 20) g"])
def test_a_chunk_that_waits_for_a_rewrite_reads_what_is_behind_it(db, ready, alter):
    """A snapshot that is older than the rewrite would find the table empty, a description that is older would lack the column."""
    c = ready("create table t (id int primary key, n int)", "insert into t select g, g from generate_series(1, 20) g", **{"incremental.snapshot.chunk.size": "5"})
    db.sql(EXECUTE.format(id="s", data='{"data-collections": ["public.t"]}') + "; insert into signal values ('p', 'pause-snapshot', '{}')")
    wait_until(lambda: len(reads(c, "t")) == 5, "a chunk")
    with db.server.connect(db.name) as w:
        w.execute("begin; " + alter)
        db.sql("insert into signal values ('r', 'resume-snapshot', '{}')")
        wait_until(lambda: waiting(db), lambda: f"the chunk that waits\n{c.log()[-2000:]}")
        w.execute("commit")
    c.wait_log('incremental snapshot \\"s\\": done')
    rows = {x["value"]["after"]["id"]: x["value"]["after"] for x in c.lines() if x["topic"].endswith(".t") and x["value"]}
    assert sorted(rows) == list(range(1, 21))
    if " w " in alter:
        assert [r.get("w") for _, r in sorted(rows.items())] == [None] * 5 + [7] * 15
    assert c.terminate() == program.OK


def test_another_key_in_mid_snapshot_begins_the_table_anew(db, ready):
    c = ready("create table t (a int primary key, b int not null)", "insert into t select g, 1000 - g from generate_series(1, 20) g",
              **{"incremental.snapshot.chunk.size": "5"})
    db.sql(EXECUTE.format(id="s", data='{"data-collections": ["public.t"]}') + "; insert into signal values ('p', 'pause-snapshot', '{}')")
    wait_until(lambda: len(reads(c, "t")) == 5, "a chunk")
    db.sql("alter table t drop constraint t_pkey, add primary key (b); insert into signal values ('r', 'resume-snapshot', '{}')")
    c.wait_log('incremental snapshot \\"s\\": done')
    assert {r["a"] for r in reads(c, "t")} == set(range(1, 21))
    assert c.terminate() == program.OK


def test_columns_that_the_stream_leaves_out_do_not_hide_the_key(db, server, ready):
    if server.version < 15:
        pytest.skip("a publication has no lists of columns before PostgreSQL 15")
    c = ready("create table t (more text, id int primary key, v text)", "insert into t select 'm', g, 'v' from generate_series(1, 3) g",
              "create publication few for table t (id, v), signal",
              **{"publication.name": "few", "publication.autocreate.mode": "disabled", "incremental.snapshot.chunk.size": "9"})
    got = in_the_window(db, c, "update t set v = 'new' where id = 2")
    assert sorted((op, row["id"]) for op, row in got) == [("r", 1), ("r", 3), ("u", 2)]
    assert db.value("select count(*) from signal where id like '%-open'") == 2, "a chunk, and that there is no more"
    assert c.terminate() == program.OK


def test_what_came_before_the_first_chunk_is_in_it(db, ready, tmp_path):
    """A commit is streamed while it waits for a standby, and others do not see it yet: no chunk without it may go out behind it."""
    file = tmp_path / "signals"
    db.sql(f'alter database "{db.name}" set synchronous_commit = local')
    c = ready("create table t (id int primary key, v text)", "insert into t values (1, 'old'), (2, 'old')",
              **{"signal.enabled.channels": "source,file", "signal.file": str(file), "signal.poll.interval.ms": "50"})
    db.sql("insert into signal values ('l', 'log', '{\"message\": \"here\"}'); insert into t values (3, 'old')")
    wait_until(lambda: any(x["topic"].endswith(".t") for x in c.lines()), "what the stream says of both tables")
    values = lambda: [(x["value"]["op"], x["value"]["after"]["v"]) for x in c.lines()  # noqa: E731
                      if x["topic"].endswith(".t") and x["value"] and x["value"]["after"]["id"] == 1]
    opened = lambda: [x for x in c.lines() if x["topic"].endswith(".signal") and x["value"]["after"]["id"].endswith("-open")]  # noqa: E731
    try:
        with db.server.connect(db.name) as holder, db.server.connect(db.name) as writer:
            holder.execute("begin; lock table pg_catalog.pg_attrdef")  # no table can be described
            # By a file: a signal in the stream holds that until the first chunk is read.
            file.write_text('{"id":"s","type":"execute-snapshot","data":{"data-collections":["public.t"]}}\n')
            wait_until(opened, lambda: f"the window\n{c.log()[-2000:]}")
            db.sql("alter system set synchronous_standby_names = 'nobody'")
            db.sql("select pg_reload_conf()")
            wait_until(lambda: db.value("show synchronous_standby_names") == "nobody", "a standby that is waited for")
            writer.execute("set synchronous_commit = on")
            commit = threading.Thread(target=writer.execute, args=("update t set v = 'new' where id = 1",))
            commit.start()
            wait_until(lambda: ("u", "new") in values(), "the update in the stream")
            holder.execute("rollback")
            c.wait_log("committed and not yet visible")
            time.sleep(0.5)
            again = c.log().count("committed and not yet visible")
            db.sql("alter system reset synchronous_standby_names")
            db.sql("select pg_reload_conf()")
            commit.join(30)
    finally:
        db.sql("alter system reset synchronous_standby_names")
        db.sql("select pg_reload_conf()")
    wait_until(lambda: ("r", "new") in values(), lambda: c.log()[-3000:])
    assert values() == [("u", "new"), ("r", "new")]
    assert again < 20, "it does not go round and round"
    assert c.terminate() == program.OK


def test_a_watermark_does_not_wait_for_the_stream_that_waits_for_its_chunk(db, ready):
    """Any walsender counts as a standby under '*': commits wait until the stream has passed them."""
    c = ready("create table t (id int primary key)", "insert into t values (1)")
    try:
        db.sql("alter system set synchronous_standby_names = '*'")
        db.sql("select pg_reload_conf()")
        with db.server.connect(db.name, options="-c statement_timeout=15s") as w:
            w.execute(EXECUTE.format(id="s", data='{"data-collections": ["public.t"]}'))
        c.wait_log('incremental snapshot \\"s\\": done')
    finally:
        db.sql("alter system reset synchronous_standby_names")
        db.sql("select pg_reload_conf()")
    assert [r["id"] for r in reads(c, "t")] == [1]
    assert c.terminate() == program.OK


def test_a_stop_outlives_a_kill_before_its_chunk_ends(db, ready):
    c = ready("create table t (id int primary key)", "insert into t select generate_series(1, 9)", "create table u (id int primary key)", "insert into u values (1)",
              **{"incremental.snapshot.chunk.size": "1"})
    execute(db, "s", "public.t", "public.u", **{"additional-conditions": [{"data-collection": "public.t", "filter": "id <> 2 or pg_sleep(60) is not null"}]})
    wait_until(lambda: db.value("select count(*) from pg_stat_activity where state = 'active' and query like '%pg_sleep(60)%LIMIT 1' and query like '%> $1%'"),
               lambda: f"the second chunk\n{c.log()[-2000:]}")
    db.sql("""insert into signal values ('x', 'stop-snapshot', '{"data-collections": ["public.t"]}')""")
    state = lambda: (c.offset() or {}).get("offset", {}).get("incremental_snapshot_collections", "public.t")  # noqa: E731
    wait_until(lambda: "public.t" not in state(), lambda: f"an offset that knows of it: {c.offset()}")
    c.kill()
    c.start("--sink", "lines")
    c.wait_log('incremental snapshot \\"s\\": done')
    assert [r["id"] for r in reads(c, "t")] == [1]
    assert [r["id"] for r in reads(c, "u")] == [1]
    assert c.terminate() == program.OK


def test_a_table_that_is_dropped_in_mid_snapshot_leaves_the_others(db, ready):
    c = ready("create table t (id int primary key)", "insert into t select generate_series(1, 20)",
              "create table gone (id int primary key)", "insert into gone values (1)", "create table u (id int primary key)", "insert into u values (1)",
              **{"incremental.snapshot.chunk.size": "5"})
    execute(db, "s", "public.t", "public.gone", "public.u")
    db.sql("insert into signal values ('p', 'pause-snapshot', '{}')")
    wait_until(lambda: "type='PAUSED'" in c.log(), lambda: c.log()[-2000:])
    with db.server.connect(db.name) as w:
        w.execute("begin; drop table t; drop table gone")
        db.sql("insert into signal values ('r', 'resume-snapshot', '{}')")
        wait_until(lambda: waiting(db), lambda: f"the chunk that waits\n{c.log()[-2000:]}")
        w.execute("commit")
    c.wait_log('incremental snapshot \\"s\\": done')
    assert c.log().count("status=SQL_EXCEPTION") == 2
    assert len(reads(c, "t")) in (5, 10) and [r["id"] for r in reads(c, "u")] == [1]
    db.sql("insert into u values (2)")
    wait_until(lambda: [x for x in c.lines() if x["topic"].endswith(".u") and x["value"]["op"] == "c"], "the stream")
    assert c.terminate() == program.OK


def test_a_table_that_was_known_and_one_that_never_was_differ_in_their_status(db, ready):
    c = ready("create table gone (id int primary key)", "create table t (id int primary key)", "insert into t values (1)")
    db.sql("drop table gone; create table brief (id int primary key); drop table brief")
    execute(db, "s", "public.gone", "public.brief", "public.t")
    c.wait_log('incremental snapshot \\"s\\": done')
    told = [line for line in c.log().splitlines() if "type='TABLE_SCAN_COMPLETED'" in line]
    assert [status for table in ("gone", "brief", "t") for line in told if f"scanned_collection=public.{table}," in line
            for status in ("SQL_EXCEPTION", "UNKNOWN_SCHEMA", "SUCCEEDED") if f"status={status}" in line] == ["SQL_EXCEPTION", "UNKNOWN_SCHEMA", "SUCCEEDED"]
    assert [r["id"] for r in reads(c, "t")] == [1]
    assert c.terminate() == program.OK


def test_what_is_no_captured_table_is_skipped_with_its_status(db, ready):
    c = ready("create table t (id int primary key)", "insert into t values (1)", "create table hidden (id int primary key)", "insert into hidden values (1)",
              "create view v as select * from t", "create foreign data wrapper w", "create server s foreign data wrapper w",
              "create foreign table f (id int) server s", **{"table.exclude.list": "public.hidden"})
    execute(db, "s", "public.hidden", "public.v", "public.f", "public.t")
    c.wait_log('incremental snapshot \\"s\\": done')
    assert c.log().count("status=UNKNOWN_SCHEMA") == 3
    assert [r["id"] for r in reads(c, "t")] == [1] and not reads(c, "hidden")
    assert c.terminate() == program.OK


def test_a_condition_that_fails_on_the_way_ends_its_table_alone(db, ready):
    c = ready("create table t (id int primary key)", "insert into t select generate_series(1, 20)", "create table u (id int primary key)", "insert into u values (1)",
              **{"incremental.snapshot.chunk.size": "5"})
    execute(db, "s", "public.t", "public.u", **{"additional-conditions": [{"data-collection": "public.t", "filter": "1 / (id - 12) is not null"}]})
    c.wait_log('incremental snapshot \\"s\\": done')
    assert "division by zero" in c.log() and "status=SQL_EXCEPTION" in c.log()
    assert len(reads(c, "t")) in (0, 10) and [r["id"] for r in reads(c, "u")] == [1]
    assert c.terminate() == program.OK


def test_a_blocking_snapshot_that_fails_leaves_the_stream(db, ready):
    c = ready("create table t (id int primary key)", "insert into t values (1)")
    execute(db, "s", "public.t", **{"type": "blocking", "additional-conditions": [{"data-collection": "public.t", "filter": "select no from such"}]})
    wait_until(lambda: "type='ABORTED'" in c.log(), lambda: c.log()[-2000:])
    db.sql("insert into t values (2)")
    wait_until(lambda: [x for x in c.lines() if x["topic"].endswith(".t") and x["value"]["op"] == "c"], "the stream")
    execute(db, "again", "public.t", **{"type": "blocking"})
    wait_until(lambda: len(reads(c, "t")) == 2, lambda: c.log()[-2000:])
    assert c.terminate() == program.OK


@pytest.mark.parametrize("filter", ["select no from such", "select id, 'x' as other from public.b", "no = 1", "select 1 / (id - 2) as id, v from public.b"])
def test_a_blocking_snapshot_says_at_which_table_it_failed(db, ready, filter):
    c = ready(*[f"create table {t} (id int primary key, v text)" for t in "abc"], *[f"insert into {t} values (1, 'x'), (2, 'y')" for t in "abc"])
    execute(db, "s", "public.a", "public.b", "public.c", **{"type": "blocking", "additional-conditions": [{"data-collection": "public.b", "filter": filter}]})
    wait_until(lambda: "type='ABORTED'" in c.log(), lambda: c.log()[-2000:])
    told = [m.groups() for m in re.finditer(r"type='([A-Z_]+)', additional_data=\{([^}]*)\}", c.log())]
    assert [(kind, "".join(re.findall(r"(?:scanned_collection|current_collection_in_progress)=public\.(\w+)", data) + re.findall(r"status=(\w+)", data))) for kind, data in told
            if kind != "SKIPPED"] == [
        ("STARTED", ""), ("IN_PROGRESS", "a"), ("TABLE_SCAN_COMPLETED", "aSUCCEEDED"),
        ("IN_PROGRESS", "b"), ("TABLE_SCAN_COMPLETED", "bSQL_EXCEPTION"), ("ABORTED", "")]
    db.sql("insert into c values (3, 'z')")
    wait_until(lambda: [x for x in c.lines() if x["topic"].endswith(".c") and x["value"]["op"] == "c"], "the stream")
    assert [r["id"] for r in reads(c, "a")] in ([1], [1, 2]), "its last row waits for what follows"
    assert not reads(c, "b") and not reads(c, "c")
    execute(db, "again", "public.b", "public.c", **{"type": "blocking"})
    wait_until(lambda: len(reads(c, "b")) == 2 and len(reads(c, "c")) == 3, lambda: c.log()[-2000:])
    assert c.terminate() == program.OK


def test_the_same_signal_twice_and_more_than_fits(db, ready, tmp_path):
    """Lines of a file that is still being written, too."""
    file = tmp_path / "signals"
    c = ready("create table t (id int primary key)", "insert into t select generate_series(1, 20)", *[f"create table w{i} (id int primary key)" for i in range(20)],
              **{"signal.enabled.channels": "source,file", "signal.file": str(file), "signal.poll.interval.ms": "200", "incremental.snapshot.chunk.size": "5"})
    condition = [{"data-collection": "public.w.*", "filter": "'" + '"' * 100000 + "' <> ''"}]
    data = {"large": {"data-collections": ["public.w.*"], "additional-conditions": condition}, "huge": {"data-collections": ["public.t", "x" * (1 << 20)]},
            "twice": {"data-collections": ["public.t"]}}
    line = lambda id: json.dumps({"id": id, "type": "execute-snapshot", "data": data[id]}) + "\n"  # noqa: E731
    text = line("huge") + line("large") + line("twice") + line("twice")
    with open(file, "a") as f:
        f.write(text[:500000])
        f.flush()
        time.sleep(0.3)
        f.write(text[500000:])
    c.wait_log('incremental snapshot \\"twice\\": done', 60)
    assert all(f'signal \\"{id}\\" is ignored' in c.log() for id in ("huge", "large"))
    wait_until(lambda: file.read_text() == "", "an empty file once it is stored")
    got = [r["id"] for r in reads(c, "t")]
    assert sorted(got) == list(range(1, 21)), "once"
    db.sql("insert into t values (21)")
    wait_until(lambda: [x for x in c.lines() if x["topic"].endswith(".t") and x["value"]["op"] == "c"], "the stream")
    assert c.terminate() == program.OK


def sleeping(db):
    """Chunks, or questions for the greatest key, whose condition sleeps."""
    return [pid for pid, in db.sql("select pid from pg_stat_activity where datname = current_database() and state = 'active' "
                                   "and query like '%pg_sleep(60)%LIMIT %' and pid <> pg_backend_pid()")]


def test_a_signal_whose_row_is_left_out_is_stored_all_the_same(db, ready):
    c = ready("create table t (id int primary key)", "insert into t values (1), (2)", "create publication whole for all tables",
              **{"skipped.operations": "c", "publication.name": "whole", "publication.autocreate.mode": "disabled", "incremental.snapshot.chunk.size": "1"})
    execute(db, "s", "public.t", **{"additional-conditions": [{"data-collection": "public.t", "filter": "id <> 1 or pg_sleep(60) is not null"}]})
    wait_until(lambda: sleeping(db), lambda: f"the chunk\n{c.log()[-2000:]}")
    # A reason that passes: the stream goes on, and the chunk is tried again.
    db.sql("select pg_cancel_backend(%s)", sleeping(db)[0])
    wait_until(lambda: sleeping(db), lambda: f"the chunk again\n{c.log()[-2000:]}")
    state = lambda: (c.offset() or {}).get("offset", {}).get("incremental_snapshot_collections", "")  # noqa: E731
    wait_until(lambda: "public.t" in state(), lambda: f"an offset that knows of it: {c.offset()}")
    c.kill()
    c.start("--sink", "lines")
    c.wait_log('goes on with \\"public.t\\"')
    c.wait_streaming(db)
    db.sql("insert into signal values ('l', 'log', '{\"message\": \"here\"}')")
    c.wait_log('signal \\"l\\"')
    assert 'signal \\"s\\"' not in c.log(), "it is not carried out twice"
    c.kill()


def test_a_reason_that_passes_does_not_end_a_table(db, ready):
    c = ready("create table t (id int primary key)", "insert into t values (1)")
    execute(db, "s", "public.t", **{"additional-conditions": [{"data-collection": "public.t", "filter": "pg_sleep(60) is not null"}]})
    for _ in range(6):
        wait_until(lambda: sleeping(db), lambda: f"another try\n{c.log()[-2000:]}")
        db.sql("select pg_cancel_backend(%s)", sleeping(db)[0])
        wait_until(lambda: not sleeping(db), "its end")
    wait_until(lambda: sleeping(db), lambda: f"another try\n{c.log()[-2000:]}")
    assert "SQL_EXCEPTION" not in c.log()
    c.kill()


@pytest.mark.parametrize("watermarks", [{}, {"read.only": "true"}], ids=["watermarks", "read_only"])
def test_two_sinks_of_which_one_stands_still(db, ready, tmp_path, watermarks):
    """Windows close while a sink is full and the other has taken their rows; kills find all of it in flight."""
    from test_snapshot_resume import Pipe
    file, rows = tmp_path / "signals", 3000
    db.sql(f"create table t (id int primary key, n int, pad text default repeat('p', 900)); insert into t select g, -g from generate_series(1, {rows}) g")
    c = ready(**{**watermarks, "signal.enabled.channels": "file", "signal.file": str(file), "signal.poll.interval.ms": "50",
                 "incremental.snapshot.chunk.size": "200", "walbridge.pending.max.bytes": "1048576"})
    assert c.terminate() == program.OK
    stop, got = threading.Event(), c.lines()
    crew = [incremental_kills.Writer(db, rows, 7 + i, stop) for i in range(2)]
    for w in crew:
        w.start()
    file.write_text('{"id":"s","type":"execute-snapshot","data":{"data-collections":["public.t"]}}\n')
    for run in range(4):
        pipe = Pipe(tmp_path / f"pipe{run}")
        c.start("--sink", "null", "--sink", "lines", "--output", str(pipe.path))
        for _ in range(6):
            pipe.read_until(lambda records, n=len(pipe.got): len(records) > n)
            time.sleep(0.15)  # it is full by now
        c.kill()
        got += pipe.drain()
    stop.set()
    for w in crew:
        w.join(20)
        assert not w.error, w.error
    db.sql("insert into t values (1000000, 1)")
    c.start("--sink", "null", "--sink", "lines", "--output", str(tmp_path / "rest"))
    wait_until(lambda: '\\"s\\": done' in c.stderr.read_text(), lambda: c.log()[-3000:], 60)
    rest = lambda: [json.loads(x) for x in (tmp_path / "rest").read_text().splitlines()]  # noqa: E731
    wait_until(lambda: '"id":1000000,' in (tmp_path / "rest").read_text() or any((r["value"] or {}).get("after") == {"id": 1000000, "n": 1} for r in got), "the last row", 60)
    assert c.terminate() == program.OK
    state, order = incremental_kills.fold(got + rest())
    assert state == dict(db.sql("select id, n from t"))
    assert len({k for op, k in order if op == "r"}) > rows / 2
