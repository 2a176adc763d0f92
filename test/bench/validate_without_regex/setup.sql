-- The seven expectations of the benchmark "validate" that are no regular expression.
\i test/bench/validate/setup.sql
SELECT etl.load_suite(json_build_object('expectations', json_agg(e))::text, 'bench_seven', replace => true)
FROM etl.suites AS s, json_array_elements(s.document::json -> 'expectations') AS e
WHERE s.suite = 'bench' AND e ->> 'type' <> 'expect_column_values_to_match_regex';
