-- etl.load_file: which files may be loaded and by whom, their formats and compression, and the same file again.
SELECT plan(69);
SET client_min_messages = warning;

SELECT current_setting('data_directory') || '/load_' || current_database() AS directory \gset
SET pg_etl.import_directory = :'directory';
COPY (SELECT WHERE false) TO PROGRAM 'mkdir -p "$PWD/load_load_file/deep/er"';

CREATE FUNCTION put_file(name text, content bytea) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    file oid := lo_from_bytea(0, content);
BEGIN
    PERFORM lo_export(file, current_setting('pg_etl.import_directory') || '/' || name);
    PERFORM lo_unlink(file);
END
$$;
CREATE FUNCTION put_file(name text, content text) RETURNS void LANGUAGE sql AS $$
    SELECT put_file(name, convert_to(content, 'UTF8'))
$$;
CREATE FUNCTION shown(r etl._load_result) RETURNS text LANGUAGE sql AS $$
    SELECT format('%s %s=%s+%s+%s+%s+%s', r.status, r.received, r.inserted, r.updated, r.unchanged, r.ignored,
                  r.rejected)
$$;
CREATE TABLE two (a int, b text);

-- Formats by name -----------------------------------------------------------------------------------------------------

SELECT put_file('deep/er/a.csv', E'a,b\n1,x\n');
SELECT put_file('a.tsv', E'a\tb\n2,\tx,\n3\ty');
SELECT put_file('A.JSONL', E'{"a": 4, "b": "x"}\n');
SELECT put_file('a.json', '[{"a": 5, "b": "x"}]');
SELECT put_file('data', E'a,b\n6,x\n');
SELECT is(shown(etl.load_file('deep/er/a.csv', 'two')), 'loaded 1=1+0+0+0+0', 'CSV');
SELECT is(shown(etl.load_file(:'directory' || '/a.tsv', 'two')), 'loaded 2=1+0+0+0+1', 'values apart by tabs');
SELECT is(shown(etl.load_file('file://' || :'directory' || '/A.JSONL', 'two')), 'loaded 1=1+0+0+0+0', 'NDJSON');
SELECT is(shown(etl.load_file('a.json', 'two')), 'loaded 1=1+0+0+0+0', 'JSON');
SELECT throws_ok('SELECT etl.load_file(''data'', ''two'')', '22023', 'the name of file "data" does not tell its format',
    'what the name does not tell');
SELECT is(shown(etl.load_file('data', 'two', 'csv')), 'loaded 1=1+0+0+0+0', 'must be told');
SELECT results_eq('SELECT a FROM two ORDER BY a', 'VALUES (1), (3), (4), (5), (6)', 'all of them were read');
SELECT throws_ok('SELECT etl.load_file(NULL, ''two'')', '22023', 'no file was given', 'no file');
SELECT throws_ok('SELECT etl.load_file(''data'', ''two'', ''xls'')', '22023', NULL, 'an unknown format');
SELECT throws_ok('SELECT etl.load_file(''data'', ''two'', ''csv'', on_bad_row => ''ignore'')', '22023', NULL,
    'an unknown treatment');
SELECT throws_ok(format('SELECT etl.load_file(''data'', ''two'', ''csv'', delimiter => %L)', v), '22023', NULL,
    'no delimiter: ' || v)
FROM unnest(ARRAY['', '||', E'\n', '"', 'é']) AS v;

-- Compression ---------------------------------------------------------------------------------------------------------

COPY (SELECT WHERE false) TO PROGRAM 'cd "$PWD/load_load_file" &&
    { seq 1 100000 | sed "s/.*/&,x/; 1i a,b" | gzip > part1.gz; }';
COPY (SELECT WHERE false) TO PROGRAM 'cd "$PWD/load_load_file" &&
    seq 100001 100010 | sed "s/.*/&,y/" | gzip > part2.gz';
COPY (SELECT WHERE false) TO PROGRAM 'cd "$PWD/load_load_file" && cat part1.gz part2.gz > both.csv.gz &&
    head -c 1000 part1.gz > cut.csv.gz';
CREATE TABLE many (LIKE two);
SELECT is(shown(etl.load_file('both.csv.gz', 'many')), 'loaded 100010=100010+0+0+0+0', 'gzip, in parts');
SELECT is((SELECT sum(a) FROM many), 100010 * 100011::bigint / 2, 'is read whole');
SELECT is(shown(etl.load_file('both.csv.gz', 'many')), 'duplicate 0=0+0+0+0+0', 'the same file');
COPY (SELECT WHERE false) TO PROGRAM 'cd "$PWD/load_load_file" &&
    zcat both.csv.gz > both.csv && gzip -1 -c both.csv > b.csv.gz';
