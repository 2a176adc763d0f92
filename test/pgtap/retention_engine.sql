-- How runs of retention policies go about their rows: windows of time and of blocks, care, proof, holds, references,
-- limits, rollups, drift, dry runs. No transaction around the file, because etl.run_retention commits.
CREATE EXTENSION dblink;
SELECT plan(73);
SET client_min_messages = error;
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';

CREATE FUNCTION pg_temp.other() RETURNS text LANGUAGE sql AS $$
    SELECT format('dbname=%s host=%s', current_database(), current_setting('unix_socket_directories'))
$$;
CREATE FUNCTION pg_temp.call(procedure text) RETURNS text LANGUAGE sql AS $$
    SELECT format('SELECT dblink_exec(%L, %L)', pg_temp.other(), 'CALL ' || procedure)
$$;
CREATE FUNCTION pg_temp.last_run(VARIADIC keys text[]) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s %s', k, coalesce(r.detail ->> k, 'none')), ', ' ORDER BY n)
    FROM (SELECT * FROM etl.runs WHERE kind = 'retention' ORDER BY run_id DESC LIMIT 1) AS r,
         unnest(keys) WITH ORDINALITY AS u(k, n)
$$;
CREATE FUNCTION pg_temp.action(tier int, VARIADIC keys text[]) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s %s', k, coalesce(r.detail -> 'actions' -> (tier - 1) ->> k, 'none')), ', ' ORDER BY n)
    FROM (SELECT * FROM etl.runs WHERE kind = 'retention' ORDER BY run_id DESC LIMIT 1) AS r,
         unnest(keys) WITH ORDINALITY AS u(k, n)
$$;
CREATE FUNCTION pg_temp.unverified() RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*) FROM etl.verify_archive() WHERE NOT ok AND location <> 'public.parent_old' -- which others write to
$$;

-- The oracle: random tables, keyed and not, ties, NULLs, infinities, every batch size -------------------------------

CREATE TABLE hot (id int, at timestamp, payload text);
CREATE TABLE cold (LIKE hot);
CREATE PROCEDURE pg_temp.compare(seed int, batch int, indexed boolean, dry boolean, OUT wrong text)
LANGUAGE plpgsql AS $$
DECLARE
    before etl.rows_hash;
    due etl.rows_hash;
    got etl.rows_hash;
BEGIN
    PERFORM setseed(seed / 100.0);
    TRUNCATE hot, cold;
    DELETE FROM etl.archive;
    DROP INDEX IF EXISTS hot_at_idx;
    INSERT INTO hot
    SELECT n, CASE WHEN random() < 0.05 THEN NULL WHEN random() < 0.03 THEN 'infinity'
                   WHEN random() < 0.03 THEN '-infinity'
                   ELSE '2025-01-01'::timestamp + floor(random() * 20) ^ (1 + seed % 3) * interval '1 hour' END,
           nullif(repeat('p', (random() * 40)::int), '')
    FROM generate_series(1, 400) AS n;
    IF indexed THEN
        CREATE INDEX hot_at_idx ON hot (at);
    END IF;
    SELECT etl.rows_hash(h) INTO before FROM hot AS h;
    SELECT etl.rows_hash(h) INTO due FROM hot AS h WHERE at < '2025-01-09 03:00' AND isfinite(at);
    PERFORM etl.add_retention_policy('hot', 'at', '1 day', 'compared', archive_to => 'cold', batch_rows => batch);
    COMMIT;
    CALL etl.run_retention('compared', '2025-01-10 03:00+00', dry_run => dry);
    COMMIT;
    SELECT etl.rows_hash(c) INTO got FROM cold AS c;
    SELECT nullif(concat_ws('; ',
        CASE WHEN NOT dry AND got OPERATOR(etl.<>) due THEN format('seed %s: archive %s, not %s', seed, got, due) END,
        CASE WHEN dry AND etl.row_count(got) > 0 THEN format('seed %s: a dry run moved rows', seed) END,
        CASE WHEN (r.detail ->> 'archived')::bigint <> etl.row_count(due) THEN
            format('seed %s: said %s, not %s', seed, r.detail ->> 'archived', etl.row_count(due)) END,
        CASE WHEN got OPERATOR(etl.+) (SELECT etl.rows_hash(h) FROM hot AS h) OPERATOR(etl.<>) before THEN
            format('seed %s: rows were lost or changed', seed) END,
        (SELECT format('seed %s: the ledger says %s', seed, v.expected) FROM etl.verify_archive() AS v
         WHERE NOT v.ok)), '')
        INTO wrong
    FROM etl.runs AS r WHERE r.name = 'compared' ORDER BY run_id DESC LIMIT 1;
    PERFORM etl.remove_retention_policy('compared');
    COMMIT;
