-- etl.restore_archive: archived rows go back to their table, or are copied to another one.
--
-- From an archive table into the policy's own table (or another archive of its) rows move: they are deleted here and
-- stored there in one statement, and the ledger has a movement more. From a file they go back as a whole: what the file
-- holds are copies from then on, and its archive is marked as removing. So each row is counted once wherever archives
-- are counted. Into any other table rows are copied, and the ledger stays as it is.
--
-- Rows that went to files of their own because they refer to others go back to the table that they left, after those: a
-- range is restored batch by batch, the last that was archived first, so that each step undoes one that was.
--
-- Before, what is in the archive is compared with what was moved there; after it, what was stored with what was taken.
-- A row under a legal hold neither leaves its archive nor is replaced.

CREATE FUNCTION etl._restore_from_table(asked etl._restore, whole boolean)
RETURNS etl._restored
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    there etl.rows_hash;
    skipped etl.rows_hash;
    restored record;
BEGIN
    IF to_regclass(asked.place) IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_table',
            MESSAGE = format('archive table %s does not exist', asked.place),
            HINT = 'It was dropped or renamed after rows had been archived there; give it its name back.';
    END IF;
    PERFORM etl._require_table(asked.place::regclass, CASE WHEN asked.moves THEN ARRAY['SELECT', 'DELETE']
                                                           ELSE ARRAY['SELECT'] END);
    IF asked.moves THEN -- no other restore, and no run, takes the same rows
        EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', asked.place);
    END IF;
    there := etl._restore_count(asked, etl._restore_condition(asked));
    IF etl.row_count(there) = 0 AND NOT whole THEN
        RETURN NULL;
    ELSIF etl.row_count(there) = 0 THEN
        PERFORM etl._refuse_nothing_left(asked);
    ELSIF whole THEN
        PERFORM etl._require_whole_archive(asked, there);
    ELSE
        PERFORM etl._require_proven_range(asked, there);
    END IF;
    PERFORM etl._require_restore_columns(asked), etl._require_no_hold(asked);
    skipped := etl._restore_skipped(asked);
    restored := etl._restore_rows(asked);
    PERFORM etl._require_taken(asked, restored.taken, there OPERATOR(etl.-) skipped);
    IF asked.moves AND etl.row_count(restored.taken) > 0 THEN
        PERFORM etl._note_archive(asked.policy, asked.tier, 'restored', asked.place, etl._relation_name(asked.target),
                                  NULL, restored.first, restored.last, restored.taken);
    END IF;
    RETURN ROW(asked.archive_id, asked.place, etl._relation_name(asked.target), asked.moves,
               etl.row_count(restored.taken), etl.row_count(skipped), restored.updated, restored.taken);
END
$$;
COMMENT ON FUNCTION etl._restore_from_table(etl._restore, boolean) IS
    'Restores rows of an archive table: those of one whole archive, or what lies there in a range (NULL where nothing '
    'does).';

CREATE FUNCTION etl._refuse_nothing_left(asked etl._restore)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    verified etl._verified := etl._verify_table(asked.place);
BEGIN
    IF NOT etl._is_verified(verified) THEN
        PERFORM etl._refuse_archive(asked.place, verified);
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'object_not_in_prerequisite_state',
        MESSAGE = format('nothing of archive %s is left in %s', asked.archive_id, asked.place),
        DETAIL = 'Its rows were restored, moved on or deleted by the policy since.',
        HINT = format('SELECT * FROM etl.archives WHERE source = %L tells where they went.', asked.place);
END
$$;
COMMENT ON FUNCTION etl._refuse_nothing_left(etl._restore) IS
    'Raises that an archive table holds no row of an archive any more: 55000, or XX001 where the ledger says that it '
    'should.';

