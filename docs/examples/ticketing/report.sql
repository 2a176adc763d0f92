-- What happened to the rows of data.sql in the nights that pipeline.sql defines, for reading in a terminal.
--
--     psql -f report.sql

\set ON_ERROR_STOP on
\set QUIET on
\pset pager off
\pset footer off
\pset border 1
\pset linestyle unicode
\pset null '·'
SET client_encoding = 'UTF8';
SET timezone = 'UTC';
SET client_min_messages = warning;

SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_cron') AS have_cron,
       EXISTS (SELECT FROM etl.runs WHERE kind = 'pipeline' AND name = 'nightly') AS have_run \gset
\if :have_run
\else
    \warn 'The pipeline has not run yet:  \\i nights.sql'
    \q
\endif

SELECT r.run_id AS run, r.logical_time AS moment, to_char(r.logical_time, 'YYYY-MM-DD HH24:MI "UTC"') AS night,
       round(extract(epoch FROM r.duration)::numeric, 1) AS seconds
FROM etl.pipeline_runs AS r
WHERE r.pipeline = 'nightly' AND r.status IN ('succeeded', 'failed')
ORDER BY r.status = 'succeeded' DESC, r.logical_time = (SELECT as_of FROM dataset) DESC, r.run_id DESC
LIMIT 1 \gset
SELECT coalesce((SELECT min(validated_at) FROM validation_results), '-infinity') AS since \gset

\echo '\nThe night of ':night', done in ':seconds' s\n'

\echo '━━ From the landing table to the clean one ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━\n'

WITH flow (position, what, rows) AS (
    VALUES
    (1, 'landed', (SELECT element_count FROM validation_results ORDER BY validated_at, element_count DESC LIMIT 1)),
    (2, 'rejected', -(SELECT count(*) FROM etl.quarantined_rows
                      WHERE relation = 'public.transactions_raw' AND quarantined_at >= :'since')),
    (3, 'duplicates removed', -(SELECT sum(removed) FROM etl.dedupe_runs
                                WHERE relation = 'public.transactions_raw' AND run_at >= :'since')::bigint),
    (4, 'loaded', (SELECT count(*) FROM transactions_history))
)
SELECT what AS "rows", to_char(rows, '999,999,999') AS "number",
       repeat('█', greatest(1, round(50.0 * abs(rows) / nullif(max(rows) OVER (), 0))::integer)) AS " "
FROM flow
ORDER BY position;

\echo '━━ Rejected rows, by the expectation they broke ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━\n'

WITH rejected AS (
    SELECT reason, count(*) AS rows
    FROM etl.quarantined_rows AS q
    CROSS JOIN unnest(q.reasons) AS reason
    WHERE q.relation = 'public.transactions_raw' AND q.quarantined_at >= :'since'
    GROUP BY reason
)
SELECT regexp_replace(coalesce(e.expectation, r.reason), '^expect_column_(pair_)?values?_(to_)?', '') AS "expectation",
       to_char(coalesce(r.rows, 0), '999,999') AS "rejected",
       to_char(coalesce(e.rows, 0), '999,999') AS "put in",
       CASE WHEN coalesce(r.rows, 0) = coalesce(e.rows, 0) THEN '✓' ELSE '✗' END AS " ",
       e.defect AS "as"
FROM rejected AS r
FULL JOIN (SELECT * FROM expected_defects WHERE expectation IS NOT NULL) AS e ON e.expectation = r.reason
ORDER BY coalesce(r.rows, 0) DESC, 1;

\echo '━━ Duplicates ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━\n'

SELECT s.title AS "kind", to_char(sum(d.groups), '999,999') AS "groups",
       to_char(sum(d.removed), '999,999') AS "removed", to_char(e.rows, '999,999') AS "put in",
       CASE WHEN sum(d.removed) = e.rows THEN '✓' ELSE '✗' END AS " "
