#!/bin/sh
# Runs one fuzz target for some seconds; a crash leaves its input under OUT/crashes.
#
#   run-fuzz.sh OUT NAME SECONDS
out=$1
name=$2
seconds=$3
corpus=$out/corpus/$name
mkdir -p "$corpus" "$out/crashes"
seeds=tests/fuzz/corpus/$name
[ -d "$seeds" ] || seeds=
log=$out/$name.log
if "$out/tests/fuzz/$name" -max_total_time="$seconds" -max_len=4096 -rss_limit_mb=2048 -timeout=10 \
    -artifact_prefix="$out/crashes/$name-" -print_final_stats=1 "$corpus" $seeds >"$log" 2>&1; then
    echo "ok    $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs in $seconds s"
else
    echo "FAIL  $name: the end of $log:"
    tail -n 40 "$log"
    exit 1
fi
