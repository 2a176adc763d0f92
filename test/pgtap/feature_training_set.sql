-- etl.training_set and etl.create_training_set: the features of several views as they were, and nothing of the future.
BEGIN;
SELECT plan(39);
SET client_min_messages = warning;
SELECT setseed(0.6);

CREATE TABLE sale AS
    SELECT i AS id, 'w' || (random() * 20)::int AS wallet, (random() * 5)::int AS event,
           round((random() * 100)::numeric, 2) AS price, timestamptz '2025-01-01' + random() * interval '30 days' AS at
    FROM generate_series(1, 1000) AS i;
SELECT etl.create_feature_view('spending', ARRAY['wallet'],
    'SELECT wallet, count(*) AS n, sum(price) AS spent FROM public.sale WHERE at <= $1 GROUP BY wallet',
    ttl => '5 days', schema => 'public');
SELECT etl.create_feature_view('demand', ARRAY['event'],
    'SELECT event, count(*) AS n, max(price) AS dearest FROM public.sale WHERE at <= $1 GROUP BY event',
    schema => 'public');
DO $$
BEGIN
    FOR day IN 1 .. 20 LOOP
        CALL etl.materialize_features('spending', timestamptz '2025-01-01' + day * interval '1 day');
        CALL etl.materialize_features('demand', timestamptz '2025-01-01' + day * interval '36 hours');
    END LOOP;
END
$$;
CREATE TABLE label AS
    SELECT i AS id, 'w' || (random() * 22)::int AS wallet, (random() * 6)::bigint AS event,
           timestamptz '2025-01-01' + random() * interval '40 days' AS ts, random() < 0.5 AS churned
    FROM generate_series(1, 300) AS i;
INSERT INTO label VALUES (301, 'w1', 1, '2100-01-01', true), (302, NULL, 1, '2025-01-10', true),
                         (303, 'w1', NULL, NULL, true);

CREATE TABLE by_search AS
    SELECT l.*, s.as_of AS spending__ts, s.n AS spending__n, s.spent AS spending__spent, d.as_of AS demand__ts,
           d.n AS demand__n, d.dearest AS demand__dearest
    FROM label AS l
    LEFT JOIN LATERAL (
        SELECT * FROM (SELECT * FROM spending_history AS h WHERE h.wallet = l.wallet AND h.as_of <= l.ts
                       ORDER BY h.as_of DESC, h.created_at DESC LIMIT 1) AS h
        WHERE h.as_of >= l.ts - interval '5 days'
    ) AS s ON true
    LEFT JOIN LATERAL (
        SELECT * FROM demand_history AS h WHERE h.event = l.event AND h.as_of <= l.ts
        ORDER BY h.as_of DESC, h.created_at DESC LIMIT 1
    ) AS d ON true;

SELECT is(etl.create_training_set('public.full_set', 'public.label', '{spending,demand}', full_feature_names => true,
                                  feature_times => true, include_backfilled => true), 303::bigint, 'a new table');
SELECT columns_are('full_set', '{id,wallet,event,ts,churned,spending__ts,spending__n,spending__spent,demand__ts,
                               demand__n,demand__dearest}'::name[], 'its columns');
SELECT results_eq('SELECT * FROM full_set ORDER BY id', 'SELECT * FROM by_search ORDER BY id',
                  'has what a search in the histories finds');
SELECT cmp_ok(count(spending__n), '>', 150::bigint, 'features of one view are there') FROM full_set;
SELECT cmp_ok(count(*), '>', 10::bigint, 'and expired ones are not')
FROM full_set WHERE spending__n IS NULL AND demand__n IS NOT NULL;
SELECT is_empty('SELECT FROM full_set WHERE spending__ts > ts OR demand__ts > ts', 'none is of the future');
SELECT results_eq(
    $$SELECT * FROM etl.training_set('SELECT id, event AS event, wallet, ts FROM public.label ORDER BY id;',
        '{spending:spent,demand:n,spending:n}', full_feature_names => true, include_backfilled => true)
      AS t(id int, event bigint, wallet text, ts timestamptz, s numeric, n bigint, d bigint)$$,
    'SELECT id, event, wallet, ts, spending__spent, spending__n, demand__n FROM by_search ORDER BY id',
    'some features, by view');
