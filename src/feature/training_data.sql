-- Samples in tables: negatives alone, or positives and negatives with labels.

CREATE FUNCTION etl._require_seed(seed bigint)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF seed IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'seed must not be NULL',
            HINT = 'Give a number, or leave it out to have 0: the same seed gives the same sample.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_seed(bigint) IS 'Checks that a seed is there (22004).';

CREATE FUNCTION etl._write_negatives(
    new_table oid, labelled bool, fractions double precision[], positives_query text, items_query text,
    ratio_millionths bigint, exponent double precision, seed bigint)
RETURNS bigint
LANGUAGE C VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'etl_write_negatives';
COMMENT ON FUNCTION etl._write_negatives(
    oid, bool, double precision[], text, text, bigint, double precision, bigint) IS
    'Writes negatives into a table that was just made for them, and returns how many rows. labelled: the positives as '
    'well, and a column that is 1 for them and 0 for negatives. fractions: a column for the part of the user.';

CREATE FUNCTION etl._make_sample_table(new_table text, query text, label_col name, split_col name)
RETURNS oid
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._locked_command(format(
        E'CREATE TABLE %s AS SELECT q.*%s%s FROM (\n%s\n) AS q WITH NO DATA', new_table,
        ', NULL::integer AS ' || quote_ident(label_col), ', NULL::integer AS ' || quote_ident(split_col), query));
    RETURN new_table::regclass;
END
$$;
COMMENT ON FUNCTION etl._make_sample_table(text, text, name, name) IS
    'Makes an empty table with the columns of a query, and where they are named a label and a part; returns it.';

CREATE FUNCTION etl._create_sample(
    new_table text, positives text, user_col name, item_col name, ratio numeric, items text, weighting text,
    seed bigint, if_not_exists bool, label_col name, fractions double precision[], split_col name)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET parallel_tuple_cost = 0.01 -- the one process that takes the rows is what all wait for: let others read for it
AS $$
DECLARE
    name CONSTANT text := etl._new_table_name(new_table);
    plan CONSTANT record := etl._negative_plan(positives, user_col, item_col, ratio, items, weighting);
BEGIN
    PERFORM etl._require_seed(seed);
    PERFORM etl._require_flag(if_not_exists, 'if_not_exists');
    IF if_not_exists AND to_regclass(name) IS NOT NULL THEN
        RAISE NOTICE USING
            ERRCODE = 'duplicate_table',
            MESSAGE = format('relation "%s" already exists, skipping', name);
        RETURN NULL;
    END IF;
    RETURN etl._write_negatives(
        etl._make_sample_table(name, plan.positives_query, label_col, split_col), label_col IS NOT NULL, fractions,
        plan.positives_query, plan.items_query, plan.ratio_millionths, plan.exponent, seed);
END
$$;
COMMENT ON FUNCTION etl._create_sample(
    text, text, name, name, numeric, text, text, bigint, bool, name, double precision[], name) IS
    'etl.create_negative_sample without label_col, etl.create_training_data with it.';

CREATE FUNCTION etl.create_negative_sample(
    new_table text, positives text, user_col name, item_col name, ratio numeric, items text DEFAULT NULL,
    weighting text DEFAULT 'uniform', seed bigint DEFAULT 0, if_not_exists bool DEFAULT false)
RETURNS bigint
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._create_sample(new_table, positives, user_col, item_col, ratio, items, weighting, seed, if_not_exists,
                              NULL, NULL, NULL)
$$;
COMMENT ON FUNCTION etl.create_negative_sample(
    text, text, name, name, numeric, text, text, bigint, bool) IS
    'Makes a table of etl.negative_sample, without a copy between: the fastest way to many negatives. new_table: its '
    'name with its schema; its columns are called like those of the positives and have their types. The other '
    'arguments and their errors are those of etl.negative_sample. if_not_exists: where there is a relation of that '
    'name already, does nothing but a NOTICE, and returns NULL. Returns the number of rows. Errors: 42602 a name '
    'without a schema, 42P07 there is such a relation.';

CREATE FUNCTION etl._require_label_column(
    label_col name, split_col name, user_col name, item_col name)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    twice name;
BEGIN
    IF label_col IS NULL OR label_col = '' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'label_col must not be NULL or empty',
            HINT = 'Leave it out to have the column "label".';
    END IF;
    SELECT c INTO twice FROM unnest(ARRAY[user_col, item_col, label_col, split_col]) AS c
    WHERE c IS NOT NULL GROUP BY c HAVING count(*) > 1 LIMIT 1;
    IF twice IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'duplicate_column',
            MESSAGE = format('the table would have two columns "%s"', twice),
            HINT = 'Choose another label_col, or rename a column of the positives with AS: the part of a split is in '
                   'the column "split".';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_label_column(name, name, name, name) IS
    'Checks that the columns of a table for training have names of their own (42701).';

CREATE FUNCTION etl.create_training_data(
    new_table text, positives text, user_col name, item_col name, ratio numeric, items text DEFAULT NULL,
    weighting text DEFAULT 'uniform', seed bigint DEFAULT 0, label_col name DEFAULT 'label',
    split double precision[] DEFAULT NULL, if_not_exists bool DEFAULT false)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    split_col CONSTANT name := CASE WHEN split IS NOT NULL THEN 'split' END;
BEGIN
    PERFORM etl._require_label_column(label_col, split_col, user_col, item_col);
    RETURN etl._create_sample(new_table, positives, user_col, item_col, ratio, items, weighting, seed, if_not_exists,
                              label_col, split, split_col);
END
$$;
COMMENT ON FUNCTION etl.create_training_data(
    text, text, name, name, numeric, text, text, bigint, name, double precision[], bool) IS
    'Makes a table to train a recommender with, in one transaction: each positive once with label 1, and the negatives '
    'of etl.negative_sample with label 0. new_table: its name with its schema. Its columns are the user and the item, '
    'called and typed like those of the positives, label_col (integer), and with split a column "split" (integer): '
    'etl.split(user, split, seed), so all rows of a user belong to one part. The other arguments and their errors are '
    'those of etl.negative_sample; positives whose item is not among items are written as well. if_not_exists: where '
    'there is a relation of that name already, does nothing but a NOTICE, and returns NULL. Returns the number of '
    'rows. Errors: 42602 a name without a schema, 42P07 there is such a relation, 42701 a column name twice, 22023 '
    'fractions as for etl.split.';
