-- Fields of records that no rule of a mapping reads: an API has begun to send them. They are reported with the run, or
-- become columns.

CREATE FUNCTION etl._known_fields(definition etl.extract)
RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- With no mapping, fields have the names of columns.
    SELECT ARRAY(
        SELECT p.field FROM etl._mapping_paths(definition.mapping) AS p WHERE p.field IS NOT NULL
        UNION
        SELECT a.attname FROM pg_attribute AS a
        WHERE definition.mapping IS NULL AND a.attrelid = to_regclass(definition.target) AND a.attnum > 0
          AND NOT a.attisdropped)
$$;
COMMENT ON FUNCTION etl._known_fields(etl.extract) IS 'The fields of records that an extract reads.';

CREATE FUNCTION etl._sample_records(handle integer)
RETURNS text[]
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY(SELECT r.record FROM etl._page_records(handle) AS r
                 WHERE r.record ~ '^\s*\{' -- others have no fields, and are rejected
                 ORDER BY r.ordinal LIMIT 200)
$$;
COMMENT ON FUNCTION etl._sample_records(integer) IS 'The first objects of a page, from which types are inferred.';

CREATE FUNCTION etl._mapping_by_name(target regclass)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_object_agg(c.name, c.name) FROM etl._mapped_columns(target, NULL) AS c
$$;
COMMENT ON FUNCTION etl._mapping_by_name(regclass) IS
    'The mapping that no mapping stands for: each column by its name.';

CREATE FUNCTION etl._new_fields(
    INOUT definition etl.extract, run bigint, handle integer, OUT fields jsonb)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known CONSTANT text[] := etl._known_fields(definition);
    before CONSTANT jsonb := (SELECT r.detail -> 'new_fields' FROM etl.run AS r WHERE r.run_id = run);
    fresh record;
BEGIN
    fields := coalesce(before, '{}');
    FOR fresh IN
        SELECT c.name, c.type, c.path FROM etl._infer_columns(nullif(etl._sample_records(handle), '{}')) AS c
        WHERE NOT fields ? c.path
          AND EXISTS (SELECT FROM etl._mapping_paths(jsonb_build_object(c.name, c.path)) AS p
                      WHERE p.field <> ALL (known))
    LOOP
        fields := fields || jsonb_build_object(fresh.path, fresh.type);
        IF definition.new_fields = 'add' AND (definition.mapping ? fresh.name) IS NOT TRUE THEN
            IF etl._column_type(definition.target, fresh.name) IS NULL THEN
                EXECUTE format('ALTER TABLE %s ADD COLUMN %I %s', definition.target, fresh.name, fresh.type);
            END IF;
            definition.mapping := coalesce(definition.mapping, etl._mapping_by_name(definition.target::regclass))
                                  || jsonb_build_object(fresh.name, fresh.path);
        END IF;
    END LOOP;
    IF definition.new_fields = 'add' AND fields <> coalesce(before, '{}') THEN
        UPDATE etl.extract AS e SET mapping = _new_fields.definition.mapping
        WHERE e.extract_id = _new_fields.definition.extract_id;
        IF etl._stage_name(definition) IS NOT NULL THEN
            PERFORM etl._widen_stage(definition);
        END IF;
    END IF;
    fields := CASE WHEN fields = '{}' THEN fields ELSE jsonb_build_object('new_fields', fields) END;
END
$$;
COMMENT ON FUNCTION etl._new_fields(etl.extract, bigint, integer) IS
    'The fields of a page that the extract does not read, with their types, beside those that the run has fields '
    'before; where it wants them added they are columns afterwards.';
