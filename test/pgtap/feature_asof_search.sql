-- etl.asof_join on random rows, by a scan and by lookups: the same answer as by brute force, and which way is chosen.
BEGIN;
SELECT plan(18);
SELECT setseed(0.3);
SET LOCAL jit = off; -- the costs that force a way would call for it

-- What the planner chooses: all features are read, or each label is looked up in them
CREATE FUNCTION choose(lookups bool) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE 'ALTER FUNCTION etl._asof_may_match(bytea, "any") COST ' || CASE WHEN lookups THEN 1e9 ELSE 20 END;
    PERFORM set_config('enable_nestloop', CASE WHEN lookups THEN 'on' ELSE 'off' END, true);
END
$$;

-- By brute force
CREATE TABLE spine AS
    SELECT i AS id, CASE WHEN random() < 0.95 THEN (random() * 6)::int END AS k, 'w' || (random() * 2)::int AS w,
           CASE WHEN random() < 0.95 THEN timestamptz '2025-01-01' + (random() * 60)::int * interval '1 hour' END AS ts
    FROM generate_series(1, 500) AS i;
-- Not by an UPDATE: an index made over rows that were updated in its own transaction may stay unused in it.
CREATE TABLE history AS
    SELECT *, CASE WHEN random() < 0.95 THEN ts + (random() * 6 - 2)::int * interval '1 hour' END AS created
    FROM (
        SELECT CASE WHEN random() < 0.95 THEN (random() * 7)::bigint END AS k,
               ('w' || (random() * 2)::int)::varchar AS w,
               timestamptz '2025-01-01' + (random() * 66 - 3)::int * interval '1 hour' AS ts,
               (random() * 9)::int AS v, i AS n
        FROM generate_series(1, 1500) AS i
    ) AS h;

CREATE FUNCTION by_search(direction text, ttl interval, exact bool, mode text) RETURNS SETOF record
LANGUAGE sql AS $$
    SELECT s.id, f.n
    FROM public.spine AS s
    LEFT JOIN LATERAL (
        SELECT h.n FROM public.history AS h
        WHERE h.k = s.k AND h.w = s.w AND s.ts IS NOT NULL AND (exact OR h.ts <> s.ts)
          AND (mode <> 'known' OR h.created <= s.ts)
          AND (direction <> 'backward' OR h.ts <= s.ts) AND (direction <> 'forward' OR h.ts >= s.ts)
          AND (ttl IS NULL OR h.ts BETWEEN s.ts - ttl AND s.ts + ttl)
        ORDER BY abs(extract(epoch FROM h.ts - s.ts)), h.ts <= s.ts DESC,
                 CASE WHEN mode <> 'none' THEN h.created END DESC NULLS LAST, h.v DESC, h.n DESC,
                 h.created DESC NULLS LAST
        LIMIT 1
    ) AS f ON true
$$;
CREATE FUNCTION by_join(direction text, ttl interval, exact bool, mode text) RETURNS SETOF record
LANGUAGE sql AS $$
    SELECT t.id, t.n
    FROM etl.asof_join('public.spine', 'public.history', '{k,w}', ttl => ttl,
                       created_ts => CASE WHEN mode <> 'none' THEN 'created' END, direction => direction,
                       allow_exact_matches => exact, include_backfilled => mode = 'backfilled')
         AS t(id int, k int, w text, ts timestamptz, feature_ts timestamptz, v int, n int, created timestamptz)
$$;
CREATE FUNCTION differences(processes int) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    c record;
    found bigint;
BEGIN
    PERFORM set_config('max_parallel_workers_per_gather', processes::text, true);
    FOR c IN SELECT * FROM unnest('{backward,forward,nearest}'::text[]) AS direction,
                           unnest('{NULL,3 hours}'::interval[]) AS ttl, unnest('{true,false}'::bool[]) AS exact,
                           unnest('{none,known,backfilled}'::text[]) AS mode
    LOOP
        SELECT count(*) INTO found
        FROM by_search(c.direction, c.ttl, c.exact, c.mode) AS a(id int, n int)
        FULL JOIN by_join(c.direction, c.ttl, c.exact, c.mode) AS b(id int, n int) USING (id)
        WHERE a.n IS DISTINCT FROM b.n OR b.id IS NULL OR a.id IS NULL;
        IF found > 0 THEN
            RETURN NEXT format('%s: %s', c, found);
        END IF;
    END LOOP;
END
$$;
CREATE INDEX ON history (k, w, ts);
ANALYZE spine, history;
SELECT choose(lookups => false);
SELECT is_empty('SELECT differences(0)', 'one process finds what a search finds');
SELECT choose(lookups => true);
SELECT is_empty('SELECT differences(0)', 'and so do lookups');

