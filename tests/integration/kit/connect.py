"""Kafka Connect workers: walbridge's, the real one (where REAL_CONNECT_LIBS and REAL_CONNECT_PLUGINS name it), and a bare member of a group."""
import json
import os
import signal
import socket
import struct
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from . import BINARY, wait_until
from .kafka import free_ports
from .program import clean_env


class Worker:
    """A worker of a group by its REST interface; subclasses say how it is started."""

    def __init__(self, folder, bootstrap, group):
        self.folder, self.bootstrap, self.group = Path(folder), bootstrap, group
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port, = free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}"
        self.topics = {k: f"{group}.{k}" for k in ("config", "offset", "status")}
        self.log_file, self.proc, self.mark = self.folder / "log", None, 0

    def start(self):
        with open(self.log_file, "ab") as log:
            self.mark = log.tell()
            self.proc = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, env=self.env(),
                                         start_new_session=True)
        return self

    def env(self):
        return clean_env()

    def running(self):
        return self.proc is not None and self.proc.poll() is None

    def log(self):
        with open(self.log_file, "rb") as f:
            f.seek(self.mark)
            return f.read().decode(errors="replace")

    def terminate(self, seconds=60):
        if self.running():
            self.proc.send_signal(signal.SIGTERM)
        try:
            return self.proc.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the worker did not end within {seconds} s:\n{self.log()[-3000:]}") from None

    def kill(self):
        if self.running():
            self.proc.kill()
            self.proc.wait()

    def request(self, method, path, body=None, seconds=60):
        """(status, document)"""
        r = urllib.request.Request(self.url + path, method=method, headers={"Content-Type": "application/json"},
                                   data=None if body is None else json.dumps(body).encode())
        try:
            with urllib.request.urlopen(r, timeout=seconds) as answer:
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as e:
            status, text = e.code, e.read()
        try:
            return status, json.loads(text) if text else None
        except ValueError:  # a page of the server's own
            return status, text.decode(errors="replace")

    def get(self, path):
        return self.request("GET", path)

    def wait_up(self, seconds=60):
        def up():
            assert self.running(), f"the worker ended with {self.proc.returncode}:\n{self.log()[-3000:]}"
            try:
                return self.get("/connectors")[0] == 200
            except OSError:
                return False
        wait_until(up, lambda: f"an answer:\n{self.log()[-3000:]}", seconds)
        return self

    def states(self, name):
        """(the connector's state, its task's), "" for what has none."""
        status, doc = self.get(f"/connectors/{name}/status")
        if status != 200:
            return "", ""
        return doc["connector"]["state"], doc["tasks"][0]["state"] if doc["tasks"] else ""

    def wait_states(self, name, connector, task, seconds=60):
        wait_until(lambda: self.states(name) == (connector, task),
                   lambda: f"{name} {connector}/{task}, is {self.states(name)}:\n{self.log()[-3000:]}", seconds)

    def trace(self, name):
        doc = self.get(f"/connectors/{name}/status")[1]
        return doc["connector"].get("trace", "") + "".join(t.get("trace", "") for t in doc["tasks"])


class Walbridge(Worker):
    """`walbridge connect`, by the environment of the image."""

    def command(self):
        return [str(BINARY), "connect"]

    def env(self):
        return clean_env(BOOTSTRAP_SERVERS=self.bootstrap, GROUP_ID=self.group, CONFIG_STORAGE_TOPIC=self.topics["config"],
                         OFFSET_STORAGE_TOPIC=self.topics["offset"], STATUS_STORAGE_TOPIC=self.topics["status"],
                         ADVERTISED_HOST_NAME="127.0.0.1", ADVERTISED_PORT=str(self.port),
                         CONNECT_LISTENERS=f"http://127.0.0.1:{self.port}")


class Real(Worker):
    """Apache Kafka's own, with Debezium."""

    @staticmethod
    def missing():
        """Why there is none; "" when there is."""
        for name, what in (("REAL_CONNECT_LIBS", "the folder of Kafka Connect's jars (connect-runtime and what it needs)"),
                           ("REAL_CONNECT_PLUGINS", "the folder of its plug-ins (Debezium's PostgreSQL connector)")):
            if not os.path.isdir(os.environ.get(name, "")):
                return f"no real Kafka Connect worker: set {name} to {what}"
        return ""

    def command(self):
        file = self.folder / "worker.properties"
        file.write_text("".join(f"{k}={v}\n" for k, v in {
            "bootstrap.servers": self.bootstrap, "group.id": self.group,
            **{f"{k}.storage.topic": v for k, v in self.topics.items()}, **{f"{k}.storage.replication.factor": 1 for k in self.topics},
            "key.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter": "org.apache.kafka.connect.json.JsonConverter",
            "listeners": self.url, "rest.advertised.host.name": "127.0.0.1", "offset.flush.interval.ms": 1000,
            "task.shutdown.graceful.timeout.ms": 10000, "scheduled.rebalance.max.delay.ms": 0,
            "plugin.path": os.environ["REAL_CONNECT_PLUGINS"]}.items()))
        return [os.environ.get("REAL_CONNECT_JAVA", "java"), "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp",
                f"{os.environ['REAL_CONNECT_LIBS']}/*", "org.apache.kafka.connect.cli.ConnectDistributed", str(file)]


class Member:
    """A member of a group that speaks Connect's protocol type and does nothing: JoinGroup v2, LeaveGroup v1 (FindCoordinator v0)."""

    def __init__(self, bootstrap, group):
        self.group = group
        host, port = bootstrap.split(":")
        self.socket = socket.create_connection((host, int(port)), 10)
        metadata = struct.pack(">h", 0)
        protocols = struct.pack(">i", 1) + self.text("default") + struct.pack(">i", len(metadata)) + metadata
        join = self.text(group) + struct.pack(">ii", 60000, 60000) + self.text("") + self.text("connect") + protocols
        for _ in range(100):  # a broker begins to keep groups when it is first asked where one is
            answer = self.call(11, 2, join)
            error, = struct.unpack_from(">h", answer, 4)
            if error not in (14, 15, 16):
                break
            self.call(10, 0, self.text(group))
            time.sleep(0.1)
        assert error == 0, f"JoinGroup: error {error}"
        at = 4 + 2 + 4
        for _ in range(2):  # protocol, leader
            at += 2 + struct.unpack_from(">h", answer, at)[0]
        n, = struct.unpack_from(">h", answer, at)
        self.id = answer[at + 2:at + 2 + n].decode()

    @staticmethod
    def text(s):
        return struct.pack(">h", len(s)) + s.encode()

    def call(self, api, version, body):
        message = struct.pack(">hhi", api, version, 7) + self.text("bare-member") + body
        self.socket.sendall(struct.pack(">i", len(message)) + message)
        size, = struct.unpack(">i", self.exactly(4))
        return self.exactly(size)[4:]

    def exactly(self, n):
        out = b""
        while len(out) < n:
            more = self.socket.recv(n - len(out))
            assert more, "the broker hung up"
            out += more
        return out

    def leave(self):
        answer = self.call(13, 1, self.text(self.group) + self.text(self.id))
        assert struct.unpack_from(">h", answer, 4)[0] == 0
        self.socket.close()
