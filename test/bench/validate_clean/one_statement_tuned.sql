\i test/bench/validate/one_statement_tuned.sql
