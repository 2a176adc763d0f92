-- Pipelines as they are defined: arguments, when a schedule comes first, what changes when they are altered, renamed,
-- paused, scheduled and dropped, and what is refused.
BEGIN;
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET client_min_messages = error;
SELECT plan(113);

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
CREATE FUNCTION pg_temp.p(name text DEFAULT 'p') RETURNS etl.pipeline LANGUAGE sql AS $$
    SELECT p FROM etl.pipeline AS p WHERE p.name = p.name AND p.name = $1
$$;
-- A run of a pipeline in some state
CREATE FUNCTION pg_temp.make_run(pipeline text, status text, at timestamptz, trigger text DEFAULT 'schedule')
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    made bigint := etl._enqueue_run(pg_temp.p(pipeline), at, trigger);
BEGIN
    UPDATE etl.run AS r SET status = make_run.status WHERE r.run_id = made;
    RETURN made;
END $$;

-- Defaults -----------------------------------------------------------------------------------------------------------

SELECT etl.create_pipeline('plain') \g /dev/null
SELECT results_eq(
    $$SELECT name, description, schedule, timezone, start_at, catchup, overlap, max_parallel, timeout, on_failure,
    labels,
             paused_at, next_at, owner FROM etl.pipeline$$,
    $$VALUES ('plain', NULL::text, NULL::text, 'UTC', NULL::timestamptz, 'last', 'skip', 4, NULL::interval, 'stop',
              '{}'::jsonb, NULL::timestamptz, NULL::timestamptz, current_user)$$, 'a pipeline with nothing said');
SELECT etl.drop_pipeline('plain') \g /dev/null
SELECT etl.create_pipeline('all', ' 0 2 * * MON-FRI ', 'Europe/Amsterdam', '2100-01-01 12:00+00', 'all', 'queue', 2,
                           '1 hour', 'continue', '{"team": "data"}', 'Everything') \g /dev/null
SELECT results_eq(
    $$SELECT name, description, schedule, timezone, start_at, catchup, overlap, max_parallel, timeout, on_failure,
    labels,
             next_at FROM etl.pipeline$$,
    $$VALUES ('all', 'Everything', '0 2 * * MON-FRI', 'Europe/Amsterdam', '2100-01-01 12:00+00'::timestamptz, 'all',
              'queue', 2, '1 hour'::interval, 'continue', '{"team": "data"}'::jsonb,
              '2100-01-04 01:00+00'::timestamptz)$$, 'with all arguments');
SELECT etl.drop_pipeline('all') \g /dev/null

-- The search path is the caller's, also when other schemas come first or none.
SET LOCAL search_path = '$user', "odd, schema", public;
SELECT etl.create_pipeline('p') \g /dev/null
SET LOCAL search_path = '';
SELECT etl.create_pipeline('none') \g /dev/null
RESET search_path;
SELECT is((pg_temp.p('p')).search_path, '"$user", "odd, schema", public', 'the caller''s path');
SELECT is((pg_temp.p('none')).search_path, '""', 'an empty one');
SELECT etl.create_pipeline('own', search_path => 'sales, public') \g /dev/null
SELECT is((pg_temp.p('own')).search_path, 'sales, public', 'or the one that is given');
SELECT is(current_setting('search_path'), '"$user", public', 'that of the session stays');
SELECT etl.drop_pipeline(n) FROM unnest('{p,none,own}'::text[]) AS n \g /dev/null

-- Hostile names
SELECT etl.create_pipeline(n) FROM unnest(ARRAY['it''s "x"; --', 'Grün', repeat('x', 63), 'a.b', '%s $1']) AS n
\g /dev/null
SELECT etl.rename_pipeline('%s $1', '\%I "$$') \g /dev/null
SELECT is((SELECT count(*) FROM etl.pipeline), 5::bigint, 'names are any texts');
SELECT etl.drop_pipeline(name) FROM etl.pipeline \g /dev/null
SELECT is_empty('SELECT FROM etl.pipeline', 'and dropped by them');

