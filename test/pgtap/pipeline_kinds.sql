-- Convenience kinds of steps: the call that each makes, what is refused when it is defined, and runs of them. No
-- transaction around the file, because runs commit.
SELECT plan(91);
SET timezone = 'UTC';
\getenv api PG_ETL_API
SET client_min_messages = error;

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

CREATE TABLE sale (id int, price numeric, at timestamptz);
INSERT INTO sale SELECT n % 90, n, '2025-01-01'::timestamptz + n * interval '1 day' FROM generate_series(1, 100) AS n;
CREATE TABLE "odd table" (id int PRIMARY KEY, price numeric, at timestamptz);
CREATE INDEX ON sale (at);
CREATE MATERIALIZED VIEW "it's" AS SELECT count(*) AS n FROM sale;
CREATE SCHEMA other;
CREATE TABLE fetched (sale_id bigint PRIMARY KEY, price numeric);
SELECT format('CREATE SERVER api FOREIGN DATA WRAPPER etl_http OPTIONS (base_url %L, attempts ''1'')',
              :'api' || '/kinds_' || pg_backend_pid()) \gexec
SELECT format('ALTER DATABASE %I SET pg_etl.allowed_hosts = ''127.0.0.1''', current_database()) \gexec
SELECT etl.create_extract('it''s new', 'api', '/sales', 'fetched', key_columns => '{sale_id}',
                          query => '{"n": 250, "size": 100, "fail_page": 2, "fail": "503:1"}') \g /dev/null
CREATE MATERIALIZED VIEW other.seen AS SELECT count(*) AS n FROM sale;
SELECT etl.create_rollup('public.by_id', 'SELECT id, count(*) AS n FROM public.sale GROUP BY id', '{id}',
                         retention => 'freeze'),
       etl.add_retention_policy('sale', 'at', '30 days', 'it''s old'),
       etl.create_feature_view('spending', '{id}',
                               'SELECT id, sum(price) AS spent FROM public.sale WHERE at <= $1 GROUP BY id'),
       etl.load_suite('{"name": "sales", "expectations": [
           {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "price"}},
           {"type": "expect_column_values_to_be_between", "kwargs": {"column": "price", "max_value": 98},
            "severity": "warning"},
           {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "id"}, "severity": "info"},
           {"type": "expect_column_to_exist", "kwargs": {"column": "at"}}]}') \g /dev/null
SELECT etl.create_pipeline('p'), etl.create_pipeline('elsewhere', search_path => 'other') \g /dev/null

-- Commands -----------------------------------------------------------------------------------------------------------

