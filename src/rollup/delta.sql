-- Merging: what writers have added and taken away is put into the stored states of the groups.
--
-- A merge is exact under any interleaving because of what it sees: one snapshot (REPEATABLE READ) for the log and for
-- the tables, the log taken whole, and states that are those of the last such snapshot. The states then change by what
-- the log's images say, as of now:
--
--   a new row       adds what the query makes of it now;
--   an old row      takes away what the query makes of it now. That is what it had added, unless a partner of it (a row
--                   of a joined table) has changed since: such groups are computed anew. So are those where a state
--                   cannot give a value back: the least value of a group, a value of a set that no other row has;
--   a changed       touches rows of the fact. Those that came after the last merge have added nothing yet, and are
--   partner         added as of now, with that partner: they are absorbed. The groups of all others are computed anew.
--
-- Groups that are pending are left out: they are computed anew from the tables, and that must be under a snapshot of
-- which the log has been taken too, or the next merge would add again what the tables had already shown.

-- Values of states ---------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._delta_variance(count bigint, sum numeric, squares numeric, sample boolean)
RETURNS numeric
LANGUAGE sql STRICT IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN count < 1 OR sample AND count = 1 THEN NULL
        WHEN sum IN ('NaN', 'Infinity', '-Infinity') THEN 'NaN'
        WHEN count * squares <= sum * sum THEN 0
        ELSE (count * squares - sum * sum) / (count * (CASE WHEN sample THEN count - 1 ELSE count END)::numeric)
    END
$$;
COMMENT ON FUNCTION etl._delta_variance(bigint, numeric, numeric, boolean) IS
    'What var_samp (sample) or var_pop returns for values of which count, sum and sum of squares are given, digit by '
    'digit: (n * Sxx - Sx * Sx) / (n * (n - 1)) or (n * n), as PostgreSQL computes it for numeric.';

CREATE FUNCTION etl._delta_deviation(count bigint, sum numeric, squares numeric, sample boolean)
RETURNS numeric
LANGUAGE sql STRICT IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN v.variance = 0 OR v.variance = 'NaN' THEN v.variance
        WHEN (r.root - h.half) * (r.root - h.half) > v.variance THEN round(r.root - 2 * h.half, scale(v.variance))
        ELSE r.root
    END
    FROM (SELECT etl._delta_variance(count, sum, squares, sample) AS variance) AS v
    CROSS JOIN LATERAL (SELECT round(sqrt(v.variance), scale(v.variance)) AS root) AS r
    CROSS JOIN LATERAL (SELECT ('5e-' || scale(v.variance) + 1)::numeric AS half) AS h
$$;
COMMENT ON FUNCTION etl._delta_deviation(bigint, numeric, numeric, boolean) IS
    'What stddev_samp (sample) or stddev_pop returns for values of which count, sum and sum of squares are given, '
    'digit by digit: the root of the variance with as many digits as that has, rounded once.';

-- Tables -------------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._create_rollup_state(rollup etl.rollup)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    keys CONSTANT text := etl._column_list(rollup.key_columns);
    stored CONSTANT text := etl._rollup_table(rollup.name, '_state');
    columns text;
BEGIN
    SELECT string_agg(format(', ADD COLUMN %I %s%s', s.name, s.type, ' COLLATE ' || s."collation"), '' ORDER BY s.place)
    INTO columns
    FROM ROWS FROM (jsonb_to_recordset(rollup.plan -> 'delta' -> 'states') AS (name text, type text, "collation" text))
        WITH ORDINALITY AS s(name, type, "collation", place);
    EXECUTE format('CREATE TABLE %s WITH (fillfactor = 75) AS SELECT %s FROM %s WITH NO DATA', stored, keys,
                   rollup.name);
    EXECUTE format('ALTER TABLE %s ADD COLUMN etl_rows bigint NOT NULL%s', stored, columns);
    EXECUTE format('CREATE UNIQUE INDEX ON %s (%s) NULLS NOT DISTINCT', stored, keys);
    PERFORM etl._identify_rows(stored);
    EXECUTE format('COMMENT ON TABLE %s IS %L', stored,
                   format('States of the groups of rollup %s, into which changes are merged.', rollup.name));
END
$$;
COMMENT ON FUNCTION etl._create_rollup_state(etl.rollup) IS
    'Creates the table of a rollup''s states, with the columns that its plan names. Pages have room for the new '
    'versions of their rows.';