-- Overlap follows catchup
SELECT etl.create_pipeline('p', catchup => 'all') \g /dev/null
SELECT is((pg_temp.p()).overlap, 'queue', 'catchup all queues');
SELECT etl.drop_pipeline('p') \g /dev/null
SELECT is(pg_temp.failure(format('SELECT etl.create_pipeline(''p'', catchup => ''all'', overlap => %L)', o), true),
          format(E'22023 overlap ''%s'' cannot be with catchup ''all''\nRuns that were missed come one after the '
              'other; all but one of them would be left out.\nSay overlap => ''queue'', or catchup => ''last''.', o),
          format('overlap %s with catchup all', o))
FROM unnest('{skip,replace}'::text[]) AS o;

-- What is refused ----------------------------------------------------------------------------------------------------

SELECT is(pg_temp.failure(format('SELECT etl.create_pipeline(''p'', %s)', c.arguments)), c.failure, c.arguments)
FROM (VALUES
    ('''nonsense''', '22023 schedule "nonsense" is neither five fields of cron nor an interval'),
    ('''0 0 2 * * *''', NULL),
    ('''61 * * * *''', '22023 minute "61" of schedule "61 * * * *" is not between 0 and 59'),
    ('''0 0 30 2 *''', '22023 schedule "0 0 30 2 *" never comes'),
    ('''-1 hour''', '22023 schedule "-1 hour" is no span that can repeat'),
    ('''@daily'', timezone => ''Mars/Base''', '22023 time zone "Mars/Base" is not known'),
    ('timezone => NULL', '22023 timezone must not be NULL'),
    ('start_at => ''infinity''', '22023 start_at must be a point in time, not ''infinity'''),
    ('start_at => ''-infinity''', '22023 start_at must be a point in time, not ''-infinity'''),
    ('catchup => ''some''', '22023 catchup cannot be ''some'''),
    ('catchup => NULL', '22023 catchup cannot be NULL'),
    ('overlap => ''run''', '22023 overlap cannot be ''run'''),
    ('on_failure => ''''', '22023 on_failure cannot be '''''),
    ('on_failure => NULL', '22023 on_failure cannot be NULL'),
    ('max_parallel => 0', '22023 max_parallel must be at least 1, not 0'),
    ('max_parallel => NULL', '22023 max_parallel must be at least 1, not NULL'),
    ('timeout => ''0''', '22023 timeout must be longer than zero, not "00:00:00"'),
    ('timeout => ''-1 day''', '22023 timeout must be longer than zero, not "-1 days"'),
    ('labels => ''[1]''', '22023 labels must be a JSON object, not [1]'),
    ('labels => NULL', '22023 labels must be a JSON object, not NULL'),
    ('labels => ''null''', '22023 labels must be a JSON object, not null'),
    ('if_not_exists => NULL', '22023 if_not_exists must not be NULL'),
    ('search_path => NULL', '22023 search_path is no list of schemas: NULL'),
    ('search_path => ''a b c''', '22023 search_path is no list of schemas: ''a b c''')
) AS c(arguments, failure)
WHERE c.failure IS NOT NULL;
SELECT matches(pg_temp.failure($$SELECT etl.create_pipeline('p', '0 0 2 * * *')$$), '^22023', 'six fields');
SELECT is(pg_temp.failure(format('SELECT etl.create_pipeline(%L)', name)), failure, 'name ' || coalesce(name, 'NULL'))
FROM (VALUES (NULL, '22023 name must not be NULL'), ('', '22023 name is not a valid name: ""'),
             (' a', '22023 name is not a valid name: " a"'), (E'a\nb', E'22023 name is not a valid name: "a\nb"'),
             (repeat('ü', 32), format('22023 name is not a valid name: "%s"', repeat('ü', 32)))) AS n(name, failure);
SELECT is_empty('SELECT FROM etl.pipeline', 'what is refused leaves nothing');

-- Once more ----------------------------------------------------------------------------------------------------------

SELECT etl.create_pipeline('p', '@daily', description => 'd') \g /dev/null
SELECT is(pg_temp.failure($$SELECT etl.create_pipeline('p')$$, true),
          E'42710 pipeline "p" already exists\n\nChange it with etl.alter_pipeline(''p'', ...), or call '
          'etl.drop_pipeline(''p'') first.', 'a name that is taken');
