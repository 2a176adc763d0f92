-- Random values into columns of every kind of type: what comes of them is what json_populate_record makes of the same
-- record, and what it refuses is a reject. This proves the short ways that skip a type's input function.
BEGIN;
SELECT plan(5);
SELECT setseed(0.20241);

CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE point_of AS (x int, y text);
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE DOMAIN few AS int[] CHECK (cardinality(VALUE) < 3);
CREATE TABLE target (
    c01 smallint, c02 integer, c03 bigint, c04 real, c05 double precision, c06 numeric, c07 numeric(6,2), c08 text,
    c09 varchar(5), c10 char(4), c11 boolean, c12 date, c13 timestamp, c14 timestamptz, c15 timestamptz(3), c16 time,
    c17 uuid, c18 jsonb, c19 json, c20 bytea, c21 interval, c22 mood, c23 positive, c24 int[], c25 text[], c26 point_of,
    c27 few, c28 numeric(5,0), c29 numeric(3,-2), c30 tstzrange, c31 inet, c32 mood[]
);

CREATE FUNCTION pick(VARIADIC choices text[]) RETURNS text LANGUAGE sql VOLATILE AS
$$SELECT choices[1 + floor(random() * cardinality(choices))::int]$$;

CREATE FUNCTION digits(most int) RETURNS text LANGUAGE sql VOLATILE AS
$$SELECT string_agg(floor(random() * 10)::text, '') FROM generate_series(1, 1 + floor(random() * most)::int)$$;

-- A number as JSON has it.
CREATE FUNCTION a_number() RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT pick('', '', '-') || CASE WHEN random() < 0.2 THEN '0' ELSE (1 + floor(random() * 9))::text || digits(
               CASE floor(random() * 4)::int WHEN 0 THEN 2 WHEN 1 THEN 5 WHEN 2 THEN 20 ELSE 80 END) END
           || CASE WHEN random() < 0.4 THEN '.' || digits(CASE WHEN random() < 0.8 THEN 4 ELSE 70 END) ELSE '' END
           || CASE WHEN random() < 0.15 THEN pick('e', 'E') || pick('', '+', '-') || digits(2) ELSE '' END
$$;

-- A day or moment, well-formed or nearly so.
CREATE FUNCTION a_moment() RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT lpad((1 + floor(random() * 3000))::text, 4, '0') || '-' || lpad(floor(random() * 14)::text, 2, '0') || '-'
           || lpad(floor(random() * 33)::text, 2, '0')
           || CASE WHEN random() < 0.2 THEN '' ELSE
                  pick('T', ' ', 'T', 't', '_') || lpad(floor(random() * 26)::text, 2, '0') || ':'
                  || lpad(floor(random() * 62)::text, 2, '0')
                  || CASE WHEN random() < 0.1 THEN '' ELSE ':' || lpad(floor(random() * 62)::text, 2, '0') END
                  || CASE WHEN random() < 0.5 THEN '.' || digits(8) ELSE '' END
                  || pick('', 'Z', 'z', '+00', '-05:30', '+0545', '+14:00', '-15', '+16:30', ' UTC', ' +01', '+1',
                  '+01:75')
              END
$$;

CREATE FUNCTION a_value() RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT CASE floor(random() * 9)::int
        WHEN 0 THEN a_number()
        WHEN 1 THEN to_json(a_number())::text
        WHEN 2 THEN to_json(a_moment())::text
        WHEN 3 THEN to_json(a_moment())::text
        WHEN 4 THEN pick('true', 'false', 'null', '"t"', '"yes"', '"on"', '"2"', '"TRUE"', '"true"', '"false"')
        WHEN 5 THEN pick('""', '" "', '"abc"', '"abcdef"', '"\u00e9t\u00e9s"', '"\n"', '"a\"b"', '"\u0041"', '"ok"',
                  '"sad"',
                         '"infinity"', '"-infinity"', '"NaN"', '"nan"', '"epoch"', '"\\xdeadbeef"', '"\\xabc"',
                         '"1 day"',
                         '" 12 "', '"+12"', '"12abc"', '"0x1f"', '"1_000"', '"192.168.0.1"', '"{1,2}"', '"(1,a)"',
                         '"[2024-01-01,2024-02-01)"', '"1e5"', '"1e400"', '".5"', '"5."', '"-0"', '"-0.0"')
        WHEN 6 THEN to_json(CASE WHEN random() < 0.7 THEN gen_random_uuid()::text
                                 ELSE upper(replace(gen_random_uuid()::text, '-', pick('', '-'))) END)::text
        WHEN 7 THEN pick('{}', '{"x": 1, "y": "b"}', '{"x": "a"}', '{"y": null}', '{"a": {"b": [1, 2.50]}}',
                  '{"y": {"z": 1}}')
        ELSE pick('[]', '[1, 2]', '[1, null]', '["a", "b\"c"]', '[[1, 2], [3, 4]]', '[[1], [2, 3]]', '[1, 2, 3]',
                  '["ok"]',
                  '["x"]', '[1.5]', '[{"x": 1}]')
    END
