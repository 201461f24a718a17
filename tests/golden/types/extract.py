#!/usr/bin/env python3
"""Makes the *.txt files beside it: what a column is, PostgreSQL's text of a value, and what Debezium wrote for it.

    extract.py --recordings DIR --dsn 'host=127.0.0.1 port=5480 user=postgres' 'types-*' 'ops-toast*'

Each recording (scenario.toml, config.json, records.jsonl) is replayed on a database of its own that is dropped afterwards:
the snapshot's values are read by COPY, the stream's through a slot with pgoutput, both with the session settings of the
connector. Lines, tab-separated, backslash, tab, newline and return escaped:

    set      property  value
    type     oid  schema  name  kind  element  base  base typmod  label…
    column   key|value  table  name  type  typmod  not null  default (or \\N)
    schema   the field's schema, or "dropped"
    value    snapshot|stream  text|null|unchanged  PostgreSQL's text  expected payload
"""
import argparse
import fnmatch
import json
import re
import struct
import subprocess
import sys
import tomllib
from pathlib import Path

import psycopg

SESSION = """set datestyle = 'ISO'; set intervalstyle = 'postgres'; set timezone = 'UTC'; set bytea_output = 'hex';
set extra_float_digits = 3; set lc_monetary = 'C'; set xmlbinary = 'base64'; set client_encoding = 'UTF8'"""
PROPERTIES = ["decimal.handling.mode", "time.precision.mode", "binary.handling.mode", "interval.handling.mode",
              "hstore.handling.mode", "money.fraction.digits", "include.unknown.datatypes", "unavailable.value.placeholder",
              "key.converter.schemas.enable", "value.converter.schemas.enable",
              "key.converter.replace.null.with.default", "value.converter.replace.null.with.default",
              "key.converter.decimal.format", "value.converter.decimal.format"]
LONGEST = 20000  # a value's text; longer ones prove nothing more about types


def members(text):
    """A JSON object's members, or an array's elements under their index, as the bytes they are."""
    out, depth, start, key, i = {}, 0, 1, None, 0
    while i < len(text):
        c = text[i]
        if c == '"':
            i += 1
            while text[i] != '"':
                i += 2 if text[i] == "\\" else 1
        elif c in "{[":
            depth += 1
        if c == ":" and depth == 1 and key is None and text[0] == "{":
            key, start = json.loads(text[start:i]), i + 1
        if (c == "," and depth == 1) or (c in "}]" and depth == 1 and i > start):
            out[key if text[0] == "{" else len(out)] = text[start:i]
            key, start = None, i + 1
        if c in "}]":
            depth -= 1
        i += 1
    return out


def escape(s):
    return s.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def unescape_copy(s):
    if s == "\\N":
        return None
    table = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\"}
    return re.sub(r"\\(.)", lambda m: table[m.group(1)], s, flags=re.S)


class Reader:
    def __init__(self, b):
        self.b, self.p = b, 0

    def take(self, fmt):
        v = struct.unpack_from(">" + fmt, self.b, self.p)
        self.p += struct.calcsize(">" + fmt)
        return v[0] if len(v) == 1 else v

    def text(self):
        end = self.b.index(0, self.p)
        s = self.b[self.p:end].decode()
        self.p = end + 1
        return s

    def tuple(self):
        out = []
        for _ in range(self.take("H")):
            kind = chr(self.take("B"))
            if kind == "t":
                n = self.take("I")
                out.append(("text", self.b[self.p:self.p + n].decode()))
                self.p += n
            else:
                out.append(("null" if kind == "n" else "unchanged", ""))
        return out


def decode(messages):
    """pgoutput, protocol 1, to (op, (schema, table), columns, old, old is key, new)."""
    relations = {}
    for m in messages:
        r = Reader(bytes(m))
        kind = chr(r.take("B"))
        if kind == "R":
            oid, schema, table = r.take("I"), r.text(), r.text()
            r.take("B")
            cols = []
            for _ in range(r.take("H")):
                r.take("B")
                cols.append(r.text())
                r.take("Ii")
            relations[oid] = ((schema, table), cols)
        elif kind in "IUD":
            name, cols = relations[r.take("I")]
            old, old_key, new = None, False, None
            while r.p < len(r.b):
                part = chr(r.take("B"))
                if part == "N":
                    new = r.tuple()
                else:
                    old, old_key = r.tuple(), part == "K"
            yield {"I": "c", "U": "u", "D": "d"}[kind], name, cols, old, old_key, new


