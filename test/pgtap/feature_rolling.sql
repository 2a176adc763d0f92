-- etl.rolling and etl.create_rolling: known answers, edges, errors, and the same answers by brute force on random rows.
BEGIN;
SELECT plan(76);
SELECT setseed(0.4);

CREATE TABLE sale (id int PRIMARY KEY, wallet text, at timestamptz, amount numeric(10, 2), note varchar(20));
INSERT INTO sale VALUES
    (1, 'a', '2025-01-01 00:00', 10.00, 'x'),
    (2, 'a', '2025-01-01 00:30', 2.5, NULL),
    (3, 'a', '2025-01-01 00:30', NULL, 'y'),
    (4, 'a', '2025-01-01 01:00', 1, 'w'),
    (5, 'b', '2025-01-01 00:10', 7, 'x'),
    (6, NULL, '2025-01-01 00:00', 3, 'x'),
    (7, NULL, '2025-01-01 00:59:59.999999', 4, 'z'),
    (8, 'a', NULL, 100, 'q'),
    (9, 'b', 'infinity', 1, 'x'),
    (10, 'b', 'infinity', 1, 'v'),
    (11, 'b', '-infinity', 5, 'u');

-- Known answers
SELECT results_eq(
    $$SELECT * FROM etl.rolling('public.sale', '{wallet}', 'at', '{1 hour}', columns => '{id}')
      AS r(id int, count_1h bigint) ORDER BY id$$,
    'VALUES (1, 1::bigint), (2, 3), (3, 3), (4, 3), (5, 1), (6, 1), (7, 2), (8, NULL), (9, 2), (10, 2), (11, 1)',
    'rows of the hour before, its beginning left out, rows of the same time and NULL keys among them');
SELECT results_eq(
    $$SELECT * FROM etl.rolling('SELECT * FROM public.sale WHERE wallet = ''a''', '{wallet}', 'at',
                                '{30 minutes, 1 hour 30 seconds}', '{sum(amount), latest(note), distinct(note)}',
                                '{id}')
      AS r(id int, sum_amount_30m numeric, sum_amount_3630s numeric, latest_note_30m varchar, latest_note_3630s varchar,
           distinct_note_30m bigint, distinct_note_3630s bigint) ORDER BY id$$,
    $$VALUES (1, 10.00, 10.00, 'x'::varchar, 'x'::varchar, 1::bigint, 1::bigint), (2, 2.50, 12.50, 'y', 'y', 1, 2),
             (3, 2.50, 12.50, 'y', 'y', 1, 2), (4, 1.00, 13.50, 'w', 'w', 1, 3),
             (8, NULL, NULL, NULL, NULL, NULL, NULL)$$,
    'sums, the newest value that is known, different values');
SELECT results_eq(
    $$SELECT * FROM etl.rolling('public.sale', '{}', 'at', '{1 day}', '{ Count ( * ), count(amount)}')
      AS r(at timestamptz, count_1d bigint, count_amount_1d bigint) WHERE at = '2025-01-01 01:00'$$,
    $$VALUES ('2025-01-01 01:00+00'::timestamptz, 7::bigint, 6::bigint)$$, 'no key: all rows are one''s');
SELECT is_empty($$SELECT * FROM etl.rolling('SELECT * FROM public.sale WHERE false', '{wallet}', 'at', '{1 day}')
                  AS r(wallet text, at timestamptz, count_1d bigint)$$, 'no rows');
