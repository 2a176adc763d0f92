-- Extracts in a configuration: what is exported, applied, changed, replaced, pruned, tried out and refused. Nothing is
-- fetched. All in one transaction.
BEGIN;
SELECT plan(60);
SET LOCAL client_min_messages = error;

CREATE SERVER api FOREIGN DATA WRAPPER etl_http OPTIONS (base_url 'https://api.example.com/v2');
CREATE SERVER other FOREIGN DATA WRAPPER etl_http OPTIONS (base_url 'https://other.example.com');
CREATE SCHEMA shop;
CREATE TABLE shop.event (event_id int PRIMARY KEY, name text, updated_at timestamptz);
CREATE TABLE shop.sale (sale_id bigint PRIMARY KEY, event_id int, price numeric, quantity int, total numeric,
                        at timestamptz);
CREATE TABLE shop."Odd sale" (LIKE shop.sale INCLUDING ALL);
CREATE INDEX ON shop.sale (at);

CREATE FUNCTION pg_temp.define() RETURNS void LANGUAGE sql AS $$
    SELECT etl.create_extract('events', 'api', '/events', 'shop.event', key_columns => '{event_id}',
               "cursor" => '{"column": "updated_at", "param": "since", "lag": "5 minutes"}', keep_raw => true),
           etl.create_extract('all of them', 'api', '/events/{event_id}/sales', 'shop.sale', parent => 'events',
               mapping => '{"sale_id": "id|saleId", "total": {"from": "total", "sql": "price * quantity"},
                            "quantity": "n",
                            "price": {"from": "price", "default": null}}',
               key_columns => '{sale_id}', write_mode => 'append', on_bad_row => 'skip', method => 'post',
               paginate => '{"type": "page", "size": 50, "size_param": "per_page"}', query => '{"n": 10}',
               headers => '{"Accept": "a/b"}',
               body => '{"after": null, "n": [1, null]}', max_pages => 7, parallel => 2, description => 'Sales'),
           etl.create_extract('later', 'api', '/later', records_path => NULL, paginate => NULL);
    SELECT etl.create_table_extract('copy', 'shop.sale', 'shop."Odd sale"', "cursor" => '{"column": "at"}'),
           etl.create_table_extract('computed', 'shop.sale', 'shop."Odd sale"', method => 'full', deletes => true,
               filter => 'price > 0', columns => '{"sale_id": "sale_id", "total": "price * quantity"}',
               wait => '1 min', batch_rows => 500, description => 'It''s computed');
$$;
SELECT pg_temp.define();
CREATE TEMPORARY TABLE document AS SELECT etl.export_config() AS config;

SELECT is(config -> 'extracts', $${
  "events": {"server": "api", "path": "/events", "target": "shop.event", "key_columns": ["event_id"], "keep_raw": true,
             "cursor": {"column": "updated_at", "param": "since", "lag": "5 minutes"}},
  "all of them": {
    "server": "api", "path": "/events/{event_id}/sales", "target": "shop.sale", "parent": "events",
    "mapping": {"sale_id": "id|saleId", "total": {"from": "total", "sql": "price * quantity"}, "quantity": "n",
                "price": {"from": "price", "default": null}},
    "key_columns": ["sale_id"], "write_mode": "append", "on_bad_row": "skip", "method": "POST",
    "paginate": {"type": "page", "size": 50, "size_param": "per_page"}, "query": {"n": 10},
    "headers": {"Accept": "a/b"},
    "body": {"after": null, "n": [1, null]}, "max_pages": 7, "parallel": 2, "description": "Sales"},
  "later": {"server": "api", "path": "/later"}
}$$, 'extracts without their defaults') FROM document;
SELECT is(config -> 'table_extracts', $${
  "copy": {"source": "shop.sale", "target": "shop.\"Odd sale\"", "cursor": {"column": "at"}, "horizon": "transactions",
           "key_columns": ["sale_id"],
           "columns": {"sale_id": "sale_id", "event_id": "event_id", "price": "price", "quantity": "quantity",
                       "total": "total", "at": "at"}},
  "computed": {"source": "shop.sale", "target": "shop.\"Odd sale\"", "method": "full", "deletes": true,
               "filter": "price > 0", "columns": {"sale_id": "sale_id", "total": "price * quantity"},
               "wait": "00:01:00", "batch_rows": 500, "description": "It's computed", "key_columns": ["sale_id"]}
}$$, 'copies of tables, with what was chosen when they were made') FROM document;
SELECT is_empty('SELECT * FROM etl.apply_config((SELECT config FROM document), prune => true, replace => true)',
                'what is exported is so already');
