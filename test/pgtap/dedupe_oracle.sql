-- etl.dedupe against the same answer by DISTINCT ON, on random tables: every keep, with and without order_by,
-- nulls_equal and where_sql, on a plain and on a partitioned table; and etl.undo_dedupe, which gives the table back.
BEGIN;
SELECT plan(48);
SELECT setseed(0.42);

CREATE FUNCTION fill(target regclass, row_count int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('TRUNCATE %s', target);
    EXECUTE format($sql$
        INSERT INTO %s
        SELECT i, CASE WHEN random() < 0.9 THEN 'k' || (random() * 8)::int END,
               CASE WHEN random() < 0.9
                   THEN round((random() * 5)::numeric) + CASE WHEN random() < 0.5 THEN 0.00 ELSE 0 END END,
               CASE WHEN random() < 0.9 THEN timestamptz '2025-01-01' + (random() * 6)::int * interval '1 day' END,
               CASE WHEN random() < 0.5 THEN 'x' END, CASE WHEN random() < 0.5 THEN 1 END
        FROM generate_series(1, $1) AS i ORDER BY random()$sql$, target) USING row_count;
    -- Places that differ from the order of arrival
    EXECUTE format('UPDATE %s SET f = 2 WHERE random() < 0.3', target);
    EXECUTE format('DELETE FROM %s WHERE random() < 0.1', target);
END
$$;

-- The rows that should stay, by the plainest query that says so.
CREATE FUNCTION oracle(target regclass, keep text, order_by name, nulls_equal bool, where_sql text)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    ids text;
    direction text := CASE keep WHEN 'first' THEN 'ASC' ELSE 'DESC' END;
    takes_part text := format('(%s) IS TRUE AND (%L::bool OR (k1 IS NOT NULL AND k2 IS NOT NULL))',
                              coalesce(where_sql, 'true'), nulls_equal);
BEGIN
    EXECUTE format($sql$
        SELECT string_agg(id::text, ',' ORDER BY id) FROM (
            (SELECT DISTINCT ON (k1, k2) id FROM %1$s WHERE %2$s
             ORDER BY k1, k2 %3$s %4$s, tableoid %5$s, ctid %5$s)
            UNION ALL
            SELECT id FROM %1$s WHERE NOT (%2$s)
        ) AS kept$sql$,
        target, takes_part,
        CASE WHEN keep = 'most_complete' THEN ', num_nulls(id, k1, k2, ts, e, f)' END,
        CASE WHEN order_by IS NOT NULL THEN format(', %I %s NULLS LAST', order_by, direction) END,
        direction)
    INTO ids;
    RETURN ids;
END
$$;

CREATE FUNCTION content(target regclass) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    rows text;
BEGIN
    EXECUTE format('SELECT string_agg(t::text, E''\n'' ORDER BY t.id) FROM %s AS t', target) INTO rows;
    RETURN rows;
END
$$;

CREATE FUNCTION differences(target regclass, keep text, row_count int, tries int)
RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    wanted text;
    got text;
    before bigint;
    original text;
    expected record;
    counts record;
    choice record;
BEGIN
    FOR choice IN
        SELECT o AS order_by, n AS nulls_equal, w AS where_sql
        FROM unnest(ARRAY[NULL, 'ts', 'id']::name[]) AS o, unnest('{f,t}'::bool[]) AS n,
             unnest(ARRAY[NULL, 'f = 1', 'e IS NULL OR id % 3 > 0']) AS w, generate_series(1, tries)
    LOOP
        PERFORM fill(target, row_count);
        EXECUTE format('SELECT count(*) FROM %s', target) INTO before;
        original := content(target);
        wanted := oracle(target, keep, choice.order_by, choice.nulls_equal, choice.where_sql);
        SELECT count(*) AS groups, coalesce(sum(rows) - count(*), 0) AS duplicates INTO expected
        FROM etl.duplicates(target, '{k1,k2}', choice.nulls_equal, choice.where_sql);
        SELECT * INTO counts
        FROM etl.dedupe(target, '{k1,k2}', keep, choice.order_by, choice.nulls_equal, choice.where_sql,
                        batch_rows => 1 + (random() * 30)::int);
        EXECUTE format('SELECT string_agg(id::text, '','' ORDER BY id) FROM %s', target) INTO got;
        IF got IS DISTINCT FROM wanted OR counts.groups <> expected.groups OR counts.duplicates <> expected.duplicates
            OR counts.removed <> before - coalesce(cardinality(string_to_array(wanted, ',')), 0)
        THEN
            RETURN NEXT format('%s %s: wanted %s, got %s, counts %s, listed %s',
                               keep, choice, wanted, got, counts, expected);
        END IF;
        IF (SELECT put_back FROM etl.undo_dedupe(counts.run)) <> counts.removed
            OR content(target) IS DISTINCT FROM original
        THEN
            RETURN NEXT format('%s %s: undone, it is another table', keep, choice);
        END IF;
    END LOOP;
END
$$;

CREATE TABLE plain (id int, k1 text, k2 numeric, ts timestamptz, e text, f int);
CREATE TABLE parted (id int, k1 text, k2 numeric, ts timestamptz, e text, f int) PARTITION BY LIST (e);
CREATE TABLE parted_x PARTITION OF parted FOR VALUES IN ('x');
CREATE TABLE parted_null PARTITION OF parted FOR VALUES IN (NULL) PARTITION BY HASH (id);
CREATE TABLE parted_null_0 PARTITION OF parted_null FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE parted_null_1 PARTITION OF parted_null FOR VALUES WITH (MODULUS 2, REMAINDER 1);

SELECT is_empty(format('SELECT * FROM differences(%L, %L, 80, 4)', target, keep), format('%s, keep %s', target, keep))
FROM unnest('{plain,parted}'::text[]) AS target, unnest('{first,last,most_complete}'::text[]) AS keep;

-- keep any leaves one row of each key, whichever it is.
CREATE FUNCTION wrong_counts(target regclass, nulls_equal bool) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    keys CONSTANT text := CASE WHEN nulls_equal THEN 'k1, k2' ELSE 'k1, k2, CASE WHEN num_nulls(k1, k2) > 0 THEN id END'
                          END;
    wanted bigint;
BEGIN
    PERFORM fill(target, 200);
    EXECUTE format('SELECT count(*) FROM (SELECT 1 FROM %s GROUP BY %s) AS g', target, keys) INTO wanted;
    PERFORM etl.dedupe(target, '{k1,k2}', 'any', nulls_equal => nulls_equal);
    RETURN QUERY EXECUTE format('SELECT format(''%%s rows, %%s keys'', count(*), count(DISTINCT (%1$s))) FROM %2$s
                                 HAVING count(*) <> $1 OR count(DISTINCT (%1$s)) <> $1', keys, target) USING wanted;
END
$$;
SELECT is_empty(format('SELECT * FROM wrong_counts(%L, false) UNION ALL SELECT * FROM wrong_counts(%L, true)', t, t),
                format('%s, keep any', t))
FROM unnest('{plain,parted}'::text[]) AS t;

-- Equality is that of each type: what etl.duplicates counts is what GROUP BY counts.
CREATE COLLATION anycase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TYPE two AS (a numeric, b text COLLATE anycase);
CREATE DOMAIN folded AS text COLLATE anycase;
CREATE TYPE mood AS ENUM ('low', 'middle', 'high');
CREATE TABLE typed AS
    SELECT i AS id, CASE WHEN r < 3 THEN '0' WHEN r < 6 THEN '-0' WHEN r < 8 THEN 'NaN' ELSE '1' END::float8 AS f8,
           (CASE WHEN r < 5 THEN '-0' ELSE '0' END)::float4 AS f4,
            (r || CASE WHEN s < 5 THEN '.0' ELSE '' END)::numeric AS n,
           (CASE WHEN s < 5 THEN 'Key' ELSE 'kEY' END || r) COLLATE anycase AS t, ('k' || r)::folded AS dom,
           (r || repeat(' ', s))::char(20) AS c, (r || repeat(' ', s % 2))::varchar AS v, ('n' || r)::name AS name,
           CASE WHEN s < 5 THEN '24 hours' ELSE '1 day' END::interval * r AS iv, r::int2 AS i2, -r::int8 AS i8,
           r > 5 AS b,
           ARRAY[r::numeric, s % 2 + CASE WHEN r < 5 THEN 0.00 ELSE 0 END] AS an, ARRAY['Ä' || r, NULL] AS at,
           numrange(r, r + 1.0 + CASE WHEN s < 5 THEN 0.00 ELSE 0 END) AS nr, int4range(r, r + 1,
           CASE WHEN s < 5 THEN '[)' ELSE '[]' END) AS ir,
           ROW(r + CASE WHEN s < 5 THEN 0.0 ELSE 0 END, CASE WHEN s < 3 THEN 'x' ELSE 'X' END)::two AS p,
           jsonb_build_object('a', r + CASE WHEN s < 5 THEN 0.0 ELSE 0 END, 'b', s % 2) AS jb, md5(r::text)::uuid AS u,
           decode(md5(r::text), 'hex') AS by, date '2025-01-01' + r AS d,
           timestamptz '2025-01-01' + r * interval '1 s' AS tz,
           (ARRAY['low', 'middle', 'high'])[1 + r % 3]::mood AS e, r::money AS m, ('10.0.0.' || r)::inet AS inet,
           (r % 2)::bit(4) AS bits, repeat(md5(r::text), 300) AS long
    FROM (SELECT i, (random() * 9)::int AS r, (random() * 9)::int AS s FROM generate_series(1, 60) AS i) AS drawn;
CREATE FUNCTION miscounted(key name) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format('WITH wanted AS (SELECT count(*) AS n FROM typed GROUP BY %1$I HAVING count(*) > 1),
        got AS (SELECT rows AS n FROM etl.duplicates(''typed'', ARRAY[%1$L]))
        SELECT ''wanted '' || n FROM (SELECT n FROM wanted EXCEPT ALL SELECT n FROM got) AS w
        UNION ALL SELECT ''got '' || n FROM (SELECT n FROM got EXCEPT ALL SELECT n FROM wanted) AS g
        UNION ALL SELECT ''removed '' || d.removed FROM etl.dedupe(''typed'', ARRAY[%1$L], dry_run => true) AS d
        WHERE d.removed <> (SELECT coalesce(sum(n - 1), 0) FROM wanted)', key);
END
$$;
SELECT is_empty(format('SELECT * FROM miscounted(%L)', attname), 'duplicates by ' || format_type(atttypid, atttypmod))
FROM pg_attribute WHERE attrelid = 'typed'::regclass AND attnum > 0 ORDER BY attnum;

-- Each order that is decided by number, NULLs and ties among it, and two that are not: the same rows stay.
CREATE TABLE ordered (id int, k1 text, k2 int, i2 int2, i8 int8, f4 float4, f8 float8, d date, ts timestamp,
                      tz timestamptz, n numeric, t text);
INSERT INTO ordered
    SELECT x.id, 'k' || x.id % 7, 0, x.i, (ARRAY[-9223372036854775808, 9223372036854775807, x.i, NULL])[1 + x.j % 4],
           (ARRAY['NaN', '-Infinity', '-0', '0', x.i, NULL]::float4[])[1 + x.j % 6],
           (ARRAY['NaN', 'Infinity', '-0', '0', x.i, NULL]::float8[])[1 + x.j % 6],
           (ARRAY['infinity', '-infinity', '2025-01-01', NULL]::date[])[1 + x.j % 4],
           (ARRAY['infinity', '-infinity', '2025-01-01', NULL]::timestamp[])[1 + x.j % 4],
           (ARRAY['infinity', '-infinity', '2025-01-01', NULL]::timestamptz[])[1 + x.j % 4], x.i, x.i
    FROM (SELECT i, (random() * 8)::int - 4, (random() * 11)::int FROM generate_series(1, 200) AS i) AS x(id, i, j);
CREATE FUNCTION misplaced(order_by name) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format('
        SELECT keep || '' '' || count(*) FROM (VALUES (''first''), (''last'')) AS k(keep)
        CROSS JOIN LATERAL (
            SELECT place FROM etl._losers(''ordered'', ''{k1,k2}'', keep, %1$L)
            EXCEPT ALL
            SELECT ctid FROM (SELECT ctid, row_number() OVER (PARTITION BY k1, k2 ORDER BY
                                  CASE keep WHEN ''first'' THEN %1$I END NULLS LAST,
                                  CASE keep WHEN ''last'' THEN %1$I END DESC NULLS LAST,
                                  CASE keep WHEN ''first'' THEN ctid END, ctid DESC) FROM ordered) AS r(ctid, nth)
            WHERE nth > 1) AS wrong
        GROUP BY keep', order_by);
END
$$;
SELECT is_empty(format('SELECT * FROM misplaced(%L)', attname), 'the order of ' || format_type(atttypid, atttypmod))
FROM pg_attribute WHERE attrelid = 'ordered'::regclass AND attnum > 3 ORDER BY attnum;

-- Which keys may be told apart by their fingerprints alone.
SELECT is((SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute
           WHERE attrelid = 'typed'::regclass AND attnum > 0
             AND NOT etl._takes_one_scan('typed', ARRAY[attname], 'last', 'id')),
          't dom an at nr ir p', 'types with a hash of their own, and what may hold them, are compared');
SELECT is((SELECT array_agg(etl._takes_one_scan(r, '{k1}', keep, order_by))
           FROM (VALUES ('ordered'::regclass, 'first', 'i8'::name), ('ordered', 'any', NULL), ('ordered', 'last', 't'),
                        ('ordered', 'most_complete', 'i8'), ('parted', 'last', 'ts')) AS c(r, keep, order_by)),
          '{t,t,f,f,f}', 'one scan finds what is in one table, and ordered by numbers of fixed size');

-- The plan with parallel workers gives the same answer.
SELECT fill('plain', 20000);
CREATE TABLE kept AS SELECT string_to_table(oracle('plain', 'last', 'ts', false, NULL), ',')::int AS id;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL work_mem = '64kB';
SELECT groups FROM etl.dedupe('plain', '{k1,k2}', 'last', 'ts') \g /dev/null
SELECT set_eq('SELECT id FROM plain', 'SELECT id FROM kept', 'parallel workers and a sort on disk: the same rows stay');

SELECT * FROM finish();
ROLLBACK;
