-- What becomes of a partition that is detached: looked at once more, under a lock on it alone, and then dropped, moved
-- into the schema of an archive or attached to it, in the one transaction that also notes it in the ledger, in the run
-- and in the audit log. Where a row was written to it meanwhile that must stay, it is attached again.

CREATE FUNCTION etl._partition_state(d etl.detached_partition)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN c.oid IS NULL THEN 'gone'
        WHEN etl._relation_name(c.oid) <> (d).partition_name THEN 'renamed'
        WHEN i.inhrelid IS NULL THEN 'detached'
        WHEN i.inhparent IS DISTINCT FROM to_regclass((d).parent)::oid THEN
            CASE WHEN (d).status = 'moved' THEN 'moved' ELSE 'elsewhere' END
        WHEN i.inhdetachpending THEN 'pending'
        ELSE 'attached'
    END
    FROM (SELECT) AS one
    LEFT JOIN pg_class AS c ON c.oid = (d).partition
    LEFT JOIN pg_inherits AS i ON i.inhrelid = c.oid
$$;
COMMENT ON FUNCTION etl._partition_state(etl.detached_partition) IS
    'How far a partition is, by the catalogs: attached, pending (the first half of DETACH … CONCURRENTLY is done), '
    'detached, elsewhere (part of another table), moved (in the schema of an archive), gone, or renamed.';

CREATE FUNCTION etl._bare_partition(part regclass)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    trait record;
BEGIN
    FOR trait IN
        SELECT format('DROP CONSTRAINT %I', c.conname) AS command
        FROM pg_constraint AS c WHERE c.conrelid = part AND c.contype = 'f' AND c.conparentid = 0
        UNION ALL
        SELECT format('ALTER COLUMN %I %s', a.attname, CASE WHEN a.attgenerated = 's' THEN 'DROP EXPRESSION'
                                                            ELSE 'DROP IDENTITY' END)
        FROM pg_attribute AS a
        WHERE a.attrelid = part AND a.attnum > 0 AND NOT a.attisdropped
          AND (a.attgenerated = 's' OR a.attidentity <> '')
    LOOP
        EXECUTE format('ALTER TABLE %s %s', part, trait.command);
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._bare_partition(regclass) IS
    'Takes from a table what an archive does not have: foreign keys, which would keep rows of other tables, and '
    'columns that compute or number themselves. The values stay.';

CREATE FUNCTION etl._free_name(part regclass, schema name)
RETURNS name
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT n.name::name
    FROM pg_class AS c
    CROSS JOIN LATERAL (
        SELECT CASE WHEN k = 1 THEN c.relname::text ELSE left(c.relname, 50) || '_' || k END, k
        FROM generate_series(1, 10000) AS k
    ) AS n(name, k)
    WHERE c.oid = part AND NOT EXISTS (
        SELECT FROM pg_class AS o
        WHERE o.relname = n.name AND o.oid <> c.oid
          AND o.relnamespace IN ((SELECT s.oid FROM pg_namespace AS s WHERE s.nspname = schema), c.relnamespace))
    ORDER BY n.k
    LIMIT 1
$$;
COMMENT ON FUNCTION etl._free_name(regclass, name) IS
    'The name that a table can have in another schema: its own, or with a number where that is taken.';

CREATE FUNCTION etl._move_partition(part regclass, target regclass)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    schema CONSTANT name := (SELECT n.nspname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
                             WHERE c.oid = target);
    clash record;
BEGIN
    PERFORM etl._bare_partition(part);
    FOR clash IN
        SELECT c.oid::regclass AS relation, etl._free_name(c.oid, schema) AS free
        FROM pg_class AS c
        WHERE (c.oid = part OR c.oid IN (SELECT i.indexrelid FROM pg_index AS i WHERE i.indrelid = part))
          AND etl._free_name(c.oid, schema) <> c.relname
    LOOP
        EXECUTE format('ALTER TABLE %s RENAME TO %I', clash.relation, clash.free); -- an index, too
    END LOOP;
    EXECUTE format('ALTER TABLE %s SET SCHEMA %I', part, schema);
    EXECUTE format('ALTER TABLE %s INHERIT %s', part, target);
