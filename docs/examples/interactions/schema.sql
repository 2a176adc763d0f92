-- Tables of a recommender, in a schema of its own: what there is to recommend, what users have done with it, and which
-- training data there are.
--
--     psql -f schema.sql
--
-- Load rows with data.sql, then define features and training data with features.sql.

\set ON_ERROR_STOP on

BEGIN;

CREATE SCHEMA recommender;
SET search_path = recommender, public;

CREATE TABLE items (
    item_id   bigint PRIMARY KEY,
    title     text NOT NULL,
    added_at  timestamptz NOT NULL
);

COMMENT ON TABLE items IS 'What can be recommended, also what nobody has seen yet.';

CREATE TABLE interactions (
    user_id  bigint NOT NULL,
    item_id  bigint NOT NULL REFERENCES items,
    kind     text NOT NULL CHECK (kind IN ('view', 'purchase', 'rating')),
    rating   smallint CHECK (rating BETWEEN 1 AND 5),
    ts       timestamptz NOT NULL,
    CHECK ((kind = 'rating') = (rating IS NOT NULL))
);

CREATE INDEX interactions_user_id_idx ON interactions (user_id, ts DESC);
CREATE INDEX interactions_item_id_idx ON interactions (item_id);

COMMENT ON TABLE interactions IS 'One row for each time that a user did something with an item.';
COMMENT ON COLUMN interactions.rating IS 'Stars, from 1 to 5, where the kind is rating; NULL elsewhere.';

CREATE TABLE training_versions (
    version    timestamptz PRIMARY KEY,
    relation   name NOT NULL UNIQUE,
    rows       bigint NOT NULL,
    positives  bigint NOT NULL,
    made_by    text NOT NULL,
    made_at    timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE training_versions IS
    'Training data, one table for each moment; the view training_data has the latest.';
COMMENT ON COLUMN training_versions.version IS 'What has happened until then is in it.';
COMMENT ON COLUMN training_versions.relation IS 'The table in this schema that holds its rows.';
COMMENT ON COLUMN training_versions.made_by IS 'The etl.run_key() of the step that made it.';

-- What the generator was run with, so that check.sql knows it.
CREATE TABLE dataset (
    rows   bigint NOT NULL,
    seed   bigint NOT NULL,
    as_of  timestamptz NOT NULL
);

COMMENT ON TABLE dataset IS 'The parameters that data.sql was run with, one row.';

COMMIT;
