-- The audit log: a chain for each role to which rows can only be added, and what etl.verify_audit() finds wrong.
CREATE EXTENSION dblink;
SELECT plan(60);
SET timezone = 'Asia/Kolkata';
CREATE ROLE "Odd Name";
CREATE ROLE audit_a;
CREATE ROLE audit_b;
CREATE ROLE auditor;
GRANT pg_read_all_data TO auditor;

-- Adding --------------------------------------------------------------------------------------------------------------

SET ROLE audit_a;
SELECT is(etl._audit('archived', 'public.x', '{"rows": 3, "n": 1.50}'), 1::bigint, 'the first row of a chain');
SELECT is(etl._audit('archived', NULL), 2::bigint, 'the next one, about nothing in particular');
SELECT is(etl._audit('deleted', 'y', NULL), 3::bigint, 'without a detail');
SELECT results_eq(
    $$ SELECT seq, owner::text COLLATE "default", actor::text COLLATE "default", action, object,
              detail FROM etl.audit_log ORDER BY seq $$,
    $$ VALUES (1::bigint, 'audit_a', session_user::text COLLATE "default", 'archived', 'public.x',
              '{"n": 1.50, "rows": 3}'::jsonb),
              (2, 'audit_a', session_user::text COLLATE "default", 'archived', NULL, '{}'), (3, 'audit_a',
                        session_user::text COLLATE "default", 'deleted', 'y', '{}') $$,
    'they say who, what and about what');
SELECT ok(bool_and(at BETWEEN now() - interval '1 min' AND clock_timestamp()), 'and when') FROM etl.audit_log;
SELECT is(previous, decode(repeat('00', 32), 'hex'), 'the first one follows nothing') FROM etl.audit_log WHERE seq = 1;
SELECT is(previous, (SELECT hash FROM etl.audit_log WHERE seq = 1), 'the second one the first')
FROM etl.audit_log WHERE seq = 2;
SELECT is(hash, sha256(previous || convert_to(
    format('["audit_a", 1, %s, "%s", "archived", "public.x", {"n": 1.50, "rows": 3}]',
           (extract(epoch FROM at) * 1000000)::bigint, session_user), 'UTF8')), 'the hash is what its comment says')
FROM etl.audit_log WHERE seq = 1;
SELECT throws_ok($$ SELECT etl._audit('', 'x') $$, '23514', NULL, 'something must have been done');
SELECT throws_ok($$ SELECT etl._audit(NULL, 'x') $$, '23502', NULL, 'whatever it was');

-- Several rows of one statement, and of one transaction that was rolled back.
INSERT INTO etl.audit_log (action) SELECT 'row ' || n FROM generate_series(1, 3) AS n;
SELECT is(array_agg(seq ORDER BY action), '{4,5,6}'::bigint[], 'each row of a statement follows the one before')
FROM etl.audit_log WHERE action LIKE 'row %';
BEGIN; SELECT etl._audit('gone', 'x') \g /dev/null
ROLLBACK;
SELECT is(etl._audit('after', 'x'), 7::bigint, 'a row that was rolled back leaves no gap');
SELECT ok(is_whole AND rows = 7 AND head_seq = 7 AND chain = 'audit_a' AND broken_at IS NULL, 'the chain is whole')
FROM etl.verify_audit();

-- Roles ---------------------------------------------------------------------------------------------------------------

SELECT throws_ok($$ INSERT INTO etl.audit_log (action, seq) VALUES ('forged', 1) $$, '42501', NULL,
                 'nobody chooses a number');
SELECT throws_ok($$ INSERT INTO etl.audit_log (action, owner) VALUES ('forged', 'audit_b') $$, '42501', NULL,
                 'or another''s chain');
SELECT throws_ok($$ INSERT INTO etl.audit_log VALUES ('audit_b', 1, now(), 'x', 'forged', '', '{}', repeat('0',
          32)::bytea,
                 repeat('0', 32)::bytea) $$, '42501', NULL, 'or a hash');
SELECT throws_ok('UPDATE etl.audit_log SET action = ''x''', '42501', NULL, 'or changes a row');
SELECT throws_ok('DELETE FROM etl.audit_log', '42501', NULL, 'or deletes one');
SELECT throws_ok('TRUNCATE etl.audit_log', '42501', NULL, 'or all');
SET ROLE audit_b;
SELECT is_empty('SELECT FROM etl.audit_log', 'another role sees nothing of it');
SELECT is_empty('SELECT FROM etl.verify_audit()', 'and has no chain to check');
SELECT is(etl._audit('hello', 'b'), 1::bigint, 'it has a chain of its own');
SET ROLE "Odd Name";
SELECT is(etl._audit('hello', 'odd'), 1::bigint, 'a role with an odd name has, too');
SET ROLE auditor;
SELECT results_eq('SELECT chain::text COLLATE "default", rows, is_whole FROM etl.verify_audit()',
                  $$ VALUES ('Odd Name', 1::bigint, true), ('audit_a', 7, true), ('audit_b', 1, true) $$,
                  'who may read all data reads all of them');
