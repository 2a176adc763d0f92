-- What was received is kept for a time and then pruned, each kind of it by a setting of its own.
--
-- An ingestion is the record of a call and nothing more. A batch does work as long as it is there: by the hash of its
-- content a load of the same is known. Raw records, dead letters and rejected lines are data that somebody may still
-- want. So all but ingestions stay for ever where nothing was said.

CREATE TYPE etl._prune_job AS (kind text, moment name, owner name, cutoff timestamptz);
COMMENT ON TYPE etl._prune_job IS
    'What is to be pruned: rows of a table of etl (kind) of an owner whose column of that name (moment) is before the '
    'cutoff.';

CREATE FUNCTION etl._keep_received(kind text, owner name)
RETURNS interval
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE kind
               WHEN 'ingestion' THEN coalesce(s.keep_ingestions, interval '30 days')
               WHEN 'batch' THEN s.keep_batches
               WHEN 'raw_record' THEN s.keep_raw_records
               WHEN 'dead_letter' THEN s.keep_dead_letters
           END
    FROM (VALUES (1)) AS always
    LEFT JOIN LATERAL (
        SELECT * FROM etl.scheduler AS c
        WHERE c.owner IN (_keep_received.owner, current_user)
        ORDER BY c.owner = _keep_received.owner DESC
        LIMIT 1) AS s ON true
$$;
COMMENT ON FUNCTION etl._keep_received(text, name) IS
    'How long a kind of what a role has received is kept: as that role said or, where it said nothing, the current '
    'one; NULL for ever.';

CREATE FUNCTION etl._prune_jobs()
RETURNS SETOF etl._prune_job
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    whose CONSTANT text := CASE WHEN etl._ticks_for_all() THEN 'true' ELSE 't.owner = current_user' END;
    job etl._prune_job;
BEGIN
    FOR job.kind, job.moment IN
        VALUES ('ingestion', 'ingested_at'), ('batch', 'finished_at'), ('raw_record', 'arrived_at'),
               ('dead_letter', 'arrived_at')
    LOOP
        job.owner := '';
        LOOP
            EXECUTE format('SELECT t.owner FROM etl.%I AS t WHERE t.owner > $1 AND %s ORDER BY t.owner LIMIT 1',
                           job.kind, whose) INTO job.owner USING job.owner;
            EXIT WHEN job.owner IS NULL;
            job.cutoff := now() - etl._keep_received(job.kind, job.owner);
            IF job.cutoff IS NOT NULL THEN
                RETURN NEXT job;
            END IF;
        END LOOP;
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._prune_jobs() IS
    'What the current role may prune of what was received, its own and a superuser all, where it is not kept for ever.';

CREATE FUNCTION etl._prunable_rows(job etl._prune_job)
RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    held_lines CONSTANT text := etl._held_condition('etl.rejected_line', 'l');
    condition text := 'true';
BEGIN
    IF job.kind = 'batch' THEN
        -- The last content that a table took tells that those before it are there no more.
        condition := $sql$(batch.rejected = batch.received AND batch.received > 0 OR EXISTS (
            SELECT FROM etl.batch AS n
            WHERE n.owner = batch.owner AND n.target = batch.target AND n.batch_id > batch.batch_id
              AND n.status = 'loaded' AND (n.rejected < n.received OR n.received = 0)))$sql$
            || coalesce(' AND NOT EXISTS (SELECT FROM etl.rejected_line AS l WHERE l.batch_id = batch.batch_id AND '
                        || held_lines || ')', '');
    END IF;
    RETURN format($sql$
        SELECT %1$I.ctid AS place, %1$I.%2$I AS moment%4$s
        FROM etl.%1$I
        WHERE %1$I.owner = $1 AND %1$I.%2$I < $2 AND (%1$I.%2$I, %1$I.ctid) > ($3, $4) AND %3$s
        ORDER BY %1$I.%2$I, %1$I.ctid
        LIMIT 1000
        FOR UPDATE OF %1$I SKIP LOCKED$sql$,
        job.kind, job.moment, etl._free_rows(format('etl.%I', job.kind)::regclass, condition),
        CASE job.kind WHEN 'batch' THEN ', batch.batch_id' END);
