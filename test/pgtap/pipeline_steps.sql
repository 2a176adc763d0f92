-- Steps of pipelines as they are defined: what is stored, what follows when they are changed, renamed and removed, and
-- everything that is refused.
BEGIN;
SET timezone = 'UTC';
SET client_min_messages = error;
SELECT plan(166);

-- What a command raises: SQLSTATE and message; or everything.
CREATE FUNCTION pg_temp.failure(command text, whole boolean DEFAULT false) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
    hint text;
BEGIN
    EXECUTE command;
    RETURN 'nothing';
EXCEPTION
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
        RETURN SQLSTATE || ' ' || SQLERRM
               || CASE WHEN whole THEN format(E'\n%s\n%s', detail, hint) ELSE '' END;
END $$;
CREATE FUNCTION pg_temp.s(name text) RETURNS etl.step LANGUAGE sql AS $$
    SELECT s FROM etl.step AS s WHERE s.name = $1
$$;

-- What is stored -----------------------------------------------------------------------------------------------------

CREATE ROLE etl_tap_ann;
CREATE ROLE "etl_tap ""Team""";
SELECT etl.create_pipeline('p') \g /dev/null
SELECT etl.add_step('p', 'plain', 'SELECT 1') \g /dev/null
SELECT results_eq(
    $$SELECT action, kind, depends_on, run_if, attempts, backoff, backoff_factor, backoff_max, jitter, retry_sqlstates,
             timeout, run_as, params, "check", owner FROM etl.step$$,
    $$VALUES ('SELECT 1', 'sql', '{}'::text[], 'all_success', 3, '1 s'::interval, 2::float8, '5 minutes'::interval,
              0.1::float8, NULL::text[], NULL::interval, NULL::name, '{}'::jsonb, NULL::text, current_user)$$,
    'a step with nothing said');
SELECT etl.add_step('p', 'all', 'CALL x()', 'procedure', '{plain}', 'all_done', 5, '10 s', 3, '1 hour', 0,
                    '{40,40P01}', '1 minute', '"etl_tap ""Team"""', '{"country": "NL"}', 'EXISTS (SELECT FROM later)')
\g /dev/null
SELECT results_eq(
    $$SELECT action, kind, depends_on, run_if, attempts, backoff, backoff_factor, backoff_max, jitter, retry_sqlstates,
             timeout, run_as, params, "check" FROM etl.step WHERE name = 'all'$$,
    $$VALUES ('CALL x()', 'procedure', '{plain}'::text[], 'all_done', 5, '10 s'::interval, 3::float8,
              '1 hour'::interval, 0::float8, '{40,40P01}'::text[], '1 minute'::interval, 'etl_tap "Team"'::name,
              '{"country": "NL"}'::jsonb, 'EXISTS (SELECT FROM later)')$$, 'with all arguments');
SELECT etl.add_step('p', n, 'SELECT', depends_on => '{all}')
FROM unnest(ARRAY['it''s "x"; --', 'Grün', repeat('x', 63), 'a, b', '{a}', 'NULL', '%s $1']) AS n \g /dev/null
SELECT etl.add_step('p', 'after', 'SELECT', depends_on => (
    SELECT array_agg(name) FROM etl.step WHERE depends_on = '{all}')) \g /dev/null
SELECT is((SELECT count(*) FROM etl.step), 10::bigint, 'names are any texts');
SELECT is(cardinality((pg_temp.s('after')).depends_on), 7, 'and needed by them');

-- Changing
CREATE TEMPORARY TABLE before AS SELECT * FROM etl.step;
SELECT etl.alter_step('p', name) FROM etl.step \g /dev/null
SELECT results_eq('SELECT * FROM etl.step ORDER BY step_id', 'SELECT * FROM before ORDER BY step_id',
                  'nothing is given, nothing changes');
SELECT etl.alter_step('p', 'plain', 'VACUUM', 'toplevel', '{}', 'all_done', 1, '0', 1, '0', 1, '{}', '2 s',
                      'etl_tap_ann', '{"a": null}', 'true') \g /dev/null
