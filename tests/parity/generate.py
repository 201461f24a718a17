"""What a round does: tables, rows before the connectors start, and then transactions and definitions in random order.

Everything is drawn from a generator seeded with (seed, round), so a round comes out the same alone or among others. SQL may
fail (a duplicate key, a cast that cannot be): both connectors watch one server, so it fails for both.
"""
import copy
import random
import re
from dataclasses import dataclass, field

from values import SCALARS, TypeOf, array_of, ident, near_moment, noise, quoted, word

ODD = ["Capital", "with space", 'qu"ote', "apo'strophe", "dot.ted", "dash-ed", "Ünïcödé", "日本", "1digit", "dollar$", "per%cent", "back\\slash", "select",
       "a_very_long_name_that_goes_on_and_on_until_it_nearly_ends", "under__score", "😀", "co,mma", "co:lon", "(paren)"]
FUNCTIONS = {
    "integer": ["(1+2)", "length('abc')", "'-3'::integer"], "bigint": ["(random()*10)::bigint", "-9223372036854775808"], "text": ["md5('x')", "lower('ABC')", "'a'||'b'", "current_user", "null"],
    "timestamp": ["now()", "localtimestamp", "timezone('utc', now())", "'2020-01-02 03:04:05.6'::timestamp"], "timestamptz": ["now()", "current_timestamp", "clock_timestamp()"],
    "timestamp(3)": ["current_timestamp"], "date": ["current_date", "('2020-01-01'::date + 1)"], "time": ["localtime", "'24:00'"], "uuid": ["gen_random_uuid()"],
    "boolean": ["(1 > 2)", "true", "'f'"], "numeric": ["1.5", "(1/3.0)", "'12.50'"], "numeric(5,2)": ["1", "-1.5", "'1.005'"], "double precision": ["pi()", "1/3.0", "'Infinity'"],
    "jsonb": ["'{}'::jsonb", "jsonb_build_object('a', 1)"], "bytea": ["decode('00','hex')"], "varchar(40)": ["'default'", "'now()'", "current_user"],
}
PARTITIONS = {"hash": [f"for values with (modulus 2, remainder {i})" for i in range(2)],
              "range": ["for values from (minvalue) to (4)", "for values from (4) to (12)", "default"],
              "list": ["for values in (2, 3, 5)", "default"]}


def wide_moment(t):
    """Whether values of the type can lie beyond what nanoseconds in 64 bits say."""
    return t.sql.startswith("timestamp") and "tz" not in t.sql and "[" not in t.sql


@dataclass
class Step:
    """Statements run one after the other; those that define need both connectors to have caught up."""
    sql: list
    defines: bool = False


@dataclass
class Column:
    name: str
    type: TypeOf
    not_null: bool = False
    default: str = None
    extra: str = ""           # generated always as …
    writable: bool = True

    def sql(self):
        return " ".join(x for x in (ident(self.name), self.type.sql, f"default {self.default}" if self.default else "", self.extra,
                                    "not null" if self.not_null else "") if x)


@dataclass
class Table:
    schema: str
    name: str
    columns: list = field(default_factory=list)
    key: list = field(default_factory=list)
    next: int = 1
    parts: list = field(default_factory=list)  # partitions, as SQL says them

    @property
    def sql(self):
        return f"{ident(self.schema)}.{ident(self.name)}"

    @property
    def writable(self):
        return [c for c in self.columns if c.writable]


