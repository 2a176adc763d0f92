-- etl.validate with known answers: expectations on single rows and uniqueness over every type, tables of every shape,
-- and what is refused. Expectations on columns as a whole are in validate_aggregates.sql.
BEGIN;
SELECT plan(158);
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'German';  -- no answer depends on it

-- One expectation on one table, as: success, rows, missing, unexpected, percent, failing values; or why it cannot be
-- decided. Its name is given without the leading expect_column_.
CREATE FUNCTION pg_temp.outcome(target regclass, expectation text, kwargs jsonb, where_sql text DEFAULT NULL)
RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM etl.load_suite(jsonb_build_object('expectations', jsonb_build_array(
        jsonb_build_object('type', 'expect_column_' || expectation, 'kwargs', kwargs)))::text, 'one', replace => true);
    RETURN (SELECT coalesce(v.exception, format('%s %s %s %s %s %s',
                          CASE WHEN v.success THEN 'keeps' ELSE 'breaks' END, v.element_count,
                          coalesce(v.missing_count::text, '-'), v.unexpected_count,
                          coalesce(round(v.unexpected_percent::numeric, 2)::text, '-'), v.partial_unexpected_list))
            FROM etl.validate(target, 'one', where_sql) AS v);
END
$$;

-- The seven expectations ----------------------------------------------------------------------------------------------

CREATE TABLE sale (id int, wallet text, price numeric(18,8), status text, bought timestamptz, moved timestamptz);
INSERT INTO sale VALUES
    (1, '0xab', 10,   'open',   '2025-01-01 10:00', '2025-01-02 10:00'),
    (2, '0xcd', 0,    'closed', '2025-01-01 11:00', '2025-01-01 11:00'),
    (3, '0xZZ', -0.5, 'open',   '2025-01-01 12:00', '2025-01-01 09:00'),
    (3, NULL,   NULL, NULL,     '2025-01-01 13:00', NULL),
    (4, '0xé',  99.5, 'gone',   NULL,               NULL);

SELECT is(pg_temp.outcome('sale', 'values_to_not_be_null', '{"column": "wallet"}'), 'breaks 5 - 1 20.00 [null]',
          'not_be_null counts NULL as unexpected, and nothing as missing');
SELECT is(pg_temp.outcome('sale', 'values_to_not_be_null', '{"column": "id"}'), 'keeps 5 - 0 0.00 []',
          'not_be_null without a NULL');
SELECT is(pg_temp.outcome('sale', 'values_to_be_unique', '{"column": "id"}'), 'breaks 5 0 2 40.00 [3, 3]',
          'be_unique counts every row of a value that repeats');
SELECT is(pg_temp.outcome('sale', 'values_to_be_unique', '{"column": "wallet"}'), 'keeps 5 1 0 0.00 []',
          'be_unique lets NULL be');
SELECT is(pg_temp.outcome('sale', 'values_to_be_unique', '{"column": "moved"}'), 'keeps 5 2 0 0.00 []',
          'two NULLs are no duplicates');
SELECT is(pg_temp.outcome('sale', 'values_to_be_in_set', '{"column": "status", "value_set": ["open", "closed"]}'),
          'breaks 5 1 1 25.00 ["gone"]', 'be_in_set');
SELECT is(pg_temp.outcome('sale', 'values_to_be_in_set', '{"column": "id", "value_set": [1, 2, "3", 4.0]}'),
          'keeps 5 0 0 0.00 []', 'be_in_set reads its members as values of the column''s type');
SELECT is(pg_temp.outcome('sale', 'values_to_be_in_set', '{"column": "status", "value_set": [null]}'),
          'breaks 5 1 4 100.00 ["open", "closed", "open", "gone"]', 'NULL is a member of no set');
SELECT is(pg_temp.outcome('sale', 'values_to_be_between', '{"column": "price", "min_value": 0, "max_value": 99.5}'),
          'breaks 5 1 1 25.00 [-0.50000000]', 'be_between includes its bounds');
SELECT is(pg_temp.outcome('sale', 'values_to_be_between',
                          '{"column": "price", "min_value": 0, "max_value": 99.5,
                            "strict_min": true, "strict_max": true}'),
          'breaks 5 1 3 75.00 [0.00000000, -0.50000000, 99.50000000]', 'strict bounds exclude themselves');
SELECT is(pg_temp.outcome('sale', 'values_to_be_between', '{"column": "bought", "max_value": "2025-01-01T12:00:00Z"}'),
          'breaks 5 1 1 25.00 ["2025-01-01T13:00:00+00:00"]', 'moments are written in ISO 8601');
SELECT is(pg_temp.outcome('sale', 'values_to_match_regex', '{"column": "wallet", "regex": "^0x[0-9a-f]+$"}'),
          'breaks 5 1 2 50.00 ["0xZZ", "0xé"]', 'match_regex');
SELECT is(pg_temp.outcome('sale', 'values_to_match_regex', '{"column": "wallet", "regex": "x"}'),
          'keeps 5 1 0 0.00 []', 'a pattern may match anywhere');
SELECT is(pg_temp.outcome('sale', 'value_lengths_to_equal', '{"column": "wallet", "value": 4}'),
          'breaks 5 1 1 25.00 ["0xé"]', 'lengths_to_equal counts characters');
