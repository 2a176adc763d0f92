-- The plans of rollups: whether the groups that changes touch are all found, and single groups recomputed as the query
-- would. For many shapes of queries, random rows are changed at random in all tables; the log that triggers would have
-- written is played by one that keeps each old and new row, of which a plan sees the columns that it asked for. Then
-- each group whose row differs before and after must be among the keys derived, and the groups recomputed must be the
-- query's.
BEGIN;
SELECT plan(280);
SET LOCAL timezone = 'UTC';
SET LOCAL jit = off; -- rows are few, whatever the planner thinks of tables that were never analyzed
SELECT setseed(0.25);
CREATE SCHEMA shop;
CREATE SCHEMA play;

CREATE TABLE shop.a (id int, k int, x int, y int, t timestamptz);
CREATE TABLE shop.b (gone int, id int, k int, x int, y int, t timestamptz);
CREATE TABLE shop.c (LIKE shop.a);
ALTER TABLE shop.b DROP COLUMN gone; -- so that numbers and positions of its columns differ
CREATE TABLE play.log_a AS TABLE shop.a;
CREATE TABLE play.log_b AS TABLE shop.b;
CREATE TABLE play.log_c AS TABLE shop.c;

CREATE FUNCTION play.log_a() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO play.log_a SELECT OLD.* WHERE TG_OP <> 'INSERT' UNION ALL SELECT NEW.* WHERE TG_OP <> 'DELETE';
    RETURN NULL;
END
$$;
CREATE FUNCTION play.log_b() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO play.log_b SELECT OLD.* WHERE TG_OP <> 'INSERT' UNION ALL SELECT NEW.* WHERE TG_OP <> 'DELETE';
    RETURN NULL;
END
$$;
CREATE FUNCTION play.log_c() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO play.log_c SELECT OLD.* WHERE TG_OP <> 'INSERT' UNION ALL SELECT NEW.* WHERE TG_OP <> 'DELETE';
    RETURN NULL;
END
$$;
CREATE TRIGGER log AFTER INSERT OR UPDATE OR DELETE ON shop.a FOR EACH ROW EXECUTE FUNCTION play.log_a();
CREATE TRIGGER log AFTER INSERT OR UPDATE OR DELETE ON shop.b FOR EACH ROW EXECUTE FUNCTION play.log_b();
CREATE TRIGGER log AFTER INSERT OR UPDATE OR DELETE ON shop.c FOR EACH ROW EXECUTE FUNCTION play.log_c();

-- few values, so that rows meet
CREATE FUNCTION play.number() RETURNS int LANGUAGE sql VOLATILE AS $$
    SELECT CASE WHEN random() >= 0.15 THEN floor(random() * 4)::int END
$$;
CREATE FUNCTION play.moment() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$
    SELECT CASE WHEN random() >= 0.1
                THEN timestamptz '2024-01-01 22:00Z' + floor(random() * 240) * interval '1 minute' END
$$;

