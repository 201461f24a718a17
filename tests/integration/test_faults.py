"""What the server does to us: lost sessions, restarts, slots held by others, things missing."""
import time

import psycopg
import pytest
from kit import program, wait_until


@pytest.fixture
def table(db):
    db.sql("create table t (id int primary key, v text)")
    return db


def ids(lines):
    return [x["value"]["payload"]["after"]["id"] for x in lines if x["value"]]


@pytest.fixture
def streaming(table, new_connector):
    """A connector that streams table t to lines on its standard output."""
    c = new_connector(snapshot__mode="no_data").start("--sink", "lines")
    c.wait_streaming(table)
    return c


def test_reconnects_after_its_session_was_terminated(table, streaming):
    for i in range(1, 4):
        table.sql("insert into t values (%s)", i)
        pid = table.slot(streaming.slot)["active_pid"]
        table.sql("select pg_terminate_backend(%s)", pid)
        wait_until(lambda: table.slot(streaming.slot)["active_pid"] not in (None, pid), "a new session on the slot", 30)
    table.sql("insert into t values (4)")
    wait_until(lambda: set(ids(streaming.lines())) == {1, 2, 3, 4}, lambda: f"four rows, got {ids(streaming.lines())}")
    assert ids(streaming.lines()) == [1, 2, 3, 4]
    assert streaming.terminate() == program.OK


def test_every_session_of_it_may_be_terminated(table, streaming):
    table.sql("""select pg_terminate_backend(pid) from pg_stat_activity
                 where datname = current_database() and pid <> pg_backend_pid()""")
    time.sleep(0.3)
    streaming.wait_streaming(table)
    table.sql("alter table t add n int default 3")  # asks the catalog again
    table.sql("insert into t values (1)")
    wait_until(lambda: ids(streaming.lines()) == [1], lambda: f"one row, got {streaming.lines()}")
    assert streaming.terminate() == program.OK


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_server_restart_is_survived(table, streaming, mode):
    table.sql("insert into t values (1)")
    table.server.restart(mode)
    table.sql("insert into t values (2)")
    streaming.wait_streaming(table, 40)
    wait_until(lambda: set(ids(streaming.lines())) == {1, 2}, lambda: f"two rows, got {ids(streaming.lines())}", 30)
    assert ids(streaming.lines()) == [1, 2]
    assert streaming.terminate() == program.OK


def test_server_that_is_away_for_a_while_is_waited_for(table, streaming):
    table.server.stop()
    time.sleep(3)
    assert streaming.running()
    table.server.start()
    table.sql("insert into t values (1)")
    wait_until(lambda: ids(streaming.lines()) == [1], lambda: f"one row, got {streaming.lines()}", 40)
    assert streaming.terminate() == program.OK


def test_stops_promptly_while_the_server_is_away(table, streaming):
    table.server.stop()
    try:
        time.sleep(1)
        assert streaming.terminate(10) == program.OK
    finally:
        table.server.start()


def test_slot_in_use_names_who_holds_it_and_goes_on_when_it_is_free(table, streaming, new_connector):
    holder = table.slot(streaming.slot)["active_pid"]
    table.sql("insert into t values (1)")
    wait_until(lambda: ids(streaming.lines()) == [1], "the first row")
    second = new_connector("second", snapshot__mode="no_data", slot__name=streaming.slot,
                           publication__name=streaming.settings["publication.name"])
    second.start("--sink", "lines")
    second.wait_log(str(holder))
    assert "slot.in_use" in second.error_codes()
    assert second.running(), "a slot in use is waited for"
    assert streaming.running() and table.slot(streaming.slot)["active_pid"] == holder, "the holder is left alone"
    assert second.terminate() == program.OK
    assert streaming.terminate() == program.OK


@pytest.fixture
def no_walsender(server):
    """All of the server's walsenders are taken; the call gives them back."""
    taken = []
    with pytest.raises(psycopg.OperationalError, match="max_wal_senders"):
        while True:
            taken.append(server.connect(replication="database"))

    def give_back():
        while taken:
            taken.pop().close()
    yield give_back
    give_back()


