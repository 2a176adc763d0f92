-- Pipelines in a configuration: exported, applied, and changed from any graph of steps to any other one. All in one
-- transaction, which is rolled back.
BEGIN;
SELECT plan(43);
SET LOCAL client_min_messages = error;
SET LOCAL jit = off;
SET LOCAL timezone = 'America/New_York';
SET LOCAL intervalstyle = 'iso_8601';
SET LOCAL datestyle = 'German';
SET LOCAL extra_float_digits = -10;

CREATE ROLE config_runner;
CREATE ROLE "Odd ""runner""";
CREATE TABLE public.sale (id int, at timestamptz);

CREATE TEMPORARY TABLE document AS SELECT $${
  "pg_etl": "1",
  "suites": {"sale": {"expectations": [
      {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "id"}}]}},
  "pipelines": {
    "empty": {"search_path": ""},
    "nightly": {
      "search_path": "\"$user\", public", "schedule": "0 2 * * MON", "timezone": "Europe/Berlin",
      "start_at": "2026-01-01T02:00:00.5+00:00", "catchup": "none", "overlap": "replace", "max_parallel": 2,
      "timeout": "03:30:00", "on_failure": "continue", "labels": {"team": "data", "n": 1.5},
      "description": "All of\na night",
      "steps": {
        "load": {"action": "INSERT INTO sale VALUES (1, now())", "attempts": 5, "backoff": "00:00:02.5",
                 "backoff_factor": 1.7, "backoff_max": "00:10:00", "jitter": 0.30000000000000004,
                 "retry_sqlstates": ["40001", "08"], "timeout": "00:20:00", "run_as": "config_runner",
                 "params": {"country": "NL"}, "check": "EXISTS (SELECT FROM sale)"},
        "a gate": {"kind": "validate", "action": "sale", "params": {"target": "public.sale"}, "depends_on": ["load"],
                   "retry_sqlstates": []},
        "Vacuum": {"kind": "toplevel", "action": "VACUUM sale;\nANALYZE sale", "depends_on": ["a gate", "load"],
                   "run_if": "all_done", "run_as": "\"Odd \"\"runner\"\"\""}
      }
    },
    "constructor": {"search_path": "public", "schedule": "PT15M", "catchup": "all", "overlap": "queue"}
  }
}$$::jsonb AS config;

SELECT results_eq($$SELECT action, kind, name FROM etl.apply_config((SELECT config FROM document))$$,
                  $$VALUES ('create', 'suites', 'sale'), ('create', 'pipelines', 'constructor'),
                           ('create', 'pipelines', 'empty'), ('create', 'pipelines', 'nightly')$$,
                  'pipelines are made');
SELECT is(etl.export_config(), config, 'and exported as they were given') FROM document;
SELECT is_empty('SELECT * FROM etl.apply_config((SELECT config FROM document), prune => true)', 'again: nothing');
SELECT results_eq($$SELECT start_at = '2026-01-01 02:00:00.5+00', timeout = '3.5 h', overlap FROM etl.pipeline
                    WHERE name = 'nightly'$$, $$VALUES (true, true, 'replace')$$,
                  'moments and spans under any settings');
SELECT results_eq($$SELECT jitter = 0.1 + 0.2::float8, backoff_factor = 1.7::float8, run_as = 'config_runner'
                    FROM etl.step WHERE name = 'load'$$, $$VALUES (true, true, true)$$, 'numbers to their last digit');
SELECT is((SELECT run_as FROM etl.step WHERE name = 'Vacuum'), 'Odd "runner"', 'a role that has to be quoted');
SELECT etl.pause_pipeline('nightly') \g /dev/null
SELECT is_empty('SELECT * FROM etl.apply_config((SELECT config FROM document))', 'a pause is nothing of it');

