-- What statements read and write, column by column: known answers for each shape of a statement, what is opaque, what
-- cannot be analysed, who may ask, and that nothing is run.
BEGIN;
SELECT plan(110);
SET client_min_messages = warning;

CREATE TABLE sale (id int, wallet text, event int, price numeric, unused text, at timestamptz);
CREATE TABLE event (id int, venue int, title text);
CREATE TABLE target (id bigint, wallet text, amount numeric, note text DEFAULT 'none');
CREATE TABLE pair (a int, b int);
CREATE VIEW priced AS SELECT wallet AS who, price * 2 AS twice FROM sale WHERE id > 0;
CREATE VIEW door AS SELECT id AS number, amount FROM target;
CREATE VIEW outer_door AS SELECT number, amount AS sum FROM door;
CREATE MATERIALIZED VIEW daily AS SELECT at::date AS day, sum(price) AS total FROM sale GROUP BY 1;
CREATE TYPE pair_type AS (x int, y int);
CREATE TABLE composite (c pair_type, list int[]);

-- Each edge as 'target.column<source.column:SUBTYPE', sorted; a relation's rows as '*'.
CREATE FUNCTION lineage(sql text, items text DEFAULT 'edge', owner name DEFAULT current_user)
RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(f.found, ' ' ORDER BY f.found COLLATE "C")
    FROM (
        SELECT DISTINCT concat(
            coalesce(l.target::regclass::text, l.target_name) || '.' || coalesce(l.target_column, '*'),
            '<' || l.relation::regclass || '.' || coalesce(l.column_name, '*'), ':' || l.subtype, l.note) AS found
        FROM etl._text_lineage(sql, 'public', owner) AS l
        WHERE l.item = ANY (string_to_array(items, ','))
    ) AS f
$$;
-- Shapes of statements ------------------------------------------------------------------------------------------------

