-- What a merge cannot take in: groups whose rows have a partner that has changed, or that a moving filter treats in
-- another way than at the last refresh. Rows of the fact that came after the last merge are absorbed: they have added
-- nothing yet, and are merged as of now, with their partners.

CREATE FUNCTION etl._absorbed_query(rollup etl.rollup, fact etl.rollup_source)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT format('SELECT %s FROM %s AS l WHERE l.etl_op IN (''+'', ''-'', ''e'')%s GROUP BY %1$s '
                      'HAVING sum(CASE l.etl_op WHEN ''+'' THEN 1 ELSE -1 END) = 1',
                      string_agg(format('l.%I', c), ', '), fact.log_table,
                      string_agg(format(' AND l.%I IS NOT NULL', c), ''))
        FROM jsonb_array_elements_text(rollup.plan -> 'delta' -> 'unique_join') AS c
        HAVING etl._is_unique(fact.relation, rollup.plan -> 'delta' -> 'unique_join'));
END
$$;
COMMENT ON FUNCTION etl._absorbed_query(etl.rollup, etl.rollup_source) IS
    'A query that gives what tells rows of the fact apart, for those that were not there when its log was last taken '
    'and are there now: more new images than old ones. NULL where the fact''s rows cannot be told apart.';

CREATE FUNCTION etl._not_absorbed(columns jsonb, identity jsonb)
RETURNS text
LANGUAGE plpgsql STRICT IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- A hashed subplan, whatever the planner thinks of the log's size.
    RETURN (
        SELECT format('((%s) NOT IN (SELECT %s FROM "etl absorbed" AS a)) IS NOT FALSE',
                      string_agg(format('l.%I', c), ', '), string_agg(format('a.%I', i), ', '))
        FROM ROWS FROM (jsonb_array_elements_text(columns), jsonb_array_elements_text(identity)) AS n(c, i));
END
$$;
COMMENT ON FUNCTION etl._not_absorbed(jsonb, jsonb) IS
    'A condition for rows (alias l) whose columns are not those of a row of the fact that is absorbed. identity: the '
    'columns that tell the fact''s rows apart, in the same order. NULL where no columns are given.';

CREATE FUNCTION etl._fact_query(rollup etl.rollup, fact etl.rollup_source, from_log boolean)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF from_log THEN
        RETURN etl._changes_query(rollup, fact, 'l.etl_op IN (''-'', ''e'')');
    END IF;
    RETURN format('SELECT %s FROM %s AS l WHERE true', etl._logged_columns(fact, etl._all_columns(fact)),
                  fact.relation);
END
$$;
COMMENT ON FUNCTION etl._fact_query(etl.rollup, etl.rollup_source, boolean) IS
    'A query that gives the rows of the fact (alias l), which ends with a condition: those of the table, or the old '
    'ones of its log.';

-- The rows of the fact that are absorbed are left out, and before that the changed partners that can only join these:
-- most of them, where a partner comes with its row. The columns by which a partner joins must be known for that.
CREATE FUNCTION etl._partner_keys(
    rollup etl.rollup, fact etl.rollup_source, source etl.rollup_source, has_old boolean)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    absorbed CONSTANT text := etl._absorbed_query(rollup, fact);
    described CONSTANT jsonb := etl._plan_source(rollup.plan, source.number);
    identity CONSTANT jsonb := rollup.plan -> 'delta' -> 'unique_join';
    joined CONSTANT jsonb := nullif(described -> 'joins_unique', 'null');
    has_changed text := etl._noted_rows();
    not_absorbed text := '';
    parts text[] := '{}';
