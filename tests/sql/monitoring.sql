\set QUIET on
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
\i sql/monitoring.sql
\i sql/monitoring.sql
CREATE ROLE watcher LOGIN IN ROLE pg_monitor; CREATE ROLE stranger LOGIN;
SELECT count(*) AS x FROM (SELECT pg_create_logical_replication_slot('mon_old', 'pgoutput')) s \gset
CREATE TABLE mon_t AS SELECT g, repeat('x', 100) AS t FROM generate_series(1, 10000) g;
SELECT count(*) AS x FROM (SELECT pg_create_logical_replication_slot('mon_held', 'pgoutput', true)) s \gset

SELECT plan(10);
SELECT is((SELECT count(*)::int FROM walbridge.slot_lag WHERE slot LIKE 'mon\_%'), 2, 'every slot is listed');
SELECT ok((SELECT retained_bytes > 1000000 AND lag_bytes > 1000000 AND lag_bytes <= retained_bytes FROM walbridge.slot_lag WHERE slot = 'mon_old'), 'lag and retained WAL grow with what is written');
SELECT is((SELECT pid FROM walbridge.slot_lag WHERE slot = 'mon_held'), pg_backend_pid(), 'the holder of a slot is named');
SELECT is((SELECT wal_status FROM walbridge.slot_lag WHERE slot = 'mon_old'), CASE WHEN current_setting('server_version_num')::int >= 130000 THEN 'reserved' END, 'the state of its WAL is shown where the server knows it');
SELECT is(ARRAY(SELECT slot FROM walbridge.orphan_slots WHERE slot LIKE 'mon\_%'), ARRAY['mon_old'], 'an orphan is a slot nobody holds');
SELECT is((SELECT oldest_slot FROM walbridge.retained_wal), 'mon_old', 'the slot that holds most WAL is named');
SELECT is((SELECT max_keep_bytes FROM walbridge.retained_wal), NULL, 'no limit is null');
SET ROLE watcher;
SELECT lives_ok('SELECT * FROM walbridge.slot_lag, walbridge.orphan_slots, walbridge.retained_wal', 'pg_monitor reads the views');
RESET ROLE; SET ROLE stranger;
SELECT throws_ok('SELECT * FROM walbridge.slot_lag', '42501', NULL, 'others do not');
RESET ROLE;
SELECT count(*) AS x FROM (SELECT pg_drop_replication_slot('mon_old'), pg_drop_replication_slot('mon_held')) s \gset
SELECT is((SELECT retained_bytes FROM walbridge.retained_wal), 0::bigint, 'without slots nothing is retained');
SELECT * FROM finish();
