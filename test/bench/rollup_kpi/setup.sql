-- The clean transactions of the ticketing example, in the order of time, and its rollups and materialized views over
-- them. before.sql adds 2,000 sales and their predictions, of the last quarter of an hour before as_of.
SELECT to_regclass('public.rollup_kpi_hourly') IS NULL AS is_missing \gset
\if :is_missing
    -- Filled without indexes and keys, which come back after.
    CREATE TEMPORARY TABLE put_off AS
    SELECT pg_get_indexdef(i.indexrelid) AS again, format('DROP INDEX %s', i.indexrelid::regclass) AS first
    FROM pg_index AS i
    WHERE i.indrelid = 'public.transactions'::regclass AND NOT i.indisprimary
    UNION ALL
    SELECT format('ALTER TABLE public.transactions ADD CONSTRAINT %I %s', c.conname, pg_get_constraintdef(c.oid)),
           format('ALTER TABLE public.transactions DROP CONSTRAINT %I', c.conname)
    FROM pg_constraint AS c
    WHERE c.conrelid = 'public.transactions'::regclass AND c.contype IN ('p', 'f');
    SELECT first FROM put_off \gexec
    SET maintenance_work_mem = '512MB';
    INSERT INTO public.transactions
    SELECT s.*
    FROM (
        SELECT DISTINCT ON (r.transaction_id) r.*
        FROM public.transactions_raw AS r
        WHERE r.transaction_id IS NOT NULL AND r.wallet_address ~ '^0x[0-9a-f]{40}$' AND r.price_paid >= 0
          AND r.event_id IN (SELECT e.event_id FROM public.events AS e) AND r.ticket_id IS NOT NULL
          AND r.payment_method IN ('card', 'apple_pay', 'usdc', 'eth', 'matic') AND r.is_resale IS NOT NULL
          AND r.status IN ('completed', 'pending', 'failed', 'refunded') AND r.purchase_time IS NOT NULL
          AND (r.transfer_time >= r.purchase_time) IS NOT FALSE AND r."timestamp" < '2026-01-01 00:00:00+00'
        ORDER BY r.transaction_id
    ) AS s
    ORDER BY s."timestamp";
    SELECT again FROM put_off ORDER BY again LIKE 'ALTER%' \gexec
    VACUUM ANALYZE public.transactions;
    VACUUM ANALYZE public.fraud_predictions;
    \i docs/examples/ticketing/rollups.sql
    CALL etl.refresh_all(as_of => '2026-01-01 00:00:00+00');
    REFRESH MATERIALIZED VIEW public.kpi_hourly;
    REFRESH MATERIALIZED VIEW public.event_analytics;
    REFRESH MATERIALIZED VIEW public.user_segments;

    -- What is added: sales like those of the last month, by a wallet and for an event as they have them.
    CREATE TABLE public.sale_model AS
    SELECT row_number() OVER (ORDER BY md5(t.transaction_id)) AS n, t.*
    FROM public.transactions AS t
    WHERE t."timestamp" > '2025-12-01 00:00:00+00' ORDER BY md5(t.transaction_id) LIMIT 2000;
    CREATE SEQUENCE public.sale_batch;
    CHECKPOINT;
\endif

-- What autovacuum does in the minute that follows.
CALL etl.refresh_all(as_of => '2026-01-01 00:00:00+00');
VACUUM ANALYZE;

CREATE FUNCTION pg_temp.add_sales() RETURNS void LANGUAGE sql AS $$
    SELECT nextval('public.sale_batch');
    INSERT INTO public.transactions
    SELECT encode(sha256(format('sale %s of batch %s', m.n, currval('public.sale_batch'))::bytea), 'hex'),
           m.wallet_address, m.event_id, m.ticket_id, m.price_paid, m.payment_method, m.is_resale, m.status,
           '2025-12-31 23:45:00+00'::timestamptz + m.n * interval '0.4 seconds',
           '2025-12-31 23:45:00+00'::timestamptz + m.n * interval '0.4 seconds', NULL
    FROM public.sale_model AS m;
    INSERT INTO public.fraud_predictions (transaction_id, fraud_score, decision, model_version, "timestamp")
    SELECT encode(sha256(format('sale %s of batch %s', m.n, currval('public.sale_batch'))::bytea), 'hex'),
           (m.n % 1000) / 1000.0, CASE WHEN m.n % 40 = 0 THEN 'block' ELSE 'allow' END, 'bench',
           '2025-12-31 23:45:01+00'::timestamptz + m.n * interval '0.4 seconds'
    FROM public.sale_model AS m
$$;
