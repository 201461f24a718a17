#!/bin/sh
# Runs a Python that has the modules the tests need: PYTHON, the first on the path, or the distribution's.
for python in "${PYTHON:-python3}" /usr/bin/python3; do
    "$python" -c 'import pytest, psycopg, confluent_kafka' 2>/dev/null && exec "$python" "$@"
done
echo "tests/python.sh: no Python with pytest, psycopg and confluent_kafka: run deploy/install-deps.sh test" >&2
exit 1
