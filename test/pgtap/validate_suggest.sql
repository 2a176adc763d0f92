-- etl.suggest_suite: what it suggests for a known table, and that the rows that a suite was made from keep it,
-- whatever they are.
BEGIN;
SELECT plan(42);
SET LOCAL timezone = 'UTC';
SELECT setseed(0.71) \g /dev/null

-- A known table ------------------------------------------------------------------------------------------------------

CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TABLE ticket (
    gone int, id bigint PRIMARY KEY, code text NOT NULL, state varchar(20), price numeric(10,2), sold timestamptz,
    remark text, note char(4), heat real, mood mood, extra jsonb);
ALTER TABLE ticket DROP COLUMN gone;
INSERT INTO ticket
SELECT 1000 + i, 'EU-' || lpad(i::text, 4, '0'), (ARRAY['open', 'sold', 'void'])[1 + i % 3],
       CASE WHEN i % 25 > 0 THEN 3.75 + i % 90 END, '2025-03-01 10:30:00+00'::timestamptz + i * interval '1 min',
       CASE WHEN i % 5 = 0 THEN repeat('word ', i % 37) END, 'n' || i % 40, 20 + i % 7, 'ok', '{}'
FROM generate_series(1, 200) AS i;

CREATE FUNCTION suggested(target regclass, kind text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT format('%s %s', replace(e ->> 'type', 'expect_', ''), e -> 'kwargs')
    FROM jsonb_array_elements(etl.suggest_suite(target, kinds => ARRAY[kind])::jsonb -> 'expectations') AS e
$$;
CREATE FUNCTION lines(VARIADIC wanted text[]) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(w, E'\n'), '') FROM unnest(wanted) AS w
$$;
CREATE FUNCTION lines_of(target regclass, kind text) RETURNS text LANGUAGE sql AS $$
    SELECT lines(VARIADIC ARRAY(SELECT suggested(target, kind)))
$$;
SELECT is(lines_of('ticket', 'columns'), lines(
    'table_columns_to_match_set {"column_set": ["id", "code", "state", "price", "sold", "remark", "note", "heat", '
    '"mood", "extra"]}'), 'columns');
SELECT is(lines_of('ticket', 'rows'), lines(
    'table_row_count_to_be_between {"max_value": 400, "min_value": 100}'), 'rows');
SELECT is(lines_of('ticket', 'types'), lines(
    'column_values_to_be_of_type {"type_": "BIGINT", "column": "id"}',
    'column_values_to_be_of_type {"type_": "TEXT", "column": "code"}',
    'column_values_to_be_of_type {"type_": "VARCHAR", "column": "state"}',
    'column_values_to_be_of_type {"type_": "NUMERIC", "column": "price"}',
    'column_values_to_be_of_type {"type_": "TIMESTAMP", "column": "sold"}',
    'column_values_to_be_of_type {"type_": "TEXT", "column": "remark"}',
    'column_values_to_be_of_type {"type_": "CHAR", "column": "note"}',
    'column_values_to_be_of_type {"type_": "REAL", "column": "heat"}',
    'column_values_to_be_of_type {"type_": "MOOD", "column": "mood"}',
    'column_values_to_be_of_type {"type_": "JSONB", "column": "extra"}'), 'types');
SELECT is(lines_of('ticket', 'nulls'), lines(
    'column_values_to_not_be_null {"column": "id"}',
    'column_values_to_not_be_null {"column": "code"}',
    'column_values_to_not_be_null {"column": "state"}',
    'column_values_to_not_be_null {"column": "price", "mostly": 0.92}',
    'column_values_to_not_be_null {"column": "sold"}',
    'column_values_to_not_be_null {"column": "note"}',
    'column_values_to_not_be_null {"column": "heat"}',
    'column_values_to_not_be_null {"column": "mood"}',
    'column_values_to_not_be_null {"column": "extra"}'), 'nulls: none where a fifth has a value');
SELECT is(lines_of('ticket', 'unique'), lines(
    'column_values_to_be_unique {"column": "id"}',
    'column_values_to_be_unique {"column": "code"}'), 'unique: keys, but no moments');
SELECT is(lines_of('ticket', 'sets'), lines(
    'column_values_to_be_in_set {"column": "state", "value_set": ["open", "sold", "void"]}',
    'column_values_to_be_in_set {"column": "mood", "value_set": ["sad", "ok", "happy"]}'), 'sets');
SELECT is(lines_of('ticket', 'ranges'), lines(
    'column_values_to_be_between {"column": "id", "min_value": 0}',
    'column_values_to_be_between {"column": "price", "max_value": 95, "min_value": 0}',
    'column_values_to_be_between {"column": "sold", "min_value": "2025-03-01T00:00:00+00:00"}',
    'column_values_to_be_between {"column": "heat", "max_value": 30, "min_value": 20}'), 'ranges');