SELECT lives_ok($$SELECT etl.create_pipeline('p', '@daily', description => 'd', if_not_exists => true)$$, 'as it is');
SELECT lives_ok($$SELECT etl.create_pipeline('p', '@hourly', if_not_exists => true, overlap => 'queue')$$, 'otherwise');
SELECT results_eq('SELECT schedule, overlap, description FROM etl.pipeline', $$VALUES ('@daily', 'skip', 'd')$$,
                  'which changes nothing');
SELECT etl.drop_pipeline('p') \g /dev/null

-- When a schedule comes first ----------------------------------------------------------------------------------------

CREATE FUNCTION pg_temp.first(schedule text, start_at timestamptz, catchup text, timezone text DEFAULT 'UTC')
RETURNS timestamptz LANGUAGE plpgsql AS $$
BEGIN
    PERFORM etl.create_pipeline('f', schedule, timezone, start_at, catchup);
    RETURN (SELECT next_at FROM etl.pipeline WHERE name = 'f');
END $$;
CREATE FUNCTION pg_temp.no_first() RETURNS void LANGUAGE sql AS $$ SELECT etl.drop_pipeline('f') $$;
SELECT is(pg_temp.first('@hourly', NULL, 'last'), date_trunc('hour',
          now() + interval '1 hour' - interval '1 microsecond'),
          'the next hour'), pg_temp.no_first();
SELECT is(pg_temp.first('@daily', '2100-05-05 00:00+00', 'last'), '2100-05-05 00:00+00', 'start_at itself counts'),
       pg_temp.no_first();
SELECT is(pg_temp.first('@daily', '2100-05-05 00:00:00.000001+00', 'none'), '2100-05-06 00:00+00',
          'a moment later not'),
       pg_temp.no_first();
SELECT is(pg_temp.first('@daily', '2020-02-28 12:00+00', 'all'), '2020-02-29 00:00+00',
          'catchup all: from start_at on'),
       pg_temp.no_first();
SELECT is(pg_temp.first('@daily', '2020-02-28 12:00+00', 'last'), date_trunc('day', now() + interval '1 day'),
          'catchup last: from now on'), pg_temp.no_first();
SELECT is(pg_temp.first('@daily', '2020-02-28 12:00+00', 'none'), date_trunc('day', now() + interval '1 day'),
          'catchup none: from now on'), pg_temp.no_first();
SELECT is(pg_temp.first('@daily', NULL, 'all'), date_trunc('day', now() + interval '1 day'), 'all without start_at'),
       pg_temp.no_first();
SELECT is(pg_temp.first('36 hours', '2100-01-01 06:00+00', 'last'), '2100-01-01 06:00+00', 'spans begin at start_at'),
       pg_temp.no_first();
SELECT is(pg_temp.first('36 hours', '2020-01-01 06:00+00', 'all'), '2020-01-01 06:00+00', 'a past one for all'),
       pg_temp.no_first();
SELECT is(pg_temp.first('30 2 * * *', '2025-03-30 00:00+00', 'all', 'Europe/Amsterdam'), '2025-03-30 01:00+00',
          'the hour that is skipped in spring'), pg_temp.no_first();

-- Altering -----------------------------------------------------------------------------------------------------------

SELECT etl.create_pipeline('p', '@daily', description => 'd', timeout => '1 hour', labels => '{"a": 1}') \g /dev/null
CREATE TEMPORARY TABLE before AS SELECT * FROM etl.pipeline;
SELECT etl.alter_pipeline('p') \g /dev/null
SELECT results_eq('SELECT * FROM etl.pipeline', 'SELECT * FROM before', 'nothing is given, nothing changes');
SELECT etl.alter_pipeline('p', catchup => 'none', overlap => 'replace', max_parallel => 1, timeout => '2 hours',
                          on_failure => 'continue', labels => '{}', description => 'e', search_path => 'other')
