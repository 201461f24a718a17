"""walbridge.compat=1.2: the reference table and connector file, compared byte for byte with what Debezium 1.2.5 wrote."""
import json
import re

import pytest
from kit import ROOT, golden, program, wait_until

RECORDED = ROOT / "tests/golden/1.2/inventory"


def line_of(record):
    """The line that the lines sink writes for a recorded record; key and value stand in it as they are."""
    pairs = zip(*[iter(record["headers"])] * 2)
    headers = ",".join(json.dumps(text) for pair in pairs for text in pair).replace('",', '":', 1)
    key, value = (record[side] or "null" for side in ("key", "value"))
    return f'{{"topic":"{record["topic"]}","key":{key},"value":{value},"headers":{{{headers}}}}}'


def masked(line):
    """Without what the clock and the WAL decide."""
    for pattern, put in golden.POSITION:
        line = re.sub(pattern, put, line)
    return line


@pytest.fixture
def inventory(server):
    db = server.database("inventory")  # its name stands in every record
    yield db
    db.drop()


def test_the_recorded_connector_writes_what_debezium_1_2_wrote(inventory, tmp_path):
    want = [line_of(json.loads(x)) for x in (RECORDED / "records.jsonl").read_text().splitlines()]
    snapshot, stream = (RECORDED / "steps.sql").read_text().split("-- connector created here")
    keyless, keyed = stream.split("alter table inventory add primary key")
    file = json.loads((RECORDED / "connector.json").read_text())
    c = program.Connector(tmp_path, file["name"], {
        **file["config"], "database.hostname": "127.0.0.1", "database.port": str(inventory.server.port),
        "slot.name": "debezium", "walbridge.compat": "1.2", "offset.storage.file.filename": "offsets.dat"})

    def lines(n):
        def written():
            return c.stdout.read_text().splitlines()
        wait_until(lambda: len(written()) >= n, lambda: f"{n} records, {len(written())} came\n{c.log()[-3000:]}")
        return written()

    inventory.psql(snapshot)
    try:
        c.start("--sink", "lines")
        c.wait_streaming(inventory)
        refused = inventory.psql("--" + keyless).stderr.count("ERROR")
        # The catalog is asked when a row is read: with the key there already, these would have it too.
        lines(sum(json.loads(x)["key"] is None for x in want))
        inventory.psql("alter table inventory add primary key" + keyed)
        got = lines(len(want))
        assert c.terminate() == program.OK
    finally:
        if c.running():
            c.kill()
    assert refused == 2, "without a replica identity PostgreSQL refuses an update and a delete"
    assert [masked(x) for x in got] == [masked(x) for x in want]