SELECT is(lineage(sql), wanted, left(sql, 70)) FROM (VALUES
    ('INSERT INTO target (id, amount) SELECT id, price FROM sale',
     'target.*<sale.* target.amount<sale.price:IDENTITY target.id<sale.id:TRANSFORMATION'),
    ('INSERT INTO target SELECT event, wallet, sum(price) FILTER (WHERE unused IS NULL) FROM sale WHERE at < '
     'now() GROUP BY event, wallet HAVING min(id) > 1 ORDER BY max(at) LIMIT 3',
     'target.*<sale.* target.*<sale.at:FILTER target.*<sale.at:SORT target.*<sale.event:GROUP_BY '
     'target.*<sale.id:FILTER target.*<sale.wallet:GROUP_BY target.amount<sale.price:AGGREGATION '
     'target.amount<sale.unused:FILTER target.id<sale.event:TRANSFORMATION target.wallet<sale.wallet:IDENTITY'),
    ('INSERT INTO target (id, note) VALUES (1, ''x''), (2, ''y'')',
     'target.id target.note'),
    ('INSERT INTO target (id) SELECT v.n FROM (VALUES (1), (2)) AS v(n)',
     'target.id'),
    ('INSERT INTO target AS t (id, wallet, amount) SELECT id, wallet, price FROM sale ON CONFLICT (id) DO '
     'UPDATE SET amount = t.amount + excluded.amount, note = ''again'' WHERE excluded.wallet <> t.wallet',
     'target.*<sale.* target.*<sale.wallet:FILTER target.*<target.wallet:FILTER '
     'target.amount<sale.price:IDENTITY target.amount<sale.price:TRANSFORMATION '
     'target.amount<target.amount:TRANSFORMATION target.id<sale.id:TRANSFORMATION target.note '
     'target.wallet<sale.wallet:IDENTITY'),
    ('UPDATE target SET amount = s.price, wallet = upper(s.wallet) FROM sale AS s WHERE s.id = target.id',
     'target.*<sale.* target.*<sale.id:FILTER target.*<target.id:FILTER target.amount<sale.price:IDENTITY '
     'target.wallet<sale.wallet:TRANSFORMATION'),
    ('UPDATE target SET (amount, wallet) = (SELECT s.price, s.wallet FROM sale AS s WHERE s.id = target.id)',
     'target.amount<sale.*:FILTER target.amount<sale.id:FILTER target.amount<sale.price:IDENTITY '
     'target.amount<target.id:FILTER target.wallet<sale.*:FILTER target.wallet<sale.id:FILTER '
     'target.wallet<sale.wallet:IDENTITY target.wallet<target.id:FILTER'),
    ('UPDATE target SET amount = DEFAULT, note = ''x''',
     'target.amount target.note'),
    ('UPDATE composite SET c.x = p.a, list[1] = p.b FROM pair AS p',
     'composite.*<pair.* composite.c<composite.c:TRANSFORMATION composite.c<pair.a:TRANSFORMATION '
     'composite.list<composite.list:TRANSFORMATION composite.list<pair.b:TRANSFORMATION'),
    ('DELETE FROM target USING sale AS s WHERE s.id = target.id AND s.event = 7',
     'target.*<sale.* target.*<sale.event:FILTER target.*<sale.id:FILTER target.*<target.id:FILTER'),
    ('DELETE FROM target WHERE id IN (SELECT event FROM sale)',
     'target.*<sale.*:FILTER target.*<sale.event:FILTER target.*<target.id:FILTER'),
    ('MERGE INTO target AS t USING (SELECT id, price FROM sale WHERE event = 1) AS s ON s.id = t.id WHEN '
     'MATCHED AND s.price < 0 THEN DELETE WHEN MATCHED THEN UPDATE SET amount = t.amount + s.price WHEN NOT '
     'MATCHED THEN INSERT (id, amount) VALUES (s.id, s.price)',
     'target.*<sale.* target.*<sale.event:FILTER target.*<sale.id:JOIN target.*<sale.price:FILTER '
     'target.*<target.id:JOIN target.amount<sale.price:IDENTITY target.amount<sale.price:TRANSFORMATION '
     'target.amount<target.amount:TRANSFORMATION target.id<sale.id:TRANSFORMATION'),
    ('WITH gone AS (DELETE FROM sale WHERE event = 1 RETURNING id, price + 1 AS more) INSERT INTO target (id, '
     'amount) SELECT id, more FROM gone',
     'sale.*<sale.event:FILTER target.*<sale.* target.*<sale.event:FILTER '
     'target.amount<sale.price:TRANSFORMATION target.id<sale.id:TRANSFORMATION'),
    ('WITH put AS (INSERT INTO pair SELECT id, event FROM sale RETURNING a) UPDATE target SET id = put.a FROM '
     'put',
     'pair.*<sale.* pair.a<sale.id:IDENTITY pair.b<sale.event:IDENTITY target.*<pair.* target.*<sale.* '
     'target.id<pair.a:TRANSFORMATION'),
    ('WITH w AS (SELECT wallet, max(price) AS top FROM sale GROUP BY wallet), x AS (SELECT w.wallet, w.top '
     'FROM w) INSERT INTO target (wallet, amount) SELECT * FROM x',
     'target.*<sale.* target.*<sale.wallet:GROUP_BY target.amount<sale.price:AGGREGATION '
     'target.wallet<sale.wallet:IDENTITY'),
    ('WITH RECURSIVE r AS (SELECT id, venue AS v FROM event UNION ALL SELECT r.id, r.v + s.id FROM r JOIN '
     'sale AS s ON s.event = r.id) INSERT INTO pair SELECT id, v FROM r',
     'pair.*<event.* pair.*<event.id:JOIN pair.*<sale.* pair.*<sale.event:JOIN pair.a<event.id:IDENTITY '
     'pair.b<event.venue:IDENTITY pair.b<event.venue:TRANSFORMATION pair.b<sale.id:TRANSFORMATION'),
    ('INSERT INTO pair SELECT id, event FROM sale UNION SELECT venue, id FROM event',
     'pair.*<event.* pair.*<event.id:GROUP_BY pair.*<event.venue:GROUP_BY pair.*<sale.* '
     'pair.*<sale.event:GROUP_BY pair.*<sale.id:GROUP_BY pair.a<event.venue:IDENTITY pair.a<sale.id:IDENTITY '
     'pair.b<event.id:IDENTITY pair.b<sale.event:IDENTITY'),
    ('INSERT INTO pair SELECT id, event FROM sale EXCEPT (SELECT venue, id FROM event UNION ALL SELECT b, a FROM pair)',
     'pair.*<event.* pair.*<event.id:GROUP_BY pair.*<event.venue:GROUP_BY pair.*<pair.* pair.*<pair.a:GROUP_BY '
     'pair.*<pair.b:GROUP_BY pair.*<sale.* pair.*<sale.event:GROUP_BY pair.*<sale.id:GROUP_BY '
     'pair.a<event.venue:FILTER pair.a<pair.b:FILTER pair.a<sale.id:IDENTITY pair.b<event.id:FILTER '
     'pair.b<pair.a:FILTER pair.b<sale.event:IDENTITY'),
    ('INSERT INTO pair SELECT id, event FROM sale UNION ALL SELECT venue, id FROM event ORDER BY 1',
     'pair.*<event.* pair.*<event.venue:SORT pair.*<sale.* pair.*<sale.id:SORT pair.a<event.venue:IDENTITY '
     'pair.a<sale.id:IDENTITY pair.b<event.id:IDENTITY pair.b<sale.event:IDENTITY'),
    ('INSERT INTO pair SELECT id, event FROM sale INTERSECT SELECT venue, id FROM event',
     'pair.*<event.* pair.*<event.id:GROUP_BY pair.*<event.venue:GROUP_BY pair.*<sale.* '
     'pair.*<sale.event:GROUP_BY pair.*<sale.id:GROUP_BY pair.a<event.venue:IDENTITY pair.a<sale.id:IDENTITY '
     'pair.b<event.id:IDENTITY pair.b<sale.event:IDENTITY'),
    ('INSERT INTO target (id, note) SELECT id, title FROM event JOIN sale USING (id)',
     'target.*<event.* target.*<event.id:JOIN target.*<sale.* target.*<sale.id:JOIN '
     'target.id<event.id:TRANSFORMATION target.note<event.title:IDENTITY'),
    ('INSERT INTO target (id) SELECT id FROM event FULL JOIN sale USING (id)',
     'target.*<event.* target.*<event.id:JOIN target.*<sale.* target.*<sale.id:JOIN '
     'target.id<event.id:CONDITIONAL target.id<event.id:TRANSFORMATION target.id<sale.id:TRANSFORMATION'),
    ('INSERT INTO target (wallet, amount) SELECT s.wallet, sum(s.price) OVER (PARTITION BY s.event ORDER BY '
     's.at) FROM sale AS s',
     'target.*<sale.* target.amount<sale.at:WINDOW target.amount<sale.event:WINDOW '
     'target.amount<sale.price:AGGREGATION target.wallet<sale.wallet:IDENTITY'),
    ('INSERT INTO target (note, amount) SELECT CASE WHEN s.event = 1 THEN s.wallet ELSE s.unused END, '
     'coalesce(s.price, s.id) FROM sale AS s',
     'target.*<sale.* target.amount<sale.id:TRANSFORMATION target.amount<sale.price:CONDITIONAL '
     'target.amount<sale.price:TRANSFORMATION target.note<sale.event:CONDITIONAL '
     'target.note<sale.unused:TRANSFORMATION target.note<sale.wallet:TRANSFORMATION'),
    ('INSERT INTO target (note) SELECT nullif(s.wallet, s.unused) FROM sale AS s',
     'target.*<sale.* target.note<sale.unused:CONDITIONAL target.note<sale.wallet:TRANSFORMATION'),
    ('INSERT INTO target (id) SELECT e.id FROM event AS e WHERE EXISTS (SELECT FROM sale AS s WHERE s.event = '
     'e.id AND s.price > 3)',
     'target.*<event.* target.*<event.id:FILTER target.*<sale.*:FILTER target.*<sale.event:FILTER '
     'target.*<sale.price:FILTER target.id<event.id:TRANSFORMATION'),
    ('INSERT INTO target (amount) SELECT (SELECT max(s.price) FROM sale AS s WHERE s.event = e.id) FROM event '
     'AS e',
     'target.*<event.* target.amount<event.id:FILTER target.amount<sale.*:FILTER '
     'target.amount<sale.event:FILTER target.amount<sale.price:AGGREGATION'),
    ('INSERT INTO target (id) SELECT l.x FROM event AS e CROSS JOIN LATERAL (SELECT s.id + e.venue AS x FROM '
     'sale AS s) AS l',
     'target.*<event.* target.*<sale.* target.id<event.venue:TRANSFORMATION target.id<sale.id:TRANSFORMATION'),
    ('INSERT INTO target (amount) SELECT twice FROM priced WHERE who <> ''''',
     'target.*<priced.* target.*<priced.who:FILTER target.amount<priced.twice:IDENTITY'),
    ('INSERT INTO target (id) SELECT count(*) FROM sale',
     'target.*<sale.* target.id'),
    ('INSERT INTO target (id) SELECT DISTINCT ON (s.event) s.id FROM sale AS s ORDER BY s.event, s.at DESC',
     'target.*<sale.* target.*<sale.at:SORT target.*<sale.event:GROUP_BY target.*<sale.event:SORT '
     'target.id<sale.id:TRANSFORMATION'),
    ('INSERT INTO target (note) SELECT (s).wallet FROM sale AS s',
     'target.*<sale.* target.note<sale.wallet:IDENTITY'),
    ('INSERT INTO target (note) SELECT to_json(s) FROM (SELECT id, wallet FROM sale) AS s',
     'target.*<sale.* target.note<sale.id:TRANSFORMATION target.note<sale.wallet:TRANSFORMATION'),
    ('INSERT INTO target (note) SELECT string_agg(s.wallet, '','' ORDER BY s.at) FROM sale AS s',
     'target.*<sale.* target.note<sale.at:SORT target.note<sale.wallet:AGGREGATION'),
    ('INSERT INTO target (id) SELECT g FROM sale AS s, generate_series(1, s.event) AS g',
     'target.*<sale.* target.*<sale.event:JOIN target.id<sale.event:TRANSFORMATION'),
    ('INSERT INTO outer_door SELECT id, price FROM sale',
     'door.amount<outer_door.sum:IDENTITY door.number<outer_door.number:IDENTITY outer_door.*<sale.* '
     'outer_door.number<sale.id:TRANSFORMATION outer_door.sum<sale.price:IDENTITY '
     'target.amount<door.amount:IDENTITY target.id<door.number:IDENTITY'),
    ('CREATE TABLE made AS SELECT id, price * 2 AS twice FROM sale WHERE event = 1',
     'public.made.*<sale.* public.made.*<sale.event:FILTER public.made.id<sale.id:IDENTITY '
     'public.made.twice<sale.price:TRANSFORMATION'),
    ('CREATE TABLE made (k, v) AS SELECT id, price FROM sale',
     'public.made.*<sale.* public.made.k<sale.id:IDENTITY public.made.v<sale.price:IDENTITY'),
    ('CREATE TABLE IF NOT EXISTS target AS SELECT id FROM sale',
     'target.*<sale.* target.id<sale.id:IDENTITY'),
    ('SELECT id, wallet INTO TEMP made FROM sale',
     'pg_temp.made.*<sale.* pg_temp.made.id<sale.id:IDENTITY pg_temp.made.wallet<sale.wallet:IDENTITY'),
    ('REFRESH MATERIALIZED VIEW daily',
     'daily.*<sale.* daily.*<sale.at:GROUP_BY daily.day<sale.at:TRANSFORMATION '
     'daily.total<sale.price:AGGREGATION'),
    ('CREATE MATERIALIZED VIEW made AS SELECT count(*) AS n FROM sale',
     'public.made.*<sale.* public.made.n'),
    ('COPY (SELECT id FROM sale) TO ''/tmp/x''',
     NULL),
    ('COPY target (id, note) FROM STDIN',
     'target.id target.note'),
    ('EXPLAIN INSERT INTO target (id) SELECT id FROM sale',
     NULL),
    ('EXPLAIN ANALYZE INSERT INTO target (id) SELECT id FROM sale',
     'target.*<sale.* target.id<sale.id:TRANSFORMATION')
) AS t(sql, wanted);

