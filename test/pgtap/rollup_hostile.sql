-- What others have made must not act as whoever looks at it: roles that forge names, put views in the place of tables,
-- and give types and indexes functions of their own.
BEGIN;
SELECT plan(50);
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

-- Names that mean another thing -------------------------------------------------------------------------------------

-- Whoever may create in the schema of a function may add one that fits better, and would act as who calls it.
RESET ROLE;
CREATE SCHEMA shared;
GRANT ALL ON SCHEMA shared TO PUBLIC;
SET LOCAL ROLE honest;
CREATE FUNCTION shared.bucket(x anyelement) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
RESET ROLE;
ALTER FUNCTION shared.bucket(anyelement) LEAKPROOF; -- it never fails, so that writers call it
SET LOCAL ROLE honest;
CREATE FUNCTION shared.meet(x anyelement, y anyelement) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
CREATE OPERATOR shared.### (FUNCTION = shared.meet, LEFTARG = anyelement, RIGHTARG = anyelement);
CREATE DOMAIN honest.small AS int;
CREATE FUNCTION shared.half(x honest.small) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT x / 2';
CREATE TABLE honest.sale (k int, v int, d honest.small);
SELECT etl.create_rollup('honest.named', 'SELECT shared.bucket(k) AS k, count(*) AS n FROM honest.sale GROUP BY 1',
                         '{k}', mode => 'recompute', realtime => true) \g /dev/null
SELECT etl.create_rollup('honest.folded', 'SELECT coalesce(k, shared.bucket(7)) AS k, count(*) AS n '
                         'FROM honest.sale GROUP BY 1', '{k}', mode => 'recompute') \g /dev/null
SELECT etl.create_rollup('honest.operated', 'SELECT k, sum(v OPERATOR(shared.###) k) AS n FROM honest.sale GROUP BY 1',
                         '{k}') \g /dev/null
SELECT etl.create_rollup('honest.bare', 'SELECT shared.half(d) AS k, count(*) AS n FROM honest.sale GROUP BY 1',
                         '{k}') \g /dev/null
SELECT is(plan -> 'uses', '["function shared.half(honest.small)", "type honest.small (domain over integer)"]',
          'a plan tells what the query uses') FROM etl.rollup WHERE name = 'honest.bare';
