-- What a materialized view must be to be refreshed, and how it can be.

CREATE FUNCTION etl._require_matview(matview regclass)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    kind text := etl._relation_kind(matview);
    owner name := (SELECT pg_get_userbyid(c.relowner) FROM pg_class AS c WHERE c.oid = matview);
BEGIN
    IF kind IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_table',
            MESSAGE = CASE
                          WHEN matview IS NULL THEN 'no materialized view was given'
                          ELSE format('materialized view with OID %s does not exist', matview::oid)
                      END,
            HINT = 'Name an existing materialized view, as in ''public.sales_by_hour''.';
    ELSIF kind <> 'materialized view' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'wrong_object_type',
            MESSAGE = format('"%s" is a %s, not a materialized view', matview, kind),
            HINT = 'Create it with CREATE MATERIALIZED VIEW to have it refreshed.';
    ELSIF NOT pg_has_role(owner, 'USAGE') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = format('must be owner of materialized view "%s"', matview),
            DETAIL = format('It belongs to role "%s", and the current role is "%s".', owner, current_user),
            HINT = format('SET ROLE %I; and call again.', owner);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_matview(regclass) IS
    'Checks that a relation is a materialized view (42809, or 42P01 when it is gone) that the current role owns '
    '(42501).';

CREATE FUNCTION etl._matview_keys(matview regclass)
RETURNS TABLE (index oid, columns smallint[])
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT i.indexrelid, (i.indkey::smallint[])[0:i.indnkeyatts - 1]
    FROM pg_index AS i
    JOIN pg_class AS x ON x.oid = i.indexrelid
    JOIN pg_am AS a ON a.oid = x.relam AND a.amname = 'btree'
    WHERE i.indrelid = matview AND i.indisunique AND i.indisvalid AND i.indimmediate
      AND i.indpred IS NULL AND 0 < ALL (i.indkey::smallint[])
$$;
COMMENT ON FUNCTION etl._matview_keys(regclass) IS
    'The unique indexes by which PostgreSQL can refresh a materialized view CONCURRENTLY, and the columns of each.';

CREATE FUNCTION etl._concurrently_obstacle(matview regclass)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
               WHEN NOT c.relispopulated THEN 'it has no rows yet'
               WHEN NOT EXISTS (SELECT FROM etl._matview_keys(matview)) THEN
                   'it has no unique index over plain columns and all rows'
           END
    FROM pg_class AS c
    WHERE c.oid = matview
$$;
COMMENT ON FUNCTION etl._concurrently_obstacle(regclass) IS
    'Why the materialized view cannot be refreshed CONCURRENTLY, by the rules of PostgreSQL; NULL when it can.';

CREATE FUNCTION etl._null_keys(matview regclass)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    key record;
    columns text;
BEGIN
    IF NOT (SELECT c.relispopulated FROM pg_class AS c WHERE c.oid = matview) THEN
        RETURN NULL;
    END IF;
    FOR key IN
        SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY k.position) AS columns,
               array_agg(k.number) AS numbers
        FROM etl._matview_keys(matview) AS i
        CROSS JOIN LATERAL unnest(i.columns) WITH ORDINALITY AS k (number, position)
        JOIN pg_attribute AS a ON a.attrelid = matview AND a.attnum = k.number
        GROUP BY i.index
        ORDER BY i.index
    LOOP
        IF NOT etl._matview_has_null(matview, key.numbers) THEN
            RETURN NULL; -- by this key all rows are told apart
        END IF;
        columns := coalesce(columns, key.columns);
    END LOOP;
    RETURN columns;
END
$$;
COMMENT ON FUNCTION etl._null_keys(regclass) IS
    'The columns of a unique index by which a concurrent refresh cannot tell all rows apart, because a row has NULL '
    'there; NULL when a usable index has no such row, or there is no such index. Reads the view.';

CREATE FUNCTION etl._refresh_mode(matview regclass, setting text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    obstacle text := etl._concurrently_obstacle(matview);
BEGIN
    IF setting = 'on' AND obstacle IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('materialized view "%s" cannot be refreshed concurrently: %s', matview, obstacle),
            DETAIL = CASE obstacle
                         WHEN 'it has no rows yet' THEN 'A concurrent refresh changes the rows that are there.'
                         ELSE format('Its columns are %s.', etl._column_names(matview))
                     END,
            HINT = CASE obstacle
                       WHEN 'it has no rows yet' THEN format('REFRESH MATERIALIZED VIEW %s;', matview)
                       ELSE format('CREATE UNIQUE INDEX ON %s (…); over the columns that tell its rows apart, or '
                                   'concurrently => ''auto''.', matview)
                   END;
    END IF;
    RETURN CASE WHEN setting = 'off' OR obstacle IS NOT NULL THEN 'plain' ELSE 'concurrently' END;
END
$$;
COMMENT ON FUNCTION etl._refresh_mode(regclass, text) IS
    'How a refresh is done under a setting (auto, on, off): concurrently or plain. Setting on where that cannot be '
    'raises (55000).';

CREATE FUNCTION etl._column_names(relation regclass)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
    FROM pg_attribute AS a
    WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
$$;
COMMENT ON FUNCTION etl._column_names(regclass) IS 'The columns of a relation in their order, quoted, for a message.';