-- Shapes that not every version of PostgreSQL has; an older one does not parse them.
SELECT CASE WHEN current_setting('server_version_num')::int >= since THEN is(lineage(sql), wanted, left(sql, 70))
            ELSE ok(lineage(sql, 'error') IS NOT NULL, left(sql, 70)) END
FROM (VALUES
    (170000, 'INSERT INTO pair SELECT s.id, j.b FROM sale AS s, JSON_TABLE(s.wallet::jsonb, ''$[*]'' PASSING s.event '
     'AS e COLUMNS (b int PATH ''$.b'')) AS j',
     'pair.*<sale.* pair.*<sale.event:JOIN pair.*<sale.wallet:JOIN pair.a<sale.id:IDENTITY '
     'pair.b<sale.event:TRANSFORMATION pair.b<sale.wallet:TRANSFORMATION'),
    (170000, 'INSERT INTO target (id) SELECT JSON_VALUE(s.wallet::jsonb, ''$.a'' PASSING s.event AS e RETURNING int) '
     'FROM sale AS s WHERE JSON_EXISTS(s.unused::jsonb, ''$.c'')',
     'target.*<sale.* target.*<sale.unused:FILTER target.id<sale.event:TRANSFORMATION '
     'target.id<sale.wallet:TRANSFORMATION'),
    (170000, 'MERGE INTO pair AS p USING sale AS s ON s.id = p.a WHEN MATCHED THEN UPDATE SET b = s.event WHEN NOT '
     'MATCHED BY SOURCE AND p.b > 0 THEN DELETE',
     'pair.*<pair.a:JOIN pair.*<pair.b:FILTER pair.*<sale.* pair.*<sale.id:JOIN pair.b<sale.event:IDENTITY'),
    (170000, 'WITH m AS (MERGE INTO pair AS p USING sale AS s ON s.id = p.a WHEN MATCHED THEN UPDATE SET b = s.event '
     'RETURNING merge_action() AS did, p.b, s.price) INSERT INTO target (note, id, amount) SELECT did, b, price FROM m',
     'pair.*<pair.a:JOIN pair.*<sale.* pair.*<sale.id:JOIN pair.b<sale.event:IDENTITY target.*<pair.* '
     'target.*<pair.a:JOIN target.*<sale.* target.*<sale.id:JOIN target.amount<sale.price:IDENTITY '
     'target.id<pair.b:TRANSFORMATION target.note'),
    (180000, 'WITH u AS (UPDATE pair SET a = 3 FROM sale AS s WHERE s.id = pair.a RETURNING old.a AS before, '
     'new.b AS after, s.price) INSERT INTO target (id, amount) SELECT before + after, price FROM u',
     'pair.*<pair.a:FILTER pair.*<sale.* pair.*<sale.id:FILTER pair.a target.*<pair.* target.*<pair.a:FILTER '
     'target.*<sale.* target.*<sale.id:FILTER target.amount<sale.price:IDENTITY target.id<pair.a:TRANSFORMATION '
     'target.id<pair.b:TRANSFORMATION'),
    (180000, 'WITH d AS (DELETE FROM pair RETURNING old AS gone) INSERT INTO target (note) SELECT gone::text FROM d',
     'target.*<pair.* target.note<pair.a:TRANSFORMATION target.note<pair.b:TRANSFORMATION')
) AS t(since, sql, wanted);

