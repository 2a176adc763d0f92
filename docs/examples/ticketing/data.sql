-- Fills the tables of schema.sql with made-up rows: 120 days of ticket sales that end just before as_of, and among them
-- a known number of bad rows of each kind. What was there before is removed.
--
--     psql -f data.sql
--     psql -v rows=5000 -v seed=7 -v as_of='2026-06-01 12:00:00+00' -f data.sql
--
-- rows   good transactions in the landing table (default 200000); everything else is in proportion
-- seed   an integer (default 42)
-- as_of  the moment at which the data ends (default 2026-01-01 00:00:00+00)
--
-- The same three values give the same rows, bit for bit. Nothing here calls random(): each choice is a hash of the
-- seed, the number of the row and the name of the choice, so that neither the plan nor the order of evaluation matters.
-- Only exact arithmetic is used on the way (no logarithms or powers, which differ in the last bit between machines).

\set ON_ERROR_STOP on
\if :{?rows}
\else
    \set rows 200000
\endif
\if :{?seed}
\else
    \set seed 42
\endif
\if :{?as_of}
\else
    \set as_of '2026-01-01 00:00:00+00'
\endif

SET timezone = 'UTC';
SET client_min_messages = warning;

BEGIN;

-- A parallel scan would write the same rows in another order.
SET LOCAL max_parallel_workers_per_gather = 0;
SET LOCAL work_mem = '64MB';

TRUNCATE events, transactions, transactions_raw, transactions_archive, fraud_predictions, fraud_predictions_archive,
    user_sessions, listings, referrals, security_events, blacklisted_wallets, admin_audit_log,
    admin_audit_log_archive, user_stats, dataset, expected_defects, expected_retention, validation_results,
    alerts, observations RESTART IDENTITY;

-- Sizes. Times are whole milliseconds since 1970 until they are stored: that is what "now" and the names in x count.
SELECT (:rows)::bigint / 5 AS resales,
       (:rows)::bigint - (:rows)::bigint / 5 AS tickets,
       greatest(50, (:rows)::bigint / 8) AS wallets,
       greatest(40, least(400, (:rows)::bigint / 50)) AS event_count,
       floor(extract(epoch FROM timestamptz :'as_of') * 1000)::bigint AS now
\gset
\set day 86400000::bigint

-- The dice ------------------------------------------------------------------------------------------------------------

-- A number in [0, 1) for row n and the choice of that name: 53 bits of a 64-bit hash.
CREATE OR REPLACE FUNCTION pg_temp.unit(n bigint, choice text) RETURNS double precision
IMMUTABLE PARALLEL SAFE
RETURN ((hashint8extended(n, hashtextextended(choice, :seed)) >> 11) & 9007199254740991)::double precision
    / 9007199254740992;

-- A whole number in 0 .. sides - 1.
CREATE OR REPLACE FUNCTION pg_temp.pick(n bigint, choice text, sides bigint) RETURNS bigint
IMMUTABLE PARALLEL SAFE
RETURN floor(pg_temp.unit(n, choice) * sides)::bigint;

-- 64 hexadecimal digits.
CREATE OR REPLACE FUNCTION pg_temp.digest(n bigint, choice text) RETURNS text
IMMUTABLE PARALLEL SAFE
RETURN encode(sha256((choice || ' ' || :seed::text || ' ' || n::text)::bytea), 'hex');

CREATE OR REPLACE FUNCTION pg_temp.moment(x bigint) RETURNS timestamptz
IMMUTABLE PARALLEL SAFE
RETURN timestamptz 'epoch' + x * interval '1 millisecond';

-- Wallets -------------------------------------------------------------------------------------------------------------

-- Any two cities are more than 500 km apart.
CREATE TEMPORARY TABLE city ON COMMIT DROP AS
SELECT *
FROM (VALUES
    (0, 'Lisbon', 38.72, -9.14), (1, 'London', 51.51, -0.13), (2, 'Berlin', 52.52, 13.40), (3, 'Rome', 41.90, 12.50),
    (4, 'Cairo', 30.04, 31.24), (5, 'Lagos', 6.52, 3.38), (6, 'Nairobi', -1.29, 36.82), (7, 'Mumbai', 19.08, 72.88),
    (8, 'Bangkok', 13.76, 100.50), (9, 'Singapore', 1.35, 103.82), (10, 'Tokyo', 35.68, 139.69),
    (11, 'Seoul', 37.57, 126.98), (12, 'Sydney', -33.87, 151.21), (13, 'Auckland', -36.85, 174.76),
    (14, 'Los Angeles', 34.05, -118.24), (15, 'Mexico City', 19.43, -99.13), (16, 'Chicago', 41.88, -87.63),
    (17, 'New York', 40.71, -74.01), (18, 'Bogota', 4.71, -74.07), (19, 'Sao Paulo', -23.55, -46.63)
) AS c (city, city_name, latitude, longitude);

