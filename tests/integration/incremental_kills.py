"""Writers change rows while an incremental snapshot reads them and the program is killed: for test_signals.py and incremental_loop.py."""
import random
import threading
import time

from kit import program, wait_until

SIGNAL_TABLE = "create table signal (id varchar(64) primary key, type varchar(32) not null, data text)"
SETTINGS = {**program.NO_SCHEMAS, "snapshot.mode": "no_data", "signal.data.collection": "public.signal"}


class Writer(threading.Thread):
    """Inserts, updates, deletes and moves rows of t, all over its keys."""

    def __init__(self, db, keys, seed, stop):
        super().__init__(daemon=True)
        self.db, self.keys, self.rng, self.stop, self.error, self.done = db, keys, random.Random(seed), stop, None, 0

    def run(self):
        try:
            with self.db.server.connect(self.db.name) as c:
                while not self.stop.is_set():
                    k, to = self.rng.randint(1, self.keys), self.rng.randint(1, self.keys)
                    n = self.rng.randint(1, 1 << 30)
                    c.execute(self.rng.choice([
                        f"insert into t values ({k}, {n}) on conflict (id) do update set n = excluded.n",
                        f"update t set n = {n} where id between {k} and {k} + 3",
                        f"delete from t where id = {k}",
                        f"update t set id = {to} where id = {k} and not exists (select from t where id = {to})"]))
                    self.done += 1
                    time.sleep(0.001)
        except Exception as e:  # shown by the test
            if "duplicate key" in str(e):
                return self.run()
            self.error = e


def fold(records):
    """What a consumer has in the end: the last value of every key."""
    state, order = {}, []
    for r in records:
        if not r["topic"].endswith(".t"):
            continue
        v = r["value"]
        key = r["key"]["id"]
        if v is None:
            state.pop(key, None)
        elif v["op"] == "d":
            state.pop(key, None)
        else:
            state[key] = v["after"]["n"]
            order.append((v["op"], key))
    return state, order


def run(db, c, kills, rows=4000, writers=4, seed=1, chunk_pause=(0.05, 0.4)):
    """The state that was folded, the table's, and the rows that came as reads."""
    rng = random.Random(seed)
    db.sql(f"{SIGNAL_TABLE}; create table t (id int primary key, n int); insert into t select g, -g from generate_series(1, {rows}) g")
    stop = threading.Event()
    c.start("--sink", "lines")
    c.wait_streaming(db)
    crew = [Writer(db, rows, seed * 100 + i, stop) for i in range(writers)]
    for w in crew:
        w.start()
    db.sql("""insert into signal values ('it', 'execute-snapshot', '{"data-collections": ["public.t"]}')""")
    for _ in range(kills):
        time.sleep(rng.uniform(*chunk_pause))
        c.kill()
        cut_last_line(c)
        c.start("--sink", "lines")
    wait_until(lambda: 'incremental snapshot \\"it\\": done' in c.stderr.read_text(), lambda: "the snapshot's end\n" + c.log()[-2000:], 120)
    stop.set()
    for w in crew:
        w.join(20)
        assert not w.error, w.error
        assert w.done
    db.sql("insert into t values (1000000, 1) on conflict do nothing")
    wait_until(lambda: '"id":1000000' in c.stdout.read_text()[-20000:], lambda: "the last row\n" + c.log()[-2000:], 60)
    state, order = fold(c.lines())
    return state, {int(k): int(n) for k, n in db.sql("select id, n from t")}, [k for op, k in order if op == "r"]


def cut_last_line(c):
    """A kill may leave half a line, as it may leave half a batch in a broker: it was not acknowledged."""
    text = c.stdout.read_bytes()
    c.stdout.write_bytes(text[:text.rfind(b"\n") + 1])
