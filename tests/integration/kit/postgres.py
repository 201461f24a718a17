"""A private PostgreSQL server (tests/pg.sh), a database of its own for each test."""
import itertools
import re
import shlex
import subprocess
import time

import psycopg

from . import ROOT, wait_until

PG_SH = str(ROOT / "tests" / "pg.sh")


def lsn(text):
    """'16/B374D848' as a number."""
    high, low = text.split("/")
    return int(high, 16) << 32 | int(low, 16)


class Server:
    def __init__(self, folder, owner_pid, *settings, of=None):
        """of: the server that this one is a standby of; it is stopped for a moment."""
        self.folder = str(folder)
        command = ["standby", self.folder, "--of", of.folder] if of else ["start", self.folder]
        out = subprocess.run([PG_SH, *command, "--until", str(owner_pid), *settings], check=True, text=True,
                             stdout=subprocess.PIPE, stdin=subprocess.DEVNULL).stdout
        words = [w.partition("=") for w in shlex.split(out) if "=" in w]
        self.env = {name: value for name, _, value in words}
        self.port = int(self.env["PGPORT"])
        self.counter = itertools.count(1)
        with self.connect() as c:
            self.version = c.info.server_version // 10000

    def connect(self, database="postgres", **kw):
        return psycopg.connect(host="127.0.0.1", port=self.port, user="postgres", dbname=database, autocommit=True, **kw)

    def restart(self, mode="fast", *settings):
        subprocess.run([PG_SH, "restart", self.folder, mode, *settings], check=True, stdin=subprocess.DEVNULL)

    def stop(self, mode="fast"):
        subprocess.run([PG_SH, "stop", self.folder, mode], check=True, stdin=subprocess.DEVNULL)

    def start(self):
        subprocess.run([PG_SH, "start", self.folder], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def remove(self):
        subprocess.run([PG_SH, "remove", self.folder], check=False, stdin=subprocess.DEVNULL)

    def new_database(self, hint, options=""):
        name = f"{re.sub('[^a-z0-9]', '_', hint.lower())[:40]}_{next(self.counter)}"
        return Database(self, name, options)

    def database(self, name, options=""):
        return Database(self, name, options)

    def there(self, name):
        """A database that is there already, as on a standby."""
        return Database(self, name, made=True)


class Database:
    """A database with its slots; drop() takes all of them away."""

    def __init__(self, server, name, options="", made=False):
        self.server, self.name = server, name
        if made:
            return
        self.drop()
        with server.connect() as c:
            c.execute(f'create database "{name}" {options}')

    def sql(self, text, *params):
        """One statement, or several without parameters; rows of a query, else None."""
        with self.server.connect(self.name) as c:
            done = c.execute(text, params or None)
            return done.fetchall() if done.description else None

    def value(self, text, *params):
        return self.sql(text, *params)[0][0]

    def psql(self, text):
        """As psql runs it: statement by statement in autocommit, BEGIN and COMMIT as written. Errors are the script's own."""
        return subprocess.run(["psql", "-X", "-q", "-h", "127.0.0.1", "-p", str(self.server.port), "-U", "postgres", "-d", self.name],
                              input=text, text=True, check=False, capture_output=True,
                              env={"PATH": "/usr/local/bin:/usr/bin:/bin", "PGCLIENTENCODING": "UTF8"})

    def slot(self, name):
        """None, or a dict of the slot's row."""
        with self.server.connect(self.name, row_factory=psycopg.rows.dict_row) as c:
            return c.execute("select * from pg_replication_slots where slot_name = %s", [name]).fetchone()

    def confirmed(self, slot):
        row = self.slot(slot)
        return lsn(row["confirmed_flush_lsn"]) if row and row["confirmed_flush_lsn"] else None

    def current_lsn(self):
        return lsn(self.value("select pg_current_wal_lsn()::text"))

    def streaming(self, slot):
        """Whether a session streams from the slot. (One that is still making it holds it too.)"""
        return bool(self.sql("select 1 from pg_replication_slots s join pg_stat_replication r on r.pid = s.active_pid "
                             "where slot_name = %s and r.state in ('catchup', 'streaming')", slot))

    def wait_streaming(self, slot, seconds=30):
        wait_until(lambda: self.streaming(slot), f"a session that streams from slot {slot}", seconds)

    def wait_confirmed(self, slot, position, seconds=30):
        wait_until(lambda: (self.confirmed(slot) or 0) >= position,
                   lambda: f"slot {slot} confirmed {self.confirmed(slot)}, wanted {position}", seconds)

    def drop(self):
        with self.server.connect() as c:
            for slot, pid in c.execute("select slot_name, active_pid from pg_replication_slots where database = %s",
                                       [self.name]).fetchall():
                if pid:
                    c.execute("select pg_terminate_backend(%s)", [pid])
                for _ in range(50):
                    try:
                        c.execute("select pg_drop_replication_slot(%s)", [slot])
                        break
                    except psycopg.errors.ObjectInUse:
                        time.sleep(0.1)
                    except psycopg.errors.UndefinedObject:  # a temporary one, gone with its session
                        break
            if self.server.version >= 13:
                c.execute(f'drop database if exists "{self.name}" with (force)')
            else:
                c.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [self.name])
                c.execute(f'drop database if exists "{self.name}"')
