# shellcheck shell=bash
# What the tests share that copy tables while others write or die. Sourced after kill.sh.

# sql_of_copy: makes a procedure that runs an extract of kind table by itself, and raises what went wrong.
sql_of_copy() {
    cat <<'SQL'
CREATE PROCEDURE copy(which text) LANGUAGE plpgsql AS $$
DECLARE
    definition etl.extract;
    run bigint;
    failure jsonb;
BEGIN
    SELECT e.* INTO STRICT definition FROM etl.extract AS e WHERE e.name = which;
    PERFORM etl._close_lost_runs('extract', which);
    run := etl._start_run('extract', which, now());
    CALL etl._run_table_extract(definition, run, failure);
    PERFORM etl._finish_run(run, CASE WHEN failure IS NULL THEN 'succeeded' ELSE 'failed' END, (
                                SELECT r.rows FROM etl.run AS r WHERE r.run_id = run), NULL, failure ->> 'message');
    COMMIT;
    IF failure IS NOT NULL THEN
        RAISE EXCEPTION '%', failure;
    END IF;
END
$$;
SQL
}
