\set QUIET on
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
CREATE ROLE beat_cdc LOGIN;
\set role beat_cdc
\i sql/heartbeat.sql
\i sql/heartbeat.sql

SELECT plan(3);
SET ROLE beat_cdc;
SELECT lives_ok($$INSERT INTO walbridge.heartbeat (id, at) VALUES (1, now()) ON CONFLICT (id) DO UPDATE SET at = now()$$, 'the documented statement inserts');
SELECT lives_ok($$INSERT INTO walbridge.heartbeat (id, at) VALUES (1, now()) ON CONFLICT (id) DO UPDATE SET at = now()$$, 'and updates');
SELECT throws_ok($$DELETE FROM walbridge.heartbeat$$, '42501', NULL, 'the role may do no more than that');
RESET ROLE;
SELECT * FROM finish();