SELECT is(lines_of('ticket', 'patterns'), lines(
    'column_values_to_match_regex {"regex": "^EU-[0-9]{4}$", "column": "code"}',
    'column_values_to_match_regex {"regex": "^n[0-9]+ *$", "column": "note"}'), 'patterns');
SELECT is(lines_of('ticket', 'lengths'), lines(
    'column_value_lengths_to_be_between {"column": "remark", "max_value": 200, "min_value": 0}'),
    'lengths, of what has no pattern and is no set');
SELECT is(lines_of('ticket', 'statistics'), lines(
    'column_mean_to_be_between {"column": "price", "max_value": 60, "min_value": 30}',
    'column_stdev_to_be_between {"column": "price", "max_value": 55, "min_value": 10}',
    'column_mean_to_be_between {"column": "heat", "max_value": 25, "min_value": 20}',
    'column_stdev_to_be_between {"column": "heat", "max_value": 4, "min_value": 0.95}'), 'statistics');
SELECT is(etl.suggest_suite('ticket', 'mine', 'id > 1100', '{price}', '{columns,nulls}', '2025-04-01')::jsonb, $$
    {"name": "mine",
     "expectations": [
        {"type": "expect_table_columns_to_match_set", "kwargs": {"column_set": ["price"], "exact_match": false},
         "severity": "critical", "notes": "the columns of the table"},
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "price", "mostly": 0.92},
         "severity": "warning", "notes": "4 of 100 rows are NULL"}],
     "meta": {"suggested_by": "pg_etl 0.1.0", "table": "public.ticket", "where": "id > 1100", "rows": 100,
              "at": "2025-04-01T00:00:00+00:00"}}$$::jsonb, 'some rows, columns and kinds');
SELECT is(etl.suggest_suite('ticket', as_of => '2025-04-01'), etl.suggest_suite('ticket', as_of => '2025-04-01'),
          'the same rows make the same suite');
SELECT is(etl.suggest_suite('ticket')::jsonb ->> 'name', 'ticket', 'the name is that of the table');
SELECT is(etl.load_suite(etl.suggest_suite('ticket'), 'loaded'), 'loaded', 'it loads');
SELECT is_empty($$SELECT * FROM etl.validate('ticket', 'loaded') WHERE NOT success OR exception IS NOT NULL$$,
                'and the rows keep it');
SELECT lives_ok($$INSERT INTO ticket (id, code, state, price, mood) VALUES (1, 'US-1', 'lost', 96, 'sad')$$);
SELECT is((SELECT array_agg(expectation || '(' || (kwargs ->> 'column') || ')')
           FROM etl.validate('ticket', 'loaded') WHERE NOT success),
          '{expect_column_values_to_match_regex(code),expect_column_values_to_be_in_set(state),'
          'expect_column_values_to_be_between(price),expect_column_values_to_not_be_null(sold),'
          'expect_column_values_to_not_be_null(note),'
          'expect_column_values_to_not_be_null(heat),expect_column_values_to_not_be_null(extra)}',
          'which another row breaks');
SELECT is((SELECT count(*)
           FROM jsonb_array_elements(etl.export_suite('loaded', '0.18')::jsonb -> 'expectations')
           WHERE value -> 'meta' ? 'notes'),
          (SELECT count(*) FROM etl.expectations WHERE suite = 'loaded'), '0.18 gets the notes, too');

CREATE TABLE seat (show int, "row" text, price int, PRIMARY KEY (show, "row"));
INSERT INTO seat SELECT i % 5, 'r' || i / 5, 7 FROM generate_series(1, 50) AS i;
SELECT is(lines_of('seat', 'unique'), lines(
    'compound_columns_to_be_unique {"column_list": ["show", "row"]}'), 'a primary key of two columns');
SELECT is(lines_of('seat', 'statistics'), lines(
    'column_mean_to_be_between {"column": "show", "max_value": 3, "min_value": 1}',
    'column_stdev_to_be_between {"column": "show", "max_value": 3, "min_value": 0.7}',
    'column_mean_to_be_between {"column": "price", "max_value": 7, "min_value": 7}',
    'column_stdev_to_be_between {"column": "price", "max_value": 0, "min_value": 0}'), 'a column of one value');

