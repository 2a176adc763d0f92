-- etl.validate against the same answers by plain SQL, on random tables: serial and parallel, plain and partitioned, and
-- merged from parts. Regular expressions against PostgreSQL's own, on random patterns and texts.
BEGIN;
SELECT plan(38);
SET LOCAL timezone = 'UTC';
SELECT setseed(0.42) \g /dev/null

-- A table and a suite for it -----------------------------------------------------------------------------------------

CREATE TABLE plain (id int, k text, wallet text, price numeric(12,4), score float8, status text, day date,
                    bought timestamptz, moved timestamptz);
INSERT INTO plain
SELECT i, 'k' || (random() * 200000)::int,
       CASE WHEN random() < 0.98 THEN '0x' || left(md5(i::text), 4 + (random() * 1.1)::int) END,
       CASE WHEN random() < 0.98 THEN (random() * 1000 - 5)::numeric(12,4) END,
       CASE WHEN random() < 0.001 THEN 'NaN' WHEN random() < 0.98 THEN random() END,
       CASE WHEN random() < 0.98 THEN (ARRAY['open', 'closed', 'Open', 'é'])[ceil(random() * 4)] END,
       date '2025-01-01' + (random() * 400)::int,
       timestamptz '2025-01-01' + random() * interval '1 year',
       CASE WHEN random() < 0.5 THEN timestamptz '2025-01-02' + random() * interval '1 year' END
FROM generate_series(1, 100000) AS i;
CREATE TABLE parted (LIKE plain) PARTITION BY HASH (id);
CREATE TABLE parted_0 PARTITION OF parted FOR VALUES WITH (MODULUS 3, REMAINDER 0);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES WITH (MODULUS 3, REMAINDER 1);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES WITH (MODULUS 3, REMAINDER 2);
INSERT INTO parted SELECT * FROM plain;
ANALYZE plain, parted;

-- Each expectation on rows, and what it means in SQL: which rows are missing, which are unexpected, their value, and
-- what is computed over all rows for that. %1$s is the rows.
CREATE TABLE rule (number int GENERATED ALWAYS AS IDENTITY, type text, kwargs jsonb, missing text, unexpected text,
                   value text, computed text DEFAULT '1');
