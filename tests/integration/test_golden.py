"""Every recorded scenario, played on the program and compared byte for byte with what Debezium wrote.

A scenario mostly waits, so several are played at a time (GOLDEN_JOBS); the tests then look at the results one by one.
GOLDEN names one more folder of scenarios in the same format.
"""
import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from kit import ROOT, golden, kafka, program

FOLDERS = [ROOT / "tests/golden", *([Path(os.environ["GOLDEN"])] if "GOLDEN" in os.environ else [])]
SCENARIOS = {p.parent.name: golden.Scenario(p.parent) for f in FOLDERS for p in sorted(f.glob("*/scenario.toml"))}


@pytest.fixture(scope="session")
def played(request, server, real_kafka, tmp_path_factory):
    """Scenario name → its result, under way since the first one was asked for."""
    chosen = [i.callspec.params["name"] for i in request.session.items if getattr(i, "originalname", "") == "test_golden"]
    with ThreadPoolExecutor(int(os.environ.get("GOLDEN_JOBS", "4"))) as pool:
        yield {n: pool.submit(play, SCENARIOS[n], server, real_kafka, tmp_path_factory.mktemp("golden")) for n in chosen}
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_golden(name, played):
    sc = SCENARIOS[name]
    got, log = played[name].result()
    assert not (wrong := golden.difference(sc.masked(sc.recording()), sc.masked(got))), f"{wrong}\n{log}"
    golden.clocks_agree(got)


def play(sc, server, broker, folder):
    """Runs the steps; returns the records and the program's log."""
    if server.version < sc.min_pg:
        pytest.skip(f"needs PostgreSQL {sc.min_pg}")
    db = server.database(sc.prefix[:50], sc.database)  # its name stands in every record
    slot = re.sub("[^a-z0-9_]", "_", sc.prefix)[:60]
    base = {**program.base_settings(db, slot), "topic.prefix": sc.prefix, "bootstrap.servers": broker.bootstrap}
    c = program.Connector(folder, sc.name, sc.settings(base))
    topics = kafka.Topics(broker.bootstrap, sc.prefix)
    try:
        topics.delete()
        for kind, arg in sc.steps:
            step(c, db, topics, sc, kind, arg)
        if sc.fails:
            assert c.exit_code() != program.OK
        got = topics.wait(len(sc.recording()), quiet=0.5)
        assert sc.fails or c.terminate() == program.OK
        return got, c.log()[-3000:]
    except AssertionError as e:
        raise AssertionError(f"{e}\n{c.log()[-3000:]}") from e
    finally:
        if c.running():
            c.kill()
        topics.close()
        db.drop()


def step(c, db, topics, sc, kind, arg):
    if kind == "sql":
        db.psql(arg)
    elif kind in ("start", "resume"):
        c.start("--sink", "kafka")
        if not sc.fails and sc.config.get("snapshot.mode") != "initial_only":
            c.wait_streaming(db)
    elif kind in ("stop", "pause"):
        assert c.terminate() == program.OK
    elif kind == "wait":
        topics.wait(0, quiet=1.0)
    elif kind == "sleep":
        time.sleep(arg)
    else:
        raise AssertionError(f"step {kind!r} is not known to this runner")
