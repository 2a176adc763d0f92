-- etl.load_deduplicated: counts, what is written and what is not, what is refused, and an oracle.
BEGIN;
SELECT plan(115);

CREATE TABLE stock (
    sku text PRIMARY KEY, n int, price numeric(8,2), at timestamptz, note varchar(5) DEFAULT 'new', doc json,
    half numeric GENERATED ALWAYS AS (price / 2) STORED);

-- The counts of a load.
CREATE FUNCTION load(source text, keep text DEFAULT 'last', order_by name DEFAULT NULL, dry_run bool DEFAULT false)
RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT concat_ws(' ', inserted, updated, unchanged, ignored)
    FROM etl.load_deduplicated(source, 'stock', '{sku}', keep, order_by, dry_run)
$$;


-- Once, twice, and again with changes
SELECT is(load($$SELECT * FROM (VALUES ('a', 1, 1.005, '2025-01-01'), ('a', 2, 2, '2025-01-02'), ('b', 3, NULL, NULL))
               AS v(sku, n, price, at)$$, order_by => 'at'), '2 0 0 1', 'a first load');
CREATE TABLE before AS SELECT sku, ctid::text AS place, xmax::text AS lock FROM stock;
SELECT is(load($$SELECT * FROM (VALUES ('a', 1, 1.005, '2025-01-01'), ('a', 2, 2, '2025-01-02'), ('b', 3, NULL, NULL))
               AS v(sku, n, price, at)$$, order_by => 'at'), '0 0 2 1', 'a second load of the same changes nothing');
SELECT set_eq('SELECT sku, ctid::text AS place, xmax::text AS lock FROM stock', 'TABLE before',
              'and writes and locks nothing');
SELECT is((SELECT s::text FROM stock AS s WHERE sku = 'a'),
          '(a,2,2.00,"2025-01-02 00:00:00+00",new,,1.00000000000000000000)',
          'what the source lacks has its default, what is generated is computed')
FROM set_config('timezone', 'UTC', true);
SELECT is(load($$SELECT 'a' AS sku, 9 AS n, '2025-01-01'::date AS at$$, order_by => 'at'), '0 0 0 1', 'older: ignored');
SELECT is(load($$SELECT 'a' AS sku, 9 AS n, '2025-01-02'::date AS at$$, order_by => 'at'), '0 1 0 0',
          'as old and different: what arrives is the later one');
SELECT is(load($$SELECT 'a' AS sku, 9 AS n, NULL::date AS at$$, order_by => 'at'), '0 0 0 1', 'NULL loses');
SELECT is(load($$SELECT 'b' AS sku, 4 AS n, NULL::date AS at$$, order_by => 'at'), '0 1 0 0', 'but not against NULL');
SELECT is(load($$SELECT 'b' AS sku, 4 AS n, '2025-01-01'::date AS at$$, order_by => 'at'), '0 1 0 0',
          'a value wins against NULL');
SELECT is((SELECT price || ' ' || note FROM stock WHERE sku = 'a'), '2.00 new', 'other columns keep their values');
SELECT is(load($$SELECT 'a' AS sku, 10 AS n$$), '0 1 0 0', 'without order_by what arrives replaces what is there');
SELECT is(load($$SELECT 'a' AS sku, 11 AS n$$, 'first'), '0 0 0 1', 'first: and never there');
SELECT is(load($$SELECT 'a' AS sku, 10 AS n$$, 'first'), '0 0 1 0', 'first: equal is unchanged');
SELECT is(load($$SELECT 'a' AS sku, 12 AS n, '2024-12-31' AS at$$, 'first', 'at'), '0 1 0 0', 'first: an earlier one');
SELECT is(load($$SELECT 'a' AS sku, 13 AS n, '2025-12-31' AS at$$, 'first', 'at'), '0 0 0 1', 'first: a later one');
SELECT is(load($$SELECT 'a' AS sku, NULL::int AS n, 5 AS price$$, 'most_complete'), '0 0 0 1',
          'most_complete: more NULLs lose');
