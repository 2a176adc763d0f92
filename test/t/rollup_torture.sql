-- Tables and rollups for rollup_torture.t: few keys, so that writers meet, and every kind of source and query.
SET client_min_messages = warning;
CREATE EXTENSION pg_etl;

CREATE TABLE event (id int PRIMARY KEY, region text, title text);
CREATE TABLE sale (id int PRIMARY KEY, at timestamptz, event int, wallet text, price numeric(12, 2), ok boolean,
                   spare int);
CREATE TABLE prediction (sale int, model int, blocked boolean);
CREATE TABLE reading (at timestamptz NOT NULL, sensor int, value int) PARTITION BY RANGE (at);
CREATE TABLE reading_1 PARTITION OF reading FOR VALUES FROM ('2026-01-01') TO ('2026-01-02');
CREATE TABLE reading_2 PARTITION OF reading FOR VALUES FROM ('2026-01-02') TO ('2026-01-03');
CREATE TABLE reading_3 PARTITION OF reading FOR VALUES FROM ('2026-01-03') TO ('2026-01-04');
CREATE INDEX ON sale (at);
CREATE INDEX ON sale (event);
CREATE INDEX ON sale (wallet);
CREATE INDEX ON prediction (sale);
CREATE INDEX ON reading (at);

INSERT INTO event SELECT n, 'region ' || nullif(n % 4, 0), 'event ' || n FROM generate_series(1, 12) AS n;
INSERT INTO sale
SELECT n, '2026-01-01'::timestamptz + n * interval '4 minutes', nullif(n % 14, 0), 'wallet ' || nullif(n % 23, 0),
       n % 50, n % 3 > 0
FROM generate_series(1, 1000) AS n;
INSERT INTO prediction SELECT n, n % 3, n % 5 = 0 FROM generate_series(1, 1000, 2) AS n;
INSERT INTO reading
SELECT '2026-01-01'::timestamptz + n * interval '6 minutes', n % 9, n FROM generate_series(1, 700) AS n;

-- All of them follow erasures, so that they are what their query gives.
CREATE TABLE torture (name text PRIMARY KEY, query text, keys name[], mode text);
INSERT INTO torture VALUES
('public.hourly', $$
    SELECT date_trunc('hour', s.at, 'UTC') AS hour, count(*) AS sales, count(p.sale) AS predictions,
           count(*) FILTER (WHERE p.blocked) AS blocked, count(DISTINCT s.id) AS different, sum(s.price) AS revenue
    FROM public.sale AS s LEFT JOIN public.prediction AS p ON p.sale = s.id
    GROUP BY 1 $$, '{hour}', 'recompute'),
('public.by_event', $$
    SELECT s.event, count(*) AS sales, sum(s.price) AS revenue, avg(s.price) AS mean, count(s.wallet) AS known,
           bool_or(s.ok) AS any_ok, stddev_samp(s.price) AS spread
    FROM public.sale AS s
    GROUP BY s.event $$, '{event}', 'auto'),
('public.by_event_most', $$
    SELECT s.event, date_trunc('day', s.at, 'Europe/Madrid') AS day, min(s.price) AS least, max(s.at) AS latest,
           count(DISTINCT s.wallet) AS wallets, count(*) FILTER (WHERE s.ok) AS fine
    FROM public.sale AS s
    WHERE s.price > 3
    GROUP BY 1, 2 $$, '{event,day}', 'auto'),
('public.by_event_blocked', $$
    SELECT s.event, count(*) AS sales, count(*) FILTER (WHERE p.blocked) AS blocked, sum(s.price) AS revenue
    FROM public.sale AS s LEFT JOIN public.prediction AS p ON p.sale = s.id
    GROUP BY s.event $$, '{event}', 'auto'),
('public.by_region', $$
    SELECT e.region, p.model, count(*) AS sales, sum(s.price) AS revenue
    FROM public.sale AS s
    LEFT JOIN public.event AS e ON e.id = s.event
    LEFT JOIN public.prediction AS p ON p.sale = s.id
    GROUP BY 1, 2 $$, '{region,model}', 'auto'),
('public.by_wallet', $$
    SELECT s.wallet, count(*) AS sales, sum(s.price) AS spent
    FROM public.sale AS s
    WHERE s.ok
    GROUP BY s.wallet
    HAVING sum(s.price) > 300 $$, '{wallet}', 'recompute'),
