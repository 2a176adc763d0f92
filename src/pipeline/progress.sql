-- Progress of a step that is running, told to other sessions while its transaction is open: by the name of its session
-- in pg_stat_activity, which belongs to no transaction.

CREATE FUNCTION etl.progress(done bigint, total bigint DEFAULT NULL, note text DEFAULT NULL)
RETURNS void
LANGUAGE C VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'etl_progress';
COMMENT ON FUNCTION etl.progress(bigint, bigint, text) IS
$$Tells how far the step that calls it has come. Other sessions see it at once in etl.step_runs (progress_done,
progress_total, progress_note), and as the application_name of the session in pg_stat_activity, as in
'pg_etl 1200/5000 orders of June'. It costs about a microsecond, so it can be called for every row: at most ten calls a
second are shown, and any with done = total.
done: what is done, in units of the caller's. total: of how many, where that is known; done may pass it, as totals are
often estimates. note: a few words; what does not fit into the 63 bytes of the name is cut off.
Outside of a step it does nothing. Errors: 22004 done is NULL, 22023 a negative number.$$;

CREATE FUNCTION etl._forget_progress()
RETURNS void
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'etl_forget_progress';
COMMENT ON FUNCTION etl._forget_progress() IS
    'Shows the session''s own application_name again, after a step that was executed in it.';
