-- Items that users have not seen, drawn at random.
--
-- What a call means is understood here (etl._negative_plan); the positives are then read from its query straight into
-- memory, sorted by user, and drawn for user by user, in C++ (negative_sample.hpp).

-- What a call asks for ------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._weighting_exponent(weighting text)
RETURNS double precision
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    power CONSTANT text[] := regexp_match(weighting, '^popularity(?:\^([0-9]{1,3}(?:\.[0-9]{1,15})?))?$');
BEGIN
    IF weighting = 'uniform' THEN
        RETURN 0;
    ELSIF power IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('unknown weighting %s', coalesce(quote_literal(left(weighting, 80)), 'NULL')),
            HINT = 'Say ''uniform'', ''popularity'', or ''popularity^x'' with a number x from 0 to 10, as in '
                   '''popularity^0.75''.';
    ELSIF power[1]::double precision > 10 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('the exponent of a weighting must lie between 0 and 10, not %s', power[1]);
    END IF;
    RETURN coalesce(power[1]::double precision, 1);
END
$$;
COMMENT ON FUNCTION etl._weighting_exponent(text) IS
    'The exponent of the popularity that a weighting asks for; 0 for uniform. 22023 for any other text.';

CREATE FUNCTION etl._ratio_millionths(ratio numeric)
RETURNS bigint
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF ratio BETWEEN 0 AND 1000000000 AND ratio = round(ratio, 6) THEN
        RETURN ratio * 1000000;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'invalid_parameter_value',
        MESSAGE = CASE
                      WHEN ratio BETWEEN 0 AND 1000000000 THEN
                          format('ratio must have 6 decimal places at most, not %s', ratio)
                      ELSE format('ratio must lie between 0 and a thousand million, not %s',
                                  coalesce(ratio::text, 'NULL'))
                  END,
        HINT = 'It is the number of negatives for each positive, as in ratio => 4.';
END
$$;
COMMENT ON FUNCTION etl._ratio_millionths(numeric) IS
    'A ratio as a whole number of millionths. 22023 where it is negative, above a thousand million, or finer.';

CREATE FUNCTION etl._sample_query(source text, argument text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN etl._load_query(source);
EXCEPTION
    WHEN invalid_name THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('%s must be a query or the name of a table, not %L', argument, left(source, 80)),
            HINT = 'Give one SELECT that changes no data, or a name with its schema, as in ''public.interactions''.';
    WHEN undefined_table OR invalid_schema_name THEN
        RAISE EXCEPTION USING
            ERRCODE = SQLSTATE,
            MESSAGE = SQLERRM,
            HINT = 'Name the table with its schema, as in ''public.interactions''.';
END
$$;
COMMENT ON FUNCTION etl._sample_query(text, text) IS
    'etl._load_query of an argument of etl.negative_sample. 22023 where it is neither a query nor a name.';

CREATE FUNCTION etl._positives_query(positives text, user_col name, item_col name)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    query text;
    columns name[];
BEGIN
    IF positives IS NULL OR positives ~ '^\s*$' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'no positives were given',
            HINT = 'Give a query, or the name of a table with its schema, as in ''public.interactions''.';
    END IF;
    query := etl._sample_query(positives, 'positives');
    columns := etl._require_query_columns(query);
    PERFORM etl._require_query_column(columns, user_col);
    PERFORM etl._require_query_column(columns, item_col);
    IF user_col = item_col THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('user_col and item_col are the same column "%s"', user_col),
            HINT = 'Name the column of the users and that of the items.';
    END IF;
    RETURN format(E'SELECT q.%I, q.%I FROM (\n%s\n) AS q', user_col, item_col, query);
END
$$;
COMMENT ON FUNCTION etl._positives_query(text, name, name) IS
    'A query of two columns, user and item, for a table or a query. 22023 where it is no single SELECT, 42703 where it '
    'has no such column.';

CREATE FUNCTION etl._items_query(items text, item_col name)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    query text;
    columns name[];
BEGIN
    IF items IS NULL THEN
        RETURN NULL;
    ELSIF items ~ '^\s*$' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'no items were given',
            HINT = 'Give a query, or the name of a table with its schema; leave it out to draw from the items of the '
                   'positives.';
    END IF;
    query := etl._sample_query(items, 'items');
    columns := etl._require_query_columns(query);
    IF cardinality(columns) = 1 THEN
        item_col := columns[1];
    ELSIF item_col <> ALL (columns) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_column',
            MESSAGE = format('items have no column "%s"', item_col),
            DETAIL = format('Their columns are %s.', etl._column_list(columns)),
            HINT = 'Give a query for one column, as in ''SELECT id FROM public.items''.';
    END IF;
    RETURN format(E'SELECT q.%I FROM (\n%s\n) AS q', item_col, query);
END
$$;
COMMENT ON FUNCTION etl._items_query(text, name) IS
    'A query of one column, the items, for a table or a query: its only column, or the one of that name. NULL stays '
    'NULL.';

CREATE FUNCTION etl._negative_plan(
    positives text, user_col name, item_col name, ratio numeric, items text, weighting text,
    OUT positives_query text, OUT items_query text, OUT ratio_millionths bigint, OUT exponent double precision)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._positives_query(positives, user_col, item_col), etl._items_query(items, item_col),
           etl._ratio_millionths(ratio), etl._weighting_exponent(weighting)
$$;
COMMENT ON FUNCTION etl._negative_plan(text, name, name, numeric, text, text) IS
    'Checks the arguments of etl.negative_sample, and says what they mean: the query for the positives (user, item), '
    'that for the items (NULL: those of the positives), the ratio in millionths, the exponent of the popularity.';

-- What users call -----------------------------------------------------------------------------------------------------

CREATE FUNCTION etl.negative_sample(
    positives text, user_col name, item_col name, ratio numeric, items text DEFAULT NULL,
    weighting text DEFAULT 'uniform', seed bigint DEFAULT 0)
RETURNS SETOF record
LANGUAGE C STABLE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'etl_negative_sample';
COMMENT ON FUNCTION etl.negative_sample(text, name, name, numeric, text, text, bigint) IS
    'For each user items that he has not seen, drawn at random: (user, item), in the types of the columns. Give the '
    'list of columns: SELECT * FROM etl.negative_sample(…) AS s(user_id bigint, item_id bigint). positives: what '
    'users have seen, as a query or the name of a table; names outside pg_catalog need their schema. user_col, '
    'item_col: its columns. A row with a NULL in one of them counts for nothing, a row that comes twice counts once. '
    'ratio: negatives for each positive of the user, 0 to a thousand million with 6 decimal places; what is not whole '
    'is rounded, halves up. items: what may be drawn, as a query or the name of a table (its only column, or the one '
    'called like item_col, of the same type); NULL: all items of the positives. An item that is not among them is not '
    'drawn; it is a positive as any other. weighting: uniform; or popularity^x, which draws in proportion to the x-th '
    'power of the number of users who have seen an item (0.75: T. Mikolov et al., "Distributed representations of '
    'words and phrases", 2013; popularity: x = 1), so that an item without positives is not drawn. seed: the same seed '
    'gives the same sample for the same positives and items, whatever the order of rows or the plan; what a user gets '
    'does not depend on the positives of others, as long as they leave the items (and their popularity, where it '
    'weighs) as they are. No item comes twice for a user. Who has not seen fewer items than are wanted gets all of '
    'these, and a WARNING says so: etl.negative_sample_report lists them. Takes memory for all positives (about 28 '
    'bytes for each, and 150 bytes and its length for each user and item), up to pg_etl.sample_memory; time grows with '
    'the positives and negatives, not with users times items. Errors: 22023 ratio, weighting, or no single SELECT '
    'that changes no data, 22004 no seed, 42703 unknown column, 42P01 unknown table, 42804 items of another type, or '
    'another list of columns, 42883 a type without a hash function, 53200 more memory than pg_etl.sample_memory.';

CREATE FUNCTION etl._short_users(
    positives_query text, items_query text, ratio_millionths bigint, exponent double precision, seed bigint)
RETURNS TABLE(user_key text, positives bigint, wanted bigint, available bigint)
LANGUAGE C STABLE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'etl_short_users';
COMMENT ON FUNCTION etl._short_users(text, text, bigint, double precision, bigint) IS
    'etl.negative_sample_report of what etl._negative_plan has understood.';

CREATE FUNCTION etl.negative_sample_report(
    positives text, user_col name, item_col name, ratio numeric, items text DEFAULT NULL,
    weighting text DEFAULT 'uniform')
RETURNS TABLE(user_key text, positive_items bigint, wanted bigint, available bigint)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT u.user_key, u.positives, u.wanted, u.available
    FROM etl._negative_plan(positives, user_col, item_col, ratio, items, weighting) AS p
    CROSS JOIN etl._short_users(p.positives_query, p.items_query, p.ratio_millionths, p.exponent, 0) AS u
$$;
COMMENT ON FUNCTION etl.negative_sample_report(text, name, name, numeric, text, text) IS
    'The users for whom etl.negative_sample, called with the same arguments, finds fewer negatives than the ratio asks '
    'for: the user as text, the number of items that he has seen, of negatives that are wanted, and of those that '
    'there are, all of which he gets. Draws nothing, and gives the same whatever the seed is. Errors as there.';