SELECT is(lineage('SELECT s.id, max(s.price) FROM sale AS s WHERE s.event = 1 GROUP BY s.id', 'read'),
          '<sale.* <sale.event:FILTER <sale.id:GROUP_BY <sale.id:IDENTITY <sale.price:AGGREGATION',
          'what a SELECT reads');
SELECT is(lineage('COPY (SELECT id FROM sale) TO ''/tmp/x''', 'read,opaque'),
          '<sale.* <sale.id:IDENTITY to file /tmp/x', 'what a COPY reads, and where it goes');
SELECT is(lineage('COPY sale (id, wallet) TO STDOUT', 'read'),
          '<sale.* <sale.id:IDENTITY <sale.wallet:IDENTITY', 'columns that a COPY reads');
SELECT is(lineage(sql, 'write'), wanted, sql) FROM (VALUES
    ('TRUNCATE sale, event', 'event.* sale.*'),
    ('DROP TABLE IF EXISTS sale, nosuch', 'sale.*'),
    ('DELETE FROM sale', 'sale.*'),
    ('INSERT INTO outer_door VALUES (1)', 'door.* outer_door.* target.*'),
    ('WITH a AS (DELETE FROM event), b AS (UPDATE pair SET a = 1) SELECT 1', 'event.* pair.*'),
    ('VACUUM sale', NULL),
    ('SELECT 1', NULL)
) AS t(sql, wanted);
SELECT results_eq($$
    SELECT statement, command, item
    FROM etl._text_lineage('SELECT 1; ANALYZE sale;; LISTEN x', 'public', current_user)$$,
    $$VALUES (1, 'SELECT', 'statement'), (2, 'ANALYZE', 'statement'), (3, 'LISTEN', 'statement')$$,
    'statements without any lineage are there');
