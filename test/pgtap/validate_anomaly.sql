-- etl.anomaly against known answers and plain SQL on random series; etl.metric_history.
BEGIN;
SELECT plan(109);
SET LOCAL timezone = 'UTC';

-- what there is
SELECT is((SELECT format('%s %s %s %s', p.prokind, p.provolatile, p.proparallel, p.prorettype::regtype)
           FROM pg_catalog.pg_proc AS p WHERE p.oid = 'etl.anomaly(float8, text, jsonb)'::regprocedure),
          'w i s etl.anomaly_verdict', 'etl.anomaly is a window function');
SELECT results_eq('SELECT strategy FROM etl.anomaly_strategies',
                  $$VALUES ('simple_threshold'), ('absolute_change'), ('relative_change'), ('batch_normal'),
                           ('online_normal'), ('holt_winters'), ('mad'), ('iqr')$$, 'the strategies');
SELECT is(params::jsonb, '{"max_rate_decrease": null, "max_rate_increase": null, "order": 1}', 'and their defaults')
FROM etl.anomaly_strategies WHERE strategy = 'absolute_change';
SELECT is((SELECT count(*) FROM etl.anomaly_strategies WHERE meaning LIKE '%.'), 8::bigint, 'and their meaning');

-- known answers: value by value, what is flagged
CREATE FUNCTION flagged(numbers float8[], strategy text, params jsonb DEFAULT '{}')
RETURNS int[]
LANGUAGE sql
AS $$
    SELECT coalesce(array_agg(i ORDER BY i) FILTER (WHERE is_anomaly), '{}')
    FROM (SELECT i, (etl.anomaly(v, strategy, params) OVER (ORDER BY i)).*
          FROM unnest(numbers) WITH ORDINALITY AS u (v, i)) AS judged
$$;
SELECT is(flagged(numbers, strategy, params::jsonb), flags::int[], strategy || ' ' || params)
FROM (VALUES
    ('{1,5,-1,6,0}'::float8[], 'simple_threshold', '{"lower_bound": 0, "upper_bound": 5}', '{3,4}'),
    ('{1,5,-1,6,0}', 'simple_threshold', '{"lower_bound": 0}', '{3}'),
    ('{10,12,15,11,11}', 'absolute_change', '{"max_rate_decrease": -3, "max_rate_increase": 2}', '{3,4}'),
    ('{0,1,3,6,18,72}', 'absolute_change', '{"max_rate_increase": 8, "order": 2}', '{5,6}'),
    ('{100,150,301,140,70}', 'relative_change', '{"max_rate_decrease": 0.5, "max_rate_increase": 2}', '{3,4}'),
    ('{0,1,3,6,18,72}', 'relative_change', '{"max_rate_increase": 8, "order": 2}', '{3,6}'),
    ('{1,1,1,1000,500,1}', 'batch_normal', '{}', '{4}'),
    ('{10,11,10,12,11,100,10,11}', 'batch_normal', '{}', '{6}'),
    ('{10,11,10,12,11,100,10,11}', 'batch_normal', '{"include_interval": true}', '{}'),
    ('{10,11,10,12,11,100,10,11}', 'online_normal', '{}', '{}'),
    ('{10,11,10,12,11,100,10,11}', 'online_normal', '{"include_interval": false}', '{4,6}'),
    ('{1,1,1,2,1,1,1}', 'online_normal', '{"factor": 1.5, "ignore_start_percentage": 0.2}', '{4}'),
    ('{10,11,10,12,11,100,10,11}', 'mad', '{}', '{6}'),
    ('{100,10,11,10,12,11,10,11}', 'mad', '{"history": "partition"}', '{1}'),
    ('{1,2,3,4,5,7,7.5}', 'iqr', '{}', '{}'),
    ('{1,2,3,4,5,7.5}', 'iqr', '{}', '{6}'),
    ('{100,200,300,400,1,2,3,4,5,7.5}', 'iqr', '{"window": 5}', '{10}'),
    ('{1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,0}', 'holt_winters', '{}', '{18}')
) AS known (numbers, strategy, params, flags);
SELECT is(flagged(array_fill(0.1::float8, ARRAY[40]), strategy), '{}', 'all equal: ' || strategy)
FROM unnest('{batch_normal,online_normal,mad,iqr,holt_winters}'::text[]) AS strategy;
SELECT is(flagged('{5}', strategy), '{}', 'one row: ' || strategy)
FROM unnest('{batch_normal,online_normal,mad,iqr,holt_winters}'::text[]) AS strategy;