SELECT is(c.mode || ': ' || c.command, k.command, concat_ws(' ', k.kind, k.action, k.params))
FROM (VALUES
    ('sql', 'SELECT 1', '{"x": 1}', 'sql: SELECT 1'),
    ('procedure', 'CALL x()', '{}', 'procedure: CALL x()'),
    ('toplevel', 'VACUUM', '{}', 'toplevel: VACUUM'),
    ('validate', 'sales', '{"target": "sale"}',
     'sql: SELECT * FROM etl.require_valid(suite => ''sales''::text, target => ''sale''::regclass)'),
    ('validate', 'it''s', '{"query": "SELECT ''x''", "max_failed": 0.25, "min_severity": "warning", "params": {"a": '
    '[1]}}',
     'sql: SELECT * FROM etl.require_valid(suite => ''it''''s''::text, query => ''SELECT ''''x''''''::text, params => '
     '''{"a": [1]}''::jsonb, max_failed => ''0.25''::double precision, min_severity => ''warning''::text)'),
    ('dedupe', 'public."odd table"', '{"keys": ["id", "a, b", "\"x\""], "audit": false, "order_by": null}',
     'sql: SELECT * FROM etl.dedupe(target => ''public."odd table"''::regclass, keys => E''{id,"a, '
     'b","\\"x\\""}''::name[], '
     'audit => ''false''::boolean)'),
    ('dedupe', 'x', '{"keys": "{id}"}',
     'sql: SELECT * FROM etl.dedupe(target => ''x''::regclass, keys => ''{id}''::name[])'),
    ('dedupe', 'x', '{"keys": ["id"], "source": "SELECT 1", "keep": "last"}',
     'sql: SELECT * FROM etl.load_deduplicated(source => ''SELECT 1''::text, target => ''x''::regclass, keys => '
     '''{id}''::name[], keep => ''last''::text)'),
    ('refresh', 'by_id', '{"max_groups": 10}',
     'procedure: CALL etl.refresh_rollup(name => ''by_id''::text, max_groups => ''10''::integer, as_of => '
     'etl.logical_time())'),
    ('refresh', 'public.by_id', '{}',
     'procedure: CALL etl.refresh_rollup(name => ''public.by_id''::text, as_of => etl.logical_time())'),
    ('refresh', '"it''s"', '{"force": true}',
     'procedure: CALL etl.refresh_matview(matview => ''"it''''s"''::regclass, force => ''true''::boolean)'),
    ('retention', 'it''s old', '{}',
     'procedure: CALL etl.run_retention(policy => ''it''''s old''::text, as_of => etl.logical_time())'),
    ('retention', '*', '{}', 'procedure: CALL etl.run_retention(policy => NULL::text, as_of => etl.logical_time())'),
    ('features', 'spending', '{}',
     'procedure: CALL etl.materialize_features(name => ''spending''::text, as_of => etl.logical_time())'),
    ('extract', 'it''s new', '{}', 'procedure: CALL etl.run_extract(name => ''it''''s new''::text)'),
    ('extract', 'x', '{"restart": true}',
     'procedure: CALL etl.run_extract(name => ''x''::text, restart => ''true''::boolean)')
) AS k(kind, action, params, command), etl._step_command(k.kind, k.action, k.params::jsonb) AS c;
SELECT is((SELECT array_agg(DISTINCT k) FROM unnest(etl._step_kinds()) AS k
           WHERE k NOT IN ('sql', 'procedure', 'toplevel') AND etl._kind_routine(k, 'by_id', '{}') IS NULL), NULL,
          'each kind has a routine');

-- What is refused ----------------------------------------------------------------------------------------------------

SELECT is(pg_temp.failure(format('SELECT etl.add_step(''p'', ''a'', %L, %L, params => %L)', action, kind, params)),
          failure,
          concat_ws(' ', kind, action, params))