SELECT is((SELECT count(*) FROM etl._text_lineage(text, 'public', current_user)), 0::bigint, 'an empty text')
FROM (VALUES (''), (' -- nothing'), (';')) AS t(text);

-- Functions -----------------------------------------------------------------------------------------------------------

CREATE FUNCTION top_price(event int) RETURNS numeric LANGUAGE sql STABLE AS $$
    SELECT max(price) FROM sale AS s WHERE s.event = top_price.event $$;
CREATE FUNCTION sold(event int) RETURNS TABLE (who text, paid numeric) LANGUAGE sql STABLE
BEGIN ATOMIC SELECT s.wallet, s.price FROM sale AS s WHERE s.event = sold.event; END;
CREATE FUNCTION load_all() RETURNS bigint LANGUAGE sql AS $$
    TRUNCATE pair;
    WITH put AS (INSERT INTO target (id, amount) SELECT id, price FROM sale RETURNING 1) SELECT count(*) FROM put $$;
CREATE FUNCTION around() RETURNS bigint LANGUAGE sql AS 'SELECT load_all()';
CREATE PROCEDURE load_it(n int) LANGUAGE sql AS 'INSERT INTO pair SELECT id, n FROM sale';
CREATE SCHEMA elsewhere;
CREATE TABLE elsewhere.sale (id int, price int);
CREATE FUNCTION elsewhere_load() RETURNS void LANGUAGE sql SET search_path = elsewhere, public
    AS 'INSERT INTO pair SELECT id, price FROM sale';
