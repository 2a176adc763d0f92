-- What is stored of rollups: their definitions, and the tables that they read.
--
-- A rollup is an ordinary table that holds the answer of an aggregate query, kept exact by refreshes that cost what has
-- changed. Its tables lie in one schema and belong to its owner, so that privileges, dumps and VACUUM are as for any:
--   sales            the answer, unique by its key columns
--   sales_log_1, …   what writers have changed in each table that the query reads, written by triggers
--   sales_pending    groups that are to be computed anew
--   sales_state      states that changes are merged into (delta)
--   sales_frozen     groups that are not computed any more, as rows of theirs were erased (retention => 'freeze')
--   sales_live       a view that adds what is not refreshed yet (realtime => true)
-- Definitions know their tables by name, so that a restored dump finds them.

CREATE TABLE etl.rollup (
    rollup_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL CHECK (cardinality(parse_ident(name)) = 2),
    query text NOT NULL,
    key_columns name[] NOT NULL CHECK (cardinality(key_columns) > 0),
    mode text NOT NULL CHECK (mode IN ('auto', 'recompute', 'delta')),
    affects jsonb NOT NULL,
    timezone text NOT NULL,
    plan jsonb NOT NULL,
    target oid NOT NULL,
    schedule text,
    realtime boolean NOT NULL,
    retention text CHECK (retention IN ('follow', 'freeze')),
    frozen_before text,
    refreshed_as_of timestamptz,
    description text,
    created_at timestamptz NOT NULL DEFAULT now(),
    owner name NOT NULL DEFAULT current_user,
    UNIQUE (name, owner)
);
COMMENT ON TABLE etl.rollup IS
    'Rollups as they are defined, one row each; a role sees its own. Read them in etl.rollups; change them with '
    'etl.create_rollup, etl.alter_rollup and etl.drop_rollup.';
COMMENT ON COLUMN etl.rollup.target IS
    'The table of that name when it was looked at last; after a restore it is another.';
COMMENT ON SEQUENCE etl.rollup_rollup_id_seq IS 'Numbers of rollups.';
ALTER TABLE etl.rollup ENABLE ROW LEVEL SECURITY;
CREATE POLICY rollup_owner ON etl.rollup USING (owner = current_user);
-- Nobody writes the number or the owner, so that no role can take numbers in advance, to be in the way of another's.
GRANT SELECT,
      INSERT (name, query, key_columns, mode, affects, timezone, plan, target, schedule, realtime, retention,
              frozen_before, refreshed_as_of, description),
      UPDATE (query, key_columns, mode, affects, timezone, plan, target, schedule, realtime, retention,
              frozen_before, refreshed_as_of, description),
      DELETE ON etl.rollup TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.rollup', '');
GRANT SELECT ON SEQUENCE etl.rollup_rollup_id_seq TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.rollup_rollup_id_seq', '');

CREATE TABLE etl.rollup_source (
    rollup_id integer NOT NULL,
    number integer NOT NULL,
    relation text NOT NULL CHECK (cardinality(parse_ident(relation)) = 2),
    log_table text NOT NULL CHECK (cardinality(parse_ident(log_table)) = 2),
    family text[] NOT NULL,
    seals bigint[] NOT NULL,
    owner name NOT NULL DEFAULT current_user,
    PRIMARY KEY (rollup_id, number, owner)
);
COMMENT ON TABLE etl.rollup_source IS
    'The tables that rollups read: by their numbers in the plan, with the log of what has changed in them, with all '
    'partitions or children that have triggers, and with the seals of these triggers. Read them in etl.rollups.';
ALTER TABLE etl.rollup_source ENABLE ROW LEVEL SECURITY;
CREATE POLICY rollup_source_owner ON etl.rollup_source USING (owner = current_user);
GRANT SELECT, INSERT (rollup_id, number, relation, log_table, family, seals), UPDATE (family, seals), DELETE
    ON etl.rollup_source TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.rollup_source', '');

