-- Feature views: definitions and their errors, materialisation, history, versions, lineage, consistency.
BEGIN;
SELECT plan(128);
SET client_min_messages = warning;

CREATE TABLE sale (id serial, wallet text, event int, price numeric, at timestamptz);
INSERT INTO sale (wallet, event, price, at) VALUES
    ('a', 1, 10, '2026-01-01'), ('a', 2, 20, '2026-01-03'), ('b', 1, 5, '2026-01-02'), (NULL, 1, 5, '2026-01-20');

-- Definition ----------------------------------------------------------------------------------------------------------

SELECT is(
    etl.create_feature_view('spending', ARRAY['wallet'],
        'SELECT wallet, count(*) AS n, sum(price) AS spent FROM public.sale WHERE at <= $1 AND wallet IS NOT NULL '
        'GROUP BY wallet; ', ttl => '10 days', description => 'What a wallet has spent')::text,
    'spending', 'the online table is returned');
SELECT results_eq(
    $$SELECT version, entity::text COLLATE "default", features::text COLLATE "default", on_demand, as_of, rows,
             ttl, schedule, online_table, online,
             history_table, sources, description, owner = current_user, query ~ ';' FROM etl.feature_views$$,
    $$VALUES (1, '{wallet}', '{n,spent}', '{}'::jsonb, NULL::timestamptz, NULL::bigint,
              '10 days'::interval, NULL, 'public.spending', 'logged', 'public.spending_history',
                  '{public.sale}'::text[],
              'What a wallet has spent', true, false)$$,
    'the definition as it is listed');
SELECT columns_are('spending', ARRAY['wallet', 'as_of', 'n', 'spent']);
SELECT col_is_pk('spending', 'wallet');
SELECT col_type_is('spending', 'n', 'bigint', 'columns have the types of the query');
SELECT columns_are('spending_history', ARRAY['wallet', 'as_of', 'created_at', 'present', 'n', 'spent']);
SELECT is((SELECT h FROM etl._feature_history('spending') AS h)::text,
          '(spending_history,{wallet},as_of,created_at,"10 days","{n,spent}")', 'what a point-in-time join needs');

CREATE DOMAIN there AS int NOT NULL;
CREATE DOMAIN checked_there AS int CHECK (VALUE IS NOT NULL);
PREPARE definer(text, name[], text) AS SELECT etl.create_feature_view($1, $2, $3);
CREATE FUNCTION refused(name text, entity name[], query text, VARIADIC others text[] DEFAULT '{}') RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SELECT etl.create_feature_view($1, $2, $3%s)',
                   (SELECT string_agg(', ' || o, '' ORDER BY n) FROM unnest(others) WITH ORDINALITY AS u(o, n)))
    USING name, entity, query;
    RETURN 'not refused';
EXCEPTION
    WHEN OTHERS THEN
        RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
