# Golden and integration tests: pytest on real servers. PYTEST_ARGS="-k restart -x" picks some.

.PHONY: golden integration test-long

PYTEST_ARGS ?=
RUN_PYTEST = BUILD=$(BUILD) PYTHONDONTWRITEBYTECODE=1 tests/python.sh -m pytest -q -p no:cacheprovider \
    --basetemp="$$(mktemp -d $${TMPDIR:-/tmp}/walbridge-test.XXXXXX)/t"

golden: all
	$(RUN_PYTEST) tests/integration/test_golden.py $(PYTEST_ARGS)

integration: all
	$(RUN_PYTEST) tests/integration --ignore=tests/integration/test_golden.py $(PYTEST_ARGS)

# kill -9 in a loop under load: KILLS, WRITERS, RATE (rows a second, all writers together).
test-long: all
	BUILD=$(BUILD) tests/python.sh tests/integration/kill_loop.py
