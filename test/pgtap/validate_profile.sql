-- etl.profile: known answers, then the same answers by plain SQL on columns of all types and on random tables, serial
-- and parallel, in memory and in files.
BEGIN;
SELECT plan(44);
SET LOCAL timezone = 'UTC';
SELECT setseed(0.17) \g /dev/null

-- Known answers ------------------------------------------------------------------------------------------------------

CREATE TABLE sale (gone int, id text PRIMARY KEY, wallet text, price numeric(10,2), paid bool, bought timestamptz);
ALTER TABLE sale DROP COLUMN gone;
INSERT INTO sale VALUES
    ('s1', '0xab12', 10, true, '2025-03-01 10:00'), ('s2', '0xcd34', 2.5, true, '2025-03-01 11:00'),
    ('s3', NULL, 10, false, NULL), ('s4', '0xab12', NULL, NULL, '2025-03-02');
SELECT is(to_jsonb(p), $${"column_name": "id", "data_type": "text", "rows": 4, "nulls": 0, "null_percent": 0,
    "distinct": 4, "distinct_percent": 100, "min": "s1", "max": "s4", "mean": null, "stddev": null,
    "quantiles": null, "top_values": [{"value": "s1", "count": 1}, {"value": "s2", "count": 1},
        {"value": "s3", "count": 1}, {"value": "s4", "count": 1}],
    "min_length": 2, "max_length": 2, "mean_length": 2, "pattern": "^[a-z][0-9]$"}$$::jsonb, 'a key')
FROM etl.profile('sale', columns => '{id}') AS p;
SELECT is(to_jsonb(p), $${"column_name": "wallet", "data_type": "text", "rows": 4, "nulls": 1, "null_percent": 25,
    "distinct": 2, "distinct_percent": 66.66666666666667, "min": "0xab12", "max": "0xcd34", "mean": null,
    "stddev": null, "quantiles": null,
    "top_values": [{"value": "0xab12", "count": 2}, {"value": "0xcd34", "count": 1}],
    "min_length": 6, "max_length": 6, "mean_length": 6, "pattern": "^0x[0-9a-f]{4}$"}$$::jsonb, 'texts')
FROM etl.profile('sale', columns => '{wallet}') AS p;
SELECT is(to_jsonb(p), $${"column_name": "price", "data_type": "numeric(10,2)", "rows": 4, "nulls": 1,
    "null_percent": 25, "distinct": 2, "distinct_percent": 66.66666666666667, "min": "2.5", "max": "10", "mean": 7.5,
    "stddev": 4.330127018922194, "quantiles": {"0.05": 2.5, "0.25": 2.5, "0.50": 10, "0.75": 10, "0.95": 10},
    "top_values": [{"value": 10, "count": 2}, {"value": 2.5, "count": 1}],
    "min_length": null, "max_length": null, "mean_length": null, "pattern": null}$$::jsonb, 'numbers')
FROM etl.profile('sale', columns => '{price}') AS p;
SELECT is(to_jsonb(p), $${"column_name": "paid", "data_type": "boolean", "rows": 4, "nulls": 1, "null_percent": 25,
    "distinct": 2, "distinct_percent": 66.66666666666667, "min": "false", "max": "true", "mean": null, "stddev": null,
    "quantiles": null, "top_values": [{"value": true, "count": 2}, {"value": false, "count": 1}],
    "min_length": null, "max_length": null, "mean_length": null, "pattern": null}$$::jsonb, 'booleans')
