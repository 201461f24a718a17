"""How a snapshot reads tables: many threads, ranges, statements of the user's, order, isolation."""
import threading
from collections import Counter, defaultdict

import pytest
from kit import program, wait_until

@pytest.fixture
def reader(new_connector):
    """Records without schemas: there are many."""
    return lambda **settings: new_connector(**program.NO_SCHEMAS, **settings)


SMALL = {"walbridge.snapshot.unit.bytes": "65536"}


def pieces(db):
    """What makes the threads share one table: by blocks it happens by itself, before PostgreSQL 14 by keys."""
    return {} if db.server.version >= 14 else SMALL


def rows_of(c):
    """Snapshot rows by table, in the order they came: (row, marker)."""
    got = defaultdict(list)
    for line in c.lines():
        v = line["value"]
        if v and v["op"] == "r":
            got[line["topic"].rsplit(".", 1)[1]].append((v["after"], v["source"]["snapshot"]))
    return got


def markers_are_right(c):
    got = rows_of(c)
    all_markers = Counter(m for rows in got.values() for _, m in rows)
    assert all_markers["first"] == 1 and all_markers["last"] == 1
    for table, rows in got.items():
        markers = [m for _, m in rows]
        assert set(markers[1:-1]) <= {"true"}, table
        if len(rows) > 1:
            assert markers[0] in ("first", "first_in_data_collection"), table
        assert markers[-1] in ("last", "last_in_data_collection"), table
    return got


def whole(c, db):
    c.start("--sink", "lines").wait_streaming(db, 60)
    assert c.terminate() == program.OK
    return markers_are_right(c)


# Large enough to be cut by blocks, and by keys when SMALL; few rows, for each is looked at here.
BIG = ("create table big (id int primary key, v text); insert into big select i, repeat('x', i % 900) from generate_series(1, 10000) i;"
       "create table nokey (a int, b text, pad text); insert into nokey select i % 7, 'b' || i, repeat('y', 500) from generate_series(1, 10000) i;"
       "create table none (id int primary key); create table one (id int primary key); insert into one values (1);"
       "create table part (id bigint, v text, primary key (id)) partition by range (id);"
       "create table part_1 partition of part for values from (minvalue) to (100);"
       "create table part_2 partition of part for values from (100) to (maxvalue);"
       "insert into part select i, repeat('p', 800) from generate_series(-3000, 3000) i; analyze")


@pytest.mark.parametrize("threads, more", [("1", {}), ("4", {}), ("1", SMALL), ("4", SMALL), ("3", {"legacy.snapshot.max.threads": "true"})],
                         ids=["one", "blocks", "ranges", "blocks_and_ranges", "whole_tables"])
def test_every_row_comes_once_under_its_marker(db, reader, threads, more):
    db.sql(BIG)
    by_root, parts = {"table.exclude.list": "public.part_.*", "publish.via.partition.root": "true"}, ("part",)
    if db.server.version < 13:
        by_root, parts = {}, ("part_1", "part_2")
    c = reader(snapshot__max__threads=threads, **by_root, **more)
    got = whole(c, db)
    assert sorted(r["id"] for r, _ in got["big"]) == list(range(1, 10001))
    assert sorted(r["b"] for r, _ in got["nokey"]) == sorted(f"b{i}" for i in range(1, 10001))
    assert sorted(r["id"] for p in parts for r, _ in got[p]) == list(range(-3000, 3001))
    assert [r["id"] for r, _ in got["one"]] == [1]
    if threads == "1":
        order = "id" if more else "ctid"
        assert [r["id"] for r, _ in got["big"]] == [x for (x,) in db.sql(f"select id from big order by {order}")]
    log = c.log()
    assert all(f'table \\"public.{t}\\" is read' in log for t in ("big", "nokey", "none", "one", *parts))


def test_writers_during_a_parallel_snapshot_lose_nothing(db, reader):
    db.sql("create table t (id int primary key, n int, pad text); insert into t select i, 0, repeat('x', 500) from generate_series(1, 10000) i; analyze t")
    c = reader(snapshot__max__threads="4", **SMALL)
    stop = threading.Event()

    def write(seed):
        with db.server.connect(db.name) as s:
            i = seed
            while not stop.is_set():
                i += 4
                key = i * 7919 % 15000
                s.execute("insert into t values (%s, 1, '') on conflict (id) do update set n = t.n + 1", (key,))
                if i % 12 == seed:
                    s.execute("delete from t where id = %s", (key * 31 % 15000,))

    writers = [threading.Thread(target=write, args=(k,)) for k in range(4)]
    for w in writers:
        w.start()
    try:
        c.start("--sink", "lines")
        c.wait_streaming(db, 60)
        threading.Event().wait(0.5)
    finally:
        stop.set()
        for w in writers:
            w.join()
    db.sql("insert into t values (1000000, 0, '')")
    wait_until(lambda: '"id":1000000,' in c.stdout.read_text()[-20000:], "the last change")
    assert c.terminate() == program.OK
    state = {}
    for r in c.lines():
        v = r["value"]
        if not v:
            continue
        if v["op"] == "d":
            state.pop(v["before"]["id"], None)
        else:
            state[v["after"]["id"]] = v["after"]["n"]
    with db.server.connect(db.name) as s:
        assert state == dict(s.execute("select id, n from t").fetchall())


