-- What a query fails on: a row must not stop its writer, nor a refresh when it is gone; one that is there is named.
SELECT plan(19);
SET client_min_messages = warning;

CREATE TABLE note (id integer PRIMARY KEY, v text, n integer, at timestamp);
INSERT INTO note VALUES (1, '1', 1, '2024-01-01');
CREATE FUNCTION make(name text, query text, mode text) RETURNS void LANGUAGE sql AS $$
    SELECT etl.create_rollup('public.' || name, query, '{k}', mode => mode, realtime => true)
$$;
SELECT make('merged', 'SELECT id % 2 AS k, sum(v::int) AS s, sum(10 / n) AS q FROM public.note GROUP BY 1', 'delta'),
       make('kept', 'SELECT id % 2 AS k, count(*) AS n FROM public.note WHERE v::int > 0 GROUP BY 1', 'delta'),
       make('keyed', 'SELECT v::int AS k, count(*) AS n FROM public.note GROUP BY 1', 'delta'),
       make('weekly', $$SELECT date_trunc('week', at) AS k, count(*) AS n FROM public.note GROUP BY 1$$, 'delta'),
       make('computed', 'SELECT v::int AS k, count(*) AS n FROM public.note WHERE id < 100 GROUP BY 1', 'recompute'),
       make('unguarded', 'SELECT v::int AS k, count(*) AS n FROM public.note GROUP BY 1', 'recompute');

-- How many rows of a relation are not those of a rollup's query.
CREATE FUNCTION differences(name text, suffix text DEFAULT '') RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    query text := (SELECT r.query FROM etl.rollups AS r WHERE r.name = 'public.' || differences.name);
    n bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM ((TABLE %1$I EXCEPT ALL (%2$s)) UNION ALL '
                   '((%2$s) EXCEPT ALL TABLE %1$I)) AS d', name || suffix, query) INTO n;
    RETURN n;
END
$$;

-- Gone by the time of the refresh ------------------------------------------------------------------------------------

BEGIN;
INSERT INTO note VALUES (2, 'junk', 0, '4714-11-24 BC');
DELETE FROM note WHERE id = 2;
COMMIT;
INSERT INTO note VALUES (3, '3', 3, '2024-02-01');
SELECT is(differences(r, '_live'), 0::bigint, r || ': the live view looks at what is there')
FROM unnest('{merged,kept,keyed,weekly,computed,unguarded}'::text[]) AS r;
SELECT is((SELECT count(*) FROM etl.verify_rollup('keyed')), 0::bigint,
          'where the log does not tell the groups, none is compared');
CALL etl.refresh_all();
SELECT is(differences(r), 0::bigint, r || ': so does a refresh')
FROM unnest('{merged,kept,keyed,weekly,computed,unguarded}'::text[]) AS r;
INSERT INTO note VALUES (4, '3', 3, '2024-02-01');
CALL etl.refresh_all();
SELECT is((SELECT count(*) FROM etl.runs WHERE name = ANY ('{public.merged,public.kept,public.keyed,public.weekly}')
           AND run_id > (SELECT max(run_id) - 6 FROM etl.runs) AND (detail ->> 'merged')::int = 1), 4::bigint,
          'then merging goes on');

-- There at the refresh -----------------------------------------------------------------------------------------------

SELECT etl.drop_rollup(r) FROM unnest('{kept,keyed,weekly,computed,unguarded}'::text[]) AS r \g /dev/null
INSERT INTO note VALUES (5, 'junk', 1, '2024-01-01');
\set ON_ERROR_STOP off
\set VERBOSITY sqlstate
CALL etl.refresh_rollup('merged');
\set ON_ERROR_STOP on
SELECT is((SELECT error FROM etl.runs ORDER BY run_id DESC LIMIT 1),
          'rollup "public.merged" cannot be computed: invalid input syntax for type integer: "junk"',
          'a row that is there stops it');
SELECT throws_ok($$CALL etl.refresh_rollup('merged')$$, '22P02',
                 'rollup "public.merged" cannot be computed: invalid input syntax for type integer: "junk"',
                 'inside a transaction, too');
SELECT matches(etl._refresh_error('22P02', 'bad', '', '', etl._rollup('merged'::text)) ->> 'hint',
               '^Mend or delete the row', 'the way out');
UPDATE note SET v = '5' WHERE id = 5;
CALL etl.refresh_rollup('merged');
SELECT is(differences('merged'), 0::bigint, 'when it is mended, it goes on');
SELECT is((SELECT count(*) FROM etl.verify_rollup('merged')), 0::bigint, 'rightly');

SELECT * FROM finish();
