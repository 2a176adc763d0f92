-- What extracts read and write: from APIs with their mappings, from tables, in steps and in events of OpenLineage.
-- Nothing is fetched. All in one transaction.
BEGIN;
SELECT plan(31);
SET LOCAL client_min_messages = error;

CREATE SERVER api FOREIGN DATA WRAPPER etl_http OPTIONS (base_url 'https://api.example.com:8443/v2/');
CREATE SERVER bare FOREIGN DATA WRAPPER etl_http OPTIONS (base_url 'http://bare.example.com');
CREATE TABLE event (event_id int PRIMARY KEY, name text);
CREATE TABLE sale (sale_id bigint PRIMARY KEY, price numeric, quantity int, total numeric, at timestamptz);
CREATE TABLE "Copied sale" (sale bigint PRIMARY KEY, total numeric, note text);
SELECT etl.create_extract('events', 'bare', '', 'event', key_columns => '{event_id}'),
       etl.create_extract('sales', 'api', 'events/{event_id}/sales?all=1', 'sale', parent => 'events',
           key_columns => '{sale_id}',
           mapping => '{"sale_id": {"from": ["id", "$.sale.id"]}, "price": {"from": "price", "default": 0},
                        "quantity": "/n", "at": {"from": "at", "format": "epoch"},
                        "total": {"from": "sum", "sql": "price * quantity + (record ->> ''fee'')::numeric"}}'),
       etl.create_extract('later', 'api', '/later'),
       etl.create_table_extract('copy', 'sale', '"Copied sale"', '{"column": "at"}', filter => 'quantity > 0',
           columns => '{"sale": "sale_id", "total": "price * quantity", "note": "''x''"}'),
       etl.create_evm_extract('logs', 'bare', 1, '{}', '{"event Paused()"}', 0, 'public.paused', path => '/rpc'),
       etl.create_ingest('orders', 'sale', mapping => '{"sale_id": "id"}');

-- What an extract reads and writes, one line for each kind of row.
CREATE FUNCTION pg_temp.shown(name text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT s.line
    FROM etl._extract_lineage(name, current_user) AS l
    CROSS JOIN LATERAL concat_ws(' ', l.item, coalesce(l.note, l.relation::regclass::text), l.column_name, '->',
                                 l.target::regclass::text, l.target_column, l.subtype) AS s(line)
    ORDER BY s.line COLLATE "C"
$$;
SELECT results_eq($$SELECT pg_temp.shown('sales')$$, $$VALUES
    ('outside https://api.example.com:8443/v2/events/{event_id}/sales $.sale.id -> sale sale_id IDENTITY'),
    ('outside https://api.example.com:8443/v2/events/{event_id}/sales -> sale'),
    ('outside https://api.example.com:8443/v2/events/{event_id}/sales /n -> sale quantity IDENTITY'),
    ('outside https://api.example.com:8443/v2/events/{event_id}/sales /n -> sale total TRANSFORMATION'),
    ('outside https://api.example.com:8443/v2/events/{event_id}/sales at -> sale at TRANSFORMATION'),
    ('outside https://api.example.com:8443/v2/events/{event_id}/sales id -> sale sale_id IDENTITY'),
    ('outside https://api.example.com:8443/v2/events/{event_id}/sales price -> sale price IDENTITY'),
    ('outside https://api.example.com:8443/v2/events/{event_id}/sales price -> sale total TRANSFORMATION'),
    ('outside https://api.example.com:8443/v2/events/{event_id}/sales sum -> sale total TRANSFORMATION'),
    ('write -> sale')$$, 'fields of an API go where the mapping says, computed ones from what they are computed of');
SELECT results_eq($$SELECT pg_temp.shown('events')$$, $$VALUES
    ('outside http://bare.example.com -> event'),
    ('outside http://bare.example.com event_id -> event event_id IDENTITY'),
    ('outside http://bare.example.com name -> event name IDENTITY'),
    ('write -> event')$$, 'without a mapping fields go into the columns of the same names');
SELECT results_eq($$SELECT pg_temp.shown('later')$$, $$VALUES ('outside https://api.example.com:8443/v2/later ->')$$,
                  'without a target only the source is known');
SELECT results_eq($$SELECT pg_temp.shown('copy')$$, $$VALUES
    ('edge -> "Copied sale" note'),
    ('edge sale -> "Copied sale"'),
    ('edge sale at -> "Copied sale" FILTER'),
    ('edge sale price -> "Copied sale" total TRANSFORMATION'),
    ('edge sale quantity -> "Copied sale" FILTER'),
    ('edge sale quantity -> "Copied sale" total TRANSFORMATION'),
    ('edge sale sale_id -> "Copied sale" sale IDENTITY'),
    ('write -> "Copied sale"')$$, 'a copy has the columns of its source');

SELECT results_eq($$SELECT pg_temp.shown('logs')$$, $$VALUES
    ('outside http://bare.example.com/rpc -> paused'), ('write -> paused')$$, 'logs come from a node');

-- Steps ----------------------------------------------------------------------------------------------------------------

SELECT etl.create_pipeline('p', search_path => 'public'),
       etl.add_step('p', 'kind', 'sales', 'extract'),
       etl.add_step('p', 'call', 'CALL etl.run_extract(''copy'', restart => true)', 'procedure'),
       etl.add_step('p', 'computed', 'CALL etl.run_extract(current_setting(''a.b''))', 'procedure'),
       etl.add_step('p', 'unknown', 'CALL etl.run_extract(''nobody'')', 'procedure'),
       etl.add_step('p', 'ingest', 'SELECT * FROM etl.ingest(''orders'', ''{"id": 1}''::jsonb)'),
       etl.add_step('p', 'replay', 'SELECT * FROM etl.replay_dead_letters(''sales'')');
SELECT is(concat_ws(' ', reads, writes, opaque, error), w, step)
FROM (VALUES
    ('kind', '{"https://api.example.com:8443/v2/events/{event_id}/sales"} {public.sale}'),
    ('call', '{public.sale} {"public.\"Copied sale\""}'),
    ('computed', '{"etl.run_extract: name is no constant"}'),
    ('unknown', '{"etl.run_extract: nothing is known of name \"nobody\""}'),
    ('ingest', '{public.sale}'),
    ('replay', '{etl.dead_letter} {etl.dead_letter,public.sale}')) AS v(s, w)
JOIN etl.step_lineage AS l ON l.step = v.s;
SELECT ok(columns @> '[{"target": "public.sale", "target_column": "total", "column": "sum", "type": "DIRECT",
                        "relation": "https://api.example.com:8443/v2/events/{event_id}/sales",
                        "subtype": "TRANSFORMATION"}]', 'with its columns')