INSERT INTO rule (type, kwargs, missing, unexpected, value) VALUES
    ('column_values_to_not_be_null', '{"column": "wallet"}', 'false', 'wallet IS NULL', 'NULL::text'),
    ('column_values_to_be_null', '{"column": "moved"}', 'false', 'moved IS NOT NULL', 'moved'),
    ('column_values_to_be_unique', '{"column": "k"}', 'k IS NULL',
     'k IN (SELECT k FROM %1$s GROUP BY k HAVING count(*) > 1)', 'k'),
    ('column_values_to_be_unique', '{"column": "price"}', 'price IS NULL',
     'price IN (SELECT price FROM %1$s GROUP BY price HAVING count(*) > 1)', 'price'),
    ('column_values_to_be_unique', '{"column": "id"}', 'id IS NULL', 'false', 'id'),
    ('column_values_to_be_unique',
     '{"column": "k", "row_condition": "score < 0.01 AND status = ''open''", "condition_parser": "sql"}', 'k IS NULL',
     'k IN (SELECT k FROM %1$s GROUP BY k HAVING count(*) > 1)', 'k'),
    ('compound_columns_to_be_unique', '{"column_list": ["day", "status"]}', 'day IS NULL AND status IS NULL',
     '(day, coalesce(status, ''-'')) IN (SELECT day, coalesce(status, ''-'') FROM %1$s GROUP BY 1, 2
                                         HAVING count(*) > 1)', 'jsonb_build_object(''day'', day, ''status'', status)'),
    ('compound_columns_to_be_unique', '{"column_list": ["price", "status"], "ignore_row_if": "any_value_is_missing"}',
     'price IS NULL OR status IS NULL',
     '(price, status) IN (SELECT price, status FROM %1$s GROUP BY 1, 2 HAVING count(*) > 1)',
     'jsonb_build_object(''price'', price, ''status'', status)'),
    ('column_values_to_match_regex', '{"column": "wallet", "regex": "^0x[0-9a-f]{4}$"}', 'wallet IS NULL',
     'wallet !~ ''^0x[0-9a-f]{4}$''', 'wallet'),
    ('column_values_to_match_regex', '{"column": "wallet", "regex": "\\d\\d$"}', 'wallet IS NULL',
     'wallet !~ ''\d\d$''', 'wallet'),
    ('column_values_to_not_match_regex', '{"column": "wallet", "regex": "00"}', 'wallet IS NULL', 'wallet ~ ''00''',
     'wallet'),
    ('column_values_to_match_regex_list', '{"column": "wallet", "regex_list": ["1$", "^0x2"], "match_on": "all"}',
     'wallet IS NULL', 'wallet !~ ''1$'' OR wallet !~ ''^0x2''', 'wallet'),
    ('column_values_to_not_match_regex_list', '{"column": "wallet", "regex_list": ["11$", "^0x22"]}',
     'wallet IS NULL', 'wallet ~ ''11$'' OR wallet ~ ''^0x22''', 'wallet'),
    ('column_values_to_match_like_pattern', '{"column": "wallet", "like_pattern": "0x%1_"}', 'wallet IS NULL',
     'wallet NOT LIKE ''0x%%1_''', 'wallet'),
    ('column_values_to_not_match_like_pattern_list', '{"column": "wallet", "like_pattern_list": ["%11", "0x0%"]}',
     'wallet IS NULL', 'wallet LIKE ''%%11'' OR wallet LIKE ''0x0%%''', 'wallet'),
    ('column_value_lengths_to_equal', '{"column": "wallet", "value": 6}', 'wallet IS NULL', 'length(wallet) <> 6',
     'wallet'),
    ('column_value_lengths_to_be_between', '{"column": "status", "min_value": 4, "max_value": 6, "strict_max": true}',
     'status IS NULL', 'length(status) NOT BETWEEN 4 AND 5', 'status'),
    ('column_values_to_be_between', '{"column": "price", "min_value": 0, "max_value": 990.5}', 'price IS NULL',
     'NOT price BETWEEN 0 AND 990.5', 'price'),
    ('column_values_to_be_between', '{"column": "price", "min_value": "-1", "max_value": 2, "strict_min": true}',
     'price IS NULL', 'price <= -1 OR price > 2', 'price'),
    ('column_values_to_be_between', '{"column": "score", "max_value": 0.999}', 'score IS NULL', 'score > 0.999',
     'score'),
    ('column_values_to_be_between', '{"column": "id", "min_value": 99.5, "max_value": 99990.5}', 'id IS NULL',
     'id <= 99.5 OR id >= 99990.5', 'id'),
    ('column_values_to_be_in_set', '{"column": "status", "value_set": ["open", "closed", "é"]}',
     'status IS NULL', 'status NOT IN (''open'', ''closed'', ''é'')', 'status'),
    ('column_values_to_not_be_in_set',
     '{"column": "status", "value_set": ["open"], "row_condition": "price > 500", "condition_parser": "sql"}',
     'status IS NULL', 'status = ''open''', 'status'),
    ('column_values_to_be_in_set', '{"column": "day", "value_set": ["2025-01-01", "2025-03-01"]}', 'day IS NULL',
     'day NOT IN (''2025-01-01'', ''2025-03-01'')', 'day'),
    ('column_values_to_be_between', '{"column": "bought", "min_value": "2025-01-03", "strict_min": true}',
     'bought IS NULL', 'bought <= ''2025-01-03''', 'bought'),
    ('column_pair_values_a_to_be_greater_than_b', '{"column_A": "moved", "column_B": "bought"}',
     'moved IS NULL AND bought IS NULL', '(moved > bought) IS NOT TRUE', 'jsonb_build_array(moved, bought)'),
    ('column_pair_values_a_to_be_greater_than_b',
     '{"column_A": "moved", "column_B": "bought", "or_equal": true, "ignore_row_if": "either_value_is_missing"}',
     'moved IS NULL OR bought IS NULL', 'moved < bought', 'jsonb_build_array(moved, bought)'),
    ('column_pair_values_a_to_be_greater_than_b', '{"column_A": "price", "column_B": "id", "ignore_row_if": "never"}',
     'false', '(price > id) IS NOT TRUE', 'jsonb_build_array(price, id)'),
    ('column_pair_values_to_be_equal', '{"column_A": "id", "column_B": "price", "mostly": 0}',
     'id IS NULL AND price IS NULL', '(id = price) IS NOT TRUE', 'jsonb_build_array(id, price)'),
    ('column_pair_values_to_be_in_set',
     '{"column_A": "status", "column_B": "day", "value_pairs_set": [["open", "2025-02-03"], [null, "2025-02-04"]]}',
     'false', '((status = ''open'' AND day = ''2025-02-03'') OR (status IS NULL AND day = ''2025-02-04'')) IS NOT TRUE',
     'jsonb_build_array(status, day)'),
    ('multicolumn_sum_to_equal', '{"column_list": ["id", "price"], "sum_total": 1000.5, "mostly": 0}', 'false',
     'id + coalesce(price, 0) <> 1000.5', 'jsonb_build_object(''id'', id, ''price'', price)'),
    ('select_column_values_to_be_unique_within_record', '{"column_list": ["id", "price"]}', 'false',
     'id = price', 'jsonb_build_object(''id'', id, ''price'', price)'),
    ('row_condition', '{"condition": "price > 3 OR status = ''open''"}', '(price > 3 OR status = ''open'') IS NULL',
     'NOT (price > 3 OR status = ''open'')', NULL);
