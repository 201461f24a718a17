"""A pooler in between: one that shares sessions is refused, one that does not is none of our business."""
import os
import pwd
import subprocess

import pytest
from kit import kafka, program, wait_until

PGBOUNCER = os.environ.get("PGBOUNCER", "/usr/sbin/pgbouncer")


@pytest.fixture(params=["transaction", "session"])
def pooler(request, db, tmp_path):
    port, = kafka.free_ports(1)
    ini = tmp_path / "pgbouncer.ini"
    ini.write_text(f"[databases]\n* = host=127.0.0.1 port={db.server.port} user=postgres\n"
                   f"[pgbouncer]\nlisten_addr=127.0.0.1\nlisten_port={port}\nauth_type=any\npool_mode={request.param}\n"
                   "ignore_startup_parameters=options,extra_float_digits\nunix_socket_dir=\n")
    for p in [ini, *ini.parents]:
        if os.stat(p).st_uid == os.getuid() and len(p.parts) > 2:
            p.chmod(p.stat().st_mode | 0o055)
    user = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None  # it refuses to run as root
    proc = subprocess.Popen([PGBOUNCER, "-q", str(ini)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                            user=user)
    try:
        wait_until(lambda: subprocess.run(["psql", "-X", "-h", "127.0.0.1", "-p", str(port), "-U", "postgres", "-d", db.name, "-c", "select 1"],
                                          check=False, capture_output=True).returncode == 0, "the pooler answers")
        yield request.param, port
    finally:
        proc.terminate()
        proc.wait()


def test_sessions_shared_by_transaction_are_refused(db, pooler, new_connector):
    mode, port = pooler
    db.sql("create table t (id int primary key); insert into t values (1)")
    # Nothing is streamed, so that the way of a replication session through the pooler does not matter.
    c = new_connector(database__port=str(port), snapshot__mode="initial_only").start("--sink", "lines")
    if mode == "transaction":
        assert c.exit_code() == program.CONFIG
        assert "conn.pooler" in c.error_codes() and "shares the server's sessions" in c.log()
        assert not c.lines()
    else:
        c.wait_log("idle until stopped")
        assert len(c.lines()) == 1
        assert c.terminate() == program.OK
