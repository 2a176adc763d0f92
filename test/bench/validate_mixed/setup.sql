-- Sixteen expectations of all kinds over a table of ten columns, exact uniqueness included.
DROP TABLE IF EXISTS bench_sale;
CREATE TABLE bench_sale AS
SELECT transaction_id, wallet_address, event_id, ticket_id, price_paid, payment_method, status, "timestamp",
       purchase_time, transfer_time
FROM public.transactions_raw
LIMIT 1000000;
VACUUM ANALYZE bench_sale;

SELECT etl.load_suite($$
{
  "name": "bench_mixed",
  "expectations": [
    {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "transaction_id"}},
    {"type": "expect_column_value_lengths_to_equal", "kwargs": {"column": "transaction_id", "value": 64}},
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "wallet_address"}},
    {"type": "expect_column_values_to_match_regex",
     "kwargs": {"column": "wallet_address", "regex": "^0x[0-9a-f]{40}$"}},
    {"type": "expect_column_values_to_be_between", "kwargs": {"column": "event_id", "min_value": 1}},
    {"type": "expect_column_unique_value_count_to_be_between", "kwargs": {"column": "event_id", "min_value": 1}},
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "ticket_id"}},
    {"type": "expect_column_values_to_be_between", "kwargs": {"column": "price_paid", "min_value": 0}},
    {"type": "expect_column_mean_to_be_between", "kwargs": {"column": "price_paid", "min_value": 1}},
    {"type": "expect_column_median_to_be_between", "kwargs": {"column": "price_paid", "min_value": 1}},
    {"type": "expect_column_max_to_be_between", "kwargs": {"column": "price_paid", "max_value": 1000000}},
    {"type": "expect_column_values_to_be_in_set",
     "kwargs": {"column": "payment_method", "value_set": ["card", "apple_pay", "usdc", "eth", "matic"]}},
    {"type": "expect_column_distinct_values_to_contain_set",
     "kwargs": {"column": "status", "value_set": ["completed", "failed"]}},
    {"type": "expect_column_values_to_be_between",
     "kwargs": {"column": "timestamp", "min_value": "2020-01-01 00:00:00+00"}},
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "purchase_time"}},
    {"type": "expect_column_pair_values_a_to_be_greater_than_b",
     "kwargs": {"column_A": "transfer_time", "column_B": "purchase_time", "or_equal": true,
                "ignore_row_if": "either_value_is_missing"}}
  ]
}
$$, replace => true);