INSERT INTO rule (type, kwargs, missing, unexpected, value, computed) VALUES
    ('column_values_to_be_increasing', '{"column": "price", "order_by": ["day", "id"]}', 'price IS NULL',
     'price < computed', 'price', 'lag(price) OVER (PARTITION BY price IS NULL ORDER BY day, id)'),
    ('column_values_to_be_decreasing', '{"column": "day", "order_by": "id", "strictly": true}', 'day IS NULL',
     'day >= computed', 'day', 'lag(day) OVER (ORDER BY id)'),
    ('column_value_z_scores_to_be_less_than', '{"column": "price", "threshold": 1.5, "double_sided": true}',
     'price IS NULL', 'computed >= 1.5', 'price', 'abs(price - avg(price) OVER ()) / stddev_samp(price) OVER ()'),
    ('column_value_z_scores_to_be_less_than', '{"column": "id", "threshold": 1.5, "double_sided": false}',
     'id IS NULL', 'computed >= 1.5', 'id', '(id - avg(id) OVER ()) / stddev_samp(id) OVER ()');
SELECT etl.load_suite(jsonb_build_object('name', 'rules', 'expectations', jsonb_agg(
           jsonb_build_object('type', 'expect_' || type, 'kwargs', kwargs) ORDER BY number))::text)
FROM rule \g /dev/null

-- A rule's answer by plain SQL; failing values and keys are those of the first rows by place.
CREATE FUNCTION by_sql(target regclass, where_sql text DEFAULT 'true')
RETURNS TABLE (number int, success bool, element_count bigint, missing_count bigint, unexpected_count bigint,
               list jsonb, keys jsonb)
LANGUAGE plpgsql AS $$
DECLARE
    r rule;
    row_sql text;
    failing text;
