# Reference pages that the program prints itself.
#
## docs           print the reference pages in docs/ anew
## check-docs     fail when a committed one differs from what the program prints

DOCS := docs/configuration.md docs/transforms-reference.md docs/cli.md docs/types.md docs/rest.md docs/metrics.md

# What prints each page.
PAGE_docs/configuration.md := --markdown-config
PAGE_docs/transforms-reference.md := --markdown-transforms
PAGE_docs/cli.md := --markdown-cli
PAGE_docs/types.md := types
PAGE_docs/rest.md := rest
PAGE_docs/metrics.md := metrics

.PHONY: docs check-docs
docs: $(BIN)
	@for page in $(foreach d,$(DOCS),$(d):$(PAGE_$(d))); do \
		$(BIN) help "$${page#*:}" > out/page.md && mv out/page.md "$${page%%:*}" || exit 1; done

check-docs: $(BIN)
	@for page in $(foreach d,$(DOCS),$(d):$(PAGE_$(d))); do \
		$(BIN) help "$${page#*:}" > out/page.md && cmp out/page.md "$${page%%:*}" || \
			{ echo "$${page%%:*} is not up to date: make docs"; exit 1; }; done

check: check-docs
