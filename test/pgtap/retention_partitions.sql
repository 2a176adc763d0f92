-- Which partitions a retention policy takes whole, and what becomes of them. No transaction around the file, because
-- etl.run_retention commits. A second session comes by dblink.
CREATE EXTENSION dblink;
SELECT plan(103);
SET client_min_messages = error;
SET timezone = 'America/New_York'; -- bounds do not go by it
SET datestyle = 'SQL, DMY';
SET intervalstyle = 'sql_standard';

CREATE FUNCTION pg_temp.call(procedure text) RETURNS text LANGUAGE sql AS $$
    SELECT format('SELECT dblink_exec(%L, %L)', format('dbname=%s host=%s', current_database(),
                                                       current_setting('unix_socket_directories')),
                                                           'CALL ' || procedure)
$$;
-- A table with January, February and March 2025 as partitions, four rows a day.
CREATE PROCEDURE make(name text, columns text DEFAULT 'id int, at timestamptz NOT NULL') LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE %s (%s) PARTITION BY RANGE (at)', name, columns);
    FOR n IN 1 .. 3 LOOP
        EXECUTE format('CREATE TABLE %s_%s PARTITION OF %1$s FOR VALUES FROM (''2025-%2$s-01 00:00+00'') '
                       'TO (''2025-%s-01 00:00+00'')', name, n, n + 1);
    END LOOP;
    EXECUTE format('CREATE INDEX ON %s (at)', name);
    EXECUTE format('INSERT INTO %s SELECT n, ''2025-01-01 00:00+00''::timestamptz + n * interval ''6 hours'' '
                   'FROM generate_series(0, 359) AS n', name);
END $$;
-- What the last run did with partitions.
CREATE FUNCTION went() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s %s', p ->> 'partition', p ->> 'what') || coalesce(' ' || (p ->> 'rows'), '')
                      || coalesce(': ' || (p ->> 'why'), ''), ', ' ORDER BY n)
    FROM (SELECT * FROM etl.run ORDER BY run_id DESC LIMIT 1) AS r,
         jsonb_array_elements(r.detail -> 'partitions') WITH ORDINALITY AS u(p, n)
$$;
CREATE FUNCTION last_run(VARIADIC keys text[]) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s %s', k, coalesce(r.detail ->> k, 'none')), ', ' ORDER BY n)
    FROM (SELECT * FROM etl.run ORDER BY run_id DESC LIMIT 1) AS r, unnest(keys) WITH ORDINALITY AS u(k, n)
$$;
CREATE FUNCTION parts(relation regclass) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(i.inhrelid::regclass::text, ' ' ORDER BY i.inhrelid::regclass::text)
    FROM pg_inherits AS i WHERE i.inhparent = relation
$$;

-- Dropped ------------------------------------------------------------------------------------------------------------

CALL make('d');
SELECT etl.add_retention_policy('d', 'at', '10 days') \g /dev/null
CALL etl.run_retention('d', '2025-03-21 00:00+00', dry_run => true);
SELECT is(went(), 'public.d_1 drop 124, public.d_2 drop 112', 'a dry run says which partitions would go');
SELECT is(last_run('due', 'deleted_from_hot', 'remaining'), 'due 276, deleted_from_hot 276, remaining 0',
          'and counts their rows with the others');
SELECT is(parts('d'), 'd_1 d_2 d_3', 'but takes none');
SELECT is((SELECT count(*) FROM etl.detached_partition), 0::bigint, 'nor does it write one down');
CALL etl.run_retention('d', '2025-03-21 00:00+00');
SELECT is(went(), 'public.d_1 dropped 124, public.d_2 dropped 112', 'the run drops them');
SELECT is(parts('d'), 'd_3', 'and leaves what is not past');
SELECT is(last_run('due', 'deleted_from_hot', 'archived', 'remaining', 'batches'),
          'due 276, deleted_from_hot 276, archived 0, remaining 0, batches 1', 'other rows go one by one');