SELECT is(shown(etl.load_file('both.csv', 'many')), 'duplicate 0=0+0+0+0+0', 'the same content, not compressed');
SELECT is(shown(etl.load_file('b.csv.gz', 'many')), 'duplicate 0=0+0+0+0+0', 'or compressed otherwise');
SELECT throws_ok('SELECT etl.load_file(''cut.csv.gz'', ''many'')', 'XX001', NULL, 'a file that is cut');
SELECT throws_ok('SELECT etl.load_file(''cut.csv.gz'', ''many'', on_bad_row => ''skip'')', 'XX001', NULL,
    'whatever bad lines are');
SELECT is((SELECT count(*) FROM many), 100010::bigint, 'leaves nothing');
SELECT put_file('plain.csv.zst', E'a,b\n1,x\n');
SELECT throws_ok('SELECT etl.load_file(''plain.csv.zst'', ''many'')', 'XX001', NULL, 'what is not compressed');

-- Again ---------------------------------------------------------------------------------------------------------------

SELECT is(shown(etl.load_file('data', 'two', 'csv')), 'duplicate 0=0+0+0+0+0', 'the same file');
SELECT put_file('copy.csv', E'a,b\n6,x\n');
SELECT is(shown(etl.load_file('copy.csv', 'two')), 'duplicate 0=0+0+0+0+0', 'the same content in another file');
SELECT put_file('data', E'a,b\n7,x\n');
SELECT is(shown(etl.load_file('data', 'two', 'csv')), 'loaded 1=1+0+0+0+0', 'another content of the same size');
SELECT is(shown(etl.load_file('data', 'two', 'csv', force => true)), 'loaded 1=1+0+0+0+0', 'by force');
SELECT results_eq($$SELECT content_hash, bytes, received FROM etl.batches WHERE source = 'data'
                     ORDER BY batch_id DESC LIMIT 1$$,
    $$VALUES (sha256(E'a,b\n7,x\n'), 8::bigint, 1::bigint)$$, 'the batch knows the content');

-- Places --------------------------------------------------------------------------------------------------------------

COPY (SELECT WHERE false) TO PROGRAM 'cd "$PWD/load_load_file" && ln -s /etc/passwd link.csv && ln -s .. up &&
    ln -s deep side && mkfifo pipe.csv';
SELECT throws_ok(format('SELECT etl.load_file(%L, ''two'', ''csv'')', v.path), v.sqlstate, NULL, v.path)
FROM (VALUES
    ('/etc/passwd', '42501'), ('../load_load_file/data', '22023'), ('deep/../data', '22023'), ('./data', '22023'),
    ('deep//er/a.csv', '22023'), ('', '22023'), (E'data\n', '22023'), ('link.csv', '42809'), ('up/PG_VERSION', '42809'),
    ('side/er/a.csv', '42809'), ('deep', '42809'), ('pipe.csv', '42809'), ('nothing.csv', '58P01'), ('data/x', '42809')
) AS v (path, sqlstate);

-- What is no text -----------------------------------------------------------------------------------------------------

CREATE TEMPORARY TABLE wrong AS SELECT format('wrong%s.%s', v.n, v.format) AS name, v.begin, v.what FROM (VALUES
    (1, 'csv', '504b0304', 'a ZIP archive'), (2, 'json', '504b0304', 'a ZIP archive'),
    (3, 'ndjson', '504b0304', 'a ZIP archive'), (4, 'csv', '1f8b08', 'compressed by gzip'),
    (5, 'ndjson', '1f8b08', 'compressed by gzip'), (6, 'csv', '28b52ffd', 'compressed by zstd'),
    (7, 'csv', 'd0cf11e0a1b11ae1', 'a workbook or document of Microsoft Office'),
    (8, 'csv', '5041523115', 'a Parquet file')) AS v (n, format, begin, what);
SELECT put_file(w.name, decode(w.begin, 'hex') || 'and so on'::bytea) FROM wrong AS w \g /dev/null
SELECT throws_ok(format('SELECT etl.load_file(%L, ''two'')', w.name), '22P04',
                 format('the content is %s, not a text', w.what), format('%s, as %s', w.what, w.name)) FROM wrong AS w;
