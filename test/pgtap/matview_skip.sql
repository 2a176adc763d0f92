-- Refreshes that are skipped when nothing has changed beneath a view: what makes one run, and what can never be
-- skipped. Policies are written straight to their table, because etl.add_refresh_policy needs pg_cron. No transaction
-- around the file, because the procedure commits.
SELECT plan(81);
SET client_min_messages = warning;

CREATE FUNCTION watch(view text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO etl.refresh_policy (matview, schedule, setting, skip_if_unchanged)
    VALUES (view, '@hourly', 'auto', true);
    SELECT etl._note_for_policy(view::regclass, p) FROM etl.refresh_policy AS p WHERE p.matview = view;
$$;
-- How the last refresh of a view went.
CREATE FUNCTION last_mode(view text DEFAULT 'public.hourly') RETURNS text LANGUAGE sql AS $$
    SELECT CASE WHEN r.detail ->> 'mode' = 'skipped' THEN 'skipped' ELSE 'refreshed' END
    FROM etl.runs AS r WHERE r.name = view ORDER BY r.run_id DESC LIMIT 1
$$;

CREATE TABLE sale (id int PRIMARY KEY, hour int, event int, price numeric);
CREATE TABLE event (id int PRIMARY KEY, name text);
INSERT INTO event VALUES (1, 'one'), (2, 'two');
INSERT INTO sale SELECT i, i % 5, 1 + i % 2, i FROM generate_series(1, 100) AS i;
CREATE VIEW named AS SELECT s.*, e.name FROM sale AS s JOIN event AS e ON e.id = s.event;
CREATE MATERIALIZED VIEW hourly AS SELECT hour, name, count(*) AS sold, sum(price) AS revenue FROM named GROUP BY 1, 2;
SELECT watch('public.hourly');

SELECT set_eq($$SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = 'etl_note_change' AND tgenabled = 'A'$$,
              '{sale, event}'::text[], 'the tables beneath, through a view, note their changes');
SELECT is(etl._skip_obstacle('hourly'), NULL, 'nothing is in the way');
CALL etl.refresh_matview('hourly');
SELECT is(last_mode(), 'refreshed', 'the first refresh is done');
CALL etl.refresh_matview('hourly');
SELECT is(last_mode(), 'skipped', 'the second has nothing to do');
SELECT results_eq('SELECT status, rows, detail FROM etl.runs ORDER BY run_id DESC LIMIT 1',
                  $$VALUES ('succeeded', NULL::bigint, '{"mode": "skipped"}'::jsonb)$$, 'which is recorded');
CALL etl.refresh_matview('hourly', force => true);
SELECT is(last_mode(), 'refreshed', 'force insists');
CALL etl.refresh_matview('hourly');
SELECT is(last_mode(), 'skipped', 'and is known of');

-- Every kind of change ------------------------------------------------------------------------------------------------

\set once 'CALL etl.refresh_matview(''hourly''); SELECT is(last_mode(), ''refreshed'', :''what'');'
\set twice 'CALL etl.refresh_matview(''hourly''); SELECT is(last_mode(), ''skipped'', ''and then nothing'');'
\set change :once :twice
INSERT INTO sale VALUES (101, 7, 1, 1);
\set what 'after INSERT'
:change
UPDATE event SET name = 'uno' WHERE id = 1;
\set what 'after UPDATE of the other table'
:change
DELETE FROM sale WHERE id = 101;
\set what 'after DELETE'
:change
INSERT INTO sale VALUES (1, 1, 1, 1) ON CONFLICT (id) DO UPDATE SET price = 2;
\set what 'after ON CONFLICT DO UPDATE'
:change
COPY sale FROM PROGRAM 'echo 200,3,2,9' (FORMAT csv);
\set what 'after COPY'
:change
MERGE INTO sale AS s USING (VALUES (200)) AS v (id) ON s.id = v.id WHEN MATCHED THEN UPDATE SET price = 10;
\set what 'after MERGE'
:change
SET session_replication_role = replica;
UPDATE sale SET price = 11 WHERE id = 200;
RESET session_replication_role;
\set what 'after a change under session_replication_role'
:change
BEGIN;
SAVEPOINT one;
UPDATE sale SET price = 12 WHERE id = 200;
ROLLBACK TO one;
UPDATE sale SET price = 13 WHERE id = 200;
COMMIT;
\set what 'after a change noted again because a savepoint was rolled back'
:change
CREATE OR REPLACE VIEW named AS SELECT s.*, upper(e.name) AS name FROM sale AS s JOIN event AS e ON e.id = s.event;
\set what 'after another definition of a view between'
:change
ALTER TABLE sale ADD COLUMN note text;
\set what 'after ALTER TABLE'
:change
TRUNCATE sale;
\set what 'after TRUNCATE'
:change
SELECT is((SELECT count(*) FROM hourly), 0::bigint, 'the view is what its query is');

-- What is no change ---------------------------------------------------------------------------------------------------

BEGIN;
INSERT INTO sale VALUES (1, 1, 1, 1);
ROLLBACK;
UPDATE sale SET price = 0 WHERE id = -1;
DELETE FROM event WHERE id = -1;
ANALYZE sale;
VACUUM sale;
CALL etl.refresh_matview('hourly');
SELECT is(last_mode(), 'skipped', 'rolled back, no row found, VACUUM: nothing has changed');
VACUUM ANALYZE hourly;
CALL etl.refresh_matview('hourly');
SELECT is(last_mode(), 'skipped', 'nor by VACUUM of the view');
BEGIN;
INSERT INTO sale SELECT i, 1, 1, 1 FROM generate_series(1, 5) AS i;
UPDATE sale SET price = 2;
SELECT is((SELECT count(*) FROM etl.source_change WHERE changed_by = pg_current_xact_id()), 1::bigint,
          'a transaction notes a table once');
COMMIT;

-- Refreshes by other means, also under an old snapshot ----------------------------------------------------------------

CALL etl.refresh_matview('hourly');
REFRESH MATERIALIZED VIEW hourly;
CALL etl.refresh_matview('hourly');
SELECT is(last_mode(), 'refreshed', 'after a REFRESH that is not ours');
CREATE UNIQUE INDEX ON hourly (hour, name);
CALL etl.refresh_matview('hourly');
CALL etl.refresh_matview('hourly');
SELECT is(last_mode(), 'skipped', 'an index is no change after the refresh that met it');
REFRESH MATERIALIZED VIEW CONCURRENTLY hourly;
CALL etl.refresh_matview('hourly');
SELECT is(last_mode(), 'refreshed', 'after a concurrent one that changed nothing');
REFRESH MATERIALIZED VIEW hourly WITH NO DATA;
CALL etl.refresh_matview('hourly');
SELECT is(last_mode(), 'refreshed', 'a view that was emptied');
BEGIN;
UPDATE sale SET price = 3;
CALL etl.refresh_matview('hourly');
UPDATE sale SET price = 4;
COMMIT;
CALL etl.refresh_matview('hourly');
SELECT is(last_mode(), 'refreshed', 'a transaction that refreshed and went on to write');
SELECT is((SELECT sum(revenue) FROM hourly), 20::numeric, 'is known whole');
BEGIN ISOLATION LEVEL REPEATABLE READ;
CALL etl.refresh_matview('hourly', force => true);
COMMIT;
CALL etl.refresh_matview('hourly');
SELECT is(last_mode(), 'refreshed', 'a refresh under a snapshot from before is never relied on');

-- Partitions and parents ----------------------------------------------------------------------------------------------

CREATE TABLE part (id int, day int) PARTITION BY RANGE (day);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (10);
CREATE MATERIALIZED VIEW days AS SELECT day, count(*) FROM part GROUP BY day;
CREATE MATERIALIZED VIEW first_days AS SELECT day, count(*) FROM part_1 GROUP BY day;
SELECT watch('public.days'), watch('public.first_days');
CALL etl.refresh_matviews();
INSERT INTO part_1 VALUES (1, 1);
CALL etl.refresh_matviews();
SELECT is(last_mode('public.days'), 'refreshed', 'a row that went straight into a partition');
INSERT INTO part VALUES (2, 2);
CALL etl.refresh_matviews();
SELECT is(last_mode('public.first_days'), 'refreshed', 'a row that came into a partition through its parent');
CALL etl.refresh_matviews();
SELECT is(last_mode('public.days'), 'skipped', 'and then nothing');
CREATE TABLE part_2 PARTITION OF part FOR VALUES FROM (10) TO (20);
CALL etl.refresh_matview('days');
SELECT is(last_mode('public.days'), 'refreshed', 'a new partition');
INSERT INTO part_2 VALUES (3, 11);
CALL etl.refresh_matview('days');
SELECT is(last_mode('public.days'), 'refreshed', 'which notes its rows from then on');
CALL etl.refresh_matview('days');
SELECT is(last_mode('public.days'), 'skipped', 'and is known');

-- A trigger that is taken away ----------------------------------------------------------------------------------------

ALTER TABLE part_2 DISABLE TRIGGER etl_note_change;
INSERT INTO part_2 VALUES (4, 12);
ALTER TABLE part_2 ENABLE ALWAYS TRIGGER etl_note_change;
CALL etl.refresh_matview('days');
SELECT is(last_mode('public.days'), 'refreshed', 'a change while the trigger was disabled');
DROP TRIGGER etl_note_change ON part_2;
SELECT is((SELECT never_skipped FROM etl.refresh_policies WHERE matview = 'public.days'),
          'table "public.part_2" has no trigger that notes its changes', 'a trigger that is gone is told');
CALL etl.refresh_matview('days');
SELECT is((SELECT never_skipped FROM etl.refresh_policies WHERE matview = 'public.days'), NULL,
          'and the next refresh brings it back');

-- Materialized views over another -------------------------------------------------------------------------------------

CREATE MATERIALIZED VIEW total AS SELECT sum(sold) AS sold FROM hourly;
SELECT watch('public.total');
CALL etl.refresh_matview('total');
CALL etl.refresh_matview('total');
SELECT is(last_mode('public.total'), 'skipped', 'a view over a materialized view');
INSERT INTO sale VALUES (300, 1, 1, 1);
CALL etl.refresh_matview('total');
SELECT is(last_mode('public.total'), 'skipped', 'follows that view and not its tables');
CALL etl.refresh_matview('total', with_dependencies => true);
SELECT is(last_mode('public.total'), 'refreshed', 'unless it is refreshed with what is beneath it');
SELECT is((SELECT sold FROM total), (SELECT count(*)::numeric FROM sale), 'and then is right');

-- What can never be skipped -------------------------------------------------------------------------------------------

CREATE FUNCTION stable_answer() RETURNS int LANGUAGE sql STABLE AS 'SELECT 1';
CREATE FUNCTION fixed_answer(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
CREATE TYPE mood AS ENUM ('good');
CREATE UNLOGGED TABLE scratch (x int);
CREATE TABLE secret (x int);
ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
CREATE TABLE moment (at timestamptz, told text, m mood, tag regclass);
CREATE FUNCTION why(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    reason text;
BEGIN
    EXECUTE 'CREATE MATERIALIZED VIEW probe AS ' || query;
    BEGIN
        PERFORM etl._note_changes_beneath('probe');
    EXCEPTION WHEN OTHERS THEN NULL;
    END;
    reason := etl._skip_obstacle('probe');
    DROP MATERIALIZED VIEW probe;
    PERFORM etl._stop_noting(ARRAY(SELECT tgrelid FROM pg_trigger WHERE tgname = 'etl_note_change'));
    RETURN reason;
END
$$;
SELECT is(why(query), reason, query) FROM (VALUES
    ('SELECT count(*) FROM moment WHERE at > now() - interval ''7 days''', 'it calls now(), which is not immutable'),
    ('SELECT x FROM scratch', '"public.scratch" is unlogged'),
    ('SELECT x FROM secret', '"public.secret" has row security'),
    ('SELECT random() FROM moment', 'it calls random(), which is not immutable'),
    ('SELECT stable_answer() FROM moment', 'it calls stable_answer(), which is not immutable'),
    ('SELECT count(*) FROM pg_class', 'it reads pg_class, which the system writes'),
    ('SELECT count(*) FROM moment TABLESAMPLE system (10)', 'it reads a sample of a table'),
    ('SELECT count(*) FROM moment WHERE at < CURRENT_DATE',
     'it reads the clock or the session (CURRENT_DATE, CURRENT_USER and the like)'),
    ('SELECT told::timestamptz FROM moment', 'it calls timestamptz_in(), which is not immutable'),
    ('SELECT concat(m) FROM moment', 'it prints a value of type public.mood'),
    ('SELECT concat(tag) FROM moment', 'it calls regclassout(), which is not immutable'),
    ('SELECT jsonb_agg(t) FROM moment AS t', 'it prints a value of type public.moment'),
    ('SELECT x FROM (SELECT 1 AS x FROM moment ORDER BY random() LIMIT 1) AS s',
     'it calls random(), which is not immutable'),
    ('SELECT date_trunc(''day'', at), to_char(at, ''DD''), concat(at), count(DISTINCT told) FROM moment GROUP BY at',
     NULL),
    ('SELECT fixed_answer(1), jsonb_agg(at) FROM moment', NULL)
) AS v (query, reason);

CREATE MATERIALIZED VIEW by_day AS SELECT date_trunc('day', at) AS day, fixed_answer(1) FROM moment;
SELECT watch('public.by_day');
CALL etl.refresh_matview('by_day');
SET timezone = 'Asia/Tokyo';
CALL etl.refresh_matview('by_day');
SELECT is(last_mode('public.by_day'), 'refreshed', 'another time zone, where the query depends on it');
CREATE OR REPLACE FUNCTION fixed_answer(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 2';
CALL etl.refresh_matview('by_day');
SELECT is(last_mode('public.by_day'), 'refreshed', 'another body of a function that it calls');
CALL etl.refresh_matview('by_day');
SELECT is(last_mode('public.by_day'), 'skipped', 'and then nothing');

-- What calls itself immutable and is not quite.
CREATE FUNCTION inner_answer() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
CREATE FUNCTION outer_answer() RETURNS int LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT public.inner_answer(); END;
CREATE TEXT SEARCH CONFIGURATION plain (COPY = simple);
CREATE TABLE printed (f float8, b bytea, words text);
INSERT INTO printed VALUES (1.0 / 3, '\x00', 'ships');
CREATE MATERIALIZED VIEW outer_called AS SELECT outer_answer(), f FROM printed;
CREATE MATERIALIZED VIEW float_text AS SELECT f::text FROM printed;
CREATE MATERIALIZED VIEW bytea_text AS SELECT b::text FROM printed;
CREATE MATERIALIZED VIEW lexemes AS SELECT to_tsvector('public.plain', words) FROM printed;
SELECT watch('public.' || v) FROM unnest('{outer_called,float_text,bytea_text,lexemes}'::text[]) AS v;
CALL etl.refresh_matviews();
CALL etl.refresh_matviews();
SELECT set_eq($$SELECT last_mode('public.' || v)
              FROM unnest('{outer_called,float_text,bytea_text,lexemes}'::text[]) AS v$$, '{skipped}'::text[],
              'nothing has changed');
CREATE OR REPLACE FUNCTION inner_answer() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 2';
ALTER TEXT SEARCH CONFIGURATION plain ALTER MAPPING REPLACE simple WITH english_stem;
CALL etl.refresh_matview('outer_called');
SELECT is(last_mode('public.outer_called'), 'refreshed', 'a function that the body of one calls');
CALL etl.refresh_matview('lexemes');
SELECT is(last_mode('public.lexemes'), 'refreshed', 'a text search configuration');
SET extra_float_digits = -5;
CALL etl.refresh_matview('float_text');
SELECT is(last_mode('public.float_text'), 'refreshed', 'how many digits of a float are printed');
RESET extra_float_digits;
SET bytea_output = 'escape';
CALL etl.refresh_matview('bytea_text');
SELECT is(last_mode('public.bytea_text'), 'refreshed', 'how bytes are printed');
RESET bytea_output;

-- A view that is gone -------------------------------------------------------------------------------------------------

CREATE TABLE lonely (x int);
CREATE MATERIALIZED VIEW gone AS SELECT x FROM lonely;
SELECT watch('public.gone');
DROP MATERIALIZED VIEW gone;
CALL etl.refresh_matviews();
SELECT is((SELECT count(*) FROM pg_trigger WHERE tgrelid = 'lonely'::regclass), 0::bigint,
          'nothing is noted for a view that is gone');
CREATE MATERIALIZED VIEW gone AS SELECT x FROM lonely;
CALL etl.refresh_matviews();
SELECT is((SELECT count(*) FROM pg_trigger WHERE tgrelid = 'lonely'::regclass), 1::bigint,
          'until there is one again');
SELECT etl.remove_refresh_policy(v)
FROM unnest('{gone,outer_called,float_text,bytea_text,lexemes}'::text[]) AS v;

-- The end of a policy -------------------------------------------------------------------------------------------------

SELECT etl.remove_refresh_policy('days');
SELECT set_eq($$SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = 'etl_note_change'$$,
              '{sale, event, part, part_1, moment}'::text[], 'tables that another policy needs keep their triggers');
SELECT etl.remove_refresh_policy('first_days'), etl.remove_refresh_policy('hourly'), etl.remove_refresh_policy('total'),
       etl.remove_refresh_policy('by_day');
SELECT is((SELECT count(*) FROM pg_trigger WHERE tgname = 'etl_note_change'), 0::bigint, 'and then none');
SELECT is((SELECT count(*) FROM etl.refresh_state), 0::bigint, 'nothing is kept');
SELECT * FROM finish();