SELECT results_eq(
    $$SELECT * FROM etl.training_set('public.label', '{demand:dearest,spending}', include_backfilled => true)
      AS t(id int, wallet text, event bigint, ts timestamptz, churned bool, dearest numeric, n bigint, spent numeric)
      ORDER BY id$$,
    'SELECT id, wallet, event, ts, churned, demand__dearest, spending__n, spending__spent FROM by_search ORDER BY id',
    'plain names');
SELECT results_eq(
    $$SELECT * FROM etl.training_set('public.label', '{demand}', include_backfilled => true)
      AS t(id int, wallet text, event bigint, ts timestamptz, churned bool, n bigint, dearest numeric) ORDER BY id$$,
    'SELECT id, wallet, event, ts, churned, demand__n, demand__dearest FROM by_search ORDER BY id', 'one view');
SELECT is_empty($$SELECT * FROM etl.training_set('SELECT * FROM public.label WHERE false', '{demand}')
                  AS t(id int, wallet text, event bigint, ts timestamptz, churned bool, n bigint, d numeric)$$,
                'no label');

-- What was written later was not known
SELECT results_eq(
    $$SELECT id, n IS NULL, dearest IS NULL, spent IS NULL
      FROM etl.training_set('SELECT * FROM public.label WHERE id IN (1, 301) ORDER BY id', '{demand,spending:spent}')
      AS t(id int, wallet text, event bigint, ts timestamptz, churned bool, n bigint, dearest numeric, spent numeric)$$,
    'VALUES (1, true, true, true), (301, false, false, true)', 'features that were written after the label');
UPDATE spending_history SET created_at = as_of + random() * interval '3 days';
UPDATE demand_history SET created_at = as_of + random() * interval '3 days';
CREATE TABLE known AS
    SELECT * FROM etl.training_set('public.label', '{spending,demand}', full_feature_names => true,
                                   feature_times => true)
    AS t(id int, wallet text, event bigint, ts timestamptz, churned bool, spending__ts timestamptz, spending__n bigint,
         spending__spent numeric, demand__ts timestamptz, demand__n bigint, demand__dearest numeric);
SELECT results_eq(
    'SELECT id, spending__n, demand__n FROM known ORDER BY id',
    $$SELECT l.id, s.n, d.n
      FROM label AS l
      LEFT JOIN LATERAL (
          SELECT * FROM (SELECT * FROM spending_history AS h
                         WHERE h.wallet = l.wallet AND h.as_of <= l.ts AND h.created_at <= l.ts
                         ORDER BY h.as_of DESC, h.created_at DESC LIMIT 1) AS h
          WHERE h.as_of >= l.ts - interval '5 days'
      ) AS s ON true
      LEFT JOIN LATERAL (
          SELECT * FROM demand_history AS h WHERE h.event = l.event AND h.as_of <= l.ts AND h.created_at <= l.ts
          ORDER BY h.as_of DESC, h.created_at DESC LIMIT 1
      ) AS d ON true ORDER BY l.id$$, 'a row uses what was known at its moment');
INSERT INTO spending_history (wallet, as_of, created_at, present, n, spent)
    SELECT wallet, ts + interval '1 second', ts, true, -1, -1 FROM label WHERE wallet IS NOT NULL AND ts IS NOT NULL
    UNION ALL
    SELECT wallet, ts - interval '1 second', ts + interval '1 second', true, -1, -1 FROM label
    WHERE wallet IS NOT NULL AND ts IS NOT NULL;
DELETE FROM spending_history AS h WHERE n = -1 AND EXISTS (
    SELECT FROM label AS l WHERE l.wallet = h.wallet AND h.as_of <= l.ts AND h.created_at <= l.ts);
SELECT cmp_ok(count(*), '>', 0::bigint, 'rows of the future were added') FROM spending_history WHERE n = -1;
SELECT results_eq(
    $$SELECT * FROM etl.training_set('public.label', '{spending,demand}', full_feature_names => true,
                                     feature_times => true)
      AS t(id int, wallet text, event bigint, ts timestamptz, churned bool, spending__ts timestamptz,
           spending__n bigint, spending__spent numeric, demand__ts timestamptz, demand__n bigint,
           demand__dearest numeric) ORDER BY id$$,
    'SELECT * FROM known ORDER BY id', 'and change nothing');