FROM (VALUES
    (false, 'exact duplicate', 'the same row again'),
    (true, 'older version', 'the same transaction_id with an older timestamp')
) AS s (by_id, defect, title)
JOIN expected_defects AS e USING (defect)
LEFT JOIN etl.dedupe_runs AS d ON d.relation = 'public.transactions_raw' AND d.run_at >= :'since'
    AND s.by_id = (d.keys = '{transaction_id}')
GROUP BY s.title, s.by_id, e.rows
ORDER BY s.by_id;

\echo '━━ Features: the most hurried wallets ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━\n'

SELECT left(wallet_address, 9) || '…' AS "wallet",
       txn_velocity_1h AS "last hour",
       round(wallet_age_days::numeric, 1) AS "age, d",
       round((extract(epoch FROM avg_ticket_hold_time) / 86400)::numeric, 1) AS "held, d",
       round((time_to_first_resale / 1440)::numeric, 1) AS "resold, d",
       round(event_popularity_score::numeric, 3) AS "popular",
       round(100 * price_deviation_ratio) AS "on floor, %",
       cross_event_attendance AS "events",
       payment_method_diversity AS "paid by",
       round((1000 * social_graph_centrality)::numeric, 3) AS "rank, ‰",
       CASE WHEN geo_velocity_flag THEN 'flies' ELSE '' END AS "geo"
FROM user_stats
ORDER BY txn_velocity_1h DESC, cross_event_attendance DESC, wallet_address
LIMIT 10;

SELECT to_char(count(*), 'FM999,999,999') || ' wallets, ' || count(*) FILTER (WHERE geo_velocity_flag)
           || ' of which were in two far places within an hour' AS features
FROM user_stats \gset
\echo :features'\n'

\echo '━━ kpi_hourly: the last day ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━\n'

SELECT to_char(hour, 'Dy HH24:MI') AS "hour",
       transactions AS "sales",
       to_char(revenue, '999,999,990') AS "revenue, $",
       wallets AS "wallets",
       resales AS "resales",
       blocked AS "blocked",
       repeat('█', round(40.0 * transactions / nullif(max(transactions) OVER (), 0))::integer) AS " "
FROM (SELECT * FROM kpi_hourly ORDER BY hour DESC LIMIT 24) AS k
ORDER BY k.hour;

\echo '━━ event_analytics: what sells ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━\n'

SELECT event_name AS "event",
       to_char(event_date, 'YYYY-MM-DD') AS "date",
       to_char(revenue, '999,999,990') AS "revenue, $",
       minted AS "minted",
       resales AS "resales",
       floor_price AS "floor, $",
       repeat('▓', (sold_percent / 5)::integer) || repeat('░', 20 - (sold_percent / 5)::integer)
           || to_char(sold_percent, '990') || ' %' AS "sold"
FROM event_analytics
ORDER BY revenue DESC, event_id
LIMIT 8;

\echo '━━ user_segments: wallets by spend and by last purchase ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━\n'

SELECT spend_segment AS "segment",
       count(*) FILTER (WHERE recency_segment = 'active') AS "active",
       count(*) FILTER (WHERE recency_segment = 'recent') AS "recent",
       count(*) FILTER (WHERE recency_segment = 'cooling') AS "cooling",
       count(*) FILTER (WHERE recency_segment = 'dormant') AS "dormant",
       count(*) FILTER (WHERE was_blocked) AS "ever blocked",
       to_char(sum(spend), '999,999,999') AS "spent, $",
       repeat('█', round(30 * sum(spend) / nullif(max(sum(spend)) OVER (), 0))::integer) AS " "
FROM user_segments
GROUP BY spend_segment
ORDER BY min(spend) DESC;

\echo '━━ Rollups: what they hold, and what their last change cost ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━\n'

SELECT r.name AS "rollup",
       r.refresh,
       to_char((u.detail ->> 'log_rows')::bigint, '999,999') AS "noted",
       to_char(u.rows, '999,999') AS "rows changed",
       round((u.detail ->> 'seconds')::numeric, 3) AS "seconds",
       r.log_rows AS "waiting",
       r.retention AS "erased rows"
