-- The publication a connector reads, made by the owner of the tables (for all tables: a superuser), so that the connector's
-- role need not own them. Run it before the slot is created, i.e. before the connector's first start: a slot that is older
-- than its publication can never be read.
--
--   psql -d DATABASE -v tables='public.orders, public.customers' -f sql/publication.sql
--
-- Variables: publication (dbz_publication, the default of publication.name); tables, a list, or all=1 for all tables, now
-- and later; via_root=1 publishes partitions as their root (publish.via.partition.root,
-- PostgreSQL 13). Then set publication.autocreate.mode=disabled. An existing publication is left as it is.

\set ON_ERROR_STOP on
\if :{?publication} \else \set publication dbz_publication \endif
\if :{?all} \else \set all 0 \endif
\if :{?via_root} \else \set via_root 0 \endif
SELECT EXISTS (SELECT FROM pg_publication WHERE pubname = :'publication') AS walbridge_there,
       CASE WHEN :'via_root' = '1' THEN ' WITH (publish_via_partition_root = true)' ELSE '' END AS walbridge_with \gset
\if :walbridge_there
\echo publication :publication exists already and is left as it is
\elif :all
CREATE PUBLICATION :"publication" FOR ALL TABLES :walbridge_with;
\elif :{?tables}
CREATE PUBLICATION :"publication" FOR TABLE :tables :walbridge_with;
\else
DO $$BEGIN RAISE EXCEPTION 'no tables were named: give -v tables=... or -v all=1'; END$$;
\endif
