-- Clusters that are kept: etl.resolve_new matches the new rows of a table against all of its rows, etl.unmerge takes a
-- merge of two clusters back, etl.forget_members lets rows be matched anew.
--
-- A resolution is what one role knows about one table. Its lock is its row in etl.resolution: whoever changes members
-- holds it to the end of the transaction.
--
-- Every member is in a part, and a cluster is the parts that the merges in force hold together, named by the smallest
-- (src/dedupe/resolution.hpp). Parts are numbered within a resolution, so that a run that is rolled back leaves no gap.

CREATE TABLE etl.resolution (
    resolution_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    relation text NOT NULL,
    id_column text NOT NULL,
    runs bigint NOT NULL DEFAULT 0,
    parts bigint NOT NULL DEFAULT 0,
    last_run_at timestamptz,
    owner name NOT NULL DEFAULT current_user,
    UNIQUE (relation, owner)
);
COMMENT ON TABLE etl.resolution IS
    'Tables whose rows are in clusters that are kept, by their names, and the column of their ids; one row for each '
    'role that does so. Read them in etl.resolutions. After ALTER TABLE … RENAME, change relation to the new name, as '
    'etl.resolutions shows it.';
COMMENT ON SEQUENCE etl.resolution_resolution_id_seq IS 'Numbers of etl.resolution.';
ALTER TABLE etl.resolution ENABLE ROW LEVEL SECURITY;
CREATE POLICY resolution_owner ON etl.resolution USING (owner = current_user);
GRANT SELECT, INSERT, UPDATE, DELETE ON etl.resolution TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.resolution', '');
SELECT pg_catalog.pg_extension_config_dump('etl.resolution_resolution_id_seq', '');

CREATE TABLE etl.cluster_member (
    resolution_id integer NOT NULL,
    id text NOT NULL,
    part_id bigint NOT NULL,
    cluster_id bigint NOT NULL,
    run bigint NOT NULL,
    since timestamptz NOT NULL,
    owner name NOT NULL DEFAULT current_user,
    PRIMARY KEY (resolution_id, id)
);
CREATE INDEX cluster_member_cluster_idx ON etl.cluster_member (resolution_id, cluster_id);
COMMENT ON TABLE etl.cluster_member IS
    'The cluster of each row that etl.resolve_new has seen, and the part of that cluster. Read them in '
    'etl.cluster_members.';
ALTER TABLE etl.cluster_member ENABLE ROW LEVEL SECURITY;
-- Nobody adds to what is another's: the numbers of resolutions are easy to guess.
CREATE POLICY cluster_member_owner ON etl.cluster_member USING (owner = current_user)
    WITH CHECK (owner = current_user AND resolution_id IN (
        SELECT r.resolution_id FROM etl.resolution AS r WHERE r.owner = current_user));
GRANT SELECT, INSERT, UPDATE, DELETE ON etl.cluster_member TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.cluster_member', '');

CREATE TABLE etl.cluster_merge (
    merge_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    resolution_id integer NOT NULL,
    run bigint NOT NULL,
    merged_at timestamptz NOT NULL,
    kept_cluster_id bigint NOT NULL,
    merged_cluster_id bigint NOT NULL,
    id_a text NOT NULL,
    id_b text NOT NULL,
    probability float8 NOT NULL,
    part_a bigint NOT NULL,
    part_b bigint NOT NULL,
    undone_at timestamptz,
    owner name NOT NULL DEFAULT current_user
);
CREATE INDEX cluster_merge_resolution_idx ON etl.cluster_merge (resolution_id, run);
COMMENT ON TABLE etl.cluster_merge IS
    'Merges of two clusters by a new row that matched both, in force or undone. Read them in etl.merges; undo one with '
    'etl.unmerge.';
COMMENT ON SEQUENCE etl.cluster_merge_merge_id_seq IS 'Numbers of etl.cluster_merge.';
ALTER TABLE etl.cluster_merge ENABLE ROW LEVEL SECURITY;
CREATE POLICY cluster_merge_owner ON etl.cluster_merge USING (owner = current_user)
    WITH CHECK (owner = current_user AND resolution_id IN (
        SELECT r.resolution_id FROM etl.resolution AS r WHERE r.owner = current_user));