BEGIN
    FOR r IN SELECT * FROM rule ORDER BY number LOOP
        number := r.number;
        row_sql := format('(SELECT *, %s AS computed, tableoid AS part, ctid AS place FROM %s
                            WHERE (%s) AND (%s)) AS r',
                          r.computed, target, where_sql, coalesce(r.kwargs ->> 'row_condition', 'true'));
        failing := format('NOT (%s) AND (%s)', r.missing, format(r.unexpected, row_sql));
        EXECUTE format('SELECT count(*), count(*) FILTER (WHERE %s), count(*) FILTER (WHERE %s) FROM %s',
                       r.missing, failing, row_sql)
            INTO element_count, missing_count, unexpected_count;
        success := coalesce((element_count - missing_count - unexpected_count)
                            / nullif(element_count - missing_count, 0)::float8
                            >= coalesce((r.kwargs ->> 'mostly')::float8, 1), true);
        EXECUTE format('SELECT coalesce(jsonb_agg(to_jsonb(v) ORDER BY n) FILTER (WHERE n <= 20 AND %L), ''[]''),
                               coalesce(jsonb_agg(jsonb_build_object(''id'', id) ORDER BY n), ''[]'')
                        FROM (SELECT *, row_number() OVER (ORDER BY part, place) AS n
                              FROM (SELECT %s AS v, id, part, place FROM %s WHERE %s
                                    ORDER BY part, place LIMIT 50) AS s) AS s',
                       r.value IS NOT NULL, coalesce(r.value, '1'), row_sql, failing)
            INTO list, keys;
        IF r.type LIKE '%_be_null' THEN
            missing_count := NULL;
        END IF;
        RETURN NEXT;
    END LOOP;
END
$$;

-- ctid keeps its order only where no row was changed: so is it here.
CREATE FUNCTION by_etl(target regclass, where_sql text DEFAULT NULL)
RETURNS TABLE (number int, success bool, element_count bigint, missing_count bigint, unexpected_count bigint,
               list jsonb, keys jsonb)
LANGUAGE sql AS $$
    SELECT v.ordinality::int, v.success, v.element_count, v.missing_count, v.unexpected_count,
           CASE WHEN v.expectation = 'expect_row_condition' THEN '[]' ELSE v.partial_unexpected_list END,
           coalesce(v.failing_keys, '[]')
    FROM etl.validate(target, 'rules', where_sql, '{id}', max_failing_keys => 50) WITH ORDINALITY AS v
$$;

CREATE TABLE truth AS SELECT 'plain' AS target, t.* FROM by_sql('plain') AS t
UNION ALL SELECT 'parted', t.* FROM by_sql('parted') AS t
UNION ALL SELECT 'third', t.* FROM by_sql('plain', 'id % 3 = 0') AS t;

-- The same with mostly at its edge, and as little as can be beyond it.
SELECT etl.load_suite(jsonb_build_object('name', e.edge, 'expectations', jsonb_agg(
           jsonb_build_object('type', 'expect_' || r.type, 'kwargs', r.kwargs || jsonb_build_object('mostly',
               (t.element_count - coalesce(t.missing_count, 0) - t.unexpected_count)
               / (t.element_count - coalesce(t.missing_count, 0))::float8 + e.beyond)) ORDER BY r.number))::text)
FROM rule AS r JOIN truth AS t USING (number)
CROSS JOIN (VALUES ('edge', 0), ('beyond', 1e-15::float8)) AS e (edge, beyond)
WHERE t.target = 'plain' AND t.unexpected_count > 0
GROUP BY e.edge \g /dev/null