-- One in ten wallets looks around and never buys. The first twelve that buy are bots.
CREATE TEMPORARY TABLE wallet ON COMMIT DROP AS
SELECT w,
       '0x' || left(pg_temp.digest(w, 'wallet'), 40) AS address,
       pg_temp.pick(w, 'home', 20)::integer AS home,
       (ARRAY['card', 'card', 'card', 'apple_pay', 'usdc', 'usdc', 'eth', 'matic'])[1 + pg_temp.pick(w, 'method', 8)]
           AS method
FROM generate_series(1, :wallets + :wallets / 10) AS w;

-- Events --------------------------------------------------------------------------------------------------------------

-- Sales open some weeks before the event. Later events rank higher more often, as the shop grows. share says what part
-- of all sales is the event's: it falls with the rank, and an event of which half the sale lies outside of the 120 days
-- has half the rows.
CREATE TEMPORARY TABLE event_plan ON COMMIT DROP AS
WITH dated AS (
    SELECT e,
           row_number() OVER (ORDER BY pg_temp.unit(e, 'rank') * (290 - pg_temp.pick(e, 'date', 236)), e) AS rank,
           (:now / :day + pg_temp.pick(e, 'date', 236) - 115) * :day
               + (36 + pg_temp.pick(e, 'doors', 7)) * 1800000 AS x_date,
           (40 + pg_temp.pick(e, 'lead', 45)) * :day + pg_temp.pick(e, 'open', 6) * 3600000 AS lead,
           20 + pg_temp.pick(e, 'price', 25) * 5 + pg_temp.pick(e, 'luxury', 4) * pg_temp.pick(e, 'more', 40) AS price
    FROM generate_series(1, :event_count) AS e
),
windowed AS (
    SELECT d.*,
           greatest(d.x_date - d.lead, :now - 120 * :day) AS x_open,
           least(d.x_date, :now) AS x_close
    FROM dated AS d
)
SELECT w.*,
       CASE WHEN w.x_close - w.x_open > :day
            THEN (w.x_close - w.x_open)::double precision / w.lead / (w.rank + 5) END AS share
FROM windowed AS w;

-- The selling events side by side on [0, 1), so that a number there picks one.
CREATE TEMPORARY TABLE event_slot ON COMMIT DROP AS
SELECT row_number() OVER by_rank AS slot,
       p.e, p.rank, p.x_date, p.x_open, p.x_close, p.price,
       (sum(p.share) OVER by_rank - p.share) / sum(p.share) OVER () AS start
FROM event_plan AS p
WHERE p.share IS NOT NULL
WINDOW by_rank AS (ORDER BY p.rank);

CREATE TEMPORARY TABLE dice ON COMMIT DROP AS
SELECT (SELECT array_agg(s.start ORDER BY s.slot) FROM event_slot AS s) AS events,
       -- Of 100 sales, how many were made before 00:00, 01:00, ... UTC: quiet at five, busiest in the evening.
       ARRAY[0, 2.5, 4.2, 5.4, 6.2, 6.8, 7.4, 8.5, 10.4, 13.2, 17, 21.3, 26, 31, 35.8, 40.6, 45.6, 51, 57.2, 65, 74,
           82.6, 89.8, 95.6]::double precision[] AS hours;

-- Sales ---------------------------------------------------------------------------------------------------------------

