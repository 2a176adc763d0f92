-- Raises an exception unless the night went as the generator knows it must: rows landed, rejected per expectation,
-- duplicates removed, rows loaded (their number and the hash over all of them), features, archives; and unless each
-- rollup, once refreshed, is what its plain query gives. For the demo and for tests, after data.sql, pipeline.sql and a
-- run of the pipeline "nightly" at dataset.as_of.
--
--     psql -f check.sql

\set ON_ERROR_STOP on
\set QUIET on

CREATE TEMPORARY VIEW night AS
SELECT d.*, (SELECT min(v.validated_at) FROM validation_results AS v) AS since
FROM dataset AS d;

-- What rollups and plain queries have of each other that the other has not. The sales that retention has archived are
-- gone from transactions, and so from the dashboards; the summaries go on having them.
CREATE TEMPORARY VIEW rollup_difference AS
WITH event_sales AS (
    SELECT h.event_id, count(*), sum(h.price_paid), count(*) FILTER (WHERE h.is_resale),
           count(DISTINCT h.wallet_address), avg(h.price_paid)::numeric(18,2), min(h."timestamp"), max(h."timestamp")
    FROM transactions_history AS h
    WHERE h.status = 'completed'
    GROUP BY h.event_id
),
hourly_sales AS (
    SELECT date_trunc('hour', h."timestamp", 'UTC') AS hour, count(*) AS sold, sum(h.price_paid) AS revenue,
           count(*) FILTER (WHERE h.is_resale) AS resales
    FROM transactions_history AS h
    WHERE h.status = 'completed'
    GROUP BY 1
),
daily_sales AS (
    SELECT date_trunc('day', s.hour, 'UTC'), sum(s.sold)::bigint, sum(s.revenue), sum(s.resales)::bigint,
           (sum(s.revenue) / sum(s.sold))::numeric(18,2), max(s.sold)
    FROM hourly_sales AS s
    GROUP BY 1
)
SELECT 'kpi_hourly, from its rollup' AS what, count(*) AS rows
FROM ((TABLE fresh_kpi_hourly EXCEPT ALL TABLE kpi_hourly)
      UNION ALL (TABLE kpi_hourly EXCEPT ALL TABLE fresh_kpi_hourly)) AS d
UNION ALL
SELECT 'event_analytics, from its rollup', count(*)
FROM ((TABLE fresh_event_analytics EXCEPT ALL TABLE event_analytics)
      UNION ALL (TABLE event_analytics EXCEPT ALL TABLE fresh_event_analytics)) AS d
UNION ALL
SELECT 'user_segments, from its rollup', count(*)
FROM ((TABLE fresh_user_segments EXCEPT ALL TABLE user_segments)
      UNION ALL (TABLE user_segments EXCEPT ALL TABLE fresh_user_segments)) AS d
UNION ALL
SELECT 'event_sales_summary', count(*)
FROM ((TABLE event_sales_summary EXCEPT ALL TABLE event_sales)
      UNION ALL (TABLE event_sales EXCEPT ALL TABLE event_sales_summary)) AS d
UNION ALL
SELECT 'hourly_ticket_sales', count(*)
FROM ((TABLE hourly_ticket_sales EXCEPT ALL TABLE hourly_sales)
      UNION ALL (TABLE hourly_sales EXCEPT ALL TABLE hourly_ticket_sales)) AS d
UNION ALL
SELECT 'daily_ticket_sales', count(*)
FROM ((TABLE daily_ticket_sales EXCEPT ALL TABLE daily_sales)
      UNION ALL (TABLE daily_sales EXCEPT ALL TABLE daily_ticket_sales)) AS d;

-- Retention came after the last refresh. Where pg_cron is refreshing a rollup at this moment, that is another's.
REFRESH MATERIALIZED VIEW kpi_hourly;
REFRESH MATERIALIZED VIEW event_analytics;
REFRESH MATERIALIZED VIEW user_segments;
DO $$
DECLARE
    rollup text;
    as_of CONSTANT timestamptz := (SELECT d.as_of FROM dataset AS d);
BEGIN
    FOR attempt IN 1..5 LOOP
        FOREACH rollup IN ARRAY '{rollup_kpi_hourly, rollup_event_analytics, rollup_user_segments, event_sales_summary,
                                  hourly_ticket_sales, daily_ticket_sales}'::text[] LOOP
            CALL etl.refresh_rollup('public.' || rollup, as_of => as_of);
        END LOOP;
        EXIT WHEN NOT EXISTS (SELECT FROM rollup_difference AS d WHERE d.rows > 0);
        PERFORM pg_sleep(0.2);
    END LOOP;
END
$$;

CREATE TEMPORARY VIEW finding AS
-- Each bad row was rejected for its one reason, and no row for another.
SELECT format('rejected by %s', coalesce(r.reason, e.expectation)) AS fact, coalesce(e.rows, 0) AS expected,
       coalesce(r.rows, 0) AS found
