-- JSON Schema in SQL: verdicts, errors with paths, the registry and who sees what of it, and when a change is seen.
BEGIN;
SELECT plan(78);
SET LOCAL client_min_messages = warning;

-- Verdicts ------------------------------------------------------------------------------------------------------------

CREATE TEMPORARY TABLE kept (schema json, doc json, verdict bool);
INSERT INTO kept VALUES
    ('{"type": "integer"}', '1.0', true), ('{"type": "integer"}', '1.5', false), ('true', 'null', true),
    ('false', 'null', false), ('{"enum": ["a\u0000b"]}', '"a\u0000b"', true), ('{"enum": ["a\u0000b"]}', '"ab"', false),
    ('{"minLength": 2}', '"\ud83d\ude00"', false), ('{"pattern": "^\\p{Lu}\\d$"}', '"É1"', true),
    ('{"maximum": 12345678901234567890.1}', '12345678901234567890.2', false),
    ('{"multipleOf": 0.01}', '19.99', true), ('{"uniqueItems": true}', '[1, 1.0]', false),
    ('{"required": ["a"]}', '{"a": null}', true),
    ('{"properties": {"a": {"type": "null"}}}', '{"a": 1, "a": null}', true),
    ('{"$schema": "http://json-schema.org/draft-04/schema#", "minimum": 1, "exclusiveMinimum": true}', '1', false),
    ('{"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"type": "null"}]}', '[1]', false),
    ('{"$schema": "https://json-schema.org/draft/2019-09/schema", "unevaluatedItems": false}', '[1]', false),
    ('{"$schema": "https://json-schema.org/draft/2020-12/schema", "prefixItems": [{"type": "null"}]}', '[1]', false),
    ('{"$ref": "https://json-schema.org/draft/2020-12/schema"}', '{"type": 1}', false),
    ('{"format": "ipv4"}', '"x"', true);
SELECT is(etl.json_valid(k.schema, k.doc), k.verdict, format('%s of %s', k.schema, k.doc)) FROM kept AS k;
SELECT ok((SELECT bool_and((e.message IS NULL) = k.verdict)
           FROM kept AS k LEFT JOIN LATERAL etl.json_errors(k.schema, k.doc) AS e ON true),
          'the errors say what the verdicts say');
SELECT ok(etl.json_valid(NULL, '1') IS NULL, 'no schema, no verdict');
SELECT ok(etl.json_valid('true', NULL) IS NULL, 'no document, no verdict');
SELECT is_empty($$SELECT etl.json_errors(NULL, '1')$$, 'no schema, no errors');
SELECT ok(NOT etl.json_valid('{"exclusiveMinimum": true, "minimum": 1}', '1', draft => '4'), 'a draft for one without');
SELECT ok(etl.json_valid('{"dependentRequired": {"a": ["b"]}}', '{"a": 1}', draft => '7'), 'which knows less');
SELECT ok(NOT etl.json_valid('{"format": "ipv4"}', '"x"', formats => true), 'formats are asserted on request');
SELECT ok(etl.json_valid('{"format": "ipv4"}', '"x"', formats => NULL), 'and on no other');
SELECT results_eq('SELECT provolatile, proparallel FROM pg_catalog.pg_proc WHERE oid = ''etl.json_valid''::regproc',
                  $$VALUES ('s'::"char", 's'::"char")$$, 'stable, and run by parallel workers');

CREATE TABLE guarded (doc json CHECK (etl.json_valid('{"type": "object", "required": ["id"]}', doc)));
SELECT lives_ok($$INSERT INTO guarded VALUES ('{"id": 1}'), (NULL)$$, 'a CHECK that holds');
SELECT throws_ok($$INSERT INTO guarded VALUES ('{"id": 1}'), ('{}')$$, '23514', NULL, 'and one that does not');

-- Many schemas in one statement, each time the right one.
SELECT results_eq($$SELECT etl.json_valid(format('{"maximum": %s}', i % 30)::json, '15')
                    FROM generate_series(1, 200) AS i$$,
                  'SELECT i % 30 >= 15 FROM generate_series(1, 200) AS i', 'schemas that change from row to row');

-- Errors --------------------------------------------------------------------------------------------------------------

SELECT results_eq(
    $$SELECT * FROM etl.json_errors('{"properties": {"a/b": {"items": {"$ref": "#/$defs/n"}}}, "required": ["c"],
                                      "$defs": {"n": {"type": "integer"}}}', '{"a/b": [1, "x"]}')$$,
    $$VALUES ('/a~1b/1', '/properties/a~1b/items/$ref/type', 'type', '"x" is not of type integer'),
             ('', '/required', 'required', 'property "c" is missing')$$, 'paths are JSON pointers');
SELECT results_eq(
    $$SELECT * FROM etl.json_errors('{"propertyNames": {"pattern": "^a"}, "additionalProperties": false}',
                                    '{"\u0000\ud800": 1}')$$,
    $$VALUES ('', '/propertyNames/pattern', 'pattern', '"\u0000\ud800" does not match "^a"'),
             ('/\u0000\ud800', '/additionalProperties', 'additionalProperties',
              'property "\u0000\ud800" is not allowed')$$, 'with the characters that no text holds');