OVERRIDES = "snapshot.select.statement.overrides"


def test_a_table_is_read_by_the_users_statement(db, reader):
    db.sql("create table t (id int primary key, name varchar(10), n int); create table u (id int primary key);"
           "insert into t select i, 'n' || i, i from generate_series(1, 9) i; insert into u values (1)")
    c = reader(snapshot__max__threads="2", **{
        OVERRIDES: "public.t, public.missing",
        f"{OVERRIDES}.public.t": "select name::text, id from t where id % 2 = 0 order by id desc -- the even ones \n;"})
    got = whole(c, db)
    assert [(r["id"], r["name"], r["n"]) for r, _ in got["t"]] == [(i, f"n{i}", None) for i in (8, 6, 4, 2)]
    assert len(got["u"]) == 1
    assert 'names \\"public.missing\\"' in c.log()


@pytest.mark.parametrize("statement, says", [
    ("select id from nowhere", "nowhere"),
    ("select id + 0.5 as id from t", "cast it"),
    ("select id, 1 as other from t", 'none of the table'),
    ("select id, id from t", "twice"),
    ("select id from t where id = $1", "parameters"),
    ("drop table t", "no columns"),
    ("selekt", "syntax"),
], ids=["relation", "type", "column", "twice", "parameter", "no_query", "syntax"])
def test_a_wrong_statement_ends_the_connector_with_the_reason(db, reader, statement, says):
    db.sql("create table t (id int primary key, v int, w int); insert into t values (1)")
    c = reader(**{OVERRIDES: "public.t", f"{OVERRIDES}.public.t": statement})
    c.start("--sink", "null")
    assert c.exit_code() == program.CONFIG
    assert says in c.log() and "public.t" in c.log()
    assert db.value("select count(*) from t") == 1


def test_a_statement_that_fails_on_the_way_names_its_table(db, reader):
    db.sql("create table t (id int primary key, n int); insert into t select i, 3000 - i from generate_series(1, 5000) i")
    c = reader(**{OVERRIDES: "public.t", f"{OVERRIDES}.public.t": "select id, 1 / n as n from t"})
    c.start("--sink", "null")
    assert c.exit_code() != 0
    assert "division by zero" in c.log() and 'reading table \\"public.t\\"' in c.log()


@pytest.mark.parametrize("order, want", [("ascending", ["c", "a", "b"]), ("descending", ["b", "a", "c"]), ("disabled", ["a", "b", "c"])])
def test_tables_are_read_in_the_order_of_their_size(db, reader, order, want):
    db.sql("create table a (id int primary key); create table b (id int primary key); create table c (id int primary key);"
           "insert into a select generate_series(1, 20); insert into b select generate_series(1, 300); insert into c values (1), (2); analyze")
    c = reader(snapshot__tables__order__by__row__count=order)
    got = whole(c, db)
    assert list(got) == want


def test_the_snapshot_waits_for_its_delay(db, reader):
    db.sql("create table t (id int primary key); insert into t values (1)")
    c = reader(snapshot__delay__ms="100000").start("--sink", "lines")
    c.wait_log("snapshot: 1 table,")
    db.sql("insert into t values (2)")
    assert not c.lines()
    assert c.terminate() == program.OK


def test_a_lock_that_does_not_come_is_named(db, reader):
    db.sql("create table t (id int primary key)")
    stop = threading.Event()

    def lock():  # again and again: a transaction that is already there would keep the slot from being made
        with db.server.connect(db.name) as s:
            while not stop.is_set():
                with s.transaction():
                    s.execute("lock table t in access exclusive mode")
                    stop.wait(0.7)

    thread = threading.Thread(target=lock)
    thread.start()
    try:
        c = reader(snapshot__locking__mode="shared", snapshot__lock__timeout__ms="50").start("--sink", "null")
        c.wait_log("snapshot.lock.timeout.ms", 60)
        assert "public.t" in c.log()
    finally:
        stop.set()
        thread.join()
    c.wait_streaming(db)
    assert c.terminate() == program.OK


def test_a_thread_that_gets_no_lock_leaves_the_rest_to_the_others(db, reader):
    """Somebody's ALTER TABLE waits for the first session: the second must not wait behind it."""
    db.sql("create table t (id int primary key, v text); insert into t select i, repeat('x', 800) from generate_series(1, 10000) i; analyze t")
    c = reader(snapshot__max__threads="2", snapshot__delay__ms="1500", **pieces(db)).start("--sink", "lines")
    c.wait_log("snapshot: 1 table,")
    with db.server.connect(db.name) as s:
        alter = threading.Thread(target=lambda: s.execute("alter table t add column w int"))
        alter.start()
        c.wait_log("the others go on without it", 60)
        c.wait_streaming(db, 60)
        alter.join()
    assert c.terminate() == program.OK
    assert len(markers_are_right(c)["t"]) == 10000