SELECT is(pg_temp.outcome('sale', 'pair_values_a_to_be_greater_than_b', '{"column_A": "moved", "column_B": "bought"}'),
          'breaks 5 1 3 75.00 [["2025-01-01T11:00:00+00:00", "2025-01-01T11:00:00+00:00"], '
          '["2025-01-01T09:00:00+00:00", "2025-01-01T12:00:00+00:00"], [null, "2025-01-01T13:00:00+00:00"]]',
          'a pair passes over rows without both values');
SELECT is(pg_temp.outcome('sale', 'pair_values_a_to_be_greater_than_b',
                          '{"column_A": "moved", "column_B": "bought", "or_equal": true,
                            "ignore_row_if": "either_value_is_missing"}'),
          'breaks 5 2 1 33.33 [["2025-01-01T09:00:00+00:00", "2025-01-01T12:00:00+00:00"]]',
          'or without either');
SELECT is(pg_temp.outcome('sale', 'pair_values_a_to_be_greater_than_b',
                          '{"column_A": "moved", "column_B": "bought", "or_equal": true, "ignore_row_if": "never"}'),
          'breaks 5 0 3 60.00 [["2025-01-01T09:00:00+00:00", "2025-01-01T12:00:00+00:00"], '
          '[null, "2025-01-01T13:00:00+00:00"], [null, null]]', 'or passes over none');

-- mostly --------------------------------------------------------------------------------------------------------------

SELECT is(pg_temp.outcome('sale', 'values_to_match_regex',
                          '{"column": "wallet", "regex": "^0x[0-9a-f]+$", "mostly": 0.5}'),
          'keeps 5 1 2 50.00 ["0xZZ", "0xé"]', 'mostly is met exactly at its edge, and the failing values are listed');
SELECT is(pg_temp.outcome('sale', 'values_to_match_regex',
                          '{"column": "wallet", "regex": "^0x[0-9a-f]+$", "mostly": 0.500001}'),
          'breaks 5 1 2 50.00 ["0xZZ", "0xé"]', 'and not beyond it');
SELECT is(pg_temp.outcome('sale', 'values_to_be_unique', '{"column": "id", "mostly": 0.6}'),
          'keeps 5 0 2 40.00 [3, 3]', 'mostly for be_unique');
SELECT is(pg_temp.outcome('sale', 'values_to_not_be_null', '{"column": "wallet", "mostly": 0.8}'),
          'keeps 5 - 1 20.00 [null]', 'mostly for not_be_null is of all rows');
CREATE TABLE thousand AS SELECT i FROM generate_series(1, 1000) AS i;
SELECT is((SELECT count(*) FROM generate_series(1, 999) AS k
           WHERE pg_temp.outcome('thousand', 'values_to_be_between',
                                 format('{"column": "i", "max_value": %s, "mostly": %s}', k, k / 1000.0)::jsonb)
                 NOT LIKE 'keeps%' AND k % 37 = 0),
          0::bigint, 'k of 1000 is mostly k/1000 for every k');

-- The list of failing values ------------------------------------------------------------------------------------------

SELECT is(pg_temp.outcome('thousand', 'values_to_be_between', '{"column": "i", "max_value": 500}'),
          format('breaks 1000 0 500 50.00 %s', (SELECT jsonb_agg(i) FROM generate_series(501, 520) AS i)),
          'the failing values are those of the first 20 rows');
CREATE TABLE repeats AS SELECT i / 2 AS i FROM generate_series(0, 99) AS i;
SELECT is(pg_temp.outcome('repeats', 'values_to_be_unique', '{"column": "i"}'),
          'breaks 100 0 100 100.00 [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9]',
          'values that are not unique are listed as often as they occur, 20 in all');
CREATE TABLE single AS SELECT 7 AS i FROM generate_series(1, 50);
SELECT is(pg_temp.outcome('single', 'values_to_be_unique', '{"column": "i"}'),
          format('breaks 50 0 50 100.00 %s', (SELECT jsonb_agg(7) FROM generate_series(1, 20))),
          'one value that occurs more than 20 times');
CREATE TABLE odd_text (t text);
INSERT INTO odd_text VALUES (E'a"b\\c\n\t\x01'), (repeat('é', 600)), (''), (' ');
SELECT is(pg_temp.outcome('odd_text', 'values_to_be_in_set', '{"column": "t", "value_set": ["x"]}'),
          format('breaks 4 0 4 100.00 %s', jsonb_build_array(E'a"b\\c\n\t\x01', repeat('é', 500) || '…', '', ' ')),
          'texts are escaped, and cut after 1000 bytes');
INSERT INTO odd_text SELECT t FROM odd_text;
SELECT is(pg_temp.outcome('odd_text', 'values_to_be_unique', '{"column": "t"}'),
          format('breaks 8 0 8 100.00 %s', jsonb_build_array(
              E'a"b\\c\n\t\x01', repeat('é', 500) || '…', '', ' ',
              E'a"b\\c\n\t\x01', repeat('é', 500) || '…', '', ' ')),
          'be_unique lists values in the same form');

-- Types ---------------------------------------------------------------------------------------------------------------

CREATE TYPE mood AS ENUM ('low', 'high', 'mid');
CREATE DOMAIN code AS text CHECK (VALUE <> '');
CREATE DOMAIN small_code AS code;
CREATE TABLE typed (
    i2 int2, i4 int4, i8 int8, n numeric, f4 float4, f8 float8, t text, v varchar(5), c char(4), d date, ts timestamp,
    tz timestamptz, u uuid, b bool, e mood, dom small_code, a int[], ip inet, iv interval, j jsonb, js json, p point,
    r int4range, by bytea, o oid, ti time);
