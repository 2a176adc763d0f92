-- Not compared (it says whether a value repeats, not how many rows do). Everything in one SELECT list, as most would
-- write it: the distinct counts and the median sort, in one process.
SELECT unnest(ARRAY[
    (count(transaction_id) - count(DISTINCT transaction_id) = 0)::text,
    count(*) FILTER (WHERE length(transaction_id) <> 64)::text,
    count(*) FILTER (WHERE wallet_address IS NULL)::text,
    count(*) FILTER (WHERE length(wallet_address) <> 42 OR wallet_address !~ '^0x[0-9a-f]+$')::text,
    count(*) FILTER (WHERE event_id < 1)::text,
    count(DISTINCT event_id)::text,
    count(*) FILTER (WHERE ticket_id IS NULL)::text,
    count(*) FILTER (WHERE price_paid < 0)::text,
    trim_scale(round(avg(price_paid), 6))::text,
    trim_scale(round((percentile_cont(0.5) WITHIN GROUP (ORDER BY price_paid))::numeric, 6))::text,
    trim_scale(round(max(price_paid), 6))::text,
    count(*) FILTER (WHERE payment_method NOT IN ('card', 'apple_pay', 'usdc', 'eth', 'matic'))::text,
    (bool_or(status = 'completed') AND bool_or(status = 'failed'))::text,
    count(*) FILTER (WHERE "timestamp" < '2020-01-01 00:00:00+00')::text,
    count(*) FILTER (WHERE purchase_time IS NULL)::text,
    count(*) FILTER (WHERE transfer_time < purchase_time)::text])
FROM bench_sale;
