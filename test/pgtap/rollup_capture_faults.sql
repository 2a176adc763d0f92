-- Capture where things are not as they were made: sources that are altered, writers and owners without rights, logs
-- that are gone or changed, and triggers that somebody has made by hand.
BEGIN;
SELECT plan(90);
SET LOCAL timezone = 'UTC';
SET LOCAL client_min_messages = warning;

CREATE ROLE capture_owner;
CREATE ROLE capture_writer;
CREATE ROLE capture_stranger;
CREATE SCHEMA hidden AUTHORIZATION capture_owner;
GRANT CREATE, USAGE ON SCHEMA public TO capture_owner, capture_stranger;

-- What a statement's error says beside its message.
CREATE FUNCTION error_of(statement text, OUT state text, OUT message text, OUT detail text, OUT hint text,
                         OUT context text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
        hint = PG_EXCEPTION_HINT, context = PG_EXCEPTION_CONTEXT;
END
$$;
CREATE FUNCTION ops(log regclass) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    found text;
BEGIN
    EXECUTE format('WITH gone AS (DELETE FROM %s RETURNING etl_op) SELECT string_agg(etl_op::text, '''' ORDER BY 1)
                    FROM gone', log) INTO found;
    RETURN found;
END
$$;

-- A source that is altered -------------------------------------------------------------------------------------------

CREATE DOMAIN present AS text COLLATE "C" NOT NULL CHECK (value <> '');
CREATE TYPE pair AS (a int, b text);
CREATE TABLE t (gone int, id bigint, name present, tags text[], at timestamptz, duo pair,
                twice bigint GENERATED ALWAYS AS (id * 2) STORED);
ALTER TABLE t DROP COLUMN gone;
SELECT etl._create_log_table('public.t_keys', 'keys', 't', '{name,twice,tags,duo}', '{name,twice,tags,duo}')
\g /dev/null
SELECT etl._create_capture('t', 1, 1, 'public.t_keys', 'keys', '{name,twice,tags,duo}', '{name,twice,tags,duo}')
\g /dev/null
SELECT etl._create_log_table('public.t_images', 'images', 't', '{id,name}', '{id,name}') \g /dev/null
SELECT etl._create_capture('t', 1, 2, 'public.t_images', 'images', '{id,name}', '{id,name}') \g /dev/null
SELECT col_type_is('t_keys', 'name', 'text', 'a domain is logged as what it is made of, as a row "a" has no values');
SELECT is((SELECT collname FROM pg_collation AS c JOIN pg_attribute AS a ON a.attcollation = c.oid
           WHERE a.attrelid = 't_keys'::regclass AND a.attname = 'name'), 'C', 'in its collation');
SELECT is((SELECT collname FROM pg_collation AS c JOIN pg_attribute AS a ON a.attcollation = c.oid
           WHERE a.attrelid = 't_keys'::regclass AND a.attname = 'etl_to'), 'C', 'as the end of a range is');

INSERT INTO t (id, name, tags, at, duo) VALUES (1, 'one', '{a,b}', now(), '(1,x)'), (1, 'one', '{a,b}', now(), '(1,x)'),
    (2, 'two', NULL, now(), NULL);
SELECT results_eq('SELECT name COLLATE "default", twice, tags, duo FROM t_keys ORDER BY 1',
                  $$VALUES ('one', 2::bigint, '{a,b}'::text[], '(1,x)'::pair), ('two', 4, NULL, NULL)$$,
                  'values of generated columns, arrays and composite types');
INSERT INTO t (id, name, tags) VALUES (3, repeat('long', 100000), '{c}');
UPDATE t SET at = now() + interval '1 day';
SELECT results_eq('SELECT length(name), md5(name COLLATE "default") FROM t_images WHERE id = 3',
                  $$VALUES (400000, md5(repeat('long', 100000)))$$, 'a long value, which another UPDATE leaves alone');
DELETE FROM t_images;
DELETE FROM t WHERE id = 3;
SELECT results_eq('SELECT etl_op, length(name), md5(name COLLATE "default") FROM t_images',
                  $$VALUES ('-'::"char", 400000, md5(repeat('long', 100000)))$$, 'a long value of an old row');
SELECT ops('t_keys'), ops('t_images') \g /dev/null

ALTER TABLE t ADD COLUMN added int DEFAULT 7;
UPDATE t SET tags = '{z}' WHERE id = 1;
SELECT is(ops('t_keys'), 'cc', 'a column is added');
ALTER TABLE t ALTER COLUMN at TYPE text;
UPDATE t SET tags = '{y}' WHERE id = 1;
SELECT is(ops('t_keys'), 'cc', 'a column that is not in use has another type');
ALTER TABLE t RENAME COLUMN tags TO labels;
SELECT lives_ok($$INSERT INTO t (id, name) VALUES (4, 'four')$$, 'a column in use is renamed');
SELECT is(ops('t_keys'), 'a', 'then anything may have changed');
SELECT is(ops('t_images'), '+', 'for those who use it');
SELECT lives_ok($$UPDATE t SET id = 5 WHERE id = 4$$, 'writers go on');
SELECT is(ops('t_keys'), 'a', 'and each is logged');
UPDATE t SET id = 6 WHERE false;
SELECT is(ops('t_keys'), NULL, 'where there was something to change');
ALTER TABLE t RENAME COLUMN labels TO tags;
UPDATE t SET id = 7 WHERE id = 5;
SELECT is(ops('t_keys'), 'cc', 'and back');
ALTER TABLE t DROP COLUMN tags;
UPDATE t SET id = 8 WHERE id = 7;
SELECT is(ops('t_keys'), 'a', 'a column in use is dropped');
SELECT is((error_of($$SELECT etl._check_capture('t', '{public.t_keys,keys,"{name,twice,tags,duo}","{}",
                                                      name,twice,tags,duo}')$$)).detail,
          'Column "tags" of table "public.t" does not exist.', 'who asks is told what is wrong');
SELECT ops('t_images') \g /dev/null
ALTER TABLE t DROP COLUMN twice, ALTER COLUMN id TYPE numeric;
DELETE FROM t;
SELECT is(ops('t_images'), 'a', 'a column in use has another type');
SELECT is((error_of($$SELECT etl._check_capture('t', '{public.t_images,images,"{id,name}","{}",id,name}')$$)).detail,
          'Column "id" of the log is not of the type of id.', 'who asks is told what is wrong');
SELECT etl._drop_capture(1) \g /dev/null

-- Expressions --------------------------------------------------------------------------------------------------------

CREATE TABLE e (id int, at timestamptz);
CREATE FUNCTION public.half(value int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT value / 2';
SELECT etl._create_log_table('public.e_keys', 'keys', 'e', '{hundred,half}', '{100 / id,public.half(id)}') \g /dev/null
SELECT etl._create_capture('e', 2, 1, 'public.e_keys', 'keys', '{id}', '{100 / id,public.half(id)}',
                           '{function public.half(integer)}') \g /dev/null
SELECT is((error_of('INSERT INTO e VALUES (0)')).message, 'division by zero', 'an error of an expression');
SELECT matches((error_of('INSERT INTO e VALUES (0)')).context, '^expression "100 / id" of log "public.e_keys"',
               'says which');
INSERT INTO e VALUES (5);
SELECT results_eq('SELECT hundred, half FROM e_keys', 'VALUES (20, 2)', 'a function of the user''s');
CREATE OR REPLACE FUNCTION public.half(value int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT value * 10';
DELETE FROM e_keys;
INSERT INTO e VALUES (5);
SELECT results_eq('SELECT hundred, half FROM e_keys', 'VALUES (20, 50)', 'as it is now');
SELECT ops('e_keys') \g /dev/null
ALTER FUNCTION public.half(int) RENAME TO quarter;
SELECT lives_ok('INSERT INTO e VALUES (6)', 'a function is gone');
SELECT is(ops('e_keys'), 'a', 'then anything may have changed');
SAVEPOINT s;
INSERT INTO e VALUES (6);
RELEASE s;
SELECT is(ops('e_keys'), 'a', 'within a subtransaction, too');
ALTER FUNCTION public.quarter(int) RENAME TO half;
ALTER TABLE e ADD COLUMN other int;
INSERT INTO e VALUES (6);
SELECT is(ops('e_keys'), 'c', 'it is back, and the table has changed');
REVOKE EXECUTE ON FUNCTION public.half(int) FROM PUBLIC;
GRANT INSERT ON e TO capture_writer;
SET LOCAL ROLE capture_writer;
SELECT lives_ok('INSERT INTO e VALUES (6)', 'a writer who may not call the function');
RESET ROLE;
SELECT is(ops('e_keys'), 'a', 'is not held up');
INSERT INTO e VALUES (6);
SELECT is(ops('e_keys'), 'c', 'nor does it matter to others');
SELECT etl._drop_capture(2) \g /dev/null

CREATE FUNCTION take_role(value int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    PERFORM set_config('role', 'none', true);
    RETURN value;
END
$$;
SELECT etl._create_log_table('public.role_keys', 'keys', 'e', '{id}', '{id}') \g /dev/null
SELECT etl._create_capture('e', 3, 1, 'public.role_keys', 'keys', '{id}', '{public.take_role(id)}',
                           '{function public.take_role(integer)}') \g /dev/null
SET LOCAL ROLE capture_writer;
SELECT throws_ok('INSERT INTO e VALUES (6)', '42501',
                 'cannot set parameter "role" within security-definer function', 'an expression keeps to the role');
RESET ROLE;
SELECT etl._drop_capture(3) \g /dev/null

-- Rights -------------------------------------------------------------------------------------------------------------

SET LOCAL ROLE capture_owner;
CREATE TABLE hidden.source (id int PRIMARY KEY);
SELECT etl._create_log_table('hidden.log', 'keys', 'hidden.source', '{id}', '{id}') \g /dev/null
SELECT etl._create_capture('hidden.source', 4, 1, 'hidden.log', 'keys', '{id}', '{id}') \g /dev/null
RESET ROLE;
CREATE SCHEMA shown;
GRANT USAGE, CREATE ON SCHEMA shown TO capture_owner;
SET LOCAL ROLE capture_owner;
ALTER TABLE hidden.source SET SCHEMA shown;
GRANT INSERT ON shown.source TO capture_writer;
RESET ROLE;
GRANT USAGE ON SCHEMA shown TO capture_writer;
SET LOCAL ROLE capture_writer;
SELECT lives_ok('INSERT INTO shown.source VALUES (1)', 'who writes needs no right on the log, nor on its schema');
RESET ROLE;
SELECT is(ops('hidden.log'), 'c', 'what they write is logged');
ALTER TABLE shown.source OWNER TO capture_stranger;
SET LOCAL ROLE capture_writer;
SELECT is(concat_ws(' / ', e.state, e.message, e.hint),
          '42501 / role "capture_stranger", which owns table "shown.source", may not insert into "hidden.log" / '
          'GRANT INSERT ON hidden.log TO capture_stranger;', 'a new owner who has no right on the log')
FROM error_of('INSERT INTO shown.source VALUES (2)') AS e;
RESET ROLE;
SELECT etl._create_capture('shown.source', 4, 1, 'hidden.log', 'keys', '{id}', '{id}') \g /dev/null
SET LOCAL ROLE capture_writer;
SELECT lives_ok('INSERT INTO shown.source VALUES (3)', 'is given it when the capture is seen to');
RESET ROLE;
SET LOCAL ROLE capture_stranger;
SELECT is((error_of($$SELECT etl._create_capture('t', 4, 2, 'hidden.log', 'keys', '{id}', '{id}')$$)).state, '42501',
          'no table of another''s is captured');
SELECT is((error_of($$SELECT etl._check_capture('t', '{hidden.log,keys,"{id}","{}",id}')$$)).state, '42501',
          'nor checked');
CREATE TABLE own (id int);
CREATE TRIGGER forged AFTER INSERT ON own REFERENCING NEW TABLE AS n FOR EACH STATEMENT
EXECUTE FUNCTION etl._capture('public.t_keys', 'keys', '{id}', '{}', 'id');
SELECT is((error_of('INSERT INTO own VALUES (1)')).state, '42501', 'no trigger writes to a log of another''s');
RESET ROLE;

-- Logs ---------------------------------------------------------------------------------------------------------------

CREATE TABLE s (id int, big bigint);
CREATE FUNCTION logs_to(log text, kind text DEFAULT 'columns') RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    DROP TRIGGER IF EXISTS forged ON s;
    EXECUTE format('CREATE TRIGGER forged AFTER INSERT ON s REFERENCING NEW TABLE AS n FOR EACH STATEMENT '
                   'EXECUTE FUNCTION etl._capture(%L, %L, ''{id}'', ''{}'', ''id'')', log, kind);
    RETURN (SELECT concat_ws(' ', e.state, e.message) FROM error_of('INSERT INTO s VALUES (1)') AS e);
END
$$;
SELECT is(logs_to(f.log, f.kind), f.error, f.what)
FROM (VALUES
    ('public.missing', 'columns', '', 'no log holds up nobody'),
    ('missing.missing', 'columns', '', 'nor does no schema'),
    ('missing', 'columns', '22023 the log "missing" of a trigger is not named as schema.table', 'no schema is named'),
    ('a.b.c', 'columns', '22023 the log "a.b.c" of a trigger is not named as schema.table', 'a database is named'),
    ('public.', 'columns', '42602 invalid name syntax', 'no name'),
    ('', 'columns', '42602 invalid name syntax', 'nothing'),
    ('public.s', 'columns', '42809 table "public.s" cannot be the log of a rollup', 'the table itself'),
    ('public.s', 'other', '22023 unknown kind "other" of a log', 'another kind'),
    ('pg_catalog.pg_class', 'columns', '42809 table "pg_catalog.pg_class" cannot be the log of a rollup', 'a catalog')
) AS f(log, kind, error, what);

CREATE FUNCTION log_of(columns text, options text DEFAULT '', after text DEFAULT '', kind text DEFAULT 'columns')
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    error text;
BEGIN
    DROP TABLE IF EXISTS l CASCADE;
    EXECUTE format('CREATE %s TABLE public.l (%s); %s', options, columns, after);
    error := logs_to('public.l', kind);
    RETURN concat_ws(' ', nullif(error, ''), (SELECT string_agg(l::text, ' ') FROM l));
END
$$;
SELECT is(log_of('etl_op "char", etl_at timestamptz' || f.columns, f.options, f.after, f.kind),
          '42809 table "public.l" cannot be the log of a rollup', f.what)
FROM (VALUES
    (', id int', 'UNLOGGED', '', 'columns', 'an unlogged table'),
    (', id int PRIMARY KEY', '', '', 'columns', 'a key'),
    (', id int', '', 'CREATE INDEX ON l (id)', 'columns', 'an index'),
    (', id int CHECK (id > 0)', '', '', 'columns', 'a constraint'),
    (', id int NOT NULL', '', '', 'columns', 'a column that is NOT NULL'),
    (', id int, twice int GENERATED ALWAYS AS (id * 2) STORED', '', '', 'columns', 'a computed column'),
    (', id int', '', 'ALTER TABLE l ENABLE ROW LEVEL SECURITY', 'columns', 'row security'),
    (', id int', '', 'CREATE RULE r AS ON INSERT TO l DO INSTEAD NOTHING', 'columns', 'a rule'),
    (', id int', '', 'CREATE TRIGGER r BEFORE INSERT ON l EXECUTE FUNCTION etl._capture()', 'columns', 'a trigger'),
    (', id int', '', '', 'keys', 'no place for the end of a range')
) AS f(columns, options, after, kind, what);
SELECT is(log_of(f.columns), '42809 table "public.l" cannot be the log of a rollup', f.what)
FROM (VALUES ('', 'no column'), ('etl_op text, etl_at timestamptz, id int', 'an op of another type'),
             ('etl_op "char", etl_at date, id int', 'a time of another type'),
             ('etl_at timestamptz, etl_op "char", id int', 'columns in another order')) AS f(columns, what);
SELECT matches(log_of('etl_op "char", etl_at timestamptz, ' || f.columns), '^\(a,.*\)$', f.what || ': anything')
FROM (VALUES ('id text', 'a value of another type'), ('id int, more int', 'one column too many')) AS f(columns, what);
SELECT matches(log_of('etl_op "char", dropped text, etl_at timestamptz, id int', after => 'ALTER TABLE l DROP dropped'),
               '^\(c,.*,1\)$', 'a column that was dropped from a log');
CREATE VIEW v AS SELECT 'c'::"char" AS etl_op, now() AS etl_at, 1 AS id;
CREATE TABLE p (LIKE v) PARTITION BY LIST (id);
SELECT is(logs_to('public.' || f.name), '42809 table "public.' || f.name || '" cannot be the log of a rollup', f.name)
FROM (VALUES ('v'), ('p')) AS f(name);

-- Triggers made by hand ----------------------------------------------------------------------------------------------

DROP TRIGGER forged ON s;
CREATE TABLE fine (etl_op "char", etl_at timestamptz, id int);
CREATE FUNCTION made(how text, arguments text DEFAULT $q$'public.fine', 'columns', '{id}', '{}', 'id'$q$) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
    DROP TRIGGER IF EXISTS forged ON s;
    EXECUTE format('CREATE TRIGGER forged %s EXECUTE FUNCTION etl._capture(%s)', how, arguments);
    INSERT INTO s VALUES (1);
    UPDATE s SET id = 2;
    DELETE FROM s;
    TRUNCATE s;
    RETURN 'fine';
EXCEPTION
    WHEN OTHERS THEN
        RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
SELECT is(made(f.how), '39P01 the function was not called as the trigger that it is made for', f.how)
FROM (VALUES ('BEFORE INSERT ON s FOR EACH ROW'), ('AFTER INSERT ON s FOR EACH ROW'),
             ('BEFORE INSERT ON s FOR EACH STATEMENT'), ('AFTER INSERT ON s FOR EACH STATEMENT'),
             ('AFTER UPDATE ON s REFERENCING OLD TABLE AS o FOR EACH STATEMENT'),
             ('AFTER UPDATE ON s REFERENCING NEW TABLE AS o FOR EACH STATEMENT'),
             ('AFTER DELETE ON s FOR EACH STATEMENT'), ('BEFORE TRUNCATE ON s FOR EACH STATEMENT'),
             ('AFTER INSERT OR DELETE ON s FOR EACH STATEMENT')) AS f(how);
SELECT matches(made('AFTER INSERT ON s REFERENCING NEW TABLE AS n FOR EACH STATEMENT', f.arguments), f.error,
               f.arguments)
FROM (VALUES ('', '^22023 the trigger names no log'),
             ($$'public.fine', 'keys', '{id}', '{}'$$, '^22023 the trigger names no key'),
             ($$'public.fine', 'columns', '{id', '{}'$$, '^22P02 malformed array literal'),
             ($$'public.fine', 'columns', '{NULL}', '{}', 'id'$$, '^fine'),
             ($$'public.fine', 'columns', '{id}', '{}', 'count(*)'$$, '^fine'),
             ($$'public.fine', 'columns', '{id}', '{}', 'id; DROP TABLE s'$$, '^fine'),
             ($$'public.fine', 'columns', '{id}', '{}', '(SELECT 1)'$$, '^fine'),
             ($$'public.fine', 'columns', '{id}', '{}', 'generate_series(1, id)'$$, '^fine'),
             ($$'public.fine', 'columns', '{id}', '{}', 's'$$, '^fine'),
             ($$'public.fine', 'columns', '{id}', '{}', ''$$, '^fine')) AS f(arguments, error);
SELECT is((SELECT string_agg(etl_op::text, '') FROM fine), 'aaaaaaa', 'what does not compile is anything');
SELECT throws_ok('SELECT etl._capture()', '39P01', 'the function was not called as the trigger that it is made for',
                 'no trigger');

CREATE TEMPORARY TABLE mine (id int);
CREATE TRIGGER forged AFTER INSERT ON mine REFERENCING NEW TABLE AS n FOR EACH STATEMENT
EXECUTE FUNCTION etl._capture('public.fine', 'columns', '{id}', '{}', 'id');
SELECT throws_ok($$SELECT etl._create_capture('mine', 1, 1, 'public.fine', 'columns', '{id}', '{id}')$$, '42809',
                 'table "mine" is temporary', 'a temporary table');
CREATE FOREIGN DATA WRAPPER nowhere;
CREATE SERVER nowhere FOREIGN DATA WRAPPER nowhere;
CREATE FOREIGN TABLE far PARTITION OF p FOR VALUES IN (1) SERVER nowhere;
SELECT throws_ok($$SELECT etl._create_capture('p', 1, 1, 'public.fine', 'columns', '{id}', '{id}')$$, '42809',
                 'partition "public.far" of table "public.p" is a foreign table', 'a foreign partition');
SELECT is((error_of($$DO 'BEGIN SET LOCAL transaction_read_only = on; INSERT INTO mine VALUES (1); END'$$)).message,
          'cannot execute INSERT in a read-only transaction', 'nothing is logged in a read-only transaction');

SELECT * FROM finish();
ROLLBACK;