SET LOCAL timezone = 'Asia/Kolkata';
SET LOCAL intervalstyle = 'iso_8601';
SET LOCAL quote_all_identifiers = on;
SET LOCAL search_path = shop, public;
SELECT is(jsonb_pretty(etl.export_config()), jsonb_pretty(config), 'the same under other settings') FROM document;
SELECT is_empty('SELECT * FROM etl.apply_config((SELECT config FROM document), prune => true)',
                'which is so already under other settings');

-- From nothing: parents before children, whatever their names are.
SELECT results_eq(
    $$SELECT c.action, c.kind, c.name
      FROM etl.apply_config('{"extracts": {}, "table_extracts": {}}', prune => true) AS c$$,
    $$VALUES ('drop', 'table_extracts', 'computed'), ('drop', 'table_extracts', 'copy'),
             ('drop', 'extracts', 'all of them'), ('drop', 'extracts', 'events'), ('drop', 'extracts', 'later')$$,
    'prune drops all of them, children before parents');
SELECT is(etl.export_config('{extracts,table_extracts}'), '{"pg_etl": "1", "extracts": {}, "table_extracts": {}}',
          'nothing is left');
SELECT results_eq(
    $$SELECT c.action, c.kind, c.name FROM etl.apply_config((SELECT config FROM document)) AS c$$,
    $$VALUES ('create', 'extracts', 'events'), ('create', 'extracts', 'later'),
             ('create', 'table_extracts', 'computed'), ('create', 'table_extracts', 'copy'),
             ('create', 'extracts', 'all of them')$$,
    'all are made, parents before children');
SELECT is(etl.export_config(), config, 'as they were') FROM document;
RESET quote_all_identifiers;
RESET intervalstyle;
RESET timezone;

-- A row of a change: changes and statement.
CREATE FUNCTION pg_temp.change(path text, value jsonb, replace boolean DEFAULT false) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s %s: %s / %s', c.action, c.name, c.changes, c.statement), E'\n')
    FROM etl.apply_config((SELECT CASE WHEN value IS NULL THEN config #- path::text[]
                                       ELSE jsonb_set(config, path::text[], value) END FROM document),
                          replace => replace) AS c
$$;

-- Changes ------------------------------------------------------------------------------------------------------------

SELECT matches(pg_temp.change('{extracts,events,cursor,lag}', '"1 hour"'),
               '^change events: cursor.lag: 5 minutes -> 1 hour / SELECT etl.alter_extract\(name => ''events'', cursor',
               'a changed cursor');
