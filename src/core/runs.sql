-- Records of runs: one row in etl.run for every pipeline, extract, retention policy, partition policy, refresh (of a
-- materialized view or of a rollup) and materialisation of features that was run. The row is written when the run
-- begins and changes in the same transactions as the data of which it speaks.

CREATE TABLE etl.run (
    run_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN (
        'pipeline', 'extract', 'retention', 'partitions', 'refresh', 'features', 'rollup')),
    name text NOT NULL,
    as_of timestamptz NOT NULL,
    started_at timestamptz DEFAULT clock_timestamp(), -- NULL: it waits in the queue
    finished_at timestamptz,
    status text NOT NULL DEFAULT 'running'
        CHECK (status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled', 'skipped')),
    rows bigint,
    detail jsonb NOT NULL DEFAULT '{}',
    error text,
    owner name NOT NULL DEFAULT current_user,
    UNIQUE (run_id, owner)
);
CREATE INDEX run_name_idx ON etl.run (kind, name, run_id);
CREATE INDEX run_finished_idx ON etl.run (owner, finished_at, run_id)
    WHERE kind IN ('pipeline', 'extract', 'refresh', 'rollup', 'features'); -- those that etl.prune_history deletes
CREATE INDEX run_open_idx ON etl.run (kind, owner) WHERE status IN ('queued', 'running');
COMMENT ON TABLE etl.run IS
    'Runs of pipelines, extracts, retention and partition policies, refreshes of materialized views and of rollups, '
    'and materialisations of features, also those under way. Read them in etl.runs.';
COMMENT ON SEQUENCE etl.run_run_id_seq IS 'Numbers of runs.';
ALTER TABLE etl.run ENABLE ROW LEVEL SECURITY;
CREATE POLICY run_owner ON etl.run USING (owner = current_user);
GRANT SELECT, INSERT, UPDATE, DELETE ON etl.run TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.run', '');
GRANT SELECT ON SEQUENCE etl.run_run_id_seq TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.run_run_id_seq', '');

CREATE VIEW etl.runs WITH (security_invoker = true) AS
SELECT r.run_id,
       r.kind,
       r.name,
       r.as_of,
       r.started_at,
       coalesce(r.finished_at, clock_timestamp()) - r.started_at AS duration,
       r.status,
       r.rows,
       r.detail,
       r.error,
       r.owner
FROM etl.run AS r;
COMMENT ON VIEW etl.runs IS
    'One row for each run of a pipeline, an extract, a retention policy, a partition policy (kind partitions), a '
    'refresh of a materialized view (kind refresh) or of a rollup, or a materialisation of features: its logical time '
    '(as_of), how long it took or takes, its status (running, succeeded, failed; of pipelines also queued, cancelled, '
    'skipped), the rows that it changed, counts per kind (detail), and why it failed.';
GRANT SELECT ON etl.runs TO PUBLIC;

CREATE FUNCTION etl._start_run(kind text, name text, as_of timestamptz)
RETURNS bigint
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO etl.run (kind, name, as_of) VALUES (kind, name, as_of) RETURNING run_id
$$;
COMMENT ON FUNCTION etl._start_run(text, text, timestamptz) IS
    'Records that a run begins (kind pipeline, extract, retention, partitions, refresh, features or rollup; what '
    'runs; its logical time), and returns its number.';

CREATE FUNCTION etl._finish_run(run_id bigint, status text, rows bigint, detail jsonb, error text)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE etl.run AS r
    SET status = _finish_run.status,
        rows = _finish_run.rows,
        detail = coalesce(_finish_run.detail, r.detail),
        error = left(_finish_run.error, 10000),
        finished_at = clock_timestamp()
    WHERE r.run_id = _finish_run.run_id
$$;
COMMENT ON FUNCTION etl._finish_run(bigint, text, bigint, jsonb, text) IS
    'Records how a run ended: its status, the rows changed, detail (NULL keeps what is there), error text.';

CREATE FUNCTION etl._lock_run(definitions regclass, id integer)
RETURNS boolean
LANGUAGE C VOLATILE STRICT
AS 'MODULE_PATHNAME', 'etl_lock_run';
COMMENT ON FUNCTION etl._lock_run(regclass, integer) IS
    'Takes the session''s lock on a definition (its table, its number) without waiting: false when another session '
    'holds it, so that nothing runs twice at once. It is kept through commits, and goes with etl._unlock_run or when a '
    'transaction of the session is rolled back: a run that an error or a cancel ends, wherever it is, leaves none.';

