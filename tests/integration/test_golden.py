"""Every recorded scenario, played on the program and compared byte for byte with what Debezium wrote."""
import os
import time
from pathlib import Path

import pytest
from kit import ROOT, golden, program

SCENARIOS = [golden.Scenario(p.parent) for p in sorted((ROOT / "tests/golden").glob("*/scenario.toml"))]
# Others' recordings of the same format: a folder of scenario folders.
if os.environ.get("GOLDEN"):
    SCENARIOS += [golden.Scenario(p.parent) for p in sorted(Path(os.environ["GOLDEN"]).glob("*/scenario.toml"))]


@pytest.mark.parametrize("sc", SCENARIOS, ids=[s.name for s in SCENARIOS])
def test_golden(sc, server, real_kafka, topics, tmp_path):
    if int(server.connect().info.server_version) // 10000 < sc.min_pg:
        pytest.skip(f"needs PostgreSQL {sc.min_pg}")
    db = server.database(sc.prefix[:50], sc.database)  # its name stands in every record
    want = sc.recording()
    slot = sc.prefix[:60]
    base = {**program.base_settings(db, slot), "topic.prefix": sc.prefix, "bootstrap.servers": real_kafka.bootstrap}
    delete_topics(real_kafka, topics, sc.prefix)
    c = program.Connector(tmp_path / "c", sc.name, sc.settings(base))
    reader = topics(real_kafka, sc.prefix)
    try:
        for kind, arg in sc.steps:
            if kind == "sql":
                db.psql(arg)
            elif kind in ("start", "resume"):
                c.start("--sink", "kafka")
                if not sc.fails:
                    c.wait_streaming(db)
            elif kind in ("stop", "pause"):
                assert c.terminate() == program.OK
            elif kind == "wait":
                reader.wait(0, quiet=1.0)
            elif kind == "sleep":
                time.sleep(arg)
            else:
                pytest.fail(f"step {kind!r} is not known to this runner")
        if sc.fails:
            assert c.exit_code() != program.OK
        got = reader.wait(len(want), quiet=0.5)
        assert golden.difference(sc.masked(want), sc.masked(got)) is None
        golden.clocks_agree(got)
        if not sc.fails:
            assert c.terminate() == program.OK
    finally:
        if c.running():
            c.kill()
        db.drop()


def delete_topics(broker, topics, prefix):
    """Two scenarios may share a prefix (the reference deployment's)."""
    t = topics(broker, prefix)
    names = sorted({topic for topic, _ in t.ends()})
    for f in (t.admin.delete_topics(names) if names else {}).values():
        f.result()
    while t.ends():
        time.sleep(0.05)
