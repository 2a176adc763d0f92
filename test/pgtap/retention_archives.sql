-- The ledger of what retention has moved, and etl.verify_archive: whatever is changed in an archive by hand is found.
BEGIN;
SELECT plan(36);

CREATE TABLE orders (id int PRIMARY KEY, at timestamptz NOT NULL, amount numeric, note text);
CREATE INDEX ON orders (at);
SELECT etl.add_retention_policy('orders', 'at', '90 days', archive_to => 'orders_archive') AS policy \gset
INSERT INTO orders
SELECT i, '2024-01-01'::timestamptz + i * interval '1 hour', i / 3.0, repeat('x', i % 5)
    FROM generate_series(1, 1000) AS i;

-- A batch of a run, as the ledger sees it.
CREATE FUNCTION move(run bigint, condition text, source text DEFAULT 'orders', target text DEFAULT 'orders_archive',
                     tier int DEFAULT 1)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    gone record;
BEGIN
    EXECUTE format('WITH gone AS (DELETE FROM %1$s AS t WHERE %2$s RETURNING t.*), '
                   'kept AS (INSERT INTO %3$s (%4$s) SELECT %4$s '
                   'FROM gone) SELECT %5$s AS contents, min(at) AS first, max(at) AS last, count(*) FROM gone',
                   source, condition, target,
                   (SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute
                    WHERE attrelid = source::regclass AND attnum > 0 AND NOT attisdropped),
                        etl._rows_hash_of(source::regclass, 'gone'))
    INTO gone;
    RETURN etl._note_archive('orders', tier::smallint, 'archived', etl._relation_name(source::regclass),
        etl._relation_name(target::regclass),
                             run, gone.first, gone.last, gone.contents, 100);
END
$$;
CREATE FUNCTION verified() RETURNS SETOF text LANGUAGE sql AS $$
    SELECT concat_ws(' ', v.location, v.ok, etl.row_count(v.found), etl.row_count(v.expected), v.problem)
    FROM etl.verify_archive() AS v
$$;

-- Movements -----------------------------------------------------------------------------------------------------------

SELECT is_empty('SELECT * FROM etl.verify_archive()', 'nothing was archived');
SELECT is(move(1, 'id <= 100'), move(1, 'id <= 200'), 'batches of one run are one movement');
SELECT isnt(move(2, 'id <= 300'), 1::bigint, 'another run is another');
SELECT results_eq(
    'SELECT policy, tier::int, action, source, location, status, rows, bytes, '
    'etl.row_count(contents), run_id, first_time,'
    ' last_time FROM etl.archives ORDER BY run_id',
    $$VALUES ('orders', 1, 'archived', 'public.orders', 'public.orders_archive', 'kept', 200::bigint, 200::bigint,
        200::bigint,
              1::bigint, '2024-01-01 01:00'::timestamptz, '2024-01-09 08:00'::timestamptz),
             ('orders', 1, 'archived', 'public.orders', 'public.orders_archive', 'kept', 100, 100, 100, 2,
              '2024-01-09 09:00', '2024-01-13 12:00')$$, 'the manifest');
SELECT is((SELECT etl.merge(contents)::text FROM etl.archives), (SELECT etl.rows_hash(a)::text
    FROM orders_archive AS a),
          'the manifest is what is there');
SELECT results_eq('SELECT verified()', ARRAY['public.orders_archive t 300 300'], 'and is verified');
CREATE TABLE cold (LIKE orders_archive);
SELECT isnt(move(3, 'id <= 50', 'orders_archive', 'cold', 2), NULL, 'rows move on to the next tier');
SELECT results_eq('SELECT verified()', ARRAY['public.orders_archive t 250 250', 'public.cold t 50 50'],
                  'each table has what came in less what went out');
DELETE FROM cold WHERE id <= 10;
SELECT lives_ok($$SELECT etl._note_archive('orders', 3::smallint, 'deleted', 'public.cold', NULL, 3, NULL, NULL,
    (SELECT v.expected OPERATOR(etl.-) v.found FROM etl.verify_archive() AS v WHERE v.location = 'public.cold'))$$,
    'rows are deleted for good');
SELECT results_eq('SELECT verified()', ARRAY['public.orders_archive t 250 250', 'public.cold t 40 40'],
    'by the ledger');
SELECT results_eq(
    $$SELECT v.location, v.ok, v.problem FROM etl.archives AS a CROSS JOIN LATERAL etl.verify_archive(a.archive_id) AS v
      ORDER BY a.archive_id$$,
    $$VALUES ('public.orders_archive', true, NULL), ('public.orders_archive', true, NULL), ('public.cold', true, NULL),
             ('public.cold', true, NULL)$$, 'one by one');

-- Changes by hand -----------------------------------------------------------------------------------------------------

