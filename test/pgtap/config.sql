-- Configuration as one document: what is exported, applied, reported, pruned, tried out and refused. Schedules and
-- refresh policies, which need pg_cron, are in config_cron.sql, tiers in config_tiers.sql. All in one transaction.
BEGIN;
SELECT plan(83);
SET LOCAL client_min_messages = error;
SET LOCAL jit = off;

-- One of each kind ---------------------------------------------------------------------------------------------------

CREATE SCHEMA shop;
CREATE SCHEMA archive;
CREATE TABLE shop.sale (id bigint PRIMARY KEY, customer int, price numeric, validation_errors text[],
                        at timestamptz NOT NULL);
CREATE INDEX ON shop.sale (at);
CREATE TABLE shop.visit (id bigint, at timestamptz NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE shop.ledger (id bigint) PARTITION BY RANGE (id);
CREATE TABLE shop.ledger_1 PARTITION OF shop.ledger FOR VALUES FROM (1) TO (10);
INSERT INTO shop.sale VALUES (1, 7, 10, NULL, '2026-01-01 23:30:00+00'), (2, 7, 5, NULL, '2026-01-02 12:00:00+00');

CREATE FUNCTION pg_temp.define() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM etl.register_json_schema('https://example.com/a.json', '{"type": "object", "maxProperties": 3}');
    PERFORM etl.expect('sale', 'expect_column_values_to_not_be_null', '{"column": "id"}');
    PERFORM etl.expect('sale', 'expect_column_values_to_be_between',
                       '{"column": "price", "min_value": 0, "max_value": 99.50}', 'warning');
    PERFORM etl.enforce('shop.sale', 'sale', 'tag', params => '{"a": 1}');
    PERFORM set_config('timezone', 'Europe/Berlin', true);
    PERFORM etl.create_rollup(
        'shop.daily', 'SELECT at::date AS day, count(*) AS n, sum(price) AS total FROM shop.sale GROUP BY 1', '{day}',
        retention => 'freeze', description => 'Sales of a day');
    PERFORM set_config('timezone', 'UTC', true);
    PERFORM etl.create_rollup('shop.counts', 'SELECT n, count(*) AS days FROM shop.daily GROUP BY n;', '{n}',
                              mode => 'recompute', realtime => true);
    PERFORM etl.create_feature_view(
        'buyer', '{customer}', 'SELECT customer, count(*) AS n FROM shop.sale WHERE at <= $1 GROUP BY 1',
        ttl => '1 day', keep_history => '1 year 2 mons 3 days 04:05:06.5', on_demand => '{"twice": "n * 2"}',
        online => 'unlogged', schema => 'shop');
    PERFORM etl.add_retention_policy(
        'shop.sale', 'at', '90 days', name => 'sale', archive_to => 'archive.sale', archive_keep => '7 years',
        filter => 'price > 0', batch_rows => 1000, max_runtime => '90 min', pause => '0.25 s');
    PERFORM etl.create_history_view('sale');
    PERFORM etl.add_partition_policy('shop.visit', '1 month', ahead => 2);
    PERFORM etl.set_immutable('shop.ledger');
END
$$;
SELECT pg_temp.define();

CREATE TEMPORARY TABLE document AS SELECT etl.export_config() AS config;

SELECT is(config - 'rollups', $${
  "pg_etl": "1",
  "json_schemas": {"https://example.com/a.json": {"type": "object", "maxProperties": 3}},
  "suites": {"sale": {"expectations": [
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "id"}},
    {"type": "expect_column_values_to_be_between", "severity": "warning",
     "kwargs": {"column": "price", "min_value": 0, "max_value": 99.5}}]}},
  "enforcements": {"sale on shop.sale": {"target": "shop.sale", "suite": "sale", "mode": "tag", "params": {"a": 1}}},
  "feature_views": {"buyer": {
    "entity": ["customer"], "query": "SELECT customer, count(*) AS n FROM shop.sale WHERE at <= $1 GROUP BY 1",
    "ttl": "1 day", "keep_history": "1 year 2 mons 3 days 04:05:06.5", "on_demand": {"twice": "n * 2"},
    "online": "unlogged", "schema": "shop"}},
  "partition_policies": {"visit": {"relation": "shop.visit", "every": "1 mon", "ahead": 2}},
  "policies": {"sale": {
    "relation": "shop.sale", "time_column": "at", "keep": "90 days", "archive_to": "archive.sale",
    "archive_keep": "7 years", "filter": "price > 0", "batch_rows": 1000, "max_runtime": "01:30:00",
    "pause": "00:00:00.25"}},
  "history_views": {"shop.sale_history": {"policy": "sale"}},
  "immutable_tables": {"shop.ledger": {}}
}$$, 'what was defined, without defaults, owners, numbers and moments') FROM document;
SELECT is(config -> 'rollups', $${
  "shop.daily": {
    "query": "SELECT at::date AS day, count(*) AS n, sum(price) AS total FROM shop.sale GROUP BY 1",
    "key_columns": ["day"], "retention": "freeze", "description": "Sales of a day", "timezone": "Europe/Berlin"},
  "shop.counts": {"query": "SELECT n, count(*) AS days FROM shop.daily GROUP BY n", "key_columns": ["n"],
                  "mode": "recompute", "realtime": true}
}$$, 'and the time zone that a rollup computes in, unless it is UTC') FROM document;
SELECT is(etl.export_config('{suites,refresh_policies}'),
          jsonb_build_object('pg_etl', '1', 'suites', config -> 'suites', 'refresh_policies', '{}'::jsonb),
          'kinds that are asked for are there, empty or not') FROM document;
