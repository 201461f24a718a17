# walbridge. `make` builds ./walbridge, a link to that of the last debug or release build; the other builds' stays in
# out/$(BUILD)/, where all objects live. `make help` lists the targets.
#
#   BUILD=debug|release|asan|tsan|cov|fuzz    WERROR=0    CC=…    PREFIX=… DESTDIR=…

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

BUILD ?= debug
WERROR ?= 1
VERSION := 0.1.0
PREFIX ?= /usr/local
OUT := out/$(BUILD)

# ---- compiler -----------------------------------------------------------------------------------------------------------

ifeq ($(BUILD),fuzz)
CC := clang
else ifeq ($(origin CC),default)
CC := gcc
endif
AR := gcc-ar

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
	-Wwrite-strings -Wundef -Wcast-qual -Wvla -Wformat=2 -Wswitch-enum
ifneq ($(WERROR),0)
WARN += -Werror
endif

HARDEN := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong
SANITIZE_AU := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

CFLAGS_debug := -O1 -g -DFAULT_POINTS
CFLAGS_release := -O2 -g $(HARDEN) -flto=auto
CFLAGS_asan := -O1 -g -DFAULT_POINTS $(SANITIZE_AU)
CFLAGS_tsan := -O1 -g -DFAULT_POINTS -fsanitize=thread -fno-omit-frame-pointer
CFLAGS_cov := -O0 -g -DFAULT_POINTS --coverage
CFLAGS_fuzz := -O1 -g $(SANITIZE_AU) -fsanitize=fuzzer-no-link

LDFLAGS_release := -O2 -flto=auto -Wl,-z,relro,-z,now
LDFLAGS_asan := $(SANITIZE_AU)
LDFLAGS_tsan := -fsanitize=thread
LDFLAGS_cov := --coverage
LDFLAGS_fuzz := $(SANITIZE_AU)

ifeq ($(origin CFLAGS_$(BUILD)),undefined)
$(error BUILD=$(BUILD) is none of debug, release, asan, tsan, cov, fuzz)
endif

# Each layer brings its own libraries, so that a decoder test links without libpq, Kafka or curl.
PKGS_base :=
PKGS_decoder := libpcre2-8 libcrypto jansson
PKGS_sinks := rdkafka libcurl
PKGS_replicator := libpq libmicrohttpd
PKGS := $(PKGS_decoder) $(PKGS_sinks) $(PKGS_replicator)
# demo and test install what is missing first, and then run a make of their own.
ifeq ($(filter clean help demo test,$(MAKECMDGOALS)),)
PKGS_MISSING := $(strip $(foreach p,$(PKGS),$(shell pkg-config --exists $(p) || echo $(p))))
ifneq ($(PKGS_MISSING),)
$(warning missing libraries (pkg-config): $(PKGS_MISSING))
endif
# Other people's headers are not held to our warnings.
PKG_CFLAGS := $(patsubst -I%,-isystem %,$(shell pkg-config --cflags-only-I $(PKGS) 2>/dev/null))
LIBS_decoder := $(shell pkg-config --libs $(PKGS_decoder) 2>/dev/null)
LIBS_sinks := $(shell pkg-config --libs $(PKGS_sinks) 2>/dev/null)
LIBS_replicator := $(shell pkg-config --libs $(PKGS_replicator) 2>/dev/null)
endif
LIBS_base := -lpthread -lm

CPPFLAGS_ALL := -I. $(PKG_CFLAGS) -D_GNU_SOURCE -DWALBRIDGE_VERSION='"$(VERSION)"' $(CPPFLAGS)
CFLAGS_ALL := -std=c17 -pthread -fPIE $(WARN) $(CFLAGS_$(BUILD)) $(CFLAGS)
LDFLAGS_ALL := -pthread -pie -Wl,--as-needed $(LDFLAGS_$(BUILD)) $(LDFLAGS)

# ---- layers -------------------------------------------------------------------------------------------------------------

LAYERS := base decoder sinks replicator

# make V=1 shows the commands.
V ?= 0
HUSH_0 := @
HUSH_1 :=
Q = $(HUSH_$(V))
# SAY,what,file: one line for a step
SAY = $(if $(filter 0,$(V)),@printf '  %-4s %s\n' $(1) $(2))
MAIN := $(wildcard replicator/main.c)
SRCS := $(filter-out $(MAIN),$(sort $(shell find $(LAYERS) -name '*.c')))
HDRS := $(sort $(shell find $(LAYERS) -name '*.h'))
OBJS := $(SRCS:%.c=$(OUT)/%.o)

lib = $(OUT)/lib$(1).a
layer_objs = $(filter $(OUT)/$(1)/%,$(OBJS))

