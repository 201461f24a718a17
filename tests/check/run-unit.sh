#!/bin/sh
# Runs cmocka programs; prints what a failed one said, and the failed ones by name at the end.
failed=
count=0
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
for t in "$@"; do
    count=$((count + 1))
    if "$t" >"$log" 2>&1; then
        # "[  PASSED  ] 12 test(s)."
        printf 'ok    %-28s %s\n' "$(basename "$t")" "$(sed -n 's/.*PASSED *\] *//p' "$log" | head -n 1)"
    else
        printf 'FAIL  %s (exit %d)\n' "$(basename "$t")" $?
        cat "$log"
        failed="$failed $(basename "$t")"
    fi
done
if [ -n "$failed" ]; then
    echo "unit tests failed:$failed"
    exit 1
fi
echo "unit: $count programs passed"