SELECT is(etl.export_config('{}'), '{"pg_etl": "1"}', 'no kinds');

SELECT is_empty('SELECT * FROM etl.apply_config(etl.export_config(), prune => true, replace => true)',
                'what is exported is so already');

-- Whatever the settings are.
CREATE FUNCTION pg_temp.unset() RETURNS void LANGUAGE sql AS $$
    SELECT set_config(s.name, s.reset_val, true) FROM pg_settings AS s
    WHERE s.name IN ('timezone', 'datestyle', 'intervalstyle', 'extra_float_digits', 'quote_all_identifiers')
$$;
SET LOCAL timezone = 'Asia/Kolkata';
SET LOCAL datestyle = 'SQL, DMY';
SET LOCAL intervalstyle = 'sql_standard';
SET LOCAL extra_float_digits = -15;
SET LOCAL quote_all_identifiers = on;
SET LOCAL search_path = shop, archive, public;
SELECT is(jsonb_pretty(etl.export_config()), jsonb_pretty(config), 'the same text under other settings') FROM document;
SELECT is_empty('SELECT * FROM etl.apply_config((SELECT config FROM document), prune => true)',
                'which is so already under other settings');
SELECT is(current_setting('timezone') || current_setting('intervalstyle'), 'Asia/Kolkatasql_standard',
          'the settings of the session stay');

-- From nothing, under these settings.
CREATE TEMPORARY TABLE nothing AS
SELECT jsonb_object_agg(k.name, '{}'::jsonb) AS config FROM etl._config_kinds() AS k;
SELECT results_eq($$SELECT c.action, c.kind, c.name
                    FROM etl.apply_config((SELECT config FROM nothing), prune => true) AS c$$,
                  $$VALUES ('drop', 'immutable_tables', 'shop.ledger'), ('drop', 'history_views', 'shop.sale_history'),
                           ('drop', 'policies', 'sale'), ('drop', 'partition_policies', 'visit'),
                           ('drop', 'enforcements', 'sale on shop.sale'), ('drop', 'rollups', 'shop.counts'),
                           ('drop', 'rollups', 'shop.daily'), ('drop', 'feature_views', 'buyer'),
                           ('drop', 'suites', 'sale'), ('drop', 'json_schemas', 'https://example.com/a.json')$$,
                  'prune drops all that is not there, those first that need others');
SELECT is(etl.export_config(), '{"pg_etl": "1"}', 'nothing is left');
SELECT is(to_regclass('shop.daily') IS NULL AND to_regclass('shop.sale_history') IS NULL
          AND to_regclass('archive.sale') IS NOT NULL, true, 'but for archives');