# What a program of each layer is linked with, in the order the linker wants: users before used.
ARCHIVES_base := $(call lib,base)
ARCHIVES_decoder := $(call lib,decoder) $(ARCHIVES_base)
ARCHIVES_sinks := $(call lib,sinks) $(ARCHIVES_decoder)
ARCHIVES_replicator := $(call lib,replicator) $(ARCHIVES_sinks)
LINK_base := $(LIBS_base)
LINK_decoder := $(LIBS_decoder) $(LINK_base)
LINK_sinks := $(LIBS_sinks) $(LINK_decoder)
LINK_replicator := $(LIBS_replicator) $(LINK_sinks)

BIN := $(OUT)/walbridge

.PHONY: all
all: $(ARCHIVES_replicator) $(if $(MAIN),$(BIN) $(if $(filter debug release,$(BUILD)),walbridge))

# Objects are made anew when the flags change.
$(OUT)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(subst ','\'',$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL))' | cmp -s - $@ || \
		echo '$(subst ','\'',$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL))' > $@
.PHONY: FORCE
FORCE:

$(OUT)/%.o: %.c $(OUT)/flags
	@mkdir -p $(@D)
	$(call SAY,CC,$@)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -c $< -o $@

# An archive is made anew, never updated: a member whose source is gone must not stay.
define layer_rule
$(call lib,$(1)): $(call layer_objs,$(1))
	@mkdir -p $$(@D)
	@rm -f $$@
	$$(call SAY,AR,$$@)
	$$(Q)$$(AR) rcs $$@ $$^
endef
$(foreach layer,$(LAYERS),$(eval $(call layer_rule,$(layer))))

$(BIN): $(MAIN:%.c=$(OUT)/%.o) $(ARCHIVES_replicator)
	$(call SAY,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LINK_replicator)

.PHONY: walbridge
walbridge: $(BIN)
	@ln -sf $(BIN) $@

# ---- unit tests: tests/unit/test_*.c, each a cmocka program --------------------------------------------------------------

