-- Records into the rows of a table by a mapping: what each kind of rule makes of each kind of value,
-- and why a record is no row.
BEGIN;
SELECT plan(138);

CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE DOMAIN needed AS text NOT NULL;
CREATE TABLE sale (
    id bigint PRIMARY KEY,
    price numeric(10,2),
    quantity integer DEFAULT 1,
    total numeric,
    at timestamptz,
    day date,
    local timestamp,
    note text,
    hash bytea,
    doc jsonb,
    tags text[],
    feeling mood,
    rank positive,
    created integer GENERATED ALWAYS AS IDENTITY,
    double numeric GENERATED ALWAYS AS (price * 2) STORED
);

-- What one record becomes: its columns without NULLs, or "column: reason" of the reject.
CREATE FUNCTION mapped(mapping jsonb, record text, target regclass DEFAULT 'sale') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    made text;
BEGIN
    EXECUTE format('SELECT jsonb_strip_nulls(to_jsonb(q))::text FROM (%s) AS q',
                   etl._mapped_query(format('etl._map_records(%L::text[], %L::regclass, %L::jsonb)', ARRAY[record],
                   target,
                                            mapping), target, mapping)) INTO made;
    RETURN coalesce(made, (SELECT coalesce(r.column_name, '') || ': ' || r.reason FROM etl._page_rejects(0) AS r));
END
$$;
-- One value through one rule.
CREATE FUNCTION one(column_name text, value text, rule text DEFAULT '"v"') RETURNS text LANGUAGE sql AS $$
    SELECT mapped(format('{%s: %s}', to_json(column_name), rule)::jsonb, format('{"v": %s}', value))
$$;

-- Paths, alternatives, defaults.
SELECT is(mapped('{"id": "event_id|eventId|event.id"}', '{"event_id": 1, "eventId": 2}'), '{"id": 1}',
          'the first path');
SELECT is(mapped('{"id": "event_id|eventId|event.id"}', '{"event_id": null, "eventId": 2}'), '{"id": 2}',
          'null is as if it were not there');
SELECT is(mapped('{"id": "event_id|eventId|event.id"}', '{"event": {"id": "3"}}'), '{"id": 3}', 'a field of an object');
SELECT is(mapped('{"note": "/a.b/c~1d", "id": "l.1"}', '{"a.b": {"c/d": "x"}, "l": [5, 6]}'), '{"id": 6, "note": "x"}',
          'a JSON pointer, and a place in an array');
SELECT is(mapped('{"note": {"from": ["a|b"]}}', '{"a|b": "x", "a": "y"}'), '{"note": "x"}', 'a path with a bar');
SELECT is(mapped('{"doc": "$"}', '{"a": [1, 2.50]}'), '{"doc": {"a": [1, 2.50]}}', 'the whole record');
SELECT is(mapped('{"id": "a", "price": {"from": "p", "default": 9.5}, "note": {"default": "none"}}', '{"a": 1}'),
          '{"id": 1, "note": "none", "price": 9.50}', 'defaults');
SELECT is(mapped('{"id": "a", "price": {"from": "p", "default": 9.5}}', '{"a": 1, "p": "abc"}'),
          'price: column "price" of type numeric(10,2): invalid input syntax for type numeric: "abc"',
          'a default is for what is missing, not for what is bad');
SELECT is(mapped('{"id": {"default": 12345678901234567890}}', '{}'),
          'id: column "id" of type bigint: value "12345678901234567890" is out of range for type bigint',
          'a default is read as a value is, with all digits');
SELECT is(mapped(NULL, '{"id": 1, "quantity": 5, "created": 9, "double": 9, "other": 1}'), '{"id": 1, "quantity": 5}',
          'without a mapping fields go by names, and generated columns are left alone');
SELECT is(mapped('{"id": "id", "quantity": "q"}', '{"id": 1}'), '{"id": 1, "quantity": 1}',
          'the table''s default where nothing is given');
SELECT is(mapped('{"id": "id", "quantity": {"from": "q", "required": true}}', '{"id": 1, "q": null}'),
          'quantity: column "quantity" is required, and nothing was found at "q"', 'required');
SELECT is(mapped('{"id": "a|b", "note": "n"}', '{"n": "x"}'),
          'id: column "id" must not be NULL, and nothing was found at "a|b"', 'a column that must not be NULL');