CREATE FUNCTION pg_temp.changes(path text[], value jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(c.changes, E'\n') FROM document AS d CROSS JOIN LATERAL etl.apply_config(
        CASE WHEN value IS NULL THEN d.config #- path ELSE jsonb_set(d.config, path, value) END, dry_run => true) AS c
$$;
SELECT is(pg_temp.changes('{pipelines,nightly,schedule}', '"0 3 * * MON "'), 'schedule: 0 2 * * MON -> 0 3 * * MON',
          'another schedule');
SELECT is(pg_temp.changes('{pipelines,nightly,schedule}', '"0 2 * * MON "'), NULL, 'blanks around one are nothing');
SELECT is(pg_temp.changes('{pipelines,nightly,start_at}', '"2026-01-01 03:00:00.5+01"'), NULL,
          'the same moment, written otherwise');
SELECT is(pg_temp.changes('{pipelines,constructor,overlap}', NULL), NULL, 'catchup all has its own overlap');
SELECT is(pg_temp.changes('{pipelines,nightly,steps,load,attempts}', NULL), 'steps.load.attempts: 5 -> 3',
          'a step back to a default');
SELECT is(pg_temp.changes('{pipelines,nightly,steps,Vacuum}', '{"action": "SELECT 1"}'),
          E'steps.Vacuum.action:\n  - VACUUM sale;\n  - ANALYZE sale\n  + SELECT 1\n'
          'steps.Vacuum.depends_on: ["a gate", "load"] -> []\nsteps.Vacuum.kind: toplevel -> sql\n'
          'steps.Vacuum.run_as: "Odd ""runner""" -> (none)\nsteps.Vacuum.run_if: all_done -> all_success',
          'a step that is another one');
SELECT results_eq($$SELECT statement FROM document AS d CROSS JOIN LATERAL etl.apply_config(d.config
                      #- '{pipelines,nightly,schedule}' #- '{pipelines,nightly,timeout}'
                      #- '{pipelines,nightly,description}' #- '{pipelines,nightly,start_at}'
                      #- '{pipelines,nightly,steps,load,check}' #- '{pipelines,nightly,steps,load,run_as}'
                      #- '{pipelines,nightly,steps,load,retry_sqlstates}' #- '{pipelines,nightly,steps,Vacuum}')$$,
                  $$VALUES (E'SELECT etl.alter_pipeline(name => ''nightly'', reset => '
                            '''{schedule,start_at,timeout,description}'');\n'
                            'SELECT etl.remove_step(pipeline => ''nightly'', name => ''Vacuum'');\n'
                            'SELECT etl.alter_step(pipeline => ''nightly'', name => ''load'', '
                            'reset => ''{retry_sqlstates,run_as,check}'');')$$,
                  'what is not said any more is taken away');
SELECT is(etl.export_config('{pipelines}') #> '{pipelines,nightly,steps,a gate,retry_sqlstates}', '[]',
          'to retry nothing is not to say nothing');
SELECT is((SELECT count(*) FROM etl.apply_config('{"pipelines": {}}', prune => true)), 3::bigint, 'pruned');
SELECT is(etl.export_config('{pipelines}'), '{"pg_etl": "1", "pipelines": {}}', 'none is left');

-- Errors ---------------------------------------------------------------------------------------------------------------

CREATE FUNCTION pg_temp.refuses(steps text, sqlstate text, message text) RETURNS text LANGUAGE sql AS $$
    SELECT throws_ok(format('SELECT etl.apply_config(%L)', jsonb_build_object('pipelines', jsonb_build_object(
        'p', jsonb_build_object('search_path', 'public', 'steps', steps::jsonb)))), sqlstate::char(5), message, message)
$$;
SELECT pg_temp.refuses(t.steps, t.sqlstate, 'pipelines.p' || t.message)
FROM (VALUES
    ('[]', '22023', '.steps: it must be a JSON object, not []'),
    ('{"a": "SELECT 1"}', '22023', '.steps.a must be a JSON object, not "SELECT 1"'),
    ('{"a": {}}', '22023', '.steps.a: action is missing'),
    ('{"a": {"action": "SELECT 1", "atempts": 1}}', '22023', '.steps.a has an unknown member "atempts"'),
    ('{"a": {"action": "SELECT 1", "pipeline": "p"}}', '22023', '.steps.a has an unknown member "pipeline"'),
    ('{"a b": {"action": "SELECT 1", "attempts": "1"}}', '22023', '.steps."a b".attempts: "1" is not a JSON number'),
    ('{"a": {"action": "SELECT 1", "depends_on": ["b"]}}', '42704',
     '.steps.a: step "a" needs step "b", which pipeline "p" does not have'),
    ('{"a": {"action": "SELECT 1", "depends_on": ["a"]}}', '22023', '.steps: steps need each other in a circle'),
    ('{"a": {"action": "SELECT 1", "depends_on": ["b"]}, "b": {"action": "SELECT 1", "depends_on": ["c"]},
       "c": {"action": "SELECT 1", "depends_on": ["a", "d"]}, "d": {"action": "SELECT 1"}}', '22023',
     '.steps: steps need each other in a circle'),
    ('{"a": {"action": "SELEC 1"}}', '42601', '.steps.a: syntax error at or near "SELEC"'),
    ('{"it''s \\\\ a": {"action": "SELECT 1", "backoff": "-1 s"}}', '22023',
     '.steps."it''s \\\\ a": backoff cannot be ''-00:00:01'''),
    ('{"b": {"action": "SELECT 1", "timeout": "0"}}', '22023',
     '.steps.b: timeout must be longer than zero, not "00:00:00"'),
    ('{"a": {"action": "SELECT 1", "run_as": "config_nobody"}}', '42704',
     '.steps.a.run_as: role "config_nobody" does not exist')
) AS t(steps, sqlstate, message);
SELECT throws_ok(format('SELECT etl.apply_config(%L)', jsonb_build_object('pipelines', jsonb_build_object('p',
                     jsonb_build_object('search_path', 'public', t.member, t.value)))), '22023',
                 'pipelines.p' || t.message, t.message)
FROM (VALUES
    ('start_at', 'yesterday', '.start_at: "yesterday" is another moment each day'),
    ('start_at', 'Now', '.start_at: "Now" is another moment each day'),
    ('start_at', 'today 12:00', '.start_at: "today 12:00" is another moment each day'),
    ('start_at', 'infinity', ': start_at must be a point in time, not ''infinity'''),
    ('timeout', '0', ': timeout must be longer than zero, not "00:00:00"')
) AS t(member, value, message);
SELECT lives_ok($$SELECT etl.apply_config('{"pipelines": {"altered": {"search_path": "public", "timeout": "1 hour",
    "description": "x", "steps": {"a": {"action": "SELECT 1", "check": "true"}}}}}')$$, 'a timeout');
SELECT throws_ok($$SELECT etl.apply_config('{"pipelines": {"altered": {"search_path": "public", "timeout": "0"}}}')$$,
                 '22023', 'pipelines.altered: timeout must be longer than zero, not "00:00:00"',
                 'no timeout is no zero one');
SELECT etl.apply_config('{"pipelines": {"altered": {"search_path": "public", "steps": {"a": {"action": "SELECT 1"}}}}}')
\g /dev/null
SELECT results_eq($$SELECT p.timeout, p.description, s."check"
                    FROM etl.pipelines AS p JOIN etl.steps AS s USING (pipeline) WHERE pipeline = 'altered'$$,
                  'VALUES (NULL::interval, NULL::text, NULL::text)',
                  'what is left out is taken away');
SELECT etl.drop_pipeline('altered') \g /dev/null
SELECT throws_ok($$SELECT etl.apply_config('{"pipelines": {"p": {}}}')$$, '22023',
                 'pipelines.p: search_path is missing', 'what a call would take from the session has to be written');
SELECT throws_ok($$SELECT etl.apply_config('{"pipelines": {"p": {"search_path": "", "catchup": "all",
                                                              "overlap": "skip"}}}')$$, '22023',
                 'pipelines.p: overlap ''skip'' cannot be with catchup ''all''', 'an overlap that cannot be');

