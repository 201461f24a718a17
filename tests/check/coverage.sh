#!/bin/sh
# Line coverage of each source file, lowest first, and of all. A file that a test takes in by #include is measured there.
#
#   coverage.sh out/cov FILE...
out=$1
shift
{
    printf 'want %s\n' "$@"
    find "$out" -name '*.gcda' | while read -r data; do
        gcov -n "$data" 2>/dev/null
    done
} | awk '
    $1 == "want" { percent[$2] = 0; lines[$2] = 0; next }
    /^File / { split($0, quoted, "\047"); file = quoted[2]; next }
    /^Lines executed/ && file in percent {
        split($0, a, /[:% ]+/)
        if (a[3] + 0 >= percent[file]) { percent[file] = a[3]; lines[file] = a[5] }
    }
    { file = "" }
    END { for (f in percent) printf "%s %s %s\n", percent[f], lines[f], f }' | sort -n | awk '
    { printf "%6.1f %%  %5d lines  %s\n", $1, $2, $3; hit += $1 * $2 / 100; all += $2 }
    END { if (all) printf "%6.1f %%  %5d lines  all\n", 100 * hit / all, all }'
