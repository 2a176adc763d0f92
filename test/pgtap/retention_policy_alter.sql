-- A retention policy that is altered, paused, resumed, removed, while it is run as well; what is said of it; roles.
CREATE EXTENSION dblink;
SELECT plan(72);
SET client_min_messages = error;
SET timezone = 'UTC';
SET intervalstyle = 'postgres';

-- Advisory locks of this database: other files run beside this one, in others.
CREATE TEMPORARY VIEW locks_here AS
SELECT l.* FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database
WHERE l.locktype = 'advisory' AND d.datname = current_database();
CREATE FUNCTION pg_temp.other() RETURNS text LANGUAGE sql AS $$
    SELECT format('dbname=%s host=%s', current_database(), current_setting('unix_socket_directories'))
$$;
CREATE FUNCTION pg_temp.call(procedure text) RETURNS text LANGUAGE sql AS $$
    SELECT format('SELECT dblink_exec(%L, %L)', pg_temp.other(), 'CALL ' || procedure)
$$;
CREATE FUNCTION pg_temp.policy(name text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', keep, archive_to, archive_keep, filter, method, batch_rows, max_runtime, pause, lock_timeout,
                     on_unfresh_rollup, follow_references, evolve, schedule, time_column)
    FROM etl.policies WHERE policy = $1
