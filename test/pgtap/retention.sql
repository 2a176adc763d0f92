-- Retention with known answers: what is due, what a batch is, what stands in the archive afterwards. No transaction
-- around the file, because etl.run_retention commits. A second session comes by dblink.
CREATE EXTENSION dblink;
SELECT plan(86);
SET client_min_messages = error;
SET pg_etl.retention_batch_time = 0; -- batches of batch_rows, here and in other sessions
ALTER DATABASE retention SET pg_etl.retention_batch_time = 0;
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';

-- Advisory locks of this database: other files run beside this one, in others.
CREATE TEMPORARY VIEW locks_here AS
SELECT l.* FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database
WHERE l.locktype = 'advisory' AND d.datname = current_database();
CREATE FUNCTION pg_temp.other() RETURNS text LANGUAGE sql AS $$
    SELECT format('dbname=%s host=%s', current_database(), current_setting('unix_socket_directories'))
$$;
-- The procedure called at the top level of another session, so that its error can be compared.
CREATE FUNCTION pg_temp.call(procedure text) RETURNS text LANGUAGE sql AS $$
    SELECT format('SELECT dblink_exec(%L, %L)', pg_temp.other(), 'CALL ' || procedure)
$$;
CREATE FUNCTION pg_temp.last_run(VARIADIC keys text[]) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s %s', k, coalesce(r.detail ->> k, 'none')), ', ' ORDER BY n)
    FROM (SELECT * FROM etl.runs ORDER BY run_id DESC LIMIT 1) AS r, unnest(keys) WITH ORDINALITY AS u(k, n)
$$;
CREATE FUNCTION pg_temp.content(relation regclass) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    content text;
BEGIN
    EXECUTE format('SELECT md5(string_agg(r::text, E''\n'' ORDER BY r::text)) FROM %s AS r', relation) INTO content;
    RETURN content;
END $$;

-- Due is what lies before as_of - keep, and has a time at all ---------------------------------------------------------

CREATE TABLE edge (id int, at timestamptz);
CREATE INDEX ON edge (at);
INSERT INTO edge VALUES (1, '2025-05-02 12:00:00'), (2, '2025-05-02 11:59:59.999999'),
    (3, '2025-05-02 12:00:00.000001'), (4, NULL), (5, 'infinity'), (6, '-infinity'),
    (7, '0044-03-15 12:00 BC'), (8, '2030-01-01');
SELECT etl.add_retention_policy('edge', 'at', '30 days', archive_to => 'edge_old') \g /dev/null
CALL etl.run_retention('edge', '2025-06-01 12:00');
SELECT results_eq('SELECT id FROM edge_old ORDER BY id', '{2,7}'::int[], 'only what is older than keep, and finite');
SELECT results_eq('SELECT id FROM edge ORDER BY id', '{1,3,4,5,6,8}'::int[], 'exactly as old as keep is not older');
SELECT is(pg_temp.last_run('due', 'archived', 'deleted_from_hot', 'deleted_from_archive', 'remaining', 'batches'),
          'due 2, archived 2, deleted_from_hot 2, deleted_from_archive 0, remaining 0, batches 1', 'and is counted');
CALL etl.run_retention('edge', '2025-06-01 12:00');
SELECT is(pg_temp.last_run('due', 'archived', 'batches'), 'due 0, archived 0, batches 0', 'the second time nothing is');

-- Months are those of UTC, whatever the time zone of the session.
CREATE TABLE month (id int, at timestamptz);
CREATE INDEX ON month (at);
INSERT INTO month VALUES (1, '2025-02-28 22:59:59+00'), (2, '2025-02-28 23:00+00'), (3, '2025-03-01 00:00+00');
SELECT etl.add_retention_policy('month', 'at', '1 month') \g /dev/null
SET timezone = 'America/New_York';
CALL etl.run_retention('month', '2025-03-28 23:00+00');
SELECT results_eq('SELECT id FROM month ORDER BY id', '{2,3}'::int[], 'a month before 28 March 23:00 UTC');
SET timezone = 'UTC';

