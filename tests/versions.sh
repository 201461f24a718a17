#!/bin/sh
# usage: tests/versions.sh FOLDER ...
#
# The tests that hang on the server's version (snapshots, signals, streaming, standbys), with the PostgreSQL programs of each FOLDER
# (initdb and postgres in it or in its bin). Part of `make test-long`. PYTEST_ARGS as for `make integration`.
set -u
cd "$(dirname "$0")/.." || exit 1
[ $# -gt 0 ] || {
    echo "versions: skipped, no other PostgreSQL is named: POSTGRES=\"/usr/lib/postgresql/12 /usr/lib/postgresql/18\""
    exit 0
}
tests="snapshot_reader snapshot_resume snapshot_modes snapshot_ddl signals stream tables offsets standby failover"
failed=
for folder; do
    bin=$folder
    [ -x "$bin/initdb" ] || bin=$folder/bin
    version=$("$bin/postgres" --version) || {
        echo "versions: $folder has no PostgreSQL programs" >&2
        failed="$failed $folder"
        continue
    }
    echo "$version ($folder)"
    # A folder under out/, emptied at every start: logs of the last run stay there to be read.
    out=out/tests/${BUILD:-debug}
    mkdir -p "$out"
    # shellcheck disable=SC2046,SC2086
    PGBIN=$bin PYTHONDONTWRITEBYTECODE=1 tests/python.sh -m pytest -q -p no:cacheprovider \
        --basetemp="$out/version-$(echo "$version" | grep -oE '[0-9]+' | head -1)" \
        $(for t in $tests; do echo "tests/integration/test_$t.py"; done) ${PYTEST_ARGS:-} || failed="$failed $folder"
done
[ -z "$failed" ] || {
    echo "versions: failed with$failed" >&2
    exit 1
}
