-- Pipelines, their steps, and what became of both: the tables.
--
-- A definition (etl.pipeline, etl.step) says what is to be done; a run (etl.pipeline_run, a row beside the one that
-- every run has in etl.run) does it for one logical time, once: pipeline and logical time are its key. When a run
-- begins it takes a copy of the steps (etl.step_run), and these rows are what is executed and what is looked at.
--
-- The owner is part of the foreign keys, so that nobody can slip a step into another role's pipeline, where it would be
-- run with that role's rights.

CREATE TABLE etl.pipeline (
    pipeline_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    description text,
    schedule text,
    timezone text NOT NULL DEFAULT 'UTC',
    start_at timestamptz,
    catchup text NOT NULL DEFAULT 'last' CHECK (catchup IN ('last', 'none', 'all')),
    overlap text NOT NULL DEFAULT 'skip' CHECK (overlap IN ('skip', 'queue', 'replace')),
    max_parallel integer NOT NULL DEFAULT 4 CHECK (max_parallel > 0),
    timeout interval,
    on_failure text NOT NULL DEFAULT 'stop' CHECK (on_failure IN ('stop', 'continue')),
    labels jsonb NOT NULL DEFAULT '{}',
    search_path text NOT NULL,
    paused_at timestamptz,
    next_at timestamptz, -- the first time of the schedule that no run was made for yet
    problem text, -- why none can be made for it
    pruned_to timestamptz, -- the last time of the schedule whose run is no longer on record
    created_at timestamptz NOT NULL DEFAULT now(),
    owner name NOT NULL DEFAULT current_user,
    UNIQUE (pipeline_id, owner)
);
CREATE INDEX pipeline_next_idx ON etl.pipeline (next_at) WHERE next_at IS NOT NULL AND paused_at IS NULL;
COMMENT ON TABLE etl.pipeline IS 'Pipelines, one row each; a role sees its own. Read them in etl.pipelines.';
COMMENT ON SEQUENCE etl.pipeline_pipeline_id_seq IS 'Numbers of pipelines.';
ALTER TABLE etl.pipeline ENABLE ROW LEVEL SECURITY;
CREATE POLICY pipeline_owner ON etl.pipeline USING (owner = current_user);
GRANT SELECT, INSERT, UPDATE, DELETE ON etl.pipeline TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.pipeline', '');
GRANT SELECT ON SEQUENCE etl.pipeline_pipeline_id_seq TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.pipeline_pipeline_id_seq', '');

CREATE TABLE etl.step (
    step_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    pipeline_id integer NOT NULL,
    name text NOT NULL,
    action text NOT NULL,
    kind text NOT NULL DEFAULT 'sql',
    depends_on text[] NOT NULL DEFAULT '{}',
    run_if text NOT NULL DEFAULT 'all_success' CHECK (run_if IN ('all_success', 'all_done', 'any_failed')),
    attempts integer NOT NULL DEFAULT 3 CHECK (attempts > 0),
    backoff interval NOT NULL DEFAULT '1 s',
    backoff_factor double precision NOT NULL DEFAULT 2,
    backoff_max interval NOT NULL DEFAULT '5 minutes',
    jitter double precision NOT NULL DEFAULT 0.1,
    retry_sqlstates text[], -- NULL: those of etl._is_transient
    timeout interval,
    run_as name, -- NULL: the owner
    params jsonb NOT NULL DEFAULT '{}',
    "check" text,
    owner name NOT NULL DEFAULT current_user,
    UNIQUE (pipeline_id, name),
    FOREIGN KEY (pipeline_id, owner) REFERENCES etl.pipeline (pipeline_id, owner) ON DELETE CASCADE ON UPDATE CASCADE
);
COMMENT ON TABLE etl.step IS 'Steps of pipelines; a role sees its own. Read them in etl.steps.';
COMMENT ON SEQUENCE etl.step_step_id_seq IS 'Numbers of steps.';
ALTER TABLE etl.step ENABLE ROW LEVEL SECURITY;
CREATE POLICY step_owner ON etl.step USING (owner = current_user);
GRANT SELECT, INSERT, UPDATE, DELETE ON etl.step TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.step', '');
GRANT SELECT ON SEQUENCE etl.step_step_id_seq TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.step_step_id_seq', '');

