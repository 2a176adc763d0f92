-- etl.features_of, etl.get_features and etl.get_features_of_all: values, ttl, on-demand features, types and errors;
-- what sessions keep of a view ends when the view changes.
BEGIN;
SELECT plan(73);
SET client_min_messages = warning;
SET timezone = 'UTC';

CREATE TABLE sale (wallet text, event int, price numeric, at timestamptz);
INSERT INTO sale VALUES ('a', 1, 10, '2026-01-01'), ('a', 2, 20, '2026-01-02'), ('b', 1, 5, '2026-01-02'), ('7',
    1, 1, '2026-01-01');
SELECT etl.create_feature_view('wallets', ARRAY['wallet'],
    'SELECT wallet, count(*) AS n, avg(price)::float8 AS mean FROM public.sale WHERE at <= $1 GROUP BY wallet',
        ttl => '1 day',
    on_demand => '{"ratio": "(request ->> ''price'')::float8 / mean", "age": "now - as_of", "fixed": "1 -- one"}');
SELECT etl.create_feature_view('pairs', ARRAY['wallet', 'event'],
    'SELECT event, wallet, sum(price) AS spent FROM public.sale WHERE at <= $1 GROUP BY wallet, event');

CREATE FUNCTION explained(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE 'EXPLAIN (COSTS off) ' || query;
END
$$;

-- Before anything is materialised
SELECT is(etl.features_of('pairs', 'a', 1),
          '{"found": false, "stale": false, "as_of": null, "features": {"spent": null}}', 'nothing is there yet');
CALL etl.materialize_features('wallets', '2026-01-03');
CALL etl.materialize_features('pairs', '2026-01-03');

-- One entity ----------------------------------------------------------------------------------------------------------

SELECT is(etl.features_of('pairs', 'a', 2),
          '{"found": true, "stale": false, "as_of": "2026-01-03T00:00:00+00:00", "features": {"spent": 20}}', 'there');
SELECT is(etl.features_of('pairs', 'a', 3),
          '{"found": false, "stale": false, "as_of": null, "features": {"spent": null}}', 'an unknown entity');
SELECT is(etl.features_of('pairs', 'a', NULL) -> 'found', 'false', 'NULL is no entity');
SELECT is(etl.features_of('pairs', 'a'::varchar, 2::smallint) -> 'features', '{"spent": 20}', 'values that fit');
SELECT is(etl.features_of('pairs', 'a', '2') -> 'features', '{"spent": 20}', 'literals take the column''s type');
SELECT is((SELECT array_agg(etl.features_of('pairs', p.wallet, p.event) #>> '{features,spent}' ORDER BY p)
    FROM pairs AS p),
          (SELECT array_agg(p.spent::text ORDER BY p) FROM pairs AS p), 'every one, with one plan');
PREPARE one(text, int) AS SELECT etl.features_of('pairs', $1, $2) #>> '{features,spent}';
SELECT results_eq($$EXECUTE one('b', 1)$$, $$VALUES ('5')$$, 'in a prepared statement');
SELECT results_eq($$SELECT spent FROM pairs WHERE wallet = 'b' AND event = 1$$, 'VALUES (5::numeric)',
    'a plain SELECT');

SELECT throws_ok($$SELECT etl.features_of('nothing', 1)$$, '42704', 'feature view "nothing" does not exist');
SELECT throws_ok($$SELECT etl.features_of(NULL, 1)$$, '22004');
SELECT throws_ok($$SELECT etl.features_of('pairs', 'a')$$, '22023',
                 'feature view "pairs" has 2 entity columns, and 1 values were given');
SELECT throws_ok($$SELECT etl.features_of('pairs', 1, 1)$$, '42804',
                 'entity column "wallet" of feature view "pairs" is text, and the value given is integer');
SELECT throws_ok($$SELECT etl.features_of('pairs', 'a', 1.5)$$, '42804',
                 'entity column "event" of feature view "pairs" is integer, and the value given is numeric');
SELECT throws_ok($$SELECT etl.features_of('pairs', 'a', 'x')$$, '22P02', 'invalid input syntax for type integer: "x"');
SELECT throws_ok($$SELECT etl.features_of('pairs', VARIADIC ARRAY['a', 'b'])$$, '0A000');

-- As JSON -------------------------------------------------------------------------------------------------------------

SELECT is(etl.get_features(ARRAY['wallets', 'pairs'], '{"wallet": "a", "event": 1}', '{"price": 30}',
    '2026-01-03 12:00'),
    '{"wallets": {"found": true, "stale": false, "as_of": "2026-01-03T00:00:00+00:00",
                  "features": {"n": 2, "mean": 15, "ratio": 2, "age": "12:00:00", "fixed": 1}},
      "pairs": {"found": true, "stale": false, "as_of": "2026-01-03T00:00:00+00:00", "features": {"spent": 10}}}',
    'several views, and on-demand features');