TESTS := $(sort $(wildcard tests/unit/test_*.c))
TEST_HELPERS := $(filter-out $(TESTS),$(sort $(wildcard tests/unit/*.c)))
TEST_BINS := $(TESTS:%.c=$(OUT)/%)

# A test is of the highest layer that it, or a .c it takes in, includes.
tests_naming = $(if $(TESTS),$(shell grep -lE '^ *\# *include "$(1)/' $(TESTS) /dev/null))
TESTS_replicator := $(call tests_naming,replicator)
TESTS_sinks := $(filter-out $(TESTS_replicator),$(call tests_naming,sinks))
TESTS_decoder := $(filter-out $(TESTS_replicator) $(TESTS_sinks),$(call tests_naming,decoder))
TESTS_base := $(filter-out $(TESTS_replicator) $(TESTS_sinks) $(TESTS_decoder),$(TESTS))

$(OUT)/libtest.a: $(TEST_HELPERS:%.c=$(OUT)/%.o)
	@mkdir -p $(@D)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

define test_rule
$(TESTS_$(1):%.c=$(OUT)/%): $(OUT)/%: $(OUT)/%.o $(OUT)/libtest.a $(ARCHIVES_$(1))
	$$(call SAY,LD,$$@)
	$$(Q)$$(CC) $$(LDFLAGS_ALL) -o $$@ $$< $(OUT)/libtest.a $(ARCHIVES_$(1)) -lcmocka $(LINK_$(1))
endef
$(foreach layer,$(LAYERS),$(if $(TESTS_$(layer)),$(eval $(call test_rule,$(layer)))))
.PRECIOUS: $(OUT)/tests/unit/%.o

# UNIT="test_num test_buf" runs those. All are run, and the failed ones named at the end.
UNIT ?= $(notdir $(TEST_BINS))
.PHONY: unit
unit: $(filter $(addprefix %/,$(UNIT)),$(TEST_BINS))
	@sh tests/check/run-unit.sh $^

# ---- checks -------------------------------------------------------------------------------------------------------------

FORMATTED = $(sort $(SRCS) $(MAIN) $(HDRS) $(wildcard tests/unit/*.[ch] tests/fuzz/*.[ch] tests/bench/*.[ch]))
CLANG_FORMAT ?= clang-format-14
CLANG_TIDY ?= clang-tidy-14

.PHONY: check check-format check-tidy check-cppcheck check-layers check-headers check-symbols
.PHONY: check-release format
check: check-format check-layers check-headers check-symbols check-release check-cppcheck check-tidy

check-format:
	@bad=; for f in $(FORMATTED); do $(CLANG_FORMAT) $$f | cmp -s - $$f || bad="$$bad $$f"; done; \
		test -z "$$bad" || { echo "not formatted (make format F=...):$$bad"; exit 1; }

# make format F="base/num.c …": only what is named.
format:
	$(CLANG_FORMAT) -i $(F)

check-layers:
	@sh tests/check/layers.sh $(SRCS) $(MAIN) $(HDRS)

# Each header compiles alone, so that the order of includes never matters.
HEADER_STAMPS := $(HDRS:%=$(OUT)/alone/%.o)
check-headers: $(HEADER_STAMPS)
$(OUT)/alone/%.h.o: %.h $(OUT)/flags
	@mkdir -p $(@D)
	@$(CC) $(CPPFLAGS_ALL) $(filter-out -flto%,$(CFLAGS_ALL)) -Wno-unused-function -MMD -MP -c -x c $< -o $@

check-symbols: $(ARCHIVES_replicator)
	@sh tests/check/symbols.sh $(OUT)

# Some warnings are only found by the optimizer.
check-release:
	@$(MAKE) --no-print-directory BUILD=release out/release/walbridge

check-cppcheck:
	@mkdir -p out/cppcheck
	@cppcheck --quiet --std=c11 --language=c --platform=unix64 --error-exitcode=1 --inline-suppr \
		--enable=warning,performance,portability --suppressions-list=tests/check/cppcheck.txt \
		--include=tests/check/cppcheck.h --cppcheck-build-dir=out/cppcheck -j 2 -I. -D_GNU_SOURCE -DFAULT_POINTS \
		-DWALBRIDGE_VERSION='"$(VERSION)"' -U__SSE2__ $(SRCS) $(MAIN)

# A file is looked at again when it, or a header it includes, changed.
TIDY_STAMPS := $(patsubst %.c,$(OUT)/tidy/%.ok,$(SRCS) $(MAIN))
check-tidy: $(TIDY_STAMPS)
$(OUT)/tidy/%.ok: %.c $(OUT)/%.o .clang-tidy
	@mkdir -p $(@D)
	@$(CLANG_TIDY) --quiet --warnings-as-errors='*' $< -- -std=c17 $(CPPFLAGS_ALL) -DFAULT_POINTS 2>$@.log || \
		{ cat $@.log; rm -f $@.log; exit 1; }
	@rm -f $@.log
	@touch $@

# ---- sanitizers, coverage -----------------------------------------------------------------------------------------------

.PHONY: asan tsan cov
asan tsan:
	$(MAKE) BUILD=$@ unit

cov:
	@find out/cov -name '*.gcda' -delete 2>/dev/null || true
	$(MAKE) BUILD=cov unit
	@sh tests/check/coverage.sh out/cov $(SRCS)

# ---- install ------------------------------------------------------------------------------------------------------------

.PHONY: install
install:
	$(MAKE) BUILD=release all
	mkdir -p $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions
	install -m 755 out/release/walbridge $(DESTDIR)$(PREFIX)/bin/walbridge
	out/release/walbridge help --man > out/release/walbridge.1
	install -m 644 out/release/walbridge.1 $(DESTDIR)$(PREFIX)/share/man/man1/walbridge.1
	out/release/walbridge completion bash > out/release/walbridge.bash
	install -m 644 out/release/walbridge.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/walbridge

.PHONY: clean help
clean:
	rm -rf out walbridge

help:
	@echo 'all (default)  build ./walbridge            BUILD=debug|release|asan|tsan|cov|fuzz, WERROR=0'
	@echo 'unit           build and run unit tests     UNIT=test_num runs one'
	@echo 'check          format, layers, headers, symbols, release, cppcheck, clang-tidy (check-NAME runs one)'
	@echo 'format         clang-format files           F="base/num.c …"'
	@echo 'asan tsan cov  unit tests under the sanitizers; line coverage'
	@echo 'install        into PREFIX (/usr/local) under DESTDIR, with man page and completion'
	@echo 'clean          remove out/ and ./walbridge'
	@sed -n 's/^## //p' $(wildcard tests/*.mk deploy/*.mk docs/*.mk) /dev/null

# Targets of the other folders (test, demo, bench, fuzz, docs, …); a line "## name  text" in one shows up in `make help`.
-include $(sort $(wildcard tests/*.mk deploy/*.mk docs/*.mk))
-include $(OBJS:.o=.d) $(MAIN:%.c=$(OUT)/%.d) $(TEST_BINS:=.d) $(TEST_HELPERS:%.c=$(OUT)/%.d) $(HEADER_STAMPS:.o=.d)