SELECT results_eq($$SELECT c.action, c.kind, c.name, c.changes
                    FROM etl.apply_config((SELECT config FROM document)) AS c$$,
                  $$VALUES ('create', 'json_schemas', 'https://example.com/a.json', NULL),
                           ('create', 'suites', 'sale', NULL), ('create', 'feature_views', 'buyer', NULL),
                           ('create', 'rollups', 'shop.daily', NULL),
                           ('create', 'enforcements', 'sale on shop.sale', NULL),
                           ('create', 'partition_policies', 'visit', NULL), ('create', 'policies', 'sale', NULL),
                           ('create', 'history_views', 'shop.sale_history', NULL),
                           ('create', 'immutable_tables', 'shop.ledger', NULL),
                           ('create', 'rollups', 'shop.counts', NULL)$$,
                  'it is made anew, a rollup after the one that it reads');
SELECT is(etl.export_config(), config, 'as it was') FROM document;
SELECT results_eq('SELECT name::text, timezone FROM etl.rollup ORDER BY 1',
                  $$VALUES ('shop.counts', 'UTC'), ('shop.daily', 'Europe/Berlin')$$, 'each rollup in its time zone');
SELECT results_eq('SELECT day::text, n FROM shop.daily ORDER BY day', $$VALUES ('02/01/2026', 2::bigint)$$,
                  'in which it has computed');
SELECT is(current_setting('timezone'), 'Asia/Kolkata', 'the session keeps its own');
SELECT pg_temp.unset();
SET LOCAL search_path = public;

-- What the statements of the report say is what was done.
SELECT etl.apply_config((SELECT config FROM nothing), prune => true) \g /dev/null
CREATE TEMPORARY TABLE plan AS
SELECT * FROM ROWS FROM (etl.apply_config((SELECT config FROM document), dry_run => true)) WITH ORDINALITY AS c;
SELECT is(etl.export_config(), '{"pg_etl": "1"}', 'a dry run leaves nothing behind');
SELECT statement FROM plan ORDER BY ordinality \gexec
SELECT pg_temp.unset();
SELECT is(etl.export_config(), config, 'its statements, run by hand, do what it has said') FROM document;

-- Differences --------------------------------------------------------------------------------------------------------

-- Applies a change to the document and gives the report back; the database is then as it was.
CREATE FUNCTION pg_temp.report(path text[], value jsonb, may_replace boolean DEFAULT false, prune boolean DEFAULT false)
RETURNS TABLE(action text, kind text, name text, changes text, statement text) LANGUAGE sql AS $$
    SELECT r.* FROM document AS d
    CROSS JOIN LATERAL etl.apply_config(CASE WHEN value IS NULL THEN d.config #- path
                                             ELSE jsonb_set(d.config, path, value) END,
                                        dry_run => true, replace => may_replace, prune => prune) AS r
$$;
CREATE FUNCTION pg_temp.changes(path text[], value jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws(' ', r.action, r.kind, r.name || E'\n' || r.changes), E'\n')
    FROM pg_temp.report(path, value) AS r
$$;

SELECT is(pg_temp.changes('{policies,sale,keep}', '"30 days"'), E'change policies sale\nkeep: 90 days -> 30 days',
          'a value');
SELECT is(pg_temp.changes('{policies,sale,keep}', '"2160 hours"'),
          E'change policies sale\nkeep: 90 days -> 2160:00:00', 'an interval that is equal and another one');
SELECT is(pg_temp.changes('{policies,sale,max_runtime}', '"1.5 hours"'), NULL, 'the same interval, written otherwise');
SELECT is(pg_temp.changes('{policies,sale,filter}', NULL), E'change policies sale\nfilter: price > 0 -> (none)',
          'a value that is not said any more is the default');
SELECT is(pg_temp.changes('{policies,sale,filter}', 'null'), E'change policies sale\nfilter: price > 0 -> (none)',
          'as is null');
SELECT is(pg_temp.changes('{policies,sale,filter}', '" "'), E'change policies sale\nfilter: price > 0 -> (none)',
          'or an empty text');
SELECT is(pg_temp.changes('{policies,sale,batch_rows}', NULL), E'change policies sale\nbatch_rows: 1000 -> 5000',
          'the default is shown');
