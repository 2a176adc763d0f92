-- Rollups whose changes are merged, and changed partners: those that can only join rows of the fact that came in the
-- same log are not looked up, as these rows are merged with them. Which ones can is told by the conditions of the join.
SELECT plan(20);
SET client_min_messages = warning;

CREATE TABLE line (a int, b varchar(9) COLLATE "C", k int, PRIMARY KEY (a, b));
CREATE TABLE mark (id int PRIMARY KEY, a int, b varchar(9) COLLATE "C", c int, big bigint, t text COLLATE "C");
CREATE INDEX ON mark (a);
INSERT INTO line VALUES (1, 'x', 1), (1, 'y', 2), (2, 'x', 3), (2, 'y', 4), (3, 'x', 5);
INSERT INTO mark VALUES (1, 1, 'x', 1), (2, 2, 'x', 3), (3, 3, 'y', 2), (4, NULL, 'x', 1), (5, 2, NULL, 2);

-- By which columns ----------------------------------------------------------------------------------------------------

-- The columns of mark by which it joins no other lines than those that have them in a and b.
CREATE FUNCTION joins(joined text) RETURNS text LANGUAGE sql AS $$
    SELECT plan #>> '{sources,1,joins_unique}'
    FROM etl._rollup_plan('SELECT l.k, count(*) AS n FROM public.line AS l ' || joined || ' GROUP BY 1', '{k}',
                          images => true) AS plan
    WHERE plan #>> '{delta,fact}' = '1' AND plan #>> '{sources,1,relation}' = 'public.mark'
$$;
SELECT is(joins('LEFT JOIN public.mark AS m ON m.b = l.b AND l.a = m.a AND m.c > l.k'), '["a", "b"]',
          'a partner that joins by all that tells rows apart, under more conditions');
SELECT is(joins('LEFT JOIN public.mark AS m ON m.t = l.b AND l.a = m.c'), '["c", "t"]',
          'by columns of other names, text with varchar');
SELECT is(joins('WHERE EXISTS (SELECT FROM public.mark AS m WHERE (m.a, m.b) = (l.a, l.b))'), '["a", "b"]',
          'in EXISTS');
SELECT is(joins('LEFT JOIN LATERAL (SELECT m.c FROM public.mark AS m WHERE m.a = l.a AND m.b = l.b ORDER BY m.id '
                'LIMIT 1) AS v ON true'), '["a", "b"]', 'in LATERAL');
SELECT is(joins('LEFT JOIN public.mark AS m ON m.a = l.a'), NULL, 'not one that joins by a part of it');
SELECT is(joins('LEFT JOIN public.mark AS m ON m.big = l.a AND m.b = l.b'), NULL, 'nor by a value of another type');
SELECT is(joins('LEFT JOIN public.mark AS m ON m.a <= l.a AND m.b = l.b'), NULL, 'nor by another comparison');
SELECT is(joins('LEFT JOIN public.mark AS m ON (m.a = l.a OR m.c = l.a) AND m.b = l.b'), NULL,
          'nor by one column or another');
SELECT is(joins('LEFT JOIN public.mark AS m ON m.a = l.a AND m.b = l.b '
                'LEFT JOIN public.mark AS n ON n.c = l.a AND n.b = l.b'), NULL, 'nor one that is joined in two ways');
SELECT is(joins('LEFT JOIN public.mark AS m ON m.a = l.a AND m.b = l.b '
                'LEFT JOIN public.mark AS n ON n.a = l.a AND n.c > 5 AND n.b = l.b'), '["a", "b"]',
          'but twice in the same way');

-- What is merged, and what is computed anew ---------------------------------------------------------------------------

SELECT etl.create_rollup('public.whole', $$
    SELECT l.k, count(*) AS lines, count(m.id) AS marks, max(m.c) AS most
    FROM public.line AS l LEFT JOIN public.mark AS m ON m.a = l.a AND m.b = l.b AND m.c > 0 GROUP BY 1
$$, '{k}', mode => 'delta');
SELECT etl.create_rollup('public.partly', $$
    SELECT l.k, count(*) AS lines, count(m.id) AS marks FROM public.line AS l LEFT JOIN public.mark AS m ON m.a = l.a
    GROUP BY 1
$$, '{k}', mode => 'delta');
SELECT etl.create_rollup('public.twice', $$
    SELECT l.k, count(*) AS lines, count(m.id) AS marks, count(n.id) AS others
    FROM public.line AS l LEFT JOIN public.mark AS m ON m.a = l.a AND m.b = l.b
    LEFT JOIN public.mark AS n ON n.c = l.a AND n.b = l.b GROUP BY 1
$$, '{k}', mode => 'delta');

