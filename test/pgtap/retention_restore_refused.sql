-- etl.restore_archive into a table that does not take the rows: what it says.
SELECT plan(4);
SET client_min_messages = warning;

CREATE FUNCTION hint(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    hint text;
BEGIN
    EXECUTE command;
    RETURN NULL;
EXCEPTION
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
        RETURN SQLSTATE || ': ' || hint;
END
$$;
CREATE TABLE strict (id int PRIMARY KEY, at timestamptz, code text UNIQUE, v text);
CREATE INDEX ON strict (at);
INSERT INTO strict VALUES (1, '2024-01-01', 'a', NULL);
SELECT etl.add_retention_policy('strict', 'at', '90 days', archive_to => 'strict_old') \g /dev/null
CALL etl.run_retention('strict', '2024-12-01');
SELECT archive_id AS strict FROM etl.archives WHERE action = 'archived' \gset
INSERT INTO strict VALUES (2, '2025-01-01', 'a', 'x');
SELECT alike(hint(format($$SELECT * FROM etl.restore_archive(%s, on_conflict => 'update')$$, :strict)),
    '23505: Only rows with the same primary key are replaced.%', 'another key is not advised to be updated');
SELECT alike(hint(format('SELECT * FROM etl.restore_archive(%s)', :strict)), '23505: on_conflict => %',
    'but a first one');
UPDATE strict SET code = 'b';
ALTER TABLE strict ALTER v SET NOT NULL;
SELECT alike(hint(format('SELECT * FROM etl.restore_archive(%s)', :strict)), '23502: They are older than %',
    'a column that must have a value by now');
SELECT throws_ok(format('SELECT * FROM etl.restore_archive(%s)', :strict), '23502',
    'table "public.strict" does not take the rows of archive public.strict_old: null value in column "v" of relation '
    '"strict" violates not-null constraint', 'names the table and the archive');

SELECT * FROM finish();