CREATE FUNCTION after(change text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    seen text;
BEGIN
    EXECUTE change;
    SELECT string_agg(v, '; ') INTO seen FROM verified() AS v WHERE v LIKE 'public.orders_archive%';
    RAISE EXCEPTION USING ERRCODE = 'UNDO1', MESSAGE = seen;
EXCEPTION
    WHEN SQLSTATE 'UNDO1' THEN
        RETURN seen;
END
$$;
SELECT is(after(change), 'public.orders_archive ' || seen, change) FROM (VALUES
    ('UPDATE orders_archive SET amount = 1 WHERE id = 77',
        'f 250 250 There are 250 rows, but not those that were archived.'),
    ('UPDATE orders_archive SET amount = amount * 1.0',
        'f 250 250 There are 250 rows, but not those that were archived.'),
    ('UPDATE orders_archive SET note = CASE note WHEN ''x'' THEN ''xx'' WHEN ''xx'' THEN ''x'' ELSE note END',
     'f 250 250 There are 250 rows, but not those that were archived.'),
    ('DELETE FROM orders_archive WHERE id = 77', 'f 249 250 There are 249 rows instead of 250.'),
    ('INSERT INTO orders_archive SELECT * FROM orders_archive WHERE id = 77',
        'f 251 250 There are 251 rows instead of 250.'),
    ('UPDATE orders_archive SET id = 78 WHERE id = 77',
        'f 250 250 There are 250 rows, but not those that were archived.'),
    ('TRUNCATE orders_archive', 'f 0 250 There are 0 rows instead of 250.'),
    ('DROP TABLE orders_archive', 'f 250 The table does not exist.'),
    ('ALTER TABLE orders_archive DROP note',
     'f 250 250 There are 250 rows, but not those that were archived. Column note, which archived rows had, is gone.'),
    ('ALTER TABLE orders_archive ADD archived_at timestamptz DEFAULT now()', 't 250 250'),
    ('ALTER TABLE orders_archive ALTER note SET STORAGE EXTERNAL, ALTER id DROP NOT NULL', 't 250 250'),
    ('CREATE TABLE again AS SELECT note, amount, at, id FROM orders_archive ORDER BY amount;
      DROP TABLE orders_archive; '
     'ALTER TABLE again RENAME TO orders_archive', 't 250 250')) AS t (change, seen);

-- Columns come and go -------------------------------------------------------------------------------------------------

ALTER TABLE orders ADD added int DEFAULT 7;
ALTER TABLE orders_archive ADD added int, ADD archived_at timestamptz DEFAULT now();
SELECT isnt(move(4, 'id <= 400'), NULL, 'rows with another column');
ALTER TABLE orders DROP note;
SELECT is(move(4, 'id <= 420'), move(4, 'id <= 440'), 'rows without one');
SELECT results_eq('SELECT verified()', ARRAY['public.orders_archive t 390 390', 'public.cold t 40 40'],
                  'columns that were added, dropped, or are the archive''s own');
SELECT is(after('UPDATE orders_archive SET added = 8 WHERE id = 399'),
          'public.orders_archive f 390 390 There are 390 rows, but not those that were archived.',
              'the new column is looked at');
SELECT is(after('UPDATE orders_archive SET archived_at = NULL'), 'public.orders_archive t 390 390',
          'the archive''s own column is not');

-- What was there before -----------------------------------------------------------------------------------------------

CREATE TABLE old_archive (LIKE orders, kept_by text DEFAULT 'me');
INSERT INTO old_archive SELECT i, '2023-01-01'::timestamptz + i * interval '1 day', i, i
    FROM generate_series(1, 9) AS i;
INSERT INTO old_archive VALUES (10, 'infinity', 1, 1);
SELECT etl._open_archive('orders', 1::smallint, 'old_archive');
SELECT etl._open_archive('orders', 1::smallint, 'old_archive');
SELECT results_eq(
    $$SELECT source, location, rows, first_time, last_time, run_id FROM etl.archives WHERE action = 'opening'$$,
    $$VALUES (NULL::text, 'public.old_archive', 10::bigint, '2023-01-02'::timestamptz, '2023-01-10'::timestamptz,
              NULL::bigint)$$, 'the opening balance, noted once');
SELECT isnt(move(5, 'id <= 500', 'orders', 'old_archive'), NULL, 'rows are added');
SELECT is((SELECT string_agg(v, '; ') FROM verified() AS v WHERE v LIKE 'public.old%'), 'public.old_archive t 70 70',
          'and both are there');

-- Errors and rights ---------------------------------------------------------------------------------------------------

SELECT throws_ok('SELECT * FROM etl.verify_archive(123456)', '42704', 'archive 123456 does not exist',
    'no such archive');
SELECT throws_ok($$SELECT etl._note_archive('orders', 1::smallint, 'moved', 'a', 'b', 1, NULL, NULL,
    '0:00000000000000000000000000000000')$$, '23514', NULL, 'an action that there is not');
CREATE ROLE etl_test_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO etl_test_reader;
SET LOCAL ROLE etl_test_reader;
SELECT is_empty('SELECT * FROM etl.archives', 'another role sees nothing');
SELECT is_empty('SELECT * FROM etl.verify_archive()', 'and verifies nothing');
SELECT throws_ok('SELECT * FROM etl.verify_archive(1)', '42704', NULL, 'nor one by its number');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
