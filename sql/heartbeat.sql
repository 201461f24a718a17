-- A table for heartbeat.action.query. walbridge does not need it: an idle database's slot moves on without anything being
-- written to it. It is for those who want to see a round trip, or whose other readers of the same database need it.
--
--   psql -d DATABASE -v role=walbridge -f sql/heartbeat.sql
--
--   heartbeat.interval.ms  = 10000
--   heartbeat.action.query = INSERT INTO walbridge.heartbeat (id, at) VALUES (1, now()) ON CONFLICT (id) DO UPDATE SET at = now()
--
-- Variables: role (walbridge), schema (walbridge). Without a table and without any right the same is done by
-- SELECT pg_logical_emit_message(true, 'heartbeat', now()::text). May be run again.

\set ON_ERROR_STOP on
\if :{?role} \else \set role walbridge \endif
\if :{?schema} \else \set schema walbridge \endif

CREATE SCHEMA IF NOT EXISTS :"schema";
CREATE TABLE IF NOT EXISTS :"schema".heartbeat (
    id int PRIMARY KEY,
    at timestamptz NOT NULL
);
GRANT USAGE ON SCHEMA :"schema" TO :"role";
GRANT SELECT, INSERT, UPDATE ON :"schema".heartbeat TO :"role";
