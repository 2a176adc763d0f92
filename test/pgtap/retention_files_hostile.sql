-- Archive files and those who mean harm, or made a mistake: paths that lead out of the directory, roles without the
-- right to files, and files that were cut, changed, or are no archives.
SELECT plan(64);

SELECT current_setting('data_directory') || '/archive_' || current_database() AS directory \gset
SET pg_etl.archive_directory = :'directory';
CREATE FUNCTION at(name text) RETURNS text LANGUAGE sql AS $$
    SELECT 'file://' || current_setting('pg_etl.archive_directory') || '/' || name
$$;
COPY (SELECT WHERE false) TO PROGRAM
    'mkdir "$PWD/archive_retention_files_hostile" && cd "$PWD/archive_retention_files_hostile" &&
    mkdir sub folder && ln -s /tmp out && ln -s sub inside && echo x > sub/taken && ln -s sub/taken link &&
    ln -s /nowhere dangling && mkfifo pipe';

-- where files may lie
SELECT throws_ok(format('SELECT etl._archive_write(%L, ''ndjson'', ''SELECT 1 AS a'')', location), sqlstate, message,
                 why)
FROM (VALUES
    ('file:///etc/passwd', '42501', 'archive file "/etc/passwd" does not lie below the directory for archive files',
     'nothing outside is written'),
    ('file://' || :'directory', '42501', NULL, 'the directory is no file'),
    ('file://' || :'directory' || 'x/y', '42501', NULL, 'another directory with a longer name is outside'),
    (at('../up'), '22023', NULL, 'nothing climbs out'),
    (at('sub/../../up'), '22023', NULL, 'nor later'),
    (at('./here'), '22023', NULL, 'no single dots'),
    (at('sub//two'), '22023', NULL, 'no empty parts'),
    (at('sub/'), '22023', NULL, 'no slash at the end'),
    (at(E'new\nline'), '22023', NULL, 'no line feeds'),
    (:'directory' || '/plain', '22023', NULL, 'no bare paths'),
    ('FILE://' || :'directory' || '/a', '22023', NULL, 'no other spelling'),
    ('file://localhost' || :'directory' || '/a', '22023', NULL, 'no host'),
    (at('out/file'), '42809', format('"%s/out" is a symbolic link', :'directory'), 'no link out is followed'),
    (at('inside/file'), '42809', NULL, 'nor one that stays inside'),
    (at('link'), '58P02', format('could not create the archive file "%s/link": File exists', :'directory'),
     'no link is replaced'),
    (at('dangling'), '58P02', NULL, 'nor followed where it leads nowhere'),
    (at('sub/taken'), '58P02', NULL, 'no file is replaced'),
    (at('sub'), '58P02', NULL, 'nor a folder'),
    (at('sub/taken/more'), '42809', NULL, 'a file is no folder'),
    (at(repeat('x', 300)), '22023', NULL, 'names have an end')
) AS v (location, sqlstate, message, why);
SELECT throws_ok(format('SELECT * FROM etl._archive_read(%L, ''ndjson'') AS r(a int)', location), sqlstate, NULL, why)
FROM (VALUES
    ('file:///etc/passwd', '42501', 'nothing outside is read'),
    (at('sub/../../PG_VERSION'), '22023', 'nothing above is read'),
    (at('out/file'), '42809', 'no link out is followed for reading'),
    (at('link'), '42809', 'no link is read'),
    (at('pipe'), '42809', 'a pipe is no file, and nobody waits for it'),
    (at('sub'), '42809', 'a folder is no file'),
    (at('none'), '58P01', 'what is not there is not read')
) AS v (location, sqlstate, why);
SELECT throws_ok(format('SELECT etl._archive_remove(%L)', location), sqlstate, NULL, why)
FROM (VALUES
    ('file:///etc/passwd', '42501', 'nothing outside is removed'),
    (at('../PG_VERSION'), '22023', 'nothing above is removed'),
    (at('out/file'), '42809', 'no link is followed for removing'),
    (at('link'), '42809', 'a link is not removed'),
    (at('sub'), '42809', 'nor is a folder')
) AS v (location, sqlstate, why);
SELECT is(etl._archive_remove(at('none')), false, 'what is not there is not removed');
SELECT throws_ok(format('SELECT etl._archive_sweep(%L)', location), sqlstate, NULL, why)
FROM (VALUES
    ('file:///etc/passwd', '42501', 'nothing outside is swept away'),
    (at('out/file'), '42809', 'no link is followed for sweeping'),
    (at('none/file'), '58P01', 'nor is there anything in a folder that is not there')
) AS v (location, sqlstate, why);
SELECT is(etl._archive_sweep(at('sub/taken')), false, 'a file is no left-over');
SELECT results_eq('SELECT location, state, bytes FROM etl.archive_files',
                  format('VALUES (%L, ''unlisted'', 2::bigint)', at('sub/taken')), 'all that was tried left nothing');

-- who
CREATE ROLE retention_files_reader;
CREATE ROLE retention_files_other;
GRANT pg_read_server_files TO retention_files_reader;
GRANT EXECUTE ON FUNCTION etl._archive_write(text, text, text), etl._archive_read(text, text, jsonb, bytea),
    etl._archive_remove(text) TO retention_files_other, retention_files_reader;
SET ROLE retention_files_other;
SELECT throws_ok(format('SELECT etl._archive_write(%L, ''csv'', ''SELECT 1'')', at('mine')), '42501',
                 'role "retention_files_other" may not write archive files', 'writing needs a privilege');
SELECT throws_ok(format('SELECT * FROM etl._archive_read(%L, ''csv'') AS r(a int)', at('mine')), '42501',
                 'role "retention_files_other" may not read archive files', 'reading needs a privilege');