BEGIN
    IF described ->> 'keys_query' IS NULL OR NOT described -> 'rows' @> to_jsonb(fact.number) THEN
        RETURN etl._changed_keys(rollup, source, has_changed);
    END IF;
    IF absorbed IS NOT NULL THEN
        not_absorbed := ' AND ' || etl._not_absorbed(identity, identity);
        has_changed := concat_ws(' AND ', has_changed, etl._not_absorbed(joined, identity));
    END IF;
    FOR from_log IN 0 .. has_old::integer LOOP
        parts := parts || format(E'SELECT %1$s FROM (WITH %2$s SELECT %1$s FROM (\n%3$s\n) AS k) AS k',
            etl._column_list(rollup.key_columns),
            concat_ws(', ', '"etl absorbed" AS MATERIALIZED (' || absorbed || ')',
                      etl._key_query_ctes(rollup, described, jsonb_build_object(source.number, has_changed),
                                          jsonb_build_object('etl rows ' || fact.number,
                                                             etl._fact_query(rollup, fact, from_log = 1)
                                                                 || not_absorbed))),
            described ->> 'keys_query');
    END LOOP;
    RETURN array_to_string(parts, E'\nUNION ALL ');
END
$$;
COMMENT ON FUNCTION etl._partner_keys(etl.rollup, etl.rollup_source, etl.rollup_source, boolean) IS
    'A query that gives the keys of the groups that cannot be merged, as a partner of rows of theirs has changed: of '
    'rows of the fact that are there, and of old ones in its log (has_old). Rows that are absorbed are left out.';

-- A row that a moving filter took in at the last refresh may be out of it now, and then its old image takes nothing
-- away; or the other way round.
CREATE FUNCTION etl._moved_images(rollup etl.rollup, fact etl.rollup_source)
RETURNS SETOF text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moving jsonb;
    old_edge text;
    new_edge text;
BEGIN
    FOR moving IN
        SELECT m FROM jsonb_array_elements(rollup.plan -> 'moving') AS m
        WHERE (m ->> 'source')::integer = fact.number AND rollup.refreshed_as_of IS NOT NULL
    LOOP
        old_edge := etl._moved_edge(moving ->> 'edge', rollup.refreshed_as_of);
        new_edge := etl._moved_edge(moving ->> 'edge', etl._rollup_as_of());
        CONTINUE WHEN old_edge = new_edge;
        RETURN NEXT format(E'WITH %s SELECT %s FROM (\n%s\n) AS k',
            etl._key_query_ctes(rollup, moving, jsonb_build_object(fact.number, format(
                'l.etl_op IN (''+'', ''-'', ''e'') AND l.%1$s >= least(%2$s, %3$s) AND l.%1$s <= greatest(%2$s, %3$s)',
                moving ->> 'column', old_edge, new_edge))),
            etl._column_list(rollup.key_columns), moving ->> 'keys_query');
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._moved_images(etl.rollup, etl.rollup_source) IS
    'Queries that give the keys of the groups of images between the edges that a moving filter had at the last refresh '
    'and has now.';

CREATE FUNCTION etl._note_unmerged(
    rollup etl.rollup, fact etl.rollup_source, contents jsonb, has_old boolean)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    source etl.rollup_source;
    query text;
    noted bigint := 0;
BEGIN
    FOR source IN
        SELECT * FROM etl._sources(rollup) AS s
        WHERE s.number <> fact.number AND contents @> jsonb_build_array(jsonb_build_object('number', s.number))
    LOOP
        noted := noted + etl._note_groups(rollup, '_pending', etl._partner_keys(rollup, fact, source, has_old));
    END LOOP;
    FOR query IN SELECT etl._moved_images(rollup, fact) LOOP
        noted := noted + etl._note_groups(rollup, '_pending', query);
    END LOOP;
    RETURN noted;
END
$$;
COMMENT ON FUNCTION etl._note_unmerged(etl.rollup, etl.rollup_source, jsonb, boolean) IS
    'Adds the groups to the pending ones whose changes cannot be merged: a partner has changed, or the filter has '
    'moved. contents: what stands in the logs; has_old: whether old rows do in that of the fact. Returns how many are '
    'new.';