-- Values.
SELECT is(one('id', '7.0'), '{"id": 7}', 'a whole number with a point');
SELECT is(one('id', '12e2'), '{"id": 1200}', 'a whole number with an exponent');
SELECT is(one('id', '7.5'), 'id: column "id" of type bigint: invalid input syntax for type bigint: "7.5"',
          'never rounded');
SELECT is(one('id', '9223372036854775807'), '{"id": 9223372036854775807}', 'the largest bigint');
SELECT is(one('id', '9223372036854775808'),
          'id: column "id" of type bigint: value "9223372036854775808" is out of range for type bigint',
          'and one more');
SELECT is(mapped('{"id": {"default": 1}, "total": "v"}', '{"v": 123456789012345678901234567890.000000000000000000001}'),
          '{"id": 1, "total": 123456789012345678901234567890.000000000000000000001}', 'numeric is exact');
SELECT is(mapped('{"id": {"default": 1}, "total": "v"}', '{"v": 1e400}'),
          '{"id": 1, "total": 1' || repeat('0', 400) || '}', 'beyond a double');
SELECT is(one('price', '123456789.1'),
          'price: column "price" of type numeric(10,2): numeric field overflow (A field with '
          'precision 10, scale 2 must round to an absolute value less than 10^8), the value is "123456789.1"',
          'overflow');

-- Only columns that the rule names need a value from here on.
ALTER TABLE sale DROP CONSTRAINT sale_pkey;
ALTER TABLE sale ALTER id DROP NOT NULL;

SELECT is(one('note', '"a\"\\\/\n\u00e9\ud83d\ude00"'), jsonb_build_object('note', E'a"\\/\n\u00e9\U0001F600')::text,
          'escapes');
SELECT is(one('note', '12.50'), '{"note": "12.50"}', 'a number as text keeps its digits');
SELECT is(one('note', '{"a" : [1]}'), '{"note": "{\"a\" : [1]}"}', 'an object as text is its JSON');
SELECT is(one('note', '"a\u0000b"'),
          'note: column "note" of type text: the text holds the character \u0000, which no text of PostgreSQL can, the '
          'value is "a\u0000b"', 'the zero character');
SELECT is(one('doc', '{"a": "\u0000"}'), 'doc: column "doc" of type jsonb: unsupported Unicode escape sequence (\u0000 '
          'cannot be converted to text), the value is "{"a": "\u0000"}"', 'the zero character in a jsonb');
SELECT is(one('note', '"\ud800"'),
          'note: column "note" of type text: the text holds half of a surrogate pair, which is no '
          'character, the value is "\ud800"', 'half of a pair');
SELECT is(one('doc', '"x"'), '{"doc": "x"}', 'a jsonb string');
SELECT is(one('doc', '{"a": 1, "a": 12345678901234567890.5}'), '{"doc": {"a": 12345678901234567890.5}}',
          'a jsonb: the last of equal keys, with all digits');
SELECT is(one('tags', '["a", null, "b\"c"]'), '{"tags": ["a", null, "b\"c"]}', 'an array');
SELECT is(one('tags', '"{a,b}"'), '{"tags": ["a", "b"]}', 'an array as PostgreSQL writes it');
SELECT is(one('tags', '{"a": 1}'),
          'tags: column "tags" of type text[]: expected JSON array, the value is "{"a": 1}"', 'an object is no array');
SELECT is(one('feeling', '"ok"'), '{"feeling": "ok"}', 'an enum');
SELECT is(one('feeling', '"glad"'),
          'feeling: column "feeling" of type public.mood: invalid input value for enum public.mood: "glad"',
          'and a label that it has not');
SELECT is(one('rank', '3'), '{"rank": 3}', 'a domain');
SELECT is(one('rank', '0'),
          'rank: column "rank" of type public.positive: value for domain public.positive violates check '
          'constraint "positive_check", the value is "0"', 'and a value that it refuses');

-- Days and moments.
SET LOCAL timezone = 'UTC';
SELECT is(one('at', '"2024-02-29T10:00:00+02:00"'), '{"at": "2024-02-29T08:00:00+00:00"}', 'a moment');
SELECT is(one('at', '"2024-02-30T10:00:00Z"'),
          'at: column "at" of type timestamp with time zone: date/time field value out '
          'of range: "2024-02-30T10:00:00Z"', 'a day that there is none of');