FROM etl.rollups AS r
LEFT JOIN LATERAL (
    SELECT * FROM etl.runs AS u
    WHERE u.kind = 'rollup' AND u.name = r.name AND u.rows > 0
    ORDER BY u.run_id DESC
    LIMIT 1
) AS u ON true
ORDER BY r.name;

\echo '━━ Retention ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━\n'

SELECT DISTINCT ON (r.name)
       r.name AS "policy",
       p.keep AS "kept for",
       p.archive_keep AS "archive for",
       to_char((r.detail ->> 'archived')::bigint, '999,999') AS "archived",
       to_char((r.detail ->> 'deleted_from_hot')::bigint, '999,999') AS "deleted",
       to_char((r.detail ->> 'deleted_from_archive')::bigint, '999,999') AS "purged",
       (r.detail ->> 'batches')::bigint AS "batches",
       r.status AS "status"
FROM etl.runs AS r
LEFT JOIN etl.policies AS p ON p.policy = r.name
WHERE r.kind = 'retention' AND r.as_of = :'moment'
ORDER BY r.name, r.run_id DESC;

\echo '━━ The steps of the night, side by side ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━\n'

-- Fifty columns from the beginning of the run to its end.
SELECT s.step AS "step",
       s.kind AS "kind",
       s.status AS "status",
       s.attempt AS "attempt",
       round(extract(epoch FROM s.duration)::numeric, 2) AS "seconds",
       repeat(' ', floor(50 * extract(epoch FROM s.started_at - r.started_at) / c.scale)::integer)
           || repeat('█', ceil(50 * extract(epoch FROM s.duration) / c.scale)::integer) AS " "
FROM etl.step_runs AS s
JOIN etl.pipeline_runs AS r USING (run_id)
CROSS JOIN LATERAL (SELECT extract(epoch FROM r.duration) AS scale) AS c
WHERE s.run_id = :run
ORDER BY s.position;

\echo '━━ Pipelines and their runs ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━\n'

SELECT p.pipeline, p.state, p.schedule, p.timezone, p.catchup, p.next_at AS "next",
       coalesce(p.problem, 'none') AS "problem"
FROM etl.pipelines AS p
ORDER BY p.pipeline;

SELECT r.run_id AS "run", r.pipeline AS "pipeline", r.logical_time AS "logical time", r.trigger AS "asked by",
       r.status AS "status", round(extract(epoch FROM r.duration)::numeric, 1) AS "seconds",
       concat_ws(', ', r.error, (SELECT string_agg(e.message, ', ') FROM etl.run_log AS e
                                 WHERE e.run_id = r.run_id AND e.event = 'missed')) AS "remark"
FROM etl.pipeline_runs AS r
ORDER BY r.run_id;

SELECT a.raised_at::timestamptz(0) AS "alert at", a.pipeline, a.step, left(a.message, 60) || '…' AS "message"
FROM alerts AS a
ORDER BY a.raised_at;

\echo '━━ The clock ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━\n'

\if :have_cron
    SELECT j.jobname AS "job", j.schedule AS "schedule, GMT", j.command AS "command"
    FROM cron.job AS j
    WHERE j.database = current_database()
    ORDER BY j.jobid;

    \echo 'What pg_cron ran last:\n'

    SELECT j.jobname AS "job",
           to_char(d.start_time, 'HH24:MI:SS') AS "began",
           d.status AS "status",
           round(extract(epoch FROM d.end_time - d.start_time)::numeric, 2) AS "seconds",
           d.return_message AS "message"
    FROM cron.job_run_details AS d
    LEFT JOIN cron.job AS j USING (jobid)
    WHERE d.database = current_database()
    ORDER BY d.runid DESC
    LIMIT 5;
\else
    \echo 'pg_cron is not installed in this database, so nothing is scheduled.'
\endif

\pset linestyle ascii
\pset null ''
\pset footer on
RESET client_min_messages;
RESET timezone;
\set QUIET off