END
$$;
COMMENT ON FUNCTION etl._move_partition(regclass, regclass) IS
    'Puts a detached partition into the schema of an archive table, through which it is read from then on.';

CREATE FUNCTION etl._attach_partition(part regclass, target regclass, bound text, condition text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET datestyle = 'ISO, MDY'
SET intervalstyle = 'postgres'
SET timezone = 'UTC'
SET lc_monetary = 'C'
AS $$
BEGIN
    -- Proven here, under the lock on the partition alone, so that ATTACH has nothing to read.
    EXECUTE format('ALTER TABLE %s ADD CONSTRAINT etl_bound CHECK (%s)', part, condition);
    EXECUTE format('ALTER TABLE %s ATTACH PARTITION %s %s', target, part, bound);
    EXECUTE format('ALTER TABLE %s DROP CONSTRAINT etl_bound', part);
END
$$;
COMMENT ON FUNCTION etl._attach_partition(regclass, regclass, text, text) IS
    'Attaches a table as a partition, by a bound and condition of etl._partition_bound and etl._partition_condition.';

CREATE FUNCTION etl._return_partition(d etl.detached_partition, run bigint, why text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reason text;
    said text;
BEGIN
    PERFORM etl._attach_partition(d.partition, d.parent::regclass, d.bound, d.condition);
    DELETE FROM etl.detached_partition AS o WHERE o.detached_id = d.detached_id;
    PERFORM etl._note_partition(run, d, 'returned', jsonb_build_object('why', why)),
            etl._audit('return partition', d.partition_name,
                       jsonb_build_object('policy', d.policy, 'run', run, 'to', d.parent, 'why', why));
EXCEPTION
    WHEN lock_not_available OR deadlock_detected OR serialization_failure THEN
        RAISE;
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS reason = MESSAGE_TEXT, said = PG_EXCEPTION_DETAIL;
        RAISE EXCEPTION USING
            ERRCODE = SQLSTATE,
            MESSAGE = format('detached partition "%s" cannot go back into table "%s": %s', d.partition_name, d.parent,
                             reason),
            DETAIL = concat_ws(' ', nullif(said, ''), format('It has to: %s.', why)),
            HINT = format('It is a table of its own now. Put right what is in its way, and call '
                          'etl.run_retention(%L) again.', d.policy);
END
$$;
COMMENT ON FUNCTION etl._return_partition(etl.detached_partition, bigint, text) IS
    'Attaches a partition to its table again, and notes why.';

-- Counting -----------------------------------------------------------------------------------------------------------

CREATE TYPE etl._partition_contents AS (
    contents etl.rows_hash, first timestamptz, last timestamptz, bytes bigint, estimate bigint);
COMMENT ON TYPE etl._partition_contents IS
    'What is in a partition: its rows, the times of the first and the last, and its size; or, where it is not read, '
    'PostgreSQL''s estimate of the number of rows (NULL: not known).';

CREATE FUNCTION etl._contents_of_partition(policy etl.retention_policy, d etl.detached_partition)
RETURNS etl._partition_contents
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    made etl._partition_contents;
    blocks_at_most CONSTANT bigint := 4096; -- read within a tenth of a second
    type CONSTANT regtype := etl._retention_time_type(d.partition, policy.time_column);
BEGIN
    made.bytes := etl._partition_bytes(d.partition);
    IF d.fate = 'drop' AND d.tier = 1 AND NOT etl._is_archive_table(policy.relation)
       AND etl._retention_blocks(d.partition) > blocks_at_most THEN
        SELECT sum(c.reltuples)::bigint INTO made.estimate
        FROM etl._family(d.partition) AS f JOIN pg_class AS c ON c.oid = f
        WHERE c.relkind = 'r' HAVING min(c.reltuples) >= 0;
        RETURN made;
    END IF;
    SELECT l.* INTO STRICT made.contents, made.first, made.last
    FROM etl._locked_rows(format(
        'SELECT %s, %s, %s FROM %s AS t', etl._rows_hash_of(d.partition, 't'),
        etl._retention_moment(format('min(t.%I)', policy.time_column), type),
        etl._retention_moment(format('max(t.%I)', policy.time_column), type), d.partition))
        AS l (contents etl.rows_hash, first timestamptz, last timestamptz);
    RETURN made;
END
$$;
COMMENT ON FUNCTION etl._contents_of_partition(etl.retention_policy, etl.detached_partition) IS
    'What is in a detached partition. It is read, as the ledger needs it, where it is kept or comes out of an archive; '
    'one that is dropped only where it is small.';

CREATE FUNCTION etl._ledger_partition(
    policy etl.retention_policy, run bigint, d etl.detached_partition, content etl._partition_contents)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF content.contents IS NULL THEN
        INSERT INTO etl.archive (policy, tier, action, relation, time_column, source, bytes, run_id)
        VALUES (policy.name, d.tier, 'deleted', policy.relation, policy.time_column, d.partition_name,
                content.bytes, run);
    ELSIF etl.row_count(content.contents) > 0 THEN
        PERFORM etl._note_archive(
            policy.name, d.tier, CASE WHEN d.fate = 'drop' THEN 'deleted' ELSE 'archived' END,
            etl._retention_place(policy, d.tier - 1), d.target, run, content.first, content.last, content.contents,
            content.bytes);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._ledger_partition(
    etl.retention_policy, bigint, etl.detached_partition, etl._partition_contents) IS
    'Notes in the ledger that a partition goes whole: rows that moved or were deleted, as any others; or, where it was '
    'not read, the partition itself, without a number of rows.';

-- Settling -----------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._place_partition(d etl.detached_partition)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF d.status = 'moved' THEN
        EXECUTE format('ALTER TABLE %s NO INHERIT %s', d.partition,
                       (SELECT i.inhparent::regclass FROM pg_inherits AS i WHERE i.inhrelid = d.partition));
    END IF;
    IF d.fate = 'move' THEN
        PERFORM etl._move_partition(d.partition, d.target::regclass);
        UPDATE etl.detached_partition AS o
        SET status = 'moved', partition_name = etl._relation_name(d.partition), tier = d.tier, fate = d.fate,
            target = d.target, policy = d.policy
        WHERE o.detached_id = d.detached_id;
        RETURN;
    ELSIF d.fate = 'attach' THEN
        PERFORM etl._bare_partition(d.partition);
        PERFORM etl._attach_partition(d.partition, d.target::regclass, d.bound, d.condition);
    ELSE
        EXECUTE format('DROP TABLE %s', d.partition);
    END IF;
    DELETE FROM etl.detached_partition AS o WHERE o.detached_id = d.detached_id;
END
$$;
COMMENT ON FUNCTION etl._place_partition(etl.detached_partition) IS
    'Drops a detached partition, or puts it where it belongs.';

CREATE FUNCTION etl._dispatch_partition(
    policy etl.retention_policy, run bigint, d etl.detached_partition, content etl._partition_contents)
RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    cutoff CONSTANT timestamptz := (SELECT etl._retention_cutoff(policy, d.tier, r.as_of)
                                    FROM etl.run AS r WHERE r.run_id = run);
    parent CONSTANT regclass := to_regclass(
        CASE WHEN d.status = 'moved' THEN etl._retention_place(policy, d.tier - 1) ELSE d.parent END);
    why text;
BEGIN
    IF d.fate <> 'empty' THEN
        why := etl._rows_obstacle(policy, d.tier, cutoff, d.partition, parent);
    ELSIF NOT etl._is_empty(d.partition) THEN
        why := 'rows were written to it';
    END IF;
    IF why IS NULL THEN
        IF d.fate IN ('move', 'attach') THEN
            PERFORM etl._open_archive(policy.name, d.tier, d.target::regclass);
        END IF;
        PERFORM etl._ledger_partition(policy, run, d, content);
        PERFORM etl._place_partition(d);
    END IF;
    RETURN why;
EXCEPTION
    WHEN lock_not_available OR deadlock_detected OR serialization_failure THEN
        RAISE;
    WHEN OTHERS THEN
        RETURN SQLERRM;
END
$$;
COMMENT ON FUNCTION etl._dispatch_partition(
    etl.retention_policy, bigint, etl.detached_partition, etl._partition_contents) IS
    'Looks at the rows of a detached partition once more, and does with it what is to be done; returns why that cannot '
    'be, and has changed nothing then.';

CREATE FUNCTION etl._record_partition(
    policy etl.retention_policy, run bigint, d etl.detached_partition, content etl._partition_contents)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    rows CONSTANT bigint := etl.row_count(content.contents);
    what CONSTANT text := CASE d.fate WHEN 'move' THEN 'moved' WHEN 'attach' THEN 'attached' WHEN 'drop' THEN 'dropped'
                                      ELSE 'emptied' END;
    note CONSTANT jsonb := jsonb_strip_nulls(jsonb_build_object(
        'rows', rows, 'estimated_rows', content.estimate, 'bytes', content.bytes, 'oldest', content.first,
        'to', etl._relation_name(CASE WHEN d.fate IN ('move', 'attach') THEN d.partition END)));
BEGIN
    PERFORM etl._note_partition(run, d, what, note);
    IF d.fate <> 'empty' THEN
        PERFORM etl._count_partition(run, d.tier, d.fate <> 'drop', coalesce(rows, 0), content.bytes);
    END IF;
    PERFORM etl._audit(CASE WHEN d.fate IN ('drop', 'empty') THEN 'drop' ELSE d.fate END || ' partition',
                       d.partition_name, note || jsonb_build_object(
                           'policy', policy.name, 'run', run, 'tier', d.tier,
                           'from', etl._retention_place(policy, d.tier - 1)));
END
$$;
COMMENT ON FUNCTION etl._record_partition(
    etl.retention_policy, bigint, etl.detached_partition, etl._partition_contents) IS
    'Records, in the run and in the audit log, what became of a partition.';

CREATE FUNCTION etl._forget_partition(run bigint, d etl.detached_partition, state text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM etl.detached_partition AS o WHERE o.detached_id = d.detached_id;
    IF state IN ('gone', 'elsewhere') THEN
        RAISE WARNING USING
            MESSAGE = format('partition "%s" was %s by somebody else', d.partition_name,
                             CASE state WHEN 'gone' THEN 'dropped' ELSE 'attached elsewhere' END),
            DETAIL = format('Retention policy "%s" had detached it from table "%s".', d.policy, d.parent);
        PERFORM etl._note_partition(run, d, 'lost'),
                etl._audit('lost partition', d.partition_name,
                           jsonb_build_object('policy', d.policy, 'run', run, 'found', state));
    END IF;
END
$$;
COMMENT ON FUNCTION etl._forget_partition(bigint, etl.detached_partition, text) IS
    'Gives up what was written down of a partition that is not there any more, or was never detached.';

CREATE FUNCTION etl._settle_partition(policy etl.retention_policy, run bigint, d etl.detached_partition)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    expected CONSTANT text := CASE d.status WHEN 'moved' THEN 'moved' ELSE 'detached' END;
    state text;
    why text;
    content etl._partition_contents;
BEGIN
    EXECUTE format('LOCK TABLE %s IN %s MODE', d.partition,
                   CASE expected WHEN 'moved' THEN 'SHARE ROW EXCLUSIVE' ELSE 'ACCESS EXCLUSIVE' END);
    state := etl._partition_state(d);
    IF state <> expected THEN
        PERFORM etl._forget_partition(run, d, state);
        RETURN;
    END IF;
    content := etl._contents_of_partition(policy, d);
    -- After the rows were read, which may take long: nobody who places a hold waits for that.
    PERFORM etl._lock_holds();
    why := etl._dispatch_partition(policy, run, d, content);
    IF why IS NULL THEN
        PERFORM etl._record_partition(policy, run, d, content);
    ELSIF d.status = 'moved' THEN
        PERFORM etl._note_partition(run, d, 'rows', jsonb_build_object('why', why));
    ELSE
        PERFORM etl._return_partition(d, run, why);
    END IF;
    SET CONSTRAINTS ALL IMMEDIATE;
END
$$;
COMMENT ON FUNCTION etl._settle_partition(etl.retention_policy, bigint, etl.detached_partition) IS
    'Does with a detached partition what is to be done, or attaches it again where rows in it have to stay.';
