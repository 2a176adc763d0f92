-- Roles, archives and rules: whose archive a table is, what verification reads, and what is on record however a rule
-- was changed.
SELECT plan(44);
SET client_min_messages = error;
CREATE ROLE keeper_ann LOGIN;
CREATE ROLE keeper_ben LOGIN;
CREATE SCHEMA shop;
GRANT ALL ON SCHEMA shop TO keeper_ann, keeper_ben;

CREATE FUNCTION pg_temp.verdict(place text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', v.ok, etl.row_count(v.found), etl.row_count(v.expected), v.problem)
    FROM etl.verify_archive() AS v WHERE v.location = place
$$;

-- What a superuser reads ----------------------------------------------------------------------------------------------

SET ROLE keeper_ann;
CREATE TABLE shop.sold (id int, at timestamptz);
INSERT INTO shop.sold VALUES (1, '2020-01-01');
SELECT etl.add_retention_policy('shop.sold', 'at', '1 year', archive_to => 'sold_old') \g /dev/null
CALL etl.run_retention('sold');
RESET ROLE;
SELECT is(pg_temp.verdict('shop.sold_old'), 't 1 1', 'a superuser verifies the archive of a role');
SET ROLE keeper_ann;
ALTER TABLE shop.sold_old RENAME TO hidden;
CREATE TABLE shop.spied (who text);
CREATE FUNCTION shop.spy() RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'run as %', current_user;
END $$;
CREATE VIEW shop.sold_old AS SELECT * FROM shop.hidden WHERE shop.spy();
RESET ROLE;
SELECT is(pg_temp.verdict('shop.sold_old'), 'f 1 It is a view and no table any more.',
          'what took its place is not read, nor what stands in it run');
DROP VIEW shop.sold_old;
SELECT is(pg_temp.verdict('shop.sold_old'), 'f 1 The table does not exist.', 'nor what is not there');
ALTER TABLE shop.hidden RENAME TO sold_old;
CREATE FOREIGN DATA WRAPPER nothing;
CREATE SERVER nowhere FOREIGN DATA WRAPPER nothing;
CREATE FOREIGN TABLE shop.away () INHERITS (shop.sold_old) SERVER nowhere;
SELECT is(pg_temp.verdict('shop.sold_old'), 'f 1 Part "shop.away" of it is a foreign table.', 'nor a foreign part');
DROP FOREIGN TABLE shop.away;
SELECT is(pg_temp.verdict('shop.sold_old'), 't 1 1', 'and all is well again');

-- Whose archive a table is --------------------------------------------------------------------------------------------

GRANT SELECT, INSERT, UPDATE, DELETE ON shop.sold_old TO keeper_ben;
SET ROLE keeper_ben;
CREATE TABLE shop.other (id int, at timestamptz);
SELECT throws_ok($$SELECT etl.add_retention_policy('shop.other', 'at', '1 year', archive_to => 'sold_old',
                                                   archive_keep => '2 years')$$,
                 '22023', 'table "shop.sold_old" is an archive of role "keeper_ann"',
                 'no policy of another role archives to it');
SELECT throws_ok($$SELECT etl.add_retention_policy('shop.sold_old', 'at', '2 years')$$,
                 '22023', 'table "shop.sold_old" is an archive of role "keeper_ann"', 'or deletes from it');
SELECT results_eq('SELECT relation, place, owner FROM etl.archive_owner',
                  $$VALUES ('shop.sold_old'::regclass, 'shop.sold_old', 'keeper_ann'::name)$$, 'who keeps it, all see');
DELETE FROM etl.archive_owner;
SELECT is((SELECT count(*) FROM etl.archive_owner), 1::bigint, 'and no other role takes it away');
SELECT throws_ok($$INSERT INTO etl.archive_owner (relation, place, owner)
                   VALUES ('shop.other', 'shop.other', 'keeper_ann')$$, '42501', NULL, 'nor speaks for another');
RESET ROLE;
REVOKE ALL ON shop.sold_old FROM keeper_ben;
SET ROLE keeper_ben;
INSERT INTO etl.archive (policy, tier, action, relation, time_column, source, location, rows, bytes, contents, columns)
VALUES ('x', 1, 'archived', 'a.b', 'at', 'a.b', 'shop.sold_old', 1, 1, '1:00000000000000000000000000000001',
        '[{"name": "more", "type": "int"}]'),
       ('x', 1, 'deleted', 'a.b', 'at', 'shop.sold_old', NULL, 1, 1, '1:00000000000000000000000000000001', NULL);
SELECT is(pg_temp.verdict('shop.sold_old'),
          'f 0 The table is an archive of role "keeper_ann", which alone knows what must lie in it.',
          'what another role says of the archive');
SELECT throws_ok($$INSERT INTO etl.archive (policy, action, source, location) VALUES ('x', 'archived', 'a.b', 'a b')$$,
                 '23514', NULL, 'what is no name is not written down');
SELECT throws_ok($$INSERT INTO etl.archive_owner (relation, place) VALUES ('shop.sold_old', 'x')$$, '42501', NULL,
                 'nobody keeps a table that he may not write');
RESET ROLE;
SELECT is(pg_temp.verdict('shop.sold_old'), 't 1 1', 'does not count');
SET ROLE keeper_ann;
SELECT is(pg_temp.verdict('shop.sold_old'), 't 1 1', 'for its own role neither');
DELETE FROM etl.archive_owner WHERE relation = 'shop.sold_old'::regclass;
GRANT ALL ON shop.sold_old TO keeper_ben;
SET ROLE keeper_ben;
SELECT lives_ok($$SELECT etl.add_retention_policy('shop.sold_old', 'at', '200 years')$$, 'the role gives it up');
RESET ROLE;

-- Parts of an archive -------------------------------------------------------------------------------------------------

CREATE TABLE shop.all_of_it (id int, at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE shop.part PARTITION OF shop.all_of_it DEFAULT;
CREATE TABLE shop.small (id int, at timestamptz);
INSERT INTO shop.small VALUES (1, '2020-01-01');
SELECT etl.add_retention_policy('shop.small', 'at', '1 year', archive_to => 'part') \g /dev/null
SELECT throws_ok($$SELECT etl.add_retention_policy('shop.all_of_it', 'at', '2 years')$$, '22023',
                 'archive table "shop.part" has rows in common with table "shop.all_of_it"',
                 'what an archive is a part of has no policy');
CALL etl.run_retention('small');
SELECT etl.remove_retention_policy('small') \g /dev/null
SELECT throws_ok($$SELECT etl.add_retention_policy('shop.all_of_it', 'at', '2 years')$$, '22023',
                 'archive table "shop.part" has rows in common with table "shop.all_of_it"',
                 'also when the policy that archived there was removed');
CREATE TABLE shop.all_2 (id int, at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE shop.part_2 PARTITION OF shop.all_2 DEFAULT;
SELECT etl.add_retention_policy('shop.all_2', 'at', '2 years') \g /dev/null
SELECT throws_ok($$SELECT etl.add_retention_policy('shop.small', 'at', '1 year', archive_to => 'part_2')$$, '22023',
                 'archive table "shop.part_2" has rows in common with table "shop.all_2"', 'nor the other way round');
SELECT lives_ok($$SELECT etl.add_retention_policy('shop.small', 'at', '1 year', archive_to => 'all_2')$$,
                'a policy on the archive itself is another matter');

-- Replication roles ---------------------------------------------------------------------------------------------------

CREATE TABLE shop.copied (id int, at timestamptz);
INSERT INTO shop.copied VALUES (1, '2020-01-01');
SELECT etl.add_retention_policy('shop.copied', 'at', '1 year', archive_to => 'copied_old') \g /dev/null
SET session_replication_role = replica;
CALL etl.run_retention('copied');
SELECT is(pg_temp.verdict('shop.copied_old'), 't 1 1', 'the ledger is kept under session_replication_role = replica');
UPDATE etl.retention_tier SET after = '3 years' FROM etl.retention_policy AS p
WHERE p.name = 'copied' AND p.policy_id = retention_tier.policy_id;
RESET session_replication_role;
SELECT is((SELECT detail FROM etl.audit_log WHERE object = 'copied' AND action = 'alter policy'),
          '{"keep": {"is": "3 years", "was": "1 year"}}', 'and the record of rules');

-- The record of rules -------------------------------------------------------------------------------------------------

CREATE FUNCTION pg_temp.record(policy text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT l.action || coalesce(' ' || (SELECT string_agg(format('%s: %s', d.key, d.value ->> 'is'), ', '
                                                          ORDER BY d.key)
                                        FROM jsonb_each(l.detail) AS d WHERE jsonb_typeof(d.value) = 'object'), '')
    FROM etl.audit_log AS l WHERE l.owner = current_user AND l.object = policy ORDER BY l.seq
$$;
SET ROLE keeper_ann;
CREATE TABLE shop.ruled (id int, at timestamptz);
CREATE INDEX ON shop.ruled (at);
SELECT etl.add_retention_policy('shop.ruled', 'at', '1 year', archive_to => 'ruled_old', archive_keep => '2 years')
\g /dev/null
SELECT etl.alter_retention_policy('ruled', keep => '6 months', archive_keep => '3 years', batch_rows => 7) \g /dev/null
SELECT etl.add_tier('ruled', '2 years', 'ruled_cold') \g /dev/null
SELECT etl.pause_retention_policy('ruled') \g /dev/null
SELECT etl.resume_retention_policy('ruled') \g /dev/null
SELECT etl.remove_tier('ruled', 2) \g /dev/null
SELECT is(ARRAY(SELECT pg_temp.record('ruled')), ARRAY[
    'add policy', 'alter policy archive_keep: 3 years, batch_rows: 7, keep: 6 mons',
    'add tier after (tier 2): 2 years, archive_to (tier 2): shop.ruled_cold', 'pause policy', 'resume policy',
    'remove tier after (tier 2): , archive_to (tier 2): '], 'what functions do is recorded once');
SELECT is((SELECT tiers FROM etl.policies WHERE policy = 'ruled'),
          '[{"tier": 1, "after": "6 mons", "archive_to": "shop.ruled_old"}, {"tier": 2, "after": "3 years"}]',
          'and done');
CREATE FUNCTION pg_temp.recorded(statement text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    before bigint := (SELECT max(seq) FROM etl.audit_log WHERE owner = current_user);
BEGIN
    EXECUTE statement;
    RETURN ARRAY(SELECT concat_ws(' ', l.action, l.object, l.detail #>> '{keep,is}', l.detail #>> '{filter,is}',
                                  l.detail #>> '{paused,is}', l.detail ->> 'keep')
                 FROM etl.audit_log AS l WHERE l.owner = current_user AND l.seq > before ORDER BY l.seq);
END $$;
SELECT is(pg_temp.recorded($$UPDATE etl.retention_tier SET after = '1 second' WHERE tier = 1 AND policy_id = (
              SELECT policy_id FROM etl.retention_policy WHERE name = 'ruled')$$),
          '{"alter policy ruled 00:00:01 {\"is\": \"00:00:01\", \"was\": \"6 mons\"}"}',
          'a tier that is changed by hand is recorded');
SELECT is(pg_temp.recorded($$UPDATE etl.retention_policy SET filter = 'id < 3' WHERE name = 'ruled'$$),
          '{"alter policy ruled id < 3"}', 'so is a policy');
SELECT is(pg_temp.recorded($$UPDATE etl.retention_policy SET filter = 'id < 3' WHERE name = 'ruled'$$), '{}',
          'nothing is, where nothing changes');
SELECT is(pg_temp.recorded($$UPDATE etl.retention_policy SET paused_at = now() WHERE name = 'ruled'$$),
          '{"alter policy ruled true"}', 'a pause');
SELECT is(pg_temp.recorded($$SELECT etl.resume_retention_policy('ruled')$$), '{"resume policy ruled"}',
          'which a function ends');
SELECT is(pg_temp.recorded($$UPDATE etl.retention_policy SET name = 'renamed' WHERE name = 'ruled'$$),
          '{"remove policy ruled 00:00:01","add policy renamed 00:00:01"}', 'another name');
SELECT is(pg_temp.recorded($$DELETE FROM etl.retention_policy WHERE name = 'renamed'$$),
          '{"remove policy renamed 00:00:01"}', 'and its end');
SELECT is(pg_temp.recorded($$INSERT INTO etl.retention_policy (name, relation, time_column)
                             VALUES ('by hand', 'shop.ruled', 'at')$$), '{"add policy by hand"}', 'a policy by hand');
SELECT is(pg_temp.recorded($$INSERT INTO etl.retention_tier (policy_id, tier, after)
                             SELECT policy_id, 1, '1 day' FROM etl.retention_policy WHERE name = 'by hand'$$),
          '{"alter policy by hand 1 day {\"is\": \"1 day\", \"was\": null}"}', 'and its tier');
RESET ROLE;
SELECT is(pg_temp.recorded($$UPDATE etl.retention_policy SET filter = 'id > 1' WHERE name = 'by hand'$$),
          '{"alter policy by hand id > 1"}', 'what a superuser changes stands in its chain');
SELECT is(pg_temp.recorded($$SELECT etl.remove_retention_policy('by hand')$$), '{"remove policy by hand 1 day"}',
          'once');
SELECT ok(bool_and(is_whole), 'the chains are whole') FROM etl.verify_audit();
SELECT is((SELECT count(*) FROM etl.audit_log WHERE action = 'archive' AND owner = 'keeper_ann'), 1::bigint,
          'batches are recorded as before');

-- Tables of pg_etl itself, and types ----------------------------------------------------------------------------------

SELECT throws_ok($$SELECT etl.add_retention_policy('etl.run', 'started_at', '1 year')$$, '42809',
                 'table "etl.run" belongs to pg_etl itself', 'no policy on a table of pg_etl');
SELECT throws_ok($$SELECT etl.add_retention_policy('shop.ruled', 'at', '1 year', archive_to => 'schema:etl')$$, '22023',
                 'archive_to "schema:etl" lies in schema "etl", which belongs to pg_etl itself',
                 'nor an archive there');
SELECT throws_ok($$SELECT etl.set_immutable('etl.archive')$$, '42809', 'table "etl.archive" belongs to pg_etl itself',
                 'nor an immutable one');
CREATE FUNCTION pg_temp.hint(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    hint text;
BEGIN
    EXECUTE statement;
    RETURN NULL;
EXCEPTION
    WHEN datatype_mismatch THEN
        GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
        RETURN hint;
END $$;
CREATE TABLE shop.typed (id int, at timestamptz, note varchar(5));
SELECT etl.add_retention_policy('shop.typed', 'at', '1 year', archive_to => 'typed_old') \g /dev/null
ALTER TABLE shop.typed ALTER id TYPE bigint;
SELECT is(pg_temp.hint($$SELECT etl.alter_retention_policy('typed', keep => '2 years')$$),
          'ALTER TABLE shop.typed_old ALTER COLUMN id TYPE bigint;', 'the type of an archive without rows is changed');
ALTER TABLE shop.typed ALTER id TYPE int;
INSERT INTO shop.typed VALUES (1, '2020-01-01', 'x');
CALL etl.run_retention('typed');
ALTER TABLE shop.typed ALTER id TYPE bigint;
SELECT is(pg_temp.hint($$SELECT etl.alter_retention_policy('typed', keep => '2 years')$$),
          'The rows that it has are proven with values of type integer: leave it as it is. Call '
          'etl.remove_retention_policy(...), and etl.add_retention_policy(...) with another archive_to.',
          'that of one with rows is not, for their hashes would change');
ALTER TABLE shop.typed ALTER id TYPE int, ALTER note TYPE text;
ALTER TABLE shop.typed_old ALTER note TYPE text;
SELECT is(pg_temp.verdict('shop.typed_old'), 't 1 1', 'texts have one hash');
ALTER TABLE shop.typed ALTER note TYPE varchar(9);
SELECT is(pg_temp.hint($$SELECT etl.alter_retention_policy('typed', keep => '2 years')$$),
          'ALTER TABLE shop.typed_old ALTER COLUMN note TYPE character varying(9);', 'whatever their length');
SELECT * FROM finish();
