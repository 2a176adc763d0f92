-- etl.negative_sample, etl.negative_sample_report and etl.create_negative_sample: known answers, what a sample must not
-- depend on, every type of ids, errors, and a role that cannot be left.
BEGIN;
SELECT plan(118);
SET LOCAL client_min_messages = error; -- of users who have seen too much there is a warning

-- Known answers -------------------------------------------------------------------------------------------------------

CREATE TABLE seen (u int, i bigint);
INSERT INTO seen VALUES (1, 10), (1, 11), (2, 10), (2, 10), (2, 12), (3, 10), (3, 11), (3, 12), (3, 13), (NULL, 10),
                        (4, NULL), (NULL, NULL), (5, 13);

CREATE FUNCTION sample(arguments text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    found text;
BEGIN
    EXECUTE format('SELECT string_agg(format(''%%s:%%s'', u, i), '' '' ORDER BY u, i)
                    FROM etl.negative_sample(%s) AS s(u int, i bigint)', arguments) INTO found;
    RETURN found;
END
$$;
SELECT is(sample(call), wanted, call)
FROM (VALUES
    ($$'public.seen', 'u', 'i', 100$$, '1:12 1:13 2:11 2:13 5:10 5:11 5:12'),
    ($$'SELECT i AS x, u FROM public.seen WHERE u < 3', 'u', 'x', 3$$, '1:12 2:11'),
    ($$'public.seen', 'u', 'i', 0$$, NULL),
    ($$'SELECT * FROM public.seen WHERE false', 'u', 'i', 4$$, NULL),
    ($$'SELECT * FROM public.seen WHERE u IS NULL', 'u', 'i', 4$$, NULL),
    ($$'SELECT * FROM public.seen WHERE u = 1', 'u', 'i', 9, 'VALUES (10::bigint), (77), (77), (NULL)'$$, '1:77'),
    ($$'SELECT * FROM public.seen WHERE u = 1', 'u', 'i', 9, 'SELECT u AS x, i FROM public.seen'$$, '1:12 1:13'),
    ($$'SELECT * FROM public.seen WHERE u = 1', 'u', 'i', 9, 'SELECT 1::bigint WHERE false'$$, NULL),
    ($$'SELECT * FROM public.seen WHERE u = 1', 'u', 'i', 9, 'SELECT 99::bigint'$$, '1:99'),
    ($$'SELECT * FROM public.seen WHERE u = 1', 'u', 'i', 9, 'public.seen', 'popularity^2'$$, NULL),
    ($$'public.seen', 'u', 'i', 9, weighting => 'popularity'$$, '1:12 1:13 2:11 2:13 5:10 5:11 5:12'),
    ($$'public.seen', 'u', 'i', 9, 'SELECT * FROM generate_series(8::bigint, 11) AS i', 'popularity^0.75'$$,
     '2:11 5:10 5:11'),
    ($$'public.seen', 'u', 'i', 9, 'SELECT * FROM generate_series(8::bigint, 11) AS i', 'popularity^0'$$,
     '1:8 1:9 2:8 2:9 2:11 3:8 3:9 5:8 5:9 5:10 5:11')
) AS c (call, wanted);

SELECT is((SELECT count(*) FROM etl.negative_sample('public.seen', 'u', 'i', r,
                                                   'SELECT generate_series(0::bigint, 999)') AS s(u int, i bigint)
           WHERE u = 3), n::bigint, format('%s for each of 4 positives', r))
FROM (VALUES (0.1, 0), (0.124999, 0), (0.125, 1), (0.25, 1), (1, 4), (1.1, 4), (2.374999, 9), (2.375, 10), (200, 800))
     AS r (r, n);

-- Properties ----------------------------------------------------------------------------------------------------------

SELECT setseed(0.3);
CREATE TABLE watched AS
SELECT (random() * 300)::int AS u, (random() ^ 2 * 400)::int AS i FROM generate_series(1, 8000);
CREATE TABLE item AS SELECT generate_series(0, 600) AS i;
CREATE FUNCTION rows_of(arguments text) RETURNS TABLE (u int, i int) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format('SELECT * FROM etl.negative_sample(%s) AS s(u int, i int)', arguments);
END
$$;
CREATE FUNCTION faults(arguments text, ratio int) RETURNS TABLE (fault text, u int) LANGUAGE sql AS $$
    WITH drawn AS MATERIALIZED (SELECT * FROM rows_of(arguments))
    SELECT 'seen', d.u FROM drawn AS d WHERE EXISTS (SELECT FROM watched AS w WHERE (w.u, w.i) = (d.u, d.i))
    UNION ALL SELECT 'twice', d.u FROM drawn AS d GROUP BY d.u, d.i HAVING count(*) > 1
    UNION ALL SELECT 'number', w.u
    FROM (SELECT w.u, count(DISTINCT w.i) * ratio AS wanted FROM watched AS w GROUP BY w.u) AS w
    LEFT JOIN (SELECT d.u, count(*) AS drawn FROM drawn AS d GROUP BY d.u) AS d USING (u)
    WHERE d.drawn IS DISTINCT FROM w.wanted
$$;
SELECT is_empty(format('SELECT * FROM faults(%L, %s)', call, ratio), call)
FROM (VALUES ($$'public.watched', 'u', 'i', 4$$, 4), ($$'public.watched', 'u', 'i', 8$$, 8),
             ($$'public.watched', 'u', 'i', 12, 'public.item', seed => -3$$, 12),
             ($$'public.watched', 'u', 'i', 4, weighting => 'popularity^0.75'$$, 4),
             ($$'public.watched', 'u', 'i', 6, weighting => 'popularity^10'$$, 6)) AS c (call, ratio);

CREATE TABLE first AS SELECT * FROM rows_of($$'public.watched', 'u', 'i', 4, seed => 5$$);
CREATE TABLE first_weighted AS
SELECT * FROM rows_of($$'public.watched', 'u', 'i', 4, weighting => 'popularity^0.75', seed => 5$$);
CREATE TABLE shuffled AS
SELECT w.* FROM (TABLE watched UNION ALL (TABLE watched LIMIT 1000)) AS w ORDER BY random();
ALTER TABLE shuffled ALTER u TYPE bigint;
SELECT set_eq($$SELECT u::int, i FROM etl.negative_sample('public.shuffled', 'u', 'i', 4, seed => 5)
                AS s(u bigint, i int)$$, 'TABLE first', 'the order of rows and their repetition do not matter');
SELECT set_eq($$SELECT u::int, i FROM etl.negative_sample('public.shuffled', 'u', 'i', 4, NULL, 'popularity^0.75', 5)
                AS s(u bigint, i int)$$, 'TABLE first_weighted', 'nor by weight');
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL max_parallel_workers_per_gather = 2;
SELECT set_eq($$SELECT * FROM rows_of($r$'public.watched', 'u', 'i', 4, seed => 5$r$)$$, 'TABLE first',
              'parallel workers give the same');
SELECT set_eq($$SELECT * FROM rows_of($r$'SELECT i, u FROM public.watched ORDER BY i', 'u', 'i', 4, seed => 5$r$)$$,
              'TABLE first', 'and so does another plan');
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
SELECT ok((SELECT count(*) FROM first AS f JOIN rows_of($$'public.watched', 'u', 'i', 4, seed => 6$$) AS o
           USING (u, i)) < (SELECT count(*) FROM first) / 2, 'another seed gives another sample');
SELECT set_eq($$SELECT * FROM rows_of($r$'SELECT * FROM public.watched WHERE u % 3 = 0', 'u', 'i', 4,
                                         'SELECT DISTINCT i FROM public.watched', seed => 5$r$)$$,
              'SELECT * FROM first WHERE u % 3 = 0', 'a user gets the same without the others');

-- The weights are felt: the average popularity of what is drawn
CREATE TABLE popularity AS SELECT i, count(DISTINCT u) AS users FROM watched GROUP BY i;
SELECT ok((SELECT avg(users) FROM first_weighted JOIN popularity USING (i))
          > 1.1 * (SELECT avg(users) FROM first JOIN popularity USING (i)),
          'popular items are drawn more often by weight');

-- Types ---------------------------------------------------------------------------------------------------------------

CREATE COLLATION blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE DOMAIN code AS text CHECK (VALUE <> '');
CREATE TYPE colour AS ENUM ('red', 'green', 'blue', 'black');
CREATE FUNCTION drawn_as(type text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    found text;
BEGIN
    EXECUTE format($q$
        SELECT string_agg(i::text, ' ' ORDER BY i::text COLLATE "C")
        FROM etl.negative_sample('SELECT 1 AS u, i FROM public.things_%1$s LIMIT 1', 'u', 'i', 9,
                                 'SELECT i FROM public.things_%1$s') AS s(u int, i %2$s)
        $q$, md5(type), type) INTO found;
    RETURN found;
END
$$;
SELECT format('CREATE TABLE things_%s AS SELECT i::%s FROM unnest(%L::text[]) AS i', md5(type), type, items)
FROM (VALUES ('smallint', '{1,-2,3}'), ('integer', '{1,-2,3}'), ('bigint', '{1,-2,3}'), ('text', '{a,b,c}'),
             ('varchar(9)', '{a,b,c}'), ('character(3)', '{a,b,c}'), ('name', '{a,b,c}'),
             ('uuid', '{00000000-0000-0000-0000-000000000001,00000000-0000-0000-0000-000000000002}'),
             ('numeric', '{1,2.5,3e90}'), ('double precision', '{1,0,NaN}'), ('date', '{2025-01-01,2025-01-02}'),
             ('bytea', '{"\\\\x00","\\\\x0001"}'),
             ('integer[]', '{"{1,2}","{2,1}"}'), ('jsonb', '{"{\"a\": 1}","[1]"}'), ('public.code', '{a,b}'),
             ('public.colour', '{red,green,blue}'), ('inet', '{10.0.0.1,10.0.0.2}')) AS t (type, items) \gexec
SELECT is(drawn_as(type), wanted, type)
FROM (VALUES ('smallint', '-2 3'), ('integer', '-2 3'), ('bigint', '-2 3'), ('text', 'b c'), ('varchar(9)', 'b c'),
             ('character(3)', 'b c'), ('name', 'b c'), ('uuid', '00000000-0000-0000-0000-000000000002'),
             ('numeric', '2.5 3' || repeat('0', 90)), ('double precision', '0 NaN'), ('date', '2025-01-02'),
             ('bytea', '\x5c7830303031'), ('integer[]', '{2,1}'), ('jsonb', '[1]'), ('public.code', 'b'),
             ('public.colour', 'blue green'), ('inet', '10.0.0.2/32')) AS t (type, wanted);
CREATE TABLE twins (u numeric, i text COLLATE blind);
INSERT INTO twins VALUES (1.00, 'A'), (1, 'a'), (2, 'B'), (2.0, 'b'), (1.0, 'c'), (2, 'c');
SELECT set_eq($$SELECT u::text, i::text FROM etl.negative_sample('public.twins', 'u', 'i', 0.5)
                AS s(u numeric, i text)$$,
              $$SELECT u::text, i::text FROM etl.negative_sample('SELECT * FROM public.twins ORDER BY u, i DESC', 'u',
                                                                 'i', 0.5) AS s(u numeric, i text)$$,
              'of equal values it is always the same that stands for all');
SELECT is((SELECT string_agg(format('%s:%s', u::int, upper(i)), ' ' ORDER BY u)
           FROM etl.negative_sample('public.twins', 'u', 'i', 0.5) AS s(u numeric, i text)), '1:B 2:A',
          'equality is that of the type and the collation');
SELECT lives_ok($$SELECT * FROM etl.negative_sample('SELECT 1 AS u, repeat(chr(65 + g), 100000) AS i
                                                     FROM generate_series(0, 3) AS g', 'u', 'i', 1)
                  AS s(u int, i text)$$, 'long texts');

-- The report ----------------------------------------------------------------------------------------------------------

SELECT results_eq($$SELECT * FROM etl.negative_sample_report('public.seen', 'u', 'i', 2) ORDER BY 1$$,
                  $$VALUES ('1', 2::bigint, 4::bigint, 2::bigint), ('2', 2, 4, 2), ('3', 4, 8, 0)$$,
                  'users with fewer than are wanted');
SELECT is_empty($$SELECT * FROM etl.negative_sample_report('public.seen', 'u', 'i', 2,
                                                           'SELECT generate_series(1::bigint, 100)')$$,
                'none where there are enough');
SELECT results_eq($$SELECT * FROM etl.negative_sample_report('public.seen', 'u', 'i', 2,
                                                             'SELECT generate_series(1::bigint, 100)', 'popularity')
                    ORDER BY 1$$,
                  $$VALUES ('1', 2::bigint, 4::bigint, 2::bigint), ('2', 2, 4, 2), ('3', 4, 8, 0)$$,
                  'items without positives have no weight');

-- Tables --------------------------------------------------------------------------------------------------------------

SELECT is(etl.create_negative_sample('public.made', 'public.watched', 'u', 'i', 4, seed => 5),
          (SELECT count(*) FROM first), 'a table of all rows');
SELECT set_eq('TABLE made', 'TABLE first', 'they are those of the query');
SELECT is(etl.create_negative_sample('public.again', 'public.shuffled', 'u', 'i', 4, seed => 5),
          (SELECT count(*) FROM first), 'another order of rows');
SELECT is((SELECT array_agg((u, i)::text ORDER BY ctid) FROM again), (SELECT array_agg((u, i)::text ORDER BY ctid)
                                                                     FROM made), 'the rows come in the same order');
SELECT is(etl.create_negative_sample('public.made', 'public.watched', 'u', 'i', 4, if_not_exists => true), NULL,
          'it is there');
SELECT throws_ok($$SELECT etl.create_negative_sample('public.made', 'public.watched', 'u', 'i', 4)$$, '42P07', NULL,
                 'a table that is there');
SELECT throws_ok($$SELECT etl.create_negative_sample('made2', 'public.watched', 'u', 'i', 4)$$, '42602', NULL,
                 'a name without a schema');
SELECT is(etl.create_negative_sample('public."an ""odd"" name"', $$SELECT u AS "a user", i::text COLLATE "C" AS "select"
          FROM public.watched;  $$, 'a user', 'select', 1),
          (SELECT count(*) FROM (SELECT DISTINCT * FROM watched) AS w),
          'odd names');
SELECT col_type_is('public', 'an "odd" name', 'select', 'text', 'of the column''s type');
INSERT INTO watched VALUES (1000, 1000);
SELECT is((SELECT count(*) FROM rows_of($$'public.watched', 'u', 'i', 1$$) WHERE u = 1000), 1::bigint,
          'rows of the same transaction are seen');

-- Errors --------------------------------------------------------------------------------------------------------------

SELECT throws_ok(format('SELECT * FROM etl.negative_sample(%s) AS s(u int, i bigint)', call), state, message, call)
FROM (VALUES
    ($$'public.seen', 'u', 'i', -1$$, '22023', 'ratio must lie between 0 and a thousand million, not -1'),
    ($$'public.seen', 'u', 'i', 'NaN'$$, '22023', 'ratio must lie between 0 and a thousand million, not NaN'),
    ($$'public.seen', 'u', 'i', NULL$$, '22023', 'ratio must lie between 0 and a thousand million, not NULL'),
    ($$'public.seen', 'u', 'i', 1.2345678$$, '22023', 'ratio must have 6 decimal places at most, not 1.2345678'),
    ($$'public.seen', 'u', 'i', 1, seed => NULL$$, '22004', 'seed must not be NULL'),
    ($$'public.seen', 'u', 'x', 1$$, '42703', 'the query does not return the column "x"'),
    ($$'public.seen', NULL, 'i', 1$$, '42703', 'the query does not return the column "NULL"'),
    ($$'public.seen', 'u', 'u', 1$$, '22023', 'user_col and item_col are the same column "u"'),
    ($$NULL, 'u', 'i', 1$$, '22023', 'no positives were given'),
    ($$'', 'u', 'i', 1$$, '22023', 'no positives were given'),
    ($$'public.nothing', 'u', 'i', 1$$, '42P01', 'relation "public.nothing" does not exist'),
    ($$'nothing', 'u', 'i', 1$$, '42P01', 'relation "nothing" does not exist'),
    ($$'none.nothing', 'u', 'i', 1$$, '3F000', NULL),
    ($$'DELETE FROM public.seen', 'u', 'i', 1$$, '22023',
     'positives must be a query or the name of a table, not ''DELETE FROM public.seen'''),
    ($$'public.seen', 'u', 'i', 1, 'EXPLAIN SELECT 1'$$, '22023',
     'items must be a query or the name of a table, not ''EXPLAIN SELECT 1'''),
    ($$'SELECT 1 AS u, 2 AS i; SELECT 2', 'u', 'i', 1$$, '22023', 'query must be one SELECT that changes no data'),
    ($$'WITH d AS (DELETE FROM public.seen RETURNING *) SELECT * FROM d', 'u', 'i', 1$$, '22023',
     'query must be one SELECT that changes no data'),
    ($$'SELECT 1 AS u, 2 AS u', 'u', 'i', 1$$, '42701', NULL),
    ($$'SELECT 1 AS u, 2::bigint AS i) AS q; DROP TABLE public.seen; --', 'u', 'i', 1$$, '42601', NULL),
    ($$'public.seen', 'u', 'i', 1, ' '$$, '22023', 'no items were given'),
    ($$'public.seen', 'u', 'i', 1, 'SELECT u, u AS v FROM public.seen'$$, '42703', 'items have no column "i"'),
    ($$'public.seen', 'u', 'i', 1, 'SELECT u FROM public.seen'$$, '42804',
     'items are of type integer, and those of the positives of type bigint'),
    ($$'public.seen', 'u', 'i', 1, NULL, NULL$$, '22023', 'unknown weighting NULL'),
    ($$'public.seen', 'u', 'i', 1, NULL, 'popularity^'$$, '22023', 'unknown weighting ''popularity^'''),
    ($$'public.seen', 'u', 'i', 1, NULL, 'popularity^-1'$$, '22023', 'unknown weighting ''popularity^-1'''),
    ($$'public.seen', 'u', 'i', 1, NULL, 'popularity^10.1'$$, '22023',
     'the exponent of a weighting must lie between 0 and 10, not 10.1'),
    ($$'SELECT u, i::int AS i FROM public.seen', 'u', 'i', 1$$, '42804',
     'the list of columns is not that of the sample'),
    ($$'SELECT ''{}''::json AS u, 1::bigint AS i', 'u', 'i', 1$$, '42804', NULL)
) AS c (call, state, message);
SELECT is((SELECT string_agg(i, '') FROM etl.negative_sample('SELECT 1 AS u, ''a''::text AS i', 'u', 'i', 1,
                                                             'SELECT ''b''::varchar(3)') AS s(u int, i text)), 'b',
          'a varchar is a text');
SELECT throws_ok($$SELECT * FROM etl.negative_sample('SELECT 1 AS u, ''a''::varchar(2) AS i', 'u', 'i', 1,
                                                     'SELECT ''bcd''::varchar(3)') AS s(u int, i varchar(2))$$, '42804',
                 'items are of type character varying(3), and those of the positives of type character varying(2)',
                 'items that may be too long for the column');
SELECT throws_ok($$SELECT * FROM etl.negative_sample('SELECT 1 AS u, ''a''::public.code AS i', 'u', 'i', 1,
                                                     'SELECT ''''::text') AS s(u int, i text)$$, '42804',
                 'items are of type text, and those of the positives of type public.code',
                 'items that the domain may not allow');
SELECT throws_ok($$SELECT * FROM etl.negative_sample('SELECT 1 AS u, ''{}''::json AS i', 'u', 'i', 1)
                   AS s(u int, i json)$$, '42883', 'values of type json cannot be hashed', 'what cannot be compared');
SELECT throws_ok($$SELECT * FROM etl.negative_sample('public.seen', 'u', 'i', 1) AS s(u int)$$, '42804', NULL,
                 'a column too few');
SELECT throws_ok($$SELECT * FROM etl.negative_sample('SELECT 1 AS u, ''abcdef''::text AS i', 'u', 'i', 1)
                   AS s(u int, i varchar(2))$$, '42804', NULL, 'a column too short');
SELECT throws_ok($$SELECT etl.negative_sample('public.seen', 'u', 'i', 1)$$, '0A000', NULL, 'not in FROM');

CREATE FUNCTION hint_of(call text, OUT hint text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE call;
EXCEPTION
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
END
$$;
SELECT is(hint_of($$SELECT etl.create_negative_sample('public.t', 'nothing', 'u', 'i', 1)$$),
          'Name the table with its schema, as in ''public.interactions''.', 'what to do about a name without a schema');

-- Faults --------------------------------------------------------------------------------------------------------------

SET LOCAL pg_etl.sample_memory = '1MB';
SELECT throws_ok($$SELECT * FROM rows_of($r$'SELECT g AS u, g AS i FROM generate_series(1, 100000) AS g', 'u', 'i',
                                            1$r$)$$, '53200', NULL, 'more positives than fit');
RESET pg_etl.sample_memory;
CREATE FUNCTION stopped() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM * FROM etl.negative_sample('SELECT u, 0 AS i FROM generate_series(1, 1000) AS u', 'u', 'i', 900000,
                                       'SELECT generate_series(1, 1000000)') AS s(u int, i int);
    RETURN 'it ran to its end';
EXCEPTION
    WHEN query_canceled THEN
        RETURN 'stopped';
END
$$;
SET LOCAL statement_timeout = '600ms';
SELECT is(stopped(), 'stopped', 'it can be stopped');
SET LOCAL statement_timeout = 0;

-- Internal functions, which anybody may call
SELECT throws_ok(call, state, NULL, call)
FROM (VALUES
    ($$SELECT etl._write_negatives('public.seen'::regclass, false, NULL, 'SELECT i, u FROM public.seen', NULL,
                                   1, 0, 0)$$, '42804'),
    ($$SELECT etl._write_negatives('pg_class'::regclass, false, NULL, 'SELECT u, i FROM public.seen', NULL, 1, 0, 0)$$,
     '55000'),
    ($$SELECT etl._write_negatives(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)$$, '22004'),
    ($$SELECT etl._short_users(NULL, NULL, NULL, NULL, NULL)$$, '22004'),
    ($$SELECT etl._short_users('SELECT 1', NULL, 1, 0, 0)$$, '42804'),
    ($$SELECT etl._short_users('DELETE FROM public.seen', NULL, 1, 0, 0)$$, '22023'),
    ($$SELECT etl._short_users('SELECT 1, 2', 'SELECT 1, 2', 1, 0, 0)$$, '42804'),
    ($$SELECT etl._short_users('SELECT 1, 2', NULL, -1, 0, 0)$$, '22023'),
    ($$SELECT etl._short_users('SELECT 1, 2', NULL, 1, 'NaN', 0)$$, '22023')
) AS c (call, state);

CREATE ROLE etl_sampler;
GRANT USAGE ON SCHEMA public TO etl_sampler;
SET LOCAL SESSION AUTHORIZATION DEFAULT;
CREATE FUNCTION leave() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    RESET ROLE;
    RETURN 1;
END
$$;
SET LOCAL ROLE etl_sampler;
SELECT throws_ok($$SELECT * FROM etl.negative_sample('SELECT 1 AS u, public.leave() AS i', 'u', 'i', 1)
                   AS s(u int, i int)$$, '42501', NULL, 'the role cannot be left');
SELECT throws_ok($$SELECT * FROM etl.negative_sample('VALUES (1, 2)', 'column1', 'column2', 1, 'SELECT public.leave()')
                   AS s(u int, i int)$$, '42501', NULL, 'neither while items are read');
SELECT throws_ok($$SELECT etl.create_negative_sample('pg_temp.lost', 'SELECT 1 AS u, public.leave() AS i', 'u', 'i',
                                                     1)$$, '42501',
                 'cannot set parameter "role" within security-definer function',
                 'nor while a table is made');
SELECT throws_ok($$SELECT * FROM etl.negative_sample('public.seen', 'u', 'i', 1) AS s(u int, i bigint)$$, '42501',
                 'permission denied for table seen', 'a table of another role');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