END $$;
CREATE TABLE wrong (what text);
SET pg_etl.retention_batch_time = 0;
SET default_transaction_isolation = serializable; -- a run does not depend on it
DO $$
DECLARE
    wrong text;
BEGIN
    FOR seed IN 1 .. 24 LOOP
        CALL pg_temp.compare(seed, (ARRAY[1, 7, 50, 399, 1000])[1 + seed % 5], seed % 2 = 0, seed % 4 >= 2, wrong);
        INSERT INTO wrong SELECT wrong WHERE wrong IS NOT NULL;
    END LOOP;
END $$;
RESET default_transaction_isolation;
SELECT is_empty('SELECT * FROM wrong', 'random tables: what is due is moved, counted, and nothing else is touched');

-- Size of batches ----------------------------------------------------------------------------------------------------

RESET pg_etl.retention_batch_time;
CREATE TABLE grow (id int PRIMARY KEY, at timestamptz);
CREATE INDEX ON grow (at);
INSERT INTO grow SELECT n, '2025-01-01'::timestamptz + n * interval '1 second' FROM generate_series(1, 3000) AS n;
SELECT etl.add_retention_policy('grow', 'at', '1 day', batch_rows => 10) \g /dev/null
SET pg_etl.retention_batch_time = '1 min';
CALL etl.run_retention('grow', '2026-01-01');
-- 10, 20, 40, 80, 160, then 200 each
SELECT is(pg_temp.last_run('deleted_from_hot', 'batches'), 'deleted_from_hot 3000, batches 19',
          'batches grow to twenty times of batch_rows');
INSERT INTO grow SELECT n, '2025-01-01'::timestamptz + n * interval '1 second' FROM generate_series(1, 100) AS n;
SET pg_etl.retention_batch_time = '1 ms';
SELECT etl._retention_resize(p, 10, '1 s') AS smaller, etl._retention_resize(p, 1, '1 s') AS least,
       etl._retention_resize(p, 200, '0.1 ms') AS most FROM etl.retention_policy AS p \gset
SELECT is(format('%s %s %s', :smaller, :least, :most), '5 1 200', 'and shrink to a tenth of it');
SET pg_etl.retention_batch_time = 0;

-- Care: locked rows -------------------------------------------------------------------------------------------------

SELECT dblink_connect('other', pg_temp.other()) \g /dev/null
SELECT dblink_exec('other', 'BEGIN') \g /dev/null
SELECT * FROM dblink('other', 'SELECT id FROM grow WHERE id IN (5, 77) FOR UPDATE') AS r(id int) \g /dev/null
CALL etl.run_retention('grow', '2026-01-01');
SELECT is(pg_temp.action(1, 'due', 'rows', 'locked', 'remaining'), 'due 100, rows 98, locked 2, remaining 2',
          'rows that are locked stay and are counted');
SELECT results_eq('SELECT id FROM grow ORDER BY id', '{5,77}'::int[], 'no others');
SELECT dblink_exec('other', 'COMMIT') \g /dev/null
CALL etl.run_retention('grow', '2026-01-01');
SELECT is_empty('SELECT FROM grow', 'the next run takes them');
-- A table lock is waited for, tried again and then reported.
INSERT INTO grow VALUES (1, '2025-01-01');
SELECT etl.alter_retention_policy('grow', lock_timeout => '10 ms') \g /dev/null
SELECT dblink_exec('other', 'BEGIN') \g /dev/null
SELECT dblink_exec('other', 'LOCK TABLE grow IN EXCLUSIVE MODE') \g /dev/null
SELECT throws_ok(pg_temp.call($$etl.run_retention('grow', '2026-01-01')$$), '55P03',
                 'retention policy "grow" failed: canceling statement due to lock timeout', 'lock_timeout');
SELECT dblink_exec('other', 'ROLLBACK') \g /dev/null
SELECT is((SELECT count(*) FROM grow), 1::bigint, 'nothing was deleted');
SELECT is(current_setting('lock_timeout'), '0', 'and the session''s own setting is as it was');

-- Proof: rows that come to the archive other than they were ----------------------------------------------------------

