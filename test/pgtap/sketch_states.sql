-- etl.distinct_set as a value: through tables, texts, dumps and binary files; forged; under functions called by hand.
BEGIN;
SELECT plan(32);

CREATE TABLE kept (name text, s etl.distinct_set);
INSERT INTO kept
SELECT 'numbers', etl.distinct_set(i) FROM generate_series(1, 5000) AS i
UNION ALL SELECT 'texts', etl.distinct_set(i::text) FROM generate_series(1, 300) AS i
UNION ALL SELECT 'zero', etl.distinct_set('00000000-0000-0000-0000-000000000000'::uuid)
UNION ALL SELECT 'none', NULL;
PREPARE sizes AS VALUES ('numbers', 5000::bigint), ('texts', 300), ('zero', 1), ('none', NULL);

SELECT set_eq('SELECT name, etl.cardinality(s) FROM kept', 'sizes', 'a table keeps sets, toasted ones too');
SELECT set_eq('SELECT name, etl.cardinality(s::text::etl.distinct_set) FROM kept', 'sizes', 'the text form is whole');
SELECT is(s::text::etl.distinct_set::text, s::text, 'text of ' || name) FROM kept WHERE s IS NOT NULL ORDER BY name;

-- binary COPY is what send and receive functions do
SELECT current_setting('data_directory') || '/distinct_set.bin' AS file \gset
CREATE TABLE received (LIKE kept);
CREATE TABLE forged (bytes bytea);
COPY kept TO :'file' (FORMAT binary);
COPY received FROM :'file' (FORMAT binary);
SELECT set_eq('SELECT name, etl.cardinality(s) FROM received', 'sizes', 'the binary form is whole');
SELECT set_eq('SELECT name, s::text FROM received', 'SELECT name, s::text FROM kept', 'byte for byte');

-- forged states: by text and by the wire, where bytea sends the very bytes
CREATE FUNCTION refuses(bytes bytea, why text)
RETURNS SETOF text
LANGUAGE plpgsql
AS $$
DECLARE
    file text := current_setting('data_directory') || '/distinct_set.bin';
BEGIN
    RETURN NEXT throws_ok(format('SELECT %L::etl.distinct_set', bytes), '22P03',
                          'invalid value for type etl.distinct_set', 'text: ' || why);
    TRUNCATE forged;
    INSERT INTO forged VALUES (bytes);
    EXECUTE format('COPY forged TO %L (FORMAT binary)', file);
    RETURN NEXT throws_ok(format('COPY received (s) FROM %L (FORMAT binary)', file), '22P03',
                          'invalid value for type etl.distinct_set', 'wire: ' || why);
END
$$;
SELECT substr(s::text, 2)::text AS hex FROM kept WHERE name = 'zero' \gset
SELECT decode(substr(:'hex', 2), 'hex') AS good \gset
SELECT lives_ok(format('SELECT %L::etl.distinct_set', :'good'), 'the bytes of a set are a set');
SELECT refuses(''::bytea, 'no bytes');
SELECT refuses(set_byte(:'good', 0, 0), 'another magic');
SELECT refuses(set_byte(:'good', 4, 2), 'another version');
SELECT refuses(set_byte(:'good', 12, 7), 'entries of another width');
SELECT refuses(set_byte(:'good', 13, 8), 'a mark that is not known');
SELECT refuses(set_byte(:'good', 15, 1), 'a header that is not empty where it must be');
SELECT refuses(:'good'::bytea || '\x00', 'a byte too many');
SELECT refuses(:'good'::bytea || decode(repeat('00', 16), 'hex'), 'a value that is there twice');

-- functions of the aggregates called by hand work on copies
CREATE FUNCTION by_hand()
RETURNS bigint[]
LANGUAGE plpgsql
AS $$
DECLARE
    one etl.distinct_set := etl._distinct_set_add(NULL::etl.distinct_set, 1);
    two etl.distinct_set := etl._distinct_set_add(one, 2);
    other etl.distinct_set := etl._distinct_set_add(NULL::etl.distinct_set, 3);
    united etl.distinct_set := etl._distinct_set_combine(two, other);
    again etl.distinct_set := etl._distinct_set_combine(united, two);
BEGIN
    RETURN ARRAY[etl.cardinality(one), etl.cardinality(two), etl.cardinality(other), etl.cardinality(united),
                 (again::text = united::text)::int];
END
$$;
SELECT is(by_hand(), '{1,2,1,3,1}', 'transition and combine leave their arguments alone');
SELECT throws_ok($$SELECT etl._distinct_set_add(etl._distinct_set_add(NULL::etl.distinct_set, 1), 'a'::text)$$, '42804',
                 'sets of bigint and of text have nothing in common', 'a set takes values of its type only');

-- an open set is one that a worker hands on: every reader takes it
SELECT set_byte(:'good', 13, 1) || decode(repeat('00', 32), 'hex') AS open \gset
SELECT is(etl.cardinality((:'open'::bytea)::text::etl.distinct_set), 1::bigint, 'an open set has repetitions');
SELECT ok(etl.contains((:'open'::bytea)::text::etl.distinct_set, '00000000-0000-0000-0000-000000000000'::uuid),
          'and is searched');
SELECT is(etl.merge(s)::text, (:'good'::bytea)::text, 'and is closed when it is merged')
FROM (VALUES ((:'open'::bytea)::text::etl.distinct_set)) AS v (s);
SELECT is(etl.set_union((:'open'::bytea)::text::etl.distinct_set, (:'good'::bytea)::text::etl.distinct_set)::text,
          (:'good'::bytea)::text, 'or combined');
SELECT ok(etl._distinct_set_add(NULL::etl.distinct_set, NULL::text) IS NULL, 'NULL added to nothing is nothing');
SELECT is(etl.cardinality(etl._distinct_set_add(s, NULL::text)), 5000::bigint, 'NULL is no value')
FROM kept WHERE name = 'numbers';

SELECT * FROM finish();
ROLLBACK;