SELECT throws_ok('SELECT * FROM etl._archive_list()', '42501', NULL, 'so does looking');
SELECT throws_ok(format('SELECT etl._archive_sweep(%L)', at('mine')), '42501', NULL, 'and sweeping');
SELECT throws_ok('SELECT etl._require_archive_access(true)', '42501',
                 'role "retention_files_other" may not write archive files', 'which can be asked for before');
SELECT throws_ok('SET pg_etl.archive_directory = ''/tmp''', '42501', NULL, 'superusers set the directory');
SET ROLE retention_files_reader;
SELECT throws_ok(format('SELECT etl._archive_remove(%L)', at('sub/taken')), '42501',
                 'role "retention_files_reader" may not write archive files', 'who may read may not remove');
SELECT is((SELECT count(*) FROM etl._archive_list()), 1::bigint, 'but look');
RESET ROLE;
GRANT pg_write_server_files TO retention_files_other;
SET ROLE retention_files_other;
SELECT throws_ok(format('SELECT etl._archive_write(%L, ''csv'', %L)', at('a'),
                        'SELECT set_config(''role'', ''none'', false)'),
                 '42501', NULL, 'a query cannot leave the role');
RESET ROLE;

-- what cannot be written
SET client_min_messages = warning;
CREATE TYPE odd;
CREATE FUNCTION odd_in(cstring) RETURNS odd LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION odd_out(odd) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'byteaout';
CREATE TYPE odd (INPUT = odd_in, OUTPUT = odd_out);
RESET client_min_messages;
CREATE FUNCTION odd_setting(i int) RETURNS int LANGUAGE sql AS $$
    SELECT i WHERE set_config('timezone', 'Asia/Kathmandu', true) IS NOT NULL
$$;
SELECT throws_ok(format('SELECT etl._archive_write(%L, %L, %L)', at('a'), format, query), sqlstate, NULL, why)
FROM (VALUES
    ('json', 'SELECT 1', '22023', 'an unknown format'),
    ('csv.bz2', 'SELECT 1', '22023', 'an unknown compression'),
    ('csv', 'SELECT 1 AS a, 2 AS a', '42701', 'two columns of one name'),
    ('csv', 'SELECT ROW(1, 2) AS a', '0A000', 'a record without a type'),
    ('csv', 'DELETE FROM pg_class', '22023', 'what is no SELECT'),
    ('csv', 'SELECT ''a''::public.odd AS a', '0A000', 'a value that is another when it is read back'),
    ('csv', 'SELECT ARRAY[''a''::public.odd] AS a', '0A000', 'nor in an array'),
    ('csv', 'SELECT public.odd_setting(1) AS a', '0A000', 'a query that changes what values look like'),
    ('csv', 'SELECT 1/(3 - i) AS a FROM generate_series(1, 9) AS i', '22012', 'a query that fails')
) AS v (format, query, sqlstate, why);
SELECT is((SELECT count(*) FROM etl._archive_list()), 1::bigint, 'and nothing is left of it');

-- what was changed: a file that was cut or goes on is an error, and no changed bit makes other rows of it
SELECT * FROM etl._archive_write(at('z'), 'ndjson.zst',
                                 'SELECT i AS a, md5(i::text) AS b FROM generate_series(1, 5) i') \gset
SELECT * FROM etl._archive_write(at('g'), 'csv.gz',
                                 'SELECT i AS a, md5(i::text) AS b FROM generate_series(1, 5) i') \gset g_
CREATE FUNCTION harmed(name text, format text, columns jsonb, contents etl.rows_hash, kind text) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    whole bytea := pg_read_binary_file(current_setting('pg_etl.archive_directory') || '/' || name);
    harm bytea;
    file oid;
    unseen bigint := 0;
BEGIN
    FOR at IN 0 .. length(whole) - 1 LOOP
        harm := CASE kind WHEN 'cut' THEN substr(whole, 1, at)
                          WHEN 'flip' THEN set_byte(whole, at, get_byte(whole, at) # (1 << at % 8))
                          ELSE substr(whole, 1, length(whole) - at) || whole END;
        file := lo_from_bytea(0, harm);
        PERFORM lo_export(file, current_setting('pg_etl.archive_directory') || '/harmed');
        PERFORM lo_unlink(file);
        BEGIN
            unseen := unseen + (SELECT count(*) FROM etl._archive_check(at('harmed'), format, columns) AS c
                                WHERE kind <> 'flip' OR c.contents OPERATOR(etl.<>) harmed.contents);
        EXCEPTION
            WHEN data_corrupted OR bad_copy_file_format OR invalid_text_representation OR program_limit_exceeded THEN
                NULL;
        END;
    END LOOP;
    RETURN unseen;
END
$$;
SELECT is(harmed('z', 'ndjson.zst', :'columns', :'contents', kind), 0::bigint,
          'of zstd no ' || kind || ' is read as something else')
FROM unnest('{cut,repeat,flip}'::text[]) AS kind;
SELECT is(harmed('g', 'csv.gz', :'g_columns', :'g_contents', kind), 0::bigint,
          'of gzip no ' || kind || ' is read as something else')
FROM unnest('{cut,repeat,flip}'::text[]) AS kind;
SELECT throws_ok(format('SELECT * FROM etl._archive_read(%L, ''ndjson.zst'', NULL, %L) AS r(a int, b text)', at('z'),
                        sha256('')), 'XX001', NULL, 'another SHA-256 is found');

SELECT * FROM finish();
DROP OWNED BY retention_files_reader, retention_files_other;
DROP ROLE retention_files_reader, retention_files_other;
