-- etl.lineage and etl.step_lineage: data followed through steps, rollups, views, policies and partitions; calls of the
-- extension's own functions; roles; circles; errors; forged arguments; a thousand steps.
BEGIN;
SELECT plan(63);
SET client_min_messages = error;

CREATE TABLE raw (id int, amount text, at timestamptz, junk text);
CREATE TABLE sale (id int, amount numeric, at timestamptz NOT NULL, cents bigint GENERATED ALWAYS AS (amount * 100)
    STORED);
CREATE TABLE sale_archive (LIKE sale);
CREATE MATERIALIZED VIEW daily AS SELECT at AT TIME ZONE 'UTC' AS day, sum(amount) AS total FROM sale GROUP BY 1;
CREATE VIEW best AS SELECT day, total FROM daily WHERE total > 100;
CREATE TABLE report (day timestamp, total numeric, note text);
SELECT etl.create_rollup('public.per_id', 'SELECT s.id, count(*) AS n, max(s.amount) AS top FROM public.sale AS s '
    'GROUP BY s.id', '{id}'),
       etl.add_retention_policy('public.sale', 'at', keep => '30 days', archive_to => 'public.sale_archive'),
       etl.create_feature_view('spend', '{id}', 'SELECT id, sum(amount) AS spent FROM public.sale WHERE at <= $1 '
           'GROUP BY id',
                               schema => 'public') \g /dev/null
SELECT etl.create_pipeline('nightly'),
       etl.add_step('nightly', 'load', $$
           INSERT INTO sale (id, amount, at) SELECT id, amount::numeric, at FROM raw WHERE junk IS NULL $$),
       etl.add_step('nightly', 'refresh', 'public.daily', kind => 'refresh', depends_on => '{load}'),
       etl.add_step('nightly', 'report', $$
           TRUNCATE report;
           INSERT INTO report (day, total, note) SELECT day, round(total), 'made by a step' FROM best $$,
           depends_on => '{refresh}', "check" => 'EXISTS (SELECT FROM daily WHERE total > 0)') \g /dev/null

CREATE FUNCTION lineage(relation regclass, "column" name, direction text DEFAULT 'upstream', depth int DEFAULT NULL)
RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws(' ', l.distance, l.from_relation || coalesce('.' || l.from_column, '') || '>'
        || l.to_relation
                                || coalesce('.' || l.to_column, ''), l.kind, l.via, l.subtype), ', ')
    FROM etl.lineage(relation, "column", direction, depth) AS l WHERE l.type IS NOT NULL
$$;

-- The graph -----------------------------------------------------------------------------------------------------------

SELECT is(lineage('report', 'total', depth => 2), '1 best.total>report.total step nightly.report TRANSFORMATION, '
    '2 daily.total>best.total view public.best IDENTITY, 2 daily.total>best view public.best FILTER',
        'two edges upstream');
SELECT is(lineage('report', 'total'), '1 best.total>report.total step nightly.report TRANSFORMATION, '
    '2 daily.total>best.total view public.best IDENTITY, 2 daily.total>best view public.best FILTER, '
    '3 sale.amount>daily.total matview public.daily AGGREGATION, 3 sale.amount>daily.total step nightly.refresh '
    'AGGREGATION, '
    '3 sale.at>daily matview public.daily GROUP_BY, 3 sale.at>daily step nightly.refresh GROUP_BY, '
    '4 raw.amount>sale.amount step nightly.load TRANSFORMATION, 4 raw.at>sale.at step nightly.load IDENTITY, '
    '4 raw.junk>sale step nightly.load FILTER, 4 sale.at>sale retention sale FILTER', 'all of them');
SELECT is(lineage('raw', 'amount', 'downstream', 2), '1 raw.amount>sale.amount step nightly.load TRANSFORMATION, '
    '2 sale.amount>daily.total matview public.daily AGGREGATION, 2 sale.amount>daily.total step nightly.refresh '
    'AGGREGATION, '
    '2 sale.amount>per_id.top rollup public.per_id AGGREGATION, 2 sale.amount>sale.cents generated public.sale '
    'TRANSFORMATION, '
    '2 sale.amount>sale_archive.amount retention sale IDENTITY, 2 sale.amount>spend.spent features spend AGGREGATION, '
    '2 sale.amount>spend_history.spent features spend AGGREGATION', 'downstream');
