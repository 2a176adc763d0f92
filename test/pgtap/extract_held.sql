-- Extracts into tables with legal holds, and into immutable ones: what is held stays as it is, and is counted. No
-- transaction around the file, because etl.run_extract commits. The API is that of test/api.
\getenv api PG_ETL_API
CREATE EXTENSION dblink;
SELECT plan(24);
SET client_min_messages = error;
SET timezone = 'UTC';
SELECT format('ALTER DATABASE %I SET pg_etl.allowed_hosts = ''127.0.0.1''', current_database()) \gexec
SET pg_etl.allowed_hosts = '127.0.0.1';
SELECT format('CREATE SERVER api FOREIGN DATA WRAPPER etl_http OPTIONS (base_url %L, attempts ''1'')',
              :'api' || '/held_' || pg_backend_pid()) \gexec

CREATE FUNCTION pg_temp.put(records jsonb) RETURNS int LANGUAGE sql AS $$
    SELECT h.status FROM etl.http_post('api', '/_put/sales', body => records) AS h
$$;
-- A run by another session: its SQLSTATE and message, NULL where it succeeds.
CREATE FUNCTION pg_temp.run(name text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM dblink_exec(format('dbname=%s host=%s', current_database(), current_setting('unix_socket_directories')),
                        format('CALL etl.run_extract(%L)', name));
    RETURN NULL;
EXCEPTION
    WHEN OTHERS THEN
        RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
-- What the last run did, as far as it is not nothing.
CREATE FUNCTION pg_temp.counts(name text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s %s', c, r.detail ->> c), ', ' ORDER BY n)
    FROM (SELECT u.detail FROM etl.runs AS u WHERE u.name = counts.name ORDER BY u.run_id DESC LIMIT 1) AS r,
         unnest('{received,inserted,updated,unchanged,ignored,deleted,dead}'::text[]) WITH ORDINALITY AS u(c, n)
    WHERE r.detail ->> c <> '0'
$$;

-- From an API --------------------------------------------------------------------------------------------------------

CREATE TABLE sale (sale_id bigint PRIMARY KEY, price numeric);
SELECT etl.create_extract('sales', 'api', '/sales', 'sale', key_columns => '{sale_id}',
    query => '{"n": 10}') \g /dev/null
SELECT is(pg_temp.run('sales'), NULL, 'rows are loaded');
SELECT etl.add_legal_hold('of 3', 'sale', 'sale_id = 3', 'a case') \g /dev/null
CREATE TABLE before AS TABLE sale;
SELECT pg_temp.put('[{"sale_id": 3, "price": 1000}, {"sale_id": 4, "price": 1000}]') \g /dev/null
SELECT is(pg_temp.run('sales'), NULL, 'an upsert of a row that is held');
SELECT is(pg_temp.counts('sales'), 'received 10, updated 1, unchanged 8, ignored 1', 'ignores it, and counts it');
SELECT results_eq('SELECT * FROM sale EXCEPT TABLE before', 'VALUES (4::bigint, 1000::numeric)',
    'the others are changed');
SELECT etl.alter_extract('sales', write_mode => 'append') \g /dev/null
SELECT is(pg_temp.run('sales'), NULL, 'so it is in an append');
SELECT is(pg_temp.counts('sales'), 'received 10, unchanged 10', 'which changes no row at all');
SELECT is(sale.price, b.price, 'the row that is held') FROM sale JOIN before AS b USING (sale_id) WHERE sale_id = 3;

CREATE TABLE kept AS TABLE sale;
SELECT etl.alter_extract('sales', write_mode => 'replace', query => '{"n": 5}') \g /dev/null
SELECT is(pg_temp.run('sales'), '55000 extract "sales" failed: rows of table "public.sale" are under a legal hold '
          'and cannot be replaced', 'replace refuses');
SELECT set_eq('TABLE sale', 'TABLE kept', 'and replaces nothing');
SELECT is(pg_temp.run('sales'), '55000 extract "sales" failed: rows of table "public.sale" are under a legal hold '
          'and cannot be replaced', 'again and again');
SELECT etl.release_legal_hold('of 3', 'closed') \g /dev/null
SELECT is(pg_temp.run('sales'), NULL, 'until it is released');
SELECT is(count(*), 5::bigint, 'then the rows that waited are put in place') FROM sale;
SELECT etl.add_legal_hold('of 2', 'sale', 'sale_id = 2', 'a case') \g /dev/null
SELECT etl.alter_extract('sales', write_mode => 'delete_insert') \g /dev/null
SELECT matches(pg_temp.run('sales'), '^55000 ', 'delete_insert refuses as well');

-- From a table -------------------------------------------------------------------------------------------------------

CREATE TABLE source (id int PRIMARY KEY, price numeric);
INSERT INTO source SELECT n, n FROM generate_series(1, 5) AS n;
CREATE TABLE copied (LIKE source INCLUDING ALL);
SELECT etl.create_table_extract('copy', 'source', 'copied', method => 'xmin', deletes => true) \g /dev/null
\i test/older_transactions.sql
SELECT is(pg_temp.run('copy'), NULL, 'a table is copied');
SELECT etl.add_legal_hold('of 1 and 2', 'copied', 'id < 3', 'a case') \g /dev/null
UPDATE source SET price = 10 WHERE id IN (1, 3);
DELETE FROM source WHERE id IN (2, 4);
SELECT is(pg_temp.run('copy'), NULL, 'and again');
SELECT is(pg_temp.counts('copy'), 'received 2, updated 1, ignored 1, deleted 1', 'a row that is held is ignored');
SELECT set_eq('TABLE copied', 'VALUES (1, 1::numeric), (2, 2), (3, 10), (5, 5)',
              'what is held is neither changed nor deleted');
SELECT etl.release_legal_hold('of 1 and 2', 'closed') \g /dev/null

-- Immutable tables ---------------------------------------------------------------------------------------------------

CREATE TABLE ledger (sale_id bigint PRIMARY KEY, price numeric);
SELECT etl.create_extract('ledger', 'api', '/sales', 'ledger', key_columns => '{sale_id}', write_mode => 'append',
                          query => '{"n": 5}') \g /dev/null
SELECT etl.set_immutable('ledger') \g /dev/null
SELECT is(pg_temp.run('ledger'), NULL, 'an append into an immutable table');
SELECT etl.alter_extract('ledger', query => '{"n": 8}') \g /dev/null
SELECT is(pg_temp.run('ledger'), NULL, 'that is gone on with');
SELECT is(pg_temp.counts('ledger'), 'received 8, inserted 3, unchanged 5', 'adds what is new');
CREATE TABLE ledger_before AS TABLE ledger;
SELECT pg_temp.put('[{"sale_id": 2, "price": 5000}]') \g /dev/null
SELECT etl.alter_extract('ledger', write_mode => 'upsert') \g /dev/null
SELECT matches(pg_temp.run('ledger'), '^55000 .*ledger', 'an upsert that would change a row fails');
SELECT etl.reset_cursor('ledger') \g /dev/null
SELECT etl.alter_extract('ledger', write_mode => 'replace') \g /dev/null
SELECT matches(pg_temp.run('ledger'), '^55000 .*ledger', 'replace fails');
SELECT set_eq('TABLE ledger', 'TABLE ledger_before', 'and nothing is changed');
SELECT is_empty('SELECT * FROM etl.dead_letters', 'no record is dead for it');

SELECT * FROM finish();
