-- Validation: suites of expectations in Great Expectations' form, one scan to test them all, and what becomes of the
-- rows that break them.

-- --- suites ----------------------------------------------------------------------------------------------------------

CREATE TABLE etl.suite (
    name text PRIMARY KEY,
    document text NOT NULL,
    loaded_at timestamptz NOT NULL DEFAULT now(),
    owner name NOT NULL DEFAULT current_user
);
COMMENT ON TABLE etl.suite IS
    'Suites of expectations: Great Expectations documents in the 1.x shape, as etl.load_suite stored them. Read them '
    'in etl.suites and etl.expectations.';
ALTER TABLE etl.suite ENABLE ROW LEVEL SECURITY;
CREATE POLICY suite_owner ON etl.suite USING (owner = current_user);
GRANT SELECT, INSERT, UPDATE, DELETE ON etl.suite TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.suite', '');

CREATE FUNCTION etl._normalize_suite(document text, name text)
RETURNS text
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_normalize_suite';
COMMENT ON FUNCTION etl._normalize_suite(text, text) IS
    'The suite document in the 1.x shape under the given name (NULL keeps its own); 22023 where it is no suite.';

CREATE FUNCTION etl._suite_name(document text)
RETURNS text
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_suite_name';
COMMENT ON FUNCTION etl._suite_name(text) IS
    'The name that a suite document gives itself.';

CREATE FUNCTION etl._suite_expectations(
    document text,
    OUT expectation text, OUT columns text[], OUT kwargs text, OUT label text, OUT row_level bool)
RETURNS SETOF record
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_suite_expectations';
COMMENT ON FUNCTION etl._suite_expectations(text) IS
    'The expectations of a suite document in its order, with the columns they read; row_level says that one row '
    'alone decides them, which uniqueness is not.';

CREATE VIEW etl.suites WITH (security_invoker = true) AS
SELECT s.name AS suite,
       (SELECT count(*) FROM etl._suite_expectations(s.document)) AS expectations,
       s.loaded_at,
       s.document,
       s.owner
FROM etl.suite AS s;
COMMENT ON VIEW etl.suites IS
    'The current role''s suites: name, number of expectations, when loaded, and the Great Expectations document.';
GRANT SELECT ON etl.suites TO PUBLIC;

CREATE VIEW etl.expectations WITH (security_invoker = true) AS
SELECT s.name AS suite,
       e.number,
       e.expectation,
       e.columns,
       e.kwargs::jsonb AS kwargs,
       e.row_level,
       s.owner
FROM etl.suite AS s
CROSS JOIN LATERAL ROWS FROM (etl._suite_expectations(s.document))
    WITH ORDINALITY AS e (expectation, columns, kwargs, label, row_level, number);
COMMENT ON VIEW etl.expectations IS
    'The expectations of the current role''s suites: their full names, columns and arguments (kwargs).';
GRANT SELECT ON etl.expectations TO PUBLIC;

