-- Rollups: what the dashboards show, kept exact at a cost that follows what has changed. pipeline.sql reads this file
-- in; it may be run again.
--
-- The materialized views of schema.sql are here once more, each as a rollup of the large tables and a view that adds
-- what is small: events without a sale, quiet hours, floors, how long ago "now" a purchase is. Such a view has the very
-- rows of the materialized view, and costs as much as it has rows. Then come two summaries of the sales: one of what
-- is sold, archive included, and one of hours and days that outlives the rows that retention takes.
--
-- Predictions are looked up for each sale (LATERAL), not grouped beforehand: for few sales few of them are read then.
--
-- retention says what becomes of a group whose rows retention erases. "follow" computes it from what is left, as a
-- materialized view would; "freeze" keeps it as it was.

\set ON_ERROR_STOP on

SET client_min_messages = warning;

-- The three dashboards -----------------------------------------------------------------------------------------------

-- The filter moves: hours that are older than its edge leave the rollup by themselves. The edge is at midnight, so that
-- it moves once a day and not with each refresh.
SELECT etl.create_rollup('public.rollup_kpi_hourly', $query$
    SELECT date_trunc('hour', t."timestamp", 'UTC') AS hour,
           count(*) AS transactions,
           coalesce(sum(t.price_paid) FILTER (WHERE t.status = 'completed'), 0)::numeric(18,2) AS revenue,
           count(DISTINCT t.wallet_address) AS wallets,
           count(*) FILTER (WHERE t.is_resale) AS resales,
           count(*) FILTER (WHERE t.status = 'failed') AS failed,
           count(*) FILTER (WHERE v.decision = 'review') AS reviewed,
           count(*) FILTER (WHERE v.decision = 'block') AS blocked
    FROM public.transactions AS t
    LEFT JOIN LATERAL (
        SELECT p.decision
        FROM public.fraud_predictions AS p
        WHERE p.transaction_id = t.transaction_id
        ORDER BY p."timestamp" DESC, p.id DESC
        LIMIT 1
    ) AS v ON true
    WHERE t."timestamp" >= date_trunc('day', now(), 'UTC') - interval '7 days'
    GROUP BY 1
$query$, '{hour}', retention => 'follow', if_not_exists => true,
    description => 'Sales of each hour of the last seven days, and of today')
\g /dev/null

SELECT etl.create_rollup('public.rollup_event_analytics', $query$
    SELECT t.event_id,
           count(*) AS transactions,
           count(*) FILTER (WHERE NOT t.is_resale) AS minted,
           count(*) FILTER (WHERE t.is_resale) AS resales,
           sum(t.price_paid) FILTER (WHERE t.status = 'completed') AS revenue,
           avg(t.price_paid) FILTER (WHERE NOT t.is_resale) AS mint_price,
           avg(t.price_paid) FILTER (WHERE t.is_resale) AS resale_price,
           count(DISTINCT t.wallet_address) AS wallets,
           avg(v.worst_score) AS fraud_score,
           count(*) FILTER (WHERE v.was_blocked) AS blocked
    FROM public.transactions AS t
    LEFT JOIN LATERAL (
        SELECT max(p.fraud_score) AS worst_score, bool_or(p.decision = 'block') AS was_blocked
        FROM public.fraud_predictions AS p
        WHERE p.transaction_id = t.transaction_id
    ) AS v ON true
    GROUP BY t.event_id
$query$, '{event_id}', retention => 'follow', if_not_exists => true,
    description => 'Sales, prices, buyers and fraud of each event that has a sale')
\g /dev/null

SELECT etl.create_rollup('public.rollup_user_segments', $query$
    SELECT t.wallet_address,
           count(*) AS transactions,
           count(*) FILTER (WHERE t.is_resale) AS resales_bought,
           coalesce(sum(t.price_paid) FILTER (WHERE t.status = 'completed'), 0)::numeric(18,2) AS spend,
           min(t."timestamp") AS first_purchase,
           max(t."timestamp") AS last_purchase,
           CASE
               WHEN sum(t.price_paid) FILTER (WHERE t.status = 'completed') >= 10000 THEN 'whale'
               WHEN sum(t.price_paid) FILTER (WHERE t.status = 'completed') >= 2000 THEN 'big spender'
               WHEN sum(t.price_paid) FILTER (WHERE t.status = 'completed') >= 300 THEN 'regular'
               ELSE 'occasional'
           END AS spend_segment,
           coalesce(bool_or(v.was_blocked), false) AS was_blocked
    FROM public.transactions AS t
    LEFT JOIN LATERAL (
        SELECT bool_or(p.decision = 'block') AS was_blocked
        FROM public.fraud_predictions AS p
        WHERE p.transaction_id = t.transaction_id
    ) AS v ON true
    GROUP BY t.wallet_address
$query$, '{wallet_address}', retention => 'follow', if_not_exists => true,
    description => 'What each wallet bought and spent, and the segment that puts it in')
\g /dev/null

CREATE OR REPLACE VIEW public.fresh_kpi_hourly AS
WITH latest AS (
    SELECT max(k.hour) AS hour FROM public.rollup_kpi_hourly AS k
)
SELECT h.hour,
       coalesce(k.transactions, 0) AS transactions,
       coalesce(k.revenue, 0)::numeric(18,2) AS revenue,
       coalesce(k.wallets, 0) AS wallets,
       coalesce(k.resales, 0) AS resales,
       coalesce(k.failed, 0) AS failed,
       coalesce(k.reviewed, 0) AS reviewed,
       coalesce(k.blocked, 0) AS blocked