SELECT is(lineage('raw', 'junk', 'downstream', 1), '1 raw.junk>sale step nightly.load FILTER',
    'a condition goes downstream');
SELECT cmp_ok(lineage('raw', 'junk', 'downstream'), '~', 'daily.total>best.total view',
              'what decides the rows matters to every column behind');
SELECT is(lineage('report', 'note', depth => 1), NULL, 'a constant comes from nowhere');
SELECT results_eq($$SELECT from_relation::text, from_column, to_column FROM etl.lineage('report', 'note', depth => 1)$$,
                  $$VALUES ('best', NULL::name, NULL::name)$$, 'but its rows do');
SELECT results_eq($$
    SELECT DISTINCT way, from_relation::text, to_relation::text FROM etl.lineage('daily', direction => 'both',
        depth => 1)
    ORDER BY 1, 2, 3$$,
    $$VALUES ('downstream', 'daily', 'best'), ('upstream', 'sale', 'daily')$$, 'both ways, by relations');
SELECT results_eq($$
    SELECT DISTINCT distance, from_relation::text, to_relation::text FROM etl.lineage('report') ORDER BY 1, 2, 3$$,
    $$VALUES (1, 'best', 'report'), (2, 'daily', 'best'), (3, 'sale', 'daily'), (4, 'raw', 'sale'), (4, 'sale',
        'sale')$$,
    'by relations');
SELECT is((SELECT count(*) FROM etl.lineage('raw')), 0::bigint, 'nothing is upstream of a source');
SELECT is((SELECT count(*) FROM etl.lineage('pg_class')), 0::bigint, 'nor of a catalog');

SELECT is((SELECT string_agg(DISTINCT concat(from_relation, '.', from_column), ' ') FROM etl.lineage('report', 'total')
           WHERE value), 'best.total daily.total raw.amount sale.amount', 'the columns that a value is made of');

-- A circle
CREATE TABLE one (a int, b int);
CREATE TABLE two (a int, b int);
SELECT etl.create_pipeline('circle'), etl.add_step('circle', 'there', 'INSERT INTO two SELECT a, b FROM one'),
       etl.add_step('circle', 'back', 'INSERT INTO one SELECT b, a FROM two') \g /dev/null
SELECT is(lineage('one', 'a'), '1 two.b>one.a step circle.back IDENTITY, 2 one.b>two.b step circle.there IDENTITY, '
    '3 two.a>one.b step circle.back IDENTITY, 4 one.a>two.a step circle.there IDENTITY', 'a circle');

-- Partitions: written one by one, read as a whole, and the other way round
CREATE TABLE parts (id int, v int) PARTITION BY RANGE (id);
CREATE TABLE part_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
CREATE TABLE part_2 PARTITION OF parts FOR VALUES FROM (10) TO (20);
CREATE VIEW all_parts AS SELECT v FROM parts;
CREATE VIEW second_part AS SELECT v FROM part_2;
SELECT etl.create_pipeline('parts'), etl.add_step('parts', 'first', 'INSERT INTO part_1 SELECT a, b FROM one'),
       etl.add_step('parts', 'all', 'INSERT INTO parts SELECT b, a FROM one') \g /dev/null
SELECT is(lineage('all_parts', 'v', depth => 3), '1 parts.v>all_parts.v view public.all_parts IDENTITY, '
    '2 one.a>parts.v step parts.all IDENTITY, 2 part_1.v>parts.v partition public.part_1 IDENTITY, '
    '3 two.b>one.a step circle.back IDENTITY, 3 one.b>part_1.v step parts.first IDENTITY',
        'from a partition to its parent');
SELECT is(lineage('second_part', 'v', depth => 3), '1 part_2.v>second_part.v view public.second_part IDENTITY, '
    '2 parts.v>part_2.v partition public.parts IDENTITY, 3 one.a>parts.v step parts.all IDENTITY, '
    '3 part_1.v>parts.v partition public.part_1 IDENTITY', 'from a parent to its partition');

-- Arguments
SELECT throws_ok($$SELECT * FROM etl.lineage(NULL)$$, '22023', 'no relation was given');
SELECT throws_ok($$SELECT * FROM etl.lineage(4000000000::regclass)$$, '42P01',
    'relation with OID 4000000000 does not exist');
SELECT throws_ok($$SELECT * FROM etl.lineage('sale', 'nosuch')$$, '42703',
    'column "nosuch" of table "public.sale" does not exist');
