-- What users read of extracts.

CREATE VIEW etl.extracts WITH (security_invoker = true) AS
SELECT e.name AS extract,
       e.kind,
       coalesce(e.source ->> 'server', e.source ->> 'source', e.source ->> 'relation') AS source,
       e.source ->> 'path' AS path,
       e.target,
       e.write_mode,
       e.parent,
       e.schedule,
       CASE
           WHEN r.status = 'running' AND etl._run_lock_holder('etl.extract', e.extract_id) IS NOT NULL THEN 'running'
           WHEN e.paused_at IS NOT NULL THEN 'paused'
           WHEN NOT s.is_finished THEN 'unfinished'
           WHEN r.run_id IS NULL THEN 'new'
           ELSE 'idle'
       END AS status,
       s."cursor",
       s."position",
       s.parent_key,
       s.detail AS state,
       r.run_id AS last_run,
       r.status AS last_status,
       r.started_at AS last_started_at,
       coalesce(r.finished_at, clock_timestamp()) - r.started_at AS last_duration,
       (r.detail ->> 'pages')::bigint AS last_pages,
       (r.detail ->> 'received')::bigint AS last_received,
       r.rows AS last_rows,
       r.error AS last_error,
       (SELECT count(*) FROM etl.dead_letter AS d WHERE d.owner = e.owner AND d.extract = e.name) AS dead_letters,
       e.description,
       e.owner
FROM etl.extract AS e
LEFT JOIN etl.extract_state AS s ON s.extract_id = e.extract_id AND s.owner = e.owner
LEFT JOIN LATERAL (
    SELECT u.* FROM etl.run AS u
    WHERE u.kind = 'extract' AND u.name = e.name AND u.owner = e.owner
    ORDER BY u.run_id DESC
    LIMIT 1
) AS r ON true;
COMMENT ON VIEW etl.extracts IS
    'One row for each extract: where it reads and writes, its status (running; paused; unfinished: the next run goes '
    'on at position, of parent_key; new; idle), its cursor, what became of its last run, and how many dead letters it '
    'has.';
GRANT SELECT ON etl.extracts TO PUBLIC;
