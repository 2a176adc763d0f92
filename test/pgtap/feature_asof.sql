-- etl.asof_join and etl.create_asof_join: known answers, errors, ties, types.
BEGIN;
SELECT plan(132);
SELECT setseed(0.3);
SET LOCAL jit = off; -- the costs that force a way would call for it

CREATE TABLE label (id int, wallet text, ts timestamptz);
INSERT INTO label VALUES
    (1, 'a', '2025-01-01 12:00'),
    (2, 'a', '2025-01-03 00:00'),
    (3, 'a', '2024-12-31 00:00'),
    (4, 'b', '2025-01-10 00:00'),
    (5, 'c', '2025-01-10 00:00'),
    (6, NULL, '2025-01-10 00:00'),
    (7, 'a', NULL),
    (8, 'a', 'infinity'),
    (9, 'b', '-infinity');
CREATE TABLE feature (wallet text, ts timestamptz, created timestamptz, v int);
INSERT INTO feature VALUES
    ('a', '2025-01-01 00:00', '2025-01-01 00:00', 10),
    ('a', '2025-01-02 00:00', '2025-01-02 00:00', 20),
    ('a', '2025-01-03 00:00', '2025-01-04 00:00', 30),
    ('a', NULL, '2025-01-01 00:00', 99),
    (NULL, '2025-01-01 00:00', '2025-01-01 00:00', 99),
    ('b', '2025-01-09 00:00', NULL, 40),
    ('b', '-infinity', '-infinity', 50),
    ('z', '2025-01-01 00:00', '2025-01-01 00:00', 99);

-- What the planner chooses: all features are read, or each label is looked up in them
CREATE FUNCTION choose(lookups bool) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE 'ALTER FUNCTION etl._asof_may_match(bytea, "any") COST ' || CASE WHEN lookups THEN 1e9 ELSE 20 END;
    PERFORM set_config('enable_nestloop', CASE WHEN lookups THEN 'on' ELSE 'off' END, true);
