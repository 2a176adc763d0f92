-- What writers have noted becomes groups that are to be computed.
--
-- One statement reads the logs, resolves what it finds to group keys and deletes it: under its one snapshot nothing is
-- deleted that was not read. A transaction that commits later leaves its rows for the next refresh.

-- The log ------------------------------------------------------------------------------------------------------------

-- The owner of a source may insert into its log. What no trigger writes must not stop a refresh, and may mean anything.
CREATE FUNCTION etl._note_kind(described jsonb)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('CASE WHEN l.etl_op = ANY (%L::"char"[]) THEN l.etl_op ELSE ''a'' END',
                  CASE WHEN described ->> 'kind' = 'keys' THEN '{a,b,c,+,-,e,A,B}' ELSE '{a,c,+,-,e,A}' END)
$$;
COMMENT ON FUNCTION etl._note_kind(jsonb) IS
    'An expression for the kind of a note in the log (alias l) of a source of a plan; an unknown one counts as a.';

CREATE FUNCTION etl._noted_range(rollup etl.rollup)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('jsonb_build_array(%s, %s)', etl._text_of(format('l.%I', rollup.plan -> 'keys' -> 0 ->> 'name')),
                  etl._text_of('l.etl_to'))
$$;
COMMENT ON FUNCTION etl._noted_range(etl.rollup) IS
    'An expression for the two ends of a range, as texts, that stands in a log with keys (alias l).';

CREATE FUNCTION etl._missed_notes(rollup etl.rollup)
RETURNS TABLE(number integer, op "char")
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Any table may have a trigger of such a name: it counts where it is one of the source, or cannot be told any more.
    RETURN QUERY
    SELECT m.number, m.op
    FROM etl.rollup_missed AS m
    JOIN etl._sources(rollup) AS s ON s.number = m.number
    WHERE m.rollup_id = rollup.rollup_id
      AND (m.relation = ANY (s.family) OR etl._named_relation(m.relation) IS NULL
           OR etl._named_relation(m.relation) IN (SELECT etl._family(etl._named_relation(s.relation))));
END
$$;
COMMENT ON FUNCTION etl._missed_notes(etl.rollup) IS
    'Notes that the logs of a rollup should have and that could not be written, as a log was gone.';

CREATE FUNCTION etl._log_contents(rollup etl.rollup)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET max_parallel_workers_per_gather = 0 -- to start workers takes longer than to read a log
AS $$
DECLARE
    parts text;
    contents jsonb;
BEGIN
    SELECT string_agg(
        format('SELECT %s AS number, %s AS op, count(*) AS rows, %s AS ranges FROM %s AS l GROUP BY 2',
               s.number, etl._note_kind(p.described),
               CASE WHEN p.described ->> 'kind' = 'keys' THEN format(
                   'jsonb_agg(%s) FILTER (WHERE l.etl_op IN (''b'', ''B''))', etl._noted_range(rollup))
               ELSE 'NULL::jsonb' END, s.log_table),
        ' UNION ALL ') INTO parts
    FROM etl._sources(rollup) AS s
    CROSS JOIN LATERAL etl._plan_source(rollup.plan, s.number) AS p(described)
    WHERE etl._named_relation(s.log_table) IS NOT NULL;
    EXECUTE format('SELECT jsonb_agg(to_jsonb(c)) FROM (%s) AS c', concat_ws(' UNION ALL ', parts,
        'SELECT m.number, m.op AS op, count(*) AS rows, NULL::jsonb AS ranges FROM etl._missed_notes($1) AS m '
        'GROUP BY 1, 2')) INTO contents USING rollup;
    RETURN contents;
END
$$;
COMMENT ON FUNCTION etl._log_contents(etl.rollup) IS
    'What stands in the logs of a rollup, and what could not be logged: number of the source, kind of note, how many, '
    'and the ranges of those that are ranges. A log that is gone has nothing. NULL where nothing does.';

