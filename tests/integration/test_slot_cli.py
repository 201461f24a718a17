"""walbridge slot …, walbridge lag: what a DBA sees, and what is left alone."""
import json
import subprocess
import threading
import time
from pathlib import Path

import pytest
from kit import postgres, program, wait_until
from kit.program import CONFIG, FAILED, OK, REFUSED, UNREACHABLE, USAGE, call


def version(db):
    return int(db.value("show server_version_num"))


def client(server, program_name):
    """A client program of the server's version; any other will do where the server's folder has none."""
    own = Path(server.env["PG_BIN"]) / program_name
    return str(own) if own.exists() else program_name


class Cli:
    """The program on one database; connection by URI."""

    def __init__(self, db):
        self.db = db
        self.url = f"postgresql://postgres@127.0.0.1:{db.server.port}/{db.name}"

    def __call__(self, *args, url=None, config=None, **kw):
        where = ("--config", config) if config else ("--url", url or self.url)
        return call(*args, *where, **kw)

    def json(self, *args, **kw):
        r = self(*args, "--json", **kw)
        assert r.returncode == OK, r.stderr
        return json.loads(r.stdout)

    def slots(self, **kw):
        return {s["slot"]: s for s in self.json("slot", "list", **kw)["slots"]}


@pytest.fixture
def cli(db):
    return Cli(db)


@pytest.fixture
def table(db):
    db.sql("create table t (id int primary key, secret text); create publication pub for table t")


@pytest.fixture
def slot(db, name, table):
    db.sql(f"select pg_create_logical_replication_slot('{name}', 'pgoutput')")
    return name


@pytest.fixture
def connector_file(db, name, tmp_path):
    """A connector file whose slot is the test's."""
    def write(**changes):
        config = {**program.base_settings(db, name), "slot.name": name, "publication.name": "pub",
                  "offset.storage.file.filename": str(tmp_path / "offsets"), **changes}
        file = tmp_path / "connector.json"
        file.write_text(json.dumps({"name": name, "config": config}))
        return file
    return write


@pytest.fixture
def hold(db):
    """Holds a slot with pg_recvlogical."""
    held = []

    def start(slot, publication="pub"):
        p = subprocess.Popen([client(db.server, "pg_recvlogical"), "-h", "127.0.0.1", "-p", str(db.server.port), "-U", "postgres",
                              "-d", db.name, "-S", slot, "--start", "--no-loop", "-o", "proto_version=1",
                              "-o", f"publication_names={publication}", "-f", "/dev/null"], stderr=subprocess.DEVNULL)
        held.append(p)
        db.wait_streaming(slot)
        return p

    yield start
    for p in held:
        p.kill()
        p.wait()


# ---- list, lag ----


def test_list_shows_state_retained_wal_and_lag(db, cli, slot):
    db.sql("insert into t select g, repeat('x', 100) from generate_series(1, 5000) g")
    s = cli.slots()[slot]
    assert (s["state"], s["orphan"], s["plugin"], s["database"]) == ("orphan", True, "pgoutput", db.name)
    assert s["lag_bytes"] > 500_000 and s["retained_bytes"] >= s["lag_bytes"]
    assert s["lag_seconds"] is None and s["holder"] is None
    human = cli("slot", "list").stdout
    assert "unknown" in human and "1 orphan" in human and slot in human


def test_list_names_the_holder(cli, slot, hold):
    p = hold(slot)
    s = cli.slots()[slot]
    assert s["state"] == "active" and not s["orphan"]
    assert s["holder"]["application"] == "pg_recvlogical" and s["holder"]["user"] == "postgres" and s["holder"]["client"] == "127.0.0.1"
    assert p.poll() is None


def test_the_connectors_own_slot_is_no_orphan(db, cli, slot, connector_file):
    db.sql("select pg_create_logical_replication_slot('somebodys', 'pgoutput')")
    slots = cli.slots(config=connector_file())
    assert slots[slot]["state"] == "idle" and slots["somebodys"]["state"] == "orphan"
    assert [s["slot"] for s in cli.json("slot", "list", "--orphans", config=connector_file())["slots"]
            if s["database"] == db.name] == ["somebodys"]


def test_lag_watches_and_counts(db, cli, slot):
    stop = threading.Event()

    def write():
        i = 0
        while not stop.is_set():
            i += 1
            db.sql(f"insert into t values ({i}, repeat('x', 2000))")

    writer = threading.Thread(target=write)
    writer.start()
    r = cli("lag", slot, "--watch", "--interval", "0.3", "--count", "3", "--json")
    stop.set()
    writer.join()
    looks = [json.loads(line) for line in r.stdout.splitlines()]
    assert r.returncode == OK and len(looks) == 3
    assert looks[0]["lag_growth_bytes_per_second"] is None and looks[2]["lag_growth_bytes_per_second"] > 0
    assert looks[2]["lag_bytes"] > looks[0]["lag_bytes"]


