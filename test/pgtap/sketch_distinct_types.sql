-- etl.count_distinct and etl.distinct_set of every type: which function a call finds, and the same answers as
-- count(DISTINCT) on random data, whole, merged and in parallel.
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS citext;
SELECT plan(62);

CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE pair AS (a integer, b text);
CREATE DOMAIN percent AS numeric CHECK (VALUE <= 100);
CREATE DOMAIN word AS text;
CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);

-- every type of the server that count(DISTINCT) takes; those that only the catalogs use (category Z) are not asked
CREATE FUNCTION answer_of(query text)
RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
    answer text;
BEGIN
    EXECUTE query INTO answer;
    RETURN answer;
EXCEPTION WHEN undefined_function OR ambiguous_function OR feature_not_supported THEN
    RETURN SQLSTATE;
END
$$;
SELECT is(
    (SELECT string_agg(format_type(oid, NULL), ', ')
     FROM pg_type
     WHERE typtype IN ('b', 'e', 'd', 'r', 'm', 'c') AND (typcategory <> 'Z' OR typname = 'char')
       AND typnamespace IN ('pg_catalog'::regnamespace, 'public'::regnamespace)
       AND answer_of(format('SELECT count(DISTINCT x) FROM (SELECT NULL::%s AS x) AS v', format_type(oid, NULL))) = '0'
       AND answer_of(format('SELECT etl.count_distinct(x) FROM (SELECT NULL::%s AS x) AS v', format_type(oid, NULL)))
           <> '0'),
    NULL, 'every type that count(DISTINCT) takes finds a function');
SELECT is(etl.count_distinct('a'), 1::bigint, 'so does an untyped literal');
SELECT is(etl.count_distinct(NULL), 0::bigint, 'and an untyped NULL');
SELECT is(etl.cardinality(etl.distinct_set(x)), 2::bigint, 'varchar makes a set')
FROM (VALUES ('a'::varchar), ('b')) v (x);
SELECT is(etl.cardinality(etl.distinct_set(x)), 1::bigint, 'char(n) makes a set')
FROM (VALUES ('a '::char(3)), ('a')) v (x);
SELECT is(etl.cardinality(etl.distinct_set(relname)), count(*), 'name makes a set') FROM pg_class
WHERE relnamespace = 'pg_catalog'::regnamespace;
SELECT is(etl.cardinality(etl.distinct_set(relkind)), count(DISTINCT relkind), '"char" makes a set') FROM pg_class;
SELECT ok(etl.distinct_set('a'::varchar)::text = etl.distinct_set(x)::text AND
          etl.distinct_set('a'::char(9))::text = etl.distinct_set(x)::text AND
          etl.distinct_set('a'::name)::text = etl.distinct_set(x)::text, 'texts of all types are equal')
FROM (VALUES ('a'::text)) AS v (x);

-- random values of many types: NULLs, NaN, infinities, -0, equal values that look different
SELECT setseed(0.17);
CREATE TABLE drawn AS
SELECT i, i % 5 AS part, i % 3 AS grp,
       CASE WHEN random() > 0.1 THEN (random() * 60 - 30)::int END AS n, random() < 0.5 AS odd
