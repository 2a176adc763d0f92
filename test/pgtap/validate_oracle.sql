-- etl.validate against the same answers by plain SQL, on random tables: serial and parallel, plain and partitioned, and
-- merged from parts. Regular expressions against PostgreSQL's own, on random patterns and texts.
BEGIN;
SELECT plan(15);
SET LOCAL timezone = 'UTC';
SELECT setseed(0.42) \g /dev/null

-- A table and a suite for it -----------------------------------------------------------------------------------------

CREATE TABLE plain (id int, k text, wallet text, price numeric(12,4), score float8, status text, day date,
                    bought timestamptz, moved timestamptz);
INSERT INTO plain
SELECT i, 'k' || (random() * 400000)::int,
       CASE WHEN random() < 0.98 THEN '0x' || left(md5(i::text), 4 + (random() * 1.1)::int) END,
       CASE WHEN random() < 0.98 THEN (random() * 1000 - 5)::numeric(12,4) END,
       CASE WHEN random() < 0.001 THEN 'NaN' WHEN random() < 0.98 THEN random() END,
       CASE WHEN random() < 0.98 THEN (ARRAY['open', 'closed', 'Open', 'é'])[ceil(random() * 4)] END,
       date '2025-01-01' + (random() * 400)::int,
       timestamptz '2025-01-01' + random() * interval '1 year',
       CASE WHEN random() < 0.5 THEN timestamptz '2025-01-02' + random() * interval '1 year' END
FROM generate_series(1, 200000) AS i;
CREATE TABLE parted (LIKE plain) PARTITION BY HASH (id);
CREATE TABLE parted_0 PARTITION OF parted FOR VALUES WITH (MODULUS 3, REMAINDER 0);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES WITH (MODULUS 3, REMAINDER 1);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES WITH (MODULUS 3, REMAINDER 2);
INSERT INTO parted SELECT * FROM plain;
ANALYZE plain, parted;

-- Each expectation, and what it means in SQL: which rows are missing, which are unexpected, and their value.
CREATE TABLE rule (number int GENERATED ALWAYS AS IDENTITY, type text, kwargs jsonb, missing text, unexpected text,
                   value text);
INSERT INTO rule (type, kwargs, missing, unexpected, value) VALUES
    ('values_to_not_be_null', '{"column": "wallet", "mostly": 0.98}', 'false', 'wallet IS NULL', 'NULL::text'),
    ('values_to_be_unique', '{"column": "k"}', 'k IS NULL',
     'k IN (SELECT k FROM %1$s GROUP BY k HAVING count(*) > 1)', NULL),
    ('values_to_be_unique', '{"column": "price"}', 'price IS NULL',
     'price IN (SELECT price FROM %1$s GROUP BY price HAVING count(*) > 1)', NULL),
    ('values_to_be_unique', '{"column": "id"}', 'id IS NULL', 'false', NULL),
    ('values_to_match_regex', '{"column": "wallet", "regex": "^0x[0-9a-f]{4}$", "mostly": 0.5}', 'wallet IS NULL',
     'wallet !~ ''^0x[0-9a-f]{4}$''', 'wallet'),
    ('values_to_match_regex', '{"column": "wallet", "regex": "\\d\\d$"}', 'wallet IS NULL',
     'wallet !~ ''\d\d$''', 'wallet'),
    ('value_lengths_to_equal', '{"column": "wallet", "value": 6}', 'wallet IS NULL', 'length(wallet) <> 6', 'wallet'),
    ('values_to_be_between', '{"column": "price", "min_value": 0, "max_value": 990.5}', 'price IS NULL',
     'NOT price BETWEEN 0 AND 990.5', 'price'),
    ('values_to_be_between', '{"column": "price", "min_value": "-1", "max_value": 2, "strict_min": true}',
     'price IS NULL', 'price <= -1 OR price > 2', 'price'),
    ('values_to_be_between', '{"column": "score", "max_value": 0.999}', 'score IS NULL', 'score > 0.999', 'score'),
    ('values_to_be_in_set', '{"column": "status", "value_set": ["open", "closed", "é"], "mostly": 0.75}',
     'status IS NULL', 'status NOT IN (''open'', ''closed'', ''é'')', 'status'),
    ('values_to_be_in_set', '{"column": "day", "value_set": ["2025-01-01", "2025-03-01"]}', 'day IS NULL',
     'day NOT IN (''2025-01-01'', ''2025-03-01'')', 'day'),
    ('values_to_be_between', '{"column": "bought", "min_value": "2025-01-03", "strict_min": true}', 'bought IS NULL',
     'bought <= ''2025-01-03''', 'bought'),
    ('pair_values_a_to_be_greater_than_b', '{"column_A": "moved", "column_B": "bought"}',
     'moved IS NULL AND bought IS NULL', '(moved > bought) IS NOT TRUE', 'jsonb_build_array(moved, bought)'),
    ('pair_values_a_to_be_greater_than_b',
     '{"column_A": "moved", "column_B": "bought", "or_equal": true, "ignore_row_if": "either_value_is_missing"}',
     'moved IS NULL OR bought IS NULL', 'moved < bought', 'jsonb_build_array(moved, bought)');
