-- The audit of etl.dedupe beside a role that means harm: what it writes there is nobody else's, and not even a
-- superuser acts on it; and no trigger of another's table leaves the role that etl.dedupe was called with.
BEGIN;
SELECT plan(28);

CREATE ROLE etl_victim;
CREATE ROLE etl_attacker;
CREATE TABLE treasure (id int PRIMARY KEY, k int, note text);
CREATE TABLE chest (id int PRIMARY KEY, treasure_id int REFERENCES treasure, note text);
INSERT INTO treasure VALUES (1, 1, 'a'), (2, 1, 'b');
INSERT INTO chest VALUES (1, 1, 'mine');
GRANT SELECT, INSERT, UPDATE, DELETE ON treasure, chest TO etl_victim;
CREATE TABLE run_of (role name, run bigint);
GRANT SELECT, INSERT ON run_of TO PUBLIC;
INSERT INTO run_of SELECT current_user, run FROM etl.dedupe('treasure', '{k}', 'merge', 'id', repoint => '{chest}');
INSERT INTO treasure VALUES (3, 2, 'c'), (4, 2, 'd');
SET ROLE etl_victim;
INSERT INTO public.run_of
SELECT current_user, run FROM etl.dedupe('public.treasure', '{k}', 'last', 'id', repoint => '{public.chest}');
RESET ROLE;

-- Nothing can be written into another's run
SET ROLE etl_attacker;
SELECT throws_ok(format(attack, run), '42501', NULL, format('%s, run of %s', why, role))
FROM public.run_of
CROSS JOIN (VALUES
    ('INSERT INTO etl.dedupe_change (run_id, step, relation, before, after) VALUES (%s, 1, $$public.chest$$, $${}$$, '
     '$${}$$)', 'a forged change'),
    ('INSERT INTO etl.removed_duplicate (run_id, "row") VALUES (%s, $${"id": "9"}$$)', 'a forged row'),
    ('INSERT INTO etl.dedupe_run (run_id, relation, relation_id, repointed, repointed_ids, keys, keep, nulls_equal, '
     'audit) OVERRIDING SYSTEM VALUE VALUES (%s + 1, $$x$$, 1, $${}$$, $${}$$, $${k}$$, $$last$$, false, true)',
     'a number that another one shall get'),
    ('INSERT INTO etl.dedupe_change (run_id, step, before, after, owner) VALUES (%s, 1, $${}$$, $${}$$, '
     '$$etl_victim$$)', 'a change of another owner')
) AS a(attack, why);
CREATE TEMPORARY TABLE own AS
    WITH made AS (
        INSERT INTO etl.dedupe_run (relation, relation_id, repointed, repointed_ids, keys, keep, nulls_equal, audit)
        VALUES ('public.treasure', 'public.treasure'::regclass, '{}', '{}', '{k}', 'last', false, true)
        RETURNING run_id)
    SELECT run_id AS run FROM made;
SELECT lives_ok(format('INSERT INTO etl.dedupe_change (run_id, step, before, after) '
                       'VALUES (%s, 1, $${}$$, $${}$$)', run),
                'a change of its own run') FROM own;
SELECT throws_ok(format('UPDATE etl.dedupe_change SET run_id = %s', run), '42501', NULL, 'cannot be moved to another')
FROM public.run_of;
SELECT throws_ok('UPDATE etl.dedupe_change SET owner = $$etl_victim$$', '42501', NULL, 'nor given away');
SELECT throws_ok('UPDATE etl.dedupe_run SET run_id = DEFAULT', '42501', NULL, 'nor a run be numbered anew');
SELECT throws_ok('UPDATE etl.dedupe_run SET owner = $$etl_victim$$', '42501', NULL, 'or given away');
SELECT is_empty('SELECT * FROM etl.removed_duplicates', 'it sees nothing of others');
SELECT throws_ok(format('SELECT * FROM etl.undo_dedupe(%s)', run), '42704', NULL, 'and undoes nothing of others')
FROM public.run_of;
RESET ROLE;

-- Rows that are there all the same, as a role could write them once: a superuser, whom row security does not bind, does
-- not act on them.
INSERT INTO etl.dedupe_change (run_id, step, relation, before, after, owner)
SELECT run, 1, 'pg_catalog.pg_authid', jsonb_build_object('oid', a.oid::text, 'rolsuper', 'true'),
       jsonb_build_object('oid', a.oid::text, 'rolsuper', 'false'), 'etl_attacker'