SELECT is(one(c, v), format('%s: column "%1$s" of type %s: a word that means another day tomorrow is no value, the '
'value is %s',
                            c, t, v), format('%s as %s', v, c))
FROM (VALUES ('at', 'timestamp with time zone'), ('day', 'date'), ('local', 'timestamp without time zone')) AS c(c, t)
CROSS JOIN (VALUES ('"today"'), ('"Now"'), ('"tomorrow 10:00"'), ('"yesterday"')) AS v(v);
SELECT ok(one('at', v) LIKE 'at: column "at" of type timestamp with time zone: %', 'no moment: ' || v)
FROM (VALUES ('""'), ('"soon"'), ('1700000000'), ('true'), ('{}'), ('"2024-13-01"'), ('"31/12/2024"')) AS v(v);
SELECT is(one('at', v, '{"from": "v", "format": "epoch"}'), '{"at": "' || x || '"}', 'epoch ' || v)
FROM (VALUES ('1700000000', '2023-11-14T22:13:20+00:00'), ('"1700000000.5"', '2023-11-14T22:13:20.5+00:00'),
             ('0', '1970-01-01T00:00:00+00:00'), ('-1', '1969-12-31T23:59:59+00:00')) AS v(v, x);
SELECT is(one('at', '1700000000123', '{"from": "v", "format": "epoch_ms"}'), '{"at": "2023-11-14T22:13:20.123+00:00"}',
          'milliseconds');
SELECT is(one('at', '1700000000123', '{"from": "v", "format": "epoch"}'),
          'at: column "at" of type timestamp with time zone: as a moment it is not in the years 1 to 9999, the value '
          'is '
          '"1700000000123"', 'milliseconds that are said to be seconds');
SELECT is(one('at', '"now"', '{"from": "v", "format": "epoch"}'),
          'at: column "at" of type timestamp with time zone: it is not a number, the value is "now"', 'no number');
SELECT is(one('day', '1700000000', '{"from": "v", "format": "epoch"}'), '{"day": "2023-11-14"}',
          'an epoch as a day of UTC');
SELECT is(one('local', '1700000000', '{"from": "v", "format": "epoch"}'), '{"local": "2023-11-14T22:13:20"}',
          'and as a timestamp of UTC');
SET LOCAL timezone = 'America/New_York';
SELECT is(one('day', '1704067200', '{"from": "v", "format": "epoch"}'), '{"day": "2024-01-01"}',
          'whatever the time zone is');
SELECT is(one('at', '"31/12/2024 18:30"', '{"from": "v", "format": "DD/MM/YYYY HH24:MI"}'),
          '{"at": "2024-12-31T18:30:00-05:00"}', 'a pattern: without a zone the session''s counts');
SET LOCAL timezone = 'UTC';
SELECT is(one('day', '"31.12.2024"', '{"from": "v", "format": "DD.MM.YYYY"}'), '{"day": "2024-12-31"}',
          'a day by a pattern');
SELECT is(one('at', '"Feb 3, 2024 04:05 +0200"', '{"from": "v", "format": "Mon DD, YYYY HH24:MI TZHTZM"}'),
          '{"at": "2024-02-03T02:05:00+00:00"}', 'a pattern with a zone');
SELECT ok(one('day', v, '{"from": "v", "format": "DD.MM.YYYY"}') LIKE 'day: column "day" of type date: %',
          'not by the pattern: ' || v)
FROM (VALUES ('""'), ('"31.12"'), ('"31.12.2024 x"'), ('"32.12.2024"'), ('"29.02.2023"'), ('"today"'),
          ('"31/12/2024"')) AS v(v);
SELECT ok(one('day', '["31.12.2024"]', '{"from": "v", "format": "DD.MM.YYYY"}')
          LIKE '%it is neither a text nor a number%',
          'an array has no format');

-- Numbers and bytes in hexadecimal digits.
SELECT is(one('total', '"0x' || repeat('f', 64) || '"', '{"from": "v", "format": "hex"}'),
          '{"total": 115792089237316195423570985008687907853269984665640564039457584007913129639935}', 'a quantity');