SELECT etl.load_suite(jsonb_build_object('name', 'rules', 'expectations', jsonb_agg(
           jsonb_build_object('type', 'expect_column_' || type, 'kwargs', kwargs) ORDER BY number))::text)
FROM rule \g /dev/null

-- A rule's answer by plain SQL; the failing values are those of the first 20 rows by place.
CREATE FUNCTION by_sql(target regclass, where_sql text DEFAULT 'true')
RETURNS TABLE (number int, success bool, element_count bigint, missing_count bigint, unexpected_count bigint,
               list jsonb)
LANGUAGE plpgsql AS $$
DECLARE
    r rule;
BEGIN
    FOR r IN SELECT * FROM rule ORDER BY number LOOP
        number := r.number;
        EXECUTE format('SELECT count(*), count(*) FILTER (WHERE %1$s), count(*) FILTER (WHERE NOT (%1$s) AND (%2$s))
                        FROM %3$s WHERE %4$s',
                       r.missing, format(r.unexpected, target), target, where_sql)
            INTO element_count, missing_count, unexpected_count;
        success := coalesce((element_count - missing_count - unexpected_count)
                            / nullif(element_count - missing_count, 0)::float8
                            >= coalesce((r.kwargs ->> 'mostly')::float8, 1), true);
        list := NULL;
        IF r.value IS NOT NULL THEN
            EXECUTE format('SELECT coalesce(jsonb_agg(to_jsonb(v) ORDER BY place), ''[]'')
                            FROM (SELECT %s AS v, row_number() OVER (ORDER BY tableoid, ctid) AS place
                                  FROM %s WHERE NOT (%s) AND (%s) AND (%s) ORDER BY tableoid, ctid LIMIT 20) AS s',
                           r.value, target, r.missing, r.unexpected, where_sql)
                INTO list;
        END IF;
        IF r.type = 'values_to_not_be_null' THEN
            missing_count := NULL;
        END IF;
        RETURN NEXT;
    END LOOP;
END
$$;

-- ctid keeps its order only where no row was changed: so is it here.
CREATE FUNCTION by_etl(target regclass, where_sql text DEFAULT NULL)
RETURNS TABLE (number int, success bool, element_count bigint, missing_count bigint, unexpected_count bigint,
               list jsonb)
LANGUAGE sql AS $$
    SELECT v.number::int, v.success, v.element_count, v.missing_count, v.unexpected_count,
           CASE WHEN v.expectation <> 'expect_column_values_to_be_unique' THEN v.partial_unexpected_list END
    FROM ROWS FROM (etl.validate(target, 'rules', where_sql)) WITH ORDINALITY
        AS v (expectation, kwargs, severity, success, element_count, missing_count, unexpected_count,
              percent, observed, partial_unexpected_list, keys, exception, number)
$$;

CREATE TABLE truth AS SELECT 'plain' AS target, t.* FROM by_sql('plain') AS t
UNION ALL SELECT 'parted', t.* FROM by_sql('parted') AS t;

-- Serial -------------------------------------------------------------------------------------------------------------

SET LOCAL max_parallel_workers_per_gather = 0;
SELECT results_eq($$SELECT * FROM by_etl('plain')$$,
                  $$SELECT number, success, element_count, missing_count, unexpected_count, list FROM truth
                    WHERE target = 'plain'$$, 'serial, a plain table');
SELECT results_eq($$SELECT * FROM by_etl('parted')$$,
                  $$SELECT number, success, element_count, missing_count, unexpected_count, list FROM truth
                    WHERE target = 'parted'$$, 'serial, a partitioned table');
SELECT results_eq($$SELECT * FROM by_etl('plain', 'id % 3 = 0') WHERE number NOT IN (2, 3)$$,
                  $$SELECT * FROM by_sql('plain', 'id % 3 = 0') WHERE number NOT IN (2, 3)$$, 'serial, with where_sql');
CREATE TABLE serial_lists AS
SELECT target::text AS target, v.number, v.partial_unexpected_list
FROM (VALUES ('plain'::regclass), ('parted')) AS t (target), ROWS FROM (etl.validate(target, 'rules')) WITH ORDINALITY
    AS v (expectation, kwargs, severity, success, element_count, missing_count, unexpected_count,
              percent, observed, partial_unexpected_list, keys, exception, number);