@pytest.mark.parametrize("limits", [{"slot.max.retries": "2", "slot.retry.delay.ms": "400"}, {"errors.max.retries": "1"}])
def test_without_a_free_walsender_a_start_says_what_to_raise(table, new_connector, no_walsender, limits):
    c = new_connector()
    c.settings.update(limits)
    c.start("--sink", "lines")
    assert c.exit_code() != program.OK
    assert c.error_codes() == {"server.wal_senders"} and "raise max_wal_senders" in c.log()
    no_walsender()
    c.start("--sink", "lines")
    c.wait_streaming(table)
    assert c.terminate() == program.OK


def test_missing_publication_fails_with_the_sql_that_makes_it(table, new_connector):
    c = new_connector(publication__autocreate__mode="disabled").start("--sink", "null")
    assert c.exit_code() == program.CONFIG
    assert "CREATE PUBLICATION" in c.log().upper()
    assert "publication.missing" in c.error_codes()
    assert table.slot(c.slot) is None, "a connector that cannot start leaves no slot behind"


def test_publication_dropped_while_running_is_an_error_not_silence(table, streaming):
    table.sql(f"drop publication {streaming.settings['publication.name']}")
    table.sql("insert into t values (1)")
    assert streaming.exit_code(60) == program.CONFIG
    assert "object.missing" in streaming.error_codes()
    assert streaming.settings["publication.name"] in streaming.log()


def test_a_slot_that_vanished_is_never_made_again_over_an_offset(table, streaming):
    table.sql("insert into t values (1)")
    table.wait_confirmed(streaming.slot, table.current_lsn())
    assert streaming.terminate() == program.OK
    table.sql("select pg_drop_replication_slot(%s)", streaming.slot)
    table.sql("insert into t values (2)")
    streaming.start("--sink", "lines")
    assert streaming.exit_code() == program.REFUSED
    assert table.slot(streaming.slot) is None
    assert "slot.missing" in streaming.error_codes()


def test_slot_with_another_plugin_is_refused(table, new_connector):
    c = new_connector(snapshot__mode="no_data")
    table.sql("select pg_create_logical_replication_slot(%s, 'test_decoding')", c.slot)
    c.start("--sink", "null")
    assert c.exit_code() == program.CONFIG
    assert "test_decoding" in c.log() and "pgoutput" in c.log()


def test_wrong_password_is_a_configuration_error(server, table, new_connector):
    table.sql("create role limited login replication password 'right'")
    try:
        hba = table.value("show hba_file")
        text = open(hba).read()
        try:
            with open(hba, "w") as f:
                f.write("host all limited 127.0.0.1/32 scram-sha-256\nhost replication limited 127.0.0.1/32 scram-sha-256\n" + text)
            table.sql("select pg_reload_conf()")
            c = new_connector(database__user="limited", database__password="letmein123").start("--sink", "null")
            assert c.exit_code() == program.CONFIG
            assert "limited" in c.log() and "letmein123" not in c.log()
        finally:
            with open(hba, "w") as f:
                f.write(text)
            table.sql("select pg_reload_conf()")
    finally:
        table.sql("drop role limited")


def test_unreachable_server_is_said_and_retried(new_connector):
    c = new_connector(database__port="1").start("--sink", "null")
    c.wait_log("127.0.0.1")
    time.sleep(1)
    assert c.running()
    assert c.terminate() == program.OK


def test_table_without_identity_is_named_with_the_sql_that_mends_it(db, new_connector):
    db.sql("create table keyless (v text)")
    c = new_connector().start("--sink", "null")
    c.wait_streaming(db)
    c.wait_log("keyless")
    assert "REPLICA IDENTITY" in c.log().upper()
    assert c.terminate() == program.OK


def test_statement_and_idle_timeouts_of_the_role_do_not_reach_it(table, new_connector):
    table.sql("insert into t select g, repeat('x', 100) from generate_series(1, 100000) g")
    table.sql(f"alter database \"{table.name}\" set statement_timeout = '200ms'")
    table.sql(f"alter database \"{table.name}\" set idle_in_transaction_session_timeout = '200ms'")
    c = new_connector().start("--sink", "null")
    c.wait_streaming(table)
    time.sleep(1)
    assert c.running() and "57014" not in c.log() and "25P03" not in c.log()
    assert c.terminate() == program.OK
