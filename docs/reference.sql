-- Prints docs/reference.md from the comments of the installed extension: run by `make reference`.
\set QUIET on
\pset format unaligned
\pset tuples_only on
\pset recordsep '\n'
SELECT etl.version() \g /dev/null

\echo '# Reference'
\echo
\echo 'Every public object of pg_etl, from its comment in the database: `\\df+ etl.*` in psql says the same. Names that start'
\echo 'with an underscore are internal and may change. `make reference` writes this page.'

CREATE TEMPORARY VIEW member AS
SELECT d.classid, d.objid, pg_catalog.obj_description(d.objid, d.classid::regclass::name) AS comment
FROM pg_catalog.pg_depend AS d
JOIN pg_catalog.pg_extension AS e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass
WHERE e.extname = 'pg_etl' AND d.deptype = 'e';

CREATE TEMPORARY VIEW routine AS
SELECT p.proname AS name,
       p.prokind AS kind,
       format('etl.%s(%s)', p.proname, pg_catalog.pg_get_function_arguments(p.oid)) AS signature,
       pg_catalog.pg_get_function_result(p.oid) AS result,
       m.comment
FROM member AS m
JOIN pg_catalog.pg_proc AS p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
WHERE p.proname !~ '^_'
  AND p.proname !~ '^(validation_state|distinct_set|geo_velocity_state)_(in|out|recv|send|step|combine|add|final)$'
  AND p.prorettype <> 'event_trigger'::regtype;

CREATE TEMPORARY VIEW relation AS
SELECT c.relname AS name, c.relkind AS kind, m.comment,
       (SELECT string_agg(a.attname, ', ' ORDER BY a.attnum) FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns
FROM member AS m
JOIN pg_catalog.pg_class AS c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid
WHERE c.relname !~ '^_';

\echo
\echo '## Functions'
SELECT format(E'\n### `%s`\n\nReturns `%s`. %s', signature, result, comment)
FROM routine WHERE kind IN ('f', 'w') ORDER BY name, signature;

\echo
\echo '## Aggregates'
SELECT format(E'\n### `%s`\n\nReturns `%s`. %s', signature, result, comment)
FROM routine WHERE kind = 'a' ORDER BY name, signature;

\echo
\echo '## Procedures'
SELECT format(E'\n### `CALL %s`\n\n%s', signature, comment) FROM routine WHERE kind = 'p' ORDER BY name, signature;

\echo
\echo '## Views'
SELECT format(E'\n### `etl.%s`\n\n%s Columns: `%s`.', name, comment, columns) FROM relation WHERE kind = 'v' ORDER BY name;

\echo
\echo '## Tables'
SELECT format(E'\n### `etl.%s`\n\n%s', name, comment) FROM relation WHERE kind = 'r' ORDER BY name;

\echo
\echo '## Types'
SELECT format(E'\n### `%s`\n\n%s', pg_catalog.format_type(t.oid, NULL), m.comment)
FROM member AS m
JOIN pg_catalog.pg_type AS t ON m.classid = 'pg_type'::regclass AND t.oid = m.objid
WHERE t.typtype = 'b' AND t.typcategory <> 'A'
ORDER BY t.typname;

\echo
\echo '## Settings'
SELECT format(E'\n### `%s`\n\n%s %s Default `%s`.', s.name, s.short_desc, s.extra_desc, s.boot_val)
FROM pg_catalog.pg_settings AS s
WHERE s.name LIKE 'pg\_etl.%'
ORDER BY s.name;
