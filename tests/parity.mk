## parity         recorded scenarios on real servers   PARITY=…/parity.py SCENARIOS="types-* ops-*" VERB=check|twin
## parity-fuzz    random rounds beside the real Debezium    SEED=1 ROUNDS=500 PARITY_PG=… PARITY_BOOTSTRAP=… PARITY_CONNECT=…

.PHONY: parity parity-fuzz

SCENARIOS ?= types-* ops-* ddl-*
VERB ?= check
SEED ?= 1
ROUNDS ?= 500

# tests/parity/README.md says what PARITY has to be, and which servers are needed.
parity: all
	@test -n "$(PARITY)" || { echo 'parity: which parity.py? make parity PARITY=/path/to/parity.py (tests/parity/README.md)' >&2; exit 2; }
	@test -f "$(PARITY)" || { echo 'parity: there is no $(PARITY)' >&2; exit 2; }
	python3 $(PARITY) $(VERB) $(foreach s,$(SCENARIOS),'$(s)') --exec '$(CURDIR)/walbridge run {config}' $(PARITY_ARGS)

parity-fuzz: all
	@PYTHONDONTWRITEBYTECODE=1 python3 tests/parity/fuzz.py --seed $(SEED) --rounds $(ROUNDS) $(PARITY_ARGS)