FROM latest AS l
CROSS JOIN generate_series(l.hour - interval '167 hours', l.hour, interval '1 hour') AS h (hour)
LEFT JOIN public.rollup_kpi_hourly AS k ON k.hour = h.hour;

COMMENT ON VIEW public.fresh_kpi_hourly IS
    'The rows of kpi_hourly, from the rollup: with the hours in which nothing was sold.';

CREATE OR REPLACE VIEW public.fresh_event_analytics AS
SELECT e.event_id,
       e.event_name,
       e.event_date,
       e.capacity,
       coalesce(s.transactions, 0) AS transactions,
       coalesce(s.minted, 0) AS minted,
       round(100.0 * coalesce(s.minted, 0) / nullif(e.capacity, 0), 1) AS sold_percent,
       coalesce(s.resales, 0) AS resales,
       coalesce(s.revenue, 0)::numeric(18,2) AS revenue,
       s.mint_price::numeric(18,2) AS mint_price,
       s.resale_price::numeric(18,2) AS resale_price,
       coalesce(s.wallets, 0) AS wallets,
       coalesce(f.listings, 0) AS listings,
       f.floor_price::numeric(18,2) AS floor_price,
       s.fraud_score::numeric(5,3) AS fraud_score,
       coalesce(s.blocked, 0) AS blocked
FROM public.events AS e
LEFT JOIN public.rollup_event_analytics AS s USING (event_id)
LEFT JOIN (
    SELECT l.event_id, count(*) AS listings, min(l.listing_price) AS floor_price
    FROM public.listings AS l
    GROUP BY l.event_id
) AS f USING (event_id);

COMMENT ON VIEW public.fresh_event_analytics IS
    'The rows of event_analytics, from the rollup: with the events of which nothing was sold, and the floors.';

CREATE OR REPLACE VIEW public.fresh_user_segments AS
SELECT s.wallet_address,
       s.transactions,
       s.resales_bought,
       s.spend,
       s.first_purchase,
       s.last_purchase,
       round((extract(epoch FROM l.at - s.last_purchase) / 86400)::numeric, 2) AS recency_days,
       s.spend_segment,
       CASE
           WHEN s.last_purchase > l.at - interval '7 days' THEN 'active'
           WHEN s.last_purchase > l.at - interval '30 days' THEN 'recent'
           WHEN s.last_purchase > l.at - interval '60 days' THEN 'cooling'
           ELSE 'dormant'
       END AS recency_segment,
       s.was_blocked
FROM public.rollup_user_segments AS s
CROSS JOIN (SELECT max(u.last_purchase) AS at FROM public.rollup_user_segments AS u) AS l;

COMMENT ON VIEW public.fresh_user_segments IS
    'The rows of user_segments, from the rollup: with the days since the last purchase, which pass without a change.';

-- Summaries of the sales ---------------------------------------------------------------------------------------------

-- Retention moves a sale from one table to the other, in one transaction: the sum stays the same.
SELECT etl.create_rollup('public.event_sales_summary', $query$
    SELECT s.event_id,
           count(*) AS tickets_sold,
           sum(s.price_paid) AS revenue,
           count(*) FILTER (WHERE s.is_resale) AS resales,
           count(DISTINCT s.wallet_address) AS unique_buyers,
           avg(s.price_paid)::numeric(18,2) AS average_price,
           min(s."timestamp") AS first_sale,
           max(s."timestamp") AS last_sale
    FROM (
        SELECT t.event_id, t.wallet_address, t.price_paid, t.is_resale, t.status, t."timestamp"
        FROM public.transactions AS t
        UNION ALL
        SELECT a.event_id, a.wallet_address, a.price_paid, a.is_resale, a.status, a."timestamp"
        FROM public.transactions_archive AS a
    ) AS s
    WHERE s.status = 'completed'
    GROUP BY s.event_id
$query$, '{event_id}', retention => 'follow', if_not_exists => true,
    description => 'What was sold of each event, archived sales included')
\g /dev/null

SELECT etl.create_rollup('public.hourly_ticket_sales', $query$
    SELECT date_trunc('hour', t."timestamp", 'UTC') AS hour,
           count(*) AS tickets_sold,
           sum(t.price_paid) AS revenue,
           count(*) FILTER (WHERE t.is_resale) AS resales
    FROM public.transactions AS t
    WHERE t.status = 'completed'
    GROUP BY 1
$query$, '{hour}', retention => 'freeze', if_not_exists => true,
    description => 'Sales of each hour for good: hours that retention has erased stay as they were')
\g /dev/null

-- A rollup of a rollup: it reads 24 rows for a day, and is refreshed after the one that it reads.
SELECT etl.create_rollup('public.daily_ticket_sales', $query$
    SELECT date_trunc('day', h.hour, 'UTC') AS day,
           sum(h.tickets_sold)::bigint AS tickets_sold,
           sum(h.revenue) AS revenue,
           sum(h.resales)::bigint AS resales,
           (sum(h.revenue) / sum(h.tickets_sold))::numeric(18,2) AS average_price,
           max(h.tickets_sold) AS busiest_hour
    FROM public.hourly_ticket_sales AS h
    GROUP BY 1
$query$, '{day}', if_not_exists => true, description => 'Sales of each day, from the hours')
\g /dev/null
