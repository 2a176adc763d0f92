-- Not compared: another answer.
\i test/bench/validate/great_expectations.sql