FROM (VALUES
    ('validate', 'sale', '{"target": "sale"}', '42704 suite "sale" does not exist'),
    ('validate', '', '{"target": "sale"}', '22023 the action of a step must not be empty'),
    ('validate', NULL, '{"target": "sale"}', '22023 the action of a step must not be empty'),
    ('validate', 'sales', '{}', '22023 a step of kind validate needs a table or a query'),
    ('validate', 'sales', '{"target": "sale", "query": "SELECT 1"}',
     '22023 a step of kind validate needs a table or a query'),
    ('validate', 'sales', '{"table": "sale"}', '22023 params of a step of kind validate has an unknown member "table"'),
    ('validate', 'sales', '{"target": "sales"}', '42P01 target of a step of kind validate: relation "sales" does not '
    'exist'),
    ('validate', 'sales', '{"target": "sale", "max_failed": "few"}',
     '22P02 max_failed of a step of kind validate: invalid input syntax for type double precision: "few"'),
    ('dedupe', 'nowhere', '{"keys": ["id"]}', '42P01 target of a step of kind dedupe: relation "nowhere" does not '
    'exist'),
    ('dedupe', 'sale', '{}', '22023 params of a step of kind dedupe lack "keys"'),
    ('dedupe', 'sale', '{"keys": null}', '22023 params of a step of kind dedupe lack "keys"'),
    ('dedupe', 'sale', '{"keys": "id"}', '22P02 keys of a step of kind dedupe: malformed array literal: "id"'),
    ('dedupe', 'sale', '{"keys": ["id"], "batch_rows": 1.5}',
     '22P02 batch_rows of a step of kind dedupe: invalid input syntax for type integer: "1.5"'),
    ('dedupe', 'sale', '{"keys": ["id"], "dry_run": true}',
     '22023 params of a step of kind dedupe has an unknown member "dry_run"'),
    ('dedupe', 'sale', '{"keys": ["id"], "target": "x"}',
     '22023 params of a step of kind dedupe has an unknown member "target"'),
    ('dedupe', 'sale', '{"keys": ["id"], "repoint": ["nowhere"]}',
     '42P01 repoint of a step of kind dedupe: relation "nowhere" does not exist'),
    ('dedupe', 'sale', '{"keys": ["id"], "source": "x", "audit": true}',
     '22023 params of a step of kind dedupe has an unknown member "audit"'),
    ('dedupe', 'sale', '{"keys": ["id"], "source": "sale"}',
     '42P01 source of a step of kind dedupe: relation "sale" does not exist'),
    ('refresh', 'nowhere', '{}', '42704 there is no rollup or materialized view "nowhere"'),
    ('refresh', 'sale', '{}', '42809 "public.sale" is a table, not a materialized view'),
    ('refresh', 'seen', '{}', '42704 there is no rollup or materialized view "seen"'),
    ('refresh', 'by_id', '{"as_of": "2025-01-01"}',
    '22023 params of a step of kind refresh has an unknown member "as_of"'),
    ('refresh', 'by_id', '{"force": true}', '22023 params of a step of kind refresh has an unknown member "force"'),
    ('refresh', 'by_id', '{"max_groups": "all"}',
     '22P02 max_groups of a step of kind refresh: invalid input syntax for type integer: "all"'),
    ('retention', 'sale', '{}', '42704 retention policy "sale" does not exist'),
    ('retention', '*', '{"dry_run": true}', '22023 params of a step of kind retention has an unknown member "dry_run"'),
    ('features', 'sale', '{}', '42704 feature view "sale" does not exist'),
    ('features', 'spending', '{"x": 1}', '22023 params of a step of kind features has an unknown member "x"'),
    ('extract', 'http://x', '{}', '42704 extract "http://x" does not exist'),
    ('extract', 'it''s new', '{"name": "x"}', '22023 params of a step of kind extract has an unknown member "name"'),
    ('extract', 'it''s new', '{"pages": 1}', '22023 params of a step of kind extract has an unknown member "pages"'),
    ('extract', 'it''s new', '{"restart": "perhaps"}',
     '22P02 restart of a step of kind extract: invalid input syntax for type boolean: "perhaps"'),
    ('fetch', 'it''s new', '{}', '22023 kind cannot be ''fetch''')
) AS c(kind, action, params, failure);
SELECT is(pg_temp.failure($$SELECT etl.add_step('p', 'a', 'nowhere', 'refresh')$$, true),
          E'42704 there is no rollup or materialized view "nowhere"\nThere are "other.seen", "public."it''s"", '
          '"public.by_id".' || E'\nName one, with its schema.', 'what can be refreshed');
SELECT is(pg_temp.failure($$SELECT etl.add_step('p', 'a', 'by_id', 'refresh', params => '{"x": 1}')$$, true),
          E'22023 params of a step of kind refresh has an unknown member "x"\n\nIts members may be max_groups, '
          'max_runtime, newest_first, mode.', 'which params there are');
SELECT is_empty('SELECT FROM etl.step', 'what is refused leaves nothing');

-- Names are looked up under the path of the pipeline.
SELECT lives_ok($$SELECT etl.add_step('elsewhere', 'seen', 'seen', 'refresh')$$, 'a view in the path of the pipeline');
SELECT is(pg_temp.failure($$SELECT etl.add_step('elsewhere', 'a', '"it''s"', 'refresh')$$),
          '42704 there is no rollup or materialized view ""it''s""', 'one that is not');
SELECT is(pg_temp.failure($$SELECT etl.add_step('elsewhere', 'a', 'sale', 'dedupe', params => '{"keys": ["id"]}')$$),
          '42P01 target of a step of kind dedupe: relation "sale" does not exist', 'a table that is not');

-- Other roles
CREATE ROLE etl_tap_kinds;
SET ROLE etl_tap_kinds;
SELECT etl.create_pipeline('theirs') \g /dev/null
SELECT is(pg_temp.failure(format('SELECT etl.add_step(''theirs'', ''a'', %L, %L)', action, kind)), failure,
          kind || ' of others')
FROM (VALUES ('by_id', 'refresh', '42809 "public.by_id" is a table, not a materialized view'),
             ('"it''s"', 'refresh', '42501 must be owner of materialized view "public."it''s""'),
             ('it''s old', 'retention', '42704 retention policy "it''s old" does not exist'),
             ('it''s new', 'extract', '42704 extract "it''s new" does not exist'),
             ('sales', 'validate', '42704 suite "sales" does not exist')) AS c(action, kind, failure);
