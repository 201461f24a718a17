"""The way of a change: snapshot, stream, sinks, stopping and starting again."""
import json
import re
import signal
import time

import pytest
from kit import ROOT, program, wait_until

INVENTORY = """
create extension if not exists "uuid-ossp";
create table inventory(id uuid default uuid_generate_v4(), sku char(15) not null, name varchar(150) not null, description text,
                       price double precision not null default 0, available integer);
alter table inventory replica identity full;
"""


def payload(record):
    v = json.loads(record["value"])
    return v.get("payload", v)


def rows(records, field="id"):
    """[(op, value of a column)] of the rows in records, tombstones left out."""
    out = []
    for r in records:
        if r["value"] is not None:
            p = payload(r)
            out.append((p["op"], (p["after"] or p["before"])[field]))
    return out


@pytest.fixture
def table(db):
    db.sql("create table t (id int primary key, v text)")
    return db


def test_snapshot_then_stream_without_gap_or_overlap(table, new_connector, real_kafka, topics):
    table.sql("insert into t select g, 'old' from generate_series(1, 1000) g")
    c = new_connector(bootstrap__servers=real_kafka.bootstrap)
    # Writers go on while the snapshot is being read: each row must come once, read or created.
    with table.server.connect(table.name) as w:
        c.start("--sink", "kafka")
        for i in range(1001, 1501):
            w.execute("insert into t values (%s, 'new')", [i])
    c.wait_streaming(table)
    got = rows(topics(real_kafka, c.prefix).wait(1500))
    assert sorted(i for _, i in got) == list(range(1, 1501))
    ops = [op for op, _ in got]
    assert ops == sorted(ops, reverse=True), "the snapshot's rows (r) come before the stream's (c)"
    assert c.terminate() == program.OK


STOCK = INVENTORY + """
insert into inventory(sku, name, price, available) values ('SKU-1', 'Widget', 9.99, 5), ('SKU-2', 'Gadget', 1, null);
"""
STOCK_CHANGES = "update inventory set available = 7 where sku = 'SKU-1'; delete from inventory where sku = 'SKU-2';"


def test_kafka_and_bigquery_at_once(db, name, new_connector, embedded_kafka, bq, topics):
    db.psql(STOCK)
    c = new_connector(bootstrap__servers=embedded_kafka.bootstrap, table__include__list="public.inventory", **bq.new_dataset(name))
    c.start("--sink", "kafka", "--sink", "bigquery")
    c.wait_streaming(db)
    db.psql(STOCK_CHANGES)
    got = topics(embedded_kafka, c.prefix).wait(5)
    assert [(op, s.strip()) for op, s in rows(got, "sku")] == [("r", "SKU-1"), ("r", "SKU-2"), ("u", "SKU-1"), ("d", "SKU-2")]
    assert got[-1]["value"] is None and got[-1]["key"] is None, "a delete is followed by a tombstone"
    table, = wait_until(lambda: bq.tables(name), "a BigQuery table")
    found = bq.wait_rows(f"{name}.{table}", 4)
    assert [(r["_op"], r["sku"].strip()) for r in found] == [("r", "SKU-1"), ("r", "SKU-2"), ("u", "SKU-1"), ("d", "SKU-2")]
    assert len({r["_seq"] for r in found}) == 4
    assert c.terminate() == program.OK


def test_reference_mapping_gives_the_reference_columns(db, name, new_connector, bq):
    db.psql(STOCK)
    c = new_connector(table__include__list="public.inventory", **bq.new_dataset(name),
                      walbridge__bigquery__mapping=str(ROOT / "deploy/inventory-mapping.json"))
    c.start("--sink", "bigquery")
    c.wait_streaming(db)
    db.psql(STOCK_CHANGES)
    found = bq.wait_rows(f"{name}.murillodigital_inventory", 4)
    assert [(r["sku"].strip(), r["deleted"]) for r in found] == [("SKU-1", False), ("SKU-2", False), ("SKU-1", False), ("SKU-2", True)]
    assert [str(r["quantity"]) for r in found][:1] + [str(r["quantity"]) for r in found][2:3] == ["5", "7"]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?", r["timestamp"]) for r in found)
    assert all(r["quantity"] is not None for r in found), "a row without a number in stock is not lost to a REQUIRED column"
    assert c.terminate() == program.OK


