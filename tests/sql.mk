## sql-test       what sql/ installs, on a private PostgreSQL (pgTAP)     PGVERSION=12..18

.PHONY: sql-test
sql-test:
	@sh tests/sql/run.sh
