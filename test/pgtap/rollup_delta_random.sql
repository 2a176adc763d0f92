-- Random histories of three tables and three rollups over them: after every refresh each rollup is what its query
-- gives. Every kind of aggregate, keys that are NULL or of a partner, partners that change along, values that cannot be
-- taken out.
SELECT plan(10);
SET client_min_messages = warning;
SET default_transaction_isolation = 'repeatable read'; -- so that a refresh within a function merges

CREATE TABLE fact (id int PRIMARY KEY, k int, g text, x int, b bigint, n numeric(12, 2), u numeric, flag boolean,
                   t text, p int, e float8, d date, i interval);
CREATE TABLE part (id int PRIMARY KEY, fact int, v numeric(6, 3), w text);
CREATE TABLE name (id int PRIMARY KEY, name text);

SELECT ok(etl.create_rollup('public.kinds', $$
    SELECT f.k, f.g, count(*) AS c, count(f.x) FILTER (WHERE f.flag) AS cx, sum(f.x) AS sx, avg(f.x) AS ax,
           sum(f.b) AS sb, avg(f.b) AS ab, sum(f.n) FILTER (WHERE f.flag) AS sn,
           avg(f.n) AS an, sum(f.u) AS su, avg(f.u) AS au,
           sum(f.n * f.x) AS sp, min(f.u) AS mu, max(f.n) AS mn, min(f.t) AS mt, max(f.t COLLATE "C") AS xt,
           max(f.e) AS me, min(f.d) AS md, max(f.i) AS mi, stddev(f.x) AS dx, var_pop(f.n) AS vn, stddev_pop(f.u) AS du,
           variance(f.b) AS vb, stddev_samp(f.n) FILTER (WHERE f.x > 3) AS dn, bool_and(f.flag) AS ba,
           bool_or(f.flag) AS bo, every(f.x > 2) AS ev,
           count(DISTINCT f.t) AS ct, count(DISTINCT f.u) FILTER (WHERE f.flag) AS cu,
           count(DISTINCT f.e) AS ce, count(DISTINCT f.id) AS ci, etl.count_distinct(f.x) AS cd,
           count(DISTINCT f.n * 2) AS cn, max(v.worst) AS worst, sum(v.total) AS total, count(v.worst) AS cw,
           etl.cardinality(etl.distinct_set(f.t)) AS ds, etl.mean(etl.moments(f.e)) AS mo,
           (etl.histogram(f.x, ARRAY[0, 3, 6]))::text AS hi, coalesce(sum(f.x), 0) / count(*) + f.k AS ex
    FROM public.fact AS f
    LEFT JOIN (SELECT fact, max(v) AS worst, sum(v) AS total FROM public.part GROUP BY fact) AS v ON v.fact = f.id
    GROUP BY f.k, f.g
$$, '{k,g}', mode => 'delta') > 0, 'every kind of aggregate is merged');
SELECT ok(etl.create_rollup('public.named', $$
    SELECT q.name, f.k % 3 AS m, count(*) AS c, sum(f.n) AS s, count(DISTINCT f.t) AS ct, min(f.x) AS mx,
           bool_or(EXISTS (SELECT FROM public.part AS p WHERE p.fact = f.id)) AS has
    FROM public.fact AS f JOIN public.name AS q ON q.id = f.p
    WHERE f.x IS DISTINCT FROM 5 GROUP BY 1, 2 HAVING count(*) > 2
$$, '{name,m}', mode => 'delta') > 0, 'a key of a partner, EXISTS and HAVING');
SELECT ok(etl.create_rollup('public.plain', $$
    SELECT coalesce(f.k, -1) AS k, count(*) AS c, sum(f.b) AS s, avg(f.x) AS a, count(f.flag) AS n, var_pop(f.x) AS v,
           count(p.id) AS parts, max(p.v) AS best, count(DISTINCT f.id) AS ids
    FROM public.fact AS f LEFT JOIN public.part AS p ON p.fact = f.id AND p.v > 0.2
    GROUP BY 1
$$, '{k}', mode => 'delta') > 0, 'a join that repeats rows');

CREATE FUNCTION pick(n int) RETURNS int LANGUAGE sql AS 'SELECT floor(random() * n)::int';
CREATE FUNCTION value(OUT k int, OUT g text, OUT x int, OUT b bigint, OUT n numeric, OUT u numeric, OUT flag boolean,
                      OUT t text, OUT p int, OUT e float8, OUT d date, OUT i interval)
LANGUAGE sql VOLATILE AS $$
    SELECT nullif(pick(5), 4), (ARRAY['a', 'b', NULL])[1 + pick(3)], nullif(pick(8), 7),
           nullif(pick(6), 5)::bigint * 1000000007,
           CASE pick(60) WHEN 0 THEN NULL WHEN 1 THEN 'NaN' ELSE round(random()::numeric * 10, 2) END,
           CASE pick(40) WHEN 0 THEN 'NaN' WHEN 1 THEN 'Infinity' WHEN 2 THEN '-Infinity' WHEN 3 THEN NULL
                ELSE round(random()::numeric * 4, pick(25)) END,
           (ARRAY[true, false, NULL])[1 + pick(3)], (ARRAY['x', 'y', 'Z', 'z', 'é', NULL])[1 + pick(6)],
           nullif(pick(6), 5), (ARRAY[0.0, '-0', 'NaN', 1.5, NULL, '-Infinity']::float8[])[1 + pick(6)],
           '2024-01-01'::date + pick(9), make_interval(days => pick(3), hours => 24 * pick(2))
$$;