SELECT results_eq('SELECT min(at) FROM d', $$VALUES ('2025-03-11 00:00+00'::timestamptz)$$, 'what is young stays');
SELECT results_eq($$SELECT action, source, location, rows FROM etl.archives WHERE policy = 'd'$$,
                  $$VALUES ('deleted', 'public.d', NULL::text, 276::bigint)$$, 'the ledger has them');
SELECT results_eq($$SELECT action, object, detail ->> 'rows' FROM etl.audit_log WHERE seq > 1 ORDER BY seq$$,
                  $$VALUES ('drop partition', 'public.d_1', '124'), ('drop partition', 'public.d_2', '112'),
                           ('delete', 'public.d', '40')$$, 'and so has the audit log');
SELECT is((SELECT r.rows FROM etl.run AS r ORDER BY r.run_id DESC LIMIT 1), 276::bigint, 'the run has their number');
SELECT is((SELECT rows_moved FROM etl.retention_status WHERE policy = 'd'), 276::bigint, 'and so has the status');
CALL etl.run_retention('d', '2025-04-21 00:00+00');
SELECT is(parts('d'), NULL, 'the last one may go, too');
SELECT is((SELECT count(*) FROM pg_class WHERE relname ~ '^d_\d'), 0::bigint, 'they are dropped');
SELECT is((SELECT count(*) FROM etl.detached_partition), 0::bigint, 'nothing is on the way');
SELECT ok(is_whole, 'the audit log is whole') FROM etl.verify_audit();

-- The bound lies exactly at the cutoff, or a moment after it.
CALL make('edge');
SELECT etl.add_retention_policy('edge', 'at', '10 days', method => 'partitions') \g /dev/null
CALL etl.run_retention('edge', '2025-02-10 23:59:59.999999+00');
SELECT is(went(), NULL, 'a bound after the cutoff');
SELECT is((SELECT count(*) FROM edge), 360::bigint, 'with method partitions nothing goes before its partition can');
SELECT is(last_run('due', 'batches'), 'due 0, batches 0', 'nor is it due');
CALL etl.run_retention('edge', '2025-02-11 00:00+00');
SELECT is(went(), 'public.edge_1 dropped 124', 'a bound at the cutoff');

-- Plainly, without a worker.
CALL make('plain');
SELECT etl.add_retention_policy('plain', 'at', '10 days') \g /dev/null
SET pg_etl.concurrent_detach = off;
CALL etl.run_retention('plain', '2025-03-21 00:00+00');
SELECT is(went(), 'public.plain_1 dropped 124, public.plain_2 dropped 112', 'no worker is needed');
RESET pg_etl.concurrent_detach;

-- A large one is not read: its number of rows is an estimate, and called one.
CREATE TABLE big (id int, at timestamptz NOT NULL, filler text) PARTITION BY RANGE (at);
CREATE TABLE big_1 PARTITION OF big FOR VALUES FROM ('2025-01-01 00:00+00') TO ('2025-02-01 00:00+00');
ALTER TABLE big_1 ALTER COLUMN filler SET STORAGE PLAIN;
INSERT INTO big SELECT n, '2025-01-01 12:00+00', repeat('x', 7000) FROM generate_series(1, 4200) AS n;
CREATE INDEX ON big (at);
ANALYZE big_1;
SELECT etl.add_retention_policy('big', 'at', '10 days') \g /dev/null
CALL etl.run_retention('big', '2025-03-21 00:00+00');
SELECT is(parts('big'), NULL, 'a large partition goes');
SELECT results_eq($$SELECT p ->> 'rows', p ->> 'estimated_rows', (p ->> 'bytes')::bigint > 30000000
                    FROM etl.run AS r, jsonb_array_elements(r.detail -> 'partitions') AS p WHERE r.name = 'big'$$,
                  $$VALUES (NULL::text, '4200', true)$$, 'with an estimate');
SELECT results_eq($$SELECT action, source, rows, contents IS NULL, bytes > 30000000 FROM etl.archives
                    WHERE policy = 'big'$$,
                  $$VALUES ('deleted', 'public.big_1', NULL::bigint, true, true)$$, 'the ledger claims no number');
SELECT is(last_run('deleted_from_hot'), 'deleted_from_hot 0', 'nor does the run');

