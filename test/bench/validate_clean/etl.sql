\i test/bench/validate/etl.sql
