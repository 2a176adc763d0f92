-- Values at the edge of what PostgreSQL has, and arguments that are not there: each is refused by name, and nothing
-- comes of it. All in one transaction, which is rolled back.
BEGIN;
SELECT plan(46);
SET timezone = 'UTC';
SET client_min_messages = error;
SELECT etl.create_pipeline('p'), etl.add_step('p', 's', 'SELECT 1') \g /dev/null

-- Moments -------------------------------------------------------------------------------------------------------------

SELECT throws_ok(format(call, quote_literal(at)), '22023',
                 format('%s must be a point in time, not %L', name, at::timestamptz),
                 format(call, at))
FROM unnest('{294276-12-31,0001-01-01 BC,10000-01-01,infinity}'::text[]) AS at,
     (VALUES ('SELECT etl.start_pipeline(''p'', %s)', 'logical_time'),
             ('SELECT etl.create_pipeline(''x'', ''@daily'', start_at => %s)', 'start_at'),
             ('SELECT etl.alter_pipeline(''p'', start_at => %s)', 'start_at'),
             ('SELECT * FROM etl.preview_schedule(''@daily'', "from" => %s)', 'from'),
             ('SELECT etl._require_tick(%s, ''0'')', 'moment')) AS c(call, name);
SELECT throws_ok($$SELECT etl._require_backfill(p, '2025-01-01', NULL, '1 day', 1, NULL) FROM etl.pipeline AS p$$,
                 '22023', '"to" must be a point in time, not NULL', 'a backfill without an end');

-- Spans ---------------------------------------------------------------------------------------------------------------

SELECT throws_ok(call, '22023', name || ' must be no longer than 100 years, not "178000000 years"', call)
FROM (VALUES ($$SELECT etl.create_pipeline('x', timeout => '178000000 years')$$, 'timeout'),
             ($$SELECT etl.alter_pipeline('p', timeout => '178000000 years')$$, 'timeout'),
             ($$SELECT etl.add_step('p', 'x', 'SELECT 1', timeout => '178000000 years')$$, 'timeout'),
             ($$SELECT etl._require_prune('178000000 years', false)$$, 'older_than'),
             ($$SELECT etl.start_scheduler(keep_runs => '178000000 years')$$, 'keep_runs'),
             ($$SELECT etl.wait_run(etl.start_pipeline('p', '2025-01-01'), '178000000 years')$$, 'timeout'))
    AS c(call, name);
SELECT lives_ok($$SELECT etl.alter_pipeline('p', timeout => '100 years')$$, 'a century');

-- Names and offsets ---------------------------------------------------------------------------------------------------

SELECT throws_ok('SELECT etl.drop_pipeline(NULL, true)', '22023', 'no pipeline was given', 'no name');
SELECT throws_ok($$SELECT etl.add_step('p', 'x', 'SELECT 1', depends_on => '{{a,b},{c,d}}')$$, '22023',
                 'depends_on must be a list of one dimension', 'two dimensions');
SELECT throws_ok(format('SELECT etl.add_step(''p'', ''x'', %L)', action), '42P02', 'there is no parameter $1', action)
FROM unnest(ARRAY['SELECT $1', 'INSERT INTO t SELECT 1 WHERE (SELECT $1 > 2)', 'CALL f($1)',
                  'CREATE TABLE t AS SELECT $1']) AS action;
SELECT throws_ok(format('SELECT etl.explain_schedule(''@daily'', %L)', zone), '22023',
                 format('time zone "%s" is an offset, whose sign is not what it seems', zone), 'zone ' || zone)
FROM unnest('{+02,-3:30,UTC+2,gmt-1}'::text[]) AS zone;
SELECT lives_ok(format('SELECT etl.explain_schedule(''@daily'', %L)', zone), 'zone ' || zone)
FROM unnest('{Etc/GMT-2,UTC,GMT0,EST5EDT}'::text[]) AS zone;

-- One and many --------------------------------------------------------------------------------------------------------

SELECT is(split_part(etl.pipeline_graph('p'), E'\n', 1), 'pipeline "p": 1 step', 'one step');

-- Where nothing is written --------------------------------------------------------------------------------------------

SET TRANSACTION READ ONLY;
SELECT throws_ok(call, '25006', 'the transaction is read-only, and nothing is changed or run in it', call)
FROM unnest(ARRAY[$$SELECT etl.start_pipeline('p')$$, $$SELECT etl.create_pipeline('x')$$,
                  $$SELECT etl.add_step('p', 'x', 'SELECT 1')$$]) AS call;
SELECT * FROM finish();
ROLLBACK;
