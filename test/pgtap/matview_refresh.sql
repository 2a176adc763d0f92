-- etl.refresh_matview: what is recorded, what is cleaned up, which indexes let a refresh be concurrent. No
-- transaction around the file, because the procedure commits.
SELECT plan(28);

CREATE TABLE sale (id int PRIMARY KEY, hour int, price numeric);
INSERT INTO sale SELECT i, i % 5, i FROM generate_series(1, 100) AS i;
CREATE MATERIALIZED VIEW hourly AS SELECT hour, count(*) AS sold, sum(price) AS revenue FROM sale GROUP BY hour;

-- Which index is usable -----------------------------------------------------------------------------------------------

CREATE FUNCTION obstacle() RETURNS text LANGUAGE sql AS $$SELECT etl._concurrently_obstacle('hourly')$$;
SELECT is(obstacle(), 'it has no unique index over plain columns and all rows', 'no index at all');
CREATE INDEX hourly_plain ON hourly (hour);
SELECT isnt(obstacle(), NULL, 'an index that is not unique does not do');
CREATE UNIQUE INDEX hourly_partial ON hourly (hour) WHERE sold > 0;
SELECT isnt(obstacle(), NULL, 'nor one over some rows');
CREATE UNIQUE INDEX hourly_expression ON hourly (hour, (sold + 1));
SELECT isnt(obstacle(), NULL, 'nor one over an expression');
CREATE UNIQUE INDEX hourly_key ON hourly (hour) INCLUDE (sold);
SELECT is(obstacle(), NULL, 'a unique index over a column does');
UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'hourly_key'::regclass;
SELECT isnt(obstacle(), NULL, 'not while it is invalid');
UPDATE pg_index SET indisvalid = true WHERE indexrelid = 'hourly_key'::regclass;
REFRESH MATERIALIZED VIEW hourly WITH NO DATA;
SELECT is(obstacle(), 'it has no rows yet', 'nor while the view has never been filled');

-- What PostgreSQL itself says to each of these: the rule above must not be more generous.
SELECT throws_ok('REFRESH MATERIALIZED VIEW CONCURRENTLY hourly', '0A000', NULL, 'PostgreSQL agrees');
REFRESH MATERIALIZED VIEW hourly;
SELECT lives_ok('REFRESH MATERIALIZED VIEW CONCURRENTLY hourly', 'PostgreSQL agrees that now it can be');

-- One refresh, recorded -----------------------------------------------------------------------------------------------

INSERT INTO sale VALUES (101, 7, 1);
CALL etl.refresh_matview('hourly');
SELECT is((SELECT count(*) FROM hourly), 6::bigint, 'the new group is there');
SELECT results_eq(
    $$SELECT kind, name, status, rows, detail ->> 'mode', (detail ->> 'seconds')::numeric >= 0, error,
             owner = 'postgres'
      FROM etl.runs$$,
    $$VALUES ('refresh', 'public.hourly', 'succeeded', 6::bigint, 'concurrently', true, NULL::text, true)$$,
    'the run is recorded');
SELECT is((SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()), 0::bigint,
          'no lock stays with the session');

TRUNCATE sale;
CALL etl.refresh_matview('hourly');
SELECT is((SELECT rows FROM etl.runs ORDER BY run_id DESC LIMIT 1), 0::bigint, 'a view without rows has 0 rows');
INSERT INTO sale VALUES (1, 1, 1);
CALL etl.refresh_matview('hourly');
SELECT is((SELECT rows FROM etl.runs ORDER BY run_id DESC LIMIT 1), 1::bigint, 'and then one');

-- A failure (sql/matview.sql has the one of a call on its own, which is recorded) ------------------------------------

CREATE MATERIALIZED VIEW fragile AS SELECT 1 / price AS x FROM sale;
UPDATE sale SET price = 0;
SELECT throws_ok($$CALL etl.refresh_matview('fragile')$$, '22012', 'division by zero',
                 'in a function the error comes as it is');
SELECT is((SELECT count(*) FROM etl.runs WHERE name = 'public.fragile'), 0::bigint,
          'and is rolled back with its record');
-- A run whose session was lost
SELECT etl._start_run('refresh', 'public.hourly', now()) AS lost \gset
CALL etl.refresh_matview('hourly');
SELECT results_eq(format('SELECT status, error IS NOT NULL FROM etl.runs WHERE run_id = %s', :lost),
                  $$VALUES ('failed', true)$$, 'the next refresh closes a run that was lost');

-- Atomic calls --------------------------------------------------------------------------------------------------------

BEGIN;
CALL etl.refresh_matview('hourly');
SELECT is((SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()), 1::bigint,
          'inside a transaction the lock stays to its end');
ROLLBACK;
SELECT lives_ok($$DO 'BEGIN CALL etl.refresh_matview(''public.hourly''); END'$$, 'in a DO block');
SELECT lives_ok($$SET search_path = pg_catalog; CALL etl.refresh_matview('public.hourly'); RESET search_path$$,
                'in a string of several statements');
SELECT is(current_setting('search_path'), '"$user", public', 'the search_path stays as it was');

-- Names ---------------------------------------------------------------------------------------------------------------

CREATE SCHEMA "Odd one";
CREATE MATERIALIZED VIEW "Odd one"."The ""view""" AS SELECT 1 AS x;
CALL etl.refresh_matview('"Odd one"."The ""view"""');
SELECT is((SELECT name FROM etl.runs ORDER BY run_id DESC LIMIT 1), '"Odd one"."The ""view"""',
          'a view with an odd name');

-- Another role --------------------------------------------------------------------------------------------------------

CREATE ROLE etl_refresh_owner;
CREATE ROLE etl_refresh_member IN ROLE etl_refresh_owner;
CREATE ROLE etl_refresh_reader;
GRANT SELECT ON sale TO etl_refresh_owner;
GRANT SELECT ON hourly TO etl_refresh_reader;
ALTER MATERIALIZED VIEW hourly OWNER TO etl_refresh_owner;
SET ROLE etl_refresh_reader;
SELECT throws_ok($$CALL etl.refresh_matview('hourly')$$, '42501', 'must be owner of materialized view "public.hourly"',
                 'a reader may not refresh');
SET ROLE etl_refresh_member;
CALL etl.refresh_matview('hourly');
SELECT results_eq('SELECT name, status FROM etl.runs', $$VALUES ('public.hourly', 'succeeded')$$,
                  'a member of the owning role may, and sees its own runs alone');
RESET ROLE;
SELECT is((SELECT owner FROM etl.runs ORDER BY run_id DESC LIMIT 1), 'etl_refresh_member'::name,
          'the run is the member''s');
SELECT throws_ok($$CALL etl.refresh_matview('sale')$$, '42809', NULL, 'a table is refused');
SELECT throws_ok($$CALL etl.refresh_matview(NULL)$$, '42P01', NULL, 'NULL is refused');

SET quote_all_identifiers = on;
CALL etl.refresh_matview('hourly');
RESET quote_all_identifiers;
SELECT is((SELECT name FROM etl.runs ORDER BY run_id DESC LIMIT 1), 'public.hourly', 'a name is stored unquoted');

DROP MATERIALIZED VIEW hourly;
REVOKE ALL ON sale FROM etl_refresh_owner;
DROP ROLE etl_refresh_owner, etl_refresh_member, etl_refresh_reader;

SELECT * FROM finish();