CREATE TABLE kept (id int, at timestamptz, x numeric);
CREATE INDEX ON kept (at);
INSERT INTO kept SELECT n, '2025-01-01', n FROM generate_series(1, 10) AS n;
SELECT etl.add_retention_policy('kept', 'at', '1 day', archive_to => 'kept_old') \g /dev/null
CREATE FUNCTION scale() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.x := NEW.x * 1.0; RETURN NEW; END $$;
CREATE TRIGGER scale BEFORE INSERT ON kept_old FOR EACH ROW EXECUTE FUNCTION scale();
SELECT throws_ok(pg_temp.call($$etl.run_retention('kept', '2026-01-01')$$), '09000',
                 'retention policy "kept" failed: archive table "public.kept_old" does not keep the rows of table '
                 '"public.kept" as they are', 'a trigger of the archive that writes 1.0 for 1');
SELECT results_eq('SELECT (SELECT count(*) FROM kept), (SELECT count(*) FROM kept_old)',
                  'VALUES (10::bigint, 0::bigint)', 'nothing was moved');
DROP TRIGGER scale ON kept_old;
ALTER TABLE kept_old DROP COLUMN x;
ALTER TABLE kept_old ADD COLUMN x numeric GENERATED ALWAYS AS (id * 2) STORED;
SELECT throws_ok(pg_temp.call($$etl.run_retention('kept', '2026-01-01')$$), '09000', NULL,
                 'a generated column of the archive that comes to something else');
ALTER TABLE kept_old DROP COLUMN x;
-- Drift
SELECT throws_ok(pg_temp.call($$etl.run_retention('kept', '2026-01-01')$$), '42703',
                 'retention policy "kept" failed: archive table "public.kept_old" lacks column "x" of table '
                 '"public.kept"', 'a column that the archive lacks');
UPDATE etl.retention_policy SET evolve = true WHERE name = 'kept';
CALL etl.run_retention('kept', '2026-01-01');
SELECT results_eq('SELECT sum(x), count(*) FROM kept_old', 'VALUES (55::numeric, 10::bigint)', 'evolve adds it');
SELECT is((SELECT count(*) FROM etl.audit_log WHERE action = 'evolve archive'), 1::bigint, 'which is on the record');
SELECT throws_ok($$SELECT etl._note_row(0, false, NULL, '{a}', 1)$$, '0A000', NULL, 'nobody else adds to a sum');
SELECT throws_ok($$SELECT etl._note_row(1, true, NULL, '{a}', 1)$$, '0A000', NULL, 'by a number that is known');
CREATE TABLE guessed (id int, at timestamptz);
CREATE INDEX ON guessed (at);
INSERT INTO guessed VALUES (1, '2024-01-01');
SELECT etl.add_retention_policy('guessed', 'at', '1 day', archive_to => 'guessed_old') \g /dev/null
CREATE FUNCTION guesses() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    hits bigint := 0;
BEGIN
    FOR n IN 1 .. 2000 LOOP
        BEGIN
            hits := hits + etl._note_row(n, true, NULL, '{id,at}', NEW.id, NEW.at)::int;
        EXCEPTION WHEN feature_not_supported THEN
            NULL;
        END;
    END LOOP;
    PERFORM set_config('test.hits', hits::text, false);
    RETURN NEW;
END
$$;
-- A trigger that needs the caller's search_path
CREATE TABLE pathless (id int, at timestamptz);
CREATE INDEX ON pathless (at);
INSERT INTO pathless VALUES (1, '2024-01-01');
CREATE TABLE pathless_log (id int);
CREATE FUNCTION logs() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO pathless_log VALUES (OLD.id); RETURN OLD; END';
CREATE TRIGGER logs AFTER DELETE ON pathless FOR EACH ROW EXECUTE FUNCTION logs();
SELECT etl.add_retention_policy('pathless', 'at', '1 day') \g /dev/null
SELECT throws_ok(pg_temp.call($$etl.run_retention('pathless')$$), '42P01', NULL, 'what a trigger does not find');
SELECT alike((SELECT r.detail ->> 'error_hint' FROM etl.runs AS r WHERE r.name = 'pathless'),
             'In a run the search_path is pg_catalog, pg_temp. ALTER FUNCTION public.logs() SET search_path%',
             'comes with a hint at the search_path');
SELECT etl.remove_retention_policy('pathless') \g /dev/null
CREATE TRIGGER guesses BEFORE INSERT ON guessed_old FOR EACH ROW EXECUTE FUNCTION guesses();
CALL etl.run_retention('guessed');
SELECT is(current_setting('test.hits'), '0', 'nor does a trigger by guessing it');