-- A mint falls on a day of its event's sale (three in ten into the rush after the opening), moves from Monday, Tuesday
-- or Wednesday to the weekend in one of four cases, and takes an hour of the daily rhythm where the sale is open then.
CREATE TEMPORARY TABLE mint ON COMMIT DROP AS
WITH chosen AS (
    SELECT n, width_bucket(pg_temp.unit(n, 'event'), d.events) AS slot
    FROM generate_series(1, :tickets) AS n
    CROSS JOIN dice AS d
),
-- Materialized, as what is computed here would be computed again wherever it is used.
placed AS MATERIALIZED (
    SELECT c.n, s.e, s.price, s.x_open, s.x_close,
           s.x_open + floor((s.x_close - s.x_open) * CASE WHEN pg_temp.unit(c.n, 'rush') < 0.3
               THEN pg_temp.unit(c.n, 'day') * pg_temp.unit(c.n, 'day') * pg_temp.unit(c.n, 'day')
               ELSE pg_temp.unit(c.n, 'day') END)::bigint AS x
    FROM chosen AS c
    JOIN event_slot AS s USING (slot)
),
timed AS MATERIALIZED (
    SELECT p.*,
           p.x - p.x % :day
               + CASE WHEN (p.x / :day) % 7 >= 4 AND pg_temp.pick(p.n, 'weekend', 4) = 0 THEN 4 * :day ELSE 0 END
               + (width_bucket(pg_temp.unit(p.n, 'hour') * 100, d.hours) - 1) * 3600000
               + pg_temp.pick(p.n, 'minute', 3600000) AS x_rhythm
    FROM placed AS p
    CROSS JOIN dice AS d
)
SELECT t.n, t.e, t.price, t.x_close,
       CASE WHEN t.x_rhythm BETWEEN t.x_open AND t.x_close - 600000
            THEN t.x_rhythm
            ELSE least(t.x, t.x_close - 600000) END AS x
FROM timed AS t;

-- Row n is the mint of ticket n, or, beyond the tickets, the resale of one of them. w is the buyer: low numbers buy
-- much more often, and each hour one of the twelve bots takes a tenth of the mints, near the end much more.
CREATE TEMPORARY TABLE sale ON COMMIT DROP AS
WITH sold AS (
    SELECT m.n, m.n AS ticket, m.e, m.x, false AS is_resale,
           CASE WHEN pg_temp.unit(m.n, 'bot') < CASE WHEN m.x > :now - 7200000 THEN 0.4 ELSE 0.1 END
                THEN 1 + (m.x / 3600000) % 12
                ELSE 13 + floor((:wallets - 12) * pg_temp.unit(m.n, 'buyer') * pg_temp.unit(m.n, 'buyer'))::bigint
           END AS w,
           m.price * (ARRAY[1, 1, 1, 1.5, 1.5, 2.5])[1 + pg_temp.pick(m.n, 'tier', 6)] AS price
    FROM mint AS m
    UNION ALL
    SELECT r.n, m.n, m.e,
           m.x + greatest(60000, floor((m.x_close - m.x)
               * pg_temp.unit(r.n, 'held') * pg_temp.unit(r.n, 'held'))::bigint),
           true,
           13 + floor((:wallets - 12) * pg_temp.unit(r.n, 'buyer') * pg_temp.unit(r.n, 'buyer'))::bigint,
           m.price * (ARRAY[1, 1, 1, 1.5, 1.5, 2.5])[1 + pg_temp.pick(m.n, 'tier', 6)]
               * (0.6 + floor(2000 * pg_temp.unit(r.n, 'markup') * pg_temp.unit(r.n, 'markup'))::numeric / 1000)
    FROM (SELECT n, 1 + pg_temp.pick(n, 'ticket', :tickets) AS ticket
          FROM generate_series(:tickets + 1, (:rows)::bigint) AS n) AS r
    JOIN mint AS m ON m.n = r.ticket
)
SELECT b.*, lead(b.x) OVER (PARTITION BY b.ticket ORDER BY b.is_resale, b.x, b.n) AS x_next
FROM sold AS b;

