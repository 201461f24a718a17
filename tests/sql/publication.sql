\set QUIET on
\pset format unaligned
\pset tuples_only on
CREATE SCHEMA pub; CREATE TABLE pub.a (id int); CREATE TABLE pub."B b" (id int); CREATE TABLE pub.c (id int);
\set publication pub_two
\set tables 'pub.a, pub."B b"'
\i sql/publication.sql
\set tables pub.c
\o /dev/null
\i sql/publication.sql
\o
\set publication 'Pub All'
\set all 1
SELECT current_setting('server_version_num')::int >= 130000 AS has_root \gset
\if :has_root
\set via_root 1
\endif
\i sql/publication.sql

SELECT plan(4);
SELECT is(ARRAY(SELECT format('%I.%I', schemaname, tablename) FROM pg_publication_tables WHERE pubname = 'pub_two' ORDER BY tablename),
          ARRAY['pub."B b"', 'pub.a'], 'it publishes the tables named, and a second run changes nothing');
SELECT ok((SELECT pubinsert AND pubupdate AND pubdelete AND pubtruncate FROM pg_publication WHERE pubname = 'pub_two'), 'it publishes every operation');
SELECT ok((SELECT puballtables FROM pg_publication WHERE pubname = 'Pub All'), 'all=1 publishes all tables');
\if :has_root
SELECT is(ARRAY(SELECT pubviaroot FROM pg_publication WHERE pubname IN ('pub_two', 'Pub All') ORDER BY pubviaroot), ARRAY[false, true], 'via_root=1 publishes partitions as their root');
\else
SELECT skip('this server cannot publish partitions as their root', 1);
\endif
SELECT * FROM finish();
