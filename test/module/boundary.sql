-- What arrives in SQL when C++ throws and PostgreSQL raises: run by test/t/boundary.t, which sets :library.
\set QUIET on
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;

CREATE EXTENSION pgtap;
CREATE EXTENSION pg_etl;
CREATE FUNCTION boundary_alive() RETURNS int LANGUAGE c STRICT AS :'library';
CREATE FUNCTION boundary_throw(text) RETURNS int LANGUAGE c STRICT AS :'library';
CREATE FUNCTION boundary_raise(int) RETURNS int LANGUAGE c STRICT AS :'library';
CREATE FUNCTION boundary_raise_past_handlers() RETURNS text LANGUAGE c STRICT AS :'library';
CREATE FUNCTION boundary_throw_in_call() RETURNS int LANGUAGE c STRICT AS :'library';
CREATE FUNCTION boundary_take(int, text) RETURNS int LANGUAGE c AS :'library';
CREATE FUNCTION boundary_cursor(text) RETURNS bigint LANGUAGE c STRICT AS :'library';
CREATE FUNCTION boundary_loop() RETURNS int LANGUAGE c STRICT AS :'library';
CREATE FUNCTION boundary_exhaust() RETURNS int LANGUAGE c STRICT AS :'library';
CREATE FUNCTION boundary_cached(int) RETURNS int LANGUAGE c STRICT AS :'library';
CREATE FUNCTION write_rows(regclass, int) RETURNS bigint LANGUAGE c AS :'library';
CREATE FUNCTION boundary_resident() RETURNS bigint LANGUAGE c STRICT AS :'library';

