-- etl.restore_archive: what comes back is what was archived, each row once, whatever stands in the way.
BEGIN;
SELECT plan(83);

CREATE TABLE orders (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL, amount numeric, note text UNIQUE,
    twice numeric GENERATED ALWAYS AS (amount * 2) STORED
);
CREATE INDEX ON orders (at);
SELECT etl.add_retention_policy('orders', 'at', '90 days', archive_to => 'orders_archive') AS policy \gset
INSERT INTO orders (at, amount, note)
SELECT '2024-01-01'::timestamptz + i * interval '1 hour', i / 3.0, 'order ' || i FROM generate_series(1, 1000) AS i;
CREATE TABLE expected AS SELECT * FROM orders;

CREATE FUNCTION move(run bigint, condition text, source text DEFAULT 'orders', target text DEFAULT 'orders_archive',
    tier int DEFAULT 1)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    gone record;
BEGIN
    EXECUTE format('WITH gone AS (DELETE FROM %1$s AS t WHERE %2$s RETURNING t.*), '
                   'kept AS (INSERT INTO %3$s SELECT * FROM gone)'
                   ' SELECT %4$s AS contents, min(at) AS first, max(at) AS last, count(*) FROM gone', source,
                       condition, target,
                   etl._rows_hash_of(source::regclass, 'gone')) INTO gone;
    RETURN etl._note_archive('orders', tier::smallint, 'archived', etl._relation_name(source::regclass),
                             etl._relation_name(target::regclass), run, gone.first, gone.last, gone.contents);