-- Kept ---------------------------------------------------------------------------------------------------------------

CREATE SCHEMA "Arch";
CALL make('kept', 'id int, at timestamptz NOT NULL, twice int GENERATED ALWAYS AS (id * 2) STORED, PRIMARY KEY (id, '
    'at)');
CREATE TABLE owner_of (id int PRIMARY KEY);
ALTER TABLE kept ADD COLUMN owned int REFERENCES owner_of;
SELECT etl.add_retention_policy('kept', 'at', '10 days', archive_to => 'schema:"Arch"', archive_keep => '45 days')
    \g /dev/null
SELECT etl.create_history_view('kept') \g /dev/null
CREATE TABLE kept_before AS TABLE kept;
CREATE TABLE "Arch".kept_2 (taken int);
CALL etl.run_retention('kept', '2025-03-11 00:00+00', dry_run => true);
SELECT is(went(), 'public.kept_1 move 124, public.kept_2 move 112', 'a dry run');
CALL etl.run_retention('kept', '2025-03-11 00:00+00');
SELECT is(went(), 'public.kept_1 moved 124, public.kept_2 moved 112, "Arch".kept_1 rows: it has rows that are not due, '
          '"Arch".kept_2_2 rows: it has rows that are not due', 'partitions move into a schema');
SELECT is(parts('"Arch".kept'), '"Arch".kept_1 "Arch".kept_2_2', 'where they belong to the archive');
SELECT is((SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND conrelid = '"Arch".kept_1'::regclass), 0::bigint,
          'and keep no rows of other tables');
SELECT results_eq('SELECT * FROM kept_history ORDER BY id', 'SELECT * FROM kept_before WHERE at >= ''2025-01-25 '
    '00:00+00'' ORDER BY id',
                  'the history view has all rows');
SELECT results_eq($$SELECT source, location, action, rows FROM etl.archives WHERE policy = 'kept' ORDER BY archive_id$$,
                  $$VALUES (NULL, '"Arch".kept', 'opening', 0::bigint), ('public.kept', '"Arch".kept', 'archived', 236),
                           ('"Arch".kept', NULL, 'deleted', 96)$$, 'the ledger');
SELECT results_eq('SELECT location, ok FROM etl.verify_archive()', $$VALUES ('"Arch".kept', true)$$, 'which is right');
DELETE FROM "Arch".kept_2_2 WHERE id = 150;
SELECT is((SELECT problem FROM etl.verify_archive()), 'There are 139 rows instead of 140.',
    'a row that is missing is found');
INSERT INTO "Arch".kept_2_2 SELECT * FROM kept_before WHERE id = 150;
SELECT ok(ok, 'and one that is back') FROM etl.verify_archive();
CREATE TABLE kept_2 PARTITION OF kept FOR VALUES FROM ('2025-02-01 00:00+00') TO ('2025-03-01 00:00+00');
SELECT results_eq($$SELECT moved, rows FROM etl.restore_archive('kept', '2025-02-03 00:00+00', '2025-02-05 00:00+00')$$,
                  'VALUES (true, 8::bigint)', 'rows of it can be restored');
SELECT results_eq('SELECT * FROM kept_history ORDER BY id', 'SELECT * FROM kept_before WHERE at >= ''2025-01-25 '
    '00:00+00'' ORDER BY id',
                  'and are there once');
CALL etl.run_retention('kept', '2025-03-20 00:00+00');
SELECT is(went(), 'public.kept_2 moved 8, "Arch".kept_1 dropped 28, "Arch".kept_2_2 rows: it has rows that are not '
    'due, '
          '"Arch".kept_2_3 rows: it has rows that are not due', 'a partition of that name goes again');
SELECT is(parts('"Arch".kept'), '"Arch".kept_2_2 "Arch".kept_2_3', 'what is past there is dropped, the rest is moved');
CALL etl.run_retention('kept', '2025-05-25 00:00+00');
SELECT is(parts('"Arch".kept'), NULL, 'in the end all is gone');
SELECT is((SELECT count(*) FROM kept_history), 0::bigint, 'in the view, too');
SELECT ok(ok, 'and so says the ledger') FROM etl.verify_archive();