SELECT is(refused(name, entity::name[], query, VARIADIC others), error, why)
FROM (VALUES
    ('spending', '{wallet}', 'SELECT wallet, 1 AS x FROM public.sale', '{}'::text[],
     '42710 feature view "spending" already exists', 'the name is taken'),
    (NULL, '{wallet}', 'SELECT 1', '{}', '22023 name must not be NULL', 'no name'),
    (repeat('n', 56), '{wallet}', 'SELECT 1', '{}',
     '42622 name of a feature view has more than 55 bytes: "' || repeat('n', 56) || '"', 'a name too long for a table'),
    ('v', NULL, 'SELECT 1 AS k, 2 AS x', '{}', '22023 no entity column was given', 'no entity'),
    ('v', '{}', 'SELECT 1 AS k, 2 AS x', '{}', '22023 no entity column was given', 'an empty entity'),
    ('v', '{k,NULL}', 'SELECT 1 AS k, 2 AS x', '{}', '22023 an entity column must not be NULL', 'NULL in the entity'),
    ('v', '{k,k}', 'SELECT 1 AS k, 2 AS x', '{}', '22023 an entity column is given twice in {k, k}', 'one twice'),
    ('v', '{j}', 'SELECT 1 AS k, 2 AS x', '{}', '42703 the query does not return the column "j"', 'no such column'),
    ('v', '{k}', 'SELECT 1 AS k', '{}', '22023 the query returns no feature', 'nothing but the entity'),
    ('v', '{k}', 'SELECT 1 AS k, 2 AS x, 3 AS x', '{}', '42701 the query returns more than one column "x"',
        'a name twice'),
    ('v', '{k}', 'SELECT 1 AS k, 2 AS as_of', '{}', '42939 a column of a feature view cannot be named "as_of"',
        'reserved'),
    ('v', '{k}', 'SELECT 1 AS k, 2', '{}', '42939 a column of a feature view cannot be named "?column?"', 'no name'),
    ('v', '{k}', NULL, '{}', '22023 no query was given', 'no query'),
    ('v', '{k}', 'DELETE FROM public.sale RETURNING 1 AS k, 2 AS x', '{}',
     '22023 the query of a feature view must be one SELECT that changes no data', 'a query that writes'),
    ('v', '{k}', 'WITH w AS (DELETE FROM public.sale RETURNING 1) SELECT 1 AS k, 2 AS x FROM w', '{}',
     '22023 the query of a feature view must be one SELECT that changes no data', 'one that writes in WITH'),
    ('v', '{k}', 'SELECT 1 AS k, 2 AS x; SELECT 1', '{}',
     '22023 the query of a feature view must be one SELECT that changes no data', 'two'),
    ('v', '{k}', 'SELECT 1 AS k, 2 AS x; -- two', '{}',
     '22023 the query of a feature view must be able to stand in FROM', 'a semicolon before a comment'),
    ('v', '{k}', '', '{}', '22023 the query of a feature view must be one SELECT that changes no data', 'an empty one'),
    ('v', '{k}', 'SELECT 1 AS k, 2 AS x FROM sale', '{}',
     '42P01 the query of a feature view cannot be read: relation "sale" does not exist', 'a table without its schema'),
    ('v', '{k}', 'SELECT 1 AS k, $2 AS x', '{}',
     '42P02 the query of a feature view cannot be read: there is no parameter $2', 'another parameter'),
    ('v', '{k}', 'SELECT 1 AS k, 2 AS x', '{"ttl => ''-1 day''"}', '22023 ttl must be longer than zero, not "-1 days"',
     'a negative ttl'),
    ('v', '{k}', 'SELECT 1 AS k, 2 AS x', '{"ttl => ''2000 years''"}',
     '22023 ttl must not be longer than 1000 years, not "2000 years"', 'a ttl that no moment can be computed with'),
    ('v', '{k}', 'SELECT 1 AS k, 2::public.there AS x', '{}',
     '22023 feature "x" is of type public.there, which has no NULL', 'a domain without NULL'),
    ('v', '{k}', 'SELECT 1 AS k, 2::public.checked_there AS x', '{}',
     '22023 feature "x" is of type public.checked_there, which has no NULL', 'and one that says so in a check'),
    ('v', '{k}', 'SELECT 1 AS k, 2 AS x', '{"keep_history => ''0''"}',
     '22023 keep_history must be longer than zero, not "00:00:00"', 'nothing kept'),
    ('v', '{k}', 'SELECT 1 AS k, 2 AS x', '{"online => ''fast''"}', '22023 unknown setting "fast" for online',
        'no such table'),
    ('v', '{k}', 'SELECT 1 AS k, 2 AS x', '{"schema => ''nowhere''"}', '3F000 schema "nowhere" does not exist',
        'no schema'),
    ('v', '{k}', 'SELECT 1 AS k, 2 AS x', '{"schedule => ''1 2 3''"}',
     '22023 schedule "1 2 3" has 3 fields instead of five', 'a bad schedule'),
    ('v', '{k}', 'SELECT 1 AS k, 2 AS x', '{"owner => ''pg_monitor''"}',
     '42501 feature view "v" belongs to role "pg_monitor"', 'another owner'),
    ('v', '{k}', 'SELECT 1 AS k, 2 AS x', '{"on_demand => ''[]''"}', '22023 on_demand must be a JSON object',
        'no object'),
    ('v', '{k}', 'SELECT 1 AS k, 2 AS x', '{"on_demand => ''{\"y\": 1}''"}',
     '22023 on-demand feature "y" must be an SQL expression, not 1', 'no expression'),
    ('v', '{k}', 'SELECT 1 AS k, 2 AS x', '{"on_demand => ''{\"x\": \"1\"}''"}',
     '42701 the name of on-demand feature "x" is taken', 'a feature''s name'),
    ('v', '{k}', 'SELECT 1 AS k, 2 AS x', '{"on_demand => ''{\"y\": \"x + nothing\"}''"}',
     '42703 on-demand feature "y" is no expression over the features: column "nothing" does not exist',
         'an unknown column'),
    ('v', '{k}', 'SELECT 1 AS k, 2 AS x', '{"on_demand => ''{\"y\": \"x) , (x\"}''"}',
     '42601 on-demand feature "y" is no expression over the features: syntax error at or near ","', 'two expressions'),
    ('v', '{k}', 'SELECT 1 AS k, 2 AS x', '{"on_demand => ''{\"y\": \"sum(x)\"}''"}',
     '42803 on-demand feature "y" is no expression over the features: aggregate functions are not allowed in WHERE',
     'an aggregate'),
    ('v', '{k}', 'SELECT 1 AS k, 2 AS x', '{"on_demand => ''{\"y\": \"generate_series(1, x)\"}''"}',
     '0A000 on-demand feature "y" is no expression over the features: set-returning functions are not allowed in WHERE',
     'a set'),
    ('v', '{k}', 'SELECT 1 AS k, 2 AS x', '{"on_demand => ''{\"y\": \"sum(1) OVER ()\"}''"}',
     '42P20 on-demand feature "y" is no expression over the features: window functions are not allowed in WHERE',
     'a window'),
    ('v', '{k}', 'SELECT 1 AS k, 2 AS x', '{"on_demand => ''{\"y\": \"1, 2\"}''"}',
     '42883 on-demand feature "y" is no expression over the features: function to_jsonb(integer, integer) does not '
     'exist', 'two at once'),
    ('v', '{k}', 'SELECT 1 AS k, 2 AS x', '{"if_not_exists => NULL"}', '22023 if_not_exists must not be NULL',
        'no flag'),
    ('sale', '{k}', 'SELECT 1 AS k, 2 AS x', '{}', '42P07 relation "sale" already exists', 'a table of that name')
) AS t(name, entity, query, others, error, why);