SELECT results_eq(
    $$SELECT action, kind, run_if, attempts, backoff, backoff_factor, backoff_max, jitter, retry_sqlstates, timeout,
             run_as, params, "check" FROM etl.step WHERE name = 'plain'$$,
    $$VALUES ('VACUUM', 'toplevel', 'all_done', 1, '0'::interval, 1::float8, '0'::interval, 1::float8, '{}'::text[],
              '2 s'::interval, 'etl_tap_ann'::name, '{"a": null}'::jsonb, 'true')$$, 'what is given changes');
SELECT etl.alter_step('p', 'plain', reset => '{timeout,run_as,check,retry_sqlstates}') \g /dev/null
SELECT results_eq(
    $$SELECT retry_sqlstates, timeout, run_as, "check", attempts FROM etl.step WHERE name = 'plain'$$,
    'VALUES (NULL::text[], NULL::interval, NULL::name, NULL::text, 1)', 'what is reset goes');
SELECT is(pg_temp.failure(format('SELECT etl.alter_step(''p'', ''plain'', %s)', c.arguments)), c.failure, c.arguments)
FROM (VALUES
    ('reset => ''{action}''', '22023 reset cannot be ''action'''),
    ('reset => NULL', '22023 reset cannot be NULL'),
    ('reset => ''{check}'', "check" => ''true''', '22023 check is given and in reset as well'),
    ('reset => ''{run_as}'', run_as => ''postgres''', '22023 run_as is given and in reset as well'),
    ('kind => ''sql''', '22023 VACUUM cannot stand in step "plain" of kind sql'),
    ('action => ''''', '22023 the action of a step must not be empty'),
    ('attempts => 0', '22023 attempts must be at least 1, not 0'),
    ('depends_on => ''{plain}''', '22023 step "plain" cannot need itself'),
    ('depends_on => ''{nothing}''', '42704 step "plain" needs step "nothing", which pipeline "p" does not have')
) AS c(arguments, failure);
SELECT is((SELECT hint FROM (SELECT pg_temp.failure($$SELECT etl.alter_step('p', 'all', reset => '{x}')$$,
          true)) AS f(hint)),
          E'22023 reset cannot be ''x''\n\nGive one of ''retry_sqlstates'', ''timeout'', ''run_as'', ''check''.',
          'which can be reset');
SELECT etl.drop_pipeline('p') \g /dev/null

-- What is refused ----------------------------------------------------------------------------------------------------

SELECT etl.create_pipeline('p'), etl.add_step('p', 'there', 'SELECT') \g /dev/null
SELECT is(pg_temp.failure(format('SELECT etl.add_step(''p'', ''a'', ''SELECT 1'', %s)', c.arguments)), c.failure,
          c.arguments)
