"""Random PostgreSQL types, and random text that is a value of them.

A type is a TypeOf: how SQL says it, and a function that draws a value's text. Values are written as untyped literals, so
that the column decides how they are read. Edges come up as often as the rest: differences live there.
"""
import json
import math
import struct
from dataclasses import dataclass
from decimal import Decimal
from typing import Callable

WORDS = ["", " ", "a", "ok", "Zürich", "naïve café", "日本語", "😀", "a\u0301", "\u2028\u2029", "\x7f", "\x01\x1f", "tab\t", "new\nline",
         "cr\r\n", 'quo"te', "apo'strophe", "back\\slash", "\\x41", "null", "NULL", "{}", "{a,b}", "<a>&amp;</a>", "/slash/", "\ufffd",
         "%s", "${x}", "\u00a0", "ÿ", "\U0010ffff", "x" * 200, "trailing ", " leading"]
SPACES = str.maketrans("", "", "".join(chr(c) for c in range(32)) + "\x7f")


@dataclass(frozen=True)
class TypeOf:
    """A type as SQL says it, and how to draw a value."""
    sql: str
    draw: Callable
    key: bool = False         # may be part of a key (has a btree operator class)
    default: bool = True      # a literal of it may stand behind DEFAULT
    big: bool = False         # draws values that are stored out of line
    min_pg: int = 12
    extension: str = ""
    array: bool = True        # arrays of it are drawn, too
    # Values that Debezium turns into null, None: any. Where null cannot be, in keys and NOT NULL columns, its task ends.
    hard: tuple = ()
    unsure: bool = False      # a snapshot is known to say some values differently: not for rows that a snapshot reads


def quoted(text):
    """An SQL literal, whatever standard_conforming_strings says."""
    if text is None:
        return "null"
    if "\\" in text:
        return "E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
    return "'" + text.replace("'", "''") + "'"


def ident(name):
    return '"' + name.replace('"', '""') + '"'


def noise(rng, n):
    """Text that does not compress, so that it is stored out of line."""
    return "".join(rng.choices("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/é😀", k=n))


def word(rng):
    if rng.random() < 0.6:
        return rng.choice(WORDS)
    return "".join(chr(rng.choice([rng.randint(32, 126), rng.randint(160, 0x24F), rng.randint(0x4E00, 0x9FFF), rng.randint(0x1F300, 0x1F6FF)]))
                   for _ in range(rng.randint(1, 30)))


def text(rng):
    return noise(rng, rng.randint(2500, 9000)) if rng.random() < 0.06 else word(rng)


def cut(n):
    return lambda rng: word(rng)[:n]


def integer(bits):
    edge = 1 << (bits - 1)

    def draw(rng):
        return str(rng.choice([0, 1, -1, edge - 1, -edge, rng.randint(-edge, edge - 1), rng.randint(-99, 99)]))
    return draw


def floating(fmt, size):
    def draw(rng):
        kind = rng.random()
        if kind < 0.15:
            return rng.choice(["NaN", "Infinity", "-Infinity", "0", "-0", "1e10", "1e-5", "9999999", "10000000", "0.001", "0.0009999"])
        if kind < 0.6:
            v = struct.unpack(fmt, rng.randbytes(size))[0]
            if math.isfinite(v):
                return repr(v)
        if kind < 0.8:
            return repr(rng.randint(-10**8, 10**8) / 10 ** rng.randint(0, 6))
        return repr(rng.uniform(-1, 1) * 10 ** rng.randint(-30, 30))
    return draw


def digits(rng, n):
    return "".join(rng.choices("0123456789", k=n)) or "0"


def number(precision=None, scale=0):
    """numeric(precision, scale), or without limits."""
    def draw(rng):
        sign = rng.choice(["", "-"])
        if precision is None:
            kind = rng.random()
            if kind < 0.1:
                return "NaN"
            if kind < 0.3:
                return sign + rng.choice(["0", "0.0", "0.000000", "100", "1e20", "1e-20", "1.10", "1000000", "0.1", "123456789012345678901234567890"])
            if kind < 0.35:
                return sign + digits(rng, rng.randint(1000, 4000)) + "." + digits(rng, 300)
            return sign + digits(rng, rng.randint(1, 40)) + rng.choice(["", "." + digits(rng, rng.randint(1, 20))])
        if rng.random() < 0.05:
            return "NaN"
        whole = precision - scale
        n = rng.randint(0, max(whole, 0))
        if scale < 0:
            return sign + digits(rng, max(precision, 1)) + "0" * -scale
        return sign + digits(rng, n) + ("." + digits(rng, scale) if scale else "")
    return draw


