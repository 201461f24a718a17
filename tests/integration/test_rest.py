"""The REST interface against recordings of the real worker (Kafka 4.3, Debezium 3.6.1), and what clients and strangers do to it."""
import http.client
import json
import re
import socket
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from kit import connect, wait_until

GOLDEN = Path(__file__).parents[1] / "golden" / "connect"

# What differs from run to run, or between the two programs by intent (docs/rest.md).
MASKS = [(r'"worker_id":"[^"]*"', '"worker_id":"W"'), (r'"kafka_cluster_id":"[^"]*"', '"kafka_cluster_id":"K"'),
         (r'"commit":"[^"]*"', '"commit":"C"'), (r'"trace":"(?:[^"\\]|\\.)*"', '"trace":"T"'), (r'"lsn(_proc|_commit)?":\d+', '"lsn":0'),
         (r'"txId":\d+', '"txId":0'), (r'"ts_usec":-?\d+', '"ts_usec":0'), (r'"version":null', '"version":"3.6.1.Final"'),
         (r'"last_modified":(\d+|null)', '"last_modified":0'), (r'(?i)powered by jetty[^<"]*', ''), (r'http://127.0.0.1:\d+', 'http://W'), (r'"database.port":"\d+"', '"database.port":"P"')]


def masked(text):
    for pattern, by in MASKS:
        text = re.sub(pattern, by, text)
    try:
        return json.dumps(json.loads(text), sort_keys=True)
    except ValueError:
        return text


class Client:
    """Sends what it is told, byte by byte: other clients tidy paths up."""

    def __init__(self, url, pg_port="1"):
        self.at, self.pg_port = urlsplit(url), pg_port

    def once(self, method, path, body=None, headers=None):
        c = http.client.HTTPConnection(self.at.hostname, self.at.port, timeout=60)
        c.putrequest(method, path, skip_accept_encoding=True)
        headers = {"Accept": "application/json", **(headers or {})}
        if body is not None or method in ("POST", "PUT", "PATCH"):
            headers["Content-Length"] = str(len((body or "").encode()))
        for k, v in headers.items():
            c.putheader(k, v)
        c.endheaders((body or "").encode() or None)
        r = c.getresponse()
        text = r.read().decode("utf-8", "replace")
        c.close()
        return r.status, {k.lower(): v for k, v in r.getheaders()}, text

    def case(self, case, headers):
        body = case.get("body")
        if body is not None:
            body = body.replace("${pg}", self.pg_port)
        end = time.monotonic() + 30
        while True:
            got = self.once(case["method"], case["path"], body, {**headers, **case.get("headers", {})})
            if "until" not in case or case["until"] in got[2] or time.monotonic() > end:
                return got
            time.sleep(0.1)


def differences(client, cases, headers):
    for c in cases:
        status, got, text = client.case(c, headers)
        want, compare = c["answer"], c.get("compare", "loose" if c.get("loose") else "")
        said = f"{c['name']}: {c['method']} {c['path']} {c.get('body', '')[:200]}"
        allowed = c.get("any_of", [want["status"]])
        if status not in allowed:
            yield f"{said}: {status} {text[:300]}, want {allowed}"
        elif "any_of" in c or compare == "error":
            if '"error_code"' not in text or '"message"' not in text:
                yield f"{said}: {text[:300]}"
        elif not compare:
            if got.get("content-type", "").split(";")[0] != want["type"].split(";")[0]:
                yield f"{said}: type {got.get('content-type')}, want {want['type']}"
            if want.get("allow", got.get("allow")) != got.get("allow"):
                yield f"{said}: Allow {got.get('allow')}, want {want['allow']}"
            if masked(text) != masked(want["body"]):
                yield f"{said}\n    want {masked(want['body'])[:500]}\n    got  {masked(text)[:500]}"


@pytest.fixture(scope="module")
def worker(real_kafka, tmp_path_factory):
    w = connect.Walbridge(tmp_path_factory.mktemp("rest"), real_kafka.bootstrap, "rest")
    env = w.env
    w.env = lambda: {**env(), "CONNECT_PLUGIN_PATH": "/kafka/connect"}
    w.start().wait_up()
    yield w
    w.terminate()


@pytest.fixture(scope="module")
def postgres(server):
    with server.connect() as c:
        c.autocommit = True
        c.execute("create table if not exists rest_t (id int primary key)")
        c.execute("insert into rest_t values (1) on conflict do nothing")
    yield server
    with server.connect() as c:
        c.autocommit = True
        c.execute("drop table rest_t")
        c.execute("drop publication if exists rest_pub")
        c.execute("select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name like 'rest_slot%' and not active")