-- An archive that is partitioned in the same way.
CALL make('same');
CREATE TABLE same_old (at timestamptz NOT NULL, id int) PARTITION BY RANGE (at);
CREATE INDEX ON same_old (at);
SELECT etl.add_retention_policy('same', 'at', '10 days', archive_to => 'same_old',
    archive_keep => '45 days') \g /dev/null
CREATE TABLE same_before AS TABLE same;
CALL etl.run_retention('same', '2025-03-11 00:00+00');
SELECT is(went(), 'public.same_1 attached 124, public.same_2 attached 112', 'partitions are attached to the archive');
SELECT is(parts('same_old'), 'same_1 same_2', 'with their bounds');
SELECT is((SELECT count(*) FROM pg_constraint WHERE conname = 'etl_bound'), 0::bigint, 'and nothing is left of how');
SELECT results_eq('SELECT id, at FROM same UNION ALL SELECT id, at FROM same_old ORDER BY 1',
                  'SELECT id, at FROM same_before WHERE at >= ''2025-01-25 00:00+00'' ORDER BY 1',
                  'all rows are there');
SELECT ok(ok, 'which the ledger knows') FROM etl.verify_archive() WHERE location LIKE '%same%';
CALL etl.run_retention('same', '2025-03-25 00:00+00');
SELECT is(parts('same_old'), 'same_2', 'later they are dropped from there');
SELECT ok(ok, 'by double entry') FROM etl.verify_archive() WHERE location LIKE '%same%';
CREATE TABLE same_again PARTITION OF same_old FOR VALUES FROM ('2025-03-01 00:00+00') TO ('2025-04-01 00:00+00');
CALL etl.run_retention('same', '2025-04-12 00:00+00', dry_run => true);
SELECT is(went(), 'public.same_3 rows: the archive has partition "public.same_again" for that time',
          'an archive that has partitions for that time takes rows');

-- Rows move, and the partition that is empty then goes: to a table, and to files.
CALL make('emptied');
CREATE TABLE emptied_old (id int, at timestamptz);
SELECT etl.add_retention_policy('emptied', 'at', '10 days', archive_to => 'emptied_old') \g /dev/null
CALL etl.run_retention('emptied', '2025-03-21 00:00+00');
SELECT is(went(), 'public.emptied_1 emptied 0, public.emptied_2 emptied 0', 'emptied partitions are dropped');
SELECT is(parts('emptied'), 'emptied_3', 'when they are past');
SELECT results_eq('SELECT count(*) FROM emptied_old', 'VALUES (276::bigint)', 'their rows are in the archive');
SELECT is(last_run('archived', 'due', 'remaining'), 'archived 276, due 276, remaining 0', 'and counted once');
CALL make('stays');
SELECT etl.add_retention_policy('stays', 'at', '10 days', archive_to => 'stays_old', method => 'rows') \g /dev/null
CALL etl.run_retention('stays', '2025-03-21 00:00+00');
SELECT is(parts('stays'), 'stays_1 stays_2 stays_3', 'not with method rows');
SELECT etl.alter_retention_policy('stays', method => 'partitions') \g /dev/null
CALL etl.run_retention('stays', '2025-03-28 00:00+00');
SELECT is(parts('stays'), 'stays_3', 'with method partitions those that were empty go');
SELECT is((SELECT count(*) FROM stays), 84::bigint, 'and no rows of partitions that are not past');

-- What stands in the way ---------------------------------------------------------------------------------------------

-- The definition, what is altered before the run, and what the run says.
CREATE PROCEDURE try(name text, change text, arguments text DEFAULT '') LANGUAGE plpgsql AS $$
BEGIN
    CALL make(name);
    EXECUTE replace(change, '@', name);
    EXECUTE format('SELECT etl.add_retention_policy(%L, ''at'', ''10 days''%s)', name, arguments);
