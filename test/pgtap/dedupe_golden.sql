-- etl.golden: every rule, ties, NULLs, what is refused, and an oracle.
BEGIN;
SELECT plan(58);

CREATE TABLE person (
    id int PRIMARY KEY, email text, name text, phone text, city text, system text, seen date, born date, tags text[],
    doc json, spot point, shout text GENERATED ALWAYS AS (upper(name)) STORED, amount numeric, code char(5));
INSERT INTO person (id, email, name, phone, city, system, seen, born, tags, doc, spot, amount, code) VALUES
    (1, 'a@x', 'Ann',        '1',  'Rome', 'web', '2025-01-01', '1990-01-01', '{a}',   '{"k": 1}', '(1,1)', 1.0,  'ab'),
    (2, 'b@x', 'Anna Maria', '2',  NULL,   'crm', '2025-01-03', NULL,         '{a,b}', NULL,       NULL,    2, 'abc'),
    (3, NULL,  'Anna',       '1',  'Oslo', 'erp', '2025-01-02', '1991-01-01', NULL,    '{"k": 2}', '(2,2)', 1.00, NULL),
    (4, 'd@x', NULL,         '2',  NULL,   'fax', NULL,         '1980-01-01', '{}',    NULL,       NULL,    NULL, NULL),
    (5, NULL,  NULL,         NULL, NULL,   NULL,  NULL,         NULL,         NULL,    NULL,       NULL,    NULL, NULL),
    (6, 'f@x', 'Bob',        '9',  'Bonn', 'web', '2025-01-01', '1970-01-01', '{c}',   '[]',       '(3,3)', 3,    'x');
CREATE TABLE cluster (id text, cluster_id text);
INSERT INTO cluster VALUES ('1', 'A'), ('2', 'A'), ('3', 'A'), ('4', 'A'), ('5', 'B'), ('99', 'B'), (NULL, 'C'),
    ('6', NULL);