-- Timestamps without time zone and dates are taken as UTC.
CREATE TABLE wall (id int, at timestamp);
CREATE INDEX ON wall (at);
INSERT INTO wall VALUES (1, '2025-05-31 23:59:59.999999'), (2, '2025-06-01 00:00'), (3, 'infinity'), (4, '-infinity');
CREATE TABLE days (id int, day date);
CREATE INDEX ON days (day);
INSERT INTO days VALUES (1, '2025-05-31'), (2, '2025-06-01'), (3, 'infinity'), (4, '-infinity'), (5, '4000-01-01 BC');
SELECT etl.add_retention_policy('wall', 'at', '1 day', archive_to => 'wall_old', archive_keep => '2 days') \g /dev/null
SELECT etl.add_retention_policy('days', 'day', '1 day', archive_to => 'days_old', archive_keep => '3 days') \g /dev/null
SET timezone = 'Asia/Tokyo';
SET datestyle = 'SQL, DMY';
CALL etl.run_retention(as_of => '2025-06-02 00:00+00');
SELECT results_eq('SELECT id FROM wall ORDER BY id', '{2,3,4}'::int[], 'timestamp: the moment in UTC');
SELECT results_eq('SELECT id FROM days ORDER BY id', '{2,3,4}'::int[], 'date: the whole day in UTC has passed');
CALL etl.run_retention('days', '2025-06-02 23:59:59+00');
SELECT results_eq('SELECT id FROM days ORDER BY id', '{2,3,4}'::int[], 'a day that has not passed yet stays');
SELECT results_eq('SELECT id FROM days_old', '{1}'::int[], 'the archive too keeps whole days');
CALL etl.run_retention(as_of => '2025-06-04 00:00+00');
SELECT results_eq('SELECT (SELECT count(*) FROM days_old), (SELECT count(*) FROM wall_old)',
                  'VALUES (1::bigint, 0::bigint)', 'and then gives them up');
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SELECT etl.remove_retention_policy(policy) FROM etl.policies \g /dev/null

-- Batches ------------------------------------------------------------------------------------------------------------

CREATE TABLE batch (id int, at timestamptz);
CREATE INDEX ON batch (at);
SELECT etl.add_retention_policy('batch', 'at', '1 day', archive_to => 'batch_old', batch_rows => 10) \g /dev/null
-- Rows that are due, all of one time or each of its own, against the batches they make.
CREATE PROCEDURE pg_temp.fill(rows int, step interval) LANGUAGE sql AS $$
    DELETE FROM batch;
    DELETE FROM batch_old;
    INSERT INTO batch SELECT n, '2025-01-01'::timestamptz + n * step FROM generate_series(1, rows) AS n;
    INSERT INTO batch VALUES (0, '2025-06-01');
$$;
CALL pg_temp.fill(0, '0');
CALL etl.run_retention('batch', '2025-06-01');
SELECT is(pg_temp.last_run('due', 'archived', 'batches'), 'due 0, archived 0, batches 0', 'nothing due');
CALL pg_temp.fill(1, '1 hour');
CALL etl.run_retention('batch', '2025-06-01');
SELECT is(pg_temp.last_run('due', 'archived', 'batches'), 'due 1, archived 1, batches 1', 'one row');
CALL pg_temp.fill(9, '1 hour');
CALL etl.run_retention('batch', '2025-06-01');
SELECT is(pg_temp.last_run('due', 'archived', 'batches'), 'due 9, archived 9, batches 1', 'one less than a batch');
CALL pg_temp.fill(10, '1 hour');
CALL etl.run_retention('batch', '2025-06-01');
SELECT is(pg_temp.last_run('due', 'archived', 'batches'), 'due 10, archived 10, batches 1', 'a batch');
CALL pg_temp.fill(11, '1 hour');
CALL etl.run_retention('batch', '2025-06-01');
SELECT is(pg_temp.last_run('due', 'archived', 'batches'), 'due 11, archived 11, batches 2', 'one more than a batch');
CALL pg_temp.fill(100, '1 minute');
CALL etl.run_retention('batch', '2025-06-01');
SELECT is(pg_temp.last_run('due', 'archived', 'batches'), 'due 100, archived 100, batches 10', 'ten batches');
CALL pg_temp.fill(105, '0');
CALL etl.run_retention('batch', '2025-06-01');
SELECT is(pg_temp.last_run('due', 'archived', 'batches'), 'due 105, archived 105, batches 11', 'all of one time');
SELECT results_eq('SELECT count(*), count(DISTINCT id), sum(id) FROM batch_old',
                  'VALUES (105::bigint, 105::bigint, 5565::bigint)', 'each row stands in the archive once');
SELECT results_eq('SELECT id FROM batch', '{0}'::int[], 'and the young row in the table');
SELECT is((SELECT rows FROM etl.runs ORDER BY run_id DESC LIMIT 1), 105::bigint, 'rows of the run');
SELECT etl.remove_retention_policy('batch') \g /dev/null
SELECT etl.add_retention_policy('batch', 'at', '1 day', batch_rows => 1000) \g /dev/null
INSERT INTO batch SELECT n, '2025-01-01' FROM generate_series(1, 20) AS n;
CALL etl.run_retention('batch', '2025-06-01');
SELECT is(pg_temp.last_run('due', 'archived', 'deleted_from_hot', 'batches'),
          'due 20, archived 0, deleted_from_hot 20, batches 1', 'without an archive rows are deleted');