CREATE PROCEDURE change_fact(which int) LANGUAGE plpgsql AS $$
BEGIN
    CASE pick(7)
        WHEN 0, 1, 2 THEN INSERT INTO fact SELECT which, v.* FROM value() AS v ON CONFLICT DO NOTHING;
        WHEN 3 THEN DELETE FROM fact WHERE id = which;
        WHEN 4 THEN UPDATE fact SET (k, g) = (SELECT v.k, v.g FROM value() AS v) WHERE id = which;
        WHEN 5 THEN UPDATE fact SET (x, b, n, u, flag, t, p, e, d, i)
                        = (SELECT v.x, v.b, v.n, v.u, v.flag, v.t, v.p, v.e, v.d, v.i FROM value() AS v)
                    WHERE id = which;
        ELSE UPDATE fact SET id = which + 40
             WHERE id = which AND NOT EXISTS (SELECT FROM fact WHERE id = which + 40);
    END CASE;
END
$$;
CREATE PROCEDURE change_partner(which int) LANGUAGE plpgsql AS $$
BEGIN
    CASE pick(6)
        WHEN 0, 1 THEN INSERT INTO part VALUES (pick(60), which, round(random()::numeric, 3), 'w')
                       ON CONFLICT DO NOTHING;
        WHEN 2 THEN UPDATE part SET v = round(random()::numeric, 3), fact = CASE pick(2) WHEN 0 THEN fact ELSE which END
                    WHERE id = pick(60);
        WHEN 3 THEN DELETE FROM part WHERE id = pick(60);
        WHEN 4 THEN UPDATE name SET name = (ARRAY['a', 'b', 'c', NULL])[1 + pick(4)] WHERE id = pick(5);
        ELSE INSERT INTO name VALUES (pick(5), 'a')
             ON CONFLICT (id) DO UPDATE SET name = (ARRAY['a', 'b'])[1 + pick(2)];
    END CASE;
END
$$;
CREATE PROCEDURE change_one_row_often(which int) LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO fact SELECT which, v.* FROM value() AS v ON CONFLICT DO NOTHING;
    UPDATE fact SET n = n + 1, t = 'x' WHERE id = which;
    INSERT INTO part VALUES (pick(60), which, 0.5, 'w') ON CONFLICT (id) DO UPDATE SET fact = excluded.fact;
    IF pick(2) = 0 THEN
        DELETE FROM fact WHERE id = which;
    END IF;
    IF pick(3) = 0 THEN
        INSERT INTO fact SELECT which, v.* FROM value() AS v ON CONFLICT DO NOTHING;
    END IF;
END
$$;
CREATE PROCEDURE change() LANGUAGE plpgsql AS $$
BEGIN
    CASE pick(12)
        WHEN 0, 1, 2, 3, 4, 5, 6 THEN CALL change_fact(pick(40));
        WHEN 7, 8, 9, 10 THEN CALL change_partner(pick(40));
        ELSE CALL change_one_row_often(80 + pick(40));
    END CASE;
END
$$;

CREATE FUNCTION differences(rollup text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    query CONSTANT text := (SELECT r.query FROM etl.rollups AS r WHERE r.name = rollup);
    same CONSTANT text := (
        SELECT string_agg(format('a.%1$I IS NOT DISTINCT FROM b.%1$I', c.attname), ' AND ')
        FROM pg_attribute AS c WHERE c.attrelid = rollup::regclass AND c.attnum > 0);
    found bigint;
BEGIN
    EXECUTE format('WITH b AS MATERIALIZED (%1$s) '
                   'SELECT (SELECT count(*) FROM %2$s AS a WHERE NOT EXISTS (SELECT FROM b WHERE %3$s)) '
                   '+ (SELECT count(*) FROM b WHERE NOT EXISTS (SELECT FROM %2$s AS a WHERE %3$s))',
                   query, rollup, same)
        INTO found;
    RETURN found;
END
$$;

-- So many rounds of a few changes and a refresh. What differed after any of them.
CREATE FUNCTION history(rounds int, most int, seed float8) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    rollup text;
    different bigint := 0;
BEGIN
    PERFORM setseed(seed);
    FOR round IN 1 .. rounds LOOP
        FOR i IN 0 .. pick(most) LOOP
            CALL change();
        END LOOP;
        FOREACH rollup IN ARRAY '{public.kinds,public.named,public.plain}'::text[] LOOP
            CALL etl.refresh_rollup(rollup);
            different := different + differences(rollup);
        END LOOP;
    END LOOP;
    RETURN different;
END
$$;
SELECT is(history(40, 1, 0.1), 0::bigint, 'one or two changes at a time');
SELECT is(history(30, 6, 0.2), 0::bigint, 'a few');
SELECT is(history(6, 60, 0.3), 0::bigint, 'many');
INSERT INTO fact SELECT 1000 + j, v.* FROM generate_series(1, 1500) AS j CROSS JOIN LATERAL value() AS v;
UPDATE fact SET n = 1 WHERE n = 'NaN' AND id > 1000;
SELECT is(history(8, 6, 0.4), 0::bigint, 'in large groups');

CREATE FUNCTION counted(what text) RETURNS bigint LANGUAGE sql AS $$
    SELECT sum((r.detail ->> what)::bigint)::bigint FROM etl.runs AS r WHERE r.kind = 'rollup'
$$;
SELECT ok(counted('merged') > 100, 'groups were merged');
SELECT ok(counted('groups') > 100, 'and groups were computed anew');
SELECT ok(counted('deleted') > 5, 'and groups vanished');
SELECT * FROM finish();
