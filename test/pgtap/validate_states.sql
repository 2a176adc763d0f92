-- etl.validation_state as a value: stored, sent, merged and reported without its rows; forged ones are refused, and a
-- validation can be stopped.
BEGIN;
SELECT plan(62);

CREATE FUNCTION suite(name text) RETURNS text LANGUAGE sql AS $$
    SELECT format('{"name": "%s", "expectations": [
        {"type": "expect_column_values_to_match_regex", "kwargs": {"column": "w", "regex": "^a"}},
        {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "w"}},
        {"type": "expect_column_values_to_be_between", "kwargs": {"column": "p", "max_value": 90}}]}', name)
$$;
CREATE TABLE sale (shop int, w text, p int);
INSERT INTO sale SELECT i % 5, CASE WHEN i % 50 > 0 THEN chr(97 + i % 2) || i / 3 END, i % 100
                 FROM generate_series(1, 1000) AS i;
CREATE TABLE kept AS
SELECT shop, etl.validation_state(suite('s'), '{tableoid, ctid, w, p}', tableoid, ctid, w, p) AS state
FROM sale GROUP BY shop;
CREATE FUNCTION answer(state etl.validation_state) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s %s %s %s %s', success, element_count, missing_count, unexpected_count,
                             partial_unexpected_list), E'\n')
    FROM etl.report(state)
$$;
CREATE TABLE whole AS
SELECT etl.validation_state(suite('s'), '{tableoid, ctid, w, p}', tableoid, ctid, w, p) AS state FROM sale;

-- Kept and sent -------------------------------------------------------------------------------------------------------

SELECT is((SELECT answer(etl.merge(state)) FROM kept), (SELECT answer(state) FROM whole),
          'merged states are that of the whole');
SELECT is((SELECT answer(etl.merge(state ORDER BY shop DESC)) FROM kept), (SELECT answer(state) FROM whole),
          'in any order');
SELECT is((SELECT answer(etl.merge(state)) FROM kept WHERE shop = 2), (SELECT answer(state) FROM kept WHERE shop = 2),
          'a state merged with nothing stays what it is');
SELECT ok((SELECT etl.merge(state) IS NULL FROM kept WHERE shop > 9), 'of no states there is none');
SELECT is((SELECT answer(etl.merge(s)) FROM (VALUES (NULL), ((SELECT state FROM whole)), (NULL)) AS v (s)),
          (SELECT answer(state) FROM whole), 'NULL is no state');
SELECT is_empty('SELECT * FROM etl.report(NULL)', 'and has no report');
SELECT results_eq('SELECT success, element_count, missing_count, unexpected_count FROM whole, etl.report(state)',
                  $$SELECT false, count(*), count(*) FILTER (WHERE w IS NULL), count(*) FILTER (WHERE w !~ '^a')
                    FROM sale
                    UNION ALL
                    SELECT false, 1000, count(*) FILTER (WHERE w IS NULL),
                           count(*) FILTER (WHERE w IN (SELECT w FROM sale GROUP BY w HAVING count(*) > 1)) FROM sale
                    UNION ALL
                    SELECT false, count(*), 0, count(*) FILTER (WHERE p > 90) FROM sale$$, 'the report counts');
SELECT is((SELECT partial_unexpected_list FROM whole, etl.report(state) OFFSET 1 LIMIT 1), '[]',
          'a state does not hold the values that are not unique');

SELECT is((SELECT count(*) FROM kept WHERE state::text::etl.validation_state::text = state::text), 5::bigint,
          'the text form and back');
SELECT set_config('test.file', format('%s/kept.%s', current_setting('data_directory'), pg_backend_pid()),
                  true) \g /dev/null
DO $$ BEGIN EXECUTE format('COPY kept TO %L (FORMAT binary)', current_setting('test.file')); END $$;
CREATE TABLE loaded (LIKE kept);
DO $$ BEGIN EXECUTE format('COPY loaded FROM %L (FORMAT binary)', current_setting('test.file')); END $$;
SELECT results_eq('SELECT shop, state::text FROM loaded ORDER BY 1', 'SELECT shop, state::text FROM kept ORDER BY 1',
                  'COPY in the binary form');