-- The triggers write it in C, whoever fires them. A row says no more than that a refresh has more to do.
CREATE TABLE etl.rollup_missed (
    rollup_id integer NOT NULL,
    number integer NOT NULL,
    relation text NOT NULL,
    op "char" NOT NULL
);
COMMENT ON TABLE etl.rollup_missed IS
    'Changes that could not be logged, as the log of a rollup was gone (dropped or renamed, it or its schema): the '
    'rollup and the number of the source, the table that was written to, and the note that the log should have had (a '
    'anything may have changed, A because rows were erased); one row for each transaction. The next refresh that finds '
    'the log takes them.';
ALTER TABLE etl.rollup_missed REPLICA IDENTITY FULL; -- a database may publish all its tables
ALTER TABLE etl.rollup_missed ENABLE ROW LEVEL SECURITY;
CREATE POLICY rollup_missed_reader ON etl.rollup_missed FOR SELECT USING (EXISTS (
    SELECT FROM etl.rollup AS r WHERE r.rollup_id = rollup_missed.rollup_id));
CREATE POLICY rollup_missed_owner ON etl.rollup_missed FOR DELETE USING (EXISTS (
    SELECT FROM etl.rollup AS r WHERE r.rollup_id = rollup_missed.rollup_id AND r.owner = current_user));
GRANT SELECT, DELETE ON etl.rollup_missed TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.rollup_missed', '');

-- Names --------------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._rollup_table(name text, suffix text)
RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    parts CONSTANT text[] := parse_ident(name);
BEGIN
    RETURN format('%I.%I', parts[1], parts[2] || suffix);
END
$$;
COMMENT ON FUNCTION etl._rollup_table(text, text) IS
    'Name of a table that belongs to a rollup, such as ''public.sales_pending'', from the name of the rollup.';

CREATE FUNCTION etl._rollup_name(name text)
RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored text := etl._new_table_name(name, 'name');
BEGIN
    IF (parse_ident(stored))[1] ~ '^pg_temp(_[0-9]+)?$' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'feature_not_supported',
            MESSAGE = format('rollup "%s" would be temporary', stored),
            DETAIL = 'Other sessions, which write the tables that it reads, would not see its logs.',
            HINT = 'Give the name of another schema, as in public.sales_hourly.';
    ELSIF octet_length((parse_ident(stored))[2]) > 55 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'name_too_long',
            MESSAGE = format('name of a rollup has more than 55 bytes: "%s"', (parse_ident(stored))[2]),
            DETAIL = 'Tables that belong to it are named like it, one of them with "_pending" added.',
            HINT = 'Give a shorter name.';
    END IF;
    RETURN stored;
END
$$;
COMMENT ON FUNCTION etl._rollup_name(text) IS
    'The name of a rollup as it is stored: with its schema, and quoted where it must be. 42602 without a schema, 0A000 '
    'with that of temporary tables, 42622 where the names of its tables would be too long.';

