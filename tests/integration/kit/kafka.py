"""Brokers and what lies in their topics: the program's embedded endpoint, and a real Apache Kafka (KRaft)."""
import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from . import BINARY, wait_until

KAFKA_VERSION = os.environ.get("KAFKA_VERSION", "4.3.0")
CACHE = Path(os.environ.get("WALBRIDGE_CACHE", Path.home() / ".cache" / "walbridge"))


class Embedded:
    """`walbridge broker`: a Kafka endpoint inside the program, for trials."""

    def __init__(self, folder):
        self.log = open(Path(folder) / "broker.log", "ab")
        self.proc = subprocess.Popen([str(BINARY), "broker"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                     stderr=self.log, text=True, start_new_session=True)
        line = self.proc.stdout.readline()
        found = re.match(r"bootstrap\.servers=(\S+)", line)
        if not found:
            raise AssertionError(f"walbridge broker said {line!r}, wanted bootstrap.servers=HOST:PORT")
        self.bootstrap = found[1]

    def stop(self):
        self.proc.terminate()
        try:
            self.proc.wait(10)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.wait()
        self.log.close()


class NoKafka(Exception):
    pass


def kafka_libs():
    """Folder of the broker's jars, from Maven as this machine has it set up; MAVEN_SETTINGS names another settings file."""
    target = CACHE / f"kafka-{KAFKA_VERSION}"
    if (target / "complete").exists():
        return target
    work = CACHE / f"kafka-{KAFKA_VERSION}.part-{os.getpid()}"
    work.mkdir(parents=True, exist_ok=True)
    dependency = "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>".format
    (work / "pom.xml").write_text(
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>walbridge.tests</groupId>'
        "<artifactId>kafka</artifactId><version>1</version><dependencies>"
        + dependency("org.apache.kafka", "kafka_2.13", KAFKA_VERSION) + dependency("org.slf4j", "slf4j-simple", "1.7.36")
        + "</dependencies></project>")
    settings = os.environ.get("MAVEN_SETTINGS")
    done = subprocess.run(["mvn", "-B", "-q", *(["-s", settings] if settings else []), "-f", str(work / "pom.xml"),
                           "dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={work}"],
                          check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        shutil.rmtree(work)
        raise NoKafka(f"Maven could not fetch Kafka {KAFKA_VERSION} (MAVEN_SETTINGS names another settings file):\n{done.stdout[-1500:]}")
    (work / "complete").touch()
    try:
        work.rename(target)
    except OSError:  # another run was faster
        shutil.rmtree(work)
    return target


def free_ports(n):
    sockets = [socket.socket() for _ in range(n)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


class Real:
    """One Apache Kafka node, broker and controller, on loopback."""

    def __init__(self, folder):
        self.folder = Path(folder)
        port, controller = free_ports(2)
        self.bootstrap = f"127.0.0.1:{port}"
        libs = kafka_libs()
        self.java = ["java", "-Xmx320m", "-Xms128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto",
                     "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", f"{libs}/*"]
        self.props = self.folder / "server.properties"
        self.props.write_text(f"""process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://{self.bootstrap},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://{self.bootstrap}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={self.folder}/data
num.partitions=1
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
log.cleaner.enable=false
num.io.threads=2
num.network.threads=2
""")
        self.log = open(self.folder / "kafka.log", "ab")
        subprocess.run([*self.java, "kafka.tools.StorageTool", "format", "-t", "d2FsYnJpZGdlLXRlc3RzMQ", "-c", str(self.props)],
                       check=True, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self.start()

    def start(self):
        self.proc = subprocess.Popen([*self.java, "kafka.Kafka", str(self.props)], stdin=subprocess.DEVNULL, stdout=self.log,
                                     stderr=self.log, start_new_session=True)
        end = time.monotonic() + 60
        while True:
            try:
                AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0}).list_topics(timeout=2)
                return
            except Exception as e:  # KafkaException until it answers
                if time.monotonic() > end or self.proc.poll() is not None:
                    raise AssertionError(f"Kafka did not start; see {self.folder}/kafka.log") from e

    def stop(self):
        self.proc.terminate()
        try:
            self.proc.wait(20)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.wait()


# What a broker says of a partition of a topic that was made a moment ago.
BEING_MADE = {KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, KafkaError.UNKNOWN_TOPIC_OR_PART,
              KafkaError._UNKNOWN_PARTITION}


def text(b):
    return None if b is None else b.decode("utf-8", "surrogateescape")


class Topics:
    """Every record of the topics whose names hold `prefix` as a word."""

    def __init__(self, bootstrap, prefix):
        self.bootstrap, self.prefix = bootstrap, prefix
        self.admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
        self.consumer = Consumer({"bootstrap.servers": bootstrap, "log_level": 0, "group.id": "walbridge-tests", "enable.auto.commit": False,
                                  "fetch.wait.max.ms": 50, "isolation.level": "read_committed"})
        self.pattern = re.compile(rf"(^|[^A-Za-z0-9_]){re.escape(prefix)}($|[^A-Za-z0-9_])")

    def end(self, topic, partition):
        try:
            return self.consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=10, cached=False)
        except KafkaException as e:
            if e.args[0].code() not in BEING_MADE:
                raise
            return None

    def found(self):
        return {name: topic for name, topic in self.admin.list_topics(timeout=10).topics.items() if self.pattern.search(name)}

    def ends(self):
        return {(t, p): wait_until(lambda t=t, p=p: self.end(t, p), f"a leader of {t}, partition {p}")[1]
                for t, topic in self.found().items() for p in topic.partitions}

    def delete(self):
        names = sorted(self.found())
        for f in (self.admin.delete_topics(names) if names else {}).values():
            f.result()
        while self.found():
            time.sleep(0.05)

    def count(self):
        return sum(self.ends().values())

    def wait(self, at_least, seconds=30, quiet=0.3):
        """Until at_least records are there and then nothing new for quiet seconds; returns them."""
        wait_until(lambda: self.count() >= at_least, lambda: f"{at_least} records of {self.prefix}, {self.count()} came", seconds)
        last, since = self.count(), time.monotonic()
        while time.monotonic() - since < quiet:
            time.sleep(0.1)
            now = self.count()
            if now != last:
                last, since = now, time.monotonic()
        return self.read()

    def last(self):
        """The last record of each partition."""
        return self.read(only_last=True)

    def read(self, only_last=False):
        """[{topic, partition, offset, headers, key, value}] by topic, partition and offset."""
        left = {k: v for k, v in self.ends().items() if v > 0}
        self.consumer.assign([TopicPartition(t, p, end - 1 if only_last else OFFSET_BEGINNING) for (t, p), end in left.items()])
        out, stop = [], time.monotonic() + 60
        while left and time.monotonic() < stop:
            for m in self.consumer.consume(5000, 0.2):
                if m.error():
                    continue
                out.append({"topic": m.topic(), "partition": m.partition(), "offset": m.offset(),
                            "headers": [[k, text(v)] for k, v in (m.headers() or [])], "key": text(m.key()), "value": text(m.value())})
                tp = (m.topic(), m.partition())
                if tp in left and m.offset() + 1 >= left[tp]:
                    del left[tp]
        assert not left, f"could not read to the end of {left}"
        out.sort(key=lambda r: (r["topic"], r["partition"], r["offset"]))
        return out

    def close(self):
        self.consumer.close()


def produce(bootstrap, topic, key, value):
    p = Producer({"bootstrap.servers": bootstrap, "log_level": 0})
    p.produce(topic, key=key, value=value)
    p.flush(10)