SELECT is((SELECT count(*) FROM etl.json_errors('{"items": {"type": "null"}}',
                                                (SELECT json_agg(i) FROM generate_series(1, 20000) AS i))),
          20000::bigint, 'as many as there are');
SELECT results_eq($$SELECT i, keyword FROM generate_series(1, 4) AS i, etl.json_errors('{"maximum": 2}', to_json(i))$$,
                  $$VALUES (3, 'maximum'), (4, 'maximum')$$, 'in a lateral join');
SELECT results_eq($$SELECT (etl.json_errors('{"maximum": 2}', to_json(i))).keyword FROM generate_series(1, 4) AS i$$,
                  $$VALUES ('maximum'), ('maximum')$$, 'in a select list');

-- Schemas that are none -----------------------------------------------------------------------------------------------

SELECT throws_ok($$SELECT etl.json_valid('{"properties": {"a": {"minLength": "x"}}}', '{}')$$, '22023',
                 'keyword "minLength" of a JSON Schema must be an integer that is not negative', 'a bad keyword');
SELECT throws_ok($$SELECT etl.json_valid('[]', '{}')$$, '22023', NULL, 'no schema');
SELECT throws_ok($$SELECT etl.json_valid('{"pattern": "(a"}', '{}')$$, '2201B', NULL, 'no regular expression');
SELECT throws_ok($$SELECT etl.json_valid('{"pattern": "(a)\\1"}', '{}')$$, '0A000',
                 'invalid or unsupported regular expression in a JSON Schema: "(a)\1"', 'not in linear time');
SELECT throws_ok($$SELECT etl.json_valid('{"$ref": "#"}', '{}')$$, '22023',
                 'a JSON Schema refers to itself without an end', 'a circle');
SELECT throws_ok($$SELECT etl.json_valid('{"$ref": "#/a"}', '{}')$$, '22023',
                 'reference "#/a" of a JSON Schema leads nowhere', 'a reference to nothing');
SELECT throws_ok($$SELECT etl.json_valid('{"$schema": "http://a/b"}', '{}')$$, '42704',
                 'metaschema "http://a/b" is not registered', 'an unknown draft');
SELECT throws_ok($$SELECT etl.json_valid('{}', '{}', draft => '3')$$, '22023', 'unknown draft of JSON Schema: "3"',
                 'an unknown draft as argument');
SELECT throws_ok($$SELECT etl.json_valid('true', (repeat('[', 2000) || repeat(']', 2000))::json)$$, '54000', NULL,
                 'a document that is too deep');
SELECT throws_ok(format($$SELECT etl.json_valid('{"$ref": "#/$defs/d0", "$defs": {%s, "d60": true}}', '1')$$, (
                     SELECT string_agg(format('"d%s": {"allOf": [{"$ref": "#/$defs/d%s"}, {"$ref": "#/$defs/d%s"}]}',
                                              i, i + 1, i + 1), ', ')
                     FROM generate_series(0, 59) AS i)),
                 '54000', 'validating a JSON document by its JSON Schema takes too many steps', 'too much work');

-- The registry --------------------------------------------------------------------------------------------------------

SELECT throws_ok($$SELECT etl.json_valid('{"$ref": "http://a/int.json"}', '1')$$, '42704',
                 'JSON Schema "http://a/int.json" is not registered', 'nothing is fetched');
SELECT lives_ok($$SELECT etl.register_json_schema('http://a/int.json', '{"type": "integer"}')$$, 'register one');
SELECT ok(etl.json_valid('{"$ref": "http://a/int.json"}', '1'), 'it is found');
SELECT ok(NOT etl.json_valid('{"$id": "http://a/other", "$ref": "int.json"}', '"x"'), 'by a relative reference too');
SELECT lives_ok($$SELECT etl.register_json_schema('http://a/list.json#', '{"items": {"$ref": "int.json"}}')$$,
                'an empty fragment is left out');
SELECT ok(NOT etl.json_valid('{"$ref": "http://a/list.json"}', '["x"]'), 'one refers to another');
SELECT lives_ok($$SELECT etl.register_json_schema('http://a/meta', '{"$id": "http://a/meta", "$vocabulary": {
                    "https://json-schema.org/draft/2020-12/vocab/applicator": true}}')$$, 'a metaschema');
SELECT ok(etl.json_valid('{"$schema": "http://a/meta", "minimum": 5}', '1'), 'whose vocabularies count');
SELECT throws_ok($$SELECT etl.register_json_schema('http://a/int.json', '{}')$$, '42710',
                 'JSON Schema "http://a/int.json" is registered already', 'a URI in use');
SELECT lives_ok($$SELECT etl.register_json_schema('http://a/int.json', '{"type": "string"}', replace => true)$$,
                'unless it is to be replaced');