GRANT SELECT, INSERT, UPDATE, DELETE ON etl.cluster_merge TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.cluster_merge', '');
SELECT pg_catalog.pg_extension_config_dump('etl.cluster_merge_merge_id_seq', '');

CREATE TABLE etl.separation (
    separation_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    resolution_id integer NOT NULL,
    merge_id bigint NOT NULL,
    id_a text NOT NULL,
    id_b text NOT NULL,
    part_a bigint NOT NULL,
    part_b bigint NOT NULL,
    since timestamptz NOT NULL,
    owner name NOT NULL DEFAULT current_user
);
CREATE INDEX separation_resolution_idx ON etl.separation (resolution_id);
COMMENT ON TABLE etl.separation IS
    'What etl.unmerge has taken apart and etl.resolve_new leaves apart. Read it in etl.separations; end one with '
    'etl.remove_separation.';
COMMENT ON SEQUENCE etl.separation_separation_id_seq IS 'Numbers of etl.separation.';
ALTER TABLE etl.separation ENABLE ROW LEVEL SECURITY;
CREATE POLICY separation_owner ON etl.separation USING (owner = current_user)
    WITH CHECK (owner = current_user AND resolution_id IN (
        SELECT r.resolution_id FROM etl.resolution AS r WHERE r.owner = current_user));
GRANT SELECT, INSERT, UPDATE, DELETE ON etl.separation TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.separation', '');
SELECT pg_catalog.pg_extension_config_dump('etl.separation_separation_id_seq', '');

-- What users read ----------------------------------------------------------------------------------------------------

CREATE VIEW etl.resolutions WITH (security_invoker = true) AS
SELECT r.relation, r.id_column, r.runs, r.last_run_at, r.owner, r.resolution_id
FROM etl.resolution AS r;
COMMENT ON VIEW etl.resolutions IS
    'Tables whose clusters are kept by etl.resolve_new: the column of their ids, how many runs there were, and the '
    'moment (as_of) of the last.';
GRANT SELECT ON etl.resolutions TO PUBLIC;

CREATE VIEW etl.cluster_members WITH (security_invoker = true) AS
SELECT r.relation, m.id, m.cluster_id, m.run, m.since, m.owner
FROM etl.cluster_member AS m
JOIN etl.resolution AS r ON r.resolution_id = m.resolution_id AND r.owner = m.owner;
COMMENT ON VIEW etl.cluster_members IS
    'The cluster of every row that etl.resolve_new has seen: the table, the id as text, the number of the cluster '
    'within the table, and the run and moment that put the row there. Rows of one cluster are the same thing.';
GRANT SELECT ON etl.cluster_members TO PUBLIC;

CREATE VIEW etl.merges WITH (security_invoker = true) AS
SELECT g.merge_id, r.relation, g.run, g.merged_at, g.kept_cluster_id, g.merged_cluster_id, g.id_a, g.id_b,
       g.probability, g.undone_at, g.owner
FROM etl.cluster_merge AS g
JOIN etl.resolution AS r ON r.resolution_id = g.resolution_id AND r.owner = g.owner;
COMMENT ON VIEW etl.merges IS
    'Merges of clusters by etl.resolve_new: in which run and when, the cluster that stayed and the one that went into '
    'it, and the pair of rows because of which (id_a of the one that stayed, id_b of the other, one of them new). '
    'undone_at: when etl.unmerge took it back.';
GRANT SELECT ON etl.merges TO PUBLIC;

CREATE VIEW etl.separations WITH (security_invoker = true) AS
SELECT s.separation_id, r.relation, s.id_a, s.id_b, s.merge_id, s.since, s.owner
FROM etl.separation AS s
JOIN etl.resolution AS r ON r.resolution_id = s.resolution_id AND r.owner = s.owner;
COMMENT ON VIEW etl.separations IS
    'What is kept apart since etl.unmerge took a merge back: the rows id_a and id_b, and the rows that were with each '
    'of them before that merge. etl.resolve_new brings them into no common cluster.';