SELECT is(one('quantity', '"0x1f"', '{"from": "v", "format": "hex"}'), '{"quantity": 31}', 'into an integer');
SELECT is(one('quantity', '"0xffffffff"', '{"from": "v", "format": "hex"}'),
          'quantity: column "quantity" of type integer: '
          'value "4294967295" is out of range for type integer, the value is "0xffffffff"', 'that is too small for it');
SELECT is(one('hash', '"0xDEADbeef"', '{"from": "v", "format": "hex"}'), '{"hash": "\\xdeadbeef"}', 'bytes');
SELECT is(one('hash', '"Zm9vYg=="', '{"from": "v", "format": "base64"}'), '{"hash": "\\x666f6f62"}', 'base64');

-- Computed columns.
SELECT is(mapped('{"price": "p", "quantity": "q", "total": {"from": "t", "sql": "quantity * price"}}',
          '{"p": 2.5, "q": 3}'),
          '{"price": 2.50, "total": 7.50, "quantity": 3}', 'computed where there is no value');
SELECT is(mapped('{"price": "p", "quantity": "q", "total": {"from": "t", "sql": "quantity * price"}}',
                 '{"p": 2.5, "q": 3, "t": 1}'), '{"price": 2.50, "total": 1, "quantity": 3}',
                 'and not where there is one');
SELECT is(mapped('{"price": "p", "quantity": "q", "total": {"sql": "quantity * price"}}', '{"p": 2.5}'),
          '{"price": 2.50, "total": 2.50, "quantity": 1}', 'it sees the defaults of others');
SELECT is(mapped('{"note": {"sql": "upper(record ->> ''name'')"}}', '{"name": "ada"}'), '{"note": "ADA"}',
          'and the whole record');
SELECT is(mapped('{"price": {"sql": "(record ->> ''a'')::numeric / (record ->> ''b'')::numeric"}}', '{"a": 1, "b": 0}'),
          'price: column "price": division by zero', 'an expression that fails makes a reject');
SELECT is(mapped('{"price": {"sql": "(record ->> ''a'')::numeric"}}', '{"a": 1e10}'),
          'price: column "price": numeric field overflow (A field with precision '
          '10, scale 2 must round to an absolute value less than 10^8)', 'and so does its type');
SELECT is(mapped('{"total": {"sql": "NULL", "required": true}}', '{}'), 'total: column "total" is required',
          'required');
SELECT is(mapped('{"note": {"sql": "record ->> ''a''"}}', '{"a": 1, "b": "\u0000"}'),
          ': the record is no jsonb: unsupported Unicode escape sequence (\u0000 cannot be converted to text)',
          'a record that is no jsonb has no expression');
SELECT is(mapped('{"day": {"sql": "''2024-01-31''"}, "local": {"sql": "day + 1"}}', '{}'),
          '{"day": "2024-01-31", "local": "2024-02-01T00:00:00"}', 'in the order of the columns, cast as in an INSERT');

-- Records.
SELECT is(mapped('{"note": "a"}', v), x, 'no record: ' || v)
FROM (VALUES ('', ': the record is not JSON (at byte 1: it is empty)'),
             ('{"a": }',
             ': the record is not JSON (at byte 7: a value is neither an object, array, string, number, true, '
                         'false nor null)'),
             ('{"a": 1',
             ': the record is not JSON (at byte 1: a bracket, a comma, a colon or a value is missing or out of '
                         'place)'),
             (repeat('[', 2000) || repeat(']', 2000), ': the record nests deeper than 1000 levels')) AS v(v, x);
SELECT is(mapped('{"note": "a"}', '{"a": "first", "a": "last"}'), '{"note": "last"}', 'the last of equal keys counts');
SELECT is(length(mapped('{"note": "a"}', '{"a": "' || repeat('x', 10000000) || '"}')), 10000000 + 12,
          'a field of 10 MB');
SELECT cmp_ok(length(mapped('{"day": "a"}', '{"a": "' || repeat('x', 10000000) || '"}')), '<', 600,
              'a bad field of 10 MB does not fill the reason');
SELECT is(mapped('{"note": "a"}', v), ': the record is no JSON object (It begins with ' || left(v, 1) || ')',
          'a record that is no object: ' || v)
