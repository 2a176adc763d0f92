-- How a retention policy is defined: what is stored, each argument that is wrong, and what tables it refuses. All in
-- one transaction, which is rolled back.
BEGIN;
SELECT plan(100);
SET LOCAL client_min_messages = error;
SET LOCAL timezone = 'UTC';
SET LOCAL intervalstyle = 'postgres';

CREATE SCHEMA shop;
CREATE SCHEMA "Old Shop";
CREATE TABLE shop.sale (id int PRIMARY KEY, at timestamptz, expires_at timestamptz, who text, day date, note text);
CREATE INDEX ON shop.sale (at);

-- add_retention_policy('shop.sale', 'at', '30 days', …) with these arguments
CREATE FUNCTION pg_temp.add(arguments text DEFAULT '') RETURNS text LANGUAGE sql AS $$
    SELECT format('SELECT etl.add_retention_policy(relation => ''shop.sale'', time_column => ''at'', '
                  'keep => ''30 days'' %s)', nullif(', ' || arguments, ', '))
$$;
CREATE FUNCTION pg_temp.refuses(arguments text, sqlstate text, message text, about text) RETURNS text LANGUAGE sql AS $$
    SELECT throws_ok(pg_temp.add(arguments), sqlstate::char(5), message, about)
$$;
-- The hint of an error, which is half of it.
CREATE FUNCTION pg_temp.hint(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    hint text;
BEGIN
    EXECUTE command;
    RETURN 'no error';
EXCEPTION
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
        RETURN hint;
END $$;
CREATE FUNCTION pg_temp.tiers(name text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT format('%s %s %s', t.after, coalesce(t.archive_to, 'gone'), t.format)
    FROM etl.retention_policy AS p JOIN etl.retention_tier AS t USING (policy_id)
    WHERE p.name = tiers.name ORDER BY t.tier
$$;

-- What is stored -----------------------------------------------------------------------------------------------------

SELECT is(etl.add_retention_policy('shop.sale', 'at', '30 days'), 'sale', 'named like the table');
SELECT results_eq(
    $$SELECT relation, kind, time_column::text COLLATE "default", keep, archive_to, archive_keep, filter, method,
             batch_rows, max_runtime, pause, lock_timeout, on_unfresh_rollup, follow_references, evolve, schedule,
             paused, tiers
      FROM etl.policies$$,
    $$VALUES ('shop.sale', 'age', 'at', interval '30 days', NULL::text, NULL::interval, NULL::text, 'auto', 5000,
              interval '10 minutes', interval '0', interval '1 second', 'freeze', false, false, NULL::text, false,
              '[{"tier": 1, "after": "30 days"}]'::jsonb)$$, 'with the defaults');
SELECT is(etl.add_retention_policy(
    'shop.sale', 'at', '30 days', 'all of it', 'table:old_sale', '1 year', 'who = ''b''', 'rows', 100, '1 h', '1 s',
    '50 ms', 'wait', NULL, false, 'age', true, true), 'all of it', 'and in the order of the arguments');
SELECT results_eq(
    $$SELECT keep, archive_to, archive_keep, filter, method, batch_rows, max_runtime, pause, lock_timeout,
             on_unfresh_rollup, follow_references, evolve, tiers
      FROM etl.policies WHERE policy = 'all of it'$$,
    $$VALUES (interval '30 days', 'shop.old_sale', interval '1 year', 'who = ''b''', 'rows', 100, interval '1 hour',
              interval '1 second', interval '50 milliseconds', 'wait', true, true,
              '[{"tier": 1, "after": "30 days", "archive_to": "shop.old_sale"},
                {"tier": 2, "after": "1 year"}]'::jsonb)$$,
    'what was given');
SELECT has_index('shop', 'old_sale', 'old_sale_at_idx', 'at', 'an archive that is made has an index on the time');
SELECT is(obj_description('shop.old_sale'::regclass), 'Rows that retention took out of shop.sale.', 'and a comment');
SELECT etl.remove_retention_policy(policy) FROM etl.policies \g /dev/null
SELECT is_empty('SELECT FROM etl.retention_tier', 'tiers go with their policy');

-- Spans --------------------------------------------------------------------------------------------------------------

SELECT throws_ok(format('SELECT etl.add_retention_policy(''shop.sale'', ''at'', %L)', s.span), '22023', s.message,
                 s.span)
FROM (VALUES ('0', 'keep must be longer than zero, not "00:00:00"'),
             ('-1 day', 'keep must be longer than zero, not "-1 days"'),
             ('1 month -29 days', 'keep must have no negative part, not "1 mon -29 days"'),
             ('1 day -1 hour', 'keep must have no negative part, not "1 day -01:00:00"'),
             ('10000000 years', 'keep "10000000 years" is too long'),
             ('178000000 years', 'keep "178000000 years" is too long'),
             (NULL, 'keep must not be NULL')) AS s(span, message);
SELECT pg_temp.refuses('archive_to => ''a'', archive_keep => ''30 days''', '22023',
                       'archive_keep "30 days" is not longer than keep "30 days"', 'an archive_keep that is no longer');
SELECT pg_temp.refuses('archive_to => ''a'', archive_keep => ''1 month''', '22023',
                       'archive_keep "1 mon" is not longer than keep "30 days"', 'or only sometimes');
SELECT pg_temp.refuses('archive_keep => ''60 days''', '22023', 'archive_keep is given without archive_to',
                       'an archive_keep of no archive');
SELECT pg_temp.refuses('archive_to => ''a'', archive_keep => ''-60 days''', '22023',
                       'archive_keep must be longer than zero, not "-60 days"', 'a negative archive_keep');
SELECT pg_temp.refuses('archive_to => ''a'', archive_keep => ''9000 years''', '22023',
                       'archive_keep "9000 years" is too long', 'one that is too long');

-- Kinds
SELECT lives_ok($$SELECT etl.add_retention_policy('shop.sale', 'expires_at', '0', 'due', kind => 'expiry')$$,
                'what has expired may go at once');
SELECT is((SELECT kind || ' ' || keep FROM etl.policies WHERE policy = 'due'), 'expiry 00:00:00', 'and is stored so');
SELECT throws_ok($$SELECT etl.add_retention_policy('shop.sale', 'expires_at', '-1 day', kind => 'expiry')$$, '22023',
                 'keep must be longer than zero, not "-1 days"', 'but not before');
SELECT throws_ok($$SELECT etl.add_retention_policy('shop.sale', 'expires_at', '1 month -30 days', kind => 'expiry')$$,
                 '22023', NULL, 'and nothing that only looks like zero');
SELECT throws_ok($$SELECT etl.add_retention_policy('shop.sale', 'expires_at', NULL, kind => 'expiry')$$, '22023',
                 'keep must not be NULL', 'nor NULL');
SELECT pg_temp.refuses('kind => ''ttl''', '22023', 'unknown kind "ttl"', 'an unknown kind');
SELECT is(pg_temp.hint(pg_temp.add('kind => ''ttl''')),
          'Give one of ''age'', ''expiry'', or leave it out for the default.', 'the hint lists those that there are');

-- Settings -----------------------------------------------------------------------------------------------------------

SELECT pg_temp.refuses(format('%s => %s', s.argument, s.value), '22023', s.message, s.argument || ' ' || s.value)
FROM (VALUES
    ('kind', 'NULL', 'kind must not be NULL'),
    ('method', '''fast''', 'unknown method "fast"'),
    ('method', 'NULL', 'method must not be NULL'),
    ('batch_rows', '0', 'batch_rows must be at least 1, not 0'),
    ('batch_rows', '-5', 'batch_rows must be at least 1, not -5'),
    ('batch_rows', 'NULL', 'batch_rows must be at least 1, not NULL'),
    ('batch_rows', '1000001', 'batch_rows must be at most 1000000, not 1000001'),
    ('max_runtime', '''0''', 'max_runtime must be between "00:00:01" and "1000 days", not "00:00:00"'),
    ('max_runtime', '''-1 h''', 'max_runtime must be between "00:00:01" and "1000 days", not "-01:00:00"'),
    ('max_runtime', '''1 month''', 'max_runtime must be in days, hours, minutes and seconds, not "1 mon"'),
    ('max_runtime', '''99999 years''', 'max_runtime must be between "00:00:01" and "1000 days", not "99999 years"'),
    ('max_runtime', 'NULL', 'max_runtime must not be NULL'),
    ('pause', '''-1 s''', 'pause must be between "00:00:00" and "1 day", not "-00:00:01"'),
    ('pause', '''2 days''', 'pause must be between "00:00:00" and "1 day", not "2 days"'),
    ('pause', 'NULL', 'pause must not be NULL'),
    ('lock_timeout', '''0''', 'lock_timeout must be between "00:00:00.001" and "1 day", not "00:00:00"'),
    ('lock_timeout', '''1 us''', 'lock_timeout must be between "00:00:00.001" and "1 day", not "00:00:00.000001"'),
    ('lock_timeout', '''30 days''', 'lock_timeout must be between "00:00:00.001" and "1 day", not "30 days"'),
    ('lock_timeout', 'NULL', 'lock_timeout must not be NULL'),
    ('on_unfresh_rollup', '''drop''', 'unknown on_unfresh_rollup "drop"'),
    ('on_unfresh_rollup', 'NULL', 'on_unfresh_rollup must not be NULL'),
    ('follow_references', 'NULL', 'follow_references must not be NULL'),
    ('evolve', 'NULL', 'evolve must not be NULL'),
    ('if_not_exists', 'NULL', 'if_not_exists must not be NULL'),
    ('name', '''''', 'name is not a valid name: ""'),
    ('name', '''a'' || chr(10)', E'name is not a valid name: "a\n"'),
    ('name', 'repeat(''n'', 64)', 'name is not a valid name: "' || repeat('n', 64) || '"'),
    ('schedule', '''''', 'schedule must not be empty'),
    ('schedule', '''daily''', 'schedule "daily" has 1 field instead of five')
) AS s(argument, value, message);
SELECT pg_temp.refuses('schedule => ''@daily''', '55000',
                       format('pg_cron is not installed in database "%s"', current_database()), 'no pg_cron');

-- The time column, the filter ----------------------------------------------------------------------------------------

SELECT throws_ok($$SELECT etl.add_retention_policy('shop.sale', 'when', '1 day')$$, '42703',
                 'column "when" of table "shop.sale" does not exist', 'an unknown column');
SELECT throws_ok($$SELECT etl.add_retention_policy('shop.sale', NULL, '1 day')$$, '22023',
                 'no column of table "shop.sale" was given', 'no column');
SELECT throws_ok($$SELECT etl.add_retention_policy('shop.sale', 'ctid', '1 day')$$, '42703', NULL, 'a system column');
SELECT throws_ok($$SELECT etl.add_retention_policy('shop.sale', 'id', '1 day')$$, '42804',
                 'column "id" of table "shop.sale" is of type integer, which does not tell a row''s age', 'a number');
CREATE DOMAIN shop.moment AS timestamptz NOT NULL;
CREATE DOMAIN shop.our_moment AS shop.moment CHECK (VALUE > '2000-01-01');
CREATE TABLE shop.event (at shop.our_moment, "From" timestamp);
SELECT is(etl._retention_time_type('shop.event', 'at'), 'timestamptz'::regtype, 'a domain is what is beneath it');
CREATE INDEX ON shop.event (at);
SELECT pg_temp.refuses('filter => ''who''', '42804', NULL, 'a filter that is no condition');
SELECT pg_temp.refuses('filter => ''nobody = 1''', '42703', NULL, 'of an unknown column');
SELECT pg_temp.refuses('filter => ''true); DELETE FROM shop.sale; SELECT (1''', '42601', NULL,
                       'of more than one command');
SELECT pg_temp.refuses('filter => ''''', '42601', NULL, 'an empty one');
SELECT is_empty($$SELECT FROM etl.policies WHERE policy <> 'due'$$, 'nothing is left of what was refused');

-- Tables that are none, or not for this ------------------------------------------------------------------------------

CREATE VIEW shop.view AS SELECT * FROM shop.sale;
CREATE MATERIALIZED VIEW shop.matview AS SELECT * FROM shop.sale;
CREATE TEMPORARY TABLE passing (at timestamptz);
CREATE FOREIGN DATA WRAPPER tap_nothing;
CREATE SERVER tap_elsewhere FOREIGN DATA WRAPPER tap_nothing;
CREATE FOREIGN TABLE shop.abroad (at timestamptz) SERVER tap_elsewhere;
CREATE TABLE shop.spread (id int, at timestamptz) PARTITION BY LIST (id);
CREATE FOREIGN TABLE shop.far PARTITION OF shop.spread FOR VALUES IN (1) SERVER tap_elsewhere;
CREATE TABLE shop.ruled (at timestamptz);
CREATE RULE keep AS ON DELETE TO shop.ruled DO INSTEAD NOTHING;
CREATE SEQUENCE shop.numbers;
SELECT throws_ok(format('SELECT etl.add_retention_policy(%L, %L, ''1 day'')', t.relation, 'at'), t.sqlstate::char(5),
                 t.message, t.message)
FROM (VALUES
    ('shop.view', '42809', '"shop.view" is a view, not a table'),
    ('shop.matview', '42809', '"shop.matview" is a materialized view, not a table'),
    ('shop.abroad', '42809', '"shop.abroad" is a foreign table, not a table'),
    ('shop.numbers', '42809', '"shop.numbers" is a sequence, not a table'),
    ('shop.spread', '42809', 'partition "shop.far" of table "shop.spread" is a foreign table'),
    ('passing', '42809', 'table "passing" is temporary'),
    ('shop.ruled', '0A000', 'table "shop.ruled" has rule "keep" on DELETE'),
    ('pg_catalog.pg_class', '42809', 'table "pg_class" belongs to PostgreSQL itself'),
    (NULL, '22023', 'no table was given')
) AS t(relation, sqlstate, message);
SELECT throws_ok($$SELECT etl.add_retention_policy(0::regclass, 'at', '1 day')$$, '42P01',
                 'table with OID 0 does not exist', 'a table that is gone');

CREATE TABLE shop.chain (LIKE shop.spread) PARTITION BY RANGE (at);
CREATE TABLE shop.block PARTITION OF shop.chain FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE INDEX ON shop.chain (at);
SELECT etl.set_immutable('shop.chain') \g /dev/null
SELECT throws_ok($$SELECT etl.add_retention_policy('shop.chain', 'at', '1 day')$$, '55000',
                 'table "shop.chain" is immutable', 'a table that is immutable');
SELECT throws_ok($$SELECT etl.add_retention_policy('shop.block', 'at', '1 day')$$, '55000',
                 'table "shop.block" is immutable', 'a part of it');
CREATE TABLE shop.event_kept (LIKE shop.event);
SELECT etl.set_immutable('shop.event_kept') \g /dev/null
SELECT throws_ok($$SELECT etl.add_retention_policy('shop.event', 'at', '1 day', archive_to => 'shop.event_kept',
                                                   archive_keep => '2 days')$$, '55000',
                 'table "shop.event_kept" is immutable', 'an archive out of which rows are to be deleted');
SELECT lives_ok($$SELECT etl.add_retention_policy('shop.event', 'at', '1 day', archive_to => 'shop.event_kept')$$,
                'but one that only gets rows may be immutable');

-- Names that need quotes ---------------------------------------------------------------------------------------------

CREATE TABLE "Old Shop"."Odd ""Sale" (LIKE shop.sale);
CREATE INDEX ON "Old Shop"."Odd ""Sale" (at);
ALTER TABLE "Old Shop"."Odd ""Sale" RENAME at TO "The Time";
SELECT is(etl.add_retention_policy('"Old Shop"."Odd ""Sale"', 'The Time', '1 day', archive_to => '"Older"'),
          'Odd "Sale', 'any table and column');
SELECT results_eq($$SELECT relation, time_column::text COLLATE "default", archive_to FROM etl.policies
                    WHERE policy = 'Odd "Sale'$$,
                  $$VALUES ('"Old Shop"."Odd ""Sale"', 'The Time', '"Old Shop"."Older"')$$,
                  'quoted where they must be');
SET LOCAL quote_all_identifiers = on;
SELECT lives_ok($$SELECT etl.add_retention_policy('shop.sale', 'at', '1 day', 'quoted', archive_to => 'quoted_sale')$$,
                'with the setting that quotes all');
RESET quote_all_identifiers;
SELECT is((SELECT relation || ' ' || archive_to FROM etl.policies WHERE policy = 'quoted'),
          'shop.sale shop.quoted_sale', 'no more than that');
SELECT throws_ok($$INSERT INTO etl.retention_policy (name, relation, time_column) VALUES ('x', 'a, b', 'at')$$, '22023',
                 NULL, 'what is no name cannot be stored by hand either');

-- Again --------------------------------------------------------------------------------------------------------------

SELECT etl.add_retention_policy('shop.sale', 'at', '30 days', 'again', 'again_old', '2 years',
                                'who = ''b''') \g /dev/null
SELECT throws_ok($$SELECT etl.add_retention_policy('shop.sale', 'at', '30 days', 'again')$$, '42710',
                 'retention policy "again" already exists', 'a name that is taken');
CREATE FUNCTION pg_temp.differs(arguments text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    made etl.retention_policy;
    tiers etl.retention_tier[];
BEGIN
    EXECUTE format($cmd$SELECT etl.add_retention_policy('shop.sale', 'at', name => 'probe', %s)$cmd$, arguments);
    SELECT p.* INTO made FROM etl.retention_policy AS p WHERE p.name = 'probe';
    tiers := ARRAY(SELECT etl._retention_tiers(made));
    PERFORM etl.remove_retention_policy('probe');
    RETURN (
        SELECT string_agg(d.setting, ', ')
        FROM etl.retention_policy AS p,
             etl._retention_differences(etl._retention_definition(p, ARRAY(SELECT etl._retention_tiers(p))),
                                        etl._retention_definition(made, tiers)) AS d
        WHERE p.name = 'again');
END $$;
SELECT is(pg_temp.differs($$keep => '30 days', archive_to => 'again_old', archive_keep => '2 years',
                            filter => 'who = ''b'''$$),
          NULL, 'the same');
SELECT is(pg_temp.differs($$keep => '31 days'$$), 'archive_keep, archive_to, filter, keep', 'less is not the same');
SELECT is(pg_temp.differs($$keep => '30 days', archive_to => 'again_old', archive_keep => '2 years',
                            filter => 'who = ''b''', pause => '1 s', method => 'rows', evolve => true,
                            max_runtime => '1 min'$$),
          'evolve, max_runtime, method, pause', 'nor are other settings');
SELECT is(etl.add_retention_policy('shop.sale', 'at', '90 days', 'again', if_not_exists => true), 'again',
          'if_not_exists leaves it');
SELECT is((SELECT keep FROM etl.policies WHERE policy = 'again'), interval '30 days', 'as it is');

-- Roles --------------------------------------------------------------------------------------------------------------

CREATE ROLE etl_tap_def_ann;
CREATE ROLE etl_tap_def_ben;
GRANT USAGE ON SCHEMA shop TO etl_tap_def_ann, etl_tap_def_ben;
SET LOCAL ROLE etl_tap_def_ann;
SELECT pg_temp.refuses('name => ''hers''', '42501', 'permission denied for table "shop.sale"', 'a table of others');
SELECT is(pg_temp.hint(pg_temp.add()), 'GRANT SELECT, UPDATE, DELETE ON shop.sale TO etl_tap_def_ann;',
          'what it takes');
RESET ROLE;
GRANT SELECT, UPDATE, DELETE ON shop.sale TO etl_tap_def_ann, etl_tap_def_ben;
SET LOCAL ROLE etl_tap_def_ann;
SELECT pg_temp.refuses('archive_to => ''her_old''', '42501',
                       'archive table "shop.her_old" does not exist, and role "etl_tap_def_ann" may not create it',
                       'an archive that cannot be made');
SELECT is(etl.add_retention_policy('shop.sale', 'at', '30 days', 'hers'), 'hers', 'a role with the rights');
SELECT results_eq('SELECT policy, owner::text COLLATE "default" FROM etl.policies',
                  $$VALUES ('hers', 'etl_tap_def_ann')$$, 'sees its own');
SELECT throws_ok($$SELECT etl.add_retention_policy('shop.sale', 'at', '30 days', 'again')$$, '42710',
                 'retention policy "again" already exists', 'the name of another role''s');
SELECT throws_ok($$SELECT etl.add_retention_policy('shop.sale', 'at', '30 days', 'again', if_not_exists => true)$$,
                 '42710', NULL, 'is no policy that exists for it');
RESET ROLE;
UPDATE etl.retention_policy SET owner = 'etl_tap_def_ben' WHERE name = 'hers';
SET LOCAL ROLE etl_tap_def_ben;
SELECT results_eq('SELECT policy, tiers FROM etl.policies',
                  $$VALUES ('hers', '[{"tier": 1, "after": "30 days"}]'::jsonb)$$,
                  'a policy gets another owner with its tiers');
SELECT lives_ok($$SELECT etl.alter_retention_policy('hers', keep => '31 days')$$, 'who may change it');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
