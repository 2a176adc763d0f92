-- The API of configurations and its errors.
SET timezone = 'UTC';
\set SHOW_CONTEXT never

CREATE TABLE public.config_sale (id bigint, price numeric, at timestamptz NOT NULL);
CREATE INDEX ON public.config_sale (at);

-- What there is of kinds and arguments
SELECT etl.export_config();
SELECT jsonb_pretty(etl.export_config('{suites}'));
SELECT etl.export_config('{suite}');
SELECT etl.export_config('{suites,NULL}');

-- Applied, changed, tried, pruned
CREATE FUNCTION public.config_report(config jsonb, prune bool DEFAULT false, dry_run bool DEFAULT false)
RETURNS SETOF text LANGUAGE sql AS $$
    SELECT concat_ws(' ', c.action, c.kind, c.name || E'\n', c.changes || E'\n', c.statement)
    FROM etl.apply_config(config, prune, dry_run) AS c
$$;
\pset format unaligned
\pset tuples_only on
SELECT public.config_report($${
    "pg_etl": "1",
    "suites": {"sale": {"expectations": [
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "id"}}]}},
    "rollups": {"public.config_daily": {
        "query": "SELECT at::date AS day, sum(price) AS total FROM public.config_sale GROUP BY 1",
        "key_columns": ["day"]}},
    "policies": {"sale": {"relation": "public.config_sale", "time_column": "at", "keep": "1 year"}}
}$$);
SELECT jsonb_pretty(etl.export_config());
SELECT public.config_report(etl.export_config(), prune => true);
SELECT public.config_report($${"policies": {"sale": {"relation": "public.config_sale", "time_column": "at",
    "keep": "30 days", "archive_to": "config_old", "archive_keep": "7 years", "batch_rows": 100}}}$$, dry_run => true);
SELECT public.config_report('{"suites": {}, "policies": {}}');
SELECT public.config_report('{"suites": {}, "policies": {}}', prune => true, dry_run => true);
\pset format aligned
\pset tuples_only off

-- No configuration
SELECT etl.apply_config(NULL);
SELECT etl.apply_config('[]');
SELECT etl.apply_config('{"polices": {}}');
SELECT etl.apply_config('{"pg_etl": "2"}');
SELECT etl.apply_config('{"pg_etl": 1}');
SELECT etl.apply_config('{"policies": []}');
SELECT etl.apply_config('{"policies": null}');
SELECT etl.apply_config('{}', prune => NULL);
SELECT etl.apply_config('{}', dry_run => NULL);
SELECT etl.apply_config('{}', replace => NULL);
SELECT etl.apply_config('{}');

-- No definition
CREATE FUNCTION public.config_policy(definition jsonb) RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*) FROM etl.apply_config(jsonb_build_object('policies', jsonb_build_object('a', definition)))
$$;
SELECT public.config_policy('5');
SELECT public.config_policy('{"relation": "public.config_sale", "kep": "1 day"}');
SELECT public.config_policy('{"relation": "public.config_sale"}');
SELECT public.config_policy('{"relation": "public.config_sale", "time_column": null, "keep": "1 day"}');
SELECT public.config_policy('{"relation": "public.config_sale", "time_column": "at"}');
SELECT public.config_policy('{"relation": "config_sale", "time_column": "at", "keep": "1 day"}');
SELECT public.config_policy('{"relation": "a b", "time_column": "at", "keep": "1 day"}');
SELECT public.config_policy('{"relation": "public.config_sale", "time_column": "at", "keep": 3}');
SELECT public.config_policy('{"relation": "public.config_sale", "time_column": "at", "keep": "soon"}');
SELECT public.config_policy('{"relation": "public.config_sale", "time_column": "at", "keep": "0"}');
SELECT public.config_policy('{"relation": "public.config_sale", "time_column": "at", "keep": "1 day",
                              "batch_rows": 1.5}');
SELECT public.config_policy('{"relation": "public.config_sale", "time_column": "at", "keep": "1 day",
                              "evolve": "yes"}');
