"""What the benchmarks write: tables and the transactions on them, by name.

workload(name, events) → {"tables", "prepare": SQL, "run": SQL, "events": changes of rows, "deletes": those that also give a tombstone}.
"""

NARROW_ROW = "{k}, 'user number ' || {k}, '2024-01-01 00:00:00.123456+00'"


def narrow(events, per):
    """Three columns, inserts, `per` rows a transaction."""
    return {"tables": ["users"], "events": events // per * per,
            "prepare": "create table users (id int primary key, name text, created timestamptz)",
            "run": f"""do $$ begin for i in 0 .. {events // per - 1} loop
                         insert into users select {NARROW_ROW.format(k=f'i * {per} + g')} from generate_series(1, {per}) g;
                         commit; end loop; end $$"""}


def wide(events):
    """14 columns, about 4.6 kB: jsonb, text, numeric, timestamps; inserts, 50 rows a transaction."""
    return {"tables": ["orders"], "events": events // 50 * 50,
            "prepare": """create table orders (id bigint primary key, customer uuid, status text, total numeric(12,2), tax numeric(12,2),
                            placed timestamptz, changed timestamp, due date, paid boolean, weight double precision, lines jsonb, address jsonb,
                            note text, tags text[]);
                          alter table orders alter lines set storage plain, alter note set storage plain""",
            "run": f"""do $$ begin for i in 0 .. {events // 50 - 1} loop
                         insert into orders select k, md5(k::text)::uuid, 'status ' || k % 7, k % 100000 / 100.0, k % 1900 / 100.0,
                           '2024-01-01 00:00:00.123456+00'::timestamptz + k * interval '1 s', '2024-01-01'::timestamp + k * interval '7 s',
                           '2024-01-01'::date + (k % 400)::int, k % 2 = 0, k * 1.1,
                           (select jsonb_agg(jsonb_build_object('sku', 'article-' || l, 'count', l, 'price', l * 1.25, 'text', repeat('word ', 12)))
                            from generate_series(1, 20) l),
                           jsonb_build_object('street', 'Street ' || k, 'city', 'City "of" ' || k % 100, 'lat', 52.5, 'lon', 13.4),
                           repeat('A note of some length. ', 60), array['one', 'two', 'three']
                         from generate_series(i * 50 + 1::bigint, i * 50 + 50) k;
                         commit; end loop; end $$"""}


def toast(events):
    """Updates that leave a TOASTed value of 40 kB as it was, 100 a transaction."""
    return {"tables": ["documents"], "events": events // 100 * 100,
            "prepare": """create table documents (id int primary key, counter int, body text);
                          alter table documents alter body set storage external;
                          insert into documents select g, 0, repeat(md5(g::text), 1250) from generate_series(1, 1000) g""",
            "run": f"""do $$ begin for i in 0 .. {events // 100 - 1} loop
                         update documents set counter = i where id between i % 10 * 100 + 1 and i % 10 * 100 + 100;
                         commit; end loop; end $$"""}


def full(events):
    """Updates under REPLICA IDENTITY FULL, 100 a transaction."""
    return {"tables": ["accounts"], "events": events // 100 * 100,
            "prepare": """create table accounts (id int primary key, owner text, balance numeric(14,2), changed timestamptz) with (fillfactor = 50);
                          alter table accounts replica identity full;
                          insert into accounts select g, 'owner number ' || g, g, '2024-01-01' from generate_series(1, 10000) g""",
            "run": f"""do $$ begin for i in 0 .. {events // 100 - 1} loop
                         update accounts set balance = balance + 1, changed = '2024-01-01 00:00:00+00'::timestamptz + i * interval '1 s'
                         where id between i % 100 * 100 + 1 and i % 100 * 100 + 100;
                         commit; end loop; end $$"""}


def mixed(events):
    """Ten tables in turn in each transaction of 100 rows: inserts, updates, deletes."""
    n = events // 100 * 100
    names = [f"part_{t}" for t in range(10)]
    body = "".join(f"""insert into {t} select {NARROW_ROW.format(k='i * 10 + g')} from generate_series(1, 6) g;
                       update {t} set name = name || '!' where id between i * 10 + 1 and i * 10 + 2;
                       delete from {t} where id between i * 10 + 5 and i * 10 + 6;
                    """ for t in names)
    return {"tables": names, "events": n, "deletes": n // 5,
            "prepare": ";".join(f"create table {t} (id int primary key, name text, created timestamptz)" for t in names),
            "run": f"do $$ begin for i in 0 .. {n // 100 - 1} loop {body} commit; end loop; end $$"}


WORKLOADS = {
    "narrow": (lambda n: narrow(n, 100), 2_000_000),
    "single": (lambda n: narrow(n, 1), 300_000),
    "huge": (lambda n: narrow(n, n), 2_000_000),
    "wide": (wide, 100_000),
    "toast": (toast, 300_000),
    "full": (full, 500_000),
    "mixed": (mixed, 500_000),
}


def workload(name, events=0):
    make, default = WORKLOADS[name]
    return make(events or default)
