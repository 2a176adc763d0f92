-- Retention at its edges: the ends of time, names and directories that are none, sessions that may not write.
-- No transaction around the file, because etl.run_retention commits.
CREATE EXTENSION dblink;
SELECT plan(24);
SET client_min_messages = error;
SELECT current_setting('data_directory') || '/archive_' || current_database() AS directory \gset
COPY (SELECT WHERE false) TO PROGRAM 'mkdir "$PWD/archive_retention_edges" && cd "$PWD/archive_retention_edges" &&
    mkdir real shut && ln -s real link && echo x > plain && chmod 000 shut';

-- The ends of time ----------------------------------------------------------------------------------------------------

CREATE TABLE far (id int PRIMARY KEY, at timestamptz, day date);
CREATE INDEX ON far (at);
CREATE INDEX ON far (day);
INSERT INTO far VALUES (1, '294276-12-31 00:00+00', '5874897-12-31');
SELECT etl.add_retention_policy('far', 'at', '30 days', name => 'moments'),
       etl.add_retention_policy('far', 'day', '30 days', name => 'days') \g /dev/null
SELECT results_eq('SELECT policy, backlog, oldest, next_due FROM etl.retention_status ORDER BY policy',
                  $$ VALUES ('days', 0::bigint, 'infinity'::timestamptz, 'infinity'::timestamptz),
                            ('moments', 0, '294276-12-31 00:00+00', 'infinity') $$,
                  'rows near the end of time are due at no moment that there is');
INSERT INTO far VALUES (2, '2000-01-01 00:00+00', '2000-01-01');
SELECT results_eq('SELECT policy, backlog, oldest, isfinite(next_due) FROM etl.retention_status ORDER BY policy',
                  $$ VALUES ('days', 1::bigint, '2000-01-01 00:00+00'::timestamptz, true),
                            ('moments', 1, '2000-01-01 00:00+00', true) $$, 'and are in the way of none that are');

-- Names ---------------------------------------------------------------------------------------------------------------

SELECT throws_ok(format('SELECT etl.create_history_view(''moments'', %L)', v), '42602',
                 format('name "%s" is not the name of a view', v),
                 'a history view with the name ' || quote_literal(left(v, 9)))
FROM unnest(ARRAY['', repeat('x', 64), 'a.b.c', '1 2', 'public.' || repeat('y', 64)]) AS v;
SELECT is(etl.create_history_view('moments', v), w, 'nor with ' || left(v, 9))
FROM (VALUES ('public.far_history', 'public.far_history'), ('"A b"', 'public."A b"'),
             (repeat('z', 63), 'public.' || repeat('z', 63))) AS n (v, w);
SELECT throws_ok($$ SELECT * FROM etl.restore_archive(NULL, NULL::timestamptz, NULL) $$, '42704',
                 'no retention policy was given', 'restoring of no policy');
CREATE TYPE mood AS ENUM ('sad');
SELECT throws_ok($$ SELECT etl.add_retention_policy('far', 'at', '1 day', name => 'x', archive_to => 'mood') $$,
                 '42710', 'archive table "public.mood" cannot be created: a type has that name',
                 'the name of a type is no archive');
SELECT throws_ok(format('SELECT etl.add_retention_policy(%L, %L, ''1 day'')', 'etl.' || t, c), '42809',
                 format('table "etl.%s" belongs to pg_etl itself', t), 'a policy for etl.' || t)
FROM (VALUES ('audit_log', 'at'), ('run', 'started_at')) AS r (t, c);

-- Directories ---------------------------------------------------------------------------------------------------------

SELECT throws_ok(format('SET pg_etl.archive_directory = %L', v), '22023', NULL, 'no directory for archives: ' || v)
FROM unnest('{relative,./here,/,//}'::text[]) AS v;
SET pg_etl.archive_directory = '';
SET pg_etl.archive_directory = :'directory';
SELECT throws_ok(format('SELECT etl.add_retention_policy(''far'', ''at'', ''1 day'', name => ''x'', archive_to => %L)',
                        'file://' || :'directory' || '/' || v), state, NULL, 'no target for archives: ' || v)
FROM (VALUES ('link', '42809'), ('link/below', '42809'), ('plain', '42809'), ('shut', '42501')) AS r (v, state);
SELECT lives_ok(format('SELECT etl.add_retention_policy(''far'', ''at'', ''1 day'', name => ''f'', archive_to => %L)',
                       'file://' || :'directory' || '/new/one'), 'one that is not there is made by the run');

-- Sessions that may not write -----------------------------------------------------------------------------------------

CREATE FUNCTION pg_temp.outcome(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    hint text;
BEGIN
    PERFORM dblink_exec(format('dbname=%s host=%s options=''-c default_transaction_read_only=on''', current_database(),
                               current_setting('unix_socket_directories')), command);
    RETURN 'done';
EXCEPTION
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
        RETURN concat_ws(' ', SQLSTATE, SQLERRM, hint);
END
$$;
SELECT is(pg_temp.outcome('CALL etl.run_retention()'), '25006 etl.run_retention writes, and the session is read-only '
          'SET default_transaction_read_only = off;', 'a run in a read-only session');
COPY (SELECT WHERE false) TO PROGRAM 'chmod 700 "$PWD/archive_retention_edges/shut"';
SELECT * FROM finish();