FROM (VALUES
    ('kind => ''python''', '22023 kind cannot be ''python'''),
    ('kind => ''load''', '22023 kind cannot be ''load'''),
    ('kind => NULL', '22023 kind cannot be NULL'),
    ('run_if => ''always''', '22023 run_if cannot be ''always'''),
    ('run_if => NULL', '22023 run_if cannot be NULL'),
    ('depends_on => NULL', '22023 depends_on must not be or hold NULL'),
    ('depends_on => ''{there,NULL}''', '22023 depends_on must not be or hold NULL'),
    ('depends_on => ''{there,ther}''', '42704 step "a" needs step "ther", which pipeline "p" does not have'),
    ('depends_on => ''{There}''', '42704 step "a" needs step "There", which pipeline "p" does not have'),
    ('depends_on => ''{a}''', '22023 step "a" cannot need itself'),
    ('attempts => 0', '22023 attempts must be at least 1, not 0'),
    ('attempts => NULL', '22023 attempts must be at least 1, not NULL'),
    ('backoff => ''-1 s''', '22023 backoff cannot be ''-00:00:01'''),
    ('backoff => ''1 mon''', '22023 backoff cannot be ''1 mon'''),
    ('backoff => ''-1 mon 40 days''', '22023 backoff cannot be ''-1 mons +40 days'''),
    ('backoff => NULL', '22023 backoff cannot be NULL'),
    ('backoff => ''10 minutes''', '22023 backoff "00:10:00" is longer than backoff_max "00:05:00"'),
    ('backoff_max => ''0.5 s''', '22023 backoff "00:00:01" is longer than backoff_max "00:00:00.5"'),
    ('backoff_max => ''1 year''', '22023 backoff_max cannot be ''1 year'''),
    ('backoff_max => NULL', '22023 backoff_max cannot be NULL'),
    ('backoff_factor => 0.9', '22023 backoff_factor must be from 1 to 1000, not 0.9'),
    ('backoff_factor => ''NaN''', '22023 backoff_factor must be from 1 to 1000, not NaN'),
    ('backoff_factor => ''Infinity''', '22023 backoff_factor must be from 1 to 1000, not Infinity'),
    ('backoff_factor => NULL', '22023 backoff_factor must be from 1 to 1000, not NULL'),
    ('jitter => -0.1', '22023 jitter must be from 0 to 1, not -0.1'),
    ('jitter => 1.1', '22023 jitter must be from 0 to 1, not 1.1'),
    ('jitter => ''NaN''', '22023 jitter must be from 0 to 1, not NaN'),
    ('jitter => NULL', '22023 jitter must be from 0 to 1, not NULL'),
    ('retry_sqlstates => ''{4}''', '22023 retry_sqlstates has ''4'', which is no SQLSTATE'),
    ('retry_sqlstates => ''{40,4000}''', '22023 retry_sqlstates has ''4000'', which is no SQLSTATE'),
    ('retry_sqlstates => ''{40p01}''', '22023 retry_sqlstates has ''40p01'', which is no SQLSTATE'),
    ('retry_sqlstates => ''{deadlock_detected}''',
     '22023 retry_sqlstates has ''deadlock_detected'', which is no SQLSTATE'),
    ('retry_sqlstates => ARRAY[E''40001\n'']', E'22023 retry_sqlstates has ''40001\n'', which is no SQLSTATE'),
    ('retry_sqlstates => ''{NULL}''', '22023 retry_sqlstates has NULL, which is no SQLSTATE'),
    ('timeout => ''0''', '22023 timeout must be longer than zero, not "00:00:00"'),
    ('timeout => ''-1 s''', '22023 timeout must be longer than zero, not "-00:00:01"'),
    ('run_as => ''-''', '42704 run_as: role with OID 0 does not exist'),
    ('run_as => 4294967295::regrole', '42704 run_as: role with OID 4294967295 does not exist'),
    ('run_as => ''nobody_here''', '42704 role "nobody_here" does not exist'),
    ('params => ''[]''', '22023 params must be a JSON object, not []'),
    ('params => ''"x"''', '22023 params must be a JSON object, not "x"'),
    ('params => NULL', '22023 params must be a JSON object, not NULL'),
    ('"check" => ''''', '22023 the check of a step must not be empty'),
    ('"check" => '' -- ''', '42601 " -- " is not one expression'),
    ('"check" => ''1''', '42804 check "1" of step "a" is of type integer, not boolean'),
    ('"check" => ''count(*)''', '42804 check "count(*)" of step "a" is of type bigint, not boolean'),
    ('"check" => ''true, false''', '42601 "true, false" is not one expression'),
    ('"check" => ''true; DROP TABLE x''', '42601 syntax error at or near ";"'),
    ('"check" => ''true) OR (true''', '42601 syntax error at or near ")"'),
    ('"check" => ''true FROM pg_class''', '42601 "true FROM pg_class" is not one expression'),
    ('"check" => ''amount > 0''', '42703 "amount > 0" names column "amount", but is about no table'),
    ('"check" => ''x IN (SELECT 1)''', '42703 "x IN (SELECT 1)" names column "x", but is about no table'),
    ('"check" => ''1 = ''''x''''''', '22P02 invalid input syntax for type integer: "x"')
) AS c(arguments, failure);
SELECT is(pg_temp.failure(format('SELECT etl.add_step(''p'', ''a'', %L)', c.action)), c.failure, c.action)
FROM (VALUES
    ('', '22023 the action of a step must not be empty'),
    (E' \n', '22023 the action of a step must not be empty'),
    (NULL, '22023 the action of a step must not be empty'),
    ('-- nothing', '22023 the action of a step must not be empty'),
    (';;', '22023 the action of a step must not be empty'),
    ('SELEC 1', '42601 syntax error at or near "SELEC"'),
    ('SELECT 1; SELEC 2', '42601 syntax error at or near "SELEC"'),
    ('SELECT ''x', '42601 unterminated quoted string at or near "''x"'),
    ('BEGIN', '22023 BEGIN cannot stand in step "a" of kind sql'),
    ('SELECT 1; COMMIT', '22023 COMMIT cannot stand in step "a" of kind sql'),
    ('ROLLBACK', '22023 ROLLBACK cannot stand in step "a" of kind sql'),
    ('SAVEPOINT x', '22023 SAVEPOINT cannot stand in step "a" of kind sql'),
    ('COMMIT PREPARED ''x''', '22023 COMMIT PREPARED cannot stand in step "a" of kind sql'),
    ('VACUUM x', '22023 VACUUM cannot stand in step "a" of kind sql'),
    ('CREATE DATABASE x', '22023 CREATE DATABASE cannot stand in step "a" of kind sql'),
    ('DROP DATABASE x', '22023 DROP DATABASE cannot stand in step "a" of kind sql'),
    ('CREATE TABLESPACE x LOCATION ''/x''', '22023 CREATE TABLESPACE cannot stand in step "a" of kind sql'),
    ('ALTER SYSTEM SET x = 1', '22023 ALTER SYSTEM cannot stand in step "a" of kind sql'),
    ('CREATE INDEX CONCURRENTLY ON x (y)', '22023 CREATE INDEX CONCURRENTLY cannot stand in step "a" of kind sql'),
    ('DROP INDEX CONCURRENTLY x', '22023 DROP INDEX CONCURRENTLY cannot stand in step "a" of kind sql'),
    ('REINDEX INDEX CONCURRENTLY x', '22023 REINDEX CONCURRENTLY cannot stand in step "a" of kind sql'),
    ('REINDEX SCHEMA x', '22023 REINDEX cannot stand in step "a" of kind sql'),
    ('ALTER TABLE x DETACH PARTITION y CONCURRENTLY',
     '22023 ALTER TABLE CONCURRENTLY cannot stand in step "a" of kind sql'),
    ('CLUSTER', '22023 CLUSTER cannot stand in step "a" of kind sql'),
    ('DISCARD ALL', '22023 DISCARD ALL cannot stand in step "a" of kind sql'),
    ('COPY x FROM STDIN', '0A000 step "a" copies from or to a client, and has none'),
    ('COPY (SELECT 1) TO STDOUT', '0A000 step "a" copies from or to a client, and has none')
) AS c(action, failure);
SELECT is(pg_temp.failure($$SELECT etl.add_step('p', 'a', 'SELECT 1; VACUUM')$$, true),
          E'22023 VACUUM cannot stand in step "a" of kind sql\nSuch a step is one transaction, in which its success is '
          'recorded too.'
          || E'\nGive the step kind => ''toplevel''.', 'the way out is the right kind');
