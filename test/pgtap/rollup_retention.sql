-- What becomes of groups whose rows are erased: follow, freeze, or a refresh that stops; with and without states.
SELECT plan(70);
SET client_min_messages = warning;
SET timezone = 'UTC';

CREATE TABLE sale (id int PRIMARY KEY, at timestamptz NOT NULL, shop int, price numeric(10, 2));
CREATE INDEX ON sale (at);
CREATE TABLE shop (shop int PRIMARY KEY, region text);
INSERT INTO shop SELECT i, 'r' || i % 2 FROM generate_series(0, 3) AS i;
INSERT INTO sale SELECT i, '2024-01-01 00:00+00'::timestamptz + i * interval '1 hour', nullif(i % 5, 4), i % 13
FROM generate_series(1, 480) AS i;

CREATE TABLE subject (name text PRIMARY KEY, query text);
INSERT INTO subject VALUES
    ('daily', 'SELECT date_trunc(''day'', at, ''UTC'') AS day, count(*) AS sold, sum(price) AS revenue '
                                                    'FROM public.sale GROUP BY 1'),
    ('totals', 'SELECT date_trunc(''day'', at, ''UTC'') AS day, count(*) AS sold, sum(price) AS revenue, max(price) '
                                                     'AS most FROM public.sale GROUP BY 1'),
    ('region', 'SELECT p.region, count(*) AS sold, sum(s.price) AS revenue FROM public.sale AS s LEFT '
               'JOIN public.shop AS p ON p.shop = s.shop GROUP BY 1');
