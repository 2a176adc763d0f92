-- Tables of a recommender: what there is to recommend, what users have done with it, and where the training data go.
--
--     psql -f schema.sql
--
-- Load rows with data.sql, then define the features and their refresh with features.sql.

\set ON_ERROR_STOP on

BEGIN;

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

-- What the generator was run with, so that check.sql knows it.
CREATE TABLE dataset (
    rows   bigint NOT NULL,
    seed   bigint NOT NULL,
    as_of  timestamptz NOT NULL
);

COMMENT ON TABLE dataset IS 'The parameters that data.sql was run with, one row.';

COMMIT;
