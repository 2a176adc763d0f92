-- Five hundred rows, each in a statement of its own.
SELECT to_regclass('sale_images_log') IS NULL AS is_missing \gset
\if :is_missing
    \i test/bench/rollup_capture/setup.sql
\endif
