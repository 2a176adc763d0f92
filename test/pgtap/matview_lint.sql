-- etl.lint_matviews: double counting, found in the tree of the query; faults of views, policies and schedules. Policies
-- and runs are written straight to their tables: no pg_cron is needed, and no time passes.
BEGIN;
SELECT plan(63);
SET LOCAL client_min_messages = warning;

CREATE TABLE event (id int PRIMARY KEY, name text, capacity int, region int);
CREATE TABLE sale (id int PRIMARY KEY, event_id int, price numeric, at timestamptz);
CREATE TABLE prediction (sale_id int, model text, score numeric);
CREATE TABLE latest_prediction (sale_id int PRIMARY KEY, score numeric);
CREATE TABLE rate (day date, currency text, rate numeric, UNIQUE (day, currency));
CREATE TABLE loose (id int, x int);
CREATE UNIQUE INDEX ON loose (id) WHERE x > 0;
CREATE UNIQUE INDEX ON loose ((id + 1));
CREATE VIEW named AS SELECT s.*, e.name FROM sale AS s JOIN event AS e ON e.id = s.event_id;
CREATE VIEW best AS SELECT sale_id, max(score) AS score FROM prediction GROUP BY sale_id;
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child () INHERITS (parent);
CREATE TABLE part (id int PRIMARY KEY, x int) PARTITION BY RANGE (id);

