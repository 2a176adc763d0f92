-- What etl.prune_history deletes of what was received, and what it keeps. No transaction around the file, because it
-- commits.
CREATE EXTENSION dblink;
SELECT plan(37);
SET timezone = 'UTC';
SET client_min_messages = error;

CREATE FUNCTION pg_temp.other() RETURNS text LANGUAGE sql AS $$
    SELECT format('dbname=%s host=%s', current_database(), current_setting('unix_socket_directories'))
$$;
-- What arrived so many days ago, of each kind
CREATE FUNCTION pg_temp.receive(days int, owner name DEFAULT current_user, source text DEFAULT 's') RETURNS void
LANGUAGE sql AS $$
    INSERT INTO etl.ingestion (source, received, accepted, duplicates, rejected, ingested_at, owner)
    VALUES (source, days, days, 0, 0, now() - make_interval(days => days), owner);
    INSERT INTO etl.raw_record (extract, run_id, page, ordinal, record, arrived_at, owner)
    VALUES (source, days, 1, (SELECT count(*) FROM etl.raw_record), '{}', now() - make_interval(days => days), owner);
    INSERT INTO etl.dead_letter (extract, record, ordinal, reason, arrived_at, owner)
    VALUES (source, '{}', days, 'x', now() - make_interval(days => days), owner);
$$;
-- A batch of that content that was loaded so many days ago
CREATE FUNCTION pg_temp.batch(target text, content text, days int, received int DEFAULT 1, rejected int DEFAULT 0)
RETURNS bigint LANGUAGE sql AS $$
    INSERT INTO etl.batch (source, target, format, write_mode, status, content_hash, is_again, bytes, received,
                           inserted, rejected, started_at, finished_at)
    VALUES ('x', target, 'csv', 'append', 'loaded', sha256(content::bytea),
            EXISTS (SELECT FROM etl.batch AS b
                    WHERE b.target = batch.target AND b.content_hash = sha256(content::bytea)),
            octet_length(content), received, received - rejected, rejected, now() - make_interval(days => days),
            now() - make_interval(days => days))
    RETURNING batch_id
$$;
CREATE FUNCTION pg_temp.left_of() RETURNS text LANGUAGE sql AS $$
    SELECT format('ingestions %s, raw %s, letters %s',
                  (SELECT string_agg(received::text, ' ' ORDER BY ingestion_id) FROM etl.ingestion),
                  (SELECT string_agg(run_id::text, ' ' ORDER BY ordinal) FROM etl.raw_record),
                  (SELECT string_agg(ordinal::text, ' ' ORDER BY dead_letter_id) FROM etl.dead_letter))