def test_lag_of_a_slot_that_is_not_there(cli):
    assert cli("lag", "nobody").returncode == FAILED


# ---- create ----


def test_create_makes_a_slot_that_sees_what_comes(db, cli, table):
    made = cli.json("slot", "create", "made", "--publication", "pub")
    assert postgres.lsn(made["consistent_point"]) == db.confirmed("made")
    db.sql("insert into t values (1, 'x')")
    assert [c["op"] for c in cli.json("slot", "peek", "made")["changes"]] == ["insert"]


def test_create_refuses_before_the_publication_exists(db, cli):
    r = cli("slot", "create", "early", "--publication", "nowhere")
    assert r.returncode == REFUSED and "CREATE PUBLICATION" in r.stderr and db.slot("early") is None
    assert cli("slot", "create", "early", "--publication", "nowhere", "--force").returncode == OK


def test_create_that_waits_names_who_blocks(db, cli, table):
    with db.server.connect(db.name, application_name="the blocker") as c:
        pid = c.info.backend_pid
        c.autocommit = False
        c.execute("insert into t values (1, 'x')")
        r = cli("slot", "create", "late", "--timeout", "1")
        c.rollback()
    assert r.returncode == FAILED and "the blocker" in r.stderr and f"pid {pid} " in r.stderr
    assert db.slot("late") is None


def test_create_names_a_prepared_transaction(db, cli, table):
    db.sql("begin; insert into t values (1, 'x'); prepare transaction 'stuck one'")
    r = cli("slot", "create", "late", "--timeout", "1")
    db.sql("rollback prepared 'stuck one'")
    assert r.returncode == FAILED and "'stuck one'" in r.stderr


def test_create_twice(cli, slot):
    r = cli("slot", "create", slot)
    assert r.returncode == FAILED and "already exists" in r.stderr


# ---- drop ----


def test_drop(db, cli, slot):
    r = cli("slot", "drop", slot)
    assert r.returncode == OK and "retained" in r.stdout and db.slot(slot) is None
    assert cli("slot", "drop", slot).returncode == FAILED


def test_drop_leaves_an_active_slot_alone_until_forced(db, cli, slot, hold):
    p = hold(slot)
    r = cli("slot", "drop", slot)
    assert r.returncode == REFUSED and "pg_recvlogical" in r.stderr and "--force" in r.stderr
    assert db.slot(slot)["active"] and p.poll() is None
    assert cli("slot", "drop", slot, "--force").returncode == OK and db.slot(slot) is None


@pytest.mark.parametrize("how", ["plugin", "subscription", "other_database", "not_the_connectors", "physical"])
def test_foreign_slots_are_left_alone_until_forced(db, cli, table, connector_file, how):
    foreign, where = f"foreign_{how}", {}
    if how == "plugin":
        db.sql(f"select pg_create_logical_replication_slot('{foreign}', 'test_decoding')")
    elif how == "subscription":
        foreign = "pg_16394_sync_16385_7239881234567890123"
        db.sql(f"select pg_create_logical_replication_slot('{foreign}', 'pgoutput')")
    elif how == "other_database":
        db.sql(f"select pg_create_logical_replication_slot('{foreign}', 'pgoutput')")
        where["url"] = f"postgresql://postgres@127.0.0.1:{db.server.port}/postgres"
    elif how == "not_the_connectors":
        db.sql(f"select pg_create_logical_replication_slot('{foreign}', 'pgoutput')")
        where["config"] = connector_file()
    else:
        db.sql(f"select pg_create_physical_replication_slot('{foreign}', true)")
    for command in (["slot", "drop"], ["slot", "advance", "--yes"]):
        r = cli(*command, foreign, **where)
        assert r.returncode == REFUSED and foreign in r.stderr, r.stderr
    assert db.slot(foreign)
    assert cli("slot", "drop", foreign, "--force", **where).returncode == OK
    assert db.slot(foreign) is None


# ---- advance ----


def test_advance_says_what_it_skips_and_asks(db, cli, slot):
    before = db.confirmed(slot)
    db.sql("insert into t values (1, 'a'), (2, 'b')")
    db.sql("update t set secret = 'c' where id = 1")
    r = cli("slot", "advance", slot)
    assert r.returncode == REFUSED and "2 transactions and 3 changes of 1 table" in r.stdout
    assert db.confirmed(slot) == before
    done = cli.json("slot", "advance", slot, "--yes")
    assert (done["skipped_transactions"], done["skipped_changes"], done["counted_all"]) == (2, 3, True)
    assert db.confirmed(slot) == postgres.lsn(done["position"]) > before
    assert cli.json("slot", "peek", slot)["changes"] == []