CREATE FUNCTION made(name text, mode text, retention text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
    SELECT (etl.create_rollup('public.' || name, (SELECT s.query FROM subject AS s WHERE s.name = made.name),
                              CASE WHEN name = 'region' THEN '{region}' ELSE '{day}' END::name[], mode => mode,
                              retention => retention) > 0)::text
$$;
CREATE FUNCTION differences(name text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    found bigint;
BEGIN
    EXECUTE format('WITH q AS (%2$s) SELECT count(*) FROM ((TABLE %1$I EXCEPT TABLE q) UNION ALL (TABLE q '
                   'EXCEPT TABLE %1$I)) AS d',
                   name, (SELECT s.query FROM subject AS s WHERE s.name = differences.name)) INTO found;
    RETURN found;
END
$$;
CREATE FUNCTION wrong(name text) RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM etl.verify_rollup(name)';
CREATE PROCEDURE erase(condition text) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('pg_etl.erasing', 'on', true);
    EXECUTE 'DELETE FROM sale WHERE ' || condition;
    PERFORM set_config('pg_etl.erasing', 'off', true);
END
$$;

-- Retention erases ---------------------------------------------------------------------------------------------------

SELECT made('daily', 'recompute'), made('totals', 'delta'), made('region', 'auto');
SELECT is((SELECT string_agg(refresh, ',' ORDER BY name) FROM etl.rollups), 'recompute,delta,delta',
    'with and without states');
SELECT etl.add_retention_policy('public.sale', 'at', keep => '5 days', name => 'old_sales',
                                archive_to => 'public.sale_archive', on_unfresh_rollup => 'ignore');
CALL etl.run_retention('old_sales', as_of => '2024-01-10 12:00+00');
SELECT is((SELECT min(at) FROM sale), '2024-01-05 12:00+00', 'the policy takes rows out');
SELECT is((SELECT string_agg(DISTINCT etl_op::text, ',') FROM daily_log_1), 'e', 'which are noted as erased');
SELECT is((SELECT string_agg(DISTINCT etl_op::text, ',') FROM totals_log_1), 'e', 'whatever a log holds');
SELECT is(current_setting('pg_etl.erasing'), 'off', 'nothing else is');

-- Nobody has decided -------------------------------------------------------------------------------------------------

SELECT throws_ok('CALL etl.refresh_rollup(''daily'')', '55000',
                 'rollup "public.daily" does not say what becomes of groups whose rows are erased',
                 'the refresh stops');
SELECT throws_ok('CALL etl.refresh_rollup(''totals'')', '55000',
                 'rollup "public.totals" does not say what becomes of groups whose rows are erased',
                 'with states too');
\set ON_ERROR_STOP 0
\set VERBOSITY sqlstate
CALL etl.refresh_rollup('daily');
CALL etl.refresh_rollup('totals', mode => 'recompute');
CALL etl.refresh_rollup('totals');
\set VERBOSITY default
\set ON_ERROR_STOP 1
SELECT is((SELECT count(*) FROM daily), 21::bigint, 'and changes nothing');
SELECT is((SELECT sum(sold) FROM totals), 480::numeric, 'however it is called');
SELECT is((SELECT count(*) FROM daily_log_1 WHERE etl_op = 'e'), 5::bigint, 'nor takes anything from the log');
SELECT is((SELECT status FROM etl.runs WHERE kind = 'rollup' AND name = 'public.daily' ORDER BY run_id DESC LIMIT 1),
          'failed', 'it is recorded');
SELECT is(wrong('daily'), 0::bigint, 'the groups are known not to be refreshed');
SELECT throws_ok('SELECT etl.alter_rollup(''daily'', query => (SELECT query FROM subject WHERE name = ''daily''))',
    '55000',
                 NULL, 'another query does not empty the past either');

-- Freeze -------------------------------------------------------------------------------------------------------------

SELECT etl.alter_rollup('daily', retention => 'freeze');
SELECT etl.alter_rollup('totals', retention => 'freeze');
SELECT etl.alter_rollup('region', retention => 'follow');
CREATE TABLE before AS TABLE daily;
CREATE TABLE before_totals AS TABLE totals;
CALL etl.refresh_rollup('daily');
CALL etl.refresh_rollup('totals');
CALL etl.refresh_rollup('region');
SELECT set_eq('TABLE daily', 'TABLE before', 'freeze keeps what there was');
SELECT set_eq('TABLE totals', 'TABLE before_totals', 'with states too');
SELECT is(differences('region'), 0::bigint, 'follow computes from what is left');
SELECT set_eq('SELECT day FROM daily_frozen',
              'SELECT ''2024-01-01 00:00+00''::timestamptz + i * interval ''1 day'' FROM generate_series(0, 4) AS i',
              'the groups of erased rows are frozen, also the one that lost a part of them');
SELECT set_eq('SELECT day FROM totals_frozen', 'SELECT day FROM daily_frozen', 'with states too');
SELECT results_eq('SELECT name, frozen, ignored FROM etl.rollups ORDER BY name',
                  $$VALUES ('public.daily', 5::bigint, 0::bigint), ('public.region', NULL, NULL), ('public.totals', 5,
                      0)$$,
                  'etl.rollups tells how many');
SELECT is(wrong('daily') + wrong('totals') + wrong('region'), 0::bigint, 'all is as it should be');

-- Late rows: states take them in, and a rollup without them tells that it does not.
INSERT INTO sale VALUES (1001, '2024-01-02 10:30+00', 1, 100), (1002, '2024-01-07 10:30+00', 1, 100);
CALL etl.refresh_rollup('daily');
CALL etl.refresh_rollup('totals');
SELECT results_eq('SELECT d.sold - b.sold, d.revenue - b.revenue FROM daily AS d JOIN before AS b USING (day) '
                  'WHERE d <> b',
                  'VALUES (1::bigint, 100.00::numeric)', 'a group that is not frozen is computed, a frozen one is not');
SELECT results_eq('SELECT t.day::date, t.sold - b.sold, t.revenue - b.revenue, t.most FROM totals AS t '
                  'JOIN before_totals AS b USING (day) '
                  'WHERE t.sold <> b.sold ORDER BY 1',
                  $$VALUES ('2024-01-02'::date, 1::bigint, 100.00::numeric, 100.00::numeric), ('2024-01-07', 1,
                      100.00, 100.00)$$,
                  'states take in what is added, whatever was erased');
SELECT results_eq('SELECT day, etl_ignored, etl_closed FROM daily_frozen WHERE etl_ignored > 0',
                  $$VALUES ('2024-01-02 00:00+00'::timestamptz, 1::bigint, false)$$, 'what was left out is counted');
SELECT is((SELECT detail ->> 'frozen' FROM etl.runs WHERE kind = 'rollup' AND name = 'public.daily'
    ORDER BY run_id DESC LIMIT 1),
          '1', 'in the run too');
SELECT results_eq('SELECT name, ignored FROM etl.rollups WHERE frozen > 0 ORDER BY name',
                  $$VALUES ('public.daily', 1::bigint), ('public.totals', 0::bigint)$$, 'and in the view');
UPDATE sale SET price = 50 WHERE id = 1001;
CALL etl.refresh_rollup('totals');
SELECT is((SELECT t.revenue - b.revenue FROM totals AS t JOIN before_totals AS b USING (day)
    WHERE day = '2024-01-02 00:00+00'),
          100.00, 'a change that takes away a state''s extreme cannot be taken in');
SELECT results_eq('SELECT day, etl_ignored, etl_closed FROM totals_frozen WHERE etl_ignored > 0',
                  $$VALUES ('2024-01-02 00:00+00'::timestamptz, 1::bigint, true)$$, 'which closes the group');
INSERT INTO sale VALUES (1003, '2024-01-02 10:30+00', 1, 7), (1004, '2024-01-03 10:30+00', 1, 7);
CALL etl.refresh_rollup('totals');
SELECT results_eq('SELECT t.day::date, t.sold - b.sold FROM totals AS t JOIN before_totals AS b USING (day) '
                  'WHERE t.sold <> b.sold AND day < ''2024-01-06'' ORDER BY 1',
                  $$VALUES ('2024-01-02'::date, 1::bigint), ('2024-01-03', 1)$$, 'and no other');
SELECT is((SELECT etl_ignored FROM totals_frozen WHERE etl_closed), 2::bigint, 'its changes are counted');
DELETE FROM sale WHERE id = 1004;
CALL etl.refresh_rollup('totals');
SELECT is((SELECT t.sold - b.sold FROM totals AS t JOIN before_totals AS b USING (day)
    WHERE day = '2024-01-03 00:00+00'),
          0::bigint, 'a deleted row is taken away again where that can be');
SELECT is(wrong('daily') + wrong('totals'), 0::bigint, 'rows and states agree');

-- However it is refreshed, a frozen group is not computed.
DELETE FROM daily_frozen WHERE false;
SELECT etl.mark_dirty('daily'), etl.mark_dirty('totals', 'day < ''2024-01-05''');
CREATE TABLE kept AS TABLE totals;
CALL etl.refresh_all();
SELECT set_eq('SELECT * FROM daily WHERE day < ''2024-01-06''', 'SELECT * FROM before WHERE day < ''2024-01-06''',
    'not by hand');
SELECT set_eq('TABLE totals', 'TABLE kept', 'not by hand with states');
INSERT INTO sale VALUES (1005, '2024-01-04 10:30+00', 1, 7), (1006, '2024-01-08 10:30+00', 1, 7);
CALL etl.refresh_rollup('totals', mode => 'recompute');
SELECT set_eq('SELECT t.day::date, t.sold - k.sold FROM totals AS t JOIN kept AS k USING (day) WHERE t.sold <> k.sold',
              $$VALUES ('2024-01-04'::date, 1::bigint), ('2024-01-08', 1)$$,
                  'recompute merges into frozen groups only');
INSERT INTO sale VALUES (1007, '2024-01-04 10:30+00', 1, 7), (1008, '2024-01-08 10:30+00', 1, 7);
BEGIN;
CALL etl.refresh_rollup('totals');
COMMIT;
SELECT set_eq('SELECT t.day::date, t.sold - k.sold FROM totals AS t JOIN kept AS k USING (day) WHERE t.sold <> k.sold',
              $$VALUES ('2024-01-04'::date, 1::bigint), ('2024-01-08', 2)$$, 'without one snapshot frozen groups wait');
CALL etl.refresh_rollup('totals');
SELECT set_eq('SELECT t.day::date, t.sold - k.sold FROM totals AS t JOIN kept AS k USING (day) WHERE t.sold <> k.sold',
              $$VALUES ('2024-01-04'::date, 2::bigint), ('2024-01-08', 2)$$,
                  'for the next refresh, and no row comes twice');
SET pg_etl.rollup_log_rows = 1;
INSERT INTO sale VALUES (1009, '2024-01-09 10:30+00', 1, 7), (1010, '2024-01-08 10:30+00', 1, 7);
RESET pg_etl.rollup_log_rows;
INSERT INTO sale VALUES (1011, '2024-01-04 10:30+00', 1, 7);
CALL etl.refresh_rollup('totals');
SELECT set_eq('SELECT t.day::date, t.sold - k.sold FROM totals AS t JOIN kept AS k USING (day) WHERE t.sold <> k.sold',
              $$VALUES ('2024-01-04'::date, 3::bigint), ('2024-01-08', 3), ('2024-01-09', 1)$$,
              'where anything may have changed all but the frozen groups are computed, and those are merged');
SELECT is(wrong('daily') + wrong('totals'), 0::bigint, 'rows and states agree');

-- Rows that come and are erased before a refresh sees them count where states are kept.
INSERT INTO sale VALUES (1020, '2024-01-10 10:30+00', 1, 7);
CALL erase('id = 1020');
CALL etl.refresh_rollup('totals');
SELECT is((SELECT t.sold - k.sold FROM totals AS t JOIN kept AS k USING (day) WHERE day = '2024-01-10 00:00+00'),
    1::bigint,
          'a row that was erased before any refresh is in the states');
-- Deleting is not erasing.
DELETE FROM sale WHERE at >= '2024-01-12' AND at < '2024-01-13';
CALL etl.refresh_all();
SELECT is_empty('SELECT FROM totals WHERE day = ''2024-01-12 00:00+00'' UNION ALL SELECT FROM daily '
                                                            'WHERE day = ''2024-01-12 00:00+00''',
                'what is deleted leaves the rollup');
SELECT is(wrong('daily') + wrong('totals') + wrong('region'), 0::bigint, 'all is as it should be');

-- By law -------------------------------------------------------------------------------------------------------------

CALL erase('shop = 2');
CALL etl.refresh_all();
SELECT is((SELECT sum(sold) FROM daily), (SELECT sum(sold) FROM before) - 24 + 5, 'what was sold was sold');
SELECT is(differences('region'), 0::bigint, 'who follows forgets');
SELECT is(wrong('totals') + wrong('region'), 0::bigint, 'all is as it should be');
SET pg_etl.erasing = on;
TRUNCATE sale;
SET pg_etl.erasing = off;
SELECT throws_ok('CALL etl.refresh_rollup(''totals'')', '55000', NULL, 'where all rows are erased');
SELECT throws_ok('CALL etl.refresh_rollup(''daily'')', '55000',
                 'rows were erased for rollup "public.daily", and it is not known of which groups',
                 'it must be said what is frozen');
SELECT etl.alter_rollup('totals', frozen_before => '2025-01-01'), etl.alter_rollup('daily',
    frozen_before => '2025-01-01');
CREATE TABLE last AS TABLE totals;
INSERT INTO sale VALUES (2001, '2024-01-14 10:30+00', 1, 7), (2002, '2025-01-14 10:30+00', 1, 7);
CALL etl.refresh_all();
SELECT set_eq('SELECT t.day::date, t.sold - coalesce(l.sold, 0) FROM totals AS t LEFT JOIN last AS l USING (day) '
              'WHERE t.sold IS DISTINCT FROM l.sold',
              $$VALUES ('2024-01-14'::date, 1::bigint), ('2025-01-14', 1)$$, 'frozen_before does');
SELECT is((SELECT count(*) FROM daily WHERE day < '2025-01-01'), 20::bigint, 'without states too');
SELECT is(differences('region'), 0::bigint, 'and who follows has what is left');
SELECT is(wrong('daily') + wrong('totals') + wrong('region'), 0::bigint, 'all is as it should be');
SELECT etl.alter_rollup('totals', retention => 'follow', frozen_before => '');
CALL etl.refresh_rollup('totals');
SELECT is(differences('totals'), 0::bigint, 'the past can be given up');
SELECT etl.drop_rollup(name) FROM etl.rollups;

-- Chains -------------------------------------------------------------------------------------------------------------

SELECT etl.remove_retention_policy('old_sales');
INSERT INTO sale SELECT i, '2024-01-01 00:00+00'::timestamptz + i * interval '1 hour', nullif(i % 5, 4), i % 13
FROM generate_series(1, 480) AS i;
SELECT made('daily', 'recompute', 'follow');
SELECT etl.create_rollup('public.monthly', 'SELECT date_trunc(''month'', day, ''UTC'') AS month, sum(sold) AS sold '
                                                            'FROM public.daily GROUP BY 1',
                         '{month}', mode => 'recompute');
CALL erase('at < ''2024-01-05''');
SELECT throws_ok('CALL etl.refresh_rollup(''daily'')', '55000',
                 'rollup "public.monthly" would lose its past to rollup "public.daily", which it reads and which '
                 'follows',
                 'who follows is read by one that does not say so');
SELECT is((SELECT sum(sold) FROM daily), 482::numeric, 'nothing is lost');
SELECT etl.alter_rollup('monthly', retention => 'follow');
CALL etl.refresh_all();
SELECT is((SELECT sum(sold) FROM monthly), (SELECT count(*)::numeric FROM sale), 'both follow');
SELECT etl.alter_rollup('daily', retention => 'freeze'), etl.alter_rollup('monthly', retention => 'freeze');
CALL erase('at < ''2024-01-10''');
CALL etl.refresh_all();
SELECT is((SELECT sum(sold) FROM monthly), (SELECT sum(sold) FROM daily), 'or both keep');
SET pg_etl.erasing = on;
DELETE FROM daily WHERE day < '2024-01-08';
SET pg_etl.erasing = off;
CALL etl.refresh_all();
SELECT ok((SELECT sum(sold) FROM monthly) > (SELECT sum(sold) FROM daily), 'the last one outlives the first');
SELECT etl.drop_rollup('monthly');
SELECT etl.drop_rollup('daily');

-- Partitions ---------------------------------------------------------------------------------------------------------

CREATE TABLE event (kind int, at timestamptz NOT NULL, size int) PARTITION BY RANGE (at);
CREATE TABLE event_1 (size int, at timestamptz NOT NULL, kind int);
ALTER TABLE event ATTACH PARTITION event_1 FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
CREATE TABLE event_2 PARTITION OF event FOR VALUES FROM ('2024-02-01') TO ('2024-03-01');
INSERT INTO event SELECT i % 3, '2024-01-01 00:00+00'::timestamptz + i * interval '5 hours', i FROM generate_series(1,
    280) AS i;
INSERT INTO subject VALUES
    ('by_day', 'SELECT date_trunc(''day'', at, ''UTC'') AS day, kind, count(*) AS n FROM public.event GROUP BY 1, 2'),
    ('by_kind', 'SELECT kind, count(*) AS n, sum(size) AS size FROM public.event GROUP BY 1');
SELECT etl.create_rollup('public.by_day', (SELECT query FROM subject WHERE name = 'by_day'), '{day,kind}',
                         mode => 'recompute', retention => 'freeze');
SELECT etl.create_rollup('public.by_kind', (SELECT query FROM subject WHERE name = 'by_kind'), '{kind}',
    retention => 'freeze');
INSERT INTO event VALUES (7, '2024-01-07 10:00', 1);
CALL etl.refresh_all();
ALTER TABLE event DETACH PARTITION event_1;
INSERT INTO event VALUES (1, '2024-02-07 10:00', 5);
CREATE TABLE by_day_before AS TABLE by_day;
CREATE TABLE by_kind_before AS TABLE by_kind;
CALL etl.refresh_all();
SELECT set_eq('SELECT * FROM by_day WHERE day < ''2024-02-01''',
    'SELECT * FROM by_day_before WHERE day < ''2024-02-01''',
              'the groups of a partition that is detached are frozen');
SELECT set_eq('SELECT day, kind FROM by_day_frozen', 'SELECT DISTINCT date_trunc(''day'', at), kind FROM event_1',
    'and no other');
SELECT set_eq('SELECT k.kind, k.n - b.n AS n, k.size - b.size AS size FROM by_kind AS k '
              'JOIN by_kind_before AS b USING (kind)',
              'VALUES (0, 0::bigint, 0::bigint), (1, 1, 5), (2, 0, 0), (7, 0, 0)', 'states take in what is new');
SELECT is((SELECT count(*) FROM pg_trigger WHERE tgrelid = 'event_1'::regclass AND tgname LIKE 'etl_rollup%'),
    0::bigint,
          'it has no triggers any more');
DROP TABLE event_1;
INSERT INTO event VALUES (2, '2024-02-07 10:00', 5);
CALL etl.refresh_all();
SELECT is(wrong('by_day') + wrong('by_kind'), 0::bigint, 'and can be dropped then');
SELECT is((SELECT sum(n) FROM by_kind), 283::numeric, 'nothing is lost');
DROP TABLE event_2;
SELECT throws_ok('CALL etl.refresh_rollup(''by_kind'')', '55000',
                 'rollup "public.by_kind" does not say which groups are to be frozen',
                     'one that is dropped at once leaves no trace');
SELECT is((SELECT sum(n) FROM by_kind), 283::numeric, 'so nothing is done');
SELECT etl.drop_rollup('by_day');
SELECT etl.drop_rollup('by_kind');

-- At random: with sums alone a rollup that freezes is the query over all rows but those that were deleted ------------

CREATE TABLE fact (id int, k int, x int);
CREATE TABLE ever (LIKE fact);
SELECT etl.create_rollup('public.sums', 'SELECT k, count(*) AS n, sum(x) AS x, count(*) FILTER (WHERE x > 5) AS '
                                        'large FROM public.fact GROUP BY k',
                         '{k}', mode => 'delta', retention => 'freeze');
SELECT setseed(0.42);
SELECT CASE WHEN r < 0.4 THEN format('INSERT INTO ever SELECT %1$s, %2$s, %3$s UNION ALL SELECT -%1$s, NULL, %3$s; '
                                     'INSERT INTO fact SELECT %1$s, %2$s, %3$s UNION ALL SELECT -%1$s, NULL, %3$s', i,
                                         a, b)
            WHEN r < 0.55 THEN format('UPDATE ever SET k = %2$s, x = x + 1 WHERE id %% 7 = %1$s AND id IN (SELECT id '
                                      'FROM fact); '
                                      'UPDATE fact SET k = %2$s, x = x + 1 WHERE id %% 7 = %1$s', b, a)
            WHEN r < 0.65 THEN format('DELETE FROM ever WHERE k = %1$s AND id %% 3 = 1 AND id IN (SELECT id '
                                      'FROM fact); '
                                      'DELETE FROM fact WHERE k = %1$s AND id %% 3 = 1', a)
            WHEN r < 0.75 THEN format('BEGIN; SET LOCAL pg_etl.erasing = on; DELETE FROM fact '
                                      'WHERE id %% 5 = %1$s OR k = %1$s; COMMIT', b)
            WHEN r < 0.8 THEN format('BEGIN; CALL etl.refresh_rollup(''sums''); %s',
                CASE WHEN a < 5 THEN 'COMMIT' ELSE 'ROLLBACK' END)
            WHEN r < 0.85 THEN 'CALL etl.refresh_rollup(''sums'', mode => ''recompute'')'
            ELSE 'CALL etl.refresh_rollup(''sums'', max_groups => 2)' END
FROM (SELECT i, random() AS r, (random() * 9)::int AS a, (random() * 6)::int AS b FROM generate_series(1,
    150) AS i OFFSET 0) AS s \gexec
CALL etl.refresh_rollup('sums');
SELECT set_eq('SELECT k, n, x, large FROM sums', 'SELECT k, count(*) AS n, sum(x) AS x, count(*) FILTER (WHERE x > '
                                                 '5) AS large FROM ever GROUP BY k',
              'whatever was erased counts');
SELECT ok((SELECT count(*) FROM sums_frozen) > 5 AND wrong('sums') = 0, 'in many groups');
SELECT etl.drop_rollup('sums');

-- Refused ------------------------------------------------------------------------------------------------------------

SELECT throws_ok($$SELECT etl.create_rollup('public.week',
    'SELECT shop, count(*) AS n FROM public.sale WHERE at > now() - interval ''7 days'' GROUP BY shop',
                                            '{shop}', retention => 'freeze')$$, '0A000',
                                                'rollup "public.week" cannot freeze groups',
                 'a filter that moves lets groups go');
SELECT etl.create_rollup('public.week', 'SELECT shop, count(*) AS n FROM public.sale '
                                        'WHERE at > now() - interval ''7 days'' GROUP BY shop',
                         '{shop}');
SELECT throws_ok('SELECT etl.alter_rollup(''week'', retention => ''freeze'')', '0A000', NULL, 'later too');
SELECT hasnt_table('public', 'week_frozen', 'and leaves nothing behind');
SELECT throws_ok('SELECT etl.alter_rollup(''week'', frozen_before => ''1'')', '22023', NULL,
    'frozen_before without freeze');

SELECT * FROM finish();