def money(rng):
    if rng.random() < 0.2:
        return rng.choice(["0", "-0.01", "92233720368547758.07", "-92233720368547758.08", "1", "-1.50"])
    return f"{rng.randint(-10**9, 10**9) / 100:.2f}"


def clock(rng, places=6):
    if rng.random() < 0.15:
        return rng.choice(["00:00:00", "23:59:59.999999", "12:00", "00:00:00.000001", "23:59:59", "01:02:03.1", "01:02:03.12", "01:02:03.123"])
    fraction = rng.choice(["", "." + digits(rng, rng.randint(1, places))])
    return f"{rng.randint(0, 23):02}:{rng.randint(0, 59):02}:{rng.randint(0, 59):02}{fraction}"


def time_of_day(rng):
    return "24:00:00" if rng.random() < 0.03 else clock(rng)


def zone(rng):
    # No seconds: Debezium's task ends at a timetz with them.
    return rng.choice(["+00", "Z", "+02", "-08", "+05:30", "-03:30", "+14", "-12"])


def timetz(rng):
    return ("24:00:00" if rng.random() < 0.03 else clock(rng)) + zone(rng)


def day(rng, wild=True):
    if wild and rng.random() < 0.12:
        return rng.choice(["infinity", "-infinity", "0001-01-01", "0044-03-15 BC", "9999-12-31", "12345-06-07", "1582-10-04", "1582-10-15", "4713-01-01 BC"])
    if rng.random() < 0.2:
        return rng.choice(["1970-01-01", "1969-12-31", "2000-02-29", "1900-03-01", "2038-01-19", "1583-01-01"])
    return f"{rng.choice([rng.randint(1583, 9999), rng.randint(1950, 2050)]):04}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"


def moment(with_zone, wild=True):
    def draw(rng):
        d = day(rng, wild)
        if "infinity" in d:
            return d
        d, _, era = d.partition(" ")
        return f"{d} {clock(rng)}{zone(rng) if with_zone else ''} {era}".strip()
    return draw


def near_moment(rng):
    """One that nanoseconds in 64 bits can say; others become null, and Debezium's task ends where null cannot be."""
    return f"{rng.randint(1700, 2250)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02} {clock(rng)}"


def interval(rng):
    if rng.random() < 0.2:
        return rng.choice(["0", "1 month", "-1 month", "1 year 2 mons 3 days 04:05:06.78", "-1 day +02:03:04", "178000 years", "-178000000 years",
                           "00:00:00.000001", "-00:00:00.000001", "999999:59:59.999999", "1 mon -1 day -00:00:01"])
    return " ".join(f"{rng.randint(-50, 50)} {u}" for u in rng.sample(["years", "months", "days", "hours", "minutes"], rng.randint(1, 4))) \
        + rng.choice(["", f" {rng.randint(0, 59)}.{digits(rng, rng.randint(1, 6))} seconds"])


def uuid(rng):
    h = rng.randbytes(16).hex()
    return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"


def document(rng, deep=2):
    kind = rng.randint(0, 8)
    if kind < 2 or deep == 0:
        return rng.choice([None, True, False, 0, -1, 1.5, 1e300, 10**30, word(rng).replace("\x00", ""), ""])
    if kind < 5:
        return [document(rng, deep - 1) for _ in range(rng.randint(0, 3))]
    return {word(rng)[:20]: document(rng, deep - 1) for _ in range(rng.randint(0, 4))}


def json_text(rng):
    d = document(rng)
    if rng.random() < 0.06:
        d = {"big": noise(rng, 5000)}
    return json.dumps(d, ensure_ascii=rng.random() < 0.3, separators=rng.choice([(",", ":"), (", ", " : ")]), indent=rng.choice([None, None, 1]))


def xml(rng):
    body = word(rng).translate(SPACES).replace("&", "&amp;").replace("<", "&lt;")
    return rng.choice([f"<a>{body}</a>", "<a/>", "plain", f'<?xml version="1.0"?><r x="{rng.randint(0, 9)}">é</r>', "<a/><b/>"])


def bits(n, varying=False):
    return lambda rng: "".join(rng.choices("01", k=rng.randint(0, n) if varying else n)) if rng.random() < 0.8 else ("0" if rng.random() < 0.5 else "1") * (n if not varying else rng.randint(0, n))


def binary(rng):
    n = rng.choice([0, 1, 2, 3, 7, 40, rng.randint(2500, 7000) if rng.random() < 0.2 else 5])
    return "\\x" + rng.randbytes(n).hex()


def inet(rng):
    v4 = ".".join(str(rng.randint(0, 255)) for _ in range(4))
    return rng.choice([v4, f"{v4}/{rng.randint(0, 32)}", "::1", "2001:db8::/32", "fe80::1:2:3/64", "::ffff:1.2.3.4"])


