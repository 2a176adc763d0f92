-- Random queries over random changes: whatever a rollup is taken of, it equals its query after each refresh.
SELECT plan(3);
SET client_min_messages = warning;
SELECT setseed(0.6180339);

CREATE FUNCTION pick(VARIADIC choices text[]) RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT choices[1 + floor(random() * cardinality(choices))::integer]
$$;
CREATE FUNCTION col() RETURNS text LANGUAGE sql VOLATILE RETURN pick('a', 'b', 'c');
CREATE FUNCTION tab() RETURNS text LANGUAGE sql VOLATILE RETURN pick('public.t1', 'public.t2', 'public.t3');

-- Something that stands in FROM, with the columns a, b and c, of which a is numeric or integer.
CREATE FUNCTION relation() RETURNS text LANGUAGE sql VOLATILE RETURN pick(
    tab(), tab(), tab(), tab(),
    format('(SELECT a, b, c FROM %s AS s WHERE %s > 1)', tab(), col()),
    format('(SELECT a, b, c FROM %s AS s WHERE EXISTS (SELECT FROM %s AS e WHERE e.%s = s.%s))', tab(), tab(), col(),
           col()),
    format('(SELECT a, b, count(*)::integer AS c FROM %s AS s GROUP BY a, b)', tab()),
    format('(SELECT DISTINCT a, b, c FROM %s AS s)', tab()),
    format('(SELECT DISTINCT ON (a) a, b, c FROM %s AS s ORDER BY a, b, c)', tab()),
    format('(SELECT a, b, c FROM %s %s SELECT %s, b, c FROM %s)', tab(), pick('UNION', 'UNION ALL', 'EXCEPT'), col(),
           tab()),
    format('(SELECT a, b, c FROM %s UNION ALL SELECT a::numeric / 2, c, b FROM %s)', tab(), tab()),
    format('(SELECT a, b, rank() OVER (PARTITION BY a ORDER BY b, c)::integer AS c FROM %s AS s)', tab()),
    format('(SELECT s.a, r.b, coalesce(r.c, s.c) AS c FROM %s AS s %s JOIN %s AS r ON s.%s = r.%s)', tab(),
           pick('', 'LEFT', 'FULL'), tab(), col(), col()));

CREATE FUNCTION query() RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT format('SELECT %s AS k, count(*) AS n, %s AS v FROM %s AS x %s%s GROUP BY 1%s',
        format(pick('%1$s', '%1$s', 'coalesce(%1$s, %2$s)', '%1$s / 2', '%1$s + %2$s', '%1$s IS NULL'), one, other),
        format(pick('sum(%s)', 'min(%s)', 'count(DISTINCT %s)', 'avg(%s)', 'max(%s)'), other),
        relation(),
        CASE WHEN is_joined THEN format('%s JOIN %s AS y ON x.%s = y.%s', pick('', 'LEFT', 'RIGHT', 'FULL'), relation(),
                                        col(), col()) END,
        format(pick('', '', ' WHERE %1$s > 1', ' WHERE %1$s IS NOT NULL',
                    ' WHERE %1$s IN (SELECT e.a FROM public.t3 AS e)'), other),
        pick('', '', '', ' HAVING count(*) > 1'))
    FROM (SELECT is_joined, 'x.' || col() AS one, CASE WHEN is_joined THEN 'y.' ELSE 'x.' END || col() AS other
          FROM (SELECT random() < 0.7 AS is_joined OFFSET 0) AS j OFFSET 0) AS columns
$$;

CREATE TABLE t1 (id integer GENERATED ALWAYS AS IDENTITY, a integer, b integer, c integer);
CREATE TABLE t2 (LIKE t1 INCLUDING ALL);
CREATE TABLE t3 (LIKE t1 INCLUDING ALL);

-- What cannot be derived is refused, and that is right, too.
CREATE FUNCTION take(number integer, query text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RETURN etl.create_rollup(format('public.r%s', number), query, '{k}',
                             mode => CASE WHEN number % 2 = 0 THEN 'auto' ELSE 'recompute' END) > 0;
EXCEPTION
    WHEN feature_not_supported THEN RETURN false;
END
$$;
CREATE TABLE subject AS SELECT n, query() AS query, false AS is_taken FROM generate_series(1, 24) AS n;
UPDATE subject SET is_taken = take(n, query);
SELECT cmp_ok((SELECT count(*) FROM subject WHERE is_taken), '>', 14::bigint, 'most queries are taken');

CREATE TABLE mismatch (step integer, n integer, query text);
CREATE PROCEDURE compare(step integer) LANGUAGE plpgsql AS $$
DECLARE
    one subject;
    differs boolean;
BEGIN
    FOR one IN SELECT * FROM subject WHERE is_taken LOOP
        EXECUTE format('SELECT EXISTS ((TABLE r%1$s EXCEPT ALL (%2$s)) UNION ALL ((%2$s) EXCEPT ALL TABLE r%1$s))',
                       one.n, one.query) INTO differs;
        IF differs THEN
            INSERT INTO mismatch VALUES (step, one.n, one.query);
        END IF;
    END LOOP;
END
$$;

CREATE FUNCTION v() RETURNS text LANGUAGE sql VOLATILE RETURN pick('NULL', '0', '1', '2', '3');
CREATE FUNCTION change() RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT pick(
        format('INSERT INTO %s (a, b, c) VALUES (%s, %s, %s)', tab(), v(), v(), v()),
        format('INSERT INTO %s (a, b, c) SELECT %s, i, %s FROM generate_series(0, 3) AS i', tab(), v(), v()),
        format('UPDATE %s SET %s = %s WHERE id %% 3 = %s', tab(), col(), v(), floor(random() * 3)),
        format('DELETE FROM %s WHERE id %% 5 = %s', tab(), floor(random() * 5)),
        format('BEGIN; UPDATE %s SET a = %s WHERE b = 1; DELETE FROM %s WHERE c = %s; COMMIT', tab(), v(), tab(), v()))
$$;
CREATE TABLE step AS
SELECT n, CASE WHEN n % 4 = 0 THEN format('CALL etl.refresh_all(); CALL compare(%s)', n) ELSE change() END AS command
FROM generate_series(1, 48) AS n;
\t on
\o /dev/null
SELECT unnest(string_to_array(command, '; ')) FROM step ORDER BY n \gexec
\o
SELECT is_empty('SELECT * FROM etl.runs WHERE kind = ''rollup'' AND status <> ''succeeded''', 'all are refreshed');
SELECT is_empty('SELECT * FROM mismatch', 'and equal their queries');

SELECT * FROM finish();
