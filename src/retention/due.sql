-- What a run of a retention policy is about: which rows are due, which of them have to stay, and in what steps a table
-- is walked.
--
-- A batch takes a window of the table. Where an index leads with the time column, windows are spans of time: each
-- begins where the one before it ended, so that no batch walks again over the index entries of the rows that are gone.
-- Where there is none, windows are ranges of blocks, and each block is read once.

CREATE TYPE etl._retention_state AS (
    dry_run boolean,
    run_id bigint,
    as_of timestamptz,
    tier integer,
    stage text,
    cutoff timestamptz,
    reached timestamptz,
    block bigint,
    skipped bigint,
    size integer,
    careful boolean,
    attempts integer,
    action jsonb,
    file jsonb,
    followers text[],
    unfresh_rollups text[],
    partitions jsonb,
    due bigint,
    archived bigint,
    deleted_from_hot bigint,
    deleted_from_archive bigint,
    followed bigint,
    remaining bigint,
    batches bigint,
    bytes bigint,
    actions jsonb,
    stopped text,
    seconds_left bigint,
    sqlstate text,
    error_detail text,
    error_hint text
);
COMMENT ON TYPE etl._retention_state IS
    'How far a run of a retention policy is; etl.run.detail holds it as jsonb. While it runs: the tier it is at (NULL: '
    'none any more), the stage there (keys: by time, blocks: by place, again: what others had locked), and how far it '
    'is; file: which files it is writing, followers: the tables whose rows went to files with those of the last batch. '
    'partitions: what became of partitions as a whole. due to actions are counts of the run: due and remaining of the '
    'table itself, followed those of other tables that went along, actions what each tier did. stopped says what ended '
    'it before its end, the last three why it failed.';

CREATE FUNCTION etl._retention_literal(moment timestamptz, type regtype)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO, YMD'
AS $$
    SELECT quote_literal(CASE type
                             WHEN 'date'::regtype THEN moment::date::text
                             WHEN 'timestamp'::regtype THEN moment::timestamp::text
                             ELSE moment::text
                         END) || '::' || type
$$;
COMMENT ON FUNCTION etl._retention_literal(timestamptz, regtype) IS
    'A moment as an SQL literal of type date, timestamp (both in UTC) or timestamptz; NULL for NULL.';

