-- Partitions on the way: what a run finds that others have left, in every state, and does with it. What was written
-- down by a run that was killed is written down by etl._intend here.
CREATE EXTENSION dblink;
SELECT plan(55);
SET client_min_messages = error;
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SELECT format('dbname=%s host=%s', current_database(), current_setting('unix_socket_directories')) AS here \gset
SELECT dblink_connect('other', :'here') \g /dev/null

CREATE FUNCTION pg_temp.call(procedure text) RETURNS text LANGUAGE sql AS $$
    SELECT format('SELECT dblink_exec(%L, %L)', format('dbname=%s host=%s', current_database(),
                                                       current_setting('unix_socket_directories')),
                                                           'CALL ' || procedure)
$$;
CREATE PROCEDURE make(name text, arguments text DEFAULT '') LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE %s (id int, at timestamptz NOT NULL) PARTITION BY RANGE (at)', name);
    FOR n IN 1 .. 3 LOOP
        EXECUTE format('CREATE TABLE %s_%s PARTITION OF %1$s FOR VALUES FROM (''2025-%2$s-01 00:00+00'') '
                       'TO (''2025-%s-01 00:00+00'')', name, n, n + 1);
    END LOOP;
    EXECUTE format('CREATE INDEX ON %s (at)', name);
    EXECUTE format('INSERT INTO %s SELECT n, ''2025-01-01 00:00+00''::timestamptz + n * interval ''6 hours'' '
                   'FROM generate_series(0, 359) AS n', name);
    EXECUTE format('SELECT etl.add_retention_policy(%L, ''at'', ''10 days'', lock_timeout => ''50 ms''%s)', name,
        arguments);
END $$;
-- What a run has written down of the first partition before it was killed.
CREATE PROCEDURE intend(name text, fate text DEFAULT 'drop', target text DEFAULT NULL) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM etl._intend(p, 0, 1, (intend.name || '_1')::regclass, intend.name::regclass, fate, target)
    FROM etl.retention_policy AS p WHERE p.name = intend.name;
END $$;
CREATE FUNCTION went() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s %s', p ->> 'partition', p ->> 'what') || coalesce(' ' || (p ->> 'rows'), '')
                      || coalesce(': ' || (p ->> 'why'), ''), ', ' ORDER BY n)
    FROM (SELECT * FROM etl.run ORDER BY run_id DESC LIMIT 1) AS r,
         jsonb_array_elements(r.detail -> 'partitions') WITH ORDINALITY AS u(p, n)
$$;
CREATE FUNCTION unsettled() RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*) FROM etl.detached_partition WHERE status = 'detaching'
$$;

-- Nothing was done yet -----------------------------------------------------------------------------------------------

CALL make('attached');
CALL intend('attached');
CALL etl.run_retention('attached', '2025-01-12 00:00+00');
SELECT is(went(), NULL, 'a partition that was never detached is not');
SELECT is((SELECT count(*) FROM attached), 356::bigint, 'and its rows go one by one');
SELECT is(unsettled(), 0::bigint, 'nothing is left');

-- Detached -----------------------------------------------------------------------------------------------------------

CALL make('gone');
CALL intend('gone');
ALTER TABLE gone DETACH PARTITION gone_1;
SELECT throws_ok('SELECT etl.alter_retention_policy(''gone'', keep => ''1 day'')', '55000',
                 'retention policy "gone" has not done with partition "public.gone_1"', 'a policy is not altered');
SELECT throws_ok('SELECT etl.remove_retention_policy(''gone'')', '55000',
                 'retention policy "gone" has not done with partition "public.gone_1"', 'nor removed');
SELECT lives_ok('SELECT etl.pause_retention_policy(''gone''), etl.resume_retention_policy(''gone'')', 'but paused');
CALL etl.run_retention('gone', '2025-02-12 00:00+00', dry_run => true);
SELECT is(went(), NULL, 'a dry run leaves it');
SELECT is(unsettled(), 1::bigint, 'as it is');
CALL etl.run_retention('gone', '2025-02-12 00:00+00');
SELECT is(went(), 'public.gone_1 dropped 124', 'a run drops it');
SELECT is(to_regclass('gone_1'), NULL, 'as it was to be');
SELECT results_eq($$SELECT action, source, rows FROM etl.archives WHERE policy = 'gone'$$,
                  $$VALUES ('deleted', 'public.gone', 128::bigint)$$, 'and counts it');
SELECT lives_ok('SELECT etl.alter_retention_policy(''gone'', keep => ''1 day'')', 'then the policy may be altered');

CREATE SCHEMA arch;
CALL make('moved', ', archive_to => ''schema:arch''');
CALL intend('moved', 'move', 'arch.moved');
ALTER TABLE moved DETACH PARTITION moved_1;
CALL etl.run_retention('moved', '2025-02-12 00:00+00');
SELECT is(went(), 'public.moved_1 moved 124', 'one that was to be moved');
SELECT is((SELECT count(*) FROM arch.moved), 128::bigint, 'is in the archive');
SELECT ok(ok, 'and in the ledger') FROM etl.verify_archive() WHERE location = 'arch.moved';