FROM etl.profile('sale', columns => '{paid}') AS p;
SELECT is(to_jsonb(p), $${"column_name": "bought", "data_type": "timestamp with time zone", "rows": 4, "nulls": 1,
    "null_percent": 25, "distinct": 3, "distinct_percent": 100, "min": "2025-03-01T10:00:00+00:00",
    "max": "2025-03-02T00:00:00+00:00", "mean": null, "stddev": null,
    "quantiles": {"0.05": "2025-03-01T10:00:00+00:00", "0.25": "2025-03-01T10:00:00+00:00",
        "0.50": "2025-03-01T11:00:00+00:00", "0.75": "2025-03-02T00:00:00+00:00",
        "0.95": "2025-03-02T00:00:00+00:00"},
    "top_values": [{"value": "2025-03-01T10:00:00+00:00", "count": 1},
        {"value": "2025-03-01T11:00:00+00:00", "count": 1}, {"value": "2025-03-02T00:00:00+00:00", "count": 1}],
    "min_length": null, "max_length": null, "mean_length": null, "pattern": null}$$::jsonb, 'moments')
FROM etl.profile('sale', columns => '{bought}') AS p;

SELECT is((SELECT array_agg(column_name) FROM etl.profile('sale')), '{id,wallet,price,paid,bought}',
          'all columns, in their order');
SELECT is((SELECT array_agg(column_name) FROM etl.profile('sale', columns => '{paid, id, paid}')), '{id,paid}',
          'some of them, in the order of the table');
SELECT is_empty($$SELECT * FROM etl.profile('sale', columns => '{}')$$, 'none of them');
SELECT results_eq($$SELECT rows, nulls, "distinct" FROM etl.profile('sale', 'price > 3 -- comment', '{wallet}')$$,
                  $$VALUES (2::bigint, 1::bigint, 1::bigint)$$, 'only the rows of a condition');

-- No rows, no values, one row ----------------------------------------------------------------------------------------

SELECT is(to_jsonb(p) - ARRAY['column_name', 'data_type', 'top_values'],
          $${"rows": 0, "nulls": 0, "null_percent": null, "distinct": 0, "distinct_percent": null, "min": null,
             "max": null, "mean": null, "stddev": null, "quantiles": null, "min_length": null, "max_length": null,
             "mean_length": null, "pattern": null}$$::jsonb, 'no rows: ' || p.column_name)
FROM etl.profile('sale', 'false', '{id, price, bought}') AS p;
SELECT is(to_jsonb(p) - ARRAY['column_name', 'data_type', 'null_percent'],
          $${"rows": 1, "nulls": 1, "distinct": 0, "distinct_percent": null, "min": null, "max": null, "mean": null,
             "stddev": null, "quantiles": null, "top_values": [], "min_length": null, "max_length": null,
             "mean_length": null, "pattern": null}$$::jsonb, 'no values: ' || p.column_name)
FROM etl.profile('sale', 'id = ''s4''', '{price, paid}') AS p;
SELECT results_eq($$SELECT mean, stddev, quantiles FROM etl.profile('sale', 'id = ''s2''', '{price}')$$,
                  $$VALUES (2.5::float8, NULL::float8,
                            '{"0.05": 2.5, "0.25": 2.5, "0.50": 2.5, "0.75": 2.5, "0.95": 2.5}'::jsonb)$$, 'one row');
CREATE TABLE bare ();
SELECT is_empty($$SELECT * FROM etl.profile('bare')$$, 'a table without columns');

-- The oracle ---------------------------------------------------------------------------------------------------------
-- A column's profile by plain SQL. `shown` is how a value is listed, `place` what orders equally frequent ones.