\g /dev/null
SELECT results_eq('SELECT catchup, overlap, max_parallel, timeout, on_failure, labels, description, search_path, '
          'next_at,
                   schedule FROM etl.pipeline',
                  $$SELECT 'none', 'replace', 1, '2 hours'::interval, 'continue', '{}'::jsonb, 'e', 'other', next_at,
                    '@daily' FROM before$$, 'what is given changes');
SELECT etl.alter_pipeline('p', reset => '{timeout,description}') \g /dev/null
SELECT results_eq('SELECT timeout, description, max_parallel FROM etl.pipeline',
                  'VALUES (NULL::interval, NULL::text, 1)', 'what is reset goes');
SELECT is(pg_temp.failure(format('SELECT etl.alter_pipeline(''p'', %s)', c.arguments)), c.failure, c.arguments)
FROM (VALUES
    ('reset => ''{name}''', '22023 reset cannot be ''name'''),
    ('reset => NULL', '22023 reset cannot be NULL'),
    ('reset => ''{NULL}''', '22023 reset cannot be NULL'),
    ('reset => ''{timeout}'', timeout => ''1 s''', '22023 timeout is given and in reset as well'),
    ('catchup => ''all''', '22023 overlap ''replace'' cannot be with catchup ''all'''),
    ('schedule => ''x''', '22023 schedule "x" is neither five fields of cron nor an interval'),
    ('timezone => ''x''', '22023 time zone "x" is not known'),
    ('timeout => ''-1 s''', '22023 timeout must be longer than zero, not "-00:00:01"')
) AS c(arguments, failure);
SELECT etl.alter_pipeline('p', catchup => 'all', overlap => 'queue') \g /dev/null
SELECT results_eq('SELECT p.catchup, p.overlap, p.next_at FROM etl.pipeline AS p',
                  $$SELECT 'all', 'queue', next_at FROM before$$, 'both together; no time changes by that');
SELECT is(pg_temp.failure($$SELECT etl.alter_pipeline('nowhere')$$, true),
          E'42704 pipeline "nowhere" does not exist\n\netl.create_pipeline(''nowhere'') creates it; SELECT pipeline '
          'FROM etl.pipelines lists those of the current role.', 'no such pipeline');
SELECT is(pg_temp.failure('SELECT etl.alter_pipeline(NULL)'), '22023 no pipeline was given', 'none at all');

-- A changed schedule goes on from now, or from what was missed.
SELECT etl.alter_pipeline('p', schedule => '@hourly') \g /dev/null
SELECT is((pg_temp.p()).next_at, date_trunc('hour', now() + interval '1 hour' - interval '1 microsecond'),
          'a changed schedule comes from now on');
UPDATE etl.pipeline SET next_at = '2025-06-01 05:00+00';
SELECT etl.alter_pipeline('p', timezone => 'Asia/Kolkata') \g /dev/null
SELECT is((pg_temp.p()).next_at, '2025-06-01 05:30+00', 'and from the first time that was missed, where one was');
SELECT etl.alter_pipeline('p', timezone => 'Asia/Kolkata', schedule => '@hourly') \g /dev/null
SELECT is((pg_temp.p()).next_at, '2025-06-01 05:30+00', 'the same again changes nothing');
SELECT etl.alter_pipeline('p', start_at => '2025-05-01 00:00+00') \g /dev/null
SELECT is((pg_temp.p()).next_at, '2025-05-01 00:30+00', 'a new start_at begins anew');
SELECT etl.alter_pipeline('p', start_at => '2100-01-01 00:00+00') \g /dev/null
SELECT is((pg_temp.p()).next_at, '2100-01-01 00:30+00', 'also later');
SELECT etl.alter_pipeline('p', reset => '{start_at}') \g /dev/null
SELECT ok((pg_temp.p()).next_at BETWEEN now() AND now() + interval '1 hour', 'without one: from now on');
SELECT etl.alter_pipeline('p', reset => '{schedule}') \g /dev/null
SELECT results_eq('SELECT schedule, next_at, timezone FROM etl.pipeline',
                  $$VALUES (NULL::text, NULL::timestamptz, 'Asia/Kolkata')$$, 'without a schedule: never');