END
$$;
CREATE FUNCTION both_ways(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    found text;
    looked_up text;
BEGIN
    PERFORM choose(lookups => false);
    EXECUTE query INTO found;
    PERFORM choose(lookups => true);
    EXECUTE query INTO looked_up;
    RETURN CASE WHEN looked_up IS DISTINCT FROM found THEN format('%s, and %s by lookups', found, looked_up)
                ELSE found END;
END
$$;

-- The values that are joined, by the spine's order
CREATE FUNCTION joined(arguments text, columns text DEFAULT
    'id int, wallet text, ts timestamptz, feature_ts timestamptz, created timestamptz, v int')
RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN both_ways(format('SELECT string_agg(id || ''='' || coalesce(v::text, ''-''), '' '' ORDER BY id)
                             FROM etl.asof_join(%s) AS t(%s)', arguments, columns));
END
$$;
SELECT is(joined($$'public.label', 'public.feature', '{wallet}'$$ || call), wanted, 'asof_join' || call)
FROM (VALUES
    ('', '1=10 2=30 3=- 4=40 5=- 6=- 7=- 8=30 9=50'),
    ($$, allow_exact_matches => false$$, '1=10 2=20 3=- 4=40 5=- 6=- 7=- 8=30 9=-'),
    ($$, created_ts => 'created'$$, '1=10 2=20 3=- 4=50 5=- 6=- 7=- 8=30 9=50'),
    ($$, created_ts => 'created', include_backfilled => true$$, '1=10 2=30 3=- 4=40 5=- 6=- 7=- 8=30 9=50'),
    ($$, ttl => '12 hours'$$, '1=10 2=30 3=- 4=- 5=- 6=- 7=- 8=- 9=50'),
    ($$, ttl => '11:59:59'$$, '1=- 2=30 3=- 4=- 5=- 6=- 7=- 8=- 9=50'),
    ($$, ttl => '1 day', created_ts => 'created'$$, '1=10 2=20 3=- 4=- 5=- 6=- 7=- 8=- 9=50'),
    ($$, direction => 'forward'$$, '1=20 2=30 3=10 4=- 5=- 6=- 7=- 8=- 9=50'),
    ($$, direction => 'forward', allow_exact_matches => false$$, '1=20 2=- 3=10 4=- 5=- 6=- 7=- 8=- 9=40'),
    ($$, direction => 'forward', ttl => '1 day'$$, '1=20 2=30 3=10 4=- 5=- 6=- 7=- 8=- 9=50'),
    ($$, direction => 'forward', created_ts => 'created'$$, '1=- 2=- 3=- 4=- 5=- 6=- 7=- 8=- 9=50'),
    ($$, direction => 'nearest'$$, '1=10 2=30 3=10 4=40 5=- 6=- 7=- 8=30 9=50'),
    ($$, direction => 'nearest', allow_exact_matches => false$$, '1=10 2=20 3=10 4=40 5=- 6=- 7=- 8=30 9=40'),
    ($$, direction => 'nearest', ttl => '12 hours'$$, '1=10 2=30 3=- 4=- 5=- 6=- 7=- 8=- 9=50')
) AS c(call, wanted);

-- Columns, order, relations and queries
SELECT results_eq(
    $$SELECT * FROM etl.asof_join('SELECT id, wallet, ts FROM public.label WHERE id < 3 ORDER BY id DESC;',
                                  'SELECT v AS value, wallet, ts AS moment FROM public.feature -- all', '{wallet}',
                                  feature_ts => 'moment')
      AS t(id int, wallet text, ts timestamptz, feature_ts timestamptz, value int)$$,
    $$VALUES (2, 'a', '2025-01-03'::timestamptz, '2025-01-03'::timestamptz, 30),
             (1, 'a', '2025-01-01 12:00', '2025-01-01', 10)$$,
    'the spine''s columns and order, then the features''');
SELECT results_eq($$SELECT * FROM etl.asof_join('VALUES (1, 5)', 'VALUES (1, 4)', '{column1}', ts => 'column2')
                    AS t(a int, b int, c int)$$, 'VALUES (1, 5, 4)', 'features may have no other columns');
SELECT is_empty($$SELECT * FROM etl.asof_join('SELECT * FROM public.label WHERE false', 'public.feature', '{wallet}')
    AS t(id int, wallet text, ts timestamptz, feature_ts timestamptz, created timestamptz, v int)$$, 'no spine');
SELECT is(joined($$'public.label', 'SELECT * FROM public.feature WHERE false', '{wallet}'$$),
          '1=- 2=- 3=- 4=- 5=- 6=- 7=- 8=- 9=-', 'no features');
SELECT is(joined($$'SELECT * FROM public.label WHERE wallet IS NULL', 'public.feature', '{wallet}'$$), '6=-',
          'no label with a key');
CREATE TABLE wide AS SELECT 1 AS k, i AS ts, repeat(i::text, 500000) AS v FROM generate_series(1, 3) AS i;
SELECT is(joined($$'SELECT 1 AS id, 1 AS k, 9 AS ts', 'public.wide', '{k}'$$,
                 'id int, k int, ts int, feature_ts int, v text'), '1=' || repeat('3', 500000), 'a wide row');
CREATE TABLE many_columns AS SELECT 1 AS k, 1 AS ts, 7 AS v;
SELECT lives_ok(format('ALTER TABLE many_columns %s',
                       (SELECT string_agg(format('ADD COLUMN c%s int DEFAULT %s', i, i), ', ')
                        FROM generate_series(1, 300) AS i)), 'a table of 303 columns');
SELECT is(joined($$'SELECT 1 AS id, 1 AS k, 9 AS ts', 'public.many_columns', '{k}'$$,
                 'id int, k int, ts int, feature_ts int, v int, '
                 || (SELECT string_agg(format('c%s int', i), ', ' ORDER BY i) FROM generate_series(1, 300) AS i)),
          '1=7', 'can be joined');
ALTER TABLE many_columns DROP COLUMN c7;
SELECT is(joined($$'SELECT 1 AS id, 1 AS k, 9 AS ts', 'public.many_columns', '{k}'$$,
                 'id int, k int, ts int, feature_ts int, v int, '
                 || (SELECT string_agg(format('c%s int', i), ', ' ORDER BY i) FROM generate_series(1, 300) AS i
                     WHERE i <> 7)), '1=7', 'and so when a column was dropped');

-- Ties: the row that was created last, then the one whose columns are greater, from left to right, NULL least
CREATE TABLE tied (k int, ts int, created int, v int, w text, p point);
CREATE FUNCTION of_tied(rows text, call text, shown text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    query CONSTANT text := format('SELECT %s FROM etl.asof_join(''SELECT 1 AS k, 9 AS ts'', %%L, ''{k}''%s)
                                   AS t(k int, ts int, feature_ts int, created int, v int, w text, p point)', shown,
                                  call);
    found text;
BEGIN
    TRUNCATE tied;
    EXECUTE 'INSERT INTO tied VALUES ' || rows;
    EXECUTE format(query, 'SELECT * FROM public.tied ORDER BY random()') INTO found;
    RETURN CASE WHEN found IS NOT DISTINCT FROM both_ways(format(query, 'public.tied')) THEN found END;
END
$$;
SELECT is(of_tied(rows, call, shown), wanted, format('of %s%s: %s', rows, call, shown))
FROM (VALUES
    ('(1, 5, 1, 3), (1, 5, 2, 2), (1, 5, NULL, 9)', $$, created_ts => 'created'$$, 'v', '2'),
    ('(1, 5, 1, 3), (1, 5, 2, 2), (1, 5, NULL, 9)', '', 'v', '2'),
    ('(1, 5, NULL, 3), (1, 5, NULL, 7), (1, 4, 99, 9)', '', 'v', '7'),
    ('(1, 5, 1, NULL, ''b''), (1, 5, 1, 1, ''a'')', '', 'w', 'a'),
    ('(1, 5, 1, 1, ''b''), (1, 5, 1, 1, ''a'')', '', 'w', 'b'),
    ('(1, 5, 1, 1, ''b'', ''(1,2)''), (1, 5, 1, 1, ''b'', NULL)', '', 'p::text', '(1,2)'),
    ('(1, 5, 1, 1, ''b'', ''(1,2)''), (1, 5, 1, 1, ''b'', ''(1,2)'')', '', 'p::text', '(1,2)')
) AS c(rows, call, shown, wanted);

-- Types of keys: equal by the equality of the type, across both sides
CREATE COLLATION any_case (PROVIDER = icu, LOCALE = 'und-u-ks-level2', DETERMINISTIC = false);
CREATE DOMAIN code AS text;
CREATE DOMAIN moment AS timestamptz;
CREATE TYPE color AS ENUM ('red', 'blue');
CREATE TYPE two AS (a int, b text);
SELECT is(joined(format('%L, %L, %L', format('SELECT 1 AS id, %s AS k, 9 AS ts', a),
                        format('SELECT %s AS k, 5 AS ts, 7 AS v', b), '{k}'),
                 format('id int, k %s, ts int, feature_ts int, v int', type)), '1=' || wanted, a || ' and ' || b)
FROM (VALUES
    ('1::int', '1::bigint', 'int', '7'),
    ('1::smallint', '1.00::numeric', 'smallint', '7'),
    ('1.0::numeric', '1.000::numeric', 'numeric', '7'),
    ('-1::int', '1::int', 'int', '-'),
    ('''nan''::float8', '''nan''::float8', 'float8', '7'),
    ('''-0''::float8', '0::float8', 'float8', '7'),
    ('0.5::float4', '0.5::float8', 'float4', '7'),
    ('''x''::text', '''x''::varchar(9)', 'text', '7'),
    ('''x''::char(3)', '''x''::char(9)', 'char(3)', '7'),
    ('''x ''::text', '''x''::text', 'text', '-'),
    ('''x''::public.code', '''x''::text', 'public.code', '7'),
    ('''a''::text COLLATE public.any_case', '''A''::text COLLATE public.any_case', 'text', '7'),
    ('''a''::text COLLATE "C"', '''A''::text COLLATE "C"', 'text', '-'),
    ('DATE ''2025-01-01''', 'TIMESTAMP ''2025-01-01''', 'date', '7'),
    ('''1 day''::interval', '''24 hours''::interval', 'interval', '7'),
    ('true', 'true', 'bool', '7'),
    ('ARRAY[1,2]', 'ARRAY[1,2]', 'int[]', '7'),
    ('ARRAY[1,2]', 'ARRAY[2,1]', 'int[]', '-'),
    ('''{"a": 1.0}''::jsonb', '''{"a": 1.00}''::jsonb', 'jsonb', '7'),
    ('''[1,3)''::int4range', '''[1,2]''::int4range', 'int4range', '7'),
    ('''red''::public.color', '''red''::public.color', 'public.color', '7'),
    ('ROW(1, ''b'')::public.two', 'ROW(1, ''b'')::public.two', 'public.two', '7'),
    ('''127.0.0.1''::inet', '''127.0.0.1/32''::cidr', 'inet', '7'),
    ('gen_random_uuid()', 'gen_random_uuid()', 'uuid', '-')
) AS t(a, b, type, wanted);
SELECT is(joined($$'SELECT * FROM (VALUES (1, 1, ''x'', 9), (2, 2, ''x'', 9), (3, NULL, ''x'', 9)) AS v(id, a, b, ts)',
                   'SELECT * FROM (VALUES (1, ''x'', 5, 7), (2, ''y'', 5, 8), (NULL, ''x'', 5, 9)) AS v(a, b, ts, v)',
                   '{b,a}'$$, 'id int, a int, b text, ts int, feature_ts int, v int'), '1=7 2=- 3=-', 'two keys');

-- Types of moments
SELECT is(joined(format('%L, %L, %L%s', format('SELECT 1 AS id, 1 AS k, %s AS ts', a),
                        format('SELECT 1 AS k, m AS ts, n AS v FROM (VALUES %s) AS v(m, n)', b), '{k}', call),
                 format('id int, k int, ts %s, feature_ts %s, v int', a_type, b_type)), '1=' || wanted,
          format('%s among %s%s', a, b, call))
FROM (VALUES
    ('5::smallint', '(4::smallint, 1), (6::smallint, 2)', '', 'smallint', 'smallint', '1'),
    ('5::int', '(4::bigint, 1), (6, 2)', '', 'int', 'bigint', '1'),
    ('5::bigint', '((-9223372036854775808)::bigint, 1)', '', 'bigint', 'bigint', '1'),
    ('5::bigint', '(2::bigint, 1)', ', tolerance => 3', 'bigint', 'bigint', '1'),
    ('5::bigint', '(2::bigint, 1)', ', tolerance => 2', 'bigint', 'bigint', '-'),
    ('-9223372036854775807::bigint', '((-9223372036854775808)::bigint, 1)', ', tolerance => 5', 'bigint', 'bigint',
     '1'),
    ('9223372036854775800::bigint', '(9223372036854775805::bigint, 1)', $$, tolerance => 9, direction => 'forward'$$,
     'bigint', 'bigint', '1'),
    ('5::int', '(5, 1)', ', tolerance => 0', 'int', 'int', '1'),
    ('DATE ''2025-01-05''', '(DATE ''2025-01-05'', 1), (''2025-01-06'', 2)', '', 'date', 'date', '1'),
    ('DATE ''2025-01-05''', '(DATE ''2025-01-03'', 1)', $$, ttl => '2 days'$$, 'date', 'date', '1'),
    ('DATE ''2025-01-05''', '(DATE ''2025-01-03'', 1)', $$, ttl => '47 hours'$$, 'date', 'date', '-'),
    ('DATE ''2025-01-05''', '(DATE ''2025-01-07'', 1)', $$, ttl => '49 hours', direction => 'forward'$$, 'date', 'date',
     '1'),
    ('DATE ''2025-01-05''', '(DATE ''2025-01-07'', 1)', $$, ttl => '47 hours', direction => 'forward'$$, 'date', 'date',
     '-'),
    ('DATE ''infinity''', '(DATE ''2025-01-03'', 1), (''-infinity'', 2)', '', 'date', 'date', '1'),
    ('DATE ''2025-01-01''', '(DATE ''-infinity'', 2)', '', 'date', 'date', '2'),
    ('DATE ''2025-01-05''', '(TIMESTAMP ''2025-01-05 00:00'', 1), (''2025-01-05 00:01'', 2)', '', 'date', 'timestamp',
     '1'),
    ('TIMESTAMP ''2025-03-31''', '(TIMESTAMP ''2025-02-28'', 1)', $$, ttl => '1 month'$$, 'timestamp', 'timestamp',
     '1'),
    ('TIMESTAMP ''2025-03-31''', '(TIMESTAMP ''2025-02-27'', 1)', $$, ttl => '1 month'$$, 'timestamp', 'timestamp',
     '-'),
    ('TIMESTAMPTZ ''2025-01-01 00:00+00''', '(TIMESTAMP ''2024-12-31'', 1)', '', 'timestamptz', 'timestamp', '1'),
    ('''2025-01-01''::public.moment', '(TIMESTAMPTZ ''2024-12-31'', 1)', '', 'public.moment', 'timestamptz', '1')
) AS t(a, b, call, a_type, b_type, wanted);
SELECT is(joined($$'SELECT 1 AS id, 1 AS k, DATE ''2025-01-01'' AS ts',
                   'SELECT 1 AS k, DATE ''2025-01-01'' AS ts, TIMESTAMPTZ ''2025-01-01 15:00'' AS c, 7 AS v', '{k}',
                   created_ts => 'c'$$, 'id int, k int, ts date, feature_ts date, c timestamptz, v int'), '1=-',
          'a date is known no earlier than its first moment');

-- Rows that are equal in some columns and look different
SELECT is(joined($$'SELECT 1 AS id, 1 AS k, 1 AS ts', 'SELECT 1 AS k, 1 AS ts, w, v FROM (VALUES $$ || rows
                 || $$) AS f(w, v)', '{k}'$$, 'id int, k int, ts int, feature_ts int, w numeric, v int'), '1=2',
          'a later column decides before how an equal one looks: ' || rows)
FROM unnest('{"(1.0, 1), (1.00, 2)","(1.00, 2), (1.0, 1)","(1.00, 1), (1.0, 2)"}'::text[]) AS rows;

-- What errors say
CREATE FUNCTION said(call text, columns text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    message text;
    hint text;
BEGIN
    EXECUTE format('SELECT FROM etl.asof_join(%s) AS t(%s)', call, columns);
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(' ', message, hint);
END
$$;
SELECT is(said($$'SELECT 1 AS k, 1 AS ts, 2 AS v', 'SELECT 1 AS k, 1 AS ts, 3 AS v', '{k}'$$, 'k int'),
          'the list of columns is not that of the result '
          'Write AS t(k integer, ts integer, v integer, feature_ts integer, v_5 integer).',
          'no name twice in the list of columns');
SELECT is(said($$'SELECT 1 AS k, 1 AS ts, 2 AS v', 'SELECT 1 AS k, 1 AS ts, 3 AS v', '{k}'$$,
               'k integer, ts integer, v integer, feature_ts integer, v_5 integer'), NULL, 'which can be used');
SELECT matches(said($$'SELECT 1 AS k, now() AS ts', 'SELECT 1 AS k, now() AS ts, 3 AS made', '{k}',
                      created_ts => 'made'$$, 'k int'),
               '^column "ts" of the spine cannot be compared with column "made" of the features',
               'a created_ts of another type');
SELECT matches(said($$'SELECT 1 AS k, 1 AS ts', 'SELECT 1 AS k, 1 AS ts', '{k,k}'$$, 'k int'),
               '^keys name more than one column "k"', 'a key that is named twice');
SELECT matches(said(format($$'SELECT 1 AS ts, %1$s', 'SELECT 1 AS ts, %1$s', '{%2$s}'$$,
                           string_agg(i || ' AS k' || i, ', '), string_agg('k' || i, ',')), 'k int'),
               CASE n WHEN 94 THEN '^the list of columns' ELSE '^at most 94 key columns can be given, not 95' END,
               n || ' keys')
FROM (VALUES (94), (95)) AS c(n) CROSS JOIN generate_series(1, n) AS i GROUP BY n;

-- A new table
SELECT is(etl.create_asof_join('public.made', 'public.label', 'public.feature', '{wallet}', prefix => 'f_'), 9::bigint,
          'a new table');
SELECT results_eq('SELECT * FROM made ORDER BY id',
    $$SELECT * FROM etl.asof_join('public.label', 'public.feature', '{wallet}')
      AS t(id int, wallet text, ts timestamptz, f_feature_ts timestamptz, f_created timestamptz, f_v int)
      ORDER BY id$$, 'has the same rows');
SELECT columns_are('made', '{id,wallet,ts,f_feature_ts,f_created,f_v}'::name[], 'and the prefix');
SELECT throws_ok($$SELECT etl.create_asof_join($$ || call || ')', state, NULL, call)
FROM (VALUES
    ($$'public.made', 'public.label', 'public.feature', '{wallet}'$$, '42P07'),
    ($$'made2', 'public.label', 'public.feature', '{wallet}'$$, '42602'),
    ($$NULL, 'public.label', 'public.feature', '{wallet}'$$, '42602'),
    ($$'public.made2', 'SELECT 1 AS v, 1 AS k, 1 AS ts', 'SELECT 1 AS k, 1 AS ts, 1 AS v', '{k}'$$, '42701'),
    ($$'public.made2', 'public.label', 'public.feature', '{wallet}', prefix => repeat('p', 62)$$, '42622'),
    ($$'public.made2', 'public.label', 'public.feature', '{wallet}', prefix => NULL$$, '22023')
) AS c(call, state);

-- What is refused
SELECT throws_ok(format('SELECT * FROM etl.asof_join(%s) AS t(id int)', call), state, NULL, call)
FROM (VALUES
    ($$NULL, 'public.feature', '{wallet}'$$, '22023'),
    ($$'public.label', NULL, '{wallet}'$$, '22023'),
    ($$'public.label', 'public.feature', '{}'$$, '22023'),
    ($$'public.label', 'public.feature', NULL$$, '22023'),
    ($$'public.label', 'public.nowhere', '{wallet}'$$, '42P01'),
    ($$'label', 'public.feature', '{wallet}'$$, '42P01'),
    ($$'public.label', 'public.feature', '{nope}'$$, '42703'),
    ($$'public.label', 'public.feature', '{id}'$$, '42703'),
    ($$'public.label', 'public.feature', '{wallet}', ts => 'nope'$$, '42703'),
    ($$'public.label', 'public.feature', '{wallet}', ts => NULL$$, '42703'),
    ($$'public.label', 'public.feature', '{wallet}', feature_ts => 'nope'$$, '42703'),
    ($$'public.label', 'public.feature', '{wallet}', created_ts => 'nope'$$, '42703'),
    ($$'public.label', 'public.feature', '{wallet}', direction => 'sideways'$$, '22023'),
    ($$'public.label', 'public.feature', '{wallet}', direction => NULL$$, '22023'),
    ($$'public.label', 'public.feature', '{wallet}', allow_exact_matches => NULL$$, '22023'),
    ($$'public.label', 'public.feature', '{wallet}', include_backfilled => NULL$$, '22023'),
    ($$'public.label', 'public.feature', '{wallet}', ttl => '-1 day'$$, '22023'),
    ($$'public.label', 'public.feature', '{wallet}', tolerance => 1$$, '22023'),
    ($$'VALUES (1, 1)', 'VALUES (1, 1)', '{column1}', ts => 'column2', ttl => '1 day'$$, '22023'),
    ($$'VALUES (1, 1)', 'VALUES (1, 1)', '{column1}', ts => 'column2', tolerance => -1$$, '22023'),
    ($$'VALUES (1, 1)', 'VALUES (1, now())', '{column1}', ts => 'column2'$$, '42804'),
    ($$'VALUES (1, 1.5)', 'VALUES (1, 1.5)', '{column1}', ts => 'column2'$$, '42804'),
    ($$'VALUES (1, 1)', 'VALUES (''x''::text, 1)', '{column1}', ts => 'column2'$$, '42804'),
    ($$'VALUES (''x'' COLLATE "C", 1)', 'VALUES (''x'' COLLATE "POSIX", 1)', '{column1}', ts => 'column2'$$, '42P21'),
    ($$'SELECT 1 AS id, 1 AS id', 'public.feature', '{id}'$$, '42701'),
    ($$'public.label', 'public.feature', '{wallet}'$$, '42804'),
    ($$'DELETE FROM public.label RETURNING *', 'public.feature', '{wallet}'$$, '22023'),
    ($$'WITH d AS (DELETE FROM public.label RETURNING *) SELECT * FROM d', 'public.feature', '{wallet}'$$, '22023'),
    ($$'SELECT 1; SELECT 2', 'public.feature', '{wallet}'$$, '22023'),
    ($$'SELECT 1 AS id) AS s; DROP TABLE public.label; SELECT 1 FROM (SELECT 1', 'public.feature', '{id}'$$, '42601')
) AS c(call, state);
SELECT throws_ok($$SELECT * FROM etl.asof_join('SELECT ''{}''::json AS k, 1 AS ts', 'SELECT ''{}''::json AS k, 1 AS ts',
                   '{k}') AS t(k json, ts int, feature_ts int)$$, '42883', NULL, 'a key that cannot be hashed');
SELECT throws_ok($$SELECT * FROM etl.asof_join('SELECT id FROM (VALUES (1, 1, 1)) AS v(id, k, ts)
                   WHERE set_config(''role'', ''none'', false) > ''''', 'public.feature', '{id}') AS t(id int)$$,
                 '42703', NULL, 'checks come before any row is read');
SELECT throws_ok(format('SELECT * FROM etl.asof_join(%L, %L, %L) AS t(k int, ts int, feature_ts int)',
                        CASE WHEN in_spine THEN guarded ELSE plain END,
                        CASE WHEN in_spine THEN plain ELSE guarded END, '{k}'), '42501', NULL,
                 'neither side can change the role')
FROM (VALUES ('SELECT 1 AS k, 1 AS ts WHERE set_config(''role'', ''none'', false) > ''''', 'SELECT 1 AS k, 1 AS ts'))
     AS q(guarded, plain)
CROSS JOIN (VALUES (true), (false)) AS s(in_spine);
SELECT throws_like($$SELECT * FROM etl.asof_join('public.label', 'public.feature', '{wallet}') AS t(id int)$$,
                   'the list of columns is not that of the result', 'a list of other columns');


-- An index of one key's place in 2^20 words, all of them set or none
CREATE FUNCTION index_of(filter text) RETURNS bytea LANGUAGE sql AS $$
    SELECT convert_to('EALi', 'SQL_ASCII') || '\x01000000' || decode(repeat('00', 8) || '05000000' || repeat('00', 12)
           || '14000000' || repeat('00', 4), 'hex') || decode(repeat(filter, 8388608), 'hex')
           || decode(repeat('00', 8), 'hex')
$$;
CREATE FUNCTION two_indexes(first bytea, second bytea) RETURNS bool[] LANGUAGE plpgsql AS $$
DECLARE
    index bytea := first;
    found bool[];
BEGIN
    FOR i IN 1 .. 2 LOOP
        found := found || etl._asof_may_match(index, 1);
        index := second;
    END LOOP;
    RETURN found;
END
$$;
SET LOCAL plan_cache_mode = force_generic_plan;
SELECT is(two_indexes(index_of('ff'), index_of('00')), '{t,f}', 'each row is looked for in its own index');
CREATE TABLE stored AS SELECT index_of('ff') AS index;
SELECT is(two_indexes(index, index), '{t,t}', 'one that is compressed') FROM stored;
CREATE FUNCTION set_aside(index bytea) RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE
    found bytea;
BEGIN
    SELECT etl._asof_features(decode(etl._open_spill(), 'hex'), index, r,
                              r.i + length(repeat(chr(1), (r.i - 1) * 5000000)), NULL::bigint, r.i) INTO found
    FROM (SELECT i FROM generate_series(1, 10) AS i) AS r;
    RETURN found;
END
$$;
SELECT is(length(set_aside(index)), length(set_aside(index || '')), 'and where rows are set aside') FROM stored;
RESET plan_cache_mode;

SELECT * FROM finish();
ROLLBACK;
