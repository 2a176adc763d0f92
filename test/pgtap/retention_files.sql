-- Archive files hold every value exactly, whatever the session is set to: written, read back, and compared bit by bit.
SELECT plan(82);

SELECT current_setting('data_directory') || '/archive_' || current_database() AS directory \gset
SET pg_etl.archive_directory = :'directory';
COPY (SELECT WHERE false) TO PROGRAM 'mkdir "$PWD/archive_retention_files"';

-- Writes a query into a file, reads that in every way there is, and removes it: what went wrong. The query returns a
-- column id.
CREATE FUNCTION round_trip(query text, format text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    location text := format('file://%s/deep/er/file.%s', current_setting('pg_etl.archive_directory'), format);
    written record;
    checked record;
    rows bigint;
    contents etl.rows_hash;
    differing bigint;
    columns text;
BEGIN
    SELECT * INTO written FROM etl._archive_write(location, format, query);
    SELECT * INTO checked FROM etl._archive_check(location, format, written.columns);
    EXECUTE format('SELECT count(*), etl.rows_hash(q) FROM (%s) AS q', query) INTO rows, contents;
    SELECT string_agg(format('%I %s', c ->> 'name', c ->> 'type'), ', ') INTO columns
    FROM jsonb_array_elements(written.columns) AS c;
    EXECUTE format('SELECT count(*) FROM (SELECT * FROM (%s) AS q) AS q FULL JOIN '
                   '(SELECT * FROM etl._archive_read(%L, %L, %L, %L) AS r(%s)) AS r USING (id) WHERE NOT q.* *= r.*',
                   query, location, format, written.columns, written.sha256, columns) INTO differing;
    PERFORM etl._archive_remove(location);
    RETURN concat_ws(', ',
        CASE WHEN written.rows <> rows THEN format('%s rows of %s', written.rows, rows) END,
        CASE WHEN written.contents OPERATOR(etl.<>) contents THEN 'another hash was written' END,
        CASE WHEN checked.rows <> rows THEN format('%s rows checked', checked.rows) END,
        CASE WHEN checked.contents OPERATOR(etl.<>) contents THEN 'another hash was read' END,
        CASE WHEN checked.sha256 <> written.sha256 THEN 'another SHA-256' END,
        CASE WHEN checked.bytes <> written.bytes THEN 'another size' END,
        CASE WHEN differing <> 0 THEN format('%s rows differ', differing) END);
END
$$;

CREATE TYPE mood AS ENUM ('sad', 'so, "so"', E'gl\\ad');
CREATE TYPE pair AS (number int, "a ""name" text);
CREATE TYPE nest AS (one pair, many pair[], day date);
CREATE DOMAIN short AS varchar(5) CHECK (value <> 'never');
CREATE DOMAIN document AS jsonb;
CREATE DOMAIN days AS date[];
CREATE TYPE span AS RANGE (subtype = timestamptz, multirange_type_name = spans);

-- Values of each family, as literals.
CREATE TABLE families (number int GENERATED ALWAYS AS IDENTITY, type text, literals text[]);
INSERT INTO families (type, literals) VALUES
    ('boolean', '{t,f}'),
    ('smallint', '{-32768,0,32767}'),
    ('integer', '{-2147483648,0,2147483647}'),
    ('bigint', '{-9223372036854775808,0,9223372036854775807}'),
    ('numeric', '{NaN,Infinity,-Infinity,0,0.0,-0.00,1.0,1.00,-12345678901234567890.123456789,1e-50,9.9e300}'),
    ('numeric(12,4)', '{NaN,1,-99999999.9999,0.0001}'),
    ('real', '{NaN,Infinity,-Infinity,-0,0.1,1e-45,3.4028235e38,16777217,-1.5}'),
    ('double precision', '{NaN,Infinity,-Infinity,-0,0.1,5e-324,1.7976931348623157e308,0.30000000000000004,1e20}'),
    ('text', ARRAY['', ' ', 'NULL', 'null', '\N', '\.', '"', '""', ',', 'a,"b"', '\', '\\n', '\u0041', '{"a": 1}',
                   E'line\nfeed', E'\r\n', E'\t\b\f', 'é€😀', U&'\2028\2029\FEFF', ' both ends ', '''']),
    ('varchar(9)', ARRAY['', 'a', ' pad  ', 'ninechars']),
    ('char(4)', ARRAY['', 'a', 'a b', 'four']),
    ('char', ARRAY['', 'a', '"', '\', ',']),
    ('"char"', ARRAY['', 'a', '"', '\', ',', E'\n', '7']),
    ('name', ARRAY['', 'a', 'with "quotes"', 'é']),
    ('bytea', ARRAY['\x', '\x00', '\x5c785c', '\x00ff0a0d22']),
    ('date', '{infinity,-infinity,4714-11-24 BC,0001-01-01,2024-02-29,5874897-12-31}'),
    ('time', '{00:00,24:00,12:34:56.789012}'),
    ('time(2)', '{12:34:56.78}'),
    ('timetz', '{00:00+14,24:00-15:59:59,12:34:56.789012+05:45}'),
    ('timestamp', '{infinity,-infinity,4714-11-24 00:00 BC,294276-12-31 23:59:59.999999,2024-02-29 12:00:00.000001}'),
    ('timestamptz', '{infinity,-infinity,4714-11-24 00:00+00 BC,294276-12-31 23:59:59.999999+00,1900-01-01 00:00+00,'
                    '2024-10-27 00:30+00,2024-10-27 01:30+00,2024-02-29 12:00:00.000001+00}'),
    ('timestamptz(0)', '{2024-02-29 12:00:00+00}'),
    ('interval', ARRAY['0', '1 mon -1 day +00:00:00.000001', '-178000000 years', '-1 year -2 mons +3 days -04:05:06.7',
                       '30 days', '1 mon', '720:00:00', '-00:00:01']),
    ('interval day to second(3)', ARRAY['1 day 02:03:04.567']),
    ('uuid', '{00000000-0000-0000-0000-000000000000,A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11}'),
    ('money', '{-92233720368547758.08,0,1234567.89}'),
    ('bit(3)', '{000,101}'),
    ('varbit', ARRAY['', '1', '10101010101']),
    ('inet', '{10.0.0.1,10.0.0.1/8,::1,2001:db8::/32,::ffff:1.2.3.4/128}'),
    ('cidr', '{10.0.0.0/8,2001:db8::/32}'),
    ('macaddr', '{08:00:2b:01:02:03}'),
    ('macaddr8', '{08:00:2b:01:02:03:04:05}'),
    ('point', '{"(NaN,-0)","(1e-300,Infinity)","(0.1,0.2)"}'),
    ('line', '{"{1,-2,0.3}"}'),
    ('lseg', '{"[(0,0),(1,0.1)]"}'),
    ('box', '{"(1,1),(0,0)"}'),
    ('path', '{"((0,0),(1,1))","[(0,0),(1,1)]"}'),
    ('polygon', '{"((0,0),(1,1),(2,0.1))"}'),
    ('circle', '{"<(0.1,0),3>"}'),
    ('json', ARRAY['null', '""', ' {"b" : 1,' || E'\n\t' || '"a": [1, 2.50, "\u00e9"], "a": 2 } ', '[]', '1e5']),
    ('jsonb', ARRAY['null', '""', '"text"', '{}', '{"b": [1, 2.50, {"}": "]\",\\"}], "a": null}', '1.00', 'true',
                    '[[["deep"]]]', '"\u2028 é\n"', '-0', '1e300']),
    ('jsonpath', ARRAY['$."a b"[*] ? (@ > 1)']),
    ('xml', ARRAY['', 'text &amp; more', '<a b="1">' || E'\n' || '</a>', '<?xml version="1.0" encoding="UTF-8"?><a/>',
                  '<?xml version="1.1" standalone="yes"?><é/>', '<a/><b/>']),
    ('tsvector', ARRAY['', 'a:1A,2B fat:3', '''with '''' quote'':4 ''a,b'' ''back\\slash''']),
    ('tsquery', ARRAY['a & !b | (c <-> d:AB*)']),
    ('mood', ARRAY['sad', 'so, "so"', E'gl\\ad']),
    ('pair', ARRAY['(,)', '(1,"")', '(2,"a ""q"", \\ and,")', E'(3,"line\nfeed")']),
    ('nest', ARRAY['(,,)', '("(1,a)","{""(2,\\""b c\\"")"",NULL}",infinity)']),
    ('short', ARRAY['', 'short']),
    ('document', ARRAY['null', '{"a": [1]}']),
    ('days', ARRAY['{}', '{infinity,NULL,2024-02-29}']),
    ('integer[]', ARRAY['{}', '{NULL}', '{1,NULL,3}', '[0:1]={1,2}', '[-3:-2][5:6]={{1,2},{3,4}}']),
    ('text[]', ARRAY['{}', '{"",NULL,"NULL",null,"a,b","q\"q","back\\slash","{}"," "}', E'{"line\nfeed",é}',
                     '{{a,b},{c,NULL}}']),
    ('jsonb[]', ARRAY['{"null",NULL,"{\"a\": 1}"}']),
    ('mood[]', ARRAY['{sad,"so, \"so\"",NULL}']),
    ('float8[]', ARRAY['{NaN,-0,0.1,-Infinity}']),
    ('timestamptz[]', ARRAY['{infinity,2024-10-27 01:30+00,4714-11-24 00:00+00 BC}']),
    ('int4range', ARRAY['empty', '(,)', '[1,5)', '[3,)']),
    ('numrange', ARRAY['empty', '[1.0,1.00]', '(,NaN]', '[-Infinity,0)']),
    ('tstzrange', ARRAY['empty', '[-infinity,infinity]', '[2024-10-27 00:30+00,2024-10-27 01:30+00)']),
    ('span', ARRAY['(,2024-10-27 00:30+00]']),
    ('spans', ARRAY['{}', '{[2024-01-01 00:00+00,2024-01-02 00:00+00),(2025-01-01 00:00+00,)}']),
    ('nummultirange', ARRAY['{}', '{[1.0,2.00),(3,)}']),
    ('oid', '{0,4294967295}'),
    ('regclass', '{-,0,pg_class,families}'),
    ('regtype', '{0,integer,mood}'),
    ('regrole', '{0,pg_read_server_files}'),
    ('pg_lsn', '{0/0,FFFFFFFF/FFFFFFFF}'),
    ('tid', '{"(0,0)","(4294967295,65535)"}'),
    ('xid8', '{0,18446744073709551615}'),
    ('etl.rows_hash', '{3:b32b7edb099199ba5b38484ec6261d77}');
SELECT format('CREATE TABLE family_%s AS SELECT 0 AS id, NULL::%s AS v', number, type) ||
       string_agg(format(' UNION ALL SELECT %s, %L::%s', n, literal, type), '')
FROM families, unnest(literals) WITH ORDINALITY AS l (literal, n) GROUP BY number, type \gexec

CREATE TABLE bytes_of_text AS
SELECT i AS id, chr(i) AS alone, 'a' || chr(i) || 'b' AS between, repeat(chr(i), 9) AS many, chr(i)::"char" AS one
FROM generate_series(1, 127) AS i;
ALTER TABLE bytes_of_text ADD high "char";
UPDATE bytes_of_text SET high = (id - 128)::int::"char";

-- What would change the text of almost every value.
SET datestyle = 'SQL, DMY';
SET intervalstyle = 'sql_standard';
SET bytea_output = 'escape';
SET extra_float_digits = -15;
SET timezone = 'Asia/Kathmandu';
SET xmlbinary = 'hex';
SET xmloption = 'document';
SET client_encoding = 'LATIN1';
SET search_path = pg_temp, public, pg_catalog;
SET quote_all_identifiers = on;

SELECT is(round_trip(query, 'ndjson') || round_trip(query, 'csv'), '', 'a file holds ' || type)
FROM (SELECT number, type, format('SELECT * FROM public.family_%s', number) AS query FROM families) AS f
ORDER BY number;

SELECT is(round_trip('SELECT * FROM public.bytes_of_text', 'ndjson') ||
          round_trip('SELECT * FROM public.bytes_of_text', 'csv'), '', 'a file holds every character of ASCII');
SELECT is(string_agg(round_trip('SELECT * FROM public.bytes_of_text', format), ''), '', 'files can be compressed')
FROM unnest('{ndjson.gz,ndjson.zst,csv.gz,csv.zst}'::text[]) AS format;

RESET ALL;
SET pg_etl.archive_directory = :'directory';

-- rows without columns, no rows
CREATE TABLE nothing ();
INSERT INTO nothing DEFAULT VALUES;
INSERT INTO nothing DEFAULT VALUES;
CREATE FUNCTION counts(query text, format text) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
    location text := format('file://%s/counted', current_setting('pg_etl.archive_directory'));
    written record;
    checked record;
BEGIN
    SELECT * INTO written FROM etl._archive_write(location, format, query);
    SELECT * INTO checked FROM etl._archive_check(location, format, written.columns);
    PERFORM etl._archive_remove(location);
    RETURN ARRAY[written.rows, checked.rows, jsonb_array_length(written.columns)];
END
$$;
SELECT is(counts('TABLE public.nothing', 'ndjson') || counts('TABLE public.nothing', 'csv'), '{2,2,0,2,2,0}',
          'rows without columns are rows');
SELECT is(counts('SELECT 1 AS a, 2 AS b WHERE false', 'ndjson.zst') || counts('SELECT 1 AS a WHERE false', 'csv.gz'),
          '{0,0,2,0,0,1}', 'there may be no rows');
SELECT is(counts('SELECT NULL::int AS a FROM generate_series(1, 3)', 'csv'), '{3,3,1}', 'a row may be an empty line');

-- as others see it
SELECT (etl._archive_write('file://' || :'directory' || '/seen', 'csv', $$
    SELECT 1 AS "a,b", NULL::text AS n, '' AS e, true AS t, '{"x": 1}'::jsonb AS j,
           '2024-02-29 12:00+00'::timestamptz AS at$$)).rows;
CREATE TABLE seen ("a,b" int, n text, e text, t boolean, j jsonb, at timestamptz);
SELECT :'directory' || '/seen' AS seen_path \gset
COPY seen FROM :'seen_path' (FORMAT csv, HEADER match);
SELECT results_eq('TABLE seen', $$VALUES (1, NULL, '', true, '{"x": 1}'::jsonb, '2024-02-29 12:00+00'::timestamptz)$$,
                  'COPY reads a CSV file');

-- columns by their names
SELECT (etl._archive_write('file://' || :'directory' || '/columns', format, 'SELECT 1 AS a, 2::int2 AS b')).columns,
       'file://' || :'directory' || '/columns' AS location FROM (VALUES ('csv')) AS v (format) \gset
SELECT results_eq(format('SELECT * FROM etl._archive_read(%L, ''csv'', %L) AS r(new text, b numeric)', :'location',
                         :'columns'),
                  'VALUES (NULL::text, 2::numeric)', 'columns are found by name, read as any type, or NULL');
SELECT throws_ok(format('SELECT * FROM etl._archive_read(%L, ''csv'') AS r(b int)', :'location'), '22P04', NULL,
                 'a column that nobody knows is an error');
SELECT throws_ok(format('SELECT * FROM etl._archive_read(%L, ''csv'', ''{}'') AS r(b int)', :'location'), '22023', NULL,
                 'a list of columns is one');
SELECT throws_ok(format('SELECT * FROM etl._archive_read(%L, ''csv'') AS r(a date, b int)', :'location'), '22007', NULL,
                 'a value must be one of its type');

-- beside the ledger
INSERT INTO etl.archive (policy, action, source, location, format, status, rows, contents)
SELECT 'p', 'archived', 'public.t', 'file://' || :'directory' || '/' || name, 'csv', status, 1,
       '1:b32b7edb099199ba5b38484ec6261d77'
FROM (VALUES ('columns', 'kept'), ('gone', 'kept'), ('removed', 'removed')) AS v (name, status);
SELECT results_eq('SELECT split_part(location, ''/'', -1), state, archive_id IS NOT NULL, bytes FROM etl.archive_files
                   ORDER BY 1',
                  $$VALUES ('columns', 'kept', true, 8::bigint), ('gone', 'missing', true, NULL),
                           ('seen', 'unlisted', false, 61)$$, 'files are compared with the ledger');
SELECT * FROM finish();
