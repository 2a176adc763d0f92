-- Rollups whose sources change their shape or lose rows: partitions that come and go, and rows that are erased.
SELECT plan(75);
SET client_min_messages = warning;
SET timezone = 'UTC';

CREATE TABLE event (at timestamp NOT NULL, kind int, size int) PARTITION BY RANGE (at);
CREATE TABLE event_1 PARTITION OF event FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
CREATE TABLE event_2 PARTITION OF event FOR VALUES FROM ('2024-02-01') TO ('2024-03-01');
INSERT INTO event SELECT '2024-01-01'::timestamp + i * interval '1 hour', i % 3, i FROM generate_series(1, 1400) AS i;
SELECT etl.create_rollup('public.daily',
    'SELECT date_trunc(''day'', at) AS day, kind, count(*) AS n, sum(size) AS size '
                         'FROM public.event GROUP BY 1, 2', '{day,kind}', mode => 'recompute');
CREATE FUNCTION differences() RETURNS bigint LANGUAGE sql AS $$
    WITH q AS (SELECT date_trunc('day', at) AS day, kind, count(*) AS n, sum(size) AS size FROM event GROUP BY 1, 2)
    SELECT count(*) FROM ((TABLE daily EXCEPT TABLE q) UNION ALL (TABLE q EXCEPT TABLE daily)) AS d
$$;
CREATE FUNCTION detail(key text) RETURNS bigint LANGUAGE sql AS $$
    SELECT (r.detail ->> key)::bigint FROM etl.runs AS r WHERE r.kind = 'rollup' ORDER BY r.run_id DESC LIMIT 1
$$;
CREATE FUNCTION triggers(relation regclass) RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*) FROM pg_trigger WHERE tgrelid = relation AND tgname LIKE 'etl_rollup%'
$$;

-- Partitions ---------------------------------------------------------------------------------------------------------

INSERT INTO event_1 VALUES ('2024-01-05 01:00', 7, 1);
UPDATE event SET at = '2024-02-10 00:00' WHERE at = '2024-01-06 03:00';
CALL etl.refresh_rollup('daily');
SELECT is(differences(), 0::bigint, 'what is written into a partition, or moves to another');
SELECT ok(detail('groups') < 5, 'touches its groups alone');

CREATE TABLE event_3 PARTITION OF event FOR VALUES FROM ('2024-03-01') TO ('2024-04-01');
INSERT INTO event VALUES ('2024-03-02 03:00', 1, 1);
INSERT INTO event_3 VALUES ('2024-03-03 03:00', 1, 1);
SELECT is(triggers('event_3'), 0::bigint, 'a new partition has no triggers');
CALL etl.refresh_rollup('daily');
SELECT is(differences(), 0::bigint, 'and what was written into it is seen');
SELECT is(triggers('event_3'), 4::bigint, 'by the refresh, which gives it some');
INSERT INTO event_3 VALUES ('2024-03-04 03:00', 1, 1);
CALL etl.refresh_rollup('daily');
SELECT is(differences(), 0::bigint, 'that note what comes next');
SELECT is(detail('groups'), 1::bigint, 'and that alone is computed');

CREATE TABLE event_4 PARTITION OF event FOR VALUES FROM ('2024-04-01') TO ('2024-05-01');
CALL etl.refresh_rollup('daily');
SELECT is(detail('groups'), 0::bigint, 'a new partition that is empty costs nothing');
ALTER TABLE event_4 RENAME TO event_april;
CALL etl.refresh_rollup('daily');
SELECT is(detail('groups'), 0::bigint, 'nor does another name');
SELECT ok((SELECT family @> '{public.event_april}' AND NOT family @> '{public.event_4}' FROM etl.rollup_source),
          'which is known from then on');

CREATE TABLE loaded (LIKE event);
INSERT INTO loaded SELECT '2024-05-01'::timestamp + i * interval '3 hours', 2, i FROM generate_series(1, 50) AS i;
ALTER TABLE event ATTACH PARTITION loaded FOR VALUES FROM ('2024-05-01') TO ('2024-06-01');
CALL etl.refresh_rollup('daily');
SELECT is(differences(), 0::bigint, 'a partition that comes with rows');

-- Without a decision nothing of the past is lost.
ALTER TABLE event DETACH PARTITION event_1;
SELECT throws_ok('CALL etl.refresh_rollup(''daily'')', '55000',
                 'rollup "public.daily" does not say what becomes of groups whose rows are erased',
                 'a partition is gone: nobody has said what that means');