CREATE FUNCTION hidden(int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';
CREATE FUNCTION pure(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN 1; END';
CREATE FUNCTION broken() RETURNS int LANGUAGE sql AS 'SELECT a FROM pair';
CREATE FUNCTION same(int) RETURNS int LANGUAGE sql AS 'SELECT $1';
CREATE OR REPLACE FUNCTION same(int) RETURNS int LANGUAGE sql
    AS 'SELECT CASE WHEN $1 > 0 THEN same($1 - 1) ELSE 0 END';
CREATE OPERATOR ### (FUNCTION = hidden, RIGHTARG = int);
ALTER TABLE pair RENAME TO renamed;
SELECT is(lineage('SELECT broken()', 'opaque'), 'public.broken(): relation "pair" does not exist',
          'a function in SQL that cannot be analysed');
ALTER TABLE renamed RENAME TO pair;
SELECT is(lineage(sql), wanted, sql) FROM (VALUES
    ('INSERT INTO target (amount) SELECT top_price(e.venue) FROM event AS e',
     'target.*<event.* target.amount<event.venue:TRANSFORMATION target.amount<sale.*:FILTER '
     'target.amount<sale.event:FILTER target.amount<sale.price:AGGREGATION'),
    ('INSERT INTO target (wallet, amount) SELECT who, paid FROM event AS e, sold(e.id)',
     'target.*<event.* target.*<event.id:JOIN target.*<sale.* target.*<sale.event:FILTER '
     'target.amount<event.id:TRANSFORMATION target.amount<sale.price:IDENTITY target.wallet<event.id:TRANSFORMATION '
     'target.wallet<sale.wallet:IDENTITY'),
    ('SELECT load_all()', 'target.*<sale.* target.amount<sale.price:IDENTITY target.id<sale.id:TRANSFORMATION'),
    ('SELECT around()', 'target.*<sale.* target.amount<sale.price:IDENTITY target.id<sale.id:TRANSFORMATION'),
    ('CALL load_it(3)', 'pair.*<sale.* pair.a<sale.id:IDENTITY pair.b'),
    ('SELECT elsewhere_load()',
     'pair.*<elsewhere.sale.* pair.a<elsewhere.sale.id:IDENTITY pair.b<elsewhere.sale.price:IDENTITY'),
    ('INSERT INTO pair (a) SELECT same(id) FROM sale', 'pair.*<sale.* pair.a<sale.id:TRANSFORMATION')
) AS t(sql, wanted);
SELECT is(lineage('SELECT load_all()', 'write'), 'pair.* target.*', 'what a function in SQL writes');

CREATE FUNCTION on_sale() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER audit AFTER INSERT ON sale FOR EACH ROW EXECUTE FUNCTION on_sale();
CREATE TRIGGER silent AFTER INSERT ON sale FOR EACH ROW EXECUTE FUNCTION on_sale();
ALTER TABLE sale DISABLE TRIGGER silent;
CREATE RULE note AS ON DELETE TO event DO ALSO INSERT INTO pair VALUES (1, 2);
SELECT is(lineage(sql, 'opaque'), wanted, sql) FROM (VALUES
    ('SELECT hidden(id), hidden(event) FROM sale', 'public.hidden(integer)'),
    ('SELECT ### id FROM sale', 'public.hidden(integer)'),
    ('SELECT pure(id), lower(wallet), now(), random() FROM sale', NULL),
    ('SELECT * FROM sale WHERE id = (SELECT hidden(1))', 'public.hidden(integer)'),
    ('DO ''BEGIN END''', 'DO'),
    ('PREPARE p AS SELECT 1; EXECUTE p', 'EXECUTE'),
    ('COPY sale FROM PROGRAM ''cat x''', 'from program cat x trigger audit of public.sale'),
    ('SELECT query_to_xml(''SELECT 1'', true, false, '''')',
     'pg_catalog.query_to_xml(pg_catalog.text,boolean,boolean,pg_catalog.text)'),
    ('INSERT INTO sale (id) VALUES (1)', 'trigger audit of public.sale'),
    ('UPDATE sale SET id = 1', NULL),
    ('DELETE FROM event', 'rule note of public.event')
) AS t(sql, wanted);

-- Errors --------------------------------------------------------------------------------------------------------------

SELECT results_eq($$
    SELECT statement, item, note FROM etl._text_lineage(
        'SELECT nosuch FROM sale; TRUNCATE pair; INSERT INTO nosuch SELECT 1; SELECT $1', 'public', current_user)
    WHERE item <> 'statement'$$,
    $$VALUES (1, 'error', 'column "nosuch" does not exist'), (2, 'write', NULL),
             (3, 'error', 'relation "nosuch" does not exist'), (4, 'error', 'there is no parameter $1')$$,
    'an error of one statement does not stop the others');
SELECT is(lineage(sql, 'error', owner), wanted, why) FROM (VALUES
    ('SELECT 1; SELEKT 2', current_user, 'syntax error at or near "SELEKT"', 'no SQL'),
    ('SELECT 1', 'nobody at all', 'role "nobody at all" does not exist', 'a role that is gone')
) AS t(sql, owner, wanted, why);
SELECT is((SELECT string_agg(note, ' ') FROM etl._statement_lineage('SELECT 1', '"open', current_user)),
          'invalid value for parameter "search_path": ""open"', 'no search path');
SELECT throws_ok($$
    SELECT * FROM etl._statement_lineage('SELECT 1', 'public', current_user, '{{1,2},{3,4}}')$$, '22023');
SELECT throws_ok($$SELECT * FROM etl._statement_lineage('SELECT 1', 'public', current_user, '{NULL}')$$, '22023');
SELECT throws_ok($$
    SELECT * FROM etl._statement_lineage('SELECT $1 + 1', 'public', current_user, '{987654321}')$$, 'XX000');
SELECT is((SELECT count(*) FROM etl._statement_lineage(NULL, 'public', current_user)), 0::bigint, 'NULL');
SELECT is((SELECT count(*) FROM etl._view_lineage(v)), 0::bigint, 'no view') FROM (VALUES (0::oid), (1), (4294967295),
    ('sale'::regclass), ('pg_class'::regclass)) AS t(v);
SELECT is((SELECT string_agg(concat_ws(' ', column_name, relation::regclass, source_column, subtype), ', '
                             ORDER BY column_name, source_column, subtype) FROM etl._view_lineage('priced'::regclass)),
          'twice sale price TRANSFORMATION, who sale wallet IDENTITY, sale id FILTER, sale', 'a view');

-- What triggers of a view write is not seen.
CREATE FUNCTION instead() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE VIEW other_door AS SELECT id FROM target;
CREATE TRIGGER instead INSTEAD OF INSERT ON other_door FOR EACH ROW EXECUTE FUNCTION instead();
SELECT is(lineage('INSERT INTO other_door VALUES (1)', 'write,opaque'),
          'other_door.* trigger instead of public.other_door', 'a trigger instead of an insert');
SELECT is(lineage('DELETE FROM door WHERE number = 1'), 'door.*<door.number:FILTER', 'rows deleted through a view');

-- Nothing is run, nothing stays ---------------------------------------------------------------------------------------

CREATE SEQUENCE counter;
CREATE FUNCTION seen(x int) RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO pair VALUES (x, x);
    PERFORM set_config('application_name', 'hacked', false);
    RETURN true;
END $$;
CREATE DOMAIN spying AS int CHECK (seen(VALUE));
CREATE TYPE holding AS (s spying);
SELECT lineage('SELECT nextval(''counter''); INSERT INTO pair VALUES (1, 2); SELECT ''(1)''::holding, 5::spying;
    CREATE TABLE made AS SELECT 1; DROP TABLE pair; SET application_name = ''hacked''; SELECT 1 / 0') \g /dev/null
SELECT is(concat_ws(' ', (SELECT count(*) FROM pair), (SELECT is_called FROM counter), to_regclass('made') IS NULL),
          '0 f t', 'nothing is done');
SELECT isnt(current_setting('application_name'), 'hacked', 'settings are as before, also those of a domain''s check');
SELECT is(current_setting('search_path'), '"$user", public', 'and the search path');
SELECT lineage('INSERT INTO composite SELECT; SELECT * FROM composite') \g /dev/null
SELECT is((SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND relation = 'composite'::regclass
           AND mode <> 'AccessExclusiveLock'), 0::bigint, 'no lock stays');

-- Large ---------------------------------------------------------------------------------------------------------------

SELECT is((SELECT count(*) FROM etl._text_lineage(
               format('INSERT INTO pair %s', (
                   SELECT string_agg(format('SELECT id + %s, event FROM sale', n), ' UNION ALL ')
                   FROM generate_series(1, 2000) AS n)),
               'public', current_user) WHERE item = 'edge'), 3::bigint, 'two thousand branches');
SELECT is(lineage(format('INSERT INTO pair WITH c0 AS (SELECT id AS a, event AS b FROM sale) %s SELECT a, b FROM c60',
              (SELECT string_agg(format(', c%s AS (SELECT x.a + y.b AS a, x.b + y.a AS b FROM c%s AS x, c%2$s AS y)',
                                        n, n - 1), '' ORDER BY n)
               FROM generate_series(1, 60) AS n))),
          'pair.*<sale.* pair.a<sale.event:TRANSFORMATION pair.a<sale.id:TRANSFORMATION '
          'pair.b<sale.event:TRANSFORMATION pair.b<sale.id:TRANSFORMATION', 'two to the sixtieth ways');
SELECT matches(lineage('SELECT 1' || repeat(' + 1', 100000), 'error'), 'stack depth',
               'a statement that is too deep');
SELECT is((SELECT count(*) FROM etl._text_lineage(repeat('SELECT 1;', 3000), 'public', current_user)
           WHERE item = 'statement'), 3000::bigint, 'three thousand statements');

SELECT * FROM finish();
ROLLBACK;
