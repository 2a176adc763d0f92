-- Configuration with schedules: refresh policies, and the jobs that pg_cron has for all kinds.
CREATE EXTENSION IF NOT EXISTS pg_cron;
SELECT plan(15);
SET client_min_messages = error;

CREATE TABLE public.sale (id int PRIMARY KEY, customer int, at timestamptz NOT NULL);
CREATE TABLE public.visit (at timestamptz NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE public.copy (LIKE public.sale INCLUDING INDEXES);
CREATE SERVER api FOREIGN DATA WRAPPER etl_http OPTIONS (base_url 'https://api.example.com');
CREATE MATERIALIZED VIEW public.hourly AS SELECT date_trunc('hour', at) AS hour, count(*) FROM public.sale GROUP BY 1;
CREATE MATERIALIZED VIEW public."To.tal" AS SELECT count(*) FROM public.sale;
CREATE VIEW job AS
SELECT jobname::text COLLATE "C" AS jobname, schedule COLLATE "C" AS schedule FROM cron.job;

CREATE TABLE document AS SELECT $${
  "pg_etl": "1",
  "rollups": {"public.daily": {"query": "SELECT at::date AS day, count(*) AS n FROM public.sale GROUP BY 1",
                               "key_columns": ["day"], "schedule": "5 * * * *"}},
  "feature_views": {"buyer": {"entity": ["customer"], "schema": "public", "schedule": "@hourly",
                              "query": "SELECT customer, count(*) AS n FROM public.sale WHERE at <= $1 GROUP BY 1"}},
  "refresh_policies": {
    "public.hourly": {"schedule": "10 * * * *", "concurrently": "off", "skip_if_unchanged": true,
                      "lock_timeout": "00:00:05", "timeout": "01:00:00", "vacuum_after": true},
    "public.\"To.tal\"": {"schedule": "@daily", "with_dependencies": true}},
  "policies": {"sale": {"relation": "public.sale", "time_column": "at", "keep": "1 year", "schedule": "0 2 * * *"}},
  "partition_policies": {"visit": {"relation": "public.visit", "every": "1 day", "schedule": "0 1 * * *"}},
  "extracts": {"sales": {"server": "api", "path": "/sales", "target": "public.sale", "schedule": "15 * * * *"}},
  "table_extracts": {"copy": {"source": "public.sale", "target": "public.copy", "cursor": {"column": "id"},
                              "key_columns": ["id"], "horizon": "transactions", "schedule": "20 * * * *",
                              "columns": {"id": "id", "customer": "customer", "at": "at"}}}
}$$::jsonb AS config;

SELECT is((SELECT count(*) FROM etl.apply_config((SELECT config FROM document), dry_run => true)), 8::bigint,
          'a dry run');
SELECT is_empty('SELECT * FROM job', 'leaves no job');
SELECT is((SELECT count(*) FROM etl.apply_config((SELECT config FROM document))), 8::bigint, 'applied');
SELECT is(etl.export_config(), config, 'exported as it was given') FROM document;
CREATE TABLE jobs AS SELECT * FROM job;
SELECT results_eq('SELECT jobname, schedule FROM jobs ORDER BY jobname',
                  $$VALUES ('etl extract copy' COLLATE "C", '20 * * * *' COLLATE "C"),
                           ('etl extract sales', '15 * * * *'), ('etl features buyer', '@hourly'),
                           ('etl partitions visit', '0 1 * * *'),
                           ('etl refresh public."To.tal"', '@daily'), ('etl refresh public.hourly', '10 * * * *'),
                           ('etl retention sale', '0 2 * * *'), ('etl rollup public.daily', '5 * * * *')$$,
                  'each has its job');
SELECT is_empty('SELECT * FROM etl.apply_config((SELECT config FROM document), prune => true)', 'again: nothing');

CREATE FUNCTION with_schedules(schedule text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_object_agg(k.key, CASE WHEN jsonb_typeof(k.value) <> 'object' THEN k.value ELSE (
        SELECT jsonb_object_agg(o.key, CASE WHEN k.key = 'refresh_policies' AND schedule IS NULL THEN o.value
                                            ELSE o.value || jsonb_build_object('schedule', schedule) END)
        FROM jsonb_each(k.value) AS o) END)
    FROM document AS d CROSS JOIN LATERAL jsonb_each(d.config) AS k
$$;
SELECT results_eq($$SELECT kind || '.' || name, changes FROM etl.apply_config(with_schedules(' 0 3 * * * '))$$,
                  $$VALUES ('feature_views.buyer', 'schedule: @hourly -> 0 3 * * *'),
                           ('rollups.public.daily', 'schedule: 5 * * * * -> 0 3 * * *'),
                           ('refresh_policies.public."To.tal"', 'schedule: @daily -> 0 3 * * *'),
                           ('refresh_policies.public.hourly', 'schedule: 10 * * * * -> 0 3 * * *'),
                           ('partition_policies.visit', 'schedule: 0 1 * * * -> 0 3 * * *'),
                           ('policies.sale', 'schedule: 0 2 * * * -> 0 3 * * *'),
                           ('extracts.sales', 'schedule: 15 * * * * -> 0 3 * * *'),
                           ('table_extracts.copy', 'schedule: 20 * * * * -> 0 3 * * *')$$, 'another schedule for each');
SELECT results_eq('SELECT schedule, count(*) FROM job GROUP BY 1', $$VALUES ('0 3 * * *' COLLATE "C", 8::bigint)$$,
                  'is that of its job');
SELECT is((SELECT count(*) FROM etl.apply_config(with_schedules(NULL))), 8::bigint, 'no schedule');
SELECT is((SELECT string_agg(jobname, ', ' ORDER BY jobname) FROM job),
          'etl refresh public."To.tal", etl refresh public.hourly', 'no job, but for what has to have one');
SELECT throws_ok($$SELECT etl.apply_config('{"refresh_policies": {"public.hourly": {}}}')$$, '22023',
                 'refresh_policies."public.hourly": schedule is missing', 'as a refresh policy has');

SELECT etl.apply_config(config) FROM document \g /dev/null
SELECT results_eq($$SELECT changes, statement FROM etl.apply_config(
                      '{"refresh_policies": {"public.hourly": {"schedule": "10 * * * *"}}}')$$,
                  $$VALUES (E'concurrently: off -> auto\nlock_timeout: 00:00:05 -> (none)\nskip_if_unchanged: true -> '
                            'false\ntimeout: 01:00:00 -> (none)\nvacuum_after: true -> false',
                            'SELECT etl.alter_refresh_policy(matview => ''public.hourly'', "concurrently" => ''auto'', '
                            'skip_if_unchanged => false, lock_timeout => ''0'', timeout => ''0'', '
                            'vacuum_after => false);')$$, 'a refresh policy back to its defaults');
SELECT is(etl.export_config('{refresh_policies}') #> '{refresh_policies,public.hourly}', '{"schedule": "10 * * * *"}',
          'which it then has');
SELECT is((SELECT count(*) FROM etl.apply_config(
              '{"rollups": {}, "feature_views": {}, "refresh_policies": {}, "policies": {}, "partition_policies": {},
                "extracts": {}, "table_extracts": {}}',
              prune => true)), 8::bigint, 'pruned');
SELECT is_empty('SELECT * FROM job', 'with their jobs');