SELECT pg_temp.make_run('p', 'succeeded', '2025-07-01 00:30+00'), pg_temp.make_run('p', 'succeeded', now(), 'call')
\g /dev/null
SELECT etl.alter_pipeline('p', start_at => '2025-01-01 00:00+00') \g /dev/null
SELECT is(etl.schedule_pipeline('p', '@daily'), '2025-07-01 18:30+00',
          'scheduled again: catchup all goes on from the last run of a schedule');
SELECT etl.drop_pipeline('p') \g /dev/null

-- Short forms --------------------------------------------------------------------------------------------------------

SELECT etl.create_pipeline('p') \g /dev/null
SELECT is(etl.schedule_pipeline('p'), date_trunc('day', now() - interval '2 hours') + interval '1 day 2 hours',
          'at two o''clock when nothing else is said');
SELECT is(etl.schedule_pipeline('p', '15 minutes', 'Europe/Amsterdam', '2100-01-01 00:05+00'), '2100-01-01 00:05+00',
          'a schedule, time zone and beginning');
SELECT is(etl.schedule_pipeline('p', '20 minutes'), '2100-01-01 00:05+00', 'time zone and beginning stay');
SELECT is((pg_temp.p()).timezone, 'Europe/Amsterdam', 'as they were');
SELECT is(pg_temp.failure($$SELECT etl.schedule_pipeline('p', NULL)$$), '22023 schedule must not be NULL',
          'no schedule');
SELECT is(pg_temp.failure($$SELECT etl.schedule_pipeline('p', '10 seconds x')$$),
          '22023 schedule "10 seconds x" is neither five fields of cron nor an interval', 'a bad one');
SELECT is((pg_temp.p()).schedule, '20 minutes', 'leaves the good one');
SELECT etl.unschedule_pipeline('p'), etl.unschedule_pipeline('p') \g /dev/null
SELECT results_eq('SELECT schedule, next_at FROM etl.pipeline', 'VALUES (NULL::text, NULL::timestamptz)',
                  'off its schedule, once and again');
SELECT is(pg_temp.failure($$SELECT etl.unschedule_pipeline('nowhere')$$), '42704 pipeline "nowhere" does not exist',
          'no such pipeline');

-- Pausing ------------------------------------------------------------------------------------------------------------

SELECT etl.schedule_pipeline('p', '@hourly') \g /dev/null
UPDATE etl.pipeline SET next_at = '2025-06-01 05:00+00';
SELECT etl.pause_pipeline('p') \g /dev/null
SELECT is((pg_temp.p()).paused_at, now(), 'paused');
SELECT etl.pause_pipeline('p') \g /dev/null
SELECT etl.resume_pipeline('p') \g /dev/null
SELECT results_eq('SELECT paused_at, next_at FROM etl.pipeline', $$VALUES (NULL::timestamptz,
          '2025-06-01 05:00+00'::timestamptz)$$,
                  'resumed: what was missed is for the catchup to decide');
SELECT lives_ok($$SELECT etl.resume_pipeline('p')$$, 'again: nothing to do');
SELECT is(pg_temp.failure($$SELECT etl.pause_pipeline('nowhere')$$), '42704 pipeline "nowhere" does not exist', 'none');
SELECT etl.drop_pipeline('p') \g /dev/null

-- Renaming -----------------------------------------------------------------------------------------------------------

SELECT etl.create_pipeline('p'), etl.create_pipeline('q'), etl.add_step('p', 'a', 'SELECT') \g /dev/null
SELECT pg_temp.make_run('p', s, now() - i * interval '1 day')
FROM unnest('{succeeded,running,queued}'::text[]) WITH ORDINALITY AS u(s, i) \g /dev/null
SELECT is(pg_temp.failure($$SELECT etl.rename_pipeline('p', 'q')$$), '42710 pipeline "q" already exists',
          'a taken name');
SELECT is(pg_temp.failure($$SELECT etl.rename_pipeline('p', '')$$), '22023 new_name is not a valid name: ""',
          'no name');
