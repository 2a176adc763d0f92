\i test/bench/rollup_hourly/setup.sql
