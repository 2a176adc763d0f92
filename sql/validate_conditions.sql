-- Conditions on columns of types with operators of their own: what is told of them.
SET client_min_messages = warning;
CREATE EXTENSION citext;
CREATE DOMAIN email AS citext;
CREATE TYPE mood AS ENUM ('calm');
RESET client_min_messages;
CREATE TABLE person (id int PRIMARY KEY, name citext, mail email, mood mood);
INSERT INTO person VALUES (1, 'ABC', 'X@Y', 'calm');
SELECT etl.load_suite('{"name": "people", "expectations": [
    {"type": "expect_row_condition", "kwargs": {"condition": "name = ''abc'' AND mood = ''calm''"}},
    {"type": "expect_row_condition", "kwargs": {"condition": "mail OPERATOR(public.=) ''x@y''"}}]}');
SELECT kwargs ->> 'condition' AS condition, success FROM etl.validate('person', 'people');
SELECT count(*) FROM etl.profile('person', where_sql => 'mail = ''x@y''') WHERE rows > 0;
SELECT count(*) FROM etl.profile('person', where_sql => 'id = 1') WHERE rows > 0;
DROP TABLE person;
SELECT etl.drop_suite('people');
DROP DOMAIN email;
DROP TYPE mood;
DROP EXTENSION citext;