CREATE FUNCTION play.insert(name text, rows int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('INSERT INTO shop.%s SELECT play.number(), play.number(), play.number(), play.number(), '
                   'play.moment() FROM generate_series(1, %s)', name, rows);
END
$$;
CREATE FUNCTION play.change(name text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    what float8 := random();
    one text := format('ctid = (SELECT ctid FROM shop.%s ORDER BY random() LIMIT 1)', name);
BEGIN
    IF what < 0.4 THEN
        PERFORM play.insert(name, 1);
    ELSIF what < 0.75 THEN
        EXECUTE format('UPDATE shop.%s SET %s WHERE %s', name,
                       (ARRAY['id = play.number()', 'k = play.number()', 'x = play.number()', 'y = play.number()',
                              't = play.moment()'])[1 + floor(random() * 5)::int], one);
    ELSE
        EXECUTE format('DELETE FROM shop.%s WHERE %s', name, one);
    END IF;
END
$$;

CREATE FUNCTION play.short(source jsonb) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT split_part(source ->> 'relation', '.', 2)
$$;

-- what WITH gives the plan's queries to read: of the log's rows, the columns that the plan has asked for
CREATE FUNCTION play.with_logs(plan jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT 'WITH ' || string_agg(
        format('"etl changes %1$s" AS NOT MATERIALIZED (SELECT %2$s FROM play.log_%3$s), '
               '"etl rows %1$s" AS NOT MATERIALIZED (TABLE shop.%3$s UNION ALL TABLE "etl changes %1$s")',
               s ->> 'number',
               (SELECT string_agg(CASE WHEN s ->> 'kind' <> 'keys'
                                        AND s -> 'log' @> jsonb_build_array(jsonb_build_object('name', a.attname))
                                       THEN a.attname::text
                                       ELSE format('NULL::%s AS %s', a.atttypid::regtype, a.attname) END,
                                  ', ' ORDER BY a.attnum)
                FROM pg_attribute AS a
                WHERE a.attrelid = (s ->> 'relation')::regclass AND a.attnum > 0 AND NOT a.attisdropped),
               play.short(s)), ', ')
    FROM jsonb_array_elements(plan -> 'sources') AS s
$$;

CREATE FUNCTION play.key_list(plan jsonb) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT string_agg(quote_ident(k.value ->> 'name'), ', ' ORDER BY k.ordinality)
    FROM jsonb_array_elements(plan -> 'keys') WITH ORDINALITY AS k
$$;
CREATE FUNCTION play.key_type(plan jsonb, name text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT k ->> 'type' FROM jsonb_array_elements(plan -> 'keys') AS k WHERE k ->> 'name' = $2
$$;

-- the keys that a source's log has, or leads to
CREATE FUNCTION play.source_keys(source jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT CASE source ->> 'kind'
               WHEN 'keys' THEN (
                   SELECT format('SELECT %s FROM play.log_%s',
                                 string_agg(format('(%s)::%s AS %I', l.value ->> 'expression', l.value ->> 'type',
                                                   l.value ->> 'name'), ', ' ORDER BY l.ordinality),
                                 play.short(source))
                   FROM jsonb_array_elements(source -> 'log') WITH ORDINALITY AS l)
               ELSE source ->> 'keys_query'
           END
$$;

CREATE FUNCTION play.edge(filter jsonb, as_of text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    made text;
BEGIN
    PERFORM set_config('pg_etl.rollup_as_of', as_of, true);
    EXECUTE 'SELECT ' || (filter ->> 'edge') INTO made;
    RETURN made;
END
$$;
-- and those of the rows that pass a moving filter at one of two moments alone
CREATE FUNCTION play.moving_keys(plan jsonb, filter jsonb, earlier text, later text) RETURNS text LANGUAGE sql AS $$
    SELECT format('WITH "etl changes %s" AS (SELECT * FROM %s WHERE %s BETWEEN least(%L::timestamptz, %L) AND '
                  'greatest(%4$L::timestamptz, %5$L)) %s',
                  s ->> 'number', s ->> 'relation', filter ->> 'column', play.edge(filter, earlier),
                  play.edge(filter, later), filter ->> 'keys_query')
    FROM jsonb_array_elements(plan -> 'sources') AS s
    WHERE s -> 'number' = filter -> 'source'
$$;

CREATE FUNCTION play.touched(plan jsonb, earlier text, later text) RETURNS text LANGUAGE sql AS $$
    SELECT play.with_logs(plan) || string_agg(format(' SELECT * FROM (%s) AS q', keys), ' UNION ')
    FROM (
        SELECT play.source_keys(s)
        FROM jsonb_array_elements(plan -> 'sources') AS s
        UNION ALL
        SELECT play.moving_keys(plan, m, earlier, later)
        FROM jsonb_array_elements(plan -> 'moving') AS m
    ) AS q (keys)
    WHERE keys IS NOT NULL
$$;

-- whether a table has changed whose changes touch all groups
CREATE FUNCTION play.touches_all(plan jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    source jsonb;
    found boolean;
BEGIN
    FOR source IN SELECT s FROM jsonb_array_elements(plan -> 'sources') AS s WHERE (s -> 'everything')::boolean LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM play.log_%s)', play.short(source)) INTO found;
        IF found THEN
            RETURN true;
        END IF;
    END LOOP;
    RETURN false;
END
$$;

-- a query's rows, by their keys
CREATE FUNCTION play.answer(query text, plan jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    found jsonb;
BEGIN
    EXECUTE format('SELECT coalesce(jsonb_object_agg(ROW(%s)::text, q::text), ''{}'') FROM (%s) AS q',
                   play.key_list(plan), query) INTO found;
    RETURN found;
END
$$;

CREATE FUNCTION play.condition(plan jsonb, place jsonb, list text) RETURNS text LANGUAGE sql AS $$
    SELECT format('((%s = ANY (%L::%s[]) OR %1$s IS NULL)', place ->> 'expression', list, type)
           || CASE WHEN place ->> 'column' IS NULL THEN ')'
                   ELSE format(' AND (%1$s IS NULL OR EXISTS (SELECT FROM unnest(%2$L::%3$s[]) AS u '
                               'WHERE %1$s >= u AND %1$s < u + interval %4$L)))',
                               place ->> 'column', list, type, place ->> 'upper') END
    FROM play.key_type(plan, place ->> 'key') AS type
$$;
CREATE FUNCTION play.recompute(plan jsonb, touched text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    lists jsonb;
BEGIN
    EXECUTE format('SELECT jsonb_build_object(%s) FROM (%s) AS q',
                   (SELECT string_agg(format('%L, coalesce(array_agg(DISTINCT %1$I)::text, ''{}'')', k ->> 'name'),
                                      ', ')
                    FROM jsonb_array_elements(plan -> 'keys') AS k), touched) INTO lists;
    RETURN etl._filled(plan -> 'recompute', ARRAY(
        SELECT play.condition(plan, p.value, lists ->> (p.value ->> 'key'))
        FROM jsonb_array_elements(plan -> 'restrictions') WITH ORDINALITY AS p ORDER BY p.ordinality));
END
$$;

-- one round of changes; what is wrong after it, if something is
CREATE FUNCTION play.round(plan jsonb, query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    tables text[] := ARRAY(SELECT play.short(s) FROM jsonb_array_elements(plan -> 'sources') AS s);
    moments text[] := ARRAY['2024-01-01 23:30Z', '2024-01-02 00:15Z'];
    touched text;
    before jsonb;
    after jsonb;
    found text[];
    again jsonb;
BEGIN
    TRUNCATE shop.a, shop.b, shop.c;
    PERFORM play.insert(name, 2 + (random() * 14)::int / cardinality(tables)) FROM unnest(tables) AS name;
    TRUNCATE play.log_a, play.log_b, play.log_c;
    PERFORM set_config('pg_etl.rollup_as_of', moments[1], true);
    before := play.answer(plan ->> 'whole', plan);
    FOR i IN 1 .. 1 + (random() ^ 2 * 12)::int LOOP
        PERFORM play.change(tables[1 + floor(random() * cardinality(tables))::int]);
    END LOOP;
    touched := play.touched(plan, moments[1], moments[2]);
    PERFORM set_config('pg_etl.rollup_as_of', moments[2], true);
    after := play.answer(CASE plan -> 'moving' WHEN '[]' THEN query ELSE plan ->> 'whole' END, plan);
    IF play.touches_all(plan) OR touched IS NULL THEN
        RETURN NULL;
    END IF;
    EXECUTE format('SELECT coalesce(array_agg(DISTINCT ROW(%s)::text), ''{}'') FROM (%s) AS q', play.key_list(plan),
                   touched) INTO found;
    again := play.answer(play.recompute(plan, touched), plan);
    RETURN (
        SELECT string_agg(format('group %s: before %s, after %s, touched %s, recomputed %s', key, before ->> key,
                                 after ->> key, key = ANY (found), again ->> key), E'\n')
        FROM (SELECT unnest(found) UNION SELECT jsonb_object_keys(before || after)) AS k (key)
        WHERE CASE WHEN key = ANY (found) THEN again ->> key IS DISTINCT FROM after ->> key
                   ELSE before ->> key IS DISTINCT FROM after ->> key END);
END
$$;
CREATE FUNCTION play.torture(query text, keys name[], affects jsonb DEFAULT '{}', rounds int DEFAULT 12)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    plan jsonb := etl._rollup_plan(query, keys, affects);
    wrong text;
BEGIN
    FOR i IN 1 .. rounds LOOP
        wrong := play.round(plan, query);
        EXIT WHEN wrong IS NOT NULL;
    END LOOP;
    RETURN wrong;
END
$$;

CREATE FUNCTION play.kinds(plan jsonb) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT string_agg(format('%s %s%s', play.short(s), s ->> 'kind',
                             CASE WHEN (s -> 'everything')::boolean THEN ' all' END), ', ' ORDER BY s -> 'number')
    FROM jsonb_array_elements(plan -> 'sources') AS s
$$;

CREATE TABLE play.shape (what text, kinds text, query text, keys name[] DEFAULT '{k}', affects jsonb DEFAULT '{}');
INSERT INTO play.shape (what, kinds, query) VALUES
('plain', 'a keys',
 $$SELECT k, count(*), sum(x) FROM shop.a GROUP BY k$$),
('WHERE and HAVING', 'a keys',
 $$SELECT k, count(*), sum(x) FROM shop.a WHERE y > 1 GROUP BY k HAVING count(*) > 1$$),
('an hour', 'a keys',
 $$SELECT date_trunc('hour', t, 'UTC') AS k, count(*) FROM shop.a GROUP BY 1$$),
('date of the session', 'a columns',
 $$SELECT t::date AS k, count(*) FROM shop.a GROUP BY 1$$),
('text of a float', 'a columns',
 $$SELECT x::float8::text AS k, count(*) FROM shop.a GROUP BY 1$$),
('text of bytes', 'a columns',
 $$SELECT int4send(x)::text AS k, count(*) FROM shop.a GROUP BY 1$$),
('join', 'a keys, b columns',
 $$SELECT a.k, sum(b.y) FROM shop.a JOIN shop.b ON a.x = b.x GROUP BY a.k$$),
('join, key of the other', 'a columns, b keys',
 $$SELECT b.k, sum(a.y) FROM shop.a JOIN shop.b ON a.x = b.x GROUP BY b.k$$),
('join on the key', 'a keys, b keys',
 $$SELECT a.k, sum(b.y) FROM shop.a JOIN shop.b ON a.k = b.k GROUP BY a.k$$),
('join using the key', 'a keys, b keys',
 $$SELECT k, sum(b.y) FROM shop.a JOIN shop.b USING (k) GROUP BY k$$),
('left join', 'a keys, b columns',
 $$SELECT a.k, sum(b.y), count(*) FROM shop.a LEFT JOIN shop.b ON a.x = b.x GROUP BY a.k$$),
('left join, key of the optional side', 'a columns, b columns',
 $$SELECT b.k, sum(a.y), count(*) FROM shop.a LEFT JOIN shop.b ON a.x = b.x AND b.y > 1 GROUP BY b.k$$),
('left join on the key', 'a keys, b keys',
 $$SELECT a.k, sum(b.y), count(*) FROM shop.a LEFT JOIN shop.b ON a.k = b.k GROUP BY a.k$$),
('left join, key of both sides', 'a columns, b columns',
 $$SELECT coalesce(b.k, 9) AS k, count(*) FROM shop.a LEFT JOIN shop.b ON a.x = b.x GROUP BY 1$$),
('anti-join', 'a keys, b columns',
 $$SELECT a.k, count(*) FROM shop.a LEFT JOIN shop.b ON a.x = b.x WHERE b.x IS NULL GROUP BY a.k$$),
('right join', 'a columns, b columns',
 $$SELECT a.k, sum(b.y), count(*) FROM shop.a RIGHT JOIN shop.b ON a.x = b.x GROUP BY a.k$$),
('full join on the key', 'a keys, b keys',
 $$SELECT coalesce(a.k, b.k) AS k, sum(a.x), sum(b.x) AS sb FROM shop.a FULL JOIN shop.b ON a.k = b.k
   GROUP BY 1$$),
('full join using the key', 'a keys, b keys',
 $$SELECT k, sum(a.x), sum(b.x) AS sb FROM shop.a FULL JOIN shop.b USING (k) GROUP BY 1$$),
('full join, key of one side', 'a columns, b columns',
 $$SELECT a.k, sum(a.x), sum(b.x) AS sb FROM shop.a FULL JOIN shop.b ON a.x = b.x GROUP BY 1$$),
('chain of left joins', 'a keys, b columns, c columns',
 $$SELECT a.k, sum(c.y), count(*) FROM shop.a LEFT JOIN shop.b ON a.x = b.x LEFT JOIN shop.c ON c.x =
   b.y GROUP BY a.k$$),
('chain of left joins by what may be NULL', 'a keys, b columns, c columns all',
 $$SELECT a.k, sum(c.y), count(*) FROM shop.a LEFT JOIN shop.b ON a.x = b.x LEFT JOIN shop.c ON c.x =
   coalesce(b.y, 0) GROUP BY a.k$$),
('chain of left joins, key of the last', 'a columns all, b columns all, c columns',
 $$SELECT c.k, sum(a.y), count(*) FROM shop.a LEFT JOIN shop.b ON a.x = b.x LEFT JOIN shop.c ON c.x IS
   NOT DISTINCT FROM b.y GROUP BY c.k$$),
('left join of a join', 'a keys, b columns, c columns',
 $$SELECT a.k, sum(c.y), count(*) FROM shop.a LEFT JOIN (shop.b JOIN shop.c ON b.x = c.x) ON a.y = b.y
   GROUP BY a.k$$),
('left join of a left join', 'a columns, b columns, c columns',
 $$SELECT coalesce(c.k, b.k, a.k) AS k, count(*) FROM shop.a LEFT JOIN (shop.b LEFT JOIN shop.c ON b.x
   = c.x) ON a.y = b.y GROUP BY 1$$),
('a join with an alias', 'a keys, b columns',
 $$SELECT j.k, count(*) FROM (shop.a JOIN shop.b USING (x)) AS j (x, i, k, y, t, i2, k2, y2, t2) GROUP
   BY 1$$),
('WITH', 'a keys, b columns',
 $$WITH s AS (SELECT x, sum(y) AS y FROM shop.b GROUP BY x) SELECT a.k, sum(s.y) FROM shop.a LEFT JOIN
   s ON s.x = a.x GROUP BY a.k$$),
('WITH read twice', 'a keys, b columns',
 $$WITH s AS (SELECT x, sum(y) AS y FROM shop.b GROUP BY x) SELECT a.k, sum(s.y), sum(s2.y) AS s2y FROM
   shop.a LEFT JOIN s ON s.x = a.x LEFT JOIN s s2 ON s2.x = a.y GROUP BY a.k$$),
('WITH with names', 'a keys, b columns',
 $$WITH s (p, q) AS (SELECT x, sum(y) FROM shop.b GROUP BY x), r AS (SELECT * FROM s) SELECT a.k,
   sum(r.q) FROM shop.a LEFT JOIN r ON r.p = a.x GROUP BY a.k$$),
('DISTINCT ON', 'a keys, b columns',
 $$SELECT a.k, count(*), sum(v.y) FROM shop.a LEFT JOIN (SELECT DISTINCT ON (x) x, y, id FROM shop.b
   ORDER BY x, id DESC, y, k, t) v ON v.x = a.x GROUP BY a.k$$),
('DISTINCT ON the key', 'a columns, b keys',
 $$SELECT v.k, count(*), sum(v.y) FROM shop.a JOIN (SELECT DISTINCT ON (x, k) x, y, k FROM shop.b ORDER
   BY x, k, id DESC, y) v ON v.x = a.x GROUP BY v.k$$),
('LATERAL LIMIT', 'a keys, b columns',
 $$SELECT a.k, count(*), sum(v.y) FROM shop.a LEFT JOIN LATERAL (SELECT b.y FROM shop.b WHERE b.x = a.x
   ORDER BY id, y LIMIT 1) v ON true GROUP BY a.k$$),
('LATERAL LIMIT, not optional', 'a keys, b columns',
 $$SELECT a.k, count(*), sum(v.y) FROM shop.a, LATERAL (SELECT b.y FROM shop.b WHERE b.x = a.x ORDER BY
   id, y LIMIT 1) v GROUP BY a.k$$),
('LATERAL aggregate', 'a keys, b columns',
 $$SELECT a.k, sum(v.y) FROM shop.a, LATERAL (SELECT max(b.y) AS y FROM shop.b WHERE b.x = a.x) v GROUP
   BY a.k$$),
('EXISTS', 'a keys, b columns',
 $$SELECT a.k, count(*) FROM shop.a WHERE EXISTS (SELECT FROM shop.b WHERE b.x = a.x) GROUP BY a.k$$),
('NOT EXISTS', 'a keys, b columns',
 $$SELECT a.k, count(*) FROM shop.a WHERE NOT EXISTS (SELECT FROM shop.b WHERE b.x = a.x AND b.y > a.y)
   GROUP BY a.k$$),
('IN', 'a keys, b columns',
 $$SELECT a.k, count(*) FROM shop.a WHERE a.x IN (SELECT b.x FROM shop.b WHERE b.y > 0) GROUP BY a.k$$),
('NOT IN', 'a keys, b columns',
 $$SELECT a.k, count(*) FROM shop.a WHERE a.x NOT IN (SELECT b.x FROM shop.b WHERE b.y > 0) GROUP BY
   a.k$$),
('IN within an aggregate', 'a keys, b columns',
 $$SELECT a.k, count(*) FILTER (WHERE a.x IN (SELECT b.x FROM shop.b)) FROM shop.a GROUP BY a.k$$),
('IN whose NULL counts', 'a keys, b columns',
 $$SELECT a.k, count(*) FROM shop.a WHERE (a.x IN (SELECT b.x FROM shop.b WHERE b.y = 1)) IS NULL GROUP
   BY a.k$$),
('ALL', 'a keys, b columns',
 $$SELECT a.k, count(*) FROM shop.a WHERE a.x >= ALL (SELECT b.x FROM shop.b WHERE b.y = a.y) GROUP BY
   a.k$$),
('IN of groups', 'a keys, b columns',
 $$SELECT a.k, count(*) FROM shop.a WHERE a.x IN (SELECT b.x FROM shop.b GROUP BY b.x HAVING count(*) >
   1) GROUP BY a.k$$),
('IN of an aggregate', 'a keys, b columns all',
 $$SELECT a.k, count(*) FROM shop.a WHERE a.x IN (SELECT max(b.x) FROM shop.b GROUP BY b.y) GROUP BY
   a.k$$),
('scalar subquery', 'a keys, b columns',
 $$SELECT a.k, sum((SELECT max(b.y) FROM shop.b WHERE b.x = a.x)) FROM shop.a GROUP BY a.k$$),
('subquery in HAVING', 'a keys, b keys',
 $$SELECT a.k, count(*) FROM shop.a GROUP BY a.k HAVING count(*) > (SELECT count(*) FROM shop.b WHERE
   b.k = a.k)$$),
('uncorrelated subquery', 'a keys, b columns all',
 $$SELECT a.k, count(*) FROM shop.a WHERE a.x > (SELECT min(b.x) FROM shop.b) GROUP BY a.k$$),
('UNION ALL', 'a keys, b keys',
 $$SELECT u.k, sum(u.x) FROM (SELECT k, x FROM shop.a UNION ALL SELECT k, y FROM shop.b) u GROUP BY u.k$$),
('UNION', 'a keys, b keys',
 $$SELECT u.k, sum(u.x) FROM (SELECT k, x FROM shop.a UNION SELECT k, y FROM shop.b) u GROUP BY u.k$$),
('EXCEPT', 'a keys, b keys',
 $$SELECT u.k, sum(u.x) FROM (SELECT k, x FROM shop.a EXCEPT SELECT k, y FROM shop.b) u GROUP BY u.k$$),
('INTERSECT ALL', 'a keys, b keys',
 $$SELECT u.k, sum(u.x) FROM (SELECT k, x FROM shop.a INTERSECT ALL SELECT k, y FROM shop.b) u GROUP BY
   u.k$$),
('UNION ALL joined', 'a columns, b columns, c keys',
 $$SELECT c.k, sum(u.x) FROM (SELECT k, x FROM shop.a UNION ALL SELECT k, y FROM shop.b) u JOIN shop.c
   ON c.x = u.x GROUP BY c.k$$),
('nested set operations joined', 'c columns, a columns, b columns',
 $$SELECT u.k, sum(c.x) FROM shop.c LEFT JOIN (SELECT k, x FROM shop.a UNION ALL (SELECT k, y FROM
   shop.b UNION SELECT y, k FROM shop.b)) u ON c.x = u.x GROUP BY u.k$$),
('self-join', 'a columns',
 $$SELECT a.k, count(*), sum(b.y) FROM shop.a LEFT JOIN shop.a b ON a.x = b.y GROUP BY a.k$$),
('self-join, key of the optional side', 'a columns',
 $$SELECT b.k, count(*), sum(a.y) FROM shop.a LEFT JOIN shop.a b ON a.x = b.y GROUP BY b.k$$),
('self-join of three', 'a columns all',
 $$SELECT c.k, count(*) FROM shop.a LEFT JOIN shop.a b ON a.x = b.y LEFT JOIN shop.a c ON c.x = b.x
   GROUP BY c.k$$),
('left joins of grouped subqueries', 'a keys, b keys, c columns',
 $$WITH v AS (SELECT c.id, max(c.y) w, bool_or(c.x = 1) o FROM shop.c GROUP BY c.id), s AS (SELECT b.k,
   count(*) n, sum(w) w FROM shop.b LEFT JOIN v USING (id) GROUP BY b.k) SELECT e.k, max(e.x) x,
   max(s.n) n, max(s.w) w FROM shop.a e LEFT JOIN s USING (k) GROUP BY e.k$$),
('grouped twice', 'a keys, b columns',
 $$SELECT s.k, sum(s.n) FROM (SELECT a.k, b.x, count(*) n FROM shop.a JOIN shop.b USING (x) GROUP BY
   a.k, b.x) s GROUP BY s.k$$),
('an hour of a grouped subquery', 'a keys, b columns',
 $$SELECT s.h AS k, sum(s.n) FROM (SELECT date_trunc('hour', t, 'UTC') AS h, x, count(*) n FROM shop.a
   GROUP BY 1, 2) s LEFT JOIN shop.b ON b.x = s.x GROUP BY s.h$$),
('window over the key', 'a keys',
 $$SELECT s.k, sum(s.r) FROM (SELECT k, rank() OVER (PARTITION BY k ORDER BY x) r FROM shop.a) s GROUP
   BY s.k$$),
('window joined', 'a columns, c keys',
 $$SELECT c.k, sum(s.r) FROM (SELECT k, x, rank() OVER (PARTITION BY k ORDER BY x) r FROM shop.a) s
   JOIN shop.c ON c.x = s.k GROUP BY c.k$$),
('DISTINCT', 'a keys',
 $$SELECT s.k, count(*) FROM (SELECT DISTINCT k, x FROM shop.a) s GROUP BY s.k$$),
('set-returning function', 'a keys',
 $$SELECT a.k, count(*), sum(g) FROM shop.a, generate_series(1, a.x) g GROUP BY a.k$$),
('VALUES left-joined', 'a keys',
 $$SELECT v.k, count(a.x) FROM (VALUES (0), (1), (2)) v (k) LEFT JOIN shop.a ON a.x = v.k GROUP BY v.k$$),
('constant of an optional subquery', 'a columns, b columns',
 $$SELECT coalesce(s.f, 7) AS k, count(*) FROM shop.a LEFT JOIN (SELECT b.x, 1 AS f FROM shop.b) s ON
   s.x = a.x GROUP BY 1$$),
('constant of an optional subquery compared', 'a columns, b columns',
 $$SELECT s.z AS k, count(*) FROM shop.a LEFT JOIN (SELECT b.x, b.y, 1 AS f, b.k AS z FROM shop.b) s ON
   s.x = a.x WHERE coalesce(s.f, 0) = a.y GROUP BY 1$$),
('key of two tables', 'a columns, b columns',
 $$SELECT a.x + b.y AS k, count(*) FROM shop.a JOIN shop.b ON a.id = b.id GROUP BY 1$$),
('key of two tables, one optional', 'a columns, b columns',
 $$SELECT a.x + coalesce(b.y, 0) AS k, count(*) FROM shop.a LEFT JOIN shop.b ON a.id = b.id GROUP BY 1$$),
('join by a range', 'a columns, b keys',
 $$SELECT b.k, count(*) FROM shop.a JOIN shop.b ON a.x BETWEEN b.x AND b.y GROUP BY 1$$),
('condition over three tables', 'a columns, b columns, c keys',
 $$SELECT c.k, count(*) FROM shop.a, shop.b, shop.c WHERE a.x + b.x = c.x AND a.y = b.y GROUP BY 1$$),
('EXISTS in ON', 'a keys, b columns, c columns',
 $$SELECT a.k, count(b.x) FROM shop.a LEFT JOIN shop.b ON a.x = b.x AND EXISTS (SELECT FROM shop.c
   WHERE c.y = b.y) GROUP BY 1$$),
('EXISTS in ON, key of the optional side', 'a columns, b columns, c columns',
 $$SELECT b.k, count(a.x) FROM shop.a LEFT JOIN shop.b ON a.x = b.x AND EXISTS (SELECT FROM shop.c
   WHERE c.y = b.y) GROUP BY 1$$),
('left join in a left-joined subquery', 'a columns, b columns, c columns',
 $$SELECT s.k, count(*) FROM shop.a LEFT JOIN (SELECT b.x, c.k FROM shop.b LEFT JOIN shop.c ON b.y =
   c.y) s ON s.x = a.x GROUP BY 1$$),
('key behind two optional sides', 'a columns, b columns, c columns',
 $$SELECT coalesce(s.k, 5) AS k, count(*) FROM shop.a LEFT JOIN (SELECT b.x, coalesce(c.k, 4) AS k FROM
   shop.b LEFT JOIN shop.c ON b.y = c.y) s ON s.x = a.x GROUP BY 1$$),
('key of a grouped join', 'a columns, b keys, c columns',
 $$SELECT s.y AS k, count(*) FROM shop.a JOIN (SELECT b.x, b.y FROM shop.b LEFT JOIN shop.c ON b.k =
   c.k GROUP BY b.x, b.y HAVING count(c.x) > 1) s ON s.x = a.x GROUP BY 1$$),
('condition of the kept side in ON', 'c columns, a columns',
 $$SELECT a.k, max(b.y) AS m, count(*) FROM shop.c AS b LEFT JOIN shop.a ON a.x = b.x AND b.k = 0 GROUP
   BY 1$$),
('right join and left join', 'b columns, c keys',
 $$SELECT c.y AS k, sum(b.k + coalesce(c.id, 1)) FROM shop.b AS o RIGHT JOIN shop.c ON o.x = c.x AND
   o.x = c.y LEFT JOIN shop.b ON c.x = b.x AND c.k = coalesce(b.y, 0) GROUP BY 1$$),
('left join in a right join', 'c columns, b columns, a columns',
 $$SELECT a.k + coalesce(b.id, 1) AS k, count(*) FROM shop.c RIGHT JOIN (shop.b LEFT JOIN shop.a ON b.x
   = a.k) ON c.x < a.x AND b.x IS NOT NULL GROUP BY 1$$),
('left joins using the key', 'a keys, b keys, c keys',
 $$SELECT k, count(*), sum(c.y), max(x) FROM shop.a LEFT JOIN shop.b USING (k, x) LEFT JOIN shop.c USING (x, k)
   GROUP BY k$$),
('full joins using the key', 'a columns, b columns, c columns',
 $$SELECT k, sum(a.x), sum(b.x) AS b, sum(c.x) AS c FROM shop.a FULL JOIN shop.b USING (k) FULL JOIN shop.c USING (k)
   GROUP BY 1$$),
('natural join of an aliased join', 'b keys, c keys, a keys',
 $$SELECT j.k, count(*), max(j.z) FROM (shop.b AS p NATURAL JOIN shop.c) AS j (i, k, x, y, z) LEFT JOIN shop.a USING (k)
   GROUP BY j.k$$),
('DISTINCT ON, compared by what changes may put in its place', 'a keys, b columns',
 $$SELECT a.k, count(*) FROM shop.a JOIN (SELECT DISTINCT ON (x) x, y FROM shop.b ORDER BY x, id DESC, y) AS v
   ON v.x = a.x AND v.y > a.y GROUP BY a.k$$),
('key that a subquery tells by what it is joined on', 'c columns, a keys, b keys',
 $$SELECT s.y AS k, count(c.x) FROM shop.c JOIN shop.a ON c.id = a.id
   JOIN (SELECT x, y FROM shop.b WHERE b.x = b.y) AS s ON s.x = a.k GROUP BY s.y$$),
('key of an optional subquery', 'a columns, b columns',
 $$SELECT s.k, count(*) FROM shop.a LEFT JOIN (SELECT x, k FROM shop.b WHERE y > 0) AS s USING (x) GROUP BY s.k$$),
('tables that meet in an aggregate alone', 'a columns all, c keys, b columns',
 $$SELECT c.k, count(*), sum(v.y) FROM shop.a, shop.c,
   LATERAL (SELECT max(b.id) AS y FROM shop.b WHERE b.x = a.x AND b.y = c.y) AS v GROUP BY c.k$$),
('moving filter', 'a keys',
 $$SELECT k, count(*) FROM shop.a WHERE t >= now() - interval '1 hour' GROUP BY k$$),
('moving filters of two tables', 'a keys, b columns',
 $$SELECT a.k, count(*), count(b.x) AS b FROM shop.a LEFT JOIN shop.b ON a.x = b.x AND b.t >
   LOCALTIMESTAMP - interval '40 minutes' WHERE a.t >= now() - interval '90 minutes' AND
   CURRENT_TIMESTAMP > a.t GROUP BY a.k$$),
('moving filter in a subquery', 'a keys, b columns',
 $$SELECT a.k, count(*), max(v.y) FROM shop.a LEFT JOIN (SELECT DISTINCT ON (x) x, y FROM shop.b WHERE
   t < CURRENT_DATE ORDER BY x, id DESC, y) AS v USING (x) GROUP BY a.k$$),
('moving filter in EXISTS', 'a keys, b columns',
 $$SELECT a.k, count(*) FROM shop.a WHERE EXISTS (SELECT FROM shop.b WHERE b.x = a.x AND b.t BETWEEN
   now() - interval '1 hour' AND now()) GROUP BY a.k$$);
INSERT INTO play.shape (what, kinds, query, keys, affects)
VALUES ('two keys', 'a columns, b columns',
        'SELECT a.k, b.k AS bk, sum(b.y) FROM shop.a JOIN shop.b ON a.x = b.x GROUP BY a.k, b.k', '{k, bk}', '{}'),
       ('two keys, one of the optional side', 'a columns, b columns',
        'SELECT a.k, b.k AS bk, sum(b.y) FROM shop.a LEFT JOIN shop.b ON a.x = b.x GROUP BY a.k, b.k', '{bk, k}', '{}'),
       ('two keys, both optional', 'a columns, b columns',
        'SELECT a.k, b.k AS bk, sum(b.y) FROM shop.a FULL JOIN shop.b ON a.x = b.x GROUP BY a.k, b.k', '{bk, k}', '{}'),
       ('affects', 'a keys, b columns',
        'SELECT a.k, count(*) FROM shop.a WHERE a.x < (SELECT max(b.x) FROM shop.b) GROUP BY a.k', '{k}',
        '{"shop.b": "SELECT a.k FROM shop.a, changed WHERE a.x IS NOT NULL AND changed.x IS NOT NULL"}'),
       ('affects of a key that is not faithful', 'b columns, a columns',
        'SELECT s.m AS k, count(*) FROM shop.b JOIN (SELECT x, max(k) AS m FROM shop.a GROUP BY x) AS s USING (x)
         GROUP BY 1', '{k}',
        '{"shop.a": "WITH g AS (SELECT k FROM shop.a UNION ALL SELECT k FROM changed) SELECT k::bigint FROM g UNION '
        'SELECT NULL"}');

SELECT is(play.torture(query, keys, affects), NULL, what || ': changes are found, groups recomputed') FROM play.shape;
SELECT is(play.kinds(etl._rollup_plan(query, keys, affects)), kinds, what || ': ' || kinds)
FROM play.shape WHERE kinds IS NOT NULL;

-- The places of restrictions ----------------------------------------------------------------------------------------

CREATE FUNCTION play.places(query text, keys name[] DEFAULT '{k}') RETURNS SETOF text LANGUAGE sql AS $$
    SELECT concat_ws(' | ', p ->> 'expression', p ->> 'column', p ->> 'upper', p ->> 'zone')
    FROM jsonb_array_elements(etl._rollup_plan(query, keys) -> 'restrictions') AS p
$$;
-- From version 18 on a grouped query of one table names it before each column; what only that adds stands in ‹›.
CREATE FUNCTION play.deparsed(expected text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT regexp_replace(expected, '‹([^›]*)›',
                          CASE WHEN current_setting('server_version_num')::int >= 180000 THEN E'\\1' ELSE '' END, 'g')
$$;
CREATE FUNCTION play.recomputed(query text) RETURNS text LANGUAGE sql AS $$
    SELECT regexp_replace(etl._filled(etl._rollup_plan(query, '{k}') -> 'recompute', '{PLACE 1,PLACE 2}'), '\s+', ' ',
                          'g')
$$;

SELECT results_eq(format('SELECT play.places(%L)', query),
                  format('SELECT play.deparsed(unnest(%L::text[]))', places), what)
FROM (VALUES
    ('a truncated time in a zone',
     $$SELECT date_trunc('day', a.t, 'Europe/Berlin') AS k, count(*) FROM shop.a, shop.b GROUP BY 1$$,
     ARRAY[$$(date_trunc('day'::text, a.t, 'Europe/Berlin'::text)) | a.t | 1 day | 'Europe/Berlin'::text$$]),
    ('a truncated time in that of the session', $$SELECT date_trunc('Quarter', t) AS k FROM shop.a GROUP BY 1$$,
     ARRAY[$$(date_trunc('Quarter'::text, ‹a.›t)) | ‹a.›t | 3 months$$]),
    ('a date', 'SELECT t::date AS k FROM shop.a GROUP BY 1', ARRAY['((‹a.›t)::date) | ‹a.›t | 1 day']),
    ('a bin', $$SELECT date_bin('10 min', t, '2024-01-01Z') AS k FROM shop.a GROUP BY 1$$,
     ARRAY[$$(date_bin('00:10:00'::interval, ‹a.›t, '2024-01-01 00:00:00+00'::timestamp with time zone)) | ‹a.›t | $$
           || '00:10:00']),
    ('no range where the unit is a column', $$SELECT date_trunc(k::text, t) AS k FROM shop.a GROUP BY 1$$,
     ARRAY['(date_trunc((‹a.›k)::text, ‹a.›t))']),
    ('no range of what is computed', $$SELECT date_trunc('day', t + interval '1 h') AS k FROM shop.a GROUP BY 1$$,
     ARRAY[$$(date_trunc('day'::text, (‹a.›t + '01:00:00'::interval)))$$]),
    ('over equalities', 'SELECT a.k FROM shop.a JOIN shop.b USING (k) JOIN shop.c ON c.x = b.k GROUP BY 1',
     ARRAY['a.k', 'b.k', 'c.x']),
    ('to what a kept row looks for, and not back',
     'SELECT a.k FROM shop.a LEFT JOIN shop.b ON a.k = b.k LEFT JOIN shop.c ON c.x = b.k GROUP BY 1',
     ARRAY['a.k', 'b.k']),
    ('not from an optional side', 'SELECT b.k FROM shop.a LEFT JOIN shop.b ON a.k = b.k GROUP BY 1', ARRAY['b.k']),
    ('into the branches of a UNION',
     'SELECT k FROM (SELECT k FROM shop.a UNION SELECT x FROM shop.b WHERE y > 1) AS s GROUP BY 1',
     ARRAY['‹s.›k', 'a.k', 'b.x']),
    ('not to a column of another operator', 'SELECT a.k FROM shop.a JOIN shop.b ON a.k < b.k GROUP BY 1', ARRAY['a.k'])
) AS v (what, query, places);

SELECT is(play.recomputed('SELECT a.k, max(v.y) AS y FROM shop.a LEFT JOIN (SELECT DISTINCT ON (x) x, y FROM shop.b '
                          'ORDER BY x, id) AS v ON v.x = a.x WHERE a.y > 0 GROUP BY 1'),
          ' SELECT a.k, max(v.y) AS y FROM (shop.a LEFT JOIN ( SELECT DISTINCT ON (b.x) b.x, b.y FROM shop.b WHERE '
          '(b.x IN ( SELECT a_1.x AS value FROM shop.a a_1 WHERE ((a_1.y > 0) AND (PLACE 2)))) '
          'ORDER BY b.x, b.id) v ON ((v.x = a.x))) WHERE ((a.y > 0) AND (PLACE 1)) GROUP BY a.k',
          'a subquery computed apart is reduced to what the restricted rows ask for');
SELECT is(play.recomputed('SELECT k, count(*) AS n FROM (shop.a LEFT JOIN shop.b USING (k)) AS j (k) GROUP BY 1'),
          ' SELECT a.k, count(*) AS n FROM (shop.a LEFT JOIN shop.b ON (((a.k = b.k) AND (PLACE 2)))) '
          'WHERE (PLACE 1) GROUP BY a.k', 'USING gives way to what is added to it');
SELECT is(play.recomputed($$SELECT x AS k, 'etl._restriction(9, "a' AS "etl._restriction(8, x)", max('('')')
                            FROM shop.a WHERE x::text <> 'etl._restriction(7), ''' GROUP BY 1$$),
          play.deparsed(
              $$ SELECT ‹a.›x AS k, 'etl._restriction(9, "a'::text AS "etl._restriction(8, x)", $$
              || $$max('('')'::text) AS max FROM shop.a WHERE (((‹a.›x)::text <> 'etl._restriction(7), '''::text) $$
              || $$AND (PLACE 1)) GROUP BY ‹a.›x$$),
          'texts and names that look like places are none');
CREATE SCHEMA xetl;
CREATE FUNCTION xetl._restriction(int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
SELECT is(play.recomputed('SELECT x AS k FROM shop.a WHERE xetl._restriction(7) GROUP BY 1'),
          play.deparsed(' SELECT ‹a.›x AS k FROM shop.a WHERE (xetl._restriction(7) AND (PLACE 1)) GROUP BY ‹a.›x'),
          'nor are functions whose names end so');
SELECT ok(etl._restriction(1, 'x'::text), 'a place left as it is is true');

-- Details of plans ---------------------------------------------------------------------------------------------------

CREATE TABLE shop."we""ird" ("K k" text COLLATE "C", n smallint, "select" int, at timestamptz, day date);
CREATE TABLE shop.wide (n bigint PRIMARY KEY, name varchar(10) COLLATE "C" NOT NULL);

SELECT is(etl._rollup_plan('SELECT "K k", count(*) AS "n " FROM shop."we""ird" GROUP BY 1', '{K k}')
              #- '{delta_refused}' #- '{delta}',
          play.deparsed('{"uses": [], "keys": [{"name": "K k", "type": "text", "collation": "\"C\"",
                                  "expression": "‹\"we\"\"ird\".›\"K k\""}],
            "columns": [{"name": "K k", "type": "text", "collation": "\"C\"", "key": true},
                        {"name": "n ", "type": "bigint", "collation": null, "key": false}],
            "sources": [{"number": 1, "relation": "shop.\"we\"\"ird\"", "alias": "we\"ird", "kind": "keys",
                         "used": ["K k"], "everything": false, "why": "Each row tells its group.", "keys_query": null,
                         "rows": [], "joins_unique": null,
                         "log": [{"name": "K k", "type": "text", "collation": "\"C\"", "expression": "\"K k\""}]}],
            "whole": " SELECT ‹\"we\"\"ird\".›\"K k\",\n    count(*) AS \"n \"'
            '\n   FROM shop.\"we\"\"ird\"\n  GROUP BY ‹\"we\"\"ird\".›\"K k\"",
            "recompute": [" SELECT ‹\"we\"\"ird\".›\"K k\",\n    count(*) AS \"n \"'
                          '\n   FROM shop.\"we\"\"ird\"\n  WHERE ", 1,
                          "\n  GROUP BY ‹\"we\"\"ird\".›\"K k\""],
            "restrictions": [{"number": 1, "key": "K k", "expression": "‹\"we\"\"ird\".›\"K k\"",
                              "column": null, "upper": null, "zone": null}],
            "moving": []}')::jsonb, 'the whole of a plan');
SELECT is(plan #> '{sources,1,log}',
          '[{"name": "n", "type": "bigint", "collation": null, "expression": "(n)::bigint"}]',
          'a key that another table tells is cast to the key''s type')
FROM etl._rollup_plan('SELECT w.n, w.name, count(*) FROM shop.wide AS w JOIN shop."we""ird" AS f ON f.n = w.n '
                      'GROUP BY w.n, w.name', '{n, name}') AS plan
WHERE plan #>> '{sources,1,kind}' = 'keys'
UNION ALL
SELECT is(plan #> '{sources,1,log}',
          '[{"name": "n", "type": "bigint", "collation": null, "expression": "(n)::bigint"}]',
          'a key that another table tells is cast to the key''s type')
FROM etl._rollup_plan('SELECT w.n, max(w.name) FROM shop.wide AS w JOIN shop."we""ird" AS f ON f.n = w.n GROUP BY w.n',
                      '{n}') AS plan;
SELECT is(plan #>> '{sources,1,kind}', 'columns', 'a key that could be cast with loss alone is not')
FROM etl._rollup_plan('SELECT f.n, count(*) FROM shop."we""ird" AS f JOIN shop.wide AS w ON f.n = w.n GROUP BY f.n',
                      '{n}') AS plan;
SELECT is(regexp_replace(plan #>> '{sources,1,keys_query}', '\s+', ' ', 'g'),
          ' SELECT a.k FROM shop.a, "etl changes 2" b WHERE (b.x = a.x)',
          'a column that may come of another row than the changed one is not compared')
FROM etl._rollup_plan('SELECT a.k, count(*) FROM shop.a JOIN (SELECT DISTINCT ON (x) x, y FROM shop.b ORDER BY x, id) '
                      'AS v ON v.x = a.x AND v.y > a.y GROUP BY a.k', '{k}') AS plan;
SELECT is(plan #> '{sources,0,log}', '[]', 'nothing is logged of what touches all groups but that it changed')
FROM etl._rollup_plan('SELECT a.k, count(*) FROM (SELECT max(x) AS x FROM shop.b) AS m, shop.a WHERE a.x = m.x '
                      'GROUP BY 1', '{k}') AS plan;
SELECT is(plan -> 'moving',
          '[{"source": 1, "column": "at", "side": "lower",
             "edge": "(etl._rollup_as_of() - ''7 days''::interval)",
             "keys_query": " SELECT n\n   FROM \"etl changes 1\" \"we\"\"ird\"", "rows": []},
            {"source": 1, "column": "at", "side": "upper",
             "edge": "(((etl._rollup_as_of())::date + 1))::timestamp with time zone",
             "keys_query": " SELECT n\n   FROM \"etl changes 1\" \"we\"\"ird\"", "rows": []}]'::jsonb,
          'moving filters, the edge in the type of its column')
FROM etl._rollup_plan($$SELECT n, count(*) FROM shop."we""ird" WHERE at > now() - interval '7 days'
                        AND CURRENT_DATE + 1 >= at GROUP BY n$$, '{n}') AS plan;
SELECT is(plan #> '{moving,0,keys_query}', 'null', 'a moving filter on what touches all groups has no query')
FROM etl._rollup_plan('SELECT a.k, count(*) FROM shop.a WHERE x > (SELECT max(x) FROM shop.b WHERE t > now()) '
                      'GROUP BY 1', '{k}') AS plan;

-- deparsed under settings that say otherwise
SET LOCAL search_path = shop, play, public;
SET LOCAL datestyle = 'SQL, DMY';
SET LOCAL quote_all_identifiers = on;
SET LOCAL standard_conforming_strings = off;
SELECT is(etl._rollup_plan($$SELECT k, count(*) FROM shop.a WHERE t > '2024-02-03Z'::timestamptz AND x::text <> '\'
                             GROUP BY k$$, '{k}') ->> 'whole',
          play.deparsed(
              ' SELECT ‹a.›k,' || chr(10) || '    count(*) AS count' || chr(10) || '   FROM shop.a' || chr(10)
              || '  WHERE ((‹a.›t > ''2024-02-03 00:00:00+00''::timestamp with time zone) AND ((‹a.›x)::text <> '''
              || chr(92) || '''::text))' || chr(10) || '  GROUP BY ‹a.›k'),
          'the session''s settings do not show in a plan');
SET LOCAL standard_conforming_strings = on;
SET LOCAL quote_all_identifiers = off;
SET LOCAL datestyle = 'ISO, MDY';
RESET search_path;

SET LOCAL pg_etl.rollup_as_of = '';
SELECT is(etl._rollup_as_of(), now(), 'the moment of a refresh is now');
SET LOCAL pg_etl.rollup_as_of = '2024-05-06 07:08Z';
SELECT is(etl._rollup_as_of(), '2024-05-06 07:08Z', 'or what is set');
SET LOCAL pg_etl.rollup_as_of = 'today';
SELECT is(etl._rollup_as_of(), 'today'::timestamptz, 'in any form');
SET LOCAL pg_etl.rollup_as_of = 'never ever';
SELECT throws_ok('SELECT etl._rollup_as_of()', '22007', NULL, 'but no other text');
SET LOCAL pg_etl.rollup_as_of = '';

-- What is refused ----------------------------------------------------------------------------------------------------

CREATE VIEW shop.seen AS SELECT * FROM shop.a;
CREATE MATERIALIZED VIEW shop.kept AS SELECT * FROM shop.a;
CREATE TEMPORARY TABLE passing (k int);
CREATE TABLE shop.secret (k int);
ALTER TABLE shop.secret ENABLE ROW LEVEL SECURITY;
CREATE TABLE shop.odd (k int, x int, etl_op int);
CREATE FOREIGN DATA WRAPPER nowhere;
CREATE SERVER nowhere FOREIGN DATA WRAPPER nowhere;
CREATE FOREIGN TABLE shop.far (k int) SERVER nowhere;
CREATE FUNCTION shop.add_noise(double precision, integer) RETURNS double precision LANGUAGE sql VOLATILE
AS 'SELECT $1 + $2 + random()';
CREATE AGGREGATE shop.noise(integer) (SFUNC = shop.add_noise, STYPE = double precision, INITCOND = 0);
CREATE FUNCTION shop.total() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM shop.a';

CREATE FUNCTION play.refused(query text, keys name[] DEFAULT '{k}', affects jsonb DEFAULT '{}')
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    hint text;
BEGIN
    PERFORM etl._rollup_plan(query, keys, affects);
    RETURN NULL;
EXCEPTION
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
        RETURN SQLSTATE || ' ' || SQLERRM || ' / ' || left(hint, 30);
END
$$;
SELECT is(play.refused(query), error, 'refused: ' || error)
FROM (VALUES
    ('SELECT 1; SELECT 2', '0A000 the query of a rollup must be one statement / Give one SELECT … GROUP BY …, '),
    ('', '0A000 the query of a rollup must be one statement / Give one SELECT … GROUP BY …, '),
    ('INSERT INTO shop.a SELECT 1', '0A000 the query of a rollup must be a SELECT / Give one SELECT … GROUP BY …, '),
    ('CREATE TABLE shop.n (k int)', '0A000 the query of a rollup must be a SELECT / Give one SELECT … GROUP BY …, '),
    ('SELECT k INTO shop.n FROM shop.a GROUP BY k',
     '0A000 the query of a rollup must be a SELECT / Give one SELECT … GROUP BY …, '),
    ('TABLE shop.a', '0A000 the query of a rollup must have GROUP BY / Add GROUP BY with the key colu'),
    ('VALUES (1)', '0A000 the query of a rollup must have GROUP BY / Add GROUP BY with the key colu'),
    ('SELECT k FROM shop.a GROUP BY k UNION SELECT 1',
     '0A000 the query of a rollup must not be a set operation / Put it into FROM and group its'),
    ('WITH RECURSIVE r AS (SELECT k FROM shop.a UNION SELECT k FROM r) SELECT k FROM r GROUP BY k',
     '0A000 the query of a rollup must not be recursive / Keep the recursion''s result in'),
    ('WITH d AS (DELETE FROM shop.a RETURNING k) SELECT k FROM d GROUP BY k',
     '0A000 the query of a rollup must not change data / Leave the INSERT, UPDATE or DE'),
    ('SELECT k FROM (SELECT k FROM shop.a FOR UPDATE) AS s GROUP BY k',
     '0A000 the query of a rollup must not lock rows / Leave FOR UPDATE or FOR SHARE '),
    ('SELECT k FROM shop.a TABLESAMPLE system (10) GROUP BY k',
     '0A000 the query of a rollup must not use TABLESAMPLE / Leave TABLESAMPLE out.'),
    ('SELECT k FROM shop.a GROUP BY CUBE (k)',
     '0A000 the query of a rollup must not use grouping sets / Make a rollup of each grouping'),
    ('SELECT k, rank() OVER (ORDER BY k) FROM shop.a GROUP BY k',
     '0A000 the query of a rollup must not use window functions on top / Compute them in a view over th'),
    ('SELECT k, generate_series(1, 2) FROM shop.a GROUP BY k',
     '0A000 the query of a rollup must not return sets from its select list / Call the set-returning functio'),
    ('SELECT DISTINCT k FROM shop.a GROUP BY k',
     '0A000 the query of a rollup must not use DISTINCT on top / Leave DISTINCT out.'),
    ('SELECT k FROM shop.a GROUP BY k OFFSET 1',
     '0A000 the query of a rollup must not use LIMIT or OFFSET on top / Use them where the rollup is r'),
    ('SELECT k FROM shop.a GROUP BY k ORDER BY k',
     '0A000 the query of a rollup must not use ORDER BY on top / Use it where the rollup is rea'),
    ('SELECT k, count(*), count(x) FROM shop.a GROUP BY k',
     '42701 the query of a rollup returns more than one column "count" / Give each column a name of its'),
    ('SELECT k, x FROM shop.a GROUP BY k, x',
     '42803 the query of a rollup groups by column "x", which is no key column / Name all that it groups by in '),
    ('SELECT k FROM shop.a GROUP BY k, x',
     '42803 the query of a rollup groups by an expression that it does not return / Return it under a name, and na'),
    ('SELECT k FROM shop.seen GROUP BY k',
     '42809 "shop.seen" is a view, not a table / Write the view''s query into FR'),
    ('SELECT k FROM shop.kept GROUP BY k',
     '42809 "shop.kept" is a materialized view, not a table / Make a rollup in place of the '),
    ('SELECT k FROM shop.far GROUP BY k',
     '42809 "shop.far" is a foreign table, not a table / Load its rows into a table, an'),
    ('SELECT relname AS k FROM pg_catalog.pg_class GROUP BY 1',
     '0A000 a rollup cannot follow system table "pg_catalog.pg_class" / Name tables of your own.'),
    ('SELECT k FROM shop.secret GROUP BY k',
     '0A000 a rollup cannot follow table "shop.secret", which has row security / ALTER TABLE shop.secret DISABL'),
    ('SELECT k, count(a) FROM shop.a GROUP BY k',
     '0A000 the query of a rollup must not use a whole row of table "shop.a" / Name the columns, as in count('),
    ('SELECT tableoid::int AS k FROM shop.a GROUP BY 1',
     '0A000 the query of a rollup must not use a system column of table "shop.a" / Keep what you need in a column'),
    ('SELECT k, sum(x * random()) FROM shop.a GROUP BY k',
     '0A000 the query of a rollup must not use volatile function "random" / Keep its answer in a column, o'),
    ('SELECT k, shop.noise(x) AS n FROM shop.a GROUP BY k',
     '0A000 the query of a rollup must not use volatile function "add_noise" / Keep its answer in a column, o'),
    ('SELECT k FROM shop.a WHERE x < shop.total() GROUP BY k',
     '0A000 the query of a rollup must not use function "total", which is STABLE / Write what it does into the qu'),
    ('SELECT k FROM shop.a WHERE etl._restriction(1) GROUP BY k',
     '0A000 the query of a rollup must not call function etl._restriction / Leave it out; for the moment o'),
    ('SELECT k FROM shop.a WHERE t > etl._rollup_as_of() GROUP BY k',
     '0A000 the query of a rollup must not call function etl._rollup_as_of / Leave it out; for the moment o'),
    ('SELECT k FROM shop.a WHERE current_user = ''me'' GROUP BY k',
     '0A000 the query of a rollup must not depend on the role or the settings of a session / '
     'Leave current_user, current_se'),
    ('SELECT k, max(now()) FROM shop.a GROUP BY k',
     '0A000 the query of a rollup looks at the clock where that cannot be followed / Compare one column of a table '),
    ('SELECT k FROM shop.a WHERE t > now() OR x = 1 GROUP BY k',
     '0A000 the query of a rollup looks at the clock where that cannot be followed / Compare one column of a table '),
    ('SELECT k FROM shop.a WHERE age(t) > interval ''1 day'' GROUP BY k',
     '0A000 the query of a rollup looks at the clock where that cannot be followed / Compare one column of a table '),
    ('SELECT 1 AS k FROM (VALUES (1)) AS v GROUP BY 1',
     '0A000 the query of a rollup reads no table / Name the tables to roll up in '),
    ('SELECT a.k FROM shop.a JOIN shop.odd ON odd.etl_op = a.x GROUP BY 1',
     '0A000 a rollup cannot log column "etl_op" of table "shop.odd" / Give the column another name.'),
    ('SELECT s.x AS k FROM (SELECT max(x) AS x FROM shop.a GROUP BY k) AS s GROUP BY 1',
     '0A000 the groups that a change in table "shop.a" touches cannot be derived / Say so in affects: {"shop.a": '),
    ('SELECT i.k FROM shop.a LEFT JOIN shop.a AS b ON b.x = a.y LEFT JOIN shop.a AS c ON c.x = b.y LEFT JOIN shop.a AS d
      ON d.x = c.y LEFT JOIN shop.a AS e ON e.x = d.y LEFT JOIN shop.a AS f ON f.x = e.y LEFT JOIN shop.a AS g
      ON g.x = f.y LEFT JOIN shop.a AS h ON h.x = g.y LEFT JOIN shop.a AS i ON i.x = h.y GROUP BY 1',
     '0A000 the groups that a change in table "shop.a" touches cannot be derived / Say so in affects: {"shop.a": '),
    ('SELECT a.k FROM shop.c JOIN shop.a ON a.x = c.y FULL JOIN shop.b ON b.k IN (SELECT x FROM shop.c)
      AND false GROUP BY 1',
     '0A000 the groups that a change in table "shop.c" touches cannot be derived / Say so in affects: {"shop.c": '),
    ('SELECT k FROM shop.nothing GROUP BY k', '42P01 relation "shop.nothing" does not exist / '),
    ('SELECT k FROM a GROUP BY k', '42P01 relation "a" does not exist / '),
    ('SELECT k FROM shop.a WHERE x = $1 GROUP BY k', '42P02 there is no parameter $1 / '),
    ('SELEC', '42601 syntax error at or near "SELEC" / ')
) AS v (query, error);

-- 64 ways to take a branch of each of two unions with seven others; 128 and more are too many to look at
CREATE FUNCTION play.unions(number int, branches int) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT format('SELECT s1.k FROM %s WHERE %s GROUP BY 1',
                  string_agg(format('(%s) AS s%s', (
                      SELECT string_agg('SELECT k, x FROM shop.' || (ARRAY['a', 'b', 'c'])[1 + b % 3], ' UNION ALL ')
                      FROM generate_series(1, branches) AS b), s), ', '),
                  string_agg(format('s%s.x = s1.x', s), ' AND '))
    FROM generate_series(1, number) AS s
$$;
CREATE FUNCTION play.detail(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
BEGIN
    PERFORM etl._rollup_plan(query, '{k}');
    RETURN NULL;
EXCEPTION
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
        RETURN detail;
END
$$;
SELECT is(play.detail(play.unions(7, 2)), NULL, 'so many branches can be followed');
SELECT is(play.detail(play.unions(6, 6)),
          'It is joined with set operations, and there are too many ways to take a branch of each.',
          'and more cannot');
SELECT matches(play.refused('SELECT k FROM pg_temp.passing GROUP BY k'),
               '^0A000 a rollup cannot follow temporary table ".*passing" / Create the table without',
               'a temporary table');
SELECT is(play.refused('SELECT x AS k, count(*) AS n FROM shop.a GROUP BY 1', keys), error, 'keys: ' || error)
FROM (VALUES
    ('{x}'::name[], '42703 the query of a rollup returns no key column "x" / Name columns of the query''s ou'),
    ('{n}', '42803 key column "n" is not among the expressions of GROUP BY / Group by it, or leave it out o'),
    ('{}', '22023 a rollup needs key columns / Name the columns that its quer'),
    ('{k, k}', '42701 key column "k" is named twice / Name each key column once.'),
    ('{k, NULL}', '22004 a key column must not be NULL / '),
    (NULL, '22004 argument 2 must not be NULL / ')
) AS v (keys, error);
SELECT is(play.refused('SELECT k::text::xid AS k FROM shop.a GROUP BY 1'),
          '0A000 key column "k" has type xid, which has no order / Cast it in the query, as in (…',
          'keys have an order');
SELECT is(play.refused('SELECT k FROM shop.a GROUP BY 1', '{k}', affects), error, 'affects: ' || error)
FROM (VALUES
    ('[]'::jsonb, '22023 affects must be a JSON object / Give tables and queries, as in'),
    ('{"shop.a": 1}', '22023 affects must hold a query for "shop.a" / Give tables and queries, as in'),
    ('{"shop.b": "SELECT 1"}',
     '42P01 affects names "shop.b", which the query of the rollup does not read / Name tables of the query, with'),
    ('{"shop.a": "SELECT x FROM changed"}',
     '22023 the affects query for "shop.a" returns no column "k" / Give a SELECT of the key colum'),
    ('{"shop.a": "SELECT t AS k FROM changed"}',
     '22023 the affects query for "shop.a" returns column "k" of another type / Give a SELECT of the key colum'),
    ('{"shop.a": "SELECT k FROM changed; SELECT 1"}',
     '22023 the affects query for "shop.a" must be one SELECT / Give a SELECT of the key colum'),
    ('{"shop.a": "SELECT random()::int AS k FROM changed"}',
     '0A000 affects for "shop.a": the query of a rollup must not use volatile function "random" / '
     'Keep its answer in a column, o'),
    ('{"shop.a": "SELECT k FROM changed WHERE etl._restriction(k)"}',
     '0A000 affects for "shop.a": the query of a rollup must not call function etl._restriction / '
     'Leave it out; for the moment o'),
    ('{"shop.a": "WITH x AS (DELETE FROM shop.b RETURNING k) SELECT k FROM x"}',
     '0A000 affects for "shop.a": the query of a rollup must not change data / Leave the INSERT, UPDATE or DE'),
    ('{"shop.a": "SELECT b.k FROM changed JOIN shop.b USING (k) FOR UPDATE OF b"}',
     '0A000 affects for "shop.a": the query of a rollup must not lock rows / Leave FOR UPDATE or FOR SHARE '),
    ('{"shop.a": "SELECT s.k FROM changed JOIN shop.seen AS s USING (k)"}',
     '42809 affects for "shop.a": "shop.seen" is a view, not a table / Write the view''s query into FR'),
    ('{"shop.a": "SELECT s.k FROM changed JOIN shop.secret AS s USING (k)"}',
     '0A000 affects for "shop.a": a rollup cannot follow table "shop.secret", which has row security / '
     'ALTER TABLE shop.secret DISABL')
) AS v (affects, error);

SELECT * FROM finish();
ROLLBACK;