CREATE FUNCTION by_sql(target regclass, column_name name, where_sql text DEFAULT 'true') RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    type regtype := (SELECT coalesce(nullif(t.typbasetype, 0), t.oid)
                     FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
                     WHERE a.attrelid = target AND a.attname = column_name);
    is_number bool := type IN ('int2'::regtype, 'int4', 'int8', 'float4', 'float8', 'numeric');
    is_moment bool := type IN ('date'::regtype, 'timestamp', 'timestamptz');
    is_text bool := type IN ('text'::regtype, 'varchar', 'bpchar');
    has_order bool := NOT type IN ('json'::regtype, 'point');
    has_hash bool := has_order AND NOT type IN ('money'::regtype, 'bit', 'varbit', 'tsvector');
    c text := format('%I', column_name);
    shown text := CASE WHEN type = 'numeric'::regtype THEN format('to_jsonb(trim_scale(%s))', c)
                       WHEN is_number OR is_moment OR type = 'bool'::regtype THEN format('to_jsonb(%s)', c)
                       WHEN is_text THEN format('to_jsonb(%s::text)', c)
                       WHEN type = 'oid'::regtype THEN format('to_jsonb(%s::int8)', c)
                       ELSE format('to_jsonb(format(''%%s'', %s))', c) END;
    place text := CASE WHEN is_number OR is_moment OR type = 'oid'::regtype THEN c
                       WHEN type = 'bool'::regtype THEN c || '::int'
                       WHEN is_text THEN c || '::text COLLATE "C"'
                       ELSE format('format(''%%s'', %s) COLLATE "C"', c) END;
    made jsonb;
    part jsonb;
