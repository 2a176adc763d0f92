-- Immutable tables: what etl.set_immutable refuses, in tables, partitions and children, and who may end it.
SELECT plan(57);
SET client_min_messages = warning;
CREATE ROLE immutable_owner;
CREATE ROLE immutable_writer;
CREATE SCHEMA chain AUTHORIZATION immutable_owner;
GRANT USAGE ON SCHEMA chain TO immutable_writer;
SET ROLE immutable_owner;

CREATE FUNCTION pg_temp.refused(statement text, description text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
    SELECT throws_like(statement, 'table "chain.%" is immutable: % is not allowed', coalesce(description, statement))
$$;

-- A table -------------------------------------------------------------------------------------------------------------

CREATE TABLE chain.block (id int PRIMARY KEY, data text);
INSERT INTO chain.block VALUES (1, 'a'), (2, 'b');
GRANT ALL ON chain.block TO immutable_writer;
SELECT lives_ok('SELECT etl._require_mutable(''chain.block'')', 'a table is mutable by nature');
SELECT lives_ok('SELECT etl.set_immutable(''chain.block'')', 'its owner makes it immutable');
SELECT lives_ok('SELECT etl.set_immutable(''chain.block'')', 'twice if he likes');
SELECT is(array_agg(action || ' ' || object ORDER BY seq), '{made immutable chain.block,made immutable chain.block}',
          'which the log tells') FROM etl.audit_log WHERE owner = current_user;
SELECT lives_ok('INSERT INTO chain.block VALUES (3, ''c'')', 'rows can be added');
SELECT pg_temp.refused(s) FROM unnest(ARRAY[
    'UPDATE chain.block SET data = ''x'' WHERE id = 1', 'DELETE FROM chain.block WHERE id = 1', 'TRUNCATE chain.block',
    'INSERT INTO chain.block VALUES (1, ''x'') ON CONFLICT (id) DO UPDATE SET data = ''x''',
    'MERGE INTO chain.block AS b USING (VALUES (1)) AS v(id) ON b.id = v.id WHEN MATCHED THEN DELETE',
    'WITH d AS (DELETE FROM chain.block RETURNING *) SELECT * FROM d']) AS s;
SELECT throws_ok('SELECT etl._require_mutable(''chain.block'')', '55000', 'table "chain.block" is immutable',
          'policies refuse it');
SELECT is(relation || ' ' || is_protected || ' ' || owner, 'chain.block true immutable_owner', 'it is listed')
FROM etl.immutable_tables;
SET ROLE immutable_writer;
SELECT pg_temp.refused('DELETE FROM chain.block', 'another role is refused as well');
SELECT throws_ok('SELECT etl.set_immutable(''chain.block'', false)', '42501', 'must be owner of table "chain.block"',
                 'and cannot end it');
RESET ROLE;
SELECT pg_temp.refused('DELETE FROM chain.block', 'so is a superuser');
SET session_replication_role = replica;
SELECT pg_temp.refused('DELETE FROM chain.block', 'also where triggers are off');
SELECT pg_temp.refused('TRUNCATE chain.block', 'and from TRUNCATE');
RESET session_replication_role;
SET ROLE immutable_owner;
SELECT is(count(*), 3::bigint, 'all rows are there') FROM chain.block;

-- What comes by foreign keys.
CREATE TABLE chain.wallet (id int PRIMARY KEY);
CREATE TABLE chain.transfer (wallet int REFERENCES chain.wallet ON DELETE CASCADE ON UPDATE CASCADE);
INSERT INTO chain.wallet VALUES (1), (2);
INSERT INTO chain.transfer VALUES (1);
SELECT etl.set_immutable('chain.transfer') \g /dev/null
SELECT pg_temp.refused('DELETE FROM chain.wallet WHERE id = 1', 'ON DELETE CASCADE');
SELECT pg_temp.refused('UPDATE chain.wallet SET id = 9 WHERE id = 1', 'ON UPDATE CASCADE');
SELECT pg_temp.refused('TRUNCATE chain.wallet CASCADE');
SELECT lives_ok('DELETE FROM chain.wallet WHERE id = 2', 'what is not referred to is free');

-- The end of it, and its limits.
SELECT lives_ok('SELECT etl.set_immutable(''chain.block'', false)', 'the owner ends it');
SELECT lives_ok('DELETE FROM chain.block WHERE id = 3', 'and deletes');
SELECT is(action, 'made mutable', 'the log tells') FROM etl.audit_log WHERE owner = current_user ORDER BY seq DESC
          LIMIT 1;
SELECT lives_ok('SELECT etl.set_immutable(''chain.block'', false)', 'what is mutable stays so');
SELECT is(count(*), 1::bigint, 'which is not told again') FROM etl.audit_log WHERE action = 'made mutable';
SELECT throws_ok('SELECT etl.set_immutable(''chain.block'', NULL)', '22023', NULL, 'NULL is neither');
SELECT throws_ok('SELECT etl.set_immutable(NULL)', '22023', NULL, 'no table');
SELECT throws_ok('SELECT etl.set_immutable(''pg_stats'')', '42809', NULL, 'a view');
SELECT etl.set_immutable('chain.block') \g /dev/null
ALTER TABLE chain.block DISABLE TRIGGER ALL;
SELECT ok(NOT is_protected, 'an owner who disables the triggers shows') FROM etl.immutable_tables WHERE relation =
          'chain.block';
SELECT throws_ok('SELECT etl._require_mutable(''chain.block'')', '55000', NULL, 'policies refuse the table still');

-- Partitions ----------------------------------------------------------------------------------------------------------

CREATE TABLE chain.log (id int, part int) PARTITION BY LIST (part);
CREATE TABLE chain.log_1 PARTITION OF chain.log FOR VALUES IN (1) PARTITION BY LIST (id);
CREATE TABLE chain.log_1a PARTITION OF chain.log_1 DEFAULT;
SELECT etl.set_immutable('chain.log') \g /dev/null
CREATE TABLE chain.log_2 PARTITION OF chain.log FOR VALUES IN (2);
CREATE TABLE chain.log_3 (id int, part int);
SELECT etl.set_immutable('chain.log_3') \g /dev/null
SELECT lives_ok('ALTER TABLE chain.log ATTACH PARTITION chain.log_3 FOR VALUES IN (3)',
          'an immutable partition can be attached');
INSERT INTO chain.log VALUES (1, 1), (2, 2), (3, 3);
SELECT pg_temp.refused(s) FROM unnest(ARRAY[
    'DELETE FROM chain.log WHERE id = 1', 'DELETE FROM chain.log_1a', 'UPDATE chain.log_2 SET id = 5',
              'DELETE FROM chain.log_3',
    'TRUNCATE chain.log', 'TRUNCATE chain.log_1a', 'TRUNCATE chain.log_3']) AS s;
SELECT throws_ok(format('SELECT etl._require_mutable(%L)', r), '55000', NULL, r || ' is no policy''s')
FROM unnest(ARRAY['chain.log', 'chain.log_1', 'chain.log_1a', 'chain.log_2']) AS r;
SELECT is(string_agg(relation, ' ' ORDER BY relation), 'chain.log_2', 'a partition that came later lacks one trigger')
FROM etl.immutable_tables WHERE NOT is_protected AND relation LIKE 'chain.log%';
SELECT etl.set_immutable('chain.log') \g /dev/null
SELECT pg_temp.refused('TRUNCATE chain.log_2', 'until it is said again');
SELECT throws_ok('SELECT etl.set_immutable(''chain.log_2'', false)', '55000', NULL,
          'a part of an immutable table stays so');
ALTER TABLE chain.log DETACH PARTITION chain.log_2;
SELECT throws_ok('SELECT etl._require_mutable(''chain.log_2'')', '55000', NULL,
          'a partition that was detached is no policy''s either');
SELECT ok(NOT is_protected, 'and not protected, as the trigger of its parent has left it')
FROM etl.immutable_tables WHERE relation = 'chain.log_2';
SELECT lives_ok('SELECT etl.set_immutable(''chain.log'', false); SELECT etl._require_mutable(''chain.log'')',
          'the end of it');
SELECT lives_ok('DELETE FROM chain.log', 'goes for all parts');

-- Children ------------------------------------------------------------------------------------------------------------

CREATE TABLE chain.base (id int);
CREATE TABLE chain.child () INHERITS (chain.base);
INSERT INTO chain.child VALUES (1);
SELECT etl.set_immutable('chain.base') \g /dev/null
SELECT pg_temp.refused('DELETE FROM chain.base', 'a row of a child, by its parent');
SELECT pg_temp.refused('DELETE FROM chain.child', 'and by itself');

-- Triggers that the owner has dropped ---------------------------------------------------------------------------------

CREATE TABLE chain.bare (id int);
SELECT etl.set_immutable('chain.bare') \g /dev/null
SELECT format('DROP TRIGGER %I ON chain.bare', tgname) FROM pg_trigger WHERE tgrelid = 'chain.bare'::regclass \gexec
SELECT results_eq($$SELECT is_protected, owner FROM etl.immutable_tables WHERE relation = 'chain.bare'$$,
                  $$VALUES (false, 'immutable_owner'::name)$$, 'a table without its triggers is listed by the log');
SELECT etl._audit('made immutable', 'not a "name') \g /dev/null
SELECT lives_ok('SELECT * FROM etl.immutable_tables', 'whatever the log says besides');
SELECT etl.set_immutable('chain.bare'), etl.set_immutable('chain.bare', false) \g /dev/null
SELECT is_empty($$SELECT FROM etl.immutable_tables WHERE relation = 'chain.bare'$$, 'until it was made mutable');

RESET ROLE;
SELECT * FROM finish();
