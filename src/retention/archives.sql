-- The ledger of what retention has moved: where the rows of each policy are, how many, and what they were.
--
-- It is kept by double entry. Each row of etl.archive is a movement: rows left a source (a table, or a file) and are in
-- a location now, or nowhere. It is written in the transaction that moves the rows, with their number and the sum of
-- their hashes. So what must lie in an archive table is what came in less what went out, whatever was moved in how many
-- runs; and for a file, one row says all. etl.verify_archive compares that with what is there.
--
-- A movement counts from the moment when it has happened (happened_at). A file whose rows have not been deleted from
-- the table yet, or never were, holds copies and not rows.
--
-- Rows that went along because they refer to others (follow_references) are noted as rows of their own table, without a
-- time column. Where they went to a file, follows is the archive of the rows to which they refer, and they share its
-- times: what becomes of that file when it is old becomes of theirs.
--
-- Tables are known by name, as they are to policies.

CREATE TABLE etl.archive (
    archive_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    policy text NOT NULL,
    tier smallint,
    action text NOT NULL CHECK (action IN ('archived', 'deleted', 'restored', 'opening')),
    relation text,
    time_column name,
    source text,
    location text,
    format text,
    status text NOT NULL DEFAULT 'kept' CHECK (status IN ('writing', 'kept', 'removing', 'removed')),
    first_time timestamptz,
    last_time timestamptz,
    rows bigint,
    bytes bigint,
    contents etl.rows_hash,
    sha256 bytea,
    columns jsonb,
    follows bigint,
    run_id bigint,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    happened_at timestamptz,
    removed_at timestamptz,
    owner name NOT NULL DEFAULT current_user,
    CHECK ((action = 'opening') = (source IS NULL)),
    CHECK ((action = 'deleted') = (location IS NULL)),
    CHECK (source LIKE 'file:///%' OR cardinality(parse_ident(source)) = 2),
    CHECK (location LIKE 'file:///%' OR cardinality(parse_ident(location)) = 2),
    CHECK (status = 'writing' OR happened_at IS NULL OR contents IS NOT NULL OR action = 'deleted')
);
CREATE UNIQUE INDEX archive_run_idx ON etl.archive (run_id, tier, action, source, coalesce(location, ''), policy, owner)
    WHERE format IS NULL AND contents IS NOT NULL;
CREATE INDEX archive_location_idx ON etl.archive (location);
CREATE INDEX archive_source_idx ON etl.archive (source);
CREATE INDEX archive_policy_idx ON etl.archive (policy, archive_id);
CREATE INDEX archive_follows_idx ON etl.archive (follows) WHERE follows IS NOT NULL;
COMMENT ON TABLE etl.archive IS
    'Movements of rows by retention policies, by double entry: rows left source (NULL: they were in the archive when '
    'its first policy was defined) and are in location (NULL: nowhere). One row for all batches of a run that move '
    'rows of a tier from one table to another, one for each file, and one for each large partition that was dropped, '
    'whose rows were not read (contents NULL). A role sees its own. Read it in etl.archives.';
COMMENT ON SEQUENCE etl.archive_archive_id_seq IS 'Numbers of archives.';
ALTER TABLE etl.archive ENABLE ROW LEVEL SECURITY;
CREATE POLICY archive_owner ON etl.archive USING (owner = current_user);
GRANT SELECT, INSERT, UPDATE, DELETE ON etl.archive TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.archive', '');
GRANT SELECT ON SEQUENCE etl.archive_archive_id_seq TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.archive_archive_id_seq', '');

CREATE FUNCTION etl._stamp_archive()
RETURNS trigger
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NEW.status = 'kept' THEN
        NEW.happened_at := coalesce(NEW.happened_at, clock_timestamp());
    ELSIF NEW.status = 'removed' THEN
        NEW.removed_at := coalesce(NEW.removed_at, clock_timestamp());
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION etl._stamp_archive() IS 'Trigger of etl.archive: notes when rows were moved and a file removed.';
CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON etl.archive FOR EACH ROW EXECUTE FUNCTION etl._stamp_archive();
COMMENT ON TRIGGER stamp ON etl.archive IS 'Notes when rows were moved and a file removed.';
-- Whatever session_replication_role says.
ALTER TABLE etl.archive ENABLE ALWAYS TRIGGER stamp;

-- Writing ------------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._is_archive_file(location text)
RETURNS boolean
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT location LIKE 'file:///%'
$$;
COMMENT ON FUNCTION etl._is_archive_file(text) IS
    'Whether a source or location is a file and no table. No quoted name of a table begins as these do.';

CREATE FUNCTION etl._hashed_columns(relation regclass, columns name[])
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off -- types are stored by name
AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod))
                              ORDER BY a.attnum), '[]')
    FROM pg_attribute AS a
    WHERE a.attrelid = relation AND a.attname = ANY (columns) AND a.attnum > 0 AND NOT a.attisdropped
$$;
COMMENT ON FUNCTION etl._hashed_columns(regclass, name[]) IS
    'Columns of a table, of which the hashes of its rows are made, as the ledger notes them.';