SELECT ok((SELECT count(*) FROM daily WHERE day < '2024-02-01') > 80, 'the past is kept');
SELECT lives_ok('SELECT etl.alter_rollup(''daily'', retention => ''follow'')', 'follow');
CALL etl.refresh_rollup('daily');
SELECT is(differences(), 0::bigint, 'computes from what is left');
SELECT is_empty('SELECT FROM daily WHERE day < ''2024-02-01''', 'which is nothing');
SELECT is(triggers('event_1'), 0::bigint, 'the detached partition has no triggers any more');
ALTER TABLE event ATTACH PARTITION event_1 FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
CALL etl.refresh_rollup('daily');
SELECT is(differences(), 0::bigint, 'and when it comes back');
DROP TABLE loaded;
CALL etl.refresh_rollup('daily');
SELECT is(differences(), 0::bigint, 'one that is dropped');

-- Erasures -----------------------------------------------------------------------------------------------------------

CREATE PROCEDURE erase(condition text) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('pg_etl.erasing', 'on', true);
    EXECUTE 'DELETE FROM event WHERE ' || condition;
    PERFORM set_config('pg_etl.erasing', 'off', true);
END
$$;
CALL erase('at < ''2024-01-03''');
CALL etl.refresh_rollup('daily');
SELECT is(differences(), 0::bigint, 'follow: what is erased is a change like another');
SELECT lives_ok('SELECT etl.alter_rollup(''daily'', retention => '''')', 'no decision');
CALL erase('at < ''2024-01-05''');
SELECT throws_ok('CALL etl.refresh_rollup(''daily'')', '55000', NULL, 'stops the refresh');
SELECT is((SELECT count(*) FROM daily WHERE day < '2024-01-05'), 6::bigint, 'the past is kept');
SELECT lives_ok('SELECT etl.alter_rollup(''daily'', retention => ''freeze'')', 'freeze');
INSERT INTO event VALUES ('2024-01-20 01:00', 1, 1);
CALL etl.refresh_rollup('daily');
SELECT is((SELECT count(*) FROM daily WHERE day < '2024-01-05'), 6::bigint, 'keeps the groups as they were');
SELECT is((SELECT count(*) FROM daily_frozen), 6::bigint, 'and notes which they are');
SELECT is(differences(), 6::bigint, 'the others are right');
CREATE TABLE before AS SELECT * FROM daily WHERE day < '2024-01-05';
INSERT INTO event VALUES ('2024-01-04 01:00', 1, 1), ('2024-01-20 01:00', 1, 1);
CALL etl.refresh_rollup('daily');
SELECT set_eq('SELECT * FROM daily WHERE day < ''2024-01-05''', 'TABLE before', 'a late row changes them no more');
SELECT is(detail('frozen'), 1::bigint, 'which the run tells');
SELECT etl.mark_dirty('daily');
CALL etl.refresh_rollup('daily');
SELECT set_eq('SELECT * FROM daily WHERE day < ''2024-01-05''', 'TABLE before', 'nor does computing all groups');
SELECT throws_ok('SELECT etl.alter_rollup(''daily'', query => (SELECT query FROM etl.rollups))', '55000',
                 'rollup "public.daily" has groups that are frozen', 'and another query cannot give them');

SET pg_etl.rollup_log_rows = 10;
CALL erase('at < ''2024-01-12''');
SELECT is((SELECT string_agg(DISTINCT etl_op::text, ',') FROM daily_log_1), 'e',
          'erased rows are noted one by one, however many');
CALL etl.refresh_rollup('daily');
SELECT is((SELECT count(*) FROM daily WHERE day < '2024-01-12'), 28::bigint, 'whose groups are frozen');
RESET pg_etl.rollup_log_rows;

DROP TABLE event_1;
SELECT throws_ok('CALL etl.refresh_rollup(''daily'')', '55000',
    'rollup "public.daily" does not say which groups are to be frozen',
                 'a partition is dropped: where the frozen past ends has to be said');
SELECT throws_ok('SELECT etl.alter_rollup(''daily'', frozen_before => ''soon'')', '22023', NULL,
    'by a value of the key');
SELECT lives_ok('SELECT etl.alter_rollup(''daily'', frozen_before => ''2024-02-01'')', 'frozen_before');
UPDATE event SET size = size + 1 WHERE at >= '2024-02-20';
CALL etl.refresh_rollup('daily');
SELECT is((SELECT count(*) FROM daily WHERE day < '2024-02-01'), 88::bigint, 'the past stays');
SELECT is((SELECT count(*) FROM (SELECT date_trunc('day', at) AS day, kind, count(*) AS n, sum(size) AS size FROM
    event GROUP BY 1, 2
           EXCEPT TABLE daily) AS d), 0::bigint, 'the rest is right');