def test_wal_that_piles_up_meanwhile_is_warned_of(db, reader):
    if db.server.version < 13:
        pytest.skip("max_slot_wal_keep_size came with PostgreSQL 13")
    db.sql("create table t (id int primary key); insert into t values (1); create table other (v text)")
    db.sql("alter system set max_slot_wal_keep_size = '96MB'")
    try:
        db.sql("select pg_reload_conf()")
        c = reader(snapshot__delay__ms="600000").start("--sink", "null")
        c.wait_log("snapshot: 2 tables")
        db.sql("insert into other select repeat('x', 1000) from generate_series(1, 60000)")
        c.wait_log("of what max_slot_wal_keep_size allows", 40)
        assert c.terminate() == program.OK
    finally:
        db.sql("alter system reset max_slot_wal_keep_size")
        db.sql("select pg_reload_conf()")


def test_threads_that_find_no_connection_leave_the_rest_to_the_others(db, reader, name):
    role = f"{name[:40]}_r"
    db.sql(f"create table t (id int primary key, v text); insert into t select i, repeat('x', 800) from generate_series(1, 10000) i; analyze t;"
           f"create publication p for table t; create role {role} login replication connection limit 4; grant select on t to {role}")
    try:
        c = reader(database__user=role, snapshot__max__threads="8", publication__name="p", publication__autocreate__mode="disabled", **pieces(db))
        got = whole(c, db)
        assert len(got["t"]) == 10000
        assert "the others go on without it" in c.log()
    finally:
        db.sql(f"drop owned by {role}; drop role {role}")


@pytest.mark.parametrize("isolation", ["serializable", "repeatable_read", "read_committed", "read_uncommitted"])
def test_a_snapshot_without_a_slot_is_read_at_the_level_asked_for(db, reader, isolation):
    db.sql(BIG)
    c = reader(snapshot__mode="initial_only", snapshot__max__threads="3", snapshot__isolation__mode=isolation, **SMALL)
    c.start("--sink", "lines").wait_log("snapshot: done", 60)
    assert c.terminate() == program.OK
    got = markers_are_right(c)
    assert sorted(r["id"] for r, _ in got["big"]) == list(range(1, 10001))
    assert len(got["nokey"]) == 10000
    assert not db.slot(c.slot)


@pytest.mark.parametrize("isolation, threads", [("repeatable_read", 3), ("read_committed", 1), ("read_uncommitted", 1)])
def test_a_table_stays_in_one_piece_where_each_statement_sees_something_new(db, reader, isolation, threads):
    """A row that moves from one part to another while they are read would be in neither, or in both. No more threads than pieces."""
    db.sql(BIG)
    c = reader(snapshot__mode="initial_only", snapshot__max__threads="3", snapshot__isolation__mode=isolation,
               table__include__list="public.big", **SMALL)
    c.start("--sink", "null").wait_log("snapshot: 1 table,")
    said = next(e["message"] for e in c.log_entries() if e["message"].startswith("snapshot: 1 table,"))
    assert said.endswith(f", {threads} thread" + "s" * (threads > 1)), said
    c.wait_log("snapshot: done", 60)
    assert c.terminate() == program.OK


def test_a_moment_that_does_not_come_is_named(db, reader):
    db.sql("create table t (id int primary key); insert into t values (1)")
    c = reader(snapshot__mode="initial_only", snapshot__lock__timeout__ms="200")
    with db.server.connect(db.name) as s, s.transaction():
        s.execute("set transaction isolation level serializable")
        s.execute("insert into t values (2)")
        c.start("--sink", "lines").wait_log("snapshot.unsafe")
    c.wait_log("snapshot: done")
    assert c.terminate() == program.OK
    assert len(markers_are_right(c)["t"]) == 2


def test_a_key_with_the_field_that_tells_tables_apart(db, new_connector):
    """The field of topic.naming.strategy's is fed by no column."""
    db.sql("create table t1 (id int primary key); create table t2 (id int primary key); insert into t1 values (1); insert into t2 values (1)")
    c = new_connector(topic__naming__strategy="io.debezium.schema.SchemaRegexTopicNamingStrategy", topic__regex="(.*)t[12]", topic__replacement="$1all")
    c.start("--sink", "lines")
    wait_until(lambda: len(c.lines()) == 2, lambda: f"2 records, got {c.lines()}:\n{c.log()[-3000:]}")
    keys = [line["key"]["payload"] for line in c.lines()]
    assert [k["__dbz__physicalTableIdentifier"].rsplit(".", 1)[1] for k in keys] == ["t1", "t2"]
    assert {line["topic"].rsplit(".", 1)[1] for line in c.lines()} == {"all"}
    assert c.terminate() == program.OK
