"""walbridge connect: connectors that live in storage topics, other workers of the group, records nobody can read."""
import json

import pytest
from confluent_kafka.admin import AdminClient, NewTopic
from confluent_kafka import Producer
from kit import connect, program, wait_until


@pytest.fixture
def worker(real_kafka, name, tmp_path):
    """Makes workers of this test's group; the second one takes the first one's place."""
    made = []

    def make(hint="w"):
        w = connect.Walbridge(tmp_path / hint, real_kafka.bootstrap, f"{name}.{tmp_path.name}")
        made.append(w)
        return w

    yield make
    for w in made:
        w.kill()


@pytest.fixture
def settings(db, name):
    db.sql("create table t (id int primary key, v text); insert into t values (1, 'a'), (2, 'b')")
    return {**{k: v for k, v in program.base_settings(db, name).items() if not k.startswith("offset.")}, "table.include.list": "public.t",
            **program.NO_SCHEMAS}


def write(worker, topic, key, value):
    """As a tool writes: with Java's partitioner."""
    p = Producer({"bootstrap.servers": worker.bootstrap, "partitioner": "murmur2_random", "log_level": 0})
    p.produce(worker.topics[topic], key=key, value=value if value is None or isinstance(value, str) else json.dumps(value))
    p.flush(10)


def create(worker, name, settings, **more):
    status, answer = worker.request("POST", "/connectors", {"name": name, "config": settings, **more})
    assert status == 201, answer


def ids(topics):
    return [json.loads(r["value"])["after"]["id"] for r in topics.read() if r["topic"].endswith(".public.t")]


def stored(topics, worker, topic, key):
    """All values of a key, in order, as written."""
    return [r["value"] for r in topics.read() if r["topic"] == worker.topics[topic] and r["key"] == key]


def test_everything_comes_back_from_kafka_alone(db, name, settings, worker, real_kafka, topics):
    first = worker("first").start().wait_up()
    create(first, "one", settings)
    create(first, "two", {**settings, "slot.name": f"{name}_2", "topic.prefix": f"{name}_2"}, initial_state="STOPPED")
    first.wait_states("one", "RUNNING", "RUNNING")
    first.wait_states("two", "STOPPED", "")
    out = topics(real_kafka, name)
    wait_until(lambda: ids(out) == [1, 2], "the snapshot", 20)
    assert first.terminate() == 0
    assert {s["worker_id"] for s in map(json.loads, stored(out, first, "status", "status-task-one-0"))} == {f"127.0.0.1:{first.port}"}
    assert json.loads(stored(out, first, "status", "status-connector-one")[-1])["state"] == "UNASSIGNED"
    db.sql("insert into t values (3, 'c')")
    second = worker("second").start().wait_up()
    second.wait_states("one", "RUNNING", "RUNNING")
    second.wait_states("two", "STOPPED", "")
    assert second.get("/connectors/one/config")[1] == {**settings, "name": "one"}
    wait_until(lambda: ids(out) == [1, 2, 3], "the row written meanwhile", 20)
    second.kill()
    db.sql("insert into t values (4, 'd')")
    worker("third").start().wait_up().wait_states("one", "RUNNING", "RUNNING")
    wait_until(lambda: ids(out) == [1, 2, 3, 4], "the row written after the kill", 20)


