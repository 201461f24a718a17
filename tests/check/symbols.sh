#!/bin/sh
# What the object files export and use:
# - a non-static symbol begins with its module: the name of the file, a word of it, or of the folder (also in the singular);
#   a struct or enum that the header of that name, or of its first word, declares; or what tests/check/prefixes lists;
# - no symbol is defined twice in different files;
# - the decoder uses no thread, no clock, no socket and no file; zone.c reads time zones at start.
#
#   symbols.sh out/BUILD
out=$1
failed=0
defined=$(mktemp) && used=$(mktemp) || exit 1
trap 'rm -f "$defined" "$used"' EXIT

for layer in base decoder sinks replicator; do
    [ -d "$out/$layer" ] || continue
    find "$out/$layer" -name '*.o' | while read -r o; do
        source=${o#"$out"/}
        source=${source%.o}.c
        # A source that is gone leaves its object behind.
        [ -f "$source" ] || continue
        gcc-nm --defined-only --extern-only "$o" | awk -v f="$source" 'NF == 3 { print f, $3 }'
    done
done | sort -u >"$defined"

prefixes_of() {
    stem=$(basename "$1" .c)
    folder=$(basename "$(dirname "$1")")
    printf '%s\n' "$stem" "$folder" "${folder%s}"
    echo "$stem" | tr '_' '\n'
    for h in "$(dirname "$1")/$stem.h" "$(dirname "$1")/${stem%%_*}.h"; do
        [ -f "$h" ] && sed -nE 's/^(typedef +)?(struct|enum) ([a-z0-9]+)_?[a-z0-9_]* *[{;].*/\3/p' "$h"
    done
    grep -v '^#' tests/check/prefixes | while read -r pattern prefix _; do
        # shellcheck disable=SC2254  # the pattern is meant as one
        case $1 in $pattern) echo "$prefix" ;; esac
    done
}

for f in $(cut -d' ' -f1 "$defined" | sort -u); do
    allowed=$(prefixes_of "$f" | sort -u | paste -sd'|')
    strays=$(awk -v f="$f" '$1 == f { print $2 }' "$defined" | grep -vE "^($allowed)(_|$)" | grep -vE '^(main|__|DW\.)')
    if [ -n "$strays" ]; then
        echo "$f: symbols without the prefix of their module ($allowed):" $strays
        failed=1
    fi
done

twice=$(cut -d' ' -f2 "$defined" | grep -v '^__' | sort | uniq -d)
for s in $twice; do
    echo "$s is defined in" $(awk -v s="$s" '$2 == s { print $1 }' "$defined")
    failed=1
done

if [ -f "$out/libdecoder.a" ]; then
    gcc-nm --undefined-only -A "$out/libdecoder.a" >"$used"
    awk '{ sub(/@.*/, "", $NF); print $1, $NF }' "$used" | grep -vE ':zone\.o: f(open|read)(64)?$' | grep -E \
        ' (pthread_.*|thrd_.*|mtx_.*|time|clock|clock_.*|gettimeofday|timespec_get|nanosleep|usleep|sleep|socket|connect|accept|bind|listen|send|sendto|recv|recvfrom|poll|ppoll|select|epoll_.*|open|open64|openat|fopen|fopen64|freopen|popen|read|write|pread|pwrite|fread|fwrite|fork|system)$' &&
        {
            echo "the decoder has no I/O, no threads and no clock"
            failed=1
        }
fi
exit $failed