FROM etl.step_lineage WHERE step = 'kind';

-- The whole database -----------------------------------------------------------------------------------------------------

SELECT etl.drop_pipeline('p');
CREATE FUNCTION pg_temp.ways(relation regclass, "column" text, direction text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT s.line
    FROM etl.lineage(relation, "column"::name, direction) AS l
    CROSS JOIN LATERAL concat_ws(' ', l.distance, l.kind, l.via, l.from_relation, l.from_column, '->', l.to_column,
                                 l.subtype) AS s(line)
    ORDER BY s.line COLLATE "C"
$$;
SELECT results_eq($$SELECT pg_temp.ways('"Copied sale"', 'total', 'upstream')$$, $$VALUES
    ('1 extract copy sale ->'),
    ('1 extract copy sale at -> FILTER'),
    ('1 extract copy sale price -> total TRANSFORMATION'),
    ('1 extract copy sale quantity -> FILTER'),
    ('1 extract copy sale quantity -> total TRANSFORMATION')$$, 'a column leads through a copy to its source');
SELECT results_eq($$SELECT pg_temp.ways('sale', 'sale_id', 'downstream')$$,
                  $$VALUES ('1 extract copy sale sale_id -> sale IDENTITY')$$, 'and back');

-- Events ---------------------------------------------------------------------------------------------------------------

INSERT INTO etl.run (kind, name, as_of, started_at, finished_at, status, rows)
SELECT 'extract', n, now(), now(), now(), 'succeeded', 7 FROM unnest('{sales,events,copy}'::text[]) AS n;
CREATE TEMPORARY TABLE event_of AS
SELECT name, etl.openlineage_event(run_id) AS event FROM etl.run WHERE kind = 'extract';
SELECT is(event #>> path, wanted, 'API: ' || path::text)
FROM event_of, (VALUES
    ('{eventType}'::text[], 'COMPLETE'),
    ('{job,name}', current_database() || '.extract.sales'),
    ('{job,facets,jobType,jobType}', 'EXTRACT'),
    ('{inputs,0,namespace}', 'https://api.example.com:8443'),
    ('{inputs,0,name}', '/v2/events/{event_id}/sales'),
    ('{inputs,1}', NULL),
    ('{outputs,0,name}', current_database() || '.public.sale'),
    ('{outputs,0,outputFacets,outputStatistics,rowCount}', '7'),
    ('{outputs,0,facets,columnLineage,fields,sale_id,inputFields,1,namespace}', 'https://api.example.com:8443'),
    ('{outputs,0,facets,columnLineage,fields,sale_id,inputFields,0,field}', '$.sale.id'),
    ('{outputs,0,facets,columnLineage,dataset}', '[]'),
    ('{run,facets,extractionError}', NULL)) AS t(path, wanted)
WHERE name = 'sales';
SELECT is(event #> '{inputs}', '[{"namespace": "http://bare.example.com", "name": "/", "facets": {}}]',
          'a server without a path')
FROM event_of WHERE name = 'events';
SELECT is(concat_ws(' ', event #>> '{inputs,0,name}', event #>> '{outputs,0,name}',
                    event #>> '{outputs,0,facets,columnLineage,fields,sale,inputFields,0,field}'),
          format('%s.public.sale %1$s.public.Copied sale sale_id', current_database()), 'a copy of a table')
FROM event_of WHERE name = 'copy';

-- What is gone
DROP SERVER api;
SELECT results_eq($$SELECT pg_temp.shown('later')$$, $$VALUES ('error server "api" does not exist ->')$$,
                  'a server that is gone');
ALTER TABLE sale RENAME TO moved;
SELECT results_eq($$SELECT pg_temp.shown('copy')$$,
                  $$VALUES ('error the source "public.sale" of extract "copy" does not exist ->')$$, 'and a table');
SELECT lives_ok($$SELECT count(*) FROM etl.lineage('event')$$, 'stop nothing else');

SELECT * FROM finish();
ROLLBACK;