-- One definition -----------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._refuse_rollup_name(name text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    holder name := (SELECT pg_get_userbyid(c.relowner) FROM pg_class AS c WHERE c.oid = etl._named_relation(name));
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'undefined_object',
        MESSAGE = CASE WHEN name IS NULL THEN 'no rollup was given' ELSE format('rollup "%s" does not exist', name) END,
        DETAIL = CASE
            WHEN holder <> current_user THEN
                format('Table "%s" belongs to role "%s"; a role has the rollups that it made.', name, holder)
            WHEN holder IS NOT NULL THEN format('There is a relation "%s", which is no rollup.', name)
            ELSE format('Role "%s" has no rollup of that name.', current_user)
        END,
        HINT = 'SELECT * FROM etl.rollups; lists them. etl.create_rollup(…) makes one. Those of a role that was '
               'renamed or dropped a superuser gives to another: SELECT etl.reassign_rollups(…).';
END
$$;
COMMENT ON FUNCTION etl._refuse_rollup_name(text) IS 'Raises (42704) that there is no rollup of that name, and why.';

CREATE FUNCTION etl._find_rollup(name text, holder name DEFAULT current_user)
RETURNS etl.rollup
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    parts text[] := parse_ident(name);
    found etl.rollup[] := ARRAY(
        SELECT r FROM etl.rollup AS r
        WHERE (holder IS NULL OR r.owner = holder)
          AND (r.name = _find_rollup.name OR (parse_ident(r.name))[3 - cardinality(parts):] = parts)
        ORDER BY r.name
    );
BEGIN
    IF cardinality(found) > 1 AND holder IS NULL THEN
        -- Any role may write any name into a row of its own: it counts where the table is that role's, too.
        found := ARRAY(SELECT r FROM unnest(found) AS r WHERE etl._own_table(r.name, r.owner) IS NOT NULL);
    END IF;
    IF cardinality(found) > 1 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'ambiguous_alias',
            MESSAGE = format('more than one rollup is named "%s"', name),
            DETAIL = format('There are %s.', (SELECT string_agg(r.name, ', ') FROM unnest(found) AS r)),
            HINT = 'Give the name with its schema.';
    END IF;
    RETURN found[1];
END
$$;
COMMENT ON FUNCTION etl._find_rollup(text, name) IS
    'The rollup of a name, with or without schema, and of a role (NULL: of any that can be seen); NULL where there is '
    'none, 42P09 where a name without schema fits several.';

CREATE FUNCTION etl._rollup(name text)
RETURNS etl.rollup
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    rollup etl.rollup := etl._find_rollup(name);
BEGIN
    IF rollup.rollup_id IS NULL THEN
        PERFORM etl._refuse_rollup_name(name);
    END IF;
    RETURN rollup;
END
$$;
COMMENT ON FUNCTION etl._rollup(text) IS
    'The definition of a rollup of the current role, its name with or without schema. 42704 where there is none.';

CREATE FUNCTION etl._lacking_part(relation regclass, columns name[], unique_columns name[])
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT l.part
        FROM (
            SELECT format('column "%s"', c) AS part, 1 AS turn FROM unnest(columns) AS c
            WHERE NOT EXISTS (SELECT FROM pg_attribute AS a
                              WHERE a.attrelid = relation AND a.attname = c AND a.attnum > 0 AND NOT a.attisdropped)
            UNION ALL
            SELECT format('a unique index (%s) NULLS NOT DISTINCT', array_to_string(unique_columns, ', ')), 2
            WHERE NOT EXISTS (
                SELECT FROM pg_index AS i
                WHERE i.indrelid = relation AND i.indisunique AND i.indisvalid AND i.indnullsnotdistinct
                  AND i.indpred IS NULL AND i.indnkeyatts = cardinality(unique_columns)
                  AND (SELECT array_agg(a.attname) @> unique_columns FROM pg_attribute AS a
                       WHERE a.attrelid = relation AND a.attnum = ANY ((i.indkey::smallint[])[:i.indnkeyatts - 1])))
        ) AS l
        ORDER BY l.turn LIMIT 1);
END
$$;
COMMENT ON FUNCTION etl._lacking_part(regclass, name[], name[]) IS
    'What a table lacks of some columns and of a unique index over some of them; NULL where it has all.';

CREATE FUNCTION etl._is_target(rollup etl.rollup, relation regclass)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT relation = rollup.target OR etl._lacking_part(
        relation, ARRAY(SELECT (c ->> 'name')::name FROM jsonb_array_elements(rollup.plan -> 'columns') AS c),
        rollup.key_columns) IS NULL
$$;
COMMENT ON FUNCTION etl._is_target(etl.rollup, regclass) IS
    'Whether a table of the name of a rollup is that which the rollup was made with, or, as after a restore, has all '
    'that it had.';

CREATE FUNCTION etl._rebuild_call(rollup etl.rollup)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('SELECT etl.alter_rollup(name, query => query) FROM etl.rollups WHERE name = %L;', rollup.name)
$$;
COMMENT ON FUNCTION etl._rebuild_call(etl.rollup) IS 'The call that makes the tables of a rollup anew.';