SELECT results_eq(
    $$SELECT * FROM etl.rolling('SELECT 1 AS id, date ''2025-01-02'' AS day, 1.5::float4 AS f UNION ALL
                                 SELECT 2, ''2025-01-04'', ''NaN''', '{}', 'day', '{1 day, 3 days}',
                                '{sum(f), avg(f), max(f), min(day)}', '{id}')
      AS r(id int, s1 real, s3 real, a1 float8, a3 float8, x1 real, x3 real, d1 date, d3 date) ORDER BY id$$,
    $$VALUES (1, 1.5::float4, 1.5::float4, 1.5::float8, 1.5::float8, 1.5::float4, 1.5::float4, date '2025-01-02',
              date '2025-01-02'),
             (2, 'NaN', 'NaN', 'NaN', 'NaN', 'NaN', 'NaN', '2025-01-04', '2025-01-02')$$,
    'days, reals and NaN; the columns may have any names');

-- Into a table
SELECT is(etl.create_rolling('public.made', 'public.sale', '{wallet}', 'at', '{1 hour, 7 days}',
                             '{count, avg(amount), max(note)}', '{id,amount,note}'), 11::bigint, 'a new table');
SELECT results_eq($$SELECT attname::text COLLATE "C", format_type(atttypid, atttypmod) COLLATE "C" FROM pg_attribute
                    WHERE attrelid = 'made'::regclass AND attnum > 0 ORDER BY attnum$$,
                  $$VALUES ('id'::text COLLATE "C", 'integer'::text COLLATE "C"), ('amount', 'numeric(10,2)'),
                           ('note', 'character varying(20)'),
                           ('count_1h', 'bigint'), ('count_7d', 'bigint'), ('avg_amount_1h', 'numeric'),
                           ('avg_amount_7d', 'numeric'), ('max_note_1h', 'character varying'),
                           ('max_note_7d', 'character varying')$$, 'has the columns');
SELECT results_eq('SELECT * FROM made ORDER BY id',
    $$SELECT * FROM etl.rolling('public.sale', '{wallet}', 'at', '{1 hour, 7 days}',
                                '{count, avg(amount), max(note)}', '{id,amount,note}')
      AS r(id int, amount numeric, note varchar, c1 bigint, c7 bigint, a1 numeric, a7 numeric, m1 varchar, m7 varchar)
      ORDER BY id$$, 'and the rows of etl.rolling');
SELECT is(etl.create_rolling('public.as_long',
                             'SELECT ''hello''::char(6) AS word, B''101''::bit(3) AS bits, now() AS at',
                             '{}', 'at', '{1 hour}', '{latest(word), latest(bits)}', '{word}'), 1::bigint,
          'values of types with a length');
SELECT is(array_agg(attname ORDER BY attnum), '{latest_word_1h,latest_bits_1h}', 'whose length is no more known')
FROM pg_attribute WHERE attrelid = 'as_long'::regclass AND atttypid IN ('bpchar'::regtype, 'bit'::regtype)
                    AND atttypmod = -1;
SELECT is(etl.create_rolling('public.none', 'SELECT * FROM public.sale WHERE false', '{wallet}', 'at', '{1 hour}'),
          0::bigint, 'an empty table');
SELECT throws_ok($$SELECT etl.create_rolling('public.made', 'public.sale', '{wallet}', 'at', '{1 hour}')$$, '42P07',
                 NULL, 'there is one');
SELECT throws_ok($$SELECT etl.create_rolling('made2', 'public.sale', '{wallet}', 'at', '{1 hour}')$$, '42602', NULL,
                 'no schema');

-- What is refused
SELECT throws_ok(format('SELECT * FROM etl.rolling(%s) AS r(id int)', call), state, NULL, call)
FROM (VALUES
    ($$NULL, '{wallet}', 'at', '{1 hour}'$$, '22023'),
    ($$'public.nothing', '{wallet}', 'at', '{1 hour}'$$, '42P01'),
    ($$'sale', '{wallet}', 'at', '{1 hour}'$$, '42P01'),
    ($$'SELECT 1 AS id; SELECT 2', '{}', 'at', '{1 hour}'$$, '22023'),
    ($$'DELETE FROM public.sale RETURNING *', '{wallet}', 'at', '{1 hour}'$$, '22023'),
    ($$'WITH d AS (DELETE FROM public.sale RETURNING *) SELECT * FROM d', '{wallet}', 'at', '{1 hour}'$$, '22023'),
    ($$'SELECT * FROM public.sale) AS q; DROP TABLE public.sale; SELECT 1 FROM (SELECT 1', '{}', 'at', '{1 hour}'$$,
     '42601'),
    ($$'public.sale', '{nope}', 'at', '{1 hour}'$$, '42703'),
    ($$'public.sale', '{NULL}', 'at', '{1 hour}'$$, '42703'),
    ($$'public.sale', '{wallet}', 'nope', '{1 hour}'$$, '42703'),
    ($$'public.sale', '{wallet}', NULL, '{1 hour}'$$, '42703'),
    ($$'public.sale', '{wallet}', 'amount', '{1 hour}'$$, '42804'),
    ($$'public.sale', '{wallet}', 'at', '{}'$$, '22023'),
    ($$'public.sale', '{wallet}', 'at', NULL$$, '22023'),
    ($$'public.sale', '{wallet}', 'at', '{NULL}'$$, '22004'),
    ($$'public.sale', '{wallet,wallet}', 'at', '{1 hour}', '{count}', '{id}'$$, '42701'),
    ($$'public.sale', '{wallet}', 'at', '{0}'$$, '22023'),
    ($$'public.sale', '{wallet}', 'at', '{-1 hour}'$$, '22023'),
    ($$'public.sale', '{wallet}', 'at', '{1 month}'$$, '22023'),
    ($$'public.sale', '{wallet}', 'at', '{1 hour}', '{}'$$, '22023'),
    ($$'public.sale', '{wallet}', 'at', '{1 hour}', NULL$$, '22023'),
    ($$'public.sale', '{wallet}', 'at', '{1 hour}', '{NULL}'$$, '22023'),
    ($$'public.sale', '{wallet}', 'at', '{1 hour}', '{median(amount)}'$$, '22023'),
    ($$'public.sale', '{wallet}', 'at', '{1 hour}', '{sum}'$$, '22023'),
    ($$'public.sale', '{wallet}', 'at', '{1 hour}', '{sum(amount) + 1}'$$, '22023'),
    ($$'public.sale', '{wallet}', 'at', '{1 hour}', '{sum(amount * 2)}'$$, '22023'),
    ($$'public.sale', '{wallet}', 'at', '{1 hour}', '{sum(nope)}'$$, '42703'),
    ($$'public.sale', '{wallet}', 'at', '{1 hour}', '{sum(note)}'$$, '42883'),
    ($$'SELECT *, ''{}''::json AS j FROM public.sale', '{wallet}', 'at', '{1 hour}', '{max(j)}'$$, '42883'),
    ($$'SELECT *, ''{}''::json AS j FROM public.sale', '{wallet}', 'at', '{1 hour}', '{distinct(j)}'$$, '42883'),
    ($$'SELECT *, ''{}''::json AS j FROM public.sale', '{j}', 'at', '{1 hour}'$$, '42883'),
    ($$'public.sale', '{wallet}', 'at', '{1 hour, 60 minutes}'$$, '42701'),
    ($$'public.sale', '{wallet}', 'at', '{1 hour}', '{count,count}'$$, '42701'),
    ($$'SELECT 1 AS count_1h, * FROM public.sale', '{wallet}', 'at', '{1 hour}', '{count}', '{count_1h}'$$, '42701'),
    ($$'SELECT 1 AS id, 2 AS id, now() AS at', '{}', 'at', '{1 hour}'$$, '42701'),
    ($$'SELECT 1 AS ' || quote_ident(repeat('c', 60)) || ', now() AS at', '{}', 'at', '{1 hour}',
       ARRAY['sum(' || repeat('c', 60) || ')']$$, '42622'),
    ($$'public.sale', '{wallet}', 'at', '{1 hour}'$$, '42804'),
    ($$'SELECT now() AS at, 1 AS id', '{}', 'at', '{1 hour}', '{count}', '{id}'$$,
     '42804')
) AS w(call, state);
SELECT throws_ok($$SELECT * FROM etl.rolling('SELECT 3e38::real AS f, now() AS at FROM generate_series(1, 2)', '{}',
                                             'at', '{1 hour}', '{sum(f)}') AS r(at timestamptz, s real)$$, '22003',
                 NULL, 'a real that is too large');
SELECT throws_ok($$SELECT * FROM etl.rolling('SELECT 1e308::float8 AS f, now() AS at FROM generate_series(1, 2)', '{}',
                                             'at', '{1 hour}', '{sum(f)}') AS r(at timestamptz, s float8)$$, '22003',
                 NULL, 'a double that is too large');
CREATE FUNCTION hint_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    hint text;
BEGIN
    EXECUTE statement;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RETURN hint;
END
$$;
SELECT is(hint_of($$SELECT * FROM etl.rolling('public.sale', '{wallet}', 'at', '{1 hour}', '{latest(amount)}')
                    AS r(a int)$$),
          'Write AS t(wallet text, at timestamp with time zone, latest_amount_1h numeric).',
          'the hint has the list of columns');
CREATE COLLATION no_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
SELECT throws_ok($$SELECT * FROM etl.rolling('SELECT wallet COLLATE public.no_case AS wallet, at FROM public.sale',
                                             '{wallet}', 'at', '{1 hour}') AS r(w text, at timestamptz, c bigint)$$,
                 '0A000', NULL, 'keys that their bytes do not tell apart');
SELECT results_eq($$SELECT * FROM etl.rolling('SELECT k, now() AS at FROM (SELECT ''a''::char(4) UNION ALL SELECT ''a''
                    UNION ALL SELECT ''b'') AS v (k)', '{k}', 'at', '{1 hour}', '{count}', '{k}')
                    AS r(k bpchar, c bigint) ORDER BY k$$,
                  $$VALUES ('a'::bpchar, 2::bigint), ('a', 2), ('b', 1)$$, 'keys of char(n)');
SELECT results_eq($$SELECT * FROM etl.rolling('SELECT w COLLATE public.no_case AS w, now() AS at
                    FROM unnest(''{a,A,b}''::text[]) AS w', '{}', 'at', '{1 hour}', '{distinct(w)}', '{}')
                    AS r(c bigint) LIMIT 1$$, 'VALUES (2::bigint)', 'distinct goes by the collation');

SELECT throws_ok(format($$SELECT * FROM etl.rolling('SELECT 9e131071 AS v, now() AS at FROM generate_series(1, 2)',
                                                    '{}', 'at', '{1 hour}', '{%s(v)}', '{}') AS r(s numeric)$$, f),
                 '22003', 'value overflows numeric format', f || ' of numbers that are too large')
FROM unnest('{sum,avg}'::text[]) AS f;
SELECT is(s, 9e131071, 'the largest number') FROM etl.rolling('SELECT 9e131071 AS v, now() AS at', '{}', 'at',
                                                              '{1 hour}', '{sum(v)}', '{}') AS r(s numeric);

SELECT results_eq(format($$SELECT DISTINCT s::text, l::text, g::text
      FROM etl.rolling('SELECT v, now() AS at FROM (VALUES (%s), (%s)) AS q(v)', '{}', 'at', '{1 hour}',
                       '{latest(v), min(v), max(v)}', '{}') AS r(s %s, l %3$s, g %3$s)$$, a, b, type), wanted,
                  'equal values that look different: ' || a || ', ' || b)
FROM (VALUES ('1.0', '1.00', 'numeric', $$VALUES ('1.0', '1.00', '1.0')$$),
             ('1.00', '1.0', 'numeric', $$VALUES ('1.0', '1.00', '1.0')$$),
             ('-0::float8', '0::float8', 'float8', $$VALUES ('0', '-0', '0')$$),
             ('0::float8', '-0::float8', 'float8', $$VALUES ('0', '-0', '0')$$)) AS v(a, b, type, wanted);
SELECT throws_ok(format($$SELECT etl.create_rolling('public.wide', 'SELECT now() AS at, %s', '{}', 'at', '{%s}',
                                                    '{count}', '{%s}')$$,
                        string_agg(i || ' AS c' || i, ', '), CASE WHEN n > 10 THEN '1 hour' ELSE
                        (SELECT string_agg(w || ' seconds', ',') FROM generate_series(1, 1600) AS w) END,
                        string_agg('c' || i, ',')), '54011', message, message)
FROM (VALUES (1, 'the result would have 1601 columns, and a table has at most 1600'),
             (95, 'etl.rolling reads at most 95 columns, not 96')) AS c(n, message)
CROSS JOIN generate_series(1, n) AS i GROUP BY n, message;
SELECT is(etl.create_rolling('public.wide', format('SELECT now() AS at, %s', string_agg(i || ' AS c' || i, ', ')), '{}',
                             'at', '{1 hour}', '{count}', array_agg('c' || i)::name[]), 1::bigint, '95 columns')
FROM generate_series(1, 94) AS i;

-- What only etl.rolling may call
SELECT throws_ok(format('SELECT etl._rolling_rows(%s)', given), state, NULL, given)
FROM (VALUES
    ($$'', 1, 0, '', now()$$, '22023'),
    ($$'zz', 1, 0, '', now()$$, '22023'),
    ($$decode(etl._open_spill(), 'hex'), 1, 0, '', 1$$, '22023'),
    ($$decode(etl._open_spill(), 'hex'), 1, 5, '', now()$$, '22023'),
    ($$decode(etl._open_spill(), 'hex'), 1, -1, '', now()$$, '22023'),
    ($$decode(etl._open_spill(), 'hex'), 1, 0, 'w', now()$$, '22023'),
    ($$decode(etl._open_spill(), 'hex'), 1, 0, 'w', now(), 'x'::text$$, '22023'),
    ($$decode(etl._open_spill(), 'hex'), 1, 0, '?', now(), 1$$, '22023')
) AS f(given, state);
SELECT throws_ok($$SELECT etl._rolling_into('sale', 'public.sale', '{wallet}', 'at', '{1 hour}', '{count}', NULL)$$,
                 '55000', NULL, 'a table that was not made for it');

SELECT * FROM finish();
ROLLBACK;