SELECT is("cursor" ->> 'lag', '1 hour', 'is changed') FROM etl.extract WHERE name = 'events';
SELECT is(pg_temp.change('{extracts,events,keep_raw}', NULL),
          E'change events: cursor.lag: 1 hour -> 5 minutes\nkeep_raw: true -> false / '
          'SELECT etl.alter_extract(name => ''events'', cursor => '
          '''{"lag": "5 minutes", "param": "since", "column": "updated_at"}'', keep_raw => false);',
          'what is not said is the default');
SELECT is(pg_temp.change('{extracts,events,cursor}', NULL),
          E'change events: cursor: {"lag": "5 minutes", "param": "since", "column": "updated_at"} -> (none)\n'
          'keep_raw: false -> true / SELECT etl.alter_extract(name => ''events'', keep_raw => true, '
          'reset => ''{cursor}'');', 'what has no default is taken away');
SELECT is("cursor", NULL, 'and gone') FROM etl.extract WHERE name = 'events';
SELECT isnt(pg_temp.change('{}', NULL), NULL, 'and comes back');
SELECT is(pg_temp.change('{extracts,all of them,body}', '{"after": {"x": null}}'),
          'change all of them: body.after: null -> {"x": null}' || E'\nbody.n: [1, null] -> (none)'
          ' / SELECT etl.alter_extract(name => ''all of them'', body => ''{"after": {"x": null}}'');',
          'a body keeps its nulls');
SELECT is(source -> 'body', '{"after": {"x": null}}', 'in the table too') FROM etl.extract WHERE name = 'all of them';
SELECT isnt(pg_temp.change('{}', NULL), NULL, 'put back');
SELECT is(pg_temp.change('{table_extracts,computed,description}', '"Other"'),
          'change computed: description: It''s computed -> Other / '
          'SELECT etl.alter_table_extract(name => ''computed'', description => ''Other'');',
          'a copy can be described anew');
SELECT is(pg_temp.change('{table_extracts,computed,description}', NULL),
          'change computed: description: Other -> (none) / '
          'SELECT etl.alter_table_extract(name => ''computed'', reset => ''{description}'');', 'or not at all');
SELECT isnt(pg_temp.change('{}', NULL), NULL, 'put back');

-- A target that etl.infer_table has made, and what was chosen when a copy was made, stay where the document is silent.
CREATE TABLE shop.later (id int PRIMARY KEY);
SELECT etl.alter_extract('later', target => 'shop.later');
SELECT is(pg_temp.change('{}', NULL), NULL, 'a target that is not named is left');
SELECT is(target, 'shop.later', 'as it is') FROM etl.extract WHERE name = 'later';
SELECT is(pg_temp.change('{table_extracts,copy}',
                         '{"source": "shop.sale", "target": "shop.\"Odd sale\"", "cursor": {"column": "at"}}'), NULL,
          'columns, key and horizon that are not named are left');

-- In the same document a parent becomes one.
SELECT is((SELECT string_agg(c.name, ' ' ORDER BY n) FROM etl.apply_config($${"extracts": {
               "later": {"server": "api", "path": "/later", "target": "shop.later", "key_columns": ["id"]},
               "and on": {"server": "api", "path": "/later/{id}", "parent": "later"}}}$$)
               WITH ORDINALITY AS c(action, kind, name, changes, statement, n)), 'later and on',
          'a parent gets its key before the child is made');
SELECT etl.drop_extract('and on'), pg_temp.change('{}', NULL);

-- Replaced -----------------------------------------------------------------------------------------------------------

SELECT matches(pg_temp.change('{extracts,later,server}', '"other"'),
               '^change later: server: api -> other / SELECT etl.alter_extract',
               'the server of an extract is changed in place');
SELECT pg_temp.change('{}', NULL);
SELECT throws_ok($$SELECT pg_temp.change('{table_extracts,copy,key_columns}', '["sale_id", "event_id"]')$$, '55000',
                 'table_extracts.copy: key_columns cannot be changed in place');
SELECT throws_ok($$SELECT pg_temp.change('{table_extracts,copy,cursor}', '{"column": "at", "lag": "1 hour"}')$$,
                 '55000', 'table_extracts.copy: cursor cannot be changed in place');
SELECT matches(pg_temp.change('{table_extracts,computed,filter}', '"price > 1"'),
               '^change computed: filter: price > 0 -> price > 1 / SELECT etl.alter_table_extract',
               'the filter of a copy is changed in place');
SELECT throws_ok($$SELECT pg_temp.change('{table_extracts,computed,write_mode}', '"replace"')$$, '55000',
                 'table_extracts.computed: write_mode cannot be changed in place');
SELECT matches(pg_temp.change('{table_extracts,computed,write_mode}', '"replace"', true),
               '^replace computed: .*write_mode: upsert -> replace / SELECT etl.drop_extract.*create_table_extract',
               'a copy is replaced');
SELECT is(write_mode, 'replace', 'and is another one') FROM etl.extract WHERE name = 'computed';
SELECT matches(pg_temp.change('{extracts,later,server}', '"other"', true), 'change later: server: api -> other',
               'what can be changed in place is not replaced');
SELECT is(target, 'shop.later', 'with its table') FROM etl.extract WHERE name = 'later';

-- Logs of chains ---------------------------------------------------------------------------------------------------

SELECT etl.create_evm_extract('transfers', 'other', 1,
           '{0xdAC17F958D2ee523a2206206994597C13D831ec7,0x000000000000000000000000000000000000000a}',
           '{"event Transfer(address indexed from, address indexed to, uint256 value)"}', 17000000, 'shop."Transfers"',
           retry_pause => '2.5 s', max_range => 500, description => 'USDT'),
       etl.create_evm_extract('final', 'other', 137, '{}', '{"event Paused()"}', 0, 'shop.paused',
           confirmations => NULL, path => '/rpc', on_bad_row => 'skip');
CREATE TEMPORARY TABLE logs AS SELECT etl.export_config('{evm_extracts}') AS config;
SELECT is(config -> 'evm_extracts', $${
  "transfers": {"server": "other", "chain_id": 1, "start_block": 17000000, "target": "shop.\"Transfers\"",
                "addresses": ["0x000000000000000000000000000000000000000a",
                              "0xdac17f958d2ee523a2206206994597c13d831ec7"],
                "events": ["event Transfer(address indexed from, address indexed to, uint256 value)"],
                "confirmations": 64, "retry_pause": "00:00:02.5", "max_range": 500, "description": "USDT"},
  "final": {"server": "other", "chain_id": 137, "start_block": 0, "target": "shop.paused", "addresses": [],
            "events": ["event Paused()"], "path": "/rpc", "on_bad_row": "skip"}
}$$, 'extracts of logs') FROM logs;
SELECT is_empty('SELECT * FROM etl.apply_config((SELECT config FROM logs), prune => true)', 'are so already');
SELECT is((SELECT count(*) FROM etl.apply_config('{"evm_extracts": {}}', prune => true)), 2::bigint, 'are dropped');
SELECT is((SELECT count(*) FROM logs, etl.apply_config(config)), 2::bigint, 'and made anew');
SELECT is(etl.export_config('{evm_extracts}'), config, 'as they were') FROM logs;
SELECT is((SELECT string_agg(c.name || ' ' || c.changes, ', ') FROM logs, etl.apply_config(
               jsonb_set(config #- '{evm_extracts,final,on_bad_row}', '{evm_extracts,transfers,addresses}',
                         '["0xdAC17F958D2ee523a2206206994597C13D831ec7",
                           "0x000000000000000000000000000000000000000A"]')) AS c),
          'final on_bad_row: skip -> dead_letter', 'addresses may be written in any way');
SELECT throws_ok($$SELECT etl.apply_config(jsonb_set(config, '{evm_extracts,transfers,start_block}', '1')) FROM logs$$,
                 '55000', 'evm_extracts.transfers: start_block cannot be changed in place');
SELECT is(c.statement, format('SELECT etl.alter_evm_extract(name => ''final'', %s);', said), what)
FROM (VALUES ('{"max_range": 50, "confirmations": 12}'::jsonb, 'confirmations => 12, max_range => 50',
              'how a chain is read is changed in place'),
             ('{}', 'max_range => 2000, reset => ''{confirmations}''', 'and back')) AS t(added, said, what),
     logs, etl.apply_config(jsonb_set(config #- '{evm_extracts,final,on_bad_row}', '{evm_extracts,final}',
                                      config #> '{evm_extracts,final}' || '{"on_bad_row": "dead_letter"}' || added))
         AS c;

-- Sources of etl.ingest ----------------------------------------------------------------------------------------------

SELECT etl.load_suite('{"name": "paid", "expectations": [
           {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "price"}}]}'),
       etl.create_ingest('clicks', 'shop.event', key_columns => '{event_id}', description => 'Of the site'),
       etl.create_ingest('orders', 'shop.sale', mapping => '{"sale_id": "id", "price": "price"}', suite => 'paid',
           on_bad_row => 'error');