CREATE FUNCTION etl._retention_find(policy etl.retention_policy, table_name text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF table_name IS NOT NULL AND to_regclass(table_name) IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_table',
            MESSAGE = format('table "%s" does not exist', table_name),
            DETAIL = 'It was dropped or renamed after the policy had been defined.',
            HINT = format('Call etl.remove_retention_policy(%L), and define a policy for the table that is there now.',
                          policy.name);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._retention_find(etl.retention_policy, text) IS
    'Checks that a table of a policy is still there (42P01).';

CREATE FUNCTION etl._retention_alias(policy etl.retention_policy)
RETURNS name
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (parse_ident((policy).relation))[2]::name
$$;
COMMENT ON FUNCTION etl._retention_alias(etl.retention_policy) IS
    'The name under which a query has the rows of a policy: that of its table, so that a filter may use it, in '
    'archives too.';

CREATE FUNCTION etl._retention_moment(policy etl.retention_policy, value text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._retention_moment(value, etl._retention_time_type((policy).relation::regclass, (policy).time_column))
$$;
COMMENT ON FUNCTION etl._retention_moment(etl.retention_policy, text) IS
    'SQL of the moment that a value of the time column is.';

CREATE FUNCTION etl._retention_past(policy etl.retention_policy, from_time timestamptz, to_time timestamptz)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    type regtype := etl._retention_time_type(policy.relation::regclass, policy.time_column);
BEGIN
    -- A date lies before a moment when its whole day does; NULL and both infinities never do.
    RETURN format('%1$I.%2$I %3$s AND %1$I.%2$I < %4$s', etl._retention_alias(policy), policy.time_column,
                  coalesce('>= ' || etl._retention_literal(from_time, type), '> ''-infinity'''),
                  etl._retention_literal(to_time, type));
END
$$;
COMMENT ON FUNCTION etl._retention_past(etl.retention_policy, timestamptz, timestamptz) IS
    'SQL condition for the rows of a span of time, from the first moment on (NULL: all) and before the second.';

CREATE FUNCTION etl._retention_filter(policy etl.retention_policy)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(E' AND (\n' || (policy).filter || E'\n)', '')
$$;
COMMENT ON FUNCTION etl._retention_filter(etl.retention_policy) IS
    'A policy''s filter as the end of an SQL condition; empty where there is none.';

CREATE FUNCTION etl._retention_source(policy etl.retention_policy, tier integer)
RETURNS regclass
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._retention_place(policy, tier - 1)::regclass
$$;
COMMENT ON FUNCTION etl._retention_source(etl.retention_policy, integer) IS 'The table from which a tier takes rows.';

CREATE FUNCTION etl._retention_table_place(policy etl.retention_policy, tier integer)
RETURNS regclass
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN NOT etl._is_archive_file(p.place) THEN p.place::regclass END
    FROM (SELECT etl._retention_place(policy, tier) AS place) AS p
$$;
COMMENT ON FUNCTION etl._retention_table_place(etl.retention_policy, integer) IS
    'The table to which a tier moves rows; NULL where it writes files or deletes.';

CREATE FUNCTION etl._retention_held(policy etl.retention_policy, tier integer)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
    SELECT string_agg(DISTINCT h.condition, ' OR ')
    FROM (SELECT etl._retention_source(policy, tier) AS relation, (policy).relation::regclass AS hot
          WHERE EXISTS (SELECT FROM etl._active_holds())) AS s
    CROSS JOIN LATERAL (
        SELECT nullif(s.hot, s.relation) UNION SELECT etl._archived_from(s.relation)
    ) AS o(origin)
    CROSS JOIN LATERAL etl._held_condition(s.relation, etl._retention_alias(policy)::text, o.origin) AS h(condition)
$$;
COMMENT ON FUNCTION etl._retention_held(etl.retention_policy, integer) IS
    'SQL condition that a row is under a legal hold, on the table where it is or on one from which it came; NULL where '
    'none is active.';

CREATE FUNCTION etl._retention_referenced(policy etl.retention_policy, tier integer)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN NOT (policy).follow_references THEN
        etl._referenced_condition(etl._retention_source(policy, tier), etl._retention_alias(policy)::text)
    END
$$;
COMMENT ON FUNCTION etl._retention_referenced(etl.retention_policy, integer) IS
    'SQL condition that a row has to stay as rows of other tables refer to it; NULL where none do, or where they go '
    'along.';

CREATE FUNCTION etl._retention_free(policy etl.retention_policy, tier integer)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._retention_filter(policy)
        || coalesce(' AND (' || etl._retention_held(policy, tier) || ') IS NOT TRUE', '')
        || coalesce(' AND NOT ' || etl._retention_referenced(policy, tier), '')
$$;
COMMENT ON FUNCTION etl._retention_free(etl.retention_policy, integer) IS
    'End of an SQL condition for the rows that a tier may take: that the filter is for, not held, not referenced.';

CREATE FUNCTION etl._retention_count(
    policy etl.retention_policy, tier integer, cutoff timestamptz, followed_stay boolean DEFAULT false,
    OUT due bigint, OUT held bigint, OUT referenced bigint, OUT oldest timestamptz)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
DECLARE
    alias CONSTANT name := etl._retention_alias(policy);
    held_sql CONSTANT text := coalesce('(' || etl._retention_held(policy, tier) || ') IS TRUE', 'false');
    referenced_sql CONSTANT text := coalesce('(' || CASE
        WHEN followed_stay THEN etl._referenced_condition(etl._retention_source(policy, tier), alias::text)
        ELSE etl._retention_referenced(policy, tier) END || ') IS TRUE', 'false');
BEGIN
    -- Conditions stand below the aggregates: there the planner knows for how many rows it looks up what refers to them.
    EXECUTE format(
        'SELECT count(*), %s, %s, min(d.moment)'
        ' FROM (SELECT %s AS moment, %s AS is_held, %s AS is_referenced FROM %s AS %I WHERE %s%s OFFSET 0) AS d',
        CASE WHEN held_sql = 'false' THEN '0' ELSE 'count(*) FILTER (WHERE d.is_held)' END,
        CASE WHEN referenced_sql = 'false' THEN '0'
             ELSE 'count(*) FILTER (WHERE NOT d.is_held AND d.is_referenced)' END,
        etl._retention_moment(policy, format('%I.%I', alias, policy.time_column)), held_sql, referenced_sql,
        etl._retention_source(policy, tier), alias, etl._retention_past(policy, NULL, cutoff),
        etl._retention_filter(policy))
        INTO due, held, referenced, oldest;
END
$$;
COMMENT ON FUNCTION etl._retention_count(etl.retention_policy, integer, timestamptz, boolean) IS
    'How many rows are due for a tier, how many of them have to stay (held; referenced), and the time of the oldest. '
    'followed_stay: those to which rows refer that should have gone along are counted as referenced, too.';

-- Walking ------------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._without_time_index(relation regclass, time_column name)
RETURNS regclass
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN EXISTS (SELECT FROM pg_class AS r WHERE r.oid = relation AND r.relkind = 'p') THEN relation
                ELSE (array_agg(f ORDER BY f <> relation, f))[1] END
    FROM etl._family(relation) AS f
    JOIN pg_class AS t ON t.oid = f AND t.relkind = 'r'
    WHERE NOT EXISTS (
        SELECT
        FROM pg_index AS i
        JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
        JOIN pg_class AS c ON c.oid = i.indexrelid
        JOIN pg_am AS m ON m.oid = c.relam
        WHERE i.indrelid = t.oid AND a.attname = time_column AND i.indisvalid AND i.indpred IS NULL
          AND m.amname = 'btree')
    HAVING count(*) > 0
$$;
COMMENT ON FUNCTION etl._without_time_index(regclass, name) IS
    'Where an index is missing that leads with a column: the table itself or a part of it, but of a partitioned table '
    'always the table, whose indexes are those of its parts. NULL where all have one.';

CREATE FUNCTION etl._retention_blocks(relation regclass)
RETURNS bigint
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(max(pg_relation_size(f) / current_setting('block_size')::bigint), 0)
    FROM etl._family(relation) AS f
    JOIN pg_class AS t ON t.oid = f AND t.relkind = 'r'
$$;
COMMENT ON FUNCTION etl._retention_blocks(regclass) IS 'How many blocks the largest part of a table has.';

CREATE TYPE etl._retention_window AS (
    condition text,
    most integer,
    stage text,
    reached timestamptz,
    block bigint
);
COMMENT ON TYPE etl._retention_window IS
    'What a batch takes: the rows for which a condition is true, the oldest first and so many of them at most (NULL: '
    'all). stage, reached and block are those of the state after it: the stage is NULL where nothing comes after.';

CREATE FUNCTION etl._retention_boundary(policy etl.retention_policy, state etl._retention_state)
RETURNS timestamptz
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN etl._is_file_tier(policy, (state).tier) THEN
        CASE etl._retention_time_type((policy).relation::regclass, (policy).time_column)
            WHEN 'date'::regtype THEN date_trunc('day', c.cutoff, 'UTC') ELSE c.cutoff END
    END
    FROM (SELECT etl._retention_cutoff(policy, (state).tier + 1, (state).as_of) AS cutoff) AS c
$$;
COMMENT ON FUNCTION etl._retention_boundary(etl.retention_policy, etl._retention_state) IS
    'The moment before which rows are due to be deleted from the files that a tier writes: no file shall have rows of '
    'both sides, as it is deleted as a whole. NULL for other tiers.';

CREATE FUNCTION etl._retention_window_of_keys(policy etl.retention_policy, state etl._retention_state)
RETURNS etl._retention_window
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    alias CONSTANT name := etl._retention_alias(policy);
    made etl._retention_window;
    boundary CONSTANT timestamptz := etl._retention_boundary(policy, state);
    until timestamptz;
BEGIN
    EXECUTE format('SELECT %s FROM %s AS %I WHERE %s ORDER BY %3$I.%5$I OFFSET %6$s LIMIT 1',
                   etl._retention_moment(policy, format('%I.%I', alias, policy.time_column)),
                   etl._retention_source(policy, state.tier), alias,
                   etl._retention_past(policy, state.reached, state.cutoff), policy.time_column, state.size)
        INTO until;
    made.stage := CASE WHEN until IS NOT NULL THEN 'keys' END;
    IF until = state.reached THEN -- more rows of one time than a batch takes
        made.reached := until + CASE etl._retention_time_type(policy.relation::regclass, policy.time_column)
                                    WHEN 'date'::regtype THEN interval '1 day'
                                    ELSE interval '1 microsecond'
                                END;
        made.most := state.size;
    ELSE
        made.reached := until;
    END IF;
    IF boundary > coalesce(state.reached, '-infinity') AND boundary < coalesce(made.reached, state.cutoff) THEN
        made.reached := boundary;
        made.stage := 'keys';
    END IF;
    made.condition := etl._retention_past(policy, state.reached, least(made.reached, state.cutoff));
    RETURN made;
END
$$;
COMMENT ON FUNCTION etl._retention_window_of_keys(etl.retention_policy, etl._retention_state) IS
    'The next span of time that has no more rows than a batch takes. Where more have one and the same time, it is that '
    'time, with the number of rows limited.';

CREATE FUNCTION etl._retention_window(policy etl.retention_policy, state etl._retention_state)
RETURNS etl._retention_window
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    rows_per_block CONSTANT integer := 64;
    made etl._retention_window;
BEGIN
    IF state.stage = 'keys' THEN
        RETURN etl._retention_window_of_keys(policy, state);
    ELSIF state.stage = 'blocks' THEN
        made.block := state.block + greatest(state.size / rows_per_block, 1);
        made.condition := format('%1$I.ctid >= ''(%2$s,0)'' AND %1$I.ctid < ''(%3$s,0)'' AND %4$s',
                                 etl._retention_alias(policy), state.block, made.block,
                                 etl._retention_past(policy, NULL, state.cutoff));
        made.stage := CASE WHEN made.block < etl._retention_blocks(etl._retention_source(policy, state.tier))
                           THEN 'blocks' END;
    ELSE
        made.condition := etl._retention_past(policy, state.reached, state.cutoff);
        made.most := state.size;
    END IF;
    RETURN made;
END
$$;
COMMENT ON FUNCTION etl._retention_window(etl.retention_policy, etl._retention_state) IS
    'What the next batch takes, and the state after it.';
