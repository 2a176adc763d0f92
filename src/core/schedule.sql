-- When schedules come: cron's five fields or an interval, on the clock of a time zone. schedule.hpp tells what happens
-- when the clocks change.

CREATE FUNCTION etl._looks_like_cron(schedule text)
RETURNS boolean
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_looks_like_cron';
COMMENT ON FUNCTION etl._looks_like_cron(text) IS
    'Whether a schedule is written as cron''s: five words, or a macro such as @daily.';

CREATE FUNCTION etl._schedule_words(schedule text)
RETURNS text[]
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_schedule_words';
COMMENT ON FUNCTION etl._schedule_words(text) IS
    'A schedule of cron''s in words, and after it warnings, one sentence or two each. Errors: 22023 names the field '
    'that is not understood.';

CREATE FUNCTION etl._cron_values(schedule text, field integer)
RETURNS integer[]
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_cron_values';
COMMENT ON FUNCTION etl._cron_values(text, integer) IS
    'The numbers that one of the five fields of a schedule allows, of the day of week with 0 for Sunday; L is none.';

CREATE FUNCTION etl._cron_either_day(schedule text)
RETURNS boolean
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_cron_either_day';
COMMENT ON FUNCTION etl._cron_either_day(text) IS
    'Whether a day needs to be only one of both, among the days of month or among those of week.';

CREATE FUNCTION etl._schedule_next(
    cron text, every interval, anchor timestamptz, timezone text, after timestamptz)
RETURNS timestamptz
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_schedule_next';
COMMENT ON FUNCTION etl._schedule_next(text, interval, timestamptz, text, timestamptz) IS
    'The first time after another at which a schedule comes: one of cron''s or, where that is NULL, a span counted '
    'from an anchor. NULL where none comes before the year 10000.';

CREATE FUNCTION etl._schedule_previous(
    cron text, every interval, anchor timestamptz, timezone text, before timestamptz)
RETURNS timestamptz
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_schedule_previous';
COMMENT ON FUNCTION etl._schedule_previous(text, interval, timestamptz, text, timestamptz) IS
    'The last time before another at which a schedule came; arguments as in etl._schedule_next. NULL where none came '
    'since the year 1.';