CREATE FUNCTION etl._unlock_run(definitions regclass, id integer)
RETURNS void
LANGUAGE C VOLATILE STRICT
AS 'MODULE_PATHNAME', 'etl_unlock_run';
COMMENT ON FUNCTION etl._unlock_run(regclass, integer) IS
    'Releases the session''s lock on a definition, however often the session took it.';

CREATE FUNCTION etl._retake_locks()
RETURNS boolean
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'etl_retake_locks';
COMMENT ON FUNCTION etl._retake_locks() IS
    'Takes the locks of etl._lock_run again that a user''s SQL has released (pg_advisory_unlock_all); false where '
    'another session has one of them by now.';

CREATE FUNCTION etl._run_lock_holder(definitions regclass, id integer)
RETURNS integer
LANGUAGE C VOLATILE STRICT
AS 'MODULE_PATHNAME', 'etl_run_lock_holder';
COMMENT ON FUNCTION etl._run_lock_holder(regclass, integer) IS
    'The process id of another session that holds the lock of etl._lock_run on a definition; NULL when none does.';

CREATE FUNCTION etl._take_cancel_once(code text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF code = '57014' THEN
        PERFORM pg_sleep(0.02);
    END IF;
EXCEPTION
    WHEN query_canceled THEN NULL;
END
$$;
COMMENT ON FUNCTION etl._take_cancel_once(text) IS
    'For handlers that record an error with this SQLSTATE. The postmaster signals a session and then its process '
    'group, so that one cancel may arrive twice; the second signal would end what records the first.';

CREATE FUNCTION etl._rest(seconds double precision)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF seconds > 0 THEN
        PERFORM pg_sleep(seconds);
    END IF;
    RETURN NULL;
EXCEPTION
    WHEN query_canceled THEN
        PERFORM etl._take_cancel_once(SQLSTATE);
        RETURN jsonb_build_object('sqlstate', SQLSTATE, 'message', SQLERRM);
END
$$;
COMMENT ON FUNCTION etl._rest(double precision) IS
    'Waits between two steps of a run. A cancel meanwhile is returned (sqlstate, message) and not raised, so that the '
    'run can be recorded as failed; otherwise NULL.';

CREATE FUNCTION etl._close_lost_runs(kind text, name text, before bigint DEFAULT NULL)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE etl.run AS r
    SET status = 'failed',
        error = 'the call that ran it ended before it had finished',
        finished_at = clock_timestamp()
    WHERE r.kind = _close_lost_runs.kind AND r.name = _close_lost_runs.name AND r.status = 'running'
      AND r.owner = current_user AND (before IS NULL OR r.run_id < before)
$$;
COMMENT ON FUNCTION etl._close_lost_runs(text, text, bigint) IS
    'Marks runs as failed that still say running although nobody runs them any more. The caller holds the lock of what '
    'is run, which proves it. before: only runs with lower numbers than this.';

CREATE FUNCTION etl.as_of()
RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(nullif(current_setting('pg_etl.as_of', true), '')::timestamptz, now())
$$;
COMMENT ON FUNCTION etl.as_of() IS
    'Logical time of the pipeline step that is running: that of etl.run_pipeline. Outside of a pipeline it is '
    'now(). A step that computes with etl.as_of() gives the same result when it is run again for a past moment.';

CREATE PROCEDURE etl._require_toplevel(procedure text)
LANGUAGE C
AS 'MODULE_PATHNAME', 'etl_require_toplevel';
COMMENT ON PROCEDURE etl._require_toplevel(text) IS
    'Checks that the procedure that calls it may commit (2D000 inside a transaction block or a function) and write '
    '(25006 in a read-only session or on a standby); the argument names that procedure in the error.';

CREATE FUNCTION etl._may_commit()
RETURNS boolean
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'etl_may_commit';
COMMENT ON FUNCTION etl._may_commit() IS
    'Whether the procedure that asks may COMMIT: it was called on its own and not inside a transaction block, a '
    'function or an exception block.';