SELECT is(pg_temp.changes('{policies,sale,archive_to}', '"Table:ARCHIVE.sale"'), NULL, 'an archive, written otherwise');
SELECT is(pg_temp.changes('{suites,sale,expectations,1,kwargs,max_value}', '99.50'), NULL, 'equal numbers');
SELECT is(pg_temp.changes('{suites,sale,expectations,0,severity}', '"critical"'), NULL,
          'the severity that is the default');
SELECT is(pg_temp.changes('{suites,sale,expectations,1,kwargs,max_value}', '10'),
          E'change suites sale\nexpectations[1].kwargs.max_value: 99.5 -> 10', 'within a suite');
SELECT is(pg_temp.changes('{suites,sale,expectations,0}', NULL),
          E'change suites sale\nexpectations[0]: {"type": "expect_column_values_to_not_be_null", "kwargs": '
          '{"column": "id"}} -> (none)', 'an expectation that goes, and the one after it stays');
SELECT is(pg_temp.changes('{feature_views,buyer,on_demand}', NULL),
          E'change feature_views buyer\non_demand.twice: n * 2 -> (none)', 'a member that goes');
SELECT is(pg_temp.changes('{feature_views,buyer,ttl}', '"0"'), E'change feature_views buyer\nttl: 1 day -> (none)',
          'an interval of zero is none where the default is none');
SELECT is(pg_temp.changes('{rollups,shop.counts,query}',
                          to_jsonb(E'SELECT n, count(*) AS days\nFROM shop.daily\nGROUP BY n'::text)),
          E'change rollups shop.counts\nquery:\n  - SELECT n, count(*) AS days FROM shop.daily GROUP BY n\n'
          '  + SELECT n, count(*) AS days\n  + FROM shop.daily\n  + GROUP BY n', 'a text of several lines');
SELECT is(pg_temp.changes('{rollups,shop.counts,query}', '"SELECT n, count(*) AS days FROM shop.daily GROUP BY n; "'),
          NULL, 'a query with its semicolon');
SELECT is(pg_temp.changes('{rollups,shop.counts,description}', '" a -> b"'),
          E'change rollups shop.counts\ndescription: (none) -> " a -> b"', 'a text that could be mistaken is quoted');
SELECT is(etl._config_line_differences('query', E'a\nb\nc\nd', E'a\nx\ny\nd'), E'query:\n  - b\n  - c\n  + x\n  + y',
          'only lines that differ');
SELECT is((SELECT string_agg(d, E'\n') FROM etl._config_differences(
              'x', '{"a": [{"n": 1}, {"n": 2}, {"n": 3}], "b": [1, 2], "c": null, "d.e": 1}',
              '{"a": [{"n": 1}, {"m": 9}, {"n": 2}, {"n": 3}], "b": [1], "c": "", "d.e": 2}') AS d),
          E'x.a[1]: (none) -> {"m": 9}\nx.b: [1, 2] -> [1]\nx.c: null -> ""\nx."d.e": 1 -> 2',
          'lists, nulls, empty texts and odd names');
SELECT is((SELECT etl._config_path('policies', n)), w, w)
FROM (VALUES ('orders', 'policies.orders'), ('constructor', 'policies.constructor'), ('', 'policies.""'),
             ('a.b', 'policies."a.b"'), ('say "a"', 'policies."say \"a\""'), ('é', 'policies."é"')) AS v(n, w);

-- Not in place -------------------------------------------------------------------------------------------------------

SELECT throws_ok($$SELECT pg_temp.report('{rollups,shop.counts,timezone}', '"Asia/Tokyo"')$$, '55000',
                 'rollups."shop.counts": timezone cannot be changed in place', 'a rollup in another time zone');
SELECT throws_ok($$SELECT pg_temp.report('{feature_views,buyer,online}', '"logged"')$$, '55000',
                 'feature_views.buyer: online cannot be changed in place', 'a table of another persistence');
SELECT results_eq($$SELECT action, name, changes, statement
                    FROM pg_temp.report('{rollups,shop.counts,timezone}', '"Asia/Tokyo"', may_replace => true)$$,
                  $$VALUES ('replace', 'shop.counts', 'timezone: UTC -> Asia/Tokyo',
                            E'SELECT etl.drop_rollup(name => ''shop.counts'');\nSET LOCAL timezone = ''Asia/Tokyo'';\n'
                            'SELECT etl.create_rollup(name => ''shop.counts'', query => ''SELECT n, count(*) AS days '
                            'FROM shop.daily GROUP BY n'', key_columns => ''{n}'', mode => ''recompute'', '
                            'realtime => true);')$$, 'with replace it is dropped and made');
