-- Faults of materialized views and of the policies that refresh them.

CREATE FUNCTION etl._double_counting(
    matview regclass, OUT aggregate text, OUT counted text, OUT repeated_by text, OUT columns text)
RETURNS SETOF record
LANGUAGE C STRICT STABLE
AS 'MODULE_PATHNAME', 'etl_double_counting';
COMMENT ON FUNCTION etl._double_counting(regclass) IS
    'Aggregates in the query of a materialized view, and of views beneath it, that count a row of one relation '
    '(counted) more than once because a join with another one (repeated_by) repeats it: nothing makes the columns '
    'unique there by which it is compared (NULL: it is compared by none).';

CREATE FUNCTION etl._grouped_columns(matview regclass)
RETURNS text[]
LANGUAGE C STRICT STABLE
AS 'MODULE_PATHNAME', 'etl_grouped_columns';
COMMENT ON FUNCTION etl._grouped_columns(regclass) IS
    'The columns of a materialized view that its query is grouped by, and that tell its rows apart; NULL where there '
    'are none or not all of them are columns.';

CREATE FUNCTION etl._lint_views(
    OUT matview text, OUT problem text, OUT severity text, OUT detail text, OUT hint text)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off
AS $$
    WITH v AS (
        SELECT c.oid::regclass AS view, etl._relation_name(c.oid) AS name, c.relispopulated
        FROM pg_class AS c
        WHERE c.relkind = 'm' AND pg_has_role(c.relowner, 'USAGE')
    )
    SELECT v.name, 'not populated', 'error', 'It has no rows, and to read it is an error.',
           format('CALL etl.refresh_matview(%L);', v.name)
    FROM v WHERE NOT v.relispopulated
    UNION ALL
    SELECT v.name, 'no unique index', 'warning',
           'It has no unique index over plain columns and all rows, so readers wait while it is refreshed.',
           format('CREATE UNIQUE INDEX ON %s (%s);', v.name,
                  coalesce((SELECT string_agg(quote_ident(g), ', ') FROM unnest(etl._grouped_columns(v.view)) AS g),
                           '…'))
    FROM v WHERE NOT EXISTS (SELECT FROM etl._matview_keys(v.view))
    UNION ALL
    SELECT v.name, 'NULL in the key', 'warning',
           format('Rows have NULL in the key (%s), and each concurrent refresh writes all of these anew.', k),
           'Let the query return a value in place of NULL, as with coalesce().'
    FROM v CROSS JOIN LATERAL etl._null_keys(v.view) AS k
    WHERE k IS NOT NULL
    UNION ALL
    SELECT v.name, 'double counting', CASE WHEN d.columns IS NULL THEN 'warning' ELSE 'error' END,
           format('%s counts a row of "%s" once per row of "%s": %s', d.aggregate, d.counted, d.repeated_by,
                  coalesce('(' || d.columns || ') is not unique there.', 'no column is compared.')),
           format('Join with one row for each %s: aggregate "%s" in a subquery first; or, if it is so already, CREATE '
                  'UNIQUE INDEX ON %s (%s);', coalesce(d.columns, '…'), d.repeated_by, d.repeated_by,
                  coalesce(d.columns, '…'))
    FROM v CROSS JOIN LATERAL etl._double_counting(v.view) AS d
$$;
COMMENT ON FUNCTION etl._lint_views() IS 'What etl.lint_matviews() finds of the current role''s views themselves.';

CREATE FUNCTION etl._policy_times(
    OUT matview text, OUT view regclass, OUT schedule text, OUT setting text, OUT with_dependencies boolean,
    OUT created_at timestamptz, OUT every interval, OUT took interval, OUT ended boolean, OUT error text)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT p.matview, etl._named_relation(p.matview), p.schedule, p.setting, p.with_dependencies, p.created_at,
           etl._cron_interval(p.schedule), done.finished_at - done.started_at, last.status IS NOT NULL,
           CASE WHEN last.status = 'failed' THEN last.error END
    FROM etl.refresh_policy AS p
    LEFT JOIN LATERAL (
        SELECT * FROM etl.run AS r
        WHERE r.kind = 'refresh' AND r.name = p.matview AND r.owner = p.owner
        ORDER BY r.run_id DESC LIMIT 1
    ) AS last ON true
    LEFT JOIN LATERAL (
        SELECT * FROM etl.run AS r
        WHERE r.kind = 'refresh' AND r.name = p.matview AND r.owner = p.owner AND r.status = 'succeeded'
          AND r.detail ->> 'mode' <> 'skipped'
        ORDER BY r.run_id DESC LIMIT 1
    ) AS done ON true
    WHERE p.owner = current_user
$$;
COMMENT ON FUNCTION etl._policy_times() IS
    'The current role''s refresh policies: how often each refreshes its view, how long the last refresh took that was '
    'not skipped, whether there was any run, and why the last one failed if it did.';