END $$;
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE ROLE parts_reader;
CALL try('t_row', 'CREATE TRIGGER x AFTER DELETE ON @ FOR EACH ROW EXECUTE FUNCTION note()');
CALL try('t_statement', 'CREATE TRIGGER x AFTER TRUNCATE ON @ FOR EACH STATEMENT EXECUTE FUNCTION note()');
CALL try('t_leaf', 'CREATE TRIGGER x BEFORE DELETE ON @_1 FOR EACH STATEMENT EXECUTE FUNCTION note()');
CALL try('t_off', 'CREATE TRIGGER x AFTER DELETE ON @_1 FOR EACH ROW EXECUTE FUNCTION note(); '
                  'ALTER TABLE @_1 DISABLE TRIGGER x');
CALL try('t_insert', 'CREATE TRIGGER x AFTER INSERT OR UPDATE ON @ FOR EACH ROW EXECUTE FUNCTION note()');
CALL try('t_key', 'ALTER TABLE @ ADD PRIMARY KEY (id, at); CREATE TABLE @_of (id int, at timestamptz, '
                  'FOREIGN KEY (id, at) REFERENCES @); INSERT INTO @_of SELECT id, at FROM @ WHERE id = 3');
CALL try('t_filter', '', ', filter => ''id <> 7''');
CALL try('t_filtered', '', ', filter => ''t_filtered.id >= 0''');
CALL try('t_held', 'SELECT FROM etl.add_legal_hold(''@'', ''@'', ''id = 130'', ''law'')');
CALL try('t_hold_on', 'SELECT FROM etl.add_legal_hold(''@'', ''@_1'', ''id = 300'', ''law'')');
CALL try('t_view', 'CREATE VIEW @_view AS SELECT id FROM @_2');
CALL try('t_policy', 'SELECT etl.add_retention_policy(''@_2'', ''at'', ''1 year'')');
CALL try('t_published', 'CREATE PUBLICATION @ FOR TABLE @; ALTER TABLE @_1 REPLICA IDENTITY FULL; '
         'ALTER TABLE @_2 REPLICA IDENTITY FULL; ALTER TABLE @_3 REPLICA IDENTITY FULL');
CALL try('t_inserts', 'CREATE PUBLICATION @ FOR TABLE @ WITH (publish = ''insert'')');
CALL try('t_last', 'INSERT INTO @ VALUES (1000, ''2025-01-31 23:59:59.999999+00'')');
CALL try('t_rollup', 'SELECT etl.create_rollup(''public.@_hours'', ''SELECT id % 24 AS hour, count(*) AS n FROM '
    'public.@ GROUP BY 1'', '
                     'ARRAY[''hour''], retention => ''freeze'')');
CREATE TABLE outcome (name text PRIMARY KEY, went text, due text, left_rows bigint);
SELECT format('CALL etl.run_retention(%L, %L)', policy, '2025-03-11 00:00+00'),
       format('INSERT INTO outcome SELECT %L, went(), last_run(''remaining''), (SELECT count(*) FROM %1$I)', policy)