-- Refreshes a rollup and tells in how many rows it and its query differ, and how many groups were merged and computed.
CREATE FUNCTION told(rollup text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    query CONSTANT text := (SELECT r.query FROM etl.rollups AS r WHERE r.name = rollup);
    told text;
BEGIN
    CALL etl.refresh_rollup(rollup);
    EXECUTE format('SELECT count(*) FROM ((TABLE %1$s EXCEPT ALL (%2$s)) UNION ALL ((%2$s) EXCEPT ALL TABLE %1$s)) '
                   'AS d', rollup, query) INTO told;
    RETURN format('%s: %s', substr(rollup, 8), told) || (
        SELECT format(', %s, %s', coalesce(r.detail ->> 'merged', '0'), r.detail ->> 'groups')
        FROM etl.runs AS r WHERE r.kind = 'rollup' AND r.name = rollup ORDER BY r.run_id DESC LIMIT 1);
END
$$;
CREATE FUNCTION all_told() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(told(r), '; ' ORDER BY r) FROM unnest('{public.partly,public.twice,public.whole}'::text[]) AS r
$$;
SET default_transaction_isolation = 'repeatable read'; -- so that a refresh within a function merges

INSERT INTO line VALUES (4, 'x', 6), (5, 'x', 7), (1, 'z', 8);
INSERT INTO mark VALUES (10, 4, 'x', 1), (11, 5, 'x', 2), (12, 1, 'z', 3), (13, 4, 'x', 2);
SELECT is(all_told(), 'partly: 0, 3, 2; twice: 0, 3, 2; whole: 0, 3, 0',
          'new rows with new partners, which have the keys of others in another column');
INSERT INTO line VALUES (6, 'x', 1);
INSERT INTO mark VALUES (20, 6, 'x', 1), (21, 2, 'y', 6), (22, 1, 'x', 7), (23, 6, NULL, 1), (24, NULL, NULL, 6);
SELECT is(all_told(), 'partly: 0, 0, 5; twice: 0, 0, 2; whole: 0, 0, 2',
          'partners of a new row and of a row that was there, in one group');
INSERT INTO line VALUES (7, 'x', 1);
INSERT INTO mark VALUES (25, 1, 'x', 7);
SELECT is(all_told(), 'partly: 0, 0, 3; twice: 0, 0, 1; whole: 0, 0, 1',
          'a partner of no new row, which has the key of one in another column');
UPDATE line SET k = 2 WHERE (a, b) = (4, 'x');
UPDATE mark SET c = 5 WHERE id = 10;
SELECT is(all_told(), 'partly: 0, 2, 0; twice: 0, 0, 3; whole: 0, 0, 1',
          'a row that is updated along with its partner was there');
UPDATE line SET a = 12 WHERE (a, b) = (4, 'x');
UPDATE mark SET a = 12 WHERE id = 10;
INSERT INTO mark VALUES (30, 4, 'x', 9), (31, 12, 'x', 0);
SELECT is(all_told(), 'partly: 0, 0, 1; twice: 0, 0, 2; whole: 0, 0, 1',
          'a row gets another key, and partners go with it');
INSERT INTO line VALUES (8, 'x', 3), (9, 'x', 4);
INSERT INTO mark VALUES (40, 8, 'x', 4), (41, 9, 'x', 4);
SELECT is(all_told(), 'partly: 0, 2, 0; twice: 0, 2, 0; whole: 0, 2, 0', 'rows and their partners come');
DELETE FROM line WHERE a = 8;
INSERT INTO line VALUES (8, 'x', 5), (10, 'x', 3);
UPDATE mark SET (a, c) = (CASE id WHEN 40 THEN 10 ELSE 8 END, 6) WHERE id IN (40, 41);
SELECT is(all_told(), 'partly: 0, 0, 3; twice: 0, 0, 4; whole: 0, 0, 3',
          'a row comes again while partners go over to it and to a new one');
BEGIN;
INSERT INTO line VALUES (11, 'x', 3);
INSERT INTO mark VALUES (50, 11, 'x', 1);
UPDATE line SET k = 4 WHERE a = 11;
DELETE FROM line WHERE a = 11;
INSERT INTO line VALUES (11, 'x', 5);
UPDATE mark SET c = 2 WHERE id = 50;
COMMIT;
SELECT is(all_told(), 'partly: 0, 3, 0; twice: 0, 2, 2; whole: 0, 3, 0',
          'a new row that is moved, deleted and inserted again is new');
INSERT INTO line VALUES (13, 'x', 3);
INSERT INTO mark VALUES (51, 13, 'x', 13);
DELETE FROM line WHERE a = 13;
SELECT is(all_told(), 'partly: 0, 0, 1; twice: 0, 0, 1; whole: 0, 0, 1',
          'a new row that is gone already, and its partner is there');
BEGIN;
DELETE FROM line WHERE (a, b) = (5, 'x');
INSERT INTO line VALUES (5, 'x', 7), (13, 'x', 7);
DELETE FROM mark WHERE id = 11;
COMMIT;
SELECT is(all_told(), 'partly: 0, 0, 1; twice: 0, 0, 2; whole: 0, 0, 1',
          'a row that comes again as it was loses its partner, and a partner gets its row');
SELECT * FROM finish();
