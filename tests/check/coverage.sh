#!/bin/sh
# Line coverage of each source file, lowest first, and of all.
#
#   coverage.sh out/cov FILE...
out=$1
shift
for f in "$@"; do
    if [ -f "$out/${f%.c}.gcda" ]; then
        # The block of the file itself; headers have blocks of their own.
        gcov -n -o "$out/$(dirname "$f")" "$f" 2>/dev/null | awk -v f="$f" '
            $0 == "File \047" f "\047" { mine = 1 }
            mine && /^Lines executed/ { split($0, a, /[:% ]+/); print a[3], a[5], f; mine = 0 }'
    else
        echo "0 0 $f"
    fi
done | sort -n | awk '
    { printf "%6.1f %%  %5d lines  %s\n", $1, $2, $3; hit += $1 * $2 / 100; all += $2 }
    END { if (all) printf "%6.1f %%  %5d lines  all\n", 100 * hit / all, all }'