FROM run_of CROSS JOIN pg_authid AS a WHERE a.rolname = 'etl_attacker';
INSERT INTO etl.dedupe_change (run_id, step, before, after, owner)
SELECT run, 1, jsonb_build_object('id', '2', 'note', 'forged'), jsonb_build_object('id', '2', 'note', 'b'),
       'etl_attacker'
FROM run_of;
INSERT INTO etl.removed_duplicate (run_id, "row", owner)
SELECT run, '{"id": "9", "k": "9"}', 'etl_attacker' FROM run_of;
SELECT is((SELECT count(*) FROM etl.removed_duplicates WHERE owner = 'etl_attacker'), 0::bigint,
          'forged rows are in no list');
-- One of its own, about a table that the run has nothing to do with
INSERT INTO etl.dedupe_change (run_id, step, relation, before, after)
SELECT run, 1, 'public.run_of', '{"role": "forged"}', jsonb_build_object('role', role) FROM run_of
WHERE role = current_user;
SELECT results_eq('SELECT u.* FROM run_of AS r, etl.undo_dedupe(run) AS u WHERE role = current_user',
                  'VALUES (1::bigint, 1::bigint)', 'a superuser undoes what its run did');
SELECT is(rolsuper, false, 'and makes no other of the attacker') FROM pg_authid WHERE rolname = 'etl_attacker';
SELECT results_eq('SELECT * FROM treasure ORDER BY id', $$VALUES (1, 1, 'a'), (2, 1, 'b'), (4, 2, 'd')$$,
                  'nor of the table');
SELECT results_eq('SELECT role FROM run_of ORDER BY 1', $$VALUES ('etl_victim'::name), ('postgres')$$,
                  'nor of a table that was not repointed');
SET ROLE etl_victim;
SELECT results_eq('SELECT u.* FROM public.run_of AS r, etl.undo_dedupe(run) AS u WHERE role = current_user',
                  'VALUES (1::bigint, 0::bigint)', 'another role undoes its own');
RESET ROLE;
SELECT is((SELECT count(*) FROM etl.removed_duplicate WHERE owner = 'etl_attacker'), 2::bigint,
          'forged rows are not touched');
SELECT is(etl.prune_removed_duplicates('1 day', now() + interval '2 days'), 0::bigint, 'nor pruned');

-- A trigger of another's table cannot become who logged in
CREATE TABLE taken (who name);
CREATE TABLE trap (id int PRIMARY KEY, k int, note text, code int UNIQUE);
CREATE TABLE snare (id int PRIMARY KEY, trap_id int REFERENCES trap);
CREATE FUNCTION escape() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    BEGIN
        RESET ROLE;
        INSERT INTO public.taken VALUES (current_user);
    EXCEPTION
        WHEN insufficient_privilege THEN
            NULL;
    END;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$$;
CREATE TRIGGER escape BEFORE INSERT OR UPDATE OR DELETE ON trap FOR EACH ROW EXECUTE FUNCTION escape();
CREATE TRIGGER escape BEFORE UPDATE ON snare FOR EACH ROW EXECUTE FUNCTION escape();
GRANT ALL ON trap, snare TO etl_victim;
CREATE FUNCTION refill() RETURNS void LANGUAGE sql AS $$
    ALTER TABLE trap DISABLE TRIGGER escape;
    ALTER TABLE snare DISABLE TRIGGER escape;
    DELETE FROM snare;
    DELETE FROM trap;
    INSERT INTO trap VALUES (1, 1, 'a', 1), (2, 1, NULL, 2);
    INSERT INTO snare VALUES (1, 1);
    ALTER TABLE trap ENABLE TRIGGER escape;
    ALTER TABLE snare ENABLE TRIGGER escape;
$$;
SELECT refill();
SET ROLE etl_victim;
SELECT is(removed, 1::bigint, 'deleting without audit')
FROM etl.dedupe('public.trap', '{k}', 'last', 'id', audit => false, repoint => '{public.snare}');
RESET ROLE;
SELECT refill();
SET ROLE etl_victim;
SELECT is((SELECT put_back FROM etl.undo_dedupe(run)), 1::bigint, 'merging, repointing, and undoing it')
FROM etl.dedupe('public.trap', '{k}', 'merge', 'id', repoint => '{public.snare}');
RESET ROLE;
SELECT is_empty('SELECT * FROM taken', 'none of it lets a trigger leave the role');

SELECT * FROM finish();
ROLLBACK;