FROM unnest('{1,"null",[],[1]}'::text[]) AS v;
SELECT is(mapped('{"note": "a"}', '{"A": 1}'),
          ': the record has none of the fields that are mapped (Mapped are a)',
          'an object without a field of the mapping');
SELECT is(mapped('{"note": "a"}', '{"a": null}'), '{}', 'a field that is null is one');

-- One page, read in pieces; good rows and rejects.
CREATE FUNCTION batch() RETURNS text[] LANGUAGE sql AS
$$SELECT array_agg(format('{"id": %s}', CASE WHEN i % 7 = 0 THEN '"x"' ELSE i::text END) ORDER BY i)
          FROM generate_series(1, 100) AS i$$;
SELECT is(count(*), 86::bigint, 'good rows')
FROM etl._map_records(batch(), 'sale', '{"id": "id"}') AS m(ordinal int, record jsonb, id bigint);
SELECT is(array_agg(m.id), '{5,6,8,9,10}'::bigint[], 'a range of them')
FROM etl._map_records(batch(), 'sale', '{"id": "id"}', 5, 10) AS m(ordinal int, record jsonb, id bigint);
SELECT is(array_agg(r.ordinal), '{7,14,21,28,35,42,49,56,63,70,77,84,91,98}', 'all rejects')
FROM etl._page_rejects(0) AS r;
SELECT is(count(*), 14::bigint, 'the rejects of records')
FROM etl._record_rejects(batch(), 'sale', '{"id": "id"}') AS r WHERE r.sqlstate = '22P02' AND r.record = '{"id": "x"}';
SELECT throws_ok($$SELECT * FROM etl._map_records('{}', 'sale', '{"id": "id"}') AS m(ordinal int, record jsonb,
          id int)$$,
                 '42804', 'the list of columns is not that of the result', 'another list of columns');
SELECT throws_ok('SELECT * FROM etl._page_rejects(77)', '55000', 'no page of handle 77 was mapped in this transaction',
                 'a handle that nothing was mapped under');

