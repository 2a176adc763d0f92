-- What lies in the directory of archives, and what the ledger says of it.

CREATE VIEW etl.archive_files WITH (security_invoker = true) AS
SELECT coalesce(f.location, a.location) AS location,
       CASE
           WHEN f.location IS NULL THEN 'missing'
           WHEN f.location LIKE '%.tmp' THEN 'unfinished'
           WHEN a.archive_id IS NULL THEN 'unlisted'
           ELSE a.status
       END AS state,
       f.bytes,
       f.changed_at,
       a.archive_id,
       a.policy,
       a.rows,
       a.run_id
FROM etl._archive_list() AS f
FULL JOIN (
    SELECT a.* FROM etl.archive AS a
    WHERE a.action = 'archived' AND a.status <> 'removed' AND etl._is_archive_file(a.location)
) AS a ON a.location = regexp_replace(f.location, '\.[0-9a-f]{16}\.tmp$', '');
COMMENT ON VIEW etl.archive_files IS
    'Every file below pg_etl.archive_directory, and every file that the ledger has. state: the status in the ledger '
    '(writing, kept, removing), unlisted for a file that is in no ledger of the current role, unfinished for one that '
    'is being written or was left by a crash, under a temporary name, missing for one that is not there. Needs the '
    'privileges of pg_read_server_files (42501).';
GRANT SELECT ON etl.archive_files TO pg_read_server_files;
