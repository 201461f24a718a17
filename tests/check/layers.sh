#!/bin/sh
# Includes point downwards (base <- decoder <- sinks <- replicator) and the libraries stay behind their fences.
#
#   layers.sh FILE...
exec awk '
function layer_rank(name) {
    return name == "base" ? 1 : name == "decoder" ? 2 : name == "sinks" ? 3 : name == "replicator" ? 4 : 0
}

BEGIN {
    # library header -> the paths that may include it
    fence["libpq-fe.h"] = "^replicator/pg/"
    fence["librdkafka/rdkafka.h"] = "^(sinks|replicator)/kafka/"
    fence["librdkafka/rdkafka_mock.h"] = "^(sinks|replicator)/kafka/"
    fence["curl/curl.h"] = "^sinks/http\\.c$"
    fence["microhttpd.h"] = "^replicator/rest/"
    # Control plane only: configuration, REST, answers of services; and the one transform that expands JSON payloads.
    fence["jansson.h"] = "^(replicator/|sinks/bigquery/|decoder/smt_outbox_expand)"
    # base is libc only.
    fence["pcre2.h"] = "^(decoder|sinks|replicator)/"
    base_fence = "^(openssl|pcre2|zlib|zstd|lz4)"
}

/^[ \t]*#[ \t]*include/ {
    match($0, /[<"][^>"]+[>"]/)
    quoted = substr($0, RSTART, 1) == "\""
    name = substr($0, RSTART + 1, RLENGTH - 2)
    mine = FILENAME
    sub(/\/.*/, "", mine)
    if (quoted) {
        theirs = name
        sub(/\/.*/, "", theirs)
        if (!layer_rank(theirs))
            bad(name " is not written from the root")
        else if (layer_rank(theirs) > layer_rank(mine))
            bad(mine " must not include " name)
    }
    if (name in fence && FILENAME !~ fence[name])
        bad(name " is fenced to " fence[name])
    if (mine == "base" && name ~ base_fence)
        bad("base takes libc only, not " name)
}

function bad(text) {
    printf "%s:%d: %s\n", FILENAME, FNR, text
    failed = 1
}

END { exit failed }
' "$@"