CREATE FUNCTION doubled(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    found text;
BEGIN
    EXECUTE format('CREATE MATERIALIZED VIEW probe AS %s WITH NO DATA', query);
    SELECT string_agg(format('%s by %s (%s)', aggregate, repeated_by, columns), ', ') INTO found
    FROM etl._double_counting('probe');
    DROP MATERIALIZED VIEW probe;
    RETURN found;
END
$$;
SELECT is(doubled(query), expected, query) FROM (VALUES
    ('SELECT count(*), sum(price) FROM sale', NULL),
    ('SELECT e.id, sum(s.price) FROM event AS e JOIN sale AS s ON s.event_id = e.id GROUP BY e.id', NULL),
    ('SELECT e.id, sum(e.capacity) FROM event AS e JOIN sale AS s ON s.event_id = e.id GROUP BY e.id',
     'sum(e.capacity) by public.sale (event_id)'),
    ('SELECT sum(s.price) FROM sale AS s LEFT JOIN prediction AS p ON p.sale_id = s.id',
     'sum(s.price) by public.prediction (sale_id)'),
    ('SELECT sum(s.price) FROM sale AS s LEFT JOIN latest_prediction AS p ON p.sale_id = s.id', NULL),
    ('SELECT count(DISTINCT s.id), max(s.price) FROM sale AS s LEFT JOIN prediction AS p ON p.sale_id = s.id', NULL),
    ('SELECT count(*) AS n, count(p.score) FROM sale AS s LEFT JOIN prediction AS p ON p.sale_id = s.id', NULL),
    ('SELECT count(s.id) FROM sale AS s LEFT JOIN prediction AS p ON p.sale_id = s.id',
     'count(s.id) by public.prediction (sale_id)'),
    ('SELECT avg(s.price + 1) FROM sale AS s, prediction AS p WHERE p.sale_id = s.id',
     'avg(… s.price …) by public.prediction (sale_id)'),
    ('SELECT sum(s.price) FROM sale AS s CROSS JOIN event', 'sum(s.price) by public.event ()'),
    ('SELECT sum(s.price * p.score) FROM sale AS s JOIN prediction AS p ON p.sale_id = s.id', NULL),
    ('SELECT sum(s.price * r.rate) FROM sale AS s JOIN rate AS r ON r.day = s.at::date AND r.currency = ''EUR''', NULL),
    ('SELECT sum(s.price) FROM sale AS s JOIN rate AS r ON r.day = s.at::date AND r.currency = ''EUR''', NULL),
    ('SELECT sum(s.price) FROM sale AS s JOIN rate AS r ON r.day = s.at::date', 'sum(s.price) by public.rate (day)'),
    ('SELECT r.currency, sum(s.price) FROM sale AS s JOIN rate AS r ON r.day = s.at::date GROUP BY r.currency', NULL),
    ('SELECT sum(s.price) FILTER (WHERE r.currency = ''EUR'') AS a, sum(s.price) AS b FROM sale AS s JOIN rate AS r '
     'ON r.day = s.at::date', 'sum(s.price) by public.rate (day)'),
    ('SELECT sum(l.x) FROM loose AS l JOIN loose AS o USING (id)', 'sum(l.x) by public.loose (id)'),
    ('SELECT sum(s.price) FROM sale AS s JOIN event AS e ON e.id = s.event_id JOIN sale AS o ON o.event_id = e.id',
     'sum(s.price) by public.sale (event_id)'),
    ('SELECT sum(e.capacity) FROM event AS e JOIN (SELECT event_id, row_number() OVER (PARTITION BY event_id '
     'ORDER BY price) AS rn FROM sale) AS s ON s.event_id = e.id AND s.rn = 1', NULL),
    ('SELECT sum(e.capacity) FROM event AS e JOIN (SELECT event_id, rank() OVER (PARTITION BY event_id '
     'ORDER BY price) AS rn FROM sale) AS s ON s.event_id = e.id AND s.rn = 1', 'sum(e.capacity) by s (event_id, rn)'),
    ('SELECT sum(e.capacity) FROM event AS e JOIN (SELECT event_id, row_number() OVER (PARTITION BY at '
     'ORDER BY price) AS rn FROM sale) AS s ON s.event_id = e.id AND s.rn = 1', 'sum(e.capacity) by s (event_id, rn)'),
    ('SELECT sum(e.capacity) FROM event AS e JOIN (VALUES (1, 2), (2, 2)) AS v(region, x) USING (region)', NULL),
    ('SELECT sum(e.capacity) FROM event AS e JOIN (VALUES (1, 2), (2, 2)) AS v(region, x) ON v.x = e.region',
     'sum(e.capacity) by v (x)'),
    ('SELECT sum(price) FROM named', NULL),
    ('SELECT sum(n.price) FROM named AS n JOIN best AS b ON b.sale_id = n.id', NULL),
    ('SELECT sum(b.score) FROM best AS b JOIN named AS n ON n.id = b.sale_id', NULL),
    ('SELECT sum(e.capacity) FROM named AS n JOIN event AS e ON e.id = n.event_id',
     'sum(e.capacity) by public.named (event_id)'),
    ('SELECT sum(s.price) FROM sale AS s JOIN (SELECT DISTINCT sale_id FROM prediction) AS p ON p.sale_id = s.id',
     NULL),
    ('SELECT sum(s.price) FROM sale AS s JOIN (SELECT sale_id, model FROM prediction GROUP BY 1, 2) AS p '
     'ON p.sale_id = s.id', 'sum(s.price) by p (sale_id)'),
    ('SELECT sum(s.price) FROM sale AS s JOIN (SELECT sale_id, model FROM prediction GROUP BY 1, 2) AS p '
     'ON p.sale_id = s.id AND p.model = ''a''', NULL),
    ('WITH p AS (SELECT sale_id, avg(score) AS score FROM prediction GROUP BY sale_id) '
     'SELECT sum(s.price) FROM sale AS s JOIN p ON p.sale_id = s.id', NULL),
    ('WITH p AS (SELECT sale_id FROM prediction) SELECT sum(s.price) FROM sale AS s JOIN p ON p.sale_id = s.id',
     'sum(s.price) by p (sale_id)'),
    ('SELECT sum(s.price) FROM sale AS s CROSS JOIN LATERAL (SELECT score FROM prediction AS p WHERE p.sale_id = s.id '
     'ORDER BY score LIMIT 1) AS l', NULL),
    ('SELECT sum(s.price) FROM sale AS s CROSS JOIN (SELECT max(score) FROM prediction) AS p', NULL),
    ('SELECT sum(s.price) FROM sale AS s WHERE EXISTS (SELECT FROM prediction AS p WHERE p.sale_id = s.id)', NULL),
    ('SELECT sum(s.price) FROM sale AS s, generate_series(1, 2)', 'sum(s.price) by generate_series ()'),
    ('SELECT h, sum(s.price) FROM generate_series(1, 2) AS h LEFT JOIN sale AS s ON s.id >= h GROUP BY h', NULL),
    ('SELECT h, sum(s.price) FROM unnest(''{1, 1}''::int[]) AS h LEFT JOIN sale AS s ON s.id >= h GROUP BY h',
     'sum(s.price) by h (h)'),
    ('WITH d AS (SELECT generate_series(0, max(id)) AS h FROM event) '
     'SELECT h, sum(s.price) FROM d LEFT JOIN sale AS s ON s.id >= h GROUP BY h', NULL),
    ('WITH d AS (SELECT generate_series(0, id) AS h FROM event) '
     'SELECT h, sum(s.price) FROM d LEFT JOIN sale AS s ON s.id >= h GROUP BY h', 'sum(s.price) by d (h)'),
    ('SELECT sum(s.price) FROM sale AS s JOIN (SELECT sale_id FROM prediction UNION SELECT id FROM event) AS u '
     'ON u.sale_id = s.id', NULL),
    ('SELECT sum(s.price) FROM sale AS s JOIN (SELECT sale_id FROM prediction UNION ALL SELECT id FROM event) AS u '
     'ON u.sale_id = s.id', 'sum(s.price) by u (sale_id)'),
    ('SELECT sum(x.sum) FROM (SELECT sum(s.price) FROM sale AS s JOIN prediction AS p ON p.sale_id = s.id) AS x',
     'sum(s.price) by public.prediction (sale_id)'),
    ('SELECT sum(price) FROM sale UNION ALL '
     'SELECT sum(s.price) FROM sale AS s JOIN prediction AS p ON p.sale_id = s.id',
     'sum(s.price) by public.prediction (sale_id)'),
    ('SELECT (SELECT sum(s.price) FROM sale AS s JOIN prediction AS p ON p.sale_id = s.id)',
     'sum(s.price) by public.prediction (sale_id)'),
    ('SELECT sum(s.price) FROM sale AS s JOIN parent AS p ON p.id = s.id', 'sum(s.price) by public.parent (id)'),
    ('SELECT sum(s.price) FROM sale AS s JOIN ONLY parent AS p ON p.id = s.id', NULL),
    ('SELECT sum(s.price) FROM sale AS s JOIN part AS p ON p.id = s.id', NULL),
    ('SELECT e.region, (SELECT sum(s.price + e.capacity) FROM sale AS s WHERE s.event_id = e.id) FROM event AS e',
     NULL),
    ('SELECT sum(price) AS a FROM sale NATURAL JOIN latest_prediction',
     'sum(sale.price) by public.latest_prediction ()'),
    ('SELECT name FROM event', NULL)
) AS v (query, expected);

-- Faults of views -----------------------------------------------------------------------------------------------------

INSERT INTO event VALUES (1, 'one', 10, NULL);
CREATE MATERIALIZED VIEW regions AS SELECT region, count(*) FROM event GROUP BY region;
CREATE MATERIALIZED VIEW "Names" AS SELECT name AS "The name", count(*) FROM event GROUP BY name;
CREATE MATERIALIZED VIEW empty AS SELECT 1 AS x WITH NO DATA;
CREATE MATERIALIZED VIEW fan AS
    SELECT e.id, sum(e.capacity) FROM event AS e JOIN sale AS s ON s.event_id = e.id GROUP BY 1;
CREATE UNIQUE INDEX ON regions (region);
CREATE UNIQUE INDEX ON empty (x);
CREATE UNIQUE INDEX ON fan (id);
SELECT results_eq('SELECT matview, problem, severity FROM etl.lint_matviews()', $$VALUES
    ('public.empty', 'not populated', 'error'),
    ('public.fan', 'double counting', 'error'),
    ('public."Names"', 'no unique index', 'warning'),
    ('public.regions', 'NULL in the key', 'warning')$$, 'each fault is found once');
SELECT is((SELECT hint FROM etl.lint_matviews() WHERE problem = 'no unique index'),
          'CREATE UNIQUE INDEX ON public."Names" ("The name");', 'the index to create');
SELECT is((SELECT detail || ' ' || hint FROM etl.lint_matviews() WHERE problem = 'double counting'),
          'sum(e.capacity) counts a row of "public.event" once per row of "public.sale": (event_id) is not unique '
          'there. Join with one row for each event_id: aggregate "public.sale" in a '
          'subquery first; or, if it is so already, CREATE UNIQUE INDEX ON public.sale (event_id);',
          'what to do about double counting');
DROP MATERIALIZED VIEW regions, "Names", empty;
DROP MATERIALIZED VIEW fan;

-- Policies and schedules ----------------------------------------------------------------------------------------------

CREATE FUNCTION times(schedule text) RETURNS text LANGUAGE sql AS 'SELECT t::text FROM etl._cron_times(schedule) AS t';
SELECT is(times('5,10-12 */8 1 jan,3 mon-wed'), '("{5,10,11,12}","{0,8,16}",{1},"{1,3}","{1,2,3}",t)', 'every field');
SELECT is(array_agg(etl._cron_interval(s) ORDER BY n),
          '{00:01:00,00:15:00,24:00:00,00:05:00,01:00:00,NULL}'::interval[], 'the shortest time between two starts')
FROM unnest('{* * * * *,*/15 * * * *,@daily,"0,5 3 * * *",@hourly,@reboot}'::text[]) WITH ORDINALITY AS v (s, n);
SELECT is(array_agg(etl._cron_meet(a, b, '2026-01-01') ORDER BY n), '{t,f,f,t,t}'::boolean[], 'which schedules meet')
FROM (VALUES (1, '*/15 * * * *', '30 4 * * *'), (2, '5 * * * *', '@hourly'), (3, '0 0 * 1 *', '0 0 * 2 *'),
             (4, '0 0 13 * 5', '0 0 14 * 5'), (5, '0 0 1 2 *', '@daily')) AS v (n, a, b);

CREATE MATERIALIZED VIEW a AS SELECT id FROM event;
CREATE MATERIALIZED VIEW b AS SELECT id FROM a;
CREATE UNIQUE INDEX ON a (id);
CREATE UNIQUE INDEX ON b (id);
INSERT INTO etl.refresh_policy (matview, schedule, setting, created_at) VALUES
    ('public.a', '*/5 * * * *', 'auto', '2026-01-01'), ('public.b', '0 * * * *', 'auto', '2026-01-01'),
    ('public.gone', '@hourly', 'auto', '2026-01-01');
SELECT results_eq($$SELECT matview, problem FROM etl.lint_matviews('2026-01-01 00:03+00')$$, $$VALUES
    ('public.gone', 'missing view'), ('public.b', 'refreshed before its source')$$,
    'a view over another, and one gone');
UPDATE etl.refresh_policy SET with_dependencies = true WHERE matview = 'public.b';
DELETE FROM etl.refresh_policy WHERE matview = 'public.gone';
SELECT is_empty($$SELECT * FROM etl.lint_matviews('2026-01-01 00:03+00')$$,
                'with what is beneath it, it has its order');
SELECT results_eq($$SELECT matview, problem FROM etl.lint_matviews('2026-01-01 00:07+00')$$,
                  $$VALUES ('public.a', 'never refreshed')$$, 'a job that does not run');
INSERT INTO etl.run (kind, name, as_of, started_at, finished_at, status, detail, error) VALUES
    ('refresh', 'public.a', now(), '2026-01-01 00:05+00', '2026-01-01 00:11+00', 'succeeded', '{"mode": "plain"}',
     NULL),
    ('refresh', 'public.a', now(), '2026-01-01 00:15+00', '2026-01-01 00:15+00', 'succeeded', '{"mode": "skipped"}',
     NULL),
    ('refresh', 'public.b', now(), '2026-01-01 01:00+00', '2026-01-01 01:01+00', 'failed', '{}', 'division by zero');
SELECT results_eq($$SELECT matview, problem, detail FROM etl.lint_matviews('2026-01-01 01:10+00')$$, $$VALUES
    ('public.b', 'last refresh failed', 'division by zero'),
    ('public.a', 'longer than its interval',
     'The last refresh took 00:06:00, and it is scheduled every 00:05:00: some are left out.')$$, 'how runs went');
CREATE MATERIALIZED VIEW c AS SELECT id FROM event;
CREATE UNIQUE INDEX ON c (id);
INSERT INTO etl.refresh_policy (matview, schedule, setting, created_at)
VALUES ('public.c', '10 3 * * *', 'on', '2026-01-01');
SELECT results_eq($$SELECT matview, problem, detail FROM etl.lint_matviews('2026-01-01 01:10+00')
                    WHERE problem LIKE 'over%'$$,
                  $$VALUES ('public.a', 'overlapping schedules',
                    'It starts in the same minute as "public.c", and the last refreshes took 00:06:00 and an '
                    'unknown time.')$$,
                  'a long refresh beside another');
DROP INDEX c_id_idx;
SELECT is((SELECT problem FROM etl.lint_matviews('2026-01-01 01:10+00')
           WHERE matview = 'public.c' AND severity = 'error'),
          'cannot be concurrent', 'concurrently on without an index');
SELECT * FROM finish();
ROLLBACK;