-- An entity that vanished has no features from then on
DELETE FROM sale WHERE event = 1;
CALL etl.materialize_features('demand', '2025-02-15');
SELECT results_eq(
    $$SELECT * FROM etl.training_set('SELECT 1::bigint AS event, m::timestamptz AS ts
                                      FROM unnest(''{2025-02-10,2025-02-20}''::text[]) AS m', '{demand:n}',
                                     include_backfilled => true)
      AS t(event bigint, ts timestamptz, n bigint)$$,
    $$SELECT 1::bigint, m.at, m.n
      FROM (VALUES (timestamptz '2025-02-10', (SELECT h.n FROM demand_history AS h WHERE h.event = 1 AND h.present
                                               ORDER BY h.as_of DESC LIMIT 1)), ('2025-02-20', NULL)) AS m(at, n)$$,
    'an entity that vanished');

-- Many views, and names that need quotes
DO $$
BEGIN
    FOR i IN 1 .. 8 LOOP
        PERFORM etl.create_feature_view('it''s "' || i || '" $q$', ARRAY['Wallet $q$'], format(
            'SELECT wallet AS "Wallet $q$", %s AS "f %s" FROM public.sale WHERE at <= $1 GROUP BY wallet', i, i),
            schema => 'public');
        CALL etl.materialize_features('it''s "' || i || '" $q$', '2025-01-20');
    END LOOP;
END
$$;
SELECT results_eq(
    format($call$SELECT * FROM etl.training_set('SELECT ''w1''::text AS "Wallet $q$", timestamptz ''2025-01-25'' AS ts',
                                            %L, include_backfilled => true)
             AS t(w text, ts timestamptz, a int, b int, c int, d int, e int, f int, g int, h int)$call$,
           ARRAY(SELECT 'it''s "' || i || '" $q$' FROM generate_series(1, 8) AS i)),
    $$VALUES ('w1', timestamptz '2025-01-25', 1, 2, 3, 4, 5, 6, 7, 8)$$, 'eight views');
SELECT is(etl._dollar_quoted(body), wanted, body)
FROM (VALUES ('a', '$q$a$q$'), ('', '$q$$q$'), ('a $q$', '$q1$a $q$ $q1$'), ('$q$ $q1$ $', '$q2$$q$ $q1$ $ $q2$'))
     AS q(body, wanted);

-- What is refused
SELECT throws_ok(format('SELECT * FROM etl.training_set(%s) AS t(id int)', call), state, message, call)
FROM (VALUES
    ($$'public.label', '{}'$$, '22023', 'no feature view was given'),
    ($$'public.label', NULL$$, '22023', 'no feature view was given'),
    ($$'public.label', '{spending,NULL}'$$, '22023', 'a feature view must not be NULL'),
    ($$'public.label', '{NULL}'$$, '22023', 'a feature view must not be NULL'),
    ($$'public.label', '{{spending},{demand}}'$$, '22023', 'feature_views must be one list of names'),
    ($$'public.label', '{nowhere}'$$, '42704', NULL),
    ($$'public.label', '{spending:nothing}'$$, '42703', 'feature view "spending" has no feature "nothing"'),
    ($$'public.label', '{spending,demand}'$$, '42701', 'the training set would have two columns "n"'),
    ($$'SELECT *, 1 AS n FROM public.label', '{spending}'$$, '42701', 'the training set would have two columns "n"'),
    ($$'SELECT id, event, ts FROM public.label', '{spending}'$$, '42703',
     'spine has no column "wallet", an entity of feature view "spending"'),
    ($$'public.label', '{spending,spending:n}'$$, '42710', '"spending:n" is named twice'),
    ($$'public.label', '{spending:n,spending:n}'$$, '42710', '"spending:n" is named twice'),
    ($$'public.label', '{spending}', ts => 'moment'$$, '42703', 'ts column moment is not among the columns of spine'),
    ($$'public.label', '{spending}', full_feature_names => NULL$$, '22023', 'full_feature_names must not be NULL'),
    ($$'public.label', '{spending}', feature_times => NULL$$, '22023', 'feature_times must not be NULL'),
    ($$'public.label', '{spending}', include_backfilled => NULL$$, '22023', 'include_backfilled must not be NULL'),
    ($$'SELECT id, 1 AS wallet, ts FROM public.label', '{spending}'$$, '42804', NULL),
    ($$'public.label', '{spending}'$$, '42804', 'the list of columns is not that of the result'),
    ($$'DELETE FROM public.label RETURNING *', '{spending}'$$, '22023', NULL)
) AS c(call, state, message);

SELECT * FROM finish();
ROLLBACK;