DO $$
BEGIN
    EXECUTE format('COPY (SELECT WHERE false) TO PROGRAM %L', format('rm %s', current_setting('test.file')));
END $$;
SELECT is((SELECT answer(etl.merge(state)) FROM loaded), (SELECT answer(state) FROM whole), 'and merged afterwards');

-- Small states are kept in line, large ones in the TOAST table, compressed or not.
CREATE TABLE large AS
SELECT etl.validation_state('{"expectations": [
           {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "i"}}]}',
                            '{i}', i) AS state
FROM generate_series(1, 20000) AS i;
SELECT is((SELECT round(length(etl.validation_state_send(state)) / 20000.0) FROM large), 16::numeric,
          'uniqueness wants 16 bytes for a value');
SELECT cmp_ok(pg_relation_size((SELECT reltoastrelid FROM pg_class WHERE oid = 'large'::regclass)), '>', 100000::bigint,
              'a large state is in the TOAST table');
SELECT is((SELECT answer(etl.merge(state)) FROM (TABLE large UNION ALL TABLE large) AS l), 'f 40000 0 40000 []',
          'states from a TOAST table merge');

-- Groups beyond work_mem spill and come back.
SET LOCAL work_mem = '64kB';
SET LOCAL hash_mem_multiplier = 1;
SET LOCAL enable_sort = off;
CREATE TABLE small AS
SELECT etl.validation_state('{"expectations": [{"type": "expect_column_values_to_be_unique",
                              "kwargs": {"column": "i"}}]}', '{i}', i) AS state
FROM generate_series(1, 20000) AS i GROUP BY i % 5000;
RESET work_mem;
RESET hash_mem_multiplier;
RESET enable_sort;
SELECT is((SELECT count(*) FROM small AS g WHERE answer(g.state) = 't 4 0 0 []'), 5000::bigint,
          'HashAgg with more groups than work_mem holds');
SELECT is((SELECT string_agg(split_part(answer(w.state), ' ', 2), ' ')
           FROM (SELECT etl.validation_state(suite('s'), '{w, p}', w, p) OVER (ORDER BY i) AS state
                 FROM (VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3)) AS v (i, w, p)) AS w), '1 2 3',
          'as a window function each row has its own state');
SELECT ok((SELECT etl.validation_state(suite('s'), '{w, p}', w, p) FILTER (WHERE p > 1000) IS NULL FROM sale),
          'no rows, no state');

-- What does not belong together ---------------------------------------------------------------------------------------

CREATE FUNCTION state(document text, columns name[] DEFAULT '{w, p}') RETURNS etl.validation_state LANGUAGE sql AS $$
    SELECT etl.validation_state(document, columns, w, p) FROM sale
$$;
SELECT throws_ok($$SELECT etl.merge(s) FROM (VALUES (state(suite('s'))), (state(suite('t')))) AS v (s)$$, '22023',
                 'validation states of different suites or columns cannot be merged', 'states of two suites');
SELECT throws_ok($$SELECT etl.merge(s) FROM (VALUES (state(suite('s'))), ((SELECT w.state FROM whole AS w))) AS v (s)$$,
                 '22023',
                 'validation states of different suites or columns cannot be merged', 'states over other columns');
SELECT throws_ok($$SELECT etl.validation_state(suite(shop::text), '{w, p}', w, p) FROM sale$$, '22023',
                 'etl.validation_state needs the same suite and column names for all rows of a query',
                 'a suite that changes from row to row');
SELECT throws_ok($$SELECT etl.validation_state(suite('s'), CASE shop WHEN 1 THEN '{w, p}' ELSE '{p, w}' END::name[],
                                               w, p)
                   FROM sale$$, '22023',
                 'etl.validation_state needs the same suite and column names for all rows of a query',
                 'names that change from row to row');
