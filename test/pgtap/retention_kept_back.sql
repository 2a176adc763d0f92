-- Rows that a run must leave, and what it says of them: held where they came from, under names that tables had, kept by
-- row security; and what bounds a batch.
CREATE EXTENSION dblink;
SELECT plan(27);
SET client_min_messages = error;
CREATE ROLE kept_ann LOGIN;
CREATE FUNCTION pg_temp.other(role name DEFAULT 'postgres') RETURNS text LANGUAGE sql AS $$
    SELECT format('host=%s port=%s dbname=%s user=%I options=''-c client_min_messages=error''',
                  current_setting('unix_socket_directories'), current_setting('port'), current_database(), role)
$$;
CREATE FUNCTION pg_temp.call(policy text, role name DEFAULT 'postgres') RETURNS text LANGUAGE sql AS $$
    SELECT format('SELECT dblink_exec(%L, %L)', pg_temp.other(role), format('CALL etl.run_retention(%L)', policy))
$$;
CREATE FUNCTION pg_temp.left(relation regclass) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    rows bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM %s', relation) INTO rows;
    RETURN rows;
END $$;

-- Holds on the table from which an archive has its rows ---------------------------------------------------------------

CREATE TABLE hot (id int, at timestamptz);
INSERT INTO hot SELECT n, '2020-01-01' FROM generate_series(1, 5) AS n;
SELECT etl.add_retention_policy('hot', 'at', '1 year', archive_to => 'warm') \g /dev/null
CALL etl.run_retention('hot');
SELECT etl.add_legal_hold('hot', 'hot', 'id < 4', 'court') \g /dev/null
SELECT etl.add_retention_policy('warm', 'at', '1 year', archive_to => 'cold', filter => 'id < 3') \g /dev/null
CALL etl.run_retention('warm');
SELECT is(pg_temp.left('warm'), 5::bigint, 'a policy on an archive leaves what is held in the table it came from');
SELECT is((SELECT detail #>> '{actions,0,held}' FROM etl.runs WHERE name = 'warm'), '2', 'and counts it as held');
SELECT etl.release_legal_hold('hot', 'over') \g /dev/null
CALL etl.run_retention('warm');
SELECT is(pg_temp.left('cold'), 2::bigint, 'without the hold rows go on');
SELECT etl.remove_retention_policy('hot'), etl.remove_retention_policy('warm') \g /dev/null
SELECT etl.add_legal_hold('hot again', 'hot', 'id = 1', 'court') \g /dev/null
SELECT etl.add_retention_policy('cold', 'at', '1 year') \g /dev/null
CALL etl.run_retention('cold');
SELECT results_eq('SELECT id FROM cold', '{1}'::int[], 'a hold is found over two archives whose policies were removed');
ALTER TABLE warm RENAME TO lukewarm;
SELECT etl.add_legal_hold('hot 3', 'hot', 'id = 3', 'court') \g /dev/null
SELECT etl.add_retention_policy('lukewarm', 'at', '1 year') \g /dev/null
CALL etl.run_retention('lukewarm');
SELECT results_eq('SELECT id FROM lukewarm', '{3}'::int[], 'and in an archive that was renamed');

CREATE TABLE source (id int, at timestamptz);
CREATE TABLE ranged (LIKE source) PARTITION BY RANGE (at);
CREATE TABLE ranged_2020 PARTITION OF ranged FOR VALUES FROM ('2020-01-01 00:00+00') TO ('2021-01-01 00:00+00');
INSERT INTO source SELECT n, '2020-05-01' FROM generate_series(1, 3) AS n;
SELECT etl.add_retention_policy('source', 'at', '1 year', archive_to => 'ranged') \g /dev/null
CALL etl.run_retention('source');
SELECT etl.add_legal_hold('source', 'source', 'id = 2', 'court') \g /dev/null
SELECT etl.add_retention_policy('ranged', 'at', '1 year') \g /dev/null
CALL etl.run_retention('ranged');
SELECT results_eq('SELECT id FROM ranged', '{2}'::int[], 'a partition of an archive does not go whole with a held row');

-- Holds on tables that change -----------------------------------------------------------------------------------------

CREATE TABLE swapped (id int, at timestamptz);
INSERT INTO swapped SELECT n, '2020-01-01' FROM generate_series(1, 4) AS n;
SELECT etl.add_retention_policy('swapped', 'at', '1 year') \g /dev/null
SELECT etl.add_legal_hold('swapped', 'swapped', 'id = 2', 'court') \g /dev/null
BEGIN;
CREATE TABLE fresh (LIKE swapped);
INSERT INTO fresh SELECT * FROM swapped;
ALTER TABLE swapped RENAME TO stale;
ALTER TABLE fresh RENAME TO swapped;
COMMIT;
INSERT INTO swapped SELECT * FROM stale;
CALL etl.run_retention('swapped');
SELECT is(pg_temp.left('swapped'), 2::bigint, 'a hold is on the table that takes the name of the held one');
DROP TABLE stale;
CALL etl.run_retention('swapped');
SELECT is(pg_temp.left('swapped'), 2::bigint, 'also when the held one is gone');
SELECT is((SELECT status FROM etl.legal_holds WHERE name = 'swapped'), 'active', 'the hold stands');
SELECT lives_ok($$SELECT etl.release_legal_hold('swapped', 'over')$$, 'and can be released');
CALL etl.run_retention('swapped');
SELECT is(pg_temp.left('swapped'), 0::bigint, 'which lets the rows go');

CREATE TABLE named (id int, at timestamptz, customer text, note text);
INSERT INTO named VALUES (1, '2020-01-01', 'C1', '-');
SELECT etl.add_retention_policy('named', 'at', '1 year') \g /dev/null
SELECT etl.add_legal_hold('named', 'named', $$customer = 'C1'$$, 'court') \g /dev/null
ALTER TABLE named RENAME customer TO client;
ALTER TABLE named RENAME note TO customer;
SELECT throws_ok(pg_temp.call('named'), '42703', 'retention policy "named" failed: legal hold "named" cannot be obeyed '
                 'in table "public.named": column "customer" is called "client" now',
                 'a column that takes the name of another one stops the run');
SELECT is(pg_temp.left('named'), 1::bigint, 'and nothing is deleted');
ALTER TABLE named RENAME customer TO note;
ALTER TABLE named RENAME client TO customer;
SELECT lives_ok(pg_temp.call('named'), 'with its name it goes on');
SELECT is(pg_temp.left('named'), 1::bigint, 'and the row is held');
ALTER TABLE named DROP customer;
ALTER TABLE named ADD customer text;
SELECT throws_like(pg_temp.call('named'), '%column "customer" was dropped',
                   'another column of the name is another one');

CREATE TABLE whole (id int, at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE whole_1 PARTITION OF whole DEFAULT;
INSERT INTO whole VALUES (1, '2020-01-01');
SELECT etl.add_legal_hold('whole', 'whole', NULL, 'court') \g /dev/null
ALTER TABLE whole DETACH PARTITION whole_1;
SELECT etl.add_retention_policy('whole_1', 'at', '1 year') \g /dev/null
CALL etl.run_retention('whole_1');
SELECT is(pg_temp.left('whole_1'), 1::bigint, 'a partition that is detached remains held');

-- Row security --------------------------------------------------------------------------------------------------------

CREATE TABLE secured (id int, at timestamptz);
INSERT INTO secured SELECT n, '2020-01-01' FROM generate_series(1, 9) AS n;
ALTER TABLE secured ENABLE ROW LEVEL SECURITY;
CREATE POLICY seen ON secured FOR SELECT USING (true);
CREATE POLICY changed ON secured USING (id > 5);
GRANT ALL ON secured TO kept_ann;
SET ROLE kept_ann;
SELECT etl.add_retention_policy('secured', 'at', '1 year') \g /dev/null
RESET ROLE;
SELECT throws_ok(pg_temp.call('secured', 'kept_ann'), '09000',
                 'retention policy "secured" failed: table "public.secured" gave up 4 of 9 rows that are due',
                 'rows that row security keeps from being changed are found out');
SELECT is(pg_temp.left('secured'), 5::bigint, 'those that may go are gone');
INSERT INTO secured VALUES (10, '2020-01-01');
SELECT dblink_connect('locker', pg_temp.other()), dblink_exec('locker', 'BEGIN') \g /dev/null
SELECT * FROM dblink('locker', 'SELECT id FROM secured WHERE id = 10 FOR UPDATE') AS t(id int) \g /dev/null
SELECT lives_ok(pg_temp.call('secured', 'kept_ann'), 'a row that is locked is no error');
SELECT dblink_exec('locker', 'ROLLBACK') \g /dev/null

-- A chain that somebody else adds to ----------------------------------------------------------------------------------

CREATE TABLE logged (id int, at timestamptz);
INSERT INTO logged VALUES (1, '2020-01-01');
SELECT etl.add_retention_policy('logged', 'at', '1 year', lock_timeout => '20 ms') \g /dev/null
SELECT dblink_exec('locker', 'BEGIN') \g /dev/null
SELECT * FROM dblink('locker', 'SELECT etl._audit(''note'', ''x'')') AS t(seq bigint) \g /dev/null
SELECT throws_ok(pg_temp.call('logged'), '55P03', NULL, 'a run that cannot write into the log ends');
SELECT is((SELECT status FROM etl.runs WHERE name = 'logged'), 'failed', 'and is recorded as failed');
SELECT is(pg_temp.left('logged'), 1::bigint, 'and what it had done is undone');
SELECT dblink_exec('locker', 'COMMIT') \g /dev/null
SELECT lives_ok(pg_temp.call('logged'), 'the next one does it');

-- Large rows ----------------------------------------------------------------------------------------------------------

CREATE TABLE large (id int, at timestamptz, body text);
CREATE INDEX ON large (at);
ALTER TABLE large ALTER body SET STORAGE external;
INSERT INTO large SELECT n, '2020-01-01'::timestamptz + n * interval '1 s', repeat(md5(n::text), 65536)
FROM generate_series(1, 40) AS n;
SELECT etl.add_retention_policy('large', 'at', '1 year', archive_to => 'large_old') \g /dev/null
CALL etl.run_retention('large');
SELECT is((SELECT format('%s in %s', detail ->> 'archived', detail ->> 'batches') FROM etl.runs WHERE name = 'large'),
          '40 in 3', 'a batch moves 32 MB at most');
CREATE TABLE wider (id int, at timestamptz, body text);
CREATE INDEX ON wider (at);
ALTER TABLE wider ALTER body SET STORAGE external;
INSERT INTO wider SELECT n, '2020-01-01'::timestamptz + n * interval '1 s',
                         CASE WHEN n > 100 THEN repeat(md5(n::text), 65536) END FROM generate_series(1, 140) AS n;
SELECT etl.add_retention_policy('wider', 'at', '1 year', batch_rows => 110) \g /dev/null
CALL etl.run_retention('wider');
SELECT ok((detail ->> 'batches')::int >= 3, 'rows that grow make batches smaller, also below a tenth of batch_rows')
FROM etl.runs WHERE name = 'wider';
SELECT is((SELECT etl._retention_resize(p, 5000, '1 s', jsonb_populate_record(
               NULL::etl._retention_moved, '{"contents": "0:00000000000000000000000000000000", "bytes": 0}'))
           FROM etl.retention_policy AS p WHERE name = 'large'), 2500, 'an empty batch says nothing about widths');
SELECT * FROM finish();