CREATE FUNCTION etl._require_whole_file(asked etl._restore, file etl.archive, skipped etl.rows_hash)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF asked.first_time > file.first_time OR asked.before <= file.last_time OR asked.filter IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'feature_not_supported',
            MESSAGE = format('file %s holds rows from %s to %s, and only all of them can go back into table "%s"',
                             asked.place, file.first_time, file.last_time, asked.target),
            DETAIL = 'What stayed in the file could not be told from what went back.',
            HINT = 'Widen the range, or restore into another table, which copies rows of any range.';
    ELSIF etl.row_count(skipped) > 0 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'feature_not_supported',
            MESSAGE = format('%s rows of file %s are in table "%s" already, and cannot be left behind',
                             etl.row_count(skipped), asked.place, asked.target),
            DETAIL = 'A file goes back as a whole: what stayed there could not be told from what went back.',
            HINT = 'Use on_conflict => ''update'', or restore into another table, which copies.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_whole_file(etl._restore, etl.archive, etl.rows_hash) IS
    'Checks that all rows of a file go back where they leave it (0A000).';

CREATE FUNCTION etl._restore_from_file(asked etl._restore)
RETURNS etl._restored
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    file etl.archive;
    verified etl._verified;
    there etl.rows_hash;
    skipped etl.rows_hash;
    restored record;
BEGIN
    PERFORM etl._require_archive_access(false);
    SELECT a.* INTO STRICT file FROM etl.archive AS a WHERE a.archive_id = asked.archive_id FOR UPDATE;
    IF file.status <> 'kept' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('file %s of archive %s is not kept any more', file.location, file.archive_id),
            DETAIL = format('Its status is %s: its rows were restored or deleted, or have not left their table.',
                            file.status),
            HINT = format('SELECT * FROM etl.archives WHERE %L IN (source, location) tells where they went.',
                          file.location);
    END IF;
    PERFORM etl._require_restore_columns(asked);
    verified := etl._verify_file(file);
    IF NOT etl._is_verified(verified) THEN
        PERFORM etl._refuse_archive(asked.place, verified);
    END IF;
    there := CASE WHEN asked.moves THEN file.contents ELSE etl._restore_count(asked, etl._restore_condition(asked)) END;
    skipped := etl._restore_skipped(asked);
    IF asked.moves THEN
        PERFORM etl._require_whole_file(asked, file, skipped);
    END IF;
    PERFORM etl._require_no_hold(asked);
    restored := etl._restore_rows(asked);
    PERFORM etl._require_taken(asked, restored.taken, there OPERATOR(etl.-) skipped);
    IF asked.moves THEN
        UPDATE etl.archive AS a SET status = 'removing' WHERE a.archive_id = file.archive_id;
        PERFORM etl._note_archive(asked.policy, asked.tier, 'restored', asked.place, etl._relation_name(asked.target),
                                  NULL, restored.first, restored.last, restored.taken);
    END IF;
    RETURN ROW(asked.archive_id, asked.place, etl._relation_name(asked.target), asked.moves,
               etl.row_count(restored.taken), etl.row_count(skipped), restored.updated, restored.taken);
END
$$;
COMMENT ON FUNCTION etl._restore_from_file(etl._restore) IS
    'Restores rows of a file, after it was verified. Where they leave it, its archive is marked as removing.';

CREATE FUNCTION etl._restore_of(archive etl.archive, target regclass, on_conflict text)
RETURNS etl._restore
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    asked etl._restore;
    is_file boolean := etl._is_archive_file(archive.location);
BEGIN
    asked.policy := archive.policy;
    asked.tier := archive.tier;
    asked.archive_id := archive.archive_id;
    asked.place := archive.location;
    asked.origin := to_regclass(archive.relation);
    asked.target := coalesce(target, asked.origin);
    IF asked.target IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_table',
            MESSAGE = format('table "%s", from which archive %s came, does not exist', archive.relation,
                             archive.archive_id),
            HINT = 'Name the table to restore into: target => ''…''.';
    END IF;
    asked.columns := CASE
        WHEN is_file THEN ARRAY(SELECT c.value ->> 'name' FROM jsonb_array_elements(archive.columns)
                                WITH ORDINALITY AS c (value, n) ORDER BY c.n)
        ELSE etl._columns_there(archive.location, etl._archive_columns(archive.location))
    END;
    asked.time_column := CASE WHEN archive.time_column = ANY (asked.columns) THEN archive.time_column END;
    asked.time_type := to_regtype(etl._restore_type(asked, archive.time_column));
    SELECT CASE WHEN NOT is_file THEN p.filter END INTO asked.filter
    FROM etl.retention_policy AS p
    WHERE p.name = archive.policy AND p.owner = current_user AND p.relation = archive.relation;
    asked.alias := (parse_ident(archive.relation))[2]; -- which a filter may use
    asked.on_conflict := on_conflict;
    asked.moves := etl._relation_name(asked.target) = archive.relation
                   OR etl._is_archive_table(etl._relation_name(asked.target));
    RETURN asked;
