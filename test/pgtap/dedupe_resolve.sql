-- etl.resolve_new, etl.unmerge and their kin, over a list of pairs in place of a model: known answers, and the
-- equivalence of one run and many.
BEGIN;
SELECT plan(93);

-- What matches is in a table, so that every answer can be told beforehand.
CREATE TABLE matches (a text, b text, probability float8);
CREATE OR REPLACE FUNCTION etl._match_pairs(
    target regclass, model jsonb, threshold float8, where_a text, where_b text)
RETURNS TABLE(id_a text, id_b text, probability float8, match_weight float8)
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN QUERY EXECUTE format($q$
        WITH first AS (SELECT (%2$I)::text AS id FROM %1$s WHERE %3$s),
             second AS (SELECT (%2$I)::text AS id FROM %1$s WHERE %4$s)
        SELECT m.a, m.b, m.probability, 0::float8 FROM public.matches AS m
        WHERE m.probability >= %5$L
          AND (m.a IN (SELECT id FROM first) AND m.b IN (SELECT id FROM second)
               OR m.b IN (SELECT id FROM first) AND m.a IN (SELECT id FROM second))
        $q$, target, model ->> 'id', where_a, where_b, threshold);
END
$$;

CREATE TABLE person (id text, name text);
-- The clusters as sets of ids.
CREATE FUNCTION clusters() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(members, ' ' ORDER BY members)
    FROM (SELECT string_agg(id, '' ORDER BY id COLLATE "C") AS members FROM etl.cluster_members
          WHERE relation = 'public.person' AND owner = current_user GROUP BY cluster_id) AS c
$$;
CREATE FUNCTION run(VARIADIC ids text[] DEFAULT '{}') RETURNS text LANGUAGE sql AS $$
    INSERT INTO person SELECT unnest(ids);
    SELECT concat_ws(' ', new_rows, joined, new_clusters, merges, kept_apart)
    FROM etl.resolve_new('person', '{"id": "id"}', as_of => '2026-01-01Z')
$$;
CREATE FUNCTION last_merge() RETURNS bigint LANGUAGE sql AS 'SELECT max(merge_id) FROM etl.merges';

-- first and second runs
INSERT INTO matches VALUES ('a', 'b', 0.95), ('c', 'd', 0.99), ('d', 'x', 0.8);
SELECT is(run('a', 'b', 'c', 'd', 'e'), '5 0 3 0 0', 'on the first call all rows are new');
SELECT is(clusters(), 'ab cd e', 'and in clusters');
SELECT results_eq('SELECT id, cluster_id, run FROM etl.cluster_members ORDER BY id COLLATE "C"',
                  $$VALUES ('a', 1::bigint, 1::bigint), ('b', 1, 1), ('c', 2, 1), ('d', 2, 1), ('e', 3, 1)$$,
                  'clusters are numbered in the order of their first id');
SELECT is(run(), '0 0 0 0 0', 'nothing new, nothing done');
INSERT INTO matches VALUES ('e', 'f', 0.9), ('f', 'g', 0.9), ('h', 'i', 0.9);
SELECT is(run('f', 'g', 'h', 'i', 'x'), '5 2 2 0 0', 'rows join, also by way of a new row, or are new clusters');
SELECT is(clusters(), 'ab cd efg hi x', 'a pair below the threshold does not link');
SELECT is((SELECT cluster_id FROM etl.cluster_members WHERE id = 'g'), 3::bigint, 'who joins takes the number');

-- a merge
INSERT INTO matches VALUES ('b', 'm', 0.92), ('m', 'c', 0.97);
SELECT is(run('m'), '1 1 0 1 0', 'a new row that matches two clusters merges them');
SELECT is(clusters(), 'abcdm efg hi x', 'and is in it');
SELECT results_eq(
    $$SELECT relation, run, merged_at, kept_cluster_id, merged_cluster_id, id_a, id_b, probability, undone_at
      FROM etl.merges$$,
    $$VALUES ('public.person', 4::bigint, timestamptz '2026-01-01Z', 1::bigint, 2::bigint, 'b', 'm', 0.92::float8,
              NULL::timestamptz)$$, 'the merge is logged with the pair that made it');
SELECT is((SELECT DISTINCT cluster_id FROM etl.cluster_members WHERE id IN ('a', 'm', 'd')), 1::bigint,
          'the smaller number stays');