SELECT is(pg_temp.failure($$SELECT etl.add_step('p', 'a', 'COMMIT')$$, true),
          E'22023 COMMIT cannot stand in step "a" of kind sql\nSuch a step is one transaction, in which its success is '
          'recorded too.'
          || E'\nGive the step kind => ''procedure''.', 'of both');
SELECT is(pg_temp.failure(format('SELECT etl.add_step(''p'', %L, ''SELECT'')', name)), failure,
          'name ' || coalesce(name, 'NULL'))
FROM (VALUES (NULL, '22023 name must not be NULL'), ('', '22023 name is not a valid name: ""'),
             (' ', '22023 name is not a valid name: " "'),
             ('there', '42710 step "there" of pipeline "p" already exists')) AS n(name, failure);
SELECT is(pg_temp.failure($$SELECT etl.add_step('nowhere', 'a', 'SELECT')$$), '42704 pipeline "nowhere" does not exist',
          'no such pipeline');
SELECT is(pg_temp.failure($$SELECT etl.add_step(NULL, 'a', 'SELECT')$$), '22023 no pipeline was given', 'none');
SELECT is(pg_temp.failure($$SELECT etl.alter_step('p', 'ther')$$, true),
          E'42704 step "ther" of pipeline "p" does not exist\nIts steps are "there".\netl.add_step(''p'', ''ther'', '
          '...) adds it.', 'no such step');
SELECT is(pg_temp.failure($$SELECT etl.alter_step('p', NULL)$$), '42704 step "NULL" of pipeline "p" does not exist',
          'no name');