SELECT etl.pause_retention_policy('sale') \g /dev/null
SELECT is_empty('SELECT * FROM etl.apply_config((SELECT config FROM document), prune => true)',
                'whether a policy is paused is nothing of a configuration');
SELECT etl.apply_config(jsonb_set(config, '{policies,sale,kind}', '"expiry"'), replace => true)
FROM document \g /dev/null
SELECT results_eq('SELECT kind, paused FROM etl.policies', $$VALUES ('expiry', true)$$,
                  'a policy that is replaced stays paused');
SELECT etl.apply_config(jsonb_set(config, '{policies,sale,keep}', '"0"') #- '{policies,sale,archive_to}'
                        #- '{policies,sale,archive_keep}', replace => true)
FROM (SELECT etl.export_config() AS config) AS e \g /dev/null
SELECT is(etl.export_config('{policies}') #> '{policies,sale,keep}', '"00:00:00"', 'what expires may go at once');
SELECT is_empty('SELECT * FROM etl.apply_config(etl.export_config())', 'and is so already');
SELECT etl.apply_config(config, replace => true) FROM document \g /dev/null
SELECT etl.resume_retention_policy('sale') \g /dev/null

-- All or nothing, in any order ---------------------------------------------------------------------------------------

SELECT throws_ok($$SELECT etl.apply_config(jsonb_set(jsonb_set(config, '{policies,sale,keep}', '"1 day"'),
                   '{policies,visit}', '{"relation": "shop.gone", "time_column": "at", "keep": "1 day"}'))
                   FROM document$$, '42P01', 'policies.visit: relation "shop.gone" does not exist',
                 'an object that cannot be made');
SELECT is(etl.export_config(), config, 'and nothing else is done') FROM document;
SELECT throws_ok($$SELECT etl.apply_config('{"suites": {}}', prune => true)$$, '2BP01',
                 'suites.sale: suite "sale" is enforced on table "shop.sale"',
                 'a kind that is not there is not pruned');
SELECT is(pg_temp.changes('{policies}', NULL), NULL, 'without prune what is missing stays');
SELECT results_eq($$SELECT action, name FROM etl.apply_config(
                      '{"partition_policies": {"visits": {"relation": "shop.visit", "every": "1 mon", "ahead": 2}}}',
                      prune => true, dry_run => true)$$,
                  $$VALUES ('drop', 'visit'), ('create', 'visits')$$, 'another policy in the place of one');
-- The first rollup may go only after the second one has another query.
SELECT results_eq($$SELECT c.action, c.name FROM document CROSS JOIN LATERAL etl.apply_config(
                      jsonb_build_object('rollups', jsonb_build_object('shop.counts', jsonb_set(
                          config #> '{rollups,shop.counts}', '{query}',
                          '"SELECT customer AS n, count(*) AS days FROM shop.sale GROUP BY 1"'))),
                      prune => true, dry_run => true) AS c$$,
                  $$VALUES ('change', 'shop.counts'), ('drop', 'shop.daily')$$, 'a drop that has to wait');
SELECT throws_ok($$SELECT etl.apply_config('{"rollups": {
                     "shop.a": {"query": "SELECT n, count(*) AS m FROM shop.b GROUP BY n", "key_columns": ["n"]},
                     "shop.b": {"query": "SELECT m AS n, count(*) AS m FROM shop.a GROUP BY m", "key_columns": ["n"]}
                   }}')$$, '42P01', 'rollups."shop.a": relation "shop.b" does not exist',
                 'two that wait for each other');

-- Once -----------------------------------------------------------------------------------------------------------------

CREATE TABLE shop.plain (id int);
SELECT lives_ok($$SELECT etl.apply_config('{
    "suites": {"id": {"expectations": [{"type": "expect_column_values_to_be_unique", "kwargs": {"column": "id"}},
                                       {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "id"}}]}},
    "enforcements": {"id on shop.plain": {"suite": "id", "target": "shop.plain", "mode": "tag", "add_column": true}},
    "rollups": {"shop.empty": {"query": "SELECT customer, count(*) AS n FROM shop.sale GROUP BY 1",
                               "key_columns": ["customer"], "with_data": false}}}')$$,
                'what counts only when an object is made');