CATALOG = """
select n.nspname, c.relname, a.attname, a.atttypid, a.atttypmod, a.attnotnull or (t.typtype = 'd' and t.typnotnull),
       pg_get_expr(d.adbin, d.adrelid)
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  join pg_type t on t.oid = a.atttypid
  left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
 where c.relkind in ('r', 'p') and n.nspname not in ('pg_catalog', 'information_schema') order by 1, 2, a.attnum"""
TYPES = """
select t.oid, n.nspname, t.typname, t.typtype, case when t.typcategory = 'A' then t.typelem else 0 end, t.typbasetype,
       t.typtypmod, array(select e.enumlabel from pg_enum e where e.enumtypid = t.oid order by e.enumsortorder)
  from pg_type t join pg_namespace n on n.oid = t.typnamespace where t.oid = %s"""


class Scenario:
    def __init__(self, path, dsn, volatile):
        self.volatile = volatile and re.compile(volatile)
        self.path, self.dsn, self.toml = path, dsn, tomllib.loads((path / "scenario.toml").read_text())
        self.config = json.loads((path / "config.json").read_text())
        self.db = "wb_extract_" + re.sub(r"\W", "_", path.name)
        self.columns, self.seen, self.lines = {}, set(), {}

    def psql(self, sql):
        # Database-wide settings name the recorded database.
        sql = sql.replace(self.config["database.dbname"], self.db)
        subprocess.run(["psql", "-Xq", "-d", f"{self.dsn} dbname={self.db} client_encoding=UTF8"],
                       input=sql, text=True, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def connect(self):
        c = psycopg.connect(f"{self.dsn} dbname={self.db}", autocommit=True)
        c.execute(SESSION)
        return c

    def replay(self):
        """(snapshot rows by table, changes)"""
        steps = self.toml["step"]
        first = next(i for i, s in enumerate(steps) if s.get("start"))
        for s in steps[:first]:
            if "sql" in s:
                self.psql(s["sql"])
        with self.connect() as c:
            self.read_catalog(c)
            rows = {t: self.copy(c, t, [col[0] for col in cols]) for t, cols in self.columns.items()}
            c.execute("create publication wb_extract for all tables")
            c.execute("select pg_create_logical_replication_slot(%s, 'pgoutput')", (self.db,))
        for s in steps[first + 1:]:
            if "sql" in s:
                self.psql(s["sql"])
        with self.connect() as c:
            got = c.execute("select data from pg_logical_slot_get_binary_changes(%s, null, null, 'proto_version', '1', "
                            "'publication_names', 'wb_extract')", (self.db,)).fetchall()
            c.execute("select pg_drop_replication_slot(%s)", (self.db,))
        return rows, list(decode(row[0] for row in got))

    def read_catalog(self, c):
        for schema, table, *column in c.execute(CATALOG).fetchall():
            self.columns.setdefault((schema, table), []).append(column)
        todo = [col[1] for cols in self.columns.values() for col in cols]
        self.types = {}
        while todo:
            oid = todo.pop()
            if oid in self.types:
                continue
            t = c.execute(TYPES, (oid,)).fetchone()
            self.types[oid] = t
            todo += [o for o in (t[4], t[5]) if o]

    def copy(self, c, table, names):
        ident = ", ".join('"' + n.replace('"', '""') + '"' for n in names)
        with c.cursor().copy(f'copy (select {ident} from "{table[0]}"."{table[1]}") to stdout') as out:
            data = b"".join(bytes(b) for b in out).decode()
        rows = []
        for line in data.split("\n")[:-1]:
            values = [unescape_copy(f) for f in line.split("\t")]
            rows.append({n: ("null", "") if v is None else ("text", v) for n, v in zip(names, values)})
        return rows

    def topic(self, table):
        return re.sub(r"[^A-Za-z0-9._-]", "_", f"{self.config['topic.prefix']}.{table[0]}.{table[1]}")

    def say(self, side, table, name, schema, value=None):
        key = (side, table, name)
        if key not in self.lines:
            col = next(c for c in self.columns[table] if c[0] == name)
            self.lines[key] = ["\t".join(["column", side, escape(table[1]), escape(name), str(col[1]), str(col[2]),
                                          "1" if col[3] else "0", "\\N" if col[4] is None else escape(col[4])]),
                               f"schema\t{escape(schema)}"]
        changing = self.volatile and value and value[1] == "text" and self.volatile.search(self.lines[key][0].split("\t")[7])
        if value and not changing and (key, value) not in self.seen and len(value[2]) + len(value[3]) < LONGEST:
            self.seen.add((key, value))
            self.lines[key].append("\t".join(["value", *(escape(v) for v in value)]))

    def field_schemas(self, schema):
        fields = members(members(schema)["fields"]) if schema else {}
        return {json.loads(f)["field"]: f for f in fields.values()}

    def compare(self, side, table, phase, payload, schemas, values):
        if payload == "null":
            return
        for name, text in members(payload).items():
            if name in values and "[Ljava." not in text:
                self.say(side, table, name, schemas.get(name, ""), (phase, *values[name], text))
        for name in values:
            if name not in members(payload) and side == "value":
                self.say(side, table, name, "dropped")

    def record(self, table, r, phase, old, new):
        value, key = members(r["value"]), members(r["key"]) if r["key"] else None
        enveloped = "payload" in value
        payload = members(value["payload"]) if enveloped else value
        schemas = {}
        if enveloped:
            envelope = members(members(value["schema"])["fields"])
            schemas = self.field_schemas(next(f for f in envelope.values() if json.loads(f)["field"] == "after"))
        if old is not None:
            self.compare("value", table, phase, payload["before"], schemas, old)
        if new is not None:
            self.compare("value", table, phase, payload["after"], schemas, new)
        if key:
            keyed = self.field_schemas(key["schema"]) if "schema" in key else {}
            self.compare("key", table, phase, key.get("payload", r["key"]), keyed, new if new is not None else old)

    def match(self, rows, changes):
        queues = {}
        for line in (self.path / "records.jsonl").read_text().split("\n")[:-1]:
            r = json.loads(line)
            if r["value"] is not None:
                queues.setdefault(r["topic"], []).append(r)
        op = lambda r: json.loads(r["value"]).get("payload", json.loads(r["value"]))["op"]
        for table in self.columns:
            q = queues.get(self.topic(table), [])
            for row in rows[table]:
                if q and op(q[0]) == "r":
                    self.record(table, q.pop(0), "snapshot", None, row)
        for kind, table, cols, old, old_key, new in changes:
            q = queues.get(self.topic(table), [])
            if not q:
                continue
            old = dict(zip(cols, old)) if old else None
            new = dict(zip(cols, new)) if new else None
            if new and old and not old_key:
                new = {n: old[n] if v[0] == "unchanged" else v for n, v in new.items()}
            if kind == "u" and op(q[0]) == "d":
                self.record(table, q.pop(0), "stream", old, None)
                self.record(table, q.pop(0), "stream", None, new)
            elif op(q[0]) == kind:
                self.record(table, q.pop(0), "stream", old, new)
            else:
                sys.exit(f"{self.path.name}: change {kind} of {table} does not match the recorded {op(q[0])}")

    def write(self, to):
        out = [f"set\t{p}\t{escape(self.config[p])}" for p in PROPERTIES if p in self.config]
        for t in self.types.values():
            if t[0] >= 10000:
                out.append("\t".join(["type", *(escape(str(v)) for v in t[:7]), *(escape(x) for x in t[7])]))
        for lines in self.lines.values():
            out += lines
        to.write_text("\n".join(out) + "\n")
        return sum(line.startswith("value") for line in out)

    def run(self, to):
        with psycopg.connect(f"{self.dsn} dbname=postgres", autocommit=True) as c:
            c.execute(f"create database {self.db} {self.toml.get('database', '')}")
        try:
            self.match(*self.replay())
        finally:
            with psycopg.connect(f"{self.dsn} dbname=postgres", autocommit=True) as c:
                c.execute("select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = %s and "
                          "not active", (self.db,))
                c.execute(f"drop database {self.db} with (force)")
        return self.write(to)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--recordings", type=Path, required=True)
    ap.add_argument("--dsn", required=True)
    ap.add_argument("--volatile", metavar="REGEX", help="leave out values of columns with such a default")
    ap.add_argument("names", nargs="+")
    o = ap.parse_args()
    for path in sorted(p.parent for p in o.recordings.glob("*/records.jsonl")):
        if any(fnmatch.fnmatch(path.name, n) for n in o.names):
            print(path.name, Scenario(path, o.dsn, o.volatile).run(Path(__file__).parent / f"{path.name}.txt"))


if __name__ == "__main__":
    main()