def test_a_connectors_life_is_answered_as_recorded(worker, postgres):
    cases = json.loads((GOLDEN / "rest.json").read_text())
    client = Client(worker.url, str(postgres.port))
    found = list(differences(client, cases, {"Content-Type": "application/json"}))
    assert not found, "\n".join(found)


def test_what_connect_never_sees_is_answered_as_recorded(worker):
    cases = json.loads((GOLDEN / "wire.json").read_text())
    found = list(differences(Client(worker.url), cases, {}))
    assert not found, "\n".join(found)


def test_errors_of_configurations_are_worded_as_recorded(worker, postgres):
    """Properties that are wrong for Debezium are so here, in its words; others may be refused here alone."""
    base = {"name": "zz", "connector.class": "io.debezium.connector.postgresql.PostgresConnector", "plugin.name": "pgoutput",
            "database.hostname": "127.0.0.1", "database.port": str(postgres.port), "database.user": "postgres", "database.dbname": "postgres",
            "topic.prefix": "zz", "table.include.list": "public.rest_t", "slot.name": "s_zz", "publication.name": "p_zz"}
    client, wrong = Client(worker.url), []
    for case in json.loads((GOLDEN / "validate.json").read_text()):
        status, _, text = client.once("PUT", "/connector-plugins/PostgresConnector/config/validate", json.dumps({**base, **case["given"]}),
                                      {"Content-Type": "application/json"})
        doc = json.loads(text)
        got = {c["value"]["name"]: c["value"]["errors"] for c in doc["configs"] if c["value"] and c["value"]["errors"]}
        if status != 200 or {k: got.get(k) for k in case["errors"]} != case["errors"]:
            wrong.append((case["given"], case["errors"], got))
        assert doc["error_count"] == sum(map(len, got.values()))
    assert not wrong


def test_names_and_values_of_debezium_1_count_as_those_of_today(worker, postgres):
    config = {"name": "old", "connector.class": "io.debezium.connector.postgresql.PostgresConnector", "plugin.name": "wal2json_rds_streaming",
              "database.hostname": "127.0.0.1", "database.port": str(postgres.port), "database.user": "postgres", "database.dbname": "postgres",
              "database.server.name": "old", "table.whitelist": "public.rest_t"}
    doc = worker.request("PUT", "/connector-plugins/PostgresConnector/config/validate", config)[1]
    assert [c["value"] for c in doc["configs"] if c["value"] and c["value"]["errors"]] == []


@pytest.mark.parametrize("name, value", [
    ("message.key.columns", "public.t:a,b;public.u:a"), ("replica.identity.autoset.values", "public.t:FULL,public.u:INDEX i_1"),
    ("database.initial.statements", "select 1;select 2"), ("column.mask.with.10.chars", "public.t.a"), ("slot.stream.params", "a=b;c=d"),
    ("custom.metric.tags", "k1=v1,k2=v2"), ("table.include.list", "public.(t|u),other.*"), ("snapshot.select.statement.overrides", "public.t"),
    ("column.mask.hash.v2.SHA-256.with.salt.CzQMA0cB5K", "public.t.a"), ("skipped.operations", "c,t"), ("slot.max.retries", "3"),
    ("hstore.handling.mode", "map"), ("signal.enabled.channels", "source,kafka"), ("notification.enabled.channels", "log")])
def test_what_is_right_has_no_error(worker, postgres, name, value):
    config = {"name": "right", "connector.class": "io.debezium.connector.postgresql.PostgresConnector", "plugin.name": "pgoutput",
              "database.hostname": "127.0.0.1", "database.port": str(postgres.port), "database.user": "postgres", "database.dbname": "postgres",
              "topic.prefix": "right", name: value}
    doc = worker.request("PUT", "/connector-plugins/PostgresConnector/config/validate", config)[1]
    assert [c["value"] for c in doc["configs"] if c["value"] and c["value"]["errors"]] == []