CREATE FUNCTION etl._rollup_relation(rollup etl.rollup, suffix text)
RETURNS regclass
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored text := etl._rollup_table(rollup.name, suffix);
    relation CONSTANT regclass := etl._named_relation(stored, true);
    holder CONSTANT name := (SELECT pg_get_userbyid(c.relowner) FROM pg_class AS c WHERE c.oid = relation);
BEGIN
    IF holder IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_table',
            MESSAGE = format('table "%s" of rollup "%s" does not exist', stored, rollup.name),
            DETAIL = 'Somebody has dropped or renamed it, or moved it to another schema.',
            HINT = CASE WHEN suffix = ''
                THEN format('Give it back its name, or SELECT etl.drop_rollup(%L); and create the rollup anew.',
                            rollup.name)
                ELSE 'Give it back its name, or have it made anew: ' || etl._rebuild_call(rollup) END;
    ELSIF holder <> rollup.owner THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = format('table "%s" of rollup "%s" belongs to role "%s", and the rollup to role "%s"', stored,
                             rollup.name, holder, rollup.owner),
            DETAIL = 'A role that was renamed leaves its rollups to its old name, and keeps its tables.',
            HINT = format('ALTER TABLE %s OWNER TO %I; or, as a superuser, SELECT etl.reassign_rollups(%L, %L);',
                          stored, rollup.owner, rollup.owner, holder);
    ELSIF suffix = '' AND NOT etl._is_target(rollup, relation) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'wrong_object_type',
            MESSAGE = format('table "%s" is not the one that rollup "%1$s" was made with', rollup.name),
            DETAIL = 'Somebody has dropped or renamed that one, and given its name to another.',
            HINT = format('Rename this table and give that one back its name, or SELECT etl.drop_rollup(%L); which '
                          'leaves this table alone.', rollup.name);
    END IF;
    RETURN relation;
END
$$;
COMMENT ON FUNCTION etl._rollup_relation(etl.rollup, text) IS
    'A table of a rollup by what is added to its name (an empty text: the rollup itself); 42P01 where it is gone, '
    '42501 where it is not the rollup''s owner''s, 42809 where it is another table.';

CREATE FUNCTION etl._is_delta(rollup etl.rollup)
RETURNS boolean
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_typeof(rollup.plan -> 'delta') = 'object'
$$;
COMMENT ON FUNCTION etl._is_delta(etl.rollup) IS
    'Whether a rollup keeps states that changes are merged into. So its plan was made, by mode and query.';

-- What users read ----------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._own_table(relation text, owner name, with_policies boolean DEFAULT false)
RETURNS regclass
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT c.oid::regclass FROM pg_class AS c
    WHERE c.oid = etl._named_relation(relation) AND c.relkind = 'r' AND (with_policies OR NOT c.relrowsecurity)
      AND pg_get_userbyid(c.relowner) = owner
$$;
COMMENT ON FUNCTION etl._own_table(text, name, boolean) IS
    'A plain table by its name where it is the role''s own: nothing but reading it happens to who reads it, unless it '
    'may have policies. NULL otherwise.';

CREATE FUNCTION etl._live_view(name text, owner name)
RETURNS regclass
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT c.oid::regclass FROM pg_class AS c
    WHERE c.oid = etl._named_relation(etl._rollup_table(name, '_live')) AND c.relkind = 'v'
      AND pg_get_userbyid(c.relowner) = owner
$$;
COMMENT ON FUNCTION etl._live_view(text, name) IS
    'The live view of a rollup, by the name and the owner of the rollup; NULL where there is none.';

CREATE FUNCTION etl._rollup_backlog(
    rollup_id integer, name text, owner name, OUT log_rows bigint, OUT oldest timestamptz, OUT pending bigint,
    OUT frozen bigint, OUT ignored bigint)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    relation regclass := etl._own_table(etl._rollup_table(name, '_pending'), owner);
    log_table regclass;
    counted bigint;
    first timestamptz;