FROM etl.policies WHERE policy ~ '^t_' AND policy <> 't_policy_2' ORDER BY policy \gexec
SELECT is(o.went, w.went, w.name) FROM (VALUES
    ('t_row', 'public.t_row_1 rows: a trigger must see its rows go, public.t_row_2 rows: a trigger must see its '
        'rows go, '
              'public.t_row_1 emptied 0, public.t_row_2 emptied 0'),
    ('t_statement', 'public.t_statement_1 rows: a trigger must see its rows go, public.t_statement_2 rows: a trigger '
              'must see its rows go, public.t_statement_1 emptied 0, public.t_statement_2 emptied 0'),
    ('t_leaf', 'public.t_leaf_1 rows: a trigger must see its rows go, public.t_leaf_2 dropped 112, '
               'public.t_leaf_1 emptied 0'),
    ('t_off', 'public.t_off_1 dropped 124, public.t_off_2 dropped 112'),
    ('t_insert', 'public.t_insert_1 dropped 124, public.t_insert_2 dropped 112'),
    ('t_key', 'public.t_key_1 rows: foreign keys refer to its rows, public.t_key_2 rows: foreign keys refer to its '
        'rows, '
              'public.t_key_2 emptied 0'),
    ('t_filter', 'public.t_filter_1 rows: it has rows that the filter leaves out, public.t_filter_2 dropped 112'),
    ('t_filtered', 'public.t_filtered_1 dropped 124, public.t_filtered_2 dropped 112'),
    ('t_held', 'public.t_held_1 dropped 124, public.t_held_2 rows: it has rows under a legal hold'),
    ('t_hold_on', 'public.t_hold_on_1 rows: a legal hold was placed on it, public.t_hold_on_2 dropped 112'),
    ('t_view', 'public.t_view_1 dropped 124, public.t_view_2 rows: rule _RETURN on view public.t_view_view depends '
        'on it'),
    ('t_policy', 'public.t_policy_1 dropped 124, public.t_policy_2 rows: a retention policy names it'),
    ('t_published', 'public.t_published_1 rows: a publication passes on which rows are deleted, public.t_published_2 '
                    'rows: a publication passes on which rows are deleted, public.t_published_1 emptied 0, '
                    'public.t_published_2 emptied 0'),
    ('t_inserts', 'public.t_inserts_1 dropped 124, public.t_inserts_2 dropped 112'),
    ('t_last', 'public.t_last_1 dropped 125, public.t_last_2 dropped 112'),
    ('t_rollup', 'public.t_rollup_1 rows: a rollup reads it, public.t_rollup_2 rows: a rollup reads it')
) AS w(name, went) LEFT JOIN outcome AS o USING (name);
SELECT results_eq('SELECT name, left_rows FROM outcome WHERE left_rows <> 124 ORDER BY name COLLATE "C"',
                  $$VALUES ('t_filter', 125::bigint), ('t_held', 125), ('t_key', 125)$$,
                      'in each case the right rows are gone');
SELECT is((SELECT sum(n) FROM t_rollup_hours), 360::numeric, 'and the rollup has its past');

-- Who may do what.
CREATE ROLE parts_deleter NOLOGIN;
CALL make('foreign_table');
GRANT SELECT, UPDATE, DELETE ON foreign_table TO parts_deleter;
SET ROLE parts_deleter;
SELECT etl.add_retention_policy('foreign_table', 'at', '10 days') \g /dev/null
CALL etl.run_retention('foreign_table', '2025-03-11 00:00+00');
SELECT is(went(), 'public.foreign_table_1 rows: role "parts_deleter" does not own it and its table, '
          'public.foreign_table_2 rows: role "parts_deleter" does not own it and its table',
          'rows, where partitions are another role''s');
RESET ROLE;
SELECT is((SELECT count(*) FROM foreign_table), 124::bigint, 'which go');
CREATE SCHEMA own AUTHORIZATION parts_deleter;
GRANT EXECUTE ON ALL ROUTINES IN SCHEMA public TO parts_deleter;
SET ROLE parts_deleter;
CALL make('own.mine');
SELECT etl.add_retention_policy('own.mine', 'at', '10 days') \g /dev/null
CALL etl.run_retention('mine', '2025-03-11 00:00+00');
SELECT is(went(), 'own.mine_1 dropped 124, own.mine_2 dropped 112', 'a role that may not log in takes its own');
RESET ROLE;

-- Row security applies to who does not own the table.
CALL try('secured', 'ALTER TABLE @ ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; ALTER TABLE @ OWNER TO '
    'parts_deleter; '
         'ALTER TABLE @_1 OWNER TO parts_deleter; ALTER TABLE @_2 OWNER TO parts_deleter; '
         'ALTER TABLE @_3 OWNER TO parts_deleter; CREATE POLICY p ON @ USING (id > 100)');
SELECT etl.remove_retention_policy('secured') \g /dev/null
GRANT CREATE ON SCHEMA public TO parts_deleter;
SET ROLE parts_deleter;
SELECT etl.add_retention_policy('secured', 'at', '10 days') \g /dev/null
CALL etl.run_retention('secured', '2025-03-11 00:00+00');
SELECT is(went(), 'public.secured_1 rows: row security is active, public.secured_2 rows: row security is active',
          'nothing goes unseen');
