-- Runs as events of OpenLineage: valid by the published schemas, right in what they say, the same each time. No
-- transaction around the file, because etl.run_pipeline commits.
CREATE EXTENSION dblink;
SELECT plan(49);
SET client_min_messages = error;
SET timezone = 'America/New_York';
SET datestyle = 'German';

-- The members that events have, and which of them must be there, from
-- https://openlineage.io/spec/2-0-2/OpenLineage.json
-- and the schemas of the facets below https://openlineage.io/spec/facets.
CREATE TABLE spec (schema json);
INSERT INTO spec VALUES ($$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "required": ["eventTime", "producer", "schemaURL", "eventType", "run", "job", "inputs", "outputs"],
  "additionalProperties": false,
  "properties": {
    "eventTime": {"type": "string", "format": "date-time"},
    "producer": {"type": "string", "format": "uri"},
    "schemaURL": {"const": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"},
    "eventType": {"enum": ["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"]},
    "run": {"$ref": "#/$defs/Run"},
    "job": {"$ref": "#/$defs/Job"},
    "inputs": {"type": "array", "items": {"$ref": "#/$defs/Dataset"}},
    "outputs": {"type": "array", "items": {"$ref": "#/$defs/Dataset"}}
  },
  "$defs": {
    "BaseFacet": {
      "type": "object",
      "required": ["_producer", "_schemaURL"],
      "properties": {
        "_producer": {"type": "string", "format": "uri"},
        "_schemaURL": {"type": "string", "format": "uri",
                       "pattern": "^https://openlineage.io/spec/facets/[0-9]-[0-9]-[0-9]/[A-Za-z]+Facet.json$"}
      }
    },
    "Name": {"type": "object", "required": ["namespace", "name"],
             "properties": {"namespace": {"type": "string"}, "name": {"type": "string"}}},
    "RunId": {"type": "object", "required": ["runId"], "properties": {"runId": {"type": "string", "format": "uuid"}}},
    "Run": {
      "allOf": [{"$ref": "#/$defs/RunId"}],
      "properties": {"facets": {
        "type": "object",
        "additionalProperties": false,
        "properties": {
          "nominalTime": {"allOf": [{"$ref": "#/$defs/BaseFacet"}], "required": ["nominalStartTime"],
                          "properties": {"nominalStartTime": {"type": "string", "format": "date-time"}}},
          "parent": {"allOf": [{"$ref": "#/$defs/BaseFacet"}], "required": ["run", "job"],
                     "properties": {"run": {"$ref": "#/$defs/RunId"}, "job": {"$ref": "#/$defs/Name"}}},
          "errorMessage": {"allOf": [{"$ref": "#/$defs/BaseFacet"}], "required": ["message", "programmingLanguage"],
                           "properties": {"message": {"type": "string"}, "programmingLanguage": {"type": "string"},
                                          "stackTrace": {"type": "string"}}},
          "processing_engine": {"allOf": [{"$ref": "#/$defs/BaseFacet"}], "required": ["version"],
                                "properties": {"version": {"type": "string"}, "name": {"type": "string"},
                                               "openlineageAdapterVersion": {"type": "string"}}},
          "extractionError": {"allOf": [{"$ref": "#/$defs/BaseFacet"}],
                              "required": ["totalTasks", "failedTasks", "errors"],
                              "properties": {"totalTasks": {"type": "integer"}, "failedTasks": {"type": "integer"},
                                "errors": {"type": "array", "items": {"type": "object", "required": ["errorMessage"],
                                  "properties": {"errorMessage": {"type": "string"},
                                                 "taskNumber": {"type": "integer"}}}}}}
        }}}
    },
    "Job": {
      "allOf": [{"$ref": "#/$defs/Name"}],
      "properties": {"facets": {
        "type": "object",
        "additionalProperties": false,
        "properties": {
          "jobType": {"allOf": [{"$ref": "#/$defs/BaseFacet"}], "required": ["processingType", "integration"],
                      "properties": {"processingType": {"type": "string"}, "integration": {"type": "string"},
                                     "jobType": {"type": "string"}}},
          "documentation": {"allOf": [{"$ref": "#/$defs/BaseFacet"}], "required": ["description"],
                            "properties": {"description": {"type": "string"}}},
          "sql": {"allOf": [{"$ref": "#/$defs/BaseFacet"}], "required": ["query"],
                  "properties": {"query": {"type": "string"}}}
        }}}
    },
    "InputFields": {
      "type": "array",
      "items": {
        "type": "object",
        "required": ["namespace", "name", "field"],
        "additionalProperties": false,
        "properties": {
          "namespace": {"type": "string"}, "name": {"type": "string"}, "field": {"type": "string"},
          "transformations": {"type": "array", "minItems": 1, "items": {
            "type": "object",
            "required": ["type"],
            "additionalProperties": false,
            "properties": {"type": {"enum": ["DIRECT", "INDIRECT"]},
                           "subtype": {"enum": ["IDENTITY", "TRANSFORMATION", "AGGREGATION", "JOIN", "FILTER",
                               "GROUP_BY",
                                                "SORT", "WINDOW", "CONDITIONAL"]},
                           "description": {"type": "string"}, "masking": {"type": "boolean"}}}}
        }
      }
    },
    "Dataset": {
      "allOf": [{"$ref": "#/$defs/Name"}],
      "properties": {
        "facets": {
          "type": "object",
          "additionalProperties": false,
          "properties": {
            "schema": {"allOf": [{"$ref": "#/$defs/BaseFacet"}], "properties": {"fields": {"type": "array", "items": {
              "type": "object", "required": ["name"], "properties": {
                "name": {"type": "string"}, "type": {"type": "string"}, "description": {"type": "string"}}}}}},
            "columnLineage": {"allOf": [{"$ref": "#/$defs/BaseFacet"}], "required": ["fields"], "properties": {
              "fields": {"type": "object", "additionalProperties": {
                "type": "object", "required": ["inputFields"],
                "properties": {"inputFields": {"$ref": "#/$defs/InputFields"}}}},
              "dataset": {"$ref": "#/$defs/InputFields"}}}
          }
        },
        "outputFacets": {
          "type": "object",
          "additionalProperties": false,
          "properties": {"outputStatistics": {"allOf": [{"$ref": "#/$defs/BaseFacet"}], "required": ["rowCount"],
                                              "properties": {"rowCount": {"type": "integer"}}}}
        }
      }
    }
  }
}
$$);
CREATE FUNCTION pg_temp.is_valid(event jsonb, why text) RETURNS text LANGUAGE sql AS $$
    SELECT is((SELECT string_agg(e::text, ' ') FROM etl.json_errors((SELECT schema FROM spec), event::json,
        formats => true) AS e),
              NULL, 'valid: ' || why) $$;
