-- What holds for every object of the extension, whatever room it comes from: a comment, a pinned search path, the
-- caller's rights, row security, and a place in the dump.
BEGIN;
SELECT plan(12);

CREATE TEMPORARY VIEW member AS
SELECT d.classid, d.objid, pg_catalog.pg_describe_object(d.classid, d.objid, 0) AS name
FROM pg_catalog.pg_depend AS d
JOIN pg_catalog.pg_extension AS e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass
WHERE e.extname = 'pg_etl' AND d.deptype = 'e';

CREATE TEMPORARY VIEW routine AS
SELECT p.oid, p.oid::regprocedure::text AS name, p.prokind, l.lanname AS language, p.prosrc, p.prosecdef,
       coalesce(p.proconfig, '{}') @> '{"search_path=pg_catalog, pg_temp"}' AS pinned
FROM member AS m
JOIN pg_catalog.pg_proc AS p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang;

CREATE TEMPORARY VIEW relation AS
SELECT c.oid, c.oid::regclass::text AS name, c.relkind, c.relrowsecurity, c.reloptions
FROM member AS m
JOIN pg_catalog.pg_class AS c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid;

SELECT isnt_empty('SELECT FROM member', 'the extension has objects');

-- The row type of a table and an array type come with another object.
SELECT is_empty($$
    SELECT m.name
    FROM member AS m
    LEFT JOIN pg_catalog.pg_type AS t ON m.classid = 'pg_type'::regclass AND t.oid = m.objid
    WHERE pg_catalog.obj_description(m.objid, m.classid::regclass::name) IS NULL
      AND coalesce(t.typrelid, 0) = 0
      AND t.typcategory IS DISTINCT FROM 'A'
$$, 'every object has a comment');

SELECT is_empty($$
    SELECT m.name FROM member AS m
    CROSS JOIN LATERAL pg_catalog.pg_identify_object(m.classid, m.objid, 0) AS i
    WHERE i.schema <> 'etl'
$$, 'every object is in schema etl');

-- A procedure that commits, or calls one that does, may not have a SET clause: it pins the path itself, or names
-- everything with its schema and uses no operator.
SELECT is_empty($$
    SELECT r.name FROM routine AS r
    WHERE r.language IN ('sql', 'plpgsql') AND NOT r.pinned
      AND NOT (r.prokind = 'p' AND r.prosrc ~* '\m(commit|call)\M'
               AND (r.prosrc ~ 'set_config\(''search_path'', ''pg_catalog, pg_temp'', true\)'
                    OR replace(r.prosrc, ':=', '') !~ '[-+*/<>=~!@#%^&|`?]'))
$$, 'every function pins its search path');

SELECT is_empty('SELECT r.name FROM routine AS r WHERE r.prosecdef', 'nothing runs with its definer''s rights');

SELECT is_empty($$
    SELECT r.name FROM relation AS r
    WHERE r.relkind = 'v' AND NOT coalesce(r.reloptions, '{}') @> '{security_invoker=true}'
$$, 'every view runs with the rights of who reads it');

-- Which tables were written to is no user's, and no role but their owner writes there.
SELECT is_empty($$
    SELECT r.name FROM relation AS r
    WHERE r.relkind IN ('r', 'p') AND r.name <> 'etl.source_change' AND NOT (r.relrowsecurity AND EXISTS (
        SELECT FROM pg_catalog.pg_policy AS p WHERE p.polrelid = r.oid))
$$, 'every table keeps a user''s rows from other users');

-- What triggers have missed belongs to the rollup of its number.
SELECT is_empty($$
    SELECT r.name FROM relation AS r
    WHERE r.relkind IN ('r', 'p') AND r.name NOT IN ('etl.source_change', 'etl.rollup_missed') AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_attribute AS a
        JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE a.attrelid = r.oid AND a.attname = 'owner' AND a.attnotnull
          AND pg_catalog.pg_get_expr(d.adbin, d.adrelid) IN ('CURRENT_USER', '"current_user"()'))
$$, 'every table notes the owner of a row');

-- But for what holds numbers of transactions, which mean nothing in another cluster.
SELECT is_empty($$
    SELECT r.name FROM relation AS r
    WHERE r.relkind IN ('r', 'p', 'S') AND r.name NOT IN ('etl.source_change', 'etl.refresh_state') AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_extension AS e WHERE e.extname = 'pg_etl' AND r.oid = ANY (e.extconfig))
$$, 'every table and sequence is dumped with its rows');

-- pg_restore -j reads tables in any order.
SELECT is_empty($$
    SELECT t.tgrelid::regclass, c.conname
    FROM pg_catalog.pg_trigger AS t
    JOIN pg_catalog.pg_constraint AS c ON c.oid = t.tgconstraint AND c.conrelid = t.tgrelid
    JOIN pg_catalog.pg_extension AS e ON c.conrelid = ANY (e.extconfig) AND e.extname = 'pg_etl'
    JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid AND p.proname LIKE 'RI\_FKey\_check%'
    WHERE t.tgenabled <> 'D'
$$, 'rows of any dumped table may come first');

-- But for holds, whose reasons are not for all.
SELECT is_empty($$
    SELECT r.name FROM relation AS r
    WHERE r.relkind IN ('r', 'p', 'S') AND r.name <> 'etl.legal_hold' AND NOT CASE r.relkind
        WHEN 'S' THEN has_sequence_privilege('pg_monitor', r.oid, 'SELECT')
        ELSE has_table_privilege('pg_monitor', r.oid, 'SELECT') END
$$, 'any role may dump what it may see of them');

-- A rollup is what its query gives under the settings of its refresh; whatever computes it, or compares, has them.
SELECT is(count(DISTINCT s.settings), 1::bigint, 'queries of rollups are run under the same settings everywhere')
FROM routine AS r
JOIN pg_catalog.pg_proc AS p ON p.oid = r.oid
CROSS JOIN LATERAL (
    SELECT string_agg(lower(c), ';' ORDER BY lower(c)) AS settings
    FROM unnest(p.proconfig) AS c WHERE c !~ '^(search_path|jit|quote_all_identifiers|max_parallel.*)='
) AS s
WHERE p.proconfig::text LIKE '%pg_etl.rollup_as_of%' AND p.proconfig::text ~* 'timezone';

SELECT * FROM finish();
ROLLBACK;