INSERT INTO typed VALUES
    (-32768, -2147483648, -9223372036854775808, 'NaN', 'NaN', 'NaN', 'b', 'b', 'b', '-infinity', '-infinity',
     '-infinity', '00000000-0000-0000-0000-000000000001', false, 'low', 'b', '{1,2}', '10.0.0.1', '1 day',
     '{"a": 1.0}', '{"a": 1}', '(1,1)', '[1,3)', '\x01', 1, '10:00'),
    (0, 0, 0, 0.0, '-0', '-0', 'B', 'B', 'B ', '2025-01-01', '2025-01-01 10:00', '2025-01-01 10:00',
     '00000000-0000-0000-0000-000000000002', true, 'high', 'B', '{{1,2}}', '10.0.0.0/8', '24 hours', '{"a": 1.00}',
     '{}', '(2,2)', '[1,2]', '\x02', 2, '11:00'),
    (32767, 2147483647, 9223372036854775807, 'Infinity', 'Infinity', 'Infinity', '', '', '', 'infinity', 'infinity',
     'infinity', '00000000-0000-0000-0000-000000000003', NULL, 'mid', 'c', '[0:1]={1,2}', '::1', '2 days', '[]', '[]',
     '(3,3)', 'empty', '\x', 3, '12:00'),
    (1, 1, 1, '-Infinity', '-Infinity', '-Infinity', 'b ', 'b ', 'b  ', NULL, NULL, NULL, NULL, NULL, NULL, NULL,
     NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (2, 2, 2, 0.00, 0.1, 0.1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
     NULL, NULL, NULL, NULL, NULL);

CREATE TABLE answer (number int GENERATED ALWAYS AS IDENTITY, expectation text, kwargs jsonb, wanted text);
INSERT INTO answer (expectation, kwargs, wanted) VALUES
    ('values_to_be_unique', '{"column": "i2"}', 'keeps 5 0 0 0.00 []'),
    ('values_to_be_unique', '{"column": "i8"}', 'keeps 5 0 0 0.00 []'),
    ('values_to_be_unique', '{"column": "n"}', 'breaks 5 0 2 40.00 [0.0, 0.00]'),
    ('values_to_be_unique', '{"column": "f4"}', 'keeps 5 0 0 0.00 []'),
    ('values_to_be_unique', '{"column": "f8"}', 'keeps 5 0 0 0.00 []'),
    ('values_to_be_unique', '{"column": "t"}', 'keeps 5 1 0 0.00 []'),
    ('values_to_be_unique', '{"column": "c"}', 'breaks 5 1 2 50.00 ["b", "b"]'),
    ('values_to_be_unique', '{"column": "d"}', 'keeps 5 2 0 0.00 []'),
    ('values_to_be_unique', '{"column": "u"}', 'keeps 5 2 0 0.00 []'),
    ('values_to_be_unique', '{"column": "b"}', 'keeps 5 3 0 0.00 []'),
    ('values_to_be_unique', '{"column": "e"}', 'keeps 5 2 0 0.00 []'),
    ('values_to_be_unique', '{"column": "dom"}', 'keeps 5 2 0 0.00 []'),
    ('values_to_be_unique', '{"column": "a"}', 'keeps 5 2 0 0.00 []'),
    ('values_to_be_unique', '{"column": "ip"}', 'keeps 5 2 0 0.00 []'),
    ('values_to_be_unique', '{"column": "iv"}', 'breaks 5 2 2 66.67 ["1 day", "24:00:00"]'),
    ('values_to_be_unique', '{"column": "j"}', 'breaks 5 2 2 66.67 ["{\"a\": 1.0}", "{\"a\": 1.00}"]'),
    ('values_to_be_unique', '{"column": "r"}', 'breaks 5 2 2 66.67 ["[1,3)", "[1,3)"]'),
    ('values_to_be_unique', '{"column": "by"}', 'keeps 5 2 0 0.00 []'),
    ('values_to_be_between', '{"column": "i2", "min_value": 0, "max_value": 100000}',
     'breaks 5 0 1 20.00 [-32768]'),
    ('values_to_be_between', '{"column": "i4", "min_value": -3000000000, "max_value": 2.0}',
     'breaks 5 0 1 20.00 [2147483647]'),
    ('values_to_be_between', '{"column": "i8", "max_value": 9223372036854775806}',
     'breaks 5 0 1 20.00 [9223372036854775807]'),
    ('values_to_be_between', '{"column": "n", "min_value": 0}', 'breaks 5 0 1 20.00 ["-Infinity"]'),
    ('values_to_be_between', '{"column": "n", "max_value": "Infinity"}', 'breaks 5 0 1 20.00 ["NaN"]'),
    ('values_to_be_between', '{"column": "n", "min_value": 0, "max_value": 0}',
     'breaks 5 0 3 60.00 ["NaN", "Infinity", "-Infinity"]'),
    ('values_to_be_between', '{"column": "f8", "min_value": 0, "max_value": 1}',
     'breaks 5 0 3 60.00 ["NaN", "Infinity", "-Infinity"]'),
    ('values_to_be_between', '{"column": "f4", "min_value": 0.1, "max_value": 0.1}',
     'breaks 5 0 4 80.00 ["NaN", 0, "Infinity", "-Infinity"]'),
    ('values_to_be_between', '{"column": "f8", "min_value": "-Infinity"}', 'keeps 5 0 0 0.00 []'),
    ('values_to_be_between', '{"column": "d", "min_value": "2025-01-01"}', 'breaks 5 2 1 33.33 ["-infinity"]'),
    ('values_to_be_between', '{"column": "d", "min_value": "2024-12-31", "max_value": "2025-01-02"}',
     'breaks 5 2 2 66.67 ["-infinity", "infinity"]'),
    ('values_to_be_between', '{"column": "ts", "max_value": "2025-01-01 09:59:59.999999"}',
     'breaks 5 2 2 66.67 ["2025-01-01T10:00:00", "infinity"]'),
    ('values_to_be_between', '{"column": "tz", "max_value": "2025-01-01T12:00:00+02:00"}',
     'breaks 5 2 1 33.33 ["infinity"]'),
    ('values_to_be_between', '{"column": "u", "max_value": "00000000-0000-0000-0000-000000000002"}',
     'breaks 5 2 1 33.33 ["00000000-0000-0000-0000-000000000003"]'),
    ('values_to_be_between', '{"column": "b", "min_value": true}', 'breaks 5 3 1 50.00 [false]'),
    ('values_to_be_between', '{"column": "e", "max_value": "high"}', 'breaks 5 2 1 33.33 ["mid"]'),
    ('values_to_be_between', '{"column": "a", "min_value": "{1,2}", "max_value": "{1,2}"}',
     'breaks 5 2 2 66.67 ["{{1,2}}", "[0:1]={1,2}"]'),
    ('values_to_be_between', '{"column": "ip", "max_value": "10.255.255.255"}', 'breaks 5 2 1 33.33 ["::1"]'),
    ('values_to_be_between', '{"column": "iv", "max_value": "1 day"}', 'breaks 5 2 1 33.33 ["2 days"]'),
    ('values_to_be_between', '{"column": "ti", "max_value": "11:00"}', 'breaks 5 2 1 33.33 ["12:00:00"]'),
    ('values_to_be_between', '{"column": "o", "max_value": 2}', 'breaks 5 2 1 33.33 [3]'),
    ('values_to_be_in_set', '{"column": "i2", "value_set": [-32768, 0, 32767, 1, 100000]}', 'breaks 5 0 1 20.00 [2]'),
    ('values_to_be_in_set', '{"column": "n", "value_set": [0, "NaN", "Infinity"]}', 'breaks 5 0 1 20.00 ["-Infinity"]'),
    ('values_to_be_in_set', '{"column": "f4", "value_set": [0.1, 0, "nan"]}',
     'breaks 5 0 2 40.00 ["Infinity", "-Infinity"]'),
    ('values_to_be_in_set', '{"column": "v", "value_set": ["b", "B", ""]}', 'breaks 5 1 1 25.00 ["b "]'),
    ('values_to_be_in_set', '{"column": "c", "value_set": ["b   ", "B", ""]}', 'keeps 5 1 0 0.00 []'),
    ('values_to_be_in_set', '{"column": "d", "value_set": ["infinity", "2025-01-01"]}',
     'breaks 5 2 1 33.33 ["-infinity"]'),
    ('values_to_be_in_set', '{"column": "u", "value_set": ["{00000000000000000000000000000002}"]}',
     'breaks 5 2 2 66.67 ["00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000003"]'),
    ('values_to_be_in_set', '{"column": "b", "value_set": [true]}', 'breaks 5 3 1 50.00 [false]'),
    ('values_to_be_in_set', '{"column": "e", "value_set": ["low", "mid"]}', 'breaks 5 2 1 33.33 ["high"]'),
    ('values_to_be_in_set', '{"column": "dom", "value_set": ["b", "c"]}', 'breaks 5 2 1 33.33 ["B"]'),
    ('values_to_be_in_set', '{"column": "a", "value_set": ["{1,2}", "{3}"]}',
     'breaks 5 2 2 66.67 ["{{1,2}}", "[0:1]={1,2}"]'),
    ('values_to_be_in_set', '{"column": "ip", "value_set": ["10.0.0.1/32", "::1"]}',
     'breaks 5 2 1 33.33 ["10.0.0.0/8"]'),
    ('values_to_be_in_set', '{"column": "j", "value_set": ["[]", "{\"a\":1}"]}', 'keeps 5 2 0 0.00 []'),
    ('values_to_be_in_set', '{"column": "by", "value_set": ["\\x01", ""]}', 'breaks 5 2 1 33.33 ["\\x02"]'),
    ('values_to_match_regex', '{"column": "v", "regex": "^[bB]$"}', 'breaks 5 1 2 50.00 ["", "b "]'),
    ('values_to_match_regex', '{"column": "c", "regex": "^[bB]   $"}', 'breaks 5 1 1 25.00 [""]'),
    ('values_to_match_regex', '{"column": "c", "regex": "^b$"}', 'breaks 5 1 4 100.00 ["b", "B", "", "b"]'),
    ('values_to_match_regex', '{"column": "dom", "regex": "[bc]"}', 'breaks 5 2 1 33.33 ["B"]'),
    ('value_lengths_to_equal', '{"column": "v", "value": 1}', 'breaks 5 1 2 50.00 ["", "b "]'),
    ('value_lengths_to_equal', '{"column": "c", "value": 1}', 'breaks 5 1 1 25.00 [""]'),
    ('value_lengths_to_equal', '{"column": "dom", "value": 1}', 'keeps 5 2 0 0.00 []'),
    ('pair_values_a_to_be_greater_than_b', '{"column_A": "i8", "column_B": "i2", "or_equal": true}',
     'breaks 5 0 1 20.00 [[-9223372036854775808, -32768]]'),
    ('pair_values_a_to_be_greater_than_b', '{"column_A": "f8", "column_B": "f4", "or_equal": true}',
     'breaks 5 0 1 20.00 [[0.1, 0.1]]'),
    ('pair_values_a_to_be_greater_than_b', '{"column_A": "v", "column_B": "dom", "or_equal": true,
       "ignore_row_if": "either_value_is_missing"}', 'breaks 5 2 1 33.33 [["", "c"]]'),
    ('pair_values_a_to_be_greater_than_b', '{"column_A": "a", "column_B": "a"}',
     'breaks 5 2 3 100.00 [["{1,2}", "{1,2}"], ["{{1,2}}", "{{1,2}}"], ["[0:1]={1,2}", "[0:1]={1,2}"]]'),
    ('values_to_not_be_null', '{"column": "p"}', 'breaks 5 - 2 40.00 [null, null]'),
    ('values_to_not_be_null', '{"column": "js", "mostly": 0.6}', 'keeps 5 - 2 40.00 [null, null]');
SELECT is(pg_temp.outcome('typed', a.expectation, a.kwargs), a.wanted, a.expectation || ' ' || a.kwargs)
FROM answer AS a ORDER BY a.number;

-- Collations ----------------------------------------------------------------------------------------------------------

CREATE COLLATION anycase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE worded (plain text COLLATE "C", loose text COLLATE anycase);
INSERT INTO worded VALUES ('a', 'a'), ('A', 'A'), ('b', 'b'), ('Z', 'Z');
SELECT is(pg_temp.outcome('worded', 'values_to_be_unique', '{"column": "plain"}'), 'keeps 4 0 0 0.00 []',
          'unique by a deterministic collation');
SELECT is(pg_temp.outcome('worded', 'values_to_be_unique', '{"column": "loose"}'), 'breaks 4 0 2 50.00 ["a", "A"]',
          'unique by a nondeterministic one: each row has its own value');
SELECT is(pg_temp.outcome('worded', 'values_to_be_in_set', '{"column": "plain", "value_set": ["A", "B"]}'),
          'breaks 4 0 3 75.00 ["a", "b", "Z"]', 'members by a deterministic collation');
SELECT is(pg_temp.outcome('worded', 'values_to_be_in_set', '{"column": "loose", "value_set": ["A", "B"]}'),
          'breaks 4 0 1 25.00 ["Z"]', 'members by a nondeterministic one');
SELECT is(pg_temp.outcome('worded', 'values_to_be_between', '{"column": "plain", "max_value": "a"}'),
          'breaks 4 0 1 25.00 ["b"]', 'the order is that of the collation: bytes');
SELECT is(pg_temp.outcome('worded', 'values_to_be_between', '{"column": "loose", "max_value": "b"}'),
          'breaks 4 0 1 25.00 ["Z"]', 'the order is that of the collation: a language');

-- Tables of every shape -----------------------------------------------------------------------------------------------

CREATE TABLE nothing (t text, i int);
SELECT is(pg_temp.outcome('nothing', 'values_to_be_unique', '{"column": "t"}'), 'keeps 0 0 0 - []', 'an empty table');
SELECT is(pg_temp.outcome('nothing', 'values_to_not_be_null', '{"column": "t"}'), 'keeps 0 - 0 - []',
          'an empty table has no NULL');
INSERT INTO nothing VALUES (NULL, NULL), (NULL, NULL);
SELECT is(pg_temp.outcome('nothing', 'values_to_match_regex', '{"column": "t", "regex": "a"}'), 'keeps 2 2 0 - []',
          'a column of NULLs has no value that fails');
SELECT is(pg_temp.outcome('nothing', 'values_to_be_in_set', '{"column": "i", "value_set": [1]}'), 'keeps 2 2 0 - []',
          'nor has one of numbers');
SELECT is(pg_temp.outcome('nothing', 'pair_values_a_to_be_greater_than_b', '{"column_A": "i", "column_B": "i"}'),
          'keeps 2 2 0 - []', 'nor has a pair');
SELECT is(pg_temp.outcome('nothing', 'values_to_not_be_null', '{"column": "t"}'), 'breaks 2 - 2 100.00 [null, null]',
          'but it is all NULL');
CREATE TABLE "One ""Row""" ("a b" text, validated int, t int);
INSERT INTO "One ""Row""" VALUES ('x', 1, 2);
SELECT is(pg_temp.outcome('"One ""Row"""', 'values_to_be_in_set', '{"column": "a b", "value_set": ["y"]}'),
          'breaks 1 0 1 100.00 ["x"]', 'one row, and names that want quotes');
SELECT is(pg_temp.outcome('"One ""Row"""', 'pair_values_a_to_be_greater_than_b',
                          '{"column_A": "t", "column_B": "validated"}'),
          'keeps 1 0 0 0.00 []', 'columns named as the aliases of the query');

CREATE TABLE part (id int, k text) PARTITION BY RANGE (id);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (100);
CREATE TABLE part_2 (k text, gone int, id int);
ALTER TABLE part_2 DROP COLUMN gone;
ALTER TABLE part ATTACH PARTITION part_2 FOR VALUES FROM (100) TO (200);
CREATE TABLE part_without_rows PARTITION OF part DEFAULT;
SELECT is(pg_temp.outcome('part', 'values_to_be_unique', '{"column": "k"}'), 'keeps 0 0 0 - []',
          'partitions without rows');
INSERT INTO part VALUES (1, 'a'), (2, 'b'), (101, 'a'), (102, 'c'), (103, NULL);
SELECT is(pg_temp.outcome('part', 'values_to_be_unique', '{"column": "k"}'), 'breaks 5 1 2 50.00 ["a", "a"]',
          'duplicates in two partitions, one without rows');
SELECT is(pg_temp.outcome('part', 'values_to_be_between', '{"column": "id", "min_value": 2, "max_value": 101}'),
          'breaks 5 0 3 60.00 [1, 102, 103]', 'failing values of all partitions');
CREATE TABLE child (extra int) INHERITS (sale);
INSERT INTO child VALUES (1, '0xab', 10, 'odd', NULL, NULL, 1);
SELECT is(pg_temp.outcome('sale', 'values_to_be_in_set',
                          '{"column": "status", "value_set": ["open", "closed", "gone"]}'),
          'breaks 6 1 1 20.00 ["odd"]', 'children are rows of their parent');
SELECT is(pg_temp.outcome('sale', 'values_to_be_unique', '{"column": "wallet"}'),
          'breaks 6 1 2 40.00 ["0xab", "0xab"]', 'duplicates in parent and child');

CREATE TABLE wide (k int, t text, z text);
ALTER TABLE wide ALTER COLUMN t SET STORAGE EXTERNAL;
INSERT INTO wide SELECT i, repeat('x', 1000000) || i / 2, repeat('y', 1000000) FROM generate_series(1, 4) AS i;
SELECT is(pg_temp.outcome('wide', 'value_lengths_to_equal', '{"column": "t", "value": 1000001}'), 'keeps 4 0 0 0.00 []',
          'values in a TOAST table, plain');
SELECT is(pg_temp.outcome('wide', 'values_to_match_regex', '{"column": "z", "regex": "^y*$"}'), 'keeps 4 0 0 0.00 []',
          'values in a TOAST table, compressed');
SELECT is(pg_temp.outcome('wide', 'values_to_be_unique', '{"column": "t"}'),
          format('breaks 4 0 2 50.00 %s', jsonb_build_array(repeat('x', 1000) || '…', repeat('x', 1000) || '…')),
          'long values that differ at their ends');

-- More columns than one call of an aggregate can pass, and more expectations than a row has columns
SELECT etl.load_suite(
    format('{"name": "broad", "expectations": [%s]}',
           string_agg(format('{"type": "expect_column_values_to_be_between",
                               "kwargs": {"column": "c%s", "max_value": %s}}',
                             1 + i % 150, i / 150), ',' ORDER BY i)))