def test_lines_sink_writes_json_lines_to_standard_output(table, new_connector):
    table.sql("insert into t values (1, 'a')")
    c = new_connector().start("--sink", "lines")
    c.wait_streaming(table)
    table.psql("update t set v = 'b'; delete from t;")
    wait_until(lambda: len(c.lines()) >= 4, lambda: f"4 lines, got {c.lines()}")
    lines = c.lines()
    assert [x["topic"] for x in lines] == [f"{c.prefix}.public.t"] * 4
    assert c.terminate() == program.OK
    assert c.lines() == lines


def test_null_sink_confirms_what_it_dropped(table, new_connector):
    c = new_connector(snapshot__mode="no_data").start("--sink", "null")
    c.wait_streaming(table)
    table.sql("insert into t select g from generate_series(1, 10000) g")
    table.wait_confirmed(c.slot, table.current_lsn())
    assert c.terminate() == program.OK


def test_sigterm_drains_and_exits_0(table, new_connector, real_kafka, topics):
    c = new_connector(bootstrap__servers=real_kafka.bootstrap, snapshot__mode="no_data").start("--sink", "kafka")
    c.wait_streaming(table)
    table.sql("insert into t select g from generate_series(1, 20000) g")
    reader = topics(real_kafka, c.prefix)
    wait_until(lambda: reader.count() > 0, "first records")
    begin = time.monotonic()
    assert c.terminate() == program.OK
    assert time.monotonic() - begin < 10
    sent = reader.count()
    time.sleep(0.5)
    assert reader.count() == sent, "nothing is written after the end"
    assert c.offset() is not None


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_stops_on_signal_while_idle(table, new_connector, sig):
    c = new_connector(snapshot__mode="no_data").start("--sink", "null")
    c.wait_streaming(table)
    c.proc.send_signal(sig)
    assert c.exit_code(10) == program.OK


def test_restart_loses_and_repeats_nothing(table, new_connector, real_kafka, topics):
    c = new_connector(bootstrap__servers=real_kafka.bootstrap)
    table.sql("insert into t values (0, 'before')")
    for round_ in range(3):
        c.start("--sink", "kafka")
        c.wait_streaming(table)
        for i in range(5):
            table.sql("insert into t values (%s, 'x')", 100 * round_ + i + 1)
        assert c.terminate() == program.OK
        table.sql("insert into t values (%s, 'while stopped')", 100 * round_ + 50)
    c.start("--sink", "kafka")
    c.wait_streaming(table)
    got = topics(real_kafka, c.prefix).wait(19)
    assert [i for _, i in rows(got)] == [0] + [100 * r + i for r in range(3) for i in (1, 2, 3, 4, 5, 50)]
    assert c.terminate() == program.OK


def test_restart_in_the_middle_of_a_transaction_goes_on_where_it_was(table, new_connector, real_kafka, topics):
    c = new_connector(bootstrap__servers=real_kafka.bootstrap, snapshot__mode="no_data", **program.NO_SCHEMAS).start("--sink", "kafka")
    c.wait_streaming(table)
    table.sql("insert into t select g, repeat('x', 200) from generate_series(1, 150000) g")
    reader = topics(real_kafka, c.prefix)
    wait_until(lambda: reader.count() > 5000, "the transaction under way")
    assert c.terminate() == program.OK
    sent = reader.count()
    c.start("--sink", "kafka")
    got = [i for _, i in rows(reader.wait(150000, seconds=60))]
    assert got == list(range(1, 150001)), f"{len(got)} rows after a stop at {sent}"
    assert c.terminate() == program.OK