-- No foreign key leads to etl.pipeline: the record of runs outlives it.
CREATE TABLE etl.pipeline_run (
    run_id bigint PRIMARY KEY,
    pipeline_id integer NOT NULL,
    logical_time timestamptz NOT NULL,
    interval_start timestamptz,
    interval_end timestamptz,
    trigger text NOT NULL CHECK (trigger IN ('call', 'start', 'schedule', 'backfill')),
    backfill_id bigint, -- the first run of the backfill that it belongs to
    parallel integer NOT NULL DEFAULT 1, -- how many runs of that backfill may be under way at once
    params jsonb NOT NULL DEFAULT '{}',
    from_step text,
    max_parallel integer NOT NULL,
    timeout interval,
    on_failure text NOT NULL,
    search_path text NOT NULL,
    labels jsonb NOT NULL DEFAULT '{}',
    queued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    deadline timestamptz,
    executor_pid integer,
    cancel_requested_at timestamptz,
    owner name NOT NULL DEFAULT current_user,
    UNIQUE (pipeline_id, logical_time, owner), -- the owner, so that no role can take another one's times
    UNIQUE (run_id, owner),
    FOREIGN KEY (run_id, owner) REFERENCES etl.run (run_id, owner) ON DELETE CASCADE ON UPDATE CASCADE
);
COMMENT ON TABLE etl.pipeline_run IS
    'What a run of a pipeline has beside its row in etl.run: its key (pipeline and logical time), its interval, and '
    'the settings of the pipeline as they were when it was queued. Read them in etl.pipeline_runs.';
ALTER TABLE etl.pipeline_run ENABLE ROW LEVEL SECURITY;
CREATE POLICY pipeline_run_owner ON etl.pipeline_run USING (owner = current_user);
GRANT SELECT, INSERT, UPDATE, DELETE ON etl.pipeline_run TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.pipeline_run', '');

-- For the views: what a pipeline is at and has waiting; its last run that began; its runs by their logical time.
CREATE INDEX run_active_idx ON etl.run (name, status, run_id)
    WHERE kind = 'pipeline' AND status IN ('queued', 'running');
CREATE INDEX run_begun_idx ON etl.run (name, run_id) WHERE kind = 'pipeline' AND started_at IS NOT NULL;
CREATE INDEX run_logical_time_idx ON etl.run (name, as_of) WHERE kind = 'pipeline';

CREATE TABLE etl.step_run (
    step_run_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id bigint NOT NULL,
    position integer NOT NULL,
    step text NOT NULL,
    kind text NOT NULL,
    mode text NOT NULL CHECK (mode IN ('sql', 'procedure', 'toplevel')), -- how the command is executed
    command text NOT NULL,
    depends_on text[] NOT NULL,
    needs integer[] NOT NULL, -- the positions of depends_on
    run_if text NOT NULL,
    attempts integer NOT NULL,
    backoff interval NOT NULL,
    backoff_factor double precision NOT NULL,
    backoff_max interval NOT NULL,
    jitter double precision NOT NULL,
    retry_sqlstates text[],
    timeout interval,
    run_as name,
    params jsonb NOT NULL,
    "check" text,
    status text NOT NULL DEFAULT 'waiting'
        CHECK (status IN ('waiting', 'running', 'succeeded', 'failed', 'skipped', 'cancelled')),
    attempt integer NOT NULL DEFAULT 0, -- committed before the work begins
    is_settled boolean NOT NULL DEFAULT false, -- left out by from_step: those that need it may go on
    after_failure boolean NOT NULL DEFAULT false, -- skipped because of one, which run_if any_failed counts as well
    next_attempt_at timestamptz,
    slot_wanted_at timestamptz, -- since when it waits for a worker, which it cannot do without
    worker_pid integer,
    started_at timestamptz,
    finished_at timestamptz,
    rows bigint,
    sqlstate text,
    error text,
    detail text,
    hint text,
    context text,
    owner name NOT NULL DEFAULT current_user,
    UNIQUE (run_id, position),
    FOREIGN KEY (run_id, owner) REFERENCES etl.run (run_id, owner) ON DELETE CASCADE ON UPDATE CASCADE
) WITH (fillfactor = 70); -- room for the changes of status, which touch no index
COMMENT ON TABLE etl.step_run IS
    'Steps of pipeline runs, also those under way and still waiting. Read them in etl.step_runs.';
