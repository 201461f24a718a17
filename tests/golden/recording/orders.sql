-- What orders.rec recorded (PostgreSQL 15, slot and publication made after the first line). orders.jsonl is what
--   walbridge decode orders.rec
-- prints.
CREATE PUBLICATION wbrec FOR ALL TABLES;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TABLE item (id int PRIMARY KEY, name text NOT NULL DEFAULT 'none', price numeric(8,2), mood mood DEFAULT 'ok', tags text[], seen timestamptz, body text);
CREATE TABLE line (a int, b int, n bigint, PRIMARY KEY (b, a));
CREATE TABLE plain (v text);
ALTER TABLE plain REPLICA IDENTITY FULL;
CREATE TABLE other (id int PRIMARY KEY);
SELECT pg_create_logical_replication_slot('wbrec', 'pgoutput');
INSERT INTO item VALUES (1, 'nail', 0.05, 'happy', '{a,"b c"}', '2026-01-02 03:04:05.678901+00', repeat('x', 10));
BEGIN;
INSERT INTO item (id) VALUES (2);
UPDATE item SET price = 1.50 WHERE id = 1;
INSERT INTO line VALUES (1, 2, 3), (1, 3, 9007199254740993);
COMMIT;
UPDATE line SET a = 7 WHERE b = 2;
DELETE FROM item WHERE id = 2;
INSERT INTO plain VALUES ('one'), (NULL);
UPDATE plain SET v = 'two' WHERE v = 'one';
DELETE FROM plain;
SELECT pg_logical_emit_message(true, 'audit', 'in'), pg_logical_emit_message(false, 'audit', 'out');
TRUNCATE item, line;
ALTER TYPE mood ADD VALUE 'great';
ALTER TABLE item ADD COLUMN extra mood NOT NULL DEFAULT 'sad';
INSERT INTO item (id, mood) VALUES (3, 'great');
INSERT INTO item (id, name, body) SELECT 4, 'big', string_agg(md5(i::text), '') FROM generate_series(1, 200) i;
UPDATE item SET name = 'bigger' WHERE id = 4;
BEGIN;
INSERT INTO other VALUES (1);
ROLLBACK;
COPY plain FROM stdin;
c1
c2
\.
