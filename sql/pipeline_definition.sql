-- Defining pipelines, as psql shows it: notices, warnings, and errors with the way out.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
\set SHOW_CONTEXT never

SELECT etl.create_pipeline('nightly', start_at => '2100-01-01', description => 'raw rows become a daily sum');
SELECT etl.create_pipeline('nightly');
SELECT etl.create_pipeline('nightly', start_at => '2100-01-01', description => 'raw rows become a daily sum',
                           if_not_exists => true);
SELECT etl.create_pipeline('nightly', max_parallel => 2, description => 'something else', if_not_exists => true);
SELECT etl.create_pipeline('');
SELECT etl.create_pipeline('weekly', 'every week');
SELECT etl.create_pipeline('weekly', '0 0 30 2 *');
SELECT etl.create_pipeline('weekly', catchup => 'all', overlap => 'skip');
SELECT etl.create_pipeline('weekly', on_failure => 'ignore');
SELECT etl.alter_pipeline('nightly', timeout => '1 hour', reset => '{timeout}');
SELECT etl.alter_pipeline('nightly', reset => '{owner}');
SELECT etl.alter_pipeline('nigtly', max_parallel => 2);

-- Steps
SELECT etl.add_step('nightly', 'load', 'INSERT INTO clean SELECT * FROM raw');
SELECT etl.add_step('nightly', 'tidy', 'VACUUM clean', kind => 'toplevel', depends_on => '{load}');
SELECT etl.add_step('nightly', 'sum', 'INSERT INTO daily SELECT etl.logical_time()::date, sum(amount) FROM clean',
                    depends_on => '{load}', attempts => 5, "check" => 'EXISTS (SELECT FROM daily)');
SELECT etl.add_step('nowhere', 'a', 'SELECT 1');
SELECT etl.add_step('nightly', 'load', 'SELECT 1');
SELECT etl.add_step('nightly', 'a', 'INSERT INTO daily
    SELEC 1');
SELECT etl.add_step('nightly', 'a', '-- nothing');
SELECT etl.add_step('nightly', 'a', 'CREATE INDEX CONCURRENTLY ON raw (id)');
SELECT etl.add_step('nightly', 'a', 'CALL fill(); COMMIT');
SELECT etl.add_step('nightly', 'a', 'COPY raw FROM STDIN');
SELECT etl.add_step('nightly', 'a', 'SELECT 1', kind => 'python');
SELECT etl.add_step('nightly', 'a', 'SELECT 1', depends_on => '{load,NULL}');
SELECT etl.add_step('nightly', 'a', 'SELECT 1', depends_on => '{load,summ}');
SELECT etl.add_step('nightly', 'a', 'SELECT 1', depends_on => '{a}');
SELECT etl.add_step('nightly', 'a', 'SELECT 1', backoff => '1 month');
SELECT etl.add_step('nightly', 'a', 'SELECT 1', backoff => '1 hour');
SELECT etl.add_step('nightly', 'a', 'SELECT 1', retry_sqlstates => '{40001,deadlock}');
SELECT etl.add_step('nightly', 'a', 'SELECT 1', "check" => 'sum(amount) > 0');
SELECT etl.add_step('nightly', 'a', 'SELECT 1', "check" => '1 + ');
SELECT etl.add_step('nightly', 'a', 'SELECT 1', "check" => 'now()');
SELECT etl.add_step('nightly', 'a', 'raw', kind => 'dedupe');
SELECT etl.add_step('nightly', 'a', 'raw', kind => 'dedupe', params => '{"keys": ["id"]}');
SELECT etl.add_step('nightly', 'a', 'public.sales', kind => 'refresh');
SELECT etl.add_step('nightly', 'a', 'good', kind => 'validate', params => '{"target": "raw"}');
SELECT etl.alter_step('nightly', 'load', depends_on => '{sum}');
SELECT etl.alter_step('nightly', 'lod', action => 'SELECT 1');
SELECT etl.alter_step('nightly', 'tidy', kind => 'sql');
SELECT etl.remove_step('nightly', 'load');
SELECT etl.remove_step('nightly', 'lod', if_exists => true);
SELECT etl.rename_step('nightly', 'load', 'fill');
SELECT name, kind, depends_on FROM etl.step ORDER BY step_id;

-- Outside of a step
SELECT etl.param('country');
SELECT etl.run_key();

-- Pausing, scheduling, renaming, dropping
SELECT etl.resume_pipeline('nightly');
SELECT etl.pause_pipeline('nightly');
SELECT etl.pause_pipeline('nightly');
SELECT etl.schedule_pipeline('nightly', '0 0 2 * * *');
SELECT etl.schedule_pipeline('nightly', NULL);
SELECT etl.unschedule_pipeline('nightly');
SELECT etl.rename_pipeline('nightly', 'daily');
SELECT etl.drop_pipeline('nightly');
SELECT etl.drop_pipeline('nightly', if_exists => true);
SELECT etl.drop_pipeline('daily');