RESET ROLE;
ALTER TABLE secured NO FORCE ROW LEVEL SECURITY;
SELECT is((SELECT count(*) FROM secured WHERE id <= 100), 101::bigint, 'what is hidden stays');

-- Shapes -------------------------------------------------------------------------------------------------------------

-- A default partition: row by row, and the others are detached within the lock timeout.
CALL make('rest');
CREATE TABLE rest_else PARTITION OF rest DEFAULT;
INSERT INTO rest VALUES (-1, '2024-06-01 00:00+00'), (-2, '2025-06-01 00:00+00');
SELECT etl.add_retention_policy('rest', 'at', '10 days', method => 'partitions') \g /dev/null
CALL etl.run_retention('rest', '2025-03-21 00:00+00');
SELECT is(went(), 'public.rest_1 dropped 124, public.rest_2 dropped 112', 'with a default partition');
SELECT results_eq('SELECT count(*), min(id) FROM rest', 'VALUES (125::bigint, -2)', 'whose own rows go one by one');
SELECT is(last_run('due', 'deleted_from_hot'), 'due 237, deleted_from_hot 237', 'and are counted');

-- Odd names, another schema, sub-partitions, list above range, two key columns, dates, no bound.
CREATE SCHEMA "Odd ""S";
CREATE TABLE "o'd T" ("t at" date, "k'x" text) PARTITION BY RANGE ("t at", "k'x");
CREATE TABLE "Odd ""S"."p (1) TO ('2030')" PARTITION OF "o'd T" FOR VALUES FROM (MINVALUE, MINVALUE)
    TO ('2025-02-01', ''') TO (''2030-01-01''');
CREATE TABLE "q" PARTITION OF "o'd T" FOR VALUES FROM ('2025-02-01', ''') TO (''2030-01-01''')
    TO ('2025-02-02', MAXVALUE) PARTITION BY HASH ("k'x");
CREATE TABLE q_0 PARTITION OF q FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE q_1 PARTITION OF q FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE r PARTITION OF "o'd T" FOR VALUES FROM ('2025-02-02', MAXVALUE) TO (MAXVALUE, MAXVALUE);
INSERT INTO "o'd T" VALUES ('2025-01-31', 'a'), ('2025-02-01', ''), ('2025-02-01', 'z'), ('2025-02-02', 'b');
SELECT etl.add_retention_policy('"o''d T"', 't at', '1 day', 'odd') \g /dev/null
CALL etl.run_retention('odd', '2025-02-02 00:00+00');
SELECT is(last_run('deleted_from_hot'), 'deleted_from_hot 1', 'a date is past when its day is over');
SELECT is(parts('"o''d T"'), '"Odd ""S"."p (1) TO (''2030'')" q r', 'a partition with a row at its bound stays');
CALL etl.run_retention('odd', '2025-02-03 00:00+00');
SELECT is(went(), '"Odd ""S"."p (1) TO (''2030'')" dropped 1, public.q rows: it has rows that are not due',
          'bounds are read, whatever the names and values are');
