-- The role a connector connects as, with no more rights than it needs. Run by a superuser (RDS, Aurora: the master user):
--
--   psql -d DATABASE -v role=walbridge -v tables='public.orders, public.customers' -f sql/roles.sql
--   psql -d DATABASE -c '\password walbridge'
--
-- Variables: role (walbridge); tables, a list for GRANT (default: all tables there are in the schema named by schema,
-- public); schema (public), or a list of the schemas of the tables; monitor=1 grants pg_monitor, so that `walbridge slot
-- list` shows who holds a slot. May be run again.
--
-- REPLICATION lets a role read every row of the cluster and drop any slot: one role for each connector, its password in a
-- secret store, and pg_hba.conf open for its address only. Streaming itself needs no SELECT; the snapshot does.
-- Not needed: superuser, ownership of the tables (sql/publication.sql is run by the owner), any right to write, except on
-- the tables of sql/signal.sql and sql/heartbeat.sql.

\set ON_ERROR_STOP on
\if :{?role} \else \set role walbridge \endif
\if :{?schema} \else \set schema public \endif
\if :{?monitor} \else \set monitor 0 \endif

-- Snapshot workers, the stream, the catalog session, and one of each while an old connection is not yet noticed to be gone.
SELECT format('CREATE ROLE %I LOGIN CONNECTION LIMIT 12', :'role')
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \gexec

-- RDS and Aurora have no superuser, but a role that stands for the attribute.
SELECT CASE WHEN EXISTS (SELECT FROM pg_roles WHERE rolname = 'rds_replication')
            THEN format('GRANT rds_replication TO %I', :'role')
            ELSE format('ALTER ROLE %I REPLICATION', :'role') END \gexec

SELECT format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), :'role') \gexec
GRANT USAGE ON SCHEMA :schema TO :"role";
\if :{?tables}
GRANT SELECT ON :tables TO :"role";
\else
GRANT SELECT ON ALL TABLES IN SCHEMA :schema TO :"role";
\endif
\if :monitor
GRANT pg_monitor TO :"role";
\endif
