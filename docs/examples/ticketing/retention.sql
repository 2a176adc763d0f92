-- How long rows are kept: one policy for each kind of data. pipeline.sql reads this file, and its step "retention"
-- carries all policies out. May be run again.

-- Hot, then archived, then deleted.
SELECT etl.add_retention_policy('public.transactions', 'timestamp', keep => '90 days',
           archive_to => 'public.transactions_archive', archive_keep => '2 years', if_not_exists => true),
       etl.add_retention_policy('public.fraud_predictions', 'timestamp', keep => '180 days',
           archive_to => 'public.fraud_predictions_archive', archive_keep => '5 years', if_not_exists => true),
       etl.add_retention_policy('public.admin_audit_log', 'timestamp', keep => '1 year',
           archive_to => 'public.admin_audit_log_archive', archive_keep => '7 years', if_not_exists => true),
-- Deleted.
       etl.add_retention_policy('public.user_sessions', 'timestamp', keep => '30 days', if_not_exists => true),
-- A cache says itself when its rows expire.
       etl.add_retention_policy('public.response_cache', 'expires_at', keep => '0', kind => 'expiry',
           if_not_exists => true),
-- What is on the chain stays as it is, whoever asks.
       etl.set_immutable('public.chain_transfers')
\g /dev/null
