-- The audit of what etl.dedupe removed and changed.
--
-- A row is kept as JSON whose values are texts, as the types write them, so that it can be made again to the letter.

CREATE FUNCTION etl._row_as_texts("row" record)
RETURNS jsonb
LANGUAGE C STRICT STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_row_as_texts';
COMMENT ON FUNCTION etl._row_as_texts(record) IS
    'A row as a JSON object of texts, by the output functions of its types, whatever the session''s settings are.';

CREATE FUNCTION etl._database_id()
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('%s/%s', c.system_identifier, d.oid)
    FROM pg_control_system() AS c
    JOIN pg_database AS d ON d.datname = current_database()
$$;
COMMENT ON FUNCTION etl._database_id() IS
    'What tells this database from any other one, also from one that was restored from its dump: within it an OID '
    'means the same table.';

CREATE TABLE etl.dedupe_run (
    run_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    relation text NOT NULL,
    relation_id oid NOT NULL,
    repointed text[] NOT NULL,
    repointed_ids oid[] NOT NULL,
    database_id text NOT NULL DEFAULT etl._database_id(),
    keys name[] NOT NULL,
    keep text NOT NULL,
    order_by name,
    nulls_equal bool NOT NULL,
    where_sql text,
    audit bool NOT NULL,
    groups bigint NOT NULL DEFAULT 0,
    duplicates bigint NOT NULL DEFAULT 0,
    removed bigint NOT NULL DEFAULT 0,
    run_at timestamptz NOT NULL DEFAULT now(),
    undone_at timestamptz,
    owner name NOT NULL DEFAULT current_user
);
COMMENT ON TABLE etl.dedupe_run IS
    'Calls of etl.dedupe that were committed. The tables are told by name and, within this database, by OID. Read '
    'them in etl.dedupe_runs.';
COMMENT ON SEQUENCE etl.dedupe_run_run_id_seq IS 'Numbers of etl.dedupe_run.';

CREATE TABLE etl.removed_duplicate (
    run_id bigint NOT NULL,
    child text,
    "row" jsonb NOT NULL,
    survivor jsonb,
    owner name NOT NULL DEFAULT current_user
);
CREATE INDEX removed_duplicate_run_id_idx ON etl.removed_duplicate (run_id);
COMMENT ON TABLE etl.removed_duplicate IS
    'Rows that etl.dedupe deleted, the table that inherits from the run''s and had the row (child; NULL for the run''s '
    'own and its partitions), and the primary key of the row that stayed (NULL where the table had none). Read them '
    'in etl.removed_duplicates.';

CREATE TABLE etl.dedupe_change (
    run_id bigint NOT NULL,
    step bigint NOT NULL,
    relation text,
    before jsonb NOT NULL,
    after jsonb NOT NULL,
    owner name NOT NULL DEFAULT current_user
);
CREATE INDEX dedupe_change_run_id_idx ON etl.dedupe_change (run_id, step);
COMMENT ON TABLE etl.dedupe_change IS
    'Rows that etl.dedupe changed: those of other tables (relation) that it pointed at the row that stayed, and rows '
    'of the run''s own (NULL) that it gave the values of others. A row changes once in each step at most. Read them '
    'in etl.dedupe_changes.';

-- A row belongs to a run of its own role: nobody adds to what another one will undo, whose number is easy to guess.
-- Row security does not bind a superuser; so each statement asks for the owner, too.
ALTER TABLE etl.dedupe_run ENABLE ROW LEVEL SECURITY;
ALTER TABLE etl.removed_duplicate ENABLE ROW LEVEL SECURITY;
ALTER TABLE etl.dedupe_change ENABLE ROW LEVEL SECURITY;
CREATE POLICY dedupe_run_owner ON etl.dedupe_run USING (owner = current_user);
CREATE POLICY removed_duplicate_owner ON etl.removed_duplicate USING (owner = current_user)
    WITH CHECK (owner = current_user AND run_id IN (
        SELECT r.run_id FROM etl.dedupe_run AS r WHERE r.owner = current_user));
