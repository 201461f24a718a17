#!/bin/sh
# Runs the pgTAP tests, or those given, on a private cluster.
set -eu
if [ -z "${PG_DATA:-}" ]; then
    command -v pg_prove >/dev/null || { echo "pg_prove not found: install libtap-parser-sourcehandler-pgtap-perl" >&2; exit 1; }
    exec tests/pg.sh run -- sh "$0" "$@"
fi
psql -X -q -v ON_ERROR_STOP=1 -c 'CREATE EXTENSION pgtap' || { echo "the server has no pgTAP: install postgresql-VERSION-pgtap" >&2; exit 1; }
[ $# -gt 0 ] || set -- tests/sql/*.sql
exec pg_prove "$@"