-- The good rows as they are stored. Only the last sale of a ticket can have failed or be pending. A ticket that nobody
-- bought on may have been given away.
CREATE TEMPORARY TABLE good ON COMMIT DROP AS
SELECT s.n,
       s.x,
       s.w,
       pg_temp.digest(s.n, 'transaction')::varchar(64) AS transaction_id,
       w.address::varchar(42) AS wallet_address,
       s.e AS event_id,
       s.ticket AS ticket_id,
       round(s.price * CASE WHEN m.method IN ('card', 'apple_pay') THEN 1
                            ELSE 1 - pg_temp.pick(s.n, 'fee', 1000000)::numeric / 100000000 END, 8)::numeric(18,8)
           AS price_paid,
       m.method AS payment_method,
       s.is_resale,
       CASE WHEN s.x_next IS NOT NULL THEN 'completed'
            WHEN pg_temp.unit(s.n, 'status') < 0.02 THEN 'failed'
            WHEN pg_temp.unit(s.n, 'status') < 0.035 THEN 'refunded'
            WHEN pg_temp.unit(s.n, 'status') < 0.2 AND s.x > :now - 2 * :day THEN 'pending'
            ELSE 'completed' END AS status,
       pg_temp.moment(s.x) AS "timestamp",
       pg_temp.moment(s.x - 500 - pg_temp.pick(s.n, 'checkout', 90000)) AS purchase_time,
       pg_temp.moment(CASE WHEN s.x_next IS NOT NULL THEN s.x_next
                           WHEN pg_temp.unit(s.n, 'gift') < 0.05
                           THEN s.x + floor((:now - s.x) * pg_temp.unit(s.n, 'given'))::bigint END) AS transfer_time
FROM sale AS s
JOIN wallet AS w USING (w)
CROSS JOIN LATERAL (
    SELECT CASE WHEN pg_temp.pick(s.n, 'other method', 5) = 0
                THEN (ARRAY['card', 'apple_pay', 'usdc', 'eth', 'matic'])[1 + pg_temp.pick(s.n, 'which', 5)]
                ELSE w.method END AS method
) AS m;

INSERT INTO dataset (rows, seed, as_of, checksum)
SELECT :rows, :seed, :'as_of',
       sum(hash_record_extended(ROW(g.transaction_id, g.wallet_address, g.event_id, g.ticket_id, g.price_paid,
           g.payment_method, g.is_resale, g.status, g."timestamp", g.purchase_time, g.transfer_time), 0))
FROM good AS g;

-- Half of the events have room for everyone who came, the rest is nearly sold out. Those whose sale has not begun have
-- sold nothing.
INSERT INTO events (event_id, event_name, event_date, capacity)
SELECT p.e,
       (ARRAY['Neon', 'Velvet', 'Midnight', 'Golden', 'Silent', 'Electric', 'Paper', 'Crystal', 'Northern', 'Wild',
           'Little', 'Second', 'Hidden', 'Endless', 'Lucky', 'Broken'])[1 + pg_temp.pick(p.e, 'first', 16)]
           || ' ' || (ARRAY['Harbour', 'Orchestra', 'Foxes', 'Parade', 'Satellites', 'Garden', 'Theory', 'Lanterns',
           'Comets', 'Tigers', 'Weather', 'Kingdom', 'Pilots', 'Mirrors'])[1 + pg_temp.pick(p.e, 'second', 14)]
           || ', ' || c.city_name,
       pg_temp.moment(p.x_date),
       CASE WHEN s.minted IS NULL THEN 50 * (1 + pg_temp.pick(p.e, 'room', 40))
            WHEN pg_temp.pick(p.e, 'sold out', 2) = 0 THEN 10 * (s.minted / 10 + 1)
            ELSE 10 * (s.minted * (12 + pg_temp.pick(p.e, 'room', 20)) / 100 + 1) END
FROM event_plan AS p
JOIN city AS c ON c.city = pg_temp.pick(p.e, 'city', 20)
LEFT JOIN (SELECT m.e, count(*) AS minted FROM mint AS m GROUP BY m.e) AS s USING (e)
ORDER BY p.e;

-- Bad rows ------------------------------------------------------------------------------------------------------------

-- One row of each kind for every so many good ones, and one at least.
INSERT INTO expected_defects (defect, expectation, rows)
SELECT d.defect, d.expectation, greatest(1, (:rows)::bigint / d.one_in)
FROM (VALUES
    ('null wallet', 'expect_column_values_to_not_be_null(wallet_address)', 1000),
    ('malformed wallet', 'expect_column_values_to_match_regex(wallet_address)', 640),
    ('null price', 'expect_column_values_to_not_be_null(price_paid)', 900),
    ('negative price', 'expect_column_values_to_be_between(price_paid)', 800),
    ('unknown status', 'expect_column_values_to_be_in_set(status)', 700),
    ('unknown payment method', 'expect_column_values_to_be_in_set(payment_method)', 560),
    ('transfer before purchase',
        'expect_column_pair_values_a_to_be_greater_than_b(transfer_time, purchase_time)', 500),
    ('unknown event', 'expect_column_values_to_be_in_set(event_id)', 450),
    ('timestamp in the future', 'expect_column_values_to_be_between(timestamp)', 950),
    ('exact duplicate', NULL, 100),
    ('older version', NULL, 160)
) AS d (defect, expectation, one_in);

