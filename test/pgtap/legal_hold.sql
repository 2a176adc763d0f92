-- Legal holds: who may place them, what may stand in them, which rows they are about, and what happens to the table.
CREATE EXTENSION dblink;
SELECT plan(129);
SET client_min_messages = warning;
SET timezone = 'Asia/Kolkata';
SET datestyle = 'SQL, DMY';
CREATE ROLE hold_placer;
CREATE ROLE hold_worker;
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
GRANT CREATE ON SCHEMA public TO hold_placer;
CREATE TYPE app.status AS ENUM ('open', 'paid');
CREATE TABLE app.orders (id int PRIMARY KEY, status app.status, customer text, amount numeric, at timestamptz,
          tags text[],
                         body jsonb, ok bool);
INSERT INTO app.orders
SELECT n, (ARRAY['open', 'paid'])[1 + n % 2]::app.status, 'c' || n % 3, n,
          '2024-01-01 00:00+00'::timestamptz + n * interval '1 day',
       ARRAY['t' || n % 2], jsonb_build_object('n', n), n > 5 FROM generate_series(1, 10) AS n;
INSERT INTO app.orders (id) VALUES (11);

-- The rows that are held, by the condition that is asked for.
CREATE FUNCTION pg_temp.held(relation regclass, origin regclass DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    ids text;
    condition text := etl._held_condition(relation, 't', origin);
BEGIN
    IF condition IS NULL THEN
        RETURN 'none';
    END IF;
    EXECUTE
              format('SELECT coalesce(string_agg(t.id::text, '','' ORDER BY t.id), '''') '
               '|| CASE WHEN bool_or((%2$s) IS NULL) '
                   'THEN '' NULL'' ELSE '''' END FROM %1$s AS t WHERE (%2$s) IS DISTINCT FROM false', relation,
                             condition)
    INTO ids;
    RETURN ids;
END $$;
CREATE FUNCTION pg_temp.hold(predicate text, relation text DEFAULT 'app.orders') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    ids text;
BEGIN
    PERFORM etl.add_legal_hold('tried', relation::regclass, predicate, 'a try');
    ids := pg_temp.held(relation::regclass);
    RAISE EXCEPTION USING ERRCODE = 'TRIED', MESSAGE = ids;
EXCEPTION
    WHEN SQLSTATE 'TRIED' THEN
        RETURN SQLERRM;
END $$;

-- Conditions that may stand -------------------------------------------------------------------------------------------

SELECT is(pg_temp.held('app.orders'), 'none', 'without a hold there is no condition');
SELECT is(pg_temp.hold(c), ids, c) FROM (VALUES
    (NULL, '1,2,3,4,5,6,7,8,9,10,11'), ('id IN (1, 2, 99)', '1,2'), ('status = ''paid''', '1,3,5,7,9'),
    ('orders.customer = ''c1'' AND amount >= 4.0', '4,7,10'), ('lower(customer) LIKE ''C2''', ''),
    ('upper(customer) LIKE ''C2'' OR ok IS NOT TRUE AND id < 2', '1,2,5,8'),
    ('at >= ''09/01/2024 05:30:00 Asia/Kolkata''', '8,9,10'), ('at < ''03/01/2024''', '1'),
    ('''t1'' = ANY (tags)', '1,3,5,7,9'), ('tags[1] = ''t0'' AND id > 8', '10'),
    ('body @> ''{"n": 3}''', '3'), ('(body ->> ''n'')::int = 4', '4'), ('amount BETWEEN 2 AND 3', '2,3'),
    ('CASE WHEN ok THEN id = 7 ELSE id = 2 END', '2,7'), ('coalesce(amount, 0) = 0', '11'),
    ('customer IS NULL', '11'), ('NOT ok', '1,2,3,4,5'), ('(id, customer) = (4, ''c1'')', '4'),
    ('id = 1 -- and no more', '1'), ('greatest(id, 3) = 3', '1,2,3'), ('customer COLLATE "C" < ''c1''', '3,6,9'),
    ('extract(year FROM at AT TIME ZONE ''UTC'') = 2024 AND id = 1', '1'), ('NULL', ''), ('id = id + NULL', ''),
    ('length(customer) = 2 AND id % 5 = 0', '5,10'), ('id::text = ''7''', '7')
) AS v(c, ids);

-- Conditions that may not: they could run what somebody has written, or mean something else in another session.
CREATE FUNCTION app.mine(int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE FUNCTION app.equal(int, int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE OPERATOR app.=== (LEFTARG = int, RIGHTARG = int, FUNCTION = app.equal);
CREATE FUNCTION app.spy(int) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'spied'; END $$;
CREATE DOMAIN app.trap AS int CHECK (app.spy(value));
CREATE TYPE app.trapped AS (n app.trap);
CREATE TABLE app.traps (id int, n app.trap, pair app.trapped);
SELECT throws_like(format('SELECT pg_temp.hold(%L)', c), message, c) FROM (VALUES
    ('app.mine(id)', 'function app.mine cannot stand%'), ('id OPERATOR(app.===) 1', 'operator app.=== cannot stand%'),
    ('id === 1', 'operator does not exist%'), ('at > now()', 'function now() cannot stand%'),
    ('random() > 0.5', 'function random() cannot stand%'), ('current_user = ''x''', 'what depends on the session%'),
    ('at > current_date', 'what depends on the session%'), ('EXISTS (SELECT)', 'a subquery cannot stand%'),
    ('id IN (SELECT 1)', 'a subquery cannot stand%'), ('orders IS NULL', 'a whole row cannot stand%'),
    ('orders.* IS NULL', 'a whole row cannot stand%'), ('count(*) > 1', '%aggregate%'), ('id',
              '%must be type boolean%'),
    ('id = 1) OR (true', '%syntax error%'), ('true; DROP TABLE app.orders', '%syntax error%'),
    ('true, true', '%is not one expression%'), ('true FROM app.orders', '%is not one expression%'), ('',
              '%is not one expression%'),
    ('nothing = 1', 'column "nothing" does not exist'), ('id::app.trap = 1', 'type app.trap cannot stand%'),
    ('''(1)''::app.trapped IS NULL', 'type app.trapped cannot stand%'),
    ('''{(1)}''::app.trapped[] IS NULL', 'type app.trapped[] cannot stand%'), ('app.trapped(''(1)'') IS NULL',
              '%cannot stand%'),
    ('domain_in(''1'', ''app.trap''::regtype, -1) IS NULL', '%cannot stand%'),
    ('jsonb_populate_record(NULL::app.trapped, ''{"n": 1}'') IS NULL', '%cannot stand%'),
    ('table_to_xml(''app.orders'', true, true, '''') IS NULL', 'function table_to_xml%cannot stand%'),
    ('current_setting(''x'') = ''y''', 'function current_setting%cannot stand%'), ('pg_sleep(1) IS NULL',
              '%cannot stand%'),
    ('at = ''2024-01-01''::date', '%cannot stand%'), ('customer::timestamptz IS NULL', '%cannot stand%'),
    ('generate_series(1, 2) = 1', '%set-returning%'), ('$1', '%cannot stand%')
) AS v(c, message);
SELECT throws_like($$ SELECT pg_temp.hold('jsonb_populate_record(traps, ''{"n": 1}'') IS NULL', 'app.traps') $$,
          '%cannot stand%',
                   'a row of the table as the type to be made');
SELECT is(pg_temp.hold('n IS NULL AND (pair).n IS NULL', 'app.traps'), '',
          'values that are there already may be looked at');

-- Placing -------------------------------------------------------------------------------------------------------------

SELECT throws_ok('SELECT etl.add_legal_hold(''x'', ''app.orders'', reason => NULL)', '22023',
                 'the reason of a legal hold must not be NULL', 'no reason');
SELECT throws_ok('SELECT etl.add_legal_hold(''x'', ''app.orders'', reason => E'' \n'')', '22023',
                 'the reason of a legal hold must not be empty', 'an empty reason');
SELECT throws_ok('SELECT etl.add_legal_hold(NULL, ''app.orders'', reason => ''r'')', '22023', NULL, 'no name');
SELECT throws_ok('SELECT etl.add_legal_hold(''x'', NULL, reason => ''r'')', '22023', NULL, 'no table');
SELECT throws_ok('SELECT etl.add_legal_hold(''x'', ''pg_stats'', reason => ''r'')', '42809', NULL, 'a view');
SELECT throws_ok('SELECT etl.add_legal_hold(''x'', ''app.orders'', reason => ''r'', until => now())', '22023', NULL,
                 'an end that is past');
SET ROLE hold_placer;
SELECT throws_ok('SELECT etl.add_legal_hold(''x'', ''app.orders'', reason => ''r'')', '42501',
                 'role "hold_placer" has no right to legal holds', 'not everybody places one');
SELECT throws_ok('SELECT etl.release_legal_hold(''x'', ''r'')', '42501',
          'role "hold_placer" has no right to legal holds',
                 'or releases one');
SELECT throws_ok('INSERT INTO etl.legal_hold (name) VALUES (''x'')', '42501', NULL, 'by no other way either');
RESET ROLE;
GRANT SELECT, INSERT, UPDATE ON etl.legal_hold TO hold_placer;
SET ROLE hold_placer;
SELECT ok(etl.add_legal_hold('case 1', 'app.orders', 'customer = ''c1'' AND at < ''05/01/2024''', 'File 1') > 0,
          'who has the right places one, without a right to the table');
SELECT results_eq($$ SELECT name, relation_name, predicate, reason, until, owner::text COLLATE "default",
                            placed_at BETWEEN now() - interval '1 min' AND clock_timestamp(),
                                      released_at FROM etl.legal_hold $$,
    $$ VALUES ('case 1', 'app.orders',
              '((customer = ''c1''::text) AND (at < ''2024-01-04 18:30:00+00''::timestamp with time '
               'zone))', 'File 1', NULL::timestamptz, 'hold_placer', true, NULL::timestamptz) $$,
    'what it says means the same everywhere');
SELECT results_eq($$ SELECT action, object, detail FROM etl.audit_log WHERE owner = current_user $$,
    $$ SELECT 'hold placed', 'app.orders', jsonb_build_object('hold', 'case 1', 'reason', 'File 1', 'predicate',
              predicate)
       FROM etl.legal_hold $$, 'and is in the log');
SELECT throws_ok('SELECT etl.add_legal_hold(''case 1'', ''app.orders'', reason => ''r'')', '42710',
                 'legal hold "case 1" already exists', 'the name is taken');
-- Straight into the table: checked and filled in as well.
INSERT INTO etl.legal_hold (name, relation, predicate, reason, owner, placed_at, released_at, released_by,
          release_reason)
VALUES ('direct', 'app.orders', 'id = 9', 'r', 'postgres', '01/01/2000', now(), 'x', 'y');
SELECT ok(owner = 'hold_placer' AND placed_at > now() - interval '1 min' AND released_at IS NULL AND released_by IS
          NULL,
          'who and when cannot be forged') FROM etl.legal_hold WHERE name = 'direct';
SELECT throws_ok($$ INSERT INTO etl.legal_hold (name, relation, predicate, reason, placed_at)
                    VALUES ('direct 2', 'app.orders', 'app.mine(id)', 'r', now()) $$, '42P17', NULL,
                              'nor is the check passed by');
SET ROLE hold_worker;
SELECT throws_ok('SELECT reason FROM etl.legal_hold', '42501', NULL, 'others do not see why');
SELECT results_eq($$ SELECT name, status FROM etl.legal_holds ORDER BY hold_id $$,
                  $$ VALUES ('case 1', 'active'), ('direct', 'active') $$, 'but that there is a hold');
RESET ROLE;
GRANT SELECT ON app.orders TO hold_worker, hold_placer;
SET ROLE hold_worker;
SELECT is(pg_temp.held('app.orders'), '1,9', 'and which rows it is about, of all placers');
SELECT throws_ok('UPDATE etl.legal_hold SET release_reason = ''x''', '42501', NULL, 'and cannot release it');
RESET ROLE;

-- Releasing -----------------------------------------------------------------------------------------------------------

SET ROLE hold_placer;
SELECT throws_ok('SELECT etl.release_legal_hold(''direct'', '' '')', '22023', NULL, 'not without a reason');
SELECT throws_ok('SELECT etl.release_legal_hold(''nothing'', ''r'')', '42704', 'legal hold "nothing" does not exist',
          'no such hold');
SELECT throws_ok(format('UPDATE etl.legal_hold SET release_reason = ''r'', %s WHERE name = ''direct''', c), '55000',
                 'legal hold "direct" cannot be changed', 'no change of ' || c) FROM unnest(ARRAY[
    'predicate = ''false''', 'reason = ''x''', 'until = now()', 'relation = ''app.traps''', 'owner = ''postgres''',
    'placed_at = now()', 'name = ''x''']) AS c;
SELECT throws_ok('UPDATE etl.legal_hold SET until = now() WHERE name = ''direct''', '22023', NULL,
          'nor without a release');
SELECT lives_ok('SELECT etl.release_legal_hold(''direct'', ''settled'')', 'released');
SELECT throws_ok('SELECT etl.release_legal_hold(''direct'', ''again'')', '55000',
          'legal hold "direct" was released already', 'once');
SELECT throws_ok('SELECT etl.add_legal_hold(''direct'', ''app.orders'', reason => ''r'')', '42710', NULL,
          'its name stays taken');
SELECT ok(released_by = 'hold_placer' AND release_reason = 'settled' AND released_at > placed_at, 'who, when and why')
FROM etl.legal_hold WHERE name = 'direct';
SELECT is(detail, '{"hold": "direct", "reason": "settled", "placed_by": "hold_placer"}', 'also in the log')
FROM etl.audit_log WHERE action = 'hold released';
SELECT is(pg_temp.held('app.orders'), '1', 'its rows are free');
RESET ROLE;
SELECT throws_ok('DELETE FROM etl.legal_hold', '42501', NULL, 'nobody deletes a hold');
SELECT throws_ok('TRUNCATE etl.legal_hold', '42501', NULL, 'or all');
SET session_replication_role = replica;
SELECT throws_ok('DELETE FROM etl.legal_hold', '42501', NULL, 'also where triggers are off');
RESET session_replication_role;
SELECT ok(is_whole, 'the log is whole') FROM etl.verify_audit('hold_placer');

-- The end by itself, and restored rows --------------------------------------------------------------------------------

SELECT etl.add_legal_hold('short', 'app.orders', 'id = 10', 'r', clock_timestamp() + interval '300 ms') \g /dev/null
SELECT is(pg_temp.held('app.orders'), '1,10', 'before its end a hold stands');
SELECT pg_sleep(0.3) \g /dev/null
SELECT is(pg_temp.held('app.orders'), '1', 'and after it not');
SELECT is(status, 'expired', 'which shows') FROM etl.legal_holds WHERE name = 'short';
INSERT INTO etl.legal_hold (name, relation, relation_name, reason, placed_at, released_at, released_by,
          release_reason, owner)
VALUES ('of a dump', 'app.orders', 'app.old_orders', 'r', '01/02/2020', '01/03/2020', 'x', 'y', 'z');
SELECT ok(owner = 'z' AND released_by = 'x' AND extract(year FROM placed_at) = 2020,
          'a superuser restores one as it was')
FROM etl.legal_hold WHERE name = 'of a dump';
SELECT is_empty($$ SELECT FROM etl.audit_log WHERE detail ->> 'hold' = 'of a dump' $$, 'which is not placing it');

-- What becomes of the table -------------------------------------------------------------------------------------------

ALTER TABLE app.orders RENAME TO renamed;
CREATE TABLE app.orders (LIKE app.renamed);
INSERT INTO app.orders SELECT * FROM app.renamed;
SELECT is(pg_temp.held('app.renamed'), '1', 'a hold goes with the table that is renamed');
SELECT is(pg_temp.held('app.orders'), '1', 'and is on what takes its name, too');
SELECT is(pg_temp.held('app.orders', 'app.renamed'), '1', 'also where that is its archive');
ALTER TABLE app.renamed RENAME COLUMN customer TO client;
SELECT throws_ok($$ SELECT pg_temp.held('app.renamed') $$, '42703',
    'legal hold "case 1" cannot be obeyed in table "app.renamed": column "customer" is called "client" now',
    'a hold on a column that is gone stops it all');
ALTER TABLE app.renamed ADD COLUMN customer text;
SELECT throws_ok($$ SELECT pg_temp.held('app.renamed') $$, '42703', NULL, 'so it does when another one has its name');
ALTER TABLE app.renamed DROP COLUMN customer;
ALTER TABLE app.renamed RENAME COLUMN client TO customer;
ALTER TABLE app.renamed DROP COLUMN at;
ALTER TABLE app.renamed ADD COLUMN at text;
SELECT throws_like($$ SELECT pg_temp.held('app.renamed') $$,
          'legal hold "case 1" cannot be obeyed in table "app.renamed": %',
    'or that is of another type');
DROP TABLE app.renamed CASCADE;
SELECT is(status || ' ' || relation || ' ' || pg_temp.held('app.orders'), 'active app.orders 1',
          'when the table is gone, the hold is on the one that has its name')
FROM etl.legal_holds WHERE name = 'case 1';
ALTER TABLE app.orders RENAME TO elsewhere;
SELECT is(status || ' ' || relation, 'lost app.orders', 'a hold on a table that is gone shows')
FROM etl.legal_holds WHERE name = 'case 1';
SELECT is(pg_temp.held('app.elsewhere'), 'none', 'and hinders nobody');
ALTER TABLE app.elsewhere RENAME TO orders;
-- An enum whose name a trap has taken: it is not even read.
CREATE TABLE app.bait (id int, kind app.status);
SELECT etl.add_legal_hold('bait', 'app.bait', 'kind = ''paid''', 'r') \g /dev/null
ALTER TABLE app.bait ALTER kind TYPE text;
ALTER TABLE app.orders ALTER status TYPE text;
DROP TYPE app.status;
CREATE TYPE app.status AS (n app.trap);
SELECT throws_like($$ SELECT etl._held_condition('app.bait', 't') $$, '%type app.status cannot stand%',
          'a type that was swapped');

-- Families ------------------------------------------------------------------------------------------------------------

CREATE TABLE app.events (id int, at date) PARTITION BY RANGE (at);
CREATE TABLE app.events_1 PARTITION OF app.events FOR VALUES FROM ('01/01/2024') TO ('01/02/2024');
CREATE TABLE app.events_2 PARTITION OF app.events FOR VALUES FROM ('01/02/2024') TO ('01/03/2024') PARTITION BY LIST
          (id);
CREATE TABLE app.events_2a PARTITION OF app.events_2 DEFAULT;
CREATE TABLE app.events_old (at date, id int, note text);
INSERT INTO app.events SELECT n, date '30/01/2024' + n FROM generate_series(0, 3) AS n;
INSERT INTO app.events_old SELECT at, id FROM app.events;
SELECT etl.add_legal_hold('parent', 'app.events', 'id = 0', 'r') \g /dev/null
SELECT is(ARRAY[pg_temp.held('app.events'), pg_temp.held('app.events_1'), pg_temp.held('app.events_2a')], ARRAY['0',
          '0', ''],
          'a hold on a parent is about its partitions');
SELECT etl.add_legal_hold('middle', 'app.events_2', 'id = id', 'r') \g /dev/null
SELECT is(ARRAY[pg_temp.held('app.events'), pg_temp.held('app.events_1'), pg_temp.held('app.events_2a'),
                pg_temp.held('app.events_old'), pg_temp.held('app.events_old', 'app.events')],
          ARRAY['0,2,3', '0', '2,3', 'none', '0,2,3'],
                    'one on a partition about its rows, seen from wherever, and their archive');
SELECT etl.release_legal_hold('middle', 'r') \g /dev/null
CREATE TABLE app.events_3 (id int, at date);
INSERT INTO app.events_3 VALUES (8, '02/03/2024'), (9, '03/03/2024');
SELECT etl.add_legal_hold('alone', 'app.events_3', 'id = 9', 'r') \g /dev/null
CREATE TEMPORARY TABLE before_attach AS SELECT etl._held_condition('app.events', 't') AS condition;
ALTER TABLE app.events ATTACH PARTITION app.events_3 FOR VALUES FROM ('01/03/2024') TO ('01/04/2024');
SELECT is(pg_temp.held('app.events'), '0,9', 'a hold comes along with a partition that is attached');
CREATE FUNCTION pg_temp.rows_of(relation regclass, condition text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    ids text;
BEGIN
    EXECUTE format('SELECT string_agg(t.id::text, '','' ORDER BY t.id) FROM %s AS t WHERE %s', relation,
              condition) INTO ids;
    RETURN ids;
END $$;
SELECT is((SELECT pg_temp.rows_of('app.events', condition) FROM before_attach), '0,8,9',
          'what was asked before counts what it does not know as held');
ALTER TABLE app.events DETACH PARTITION app.events_1;
SELECT is(ARRAY[pg_temp.held('app.events_1'), pg_temp.held('app.events_1', 'app.events')], ARRAY['0', '0'],
          'a partition that is detached is held by what held it, whether or not one says where it is from');
CREATE TABLE app.base (id int);
CREATE TABLE app.child (extra int) INHERITS (app.base);
INSERT INTO app.base VALUES (1), (2);
INSERT INTO app.child VALUES (1, 1), (2, 2);
SELECT etl.add_legal_hold('child', 'app.child', 'id = 1', 'r') \g /dev/null
SELECT is(ARRAY[pg_temp.held('app.base'), pg_temp.held('app.child')], ARRAY['1', '1'],
          'of a table that inherits only its own rows');
SELECT etl.add_legal_hold('own column', 'app.child', 'extra = 2', 'r') \g /dev/null
SELECT is(pg_temp.held('app.child'), '1,2', 'a column of its own may be asked for');
SELECT throws_like($$ SELECT etl._held_condition('app.base', 't') $$,
          'legal hold "own column" cannot be obeyed in table "app.base": %',
                   'but not by way of its parent');

-- A hold that was placed after the transaction began ------------------------------------------------------------------

SELECT dblink_connect('other', format('dbname=%s host=%s', current_database(),
          current_setting('unix_socket_directories'))) \g /dev/null
CREATE TABLE app.late (id int);
INSERT INTO app.late VALUES (1), (2);
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM app.late \g /dev/null
SELECT dblink_exec('other', $$ DO 'BEGIN PERFORM etl.add_legal_hold(''late'', ''app.late'', ''id = 2'', ''r''); END'
          $$) \g /dev/null
SELECT etl._lock_holds() \g /dev/null
SELECT is(pg_temp.held('app.late'), '2', 'under REPEATABLE READ a hold that came later is obeyed');
SELECT dblink_exec('other', 'SET lock_timeout = ''100 ms''') \g /dev/null
SELECT throws_like($$ SELECT dblink_exec('other',
          $x$ DO 'BEGIN PERFORM etl.add_legal_hold(''x'', ''app.late'', NULL, ''r''); END' $x$) $$,
                   '%lock timeout%', 'and none is placed while rows are deleted');
COMMIT;

-- A hold whose transaction does not end -------------------------------------------------------------------------------

SELECT pid AS other_pid FROM dblink('other', 'SELECT pg_backend_pid()') AS r(pid int) \gset
SELECT dblink_exec('other', 'BEGIN'), dblink_exec('other',
          $$ DO 'BEGIN PERFORM etl.add_legal_hold(''open'', ''app.late'', ''id = 1'', ''r''); END' $$) \g /dev/null
CREATE FUNCTION pg_temp.refusal(OUT state text, OUT message text, OUT detail text, OUT hint text) LANGUAGE plpgsql AS $$
BEGIN
    SET LOCAL lock_timeout = '10 ms';
    PERFORM etl._lock_holds();
EXCEPTION
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
            hint = PG_EXCEPTION_HINT;
END
$$;
SELECT results_eq('SELECT state, message FROM pg_temp.refusal()',
                  $$ VALUES ('55P03', 'a transaction that places a legal hold has not ended') $$,
                  'who would delete is told what is in the way');
SELECT matches((SELECT detail FROM pg_temp.refusal()), format('of role "%s", process %s\.$', current_user, :other_pid),
               'and who');
SELECT matches((SELECT hint FROM pg_temp.refusal()), format('pg_terminate_backend\(%s\)', :other_pid),
               'and how it ends');
SELECT dblink_exec('other', 'ROLLBACK') \g /dev/null
SELECT is((SELECT state FROM pg_temp.refusal()), NULL, 'after its end nothing is');

SELECT * FROM finish();
