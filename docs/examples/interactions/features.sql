-- The recommender's features and training data, and the pipeline that makes both every six hours: what is known of a
-- user, with the last 50 items, what is known of an item, and four negatives for each positive, with what was known of
-- both when the choice was made. For use after schema.sql; may be run again.
--
--     psql -f features.sql
--
-- Where pg_cron is installed in this database the pipeline runs by itself. By hand:
--
--     psql -c "CALL etl.run_pipeline('training_data')"

\set ON_ERROR_STOP on
\set QUIET on
SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_cron') AS have_cron,
       CASE WHEN EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_cron') THEN 'warning' ELSE 'error' END AS tell
\gset
SET client_min_messages = :tell; -- without pg_cron, create_pipeline warns that nothing looks at schedules yet
SET search_path = recommender, public;

BEGIN;

-- Features, as of the moment $1 ---------------------------------------------------------------------------------------

SELECT etl.create_feature_view('user_features', '{user_id}', $query$
    SELECT user_id,
           count(*) AS interactions,
           etl.count_distinct(item_id) AS unique_items,
           round(avg(rating), 3) AS avg_rating,
           max(ts) AS last_interaction,
           etl.latest_n(item_id, ts, 50) AS last_items
    FROM recommender.interactions
    WHERE ts <= $1
    GROUP BY user_id
$query$, ttl => '12 hours', schema => 'recommender', if_not_exists => true,
    description => 'What each user has done, the mean of his stars, and the items of his last 50 interactions')
\g /dev/null

SELECT etl.create_feature_view('item_features', '{item_id}', $query$
    SELECT item_id,
           count(*) AS popularity,
           etl.count_distinct(user_id) AS unique_users,
           round(avg(rating), 3) AS avg_rating
    FROM recommender.interactions
    WHERE ts <= $1
    GROUP BY item_id
$query$, ttl => '12 hours', schema => 'recommender', if_not_exists => true,
    description => 'How often each item was met, by how many users, and the mean of its stars')
\g /dev/null

-- Training data ------------------------------------------------------------------------------------------------------

-- A positive is an item that the user has bought, or given four stars or more. Negatives come from all items that there
-- are; what a user has merely looked at, or did not like, is one of them.
CREATE OR REPLACE FUNCTION make_sample(as_of timestamptz) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET client_min_messages = error -- who has bought most of the shop gets fewer negatives: etl.negative_sample_report
AS $$
BEGIN
    DROP TABLE IF EXISTS recommender.sample;
    RETURN etl.create_training_data(
        'recommender.sample',
        format($query$
            SELECT user_id, item_id FROM recommender.interactions
            WHERE (kind = 'purchase' OR rating >= 4) AND ts <= %L
            $query$, as_of),
        'user_id', 'item_id', 4, items => 'recommender.items', seed => 42, split => ARRAY[0.8, 0.1, 0.1]);
END
$$;
COMMENT ON FUNCTION make_sample(timestamptz) IS
    'Makes the table sample of the interactions up to a moment: positives with label 1, four negatives for each with '
    'label 0, and the part of the user: 1 to train with, 2 to validate, 3 to test. Returns the number of rows.';

-- A model must not be shown features that already know of the choice that it shall foretell. So each positive gets those
-- of the moment before it was chosen, and each negative those of the user's latest choice. Before the first run of this
-- pipeline, and more than 12 hours after one, they are NULL.
CREATE OR REPLACE FUNCTION make_candidate(as_of timestamptz) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS $$
BEGIN
    DROP TABLE IF EXISTS recommender.candidate;
    RETURN etl.create_training_set(
        'recommender.candidate',
        format($query$
            SELECT s.user_id, s.item_id, s.label, s.split,
                   coalesce(c.first_chosen, max(c.first_chosen) OVER (PARTITION BY s.user_id))
                       - interval '1 microsecond' AS ts,
                   %1$L::timestamptz AS version
            FROM recommender.sample AS s
            LEFT JOIN (
                SELECT user_id, item_id, min(ts) AS first_chosen
                FROM recommender.interactions
                WHERE (kind = 'purchase' OR rating >= 4) AND ts <= %1$L
                GROUP BY user_id, item_id
            ) AS c USING (user_id, item_id)
            $query$, as_of),
        '{user_features, item_features}', full_feature_names => true, include_backfilled => true);
END
$$;
COMMENT ON FUNCTION make_candidate(timestamptz) IS
    'Makes the table candidate: the rows of sample with the features that were known before each choice, and the '
    'moment of all of it. Returns the number of rows.';

CREATE OR REPLACE FUNCTION publish(as_of timestamptz) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS $$
DECLARE
    made CONSTANT name := 'training_data_' || to_char(as_of AT TIME ZONE 'UTC', 'YYYYMMDD_HH24MISS');
