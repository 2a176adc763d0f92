-- Defines the work of a night on the tables of schema.sql: what a good row is, how long rows are kept, when the
-- materialized views and the rollups (rollups.sql) are refreshed, and the pipeline "nightly" that does everything in
-- order, every night at two. May be run again.
--
--     psql -f pipeline.sql
--     psql -v as_of='2026-01-01 00:00:00+00' -f pipeline.sql
--
-- Then run it, and look:
--
--     CALL etl.run_pipeline('nightly', '2026-01-01 00:00:00+00');
--     \i report.sql
--
-- as_of is the moment up to which the suite accepts timestamps until a run of the pipeline sets it anew (default: now).
-- Give the as_of that data.sql was run with, here and to the run: the rows "in the future" are so seen from there.

\set ON_ERROR_STOP on
\if :{?as_of}
\else
    SELECT now() AS as_of \gset
\endif

SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_cron') AS have_cron,
       CASE WHEN EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_cron') THEN 'warning' ELSE 'error' END AS tell
\gset
SET client_min_messages = warning;

BEGIN;

-- What a good row is --------------------------------------------------------------------------------------------------

-- A suite as Great Expectations 1.x writes it. Two of its arguments are of the day, the events on sale and the moment
-- beyond which lies the future, so that the suite is loaded anew each night.
CREATE OR REPLACE FUNCTION public.load_transactions_suite(as_of timestamptz)
RETURNS text
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT etl.load_suite(format($suite$
{
  "name": "transactions",
  "expectations": [
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "transaction_id"}},
    {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "transaction_id"}},
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "wallet_address"}},
    {"type": "expect_column_value_lengths_to_equal", "kwargs": {"column": "wallet_address", "value": 42}},
    {"type": "expect_column_values_to_match_regex",
     "kwargs": {"column": "wallet_address", "regex": "^0x[0-9a-f]{40}$"}},
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "event_id"}},
    {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "event_id", "value_set": %s}},
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "ticket_id"}},
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "price_paid"}},
    {"type": "expect_column_values_to_be_between", "kwargs": {"column": "price_paid", "min_value": 0}},
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "payment_method"}},
    {"type": "expect_column_values_to_be_in_set",
     "kwargs": {"column": "payment_method", "value_set": ["card", "apple_pay", "usdc", "eth", "matic"]}},
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "is_resale"}},
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "status"}},
    {"type": "expect_column_values_to_be_in_set",
     "kwargs": {"column": "status", "value_set": ["completed", "pending", "failed", "refunded"]}},
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "timestamp"}},
    {"type": "expect_column_values_to_be_between", "kwargs": {"column": "timestamp", "max_value": %s}},
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "purchase_time"}},
    {"type": "expect_column_pair_values_a_to_be_greater_than_b",
     "kwargs": {"column_A": "transfer_time", "column_B": "purchase_time", "or_equal": true,
                "ignore_row_if": "either_value_is_missing"}}
  ],
  "meta": {"great_expectations_version": "1.3.0"}
}
$suite$,
        (SELECT json_agg(e.event_id ORDER BY e.event_id) FROM public.events AS e),
        to_json(as_of)), replace => true)
$function$;

COMMENT ON FUNCTION public.load_transactions_suite(timestamptz) IS
    'Loads the suite "transactions" with the events of today, accepting timestamps up to the given moment.';

SELECT public.load_transactions_suite(:'as_of') AS suite
\g /dev/null

