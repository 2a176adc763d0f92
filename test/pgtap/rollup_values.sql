-- Values that are not what they look like: keys of several types or collations, of domains, enums and composite types,
-- and such as fail for rows that the query leaves out.
SELECT plan(37);
SET client_min_messages = warning;
SET timezone = 'UTC';

-- How many rows of a rollup are not those of its query, after a refresh.
CREATE FUNCTION differences(name text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    query text := (SELECT r.query FROM etl.rollups AS r WHERE r.name = 'public.' || differences.name);
    n bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM ((TABLE %1$I EXCEPT ALL (%2$s)) UNION ALL '
                   '((%2$s) EXCEPT ALL TABLE %1$I)) AS d', name, query) INTO n;
    RETURN n;
END
$$;

-- Set operations over several types ----------------------------------------------------------------------------------

CREATE TABLE whole (x integer, y integer);
CREATE TABLE broken (x numeric, y numeric);
INSERT INTO whole VALUES (7, 2), (8, 3);
INSERT INTO broken VALUES (3.5, 1);
SELECT etl.create_rollup('public.quotients', $$
    SELECT u.x / u.y AS k, count(*) AS n
    FROM (SELECT x, y FROM public.whole UNION ALL SELECT x, y FROM public.broken) AS u
    GROUP BY 1 $$, '{k}', mode => 'recompute') > 0;
INSERT INTO whole VALUES (9, 2), (1, 2);
DELETE FROM whole WHERE x = 7;
CALL etl.refresh_rollup('quotients');
SELECT is(differences('quotients'), 0::bigint, 'a branch has its keys computed in the type of the union');

SELECT etl.create_rollup('public.nested', $$
    SELECT u.x / u.y AS k, count(*) AS n
    FROM ((SELECT x, y FROM public.whole UNION SELECT y, x FROM public.whole)
          EXCEPT SELECT x, y FROM public.broken) AS u
    GROUP BY 1 $$, '{k}', mode => 'recompute') > 0;
INSERT INTO whole VALUES (11, 5);
INSERT INTO broken VALUES (9, 2);
CALL etl.refresh_rollup('nested');
SELECT is(differences('nested'), 0::bigint, 'so has one within another operation');

CREATE TABLE dated (d date);
CREATE TABLE timed (d timestamp);
CREATE TABLE zoned (d timestamptz);
SELECT etl.create_rollup('public.daily', $$
    SELECT date_trunc('day', u.d) AS k, count(*) AS n
    FROM (SELECT d FROM public.dated UNION ALL SELECT d FROM public.timed) AS u GROUP BY 1 $$, '{k}',
    mode => 'recompute') > 0;
SELECT etl.create_rollup('public.zoned_daily', $$
    SELECT date_trunc('day', u.d, 'UTC') AS k, count(*) AS n
    FROM (SELECT d FROM public.dated UNION ALL SELECT d FROM public.zoned) AS u GROUP BY 1 $$, '{k}',
    mode => 'recompute') > 0;
SET timezone = 'Asia/Tokyo';
INSERT INTO dated VALUES ('2024-03-01');
SET timezone = 'UTC';
CALL etl.refresh_all();
SELECT is(differences('daily'), 0::bigint, 'a date that becomes a timestamp is one wherever it is written');
SELECT is(differences('zoned_daily'), 0::bigint, 'and where the time zone counts, writers do not say which day it is');

-- Collations ---------------------------------------------------------------------------------------------------------

CREATE TABLE name_a (k text COLLATE "en-x-icu");
CREATE TABLE name_b (k text COLLATE "C");
INSERT INTO name_a VALUES ('a'), ('B'), ('c');
SELECT etl.create_rollup('public.names', $$
    SELECT a.k, count(*) AS n FROM public.name_a AS a JOIN public.name_b AS b ON a.k = b.k COLLATE "en-x-icu"
    GROUP BY 1 $$, '{k}', mode => 'recompute') > 0;
SELECT etl.create_rollup('public.kept_names', $$
    SELECT a.k, count(*) AS n FROM public.name_a AS a JOIN public.name_b AS b ON a.k COLLATE "C" = b.k
    GROUP BY 1 $$, '{k}', mode => 'recompute') > 0;
CREATE TABLE name_d (k text);
SELECT etl.create_rollup('public.default_names', $$
    SELECT a.k, count(*) AS n FROM public.name_a AS a JOIN public.name_d AS b ON a.k = b.k
    GROUP BY 1 $$, '{k}', mode => 'recompute') > 0;
SET pg_etl.rollup_log_rows = 2;
INSERT INTO name_b VALUES ('a'), ('B'), ('c');
INSERT INTO name_d VALUES ('a'), ('B'), ('c');
RESET pg_etl.rollup_log_rows;
CALL etl.refresh_all();
SELECT results_eq('SELECT k FROM default_names ORDER BY 1', 'SELECT k FROM name_a ORDER BY 1',
                  'a range of keys is one in the order of the key');
SELECT is(differences('names') + differences('kept_names'), 0::bigint, 'whichever column tells the key');

-- Keys that fail for other rows --------------------------------------------------------------------------------------

CREATE TABLE note (id integer, kind text, v text, sort integer);
CREATE TABLE sort (sort integer, is_number boolean);
INSERT INTO sort VALUES (1, true), (2, false);
INSERT INTO note VALUES (1, 'num', '1', 1), (2, 'txt', 'x', 2);
SELECT etl.create_rollup('public.guarded', $$
    SELECT v::integer AS k, count(*) AS n FROM public.note WHERE kind = 'num' GROUP BY 1 $$, '{k}',
    mode => 'recompute') > 0;
SELECT etl.create_rollup('public.joined', $$
    SELECT n.v::integer AS k, count(*) AS n FROM public.note AS n JOIN public.sort AS s ON s.sort = n.sort
    WHERE s.is_number GROUP BY 1 $$, '{k}', mode => 'recompute') > 0;
SELECT etl.create_rollup('public.semijoined', $$
    SELECT n.v::integer AS k, count(*) AS n FROM public.note AS n
    WHERE EXISTS (SELECT FROM public.sort AS s WHERE s.sort = n.sort AND s.is_number) GROUP BY 1 $$, '{k}',
    mode => 'recompute') > 0;
SELECT etl.create_rollup('public.lower_down', $$
    SELECT u.k, count(*) AS n FROM (SELECT n.v::integer AS k FROM public.note AS n
        JOIN public.sort AS s ON s.sort = n.sort AND s.is_number) AS u GROUP BY 1 $$, '{k}', mode => 'recompute') > 0;
SELECT etl.create_rollup('public.merged', $$
    SELECT v::integer AS k, count(*) AS n FROM public.note WHERE kind = 'num' GROUP BY 1 $$, '{k}') > 0;
SELECT lives_ok($$INSERT INTO note VALUES (3, 'txt', 'hello', 2), (4, 'num', '4', 1), (5, 'num', '5', 1)$$,
                'a key that would fail for a row that WHERE keeps out does not fail its writer');
CALL etl.refresh_all();
SELECT is(differences('guarded'), 0::bigint, 'nor the refresh');
SELECT is(differences('joined'), 0::bigint, 'nor where another table keeps the row out');
SELECT is(differences('semijoined'), 0::bigint, 'nor a subquery');
SELECT is(differences('lower_down'), 0::bigint, 'nor a join in a subquery');
SELECT is(differences('merged'), 0::bigint, 'nor where changes are merged');
UPDATE sort SET is_number = false WHERE sort = 1;
DELETE FROM note WHERE id = 4;
CALL etl.refresh_all();
SELECT is(differences('guarded') + differences('joined') + differences('semijoined') + differences('lower_down')
          + differences('merged'), 0::bigint, 'whatever changes');

-- Domains and enums --------------------------------------------------------------------------------------------------

CREATE DOMAIN given AS integer NOT NULL;
CREATE TABLE fact (id integer, d integer);
CREATE TABLE partner (d integer, k given, more given);
INSERT INTO fact VALUES (1, 1), (2, 9);
INSERT INTO partner VALUES (1, 5, 1);
SELECT etl.create_rollup('public.by_domain', $$
    SELECT p.k, count(*) AS n FROM public.fact AS f LEFT JOIN public.partner AS p ON p.d = f.d GROUP BY 1
    $$, '{k}') > 0;
INSERT INTO fact VALUES (3, 9), (4, 1);
DELETE FROM partner;
INSERT INTO partner VALUES (9, 6, 1);
SELECT lives_ok($$CALL etl.refresh_rollup('by_domain')$$,
                'a domain that refuses NULL may be a key that an outer join makes NULL');
SELECT is(differences('by_domain'), 0::bigint, 'which is right');

CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE FUNCTION mood_text(mood) RETURNS text LANGUAGE sql IMMUTABLE
RETURN 'feeling ' || CASE $1 WHEN 'sad' THEN 's' ELSE 'g' END;
CREATE CAST (mood AS text) WITH FUNCTION mood_text(mood);
CREATE TABLE felt (m mood, a integer[]);
INSERT INTO felt VALUES ('sad', '{1,2}'), (NULL, NULL);
SELECT etl.create_rollup('public.moods', 'SELECT m, a, count(*) AS n FROM public.felt GROUP BY 1, 2', '{m,a}') > 0;
INSERT INTO felt VALUES ('glad', '{3}'), (NULL, NULL), ('sad', NULL);
CALL etl.refresh_rollup('moods', mode => 'recompute');
SELECT is(differences('moods'), 0::bigint, 'a cast to text of one''s own does not hinder');

-- A day that begins twice --------------------------------------------------------------------------------------------

CREATE TABLE seen (at timestamptz);
SET timezone = 'America/St_Johns';
SELECT etl.create_rollup('public.by_day', $$
    SELECT date_trunc('day', at) AS k, count(*) AS n FROM public.seen GROUP BY 1 $$, '{k}', mode => 'recompute') > 0;
SELECT etl.create_rollup('public.by_zoned_day', $$
    SELECT date_trunc('day', at, 'America/St_Johns') AS k, count(*) AS n FROM public.seen GROUP BY 1 $$, '{k}',
    mode => 'recompute') > 0;
SELECT etl.create_rollup('public.by_date', $$
    SELECT at::date AS k, count(*) AS n FROM public.seen GROUP BY 1 $$, '{k}', mode => 'recompute') > 0;
INSERT INTO seen VALUES ('2010-11-07 02:30:30+00'), ('2010-11-07 12:30:30+00');
CALL etl.refresh_all();
SELECT is(differences('by_day'), 0::bigint, 'clocks may go back over midnight');
SELECT is(differences('by_zoned_day'), 0::bigint, 'in a zone that the query names');
SELECT is(differences('by_date'), 0::bigint, 'for dates, too');
SET timezone = 'UTC';

-- Domains ------------------------------------------------------------------------------------------------------------

-- The rollup has what they are made of, and its rows are compared with those of the query.
CREATE DOMAIN amount AS int CHECK (VALUE <> 13);
CREATE TABLE priced (k amount, v amount);
INSERT INTO priced VALUES (1, 1), (2, 5);
SELECT etl.create_rollup('public.first_price', $$
    SELECT k, count(*) AS n, (array_agg(v ORDER BY v))[1] AS v FROM public.priced GROUP BY k $$, '{k}',
    realtime => true) > 0;
SELECT etl.create_rollup('public.prices', $$
    SELECT k, count(*) AS n, max(v) AS v FROM public.priced GROUP BY k $$, '{k}', realtime => true,
    retention => 'freeze') > 0;
INSERT INTO priced VALUES (1, 0), (NULL, 3);
SELECT set_eq('TABLE first_price_live', 'VALUES (1, 2::bigint, 0), (2, 1, 5), (NULL, 1, 3)', 'domains in a live view');
SELECT set_eq('TABLE prices_live', 'VALUES (1, 2::bigint, 1), (2, 1, 5), (NULL, 1, 3)', 'in one of states');
CALL etl.refresh_all();
UPDATE priced SET v = 4 WHERE k = 2;
CALL etl.refresh_all();
SELECT set_eq('TABLE first_price', 'VALUES (1, 2::bigint, 0), (2, 1, 4), (NULL, 1, 3)', 'in a refresh');
SELECT is((SELECT count(*) FROM etl.verify_rollup(r, sample)), 0::bigint, format('%s can be verified, %s', r, sample))
FROM unnest('{first_price,prices}'::text[]) AS r, unnest('{NULL,5}'::int[]) AS sample;
SET pg_etl.erasing = on;
DELETE FROM priced WHERE k IS NULL OR k = 2;
RESET pg_etl.erasing;
INSERT INTO priced VALUES (1, 7);
SELECT set_eq('TABLE prices_live', 'VALUES (1, 3::bigint, 7), (2, 1, 4), (NULL, 1, 3)', 'where rows were erased');
SELECT etl.drop_rollup('prices'), etl.drop_rollup('first_price') \g /dev/null

-- NULL and a row of NULLs --------------------------------------------------------------------------------------------

CREATE TYPE duo AS (a int, b text);
CREATE TABLE pairs (k duo, v int);
-- Keys are not read by it.
CREATE FUNCTION other_duo(value text) RETURNS duo LANGUAGE sql IMMUTABLE AS 'SELECT ROW(0, value)::duo';
CREATE CAST (text AS duo) WITH FUNCTION other_duo(text);
SELECT etl.create_rollup('public.merged_pairs', $$
    SELECT k, count(*) AS n, sum(v) AS v FROM public.pairs GROUP BY k $$, '{k}', retention => 'freeze') > 0;
SELECT etl.create_rollup('public.pair_lists', $$
    SELECT k, count(*) AS n, string_agg(v::text, ',' ORDER BY v) AS v FROM public.pairs GROUP BY k $$, '{k}',
    realtime => true) > 0;
SELECT etl.create_rollup('public.pairs_of', $$
    SELECT v, count(DISTINCT k) AS n FROM public.pairs GROUP BY v $$, '{v}') > 0;
INSERT INTO pairs VALUES (NULL, 1), ('(,)', 2);
CALL etl.refresh_all();
INSERT INTO pairs VALUES ('(,)', 2);
CALL etl.refresh_all();
DELETE FROM pairs WHERE v = 1;
SELECT results_eq('SELECT k::text, n, v FROM pair_lists_live', $$VALUES ('(,)', 2::bigint, '2,2')$$, 'the live view');
CALL etl.refresh_all();
SELECT results_eq('SELECT k::text, n, v FROM merged_pairs', $$VALUES ('(,)', 2::bigint, 4::bigint)$$,
                  'of NULL and a row of NULLs one can vanish');
SELECT results_eq('SELECT k::text, n, v FROM pair_lists', $$VALUES ('(,)', 2::bigint, '2,2')$$, 'computed anew, too');
SELECT results_eq('SELECT v, n FROM pairs_of', 'VALUES (2, 1::bigint)', 'and a row of NULLs is a value');
DELETE FROM pairs;
INSERT INTO pairs VALUES ('(,)', 1), (NULL, 1);
UPDATE pairs SET v = v + 1;
CALL etl.refresh_all();
SELECT set_eq('SELECT k::text, n, v FROM merged_pairs', $$VALUES ('(,)', 1::bigint, 2::bigint), (NULL, 1, 2)$$,
              'both are there');
SELECT set_eq('SELECT k::text, n, v FROM pair_lists', $$VALUES ('(,)', 1::bigint, '2'), (NULL, 1, '2')$$,
              'computed anew, too');
SET pg_etl.erasing = on;
DELETE FROM pairs WHERE k IS NOT DISTINCT FROM NULL;
RESET pg_etl.erasing;
INSERT INTO pairs VALUES (NULL, 5), ('(,)', 5);
CALL etl.refresh_rollup('merged_pairs');
SELECT results_eq('SELECT k::text FROM merged_pairs_frozen', 'VALUES (NULL::text)', 'one can be frozen');
SELECT is((SELECT count(*) FROM etl.verify_rollup('merged_pairs')), 0::bigint, 'without the other');
SELECT etl.drop_rollup(r) FROM unnest('{merged_pairs,pair_lists,pairs_of}'::text[]) AS r \g /dev/null

-- Names --------------------------------------------------------------------------------------------------------------

SELECT throws_ok($$
    SELECT etl.create_rollup('public.own', 'SELECT id AS etl_op, count(*) AS n FROM public.fact GROUP BY 1',
                             '{etl_op}')
    $$, '0A000',
                 'the query of a rollup must not return a column "etl_op"',
                 'names of a rollup''s own columns are kept');
SELECT throws_ok($$
    SELECT etl.create_rollup('public.own', 'SELECT id, count(*) AS etl_rows FROM public.fact GROUP BY 1', '{id}')
    $$, '0A000',
                 'the query of a rollup must not return a column "etl_rows"', 'for values, too');

SELECT * FROM finish();