-- and back
SELECT results_eq('SELECT * FROM etl.unmerge(last_merge(), dry_run => true)',
                  'VALUES (1::bigint, 2::bigint), (2, 3)', 'a dry run of unmerge counts');
SELECT is(clusters(), 'abcdm efg hi x', 'and changes nothing');
SELECT is((SELECT count(*) FROM etl.separations), 0::bigint, 'nor remembers anything');
SELECT results_eq($$SELECT * FROM etl.unmerge(last_merge(), as_of => '2026-01-02Z')$$,
                  'VALUES (1::bigint, 2::bigint), (2, 3)', 'unmerge returns the two clusters');
SELECT is(clusters(), 'ab cdm efg hi x', 'the new row stays where its best match is');
SELECT is((SELECT cluster_id FROM etl.cluster_members WHERE id = 'd'), 2::bigint, 'the old number is back');
SELECT results_eq('SELECT undone_at FROM etl.merges', $$VALUES (timestamptz '2026-01-02Z')$$, 'the log tells');
SELECT results_eq('SELECT relation, id_a, id_b, merge_id, since FROM etl.separations',
                  $$SELECT 'public.person', 'b', 'm', last_merge(), timestamptz '2026-01-02Z'$$,
                  'the two are kept apart');
SELECT throws_ok('SELECT etl.unmerge(last_merge())', '55000', NULL, 'a merge is undone once');

-- kept apart
INSERT INTO matches VALUES ('a', 'n', 0.93), ('d', 'n', 0.94), ('n', 'h', 0.91);
SELECT is(run('n'), '1 1 0 1 1', 'another row that matches both does not merge them again');
SELECT is(clusters(), 'ab cdhimn efg x', 'but all else');
SELECT lives_ok('SELECT etl.remove_separation(separation_id) FROM etl.separations', 'a separation can be ended');
INSERT INTO matches VALUES ('a', 'o', 0.93), ('d', 'o', 0.94);
SELECT is(run('o'), '1 1 0 1 0', 'then they merge');
SELECT is(clusters(), 'abcdhimno efg x', 'again');
SELECT throws_ok('SELECT etl.remove_separation(1)', '42704', NULL, 'it is gone');
SELECT lives_ok('SELECT etl.remove_separation(1, if_exists => true)', 'or not');

-- an earlier merge, with later ones on top
INSERT INTO matches VALUES ('e', 'p', 0.99), ('a', 'p', 0.98);
SELECT is(run('p'), '1 1 0 1 0', 'a further merge, over e');
SELECT is(clusters(), 'abcdefghimnop x', 'makes one of nearly all');
SELECT lives_ok($$SELECT etl.unmerge(merge_id) FROM etl.merges WHERE id_a IN ('h', 'n') AND id_b IN ('h', 'n')$$,
                'the merge over n and h is undone, although others came later');
SELECT is(clusters(), 'abcdefgmnop hi x', 'and nothing else');
SELECT lives_ok($$SELECT etl.unmerge(merge_id) FROM etl.merges WHERE undone_at IS NULL AND 'o' IN (id_a, id_b)$$,
                'and one in the middle');
SELECT is(clusters(), 'abefgp cdmno hi x', 'each side keeps its own later merges');
SELECT is((SELECT string_agg(DISTINCT cluster_id::text, ',' ORDER BY cluster_id::text)
           FROM etl.cluster_members WHERE id IN ('a', 'c', 'h', 'x')), '1,2,4,5', 'with the numbers they had');
INSERT INTO matches VALUES ('a', 'q', 0.93), ('d', 'q', 0.94), ('i', 'q', 0.95);
SELECT is(run('q'), '1 1 0 1 1', 'what no separation forbids is merged');
SELECT is(clusters(), 'abefghipq cdmno x', 'what one forbids is not');

-- without a memory
SELECT lives_ok($$SELECT etl.unmerge(last_merge(), keep_apart => false)$$, 'an unmerge that is not remembered');
SELECT is(clusters(), 'abefgp cdmno hiq x', 'is one as well');
INSERT INTO matches VALUES ('a', 'r', 0.93), ('q', 'r', 0.94);
SELECT is(run('r'), '1 1 0 1 0', 'a later row may merge again');
SELECT lives_ok($$SELECT etl.unmerge(last_merge(), keep_apart => false)$$, 'which can be undone again');