-- What is no fault of a value goes on, and whoever catches it can go on too.
CREATE FUNCTION outcome(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    EXECUTE statement INTO result;
    RETURN result;
EXCEPTION
    WHEN OTHERS OR query_canceled THEN
        RETURN SQLSTATE;
END
$$;
CREATE TABLE faulty (a int, b int DEFAULT 1 / (random() * 0)::int, c mood);
SELECT is(outcome($$SELECT count(*) FROM etl._map_records(ARRAY['{"a": 1, "c": "ok"}', '{"a": 2, "c": "sad"}'],
          'faulty', NULL)
                        AS m(ordinal int, record jsonb, a int, b int, c mood)$$),
          '22012', 'a default of the table that fails');
CREATE TEMPORARY TABLE many AS SELECT array_agg('{"a": "x", "b": 1, "c": "ok"}'::text) AS r FROM generate_series(1,
          300000);
SET LOCAL statement_timeout = '100ms';
SELECT is(outcome($$SELECT count(*) FROM many, etl._map_records(r, 'faulty', '{"a": "a", "b": "b", "c": "c"}')
                        AS m(ordinal int, record jsonb, a int, b int, c mood)$$), '57014', 'a cancel');
SET LOCAL statement_timeout = 0;
SELECT is(outcome($$SELECT count(*) FROM etl._map_records(ARRAY['{"c": "ok"}', '{"c": "x"}', '{"c": "sad"}'],
          'faulty', '{"c": "c"}')
                        AS m(ordinal int, record jsonb, c mood)$$), '2', 'and after both');
CREATE FUNCTION secret() RETURNS int LANGUAGE sql VOLATILE AS 'SELECT 1';
REVOKE EXECUTE ON FUNCTION secret() FROM PUBLIC;
CREATE ROLE mapping_reader;
SET LOCAL ROLE mapping_reader;
SELECT is(outcome($$SELECT count(*) FROM etl._map_records(ARRAY['{"a": 1}'], 'public.faulty',
          '{"a": {"sql": "public.secret()"}}')
                        AS m(ordinal int, record jsonb, a int)$$), '42501', 'a missing privilege');
SELECT is(outcome('SELECT count(*) FROM etl._page_rejects(0)'), '55000', 'another role''s rejects are its own');
RESET ROLE;

-- The paths of a mapping.
SELECT results_eq(
    $$SELECT * FROM etl._mapping_paths('{"a": "x|$.y.z|/p.q/r", "b": {"from": ["c|d", "$", "e.0"], "format": "epoch"},
                                         "s": {"sql": "1"}, "t": "/~1~0"}')$$,
    $$VALUES ('a', 'x', 'x'), ('a', '$.y.z', 'y'), ('a', '/p.q/r', 'p.q'), ('b', 'c|d', 'c|d'), ('b', '$', NULL),
             ('b', 'e.0', 'e'), ('t', '/~1~0', '/~')$$, 'the paths of a mapping, and the fields that they begin with');

-- Mappings that are none.
SELECT throws_ok(format('SELECT etl._check_mapping(%L, %L)', 'sale', m), state, message, message)
FROM (VALUES
    ('{"nope": "a"}', '42703', 'the mapping has a rule for column "nope", which the table does not have'),
    ('{"id": "a..b"}', '22023', '"a..b" is no path to a field'),
    ('{"id": 5}', '22023', 'the rule of column "id" is not valid'),
    ('{"double": "a"}', '428C9', 'column "double" cannot be mapped'),
    ('{"created": "a"}', '428C9', 'column "created" cannot be mapped'),
    ('{"id": {"from": "a", "format": "epoch"}}', '42804', 'format "epoch" is none for type bigint'),
    ('{"note": {"from": "a", "format": "hex"}}', '42804', 'format "hex" is none for type text'),
    ('{"at": {"from": "a", "format": "HH24:MI"}}', '22023', '"HH24:MI" is not a format of days or moments'),
    ('{"total": {"sql": "nope + 1"}}', '42703', 'column "nope" does not exist'),
    ('{"total": {"sql": "1) + (2"}}', '42601', 'syntax error at or near ")"'),
    ('{"total": {"sql": "1, 2"}}', '42601', '"1, 2" is not one expression'),
    ('{"day": {"sql": "1 + 1"}}', '42804', 'column "day" is of type date but expression is of type integer')
) AS v(m, state, message);
CREATE TABLE strict (a int NOT NULL, b int NOT NULL DEFAULT 1, c needed);
SELECT throws_ok($$SELECT etl._check_mapping('strict', '{"c": "c"}')$$, '23502',
          'the mapping gives column "a" no value',
                 'a column that must have a value');
SELECT is(mapped('{"a": "a", "c": "c"}', '{"a": 1}', 'strict'),
          'c: column "c" of type public.needed: domain public.needed does not allow null values',
          'a domain that must not be NULL');
SELECT throws_ok($$SELECT etl._check_mapping('pg_class_oid_index', NULL)$$, '42809',
          '"pg_class_oid_index" is not a table',
                 'an index');

-- Tables and mappings out of samples.
SELECT is(etl.table_definition('public.fresh',
                               ARRAY['{"eventId": 1, "at": "2024-01-01T00:00:00Z", "seat": {"row": 2}}'], '{event_id}'),
E'CREATE TABLE public.fresh (\n    event_id bigint,\n    at timestamptz,\n    seat_row bigint,\n    PRIMARY KEY '
'(event_id)\n);',
          'a table');
SELECT is(etl.infer_mapping(ARRAY['{"eventId": 1, "seat": {"row": 2}}']),
          '{"event_id": "eventId", "seat_row": "seat.row"}',
          'its mapping');
SELECT throws_ok($$SELECT etl.table_definition('t', ARRAY['{"a": 1}'], '{b}')$$, '42703',
                 'no field of the samples becomes column b', 'a key that there is none of');
SELECT throws_ok($$SELECT etl.table_definition('t', ARRAY['{}'])$$, '22023', 'the samples have no field', 'no field');
SET LOCAL statement_timeout = '10s';
SELECT throws_ok($$SELECT etl.infer_mapping(ARRAY(SELECT json_object_agg('k' || i, i)::text
                                                  FROM generate_series(1, 60000) AS i))$$, '54011',
                 'the samples have more than 1600 fields', 'a map of 60000 keys');
SET LOCAL statement_timeout = 0;
SELECT throws_ok($$SELECT etl.table_definition('t', ARRAY['[]'])$$, '22023', 'sample 1 is not an object', 'no object');
SELECT * FROM finish();
ROLLBACK;