SELECT is_empty('SELECT * FROM shop.empty', 'a rollup that is not filled');
SELECT has_column('shop'::name, 'plain'::name, 'validation_errors'::name, 'a column that was added');
SELECT is(etl.export_config('{enforcements}') #> '{enforcements,id on shop.plain}',
          '{"suite": "id", "target": "shop.plain", "mode": "tag"}', 'it is not exported');
SELECT is_empty($$SELECT etl.apply_config('{
    "enforcements": {"id on shop.plain": {"suite": "id", "target": "shop.plain", "mode": "tag", "add_column": true}},
    "rollups": {"shop.empty": {"query": "SELECT customer, count(*) AS n FROM shop.sale GROUP BY 1",
                               "key_columns": ["customer"], "with_data": true}}}')$$, 'and makes no difference later');
SELECT is((SELECT string_agg(c.changes, '') FROM etl.apply_config(
              '{"enforcements": {"id on shop.plain": {"suite": "id", "target": "shop.plain"}}}') AS c),
          E'mode: tag -> reject', 'an enforcement that is changed');
SELECT results_eq($$SELECT mode FROM etl.enforcements WHERE suite = 'id'$$, $$VALUES ('reject')$$, 'is so');
SELECT is(etl.export_config('{suites}') #> '{suites,id}', (
              SELECT jsonb_build_object('expectations', jsonb_agg(e - 'severity'))
              FROM jsonb_array_elements(etl.export_suite('id')::jsonb -> 'expectations') AS e),
          'a suite as it was given');

-- Documents of Great Expectations 0.x, with a name of their own.
SELECT etl.apply_config('{"suites": {"old": {"expectation_suite_name": "other", "expectations": [
    {"expectation_type": "expect_column_values_to_not_be_null", "kwargs": {"column": "id"}}]}}}') \g /dev/null
SELECT is(etl.export_config('{suites}') #> '{suites,old}',
          '{"expectations": [{"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "id"}}]}',
          'the key is the name');

-- Hostile names --------------------------------------------------------------------------------------------------------

CREATE SCHEMA "Sch""ema.x";
CREATE TABLE "Sch""ema.x"."Ta ble's" (id int, "Key.""s" int, at timestamptz NOT NULL);
CREATE TEMPORARY TABLE odd AS SELECT $${
  "suites": {"constructor": {"expectations": []}, "__proto__": {"expectations": []},
    "it's \"x\" \\ on y": {"expectations": [
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "Key.\"s"}}]},
    "名前 %s %I": {"expectations": []},
    "ééééééééééééééééééééééééééééééé1": {"expectations": []}},
  "enforcements": {"it's \"x\" \\ on y on \"Sch\"\"ema.x\".\"Ta ble's\"": {"suite": "it's \"x\" \\ on y",
                   "target": "\"Sch\"\"ema.x\".\"Ta ble's\""}},
  "rollups": {"\"Sch\"\"ema.x\".\"Ro.ll'up\"": {"key_columns": ["Key.\"s", "k'2"], "description": "a\\b'c",
    "query": "SELECT \"Key.\"\"s\", id AS \"k'2\", count(*) AS n FROM \"Sch\"\"ema.x\".\"Ta ble's\" GROUP BY 1, 2"}},
  "policies": {"constructor": {"relation": "\"Sch\"\"ema.x\".\"Ta ble's\"", "time_column": "at", "keep": "1 day",
    "archive_to": "\"Sch\"\"ema.x\".\"A'r.c\"", "filter": "\"Key.\"\"s\"::text <> E'a\\n''\\\\'"}}
}$$::jsonb AS config;
SELECT is((SELECT count(*) FROM etl.apply_config((SELECT config FROM odd))), 8::bigint, 'hostile names');
SELECT is_empty('SELECT * FROM etl.apply_config((SELECT config FROM odd))', 'are the same again');
SELECT is(etl.export_config('{policies}') #> '{policies,constructor}', config #> '{policies,constructor}',
          'a policy with them') FROM odd;
