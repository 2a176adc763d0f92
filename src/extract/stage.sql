-- Where the rows of an extract wait that replaces rows: a table beside the target. Its pages are committed one by one,
-- and when the last has come, one transaction puts them in the place of the rows that they replace.

CREATE FUNCTION etl._stage_name(definition etl.extract)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN definition.write_mode IN ('replace', 'delete_insert') AND definition.target IS NOT NULL
                THEN format('%I.%I', (parse_ident(definition.target))[1], 'etl_stage_' || definition.extract_id) END
$$;
COMMENT ON FUNCTION etl._stage_name(etl.extract) IS 'The staging table of an extract; NULL where it has none.';

CREATE FUNCTION etl._drop_stage(definition etl.extract)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF to_regclass(etl._stage_name(definition)) IS NOT NULL THEN
        EXECUTE format('DROP TABLE %s', etl._stage_name(definition));
    END IF;
END
$$;
COMMENT ON FUNCTION etl._drop_stage(etl.extract) IS 'Drops the staging table of an extract, if there is one.';

CREATE FUNCTION etl._make_stage(definition etl.extract)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._drop_stage(definition);
    -- What a constraint refuses is refused here, row by row, and not when all rows are put in place.
    EXECUTE format('CREATE TABLE %s (LIKE %s INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING IDENTITY '
                   'INCLUDING GENERATED)', etl._stage_name(definition), definition.target);
    EXECUTE format('COMMENT ON TABLE %s IS %L', etl._stage_name(definition),
                   format('Rows of a run of extract "%s" that has not ended.', definition.name));
END
$$;
COMMENT ON FUNCTION etl._make_stage(etl.extract) IS 'Creates an empty staging table for an extract.';

CREATE FUNCTION etl._staged_rows(definition etl.extract)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- Of rows with one key the last that came; the key of delete_insert names many rows.
    SELECT CASE WHEN definition.write_mode = 'replace' AND definition.key_columns IS NOT NULL
                THEN format('SELECT DISTINCT ON (%1$s) %2$s FROM %3$s ORDER BY %1$s, ctid DESC',
                            etl._column_list(definition.key_columns), given, etl._stage_name(definition))
                ELSE format('SELECT %s FROM %s', given, etl._stage_name(definition)) END
    FROM (SELECT etl._column_list(ARRAY(
              SELECT m.name FROM etl._mapped_columns(definition.target::regclass, definition.mapping) AS m)))
        AS c(given)
$$;
COMMENT ON FUNCTION etl._staged_rows(etl.extract) IS
    'The query of the rows in a staging table that go into the target.';

CREATE FUNCTION etl._put_stage(definition etl.extract, OUT inserted bigint, OUT deleted bigint, OUT ignored bigint)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stage CONSTANT text := etl._stage_name(definition);
    staged CONSTANT bigint := etl._locked_value(format('SELECT count(*) FROM %s', stage), 0::bigint);
    replaced CONSTANT text := CASE definition.write_mode
        WHEN 'delete_insert' THEN format('EXISTS (SELECT FROM %s AS s WHERE %s)', stage, (
            SELECT string_agg(format('s.%1$I = t.%1$I', k), ' AND ') FROM unnest(definition.key_columns) AS k))
        ELSE 'true' END;
BEGIN
    EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', definition.target);
    PERFORM etl._require_unheld(definition.target::regclass, replaced);
    deleted := etl._locked_command(format('DELETE FROM %s AS t WHERE %s', definition.target, replaced));
    inserted := etl._locked_command(format('INSERT INTO %s (%s) %s', definition.target, etl._column_list(ARRAY(
        SELECT m.name FROM etl._mapped_columns(definition.target::regclass, definition.mapping) AS m)),
        etl._staged_rows(definition)));
    ignored := staged - inserted;
    PERFORM etl._drop_stage(definition);
END
$$;
COMMENT ON FUNCTION etl._put_stage(etl.extract) IS
    'Puts the rows of the staging table in the place of those of the target that they replace, and drops it; ignored: '
    'rows that lost against a later one with their key, or that a trigger held back. 55000 where a legal hold stands '
    'on a row that would be replaced.';

CREATE FUNCTION etl._widen_stage(definition etl.extract)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    added record;
BEGIN
    FOR added IN
        SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type
        FROM pg_attribute AS a
        WHERE a.attrelid = definition.target::regclass AND a.attnum > 0 AND NOT a.attisdropped
          AND etl._column_type(etl._stage_name(definition), a.attname) IS NULL
    LOOP
        EXECUTE format('ALTER TABLE %s ADD COLUMN %I %s', etl._stage_name(definition), added.name, added.type);
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._widen_stage(etl.extract) IS 'Gives the staging table the columns that the target got since.';
