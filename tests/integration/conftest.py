"""Fixtures: servers once per session, a database and a connector of its own for each test."""
import os
import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from kit import BINARY, bigquery, kafka, postgres, program  # noqa: E402


def pytest_configure(config):
    if not BINARY.exists() and not config.option.collectonly:
        raise pytest.UsageError(f"{BINARY} is not built: make, or WALBRIDGE=path")


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    s = postgres.Server(tmp_path_factory.mktemp("pg"), os.getpid(), "wal_sender_timeout=10s")
    yield s
    s.remove()


@pytest.fixture(scope="session")
def real_kafka(tmp_path_factory):
    try:
        k = kafka.Real(tmp_path_factory.mktemp("kafka"))
    except kafka.NoKafka as e:  # once, not once for each test
        pytest.exit(str(e), returncode=1)
    yield k
    k.stop()


@pytest.fixture(scope="session")
def embedded_kafka(tmp_path_factory):
    k = kafka.Embedded(tmp_path_factory.mktemp("broker"))
    yield k
    k.stop()


@pytest.fixture(scope="session")
def bq(tmp_path_factory):
    b = bigquery.FakeBigQuery(tmp_path_factory.mktemp("bq"))
    yield b
    b.stop()


@pytest.fixture
def name(request):
    """A name for this test's database, slot, topics."""
    return re.sub("[^a-z0-9]+", "_", request.node.name.lower().removeprefix("test_"))[:45].strip("_")


@pytest.fixture
def db(server, name):
    d = server.new_database(name)
    yield d
    d.drop()


@pytest.fixture
def new_connector(db, name, tmp_path):
    """Makes connectors on this test's database; those that still run at its end are killed."""
    made = []

    def make(hint="", **settings):
        full = f"{name}_{hint}" if hint else name
        settings = {k.replace("__", "."): v for k, v in settings.items()}
        config = {**program.base_settings(db, full), **settings}
        c = program.Connector(tmp_path / full, full, {k: v for k, v in config.items() if v is not None})
        made.append(c)
        return c

    yield make
    for c in made:
        if c.running():
            c.kill()


@pytest.fixture
def topics():
    """Readers of topics by prefix, closed at the end."""
    made = []

    def read(broker, prefix):
        made.append(kafka.Topics(broker.bootstrap, prefix))
        return made[-1]

    yield read
    for t in made:
        t.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows the end of its connectors' logs."""
    report = (yield).get_result()
    folder = item.funcargs.get("tmp_path") if hasattr(item, "funcargs") else None
    if report.when == "call" and report.failed and folder:
        for log in sorted(Path(folder).glob("*/log")):
            report.sections.append((f"log of {log.parent.name}", log.read_text(errors="replace")[-4000:]))
