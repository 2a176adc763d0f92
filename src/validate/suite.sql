-- Suites of expectations: Great Expectations documents, loaded, listed and dropped.

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
