-- etl.resolve_new: matches the new rows of a table against all of its rows, and keeps the clusters.

-- Checks -------------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._check_resolve_new(
    target regclass, model jsonb, threshold float8, as_of timestamptz, dry_run bool)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._require_flag(dry_run, 'dry_run');
    PERFORM etl._require_moment(as_of, 'as_of');
    PERFORM etl._require_latest_snapshots('etl.resolve_new');
    PERFORM etl._require_table(target, ARRAY['SELECT']);
    PERFORM etl._match_weight_of(threshold);
    IF model IS NULL OR jsonb_typeof(model) <> 'object' OR jsonb_typeof(model -> 'id') IS DISTINCT FROM 'string' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = CASE WHEN model IS NULL THEN 'model must not be NULL'
                           ELSE 'the model names no column of ids' END,
            DETAIL = 'A model is a JSON object whose "id" is the name of the column that tells rows apart.',
            HINT = 'etl.train_match makes a model.';
    END IF;
    PERFORM etl._require_column(target, model ->> 'id');
END
$$;
COMMENT ON FUNCTION etl._check_resolve_new(regclass, jsonb, float8, timestamptz, bool) IS
    'Checks the arguments of etl.resolve_new before anything is locked.';

-- Pieces of etl.resolve_new ------------------------------------------------------------------------------------------

CREATE FUNCTION etl._resolve(pairs_query text, apart_query text)
RETURNS TABLE (what text, id_a text, part_a bigint, cluster_a bigint, id_b text, part_b bigint, cluster_b bigint,
               probability float8)
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'etl_resolve';
COMMENT ON FUNCTION etl._resolve(text, text) IS
    'Where new rows belong. Both queries return id_a text, part_a bigint, cluster_a bigint, and the same of b; '
    'pairs_query also the probability float8. A part of 0 or NULL is that of a new row, an id_b of NULL makes id_a a '
    'new row whether it has pairs or not. apart_query: what must not come into one cluster, a cluster_a or, without '
    'one, a new row id_a, and the same of b. Answers what = member, a new row, with its part and that part''s '
    'cluster, or with the same negative part for all rows of a new cluster; what = merge, a pair that merges '
    'cluster_b into cluster_a, in this order; what = refused, a pair that was not followed. Errors: 23505 two new '
    'rows have one id, 22004 one has none, 42804 other columns, 22023 a pair without a probability.';

CREATE FUNCTION etl._begin_resolution(target regclass, id_column text, as_of timestamptz)
RETURNS etl.resolution
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    run etl.resolution;
BEGIN
    INSERT INTO etl.resolution AS r (relation, id_column, runs, last_run_at)
    VALUES (etl._relation_name(target), id_column, 1, as_of)
    ON CONFLICT (relation, owner) DO UPDATE SET runs = r.runs + 1, last_run_at = excluded.last_run_at
    RETURNING * INTO run;
    IF run.id_column <> id_column THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('the rows of table "%s" are known by column "%s", not by "%s"', target, run.id_column,
                             id_column),
            DETAIL = 'Its clusters were made with another model.',
            HINT = format('Use a model whose "id" is "%s", or start anew after SELECT etl.remove_resolution(%L);',
                          run.id_column, run.relation);
    END IF;
    RETURN run;
END
$$;
COMMENT ON FUNCTION etl._begin_resolution(regclass, text, timestamptz) IS
    'Counts a run and returns the resolution, made where there is none, locked to the end of the transaction. Raises '
    '(22023) when its rows are known by another column.';

CREATE FUNCTION etl._is_new_row(run etl.resolution)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- No name in it can be that of a column of the table but the last.
    SELECT format('NOT EXISTS (SELECT FROM (SELECT m.id FROM etl.cluster_member AS m WHERE m.resolution_id = %s '
                  'AND m.owner = %L) AS etl_known (etl_known_id) '
                  'WHERE etl_known.etl_known_id OPERATOR(pg_catalog.=) (%I)::text)',
                  run.resolution_id, run.owner, run.id_column)
$$;
COMMENT ON FUNCTION etl._is_new_row(etl.resolution) IS
    'A condition over the rows of the table: the row is in no cluster yet.';

