"""What the connector does to tables and slots because its settings say so: replica identities, slots dropped on stop."""
import pytest
from kit import program, wait_until


@pytest.fixture
def identity(db):
    return lambda table: db.value("select relreplident::text from pg_class where oid = %s::regclass", table)


def test_replica_identities_are_set(db, new_connector, identity):
    db.sql('create schema s; create table full_one(id int primary key); create table s.nothing(id int primary key);'
           'create table "By Index"(id int not null, k int not null); create unique index by_k on "By Index"(k);'
           'create table left_alone(id int primary key); create table twice(id int primary key);'
           'create table no_index(id int primary key)')
    c = new_connector(snapshot__mode="no_data", replica__identity__autoset__values=
                      r"public\.full_one:FULL,s\..*:nothing,public.By Index:INDEX BY_K,public.twice:FULL,public.tw.*:NOTHING,"
                      "public.no_index:INDEX missing")
    c.start("--sink", "null").wait_streaming(db)
    assert [identity(t) for t in ("full_one", "s.nothing", '"By Index"', "left_alone", "twice", "no_index")] == list("fniddd")
    log = c.log()
    assert "two rules name table" in log and "has no index" in log
    assert c.terminate() == program.OK
    c.start("--sink", "null").wait_streaming(db)
    assert "replica identity set" not in c.log()


def test_check_changes_no_replica_identity(db, new_connector, identity):
    db.sql("create table t(id int primary key)")
    c = new_connector(replica__identity__autoset__values="public.t:FULL")
    r = c.call("run", "--check", "--sink", "null", "{file}")
    assert r.returncode == program.OK, r.stderr
    assert "would be set to FULL" in r.stderr
    assert identity("t") == "d"


def test_a_table_of_somebody_else_keeps_its_identity(db, new_connector, identity, name):
    role = f"{name[:40]}_r"
    db.sql(f"create table t(id int primary key); create role {role} login replication; create publication p for table t;"
           f"grant select on t to {role}")
    try:
        c = new_connector(database__user=role, snapshot__mode="no_data", publication__name="p",
                          publication__autocreate__mode="disabled", replica__identity__autoset__values="public.t:FULL")
        c.start("--sink", "null").wait_streaming(db)
        c.wait_log("could not be set to FULL")
        assert identity("t") == "d"
        assert c.terminate() == program.OK
    finally:
        db.sql(f"drop owned by {role}; drop role {role}")


def test_the_slot_is_dropped_on_an_orderly_stop_alone(db, new_connector):
    db.sql("create table t(id int primary key)")
    c = new_connector(snapshot__mode="no_data", slot__drop__on__stop="true")
    c.start("--sink", "lines").wait_streaming(db)
    db.sql("insert into t values (1)")
    wait_until(lambda: c.lines(), "the row")
    c.kill()
    assert db.slot(c.slot)
    c.start("--sink", "lines").wait_streaming(db)
    db.sql("insert into t values (2)")
    wait_until(lambda: len(c.lines()) > 1, "the next")
    assert c.terminate() == program.OK
    assert not db.slot(c.slot)


def test_a_dropped_slot_is_made_again_with_a_warning(db, new_connector):
    db.sql("create table t(id int primary key)")
    c = new_connector(snapshot__mode="no_data", slot__drop__on__stop="true")
    c.start("--sink", "lines").wait_streaming(db)
    db.sql("insert into t values (1)")
    wait_until(lambda: c.lines(), "the row")
    assert c.terminate() == program.OK
    c.start("--sink", "lines").wait_streaming(db)
    assert "was dropped" in c.log() and "is lost" in c.log()
    c.kill()
    del c.settings["slot.drop.on.stop"]
    wait_until(lambda: not db.slot(c.slot)["active"], "the dead session to go")
    db.sql("select pg_drop_replication_slot(%s)", c.slot)
    c.start("--sink", "lines")
    assert c.exit_code() != program.OK
    assert "slot.missing" in c.error_codes()
