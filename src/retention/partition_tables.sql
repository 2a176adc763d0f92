-- Partitions that leave their table whole: the record of those that are on the way.
--
-- To detach a partition, and to do with it what is to be done, takes several transactions, and PostgreSQL does not let
-- the first ones be part of anything larger. So before a partition is touched, a row here says what is to become of it.
-- Whatever ends a run, the next one finds that row, looks at the catalogs how far it came, and goes on from there.

CREATE TABLE etl.detached_partition (
    detached_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    policy text NOT NULL,
    run_id bigint NOT NULL,
    tier smallint NOT NULL CHECK (tier > 0),
    partition regclass NOT NULL UNIQUE,
    partition_name text NOT NULL,
    parent text NOT NULL,
    bound text,
    condition text,
    fate text NOT NULL CHECK (fate IN ('drop', 'empty', 'move', 'attach')),
    target text CHECK ((fate IN ('move', 'attach')) = (target IS NOT NULL)),
    status text NOT NULL DEFAULT 'detaching' CHECK (status IN ('detaching', 'moved')),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    owner name NOT NULL DEFAULT current_user
);
COMMENT ON TABLE etl.detached_partition IS
    'Partitions that retention policies take out of their tables whole. status detaching: one that is being detached '
    'or is detached, with the table that it was a partition of (parent, bound, condition) and what is to become of it '
    '(fate; empty: dropped, where it has no rows); the row goes when that is done. moved: one that stands in the '
    'schema of an archive by now, and is read through its table (target). A role sees its own.';
COMMENT ON SEQUENCE etl.detached_partition_detached_id_seq IS 'Numbers of etl.detached_partition.';
ALTER TABLE etl.detached_partition ENABLE ROW LEVEL SECURITY;
CREATE POLICY detached_partition_owner ON etl.detached_partition USING (owner = current_user);
GRANT SELECT, INSERT, UPDATE, DELETE ON etl.detached_partition TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.detached_partition', '');
GRANT SELECT ON SEQUENCE etl.detached_partition_detached_id_seq TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.detached_partition_detached_id_seq', '');

CREATE FUNCTION etl._is_range_by(relation regclass, time_column name)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (
        SELECT FROM pg_partitioned_table AS p
        JOIN pg_attribute AS a ON a.attrelid = p.partrelid AND a.attnum = p.partattrs[0]
        WHERE p.partrelid = relation AND p.partstrat = 'r' AND a.attname = time_column)
$$;
COMMENT ON FUNCTION etl._is_range_by(regclass, name) IS
    'Whether a table is partitioned by ranges of a column, or of that one first and others after it.';

CREATE FUNCTION etl._require_range_partitions(relation regclass, time_column name)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM etl._family(relation) AS f WHERE etl._is_range_by(f, time_column)) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'wrong_object_type',
            MESSAGE = format('table "%s" is not partitioned by ranges of column "%s"', relation, time_column),
            DETAIL = 'With method => ''partitions'' only partitions that are past as a whole leave the table.',
            HINT = 'Give method => ''auto'', which takes rows one by one where it cannot take partitions.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_range_partitions(regclass, name) IS
    'Raises (42809) unless a table, or a part of it, is partitioned by ranges of a column.';

CREATE FUNCTION etl._require_settled(policy etl.retention_policy)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    unsettled text;
BEGIN
    SELECT d.partition_name INTO unsettled
    FROM etl.detached_partition AS d
    JOIN pg_class AS c ON c.oid = d.partition
    WHERE d.policy = (_require_settled.policy).name AND d.owner = (_require_settled.policy).owner
      AND d.status = 'detaching'
    ORDER BY d.detached_id LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('retention policy "%s" has not done with partition "%s"', policy.name, unsettled),
            DETAIL = 'A run that was to take it out of its table ended before it had finished.',
            HINT = format('CALL etl.run_retention(%L); finishes that first.', policy.name);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_settled(etl.retention_policy) IS
    'Raises (55000) where a policy has a partition on the way, which is neither in its table nor where it is to go.';
