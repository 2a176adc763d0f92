-- Rollups whose changes are merged into states: what is merged, what is computed anew, and that both give what the
-- query gives.
SELECT plan(87);
SET client_min_messages = warning;

CREATE TABLE sale (id int PRIMARY KEY, shop int, wallet text, price numeric(10, 2), free numeric, at timestamptz,
                   paid boolean, n int);
CREATE TABLE score (id int PRIMARY KEY, sale int NOT NULL, score numeric(5, 3));
CREATE INDEX ON score (sale);
CREATE TABLE shop (shop int PRIMARY KEY, region text);

INSERT INTO sale SELECT i, i % 4, 'w' || i % 7, i % 10 + 0.25, i % 3,
                        '2024-01-01 00:00+00'::timestamptz + i * interval '1 h', i % 2 = 0, i % 6
FROM generate_series(1, 60) AS i;
INSERT INTO score SELECT i, i, round(i / 100.0, 3) FROM generate_series(1, 30) AS i;
INSERT INTO shop VALUES (0, 'north'), (1, 'north'), (2, 'south'), (3, NULL);

-- What the rollup and its query differ in, by columns' values that are IS DISTINCT FROM each other.
CREATE FUNCTION differences(rollup text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    query CONSTANT text := (SELECT r.query FROM etl.rollups AS r WHERE r.name = rollup);
    found bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM ((TABLE %1$s EXCEPT ALL (%2$s)) '
                   'UNION ALL ((%2$s) EXCEPT ALL TABLE %1$s)) AS d', rollup, query) INTO found;
    RETURN found;
END
$$;

-- What the last refresh did: groups merged, groups computed anew.
CREATE FUNCTION work(rollup text) RETURNS text LANGUAGE sql AS $$
    SELECT format('%s merged, %s computed', coalesce(r.detail ->> 'merged', '0'), r.detail ->> 'groups')
    FROM etl.runs AS r WHERE r.kind = 'rollup' AND r.name = rollup ORDER BY r.run_id DESC LIMIT 1
$$;

SELECT ok(etl.create_rollup('public.shops', $$
    SELECT s.shop, count(*) AS sold, count(s.price) FILTER (WHERE s.paid) AS priced, sum(s.price) AS revenue,
           avg(s.price) AS mean, sum(s.n) AS n, avg(s.n) AS mean_n, min(s.price) AS low, max(s.at) AS newest,
           bool_and(s.paid) AS all_paid, bool_or(s.paid) AS any_paid, every(s.n < 9) AS small,
           stddev(s.price) AS spread, var_pop(s.n) AS variance, count(DISTINCT s.wallet) AS wallets,
           count(DISTINCT s.id) AS ids, round(coalesce(sum(s.price), 0) / count(*), 1) AS per_sale
    FROM public.sale AS s GROUP BY s.shop
$$, '{shop}', mode => 'delta') > 0, 'a rollup can be made whose changes are merged');
SELECT is(differences('public.shops'), 0::bigint, 'it is filled with what the query gives');
SELECT has_table('public', 'shops_state', 'it has a table of states');
SELECT columns_are('public', 'shops_log_1', '{etl_op,etl_at,id,shop,wallet,price,at,paid,n}'::name[],
                   'its log has all that the query reads of a row');
SELECT is((SELECT string_agg(a ->> 'how', '; ' ORDER BY a ->> 'number')
           FROM etl.rollup AS r CROSS JOIN jsonb_array_elements(r.plan -> 'delta' -> 'aggregates') AS a
           WHERE a ->> 'aggregate' LIKE 'count(DISTINCT%'),
          'the set of distinct values, and their number; a count, as no value occurs twice',
          'count(DISTINCT …) of the primary key is a count');

-- New rows ------------------------------------------------------------------------------------------------------------

INSERT INTO sale VALUES (101, 1, 'w1', 5, 1, '2024-02-01', true, 3), (102, 1, 'new', 0.01, 1, '2024-02-02', NULL, NULL),
                        (103, 2, NULL, NULL, NULL, NULL, false, 3);
CALL etl.refresh_rollup('public.shops');
SELECT is(differences('public.shops'), 0::bigint, 'new rows are taken in');
SELECT is(work('public.shops'), '2 merged, 0 computed', 'and merged');
INSERT INTO sale VALUES (104, NULL, 'w1', 5, 1, '2024-02-01', true, 3), (105, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
CALL etl.refresh_rollup('public.shops');
SELECT is(differences('public.shops'), 0::bigint, 'a group whose key is NULL comes');
SELECT is(work('public.shops'), '1 merged, 0 computed', 'by a merge');
INSERT INTO sale VALUES (106, NULL, 'w2', 5, 1, '2024-02-01', true, 3);
CALL etl.refresh_rollup('public.shops');
SELECT is(differences('public.shops') || ', ' || work('public.shops'), '0, 1 merged, 0 computed', 'and is merged into');

-- Old rows ------------------------------------------------------------------------------------------------------------

UPDATE sale SET n = n + 1, paid = NOT paid WHERE id IN (5, 6);
CALL etl.refresh_rollup('public.shops');
SELECT is(differences('public.shops'), 0::bigint, 'an update is taken in');
SELECT is(work('public.shops'), '2 merged, 0 computed', 'and merged, as least, greatest and distinct values stay');
UPDATE sale SET free = 7 WHERE id IN (5, 6);
SELECT is((SELECT count(*) FROM shops_log_1), 0::bigint, 'an update of a column that is not read is no change');
UPDATE sale SET shop = 2, price = 4.5 WHERE id = 5;
CALL etl.refresh_rollup('public.shops');
SELECT is(differences('public.shops'), 0::bigint, 'a row moves to another group');
SELECT is(work('public.shops'), '1 merged, 1 computed',
          'and what it leaves is computed anew: it has taken a value along');
UPDATE sale SET price = 9 WHERE id = 102;
CALL etl.refresh_rollup('public.shops');
SELECT is(differences('public.shops') || ', ' || work('public.shops'), '0, 0 merged, 1 computed',
          'the least value goes: the group is computed anew');
UPDATE sale SET price = CASE id WHEN 102 THEN 0.01 ELSE price + 1 END
WHERE id = 102 OR price = (SELECT min(price) FROM sale WHERE shop = 1) AND shop = 1;
CALL etl.refresh_rollup('public.shops');
SELECT is(differences('public.shops') || ', ' || work('public.shops'), '0, 1 merged, 0 computed',
          'the least value goes, and a lesser one comes: that is merged');
DELETE FROM sale WHERE id = 103;
CALL etl.refresh_rollup('public.shops');
SELECT is(differences('public.shops') || ', ' || work('public.shops'), '0, 1 merged, 0 computed',
          'a row of NULLs is deleted by a merge');
DELETE FROM sale WHERE id = 101;
CALL etl.refresh_rollup('public.shops');
SELECT is(differences('public.shops') || ', ' || work('public.shops'), '0, 0 merged, 1 computed',
          'a row goes whose distinct value others may have or not: the group is computed anew');
DELETE FROM sale WHERE id = 102;
CALL etl.refresh_rollup('public.shops');
SELECT is(differences('public.shops') || ', ' || work('public.shops'), '0, 0 merged, 1 computed',
          'the last row with a distinct value goes: the group is computed anew');
DELETE FROM sale WHERE shop IS NULL;
CALL etl.refresh_rollup('public.shops');
SELECT is(differences('public.shops'), 0::bigint, 'a group vanishes');
SELECT is((SELECT count(*) FROM shops_state WHERE shop IS NULL), 0::bigint, 'from the states too');

CREATE FUNCTION in_one_transaction() RETURNS void LANGUAGE sql AS $$
    INSERT INTO sale VALUES (201, 3, 'x', 1, 1, '2024-03-01', true, 3);
    UPDATE sale SET shop = 9, wallet = 'y', price = 100 WHERE id = 201;
    DELETE FROM sale WHERE id = 201;
    INSERT INTO sale VALUES (201, 2, 'w2', 5, 1, '2024-01-01', true, 3);
    UPDATE sale SET id = 202 WHERE id = 201;
$$;
SELECT in_one_transaction();
CALL etl.refresh_rollup('public.shops');
SELECT is(differences('public.shops'), 0::bigint, 'inserted, moved, deleted and inserted again in one transaction');
SELECT is((SELECT count(*) FROM shops_state WHERE shop = 9), 0::bigint, 'a group that came and went leaves nothing');
BEGIN;
INSERT INTO sale VALUES (203, 1, 'w2', 5, 1, '2024-01-01', true, 3);
SAVEPOINT before;
INSERT INTO sale VALUES (204, 1, 'w2', 5, 1, '2024-01-01', true, 3);
ROLLBACK TO before;
COMMIT;
CALL etl.refresh_rollup('public.shops');
SELECT is(differences('public.shops') || ', ' || work('public.shops'), '0, 1 merged, 0 computed',
          'what was rolled back is not merged');
TRUNCATE sale;
CALL etl.refresh_rollup('public.shops');
SELECT is(differences('public.shops'), 0::bigint, 'TRUNCATE empties the rollup');
SELECT is((SELECT count(*) FROM shops_state), 0::bigint, 'and its states');
INSERT INTO sale SELECT i, i % 4, 'w' || i % 7, i % 10 + 0.25, i % 3,
                        '2024-01-01 00:00+00'::timestamptz + i * interval '1 h', i % 2 = 0, i % 6
FROM generate_series(1, 60) AS i;
CALL etl.refresh_rollup('public.shops');
SELECT is(differences('public.shops') || ', ' || work('public.shops'), '0, 4 merged, 0 computed',
          'and is filled by a merge');

-- Numbers that cannot be taken out ------------------------------------------------------------------------------------

SELECT etl.create_rollup('public.numbers', $$
    SELECT s.shop, sum(s.price) AS revenue, var_samp(s.price) AS variance FROM public.sale AS s GROUP BY s.shop
$$, '{shop}', mode => 'delta');
SELECT etl.create_rollup('public.digits', $$
    SELECT s.shop, avg(s.free) AS mean, stddev_pop(s.free) AS deviation FROM public.sale AS s GROUP BY s.shop
$$, '{shop}', mode => 'delta');
INSERT INTO sale VALUES (301, 1, 'w1', 'NaN', 1.0000000000000000000000000000001, '2024-02-01', true, 3);
CALL etl.refresh_rollup('public.numbers');
CALL etl.refresh_rollup('public.digits');
SELECT is(differences('public.numbers') || ', ' || work('public.numbers'), '0, 1 merged, 0 computed', 'NaN is added');
SELECT is(differences('public.digits') || ', ' || work('public.digits'), '0, 1 merged, 0 computed',
          'so are many digits');
INSERT INTO sale VALUES (302, 1, 'w1', 3, 1, '2024-02-01', true, 3);
UPDATE sale SET price = price + 1, free = NULL WHERE id = 1;
CALL etl.refresh_rollup('public.numbers');
CALL etl.refresh_rollup('public.digits');
SELECT is(differences('public.numbers') || ', ' || work('public.numbers'), '0, 1 merged, 0 computed',
          'values of a fixed scale are taken out beside it');
SELECT is(differences('public.digits') || ', ' || work('public.digits'), '0, 0 merged, 1 computed',
          'values without one are not, as quotients depend on the digits that are left');
DELETE FROM sale WHERE id = 301;
CALL etl.refresh_rollup('public.numbers');
CALL etl.refresh_rollup('public.digits');
SELECT is(differences('public.numbers') || ', ' || work('public.numbers'), '0, 0 merged, 1 computed',
          'NaN goes: the group is computed anew');
SELECT is(differences('public.digits'), 0::bigint, 'many digits go');

-- Partners ------------------------------------------------------------------------------------------------------------

SELECT etl.create_rollup('public.scores', $$
    SELECT s.shop, count(*) AS sold, max(v.worst) AS worst, sum(v.total) AS total
    FROM public.sale AS s
    LEFT JOIN (SELECT sale, max(score) AS worst, sum(score) AS total FROM public.score GROUP BY sale) AS v
        ON v.sale = s.id
    GROUP BY s.shop
$$, '{shop}', mode => 'delta');
SELECT is(differences('public.scores'), 0::bigint, 'a rollup over a join with a subquery');
INSERT INTO sale VALUES (401, 1, 'w1', 3, 1, '2024-02-01', true, 3), (402, 2, 'w1', 3, 1, '2024-02-01', true, 3);
INSERT INTO score VALUES (401, 401, 0.5), (402, 401, 0.25), (403, 402, 0.1);
CALL etl.refresh_rollup('public.scores');
SELECT is(differences('public.scores') || ', ' || work('public.scores'), '0, 2 merged, 0 computed',
          'new rows with new partners are merged');
INSERT INTO score VALUES (404, 501, 0.5);
CALL etl.refresh_rollup('public.scores');
SELECT is(differences('public.scores') || ', ' || work('public.scores'), '0, 0 merged, 0 computed',
          'a partner without a row touches nothing');
INSERT INTO sale VALUES (501, 1, 'w1', 3, 1, '2024-02-01', true, 3);
CALL etl.refresh_rollup('public.scores');
SELECT is(differences('public.scores') || ', ' || work('public.scores'), '0, 1 merged, 0 computed',
          'the row that comes after its partner is merged');
INSERT INTO score VALUES (405, 501, 0.75);
CALL etl.refresh_rollup('public.scores');
SELECT is(differences('public.scores') || ', ' || work('public.scores'), '0, 0 merged, 1 computed',
          'a partner of a row that was there: the group is computed anew');
UPDATE score SET score = 0.125 WHERE id = 404;
UPDATE sale SET shop = 2 WHERE id = 501;
CALL etl.refresh_rollup('public.scores');
SELECT is(differences('public.scores') || ', ' || work('public.scores'), '0, 0 merged, 2 computed',
          'a row moves and its partner changes: both groups are computed anew');
DELETE FROM score WHERE sale = 501;
DELETE FROM sale WHERE id = 501;
CALL etl.refresh_rollup('public.scores');
SELECT is(differences('public.scores') || ', ' || work('public.scores'), '0, 0 merged, 1 computed',
          'a row and its partners go: the old partners are not asked for');
UPDATE score SET sale = 402 WHERE id = 402;
INSERT INTO sale VALUES (502, 3, 'w1', 3, 1, '2024-02-01', true, 3);
CALL etl.refresh_rollup('public.scores');
SELECT is(differences('public.scores') || ', ' || work('public.scores'), '0, 1 merged, 2 computed',
          'a partner goes over to another row: both groups are computed anew, a third is merged');
INSERT INTO sale VALUES (503, 3, 'w1', 3, 1, '2024-02-01', true, 3);
INSERT INTO score VALUES (503, 503, 0.5);
DELETE FROM sale WHERE id = 503;
INSERT INTO sale VALUES (503, 1, 'w1', 3, 1, '2024-02-01', true, 3);
UPDATE score SET score = 0.875 WHERE id = 503;
CALL etl.refresh_rollup('public.scores');
SELECT is(differences('public.scores'), 0::bigint, 'a row that is deleted and inserted anew with a changing partner');

SELECT etl.create_rollup('public.regions', $$
    SELECT h.region, s.shop % 2 AS half, count(*) AS sold, sum(s.price) AS revenue, count(DISTINCT s.wallet) AS wallets
    FROM public.sale AS s JOIN public.shop AS h ON h.shop = s.shop
    WHERE EXISTS (SELECT FROM public.score AS c WHERE c.sale = s.id)
    GROUP BY h.region, s.shop % 2 HAVING count(*) > 3
$$, '{region,half}', mode => 'delta');
SELECT is(differences('public.regions'), 0::bigint, 'a rollup whose key is of a partner, with EXISTS and HAVING');
UPDATE shop SET region = 'west' WHERE shop IN (1, 3);
INSERT INTO sale SELECT 600 + i, i % 4, 'v' || i, 1, 1, now(), true, 1 FROM generate_series(1, 8) AS i;
INSERT INTO score SELECT 600 + i, 600 + i, 0.1 FROM generate_series(1, 8) AS i;
DELETE FROM sale WHERE id IN (1, 3);
CALL etl.refresh_rollup('public.regions');
SELECT is(differences('public.regions'), 0::bigint, 'keys move with a partner while rows come and go');
DELETE FROM score WHERE sale IN (SELECT id FROM sale WHERE shop = 0 ORDER BY id OFFSET 3);
CALL etl.refresh_rollup('public.regions');
SELECT is(differences('public.regions'), 0::bigint, 'HAVING leaves a group out');
SELECT is((SELECT count(*) FROM regions WHERE region = 'north'), 0::bigint, 'which the rollup has not');
INSERT INTO sale VALUES (701, 0, 'u', 2, 1, now(), true, 1);
INSERT INTO score VALUES (701, 701, 0.1);
CALL etl.refresh_rollup('public.regions');
SELECT is(differences('public.regions'), 0::bigint, 'and takes it in again');
SELECT is(work('public.regions'), '1 merged, 0 computed', 'by a merge into its states');
SELECT is((SELECT count(*) FROM regions WHERE region = 'north'), 1::bigint, 'now the rollup has it');
DELETE FROM sale WHERE id = 701;
DELETE FROM score WHERE sale = 701;
CALL etl.refresh_rollup('public.regions');
SELECT is((SELECT count(*) FROM regions WHERE region = 'north'), 0::bigint, 'and loses it');
SELECT is(differences('public.regions'), 0::bigint, 'as the query does');

-- Names and shapes of tables ------------------------------------------------------------------------------------------

CREATE TABLE "Odd 100%" (gone int, "the id" bigint, "k%1$s" text, x int, "d""q" numeric(8, 2), y int,
                         PRIMARY KEY ("the id", x)) PARTITION BY LIST (x);
ALTER TABLE "Odd 100%" DROP COLUMN gone;
CREATE TABLE odd_one PARTITION OF "Odd 100%" FOR VALUES IN (1);
CREATE TABLE odd_two PARTITION OF "Odd 100%" FOR VALUES IN (2);
ALTER TABLE "Odd 100%" DROP COLUMN y;
CREATE TABLE "part%ner" ("the id" bigint, "50%" int);
INSERT INTO "Odd 100%" SELECT i, 'k' || i % 3, 1 + i % 2, i FROM generate_series(1, 30) AS i;
INSERT INTO "part%ner" SELECT i, i % 4 FROM generate_series(1, 30) AS i;
SELECT etl.create_rollup('public."Odd %s"', $$
    SELECT o."k%1$s", count(*) FILTER (WHERE o."k%1$s" LIKE '%1') AS "n%", sum(o."d""q") AS "s 1", max(p.m) AS "m%L"
    FROM public."Odd 100%" AS o
    LEFT JOIN (SELECT "the id", max("50%") AS m FROM public."part%ner" GROUP BY 1) AS p USING ("the id")
    GROUP BY 1
$$, '{k%1$s}', mode => 'delta');
INSERT INTO "Odd 100%" VALUES (31, 'k1', 1, 5), (32, 'k9', 2, 6);
INSERT INTO "part%ner" VALUES (31, 99), (32, 98);
UPDATE "Odd 100%" SET x = 3 - x, "d""q" = 7 WHERE "the id" IN (3, 4);
DELETE FROM odd_two WHERE "the id" = 7;
CALL etl.refresh_rollup('public."Odd %s"');
SELECT is(differences('public."Odd %s"'), 0::bigint,
          'names with all that format() knows, dropped columns, rows that move between partitions');
SELECT is(work('public."Odd %s"'), '3 merged, 0 computed', 'are merged');

-- Sets that grow ------------------------------------------------------------------------------------------------------

SELECT etl.create_rollup('public.sets', $$
    SELECT s.shop % 2 AS half, count(DISTINCT s.wallet) AS wallets, etl.cardinality(etl.distinct_set(s.wallet)) AS kept,
           count(DISTINCT s.n) FILTER (WHERE s.paid) AS n
    FROM public.sale AS s GROUP BY s.shop % 2
$$, '{half}', mode => 'delta');
INSERT INTO sale SELECT 1000 + i, i, 'set' || i, 1, 1, now(), i % 3 = 0, i FROM generate_series(1, 4000) AS i;
CALL etl.refresh_rollup('public.sets');
SELECT is(differences('public.sets'), 0::bigint, 'thousands of values at once');
CREATE PROCEDURE grow(batches int) LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. batches LOOP
        INSERT INTO sale SELECT 20000 + i * 100 + j, j, 'set' || (i * 991 + j * 37) % 20000, 1, 1, now(), true, i * j
        FROM generate_series(1, 60) AS j;
        COMMIT;
        CALL etl.refresh_rollup('public.sets');
    END LOOP;
END
$$;
CALL grow(6);
SELECT is(differences('public.sets'), 0::bigint, 'dozens at a time, into a tail and on into the base');
SELECT ok((SELECT pg_relation_size(c.reltoastrelid) > 65536 FROM pg_class AS c WHERE c.oid = 'sets_state'::regclass),
          'large sets lie out of line');

-- A filter that moves, and groups that stay ---------------------------------------------------------------------------

CREATE TABLE visit (id int PRIMARY KEY, page text, at timestamptz NOT NULL, n int);
INSERT INTO visit SELECT i, 'p' || i % 5, '2024-05-01 00:00+00'::timestamptz + i * interval '1 h', i
FROM generate_series(1, 200) AS i;
INSERT INTO visit VALUES (300, 'only here', '2024-05-02 03:30+00', 1);
SELECT etl.create_rollup('public.recent', $$
    SELECT page, count(*) AS visits, sum(n) AS n FROM public.visit WHERE at >= now() - interval '2 days' GROUP BY page
$$, '{page}', mode => 'delta', with_data => false);
CREATE FUNCTION recent_at(as_of timestamptz) RETURNS bigint LANGUAGE sql AS $$
    WITH due AS (
        SELECT page, count(*), sum(n) FROM visit WHERE at >= as_of - interval '2 days' GROUP BY page
    )
    SELECT count(*) FROM ((TABLE recent EXCEPT ALL TABLE due) UNION ALL (TABLE due EXCEPT ALL TABLE recent)) AS d
$$;
CALL etl.refresh_rollup('public.recent', as_of => '2024-05-04 00:00+00');
SELECT is(recent_at('2024-05-04 00:00+00'), 0::bigint, 'a moving filter is merged beneath');
DELETE FROM visit WHERE at BETWEEN '2024-05-02 03:00+00' AND '2024-05-02 04:00+00';
UPDATE visit SET n = n + 1, at = at + interval '3 days' WHERE at = '2024-05-02 05:00+00';
INSERT INTO visit VALUES (301, 'p0', '2024-05-02 06:00+00', 5), (302, 'p9', '2024-05-02 06:00+00', 5),
                         (303, 'p8', '2024-05-06 06:00+00', 5);
CALL etl.refresh_rollup('public.recent', as_of => '2024-05-04 12:00+00');
SELECT is(recent_at('2024-05-04 12:00+00'), 0::bigint, 'rows change that it leaves out meanwhile');
INSERT INTO visit VALUES (304, 'p1', '2024-05-02 13:00+00', 7), (305, 'p7', '2024-05-02 13:00+00', 7);
UPDATE visit SET n = 0 WHERE id = 303;
CALL etl.refresh_rollup('public.recent', as_of => '2024-05-04 12:00+00');
SELECT is(recent_at('2024-05-04 12:00+00'), 0::bigint, 'at the same moment again');
SELECT is(work('public.recent'), '3 merged, 0 computed', 'that is a merge');
DELETE FROM visit WHERE id IN (304, 305);
CALL etl.refresh_rollup('public.recent', as_of => '2024-05-03 00:00+00');
SELECT is(recent_at('2024-05-03 00:00+00'), 0::bigint, 'it moves back');

SELECT etl.create_rollup('public.kept', 'SELECT page, count(*) AS visits FROM public.visit GROUP BY page', '{page}',
                         mode => 'delta', retention => 'freeze');
BEGIN;
SET LOCAL pg_etl.erasing = on;
DELETE FROM visit WHERE page = 'p2';
COMMIT;
INSERT INTO visit VALUES (306, 'p3', '2024-05-02 13:00+00', 7);
CREATE TEMPORARY TABLE before AS SELECT * FROM kept;
CALL etl.refresh_rollup('public.kept');
INSERT INTO visit VALUES (307, 'p2', '2024-05-02 13:00+00', 7);
CALL etl.refresh_rollup('public.kept');
SELECT results_eq($$SELECT page, k.visits - b.visits FROM kept AS k JOIN before AS b USING (page)
                    WHERE page IN ('p2', 'p3') ORDER BY page$$,
                  $$VALUES ('p2', 1::bigint), ('p3', 1)$$, 'a group that is frozen goes on with new rows');
SELECT is((SELECT count(*) FROM kept_pending), 0::bigint, 'nor is it pending');

-- What merging rests on -----------------------------------------------------------------------------------------------

CALL etl.refresh_rollup('public.scores');
ALTER TABLE sale DROP CONSTRAINT sale_pkey;
INSERT INTO sale VALUES (30001, 1, 'w1', 3, 1, '2024-02-01', true, 3);
SET default_transaction_isolation = 'repeatable read';
SELECT throws_ok('CALL etl.refresh_rollup(''public.shops'')', '55000',
    'rollup "public.shops" needs a unique index on table "public.sale" that is not there any more',
    'a count of distinct values as rows needs the primary key that it rests on');
RESET default_transaction_isolation;
INSERT INTO score VALUES (30001, 30001, 0.5);
CALL etl.refresh_rollup('public.scores');
SELECT is(differences('public.scores') || ', ' || work('public.scores'), '0, 0 merged, 1 computed',
          'without it new rows are not known as such, and are computed anew with a changed partner');
CREATE UNIQUE INDEX ON sale (id);
CALL etl.refresh_rollup('public.shops');
SELECT is(differences('public.shops'), 0::bigint, 'any unique index will do');

-- What is refused -----------------------------------------------------------------------------------------------------

CREATE FUNCTION refused(query text, affects jsonb DEFAULT '{}') RETURNS text LANGUAGE sql AS $$
    SELECT etl._rollup_plan(query, '{k}', affects) ->> 'delta_refused'
$$;
SELECT is(refused('SELECT shop AS k, sum(price::float8) AS s FROM public.sale GROUP BY 1'),
    'sum of type double precision cannot be merged exactly: its result depends on the order of additions, or cannot be '
    'taken apart again.', 'sums of floats');
SELECT is(refused('SELECT shop AS k, string_agg(wallet, '','') AS s FROM public.sale GROUP BY 1'),
    'aggregate string_agg cannot be merged.', 'lists');
SELECT is(refused('SELECT shop AS k, percentile_cont(0.5) WITHIN GROUP (ORDER BY n) AS s FROM public.sale GROUP BY 1'),
    'aggregate percentile_cont depends on the order of the rows, and cannot be merged.', 'ordered sets');
SELECT is(refused('SELECT shop AS k, sum(DISTINCT n) AS s FROM public.sale GROUP BY 1'),
    'sum(DISTINCT …) cannot be merged.', 'sums of distinct values');
SELECT matches(refused('SELECT s.shop AS k, count(*) AS s FROM public.sale s JOIN public.sale t ON t.id = s.id '
                       'GROUP BY 1'),
    '^No table is read exactly once', 'a table that is read twice');
SELECT matches(refused('SELECT s.shop AS k, count(*) AS s FROM public.shop h RIGHT JOIN (SELECT * FROM public.sale) s '
                       'ON s.shop = h.shop GROUP BY 1'),
    '^No table is read exactly once', 'no table outside of subqueries and outer joins');
SELECT is(refused('SELECT shop AS k, (SELECT count(*) FROM public.score) AS s FROM public.sale GROUP BY 1'),
    'A subquery stands among the outputs or in HAVING.', 'subqueries among the outputs');
SELECT is(refused('SELECT shop AS k, etl.moments(DISTINCT n::numeric) AS s FROM public.sale GROUP BY 1'),
    'moments(DISTINCT …) cannot be merged.', 'states of distinct values');
SELECT is(refused('SELECT shop AS k, count(DISTINCT (n, paid)) AS s FROM public.sale GROUP BY 1'),
    'count of type record cannot be merged, as a row of NULLs is NULL in some places and not in others.', 'rows');
SELECT is(refused('SELECT shop AS k, count(*) AS s FROM public.sale GROUP BY 1',
                  '{"public.sale": "SELECT shop AS k FROM changed"}'),
    'The groups of a change are found by a query of affects, which does not see rows that are gone.', 'affects');
SELECT throws_ok($$SELECT etl.create_rollup('public.floats',
    'SELECT shop AS k, sum(price::float8) AS s FROM public.sale GROUP BY 1', '{k}', mode => 'delta')$$, '0A000',
    'changes cannot be merged into rollup "public.floats"', 'mode delta is refused with it');
SELECT lives_ok($$SELECT etl.create_rollup('public.floats',
    'SELECT shop AS k, sum(price::float8) AS s FROM public.sale GROUP BY 1', '{k}')$$, 'mode auto is not');
SELECT is((SELECT r.refresh FROM etl.rollups AS r WHERE r.name = 'public.floats'), 'recompute', 'and computes anew');

-- In words ------------------------------------------------------------------------------------------------------------

SELECT results_eq(
    $$SELECT e.item, e.what, e.how FROM etl.explain_rollup('scores') AS e
      WHERE e.what IN ('refresh', 'log', 'insert', 'delete', 'insert, update, delete', 'state')$$,
    $$VALUES ('public.scores', 'refresh', 'delta: changes of public.sale are merged into public.scores_state, and what '
                                          'cannot be merged is computed anew'),
             ('public.sale', 'log', 'old and new rows: id, shop'),
             ('public.sale', 'insert', 'merged'),
             ('public.sale', 'delete', 'merged, or the group is computed anew'),
             ('public.score', 'log', 'the values of (sale) of changed rows, each once for a statement'),
             ('public.score', 'insert, update, delete', 'the groups are computed anew'),
             ('count(*)', 'state', 'a count'),
             ('max(v.worst)', 'state', 'the greatest value'),
             ('sum(v.total)', 'state', 'a sum, and the count of its values')$$,
    'etl.explain_rollup says what happens, and how aggregates are kept');
SELECT is((SELECT e.why FROM etl.explain_rollup('public.floats') AS e WHERE e.what = 'refresh'),
    'sum of type double precision cannot be merged exactly: its result depends on the order of additions, or cannot be '
    'taken apart again.', 'and why changes are not merged');
SELECT throws_ok('SELECT * FROM etl.explain_rollup(''public.none'')', '42704', NULL, 'of a rollup that there is');

-- FILTER and HAVING keep out what cannot be computed ------------------------------------------------------------------

CREATE TABLE guarded (id int, kind text, n int, m int, v text);
SELECT etl.create_rollup('public.filtered', $$
    SELECT g.kind AS k, avg(g.n / g.m) FILTER (WHERE g.m <> 0) AS mean, max(100 / g.m) FILTER (WHERE g.m <> 0) AS most,
           sum(g.v::int) FILTER (WHERE g.kind = 'num') AS total,
           count(DISTINCT g.v::int) FILTER (WHERE g.kind = 'num') AS different
    FROM public.guarded AS g GROUP BY 1$$, '{k}', mode => 'delta');
SELECT etl.create_rollup('public.had', $$
    SELECT g.kind AS k, sum(g.n) / count(g.m) AS quotient, sum(g.n)::smallint AS small
    FROM public.guarded AS g GROUP BY 1 HAVING count(g.m) > 0 AND sum(g.n) < 1000$$, '{k}', mode => 'delta');
INSERT INTO guarded VALUES (1, 'a', 1, NULL, 'junk'), (2, 'b', 30000, 0, 'junk'), (3, 'num', 7, 2, '5'),
    (4, 'c', 70000, 1, 'junk');
CALL etl.refresh_rollup('public.filtered');
CALL etl.refresh_rollup('public.had');
SELECT results_eq('SELECT * FROM filtered ORDER BY k', $$VALUES
    ('a', NULL::numeric, NULL::int, NULL::bigint, 0::bigint), ('b', NULL, NULL, NULL, 0), ('c', 70000, 100, NULL, 0),
    ('num', 3, 50, 5, 1)$$, 'arguments are computed of the rows that FILTER lets in');
SELECT results_eq('SELECT k, quotient, small FROM had', $$VALUES ('num', 7::bigint, 7::smallint)$$,
    'and outputs of the groups that HAVING lets in');
UPDATE guarded SET m = 1, n = 1 WHERE id IN (1, 2);
CALL etl.refresh_rollup('public.had');
SELECT results_eq('SELECT k, quotient FROM had ORDER BY k', $$VALUES ('a', 1::bigint), ('b', 1), ('num', 7)$$,
    'also where a change lets them in');

CREATE TABLE padded (id int, c char(5));
SELECT etl.create_rollup('public.paddings',
                         'SELECT p.id % 2 AS k, min(p.c) AS least FROM public.padded AS p GROUP BY 1',
                         '{k}', mode => 'delta');
INSERT INTO padded VALUES (1, 'abc'), (3, 'abb');
CALL etl.refresh_rollup('public.paddings');
SELECT results_eq('SELECT k, least::text FROM paddings', $$VALUES (1, 'abb')$$, 'a char(n) is kept in its length');
SELECT * FROM finish();
