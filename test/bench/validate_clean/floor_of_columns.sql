-- Not compared: another answer.
\i test/bench/validate/floor_of_columns.sql
