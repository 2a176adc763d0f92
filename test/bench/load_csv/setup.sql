-- A file of as many rows as the benchmark has, with a column of each usual type, into a table of the same columns.
COPY (SELECT WHERE false) TO PROGRAM 'mkdir -p -m 700 "$PWD/../bench_files"';
SELECT regexp_replace(current_setting('data_directory'), '[^/]+$', 'bench_files') AS directory \gset
SET pg_etl.import_directory = :'directory';
\set file :directory/load.csv
SELECT format($$COPY (
    SELECT i AS id, i * 7919 %% 1000003 + 10000000000 AS wallet, round((i * 31 %% 9973) / 7.0, 2) AS price,
           '2025-01-01'::timestamptz + i * interval '13 seconds' AS at, 'event number ' || i AS note,
           i %% 3 = 0 AS paid,           jsonb_build_object('k', i, 'tag', 'x' || i %% 100) AS extra
    FROM generate_series(1, %s::bigint) AS i) TO %L WITH (FORMAT csv, HEADER)$$, :'rows', :'file') \gexec
DROP TABLE IF EXISTS public.loaded;
CREATE TABLE public.loaded (id int, wallet bigint, price numeric, at timestamptz, note text, paid boolean, extra jsonb);