GRANT SELECT ON etl.separations TO PUBLIC;

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
    IF threshold IS NULL OR threshold = 'NaN' OR threshold < 0 OR threshold > 1 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('threshold must be a probability from 0 to 1, not %s', coalesce(threshold::text, 'NULL')),
            HINT = 'Leave it out to have 0.9.';
    ELSIF model IS NULL OR jsonb_typeof(model) <> 'object' OR jsonb_typeof(model -> 'id') IS DISTINCT FROM 'string' THEN
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

CREATE FUNCTION etl._require_resolution(relation text)
RETURNS etl.resolution
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_row etl.resolution;
BEGIN
    SELECT * INTO found_row FROM etl.resolution AS r
    WHERE r.relation = _require_resolution.relation AND r.owner = current_user
    FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object',
            MESSAGE = CASE WHEN relation IS NULL THEN 'no table was given'
                           ELSE format('there are no clusters of table "%s"', relation) END,
            DETAIL = format('etl.resolve_new was not called for it by role "%s".', current_user),
            HINT = 'SELECT * FROM etl.resolutions; lists the tables that have some.';
    END IF;
    RETURN found_row;
END
$$;
COMMENT ON FUNCTION etl._require_resolution(text) IS
    'The current role''s resolution of a table, by the table''s name, locked to the end of the transaction (42704 '
    'without one).';

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
    SELECT format('NOT EXISTS (SELECT FROM (SELECT m.id FROM etl.cluster_member AS m WHERE m.resolution_id = %s) '
                  'AS etl_known (etl_known_id) WHERE etl_known.etl_known_id OPERATOR(pg_catalog.=) (%I)::text)',
                  run.resolution_id, run.id_column)
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
        LEFT JOIN etl.cluster_member AS a ON a.resolution_id = %5$s AND a.id = p.id_a
        LEFT JOIN etl.cluster_member AS b ON b.resolution_id = %5$s AND b.id = p.id_b
        UNION ALL
        SELECT (t.%6$I)::text, NULL, NULL, NULL, NULL, NULL, NULL FROM %7$s AS t WHERE %4$s
        $query$, target::oid, model, threshold, etl._is_new_row(run), run.resolution_id, run.id_column, target)
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
                WHERE c.resolution_id = s.resolution_id AND c.part_id = e.part_id
                UNION
                SELECT c.cluster_id FROM etl.cluster_member AS c
                WHERE c.resolution_id = s.resolution_id AND c.id = e.id
                UNION
                SELECT NULL
            ) AS m
            WHERE s.resolution_id = %s
        )
        SELECT a.id, NULL::bigint, a.cluster_id, b.id, NULL::bigint, b.cluster_id
        FROM ending AS a JOIN ending AS b USING (separation_id)
        WHERE a.side = 'a' AND b.side = 'b'
        $query$, run.resolution_id)
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
        FROM counted AS c WHERE r.resolution_id = run.resolution_id
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
                             'WHERE g.resolution_id = %s AND g.run = %s', run.resolution_id, run.runs)) AS c
    WHERE m.resolution_id = run.resolution_id AND m.cluster_id = c.id::bigint AND c.id <> c.cluster_id
$$;
COMMENT ON FUNCTION etl._apply_merges(etl.resolution) IS 'Renumbers the clusters that the run has merged.';

-- What users call ----------------------------------------------------------------------------------------------------

CREATE FUNCTION etl.resolve_new(
    target regclass, model jsonb, threshold float8 DEFAULT 0.9, as_of timestamptz DEFAULT now(),
    dry_run bool DEFAULT false)
RETURNS TABLE (new_rows bigint, joined bigint, new_clusters bigint, merges bigint, kept_apart bigint)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    run etl.resolution;
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
        IF dry_run THEN
            RAISE EXCEPTION USING
                ERRCODE = 'ETL00', MESSAGE = 'end of the dry run';
        END IF;
    EXCEPTION
        WHEN SQLSTATE 'ETL00' THEN NULL;  -- rolled back, counts kept
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

