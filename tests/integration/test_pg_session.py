"""Sessions and publications: what a database or a role is set to must not change what the connector says."""
import json

import pytest
from kit import wait_until
from kit.program import CONFIG, FAILED, OK

HOSTILE = """
alter database "{db}" set datestyle = 'German, DMY'; alter database "{db}" set intervalstyle = 'iso_8601';
alter database "{db}" set timezone = 'Asia/Kolkata'; alter database "{db}" set bytea_output = 'escape';
alter database "{db}" set extra_float_digits = -5; alter database "{db}" set xmlbinary = 'hex';
alter database "{db}" set statement_timeout = '300ms'; alter database "{db}" set lock_timeout = '1ms';
alter database "{db}" set idle_in_transaction_session_timeout = '200ms';
"""


def after(record):
    value = record["value"]
    value = json.loads(value) if isinstance(value, str) else value
    return value.get("payload", value)["after"]


def test_a_databases_settings_do_not_change_values(db, new_connector):
    """Neither in the snapshot nor in the stream, nor does what the environment says."""
    row = "'2020-02-29', '2020-07-01 12:34:56.789+02', '1 year 2 mons -3 days 04:05:06.7', '\\x00ff41', 0.1::float8 + 0.2"
    db.sql("create table t (id int primary key, d date, z timestamptz, i interval, b bytea, f float8)")
    db.sql(f"insert into t values (1, {row})")
    for statement in HOSTILE.format(db=db.name).split(";"):
        if statement.strip():
            db.sql(statement)
    c = new_connector(interval__handling__mode="string").start(
        "--sink", "lines", env={"PGTZ": "Europe/Berlin", "PGDATESTYLE": "SQL", "PGOPTIONS": "-c statement_timeout=1"})
    wait_until(lambda: len(c.lines()) == 1, "the snapshot's row")
    db.psql(f"set timezone = 'UTC'; insert into t values (2, {row})")
    wait_until(lambda: len(c.lines()) == 2, "the streamed row")
    first, second = (after(x) for x in c.lines())
    assert first.pop("id") == 1 and second.pop("id") == 2
    assert first == second == {"d": 18321, "z": "2020-07-01T10:34:56.789000Z", "i": "P1Y2M-3DT4H5M6.7S", "b": "AP9B",
                               "f": 0.30000000000000004}
    assert c.terminate() == OK


def test_a_role_that_may_wait_only_briefly_still_gets_its_slot(db, new_connector):
    """statement_timeout and lock_timeout of the role do not reach the wait for an open transaction."""
    db.sql("create table t (id int primary key)")
    db.sql(f'alter database "{db.name}" set statement_timeout = 100')
    with db.server.connect(db.name, application_name="the blocker") as blocker:
        blocker.execute("set statement_timeout = 0")
        blocker.autocommit = False
        blocker.execute("insert into t values (1)")
        c = new_connector().start("--sink", "lines")
        blocker.execute("select pg_sleep(1)")
        blocker.commit()
    wait_until(lambda: len(c.lines()) == 1, "the snapshot's row")
    assert c.terminate() == OK


def test_an_sql_ascii_database_streams_bytes_that_are_no_utf8(server, name, new_connector):
    db = server.new_database(name + "_ascii", "encoding 'SQL_ASCII' template template0 lc_collate 'C' lc_ctype 'C'")
    try:
        db.sql("create table t (id int primary key, v text)")
        c = new_connector(database__dbname=db.name).start("--sink", "lines")
        c.wait_streaming(db)
        db.psql("set client_encoding = 'SQL_ASCII'; insert into t values (1, 'ok'); insert into t values (2, E'\\xff\\xfe'); "
                "insert into t values (3, 'still here');")
        wait_until(lambda: len(c.lines()) == 3, lambda: f"three rows, got {c.lines()}\n{c.log()}")
        assert [after(x)["id"] for x in c.lines()] == [1, 2, 3]
        assert c.terminate() == OK
    finally:
        c.kill()
        db.drop()


def publication(db, name):
    return sorted(t for (t,) in db.sql("select schemaname || '.' || tablename from pg_publication_tables where pubname = %s", name))


def test_a_filtered_publication_follows_the_include_list(db, new_connector):
    db.sql('create table a (id int primary key); create table b (id int primary key); create table "C d" (id int primary key)')
    settings = {"publication.autocreate.mode": "filtered", "table.include.list": "public.a,public.b"}
    c = new_connector(**settings).start("--sink", "lines")
    c.wait_streaming(db)
    assert publication(db, c.settings["publication.name"]) == ["public.a", "public.b"]
    assert c.terminate() == OK
    c.settings["table.include.list"] = "public.b,public.C d"
    c.start("--sink", "lines")
    c.wait_streaming(db)
    assert publication(db, c.settings["publication.name"]) == ["public.C d", "public.b"]
    assert c.terminate() == OK


def test_a_missing_publication_is_named_when_none_may_be_made(db, new_connector):
    db.sql("create table t (id int primary key)")
    c = new_connector(publication__autocreate__mode="disabled").start("--sink", "lines")
    assert c.exit_code() in (FAILED, CONFIG)
    assert "publication.missing" in c.error_codes() and "CREATE PUBLICATION" in c.log()
    assert db.slot(c.slot) is None


def test_a_role_that_may_not_publish_is_given_the_statement(db, new_connector, name):
    role = f"r_{name}"[:60]
    db.sql("create table t (id int primary key)")
    db.sql(f"create role {role} login replication")
    try:
        c = new_connector(database__user=role).start("--sink", "lines")
        assert c.exit_code() in (FAILED, CONFIG)
        assert "publication.right" in c.error_codes() and "FOR ALL TABLES" in c.log()
    finally:
        db.sql(f"drop owned by {role}; drop role {role}")


@pytest.mark.parametrize("broken,code", [("password", "auth.password"), ("right", "auth.replication"), ("login", "auth.login")])
def test_a_role_that_cannot_replicate_is_told_why_at_once(db, new_connector, name, broken, code):
    """Class 28 and missing rights end the connector instead of trying for ever."""
    role = f"r_{name}"[:60]
    attributes = {"password": "login replication", "right": "login", "login": "nologin replication"}[broken]
    db.sql("create table t (id int primary key)")
    db.sql(f"create role {role} {attributes}")
    hba = db.value("show hba_file")
    if broken == "password":
        db.sql(f"alter role {role} password 'right'")
        old = open(hba).read()
        with open(hba, "w") as f:
            f.write(f"host all {role} 127.0.0.1/32 scram-sha-256\n{old}")
        db.sql("select pg_reload_conf()")
    try:
        settings = {"database.user": role, "database.password": "wrong", "publication.autocreate.mode": "no_tables"}
        db.sql(f'grant create on database "{db.name}" to {role}')
        c = new_connector(**settings).start("--sink", "lines")
        assert c.exit_code() in (FAILED, CONFIG)
        assert code in c.error_codes(), c.log()
        assert "wrong" not in c.log()
    finally:
        if broken == "password":
            with open(hba, "w") as f:
                f.write(old)
            db.sql("select pg_reload_conf()")
        db.sql(f"drop owned by {role}; drop role {role}")
