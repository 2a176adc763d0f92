-- Raises an exception unless the tables hold what the API is known to hold: 120 events and 3,000 sales, of which each
-- 500th has a date that is none. For the demo and for tests, after a run of the pipeline.
--
--     psql -f check.sql

\set ON_ERROR_STOP on
\set QUIET on

CREATE TEMPORARY TABLE finding AS
SELECT 'events' AS fact, 120 AS expected, count(*) AS found FROM partner.events
UNION ALL
SELECT 'sales that are loaded', 2994, count(*) FROM partner.sales
UNION ALL
SELECT 'numbers of sales from 1 to 3000 that are neither loaded nor a dead letter', 0, count(*)
FROM generate_series(1, 3000) AS n
WHERE NOT EXISTS (SELECT FROM partner.sales AS s WHERE s.sale_id = n)
  AND NOT EXISTS (SELECT FROM etl.dead_letters AS d
                  WHERE d.extract = 'partner_sales' AND (d.record::jsonb ->> 'sale_id')::int = n)
UNION ALL
SELECT 'dead letters, each for its date', 6, count(*) FROM etl.dead_letters
WHERE extract = 'partner_sales' AND column_name = 'purchased_at'
UNION ALL
SELECT 'sales with a total that is not their price times their quantity', 0, count(*) FROM partner.sales
WHERE total_amount <> quantity * price
UNION ALL
SELECT 'runs of the extracts whose counts do not add up', 0, count(*) FROM etl.runs AS r
WHERE r.kind = 'extract' AND r.name LIKE 'partner%' AND (r.detail ->> 'received')::bigint <> (
    SELECT sum(c.value::bigint) FROM jsonb_each_text(r.detail) AS c
    WHERE c.key IN ('inserted', 'updated', 'unchanged', 'ignored', 'dead'))
UNION ALL
SELECT 'steps of the pipeline that did not succeed', 0, count(*) FROM etl.step_runs
WHERE pipeline = 'partner' AND status <> 'succeeded'
UNION ALL
SELECT 'steps that did', 4, count(*) FROM etl.step_runs WHERE pipeline = 'partner' AND status = 'succeeded';

DO $$
DECLARE
    wrong text;
BEGIN
    SELECT string_agg(format('%s: %s instead of %s', f.fact, f.found, f.expected), E'\n' ORDER BY f.fact) INTO wrong
    FROM finding AS f
    WHERE f.expected <> f.found;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION USING
            MESSAGE = 'the partner''s records are not what its API tells',
            DETAIL = wrong;
    END IF;
END
$$;

SELECT format('All %s facts are as the API tells them.', count(*)) AS "check" FROM finding
\g (tuples_only=on)

DROP TABLE finding;
\set QUIET off
