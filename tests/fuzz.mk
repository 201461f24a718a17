# Fuzzing: each tests/fuzz/fuzz_NAME.c is a libFuzzer program over the archives of its layer. What it found stays in
# out/fuzz/corpus/NAME, so that the next run goes on from there; seeds that are kept live in tests/fuzz/corpus/NAME.
#
## fuzz           build and run each fuzz target, FUZZ_SECONDS (60) each; FUZZ="fuzz_json" runs one

FUZZ_SECONDS ?= 60
FUZZ_SOURCES := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZ ?= $(patsubst tests/fuzz/%.c,%,$(FUZZ_SOURCES))

.PHONY: fuzz fuzz-build
fuzz:
	@$(MAKE) BUILD=fuzz WERROR=0 fuzz-build
	@for name in $(FUZZ); do sh tests/check/run-fuzz.sh out/fuzz $$name $(FUZZ_SECONDS) || exit 1; done

ifeq ($(BUILD),fuzz)
FUZZ_BINS := $(FUZZ:%=$(OUT)/tests/fuzz/%)
fuzz-build: $(FUZZ_BINS)

fuzz_naming = $(if $(FUZZ_SOURCES),$(shell grep -lE '^ *\# *include "$(1)/' $(FUZZ_SOURCES) /dev/null))
FUZZ_replicator := $(call fuzz_naming,replicator)
FUZZ_sinks := $(filter-out $(FUZZ_replicator),$(call fuzz_naming,sinks))
FUZZ_decoder := $(filter-out $(FUZZ_replicator) $(FUZZ_sinks),$(call fuzz_naming,decoder))
FUZZ_base := $(filter-out $(FUZZ_replicator) $(FUZZ_sinks) $(FUZZ_decoder),$(FUZZ_SOURCES))

# A harness may check with jansson whatever its layer.
define fuzz_rule
$(FUZZ_$(1):%.c=$(OUT)/%): $(OUT)/%: $(OUT)/%.o $(ARCHIVES_$(1))
	$$(CC) $$(LDFLAGS_ALL) -fsanitize=fuzzer -o $$@ $$< $(ARCHIVES_$(1)) $(LINK_$(1)) -ljansson
endef
$(foreach layer,$(LAYERS),$(if $(FUZZ_$(layer)),$(eval $(call fuzz_rule,$(layer)))))
.PRECIOUS: $(OUT)/tests/fuzz/%.o
-include $(FUZZ_BINS:=.d)
endif
