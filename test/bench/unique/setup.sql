SELECT etl.load_suite($$
{
  "name": "bench_unique",
  "expectations": [
    {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "transaction_id"}}
  ]
}
$$, replace => true);