-- Each bad row starts from a good row of its own, but for one in five of the exact duplicates, which repeats the row of
-- the one before: such a row lands three times.
CREATE TEMPORARY TABLE bad ON COMMIT DROP AS
WITH numbered AS (
    SELECT d.defect, i, row_number() OVER (ORDER BY d.defect, i) AS k
    FROM expected_defects AS d
    CROSS JOIN generate_series(1, d.rows) AS i
),
sourced AS (
    SELECT m.*, CASE WHEN m.defect = 'exact duplicate' AND m.i % 5 = 0 THEN m.k - 1 ELSE m.k END AS k_source
    FROM numbered AS m
),
victim AS (
    SELECT v.n, row_number() OVER () AS k_source
    FROM (SELECT g.n
          FROM good AS g
          ORDER BY pg_temp.unit(g.n, 'victim'), g.n
          LIMIT (SELECT sum(d.rows) FROM expected_defects AS d)) AS v
)
SELECT s.k, s.defect, g.*
FROM sourced AS s
JOIN victim AS v USING (k_source)
JOIN good AS g USING (n);

UPDATE bad SET transaction_id = pg_temp.digest(k, 'bad') WHERE defect NOT IN ('exact duplicate', 'older version');

UPDATE bad SET
    wallet_address = CASE
        WHEN defect = 'null wallet' THEN NULL
        WHEN defect = 'malformed wallet' THEN (ARRAY[
            '0X' || substr(wallet_address, 3),
            left(wallet_address, 41) || 'g',
            upper(wallet_address),
            '0x' || repeat('?', 40),
            left(wallet_address, 20) || ' ' || substr(wallet_address, 22)])[1 + pg_temp.pick(k, 'malformed', 5)]
        ELSE wallet_address END,
    price_paid = CASE
        WHEN defect = 'null price' THEN NULL
        WHEN defect = 'negative price' THEN - price_paid
        ELSE price_paid END,
    status = CASE
        WHEN defect = 'unknown status' THEN
            (ARRAY['complete', 'COMPLETED', 'done', ''])[1 + pg_temp.pick(k, 'typo', 4)]
        -- The row that was sent again later said 'pending' the first time.
        WHEN defect = 'older version' THEN 'pending'
        ELSE status END,
    payment_method = CASE
        WHEN defect = 'unknown payment method' THEN
            (ARRAY['cheque', 'Card', 'doge', 'seashells'])[1 + pg_temp.pick(k, 'typo', 4)]
        ELSE payment_method END,
    event_id = CASE
        WHEN defect = 'unknown event' THEN 100000 + pg_temp.pick(k, 'nowhere', 900)
        ELSE event_id END,
    "timestamp" = CASE
        WHEN defect = 'timestamp in the future'
            THEN pg_temp.moment(:now + 3600000 + pg_temp.pick(k, 'ahead', 30 * :day))
        -- Between payment and the version that stays.
        WHEN defect = 'older version' THEN pg_temp.moment(x - 250)
        ELSE "timestamp" END,
    transfer_time = CASE
        WHEN defect = 'transfer before purchase'
            THEN purchase_time - (1 + pg_temp.pick(k, 'before', 100000)) * interval '1 second'
        ELSE transfer_time END;

-- Rows land about when they were made, give or take an hour.
INSERT INTO transactions_raw
SELECT a.transaction_id, a.wallet_address, a.event_id, a.ticket_id, a.price_paid, a.payment_method, a.is_resale,
       a.status, a."timestamp", a.purchase_time, a.transfer_time
FROM (
    SELECT g.x + pg_temp.pick(g.n, 'delay', 3600000) AS x_arrival, 0 AS k, g.* FROM good AS g
    UNION ALL
    SELECT b.x + pg_temp.pick(b.k, 'late', 3600000), b.k, b.n, b.x, b.w, b.transaction_id, b.wallet_address,
           b.event_id, b.ticket_id, b.price_paid, b.payment_method, b.is_resale, b.status, b."timestamp",
           b.purchase_time, b.transfer_time
    FROM bad AS b
) AS a
ORDER BY a.x_arrival, a.n, a.k;

