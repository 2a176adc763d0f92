-- Schedules on the clocks of real time zones; what is refused; explanations.
BEGIN;
SELECT plan(49);
SET timezone = 'Pacific/Auckland'; -- of no consequence

CREATE FUNCTION pg_temp.times(schedule text, timezone text, n integer, start text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(to_char(p.due_at AT TIME ZONE 'UTC', 'MM-DD HH24:MI'), ', ' ORDER BY p.due_at)
    FROM etl.preview_schedule(schedule, timezone, n, start::timestamptz) AS p
$$;
CREATE FUNCTION pg_temp.local_times(schedule text, timezone text, n integer, start text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(to_char(p.local_time, 'MM-DD HH24:MI'), ', ' ORDER BY p.due_at)
    FROM etl.preview_schedule(schedule, timezone, n, start::timestamptz) AS p
$$;

-- Known times, in UTC ------------------------------------------------------------------------------------------------

SELECT is(pg_temp.times('0 2 * * *', 'UTC', 3, '2026-02-27 02:00+00'), '02-28 02:00, 03-01 02:00, 03-02 02:00',
          'every night, after the given moment');
SELECT is(pg_temp.times('0 0 29 2 *', 'UTC', 2, '2026-01-01 00:00+00'), '02-29 00:00, 02-29 00:00', 'leap days');
SELECT is((SELECT array_agg(extract(year FROM due_at AT TIME ZONE 'UTC')::integer)
           FROM etl.preview_schedule('0 0 29 2 *', 'UTC', 3, '2095-01-01 00:00+00')),
          '{2096,2104,2108}', '2100 has none');
SELECT is(pg_temp.times('0 6 L * *', 'UTC', 3, '2028-01-31 07:00+00'), '02-29 06:00, 03-31 06:00, 04-30 06:00',
          'the last day of the month');
SELECT is(pg_temp.times('@hourly', 'UTC', 2, '2026-01-01 00:59:59.9+00'), '01-01 01:00, 01-01 02:00', 'a macro');
SELECT is(pg_temp.times('15 minutes', 'UTC', 2, '2026-01-01 00:07+00'), '01-01 00:15, 01-01 00:30', 'an interval');
SELECT is((SELECT array_agg(due_at) FROM etl.preview_schedule('10 seconds', 'UTC', 2, '2026-01-01 00:00:01+00')),
          '{2026-01-01 00:00:10+00,2026-01-01 00:00:20+00}', 'seconds');
SELECT is(pg_temp.times('2 weeks', 'UTC', 2, '2026-01-01 00:00+00'), '01-12 00:00, 01-26 00:00', 'every other Monday');
SELECT is(pg_temp.times('1 month', 'UTC', 2, '2026-01-01 00:00+00'), '02-01 00:00, 03-01 00:00',
          'the first of the month');

-- Clocks that are set forward and back -------------------------------------------------------------------------------

SELECT is(pg_temp.times('30 2 * * *', 'Europe/Berlin', 3, '2026-03-28 00:00+00'),
          '03-28 01:30, 03-29 01:00, 03-30 00:30', 'Berlin: 02:30 is skipped and comes at 03:00');
SELECT is(pg_temp.local_times('30 2 * * *', 'Europe/Berlin', 3, '2026-03-28 00:00+00'),
          '03-28 02:30, 03-29 03:00, 03-30 02:30', 'as its clocks show it');
SELECT is(pg_temp.times('30 2 * * *', 'Europe/Berlin', 2, '2026-10-24 12:00+00'), '10-25 00:30, 10-26 01:30',
          'Berlin: 02:30 comes twice, and the first counts');
SELECT is(pg_temp.times('30 2 * * *', 'America/New_York', 2, '2026-03-07 12:00+00'), '03-08 07:00, 03-09 06:30',
          'New York, forward');
SELECT is(pg_temp.times('30 1 * * *', 'America/New_York', 2, '2026-10-31 12:00+00'), '11-01 05:30, 11-02 06:30',
          'New York, back');
SELECT is(pg_temp.times('15 2 * * *', 'Australia/Lord_Howe', 3, '2026-10-02 00:00+00'),
          '10-02 15:45, 10-03 15:30, 10-04 15:15', 'Lord Howe sets its clocks by half an hour');
SELECT is(pg_temp.times('0 0 * * *', 'Pacific/Apia', 3, '2011-12-28 12:00+00'),
          '12-29 10:00, 12-30 10:00, 12-31 10:00', 'Samoa left out a day');
SELECT is(pg_temp.times('*/30 * * * *', 'Europe/Berlin', 4, '2026-03-29 00:00+00'),
          '03-29 00:30, 03-29 01:00, 03-29 01:30, 03-29 02:00', 'finer than an hour: as time passes, forward');
SELECT is(pg_temp.times('0 * * * *', 'Europe/Berlin', 3, '2026-10-24 23:30+00'),
          '10-25 00:00, 10-25 01:00, 10-25 02:00', 'in every hour: as time passes, back');
SELECT is(pg_temp.local_times('1 day', 'Europe/Berlin', 3, '2026-03-28 12:00+00'),
          '03-29 00:00, 03-30 00:00, 03-31 00:00', 'days are those of the calendar');
SELECT is(pg_temp.times('24 hours', 'Europe/Berlin', 2, '2026-03-28 12:00+00'), '03-28 23:00, 03-29 23:00',
          'hours are not');
SELECT is(pg_temp.times('30 2 * * *', 'UTC', 1, '2026-03-29 00:00+00'), '03-29 02:30', 'UTC knows no such things');
SELECT is((SELECT count(*) FROM etl.preview_schedule('0 2 * * *', 'Europe/Berlin', 3650, '2020-01-01 00:00+00')
           AS p WHERE (p.local_time::time) NOT IN ('02:00', '03:00')), 0::bigint, 'ten years of nights');
SELECT is((SELECT count(DISTINCT p.local_time::date)
           FROM etl.preview_schedule('30 2 * * *', 'America/Sao_Paulo', 7000, '2001-01-01 00:00+00') AS p),
          7000::bigint, 'one a day, whatever the clocks do');

-- The way back -------------------------------------------------------------------------------------------------------

SELECT is(etl._previous_time('0 2 * * *', 'UTC', NULL, '2026-01-02 02:00+00'), '2026-01-01 02:00+00', 'before it');
SELECT is(etl._previous_time('0 2 * * *', 'UTC', NULL, '2026-01-02 02:00:00.000001+00'), '2026-01-02 02:00+00',
          'a microsecond after it');
SELECT is(etl._previous_time('36 hours', 'UTC', '2026-01-01 06:00+00', '2026-01-02 18:00+00'), '2026-01-01 06:00+00',
          'a span from its anchor');
SELECT is(etl._next_time('1 month', 'Europe/Berlin', '2026-01-31 06:00+01', '2026-02-01 00:00+00'),
          '2026-02-28 06:00+01', 'an anchor at the end of a month');
SELECT is((SELECT count(*) FROM etl.preview_schedule('*/7 3,4 * * *', 'Europe/Berlin', 500, '2026-03-01 00:00+00') AS p
           WHERE etl._previous_time('*/7 3,4 * * *', 'Europe/Berlin', NULL, p.due_at + interval '1 second')
                 IS DISTINCT FROM p.due_at), 0::bigint, 'each time is the one before the second after it');

-- What is refused ----------------------------------------------------------------------------------------------------

SELECT throws_ok($$SELECT etl.preview_schedule('61 * * * *')$$, '22023',
                 'minute "61" of schedule "61 * * * *" is not between 0 and 59');
SELECT throws_ok($$SELECT etl.preview_schedule('0 2 * * * *')$$, '22023',
                 'schedule "0 2 * * * *" is neither five fields of cron nor an interval');
SELECT throws_ok($$SELECT etl.preview_schedule('0 0 30 2 *')$$, '22023', 'schedule "0 0 30 2 *" never comes');
SELECT throws_ok($$SELECT etl.preview_schedule('-5 minutes')$$, '22023',
                 'schedule "-5 minutes" is no span that can repeat');
SELECT throws_ok($$SELECT etl.preview_schedule('1 month 3 days')$$, '22023',
                 'schedule "1 month 3 days" is no span that can repeat');
SELECT throws_ok($$SELECT etl.preview_schedule(NULL)$$, '22023', 'schedule must not be NULL');
SELECT throws_ok($$SELECT etl.preview_schedule('0 2 * * *', 'Mars/Olympus')$$, '22023',
                 'time zone "Mars/Olympus" is not known');
SELECT throws_ok($$SELECT etl.preview_schedule('0 2 * * *', 'UTC', 0)$$, '22023',
                 'n must be between 1 and 100000, not 0');
SELECT throws_like($$SELECT etl.preview_schedule('0 2 * * *', 'UTC', 1, 'infinity')$$, '%infinity%');

-- The functions of C are there for everybody, too.
SELECT throws_ok(format($$SELECT etl._schedule_next(NULL, %L, '2000-01-01', 'UTC', '2026-01-01')$$, span), '22023',
                 'the span of a schedule cannot repeat', 'a span of ' || span)
FROM unnest('{0,-1 month,1 day -1 s,1 month 1 day,12001 months}'::text[]) AS span;
SELECT is(etl._schedule_next('0 0 * * *', NULL, NULL, 'UTC', 'infinity'), NULL, 'nothing comes after the end of time');
SELECT is(etl._schedule_previous('0 0 * * *', NULL, NULL, 'UTC', '-infinity'), NULL, 'or before its beginning');
SELECT throws_like($$SELECT etl.preview_schedule(repeat('1,', 5000) || '1 * * * *')$$,
                   'schedule "1,1,%" and so on has 10009 bytes');

-- In words -----------------------------------------------------------------------------------------------------------

SELECT is(etl.explain_schedule('0 2 * * mon-fri', 'Europe/Berlin'), 'at 02:00, on Monday to Friday (Europe/Berlin)',
          'words');
SELECT is(etl.explain_schedule('0 0 */14 * *'),
          E'at 00:00, on days 1, 15 and 29 of the month (UTC)\n'
          'Warning: */14 is not every 14 days: it counts anew in each month, and means values 1, 15 and 29. The '
          'interval ''14 days'' does not.', 'and a warning');
SELECT is(etl.explain_schedule('15 minutes'), 'every 15 mins, counted from 2000-01-03 00:00 (UTC)', 'an interval');
SELECT throws_ok($$SELECT etl.explain_schedule('often')$$, '22023',
                 'schedule "often" is neither five fields of cron nor an interval');

SELECT * FROM finish();
ROLLBACK;