FROM generate_series(0, 1999) AS i \g /dev/null
DO $$
BEGIN
    EXECUTE (SELECT format('CREATE TABLE broad AS SELECT %s FROM generate_series(0, 20) AS g',
                           string_agg(format('g AS c%s', i), ', '))
             FROM generate_series(1, 150) AS i);
END $$;
SELECT results_eq($$SELECT (kwargs ->> 'max_value')::int, count(*), min(unexpected_count), max(unexpected_count),
                           min(element_count)
                    FROM etl.validate('broad', 'broad') GROUP BY 1 ORDER BY 1$$,
                  'SELECT m, CASE m WHEN 13 THEN 50 ELSE 150 END::bigint, 20::bigint - m, 20::bigint - m, 21::bigint
                   FROM generate_series(0, 13) AS m', 'a suite of 150 columns and 2000 expectations');
SELECT is((SELECT count(DISTINCT v.failing_keys)
           FROM etl.validate('broad', 'broad', where_sql => 'c1 = 20', key_columns => '{c150}') AS v),
          1::bigint, 'whose scans name the same keys');
SELECT etl.load_suite(
    format('{"name": "long", "expectations": [%s]}',
           string_agg(format('{"type": "expect_column_values_to_be_between",
                               "kwargs": {"column": "i", "max_value": %s}}', i),
                      ',')))
FROM generate_series(1, 2000) AS i \g /dev/null
SELECT results_eq($$SELECT count(*), sum(unexpected_count), bool_and(success) FROM etl.validate('thousand', 'long')$$,
                  'VALUES (2000::bigint, 499500::numeric, false)', 'a suite of 2000 expectations');
SELECT etl.load_suite('{"name": "no rule", "expectations": []}') \g /dev/null
SELECT is_empty($$SELECT * FROM etl.validate('sale', 'no rule')$$, 'a suite without expectations has no answers');
SELECT etl.load_suite('{"name": "two", "expectations": [
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "price"}},
    {"type": "expect_column_values_to_be_between", "kwargs": {"min_value": 0.0, "column": "price"}}]}') \g /dev/null