SELECT is((SELECT count(*) FROM batch_old), 105::bigint, 'and nothing is archived');
SELECT etl.remove_retention_policy('batch') \g /dev/null

-- A dry run says what the run does, and does nothing ------------------------------------------------------------------

CREATE TABLE dry (id int PRIMARY KEY, at timestamptz, payload text);
CREATE INDEX ON dry (at);
INSERT INTO dry SELECT n, '2025-01-01'::timestamptz + n * interval '1 day', repeat(n::text, 10)
FROM generate_series(1, 150) AS n;
SELECT etl.add_retention_policy('dry', 'at', '30 days', archive_to => 'dry_old', archive_keep => '90 days',
                                batch_rows => 13) \g /dev/null
SELECT pg_temp.content('dry') AS dry_before \gset
CALL etl.run_retention('dry', '2025-05-31', dry_run => true);
SELECT is(pg_temp.content('dry'), :'dry_before', 'a dry run leaves the table');
SELECT is((SELECT count(*) FROM dry_old), 0::bigint, 'and the archive');
SELECT detail - '{dry_run,batches,bytes,actions}'::text[] AS rehearsed FROM etl.runs ORDER BY run_id DESC LIMIT 1 \gset
SELECT is(pg_temp.last_run('dry_run', 'due', 'archived', 'deleted_from_archive'),
          'dry_run true, due 119, archived 119, deleted_from_archive 59', 'but counts');
CALL etl.run_retention('dry', '2025-05-31');
SELECT is((SELECT detail - '{dry_run,batches,bytes,actions}'::text[] FROM etl.runs ORDER BY run_id DESC LIMIT 1),
          :'rehearsed'::jsonb,
          'what the run then does');
SELECT results_eq('SELECT (SELECT count(*) FROM dry), (SELECT count(*) FROM dry_old), (SELECT min(at) FROM dry_old)',
                  $$VALUES (31::bigint, 60::bigint, '2025-03-02'::timestamptz)$$, 'rows on either side of the cutoffs');
SELECT etl.remove_retention_policy('dry') \g /dev/null

-- What is archived is what was there ----------------------------------------------------------------------------------

CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE TABLE "Odd ""Table" (
    gone int,
    id bigint GENERATED ALWAYS AS IDENTITY,
    "T" timestamptz NOT NULL,
    d text,
    moment jsonb,
    t numeric(18,8),
    due int[],
    feeling mood,
    big text,
    doubled numeric GENERATED ALWAYS AS (t * 2) STORED
);
CREATE INDEX ON "Odd ""Table" ("T");
ALTER TABLE "Odd ""Table" DROP COLUMN gone;
INSERT INTO "Odd ""Table" ("T", d, moment, t, due, feeling, big)
SELECT '2025-01-01'::timestamptz + n * interval '1 hour', nullif('x' || n, 'x3'), jsonb_build_object('n', n), n / 7.0,
       ARRAY[n, NULL], CASE n % 2 WHEN 0 THEN 'sad' ELSE 'glad' END::mood, repeat(md5(n::text), 500)
FROM generate_series(1, 40) AS n;
SELECT pg_temp.content('"Odd ""Table"') AS odd_before \gset
SELECT etl.add_retention_policy('"Odd ""Table"', 'T', '1 day', 'odd', archive_to => '"Old ""Odd"', batch_rows => 7,
                                filter => $$"Odd ""Table".t > 0 -- all of them$$) \g /dev/null
CALL etl.run_retention('odd', '2026-01-01');
SELECT is(pg_temp.content('"Old ""Odd"'), :'odd_before', 'any type, name, NULL, identity and generated value');
SELECT is_empty('SELECT FROM "Odd ""Table"', 'and nothing is left in the table');

-- An archive of one's own making: other order, more columns, its own generated column and identity.
CREATE TABLE shape (id int GENERATED ALWAYS AS IDENTITY, at date, n int, twice int GENERATED ALWAYS AS (n * 2) STORED);
CREATE INDEX ON shape (at);
INSERT INTO shape (at, n) VALUES ('2025-01-01', 1), ('2025-01-02', 2);
CREATE TABLE shape_old (archived_as text DEFAULT 'row', twice int GENERATED ALWAYS AS (n * 2) STORED, n int, at date,
                        id int GENERATED ALWAYS AS IDENTITY);
