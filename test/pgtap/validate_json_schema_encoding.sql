-- JSON Schema in databases whose texts are not UTF-8: characters are compared, counted and matched all the same.
CREATE DATABASE validate_json_schema_latin1 TEMPLATE template0 ENCODING latin1 LC_COLLATE 'C' LC_CTYPE 'C';
\c validate_json_schema_latin1
CREATE EXTENSION pgtap;
CREATE EXTENSION pg_etl;
SELECT plan(6);
SET client_encoding = 'UTF8';
SELECT ok(etl.json_valid('{"maxLength": 1, "const": "\u00e9", "pattern": "^é$"}', '"é"'), 'a character is one');
SELECT ok(NOT etl.json_valid('{"enum": ["é"]}', '"\u20ac"'), 'also one that the database has not');
SELECT results_eq($$SELECT instance_path, message FROM etl.json_errors('{"properties": {"é": {"const": "\u20ac"}}}',
                                                                       '{"é": "\ud83d\ude00é"}')$$,
                  $$VALUES ('/\u00e9', '"\ud83d\ude00\u00e9" is not "\u20ac"')$$, 'errors are in ASCII');
SELECT throws_ok($$SELECT etl.json_valid('{"pattern": "é("}', '1')$$, '2201B',
                 'invalid or unsupported regular expression in a JSON Schema: "\u00e9("', 'so are refusals');
SELECT lives_ok($$SELECT etl.register_json_schema('http://a/é', '{"const": "é"}')$$, 'a schema is registered');
SELECT ok(etl.json_valid('{"$ref": "http://a/\u00e9"}', '"\u00e9"'), 'and found');
SELECT * FROM finish();
