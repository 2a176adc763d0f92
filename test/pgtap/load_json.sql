-- etl.load_text with JSON: lines of NDJSON, arrays anywhere in a document, mappings, and records that are wrong.
SELECT plan(35);
SET client_min_messages = warning;

CREATE TABLE event (
    id bigint PRIMARY KEY, name text, price numeric, at timestamptz, tags text[], info jsonb,
    source text NOT NULL DEFAULT 'file', n int GENERATED ALWAYS AS IDENTITY
);
CREATE FUNCTION shown(r etl._load_result) RETURNS text LANGUAGE sql AS $$
    SELECT format('%s %s=%s+%s+%s+%s+%s', r.status, r.received, r.inserted, r.updated, r.unchanged, r.ignored,
                  r.rejected)
$$;
CREATE VIEW latest AS SELECT * FROM etl.rejected_lines
WHERE batch_id = (SELECT max(batch_id) FROM etl.batches);

SELECT is(shown(etl.load_text(
    E'{"id": 1, "name": "a\\u00e9\\n", "price": 1.50, "at": "2025-03-01T10:00:00Z", "tags": ["x", "y z"], '
    '"info": {"k": [1]}}\n'
    '\r\n {"id": 12345678901234567, "price": 123456789012345678901234567890.12345, "other": 1}\r\n'
    '{"name": null, "id": "3"}',
    'event', 'ndjson')), 'loaded 3=3+0+0+0+0', 'lines');
SELECT results_eq('SELECT id, name, price, at, tags, info, source FROM event ORDER BY n', $$VALUES
    (1::bigint, E'aé\n', 1.50, '2025-03-01 10:00+00'::timestamptz, '{x,"y z"}'::text[], '{"k": [1]}'::jsonb, 'file'),
    (12345678901234567, NULL, 123456789012345678901234567890.12345, NULL, NULL, NULL, 'file'),
    (3, NULL, NULL, NULL, NULL, NULL, 'file')$$, 'have their values, exactly, and defaults where there is none');
SELECT is(shown(etl.load_text('[{"id": 10}, {"id": 11, "name": "]"}]', 'event', 'json')), 'loaded 2=2+0+0+0+0',
    'an array');
SELECT is(shown(etl.load_text('{"meta": {"data": []}, "data": {"items": [{"id": 20}, {"id": 21}], "next": null}}',
    'event',
    'json', records_path => '/data/items')), 'loaded 2=2+0+0+0+0', 'an array within a document');
SELECT is(shown(etl.load_text('[]', 'event', 'json')), 'loaded 0=0+0+0+0+0', 'an array without records');
SELECT is(shown(etl.load_text('', 'event', 'ndjson')), 'loaded 0=0+0+0+0+0', 'no lines');
SELECT is(shown(etl.load_text(
    '[{"eventId": 30, "pay": {"amount": "7.5"}, "ts": 1740823200}, {"event_id": 31, "qty": 3}]',
    'event', 'json', mapping => '{"id": "event_id|eventId", "at": {"from": "ts", "format": "epoch"},
    "price": {"from": "pay.amount", "sql": "(record->>''qty'')::numeric * 2"}, "source": {"default": "api"}}')),
    'loaded 2=2+0+0+0+0', 'a mapping');
SELECT results_eq('SELECT id, price, at, source FROM event WHERE id IN (30, 31) ORDER BY id', $$VALUES
    (30::bigint, 7.5, '2025-03-01 10:00+00'::timestamptz, 'api'), (31, 6, NULL, 'api')$$, 'gives what it says');

-- What is wrong.
SELECT is(shown(etl.load_text(
    E'{"id": 40}\n{"id": 41\nnonsense\n{"id": "x"}\n{"id": 40}\n[42]\n{"id": 43, "name": "\\u0000"}\n'
    '{"id": 44, "at": "soon"}\n{"id": 45}', 'event', 'ndjson')), 'loaded 9=2+0+0+0+7', 'every other line is loaded');
SELECT results_eq('SELECT line, sqlstate FROM latest ORDER BY line', $$VALUES
    (2::bigint, '22P02'), (3, '22P02'), (4, '22P02'), (5, '23505'), (6, '22P02'), (7, '22P05'), (8, '22007')$$,
    'and it is told why not');
SELECT is((SELECT content FROM latest WHERE line = 2), '{"id": 41', 'the text is kept');
SELECT is(shown(etl.load_text(E'[{"id": 50},\n {"id": 51, "price": {}},\n {"id": truth},\n {"id": 53}]', 'event',
    'json')),
    'loaded 4=2+0+0+0+2', 'within an array too');
SELECT results_eq('SELECT line, content FROM latest ORDER BY line', $$VALUES
    (2::bigint, '{"id": 51, "price": {}}'), (3, '{"id": truth}')$$, 'where lines are those of the document');
SELECT throws_ok(format('SELECT etl.load_text(%L, ''event'', ''json'')', v), '22P04', NULL, 'what is no array: ' || v)
FROM unnest(ARRAY[' ', '{"id": 1}', '[{"id": 60}', '[{"id": 60}, ', '[{"id": 60} {"id": 61}]', '[{"id": 60}] x',
                  '<html>', '[{"id": "6']) AS v;
SELECT throws_ok(format('SELECT etl.load_text(%L, ''event'', ''json'', records_path => ''/a/b'')', v), '22P04', NULL,
    'a document that is none: ' || v)
FROM unnest(ARRAY['{"a": {"b": [{"id": 61}]}, "c": }', '{"c": tru, "a": {"b": [{"id": 61}]}}',
                  '{"a": {"b": [{"id": 61}]}', '{"a": {"b": [{"id": 61}], "b": []}}',
                      '{"a": {"b": [{"id": 61}]}, "a": {"b": []}}',
                  '{"a": {"b": [{"id": 61}]}, "c": [1}]}']) AS v;
CREATE TABLE free (a int);
SELECT is(shown(etl.load_text('[1, null, "x", [], {"zz": 1}, {"a": 2}]', 'free', 'json')), 'loaded 6=1+0+0+0+5',
    'what is no object, or has no field that is wanted');
SELECT is(shown(etl.load_text('[5, "7", {"x": 1}]', 'free', 'json', mapping => '{"a": "$"}')), 'loaded 3=2+0+0+0+1',
    'unless the whole record is asked for');
SELECT is(shown(etl.load_text('[[8, 1], 9, {"a": 1}]', 'free', 'json', mapping => '{"a": "/0"}')), 'loaded 3=1+0+0+0+2',
    'or the elements of an array');
SELECT throws_ok($$SELECT etl.load_text('{"a": [1]}', 'event', 'json', records_path => '/b')$$, '22P04', NULL,
    'what is not there');
SELECT is((SELECT count(*) FROM event WHERE id BETWEEN 60 AND 69), 0::bigint, 'leaves nothing');
SELECT is(shown(etl.load_text('[' || repeat('[', 100000) || repeat(']', 100000) || ']', 'event', 'json')),
    'loaded 1=0+0+0+0+1', 'a deep value is refused');
SELECT is(shown(etl.load_text('{"id": 70, "info": {"a": "' || repeat('x', 10000000) || '"}}', 'event', 'ndjson')),
    'loaded 1=1+0+0+0+0', 'a value of 10 MB');
SELECT is((SELECT length(info ->> 'a') FROM event WHERE id = 70), 10000000, 'is whole');
SELECT * FROM finish();