SELECT etl.add_retention_policy('shape', 'at', '1 day', archive_to => 'public.shape_old') \g /dev/null
CALL etl.run_retention('shape', '2026-01-01');
SELECT results_eq('SELECT * FROM shape_old ORDER BY id', $$VALUES ('row', 2, 1, '2025-01-01'::date, 1),
                  ('row', 4, 2, '2025-01-02', 2)$$, 'columns go by name');

-- Partitioned tables on both sides, and inheritance
CREATE TABLE part (id int, at timestamptz, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM ('2025-01-01') TO ('2025-02-01');
CREATE TABLE part_2 PARTITION OF part FOR VALUES FROM ('2025-02-01') TO ('2025-03-01');
CREATE TABLE part_rest PARTITION OF part DEFAULT;
CREATE INDEX ON part (at);
INSERT INTO part SELECT n, '2025-01-01'::timestamptz + n * interval '6 hours' FROM generate_series(1, 400) AS n;
CREATE TABLE part_old (id int, at timestamptz) PARTITION BY HASH (id);
CREATE TABLE part_old_0 PARTITION OF part_old FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE part_old_1 PARTITION OF part_old FOR VALUES WITH (MODULUS 2, REMAINDER 1);
SELECT etl.add_retention_policy('part', 'at', '10 days', archive_to => 'part_old', archive_keep => '50 days',
                                batch_rows => 33) \g /dev/null
CALL etl.run_retention('part', '2025-03-21');
SELECT is(pg_temp.last_run('due', 'archived', 'deleted_from_archive', 'remaining'),
          'due 275, archived 275, deleted_from_archive 115, remaining 0', 'partitions');
SELECT results_eq('SELECT count(*), min(id), max(id) FROM part', 'VALUES (125::bigint, 276, 400)', 'the table');
SELECT results_eq('SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = ''part''::regclass',
                  '{part_rest}'::text[], 'partitions that are past and empty go');
SELECT results_eq('SELECT count(*), min(id), max(id) FROM part_old', 'VALUES (160::bigint, 116, 275)', 'the archive');
SELECT throws_ok($$SELECT etl.add_retention_policy('part', 'at', '1 day', 'p2', archive_to => 'part_rest')$$, '22023',
                 'archive table "public.part_rest" is a part of table "public.part"', 'a partition is no archive');

CREATE TABLE family (id int, at timestamptz);
CREATE TABLE family_child () INHERITS (family);
CREATE INDEX ON family (at);
CREATE INDEX ON family_child (at);
INSERT INTO family SELECT n, '2025-01-01' FROM generate_series(1, 5) AS n;
INSERT INTO family_child SELECT n, '2025-01-01' FROM generate_series(6, 10) AS n;
SELECT etl.add_retention_policy('family', 'at', '1 day', archive_to => 'family_old', batch_rows => 3) \g /dev/null
CALL etl.run_retention('family', '2026-01-01');
SELECT results_eq('SELECT count(DISTINCT id), count(*), (SELECT count(*) FROM family) FROM family_old',
                  'VALUES (10::bigint, 10::bigint, 0::bigint)', 'rows of one place in two tables are two rows');

-- Filters ------------------------------------------------------------------------------------------------------------

CREATE TABLE tenant (id int, at timestamptz, who text);
CREATE INDEX ON tenant (at);
INSERT INTO tenant SELECT n, '2025-01-01'::timestamptz + n * interval '1 day', chr(96 + n % 3 + 1)
FROM generate_series(1, 90) AS n;
SELECT etl.add_retention_policy('tenant', 'at', '30 days', 'tenant a', archive_to => 'tenant_old',
                                archive_keep => '60 days', filter => 'tenant.who = ''a''', batch_rows => 4) \g /dev/null
SELECT etl.add_retention_policy('tenant', 'at', '10 days', 'tenant b', archive_to => 'tenant_old',
                                filter => 'who = ''b''') \g /dev/null
CALL etl.run_retention('tenant b', '2025-04-11');
CALL etl.run_retention('tenant a', '2025-04-11');
SELECT results_eq('SELECT who, count(*), min(id) FROM tenant GROUP BY who ORDER BY who',
                  $$VALUES ('a', 7::bigint, 72), ('c', 30, 2)$$, 'each policy takes its own rows');
SELECT results_eq('SELECT who, count(*), min(id) FROM tenant_old GROUP BY who ORDER BY who',
                  $$VALUES ('a', 10::bigint, 42), ('b', 30, 1)$$, 'also from an archive that they share');
SELECT etl.remove_retention_policy(policy) FROM etl.policies \g /dev/null

-- Proof: a batch that is not archived or deleted as a whole is not done at all ----------------------------------------

CREATE TABLE proof (id int, at timestamptz);
CREATE INDEX ON proof (at);
INSERT INTO proof SELECT n, '2025-01-01'::timestamptz + n * interval '1 minute' FROM generate_series(1, 100) AS n;
SELECT etl.add_retention_policy('proof', 'at', '1 day', archive_to => 'proof_old', batch_rows => 10) \g /dev/null
CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER swallow BEFORE INSERT ON proof_old FOR EACH ROW WHEN (NEW.id = 37) EXECUTE FUNCTION swallow();
SELECT throws_ok(pg_temp.call($$etl.run_retention('proof', '2026-01-01')$$), '09000',
                 'retention policy "proof" failed: archive table "public.proof_old" took 9 of 10 rows',
                 'a trigger of the archive that swallows a row');
SELECT results_eq('SELECT status, error, rows FROM etl.runs ORDER BY run_id DESC LIMIT 1',
                  $$VALUES ('failed', 'archive table "public.proof_old" took 9 of 10 rows', 30::bigint)$$,
                  'is recorded');
SELECT results_eq('SELECT (SELECT count(*) FROM proof), (SELECT count(*) FROM proof_old)',
                  'VALUES (70::bigint, 30::bigint)', 'the batches before it stay, of its own nothing is lost');
CALL etl.run_retention('proof', '2025-01-01', dry_run => true);
DROP TRIGGER swallow ON proof_old;

CREATE TRIGGER swallow BEFORE DELETE ON proof FOR EACH ROW WHEN (OLD.id % 50 = 0) EXECUTE FUNCTION swallow();
SELECT throws_ok(pg_temp.call($$etl.run_retention('proof', '2026-01-01')$$), '09000',
                 'retention policy "proof" failed: table "public.proof" gave up 9 of 10 rows that are due',
                 'a trigger of the table that keeps a row');
SELECT results_eq('SELECT count(*), count(DISTINCT id) FROM (TABLE proof UNION ALL TABLE proof_old) AS both_tables',
                  'VALUES (100::bigint, 100::bigint)', 'every row is in one of the two');
SELECT throws_ok(pg_temp.call($$etl.run_retention('proof', '2026-01-01', dry_run => true)$$), '09000', NULL,
                 'a dry run finds out too');
DROP TRIGGER swallow ON proof;
CALL etl.run_retention('proof', '2026-01-01');
SELECT results_eq('SELECT (SELECT count(*) FROM proof), (SELECT count(DISTINCT id) FROM proof_old)',
                  'VALUES (0::bigint, 100::bigint)', 'the next run brings it to the end');

-- Rows that others refer to, at once or at the commit
CREATE TABLE owner (id int PRIMARY KEY, at timestamptz);
CREATE INDEX ON owner (at);
CREATE TABLE pet (owner int REFERENCES owner);
INSERT INTO owner SELECT n, '2025-01-01' FROM generate_series(1, 10) AS n;
INSERT INTO pet VALUES (7);
SELECT etl.add_retention_policy('owner', 'at', '1 day', batch_rows => 5) \g /dev/null
CALL etl.run_retention('owner', '2026-01-01');
SELECT is(pg_temp.last_run('due', 'deleted_from_hot', 'remaining'), 'due 10, deleted_from_hot 9, remaining 1',
          'a row that is referred to stays');
SELECT is((SELECT detail -> 'actions' -> 0 ->> 'referenced' FROM etl.runs ORDER BY run_id DESC LIMIT 1), '1',
          'and is said to');
SELECT results_eq('SELECT id FROM owner', '{7}'::int[], 'it and no other');
ALTER TABLE pet ALTER CONSTRAINT pet_owner_fkey DEFERRABLE INITIALLY DEFERRED;
INSERT INTO owner VALUES (8, '2025-01-01');
CALL etl.run_retention('owner', '2026-01-01');
SELECT results_eq('SELECT id FROM owner', '{7}'::int[], 'by a deferred constraint, too');
SELECT etl.remove_retention_policy('owner') \g /dev/null

-- Other sessions -----------------------------------------------------------------------------------------------------

CREATE TABLE busy (id int PRIMARY KEY, at timestamptz);
CREATE INDEX ON busy (at);
INSERT INTO busy SELECT n, '2025-01-01'::timestamptz + n * interval '1 day' FROM generate_series(1, 30) AS n;
SELECT etl.add_retention_policy('busy', 'at', '1 day', archive_to => 'busy_old', batch_rows => 4,
                                lock_timeout => '1 min') \g /dev/null
SELECT dblink_connect('other', pg_temp.other()) \g /dev/null
SELECT dblink_exec('other', 'BEGIN') \g /dev/null
SELECT dblink_exec('other', 'UPDATE busy SET at = ''2026-01-01'' WHERE id IN (3, 4, 20)') \g /dev/null
SELECT pg_backend_pid() AS me \gset
CALL etl.run_retention('busy', '2025-06-01');
SELECT is(pg_temp.last_run('due', 'archived', 'remaining'), 'due 30, archived 27, remaining 3',
          'rows that another session has locked are left, and said to remain');
SELECT results_eq('SELECT id FROM busy ORDER BY id', '{3,4,20}'::int[], 'these');
SELECT dblink_exec('other', 'COMMIT') \g /dev/null
CALL etl.run_retention('busy', '2025-06-01');
SELECT is(pg_temp.last_run('due', 'archived', 'remaining'), 'due 0, archived 0, remaining 0',
          'changed, they are due no more');

-- The same policy twice at once: a trigger holds the first run. Its first attempt waits for 50 ms only; the next one as
-- long as the policy says.
CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_lock(42); RETURN NEW; END $$;
CREATE TRIGGER hold BEFORE INSERT ON busy_old FOR EACH STATEMENT EXECUTE FUNCTION hold();
INSERT INTO busy VALUES (31, '2025-01-01');
SELECT pg_advisory_lock(42) \g /dev/null
SELECT dblink_send_query('other', $$CALL etl.run_retention('busy', '2025-06-01')$$) \g /dev/null
DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM locks_here WHERE NOT granted
                              AND waitstart < clock_timestamp() - interval '150 ms') LOOP
    PERFORM pg_sleep(0.01); END LOOP; END $$;
