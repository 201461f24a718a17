"""What PostgreSQL can hold and a record can hardly: every line is a JSON document, nothing is lost without a word."""
import json

import pytest
from kit import program, wait_until


def strict(c):
    """The values of the lines so far; json.loads is strict but for NaN and Infinity, which are no JSON either."""
    def no(word):
        raise AssertionError(f"{word} is no JSON")

    out = []
    for line in c.stdout.read_bytes().decode("utf-8", errors="strict").split("\n")[:-1]:
        value = json.loads(line, parse_constant=no)["value"]
        if isinstance(value, str):
            value = json.loads(value, parse_constant=no)
        if value is not None:
            out.append(value.get("payload", value))
    return out


def wait_values(c, n):
    wait_until(lambda: c.stdout.read_bytes().count(b"\n") >= n, lambda: f"{n} lines; its log:\n{c.log()[-3000:]}")
    values = strict(c)
    assert len(values) == n
    return values


NAN = "create table t (id int primary key, v numeric); insert into t select g, 'NaN' from generate_series(1, 10) g;"


def test_values_that_cannot_be_said_are_logged_ever_less_often(db, new_connector):
    db.psql(NAN)
    c = new_connector().start("--sink", "lines")
    c.wait_streaming(db)
    db.sql("insert into t select g, 'NaN' from generate_series(11, 20) g")
    assert all(v["after"]["v"] is None for v in wait_values(c, 20))
    warnings = [e["message"] for e in c.log_entries() if "written as null" in e["message"]]
    for kind in (lambda m: m.startswith("snapshot: "), lambda m: not m.startswith("snapshot: ")):
        told = [m for m in warnings if kind(m)]
        assert [m.rsplit("(", 1)[1].split()[0] for m in told] == ["1", "2", "3", "4", "8"], told
        assert all('table "public.t", column "v"' in m for m in told)
    assert c.terminate() == program.OK


def test_values_that_cannot_be_said_are_skipped_in_silence(db, new_connector):
    db.psql(NAN)
    c = new_connector(event__converting__failure__handling__mode="skip").start("--sink", "lines")
    c.wait_streaming(db)
    db.sql("insert into t values (11, 'NaN')")
    assert all(v["after"]["v"] is None for v in wait_values(c, 11))
    assert "written as null" not in c.log()
    assert c.terminate() == program.OK


def test_a_value_that_cannot_be_said_stops_the_stream_with_its_place(db, new_connector):
    db.psql("create table t (id int primary key, v numeric)")
    c = new_connector(event__converting__failure__handling__mode="fail").start("--sink", "lines")
    c.wait_streaming(db)
    db.sql("insert into t values (1, 'NaN')")
    assert c.exit_code() != program.OK
    wanted = (f'slot "{c.slot}"', "LSN ", 'table "public.t"', 'column "v"')
    assert any(all(w in e["message"] for w in wanted) for e in c.log_entries()), c.log()


def test_a_value_that_cannot_be_said_stops_the_snapshot_with_its_place(db, new_connector):
    db.psql(NAN)
    c = new_connector(event__converting__failure__handling__mode="fail").start("--sink", "lines")
    assert c.exit_code() != program.OK
    assert any('table "public.t", column "v"' in e["message"] for e in c.log_entries()), c.log()


EDGES = """
create table t (id int primary key, d date, ts timestamp, tz timestamptz, i interval, n numeric, r real, f double precision, m money);
insert into t values
  (1, 'infinity', 'infinity', 'infinity', '178000000 years', '1e400', 'NaN', 'Infinity', '92233720368547758.07'),
  (2, '-infinity', '-infinity', '-infinity', '-178000000 years', '-1e400', '-Infinity', 'NaN', '-92233720368547758.08'),
  (3, '5874897-12-31', '294276-12-31 23:59:59.999999', '294276-12-31 23:59:59.999999+00', '1 mon -1 day 00:00:00.000001', 'NaN', 3.4e38, 1.7e308, 0),
  (4, '4713-11-24 BC', '4713-11-24 00:00:00 BC', '4713-11-24 00:00:00+00 BC', '0', ('0.' || repeat('0', 300) || '1')::numeric, 1.4e-45, 5e-324, 0);
"""


@pytest.mark.parametrize("modes", [
    {},
    {"decimal.handling.mode": "double", "time.precision.mode": "connect", "interval.handling.mode": "string"},
    {"decimal.handling.mode": "string", "time.precision.mode": "nanoseconds"},
    {"time.precision.mode": "microseconds"},
    {"time.precision.mode": "isostring"},
], ids=["default", "double-connect", "string-nanoseconds", "microseconds", "isostring"])
def test_values_at_the_edge_make_documents_in_snapshot_and_stream(db, new_connector, modes):
    db.psql(EDGES)
    c = new_connector(**{k.replace(".", "__"): v for k, v in modes.items()}).start("--sink", "lines")
    c.wait_streaming(db)
    db.sql("insert into t select id + 4, d, ts, tz, i, n, r, f, m from t")
    values = [v["after"] for v in wait_values(c, 8)]
    for old, new in zip(values[:4], values[4:]):
        assert {**old, "id": 0} == {**new, "id": 0}, "the stream says what the snapshot said"
    assert c.terminate() == program.OK