-- The way that is chosen
CREATE FUNCTION searches(spine text, direction text, ways text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    before CONSTANT bigint := pg_stat_get_xact_numscans('public.history_k_w_ts_idx'::regclass);
BEGIN
    PERFORM choose(ways = 'lookups');
    IF ways = 'any' THEN
        SET LOCAL enable_nestloop = on;
    END IF;
    PERFORM FROM etl.asof_join(spine, 'SELECT k, w, ts FROM public.history', '{k,w}', direction => direction)
            AS t(id int, k int, w text, ts timestamptz, feature_ts timestamptz);
    RETURN pg_stat_get_xact_numscans('public.history_k_w_ts_idx'::regclass) - before;
END
$$;
SET LOCAL enable_bitmapscan = off;
SELECT is(searches(spine, direction, ways) > 0, wanted, format('%s, %s: %s', spine, direction, ways))
FROM (VALUES
    ('public.spine', 'backward', 'scan', false),
    ('public.spine', 'backward', 'lookups', true),
    ('public.spine', 'forward', 'lookups', true),
    ('public.spine', 'nearest', 'lookups', true),
    ('SELECT * FROM public.spine WHERE id = 1', 'backward', 'any', true),
    ('SELECT s.* FROM public.spine AS s CROSS JOIN generate_series(1, 1000)', 'backward', 'any', false)
) AS c(spine, direction, ways, wanted);
SELECT is((etl._plan_asof_join(spine, features, keys, 'ts', NULL, NULL, 'backward', NULL, true, NULL, false,
                               '')).lookup_query, NULL, format('no lookups: %s, %s', spine, features))
FROM (VALUES
    ('SELECT * FROM public.spine LIMIT 5', 'public.history', '{k}'::name[]),
    ('SELECT * FROM public.spine WHERE random() < 2', 'public.history', '{k}'),
    ('public.spine', 'SELECT * FROM public.history LIMIT 5', '{k}'),
    ('SELECT NULL::public.history AS a, 1 AS ts', 'SELECT NULL::public.history AS a, 1 AS ts', '{a}')
) AS c(spine, features, keys);
RESET enable_bitmapscan;
SELECT choose(lookups => false);
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL max_parallel_workers_per_gather = 3;
SET LOCAL enable_indexscan = off;
SET LOCAL enable_bitmapscan = off;
ALTER TABLE history SET (parallel_workers = 3);
CREATE FUNCTION plan_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    plan text;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
    RETURN plan;
END
$$;
SELECT matches(plan_of(replace(replace(replace(replace(
                   (etl._plan_asof_join('public.spine', 'public.history', '{k,w}', 'ts', NULL, NULL, 'backward', NULL,
                                        true, NULL, false, '')).features_query,
                   '$1', '''''::bytea'), '$2', '''''::bytea'), '$3', 'NULL::timestamptz'), '$4', 'now()')),
               '"Partial Mode": "Partial"', 'the features are read by parallel workers');
RESET enable_indexscan;
RESET enable_bitmapscan;
SELECT is_empty('SELECT differences(3)', 'and so do several');

-- Nothing of the future
CREATE TABLE at_the_moment AS
    SELECT * FROM etl.asof_join('public.spine', 'public.history', '{k,w}', created_ts => 'created')
    AS t(id int, k int, w text, ts timestamptz, feature_ts timestamptz, v int, n int, created timestamptz);
SELECT is_empty('SELECT FROM at_the_moment WHERE feature_ts > ts OR created > ts OR (feature_ts IS NOT NULL AND
                 created IS NULL)', 'no row and no knowledge is of the future');
SELECT cmp_ok(count(feature_ts), '>', 200::bigint, 'and many rows have features') FROM at_the_moment;
INSERT INTO history
    SELECT h.k, h.w, x.ts, 99, -h.n, x.created
    FROM history AS h
    CROSS JOIN (VALUES (timestamptz '2026-01-01', timestamptz '2025-01-01'), ('2025-01-01', '2026-01-01'),
                       ('2026-01-01', '2026-01-01')) AS x(ts, created)
    WHERE h.n <= 500;
SELECT results_eq(
    $$SELECT * FROM etl.asof_join('public.spine', 'public.history', '{k,w}', created_ts => 'created')
      AS t(id int, k int, w text, ts timestamptz, feature_ts timestamptz, v int, n int, created timestamptz)
      ORDER BY id$$, 'SELECT * FROM at_the_moment ORDER BY id', 'what comes later changes nothing');

-- More labels than memory has room for
SET LOCAL work_mem = '64kB';
SELECT results_eq(
    $$SELECT count(*), count(t.feature_ts), sum(t.n::numeric * t.id), sum(t.n)
      FROM etl.asof_join('SELECT i AS id, i % 60000 AS k, i * 10 AS ts FROM generate_series(1, 560000) AS i',
                         'SELECT i % 61000 AS k, i * 9 AS ts, i AS n FROM generate_series(1, 300000) AS i', '{k}')
           AS t(id int, k int, ts int, feature_ts int, n int)$$,
    $$SELECT count(*), count(f.n), sum(f.n::numeric * s.id), sum(f.n)
      FROM (SELECT i AS id, i % 60000 AS k, i * 10 AS ts FROM generate_series(1, 560000) AS i) AS s
      -- The greatest i with i % 61000 = k and 9 i <= ts, if there is one from 1 on
      CROSS JOIN LATERAL (SELECT least(300000, s.ts / 9) AS most) AS m
      CROSS JOIN LATERAL (SELECT nullif(greatest(m.most - (m.most - s.k % 61000 + 61000) % 61000, 0), 0) AS n) AS f$$,
    'labels that are parted');

SELECT * FROM finish();
ROLLBACK;