$$;

CREATE TEMPORARY TABLE trial AS
SELECT row_number() OVER ()::int AS ordinal, t.c, format('{"x": [1, {"y": 2}], "%s" : %s }', t.c, t.v) AS record
FROM (SELECT 'c' || lpad((1 + i % 32)::text, 2, '0') AS c, a_value() AS v FROM generate_series(1, 8000) AS i) AS t;

-- What json_populate_record makes of it: the row as a text, or that it is refused.
CREATE FUNCTION expected(record text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN json_populate_record(NULL::target, record::json)::text;
EXCEPTION WHEN OTHERS THEN
    RETURN 'refused';
END
$$;

CREATE TEMPORARY TABLE outcome AS
WITH mapped AS (
    SELECT m.ordinal, ROW(m.*)::text AS made
    FROM (SELECT array_agg(record ORDER BY ordinal) FROM trial) AS r(records),
    LATERAL etl._map_records(r.records, 'target', NULL) AS m(ordinal int, record jsonb,
        c01 smallint, c02 integer, c03 bigint, c04 real, c05 double precision, c06 numeric, c07 numeric(6,2), c08 text,
        c09 varchar(5), c10 char(4), c11 boolean, c12 date, c13 timestamp, c14 timestamptz, c15 timestamptz(3),
                  c16 time,
        c17 uuid, c18 jsonb, c19 json, c20 bytea, c21 interval, c22 mood, c23 positive, c24 int[], c25 text[],
        c26 point_of, c27 few, c28 numeric(5,0), c29 numeric(3,-2), c30 tstzrange, c31 inet, c32 mood[])
)
SELECT t.ordinal, t.c, t.record, '(' || regexp_replace(m.made, '^\(\d+,,', '') AS made, j.sqlstate, j.reason,
       j.column_name, expected(t.record) AS expected
FROM trial AS t LEFT JOIN mapped AS m USING (ordinal) LEFT JOIN etl._page_rejects(0) AS j USING (ordinal);

-- A whole number with a point or an exponent is one to us,
-- and none to the input functions of integers. A json keeps the text that it was.
CREATE TEMPORARY VIEW differing AS
SELECT * FROM outcome
WHERE coalesce(made, 'refused') IS DISTINCT FROM expected
  AND NOT (c IN ('c01', 'c02', 'c03', 'c23') AND expected = 'refused' AND made IS NOT NULL
           AND CASE json_typeof(record::json -> c) WHEN 'number' THEN (record::json ->> c)::numeric % 1 = 0 END)
  AND NOT (c = 'c19' AND record ~ '\\u');

SELECT is((SELECT count(*) FROM outcome WHERE made IS NOT NULL AND sqlstate IS NOT NULL), 0::bigint,
          'no record is both a row and a reject');
SELECT cmp_ok((SELECT count(*) FROM outcome WHERE made IS NOT NULL), '>', 1500::bigint, 'many values are read');
SELECT cmp_ok((SELECT count(*) FROM outcome WHERE sqlstate IS NOT NULL), '>', 2000::bigint, 'many are refused');
SELECT is((SELECT count(*) FROM outcome WHERE sqlstate IS NOT NULL AND column_name IS DISTINCT FROM c), 0::bigint,
          'a reject names the column');
SELECT is_empty('SELECT c, record, made, sqlstate, reason, expected FROM differing LIMIT 20',
                'everything is as json_populate_record has it');
SELECT * FROM finish();
ROLLBACK;