-- Features ------------------------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION public.refresh_user_stats(as_of timestamptz DEFAULT now())
RETURNS bigint
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $function$
    WITH sale AS NOT MATERIALIZED (
        SELECT h.*
        FROM public.transactions_history AS h
        WHERE h."timestamp" <= as_of
    ),
    wallet AS (
        SELECT s.wallet_address,
               etl.velocity(s."timestamp", interval '1 hour', as_of) AS txn_velocity_1h,
               etl.days_between(min(s."timestamp"), as_of) AS wallet_age_days,
               etl.avg_duration(s.purchase_time, s.transfer_time) AS avg_ticket_hold_time,
               etl.count_distinct(s.event_id) AS cross_event_attendance,
               etl.count_distinct(s.payment_method) AS payment_method_diversity
        FROM sale AS s
        GROUP BY s.wallet_address
    ),
    popularity AS (
        SELECT e.event_id, etl.event_popularity(count(*), e.capacity, e.event_date, as_of) AS score
        FROM public.events AS e
        JOIN sale AS s USING (event_id)
        WHERE NOT s.is_resale AND s.status = 'completed'
        GROUP BY e.event_id
    ),
    holding AS (
        SELECT s.wallet_address, max(p.score) AS event_popularity_score
        FROM sale AS s
        JOIN popularity AS p USING (event_id)
        WHERE s.transfer_time IS NULL
        GROUP BY s.wallet_address
    ),
    floor_price AS (
        SELECT l.event_id, min(l.listing_price) AS floor
        FROM public.listings AS l
        WHERE l."timestamp" <= as_of
        GROUP BY l.event_id
    ),
    purchase AS (
        SELECT DISTINCT ON (s.wallet_address) s.wallet_address, s.event_id, s.price_paid
        FROM sale AS s
        ORDER BY s.wallet_address, s."timestamp" DESC, s.transaction_id
    ),
    place AS (
        SELECT u.wallet_address, etl.geo_velocity(u."timestamp", u.latitude, u.longitude) AS geo_velocity_flag
        FROM public.user_sessions AS u
        WHERE u."timestamp" <= as_of
        GROUP BY u.wallet_address
    ),
    graph AS (
        SELECT g.node AS wallet_address, g.rank AS social_graph_centrality
        FROM etl.pagerank('SELECT r.referrer, r.referee FROM public.referrals AS r', damping => 0.85) AS g
    ),
    ticket AS (
        SELECT min(s.wallet_address) FILTER (WHERE NOT s.is_resale) AS wallet_address,
               etl.time_to_first_resale(s."timestamp", s.is_resale) AS minutes
        FROM sale AS s
        GROUP BY s.ticket_id
    ),
    resale AS (
        SELECT t.wallet_address, avg(t.minutes) AS time_to_first_resale
        FROM ticket AS t
        GROUP BY t.wallet_address
    ),
    written AS (
        INSERT INTO public.user_stats (
            wallet_address, txn_velocity_1h, wallet_age_days, avg_ticket_hold_time, event_popularity_score,
            price_deviation_ratio, cross_event_attendance, geo_velocity_flag, payment_method_diversity,
            social_graph_centrality, time_to_first_resale, as_of)
        SELECT wallet_address,
               w.txn_velocity_1h,
               w.wallet_age_days,
               w.avg_ticket_hold_time,
               h.event_popularity_score,
               etl.price_deviation(p.price_paid, f.floor),
               w.cross_event_attendance,
               coalesce(l.geo_velocity_flag, false),
               w.payment_method_diversity,
               g.social_graph_centrality,
               r.time_to_first_resale,
               as_of
        FROM wallet AS w
        JOIN purchase AS p USING (wallet_address)
        LEFT JOIN floor_price AS f USING (event_id)
        LEFT JOIN holding AS h USING (wallet_address)
        LEFT JOIN place AS l USING (wallet_address)
        LEFT JOIN graph AS g USING (wallet_address)
        LEFT JOIN resale AS r USING (wallet_address)
        ON CONFLICT (wallet_address) DO UPDATE SET
            txn_velocity_1h = excluded.txn_velocity_1h,
            wallet_age_days = excluded.wallet_age_days,
            avg_ticket_hold_time = excluded.avg_ticket_hold_time,
            event_popularity_score = excluded.event_popularity_score,
            price_deviation_ratio = excluded.price_deviation_ratio,
            cross_event_attendance = excluded.cross_event_attendance,
            geo_velocity_flag = excluded.geo_velocity_flag,
            payment_method_diversity = excluded.payment_method_diversity,
            social_graph_centrality = excluded.social_graph_centrality,
            time_to_first_resale = excluded.time_to_first_resale,
            as_of = excluded.as_of
        RETURNING 1
    )
    SELECT count(*) FROM written
$function$;

COMMENT ON FUNCTION public.refresh_user_stats(timestamptz) IS
    'Computes the ten features of every wallet as of a moment into user_stats, in one statement, and returns the '
    'number of wallets. What each feature means stands in the comments of the columns of user_stats.';

-- How long rows are kept ----------------------------------------------------------------------------------------------

\ir retention.sql

-- Rollups -------------------------------------------------------------------------------------------------------------

\ir rollups.sql

-- The night -----------------------------------------------------------------------------------------------------------