CREATE FUNCTION etl._require_time(value timestamptz, argument text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF value BETWEEN '0001-01-02 00:00+00' AND '9999-12-30 00:00+00' THEN
        RETURN;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'invalid_parameter_value',
        MESSAGE = format('%s must be a point in time, not %s', argument, coalesce(quote_literal(value), 'NULL')),
        HINT = 'Give a timestamp of the years 1 to 9999, such as ''2025-01-01 00:00+00''.';
END
$$;
COMMENT ON FUNCTION etl._require_time(timestamptz, text) IS
    'Checks that a moment is there and one at which schedules may come (22023), so that what is computed with it stays '
    'within the times of PostgreSQL; the second argument names it in the error.';

CREATE FUNCTION etl._require_bounded(value interval, argument text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._require_positive(value, argument);
    IF value > interval '100 years' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('%s must be no longer than 100 years, not "%s"', argument, value),
            HINT = 'Give a shorter one, or leave it out.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_bounded(interval, text) IS
    'As etl._require_positive, and no longer than 100 years: so long may a timeout be, or what is kept.';

CREATE FUNCTION etl._require_timezone(timezone text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF timezone IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'timezone must not be NULL',
            HINT = 'Leave it out to have UTC.';
    ELSIF timezone ~* '^\s*(utc|gmt)?[-+]?\d' AND timezone !~* '^gmt[-+]?0$' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('time zone "%s" is an offset, whose sign is not what it seems', timezone),
            DETAIL = 'PostgreSQL reads such names as POSIX does: +02 is two hours behind UTC.',
            HINT = 'Name a place, as ''Europe/Berlin'', or the offset as ''Etc/GMT-2'', which is two hours ahead of '
                   'UTC.';
    END IF;
    PERFORM etl._schedule_next('0 0 * * *', NULL, NULL, timezone, '2000-01-01 00:00+00');
END
$$;
COMMENT ON FUNCTION etl._require_timezone(text) IS
    'Checks that a time zone is known, and no offset that means the contrary of what is read in it (22023).';

CREATE FUNCTION etl._schedule_span(schedule text)
RETURNS interval
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
SET intervalstyle = 'postgres'
AS $$
DECLARE
    span interval;
    seconds numeric;
    months integer;
    days integer;
BEGIN
    IF schedule IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'schedule must not be NULL',
            HINT = 'Give fields of cron, as ''0 2 * * *'', or an interval, as ''15 minutes''.';
    ELSIF etl._looks_like_cron(schedule) THEN
        PERFORM etl._schedule_words(schedule);
        RETURN NULL;
    END IF;
    BEGIN
        span := schedule::interval;
    EXCEPTION
        WHEN invalid_datetime_format OR datetime_field_overflow OR interval_field_overflow THEN
            RAISE EXCEPTION USING
                ERRCODE = 'invalid_parameter_value',
                MESSAGE = format('schedule "%s" is neither five fields of cron nor an interval', schedule),
                HINT = 'Give minute, hour, day of month, month and day of week, as ''0 2 * * *'' for 02:00 every day; '
                       'or @hourly, @daily, @weekly, @monthly, @yearly; or an interval, as ''15 minutes''.';
    END;
    seconds := extract(epoch FROM span - date_trunc('day', span));
    months := extract(year FROM span) * 12 + extract(month FROM span);
    days := extract(day FROM span);
    IF NOT isfinite(span) OR span <= interval '0' OR seconds < 0 OR months < 0 OR days < 0
       OR span > interval '1000 years' OR seconds <> trunc(seconds)
       OR (months > 0)::integer + (days > 0)::integer + (seconds > 0)::integer <> 1 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('schedule "%s" is no span that can repeat', schedule),
            DETAIL = 'A span is of months, of days, or of hours, minutes and whole seconds; it is positive and no '
                     'longer than 1000 years.',
            HINT = 'Give fields of cron, as ''0 2 * * *'', or an interval, as ''15 minutes'', ''36 hours'' or '
                   '''2 weeks''.';
    END IF;
    RETURN span;
END
$$;
COMMENT ON FUNCTION etl._schedule_span(text) IS
    'The span of a schedule that is written as an interval, and NULL for one of cron''s. Errors: 22023 it is neither.';

CREATE FUNCTION etl._schedule_anchor(span interval, timezone text, start_at timestamptz)
RETURNS timestamptz
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- The first of a month, or a Monday
    RETURN coalesce(start_at, CASE WHEN extract(year FROM span) + extract(month FROM span) > 0
                                   THEN timestamp '2000-01-01' ELSE timestamp '2000-01-03' END AT TIME ZONE timezone);
END
$$;
COMMENT ON FUNCTION etl._schedule_anchor(interval, text, timestamptz) IS
    'The moment from which the spans of a schedule are counted: the given one or, in the given time zone, the '
    'beginning of the year 2000 (of its first Monday, but for months).';

CREATE FUNCTION etl._next_time(schedule text, timezone text, start_at timestamptz, after timestamptz)
RETURNS timestamptz
LANGUAGE plpgsql STABLE -- and not sql, which would be planned anew by each call
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    span CONSTANT interval := etl._schedule_span(schedule);
BEGIN
    RETURN etl._schedule_next(CASE WHEN span IS NULL THEN schedule END, span,
                              etl._schedule_anchor(span, timezone, start_at), timezone, after);
END
$$;
COMMENT ON FUNCTION etl._next_time(text, text, timestamptz, timestamptz) IS
    'The first time after another at which a schedule comes; start_at is where spans begin (NULL: as '
    'etl._schedule_anchor says).';

CREATE FUNCTION etl._previous_time(schedule text, timezone text, start_at timestamptz, before timestamptz)
RETURNS timestamptz
LANGUAGE plpgsql STABLE -- and not sql, which would be planned anew by each call
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    span CONSTANT interval := etl._schedule_span(schedule);
BEGIN
    RETURN etl._schedule_previous(CASE WHEN span IS NULL THEN schedule END, span,
                                  etl._schedule_anchor(span, timezone, start_at), timezone, before);
END
$$;
COMMENT ON FUNCTION etl._previous_time(text, text, timestamptz, timestamptz) IS
    'The last time before another at which a schedule came; arguments as in etl._next_time.';

CREATE FUNCTION etl.preview_schedule(
    schedule text,
    timezone text DEFAULT 'UTC',
    n integer DEFAULT 10,
    "from" timestamptz DEFAULT now(),
    OUT due_at timestamptz,
    OUT local_time timestamp
)
RETURNS SETOF record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    span CONSTANT interval := etl._schedule_span(schedule);
    anchor timestamptz;
BEGIN
    PERFORM etl._require_timezone(timezone), etl._require_time("from", 'from');
    IF n IS NULL OR n NOT BETWEEN 1 AND 100000 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('n must be between 1 and 100000, not %s', coalesce(n::text, 'NULL')),
            HINT = 'So many times are given; leave it out to have 10.';
    END IF;
    anchor := etl._schedule_anchor(span, timezone, NULL);
    due_at := "from";
    FOR i IN 1 .. n LOOP
        due_at := etl._schedule_next(CASE WHEN span IS NULL THEN schedule END, span, anchor, timezone, due_at);
        EXIT WHEN due_at IS NULL;
        local_time := due_at AT TIME ZONE timezone;
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl.preview_schedule(text, text, integer, timestamptz) IS
$$The next times of a schedule, as moments and as the clock of its time zone shows them.
schedule: cron's five fields (minute, hour, day of month, month, day of week; names, ranges, lists, steps; L as the last
day of a month, L-3 as the third before it, 5L as its last Friday), a macro (@hourly, @daily, @weekly, @monthly,
@yearly), or an interval of months, of days, or of hours, minutes and seconds, counted from Monday 2000-01-03 00:00 in
the time zone (months: 2000-01-01).
timezone: on whose clock. A time of the day that is skipped when clocks are set forward comes at the first moment after
the gap, one that they show twice at the first of both; what comes in every hour, and intervals below a day, follow the
time that passes. n: how many, up to 100000. from: those after this moment.
Errors: 22023 a schedule, time zone (also an offset such as +02), number or moment that cannot be.$$;

CREATE FUNCTION etl.explain_schedule(schedule text, timezone text DEFAULT 'UTC')
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET intervalstyle = 'postgres_verbose'
AS $$
DECLARE
    span CONSTANT interval := etl._schedule_span(schedule);
    words text[];
BEGIN
    PERFORM etl._require_timezone(timezone);
    IF span IS NOT NULL THEN
        RETURN format('every %s, counted from %s (%s)', substr(span::text, 3),
                      to_char(etl._schedule_anchor(span, timezone, NULL) AT TIME ZONE timezone, 'YYYY-MM-DD HH24:MI'),
                      timezone);
    END IF;
    words := etl._schedule_words(schedule);
    RETURN array_to_string(ARRAY[format('%s (%s)', words[1], timezone)]
                           || ARRAY(SELECT 'Warning: ' || w FROM unnest(words[2:]) WITH ORDINALITY AS u(w, place)
                                    ORDER BY u.place), E'\n');
END
$$;
COMMENT ON FUNCTION etl.explain_schedule(text, text) IS
    'A schedule in words, and a line with a warning for each of the classic mistakes in it: a step that does not fit '
    'its field (*/14 as the day of month is not every two weeks), * as the minute, days that some months have not, '
    'both days of month and of week. Arguments and errors: as in etl.preview_schedule.';