CREATE POLICY dedupe_change_owner ON etl.dedupe_change USING (owner = current_user)
    WITH CHECK (owner = current_user AND run_id IN (
        SELECT r.run_id FROM etl.dedupe_run AS r WHERE r.owner = current_user));
GRANT SELECT, DELETE ON etl.dedupe_run, etl.removed_duplicate, etl.dedupe_change TO PUBLIC;
-- Without the number, which OVERRIDING SYSTEM VALUE would let anybody choose, and without the owner.
GRANT INSERT (relation, relation_id, repointed, repointed_ids, keys, keep, order_by, nulls_equal, where_sql, audit),
      UPDATE (relation, relation_id, repointed, repointed_ids, groups, duplicates, removed, undone_at)
    ON etl.dedupe_run TO PUBLIC;
GRANT INSERT (run_id, child, "row", survivor), UPDATE (child, "row", survivor) ON etl.removed_duplicate TO PUBLIC;
GRANT INSERT (run_id, step, relation, before, after), UPDATE (before, after) ON etl.dedupe_change TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.dedupe_run', '');
GRANT SELECT ON SEQUENCE etl.dedupe_run_run_id_seq TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.dedupe_run_run_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('etl.removed_duplicate', '');
SELECT pg_catalog.pg_extension_config_dump('etl.dedupe_change', '');

CREATE VIEW etl.dedupe_runs WITH (security_invoker = true) AS
SELECT r.run_id, r.relation, r.keys, r.keep, r.order_by, r.nulls_equal, r.where_sql, r.audit, r.groups, r.duplicates,
       r.removed, r.run_at, r.undone_at, r.owner
FROM etl.dedupe_run AS r;
COMMENT ON VIEW etl.dedupe_runs IS
    'One row for each call of etl.dedupe: what it was told, what it found and removed, and when it was undone.';
GRANT SELECT ON etl.dedupe_runs TO PUBLIC;

CREATE VIEW etl.removed_duplicates WITH (security_invoker = true) AS
SELECT d.run_id AS run,
       r.relation,
       k.key,
       d."row",
       coalesce(d.survivor, k.key) AS survivor,
       r.run_at AS removed_at,
       d.owner
FROM etl.removed_duplicate AS d
JOIN etl.dedupe_run AS r ON r.run_id = d.run_id AND r.owner = d.owner
CROSS JOIN LATERAL (SELECT jsonb_object_agg(n, d."row" -> n::text) FROM unnest(r.keys) AS n) AS k(key);
COMMENT ON VIEW etl.removed_duplicates IS
    'Rows that etl.dedupe deleted from a table (relation), as JSON objects whose values are texts: the key that they '
    'shared with the row that stayed, the row, what tells that one (survivor: its primary key, or, in a table without '
    'one, the key), the run for etl.undo_dedupe, and when.';
GRANT SELECT ON etl.removed_duplicates TO PUBLIC;

CREATE VIEW etl.dedupe_changes WITH (security_invoker = true) AS
SELECT c.run_id AS run, coalesce(c.relation, r.relation) AS relation, c.before, c.after, r.run_at AS changed_at, c.owner
FROM etl.dedupe_change AS c
JOIN etl.dedupe_run AS r ON r.run_id = c.run_id AND r.owner = c.owner;
COMMENT ON VIEW etl.dedupe_changes IS
    'Rows that etl.dedupe changed, as JSON objects whose values are texts, as they were and as they became: rows of '
    'other tables that it pointed at the row that stayed (repoint), and rows that it gave the values of others '
    '(keep => merge).';
GRANT SELECT ON etl.dedupe_changes TO PUBLIC;

