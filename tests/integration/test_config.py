"""The connector file: forms, old names, errors all at once, --check, --set."""
import json

import pytest
from kit import program


@pytest.fixture
def table(db):
    db.sql("create table t (id int primary key, v text)")
    return db


def said(done):
    return done.stdout + done.stderr


def test_check_changes_nothing_and_exits_0(table, new_connector):
    c = new_connector()
    done = c.call("run", "{file}", "--sink", "null", "--check")
    assert done.returncode == program.OK, said(done)
    assert table.slot(c.slot) is None
    assert table.sql("select 1 from pg_publication") == []
    assert not c.offset_file.exists()


def test_check_says_every_error_at_once(table, new_connector):
    c = new_connector(snapshot__mode="sometimes", decimal__handling__mode="exact", tombstones__on__delete="perhaps")
    done = c.call("run", "{file}", "--sink", "null", "--check")
    assert done.returncode == program.CONFIG
    for name, value in (("snapshot.mode", "sometimes"), ("decimal.handling.mode", "exact"), ("tombstones.on.delete", "perhaps")):
        assert name in said(done) and value in said(done)
    assert "precise" in said(done), "allowed values are named"


def test_unknown_property_is_a_warning_with_a_suggestion(table, new_connector):
    c = new_connector(**{"table.include.lst": "public.t"})
    done = c.call("run", "{file}", "--sink", "null", "--check")
    assert done.returncode == program.OK, said(done)
    assert "table.include.lst" in said(done) and "table.include.list" in said(done)


def test_old_names_count_and_are_said(table, new_connector):
    c = new_connector(topic__prefix=None, database__server__name="oldname", table__whitelist="public.t")
    done = c.call("run", "{file}", "--sink", "null", "--check")
    assert done.returncode == program.OK, said(done)
    assert "database.server.name" in said(done) and "topic.prefix" in said(done)


def test_missing_prefix_is_an_error(table, new_connector):
    done = new_connector(topic__prefix=None).call("run", "{file}", "--sink", "null", "--check")
    assert done.returncode == program.CONFIG
    assert "topic.prefix" in said(done)


def test_check_finds_what_the_database_lacks(table, new_connector):
    done = new_connector(publication__autocreate__mode="disabled").call("run", "{file}", "--sink", "null", "--check")
    assert done.returncode == program.CONFIG
    assert "CREATE PUBLICATION" in said(done).upper()


def test_check_of_an_unreachable_server(new_connector):
    done = new_connector(database__port="1").call("run", "{file}", "--sink", "null", "--check")
    assert done.returncode == program.UNREACHABLE
    assert "127.0.0.1" in said(done)


def test_kafka_sink_without_brokers_says_so(table, new_connector):
    done = new_connector().call("run", "{file}", "--sink", "kafka", seconds=20)
    assert done.returncode == program.CONFIG
    assert "bootstrap.servers" in said(done) and "BOOTSTRAP_SERVERS" in said(done)


def test_brokers_from_the_environment(table, new_connector, embedded_kafka, topics):
    table.sql("insert into t values (1)")
    c = new_connector().start("--sink", "kafka", env={"BOOTSTRAP_SERVERS": embedded_kafka.bootstrap})
    c.wait_streaming(table)
    topics(embedded_kafka, c.prefix).wait(1)
    assert c.terminate() == program.OK


def test_set_wins_over_the_file(table, new_connector):
    c = new_connector(database__dbname="nowhere")
    done = c.call("run", "{file}", "--sink", "null", "--check", "--set", f"database.dbname={table.name}")
    assert done.returncode == program.OK, said(done)


def test_secret_from_the_environment_and_never_said(table, new_connector):
    c = new_connector(database__password="${env:THE_SECRET}", snapshot__mode="sometimes")
    done = c.call("run", "{file}", "--sink", "null", "--check", env={"THE_SECRET": "hunter2hunter2"})
    assert done.returncode == program.CONFIG
    assert "hunter2" not in said(done)


@pytest.mark.parametrize("form", ["flat", "properties", "stdin"])
def test_forms_of_the_connector_file(table, new_connector, form, tmp_path):
    settings = {**new_connector().settings, "name": "c"}
    file, stdin = tmp_path / "c.conf", None
    if form == "flat":
        file.write_text(json.dumps(settings))
    elif form == "properties":
        file.write_text("# a comment\n" + "".join(f"{k}={v}\n" for k, v in settings.items()))
    else:
        stdin = json.dumps({"name": "c", "config": settings})
    done = program.call("run", "-" if stdin else file, "--sink", "null", "--check", stdin=stdin, cwd=tmp_path)
    assert done.returncode == program.OK, said(done)


@pytest.mark.parametrize("text", ["", "{", '{"name": "x"', '{"name":"x","config":[]}', '{"a":{"b":1}}', "[1]"])
def test_broken_file_is_an_error_that_names_it(text, tmp_path):
    file = tmp_path / "broken.json"
    file.write_text(text)
    done = program.call("run", file, "--sink", "null", "--check", cwd=tmp_path)
    assert done.returncode == program.CONFIG
    assert "broken.json" in said(done) or "topic.prefix" in said(done)


def test_missing_file_is_an_error_that_names_it(tmp_path):
    done = program.call("run", "nowhere.json", cwd=tmp_path)
    assert done.returncode == program.CONFIG
    assert "nowhere.json" in said(done)


@pytest.mark.parametrize("args", [["run"], ["fly"], ["run", "x", "--no-such-option"]])
def test_wrong_command_line_exits_2(args, tmp_path):
    done = program.call(*args, cwd=tmp_path)
    assert done.returncode == program.USAGE
    assert done.stderr


def test_unknown_sink_is_told_which_there_are(table, new_connector):
    done = new_connector().call("run", "{file}", "--sink", "carrier-pigeon", "--check")
    assert done.returncode == program.USAGE
    assert "carrier-pigeon" in said(done) and "bigquery" in said(done)


def test_refused_producer_override_gives_a_reason(table, new_connector):
    c = new_connector(bootstrap__servers="127.0.0.1:1", **{"producer.override.acks": "0"})
    done = c.call("run", "{file}", "--sink", "kafka", "--check")
    assert done.returncode == program.CONFIG
    assert "producer.override.acks" in said(done)


def test_wal_level_not_logical_is_named_with_the_setting(new_connector, tmp_path):
    import os
    from kit import postgres
    s = postgres.Server(tmp_path / "pg", os.getpid(), "wal_level=replica")
    try:
        d = s.new_database("replica")
        c = new_connector(database__port=str(s.port), database__dbname=d.name)
        done = c.call("run", "{file}", "--sink", "null", "--check")
        assert done.returncode == program.CONFIG
        assert "wal_level" in said(done)
    finally:
        s.remove()
