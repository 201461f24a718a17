-- Views for dashboards and alerts: what replication slots hold back, in one place for PostgreSQL 12 to 18.
--
--   psql -d DATABASE -f sql/monitoring.sql
--
--   walbridge.slot_lag       each slot: who holds it, what it retains, how far it is behind
--   walbridge.orphan_slots   those of them that nobody reads and that hold WAL back
--   walbridge.retained_wal   one row: how much WAL slots keep, and which one is to blame
--
-- Readable for members of pg_monitor. Variable: schema (walbridge). May be run again, also after an upgrade of the server.

\set ON_ERROR_STOP on
\if :{?schema} \else \set schema walbridge \endif
SELECT current_setting('server_version_num')::int >= 130000 AS walbridge_13,
       current_setting('server_version_num')::int >= 170000 AS walbridge_17 \gset

\set walbridge_status 'NULL::text'
\set walbridge_safe 'NULL::bigint'
\set walbridge_reason 'NULL::text'
\set walbridge_since 'NULL::timestamptz'
\set walbridge_synced 'false'
\set walbridge_keep 'NULL::bigint'
\if :walbridge_13
\set walbridge_status s.wal_status
\set walbridge_safe s.safe_wal_size
\set walbridge_keep 'CASE WHEN (SELECT setting FROM pg_settings WHERE name = \'max_slot_wal_keep_size\') = \'-1\' THEN NULL ELSE pg_size_bytes(current_setting(\'max_slot_wal_keep_size\')) END'
\endif
\if :walbridge_17
\set walbridge_reason s.invalidation_reason
\set walbridge_since s.inactive_since
\set walbridge_synced s.synced
\endif

BEGIN;
CREATE SCHEMA IF NOT EXISTS :"schema";
DROP VIEW IF EXISTS :"schema".orphan_slots, :"schema".retained_wal, :"schema".slot_lag;

CREATE VIEW :"schema".slot_lag AS
SELECT s.slot_name::text AS slot,
       s.slot_type AS type,
       s.plugin::text AS plugin,
       s.database::text AS database,
       s.active,
       s.temporary,
       :walbridge_synced AS synced,
       s.active_pid AS pid,
       a.usename::text AS "user",
       a.application_name AS application,
       a.client_addr AS client,
       :walbridge_status AS wal_status,
       :walbridge_safe AS safe_bytes,
       :walbridge_reason AS invalidation_reason,
       :walbridge_since AS inactive_since,
       s.restart_lsn,
       s.confirmed_flush_lsn,
       greatest(pg_wal_lsn_diff(w.lsn, s.restart_lsn), 0)::bigint AS retained_bytes,
       greatest(pg_wal_lsn_diff(w.lsn, s.confirmed_flush_lsn), 0)::bigint AS lag_bytes,
       -- What the walsender measures from its client's replies; unknown (null) while nobody reads, unless nothing waits.
       CASE WHEN s.confirmed_flush_lsn >= w.lsn THEN interval '0' ELSE r.flush_lag END AS lag
FROM pg_replication_slots s
CROSS JOIN (SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END AS lsn) w
LEFT JOIN pg_stat_activity a ON a.pid = s.active_pid
LEFT JOIN pg_stat_replication r ON r.pid = s.active_pid;

CREATE VIEW :"schema".orphan_slots AS
SELECT slot, type, plugin, database, wal_status, safe_bytes, invalidation_reason, inactive_since, retained_bytes, lag_bytes
FROM :"schema".slot_lag
WHERE NOT active AND NOT synced;

CREATE VIEW :"schema".retained_wal AS
SELECT count(*) AS slots,
       count(*) FILTER (WHERE NOT active AND NOT synced) AS orphans,
       coalesce(max(retained_bytes), 0) AS retained_bytes,
       (array_agg(slot ORDER BY retained_bytes DESC NULLS LAST))[1] AS oldest_slot,
       min(safe_bytes) AS least_safe_bytes,
       :walbridge_keep AS max_keep_bytes
FROM :"schema".slot_lag;

COMMENT ON VIEW :"schema".slot_lag IS 'Replication slots: who holds each, what it retains, how far it is behind';
COMMENT ON VIEW :"schema".orphan_slots IS 'Replication slots nobody reads; each holds WAL back until it is read or dropped';
COMMENT ON VIEW :"schema".retained_wal IS 'WAL that slots keep on disk; max_keep_bytes null: without limit';
GRANT USAGE ON SCHEMA :"schema" TO pg_monitor;
GRANT SELECT ON :"schema".slot_lag, :"schema".orphan_slots, :"schema".retained_wal TO pg_monitor;
COMMIT;
