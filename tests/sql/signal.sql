\set QUIET on
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
CREATE ROLE signal_cdc LOGIN;
CREATE TABLE signal_t (id int); CREATE PUBLICATION signal_pub FOR TABLE signal_t; CREATE PUBLICATION signal_all FOR ALL TABLES;
\set role signal_cdc
\set publication signal_pub
\i sql/signal.sql
\i sql/signal.sql
\set publication signal_all
\i sql/signal.sql

SELECT plan(7);
SELECT col_type_is('walbridge', 'debezium_signal', 'id', 'character varying(42)', 'id as Debezium wants it');
SELECT col_type_is('walbridge', 'debezium_signal', 'type', 'character varying(32)', 'type as Debezium wants it');
SELECT col_type_is('walbridge', 'debezium_signal', 'data', 'character varying(2048)', 'data as Debezium wants it');
SELECT col_is_pk('walbridge', 'debezium_signal', 'id', 'id is the key');
SELECT is((SELECT count(*)::int FROM pg_publication_tables WHERE pubname = 'signal_pub' AND tablename = 'debezium_signal'), 1, 'the table is published');
SET ROLE signal_cdc;
SELECT lives_ok($$INSERT INTO walbridge.debezium_signal VALUES ('1', 'log', '{"message": "hello"}'); DELETE FROM walbridge.debezium_signal$$, 'the role writes and removes marks');
SELECT throws_ok($$TRUNCATE walbridge.debezium_signal$$, '42501', NULL, 'the role may do no more than that');
RESET ROLE;
SELECT * FROM finish();
