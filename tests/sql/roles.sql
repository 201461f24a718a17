\set QUIET on
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
CREATE SCHEMA roles_a; CREATE TABLE roles_a.captured (id int); CREATE TABLE roles_a.other (id int);
CREATE ROLE roles_all LOGIN; DROP ROLE roles_all;
\set role roles_cdc
\set schema roles_a
\set tables roles_a.captured
\i sql/roles.sql
\i sql/roles.sql
\unset tables
\set role 'Roles All'
\set monitor 1
\i sql/roles.sql

SELECT plan(13);
SELECT ok((SELECT rolcanlogin AND rolreplication FROM pg_roles WHERE rolname = 'roles_cdc'), 'the role may log in and replicate');
SELECT ok((SELECT NOT (rolsuper OR rolcreatedb OR rolcreaterole OR rolbypassrls) FROM pg_roles WHERE rolname = 'roles_cdc'), 'the role has no other attribute');
SELECT is((SELECT rolconnlimit FROM pg_roles WHERE rolname = 'roles_cdc'), 12, 'the number of its sessions is limited');
SELECT ok(has_table_privilege('roles_cdc', 'roles_a.captured', 'SELECT'), 'it reads a captured table');
SELECT ok(NOT has_table_privilege('roles_cdc', 'roles_a.captured', 'INSERT, UPDATE, DELETE, TRUNCATE'), 'it cannot write to a captured table');
SELECT ok(NOT has_table_privilege('roles_cdc', 'roles_a.other', 'SELECT'), 'it does not read another table');
SELECT ok(NOT has_database_privilege('roles_cdc', current_database(), 'CREATE'), 'it creates nothing in the database');
SELECT ok(NOT pg_has_role('roles_cdc', 'pg_monitor', 'MEMBER'), 'it is no member of pg_monitor unless asked for');
SELECT ok(has_table_privilege('Roles All', 'roles_a.other', 'SELECT'), 'without a list it reads all tables of the schema');
SELECT ok(pg_has_role('Roles All', 'pg_monitor', 'MEMBER'), 'monitor=1 makes it a member of pg_monitor');
SET ROLE roles_cdc;
SELECT lives_ok($$SELECT pg_create_logical_replication_slot('roles_slot', 'pgoutput')$$, 'it creates a slot');
SELECT lives_ok($$SELECT pg_drop_replication_slot('roles_slot')$$, 'it drops a slot');
SELECT throws_ok($$CREATE PUBLICATION roles_pub FOR TABLE roles_a.captured$$, '42501', NULL, 'it makes no publication');
RESET ROLE;
SELECT * FROM finish();