FROM generate_series(1, 6000) AS i;
CREATE TABLE sample AS
SELECT grp, part, n > 0 AS t_bool, n AS t_int4, n::smallint AS t_int2, n * 4000000000 AS t_int8,
       CASE n WHEN 0 THEN CASE WHEN odd THEN '0'::float8 ELSE '-0' END
              WHEN 1 THEN CASE WHEN odd THEN 'NaN' ELSE '-NaN'::text END::float8
              WHEN 2 THEN 'Infinity' ELSE n / 7.0 END::float8 AS t_float8,
       CASE n WHEN 0 THEN CASE WHEN odd THEN '0' ELSE '-0' END WHEN 1 THEN 'NaN' ELSE n::text END::float4 AS t_float4,
       (n / 100.0 * CASE WHEN odd THEN 1.000 ELSE 1 END)::numeric AS t_numeric, n::numeric::percent AS t_percent,
       n::text AS t_text, n::text::varchar(9) AS t_varchar,
       (CASE WHEN odd THEN n || '  ' ELSE n::text END)::char(9) AS t_char,
       n::text::name AS t_name, n::text::word AS t_word, (CASE WHEN odd THEN 'x' ELSE 'X' END || n)::citext AS t_citext,
       chr(65 + abs(n))::"char" AS t_internal_char, decode(to_hex(abs(n) + 16), 'hex') AS t_bytea,
       (ARRAY['sad', 'ok', 'happy']::mood[])[abs(n) % 3 + 1] AS t_mood, md5(n::text)::uuid AS t_uuid,
       '2024-01-01'::date + n AS t_date, '2024-01-01'::timestamptz + n * interval '1 s' AS t_timestamptz,
       '2024-01-01'::timestamp + n * interval '1 s' AS t_timestamp, '12:00'::time + n * interval '1 min' AS t_time,
       ('12:00'::time + n * interval '1 min')::timetz AS t_timetz,
       CASE WHEN odd THEN make_interval(days => n) ELSE make_interval(hours => n * 24) END AS t_interval,
       ('10.0.0.' || abs(n))::inet AS t_inet, ('10.0.' || abs(n) || '.0/24')::cidr AS t_cidr,
       ('08:00:2b:01:02:' || lpad(to_hex(abs(n)), 2, '0'))::macaddr AS t_macaddr, n::money AS t_money,
       (abs(n) + 1000)::oid AS t_oid, (abs(n) + 1000)::oid::regclass AS t_regclass,
       ('{"a": ' || n || ', "b": [1' || CASE WHEN odd THEN '.0' ELSE '' END || ']}')::jsonb AS t_jsonb,
       ARRAY[n, NULL] AS t_array, ARRAY[(n / 10.0 * CASE WHEN odd THEN 1.0 ELSE 1 END)] AS t_numerics,
       int4range(n, n + 2) AS t_range,
       int4multirange(int4range(n, n + 2)) AS t_multirange, (n, n::text)::pair AS t_pair, n::bit(8) AS t_bit,
       ('0/' || to_hex(abs(n)))::pg_lsn AS t_lsn, n::text::tsvector AS t_tsvector
FROM drawn;
ANALYZE sample;

CREATE FUNCTION columns_of(type text, counted text)
RETURNS text
LANGUAGE sql
AS $$
    SELECT string_agg(format(counted, attname), ', ' ORDER BY attnum) FROM pg_attribute
    WHERE attrelid = 'sample'::regclass AND attname LIKE type
$$;
-- a text search vector is the only one that has an order and no hash function
SELECT throws_ok('SELECT etl.count_distinct(t_tsvector) FROM sample', '42883',
                 'values of type tsvector cannot be counted as distinct', 'no hash function, no count');
ALTER TABLE sample DROP COLUMN t_tsvector;
SELECT is(count(*), 38::bigint, 'columns of many types') FROM pg_attribute
WHERE attrelid = 'sample'::regclass AND attname LIKE 't\_%' AND NOT attisdropped;

SELECT columns_of('t\_%', 'count(DISTINCT %I)') AS oracle, columns_of('t\_%', 'etl.count_distinct(%I)') AS counts \gset
CREATE TABLE expected AS SELECT NULL::int AS grp, to_jsonb(ARRAY[:oracle]) AS counts FROM sample
UNION ALL SELECT grp, to_jsonb(ARRAY[:oracle]) FROM sample GROUP BY grp;
SELECT cmp_ok((SELECT min(c::int) FROM expected, jsonb_array_elements_text(counts) AS c), '>', 1,
              'every column has several values');
SELECT is(to_jsonb(ARRAY[:counts]), (SELECT counts FROM expected WHERE grp IS NULL), 'every type as count(DISTINCT)')
FROM sample;
SELECT set_eq(format('SELECT grp, to_jsonb(ARRAY[%s]) FROM sample GROUP BY grp', :'counts'),
              'SELECT * FROM expected WHERE grp IS NOT NULL', 'and in groups');