-- Triggers of the archive that come after the row was stored.
CREATE TABLE late (id int, at timestamptz, x int);
CREATE INDEX ON late (at);
CREATE TABLE late_old (id int, at timestamptz, x int, archived_at timestamptz) PARTITION BY RANGE (id);
CREATE TABLE late_old_1 PARTITION OF late_old FOR VALUES FROM (0) TO (50);
CREATE TABLE late_old_2 PARTITION OF late_old DEFAULT;
INSERT INTO late SELECT n, '2025-01-01', n FROM generate_series(1, 100) AS n;
SELECT etl.add_retention_policy('late', 'at', '1 day', archive_to => 'late_old') \g /dev/null
CREATE FUNCTION late_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE TG_ARGV[0] USING NEW;
    RETURN NULL;
END $$;
-- What comes of a run when a trigger does something: its error, and the rows in the table and in the archive.
CREATE PROCEDURE pg_temp.with_trigger(does text, kind text, OUT came_to text) LANGUAGE plpgsql AS $$
DECLARE
    message text := 'well';
BEGIN
    EXECUTE format('CREATE %s EXECUTE FUNCTION late_change(%L)', kind, does);
    COMMIT;
    BEGIN
        PERFORM dblink_exec(pg_temp.other(), $c$CALL etl.run_retention('late', '2026-01-01')$c$);
    EXCEPTION
        WHEN OTHERS THEN
            message := SQLSTATE || ' ' || SQLERRM;
    END;
    came_to := format('%s: %s, %s', message, (SELECT count(*) FROM late),
                      (SELECT count(*) FROM late_old WHERE NOT x IS DISTINCT FROM id));
    DROP TRIGGER t ON late_old;
    INSERT INTO late SELECT l.id, l.at, l.x FROM late_old AS l;
    DELETE FROM late_old;
    DELETE FROM etl.archive WHERE policy = 'late';
    COMMIT;
END $$;
CALL pg_temp.with_trigger('UPDATE public.late_old SET x = -1 WHERE id = ($1).id AND id = 77',
                          'TRIGGER t AFTER INSERT ON late_old FOR EACH ROW', NULL) \gset
SELECT is(:'came_to'::text, '09000 retention policy "late" failed: triggers of archive table "public.late_old" change '
          'or delete rows that it was given: 100, 0', 'a change of one row is found');
CALL pg_temp.with_trigger('DELETE FROM public.late_old WHERE x = 3',
                          'TRIGGER t AFTER INSERT ON late_old FOR EACH STATEMENT', NULL) \gset
SELECT matches(:'came_to'::text, '^09000 .*: 100, 0$', 'and its deletion by a trigger for the statement');
CALL pg_temp.with_trigger('UPDATE public.late_old SET x = 1 - x WHERE id = ($1).id AND id = 10',
                          'CONSTRAINT TRIGGER t AFTER INSERT ON late_old DEFERRABLE INITIALLY DEFERRED FOR EACH ROW',
                          NULL) \gset
SELECT matches(:'came_to'::text, '^09000 .*: 100, 0$', 'and what is deferred to the end of the transaction');
CALL pg_temp.with_trigger('UPDATE public.late_old SET archived_at = now() WHERE id = ($1).id',
                          'TRIGGER t AFTER INSERT ON late_old FOR EACH ROW', NULL) \gset
SELECT is(:'came_to'::text, 'well: 0, 100', 'a column that only the archive has may be filled in');
CALL pg_temp.with_trigger('UPDATE public.late_old SET x = x + 1 WHERE id = ($1).id AND false',
                          'TRIGGER t AFTER INSERT ON late_old FOR EACH ROW', NULL) \gset
SELECT is(:'came_to'::text, 'well: 0, 100', 'and what a trigger leaves alone is moved');
-- Rows that go along are proven the same way.
CREATE TABLE late_parent (id int PRIMARY KEY, at timestamptz);
CREATE INDEX ON late_parent (at);
CREATE TABLE late_child (id int, parent int REFERENCES late_parent);
CREATE TABLE late_child_archive (LIKE late_child);
INSERT INTO late_parent VALUES (1, '2025-01-01');
INSERT INTO late_child VALUES (1, 1), (2, 1);
CREATE TRIGGER t AFTER INSERT ON late_child_archive FOR EACH ROW
    EXECUTE FUNCTION late_change('DELETE FROM public.late_child_archive WHERE id = 2');