-- Expectations on a column as a whole, and their observed value in SQL.
CREATE TABLE measure (number int GENERATED ALWAYS AS IDENTITY, type text, kwargs jsonb, observed text);
INSERT INTO measure (type, kwargs, observed) VALUES
    ('min_to_be_between', '{"column": "price", "max_value": 0}', 'to_jsonb(min(price))'),
    ('max_to_be_between', '{"column": "status", "max_value": "z"}', 'to_jsonb(max(status))'),
    ('max_to_be_between', '{"column": "bought", "min_value": "2025-01-01"}', 'to_jsonb(max(bought))'),
    ('mean_to_be_between', '{"column": "price", "min_value": 0}', 'to_jsonb(avg(price)::float8)'),
    ('mean_to_be_between', '{"column": "id", "min_value": 0, "row_condition": "price > 10", "condition_parser": "sql"}',
     'to_jsonb(avg(id) FILTER (WHERE price > 10)::float8)'),
    ('sum_to_be_between', '{"column": "price", "min_value": 0}', 'to_jsonb(sum(price))'),
    ('sum_to_be_between', '{"column": "id", "min_value": 0}', 'to_jsonb(sum(id))'),
    ('stdev_to_be_between', '{"column": "price", "min_value": 0}', 'to_jsonb(stddev_samp(price)::float8)'),
    ('median_to_be_between', '{"column": "price", "min_value": 0}',
     'to_jsonb(percentile_cont(0.5) WITHIN GROUP (ORDER BY price::float8))'),
    ('median_to_be_between', '{"column": "id", "min_value": 0}',
     'to_jsonb(percentile_cont(0.5) WITHIN GROUP (ORDER BY id))'),
    ('quantile_values_to_be_between', '{"column": "id", "quantile_ranges": {"quantiles": [0.1, 0.33, 1],
                                       "value_ranges": [[0, 1e9], [0, 1e9], [0, 1e9]]}}',
     'jsonb_build_object(''quantiles'', ''[0.1, 0.33, 1]''::jsonb, ''values'',
                         to_jsonb(percentile_disc(ARRAY[0.1, 0.33, 1]) WITHIN GROUP (ORDER BY id)))'),
    ('unique_value_count_to_be_between', '{"column": "k", "min_value": 0}', 'to_jsonb(count(DISTINCT k))'),
    ('unique_value_count_to_be_between', '{"column": "price", "min_value": 0}', 'to_jsonb(count(DISTINCT price))'),
    ('proportion_of_unique_values_to_be_between', '{"column": "price", "min_value": 0}',
     'to_jsonb(count(DISTINCT price) / count(price)::float8)'),
    ('distinct_values_to_be_in_set', '{"column": "status", "value_set": null}',
     'jsonb_agg(DISTINCT status COLLATE "C") FILTER (WHERE status IS NOT NULL)'),
    ('most_common_value_to_be_in_set', '{"column": "status", "value_set": ["open"]}',
     'to_jsonb(ARRAY[mode() WITHIN GROUP (ORDER BY status)])');
SELECT etl.load_suite(jsonb_build_object('name', 'measures', 'expectations', jsonb_agg(
           jsonb_build_object('type', 'expect_column_' || type, 'kwargs', kwargs) ORDER BY number))::text)
FROM measure \g /dev/null
CREATE FUNCTION is_close(a jsonb, b jsonb) RETURNS bool LANGUAGE sql AS $$
    SELECT CASE WHEN jsonb_typeof(a) = 'number' AND jsonb_typeof(b) = 'number'
                THEN abs(a::float8 - b::float8) <= 1e-14 * abs(b::float8) ELSE a = b END
$$;
CREATE FUNCTION wrong_measures(target regclass, where_sql text DEFAULT 'true')
RETURNS TABLE (type text, kwargs jsonb, got jsonb, wanted jsonb)
LANGUAGE plpgsql AS $$
DECLARE
    m record;
BEGIN
    FOR m IN SELECT r.type, r.kwargs, r.observed, v.observed_value, v.exception FROM measure AS r
             JOIN etl.validate(target, 'measures', where_sql) WITH ORDINALITY AS v ON v.ordinality = r.number LOOP
        EXECUTE format('SELECT %s FROM %s WHERE %s', m.observed, target, where_sql) INTO wanted;
        type := m.type;
        kwargs := m.kwargs;
        got := m.observed_value;
        IF NOT coalesce(is_close(got, wanted), false) OR m.exception IS NOT NULL THEN
            RETURN NEXT;
        END IF;
    END LOOP;
END
$$;

-- Serial and parallel ------------------------------------------------------------------------------------------------