SELECT results_eq($$SELECT etl._rounded_out(v, false), etl._rounded_out(v, true)
                    FROM unnest('{0,1,7,9.8,98.75,-98.75,1234,0.012,-0.5,100,1e20,123456789.12}'::numeric[]) AS v$$,
                  $$VALUES (0::numeric, 0::numeric), (1, 1), (7, 7), (9.5, 10), (95, 100), (-100, -95), (1000, 1500),
                           (0.01, 0.015), (-0.5, -0.5), (100, 100), (1e20, 1e20), (100000000, 150000000)$$,
                  'round numbers');

-- What the rows keep -------------------------------------------------------------------------------------------------

-- What the rows of a table say to the suite that was made from them.
CREATE FUNCTION broken(target regclass, where_sql text DEFAULT NULL) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    made text := etl.suggest_suite(target, 'made', where_sql,
        kinds => '{columns,rows,types,nulls,unique,sets,ranges,lengths,patterns,statistics}');
BEGIN
    PERFORM etl.load_suite(made, replace => true);
    RETURN QUERY SELECT format('%s %s %s %s %s', v.expectation, v.kwargs, v.observed_value, v.partial_unexpected_list,
                               v.exception)
                 FROM etl.validate(target, 'made', where_sql) AS v
                 WHERE NOT v.success OR v.exception IS NOT NULL;
END
$$;
SELECT is_empty($$SELECT * FROM broken('ticket', 'id > 1100')$$, 'some rows');
SELECT is_empty($$SELECT * FROM broken('ticket', 'id = 1100')$$, 'one row');
SELECT is_empty($$SELECT * FROM broken('ticket', 'false')$$, 'no rows');
CREATE TABLE hollow (a int, b text, c numeric, d date, e json);
INSERT INTO hollow SELECT FROM generate_series(1, 20);
SELECT is_empty($$SELECT * FROM broken('hollow')$$, 'no values');
SELECT is((SELECT string_agg(DISTINCT e ->> 'type', ' ' ORDER BY e ->> 'type') FROM jsonb_array_elements(
               etl.suggest_suite('hollow')::jsonb -> 'expectations') AS e),
          'expect_column_values_to_be_of_type expect_table_columns_to_match_set expect_table_row_count_to_be_between',
          'and then there is little to say');
CREATE TABLE bare ();
SELECT is(etl.suggest_suite('bare')::jsonb -> 'expectations', '[]', 'nor of no columns');

CREATE TABLE edge (
    i2 int2, i8 int8, f4 float4, f8 float8, n numeric, big numeric, nan float8, huge float8, tiny float8, one numeric,
    d date, bc date, ts timestamp, late timestamptz, "Odd ""name"" é" text);
INSERT INTO edge
SELECT CASE i % 2 WHEN 0 THEN -32768 ELSE 32767 END,
       CASE i % 2 WHEN 0 THEN -9223372036854775808 ELSE 9223372036854775807 END,
       CASE i % 3 WHEN 0 THEN '3.4028235e38' WHEN 1 THEN '1e-45' ELSE '-0.1' END::float4,
       CASE i % 3 WHEN 0 THEN 'Infinity' WHEN 1 THEN '-Infinity' ELSE '7.25' END::float8,
       CASE i % 3 WHEN 0 THEN 'NaN' WHEN 1 THEN '-Infinity' ELSE '0.1234567890123456789' END::numeric,
       123456789012345678901234567890::numeric * i, 'NaN', 1.7e308, 5e-324, 0.30000000000000004,
       CASE i % 2 WHEN 0 THEN 'infinity' ELSE '-infinity' END::date, '0044-03-15 BC'::date + i,
       '2025-01-31 23:59:59.999999', '12025-01-01 00:00+13', '"quoted" \ ' || i
FROM generate_series(1, 60) AS i;
SELECT is_empty($$SELECT * FROM broken('edge')$$, 'values at the edges of their types');
SELECT is(lines_of('edge', 'ranges'), lines(
    'column_values_to_be_between {"column": "i2", "max_value": 35000, "min_value": -35000}',
    'column_values_to_be_between {"column": "i8", "max_value": "9223372036854775807", "min_value": '
    '"-9223372036854775808"}',
    'column_values_to_be_between {"column": "f4", "min_value": -0.1}',
    'column_values_to_be_between {"column": "big", "max_value": "7500000000000000000000000000000", "min_value": 0}',
    'column_values_to_be_between {"column": "tiny", "max_value": "0.' || repeat('0', 323) || '5", "min_value": "0.'
        || repeat('0', 323) || '5"}',
    'column_values_to_be_between {"column": "one", "max_value": 0.35, "min_value": 0.3}',
    'column_values_to_be_between {"column": "ts", "min_value": "2025-01-31T00:00:00"}'),
    'bounds that a type does not have are left out');