SELECT throws_ok($$SELECT etl.load_text('\x504b030414'::bytea, 'two', encoding => 'LATIN1', header => 'false')$$,
    '22P04',
    'the content is a ZIP archive, not a text', 'whatever encoding it is said to have');
SELECT lives_ok($$SELECT etl.load_text(E'a,b\n1,PK', 'two')$$, 'a text about archives is one');

-- A file that is written while it is read -----------------------------------------------------------------------------

CREATE TABLE watched (a int, b text);
CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.a = 1 THEN
        EXECUTE format('COPY (SELECT WHERE false) TO PROGRAM %L', 'cd "$PWD/load_load_file" && ' || TG_ARGV[0]);
    END IF;
    RETURN NEW;
END
$$;
CREATE FUNCTION loaded_while(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    message text;
BEGIN
    TRUNCATE watched;
    PERFORM put_file('moving.csv', (SELECT E'a,b\n' || string_agg(n || ',' || repeat('x', 100) || E'\n', '' ORDER BY n)
                                    FROM generate_series(1, 30000) AS n));
    EXECUTE format('CREATE OR REPLACE TRIGGER meddle BEFORE INSERT ON watched FOR EACH ROW EXECUTE FUNCTION meddle(%L)',
                   command);
    message := (etl.load_file('moving.csv', 'watched', force => true)).status;
    RETURN message || ' ' || (SELECT count(*) FROM watched);
EXCEPTION
    WHEN object_not_in_prerequisite_state THEN
        GET STACKED DIAGNOSTICS message = MESSAGE_TEXT;
        RETURN regexp_replace(message, '/.*/', '') || ' ' || (SELECT count(*) FROM watched);
END
$$;
SELECT is(loaded_while(v.command), 'import file "moving.csv" has changed while it was read 0', v.what)
FROM (VALUES ('echo 30001,y >> moving.csv', 'one that grows is refused'),
             ('truncate -s 1000000 moving.csv', 'one that shrinks'),
             ('echo x > moving.csv', 'one that is written anew'),
             ('sleep 0.01 && printf y | dd of=moving.csv bs=1 seek=3000000 conv=notrunc status=none',
              'one whose bytes are others')) AS v (command, what);
SELECT is(loaded_while(v.command), 'loaded 30000', v.what)
FROM (VALUES ('echo a > new && mv new moving.csv', 'one that another takes the place of is loaded as it was'),
             ('rm moving.csv', 'and so is one that is removed'),
             ('chmod 600 moving.csv', 'what is not its content is no matter'),
             ('cat moving.csv moving.csv > other.csv', 'nor is it that others read it')) AS v (command, what);
DELETE FROM etl.batch WHERE target = 'public.watched';
DROP TABLE watched;

-- Rights --------------------------------------------------------------------------------------------------------------

CREATE ROLE load_file_role;
GRANT INSERT ON two TO load_file_role;
SET ROLE load_file_role;
SELECT throws_ok('SELECT etl.load_file(''data'', ''two'', ''csv'')', '42501', NULL, 'not everybody may load files');
SELECT throws_ok('SELECT * FROM etl._load(''{"format": "csv"}'', ''data'', NULL, ''two'', NULL)', '42501',
    'role "load_file_role" may not load files', 'nor by the functions behind it');
SELECT throws_ok('SELECT etl._file_hash(''data'', ''{}'')', '42501', NULL, 'nor look at them');
SELECT throws_ok('SET pg_etl.import_directory = ''/etc''', '42501', NULL, 'or choose where they are');
RESET ROLE;
GRANT EXECUTE ON FUNCTION etl.load_file TO load_file_role;
SET ROLE load_file_role;
SELECT is(shown(etl.load_file('data', 'two', 'csv')), 'loaded 1=1+0+0+0+0', 'who is granted may');
SELECT is((SELECT count(*) FROM etl.batches), 1::bigint, 'and sees its own batches');
SELECT throws_ok('SELECT * FROM etl._loaded_rows() AS r(a int)', '0A000', NULL, 'rows are shown to loads only');
RESET ROLE;
SET pg_etl.import_directory = '';
SELECT throws_ok('SELECT etl.load_file(''data'', ''two'', ''csv'')', '55000', 'no directory for import files is set',
    'without a directory no file is loaded');
DROP OWNED BY load_file_role;
DROP ROLE load_file_role;

SELECT * FROM finish();