SELECT isnt((SELECT string_agg(e::text, ' ') FROM etl.json_errors((SELECT schema FROM spec), '{"eventTime": "now"}',
             formats => true) AS e), NULL, 'the schema refuses what is no event');

CREATE TABLE raw (id int, amount text, at timestamptz);
COMMENT ON COLUMN raw.amount IS 'as it came';
CREATE TABLE sale (id int, amount numeric(12,2), at timestamptz NOT NULL);
CREATE FUNCTION hidden() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';
INSERT INTO raw VALUES (1, '2.50', '2025-01-01'), (2, '3', '2025-01-02');
SELECT etl.create_pipeline('sales', description => 'What was sold'),
       etl.add_step('sales', 'load', 'INSERT INTO sale SELECT id, amount::numeric, at FROM raw WHERE id > 0 ORDER BY '
           'at'),
       etl.add_step('sales', 'made', 'CREATE TEMPORARY TABLE "odd name" AS SELECT hidden() AS h; DROP TABLE "odd name"',
                    depends_on => '{load}') \g /dev/null
CALL etl.run_pipeline('sales', '2025-03-09 07:30+00');
SELECT max(run_id) AS run FROM etl.runs \gset

-- A step
SELECT etl.openlineage_event(:run, 'load') AS event \gset
SELECT pg_temp.is_valid(:'event', 'a step');
SELECT is(:'event'::jsonb #>> path, wanted, path::text) FROM (VALUES
    ('{eventType}'::text[], 'COMPLETE'),
    ('{job,namespace}', 'postgres://localhost:' || current_setting('port')),
    ('{job,name}', current_database() || '.sales.load'),
    ('{job,facets,sql,query}', 'INSERT INTO sale SELECT id, amount::numeric, at FROM raw WHERE id > 0 ORDER BY at'),
    ('{job,facets,jobType,jobType}', 'TASK'),
    ('{run,facets,nominalTime,nominalStartTime}', '2025-03-09T07:30:00.000000Z'),
    ('{run,facets,parent,job,name}', current_database() || '.sales'),
    ('{run,facets,processing_engine,name}', 'PostgreSQL'),
    ('{run,facets,extractionError}', NULL),
    ('{inputs,0,name}', current_database() || '.public.raw'),
    ('{inputs,0,facets,schema,fields,1,type}', 'text'),
    ('{inputs,0,facets,schema,fields,1,description}', 'as it came'),
    ('{inputs,1}', NULL),
    ('{outputs,0,name}', current_database() || '.public.sale'),
    ('{outputs,0,facets,schema,fields,1,type}', 'numeric(12,2)'),
    ('{outputs,0,outputFacets,outputStatistics,rowCount}', '2'),
    ('{outputs,1}', NULL),
    ('{outputs,0,facets,columnLineage,fields,amount,inputFields,0,field}', 'amount'),
    ('{outputs,0,facets,columnLineage,fields,amount,inputFields,0,transformations,0,subtype}', 'TRANSFORMATION'),
    ('{outputs,0,facets,columnLineage,fields,id,inputFields,0,transformations,0,subtype}', 'IDENTITY'),
    ('{outputs,0,facets,columnLineage,dataset,0,field}', 'at'),
    ('{outputs,0,facets,columnLineage,dataset,0,transformations,0,subtype}', 'SORT'),
    ('{outputs,0,facets,columnLineage,dataset,1,transformations,0,subtype}', 'FILTER')
) AS t(path, wanted);
SELECT is((:'event'::jsonb ->> 'eventTime')::timestamptz,
          (SELECT finished_at FROM etl.step_run WHERE run_id = :run AND step = 'load'), 'when it ended');