COMMENT ON SEQUENCE etl.step_run_step_run_id_seq IS 'Numbers of the rows of etl.step_run.';
ALTER TABLE etl.step_run ENABLE ROW LEVEL SECURITY;
CREATE POLICY step_run_owner ON etl.step_run USING (owner = current_user);
GRANT SELECT, INSERT, UPDATE, DELETE ON etl.step_run TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.step_run', '');
GRANT SELECT ON SEQUENCE etl.step_run_step_run_id_seq TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.step_run_step_run_id_seq', '');

CREATE TABLE etl.run_event (
    event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    step text,
    attempt integer,
    event text NOT NULL,
    message text,
    detail jsonb NOT NULL DEFAULT '{}',
    owner name NOT NULL DEFAULT current_user,
    FOREIGN KEY (run_id, owner) REFERENCES etl.run (run_id, owner) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE INDEX run_event_run_idx ON etl.run_event (run_id, event_id);
COMMENT ON TABLE etl.run_event IS
    'What happened to runs of pipelines and their steps: failed attempts, retries, cancels, lost sessions. Read it in '
    'etl.run_log.';
COMMENT ON SEQUENCE etl.run_event_event_id_seq IS 'Numbers of the rows of etl.run_event.';
ALTER TABLE etl.run_event ENABLE ROW LEVEL SECURITY;
CREATE POLICY run_event_owner ON etl.run_event USING (owner = current_user);
GRANT SELECT, INSERT, UPDATE, DELETE ON etl.run_event TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.run_event', '');
GRANT SELECT ON SEQUENCE etl.run_event_event_id_seq TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.run_event_event_id_seq', '');

CREATE TABLE etl.scheduler (
    owner name PRIMARY KEY DEFAULT current_user,
    ticked_at timestamptz, -- the heartbeat
    tick_time interval, -- how long the last tick took
    queued integer, -- runs that it queued
    started_at timestamptz, -- by etl.start_scheduler
    stopped_at timestamptz, -- by etl.stop_scheduler
    keep_runs interval NOT NULL DEFAULT '90 days',
    keep_job_details interval NOT NULL DEFAULT '7 days',
    keep_ingestions interval NOT NULL DEFAULT '30 days',
    keep_batches interval, -- NULL, here and below: for ever
    keep_raw_records interval,
    keep_dead_letters interval,
    pruned_at timestamptz,
    refused name[] NOT NULL DEFAULT '{}' -- roles whose runs no worker could take at the last tick, which it has said
);
COMMENT ON TABLE etl.scheduler IS
    'When the schedules of a role were last looked at, and how long the record of its runs and of what it has received '
    'is kept; one row for each role that ticks. Read it in etl.scheduler_status.';
ALTER TABLE etl.scheduler ENABLE ROW LEVEL SECURITY;
CREATE POLICY scheduler_owner ON etl.scheduler USING (owner = current_user);
-- A superuser's ticks are for all, and so everybody may see whether they come.
CREATE POLICY scheduler_superuser ON etl.scheduler FOR SELECT USING (
    EXISTS (SELECT FROM pg_catalog.pg_roles AS r WHERE r.rolname = owner AND r.rolsuper));
GRANT SELECT, INSERT, UPDATE, DELETE ON etl.scheduler TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.scheduler', '');