-- one row as a whole
SELECT results_eq($$
    SELECT v, (etl.anomaly(v, 'iqr') OVER (ORDER BY i)).*
    FROM (VALUES (1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (6, 9), (7, NULL), (8, 'NaN'), (9, '-Infinity'::float8),
                 (10, 3)) AS t (i, v)
    ORDER BY i OFFSET 4
$$, $$
    VALUES (5::float8, false, NULL::float8, NULL::float8, NULL::float8, NULL::float8,
            'too little history: 4 of 5 values'),
           (9, true, 3, -1, 7, 2.5, 'above the upper bound 7 (quartiles 2 and 4)'),
           (NULL, false, NULL, NULL, NULL, NULL, 'no value'),
           ('NaN', true, NULL, NULL, NULL, NULL, 'not a number'),
           ('-Infinity', true, 3.5, -1.5, 8.5, '-Infinity', 'below the lower bound -1.5 (quartiles 2.25 and 4.75)'),
           (3, false, 3.5, -1.5, 8.5, 0, NULL)
$$, 'verdicts whole');
SELECT is((etl.anomaly(NULL, 'mad') OVER ()).reason, 'no value', 'a lone NULL');
SELECT is((etl.anomaly(2::numeric, 'simple_threshold', '{"upper_bound": 1.5}') OVER ()).is_anomaly, true, 'a numeric');
SELECT is((etl.anomaly(2::bigint, 'simple_threshold', '{"upper_bound": 1.5}') OVER ()).is_anomaly, true, 'a bigint');
SELECT is((etl.anomaly(params => '{"upper_bound": 1}', strategy => 'simple_threshold', value => 2) OVER ()).score,
          1::float8, 'arguments by name');
SELECT is((etl.anomaly(1, 'mad', NULL) OVER ()).reason, 'too little history: 0 of 5 values', 'NULL params are none');

-- Random series: 40 of them with some NULLs, ties and jumps.
SELECT setseed(0.5);
CREATE TABLE sample AS
SELECT s AS series, i,
       CASE WHEN random() < 0.1 THEN NULL
            ELSE round((random() * 10 + CASE WHEN random() < 0.03 THEN 40 ELSE 0 END)::numeric, s % 4)::float8 END AS v
FROM generate_series(1, 40) AS s CROSS JOIN generate_series(1, 150) AS i;
CREATE TABLE known AS
SELECT series, v, row_number() OVER (PARTITION BY series ORDER BY i) AS n, i FROM sample WHERE v IS NOT NULL;
CREATE INDEX ON known (series, i);
CREATE INDEX ON known (series, n);
ANALYZE known;

-- The verdict must be flag, expected value and bounds of `expected`, to within rounding, wherever that has a row.
CREATE FUNCTION differing(strategy text, params jsonb, expected text)
RETURNS TABLE (series int, i int, ours etl.anomaly_verdict, theirs record)
LANGUAGE plpgsql
AS $$
BEGIN
    RETURN QUERY EXECUTE format($sql$
        WITH judged AS (
            SELECT series, i, v, etl.anomaly(v, %L, %L) OVER (PARTITION BY series ORDER BY i) AS ours FROM sample
        ), expected AS (SELECT * FROM (%s) AS e (series, i, middle, lower, upper))
        SELECT series, i, j.ours, e FROM judged AS j FULL JOIN expected AS e USING (series, i)
        WHERE CASE WHEN e.i IS NULL THEN NOT ((j.ours).reason IN ('no value') OR (j.ours).reason LIKE 'too little%%')
                   ELSE coalesce((j.ours).is_anomaly, false)
                            <> coalesce(j.v < e.lower - 1e-9 OR j.v > e.upper + 1e-9, false)
                        OR (j.ours).expected IS NULL <> (e.middle IS NULL)
                        OR (j.ours).lower IS NULL <> (e.lower IS NULL) OR (j.ours).upper IS NULL <> (e.upper IS NULL)
                        OR abs((j.ours).expected - e.middle) > 1e-9
                        OR abs((j.ours).lower - e.lower) > 1e-9 OR abs((j.ours).upper - e.upper) > 1e-9 END
    $sql$, strategy, params, expected);
END
$$;
CREATE FUNCTION flags(strategy text, params jsonb)
RETURNS bigint
LANGUAGE sql
AS $$
    SELECT count(*) FILTER (WHERE (o).is_anomaly)
    FROM (SELECT etl.anomaly(v, strategy, params) OVER (PARTITION BY series ORDER BY i) AS o FROM sample) AS j
$$;
CREATE TABLE oracle (strategy text, params jsonb, query text);
INSERT INTO oracle VALUES
('simple_threshold', '{"lower_bound": 1, "upper_bound": 11}',
 'SELECT series, i, NULL::float8, 1, 11 FROM known'),
('absolute_change', '{"max_rate_decrease": -7.77, "max_rate_increase": 8.88}',
 'SELECT series, i, p, p - 7.77, p + 8.88
  FROM (SELECT *, lag(v) OVER (PARTITION BY series ORDER BY i) AS p FROM known) AS k WHERE n > 1'),
('absolute_change', '{"max_rate_increase": 12.34, "order": 2}',
 'SELECT series, i, 2 * p - q, NULL::float8, 2 * p - q + 12.34
  FROM (SELECT *, lag(v) OVER w AS p, lag(v, 2) OVER w AS q FROM known
        WINDOW w AS (PARTITION BY series ORDER BY i)) AS k WHERE n > 2'),
('relative_change', '{"max_rate_decrease": 0.123, "max_rate_increase": 8.765}',
 'SELECT series, i, p, p * 0.123, p * 8.765
  FROM (SELECT *, lag(v) OVER (PARTITION BY series ORDER BY i) AS p FROM known) AS k WHERE n > 1'),
('relative_change', '{"max_rate_increase": 5.4321, "order": 7}',
 'SELECT series, i, p, NULL::float8, p * 5.4321
  FROM (SELECT *, lag(v, 7) OVER (PARTITION BY series ORDER BY i) AS p FROM known) AS k WHERE n > 7'),
('batch_normal', '{}',
 'SELECT k.series, k.i, o.m, o.m - 3 * o.s, o.m + 3 * o.s FROM known AS k CROSS JOIN LATERAL (
      SELECT avg(v) AS m, stddev_samp(v) AS s FROM known AS x WHERE x.series = k.series AND x.i <> k.i) AS o'),
('batch_normal', '{"include_interval": true, "lower_deviation_factor": null, "upper_deviation_factor": 2}',
 'SELECT series, i, avg(v) OVER w, NULL::float8, avg(v) OVER w + 2 * stddev_samp(v) OVER w
  FROM known WINDOW w AS (PARTITION BY series)'),
('online_normal', '{"ignore_start_percentage": 0, "ignore_anomalies": false, "factor": 2}',
 'SELECT series, i, m, m - 2 * s, m + 2 * s
  FROM (SELECT *, avg(v) OVER w AS m, stddev_pop(v) OVER w AS s FROM known
        WINDOW w AS (PARTITION BY series ORDER BY i)) AS k WHERE n > 2'),
('online_normal', '{"ignore_start_percentage": 0, "ignore_anomalies": false, "include_interval": false,
                    "min_history": 9}',
 'SELECT series, i, m, m - 3 * s, m + 3 * s
  FROM (SELECT *, avg(v) OVER w AS m, stddev_pop(v) OVER w AS s FROM known
        WINDOW w AS (PARTITION BY series ORDER BY i ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) AS k
  WHERE n > 9'),
('mad', '{}',
 'SELECT k.series, k.i, o.m, o.m - 3.5 * d.d / 0.6745, o.m + 3.5 * d.d / 0.6745 FROM known AS k
  CROSS JOIN LATERAL (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY v) AS m
                      FROM known AS x WHERE x.series = k.series AND x.i < k.i) AS o
  CROSS JOIN LATERAL (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(v - o.m)) AS d
                      FROM known AS x WHERE x.series = k.series AND x.i < k.i) AS d WHERE n > 5'),
('mad', '{"window": 20, "factor": 2}',
 'SELECT k.series, k.i, o.m, o.m - 2 * d.d / 0.6745, o.m + 2 * d.d / 0.6745 FROM known AS k
  CROSS JOIN LATERAL (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY v) AS m
                      FROM known AS x WHERE x.series = k.series AND x.n BETWEEN k.n - 20 AND k.n - 1) AS o
  CROSS JOIN LATERAL (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(v - o.m)) AS d
                      FROM known AS x WHERE x.series = k.series AND x.n BETWEEN k.n - 20 AND k.n - 1) AS d
  WHERE n > 5'),
('iqr', '{"window": 13, "min_history": 3}',
 'SELECT k.series, k.i, m, a - 1.5 * (c - a), c + 1.5 * (c - a) FROM known AS k
  CROSS JOIN LATERAL (SELECT percentile_cont(0.25) WITHIN GROUP (ORDER BY v) AS a,
                             percentile_cont(0.5) WITHIN GROUP (ORDER BY v) AS m,
                             percentile_cont(0.75) WITHIN GROUP (ORDER BY v) AS c
                      FROM known AS x WHERE x.series = k.series AND x.n BETWEEN k.n - 13 AND k.n - 1) AS o
  WHERE n > 3'),
('iqr', '{"history": "partition", "lower_deviation_factor": 0.5}',
 'SELECT k.series, k.i, m, a - 0.5 * (c - a), c + 1.5 * (c - a) FROM known AS k
  CROSS JOIN LATERAL (SELECT percentile_cont(0.25) WITHIN GROUP (ORDER BY v) AS a,
                             percentile_cont(0.5) WITHIN GROUP (ORDER BY v) AS m,
                             percentile_cont(0.75) WITHIN GROUP (ORDER BY v) AS c
                      FROM known AS x WHERE x.series = k.series) AS o');
SELECT is_empty(format('SELECT * FROM differing(%L, %L, %L)', strategy, params, query),
                strategy || ' ' || params || ' as in plain SQL')
FROM oracle;
SELECT cmp_ok(flags(strategy, params), '>', 20::bigint, strategy || ' ' || params || ' has something to find')
FROM oracle;

-- the frame plays no part, and neither does what else the query computes
SELECT is_empty($$
    SELECT FROM (
        SELECT etl.anomaly(v, 'mad') OVER (PARTITION BY series ORDER BY i) AS a, lag(v) OVER (ORDER BY i),
               etl.anomaly(v, 'mad') OVER (PARTITION BY series ORDER BY i
                                           ROWS BETWEEN 1 PRECEDING AND CURRENT ROW EXCLUDE CURRENT ROW) AS b
        FROM sample) AS j
    WHERE a IS DISTINCT FROM b
$$, 'any frame');

-- one strategy for each partition
CREATE TABLE watch (series int, strategy text, params jsonb);
INSERT INTO watch VALUES (1, 'simple_threshold', '{"upper_bound": 9}'), (2, 'iqr', NULL), (3, 'batch_normal', '{}');
CREATE TABLE watched AS
SELECT series, i, etl.anomaly(v, strategy, params) OVER (PARTITION BY series ORDER BY i) AS a
FROM sample JOIN watch USING (series);
SELECT is_empty(format($$
    SELECT FROM watched JOIN (SELECT series, i, etl.anomaly(v, %L, %L) OVER (PARTITION BY series ORDER BY i) AS b
                              FROM sample) AS s USING (series, i)
    WHERE series = %s AND a IS DISTINCT FROM b
$$, strategy, coalesce(params, '{}'), series), 'of a table: ' || strategy) FROM watch;
PREPARE judge (text, jsonb) AS
SELECT count(score) = (SELECT count(*) - 5 FROM known)
FROM (SELECT (etl.anomaly(v, $1, $2) OVER (ORDER BY series, i)).score FROM sample) AS j;
SELECT results_eq($$EXECUTE judge('mad', '{}')$$, 'VALUES (true)', 'strategy and params as parameters');

-- 100,000 rows, in memory, spilled, and over a parallel scan
CREATE TABLE long AS SELECT i, 100 + 10 * sin(i * 2 * pi() / 7) + random() AS v FROM generate_series(1, 100000) AS i;
CREATE FUNCTION digest(strategy text, params jsonb)
RETURNS text
LANGUAGE sql
AS $$
    SELECT md5(string_agg(md5(a::text), '' ORDER BY i))
    FROM (SELECT i, etl.anomaly(v, strategy, params) OVER (ORDER BY i) AS a FROM long) AS j
$$;
CREATE TABLE task (strategy text, params jsonb);
INSERT INTO task VALUES ('absolute_change', '{"max_rate_increase": 9}'), ('batch_normal', '{}'),
                        ('online_normal', '{}'), ('mad', '{}'), ('iqr', '{"window": 365}');
CREATE TABLE in_memory AS SELECT *, digest(strategy, params) AS answer FROM task;
SET LOCAL work_mem = '64kB';
SET LOCAL max_parallel_workers_per_gather = 2;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SELECT is(digest(strategy, params), answer, strategy || ' with little memory') FROM in_memory;
RESET work_mem;
CREATE FUNCTION is_stopped(query text)
RETURNS bool
LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE query;
    RETURN false;
EXCEPTION
    WHEN query_canceled THEN
        RETURN true;
END
$$;
SET LOCAL statement_timeout = '50ms';
SELECT ok(is_stopped($$SELECT count((a).score) FROM (SELECT etl.anomaly(v, 'holt_winters') OVER (ORDER BY i) AS a
                                                     FROM long) AS j$$), 'can be stopped');
SET LOCAL statement_timeout = 0;

-- errors
SELECT throws_ok('SELECT ' || call || ' OVER ()', '22023', message, message)
FROM (VALUES
    ($$etl.anomaly(1, 'onlin_normal')$$, 'there is no anomaly strategy "onlin_normal"'),
    ($$etl.anomaly(1, NULL)$$, 'strategy must not be NULL'),
    ($$etl.anomaly(1, 'mad', '{"factr": 3}')$$, 'strategy mad has no parameter "factr"'),
    ($$etl.anomaly(1, 'mad', '{"factor": "x"}')$$,
     'parameter "factor" of strategy mad must be a number from 0, not "x"'),
    ($$etl.anomaly(1, 'mad', '[1]')$$, 'params must be a JSON object, not [1]'),
    ($$etl.anomaly(1, 'simple_threshold')$$, 'strategy simple_threshold needs lower_bound or upper_bound'),
    ($$etl.anomaly(1, 'holt_winters', '{"training": 9}')$$,
     'training of 9 rows is shorter than two periods of 7')
) AS refused (call, message);
SELECT throws_ok($$SELECT etl.anomaly(x, CASE x WHEN 1 THEN 'mad' ELSE 'iqr' END) OVER ()
                   FROM generate_series(1, 2) AS x$$,
                 '22023', 'strategy and params differ within a partition', 'strategies that differ');
SELECT throws_ok($$SELECT etl.anomaly(1, 'mad')$$, '42809', NULL, 'without a window');

-- metrics
CREATE TABLE orders (id int, price numeric);
CREATE VIEW recent AS SELECT * FROM orders;
CREATE INDEX orders_idx ON orders (id);
SELECT lives_ok($$SELECT etl.record_metric('orders', 'row_count', 10 * d, measured_at => '2025-01-01'::date + d)
                  FROM generate_series(1, 3) AS d$$, 'metrics are recorded');
SELECT lives_ok($$SELECT etl.record_metric('orders', 'row_count', 25, measured_at => '2025-01-03')$$, 'and again');
SELECT results_eq($$SELECT relation, column_name, metric, value, suite, tags, owner FROM etl.metric_history
                    ORDER BY measured_at$$,
                  $$VALUES ('public.orders', NULL, 'row_count', 10::float8, NULL, '{}'::jsonb, current_user),
                           ('public.orders', NULL, 'row_count', 25, NULL, '{}', current_user),
                           ('public.orders', NULL, 'row_count', 30, NULL, '{}', current_user)$$,
                  'the same again replaces');
SELECT lives_ok(format('SELECT etl.record_metric(''recent'', ''mean'', %L, %L, ''2025-01-01'', %L)', value, col, tags),
                'of a column, with tags')
FROM (VALUES (NULL, 'price', '{"region": "eu"}'), (2, 'price', '{"region": "us"}'), (3, 'price', '{"region": "eu"}'),
             (4, 'id', '{"region": "eu"}')) AS v (value, col, tags);
SELECT results_eq($$SELECT column_name, tags ->> 'region', value FROM etl.metric_history
                    WHERE relation = 'public.recent' ORDER BY 1, 2$$,
                  $$VALUES ('id', 'eu', 4::float8), ('price', 'eu', 3), ('price', 'us', 2)$$,
                  'columns and tags tell metrics apart');
SELECT lives_ok(format('SELECT etl.record_metric(''orders'', ''m'', 1, tags => %L)',
                       jsonb_build_object('t', (SELECT jsonb_agg(md5(x::text)) FROM generate_series(1, 1000) AS x))),
                'long tags');
SELECT throws_ok('SELECT etl.record_metric(' || call || ')', state, NULL, 'record_metric(' || call || ')')
FROM (VALUES ($$NULL, 'm', 1$$, '22023'), ($$0, 'm', 1$$, '42P01'), ($$'orders_idx', 'm', 1$$, '42809'),
             ($$'orders', '', 1$$, '22023'), ($$'orders', NULL, 1$$, '22023'), ($$'orders', 'm', 1, 'cost'$$, '42703'),
             ($$'orders', 'm', 1, measured_at => 'infinity'$$, '22023'),
             ($$'orders', 'm', 1, tags => '[]'$$, '22023'), ($$'orders', 'm', 1, tags => NULL$$, '22023')
     ) AS refused (call, state);

SELECT is(etl.record_results('orders', 'daily', '[
    {"expectation": "expect_column_values_to_not_be_null", "kwargs": {"column": "price"}, "success": true,
     "element_count": 4, "missing_count": null, "unexpected_count": 1, "unexpected_percent": 25.0,
     "partial_unexpected_list": [null]},
    {"expectation": "expect_column_values_to_be_between", "kwargs": {"column": "price", "min_value": 0},
     "success": false, "unexpected_percent": 50},
    {"expectation": "expect_column_values_to_be_between", "kwargs": {"column": "price", "max_value": 9},
     "success": true, "unexpected_percent": 0},
    {"expectation": "expect_table_row_count_to_equal", "kwargs": {}, "success": true, "observed_value": 4}]',
    '2025-01-01', '{"region": "eu"}'), 10::bigint, 'the numbers of a validation');
SELECT results_eq($$SELECT metric, column_name, value, tags FROM etl.metric_history WHERE suite = 'daily'
                    AND metric ~ 'between|row_count' ORDER BY metric COLLATE "C", value$$,
    $$VALUES ('expect_column_values_to_be_between.success', 'price', 0::float8,
              '{"region": "eu", "kwargs": {"min_value": 0}}'::jsonb),
             ('expect_column_values_to_be_between.success', 'price', 1, '{"region": "eu", "kwargs": {"max_value": 9}}'),
             ('expect_column_values_to_be_between.unexpected_percent', 'price', 0,
              '{"region": "eu", "kwargs": {"max_value": 9}}'),
             ('expect_column_values_to_be_between.unexpected_percent', 'price', 50,
              '{"region": "eu", "kwargs": {"min_value": 0}}'),
             ('expect_table_row_count_to_equal.observed_value', NULL, 4, '{"region": "eu"}'),
             ('expect_table_row_count_to_equal.success', NULL, 1, '{"region": "eu"}')$$,
    'by expectation and kwargs');
SELECT throws_ok($$SELECT etl.record_results('orders', 's', '{}')$$, '22023',
                 'results must be a JSON array, not object', 'results that are no rows');

CREATE ROLE stranger;
SET LOCAL ROLE stranger;
SELECT is_empty('SELECT FROM etl.metric_history', 'another role sees nothing');
SELECT lives_ok($$SELECT etl.record_metric('public.orders', 'row_count', 1, measured_at => '2025-01-03')$$,
                'and has metrics of its own');
SELECT is((SELECT array_agg(value) FROM etl.metric_history), '{1}'::float8[], 'that it sees');
SELECT lives_ok('SELECT * FROM etl.anomaly_strategies', 'and strategies');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