BEGIN
    IF as_of <> ALL (SELECT c.version FROM recommender.candidate AS c LIMIT 1) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('the candidate is not the one of %s', as_of),
            HINT = format('SELECT etl.retry_run(%s, ''sample''); makes it anew.', etl.run_id());
    END IF;
    -- The view lets go of what is to be replaced before that is dropped.
    IF as_of >= ALL (SELECT v.version FROM recommender.training_versions AS v) THEN
        CREATE OR REPLACE VIEW recommender.training_data AS SELECT * FROM recommender.candidate;
    END IF;
    EXECUTE format('DROP TABLE IF EXISTS recommender.%I', made);
    EXECUTE format('ALTER TABLE recommender.candidate RENAME TO %I', made);
    EXECUTE format($insert$
        INSERT INTO recommender.training_versions (version, relation, rows, positives, made_by)
        SELECT %L, %L, count(*), count(*) FILTER (WHERE label = 1), etl.run_key() FROM recommender.%I
        ON CONFLICT (version) DO UPDATE
        SET rows = excluded.rows, positives = excluded.positives, made_by = excluded.made_by, made_at = now()
        $insert$, as_of, made, made);
    RETURN made;
END
$$;
COMMENT ON FUNCTION publish(timestamptz) IS
    'Makes the candidate, which must be that of this moment (55000), its version and, where no version is later, what '
    'the view training_data shows: readers see the one or the other. Returns the name of its table.';

CREATE OR REPLACE FUNCTION drop_old_versions(keep integer) RETURNS SETOF name
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    old name;
BEGIN
    FOR old IN
        DELETE FROM recommender.training_versions AS v
        WHERE v.version NOT IN (SELECT version FROM recommender.training_versions ORDER BY version DESC LIMIT keep)
        RETURNING v.relation
    LOOP
        EXECUTE format('DROP TABLE recommender.%I', old);
        RETURN NEXT old;
    END LOOP;
END
$$;
COMMENT ON FUNCTION drop_old_versions(integer) IS
    'Drops all versions of the training data but the latest ones, as many as are told. Returns the names of their '
    'tables.';

-- What a model may be trained with. One row in five is a positive, or somewhat more where users have bought so much that
-- there are not four negatives for each.
SELECT etl.load_suite($suite$
{
  "name": "training_data",
  "expectations": [
    {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 100}},
    {"type": "expect_compound_columns_to_be_unique", "kwargs": {"column_list": ["user_id", "item_id"]}},
    {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "label", "value_set": [0, 1]}},
    {"type": "expect_column_mean_to_be_between",
     "kwargs": {"column": "label", "min_value": 0.2, "max_value": 0.25}},
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "split"}},
    {"type": "expect_column_distinct_values_to_equal_set", "kwargs": {"column": "split", "value_set": [1, 2, 3]}},
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "ts"}}
  ],
  "meta": {"great_expectations_version": "1.3.0"}
}
$suite$, replace => true)
\g /dev/null

-- The pipeline -------------------------------------------------------------------------------------------------------

-- A time that is missed is made up for by the next one. Should one take longer than six hours, the next one is left out.
SELECT etl.drop_pipeline('training_data', if_exists => true)
\g /dev/null
SELECT etl.create_pipeline('training_data', schedule => '0 */6 * * *', catchup => 'last', overlap => 'skip',
           max_parallel => 2, timeout => '6 hours', labels => '{"team": "recommender"}',
           description => 'Features, positives and negatives for the recommender')
\g /dev/null

-- Features of users and of items, and the rows to learn from, two of them at a time.
SELECT etl.add_step('training_data', 'user_features', 'user_features', kind => 'features'),
       etl.add_step('training_data', 'item_features', 'item_features', kind => 'features'),
       etl.add_step('training_data', 'sample', 'SELECT make_sample(etl.logical_time())', timeout => '1 hour',
           "check" => 'EXISTS (SELECT FROM sample WHERE label = 1)'),
       etl.add_step('training_data', 'candidate', 'SELECT make_candidate(etl.logical_time())',
           depends_on => '{user_features, item_features, sample}', timeout => '1 hour',
           "check" => '(SELECT count(*) FROM candidate) = (SELECT count(*) FROM sample)')
\g /dev/null

-- The gate: labels in balance, all three parts there, no row twice. Only then others see the new version.
SELECT etl.add_step('training_data', 'gate', 'training_data', kind => 'validate',
           params => '{"query": "SELECT user_id, item_id, label, split, ts FROM recommender.candidate"}',
           depends_on => '{candidate}'),
       etl.add_step('training_data', 'publish', 'SELECT publish(etl.logical_time())', depends_on => '{gate}'),
       etl.add_step('training_data', 'old_versions', $$SELECT drop_old_versions(etl.param('keep')::integer)$$,
           params => '{"keep": 3}', depends_on => '{publish}')
\g /dev/null

COMMIT;

\if :have_cron
\else
    \echo 'pg_cron is not installed in this database: the pipeline is run when something calls etl.tick().'
\endif
RESET search_path;
RESET client_min_messages;
\set QUIET off