SET client_min_messages = error;
SELECT is(etl.create_feature_view('spending', ARRAY['wallet'], 'SELECT 1 AS wallet, 2 AS x', if_not_exists => true),
          'spending'::regclass, 'if_not_exists leaves a view as it is');
SET client_min_messages = warning;

-- Materialisation -----------------------------------------------------------------------------------------------------

CREATE VIEW history AS SELECT wallet, as_of::date, present, n, spent FROM spending_history
    ORDER BY wallet, as_of, created_at;
CALL etl.materialize_features('spending', '2026-01-02');
SELECT results_eq('SELECT wallet, as_of::date, n, spent FROM spending ORDER BY 1',
                  $$VALUES ('a', '2026-01-02'::date, 1::bigint, 10::numeric), ('b', '2026-01-02', 1, 5)$$,
                      'as of then');
SELECT results_eq($$SELECT kind, name, as_of::date, status, rows, detail - 'seconds' FROM etl.runs$$,
                  $$VALUES ('features', 'spending', '2026-01-02'::date, 'succeeded', 2::bigint,
                    '{"changed": 2, "version": 1, "entities": 2, "vanished": 0, "forgotten": 0}'::jsonb)$$, 'the run');
CALL etl.materialize_features('spending', '2026-01-04');
SELECT results_eq('SELECT wallet, as_of::date, n, spent FROM spending ORDER BY 1',
                  $$VALUES ('a', '2026-01-04'::date, 2::bigint, 30::numeric), ('b', '2026-01-02', 1, 5)$$,
                  'only what has changed is written');
SELECT results_eq('SELECT * FROM history',
                  $$VALUES ('a', '2026-01-02'::date, true, 1::bigint, 10::numeric), ('a', '2026-01-04', true, 2, 30),
                           ('b', '2026-01-02', true, 1, 5)$$, 'and added to the history');
CALL etl.materialize_features('spending', '2026-01-04');
SELECT is((SELECT count(*) FROM history), 3::bigint, 'the same moment once more adds nothing');
CALL etl.materialize_features('spending', '2026-01-08');
SELECT results_eq($$SELECT as_of::date FROM history WHERE wallet = 'b'$$,
                  $$VALUES ('2026-01-02'::date), ('2026-01-08')$$,
                  'an unchanged state is written again after half of the ttl');
DELETE FROM sale WHERE wallet = 'b';
INSERT INTO sale (wallet, event, price, at) VALUES ('c', 3, 1, '2026-01-08');
CALL etl.materialize_features('spending', '2026-01-09');
SELECT results_eq('SELECT wallet, as_of::date FROM spending ORDER BY 1',
                  $$VALUES ('a', '2026-01-04'::date), ('c', '2026-01-09')$$, 'a vanished entity goes, a new one comes');