CREATE FUNCTION etl._noted_keys(rollup etl.rollup, contents jsonb)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    source etl.rollup_source;
    ops text[];
    ranges jsonb;
    parts text[] := '{}';
BEGIN
    FOR source IN SELECT * FROM etl._sources(rollup) LOOP
        SELECT array_agg(c ->> 'op') FILTER (WHERE c ->> 'op' IN ('c', '+', '-', 'e')),
               jsonb_agg(c -> 'ranges') FILTER (WHERE c ->> 'op' IN ('b', 'B'))
        INTO ops, ranges
        FROM jsonb_array_elements(contents) AS c WHERE (c ->> 'number')::integer = source.number;
        IF ops IS NOT NULL THEN
            parts := parts || etl._changed_keys(rollup, source, etl._noted_rows(ops));
        END IF;
        parts := parts || ARRAY(
            SELECT etl._keys_between(rollup, r ->> 0, r ->> 1)
            FROM jsonb_array_elements(ranges) AS o CROSS JOIN LATERAL jsonb_array_elements(o) AS r);
    END LOOP;
    RETURN '(' || array_to_string(parts, ') UNION ALL (') || ')';
END
$$;
COMMENT ON FUNCTION etl._noted_keys(etl.rollup, jsonb) IS
    'A query that gives the keys of the groups that notes of the logs touch, of the kinds c, +, -, e and b.';

CREATE FUNCTION etl._taken_notes(rollup etl.rollup, contents jsonb)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT string_agg(format('"etl taken %s" AS (DELETE FROM %s AS l WHERE %s = %L%s)', n.position, s.log_table,
                                 etl._note_kind(p.described), n.value ->> 'op',
                                 CASE WHEN n.value ->> 'ranges' IS NOT NULL THEN format(
                                     ' AND %s IN (SELECT r FROM jsonb_array_elements(%L) AS r)',
                                     etl._noted_range(rollup), n.value ->> 'ranges')
                                 END), ', ')
        FROM jsonb_array_elements(contents) WITH ORDINALITY AS n(value, position)
        JOIN etl._sources(rollup) AS s ON s.number = (n.value ->> 'number')::integer
        CROSS JOIN LATERAL etl._plan_source(rollup.plan, s.number) AS p(described));
END
$$;
COMMENT ON FUNCTION etl._taken_notes(etl.rollup, jsonb) IS
    'CTEs that delete from the logs what a statement reads, and nothing that was not looked for.';