SELECT results_eq($$SELECT expectation, kwargs FROM etl.validate('sale', 'two')$$,
                  $$VALUES ('expect_column_values_to_not_be_null', '{"column": "price"}'::jsonb),
                           ('expect_column_values_to_be_between', '{"column": "price", "min_value": 0.0}')$$,
                  'answers come in the order of the suite, with its arguments');

-- where_sql -----------------------------------------------------------------------------------------------------------

SELECT is(pg_temp.outcome('thousand', 'values_to_be_between', '{"column": "i", "max_value": 5}', 'i <= 10'),
          'breaks 10 0 5 50.00 [6, 7, 8, 9, 10]', 'where_sql');
SELECT is(pg_temp.outcome('thousand', 'values_to_be_between', '{"column": "i", "max_value": 5}',
                          'i <= 10 -- only the first'),
          'breaks 10 0 5 50.00 [6, 7, 8, 9, 10]', 'where_sql that ends in a comment');
SELECT is(pg_temp.outcome('thousand', 'values_to_be_between', '{"column": "i", "max_value": 5}', 'i < 0 OR i = 3'),
          'keeps 1 0 0 0.00 []', 'where_sql is one condition');
SELECT is(pg_temp.outcome('thousand', 'values_to_be_between', '{"column": "i", "max_value": 5}', 'false'),
          'keeps 0 0 0 - []', 'where_sql that admits no row');
