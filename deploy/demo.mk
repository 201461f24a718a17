## demo           PostgreSQL, Kafka, BigQuery and walbridge on the reference table    KAFKA=host:port BIGQUERY=url
## deps           installs what building, the demonstration and the tests need

.PHONY: demo deps

deps:
	deploy/install-deps.sh build demo test check

# A make of its own for the build: this one looked for libraries before they were installed.
demo:
	@deploy/install-deps.sh build demo
	@$(MAKE) -s -j2 all
	@KAFKA='$(KAFKA)' BIGQUERY='$(BIGQUERY)' sh deploy/demo.sh
