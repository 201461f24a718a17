"""What stands beside a row: its place in the transaction, the slot's xmin; and what of it is stored."""
import json

from kit import program, wait_until


def payload(record):
    v = json.loads(record["value"]) if isinstance(record["value"], str) else record["value"]
    return v.get("payload", v)


def value_of(line):
    return payload({"value": line["value"]})


def members(offset):
    """Debezium's members, wherever the file keeps them."""
    return offset.get("offset", offset)


def test_every_change_says_the_slots_xmin(db, new_connector):
    db.sql("create table t (id int primary key)")
    c = new_connector(snapshot__mode="no_data", xmin__fetch__interval__ms="20").start("--sink", "lines")
    c.wait_streaming(db)
    db.psql("insert into t values (1); select pg_logical_emit_message(false, 'p', 'x'); insert into t values (2);")
    wait_until(lambda: len(c.lines()) == 3, lambda: f"three lines, got {c.lines()}")
    now = int(db.value("select pg_current_xact_id()::text"))
    for line in c.lines():
        source = value_of(line)["source"]
        assert isinstance(source["xmin"], int) and 3 <= source["xmin"] <= now, source
    assert c.terminate() == program.OK
    assert isinstance(members(c.offset())["xmin"], int)


def test_a_lost_session_that_asks_for_xmin_holds_nothing_up(db, new_connector):
    asks = "from pg_stat_activity where datname = current_database() and query like 'SELECT catalog_xmin%%'"
    db.sql("create table t (id int primary key)")
    c = new_connector(snapshot__mode="no_data", xmin__fetch__interval__ms="20").start("--sink", "lines")
    c.wait_streaming(db)
    wait_until(lambda: db.value(f"select count(*) {asks}") == 1, "the session that asks")
    assert db.value(f"select pg_terminate_backend(pid) {asks}")
    c.wait_log("asking for the slot's xmin")
    db.sql("insert into t values (1)")
    wait_until(lambda: len(c.lines()) == 1, "the row")
    wait_until(lambda: db.value(f"select count(*) {asks}") == 1, "another session that asks")
    assert value_of(c.lines()[0])["source"]["xmin"] is not None
    assert c.terminate() == program.OK


def test_a_transaction_is_stored_with_its_counts(db, new_connector):
    db.psql("create table t (id int primary key); create table u (id int primary key);")
    c = new_connector(snapshot__mode="no_data", provide__transaction__metadata="true").start("--sink", "lines")
    c.wait_streaming(db)
    db.psql("begin; insert into t values (1), (2); insert into u values (1); "
            "select pg_logical_emit_message(true, 'p', 'x'); commit;")
    wait_until(lambda: len(c.lines()) == 6, lambda: f"six lines, got {c.lines()}")
    assert c.terminate() == program.OK
    lines = [value_of(x) for x in c.lines()]
    assert [x["transaction"]["total_order"] for x in lines[1:5]] == [1, 2, 3, 4]
    assert lines[5]["status"] == "END" and lines[5]["event_count"] == 4
    stored = members(c.offset())
    assert stored["messageType"] == "COMMIT" and stored["transaction_id"] == str(stored["txId"])
    assert stored["lsn"] == stored["lsn_proc"] == stored["lsn_commit"]
    counts = {k.removeprefix("transaction_data_collection_order_"): v for k, v in stored.items() if "_order_" in k}
    assert counts == {x["data_collection"]: x["event_count"] for x in lines[5]["data_collections"]}
    assert counts["public.t"] == 2 and counts["public.u"] == 1 and sum(counts.values()) == 4


def test_a_stop_inside_a_transaction_goes_on_counting(db, new_connector, real_kafka, topics):
    n = 100000
    db.sql("create table t (id int primary key, v text)")
    c = new_connector(bootstrap__servers=real_kafka.bootstrap, snapshot__mode="no_data", provide__transaction__metadata="true",
                      **program.NO_SCHEMAS).start("--sink", "kafka")
    c.wait_streaming(db)
    db.sql(f"insert into t select g, repeat('x', 200) from generate_series(1, {n}) g")
    reader = topics(real_kafka, c.prefix)
    wait_until(lambda: reader.count() > 5000, "the transaction under way")
    assert c.terminate() == program.OK
    inside = members(c.offset())
    c.start("--sink", "kafka")
    records = reader.wait(n + 2, seconds=60)
    rows = [payload(r) for r in records if r["topic"].endswith(".public.t")]
    bounds = [payload(r) for r in records if r["topic"].endswith(".transaction")]
    assert [r["transaction"]["total_order"] for r in rows] == list(range(1, n + 1)), f"stopped at {inside}"
    assert [(b["status"], b["event_count"]) for b in bounds] == [("BEGIN", None), ("END", n)], f"stopped at {inside}"
    assert c.terminate() == program.OK