-- merged and looked up; no set is made of a citext or a domain of texts, whose call is a cast
CREATE FUNCTION parts_agree(column_name text)
RETURNS boolean
LANGUAGE plpgsql
AS $$
DECLARE
    agree boolean;
BEGIN
    EXECUTE format(
        'WITH parts AS (SELECT part, etl.distinct_set(%1$I) AS s FROM sample GROUP BY part),
              whole AS (SELECT etl.distinct_set(%1$I) AS s, count(DISTINCT %1$I) AS n FROM sample),
              merged AS (SELECT etl.merge(s) AS s FROM parts)
         SELECT etl.cardinality(whole.s) = whole.n AND merged.s::text = whole.s::text
                AND (SELECT bool_and(etl.contains(whole.s, %1$I)) FROM sample)
                AND (SELECT bool_and(etl.contains(parts.s, %1$I)) FROM parts JOIN sample USING (part))
         FROM whole, merged', column_name) INTO agree;
    RETURN agree;
END
$$;
SELECT ok(parts_agree(attname), attname || ': merged parts are the whole, and it has its values') FROM pg_attribute
WHERE attrelid = 'sample'::regclass AND attname LIKE 't\_%' AND NOT attisdropped
  AND attname NOT IN ('t_citext', 't_word');
SELECT throws_like('SELECT etl.distinct_set(t_word) FROM sample', 'invalid input syntax for type etl.distinct_set%',
                   'a domain of texts must be cast');

SET LOCAL max_parallel_workers_per_gather = 2;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
CREATE TABLE parallel AS SELECT to_jsonb(ARRAY[:counts]) AS counts FROM sample;
SELECT is((SELECT counts FROM parallel), (SELECT counts FROM expected WHERE grp IS NULL), 'in parallel, too');

-- collations
SELECT is(etl.count_distinct(x COLLATE loose), count(DISTINCT x COLLATE loose), 'a nondeterministic collation')
FROM (VALUES ('a'), ('A'), ('b'), (NULL), ('')) AS v (x);
SELECT is(etl.count_distinct(x::char(3) COLLATE loose), count(DISTINCT x::char(3) COLLATE loose), 'for char(n), too')
FROM (VALUES ('a'), ('A '), ('b')) AS v (x);
SELECT is(etl.count_distinct(ARRAY[x COLLATE loose]), count(DISTINCT ARRAY[x COLLATE loose]), 'and in arrays')
FROM (VALUES ('a'), ('A'), ('b')) AS v (x);
SELECT is(etl.count_distinct(x COLLATE "C"), 3::bigint, 'another says otherwise')
FROM (VALUES ('a'), ('A'), ('b')) AS v (x);
SELECT ok(etl.contains(etl.distinct_set(x COLLATE loose), 'A' COLLATE loose), 'a set is asked by its collation')
FROM (VALUES ('a'), ('b')) AS v (x);
SELECT throws_ok($$SELECT etl.contains(etl.distinct_set('a' COLLATE loose), 'A')$$, '42804',
                 'a set of text with a nondeterministic collation is asked for a value of text', 'and by no other');
SELECT is(etl.count_distinct(c::text), 3::bigint, 'a citext that is cast is a text')
FROM (VALUES ('a'::citext), ('A'), ('b')) AS v (c);

-- types without a hash function
SELECT throws_ok(format('SELECT etl.count_distinct(x) FROM (VALUES (%s)) AS v (x)', value), '42883',
                 format('values of type %s cannot be counted as distinct', type), type || ' has no equality')
FROM (VALUES ('''{}''::json', 'json'), ('point(1, 2)', 'point'), ('''<a/>''::xml', 'xml'),
             ('ARRAY[point(1, 2)]', 'point[]')) AS refused (value, type);

SELECT * FROM finish();
ROLLBACK;
