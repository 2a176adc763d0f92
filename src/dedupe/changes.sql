-- Changing rows from one state to another that is kept of them as JSON in etl.dedupe_change: forward where etl.dedupe
-- gives a row the values of others (merge_duplicates.sql), and back (undo_dedupe.sql).

CREATE FUNCTION etl._next_change_step(run bigint)
RETURNS bigint
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(max(c.step), 0) + 1 FROM etl.dedupe_change AS c WHERE c.run_id = run AND c.owner = current_user
$$;
COMMENT ON FUNCTION etl._next_change_step(bigint) IS 'The number of a run''s next step that changes rows.';

CREATE FUNCTION etl._require_kept_columns(relation regclass, keys text[])
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    missing text := (SELECT min(k) FROM unnest(keys) AS k WHERE k::name <> ALL (etl._columns_of(relation)));
BEGIN
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_column',
            MESSAGE = format('the rows have "%s", and table "%s" has no such column', missing, relation),
            DETAIL = format('The table has columns %s.', etl._column_list(etl._columns_of(relation))),
            HINT = 'Add the column again, or take it out of "row" with UPDATE etl.removed_duplicate.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_kept_columns(regclass, text[]) IS
    'Raises (42703) when a table lacks what rows of the audit have.';

CREATE FUNCTION etl._same_identity(relation regclass, is_now text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(
        string_agg(format('t.%1$I OPERATOR(%2$I.%3$s) (n.r).%1$I', a.attname, s.nspname, o.oprname), ' AND '),
        format('etl._row_as_texts(t.*) = c.%I', is_now))
    FROM pg_index AS i
    CROSS JOIN unnest(i.indkey::int2[], i.indclass::oid[]) AS k(number, class)
    JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.number
    JOIN pg_opclass AS c ON c.oid = k.class
    JOIN pg_amop AS m ON m.amopfamily = c.opcfamily AND m.amopstrategy = 3 -- equal
                     AND m.amoplefttype = c.opcintype AND m.amoprighttype = c.opcintype
    JOIN pg_operator AS o ON o.oid = m.amopopr
    JOIN pg_namespace AS s ON s.oid = o.oprnamespace
    WHERE i.indrelid = relation AND i.indisprimary
$$;
COMMENT ON FUNCTION etl._same_identity(regclass, text) IS
    'Condition: a row "t" of a relation has the primary key of the row (n.r) that is kept as JSON in c (is_now says '
    'where); in a table without one, all that is there.';

CREATE FUNCTION etl._change_query(relation regclass, keys text[], changed text[], is_now text, shall_be text)
RETURNS text
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format($query$
        WITH c AS MATERIALIZED (
            DELETE FROM etl.dedupe_change AS d
            WHERE d.run_id = $1 AND d.owner = current_user AND d.relation IS NOT DISTINCT FROM $2 AND d.step = $3
              AND etl._json_keys(d.before) = $4
            RETURNING d.before, d.after
        ), changed AS (
            UPDATE %1$s AS t SET %2$s
            FROM c
            CROSS JOIN LATERAL (SELECT l.r FROM (SELECT c.%3$I AS "row") AS p CROSS JOIN LATERAL (%5$s) AS l) AS n
            CROSS JOIN LATERAL (SELECT l.r FROM (SELECT c.%4$I AS "row") AS p CROSS JOIN LATERAL (%5$s) AS l) AS b
            WHERE %6$s AND etl._row_as_texts(t.*) @> c.%3$I%7$s
            RETURNING c.before, etl._row_as_texts(t.*) AS after, c.%4$I - $6 AS wished
        ), kept AS (
            INSERT INTO etl.dedupe_change (run_id, step, relation, before, after)
            SELECT $1, $3, $2, g.before, g.after FROM changed AS g WHERE $5
        )
        SELECT ARRAY[(SELECT count(*) FROM c), (SELECT count(*) FROM changed),
                     (SELECT count(*) FROM changed AS g WHERE g.after @> g.wished)]
        $query$, relation,
        (SELECT string_agg(format('%1$I = (b.r).%1$I', x), ', ') FROM unnest(changed) AS x),
        is_now, shall_be, etl._released_row(relation, keys), etl._same_identity(relation, is_now),
        ' AND NOT ' || etl._held_condition(relation, 't'))
$$;
COMMENT ON FUNCTION etl._change_query(regclass, text[], text[], text, text) IS
    'A query that changes these columns of rows of a table from what is kept of them as JSON in one column of '
    'etl.dedupe_change (is_now) to what is kept in the other, where they are still as it says and under no legal '
    'hold: how many there should be, how many there were, and how many took all these values (bigint[]). Parameters: '
    'run, relation as recorded there, step, the keys of the JSON, whether what came of it is written down, and the '
    'columns that do not change.';

CREATE FUNCTION etl._changed_columns(run bigint, relation regclass, name text)
RETURNS TABLE(step bigint, keys text[], changed text[], unchanged text[])
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.step, s.keys, s.changed, ARRAY(SELECT unnest(s.keys) EXCEPT SELECT unnest(s.changed))
    FROM (
        SELECT d.step, etl._json_keys(d.before), array_agg(DISTINCT x.key)
        FROM etl.dedupe_change AS d
        CROSS JOIN LATERAL jsonb_each(d.before) AS x
        WHERE d.run_id = run AND d.owner = current_user AND d.relation IS NOT DISTINCT FROM name
          AND x.value <> d.after -> x.key
          AND NOT EXISTS (SELECT FROM pg_attribute AS g
                          WHERE g.attrelid = _changed_columns.relation AND g.attname = x.key AND g.attgenerated <> '')
        GROUP BY 1, 2
    ) AS s(step, keys, changed)
    ORDER BY s.step DESC
$$;
COMMENT ON FUNCTION etl._changed_columns(bigint, regclass, text) IS
    'Which columns of a relation, which a run has recorded by this name, it changed in which step, the last one '
    'first; and which not, or are generated.';