BEGIN
    EXECUTE format('SELECT jsonb_build_object(''rows'', count(*), ''nulls'', count(*) - count(%s)) FROM %s WHERE %s',
                   c, target, where_sql) INTO made;
    IF has_hash THEN
        EXECUTE format('SELECT jsonb_build_object(''distinct'', count(DISTINCT %s)) FROM %s WHERE %s',
                       c, target, where_sql) INTO part;
        made := made || part;
        EXECUTE format(
            'SELECT jsonb_build_object(''top_values'', coalesce(jsonb_agg(jsonb_build_object(''value'', v.shown, '
            '''count'', v.rows) ORDER BY v.rows DESC, v.place), ''[]'')) '
            'FROM (SELECT (array_agg(shown ORDER BY place))[1] AS shown, min(place) AS place, count(*) AS rows '
            'FROM (SELECT %5$s AS value, %1$s AS shown, %2$s AS place FROM %3$s WHERE %5$s IS NOT NULL AND %4$s '
            'OFFSET 0) AS w GROUP BY value ' -- version 18 mixes up two collations of one column without OFFSET
            'HAVING count(*) > 1 OR %6$s <= 10 ORDER BY 3 DESC, 2 LIMIT 10) AS v',
            shown, place, target, where_sql, c,
            made ->> 'distinct') INTO part;
        made := made || part;
    END IF;
    IF has_order THEN
        EXECUTE format(
            'SELECT jsonb_build_object('
            '''min'', (SELECT %1$s #>> ''{}'' FROM %2$s WHERE %4$s IS NOT NULL AND %3$s ORDER BY %4$s, %5$s LIMIT 1), '
            '''max'', (SELECT %1$s #>> ''{}'' FROM %2$s WHERE %4$s IS NOT NULL AND %3$s '
            'ORDER BY %4$s DESC, %5$s LIMIT 1))',
            CASE WHEN type IN ('float4'::regtype, 'float8') THEN format('to_jsonb(%s::text)', c) ELSE shown END,
            target, where_sql, c, place) INTO part;
        made := made || part;
    END IF;
    IF is_number OR is_moment THEN
        EXECUTE format(
            'SELECT jsonb_build_object(''quantiles'', jsonb_object(ARRAY[''0.05'', ''0.25'', ''0.50'', ''0.75'', '
            '''0.95''], array_agg(to_jsonb(q%5$s) #>> ''{}'' ORDER BY n))) '
            'FROM (SELECT percentile_disc(%1$L::float8[]) WITHIN GROUP (ORDER BY %2$s) AS p '
            'FROM %3$s WHERE %4$s) AS d, unnest(d.p) WITH ORDINALITY AS u (q, n)',
            '{0.05,0.25,0.5,0.75,0.95}', c, target, where_sql,
            CASE WHEN type = 'numeric'::regtype THEN '::float8' ELSE '' END) INTO part;
        made := made || CASE WHEN made -> 'distinct' = '0' THEN '{}' ELSE part END;
    END IF;
    IF is_number THEN
        EXECUTE format('SELECT jsonb_build_object(''mean'', avg(%1$s::numeric), '
                       '''stddev'', stddev_samp(%1$s::float8)) FROM %2$s WHERE %3$s', c, target, where_sql) INTO part;
        made := made || part;
    END IF;
    IF is_text THEN
        EXECUTE format('SELECT jsonb_build_object(''min_length'', min(length(%1$s)), '
                       '''max_length'', max(length(%1$s)), '
                       '''mean_length'', sum(length(%1$s)) / nullif(count(%1$s), 0)::float8) '
                       'FROM %2$s WHERE %3$s', c, target, where_sql) INTO part;
        made := made || part;
    END IF;
    RETURN jsonb_strip_nulls(made);
END
$$;

-- What is compared letter by letter; quantiles as float8.
CREATE FUNCTION tidy(profile jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_strip_nulls(profile - ARRAY['column_name', 'data_type', 'null_percent', 'distinct_percent', 'mean',
                                             'stddev', 'pattern', 'quantiles'])
           || CASE WHEN jsonb_typeof(profile -> 'quantiles') = 'object'
                   THEN jsonb_build_object('quantiles', (
                            SELECT jsonb_object_agg(q.key, CASE WHEN q.value ~ '^-?[0-9.]+$' THEN q.value::float8::text
                                                                ELSE q.value END)
                            FROM jsonb_each_text(profile -> 'quantiles') AS q))
                   ELSE '{}' END
$$;
CREATE FUNCTION is_close(a text, b text) RETURNS bool LANGUAGE sql AS $$
    SELECT coalesce(CASE WHEN a::float8 = 'NaN' OR b::float8 = 'NaN' THEN a = b
                         ELSE abs(a::float8 - b::float8) <= 1e-9 * greatest(abs(b::float8), 1e-300) END,
                    a IS NULL AND b IS NULL)
$$;

-- Where the two differ: no row is the right answer.
CREATE FUNCTION differences(target regclass, where_sql text DEFAULT 'true')
RETURNS TABLE (column_name name, ours text, sql text) LANGUAGE sql AS $$
    SELECT p.column_name, d.*
    FROM etl.profile(target, where_sql) AS p
    CROSS JOIN LATERAL (SELECT to_jsonb(p) AS ours, by_sql(target, p.column_name, where_sql) AS sql) AS b
    CROSS JOIN LATERAL (
        SELECT k.key || ': ' || coalesce(o.value::text, 'none'), coalesce(s.value::text, 'none')
        FROM (SELECT jsonb_object_keys(tidy(b.ours) || tidy(b.sql)) AS key) AS k
        LEFT JOIN jsonb_each(tidy(b.ours)) AS o USING (key)
        LEFT JOIN jsonb_each(tidy(b.sql)) AS s USING (key)
        WHERE o.value IS DISTINCT FROM s.value
        UNION ALL
        SELECT k.key || ': ' || coalesce(b.ours ->> k.key, 'none'), coalesce(b.sql ->> k.key, 'none')
        FROM (VALUES ('mean'), ('stddev')) AS k (key)
        WHERE NOT is_close(b.ours ->> k.key, b.sql ->> k.key)) AS d
$$;
CREATE FUNCTION unmatched(target regclass) RETURNS TABLE (column_name name, pattern text, texts bigint)
LANGUAGE plpgsql AS $$
BEGIN
    FOR column_name, pattern IN SELECT p.column_name, p.pattern FROM etl.profile(target) AS p
                                WHERE p.pattern IS NOT NULL LOOP
        EXECUTE format('SELECT count(*) FROM %s WHERE %I COLLATE "C" !~ %L', target, column_name, pattern) INTO texts;
        IF texts > 0 THEN
            RETURN NEXT;
        END IF;
    END LOOP;
END
$$;

-- Columns of all types -----------------------------------------------------------------------------------------------

CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE pair AS (a int, b text);
CREATE DOMAIN percent AS numeric CHECK (VALUE BETWEEN 0 AND 100);
CREATE DOMAIN word AS text;
CREATE COLLATION anycase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE zoo (
    i2 int2, i4 int4, i8 int8, f4 float4, f8 float8, n numeric, p percent, b bool, d date, ts timestamp,
    tz timestamptz, t time, ttz timetz, iv interval, tx text, vc varchar(20), ch char(9), w word, cs text COLLATE "C",
    ic text COLLATE "en-US-x-icu", nd text COLLATE anycase, u uuid, ip inet, cd cidr, mac macaddr, by bytea, js json,
    jb jsonb, ai int[], at text[], en mood, ae mood[], ir int4range, tr tstzrange, co pair, pt point, m money,
    bi bit(3), vb varbit, nm name, o oid, rc regclass, ls pg_lsn, tv tsvector, "char" "char", x8 xid8,
    "Odd ""name""" int, mr int4multirange);
INSERT INTO zoo
SELECT i % 7, i % 50 - 20, i * 1000000007::int8, CASE WHEN i % 40 = 0 THEN 'NaN' ELSE i % 9 / 8.0 END,
       CASE i % 30 WHEN 0 THEN 'Infinity' WHEN 1 THEN '-Infinity' WHEN 2 THEN 'NaN' WHEN 3 THEN '-0'
                   ELSE i % 11 / 3.0 END,
       CASE i % 3 WHEN 0 THEN 1.0 WHEN 1 THEN 1.00 ELSE (i % 13)::numeric / 7 END, i % 101, i % 4 = 0,
       CASE WHEN i % 90 = 0 THEN 'infinity' ELSE date '2024-02-28' + i % 60 END,
       timestamp '2025-01-01' + i % 8 * interval '1 h',
       timestamptz '2025-01-01 00:00:00.123456+02' + i % 90 * interval '1 day',
       time '10:00' + i % 5 * interval '1 min', (time '10:00' + i % 5 * interval '1 min')::timetz,
       CASE i % 3 WHEN 0 THEN '24:00'::interval WHEN 1 THEN '1 day' ELSE '2 days' END,
       'k' || i % 60, 'v' || i % 3, 'c' || i % 5, 'w' || i % 20, chr(65 + i % 40), chr(65 + i % 40),
       chr(65 + i % 2 * 32 + i % 11), md5((i % 200)::text)::uuid, ('10.0.0.' || i % 20)::inet,
       ('10.' || i % 20 || '.0.0/16')::cidr, '08:00:2b:01:02:03'::macaddr, decode(md5((i % 3)::text), 'hex'), '{}',
       jsonb_build_object('a', CASE WHEN i % 2 = 0 THEN 1.0 ELSE 1 END), ARRAY[i % 3, 7], ARRAY['a', 'b' || i % 2],
       (enum_range(NULL::mood))[1 + i % 3], ARRAY['sad', 'ok']::mood[], int4range(i % 4, 9),
       tstzrange('2025-01-01', '2025-01-02'), ROW(i % 2, 'x')::pair, point(1, i), (i % 7)::text::money,
       (i % 5)::bit(3), B'10', ('n' || i % 4)::name, i % 12, 'pg_class', '0/16AE7F8',
       to_tsvector('simple', 'a' || i % 3), chr(65 + i % 3)::"char", '7', i % 17,
       int4multirange(int4range(1, 2 + i % 3))
FROM generate_series(1, 3000) AS i;
INSERT INTO zoo (i2) SELECT NULL FROM generate_series(1, 10);
SELECT is((SELECT array_agg(column_name) FROM etl.profile('zoo') WHERE "distinct" IS NULL), '{js,pt,m,bi,vb,tv}',
          'columns whose types have no hash function have no different values');
SELECT is_empty($$SELECT * FROM differences('zoo') AS d
                  WHERE NOT (d.column_name = 'f8' AND d.ours ~ '^(mean|stddev)')$$,
                'columns of all types as SQL has them');
SELECT is((SELECT format('%s %s', mean, stddev) FROM etl.profile('zoo', columns => '{f8}')), 'NaN NaN',
          'infinities have no mean');
SELECT is_empty($$SELECT * FROM unmatched('zoo')$$, 'every text matches its pattern');
SELECT is_empty($$SELECT * FROM differences('zoo', 'i4 = 3')$$, 'and so in few rows');
SELECT is_empty($$SELECT * FROM differences('zoo', 'false')$$, 'and in none');
SELECT is((SELECT string_agg(t ->> 'value', ' ' ORDER BY n) FROM etl.profile('zoo', columns => '{iv}') AS p,
                  jsonb_array_elements(p.top_values) WITH ORDINALITY AS v (t, n)), '1 day 2 days',
          'of equal values that look different one is shown, always the same');

-- Random tables ------------------------------------------------------------------------------------------------------

CREATE TABLE plain (id int, k text, code text, price numeric(12,4), score float8, status text, day date,
                    bought timestamptz, amount numeric, u uuid, moody mood);
INSERT INTO plain
SELECT i, 'k' || (random() * 20000)::int,
       CASE WHEN random() < 0.95 THEN 'EU-' || lpad((random() * 9999)::int::text, 4, '0') END,
       CASE WHEN random() < 0.98 THEN (random() * 1000 - 5)::numeric(12,4) END,
       CASE WHEN random() < 0.001 THEN 'NaN' WHEN random() < 0.98 THEN random() END,
       CASE WHEN random() < 0.98 THEN (ARRAY['open', 'closed', 'Open', 'é'])[ceil(random() * 4)] END,
       date '2025-01-01' + (random() * 400)::int, timestamptz '2025-01-01' + random() * interval '1 year',
       round((random() * 1e6)::numeric * 1e12, 3), md5((random() * 3000)::int::text)::uuid,
       (enum_range(NULL::mood))[ceil(random() * 3)]
FROM generate_series(1, 40000) AS i;
CREATE TABLE parted (LIKE plain) PARTITION BY HASH (id);
CREATE TABLE parted_0 PARTITION OF parted FOR VALUES WITH (MODULUS 3, REMAINDER 0);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES WITH (MODULUS 3, REMAINDER 1);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES WITH (MODULUS 3, REMAINDER 2);
INSERT INTO parted SELECT * FROM plain;
ANALYZE plain, parted;

SET LOCAL max_parallel_workers_per_gather = 0;
CREATE TABLE serial AS SELECT * FROM etl.profile('plain');
SELECT is_empty($$SELECT * FROM differences('plain')$$, 'serial, as SQL has it');
SELECT is_empty($$SELECT * FROM differences('plain', 'id % 5 = 0')$$, 'serial, with a condition');
SELECT is_empty($$SELECT * FROM unmatched('plain')$$, 'every text matches its pattern');
SELECT is((SELECT pattern FROM serial WHERE column_name = 'code'), '^EU-[0-9]{4}$', 'and it is the right one');
SELECT bag_eq('SELECT * FROM etl.profile(''parted'')', 'SELECT * FROM serial', 'a partitioned table');
SET LOCAL work_mem = '64kB';
SET LOCAL hash_mem_multiplier = 1;
SELECT results_eq('SELECT * FROM etl.profile(''plain'')', 'SELECT * FROM serial', 'in files where memory is scarce');

SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL max_parallel_workers_per_gather = 2;
CREATE FUNCTION process() RETURNS int LANGUAGE plpgsql PARALLEL SAFE AS 'BEGIN RETURN pg_backend_pid(); END';
SET LOCAL parallel_leader_participation = off;
SELECT is((SELECT min(rows) FROM etl.profile('plain', format('public.process() <> %s', pg_backend_pid()))),
          40000::bigint, 'workers read the rows');
SELECT results_eq('SELECT * FROM etl.profile(''plain'')', 'SELECT * FROM serial', 'parallel, in files');
RESET parallel_leader_participation;
RESET work_mem;
SELECT results_eq('SELECT * FROM etl.profile(''plain'')', 'SELECT * FROM serial', 'parallel, in memory');
SELECT bag_eq('SELECT * FROM etl.profile(''parted'')', 'SELECT * FROM serial', 'parallel, a partitioned table');
SELECT is_empty($$SELECT * FROM differences('zoo') AS d
                  WHERE NOT (d.column_name = 'f8' AND d.ours ~ '^(mean|stddev)')$$, 'parallel, columns of all types');
SET LOCAL max_parallel_workers_per_gather = 0;

-- Wide tables and long texts -----------------------------------------------------------------------------------------

DO $$
BEGIN
    EXECUTE (SELECT format('CREATE TABLE wide AS SELECT %s FROM generate_series(1, 300) AS i',
                           string_agg(format('%s AS c%s', CASE WHEN n % 3 = 0 THEN format('i * %s', n)
                                                               WHEN n % 3 = 1 THEN format('''t%s-'' || i %% 10', n)
                                                               ELSE format('i %% %s', n) END, n), ', ' ORDER BY n))
             FROM generate_series(1, 150) AS n);