SELECT is((SELECT frozen_before FROM etl.rollups), '2024-02-01 00:00:00', 'it is in the view');
SELECT lives_ok('SELECT etl.alter_rollup(''daily'', retention => ''follow'', frozen_before => '''')',
    'all can be given up');
CALL etl.refresh_rollup('daily');
SELECT is(differences(), 0::bigint, 'and is then computed from what is left');
SELECT hasnt_table('public', 'daily_frozen', 'nothing is frozen');

-- Dropped with whatever it has.
SELECT lives_ok('SELECT etl.drop_rollup(''daily'')', 'dropped');
SELECT is((SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'etl_rollup%'), 0::bigint, 'with all triggers');

-- Data that changes without being written, and infinite keys ----------------------------------------------------------

CREATE TABLE plain (at timestamptz, v int, w int, unused int);
INSERT INTO plain SELECT '2024-01-01 00:00+00'::timestamptz + i * interval '1 hour', i % 7, 1, 1
FROM generate_series(1, 500) AS i;
SELECT etl.create_rollup('public.flat', 'SELECT date_trunc(''day'', at, ''UTC'') AS day, v, count(*) AS n, sum(w) AS w '
                         'FROM public.plain GROUP BY 1, 2', '{day,v}', realtime => true) \g /dev/null
CREATE FUNCTION flat_differences(relation regclass DEFAULT 'flat') RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
BEGIN
    EXECUTE format('WITH q AS (SELECT date_trunc(''day'', at, ''UTC'') AS day, v, count(*) AS n, sum(w) AS w '
                   'FROM plain GROUP BY 1, 2) SELECT count(*) FROM ((TABLE %1$s EXCEPT TABLE q) UNION ALL '
                   '(TABLE q EXCEPT TABLE '
                   '%1$s)) AS d', relation) INTO n;
    RETURN n;
END
$$;
CALL etl.refresh_rollup('flat');
ALTER TABLE plain ALTER v TYPE int USING v * 100;
CALL etl.refresh_rollup('flat');
SELECT is(flat_differences(), 0::bigint, 'a column computed anew by ALTER TABLE … USING');
ALTER TABLE plain DROP w, ADD w int DEFAULT 3;
CALL etl.refresh_rollup('flat');
SELECT is(flat_differences(), 0::bigint, 'a column that went and came again with a default');
BEGIN;
ALTER TABLE plain RENAME v TO x;
ALTER TABLE plain RENAME w TO v;
ALTER TABLE plain RENAME x TO w;
COMMIT;
CALL etl.refresh_rollup('flat');
SELECT is(flat_differences(), 0::bigint, 'two columns that have changed their names');
ALTER TABLE plain ADD more int, ALTER unused SET DEFAULT 2;
ANALYZE plain;
CREATE INDEX ON plain (at);
CALL etl.refresh_rollup('flat');
SELECT is(detail('groups'), 0::bigint, 'what is done to other columns costs nothing');

INSERT INTO plain (at, v, w)
VALUES ('infinity', 1, 1), ('-infinity', 1, 1), ('2024-01-03 00:00+00', 1, 1), (NULL, 1, 1);
SELECT is(flat_differences('flat_live'), 0::bigint, 'infinite keys in the live view');
CALL etl.refresh_rollup('flat');
SELECT is(flat_differences(), 0::bigint, 'and in a refresh');
SELECT is((SELECT count(*) FROM etl.verify_rollup('flat', sample => 10)), 0::bigint, 'and in verify_rollup');
DELETE FROM plain WHERE at = 'infinity';
CALL etl.refresh_rollup('flat');
SELECT is(flat_differences(), 0::bigint, 'an infinite key alone');

-- Rollups above rollups ----------------------------------------------------------------------------------------------

SELECT throws_ok(format('SELECT etl.create_rollup(''public.wrong'', ''SELECT v AS k, count(*) AS n FROM public.%s '
                        'GROUP BY 1'', ''{k}'')', relation), '0A000',
                 format('rollup "public.wrong" cannot read table "public.%s", which belongs to rollup "public.flat"',
                        relation), 'tables beside a rollup: ' || relation)
FROM (VALUES ('flat_log_1'), ('flat_pending')) AS v (relation);
SELECT etl.create_rollup('public.upper', 'SELECT v, sum(n) AS n FROM public.flat GROUP BY v', '{v}') \g /dev/null
SELECT throws_ok('SELECT etl.drop_rollup(''flat'')', '2BP01',
                 'cannot drop rollup "public.flat", as rollup "public.upper" reads it', 'a rollup that another reads');
SELECT throws_ok($$SELECT etl.alter_rollup('flat', query => 'SELECT date_trunc(''day'', at, ''UTC'') AS day, v,
    sum(w) AS w FROM public.plain GROUP BY 1, 2')$$, '2BP01',
                 'cannot change the columns of rollup "public.flat", as rollup "public.upper" reads it',
                 'keeps the columns that it reads');
SELECT lives_ok($$SELECT etl.alter_rollup('flat', query => 'SELECT date_trunc(''day'', at, ''UTC'') AS day, v,
    count(*) AS n FROM public.plain GROUP BY 1, 2')$$, 'and may lose others');
ALTER TABLE plain ALTER v TYPE bigint;
SELECT throws_like('TABLE flat_live', 'column "v" of table "public.plain", which rollup "public.flat" reads, has '
                   'become bigint, and was integer', 'the live view says what has become of a column');
ALTER TABLE plain ALTER v TYPE int, ADD label text;
SELECT etl.create_rollup('public.labels', 'SELECT label, count(*) AS n FROM public.plain GROUP BY label', '{label}')
\g /dev/null
ALTER TABLE plain ALTER label TYPE text COLLATE "C";
SELECT throws_ok(c.call, '42804', 'column "label" of table "public.plain", which rollup "public.labels" reads, has '
                 'become text COLLATE "C", and was text', 'a column has another collation: ' || c.call)
FROM unnest(ARRAY['CALL etl.refresh_rollup(''labels'')', 'SELECT etl.verify_rollup(''labels'')']) AS c(call);
SELECT etl.drop_rollup('labels'), etl.drop_rollup('upper') \g /dev/null
DROP FUNCTION flat_differences;
SELECT lives_ok('SELECT etl.drop_rollup(''flat'')', 'who has no reader goes');


-- A partition or child ------------------------------------------------------------------------------------------------

CREATE TABLE whole_table (k int, v int) PARTITION BY LIST (k);
CREATE TABLE whole_1 PARTITION OF whole_table FOR VALUES IN (1);
CREATE TABLE ancestor (v int);
CREATE TABLE heir () INHERITS (ancestor);
SELECT throws_ok(format($$SELECT etl.create_rollup('public.of_part',
    'SELECT p.v, count(*) AS n FROM public.%s AS p GROUP BY 1', '{v}')$$, t), '0A000',
    format('a rollup cannot follow table "public.%s", which is a partition or child of another one', t),
    t || ' is changed through another table')
FROM unnest('{whole_1,heir}'::text[]) AS t;
CREATE TABLE whole_2 (k int, v int);
SELECT lives_ok($$SELECT etl.create_rollup('public.of_part',
    'SELECT p.v, count(*) AS n FROM public.whole_2 AS p GROUP BY 1', '{v}', realtime => true)$$, 'a table of its own');
ALTER TABLE whole_table ATTACH PARTITION whole_2 FOR VALUES IN (2);
INSERT INTO whole_table VALUES (2, 1);
SELECT throws_ok('CALL etl.refresh_rollup(''public.of_part'')', '0A000', NULL, 'that is attached later');
SELECT throws_ok('SELECT * FROM public.of_part_live', '0A000',
    'table "public.whole_2", which rollup "public.of_part" reads, has become a part of table "public.whole_table"',
    'is not shown either');
SELECT etl.alter_rollup('public.of_part', query => $$
    SELECT p.v, count(*) AS n FROM public.whole_table AS p WHERE p.k = 2 GROUP BY 1$$);
SELECT results_eq('SELECT v, n FROM of_part', 'VALUES (1, 1::bigint)', 'until the query names the whole table');

-- Triggers that somebody has altered ----------------------------------------------------------------------------------

CREATE TABLE tampered (k int, v int);
SELECT etl.create_rollup('public.of_tampered',
                         'SELECT t.k, count(*) AS n, sum(t.v) AS x FROM public.tampered AS t GROUP BY 1', '{k}',
                         mode => 'delta') AS id \gset
SELECT format('etl_rollup_%s_1_insert', :id) AS on_insert \gset
CREATE FUNCTION pg_temp.as_the_query() RETURNS boolean LANGUAGE sql AS $$
    WITH wanted AS (SELECT t.k, count(*), sum(t.v) FROM public.tampered AS t GROUP BY 1)
    SELECT NOT EXISTS ((TABLE wanted EXCEPT TABLE public.of_tampered) UNION ALL
                       (TABLE public.of_tampered EXCEPT TABLE wanted))
$$;
CREATE FUNCTION pg_temp.made_anew(more text, arguments text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    made record;
BEGIN
    SELECT t.tgname, split_part(pg_get_triggerdef(t.oid), 'EXECUTE FUNCTION etl._capture(', 2) AS called INTO made
    FROM pg_trigger AS t WHERE t.tgrelid = 'public.tampered'::regclass AND t.tgname LIKE 'etl%insert';
    EXECUTE format('DROP TRIGGER %I ON public.tampered', made.tgname);
    EXECUTE format('CREATE TRIGGER %I AFTER INSERT ON public.tampered REFERENCING NEW TABLE AS etl_new '
                   'FOR EACH STATEMENT %s EXECUTE FUNCTION etl._capture(%s', made.tgname, more,
                   replace(made.called, '''v''', arguments));
END $$;
ALTER TRIGGER :"on_insert" ON tampered RENAME TO another_name;
CALL etl.refresh_rollup('public.of_tampered');
INSERT INTO tampered VALUES (1, 4);
CALL etl.refresh_rollup('public.of_tampered');
SELECT ok(pg_temp.as_the_query(), 'a renamed trigger does not log twice');
SELECT pg_temp.made_anew('WHEN (false)', '''v''') \g /dev/null
CALL etl.refresh_rollup('public.of_tampered');
INSERT INTO tampered VALUES (1, 5);
CALL etl.refresh_rollup('public.of_tampered');
SELECT ok(pg_temp.as_the_query(), 'nor does one with a condition stay');
SELECT pg_temp.made_anew('', '''v + 1''') \g /dev/null
CALL etl.refresh_rollup('public.of_tampered');
INSERT INTO tampered VALUES (2, 6);
CALL etl.refresh_rollup('public.of_tampered');
SELECT ok(pg_temp.as_the_query(), 'or one with other arguments');
SELECT is((SELECT count(*) FROM pg_trigger WHERE tgrelid = 'public.tampered'::regclass), 4::bigint,
    'there is one for each event');
ALTER TRIGGER :"on_insert" ON tampered RENAME TO another_name;
SELECT etl.drop_rollup('public.of_tampered');
SELECT is((SELECT count(*) FROM pg_trigger WHERE tgrelid = 'public.tampered'::regclass), 0::bigint,
    'a renamed one goes with the rollup');

-- A partition of another owner ----------------------------------------------------------------------------------------

CREATE ROLE rollup_parted;
CREATE ROLE rollup_parter;
CREATE SCHEMA parted AUTHORIZATION rollup_parted;
SET ROLE rollup_parted;
CREATE TABLE parted.whole (k int, v int) PARTITION BY LIST (k);
SELECT etl.create_rollup('parted.of_whole', 'SELECT w.k, sum(w.v) AS v FROM parted.whole AS w GROUP BY 1', '{k}');
RESET ROLE;
CREATE TABLE parted.other PARTITION OF parted.whole FOR VALUES IN (1);
ALTER TABLE parted.other OWNER TO rollup_parter;
INSERT INTO parted.other VALUES (1, 2);
SET ROLE rollup_parted;
SELECT throws_ok($$CALL etl.refresh_rollup('parted.of_whole')$$, '42501', 'permission denied for table "parted.other"',
                 'a partition on which there may be no triggers');
RESET ROLE;
GRANT TRIGGER ON parted.other TO rollup_parted;
SET ROLE rollup_parted;
CALL etl.refresh_rollup('parted.of_whole');
SELECT results_eq('SELECT k, v FROM parted.of_whole', 'VALUES (1, 2::bigint)', 'it need not be readable by itself');
RESET ROLE;
INSERT INTO parted.other VALUES (1, 3);
SET ROLE rollup_parted;
CALL etl.refresh_rollup('parted.of_whole');
SELECT results_eq('SELECT k, v FROM parted.of_whole', 'VALUES (1, 5::bigint)', 'nor when it is written to');
RESET ROLE;
DROP OWNED BY rollup_parted, rollup_parter;
DROP ROLE rollup_parted, rollup_parter;
SELECT * FROM finish();
