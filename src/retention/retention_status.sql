-- What retention policies have before them and behind them.

CREATE FUNCTION etl._retention_due_at(moment timestamptz, span interval)
RETURNS timestamptz
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN moment + span;
EXCEPTION
    WHEN datetime_field_overflow THEN
        RETURN 'infinity';
END
$$;
COMMENT ON FUNCTION etl._retention_due_at(timestamptz, interval) IS
    'When a row of that time is due; infinity where that is past the end of timestamptz.';

CREATE FUNCTION etl._retention_first_after(policy etl.retention_policy, moment timestamptz)
RETURNS timestamptz
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    alias CONSTANT name := etl._retention_alias(policy);
    first timestamptz;
BEGIN
    EXECUTE format('SELECT %s FROM %s AS %I WHERE %s%s',
                   etl._retention_moment(policy, format('min(%I.%I)', alias, policy.time_column)), policy.relation,
                   alias, etl._retention_past(policy, moment, 'infinity'), etl._retention_filter(policy))
        INTO first;
    RETURN first;
EXCEPTION
    WHEN datetime_field_overflow THEN -- a date, which may lie behind the end of timestamptz
        RETURN 'infinity';
END
$$;
COMMENT ON FUNCTION etl._retention_first_after(etl.retention_policy, timestamptz) IS
    'The time of the oldest row that is not before a moment.';

CREATE FUNCTION etl._retention_ahead(policy text, OUT backlog bigint, OUT oldest timestamptz, OUT next_due timestamptz)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored etl.retention_policy;
    youngest_due timestamptz;
BEGIN
    SELECT p.* INTO stored FROM etl.retention_policy AS p
    WHERE p.name = _retention_ahead.policy AND p.owner = current_user;
    IF NOT FOUND OR to_regclass(stored.relation) IS NULL THEN
        RETURN;
    END IF;
    PERFORM etl._lock_role(); -- the filter is the policy's
    youngest_due := etl._retention_cutoff(stored, 1, now());
    SELECT c.due, c.oldest INTO backlog, oldest FROM etl._retention_count(stored, 1, youngest_due) AS c;
    IF backlog = 0 THEN
        oldest := etl._retention_first_after(stored, youngest_due);
    END IF;
    next_due := etl._retention_due_at(oldest, now() - youngest_due);
    RAISE EXCEPTION USING ERRCODE = 'ETLDR', MESSAGE = 'the lock on the role goes';
EXCEPTION
    WHEN SQLSTATE 'ETLDR' THEN
        RETURN;
    WHEN OTHERS THEN
        backlog := NULL;
        oldest := NULL;
        RAISE WARNING USING
            MESSAGE = format('retention policy "%s": %s', policy, SQLERRM),
            HINT = 'Its backlog is not known; a run will say the same.';
END
$$;
COMMENT ON FUNCTION etl._retention_ahead(text) IS
    'How many rows of a policy''s table are due now, the time of its oldest row, and when that was or will be due. '
    'NULL for another role''s policy; a warning where it cannot be found out.';

CREATE VIEW etl.retention_status WITH (security_invoker = true) AS
SELECT p.name AS policy,
       p.relation,
       p.paused_at IS NOT NULL AS paused,
       a.next_due,
       a.backlog,
       a.oldest,
       l.run_id AS last_run,
       l.started_at AS last_started_at,
       l.status AS last_status,
       l.rows AS last_rows,
       (l.detail ->> 'bytes')::bigint AS last_bytes,
       l.detail ->> 'stopped' AS last_stopped,
       (l.detail ->> 'remaining')::bigint AS last_remaining,
       make_interval(secs => (l.detail ->> 'seconds_left')::bigint) AS last_eta,
       l.error AS last_error,
       t.runs,
       t.rows_moved,
       t.bytes_freed,
       p.owner
FROM etl.retention_policy AS p
CROSS JOIN LATERAL etl._retention_ahead(p.name) AS a
LEFT JOIN LATERAL (
    SELECT r.* FROM etl.run AS r
    WHERE r.kind = 'retention' AND r.name = p.name AND r.owner = p.owner
      AND NOT coalesce((r.detail ->> 'dry_run')::boolean, false)
    ORDER BY r.run_id DESC LIMIT 1
) AS l ON true
CROSS JOIN LATERAL (
    SELECT count(*) AS runs, coalesce(sum((r.detail ->> 'deleted_from_hot')::bigint), 0)::bigint AS rows_moved,
           coalesce(sum((SELECT sum((x ->> 'bytes')::bigint) FROM jsonb_array_elements(r.detail -> 'actions') AS x
                         WHERE (x ->> 'tier')::integer = 1)), 0)::bigint AS bytes_freed
    FROM etl.run AS r
    WHERE r.kind = 'retention' AND r.name = p.name AND r.owner = p.owner
      AND NOT coalesce((r.detail ->> 'dry_run')::boolean, false)
) AS t;
COMMENT ON VIEW etl.retention_status IS
    'Retention policies of the current role with what is ahead of them (next_due: when the oldest row was or will be '
    'due; backlog: rows that are due now; oldest), how the last run went (stopped and eta: what ended it early, and '
    'how long the rest takes), and what all runs have done (rows and bytes that left the table). It counts rows, which '
    'takes as long as reading what is due by the index on the time column.';
GRANT SELECT ON etl.retention_status TO PUBLIC;