SELECT is((SELECT answer(etl.validation_state((SELECT document FROM (SELECT suite('s') AS document) AS d), '{w, p}',
                                              w, p))
           FROM sale), answer(state(suite('s'))), 'a suite from a subquery');
SELECT throws_ok($$SELECT state(suite('s'), '{w}')$$, '22023', 'etl.validation_state got 1 column names and 2 values',
                 'too few names');
SELECT throws_ok($$SELECT state(suite('s'), '{w, q}')$$, '42703',
                 'expect_column_values_to_be_between expects column "p", which is not among the given ones',
                 'a column not named');
SELECT throws_ok($$SELECT state(NULL)$$, '22023', 'etl.validation_state needs a suite and the names of its columns',
                 'no suite');
SELECT throws_ok($$SELECT state(suite('s'), NULL)$$, '22023',
                 'etl.validation_state needs a suite and the names of its columns',
                 'no names');
SELECT throws_ok($$SELECT state('{}')$$, '22023', 'a suite must be a JSON object with an array "expectations"',
                 'no suite document');

-- Forged --------------------------------------------------------------------------------------------------------------

CREATE FUNCTION forged(state text, at int, bytes text) RETURNS text LANGUAGE sql AS $$
    SELECT overlay(state PLACING bytes FROM 3 + 2 * at)  -- after \x
$$;
CREATE FUNCTION bytes_of(number bigint) RETURNS text LANGUAGE sql AS $$  -- little-endian, eight of them
    SELECT string_agg(lpad(to_hex(number >> i * 8 & 255), 2, '0'), '' ORDER BY i) FROM generate_series(0, 7) AS i
$$;
CREATE TABLE genuine AS
SELECT s.t, 16 + (s.b ->> 0)::int AS body
FROM (SELECT t, to_jsonb(get_byte(decode(substr(t, 3), 'hex'), 8) + 256 * get_byte(decode(substr(t, 3), 'hex'), 9)
                         ) AS b
      FROM (SELECT state(suite('s'))::text AS t) AS g) AS s;
SELECT throws_ok(format('SELECT %L::etl.validation_state', f.state), f.sqlstate, f.message, f.what)
FROM genuine AS g CROSS JOIN LATERAL (VALUES
    ('', '22P02', 'invalid input syntax for type etl.validation_state', 'an empty text'),
    ('xyz', '22P02', 'invalid input syntax for type etl.validation_state', 'not hexadecimal'),
    ('\x0', '22P02', 'invalid input syntax for type etl.validation_state', 'half a byte'),
    ('\x', '22P03', 'invalid value for type etl.validation_state', 'no bytes'),
    ('\x4556535401000000', '22P03', 'invalid value for type etl.validation_state', 'only a mark'),
    (left(g.t, -2), '22P03', 'invalid value for type etl.validation_state', 'a byte too few'),
    (g.t || '00', '22P03', 'invalid value for type etl.validation_state', 'a byte too many'),
    (forged(g.t, 0, '00'), '22P03', 'invalid value for type etl.validation_state', 'another mark'),
    (forged(g.t, 4, '01'), '22P03', 'invalid value for type etl.validation_state', 'another version'),
    (forged(g.t, 8, 'ffffffffffffff7f'), '22P03', 'invalid value for type etl.validation_state',
     'a plan beyond the end'),
    (forged(g.t, 8, 'ffffffffffffffff'), '22P03', 'invalid value for type etl.validation_state',
     'a plan of less than no bytes'),
    (forged(g.t, g.body, 'ffffffffffffffff'), '22P03', 'invalid value for type etl.validation_state',
     'rows below zero'),
    (forged(g.t, g.body, bytes_of(999)), '22P03', 'invalid value for type etl.validation_state',
     'fewer rows than have values'),
    (forged(g.t, g.body + 16, bytes_of(1001)), '22P03', 'invalid value for type etl.validation_state',
     'more rows missing than there are'),
    (forged(g.t, g.body + 24, bytes_of(-1)), '22P03', 'invalid value for type etl.validation_state',
     'more rows that fail than there are'),
    (forged(g.t, g.body + 32, 'ffffffff'), '22P03', 'invalid value for type etl.validation_state',
     'more rows listed than fail')
) AS f (state, sqlstate, message, what);