SELECT is(pg_temp.failure($$SELECT etl.rename_pipeline('p', NULL)$$), '22023 new_name must not be NULL', 'NULL');
SELECT etl.rename_pipeline('p', 'r') \g /dev/null
SELECT results_eq('SELECT p.name, s.name FROM etl.pipeline AS p JOIN etl.step AS s USING (pipeline_id)',
                  $$VALUES ('r', 'a')$$, 'its steps stay');
SELECT results_eq('SELECT DISTINCT name FROM etl.run WHERE kind = ''pipeline'' AND status IN (''queued'', ''running'')',
                  $$VALUES ('r')$$, 'and its runs follow');

-- Dropping -----------------------------------------------------------------------------------------------------------

SELECT matches(pg_temp.failure($$SELECT etl.drop_pipeline('r')$$, true),
               E'^55006 pipeline "r" is being run\nIts run \\d+ has not ended\\.\nWait for it to end, or call '
               'etl\\.cancel_run\\(\\d+\\) first\\.$', 'a run under way');
SELECT is((SELECT count(*) FROM etl.run WHERE status = 'queued' AND name = 'r'), 1::bigint, 'keeps all of it');
UPDATE etl.run SET status = 'failed' WHERE status = 'running';
SELECT etl.drop_pipeline('r') \g /dev/null
SELECT results_eq('SELECT status, error FROM etl.run WHERE name = ''r'' ORDER BY run_id',
                  $$VALUES ('succeeded', NULL), ('failed', NULL), ('cancelled', 'the pipeline was dropped')$$,
                  'queued runs are cancelled, and the record stays');
SELECT results_eq($$SELECT e.event, e.message FROM etl.run_event AS e JOIN etl.run AS r USING (run_id)
                    WHERE r.status = 'cancelled' ORDER BY e.event_id$$,
                  $$VALUES ('queued', NULL), ('cancelled', 'the pipeline was dropped')$$, 'and says so');
SELECT is_empty('SELECT FROM etl.step', 'steps go with it');
SELECT is(pg_temp.failure($$SELECT etl.drop_pipeline('r')$$), '42704 pipeline "r" does not exist', 'gone');
SELECT lives_ok($$SELECT etl.drop_pipeline('r', if_exists => true)$$, 'if it exists');
SELECT is(pg_temp.failure($$SELECT etl.drop_pipeline('r', NULL)$$), '22023 if_exists must not be NULL', 'NULL');

-- Roles --------------------------------------------------------------------------------------------------------------

CREATE ROLE etl_tap_ann;
CREATE ROLE etl_tap_bob;
SET LOCAL ROLE etl_tap_ann;
SELECT etl.create_pipeline('hers', '@daily') \g /dev/null
SET LOCAL ROLE etl_tap_bob;
SELECT is_empty('SELECT FROM etl.pipeline', 'roles do not see each other''s');
SELECT is(pg_temp.failure($$SELECT etl.create_pipeline('hers', if_not_exists => true)$$, true),
          E'42710 pipeline "hers" already exists\nNames of pipelines are unique in the database; this one belongs to '
          'another role.\nChoose another name.', 'but cannot have the same name');
SELECT etl.create_pipeline('his') \g /dev/null
SELECT is(pg_temp.failure($$SELECT etl.rename_pipeline('his', 'hers')$$), '42710 pipeline "hers" already exists',
          'nor get it');
SELECT is(pg_temp.failure($$SELECT etl.alter_pipeline('hers', max_parallel => 1)$$),
          '42704 pipeline "hers" does not exist',
          'nor change hers');
RESET ROLE;
SELECT is(pg_temp.failure(format('SELECT etl.%s', c)), '42501 pipeline "hers" belongs to role "etl_tap_ann"', c)
FROM unnest(ARRAY['alter_pipeline(''hers'')', 'rename_pipeline(''hers'', ''x'')', 'resume_pipeline(''hers'')',
                  'schedule_pipeline(''hers'')', 'add_step(''hers'', ''a'', ''SELECT'')']) AS c;
SELECT lives_ok($$SELECT etl.pause_pipeline('hers'), etl.unschedule_pipeline('hers'), etl.drop_pipeline('hers')$$,
                'a superuser may stop and remove it');

SELECT * FROM finish();
ROLLBACK;