SELECT throws_ok(pg_temp.call($$etl.run_retention('busy', '2025-06-01')$$), '55P03',
                 'retention policy "busy" failed: another session is running it', 'a policy is run once at a time');
SELECT is((SELECT status FROM etl.runs ORDER BY run_id DESC LIMIT 1), 'running', 'the run is seen while it runs');

-- A cancelled run says so, and lets go of its lock.
-- Not in its first wait, which is short.
DO $$ BEGIN WHILE NOT EXISTS (
    SELECT FROM locks_here AS l
    WHERE NOT l.granted AND l.waitstart < clock_timestamp() - interval '0.1 s'
) LOOP PERFORM pg_sleep(0.01); END LOOP; END $$;
SELECT pg_cancel_backend(l.pid) FROM locks_here AS l WHERE NOT l.granted \g /dev/null
SELECT * FROM dblink_get_result('other', false) AS r(status text) \g /dev/null
SELECT matches(dblink_error_message('other'), 'retention policy "busy" failed: canceling statement due to user request',
               'cancel');
SELECT results_eq('SELECT status, error FROM etl.runs ORDER BY run_id DESC LIMIT 1',
                  $$VALUES ('failed', 'canceling statement due to user request')$$, 'is recorded');
SELECT pg_advisory_unlock(42) \g /dev/null
SELECT lives_ok(pg_temp.call($$etl.run_retention('busy', '2025-06-01')$$), 'and the next session may run it');
SELECT results_eq('SELECT id FROM busy_old WHERE id = 31', '{31}'::int[], 'which it does');