CREATE TEMPORARY TABLE sources AS SELECT etl.export_config('{ingests}') AS config;
SELECT is(config -> 'ingests', $${
  "clicks": {"target": "shop.event", "key_columns": ["event_id"], "description": "Of the site"},
  "orders": {"target": "shop.sale", "mapping": {"sale_id": "id", "price": "price"}, "suite": "paid",
             "on_bad_row": "error"}
}$$, 'sources of etl.ingest') FROM sources;
SELECT is_empty('SELECT * FROM etl.apply_config((SELECT config FROM sources), prune => true)', 'are so already');
SELECT is((SELECT count(*) FROM etl.apply_config('{"ingests": {}}', prune => true)), 2::bigint, 'are dropped');
SELECT is((SELECT count(*) FROM sources, etl.apply_config(config)), 2::bigint, 'and made anew');
SELECT is(etl.export_config('{ingests}'), config, 'as they were') FROM sources;
SELECT is(c.statement, 'SELECT etl.alter_ingest(name => ''clicks'', write_mode => ''append'', '
                       'reset => ''{key_columns}'');', 'a source without its key')
FROM sources, etl.apply_config(config #- '{ingests,clicks,key_columns}') AS c;
SELECT is(key_columns IS NULL AND write_mode = 'append', true, 'appends') FROM etl.extract WHERE name = 'clicks';
SELECT is(c.statement, 'SELECT etl.alter_ingest(name => ''orders'', reset => ''{suite}'');', 'nor its suite')
FROM sources, etl.apply_config(config #- '{ingests,orders,suite}') AS c WHERE c.name = 'orders';

-- Tried out, and refused ---------------------------------------------------------------------------------------------

CREATE TEMPORARY TABLE before AS SELECT etl.export_config() AS config;
SELECT results_eq($$SELECT c.action, c.name FROM etl.apply_config('{"extracts": {}}', prune => true, dry_run => true)
                        AS c$$,
                  $$VALUES ('drop', 'all of them'), ('drop', 'events'), ('drop', 'later')$$, 'a dry run tells');
SELECT is(etl.export_config(), config, 'and does nothing') FROM before;
SELECT throws_ok(format($$SELECT etl.apply_config('{"extracts": {"x": %s}}')$$, d), state, message)
FROM (VALUES
    ('{"server": "api", "path": "/x", "url": "/y"}', '22023', 'extracts.x has an unknown member "url"'),
    ('{"path": "/x"}', '22023', 'extracts.x: server is missing'),
    ('{"server": "nowhere", "path": "/x"}', '42704', 'extracts.x: server "nowhere" does not exist'),
    ('{"server": "api", "path": "/x/{id}", "parent": "nobody"}', '42704',
     'extracts.x: extract "nobody" does not exist'),
    ('{"server": "api", "path": "/x", "max_pages": "many"}', '22023',
     'extracts.x.max_pages: "many" is not a JSON number'))
    AS t(d, state, message);
SELECT throws_ok($$SELECT etl.apply_config('{"table_extracts": {"x": {"source": "shop.sale", "target": "shop.nowhere",
                                                                  "cursor": {"column": "at"}}}}')$$,
                 '42P01', 'table_extracts.x: relation "shop.nowhere" does not exist');
SELECT is(etl.export_config(), config, 'what is refused changes nothing') FROM before;

SELECT * FROM finish();
ROLLBACK;