CREATE FUNCTION etl._all_columns(noted jsonb, others jsonb)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN noted = others OR others IS NULL THEN noted
        ELSE coalesce(noted, '[]') || coalesce((
            SELECT jsonb_agg(o.c ORDER BY o.n)
            FROM jsonb_array_elements(others) WITH ORDINALITY AS o (c, n)
            WHERE NOT coalesce(noted, '[]') @> jsonb_build_array(jsonb_build_object('name', o.c -> 'name'))), '[]')
    END
$$;
COMMENT ON FUNCTION etl._all_columns(jsonb, jsonb) IS
    'Two lists of columns as one: those of the second that the first has not, by name, after it.';

CREATE FUNCTION etl._note_archive(
    policy text, tier smallint, action text, source text, location text, run bigint,
    first timestamptz, last timestamptz, contents etl.rows_hash, bytes bigint DEFAULT NULL,
    follower text DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    hot record;
    left_table regclass;
    new_columns jsonb;
    noted bigint;
BEGIN
    SELECT coalesce(follower, p.relation) AS relation, CASE WHEN follower IS NULL THEN p.time_column END AS time_column
        INTO hot
    FROM etl.retention_policy AS p WHERE p.name = policy;
    left_table := to_regclass(
        CASE WHEN source IS NULL OR etl._is_archive_file(source) THEN hot.relation ELSE source END);
    new_columns := etl._hashed_columns(left_table, etl._ledger_columns(left_table));
    UPDATE etl.archive AS a
    SET first_time = least(a.first_time, first),
        last_time = greatest(a.last_time, last),
        rows = a.rows + etl.row_count(_note_archive.contents),
        bytes = coalesce(a.bytes + _note_archive.bytes, a.bytes, _note_archive.bytes),
        contents = a.contents OPERATOR(etl.+) _note_archive.contents,
        columns = etl._all_columns(a.columns, new_columns)
    WHERE a.run_id = run AND a.tier = _note_archive.tier AND a.action = _note_archive.action
      AND a.source = _note_archive.source AND coalesce(a.location, '') = coalesce(_note_archive.location, '')
      AND a.policy = _note_archive.policy AND a.owner = current_user AND a.format IS NULL AND a.contents IS NOT NULL
    RETURNING a.archive_id INTO noted;
    IF NOT FOUND THEN
        INSERT INTO etl.archive AS a (
            policy, tier, action, relation, time_column, source, location, first_time, last_time, rows, bytes, contents,
            columns, run_id)
        VALUES (policy, tier, action, hot.relation, hot.time_column, source, location, first, last,
                etl.row_count(contents), bytes, contents, new_columns, run)
        RETURNING a.archive_id INTO noted;
    END IF;
    RETURN noted;
END
$$;
COMMENT ON FUNCTION etl._note_archive(text, smallint, text, text, text, bigint, timestamptz, timestamptz, etl.rows_hash,
                                      bigint, text) IS
    'Notes rows that the current transaction has moved by a policy: action archived, deleted, restored or opening; the '
    'table or file that they left and the one where they are (NULL: nowhere), as etl._relation_name writes it; the run '
    '(NULL: none); the times of the first and the last; their etl.rows_hash over etl._ledger_columns of the table that '
    'they left; their size; the table whose rows they are, where it is not the policy''s (follower). Adds to what the '
    'same run has noted before, and returns its archive_id.';

CREATE FUNCTION etl._common_columns(relation regclass, archive regclass)
RETURNS name[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY(
        SELECT a.attname
        FROM pg_attribute AS a
        JOIN pg_attribute AS h ON h.attrelid = relation AND h.attname = a.attname AND h.attnum > 0
                              AND NOT h.attisdropped
        WHERE a.attrelid = archive AND a.attnum > 0 AND NOT a.attisdropped
        ORDER BY a.attnum)
$$;
COMMENT ON FUNCTION etl._common_columns(regclass, regclass) IS 'Columns of a table that another has as well, by name.';

CREATE FUNCTION etl._retention_moment(expression text, type regtype)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN type = 'timestamptz'::regtype THEN expression
        ELSE format('(%s)::timestamp AT TIME ZONE ''UTC''', expression)
    END
$$;
COMMENT ON FUNCTION etl._retention_moment(text, regtype) IS
    'SQL expression of type date, timestamp or timestamptz as a timestamptz: those without a time zone are in UTC.';

CREATE FUNCTION etl._open_archive(policy text, tier smallint, location regclass)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored etl.retention_policy := etl._retention_policy(policy);
    place text := etl._relation_name(location);
    finite text := format('FILTER (WHERE isfinite(t.%I))', stored.time_column);
    type regtype := etl._retention_time_type(location, stored.time_column);
    there record;
BEGIN
    PERFORM etl._claim_archive(location);
    IF EXISTS (SELECT FROM etl.archive AS a WHERE a.location = place AND a.action IN ('archived', 'opening')
                                              AND a.owner = current_user) THEN
        RETURN;
    END IF;
    SELECT l.* INTO STRICT there FROM etl._locked_rows(format(
        'SELECT %s, %s, %s FROM %s AS t',
        etl._rows_hash_of_columns(etl._common_columns(stored.relation::regclass, location), 't'),
        etl._retention_moment(format('min(t.%I) %s', stored.time_column, finite), type),
        etl._retention_moment(format('max(t.%I) %s', stored.time_column, finite), type), place))
        AS l (contents etl.rows_hash, first_time timestamptz, last_time timestamptz);
    PERFORM etl._note_archive(policy, tier, 'opening', NULL, place, NULL, there.first_time, there.last_time,
                              there.contents);
END
$$;
COMMENT ON FUNCTION etl._open_archive(text, smallint, regclass) IS
    'Notes what stands in an archive table before the first rows are moved there: the opening balance. Does nothing '
    'where the table is in the ledger already.';

-- Reading ------------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._archive_balance(place text)
RETURNS etl.rows_hash
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH keeper AS (SELECT etl._archive_keeper(etl._named(place)) AS name)
    SELECT (SELECT etl.merge(a.contents) FROM etl.archive AS a, keeper AS k
            WHERE a.location = place AND a.happened_at IS NOT NULL AND a.owner = coalesce(k.name, a.owner))
        OPERATOR(etl.-)
           (SELECT etl.merge(a.contents) FROM etl.archive AS a, keeper AS k
            WHERE a.source = place AND a.happened_at IS NOT NULL AND a.owner = coalesce(k.name, a.owner))
$$;
COMMENT ON FUNCTION etl._archive_balance(text) IS
    'What must lie in an archive table: the rows that came in less those that went out, as the role that keeps it has '
    'them in its ledger.';

CREATE FUNCTION etl._archived_from(relation regclass)
RETURNS SETOF regclass
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off -- the planner takes a few archives for millions of rows
AS $$
    WITH RECURSIVE member AS MATERIALIZED (
        SELECT r::oid FROM etl._retention_relatives(relation) AS r
    ), came(place) AS (
        SELECT etl._relation_name(m.r) FROM member AS m
        UNION
        SELECT o.place FROM etl.archive_owner AS o JOIN member AS m ON o.relation = m.r
        UNION
        SELECT f.place
        FROM came AS c
        CROSS JOIN LATERAL (
            SELECT DISTINCT a.source, a.relation FROM etl.archive AS a
            WHERE a.location = c.place AND a.action = 'archived'
        ) AS a
        CROSS JOIN LATERAL (VALUES (a.source), (a.relation)) AS f(place)
        WHERE NOT etl._is_archive_file(f.place)
    )
    SELECT DISTINCT etl._named(c.place) FROM came AS c
    WHERE etl._named(c.place) IS NOT NULL AND etl._named(c.place) NOT IN (SELECT m.r FROM member AS m)
$$;
COMMENT ON FUNCTION etl._archived_from(regclass) IS
    'The tables whose rows were archived, by whatever policies, in a table, in a part of it or in what it is part of, '
    'also under the name that it had then.';

CREATE FUNCTION etl._is_run_over(run bigint)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT NOT EXISTS (
        SELECT
        FROM etl.run AS r
        JOIN etl.retention_policy AS p ON p.name = r.name AND r.kind = 'retention'
        JOIN pg_locks AS l ON l.locktype = 'advisory' AND l.objsubid = 2 AND l.granted
                          AND l.classid = 'etl.retention_policy'::regclass::oid AND l.objid = p.policy_id::oid
                          AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
        WHERE r.run_id = run AND r.status = 'running')
$$;
COMMENT ON FUNCTION etl._is_run_over(bigint) IS
    'Whether no session is carrying out that run of a retention policy, be it that it crashed.';

CREATE VIEW etl.archives WITH (security_invoker = true) AS
SELECT a.archive_id,
       a.policy,
       a.tier,
       a.action,
       a.source,
       a.location,
       a.format,
       CASE WHEN a.status = 'writing' AND etl._is_run_over(a.run_id) THEN 'orphan' ELSE a.status END AS status,
       a.first_time,
       a.last_time,
       a.rows,
       a.bytes,
       a.contents,
       a.sha256,
       a.follows,
       a.run_id,
       a.created_at,
       a.happened_at,
       a.removed_at,
       a.owner
FROM etl.archive AS a;
COMMENT ON VIEW etl.archives IS
    'The manifest of what retention policies moved: from where (source) to where (location; NULL: deleted for good), '
    'times of the first and the last row, how many rows and bytes (rows and contents are NULL for a large partition '
    'that was dropped as a whole: source names it), what they were (contents, an etl.rows_hash; of a file also its '
    'sha256), and in which run. follows: the archive of the rows to which these refer, where they went to a file for '
    'that reason; their times are those of that archive. action opening is what stood in an archive table before, '
    'restored what etl.restore_archive took back. status is kept where the rows are or were there; of a file also '
    'writing (its rows are still in the table), orphan (the same, but the run is over: the file holds copies only, and '
    'etl.remove_orphan removes it), removing and removed. etl.verify_archive checks it.';
GRANT SELECT ON etl.archives TO PUBLIC;
