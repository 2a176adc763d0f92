-- etl.create_training_data: labels, parts, columns, and that it is one transaction's work.
BEGIN;
SELECT plan(30);
SELECT setseed(0.4);

CREATE TABLE click (user_id int, item_id text, at timestamptz);
INSERT INTO click
SELECT (random() * 100)::int, 'item ' || (random() ^ 2 * 200)::int, '2025-01-01' FROM generate_series(1, 2000);
INSERT INTO click VALUES (NULL, 'item 1', now()), (1, NULL, now());

SELECT is(etl.create_training_data('public.training', 'public.click', 'user_id', 'item_id', 4, seed => 3),
          (SELECT 5 * count(DISTINCT (user_id, item_id)) FROM click WHERE user_id + length(item_id) IS NOT NULL),
          'each positive, and four negatives');
SELECT columns_are('training', ARRAY['user_id', 'item_id', 'label']);
SELECT col_type_is('training', 'label', 'integer', 'a label is a whole number');
SELECT set_eq('SELECT user_id, item_id FROM training WHERE label = 1',
              'SELECT DISTINCT user_id, item_id FROM click WHERE user_id IS NOT NULL AND item_id IS NOT NULL',
              'positives have label 1');
SELECT is((SELECT count(*) FROM training WHERE label = 1), (SELECT count(DISTINCT (user_id, item_id)) FROM training
                                                             WHERE label = 1), 'each of them once');
SELECT set_eq('SELECT user_id, item_id FROM training WHERE label = 0',
              $$SELECT * FROM etl.negative_sample('public.click', 'user_id', 'item_id', 4, seed => 3)
                AS s(user_id int, item_id text)$$, 'negatives are those of etl.negative_sample, with label 0');

SELECT lives_ok($$SELECT etl.create_training_data('public.parted', 'public.click', 'user_id', 'item_id', 2, NULL,
                      'popularity^0.75', 9, 'bought', ARRAY[0.7, 0.3])$$, 'with parts, by weight');
SELECT columns_are('parted', ARRAY['user_id', 'item_id', 'bought', 'split']);
SELECT is_empty('SELECT * FROM parted WHERE split <> etl.split(user_id, ARRAY[0.7, 0.3], 9)',
                'parts are those of users');
SELECT results_eq('SELECT DISTINCT split, bought FROM parted ORDER BY 1, 2', 'VALUES (1, 0), (1, 1), (2, 0), (2, 1)',
                  'both parts have both labels');
SELECT is(etl.create_training_data('public.listed', 'public.click', 'user_id', 'item_id', 1,
                                   'SELECT ''new '' || g FROM generate_series(1, 1000) AS g'),
          (SELECT 2 * count(*) FROM training WHERE label = 1), 'positives whose item is not listed are there');
SELECT is(etl.create_training_data('public.none', 'SELECT * FROM public.click WHERE false', 'user_id', 'item_id', 4),
          0::bigint, 'nothing from nothing');
SELECT is(etl.create_training_data('public.positives', 'public.click', 'user_id', 'item_id', 0),
          (SELECT count(*) FROM training WHERE label = 1), 'positives alone');

-- A user who has seen all
SET LOCAL client_min_messages = error;
SELECT is(etl.create_training_data('public.full', 'VALUES (1, 1), (1, 2), (2, 1)', 'column1', 'column2', 4), 4::bigint,
          'all negatives that there are');
SELECT set_eq('TABLE "full"', 'VALUES (1, 1, 1), (1, 2, 1), (2, 1, 1), (2, 2, 0)', 'they are these');

-- Names
SELECT is(etl.create_training_data('public.training', 'public.click', 'user_id', 'item_id', 4, if_not_exists => true),
          NULL, 'it is there');
RESET client_min_messages;
SELECT throws_ok(format('SELECT etl.create_training_data(%s)', call), state, message, call)
FROM (VALUES
    ($$'public.training', 'public.click', 'user_id', 'item_id', 4$$, '42P07', 'relation "training" already exists'),
    ($$'training', 'public.click', 'user_id', 'item_id', 4$$, '42602', NULL),
    ($$NULL, 'public.click', 'user_id', 'item_id', 4$$, '42602', NULL),
    ($$'public.t', 'public.click', 'user_id', 'item_id', 4, label_col => 'item_id'$$, '42701',
     'the table would have two columns "item_id"'),
    ($$'public.t', 'SELECT user_id AS split, item_id FROM public.click', 'split', 'item_id', 4, split => '{1}'$$,
     '42701', 'the table would have two columns "split"'),
    ($$'public.t', 'public.click', 'user_id', 'item_id', 4, label_col => NULL$$, '22023',
     'label_col must not be NULL or empty'),
    ($$'public.t', 'public.click', 'user_id', 'item_id', 4, seed => NULL$$, '22004', 'seed must not be NULL'),
    ($$'public.t', 'public.click', 'user_id', 'item_id', 4, if_not_exists => NULL$$, '22023',
     'if_not_exists must not be NULL'),
    ($$'public.t', 'public.click', 'user_id', 'item_id', 4, split => '{0.5}'$$, '22023',
     'the fractions of a split must sum to 1, not to 0.5'),
    ($$'public.t', 'public.click', 'user_id', 'item_id', -4$$, '22023',
     'ratio must lie between 0 and a thousand million, not -4')
) AS c (call, state, message);
SELECT hasnt_table('public', 't', 'what fails leaves no table');

-- The part of a user takes a copy of his padded key, which is not kept: the greatest size that this process has had
-- stays what it was without parts.
CREATE FUNCTION peak_kilobytes() RETURNS bigint LANGUAGE sql AS $$
    SELECT (regexp_match(pg_read_file('/proc/self/status'), 'VmHWM:\s+(\d+) kB'))[1]::bigint
$$;
CREATE TABLE long_key AS
SELECT lpad(user_id::text, 2000, 'x')::character(2000) AS user_id, item_id
FROM generate_series(1, 20000) AS user_id, LATERAL (SELECT user_id % 7 AS item_id) AS i;
SELECT is(etl.create_training_data('public.long_whole', 'public.long_key', 'user_id', 'item_id', 0), 20000::bigint,
          'long keys');
SELECT peak_kilobytes() AS before \gset
SELECT is(etl.create_training_data('public.long_parted', 'public.long_key', 'user_id', 'item_id', 0,
                                   split => '{0.5,0.5}'), 20000::bigint, 'long keys in parts');
SELECT CASE
           WHEN pg_read_file('/proc/self/maps') ~ 'libasan'
           THEN skip('AddressSanitizer keeps freed memory for a while', 1)
           ELSE cmp_ok(peak_kilobytes(), '<', (:before + 16000)::bigint,
                       'parts take no memory that grows with the users')
       END;

SELECT * FROM finish();
ROLLBACK;
