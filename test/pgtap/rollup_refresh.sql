-- etl.refresh_rollup: whatever is done to the tables, after a refresh a rollup is what its query gives. No transaction
-- around the file, because the procedure commits.
SELECT plan(80);
SET client_min_messages = warning;
SET timezone = 'UTC';

CREATE TABLE sale (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz, shop int, price numeric(10, 2));
CREATE TABLE shop (shop int, region text);

-- Rollups of several kinds, each with the plain query that it is compared with.
CREATE TABLE subject (name text PRIMARY KEY, query text, wrong text);
CREATE FUNCTION make(name text, query text, keys name[], options text DEFAULT '')
RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN NEXT lives_ok(format('SELECT etl.create_rollup(%L, %L, %L%s)', 'public.' || name, query, keys, options),
                         name || ' is created');
    INSERT INTO subject VALUES (name, query);
END
$$;
CREATE FUNCTION differences(name text, query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
BEGIN
    query := replace(query, 'now()', quote_literal(coalesce((
        SELECT r.refreshed_as_of FROM etl.rollups AS r WHERE r.name = 'public.' || differences.name), now()))
        || '::timestamptz');
    EXECUTE format('SELECT count(*) FROM ((TABLE %1$s EXCEPT ALL %2$s) UNION ALL (%2$s EXCEPT ALL TABLE %1$s)) AS d',
                   name, query) INTO n;
    RETURN n;
END
$$;
CREATE PROCEDURE compare(after text) LANGUAGE sql AS $$
    UPDATE subject SET wrong = concat_ws(' | ', wrong, after) WHERE differences(name, query) > 0
$$;

INSERT INTO sale (at, shop, price)
SELECT '2024-01-01 00:00+00'::timestamptz + i * interval '11 minutes', nullif(i % 12, 11), i % 17
FROM generate_series(1, 900) AS i;
INSERT INTO shop SELECT i, 'r' || i % 3 FROM generate_series(0, 9) AS i;

SELECT make('hourly', $$SELECT date_trunc('hour', at, 'UTC') AS hour, count(*) AS sold, sum(price) AS revenue,
    max(price) AS dearest FROM public.sale GROUP BY 1$$, '{hour}', ', mode => ''recompute''');
SELECT make('regional', $$SELECT p.region, (s.at AT TIME ZONE 'UTC')::date AS day, count(*) AS sold,
    count(DISTINCT s.shop) FILTER (WHERE s.price > 5) AS shops FROM public.sale AS s LEFT JOIN public.shop AS p
    ON p.shop = s.shop GROUP BY 1, 2 HAVING count(*) > 8$$, '{region,day}', ', mode => ''recompute''');
SELECT make('recent', $$SELECT shop, count(*) AS sold, min(at) AS since FROM public.sale
    WHERE at >= now() - interval '3 days' GROUP BY 1$$, '{shop}', ', mode => ''recompute'', with_data => false');
SELECT make('paired', $$SELECT p.region, count(*) AS sold, string_agg(DISTINCT s.shop::text, ',') AS shops
    FROM public.sale AS s JOIN public.shop AS p ON p.shop = s.shop AND s.price > 3 GROUP BY 1$$, '{region}',
    ', mode => ''recompute'', with_data => false');
SELECT make('daily', $$SELECT date_trunc('day', hour, 'UTC') AS day, sum(sold) AS sold, sum(revenue) AS revenue
    FROM public.hourly GROUP BY 1$$, '{day}', ', mode => ''recompute''');
SELECT make('best', $$SELECT p.region, max(t.price) AS price FROM public.shop AS p
    LEFT JOIN (SELECT shop, max(price) AS price FROM public.sale GROUP BY shop) AS t ON t.shop = p.shop GROUP BY 1$$,
    '{region}', ', mode => ''recompute''');
SELECT make('merged', $$SELECT date_trunc('hour', at, 'UTC') AS hour, count(*) AS sold, sum(price) AS revenue,
    max(price) AS dearest FROM public.sale GROUP BY 1$$, '{hour}', ', mode => ''delta''');
SELECT make('joined', $$SELECT p.region, s.shop, count(*) AS sold, avg(s.price) AS price FROM public.sale AS s
    LEFT JOIN public.shop AS p ON p.shop = s.shop GROUP BY 1, 2 HAVING count(*) > 30$$, '{region,shop}',
    ', mode => ''delta'', with_data => false');

-- Single changes -----------------------------------------------------------------------------------------------------

CREATE PROCEDURE refresh_all_subjects() LANGUAGE plpgsql AS $$
BEGIN
    CALL etl.refresh_all(as_of => '2024-01-07 12:00+00');
END
$$;
CALL etl.refresh_all(as_of => '2024-01-07 12:00+00');
CALL compare('the first refresh');
SELECT is_empty('SELECT * FROM subject WHERE wrong IS NOT NULL', 'filled right');
SELECT results_eq('SELECT sum(r.log_rows), sum(r.pending) FROM etl.rollups AS r', 'VALUES (0::numeric, 0::numeric)',
                  'nothing is left to do');

CREATE FUNCTION detail(name text, key text) RETURNS bigint LANGUAGE sql AS $$
    SELECT (r.detail ->> key)::bigint FROM etl.runs AS r WHERE r.kind = 'rollup' AND r.name = 'public.' || detail.name
    ORDER BY r.run_id DESC LIMIT 1
$$;
INSERT INTO sale (at, shop, price) VALUES ('2024-01-03 04:05+00', 3, 1), ('2024-01-03 04:06+00', 3, 2);
CALL etl.refresh_rollup('hourly');
SELECT is(detail('hourly', 'groups'), 1::bigint, 'two rows of an hour: one group is computed');
SELECT is(detail('hourly', 'updated'), 1::bigint, 'and updated');
CALL etl.refresh_rollup('hourly');
SELECT is(detail('hourly', 'groups'), 0::bigint, 'nothing has changed: none is');
UPDATE sale SET price = price WHERE id < 100;
UPDATE sale SET id = DEFAULT WHERE id = 5;
CALL etl.refresh_rollup('hourly');
SELECT is(detail('hourly', 'log_rows'), 0::bigint, 'nor by an update that changes nothing that is read');
UPDATE sale SET at = at + interval '1 hour' WHERE id = 100;
CALL etl.refresh_rollup('hourly');
SELECT is(detail('hourly', 'groups'), 2::bigint, 'a row moves: both groups');
DELETE FROM sale WHERE at >= '2024-01-02 05:00+00' AND at < '2024-01-02 06:00+00';
CALL etl.refresh_rollup('hourly');
SELECT is(detail('hourly', 'deleted'), 1::bigint, 'a group without rows vanishes');
INSERT INTO sale (price) VALUES (1);
CALL etl.refresh_rollup('hourly');
SELECT is((SELECT sold FROM hourly WHERE hour IS NULL), 1::bigint, 'the group of NULL appears');
UPDATE sale SET price = 2 WHERE at IS NULL;
CALL etl.refresh_rollup('hourly');
SELECT is((SELECT dearest FROM hourly WHERE hour IS NULL), 2.00, 'changes');
DELETE FROM sale WHERE at IS NULL;
CALL etl.refresh_rollup('hourly');
SELECT is_empty('SELECT FROM hourly WHERE hour IS NULL', 'and vanishes');
UPDATE shop SET region = NULL WHERE shop = 2;
INSERT INTO shop VALUES (2, 'twice'), (10, 'new');
CALL etl.refresh_all(as_of => '2024-01-07 12:00+00');
CALL compare('changes of the joined table');
SELECT is_empty('SELECT * FROM subject WHERE wrong IS NOT NULL', 'changes of the joined table');

-- The filter moves ---------------------------------------------------------------------------------------------------

CALL etl.refresh_rollup('recent', as_of => '2024-01-09 00:00+00');
CALL compare('forward');
SELECT ok((SELECT min(since) >= '2024-01-06' FROM recent), 'rows that leave the window are gone');
CALL etl.refresh_rollup('recent', as_of => '2024-01-04 00:00+00');
CALL compare('back');
SELECT ok((SELECT min(since) < '2024-01-02' FROM recent), 'and back again');
CALL etl.refresh_rollup('recent', as_of => '2024-03-01 00:00+00');
SELECT is_empty('SELECT FROM recent', 'all may leave');
SELECT is_empty('SELECT * FROM subject WHERE wrong IS NOT NULL', 'each time right');

-- Batches ------------------------------------------------------------------------------------------------------------

UPDATE sale SET price = price + 1;
CALL etl.refresh_rollup('hourly', max_groups => 10, max_runtime => '1 microsecond');
SELECT is(detail('hourly', 'batches'), 1::bigint, 'max_runtime: one batch');
SELECT is((SELECT r.pending FROM etl.rollups AS r WHERE name = 'public.hourly'),
          (SELECT count(*) - 10 FROM hourly), 'the rest is pending');
SELECT is((SELECT max(p.hour) < (SELECT h.hour FROM hourly AS h ORDER BY h.hour DESC OFFSET 9 LIMIT 1)
           FROM hourly_pending AS p), true, 'the newest came first');
CALL etl.refresh_rollup('hourly', max_groups => 25, newest_first => false);
SELECT is(detail('hourly', 'batches'), (SELECT ceil((count(*) - 10) / 25.0)::bigint FROM hourly), 'batch by batch');
SELECT is(differences('hourly', (SELECT query FROM subject WHERE name = 'hourly')), 0::bigint, 'to the end');

TRUNCATE shop;
CALL etl.refresh_rollup('regional', max_groups => 7);
INSERT INTO shop SELECT i, 'r' || i % 4 FROM generate_series(0, 11) AS i;
CALL etl.refresh_rollup('regional', max_groups => 7);
SELECT is(differences('regional', (SELECT query FROM subject WHERE name = 'regional')), 0::bigint,
          'TRUNCATE touches all groups');

-- Dry run, transactions, marks ----------------------------------------------------------------------------------------

DELETE FROM sale WHERE id % 7 = 0;
CREATE TABLE before AS TABLE hourly;
CALL etl.refresh_rollup('hourly', dry_run => true);
SELECT ok(detail('hourly', 'updated') > 10, 'a dry run counts');
SELECT results_eq('TABLE hourly ORDER BY hour', 'TABLE before ORDER BY hour', 'and changes nothing');
SELECT ok((SELECT r.log_rows > 0 FROM etl.rollups AS r WHERE name = 'public.hourly'), 'nor the log');

BEGIN;
CALL etl.refresh_rollup('hourly');
CALL etl.refresh_rollup('merged');
SELECT is(differences('merged', (SELECT query FROM subject WHERE name = 'merged')), 0::bigint,
          'inside a transaction, where nothing is merged');
SELECT is(differences('hourly', (SELECT query FROM subject WHERE name = 'hourly')), 0::bigint, 'inside a transaction');
ROLLBACK;
SELECT results_eq('TABLE hourly ORDER BY hour', 'TABLE before ORDER BY hour', 'which may be rolled back');
BEGIN ISOLATION LEVEL REPEATABLE READ;
UPDATE sale SET price = price * 2 WHERE id < 300;
CALL etl.refresh_rollup('hourly');
SELECT is(differences('hourly', (SELECT query FROM subject WHERE name = 'hourly')), 0::bigint,
          'with the transaction''s own changes');
COMMIT;
SELECT is(differences('hourly', (SELECT query FROM subject WHERE name = 'hourly')), 0::bigint, 'or committed');

SET session_replication_role = replica;
UPDATE sale SET price = 0 WHERE at < '2024-01-02';
SET session_replication_role = origin;
CALL etl.refresh_rollup('hourly');
SELECT ok(differences('hourly', (SELECT query FROM subject WHERE name = 'hourly')) > 0,
    'what no trigger sees is missed');
SELECT is(etl.mark_dirty('hourly', 'hour < ''2024-01-02 00:00+00'''),
          (SELECT count(*) FROM hourly WHERE hour < '2024-01-02 00:00+00'), 'until its groups are marked');
CALL etl.refresh_rollup('hourly');
SELECT is(differences('hourly', (SELECT query FROM subject WHERE name = 'hourly')), 0::bigint, 'then it is not');
SELECT throws_ok('SELECT etl.mark_dirty(''hourly'', ''sold > 1'')', '42703', NULL, 'the condition is over the keys');
SELECT throws_ok('SELECT etl.mark_dirty(''hourly'', ''true) OR (true'')', '42601', NULL, 'and is one');
SELECT is(etl.mark_dirty('hourly'), NULL, 'all can be marked');
CALL etl.refresh_rollup('hourly');
SELECT is(detail('hourly', 'groups'), (SELECT count(*) FROM hourly), 'and are computed');

-- Errors -------------------------------------------------------------------------------------------------------------

SELECT throws_ok('CALL etl.refresh_rollup(''hourly'', max_groups => 0)', '22023', NULL, 'max_groups');
SELECT throws_ok('CALL etl.refresh_rollup(''hourly'', max_runtime => ''-1 hour'')', '22023', NULL, 'max_runtime');
SELECT throws_ok('CALL etl.refresh_rollup(''hourly'', mode => ''x'')', '22023', NULL, 'mode');
SELECT throws_ok('CALL etl.refresh_rollup(''hourly'', mode => ''delta'')', '0A000', NULL, 'no states to merge into');
SELECT throws_ok('CALL etl.refresh_rollup(''hourly'', as_of => ''infinity'')', '22023', NULL, 'as_of');
SELECT throws_ok('CALL etl.refresh_rollup(NULL)', '42704', NULL, 'no name');

ALTER TABLE sale RENAME COLUMN price TO cost;
INSERT INTO sale (at, shop, cost) VALUES ('2024-01-03 04:05+00', 3, 1);
SELECT throws_like('CALL etl.refresh_rollup(''hourly'')',
    'column "price" of table "public.sale", which rollup%does not exist',
                   'a column that was renamed');
ALTER TABLE sale RENAME COLUMN cost TO price;
ALTER TABLE sale RENAME TO sales;
SELECT throws_like('CALL etl.refresh_rollup(''hourly'')', 'table "public.sale", which rollup%does not exist',
                   'a table that was renamed');
ALTER TABLE sales RENAME TO sale;
ALTER TABLE sale ENABLE ROW LEVEL SECURITY;
SELECT throws_like('CALL etl.refresh_rollup(''hourly'')', 'table "public.sale", which rollup%has got row security',
                   'a table whose rows are not the same for all');
ALTER TABLE sale DISABLE ROW LEVEL SECURITY;
CALL etl.refresh_all(as_of => '2024-01-07 12:00+00');
ALTER TABLE hourly_pending RENAME TO lost;
\set ON_ERROR_STOP 0
\set VERBOSITY sqlstate
CALL etl.refresh_rollup('hourly');
\set ON_ERROR_STOP 1
SELECT is((SELECT (status, error)::text FROM etl.runs WHERE kind = 'rollup' ORDER BY run_id DESC LIMIT 1),
          '(failed,"table ""public.hourly_pending"" of rollup ""public.hourly"" does not exist")',
              'failures are recorded');
ALTER TABLE lost RENAME TO hourly_pending;
ALTER TABLE sale DISABLE TRIGGER USER;
DELETE FROM sale WHERE id % 5 = 0;
CALL etl.refresh_rollup('hourly');
SELECT is(differences('hourly', (SELECT query FROM subject WHERE name = 'hourly')), 0::bigint,
          'triggers that were disabled are made again, and all is computed');
ALTER TABLE sale ALTER COLUMN price TYPE double precision;
SELECT throws_like('CALL etl.refresh_rollup(''hourly'')',
    'column "price"%has become double precision, and was numeric(10,2)',
                   'a column of another type');
ALTER TABLE sale ALTER COLUMN price TYPE numeric(10, 2);
CALL etl.refresh_all(as_of => '2024-01-07 12:00+00');
CALL compare('errors');
SELECT is_empty('SELECT * FROM subject WHERE wrong IS NOT NULL', 'all is right again');

-- Texts that look like parts of a plan --------------------------------------------------------------------------------

CREATE TABLE odd (id int PRIMARY KEY, a text, b text);
CREATE TABLE odder (a text, c text);
CREATE TABLE run_by_whom (who text);
CREATE FUNCTION pwn() RETURNS int LANGUAGE sql AS 'INSERT INTO public.run_by_whom VALUES (current_user) RETURNING 1';
INSERT INTO odder VALUES ('etl._restriction(2)', 'x'), ('f', '"etl rows 1"');
SELECT make('odd_recomputed', 'SELECT a, b, count(*) AS n FROM public.odd GROUP BY a, b', '{a,b}',
            ', mode => ''recompute''');
SELECT make('odd_text', $$SELECT d.a, 'etl._restriction(1)' AS t, count(*) FILTER (WHERE o.b = 'etl._restriction(1)')
    AS n FROM public.odd AS o JOIN public.odder AS d ON d.a = o.a WHERE d.c <> '"etl changes 2" "etl rows 1"'
    AND o.b IS DISTINCT FROM '"etl rows 2" "etl rows 1"' GROUP BY d.a$$, '{a}');
SELECT make('odd_merged', $$SELECT d.c, count(*) FILTER (WHERE d.c <> '"etl rows 1"') AS n, count(*) AS m
    FROM public.odd AS o JOIN public.odder AS d ON d.a = o.a WHERE d.c <> '"etl rows 1" etl._restriction(1)'
    GROUP BY d.c$$, '{c}', ', mode => ''delta''');
INSERT INTO odd VALUES (1, 'etl._restriction(2)', ' OR public.pwn() IS NULL OR a = ');
CALL etl.refresh_all();
CALL compare('an odd key');
INSERT INTO odd VALUES (2, 'f', 'etl._restriction(1)'), (6, 'etl._restriction(2)', 'f');
CALL etl.refresh_all();
CALL compare('odd keys');
INSERT INTO odder VALUES ('f', '"etl rows 1"'), ('etl._restriction(1)', 'y');
UPDATE odder SET c = 'z' WHERE c = 'x';
CALL etl.refresh_all();
CALL compare('odd partners');
SET pg_etl.rollup_log_rows = 1;
INSERT INTO odd VALUES (3, 'etl._restriction(2)', '%s'), (4, 'g', '%1$s'), (5, 'h', NULL);
RESET pg_etl.rollup_log_rows;
SELECT is((SELECT array_agg(etl_op) FROM odd_recomputed_log_1), '{b}'::"char"[], 'a range of odd keys');
CALL etl.refresh_all();
CALL compare('an odd range');
SELECT is_empty('SELECT * FROM subject WHERE wrong IS NOT NULL', 'are texts and nothing else');
SELECT is_empty('TABLE run_by_whom', 'and never run');

-- What no trigger notes: anything may have changed.
ALTER TABLE odd DISABLE TRIGGER USER;
DELETE FROM odd WHERE id = 5;
ALTER TABLE odd ENABLE TRIGGER USER;
INSERT INTO odd_recomputed_log_1 (etl_op, etl_at) VALUES ('?', now());
INSERT INTO odd_merged_log_1 (etl_op, etl_at) VALUES (E'\\377', now()), ('b', now());
INSERT INTO odd_text_log_2 (etl_op, etl_at) VALUES ('', now());
CALL etl.refresh_all();
CALL compare('unknown notes');
SELECT is_empty('SELECT * FROM subject WHERE wrong IS NOT NULL', 'notes of unknown kinds mean all groups');
SELECT results_eq('SELECT sum(r.log_rows), sum(r.pending) FROM etl.rollups AS r', 'VALUES (0::numeric, 0::numeric)',
                  'and are taken');
INSERT INTO odd_merged_log_1 (etl_op, etl_at, a) VALUES ('?', now(), 'f');
SELECT lives_ok('SELECT etl.verify_rollup(''odd_merged'')', 'they do not stop a check');
CALL etl.refresh_all();
SELECT etl.drop_rollup(r) FROM unnest('{odd_recomputed,odd_text,odd_merged}'::text[]) AS r;
DELETE FROM subject WHERE name LIKE 'odd%';

-- Marks of one group are rows of their own, so that a refresh takes no mark that it has not seen.
BEGIN;
SELECT is(etl.mark_dirty('hourly', 'hour < ''2024-01-02'''), n, 'a second mark is a row, too')
FROM etl.mark_dirty('hourly', 'hour < ''2024-01-02''') AS n WHERE n > 0;
COMMIT;

-- Torture ------------------------------------------------------------------------------------------------------------

SELECT setseed(0.42);
CREATE TABLE step AS
SELECT n, CASE
    WHEN k < 25 THEN
        format('INSERT INTO sale (at, shop, price) SELECT %s::timestamptz + i * interval ''7 minutes'', %s, %s '
        'FROM generate_series(1, %s) AS i', coalesce(quote_literal(timestamptz '2024-01-01 00:00+00' + a * interval
            '7 days'),
        'NULL'), coalesce((b * 14)::int::text, 'NULL'), (a * 20)::int, 1 + (b * 6)::int)
    WHEN k < 40 THEN format('UPDATE sale SET at = at + interval ''%s minutes'', price = price + %s WHERE id %% 40 = %s',
                            (a * 300)::int, (b * 2)::int, (b * 39)::int)
    WHEN k < 50 THEN format('DELETE FROM sale WHERE id %% 50 = %s', (a * 49)::int)
    WHEN k < 54 THEN format('UPDATE shop SET region = %s WHERE shop = %s', CASE WHEN b < 0.2 THEN 'NULL' ELSE
                            quote_literal('r' || (b * 5)::int) END, (a * 14)::int)
    WHEN k < 57 THEN format('DELETE FROM shop WHERE shop = %s', (a * 14)::int)
    WHEN k < 60 THEN format('INSERT INTO shop VALUES (%s, ''r%s'')', (a * 14)::int, (b * 5)::int)
    WHEN k < 61 THEN 'TRUNCATE shop'
    WHEN k < 62 THEN 'INSERT INTO shop SELECT i, ''r'' || i % 4 FROM generate_series(0, 11) AS i'
    WHEN k < 66 THEN
        format('BEGIN; SAVEPOINT a; DELETE FROM sale WHERE id %% 3 = 0; ROLLBACK TO a; UPDATE sale SET shop = %s '
        'WHERE id %% 37 = %s; SAVEPOINT b; INSERT INTO shop VALUES (1, ''b''); RELEASE b; COMMIT', (a * 14)::int, (b *
            36)::int)
    WHEN k < 69 THEN
        format('WITH d AS (DELETE FROM sale WHERE id %% 45 = %s RETURNING *) INSERT INTO sale (at, shop, price) '
        'SELECT at - interval ''1 day'', shop, price FROM d', (a * 44)::int)
    WHEN k < 70 THEN 'BEGIN; UPDATE sale SET price = 1; DELETE FROM shop; ROLLBACK'
    WHEN k < 72 THEN format('SELECT etl.mark_dirty(''regional'', ''day = ''''%s'''' OR region IS NULL'') IS NULL',
                            '2024-01-0' || 1 + (a * 6)::int)
    ELSE format('CALL etl.refresh_all(max_groups => %s, newest_first => %L, as_of => %L); CALL compare(%L)',
                CASE WHEN a < 0.3 THEN 5 ELSE 10000 END, b < 0.5, timestamptz '2024-01-06 00:00+00' + b * interval
                    '2 days', n)
    END AS command
FROM (SELECT n, 100 * random() AS k, nullif(random(), 0) AS a, random() AS b FROM generate_series(1, 150) AS n OFFSET
    0) AS r;
\t on
\o /dev/null
SELECT unnest(string_to_array(command, '; ')) FROM step ORDER BY n \gexec
\o
CALL etl.refresh_all(as_of => '2024-01-07 12:00+00');
CALL compare('torture');
SELECT is_empty('SELECT * FROM subject WHERE wrong IS NOT NULL', 'whatever is done, a refresh makes it right');
SELECT ok((SELECT count(*) > 100 AND bool_and(status = 'succeeded') FROM etl.runs
           WHERE run_id > (SELECT max(run_id) FROM etl.runs WHERE status = 'failed')), 'by many refreshes');

-- The first and the last moments --------------------------------------------------------------------------------------

CREATE TABLE ages (id int, at timestamp, zoned timestamptz, d date);
SELECT etl.create_rollup('public.ages_' || n, format('SELECT %s AS k, max(id) AS n FROM public.ages GROUP BY 1', e),
                         '{k}', mode => 'recompute', realtime => true)
FROM (VALUES ('days', 'at::date'), ('hours', 'date_trunc(''hour'', at)'), ('years', 'date_trunc(''year'', d)::date'),
             ('zoned', 'date_trunc(''day'', zoned, ''Asia/Tokyo'')')) AS r(n, e) \g /dev/null
INSERT INTO ages VALUES
    (1, '294276-12-31 23:59:59.999999', '294276-12-30 23:59:59.999999Z', '294276-12-31'),
    (2, '294276-12-30 12:00', '294276-12-30 12:00Z', '294275-06-30'), (3, '2024-05-05', '2024-05-05', '2024-05-05'),
    (4, '4714-11-24 00:00 BC', '4714-11-26 00:00Z BC', '4713-01-01 BC'), (5, 'infinity', '-infinity', 'infinity');
SELECT is(n, 0::bigint, 'a live view knows them: ' || v) FROM (VALUES
    ('days', (SELECT count(*) FROM (TABLE ages_days_live EXCEPT SELECT at::date, max(id) FROM ages GROUP BY 1) AS d)),
    ('zoned', (SELECT count(*) FROM (TABLE ages_zoned_live
        EXCEPT SELECT date_trunc('day', zoned, 'Asia/Tokyo'), max(id) FROM ages GROUP BY 1) AS d))) AS d(v, n);
CALL etl.refresh_all();
SELECT results_eq('SELECT n FROM ages_' || r || ' ORDER BY n', 'VALUES (1), (2), (3), (4), (5)',
                  'so does a refresh: ' || r)
FROM unnest('{days,hours,years,zoned}'::text[]) AS r;
SELECT is((SELECT count(*) FROM etl.verify_rollup('ages_' || r)), 0::bigint, 'rightly: ' || r)
FROM unnest('{days,hours,years,zoned}'::text[]) AS r;

SELECT * FROM finish();