SELECT is((SELECT array_agg(name) FROM etl.step), '{there}', 'what is refused leaves nothing');

-- What is not refused
SELECT lives_ok(format('SELECT etl.add_step(''p'', %L, %L)', action, action), action)
FROM unnest(ARRAY['CALL x()', 'DO $$ BEGIN COMMIT; END $$', 'CREATE INDEX ON x (y)', 'REINDEX TABLE x', 'ANALYZE x',
                  'SELECT 1 / 0; INSERT INTO nowhere VALUES (1);', 'SET LOCAL x.y = 1',
                  'COPY x FROM ''/x''']) AS action;
SELECT lives_ok(format('SELECT etl.add_step(''p'', %1$L, ''SELECT'', "check" => %1$L)', c), c)
FROM unnest(ARRAY['true', 'NOT EXISTS (SELECT FROM later WHERE amount < 0)', 'nowhere.f(1)',
                  '(SELECT count(*) FROM pg_class AS c WHERE c.relname = ''x'') = 0', 'etl.param(''x'', ''1'') = ''1''',
                  'NULL::boolean', 'true -- sure']) AS c;
SELECT lives_ok($$SELECT etl.add_step('p', 'every', 'VACUUM; COMMIT', k) FROM (VALUES ('toplevel')) AS v(k)$$,
          'toplevel');

-- Under the search path of the pipeline
CREATE SCHEMA elsewhere;
CREATE FUNCTION elsewhere.number() RETURNS int LANGUAGE sql AS 'SELECT 1';
SELECT etl.create_pipeline('there', search_path => 'elsewhere') \g /dev/null
SELECT is(pg_temp.failure($$SELECT etl.add_step('there', 'a', 'SELECT', "check" => 'number()')$$),
          '42804 check "number()" of step "a" is of type integer, not boolean',
          'a check is read under the pipeline''s path');

-- Circles ------------------------------------------------------------------------------------------------------------

SELECT etl.create_pipeline('ring') \g /dev/null
SELECT etl.add_step('ring', name, 'SELECT', depends_on => needs)
FROM (VALUES ('top', '{}'::text[]), ('left', '{top}'), ('bottom', '{left}'), ('right', '{top}'), ('alone', '{}'))
    AS s(name, needs) \g /dev/null
SELECT etl.alter_step('ring', 'bottom', depends_on => '{left,right,left}') \g /dev/null
SELECT is(pg_temp.failure($$SELECT etl.alter_step('ring', 'top', depends_on => '{alone,bottom}')$$, true),
          E'22023 steps of pipeline "ring" need each other in a circle: top -> bottom -> left -> top\nAn arrow leads '
          'from a step to one that it needs.'
          || E'\nGive depends_on without the step that leads back, or change that one first.', 'a circle');
SELECT is(pg_temp.failure($$SELECT etl.alter_step('ring', 'right', depends_on => '{bottom}')$$),
          '22023 steps of pipeline "ring" need each other in a circle: right -> bottom -> right', 'a small one');
SELECT is((pg_temp.s('top')).depends_on, '{}', 'none is made');
SELECT lives_ok($$SELECT etl.alter_step('ring', 'right', depends_on => '{alone,left}')$$, 'others are none');

SELECT results_eq($$SELECT o.name, o.level FROM etl.pipeline AS p CROSS JOIN LATERAL etl._places(p.pipeline_id) AS o
                    WHERE p.name = 'ring' ORDER BY o.place$$,
                  $$VALUES ('top', 0), ('alone', 0), ('left', 1), ('right', 2), ('bottom', 3)$$, 'the order of a run');
-- Who owns the rows can write into them what no function would.
SAVEPOINT by_hand;
UPDATE etl.step SET depends_on = '{bottom}' WHERE name = 'top';
SELECT is(pg_temp.failure($$SELECT etl._require_order(pipeline_id) FROM etl.pipeline WHERE name = 'ring'$$, true),
          E'22023 step "top" has no place in the order of steps\nIt, or a step that it needs, needs itself by way of '
          'others, or one that is not there.'
          || E'\nGive it or that one other needs with etl.alter_step(..., depends_on => ...).',
          'a circle made by hand is not run');
