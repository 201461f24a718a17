#!/bin/sh
# The reference deployment in a folder: PostgreSQL, Kafka and BigQuery on this machine, the reference connector file as
# it is, a few changes of its table, and what became of them.
#
#   make demo                              everything private, under out/demo
#   make demo KAFKA=host:port              a Kafka that runs already
#   make demo BIGQUERY=http://host:9050    a BigQuery emulator that runs already
#
# On a terminal it then takes SQL, and shows what comes out of Kafka, until an empty line, Ctrl-D or Ctrl-C.
set -eu
cd "$(dirname "$0")/.."

walbridge=${WALBRIDGE:-./walbridge}
work=out/demo
topic=debezium_multicloud.public.inventory
project=murillodigital
dataset=murillodigital_debezium
table=murillodigital_inventory
pids=

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] || say() { printf '\n== %s\n' "$*"; }
fail() {
    printf 'demo: %s\n' "$*" >&2
    exit 1
}

# Ends what this script started, in the reverse order, whatever ended the script itself.
clean_up() {
    trap '' INT TERM HUP
    trap - EXIT
    for pid in $pids; do kill "$pid" 2>/dev/null || true; done
    for pid in $pids; do wait "$pid" 2>/dev/null || true; done
    tests/pg.sh remove "$work/pg" 2>/dev/null || true
    rm -f "$work/pid"
}

# The first line of a file that a program we have just started will write.
first_line() { # file pattern what
    tries=0
    until line=$(grep -m 1 "$2" "$1" 2>/dev/null); do
        tries=$((tries + 1))
        [ "$tries" -lt 100 ] || fail "$3 did not start; see $1"
        sleep 0.1
    done
    echo "$line"
}

records() { # from offset, format
    kcat -q -b "$kafka" -t "$topic" -p 0 -C -e -Z -o "$1" -X fetch.wait.max.ms=10 -f "$2" 2>/dev/null || true
}

# Until n records lie in the topic beyond where we began.
wait_records() {
    tries=0
    while got=$(records "$begin" '%o\n' | grep -c .) || true && [ "$got" -lt "$1" ]; do
        kill -0 "$bridge" 2>/dev/null || {
            cat "$work/walbridge.log" >&2
            fail "walbridge ended"
        }
        tries=$((tries + 1))
        [ "$tries" -lt 150 ] || fail "$got of $1 records came within 30 s; see $work/walbridge.log"
        sleep 0.1
    done
}

bigquery_rows() { python3 deploy/demo_show.py rows "$bigquery" "$project" "$dataset" "$table"; }

wait_rows() {
    tries=0
    while got=$(bigquery_rows | grep -c SKU) || true && [ "$got" -lt "$1" ]; do
        tries=$((tries + 1))
        [ "$tries" -lt 100 ] || fail "$got of $1 rows came to BigQuery; see $work/walbridge.log"
        sleep 0.2
    done
}

# Records beyond an offset, one line each; prints them and remembers how far it showed.
show_records() {
    records "$shown" '%o\t%k\t%s\n' | python3 deploy/demo_show.py records
    shown=$((begin + $(records "$begin" '%o\n' | grep -c .) )) || true
}

if [ -s "$work/pid" ] && kill -0 "$(cat "$work/pid")" 2>/dev/null; then
    fail "a demonstration runs already (process $(cat "$work/pid"))"
fi
command -v "$walbridge" >/dev/null || fail "$walbridge is not built: make"
mkdir -p "$work"
tests/pg.sh remove "$work/pg" 2>/dev/null || true
rm -rf "$work"
mkdir -p "$work"
echo $$ >"$work/pid"
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# ---- servers -------------------------------------------------------------------------------------------------------

if [ -n "${KAFKA:-}" ]; then
    kafka=$KAFKA
else
    setsid "$walbridge" broker >"$work/broker.out" 2>"$work/broker.log" &
    pids="$! $pids"
    kafka=$(first_line "$work/broker.out" '^bootstrap.servers=' "the embedded Kafka endpoint")
    kafka=${kafka#*=}
fi
if [ -n "${BIGQUERY:-}" ]; then
    bigquery=$BIGQUERY
else
    setsid python3 tests/fakebq/fakebq.py --port 0 --port-file "$work/bigquery.port" --project "$project" \
        >"$work/bigquery.log" 2>&1 &
    pids="$! $pids"
    bigquery=http://127.0.0.1:$(first_line "$work/bigquery.port" . "the BigQuery stand-in")
fi
python3 deploy/demo_show.py dataset "$bigquery" "$project" "$dataset"
eval "$(tests/pg.sh start "$work/pg" --until $$)"
psql="psql -X -q -v ON_ERROR_STOP=1 -d inventory"
createdb inventory
say "PostgreSQL on 127.0.0.1:$PGPORT, Kafka on $kafka, BigQuery on $bigquery"

say "The table, with two rows in it (deploy/inventory.sql)"
sed '/^--/d' deploy/inventory.sql
$psql -f deploy/inventory.sql

# ---- walbridge -----------------------------------------------------------------------------------------------------

begin=$(kcat -q -b "$kafka" -Q -t "$topic:0:-1" 2>/dev/null | sed -n 's/.*offset \([0-9]*\)$/\1/p') || true
begin=${begin:-0}
shown=$begin

say "walbridge run deploy/inventory-connector.json --sink kafka --sink bigquery"
export DATABASE_HOSTNAME=127.0.0.1 DATABASE_USER=postgres DATABASE_PASSWORD=none BOOTSTRAP_SERVERS="$kafka"
setsid "$walbridge" run deploy/inventory-connector.json --sink kafka --sink bigquery \
    --set "database.port=$PGPORT" --set "offset.storage.file.filename=$work/offsets.dat" \
    --set "walbridge.bigquery.endpoint=$bigquery" --set "walbridge.bigquery.project=$project" \
    --set "walbridge.bigquery.dataset=$dataset" --set walbridge.bigquery.mapping=deploy/inventory-mapping.json \
    >"$work/walbridge.log" 2>&1 &
bridge=$!
pids="$bridge $pids"
wait_records 2

say "Changes (deploy/inventory-changes.sql)"
cat deploy/inventory-changes.sql
$psql -f deploy/inventory-changes.sql
wait_records 6 # insert, update, delete and its tombstone
wait_rows 5

# ---- what came of it -----------------------------------------------------------------------------------------------

say "Kafka, topic $topic (kcat -b $kafka -t $topic -e shows them whole, with their schemas)"
show_records
say "BigQuery, table $dataset.$table"
bigquery_rows

if [ -t 0 ] && [ -t 1 ]; then
    say "Your turn: SQL on one line, for example  UPDATE inventory SET available = 0;   (empty line: end)"
    while printf 'inventory=> ' && read -r sql && [ -n "$sql" ]; do
        psql -X -d inventory -c "$sql" || continue
        sleep 0.5
        show_records
    done
fi

say "walbridge stops on SIGTERM: what is on its way is delivered, the offset stored"
kill "$bridge"
code=0
wait "$bridge" || code=$?
pids=$(echo " $pids " | sed "s/ $bridge / /")
[ "$code" -eq 0 ] || fail "walbridge ended with $code; see $work/walbridge.log"
echo "exit code 0; its log is $work/walbridge.log"
