-- What is checked of a pipeline when it is defined, and when its schedule comes first.

CREATE FUNCTION etl._require_reset(reset text[], known text[], given text[])
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    word text;
BEGIN
    FOREACH word IN ARRAY coalesce(reset, ARRAY[NULL]) LOOP
        PERFORM etl._require_one_of(word, known, 'reset');
        IF word = ANY (given) THEN
            RAISE EXCEPTION USING
                ERRCODE = 'invalid_parameter_value',
                MESSAGE = format('%s is given and in reset as well', word),
                HINT = 'Give its new value, or name it in reset to take the old one away.';
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._require_reset(text[], text[], text[]) IS
    'Checks the names of what is to be taken away from a definition (22023): known ones, and none that is given a '
    'value.';

CREATE FUNCTION etl._require_object(document jsonb, argument text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF jsonb_typeof(document) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('%s must be a JSON object, not %s', argument, coalesce(left(document::text, 80), 'NULL')),
            HINT = format('Give names and values, as in %s => ''{"country": "NL"}''.', argument);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_object(jsonb, text) IS
    'Checks that a document is a JSON object (22023); the second argument names it in the error.';

CREATE FUNCTION etl._require_search_path(search_path text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM set_config('search_path', search_path, true);
    IF search_path IS NULL THEN
        RAISE invalid_parameter_value;
    END IF;
EXCEPTION
    WHEN invalid_parameter_value THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('search_path is no list of schemas: %s',
                             coalesce(quote_literal(search_path), 'NULL')),
            HINT = 'Give one as in SET search_path, such as ''sales, public''; leave it out to have that of the '
                   'session.';
END
$$;
COMMENT ON FUNCTION etl._require_search_path(text) IS 'Checks that PostgreSQL takes a text for a search_path (22023).';

CREATE FUNCTION etl._check_pipeline(pipeline etl.pipeline)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._require_name(pipeline.name, 'name'),
            etl._require_timezone(pipeline.timezone),
            etl._require_one_of(pipeline.catchup, '{last,none,all}', 'catchup'),
            etl._require_one_of(pipeline.overlap, '{skip,queue,replace}', 'overlap'),
            etl._require_one_of(pipeline.on_failure, '{stop,continue}', 'on_failure'),
            etl._require_object(pipeline.labels, 'labels'),
            etl._require_search_path(pipeline.search_path);
    IF pipeline.schedule IS NOT NULL THEN
        PERFORM etl._schedule_span(pipeline.schedule);
    END IF;
    IF pipeline.start_at IS NOT NULL THEN
        PERFORM etl._require_time(pipeline.start_at, 'start_at');
    END IF;
    IF pipeline.timeout IS NOT NULL THEN
        PERFORM etl._require_bounded(pipeline.timeout, 'timeout');
    END IF;
    IF pipeline.max_parallel IS NULL OR pipeline.max_parallel < 1 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('max_parallel must be at least 1, not %s', coalesce(pipeline.max_parallel::text, 'NULL')),
            HINT = 'So many steps run at once; 1 runs them one by one, leave it out to have 4.';
    ELSIF pipeline.catchup = 'all' AND pipeline.overlap <> 'queue' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('overlap ''%s'' cannot be with catchup ''all''', pipeline.overlap),
            DETAIL = 'Runs that were missed come one after the other; all but one of them would be left out.',
            HINT = 'Say overlap => ''queue'', or catchup => ''last''.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._check_pipeline(etl.pipeline) IS
    'Checks all of a pipeline''s definition but its steps (22023 names what is wrong).';

CREATE FUNCTION etl._first_time(pipeline etl.pipeline, since timestamptz DEFAULT NULL)
RETURNS timestamptz
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    "from" CONSTANT timestamptz := CASE
        WHEN since IS NOT NULL OR pipeline.catchup <> 'all' THEN greatest(coalesce(since, now()), pipeline.start_at)
        ELSE coalesce(pipeline.start_at, now())
    END;
    first timestamptz;
BEGIN
    IF pipeline.schedule IS NULL THEN
        RETURN NULL;
    END IF;
    -- The next time after a moment is later than it; a time at that very moment counts here.
    first := etl._next_time(pipeline.schedule, pipeline.timezone, pipeline.start_at,
                            greatest("from" - interval '1 microsecond', pipeline.pruned_to));
    IF first IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('schedule "%s" never comes', pipeline.schedule),
            HINT = format('SELECT etl.explain_schedule(%L); says what it means.', pipeline.schedule);
    END IF;
    RETURN first;
END
$$;
COMMENT ON FUNCTION etl._first_time(etl.pipeline, timestamptz) IS
    'The first time of a pipeline''s schedule: from now or start_at on, whichever is later, but for catchup all from '
    'start_at on even where that is past. since: from there or start_at on. No time is run again whose run is no '
    'longer on record. NULL without a schedule; 22023 where it has no times at all.';