SELECT throws_ok('DELETE FROM etl.audit_log', '42501', NULL, 'and changes none');
RESET ROLE;
SELECT throws_ok('UPDATE etl.audit_log SET action = ''x''', '42501', 'UPDATE of table "etl.audit_log" is not allowed',
                 'not even a superuser does');
SELECT throws_ok('DELETE FROM etl.audit_log WHERE false', '42501', 'DELETE of table "etl.audit_log" is not allowed',
                 'or deletes');
SELECT throws_ok('TRUNCATE etl.audit_log', '42501', 'TRUNCATE of table "etl.audit_log" is not allowed', 'or truncates');
SELECT throws_ok($$ INSERT INTO etl.audit_log (action) VALUES ('x') ON CONFLICT (owner,
          seq) DO UPDATE SET action = 'y' $$,
                 '42501', NULL, 'nor by way of a conflict');
SET session_replication_role = replica;
SELECT throws_ok('UPDATE etl.audit_log SET action = ''x''', '42501', NULL, 'also where triggers are off');
SELECT is(etl._audit('replica', ''), 1::bigint, 'and a row that is added then is chained');
RESET session_replication_role;

-- A transaction that began before others wrote ------------------------------------------------------------------------

SELECT dblink_connect('other', format('dbname=%s host=%s', current_database(),
          current_setting('unix_socket_directories')))
\g /dev/null
SELECT dblink_exec('other', 'SET ROLE audit_a') \g /dev/null
SET ROLE audit_a;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM etl.audit_log \g /dev/null
SELECT * FROM dblink('other', $$ SELECT etl._audit('meanwhile', 'x') $$) AS o(seq bigint) \g /dev/null
SELECT is(etl._audit('old snapshot', 'x'), 9::bigint, 'under REPEATABLE READ it is added after what it cannot see');
SELECT is(etl._audit('old snapshot', 'x'), 10::bigint, 'and the next one after itself');
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT count(*) FROM etl.audit_log \g /dev/null
SELECT * FROM dblink('other', $$ SELECT etl._audit('meanwhile', 'x') $$) AS o(seq bigint) \g /dev/null
SELECT is(etl._audit('old snapshot', 'x'), 12::bigint, 'and under SERIALIZABLE');
COMMIT;
RESET ROLE;
SELECT ok(is_whole, 'the chain is whole') FROM etl.verify_audit('audit_a');

-- Restoring -----------------------------------------------------------------------------------------------------------

-- What a dump does: the rows come as they were, in any order.
CREATE TABLE dumped AS SELECT * FROM etl.audit_log ORDER BY random();
CREATE TABLE head AS SELECT * FROM etl.verify_audit();
CREATE PROCEDURE pg_temp.tamper(change text) LANGUAGE plpgsql AS $$
BEGIN
    ALTER TABLE etl.audit_log DISABLE TRIGGER keep;
    EXECUTE change;
    ALTER TABLE etl.audit_log ENABLE ALWAYS TRIGGER keep;
END $$;
-- What is wrong after a change to the log that evades its triggers, and after it is undone.
CREATE FUNCTION pg_temp.problem(change text, check_call text DEFAULT 'etl.verify_audit(''audit_a'')') RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    found text;
BEGIN
    CALL pg_temp.tamper(change);
    EXECUTE format('SELECT concat_ws('': '', broken_at, problem) FROM %s', check_call) INTO found;
    RAISE EXCEPTION USING ERRCODE = 'TAMPR', MESSAGE = found;
EXCEPTION
    WHEN SQLSTATE 'TAMPR' THEN
        RETURN SQLERRM;
END $$;
CALL pg_temp.tamper('TRUNCATE etl.audit_log');
INSERT INTO etl.audit_log SELECT * FROM dumped;
SELECT results_eq('SELECT * FROM etl.verify_audit()', 'SELECT * FROM head',
          'a chain that was restored verifies as before');
SET ROLE audit_a;
SELECT is(etl._audit('after the restore', 'x'), 13::bigint, 'and goes on');
RESET ROLE;
CREATE TABLE later AS SELECT * FROM etl.verify_audit('audit_a');
SELECT is(count(*), 1::bigint, 'one row follows') FROM etl.verify_audit() AS v JOIN head AS h USING (chain)
WHERE v.is_whole AND v.rows = h.rows + 1 AND chain = 'audit_a';

-- Tampering -----------------------------------------------------------------------------------------------------------

CREATE FUNCTION pg_temp.set(what text, seq bigint) RETURNS text LANGUAGE sql AS $$
    SELECT format('UPDATE etl.audit_log SET %s WHERE owner = ''audit_a'' AND seq = %s', what, seq)