SELECT is(pg_temp.outcome('thousand', 'values_to_be_between', '{"column": "i", "max_value": 5}', 'NULL'),
          'keeps 0 0 0 - []', 'where_sql that is NULL for every row');
SELECT throws_ok($$SELECT * FROM etl.validate('thousand', 'long', 'j > 1')$$, '42703', NULL,
                 'where_sql with an unknown column');
SELECT throws_ok($$SELECT * FROM etl.validate('thousand', 'long', 'i >')$$, '42601', NULL, 'where_sql that is no SQL');

-- Refused -------------------------------------------------------------------------------------------------------------

SELECT throws_ok($$SELECT * FROM etl.validate('sale', 'unknown')$$, '42704', 'suite "unknown" does not exist',
                 'an unknown suite');
SELECT throws_ok($$SELECT * FROM etl.validate('sale', NULL)$$, '42704', 'no suite was given', 'no suite');
SELECT throws_ok($$SELECT * FROM etl.validate(NULL, 'two')$$, '22023', 'no table was given', 'no table');
SELECT is((SELECT count(*) FROM etl.validate('thousand', 'two') AS v
           WHERE NOT v.success AND v.exception LIKE '%"price"%'), 2::bigint,
          'a missing column is the exception of whoever names it');
CREATE VIEW seen AS SELECT * FROM sale;
CREATE MATERIALIZED VIEW kept AS SELECT * FROM sale;
SELECT throws_ok($$SELECT * FROM etl.validate('seen', 'two')$$, '42809', '"public.seen" is a view, not a table',
                 'a view');