CREATE FUNCTION etl._visible_query(rollup etl.rollup, condition text DEFAULT 'true')
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format(E'WITH "etl states" AS (SELECT s.* FROM %s AS s WHERE %s) SELECT %s FROM (\n%s\n) AS v '
                  'WHERE v.etl_shown',
                  etl._rollup_table(rollup.name, '_state'), condition,
                  (SELECT string_agg(format('v.%I', c.value ->> 'name'), ', ' ORDER BY c.ordinality)
                   FROM jsonb_array_elements(rollup.plan -> 'columns') WITH ORDINALITY AS c),
                  rollup.plan -> 'delta' ->> 'visible_query')
$$;
COMMENT ON FUNCTION etl._visible_query(etl.rollup, text) IS
    'What a rollup that keeps states shows of them: a query over its state table (alias s), with a condition on the '
    'key columns.';

-- What merging rests on ----------------------------------------------------------------------------------------------

CREATE FUNCTION etl._joined_names(names jsonb)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(quote_ident(n.value), ', ' ORDER BY n.ordinality)
    FROM jsonb_array_elements_text(names) WITH ORDINALITY AS n
$$;
COMMENT ON FUNCTION etl._joined_names(jsonb) IS 'Names of a plan with commas between them; NULL where there are none.';

CREATE FUNCTION etl._is_unique(relation text, columns jsonb)
RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM pg_index AS i
        JOIN pg_class AS c ON c.oid = i.indrelid
        WHERE c.oid = etl._named_relation(relation) AND (c.relkind = 'p' OR NOT c.relhassubclass)
          AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL
          AND columns @> (
              SELECT jsonb_agg(a.attname)
              FROM unnest((i.indkey::smallint[])[:i.indnkeyatts - 1]) AS k(attnum)
              LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.attnum));
END
$$;
COMMENT ON FUNCTION etl._is_unique(text, jsonb) IS
    'Whether a unique index keeps the rows of a table apart by some of the columns, all rows and at once.';

CREATE FUNCTION etl._require_unique(rollup etl.rollup)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    relation text;
    columns jsonb;
BEGIN
    FOR relation, columns IN
        SELECT u.relation, u.columns
        FROM jsonb_to_recordset(rollup.plan -> 'delta' -> 'unique') AS u(relation text, columns jsonb)
        WHERE NOT etl._is_unique(u.relation, u.columns)
    LOOP
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('rollup "%s" needs a unique index on table "%s" that is not there any more', rollup.name,
                             relation),
            DETAIL = format('It counts distinct values as rows, as (%s) was unique there when it was created.',
                            etl._joined_names(columns)),
            HINT = format('CREATE UNIQUE INDEX ON %s (%s); or SELECT etl.drop_rollup(%L); and create the rollup anew.',
                          relation, etl._joined_names(columns), rollup.name);
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._require_unique(etl.rollup) IS
    'Raises (55000) where the states of a rollup rest on a unique index that is gone.';

-- The log ------------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._log_images_support(internal)
RETURNS internal
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_log_images_support';
COMMENT ON FUNCTION etl._log_images_support(internal) IS
    'Planner support function of etl._log_images: as many rows as its second argument says.';

CREATE FUNCTION etl._log_images(log anyelement, rows bigint)
RETURNS SETOF anyelement
LANGUAGE plpgsql STABLE
SUPPORT etl._log_images_support
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY EXECUTE format('SELECT * FROM %s AS l WHERE l.etl_op IN (''+'', ''-'', ''e'')', pg_typeof(log));
END
$$;
COMMENT ON FUNCTION etl._log_images(anyelement, bigint) IS
    'The new and old rows in the log of a fact, which is given as a NULL of its row type, with how many the planner is '
    'to expect: its own statistics of a log say anything.';

-- The merge ----------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._unmerged_groups(rollup etl.rollup)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    pending CONSTANT text := etl._rollup_table(rollup.name, '_pending');
    keys CONSTANT text := etl._column_list(rollup.key_columns);
BEGIN
    IF rollup.retention IS DISTINCT FROM 'freeze' THEN
        RETURN pending;
    END IF;
    RETURN format('(SELECT %1$s FROM %2$s UNION ALL SELECT %1$s FROM %3$s AS f WHERE f.etl_closed)', keys, pending,
                  etl._rollup_table(rollup.name, '_frozen'));
END
$$;
COMMENT ON FUNCTION etl._unmerged_groups(etl.rollup) IS
    'What a merge leaves out, as FROM takes it: the groups that are pending, and frozen ones that have lost a state.';

