-- Eight expectations over the landing table, as a suite and as the SQL that a person would write for them.
\set validated public.transactions_raw
SELECT etl.load_suite($$
{
  "name": "bench",
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