CREATE FUNCTION etl._lint_policies(
    as_of timestamptz, OUT matview text, OUT problem text, OUT severity text, OUT detail text, OUT hint text)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH p AS (SELECT * FROM etl._policy_times())
    SELECT p.matview, 'missing view', 'error', 'It has a refresh policy and does not exist.',
           format('SELECT etl.remove_refresh_policy(%L);', p.matview)
    FROM p WHERE p.view IS NULL
    UNION ALL
    SELECT p.matview, 'cannot be concurrent', 'error',
           format('Its policy says concurrently => on, but %s.', etl._concurrently_obstacle(p.view)),
           format('SELECT etl.alter_refresh_policy(%L, concurrently => ''auto'');', p.matview)
    FROM p WHERE p.setting = 'on' AND etl._concurrently_obstacle(p.view) IS NOT NULL
    UNION ALL
    SELECT p.matview, 'never refreshed', 'warning',
           format('Its policy is from %s and has not run, with the schedule "%s".', p.created_at, p.schedule),
           'SELECT * FROM cron.job; shows whether its job is there and active, and cron.job_run_details how it went.'
    FROM p WHERE NOT p.ended AND p.view IS NOT NULL AND p.created_at + p.every < as_of - interval '1 minute'
    UNION ALL
    SELECT p.matview, 'last refresh failed', 'error', p.error,
           format('SELECT * FROM etl.runs WHERE kind = ''refresh'' AND name = %L ORDER BY run_id DESC;', p.matview)
    FROM p WHERE p.error IS NOT NULL
    UNION ALL
    SELECT p.matview, 'longer than its interval', 'warning',
           format('The last refresh took %s, and it is scheduled every %s: some are left out.', p.took, p.every),
           format('SELECT etl.alter_refresh_policy(%L, schedule => …);', p.matview)
    FROM p WHERE p.took > p.every
$$;
COMMENT ON FUNCTION etl._lint_policies(timestamptz) IS
    'What etl.lint_matviews() finds of single refresh policies of the current role.';

CREATE FUNCTION etl._lint_schedules(
    as_of timestamptz, OUT matview text, OUT problem text, OUT severity text, OUT detail text, OUT hint text)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH p AS (SELECT * FROM etl._policy_times()),
    pair AS (
        SELECT a.*, b.matview AS other, b.took AS other_took,
               EXISTS (SELECT FROM etl._refresh_depths(ARRAY[a.view::oid]) AS d WHERE d.matview = b.view) AS reads,
               EXISTS (SELECT FROM etl._refresh_depths(ARRAY[b.view::oid]) AS d WHERE d.matview = a.view) AS is_read
        FROM p AS a
        JOIN p AS b ON a.view <> b.view
        WHERE etl._cron_meet(a.schedule, b.schedule, as_of::date)
    )
    SELECT pair.matview, 'refreshed before its source', 'warning',
           format('It reads "%s", and both are refreshed in the same minute: which one first is left to chance.',
                  other),
           format('SELECT etl.alter_refresh_policy(%L, with_dependencies => true); or give it a later schedule.',
                  pair.matview)
    FROM pair WHERE reads AND NOT with_dependencies
    UNION ALL
    SELECT pair.matview, 'overlapping schedules', 'warning',
           format('It starts in the same minute as "%s", and the last refreshes took %s and %s.', other,
                  coalesce(took::text, 'an unknown time'), coalesce(other_took::text, 'an unknown time')),
           format('SELECT etl.alter_refresh_policy(%L, schedule => …); with other minutes.', pair.matview)
    FROM pair
    WHERE pair.matview < other AND greatest(took, other_took) > interval '1 minute'
      AND NOT (reads OR is_read)
$$;
COMMENT ON FUNCTION etl._lint_schedules(timestamptz) IS
    'What etl.lint_matviews() finds of refresh policies of the current role that start in the same minute.';

CREATE FUNCTION etl.lint_matviews(as_of timestamptz DEFAULT now())
RETURNS TABLE (matview text, problem text, severity text, detail text, hint text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off -- small queries over catalogs
AS $$
    SELECT l.matview, l.problem, l.severity, l.detail, l.hint
    FROM (
        SELECT * FROM etl._lint_views()
        UNION ALL
        SELECT * FROM etl._lint_policies(as_of)
        UNION ALL
        SELECT * FROM etl._lint_schedules(as_of)
    ) AS l
    ORDER BY l.severity, l.matview COLLATE "C", l.problem, l.detail
$$;
COMMENT ON FUNCTION etl.lint_matviews(timestamptz) IS
    'Faults of the materialized views that the current role owns, and of its refresh policies; one row each, with the '
    'severity (error, warning), what was found (detail) and what mends it (hint). '
    'Problems: not populated; no unique index; NULL in the key; double counting (sum, count or avg over columns of one '
    'relation that a join with another one repeats, because no unique index covers the columns that are compared); '
    'missing view; cannot be concurrent; never refreshed; last refresh failed; longer than its interval; refreshed '
    'before its source; overlapping schedules (two start in the same minute, and one takes longer than that). '
    'Reads the keys of the views, and otherwise catalogs only. as_of: the moment for which schedules are judged.';