SELECT throws_ok($$SELECT * FROM etl.lineage('sale', 'ctid')$$, '42703');
SELECT throws_ok($$SELECT * FROM etl.lineage('sale', direction => 'sideways')$$, '22023',
    'direction "sideways" is not known');
SELECT throws_ok($$SELECT * FROM etl.lineage('sale', direction => NULL)$$, '22023', 'direction "NULL" is not known');
SELECT throws_ok($$SELECT * FROM etl.lineage('sale', depth => 0)$$, '22023', 'depth must be at least 1, not 0');
SELECT throws_ok($$SELECT * FROM etl._find_lineage('{1}', '{1,2}', '{1}', '{1}', '{t}', 1, 1, true, true, 1)$$,
    '22023');
SELECT throws_ok($$SELECT * FROM etl._find_lineage('{1,NULL}', '{1,2}', '{1,2}', '{1,2}', '{t,t}', 1, 1, true, true,
    1)$$,
    '22023');
SELECT throws_ok($$SELECT * FROM etl._find_lineage('{{1},{1}}', '{1,2}', '{1,2}', '{1,2}', '{t,t}', 1, 1, true, true,
    1)$$,
    '22023');
SELECT is((SELECT count(*) FROM etl._find_lineage('{}', '{}', '{}', '{}', '{}', 1, -5, false, false, -1)), 0::bigint,
    'no edges');

-- Steps ---------------------------------------------------------------------------------------------------------------

SELECT results_eq($$
    SELECT step, statement, command, reads, writes, opaque, error FROM etl.step_lineage
    WHERE pipeline = 'nightly' ORDER BY step, statement$$,
    $$VALUES ('load', 1, 'INSERT', '{public.raw}'::text[], '{public.sale}'::text[], NULL::text[], NULL),
             ('refresh', 1, 'CALL', '{public.sale}', '{public.daily}', NULL, NULL),
             ('report', 0, 'CHECK', '{public.daily}', NULL, NULL, NULL),
             ('report', 1, 'TRUNCATE TABLE', NULL, '{public.report}', NULL, NULL),
             ('report', 2, 'INSERT', '{public.best}', '{public.report}', NULL, NULL)$$, 'etl.step_lineage');
SELECT set_eq($$
    SELECT c FROM etl.step_lineage, jsonb_array_elements(columns) AS c WHERE step = 'report' AND statement = 2$$,
    $$VALUES ('{"target": "public.report", "target_column": "day", "relation": "public.best", "column": "day",
                "type": "DIRECT", "subtype": "IDENTITY"}'::jsonb),
             ('{"target": "public.report", "target_column": "total", "relation": "public.best", "column": "total",
                "type": "DIRECT", "subtype": "TRANSFORMATION"}'),
             ('{"target": "public.report", "target_column": "note"}')$$, 'its columns');
CREATE SCHEMA aside;
CREATE TABLE aside.sale (id int);
SELECT etl.create_pipeline('aside', search_path => 'aside'), etl.add_step('aside', 'go',
    'DELETE FROM sale') \g /dev/null
SELECT is((SELECT writes FROM etl.step_lineage WHERE pipeline = 'aside'), '{aside.sale}',
    'the search path of the pipeline');
DROP TABLE aside.sale;
SELECT is((SELECT error FROM etl.step_lineage WHERE pipeline = 'aside'), 'relation "sale" does not exist', 'an error');
UPDATE etl.step SET params = '{"nosuch": 1}' WHERE name = 'refresh';
SELECT matches((SELECT error FROM etl.step_lineage WHERE step = 'refresh'), 'nosuch',
    'a step that does not fit its kind');
UPDATE etl.step SET params = '{}' WHERE name = 'refresh';

-- The extension's own functions --------------------------------------------------------------------------------------

SELECT etl.expect('clean', 'expect_column_values_to_not_be_null', '{"column": "id"}') \g /dev/null
CREATE FUNCTION call_lineage(sql text, items text DEFAULT 'edge') RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(f.found, ' ' ORDER BY f.found COLLATE "C")
    FROM (SELECT DISTINCT concat(coalesce(l.target::regclass::text, l.target_name) || '.' || coalesce(l.target_column,
        '*'),
                                 '<' || l.relation::regclass || '.' || coalesce(l.column_name, '*'), ':' || l.subtype,
                                     l.note)
                          AS found
          FROM etl._text_lineage(sql, 'public', current_user) AS l WHERE l.item = ANY (string_to_array(items, ',')))
              AS f