-- forgotten rows
SELECT is(etl.forget_members('person'), 0::bigint, 'no row is gone');
DELETE FROM person WHERE id IN ('x', 'g');
SELECT is(etl.forget_members('person', dry_run => true), 2::bigint, 'two are');
SELECT is(etl.forget_members('person'), 2::bigint, 'the dry run left them there');
SELECT is(clusters(), 'abefp cdmno hiqr', 'the others stay together');
DELETE FROM matches WHERE 'q' IN (a, b);
SELECT is(etl.forget_members('person', ARRAY['q', 'nobody']), 1::bigint, 'a row that has changed is forgotten');
SELECT is(run(), '1 0 1 0 0', 'and matched anew');
SELECT is(clusters(), 'abefp cdmno hir q', 'by what it is now');
DELETE FROM matches WHERE (a, b) = ('h', 'i');
SELECT is(etl.forget_members('person', ARRAY['h'], whole_clusters => true), 3::bigint, 'with all of its cluster');
SELECT is(run(), '3 1 2 0 1', 'all of it is matched anew');
SELECT is(clusters(), 'abefpr cdmno h i q', 'and falls apart');
SELECT is(etl.forget_members('person', ARRAY['m', 'o']), 2::bigint, 'rows that a separation names');
SELECT is(run(), '2 2 0 0 2', 'are still kept apart when they come back');
SELECT is(clusters(), 'abefpr cdmno h i q', 'so they are where they were');

-- dry run
INSERT INTO person VALUES ('s');
SELECT results_eq($$SELECT * FROM etl.resolve_new('person', '{"id": "id"}', dry_run => true)$$,
                  'VALUES (1::bigint, 0::bigint, 1::bigint, 0::bigint, 0::bigint)', 'a dry run counts');
SELECT is((SELECT count(*) FROM etl.cluster_members WHERE id = 's'), 0::bigint, 'and changes nothing');

-- ids
SELECT throws_ok($$SELECT run('s')$$, '23505', 'two new rows have the id "s"', 'ids tell rows apart');
SELECT throws_ok($$SELECT run('s2', NULL)$$, '22004', 'a new row has no id', 'and are there');

-- errors
SELECT throws_ok($$SELECT etl.resolve_new('person', '{"id": "name"}')$$, '22023', NULL, 'another column of ids');
SELECT throws_ok($$SELECT etl.resolve_new('person', '{"id": "nr"}')$$, '42703', NULL, 'a column that is not there');
SELECT throws_ok($$SELECT etl.resolve_new('person', '{}')$$, '22023', 'the model names no column of ids', 'no column');
SELECT throws_ok($$SELECT etl.resolve_new('person', NULL)$$, '22023', 'model must not be NULL', 'no model');
SELECT throws_ok($$SELECT etl.resolve_new('person', '{"id": "id"}', 1.5)$$, '22023',
                 'threshold must be a probability from 0 to 1, not 1.5', 'no probability');
SELECT throws_ok($$SELECT etl.unmerge(-1)$$, '42704', 'merge -1 does not exist', 'no such merge');
CREATE TABLE never (id int);
SELECT throws_ok($$SELECT etl.forget_members('never')$$, '42704', 'there are no clusters of table "public.never"',
                 'a table without clusters');

SELECT throws_ok($$SELECT etl._resolve('SELECT 1, 2, 3, 4, 5, 6, 7', 'SELECT 1')$$, '42804', NULL,
                 'the function within takes no other columns');