SELECT is((SELECT string_agg(l.partial_unexpected_list ->> 0, ' ') FROM serial_lists AS l WHERE l.number = 2
             AND l.target = 'plain'),
          (SELECT p.k FROM plain AS p WHERE p.k IN (SELECT k FROM plain GROUP BY k HAVING count(*) > 1)
           ORDER BY ctid LIMIT 1), 'the first value that is not unique is listed first');
SELECT is((SELECT count(DISTINCT v) FROM serial_lists AS l, jsonb_array_elements(l.partial_unexpected_list) AS v
           WHERE l.number = 2 AND (SELECT count(*) FROM plain AS p WHERE to_jsonb(p.k) = v) < 2),
          0::bigint, 'and every listed one occurs more than once');

-- Parallel -----------------------------------------------------------------------------------------------------------

SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL max_parallel_workers_per_gather = 2;
CREATE FUNCTION plan_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    line text;
    lines text := '';
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        lines := lines || line || E'\n';
    END LOOP;
    RETURN lines;
END
$$;
SELECT matches(plan_of($$SELECT etl.validation_state('{"expectations": []}', '{id}', id) FROM plain$$),
               'Finalize Aggregate(.|\n)*Partial Aggregate(.|\n)*Parallel Seq Scan', 'the aggregate runs in parallel');

-- Rows that the leader reads are not counted here, so the workers must have read all of them.
CREATE FUNCTION process() RETURNS int LANGUAGE plpgsql PARALLEL SAFE AS 'BEGIN RETURN pg_backend_pid(); END';
SET LOCAL parallel_leader_participation = off;
SELECT is((SELECT DISTINCT v.element_count
           FROM etl.validate('plain', 'rules', format('public.process() <> %s', pg_backend_pid())) AS v),
          200000::bigint, 'and so does etl.validate');
RESET parallel_leader_participation;
SELECT results_eq($$SELECT * FROM by_etl('plain')$$,
                  $$SELECT number, success, element_count, missing_count, unexpected_count, list FROM truth
                    WHERE target = 'plain'$$, 'parallel, a plain table');
SELECT results_eq($$SELECT * FROM by_etl('parted')$$,
                  $$SELECT number, success, element_count, missing_count, unexpected_count, list FROM truth
                    WHERE target = 'parted'$$, 'parallel, a partitioned table');
SELECT results_eq($$SELECT v.number, v.partial_unexpected_list
                    FROM (VALUES ('plain'::regclass), ('parted')) AS t (target),
                         ROWS FROM (etl.validate(target, 'rules')) WITH ORDINALITY
                             AS v (expectation, kwargs, severity, success, element_count, missing_count, unexpected_count,
              percent, observed, partial_unexpected_list, keys, exception, number)$$,
                  'SELECT number, partial_unexpected_list FROM serial_lists', 'parallel, the lists as in serial');

-- Merged -------------------------------------------------------------------------------------------------------------

CREATE FUNCTION state_query(groups text) RETURNS text LANGUAGE sql AS $$
    SELECT format('SELECT etl.validation_state(%L, %L, tableoid, ctid, %s) AS state FROM plain GROUP BY %s', s.document,
                  '{tableoid, ctid}'::text[] || array_agg(DISTINCT c), string_agg(DISTINCT c, ', '), groups)
    FROM etl.suites AS s, etl.expectations AS e, unnest(e.columns) AS c
    WHERE s.suite = 'rules' AND e.suite = s.suite
    GROUP BY s.document