SELECT etl.add_retention_policy('late_parent', 'at', '1 day', archive_to => 'late_parent_old',
                                follow_references => true) \g /dev/null
SELECT throws_ok(pg_temp.call($$etl.run_retention('late_parent', '2026-01-01')$$), '09000',
                 'retention policy "late_parent" failed: triggers of archive table '
                 '"public.late_child_archive" change or delete rows that it was given',
                 'rows that go along are read again, too');
SELECT results_eq('SELECT (SELECT count(*) FROM late_parent), (SELECT count(*) FROM late_child)',
                  'VALUES (1::bigint, 2::bigint)', 'and all stay');
SELECT etl.remove_retention_policy('late_parent') \g /dev/null
SELECT throws_ok($$SELECT etl._note_place(1, 1, '(0,1)')$$, '0A000', NULL, 'nobody else notes a place');

-- A trigger that inserts into the archive a row of its own is no part of the batch.
INSERT INTO kept VALUES (11, '2025-01-01', 11);
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.kept VALUES (OLD.id + 100, '2027-01-01', 0);
    RETURN NULL;
END $$;
CREATE TRIGGER tell AFTER DELETE ON kept FOR EACH ROW EXECUTE FUNCTION tell();
CALL etl.run_retention('kept', '2026-01-01');
SELECT results_eq('SELECT id FROM kept', '{111}'::int[], 'a trigger on the table is executed');

-- A wide table goes by its row.
SELECT format('CREATE TABLE wide (at timestamptz, %s)', string_agg(format('c%s int', n), ', '))
FROM generate_series(1, 300) AS n \gexec
CREATE INDEX ON wide (at);
INSERT INTO wide (at, c1, c150, c300) SELECT '2025-01-01'::timestamptz + n * interval '1 minute', n, n, n
FROM generate_series(1, 20) AS n;
SELECT etl.add_retention_policy('wide', 'at', '1 day', archive_to => 'wide_old', batch_rows => 7) \g /dev/null
CALL etl.run_retention('wide', '2026-01-01');
SELECT results_eq('SELECT count(*), sum(c1 + c150 + c300) FROM wide_old', 'VALUES (20::bigint, 630::bigint)',
                  'three hundred columns');
SELECT is(pg_temp.unverified(), 0::bigint, 'all of it verifies');

-- Tiers: hot, warm, cold, nothing ------------------------------------------------------------------------------------

CREATE TABLE tier (id int, at date);
CREATE INDEX ON tier (at);
INSERT INTO tier SELECT n, '2025-01-01'::date + n FROM generate_series(1, 100) AS n;
SELECT etl.add_retention_policy('tier', 'at', '10 days', archive_to => 'tier_warm', batch_rows => 9) \g /dev/null
SELECT etl.add_tier('tier', '30 days', 'tier_cold'), etl.add_tier('tier', '60 days', NULL) \g /dev/null
CALL etl.run_retention('tier', '2025-04-12', dry_run => true);
SELECT detail - '{dry_run,batches}'::text[] AS told FROM etl.runs ORDER BY run_id DESC LIMIT 1 \gset
CALL etl.run_retention('tier', '2025-04-12');
SELECT results_eq('SELECT (SELECT count(*) FROM tier), (SELECT count(*) FROM tier_warm),
                   (SELECT count(*) FROM tier_cold)',
                  'VALUES (10::bigint, 20::bigint, 30::bigint)', 'each row is where its age puts it');
SELECT is(pg_temp.last_run('deleted_from_hot', 'archived', 'deleted_from_archive'),
          'deleted_from_hot 90, archived 160, deleted_from_archive 40', 'and counted at each step');
SELECT is((SELECT detail - '{dry_run,batches}'::text[] FROM etl.runs ORDER BY run_id DESC LIMIT 1), :'told'::jsonb,
          'a dry run knows what the tiers after it will have to do');
SELECT is(pg_temp.unverified(), 0::bigint, 'every tier verifies');
SELECT etl.remove_retention_policy('tier') \g /dev/null

-- Expiry -------------------------------------------------------------------------------------------------------------

CREATE TABLE session (id int, expires_at timestamptz);
CREATE INDEX ON session (expires_at);
INSERT INTO session VALUES (1, '2025-06-01 11:59:59'), (2, '2025-06-01 12:00'), (3, '2025-06-02'), (4, NULL),
    (5, 'infinity');
SELECT etl.add_retention_policy('session', 'expires_at', '0', kind => 'expiry') \g /dev/null
CALL etl.run_retention('session', '2025-06-01 12:00');
SELECT results_eq('SELECT id FROM session ORDER BY id', '{2,3,4,5}'::int[], 'what has expired goes, nothing else');

