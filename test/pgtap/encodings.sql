-- The extension in databases of other encodings than UTF-8: it is created, and its messages can be read.
CREATE EXTENSION dblink;
SELECT plan(17);
CREATE TABLE encoding (name text, number int GENERATED ALWAYS AS IDENTITY);
INSERT INTO encoding (name) VALUES ('EUC_JP'), ('EUC_TW'), ('LATIN1'), ('SQL_ASCII');
SELECT format('CREATE DATABASE encodings_%s TEMPLATE template0 ENCODING %L LC_COLLATE ''C'' LC_CTYPE ''C''',
              lower(name), name) FROM encoding ORDER BY number \gexec
SELECT dblink_connect(name, format('dbname=encodings_%s host=%s client_encoding=UTF8', lower(name),
                                   current_setting('unix_socket_directories'))) FROM encoding \g /dev/null

CREATE FUNCTION pg_temp.outcome(session text, command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    hint text;
BEGIN
    PERFORM dblink_exec(session, command);
    RETURN 'done';
EXCEPTION
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
        RETURN concat_ws(' / ', SQLERRM, hint);
END
$$;

SELECT is(pg_temp.outcome(name, 'CREATE EXTENSION pg_etl'), 'done', name || ': CREATE EXTENSION')
FROM encoding ORDER BY number;
SELECT is(pg_temp.outcome(name, 'CALL etl.run_retention(''none'')'),
          'retention policy "none" does not exist / SELECT policy FROM etl.policies lists the policies of the current '
          'role; etl.add_retention_policy(...) defines one.', name || ': a message of SQL')
FROM encoding ORDER BY number;
SELECT is(pg_temp.outcome(name, $$ DO 'BEGIN PERFORM etl.k_hop_count(''SELECT 1, 2'', 1, ''up''); END' $$),
          'unknown direction "up" / Call etl.k_hop_count(..., direction => ''out'').', name || ': one of C++')
FROM encoding ORDER BY number;
SELECT is(found, 0::bigint, format('%s: nothing that is not in ASCII is in the catalogs', name))
FROM encoding, dblink(name, $$
    SELECT count(*) FROM (SELECT prosrc FROM pg_proc UNION ALL SELECT description FROM pg_description) AS t(text)
    WHERE t.text ~ '[^[:ascii:]]' $$) AS r(found bigint)
ORDER BY number;
SELECT dblink_disconnect(name) FROM encoding \g /dev/null
SELECT is(pg_temp.outcome(format('dbname=%s host=%s', current_database(), current_setting('unix_socket_directories')),
                          $$ DO 'BEGIN PERFORM etl.k_hop_count(''SELECT 1, 2'', 1, ''up''); END' $$),
          'unknown direction "up" / Call etl.k_hop_count(…, direction => ''out'').', 'UTF-8 has the ellipsis');
SELECT * FROM finish();