$$;
CREATE FUNCTION merged(groups text) RETURNS SETOF record LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format('SELECT r.success, r.element_count, r.missing_count, r.unexpected_count,
                                        r.unexpected_percent, r.partial_unexpected_list
                                 FROM (SELECT etl.merge(state ORDER BY random()) AS state FROM (%s) AS g) AS m,
                                      etl.report(m.state) AS r', state_query(groups));
END
$$;
SELECT results_eq(format($$SELECT * FROM merged(%L)
                           AS r (success bool, elements bigint, missing bigint, unexpected bigint, percent float8,
                                 list jsonb)$$, g.groups),
                  $$SELECT * FROM merged('()')
                    AS r (success bool, elements bigint, missing bigint, unexpected bigint, percent float8,
                          list jsonb)$$,
                  'states of groups merge to that of the whole: ' || g.groups)
FROM (VALUES ('id % 7'), ('status, id % 2'), ('day')) AS g (groups);

-- Regular expressions ------------------------------------------------------------------------------------------------

SET LOCAL max_parallel_workers_per_gather = 0;
CREATE FUNCTION pick(VARIADIC choices text[]) RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT choices[1 + floor(random() * cardinality(choices))::int]
$$;
CREATE FUNCTION random_bracket() RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT format('[%s%s]', pick('', '^'), string_agg(pick('a', 'b', 'a-c', '-', '\]', '\-', 'b-', '^', '.', '\\',
                                                           'a-b-c', '--c', '+--', '\_', ' -a', E'\n', '\n', ']', '[',
                                                           'a-é', 'é', '\d', '\w', '\s', '[:alpha:]', '[:punct:]'),
                                                      ''))
    FROM generate_series(1, 1 + floor(random() * 3)::int)
$$;
CREATE FUNCTION random_pattern(depth int) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    made text := '';
    choice float8;
BEGIN
    FOR i IN 1 .. 1 + floor(random() * 4)::int LOOP
        choice := random();
        made := made || CASE
            WHEN choice < 0.45 OR depth = 0 THEN pick('a', 'b', 'c', '-', ']', '}', 'é', '\.', '\-', '\_', '\/', '.',
                                                      E'\n', ' ', '\]', '#', '\a', '\\', '\d', '\w', '\s', '\D', '\W',
                                                      '\n', '\A', '\Z', '{', ',', 'A')
            WHEN choice < 0.65 THEN random_bracket()
            WHEN choice < 0.85 THEN format('%s%s)', pick('(', '(?:'), random_pattern(depth - 1))
            WHEN choice < 0.90 THEN pick('^', '$', '|', '')
            ELSE format('%s|%s', random_pattern(depth - 1), random_pattern(depth - 1))
        END || CASE WHEN random() < 0.35 THEN pick('*', '+', '?', '{2}', '{0}', '{1,}', '{0,1}', '{,2}', '*?', '+?',
                                                   '??', '{1,2}?', '{0,}', '{2,1}') ELSE '' END;
    END LOOP;
    RETURN made;
END
$$;
CREATE TABLE word AS
SELECT (SELECT coalesce(string_agg(pick('a', 'b', 'c', 'a', 'b', '-', ']', 'é', '.', E'\n', '_', ' ', '\', '^', '#',
                                        '1', 'A', 'É', '٣', '{', ','), ''), '')
        FROM generate_series(1, i % 8)) AS w
FROM generate_series(0, 299) AS i;

-- How many words do not match, or the error.
CREATE FUNCTION by_postgresql(pattern text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT count(*) FROM word WHERE w !~ pattern);
EXCEPTION WHEN invalid_regular_expression THEN
    RETURN SQLERRM;
END
$$;
CREATE FUNCTION by_check(pattern text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT r.unexpected_count
            FROM (SELECT etl.validation_state(jsonb_build_object('expectations', jsonb_build_array(jsonb_build_object(
                             'type', 'expect_column_values_to_match_regex',
                             'kwargs', jsonb_build_object('column', 'w', 'regex', pattern))))::text, '{w}', w) AS state
                  FROM word) AS s, etl.report(s.state) AS r);
EXCEPTION WHEN invalid_regular_expression THEN
    RETURN SQLERRM;
END
$$;
SELECT is_empty($$SELECT * FROM (SELECT p, by_postgresql(p) AS wanted, by_check(p) AS got
                                 FROM (SELECT pick('', '', '(?i)', '(?i)^') || random_pattern(3) AS p
                                       FROM generate_series(1, 600)
                                       UNION ALL
                                       SELECT format('^%s$', random_pattern(1)) FROM generate_series(1, 400)
                                       OFFSET 0) AS r
                                 WHERE p <> '') AS c
                  WHERE got IS DISTINCT FROM wanted$$, 'random patterns match as PostgreSQL''s ~ says');
SELECT is_empty($$SELECT * FROM (SELECT p, by_postgresql(p) AS wanted, by_check(p) AS got
                                 FROM unnest(ARRAY['^0x[0-9a-f]{40}$', '^[^@ ]+@[^@ ]+\.[a-z]{2,}$', '^(a|b)*c?$',
                                     '(a)\1', '\d', '[[:alpha:]]', '(?i)A', '^.$', '^.{3}$', 'é', '[^a]', '\\', '^$',
                                     'a$', '^b', '(^a|b$)', '(|a)+b', '(a*)*', 'a{0}', '\ya', 'a(?=b)', 'a(?!b)',
                                     '(?<=a)b', '***=a.', '\u00e9', 'a{2,1}', '(', '[', 'a**', '\',
                                     '^[a-c]+[^a-c]*1?$', '^[^-]+-[^-]*$', '^a{2,3}b', 'b$', '^\d', '^[\w-]+$', '^\W*$',
                                     '(?i)^É', '(?i)^A[B-C]+', '^[[:alpha:]_]+$', '^[^[:space:]]*$', 'a{,3}', '^{?1}?$',
                                     '[]]', '[^]a]', '\Aa', 'a\Z', '\n', '[[:nothing:]]', '[a-\d]']) AS p) AS c
                  WHERE got IS DISTINCT FROM wanted$$, 'and so do chosen ones');

SELECT * FROM finish();
ROLLBACK;