UPDATE etl.step SET depends_on = '{}' WHERE name = 'top';
UPDATE etl.step SET depends_on = '{gone}' WHERE name = 'right';
SELECT is(pg_temp.failure($$SELECT etl._require_order(pipeline_id) FROM etl.pipeline WHERE name = 'ring'$$),
          '22023 step "bottom" has no place in the order of steps', 'nor what needs something that is gone');
ROLLBACK TO by_hand;

-- Renaming and removing ----------------------------------------------------------------------------------------------

SELECT etl.rename_step('ring', 'left', 'it''s "left"') \g /dev/null
SELECT results_eq($$SELECT s.name, s.depends_on FROM etl.step AS s JOIN etl.pipeline AS p USING (pipeline_id)
                    WHERE p.name = 'ring' ORDER BY s.step_id$$,
                  $$VALUES ('top', '{}'::text[]), ('it''s "left"', '{top}'),
                           ('bottom', '{"it''s \"left\"",right}'), ('right',
                           '{alone,"it''s \"left\""}'),
                           ('alone', '{}')$$, 'those that need it follow');
SELECT is(pg_temp.failure(format('SELECT etl.rename_step(''ring'', %L, %L)', o, n)), f, format('%s to %s', o, n))
FROM (VALUES ('top', 'bottom', '42710 step "bottom" of pipeline "ring" already exists'),
             ('top', '', '22023 new_name is not a valid name: ""'),
             ('top', NULL, '22023 new_name must not be NULL'),
             ('left', 'x', '42704 step "left" of pipeline "ring" does not exist')) AS r(o, n, f);
SELECT is((SELECT count(*) FROM etl.step WHERE name = 'there'), 1::bigint,
          'steps of other pipelines have names of their own');
SELECT etl._enqueue_run(p, now(), 'call', from_step => 'top') FROM etl.pipeline AS p WHERE p.name = 'ring' \g /dev/null
SELECT etl.rename_step('ring', 'top', 'first') \g /dev/null
SELECT is((SELECT from_step FROM etl.pipeline_run), 'first', 'a run that waits to begin there follows');
SELECT is(pg_temp.failure($$SELECT etl.remove_step('ring', 'alone')$$, true),
          E'2BP01 step "alone" of pipeline "ring" is needed by other steps\nIt is needed by "right".\nRemove these '
          'first, or change what they need with etl.alter_step(..., depends_on => ...).', 'a step that is needed');
SELECT etl.remove_step('ring', 'bottom'), etl.remove_step('ring', 'right'), etl.remove_step('ring',
          'alone') \g /dev/null
SELECT is((SELECT count(*) FROM etl.step AS s JOIN etl.pipeline AS p USING (pipeline_id) WHERE p.name = 'ring'),
          2::bigint,
          'removed from the end');
SELECT is(pg_temp.failure($$SELECT etl.remove_step('ring', 'alone')$$),
          '42704 step "alone" of pipeline "ring" does not exist',
          'gone');
SELECT lives_ok($$SELECT etl.remove_step('ring', 'alone', if_exists => true)$$, 'if it exists');
SELECT is(pg_temp.failure($$SELECT etl.remove_step('ring', 'alone', NULL)$$), '22023 if_exists must not be NULL',
          'NULL');

-- Many ---------------------------------------------------------------------------------------------------------------

SELECT etl.create_pipeline('many') \g /dev/null
SET LOCAL statement_timeout = '60 s'; -- a second at most, unless each step looks at all others in turn
DO $$ BEGIN
    FOR n IN 1 .. 1000 LOOP
        PERFORM etl.add_step('many', 's' || n, 'SELECT ' || n, depends_on => ARRAY(
            SELECT 's' || m FROM generate_series(greatest(n - 10, 1), n - 1) AS m));
    END LOOP;
END $$;
SELECT is((SELECT count(*) FROM etl.step AS s JOIN etl.pipeline AS p USING (pipeline_id) WHERE p.name = 'many'),
          1000::bigint,
          'a thousand steps');
SELECT matches(pg_temp.failure($$SELECT etl.alter_step('many', 's1', depends_on => '{s1000}')$$),
               '^22023 steps of pipeline "many" need each other in a circle: s1 -> s1000 -> .*s990 -> .* -> \.\.\. -> '
               '.* -> s1$',
               'a circle of many, shortened');