def test_a_connectors_records_are_connects(name, settings, worker, real_kafka, topics):
    w = worker().start().wait_up()
    create(w, "one", settings)
    w.wait_states("one", "RUNNING", "RUNNING")
    out = topics(real_kafka, name)
    parts = {}
    wait_until(lambda: ids(out) == [1, 2], "the snapshot", 20)
    wait_until(lambda: stored(out, w, "offset", f'["one",{{"server":"{name}"}}]'), "an offset", 20)
    wait_until(lambda: stored(out, w, "status", f"status-topic-{name}.public.t:connector-one"), "the topic", 20)
    for r in out.read():
        parts.setdefault(r["topic"], set()).add(r["partition"])
    config, task, commit = (stored(out, w, "config", k)[-1] for k in ("connector-one", "task-one-0", "commit-one"))
    assert json.loads(config) == {"properties": {**settings, "name": "one"}}
    assert json.loads(task) == {"properties": {**settings, "name": "one", "task.class": "io.debezium.connector.postgresql.PostgresConnectorTask"}}
    assert commit == '{"tasks":1}'
    w.request("PUT", "/connectors/one/stop")
    w.wait_states("one", "STOPPED", "")
    assert stored(out, w, "config", "commit-one")[-1] == '{"tasks":0}'
    assert stored(out, w, "config", "target-state-one")[-1] == '{"state":"PAUSED","state.v2":"STOPPED"}'
    assert stored(out, w, "status", "status-task-one-0")[-1] is None
    w.request("DELETE", "/connectors/one")
    wait_until(lambda: stored(out, w, "status", "status-connector-one")[-1] is None, "no status", 20)
    assert stored(out, w, "config", "connector-one")[-1] is None
    assert stored(out, w, "config", "target-state-one")[-1] is None
    assert stored(out, w, "status", f"status-topic-{name}.public.t:connector-one")[-1] is None
    assert stored(out, w, "offset", f'["one",{{"server":"{name}"}}]')[-1] is not None
    meta = AdminClient({"bootstrap.servers": w.bootstrap, "log_level": 0}).list_topics(timeout=10).topics
    assert [len(meta[w.topics[t]].partitions) for t in ("config", "offset", "status")] == [1, 25, 5]


def test_what_tools_write_is_followed(db, settings, worker):
    w = worker().start().wait_up()
    write(w, "config", "connector-one", {"properties": {**settings, "name": "one"}})
    w.wait_states("one", "RUNNING", "RUNNING")
    wait_until(lambda: "streaming from slot" in w.log(), "streaming", 20)  # a slot is active while it is made, too
    write(w, "config", "target-state-one", {"state": "PAUSED", "state.v2": "PAUSED"})
    w.wait_states("one", "PAUSED", "PAUSED")
    assert db.slot(settings["slot.name"])["active"]
    write(w, "config", "target-state-one", {"state": "STARTED"})
    w.wait_states("one", "RUNNING", "RUNNING")
    write(w, "config", "target-state-one", {"state": "PAUSED", "state.v2": "STOPPED"})
    w.wait_states("one", "STOPPED", "")
    wait_until(lambda: not db.slot(settings["slot.name"])["active"], "the slot is free", 10)
    write(w, "config", "connector-one", None)
    wait_until(lambda: w.get("/connectors/one/status")[0] == 404, "no status", 10)


def test_a_paused_connector_reads_nothing(db, name, settings, worker, real_kafka, topics):
    w = worker().start().wait_up()
    create(w, "one", settings)
    out = topics(real_kafka, name)
    wait_until(lambda: ids(out) == [1, 2], "the snapshot", 20)
    w.request("PUT", "/connectors/one/pause")
    w.wait_states("one", "PAUSED", "PAUSED")
    db.sql("insert into t values (3, 'c')")
    # A stop and start of the whole worker leave it as it is, without a session.
    assert w.terminate() == 0
    w.start().wait_up().wait_states("one", "PAUSED", "PAUSED")
    assert not db.slot(settings["slot.name"])["active"]
    assert ids(out) == [1, 2]
    w.request("PUT", "/connectors/one/resume")
    wait_until(lambda: ids(out) == [1, 2, 3], "what was written meanwhile", 20)


def test_offsets_can_be_reset_when_stopped(name, settings, worker, real_kafka, topics):
    w = worker().start().wait_up()
    create(w, "one", settings)
    out = topics(real_kafka, name)
    wait_until(lambda: ids(out) == [1, 2], "the snapshot", 20)
    assert w.request("DELETE", "/connectors/one/offsets")[0] == 400
    w.request("PUT", "/connectors/one/stop")
    status, answer = w.request("DELETE", "/connectors/one/offsets")
    assert status == 200, answer
    assert w.get("/connectors/one/offsets")[1] == {"offsets": []}
    w.request("PUT", "/connectors/one/resume")
    wait_until(lambda: ids(out) == [1, 2, 1, 2], "a snapshot anew", 20)


