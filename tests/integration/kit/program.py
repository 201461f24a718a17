"""Runs walbridge as its users do: a connector file, signals, exit codes, logs."""
import json
import os
import signal
import subprocess
from pathlib import Path

from . import BINARY, wait_until

# Exit codes (walbridge(1)).
OK, FAILED, USAGE, CONFIG, REFUSED, UNREACHABLE = range(6)


def clean_env(**extra):
    """The caller's environment without what would configure the program."""
    keep = {k: v for k, v in os.environ.items()
            if not k.startswith(("PG", "WALBRIDGE_", "GOOGLE_", "BIGQUERY")) and k not in ("BOOTSTRAP_SERVERS", "KAFKA")}
    return {**keep, **extra}


def call(*args, stdin=None, cwd=None, env=None, seconds=60):
    """Runs a command to its end."""
    return subprocess.run([str(BINARY), *map(str, args)], input=stdin, text=True, capture_output=True, timeout=seconds,
                          cwd=cwd, env=clean_env(**(env or {})), check=False)


class Connector:
    """One connector: its settings, its folder (offsets live there), and the process that runs it, started any number of times."""

    def __init__(self, folder, name, settings):
        self.folder, self.name, self.settings = Path(folder), name, dict(settings)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.stderr, self.stdout = self.folder / "log", self.folder / "out"
        self.proc = None

    @property
    def slot(self):
        return self.settings["slot.name"]

    @property
    def prefix(self):
        return self.settings["topic.prefix"]

    @property
    def offset_file(self):
        return self.folder / self.settings["offset.storage.file.filename"]

    def write(self, settings=None):
        file = self.folder / f"{self.name}.json"
        file.write_text(json.dumps({"name": self.name, "config": settings or self.settings}, indent=1, ensure_ascii=False))
        return file

    def start(self, *args, more=(), env=None):
        """walbridge run FILE [more files] args…"""
        assert self.proc is None or self.proc.poll() is not None, "already running"
        words = [str(BINARY), "run", str(self.write()), *[str(c.write()) for c in more], *map(str, args)]
        with open(self.stderr, "ab") as err, open(self.stdout, "ab") as out:
            self.mark = err.tell()
            self.proc = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=self.folder,
                                         env=clean_env(**(env or {})), start_new_session=True)
        return self

    def call(self, *args, seconds=60, env=None):
        """A command given this connector's file in place of '{file}'."""
        file = str(self.write())
        return call(*[file if a == "{file}" else a for a in args], cwd=self.folder, seconds=seconds, env=env)

    def running(self):
        return self.proc is not None and self.proc.poll() is None

    def terminate(self, seconds=15):
        """SIGTERM; returns the exit code."""
        if self.running():
            self.proc.send_signal(signal.SIGTERM)
        return self.exit_code(seconds)

    def kill(self):
        if self.running():
            self.proc.kill()
        return self.proc.wait()

    def exit_code(self, seconds=30):
        try:
            return self.proc.wait(seconds)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.wait()
            raise AssertionError(f"{self.name} did not end within {seconds} s; its log:\n{self.log()[-3000:]}") from None

    def log(self):
        """What it said since the last start."""
        with open(self.stderr, "rb") as f:
            f.seek(getattr(self, "mark", 0))
            return f.read().decode(errors="replace")

    def log_entries(self):
        out = []
        for line in self.log().splitlines():
            try:
                out.append(json.loads(line))
            except ValueError:
                out.append({"message": line})
        return out

    def error_codes(self):
        """The stable codes ("slot.in_use") of the errors it logged since the last start."""
        return {e["code"] for e in self.log_entries() if isinstance(e, dict) and e.get("code")}

    def wait_log(self, needle, seconds=30):
        wait_until(lambda: needle in self.log(), lambda: f"{needle!r} in the log:\n{self.log()[-3000:]}", seconds)

    def wait_streaming(self, db, seconds=30):
        def streaming():
            assert self.running(), f"{self.name} ended with {self.proc.returncode}:\n{self.log()[-3000:]}"
            return db.streaming(self.slot)
        wait_until(streaming, lambda: f"streaming from slot {self.slot}:\n{self.log()[-3000:]}", seconds)

    def offset(self):
        """The stored offset file, parsed; None when there is none."""
        return json.loads(self.offset_file.read_text()) if self.offset_file.exists() else None

    def lines(self):
        """Records of the lines sink on standard output."""
        return [json.loads(x) for x in self.stdout.read_text(errors="surrogateescape").splitlines() if x]


# Records of some hundred bytes instead of thousands, for tests of many.
NO_SCHEMAS = {f"{side}.converter{option}": value for side in ("key", "value") for option, value in
              (("", "org.apache.kafka.connect.json.JsonConverter"), (".schemas.enable", "false"))}


def base_settings(db, name):
    """What every test's connector has in common: few and Debezium's own, so that defaults are what is tested."""
    return {
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "plugin.name": "pgoutput",
        "database.hostname": "127.0.0.1",
        "database.port": str(db.server.port),
        "database.user": "postgres",
        "database.password": "postgres",
        "database.dbname": db.name,
        "topic.prefix": name,
        "slot.name": name,
        "publication.name": f"{name}_pub",
        "offset.storage.file.filename": "offsets.dat",
    }
