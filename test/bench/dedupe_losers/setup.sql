\i test/bench/dedupe/setup.sql