SELECT results_eq($$SELECT * FROM history WHERE as_of = '2026-01-09'$$,
                  $$VALUES ('b', '2026-01-09'::date, false, NULL::bigint, NULL::numeric), ('c', '2026-01-09',
                      true, 1, 1)$$,
                  'and the history says so');
SELECT results_eq('SELECT as_of::date, rows, materialized_version, expired, age > interval ''1 day''
    FROM etl.feature_views',
                  $$VALUES ('2026-01-09'::date, 2::bigint, 1, true, true)$$, 'freshness');

-- Backfill: only the history, and later moments keep their states
INSERT INTO sale (wallet, event, price, at) VALUES ('a', 9, 100, '2026-01-05'), ('b', 9, 7, '2026-01-05');
CREATE TEMPORARY TABLE before AS SELECT * FROM spending;
CREATE FUNCTION latest_states(history regclass) RETURNS TABLE(wallet text, as_of timestamptz, n bigint, spent numeric)
LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format('SELECT l.wallet, l.as_of, l.n, l.spent
        FROM (SELECT DISTINCT ON (h.wallet) h.* FROM %s AS h '
                                'ORDER BY h.wallet, h.as_of DESC, h.created_at DESC) AS l WHERE l.present', history);
END
$$;
CALL etl.materialize_features('spending', '2026-01-06');
SELECT set_eq('SELECT wallet, n, spent FROM spending', 'SELECT wallet, n, spent FROM before',
              'an older moment changes no newer values');
SELECT set_eq('SELECT wallet, as_of, n, spent FROM spending', 'SELECT * FROM latest_states(''spending_history'')',
              'and the online table is what the history ends with');
DROP TABLE before;
CREATE TEMPORARY TABLE before AS SELECT * FROM spending;
SELECT results_eq($$SELECT * FROM history WHERE wallet = 'a'$$,
                  $$VALUES ('a', '2026-01-02'::date, true, 1::bigint, 10::numeric), ('a', '2026-01-04', true, 2, 30),
                           ('a', '2026-01-06', true, 3, 130), ('a', '2026-01-08', true, 2, 30)$$,
                  'the state that was in force stands again at the next moment');
SELECT results_eq($$SELECT * FROM history WHERE wallet = 'b'$$,
                  $$VALUES ('b', '2026-01-02'::date, true, 1::bigint, 5::numeric), ('b', '2026-01-06', true, 1, 7),
                           ('b', '2026-01-08', true, 1, 5), ('b', '2026-01-09', false, NULL, NULL)$$,
                  'not where it has one of its own');

-- Errors of a run
SELECT throws_ok($$CALL etl.materialize_features('nothing')$$, '42704', 'feature view "nothing" does not exist');
SELECT throws_ok($$CALL etl.materialize_features(NULL)$$, '42704', 'no feature view was given');
SELECT throws_ok($$CALL etl.materialize_features('spending', 'infinity')$$, '22023',
    'as_of must be a point in time, not ''infinity''');
SELECT throws_ok($$CALL etl.materialize_features('spending', NULL)$$, '22023',
    'as_of must be a point in time, not NULL');
SELECT lives_ok($$SELECT etl.create_feature_view('twice', ARRAY['event'], 'SELECT event, price
    FROM public.sale WHERE at <= $1')$$);
SELECT throws_ok($$CALL etl.materialize_features('twice')$$, '23505',
                 'the query of feature view "twice" gives 2 rows for one entity');
SELECT lives_ok($$SELECT etl.create_feature_view('nobody', ARRAY['wallet'], 'SELECT wallet, max(price) AS most
    FROM public.sale GROUP BY wallet')$$);
SELECT throws_ok($$CALL etl.materialize_features('nobody')$$, '23502',
                 'the query of feature view "nobody" gives a row without an entity');
SELECT is((SELECT count(*) FROM nobody), 0::bigint, 'and nothing is stored');
CREATE TABLE changing AS SELECT 1 AS k, 2 AS x;
SELECT etl.create_feature_view('changing_x', ARRAY['k'], 'SELECT k, x FROM public.changing');
CALL etl.materialize_features('changing_x', '2026-01-01');
ALTER TABLE changing ALTER x TYPE numeric(5, 2);
SELECT throws_ok($$SELECT etl.feature_consistency('changing_x')$$, '42804',
                 'column "x" of feature view "changing_x" has become numeric(5,2), and its tables have integer');
SELECT throws_ok($$CALL etl.materialize_features('changing_x')$$, '42804',
                 'column "x" of feature view "changing_x" has become numeric(5,2), and its tables have integer');

-- Two rows for one entity are refused also where at most one of them is new
CREATE TABLE often AS SELECT 1 AS k, 2 AS x UNION ALL SELECT 2, 2;
SELECT etl.create_feature_view('once', ARRAY['k'], 'SELECT k, x FROM public.often');
CALL etl.materialize_features('once', '2026-01-01');
INSERT INTO often VALUES (1, 2);
SELECT throws_ok($$CALL etl.materialize_features('once', '2026-01-02')$$, '23505',
                 'the query of feature view "once" gives 2 rows for one entity', 'none is new');
UPDATE often SET x = 3 WHERE ctid = (SELECT max(ctid) FROM often);
SELECT throws_ok($$CALL etl.materialize_features('once', '2026-01-02')$$, '23505', NULL, 'one is new');
SELECT throws_ok($$CALL etl.materialize_features('once', '2025-12-31')$$, '23505', NULL, 'before the latest moment');
SELECT etl.drop_feature_view('once');

-- Whatever the session's settings, the values are the same
SELECT etl.create_feature_view('timed', ARRAY['event'],
    'SELECT event, max(at)::text AS last, date_trunc(''day'', max(at)) AS day, sum(price)::float8 / 3 AS third
     FROM public.sale WHERE at <= $1 GROUP BY event');
SET timezone = 'UTC';
CALL etl.materialize_features('timed', '2026-01-10 00:00+00');
SET timezone = 'Asia/Tokyo';
SET datestyle = 'German';
CALL etl.materialize_features('timed', '2026-01-10 12:00+00');
SELECT is((SELECT count(DISTINCT as_of) FROM timed_history), 1::bigint, 'in another time zone nothing has changed');
SET client_min_messages = error;
SELECT is_empty($$SELECT * FROM etl.feature_consistency('timed')$$, 'nor does the proof say so');
RESET client_min_messages;
SET client_min_messages = warning;
RESET timezone;
RESET datestyle;
SELECT etl.drop_feature_view('timed');

-- A table that was emptied by a crash, or by hand
DELETE FROM spending;
SELECT is(etl.rebuild_features('spending'), 2::bigint, 'the online table is filled from the history');
SELECT set_eq('SELECT * FROM spending', 'SELECT * FROM before', 'with the rows that it had');
DELETE FROM spending;
UPDATE sale SET price = price + 1 WHERE wallet = 'c';
CALL etl.materialize_features('spending', '2026-01-10');
SELECT results_eq('SELECT wallet, as_of::date, n, spent FROM spending ORDER BY 1',
                  $$VALUES ('a', '2026-01-10'::date, 3::bigint, 130::numeric), ('b', '2026-01-10', 1, 7),
                           ('c', '2026-01-10', 1, 2)$$, 'a materialisation does so first');

-- A table that is rightly empty is not filled
SELECT etl.create_feature_view('passing', ARRAY['wallet'],
    'SELECT wallet, count(*) AS n FROM public.sale WHERE at <= $1 AND false GROUP BY wallet');
CALL etl.materialize_features('passing', '2026-01-10');
INSERT INTO passing_history VALUES ('ghost', '2026-01-09', '2026-01-09', true, 1);
CALL etl.materialize_features('passing', '2026-01-11');
SELECT is((SELECT detail -> 'vanished' FROM etl.runs WHERE name = 'passing' ORDER BY run_id DESC LIMIT 1), '0',
          'the history is not looked through');
SELECT etl.drop_feature_view('passing');

-- What looks at a query takes any text
CREATE TABLE silent (k int);
CREATE RULE nothing AS ON INSERT TO silent DO INSTEAD NOTHING;
SELECT is(etl._uses_moment('SELECT $1'), true, 'the moment is used');
SELECT is(etl._uses_moment('SELECT 1'), false, 'it is not');
SELECT throws_ok($$SELECT etl._uses_moment('')$$, '22023',
    'the query of a feature view must be one SELECT that changes no data', 'no statement');
SELECT throws_ok($$SELECT etl._uses_moment('INSERT INTO public.silent VALUES (1)')$$, '22023', NULL, 'nothing instead');

-- Versions ------------------------------------------------------------------------------------------------------------

SELECT is(etl.alter_feature_view('spending', description => 'Spending', keep_history => '5 days'), 1,
          'a description makes no version');
SELECT is(etl.alter_feature_view('spending', 'SELECT wallet, sum(price) AS spent, max(price) AS most FROM public.sale '
                                 'WHERE at <= $1 AND wallet IS NOT NULL GROUP BY 1'), 2, 'another query makes one');
SELECT columns_are('spending', ARRAY['wallet', 'as_of', 'spent', 'most']);
SELECT columns_are('spending_history', ARRAY['wallet', 'as_of', 'created_at', 'present', 'n', 'spent', 'most']);
SELECT is((SELECT features::text FROM etl._feature_history('spending')), '{spent,most}', 'the features of now');
CALL etl.materialize_features('spending', '2026-01-11');
SELECT results_eq($$SELECT spent, most, as_of::date FROM spending WHERE wallet = 'a'$$,
                  $$VALUES (130::numeric, 100::numeric, '2026-01-11'::date)$$, 'and their values');
SELECT results_eq('SELECT version, current, features::text COLLATE "default" FROM etl.feature_view_versions
    WHERE name = ''spending'' ORDER BY 1',
                  $$VALUES (1, false, '{n,spent}'), (2, true, '{spent,most}')$$, 'old versions are kept');
SELECT throws_ok($$SELECT etl.alter_feature_view('spending', 'SELECT wallet, 1::float8 AS n FROM public.sale')$$,
    '42804',
                 'column "n" of feature view "spending" cannot become double precision, as it is bigint',
                 'also their types');
SELECT throws_ok($$SELECT etl.alter_feature_view('spending', 'SELECT 1 AS wallet, 1::numeric AS spent')$$, '42804',
                 'column "wallet" of feature view "spending" cannot become integer, as it is text',
                     'an entity keeps its');
SELECT throws_ok($$SELECT etl.alter_feature_view('nothing')$$, '42704');

-- Superseded states are forgotten: kept are five days before the 11th
SELECT results_eq($$SELECT wallet, as_of::date FROM spending_history WHERE as_of <= '2026-01-06' ORDER BY 1, 2$$,
                  $$VALUES ('a', '2026-01-06'::date), ('b', '2026-01-06')$$, 'of each the state in force then stays');
SELECT throws_ok($$CALL etl.materialize_features('spending', '2026-01-05')$$, '22023', NULL, 'no backfill from before');
SELECT is(etl.alter_feature_view('spending', ttl => '0', keep_history => '0', description => ''), 3, 'taken away');
SELECT results_eq('SELECT ttl, keep_history, description FROM etl.feature_views WHERE name = ''spending''',
                  'SELECT NULL::interval, NULL::interval, NULL::text', 'all of it');

-- A backfill under a new version keeps what an earlier one has stored
SELECT etl.create_feature_view('grown', ARRAY['event'],
    'SELECT event, count(*) AS n FROM public.sale WHERE at <= $1 AND event = 9 GROUP BY 1');
CALL etl.materialize_features('grown', '2026-01-06');
CALL etl.materialize_features('grown', '2026-01-08');
SELECT etl.alter_feature_view('grown',
    'SELECT event, max(price) AS most FROM public.sale WHERE at <= $1 AND event = 9 GROUP BY 1');
CALL etl.materialize_features('grown', '2026-01-07');
SELECT results_eq('SELECT as_of::date, n, most FROM grown_history ORDER BY 1',
                  $$VALUES ('2026-01-06'::date, 2::bigint, NULL::numeric), ('2026-01-07', NULL, 100), ('2026-01-08',
                      2, NULL)$$,
                  'the restored state has the features that it had');

-- A feature that was away does not come back with what it was
SELECT etl.create_feature_view('away', ARRAY['k'], 'SELECT k, x AS v, x + 1 AS w FROM public.often');
DELETE FROM often WHERE k = 1;
CALL etl.materialize_features('away', '2026-01-01');
SELECT etl.alter_feature_view('away', 'SELECT k, x AS v FROM public.often');
CALL etl.materialize_features('away', '2026-01-02');
SELECT etl.alter_feature_view('away', 'SELECT k, x AS v, NULL::int AS w FROM public.often');
CALL etl.materialize_features('away', '2026-01-03');
SELECT results_eq('SELECT as_of::date, v, w FROM away_history ORDER BY 1',
    $$VALUES ('2026-01-01'::date, 2, 3), ('2026-01-02', 2, NULL), ('2026-01-03', 2, NULL)$$, 'as of each moment');
SELECT etl.rebuild_features('away');
SELECT results_eq('SELECT v, w FROM away', 'VALUES (2, NULL::int)', 'and anew');
CALL etl.materialize_features('away', '2026-01-04');
SELECT is((SELECT count(*) FROM away_history), 3::bigint, 'from then on only what changes');
SELECT throws_ok($$INSERT INTO etl.feature_materialization (view_id, as_of, created_at, version, entities, changed,
    vanished) VALUES (0, 'infinity', now(), 1, 0, 0, 0)$$, '23514', NULL, 'no moment that nobody can compute with');

-- Consistency ---------------------------------------------------------------------------------------------------------

SELECT etl.create_feature_view('steady', ARRAY['wallet', 'event'],
    'SELECT wallet, event, sum(price) AS spent, avg(price)::float8 AS mean FROM public.sale
        WHERE at <= $1 AND wallet <> '''' GROUP BY 1, 2');
CALL etl.materialize_features('steady', '2026-01-04');
CALL etl.materialize_features('steady', '2026-01-10');
SET client_min_messages = error;
SELECT is_empty($$SELECT * FROM etl.feature_consistency('steady')$$, 'what was served is what the query gives');
UPDATE steady SET mean = mean + 1 WHERE wallet = 'c';
UPDATE steady_history SET spent = 12.50 WHERE wallet = 'a' AND event = 1;
SELECT results_eq(
    $$SELECT entity, as_of::date, feature::text COLLATE "default", served, offline, source
        FROM etl.feature_consistency('steady')$$,
    $$VALUES ('{"event": 1, "wallet": "a"}'::jsonb, '2026-01-04'::date, 'spent', '12.50', '10', 'history'),
             ('{"event": 3, "wallet": "c"}', '2026-01-10', 'mean', '3', '2', 'online')$$,
                 'planted differences are found');
UPDATE steady_history SET spent = 10.0 WHERE wallet = 'a' AND event = 1;
SELECT is((SELECT served || ' ' || offline FROM etl.feature_consistency('steady') WHERE source = 'history'), '10.0 10',
          'equal is not the same');
DELETE FROM sale WHERE wallet = 'a' AND event = 1;
SELECT results_eq($$SELECT feature, served, offline FROM etl.feature_consistency('steady') WHERE source = 'history'$$,
                  $$VALUES (NULL::name, 'present', 'absent')$$, 'a row that is gone');
SELECT is((SELECT count(*) FROM etl.feature_consistency('steady', 1, 1)) <= 2, true, 'a sample of one');
SELECT throws_ok($$SELECT etl.feature_consistency('steady', 0)$$, '22023', 'sample must be at least 1, not 0');
SELECT throws_ok($$SELECT etl.feature_consistency('nothing')$$, '42704');

-- Drop ----------------------------------------------------------------------------------------------------------------

SELECT lives_ok($$SELECT etl.drop_feature_view('steady')$$);
SELECT hasnt_table('steady');
SELECT hasnt_table('steady_history');
SELECT throws_ok($$SELECT etl.drop_feature_view('steady')$$, '42704', 'feature view "steady" does not exist');
SELECT lives_ok($$SELECT etl.drop_feature_view('steady', if_exists => true)$$);
DROP TABLE spending_history CASCADE;
SELECT throws_ok($$SELECT etl._feature_history('spending')$$, '42P01', NULL, 'a table that is gone');
CREATE VIEW spending_history AS SELECT 1 AS x;
SELECT lives_ok($$SELECT etl.drop_feature_view('spending')$$, 'and the view can go all the same');

-- Any order of moments: as of each of them the history says what the query said ---------------------------------------

CREATE TABLE event (k int, at int, x int, bag jsonb);
INSERT INTO event SELECT (random() * 20)::int, (random() * 100)::int, (random() * 3)::int, jsonb_build_object('v',
    i % 5)
FROM generate_series(1, 400) AS i;
CREATE TABLE said (t int, k int, last int, bag jsonb);
CREATE FUNCTION now_said(moment int) RETURNS TABLE(t int, k int, last int, bag jsonb) LANGUAGE sql AS $$
    -- Entities come and go: of each counts what happened in the last seven.
    SELECT DISTINCT ON (e.k) moment, e.k, e.x, e.bag FROM public.event AS e
    WHERE e.at <= moment AND e.at > moment - 7 ORDER BY e.k, e.at DESC, e.x, e.bag
$$;
SELECT etl.create_feature_view('coming', ARRAY['k'],
    'SELECT s.k, s.last, s.bag FROM public.now_said(extract(epoch FROM $1)::int) AS s', ttl => '30 seconds');
DO $$
DECLARE
    moment int;
BEGIN
    FOR i IN 1 .. 60 LOOP
        moment := random() * 100;
        CALL etl.materialize_features('coming', to_timestamp(moment));
        DELETE FROM said WHERE t = moment;
        INSERT INTO said SELECT * FROM now_said(moment);
        -- What comes late changes what is said from now on.
        INSERT INTO event VALUES (random() * 20, random() * 100, random() * 3, '{"v": "late"}');
    END LOOP;
END
$$;
CREATE VIEW in_force AS
SELECT m.t, s.k, s.last, s.bag
FROM (SELECT DISTINCT extract(epoch FROM as_of)::int AS t FROM etl.feature_materialization AS m
      JOIN etl.feature_view AS v ON v.view_id = m.view_id AND v.name = 'coming') AS m
CROSS JOIN LATERAL (
    SELECT DISTINCT ON (h.k) h.* FROM coming_history AS h WHERE h.as_of <= to_timestamp(m.t)
    ORDER BY h.k, h.as_of DESC, h.created_at DESC) AS s
WHERE s.present;
SELECT ok((SELECT count(DISTINCT t) > 20 AND count(*) > 200 FROM said), 'many moments, in any order');
SELECT set_eq('SELECT * FROM in_force', 'SELECT * FROM said', 'the history says as of each what the query said');
SELECT set_eq('SELECT k, last, bag FROM coming', 'SELECT k, last, bag FROM said WHERE t = (SELECT max(t) FROM said)',
              'and the online table what it said as of the latest');
SELECT set_eq('SELECT k, as_of, last, bag FROM coming', $$
    SELECT l.k, l.as_of, l.last, l.bag FROM (
        SELECT DISTINCT ON (h.k) h.* FROM coming_history AS h ORDER BY h.k, h.as_of DESC, h.created_at DESC) AS l
    WHERE l.present$$, 'which is what the history ends with, as_of as well');
SELECT ok((SELECT count(*) < (SELECT count(*) FROM said) FROM coming_history WHERE present), 'in fewer rows');
SELECT ok((SELECT min(as_of) >= to_timestamp((SELECT max(t) FROM said) - 15)
    FROM coming), 'none older than half of the ttl');

-- Columns whose names are those of tables and columns within our own statements
ALTER TABLE changing ADD COLUMN at timestamptz DEFAULT '2026-01-01';
SELECT etl.create_feature_view('letters', ARRAY['k', 's'],
    'SELECT k, k AS s, ' || string_agg(format('x + %s AS %I', n, f), ', ' ORDER BY n)
    || ' FROM public.changing WHERE at <= $1', ttl => '1 month', on_demand => '{"sum": "o + e + state", "m": "1"}')
FROM unnest(ARRAY['a', 'b', 'c', 'd', 'e', 'f', 'h', 'l', 'n', 'o', 'q', 'r', 't', 'v', 'w', 'x', 'k1', 's1', 'b1',
    'state',
                  'before', 'stage', 'latest', 'one', 'features', 'view', 'entity', 'differs', 'is_new', 'since',
                      'user',
                  '%s', '$1']) WITH ORDINALITY AS u(f, n);
CALL etl.materialize_features('letters', '2026-01-03');
INSERT INTO changing VALUES (2, 3, '2026-01-02'), (1, 5, '2026-01-04');
DELETE FROM changing WHERE k = 1 AND x = 2;
CALL etl.materialize_features('letters', '2026-01-04');
CALL etl.materialize_features('letters', '2026-01-02');
SELECT is((SELECT array_agg(concat_ws(' ', l.k, l.as_of::date, l.b, l.present) ORDER BY l.as_of, l.k)
           FROM letters_history AS l),
          ARRAY['2 2026-01-02 5.00 t', '1 2026-01-03 4.00 t', '2 2026-01-03 f', '1 2026-01-04 7.00 t',
                '2 2026-01-04 5.00 t'], 'any name will do for the states');
SELECT is(etl.get_features(ARRAY['letters'], '{"k": 1, "s": 1}', as_of => '2026-01-05') #>> '{letters,features,sum}',
    '50.00',
          'for what is served');
SELECT results_eq($$SELECT entity, as_of::date, served, offline FROM etl.feature_consistency('letters')$$,
                  $$VALUES ('{"k": 1, "s": 1}'::jsonb, '2026-01-03'::date, 'present', 'absent')$$, 'and for its proof');
SELECT is(etl.rebuild_features('letters'), 2::bigint, 'and anew');
SELECT * FROM finish();
ROLLBACK;
