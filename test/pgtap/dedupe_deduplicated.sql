-- etl.deduplicated and etl.create_deduplicated: known answers, errors, and the same answer by row_number() on random
-- rows.
BEGIN;
SELECT plan(70);
SELECT setseed(0.7);

CREATE TABLE sale (id int, ticket text, price numeric, sold_at timestamptz, note text);
INSERT INTO sale VALUES
    (1, 'a', 1.0,  '2025-01-01', NULL),
    (2, 'a', 1.00, '2025-01-03', NULL),
    (3, 'a', 1,    '2025-01-02', 'gift'),
    (4, 'b', 2,    NULL,         'x'),
    (5, 'b', 2,    '2025-01-01', NULL),
    (6, 'c', 3,    '2025-01-01', NULL),
    (7, NULL, 4,   '2025-01-01', NULL),
    (8, NULL, 4,   '2025-01-02', NULL);

CREATE FUNCTION ids(arguments text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    found text;
BEGIN
    EXECUTE format('SELECT string_agg(id::text, '','' ORDER BY id)
                    FROM etl.deduplicated(%s) AS d(id int, ticket text, price numeric, sold_at timestamptz, note text)',
                   arguments) INTO found;
    RETURN found;
END
$$;

SELECT is(ids(call), wanted, call)
FROM (VALUES
    ($$'SELECT * FROM public.sale', '{ticket,price}', 'last', 'sold_at'$$, '2,5,6,7,8'),
    ($$'SELECT * FROM public.sale', '{ticket,price}', 'first', 'sold_at'$$, '1,5,6,7,8'),
    ($$'SELECT * FROM public.sale', '{ticket,price}', 'most_complete', 'sold_at'$$, '3,5,6,7,8'),
    ($$'SELECT * FROM public.sale', '{ticket,price}', 'last', 'sold_at', true$$, '2,5,6,8'),
    ($$'SELECT * FROM public.sale ORDER BY id', '{ticket}'$$, '3,5,6,7,8'),
    ($$'SELECT * FROM public.sale ORDER BY id', '{ticket}', 'first'$$, '1,4,6,7,8'),
    ($$'SELECT * FROM public.sale ORDER BY id DESC', '{ticket}', 'first', nulls_equal => true$$, '3,5,6,8'),
    ($$'SELECT * FROM public.sale ORDER BY id', '{price}', 'most_complete'$$, '3,5,6,8'),
    ($$'SELECT * FROM public.sale', '{id}', 'any'$$, '1,2,3,4,5,6,7,8'),
    ($$'SELECT * FROM public.sale WHERE false', '{id}', 'any'$$, NULL),
    ($$'SELECT * FROM public.sale WHERE id < 4 -- a few', '{ticket}', 'last', 'sold_at'$$, '2'),
    ($$'SELECT * FROM public.sale ORDER BY id LIMIT 2;', '{ticket}', 'last', 'sold_at'$$, '2'),
    ($$'WITH s AS (SELECT * FROM public.sale) SELECT * FROM s', '{ticket}', 'last', 'sold_at'$$, '2,5,6,7,8'),
    ($$'VALUES (1, ''a''::text, 1.0, now(), ''''::text), (2, ''a'', 1, now(), '''')', '{column2}'$$, '2')
) AS c(call, wanted);
SELECT is(length(ids($$'SELECT * FROM public.sale', '{ticket}', 'any'$$)), length('1,4,6,7,8'),
          'any: one of each group');

CREATE FUNCTION plan_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    plan text;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
    RETURN plan;
END
$$;

-- Queries whose rows are others each time are evaluated once.
CREATE TEMP SEQUENCE evaluated;
SELECT is(ids($$'SELECT id, ticket, price, sold_at, nextval(''pg_temp.evaluated'')::text AS note FROM public.sale',
                '{ticket}', 'last', 'sold_at'$$), '2,5,6,7,8', 'a volatile query');
SELECT is(currval('evaluated'), 8::bigint, 'is evaluated once for each row');
CREATE VIEW volatile_view AS SELECT *, random() AS r FROM sale;
CREATE TABLE drawn AS SELECT * FROM etl.deduplicated('SELECT * FROM public.volatile_view', '{r}', 'last', 'r')
    AS d(id int, ticket text, price numeric, sold_at timestamptz, note text, r float8);
SELECT is(count(*), 8::bigint, 'a volatile view') FROM drawn;
CREATE FOREIGN DATA WRAPPER nowhere;
CREATE SERVER away FOREIGN DATA WRAPPER nowhere;
CREATE TABLE partly_far (id int) PARTITION BY LIST (id);
CREATE FOREIGN TABLE far PARTITION OF partly_far DEFAULT SERVER away;
SELECT is(etl._repeatable_rows(query) IS NULL, unsteady, query)
FROM (VALUES
    ('SELECT * FROM public.sale', false),
    ('SELECT id, lower(note), now() FROM public.sale WHERE id IN (SELECT id FROM public.sale)', false),
    ('SELECT DISTINCT ticket FROM public.sale UNION SELECT note FROM public.sale', false),
    ('SELECT * FROM public.volatile_view', true),
    ('SELECT id FROM public.sale WHERE random() < 0.5', true),
    ('SELECT id FROM public.sale LIMIT 3', true),
    ('SELECT id FROM public.sale OFFSET 3', true),
    ('SELECT sum(price) FROM public.sale GROUP BY ticket', true),
    ('SELECT row_number() OVER () FROM public.sale', true),
    ('SELECT DISTINCT ON (ticket) id FROM public.sale', true),
    ('SELECT id FROM public.sale TABLESAMPLE SYSTEM (50)', true),
    ('SELECT id FROM (SELECT id FROM public.sale FETCH FIRST ROW ONLY) AS s', true),
    ('SELECT (SELECT id FROM public.sale LIMIT 1)', true),
    ('WITH w AS (SELECT id FROM public.sale LIMIT 1) SELECT * FROM w', true),
    ('SELECT generate_series(1, 3)', true),
    ('SELECT * FROM public.partly_far', true)
) AS q(query, unsteady);

-- Keys without a hash function, at the top or within
CREATE TYPE priced_pair AS (a int, m money);
CREATE TABLE priced (id int, m money, p priced_pair);
INSERT INTO priced VALUES (1, 1, (1, 1)), (2, 1, (1, 1)), (3, 2, (1, 2));
SELECT results_eq(format('SELECT id FROM etl.deduplicated(%L, %L, %L, %L) AS d(id int, m money, p priced_pair) '
                         'ORDER BY id',
                         'SELECT * FROM public.priced', ARRAY[key], 'last', 'id'),
                  'VALUES (2), (3)', format('key %s, which cannot be hashed', key))
FROM unnest('{m,p}'::text[]) AS key;
SELECT results_eq(format('SELECT removed FROM etl.dedupe(%L, %L, dry_run => true)', 'priced', ARRAY[key]),
                  'VALUES (1::bigint)', format('etl.dedupe by %s', key))
FROM unnest('{m,p}'::text[]) AS key;

-- A new table
SELECT is(etl.create_deduplicated('public.clean', 'SELECT * FROM public.sale', '{ticket,price}', 'last', 'sold_at'),
          5::bigint, 'a new table');
SELECT results_eq('SELECT * FROM clean ORDER BY id', 'SELECT * FROM sale WHERE id IN (2, 5, 6, 7, 8) ORDER BY id',
                  'has every column');
SELECT throws_ok($$SELECT etl.create_deduplicated('public.clean', 'SELECT 1 AS a', '{a}')$$, '42P07', NULL,
                 'there is one');
SELECT throws_ok($$SELECT etl.create_deduplicated('clean2', 'SELECT 1 AS a', '{a}')$$, '42602', NULL, 'no schema');
SELECT throws_ok($$SELECT etl.create_deduplicated(NULL, 'SELECT 1 AS a', '{a}')$$, '42602', NULL, 'no name');

-- What is refused
SELECT throws_ok(format('SELECT * FROM etl.deduplicated(%s) AS d(id int)', call), state, NULL, call)
FROM (VALUES
    ($$NULL, '{id}'$$, '22023'),
    ($$'SELECT 1 AS id; SELECT 2', '{id}'$$, '22023'),
    ($$'SELECT 1 AS id) AS q; DROP TABLE public.sale; SELECT 1 FROM (SELECT 1', '{id}'$$, '42601'),
    ($$'DELETE FROM public.sale RETURNING id', '{id}'$$, '22023'),
    ($$'WITH d AS (DELETE FROM public.sale RETURNING id) SELECT * FROM d', '{id}'$$, '22023'),
    ($$'SELECT id FROM public.sale', '{}'$$, '22023'),
    ($$'SELECT id FROM public.sale', NULL$$, '22023'),
    ($$'SELECT id FROM public.sale', '{nope}'$$, '42703'),
    ($$'SELECT id FROM public.sale', '{id}', 'last', 'nope'$$, '42703'),
    ($$'SELECT id FROM public.sale', '{id}', 'merge'$$, '22023'),
    ($$'SELECT id, id FROM public.sale', '{id}'$$, '42701'),
    ($$'SELECT ''{}''::json AS id', '{id}'$$, '42883'),
    ($$'SELECT ticket AS id FROM public.sale', '{id}'$$, '42804'),
    ($$'SELECT id, ticket FROM public.sale', '{id}'$$, '42804'),
    ($$'SELECT ticket AS id FROM public.sale', '{id}', 'any'$$, '42804'),
    ($$'SELECT id FROM public.sale WHERE set_config(''role'', ''none'', false) > ''''', '{id}'$$, '42501')
) AS w(call, state);
CREATE FUNCTION detail_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
BEGIN
    EXECUTE statement;
    RETURN NULL;
EXCEPTION
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
        RETURN detail;
END
$$;
-- from version 18 on it names the column
SELECT matches(detail_of($$SELECT * FROM etl.deduplicated('SELECT id FROM public.sale', '{id}') AS d(id text)$$),
               '^Returned type integer does not match expected type text in column (1|"id" \(position 1\))\.$',
               'which columns differ is said');

-- The same by row_number(), with and without parallel workers
CREATE TABLE random_rows AS
    SELECT i AS id, CASE WHEN random() < 0.9 THEN 'k' || (random() * 3000)::int END AS k1,
           CASE WHEN random() < 0.9 THEN round((random() * 2)::numeric) + CASE WHEN random() < 0.5 THEN 0.00
           ELSE 0 END END AS k2,
           CASE WHEN random() < 0.9 THEN i END AS o, CASE WHEN random() < 0.5 THEN 'x' END AS e
    FROM generate_series(1, 5000) AS i;
CREATE FUNCTION difference(keep text, order_by name, nulls_equal bool) RETURNS SETOF int LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format($sql$
        WITH wanted AS (
            SELECT id FROM (
                SELECT *, row_number() OVER (PARTITION BY k1, k2 ORDER BY %1$s) AS nth FROM random_rows
            ) AS n WHERE nth = 1 OR NOT %2$L AND num_nulls(k1, k2) > 0
        ), got AS (
            SELECT id FROM etl.deduplicated('SELECT * FROM public.random_rows', '{k1,k2}', %3$L, %4$L, %2$L)
                AS d(id int, k1 text, k2 numeric, o int, e text)
        )
        (TABLE wanted EXCEPT TABLE got) UNION ALL (TABLE got EXCEPT TABLE wanted)
        UNION ALL SELECT -1 WHERE (SELECT count(*) FROM wanted) <> (SELECT count(*) FROM got)$sql$,
        CASE keep WHEN 'first' THEN format('%I NULLS LAST', order_by) WHEN 'last' THEN format('%I DESC NULLS LAST',
        order_by)
                  ELSE format('num_nulls(id, k1, k2, o, e), %I DESC NULLS LAST', order_by) END, nulls_equal, keep,
                  order_by);
END
$$;
SELECT is_empty(format('SELECT * FROM difference(%L, %L, %L)', keep, 'id', nulls_equal),
                format('keep %s, nulls_equal %s', keep, nulls_equal))
FROM unnest('{first,last,most_complete}'::text[]) AS keep, unnest('{f,t}'::bool[]) AS nulls_equal;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL work_mem = '64kB';
ANALYZE random_rows;
SELECT is_empty(format('SELECT * FROM difference(%L, %L, false)', keep, 'id'), format('keep %s, in parallel', keep))
FROM unnest('{first,last,most_complete}'::text[]) AS keep;
SELECT alike(plan_of(etl._survivors('SELECT * FROM public.random_rows', '{k1,k2}', 'last', 'id', false)), '%Gather%',
             'which it is');

SELECT * FROM finish();
ROLLBACK;