CREATE FUNCTION etl._new_pairs_query(run etl.resolution, target regclass, model jsonb, threshold float8)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format($query$
        SELECT p.id_a, a.part_id, a.cluster_id, p.id_b, b.part_id, b.cluster_id, p.probability
        FROM etl._match_pairs(%1$s::regclass, %2$L::jsonb, %3$L::float8, %4$L, 'TRUE') AS p
        LEFT JOIN etl.cluster_member AS a ON a.resolution_id = %5$s AND a.owner = %8$L AND a.id = p.id_a
        LEFT JOIN etl.cluster_member AS b ON b.resolution_id = %5$s AND b.owner = %8$L AND b.id = p.id_b
        UNION ALL
        SELECT (t.%6$I)::text, NULL, NULL, NULL, NULL, NULL, NULL FROM %7$s AS t WHERE %4$s
        $query$, target::oid, model, threshold, etl._is_new_row(run), run.resolution_id, run.id_column, target,
        run.owner)
$$;
COMMENT ON FUNCTION etl._new_pairs_query(etl.resolution, regclass, jsonb, float8) IS
    'The pairs_query of etl._resolve: all pairs of a new row with any row, and all new rows.';

CREATE FUNCTION etl._apart_query(run etl.resolution)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format($query$
        WITH ending AS (
            SELECT s.separation_id, e.side, e.id, m.cluster_id
            FROM etl.separation AS s
            CROSS JOIN LATERAL (VALUES ('a', s.id_a, s.part_a), ('b', s.id_b, s.part_b)) AS e(side, id, part_id)
            CROSS JOIN LATERAL (
                SELECT c.cluster_id FROM etl.cluster_member AS c
                WHERE c.resolution_id = s.resolution_id AND c.owner = s.owner AND c.part_id = e.part_id
                UNION
                SELECT c.cluster_id FROM etl.cluster_member AS c
                WHERE c.resolution_id = s.resolution_id AND c.owner = s.owner AND c.id = e.id
                UNION
                SELECT NULL
            ) AS m
            WHERE s.resolution_id = %s AND s.owner = %L
        )
        SELECT a.id, NULL::bigint, a.cluster_id, b.id, NULL::bigint, b.cluster_id
        FROM ending AS a JOIN ending AS b USING (separation_id)
        WHERE a.side = 'a' AND b.side = 'b'
        $query$, run.resolution_id, run.owner)
$$;
COMMENT ON FUNCTION etl._apart_query(etl.resolution) IS
    'The apart_query of etl._resolve: of every separation the two rows, should they be new, and the clusters where '
    'they and the parts in which they were are now.';

CREATE FUNCTION etl._store_resolved(
    run etl.resolution, target regclass, model jsonb, threshold float8, as_of timestamptz,
    OUT new_rows bigint, OUT joined bigint, OUT new_clusters bigint, OUT merges bigint, OUT kept_apart bigint)
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH outcome AS MATERIALIZED (
        SELECT * FROM etl._resolve(etl._new_pairs_query(run, target, model, threshold), etl._apart_query(run))
    ),
    -- New parts are numbered in the order of their first id, so that the numbers do not depend on the plan.
    found AS MATERIALIZED (
        SELECT o.id_a, o.part_a, o.cluster_a,
               CASE WHEN o.part_a < 0
                    THEN run.parts + dense_rank() OVER (PARTITION BY o.part_a < 0 ORDER BY o.first_id) END AS new_part
        FROM (SELECT m.id_a, m.part_a, m.cluster_a, min(m.id_a COLLATE "C") OVER (PARTITION BY m.part_a) AS first_id
              FROM outcome AS m WHERE m.what = 'member') AS o
    ),
    counted AS MATERIALIZED (
        SELECT count(*) AS rows, count(f.cluster_a) AS joined, coalesce(max(f.new_part) - run.parts, 0) AS new_parts
        FROM found AS f
    ),
    member AS (
        INSERT INTO etl.cluster_member (resolution_id, id, part_id, cluster_id, run, since)
        SELECT run.resolution_id, f.id_a, coalesce(f.new_part, f.part_a), coalesce(f.new_part, f.cluster_a), run.runs,
               as_of
        FROM found AS f
    ),
    merge AS (
        INSERT INTO etl.cluster_merge (resolution_id, run, merged_at, kept_cluster_id, merged_cluster_id, id_a, id_b,
                                       probability, part_a, part_b)
        SELECT run.resolution_id, run.runs, as_of, o.cluster_a, o.cluster_b, o.id_a, o.id_b, o.probability, o.part_a,
               o.part_b
        FROM outcome AS o WHERE o.what = 'merge'
    ),
    numbered AS (
        UPDATE etl.resolution AS r SET parts = r.parts + c.new_parts
        FROM counted AS c WHERE r.resolution_id = run.resolution_id AND r.owner = run.owner
    )
    SELECT c.rows, c.joined, c.new_parts, (SELECT count(*) FROM outcome AS o WHERE o.what = 'merge'),
           (SELECT count(*) FROM outcome AS o WHERE o.what = 'refused')
    FROM counted AS c