RESET ROLE;
SELECT is(pg_temp.failure($$SELECT etl.add_step('theirs', 'a', 'by_id', 'refresh')$$),
          '42501 pipeline "theirs" belongs to role "etl_tap_kinds"', 'not even for a superuser');
UPDATE etl.extract SET owner = 'etl_tap_kinds';
SELECT is(pg_temp.failure($$SELECT etl.add_step('p', 'a', 'it''s new', 'extract')$$),
          '42501 extract "it''s new" belongs to role "etl_tap_kinds"', 'nor what is of another role''s extract');
UPDATE etl.extract SET owner = current_user;
SELECT etl.drop_pipeline('theirs') \g /dev/null
DROP ROLE etl_tap_kinds;

-- The gate -----------------------------------------------------------------------------------------------------------

SELECT is(pg_temp.failure($$SELECT etl.require_valid('sales', 'sale')$$, true),
          E'23514 table "public.sale" does not keep suite "sales": 2 of 4 expectations failed\n'
          'expect_column_values_to_be_between(price): 2 unexpected, 2.00 %\n'
          'expect_column_values_to_be_unique(id): 20 unexpected, 20.00 %\n'
          'SELECT * FROM etl.validate(''public.sale'', ''sales'') WHERE NOT success; shows the failing rows.',
          'a suite as a gate');
SELECT is(etl.require_valid('sales', 'sale', max_failed => 0.5), 0.5::float8, 'that lets half of it pass');
SELECT is(pg_temp.failure($$SELECT etl.require_valid('sales', 'sale', max_failed => 0.49)$$),
          '23514 table "public.sale" does not keep suite "sales": 2 of 4 expectations failed', 'or a little less');
SELECT is(pg_temp.failure($$SELECT etl.require_valid('sales', 'sale', min_severity => 'warning')$$),
          '23514 table "public.sale" does not keep suite "sales": 1 of 3 expectations failed',
          'that looks at what matters');
SELECT is(etl.require_valid('sales', 'sale', min_severity => 'critical'), 0::float8, 'or at that alone');
SELECT is(etl.require_valid('sales', 'sale', where_sql => 'id < 5 AND price < 90'), 0::float8, 'at some rows');
SELECT is(etl.require_valid('sales', query => 'SELECT * FROM public.sale WHERE price < 50'), 0::float8,
          'or at a query');
