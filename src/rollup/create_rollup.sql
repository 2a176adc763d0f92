-- Rollups defined.

CREATE FUNCTION etl._check_rollup(
    query text, key_columns name[], mode text, affects jsonb, schedule text, retention text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF array_ndims(key_columns) > 1 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('key_columns must be a plain list of names, not %s', key_columns),
            HINT = 'Give them as in ''{day,shop}''.';
    ELSIF query IS NULL OR coalesce(cardinality(key_columns), 0) = 0
          OR array_position(key_columns, NULL) IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = CASE WHEN query IS NULL THEN 'no query was given' ELSE 'no key column was given' END,
            HINT = 'Give one SELECT with GROUP BY, and the names of its columns that are grouped by.';
    ELSIF mode IS NULL OR mode NOT IN ('auto', 'recompute', 'delta') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = CASE WHEN mode IS NULL THEN 'mode must not be NULL' ELSE format('unknown mode "%s"', mode) END,
            DETAIL = 'The known ones are auto, recompute, delta.',
            HINT = 'Leave mode out to have auto: delta where the query allows it.';
    ELSIF retention NOT IN ('follow', 'freeze') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('unknown retention "%s"', retention),
            DETAIL = 'The known ones are follow and freeze.',
            HINT = 'Leave it out where no rows are erased from the tables that the query reads.';
    ELSIF jsonb_typeof(affects) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'affects must be a JSON object',
            HINT = 'Give tables and queries: {"public.rates": "SELECT … FROM changed …"}.';
    END IF;
    IF schedule IS NOT NULL THEN
        PERFORM etl._require_schedule(schedule);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._check_rollup(text, name[], text, jsonb, text, text) IS
    'Checks the arguments of etl.create_rollup by themselves (22023).';

CREATE FUNCTION etl._schedule_rollup(rollup etl.rollup)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF rollup.schedule IS NULL THEN
        PERFORM etl._cron_unschedule(etl._cron_job_name('rollup', rollup.name), rollup.owner);
    ELSE
        PERFORM etl._cron_schedule(etl._cron_job_name('rollup', rollup.name), rollup.schedule,
                                   format('CALL etl.refresh_rollup(%L)', rollup.name));
    END IF;
END
$$;
COMMENT ON FUNCTION etl._schedule_rollup(etl.rollup) IS
    'Gives a rollup the pg_cron job of its schedule, or takes the job away where it has none.';

CREATE FUNCTION etl._keep_rollup(stored etl.rollup, wanted etl.rollup, if_not_exists boolean)
RETURNS integer
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT if_not_exists THEN
        RAISE EXCEPTION USING
            ERRCODE = 'duplicate_object',
            MESSAGE = format('rollup "%s" already exists', stored.name),
            HINT = format('etl.alter_rollup(%L, …) changes it; or pass if_not_exists => true.', stored.name);
    ELSIF (stored.query, stored.key_columns, stored.mode, stored.affects, stored.realtime)
              = (wanted.query, wanted.key_columns, wanted.mode, wanted.affects, wanted.realtime)
          AND (stored.schedule, stored.retention, stored.description)
              IS NOT DISTINCT FROM (wanted.schedule, wanted.retention, wanted.description) THEN
        RAISE NOTICE 'rollup "%" already exists, nothing changed', stored.name;
    ELSE
        RAISE WARNING USING
            MESSAGE = format('rollup "%s" already exists with another definition, nothing changed', stored.name),
            HINT = format('etl.alter_rollup(%L, …) changes it.', stored.name);
    END IF;
    PERFORM etl._schedule_rollup(stored);
    RETURN stored.rollup_id;
END
$$;
COMMENT ON FUNCTION etl._keep_rollup(etl.rollup, etl.rollup, boolean) IS
    'What etl.create_rollup does when there is a rollup of that name: error (42710), notice or warning.';

CREATE FUNCTION etl._store_rollup(rollup etl.rollup)
RETURNS etl.rollup
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored etl.rollup;
BEGIN
    INSERT INTO etl.rollup AS r (name, query, key_columns, mode, affects, timezone, plan, target, schedule, realtime,
                                 retention, description)
    VALUES (rollup.name, rollup.query, rollup.key_columns, rollup.mode, rollup.affects, rollup.timezone, rollup.plan,
            rollup.target, rollup.schedule, rollup.realtime, rollup.retention, rollup.description)
    RETURNING r.* INTO stored;
    RETURN stored;
END
$$;
COMMENT ON FUNCTION etl._store_rollup(etl.rollup) IS 'Writes a new definition down, and returns it with its number.';

CREATE FUNCTION etl._create_rollup(rollup etl.rollup, with_data boolean)
RETURNS integer
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    rollup.plan := etl._planned_rollup(rollup);
    PERFORM etl._require_freezable(rollup);
    IF to_regclass(rollup.name) IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'duplicate_table',
            MESSAGE = format('relation "%s" already exists', rollup.name),
            DETAIL = 'A rollup makes its table itself.',
            HINT = 'Rename or drop that relation, or give the rollup another name.';
    END IF;
    PERFORM etl._create_rollup_table(rollup);
    PERFORM etl._create_pending(rollup);
    rollup.plan := jsonb_set(rollup.plan, '{keys}', etl._key_operators(
        etl._rollup_table(rollup.name, '_pending')::regclass, rollup.plan -> 'keys'));
    rollup.target := rollup.name::regclass;
    rollup := etl._store_rollup(rollup);
    PERFORM etl._create_rollup_parts(rollup);
    IF with_data THEN
        PERFORM etl._fill_rollup(rollup, now());
    END IF;
    -- A snapshot from before the triggers has not seen all that they have not noted.
    IF NOT with_data OR current_setting('transaction_isolation') <> 'read committed' THEN
        PERFORM etl._mark_all(rollup);
    END IF;
    IF rollup.realtime THEN
        PERFORM etl._create_live_view(rollup);
    END IF;
    IF rollup.schedule IS NOT NULL THEN
        PERFORM etl._schedule_rollup(rollup);
    END IF;
    RETURN rollup.rollup_id;
END
$$;
COMMENT ON FUNCTION etl._create_rollup(etl.rollup, boolean) IS
    'Creates a rollup from a definition that was checked, and returns its number.';

CREATE FUNCTION etl.create_rollup(
    name text,
    query text,
    key_columns name[],
    mode text DEFAULT 'auto',
    affects jsonb DEFAULT '{}',
    schedule text DEFAULT NULL,
    realtime boolean DEFAULT false,
    retention text DEFAULT NULL,
    description text DEFAULT NULL,
    with_data boolean DEFAULT true,
    if_not_exists boolean DEFAULT false
)
RETURNS integer
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted etl.rollup;
    stored etl.rollup;
BEGIN
    PERFORM etl._require_flag(realtime, 'realtime'), etl._require_flag(with_data, 'with_data'),
            etl._require_flag(if_not_exists, 'if_not_exists');
    PERFORM etl._check_rollup(query, key_columns, mode, affects, schedule, retention);
    wanted.name := etl._rollup_name(name);
    wanted.query := regexp_replace(query, '[\s;]+$', '');
    wanted.key_columns := key_columns;
    wanted.mode := mode;
    wanted.affects := affects;
    wanted.timezone := current_setting('timezone');
    wanted.schedule := lower(btrim(schedule));
    wanted.realtime := realtime;
    wanted.retention := retention;
    wanted.description := description;
    wanted.owner := current_user;
    -- Whoever creates a rollup of that name at the same time waits, and then finds it.
    PERFORM pg_advisory_xact_lock('etl.rollup_source'::regclass::oid::integer, hashtext(wanted.name));
    stored := etl._find_rollup(wanted.name);
    IF stored.rollup_id IS NOT NULL THEN
        RETURN etl._keep_rollup(stored, wanted, if_not_exists);
    END IF;
    RETURN etl._create_rollup(wanted, with_data);
END
$$;
COMMENT ON FUNCTION etl.create_rollup(
    text, text, name[], text, jsonb, text, boolean, text, text, boolean, boolean) IS
    'Creates a rollup: an ordinary table with the answer of an aggregate query, kept exact by refreshes that cost what '
    'has changed (CALL etl.refresh_rollup). Returns its number. Triggers on the tables that the query reads note what '
    'changes. name: the table, with its schema. query: one SELECT with GROUP BY over ordinary or partitioned tables. '
    'key_columns: its columns that are grouped by, the one that grows with time first. mode: auto merges changes into '
    'groups (delta) where the query allows it and computes groups anew (recompute) otherwise; delta and recompute '
    'insist. affects: for tables of which it cannot be derived which groups a change touches, a query over "changed" '
    'that says so: {"public.rates": "SELECT day FROM changed"}. schedule: five cron fields, in GMT, or @hourly and the '
    'like: refreshes by pg_cron. realtime: a view, named with _live added, that adds what was not refreshed yet. '
    'retention: what becomes of groups whose rows are erased by retention: freeze keeps them, follow computes them '
    'from what is left; without it a refresh that meets such an erasure stops. with_data: fills the rollup at once, '
    'in this transaction, in which nobody else can write the tables; false leaves it to the first refresh. The time '
    'zone of the session is the one that the query is computed in from then on. if_not_exists: leaves an existing one '
    'as it is, with a NOTICE, or a WARNING when it differs. '
    'Errors: 42602 a name without schema, 42622 too long, 22023 bad argument, 42710 the rollup exists, 42P07 a table '
    'of a name that is needed exists, 0A000 a query that cannot be a rollup, or not with mode delta, or a temporary '
    'schema, 42501 no right to read a table or to create triggers on it, 55000 a schedule without pg_cron.';