CREATE FUNCTION etl._require_merge(merge_id bigint)
RETURNS etl.cluster_merge
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_merge etl.cluster_merge;
BEGIN
    SELECT * INTO found_merge FROM etl.cluster_merge AS g WHERE g.merge_id = _require_merge.merge_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object',
            MESSAGE = CASE WHEN merge_id IS NULL THEN 'no merge was given'
                           ELSE format('merge %s does not exist', merge_id) END,
            HINT = 'SELECT * FROM etl.merges; lists them.';
    END IF;
    PERFORM etl._require_owner(found_merge.owner, format('merge %s', merge_id));
    -- The lock first: another session may be about to undo the same one.
    PERFORM FROM etl.resolution AS r WHERE r.resolution_id = found_merge.resolution_id FOR UPDATE;
    SELECT * INTO found_merge FROM etl.cluster_merge AS g WHERE g.merge_id = _require_merge.merge_id;
    IF found_merge.undone_at IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('merge %s was undone at %s', merge_id, found_merge.undone_at),
            HINT = 'SELECT * FROM etl.merges WHERE undone_at IS NULL; lists the merges in force.';
    END IF;
    RETURN found_merge;
END
$$;
COMMENT ON FUNCTION etl._require_merge(bigint) IS
    'A merge of the current role that is in force, its resolution locked to the end of the transaction (42704 no such '
    'merge, 42501 another role''s, 55000 undone already).';

CREATE FUNCTION etl._parts_of_merge(merge etl.cluster_merge)
RETURNS TABLE (part_id bigint, cluster_id bigint)
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH part AS MATERIALIZED (
        SELECT c.id::bigint AS part_id, c.cluster_id::bigint AS cluster_id
        FROM etl.clusters(format(
            'SELECT g.part_a, g.part_b FROM etl.cluster_merge AS g WHERE g.resolution_id = %1$s '
            'AND g.undone_at IS NULL UNION ALL VALUES (%2$s::bigint, NULL::bigint), (%3$s, NULL)',
            merge.resolution_id, merge.part_a, merge.part_b)) AS c
    )
    SELECT p.part_id, p.cluster_id
    FROM part AS p
    WHERE p.cluster_id IN (SELECT o.cluster_id FROM part AS o WHERE o.part_id IN (merge.part_a, merge.part_b))
$$;
COMMENT ON FUNCTION etl._parts_of_merge(etl.cluster_merge) IS
    'The parts that the merges in force hold together with either end of a merge, and their cluster.';

CREATE FUNCTION etl._undo_merge(merge etl.cluster_merge, keep_apart bool, as_of timestamptz)
RETURNS TABLE (cluster_id bigint, members bigint)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE etl.cluster_merge AS g SET undone_at = as_of WHERE g.merge_id = merge.merge_id;
    IF keep_apart THEN
        INSERT INTO etl.separation (resolution_id, merge_id, id_a, id_b, part_a, part_b, since)
        VALUES (merge.resolution_id, merge.merge_id, merge.id_a, merge.id_b, merge.part_a, merge.part_b, as_of);
    END IF;
    -- Until now they all have the smaller number.
    WITH part AS MATERIALIZED (SELECT * FROM etl._parts_of_merge(merge))
    UPDATE etl.cluster_member AS m SET cluster_id = p.cluster_id
    FROM part AS p
    WHERE m.resolution_id = merge.resolution_id AND m.part_id = p.part_id AND m.cluster_id <> p.cluster_id
      AND m.cluster_id = (SELECT min(o.cluster_id) FROM part AS o);
    RETURN QUERY
        SELECT p.cluster_id, count(m.id)
        FROM (SELECT DISTINCT o.cluster_id FROM etl._parts_of_merge(merge) AS o) AS p
        LEFT JOIN etl.cluster_member AS m ON m.resolution_id = merge.resolution_id AND m.cluster_id = p.cluster_id
        GROUP BY p.cluster_id ORDER BY p.cluster_id;
END
$$;
COMMENT ON FUNCTION etl._undo_merge(etl.cluster_merge, bool, timestamptz) IS
    'Takes a merge back, and returns the two clusters that this leaves with the numbers of their members.';