$$;
SELECT is(call_lineage(sql), wanted, sql) FROM (VALUES
    ('CALL etl.refresh_rollup(''per_id'')',
     'per_id.*<sale.* per_id.*<sale.id:GROUP_BY per_id.id<sale.id:IDENTITY per_id.n '
     'per_id.top<sale.amount:AGGREGATION'),
    ('CALL etl.refresh_matview(''daily'')',
     'daily.*<sale.* daily.*<sale.at:GROUP_BY daily.day<sale.at:TRANSFORMATION daily.total<sale.amount:AGGREGATION'),
    ('CALL etl.run_retention(''sale'')',
     'sale.*<sale.at:FILTER sale_archive.*<sale.* sale_archive.*<sale.at:FILTER '
     'sale_archive.amount<sale.amount:IDENTITY '
     'sale_archive.at<sale.at:IDENTITY sale_archive.cents<sale.cents:IDENTITY sale_archive.id<sale.id:IDENTITY'),
    ('CALL etl.materialize_features(''spend'')',
     'spend.*<sale.* spend.*<sale.at:FILTER spend.*<sale.id:GROUP_BY spend.id<sale.id:IDENTITY '
     'spend.spent<sale.amount:AGGREGATION spend_history.*<sale.* spend_history.*<sale.at:FILTER '
     'spend_history.*<sale.id:GROUP_BY spend_history.id<sale.id:IDENTITY spend_history.spent<sale.amount:AGGREGATION'),
    ('SELECT * FROM etl.load_deduplicated(''SELECT id, junk AS note FROM public.raw'', ''report'', ''{note}'')',
     'report.*<raw.* report.id<raw.id:IDENTITY report.note<raw.junk:IDENTITY'),
    ('SELECT * FROM etl.load_deduplicated(''public.one'', ''two'', ''{a}'')',
     'two.*<one.* two.a<one.a:IDENTITY two.b<one.b:IDENTITY'),
    ('SELECT etl.create_deduplicated(''public.fresh'', ''SELECT id FROM public.raw WHERE junk IS NULL'', ''{id}'')',
     'public.fresh.*<raw.* public.fresh.*<raw.junk:FILTER public.fresh.id<raw.id:IDENTITY'),
    ('SELECT etl.create_top_n(''public.fresh'', ''SELECT id, at FROM public.raw'', ''{id}'', ''at'', ''at'', 3)',
     'public.fresh.*<raw.* public.fresh.*<raw.at:IDENTITY public.fresh.*<raw.id:IDENTITY'),
    ('SELECT etl.dedupe(''one'', ''{a}'', order_by => ''b'')', 'one.*<one.a:FILTER one.*<one.b:FILTER'),
    ('SELECT etl.dedupe(''one'', ''{a,nosuch}'')', 'one.*<one.a:FILTER'),
    ('SELECT etl.quarantine(''raw'', ''clean'')', 'etl.quarantined_rows.row<raw.*:TRANSFORMATION'),
    ('SELECT etl.release_quarantined(target => ''raw'')', 'raw.*<etl.quarantined_rows.row:TRANSFORMATION'),
    ('SELECT etl.truncate_expired(''sale'', ''at'')', 'sale.*<sale.at:FILTER'),
    ('SELECT etl.restore_archive(''sale'', NULL::timestamptz, NULL)',
     'sale.*<sale_archive.* sale.amount<sale_archive.amount:IDENTITY sale.at<sale_archive.at:IDENTITY '
     'sale.cents<sale_archive.cents:IDENTITY sale.id<sale_archive.id:IDENTITY'),
    ('INSERT INTO two SELECT d.a, d.b FROM etl.deduplicated(''SELECT b, a FROM public.one'', ''{a}'') AS d(b int, a '
        'int)',
     'two.*<one.* two.a<one.a:IDENTITY two.b<one.b:IDENTITY'),
    ('INSERT INTO report (total) SELECT g.rank FROM etl.pagerank(''SELECT a, b FROM public.one'') AS g',
     'report.*<one.* report.total<one.*:FILTER report.total<one.a:TRANSFORMATION report.total<one.b:TRANSFORMATION'),
    ('INSERT INTO report (note) SELECT v.expectation FROM etl.validate(''raw'', ''clean'') AS v',
     'report.*<raw.* report.note<raw.*:FILTER')
) AS t(sql, wanted);
SELECT is(call_lineage('SELECT etl.validate(''raw'', ''clean'')', 'read'), '<raw.*:FILTER', 'etl.validate reads');
SELECT is(call_lineage(sql, 'opaque'), wanted, sql) FROM (VALUES
    ('SELECT etl.dedupe(t, ''{id}'') FROM (VALUES (''raw''::regclass)) AS v(t)', 'etl.dedupe: target is no constant'),
    ('CALL etl.refresh_rollup(''nosuch'')', 'etl.refresh_rollup: nothing is known of name "nosuch"'),
    ('SELECT etl.pagerank(''SELECT nosuch FROM public.one'')',
     'etl.pagerank(pg_catalog.text,double precision,double precision,integer,boolean,pg_catalog.text): '
     'column "nosuch" does not exist'),
    ('SELECT etl.as_of(), etl.version(), etl.days_between(now(), now())', NULL)
) AS t(sql, wanted);
SELECT is(call_lineage('CALL etl.refresh_all()', 'write'), 'per_id.*', 'etl.refresh_all');