SELECT is(etl.openlineage_event(:run, 'load'), :'event'::jsonb, 'the same each time');

-- What is not seen, and a table that is gone
SELECT etl.openlineage_event(:run, 'made') AS event \gset
SELECT pg_temp.is_valid(:'event', 'a step that hides something');
SELECT is(:'event'::jsonb #>> '{run,facets,extractionError,errors,0,errorMessage}',
          'cannot be looked into: public.hidden()', 'it says so');
SELECT is(:'event'::jsonb #>> '{outputs,0,name}', current_database() || '.pg_temp.odd name',
    'a table that is not there');

-- The run
SELECT etl.openlineage_event(:run) AS event \gset
SELECT pg_temp.is_valid(:'event', 'a run');
SELECT is(concat_ws(' ', :'event'::jsonb #>> '{job,facets,jobType,jobType}',
                    :'event'::jsonb #>> '{job,facets,documentation,description}',
                    jsonb_array_length(:'event'::jsonb -> 'inputs'), jsonb_array_length(:'event'::jsonb -> 'outputs'),
                    :'event'::jsonb #>> '{run,facets,extractionError,totalTasks}',
                    :'event'::jsonb #>> '{run,facets,extractionError,failedTasks}'),
          'DAG What was sold 1 2 3 1', 'of all its steps');
SELECT is((:'event'::jsonb #>> '{run,runId}'), etl.openlineage_event(:run, 'load') #>> '{run,facets,parent,run,runId}',
          'the parent of its steps');
SELECT matches(etl._ol_run_id(1)::text, '^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$',
               'a UUID of version 8');
SELECT is((SELECT count(DISTINCT u) FROM (SELECT etl._ol_run_id(r, s) AS u FROM generate_series(1, 300) AS r,
           unnest(ARRAY[NULL, 'a', 'b']) AS s) AS x), 900::bigint, 'each another one');
SELECT pg_temp.is_valid(etl.openlineage_event(:run, event => 'start'), 'its beginning');
SELECT is((etl.openlineage_event(:run, event => 'START') ->> 'eventTime')::timestamptz,
          (SELECT started_at FROM etl.run WHERE run_id = :run), 'when it began');
SELECT is(etl.openlineage_event(:run, namespace => 'postgres://db.example:5432') #>> '{inputs,0,namespace}',
          'postgres://db.example:5432', 'a namespace of one''s own');

-- Other states and kinds
SELECT etl.add_step('sales', 'fails', 'SELECT 1 / 0', depends_on => '{made}'),
       etl.add_step('sales', 'later', 'SELECT 1', depends_on => '{fails}') \g /dev/null
SELECT dblink_exec(format('dbname=%s host=%s', current_database(), current_setting('unix_socket_directories')),
                   'CALL etl.run_pipeline(''sales'')', false) \g /dev/null
SELECT max(run_id) AS run FROM etl.runs \gset
SELECT is(string_agg(concat_ws(' ', s.step, e ->> 'eventType', e #>> '{run,facets,errorMessage,message}'), ', '
    ORDER BY s.position),
          'load COMPLETE, made COMPLETE, fails FAIL division by zero, later ABORT step "fails", which it needs, failed',
          'a run that failed')
FROM etl.step_run AS s, etl.openlineage_event(s.run_id, s.step) AS e WHERE s.run_id = :run;
SELECT is(string_agg(e::text, ' '), NULL, 'all of them valid')
FROM etl.step_run AS s, etl.openlineage_event(s.run_id, s.step) AS o,
     etl.json_errors((SELECT schema FROM spec), o::json, formats => true) AS e WHERE s.run_id = :run;
SELECT throws_ok(format($$SELECT etl.openlineage_event(%s, 'later', 'START')$$, :run), '55000',
    '"sales.later" has not begun');
SELECT etl.create_rollup('public.per_day', 'SELECT s.at, sum(s.amount) AS sum FROM public.sale AS s GROUP BY s.at',
    '{at}')
\g /dev/null
CALL etl.refresh_rollup('public.per_day');
SELECT etl.openlineage_event(max(run_id)) AS event FROM etl.runs WHERE kind = 'rollup' \gset
SELECT pg_temp.is_valid(:'event', 'a refresh of a rollup');
SELECT is(concat_ws(' ', :'event'::jsonb #>> '{job,name}', :'event'::jsonb #>> '{inputs,0,name}',
                    :'event'::jsonb #>> '{outputs,0,facets,columnLineage,fields,sum,inputFields,0,field}'),
          format('%s.rollup.public.per_day %1$s.public.sale amount', current_database()), 'what it reads and writes');

CREATE SERVER api FOREIGN DATA WRAPPER etl_http OPTIONS (base_url 'https://api.example.com/v2');
SELECT etl.create_extract('sales', 'api', '/sales', 'raw', mapping => '{"id": "sale.id", "amount": "total|sum"}')
\g /dev/null
INSERT INTO etl.run (kind, name, as_of, started_at, finished_at, status, rows)
VALUES ('extract', 'sales', now(), now(), now(), 'succeeded', 2);
SELECT etl.openlineage_event(max(run_id)) AS event FROM etl.runs WHERE kind = 'extract' \gset
SELECT pg_temp.is_valid(:'event', 'a run of an extract');
SELECT is(concat_ws(' ', :'event'::jsonb #>> '{job,name}', :'event'::jsonb #>> '{inputs,0,namespace}',
                    :'event'::jsonb #>> '{inputs,0,name}', :'event'::jsonb #>> '{outputs,0,name}'),
          format('%s.extract.sales https://api.example.com /v2/sales %1$s.public.raw', current_database()),
          'from outside into a table');

-- Bad arguments
SELECT throws_ok($$SELECT etl.openlineage_event(NULL)$$, '42704', 'run NULL does not exist');
SELECT throws_ok($$SELECT etl.openlineage_event(987654321)$$, '42704', 'run 987654321 does not exist');
SELECT throws_ok(format($$SELECT etl.openlineage_event(%s, 'nosuch')$$, :run), '42704',
                 format('run %s has no step "nosuch"', :run));
SELECT throws_ok(format($$SELECT etl.openlineage_event(%s, event => 'STOP')$$, :run), '22023',
    'event "STOP" is not known');

SELECT * FROM finish();