def test_advance_stops_where_it_is_told(db, cli, slot):
    db.sql("insert into t values (1, 'a')")
    middle = db.value("select pg_current_wal_lsn()::text")
    db.sql("insert into t values (2, 'b')")
    assert cli("slot", "advance", slot, "--to", middle, "--yes").returncode == OK
    assert len(cli.json("slot", "peek", slot)["changes"]) == 1


def test_advance_goes_neither_back_nor_ahead_of_the_server(db, cli, slot):
    before = db.confirmed(slot)
    assert cli("slot", "advance", slot, "--to", "0/8", "--yes").returncode == REFUSED
    assert cli("slot", "advance", slot, "--to", "FFFF/0", "--yes").returncode == REFUSED
    assert cli("slot", "advance", slot, "--to", "here", "--yes").returncode == USAGE
    assert db.confirmed(slot) == before


def test_advance_goes_past_a_publication_made_later(db, cli, slot):
    """Decoding fails for ever there, and this is the way out."""
    db.sql("drop publication pub")
    db.sql("insert into t values (1, 'a')")
    db.sql("create publication pub for table t")
    written = db.current_lsn()
    r = cli("slot", "advance", slot, "--yes")
    assert r.returncode == OK and db.confirmed(slot) >= written
    if version(db) < 180000:  # from 18 on the server skips a publication it does not find
        assert "cannot be counted" in r.stdout


def test_advance_of_an_active_slot_needs_force(db, cli, slot, hold):
    p = hold(slot)
    assert cli("slot", "advance", slot, "--yes").returncode == REFUSED and p.poll() is None
    assert cli("slot", "advance", slot, "--yes", "--force").returncode == OK


@pytest.mark.parametrize("moved_before", [False, True], ids=["by_the_command", "behind_its_back"])
def test_advance_takes_the_connectors_offset_along(db, table, new_connector, moved_before):
    db.sql("insert into t values (0, 'read by the snapshot')")
    c = new_connector(publication__name="pub").start("--sink", "lines")
    wait_until(c.offset, "an offset is stored")
    assert c.terminate() == OK
    db.sql("insert into t values (1, 'skipped')")
    if moved_before:
        db.sql("select pg_replication_slot_advance(%s, pg_current_wal_lsn())", c.slot)
        assert c.start("--sink", "lines").exit_code() == REFUSED
    r = c.call("slot", "advance", "--config", "{file}", "--yes")
    assert r.returncode == OK and "offset follows" in r.stdout, r.stderr
    db.sql("insert into t values (2, 'first after it')")
    c.start("--sink", "lines")
    wait_until(lambda: len(c.lines()) > 1, "the row behind the new position")
    assert c.terminate() == OK
    assert ["first after it" in json.dumps(x) for x in c.lines()] == [False, True]


# ---- peek ----


def test_peek_masks_values_unless_asked(db, cli, slot):
    db.sql("insert into t values (1234567890, 'hidden-value')")
    for extra in ([], ["--json"]):
        r, shown = cli("slot", "peek", slot, *extra), cli("slot", "peek", slot, "--values", *extra)
        assert r.returncode == OK and shown.returncode == OK
        for value in ("hidden-value", "1234567890"):
            assert value not in r.stdout and value in shown.stdout


def test_peek_shows_every_kind_of_change_and_consumes_nothing(db, cli, slot):
    db.sql("insert into t values (1, 'a')")
    db.sql("update t set id = 2")
    db.sql("delete from t")
    db.sql("truncate t")
    db.sql("select pg_logical_emit_message(true, 'prefix', 'content')")
    changes = cli.json("slot", "peek", slot, "--values")["changes"]
    messages = ["message"] if version(db) >= 140000 else []
    assert [c["op"] for c in changes] == ["insert", "update", "delete", "truncate", *messages]
    assert changes[0]["new"] == {"id": "1", "secret": "a"}
    assert changes[1]["key"] == {"id": "1"} and changes[1]["new"] == {"id": "2", "secret": "a"}
    assert changes[2]["key"] == {"id": "2"} and changes[3]["table"] == "t"
    assert [(c["prefix"], c["content"]) for c in changes[4:]] == [("prefix", "content")] * len(messages)
    assert cli.json("slot", "peek", slot, "--values")["changes"] == changes


