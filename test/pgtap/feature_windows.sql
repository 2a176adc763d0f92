-- etl.velocity(ts, span) and etl.session_id as windows: known answers, errors, and the same answers by frames of
-- PostgreSQL's own on random rows.
BEGIN;
SELECT plan(35);
SELECT setseed(0.2);

CREATE TABLE visit (id int, k text, at timestamptz);
INSERT INTO visit VALUES
    (1, 'a', '2025-01-01 10:00'), (2, 'a', '2025-01-01 10:30'), (3, 'a', '2025-01-01 11:00'), (4, 'a', NULL),
    (5, 'a', '2025-01-01 11:30:00.000001'), (6, 'b', '-infinity'), (7, 'b', '-infinity'), (8, 'b', '2025-01-01'),
    (9, 'b', 'infinity'), (10, 'b', 'infinity'), (11, NULL, '2025-01-01');

-- Sessions
SELECT results_eq(
    $$SELECT id, etl.session_id(at, '30 minutes') OVER (PARTITION BY k ORDER BY at) FROM visit ORDER BY id$$,
    'VALUES (1, 1::bigint), (2, 1), (3, 1), (4, NULL), (5, 2), (6, 1), (7, 1), (8, 2), (9, 3), (10, 3), (11, 1)',
    'a gap that is longer ends a session, one as long does not');
SELECT results_eq(
    $$SELECT id, etl.session_id(at, '30 minutes') OVER (PARTITION BY k ORDER BY at NULLS FIRST) FROM visit
      WHERE k = 'a' ORDER BY id$$,
    'VALUES (1, 1::bigint), (2, 1), (3, 1), (4, NULL), (5, 2)', 'a NULL that comes first begins none');
SELECT results_eq(
    $$SELECT etl.session_id(at::timestamp, '1 day') OVER (ORDER BY at) FROM visit WHERE isfinite(at)$$,
    'VALUES (1::bigint), (1), (1), (1), (1), (1)', 'times without a zone');
SELECT is_empty($$SELECT etl.session_id(at, '1 day') OVER (ORDER BY at) FROM visit WHERE false$$, 'no rows');
SELECT is(etl.session_id(now(), '1 day') OVER (), 1::bigint, 'one row');
SELECT is(etl.session_id(date '2025-01-01', '1 day') OVER (), 1::bigint, 'a day');
SELECT throws_ok(format('SELECT etl.session_id(at, %s) OVER (%s) FROM visit', gap, over), state, message,
                 gap || ' ' || over)
FROM (VALUES
    ($$'30 minutes'$$, 'ORDER BY at DESC', '22023', NULL),
    ($$'30 minutes'$$, 'ORDER BY id DESC', '22023', NULL),
    ($$'0'$$, 'ORDER BY at', '22023',
     'a gap must be longer than nothing and no longer than 292000 years, not 00:00:00'),
    ($$'-1 hour'$$, 'ORDER BY at', '22023', NULL),
    ($$'1 month'$$, 'ORDER BY at', '22023', 'a gap of 1 mon has no fixed length'),
    ($$'2000000000 days'$$, 'ORDER BY at', '22023', NULL),
    ('NULL', 'ORDER BY at', '22004', 'the gap between sessions must not be NULL')
) AS e(gap, over, state, message);
SELECT throws_ok($$SELECT etl.session_id(now(), '1 day')$$, '42809', NULL, 'no window');

CREATE TABLE random_visit AS
    SELECT i AS id, i % 7 AS k, timestamptz '2025-01-01' + (random() * 3000)::int * interval '1 minute' AS at
    FROM generate_series(1, 1500) AS i;
SELECT is_empty($$
    SELECT FROM (
        SELECT id, etl.session_id(at, '10 minutes') OVER w AS s,
               1 + count(*) FILTER (WHERE gap > '10 minutes') OVER w AS t
        FROM (SELECT *, at - lag(at) OVER (PARTITION BY k ORDER BY at, id) AS gap FROM random_visit) AS g
        WINDOW w AS (PARTITION BY k ORDER BY at, id)) AS v
    WHERE s <> t$$, 'sessions by lag()');