-- One column of the golden record of cluster A under a rule, and the row that it comes from.
CREATE FUNCTION pick(col text, rule jsonb, base jsonb DEFAULT '{"order_by": "seen", "source": "system"}')
RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(g.record ->> col, 'NULL') || ' of ' || coalesce(g.provenance #>> ARRAY[col, 'id'], 'none')
    FROM etl.golden('person', 'SELECT id, cluster_id FROM public.cluster',
                    base || jsonb_build_object('columns', jsonb_build_object(col, rule))) AS g
    WHERE g.cluster_id = 'A'
$$;

-- The rules
SELECT is(pick('email', '"latest"'), 'b@x of 2', 'latest');
SELECT is(pick('city', '"latest"'), 'Oslo of 3', 'latest passes over NULL');
SELECT is(pick('email', '"first"'), 'a@x of 1', 'first');
SELECT is(pick('born', '"first"'), '1990-01-01 of 1', 'first: a NULL in order_by loses against any value');
SELECT is(pick('name', '"longest"'), 'Anna Maria of 2', 'longest');
SELECT is(pick('email', '"longest"'), 'b@x of 2', 'longest: of equally long ones the latest');
SELECT is(pick('code', '"longest"'), 'abc   of 2', 'longest does not count the blanks of char(n)');
SELECT is(pick('phone', '"most_frequent"'), '2 of 2', 'most_frequent: of equally frequent ones the latest');
SELECT is(pick('amount', '"most_frequent"'), '1.00 of 3', 'most_frequent: equal values that look different are one');
SELECT is(pick('born', '"min"'), '1980-01-01 of 4', 'min');
SELECT is(pick('born', '"max"'), '1991-01-01 of 3', 'max');
SELECT is(pick('amount', '"min"'), '1.00 of 3', 'min: of equal ones the latest');
SELECT is(pick('tags', '"max"'), '["a", "b"] of 2', 'max of arrays');
SELECT is(pick('city', '{"rule": "priority", "priority": ["crm", "web", "erp"]}'), 'Rome of 1',
          'priority passes over the source whose value is NULL');
SELECT is(pick('born', '{"rule": "priority", "priority": ["erp", "fax"]}'), '1991-01-01 of 3', 'priority');
SELECT is(pick('born', '{"rule": "priority", "priority": ["tape", "fax"]}'), '1980-01-01 of 4',
          'a source that is not there');
SELECT is(pick('email', '{"rule": "priority", "priority": ["tape"]}'), 'b@x of 2',
          'sources that are not listed come last, the latest first');
SELECT is(pick('email', '"coalesce"'), 'a@x of 1', 'coalesce: the most complete row');
SELECT is(pick('doc', '"latest"'), '{"k": 2} of 3', 'a type without equality');
SELECT is(pick('spot', '"first"'), '(1,1) of 1', 'a type without order');
SELECT is(pick('email', '"latest"', '{}'), 'd@x of 4', 'without order_by the id decides');
SELECT is(pick('email', '"first"', '{}'), 'a@x of 1', 'and the first by id');
SELECT is(pick('email', '{"rule": "latest", "order_by": "born"}'), 'a@x of 1', 'an order_by of its own');

-- Defaults
SELECT is((SELECT record ->> 'name' FROM etl.golden('person', 'SELECT id, cluster_id FROM public.cluster',
                                                    '{"default": "longest"}') WHERE cluster_id = 'A'), 'Anna Maria',
          'default: a rule for all other columns');
SELECT is((SELECT provenance -> 'city' FROM etl.golden('person', 'SELECT id, cluster_id FROM public.cluster',
               '{"source": "system", "default": {"rule": "priority", "priority": ["web"]}}') WHERE cluster_id = 'A'),
          '{"id": "1", "rule": "priority"}', 'provenance names the id and the rule');

-- Clusters
SELECT results_eq($$SELECT cluster_id, members FROM etl.golden('person', 'SELECT id, cluster_id FROM public.cluster;')
                    ORDER BY 1$$, $$VALUES ('A', 4::bigint), ('B', 1)$$,
                  'members are rows that are there; a NULL is no cluster');
SELECT results_eq($$SELECT cluster_id, members FROM etl.golden('person', 'SELECT id, cluster_id FROM public.cluster',
                                                               singletons => true) ORDER BY 1$$,
                  $$VALUES ('6', 1::bigint), ('A', 4), ('B', 1)$$, 'singletons: rows without a cluster');
SELECT is((SELECT record - 'id' FROM etl.golden('person', 'SELECT id, cluster_id FROM public.cluster')
           WHERE cluster_id = 'B'),
          (SELECT to_jsonb(p) - 'id' - 'shout' FROM person AS p WHERE id = 5), 'all NULL stays NULL');
SELECT is((SELECT provenance -> 'email' FROM etl.golden('person', 'SELECT id, cluster_id FROM public.cluster')
           WHERE cluster_id = 'B'), 'null', 'and comes from nowhere');
SELECT ok((SELECT NOT record ? 'shout' FROM etl.golden('person', 'SELECT id, cluster_id FROM public.cluster')
           WHERE cluster_id = 'A'), 'a generated column is not in the record');
SELECT is((SELECT jsonb_populate_record(NULL::person, record)::text
           FROM etl.golden('person', 'SELECT id, cluster_id FROM public.cluster', singletons => true)
           WHERE cluster_id = '6'),
          (SELECT replace(p::text, 'BOB', '') FROM person AS p WHERE id = 6), 'a typed row comes back');
SELECT is_empty($$SELECT * FROM etl.golden('person', 'SELECT id, cluster_id FROM public.cluster WHERE false')$$,
                'no clusters');
CREATE TABLE member1 (member1 text PRIMARY KEY, cluster1 text, t text, c text, g text, q text);
INSERT INTO member1 VALUES ('1', 'k', 't', 'c', 'g', 'q'), ('2', 'l', NULL, NULL, NULL, NULL);
SELECT results_eq($$SELECT record ->> 'cluster1', record ->> 't', record ->> 'c', record ->> 'g', record ->> 'q'
                    FROM etl.golden('member1', 'VALUES (1, 1), (2, 1)')$$,
                  $$VALUES ('l', 't', 'c', 'g', 'q')$$, 'columns may have any names');

-- Many columns: more than a query returns, with two for each
SELECT format('CREATE TABLE wide (id int PRIMARY KEY, %s)', string_agg('c' || i || ' int', ', '))
FROM generate_series(1, 899) AS i \gexec
INSERT INTO wide (id, c1, c899) VALUES (1, 10, NULL), (2, NULL, 20);
SELECT results_eq($$SELECT record ->> 'c1', record ->> 'c899', provenance #>> '{c899,id}',
                           (SELECT count(*) FROM jsonb_object_keys(record))
                    FROM etl.golden('wide', 'VALUES (1, 1), (2, 1)')$$,
                  $$VALUES ('10', '20', '2', 900::bigint)$$, 'a table of 900 columns');

-- A type whose comparison answers with the least int
CREATE TYPE far AS (n int);
CREATE FUNCTION far_compare(a far, b far) RETURNS int LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN a.n < b.n THEN -2147483648 WHEN a.n > b.n THEN 2147483647 ELSE 0 END
$$;
CREATE FUNCTION far_less(a far, b far) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT a.n < b.n';
CREATE FUNCTION far_same(a far, b far) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT a.n = b.n';
CREATE FUNCTION far_more(a far, b far) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT a.n > b.n';
CREATE OPERATOR <# (FUNCTION = far_less, LEFTARG = far, RIGHTARG = far, COMMUTATOR = #>);
CREATE OPERATOR =# (FUNCTION = far_same, LEFTARG = far, RIGHTARG = far, COMMUTATOR = =#);
CREATE OPERATOR #> (FUNCTION = far_more, LEFTARG = far, RIGHTARG = far, COMMUTATOR = <#);
CREATE OPERATOR CLASS far_ops DEFAULT FOR TYPE far USING btree AS
    OPERATOR 1 <#, OPERATOR 3 =#, OPERATOR 5 #>, FUNCTION 1 far_compare(far, far);
CREATE TABLE far_row (id int PRIMARY KEY, v far);
INSERT INTO far_row VALUES (1, ROW(1)), (2, ROW(3)), (3, ROW(2));
SELECT results_eq($$SELECT record ->> 'v', provenance #>> '{v,id}'
                    FROM etl.golden('far_row', 'VALUES (1, 1), (2, 1), (3, 1)', '{"columns": {"v": "max"}}')$$,
                  $$VALUES ('{"n": 3}', '2')$$, 'the greatest by a comparison that answers with the least int');

-- What is refused
CREATE FUNCTION tried(rules jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT format('SELECT * FROM etl.golden(''person'', ''VALUES (1, 1)'', %L)', rules)
$$;
SELECT throws_ok(tried('[]'), '22023', 'the set of rules must be a JSON object, not []');
SELECT throws_ok(tried(NULL), '22023', 'the set of rules must be a JSON object, not NULL');
SELECT throws_ok(tried('{"colums": {}}'), '22023', 'the set of rules has an unknown member "colums"');
SELECT throws_ok(tried('{"columns": []}'), '22023', '"columns" must be an object of rules, not []');
SELECT throws_ok(tried('{"default": "newest"}'), '22023', 'unknown rule "newest" in the default rule');
SELECT throws_ok(tried('{"columns": {"name": null}}'), '22023', 'unknown rule null in the rule of column "name"');
SELECT throws_ok(tried('{"columns": {"name": {"rule": "min", "by": 1}}}'), '22023',
                 'the rule of column "name" has an unknown member "by"');
SELECT throws_ok(tried('{"columns": {"nam": "min"}}'), '42703', 'column "nam" of table "public.person" does not exist');
SELECT throws_ok(tried('{"order_by": "sen"}'), '42703', 'column "sen" of table "public.person" does not exist');
SELECT throws_ok(tried('{"order_by": 3}'), '22023', '"order_by" in the default rule is no name of a column: 3');
SELECT throws_ok(tried('{"columns": {"doc": "max"}}'), '42883',
                 'rule "max": column "doc" has type json, whose values cannot be compared');
SELECT throws_ok(tried('{"columns": {"shout": "max"}}'), '22023',
                 'column "shout" is generated and can have no rule');
SELECT throws_ok(tried('{"default": "priority"}'), '22023', 'the rule "priority" in the default rule lacks its source');
SELECT throws_ok(tried('{"default": {"rule": "priority", "source": "system", "priority": ["a", "a"]}}'), '22023',
                 '"priority" in the default rule is no list of different texts: ["a", "a"]');
SELECT throws_ok($$SELECT * FROM etl.golden('person', 'VALUES (1)')$$, '22023',
                 'the query of clusters returns 1 column, not two');
SELECT throws_ok($$SELECT * FROM etl.golden('cluster', 'VALUES (1, 1)')$$, '22023',
                 'no id column is known for table "public.cluster"');
SELECT throws_ok($$SELECT * FROM etl.golden('person', 'VALUES (1, 1)', '{"id": "phone"}')$$, '21000',
                 NULL, 'an id that two rows have');

-- The query of clusters stays with the role that calls.
CREATE ROLE steward;
GRANT SELECT ON person TO steward;
CREATE FUNCTION climb() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RESET ROLE;
    RETURN '1';
END
$$;
SET ROLE steward;
SELECT throws_ok($$SELECT * FROM etl.golden('person', 'SELECT public.climb(), 1')$$, '42501', NULL,
                 'the query cannot leave the role');
SELECT throws_ok($$SELECT * FROM etl.golden('cluster', 'VALUES (1, 1)')$$, '42501', NULL, 'a role without privileges');
RESET ROLE;
CREATE FUNCTION climb_unseen() RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
    RESET ROLE;
    RAISE EXCEPTION 'climbed';
END
$$;
CREATE TABLE trap (id int, v int);
INSERT INTO trap VALUES (1, 1);
ALTER TABLE trap ENABLE ROW LEVEL SECURITY;
CREATE POLICY trap ON trap USING (climb_unseen());
GRANT SELECT ON trap TO steward;
SET ROLE steward;
SELECT throws_ok($$SELECT * FROM etl.golden('public.trap', 'VALUES (1, 1)', '{"id": "id"}')$$, '42501', NULL,
                 'nor can a policy of the table, when ids are looked at');
RESET ROLE;
SELECT throws_ok($$SELECT * FROM etl.golden('person', 'DELETE FROM public.cluster RETURNING 1, 1')$$, '22023', NULL,
                 'a query that changes data');

-- An oracle: the same by sorted arrays, on random rows with many ties and NULLs.
SELECT setseed(0.42);
CREATE TABLE r AS
SELECT i AS id, 'c' || (random() * 60)::int AS cluster_id, nullif((random() * 4)::int, 0) AS v,
       nullif(repeat('x', (random() * 4)::int), '') AS w, nullif((random() * 3)::int, 0) AS at,
       (ARRAY['a', 'b', 'c', NULL])[1 + (random() * 3)::int] AS src
FROM generate_series(1, 600) AS i ORDER BY random();
SELECT set_eq($$
    SELECT cluster_id, record ->> 'v' AS v, provenance #>> '{v,id}' AS v_id, record ->> 'w' AS w,
           provenance #>> '{w,id}' AS w_id
    FROM etl.golden('r', 'SELECT id, cluster_id FROM public.r',
                    '{"id": "id", "order_by": "at", "columns": {"v": "most_frequent", "w": "longest"}}')
$$, $$
    SELECT cluster_id,
           (array_agg(v::text ORDER BY n DESC, at DESC NULLS LAST, id DESC) FILTER (WHERE v IS NOT NULL))[1] AS v,
           (array_agg(id::text ORDER BY n DESC, at DESC NULLS LAST, id DESC) FILTER (WHERE v IS NOT NULL))[1] AS o1,
           (array_agg(w ORDER BY length(w) DESC, at DESC NULLS LAST, id DESC) FILTER (WHERE w IS NOT NULL))[1] AS o2,
           (array_agg(id::text ORDER BY length(w) DESC, at DESC NULLS LAST, id DESC)
                FILTER (WHERE w IS NOT NULL))[1] AS o3
    FROM (SELECT r.*, count(v) OVER (PARTITION BY cluster_id, v) AS n FROM r) AS counted GROUP BY cluster_id
$$, 'most_frequent and longest equal an oracle');
SELECT set_eq($$
    SELECT cluster_id, provenance #>> '{v,id}' AS v, provenance #>> '{w,id}' AS w, provenance #>> '{src,id}' AS src
    FROM etl.golden('r', 'SELECT id, cluster_id FROM public.r',
        '{"id": "id", "order_by": "at", "source": "src", "columns":
          {"v": "min", "w": {"rule": "priority", "priority": ["c", "a"]}, "src": "first"}}')
$$, $$
    SELECT cluster_id,
           (array_agg(id::text ORDER BY v, at DESC NULLS LAST, id DESC) FILTER (WHERE v IS NOT NULL))[1] AS o4,
           (array_agg(id::text ORDER BY array_position('{c,a}', src), at DESC NULLS LAST, id DESC)
                FILTER (WHERE w IS NOT NULL))[1] AS o5,
           (array_agg(id::text ORDER BY at NULLS LAST, id) FILTER (WHERE src IS NOT NULL))[1] AS o6
    FROM r GROUP BY cluster_id
$$, 'min, priority and first equal an oracle');
SELECT * FROM finish();