END
$$;
-- A file, as a run makes it.
CREATE FUNCTION export(run bigint, condition text, location text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    made record;
    noted bigint;
BEGIN
    SELECT * INTO made FROM etl._archive_write(
        location, 'ndjson.zst', format('SELECT * FROM public.orders WHERE %s', condition));
    INSERT INTO etl.archive (policy, tier, action, relation, time_column, source, location, format, status, rows,
        bytes, contents,
                             sha256, columns, run_id, first_time, last_time)
    SELECT 'orders', 1, 'archived', 'public.orders', 'at', 'public.orders', location, 'ndjson.zst', 'writing',
        made.rows, made.bytes,
           made.contents, made.sha256, made.columns, run, f.first, f.last
    FROM (SELECT min(at) AS first, max(at) AS last FROM orders) AS f
    RETURNING archive_id INTO noted;
    EXECUTE format('UPDATE etl.archive SET (first_time, last_time) = (SELECT min(at), max(at) FROM orders WHERE %s)'
                   ' WHERE archive_id = %s', condition, noted);
    EXECUTE format('DELETE FROM orders WHERE %s', condition);
    UPDATE etl.archive SET status = 'kept' WHERE archive_id = noted;
    RETURN noted;
END
$$;
SELECT etl.create_history_view('orders') AS history \gset
CREATE FUNCTION in_all() RETURNS text LANGUAGE sql AS $$
    SELECT (etl.rows_hash(h) OPERATOR(etl.=) (SELECT etl.rows_hash(e) FROM expected AS e)) || ' ' || count(*)
    FROM orders_history AS h
$$;
CREATE FUNCTION verified() RETURNS SETOF boolean LANGUAGE sql AS $$ SELECT DISTINCT v.ok
    FROM etl.verify_archive() AS v $$;
CREATE FUNCTION undone(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    seen text;
BEGIN
    EXECUTE command INTO seen;
    RAISE EXCEPTION USING ERRCODE = 'UNDO1', MESSAGE = coalesce(seen, 'NULL');
EXCEPTION
    WHEN SQLSTATE 'UNDO1' THEN
        RETURN seen;
    WHEN OTHERS THEN
        RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;

-- One archive ---------------------------------------------------------------------------------------------------------

SELECT move(1, 'id <= 200') AS first_id, move(2, 'id <= 300') AS second_id \gset
SELECT is(in_all(), 'true 1000', 'each row is there once');
SELECT results_eq(format('SELECT source, target, moved, rows, skipped, updated '
                         'FROM etl.restore_archive(%s, dry_run => true)', :first_id),
    $$VALUES ('public.orders_archive', 'public.orders', true, 200::bigint, 0::bigint, 0::bigint)$$, 'a dry run tells');
SELECT is((SELECT count(*) FROM orders_archive), 300::bigint, 'and changes nothing');
SELECT is((SELECT count(*) FROM etl.audit_log WHERE action = 'restore'), 0::bigint, 'nor is it written down');
SELECT is((SELECT contents::text FROM etl.restore_archive(:first_id)),
          (SELECT contents::text FROM etl.archives WHERE archive_id = :first_id),
              'what came back is what was archived');
SELECT is((SELECT count(*) FROM etl.audit_log WHERE action = 'restore'), 1::bigint, 'it is written down');
SELECT is(in_all(), 'true 1000', 'each row is there once');
SELECT results_eq('SELECT verified()', ARRAY[true], 'the ledger agrees');
SELECT results_eq($$SELECT source, location, rows, status FROM etl.archives WHERE action = 'restored'$$,
    $$VALUES ('public.orders_archive', 'public.orders', 200::bigint, 'kept')$$, 'the movement is in the manifest');
SELECT throws_ok(format('SELECT * FROM etl.restore_archive(%s)', :first_id), '55000',
    format('nothing of archive %s is left in public.orders_archive', :first_id), 'not twice');
SELECT throws_ok(format('SELECT * FROM etl.restore_archive(%s)', archive_id), '55000',
    format('archive %s is of rows that were restored', archive_id), 'nor a restore')
FROM etl.archives WHERE action = 'restored';
SELECT is(move(3, 'id <= 200') > 0, true, 'the policy takes them again');
SELECT is((SELECT sum(rows) FROM etl.restore_archive(:first_id)), 200::numeric, 'and they come back again');
SELECT results_eq('SELECT verified()', ARRAY[true], 'the ledger agrees');

-- archives whose times overlap
SELECT move(4, 'id % 2 = 1 AND id <= 200') AS odd_id, move(5, 'id <= 200') AS even_id \gset
SELECT throws_ok(format('SELECT * FROM etl.restore_archive(%s)', :odd_id), '55000',
    format('archive %s cannot be told from others in table public.orders_archive', :odd_id), 'rows of others between');

-- A range of time -----------------------------------------------------------------------------------------------------

SELECT results_eq($$SELECT rows FROM etl.restore_archive('orders', '2024-01-02', '2024-01-03')$$, ARRAY[24::bigint],
                  'a range, which ends before its end');
SELECT is((SELECT array_agg(id ORDER BY id) FROM orders WHERE id <= 300), ARRAY(SELECT generate_series(24, 47)),
    'these rows');
SELECT is(in_all(), 'true 1000', 'each row is there once');
SELECT is_empty($$SELECT * FROM etl.restore_archive('orders', '2024-01-02', '2024-01-03')$$, 'nothing is left of it');
SELECT is((SELECT sum(rows) FROM etl.restore_archive('orders', NULL::timestamptz, NULL)), 276::numeric, 'all of it');
SELECT is((SELECT count(*) FROM orders), 1000::bigint, 'is back');
SELECT results_eq('SELECT verified()', ARRAY[true], 'the ledger agrees');

-- tiers
CREATE TABLE cold (LIKE orders_archive);
SELECT etl.add_tier('orders', '1 year', 'cold') AS tier \gset
SELECT move(6, 'id <= 300') AS warm_id, move(6, 'id <= 100', 'orders_archive', 'cold', 2) AS cold_id \gset
SELECT is(in_all(), 'true 1000', 'three tables');
SELECT throws_ok(format('SELECT * FROM etl.restore_archive(%s)', :warm_id), '55000', NULL, 'a part has moved on');
SELECT results_eq(format($$SELECT source, rows FROM etl.restore_archive('orders', '2024-01-05', '2024-01-06')
    ORDER BY 1$$),
    $$VALUES ('public.cold', 5::bigint), ('public.orders_archive', 19)$$, 'a range from two places');
SELECT is(in_all(), 'true 1000', 'each row is there once');
SELECT results_eq(format($$SELECT target, moved, rows FROM etl.restore_archive('orders', NULL, '2024-01-02',
    target => 'orders_archive')$$),
    $$VALUES ('public.orders_archive', true, 23::bigint)$$, 'from cold to warm');
SELECT results_eq('SELECT verified()', ARRAY[true], 'the ledger agrees');
SELECT is(in_all(), 'true 1000', 'each row is there once');

-- Into another table --------------------------------------------------------------------------------------------------

CREATE TABLE copied (note text, more int DEFAULT 1, at timestamptz, id int PRIMARY KEY, twice numeric, amount numeric);
SELECT results_eq($$SELECT source, moved, rows FROM etl.restore_archive('orders', '2024-01-01', '2024-01-05',
    target => 'copied') ORDER BY 1$$,
    $$VALUES ('public.cold', false, 72::bigint), ('public.orders_archive', false, 23)$$,
        'copies, into columns in another order');
SELECT is((SELECT count(*) FROM copied AS c JOIN expected AS e USING (id, at, amount, note, twice)), 95::bigint,
    'as they were');
SELECT results_eq('SELECT verified()', ARRAY[true], 'the ledger is as it was');
SELECT is(in_all(), 'true 1000', 'and so are the archives');
SELECT throws_ok($$SELECT * FROM etl.restore_archive('orders', '2024-01-01', '2024-01-02', target => 'copied')$$,
    '23505', NULL, 'a key twice');
SELECT results_eq($$SELECT sum(rows), sum(skipped) FROM etl.restore_archive('orders', '2024-01-01', '2024-01-06',
    target => 'copied', on_conflict => 'skip')$$,
    $$VALUES (0::numeric, 95::numeric)$$, 'or left out');
UPDATE copied SET note = 'other ' || id;
SELECT results_eq($$SELECT sum(rows), sum(updated) FROM etl.restore_archive('orders', '2024-01-01', '2024-01-06',
    target => 'copied', on_conflict => 'update')$$,
    $$VALUES (95::numeric, 95::numeric)$$, 'or replaced');
SELECT is((SELECT count(*) FROM copied AS c JOIN expected AS e USING (id, at, amount, note, twice)), 95::bigint,
    'as they were');
CREATE TABLE narrow (id int, at timestamptz);
SELECT throws_ok($$SELECT * FROM etl.restore_archive('orders', '2024-01-01', '2024-01-02', target => 'narrow')$$,
    '42703',
    'table "public.narrow" lacks column "amount" of the archived rows', 'a table without a column');
CREATE TABLE wider (id bigint, at timestamptz, amount numeric, note text, twice numeric);
SELECT throws_ok($$SELECT * FROM etl.restore_archive('orders', '2024-01-01', '2024-01-02', target => 'wider')$$,
    '42804',
    'column "id" is of type integer in the archived rows and of type bigint in table "public.wider"', 'another type');
CREATE TABLE edited (LIKE cold);
CREATE FUNCTION edit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.note := 'edited'; RETURN NEW; END $$;
CREATE TRIGGER edit BEFORE INSERT ON edited FOR EACH ROW EXECUTE FUNCTION edit();
SELECT throws_ok($$SELECT * FROM etl.restore_archive('orders', '2024-01-01', '2024-01-02', target => 'edited')$$,
    '09000',
    'table "public.edited" did not store the archived rows as they are', 'a trigger that changes rows');
CREATE VIEW a_view AS SELECT * FROM copied;
SELECT throws_ok($$SELECT * FROM etl.restore_archive('orders', '2024-01-01', '2024-01-02', target => 'a_view')$$,
    '42809', NULL, 'a view');
SELECT throws_ok($$SELECT * FROM etl.restore_archive('orders', '2024-01-01', '2024-01-02', on_conflict => 'replace')$$,
    '22023',
    'on_conflict must be error, skip or update, not ''replace''', 'a rule that there is not');
SELECT throws_ok($$SELECT * FROM etl.restore_archive('orders', '2024-01-01', '2024-01-02', target => 'narrow',
    on_conflict => 'update')$$, '22023', NULL, 'no key');
SELECT throws_ok($$SELECT * FROM etl.restore_archive('orders', '2024-01-01', '2024-01-02', target => 'cold',
    on_conflict => NULL)$$, '22023', NULL, 'no rule');
SELECT throws_ok($$SELECT * FROM etl.restore_archive('nothing', '2024-01-01', '2024-01-02')$$, '42704', NULL,
    'no such policy');
SELECT throws_ok('SELECT * FROM etl.restore_archive(123456)', '42704', NULL, 'no such archive');

-- Conflicts in the table itself ---------------------------------------------------------------------------------------

INSERT INTO orders (id, at, amount, note) OVERRIDING SYSTEM VALUE VALUES (30, '2024-06-01', 1, 'new 30'),
    (5000, '2024-06-01', 1, 'order 31');
SELECT throws_ok($$SELECT * FROM etl.restore_archive('orders', NULL, '2024-01-03')$$, '23505', NULL, 'a key is there');
SELECT results_eq($$SELECT source, rows, skipped FROM etl.restore_archive('orders', NULL, '2024-01-03',
    on_conflict => 'skip') ORDER BY 1$$,
    $$VALUES ('public.cold', 22::bigint, 2::bigint), ('public.orders_archive', 23, 0)$$, 'both keys are looked at');
SELECT is((SELECT array_agg(id ORDER BY id) FROM cold WHERE at < '2024-01-03'), '{30,31}', 'what was skipped is kept');
SELECT results_eq('SELECT verified()', ARRAY[true], 'the ledger agrees');
DELETE FROM orders WHERE id = 5000;
SELECT results_eq($$SELECT rows, updated FROM etl.restore_archive('orders', NULL, '2024-01-03',
    on_conflict => 'update')$$,
    $$VALUES (2::bigint, 1::bigint)$$, 'the archived row replaces the new one');
SELECT is(in_all(), 'true 1000', 'each row is there once, as it was');

-- Archives that are not what they were --------------------------------------------------------------------------------

SELECT is(undone($$WITH u AS (UPDATE orders_archive SET amount = 0 WHERE id = 150 RETURNING 1) SELECT count(*)
    FROM u$$), '1', 'set up');
UPDATE orders_archive SET note = note || '!' WHERE id = 150;
SELECT throws_ok($$SELECT * FROM etl.restore_archive('orders', '2024-01-06', '2024-01-10')$$, 'XX001',
    'archive public.orders_archive does not hold the rows that were moved there', 'a row was changed');
SELECT throws_ok(format('SELECT * FROM etl.restore_archive(%s)', :warm_id), 'XX001', NULL, 'by its number');
UPDATE orders_archive SET note = 'order 150' WHERE id = 150;
SELECT lives_ok($$SELECT * FROM etl.restore_archive('orders', '2024-01-06', '2024-01-10')$$, 'changed back');
CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER keep BEFORE DELETE ON orders_archive FOR EACH ROW WHEN (OLD.id = 250) EXECUTE FUNCTION keep();
SELECT throws_ok($$SELECT * FROM etl.restore_archive('orders', '2024-01-10', NULL)$$, '09000',
    'archive public.orders_archive gave up 84 of 85 rows', 'a trigger keeps a row');
DROP TRIGGER keep ON orders_archive;
SELECT lives_ok($$SELECT * FROM etl.restore_archive('orders', NULL, NULL::text)$$, 'all of it');
SELECT is(in_all(), 'true 1000', 'each row is there once');
SELECT is((SELECT count(*) FROM orders), 1000::bigint, 'in the table');

-- Another role --------------------------------------------------------------------------------------------------------

SELECT move(7, 'id <= 10') AS mine \gset
CREATE ROLE etl_test_other;
SET LOCAL ROLE etl_test_other;
SELECT throws_ok(format('SELECT * FROM etl.restore_archive(%s)', :mine), '42704', NULL,
    'another role finds no archive');
SELECT throws_ok($$SELECT * FROM etl.restore_archive('orders', NULL, NULL::text)$$, '42704', NULL, 'nor the policy');
RESET ROLE;
SELECT lives_ok(format('SELECT * FROM etl.restore_archive(%s)', :mine), 'the owner does');

-- Files ---------------------------------------------------------------------------------------------------------------

SELECT current_setting('data_directory') || '/etl_restore' AS dir \gset
SET LOCAL client_min_messages = error;
COPY (SELECT WHERE false) TO PROGRAM 'mkdir -p etl_restore';
SET pg_etl.archive_directory = :'dir';
SELECT etl.remove_retention_policy('orders');
SELECT etl.add_retention_policy('orders', 'at', '90 days', name => 'orders',
    archive_to => 'file://' || :'dir') AS policy \gset
SELECT 'orders_history' = split_part(etl.create_history_view('orders'), '.', 2) AS made \gset
SELECT export(8, 'id <= 100', 'file://' || :'dir' || '/a.ndjson.zst') AS a,
       export(9, 'id BETWEEN 101 AND 200', 'file://' || :'dir' || '/b.ndjson.zst') AS b \gset
SELECT is(in_all(), 'true 1000', 'files are read');
SELECT results_eq('SELECT verified()', ARRAY[true], 'and verified');
SELECT is((SELECT sum(rows) FROM etl.restore_archive('orders', '2024-01-02', '2024-01-08', target => 'copied',
    on_conflict => 'skip')), 72::numeric, 'copies from files');
SELECT throws_ok($$SELECT * FROM etl.restore_archive('orders', '2024-01-02', '2024-01-08')$$, '0A000', NULL,
    'no part of a file goes back');
SELECT results_eq(format('SELECT moved, rows FROM etl.restore_archive(%s)', :a), $$VALUES (true, 100::bigint)$$,
    'a file goes back');
SELECT is(in_all(), 'true 1000', 'each row is there once');
SELECT is((SELECT status FROM etl.archives WHERE archive_id = :a), 'removing', 'the file holds copies only');
SELECT throws_ok(format('SELECT * FROM etl.restore_archive(%s)', :a), '55000', NULL, 'not twice');
SELECT results_eq('SELECT verified()', ARRAY[true], 'the ledger agrees');
UPDATE orders SET note = 'changed' WHERE id = 1;
INSERT INTO orders (id, at, note) OVERRIDING SYSTEM VALUE VALUES (150, '2024-06-01', 'new 150');
SELECT throws_ok(format('SELECT * FROM etl.restore_archive(%s)', :b), '23505', NULL, 'a key is there');
SELECT throws_ok(format('SELECT * FROM etl.restore_archive(%s, on_conflict => %L)', :b, 'skip'), '0A000', NULL,
    'nothing can stay behind');
COPY (SELECT WHERE false) TO PROGRAM
    'cp etl_restore/b.ndjson.zst etl_restore/whole; head -c 300 etl_restore/whole > etl_restore/b.ndjson.zst';
SELECT is((SELECT ok FROM etl.verify_archive(:b)), false, 'a file that was cut is found');
SELECT isnt((SELECT problem FROM etl.verify_archive(:b)), NULL, 'and said');
SELECT throws_ok(format('SELECT * FROM etl.restore_archive(%s)', :b), 'XX001', NULL, 'and not restored');
COPY (SELECT WHERE false) TO PROGRAM 'cp etl_restore/a.ndjson.zst etl_restore/b.ndjson.zst';
SELECT is((SELECT ok FROM etl.verify_archive(:b)), false, 'another file in its place is found');
SELECT throws_ok('SELECT count(*) FROM orders_history', 'XX001', NULL, 'and not shown');
COPY (SELECT WHERE false) TO PROGRAM 'rm etl_restore/b.ndjson.zst';
SELECT is((SELECT ok FROM etl.verify_archive(:b)), false, 'a missing file is found');
COPY (SELECT WHERE false) TO PROGRAM 'mv etl_restore/whole etl_restore/b.ndjson.zst';
SELECT is((SELECT ok FROM etl.verify_archive(:b)), true, 'it is back');
SELECT results_eq(format($$SELECT rows, updated FROM etl.restore_archive(%s, on_conflict => 'update')$$, :b),
    $$VALUES (100::bigint, 1::bigint)$$,
                  'rows of a file replace others');
SELECT is((SELECT count(*) FROM orders), 1000::bigint, 'all rows are in the table');
COPY (SELECT WHERE false) TO PROGRAM 'rm -r etl_restore';

SELECT * FROM finish();
ROLLBACK;
