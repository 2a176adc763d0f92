-- etl.asof_join and etl.create_asof_join: for every row of a spine the row of the features that was current at its
-- moment.

CREATE FUNCTION etl._plan_asof_join(
    spine text, features text, keys name[], ts name, ttl interval, created_ts name, direction text, feature_ts name,
    allow_exact_matches bool, tolerance bigint, include_backfilled bool, prefix text)
RETURNS etl._asof_plan
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    rules CONSTANT int := etl._asof_rules(direction, allow_exact_matches, created_ts,
                                                  include_backfilled);
    left_side CONSTANT etl._asof_side := etl._asof_side(spine, 'spine');
    right_side CONSTANT etl._asof_side := etl._asof_side(features, 'features');
    moment CONSTANT name := coalesce(feature_ts, ts);
    others CONSTANT name[] := ARRAY(
        SELECT c.name FROM unnest(right_side.names) WITH ORDINALITY AS c(name, position)
        WHERE c.name <> ALL (keys || moment) ORDER BY c.position);
    wrong text;
BEGIN
    SELECT prefix || c INTO wrong FROM unnest(others) AS c WHERE octet_length(prefix || c) > 63 LIMIT 1;
    IF prefix IS NULL OR wrong IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = CASE WHEN prefix IS NULL THEN 'invalid_parameter_value' ELSE 'name_too_long' END,
            MESSAGE = CASE WHEN prefix IS NULL THEN 'prefix must not be NULL'
                           ELSE format('the name "%s" has more than 63 bytes', wrong) END,
            HINT = 'Give a short prefix such as ''feature_'', or leave it out.';
    END IF;
    RETURN etl._make_asof_plan(
        left_side, right_side, keys, ts, moment, created_ts, rules, ttl, tolerance, moment || others,
        ARRAY(SELECT prefix || c.name FROM unnest('feature_ts'::name || others) WITH ORDINALITY AS c(name, position)
              ORDER BY c.position));
END
$$;
COMMENT ON FUNCTION etl._plan_asof_join(
    text, text, name[], name, interval, name, text, name, bool, bigint, bool, text) IS
    'The plan of etl.asof_join; checks its arguments.';

CREATE FUNCTION etl.asof_join(
    spine text, features text, keys name[], ts name DEFAULT 'ts', ttl interval DEFAULT NULL,
    created_ts name DEFAULT NULL, direction text DEFAULT 'backward', feature_ts name DEFAULT NULL,
    allow_exact_matches bool DEFAULT true, tolerance bigint DEFAULT NULL,
    include_backfilled bool DEFAULT false, prefix text DEFAULT '')
RETURNS SETOF record
LANGUAGE C STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off -- the rows are many, what is done with each in SQL is little
AS 'MODULE_PATHNAME', 'etl_asof_join';
COMMENT ON FUNCTION etl.asof_join(
    text, text, name[], name, interval, name, text, name, bool, bigint, bool, text) IS
    'For every row of the spine the row of the features that was current at its moment, or NULLs. Give the list of '
    'columns, which the error for a wrong one says: SELECT * FROM etl.asof_join(…) AS t(…). The columns are those of '
    'the spine, then the moment of the row of the features (feature_ts), then the other columns of the features but '
    'the keys. spine, features: a table or view with its schema, or one SELECT. keys: columns of both that must be '
    'equal; a NULL is equal to nothing. ts: the column with the moment, a timestamp, a date or a whole number; '
    'feature_ts: its name in the features where it is another one. ttl: a row that is older is not joined, one of '
    'exactly that age is (tolerance: the same for whole numbers). created_ts: column of the features that says when a '
    'row was written; later than the spine''s moment, or NULL, it is not joined, unless include_backfilled, which is '
    'for features that were computed afterwards. direction: backward (the newest row '
    'not after the moment), forward (the first not before it), nearest (the closer of both, backward where they are '
    'equally close). allow_exact_matches: whether a row of the same moment is joined. Of rows of one moment that is '
    'joined which was created last, and of those the one whose columns are greater, compared from left to right. '
    'prefix: stands before the names of the features'' columns in the list that an error says, and in a table that '
    'etl.create_asof_join makes. At most 94 keys. Errors: 22023 no single SELECT, no key, an unknown direction, a ttl '
    'that is not positive or does not fit ts, 42P01 no such table, 42703 no such column, 42701 two columns of one '
    'name, or a key named twice, 54011 more than 94 keys, 42804 types that cannot be compared, or the list of columns '
    'is not that of the result, 42P21 collations that differ, 42883 a key without a hash function.';

CREATE FUNCTION etl._write_asof_join(
    target regclass, spine text, features text, keys name[], ts name, ttl interval, created_ts name, direction text,
    feature_ts name, allow_exact_matches bool, tolerance bigint, include_backfilled bool, prefix text)
RETURNS bigint
LANGUAGE C VOLATILE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS 'MODULE_PATHNAME', 'etl_write_asof_join';
COMMENT ON FUNCTION etl._write_asof_join(
    regclass, text, text, name[], name, interval, name, text, name, bool, bigint, bool, text) IS
    'Writes the rows of etl.asof_join into a table that was just made for them. Returns their number.';

CREATE FUNCTION etl._make_asof_table(name text, plan etl._asof_plan)
RETURNS regclass
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    quoted CONSTANT text := etl._new_table_name(name, 'name');
BEGIN
    PERFORM etl._locked_command(format('CREATE TABLE %s AS %s WITH NO DATA', quoted, plan.empty_query));
    RETURN quoted::regclass;
END
$$;
COMMENT ON FUNCTION etl._make_asof_table(text, etl._asof_plan) IS
    'Makes an empty table for a plan. 42602 for a name without a schema, 42P07 where there is such a table.';

CREATE FUNCTION etl.create_asof_join(
    name text, spine text, features text, keys name[], ts name DEFAULT 'ts', ttl interval DEFAULT NULL,
    created_ts name DEFAULT NULL, direction text DEFAULT 'backward', feature_ts name DEFAULT NULL,
    allow_exact_matches bool DEFAULT true, tolerance bigint DEFAULT NULL,
    include_backfilled bool DEFAULT false, prefix text DEFAULT '')
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    plan CONSTANT etl._asof_plan := etl._plan_asof_join(
        spine, features, keys, ts, ttl, created_ts, direction, feature_ts, allow_exact_matches, tolerance,
        include_backfilled, prefix);
BEGIN
    PERFORM etl._require_unique_columns(
        plan.columns, 'the new table would have',
        'Give the columns of the features a prefix => ''feature_'', or another name in a SELECT.');
    RETURN etl._write_asof_join(
        etl._make_asof_table(name, plan), spine, features, keys, ts, ttl, created_ts, direction, feature_ts,
        allow_exact_matches, tolerance, include_backfilled, prefix);
END
$$;
COMMENT ON FUNCTION etl.create_asof_join(
    text, text, text, name[], name, interval, name, text, name, bool, bigint, bool, text) IS
    'Makes a table of the rows of etl.asof_join. name: the table, with its schema. prefix: stands before the names of '
    'the columns that come from the features, feature_ts among them. The other arguments and their errors are those '
    'of etl.asof_join. Returns the number of rows, which is that of the spine. Errors: 42602 a name without a schema, '
    '42P07 there is such a table, 42701 two columns of one name, 42622 a name that the prefix makes too long.';