END
$$;
COMMENT ON FUNCTION etl._prunable_rows(etl._prune_job) IS
    'The query of the next rows of a job, of the owner $1, before $2 and after the moment $3 and place $4: without '
    'those under a legal hold and those that another session has locked.';

CREATE FUNCTION etl._prune_rows(
    job etl._prune_job, dry_run boolean, INOUT moment timestamptz, INOUT place tid, OUT deleted bigint,
    OUT is_last boolean)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '5s'
AS $$
DECLARE
    rows text;
    lines bigint := 0;
    seen record;
    message text;
    hint text;
BEGIN
    deleted := 0;
    PERFORM etl._lock_holds();
    rows := etl._prunable_rows(job);
    IF job.kind = 'batch' AND NOT dry_run THEN
        EXECUTE format('WITH doomed AS MATERIALIZED (%s) DELETE FROM etl.rejected_line AS r WHERE r.ctid = ANY (ARRAY('
                       'SELECT l.ctid FROM doomed AS d JOIN etl.rejected_line AS l ON l.batch_id = d.batch_id '
                       'LIMIT 10000))', rows) USING job.owner, job.cutoff, moment, place;
        GET DIAGNOSTICS lines = ROW_COUNT;
    END IF;
    IF lines = 10000 THEN -- there may be more of them
        is_last := false;
        RETURN;
    END IF;
    EXECUTE format('WITH doomed AS MATERIALIZED (%s), gone AS (DELETE FROM etl.%I AS t USING doomed AS d '
                   'WHERE t.ctid = d.place) SELECT count(*) AS number, max(d.moment) AS moment, '
                   '(array_agg(d.place ORDER BY d.moment DESC, d.place DESC))[1] AS place FROM doomed AS d',
                   rows, job.kind) INTO seen USING job.owner, job.cutoff, moment, place;
    deleted := seen.number;
    moment := seen.moment;
    place := seen.place;
    is_last := deleted < 1000;
EXCEPTION
    WHEN OTHERS THEN -- the tick goes on with what is left to do
        GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
        RAISE WARNING USING
            MESSAGE = format('table "etl.%s" is not pruned: %s', job.kind, message),
            HINT = hint;
        is_last := true;
END
$$;
COMMENT ON FUNCTION etl._prune_rows(etl._prune_job, boolean, timestamptz, tid) IS
    'Deletes the next rows of a job, those after a moment and place, and says how many they were, which was the last '
    'of them, and whether no more are left. Rejected lines go before their batches, in portions of their own. What is '
    'in the way, as a legal hold that cannot be evaluated or that is being placed, is a warning.';

CREATE FUNCTION etl._add_pruned(counts jsonb, kind text, number bigint)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT counts || jsonb_build_object(kind, coalesce((counts ->> kind)::bigint, 0) + number)
$$;
COMMENT ON FUNCTION etl._add_pruned(jsonb, text, bigint) IS 'Counts of what was pruned, with more of one kind.';

CREATE PROCEDURE etl._prune_received(
    dry_run boolean, stops_at timestamptz, INOUT counts jsonb, INOUT is_done boolean)
LANGUAGE plpgsql
AS $$
DECLARE
    jobs etl._prune_job[];
    job etl._prune_job;
    portion record;
    moment pg_catalog.timestamptz;
    place pg_catalog.tid;
BEGIN
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    is_done := false;
    jobs := ARRAY(SELECT j FROM etl._prune_jobs() AS j);
    FOREACH job IN ARRAY jobs LOOP
        moment := '-infinity';
        place := '(0,0)';
        LOOP
            portion := etl._prune_rows(job, dry_run, moment, place);
            moment := portion.moment;
            place := portion.place;
            counts := etl._add_pruned(counts, job.kind, portion.deleted);
            IF dry_run THEN
                ROLLBACK;
            ELSE
                COMMIT;
            END IF;
            PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
            IF clock_timestamp() > stops_at THEN
                RETURN;
            END IF;
            EXIT WHEN portion.is_last;
        END LOOP;
    END LOOP;
    is_done := true;
END
$$;
COMMENT ON PROCEDURE etl._prune_received(boolean, timestamptz, jsonb, boolean) IS
    'Prunes what was received, a thousand rows in each transaction, until that moment; counts is added to, is_done '
    'says whether nothing is left. A dry run rolls each of them back.';