CREATE TABLE arch.same (id int, at timestamptz NOT NULL) PARTITION BY RANGE (at);
CALL make('same', ', archive_to => ''arch.same''');
CALL intend('same', 'attach', 'arch.same');
ALTER TABLE same DETACH PARTITION same_1;
CALL etl.run_retention('same', '2025-02-12 00:00+00');
SELECT is(went(), 'public.same_1 attached 124', 'one that was to be attached');
SELECT ok(ok, 'is in the archive') FROM etl.verify_archive() WHERE location = 'arch.same';
SELECT is((SELECT count(*) FROM same) + (SELECT count(*) FROM arch.same), 360::numeric::bigint, 'all rows are there');

CALL make('filled', ', archive_to => ''filled_old''');
DELETE FROM filled_1;
CALL intend('filled', 'empty');
ALTER TABLE filled DETACH PARTITION filled_1;
INSERT INTO filled_1 VALUES (1, '2025-01-15 00:00+00');
CALL etl.run_retention('filled', '2025-02-12 00:00+00');
SELECT is(went(), 'public.filled_1 returned: rows were written to it', 'one that was empty, and is not');
SELECT is((SELECT count(*) FROM filled_old), 5::bigint, 'is not dropped with its row');

-- A row of it has to stay by now.
CALL make('young');
CALL intend('young');
ALTER TABLE young DETACH PARTITION young_1;
CALL etl.run_retention('young', '2025-02-10 00:00+00');
SELECT is(went(), 'public.young_1 returned: it has rows that are not due', 'rows that are not due');
SELECT is((SELECT count(*) FROM young), 240::bigint, 'are in the table again, and others go');
SELECT is((SELECT count(*) FROM pg_constraint WHERE conname = 'etl_bound'), 0::bigint, 'without a trace');
SELECT is(pg_get_expr(relpartbound, oid), 'FOR VALUES FROM (''2025-01-01 00:00:00+00'') TO (''2025-02-01 '
    '00:00:00+00'')',
          'with its bound') FROM pg_class WHERE relname = 'young_1';
SELECT is((SELECT object FROM etl.audit_log WHERE action = 'return partition' ORDER BY seq DESC LIMIT 1),
    'public.young_1',
          'which is in the audit log');

CALL make('held');
CALL intend('held');
ALTER TABLE held DETACH PARTITION held_1;
SELECT etl.add_legal_hold('on the table', 'held', 'id = 5', 'law') \g /dev/null
CALL etl.run_retention('held', '2025-02-12 00:00+00');
SELECT is(went(), 'public.held_1 returned: it has rows under a legal hold', 'a hold on the table it was part of');
SELECT is((SELECT count(*) FROM held WHERE id = 5), 1::bigint, 'is obeyed');

CALL make('failing', ', filter => ''10 / (id - 5) < 100''');
CALL intend('failing');
ALTER TABLE failing DETACH PARTITION failing_1;
SELECT throws_like(pg_temp.call('etl.run_retention(''failing'', ''2025-02-12 00:00+00'')'), '%division by zero%',
                   'a filter that cannot be evaluated');
SELECT is((SELECT count(*) FROM failing), 360::bigint, 'deletes nothing');

-- Somebody else was there --------------------------------------------------------------------------------------------

CALL make('renamed');
CALL intend('renamed');
ALTER TABLE renamed DETACH PARTITION renamed_1;
ALTER TABLE renamed_1 RENAME TO other_name;
SELECT throws_ok(pg_temp.call('etl.run_retention(''renamed'', ''2025-02-12 00:00+00'')'), '55000',
                 'retention policy "renamed" failed: detached partition "public.renamed_1" has another name now, '
                 '"public.other_name"',
                 'one that has another name');
SELECT is((SELECT count(*) FROM other_name), 124::bigint, 'is left alone');
ALTER TABLE other_name RENAME TO renamed_1;
CALL etl.run_retention('renamed', '2025-02-12 00:00+00');
SELECT is(went(), 'public.renamed_1 dropped 124', 'until it has its name again');

CALL make('lost');
CALL intend('lost');
ALTER TABLE lost DETACH PARTITION lost_1;
DROP TABLE lost_1;
CREATE TABLE lost_1 (kept text);
CALL etl.run_retention('lost', '2025-02-12 00:00+00');
SELECT is(went(), 'public.lost_1 lost', 'one that was dropped');
SELECT isnt(to_regclass('lost_1'), NULL, 'and whose name is another table''s');
SELECT is(unsettled(), 0::bigint, 'is forgotten');

CALL make('elsewhere');
CREATE TABLE elsewhere_new (LIKE elsewhere) PARTITION BY RANGE (at);
CALL intend('elsewhere');
ALTER TABLE elsewhere DETACH PARTITION elsewhere_1;
ALTER TABLE elsewhere_new ATTACH PARTITION elsewhere_1 FOR VALUES
    FROM ('2025-01-01 00:00+00') TO ('2025-02-01 00:00+00');
