\i test/bench/rollup_kpi/setup.sql