SELECT is(etl.export_config('{rollups}') #> '{rollups,"\"Sch\"\"ema.x\".\"Ro.ll''up\""}',
          config #> '{rollups,"\"Sch\"\"ema.x\".\"Ro.ll''up\""}', 'a rollup with them') FROM odd;
SELECT is((SELECT count(*) FROM etl.suites AS s WHERE s.suite IN (
              SELECT jsonb_object_keys(config -> 'suites') FROM odd)), 5::bigint, 'suites with them');

-- Roles ----------------------------------------------------------------------------------------------------------------

CREATE ROLE config_other;
GRANT ALL ON SCHEMA shop TO config_other;
SELECT etl.export_config() AS mine \gset
SET LOCAL ROLE config_other;
SELECT is(etl.export_config(), '{"pg_etl": "1"}', 'another role has nothing');
SELECT throws_ok($$SELECT etl.apply_config('{"suites": {"sale": {"expectations": []}}}')$$, '42710',
                 'suites.sale: suite "sale" already exists and belongs to another role',
                 'a name of another role''s object');
SELECT lives_ok($$SELECT etl.apply_config('{"suites": {"theirs": {"expectations": []}}, "policies": {}}',
                                           prune => true)$$,
                'what it defines is its own, and it prunes nothing of others');
SELECT is(etl.export_config(), '{"pg_etl": "1", "suites": {"theirs": {"expectations": []}}}', 'that is what it has');
CREATE TEMPORARY TABLE theirs AS SELECT '{
    "pg_etl": "1",
    "suites": {"theirs": {"expectations": [
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "id"}}]}},
    "enforcements": {"theirs on shop.theirs": {"target": "shop.theirs", "suite": "theirs"}},
    "feature_views": {"theirs_now": {
        "entity": ["id"], "schema": "shop",
        "query": "SELECT id, max(at) AS last FROM shop.theirs WHERE at <= $1 GROUP BY 1"}},
    "rollups": {"shop.theirs_daily": {"query": "SELECT at, count(*) AS n FROM shop.theirs GROUP BY 1",
                                      "key_columns": ["at"]}},
    "partition_policies": {"theirs": {"relation": "shop.theirs_parts", "every": "1 mon"}},
    "policies": {"theirs": {"relation": "shop.theirs", "time_column": "at", "keep": "1 day",
                            "archive_to": "shop.theirs_old"}},
    "history_views": {"shop.theirs_history": {"policy": "theirs"}},
    "immutable_tables": {"shop.theirs_ledger": {}},
    "pipelines": {"theirs": {"search_path": "shop", "steps": {"one": {"action": "SELECT 1"}}}}
}'::jsonb AS config;
CREATE TABLE shop.theirs (id int, at timestamptz NOT NULL);
CREATE INDEX ON shop.theirs (at);
CREATE TABLE shop.theirs_parts (at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE shop.theirs_ledger (id int);
SELECT is((SELECT count(*) FROM etl.apply_config((SELECT config FROM theirs), prune => true)), 9::bigint,
          'an ordinary role configures all kinds');
SELECT is(etl.export_config(), config, 'and has what it has said') FROM theirs;
SELECT is_empty('SELECT * FROM etl.apply_config((SELECT config FROM theirs), prune => true)', 'again: nothing');
SELECT throws_ok($$SELECT etl.apply_config('{"policies": {"mine": {"relation": "shop.sale", "time_column": "at",
                                                                  "keep": "1 day"}}}')$$, '42501', NULL,
                 'but nothing on another role''s table');
RESET ROLE;
SELECT is(etl.export_config(), :'mine'::jsonb, 'a superuser does not export what others have');
SELECT is_empty($$SELECT * FROM etl.apply_config(etl.export_config(), prune => true)$$, 'and prunes nothing of theirs');

-- What JSON can say and jsonb cannot -----------------------------------------------------------------------------------

SELECT etl.register_json_schema('https://example.com/nul.json', '{"title": "\u0000"}') \g /dev/null
SELECT throws_ok('SELECT etl.export_config()', '22P05',
                 'json_schemas."https://example.com/nul.json": unsupported Unicode escape sequence',
                 'the place of what cannot be exported');
SELECT lives_ok($$SELECT etl.export_config('{suites}')$$, 'the rest can');

SELECT * FROM finish();
ROLLBACK;