SELECT is(pg_temp.failure(format('SELECT etl.require_valid(%s)', a)), f, a)
FROM (VALUES
    ('''sales''', '22023 suite "sales" needs either a table or a query'),
    ('''sales'', ''sale'', ''SELECT 1''', '22023 suite "sales" needs either a table or a query'),
    ('''sales'', query => ''SELECT 1'', where_sql => ''true''', '22023 suite "sales" needs either a table or a query'),
    ('''sales'', ''sale'', max_failed => 1.1', '22023 max_failed must be from 0 to 1, not 1.1'),
    ('''sales'', ''sale'', max_failed => ''NaN''', '22023 max_failed must be from 0 to 1, not NaN'),
    ('''sales'', ''sale'', max_failed => NULL', '22023 max_failed must be from 0 to 1, not NULL'),
    ('''sales'', ''sale'', min_severity => ''high''',
     '22023 min_severity must be critical, warning or info, not ''high''')
) AS c(a, f);

-- Runs ---------------------------------------------------------------------------------------------------------------

SELECT etl.add_step('p', 'gate', 'sales', 'validate', params => '{"target": "sale", "min_severity": "critical"}'),
       etl.add_step('p', 'dedupe', 'sale', 'dedupe', '{gate}', params => '{"keys": ["id"], "order_by": "at"}'),
       etl.add_step('p', 'load', '"odd table"', 'dedupe', '{dedupe}',
           params => '{"keys": ["id"], "source": "public.sale"}'),
       etl.add_step('p', 'rollup', 'by_id', 'refresh', '{dedupe}'),
       etl.add_step('p', 'view', '"it''s"', 'refresh', '{dedupe}'),
       etl.add_step('p', 'features', 'spending', 'features', '{dedupe}'),
       etl.add_step('p', 'strict', 'sales', 'validate', '{features}', params => '{"target": "sale"}'),
       etl.add_step('p', 'retention', '*', 'retention', '{load,rollup,view,features,strict}', 'all_done') \g /dev/null
CREATE EXTENSION dblink;
SELECT throws_ok(format('SELECT dblink_exec(%L, %L)', format('dbname=%s host=%s', current_database(),
                                                             current_setting('unix_socket_directories')),
                        'CALL etl.run_pipeline(''p'', ''2025-04-20 00:00+00'')'),
                 '23514', 'pipeline "p" failed at step "strict"', 'a pipeline of all kinds');
SELECT results_eq('SELECT step, kind, mode, status FROM etl.step_run ORDER BY position',
                  $$VALUES ('gate', 'validate', 'sql', 'succeeded'), ('dedupe', 'dedupe', 'sql', 'succeeded'),
                           ('load', 'dedupe', 'sql', 'succeeded'), ('rollup', 'refresh', 'procedure', 'succeeded'),
                           ('view', 'refresh', 'procedure', 'succeeded'),
                           ('features', 'features', 'procedure', 'succeeded'),
                           ('strict', 'validate', 'sql', 'failed'), ('retention', 'retention', 'procedure',
                           'succeeded')$$,
                  'each did its work');
SELECT is((SELECT count(*) FROM "odd table"), 90::bigint, 'rows once each');
SELECT is((SELECT n FROM "it's"), 90::bigint, 'the view');
SELECT is((SELECT sum(n) FROM by_id), 90::numeric, 'the rollup');
SELECT is((SELECT DISTINCT as_of FROM spending), '2025-04-20 00:00+00', 'features as of the logical time');
SELECT is((SELECT min(at) FROM sale), '2025-03-21 00:00+00', 'retention as of it, too');
SELECT is((SELECT attempt FROM etl.step_run WHERE step = 'strict'), 1, 'a gate is not tried again');

-- A step that extracts. The second page is refused once, which is an error of class 08: the step is tried again, and goes
-- on with that page.
SELECT etl.create_pipeline('fetches'), etl.add_step('fetches', 'fetch', 'it''s new', 'extract', backoff => '10 ms'),
       etl.add_step('fetches', 'count', 'SELECT sale_id FROM fetched', depends_on => '{fetch}') \g /dev/null
CREATE FUNCTION pg_temp.run(arguments text) RETURNS text LANGUAGE sql AS $$
    SELECT dblink_exec(format('dbname=%s host=%s', current_database(), current_setting('unix_socket_directories')),
                       format('CALL etl.run_pipeline(''fetches'', %s)', arguments))
$$;
SELECT pg_temp.run('dry_run => true');
SELECT is((SELECT count(*) FROM fetched) + (SELECT count(*) FROM etl.run WHERE kind = 'extract'), 0::bigint,
          'a dry run fetches nothing');
SELECT pg_temp.run('''2025-05-01 00:00+00''');
SELECT results_eq($$SELECT step, attempt, status FROM etl.step_run AS s JOIN etl.pipeline_run USING (run_id)
                    WHERE logical_time = '2025-05-01 00:00+00' ORDER BY position$$,
                  $$VALUES ('fetch', 2, 'succeeded'), ('count', 1, 'succeeded')$$,
                  'a step that extracts is tried again where a server refuses');
SELECT is(count(*), 250::bigint, 'and loads each record once') FROM fetched;
SELECT results_eq($$SELECT status, left(detail ->> 'sqlstate', 2), detail -> 'pages' FROM etl.runs
                    WHERE kind = 'extract'
                    ORDER BY run_id$$,
                  $$VALUES ('failed', '08', '1'::jsonb), ('succeeded', NULL, '2')$$, 'in two runs of the extract');
SELECT etl.alter_extract('it''s new', query => '{"n": 250, "size": 100}', max_pages => 2) \g /dev/null
SELECT is(pg_temp.failure($$SELECT pg_temp.run('''2025-05-02 00:00+00''')$$),
    '53400 pipeline "fetches" failed at step "fetch"',
          'what is more than a limit allows');
SELECT is(attempt, 1, 'is not tried again') FROM etl.step_run AS s JOIN etl.pipeline_run USING (run_id)
WHERE logical_time = '2025-05-02 00:00+00' AND step = 'fetch';

SELECT * FROM finish();