END
$$;
SELECT is((SELECT count(*) FROM etl.profile('wide')), 150::bigint, 'a table of 150 columns');
SELECT is_empty($$SELECT * FROM differences('wide')$$, 'as SQL has it');

CREATE TABLE essay AS SELECT repeat(chr(97 + i % 2) || 'é', 200000) || i AS body, repeat('x', 5000) AS same
                      FROM generate_series(1, 6) AS i;
SELECT results_eq($$SELECT min_length, max_length, length(min), length(top_values -> 0 ->> 'value')
                    FROM etl.profile('essay', columns => '{body}')$$, $$VALUES (400001, 400001, 668, 668)$$,
                  'long texts are counted whole and shown cut');
SELECT results_eq($$SELECT "distinct", length(max), top_values -> 0 -> 'count'
                    FROM etl.profile('essay', columns => '{same}')$$, $$VALUES (1::bigint, 1001, '6'::jsonb)$$,
                  'and so are those that repeat');

-- Rights and errors --------------------------------------------------------------------------------------------------

CREATE ROLE etl_test_reader;
SET LOCAL ROLE etl_test_reader;
SELECT throws_ok($$SELECT * FROM etl.profile('sale')$$, '42501', NULL, 'a role that may not read the table');
RESET ROLE;
GRANT SELECT ON sale TO etl_test_reader;
ALTER TABLE sale ENABLE ROW LEVEL SECURITY;
CREATE POLICY dear ON sale USING (price > 3);
SET LOCAL ROLE etl_test_reader;
SELECT results_eq($$SELECT rows, min FROM etl.profile('sale', columns => '{price}')$$, $$VALUES (2::bigint, '10')$$,
                  'a role profiles the rows that it sees');
RESET ROLE;
SELECT throws_ok($$SELECT * FROM etl.profile('sale', columns => '{wallets}')$$, '42703',
                 'column "wallets" of table "public.sale" does not exist', 'an unknown column');
CREATE VIEW look AS SELECT * FROM sale;
SELECT throws_ok($$SELECT * FROM etl.profile('look')$$, '42809', NULL, 'no table');
SELECT throws_ok($$SELECT * FROM etl.profile('sale', 'prize > 3')$$, '42703', NULL,
                 'an unknown column in the condition');
SELECT throws_ok($$SELECT * FROM etl._column_profiles('\x00', 10)$$, '22P03', NULL, 'no state');

SELECT * FROM finish();
ROLLBACK;
