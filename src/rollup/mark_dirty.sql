-- Groups marked by hand, for what triggers do not see: session_replication_role = replica, as logical replication
-- applies changes and some loads do.

CREATE FUNCTION etl._marked_keys(rollup etl.rollup, condition text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format(E'SELECT * FROM (%s) AS %I WHERE (\n%s\n)', etl._all_keys(rollup), (parse_ident(rollup.name))[2],
                  condition)
$$;
COMMENT ON FUNCTION etl._marked_keys(etl.rollup, text) IS
    'A query that gives the keys of all groups, of the query and of the rollup, for which a condition holds.';

CREATE FUNCTION etl._require_key_condition(rollup etl.rollup, condition text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reason text;
BEGIN
    -- Inside parentheses and inside brackets, so that the text is one expression and none that closes them early.
    PERFORM etl._query_columns(etl._marked_keys(rollup, condition));
    PERFORM etl._query_columns(format(E'SELECT ARRAY[\n%s\n]::boolean[] FROM (%s) AS %I', condition,
                                      etl._all_keys(rollup), (parse_ident(rollup.name))[2]));
EXCEPTION
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS reason = MESSAGE_TEXT;
        RAISE EXCEPTION USING
            ERRCODE = SQLSTATE,
            MESSAGE = format('condition "%s" is none on the keys of rollup "%s": %s', condition, rollup.name, reason),
            DETAIL = format('The key columns are %s.', etl._column_list(rollup.key_columns)),
            HINT = 'Give one expression over the key columns, as it would stand after WHERE; functions and types '
                   'outside pg_catalog need their schema.';
END
$$;
COMMENT ON FUNCTION etl._require_key_condition(etl.rollup, text) IS
    'Raises, under the SQLSTATE of PostgreSQL''s complaint, unless the text is one condition on the key columns.';

CREATE FUNCTION etl.mark_dirty(rollup text, condition text DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO, MDY'
SET intervalstyle = 'postgres'
SET extra_float_digits = 1
SET bytea_output = 'hex'
SET lc_monetary = 'C'
SET lc_numeric = 'C'
SET lc_time = 'C'
SET array_nulls = on
SET quote_all_identifiers = off
SET pg_etl.rollup_as_of = ''
SET pg_etl.rollup_uses = ''
AS $$
DECLARE
    marked CONSTANT etl.rollup := etl._rollup(rollup);
BEGIN
    IF condition IS NULL THEN
        PERFORM etl._rollup_relation(marked, '_log_' || s.number) FROM etl._sources(marked) AS s;
        PERFORM etl._mark_all(marked);
        RETURN NULL;
    ELSIF btrim(condition, E' \t\r\n') = '' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'condition must not be empty',
            HINT = 'Leave it out to mark all groups.';
    END IF;
    PERFORM etl._require_parts(marked);
    PERFORM set_config('timezone', marked.timezone, true),
            set_config('pg_etl.rollup_as_of', coalesce(marked.refreshed_as_of, now())::text, true);
    PERFORM etl._require_key_condition(marked, condition);
    RETURN etl._locked_command(format(
        E'INSERT INTO %s (%s, etl_by) SELECT DISTINCT %2$s, %3$L::uuid FROM (\n%4$s\n) AS q',
        etl._rollup_relation(marked, '_pending'), etl._column_list(marked.key_columns), gen_random_uuid(),
        etl._marked_keys(marked, condition)));
END
$$;
COMMENT ON FUNCTION etl.mark_dirty(text, text) IS
    'Says of groups of a rollup that they are to be computed anew at the next refresh, and returns how many these are; '
    'NULL for all. For what triggers do not see: writers with session_replication_role = replica, as logical '
    'replication has. Call it in the transaction of the change, or after it. condition: an expression over the key '
    'columns; NULL means all groups. Waits for no refresh, and none for it. Errors: 42704 no such rollup, 22023 an '
    'empty condition, 42P01, 42809, 42703, 42804, 55000 what its query reads or uses, or a table of its own, is gone '
    'or has become something else, and what PostgreSQL has against the condition.';