-- All that a caller can see of an error.
CREATE FUNCTION fields(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    state text;
    message text;
    detail text;
    hint text;
BEGIN
    EXECUTE statement;
    RETURN 'no error';
EXCEPTION WHEN OTHERS OR query_canceled THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
        hint = PG_EXCEPTION_HINT;
    RETURN concat_ws('|', state, message, detail, hint);
END
$$;

SELECT plan(29);

SELECT is(fields($$SELECT boundary_throw('etl')$$), '42704|thrown by C++|The detail.|The hint.',
          'a C++ error keeps SQLSTATE, message, detail and hint');
SELECT is(fields($$SELECT boundary_throw('memory')$$), '53200|out of memory|A request of pg_etl could not be served.|',
          'bad_alloc is out of memory');
SELECT is(fields($$SELECT boundary_throw('standard')$$), 'XX000|unexpected error in pg_etl|what it says|',
          'another C++ exception says what it is');
SELECT is(fields($$SELECT boundary_throw('int')$$), 'XX000|unexpected error in pg_etl||',
          'what is no exception type is an error all the same');
SELECT is(fields($$SELECT boundary_throw('long')$$), concat_ws('|', '42704', repeat('m', 1023), repeat('d', 2046), ''),
          'long texts are cut, and never within a character');
SELECT is(fields('SELECT boundary_raise(50)'), '22012|raised by PostgreSQL|The detail.|The hint.',
          'a PostgreSQL error under live objects arrives intact');
SELECT is(fields('SELECT boundary_raise_past_handlers()'), '22012|raised by PostgreSQL|The detail.|The hint.',
          'handlers of std::exception do not stop it');
SELECT is(fields('SELECT boundary_throw_in_call()'), '42704|thrown by C++|The detail.|The hint.',
          'a C++ error from within a call of PostgreSQL arrives');
SELECT is(fields('SELECT boundary_take(NULL, ''x'')'), '22004|argument 1 must not be NULL||',
          'a function that is not STRICT refuses NULL');
SELECT is(fields('SELECT boundary_take(1, NULL)'), '22004|argument 2 must not be NULL||', 'by the argument''s number');
SELECT is(boundary_take(1, 'x'), 2, 'and takes all else');
SELECT is(fields($$SELECT boundary_cursor('SELECT 1 / (500 - i) FROM generate_series(1, 1000) AS i')$$),
          '22012|division by zero||', 'so does one from the middle of a cursor');
SELECT is(boundary_cursor('SELECT generate_series(1, 1000)'), 1000::bigint, 'and SPI works afterwards');
SELECT is(fields($$SELECT boundary_cursor('SELECT 1, 2')$$), '42804|query must return 1 columns, not 2||',
          'a query of the wrong shape is refused');
SELECT ok(fields($$SELECT boundary_cursor('DROP TABLE nothing')$$) ~ '^42P11\|', 'a statement is no query');
SELECT is(boundary_alive(), 0, 'every destructor has run');

SELECT is(fields('SELECT boundary_exhaust()'), '53200|out of memory|A request of pg_etl could not be served.|',
          'a container that grows past all bounds is out of memory');
SELECT is(boundary_alive(), 0, 'and the session lives on');
SELECT is((SELECT max(boundary_cached(i)) FROM generate_series(1, 100) AS i), 1,
          'a cached object is made once a query');
SELECT is(boundary_alive(), 0, 'and destroyed with the query');

-- Rows written into a new table, past one batch by number and by size, and long ones out of line.
CREATE TABLE old (a int, b text);
BEGIN;
CREATE TABLE new (a int, b text);
SELECT is(write_rows('new', 4000), 4000::bigint, 'rows are written and counted');
SELECT is((SELECT count(*) FROM new WHERE b IS NOT DISTINCT FROM CASE WHEN a % 3 > 0 THEN repeat('x', a) END),
          4000::bigint, 'and are what was put');
SELECT is(fields('SELECT write_rows(''new'', -1), 1 / (SELECT count(*) - 4000 FROM new)'), '22012|division by zero||',
          'seen by the statements that follow');
CREATE INDEX ON new (a);
SELECT matches(fields(format('SELECT write_rows(%L, 1)', name)),
               '^55000\|table "' || name || '" is not one that was just made', 'refused: ' || what)
FROM (VALUES ('new', 'an index'), ('old', 'a table from before')) AS v (name, what);
CREATE TABLE other (a int CHECK (a > 0), b text);
SELECT matches(fields('SELECT write_rows(''other'', 1)'), '^55000\|', 'refused: a constraint');
COMMIT;

-- 100,000 errors of all kinds in one session; the first thousands fill caches.
CREATE PROCEDURE mixed_errors(count int) LANGUAGE plpgsql AS $$
DECLARE
    kinds CONSTANT text[] := '{etl,memory,standard,int,long}';
BEGIN
    FOR i IN 1 .. count LOOP
        BEGIN
            CASE i % 4
                WHEN 0 THEN PERFORM boundary_raise(i % 20);
                WHEN 1 THEN PERFORM boundary_exhaust();
                WHEN 2 THEN PERFORM boundary_raise_past_handlers();
                ELSE PERFORM boundary_throw(kinds[1 + i / 4 % 5]);
            END CASE;
        EXCEPTION WHEN OTHERS THEN
            NULL;
        END;
        IF i % 1000 = 0 THEN
            COMMIT;
        END IF;
    END LOOP;
END
$$;
CREATE TABLE memory AS SELECT 0::bigint AS resident, 0::bigint AS contexts;
CALL mixed_errors(10000);
UPDATE memory SET resident = boundary_resident(), contexts = (SELECT sum(total_bytes) FROM pg_backend_memory_contexts);
CALL mixed_errors(100000);
-- Before pgTAP takes memory of its own, for functions that it has not called yet.
SELECT boundary_resident() AS resident, sum(total_bytes) AS contexts FROM pg_backend_memory_contexts \gset
SELECT cmp_ok(:resident::bigint, '<', (SELECT resident + 1024 FROM memory),
              '100,000 errors do not grow the session''s memory by one MB');
SELECT cmp_ok(:contexts::bigint, '<', (SELECT contexts + 262144 FROM memory), 'nor its memory contexts');
SELECT is(boundary_alive(), 0, 'and no object is left');

SELECT * FROM finish();