-- What went wrong in a night, for whoever is on duty: he reads the table, or LISTENs to the channel "alerts".
CREATE OR REPLACE FUNCTION public.raise_alerts()
RETURNS bigint
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $function$
    WITH raised AS (
        INSERT INTO public.alerts (pipeline, run_id, night, step, sqlstate, message)
        SELECT s.pipeline, s.run_id, etl.logical_time(), s.step, s.sqlstate,
               regexp_replace(concat_ws(': ', s.error, s.detail), '\s+', ' ', 'g')
        FROM etl.step_runs AS s
        WHERE s.run_id = etl.run_id() AND s.status = 'failed'
        RETURNING *
    ),
    told AS (
        SELECT pg_notify('alerts', format('%s of %s failed at %s: %s', r.pipeline, r.night, r.step,
                                          left(r.message, 1000)))
        FROM raised AS r
    )
    SELECT count(*) FROM told
$function$;

COMMENT ON FUNCTION public.raise_alerts() IS
    'For a step of a pipeline: writes the steps of its run that failed into alerts and tells those who listen. Returns '
    'their number.';

-- Every night at two by the clock on the wall, summer and winter. After an outage one run does for all nights that were
-- missed, as it takes all that has landed until then.
SET client_min_messages = :tell; -- without pg_cron, create_pipeline warns that nothing looks at schedules yet
SELECT etl.drop_pipeline('nightly', if_exists => true)
\g /dev/null
SELECT etl.create_pipeline('nightly', schedule => '0 2 * * *', timezone => 'Europe/Berlin', catchup => 'last',
           overlap => 'skip', max_parallel => 4, timeout => '3 hours', labels => '{"team": "data", "tier": 1}',
           description => 'Landing rows to clean table, features, dashboards and archives')
\g /dev/null

SELECT etl.add_step('nightly', 'suite', 'SELECT public.load_transactions_suite(etl.logical_time())')
\g /dev/null

-- One scan that counts what is wrong, and writes the counts down before anything is taken out. Where one row in twenty
-- breaks the same rule it is not the rows: the night ends here, and the rows wait where they are.
SELECT etl.add_step('nightly', 'validate', $action$
    INSERT INTO public.validation_results
    SELECT now(), v.expectation, v.kwargs, v.severity, v.success, v.element_count, v.missing_count,
           v.unexpected_count, v.unexpected_percent, v.observed_value, v.partial_unexpected_list, v.exception
    FROM etl.validate('public.transactions_raw', 'transactions') AS v
$action$, depends_on => '{suite}', "check" => $check$
    NOT EXISTS (SELECT FROM public.validation_results AS v WHERE v.validated_at = now() AND v.unexpected_percent > 5)
$check$)
\g /dev/null

SELECT etl.add_step('nightly', 'quarantine', $action$
    SELECT etl.quarantine('public.transactions_raw', 'transactions')
$action$, depends_on => '{validate}')
\g /dev/null

-- Rows that landed twice (all columns are the key, and two NULLs are the same); then rows that were sent again with
-- later news: the latest stays. etl.dedupe_runs has what they removed.
SELECT etl.add_step('nightly', 'dedupe_exact', 'public.transactions_raw', kind => 'dedupe', params => $params${
           "keys": ["transaction_id", "wallet_address", "event_id", "ticket_id", "price_paid", "payment_method",
                    "is_resale", "status", "timestamp", "purchase_time", "transfer_time"],
           "nulls_equal": true}$params$, depends_on => '{quarantine}'),
       etl.add_step('nightly', 'dedupe_versions', 'public.transactions_raw', kind => 'dedupe', params => $params${
           "keys": ["transaction_id"], "keep": "last", "order_by": "timestamp"}$params$,
           depends_on => '{dedupe_exact}')
\g /dev/null

-- The gate: from here on every row keeps the whole suite, or the run fails.
SELECT etl.add_step('nightly', 'gate', 'transactions', kind => 'validate',
           params => '{"target": "public.transactions_raw"}', depends_on => '{dedupe_versions}')
\g /dev/null

-- What is left is good. A sale that is already there is brought up to date when the new row is younger. The shop is at
-- work meanwhile: when this deadlocks with it, it is tried again.
SELECT etl.add_step('nightly', 'load', $action$
    WITH landed AS (
        DELETE FROM public.transactions_raw RETURNING *
    )
    INSERT INTO public.transactions AS t
    SELECT * FROM landed
    ON CONFLICT (transaction_id) DO UPDATE SET
        status = excluded.status,
        "timestamp" = excluded."timestamp",
        transfer_time = excluded.transfer_time
    WHERE excluded."timestamp" > t."timestamp"
$action$, depends_on => '{gate}', attempts => 5, backoff => '10 s', timeout => '1 hour')
\g /dev/null

