-- Feature views and roles: who sees, changes and reads them, and whose rights their SQL has.
BEGIN;
SELECT plan(43);
SET client_min_messages = warning;

CREATE ROLE etl_owner;
CREATE ROLE etl_reader;
CREATE ROLE etl_stranger;
CREATE SCHEMA shop;
GRANT ALL ON SCHEMA shop TO etl_owner;
GRANT USAGE ON SCHEMA shop TO PUBLIC;
CREATE TABLE secret (note text);
INSERT INTO secret VALUES ('the owner may read this');
GRANT SELECT ON secret TO etl_owner;
GRANT USAGE ON SCHEMA public TO PUBLIC;

SET ROLE etl_owner;
CREATE TABLE shop.sale (wallet text, price numeric, at timestamptz);
INSERT INTO shop.sale VALUES ('a', 10, '2026-01-01');
CREATE FUNCTION shop.who() RETURNS text LANGUAGE sql AS 'SELECT current_user::text';
CREATE FUNCTION shop.escape() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RESET ROLE; RETURN current_user; END $$;
CREATE FUNCTION shop.helper() RETURNS text LANGUAGE sql AS $$ SELECT 'the owner''s' $$;
CREATE FUNCTION shop.careless() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN helper(); END $$;
SELECT etl.create_feature_view('wallets', ARRAY['wallet'],
    'SELECT wallet, sum(price) AS spent FROM shop.sale WHERE at <= $1 GROUP BY wallet', schema => 'shop',
    on_demand => '{"who": "shop.who()", "note": "(SELECT s.note FROM public.secret AS s)"}');
CALL etl.materialize_features('wallets', '2026-01-02');
SELECT is(etl.features_of('wallets', 'a') -> 'features',
          '{"spent": 10, "who": "etl_owner", "note": "the owner may read this"}', 'the owner reads its view');
SELECT is((SELECT tableowner FROM pg_tables WHERE tablename = 'wallets_history'), 'etl_owner', 'and owns its tables');

-- Another role
SET ROLE etl_stranger;
SELECT is_empty('SELECT * FROM etl.feature_views', 'it sees nothing of the view');
SELECT is_empty('SELECT * FROM etl.feature_view_versions', 'nor of its versions');
SELECT is_empty('SELECT * FROM etl.feature_materialization', 'nor of when it was materialised');
SELECT throws_ok($$SELECT etl.features_of('wallets', 'a')$$, '42501', 'permission denied for feature view "wallets"');
SELECT throws_ok($$SELECT etl.get_features(ARRAY['wallets'], '{"wallet": "a"}')$$, '42501');
SELECT throws_ok($$SELECT etl._feature_history('wallets')$$, '42501',
    'feature view "wallets" belongs to role "etl_owner"');
SELECT throws_ok($$SELECT etl.alter_feature_view('wallets', description => 'mine')$$, '42501');
SELECT throws_ok($$SELECT etl.drop_feature_view('wallets')$$, '42501');
SELECT throws_ok($$CALL etl.materialize_features('wallets')$$, '42501');
SELECT throws_ok($$SELECT etl.rebuild_features('wallets')$$, '42501');
SELECT throws_ok($$SELECT etl.feature_consistency('wallets')$$, '42501');
SELECT throws_ok($$SELECT etl.feature_lineage('wallets')$$, '42501');
SELECT throws_ok($$SELECT etl.create_feature_view('wallets', ARRAY['k'], 'SELECT 1 AS k, 2 AS x',
    schema => 'shop')$$, '42710',
                 'feature view "wallets" already exists and belongs to another role');
SELECT throws_ok($$INSERT INTO etl.feature_view (view_id, name, online_table, history_table, unlogged, entity, features,
                       query, on_demand) OVERRIDING SYSTEM VALUE VALUES (1000, 'x', 'x', 'x', false, '{a}', '{b}',
                           '', '{}')$$,
                 '42501', NULL, 'no number taken in advance');
