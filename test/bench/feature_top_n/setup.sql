-- For the lateral variant alone: no other one uses it.
CREATE INDEX IF NOT EXISTS bench_wallet_time ON public.transactions_raw (wallet_address, "timestamp");
ANALYZE public.transactions_raw;
