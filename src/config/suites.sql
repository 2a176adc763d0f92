-- Suites of expectations in a configuration: documents in the 1.x shape of Great Expectations, without their names.

CREATE FUNCTION etl._config_suite(document jsonb)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT document - 'name' || jsonb_build_object('expectations', (
        SELECT coalesce(jsonb_agg(CASE e.value ->> 'severity' WHEN 'critical' THEN e.value - 'severity'
                                       ELSE e.value END ORDER BY e.ordinality), '[]')
        FROM jsonb_array_elements(document -> 'expectations') WITH ORDINALITY AS e))
$$;
COMMENT ON FUNCTION etl._config_suite(jsonb) IS
    'A suite in the 1.x shape without its name, which is its key, and without the severity that an expectation has '
    'anyway.';

CREATE FUNCTION etl._config_suites_export()
RETURNS TABLE(name text, definition jsonb)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.name, etl._config_suite(etl._config_document(s.document, etl._config_path('suites', s.name)))
    FROM etl.suite AS s WHERE s.owner = current_user
$$;
COMMENT ON FUNCTION etl._config_suites_export() IS 'The suites of the current role.';

CREATE FUNCTION etl._config_check_expectations(name text, definition jsonb, path text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    expectation record;
    message text;
    detail text;
    hint text;
BEGIN
    IF jsonb_typeof(definition -> 'expectations') <> 'array' THEN
        RETURN; -- etl._normalize_suite says it
    END IF;
    FOR expectation IN
        SELECT e.value, e.ordinality - 1 AS number
        FROM jsonb_array_elements(definition -> 'expectations') WITH ORDINALITY AS e
    LOOP
        PERFORM etl._normalize_suite(
            jsonb_build_object('expectations', jsonb_build_array(expectation.value))::text, name);
    END LOOP;
EXCEPTION
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
        PERFORM etl._config_fail(format('%s.expectations[%s]', path, expectation.number), SQLSTATE, message, detail,
                                 hint, 'Nothing was changed.');
END
$$;
COMMENT ON FUNCTION etl._config_check_expectations(text, jsonb, text) IS
    'Raises what is wrong with an expectation of a written suite, with its place.';

CREATE FUNCTION etl._config_suites_definition(kind etl._config_kind, name text, definition jsonb, path text)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    said CONSTANT jsonb := CASE WHEN jsonb_typeof(definition) = 'object'
                                THEN definition - '{name,expectation_suite_name}'::text[] ELSE definition END;
BEGIN
    PERFORM etl._require_name(name, 'the name of the suite'), etl._config_check_expectations(name, said, path);
    RETURN etl._config_suite(etl._normalize_suite(said::text, name)::jsonb);
END
$$;
COMMENT ON FUNCTION etl._config_suites_definition(etl._config_kind, text, jsonb, text) IS
    'A written suite, of 0.x or 1.x, in the 1.x shape.';

CREATE FUNCTION etl._config_suites_calls(kind etl._config_kind, name text, stored jsonb, wanted jsonb)
RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._config_document_calls(kind, name, stored, wanted, 'suite')
$$;
COMMENT ON FUNCTION etl._config_suites_calls(etl._config_kind, text, jsonb, jsonb) IS
    'The statement that loads, replaces or drops a suite.';