SELECT throws_ok($$UPDATE etl.feature_view SET owner = 'etl_owner'$$, '42501', NULL, 'no view given to another');
SELECT throws_ok($$INSERT INTO etl.feature_view_version (view_id, version, query, on_demand, features, sources, owner)
                   VALUES (1, 9, '', '{}', '{}', '{}', 'etl_owner')$$, '42501', NULL, 'no forged version');

-- A reader: whoever may SELECT from the online table
RESET ROLE;
GRANT SELECT ON shop.wallets TO etl_reader;
SET ROLE etl_reader;
SELECT is(etl.features_of('wallets', 'a') -> 'features',
          '{"spent": 10, "who": "etl_owner", "note": "the owner may read this"}',
          'it reads, and on-demand expressions act as the owner');
SELECT is(current_user::text, 'etl_reader', 'and is who it was');
SELECT is_empty('SELECT * FROM etl.feature_views', 'the definition is not shown');
SELECT throws_ok($$CALL etl.materialize_features('wallets')$$, '42501', NULL, 'nor may it change anything');
RESET ROLE;
SELECT is(etl.features_of('wallets', 'a') #>> '{features,who}', 'etl_owner', 'a superuser lends its rights to nobody');
SELECT throws_ok($$CALL etl.materialize_features('wallets')$$, '42501', NULL, 'nor in a materialisation');
SET ROLE etl_owner;
SELECT etl.alter_feature_view('wallets', on_demand => '{"who": "shop.escape()"}');
SELECT throws_ok($$SELECT etl.features_of('wallets', 'a')$$, '42501', NULL, 'an expression cannot leave the role');
RESET ROLE;
SELECT throws_ok($$SELECT etl.features_of('wallets', 'a')$$, '42501', NULL, 'not for a superuser either');
SET ROLE etl_owner;
SELECT etl.alter_feature_view('wallets', on_demand => '{"who": "shop.careless()"}');
RESET ROLE;
CREATE SCHEMA trap;
GRANT ALL ON SCHEMA trap TO etl_reader;
GRANT USAGE ON SCHEMA trap TO PUBLIC;
SET ROLE etl_reader;
CREATE FUNCTION trap.helper() RETURNS text LANGUAGE sql AS $$ SELECT 'the trap''s, as ' || current_user $$;
SET search_path = trap, shop, public;
SELECT throws_ok($$SELECT etl.features_of('wallets', 'a')$$, '42883', 'function helper() does not exist',
                 'a reader''s search path is not the owner''s');
RESET search_path;

-- A reader's types bring no code of theirs: neither by a cast nor by a domain
RESET ROLE;
GRANT CREATE ON SCHEMA trap TO etl_owner;
SET ROLE etl_owner;
SELECT etl.create_feature_view('numbers', ARRAY['k'], 'SELECT 1::bigint AS k, 2 AS x', schema => 'shop');
CALL etl.materialize_features('numbers', '2026-01-02');
GRANT SELECT ON shop.numbers TO etl_reader;
SET ROLE etl_reader;
CREATE TYPE trap.evil AS ENUM ('1');
CREATE FUNCTION trap.cast(trap.evil) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'this runs as %', current_user;
END
$$;
CREATE CAST (trap.evil AS bigint) WITH FUNCTION trap.cast(trap.evil) AS IMPLICIT;
CREATE DOMAIN trap.number AS bigint;
SELECT throws_ok($$SELECT etl.features_of('numbers', '1'::trap.evil)$$, '42804',
    'entity column "k" of feature view "numbers" is bigint, and the value given is trap.evil',
    'no cast of a reader''s type');
SELECT is(etl.features_of('numbers', 1::trap.number) -> 'features', '{"x": 2}', 'a domain is what it is made of');
SELECT is(etl.features_of('numbers', 1::smallint) -> 'features', '{"x": 2}', 'PostgreSQL''s own casts');

-- An owner's types bring no code of theirs to whoever asks, nor a setting
SET ROLE etl_owner;
CREATE FUNCTION shop.checked(text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF current_user <> 'etl_owner' THEN
        RAISE EXCEPTION 'this runs as %', current_user;
    END IF;
    RETURN true;
END
$$;
CREATE DOMAIN shop.wallet AS text CHECK (shop.checked(VALUE));
CREATE FUNCTION shop.set_path() RETURNS text LANGUAGE sql AS $$
    SELECT pg_catalog.set_config('search_path', 'trap, pg_catalog', false) || set_config('row_security', 'off', false)
$$;
SELECT etl.create_feature_view('checked', ARRAY['wallet'], 'SELECT ''a''::shop.wallet AS wallet, 1 AS x',
    schema => 'shop', on_demand => '{"path": "shop.set_path()"}');
CALL etl.materialize_features('checked', '2026-01-02');
RESET ROLE;
CREATE TEMPORARY TABLE path AS SELECT current_setting('search_path') AS value;
SELECT is(etl.features_of('checked', 'a') #> '{features,x}', '1', 'a literal is checked by the owner');
SELECT is(etl.get_features(ARRAY['checked'], '{"wallet": "a"}') #> '{checked,features,x}', '1', 'in JSON too');
SELECT is(current_setting('search_path'), (SELECT value FROM path), 'the caller''s search path is what it was');
SELECT is(current_setting('row_security'), 'on', 'and so are other settings');
SET ROLE etl_owner;
CREATE FUNCTION shop.leave(text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RESET ROLE;
    RAISE EXCEPTION 'this runs as %', current_user;
END
$$;
CREATE DOMAIN shop.leaving AS text CHECK (shop.leave(VALUE));
CREATE TYPE shop.leavers AS (one shop.leaving);
SELECT throws_ok($$SELECT * FROM etl._feature_query_columns('SELECT ''(x)''::shop.leavers AS k, 1 AS x')$$, '42501',
                 NULL, 'a query cannot leave the role while it is read');
SET search_path = shop, public;
SELECT throws_ok($$SELECT etl.features_of('wallets', 'a')$$, '42883', 'function helper() does not exist',
                 'for its owner an expression means the same');
RESET search_path;
SET ROLE etl_reader;

-- Row security on the online table is for SELECT
RESET ROLE;
SET ROLE etl_owner;
ALTER TABLE shop.wallets ENABLE ROW LEVEL SECURITY;
SET ROLE etl_reader;
SELECT throws_ok($$SELECT etl.features_of('wallets', 'a')$$, '42501', NULL, 'who may not see all rows is refused');
SET ROLE etl_owner;
ALTER TABLE shop.wallets DISABLE ROW LEVEL SECURITY;
REVOKE SELECT ON shop.wallets FROM etl_reader;
RESET ROLE;
SET ROLE etl_reader;
SELECT throws_ok($$SELECT etl.features_of('wallets', 'a')$$, '42501', NULL, 'a right that is revoked is gone');

-- A role that takes the name of another does not act for its views' tables
RESET ROLE;
GRANT SELECT ON shop.numbers TO etl_reader;
ALTER ROLE etl_owner RENAME TO etl_former;
CREATE ROLE etl_owner;
GRANT USAGE ON SCHEMA shop TO etl_owner;
SET ROLE etl_reader;
SELECT throws_ok($$SELECT etl.features_of('numbers', 1)$$, '42501',
    'table "shop.numbers" of feature view "numbers" belongs to role "etl_former", and the view to role "etl_owner"');
SET ROLE etl_owner;
SELECT throws_ok($$SELECT etl._feature_history('numbers')$$, '42501', NULL, 'nor reads them');
RESET ROLE;
DROP OWNED BY etl_owner;
DROP ROLE etl_owner;
ALTER ROLE etl_former RENAME TO etl_owner;

-- A superuser drops another's view, and only tables of that other
RESET ROLE;
CREATE TABLE precious (k int);
UPDATE etl.feature_view SET history_table = 'public.precious' WHERE name = 'wallets';
SELECT lives_ok($$SELECT etl.drop_feature_view('wallets')$$, 'a superuser may drop it');
SELECT has_table('precious');
SELECT hasnt_table('shop', 'wallets', 'the online table went');

SELECT * FROM finish();
ROLLBACK;