CREATE FUNCTION check_all(how text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN NEXT results_eq($q$SELECT * FROM by_etl('plain')$q$,
        $q$SELECT number, success, element_count, missing_count, unexpected_count, list, keys FROM truth
           WHERE target = 'plain'$q$, how || ', a plain table');
    RETURN NEXT results_eq($q$SELECT * FROM by_etl('parted')$q$,
        $q$SELECT number, success, element_count, missing_count, unexpected_count, list, keys FROM truth
           WHERE target = 'parted'$q$, how || ', a partitioned table');
    RETURN NEXT results_eq($q$SELECT * FROM by_etl('plain', 'id % 3 = 0')$q$,
        $q$SELECT number, success, element_count, missing_count, unexpected_count, list, keys FROM truth
           WHERE target = 'third'$q$, how || ', with where_sql');
    RETURN NEXT is_empty($q$SELECT * FROM wrong_measures('plain')$q$, how || ', columns as a whole');
    RETURN NEXT is_empty($q$SELECT * FROM wrong_measures('parted', 'id % 7 = 0')$q$,
                         how || ', columns as a whole, with where_sql');
    RETURN NEXT results_eq($q$SELECT success, count(*) FROM etl.validate('plain', 'edge') GROUP BY 1$q$,
        $q$SELECT true, count(*) FROM truth WHERE target = 'plain' AND unexpected_count > 0$q$,
        how || ', mostly at its edge');
    RETURN NEXT results_eq($q$SELECT success, count(*) FROM etl.validate('plain', 'beyond') GROUP BY 1$q$,
        $q$SELECT false, count(*) FROM truth WHERE target = 'plain' AND unexpected_count > 0$q$, how || ', and beyond');
END
$$;
SET LOCAL max_parallel_workers_per_gather = 0;
SELECT check_all('serial');
SET LOCAL work_mem = '64kB';
SELECT check_all('serial, with little memory');
RESET work_mem;

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
           FROM etl.validate('plain', 'measures', format('public.process() <> %s', pg_backend_pid())) AS v
           WHERE v.kwargs ->> 'row_condition' IS NULL),
          100000::bigint, 'and so does etl.validate');
RESET parallel_leader_participation;
SELECT check_all('parallel');
SET LOCAL work_mem = '64kB';
SELECT check_all('parallel, with little memory');
RESET work_mem;

-- Merged -------------------------------------------------------------------------------------------------------------

CREATE FUNCTION state_query(suite text, groups text) RETURNS text LANGUAGE sql AS $$
    SELECT format('SELECT etl.validation_state(%L, %L, tableoid, ctid, %s) AS state FROM plain GROUP BY %s', s.document,
                  '{tableoid, ctid}'::text[] || array_agg(c.name ORDER BY c.name),
                  string_agg(c.argument, ', ' ORDER BY c.name), groups)
    FROM etl.suites AS s,
         LATERAL (SELECT DISTINCT n.name, n.argument
                  FROM etl.expectations AS e,
                       LATERAL (SELECT u, quote_ident(u) FROM unnest(e.columns) AS u
                                UNION ALL
                                SELECT format('(%s)', u), u
                                FROM unnest(ARRAY[e.kwargs ->> 'row_condition', e.kwargs ->> 'condition']) AS u
                                WHERE u IS NOT NULL) AS n (name, argument)
                  WHERE e.suite = s.suite) AS c
    WHERE s.suite = state_query.suite
    GROUP BY s.document
$$;
CREATE FUNCTION merged(suite text, groups text) RETURNS SETOF record LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format('SELECT r.success, r.element_count, r.missing_count, r.unexpected_count,
                                        r.unexpected_percent, r.observed_value, r.partial_unexpected_list, r.exception
                                 FROM (SELECT etl.merge(state ORDER BY random()) AS state FROM (%s) AS g) AS m,
                                      etl.report(m.state) AS r', state_query(suite, groups));
END
$$;
SELECT results_eq(format($$SELECT * FROM merged(%L, %L)
                           AS r (success bool, elements bigint, missing bigint, unexpected bigint, percent float8,
                                 observed jsonb, list jsonb, exception text)$$, s.suite, g.groups),
                  format($$SELECT * FROM merged(%L, '()')
                    AS r (success bool, elements bigint, missing bigint, unexpected bigint, percent float8,
                          observed jsonb, list jsonb, exception text)$$, s.suite),
                  'states of groups merge to that of the whole: ' || s.suite || ' by ' || g.groups)
FROM (VALUES ('id % 7'), ('status, id % 2'), ('day')) AS g (groups), (VALUES ('rules'), ('measures')) AS s (suite);

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