def test_strangers_do_not_keep_others_from_being_answered(worker):
    """Idle connections, half heads and bodies, a validation whose database does not answer: all at the same time."""
    at = urlsplit(worker.url)
    strangers = []
    for i in range(900):
        s = socket.create_connection((at.hostname, at.port))
        s.sendall((b"", b"GET /conn", b"POST /connectors HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 4000000\r\n\r\n{")[i % 3])
        strangers.append(s)
    deaf = socket.socket()
    deaf.bind(("127.0.0.1", 0))
    deaf.listen(0)
    config = {"connector.class": "io.debezium.connector.postgresql.PostgresConnector", "name": "d", "topic.prefix": "d", "plugin.name": "pgoutput",
              "database.hostname": "127.0.0.1", "database.port": str(deaf.getsockname()[1]), "database.user": "u", "database.dbname": "d",
              "connection.validation.timeout.ms": "3000"}
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(worker.request("PUT", "/connector-plugins/PostgresConnector/config/validate", config)))
    waiting.start()
    for _ in range(50):
        assert worker.get("/connectors")[0] == 200
    assert waiting.is_alive(), "the others were answered while it waited"
    waiting.join()
    assert "Connection validation timed out after 3000 ms" in json.dumps(answers[0])
    for s in strangers:
        s.close()
    deaf.close()
    memory = int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{worker.proc.pid}/status").read_text())[1])
    assert memory < 80_000, "bounded, whatever they send"


def test_a_client_that_compares_what_it_sent_is_satisfied(worker, postgres):
    """As Terraform's provider: create, wait until it is there, update, wait until every value equals, delete, wait until it is gone."""
    config = {"connector.class": "io.debezium.connector.postgresql.PostgresConnector", "plugin.name": "pgoutput", "database.hostname": "127.0.0.1",
              "database.port": str(postgres.port), "database.user": "postgres", "database.password": "${env:HOME}", "database.dbname": "postgres",
              "topic.prefix": "tf", "table.include.list": "public.rest_t", "slot.name": "rest_slot_tf", "publication.name": "rest_pub",
              "slot.drop.on.stop": "true"}
    assert worker.request("POST", "/connectors", {"name": "tf", "config": config})[0] == 201
    assert worker.get("/connectors/tf")[0] == 200
    config["poll.interval.ms"] = "100"
    assert worker.request("PUT", "/connectors/tf/config", config)[0] == 200
    assert worker.get("/connectors/tf/config")[1] == {**config, "name": "tf"}, "raw: variables and all"
    worker.wait_states("tf", "RUNNING", "RUNNING")
    listed = worker.get("/connectors/?expand=info&expand=status")[1]["tf"]
    assert listed["info"]["config"] == {**config, "name": "tf"} and listed["status"]["tasks"][0]["state"] == "RUNNING"
    assert worker.request("DELETE", "/connectors/tf")[0] == 204
    assert worker.get("/connectors/tf")[0] == 404


def test_figures_follow_the_connector(worker, postgres):
    config = {"connector.class": "io.debezium.connector.postgresql.PostgresConnector", "plugin.name": "pgoutput", "database.hostname": "127.0.0.1",
              "database.port": str(postgres.port), "database.user": "postgres", "database.dbname": "postgres", "topic.prefix": "fig",
              "table.include.list": "public.rest_t", "slot.name": "rest_slot_fig", "publication.name": "rest_pub", "slot.drop.on.stop": "true",
              "custom.metric.tags": "team=data,name=x"}

    def figure(name):
        text = Client(worker.url).once("GET", "/metrics")[2]
        return float(re.search(rf'^{name}{{[^}}]*connector="fig"[^}}]*}} (\S+)$', text, re.M)[1])

    assert worker.request("POST", "/connectors", {"name": "fig", "config": config})[0] == 201
    worker.wait_states("fig", "RUNNING", "RUNNING")
    wait_until(lambda: figure("debezium_metrics_SnapshotCompleted") == 1, "the snapshot's end")
    assert figure("debezium_metrics_Connected") == 1
    assert figure("walbridge_changes_total") >= 1
    text = Client(worker.url).once("GET", "/metrics")[2]
    assert 'name="fig",connector="fig",team="data",tag_name="x"} ' in text
    assert 'walbridge_task_state{connector="fig",state="RUNNING",team="data",tag_name="x"} 1' in text
    with postgres.connect() as c:
        c.autocommit = True
        c.execute("insert into rest_t values (7)")
        c.execute("delete from rest_t where id = 7")
    wait_until(lambda: figure("debezium_metrics_TotalNumberOfDeleteEventsSeen") == 1, "the delete")
    assert figure("debezium_metrics_TotalNumberOfCreateEventsSeen") == 1
    assert figure("debezium_metrics_NumberOfCommittedTransactions") >= 2
    assert 0 <= figure("debezium_metrics_MilliSecondsBehindSource") < 60_000
    assert worker.request("DELETE", "/connectors/fig")[0] == 204