BROKEN = {
    "truncated": '{"properties":{"connector.class":"io.debezium.connector.postgresql.Postg',
    "no_object": '"text"',
    "foreign": json.dumps({"properties": {"connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector", "topics": "x", "name": "bad"}}),
    "newer": json.dumps({"configuration": {"format": 9}}),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_stored_configuration_that_cannot_be_used_fails_alone(name, settings, worker, real_kafka, topics, how):
    w = worker().start().wait_up()
    write(w, "config", "connector-bad", BROKEN[how])
    create(w, "one", settings)
    w.wait_states("one", "RUNNING", "RUNNING")
    wait_until(lambda: w.states("bad")[0] == "FAILED", "FAILED", 10)
    assert "connector.class" in w.trace("bad") or "stored configuration" in w.trace("bad"), w.trace("bad")
    w.terminate()
    w.start().wait_up().wait_states("one", "RUNNING", "RUNNING")
    assert w.states("bad")[0] == "FAILED"
    assert stored(topics(real_kafka, name), w, "config", "connector-bad") == [BROKEN[how]]
    # A good one makes it good; here one without a table.
    w.request("PUT", "/connectors/bad/config", {**settings, "slot.name": f"{name}_bad", "topic.prefix": f"{name}_bad"})
    w.wait_states("bad", "RUNNING", "RUNNING")


@pytest.mark.parametrize("value", ['{"lsn":"text"}', '{"lsn":33', '[1]'])
def test_a_stored_offset_that_cannot_be_read_fails_its_task(name, settings, worker, real_kafka, topics, value):
    w = worker().start().wait_up()
    key = f'["one",{{"server":"{name}"}}]'
    write(w, "offset", key, value)
    create(w, "one", settings)
    w.wait_states("one", "RUNNING", "FAILED")
    assert "offset" in w.trace("one")
    assert w.get("/health")[0] == 200
    out = topics(real_kafka, name)
    assert stored(out, w, "offset", key) == [value]
    assert not ids(out)


def test_storage_topics_that_forget_are_refused(worker):
    w = worker()
    admin = AdminClient({"bootstrap.servers": w.bootstrap, "log_level": 0})
    for f in admin.create_topics([NewTopic(w.topics["status"], 5, 1, config={"cleanup.policy": "delete"})]).values():
        f.result()
    w.start()
    assert w.proc.wait(30) != 0
    assert "cleanup.policy" in w.log()


def test_a_real_member_of_the_group_is_waited_for_and_let_in(db, name, settings, worker, real_kafka, topics):
    out = topics(real_kafka, name)
    w = worker()
    member = connect.Member(real_kafka.bootstrap, w.group)
    w.start().wait_up()
    write(w, "config", "connector-one", {"properties": {**settings, "name": "one"}})
    wait_until(lambda: w.get("/connectors")[1] == ["one"], "the connector", 10)
    wait_until(lambda: "alive" in w.get("/health")[1]["message"], "waiting", 10)
    status, health = w.get("/health")
    assert "bare-member" in health["message"]
    status, answer = w.request("PUT", "/connectors/one/stop")
    assert status == 409 and "bare-member" in answer["message"]
    # Nothing was begun, and nothing written.
    assert db.slot(settings["slot.name"]) is None
    assert not [r for r in out.read() if r["topic"] in (w.topics["status"], w.topics["offset"])]
    member.leave()
    w.wait_states("one", "RUNNING", "RUNNING")
    wait_until(lambda: ids(out) == [1, 2], "the snapshot", 20)
    member = connect.Member(real_kafka.bootstrap, w.group)
    wait_until(lambda: not db.slot(settings["slot.name"])["active"], "the slot is let go", 10)
    wait_until(lambda: w.states("one") == ("UNASSIGNED", "UNASSIGNED"), "handed back", 10)
    assert w.get("/connectors/one")[0] == 200
    db.sql("insert into t values (3, 'c')")
    member.leave()
    wait_until(lambda: ids(out) == [1, 2, 3], "going on", 20)
    assert w.terminate() == 0


def test_the_next_one_goes_on_when_the_one_before_has_ended(db, name, settings, worker, real_kafka, topics):
    """A rolling deployment of walbridge itself: both run for a while."""
    settings = {**settings, "slot.retry.delay.ms": "100"}
    first = worker("first").start().wait_up()
    create(first, "one", settings)
    out = topics(real_kafka, name)
    wait_until(lambda: ids(out) == [1, 2], "the snapshot", 20)
    second = worker("second").start().wait_up()
    wait_until(lambda: "slot.in_use" in second.log(), "the slot in use", 20)
    db.sql("insert into t values (3, 'c')")
    wait_until(lambda: ids(out) == [1, 2, 3], "a row by the first one", 20)
    assert first.terminate() == 0
    db.sql("insert into t values (4, 'd')")
    wait_until(lambda: ids(out) == [1, 2, 3, 4], "a row by the second one", 30)
    assert second.states("one") == ("RUNNING", "RUNNING")


def test_a_configuration_that_changes_while_it_runs_loses_and_repeats_nothing(db, name, settings, worker, real_kafka, topics):
    w = worker().start().wait_up()
    create(w, "one", settings)
    out = topics(real_kafka, name)
    wait_until(lambda: ids(out) == [1, 2], "the snapshot", 20)
    wait_until(lambda: db.slot(settings["slot.name"])["active"], "streaming", 20)
    pid = db.slot(settings["slot.name"])["active_pid"]
    # The same again, as a pipeline does it that puts what it wants at every run, is no reason to stop.
    assert w.request("PUT", "/connectors/one/config", settings)[0] == 200
    w.wait_states("one", "RUNNING", "RUNNING")
    last = 2
    for n in range(4):
        db.sql(f"insert into t select i, 'x' from generate_series({last + 1}, {last + 2000}) i")
        last += 2000
        if n == 0:
            assert db.slot(settings["slot.name"])["active_pid"] == pid
        assert w.request("PUT", "/connectors/one/config", {**settings, "heartbeat.interval.ms": str(1000 + n)})[0] == 200
        db.sql(f"insert into t values ({last + 1}, 'y')")
        last += 1
    wait_until(lambda: len(ids(out)) >= last, "all rows", 60)
    assert ids(out) == list(range(1, last + 1))
    assert w.get("/connectors/one/tasks")[1][0]["config"]["heartbeat.interval.ms"] == "1003"


def test_tables_that_a_configuration_adds_are_read(db, name, settings, worker, real_kafka, topics):
    """What is known of them stands beside the offset in its topic, where nobody takes it for an offset."""
    db.sql("create table u (id int primary key); insert into u values (7)")
    w = worker().start().wait_up()
    create(w, "one", {**settings, "walbridge.snapshot.new.tables": "initial"})
    out = topics(real_kafka, name)
    wait_until(lambda: ids(out) == [1, 2], "the snapshot", 20)
    both = {**settings, "walbridge.snapshot.new.tables": "initial", "table.include.list": "public.t,public.u"}
    wait_until(lambda: w.get("/connectors/one/offsets")[1]["offsets"], "an offset", 20)
    assert w.request("PUT", "/connectors/one/config", both)[0] == 200
    wait_until(lambda: [r["topic"] for r in out.read() if r["topic"].endswith(".public.u")], lambda: f"the new table's row\n{w.log()}", 20)
    db.sql("insert into t values (3, 'c'); insert into u values (8)")
    wait_until(lambda: len([r for r in out.read() if r["topic"].endswith(".public.u")]) == 2, "its stream", 20)
    assert ids(out) == [1, 2, 3], "the other is not read again"
    assert [list(o["partition"]) for o in w.get("/connectors/one/offsets")[1]["offsets"]] == [["server"]]
    key = json.dumps(["one/tables", {"server": name}], separators=(",", ":"))
    assert json.loads(stored(out, w, "offset", key)[-1])["schemas"]["public"].keys() == {"t", "u"}
    assert w.request("PUT", "/connectors/one/stop")[0] == 204
    w.wait_states("one", "STOPPED", "")
    assert w.request("DELETE", "/connectors/one/offsets")[0] == 200
    assert stored(out, w, "offset", key)[-1] is None


def test_a_connector_is_deleted_and_made_again_while_it_drains(db, name, settings, worker, real_kafka, topics):
    w = worker().start().wait_up()
    create(w, "other", {**settings, "slot.name": f"{name}_o", "topic.prefix": f"{name}.o", "publication.name": f"{name}_o"})
    create(w, "one", settings)
    out = topics(real_kafka, name)
    wait_until(lambda: len(ids(out)) == 4, "two snapshots", 20)
    last = 2
    for _ in range(4):
        db.sql(f"insert into t select i, 'x' from generate_series({last + 1}, {last + 3000}) i")
        last += 3000
        assert w.request("DELETE", "/connectors/one")[0] == 204
        assert w.request("PUT", "/connectors/one/pause")[0] == 404
        create(w, "one", settings)
    wait_until(lambda: len(ids(out)) >= 2 * last, "all rows, of both", 60)
    for prefix in (name, f"{name}.o"):
        got = [json.loads(r["value"])["after"]["id"] for r in out.read() if r["topic"] == f"{prefix}.public.t"]
        assert got == list(range(1, last + 1)), prefix
    w.wait_states("one", "RUNNING", "RUNNING")
    w.wait_states("other", "RUNNING", "RUNNING")


def test_signals_reach_a_connector_by_rest(db, name, settings, worker, real_kafka, topics):
    """Also one that reads no channel; by read.only it needs no signal table either."""
    w = worker().start().wait_up()
    create(w, "one", {**settings, "signal.enabled.channels": "", "read.only": "true"})
    out = topics(real_kafka, name)
    wait_until(lambda: ids(out) == [1, 2], "the snapshot", 20)
    wait_until(lambda: db.slot(settings["slot.name"])["active"], "streaming", 20)
    data = {"data-collections": ["public.t"]}
    status, answer = w.request("POST", "/connectors/one/signals", {"id": "again", "type": "execute-snapshot", "data": data})
    assert (status, answer) == (202, {"id": "again"}), answer
    wait_until(lambda: ids(out) == [1, 2, 1, 2], lambda: w.log()[-3000:], 20)
    status, answer = w.request("POST", "/connectors/one/signals", {"type": "execute-snapshots"})
    assert status == 400 and "execute-snapshots" in answer["message"]
    done = program.call("signal", "--url", w.url + "/", "one", "execute-snapshot", json.dumps(data))
    assert done.returncode == 0, done.stderr
    wait_until(lambda: ids(out) == [1, 2] * 3, lambda: w.log()[-3000:], 20)
    w.request("PUT", "/connectors/one/stop")
    w.wait_states("one", "STOPPED", "")
    for who in ("one", "two"):
        done = program.call("signal", "--url", w.url, who, "log", '{"message": "m"}')
        assert done.returncode != 0 and ("only one that runs" if who == "one" else "not found") in done.stderr
    assert program.call("signal", "--url", w.url, "--channel", "file", "one", "log", "{}").returncode == program.USAGE


OLD_OFFSETS = {
    # Debezium 1.2 knew no type of the last message, so its row may come again: it cannot be told from others at its position.
    "streaming": ({"transaction_id": None, "lsn_proc": "lsn", "lsn": "lsn", "txId": "txId", "ts_usec": "ts_usec"}, {3}),
    "end_of_snapshot": ({"last_snapshot_record": True, "lsn": "lsn", "txId": "txId", "ts_usec": "ts_usec", "snapshot": True}, {3}),
}


@pytest.mark.parametrize("how", OLD_OFFSETS)
def test_offsets_of_debezium_1_2_are_gone_on_from(db, name, settings, worker, real_kafka, topics, how):
    w = worker().start().wait_up()
    create(w, "one", settings)
    out = topics(real_kafka, name)
    wait_until(lambda: ids(out) == [1, 2], "the snapshot", 20)
    db.sql("insert into t values (3, 'c')")
    wait_until(lambda: ids(out) == [1, 2, 3], "a row", 20)
    w.request("PUT", "/connectors/one/stop")
    w.wait_states("one", "STOPPED", "")
    new = w.get("/connectors/one/offsets")[1]["offsets"][0]["offset"]
    old, may_repeat = OLD_OFFSETS[how]
    old = {k: new[v] if isinstance(v, str) else v for k, v in old.items()}
    write(w, "offset", f'["one",{{"server":"{name}"}}]', old)
    wait_until(lambda: w.get("/connectors/one/offsets")[1]["offsets"][0]["offset"] == old, "the old offset", 20)
    db.sql("insert into t values (4, 'd')")
    w.request("PUT", "/connectors/one/resume")
    wait_until(lambda: 4 in ids(out), lambda: w.log()[-3000:], 20)
    assert [i for i in ids(out)[3:] if i not in may_repeat] == [4]
    assert w.log().count("snapshot: done") == 1


def test_a_row_that_starts_exactly_where_the_stored_commit_ended_is_sent(db, name, settings, worker, real_kafka, topics):
    """A commit is stored with its end; the next transaction's first row can begin right there."""
    w = worker().start().wait_up()
    create(w, "one", settings)
    out = topics(real_kafka, name)
    wait_until(lambda: ids(out) == [1, 2], "the snapshot", 20)
    last = 2
    for _ in range(20):
        w.request("PUT", "/connectors/one/stop")
        w.wait_states("one", "STOPPED", "")
        db.sql(f"select pg_replication_slot_advance('{settings['slot.name']}', pg_current_wal_insert_lsn())")
        end = db.value("select (pg_current_wal_insert_lsn() - '0/0')::bigint")
        last += 1
        db.sql(f"insert into t values ({last}, 'x')")
        rows = db.sql("select (lsn - '0/0')::bigint from pg_logical_slot_peek_binary_changes(%s, null, null, 'proto_version', '1', "
                      "'publication_names', %s) where get_byte(data, 0) = ascii('I')", settings["slot.name"], settings["publication.name"])
        offset = {"lsn_proc": end, "lsn_commit": end, "lsn": end, "messageType": "COMMIT", "txId": 1, "ts_usec": 1}
        body = {"offsets": [{"partition": {"server": name}, "offset": offset}]}
        status, answer = w.request("PATCH", "/connectors/one/offsets", body)
        assert status == 200, answer
        w.request("PUT", "/connectors/one/resume")
        wait_until(lambda: ids(out)[-1:] == [last], lambda: w.log()[-3000:], 20)
        if rows == [(end,)]:
            break
    assert rows == [(end,)], "something else was always written between"
    assert ids(out) == list(range(1, last + 1))


def test_a_worker_without_brokers_says_so_and_can_be_stopped(worker, tmp_path):
    w = worker()
    w.bootstrap = "127.0.0.1:1"
    w.start()
    wait_until(lambda: b"REST on" in w.log_file.read_bytes(), "REST", 20)
    wait_until(lambda: w.get("/health")[0] == 503 and "brokers" in w.get("/health")[1]["message"].lower(), lambda: w.get("/health"), 30)
    status, answer = w.get("/connectors")
    assert status == 503 and "still starting" in answer["message"]
    assert w.get("/")[0] == 200 and w.get("/connector-plugins")[0] == 200
    assert w.terminate(20) == 0


def test_a_connector_without_its_database_stops_and_starts(settings, worker):
    w = worker().start().wait_up()
    write(w, "config", "connector-one", {"properties": {**settings, "name": "one", "database.port": "1"}})
    w.wait_states("one", "RUNNING", "RUNNING")
    w.request("PUT", "/connectors/one/stop")
    w.wait_states("one", "STOPPED", "", 20)
    assert w.request("DELETE", "/connectors/one/offsets")[0] == 200
    w.request("PUT", "/connectors/one/resume")
    w.wait_states("one", "RUNNING", "RUNNING", 20)
    assert w.terminate(20) == 0