def test_kill_in_the_middle_of_a_transaction_loses_nothing(table, new_connector, real_kafka, topics):
    c = new_connector(bootstrap__servers=real_kafka.bootstrap, snapshot__mode="no_data", **program.NO_SCHEMAS).start("--sink", "kafka")
    c.wait_streaming(table)
    table.sql("insert into t select g, repeat('x', 200) from generate_series(1, 100000) g")
    reader = topics(real_kafka, c.prefix)
    wait_until(lambda: reader.count() > 5000, "the transaction under way")
    c.kill()
    c.start("--sink", "kafka")
    table.sql("insert into t values (0, 'last')")
    wait_until(lambda: ("c", 0) in rows(reader.last()), "the row after the transaction", 60)
    got = [i for _, i in rows(reader.read())]
    assert set(got) == set(range(0, 100001))
    assert c.terminate() == program.OK


def test_kill_during_the_snapshot_loses_nothing(table, new_connector, real_kafka, topics):
    table.sql("insert into t select g, repeat('x', 200) from generate_series(1, 200000) g")
    c = new_connector(bootstrap__servers=real_kafka.bootstrap, **program.NO_SCHEMAS).start("--sink", "kafka")
    reader = topics(real_kafka, c.prefix)
    wait_until(lambda: reader.count() > 1000, "the snapshot under way")
    c.kill()
    table.sql("update t set v = 'changed' where id = 7")
    c.start("--sink", "kafka")
    c.wait_log("snapshot: done", 60)  # it streams before, too, to catch up
    c.wait_streaming(table, 60)
    table.sql("insert into t values (0, 'last')")
    wait_until(lambda: ("c", 0) in rows(reader.last()), "the row after the snapshot", 60)
    got = reader.read()
    assert {i for _, i in rows(got)} == set(range(0, 200001))
    assert [payload(r)["after"]["v"] for r in got if r["key"] == '{"id":7}'][-1] == "changed"
    assert c.terminate() == program.OK


def test_huge_transaction_flows_through_a_bounded_queue(table, new_connector, embedded_kafka):
    c = new_connector(bootstrap__servers=embedded_kafka.bootstrap, snapshot__mode="no_data").start("--sink", "kafka")
    c.wait_streaming(table)
    table.sql("insert into t select g, repeat('y', 500) from generate_series(1, 200000) g")
    table.wait_confirmed(c.slot, table.current_lsn(), 60)
    peak_kb = next(int(x.split()[1]) for x in open(f"/proc/{c.proc.pid}/status") if x.startswith("VmHWM"))
    assert peak_kb < 60_000, f"peak memory {peak_kb} kB for a transaction of 100 MB"
    assert c.terminate() == program.OK


def test_wide_row_arrives_whole(db, new_connector, real_kafka, topics):
    columns = [f"c{i}" for i in range(1500)]
    db.sql(f"create table wide (id int primary key, {', '.join(c + ' int' for c in columns)}, big text)")
    c = new_connector(bootstrap__servers=real_kafka.bootstrap, snapshot__mode="no_data", **program.NO_SCHEMAS)
    c.start("--sink", "kafka")
    c.wait_streaming(db)
    big = "grün " * 150_000
    db.sql(f"insert into wide (id, {', '.join(columns)}, big) values (1, {', '.join(str(i) for i in range(1500))}, %s)", big)
    after = payload(topics(real_kafka, c.prefix).wait(1)[0])["after"]
    assert [after[x] for x in columns] == list(range(1500)) and after["big"] == big
    assert c.terminate() == program.OK


def test_several_connectors_in_one_process(table, new_connector, embedded_kafka, topics):
    table.sql("create table u (id int primary key)")
    one = new_connector("one", bootstrap__servers=embedded_kafka.bootstrap, table__include__list="public.t", snapshot__mode="no_data")
    two = new_connector("two", bootstrap__servers=embedded_kafka.bootstrap, table__include__list="public.u", snapshot__mode="no_data",
                        offset__storage__file__filename="offsets-two.dat")
    one.start("--sink", "kafka", more=[two])
    one.wait_streaming(table)
    table.wait_streaming(two.slot)
    table.sql("insert into t values (1, 'a'); insert into u values (2)")
    assert rows(topics(embedded_kafka, one.prefix).wait(1)) == [("c", 1)]
    assert rows(topics(embedded_kafka, two.prefix).wait(1)) == [("c", 2)]
    assert one.terminate() == program.OK


