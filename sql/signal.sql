-- The table of signal.data.collection, in Debezium's format: commands to a running connector, and the marks an incremental
-- snapshot writes around each chunk.
--
--   psql -d DATABASE -v role=walbridge -f sql/signal.sql
--
--   signal.data.collection = walbridge.debezium_signal
--
--   INSERT INTO walbridge.debezium_signal (id, type, data) VALUES
--     ('ad-hoc-1', 'execute-snapshot', '{"data-collections": ["public.orders"], "type": "incremental"}');
--
-- Variables: role (walbridge), schema (walbridge), publication (dbz_publication): the table is added to it when it exists
-- and does not publish all tables; signals are read from the stream, so it has to be published. May be run again.

\set ON_ERROR_STOP on
\if :{?role} \else \set role walbridge \endif
\if :{?schema} \else \set schema walbridge \endif
\if :{?publication} \else \set publication dbz_publication \endif

CREATE SCHEMA IF NOT EXISTS :"schema";
CREATE TABLE IF NOT EXISTS :"schema".debezium_signal (
    id varchar(42) PRIMARY KEY,
    type varchar(32) NOT NULL,
    data varchar(2048)
);
GRANT USAGE ON SCHEMA :"schema" TO :"role";
-- DELETE for incremental.snapshot.watermarking.strategy=insert_delete, which removes its marks.
GRANT SELECT, INSERT, DELETE ON :"schema".debezium_signal TO :"role";

SELECT format('ALTER PUBLICATION %I ADD TABLE %I.debezium_signal', p.pubname, :'schema')
FROM pg_publication p
WHERE p.pubname = :'publication' AND NOT p.puballtables
  AND NOT EXISTS (SELECT FROM pg_publication_rel r
                  JOIN pg_class c ON c.oid = r.prrelid JOIN pg_namespace n ON n.oid = c.relnamespace
                  WHERE r.prpubid = p.oid AND n.nspname = :'schema' AND c.relname = 'debezium_signal') \gexec
