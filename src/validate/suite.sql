-- Suites of expectations: Great Expectations documents, loaded, changed, listed, exported and dropped; and the
-- catalogue of what they may hold.

CREATE FUNCTION etl._suite_name(document text)
RETURNS text
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_suite_name';
COMMENT ON FUNCTION etl._suite_name(text) IS
    'The name that a suite document gives itself; 22023 where it is no suite.';

CREATE TABLE etl.suite (
    name text PRIMARY KEY,
    document text NOT NULL CONSTRAINT suite_document CHECK (etl._suite_name(document) IS NOT NULL),
    loaded_at timestamptz NOT NULL DEFAULT now(),
    owner name NOT NULL DEFAULT current_user
);
COMMENT ON TABLE etl.suite IS
    'Suites of expectations: Great Expectations documents in the 1.x shape, as etl.load_suite stored them. Read them '
    'in etl.suites and etl.expectations. What is no suite cannot be stored: the views could not show it to anybody.';
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

CREATE FUNCTION etl._suite_expectations(
    document text,
    OUT expectation text, OUT columns text[], OUT kwargs text, OUT label text, OUT row_level bool, OUT severity text,
    OUT row_condition text)
RETURNS SETOF record
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_suite_expectations';
COMMENT ON FUNCTION etl._suite_expectations(text) IS
    'The expectations of a suite document in its order, with the columns they read; row_level says that one row '
    'alone decides them, which uniqueness is not; row_condition is SQL, NULL where all rows count.';

CREATE FUNCTION etl._export_suite(document text, format text)
RETURNS text
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_export_suite';
COMMENT ON FUNCTION etl._export_suite(text, text) IS
    'A suite document as Great Expectations of a generation, 0.x or 1.x, reads it; 22023 for another format.';

CREATE FUNCTION etl._add_expectation(
    document text, expectation text, kwargs text, severity text,
    OUT changed text, OUT number int, OUT replaced bool)
RETURNS SETOF record
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_add_expectation';
COMMENT ON FUNCTION etl._add_expectation(text, text, text, text) IS
    'A suite document with one more expectation, or with it in the place of the one of the same type on the same '
    'columns and rows; number is its place, counted from 1.';

CREATE FUNCTION etl._bind_suite(document text, params text, local_now timestamp)
RETURNS text
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_bind_suite';
COMMENT ON FUNCTION etl._bind_suite(text, text, timestamp) IS
    'A suite document with the values of its parameters, {"$PARAMETER": "…"}: those of params, a JSON object (empty '
    'text for none), before those that the suite has itself. now() in them is local_now. 22023 where one has none.';

CREATE FUNCTION etl._expectation_types(
    OUT name text, OUT family text, OUT kwargs text[], OUT row_level bool, OUT meaning text)
RETURNS SETOF record
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_expectation_types';
COMMENT ON FUNCTION etl._expectation_types() IS 'The rows of etl.expectation_types.';

CREATE FUNCTION etl._expectation_arguments(
    OUT expectation text, OUT name text, OUT required bool, OUT "default" text, OUT value text, OUT meaning text)
RETURNS SETOF record
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_expectation_arguments';
COMMENT ON FUNCTION etl._expectation_arguments() IS 'The rows of etl.expectation_arguments.';

-- Views --------------------------------------------------------------------------------------------------------------

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
       e.severity,
       e.row_condition,
       e.row_level,
       s.owner
FROM etl.suite AS s
CROSS JOIN LATERAL ROWS FROM (etl._suite_expectations(s.document))
    WITH ORDINALITY AS e (expectation, columns, kwargs, label, row_level, severity, row_condition, number);
COMMENT ON VIEW etl.expectations IS
    'The expectations of the current role''s suites: their full names, the columns they read, their arguments '
    '(kwargs), severity (critical, warning or info), the SQL of their row_condition (NULL: all rows), and whether one '
    'row alone decides them (row_level).';
GRANT SELECT ON etl.expectations TO PUBLIC;

CREATE VIEW etl.expectation_types WITH (security_invoker = true) AS
SELECT t.name, t.family, t.kwargs, t.row_level, t.meaning
FROM etl._expectation_types() AS t;
COMMENT ON VIEW etl.expectation_types IS
    'The expectations that a suite may have: name, family, arguments (kwargs; what has "= …" may be left out and is '
    'then that), whether one row alone decides it (row_level), and what it expects. Every type also has row_condition '
    'and others; etl.expectation_arguments describes all arguments.';
GRANT SELECT ON etl.expectation_types TO PUBLIC;

