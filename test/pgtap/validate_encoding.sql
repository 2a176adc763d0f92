-- Validation in databases whose texts are not UTF-8: patterns and lengths go by their characters all the same.
CREATE DATABASE validate_latin1 TEMPLATE template0 ENCODING latin1 LC_COLLATE 'C' LC_CTYPE 'C';
\c validate_latin1
CREATE EXTENSION pgtap;
CREATE EXTENSION pg_etl;
SELECT plan(5);
SET client_encoding = 'UTF8';
CREATE TABLE word (w text);
INSERT INTO word VALUES ('é'), ('ab'), ('éé');
CREATE FUNCTION outcome(expectation text, kwargs text) RETURNS text LANGUAGE sql AS $$
    SELECT format('%s %s', r.unexpected_count, r.partial_unexpected_list)
    FROM (SELECT etl.validation_state(format('{"expectations": [
                     {"type": "expect_column_%s", "kwargs": {"column": "w", %s}}]}',
                                             expectation, kwargs), '{w}', w) AS state
          FROM word) AS s, etl.report(s.state) AS r
$$;
SELECT is(outcome('values_to_match_regex', '"regex": "^.$"'), '2 ["ab", "éé"]', 'a dot is a character');
SELECT is(outcome('value_lengths_to_equal', '"value": 2'), '1 ["é"]', 'lengths are of characters');
SELECT is(outcome('values_to_be_unique', '"mostly": 0'), '0 []', 'uniqueness');
SELECT throws_ok($$SELECT outcome('values_to_be_in_set', '"value_set": ["é"]')$$, '22023',
                 'a suite must be a JSON document',
                 'JSON is UTF-8: other characters would have to be escaped');
SELECT throws_ok($$SELECT outcome('values_to_be_in_set', '"value_set": ["\u00e9"]')$$, '0A000',
                 'a suite with characters beyond ASCII needs a database in UTF8', 'and are refused then');
SELECT * FROM finish();
