-- When cron starts a job, as far as schedules have to be compared.

CREATE FUNCTION etl._cron_field(field text, low integer, high integer, names text)
RETURNS integer[]
LANGUAGE sql IMMUTABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
    WITH item (range, step) AS (
        SELECT split_part(i, '/', 1), coalesce(nullif(split_part(i, '/', 2), ''), '1')::integer
        FROM string_to_table(lower(field), ',') AS i
    ),
    bound (first, last, step) AS (
        SELECT CASE WHEN range = '*' THEN low::text ELSE split_part(range, '-', 1) END,
               CASE WHEN range = '*' THEN high::text
                    WHEN range LIKE '%-%' THEN split_part(range, '-', 2)
                    ELSE split_part(range, '-', 1) END,
               step
        FROM item
    )
    SELECT array_agg(DISTINCT value ORDER BY value)
    FROM bound
    CROSS JOIN LATERAL generate_series(
        coalesce(array_position(string_to_array(names, ' '), first) - 1 + low, first::integer),
        coalesce(array_position(string_to_array(names, ' '), last) - 1 + low, last::integer), step) AS value
$$;
COMMENT ON FUNCTION etl._cron_field(text, integer, integer, text) IS
    'The numbers that a field of a cron schedule allows: *, a number, a range, a list, a step. names: words for the '
    'numbers from low on.';

CREATE FUNCTION etl._cron_times(
    schedule text, OUT minutes integer[], OUT hours integer[], OUT days integer[], OUT months integer[],
    OUT weekdays integer[], OUT either_day boolean)
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    fields text[] := regexp_split_to_array(CASE lower(btrim(schedule))
                                               WHEN '@yearly' THEN '0 0 1 1 *'
                                               WHEN '@annually' THEN '0 0 1 1 *'
                                               WHEN '@monthly' THEN '0 0 1 * *'
                                               WHEN '@weekly' THEN '0 0 * * 0'
                                               WHEN '@daily' THEN '0 0 * * *'
                                               WHEN '@midnight' THEN '0 0 * * *'
                                               WHEN '@hourly' THEN '0 * * * *'
                                               ELSE btrim(schedule)
                                           END, '\s+');
BEGIN
    IF cardinality(fields) <> 5 THEN
        RETURN; -- @reboot
    END IF;
    minutes := etl._cron_field(fields[1], 0, 59, '');
    hours := etl._cron_field(fields[2], 0, 23, '');
    days := etl._cron_field(fields[3], 1, 31, '');
    months := etl._cron_field(fields[4], 1, 12, 'jan feb mar apr may jun jul aug sep oct nov dec');
    weekdays := ARRAY(SELECT DISTINCT w % 7
                      FROM unnest(etl._cron_field(fields[5], 0, 7, 'sun mon tue wed thu fri sat')) AS w);
    either_day := left(fields[3], 1) <> '*' AND left(fields[5], 1) <> '*';
END
$$;
COMMENT ON FUNCTION etl._cron_times(text) IS
    'When a schedule starts its job: at these minutes of these hours, on days of these months that are among the days '
    'and the weekdays (Sunday is 0); where both are restricted, either is enough. All NULL for @reboot.';

CREATE FUNCTION etl._cron_days(schedule text, since date)
RETURNS SETOF date
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT d::date
    FROM etl._cron_times(schedule) AS t
    CROSS JOIN LATERAL generate_series(since::timestamp, since::timestamp + interval '1 year', '1 day') AS d
    WHERE extract(month FROM d) = ANY (t.months)
      AND CASE WHEN t.either_day
               THEN extract(day FROM d) = ANY (t.days) OR extract(dow FROM d) = ANY (t.weekdays)
               ELSE extract(day FROM d) = ANY (t.days) AND extract(dow FROM d) = ANY (t.weekdays)
          END
$$;
COMMENT ON FUNCTION etl._cron_days(text, date) IS 'The days within a year on which a schedule starts its job.';

CREATE FUNCTION etl._cron_interval(schedule text)
RETURNS interval
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH start (minute) AS (
        SELECT h * 60 + m
        FROM etl._cron_times(schedule) AS t
        CROSS JOIN LATERAL unnest(t.hours) AS h
        CROSS JOIN LATERAL unnest(t.minutes) AS m
    )
    SELECT make_interval(mins => min(coalesce(s.following, 1440 + s.first) - s.minute))
    FROM (SELECT minute, lead(minute) OVER (ORDER BY minute) AS following, min(minute) OVER () AS first FROM start) AS s
$$;
COMMENT ON FUNCTION etl._cron_interval(text) IS
    'The shortest time between two starts of a job, as if it ran every day; NULL for @reboot.';

CREATE FUNCTION etl._cron_meet(one text, other text, since date)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (
        SELECT FROM etl._cron_times(one) AS a CROSS JOIN etl._cron_times(other) AS b
        WHERE a.minutes && b.minutes AND a.hours && b.hours
    ) AND EXISTS (
        SELECT FROM etl._cron_days(one, since) AS d WHERE d IN (SELECT e FROM etl._cron_days(other, since) AS e)
    )
$$;
COMMENT ON FUNCTION etl._cron_meet(text, text, date) IS
    'Whether two schedules start their jobs in the same minute at least once within a year.';