CREATE VIEW etl.expectation_arguments WITH (security_invoker = true) AS
SELECT a.expectation, a.name, a.required, a."default", a.value, a.meaning
FROM etl._expectation_arguments() AS a;
COMMENT ON VIEW etl.expectation_arguments IS
    'The arguments (kwargs) of every expectation: name, whether it must be given, what it is otherwise (JSON; NULL '
    'for nothing), what its value may be, and what it means.';
GRANT SELECT ON etl.expectation_arguments TO PUBLIC;

-- Stored suites ------------------------------------------------------------------------------------------------------

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
    PERFORM etl._require_flag(load_suite.replace, 'replace');
    document := etl._normalize_suite(suite, load_suite.name);
    chosen := etl._suite_name(document);
    PERFORM etl._require_name(chosen, 'the name of the suite');
    PERFORM etl._store_suite(chosen, document, load_suite.replace);
    RETURN chosen;
END
$$;
COMMENT ON FUNCTION etl.load_suite(text, text, bool) IS
    'Stores a suite of expectations and returns its name. Arguments: suite, the text of a Great Expectations '
    'document of 0.x (expectation_suite_name, expectation_type) or 1.x (name, type), which may have the bare Infinity '
    'and NaN that Python writes, and parameters {"$PARAMETER": "x"}, whose values are given when the suite runs; name, '
    'to use instead of the document''s own; replace, whether a stored suite of that name is replaced. Errors: 22023 no '
    'suite document, an unknown expectation or argument (the hint has the nearest known ones), a value that does not '
    'suit its argument; 42710 the suite exists.';

CREATE FUNCTION etl.export_suite(name text, format text DEFAULT '1.x')
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN etl._export_suite(etl._suite_document(export_suite.name), coalesce(export_suite.format, '1.x'));
END
$$;
COMMENT ON FUNCTION etl.export_suite(text, text) IS
    'A stored suite as the document that Great Expectations reads. Arguments: name; format, 1.x or 0.x (also 0.18). '
    'Only members of that generation are written: severity, description and notes of an expectation go into its meta '
    'for 0.x and come back from there, and 1.x gets no argument that it has dropped. What is pg_etl''s own '
    '(expect_row_condition, order_by) is written as it is. Infinity and NaN are written bare, as Python does, where an '
    'argument is a number. Errors: 42704 no such suite, 22023 an unknown format.';

CREATE FUNCTION etl.expect(suite text, expectation text, kwargs jsonb, severity text DEFAULT 'critical')
RETURNS int
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored etl.suite;
    made record;
BEGIN
    PERFORM etl._require_name(expect.suite, 'the name of the suite');
    INSERT INTO etl.suite (name, document)
    VALUES (expect.suite, json_build_object('name', expect.suite, 'expectations', '[]'::json)::text)
    ON CONFLICT ON CONSTRAINT suite_pkey DO NOTHING;
    SELECT * INTO stored FROM etl.suite AS s WHERE s.name = expect.suite FOR UPDATE;
    IF stored.name IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'duplicate_object',
            MESSAGE = format('suite "%s" already exists and belongs to another role', expect.suite),
            HINT = 'Give another name.';
    END IF;
    PERFORM etl._require_owner(stored.owner, format('suite "%s"', expect.suite));
    SELECT * INTO made
    FROM etl._add_expectation(stored.document, coalesce(expect.expectation, ''), coalesce(expect.kwargs, '{}')::text,
                              coalesce(expect.severity, 'critical'));
    UPDATE etl.suite AS s SET document = made.changed, loaded_at = now() WHERE s.name = expect.suite;
    IF made.replaced THEN
        RAISE NOTICE 'expectation % of suite "%" was replaced', made.number, expect.suite
            USING DETAIL = 'It was of the same type, on the same columns and with the same row_condition.';
    END IF;
    RETURN made.number;
END
$$;
COMMENT ON FUNCTION etl.expect(text, text, jsonb, text) IS
    'Adds an expectation to a suite, which is made when there is none of that name, and returns the expectation''s '
    'number. Arguments: suite; expectation, the full name (etl.expectation_types lists them); kwargs, its arguments; '
    'severity, critical, warning or info. As Great Expectations 0.18 does it, an expectation of the same type on the '
    'same columns and with the same row_condition is replaced, with a notice. Errors: 22023 an unknown expectation or '
    'argument, or a value that does not suit it; 42710 the name belongs to another role''s suite.';

CREATE FUNCTION etl.drop_suite(name text, if_exists bool DEFAULT false)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._require_flag(if_exists, 'if_exists');
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
