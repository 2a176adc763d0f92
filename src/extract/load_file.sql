-- etl.load_file and etl.load_text: their arguments, for the load that load.sql carries out.

CREATE FUNCTION etl._file_format(path text, OUT format text, OUT compression text, OUT delimiter text)
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
               WHEN p.plain ~ '\.(csv|tsv|tab|txt)$' THEN 'csv'
               WHEN p.plain ~ '\.(ndjson|jsonl)$' THEN 'ndjson'
               WHEN p.plain ~ '\.json$' THEN 'json'
           END,
           CASE WHEN lower(path) ~ '\.gz$' THEN 'gzip' WHEN lower(path) ~ '\.zstd?$' THEN 'zstd' ELSE 'none' END,
           CASE WHEN p.plain ~ '\.(tsv|tab)$' THEN E'\t' ELSE ',' END
    FROM regexp_replace(lower(path), '\.(gz|zstd?)$', '') AS p(plain)
$$;
COMMENT ON FUNCTION etl._file_format(text) IS
    'What the name of a file says: its format (csv, json, ndjson; NULL for none that is known), its compression (none, '
    'gzip, zstd), and of CSV the delimiter.';

CREATE FUNCTION etl._load_job(
    format text, compression text, mapping jsonb, required name[], encoding text, delimiter text, quote text,
    escape text, "null" text, header text, records_path text, on_bad_row text, max_errors bigint,
    server name DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._require_one_of(format, '{csv,json,ndjson}', 'format');
    PERFORM etl._require_one_of(header, '{true,false,match}', 'header');
    PERFORM etl._require_one_of(on_bad_row, '{reject,skip,error}', 'on_bad_row');
    IF max_errors < 0 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('max_errors must not be negative, but is %s', max_errors),
            HINT = 'Leave it out to allow any number of bad lines.';
    END IF;
    RETURN jsonb_strip_nulls(jsonb_build_object(
        'format', format, 'compression', compression, 'mapping', mapping::text, 'required', to_jsonb(required),
        'encoding', encoding, 'delimiter', delimiter, 'quote', quote, 'escape', escape, 'null', "null",
        'header', header, 'records_path', records_path, 'on_bad_row', on_bad_row, 'max_errors', max_errors,
        'server', server));
END
$$;
COMMENT ON FUNCTION etl._load_job(
    text, text, jsonb, name[], text, text, text, text, text, text, text, text, bigint, name) IS
    'The arguments of a load that tell how its content is written, checked (22023), for etl._load.';

-- What users call -----------------------------------------------------------------------------------------------------

CREATE FUNCTION etl.load_file(
    path text, target regclass, format text DEFAULT NULL, mapping jsonb DEFAULT NULL, key_columns name[] DEFAULT NULL,
    write_mode text DEFAULT NULL, required name[] DEFAULT NULL, encoding text DEFAULT NULL,
    delimiter text DEFAULT NULL, quote text DEFAULT '"', escape text DEFAULT NULL, "null" text DEFAULT '',
    header text DEFAULT 'true', records_path text DEFAULT NULL, on_bad_row text DEFAULT 'reject',
    max_errors bigint DEFAULT NULL, force boolean DEFAULT false, server name DEFAULT NULL)
RETURNS etl._load_result
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    said CONSTANT record := etl._file_format(
        CASE WHEN server IS NULL THEN path ELSE substring(path FROM '^[^?#]*') END);
BEGIN
    IF path IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'no file was given',
            HINT = 'Name one below pg_etl.import_directory, as in ''orders/2025.csv''.';
    ELSIF server IS NULL AND path ~* '^https?:' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'a URL is loaded from a server',
            DETAIL = 'Its options say how the server is reached, and its user mapping holds what it must not be asked '
                     'without.',
            HINT = 'CREATE SERVER … FOREIGN DATA WRAPPER etl_http OPTIONS (base_url …), and say server => its name.';
    ELSIF format IS NULL AND said.format IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('the name of file "%s" does not tell its format', path),
            HINT = 'Say format => ''csv'', ''json'' or ''ndjson''.';
    ELSIF server IS NOT NULL THEN
        PERFORM etl._require_http_server(server);
    END IF;
    RETURN etl._run_load(
        etl._load_job(coalesce(format, said.format), said.compression, mapping, required, encoding,
                      coalesce(delimiter, said.delimiter), quote, escape, "null", header, records_path, on_bad_row,
                      max_errors, server),
        path, NULL, target, key_columns, write_mode, force);
END
$$;
COMMENT ON FUNCTION etl.load_file(
    text, regclass, text, jsonb, name[], text, name[], text, text, text, text, text, text, text, text, bigint,
    boolean, name) IS
    'Loads a file of the server into a table, as one transaction, and returns its batch: the number (see etl.batches), '
    'the status (loaded; duplicate where the same role has loaded the same content into the table before: then a '
    'NOTICE says so and nothing is loaded, unless force), and how many records were received = inserted + updated + '
    'unchanged + ignored + rejected. path: below pg_etl.import_directory, absolute or from there; links are not '
    'followed; .gz and .zst are decompressed. format: csv, json (an array of records) or ndjson; by default what the '
    'name says. mapping: as of etl.create_extract, the names of the header (or numbers from 1 without one) to columns; '
    'NULL takes columns by equal names. write_mode: append; replace (deletes all rows before); by key_columns upsert '
    '(the default with them, as etl.load_deduplicated) or delete_insert. required: columns that must be there and have '
    'a value in each line. '
    'encoding: UTF8 by default, with a mark also UTF16. Of CSV: delimiter, quote (empty: none), escape (the quote by '
    'default), null (the text without quotes that is NULL), header (true; false: values go by their order; match: the '
    'header must be the columns of the table in their order). records_path: JSON pointer of the array. on_bad_row: '
    'reject keeps lines that cannot be loaded in etl.rejected_lines and loads the others, skip only counts them, '
    'error ends the load with the first one. max_errors: how many bad lines are allowed. server: the content is the '
    'answer of a server of the wrapper etl_http to this path (or URL of its origin), which is held in memory. Errors: '
    'those of etl.http_get; 42501 a role without EXECUTE on this function, a path outside or no right to insert; 55000 '
    'no directory is set, or the file is written while it is read; 58P01 no such file; 42809 a link or no regular '
    'file; 22P04 what is not written as it should be (an archive or a workbook is no text), or has too many bad lines; '
    '42703 and 42701 columns of header and table that do not fit; XX001 damaged compressed data; 22023 arguments; the '
    'error of the line with on_bad_row error.';
REVOKE EXECUTE ON FUNCTION etl.load_file(
    text, regclass, text, jsonb, name[], text, name[], text, text, text, text, text, text, text, text, bigint,
    boolean, name) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION etl.load_file(
    text, regclass, text, jsonb, name[], text, name[], text, text, text, text, text, text, text, text, bigint,
    boolean, name) TO pg_read_server_files;

CREATE FUNCTION etl.load_text(
    content bytea, target regclass, format text DEFAULT 'csv', mapping jsonb DEFAULT NULL,
    key_columns name[] DEFAULT NULL, write_mode text DEFAULT NULL, required name[] DEFAULT NULL,
    encoding text DEFAULT NULL, delimiter text DEFAULT ',', quote text DEFAULT '"', escape text DEFAULT NULL,
    "null" text DEFAULT '', header text DEFAULT 'true', records_path text DEFAULT NULL,
    on_bad_row text DEFAULT 'reject', max_errors bigint DEFAULT NULL, force boolean DEFAULT false,
    source text DEFAULT 'text')
RETURNS etl._load_result
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF content IS NULL OR source IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('%s must not be NULL', CASE WHEN content IS NULL THEN 'content' ELSE 'source' END),
            HINT = 'Give the content of a file; source is a name for it in etl.batches.';
    END IF;
    RETURN etl._run_load(
        etl._load_job(format, 'none', mapping, required, encoding, delimiter, quote, escape, "null", header,
                      records_path, on_bad_row, max_errors),
        source, content, target, key_columns, write_mode, force);
END
$$;
COMMENT ON FUNCTION etl.load_text(
    bytea, regclass, text, jsonb, name[], text, name[], text, text, text, text, text, text, text, text, bigint,
    boolean, text) IS
    'etl.load_file for content that the client sends, as the bytes of a file in some encoding. source: what '
    'etl.batches calls it. For every role that may insert into the table.';

CREATE FUNCTION etl.load_text(
    content text, target regclass, format text DEFAULT 'csv', mapping jsonb DEFAULT NULL,
    key_columns name[] DEFAULT NULL, write_mode text DEFAULT NULL, required name[] DEFAULT NULL,
    delimiter text DEFAULT ',', quote text DEFAULT '"', escape text DEFAULT NULL, "null" text DEFAULT '',
    header text DEFAULT 'true', records_path text DEFAULT NULL, on_bad_row text DEFAULT 'reject',
    max_errors bigint DEFAULT NULL, force boolean DEFAULT false, source text DEFAULT 'text')
RETURNS etl._load_result
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl.load_text(convert_to(content, getdatabaseencoding()), target, format, mapping, key_columns, write_mode,
                         required, getdatabaseencoding()::text, delimiter, quote, escape, "null", header, records_path,
                         on_bad_row, max_errors, force, source)
$$;
COMMENT ON FUNCTION etl.load_text(
    text, regclass, text, jsonb, name[], text, name[], text, text, text, text, text, text, text, bigint, boolean,
    text) IS
    'etl.load_file for a text that the client sends. source: what etl.batches calls it. For every role that may insert '
    'into the table.';