SELECT throws_ok($$SELECT * FROM etl.validate('kept', 'two')$$, '42809',
                 '"public.kept" is a materialized view, not a table', 'a materialized view');
SELECT is(split_part(pg_temp.outcome('typed', c.expectation, c.kwargs::jsonb), E'\n', 1), c.message, c.what)
FROM (VALUES
    ('values_to_match_regex', '{"column": "n", "regex": "1"}',
     'expect_column_values_to_match_regex needs a column of text, but "n" is of type numeric', 'a pattern on a number'),
    ('value_lengths_to_equal', '{"column": "by", "value": 1}',
     'expect_column_value_lengths_to_equal needs a column of text, but "by" is of type bytea', 'a length of bytes'),
    ('values_to_be_between', '{"column": "p", "min_value": "(0,0)"}',
     'expect_column_values_to_be_between(p) needs a type with an order, but the column is of type point',
     'bounds of points'),
    ('values_to_be_in_set', '{"column": "js", "value_set": ["{}"]}',
     'expect_column_values_to_be_in_set(js) needs a type with an order, but the column is of type json',
     'members of json'),
    ('values_to_be_unique', '{"column": "p"}',
     'expect_column_values_to_be_unique needs a type with a hash function, but "p" is of type point', 'unique points'),
    ('pair_values_a_to_be_greater_than_b', '{"column_A": "d", "column_B": "i4"}',
     'expect_column_pair_values_a_to_be_greater_than_b needs columns of one type, but "d" is of type date and "i4" '
     'of type integer', 'a pair of two types'),
    ('pair_values_a_to_be_greater_than_b', '{"column_A": "p", "column_B": "p"}',
     'expect_column_pair_values_a_to_be_greater_than_b needs a type with an order, but "p" is of type point',
     'a pair without an order'),
    ('values_to_be_between', '{"column": "i4", "min_value": "ten"}',
     'invalid input syntax for type bigint: "ten"', 'a bound that is no number'),
    ('values_to_be_between', '{"column": "tz", "min_value": "soon"}',
     'invalid input syntax for type timestamp with time zone: "soon"', 'a bound that is no moment'),
    ('values_to_be_in_set', '{"column": "e", "value_set": ["low", "none"]}',
     'invalid input value for enum public.mood: "none"', 'a member that the enum does not have'),
    ('values_to_be_between', '{"column": "n", "min_value": 10, "max_value": 9}',
     'expect_column_values_to_be_between(n): min_value cannot be greater than max_value', 'bounds swapped'),
    ('values_to_match_regex', '{"column": "t", "regex": "a("}',
     'invalid regular expression: parentheses () not balanced', 'a faulty pattern'),
    ('values_to_match_regex', '{"column": "t", "regex": "[a-b-c]"}',
     'invalid regular expression: invalid character range', 'a pattern that PostgreSQL alone refuses'),
    ('values_to_match_regex', '{"column": "t", "regex": "a{2,1}"}',
     'invalid regular expression: invalid repetition count(s)', 'a faulty count')
) AS c (expectation, kwargs, message, what);

