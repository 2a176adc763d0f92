-- What a step is told. The settings are set here as the engine sets them.
BEGIN;
SET timezone = 'Asia/Kolkata';
SET datestyle = 'SQL, DMY';
SELECT plan(42);

-- Outside of a step --------------------------------------------------------------------------------------------------

SELECT is(etl.logical_time(), now(), 'the logical time is now');
SELECT is(etl.interval_start(), NULL, 'no interval');
SELECT is(etl.interval_end(), NULL, 'at either end');
SELECT is(etl.run_id(), NULL, 'and no run');
SELECT is(etl.param('x', 'y'), 'y', 'the default of a parameter');
SELECT is(etl.param('x', ''), '', 'also an empty one');
SELECT throws_ok($$SELECT etl.param('x')$$, '22023', 'there is no parameter "x"', 'no default');
SELECT throws_ok($$SELECT etl.param(NULL)$$, '22023', 'there is no parameter "NULL"', 'no name');
SELECT is(etl.param(NULL, 'y'), 'y', 'but a default');
SELECT throws_ok('SELECT etl.run_key()', '55000', 'no step of a pipeline is being executed', 'no key');
CREATE FUNCTION pg_temp.failure(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
    hint text;
BEGIN
    EXECUTE command;
    RETURN 'nothing';
EXCEPTION
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
        RETURN concat_ws(E'\n', SQLSTATE || ' ' || SQLERRM, detail, hint);
END $$;
SELECT is(pg_temp.failure($$SELECT etl.param('it''s')$$),
          E'22023 there is no parameter "it''s"\nNo step of a pipeline is being executed.\nGive it to the step '
          '(params of '
          'etl.add_step) or to the run, or say etl.param(''it''''s'', ''...'') to have a value when there is none.',
          'the way out');

-- In a step ----------------------------------------------------------------------------------------------------------

SET LOCAL pg_etl.as_of = '2025-06-01 02:00:00.123456+00';
SET LOCAL pg_etl.interval_start = '2025-05-31 02:00:00+00';
SET LOCAL pg_etl.interval_end = '2025-06-01 02:00:00+00';
SET LOCAL pg_etl.params = '{"country": "NL", "n": 1.50, "none": null, "empty": "", "list": [1, {"a": "b"}], "yes": '
    'true}';
SET LOCAL pg_etl.run_id = '17';
SET LOCAL pg_etl.step = 'load';
SET LOCAL pg_etl.step_run = '99';
SELECT is(etl.logical_time(), timestamptz '2025-06-01T02:00:00.123456Z', 'the logical time, whatever zone and style');
SELECT is(etl.logical_time(), etl.as_of(), 'is as_of');
SELECT is(etl.interval_start(), timestamptz '2025-05-31T02:00:00Z', 'where the interval begins');
SELECT is(etl.interval_end(), timestamptz '2025-06-01T02:00:00Z', 'and ends');
SELECT is(etl.run_id(), 17::bigint, 'the run');
SELECT is(etl.param(name), value, 'parameter ' || name)
FROM (VALUES ('country', 'NL'), ('n', '1.50'), ('none', NULL), ('empty', ''), ('list', '[1, {"a": "b"}]'),
             ('yes', 'true')) AS p(name, value);
SELECT is(etl.param('country', 'DE'), 'NL', 'the value comes before a default');
SELECT is(etl.param('none', 'DE'), NULL, 'null is a value');
SELECT is(etl.param('Country', 'DE'), 'DE', 'names are exact');
SELECT is(etl.param('n')::numeric * 2, 3.00, 'a number');
SELECT is(pg_temp.failure($$SELECT etl.param('nation')$$),
          E'22023 there is no parameter "nation"\nThe parameters are "n", "yes", "list", "none", "empty", "country".\n'
          'Give it to the step (params of etl.add_step) or to the run, or say etl.param(''nation'', ''...'') to have a '
          'value when there is none.', 'a parameter that there is not');
SET LOCAL pg_etl.params = '{}';
SELECT matches(pg_temp.failure($$SELECT etl.param('x')$$), 'The step and its run have none\.', 'none at all');

-- The key
SELECT is(etl.run_key(), '17/2025-06-01T02:00:00.123456Z/load', 'a key');
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO, YMD';
SET LOCAL pg_etl.step_run = '100';
SELECT is(etl.run_key(), '17/2025-06-01T02:00:00.123456Z/load', 'the same in another session and attempt');
SET LOCAL pg_etl.step = 'it''s "/"';
SELECT is(etl.run_key(), '17/2025-06-01T02:00:00.123456Z/it''s "/"', 'another step');
SET LOCAL pg_etl.run_id = '18';
SELECT is(etl.run_key(), '18/2025-06-01T02:00:00.123456Z/it''s "/"', 'another run');
SET LOCAL pg_etl.step = '';
SELECT throws_ok('SELECT etl.run_key()', '55000', NULL, 'a step is needed');
SET LOCAL pg_etl.step = 'load';
SET LOCAL pg_etl.run_id = '';
SELECT throws_ok('SELECT etl.run_key()', '55000', NULL, 'and a run');
SET LOCAL pg_etl.run_id = '17';

-- The first run has no beginning.
SET LOCAL pg_etl.interval_start = '';
SELECT is(etl.interval_start(), NULL, 'an interval without beginning');

-- Parallel workers ---------------------------------------------------------------------------------------------------

SET LOCAL pg_etl.params = '{"country": "NL"}';
CREATE TABLE many AS SELECT n FROM generate_series(1, 10000) AS n;
ANALYZE many;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL parallel_leader_participation = off;
CREATE FUNCTION pg_temp.plan(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    line text;
    whole text := '';
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        whole := whole || line || E'\n';
    END LOOP;
    RETURN whole;
END $$;
SELECT matches(pg_temp.plan(q), 'Parallel Seq Scan', q)
FROM unnest(ARRAY['SELECT count(*) FROM many WHERE etl.param(''country'') = ''NL''',
                  'SELECT count(*) FROM many WHERE etl.run_key() LIKE ''17%''',
                  'SELECT count(*) FROM many WHERE etl.logical_time() < ''2026-01-01''',
                  'SELECT count(*) FROM many WHERE etl.interval_end() < ''2026-01-01''']) AS q;
SELECT is((SELECT count(*) FROM many WHERE n > 0 AND etl.param('country' || left(n::text, 0)) = 'NL'), 10000::bigint,
          'parameters in parallel workers');
SELECT is((SELECT count(*) FROM many WHERE etl.run_key() || left(n::text, 0) = '17/2025-06-01T02:00:00.123456Z/load'),
          10000::bigint, 'the key in parallel workers');
SELECT is((SELECT count(*) FROM many WHERE etl.interval_end() + n * interval '0' = etl.interval_end()), 10000::bigint,
          'the interval in parallel workers');

SELECT * FROM finish();
ROLLBACK;