$$;
COMMENT ON FUNCTION etl._store_resolved(etl.resolution, regclass, jsonb, float8, timestamptz) IS
    'Matches the new rows, stores where they belong and which clusters they merge, and counts. Members still have the '
    'clusters that their parts had before the merges: etl._apply_merges is next.';

CREATE FUNCTION etl._apply_merges(run etl.resolution)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE etl.cluster_member AS m SET cluster_id = c.cluster_id::bigint
    FROM etl.clusters(format('SELECT g.kept_cluster_id, g.merged_cluster_id FROM etl.cluster_merge AS g '
                             'WHERE g.resolution_id = %s AND g.owner = %L AND g.run = %s',
                             run.resolution_id, run.owner, run.runs)) AS c
    WHERE m.resolution_id = run.resolution_id AND m.owner = run.owner AND m.cluster_id = c.id::bigint
      AND c.id <> c.cluster_id
$$;
COMMENT ON FUNCTION etl._apply_merges(etl.resolution) IS 'Renumbers the clusters that the run has merged.';

-- What users call ----------------------------------------------------------------------------------------------------

CREATE FUNCTION etl.resolve_new(
    target regclass, model jsonb, threshold float8 DEFAULT 0.9, as_of timestamptz DEFAULT now(),
    dry_run bool DEFAULT false)
RETURNS TABLE (new_rows bigint, joined bigint, new_clusters bigint, merges bigint, kept_apart bigint)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET datestyle = 'ISO, YMD'
SET intervalstyle = 'postgres'
SET timezone = 'UTC'
SET extra_float_digits = 1
SET bytea_output = 'hex'
AS $$
DECLARE
    run etl.resolution;
    finished bool := false;
BEGIN
    PERFORM etl._check_resolve_new(target, model, threshold, as_of, dry_run);
    new_rows := 0;
    joined := 0;
    new_clusters := 0;
    merges := 0;
    kept_apart := 0;
    BEGIN
        run := etl._begin_resolution(target, model ->> 'id', as_of);
        IF etl._locked_value(format('SELECT EXISTS (SELECT FROM %s WHERE %s)', target, etl._is_new_row(run)),
                             NULL::bool) THEN
            SELECT c.* INTO new_rows, joined, new_clusters, merges, kept_apart
            FROM etl._store_resolved(run, target, model, threshold, as_of) AS c;
        END IF;
        IF merges > 0 THEN
            PERFORM etl._apply_merges(run);
        END IF;
        finished := true;
        IF dry_run THEN
            RAISE EXCEPTION USING
                ERRCODE = 'ETL00', MESSAGE = 'end of the dry run';
        END IF;
    EXCEPTION
        WHEN SQLSTATE 'ETL00' THEN -- rolled back, counts kept
            IF NOT (dry_run AND finished) THEN
                RAISE; -- of another's function
            END IF;
    END;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION etl.resolve_new(regclass, jsonb, float8, timestamptz, bool) IS
    'Matches the rows of a table that are new since the last call against all of its rows, and keeps the clusters in '
    'etl.cluster_members; on the first call all rows are new. A new row joins the cluster of the row that it matches '
    'best; where it matches several clusters these are merged, which etl.merges tells and etl.unmerge takes back; rows '
    'that match none become new clusters. So rows that come in several calls end in the clusters in which one call '
    'would have put them, as long as the model and the threshold stay the same. target: an ordinary or partitioned '
    'table; the caller needs SELECT on it and sees its own clusters only. model: a match model, as for etl.match; its '
    '"id" names the column that tells the rows apart, and by which a row is known as new. threshold: the least '
    'probability of a match. as_of: the moment that is noted. dry_run: does all of it and rolls it back. Returns '
    'new_rows; joined, those of them that joined a cluster that was there; new_clusters; merges; kept_apart, the pairs '
    'that were left out because of etl.separations. Calls for one table wait for one another. Rows that changed or are '
    'gone: see etl.forget_members. Errors: 22023 a threshold outside 0 to 1, no model, a NULL flag or moment, clusters '
    'that are known by another column; 42703 the model''s column is not there; 42809 not a table; 42501 no SELECT; '
    '23505 two new rows with one id; 22004 a row without one; 25000 isolation level above READ COMMITTED; and those of '
    'etl.match.';
