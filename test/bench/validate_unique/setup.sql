-- The eight expectations of the benchmark "validate" and the uniqueness of a text, for which there is no index.
\i test/bench/validate/setup.sql
SELECT etl.load_suite(document, 'bench_nine', replace => true) FROM etl.suites WHERE suite = 'bench';
SELECT etl.expect('bench_nine', 'expect_column_values_to_be_unique', '{"column": "transaction_id"}');