SELECT is(load($$SELECT 'a' AS sku, 14 AS n, 5 AS price$$, 'most_complete'), '0 1 0 0', 'most_complete: no more win');
SELECT is(load($$SELECT * FROM (VALUES ('m', NULL, 1), ('m', 2, 2), ('m', NULL, NULL)) AS v(sku, n, price)$$,
               'most_complete'), '1 0 0 2', 'most_complete among the rows of the source');
SELECT is((SELECT n FROM stock WHERE sku = 'm'), 2, 'the one without NULL');
SELECT is(load($$SELECT * FROM (VALUES ('t', 1), ('t', 2)) AS v(sku, n)$$), '1 0 0 1', 'a tie within the source');
SELECT is((SELECT n FROM stock WHERE sku = 't'), 2, 'the last row of the source');
SELECT is(load($$SELECT 'a' AS sku$$), '0 0 1 0', 'nothing but the key');
SELECT is(load($$SELECT 'neu' AS sku$$), '1 0 0 0', 'nothing but a new key');

-- Equal is what is stored
SELECT is(load($$SELECT 'a' AS sku, 7.004 AS price$$), '0 1 0 0', 'a value is rounded as the column does');
SELECT is(load($$SELECT 'a' AS sku, 7.004 AS price$$), '0 0 1 0', 'and then equal');
SELECT is(load($$SELECT 'a' AS sku, '{"a": 1}' AS doc$$), '0 1 0 0', 'a type without equality');
SELECT is(load($$SELECT 'a' AS sku, '{"a": 1}' AS doc$$), '0 0 1 0', 'is compared by its bytes');
SELECT is(load($$SELECT 'a' AS sku, repeat('[1]', 0) || '"' || repeat('x', 300000) || '"' AS doc$$), '0 1 0 0',
          'a long value');
SELECT is(load($$SELECT 'a' AS sku, repeat('[1]', 0) || '"' || repeat('x', 300000) || '"' AS doc$$), '0 0 1 0',
          'is compared too');

-- Sources
SELECT is(load('public.stock'), '0 0 5 0', 'a table, with a generated column');
SELECT is(load(E'  WITH w AS (SELECT ''a'' AS sku) SELECT * FROM w ; '), '0 0 1 0',
          'a query with WITH and a semicolon');
SELECT is(load($$SELECT sku FROM public.stock WHERE false$$), '0 0 0 0', 'an empty source');
CREATE SEQUENCE calls;
SELECT is(load($$SELECT 'v' || nextval('public.calls') AS sku FROM generate_series(1, 3)$$), '3 0 0 0',
          'a volatile query');
SELECT is((SELECT last_value FROM calls), 3::bigint, 'is run once');
SELECT is(load($$SELECT 'dry' AS sku UNION ALL SELECT 'a'$$, dry_run => true), '1 0 1 0', 'a dry run counts');
SELECT is_empty($$SELECT FROM stock WHERE sku = 'dry'$$, 'and changes nothing');

-- Identity, partitions, keys of several columns in any order, names that are words of the command
CREATE TABLE made (id int GENERATED ALWAYS AS IDENTITY, k int UNIQUE, v text);
SELECT results_eq($$SELECT * FROM etl.load_deduplicated('SELECT 7 AS id, 1 AS k, ''a'' AS v', 'made', '{k}')$$,
                  'VALUES (1::bigint, 0::bigint, 0::bigint, 0::bigint)', 'an identity that is given');
SELECT results_eq($$SELECT * FROM etl.load_deduplicated('SELECT 8 AS id, 1 AS k, ''b'' AS v', 'made', '{k}')$$,
                  'VALUES (0::bigint, 1::bigint, 0::bigint, 0::bigint)', 'is not updated');
SELECT results_eq('SELECT id, k, v FROM made', $$VALUES (7, 1, 'b')$$, 'but the rest is');
CREATE TABLE part (source int, nth1 int, is_new1 text, t text, s text, PRIMARY KEY (source, nth1))
PARTITION BY RANGE (nth1);
CREATE TABLE part_low PARTITION OF part FOR VALUES FROM (0) TO (10);
CREATE TABLE part_high (s text, t text, is_new1 text, nth1 int NOT NULL, source int NOT NULL);
ALTER TABLE part ATTACH PARTITION part_high FOR VALUES FROM (10) TO (20);
SELECT results_eq($$SELECT * FROM etl.load_deduplicated(
                        'SELECT i % 2 AS source, i AS nth1, ''n'' AS is_new1, i::text AS t
                         FROM generate_series(0, 19) AS i',
                        'part', '{nth1,source}')$$,
                  'VALUES (20::bigint, 0::bigint, 0::bigint, 0::bigint)', 'a partitioned table');