-- A hold is placed by a transaction that does not end.
SELECT etl.alter_retention_policy('busy', lock_timeout => '10 ms') \g /dev/null
SELECT * FROM dblink_get_result('other', false) AS r(status text) \g /dev/null
SELECT dblink_exec('other', 'BEGIN'), dblink_exec('other', $$DO 'BEGIN PERFORM etl.add_legal_hold(''x'', ''busy'', NULL,
    ''r''); END'$$) \g /dev/null
SELECT throws_ok(pg_temp.call($$etl.run_retention('busy', '2025-06-01')$$), '55P03',
                 'retention policy "busy" failed: a transaction that places a legal hold has not ended',
                 'a run that has to wait for it says so');
SELECT ok(detail ->> 'error_hint' LIKE 'Let it commit or roll back; %', 'and what helps')
FROM etl.runs ORDER BY run_id DESC LIMIT 1;
SELECT dblink_exec('other', 'ROLLBACK') \g /dev/null

-- A session that dies leaves a run that says running; the next run of the policy closes it.
INSERT INTO etl.run (kind, name, as_of) VALUES ('retention', 'busy', now()), ('retention', 'other', now());
CALL etl.run_retention('busy', '2025-06-01');
SELECT results_eq($$SELECT name, status, error FROM etl.runs WHERE status = 'running' OR error LIKE 'the call%'
                    ORDER BY run_id$$,
                  $$VALUES ('busy', 'failed', 'the call that ran it ended before it had finished'),
                           ('other', 'running', NULL)$$, 'a lost run is closed, and only that of this policy');
