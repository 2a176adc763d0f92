-- Temporary files that parallel workers share: run by test/t/spill.t, which sets :library.
\set QUIET on
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;

CREATE EXTENSION pgtap;
CREATE FUNCTION spill_step(internal, bytea, bigint, bigint) RETURNS internal
    LANGUAGE c PARALLEL SAFE AS :'library';
CREATE FUNCTION spill_combine(internal, internal) RETURNS internal LANGUAGE c PARALLEL SAFE AS :'library';
CREATE FUNCTION spill_serialize(internal) RETURNS bytea LANGUAGE c STRICT PARALLEL SAFE AS :'library';
CREATE FUNCTION spill_deserialize(bytea, internal) RETURNS internal LANGUAGE c STRICT PARALLEL SAFE AS :'library';
CREATE FUNCTION spill_final(internal) RETURNS text LANGUAGE c PARALLEL SAFE AS :'library';
CREATE FUNCTION spill_query(text) RETURNS text LANGUAGE c STRICT AS :'library';
CREATE AGGREGATE spill(bytea, bigint, bigint) (
    SFUNC = spill_step, STYPE = internal, COMBINEFUNC = spill_combine, SERIALFUNC = spill_serialize,
    DESERIALFUNC = spill_deserialize, FINALFUNC = spill_final, PARALLEL = SAFE
);

-- Directories with temporary files, in the default tablespace.
CREATE FUNCTION directories() RETURNS bigint LANGUAGE sql AS
    $$SELECT count(*) FROM pg_ls_dir('base/pgsql_tmp', true, false) AS name WHERE name ~ 'fileset$'$$;

CREATE FUNCTION outcome(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
BEGIN
    EXECUTE statement INTO answer;
    RETURN answer;
EXCEPTION WHEN OTHERS OR query_canceled THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;

CREATE TABLE numbers AS SELECT i % 300000 AS i FROM generate_series(1, 500000) AS i;
ANALYZE numbers;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;

SELECT plan(15);

SET max_parallel_workers_per_gather = 0;
SELECT is(spill_query('SELECT spill($1, 100000000, i) FROM numbers'), '500000 300000 100000 in memory',
          'in memory, without a file');
SELECT is(spill_query('SELECT spill($1, 500000, i) FROM numbers'), '500000 300000 100000 spilled',
          'in files of one process');
SELECT is(spill_query('SELECT spill($1, 500000, i) FROM numbers WHERE i < 0'), '', 'of no rows');
SELECT is(spill_query('SELECT string_agg(s, '','' ORDER BY s) FROM (SELECT spill($1, 20000, i) AS s
                       FROM numbers WHERE i < 4000 GROUP BY i % 2) AS parts'),
          '3999 2000 1 spilled,4000 2000 0 spilled', 'of groups');

SET max_parallel_workers_per_gather = 2;
SELECT is(spill_query('SELECT spill($1, 500000, i) FROM numbers'), '500000 300000 100000 spilled',
          'in files that parallel workers share');
SELECT is(spill_query('SELECT spill($1, 4000, i) FROM numbers'), '500000 300000 100000 spilled',
          'in hundreds of files');
SELECT is(directories(), 0::bigint, 'all files are gone with the query');

SELECT is(outcome($$SELECT spill_query('SELECT spill($1, 500000, i / (i - 299999)) FROM numbers')$$),
          '22012 division by zero', 'a worker''s error arrives');
SELECT is(directories(), 0::bigint, 'and leaves no file, in a subtransaction');
SET statement_timeout = 300;
SELECT is(outcome($$SELECT spill_query('SELECT spill($1, 100000, a.i + b.i) FROM numbers AS a, numbers AS b')$$),
          '57014 canceling statement due to statement timeout', 'a query is stopped while it writes');
RESET statement_timeout;
SELECT is(directories(), 0::bigint, 'and leaves no file');
SET temp_file_limit = '1MB';
SELECT is(outcome($$SELECT spill_query('SELECT spill($1, 100000, i) FROM numbers')$$),
          '53400 temporary files of this query exceed temp_file_limit (1024 kB)', 'temp_file_limit is kept');
RESET temp_file_limit;
SELECT is(directories(), 0::bigint, 'and nothing is left');

SELECT is(outcome($$SELECT spill_query('SELECT spill(''\x0102'', 100000, i) FROM numbers')$$),
          '22023 these bytes do not name a directory for this query''s files', 'other bytes are refused');
SELECT is(outcome($$SELECT spill_query('SELECT spill(set_byte($1, 0, get_byte($1, 0) # 1), 100000, i) FROM numbers')$$),
          '22023 these bytes do not name a directory for this query''s files', 'and other processes'' directories');

SELECT * FROM finish();
