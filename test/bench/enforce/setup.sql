-- 100,000 clean transactions, stored in a table with a primary key and three indexes: as it is, and guarded by eight
-- expectations in three ways.
SELECT etl.load_suite($$
{
  "name": "bench_enforce",
  "expectations": [
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "wallet_address"}},
    {"type": "expect_column_values_to_match_regex",
     "kwargs": {"column": "wallet_address", "regex": "^0x[0-9a-f]{40}$"}},
    {"type": "expect_column_value_lengths_to_equal", "kwargs": {"column": "transaction_id", "value": 64}},
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "price_paid"}},
    {"type": "expect_column_values_to_be_between", "kwargs": {"column": "price_paid", "min_value": 0}},
    {"type": "expect_column_values_to_be_in_set",
     "kwargs": {"column": "payment_method", "value_set": ["card", "apple_pay", "usdc", "eth", "matic"]}},
    {"type": "expect_column_values_to_be_in_set",
     "kwargs": {"column": "status", "value_set": ["completed", "pending", "failed", "refunded"]}},
    {"type": "expect_column_pair_values_a_to_be_greater_than_b",
     "kwargs": {"column_A": "transfer_time", "column_B": "purchase_time", "or_equal": true,
                "ignore_row_if": "either_value_is_missing"}}
  ]
}
$$, replace => true);

DROP TABLE IF EXISTS sale_source, sale_as_it_is, sale_enforced, sale_checked, sale_plpgsql;
CREATE TABLE sale_source AS
SELECT DISTINCT ON (transaction_id) * FROM public.transactions_raw AS t
WHERE etl.violations('bench_enforce', t.*) = '{}' AND transaction_id IS NOT NULL
LIMIT 100000;
VACUUM ANALYZE sale_source;

CREATE TABLE sale_as_it_is (LIKE sale_source);
ALTER TABLE sale_as_it_is ADD PRIMARY KEY (transaction_id);
CREATE INDEX ON sale_as_it_is ("timestamp");
CREATE INDEX ON sale_as_it_is (wallet_address, "timestamp");
CREATE INDEX ON sale_as_it_is (event_id);

CREATE TABLE sale_enforced (LIKE sale_as_it_is INCLUDING INDEXES);
SELECT etl.enforce('sale_enforced', 'bench_enforce');

CREATE TABLE sale_checked (LIKE sale_as_it_is INCLUDING INDEXES,
                           CHECK (etl.violations('bench_enforce', sale_checked.*) = '{}'));

CREATE TABLE sale_plpgsql (LIKE sale_as_it_is INCLUDING INDEXES);
CREATE OR REPLACE FUNCTION require_suite() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF etl.violations('bench_enforce', NEW) <> '{}' THEN
        RAISE EXCEPTION 'the row breaks %', etl.violations('bench_enforce', NEW);
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER require_suite BEFORE INSERT OR UPDATE ON sale_plpgsql
    FOR EACH ROW EXECUTE FUNCTION require_suite();
CHECKPOINT;
