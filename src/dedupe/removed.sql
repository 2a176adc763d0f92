-- The audit of what etl.dedupe removed, and the way back.
--
-- A row is kept as JSON whose values are texts, as the types write them, so that it can be made again to the letter.

CREATE FUNCTION etl._row_as_texts("row" record)
RETURNS jsonb
LANGUAGE C STRICT STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_row_as_texts';
COMMENT ON FUNCTION etl._row_as_texts(record) IS
    'A row as a JSON object of texts, by the output functions of its types, whatever the session''s settings are.';

CREATE TABLE etl.dedupe_run (
    run_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    relation text NOT NULL,
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
COMMENT ON TABLE etl.dedupe_run IS 'Calls of etl.dedupe that were committed. Read them in etl.dedupe_runs.';
COMMENT ON SEQUENCE etl.dedupe_run_run_id_seq IS 'Numbers of etl.dedupe_run.';

CREATE TABLE etl.removed_duplicate (
    run_id bigint NOT NULL,
    "row" jsonb NOT NULL,
    survivor jsonb,
    owner name NOT NULL DEFAULT current_user
);
CREATE INDEX removed_duplicate_run_id_idx ON etl.removed_duplicate (run_id);
COMMENT ON TABLE etl.removed_duplicate IS
    'Rows that etl.dedupe deleted, and the primary key of the row that stayed (NULL where the table had none). Read '
    'them in etl.removed_duplicates.';

CREATE TABLE etl.dedupe_change (
    run_id bigint NOT NULL,
    step bigint NOT NULL,
    relation text NOT NULL,
    before jsonb NOT NULL,
    after jsonb NOT NULL,
    owner name NOT NULL DEFAULT current_user
);
CREATE INDEX dedupe_change_run_id_idx ON etl.dedupe_change (run_id, step);
COMMENT ON TABLE etl.dedupe_change IS
    'Rows that etl.dedupe changed: those of other tables that it pointed at the row that stayed, and rows that it gave '
    'the values of others. A row changes once in each step at most. Read them in etl.dedupe_changes.';

ALTER TABLE etl.dedupe_run ENABLE ROW LEVEL SECURITY;
ALTER TABLE etl.removed_duplicate ENABLE ROW LEVEL SECURITY;
ALTER TABLE etl.dedupe_change ENABLE ROW LEVEL SECURITY;
CREATE POLICY dedupe_run_owner ON etl.dedupe_run USING (owner = current_user);
CREATE POLICY removed_duplicate_owner ON etl.removed_duplicate USING (owner = current_user);
CREATE POLICY dedupe_change_owner ON etl.dedupe_change USING (owner = current_user);
GRANT SELECT, INSERT, UPDATE, DELETE ON etl.dedupe_run, etl.removed_duplicate, etl.dedupe_change TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.dedupe_run', '');
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
JOIN etl.dedupe_run AS r ON r.run_id = d.run_id
CROSS JOIN LATERAL (SELECT jsonb_object_agg(n, d."row" -> n::text) FROM unnest(r.keys) AS n) AS k(key);
COMMENT ON VIEW etl.removed_duplicates IS
    'Rows that etl.dedupe deleted from a table (relation), as JSON objects whose values are texts: the key that they '
    'shared with the row that stayed, the row, what tells that one (survivor: its primary key, or, in a table without '
    'one, the key), the run for etl.undo_dedupe, and when.';
GRANT SELECT ON etl.removed_duplicates TO PUBLIC;

CREATE VIEW etl.dedupe_changes WITH (security_invoker = true) AS
SELECT c.run_id AS run, c.relation, c.before, c.after, r.run_at AS changed_at, c.owner
FROM etl.dedupe_change AS c
JOIN etl.dedupe_run AS r ON r.run_id = c.run_id;
COMMENT ON VIEW etl.dedupe_changes IS
    'Rows that etl.dedupe changed, as JSON objects whose values are texts, as they were and as they became: rows of '
    'other tables that it pointed at the row that stayed (repoint), and rows that it gave the values of others '
    '(keep => merge).';
GRANT SELECT ON etl.dedupe_changes TO PUBLIC;

-- Writing -------------------------------------------------------------------------------------------------------------

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
    target regclass, keys name[], keep text, order_by name, nulls_equal bool, where_sql text, audit bool)