CREATE FUNCTION etl._suite_document(suite text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored etl.suite;
BEGIN
    SELECT * INTO stored FROM etl.suite AS s WHERE s.name = suite;
    IF stored.name IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object',
            MESSAGE = CASE WHEN suite IS NULL THEN 'no suite was given'
                           ELSE format('suite "%s" does not exist', suite) END,
            HINT = 'SELECT * FROM etl.suites lists the suites; etl.load_suite(document) adds one.';
    END IF;
    PERFORM etl._require_owner(stored.owner, format('suite "%s"', suite));
    RETURN stored.document;
END
$$;
COMMENT ON FUNCTION etl._suite_document(text) IS
    'The document of a stored suite; 42704 where the current role sees none of that name, 42501 where it is another '
    'role''s: not even a superuser applies rules that another role may change.';

CREATE FUNCTION etl._store_suite(suite_name text, document text, replace bool)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    holder name;
BEGIN
    INSERT INTO etl.suite (name, document) VALUES (suite_name, document)
    ON CONFLICT ON CONSTRAINT suite_pkey DO NOTHING;
    IF FOUND THEN
        RETURN;
    END IF;
    SELECT s.owner INTO holder FROM etl.suite AS s WHERE s.name = suite_name;
    IF replace AND holder IS NOT NULL THEN
        PERFORM etl._require_owner(holder, format('suite "%s"', suite_name));
        UPDATE etl.suite AS s SET document = _store_suite.document, loaded_at = now() WHERE s.name = suite_name;
        RETURN;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'duplicate_object',
        MESSAGE = format('suite "%s" already exists', suite_name)
                  || CASE WHEN holder IS DISTINCT FROM current_user THEN ' and belongs to another role' ELSE '' END,
        HINT = CASE WHEN holder = current_user
                    THEN 'Call etl.load_suite(…, replace => true) to replace it, or give another name.'
                    ELSE 'Give another name: etl.load_suite(…, name => ''…'').' END;
END
$$;
COMMENT ON FUNCTION etl._store_suite(text, text, bool) IS
    'Stores a document under a name, or replaces the current role''s own; 42710 where the name is taken.';

CREATE FUNCTION etl.load_suite(suite text, name text DEFAULT NULL, replace bool DEFAULT false)
RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    document text;
    chosen text;
BEGIN
    IF suite IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'no suite document was given',
            HINT = 'Pass the text of a Great Expectations suite, as in etl.load_suite(pg_read_file(''suite.json'')).';
    END IF;
    document := etl._normalize_suite(suite, load_suite.name);
    chosen := etl._suite_name(document);
    PERFORM etl._require_name(chosen, 'the name of the suite');
    PERFORM etl._store_suite(chosen, document, coalesce(load_suite.replace, false));
    RETURN chosen;
END
$$;
COMMENT ON FUNCTION etl.load_suite(text, text, bool) IS
    'Stores a suite of expectations and returns its name. Arguments: suite, the text of a Great Expectations '
    'document of 0.x (expectation_suite_name, expectation_type) or 1.x (name, type); name, to use instead of the '
    'document''s own; replace, whether a stored suite of that name is replaced. Errors: 22023 no suite document, '
    'unknown expectation or argument (the detail lists the known ones); 42710 the suite exists.';

CREATE FUNCTION etl.drop_suite(name text, if_exists bool DEFAULT false)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM etl.suite AS s WHERE s.name = drop_suite.name;
    IF NOT FOUND AND if_exists THEN
        RAISE NOTICE 'suite "%" does not exist, skipping', drop_suite.name;
    ELSIF NOT FOUND THEN
        PERFORM etl._suite_document(drop_suite.name);
    END IF;
END
$$;
COMMENT ON FUNCTION etl.drop_suite(text, bool) IS
    'Removes a stored suite. Arguments: name; if_exists, whether a missing one is a notice instead of an error '
    '(42704).';

-- --- the state -------------------------------------------------------------------------------------------------------

CREATE TYPE etl.validation_state;
CREATE FUNCTION etl.validation_state_in(cstring)
RETURNS etl.validation_state
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_validation_state_in';
COMMENT ON FUNCTION etl.validation_state_in(cstring) IS 'Input function of etl.validation_state; checks every byte.';
CREATE FUNCTION etl.validation_state_out(etl.validation_state)
RETURNS cstring
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_validation_state_out';
COMMENT ON FUNCTION etl.validation_state_out(etl.validation_state) IS 'Output function of etl.validation_state.';
CREATE FUNCTION etl.validation_state_recv(internal)
RETURNS etl.validation_state
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_validation_state_recv';
COMMENT ON FUNCTION etl.validation_state_recv(internal) IS
    'Binary input function of etl.validation_state; checks every byte.';
CREATE FUNCTION etl.validation_state_send(etl.validation_state)
RETURNS bytea
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_validation_state_send';
COMMENT ON FUNCTION etl.validation_state_send(etl.validation_state) IS
    'Binary output function of etl.validation_state.';
CREATE TYPE etl.validation_state (
    INPUT = etl.validation_state_in,
    OUTPUT = etl.validation_state_out,
    RECEIVE = etl.validation_state_recv,
    SEND = etl.validation_state_send,
    ALIGNMENT = double,
    STORAGE = extended
);
COMMENT ON TYPE etl.validation_state IS
    'What the validation of some rows has found: counts, first failing values, and what uniqueness needs. Made by '
    'the aggregate etl.validation_state, stored like any value, merged by etl.merge, read by etl.report.';

CREATE FUNCTION etl._validation_state_step(etl.validation_state, text, name[], VARIADIC "any")
RETURNS etl.validation_state
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_validation_state_step';
COMMENT ON FUNCTION etl._validation_state_step(etl.validation_state, text, name[], "any") IS
    'Transition function of the aggregate etl.validation_state.';
CREATE FUNCTION etl._validation_state_combine(etl.validation_state, etl.validation_state)
RETURNS etl.validation_state
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_validation_state_combine';
COMMENT ON FUNCTION etl._validation_state_combine(etl.validation_state, etl.validation_state) IS
    'Adds the second state to the first; both must come from the same suite over the same columns (22023).';
CREATE AGGREGATE etl.validation_state(text, name[], VARIADIC "any") (
    SFUNC = etl._validation_state_step,
    STYPE = etl.validation_state,
    COMBINEFUNC = etl._validation_state_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.validation_state(text, name[], VARIADIC "any") IS
    'Tests rows with all expectations of a suite. Arguments: the suite''s document, the names of the columns that '
    'follow, and those columns. With ctid and tableoid among them the failing values are those of the first rows of '
    'the table under any plan. Text is compared by each column''s own collation. Errors: 22023 no suite, 42703 a '
    'column of the suite is not among the names, 42804 an expectation that does not fit its column''s type.';
CREATE AGGREGATE etl.merge(etl.validation_state) (
    SFUNC = etl._validation_state_combine,
    STYPE = etl.validation_state,
    COMBINEFUNC = etl._validation_state_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.merge(etl.validation_state) IS
    'One state of many, as if their rows had been validated together; all must come from the same suite over the '
    'same columns (22023).';

CREATE FUNCTION etl._empty_validation_state(document text)
RETURNS etl.validation_state
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_empty_validation_state';
COMMENT ON FUNCTION etl._empty_validation_state(text) IS
    'The state of a suite over no rows, where the aggregate returns NULL.';

CREATE FUNCTION etl._report(
    state etl.validation_state,
    OUT expectation text, OUT kwargs text, OUT success bool, OUT element_count bigint, OUT missing_count bigint,
    OUT unexpected_count bigint, OUT unexpected_percent float8, OUT partial_unexpected_list text)
RETURNS SETOF record
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_report';
COMMENT ON FUNCTION etl._report(etl.validation_state) IS
    'etl.report with its JSON as text.';

CREATE FUNCTION etl.report(state etl.validation_state)
RETURNS TABLE (
    expectation text, kwargs jsonb, success bool, element_count bigint, missing_count bigint, unexpected_count bigint,
    unexpected_percent float8, partial_unexpected_list jsonb)
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT r.expectation, r.kwargs::jsonb, r.success, r.element_count, r.missing_count, r.unexpected_count,
           r.unexpected_percent, r.partial_unexpected_list::jsonb
    FROM etl._report(state) AS r
$$;
COMMENT ON FUNCTION etl.report(etl.validation_state) IS
    'What a state says of each expectation of its suite, in the suite''s order, without reading a row again: '
    'success; element_count rows; missing_count of them NULL or passed over; unexpected_count and unexpected_percent '
    '(0 to 100, of those not missing; NULL without any) of the failing ones; the failing values of the first 20 '
    'rows. Values that are not unique are counted here and listed by etl.validate.';

CREATE FUNCTION etl._duplicate_positions(
    state etl.validation_state, OUT number int, OUT relation oid, OUT row_id tid, OUT rows bigint)
RETURNS SETOF record
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_duplicate_positions';
COMMENT ON FUNCTION etl._duplicate_positions(etl.validation_state) IS
    'For each uniqueness expectation (by its number in the suite) the first rows of the first 20 values that occur '
    'more than once, and how often each occurs.';

-- --- validating a table ----------------------------------------------------------------------------------------------

CREATE FUNCTION etl._require_suite_columns(target regclass, suite text, document text)
RETURNS name[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    columns name[];
    missing name;
BEGIN
    SELECT array_agg(DISTINCT c) INTO columns
    FROM etl._suite_expectations(document) AS e, unnest(e.columns) AS c;
    SELECT c INTO missing
    FROM unnest(columns) AS c
    WHERE NOT EXISTS (
        SELECT FROM pg_attribute AS a
        WHERE a.attrelid = target AND a.attname = c AND a.attnum > 0 AND NOT a.attisdropped)
    ORDER BY c
    LIMIT 1;
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_column',
            MESSAGE = format('suite "%s" expects column "%s", which table "%s" does not have', suite, missing, target),
            DETAIL = (SELECT format('The table has columns %s.', string_agg(a.attname, ', ' ORDER BY a.attnum))
                      FROM pg_attribute AS a
                      WHERE a.attrelid = target AND a.attnum > 0 AND NOT a.attisdropped),
            HINT = 'Change the suite with etl.load_suite(…, replace => true).';
    END IF;
    RETURN coalesce(columns, '{}');
END
$$;
COMMENT ON FUNCTION etl._require_suite_columns(regclass, text, text) IS
    'The columns that a suite reads, each once; 42703 where the table lacks one of them.';

CREATE FUNCTION etl._validation_query(target regclass, suite text, document text, where_sql text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    columns name[] := ARRAY['tableoid', 'ctid']::name[] || etl._require_suite_columns(target, suite, document);
BEGIN
    IF cardinality(columns) > 97 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'program_limit_exceeded',
            MESSAGE = format('suite "%s" reads %s columns, and a call can pass 95', suite, cardinality(columns) - 2),
            HINT = 'Divide the suite into two.';
    END IF;
    RETURN format('SELECT coalesce(etl.validation_state(%1$L, %2$L::name[], %3$s), etl._empty_validation_state(%1$L)) '
                  'AS state FROM %4$s AS validated%5$s',
                  document, columns,
                  (SELECT string_agg(format('validated.%I', c), ', ' ORDER BY n)
                   FROM unnest(columns) WITH ORDINALITY AS u (c, n)),
                  target, ' WHERE (' || where_sql || E'\n)');
END
$$;
COMMENT ON FUNCTION etl._validation_query(regclass, text, text, text) IS
    'The one scan of etl.validate as a query that returns a state: all expectations of the document over the rows of '
    'the table that where_sql admits.';

CREATE FUNCTION etl._json_of(value "any")
RETURNS text
LANGUAGE C STRICT STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_json_of';
COMMENT ON FUNCTION etl._json_of("any") IS
    'A value as JSON, in the form that lists of failing values have: numbers and booleans as such, moments in ISO '
    '8601, everything else as text, which is cut after 1000 bytes.';

CREATE FUNCTION etl._duplicate_values(target regclass, state etl.validation_state, number int, column_name name)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    most CONSTANT int := 20;
    listed jsonb := '[]';
    found record;
    value jsonb;
BEGIN
    FOR found IN
        SELECT p.relation, p.row_id, p.rows
        FROM etl._duplicate_positions(state) AS p
        WHERE p.number = _duplicate_values.number
        ORDER BY p.relation, p.row_id
    LOOP
        EXECUTE format('SELECT etl._json_of(t.%I) FROM %s AS t WHERE t.ctid = $1 AND t.tableoid = $2', column_name,
                       target)
            INTO value USING found.row_id, found.relation;
        FOR i IN 1 .. least(found.rows, most - jsonb_array_length(listed)) LOOP
            listed := listed || jsonb_build_array(value);
        END LOOP;
    END LOOP;
    RETURN listed;
END
$$;
COMMENT ON FUNCTION etl._duplicate_values(regclass, etl.validation_state, int, name) IS
    'The values that are not unique, each as often as it occurs, at most 20 in all: read from their first rows, '
    'which the state names, in the snapshot of the scan.';

CREATE FUNCTION etl.validate(target regclass, suite text, where_sql text DEFAULT NULL)
RETURNS TABLE (
    expectation text, kwargs jsonb, success bool, element_count bigint, missing_count bigint, unexpected_count bigint,
    unexpected_percent float8, partial_unexpected_list jsonb)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    document text;
BEGIN
    PERFORM etl._require_table(target, ARRAY['SELECT']);
    document := etl._suite_document(suite);
    -- One query from the rows to the answer, because a state that goes through variables is copied each time.
    RETURN QUERY EXECUTE format($sql$
        SELECT r.expectation, r.kwargs, r.success, r.element_count, r.missing_count, r.unexpected_count,
               r.unexpected_percent,
               CASE WHEN r.unexpected_count > 0 AND r.expectation = 'expect_column_values_to_be_unique'
                    THEN etl._duplicate_values(%L::regclass, v.state, r.number::int, (r.kwargs ->> 'column')::name)
                    ELSE r.partial_unexpected_list
               END
        FROM (%s) AS v
        CROSS JOIN LATERAL ROWS FROM (etl.report(v.state)) WITH ORDINALITY
            AS r (expectation, kwargs, success, element_count, missing_count, unexpected_count, unexpected_percent,
                  partial_unexpected_list, number)
        ORDER BY r.number
        $sql$, target, etl._validation_query(target, suite, document, where_sql));
END
$$;
COMMENT ON FUNCTION etl.validate(regclass, text, text) IS
    'Validates a table with a stored suite in one scan, parallel where the planner sees a gain, and returns one row '
    'for each expectation: success; element_count rows; missing_count of them NULL or passed over; unexpected_count '
    'and unexpected_percent (0 to 100, of those not missing) of the failing ones; the failing values of the first 20 '
    'rows. Semantics are Great Expectations'': NULL is missing and not wrong, mostly is the least part that must be '
    'right, no value at all is success. Arguments: target, an ordinary or partitioned table; suite; where_sql, an '
    'SQL condition on the rows to validate. Errors: 42809 no table, 42501 no SELECT on it, 42704 no such suite, '
    '42703 a column that the table does not have, 42804 an expectation that does not fit its column''s type.';

-- --- row by row ------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl.violations(suite text, "row" record)
RETURNS text[]
LANGUAGE C STRICT STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_violations';
COMMENT ON FUNCTION etl.violations(text, record) IS
    'The row-level expectations of a stored suite that one row breaks, as names like '
    'expect_column_values_to_match_regex(wallet_address), in the suite''s order; empty when it keeps them all. For '
    'WHERE, triggers and CHECK constraints: CHECK (etl.violations(''transactions'', transactions.*) = ''{}'') NOT '
    'VALID, which lets a restored dump fill the table before it looks for the suite. Uniqueness is no matter of one '
    'row and not among them. Errors: 42704 no such suite, 42501 another role''s, 42703 the row lacks a column of the '
    'suite, 42804 an expectation that does not fit its column''s type.';

CREATE TABLE etl.quarantined_rows (
    quarantine_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    relation text NOT NULL,
    suite text NOT NULL,
    "row" jsonb NOT NULL,
    reasons text[] NOT NULL,
    quarantined_at timestamptz NOT NULL DEFAULT now(),
    owner name NOT NULL DEFAULT current_user
);
CREATE INDEX quarantined_rows_relation_idx ON etl.quarantined_rows (relation, quarantine_id);
COMMENT ON TABLE etl.quarantined_rows IS
    'Rows that etl.quarantine took out of their table (relation, by its name): the row as JSON, the broken '
    'expectations (reasons), the suite, and when. Each role sees the rows that it moved. jsonb_populate_record makes '
    'a row of "row" again.';
ALTER TABLE etl.quarantined_rows ENABLE ROW LEVEL SECURITY;
CREATE POLICY quarantined_rows_owner ON etl.quarantined_rows USING (owner = current_user);
GRANT SELECT, INSERT, UPDATE, DELETE ON etl.quarantined_rows TO PUBLIC;
COMMENT ON SEQUENCE etl.quarantined_rows_quarantine_id_seq IS 'Numbers of etl.quarantined_rows.';
SELECT pg_catalog.pg_extension_config_dump('etl.quarantined_rows', '');
SELECT pg_catalog.pg_extension_config_dump('etl.quarantined_rows_quarantine_id_seq', '');

CREATE FUNCTION etl._row_as_json("row" record)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET extra_float_digits = 1
SET datestyle = 'ISO, YMD'
SET intervalstyle = 'postgres'
AS $$
BEGIN
    RETURN to_jsonb("row");
END
$$;
COMMENT ON FUNCTION etl._row_as_json(record) IS
    'A row as JSON from which jsonb_populate_record makes the same row, whatever the session''s settings are.';

CREATE FUNCTION etl._refuse_quarantine_cascades(target regclass, suite text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    tables oid[];
    places tid[];
BEGIN
    IF NOT EXISTS (SELECT FROM etl._cascades(target)) THEN
        RETURN;
    END IF;
    EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', target);
    EXECUTE format('SELECT array_agg(t.tableoid), array_agg(t.ctid) FROM %s AS t WHERE etl.violations(%L, t.*) <> %L',
                   target, suite, '{}')
    INTO tables, places;
    PERFORM etl._refuse_cascades(
        target, tables, places, 'broken rows',
        'Delete the rows of "%s" first, or let its foreign key be ON DELETE NO ACTION.');
END
$$;
COMMENT ON FUNCTION etl._refuse_quarantine_cascades(regclass, text) IS
    'Raises (23503) when taking out the broken rows would delete or change rows of other tables by a foreign key. '
    'Keeps other writers out of a table that has such a key.';

CREATE FUNCTION etl._warn_held_back(target regclass, suite text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    before_row_delete CONSTANT int := 1 | 2 | 8; -- of pg_trigger.tgtype
    held bigint;
BEGIN
    IF NOT (row_security_active(target)
            OR EXISTS (SELECT FROM pg_rewrite AS r WHERE r.ev_class IN (SELECT etl._family(target)) AND r.ev_type = '4')
            OR EXISTS (SELECT FROM pg_trigger AS g WHERE g.tgrelid IN (SELECT etl._family(target))
                       AND g.tgtype & before_row_delete = before_row_delete)) THEN
        RETURN;
    END IF;
    EXECUTE format('SELECT count(*) FROM %s AS t WHERE etl.violations(%L, t.*) <> %L', target, suite, '{}') INTO held;
    IF held > 0 THEN
        RAISE WARNING USING
            MESSAGE = format('%s broken rows of table "%s" were held back', held, target),
            DETAIL = 'A trigger, a rule or a policy of the table kept them from being deleted.',
            HINT = format('SELECT * FROM %s AS t WHERE etl.violations(%L, t.*) <> %L shows them.', target, suite, '{}');
    END IF;
END
$$;
COMMENT ON FUNCTION etl._warn_held_back(regclass, text) IS
    'Warns when broken rows stayed in a table that has something that can keep rows from being deleted.';

CREATE FUNCTION etl.quarantine(target regclass, suite text)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    document text;
    left_out text;
    moved bigint;
BEGIN
    PERFORM etl._require_table(target, ARRAY['SELECT', 'DELETE']);
    PERFORM etl._require_no_wider_children(target);
    document := etl._suite_document(suite);
    PERFORM etl._require_suite_columns(target, suite, document);
    SELECT string_agg(e.label, ', ') INTO left_out FROM etl._suite_expectations(document) AS e WHERE NOT e.row_level;
    IF left_out IS NOT NULL THEN
        RAISE NOTICE 'quarantine tests each row alone and leaves out %', left_out
            USING HINT = 'etl.dedupe removes duplicates.';
    END IF;
    PERFORM etl._refuse_quarantine_cascades(target, suite);
    EXECUTE format($sql$
        WITH broken AS (
            DELETE FROM %s AS t WHERE etl.violations(%L, t.*) <> '{}'
            RETURNING etl._row_as_json(t.*) AS "row", etl.violations(%L, t.*) AS reasons
        )
        INSERT INTO etl.quarantined_rows (relation, suite, "row", reasons)
        SELECT %L, %L, b."row", b.reasons FROM broken AS b
        $sql$, target, suite, suite, etl._relation_name(target), suite);
    GET DIAGNOSTICS moved = ROW_COUNT;
    PERFORM etl._warn_held_back(target, suite);
    RETURN moved;
END
$$;
COMMENT ON FUNCTION etl.quarantine(regclass, text) IS
    'Moves the rows of a table that break a row-level expectation of a stored suite to etl.quarantined_rows, with '
    'the reasons, in one statement: a row is in one place or the other. Returns how many. Uniqueness is left out '
    'with a notice; etl.dedupe sees to that. Arguments: target, an ordinary or partitioned table; suite. Errors: as '
    'etl.validate, and 42501 without DELETE on the table.';
