-- Raises an exception unless the nights went as the generator knows they must: rows landed, rejected per expectation,
-- duplicates removed, rows loaded (their number and the hash over all of them), features, archives; unless each
-- rollup, once refreshed, is what its plain query gives; and unless the runs were what a scheduler owes: steps side by
-- side, a bad day stopped and told of, each night once, missed nights made up for. For the demo and for tests, after
-- data.sql, pipeline.sql and nights.sql.
--
--     psql -f check.sql

\set ON_ERROR_STOP on
\set QUIET on

CREATE TEMPORARY VIEW night AS
SELECT d.*, (SELECT min(v.validated_at) FROM validation_results AS v) AS since
FROM dataset AS d;

-- Runs since data.sql, the night itself and others; and their steps, with how many were at work when each began.
CREATE TEMPORARY VIEW night_run AS
SELECT r.*, r.logical_time = n.as_of AS is_the_night
FROM etl.pipeline_runs AS r
CROSS JOIN dataset AS n
WHERE r.pipeline = 'nightly' AND r.started_at > coalesce((SELECT min(a.raised_at) FROM alerts AS a), '-infinity');

CREATE TEMPORARY VIEW night_step AS
SELECT s.*, r.is_the_night, (
           SELECT count(*)
           FROM etl.step_runs AS o
           WHERE o.run_id = s.run_id AND s.started_at >= o.started_at AND s.started_at < o.started_at + o.duration
       ) AS at_work
FROM etl.step_runs AS s
JOIN night_run AS r USING (run_id);

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
    as_of CONSTANT timestamptz := (SELECT max(t."timestamp") FROM transactions AS t);
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

CREATE TEMPORARY TABLE finding AS
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
SELECT 'removed: ' || e.defect, e.rows, sum(d.removed)
FROM expected_defects AS e
CROSS JOIN night AS n
JOIN etl.dedupe_runs AS d ON d.relation = 'public.transactions_raw' AND d.run_at >= n.since
    AND e.defect = CASE d.keys WHEN '{transaction_id}' THEN 'older version' ELSE 'exact duplicate' END
GROUP BY e.defect, e.rows
UNION ALL
SELECT 'rows left in the landing table', 0, count(*) FROM transactions_raw
UNION ALL
SELECT 'rows loaded', n.rows, count(h) FILTER (WHERE h."timestamp" <= n.as_of)
FROM transactions_history AS h CROSS JOIN dataset AS n GROUP BY n.rows
UNION ALL
SELECT 'hash of the rows loaded', n.checksum, sum(hash_record_extended(h, 0)) FILTER (WHERE h."timestamp" <= n.as_of)
FROM transactions_history AS h CROSS JOIN dataset AS n GROUP BY n.checksum
UNION ALL
SELECT 'rows loaded of missed nights', 1, count(*)
FROM transactions AS t JOIN dataset AS n ON t."timestamp" > n.as_of
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
SELECT 'wallets whose features are of an earlier night', 0, count(*)
FROM user_stats AS u
WHERE u.as_of < (SELECT max(r.logical_time) FROM night_run AS r)
UNION ALL
-- What a scheduler owes.
SELECT o.fact, o.expected, o.found FROM observations AS o
UNION ALL
SELECT 'steps that did not succeed, but for alerts of nights that did', 0, count(*)
FROM night_step AS s
WHERE s.status IS DISTINCT FROM CASE s.step WHEN 'alert' THEN 'skipped' ELSE 'succeeded' END
UNION ALL
SELECT 'alerts', 1, count(*) FROM alerts AS a WHERE a.step = 'validate' AND a.sqlstate = '23514'
UNION ALL
SELECT 'runs of the night', 1, count(*) FROM night_run AS r WHERE r.is_the_night
UNION ALL
SELECT 'runs that make up for missed nights', 1, count(*)
FROM night_run AS r WHERE r.trigger = 'schedule' AND r.status = 'succeeded' AND NOT r.is_the_night
UNION ALL
SELECT 'pipelines with a schedule that a tick has run', (SELECT count(*) FROM etl.pipelines WHERE schedule IS NOT NULL),
       count(DISTINCT r.pipeline)
FROM etl.pipeline_runs AS r
WHERE r.trigger = 'schedule' AND r.status = 'succeeded'
UNION ALL
-- A session does one thing at a time: who begins while others are at work is another one.
SELECT 'the night had steps at work side by side', 1, (max(s.at_work) > 1)::integer
FROM night_step AS s
WHERE s.is_the_night
UNION ALL
SELECT 'steps that began while four were at work', 0, count(*) FROM night_step AS s WHERE s.at_work > 4;

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
            MESSAGE = 'the nights did not go as the generated rows ask for',
            DETAIL = wrong;
    ELSIF facts < 48 THEN
        RAISE EXCEPTION 'only % facts were there to check', facts;
    END IF;
END
$$;

SELECT format('All %s facts are as the generator knows them.', count(*)) AS "check" FROM finding
\g (tuples_only=on)

DROP TABLE finding;
DROP VIEW rollup_difference, night_step, night_run, night;
\set QUIET off