SET LOCAL ROLE hostile;
CREATE FUNCTION shared.bucket(x int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN hostile.act(x); END';
CREATE FUNCTION shared.meet(x int, y int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN hostile.act(x); END';
CREATE OPERATOR shared.### (FUNCTION = shared.meet, LEFTARG = int, RIGHTARG = int);
-- The query does not mean this one, but what reads the log would: there, a value of the domain is a plain one.
CREATE FUNCTION shared.half(x int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN hostile.act(x); END';
SET LOCAL ROLE honest;
SELECT lives_ok('INSERT INTO honest.sale VALUES (1, 1, 4)', 'a writer is not held up');
SELECT is((SELECT string_agg(l.etl_op::text, ',') FROM honest.named_log_1 AS l), 'a',
          'and notes that anything has changed');
SELECT is((SELECT string_agg(l.etl_op::text, ',') FROM honest.folded_log_1 AS l), 'a',
          'also where the planner would run the function');
SELECT is(tell(c.call), '42809 the query of rollup "honest.named" would use function shared.bucket(integer), which it '
          'did not use when it was made', c.call)
FROM unnest(ARRAY['CALL etl.refresh_rollup(''honest.named'')', 'SELECT * FROM etl.verify_rollup(''honest.named'')',
                  'SELECT etl.mark_dirty(''honest.named'', ''k = 1'')', 'TABLE honest.named_live',
                  'SELECT etl.alter_rollup(''honest.named'', mode => ''auto'')']) AS c(call);
SELECT is(tell('CALL etl.refresh_rollup(''honest.operated'')'), '42809 the query of rollup "honest.operated" would '
          'use function shared.meet(integer,integer), which it did not use when it was made', 'an operator');
SELECT is(tell('CALL etl.refresh_rollup(''honest.bare'')'), '42809 rollup "honest.bare" would run function '
          'shared.half(integer), which its query did not use when it was made', 'what the query does not mean');
SELECT is((SELECT is_called FROM public.ran_honest), false, 'nothing of theirs was run');
SELECT lives_ok($$SELECT * FROM etl.explain_rollup('honest.named')$$, 'it is explained');
SET LOCAL ROLE hostile;
DROP FUNCTION shared.bucket(int), shared.half(int);
SET LOCAL ROLE honest;
SELECT is(tell(format('CALL etl.refresh_rollup(%L)', r)), 'fine', 'without it, it goes on: ' || r)
FROM unnest('{honest.named,honest.bare}'::text[]) AS r;
SELECT results_eq('TABLE honest.named', 'VALUES (1, 1::bigint)', 'and has all');
SELECT etl.alter_rollup('honest.operated', query => 'SELECT k, count(*) AS n FROM honest.sale GROUP BY 1')
\g /dev/null
SELECT is(tell('CALL etl.refresh_rollup(''honest.operated'')'), 'fine', 'another query takes what there is');
CREATE TYPE honest.pair AS (a int, b int);
CREATE FUNCTION honest.as_text(p honest.pair) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT ''(1,2)''';
CREATE CAST (honest.pair AS text) WITH FUNCTION honest.as_text(honest.pair);
CREATE TABLE honest.paired (p honest.pair);
SELECT etl.create_rollup('honest.by_cast', 'SELECT p::text AS k, count(*) AS n FROM honest.paired GROUP BY 1', '{k}')
\g /dev/null
DROP CAST (honest.pair AS text);
SELECT is(tell('CALL etl.refresh_rollup(''honest.by_cast'')'), '42809 the query of rollup "honest.by_cast" does not '
          'find function honest.as_text(honest.pair) any more',
          'a cast that is gone, so that PostgreSQL takes its own');

-- Types of the same name ---------------------------------------------------------------------------------------------

SET LOCAL ROLE hostile;
CREATE DOMAIN hostile.amount AS int;
CREATE TYPE hostile.part AS (f hostile.amount);
CREATE TABLE hostile.typed (k int, v hostile.amount);
CREATE TABLE hostile.nested (k int, c hostile.part);
GRANT SELECT, TRIGGER ON hostile.typed, hostile.nested TO honest;
SET LOCAL ROLE honest;
SELECT etl.create_rollup('honest.typed', 'SELECT s.k, sum(s.v) AS n FROM hostile.typed AS s GROUP BY 1', '{k}')
\g /dev/null
SELECT etl.create_rollup('honest.nested', 'SELECT s.k, sum((s.c).f) AS n FROM hostile.nested AS s GROUP BY 1', '{k}',
                         mode => 'recompute') \g /dev/null
SET LOCAL ROLE hostile;
ALTER TABLE hostile.typed DROP COLUMN v;
ALTER TYPE hostile.part DROP ATTRIBUTE f;
DROP DOMAIN hostile.amount;
CREATE TYPE hostile.amount AS (a int);
CREATE FUNCTION hostile.as_int(x hostile.amount) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN hostile.act(1); END';
CREATE CAST (hostile.amount AS int) WITH FUNCTION hostile.as_int(hostile.amount) AS IMPLICIT;
ALTER TABLE hostile.typed ADD COLUMN v hostile.amount;
ALTER TYPE hostile.part ADD ATTRIBUTE f hostile.amount;
INSERT INTO hostile.typed VALUES (1, ROW(1));
INSERT INTO hostile.nested VALUES (1, ROW(ROW(1)));
SET LOCAL ROLE honest;
SELECT is(tell('CALL etl.refresh_rollup(''honest.typed'')'), '42804 column "v" of table "hostile.typed", which rollup '
          '"honest.typed" reads, has become hostile.amount (a integer), and was hostile.amount (domain over integer)',
          'another type of the same name');
SELECT is(tell('CALL etl.refresh_rollup(''honest.nested'')'), '42804 column "c" of table "hostile.nested", which '
          'rollup "honest.nested" reads, has become hostile.part (f hostile.amount (a integer)), and was hostile.part '
          '(f hostile.amount (domain over integer))', 'within another');
SELECT is((SELECT is_called FROM public.ran_honest), false, 'its cast was not run');

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
