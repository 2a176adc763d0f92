-- The recommender's features and training data, and what keeps them fresh: what is known of a user, with the last 50
-- items, what is known of an item, and four negatives for each positive. For use after schema.sql.
--
--     psql -f features.sql
--
-- Where pg_cron is installed in this database, all of it is refreshed every six hours. By hand:
--
--     psql -c "CALL etl.materialize_features('user_features')" -c "CALL etl.materialize_features('item_features')" \
--          -c "SELECT refresh_training_data(now())"

\set ON_ERROR_STOP on
\set QUIET on
SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_cron') AS have_cron,
       CASE WHEN EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_cron') THEN '0 */6 * * *' ELSE '' END
           AS schedule
\gset
SET client_min_messages = warning;

BEGIN;

-- Features, as of the moment $1 ---------------------------------------------------------------------------------------

SELECT etl.create_feature_view('user_features', '{user_id}', $query$
    SELECT user_id,
           count(*) AS interactions,
           etl.count_distinct(item_id) AS unique_items,
           round(avg(rating), 3) AS avg_rating,
           max(ts) AS last_interaction,
           etl.latest_n(item_id, ts, 50) AS last_items
    FROM public.interactions
    WHERE ts <= $1
    GROUP BY user_id
$query$, schedule => nullif(:'schedule', ''), ttl => '12 hours', schema => 'public',
    description => 'What each user has done, the mean of his stars, and the items of his last 50 interactions')
\g /dev/null

SELECT etl.create_feature_view('item_features', '{item_id}', $query$
    SELECT item_id,
           count(*) AS popularity,
           etl.count_distinct(user_id) AS unique_users,
           round(avg(rating), 3) AS avg_rating
    FROM public.interactions
    WHERE ts <= $1
    GROUP BY item_id
$query$, schedule => nullif(:'schedule', ''), ttl => '12 hours', schema => 'public',
    description => 'How often each item was met, by how many users, and the mean of its stars')
\g /dev/null

-- Training data ------------------------------------------------------------------------------------------------------

-- Made anew under another name, which takes the place of the old one at the end: readers wait for no more than that. A
-- positive is an item that the user has bought, or given four stars or more. Negatives come from all items that there
-- are; what a user has merely looked at, or did not like, is one of them.
CREATE FUNCTION refresh_training_data(as_of timestamptz) RETURNS bigint
LANGUAGE plpgsql
SET client_min_messages = error -- who has bought most of the shop gets fewer negatives: etl.negative_sample_report
AS $$
DECLARE
    written bigint;
BEGIN
    written := etl.create_training_data(
        'public.new_training_data',
        format($query$
            SELECT user_id, item_id FROM public.interactions
            WHERE (kind = 'purchase' OR rating >= 4) AND ts <= %L
            $query$, as_of),
        'user_id', 'item_id', 4, items => 'public.items', seed => 42, split => ARRAY[0.8, 0.1, 0.1]);
    DROP TABLE IF EXISTS public.training_data;
    ALTER TABLE public.new_training_data RENAME TO training_data;
    RETURN written;
END
$$;
COMMENT ON FUNCTION refresh_training_data(timestamptz) IS
    'Makes training_data of the interactions up to a moment: positives with label 1, four negatives for each with '
    'label 0, and the part of the user: 1 to train with, 2 to validate, 3 to test. Returns the number of rows.';

SELECT etl.create_pipeline('training_data', 'Positives and negatives for the recommender', if_not_exists => true),
       etl.add_step('training_data', 'sample', 'SELECT public.refresh_training_data(etl.as_of())')
\g /dev/null

\if :have_cron
    SELECT etl.schedule_pipeline('training_data', :'schedule')
    \g /dev/null
\endif

COMMIT;

\if :have_cron
\else
    \echo 'pg_cron is not installed in this database: nothing is refreshed on a schedule.'
\endif
RESET client_min_messages;
\set QUIET off