SELECT throws_ok($$SELECT etl._resolve('SELECT ''a'', 1::bigint, 1::bigint, ''b'', NULL::bigint, 0::bigint,
                                       ''NaN''::float8', 'SELECT 1')$$, '22023', NULL, 'and no NaN');

-- ids that are stored compressed
CREATE TABLE long_id (id text);
INSERT INTO long_id VALUES (repeat('a', 100000));
CREATE FUNCTION measured(n bigint) RETURNS float8 LANGUAGE plpgsql AS $$
BEGIN
    IF n % 500 = 0 THEN
        PERFORM set_config('test.bytes_' || n, sum(used_bytes)::text, true) FROM pg_backend_memory_contexts;
    END IF;
    RETURN 0.5;
END
$$;
SELECT is((SELECT string_agg(concat_ws(' ', what, left(id_a, 3), part_a, cluster_a), ', ') FROM etl._resolve(
    $$SELECT 'new', 0::bigint, NULL::bigint, id, 1::bigint, 1::bigint, measured(n)
      FROM long_id, generate_series(1::bigint, 1500) AS n$$,
    'SELECT id, 0::bigint, NULL::bigint, id, 0::bigint, NULL::bigint FROM long_id WHERE false')), 'member new 1 1',
          'long ids are read');
SELECT cmp_ok(current_setting('test.bytes_1500')::bigint - current_setting('test.bytes_500')::bigint, '<',
              30000000::bigint, 'and not kept');

-- another role
CREATE ROLE resolver;
GRANT SELECT ON person, matches TO resolver;
SET LOCAL ROLE resolver;
SELECT is((SELECT count(*) FROM etl.cluster_members), 0::bigint, 'another role sees nothing');
SELECT throws_ok($$INSERT INTO etl.cluster_member (resolution_id, id, part_id, cluster_id, run, since)
                   SELECT 1, 'z', 1, 1, 1, now()$$, '42501', NULL, 'and adds nothing to what is another''s');
SELECT results_eq($$SELECT new_rows FROM etl.resolve_new('person', '{"id": "id"}')$$, 'SELECT count(*) FROM person',
                  'it has its own clusters');

-- that means harm: numbers taken in advance, rows ready under them or under another's name
SELECT throws_ok(format('INSERT INTO etl.%s OVERRIDING SYSTEM VALUE SELECT 1000000, ' || rest, called,
                        (SELECT resolution_id FROM etl.resolution)), '42501', NULL,
                 split_part(called, ' ', 1) || ': no number of one''s own')
FROM (VALUES ('resolution (resolution_id, relation, id_column)', $$'public.other', 'id'$$),
             ('cluster_merge (merge_id, resolution_id, run, merged_at, kept_cluster_id, merged_cluster_id, id_a, id_b, '
              'probability, part_a, part_b)', $$%s, 1, now(), 1, 2, 'a', 'b', 1, 1, 2$$),
             ('separation (separation_id, resolution_id, merge_id, id_a, id_b, part_a, part_b, since)',
              $$%s, 1, 'a', 'b', 1, 2, now()$$)) AS t(called, rest);
SELECT throws_ok('UPDATE etl.resolution SET resolution_id = DEFAULT', '42501', NULL, 'nor the next one');
SELECT throws_ok($$INSERT INTO etl.resolution (relation, id_column, owner) VALUES ('public.a', 'id', 'postgres')$$,
                 '42501', NULL, 'no other owner');
SELECT throws_ok($$UPDATE etl.cluster_member SET owner = 'postgres'$$, '42501', NULL, 'nor later on');
SELECT throws_ok('UPDATE etl.cluster_member SET resolution_id = 1', '42501', NULL, 'nor another''s resolution');
RESET ROLE;

-- What row security would hide from others is in no superuser's way.
INSERT INTO etl.cluster_member (resolution_id, id, part_id, cluster_id, run, since, owner)
SELECT r.resolution_id, 'planted', 1, 1, 1, now(), 'resolver' FROM etl.resolution AS r
WHERE r.relation = 'public.person' AND r.owner = current_user;
SELECT is(etl.forget_members('person', dry_run => true), 0::bigint, 'another''s row is not seen to be gone');
SELECT is(etl.forget_members('person', ARRAY['planted']), 0::bigint, 'nor forgotten');
DELETE FROM etl.cluster_member WHERE id = 'planted';

-- code of others, here in a policy
CREATE FUNCTION disturb() RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
    CASE current_setting('test.disturb')
        WHEN 'rollback' THEN RAISE EXCEPTION USING ERRCODE = 'ETL00', MESSAGE = 'end of the dry run';
        WHEN 'role' THEN RESET ROLE;
        ELSE NULL;
    END CASE;
    RETURN true;
END
$$;
CREATE TABLE guarded AS SELECT n::text AS id FROM generate_series(1, 3) AS n;
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
CREATE POLICY disturbing ON guarded USING (disturb());
GRANT SELECT ON guarded TO resolver;
SET LOCAL ROLE resolver;
SET LOCAL test.disturb = '';
SELECT is((SELECT new_rows FROM etl.resolve_new('guarded', '{"id": "id"}')), 3::bigint, 'first without');
SET LOCAL test.disturb = 'rollback';
SELECT throws_ok($$SELECT etl.resolve_new('guarded', '{"id": "id"}')$$, 'ETL00', NULL,
                 'what looks like the end of a dry run is an error');
SELECT throws_ok($$SELECT etl.resolve_new('guarded', '{"id": "id"}', dry_run => true)$$, 'ETL00', NULL,
                 'in a dry run too');
SELECT throws_ok($$SELECT etl.forget_members('guarded')$$, 'ETL00', NULL, 'as it is for etl.forget_members');
SET LOCAL test.disturb = 'role';
SELECT throws_ok($$SELECT etl.resolve_new('guarded', '{"id": "id"}')$$, '42501', NULL, 'the role is locked');
SELECT throws_ok($$SELECT etl.forget_members('guarded')$$, '42501', NULL, 'the role is locked');
RESET ROLE;
SELECT is((SELECT count(DISTINCT cluster_id) FROM etl.cluster_members WHERE owner = current_user), 5::bigint,
          'and the first role''s are untouched');

-- the end
SELECT is(etl.remove_resolution('public.person'), 14::bigint, 'all is removed');
SELECT is((SELECT count(*) FROM etl.merges WHERE owner = current_user), 0::bigint, 'merges too');
SELECT is(etl.remove_resolution('public.person', if_exists => true), 0::bigint, 'once');

-- one run or many
SELECT setseed(0.5);
CREATE FUNCTION differing_rounds() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    differing bigint := 0;
    whole text;
BEGIN
    FOR round IN 1 .. 30 LOOP
        TRUNCATE person, matches;
        PERFORM etl.remove_resolution('public.person', true);
        INSERT INTO matches
        SELECT a, b, 0.9 + random() * 0.1
        FROM (SELECT chr(97 + (random() * 25)::int) AS a, chr(97 + (random() * 25)::int) AS b
              FROM generate_series(1, 22)) AS p WHERE a <> b;
        INSERT INTO person SELECT chr(96 + i) FROM generate_series(1, 26) AS i;
        PERFORM etl.resolve_new('person', '{"id": "id"}');
        whole := clusters();
        TRUNCATE person;
        PERFORM etl.remove_resolution('public.person');
        FOR part IN 1 .. 6 LOOP
            INSERT INTO person SELECT chr(96 + i) FROM generate_series(1, 26) AS i
            WHERE (random() < 0.3 OR part = 6) AND NOT EXISTS (SELECT FROM person WHERE id = chr(96 + i));
            PERFORM etl.resolve_new('person', '{"id": "id"}');
        END LOOP;
        differing := differing + (clusters() <> whole)::int;
        -- A row that changes, forgotten with its cluster, ends where a run over all rows would put it.
        DELETE FROM matches WHERE 'e' IN (a, b);
        PERFORM etl.forget_members('person', ARRAY['e'], whole_clusters => true);
        PERFORM etl.resolve_new('person', '{"id": "id"}');
        whole := clusters();
        PERFORM etl.remove_resolution('public.person');
        PERFORM etl.resolve_new('person', '{"id": "id"}');
        differing := differing + (clusters() <> whole)::int;
    END LOOP;
    RETURN differing;
END
$$;
SET LOCAL client_min_messages = warning;
SELECT is(differing_rounds(), 0::bigint, 'rows that come in several runs end in the clusters of one run');

-- Ids are the same texts whatever the session has set.
CREATE TABLE moment AS SELECT timestamptz '2024-01-01 00:00+00' + n * interval '1 hour' AS id, 'x' AS name
    FROM generate_series(1, 10) AS n;
SET timezone = 'UTC';
SELECT is((SELECT new_rows FROM etl.resolve_new('moment', '{"id": "id"}')), 10::bigint, 'moments as ids');
SET timezone = 'Asia/Tokyo';
SET datestyle = 'German';
SELECT is((SELECT new_rows FROM etl.resolve_new('moment', '{"id": "id"}')), 0::bigint,
          'none is new in another time zone');

SELECT * FROM finish();
ROLLBACK;