SELECT ok(etl.json_valid('{"$ref": "http://a/int.json"}', '"x"'), 'the new text counts');
SELECT throws_ok(format('SELECT etl.register_json_schema(%L, %L)', r.uri, r.schema), r.state, r.message, r.message)
FROM (VALUES
    ('http://a/b#c', '{}', '22023', 'the URI of a JSON Schema must have a name and no fragment: "http://a/b#c"'),
    ('', '{}', '22023', 'the URI of a JSON Schema must have a name and no fragment: ""'),
    (NULL, '{}', '22023', 'no URI or no JSON Schema was given'),
    ('http://a/b', NULL, '22023', 'no URI or no JSON Schema was given'),
    ('http://a/b', '1', '22023', 'a JSON Schema must be an object, or true or false'),
    ('http://a/b', '{"$schema": "http://json-schema.org/draft-07/schema#", "type": "x"}', '22023',
     'the JSON Schema is invalid by its metaschema "http://json-schema.org/draft-07/schema"'),
    ('http://json-schema.org/draft-07/schema#', '{}', '42710',
     'JSON Schema "http://json-schema.org/draft-07/schema" is built in')) AS r (uri, schema, state, message);
SELECT results_eq($$SELECT uri, schema::text, registered_at, owner FROM etl.json_schemas
                    WHERE uri LIKE '%.json' ORDER BY uri$$,
                  $$VALUES ('http://a/int.json', '{"type": "string"}', now(), current_user),
                           ('http://a/list.json', '{"items": {"$ref": "int.json"}}', now(), current_user)$$,
                  'etl.json_schemas');
SELECT lives_ok($$SELECT etl.drop_json_schema('http://a/list.json#')$$, 'drop one');
SELECT throws_ok($$SELECT etl.drop_json_schema('http://a/list.json')$$, '42704',
                 'JSON Schema "http://a/list.json" is not registered', 'once');
SELECT lives_ok($$SELECT etl.drop_json_schema('http://a/list.json', if_exists => true)$$, 'or as often as one likes');
SELECT throws_ok('SELECT etl.drop_json_schema(NULL)', '42704', 'no URI was given', 'no name');

-- A change is seen, whatever kept the compiled schema -----------------------------------------------------------------

CREATE FUNCTION in_turns() RETURNS SETOF bool LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1..4 LOOP
        PERFORM etl.register_json_schema('http://a/turn', CASE WHEN i % 2 = 1 THEN '{"type": "integer"}'
                                                               ELSE '{"type": "string"}' END::json, replace => true);
        RETURN NEXT etl.json_valid('{"$ref": "http://a/turn"}', '1');
    END LOOP;
    PERFORM etl.drop_json_schema('http://a/turn');
    RETURN NEXT etl.json_valid('{"$ref": "http://a/turn"}', '1');
END
$$;
SELECT throws_ok('SELECT in_turns()', '42704', 'JSON Schema "http://a/turn" is not registered',
                 'a dropped one is missed');
CREATE OR REPLACE FUNCTION in_turns() RETURNS SETOF bool LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1..4 LOOP
        PERFORM etl.register_json_schema('http://a/turn', CASE WHEN i % 2 = 1 THEN '{"type": "integer"}'
                                                               ELSE '{"type": "string"}' END::json, replace => true);
        RETURN NEXT etl.json_valid('{"$ref": "http://a/turn"}', '1');
    END LOOP;
END
$$;
SELECT results_eq('SELECT in_turns()', 'VALUES (true), (false), (true), (false)', 'within one expression');

-- Two roles -----------------------------------------------------------------------------------------------------------

CREATE ROLE etl_schema_ann;
CREATE ROLE etl_schema_bob;
SET ROLE etl_schema_ann;
SELECT lives_ok($$SELECT etl.register_json_schema('http://a/hers', '{"type": "integer"}')$$, 'any role registers');
SELECT results_eq('SELECT uri FROM etl.json_schemas', $$VALUES ('http://a/hers')$$, 'and sees its own');
SELECT ok(etl.json_valid('{"$ref": "http://a/hers"}', '1'), 'and refers to them');
SET ROLE etl_schema_bob;
SELECT throws_ok($$SELECT etl.json_valid('{"$ref": "http://a/hers"}', '1')$$, '42704',
                 'JSON Schema "http://a/hers" is not registered', 'another role does not');
SELECT throws_ok($$SELECT etl.register_json_schema('http://a/hers', '{}', replace => true)$$, '42710',
                 'JSON Schema "http://a/hers" is registered already and belongs to another role', 'nor replaces it');
SELECT throws_ok($$SELECT etl.drop_json_schema('http://a/hers')$$, '42704',
                 'JSON Schema "http://a/hers" is not registered', 'nor drops it');
RESET ROLE;
SELECT throws_ok($$SELECT etl.json_valid('{"$ref": "http://a/hers"}', '1')$$, '42501',
                 'JSON Schema "http://a/hers" belongs to role "etl_schema_ann"', 'not even a superuser relies on it');

SELECT * FROM finish();
ROLLBACK;