-- Extremes and means --------------------------------------------------------------------------------------------------

CREATE FUNCTION pg_temp.observed(expectation text, query text) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    PERFORM etl.load_suite(format('{"name": "observed", "expectations": [{"type": "expect_column_%s",
                                     "kwargs": {"column": "v"}}]}', expectation), replace => true);
    RETURN (SELECT coalesce(observed_value, to_jsonb(exception)) FROM etl.validate_query(query, 'observed'));
END
$$;
SELECT is(pg_temp.observed('median_to_be_between',
                             $$SELECT v::timestamp FROM (VALUES ('-infinity'), ('infinity')) AS m (v)$$),
          '"-infinity"', 'between the infinite moments lies none');
SELECT is(pg_temp.observed('median_to_be_between',
                             $$SELECT v::date FROM (VALUES ('2024-05-01'), ('infinity')) AS m (v)$$),
          '"2024-05-01"', 'nor between a day and an infinite one');
SELECT is(pg_temp.observed('mean_to_be_between', 'SELECT v::numeric FROM (VALUES (1e20 + 1), (-1e20)) AS m (v)'), '0.5',
          'the mean of numeric is that of its digits');
SELECT is(pg_temp.observed('min_to_be_between', $$SELECT ('0.' || repeat('1', 16383))::numeric AS v$$),
          '0.1111111111111111', 'the least of numbers with as many decimals as there may be');
CREATE TABLE longest AS SELECT ('0.' || repeat('1', 16383))::numeric AS n;
SELECT is((SELECT length(min) FROM etl.profile('longest')), 16385, 'and in a profile');

-- A state is read as it was written, whatever the sessions have set.
CREATE FUNCTION pg_temp.least_states() RETURNS SETOF etl.validation_state LANGUAGE sql AS $$
    SELECT etl.validation_state('{"expectations": [
        {"type": "expect_column_min_to_be_between", "kwargs": {"column": "d"}},
        {"type": "expect_column_min_to_be_between", "kwargs": {"column": "f"}},
        {"type": "expect_column_min_to_be_between", "kwargs": {"column": "i"}},
        {"type": "expect_column_min_to_be_between", "kwargs": {"column": "r"}}]}', '{d,f,i,r}', d, f, i, r)
    FROM (VALUES ('{2020-03-05}'::date[], '{0.12345678901234566}'::float8[], '{1 mon -3 days}'::interval[],
                  '{etl.suite}'::regclass[])) AS v (d, f, i, r)
$$;
CREATE TABLE least (s etl.validation_state);
SET LOCAL datestyle = 'SQL, DMY';
SET LOCAL extra_float_digits = -5;
SET LOCAL intervalstyle = 'sql_standard';
SET LOCAL search_path = etl, public;
INSERT INTO public.least SELECT * FROM pg_temp.least_states();
SET LOCAL datestyle = 'ISO, MDY';
SET LOCAL extra_float_digits = 1;
SET LOCAL intervalstyle = 'postgres';
SET LOCAL search_path = public;
SELECT is((SELECT string_agg(coalesce(observed_value ->> 0, exception), ' ') FROM least, etl.report(s)),
          '{2020-03-05} {0.12345678901234566} {"1 mon -3 days"} {etl.suite}', 'least values in a stored state');

-- The condition of a domain inside a type is its owner's code, which no reader of a state is to run.
CREATE FUNCTION is_seen(date) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('etl_test.seen', 'yes', true);
    RETURN true;
END
$$;
CREATE DOMAIN watched AS date CHECK (is_seen(VALUE));
CREATE DOMAIN plain AS date;
CREATE TABLE domains (v watched[], p plain[]);
INSERT INTO domains VALUES ('{2020-01-01}', '{2020-01-01}');
SELECT set_config('etl_test.seen', 'no', true) \g /dev/null
SELECT is(pg_temp.observed('min_to_be_between', 'SELECT v FROM public.domains'),
          '"expect_column_min_to_be_between needs a type without a domain inside that has a condition, but \"v\" is of '
          'type public.watched[]"', 'no extremes of a type with a watched domain inside');
SELECT is(pg_temp.observed('min_to_be_between', 'SELECT p AS v FROM public.domains'), '"{2020-01-01}"',
          'those of a domain without a condition are as of any type');
SELECT results_eq($$SELECT "distinct", min FROM etl.profile('domains')$$,
                  $$VALUES (1::bigint, NULL), (1, '{2020-01-01}')$$, 'and in a profile');
SELECT etl.load_suite('{"name": "observed", "expectations": [{"type": "expect_column_distinct_values_to_be_in_set",
                         "kwargs": {"column": "v", "value_set": ["{2020-01-01}"]}}]}', replace => true) \g /dev/null
SELECT is((SELECT exception FROM etl.validate('domains', 'observed')),
          'expect_column_distinct_values_to_be_in_set(v) reads values of type public.watched[], which would run the '
          'conditions of a domain inside', 'nor are literals of it read where a state is judged');
SELECT is(current_setting('etl_test.seen'), 'no', 'its condition has not run');

SELECT * FROM finish();
ROLLBACK;
