-- History views: the table and its archives as one, with conditions pushed down to each.
BEGIN;
SELECT plan(29);
SET LOCAL client_min_messages = error;

CREATE TABLE events (id bigint, at timestamptz NOT NULL, name text, amount numeric) PARTITION BY RANGE (at);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM ('2024-02-01') TO ('2024-03-01');
CREATE INDEX ON events (at);
CREATE TABLE events_archive (amount numeric, more text DEFAULT 'own', at timestamptz, name text, id bigint);
CREATE INDEX ON events_archive (at);
INSERT INTO events
SELECT i, '2024-01-01'::timestamptz + i * interval '1 minute', 'n' || i, i / 4.0 FROM generate_series(1, 50000) AS i;
CREATE TABLE expected AS SELECT * FROM events;
SELECT etl.add_retention_policy('events', 'at', '90 days', archive_to => 'events_archive') AS policy \gset

-- A batch of a run, as the ledger sees it.
CREATE FUNCTION move(run bigint, condition text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    gone record;
BEGIN
    EXECUTE format(
        'WITH gone AS (DELETE FROM events AS t WHERE %s RETURNING t.*),'
        ' kept AS (INSERT INTO events_archive (%s) SELECT %2$s FROM gone)'
        ' SELECT %s AS contents, min(at) AS first, max(at) AS last FROM gone', condition,
        (SELECT string_agg(attname, ', ') FROM pg_attribute
         WHERE attrelid = 'events'::regclass AND attnum > 0 AND NOT attisdropped), etl._rows_hash_of('events', 'gone'))
    INTO gone;
    PERFORM etl._note_archive('events', 1::smallint, 'archived', 'public.events', 'public.events_archive', run,
                              gone.first, gone.last, gone.contents);
END
$$;
CREATE FUNCTION plan_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    line text;
    whole text := '';
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        whole := whole || line || E'\n';
    END LOOP;
    RETURN whole;
END
$$;

-- What is shown -------------------------------------------------------------------------------------------------------

SELECT is(etl.create_history_view('events'), 'public.events_history', 'the name');
SELECT bag_eq('TABLE events_history', 'TABLE expected', 'nothing is archived yet');
SELECT move(1, 'id <= 20000');
SELECT bag_eq('TABLE events_history', 'TABLE expected', 'a part is');
SELECT columns_are('events_history', '{id,at,name,amount}'::name[], 'the columns are those of the table');
SELECT etl.restore_archive('events', '2024-01-02', '2024-01-03');
SELECT bag_eq('TABLE events_history', 'TABLE expected', 'a part is back');
SELECT ok((SELECT reloptions @> '{security_invoker=true}' FROM pg_class WHERE oid = 'events_history'::regclass),
          'it has the rights of who reads it');

-- How it is read ------------------------------------------------------------------------------------------------------

ANALYZE events, events_archive;
SET LOCAL enable_seqscan = off;
SELECT plan_of($$SELECT * FROM events_history WHERE at >= '2024-02-02' AND at < '2024-02-03' AND name = 'n7'$$)
    AS narrow \gset
SELECT matches(:'narrow'::text, 'Index Scan using events_2_at_idx', 'the index of the partition');
SELECT doesnt_match(:'narrow'::text, 'events_1', 'no other partition');
SELECT matches(:'narrow'::text, 'events_archive_at_idx', 'the index of the archive');
SELECT is((SELECT count(*) FROM regexp_matches(:'narrow'::text, 'Index Cond: \(\(at >= ', 'g')), 2::bigint,
          'with the condition on the time');
SELECT matches(plan_of('SELECT max(at) FROM events_history'), 'Index', 'also for the last row');
SELECT matches(plan_of('SELECT * FROM events_history ORDER BY at LIMIT 5'), 'Merge Append', 'and for the first ones');
RESET enable_seqscan;

-- The view follows the policy -----------------------------------------------------------------------------------------

CREATE ROLE etl_test_reader;
GRANT SELECT ON events_history TO etl_test_reader;
CREATE VIEW over_it AS SELECT count(*) AS n FROM events_history;
CREATE TABLE cold (LIKE events_archive);
SELECT etl.add_tier('events', '1 year', 'cold');
SELECT matches(pg_get_viewdef('events_history'::regclass), 'cold', 'another tier');
WITH gone AS (DELETE FROM events_archive WHERE id <= 100 RETURNING *) INSERT INTO cold SELECT * FROM gone;
SELECT bag_eq('TABLE events_history', 'TABLE expected', 'whose rows are shown');
SELECT ok(has_table_privilege('etl_test_reader', 'events_history', 'SELECT'), 'rights stay');
SELECT is((SELECT n FROM over_it), 50000::bigint, 'and so do views over it');
ALTER TABLE events ADD extra int;
ALTER TABLE events_archive ADD extra int;
UPDATE events SET extra = 3 WHERE id > 49000;
SELECT move(2, 'id > 49900');
SELECT is((SELECT sum(extra) FROM events_history), 3000::bigint, 'a column that was added, with the next run');
SELECT is((SELECT count(*) FROM events_history), 50000::bigint, 'an archive without the column has NULL');
SELECT etl.remove_tier('events', 2);
SELECT doesnt_match(pg_get_viewdef('events_history'::regclass), 'cold',
          'a tier that held nothing by the ledger is gone');

-- Names and errors ----------------------------------------------------------------------------------------------------

CREATE SCHEMA "Other";
SELECT is(etl.create_history_view('events', '"Other"."All Events"'), '"Other"."All Events"', 'a name with a schema');
SELECT is(etl.create_history_view('events', 'everything'), 'public.everything', 'or without');
SELECT is(etl.create_history_view('events', 'everything'), 'public.everything', 'made anew');
SELECT throws_ok($$SELECT etl.create_history_view('events', 'expected')$$, '42P07', NULL, 'a name that is taken');
SELECT throws_ok($$SELECT etl.create_history_view('nothing')$$, '42704', NULL, 'no such policy');
DROP VIEW everything;
CREATE VIEW everything AS SELECT 1 AS one;
SELECT throws_ok($$SELECT etl.create_history_view('events', 'everything')$$, '42P16', NULL,
                 'a view that is not ours any more');

-- Rights --------------------------------------------------------------------------------------------------------------

SET LOCAL ROLE etl_test_reader;
SELECT throws_ok('TABLE events_history', '42501', NULL, 'the reader needs the tables');
RESET ROLE;
GRANT SELECT ON events, events_archive, cold TO etl_test_reader;
SET LOCAL ROLE etl_test_reader;
SELECT is((SELECT count(*) FROM events_history), 49900::bigint, 'and has them');
SELECT throws_ok($$SELECT * FROM etl._history_files('events', 'public.events', 'postgres')$$, '42501',
                 'permission denied for the archive files of retention policy "events"',
                 'files are not silently left out');
SELECT throws_ok($$SELECT etl.create_history_view('events')$$, '42704', NULL, 'a view of another role''s policy');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