RETURNS bigint
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO etl.dedupe_run (relation, keys, keep, order_by, nulls_equal, where_sql, audit)
    VALUES (etl._relation_name(target), keys, keep, order_by, nulls_equal, where_sql, audit)
    RETURNING run_id
$$;
COMMENT ON FUNCTION etl._start_dedupe(regclass, name[], text, name, bool, text, bool) IS
    'Records a call of etl.dedupe and returns its number.';

CREATE FUNCTION etl._finish_dedupe(run bigint, groups bigint, duplicates bigint, removed bigint)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE etl.dedupe_run AS r
    SET groups = _finish_dedupe.groups, duplicates = _finish_dedupe.duplicates, removed = _finish_dedupe.removed
    WHERE r.run_id = run
$$;
COMMENT ON FUNCTION etl._finish_dedupe(bigint, bigint, bigint, bigint) IS 'Records what a call of etl.dedupe did.';

-- Pointing other tables' rows at the row that stays -------------------------------------------------------------------

CREATE FUNCTION etl._references(target regclass, referring regclass)
RETURNS TABLE(name name, columns name[], condition text, changes text, "values" text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT c.conname, array_agg(f.attname ORDER BY k.position),
           string_agg(format('loser.%I OPERATOR(%I.%s) referring.%I', p.attname, s.nspname, o.oprname, f.attname),
                      ' AND ' ORDER BY k.position),
           string_agg(format('%I = m.v%s', f.attname, k.position), ', ' ORDER BY k.position),
           string_agg(format('kept.%I AS v%s', p.attname, k.position), ', ' ORDER BY k.position)
    FROM pg_constraint AS c
    CROSS JOIN unnest(c.confkey, c.conkey, c.conpfeqop) WITH ORDINALITY
        AS k(parent_column, child_column, equal, position)
    JOIN pg_attribute AS p ON p.attrelid = c.confrelid AND p.attnum = k.parent_column
    JOIN pg_attribute AS f ON f.attrelid = c.conrelid AND f.attnum = k.child_column
    JOIN pg_operator AS o ON o.oid = k.equal
    JOIN pg_namespace AS s ON s.oid = o.oprnamespace
    -- A foreign key to a partitioned table is repeated for each partition.
    WHERE c.contype = 'f' AND c.conrelid = referring AND c.confrelid IN (SELECT etl._family(target))
      AND NOT EXISTS (SELECT FROM pg_constraint AS above
                      WHERE above.oid = c.conparentid AND above.conrelid = referring
                        AND above.confrelid IN (SELECT etl._family(target)))
    GROUP BY c.oid, c.conname
    ORDER BY c.oid
$$;
COMMENT ON FUNCTION etl._references(regclass, regclass) IS
    'The foreign keys of a table that point at the target or one of its partitions: the columns, the condition that a '
    'row (alias "referring") points at a row (alias "loser"), and what makes it point at another one (alias "kept").';

CREATE FUNCTION etl._check_repoint(target regclass, repoint regclass[], audit bool)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    referring regclass;
BEGIN
    FOREACH referring IN ARRAY coalesce(repoint, '{}') LOOP
        PERFORM etl._require_table(referring, ARRAY['SELECT', 'UPDATE']);
        IF NOT EXISTS (SELECT FROM etl._references(target, referring)) THEN
            RAISE EXCEPTION USING
                ERRCODE = 'invalid_parameter_value',
                MESSAGE = format('table "%s" has no foreign key to table "%s"', referring, target),
                HINT = 'Name in repoint the tables that refer to the one that is deduplicated.';
        ELSIF referring IN (SELECT etl._family(target)) THEN
            RAISE EXCEPTION USING
                ERRCODE = 'feature_not_supported',
                MESSAGE = format('table "%s" refers to itself', target),
                DETAIL = 'Pointing one of its rows elsewhere gives the row another place, and losers are known by '
                         'theirs.',
                HINT = 'Point these rows at the rows to keep before the call; etl.duplicates lists the groups.';
        ELSIF audit AND etl._identity(referring) = '{}' THEN
            RAISE EXCEPTION USING
                ERRCODE = 'object_not_in_prerequisite_state',
                MESSAGE = format('table "%s" has no primary key', referring),
                DETAIL = 'etl.undo_dedupe would not know which of its rows to point back.',
                HINT = 'Add a primary key, or call with audit => false.';
        END IF;
        PERFORM etl._require_no_wider_children(referring);
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._check_repoint(regclass, regclass[], bool) IS
    'Checks that each table has a foreign key to the target (22023), is another one (0A000), may be updated (42501), '
    'and, with an audit, has a primary key (55000).';

CREATE FUNCTION etl._lock_references(repoint regclass[])
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    referring regclass;
BEGIN
    FOREACH referring IN ARRAY coalesce(repoint, '{}') LOOP
        EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', referring);
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._lock_references(regclass[]) IS 'Keeps other writers out of these tables.';

CREATE FUNCTION etl._next_change_step(run bigint)
RETURNS bigint
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(max(c.step), 0) + 1 FROM etl.dedupe_change AS c WHERE c.run_id = run
$$;
COMMENT ON FUNCTION etl._next_change_step(bigint) IS 'The number of a run''s next step that changes rows.';

CREATE FUNCTION etl._repoint_reference(
    run bigint, target regclass, audit bool, referring regclass, reference record, tab oid, places tid[],
    kept_tables oid[], kept_places tid[])
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format($query$
        WITH m AS MATERIALIZED (
            SELECT referring.tableoid AS tab, referring.ctid AS place,
                   CASE WHEN $5 THEN etl._row_as_texts(referring.*) END AS before, %1$s
            FROM unnest((SELECT $1), (SELECT $2), (SELECT $3)) AS l(place, kept_tab, kept_place) -- see etl._at_places
            JOIN %2$s AS loser ON loser.ctid = l.place AND loser.tableoid = $4
            JOIN %2$s AS kept ON kept.ctid = l.kept_place AND kept.tableoid = l.kept_tab
            JOIN %3$s AS referring ON %4$s
        ), changed AS (
            UPDATE %3$s AS r SET %5$s FROM m WHERE r.ctid = m.place AND r.tableoid = m.tab
            RETURNING m.before, CASE WHEN $5 THEN etl._row_as_texts(r.*) END AS after
        )
        INSERT INTO etl.dedupe_change (run_id, step, relation, before, after)
        SELECT $6, $8, $7, c.before, c.after FROM changed AS c WHERE $5
        $query$, reference."values", target, referring, reference.condition, reference.changes)
    USING places, kept_tables, kept_places, tab, audit, run, etl._relation_name(referring), etl._next_change_step(run);
END
$$;
COMMENT ON FUNCTION etl._repoint_reference(
    bigint, regclass, bool, regclass, record, oid, tid[], oid[], tid[]) IS
    'Points the rows of a table that refer by one foreign key to rows at these places at the rows that are kept '
    'instead, and writes them down.';

CREATE FUNCTION etl._repoint(
    run bigint, target regclass, audit bool, repoint regclass[], tab oid, places tid[], kept_tables oid[],
    kept_places tid[])
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    referring regclass;
    reference record;
    message text;
    detail text;
    constraint_name text;
BEGIN
    FOREACH referring IN ARRAY coalesce(repoint, '{}') LOOP
        FOR reference IN SELECT * FROM etl._references(target, referring) LOOP
            PERFORM etl._repoint_reference(run, target, audit, referring, reference, tab, places, kept_tables,
                                           kept_places);
        END LOOP;
    END LOOP;
EXCEPTION
    WHEN unique_violation OR exclusion_violation THEN
        GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
            constraint_name = CONSTRAINT_NAME;
        RAISE EXCEPTION USING
            ERRCODE = SQLSTATE,
            MESSAGE = format('rows of table "%s" cannot all be pointed at the row to keep', referring),
            DETAIL = concat_ws(' ', message || '.', detail),
            HINT = 'Delete the rows of that table that would be equal then, and call again.',
            CONSTRAINT = constraint_name;
END
$$;
COMMENT ON FUNCTION etl._repoint(bigint, regclass, bool, regclass[], oid, tid[], oid[], tid[]) IS
    'Points the rows of these tables that refer to rows at these places at the rows that are kept instead (23505 where '
    'a unique key of such a table does not let it).';

-- Giving the row that stays the values of others ----------------------------------------------------------------------
--
-- What it shall become is computed while all rows are there, and stored when the others are gone, so that a value which
-- must be unique is free.

CREATE FUNCTION etl._merge_rules(rules jsonb, order_by name)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN order_by IS NULL OR jsonb_typeof(rules) <> 'object' THEN coalesce(rules, '{}')
                ELSE jsonb_build_object('order_by', order_by) || coalesce(rules, '{}') END
$$;
COMMENT ON FUNCTION etl._merge_rules(jsonb, name) IS 'Rules of a golden record, with the order of etl.dedupe.';

CREATE FUNCTION etl._merged_columns(target regclass, keys name[], rules jsonb)
RETURNS TABLE(number bigint, column_name name, value text)
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT row_number() OVER (ORDER BY a.attnum), g.column_name, g.value
    FROM etl._golden_columns(target, rules, CASE WHEN etl._has_children(target)
                                                 THEN '(tableoid::bigint::text || ctid::text)' ELSE 'ctid' END) AS g
    JOIN pg_attribute AS a ON a.attrelid = target AND a.attname = g.column_name
    WHERE a.attidentity = '' AND a.attname <> ALL (keys || etl._identity(target))
$$;
COMMENT ON FUNCTION etl._merged_columns(regclass, name[], jsonb) IS
    'The columns that keep => merge may change and their golden values: all but the keys, the primary key, identity '
    'columns and generated ones.';

CREATE FUNCTION etl._check_merge(target regclass, keys name[], keep text, order_by name, rules jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF keep = 'merge' THEN
        PERFORM etl._require_table(target, ARRAY['SELECT', 'DELETE', 'UPDATE']);
        PERFORM etl._merged_columns(target, keys, etl._merge_rules(rules, order_by));
        PERFORM etl._require_no_wider_children(target);
    ELSIF rules IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('rules are of no use with keep "%s"', keep),
            DETAIL = 'They say which values the row that stays shall have of the others.',
            HINT = 'Say keep => ''merge'', or leave them out.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._check_merge(regclass, name[], text, name, jsonb) IS
    'Checks the rules of keep => merge (22023 and as etl.golden), and that the caller may update the table (42501).';

CREATE FUNCTION etl._plan_merge(
    run bigint, target regclass, keys name[], order_by name, nulls_equal bool, where_sql text, rules jsonb, seed bigint)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._execute_locked((
        SELECT format($query$
            INSERT INTO etl.dedupe_change (run_id, step, relation, before, after)
            SELECT %8$s, 1, %9$L, b.texts, b.texts || m.texts
            FROM (
                SELECT (array_agg(tableoid ORDER BY %1$s))[1], (array_agg(ctid ORDER BY %1$s))[1]%2$s
                FROM %3$s
                GROUP BY %4$s HAVING count(*) > 1
            ) AS g(tab, place%5$s)
            JOIN %6$s AS kept ON kept.ctid = g.place AND kept.tableoid = g.tab
            CROSS JOIN LATERAL (SELECT etl._row_as_texts(kept.*)) AS b(texts)
            CROSS JOIN LATERAL (SELECT etl._row_as_texts(s) FROM (SELECT %7$s) AS s) AS m(texts)
            WHERE b.texts <> b.texts || m.texts
            $query$,
            etl._dedupe_order(target, 'merge', order_by),
            string_agg(', ' || c.value, '' ORDER BY c.number),
            etl._candidates(target, keys, nulls_equal, where_sql, seed),
            etl._column_list(keys),
            string_agg(', v' || c.number, '' ORDER BY c.number),
            target,
            string_agg(format('g.v%s AS %I', c.number, c.column_name), ', ' ORDER BY c.number),
            run, etl._relation_name(target))
        FROM etl._merged_columns(target, keys, etl._merge_rules(rules, order_by)) AS c));
END
$$;
COMMENT ON FUNCTION etl._plan_merge(bigint, regclass, name[], name, bool, text, jsonb, bigint) IS
    'Writes down what the rows that stay shall become, where that is something else.';

CREATE FUNCTION etl._start_merge(
    run bigint, target regclass, keys name[], order_by name, nulls_equal bool, where_sql text, rules jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    seed bigint := CASE WHEN etl._are_hashable(etl._column_list(keys), target::text) THEN etl._new_seed() END;
BEGIN
    IF NOT EXISTS (SELECT FROM etl._merged_columns(target, keys, etl._merge_rules(rules, order_by))) THEN
        RETURN;
    END IF;
    BEGIN
        PERFORM etl._plan_merge(run, target, keys, order_by, nulls_equal, where_sql, rules, seed);
        RETURN;
    EXCEPTION
        WHEN undefined_function THEN -- a value within a key has no hash function
            IF seed IS NULL THEN
                RAISE;
            END IF;
    END;
    PERFORM etl._plan_merge(run, target, keys, order_by, nulls_equal, where_sql, rules, NULL);
END
$$;
COMMENT ON FUNCTION etl._start_merge(bigint, regclass, name[], name, bool, text, jsonb) IS
    'Decides what the rows that stay shall become, while all rows are there.';

CREATE FUNCTION etl._finish_merge(run bigint, target regclass, audit bool)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET datestyle = 'ISO, MDY'
SET intervalstyle = 'postgres'
SET lc_monetary = 'C'
AS $$
DECLARE
    name CONSTANT text := etl._relation_name(target);
    shape record;
    wanted bigint;
    merged bigint;
BEGIN
    FOR shape IN SELECT * FROM etl._changed_columns(run, name) LOOP
        EXECUTE etl._change_query(target, shape.keys, shape.changed, 'before', 'after') INTO wanted, merged
        USING run, name, shape.step, shape.keys, audit;
        IF merged <> wanted THEN
            RAISE EXCEPTION USING
                ERRCODE = 'triggered_action_exception',
                MESSAGE = format('%s of %s rows of table "%s" did not take the values of their duplicates',
                                 wanted - merged, wanted, target),
                DETAIL = 'A trigger, a rule or row security kept them from being updated; nothing was changed.',
                HINT = 'Disable it for the time of the call, or keep one row as it is with keep => ''last''.';
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._finish_merge(bigint, regclass, bool) IS
    'Stores what etl._start_merge has decided (09000 where a row does not take it), and writes down what came of it.';

-- The way back -------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._undoable_run(run bigint)
RETURNS etl.dedupe_run
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found etl.dedupe_run;
BEGIN
    SELECT * INTO found FROM etl.dedupe_run AS r WHERE r.run_id = run AND r.owner = current_user FOR UPDATE;
    IF found.run_id IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object',
            MESSAGE = format('run %s of etl.dedupe does not exist', coalesce(run::text, 'NULL')),
            DETAIL = 'It may be another role''s, or pruned.',
            HINT = 'SELECT * FROM etl.dedupe_runs; lists yours.';
    ELSIF found.undone_at IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('run %s of etl.dedupe was undone at %s', run, found.undone_at),
            HINT = 'Nothing is left to put back.';
    ELSIF NOT found.audit THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('run %s of etl.dedupe kept no audit', run),
            DETAIL = 'It was called with audit => false.',
            HINT = 'The rows are gone; restore them from a backup.';
    ELSIF to_regclass(found.relation) IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_table',
            MESSAGE = format('table "%s" of run %s does not exist', found.relation, run),
            HINT = format('UPDATE etl.dedupe_run SET relation = ''…'' WHERE run_id = %s; names the table that shall '
                          'have the rows.', run);
    END IF;
    RETURN found;
END
$$;
COMMENT ON FUNCTION etl._undoable_run(bigint) IS
    'The record of a run, locked: 42704 there is none, 55000 it was undone or kept no audit, 42P01 its table is gone.';

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

CREATE FUNCTION etl._put_back_removed(run bigint, relation regclass)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET datestyle = 'ISO, MDY'
SET intervalstyle = 'postgres'
SET lc_monetary = 'C'
AS $$
DECLARE
    shape record;
    columns record;
    wanted bigint;
    stored bigint;
    total bigint := 0;
BEGIN
    FOR shape IN
        SELECT s.keys, count(*) OVER () = 1 AS is_only
        FROM (SELECT DISTINCT etl._json_keys(d."row") FROM etl.removed_duplicate AS d WHERE d.run_id = run) AS s(keys)
    LOOP
        PERFORM etl._require_kept_columns(relation, shape.keys);
        columns := etl._released_columns(relation, shape.keys, false);
        EXECUTE format($query$
            WITH p AS MATERIALIZED (
                DELETE FROM etl.removed_duplicate AS d WHERE d.run_id = $1 AND ($3 OR etl._json_keys(d."row") = $2)
                RETURNING d."row"
            ), stored AS (
                INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE
                SELECT %s FROM p CROSS JOIN LATERAL (%s) AS l
                RETURNING 1
            )
            SELECT (SELECT count(*) FROM p), (SELECT count(*) FROM stored)
            $query$, relation, columns.names, columns."values", etl._released_row(relation, shape.keys))
        INTO wanted, stored USING run, shape.keys, shape.is_only;
        IF stored < wanted THEN
            RAISE EXCEPTION USING
                ERRCODE = 'triggered_action_exception',
                MESSAGE = format('%s of %s rows were held back from table "%s"', wanted - stored, wanted, relation),
                DETAIL = 'A trigger or a rule keeps them out; nothing was changed.',
                HINT = 'Disable it for the time of the call.';
        END IF;
        total := total + stored;
    END LOOP;
    RETURN total;
END
$$;
COMMENT ON FUNCTION etl._put_back_removed(bigint, regclass) IS
    'Moves the rows of a run from the audit back into their table, and returns how many.';

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
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format($query$
        WITH c AS MATERIALIZED (
            DELETE FROM etl.dedupe_change AS d
            WHERE d.run_id = $1 AND d.relation = $2 AND d.step = $3 AND etl._json_keys(d.before) = $4
            RETURNING d.before, d.after
        ), changed AS (
            UPDATE %1$s AS t SET %2$s
            FROM c
            CROSS JOIN LATERAL (SELECT l.r FROM (SELECT c.%3$I AS "row") AS p CROSS JOIN LATERAL (%5$s) AS l) AS n
            CROSS JOIN LATERAL (SELECT l.r FROM (SELECT c.%4$I AS "row") AS p CROSS JOIN LATERAL (%5$s) AS l) AS b
            WHERE %6$s AND etl._row_as_texts(t.*) @> c.%3$I
            RETURNING c.before, etl._row_as_texts(t.*) AS after
        ), kept AS (
            INSERT INTO etl.dedupe_change (run_id, step, relation, before, after)
            SELECT $1, $3, $2, g.before, g.after FROM changed AS g WHERE $5
        )
        SELECT (SELECT count(*) FROM c), (SELECT count(*) FROM changed)
        $query$, relation,
        (SELECT string_agg(format('%1$I = (b.r).%1$I', x), ', ') FROM unnest(changed) AS x),
        is_now, shall_be, etl._released_row(relation, keys), etl._same_identity(relation, is_now))
$$;
COMMENT ON FUNCTION etl._change_query(regclass, text[], text[], text, text) IS
    'A query that changes these columns of rows of a table from what is kept of them as JSON in one column of '
    'etl.dedupe_change (is_now) to what is kept in the other, where they are still as it says: how many there should '
    'be, and how many there were. Parameters: run, relation, step, the keys of the JSON, and whether what came of it '
    'is written down.';

CREATE FUNCTION etl._changed_columns(run bigint, name text)
RETURNS TABLE(step bigint, keys text[], changed text[])
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT d.step, etl._json_keys(d.before), array_agg(DISTINCT x.key)
    FROM etl.dedupe_change AS d
    CROSS JOIN LATERAL jsonb_each(d.before) AS x
    WHERE d.run_id = run AND d.relation = name AND x.value <> d.after -> x.key
      AND NOT EXISTS (SELECT FROM pg_attribute AS g
                      WHERE g.attrelid = to_regclass(name) AND g.attname = x.key AND g.attgenerated <> '')
    GROUP BY 1, 2 ORDER BY 1 DESC
$$;
COMMENT ON FUNCTION etl._changed_columns(bigint, text) IS
    'Which columns of a relation a run changed in which step, the last one first.';

CREATE FUNCTION etl._change_back(run bigint, relation regclass, name text)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET datestyle = 'ISO, MDY'
SET intervalstyle = 'postgres'
SET lc_monetary = 'C'
AS $$
DECLARE
    shape record;
    wanted bigint;
    restored bigint;
    total bigint := 0;
BEGIN
    FOR shape IN SELECT * FROM etl._changed_columns(run, name) LOOP
        PERFORM etl._require_kept_columns(relation, shape.keys);
        EXECUTE etl._change_query(relation, shape.keys, shape.changed, 'after', 'before') INTO wanted, restored
        USING run, name, shape.step, shape.keys, false;
        IF restored <> wanted THEN
            RAISE EXCEPTION USING
                ERRCODE = 'object_not_in_prerequisite_state',
                MESSAGE = format('%s of %s rows of table "%s" are no longer as etl.dedupe left them',
                                 wanted - restored, wanted, relation),
                DETAIL = format('They were changed or deleted since run %s; nothing was undone.', run),
                HINT = format('SELECT * FROM etl.dedupe_changes WHERE run = %s; shows what they were. Delete from '
                              'etl.dedupe_change what shall stay as it is, and call again.', run);
        END IF;
        total := total + restored;
    END LOOP;
    RETURN total;
END
$$;
COMMENT ON FUNCTION etl._change_back(bigint, regclass, text) IS
    'Gives the rows of one table that a run changed their former values. 55000 where one of them has changed since.';

CREATE FUNCTION etl._undo_changes_elsewhere(run bigint, target text)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    other record;
    total bigint := 0;
BEGIN
    FOR other IN
        SELECT DISTINCT d.relation FROM etl.dedupe_change AS d WHERE d.run_id = run AND d.relation <> target ORDER BY 1
    LOOP
        IF to_regclass(other.relation) IS NULL THEN
            RAISE EXCEPTION USING
                ERRCODE = 'undefined_table',
                MESSAGE = format('table "%s" that run %s of etl.dedupe has changed does not exist', other.relation,
                                 run),
                HINT = format('DELETE FROM etl.dedupe_change WHERE run_id = %s AND relation = %L; leaves it out.', run,
                              other.relation);
        END IF;
        total := total + etl._change_back(run, other.relation::regclass, other.relation);
    END LOOP;
    RETURN total;
END
$$;
COMMENT ON FUNCTION etl._undo_changes_elsewhere(bigint, text) IS
    'Points rows of other tables back at the rows that a run removed.';

CREATE FUNCTION etl._undo_run(undone etl.dedupe_run, OUT put_back bigint, OUT changed_back bigint)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target CONSTANT regclass := undone.relation::regclass;
    message text;
    detail text;
    constraint_name text;
BEGIN
    PERFORM etl._require_table(target, ARRAY['SELECT', 'INSERT']);
    -- Rows that got values of others give these up before the others come back, and are referred to after it.
    changed_back := etl._change_back(undone.run_id, target, undone.relation);
    put_back := etl._put_back_removed(undone.run_id, target);
    changed_back := changed_back + etl._undo_changes_elsewhere(undone.run_id, undone.relation);
    DELETE FROM etl.dedupe_change AS c WHERE c.run_id = undone.run_id; -- those that changed nothing
    UPDATE etl.dedupe_run AS r SET undone_at = clock_timestamp() WHERE r.run_id = undone.run_id;
EXCEPTION
    WHEN unique_violation OR exclusion_violation THEN
        GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
            constraint_name = CONSTRAINT_NAME;
        RAISE EXCEPTION USING
            ERRCODE = SQLSTATE, MESSAGE = message, DETAIL = detail,
            HINT = 'Delete the row that is in the way or drop the key, and undo again; nothing was put back.',
            CONSTRAINT = constraint_name;
END
$$;
COMMENT ON FUNCTION etl._undo_run(etl.dedupe_run) IS 'Undoes a run of which nothing is undone yet.';

CREATE FUNCTION etl.undo_dedupe(run bigint, dry_run bool DEFAULT false)
RETURNS TABLE(put_back bigint, changed_back bigint)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    finished bool := false;
BEGIN
    PERFORM etl._require_flag(dry_run, 'dry_run');
    BEGIN
        SELECT u.put_back, u.changed_back INTO put_back, changed_back FROM etl._undo_run(etl._undoable_run(run)) AS u;
        finished := true;
        IF dry_run THEN
            RAISE EXCEPTION USING ERRCODE = 'ETL00', MESSAGE = 'end of the dry run';
        END IF;
    EXCEPTION
        WHEN SQLSTATE 'ETL00' THEN -- rolled back, counts kept
            IF NOT (dry_run AND finished) THEN
                RAISE; -- of a trigger of the table
            END IF;
    END;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION etl.undo_dedupe(bigint, bool) IS
    'Takes back what a call of etl.dedupe did: puts the rows that it deleted back, to the letter, and gives rows that '
    'it changed (repoint, keep => merge) their former values. Arguments: run, the number that etl.dedupe returned; '
    'dry_run, does all of it and rolls it back. Generated columns are computed anew, identity columns keep their '
    'values, columns added since have their defaults. Returns the rows put back and those changed back. Errors: 42704 '
    'no such run, 55000 it was undone already, kept no audit, or a row that it changed has changed since, 42P01 the '
    'table is gone, 42703 it has lost a column, 42501 without INSERT on the table, 23505 a row stands in the way, '
    '23503 and others as INSERT raises them, 09000 a trigger holds rows back; then nothing has changed.';

CREATE FUNCTION etl.prune_removed_duplicates(
    older_than interval, as_of timestamptz DEFAULT now(), dry_run bool DEFAULT false)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    runs bigint[];
    pruned bigint;
BEGIN
    PERFORM etl._require_positive(older_than, 'older_than');
    PERFORM etl._require_moment(as_of, 'as_of');
    PERFORM etl._require_flag(dry_run, 'dry_run');
    runs := ARRAY(SELECT r.run_id FROM etl.dedupe_run AS r
                  WHERE r.owner = current_user AND r.run_at < as_of - older_than);
    SELECT count(*) INTO pruned FROM etl.removed_duplicate AS d WHERE d.run_id = ANY (runs);
    IF NOT dry_run THEN
        DELETE FROM etl.removed_duplicate AS d WHERE d.run_id = ANY (runs);
        DELETE FROM etl.dedupe_change AS d WHERE d.run_id = ANY (runs);
        DELETE FROM etl.dedupe_run AS r WHERE r.run_id = ANY (runs);
    END IF;
    RETURN pruned;
END
$$;
COMMENT ON FUNCTION etl.prune_removed_duplicates(interval, timestamptz, bool) IS
    'Forgets the current role''s runs of etl.dedupe that are older than an interval before as_of, with the rows that '
    'they removed, which cannot be put back then. dry_run: counts only. Returns how many removed rows are forgotten. '
    'Errors: 22023 the interval is not positive or an argument is NULL.';