SELECT is(etl.get_features(ARRAY['wallets'], '{"wallet": 7}', as_of => '2026-01-04') #> '{wallets,features,n}', '1',
          'a number becomes a text');
SELECT is(etl.get_features(ARRAY['pairs'], '{"wallet": "b", "event": "1"}') #> '{pairs,features,spent}', '5',
          'a text becomes a number');
SELECT is(etl.get_features(ARRAY['pairs'], '{"wallet": null, "event": 1}') #> '{pairs,found}', 'false', 'null');
SELECT is(etl.get_features('{}', '{}'), '{}', 'no view at all');
SELECT is(etl.get_features(ARRAY['wallets'], '{"wallet": "a"}', NULL, '2026-01-03') #> '{wallets,features,ratio}',
    'null',
          'no request');
SELECT throws_ok($$SELECT etl.get_features(ARRAY['pairs'], '{"wallet": "a"}')$$, '22023',
                 'the entity lacks column "event" of feature view "pairs"');
SELECT throws_ok($$SELECT etl.get_features(ARRAY['pairs'], '{"wallet": "a", "event": 1, "price": 3}')$$, '22023',
                 'the entity has a member "price" that is no entity column of the views');
SELECT throws_ok($$SELECT etl.get_features(ARRAY['pairs'], '[1]')$$, '22023', 'an entity must be a JSON object');
SELECT throws_ok($$SELECT etl.get_features(ARRAY['pairs'], '3')$$, '22023', 'an entity must be a JSON object');
SELECT throws_ok($$SELECT etl.get_features(ARRAY['pairs'], '{"wallet": "a", "event": {"x": 1}}')$$, '22P02');
SELECT throws_ok($$SELECT etl.get_features(ARRAY['pairs'], '{"wallet": "a", "event": 1.5}')$$, '22P02');
SELECT throws_ok($$SELECT etl.get_features(ARRAY['pairs', 'nothing'], '{"wallet": "a", "event": 1}')$$, '42704');
SELECT throws_ok($$SELECT etl.get_features(ARRAY['pairs', NULL], '{"wallet": "a", "event": 1}')$$, '22004');
SELECT throws_ok($$SELECT etl.get_features(NULL, '{"wallet": "a", "event": 1}')$$, '22004');
SELECT throws_ok($$SELECT etl.get_features(ARRAY['wallets'], '{"wallet": "a"}', '{"price": "x"}', '2026-01-03')$$,
    '22P02',
                 'invalid input syntax for type double precision: "x"', 'what an on-demand expression raises');

SELECT results_eq(
    $$SELECT number, entity, (features #>> '{pairs,features,spent}')::numeric
      FROM etl.get_features_of_all(ARRAY['pairs'],
          '[{"wallet": "b", "event": 1}, {"wallet": "x", "event": 1}, {"wallet": "a", "event": 2}]')$$,
    $$VALUES (1::bigint, '{"event": 1, "wallet": "b"}'::jsonb, 5::numeric), (2, '{"event": 1, "wallet": "x"}', NULL),
             (3, '{"event": 2, "wallet": "a"}', 20)$$, 'a row for each entity of an array');
SELECT is_empty($$SELECT * FROM etl.get_features_of_all(ARRAY['pairs'], '[]')$$, 'of none, none');
SELECT throws_ok($$SELECT etl.get_features_of_all(ARRAY['pairs'], '{}')$$, '22023');
SELECT throws_ok($$SELECT etl.get_features_of_all(ARRAY['pairs'], '1')$$, '22023');
SELECT throws_ok($$SELECT etl.get_features_of_all(ARRAY['pairs'], '[1]')$$, '22023', 'an entity must be a JSON object');
SELECT is((SELECT count(*) FROM etl.get_features_of_all(ARRAY['pairs'],
              (SELECT jsonb_agg(jsonb_build_object('wallet', 'a', 'event', i % 3)) FROM generate_series(1, 5000) AS i))
           WHERE (features #>> '{pairs,found}')::bool), 3334::bigint, 'of many');

-- Expired -------------------------------------------------------------------------------------------------------------

SELECT is(etl.get_features(ARRAY['wallets'], '{"wallet": "a"}', '{}', '2026-01-04 00:00') #> '{wallets,stale}', 'false',
          'as long as the ttl it is good');
SELECT is(etl.get_features(ARRAY['wallets'], '{"wallet": "a"}', '{"price": 30}', '2026-01-04 00:00:01') -> 'wallets',
          '{"found": true, "stale": true, "as_of": "2026-01-03T00:00:00+00:00",
            "features": {"n": null, "mean": null, "ratio": null, "age": "1 day 00:00:01", "fixed": 1}}',
                'then it is stale');
SELECT is(etl.features_of('wallets', 'a') -> 'stale', 'true', 'by now() where no moment is given');
SELECT throws_ok($$SELECT etl.get_features(ARRAY['wallets'], '{"wallet": "a"}', as_of => NULL)$$, '22004');

-- Changes are seen at once --------------------------------------------------------------------------------------------

INSERT INTO sale VALUES ('a', 2, 5, '2026-01-04');
CALL etl.materialize_features('pairs', '2026-01-05');
SELECT is(etl.features_of('pairs', 'a', 2) #> '{features,spent}', '25', 'a new value');
SELECT etl.alter_feature_view('pairs', 'SELECT event, wallet, max(price) AS most FROM public.sale
    WHERE at <= $1 GROUP BY wallet, event');
SELECT is(etl.features_of('pairs', 'a', 2) -> 'features', '{"most": null}', 'a new version, not materialised yet');
CALL etl.materialize_features('pairs', '2026-01-06');
SELECT is(etl.features_of('pairs', 'a', 2) -> 'features', '{"most": 20}', 'and then');
SELECT etl.alter_feature_view('pairs', on_demand => '{"twice": "most * 2"}');
SELECT is(etl.features_of('pairs', 'a', 2) -> 'features', '{"most": 20, "twice": 40}', 'an on-demand feature more');
SAVEPOINT before;
SELECT etl.alter_feature_view('pairs', on_demand => '{"thrice": "most * 3"}');
SELECT is(etl.features_of('pairs', 'a', 2) -> 'features', '{"most": 20, "thrice": 60}', 'another');
ROLLBACK TO before;
SELECT is(etl.features_of('pairs', 'a', 2) -> 'features', '{"most": 20, "twice": 40}', 'which is rolled back');
ALTER TABLE pairs ADD COLUMN note text;
SELECT is(etl.features_of('pairs', 'a', 2) -> 'features', '{"most": 20, "twice": 40}', 'a column that is none of ours');
SELECT etl.drop_feature_view('pairs');
SELECT throws_ok($$SELECT etl.features_of('pairs', 'a', 2)$$, '42704');
SELECT etl.create_feature_view('pairs', ARRAY['event'], 'SELECT event, count(*) AS n FROM public.sale
    WHERE at <= $1 GROUP BY event',
                               online => 'unlogged');
CALL etl.materialize_features('pairs', '2026-01-06');
SELECT is(etl.features_of('pairs', 1) -> 'features', '{"n": 3}', 'another view of that name');

-- An online table that is unlogged and has no page, as after a crash: the history answers
TRUNCATE pairs;
SELECT is(etl.features_of('pairs', 1),
          '{"found": true, "stale": false, "as_of": "2026-01-06T00:00:00+00:00", "features": {"n": 3}}',
              'from the history');
SELECT is(etl.features_of('pairs', 9) -> 'found', 'false', 'which knows what there is not');
CALL etl.materialize_features('pairs', '2026-01-06');
SELECT is((SELECT count(*) FROM pairs), 2::bigint, 'until the next materialisation');

-- Names and types that need care
CREATE DOMAIN "Odd Type" AS bigint;
SELECT etl.create_feature_view('Odd "View"', ARRAY['The "Key"', 'on'],
    'SELECT i::public."Odd Type" AS "The ""Key""", ''2026-01-01''::date + i AS "on", ARRAY[i] AS "%s", '
    '''{}''::json AS "$1", '
    '''x''::char(3) AS "user" FROM generate_series(1, 3) AS i');
CALL etl.materialize_features('Odd "View"', '2026-01-06');
CALL etl.materialize_features('Odd "View"', '2026-01-07');
SELECT is(etl.features_of('Odd "View"', 2::bigint, '2026-01-03'::date) -> 'features',
    '{"%s": [2], "$1": {}, "user": "x  "}',
          'quoted names, a domain, a date');
SELECT is(etl.get_features(ARRAY['Odd "View"'], '{"The \"Key\"": 2, "on": "2026-01-03"}')
              #> '{"Odd \"View\"",found}', 'true',
          'as JSON too');
SELECT is((SELECT count(*) FROM "Odd ""View""_history"), 3::bigint, 'a json that is the same makes no new state');
SELECT is(etl.rebuild_features('Odd "View"'), 3::bigint, 'rebuilt');

-- A table that was changed by hand is not answered from by other columns than the entity's
SELECT etl.create_feature_view('hands', ARRAY['a', 'b'],
    'SELECT i AS a, i AS b, i * 10 AS x FROM generate_series(1, 3) AS i');
CALL etl.materialize_features('hands', '2026-01-06');
SELECT is(etl.features_of('hands', 1, 1) -> 'features', '{"x": 10}', 'as it was made');
SAVEPOINT made;
ALTER TABLE hands RENAME b TO bb;
SELECT throws_ok($$SELECT etl.features_of('hands', 1, 2)$$, '55000',
    'the primary key of table "public.hands" lacks an entity column of its feature view', 'a column of another name');
SELECT throws_ok($$SELECT etl.get_features(ARRAY['hands'], '{"a": 1, "b": 1}')$$, '55000');
SELECT throws_ok($$CALL etl.materialize_features('hands', '2026-01-07')$$, '55000');
ROLLBACK TO made;
ALTER TABLE hands RENAME a TO aa;
ALTER TABLE hands RENAME b TO bb;
SELECT throws_ok($$SELECT etl.features_of('hands', 1, 1)$$, '55000', NULL, 'none of the columns');
ROLLBACK TO made;
ALTER TABLE hands DROP CONSTRAINT hands_pkey;
SELECT throws_ok($$SELECT etl.features_of('hands', 1, 1)$$, '55000', NULL, 'no primary key');
ALTER TABLE hands ADD PRIMARY KEY (a);
SELECT throws_ok($$SELECT etl.features_of('hands', 1, 5)$$, '55000', NULL, 'a primary key of another column');
ROLLBACK TO made;
SELECT is(etl.features_of('hands', 1, 1) -> 'features', '{"x": 10}', 'as it was made again');

-- An expression that asks its own view, with many types of values
DO $$
BEGIN
    FOR i IN 1 .. 20 LOOP
        EXECUTE format('CREATE DOMAIN key_%s AS text', i);
    END LOOP;
END
$$;
CREATE FUNCTION ask_again(key text) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    n bigint;
    total bigint := 0;
BEGIN
    IF key <> 'a' THEN
        RETURN 0;
    END IF;
    FOR i IN 1 .. 20 LOOP
        EXECUTE format($q$SELECT etl.features_of('echo', 'b'::public.key_%s) #> '{features,n}'$q$, i) INTO n;
        total := total + n;
    END LOOP;
    RETURN total;
END
$$;
SELECT etl.create_feature_view('echo', ARRAY['wallet'],
    'SELECT wallet, wallet AS name, count(*) AS n FROM public.sale WHERE at <= $1 GROUP BY wallet',
    on_demand => '{"others": "public.ask_again(name)"}');
CALL etl.materialize_features('echo', '2026-01-03');
SELECT is(etl.features_of('echo', 'a') -> 'features', '{"n": 2, "name": "a", "others": 20}', 'a view that asks itself');
CREATE FUNCTION ask_forever(key text) RETURNS jsonb LANGUAGE sql STABLE AS 'SELECT etl.features_of(''echo'', key)';
SELECT etl.alter_feature_view('echo', on_demand => '{"others": "public.ask_forever(name)"}');
SELECT throws_ok($$SELECT etl.features_of('echo', 'a')$$, '54001', NULL, 'without end');

-- A function that comes to return a set
CREATE FUNCTION one() RETURNS int LANGUAGE sql STABLE AS 'SELECT 1';
SELECT etl.alter_feature_view('echo', on_demand => '{"one": "public.one()"}');
SELECT is(etl.features_of('echo', 'a') #> '{features,one}', '1', 'one value');
DROP FUNCTION one;
CREATE FUNCTION one() RETURNS SETOF int LANGUAGE sql STABLE AS 'SELECT 1 WHERE false';
SELECT throws_ok($$SELECT etl.features_of('echo', 'a')$$, '21000',
    'the on-demand features of feature view "echo" have no row');

-- Under a parallel plan
SELECT etl.alter_feature_view('echo', on_demand => '{"two": "n * 2"}');
CREATE TABLE wide AS SELECT 'a'::text AS wallet FROM generate_series(1, 20000);
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
ALTER TABLE wide SET (parallel_workers = 2);
ANALYZE wide;
SELECT is((SELECT string_agg(line, '') FROM explained($$
    SELECT etl.features_of('echo', w.wallet) FROM (SELECT wallet FROM wide GROUP BY wallet) AS w$$) AS line)
    ~ 'Gather', true, 'the plan has workers');
SELECT is((SELECT etl.features_of('echo', w.wallet) #> '{features,two}'
           FROM (SELECT wallet FROM wide GROUP BY wallet) AS w), '4', 'and the view is read under it');
SELECT is((SELECT etl.get_features(ARRAY['echo'], jsonb_build_object('wallet', w.wallet)) #> '{echo,features,two}'
           FROM (SELECT wallet FROM wide GROUP BY wallet) AS w), '4', 'in JSON too');

SELECT * FROM finish();
ROLLBACK;