SELECT results_eq($$SELECT * FROM etl.load_deduplicated(
                        'SELECT i % 2 AS source, i AS nth1, ''n'' AS is_new1, (i / 15)::text AS t
                         FROM generate_series(0, 29) AS i WHERE i < 20', 'part', '{nth1,source}')$$,
                  'VALUES (0::bigint, 19::bigint, 1::bigint, 0::bigint)', 'again, with changes');
SELECT is((SELECT string_agg(t, '' ORDER BY nth1) FROM part), '00000000000000011111', 'in all partitions');
CREATE COLLATION anycase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE name (name text COLLATE anycase PRIMARY KEY, n int);
SELECT results_eq($$SELECT * FROM etl.load_deduplicated(
                        'SELECT * FROM (VALUES (''Ann'', 1), (''ANN'', 2)) AS v(name, n)', 'name', '{name}')$$,
                  'VALUES (1::bigint, 0::bigint, 0::bigint, 1::bigint)', 'keys are equal as the collation says')
UNION ALL
SELECT results_eq($$SELECT * FROM etl.load_deduplicated('SELECT ''ann'' AS name, 2 AS n', 'name', '{name}')$$,
                  'VALUES (0::bigint, 0::bigint, 1::bigint, 0::bigint)', 'in the table too');

-- A trigger that holds rows back
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.n = 13 THEN
        RETURN NULL;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER no_thirteen BEFORE INSERT OR UPDATE ON stock FOR EACH ROW EXECUTE FUNCTION refuse();
SET client_min_messages = error;
SELECT is(load($$SELECT * FROM (VALUES ('z', 13), ('y', 1), ('a', 13)) AS v(sku, n)$$), '1 0 0 2',
          'rows that a trigger holds back count as ignored');
RESET client_min_messages;
DROP TRIGGER no_thirteen ON stock;

-- What holds rows back: their number has no limit, and errors stay errors
CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.n IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'ETL00', MESSAGE = 'not without n';
    END IF;
    RETURN CASE WHEN NEW.n % 10 = 0 THEN NEW END;
END
$$;
CREATE TABLE held (k int PRIMARY KEY, n int, doc text);
CREATE TRIGGER hold BEFORE INSERT ON held FOR EACH ROW EXECUTE FUNCTION hold();
SET client_min_messages = error;
SET LOCAL work_mem = '64MB'; -- for 810 rounds of a MB each; the first one, of 300, goes to the disk all the same
SELECT results_eq($$SELECT * FROM etl.load_deduplicated(
                        'SELECT i AS k, i AS n, repeat(''x'', 1000000) AS doc FROM generate_series(1, 300) AS i',
                        'held', '{k}')$$,
                  'VALUES (30::bigint, 0::bigint, 0::bigint, 270::bigint)',
                  'more rows held back than a jsonb can have');
RESET client_min_messages;
RESET work_mem;
SELECT throws_ok($$SELECT * FROM etl.load_deduplicated('SELECT 1 AS k', 'held', '{k}')$$, 'ETL00', 'not without n',
                 'an error of a trigger is no end of a dry run');
SELECT throws_ok($$SELECT * FROM etl.load_deduplicated('SELECT 1 AS k', 'held', '{k}', dry_run => true)$$, 'ETL00',
                 'not without n', 'not even in one');


-- Types with a length: nothing is cut, neither in a column nor in a key
CREATE DOMAIN short AS varchar(3);
CREATE DOMAIN shorter AS short CHECK (VALUE <> 'no');
CREATE TABLE sized (
    id int PRIMARY KEY, c char(5), v varchar(3), b bit(4), vb varbit(4), n numeric(4, 1), t timestamp(0), tt time(0),
    i interval day to second(0), cs char(2)[], bs bit(2)[], d shorter, ds short[]);
CREATE FUNCTION sized(column_name text, value text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    stored text;
    counts record;
BEGIN
    DELETE FROM sized;
    PERFORM etl.load_deduplicated(format('SELECT 1 AS id, %s AS %I', value, column_name), 'sized', '{id}');
    EXECUTE format('SELECT %I::text FROM sized', column_name) INTO stored;
    SELECT * INTO counts
    FROM etl.load_deduplicated(format('SELECT 1 AS id, %s AS %I', value, column_name), 'sized', '{id}');
    RETURN concat_ws(' ', stored, CASE WHEN counts.unchanged <> 1 THEN 'changes' END);
END
$$;
SELECT is(sized(c, value), stored, format('%s of type %s is stored as an INSERT does it', value, c))
FROM (VALUES ('c', $$'abc'$$, 'abc'), ('c', $$'abcde   '$$, 'abcde'), ('v', $$'abc'$$, 'abc'),
             ('v', $$'abc  '$$, 'abc'),
             ('b', $$B'1010'$$, '1010'), ('b', $$'0110'$$, '0110'), ('vb', $$B'101'$$, '101'), ('n', '12.34', '12.3'),
             ('t', $$'2025-01-01 10:00:00.6'$$, '2025-01-01 10:00:01'), ('tt', $$'10:00:00.6'$$, '10:00:01'),
             ('i', $$'1 day 00:00:01.6'$$, '1 day 00:00:02'),
             ('cs', $$'{{a,b},{c,NULL}}'$$, '{{"a ","b "},{"c ",NULL}}'),
             ('cs', $$ARRAY['ab   ']$$, '{ab}'), ('bs', $$'{10,01}'$$, '{10,01}'), ('bs', 'NULL', ''),
             ('d', $$'abc'$$, 'abc'), ('ds', $$'[2:3]={ab,c}'$$, '[2:3]={ab,c}')) AS v(c, value, stored);
SELECT throws_ok(format('SELECT sized(%L, %L)', c, value), state, NULL,
                 format('%s is refused by column %s', value, c))
FROM (VALUES ('c', $$'abcdef'$$, '22001'), ('v', $$'abcd'$$, '22001'), ('b', $$B'10101'$$, '22026'),
             ('b', $$B'101'$$, '22026'), ('vb', $$B'10101'$$, '22001'), ('n', '12345', '22003'),
             ('cs', $$'{ab,abc}'$$, '22001'), ('bs', $$'{101}'$$, '22026'), ('d', $$'abcd'$$, '22001'),
             ('d', $$'no'$$, '23514'), ('ds', $$'{abcd}'$$, '22001')) AS v(c, value, state);
CREATE FUNCTION sized_key(type text, a text, b text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    counts text;
BEGIN
    EXECUTE format('CREATE TABLE sized_key (k %s PRIMARY KEY, n int)', type);
    SELECT concat_ws(' ', l.inserted, l.updated, l.unchanged, l.ignored) INTO counts FROM etl.load_deduplicated(
        format('SELECT * FROM (VALUES (%s, 1), (%s, 2)) AS v(k, n)', a, b), 'sized_key', '{k}') AS l;
    DROP TABLE sized_key;
    RETURN counts;
END
$$;
SELECT is(sized_key(type, a, b), counts, format('%s and %s as keys of type %s', a, b, type))
FROM (VALUES ('char(5)', $$'abc'$$, $$'abd'$$, '2 0 0 0'), ('char(5)', $$'abc'$$, $$'abc '$$, '1 0 0 1'),
             ('varchar(3)', $$'abc'$$, $$'abd'$$, '2 0 0 0'), ('varchar(3)', $$'abc '$$, $$'abc'$$, '1 0 0 1'),
             ('bit(4)', $$B'1010'$$, $$B'1011'$$, '2 0 0 0'), ('varbit(4)', $$B'10'$$, $$B'100'$$, '2 0 0 0'),
             ('numeric(4,1)', '1.24', '1.16', '1 0 0 1'),
             ('timestamp(0)', $$'2025-01-01 10:00:00.6'$$, $$'2025-01-01 10:00:01.4'$$, '1 0 0 1'),
             ('interval hour', $$'1:10'::interval$$, $$'1:20'::interval$$, '1 0 0 1'),
             ('char(2)[]', $$'{ab}'$$, $$'{ac}'$$, '2 0 0 0'), ('shorter', $$'abc'$$, $$'abd'$$, '2 0 0 0')
     ) AS v(type, a, b, counts);

-- A type whose operators have names and a schema of their own
CREATE SCHEMA odd;
CREATE TYPE odd.size AS (n int);
CREATE FUNCTION odd.compare(a odd.size, b odd.size) RETURNS int LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN a.n < b.n THEN 1 WHEN a.n > b.n THEN -1 ELSE 0 END
$$;
CREATE FUNCTION odd.less(a odd.size, b odd.size) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT odd.compare(a, b) < 0';
CREATE FUNCTION odd.same(a odd.size, b odd.size) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT odd.compare(a, b) = 0';
CREATE FUNCTION odd.more(a odd.size, b odd.size) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT odd.compare(a, b) > 0';
CREATE OPERATOR odd.<# (FUNCTION = odd.less, LEFTARG = odd.size, RIGHTARG = odd.size, COMMUTATOR = OPERATOR(odd.#>));
CREATE OPERATOR odd.=# (FUNCTION = odd.same, LEFTARG = odd.size, RIGHTARG = odd.size, COMMUTATOR = OPERATOR(odd.=#));
CREATE OPERATOR odd.#> (FUNCTION = odd.more, LEFTARG = odd.size, RIGHTARG = odd.size, COMMUTATOR = OPERATOR(odd.<#));
CREATE OPERATOR CLASS odd.size_ops DEFAULT FOR TYPE odd.size USING btree AS
    OPERATOR 1 odd.<#, OPERATOR 3 odd.=#, OPERATOR 5 odd.#>, FUNCTION 1 odd.compare(odd.size, odd.size);
CREATE TABLE odd_stock (k odd.size PRIMARY KEY, at odd.size, n int);
CREATE FUNCTION odd_load(k int, at int, n int) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', inserted, updated, unchanged, ignored) FROM etl.load_deduplicated(
        format('SELECT ROW(%s)::odd.size AS k, ROW(%s)::odd.size AS at, %s AS n', k, at, n), 'odd_stock', '{k}', 'last',
        'at')
$$;
SELECT is(odd_load(1, 5, 1), '1 0 0 0', 'a type that sorts by operators of its own');
SELECT is(odd_load(1, 6, 2), '0 0 0 1', 'which say that 6 comes before 5');
SELECT is(odd_load(1, 4, 3), '0 1 0 0', 'and 4 after it');

-- What is refused
SELECT throws_ok($$SELECT load('SELECT ''a'' AS sku, 1 AS m, 2 AS "o p"')$$, '42703',
                 'the source returns columns that table "public.stock" does not have: m, "o p"');
SELECT throws_ok($$SELECT load('SELECT 1 AS n')$$, '42703', 'the source does not return sku');
SELECT throws_ok($$SELECT load('SELECT ''a'' AS sku', order_by => 'at')$$, '42703', 'the source does not return at');
SELECT throws_ok($$SELECT load('SELECT ''a'' AS sku, 1 AS n, 2 AS n')$$, '42701',
                 'the source returns column "n" twice');
SELECT throws_ok($$SELECT load('SELECT NULL AS sku UNION ALL SELECT ''q''')$$, '23502', NULL, 'a NULL key');
SELECT is_empty($$SELECT FROM stock WHERE sku = 'q'$$, 'nothing of such a source is loaded');
SELECT throws_ok($$SELECT load('SELECT ''a'' AS sku, ''too long'' AS note')$$, '22001', NULL, 'what is too long');
SELECT throws_ok($$SELECT load('WITH d AS (DELETE FROM public.stock RETURNING sku) SELECT sku FROM d')$$, '22023', NULL,
                 'a query that changes data');
SELECT throws_ok($$SELECT load('SELECT ''a'' AS sku; SELECT ''b'' AS sku')$$, '22023', NULL, 'two queries');
SELECT throws_ok($$SELECT load('public.nowhere')$$, '42P01', NULL, 'no such table');
SELECT throws_ok($$SELECT load('')$$, '22023', 'no source was given');
SELECT throws_ok($$SELECT load(NULL)$$, '22023', 'no source was given');
SELECT throws_ok($$SELECT load('public.stock', 'newest')$$, '22023', 'unknown keep "newest"');
SELECT throws_ok($$SELECT load('public.stock', dry_run => NULL)$$, '22023', 'dry_run must not be NULL');
SELECT throws_ok($$SELECT * FROM etl.load_deduplicated('public.stock', 'stock', '{n}')$$, '42P10',
                 'table "public.stock" has no unique index on (n)');
CREATE UNIQUE INDEX ON stock (n) WHERE n > 100;
SELECT throws_ok($$SELECT * FROM etl.load_deduplicated('public.stock', 'stock', '{n}')$$, '42P10', NULL,
                 'nor is a partial one enough');
CREATE TABLE heir () INHERITS (stock);
SELECT throws_ok($$SELECT load('SELECT ''a'' AS sku')$$, '42809', 'other tables inherit from table "public.stock"');
DROP TABLE heir;
CREATE ROLE loader;
SET ROLE loader;
SELECT throws_ok($$SELECT * FROM etl.load_deduplicated('SELECT ''a'' AS sku', 'public.stock', '{sku}')$$, '42501', NULL,
                 'a role without privileges');
RESET ROLE;
GRANT SELECT, INSERT, UPDATE ON stock TO loader;
CREATE FUNCTION climb() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RESET ROLE;
    RETURN 'climbed';
END
$$;
SET ROLE loader;
SELECT throws_ok($$SELECT * FROM etl.load_deduplicated('SELECT public.climb() AS sku', 'public.stock', '{sku}')$$,
                 '42501', NULL, 'the source cannot leave the role');
RESET ROLE;

-- An oracle: etl.dedupe over the rows of the table and then those of the source.
CREATE FUNCTION differs(keep text, order_by name) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    counts record;
    wrong bigint;
BEGIN
    CREATE TEMP TABLE was ON COMMIT DROP AS
    SELECT DISTINCT ON (k) k, (random() * 3)::int AS v, nullif((random() * 3)::int, 0) AS o,
           nullif((random() * 2)::int, 0) AS w FROM (SELECT (random() * 40)::int AS k FROM generate_series(1, 30)) AS d;
    CREATE TEMP TABLE fresh ON COMMIT DROP AS
    SELECT (random() * 40)::int AS k, (random() * 3)::int AS v, nullif((random() * 3)::int, 0) AS o,
           nullif((random() * 2)::int, 0) AS w FROM generate_series(1, 60);
    CREATE TABLE got AS TABLE was;
    ALTER TABLE got ADD PRIMARY KEY (k);
    CREATE TABLE want AS TABLE was;
    INSERT INTO want TABLE fresh;
    SELECT * INTO counts FROM etl.load_deduplicated('TABLE pg_temp.fresh', 'got', '{k}', keep, order_by);
    PERFORM etl.dedupe('want', '{k}', keep, order_by);
    SELECT count(*) INTO wrong FROM (TABLE got EXCEPT TABLE want) AS d;
    wrong := wrong + abs((SELECT count(*) FROM got) - (SELECT count(*) FROM want));
    wrong := wrong + abs(counts.inserted - (SELECT count(*) FROM got WHERE k NOT IN (SELECT k FROM was)));
    wrong := wrong + abs(counts.updated - (SELECT count(*) FROM got JOIN was USING (k) WHERE got IS DISTINCT FROM was));
    wrong := wrong + abs(counts.inserted + counts.updated + counts.unchanged + counts.ignored - 60);
    SELECT * INTO counts FROM etl.load_deduplicated('TABLE pg_temp.fresh', 'got', '{k}', keep, order_by);
    wrong := wrong + counts.inserted + counts.updated;
    DROP TABLE was, fresh, got, want;
    RETURN wrong;
END
$$;
SELECT setseed(0.3);
SELECT is((SELECT sum(wrong) FROM (SELECT differs(keep, order_by) FROM generate_series(1, 10)) AS d(wrong)), 0::numeric,
          format('keep %s by %s equals etl.dedupe', keep, coalesce(order_by, 'arrival')))
FROM unnest('{last,first,most_complete}'::text[]) AS keep, unnest('{o,NULL}'::name[]) AS order_by;
SELECT * FROM finish();