-- Velocity
SELECT results_eq(
    $$SELECT id, etl.velocity(at, '1 hour') OVER (PARTITION BY k ORDER BY at) FROM visit ORDER BY id$$,
    'VALUES (1, 1::bigint), (2, 2), (3, 2), (4, 2), (5, 2), (6, 2), (7, 2), (8, 1), (9, 2), (10, 2), (11, 1)',
    'its beginning left out, the row itself and those of the same time counted');
SELECT is(etl.velocity(at, '1 hour'), 2::bigint, 'as an aggregate') FROM visit WHERE k = 'a';
SELECT is(etl.velocity(at, '1 hour'), 0::bigint, 'without rows') FROM visit WHERE false;
SELECT is(etl.velocity(at, NULL), 0::bigint, 'without a span') FROM visit;
SELECT is(etl.velocity(at::timestamp, '1 hour'), 2::bigint, 'times without a zone') FROM visit WHERE k = 'a';
SELECT throws_ok(format('SELECT etl.velocity(at, %s) FROM visit', span), '22023', NULL, span)
FROM unnest(ARRAY[$$'0'$$, $$'-1 s'$$, $$'1 year'$$, $$make_interval(hours => id)$$]) AS span;

CREATE FUNCTION newest(ats timestamptz[], span interval) RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*) FROM unnest(ats) AS a WHERE a > (SELECT max(b) FROM unnest(ats) AS b) - span
$$;
SELECT is_empty(format($$
    SELECT FROM (SELECT etl.velocity(at, '3 hours') OVER w AS v, array_agg(at) OVER w AS ats FROM random_visit
                 WINDOW w AS (%s)) AS q
    WHERE v <> newest(ats, '3 hours')$$, frame), frame)
FROM (VALUES
    ('PARTITION BY k ORDER BY at'),
    ('PARTITION BY k ORDER BY at ROWS 5 PRECEDING'),
    ($$PARTITION BY k ORDER BY at RANGE '2 hours' PRECEDING$$),
    ('PARTITION BY k ORDER BY at DESC ROWS BETWEEN 4 PRECEDING AND 3 FOLLOWING'),
    ('PARTITION BY k ORDER BY id ROWS BETWEEN 9 PRECEDING AND 2 FOLLOWING'),
    ('PARTITION BY k ORDER BY at GROUPS BETWEEN 3 FOLLOWING AND 8 FOLLOWING')
) AS f(frame);
SELECT results_eq(
    $$SELECT id, etl.velocity(at, '1 hour') OVER (ORDER BY at NULLS FIRST, id ROWS 1 PRECEDING) FROM visit
      WHERE k = 'a' ORDER BY id$$,
    'VALUES (1, 1::bigint), (2, 2), (3, 2), (4, 0), (5, 2)', 'a moving frame that begins with a NULL');
SELECT results_eq(format(
    $$SELECT etl.velocity(ts::%s, %s) OVER (ORDER BY id ROWS 1 PRECEDING)
      FROM (VALUES (1, timestamptz '2025-01-01'), (2, NULL), (3, NULL), (4, '2025-01-01')) AS v(id, ts)$$, type, span),
    wanted, 'NULLs in a moving frame: ' || type || ', ' || span)
FROM (VALUES ('timestamptz', $$'1 hour'$$, 'VALUES (1::bigint), (1), (0), (1)'),
             ('timestamp', $$'1 hour'$$, 'VALUES (1::bigint), (1), (0), (1)'),
             ('timestamptz', $$CASE WHEN id > 1 THEN interval '1 hour' END$$, 'VALUES (0::bigint), (0), (0), (1)'))
     AS f(type, span, wanted);
SELECT is_empty($$
    SELECT FROM (SELECT etl.velocity(at, '1 hour') OVER (PARTITION BY k ORDER BY at) AS v,
                        count(*) OVER (PARTITION BY k ORDER BY at RANGE BETWEEN '59:59.999999' PRECEDING
                                       AND CURRENT ROW) AS c FROM random_visit) AS q
    WHERE v <> c$$, 'as a RANGE frame');

SELECT * FROM finish();
ROLLBACK;
