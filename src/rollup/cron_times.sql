-- When cron starts a job, as far as schedules have to be compared.

CREATE FUNCTION etl._cron_times(
    schedule text, OUT minutes integer[], OUT hours integer[], OUT days integer[], OUT months integer[],
    OUT weekdays integer[], OUT either_day boolean)
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._cron_values(s.schedule, 1), etl._cron_values(s.schedule, 2), etl._cron_values(s.schedule, 3),
           etl._cron_values(s.schedule, 4), etl._cron_values(s.schedule, 5), etl._cron_either_day(s.schedule)
    FROM (SELECT CASE WHEN lower(btrim(schedule)) <> '@reboot' THEN schedule END) AS s(schedule)
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
