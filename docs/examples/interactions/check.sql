-- Raises an exception unless the features and the training data are what plain SQL makes of the interactions. For
-- tests, after data.sql, features.sql, and a refresh of all of it at dataset.as_of.
--
--     psql -f check.sql

\set ON_ERROR_STOP on
\set QUIET on

CREATE TEMPORARY VIEW positive AS
SELECT DISTINCT user_id, item_id FROM interactions WHERE kind = 'purchase' OR rating >= 4;

CREATE TEMPORARY VIEW finding AS
SELECT 'interactions' AS fact, (SELECT rows FROM dataset) AS expected, count(*) AS found FROM interactions
UNION ALL
SELECT 'users whose features are of another moment', 0, count(*) FROM user_features
WHERE as_of <> (SELECT as_of FROM dataset)
UNION ALL
SELECT 'users with features', (SELECT count(DISTINCT user_id) FROM interactions), count(*) FROM user_features
UNION ALL
SELECT 'features of users that are wrong', 0, count(*)
FROM user_features AS f
FULL JOIN (
    SELECT user_id, count(*) AS interactions, count(DISTINCT item_id) AS unique_items,
           round(avg(rating), 3) AS avg_rating, max(ts) AS last_interaction,
           (array_agg(item_id ORDER BY ts DESC))[:50] AS last_items
    FROM interactions GROUP BY user_id
) AS e USING (user_id)
WHERE (f.interactions, f.unique_items, f.avg_rating, f.last_interaction, f.last_items)
      IS DISTINCT FROM (e.interactions, e.unique_items, e.avg_rating, e.last_interaction, e.last_items)
UNION ALL
SELECT 'features of items that are wrong', 0, count(*)
FROM item_features AS f
FULL JOIN (
    SELECT item_id, count(*) AS popularity, count(DISTINCT user_id) AS unique_users, round(avg(rating), 3) AS avg_rating
    FROM interactions GROUP BY item_id
) AS e USING (item_id)
WHERE (f.popularity, f.unique_users, f.avg_rating) IS DISTINCT FROM (e.popularity, e.unique_users, e.avg_rating)
UNION ALL
SELECT 'positives to train with', (SELECT count(*) FROM positive), count(*)
FROM training_data AS t JOIN positive USING (user_id, item_id) WHERE label = 1
UNION ALL
SELECT 'rows to train with', (SELECT count(*) FROM training_data WHERE label = 1)
           + (SELECT sum(least(4 * p.positives, (SELECT count(*) FROM items) - p.positives))
              FROM (SELECT count(*) AS positives FROM positive GROUP BY user_id) AS p), count(*)
FROM training_data
UNION ALL
SELECT 'users without exactly four negatives for each positive', (
           SELECT count(*)
           FROM etl.negative_sample_report('SELECT user_id, item_id FROM pg_temp.positive', 'user_id', 'item_id', 4,
                                           items => 'public.items')), count(*)
FROM (
    SELECT FROM training_data GROUP BY user_id
    HAVING count(*) FILTER (WHERE label = 0) <> 4 * count(*) FILTER (WHERE label = 1)
) AS u
UNION ALL
SELECT 'rows that are there twice', 0, count(*) - count(DISTINCT (user_id, item_id)) FROM training_data
UNION ALL
SELECT 'negatives that are positives', 0, count(*)
FROM training_data AS t JOIN positive USING (user_id, item_id) WHERE label = 0
UNION ALL
SELECT 'rows in the wrong part', 0, count(*)
FROM training_data WHERE split <> etl.split(user_id, ARRAY[0.8, 0.1, 0.1], 42);

DO $$
DECLARE
    wrong text;
BEGIN
    SELECT string_agg(format('%s: %s instead of %s', f.fact, coalesce(f.found::text, 'nothing'), f.expected), E'\n'
                      ORDER BY f.fact)
        INTO wrong
    FROM finding AS f
    WHERE f.expected IS DISTINCT FROM f.found;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION USING
            MESSAGE = 'the recommender''s features are not those of its interactions',
            DETAIL = wrong;
    END IF;
END
$$;

SELECT format('All %s facts are as plain SQL finds them.', count(*)) AS "check" FROM finding
\g (tuples_only=on)

DROP VIEW finding, positive;
\set QUIET off
