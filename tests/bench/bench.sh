#!/bin/sh
# Benchmarks on a private PostgreSQL server under out/bench; see docs/performance.md.
#
#   tests/bench/bench.sh drain          a backlog of narrow inserts: the null sink and an embedded Kafka, side by side with
#                                       pg_recvlogical to /dev/null, over TCP and a Unix socket, interleaved
#   tests/bench/bench.sh snapshot       one table of narrow rows, beside COPY to /dev/null; EVENTS=12000000 for large figures
#   tests/bench/bench.sh instructions   instructions per event of the null sink (callgrind)
#   tests/bench/bench.sh distant        1 000 events a second to an embedded Kafka 0, 8 and 20 ms away: processor time
#   tests/bench/bench.sh startup        from starting the program to its first event
#
# WORKLOAD=narrow|single|huge|wide|toast|full|mixed (tests/bench/workloads.py), EVENTS=… (each has its own number), ROUNDS=3,
# ONLY="null.tcp kafka" (patterns), WALBRIDGE=out/release/walbridge. Every single figure is in out/bench/results.jsonl.
set -eu
cd "$(dirname "$0")/../.."
: "${WALBRIDGE:=$PWD/out/release/walbridge}"
export WALBRIDGE
[ -x "$WALBRIDGE" ] || {
    echo "bench: $WALBRIDGE is not built: make BUILD=release" >&2
    exit 1
}
case ${1:-drain} in
drain | snapshot | instructions | startup | distant) exec python3 tests/bench/bench.py "${1:-drain}" ;;
*)
    sed -n '2,13s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