('public.by_wallet_in_region', $$
    SELECT s.wallet, e.region, min(s.at) AS first, array_agg(s.id ORDER BY s.id) AS sales
    FROM public.sale AS s JOIN public.event AS e ON e.id = s.event
    WHERE NOT EXISTS (SELECT FROM public.prediction AS p WHERE p.sale = s.id AND p.blocked)
    GROUP BY s.wallet, e.region
    HAVING count(*) > 1 $$, '{wallet,region}', 'recompute'),
('public.nested', $$
    SELECT date_trunc('hour', s.at, 'UTC') AS hour, max(w.sales) AS most, sum(w.blocked) AS blocked
    FROM public.sale AS s
    JOIN (SELECT t.wallet, count(*) AS sales, count(p.sale) AS blocked
          FROM public.sale AS t LEFT JOIN public.prediction AS p ON p.sale = t.id AND p.blocked
          GROUP BY t.wallet) AS w ON w.wallet = s.wallet
    GROUP BY 1 $$, '{hour}', 'recompute'),
('public.readings', $$
    SELECT r.at::date AS day, r.sensor, count(*) AS readings, sum(r.value) AS total, max(r.value) AS greatest
    FROM (SELECT q.at AT TIME ZONE 'UTC' AS at, q.sensor, q.value FROM public.reading AS q) AS r
    GROUP BY 1, 2 $$, '{day,sensor}', 'auto'),
('public.readings_by_day', $$
    SELECT date_trunc('day', r.at, 'UTC') AS day, count(*) AS readings, sum(r.value) AS total, min(r.sensor) AS least
    FROM public.reading AS r
    GROUP BY 1 $$, '{day}', 'auto'),
('public.recent', $$
    SELECT s.event, count(*) AS sales
    FROM public.sale AS s
    WHERE s.at >= now() - interval '36 hours'
    GROUP BY s.event $$, '{event}', 'recompute'),
('public.daily', $$
    SELECT date_trunc('day', h.hour, 'UTC') AS day, sum(h.sales) AS sales, sum(h.revenue) AS revenue,
           max(h.blocked) AS blocked
    FROM public.hourly AS h
    GROUP BY 1 $$, '{day}', 'auto'),
('public.monthly', $$
    SELECT extract(month FROM d.day AT TIME ZONE 'UTC')::int AS month, sum(d.sales) AS sales, max(d.revenue) AS best
    FROM public.daily AS d
    GROUP BY 1 $$, '{month}', 'auto');
SELECT etl.create_rollup(t.name, t.query, t.keys, t.mode, retention => 'follow',
                         realtime => t.query !~ 'now\(|hourly|daily')
FROM torture AS t ORDER BY t.name = 'public.monthly', t.name = 'public.daily', t.name \g /dev/null

-- What a table lacks or has too much against a query, read in one statement.
CREATE FUNCTION difference(query text, stored text, OUT only_in text, OUT "row" text)
RETURNS SETOF record
LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format(
        'SELECT * FROM (SELECT ''query'', d::text FROM (SELECT * FROM (%1$s) AS q EXCEPT ALL TABLE %2$s) AS d '
        'UNION ALL '
        'SELECT ''rollup'', d::text FROM (TABLE %2$s EXCEPT ALL SELECT * FROM (%1$s) AS q) AS d) AS u LIMIT 5',
        query, stored);
END
$$;

CREATE FUNCTION differences(as_of text, OUT name text, OUT only_in text, OUT "row" text)
RETURNS SETOF record
LANGUAGE sql AS $$
    SELECT t.name, d.*
    FROM torture AS t
    CROSS JOIN LATERAL difference(replace(t.query, 'now()', quote_literal(as_of) || '::timestamptz'), t.name) AS d
$$;

-- A live view is never wrong.
CREATE FUNCTION live_differences(rollup text, OUT name text, OUT only_in text, OUT "row" text)
RETURNS SETOF record
LANGUAGE sql AS $$
    SELECT t.name, d.* FROM torture AS t CROSS JOIN LATERAL difference(t.query, t.name || '_live') AS d
    WHERE t.name = 'public.' || rollup
$$;