class Round:
    """One round, drawn. `contrib` are the extensions the server has."""

    def __init__(self, seed, number, major, contrib, preloaded):
        self.number, self.rng = number, random.Random(f"{seed}/{number}")
        self.preloaded = preloaded
        self.schema = f"r{number}" + (f" {self.rng.choice(ODD)[:20]}" if self.rng.random() < 0.2 else "")
        self.types = [t for t in SCALARS if t.min_pg <= major and (not t.extension or t.extension in contrib)]
        self.major, self.count = major, 0
        self.racy = False  # defines inside a transaction: the catalog may be asked just before or just after the commit is seen
        self.setup = [f"create schema {ident(self.schema)}"]
        self.rows, self.steps = [], []
        self.own_types()
        self.tables = []
        for _ in range(self.rng.randint(1, 3)):
            self.tables.append(self.table())
        if preloaded:
            for t in self.tables:
                self.rows += [self.insert(t, calm=True) for _ in range(self.rng.randint(0, 4))]
        self.options = self.column_options()
        for _ in range(self.rng.randint(4, 12)):
            self.steps.append(self.step())

    # ---- names, types ------------------------------------------------------------------------------------------------

    def name(self, plain):
        self.count += 1
        odd = f"{self.rng.choice(ODD)[:50]}{self.count}"
        # A quote in a column's name ends the original when the column is the key.
        return odd if self.rng.random() < 0.2 and ('"' not in odd or plain == "t") else f"{plain}{self.count}"

    def own_types(self):
        rng, s, n = self.rng, ident(self.schema), self.number
        labels = rng.choice([["sad", "ok", "happy"], ["a b", "c,d", "é😀", "quo''te", "Back\\slash"], ["one"], ["1", "2", "true"]])
        self.setup.append(f"create type {s}.mood_{n} as enum ({', '.join(quoted(x) for x in labels)})")
        # A snapshot of the original's misses the default where the schema's name has a dot or a quote; the stream has it.
        self.enum = TypeOf(f"{s}.mood_{n}", lambda r: r.choice(labels), key=True, default=not (self.preloaded and set(self.schema) & set('".')))
        base = rng.choice([t for t in self.types if t.key and not t.extension and not t.sql.startswith("timestamp")])
        self.setup.append(f"create domain {s}.dom_{n} as {base.sql}" + rng.choice(["", "", " not null"]))
        self.setup.append(f"create domain {s}.domdom_{n} as {s}.dom_{n}")
        of_domain = lambda name: TypeOf(f"{s}.{name}", base.draw, key=base.key, big=base.big, unsure=base.unsure, hard=base.hard)
        self.setup.append(f"create type {s}.pair_{n} as (x integer, y text)")
        self.own = [self.enum, self.enum, of_domain(f"dom_{n}"), of_domain(f"domdom_{n}"),
                    TypeOf(f"{s}.pair_{n}", lambda r: f"({r.randint(0, 99)},abc)", default=False)]
        self.rare_types(s, n)

    def rare_types(self, s, n):
        """A domain over an array, a composite in a composite, a range of the user's, arrays of extensions' types."""
        rng = self.rng
        inner = array_of(rng.choice([t for t in self.types if t.array and not t.extension]))
        deep = lambda r: f'("({r.randint(0, 9)},""a b"")","{{1,{r.randint(2, 9)}}}",{r.choice(["", "x"])})'
        self.setup += [f"create domain {s}.list_{n} as {inner.sql}", f"create type {s}.deep_{n} as (p {s}.pair_{n}, z integer[], w text)",
                       f"create type {s}.span_{n} as range (subtype = float8)"]
        made = [TypeOf(f"{s}.list_{n}", inner.draw, big=inner.big, unsure=inner.unsure, hard=inner.hard, array=False),
                TypeOf(f"{s}.deep_{n}", deep, default=False),
                TypeOf(f"{s}.span_{n}", lambda r: r.choice(["empty", "[1.5,2.5)", "(,)", f"[{r.randint(-9, 0)},{r.randint(1, 9)}]"]), key=True)]
        self.rare = made + [array_of(t) for t in self.types + made[1:] if t.extension or t in made] + [array_of(self.enum)]

    def type(self, key=False):
        rng = self.rng
        pool = rng.choices([self.own, self.rare, self.types], [12, 6, 82])[0]
        found = rng.choice([t for t in pool if t.key or not key] or self.types[:3])
        if pool is self.rare:
            return found
        if not key and rng.random() < 0.15 and found.array and found not in self.own[2:]:
            return array_of(found)
        return found

    # ---- tables ------------------------------------------------------------------------------------------------------

    def default(self, t, strict=False):
        rng = self.rng
        if not t.default or rng.random() < 0.6:
            return None
        if t.sql in FUNCTIONS and rng.random() < 0.5:
            return rng.choice(FUNCTIONS[t.sql])
        value = near_moment(rng) if strict and wide_moment(t) else t.draw(rng)
        if value in (t.hard or ()):
            return None
        return quoted(value if len(value) < 500 else value[:1]) + (f"::{t.sql}" if rng.random() < 0.2 else "")

    def column(self, key=False):
        t = self.type(key)
        strict = t.hard is not None and self.rng.random() < 0.3
        return Column(self.name("c"), t, not_null=strict, default=self.default(t, strict))

    def table(self):
        rng = self.rng
        t = Table(self.schema, self.name("t"))
        shape = rng.random()
        if shape < 0.65:
            t.columns.append(Column(self.name("id"), self.types[2], not_null=True, default=None))
            if rng.random() < 0.3:
                t.columns[0].extra = rng.choice(["generated by default as identity", "generated always as identity"])
                t.columns[0].writable = "by default" in t.columns[0].extra
            t.key = [t.columns[0]]
        t.columns += [self.column(key=rng.random() < 0.3) for _ in range(rng.choice([1, 2, 4, 8, 14]))]
        if rng.random() < 0.1:
            t.columns.append(Column(self.name("serial"), TypeOf(rng.choice(["serial", "bigserial", "smallserial"]), lambda r: str(r.randint(1, 999))), not_null=True))
        self.add_generated(t)
        self.add_reference(t)
        able = [c for c in t.columns if c.type.key and c.writable and not c.type.big and c.type.hard is not None]
        if rng.random() < 0.2 and able:
            t.key = rng.sample(able, min(len(able), rng.randint(1, 3)))
        if rng.random() < 0.15:
            t.key = []
        rng.shuffle(t.columns)
        body = [c.sql() for c in t.columns]
        if t.key:
            body.append(f"primary key ({self.names(t.key)})")
        partitioned = t.key and t.key[0].type.sql == "bigint" and len(t.key) == 1 and t.key[0].writable and not t.key[0].extra and rng.random() < 0.15
        kind = rng.choice(list(PARTITIONS)) if partitioned else None
        self.setup.append(f"create table {t.sql} ({', '.join(body)})" + (f" partition by {kind} ({self.names(t.key)})" if partitioned else ""))
        if partitioned:
            for i, bounds in enumerate(PARTITIONS[kind]):
                t.parts.append(Table(t.schema, f"{t.name}p{i}").sql)
                self.setup.append(f"create table {t.parts[-1]} partition of {t.sql} {bounds}")
            if rng.random() < 0.3:
                self.setup += self.identity(Table(t.schema, f"{t.name}p0", t.columns, t.key))
        elif rng.random() < 0.08:
            self.setup.append(f"create table {Table(t.schema, t.name + 'child').sql} ({ident('more')} text default 'x') inherits ({t.sql})")
        self.setup += self.indexes(t)
        for c in t.columns:
            if c.type.big and rng.random() < 0.5:
                self.setup.append(f"alter table {t.sql} alter column {ident(c.name)} set storage external")
        self.setup += self.identity(t)
        return t

    def add_generated(self, t):
        rng = self.rng
        numbers, texts = ([c for c in t.columns if c.type.sql == x and c.writable] for x in ("integer", "text"))
        if numbers and rng.random() < 0.4:
            t.columns.append(Column(self.name("g"), self.types[1], extra=f"generated always as ({ident(numbers[0].name)} / 2) stored", writable=False))
        if texts and rng.random() < 0.3:
            text = next(x for x in self.types if x.sql == "text")
            t.columns.append(Column(self.name("g"), text, extra=f"generated always as (upper({ident(texts[0].name)}) || '!') stored", writable=False))

    def add_reference(self, t):
        """A foreign key, so that deletes, key changes and truncates go on to this table."""
        rng = self.rng
        able = [x for x in self.tables if len(x.key) == 1 and x.key[0].type.sql == "bigint"]
        if able and rng.random() < 0.35:
            to = rng.choice(able)
            does = f"on delete {rng.choice(['cascade', 'set null', 'no action'])} on update {rng.choice(['cascade', 'set null'])} deferrable"
            some = TypeOf("bigint", lambda r: str(r.randint(1, 9)), default=False, array=False)
            t.columns.append(Column(self.name("ref"), some, extra=f"references {to.sql} ({ident(to.key[0].name)}) {does}"))

    def names(self, columns):
        return ", ".join(ident(c.name) for c in columns)

    def indexes(self, t):
        rng, out = self.rng, []
        able = [c for c in t.columns if c.type.key and not c.type.big and c.type.hard == ()]
        if able and rng.random() < 0.25:
            chosen = rng.sample(able, min(len(able), rng.randint(1, 2)))
            out.append(f"create unique index on {t.sql} ({self.names(chosen)})" + rng.choice(["", "", "", f" where {ident(chosen[0].name)} is not null"]))
        return out

    def identity(self, t):
        rng = self.rng
        kind = rng.random() * (1 if t.key else 0.55)  # else the server refuses most updates and deletes
        if kind < 0.35:
            return [f"alter table {t.sql} replica identity full"]
        if kind < 0.42:
            return [f"alter table {t.sql} replica identity nothing"]
        able = [c for c in t.columns if c.type.key and c.not_null and not c.type.big]
        if kind < 0.55 and able:
            chosen, index = rng.sample(able, min(len(able), rng.randint(1, 2))), ident(self.name("ri"))
            return [f"create unique index {index} on {t.sql} ({self.names(chosen)})", f"alter table {t.sql} replica identity using index {index}"]
        return [] if kind < 0.8 else [f"alter table {t.sql} replica identity default"]

    # ---- rows --------------------------------------------------------------------------------------------------------

    def value(self, t, c, calm=False):
        rng = self.rng
        if c in t.key and c.type.sql == "bigint" and rng.random() < 0.9:
            t.next += 1
            return str(t.next)
        if not c.not_null and c not in t.key and rng.random() < 0.15:
            return "null"
        if c.default and rng.random() < 0.1:
            return "default"
        if calm and c.type.unsure:
            return "'2020-02-03 04:05:06.789+00'" if "[" not in c.type.sql else "'{}'"
        if c.type.big and rng.random() < 0.12 and c.type.sql in ("text", "varchar"):
            return quoted(noise(rng, 3000))
        strict = c.not_null or c in t.key
        text = near_moment(rng) if strict and wide_moment(c.type) else c.type.draw(rng)
        # Neither may a numeric or a bytea be stored out of line there: what an update leaves alone is null, too.
        while (strict or "dom" in c.type.sql) and (text in (c.type.hard or ()) or (len(text) > 1000 and (c.type.hard == ("NaN",) or c.type.sql == "bytea"))):
            text = c.type.draw(rng)
        return quoted(text)

    def insert(self, t, calm=False):
        rng = self.rng
        chosen = [c for c in t.writable if c.not_null or c in t.key or rng.random() < 0.8]
        if not chosen:
            return f"insert into {t.sql} default values"
        rows = [f"({', '.join(self.value(t, c, calm) for c in chosen)})" for _ in range(1 if calm or rng.random() < 0.7 else rng.randint(2, 5))]
        into = t.sql if calm or rng.random() < 0.8 else rng.choice([t.sql] + t.parts)
        sql = f"insert into {into} ({self.names(chosen)}) values {', '.join(rows)}"
        if calm or rng.random() < 0.88:
            return sql
        plain = [c for c in chosen if c not in t.key]
        if not t.key or not plain or rng.random() < 0.3:
            return f"{sql} on conflict do nothing"
        put = ", ".join(f"{ident(c.name)} = excluded.{ident(c.name)}" for c in rng.sample(plain, min(len(plain), 2)))
        return f"{sql} on conflict ({self.names(t.key)}) do update set {put}"

    def some_rows(self, t):
        return f"(tableoid, ctid) in (select tableoid, ctid from {t.sql} order by tableoid, ctid offset {self.rng.randint(0, 3)} limit {self.rng.randint(1, 2)})"

    def update(self, t):
        rng, able = self.rng, t.writable
        if not able:
            return self.insert(t)
        plain = [c for c in able if c not in t.key]
        if rng.random() < 0.2 and t.key or not plain:
            chosen = [c for c in able if c in t.key] or able[:1]
        else:
            chosen = rng.sample(plain, min(len(plain), rng.randint(1, 3)))
        put = [f"{ident(c.name)} = {ident(c.name) if rng.random() < 0.15 else self.value(t, c)}" for c in chosen]
        return f"update {t.sql} set {', '.join(put)} where {self.some_rows(t)}"

    def message(self):
        rng = self.rng
        content = quoted(word(rng)) if rng.random() < 0.6 else f"'\\x{rng.randbytes(rng.randint(0, 12)).hex()}'::bytea"
        return f"select pg_logical_emit_message({rng.choice(['true', 'false'])}, {quoted(rng.choice(['', 'pre', 'fix-a', 'é', f'r{self.number}']))}, {content})"

    def change(self):
        rng = self.rng
        t = rng.choice(self.tables)
        kind = rng.random()
        if kind < 0.03:  # a subtransaction that fails or not
            return f"do $fuzz$ begin begin {self.insert(t)}; {self.update(t)}; exception when others then null; end; {self.insert(t)}; end $fuzz$"
        if kind < 0.45:
            return self.insert(t)
        if kind < 0.75:
            return self.update(t)
        if kind < 0.9:
            return f"delete from {t.sql} where {self.some_rows(t)}"
        if kind < 0.96:
            return self.message()
        return "truncate " + ", ".join(x.sql for x in rng.sample(self.tables, rng.randint(1, len(self.tables)))) + rng.choice(["", " restart identity", " cascade"])

    # ---- definitions -------------------------------------------------------------------------------------------------

    def define(self, inside=False):
        """A change of a definition, and the model with it. Inside a transaction no table is made anew: both connectors look the
        old one's rows up afterwards, Debezium by the name and walbridge by the number."""
        rng = self.rng
        t = rng.choice(self.tables)
        alter, kind = f"alter table {t.sql} ", rng.choice([k for k in self.DEFINITIONS if not inside or k != "recreate"])
        free = [c for c in t.columns if c not in t.key and not c.extra]
        c = rng.choice(free) if free else None
        if kind == "add" or c is None:
            new = self.column()
            t.columns.append(new)
            return alter + f"add column {new.sql()}"
        return self.DEFINITIONS[kind](self, t, c, alter)

    def drop_column(self, t, c, alter):
        t.columns.remove(c)
        return alter + f"drop column {ident(c.name)} cascade"

    def rename_column(self, t, c, alter):
        old, c.name = c.name, self.name("renamed")
        return alter + f"rename column {ident(old)} to {ident(c.name)}"

    def change_type(self, t, c, alter):
        c.type, c.default = self.type(), None
        if c.not_null and c.type.hard != ():
            c.type = self.types[1]
        return alter + f"alter column {ident(c.name)} drop default, alter column {ident(c.name)} type {c.type.sql} using null"

    def widen(self, t, c, alter):
        to = self.rng.choice([x for x in self.types if x.sql in ("text", "varchar(40)", "bigint", "numeric", "numeric(300,100)", "varchar")])
        old, c.type = c.type, to
        return alter + f"alter column {ident(c.name)} drop default, alter column {ident(c.name)} type {to.sql} using {ident(c.name)}::{'text::' if old.sql != to.sql else ''}{to.sql}"

    def change_default(self, t, c, alter):
        c.default = self.default(c.type, c.not_null)
        return alter + f"alter column {ident(c.name)} " + (f"set default {c.default}" if c.default else "drop default")

    def change_null(self, t, c, alter):
        c.not_null = not c.not_null and not c.type.hard and c.type.hard is not None and not wide_moment(c.type)
        return alter + f"alter column {ident(c.name)} {'set' if c.not_null else 'drop'} not null"

    def change_key(self, t, c, alter):
        rng = self.rng
        able = [x for x in t.columns if x.type.key and not x.type.big and x.not_null and x.type.hard == ()]
        drop = "do $$ declare n text; begin select conname into n from pg_constraint where conrelid = %s::regclass and contype = 'p'; if n is not null then execute 'alter table ' || %s || ' drop constraint ' || quote_ident(n) || ' cascade'; end if; end $$"
        where = quoted(t.sql)
        t.key = rng.sample(able, min(len(able), rng.randint(1, 2))) if able and rng.random() < 0.7 else []
        return drop % (where, where) + (f"; {alter}add primary key ({self.names(t.key)})" if t.key else "")

    def rename_table(self, t, c, alter):
        t.name = self.name("moved")
        return alter + f"rename to {ident(t.name)}"

    def recreate(self, t, c, alter):
        old, self.setup = self.setup, []
        new = self.table()
        made, self.setup = self.setup, old
        made = [x.replace(new.sql, t.sql) for x in made]
        drop, t.columns, t.key, t.next = f"drop table {t.sql} cascade", new.columns, new.key, new.next
        return "; ".join([drop] + made)

    def change_identity(self, t, c, alter):
        return "; ".join(self.identity(t)) or alter + "replica identity full"

    def new_table(self, t, c, alter):
        old, self.setup = self.setup, []
        self.tables.append(self.table())
        made, self.setup = self.setup, old
        return "; ".join(made)

    def label(self, t, c, alter):
        """One more label of the enum, in front of the others or behind."""
        return f"alter type {self.enum.sql} add value {quoted(self.name('label'))}" + self.rng.choice(["", f" before {quoted(self.enum.draw(self.rng))}"])

    def partition(self, t, c, alter):
        """A partition leaves the table."""
        able = [x for x in self.tables if x.parts]
        if not able:
            return self.change_identity(t, c, alter)
        t = self.rng.choice(able)
        return f"alter table {t.sql} detach partition {t.parts.pop()}"

    def storage(self, t, c, alter):
        return alter + f"alter column {ident(c.name)} set storage external"

    def new_index(self, t, c, alter):
        return "; ".join(self.indexes(t)) or self.change_null(t, c, alter)

    DEFINITIONS = {"add": None, "drop": drop_column, "rename": rename_column, "type": change_type, "widen": widen, "default": change_default, "null": change_null,
                   "key": change_key, "table": rename_table, "recreate": recreate, "identity": change_identity, "new": new_table, "storage": storage, "index": new_index,
                   "label": label, "partition": partition}

    # ---- steps -------------------------------------------------------------------------------------------------------

    def step(self):
        rng, kind = self.rng, self.rng.random()
        if kind < 0.2:
            return Step([self.define()], defines=True)
        if kind < 0.4:
            return Step([self.change() for _ in range(rng.randint(1, 4))])
        if kind < 0.47:
            return self.undone(defines=rng.random() < 0.3)
        if kind < 0.52:
            gid = quoted(f"fuzz-{self.number}-{rng.randint(0, 10**9)}")
            return Step(["begin"] + [self.change() for _ in range(rng.randint(1, 3))] + [f"prepare transaction {gid}", f"commit prepared {gid}"])
        if kind < 0.56:
            lsn, when = f"0/{rng.randint(1, 10**8):X}", f"20{rng.randint(10, 25)}-01-02 03:04:05.{rng.randint(0, 999999):06}+00"
            return Step(["select pg_replication_origin_session_setup('fuzz')", "begin", f"select pg_replication_origin_xact_setup('{lsn}', '{when}')"]
                        + [self.change() for _ in range(rng.randint(1, 3))] + ["commit", "select pg_replication_origin_session_reset()"])
        if kind < 0.64:
            self.racy = True
            sql = ["begin"] + [self.change() for _ in range(rng.randint(0, 2))] + [self.define(inside=True)] + [self.change() for _ in range(rng.randint(1, 3))]
            return Step(sql + ["commit"], defines=True)
        return Step(["begin"] + self.body() + ["commit"])

    def body(self):
        """Changes with savepoints, some of them taken back."""
        rng, out, depth = self.rng, [], 0
        for _ in range(rng.randint(1, 8)):
            if rng.random() < 0.2:
                depth += 1
                out.append(f"savepoint s{depth}")
            elif depth and rng.random() < 0.3:
                out.append(rng.choice([f"rollback to savepoint s{depth}", f"release savepoint s{depth}"]))
                depth -= out[-1].startswith("release")
            out.append(self.change())
        return out

    def undone(self, defines):
        """A transaction that is rolled back; what it defined was never there."""
        before = copy.deepcopy([(t.name, t.columns, t.key) for t in self.tables])
        tables = list(self.tables)
        sql = ["begin", self.change()] + ([self.define()] if defines else []) + [self.change(), "rollback"]
        self.tables = tables
        for t, (name, columns, key) in zip(self.tables, before):
            t.name, t.columns = name, columns
            t.key = [c for c in columns if c.name in {k.name for k in key}]
        return Step(sql, defines=defines)

    # ---- the part of the connector's options that names columns ---------------------------------------------------------

    def column_options(self):
        """Option → regular expressions naming this round's columns; batches join them."""
        rng, out = self.rng, {}

        def name(t, c):
            return ".".join(re.escape(x).replace("\\ ", " ").replace("/", "\\/") for x in (t.schema, t.name, c.name))
        named = [(t, c) for t in self.tables for c in t.columns if not set(c.name + t.name + t.schema) & set(",:;")]
        if not named:
            return out
        masked = set()
        excluded, cut = set(), set()
        for option, chance in [("column.exclude.list", 0.3), ("column.mask.with.7.chars", 0.3), ("column.mask.with.0.chars", 0.2), ("column.truncate.to.3.chars", 0.3),
                               ("column.truncate.to.40.chars", 0.1), ("column.mask.hash.v2.SHA-512.with.salt.é", 0.1), ("column.mask.hash.SHA-1.with.salt.a b", 0.1),
                               ("column.mask.hash.v2.SHA-256.with.salt.CzQMA0cB5K", 0.3), ("column.mask.hash.MD5.with.salt.s", 0.2), ("column.propagate.source.type", 0.3)]:
            if rng.random() < chance:
                # A key that is left out ends the original's snapshot, unless another column stands behind it.
                able = [(t, c) for t, c in named if option != "column.exclude.list" or not (c in t.key or c.type.key)]
                chosen = [(t, c) for t, c in rng.sample(able, min(len(able), rng.randint(1, 3))) if "mask" not in option or c.name not in masked]
                # Which of two masks or of two cuts wins is decided by the order of a Java HashMap of all properties.
                chosen = [(t, c) for t, c in chosen if "truncate" not in option or c.name not in cut]
                # Of a large value that an update leaves alone there is no hash, and null cannot be here.
                chosen = [(t, c) for t, c in chosen if "hash" not in option or not (c.type.big and c.not_null)]
                masked |= {c.name for _, c in chosen if "mask" in option}
                cut |= {c.name for _, c in chosen if "truncate" in option}
                excluded |= {c.name for _, c in chosen if "exclude" in option}
                if chosen:
                    out[option] = ",".join(name(t, c) for t, c in chosen)
        for t in self.tables:
            able = [c for c in t.columns if c.name not in excluded and c.type.hard == () and t.name.isalnum() and c.name.isalnum() and c.name.isascii() and self.schema.isalnum()]
            if able and rng.random() < 0.2:
                chosen = rng.sample(able, min(len(able), rng.randint(1, 2)))
                part = f"{self.schema}\\.{t.name}:{','.join(c.name for c in chosen)}"
                out["message.key.columns"] = ";".join(x for x in (out.get("message.key.columns"), part) if x)
            if self.preloaded and rng.random() < 0.1 and t.name.isalnum() and self.schema.isalnum():
                out["snapshot.select.statement.overrides"] = ",".join(x for x in (out.get("snapshot.select.statement.overrides"), f"{self.schema}.{t.name}") if x)
                out[f"snapshot.select.statement.overrides.{self.schema}.{t.name}"] = f"select * from {t.sql} where ctid <> '(0,1)'"
        return out