-- Holds and references -----------------------------------------------------------------------------------------------

CREATE TABLE parent (id int PRIMARY KEY, at timestamptz);
CREATE INDEX ON parent (at);
CREATE TABLE child (parent int REFERENCES parent);
CREATE INDEX ON child (parent);
INSERT INTO parent SELECT n, '2025-01-01' FROM generate_series(1, 20) AS n;
INSERT INTO child VALUES (3), (4), (11);
SELECT etl.add_retention_policy('parent', 'at', '1 day', archive_to => 'parent_old', archive_keep => '2 days',
                                batch_rows => 6) \g /dev/null
SELECT etl.add_legal_hold('case 1', 'parent', 'id BETWEEN 10 AND 12', 'a court asks', NULL) \g /dev/null
CALL etl.run_retention('parent', '2026-01-01', dry_run => true);
SELECT is(pg_temp.action(1, 'due', 'rows', 'held', 'referenced'), 'due 20, rows 15, held 3, referenced 2',
          'a dry run tells what is held and what is referenced');
CALL etl.run_retention('parent', '2026-01-01');
SELECT is(pg_temp.action(1, 'rows', 'held', 'referenced', 'locked', 'remaining'),
          'rows 15, held 3, referenced 2, locked none, remaining 5', 'and so does a run');
SELECT results_eq('SELECT id FROM parent ORDER BY id', '{3,4,10,11,12}'::int[], 'which leaves these');
SELECT is_empty('SELECT FROM parent_old', 'the rest has gone all the way');
DELETE FROM child;
SELECT etl.release_legal_hold('case 1', 'closed') \g /dev/null
INSERT INTO parent_old VALUES (50, '2025-01-01'), (51, '2025-01-01');
SELECT etl.add_legal_hold('case 2', 'parent', 'id = 50 OR id = 12', 'another', NULL) \g /dev/null
CALL etl.run_retention('parent', '2026-01-01');
SELECT results_eq('SELECT id FROM parent_old', '{50}'::int[], 'a hold on the table holds in its archive');
SELECT results_eq('SELECT id FROM parent', '{12}'::int[], 'and in the table');
SELECT etl.release_legal_hold('case 2', 'closed') \g /dev/null
SELECT etl.set_immutable('parent') \g /dev/null
SELECT throws_ok(pg_temp.call($$etl.run_retention('parent', '2026-01-01')$$), '55000', NULL, 'an immutable table');
SELECT etl.set_immutable('parent', false) \g /dev/null
SELECT etl.remove_retention_policy('parent') \g /dev/null

-- Limits -------------------------------------------------------------------------------------------------------------

CREATE TABLE slow (id int, at timestamptz);
CREATE INDEX ON slow (at);
INSERT INTO slow SELECT n, '2025-01-01'::timestamptz + n * interval '1 hour' FROM generate_series(1, 40) AS n;
SELECT etl.add_retention_policy('slow', 'at', '1 day', batch_rows => 10, max_runtime => '1 s',
                                pause => '0.6 s') \g /dev/null
CALL etl.run_retention('slow', '2026-01-01');
SELECT is(pg_temp.last_run('due', 'deleted_from_hot', 'remaining', 'stopped'),
          'due 40, deleted_from_hot 30, remaining 10, stopped max_runtime (00:00:01)', 'a run stops at max_runtime');
SELECT is((SELECT status FROM etl.runs ORDER BY run_id DESC LIMIT 1), 'succeeded', 'which is no failure');
SELECT ok((SELECT (detail ->> 'seconds_left')::int BETWEEN 1 AND 9 FROM etl.runs ORDER BY run_id DESC LIMIT 1),
          'and says how long the rest takes');
SELECT results_eq($$SELECT backlog, last_remaining, last_stopped IS NOT NULL, rows_moved, bytes_freed > 0,
                           next_due < now()
                    FROM etl.retention_status WHERE policy = 'slow'$$,
                  'VALUES (10::bigint, 10::bigint, true, 30::bigint, true, true)', 'so does the view');
SELECT etl.pause_retention_policy('slow') \g /dev/null
CALL etl.run_retention('slow', '2026-01-01');
SELECT is((SELECT count(*) FROM slow), 10::bigint, 'a policy that is paused does nothing');
SELECT etl.remove_retention_policy('slow') \g /dev/null