-- Every byte changed: an error that is ours or PostgreSQL's for bad data, or an answer.
CREATE FUNCTION use_forged(state text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    read etl.validation_state;
BEGIN
    read := state::etl.validation_state;
    PERFORM answer(read);
    PERFORM answer(etl.merge(s)) FROM (VALUES (read), (read)) AS v (s);
    RETURN 'an answer';
EXCEPTION
    WHEN data_exception THEN
        RETURN 'refused';
END
$$;
SELECT set_eq($$SELECT use_forged(forged(g.t, i, encode(set_byte('\x00', 0,
                                                       255 - get_byte(decode(substr(g.t, 3), 'hex'), i)), 'hex')))
                FROM (SELECT state(suite('s'))::text AS t FROM (SELECT 1) AS one) AS g,
                     generate_series(0, length(g.t) / 2 - 2, 7) AS i$$,
              $$VALUES ('an answer'), ('refused')$$, 'forged bytes never do worse');

-- A plan behind a right header ("EVST", version 2), of no rows.
CREATE FUNCTION forged_plan(plan text) RETURNS text LANGUAGE sql AS $$
    SELECT '\x4556535402000000' || bytes_of(octet_length(plan)) || encode(convert_to(plan, 'UTF8'), 'hex')
           || repeat('00', 8)
$$;
CREATE FUNCTION plan_of_suite(suite text, more jsonb DEFAULT '{}') RETURNS text LANGUAGE sql AS $$
    SELECT replace((jsonb_build_object('suite', '?', 'columns', '[]'::jsonb, 'part', '[]'::jsonb, 'listed', 20,
                                       'seed', '0', 'proven_unique', '[]'::jsonb, 'facts', '{}'::jsonb,
                                       'look_for', '{}'::jsonb, 'faults', '{}'::jsonb, 'profiled', '{}'::jsonb,
                                       'table', '{}'::jsonb, 'area', '') || more)::text, '"?"', suite)
$$;
SELECT lives_ok($$SELECT * FROM etl.report(forged_plan(plan_of_suite('{"expectations": []}'))::etl.validation_state)$$,
                'a plan that is one');
SELECT throws_ok(format('SELECT forged_plan(%s)::etl.validation_state', f.plan), f.sqlstate, f.message, f.what)
FROM (VALUES
    ($$plan_of_suite(repeat('[', 100000) || repeat(']', 100000))$$, '54000',
     'the plan of a validation state must not nest deeper than 70 levels', 'a plan that nests too deep'),
    ($$'nonsense'$$, '22023', 'the plan of a validation state must be a JSON document', 'a plan that is none'),
    ($$'{}'$$, '22P03', 'invalid value for type etl.validation_state', 'a plan without its parts'),
    ($$plan_of_suite('{}')$$, '22023', 'a suite must be a JSON object with an array "expectations"',
     'a plan without a suite'),
    ($$plan_of_suite('{"expectations": []}', '{"part": [0]}')$$, '22P03',
     'invalid value for type etl.validation_state', 'a plan that decides what the suite does not have'),
    ($$plan_of_suite('{"expectations": []}', '{"columns": [["a", "no_such_type", ""]]}')$$, '42704',
     'type "no_such_type" does not exist', 'a plan of unknown types'),
    ($$plan_of_suite('{"expectations": []}', '{"area": "00"}')$$, '22P03',
     'invalid value for type etl.validation_state', 'a state whose rows are still in temporary files')
) AS f (plan, sqlstate, message, what);

-- The functions behind the aggregate, called by hand with what does not fit.
SELECT throws_ok($$SELECT etl._validation_state_step(
                       forged_plan(plan_of_suite('{"expectations": []}'))::etl.validation_state,
                       suite('s'), '{w, p}', 'a'::text, 1)$$, '22023', 'the validation state belongs to another suite',
                 'the transition function knows a state of another suite');
DO $$
BEGIN
    EXECUTE format('CREATE AGGREGATE forged_start(text, text[], VARIADIC "any") (SFUNC = etl._validation_state_step,
                    STYPE = etl.validation_state, INITCOND = %L)',
                   forged_plan(plan_of_suite('{"expectations": []}')));