SELECT matches(pg_temp.failure($$SELECT etl.add_step('many', 'x', 'SELECT', depends_on => '{y}')$$, true),
               'Its other steps are "s1", .*, "s50", \.\.\.\.', 'and a list of many');
SET LOCAL statement_timeout = 0;

-- Roles --------------------------------------------------------------------------------------------------------------

CREATE ROLE etl_tap_bob;
GRANT "etl_tap ""Team""" TO etl_tap_ann;
SET LOCAL ROLE etl_tap_ann;
SELECT etl.create_pipeline('hers'), etl.add_step('hers', 'a', 'SELECT') \g /dev/null
SELECT lives_ok($$SELECT etl.add_step('hers', 'team', 'SELECT', run_as => '"etl_tap ""Team"""')$$, 'as a role of hers');
SELECT is(pg_temp.failure($$SELECT etl.add_step('hers', 'bob', 'SELECT', run_as => 'etl_tap_bob')$$, true),
          E'42501 run_as: role "etl_tap_ann" is no member of role "etl_tap_bob"\nA step acts as a role that the owner '
          'of its pipeline may SET ROLE to.'
          || E'\nGRANT etl_tap_bob TO etl_tap_ann;', 'not as another');
SELECT is(pg_temp.failure($$SELECT etl.alter_step('hers', 'a', run_as => 'postgres')$$),
          '42501 run_as: role "etl_tap_ann" is no member of role "postgres"', 'and not as a superuser');
SELECT pipeline_id AS hers FROM etl.pipeline \gset
SET LOCAL ROLE etl_tap_bob;
SELECT is(pg_temp.failure(format('SELECT etl.%s', c)), '42704 pipeline "hers" does not exist', c)
FROM unnest(ARRAY['add_step(''hers'', ''b'', ''SELECT'')', 'alter_step(''hers'', ''a'', ''SELECT 2'')',
                  'rename_step(''hers'', ''a'', ''b'')', 'remove_step(''hers'', ''a'')']) AS c;
SELECT is_empty('SELECT FROM etl.step', 'others do not see them');
SELECT throws_ok(format($$INSERT INTO etl.step (pipeline_id, name, action) VALUES (%s, 'x', 'SELECT')$$, :hers),
          '23503',
                 NULL, 'nor slip one in');
RESET ROLE;
SELECT is(pg_temp.failure(format('SELECT etl.%s', c)), '42501 pipeline "hers" belongs to role "etl_tap_ann"', c)
FROM unnest(ARRAY['add_step(''hers'', ''b'', ''SELECT'')', 'alter_step(''hers'', ''a'', ''SELECT 2'')',
                  'rename_step(''hers'', ''a'', ''b'')', 'remove_step(''hers'', ''a'')']) AS c;
REVOKE "etl_tap ""Team""" FROM etl_tap_ann;
SET LOCAL ROLE etl_tap_ann;
SELECT is(pg_temp.failure($$SELECT etl.alter_step('hers', 'team', attempts => 1)$$),
          '42501 run_as: role "etl_tap_ann" is no member of role "etl_tap "Team""', 'a right that was lost');
SELECT lives_ok($$SELECT etl.alter_step('hers', 'team', reset => '{run_as}')$$, 'is no longer needed');

-- Defined twice
SELECT etl.create_pipeline('twice'), etl.add_step('twice', 'a', 'SELECT 1') \g /dev/null
SELECT lives_ok($$SELECT etl.add_step('twice', 'a', 'SELECT 1', if_not_exists => true)$$, 'the same step again');
SELECT lives_ok($$SELECT etl.add_step('twice', 'a', 'SELECT 2', attempts => 7, if_not_exists => true)$$,
                'or another one');
SELECT results_eq($$SELECT action, attempts FROM etl.step WHERE name = 'a' AND pipeline_id = (
                      SELECT pipeline_id FROM etl.pipeline WHERE name = 'twice')$$,
                  $$VALUES ('SELECT 1', 3)$$, 'changes nothing');
SELECT throws_ok($$SELECT etl.add_step('twice', 'a', 'SELECT 1')$$, '42710',
                 'step "a" of pipeline "twice" already exists', 'and is refused where it may not exist');

SELECT * FROM finish();
ROLLBACK;