def test_bytes_that_are_no_utf8_make_documents(server, name, new_connector):
    plain = server.new_database(f"{name}_ascii", "encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C' template template0")
    try:
        put = "insert into t values ({}, convert_from('\\x41ff42c328'::bytea, 'SQL_ASCII'))"
        plain.psql("create table t (id int primary key, v text);" + put.format(1))
        c = new_connector(database__dbname=plain.name).start("--sink", "lines")
        c.wait_streaming(plain)
        plain.psql(put.format(2))
        assert [v["after"]["v"] for v in wait_values(c, 2)] == ["A\ufffdB\ufffd("] * 2
        told = [e["message"] for e in c.log_entries() if "U+FFFD" in e["message"]]
        assert len(told) == 2 and all('table "public.t", column "v": bytes that are no UTF-8' in m for m in told), told
        assert c.terminate() == program.OK
    finally:
        c.kill()
        plain.sql("select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = current_database()")
        plain.drop()


def test_escapes_and_controls_make_documents(db, new_connector):
    text = "".join(map(chr, range(1, 128))) + "é€😀\u2028\ufffe"
    db.psql('create table t (id int primary key, v text, j json, "odd ""name\\" text);')
    c = new_connector().start("--sink", "lines")
    c.wait_streaming(db)
    db.sql("insert into t values (1, %s, %s, 'x')", text, r'{"a": "\u0000", "b": "\ud800"}')
    after = wait_values(c, 1)[0]["after"]
    assert after == {"id": 1, "v": text, "j": r'{"a": "\u0000", "b": "\ud800"}', 'odd "name\\': "x"}
    assert c.terminate() == program.OK


def test_a_row_that_the_server_cannot_say_stops_the_stream_with_its_place(db, new_connector):
    db.psql("create table t (id int primary key, b bytea)")
    c = new_connector().start("--sink", "lines")
    c.wait_streaming(db)
    # In hexadecimal digits it is longer than the gigabyte that the server can allocate.
    db.psql("with half as (select decode(repeat('00', 270000000), 'hex') b) insert into t select 1, b || b from half")
    assert c.exit_code() != program.OK
    wanted = (f'slot "{c.slot}"', "LSN ", "exceeds 1 GB", "leave the column out of the publication")
    assert any(all(w in e["message"] for w in wanted) for e in c.log_entries()), c.log()


def test_a_large_field_arrives_whole(db, new_connector):
    n = 40_000_000
    db.psql("create table t (id int primary key, v text)")
    c = new_connector(**program.NO_SCHEMAS).start("--sink", "lines")
    c.wait_streaming(db)
    db.sql("insert into t values (1, repeat('x', %s))", n)
    db.sql("insert into t values (2, 'small')")
    values = wait_values(c, 2)
    assert len(values[0]["after"]["v"]) == n and values[1]["after"]["v"] == "small"
    assert c.terminate() == program.OK


def test_ddl_in_the_middle_of_a_transaction(db, new_connector):
    db.psql("create table t (id int primary key, v text)")
    c = new_connector(**program.NO_SCHEMAS).start("--sink", "lines")
    c.wait_streaming(db)
    db.psql("""begin; insert into t values (1, 'a'); alter table t add n int default 7; insert into t values (2, 'b');
               alter table t rename v to w; insert into t values (3, 'c'); alter table t alter n type text; insert into t values (4, 'd', 'n');
               alter table t drop n; insert into t values (5, 'e'); savepoint s; alter table t add x int; insert into t values (6, 'f', 1);
               rollback to s; insert into t values (7, 'g'); commit;""")
    # A rewrite (another type) sends no rows of its own.
    assert [v["after"] for v in wait_values(c, 6)] == [
        {"id": 1, "v": "a"}, {"id": 2, "v": "b", "n": 7}, {"id": 3, "w": "c", "n": 7}, {"id": 4, "w": "d", "n": "n"},
        {"id": 5, "w": "e"}, {"id": 7, "w": "g"}]
    assert c.terminate() == program.OK


def test_sixteen_hundred_columns(db, new_connector):
    n = 1600
    db.psql(f"create table t ({', '.join(f'c{i} smallint' for i in range(n))});")
    db.psql("alter table t replica identity full")
    row = ", ".join(str(i) for i in range(n))
    db.psql(f"insert into t values ({row});")
    c = new_connector().start("--sink", "lines")
    c.wait_streaming(db)
    db.psql("update t set c1599 = 7; delete from t;")
    read, updated, deleted = wait_values(c, 3)
    whole = {f"c{i}": i for i in range(n)}
    assert read["after"] == updated["before"] == whole
    assert updated["after"] == deleted["before"] == {**whole, "c1599": 7}
    assert c.terminate() == program.OK

