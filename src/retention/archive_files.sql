-- Archive files: written, read, checked and removed below the one directory that the superuser has set aside for them
-- (pg_etl.archive_directory).

CREATE FUNCTION etl._require_archive_access(writes boolean)
RETURNS void
LANGUAGE C STABLE
AS 'MODULE_PATHNAME', 'etl_require_archive_access';
COMMENT ON FUNCTION etl._require_archive_access(boolean) IS
    'Raises (42501), with the GRANT that mends it, unless the current role may write archive files, or else read them.';

CREATE FUNCTION etl._archive_write(
    location text, format text, query text,
    OUT rows bigint, OUT bytes bigint, OUT contents etl.rows_hash, OUT sha256 bytea, OUT columns jsonb)
RETURNS record
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'etl_archive_write';
COMMENT ON FUNCTION etl._archive_write(text, text, text) IS
    'Writes the rows of a query into a new file (file:///directory/…), brings it to the disk, and reads it back before '
    'it returns: how many rows there are, the bytes and the SHA-256 of the file, the etl.rows_hash of the rows, and '
    'their columns. format: ndjson or csv, with .zst or .gz behind it. The query runs with the role locked and under '
    'the settings of pg_dump: time zone UTC, dates in ISO, no schema but pg_catalog in the search_path. The file is '
    'no part of the transaction: it stays when that is rolled back, and is removed when the call fails. 42501 for a '
    'role without the privileges of pg_write_server_files, or a location outside of pg_etl.archive_directory; 58P02 '
    'where there is such a file, which is never written to; 53100 where the disk is full.';
REVOKE EXECUTE ON FUNCTION etl._archive_write(text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION etl._archive_write(text, text, text) TO pg_write_server_files;

CREATE FUNCTION etl._archive_read(location text, format text, columns jsonb DEFAULT NULL, sha256 bytea DEFAULT NULL)
RETURNS SETOF record
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'etl_archive_read';
COMMENT ON FUNCTION etl._archive_read(text, text, jsonb, bytea) IS
    'The rows of an archive file, as the columns that the caller lists: FROM etl._archive_read(…) AS a(id bigint, …). '
    'A listed column that the file has not is NULL. columns is what etl._archive_write returned; one of them that is '
    'not listed is left out. A file with others, or with another SHA-256 than the one given, is an error before the '
    'first row is returned (22P04, XX001). 42501 for a role without the privileges of pg_read_server_files, or a '
    'location outside of pg_etl.archive_directory; 58P01 where there is no such file.';
REVOKE EXECUTE ON FUNCTION etl._archive_read(text, text, jsonb, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION etl._archive_read(text, text, jsonb, bytea) TO pg_read_server_files;

CREATE FUNCTION etl._archive_check(
    location text, format text, columns jsonb,
    OUT rows bigint, OUT bytes bigint, OUT sha256 bytea, OUT contents etl.rows_hash)
RETURNS record
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'etl_archive_check';
COMMENT ON FUNCTION etl._archive_check(text, text, jsonb) IS
    'What an archive file holds, read from the disk and value by value: to compare with what etl._archive_write '
    'returned, whose columns are given. Errors as of etl._archive_read.';
REVOKE EXECUTE ON FUNCTION etl._archive_check(text, text, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION etl._archive_check(text, text, jsonb) TO pg_read_server_files;

CREATE FUNCTION etl._archive_remove(location text)
RETURNS boolean
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'etl_archive_remove';
COMMENT ON FUNCTION etl._archive_remove(text) IS
    'Removes an archive file, at once and for good, whatever becomes of the transaction; false where there is none. '
    '42501 for a role without the privileges of pg_write_server_files, or a location outside of '
    'pg_etl.archive_directory.';
REVOKE EXECUTE ON FUNCTION etl._archive_remove(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION etl._archive_remove(text) TO pg_write_server_files;

CREATE FUNCTION etl._archive_sweep(location text)
RETURNS boolean
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'etl_archive_sweep';
COMMENT ON FUNCTION etl._archive_sweep(text) IS
    'Removes what a process that was killed while it wrote an archive file has left of it under temporary names, and '
    'never one that somebody is writing, nor the file itself. True where nothing of it is there after that. 42501 for '
    'a role without the privileges of pg_write_server_files, or a location outside of pg_etl.archive_directory; 58P01 '
    'where its directory is not there.';
REVOKE EXECUTE ON FUNCTION etl._archive_sweep(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION etl._archive_sweep(text) TO pg_write_server_files;

CREATE FUNCTION etl._archive_list(OUT location text, OUT bytes bigint, OUT changed_at timestamptz)
RETURNS SETOF record
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'etl_archive_list';
COMMENT ON FUNCTION etl._archive_list() IS
    'Every file below pg_etl.archive_directory; links are left out. 42501 for a role without the privileges of '
    'pg_read_server_files, 55000 where no directory is set.';
REVOKE EXECUTE ON FUNCTION etl._archive_list() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION etl._archive_list() TO pg_read_server_files;