def cidr(rng):
    return rng.choice(["10.0.0.0/8", f"{rng.randint(1, 223)}.{rng.randint(0, 255)}.0.0/16", "2001:db8::/32", "::/0", "1.2.3.4/32"])


def mac(n):
    return lambda rng: ":".join(f"{b:02x}" for b in rng.randbytes(n))


def coordinate(rng):
    return rng.choice(["0", "-1.5", "1e10", repr(rng.uniform(-1000, 1000)), str(rng.randint(-5, 5)), "1e-7"])


def point(rng):
    return f"({coordinate(rng)},{coordinate(rng)})"


def points(fmt, least=2):
    return lambda rng: fmt.format(",".join(point(rng) for _ in range(least if least == 2 else rng.randint(least, least + 2))))


def span(draw, order):
    """A range: bounds in order, either end open, empty, or without one."""
    def one(rng):
        if rng.random() < 0.1:
            return "empty"
        a, b = sorted((draw(rng), draw(rng)), key=order)
        low, high = rng.choice([(a, b), (a, b), ("", b), (a, ""), ("", "")])
        return f'{rng.choice("[(")}{low and chr(34) + low + chr(34)},{high and chr(34) + high + chr(34)}{rng.choice("])")}'
    return one


def spans(one):
    return lambda rng: "{" + ",".join(one(rng) for _ in range(rng.randint(0, 2))) + "}"


SPANS = {
    "int4range": span(lambda r: str(r.randint(-1000, 1000)), int),
    "int8range": span(lambda r: str(r.randint(-10**15, 10**15)), int),
    "numrange": span(lambda r: f"{r.randint(-1000, 1000)}.{r.randint(0, 99)}", Decimal),
    "daterange": span(lambda r: day(r, False), str),
    "tsrange": span(moment(False, False), str),
    "tstzrange": span(lambda r: f"{day(r, False)} 10:00:00+00", str),
}


def hstore(rng):
    if rng.random() < 0.04:
        return f'big=>"{noise(rng, 4000)}"'
    esc = lambda s: '"' + s.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return ",".join(f"{esc(word(rng))}=>{rng.choice(['NULL', esc(word(rng))])}" for _ in range(rng.choice([0, 1, 2, 5, 14])))


def array(draw, empty_ok=True):
    """Array text of one dimension (sometimes more), with nulls and quotes where they are needed."""
    def element(rng):
        v = None if rng.random() < 0.12 else draw(rng)
        return "NULL" if v is None else '"' + v.replace("\\", "\\\\").replace('"', '\\"') + '"'

    def one(rng):
        if rng.random() < 0.1:
            return "{}"
        if rng.random() < 0.03:
            return "[2:3]={" + element(rng) + "," + element(rng) + "}"
        return "{" + ",".join(element(rng) for _ in range(rng.randint(1, 4))) + "}"
    return one


