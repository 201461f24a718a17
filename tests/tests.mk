## test           unit, SQL, short fuzz, golden and integration tests: what a change has to pass
## golden         recorded scenarios byte for byte     PYTEST_ARGS="-k inventory"
## integration    the program on real servers          PYTEST_ARGS="-k restart -x"
## test-long      kill -9 in a loop under load, then test-versions, test-takeover   KILLS=100 WRITERS=8 RATE=4000
## test-versions  what hangs on the server's version, on others     POSTGRES="/usr/lib/postgresql/12 …"   PYTEST_ARGS="-k standby"
## test-takeover  a real Connect worker and walbridge in turns under load     REAL_CONNECT_LIBS=… REAL_CONNECT_PLUGINS=… ROUNDS=2

.PHONY: test golden integration test-long test-versions test-takeover

# One after the other, also under -j: their closing lines should not mix. A make of its own for the build: this one
# looked for libraries before they were installed.
test:
	@deploy/install-deps.sh test
	$(MAKE) -s -j2 all
	$(MAKE) -s -j2 unit
	$(MAKE) -s sql-test
	$(MAKE) -s fuzz FUZZ_SECONDS=5
	$(MAKE) -s golden
	$(MAKE) -s integration

PYTEST_ARGS ?=
# $@ has its own folder under out/, emptied at every start: logs of the last run stay there to be read.
RUN_PYTEST = mkdir -p out/tests/$(BUILD) && BUILD=$(BUILD) PYTHONDONTWRITEBYTECODE=1 tests/python.sh -m pytest -q \
	-p no:cacheprovider --basetemp=out/tests/$(BUILD)/$@

golden: all
	$(RUN_PYTEST) tests/integration/test_golden.py $(PYTEST_ARGS)

integration: all
	$(RUN_PYTEST) tests/integration --ignore=tests/integration/test_golden.py $(PYTEST_ARGS)

test-long: all
	BUILD=$(BUILD) tests/python.sh tests/integration/kill_loop.py
	BUILD=$(BUILD) tests/python.sh tests/integration/kill_snapshot.py
	BUILD=$(BUILD) tests/python.sh tests/integration/incremental_loop.py
	BUILD=$(BUILD) tests/versions.sh $(POSTGRES)
	BUILD=$(BUILD) tests/python.sh tests/integration/takeover.py

test-versions: all
	BUILD=$(BUILD) PYTEST_ARGS="$(PYTEST_ARGS)" tests/versions.sh $(POSTGRES)

test-takeover: all
	BUILD=$(BUILD) tests/python.sh tests/integration/takeover.py