CALL etl.run_retention('odd', '2025-02-04 00:00+00');
SELECT is(went(), 'public.q dropped 1', 'with its own partitions');
CALL etl.run_retention('odd', '2035-02-04 00:00+00');
SELECT is(parts('"o''d T"'), 'r', 'MAXVALUE is never past');
CREATE TABLE region (at timestamp, id int, r text) PARTITION BY LIST (r);
CREATE TABLE region_eu PARTITION OF region FOR VALUES IN ('eu') PARTITION BY RANGE (at);
CREATE TABLE region_eu_1 PARTITION OF region_eu FOR VALUES FROM ('2025-01-01') TO ('2025-02-01');
CREATE TABLE region_us PARTITION OF region FOR VALUES IN ('us');
INSERT INTO region VALUES ('2025-01-31 23:59:59', 1, 'eu'), ('2025-01-01', 2, 'us'), ('2026-01-01', 3, 'us');
SELECT etl.add_retention_policy('region', 'at', '1 day', method => 'partitions') \g /dev/null
CALL etl.run_retention('region', '2025-02-02 00:00+00');
SELECT is(went(), 'public.region_eu_1 dropped 1', 'partitions by range under partitions by list');
SELECT results_eq('SELECT id FROM region', '{3}'::int[], 'other parts go row by row');
CREATE TABLE expiring (expires_at timestamptz, k int) PARTITION BY RANGE (expires_at);
CREATE TABLE expiring_1 PARTITION OF expiring FOR VALUES FROM ('2025-01-01 00:00+00') TO ('2025-01-02 00:00+00');
INSERT INTO expiring VALUES ('2025-01-01 12:00+00', 1);
SELECT etl.add_retention_policy('expiring', 'expires_at', '0', kind => 'expiry') \g /dev/null
CALL etl.run_retention('expiring', '2025-01-01 23:00+00', dry_run => true);
SELECT is(went(), NULL, 'an expiry that is not over for the whole partition');
CALL etl.run_retention('expiring', '2025-01-02 00:00+00');
SELECT is(went(), 'public.expiring_1 dropped 1', 'and one that is');
CREATE TABLE levels (at timestamptz, id int) PARTITION BY RANGE (at);
CREATE TABLE levels_y PARTITION OF levels FOR VALUES FROM ('2024-01-01 00:00+00') TO ('2025-01-01 '
    '00:00+00') PARTITION BY RANGE (at);
CREATE TABLE levels_a PARTITION OF levels_y FOR VALUES FROM ('2024-01-01 00:00+00') TO ('2024-07-01 00:00+00');
CREATE TABLE levels_b PARTITION OF levels_y FOR VALUES FROM ('2024-07-01 00:00+00') TO ('2025-01-01 00:00+00');
INSERT INTO levels VALUES ('2024-02-01 00:00+00', 1), ('2024-08-01 00:00+00', 2);
SELECT etl.add_legal_hold('levels', 'levels', 'id = 2', 'law') \g /dev/null
SELECT etl.add_retention_policy('levels', 'at', '10 days', method => 'partitions') \g /dev/null
CALL etl.run_retention('levels', '2025-03-01 00:00+00');
SELECT is(went(), 'public.levels_y left: it has rows under a legal hold, public.levels_a dropped 1, '
          'public.levels_b left: it has rows under a legal hold', 'where the larger one cannot go, its parts may');

-- Definitions and the rest -------------------------------------------------------------------------------------------

CREATE TABLE ordinary (id int, at timestamptz);
CREATE TABLE by_id (id int, at timestamptz) PARTITION BY RANGE (id, at);
CREATE TABLE by_day (id int, at timestamp) PARTITION BY RANGE ((at + interval '0'), at);
SELECT throws_ok(format('SELECT etl.add_retention_policy(%L, ''at'', ''1 day'', method => ''partitions'')', t), '42809',
                 format('table "public.%s" is not partitioned by ranges of column "at"', t), t)
FROM unnest('{ordinary,by_id,by_day}'::text[]) AS t;
SELECT lives_ok($$SELECT etl.add_retention_policy('by_id', 'at', '1 day')$$, 'auto takes any table');
CALL etl.run_retention('by_id');
SELECT is(went(), NULL, 'and rows of it');

-- Two policies with filters: a partition goes whole where all of its rows are of one of them.
CALL make('shared');
SELECT etl.add_retention_policy('shared', 'at', '10 days', 'early', filter => 'id < 124'),
       etl.add_retention_policy('shared', 'at', '10 days', 'late', filter => 'id >= 124') \g /dev/null
CALL etl.run_retention('early', '2025-03-11 00:00+00');
SELECT is(went(), 'public.shared_1 dropped 124, public.shared_2 rows: it has rows that the filter leaves out', 'one');
CALL etl.run_retention('late', '2025-03-11 00:00+00');
SELECT is(went(), 'public.shared_2 dropped 112', 'and the other');
SELECT is((SELECT count(*) FROM etl.detached_partition WHERE status = 'detaching'), 0::bigint, 'nothing is on the way');
SELECT ok(is_whole, 'the audit log is whole') FROM etl.verify_audit();
SELECT is((SELECT count(*) FROM etl.verify_archive() WHERE NOT ok), 0::bigint, 'the archives are whole');
SELECT * FROM finish();