CREATE FUNCTION etl._note_groups(rollup etl.rollup, suffix text, keys_query text, ctes text DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN etl._locked_command(format(
        E'%s INSERT INTO %s (%s) SELECT DISTINCT %3$s FROM (\n%4$s\n) AS q ON CONFLICT DO NOTHING', 'WITH ' || ctes,
        etl._rollup_table(rollup.name, suffix), etl._column_list(rollup.key_columns), keys_query));
END
$$;
COMMENT ON FUNCTION etl._note_groups(etl.rollup, text, text, text) IS
    'Adds groups to the pending ones or to the frozen ones, in one statement with CTEs that delete. Returns how many '
    'are new.';

CREATE FUNCTION etl._notes_of(contents jsonb, ops text[])
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(jsonb_agg(c), '[]') FROM jsonb_array_elements(contents) AS c WHERE c ->> 'op' = ANY (ops)
$$;
COMMENT ON FUNCTION etl._notes_of(jsonb, text[]) IS 'What stands in the logs of some kinds.';

-- A moving filter ----------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._moved_edge(edge text, as_of timestamptz)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET pg_etl.rollup_as_of = ''
AS $$
BEGIN
    PERFORM set_config('pg_etl.rollup_as_of', as_of::text, true);
    RETURN etl._locked_value(format('SELECT format(''%%L::%%s'', e, pg_typeof(e)) FROM (SELECT %s) AS s(e)', edge),
                             NULL::text);
END
$$;
COMMENT ON FUNCTION etl._moved_edge(text, timestamptz) IS 'The edge of a moving filter as of a moment, as a literal.';

CREATE FUNCTION etl._moved_queries(rollup etl.rollup, as_of timestamptz)
RETURNS SETOF text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moving jsonb;
    source etl.rollup_source;
    old_edge text;
    new_edge text;
BEGIN
    FOR moving IN SELECT m FROM jsonb_array_elements(rollup.plan -> 'moving') AS m LOOP
        SELECT * INTO source FROM etl._sources(rollup) AS s WHERE s.number = (moving ->> 'source')::integer;
        old_edge := etl._moved_edge(moving ->> 'edge', rollup.refreshed_as_of);
        new_edge := etl._moved_edge(moving ->> 'edge', as_of);
        CONTINUE WHEN old_edge = new_edge;
        IF moving ->> 'keys_query' IS NULL THEN
            RETURN NEXT etl._all_keys(rollup);
            RETURN;
        END IF;
        RETURN NEXT etl._keys_of_changes(rollup, moving, source, format(
            'SELECT * FROM %1$s AS l WHERE l.%2$s >= least(%3$s, %4$s) AND l.%2$s <= greatest(%3$s, %4$s)',
            source.relation, moving ->> 'column', old_edge, new_edge));
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._moved_queries(etl.rollup, timestamptz) IS
    'Queries that give the keys of the groups of rows that have come under a moving filter, or have left it, since the '
    'last refresh.';

CREATE FUNCTION etl._note_moved(rollup etl.rollup, as_of timestamptz)
RETURNS bigint
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(sum(etl._note_groups(rollup, '_pending', q)), 0) FROM etl._moved_queries(rollup, as_of) AS q
$$;
COMMENT ON FUNCTION etl._note_moved(etl.rollup, timestamptz) IS
    'Adds the groups of rows that have come under a moving filter, or have left it, since the last refresh.';

-- All of it ----------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._is_everything(rollup etl.rollup, contents jsonb)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(bool_or(c ->> 'op' IN ('a', 'A') OR c ->> 'op' <> 'b' AND c ->> 'op' <> 'B'
        AND coalesce((etl._plan_source(rollup.plan, (c ->> 'number')::integer) ->> 'everything')::boolean, false)),
            false)
    FROM jsonb_array_elements(contents) AS c
$$;
COMMENT ON FUNCTION etl._is_everything(etl.rollup, jsonb) IS
    'Whether what stands in the logs of a rollup touches all groups, or may.';

CREATE FUNCTION etl._take_everything(rollup etl.rollup, contents jsonb, max_groups integer, at_once boolean)
RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stage text;
BEGIN
    -- Deleted first: what is committed from then on is in the log again, whether the query sees it or not.
    IF contents <> '[]' THEN
        PERFORM etl._locked_command(format('WITH %s SELECT', etl._taken_notes(rollup, contents)));
    END IF;
    IF at_once
       AND etl._estimate(etl._unrestricted(etl._group_query(rollup), rollup.plan), 'Plan Rows') <= max_groups THEN
        RETURN true;
    END IF;
    stage := etl._stage_query(rollup, etl._all_keys(rollup));
    PERFORM etl._note_groups(rollup, '_pending', format('SELECT * FROM %s', stage));
    EXECUTE format('DROP TABLE %s', stage);
    RETURN false;
END
$$;
COMMENT ON FUNCTION etl._take_everything(etl.rollup, jsonb, integer, boolean) IS
    'Takes what stands in the logs of a rollup, where it may touch all groups: true where they are so few that they '
    'are computed at once, by the caller in this transaction; otherwise they are pending.';

CREATE FUNCTION etl._take_notes(rollup etl.rollup, contents jsonb, merge boolean)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ranges CONSTANT jsonb := etl._notes_of(contents, '{b,B}');
    merged jsonb;
BEGIN
    IF NOT merge THEN
        PERFORM etl._note_groups(rollup, '_pending', etl._noted_keys(rollup, contents),
                                 etl._taken_notes(rollup, contents));
        RETURN NULL;
    END IF;
    IF ranges <> '[]' THEN
        PERFORM etl._note_groups(rollup, '_pending', etl._noted_keys(rollup, ranges));
    END IF;
    merged := etl._merge_images(rollup, contents);
    PERFORM etl._locked_command(format('WITH %s SELECT', etl._taken_notes(rollup, contents)));
    RETURN merged;
END
$$;
COMMENT ON FUNCTION etl._take_notes(etl.rollup, jsonb, boolean) IS
    'Takes what stands in the logs of a rollup and tells its groups: merges it, and returns what came of that, or adds '
    'the groups to the pending ones.';

-- The log has rows that are gone by now, and such as the query would not compute anything of. Where they are at fault,
-- there is a way that does not look at them; other errors are raised.
CREATE FUNCTION etl._try_changes(rollup etl.rollup, contents jsonb, as_of timestamptz, merge boolean)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF rollup.refreshed_as_of IS NOT NULL THEN
        PERFORM etl._note_moved(rollup, as_of);
    END IF;
    RETURN coalesce(CASE WHEN contents <> '[]' THEN etl._take_notes(rollup, contents, merge) END, '{}');
EXCEPTION
    WHEN program_limit_exceeded OR data_exception OR integrity_constraint_violation OR feature_not_supported
         OR raise_exception THEN
        RETURN NULL;
END
$$;
COMMENT ON FUNCTION etl._try_changes(etl.rollup, jsonb, timestamptz, boolean) IS
    'etl._take_notes, and the groups that a moving filter touches. NULL, and nothing is done, where a row is at fault: '
    'the query''s expressions fail on it, or its key is too long for an index.';

CREATE FUNCTION etl._take_log(
    rollup etl.rollup, as_of timestamptz, max_groups integer, merge boolean, at_once boolean)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    contents CONSTANT jsonb := coalesce(etl._log_contents(rollup), '[]');
    log_rows CONSTANT bigint := (SELECT sum((c ->> 'rows')::bigint) FROM jsonb_array_elements(contents) AS c);
    whole boolean := false;
    merged jsonb;
BEGIN
    PERFORM etl._heed_erasures(rollup, contents);
    IF rollup.retention = 'freeze' THEN
        RETURN jsonb_build_object('log_rows', coalesce(log_rows, 0), 'whole', false)
            || etl._take_beside_frozen(rollup, etl._notes_of(contents, '{a,b,c,+,-}'), merge, at_once);
    ELSIF NOT etl._is_everything(rollup, contents) THEN
        merged := etl._try_changes(rollup, contents, as_of, merge);
        IF merged IS NULL AND merge THEN
            merged := etl._try_changes(rollup, contents, as_of, false);
        END IF;
    END IF;
    IF merged IS NULL THEN
        whole := etl._take_everything(rollup, contents, max_groups, at_once);
    END IF;
    RETURN jsonb_strip_nulls(jsonb_build_object(
        'log_rows', coalesce(log_rows, 0), 'whole', whole,
        'merged', merged - 'groups' || jsonb_build_object('merged', merged -> 'groups')));
END
$$;
COMMENT ON FUNCTION etl._take_log(etl.rollup, timestamptz, integer, boolean, boolean) IS
    'Takes what stands in the logs of a rollup: merges it into the states (merge: the transaction has one snapshot), '
    'or adds the groups that it touches to the pending ones, with those that a moving filter touches. What cannot be '
    'merged is computed anew, and where the log does not tell its groups, all are. Tells how many rows of the logs '
    'there were, and (at_once: where it may) whether the caller is to compute all groups in this transaction.';
