-- Groups of a rollup computed anew: which ones, the query for them alone, and what it changes.
--
-- The planner gets the groups as literals: through a join with a table of groups it would not see that a few suffice,
-- and read the tables whole. Where the key is a monotone expression of a column, as date_trunc is, the column is
-- restricted too, to few intervals, so that its index serves.

CREATE TYPE etl._rollup_batch AS (whole boolean, places tid[], lists text[]);
COMMENT ON TYPE etl._rollup_batch IS 'Groups of a rollup that are computed together.';
COMMENT ON COLUMN etl._rollup_batch.whole IS 'All groups that there are: the lists tell only which keys can be NULL.';
COMMENT ON COLUMN etl._rollup_batch.places IS 'Where they stand among the pending groups.';
COMMENT ON COLUMN etl._rollup_batch.lists IS
    'For each key column, in the order of the plan, its values as the text of a text[]; one column''s go with the '
    'other''s by place.';

CREATE FUNCTION etl._text_of(expression text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 'CASE WHEN num_nulls(' || expression || ') = 0 THEN concat(' || expression || ') END'
$$;
COMMENT ON FUNCTION etl._text_of(text) IS
    'An expression for the text of another one''s value as its type writes it, and reads it. A cast to text may be '
    'somebody''s own, and write something else.';

CREATE FUNCTION etl._key_list(keys jsonb, alias text, pattern text DEFAULT '%s.%I')
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(format(pattern, alias, k.value ->> 'name', k.value ->> 'type'), ', ' ORDER BY k.ordinality)
    FROM jsonb_array_elements(keys) WITH ORDINALITY AS k
$$;
COMMENT ON FUNCTION etl._key_list(jsonb, text, text) IS
    'The key columns of a plan, each as the pattern says of the alias, its name and its type, with commas between.';

-- Which groups -------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._pick_groups(rollup etl.rollup, max_groups integer, newest_first boolean)
RETURNS etl._rollup_batch
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    keys CONSTANT jsonb := rollup.plan -> 'keys';
BEGIN
    RETURN etl._locked_value(format(
        'SELECT (false, array_agg(p.ctid), ARRAY[%s])::etl._rollup_batch '
        'FROM (SELECT p.ctid, p.* FROM %s AS p ORDER BY %s LIMIT %s) AS p',
        etl._key_list(keys, 'p', format('array_agg(%s)::text', etl._text_of('%1$s.%2$I'))),
        etl._rollup_table(rollup.name, '_pending'),
        etl._key_list(keys, 'p', CASE WHEN newest_first THEN '%s.%I DESC' ELSE '%s.%I' END),
        coalesce(max_groups::text, 'ALL')),
        NULL::etl._rollup_batch);
END
$$;
COMMENT ON FUNCTION etl._pick_groups(etl.rollup, integer, boolean) IS
    'So many of the pending groups (NULL: all), the greatest or the least by their keys. Its places are NULL where '
    'none is pending.';

CREATE FUNCTION etl._all_groups(rollup etl.rollup, stored text)
RETURNS etl._rollup_batch
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN etl._locked_value(format(
        'SELECT (true, NULL, ARRAY[%s])::etl._rollup_batch',
        etl._key_list(rollup.plan -> 'keys', stored,
            '(SELECT array_agg(v)::text FROM ((SELECT ' || etl._text_of('t.%2$I')
            || ' FROM %1$s AS t WHERE num_nulls(t.%2$I) = 0 LIMIT 1) '
            'UNION ALL (SELECT NULL FROM %1$s AS t WHERE num_nulls(t.%2$I) = 1 LIMIT 1)) AS s(v))')),
        NULL::etl._rollup_batch);
END
$$;
COMMENT ON FUNCTION etl._all_groups(etl.rollup, text) IS
    'All groups of a rollup as one batch. Its lists have a key of each column, and a NULL where the table has one.';

CREATE FUNCTION etl._batch_of(rollup etl.rollup, keys_query text)
RETURNS etl._rollup_batch
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    batch etl._rollup_batch;
BEGIN
    batch := etl._locked_value(format(
        E'SELECT (false, NULL, ARRAY[%s])::etl._rollup_batch FROM (SELECT DISTINCT %s FROM (\n%s\n) AS q) AS p',
        etl._key_list(rollup.plan -> 'keys', 'p', format('array_agg(%s)::text', etl._text_of('%1$s.%2$I'))),
        etl._column_list(rollup.key_columns), keys_query), NULL::etl._rollup_batch);
    RETURN CASE WHEN batch.lists[1] IS NOT NULL THEN batch END;
END
$$;
COMMENT ON FUNCTION etl._batch_of(etl.rollup, text) IS
    'The groups whose keys a query gives, as a batch that stands nowhere among the pending; NULL where there are none.';

-- Conditions ---------------------------------------------------------------------------------------------------------

-- Of a composite value IS NULL says that all of its parts are NULL, and such a key is another one than NULL. IS NOT
-- DISTINCT FROM NULL tells them apart, and is as good for an index.
CREATE FUNCTION etl._list_condition(key jsonb, list text, expression text)
RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found CONSTANT text[] := ARRAY(SELECT DISTINCT v FROM unnest(list::text[]) AS v WHERE v IS NOT NULL);
    type CONSTANT text := key ->> 'type';
    one_of text;
BEGIN
    IF (key ->> 'is_array')::boolean AND cardinality(found) > 1 THEN
        RETURN 'true'; -- an array of arrays would be one array
    ELSIF cardinality(found) = 1 THEN
        one_of := format('(%s) %s %L::%s', expression, key ->> 'equal', found[1], type);
    ELSIF cardinality(found) > 1 THEN
        one_of := format('(%s) %s ANY (%L::%s[])', expression, key ->> 'equal', found::text, type);
    END IF;
    RETURN concat_ws(' OR ', one_of,
                     CASE WHEN array_position(list::text[], NULL) IS NOT NULL
                          THEN format('(%s) IS NOT DISTINCT FROM NULL', expression) END);
END
$$;
COMMENT ON FUNCTION etl._list_condition(jsonb, text, text) IS
    'That an expression is among the values of a key column, as literals; or more, where that cannot be said.';

CREATE FUNCTION etl._interval_end(type text, upper text, zone text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
SET intervalstyle = 'postgres'
AS $$
    SELECT format('CASE WHEN k < %L::timestamp THEN %s ELSE ''infinity'' END',
                  timestamp '294276-12-29' - upper::interval, e.later)
    FROM (SELECT CASE
        WHEN type NOT LIKE 'timestamp%with time zone' OR upper::interval < interval '1 day' THEN
            format('k + %L::interval', upper)
        -- A calendar day has no fixed length. Until 1970 there were places that had one twice; that a row is of the
        -- group is checked besides.
        ELSE format('%s + CASE WHEN k < ''1970-01-02 00:00+00'' THEN interval ''1 day'' ELSE interval ''0'' END',
                    CASE WHEN zone IS NULL THEN format('k + %L::interval', upper)
                         ELSE format('((k AT TIME ZONE (%1$s)) + %2$L::interval) AT TIME ZONE (%1$s)', zone, upper) END)
    END) AS e(later)
$$;
COMMENT ON FUNCTION etl._interval_end(text, text, text) IS
    'An expression over k, a moment to which a column was rounded down, for the moment below which the column lies: an '
    'interval (upper) later, in a time zone where one is given. Infinity near the last moment that there is.';

CREATE FUNCTION etl._interval_start(type text, upper text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
SET intervalstyle = 'postgres'
AS $$
    SELECT coalesce('CASE WHEN low > ''4713-01-01 BC'' THEN ' || CASE
        WHEN type = 'date' THEN 'low - 1'
        WHEN type LIKE 'timestamp%with time zone' AND upper::interval >= interval '1 day' THEN
            'low - interval ''24 hours'''
    END || ' ELSE ''-infinity'' END', 'low')
$$;
COMMENT ON FUNCTION etl._interval_start(text, text) IS
    'An expression over low, a moment to which a column was rounded, for the moment from which on the column lies. '
    'Where clocks go back over midnight, a day begins twice, and rows after its first beginning are rounded to its '
    'second one. That a row is of the group is checked besides. Minus infinity near the first moment that there is.';

CREATE FUNCTION etl._interval_condition(key jsonb, list text, restriction jsonb, intervals integer DEFAULT 16)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    type CONSTANT text := key ->> 'type';
    upper CONSTANT text := etl._interval_end(type, restriction ->> 'upper', restriction ->> 'zone');
    condition text;
BEGIN
    EXECUTE format($query$
        WITH groups AS (
            SELECT k, %2$s AS until, lag(%2$s) OVER (ORDER BY k) AS before
            FROM (SELECT DISTINCT v::%1$s AS k FROM unnest($1) AS v WHERE isfinite(v::%1$s)) AS d
        ), starts AS (
            SELECT k FROM groups WHERE before IS NULL OR k > before
            ORDER BY extract(epoch FROM k) - extract(epoch FROM before) DESC NULLS FIRST LIMIT $3
        ), numbered AS (
            SELECT g.k, g.until, count(s.k) OVER (ORDER BY g.k) AS number
            FROM groups AS g LEFT JOIN starts AS s ON s.k = g.k
        ), intervals AS (
            SELECT %3$s AS low, high
            FROM (SELECT min(k) AS low, max(until) AS high FROM numbered GROUP BY number) AS i
        )
        SELECT string_agg(format('%%1$s >= %%2$L::%%3$s AND %%1$s < %%4$L::%%5$s', $2, low, pg_typeof(low), high,
                                 pg_typeof(high)), ' OR ' ORDER BY low)
        FROM intervals
        $query$, type, upper, etl._interval_start(type, restriction ->> 'upper'))
        INTO condition USING list::text[], restriction ->> 'column', intervals;
    RETURN condition || CASE
        WHEN list::text[] && '{infinity,-infinity}' THEN format(' OR NOT isfinite(%s)', restriction ->> 'column')
        ELSE '' END;
END
$$;
COMMENT ON FUNCTION etl._interval_condition(jsonb, text, jsonb, integer) IS
    'That the column of which a key is a monotone expression lies where the values of the key are: so many intervals '
    'at most, the greatest gaps left out. NULL where no interval can be told.';

CREATE FUNCTION etl._restriction_condition(keys jsonb, lists text[], restriction jsonb)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    key CONSTANT jsonb := (SELECT k FROM jsonb_array_elements(keys) AS k WHERE k ->> 'name' = restriction ->> 'key');
    list CONSTANT text := (
        SELECT lists[k.ordinality] FROM jsonb_array_elements(keys) WITH ORDINALITY AS k
        WHERE k.value ->> 'name' = restriction ->> 'key');
    condition CONSTANT text := etl._list_condition(key, list, restriction ->> 'expression');
    intervals text;
BEGIN
    IF restriction ->> 'column' IS NOT NULL AND restriction ->> 'upper' IS NOT NULL THEN
        intervals := etl._interval_condition(key, list, restriction);
        IF intervals IS NOT NULL AND array_position(list::text[], NULL) IS NOT NULL THEN
            intervals := format('%s OR (%s) IS NOT DISTINCT FROM NULL', intervals, restriction ->> 'expression');
        END IF;
    END IF;
    RETURN '(' || concat_ws(') AND (', condition, intervals) || ')';
END
$$;
COMMENT ON FUNCTION etl._restriction_condition(jsonb, text[], jsonb) IS
    'What takes the place of one restriction in a query of a plan, so that it gives no other groups than those of the '
    'lists, or few.';

CREATE FUNCTION etl._restricted(template jsonb, rollup etl.rollup, batch etl._rollup_batch)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN batch.whole THEN etl._unrestricted(template, rollup.plan) ELSE etl._filled(template, ARRAY(
        SELECT etl._restriction_condition(rollup.plan -> 'keys', batch.lists, r.value)
        FROM jsonb_array_elements(rollup.plan -> 'restrictions') WITH ORDINALITY AS r ORDER BY r.ordinality)) END
$$;
COMMENT ON FUNCTION etl._restricted(jsonb, etl.rollup, etl._rollup_batch) IS
    'A query of a plan for the groups of a batch. It may give groups beside them: they are as right as the others.';

CREATE FUNCTION etl._stored_condition(rollup etl.rollup, batch etl._rollup_batch, alias text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN batch.whole THEN 'true' ELSE string_agg(
               '(' || etl._list_condition(k.value, batch.lists[k.ordinality],
                                          format('%s.%I', alias, k.value ->> 'name')) || ')',
               ' AND ' ORDER BY k.ordinality) END
    FROM jsonb_array_elements(rollup.plan -> 'keys') WITH ORDINALITY AS k
$$;
COMMENT ON FUNCTION etl._stored_condition(etl.rollup, etl._rollup_batch, text) IS
    'A condition on the rows of a table with the key columns under which the groups of a batch are, and maybe others.';

CREATE FUNCTION etl._same_group(rollup etl.rollup, batch etl._rollup_batch, one text, other text)
RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    key jsonb;
    position integer := 0;
    found text;
    conditions text[] := '{}';
BEGIN
    FOR key IN SELECT k FROM jsonb_array_elements(rollup.plan -> 'keys') AS k LOOP
        position := position + 1;
        found := (SELECT v FROM unnest(batch.lists[position]::text[]) AS v WHERE v IS NOT NULL LIMIT 1);
        conditions := conditions || CASE
            WHEN coalesce(array_position(batch.lists[position]::text[], NULL), 0) = 0 THEN
                format('%2$s.%1$I %4$s %3$s.%1$I', key ->> 'name', one, other, key ->> 'equal')
            WHEN found IS NULL THEN
                format('%2$s.%1$I IS NOT DISTINCT FROM NULL AND %3$s.%1$I IS NOT DISTINCT FROM NULL',
                       key ->> 'name', one, other)
            ELSE format('coalesce(%2$s.%1$I, %5$L::%6$s) %4$s coalesce(%3$s.%1$I, %5$L::%6$s) '
                        'AND (%2$s.%1$I IS NOT DISTINCT FROM NULL) = (%3$s.%1$I IS NOT DISTINCT FROM NULL)',
                        key ->> 'name', one, other, key ->> 'equal', found, key ->> 'type')
        END;
    END LOOP;
    RETURN array_to_string(conditions, ' AND ');
END
$$;
COMMENT ON FUNCTION etl._same_group(etl.rollup, etl._rollup_batch, text, text) IS
    'That two rows, by their aliases, are of one group, where one of them is of the batch. NULL equals NULL, and yet '
    'the condition can be hashed; where the batch has no NULL, it is plain.';

-- What it costs -----------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._estimate(query text, what text)
RETURNS float8
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (e.plan -> 0 -> 'Plan' ->> what)::float8
    FROM etl._locked_changes('EXPLAIN (FORMAT JSON) ' || query) AS e(plan json)
$$;
COMMENT ON FUNCTION etl._estimate(text, text) IS
    'What the planner expects of a query: its ''Plan Rows'', or its ''Total Cost''.';

CREATE FUNCTION etl._is_cheaper_whole(rollup etl.rollup, batch etl._rollup_batch, batches integer)
RETURNS boolean
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT batches * etl._estimate(etl._restricted(etl._group_query(rollup), rollup, batch), 'Total Cost')
           > greatest(1e6, 2 * etl._estimate(etl._unrestricted(etl._group_query(rollup), rollup.plan), 'Total Cost'))
$$;
COMMENT ON FUNCTION etl._is_cheaper_whole(etl.rollup, etl._rollup_batch, integer) IS
    'Whether so many batches like one cost clearly more than the plain query, which reads each table once. Where all '
    'of it takes no more than some seconds, batches are kept as they were asked for.';

-- The change ---------------------------------------------------------------------------------------------------------

-- Of another's type there may be a cast from text that is somebody's own; from an array of text there is none, and what
-- an array reads is what the type reads.
CREATE FUNCTION etl._batch_rows(rollup etl.rollup, batch etl._rollup_batch)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('SELECT %s FROM unnest(%s) AS b(%s)',
                  string_agg(format(CASE WHEN (k.value ->> 'is_read_in_array')::boolean
                                         THEN '(ARRAY[b.k%s]::text::%s[])[1] AS %I' ELSE 'b.k%s::%s AS %I' END,
                                    k.ordinality, k.value ->> 'type', k.value ->> 'name'), ', '
                             ORDER BY k.ordinality),
                  string_agg(format('%L::text[]', batch.lists[k.ordinality]), ', ' ORDER BY k.ordinality),
                  string_agg(format('k%s', k.ordinality), ', ' ORDER BY k.ordinality))
    FROM jsonb_array_elements(rollup.plan -> 'keys') WITH ORDINALITY AS k
$$;
COMMENT ON FUNCTION etl._batch_rows(etl.rollup, etl._rollup_batch) IS 'A query that gives the keys of a batch.';

CREATE FUNCTION etl._in_batch(rollup etl.rollup, batch etl._rollup_batch, alias text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN batch.whole THEN 'true' ELSE format('EXISTS (SELECT FROM batch AS b WHERE %s)',
                                                         etl._same_group(rollup, batch, alias, 'b')) END
$$;
COMMENT ON FUNCTION etl._in_batch(etl.rollup, etl._rollup_batch, text) IS
    'That a row, by its alias, is of a group of the batch, which the query has as the CTE "batch".';

CREATE FUNCTION etl._column_pattern(columns name[], pattern text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(format(pattern, c.name), ', ' ORDER BY c.position)
    FROM unnest(columns) WITH ORDINALITY AS c(name, position)
$$;
COMMENT ON FUNCTION etl._column_pattern(name[], text) IS
    'The pattern, for format() with %1$I, of every column, with commas between them; NULL where there is none.';

CREATE FUNCTION etl._typed_columns(rollup etl.rollup, suffix text, columns name[], alias text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(format('%s.%I%s AS %2$I', alias, c.name, '::' || t.type), ', ' ORDER BY c.position)
    FROM unnest(columns) WITH ORDINALITY AS c(name, position)
    LEFT JOIN jsonb_to_recordset(CASE suffix
        WHEN '_state' THEN rollup.plan -> 'keys' || (rollup.plan -> 'delta' -> 'states')
        ELSE rollup.plan -> 'columns' END) AS t(name name, type text) ON t.name = c.name
$$;
COMMENT ON FUNCTION etl._typed_columns(etl.rollup, text, name[], text) IS
    'Columns of a query (alias), for the table of a rollup with that suffix, in the types that they have there: where '
    'the query gives a domain, the table has what it is made of, and rows of the two could not be compared.';

-- Only rows that differ are touched, bit by bit, as a concurrent refresh of a materialized view compares rows. The rows
-- that are there are found by literals too, and joined by what can be hashed.
CREATE FUNCTION etl._replace_groups(
    rollup etl.rollup, target text, columns name[], source text, batch etl._rollup_batch)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    keys CONSTANT text := etl._column_list(rollup.key_columns);
    rest CONSTANT name[] := ARRAY(
        SELECT c.name FROM unnest(columns) WITH ORDINALITY AS c(name, position)
        WHERE c.name <> ALL (rollup.key_columns) ORDER BY c.position);
    differs CONSTANT text := 'ROW(%s)::record OPERATOR(pg_catalog.*<>) ROW(%s)::record';
    on_conflict CONSTANT text := CASE WHEN rest = '{}' THEN 'NOTHING' ELSE format(
        'UPDATE SET %s WHERE ' || differs, etl._column_pattern(rest, '%1$I = excluded.%1$I'),
        etl._column_pattern(rest, 't.%1$I'), etl._column_pattern(rest, 'excluded.%1$I')) END;
BEGIN
    RETURN (SELECT c.counts FROM etl._locked_changes(format($query$
        WITH batch AS MATERIALIZED (
            %1$s
        ), fresh AS MATERIALIZED (
            SELECT %13$s FROM (
                %3$s
            ) AS q WHERE %4$s
        ), stored AS MATERIALIZED (
            SELECT t.ctid AS etl_place, %5$s FROM %6$s AS t WHERE (%7$s) AND %8$s
        ), changed AS (
            SELECT f.* FROM fresh AS f LEFT JOIN stored AS s ON %9$s
            WHERE s.etl_place IS NULL OR %10$s
        ), written AS (
            INSERT INTO %6$s AS t (%2$s) SELECT %2$s FROM changed
            ON CONFLICT (%11$s) DO %12$s
            RETURNING t.xmax = 0 AS is_new
        ), gone AS (
            DELETE FROM %6$s AS t WHERE t.ctid = ANY (ARRAY(
                SELECT s.etl_place FROM stored AS s WHERE NOT EXISTS (SELECT FROM fresh AS f WHERE %9$s)))
            RETURNING 1
        )
        SELECT jsonb_build_object('inserted', (SELECT count(*) FROM written WHERE is_new),
                                  'updated', (SELECT count(*) FROM written WHERE NOT is_new),
                                  'deleted', (SELECT count(*) FROM gone),
                                  'groups', (SELECT count(*) FROM fresh))
        $query$,
        CASE WHEN batch.whole THEN 'SELECT' ELSE etl._batch_rows(rollup, batch) END,
        etl._column_list(columns), source, etl._in_batch(rollup, batch, 'q'), etl._column_pattern(columns, 't.%1$I'),
        target, etl._stored_condition(rollup, batch, 't'), etl._in_batch(rollup, batch, 't'),
        etl._same_group(rollup, batch, 'f', 's'),
        CASE WHEN rest = '{}' THEN 'false' ELSE format(differs, etl._column_pattern(rest, 'f.%1$I'),
                                                       etl._column_pattern(rest, 's.%1$I')) END,
        keys, on_conflict,
        etl._typed_columns(rollup, CASE WHEN target = rollup.name THEN '' ELSE '_state' END, columns, 'q')))
        AS c(counts jsonb));
END
$$;
COMMENT ON FUNCTION etl._replace_groups(etl.rollup, text, name[], text, etl._rollup_batch) IS
    'Makes the rows of the groups of a batch in a table (the rollup, or its states) what a query gives for them. '
    'Returns how many were inserted, updated and deleted, and how many groups the query gave.';

CREATE FUNCTION etl._recompute_table(
    rollup etl.rollup, target text, columns name[], template jsonb, batch etl._rollup_batch)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stage text;
    counts jsonb;
BEGIN
    IF NOT batch.whole THEN
        RETURN etl._replace_groups(rollup, target, columns, etl._restricted(template, rollup, batch), batch);
    END IF;
    stage := etl._stage_query(rollup, etl._unrestricted(template, rollup.plan));
    counts := etl._replace_groups(rollup, target, columns, format('SELECT * FROM %s', stage), batch);
    EXECUTE format('DROP TABLE %s', stage);
    RETURN counts;
END
$$;
COMMENT ON FUNCTION etl._recompute_table(etl.rollup, text, name[], jsonb, etl._rollup_batch) IS
    'Computes the groups of a batch anew into a table, from a query of the plan in pieces.';

CREATE FUNCTION etl._recompute_groups(rollup etl.rollup, batch etl._rollup_batch)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    columns CONSTANT name[] := etl._rollup_columns(rollup);
    counts jsonb;
BEGIN
    IF etl._is_delta(rollup) THEN
        PERFORM etl._require_unique(rollup);
    END IF;
    counts := etl._recompute_table(
        rollup, etl._group_table(rollup),
        CASE WHEN etl._is_delta(rollup) THEN etl._state_columns(rollup) ELSE columns END,
        etl._group_query(rollup), batch);
    IF etl._is_delta(rollup) THEN
        RETURN etl._replace_groups(rollup, rollup.name, columns,
                                   etl._visible_query(rollup, etl._stored_condition(rollup, batch, 's')), batch);
    END IF;
    RETURN counts;
END
$$;
COMMENT ON FUNCTION etl._recompute_groups(etl.rollup, etl._rollup_batch) IS
    'Computes the groups of a batch anew: from the tables that the rollup reads into its states, where it keeps such, '
    'and into the rollup. Returns the counts of etl._replace_groups.';
