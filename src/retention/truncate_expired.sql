-- Caches past due: emptied at once where all of their rows have expired.

CREATE FUNCTION etl._require_unlogged(relation regclass)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    logged CONSTANT regclass := (
        SELECT c.oid FROM pg_class AS c
        WHERE c.oid IN (SELECT etl._family(relation)) AND c.relkind <> 'p' AND c.relpersistence <> 'u'
        ORDER BY c.oid LIMIT 1);
BEGIN
    IF logged IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'wrong_object_type',
            MESSAGE = format('table "%s" is not UNLOGGED', logged),
            DETAIL = 'TRUNCATE fires no trigger for rows and heeds no snapshot: that is for what can be made anew.',
            HINT = 'etl.add_retention_policy(…, kind => ''expiry'') deletes rows that have expired.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_unlogged(regclass) IS
    'Raises (42809) unless the table and all parts of it are UNLOGGED.';

CREATE FUNCTION etl._check_truncation(relation regclass)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    hindrance text;
BEGIN
    PERFORM etl._require_table(relation, ARRAY['SELECT', 'DELETE', 'TRUNCATE']),
        etl._require_no_foreign_children(relation), etl._require_unlogged(relation), etl._require_mutable(relation);
    PERFORM etl._require_no_rule(f, '4', 'Let a trigger do what it does, or') FROM etl._family(relation) AS f;
    hindrance := CASE
        WHEN EXISTS (SELECT FROM etl._references(relation)) THEN 'foreign keys refer to it'
        WHEN EXISTS (SELECT FROM etl._family(relation) AS f WHERE row_security_active(f))
            THEN 'its row security is active'
        WHEN EXISTS (SELECT FROM pg_trigger AS t
                     WHERE t.tgrelid IN (SELECT etl._family(relation)) AND NOT t.tgisinternal AND t.tgenabled <> 'D'
                       AND t.tgtype & 8 = 8 AND NOT EXISTS (
                           SELECT FROM pg_trigger AS o WHERE o.tgrelid = t.tgrelid AND o.tgenabled <> 'D'
                                                         AND o.tgtype & 32 = 32))
            THEN 'a trigger of it fires on DELETE, and none on TRUNCATE' END;
    IF hindrance IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'feature_not_supported',
            MESSAGE = format('table "%s" cannot be truncated: %s', relation, hindrance),
            HINT = 'etl.add_retention_policy(…, kind => ''expiry'') deletes rows that have expired.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._check_truncation(regclass) IS
    'Checks that a table is one to be truncated: UNLOGGED (42809), mutable (55000), with the privileges (42501), and '
    'with nothing that must see each row go (0A000).';

CREATE FUNCTION etl._truncate_part(part regclass, time_column name, as_of timestamptz, held text, OUT removed bigint,
                                   OUT truncated bool)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    expired CONSTANT text := format(
        'cache.%1$I < %2$s AND isfinite(cache.%1$I)%3$s', time_column,
        etl._retention_literal(as_of, etl._retention_time_type(part, time_column)), ' AND NOT ' || held);
    rows bigint;
BEGIN
    EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', part);
    EXECUTE format('SELECT count(*), count(*) FILTER (WHERE %s) FROM ONLY %s AS cache', expired, part)
    INTO rows, removed;
    truncated := removed = rows AND rows > 0;
    IF truncated THEN
        PERFORM etl._locked_command(format('TRUNCATE ONLY %s', part));
    ELSIF removed > 0 THEN
        removed := etl._locked_command(format('DELETE FROM ONLY %s AS cache WHERE %s', part, expired));
    END IF;
END
$$;
COMMENT ON FUNCTION etl._truncate_part(regclass, name, timestamptz, text) IS
    'Removes the rows of one table whose time lies before a moment, and on which no hold stands: all at once where '
    'these are all. Under an exclusive lock, so that no other row is among them.';

CREATE FUNCTION etl.truncate_expired(
    relation regclass, time_column name, as_of timestamptz DEFAULT now(), dry_run bool DEFAULT false)
RETURNS TABLE(part text, removed bigint, truncated bool)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    leaf regclass;
BEGIN
    PERFORM etl._require_flag(dry_run, 'dry_run'), etl._require_moment(as_of, 'as_of'),
        etl._require_latest_snapshots('etl.truncate_expired'), etl._check_truncation(relation),
        etl._retention_time_type(relation, time_column);
    PERFORM etl._lock_holds();
    FOR leaf IN
        SELECT f FROM etl._family(relation) AS f JOIN pg_class AS c ON c.oid = f WHERE c.relkind = 'r' ORDER BY f
    LOOP
        BEGIN
            part := etl._relation_name(leaf);
            SELECT t.removed, t.truncated INTO removed, truncated
            FROM etl._truncate_part(leaf, time_column, as_of, etl._held_condition(leaf, 'cache')) AS t;
            IF dry_run THEN
                RAISE EXCEPTION USING ERRCODE = 'ETL00', MESSAGE = 'end of the dry run';
            END IF;
        EXCEPTION
            WHEN SQLSTATE 'ETL00' THEN -- rolled back, counts and no lock kept
                NULL;
        END;
        RETURN NEXT;
        IF removed > 0 AND NOT dry_run THEN
            PERFORM etl._audit(CASE WHEN truncated THEN 'truncated' ELSE 'deleted' END, part,
                               jsonb_build_object('rows', removed, 'as_of', as_of, 'time_column', time_column));
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl.truncate_expired(regclass, name, timestamptz, bool) IS
    'Removes what has expired from a cache, an UNLOGGED table: rows whose time_column lies before as_of (of a date: '
    'whose day is over; what has no time zone is in UTC). Where all rows of the table, or of one of its partitions, '
    'have expired, by TRUNCATE, which takes no longer for many rows than for few and leaves nothing to vacuum; '
    'otherwise by DELETE. A row without a time, or with an infinite one, '
    'never expires; one under a legal hold stays. The table is locked against all others to the end of the '
    'transaction: call it in one of its own. dry_run: counts only. Returns one row for each table that has rows of '
    'its own: how many were removed, and whether by TRUNCATE. Errors: 42809 not an UNLOGGED table, 42501 without '
    'SELECT, DELETE and TRUNCATE, 42703 no such column, 42804 no date or timestamp, 55000 an immutable table, 0A000 a '
    'foreign key, a rule, a trigger or row security must see each row go, 25000 isolation level above READ COMMITTED.';