-- Graphs ---------------------------------------------------------------------------------------------------------------

-- A random graph over some of eight steps: of two steps the one that comes later by a random order may need the other.
CREATE FUNCTION pg_temp.graph() RETURNS jsonb LANGUAGE sql VOLATILE AS $$
    WITH step AS MATERIALIZED (
        SELECT chr(96 + n) AS name, random() AS place FROM generate_series(1, 8) AS n WHERE random() < 0.7
    ), edge AS MATERIALIZED (
        SELECT s.name, o.name AS needed FROM step AS s JOIN step AS o ON o.place < s.place WHERE random() < 0.4
    )
    SELECT jsonb_build_object('pipelines', jsonb_build_object('graph', '{"search_path": "public"}' || coalesce(
        (SELECT jsonb_build_object('steps', jsonb_object_agg(s.name, jsonb_build_object('action', 'SELECT 1')
            || coalesce((SELECT jsonb_build_object('depends_on', jsonb_agg(e.needed ORDER BY e.needed))
                         FROM edge AS e WHERE e.name = s.name HAVING count(*) > 0), '{}')))
         FROM step AS s HAVING count(*) > 0), '{}')))
$$;
CREATE FUNCTION pg_temp.walk(times int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    wanted jsonb;
BEGIN
    FOR n IN 1 .. times LOOP
        wanted := pg_temp.graph();
        PERFORM etl.apply_config(wanted);
        IF etl.export_config('{pipelines}') - 'pg_etl' <> wanted THEN
            RETURN format('%s became %s', wanted, etl.export_config('{pipelines}'));
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;
SELECT setseed(0.5) \g /dev/null
SELECT is(pg_temp.walk(100), NULL, 'from random graph to random graph');

-- A wide one: each step needs all of the level before, so that there are more ways through it than can be counted.
CREATE TEMPORARY TABLE wide AS
SELECT jsonb_build_object('pipelines', jsonb_build_object('graph', jsonb_build_object(
           'search_path', 'public', 'steps', jsonb_object_agg(format('s%s_%s', l, i), jsonb_build_object(
               'action', 'SELECT 1', 'depends_on', (
                   SELECT coalesce(jsonb_agg(format('s%s_%s', l - 1, j)), '[]')
                   FROM generate_series(1, 10) AS j WHERE l > 1)))))) AS config
FROM generate_series(1, 20) AS l CROSS JOIN generate_series(1, 10) AS i;
SELECT lives_ok('SELECT etl.apply_config((SELECT config FROM wide))', 'two hundred steps, ten wide');
SELECT is_empty('SELECT * FROM etl.apply_config((SELECT config FROM wide))', 'again: nothing');

SELECT * FROM finish();
ROLLBACK;