DELETE FROM etl.run;

-- Roles --------------------------------------------------------------------------------------------------------------

CREATE ROLE etl_tap_ann LOGIN;
CREATE ROLE etl_tap_ben LOGIN;
GRANT CREATE ON SCHEMA public TO etl_tap_ann;
SET ROLE etl_tap_ann;
CREATE TABLE hers (id int, at timestamptz, secret boolean);
CREATE INDEX ON hers (at);
INSERT INTO hers SELECT n, '2025-01-01', n % 2 = 0 FROM generate_series(1, 10) AS n;
SELECT etl.add_retention_policy('hers', 'at', '1 day', archive_to => 'hers_old') \g /dev/null
CALL etl.run_retention('hers', '2026-01-01');
SELECT is((SELECT count(*) FROM hers_old), 10::bigint, 'a role without other rights runs its policy');
SELECT is((SELECT owner FROM etl.runs), 'etl_tap_ann', 'and sees its run');
INSERT INTO hers SELECT n, '2025-01-01', n % 2 = 0 FROM generate_series(11, 20) AS n;
GRANT SELECT, UPDATE, DELETE ON hers TO etl_tap_ben;
GRANT SELECT, INSERT ON hers_old TO etl_tap_ben;
CREATE TABLE his_old (LIKE hers);
GRANT SELECT, INSERT ON his_old TO etl_tap_ben;
ALTER TABLE hers ENABLE ROW LEVEL SECURITY;
CREATE POLICY seen ON hers FOR ALL USING (true);
CREATE POLICY not_deleted ON hers AS RESTRICTIVE FOR DELETE USING (NOT secret);
SET ROLE etl_tap_ben;
SELECT is_empty('SELECT FROM etl.policies', 'another role sees neither policy');
SELECT is_empty('SELECT FROM etl.runs', 'nor run');
SELECT throws_ok($$SELECT etl.add_retention_policy('hers', 'at', '1 day', 'his', archive_to => 'hers_old')$$, '22023',
                 'table "public.hers_old" is an archive of role "etl_tap_ann"', 'nor may it share the archive');
SELECT etl.add_retention_policy('hers', 'at', '1 day', 'his', archive_to => 'his_old') \g /dev/null
RESET ROLE;
SELECT throws_ok(format('SELECT dblink_exec(%L, %L)', pg_temp.other() || ' user=etl_tap_ben',
                        $$CALL etl.run_retention('his', '2026-01-01')$$), '09000',
                 'retention policy "his" failed: table "public.hers" gave up 5 of 10 rows that are due',
                 'row security that keeps rows is found out');
SELECT throws_ok(pg_temp.call($$etl.run_retention('his')$$), '42501',
                 'retention policy "his" belongs to role "etl_tap_ben"', 'a superuser runs nobody else''s policy');
SELECT throws_ok(format('SELECT dblink_exec(%L, %L)', pg_temp.other() || ' user=etl_tap_ben',
                        $$CALL etl.run_retention('hers')$$), '42704', 'retention policy "hers" does not exist',
                 'nor does another role');
SET ROLE etl_tap_ben;
SELECT etl.remove_retention_policy('his') \g /dev/null
SELECT etl.add_retention_policy('hers', 'at', '1 day', 'his', archive_to => 'his_old',
                                filter => 'NOT secret') \g /dev/null
RESET ROLE;
REVOKE INSERT ON his_old FROM etl_tap_ben;
SELECT throws_ok(format('SELECT dblink_exec(%L, %L)', pg_temp.other() || ' user=etl_tap_ben',
                        $$CALL etl.run_retention('his', '2026-01-01')$$), '42501',
                 'retention policy "his" failed: permission denied for table "public.his_old"',
                 'a right that was lost');
SELECT is((SELECT count(*) FROM hers), 10::bigint, 'nothing was deleted then');
GRANT INSERT ON his_old TO etl_tap_ben;
SELECT lives_ok(format('SELECT dblink_exec(%L, %L)', pg_temp.other() || ' user=etl_tap_ben',
                       $$CALL etl.run_retention('his', '2026-01-01')$$), 'with it, he archives what he may');
SELECT results_eq('SELECT (SELECT count(*) FROM hers), (SELECT count(*) FROM his_old)',
                  'VALUES (5::bigint, 5::bigint)', 'and no more');