$$;
SELECT is(pg_temp.problem(pg_temp.set(c, 5)), '5: row 5 was changed', 'a change of ' || c) FROM unnest(ARRAY[
    'action = ''nothing''', 'object = ''z''', 'detail = ''{"a": 1}''', 'actor = ''me''',
    'at = at - interval ''1 microsecond''', 'hash = sha256(hash)']) AS c;
SELECT is(pg_temp.problem(pg_temp.set('previous = sha256(previous)', 5)), '5: row 5 was changed', 'of what it follows');
SELECT is(pg_temp.problem('DELETE FROM etl.audit_log WHERE owner = ''audit_a'' AND seq IN (4, 5)'),
          '6: rows 4 to 5 are missing', 'rows cut out');
SELECT is(pg_temp.problem('DELETE FROM etl.audit_log WHERE owner = ''audit_a'' AND seq = 1'),
          '2: rows 1 to 1 are missing', 'the first one cut off');
SELECT is(pg_temp.problem(
    'UPDATE etl.audit_log SET seq = seq + 100 WHERE owner = ''audit_a'' AND seq > 3; '
    'UPDATE etl.audit_log SET seq = seq - 101 WHERE owner = ''audit_a'' AND seq > 104; '
    'DELETE FROM etl.audit_log WHERE seq > 100'), '4: row 4 was changed', 'a row cut out and the others renumbered');
SELECT is(pg_temp.problem(
    'UPDATE etl.audit_log SET seq = 99 WHERE owner = ''audit_a'' AND seq = 3; '
    'UPDATE etl.audit_log SET seq = 3 WHERE owner = ''audit_a'' AND seq = 4; '
    'UPDATE etl.audit_log SET seq = 4 WHERE owner = ''audit_a'' AND seq = 99'), '3: row 3 was changed',
              'rows that changed places');
-- By one who knows the formula: the row is sound in itself, but the next one follows another.
SELECT is(pg_temp.problem(pg_temp.set(
    'action = ''nothing'', hash = etl._audit_hash(previous, owner, seq, at, actor, ''nothing'', object, detail)', 5)),
    '6: row 6 does not follow what stands before it', 'a row that was changed together with its hash');
SELECT is(pg_temp.problem(pg_temp.set('at = ''infinity''', 5)), '5: row 5 was changed', 'a time that is none');
SELECT is(pg_temp.problem('ALTER TABLE etl.audit_log DROP CONSTRAINT audit_log_pkey; '
                          'INSERT INTO etl.audit_log SELECT * FROM etl.audit_log '
                          'WHERE owner = ''audit_a'' AND seq = 4'),
          '4: row 4 is there twice', 'a number that is there twice');
-- The end, and what is written anew to the end, show only against what was kept elsewhere.
SELECT is(pg_temp.problem('DELETE FROM etl.audit_log WHERE owner = ''audit_a'' AND seq > 10'), '',
          'an end that was cut off leaves a whole chain');
SELECT is(pg_temp.problem('DELETE FROM etl.audit_log WHERE owner = ''audit_a'' AND seq > 10',
                          format('etl.verify_audit(''audit_a'', %s, %L)', h.head_seq, h.head_hash)),
          '12: row 12, whose hash was kept, is missing', 'but not against the head that was kept')
FROM head AS h WHERE h.chain = 'audit_a';
SELECT is(pg_temp.problem('DELETE FROM etl.audit_log WHERE owner = ''audit_a''',
                          format('etl.verify_audit(''audit_a'', %s, %L)', h.head_seq, h.head_hash)),
          '12: row 12, whose hash was kept, is missing', 'nor does a chain that is gone')
FROM head AS h WHERE h.chain = 'audit_a';
SELECT is(pg_temp.problem(pg_temp.set('action = ''nothing'', hash = etl._audit_hash(previous, owner, seq, at, actor, '
                                      '''nothing'', object, detail)', 13),
                          format('etl.verify_audit(''audit_a'', 13, %L)', l.head_hash)),
          '13: row 13 has not the hash that was kept', 'or another row in its place')
FROM later AS l;
SELECT ok(v.is_whole, 'an earlier head is part of a chain that went on')
FROM head AS h, etl.verify_audit('audit_a', h.head_seq, h.head_hash) AS v WHERE h.chain = 'audit_a';
SELECT ok(is_whole AND rows = 0 AND head_seq IS NULL, 'no chain is nothing wrong') FROM etl.verify_audit('nobody');
SELECT throws_ok('SELECT etl.verify_audit(kept_seq => 1, kept_hash => ''\x'')', '22023', NULL, 'a head needs an owner');
SELECT throws_ok('SELECT etl.verify_audit(''audit_a'', 1)', '22023', NULL, 'and a hash');

SELECT * FROM finish();
