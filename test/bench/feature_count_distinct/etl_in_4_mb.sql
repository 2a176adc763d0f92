SET work_mem = '4MB';
\i test/bench/feature_count_distinct/etl.sql
SET work_mem = '256MB';
