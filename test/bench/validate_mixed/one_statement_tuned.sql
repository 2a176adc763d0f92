-- One statement in which everything runs in parallel: a scan for what FILTER can do, and GROUP BY for what it cannot.
SELECT unnest(ARRAY[
    (SELECT coalesce(sum(g.n), 0)
     FROM (SELECT count(*) AS n FROM bench_sale WHERE transaction_id IS NOT NULL
           GROUP BY transaction_id HAVING count(*) > 1) AS g)::text,
    s.lengths::text, s.wallets::text, s.formats::text, s.events::text,
    (SELECT count(*) FROM (SELECT event_id FROM bench_sale WHERE event_id IS NOT NULL GROUP BY event_id) AS g)::text,
    s.tickets::text, s.prices::text, trim_scale(round(s.mean, 6))::text,
    (SELECT trim_scale(round(percentile_cont(0.5) WITHIN GROUP (ORDER BY price_paid)::numeric, 6))
     FROM bench_sale)::text,
    trim_scale(round(s.greatest, 6))::text, s.methods::text, s.statuses::text, s.moments::text, s.purchases::text,
    s.pairs::text])
FROM (SELECT count(*) FILTER (WHERE length(transaction_id) <> 64) AS lengths,
             count(*) FILTER (WHERE wallet_address IS NULL) AS wallets,
             count(*) FILTER (WHERE length(wallet_address) <> 42 OR wallet_address !~ '^0x[0-9a-f]+$') AS formats,
             count(*) FILTER (WHERE event_id < 1) AS events,
             count(*) FILTER (WHERE ticket_id IS NULL) AS tickets,
             count(*) FILTER (WHERE price_paid < 0) AS prices,
             avg(price_paid) AS mean,
             max(price_paid) AS greatest,
             count(*) FILTER (WHERE payment_method NOT IN ('card', 'apple_pay', 'usdc', 'eth', 'matic')) AS methods,
             bool_or(status = 'completed') AND bool_or(status = 'failed') AS statuses,
             count(*) FILTER (WHERE "timestamp" < '2020-01-01 00:00:00+00') AS moments,
             count(*) FILTER (WHERE purchase_time IS NULL) AS purchases,
             count(*) FILTER (WHERE transfer_time < purchase_time) AS pairs
      FROM bench_sale) AS s;