CREATE FUNCTION random_column(n int) RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT format('CASE WHEN random() >= %s THEN %s END AS c%s',
                  (ARRAY[0, 0, 0, 0.02, 0.3, 1])[ceil(random() * 6)],
                  (ARRAY[
        'i', 'i * 1000003::int8', '(random() * 10)::int2', '(random() * 1e9 - 5e8)::int', 'random()',
        'random()::float4 * 1e10', 'exp(random() * 100 - 50)', '(random() * 1000)::numeric(10,3)',
        '-(random() * 1e6)::numeric', 'random() < 0.5',
        'CASE WHEN random() < 0.1 THEN ''NaN'' ELSE random() END', 'round(random()::numeric, 1)',
        'date ''2024-01-01'' + i', 'timestamp ''1999-12-31 23:59'' + random() * interval ''20 years''',
        'now() - random() * interval ''1 day''',
        '(ARRAY[''red'', ''green'', ''dark "blue"'', ''''])[ceil(random() * 4)]', 'md5(i::text)',
        '''0x'' || left(md5(i::text), 8)', 'md5(random()::text)::uuid', 'md5(i::text)::uuid::text',
        '''u'' || i || ''@example.com''', 'chr(65 + i % 26) || ''-'' || i', 'repeat(''é'', i % 30)',
        '''+49 '' || i', '(''ab'' || i % 30)::char(7)', '(random() * 1e5)::int::text', '''x''::text',
        'upper(left(md5(i::text), 3)) || ''_'' || i % 9', 'CASE WHEN i % 2 = 0 THEN '''' ELSE ''v'' || i END',
        'to_char(date ''2025-01-01'' + i, ''YYYY-MM-DD'')', '(ARRAY[''sad'', ''ok''])[1 + i % 2]::mood',
        'ARRAY[i]', 'jsonb_build_object(''i'', i)', '''{}''::json', 'int4range(i, i + 1)',
        'i * interval ''1 min''', '(''10.0.0.'' || i % 256)::inet',
        'chr(65 + i % 2 * 32 + i % 4)::text COLLATE anycase', 'decode(md5(i::text), ''hex'')', 'point(i, i)'
    ])[1 + n % 40], n)
$$;
CREATE COLLATION anycase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE FUNCTION broken_at_random(rows int) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    DROP TABLE IF EXISTS anything;
    EXECUTE (SELECT format('CREATE TABLE anything AS SELECT %s FROM generate_series(1, %s) AS i',
                           string_agg(random_column(n), ', ' ORDER BY n), rows)
             FROM generate_series(0, 119) AS n);
    RETURN QUERY SELECT b FROM broken('anything') AS b;
END
$$;
SET LOCAL client_min_messages = warning;
SELECT is_empty(format('SELECT * FROM broken_at_random(%s)', n), format('random columns of %s rows', n))
FROM unnest(ARRAY[1, 3, 12, 60, 500, 3000]) AS n;

-- Where a suite is made and where it is read
SELECT lives_ok($$SELECT etl.load_suite(etl.suggest_suite('ticket', 'abroad', 'id > 1'))$$);
SET LOCAL timezone = 'America/New_York';
SET LOCAL datestyle = 'German';
SELECT is_empty($$SELECT * FROM etl.validate('ticket', 'abroad', 'id > 1') WHERE NOT success$$,
                'in another time zone');
SELECT is_empty($$SELECT * FROM broken('ticket', 'id > 1')$$, 'also where it is made there');
SET LOCAL extra_float_digits = 0;
SELECT is_empty($$SELECT * FROM broken('anything')$$, 'with few digits of floats');

-- Errors -------------------------------------------------------------------------------------------------------------

SELECT throws_ok($$SELECT etl.suggest_suite('ticket', kinds => '{sets,bounds}')$$, '22023',
                 'unknown kind of rule: "bounds"', 'an unknown kind');
SELECT throws_ok($$SELECT etl.suggest_suite('ticket', columns => '{state,stat}')$$, '42703', NULL, 'an unknown column');

CREATE TABLE public.unhashed (m money UNIQUE, b bit(8) UNIQUE, a int[] UNIQUE, v varchar(9) UNIQUE);
INSERT INTO public.unhashed SELECT i, i::bit(8), ARRAY[i], i::text FROM generate_series(1, 100) AS i;
SELECT etl.load_suite(etl.suggest_suite('unhashed')) \g /dev/null
SELECT results_eq($$SELECT v.success, count(*) FILTER (WHERE v.expectation ~ 'be_unique')
                    FROM etl.validate('unhashed', 'unhashed') AS v GROUP BY 1$$, 'VALUES (true, 2::bigint)',
                  'no uniqueness is suggested that could not be tested');

SELECT * FROM finish();
ROLLBACK;
