-- What validation does with calls that nobody writes by accident: internal functions with NULL, with a plan that does
-- not fit its values, with another suite's state, with forged bytes. Any role may call them, so they must never do
-- worse than raise an error. No transaction around the file, because a procedure commits.
SET jit = off;
SELECT plan(54);

CREATE FUNCTION plan_of(suite jsonb, columns jsonb, more jsonb DEFAULT '{}') RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT (jsonb_build_object('suite', suite, 'columns', columns, 'part', '[0]'::jsonb, 'listed', 20, 'seed', '0',
                               'proven_unique', '[]'::jsonb, 'facts', '{}'::jsonb, 'look_for', '{}'::jsonb,
                               'faults', '{}'::jsonb, 'profiled', '{}'::jsonb, 'table', '{}'::jsonb, 'area', '')
            || more)::text
$$;
CREATE FUNCTION suite_of(type text, kwargs jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_build_object('name', 's', 'expectations',
                              jsonb_build_array(jsonb_build_object('type', type, 'kwargs', kwargs)))
$$;
CREATE FUNCTION answer(state etl.validation_state) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s %s %s', success, element_count, unexpected_count), ', ') FROM etl.report(state)
$$;

-- Types ---------------------------------------------------------------------------------------------------------------

SELECT throws_ok(format('SELECT etl._validation_scan(plan_of(suite_of(%L, %L), %L), %s)',
                        'expect_column_values_to_be_unique', '{"column": "a"}', f.columns, f.value),
                 '42804', f.message, f.what)
FROM (VALUES
    ('[["a", "text", ""]]', '1', 'column "a" is of type text in the plan of the scan, and of type integer in the rows',
     'a number that the plan calls a text'),
    ('[["a", "bigint", ""]]', '''x''::text',
     'column "a" is of type bigint in the plan of the scan, and of type text in the rows',
     'a text that the plan calls a number'),
    ('[["a", "uuid", ""]]', '7::bigint',
     'column "a" is of type uuid in the plan of the scan, and of type bigint in the rows',
     'a number that the plan calls a uuid'),
    ('[["a", "integer[]", ""]]', '''x''',
     'column "a" is of type integer[] in the plan of the scan, and of type unknown in the rows', 'a bare literal')
) AS f (columns, value, message, what);
SELECT is(answer(etl._validation_scan(
              plan_of(suite_of('expect_column_values_to_be_in_set', '{"column": "a", "value_set": [1]}'),
                      '[["a", "int", ""], ["(keys)", "int", ""], ["ctid", "text", ""], ["tableoid", "int", ""]]'),
              2, 3, 'x'::text, 4)), 'f 1 1', 'keys and places of other types are none');
CREATE DOMAIN small AS int;
SELECT is(answer(etl._validation_scan(plan_of(suite_of('expect_column_values_to_be_in_set',
                                                       '{"column": "a", "value_set": [1]}'),
                                              '[["a", "public.small", ""]]'), 1)), 't 1 0',
          'a domain is what it is made of');
SELECT throws_ok($$SELECT etl._validation_scan(plan_of(
                       suite_of('expect_column_values_to_be_increasing', '{"column": "a", "order_by": ["i"]}'),
                       '[["a", "text", ""], ["(previous a by i)", "integer", ""]]'), 'x'::text, 5)$$, '42804',
                 'expect_column_values_to_be_increasing needs values of one type, '
                 'but "(previous a by i)" is of type integer',
                 'a value before that is of another type');

-- Plans ---------------------------------------------------------------------------------------------------------------

SELECT throws_ok(format('SELECT etl._empty_validation_state(plan_of(suite_of(%L, %L), %L, %L))', f.type, f.kwargs,
                        '[["a", "json", ""]]', f.more), '22P03', 'invalid value for type etl.validation_state', f.what)
FROM (VALUES
    ('expect_table_row_count_to_be_between', '{"min_value": 1}', '{"look_for": {"0": {}}}',
     'a search for an expectation without columns'),
    ('expect_column_values_to_be_null', '{"column": "a"}', '{"look_for": {"0": {"repeated": ""}}}',
     'a search for repeated values of a type that has no hash'),
    ('expect_column_values_to_be_null', '{"column": "a"}', '{"look_for": {"0": 7}}', 'a search for nothing'),
    ('expect_column_values_to_be_null', '{"column": "a"}',
     '{"profiled": {"0": {"identical": true, "sought": ["00000000000000000000000000000000"]}}}',
     'a profile that seeks values of a type that has no hash'),
    ('expect_column_values_to_be_null', '{"column": "a"}', '{"part": [0, 0]}', 'a part that repeats'),
    ('expect_column_values_to_be_null', '{"column": "a"}', '{"part": [1]}', 'a part beyond the suite'),
    ('expect_column_values_to_be_null', '{"column": "a"}', '{"part": [1, 0]}', 'a part in no order')
) AS f (type, kwargs, more, what);
SELECT lives_ok($$SELECT etl._empty_validation_state(plan_of(
                      suite_of('expect_column_values_to_be_null', '{"column": "a"}'), '[["a", "json", ""]]',
                      jsonb_build_object('proven_unique', (SELECT jsonb_agg(0) FROM generate_series(1, 200000)))))$$,
                'what is proven may be said twice');

SELECT throws_ok($$SELECT etl._breaks(repeat('[', 1000000) || repeat(']', 1000000), ROW(1))$$, '54000',
                 'an expectation must not nest deeper than 62 levels', 'an expectation that nests too deep');
SELECT throws_ok($$SELECT etl._breaks('garbage', ROW(1))$$, '22023', 'an expectation must be a JSON document',
                 'an expectation that is none');

-- States --------------------------------------------------------------------------------------------------------------

CREATE FUNCTION unique_suite(name text, col text DEFAULT 'a') RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT format('{"name": "%s", "expectations": [
        {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "%s"}},
        {"type": "expect_column_min_to_be_between", "kwargs": {"column": "%s", "min_value": "a"}},
        {"type": "expect_column_distinct_values_to_contain_set", "kwargs": {"column": "%s", "value_set": ["a"]}}]}',
        name, col, col, col)
$$;
SELECT throws_ok($$SELECT etl._validation_state_step(
                       etl._validation_state_step(NULL, suite_of('expect_column_values_to_be_null',
                                                                 '{"column": "a"}')::text, '{a}', 1),
                       unique_suite('t'), '{a}', 'x'::text)$$, '22023', 'the validation state belongs to another suite',
                 'a state of another suite, straight from the transition function');
SELECT is(answer(etl._validation_state_step(etl._validation_state_step(NULL, unique_suite('t'), '{a}', 'a'::text),
                                            unique_suite('t'), '{a}', 'a'::text)),
          'f 2 2, t 2 , t 2 ', 'a state of the same suite');

-- A moving aggregate of the transition function may bring its way back another plan.
CREATE AGGREGATE moving(text, VARIADIC "any") (
    SFUNC = etl._validation_scan_step, STYPE = etl.validation_state,
    MSFUNC = etl._validation_scan_step, MINVFUNC = etl._validation_scan_step, MSTYPE = etl.validation_state
);
SELECT throws_ok($$SELECT moving(CASE p WHEN 1 THEN plan_of('{"expectations": []}', '[["a", "text", ""]]',
                                                            '{"part": []}')
                                        ELSE plan_of(unique_suite('t')::jsonb, '[["a", "text", ""]]',
                                                     '{"part": [0, 1, 2]}') END, 'x'::text)
                              OVER (PARTITION BY p ORDER BY i ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
                   FROM (VALUES (1, 1), (2, 1), (2, 2), (2, 3)) AS v (p, i)$$, '22023',
                 'the validation state belongs to another suite', 'a state of another call of the function');

CREATE FUNCTION state_of(name text, value text) RETURNS etl.validation_state LANGUAGE sql AS $$
    SELECT etl.validation_state(unique_suite(name), '{a}', v.value) FROM (VALUES (value)) AS v (value)
$$;
CREATE TABLE kept AS
SELECT g % 50 AS suite, state_of('s' || (g % 50), chr(97 + g % 26)) AS state FROM generate_series(1, 400) AS g;
CREATE TABLE pairs AS SELECT suite, array_agg(state) AS states FROM kept GROUP BY suite HAVING count(*) > 1;
SET enable_sort = off;
SET max_parallel_workers_per_gather = 0;
SELECT is((SELECT count(*) FROM (SELECT suite, etl.merge(state) AS merged FROM kept GROUP BY suite) AS m
           WHERE answer(m.merged) LIKE '% 8 %'), 50::bigint, 'states of many suites, merged in turns');
RESET enable_sort;

-- The result of a combine function outlives the call that made it.
CREATE FUNCTION span_state(span interval) RETURNS etl.validation_state LANGUAGE sql AS $$
    SELECT etl.validation_state(suite_of('expect_column_min_to_be_between',
                                         '{"column": "a", "min_value": "1 day"}')::text, '{a}', v.span)
    FROM (VALUES (span)) AS v (span)
$$;
CREATE PROCEDURE keep_over_commit() LANGUAGE plpgsql AS $$
DECLARE
    one etl.validation_state := span_state('1 day');
    other etl.validation_state := span_state('2 hours');
    merged etl.validation_state;
BEGIN
    FOR i IN 1 .. 5 LOOP
        merged := etl._validation_state_combine(one, other);
        COMMIT;
        PERFORM set_config('test.merged', merged::text, false);
    END LOOP;
END
$$;
CALL keep_over_commit();
SELECT is(answer(current_setting('test.merged')::etl.validation_state), 'f 2 ',
          'a merged state is a value that a commit leaves alone');

SELECT is((SELECT count(*) FROM pg_backend_memory_contexts WHERE name = 'pg_etl states'), 0::bigint,
          'no state is left behind');
SET enable_sort = off;
SELECT is((SELECT DISTINCT (SELECT count(*) FROM pg_backend_memory_contexts AS m
                            WHERE m.name = 'pg_etl states' AND g.state IS NOT NULL)
           FROM (SELECT etl.validation_state(unique_suite('t'), '{a}', chr(97 + i % 26)) AS state
                 FROM generate_series(1, 5000) AS i GROUP BY i % 1000 OFFSET 0) AS g), 1::bigint,
          'all groups of a hashed aggregate keep their states in one memory context');
RESET enable_sort;

SELECT results_eq($$SELECT o.expectation FROM etl._outcomes(ARRAY[
                        etl._empty_validation_state(plan_of(
                            suite_of('expect_column_min_to_be_between', '{"column": "a", "min_value": 1}'),
                            '[["a", "integer", ""]]')),
                        etl._empty_validation_state(plan_of(
                            suite_of('expect_table_row_count_to_be_between', '{"min_value": 1}'), '[]',
                            '{"part": []}'))]) AS o$$,
                  $$VALUES ('expect_column_min_to_be_between'), ('expect_table_row_count_to_be_between')$$,
                  'the outcomes of states of two suites are those of each');

-- Temporary files -----------------------------------------------------------------------------------------------------

SELECT lives_ok(format('SELECT etl._close_spill(%s)', f.area), 'closing ' || f.what)
FROM (VALUES
    ('overlay(etl._open_spill() PLACING ''ffffff7f'' FROM 17)', 'a directory of two thousand million tablespaces'),
    ('overlay(etl._open_spill() PLACING ''ffffff'' FROM 9)', 'a directory that nobody has opened'),
    ('etl._open_spill()', 'an open one'), ('''''', 'nothing'), ('''00''', 'a byte'), ('''xyz''', 'no bytes')
) AS f (area, what);
SELECT throws_ok(format('SELECT etl._validation_scan(
                             plan_of(suite_of(%L, %L), %L, jsonb_build_object(''area'', %s)), 1)',
                        'expect_column_values_to_be_unique', '{"column": "a"}', '[["a", "integer", ""]]', f.area),
                 '22023', 'these bytes do not name a directory for this query''s files', 'a scan into ' || f.what)
FROM (VALUES
    ('overlay(etl._open_spill() PLACING ''ffffff7f'' FROM 17)', 'two thousand million tablespaces'),
    ('overlay(etl._open_spill() PLACING ''ffffff'' FROM 9)', 'a directory that nobody has opened'),
    ('''00''', 'a byte')
) AS f (area, what);

-- NULL ----------------------------------------------------------------------------------------------------------------

CREATE TABLE plain (a int);
SELECT throws_ok(f.call, '22004', format('argument %s must not be NULL', f.argument), f.call)
FROM (VALUES
    ('SELECT etl._violations(NULL, ROW(1), ''info'', NULL)', 1),
    ('SELECT etl._violations(''s'', NULL, ''info'', NULL)', 2),
    ('SELECT etl._violations(''s'', ROW(1), NULL, NULL)', 3),
    ('SELECT etl._enforceable(NULL, ''s'', ''{"expectations": []}'', ''info'', NULL)', 1),
    ('SELECT etl._enforceable(''plain'', NULL, ''{"expectations": []}'', ''info'', NULL)', 2),
    ('SELECT etl._enforceable(''plain'', ''s'', NULL, ''info'', NULL)', 3),
    ('SELECT etl._enforceable(''plain'', ''s'', ''{"expectations": []}'', NULL, NULL)', 4),
    ('SELECT etl._validation_scan(NULL, 1)', 2),
    ('SELECT etl._validation_scan_step(NULL, NULL, 1)', 2),
    ('SELECT etl._normalize_suite(NULL, NULL)', 1),
    ('SELECT etl._normalize_suite(NULL, ''s'')', 1)
) AS f (call, argument);
BEGIN;
SELECT throws_ok('CALL etl._require_toplevel(NULL)', '22004', 'argument 1 must not be NULL',
                 'CALL etl._require_toplevel(NULL)');
COMMIT;
SELECT throws_ok('SELECT etl._validation_row_step(NULL, ''s'', NULL)', '22023',
                 'etl.validation_state needs the name of a suite and a row', 'no row');

-- Every function of the extension in C that can be called with NULL: an answer or an error, whatever the argument.
CREATE FUNCTION calls_with_null(function regprocedure) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT format('SELECT %s.%I(%s)', pronamespace::regnamespace, proname, string_agg(
               CASE WHEN n = null_at OR null_at = 0 THEN 'NULL::' ELSE
                    CASE WHEN t = 'text'::regtype THEN '''{}''::' WHEN t = 'record'::regtype THEN 'ROW(1)::'
                         WHEN t IN ('bigint'::regtype, 'int'::regtype, 'float8'::regtype, 'oid'::regtype) THEN '1::'
                         ELSE 'NULL::' END
               END || CASE WHEN t = '"any"'::regtype THEN 'int' WHEN t = 'anyelement'::regtype THEN 'int'
                           ELSE format_type(t, NULL) END, ', ' ORDER BY n))
    FROM pg_proc, unnest(proargtypes) WITH ORDINALITY AS a (t, n), generate_series(0, pronargs) AS null_at
    WHERE pg_proc.oid = function
    GROUP BY pronamespace, proname, null_at
$$;
CREATE FUNCTION outcome_of(call text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE call;
    RETURN 'an answer';
EXCEPTION
    WHEN OTHERS THEN
        RETURN CASE WHEN SQLSTATE = 'XX000' THEN call || ': ' || SQLERRM ELSE 'an error' END;
END
$$;
SELECT is_empty($$SELECT o
                  FROM pg_proc AS p
                  JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
                  JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'pg_etl'
                  JOIN pg_language AS l ON l.oid = p.prolang AND l.lanname = 'c'
                  CROSS JOIN LATERAL calls_with_null(p.oid) AS call CROSS JOIN LATERAL outcome_of(call) AS o
                  WHERE p.prokind = 'f' AND NOT p.proisstrict AND NOT 'internal'::regtype = ANY (p.proargtypes)
                    AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
                    AND o NOT IN ('an answer', 'an error')$$, 'all functions withstand NULL');

-- Conditions in parallel plans ----------------------------------------------------------------------------------------

-- A condition may call what a parallel worker must not, and the planner does not see it.
CREATE TABLE sale AS SELECT i AS id, i % 100 AS price FROM generate_series(1, 20000) AS i;
ANALYZE sale;
CREATE TEMPORARY TABLE allowed AS SELECT 50 AS price;
CREATE FUNCTION is_allowed(price int) RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL RESTRICTED AS $$
BEGIN
    RETURN is_allowed.price < (SELECT a.price FROM allowed AS a);
END
$$;
SELECT etl.load_suite('{"name": "conditional", "expectations": [
    {"type": "expect_row_condition", "kwargs": {"condition": "public.is_allowed(price)"}}]}') \g /dev/null
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SET parallel_leader_participation = off;
SELECT count(*) AS failing FROM sale AS s WHERE etl.violations('conditional', s.*) <> '{}' \gset
SELECT is(:failing, 10000, 'etl.violations reads what only this session sees');
SELECT count(*) AS failing FROM sale AS s WHERE etl._violations('conditional', s.*, 'info', NULL) <> '{}' \gset
SELECT is(:failing, 10000, 'so it does with a severity');
SELECT count(*) AS failing FROM sale AS s
WHERE etl._breaks('{"type": "expect_row_condition", "kwargs": {"condition": "public.is_allowed(price)"}}', s.*) \gset
SELECT is(:failing, 10000, 'so do queries for failing rows');
SELECT etl.validation_state('conditional', s)::text AS state FROM sale AS s \gset
SELECT is(answer(:'state'::etl.validation_state), 'f 20000 10000', 'and states of whole rows');
RESET parallel_leader_participation;
RESET max_parallel_workers_per_gather;
RESET min_parallel_table_scan_size;
RESET parallel_tuple_cost;
RESET parallel_setup_cost;

SELECT set_eq($$SELECT provolatile FROM pg_proc WHERE proname IN (
                    'validation_state_in', 'validation_state_out', 'validation_state_recv', 'validation_state_send')$$,
              $$VALUES ('s'::"char")$$, 'reading and writing a state depends on types and collations');

-- Names ---------------------------------------------------------------------------------------------------------------

CREATE COLLATION public.ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE named AS
SELECT etl.validation_state(unique_suite('t'), '{a}', a COLLATE public.ci) AS state FROM (VALUES ('a'), ('A')) AS v (a);
SELECT set_config('test.state', (SELECT state::text FROM named), false) \g /dev/null
CREATE FUNCTION read_elsewhere() RETURNS text LANGUAGE sql SET search_path = '' AS $$
    SELECT public.answer(current_setting('test.state')::etl.validation_state)
$$;
SELECT is(read_elsewhere(), 'f 2 2, t 2 , t 2 ', 'a state names collations with their schema');

SELECT * FROM finish();
