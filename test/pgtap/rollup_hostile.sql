-- What others have made must not act as whoever looks at it: roles that forge names, put views in the place of tables,
-- and give types and indexes functions of their own.
BEGIN;
SELECT plan(29);
SET LOCAL client_min_messages = warning;

CREATE ROLE hostile;
CREATE ROLE honest;
CREATE SCHEMA hostile AUTHORIZATION hostile;
CREATE SCHEMA honest AUTHORIZATION honest;
GRANT USAGE ON SCHEMA honest TO hostile;
GRANT USAGE, CREATE ON SCHEMA hostile TO honest;
-- Who has run one of the hostile functions.
CREATE SEQUENCE public.ran_hostile;
CREATE SEQUENCE public.ran_honest;
CREATE SEQUENCE public.ran_superuser;
GRANT ALL ON SEQUENCE public.ran_hostile, public.ran_honest, public.ran_superuser TO PUBLIC;
CREATE FUNCTION public.note_role() RETURNS bigint LANGUAGE sql AS $$
    SELECT nextval('public.ran_' || CASE WHEN current_user IN ('hostile', 'honest') THEN current_user
                                         ELSE 'superuser' END)
$$;
CREATE FUNCTION tell(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN 'fine';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
SET LOCAL ROLE hostile;
CREATE FUNCTION hostile.act(value int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    PERFORM public.note_role();
    RETURN value;
END
$$;

-- A log whose column has a cast --------------------------------------------------------------------------------------

CREATE TABLE hostile.t (k int);
SELECT etl.create_rollup('hostile.r', 'SELECT k, count(*) AS n FROM hostile.t GROUP BY k', '{k}') \g /dev/null
CREATE TYPE hostile.moment AS ENUM ('x');
CREATE FUNCTION hostile.as_moment(hostile.moment) RETURNS timestamptz LANGUAGE plpgsql AS $$
BEGIN
    PERFORM public.note_role();
    RETURN now();
END
$$;
CREATE CAST (hostile.moment AS timestamptz) WITH FUNCTION hostile.as_moment(hostile.moment) AS ASSIGNMENT;
DROP TABLE hostile.r_log_1;
CREATE TABLE hostile.r_log_1 (etl_at hostile.moment);
INSERT INTO hostile.r_log_1 VALUES ('x');
CREATE INDEX ON hostile.r_log_1 (etl_at) WHERE hostile.act(1) = 1;
RESET ROLE;
SELECT setval('public.ran_superuser', 1, false) \g /dev/null
SELECT results_eq($$SELECT name, log_rows, lag FROM etl.rollups$$,
                  $$VALUES ('hostile.r', NULL::bigint, NULL::interval)$$,
                  'what is in another''s log is not told');
SELECT is((SELECT is_called FROM public.ran_superuser), false, 'nor is anything of it run');

-- Names that are none ------------------------------------------------------------------------------------------------

SET LOCAL ROLE hostile;
SELECT is(tell($$INSERT INTO etl.refresh_policy (matview, schedule, setting) VALUES ('a.b.c.d', '@daily', 'auto')$$),
          '23514 new row for relation "refresh_policy" violates check constraint "refresh_policy_matview_check"',
          'a name that is none is no policy''s');
SELECT is(tell($$INSERT INTO etl.rollup_source (rollup_id, number, relation, log_table, family, seals)
                 VALUES (1, 9, 'hostile.t', 'a.b.c.d', '{}', '{}')$$),
          '23514 new row for relation "rollup_source" violates check constraint "rollup_source_log_table_check"',
          'nor a log''s');
RESET ROLE;
SELECT is(n.found, NULL, format('%L names nothing', n.name))
FROM (SELECT v, etl._named_relation(v) FROM unnest('{a.b.c.d,a,"",no.such,".x"}'::text[] || '"open'::text) AS v)
    AS n(name, found);
SELECT is(etl._named_relation('hostile.r_pending'), 'hostile.r_pending'::regclass, 'and a right name its table');
CREATE SCHEMA closed AUTHORIZATION honest;
SET LOCAL ROLE honest;
CREATE TABLE closed.t (k int);
SELECT etl.create_rollup('closed.r', 'SELECT k, count(*) AS n FROM closed.t GROUP BY k', '{k}', realtime => true)
\g /dev/null
INSERT INTO closed.t VALUES (1);
SELECT results_eq('SELECT name, log_rows FROM etl.rollups', $$VALUES ('closed.r', 1::bigint)$$,
                  'the owner sees what is in the log');
SET LOCAL ROLE hostile;
SELECT results_eq('SELECT name FROM etl.rollups', $$VALUES ('hostile.r')$$,
                  'a live view in a schema that others may not use is in nobody''s way');

-- Names of others ----------------------------------------------------------------------------------------------------

INSERT INTO etl.rollup (name, query, key_columns, mode, affects, timezone, plan, target, realtime)
VALUES ('closed.r', 'x', '{k}', 'auto', '{}', 'UTC', '{}', 0, true);
INSERT INTO etl.refresh_policy (matview, schedule, setting) VALUES ('honest.mv', '@daily', 'off');
SET LOCAL ROLE honest;
CREATE MATERIALIZED VIEW honest.mv AS SELECT 1 AS k;
INSERT INTO etl.refresh_policy (matview, schedule, setting) VALUES ('honest.mv', '@hourly', 'auto');
RESET ROLE;
SELECT is((etl._refresh_policy_of('honest.mv')).owner, 'honest', 'a policy is its view''s owner''s');
SELECT is((etl._find_refresh_policy('honest.mv')).owner, 'honest', 'by name, too');
SELECT lives_ok($$SELECT etl.drop_rollup('closed.r')$$, 'a superuser drops the rollup whose table it is');
SELECT is(etl._named_relation('closed.r'), NULL, 'which is gone');

-- A view in the place of a source ------------------------------------------------------------------------------------

SET LOCAL ROLE hostile;
CREATE TABLE hostile.s (k int, v int);
GRANT SELECT, TRIGGER ON hostile.s TO honest;
GRANT USAGE ON SCHEMA hostile TO honest;
SET LOCAL ROLE honest;
SELECT etl.create_rollup('honest.r', 'SELECT k, count(*) AS n FROM hostile.s GROUP BY k', '{k}', realtime => true)
\g /dev/null
SET LOCAL ROLE hostile;
INSERT INTO hostile.s VALUES (1, 1);
ALTER TABLE hostile.s RENAME TO s0;
CREATE VIEW hostile.s AS SELECT hostile.act(k) AS k, v FROM hostile.s0;
GRANT SELECT, TRIGGER ON hostile.s TO honest;
SET LOCAL ROLE honest;
SELECT is(tell(c.call), '42809 "hostile.s", which rollup "honest.r" reads, is a view now, and was a table', c.call)
FROM unnest(ARRAY['SELECT * FROM etl.verify_rollup(''honest.r'')', 'SELECT etl.mark_dirty(''honest.r'', ''k = 1'')',
                  'SELECT * FROM honest.r_live', 'CALL etl.refresh_rollup(''honest.r'')']) AS c(call);
SELECT matches(tell($$SELECT etl.alter_rollup('honest.r', mode => 'recompute')$$), 'view', 'it cannot be planned anew');
SELECT lives_ok($$SELECT * FROM etl.explain_rollup('honest.r')$$, 'it is explained');
SELECT is((SELECT is_called FROM public.ran_honest), false, 'nothing of the view was run');

-- Indexes of views ---------------------------------------------------------------------------------------------------

SET LOCAL ROLE hostile;
CREATE MATERIALIZED VIEW hostile.mv AS SELECT 1 AS k;
CREATE UNIQUE INDEX ON hostile.mv (k);
CREATE FUNCTION hostile.yes(int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE INDEX ON hostile.mv (k) WHERE hostile.yes(1);
CREATE OR REPLACE FUNCTION hostile.yes(int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    PERFORM public.note_role();
    RETURN true;
END
$$;
RESET ROLE;
SELECT setval('public.ran_superuser', 1, false) \g /dev/null
SELECT is(count(*), 0::bigint, 'the linter') FROM etl.lint_matviews() AS l WHERE l.matview = 'hostile.mv';
SELECT is((SELECT is_called FROM public.ran_superuser), false, 'runs no function of an index');
SELECT lives_ok($$CALL etl.refresh_matview('hostile.mv')$$, 'a refresh by a superuser');
SELECT is((SELECT is_called FROM public.ran_superuser), false, 'neither');
SELECT count(*) FROM hostile.mv WHERE k = 1 \g /dev/null
SELECT is((SELECT is_called FROM public.ran_superuser), true, 'as who reads it does');
SELECT * FROM finish();
ROLLBACK;