CREATE FUNCTION etl.unmerge(
    merge_id bigint, keep_apart bool DEFAULT true, as_of timestamptz DEFAULT now(), dry_run bool DEFAULT false)
RETURNS TABLE (cluster_id bigint, members bigint)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    merge etl.cluster_merge;
    clusters bigint[];
    counts bigint[];
BEGIN
    PERFORM etl._require_flag(keep_apart, 'keep_apart');
    PERFORM etl._require_flag(dry_run, 'dry_run');
    PERFORM etl._require_moment(as_of, 'as_of');
    PERFORM etl._require_latest_snapshots('etl.unmerge');
    BEGIN
        merge := etl._require_merge(merge_id);
        SELECT array_agg(u.cluster_id), array_agg(u.members) INTO clusters, counts
        FROM etl._undo_merge(merge, keep_apart, as_of) AS u;
        IF dry_run THEN
            RAISE EXCEPTION USING
                ERRCODE = 'ETL00', MESSAGE = 'end of the dry run';
        END IF;
    EXCEPTION
        WHEN SQLSTATE 'ETL00' THEN NULL;  -- rolled back, counts kept
    END;
    RETURN QUERY SELECT * FROM unnest(clusters, counts);
END
$$;
COMMENT ON FUNCTION etl.unmerge(bigint, bool, timestamptz, bool) IS
    'Takes back one merge of etl.merges, whatever has been merged since: the cluster falls into the two that the merge '
    'has joined, each with its own earlier and later merges, and with the rows that have joined it since then by their '
    'own best match. A cluster has the number that it would have without the merge. keep_apart: remembers it in '
    'etl.separations, so that etl.resolve_new does not join the two again by another row; with false a later row may. '
    'as_of: the moment that is noted. dry_run: does all of it and rolls it back. Returns the two clusters and how many '
    'members each has. Errors: 42704 no such merge, 42501 another role''s, 55000 it was undone before, 22023 a NULL '
    'argument, 25000 isolation level above READ COMMITTED.';

CREATE FUNCTION etl.remove_separation(separation_id bigint, if_exists bool DEFAULT false)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._require_flag(if_exists, 'if_exists');
    DELETE FROM etl.separation AS s
    WHERE s.separation_id = remove_separation.separation_id AND s.owner = current_user;
    IF FOUND THEN
        RETURN;
    ELSIF if_exists THEN
        RAISE NOTICE 'separation % does not exist, skipping', separation_id;
        RETURN;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'undefined_object',
        MESSAGE = CASE WHEN separation_id IS NULL THEN 'no separation was given'
                       ELSE format('separation %s of role "%s" does not exist', separation_id, current_user) END,
        HINT = 'SELECT * FROM etl.separations; lists them.';
END
$$;
COMMENT ON FUNCTION etl.remove_separation(bigint, bool) IS
    'Ends a separation: the next new row that matches both sides merges them. It merges nothing by itself. if_exists: '
    'a notice instead of an error where there is none. Errors: 42704 no such separation, 22023 a NULL flag.';

CREATE FUNCTION etl._members_to_forget(known etl.resolution, target regclass, ids text[])
RETURNS SETOF text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF ids IS NOT NULL THEN
        RETURN QUERY
            SELECT m.id FROM etl.cluster_member AS m
            WHERE m.resolution_id = known.resolution_id AND m.id = ANY (ids);
        RETURN;
    END IF;
    PERFORM etl._require_column(target, known.id_column);
    RETURN QUERY EXECUTE format(
        'SELECT m.id FROM etl.cluster_member AS m WHERE m.resolution_id = $1 '
        'AND NOT EXISTS (SELECT FROM %s AS t WHERE (t.%I)::text = m.id)', target, known.id_column)
    USING known.resolution_id;
END
$$;
COMMENT ON FUNCTION etl._members_to_forget(etl.resolution, regclass, text[]) IS
    'Of the members of a table''s clusters those with the given ids or, for NULL, those whose row is gone.';