-- Around the sales ----------------------------------------------------------------------------------------------------

-- Half of the good transactions are scored at once; of these some are scored again by the next model, a few twice.
-- Sales of bots score higher. Predictions of older sales, which are long archived, reach back 300 days.
INSERT INTO fraud_predictions (id, transaction_id, fraud_score, decision, features, model_version, "timestamp")
WITH scored AS MATERIALIZED (
    SELECT k.k, g.transaction_id, g.is_resale, g.price_paid, g.w <= 12 AS is_bot, a.attempt,
           pg_temp.unit(k.k, 'score') AS luck,
           CASE WHEN a.attempt = 1
                THEN g.x + least(:now - g.x - 1, 200 + pg_temp.pick(k.k, 'lag', 3000))
                ELSE g.x + floor((:now - g.x) * 0.4 * (a.attempt - 1 + pg_temp.unit(k.k, 'lag')) / 2)::bigint END AS x
    FROM good AS g
    CROSS JOIN generate_series(1, 3) AS a (attempt)
    CROSS JOIN LATERAL (SELECT g.n * 4 + a.attempt AS k) AS k
    WHERE pg_temp.unit(g.n, 'scored') < (ARRAY[0.5, 0.1, 0.02])[a.attempt]::double precision
    UNION ALL
    SELECT -i, pg_temp.digest(i, 'old transaction'), false, 20 + pg_temp.pick(i, 'old price', 200), false, 0,
           pg_temp.unit(i, 'old score'),
           :now - 120 * :day - pg_temp.pick(i, 'old', 180 * :day)
    FROM generate_series(1, (:rows)::bigint / 20) AS i
),
-- Most scores are low.
judged AS MATERIALIZED (
    SELECT s.*, least(999, floor(950 * s.luck * s.luck * s.luck)::integer + CASE WHEN s.is_bot THEN 450 ELSE 0 END)
               AS score
    FROM scored AS s
)
SELECT row_number() OVER (ORDER BY j.x, j.k),
       j.transaction_id,
       j.score::numeric / 1000,
       CASE WHEN j.score >= 850 THEN 'block' WHEN j.score >= 600 THEN 'review' ELSE 'allow' END,
       jsonb_build_object('price', round(j.price_paid, 2), 'resale', j.is_resale, 'hour', (j.x / 3600000) % 24),
       (ARRAY['fraud-2.2', 'fraud-2.3', 'fraud-2.4', 'fraud-3.0'])[1 + j.attempt],
       pg_temp.moment(j.x)
FROM judged AS j
ORDER BY 1;

-- Log-ins of 90 days, most of them from around home, one in twenty without a place. The last sessions of about one
-- wallet in a hundred are half an hour and an ocean apart.
INSERT INTO user_sessions (session_id, wallet_address, ip_address, latitude, longitude, "timestamp")
SELECT row_number() OVER (ORDER BY s.x, s.k),
       w.address,
       format('100.%s.%s.%s', 64 + c.city, pg_temp.pick(s.k, 'net', 256), 1 + pg_temp.pick(s.k, 'host', 254))::inet,
       CASE WHEN s.located THEN (c.latitude + (pg_temp.pick(s.k, 'north', 4001) - 2000)::numeric / 10000) END,
       CASE WHEN s.located THEN (c.longitude + (pg_temp.pick(s.k, 'east', 4001) - 2000)::numeric / 10000) END,
       pg_temp.moment(s.x)
FROM (
    SELECT i AS k,
           1 + floor((:wallets + :wallets / 10) * pg_temp.unit(i, 'visitor') * pg_temp.unit(i, 'visitor'))::bigint AS w,
           CASE WHEN pg_temp.pick(i, 'abroad', 20) = 0 THEN 1 + pg_temp.pick(i, 'where', 19) ELSE 0 END AS away,
           pg_temp.pick(i, 'located', 20) > 0 AS located,
           :now - 4 * 3600000 - pg_temp.pick(i, 'when', 90 * :day - 4 * 3600000) AS x
    FROM generate_series(1, (:rows)::bigint / 4) AS i
    UNION ALL
    SELECT - (t.w * 2 + t.leg), t.w, t.leg * (1 + pg_temp.pick(t.w, 'far', 19)), true,
           :now - 3 * 3600000 + pg_temp.pick(t.w, 'left', 2 * 3600000)
               + t.leg * (600000 + pg_temp.pick(t.w, 'flight', 2400000))
    FROM (SELECT w, leg
          FROM generate_series(1, :wallets) AS w
          CROSS JOIN generate_series(0, 1) AS leg
          WHERE w % 100 = 13) AS t
) AS s
JOIN wallet AS w USING (w)
JOIN city AS c ON c.city = (w.home + s.away) % 20
ORDER BY 1;