-- One policy that fails does not stop the others; a table that is gone is told in the view.
CREATE TABLE gone (id int, at timestamptz);
SELECT etl.add_retention_policy('gone', 'at', '1 day', 'a gone') \g /dev/null
DROP TABLE gone;
UPDATE etl.retention_policy SET lock_timeout = '1 s' WHERE name = 'grow';
SELECT throws_ok(pg_temp.call('etl.run_retention(as_of => ''2026-01-01'')'), '42P01',
                 'retention policy "a gone" failed: table "public.gone" does not exist', 'a table that was dropped');
SELECT is_empty('SELECT FROM grow', 'the policies after it are carried out');
SELECT results_eq($$SELECT backlog, last_status FROM etl.retention_status WHERE policy = 'a gone'$$,
                  $$VALUES (NULL::bigint, 'failed')$$, 'and its backlog is not known');
BEGIN;
SELECT count(*) FROM etl.retention_status \g /dev/null
SELECT lives_ok('SET ROLE postgres; RESET ROLE', 'the view leaves no lock on the role');
ROLLBACK;
SELECT etl.remove_retention_policy('a gone') \g /dev/null

-- Rollups ------------------------------------------------------------------------------------------------------------

CREATE TABLE sale (id int, at timestamptz, shop int, amount int);
CREATE INDEX ON sale (at);
INSERT INTO sale SELECT n, '2025-01-01'::timestamptz + n * interval '1 day', n % 2, 1 FROM generate_series(1, 50) AS n;
SELECT etl.create_rollup('public.sales', 'SELECT shop, count(*) AS n FROM public.sale GROUP BY shop',
                         '{shop}') \g /dev/null
CALL etl.refresh_rollup('public.sales');
SELECT etl.add_retention_policy('sale', 'at', '10 days', archive_to => 'sale_old') \g /dev/null
SELECT throws_ok(pg_temp.call($$etl.run_retention('sale', '2025-02-10')$$), '55000',
                 'retention policy "sale" failed: rollup "public.sales" does not say what becomes of groups whose rows '
                 'are erased', 'an undecided rollup stops the policy');
SELECT etl.alter_rollup('public.sales', retention => 'freeze') \g /dev/null
INSERT INTO sale SELECT n, '2025-01-01', n % 2, 1 FROM generate_series(51, 60) AS n;
SELECT etl.alter_retention_policy('sale', on_unfresh_rollup => 'wait') \g /dev/null
CALL etl.run_retention('sale', '2025-02-10');
SELECT is(pg_temp.last_run('deleted_from_hot', 'stopped', 'unfresh_rollups'),
          'deleted_from_hot 0, stopped unfresh rollups, unfresh_rollups ["public.sales"]', 'wait');
SELECT etl.alter_retention_policy('sale', on_unfresh_rollup => 'freeze') \g /dev/null
CALL etl.run_retention('sale', '2025-02-10', dry_run => true);
SELECT is(pg_temp.last_run('deleted_from_hot', 'unfresh_rollups'),
          'deleted_from_hot 39, unfresh_rollups ["public.sales"]', 'a dry run tells which rollups are not fresh');
SET default_transaction_isolation = serializable;
CALL etl.run_retention('sale', '2025-02-10');
RESET default_transaction_isolation;
SELECT is(pg_temp.last_run('deleted_from_hot', 'unfresh_rollups'),
          'deleted_from_hot 39, unfresh_rollups ["public.sales"]', 'freeze');
CALL etl.refresh_rollup('public.sales');
SELECT results_eq('SELECT shop, n FROM sales ORDER BY shop', 'VALUES (0, 30::bigint), (1, 30::bigint)',
                  'refreshes the rollup first, so that its groups are whole');

-- Files --------------------------------------------------------------------------------------------------------------

SELECT format('%s/pg_etl_archive', current_setting('data_directory')) AS folder \gset
\setenv FOLDER :folder
\! mkdir -p "$FOLDER" && chmod 777 "$FOLDER"
SET pg_etl.archive_directory = :'folder';
CREATE TABLE filed (id int, at timestamptz, x text);
CREATE INDEX ON filed (at);
INSERT INTO filed
SELECT n, '2025-01-01'::timestamptz + n * interval '1 hour', 'x' || n FROM generate_series(1, 100) AS n;
SELECT etl.rows_hash(f) AS filed FROM filed AS f \gset
SELECT etl.add_retention_policy('filed', 'at', '1 day', archive_to => 'file://' || :'folder',
                                archive_keep => '300 days', batch_rows => 10) \g /dev/null
