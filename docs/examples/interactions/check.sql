-- Raises an exception unless the features and the training data are what plain SQL makes of the interactions, and the
-- versions of it those of the last runs. For the demo and for tests, after data.sql, features.sql, and runs of the
-- pipeline of which the last one that is called is for dataset.as_of.
--
--     psql -f check.sql

\set ON_ERROR_STOP on
\set QUIET on

SET search_path = recommender, public;

CREATE TEMPORARY TABLE moment AS
SELECT r.logical_time AS at FROM etl.pipeline_runs AS r WHERE r.pipeline = 'training_data' AND r.status = 'succeeded';

CREATE TEMPORARY VIEW positive AS
SELECT DISTINCT user_id, item_id FROM interactions WHERE kind = 'purchase' OR rating >= 4;

CREATE TEMPORARY TABLE finding AS
SELECT 'interactions' AS fact, (SELECT rows FROM dataset) AS expected, count(*) AS found FROM interactions
UNION ALL
SELECT 'users whose features have not been looked at for half of their ttl', 0, count(*) FROM user_features
WHERE as_of < (SELECT max(m.at) - interval '6 hours' FROM moment AS m)
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
                                           items => 'recommender.items')), count(*)
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
FROM training_data WHERE split <> etl.split(user_id, ARRAY[0.8, 0.1, 0.1], 42)
UNION ALL
SELECT 'rows whose features are not those from before the choice', 0, count(*)
FROM training_data AS t
LEFT JOIN LATERAL (SELECT max(m.at) AS at FROM moment AS m WHERE m.at <= t.ts) AS m ON true
LEFT JOIN (
    SELECT m.at, i.user_id, count(*) AS interactions
    FROM moment AS m JOIN interactions AS i ON i.ts <= m.at
    GROUP BY 1, 2
) AS u USING (at, user_id)
LEFT JOIN (
    SELECT m.at, i.item_id, count(*) AS popularity
    FROM moment AS m JOIN interactions AS i ON i.ts <= m.at
    GROUP BY 1, 2
) AS p USING (at, item_id)
WHERE (t.user_features__interactions, t.item_features__popularity) IS DISTINCT FROM (u.interactions, p.popularity)
UNION ALL
SELECT 'rows with features', 1, least(count(t.user_features__interactions), 1) FROM training_data AS t
UNION ALL
SELECT 'runs that did not succeed', 0, count(*)
FROM etl.pipeline_runs AS r
WHERE r.pipeline = 'training_data' AND r.status <> 'succeeded'
UNION ALL
SELECT 'versions', (SELECT least(count(*), 3) FROM moment), count(*)
FROM training_versions AS v
WHERE v.version IN (SELECT m.at FROM moment AS m ORDER BY m.at DESC LIMIT 3)
UNION ALL
SELECT 'tables of versions', (SELECT count(*) FROM training_versions), count(*)
FROM pg_class AS c
WHERE c.relnamespace = 'recommender'::regnamespace AND c.relname ~ '^training_data_[0-9]' AND c.relkind = 'r'
UNION ALL
SELECT 'rows of the latest version', v.rows, (SELECT count(*) FROM training_data)
FROM training_versions AS v
WHERE v.version = (SELECT max(version) FROM training_versions);

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

DROP TABLE finding, moment;
DROP VIEW positive;
RESET search_path;
\set QUIET off