-- Roles ---------------------------------------------------------------------------------------------------------------

CREATE ROLE lineage_other;
CREATE ROLE lineage_member;
GRANT CREATE, USAGE ON SCHEMA public TO lineage_other;
GRANT lineage_other TO lineage_member;
SET ROLE lineage_other;
CREATE TABLE own (a int);
CREATE FUNCTION whoami(x int) RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'run as %, session %', current_user, current_setting('is_superuser');
END $$;
CREATE DOMAIN trap AS int CHECK (whoami(VALUE));
CREATE TYPE trapped AS (t trap);
SELECT etl.create_pipeline('others'), etl.add_step('others', 'go', 'INSERT INTO own SELECT id FROM sale'),
       etl.add_step('others', 'trap', 'SELECT ''(1)''::trapped; SET ROLE postgres') \g /dev/null
SELECT is((SELECT string_agg(DISTINCT pipeline, ' ') FROM etl.step_lineage), 'others', 'a role sees its own steps');
SELECT is((SELECT string_agg(DISTINCT via, ' ') FROM etl.lineage('report') WHERE kind = 'step'), NULL,
          'and no edge of others'' steps');
SELECT is((SELECT string_agg(note, ' ') FROM etl._statement_lineage('SELECT 1', 'public', 'postgres')),
          'role "lineage_other" may not act as role "postgres"', 'a forged owner');
RESET ROLE;
SELECT is((SELECT string_agg(DISTINCT via, ' ') FROM etl.lineage('own') WHERE kind = 'step' AND distance = 1),
    'others.go',
          'a superuser sees all');
SELECT matches((SELECT error FROM etl.step_lineage WHERE step = 'trap' AND statement = 1), '^run as lineage_other',
               'and what a literal runs is run as the owner of the step');
SET ROLE lineage_member;
SELECT is((SELECT string_agg(note, ' ') FROM etl._statement_lineage('SELECT nosuch', 'public', 'lineage_other')
           WHERE item = 'error'), 'column "nosuch" does not exist', 'a member may ask for the role');
RESET ROLE;

-- Many ----------------------------------------------------------------------------------------------------------------

SELECT format('CREATE TABLE chain_%s (a int, b int)', n) FROM generate_series(0, 1000) AS n \gexec
SELECT etl.create_pipeline('chain') \g /dev/null
SELECT etl.add_step('chain', 's' || n, format('INSERT INTO chain_%s SELECT a, b + 1 FROM chain_%s WHERE b > 0', n,
    n - 1))
FROM generate_series(1, 1000) AS n \g /dev/null
SELECT is((SELECT max(distance) FROM etl.lineage('chain_1000', 'a')), 1000, 'a thousand steps upstream');
SELECT is((SELECT count(*) FROM etl.lineage('chain_0', 'b', 'downstream') WHERE type = 'DIRECT'), 1999::bigint,
          'and downstream: a value, and through the condition every column behind');
SELECT is((SELECT count(*) FROM etl.step_lineage WHERE pipeline = 'chain' AND error IS NULL), 1000::bigint,
    'all of them');

SELECT * FROM finish();
ROLLBACK;