def scalars():
    """The types that need no definition of their own."""
    out = [
        TypeOf("smallint", integer(16), key=True), TypeOf("integer", integer(32), key=True), TypeOf("bigint", integer(64), key=True),
        TypeOf("oid", lambda r: str(r.choice([0, 1, 4294967295, r.randint(0, 2**32 - 1)])), key=True),
        TypeOf("real", floating("<f", 4), key=True), TypeOf("double precision", floating("<d", 8), key=True),
        TypeOf("boolean", lambda r: r.choice("tf"), key=True), TypeOf("money", money, key=True),
        TypeOf("text", text, key=True, big=True), TypeOf("varchar", text, key=True, big=True), TypeOf("varchar(40)", cut(40), key=True),
        TypeOf("char(7)", cut(7), key=True), TypeOf("char(1)", cut(1), key=True), TypeOf('"char"', lambda r: r.choice(["a", "", "Z", "\\"]), key=True),
        TypeOf("name", cut(12), key=True), TypeOf("bytea", binary, key=True, big=True),
        TypeOf("bit(1)", bits(1), key=True), TypeOf("bit(12)", bits(12), key=True), TypeOf("varbit(1)", bits(1, True), hard=("",)),
        TypeOf("varbit(30)", bits(30, True), key=True), TypeOf("varbit", bits(70, True)), TypeOf("bit(64)", bits(64)),
        TypeOf("date", day, key=True, unsure=True), TypeOf("time", time_of_day, key=True), TypeOf("time(0)", clock, key=True), TypeOf("time(3)", clock),
        TypeOf("time(4)", time_of_day), TypeOf("timetz", timetz, key=True), TypeOf("timetz(2)", timetz),
        TypeOf("timestamp", moment(False), key=True, unsure=True), TypeOf("timestamp(0)", moment(False), unsure=True), TypeOf("timestamp(3)", moment(False), key=True, unsure=True),
        TypeOf("timestamp(5)", moment(False), unsure=True), TypeOf("timestamptz", moment(True), key=True, unsure=True), TypeOf("timestamptz(0)", moment(True), unsure=True),
        TypeOf("timestamptz(1)", moment(True), unsure=True), TypeOf("timestamptz(3)", moment(True), unsure=True),
        TypeOf("interval", interval, key=True), TypeOf("interval(2)", interval), TypeOf("interval day to second", lambda r: f"{r.randint(0, 99)} {clock(r)}"),
        TypeOf("interval year to month", lambda r: f"{r.randint(0, 99)}-{r.randint(0, 11)}"),
        TypeOf("uuid", uuid, key=True), TypeOf("json", json_text, big=True), TypeOf("jsonb", lambda r: json_text(r).replace("\\u0000", ""), big=True),
        TypeOf("xml", xml), TypeOf("inet", inet, key=True), TypeOf("cidr", cidr, key=True), TypeOf("macaddr", mac(6), key=True), TypeOf("macaddr8", mac(8), key=True),
        TypeOf("point", point), TypeOf("line", lambda r: f"{{{r.randint(1, 9)},{coordinate(r)},{coordinate(r)}}}"), TypeOf("lseg", points("[{}]")), TypeOf("box", points("{}")),
        TypeOf("path", points("[{}]", 3)), TypeOf("polygon", points("({})", 3)), TypeOf("circle", lambda r: f"<{point(r)},{r.randint(0, 9)}>"),
        TypeOf("tsvector", lambda r: r.choice(["a fat cat", "'x y':1A,2B z", "", "quick:1 fox:2C"])), TypeOf("tsquery", lambda r: r.choice(["fat & rat", "!a | b:*", "'x y'"])),
        TypeOf("pg_lsn", lambda r: f"{r.randint(0, 255):X}/{r.randint(0, 2**32 - 1):X}", key=True), TypeOf("txid_snapshot", lambda r: "10:20:10,14,15"),
        TypeOf("jsonpath", lambda r: r.choice(["$.a[*]", "$", '$."x y" ? (@ > 1)'])), TypeOf("regclass", lambda r: r.choice(["pg_class", "pg_type"])),
        TypeOf("regtype", lambda r: r.choice(["integer", "text[]"])), TypeOf("xid", lambda r: str(r.randint(3, 2**31))), TypeOf("tid", lambda r: f"({r.randint(0, 99)},{r.randint(1, 99)})"),
        # No refcursor: pgjdbc looks for a cursor of that name, and Debezium's snapshot never ends.
        TypeOf("int2vector", lambda r: r.choice(["1 2 3", "-5"]), array=False), TypeOf("oidvector", lambda r: r.choice(["1 2 3", "7"]), array=False),
        TypeOf("xid8", lambda r: str(r.randint(3, 2**40)), key=True, min_pg=13), TypeOf("pg_snapshot", lambda r: "10:20:10,14,15", min_pg=13),
        TypeOf("hstore", hstore, extension="hstore", big=True), TypeOf("citext", word, key=True, extension="citext"),
        TypeOf("ltree", lambda r: ".".join(r.choices(["Top", "a", "Science_1", "x9"], k=r.randint(0, 4))), key=True, extension="ltree"),
        TypeOf("isbn", lambda r: r.choice(["978-0-393-04002-9", "0-393-04002-X"]), key=True, extension="isn"),
    ]
    for p, s in [(None, 0), (5, 2), (10, 0), (1, 0), (18, 6), (38, 10), (300, 100), (3, 3)]:
        out.append(TypeOf("numeric" if p is None else f"numeric({p},{s})", number(p, s), key=True, big=p is None, hard=("NaN",)))
    out.append(TypeOf("numeric(4,-2)", number(4, -2), min_pg=15, hard=("NaN",)))
    out.append(TypeOf("numeric(2,5)", lambda r: f"0.000{digits(r, 2)}", min_pg=15))
    for name, one in SPANS.items():
        out.append(TypeOf(name, one, key=True))
        out.append(TypeOf(name.replace("range", "multirange"), spans(one), min_pg=14))
    return out


SCALARS = scalars()
SCALAR = {t.sql: t for t in SCALARS}


# Arrays of other types may hold what Debezium turns into null.
FIRM_ARRAYS = {"smallint", "integer", "bigint", "boolean", "text", "varchar", "uuid", "double precision", "real"}


def array_of(t, bounds=""):
    return TypeOf(f"{t.sql}[]{bounds}", array(t.draw), key=False, big=t.big, min_pg=t.min_pg, extension=t.extension, unsure=t.unsure,
                  hard=() if t.sql in FIRM_ARRAYS else None)
