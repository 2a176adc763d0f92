-- The recommender's features and training data, and how they are kept fresh: what is known of a user, what is known of an
-- item, the last 50 items of a user, and for each positive four negatives. For use after schema.sql.
--
--     psql -f features.sql
--
-- Everything is refreshed every six hours by pg_cron, where it is installed in this database. By hand:
--
--     psql -c "CALL etl.run_pipeline('recommender')"

\set ON_ERROR_STOP on
\set QUIET on
SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_cron') AS have_cron \gset

BEGIN;

CREATE MATERIALIZED VIEW user_features AS
SELECT user_id,
       count(*) AS interactions,
       etl.count_distinct(item_id) AS unique_items,
       round(avg(rating), 3) AS avg_rating,
       max(ts) AS last_interaction,
       etl.latest_n(item_id, ts, 50) AS last_items
FROM interactions
GROUP BY user_id;

-- One row for each user, also for a refresh that readers do not wait for.
CREATE UNIQUE INDEX user_features_user_id_idx ON user_features (user_id);

COMMENT ON MATERIALIZED VIEW user_features IS 'One row for each user who has done anything.';
COMMENT ON COLUMN user_features.avg_rating IS 'Mean of his stars; NULL when he gave none.';
COMMENT ON COLUMN user_features.last_items IS 'Items of his last 50 interactions, the latest first.';

CREATE MATERIALIZED VIEW item_features AS
SELECT item_id,
       count(*) AS popularity,
       etl.count_distinct(user_id) AS unique_users,
       round(avg(rating), 3) AS avg_rating
FROM interactions
GROUP BY item_id;

CREATE UNIQUE INDEX item_features_item_id_idx ON item_features (item_id);

COMMENT ON MATERIALIZED VIEW item_features IS 'One row for each item that anybody has done anything with.';
COMMENT ON COLUMN item_features.popularity IS 'Number of interactions with it.';

-- The table for training is made anew under another name and takes the place of the old one at the end, so that readers
-- wait for no more than that. A positive is an item that the user has bought, or given four stars or more. Negatives come
-- from all items; what a user has merely seen, or did not like, is a negative as good as any.
CREATE FUNCTION refresh_training_data() RETURNS bigint
LANGUAGE plpgsql
AS $$
DECLARE
    written bigint;
BEGIN
    written := etl.create_training_data(
        'public.new_training_data',
        $query$ SELECT user_id, item_id FROM public.interactions WHERE kind = 'purchase' OR rating >= 4 $query$,
        'user_id', 'item_id', 4, items => 'public.items', seed => 42, split => ARRAY[0.8, 0.1, 0.1]);
    DROP TABLE IF EXISTS public.training_data;
    ALTER TABLE public.new_training_data RENAME TO training_data;
    RETURN written;
END
$$;
COMMENT ON FUNCTION refresh_training_data() IS
    'Makes training_data: positives with label 1, four negatives for each with label 0, and the part of the user: 1 to '
    'train with, 2 to validate, 3 to test. Returns its number of rows.';

-- What is to be done every six hours ----------------------------------------------------------------------------------

SELECT etl.create_pipeline('recommender', 'Features and training data of the recommender', if_not_exists => true);
SELECT etl.add_step('recommender', 'users', $$CALL etl.refresh_matview('public.user_features')$$, kind => 'procedure'),
       etl.add_step('recommender', 'items', $$CALL etl.refresh_matview('public.item_features')$$, kind => 'procedure'),
       etl.add_step('recommender', 'training', 'SELECT public.refresh_training_data()', depends_on => '{users, items}')
\g /dev/null

\if :have_cron
    SELECT etl.schedule_pipeline('recommender', '0 */6 * * *')
    \g /dev/null
\endif

COMMIT;

\if :have_cron
\else
    \echo 'pg_cron is not installed in this database: the pipeline is not scheduled.'
\endif
\set QUIET off
