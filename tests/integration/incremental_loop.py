#!/usr/bin/env python3
"""kill -9 in the middle of incremental snapshots while writers change the same rows. Part of `make test-long`.

Environment: KILLS (100), WRITERS (4), ROWS (20000), SEED, KEEP=1 (leave the work folder).

Rounds alternate the watermarks (insert_insert, insert_delete, read.only). Shown after each: what was folded from the lines that came is the
table, so no read was older than what was streamed before it and nothing is missing; chunks that were stored are not read again.
"""
import os
import random
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import incremental_kills  # noqa: E402
from kit import postgres, program  # noqa: E402

KILLS, WRITERS, ROWS = (int(os.environ.get(n, d)) for n, d in (("KILLS", "100"), ("WRITERS", "4"), ("ROWS", "20000")))
SEED = int(os.environ.get("SEED", random.randrange(1 << 30)))
A_ROUND, CHUNK = 12, 64
WATERMARKS = ({"incremental.snapshot.watermarking.strategy": "insert_insert"}, {"incremental.snapshot.watermarking.strategy": "insert_delete"},
              {"read.only": "true", "signal.enabled.channels": "source,file"})


def main():
    work, done, number = Path(tempfile.mkdtemp(prefix="walbridge-incremental-")), 0, 0
    print(f"incremental snapshots: {KILLS} kills, {WRITERS} writers, {ROWS} rows, seed {SEED}", flush=True)
    server = postgres.Server(work / "pg", os.getpid(), "wal_sender_timeout=10s")
    try:
        while done < KILLS:
            kills, name = min(A_ROUND, KILLS - done), f"round{number}"
            db = server.new_database(name)
            c = program.Connector(work / name, name, {**program.base_settings(db, name), **incremental_kills.SETTINGS,
                                                      "incremental.snapshot.chunk.size": str(CHUNK), **WATERMARKS[number % 3]})
            folded, table, read = incremental_kills.run(db, c, kills, ROWS, WRITERS, SEED + number)
            wrong = {k: (folded.get(k), table.get(k)) for k in folded.keys() | table.keys() if folded.get(k) != table.get(k)}
            assert not wrong, f"{len(wrong)} rows differ (folded, table): {dict(list(wrong.items())[:5])}"
            # What a kill finds in flight: chunks that went out since the last offset was stored.
            assert len(read) < ROWS + (kills + 1) * CHUNK * 64, f"{len(read)} rows were read"
            assert c.terminate() == program.OK
            db.drop()
            done, number = done + kills, number + 1
            print(f"  {done} kills: {len(table)} rows as in the table, {len(read)} came as reads", flush=True)
    except BaseException:
        print(f"FAILED, seed {SEED}; logs in {work}" if os.environ.get("KEEP") else f"FAILED, seed {SEED}", flush=True)
        raise
    finally:
        server.remove()
        if not os.environ.get("KEEP"):
            shutil.rmtree(work, ignore_errors=True)
    print("incremental snapshots: ok", flush=True)


if __name__ == "__main__":
    main()