END
$$;
COMMENT ON FUNCTION etl._restore_of(etl.archive, regclass, text) IS
    'What restoring from the place of an archive into a target (NULL: the table from which it came) means.';

CREATE FUNCTION etl._restore_archive(archive_id bigint, target regclass, on_conflict text)
RETURNS SETOF etl._restored
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored etl.archive := etl._require_archive(archive_id);
    asked etl._restore;
BEGIN
    IF stored.action NOT IN ('archived', 'opening') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('archive %s is of rows that were %s', archive_id, stored.action),
            HINT = 'SELECT * FROM etl.archives WHERE action = ''archived'' AND status = ''kept'' lists what can be '
                   'restored.';
    END IF;
    PERFORM etl._require_owner(stored.owner, format('archive %s', archive_id));
    asked := etl._restore_of(stored, target, on_conflict);
    PERFORM etl._require_restore_target(asked.target, on_conflict);
    IF etl._is_archive_file(asked.place) THEN
        RETURN NEXT etl._restore_from_file(asked);
        RETURN;
    END IF;
    asked.first_time := stored.first_time;
    asked.last_time := stored.last_time;
    RETURN NEXT etl._restore_from_table(asked, true);
END
$$;
COMMENT ON FUNCTION etl._restore_archive(bigint, regclass, text) IS 'etl.restore_archive of one archive.';