CREATE FUNCTION etl._forget(known etl.resolution, target regclass, ids text[], whole_clusters bool)
RETURNS bigint
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH named AS MATERIALIZED (
        SELECT m.id, m.cluster_id
        FROM etl._members_to_forget(known, target, ids) AS f(id)
        JOIN etl.cluster_member AS m ON m.resolution_id = known.resolution_id AND m.id = f.id
    ),
    doomed AS (
        SELECT n.id FROM named AS n
        UNION
        SELECT m.id FROM named AS n
        JOIN etl.cluster_member AS m ON m.resolution_id = known.resolution_id AND m.cluster_id = n.cluster_id
        WHERE whole_clusters
    ),
    gone AS (
        DELETE FROM etl.cluster_member AS m USING doomed AS d
        WHERE m.resolution_id = known.resolution_id AND m.id = d.id
        RETURNING 1
    )
    SELECT count(*) FROM gone
$$;
COMMENT ON FUNCTION etl._forget(etl.resolution, regclass, text[], bool) IS
    'Deletes members, or all of the clusters that they are in, and returns how many went.';

CREATE FUNCTION etl.forget_members(
    target regclass, ids text[] DEFAULT NULL, whole_clusters bool DEFAULT false, dry_run bool DEFAULT false)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    forgotten bigint;
BEGIN
    PERFORM etl._require_flag(whole_clusters, 'whole_clusters');
    PERFORM etl._require_flag(dry_run, 'dry_run');
    PERFORM etl._require_latest_snapshots('etl.forget_members');
    PERFORM etl._require_table(target, ARRAY['SELECT']);
    BEGIN
        forgotten := etl._forget(etl._require_resolution(etl._relation_name(target)), target, ids, whole_clusters);
        IF dry_run THEN
            RAISE EXCEPTION USING
                ERRCODE = 'ETL00', MESSAGE = 'end of the dry run';
        END IF;
    EXCEPTION
        WHEN SQLSTATE 'ETL00' THEN NULL;  -- rolled back, count kept
    END;
    RETURN forgotten;
END
$$;
COMMENT ON FUNCTION etl.forget_members(regclass, text[], bool, bool) IS
    'Takes rows out of their clusters, so that the next etl.resolve_new matches them as new ones: after an UPDATE of '
    'what is compared. target: the table. ids: the rows'' ids as text, those that are not known are passed over; NULL '
    'stands for all members whose row is gone from the table. whole_clusters: also all other members of these '
    'clusters, which makes the next run find what a run over all rows would; without it the others stay together even '
    'where the row was all that has held them together. dry_run: does it and rolls it back. Returns how many members '
    'were forgotten. Errors: 42704 the table has no clusters, 42809 not a table, 42501 no SELECT on it, 42703 the '
    'column of its ids is gone, 22023 a NULL flag, 25000 isolation level above READ COMMITTED.';

CREATE FUNCTION etl.remove_resolution(relation text, if_exists bool DEFAULT false)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known etl.resolution;
    removed bigint;
BEGIN
    PERFORM etl._require_flag(if_exists, 'if_exists');
    known := etl._require_resolution(coalesce(etl._relation_name(to_regclass(relation)), relation));
    DELETE FROM etl.separation AS s WHERE s.resolution_id = known.resolution_id;
    DELETE FROM etl.cluster_merge AS g WHERE g.resolution_id = known.resolution_id;
    DELETE FROM etl.cluster_member AS m WHERE m.resolution_id = known.resolution_id;
    GET DIAGNOSTICS removed = ROW_COUNT;
    DELETE FROM etl.resolution AS r WHERE r.resolution_id = known.resolution_id;
    RETURN removed;
EXCEPTION
    WHEN undefined_object THEN
        IF NOT if_exists OR relation IS NULL THEN
            RAISE;
        END IF;
        RAISE NOTICE 'there are no clusters of table "%", skipping', relation;
        RETURN 0;
END
$$;
COMMENT ON FUNCTION etl.remove_resolution(text, bool) IS
    'Removes all that etl.resolve_new knows about a table: members, merges and separations. The table itself stays as '
    'it is, and may be gone already. relation: its name with the schema, as etl.resolutions shows it. if_exists: a '
    'notice instead of an error where there is nothing. Returns how many members were removed. Errors: 42704 there are '
    'no clusters of that table, 22023 a NULL flag.';
