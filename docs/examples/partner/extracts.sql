-- Defines where a partner's API is, what of it goes into which table, and the pipeline "partner" that brings it in. May be
-- run again. It needs a superuser, for the database's list of hosts that may be asked.
--
--     PG_ETL_API=http://127.0.0.1:8080 psql -f extracts.sql

\set ON_ERROR_STOP on
\getenv api PG_ETL_API
SET client_min_messages = warning;

-- Also for the workers that carry out the pipeline's steps.
SELECT format('ALTER DATABASE %I SET pg_etl.allowed_hosts = %L', current_database(), '127.0.0.1') \gexec
SET pg_etl.allowed_hosts = '127.0.0.1';

DROP SERVER IF EXISTS partner CASCADE;
SELECT format('CREATE SERVER partner FOREIGN DATA WRAPPER etl_http
               OPTIONS (base_url %L, rate_limit ''200/s'', timeout ''10s'', attempts ''4'', retry_delay ''20ms'')',
              :'api' || '/partner') \gexec

SELECT etl.drop_extract('partner_sales', if_exists => true), etl.drop_extract('partner_events', if_exists => true),
       etl.drop_pipeline('partner', if_exists => true);

SELECT etl.create_extract('partner_events', 'partner', '/events', 'partner.events',
    query       => '{"n": 120, "size": 50}',
    key_columns => '{event_id}',
    mapping     => '{"event_id": "event_id|eventId|event", "name": "name", "category": "category", "city": "venue.city",
                     "capacity": "capacity", "starts_at": "starts_at", "updated_at": "updated_at"}',
    "cursor"    => '{"column": "updated_at", "param": "updated_since", "lag": "1 hour"}');

SELECT etl.create_extract('partner_sales', 'partner', '/sales', 'partner.sales',
    key_columns => '{sale_id}',
    mapping     => '{"sale_id": "sale_id", "event_id": "event_id|eventId|event", "wallet": "wallet",
                     "buyer": "buyer.name", "quantity": "quantity", "price": "price",
                     "total_amount": {"from": "total_amount", "sql": "quantity * price"},
                     "status": {"from": "status", "default": "paid"}, "purchased_at": "purchased_at"}');

SELECT etl.load_suite($$
{
  "name": "partner_sales",
  "expectations": [
    {"type": "expect_column_values_to_match_regex", "kwargs": {"column": "wallet", "regex": "^0x[0-9a-f]{40}$"}},
    {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "status", "value_set": ["paid", "refunded"]}},
    {"type": "expect_column_values_to_be_between", "kwargs": {"column": "quantity", "min_value": 1, "max_value": 10}}
  ]
}
$$, replace => true);

SELECT etl.create_pipeline('partner'); -- with a schedule, etl.tick would run it
SELECT etl.add_step('partner', 'events', 'partner_events', kind => 'extract');
SELECT etl.add_step('partner', 'sales', 'partner_sales', kind => 'extract', depends_on => '{events}');
SELECT etl.add_step('partner', 'gate', 'partner_sales', kind => 'validate', depends_on => '{sales}',
                    params => '{"target": "partner.sales", "max_failed": 1}');
SELECT etl.add_step('partner', 'replay', $$SELECT * FROM etl.replay_dead_letters('partner_sales')$$,
                    depends_on => '{gate}');