CREATE FUNCTION etl._places(places jsonb)
RETURNS tid[]
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT array_agg(p::tid) FROM jsonb_array_elements_text(nullif(places, 'null')) AS p
$$;
COMMENT ON FUNCTION etl._places(jsonb) IS 'Places of rows that a query has given in JSON; NULL where there are none.';

CREATE FUNCTION etl._delete_vanished(rollup etl.rollup, vanished tid[], hidden tid[])
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    state CONSTANT text := etl._rollup_table(rollup.name, '_state');
    same_group CONSTANT text := (
        SELECT string_agg(format('(t.%1$I %2$s s.%1$I OR t.%1$I IS NOT DISTINCT FROM NULL '
                                 'AND s.%1$I IS NOT DISTINCT FROM NULL)', k ->> 'name', coalesce(k ->> 'equal', '=')),
                          ' AND ')
        FROM jsonb_array_elements(rollup.plan -> 'keys') AS k);
    deleted bigint;
BEGIN
    deleted := etl._locked_command(format('DELETE FROM %s AS t USING %s AS s WHERE s.ctid = ANY ($1) AND %s',
                                          rollup.name, state, same_group), array_cat(vanished, hidden));
    PERFORM etl._locked_command(format('DELETE FROM %s AS s WHERE s.ctid = ANY ($1)', state), vanished);
    RETURN deleted;
END
$$;
COMMENT ON FUNCTION etl._delete_vanished(etl.rollup, tid[], tid[]) IS
    'Deletes groups without rows (vanished) from the states and from the rollup, and those that HAVING leaves out '
    '(hidden) from the rollup, by their places among the states. Returns how many the rollup had.';

CREATE FUNCTION etl._merge_images(rollup etl.rollup, contents jsonb, is_complete boolean DEFAULT true)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
DECLARE
    fact etl.rollup_source;
    images bigint;
    has_old boolean;
    noted bigint := 0;
    ignored bigint := 0;
    merged jsonb := '{}';
    vanished tid[];
    hidden tid[];
    deleted bigint := 0;
BEGIN
    PERFORM etl._require_unique(rollup);
    SELECT * INTO fact FROM etl._sources(rollup) AS s
    WHERE s.number = (rollup.plan -> 'delta' ->> 'fact')::integer;
    SELECT coalesce(sum(c.rows), 0), coalesce(bool_or(c.op <> '+'), false) INTO images, has_old
    FROM jsonb_to_recordset(contents) AS c(number integer, op text, rows bigint)
    WHERE c.number = fact.number AND c.op IN ('+', '-', 'e');
    IF is_complete THEN
        noted := etl._note_unmerged(rollup, fact, contents, has_old);
    END IF;
    IF rollup.retention = 'freeze' THEN
        ignored := etl._release_frozen(rollup, true);
    END IF;
    IF images > 0 THEN
        SELECT c.counts INTO merged
        FROM etl._locked_changes(format(
            rollup.plan -> 'delta' ->> CASE WHEN has_old THEN 'merge' ELSE 'merge_new' END,
            etl._rollup_table(rollup.name, '_state'), etl._rollup_table(rollup.name, '_pending'), rollup.name,
            fact.log_table, etl._unmerged_groups(rollup), images)) AS c(counts jsonb);
        vanished := etl._places(merged -> 'vanished');
        hidden := etl._places(merged -> 'hidden');
        IF vanished IS NOT NULL OR hidden IS NOT NULL THEN
            deleted := etl._delete_vanished(rollup, vanished, hidden);
        END IF;
    END IF;
    RETURN merged - '{vanished,hidden}'::text[] || jsonb_build_object(
        'deleted', deleted, 'partners', noted, 'ignored', ignored);
END
$$;
COMMENT ON FUNCTION etl._merge_images(etl.rollup, jsonb, boolean) IS
    'Merges what stands in the logs of a rollup (contents) into its states and into the rollup, and adds the groups to '
    'the pending ones that cannot be merged. To be called in a transaction with one snapshot, in which the caller then '
    'deletes the notes of the logs, and after notes that may touch all groups (a, b) have made them pending. Returns '
    'counts: groups merged; groups lost, as a state could not give a value back; groups whose partners changed '
    '(partners), as far as they were not pending; rows of the rollup inserted, updated, deleted; frozen groups that '
    'are left out though a partner has changed (ignored). is_complete: false where all groups but the frozen ones are '
    'pending, whatever has changed. 55000 where a unique index is gone that the states rest on.';