END $$;
SELECT throws_ok($$SELECT forged_start(suite('s'), '{w, p}', w, p) FROM sale$$, '22023',
                 'the validation state belongs to another suite', 'also as the start of an aggregate');
SELECT throws_ok($$SELECT etl._validation_state_combine(state(suite('s')), state(suite('t')))$$, '22023',
                 'validation states of different suites or columns cannot be merged', 'so does the combine function');

-- A suite by its name -------------------------------------------------------------------------------------------------

CREATE TABLE named (i int, s varchar(9));
INSERT INTO named VALUES (1, 'A'), (-2, 'B'), (NULL, 'a');
SELECT etl.load_suite('{"name": "named", "expectations": [
    {"type": "expect_column_values_to_be_between", "kwargs": {"column": "i", "min_value": {"$PARAMETER": "least"}}},
    {"type": "expect_row_condition", "kwargs": {"condition": "lower(s) = ''a''"}}],
    "suite_parameters": {"least": 0}}') \g /dev/null
SELECT is((SELECT answer(etl.validation_state('named', ARRAY['i', '(lower(s) = ''a'')'], i, lower(s) = 'a'))
           FROM named),
          (SELECT answer(etl.validation_state('named', n)) FROM named AS n), 'columns and rows against a stored suite');
SELECT throws_ok($$SELECT etl.validation_state('no_such', '{i}', i) FROM named$$, '42704', NULL, 'no such suite');
SELECT throws_ok($$SELECT etl.validation_state('[1]', '{i}', i) FROM named$$, '22023', NULL, 'a document that is none');
CREATE FUNCTION public.lower(varchar) RETURNS text LANGUAGE sql AS $$SELECT 'a'$$;
SELECT is((SELECT r.unexpected_count FROM etl.report((SELECT etl.validation_state('named', n) FROM named AS n)) AS r
           WHERE r.expectation = 'expect_row_condition'), 1::bigint,
          'a condition means the same whatever the search_path of the caller');
DROP FUNCTION public.lower(varchar);

-- Stopped -------------------------------------------------------------------------------------------------------------

SELECT etl.load_suite('{"name": "slow", "expectations": [
    {"type": "expect_column_values_to_match_regex", "kwargs": {"column": "w", "regex": "^(.+)(.+)\\2.\\1$"}},
    {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "w"}}]}') \g /dev/null
CREATE TABLE many AS
SELECT (SELECT string_agg(md5((i * 10 + j)::text), ' ') FROM generate_series(1, 10) AS j) AS w
FROM generate_series(1, 500) AS i;
CREATE FUNCTION stopped() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM * FROM etl.validate('many', 'slow');
    RETURN 'it came to its end';
EXCEPTION
    WHEN query_canceled THEN
        RETURN SQLERRM;
END
$$;
SET LOCAL statement_timeout = 200;
SELECT is(stopped(), 'canceling statement due to statement timeout', 'statement_timeout stops a validation');
SET LOCAL parallel_setup_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SELECT is(stopped(), 'canceling statement due to statement timeout', 'and a parallel one');
SET LOCAL statement_timeout = 0;
SELECT is((SELECT answer(etl.merge(state)) FROM kept), (SELECT answer(state) FROM whole),
          'after which all is as before');

SELECT * FROM finish();
ROLLBACK;