$$;
CREATE FUNCTION pg_temp.batches(target text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(round(extract(epoch FROM now() - b.finished_at) / 86400)::text, ' ' ORDER BY b.batch_id)
    FROM etl.batch AS b WHERE b.target = batches.target
$$;

-- When nothing was said -----------------------------------------------------------------------------------------------

SELECT pg_temp.receive(d) FROM unnest('{4000,31,29,1}'::int[]) AS d \g /dev/null
SELECT pg_temp.batch('public.t', d::text, d) FROM unnest('{4000,31,29}'::int[]) AS d \g /dev/null
CALL etl.prune_history();
SELECT is(pg_temp.left_of(), 'ingestions 29 1, raw 4000 31 29 1, letters 4000 31 29 1',
          'ingestions go after 30 days, raw records and dead letters stay');
SELECT is(pg_temp.batches('public.t'), '4000 31 29', 'and batches, by which a content is known');
CALL etl.prune_history('1 day');
SELECT is(pg_temp.left_of(), 'ingestions 29 1, raw 4000 31 29 1, letters 4000 31 29 1',
          'the time that is given is that of runs');

-- Each kind by its own setting ----------------------------------------------------------------------------------------

INSERT INTO etl.scheduler (owner) VALUES (current_user) ON CONFLICT DO NOTHING;
UPDATE etl.scheduler SET keep_ingestions = '10 days';
CALL etl.prune_history(dry_run => true);
SELECT is(pg_temp.left_of(), 'ingestions 29 1, raw 4000 31 29 1, letters 4000 31 29 1', 'a dry run deletes nothing');
CALL etl.prune_history();
SELECT is(pg_temp.left_of(), 'ingestions 1, raw 4000 31 29 1, letters 4000 31 29 1', 'ingestions alone');
UPDATE etl.scheduler SET keep_raw_records = '30 days';
CALL etl.prune_history();
SELECT is(pg_temp.left_of(), 'ingestions 1, raw 29 1, letters 4000 31 29 1', 'raw records alone');
UPDATE etl.scheduler SET keep_dead_letters = '1 year';
CALL etl.prune_history();
SELECT is(pg_temp.left_of(), 'ingestions 1, raw 29 1, letters 31 29 1', 'dead letters alone');
SELECT is(pg_temp.batches('public.t'), '4000 31 29', 'batches did not go along');
UPDATE etl.scheduler SET keep_batches = '20 days';
CALL etl.prune_history();
SELECT is(pg_temp.batches('public.t'), '29', 'batches, but for the last one of the table');
UPDATE etl.scheduler SET keep_dead_letters = '100 years';
SELECT pg_temp.receive(30000) \g /dev/null
CALL etl.prune_history();
SELECT is(count(*), 1::bigint, 'a hundred years are for ever') FROM etl.dead_letters WHERE ordinal = 30000;
UPDATE etl.scheduler SET keep_dead_letters = NULL;

-- What a batch is needed for ------------------------------------------------------------------------------------------

CREATE TABLE sale (sale_id bigint PRIMARY KEY, artist text);
CREATE FUNCTION pg_temp.load(content text, mode text) RETURNS text LANGUAGE sql AS $$
    SELECT status FROM etl.load_text(E'sale_id,artist\n' || content, 'sale', write_mode => mode,
                                     key_columns => CASE mode WHEN 'upsert' THEN '{sale_id}'::name[] END)
$$;
CREATE FUNCTION pg_temp.age(days int) RETURNS void LANGUAGE sql AS $$
    UPDATE etl.batch SET finished_at = finished_at - make_interval(days => days)
$$;
DELETE FROM etl.batch;
SELECT pg_temp.load('1,a', 'append'), pg_temp.load('2,b', 'append'), pg_temp.age(19) \g /dev/null
CALL etl.prune_history();
SELECT is(pg_temp.load('1,a', 'append'), 'duplicate', 'a content is known as long as batches are kept');
SELECT pg_temp.age(2) \g /dev/null
CALL etl.prune_history();
SELECT is(pg_temp.load('2,b', 'append'), 'duplicate', 'the last one of a table longer than that');
DELETE FROM sale;
SELECT is(pg_temp.load('1,a', 'append'), 'loaded', 'and is loaded again after that time');

-- In the other modes a content counts until another one has come, also when the batch of that one would be gone.
DELETE FROM etl.batch;
SELECT pg_temp.load('1,a', 'upsert') \g /dev/null
SELECT pg_temp.load('1,b', 'upsert'), pg_temp.age(30) \g /dev/null
UPDATE etl.batch SET finished_at = now() WHERE batch_id = (SELECT min(batch_id) FROM etl.batch);
CALL etl.prune_history();
SELECT is(pg_temp.load('1,a', 'upsert'), 'loaded', 'the content that came before the last one is loaded again');
SELECT is(artist, 'a', 'as it must be') FROM sale;

DELETE FROM etl.batch;
SELECT pg_temp.batch('public.u', 'a', 50), pg_temp.batch('public.u', 'b', 40), pg_temp.batch('public.u', 'a', 30, 2, 2),
       pg_temp.batch('public.v', 'a', 50, 0, 0) \g /dev/null
CALL etl.prune_history();
SELECT is(pg_temp.batches('public.u'), '40', 'one of which all lines were rejected is not the last');
SELECT is(pg_temp.batches('public.v'), '50', 'one without lines is, each table has its own');

-- Rejected lines go with their batch, however many they are.
DELETE FROM etl.batch;
INSERT INTO etl.rejected_line (batch_id, ordinal, line, reason, sqlstate, content)
SELECT b, n, n + 1, 'x', '22000', 'x'
FROM pg_temp.batch('public.u', 'a', 50, 25000, 24000) AS b, generate_series(1, 24000) AS n;
INSERT INTO etl.rejected_line (batch_id, ordinal, line, reason, sqlstate, content)
SELECT b, n, n + 1, 'x', '22000', 'x'
FROM pg_temp.batch('public.u', 'b', 40, 5, 3) AS b, generate_series(1, 3) AS n;
CALL etl.prune_history(dry_run => true);
SELECT is(count(*), 24003::bigint, 'a dry run leaves all of them') FROM etl.rejected_lines;
CALL etl.prune_history();
SELECT results_eq('SELECT count(*), min(line), max(line) FROM etl.rejected_lines',
                  'VALUES (3::bigint, 2::bigint, 4::bigint)', 'the lines of the batch that stays are there');
SELECT is(pg_temp.batches('public.u'), '40', 'the other one is gone');

-- Many at a time, many at one moment, and what is locked --------------------------------------------------------------

DELETE FROM etl.ingestion;
INSERT INTO etl.ingestion (source, received, accepted, duplicates, rejected, ingested_at)
SELECT 's', 1, 1, 0, 0, now() - interval '20 days' - CASE WHEN n % 2 = 0 THEN n ELSE 0 END * interval '1 s'
FROM generate_series(1, 6500) AS n;
SELECT pg_temp.receive(9) \g /dev/null
CREATE TEMPORARY TABLE told AS SELECT * FROM etl._prune_jobs();
SELECT results_eq('SELECT kind, owner, now() - cutoff < interval ''20 days'' FROM told ORDER BY kind',
                  $$VALUES ('batch', 'postgres'::name, false), ('ingestion', 'postgres', true),
                           ('raw_record', 'postgres', false)$$,
                  'what is to be pruned; dead letters are not');
SELECT dblink_connect('other', pg_temp.other()) \g /dev/null
SELECT dblink_exec('other', 'BEGIN') \g /dev/null
SELECT * FROM dblink('other', 'SELECT ingestion_id FROM etl.ingestion ORDER BY ingestion_id LIMIT 1 FOR UPDATE')
    AS r(id bigint) \g /dev/null
CALL etl.prune_history();
SELECT is(count(*), 2::bigint, 'one that another session has locked is left') FROM etl.ingestion;
SELECT dblink_exec('other', 'ROLLBACK') \g /dev/null
CALL etl.prune_history(dry_run => true);
SELECT is(count(*), 2::bigint, 'there after a dry run') FROM etl.ingestion;
CALL etl.prune_history();
SELECT is(count(*), 1::bigint, 'and gone the next time') FROM etl.ingestion;

-- Legal holds ---------------------------------------------------------------------------------------------------------

DELETE FROM etl.dead_letter;
DELETE FROM etl.raw_record;
DELETE FROM etl.batch;
UPDATE etl.scheduler SET keep_dead_letters = '10 days';
SELECT pg_temp.receive(d) FROM unnest('{50,40,30}'::int[]) AS d \g /dev/null
INSERT INTO etl.rejected_line (batch_id, ordinal, line, reason, sqlstate, content)
SELECT b, n, n, 'x', '22000', format('%s in %s', n, d)
FROM unnest('{60,50,40}'::int[]) AS d, pg_temp.batch('public.u', d::text, d, 5, 2) AS b, generate_series(1, 2) AS n;
SELECT etl.add_legal_hold('letter', 'etl.dead_letter', 'ordinal = 40', 'a case'),
       etl.add_legal_hold('line', 'etl.rejected_line', $$content = '2 in 60'$$, 'a case') \g /dev/null
CALL etl.prune_history();
SELECT is(pg_temp.left_of(), 'ingestions 9, raw , letters 40', 'a row under a legal hold stays');
SELECT is(pg_temp.batches('public.u'), '60 40', 'a batch with a line under one');
SELECT is(count(*), 4::bigint, 'and all of its lines') FROM etl.rejected_lines;
SELECT etl.release_legal_hold(h, 'closed') FROM unnest('{letter,line}'::text[]) AS h \g /dev/null
SELECT etl.add_legal_hold('batch', 'etl.batch', $$target = 'public.u'$$, 'a case') \g /dev/null
CALL etl.prune_history();
SELECT is(pg_temp.left_of(), 'ingestions 9, raw , letters ', 'until it is released');
SELECT is(pg_temp.batches('public.u') || (SELECT count(*) FROM etl.rejected_lines), '60 404', 'a batch under one');
SELECT etl.release_legal_hold('batch', 'closed') \g /dev/null

-- While one is being placed, nothing is deleted, and the tick is not held up.
SELECT dblink_exec('other', $q$BEGIN; DO $$BEGIN PERFORM etl.add_legal_hold('new', 'etl.batch', NULL, 'x'); END$$$q$)
\g /dev/null
UPDATE etl.scheduler SET pruned_at = NULL;
CALL etl.tick('2025-01-01');
SELECT is(pg_temp.batches('public.u'), '60 40', 'a hold that is being placed is waited for, but not for long');
SELECT dblink_exec('other', 'ROLLBACK'), dblink_disconnect('other') \g /dev/null
UPDATE etl.scheduler SET pruned_at = NULL;
CALL etl.tick('2025-01-01');
SELECT is(pg_temp.batches('public.u'), '40', 'a tick prunes what was received');
SELECT ok(pruned_at IS NOT NULL, 'and notes it') FROM etl.scheduler;

-- Roles ---------------------------------------------------------------------------------------------------------------

CREATE ROLE etl_tap_received_ann LOGIN;
CREATE ROLE etl_tap_received_ben LOGIN;
DELETE FROM etl.ingestion;
UPDATE etl.scheduler SET keep_ingestions = '200 days', keep_dead_letters = '200 days';
INSERT INTO etl.scheduler (owner, keep_ingestions) VALUES ('etl_tap_received_ann', '10 days');
CREATE FUNCTION pg_temp.of(owner name) RETURNS text LANGUAGE sql AS $$
    SELECT format('%s | %s',
        (SELECT string_agg(received::text, ' ' ORDER BY ingestion_id) FROM etl.ingestion AS i
         WHERE i.owner = "of".owner),
        (SELECT string_agg(ordinal::text, ' ' ORDER BY dead_letter_id) FROM etl.dead_letter AS d
         WHERE d.owner = "of".owner))
$$;
SELECT pg_temp.receive(d, o) FROM unnest('{250,150,20}'::int[]) AS d,
       unnest('{etl_tap_received_ann,etl_tap_received_ben,postgres}'::name[]) AS o \g /dev/null
SET ROLE etl_tap_received_ben;
CALL etl.prune_history();
RESET ROLE;
SELECT is(pg_temp.of('etl_tap_received_ben'), '20 | 250 150 20', 'a role prunes its own, after 30 days');
SELECT is(pg_temp.of('etl_tap_received_ann'), '250 150 20 | 250 150 20', 'and nothing of another');
SELECT pg_temp.receive(190, 'etl_tap_received_ben') \g /dev/null
CALL etl.prune_history();
SELECT is(pg_temp.of('etl_tap_received_ann'), ' | 250 150 20', 'a superuser prunes for all: as the role said');
SELECT is(pg_temp.of('etl_tap_received_ben'), '20 190 | 150 20 190', 'or where it has said nothing, as it does itself');
SELECT is(pg_temp.of('postgres'), '150 20 | 150 20', 'and its own');
DROP ROLE etl_tap_received_ann, etl_tap_received_ben;

SELECT * FROM finish();
