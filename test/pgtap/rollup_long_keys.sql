-- A key that is too long for an index: the refresh says so, and goes on when it is gone.
SELECT plan(10);
SET client_min_messages = warning;

-- Not to be made shorter by compression.
CREATE FUNCTION long_text() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(md5(i::text), '') FROM generate_series(1, 500) AS i
$$;
CREATE TABLE t (k text, v int);
SELECT etl.create_rollup('public.' || m, 'SELECT k, count(*) AS n, sum(v) AS s FROM public.t GROUP BY k', '{k}',
                         mode => m)
FROM unnest('{recompute,delta}'::text[]) AS m \g /dev/null
INSERT INTO t VALUES ('short', 1);
INSERT INTO t SELECT long_text(), 1;
\set ON_ERROR_STOP off
\set VERBOSITY sqlstate
CALL etl.refresh_rollup('recompute');
CALL etl.refresh_rollup('delta');
\set ON_ERROR_STOP on
SELECT matches(r.error, '^a key of rollup "public.' || m || '" is too long: index row (size|requires) [0-9]+', m)
FROM unnest('{recompute,delta}'::text[]) AS m
CROSS JOIN LATERAL (SELECT error FROM etl.runs WHERE kind = 'rollup' AND name = 'public.' || m
                    ORDER BY run_id DESC LIMIT 1) AS r;
SELECT matches(etl._refresh_error('54000', 'index row requires 16000 bytes', '', 'Consider.',
                                  etl._rollup('delta'::text)) ->> 'hint', '^Delete or shorten', 'the way out');
SELECT is((SELECT count(*) FROM recompute), 0::bigint, 'nothing is done by halves');
DELETE FROM t WHERE length(k) > 100;
CALL etl.refresh_rollup('recompute');
CALL etl.refresh_rollup('delta');
SELECT results_eq('TABLE recompute', $$VALUES ('short', 1::bigint, 1::bigint)$$, 'without it the refresh goes on');
SELECT results_eq('TABLE delta', $$VALUES ('short', 1::bigint, 1::bigint)$$, 'where it merges, too');
SELECT is_empty($$SELECT * FROM etl.verify_rollup('delta')$$, 'and is right');
INSERT INTO t VALUES ('short', 2), ('more', 1);
CALL etl.refresh_rollup('recompute');
CALL etl.refresh_rollup('delta');
SELECT is((SELECT (detail ->> 'merged')::int FROM etl.runs WHERE name = 'public.delta' ORDER BY run_id DESC LIMIT 1), 2,
          'it merges again');
SELECT is_empty($$SELECT * FROM etl.verify_rollup('delta')$$, 'rightly');
SELECT is_empty($$SELECT * FROM etl.verify_rollup('recompute')$$, 'as the other does');
SELECT * FROM finish();