def test_peek_stops_after_the_number_asked_for(db, cli, slot):
    db.sql("insert into t select g, 'x' from generate_series(1, 100) g")
    assert len(cli.json("slot", "peek", slot, "-n", "7")["changes"]) == 7


def test_peek_finds_changes_behind_many_small_transactions(db, cli, slot):
    for i in range(120):
        db.sql(f"insert into t values ({i}, 'x')")
    assert len(cli.json("slot", "peek", slot, "-n", "110")["changes"]) == 110


def test_peek_does_not_let_values_drive_the_terminal(db, cli, slot):
    db.sql("insert into t values (1, E'\\x1b[2Jgone')")
    assert "\x1b" not in cli("slot", "peek", slot, "--values").stdout


def test_peek_refuses_what_it_cannot_decode(db, cli, slot, hold):
    db.sql("select pg_create_logical_replication_slot('other_plugin', 'test_decoding')")
    assert cli("slot", "peek", "other_plugin").returncode == REFUSED
    hold(slot)
    assert cli("slot", "peek", slot).returncode == REFUSED


# ---- connections ----


def test_connection_by_variables(db, slot):
    r = call("slot", "list", env={"PGHOST": "127.0.0.1", "PGPORT": str(db.server.port), "PGUSER": "postgres", "PGDATABASE": db.name})
    assert r.returncode == OK and slot in r.stdout


def test_the_connector_file_names_the_slot(cli, slot, connector_file):
    assert cli.json("slot", "peek", config=connector_file())["slot"] == slot
    assert cli("slot", "drop", config=connector_file()).returncode == OK


@pytest.mark.parametrize("what,code,text", [
    ("port", UNREACHABLE, "database.port"),
    ("host", UNREACHABLE, "database.hostname"),
    ("database", CONFIG, "CREATE DATABASE"),
    ("role", CONFIG, "pg_hba.conf"),
    ("ssl", CONFIG, "database.sslmode"),
    ("uri", CONFIG, "postgresql://user@host:port/database"),
])
def test_a_failed_connection_is_one_line_that_says_what_to_do(db, cli, what, code, text):
    port = db.server.port
    url = {"port": "postgresql://postgres@127.0.0.1:1/x", "host": "postgresql://postgres@nowhere.invalid/x",
           "database": f"postgresql://postgres@127.0.0.1:{port}/nowhere", "role": f"postgresql://nobody@127.0.0.1:{port}/{db.name}",
           "ssl": f"postgresql://postgres@127.0.0.1:{port}/{db.name}?sslmode=require", "uri": "postgresql//x:secret@y"}[what]
    r = cli("slot", "list", url=url)
    assert r.returncode == code and text in r.stderr and len(r.stderr.splitlines()) == 1 and "secret" not in r.stderr, r.stderr


def test_a_role_without_the_right_is_told_which(db, cli, name):
    role = f"r_{name}"[:60]
    db.sql(f"create role {role} login")
    try:
        r = cli("slot", "create", "mine", url=f"postgresql://{role}@127.0.0.1:{db.server.port}/{db.name}")
    finally:
        db.sql(f"drop role {role}")
    assert r.returncode == CONFIG and f'ALTER ROLE "{role}" REPLICATION' in r.stderr


def test_a_server_without_logical_wal_is_told_which_setting(tmp_path_factory):
    import os
    s = postgres.Server(tmp_path_factory.mktemp("replica"), os.getpid(), "wal_level=replica")
    try:
        r = call("slot", "create", "mine", "--url", f"postgresql://postgres@127.0.0.1:{s.port}/postgres")
    finally:
        s.remove()
    assert r.returncode == CONFIG and "ALTER SYSTEM SET wal_level = logical" in r.stderr


def test_initial_statements_run_and_a_wrong_one_is_named(cli, slot, connector_file):
    good = connector_file(**{"database.initial.statements": "set search_path = ';;x'; select 1"})
    assert cli("slot", "list", config=good).returncode == OK
    bad = connector_file(**{"database.initial.statements": "select 1; selec 2"})
    r = cli("slot", "list", config=bad)
    assert r.returncode == FAILED and 'statement 2 of "database.initial.statements"' in r.stderr


def test_a_host_that_does_not_answer_is_passed_over(db, cli, slot, connector_file):
    """The first address swallows everything; the second is the server."""
    import socket
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(0)
        file = connector_file(**{"database.hostname": f"127.0.0.1:{silent.getsockname()[1]},127.0.0.1:{db.server.port}",
                                 "database.connectTimeout": "1"})
        started = time.monotonic()
        r = cli("slot", "list", config=file)
    assert r.returncode == OK and slot in r.stdout, r.stderr
    assert time.monotonic() - started < 5