CALL etl.run_retention('elsewhere', '2025-02-12 00:00+00');
SELECT is(went(), 'public.elsewhere_1 lost', 'one that is part of another table');
SELECT is((SELECT count(*) FROM elsewhere_new), 124::bigint, 'stays there');

CALL make('taken');
SELECT etl.add_retention_policy('taken', 'at', '10 days', 'second') \g /dev/null
CALL intend('taken');
CALL etl.run_retention('second', '2025-02-12 00:00+00');
SELECT is(went(), 'public.taken_1 left: another retention policy is taking it', 'one that another policy takes');
CALL etl.run_retention('taken', '2025-02-12 00:00+00');
SELECT is(unsettled(), 0::bigint, 'which has been done with then');

-- A default partition has got rows of its time.
CALL make('blocked');
CREATE TABLE blocked_rest PARTITION OF blocked DEFAULT;
CALL intend('blocked');
ALTER TABLE blocked DETACH PARTITION blocked_1;
INSERT INTO blocked VALUES (-1, '2025-01-05 00:00+00');
INSERT INTO blocked_1 VALUES (-2, '2025-05-05 00:00+00');
SELECT throws_like(pg_temp.call('etl.run_retention(''blocked'', ''2025-02-12 00:00+00'')'),
                 'retention policy "blocked" failed: detached partition "public.blocked_1" cannot go back into '
                 'table "public.blocked": %',
                 'one that cannot go back');
SELECT is((SELECT count(*) FROM blocked_1), 125::bigint, 'keeps its rows');
DELETE FROM blocked_1 WHERE id = -2;
CALL etl.run_retention('blocked', '2025-02-12 00:00+00');
SELECT is(went(), 'public.blocked_1 dropped 124', 'until it may go');

-- The table is gone.
CALL make('orphan');
CALL intend('orphan');
ALTER TABLE orphan DETACH PARTITION orphan_1;
DROP TABLE orphan;
SELECT throws_like(pg_temp.call('etl.run_retention(''orphan'', ''2025-02-12 00:00+00'')'),
    '%"public.orphan" does not exist%',
                   'a table that is gone');
SELECT is(to_regclass('orphan_1'), NULL, 'and what its partition was to come to');

-- In the middle of DETACH CONCURRENTLY -------------------------------------------------------------------------------

CALL make('slow');
SELECT dblink_exec('other', 'BEGIN'), (SELECT count(*) FROM dblink('other', 'SELECT count(*) FROM slow')
    AS t(n bigint)) \g /dev/null
CALL etl.run_retention('slow', '2025-02-12 00:00+00');
SELECT is(went(), 'public.slow_1 waiting: transactions that read its table have not ended; the next run goes on',
          'a reader that does not end');
SELECT is((SELECT inhdetachpending FROM pg_inherits WHERE inhrelid = 'slow_1'::regclass), true, 'is waited for');
SELECT is((SELECT status FROM etl.runs ORDER BY run_id DESC LIMIT 1), 'succeeded', 'the run ends well');
SELECT is((SELECT count(*) FROM slow), 232::bigint, 'and has done what it could');
CALL etl.run_retention('slow', '2025-02-12 00:00+00');
SELECT is(went(), 'public.slow_1 waiting: transactions that read its table have not ended; the next run goes on',
    'once more');
SELECT dblink_exec('other', 'COMMIT') \g /dev/null
CALL etl.run_retention('slow', '2025-02-12 00:00+00');
SELECT is(went(), 'public.slow_1 dropped 124', 'the next run finishes');
CALL make('undone');
SELECT dblink_exec('other', 'BEGIN'), (SELECT count(*) FROM dblink('other', 'SELECT count(*) FROM undone')
    AS t(n bigint)) \g /dev/null
CALL etl.run_retention('undone', '2025-02-12 00:00+00');
SELECT dblink_exec('other', 'COMMIT') \g /dev/null
INSERT INTO undone_1 VALUES (-1, '2025-01-31 00:00+00');
SELECT etl.add_legal_hold('undone', 'undone', 'id = -1', 'law') \g /dev/null
CALL etl.run_retention('undone', '2025-02-12 00:00+00');
SELECT is(went(), 'public.undone_1 returned: it has rows under a legal hold', 'or puts it back');
SELECT is((SELECT count(*) FROM undone WHERE id = -1), 1::bigint, 'with the rows that came meanwhile');

-- A lock that is not to be had: the partition stays, and the rows that can be had go.
CALL make('locked');
SELECT dblink_exec('other', 'BEGIN'), dblink_exec('other', 'LOCK TABLE ONLY locked IN SHARE UPDATE EXCLUSIVE '
    'MODE') \g /dev/null
CALL etl.run_retention('locked', '2025-02-12 00:00+00');
SELECT dblink_exec('other', 'COMMIT') \g /dev/null
SELECT is((SELECT count(*) FROM locked), 232::bigint, 'rows go where a partition cannot');
SELECT is(unsettled(), 0::bigint, 'nothing is on the way');
SELECT ok(is_whole, 'the audit log is whole') FROM etl.verify_audit();
SELECT * FROM finish();