BEGIN
    IF owner <> current_user THEN
        RETURN;
    END IF;
    IF has_table_privilege(relation, 'SELECT') THEN
        EXECUTE format('SELECT count(*) FROM %s', relation) INTO pending;
    END IF;
    relation := etl._own_table(etl._rollup_table(name, '_frozen'), owner);
    IF has_table_privilege(relation, 'SELECT') THEN
        EXECUTE format('SELECT count(*), coalesce(sum(f.etl_ignored), 0) FROM %s AS f', relation) INTO frozen, ignored;
    END IF;
    FOR log_table IN
        SELECT etl._own_table(s.log_table, s.owner) FROM etl.rollup_source AS s
        WHERE s.rollup_id = _rollup_backlog.rollup_id AND s.owner = _rollup_backlog.owner
    LOOP
        IF has_table_privilege(log_table, 'SELECT') THEN
            EXECUTE format('SELECT count(*), min(l.etl_at) FROM %s AS l', log_table) INTO counted, first;
            log_rows := coalesce(log_rows, 0) + counted;
            oldest := least(oldest, first);
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._rollup_backlog(integer, text, name) IS
    'What a rollup has still to do: rows in its logs and when the oldest of them was written, and groups that are '
    'pending; and what it will not do: groups that are frozen, and how often changes of such were left out. NULL where '
    'that cannot be read, or is not so, and for rollups of other roles: to read their tables would run what they have '
    'made of them.';

CREATE VIEW etl.rollups WITH (security_invoker = true) AS
SELECT r.name,
       r.mode,
       CASE WHEN etl._is_delta(r) THEN 'delta' ELSE 'recompute' END AS refresh,
       b.oldest AS unrefreshed_since,
       clock_timestamp() - b.oldest AS lag,
       b.log_rows,
       b.pending,
       r.refreshed_as_of,
       u.started_at AS last_run,
       u.status,
       (u.detail ->> 'seconds')::float8 AS seconds,
       u.rows,
       u.error,
       r.schedule,
       r.realtime,
       r.retention,
       r.frozen_before,
       b.frozen,
       b.ignored,
       s.sources,
       r.key_columns,
       r.query,
       r.description,
       r.created_at,
       r.owner
FROM etl.rollup AS r
CROSS JOIN LATERAL etl._rollup_backlog(r.rollup_id, r.name, r.owner) AS b
CROSS JOIN LATERAL (
    SELECT array_agg(x.relation ORDER BY x.number) AS sources
    FROM etl.rollup_source AS x WHERE x.rollup_id = r.rollup_id AND x.owner = r.owner
) AS s
LEFT JOIN LATERAL (
    SELECT * FROM etl.run AS x
    WHERE x.kind = 'rollup' AND x.name = r.name AND x.owner = r.owner ORDER BY x.run_id DESC LIMIT 1
) AS u ON true;
COMMENT ON VIEW etl.rollups IS
    'Rollups: the table (name), the mode that was asked for and how it is refreshed (refresh: delta or recompute); '
    'since when a change waits to be taken in and how long that is (unrefreshed_since, lag; NULL: nothing waits), the '
    'rows in its logs, the groups that are known to need computing (pending); the moment as of which it was last '
    'refreshed; of the last run when it began, its status, seconds, rows written and error; schedule, whether there '
    'is a live view (realtime), what becomes of groups whose rows are erased (retention: follow, freeze, NULL not '
    'decided), the key before which groups stay as they are (frozen_before), how many groups rows were erased of and '
    'stay (frozen), and how often a refresh left out changes of one of them (ignored); the tables that the query '
    'reads (sources), the key columns and the query. Of another role''s rollup, which a superuser or a reader of its '
    'live view sees, it is not told what waits.';
GRANT SELECT ON etl.rollups TO PUBLIC;