$$;
-- What another session is told when it executes a command, message by message.
CREATE FUNCTION pg_temp.messages(command text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    CREATE TEMPORARY TABLE IF NOT EXISTS output (n serial, line text);
    DELETE FROM output;
    EXECUTE format('COPY output (line) FROM PROGRAM %L',
                   format('psql -XqAt -d %s -h %s -c %s 2>&1 | sed -nE "/^(NOTICE|WARNING|ERROR):/p"',
                          current_database(), current_setting('unix_socket_directories'),
                          '''' || replace(command, '''', '''\''''') || ''''));
    RETURN QUERY SELECT o.line FROM output AS o ORDER BY o.n;
END $$;

CREATE TABLE sale (id int PRIMARY KEY, at timestamptz, made timestamptz, who text);
CREATE INDEX ON sale (at);
CREATE INDEX ON sale (made);
INSERT INTO sale SELECT n, '2025-01-01'::timestamptz + n * interval '1 day', '2025-01-01', 'w' || n % 3
FROM generate_series(1, 30) AS n;

-- Each setting alone -------------------------------------------------------------------------------------------------

SELECT etl.add_retention_policy('sale', 'at', '30 days', archive_to => 'sale_old') \g /dev/null
SELECT lives_ok($$SELECT etl.alter_retention_policy('sale')$$, 'nothing to alter');
SELECT is(pg_temp.policy('sale'), '30 days public.sale_old auto 5000 00:10:00 00:00:00 00:00:01 freeze f f at',
          'as it was');
SELECT etl.alter_retention_policy('sale', keep => '10 days') \g /dev/null
SELECT etl.alter_retention_policy('sale', archive_keep => '1 year') \g /dev/null
SELECT is(pg_temp.policy('sale'), '10 days public.sale_old 1 year auto 5000 00:10:00 00:00:00 00:00:01 freeze f f at',
          'the spans; an archive that was kept for ever is no more');
SELECT etl.alter_retention_policy('sale', archive_keep => '2 years', filter => 'who = ''w1''', method => 'rows',
                                  batch_rows => 7) \g /dev/null
SELECT etl.alter_retention_policy('sale', max_runtime => '5 s', pause => '1 s', lock_timeout => '10 ms') \g /dev/null
SELECT etl.alter_retention_policy('sale', on_unfresh_rollup => 'ignore', follow_references => true, evolve => true,
                                  time_column => 'made') \g /dev/null
SELECT is(pg_temp.policy('sale'), '10 days public.sale_old 2 years who = ''w1'' rows 7 00:00:05 00:00:01 00:00:00.01 '
          'ignore t t made', 'all of the others');
SELECT etl.alter_retention_policy('sale', filter => '', follow_references => false, evolve => false) \g /dev/null
SELECT is(pg_temp.policy('sale'), '10 days public.sale_old 2 years rows 7 00:00:05 00:00:01 00:00:00.01 '
          'ignore f f made', 'a filter is taken away, false is not the same as nothing');
SELECT etl.alter_retention_policy('sale', time_column => 'at', batch_rows => 5000) \g /dev/null

-- Wrong values leave all as it is ------------------------------------------------------------------------------------

SELECT pg_temp.policy('sale') AS before \gset
SELECT throws_ok(format('SELECT etl.alter_retention_policy(''sale'', %s)', t.arguments), t.sqlstate::char(5), t.message,
                 t.arguments)
FROM (VALUES
    ('keep => ''0''', '22023', 'keep must be longer than zero, not "00:00:00"'),
    ('keep => ''3 years''', '22023', 'archive_keep "2 years" is not longer than keep "3 years"'),
    ('archive_keep => ''10 days''', '22023', 'archive_keep "10 days" is not longer than keep "10 days"'),
    ('filter => ''nobody''', '42703',
        'filter "nobody" is no condition on table "public.sale": column "nobody" does not exist'),
    ('method => ''partitions''', '42809', 'table "public.sale" is not partitioned by ranges of column "at"'),
    ('batch_rows => 0', '22023', 'batch_rows must be at least 1, not 0'),
    ('max_runtime => ''-1 s''', '22023', 'max_runtime must be between "00:00:01" and "1000 days", not "-00:00:01"'),
    ('on_unfresh_rollup => ''x''', '22023', 'unknown on_unfresh_rollup "x"'),
    ('time_column => ''id''', '42804',
        'column "id" of table "public.sale" is of type integer, which does not tell a row''s age'),
    ('schedule => ''@never''', '22023', 'schedule "@never" is not known'),
    ('schedule => ''@daily''', '55000', format('pg_cron is not installed in database "%s"', current_database()))
) AS t(arguments, sqlstate, message);
SELECT is(pg_temp.policy('sale'), :'before', 'nothing is half altered');
SELECT etl.add_retention_policy('sale', 'at', '30 days', 'plain', filter => 'who = ''w0''') \g /dev/null
SELECT throws_ok($$SELECT etl.alter_retention_policy('plain', archive_keep => '1 year')$$, '22023',
                 'archive_keep is given, but retention policy "plain" has no archive', 'an archive_keep of no archive');
SELECT throws_ok($$SELECT etl.alter_retention_policy('nobody', keep => '1 year')$$, '42704',
                 'retention policy "nobody" does not exist', 'an unknown policy');
SELECT throws_ok($$SELECT etl.alter_retention_policy(NULL)$$, '42704', 'no retention policy was given', 'no policy');
ALTER TABLE sale RENAME TO sales;
SELECT throws_ok($$SELECT etl.alter_retention_policy('sale', keep => '1 day')$$, '42P01',
                 'table "public.sale" of retention policy "sale" does not exist', 'a table that was renamed');
ALTER TABLE sales RENAME TO sale;

-- What is said -------------------------------------------------------------------------------------------------------

SELECT results_eq($$SELECT pg_temp.messages('SELECT etl.alter_retention_policy(''sale'', keep => ''10 days'')')$$,
                  $$VALUES ('NOTICE:  retention policy "sale" is so already, nothing changed')$$, 'nothing to do');
SELECT results_eq($$SELECT pg_temp.messages('SELECT etl.add_retention_policy(''sale'', ''at'', ''10 days'', ''sale'',
                    ''sale_old'', ''2 years'', method => ''rows'', max_runtime => ''5 s'', pause => ''1 s'',
                    lock_timeout => ''10 ms'', on_unfresh_rollup => ''ignore'', if_not_exists => true)')$$,
                  $$VALUES ('NOTICE:  retention policy "sale" already exists, skipping')$$, 'the same once more');
SELECT results_eq($$SELECT pg_temp.messages('SELECT etl.add_retention_policy(''sale'', ''at'', ''11 days'', ''sale'',
                    ''sale_old'', if_not_exists => true)')$$,
                  $$VALUES ('WARNING:  retention policy "sale" already exists and was not changed')$$, 'another one');
CREATE TABLE child (id int REFERENCES sale ON DELETE CASCADE);
CREATE TABLE bare (at date, who text);
CREATE TABLE bare_part () INHERITS (bare);
SELECT results_eq($$SELECT pg_temp.messages('SELECT etl.add_retention_policy(''bare'', ''at'', ''1 day'')')$$,
                  $$VALUES ('WARNING:  table "public.bare" has no index on column "at", so every run reads the whole '
                            'table')$$, 'no index');
CREATE INDEX ON bare (at);
SELECT results_eq($$SELECT pg_temp.messages('SELECT etl.alter_retention_policy(''bare'', keep => ''2 days'')')$$,
                  $$VALUES ('WARNING:  table "public.bare_part" has no index on column "at", so every run reads the '
                            'whole table')$$, 'none on a child');
CREATE TABLE parted (at date, who text) PARTITION BY RANGE (at);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE parted_2 PARTITION OF parted DEFAULT;
CREATE INDEX ON parted_1 (at);
SELECT results_eq($$SELECT pg_temp.messages('SELECT etl.add_retention_policy(''parted'', ''at'', ''1 day'')')$$,
                  $$VALUES ('WARNING:  table "public.parted" has no index on column "at", so every run reads the whole '
                            'table')$$, 'none on a partition');
CREATE INDEX ON parted_2 (at);
SELECT is_empty($$SELECT pg_temp.messages('SELECT etl.alter_retention_policy(''parted'', keep => ''2 days'')')$$,
                'one on each will do');
SELECT etl.remove_retention_policy('parted') \g /dev/null
CREATE INDEX ON bare_part (at);
SELECT results_eq($$SELECT pg_temp.messages('SELECT etl.add_retention_policy(''bare_part'', ''at'', ''1 day'')')$$,
                  $$VALUES ('WARNING:  retention policy "bare_part" takes the same rows as "bare"')$$,
                  'a part of a table');
SELECT is_empty($$SELECT pg_temp.messages('SELECT etl.alter_retention_policy(''bare_part'', filter => ''false'')')$$,
                'but with a filter');
SELECT results_eq($$SELECT pg_temp.messages('SELECT etl.add_tier(''sale'', ''100 days'', ''sale_older'')')$$,
                  $$VALUES ('NOTICE:  archive table "public.sale_older" was created'),
                           ('WARNING:  rows of table "public.sale" stay as long as rows of table "public.child" refer '
                            'to them'),
                           ('WARNING:  table "public.child" has no index for foreign key "child_id_fkey"')$$,
                  'a tier');
SELECT is((SELECT m FROM pg_temp.messages('SELECT etl.remove_tier(''sale'', 2)') AS m WHERE m ~ 'NOTICE'),
          'NOTICE:  what is archived in "public.sale_older" stays there', 'a tier that goes');
DROP TABLE child;
SELECT etl.remove_retention_policy(p) FROM unnest('{bare,bare_part,plain}'::text[]) AS p \g /dev/null

-- Pause --------------------------------------------------------------------------------------------------------------

SELECT lives_ok($$SELECT etl.pause_retention_policy('sale')$$, 'pause');
SELECT ok((SELECT paused FROM etl.policies WHERE policy = 'sale'), 'is seen');
SELECT results_eq($$SELECT left(pg_temp.messages('SELECT etl.pause_retention_policy(''sale'')'), 55)$$,
                  $$VALUES ('NOTICE:  retention policy "sale" is paused already, sin')$$, 'once');
CALL etl.run_retention(as_of => '2025-06-01');
SELECT is((SELECT count(*) FROM sale), 30::bigint, 'no run does anything');
SELECT results_eq($$SELECT pg_temp.messages('CALL etl.run_retention(''sale'', ''2025-06-01'')')$$,
                  $$VALUES ('NOTICE:  retention policy "sale" is paused')$$, 'but says so');
SELECT lives_ok($$SELECT etl.alter_retention_policy('sale', keep => '11 days')$$, 'it may be altered meanwhile');
CALL etl.run_retention('sale', '2025-06-01', dry_run => true);
SELECT is((SELECT detail ->> 'due' FROM etl.runs ORDER BY run_id DESC LIMIT 1), '30', 'and rehearsed');
SELECT lives_ok($$SELECT etl.resume_retention_policy('sale')$$, 'resume');
SELECT results_eq($$SELECT pg_temp.messages('SELECT etl.resume_retention_policy(''sale'')')$$,
                  $$VALUES ('NOTICE:  retention policy "sale" is not paused')$$, 'once');
CALL etl.run_retention('sale', '2025-06-01');
SELECT is((SELECT count(*) FROM sale), 0::bigint, 'and it goes on');
SELECT throws_ok($$SELECT etl.pause_retention_policy('nobody')$$, '42704', NULL, 'pause what is not there');
SELECT throws_ok($$SELECT etl.resume_retention_policy('nobody')$$, '42704', NULL, 'resume it');

-- While it is run ----------------------------------------------------------------------------------------------------

INSERT INTO sale VALUES (1, '2025-01-01');
CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_lock(42); RETURN NEW; END $$;
CREATE TRIGGER wait BEFORE INSERT ON sale_old FOR EACH ROW EXECUTE FUNCTION wait();
SELECT pg_advisory_lock(42) \g /dev/null
SELECT dblink_connect('other', pg_temp.other()) \g /dev/null
SELECT dblink_send_query('other', $$CALL etl.run_retention('sale', '2025-06-01')$$) \g /dev/null
DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM locks_here WHERE NOT granted) LOOP
    PERFORM pg_sleep(0.01); END LOOP; END $$;
SELECT throws_ok(c.command, '55006', 'retention policy "sale" is being run or changed by another session', c.command)
FROM (VALUES ($$SELECT etl.alter_retention_policy('sale', keep => '5 days')$$),
             ($$SELECT etl.add_tier('sale', '5 days', 'sale_warm')$$),
             ($$SELECT etl.remove_tier('sale', 1)$$),
             ($$SELECT etl.remove_retention_policy('sale')$$)) AS c(command);
SELECT lives_ok($$SELECT etl.pause_retention_policy('sale')$$, 'it can be paused');
SELECT lives_ok($$SELECT etl.resume_retention_policy('sale')$$, 'and resumed');
SELECT pg_advisory_unlock(42) \g /dev/null
SELECT * FROM dblink_get_result('other', false) AS r(status text) \g /dev/null
SELECT * FROM dblink_get_result('other', false) AS r(status text) \g /dev/null
SELECT lives_ok($$SELECT etl.alter_retention_policy('sale', keep => '5 days')$$, 'afterwards it can be altered');
DROP TRIGGER wait ON sale_old;

-- And the other way round: what is being altered is not run.
BEGIN;
SELECT etl.alter_retention_policy('sale', keep => '6 days') \g /dev/null
SELECT throws_ok(pg_temp.call($$etl.run_retention('sale', '2025-06-01')$$), '55P03',
                 'retention policy "sale" failed: another session is running it',
                 'a policy that is being altered waits');
COMMIT;

-- Roles --------------------------------------------------------------------------------------------------------------

CREATE ROLE etl_tap_alt_ann;
CREATE ROLE etl_tap_alt_ben;
CREATE ROLE etl_tap_alt_root SUPERUSER;
GRANT SELECT, UPDATE, DELETE ON sale TO etl_tap_alt_ann;
SET ROLE etl_tap_alt_ann;
SELECT etl.add_retention_policy('sale', 'at', '30 days', 'hers') \g /dev/null
SET ROLE etl_tap_alt_ben;
SELECT throws_ok(c.command, '42704', 'retention policy "hers" does not exist', 'another role: ' || c.command)
FROM (VALUES ($$SELECT etl.alter_retention_policy('hers', keep => '5 days')$$),
             ($$SELECT etl.add_tier('hers', '5 days', 'sale_warm')$$),
             ($$SELECT etl.remove_tier('hers', 1)$$),
             ($$SELECT etl.pause_retention_policy('hers')$$),
             ($$SELECT etl.resume_retention_policy('hers')$$),
             ($$SELECT etl.remove_retention_policy('hers')$$)) AS c(command);
SET ROLE etl_tap_alt_root;
SELECT throws_ok(c.command, '42501', 'retention policy "hers" belongs to role "etl_tap_alt_ann"',
                 'a superuser: ' || c.command)
FROM (VALUES ($$SELECT etl.alter_retention_policy('hers', keep => '5 days')$$),
             ($$SELECT etl.add_tier('hers', '5 days', 'sale_warm')$$),
             ($$SELECT etl.remove_tier('hers', 1)$$)) AS c(command);
SELECT lives_ok($$SELECT etl.pause_retention_policy('hers')$$, 'who may pause it');
SET ROLE etl_tap_alt_ann;
SELECT ok((SELECT paused FROM etl.policies), 'which its owner sees');
RESET ROLE;
REVOKE DELETE ON sale FROM etl_tap_alt_ann;
SET ROLE etl_tap_alt_ann;
SELECT throws_ok($$SELECT etl.alter_retention_policy('hers', keep => '5 days')$$, '42501',
                 'permission denied for table "public.sale"', 'a right that was lost is missed when it is altered');
SET ROLE etl_tap_alt_root;
SELECT lives_ok($$SELECT etl.remove_retention_policy('hers')$$, 'a superuser removes it');
RESET ROLE;
SELECT is_empty($$SELECT FROM etl.retention_tier AS t WHERE t.owner = 'etl_tap_alt_ann'$$, 'with its tiers');
SELECT throws_ok($$SELECT etl.remove_retention_policy('hers')$$, '42704', NULL, 'twice');
SELECT lives_ok($$SELECT etl.remove_retention_policy('hers', if_exists => true)$$, 'unless it need not exist');
SELECT throws_ok($$SELECT etl.remove_retention_policy('hers', if_exists => NULL)$$, '22023',
                 'if_exists must not be NULL', 'which is true or false');

-- The audit log ------------------------------------------------------------------------------------------------------

SELECT max(seq) AS head FROM etl.audit_log WHERE owner = current_user \gset
SELECT etl.add_retention_policy('sale', 'at', '30 days', 'told', 'sale_told', filter => 'who = ''w9''') \g /dev/null
SELECT etl.add_retention_policy('sale', 'at', '31 days', 'told', if_not_exists => true) \g /dev/null
SELECT etl.alter_retention_policy('told', keep => '40 days', filter => 'who = ''w8''', pause => '1 s') \g /dev/null
SELECT etl.alter_retention_policy('told', keep => '40 days') \g /dev/null
SELECT etl.add_tier('told', '1 year', NULL) \g /dev/null
SELECT etl.pause_retention_policy('told') \g /dev/null
SELECT etl.pause_retention_policy('told') \g /dev/null
SELECT etl.resume_retention_policy('told') \g /dev/null
SELECT etl.remove_tier('told', 2) \g /dev/null
SELECT etl.remove_retention_policy('told') \g /dev/null
SELECT results_eq(
    format('SELECT action, object FROM etl.audit_log WHERE owner = current_user AND seq > %s ORDER BY seq', :head),
    $$SELECT action, 'told' FROM unnest('{add policy,alter policy,add tier,pause policy,resume policy,remove tier,'
                                        'remove policy}'::text[]) AS action$$,
    'every change of a definition is written down, and nothing that is none');
SELECT results_eq(
    format('SELECT detail FROM etl.audit_log WHERE owner = current_user AND seq IN (%1$s + 2, %1$s + 3) ORDER BY seq',
           :head),
    $$VALUES ('{"keep": {"was": "30 days", "is": "40 days"}, "pause": {"was": "00:00:00", "is": "00:00:01"},
                "filter": {"was": "who = ''w9''", "is": "who = ''w8''"}}'::jsonb),
             ('{"archive_keep": {"was": null, "is": "1 year"}}')$$, 'with what was and what is');
SELECT is((SELECT l.detail - '{owner,method,batch_rows,max_runtime,lock_timeout,on_unfresh_rollup}'::text[]
           FROM etl.audit_log AS l WHERE l.owner = current_user AND l.seq = :head + 7),
          '{"keep": "40 days", "kind": "age", "pause": "00:00:01", "evolve": false, "filter": "who = ''w8''",
            "relation": "public.sale", "schedule": null, "archive_to": "public.sale_told", "time_column": "at",
            "follow_references": false}', 'and of what is removed, all that it was');

DROP OWNED BY etl_tap_alt_ann, etl_tap_alt_ben;
DROP ROLE etl_tap_alt_ann, etl_tap_alt_ben, etl_tap_alt_root;
SELECT * FROM finish();