CALL etl.run_retention('filed', '2025-06-01', dry_run => true);
SELECT is(pg_temp.last_run('archived', 'remaining'), 'archived 100, remaining 0', 'a dry run counts');
SELECT is_empty('SELECT FROM etl.archives WHERE policy = ''filed''', 'and writes no file');
CALL etl.run_retention('filed', '2025-06-01');
SELECT is_empty('SELECT FROM filed', 'rows go to files');
SELECT results_eq($$SELECT status, count(*), sum(rows), etl.merge(contents) OPERATOR(etl.=) '$$ || :'filed' || $$'
                    FROM etl.archives WHERE policy = 'filed' GROUP BY status$$,
                  $$VALUES ('kept', 3::bigint, 100::numeric, true)$$, 'forty to a file, all of them as they were');
SELECT is(pg_temp.unverified(), 0::bigint, 'the files verify');
-- Rows that come into the window between export and deletion: the first file is given up.
INSERT INTO filed
SELECT n, '2025-01-01'::timestamptz + n * interval '1 hour', 'y' || n FROM generate_series(1, 10) AS n;
CREATE FUNCTION exported() RETURNS boolean LANGUAGE sql AS $$
    SELECT EXISTS (SELECT FROM etl.archive WHERE policy = 'filed' AND status = 'writing' AND contents IS NOT NULL)
$$;
UPDATE etl.retention_policy SET filter = 'id < 9 OR public.exported()' WHERE name = 'filed';
CALL etl.run_retention('filed', '2025-06-01');
SELECT results_eq($$SELECT status, rows FROM etl.archives WHERE policy = 'filed' ORDER BY archive_id DESC LIMIT 2$$,
                  $$VALUES ('kept', 8::bigint), ('removed', 8)$$,
                  'rows changed after the export: once more, under locks');
SELECT results_eq('SELECT id FROM filed ORDER BY id', '{9,10}'::int[], 'and no row that is in no file goes');
UPDATE etl.retention_policy SET filter = NULL WHERE name = 'filed';
-- Locked rows
SELECT dblink_exec('other', 'BEGIN') \g /dev/null
SELECT * FROM dblink('other', 'SELECT id FROM filed WHERE id = 9 FOR UPDATE') AS r(id int) \g /dev/null
CALL etl.run_retention('filed', '2025-06-01');
SELECT is(pg_temp.action(1, 'rows', 'locked'), 'rows 1, locked 1', 'a locked row stays');
SELECT dblink_exec('other', 'ROLLBACK') \g /dev/null
CALL etl.run_retention('filed', '2025-06-01');
SELECT is_empty('SELECT FROM filed', 'and goes with the next run');
SELECT is(pg_temp.unverified(), 0::bigint, 'all files verify');
-- Deleting
SELECT etl.add_legal_hold('case 3', 'filed', 'id = 50', 'a row in a file', NULL) \g /dev/null
CALL etl.run_retention('filed', '2026-06-01');
SELECT is(pg_temp.action(2, 'rows', 'files', 'held'), 'rows 70, files 5, held 40',
          'files go as a whole, or not at all');
SELECT etl.release_legal_hold('case 3', 'closed') \g /dev/null
CALL etl.run_retention('filed', '2026-06-01');
SELECT is_empty($$SELECT FROM etl.archives WHERE policy = 'filed' AND action = 'archived' AND status <> 'removed'$$,
                'the last is removed');
SELECT is((SELECT count(*) FROM pg_ls_dir(:'folder')), 0::bigint, 'from the disk, too');

-- Orphans
SELECT throws_ok('SELECT etl.remove_orphan(1)', NULL, NULL, 'what is no orphan stays');
INSERT INTO etl.run (kind, name, as_of) VALUES ('retention', 'filed', now());
INSERT INTO etl.archive (policy, tier, action, source, location, format, status, run_id)
VALUES ('filed', 1, 'archived', 'public.filed', 'file://' || :'folder' || '/lost.csv', 'csv', 'writing',
        (SELECT max(run_id) FROM etl.run));
\! touch "$FOLDER/lost.csv"
SELECT archive_id AS orphan FROM etl.archives WHERE status = 'orphan' \gset
SELECT ok(etl.remove_orphan(:orphan), 'an orphan is removed when it is asked for');
SELECT is((SELECT status FROM etl.archives WHERE archive_id = :orphan), 'removed', 'which the ledger says');

SELECT dblink_disconnect('other') \g /dev/null
SELECT * FROM finish();