-- Offers for the events that sell, but for one in ten of these, which so have no floor.
INSERT INTO listings (listing_id, event_id, listing_price, "timestamp")
SELECT row_number() OVER (ORDER BY l.x, l.i),
       l.e,
       round(l.price * (85 + floor(200 * pg_temp.unit(l.i, 'ask') * pg_temp.unit(l.i, 'ask'))::numeric) / 100, 2),
       pg_temp.moment(l.x)
FROM (
    SELECT i, s.e, s.price,
           s.x_open + floor((s.x_close - s.x_open) * pg_temp.unit(i, 'listed at'))::bigint AS x
    FROM generate_series(1, (:rows)::bigint / 40) AS i
    CROSS JOIN dice AS d
    JOIN event_slot AS s ON s.slot = width_bucket(pg_temp.unit(i, 'listing'), d.events)
    WHERE pg_temp.pick(s.e, 'unlisted', 10) > 0
) AS l
ORDER BY 1;

-- Six in ten wallets were invited by another, a few by two. Few wallets invite most.
INSERT INTO referrals (referrer, referee)
SELECT a.address, b.address
FROM (
    SELECT 1 + floor(:wallets * pg_temp.unit(r.k, 'referrer') * pg_temp.unit(r.k, 'referrer')
               * pg_temp.unit(r.k, 'referrer'))::bigint AS referrer,
           r.w AS referee
    FROM (SELECT w, w * 2 + i AS k
          FROM generate_series(1, :wallets + :wallets / 10) AS w
          CROSS JOIN generate_series(0, 1) AS i
          WHERE pg_temp.unit(w, 'invited') < (ARRAY[0.6, 0.05])[1 + i]) AS r
) AS e
JOIN wallet AS a ON a.w = e.referrer
JOIN wallet AS b ON b.w = e.referee
WHERE e.referrer <> e.referee
GROUP BY a.address, b.address, e.referee, e.referrer
ORDER BY e.referee, e.referrer;

INSERT INTO security_events (id, wallet_address, kind, severity, details, "timestamp")
SELECT row_number() OVER (ORDER BY s.x, s.i),
       w.address,
       (ARRAY['failed login', 'new device', 'password changed', 'key rotated', 'withdrawal', 'rate limited'])
           [1 + pg_temp.pick(s.i, 'kind', 6)],
       (ARRAY['info', 'info', 'info', 'warning', 'warning', 'critical'])[1 + pg_temp.pick(s.i, 'severity', 6)],
       jsonb_build_object('attempts', 1 + pg_temp.pick(s.i, 'attempts', 5)),
       pg_temp.moment(s.x)
FROM (SELECT i, :now - 1 - pg_temp.pick(i, 'security at', 120 * :day) AS x,
             1 + floor(:wallets * pg_temp.unit(i, 'suspect') * pg_temp.unit(i, 'suspect'))::bigint AS w
      FROM generate_series(1, greatest(10, (:rows)::bigint / 200)) AS i) AS s
JOIN wallet AS w USING (w)
ORDER BY 1;

INSERT INTO blacklisted_wallets (wallet_address, reason, blacklisted_at)
SELECT w.address,
       (ARRAY['chargebacks', 'bot', 'stolen card', 'court order'])[1 + pg_temp.pick(w.w, 'reason', 4)],
       pg_temp.moment(:now - 1 - pg_temp.pick(w.w, 'listed', 120 * :day))
FROM wallet AS w
WHERE w.w % 500 = 7
ORDER BY w.w;