SELECT public.config_policy('{"relation": "public.config_sale", "time_column": "at", "keep": "1 day",
                              "schedule": "x"}');
SELECT public.config_policy('{"relation": "public.config_sale", "time_column": "no", "keep": "1 day"}');
SELECT public.config_policy('{"relation": "public.no", "time_column": "at", "keep": "1 day"}');
SELECT public.config_policy('{"relation": "public.config_sale", "time_column": "at", "keep": "1 day",
                              "archive_keep": "2 days"}');
SELECT public.config_policy('{"relation": "public.config_sale", "time_column": "at", "keep": "1 day",
                              "tiers": [{"after": "1 day"}]}');
SELECT public.config_policy('{"relation": "public.config_sale", "time_column": "at", "tiers": []}');
SELECT public.config_policy('{"relation": "public.config_sale", "time_column": "at",
                              "tiers": [{"after": "1 day"}, {}]}');
SELECT public.config_policy('{"relation": "public.config_sale", "time_column": "at", "tiers": [{"aftr": "1 day"}]}');
SELECT public.config_policy('{"relation": "public.config_sale", "time_column": "at", "tiers": [{"after": "x"}]}');
SELECT public.config_policy('{"relation": "public.config_sale", "time_column": "at", "tiers": [3]}');
SELECT public.config_policy('{"relation": "public.config_sale", "time_column": "at",
                              "tiers": [{"after": "1 day"}, {"after": "2 days", "archive_to": "config_old"}]}');

SELECT etl.apply_config('{"suites": {"a b": {"expectations": [
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "id"}},
    {"type": "expect_column_values_to_not_be_nul", "kwargs": {"column": "id"}}]}}}');
SELECT etl.apply_config('{"suites": {"a": {}}}');
SELECT etl.apply_config('{"suites": {"a": 1}}');
SELECT etl.apply_config('{"suites": {" a": {"expectations": []}}}');
SELECT etl.apply_config('{"json_schemas": {"https://example.com/a#": {}}}');
SELECT etl.apply_config('{"json_schemas": {"https://example.com/a": {"type": "objekt"}}}');
SELECT etl.apply_config('{"rollups": {"config_daily": {}}}');
SELECT etl.apply_config('{"rollups": {"Public.config_daily": {}}}');
SELECT etl.apply_config('{"rollups": {"public.config_daily": {"query": "SELECT 1", "key_columns": "day"}}}');
SELECT etl.apply_config('{"rollups": {"public.config_daily": {"query": "SELECT 1", "key_columns": [1]}}}');
SELECT etl.apply_config('{"rollups": {"public.config_b": {"query": "SELECT count(*) FROM public.no",
                                                         "key_columns": ["a"]}}}');
SELECT etl.apply_config('{"enforcements": {"public.config_sale": {"suite": "sale", "target": "public.config_sale"}}}');
SELECT etl.apply_config('{"feature_views": {"a": {"entity": ["id"], "query": "SELECT 1"}}}');
SELECT etl.apply_config('{"immutable_tables": {"public.config_sale": {"immutable": false}}}');

-- Not in place
SELECT etl.apply_config('{"rollups": {"public.config_daily": {"timezone": "Asia/Tokyo", "key_columns": ["day"],
    "query": "SELECT at::date AS day, sum(price) AS total FROM public.config_sale GROUP BY 1"}}}');

-- All or nothing: the suite is not dropped, either.
SELECT etl.apply_config('{"suites": {}, "policies": {"sale": {"relation": "public.no", "time_column": "at",
                                                              "keep": "1 day"}}}', prune => true, replace => true);
SELECT suite FROM etl.suites;

SELECT action, kind, name FROM etl.apply_config('{"suites": {}, "rollups": {}, "policies": {}}', prune => true);
SELECT etl.export_config();
DROP TABLE public.config_sale;
DROP FUNCTION public.config_report(jsonb, bool, bool), public.config_policy(jsonb);