-- The caller's search path finds other functions and operators before PostgreSQL's own; they are not called.
CREATE SCHEMA evil;
CREATE FUNCTION evil.clock_timestamp() RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil'; END $$;
CREATE FUNCTION evil.never(jsonb, jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil'; END $$;
CREATE FUNCTION evil.never(jsonb, unknown_text text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil'; END $$;
CREATE OPERATOR evil.|| (LEFTARG = jsonb, RIGHTARG = jsonb, FUNCTION = evil.never);
CREATE OPERATOR evil.<> (LEFTARG = jsonb, RIGHTARG = text, FUNCTION = evil.never);
INSERT INTO busy VALUES (41, '2025-01-01'), (42, '2025-01-02');
SET search_path = evil, pg_catalog, public;
CALL etl.run_retention('busy', '2025-06-01');
SELECT is(current_setting('search_path'), 'evil, pg_catalog, public', 'the search path is the caller''s again');
RESET search_path;
SELECT is(pg_temp.last_run('archived'), 'archived 2', 'and was not used');

-- A filter cannot become the superuser who runs the policy as its owner.
CREATE SCHEMA hall AUTHORIZATION etl_tap_ann;
SET ROLE etl_tap_ann;
CREATE TABLE hall.seat (id int, at timestamptz);
CREATE INDEX ON hall.seat (at);
INSERT INTO hall.seat VALUES (1, '2025-01-01');
CREATE FUNCTION hall.escape(id int) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('role', 'none', false);
    RETURN true;
END $$;
CREATE FUNCTION hall.folded() RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('role', 'none', false);
    RETURN true;
END $$;
SELECT etl.add_retention_policy('hall.seat', 'at', '1 day', 'escape', filter => 'hall.escape(id)') \g /dev/null
SELECT throws_ok($$SELECT etl.add_retention_policy('hall.seat', 'at', '1 day', 'folded', filter => 'hall.folded()')$$,
                 '42501', NULL, 'a filter that resets the role when it is planned');
SELECT is(current_user::text, 'etl_tap_ann', 'does not');
RESET ROLE;
SELECT throws_ok(format('SELECT dblink_exec(%L, %L)', pg_temp.other() || ' options=''-c role=etl_tap_ann''',
                        $$CALL etl.run_retention('escape')$$), '42501', NULL, 'nor when it is run');
SELECT is((SELECT count(*) FROM hall.seat), 1::bigint, 'and nothing is deleted');
SELECT lives_ok($$SELECT etl.remove_retention_policy('escape')$$, 'a superuser removes what others have defined');

-- A policy whose span overflows is recorded, and the others go on.
CREATE TABLE span (id int, at timestamptz);
CREATE INDEX ON span (at);
INSERT INTO span VALUES (1, '2025-01-01');
CREATE ROLE etl_tap_span LOGIN;
ALTER TABLE span OWNER TO etl_tap_span;
SET ROLE etl_tap_span;
SELECT etl.add_retention_policy('span', 'at', '1 day', 'span a') \g /dev/null
SELECT etl.add_retention_policy('span', 'at', '1 day', 'span b') \g /dev/null
UPDATE etl.retention_tier SET after = '10000000 years'
WHERE policy_id = (SELECT policy_id FROM etl.retention_policy WHERE name = 'span a');
RESET ROLE;
SELECT throws_ok(format('SELECT dblink_exec(%L, %L)', pg_temp.other() || ' user=etl_tap_span',
                        'CALL etl.run_retention()'), '22023',
                 'retention policy "span a" failed: keep "10000000 years" is too long', 'a span that overflows');
SELECT is_empty('SELECT FROM span', 'and no other');
SELECT is((SELECT last_status FROM etl.policies WHERE policy = 'span a'), 'failed', 'which is recorded');

-- A foreign key that came later, and would take rows of another table along
CREATE TABLE ref (id int PRIMARY KEY, at timestamptz);
CREATE INDEX ON ref (at);
SELECT etl.add_retention_policy('ref', 'at', '1 day') \g /dev/null
CREATE TABLE ref_line (id int REFERENCES ref ON DELETE CASCADE);
INSERT INTO ref VALUES (1, '2025-01-01'), (2, '2025-01-02');
INSERT INTO ref_line VALUES (1);
CALL etl.run_retention('ref');
SELECT results_eq('SELECT id FROM ref', '{1}'::int[], 'a row that a cascade would take others along with stays');
SELECT is((SELECT count(*) FROM ref_line), 1::bigint, 'with these');
DELETE FROM ref_line;
CALL etl.run_retention('ref');
SELECT is_empty('SELECT FROM ref', 'until there are none');

SELECT dblink_disconnect('other') \g /dev/null
DROP OWNED BY etl_tap_ann, etl_tap_ben, etl_tap_span;
DROP ROLE etl_tap_ann, etl_tap_ben, etl_tap_span;
SELECT * FROM finish();