CREATE FUNCTION etl._archived_relation(policy text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(
        (SELECT p.relation FROM etl.retention_policy AS p
         WHERE p.name = _archived_relation.policy AND p.owner = current_user),
        (SELECT a.relation FROM etl.archive AS a
         WHERE a.policy = _archived_relation.policy AND a.owner = current_user AND a.time_column IS NOT NULL
         ORDER BY a.archive_id DESC LIMIT 1))
$$;
COMMENT ON FUNCTION etl._archived_relation(text) IS
    'The table that a policy is about, or was about when it last archived something, if it is removed: a name may have '
    'been that of policies of several tables.';

CREATE FUNCTION etl._archives_of_range(
    policy text, from_time timestamptz, to_time timestamptz, with_followers boolean)
RETURNS SETOF etl.archive
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH wanted AS (
        SELECT DISTINCT ON (a.location) a AS archive
        FROM etl.archive AS a
        JOIN etl.archive AS timed ON timed.archive_id = coalesce(a.follows, a.archive_id)
        WHERE a.policy = _archives_of_range.policy AND a.owner = current_user AND a.action IN ('archived', 'opening')
          AND a.status = 'kept' AND (a.follows IS NULL OR with_followers) AND timed.time_column IS NOT NULL
          AND timed.relation = etl._archived_relation(_archives_of_range.policy)
          AND NOT (etl._is_archive_file(a.location)
                   AND (a.last_time < coalesce(from_time, '-infinity')
                        OR a.first_time >= coalesce(to_time, 'infinity')))
        ORDER BY a.location, a.archive_id
    ), followers AS (
        SELECT l.relation, l.level
        FROM etl._reference_levels(ARRAY(SELECT DISTINCT to_regclass((w.archive).relation) FROM wanted AS w
                                         WHERE (w.archive).follows IS NOT NULL)) AS l
    )
    SELECT (w.archive).*
    FROM wanted AS w
    LEFT JOIN followers AS f ON (w.archive).follows IS NOT NULL AND f.relation = to_regclass((w.archive).relation)
    ORDER BY coalesce((w.archive).follows, (w.archive).archive_id) DESC, f.level NULLS FIRST
$$;
COMMENT ON FUNCTION etl._archives_of_range(text, timestamptz, timestamptz, boolean) IS
    'The archives of a policy that may have rows of a range of time, one for each place, in the order in which they '
    'can be restored; those of other tables whose rows went along, too, if they are wanted and have files.';

CREATE FUNCTION etl._restore_range(
    policy text, from_time timestamptz, to_time timestamptz, target regclass, on_conflict text)
RETURNS SETOF etl._restored
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored etl.archive;
    asked etl._restore;
    restored etl._restored;
BEGIN
    FOR stored IN SELECT * FROM etl._archives_of_range(policy, from_time, to_time, target IS NULL) LOOP
        asked := etl._restore_of(stored, target, on_conflict);
        CONTINUE WHEN asked.place = etl._relation_name(asked.target);
        PERFORM etl._require_restore_target(asked.target, on_conflict);
        asked.first_time := from_time;
        asked.before := to_time;
        restored := CASE WHEN etl._is_archive_file(asked.place) THEN etl._restore_from_file(asked)
                         ELSE etl._restore_from_table(asked, false) END;
        IF restored.source IS NOT NULL THEN
            RETURN NEXT restored;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._restore_range(text, timestamptz, timestamptz, regclass, text) IS
    'etl.restore_archive of a range of time, from all archives of a policy.';

CREATE FUNCTION etl._finish_restore(policy text, restored etl._restored[], detail jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    place etl._restored;
BEGIN
    FOREACH place IN ARRAY restored LOOP
        PERFORM etl._audit('restore', place.source, detail || to_jsonb(place));
    END LOOP;
    SELECT r.* INTO place
    FROM unnest(restored) AS r
    JOIN etl.retention_policy AS p ON p.name = policy AND p.paused_at IS NULL AND p.relation = r.target
    WHERE r.moved LIMIT 1;
    IF FOUND THEN
        RAISE NOTICE USING
            MESSAGE = format('retention policy "%s" will archive the restored rows again when it runs', policy),
            HINT = format('SELECT etl.pause_retention_policy(%L) keeps it from running; etl.add_legal_hold(…) keeps '
                          'some rows.', policy);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._finish_restore(text, etl._restored[], jsonb) IS
    'Records in the audit log what was restored, and says that the policy is still at work.';

CREATE FUNCTION etl._carry_out_restore(
    policy text, archive_id bigint, from_time timestamptz, to_time timestamptz, target regclass, on_conflict text,
    dry_run boolean)
RETURNS SETOF etl._restored
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    restored etl._restored[];
BEGIN
    PERFORM etl._require_flag(dry_run, 'dry_run'), etl._lock_holds();
    restored := CASE WHEN archive_id IS NULL
                         THEN ARRAY(SELECT etl._restore_range(policy, from_time, to_time, target, on_conflict))
                     ELSE ARRAY(SELECT etl._restore_archive(archive_id, target, on_conflict)) END;
    IF dry_run THEN
        RAISE EXCEPTION USING ERRCODE = 'ETLDR', MESSAGE = 'end of the dry run';
    END IF;
    PERFORM etl._finish_restore(policy, restored, jsonb_strip_nulls(jsonb_build_object(
        'policy', policy, 'from_time', from_time, 'to_time', to_time)));
    RETURN QUERY SELECT r.* FROM unnest(restored) AS r;
EXCEPTION
    WHEN SQLSTATE 'ETLDR' THEN
        RETURN QUERY SELECT r.* FROM unnest(restored) AS r;
END
$$;
COMMENT ON FUNCTION etl._carry_out_restore(text, bigint, timestamptz, timestamptz, regclass, text, boolean) IS
    'Restores one archive, or without a number the range of a policy; a dry run does it and rolls it back.';

CREATE FUNCTION etl.restore_archive(
    archive_id bigint, target regclass DEFAULT NULL, on_conflict text DEFAULT 'error', dry_run boolean DEFAULT false)
RETURNS SETOF etl._restored
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT r.* FROM etl._require_archive(archive_id) AS a
    CROSS JOIN LATERAL etl._carry_out_restore(a.policy, a.archive_id, NULL, NULL, target, on_conflict, dry_run) AS r
$$;
CREATE FUNCTION etl.restore_archive(
    policy text, from_time timestamptz, to_time timestamptz, target regclass DEFAULT NULL,
    on_conflict text DEFAULT 'error', dry_run boolean DEFAULT false)
RETURNS SETOF etl._restored
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._require_archives_of(policy);
    RETURN QUERY
        SELECT r.* FROM etl._carry_out_restore(policy, NULL, from_time, to_time, target, on_conflict, dry_run) AS r;
END
$$;
CREATE FUNCTION etl.restore_archive(
    policy text, from_time text, to_time text, target regclass DEFAULT NULL,
    on_conflict text DEFAULT 'error', dry_run boolean DEFAULT false)
RETURNS SETOF etl._restored
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT r.* FROM etl.restore_archive(policy, from_time::timestamptz, to_time::timestamptz, target, on_conflict,
                                        dry_run) AS r
$$;
COMMENT ON FUNCTION etl.restore_archive(bigint, regclass, text, boolean) IS
    'Brings the rows of one archive of etl.archives back, and returns what it did. target: the table that takes them '
    '(default: the one that the policy is about). Into that one, or another archive of the role, they move: they '
    'leave the archive, and of a file, which goes back as a whole, copies stay until etl.remove_orphan removes it. '
    'Into any other table they are copied. on_conflict: what becomes of rows whose key (primary key or another unique '
    'index) is in the target already: error stops the call, skip leaves them in the archive, update lets them replace '
    'the row in the table. Before, what is in the archive is compared with what was moved there (XX001), and after '
    'it, what was stored with what was taken (09000): nothing is restored unless both are the same rows. dry_run: '
    'does it, and rolls it back. All in one transaction; the archive table takes no other writes meanwhile. Errors: '
    '42704 no such archive, 42501 another role''s, 55000 nothing is left of it, or other rows lie in the archive '
    'table in the same time, or rows that would leave it or be replaced are under a legal hold, 42703 and 42804 the '
    'target lacks a column or has it in another type, 23505 a key is there already, 0A000 a part of a file, 22023 bad '
    'on_conflict or dry_run.';
COMMENT ON FUNCTION etl.restore_archive(text, timestamptz, timestamptz, regclass, text, boolean) IS
    'Brings back what a policy has archived of a range of time, from_time (NULL: the first row) to to_time exclusive '
    '(NULL: the last), from all its archives, as etl.restore_archive of one archive does; one row of the result for '
    'each table or file that had such rows. Rows of a policy with a filter are those of the filter. Without a target, '
    'rows of other tables that went to files with those of the range (follow_references) go back to their tables, too; '
    'those that went to tables have no time by which they could be told, and stay there.';

COMMENT ON FUNCTION etl.restore_archive(text, text, text, regclass, text, boolean) IS
    'etl.restore_archive of a range whose ends are given as literals without a type, as in '
    'etl.restore_archive(''orders'', ''2024-01-01'', ''2024-02-01'').';

CREATE FUNCTION etl._require_archives_of(policy text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT FROM etl.archive AS a WHERE a.policy = _require_archives_of.policy
                                                  AND a.owner = current_user) THEN
        RETURN;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'undefined_object',
        MESSAGE = CASE WHEN policy IS NULL THEN 'no retention policy was given'
                       ELSE format('retention policy "%s" has archived nothing', left(policy, 200)) END,
        HINT = 'SELECT DISTINCT policy FROM etl.archives lists the policies of the current role that have.';
END
$$;
COMMENT ON FUNCTION etl._require_archives_of(text) IS 'Checks that a policy has archives (42704).';
