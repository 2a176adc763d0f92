-- Two statements: an expert's for the eight, and the one that finds repeated values.
\i test/bench/validate/one_statement_tuned.sql
\i test/bench/validate_unique/group_by_alone.sql
