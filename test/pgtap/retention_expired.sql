-- etl.truncate_expired: caches that are emptied at once where all of their rows have expired.
SELECT plan(25);
SET client_min_messages = error;
SET timezone = 'Asia/Kolkata';
CREATE UNLOGGED TABLE cache (id int GENERATED ALWAYS AS IDENTITY, expires_at timestamptz);
INSERT INTO cache (expires_at) VALUES ('2024-01-01'), ('2024-01-02'), (NULL), ('infinity'), ('-infinity');
SELECT results_eq($$ SELECT * FROM etl.truncate_expired('cache', 'expires_at', '2024-01-02', dry_run => true) $$,
                  $$ VALUES ('public.cache', 1::bigint, false) $$, 'a dry run counts');
SELECT is(count(*), 5::bigint, 'and removes nothing') FROM cache;
SELECT results_eq($$ SELECT * FROM etl.truncate_expired('cache', 'expires_at', '2024-01-02') $$,
                  $$ VALUES ('public.cache', 1::bigint, false) $$, 'what has expired is deleted');
SELECT is(array_agg(id ORDER BY id), '{2,3,4,5}', 'not what expires just then, or never') FROM cache;
DELETE FROM cache WHERE id > 2;
SELECT etl.add_legal_hold('h', 'cache', 'id = 2', 'r') \g /dev/null
SELECT results_eq($$ SELECT * FROM etl.truncate_expired('cache', 'expires_at', '2025-01-01') $$,
                  $$ VALUES ('public.cache', 0::bigint, false) $$, 'what is held stays');
SELECT etl.release_legal_hold('h', 'r') \g /dev/null
SELECT pg_relation_filenode('cache') AS node \gset
SELECT results_eq($$ SELECT * FROM etl.truncate_expired('cache', 'expires_at', '2025-01-01', dry_run => true) $$,
                  $$ VALUES ('public.cache', 1::bigint, true) $$, 'a dry run says that all would go at once');
SELECT is(pg_relation_filenode('cache'), :node::oid, 'but did not');
SELECT results_eq($$ SELECT * FROM etl.truncate_expired('cache', 'expires_at', '2025-01-01') $$,
                  $$ VALUES ('public.cache', 1::bigint, true) $$, 'where all have expired they go at once');
SELECT isnt(pg_relation_filenode('cache'), :node::oid, 'by TRUNCATE');
SELECT results_eq($$ SELECT * FROM etl.truncate_expired('cache', 'expires_at', '2025-01-01') $$,
                  $$ VALUES ('public.cache', 0::bigint, false) $$, 'of nothing nothing goes');
SELECT is(array_agg(concat(action, ' ', detail ->> 'rows') ORDER BY seq), '{deleted 1,truncated 1}', 'the log tells')
FROM etl.audit_log WHERE object = 'public.cache' AND action IN ('deleted', 'truncated');

CREATE TABLE parted (at date) PARTITION BY RANGE (at);
CREATE UNLOGGED TABLE parted_1 PARTITION OF parted FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
CREATE UNLOGGED TABLE parted_2 PARTITION OF parted DEFAULT;
INSERT INTO parted VALUES ('2024-01-05'), ('2024-02-01'), ('2024-03-01');
SELECT results_eq($$ SELECT * FROM etl.truncate_expired('parted', 'at', '2024-02-02 00:00+00') $$,
                  $$ VALUES ('public.parted_1', 1::bigint, true), ('public.parted_2', 1, false) $$,
                            'partition by partition');
TRUNCATE parted;
INSERT INTO parted VALUES ('2024-01-05'), ('2024-01-06');
SELECT results_eq($$ SELECT * FROM etl.truncate_expired('parted', 'at', '2024-01-06 23:59+00') $$,
                  $$ VALUES ('public.parted_1', 1::bigint, false), ('public.parted_2', 0, false) $$,
                  'a date has expired when its day is over');

CREATE RULE kept AS ON DELETE TO parted_2 DO INSTEAD NOTHING;
SELECT throws_ok($$ SELECT etl.truncate_expired('parted', 'at') $$, '0A000',
                 'table "public.parted_2" has rule "kept" on DELETE', 'a rule keeps rows, of a partition too');
DROP RULE kept ON parted_2;
CREATE UNLOGGED TABLE kept (at timestamptz);
CREATE FUNCTION pg_temp.keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER keep BEFORE DELETE ON kept FOR EACH ROW EXECUTE FUNCTION pg_temp.keep();
CREATE TRIGGER seen AFTER TRUNCATE ON kept FOR EACH STATEMENT EXECUTE FUNCTION pg_temp.keep();
INSERT INTO kept VALUES ('2024-01-01'), (NULL);
SELECT is(removed, 0::bigint, 'what a trigger keeps is not counted') FROM etl.truncate_expired('kept', 'at');

CREATE TABLE logged (at timestamptz);
SELECT throws_ok($$ SELECT etl.truncate_expired('logged', 'at') $$, '42809', 'table "public.logged" is not UNLOGGED',
          'a logged table');
SELECT throws_ok($$ SELECT etl.truncate_expired('cache', 'nope') $$, '42703', NULL, 'no such column');
SELECT throws_ok($$ SELECT etl.truncate_expired('cache', 'id') $$, '42804', NULL, 'no time');
SELECT throws_ok($$ SELECT etl.truncate_expired('cache', 'expires_at', NULL) $$, '22023', NULL, 'no moment');
SELECT throws_ok($$ SELECT etl.truncate_expired('cache', 'expires_at', 'infinity') $$, '22023', NULL,
          'or none that comes');
CREATE UNLOGGED TABLE target (id int PRIMARY KEY, at timestamptz);
CREATE UNLOGGED TABLE referring (id int REFERENCES target);
SELECT throws_ok($$ SELECT etl.truncate_expired('target', 'at') $$, '0A000',
          'table "public.target" cannot be truncated: foreign keys refer to it', 'a foreign key');
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER t AFTER DELETE ON cache FOR EACH ROW EXECUTE FUNCTION nothing();
SELECT throws_like($$ SELECT etl.truncate_expired('cache', 'expires_at') $$, '%a trigger of it fires on DELETE%',
          'a trigger');
DROP TRIGGER t ON cache;
SELECT etl.set_immutable('cache') \g /dev/null
SELECT throws_ok($$ SELECT etl.truncate_expired('cache', 'expires_at') $$, '55000', NULL, 'an immutable table');
SELECT etl.set_immutable('cache', false) \g /dev/null
CREATE ROLE expired_role;
SET ROLE expired_role;
SELECT throws_ok($$ SELECT etl.truncate_expired('cache', 'expires_at') $$, '42501', NULL, 'no right to it');
RESET ROLE;
SET default_transaction_isolation = 'repeatable read';
SELECT throws_ok($$ SELECT etl.truncate_expired('cache', 'expires_at') $$, '25000', NULL, 'an old snapshot');
RESET default_transaction_isolation;
SELECT * FROM finish();