-- From here on everything is beside each other, four at a time.
SELECT etl.add_step('nightly', 'features', 'SELECT public.refresh_user_stats(etl.logical_time())',
           depends_on => '{load}', timeout => '1 hour', "check" => $check$
    NOT EXISTS (SELECT FROM public.user_stats AS u WHERE u.as_of < etl.logical_time())
$check$)
\g /dev/null

SELECT etl.add_step('nightly', 'refresh_kpi', 'public.kpi_hourly', kind => 'refresh', depends_on => '{load}'),
       etl.add_step('nightly', 'refresh_events', 'public.event_analytics', kind => 'refresh', depends_on => '{load}'),
       etl.add_step('nightly', 'refresh_segments', 'public.user_segments', kind => 'refresh', depends_on => '{load}')
\g /dev/null

-- Rollups, as of the night's moment: the filter of the hours moves with it.
SELECT etl.add_step('nightly', 'rollup_kpi', 'public.rollup_kpi_hourly', kind => 'refresh', depends_on => '{load}'),
       etl.add_step('nightly', 'rollup_events', 'public.rollup_event_analytics', kind => 'refresh',
           depends_on => '{load}'),
       etl.add_step('nightly', 'rollup_segments', 'public.rollup_user_segments', kind => 'refresh',
           depends_on => '{load}'),
       etl.add_step('nightly', 'event_sales', 'public.event_sales_summary', kind => 'refresh', depends_on => '{load}'),
       etl.add_step('nightly', 'hourly_sales', 'public.hourly_ticket_sales', kind => 'refresh',
           depends_on => '{load}'),
       etl.add_step('nightly', 'daily_sales', 'public.daily_ticket_sales', kind => 'refresh',
           depends_on => '{hourly_sales}')
\g /dev/null

-- All policies, once everything that reads the old rows is done with them; then the room that they leave is given back.
SELECT etl.add_step('nightly', 'retention', '*', kind => 'retention',
           depends_on => '{features, refresh_kpi, refresh_events, refresh_segments, rollup_kpi, rollup_events,
                           rollup_segments, event_sales, daily_sales}'),
       etl.add_step('nightly', 'vacuum', $action$
           VACUUM (ANALYZE) public.transactions_raw;
           VACUUM (ANALYZE) public.transactions;
           VACUUM (ANALYZE) public.fraud_predictions;
           VACUUM (ANALYZE) public.user_sessions
       $action$, kind => 'toplevel', depends_on => '{retention}')
\g /dev/null

-- The last step fails or is skipped when any of them has failed.
SELECT etl.add_step('nightly', 'alert', 'SELECT public.raise_alerts()', depends_on => '{vacuum}',
           run_if => 'any_failed')
\g /dev/null

-- The clock of the refreshes by day, where there is one ---------------------------------------------------------------

\if :have_cron
    SELECT etl.add_refresh_policy('public.kpi_hourly', '* * * * *', if_not_exists => true),
           etl.add_refresh_policy('public.event_analytics', '*/15 * * * *', if_not_exists => true),
           etl.add_refresh_policy('public.user_segments', '5 * * * *', if_not_exists => true)
    \g /dev/null
    -- A refresh with nothing to do takes milliseconds: these may run often.
    SELECT etl.alter_rollup('public.rollup_kpi_hourly', schedule => '* * * * *'),
           etl.alter_rollup('public.rollup_event_analytics', schedule => '*/5 * * * *'),
           etl.alter_rollup('public.rollup_user_segments', schedule => '*/5 * * * *'),
           etl.alter_rollup('public.event_sales_summary', schedule => '*/5 * * * *'),
           etl.alter_rollup('public.hourly_ticket_sales', schedule => '*/5 * * * *'),
           etl.alter_rollup('public.daily_ticket_sales', schedule => '*/5 * * * *')
    \g /dev/null
\endif

COMMIT;

\if :have_cron
\else
    \echo 'pg_cron is not installed in this database: the refreshes are not scheduled, and the pipeline is run when'
    \echo 'something calls etl.tick().'
\endif