def test_of_several_connectors_one_that_fails_leaves_the_others_running(table, new_connector, embedded_kafka, topics):
    good = new_connector("good", bootstrap__servers=embedded_kafka.bootstrap, snapshot__mode="no_data")
    bad = new_connector("bad", bootstrap__servers=embedded_kafka.bootstrap, publication__autocreate__mode="disabled",
                        offset__storage__file__filename="offsets-bad.dat")
    good.start("--sink", "kafka", more=[bad])
    good.wait_streaming(table)
    wait_until(lambda: "publication.missing" in good.error_codes(), lambda: f"the failure in the log: {good.log()}")
    table.sql("insert into t values (1, 'a')")
    assert rows(topics(embedded_kafka, good.prefix).wait(1)) == [("c", 1)]
    assert good.terminate() == program.CONFIG


def test_kafka_offset_store_takes_over_after_restart(table, new_connector, real_kafka, topics):
    c = new_connector(bootstrap__servers=real_kafka.bootstrap, walbridge__offset__storage="kafka",
                      offset__storage__topic="kafka_store_offsets", offset__storage__replication__factor="1")
    table.sql("insert into t values (1, 'a')")
    for i in (2, 3):
        c.start("--sink", "kafka")
        c.wait_streaming(table)
        table.sql("insert into t values (%s, 'b')", i)
        topics(real_kafka, c.prefix).wait(i)
        assert c.terminate() == program.OK
    assert [i for _, i in rows(topics(real_kafka, c.prefix).read())] == [1, 2, 3]
    stored = [r for r in topics(real_kafka, "kafka_store_offsets").read() if r["value"]]
    assert json.loads(stored[-1]["key"]) == [c.name, {"server": c.prefix}]
    assert {"lsn_proc", "lsn", "txId", "ts_usec"} <= set(json.loads(stored[-1]["value"]))


def test_broker_that_is_away_holds_the_slot_and_nothing_is_lost(table, new_connector, topics, tmp_path):
    from kit import kafka
    broker = kafka.Real(tmp_path)
    try:
        c = new_connector(bootstrap__servers=broker.bootstrap, snapshot__mode="no_data").start("--sink", "kafka")
        c.wait_streaming(table)
        table.sql("insert into t values (1, 'a')")
        topics(broker, c.prefix).wait(1)
        broker.stop()
        table.sql("insert into t values (2, 'b')")
        after = table.current_lsn()
        time.sleep(2)
        assert c.running() and table.confirmed(c.slot) < after
        broker.start()
        table.sql("insert into t values (3, 'c')")
        assert [i for _, i in rows(topics(broker, c.prefix).wait(3, seconds=60))] == [1, 2, 3]
        assert c.terminate() == program.OK
    finally:
        broker.stop()


def test_a_slot_that_somebody_else_advances_stays_where_it_is(table, new_connector):
    c = new_connector(snapshot__mode="no_data", lsn__flush__mode="manual", status__update__interval__ms="100").start("--sink", "lines")
    c.wait_streaming(table)
    before = table.confirmed(c.slot)
    table.sql("insert into t values (1, 'a')")
    wait_until(lambda: len(c.lines()) == 1, "the row")
    wait_until(lambda: c.offset() is not None, "the offset")
    assert c.terminate() == program.OK
    assert table.confirmed(c.slot) == before
    c.start("--sink", "lines")
    c.wait_streaming(table)
    table.sql("insert into t values (2, 'b')")
    wait_until(lambda: len(c.lines()) == 2, "the second row and not the first one again")
    assert c.terminate() == program.OK
    assert [json.loads(x["value"])["payload"]["after"]["id"] if isinstance(x["value"], str) else
            x["value"]["payload"]["after"]["id"] for x in c.lines()] == [1, 2]
    assert table.confirmed(c.slot) == before