FROM (
    SELECT reason, count(*) AS rows
    FROM etl.quarantined_rows AS q
    CROSS JOIN night AS n
    CROSS JOIN unnest(q.reasons) AS reason
    WHERE q.relation = 'public.transactions_raw' AND q.quarantined_at >= n.since
    GROUP BY reason
) AS r
FULL JOIN (SELECT * FROM expected_defects WHERE expectation IS NOT NULL) AS e ON e.expectation = r.reason
UNION ALL
SELECT 'rejected rows', (SELECT sum(rows) FROM expected_defects WHERE expectation IS NOT NULL), count(*)
FROM etl.quarantined_rows AS q
CROSS JOIN night AS n
WHERE q.relation = 'public.transactions_raw' AND q.quarantined_at >= n.since
UNION ALL
-- The one scan had counted the same before a row was moved.
SELECT format('counted by %s(%s)', v.expectation,
           coalesce(v.kwargs ->> 'column', concat_ws(', ', v.kwargs ->> 'column_A', v.kwargs ->> 'column_B'))),
       e.rows, sum(v.unexpected_count)
FROM validation_results AS v
JOIN expected_defects AS e ON e.expectation = format('%s(%s)', v.expectation,
    coalesce(v.kwargs ->> 'column', concat_ws(', ', v.kwargs ->> 'column_A', v.kwargs ->> 'column_B')))
GROUP BY 1, 2
UNION ALL
SELECT 'rows landed', (SELECT rows FROM dataset) + (SELECT sum(rows) FROM expected_defects),
       (SELECT v.element_count FROM validation_results AS v ORDER BY v.validated_at, v.element_count DESC LIMIT 1)
UNION ALL
SELECT 'removed: ' || e.defect, e.rows, (SELECT sum(d.removed) FROM dedupe_results AS d WHERE d.step = s.step)
FROM expected_defects AS e
JOIN (VALUES ('exact duplicate', 'exact'), ('older version', 'versions')) AS s (defect, step) USING (defect)
UNION ALL
SELECT 'rows left in the landing table', 0, count(*) FROM transactions_raw
UNION ALL
SELECT 'rows loaded', (SELECT rows FROM dataset), count(*) FROM transactions_history
UNION ALL
SELECT 'hash of the rows loaded', (SELECT checksum FROM dataset), sum(hash_record_extended(h, 0))
FROM transactions_history AS h
UNION ALL
SELECT 'wallets with features', (SELECT count(DISTINCT wallet_address) FROM transactions_history), count(*)
FROM user_stats
UNION ALL
SELECT 'hours in kpi_hourly', 168, count(*) FROM kpi_hourly
UNION ALL
SELECT 'events in event_analytics', (SELECT count(*) FROM events), count(*) FROM event_analytics
UNION ALL
SELECT 'wrong rows of ' || d.what, 0, d.rows FROM rollup_difference AS d
UNION ALL
SELECT format('%s by policy %s', c.what, e.policy), c.expected, coalesce(sum(c.found), 0)
FROM expected_retention AS e
CROSS JOIN night AS n
LEFT JOIN etl.runs AS r ON r.kind = 'retention' AND r.name = e.policy AND r.as_of = n.as_of
    AND r.started_at >= n.since AND NOT coalesce((r.detail ->> 'dry_run')::boolean, false)
CROSS JOIN LATERAL (VALUES
    ('archived', e.archived, (r.detail ->> 'archived')::bigint),
    ('deleted', e.deleted, (r.detail ->> 'deleted_from_hot')::bigint),
    ('purged from the archive', e.purged, (r.detail ->> 'deleted_from_archive')::bigint)
) AS c (what, expected, found)
GROUP BY e.policy, c.what, c.expected
UNION ALL
SELECT 'steps of the run that did not succeed', 0, count(*)
FROM etl.step_runs AS s
WHERE s.run_id = (SELECT max(r.run_id) FROM etl.runs AS r WHERE r.kind = 'pipeline' AND r.name = 'nightly')
  AND s.status <> 'succeeded';

DO $$
DECLARE
    wrong text;
    facts bigint;
BEGIN
    SELECT string_agg(format('%s: %s instead of %s', f.fact, coalesce(f.found::text, 'nothing'), f.expected), E'\n'
                      ORDER BY f.fact) FILTER (WHERE f.expected IS DISTINCT FROM f.found),
           count(*)
        INTO wrong, facts
    FROM finding AS f;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION USING
            MESSAGE = 'the night did not go as the generated rows ask for',
            DETAIL = wrong;
    ELSIF facts < 36 THEN
        RAISE EXCEPTION 'only % facts were there to check', facts;
    END IF;
END
$$;

SELECT format('All %s facts are as the generator knows them.', count(*)) AS "check" FROM finding
\g (tuples_only=on)

DROP VIEW finding, rollup_difference, night;
\set QUIET off