CREATE FUNCTION etl._identity(relation regclass)
RETURNS name[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(array_agg(a.attname ORDER BY k.position), '{}')
    FROM pg_constraint AS c
    CROSS JOIN unnest(c.conkey) WITH ORDINALITY AS k(number, position)
    JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = k.number
    WHERE c.conrelid = relation AND c.contype = 'p'
$$;
COMMENT ON FUNCTION etl._identity(regclass) IS 'The columns of the primary key; none where there is no such key.';

CREATE FUNCTION etl._start_dedupe(
    target regclass, keys name[], keep text, order_by name, nulls_equal bool, where_sql text, audit bool,
    repoint regclass[])
RETURNS bigint
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO etl.dedupe_run (relation, relation_id, repointed, repointed_ids, keys, keep, order_by, nulls_equal,
                                where_sql, audit)
    VALUES (etl._relation_name(target), target,
            ARRAY(SELECT etl._relation_name(r) FROM unnest(repoint) WITH ORDINALITY AS u(r, nth) ORDER BY u.nth),
            coalesce(repoint, '{}')::oid[], keys, keep, order_by, nulls_equal, where_sql, audit)
    RETURNING run_id
$$;
COMMENT ON FUNCTION etl._start_dedupe(regclass, name[], text, name, bool, text, bool, regclass[]) IS
    'Records a call of etl.dedupe and returns its number.';

CREATE FUNCTION etl._finish_dedupe(run bigint, groups bigint, duplicates bigint, removed bigint)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE etl.dedupe_run AS r
    SET groups = _finish_dedupe.groups, duplicates = _finish_dedupe.duplicates, removed = _finish_dedupe.removed
    WHERE r.run_id = run AND r.owner = current_user
$$;
COMMENT ON FUNCTION etl._finish_dedupe(bigint, bigint, bigint, bigint) IS 'Records what a call of etl.dedupe did.';

-- What a run's tables are now -----------------------------------------------------------------------------------------

CREATE FUNCTION etl._recorded_table(name text, id oid, database_id text, what text, advice text)
RETURNS regclass
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    by_name CONSTANT regclass := to_regclass(name);
    by_id CONSTANT regclass := (SELECT c.oid FROM pg_class AS c
                                WHERE c.oid = id AND database_id = etl._database_id());
BEGIN
    IF by_name IS NULL AND by_id IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_table', MESSAGE = format('table "%s" of %s does not exist', name, what),
            HINT = advice;
    ELSIF by_name <> by_id THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('table "%s" is not the one of %s', name, what),
            DETAIL = format('That one is now called "%s".', by_id),
            HINT = advice;
    END IF;
    RETURN coalesce(by_id, by_name);
END
$$;
COMMENT ON FUNCTION etl._recorded_table(text, oid, text, text, text) IS
    'The table that a run has recorded by name and OID, also where it was renamed. In a database that was restored '
    'from a dump, or where it was dropped and made again, the one of that name. Errors: 42P01 there is none, 55000 '
    'another table has taken the name. The last two arguments are for these.';

CREATE FUNCTION etl._table_of_run(run etl.dedupe_run)
RETURNS regclass
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._recorded_table(run.relation, run.relation_id, run.database_id, format('run %s', run.run_id),
        format('UPDATE etl.dedupe_run SET relation = ''…'', relation_id = ''…''::regclass WHERE run_id = %s; names the '
               'table that shall have the rows.', run.run_id))
$$;
COMMENT ON FUNCTION etl._table_of_run(etl.dedupe_run) IS 'The table that a run deduplicated (42P01, 55000).';

CREATE FUNCTION etl._child_of_run(target regclass, child text)
RETURNS regclass
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found CONSTANT regclass := to_regclass(child);
BEGIN
    IF child IS NULL THEN
        RETURN target;
    ELSIF found IS NULL OR found NOT IN (SELECT etl._family(target)) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_table',
            MESSAGE = format('table "%s", from which rows were removed, is no child of table "%s"', child, target),
            HINT = format('UPDATE etl.removed_duplicate SET child = ''…'' WHERE child = %L; names the table that shall '
                          'have them, NULL the parent.', child);
    END IF;
    RETURN found;
END
$$;
COMMENT ON FUNCTION etl._child_of_run(regclass, text) IS
    'The table that inherits from the target and has this name (42P01); without a name the target.';

CREATE FUNCTION etl._name_of_child(target regclass, tab oid)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._relation_name(tab) FROM pg_class AS c WHERE c.oid = target AND c.relkind <> 'p' AND tab <> target
$$;
COMMENT ON FUNCTION etl._name_of_child(regclass, oid) IS
    'The name of a table that inherits from the target; NULL for the target and its partitions, into which rows find '
    'their way by themselves.';