-- 900 days of administrators' work, and an archive of earlier nights: one row in five of it is beyond every limit.
INSERT INTO admin_audit_log_archive (id, admin_name, action, target, details, "timestamp")
SELECT row_number() OVER (ORDER BY a.x, a.i),
       (ARRAY['ada', 'edsger', 'grace', 'linus'])[1 + pg_temp.pick(a.i, 'old admin', 4)],
       (ARRAY['refund', 'block wallet', 'change capacity', 'grant role'])[1 + pg_temp.pick(a.i, 'old action', 4)],
       'legacy ' || a.i,
       '{}',
       pg_temp.moment(a.x)
FROM (SELECT i, CASE WHEN i % 5 = 0
                     THEN :now - 3120 * :day - pg_temp.pick(i, 'ancient', 300 * :day)
                     ELSE :now - 910 * :day - pg_temp.pick(i, 'older', 1500 * :day) END AS x
      FROM generate_series(1, greatest(10, (:rows)::bigint / 200)) AS i) AS a
ORDER BY 1;

INSERT INTO admin_audit_log (id, admin_name, action, target, details, "timestamp")
SELECT greatest(10, (:rows)::bigint / 200) + row_number() OVER (ORDER BY a.x, a.i),
       (ARRAY['ada', 'barbara', 'edsger', 'grace', 'margaret'])[1 + pg_temp.pick(a.i, 'admin', 5)],
       (ARRAY['refund', 'block wallet', 'unblock wallet', 'change capacity', 'move event', 'grant role'])
           [1 + pg_temp.pick(a.i, 'action', 6)],
       'event ' || 1 + pg_temp.pick(a.i, 'target', :event_count),
       jsonb_build_object('ticket', 1000 + a.i),
       pg_temp.moment(a.x)
FROM (SELECT i, :now - 1 - pg_temp.pick(i, 'audit at', 900 * :day) AS x
      FROM generate_series(1, greatest(10, (:rows)::bigint / 50)) AS i) AS a
ORDER BY 1;

-- New rows go on after these.
SELECT setval(pg_get_serial_sequence(t.name, t.id), t.last)
FROM (VALUES
    ('fraud_predictions', 'id', (SELECT max(id) FROM fraud_predictions)),
    ('user_sessions', 'session_id', (SELECT max(session_id) FROM user_sessions)),
    ('listings', 'listing_id', (SELECT max(listing_id) FROM listings)),
    ('security_events', 'id', (SELECT max(id) FROM security_events)),
    ('admin_audit_log', 'id', (SELECT max(id) FROM admin_audit_log))
) AS t (name, id, last)
\g /dev/null

-- What the policies of pipeline.sql will find on a first run at as_of.
INSERT INTO expected_retention (policy, archived, deleted, purged)
SELECT 'transactions', count(*), count(*), 0
FROM good WHERE "timestamp" < timestamptz :'as_of' - interval '90 days'
UNION ALL
SELECT 'user_sessions', 0, count(*), 0
FROM user_sessions WHERE "timestamp" < timestamptz :'as_of' - interval '30 days'
UNION ALL
SELECT 'fraud_predictions', count(*), count(*), 0
FROM fraud_predictions WHERE "timestamp" < timestamptz :'as_of' - interval '180 days'
UNION ALL
SELECT 'admin_audit_log', count(*), count(*),
       (SELECT count(*) FROM admin_audit_log_archive WHERE "timestamp" < timestamptz :'as_of' - interval '7 years')
FROM admin_audit_log WHERE "timestamp" < timestamptz :'as_of' - interval '1 year';

COMMIT;

ANALYZE events, transactions, transactions_raw, fraud_predictions, user_sessions, listings, referrals, security_events,
    blacklisted_wallets, admin_audit_log, admin_audit_log_archive;

SELECT to_char((SELECT count(*) FROM transactions_raw), 'FM999,999,999') AS "landed",
       to_char((SELECT rows FROM dataset), 'FM999,999,999') AS "good",
       to_char((SELECT sum(rows) FROM expected_defects), 'FM999,999,999') AS "bad",
       to_char((SELECT count(*) FROM events), 'FM999,999,999') AS "events",
       to_char((SELECT count(*) FROM fraud_predictions), 'FM999,999,999') AS "predictions",
       to_char((SELECT count(*) FROM user_sessions), 'FM999,999,999') AS "sessions",
       to_char((SELECT count(*) FROM referrals), 'FM999,999,999') AS "referrals",
       to_char((SELECT count(*) FROM admin_audit_log), 'FM999,999,999') AS "audit rows"
\g (footer=off)
