-- The states of features: what a materialisation writes into the online table and into the history.
--
-- A materialisation as of a moment
--   1. locks the definition, so that calls for one view follow each other,
--   2. runs the query into a temporary table, where it may have parallel workers,
--   3. compares with what is there and writes only states that changed: the online row, and a row of the history.
-- Values are compared bit by bit, as a concurrent refresh of a materialized view compares rows.
--
-- A state that has not changed is written again when its as_of is more than half of the ttl ago. So whoever
-- materialises twice in a ttl has nothing expired, and the rule that a row is expired when its as_of is more than the
-- ttl ago says the same of the online table and of the history.
--
-- An earlier moment than the latest (a backfill) goes into the history alone. There a state holds until the next one
-- that was written, and not written means not changed. So where the backfilled state is another than the one that was
-- in force, the latter is written once more at the next moment that was materialised: what had been computed as of
-- later moments stays as it was. The online table always equals the latest states of the history.

CREATE FUNCTION etl._entity_condition(relation regclass, entity name[], one text, other text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    comparisons text[] := ARRAY(
        SELECT format('%s OPERATOR(%I.%s) %s', format(one, a.attname), n.nspname, o.oprname,
                      format(other, a.attname, e.position + 2, format_type(a.atttypid, -1), e.position))
        FROM pg_index AS i
        CROSS JOIN LATERAL ROWS FROM (unnest(i.indkey::smallint[]), unnest(i.indclass::oid[])) AS k(number, class)
        JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.number
        JOIN unnest(entity) WITH ORDINALITY AS e(name, position) ON e.name = a.attname
        JOIN pg_opclass AS c ON c.oid = k.class
        JOIN pg_amop AS p ON p.amopfamily = c.opcfamily AND p.amopstrategy = 3
                         AND p.amoplefttype = c.opcintype AND p.amoprighttype = c.opcintype
        JOIN pg_operator AS o ON o.oid = p.amopopr
        JOIN pg_namespace AS n ON n.oid = o.oprnamespace
        WHERE i.indrelid = relation AND i.indisprimary
        ORDER BY e.position);
BEGIN
    IF cardinality(comparisons) <> cardinality(entity) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('the primary key of table "%s" lacks an entity column of its feature view', relation),
            DETAIL = format('The entity columns are %s; found in the key are %s of %s.', etl._column_list(entity),
                            cardinality(comparisons), cardinality(entity)),
            HINT = 'Give the columns of the table back their names, and the table its primary key.';
    END IF;
    RETURN array_to_string(comparisons, ' AND ');
END
$$;
COMMENT ON FUNCTION etl._entity_condition(regclass, name[], text, text) IS
    'Compares the entity columns by the operators of the table''s primary key. The texts are what stands left and '
    'right, for format(): %1$I is the column; to the right %2$s is the number of its parameter in a query that serves '
    'features, %3$s its type, and %4$s its place among the entity columns. 55000 where the primary key lacks an entity '
    'column: who has changed the table must not be answered for another entity.';

CREATE FUNCTION etl._feature_list(features name[], pattern text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(format(pattern, name), ', ' ORDER BY position)
    FROM unnest(features) WITH ORDINALITY AS f(name, position)
$$;
COMMENT ON FUNCTION etl._feature_list(name[], text) IS
    'The pattern, for format() with %1$I, of every column, with commas between them.';

-- The query's rows ----------------------------------------------------------------------------------------------------

-- The settings are those that a query's values may depend on: whoever materialises gets the same.
CREATE FUNCTION etl._stage_features(view etl.feature_view, as_of timestamptz)
RETURNS regclass
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO, MDY'
SET intervalstyle = 'postgres'
SET extra_float_digits = 1
AS $$
DECLARE
    stage text := format('pg_temp.etl_features_%s', view.view_id);
BEGIN
    IF to_regclass(stage) IS NOT NULL THEN
        EXECUTE 'DROP TABLE ' || stage;
    END IF;
    PERFORM etl._locked_command(
        format(E'CREATE TEMPORARY TABLE etl_features_%s ON COMMIT DROP AS SELECT %s FROM (\n%s\n) AS q',
               view.view_id, etl._column_list(view.entity || view.features), view.query), as_of);
    EXECUTE 'ANALYZE ' || stage;
    RETURN stage::regclass;
END
$$;
COMMENT ON FUNCTION etl._stage_features(etl.feature_view, timestamptz) IS
    'The rows that the query gives as of a moment, in a temporary table.';

CREATE FUNCTION etl._refuse_entities(view etl.feature_view, stage regclass)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    entity text := format('jsonb_build_object(%s)', etl._feature_list(view.entity, '%1$L, k.%1$I'));
    found record;
BEGIN
    EXECUTE format('SELECT %s AS entity FROM %s AS k WHERE NOT (%s) IS NOT NULL LIMIT 1', entity, stage,
                   etl._feature_list(view.entity, 'k.%1$I')) INTO found;
    IF found.entity IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'not_null_violation',
            MESSAGE = format('the query of feature view "%s" gives a row without an entity', view.name),
            DETAIL = format('Its entity columns are %s.', found.entity),
            HINT = 'Leave such rows out: WHERE … IS NOT NULL.';
    END IF;
    EXECUTE format('SELECT %s AS entity, count(*) AS rows FROM %s AS k GROUP BY %s HAVING count(*) > 1 LIMIT 1', entity,
                   stage, etl._feature_list(view.entity, 'k.%1$I')) INTO found;
    IF found.entity IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'unique_violation',
            MESSAGE = format('the query of feature view "%s" gives %s rows for one entity', view.name, found.rows),
            DETAIL = format('The entity is %s.', found.entity),
            HINT = format('Let it group by %s.', etl._column_list(view.entity));
    END IF;
END
$$;
COMMENT ON FUNCTION etl._refuse_entities(etl.feature_view, regclass) IS
    'Raises when there is a row without an entity (23502), or an entity with two rows (23505).';

CREATE FUNCTION etl._require_same_types(
    view etl.feature_view, columns etl._feature_column[], history regclass)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found record;
BEGIN
    SELECT s.name, s.type, h.type AS stored INTO found
    FROM unnest(columns) AS s
    LEFT JOIN etl._feature_table_columns(history) AS h ON h.name = s.name
    WHERE h.type IS DISTINCT FROM s.type
    LIMIT 1;
    IF found.name IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'datatype_mismatch',
            MESSAGE = format('column "%s" of feature view "%s" has become %s, and its tables have %s', found.name,
                             view.name, found.type, coalesce(found.stored, 'no such column')),
            DETAIL = 'A table or function that the query reads was changed.',
            HINT = format('etl.alter_feature_view(%L, query => …) with a query that casts the column, or gives it '
                          'another name.', view.name);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_same_types(etl.feature_view, etl._feature_column[], regclass) IS
    'Raises (42804) where the columns that a query gives have other types than they had when it was defined.';

-- Into the tables -----------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._apply_latest(
    view etl.feature_view, stage regclass, online regclass, history regclass, as_of timestamptz, created_at timestamptz,
    anew boolean)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    keys text := etl._column_list(view.entity);
    features text := etl._column_list(view.features);
BEGIN
    RETURN etl._locked_change(format($query$
        WITH changed AS MATERIALIZED (
            SELECT s.* FROM %1$s AS s LEFT JOIN %2$s AS o ON %4$s
            WHERE o.as_of IS NULL OR ROW(%7$s)::record OPERATOR(pg_catalog.*<>) ROW(%8$s)::record
               OR o.as_of < $1 - $3 / 2 OR $4
        ), stored AS (
            INSERT INTO %2$s (%5$s, as_of, %6$s) SELECT %5$s, $1, %6$s FROM changed
            ON CONFLICT (%5$s) DO UPDATE SET as_of = excluded.as_of, %9$s
        ), gone AS (
            DELETE FROM %2$s AS o WHERE NOT EXISTS (SELECT FROM %1$s AS s WHERE %4$s) RETURNING %10$s
        ), states AS (
            INSERT INTO %3$s (%5$s, as_of, created_at, present, %6$s) SELECT %5$s, $1, $2, true, %6$s FROM changed
        ), ends AS (
            INSERT INTO %3$s (%5$s, as_of, created_at, present) SELECT %5$s, $1, $2, false FROM gone
        )
        SELECT jsonb_build_object('entities', (SELECT count(*) FROM %1$s), 'changed', (SELECT count(*) FROM changed),
                                  'vanished', (SELECT count(*) FROM gone))
        $query$, stage, online, history, etl._entity_condition(online, view.entity, 's.%1$I', 'o.%1$I'), keys, features,
        etl._feature_list(view.features, 's.%1$I'), etl._feature_list(view.features, 'o.%1$I'),
        etl._feature_list(view.features, '%1$I = excluded.%1$I'), etl._feature_list(view.entity, 'o.%1$I')),
        NULL::jsonb, as_of, created_at, view.ttl, anew);
END
$$;
COMMENT ON FUNCTION
    etl._apply_latest(etl.feature_view, regclass, regclass, regclass, timestamptz, timestamptz, boolean) IS
    'Writes what is new as of the latest moment into the online table and the history; all of it where anew. Returns '
    'how many entities there are, changed and vanished.';

CREATE FUNCTION etl._numbered(columns name[], pattern text, names text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(format(pattern, name) || format(names, position), ', ' ORDER BY position)
    FROM unnest(columns) WITH ORDINALITY AS c(name, position)
$$;
COMMENT ON FUNCTION etl._numbered(name[], text, text) IS
    'For every column the pattern, for format() with %1$I as its name, and then the other one with its number, with '
    'commas between them.';

CREATE FUNCTION etl._apply_past(
    view etl.feature_view, stage regclass, online regclass, history regclass, as_of timestamptz,
    created_at timestamptz, next_as_of timestamptz)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    keys CONSTANT text := etl._column_list(view.entity);
    stored CONSTANT name[] := ARRAY( -- with the features of earlier versions
        SELECT c.name FROM etl._feature_table_columns(history) AS c
        WHERE c.name <> ALL (view.entity || etl._feature_reserved()));
    -- Columns by numbers: k the entity, s what is computed, b what was in force.
    entity CONSTANT text := etl._numbered(view.entity, 'c.', 'k%s');
    same CONSTANT text := etl._entity_condition(history, view.entity, 's.%1$I', 'b.%1$I');
    before CONSTANT text := format(
        'SELECT DISTINCT ON (%1$s) h.* FROM %2$s AS h WHERE h.as_of <= $1 '
        'ORDER BY %1$s, h.as_of DESC, h.created_at DESC', keys, history);
    compared CONSTANT text := concat_ws(', ',
        'SELECT ' || etl._numbered(view.entity, 'coalesce(s.%1$I, b.%1$I)', ' AS k%s'),
        etl._numbered(view.features, 's.%1$I', ' AS s%s'), etl._numbered(stored, 'b.%1$I', ' AS b%s'),
        format('s.%I IS NOT NULL AS is_present', view.entity[1]), 'coalesce(b.present, false) AS was_present',
        format('ROW(%s)::record OPERATOR(pg_catalog.*<>) ROW(%s)::record AS differs',
               etl._feature_list(view.features, 's.%1$I'), etl._feature_list(view.features, 'b.%1$I')),
        format('b.as_of AS since FROM %s AS s FULL JOIN before AS b ON %s', stage, same));
    states CONSTANT text := format(
        'INSERT INTO %s (%s, as_of, created_at, present, %s) SELECT %s, $1, $2, c.is_present, %s FROM changed AS c',
        history, keys, etl._column_list(view.features), entity, etl._numbered(view.features, 'c.', 's%s'));
    restored CONSTANT text := format(
        'INSERT INTO %s (%s, as_of, created_at, present, %s) SELECT %s, $3, $2, c.was_present, %s FROM changed AS c ',
        history, keys, etl._column_list(stored), entity, etl._numbered(stored, 'c.', 'b%s'))
        || format('WHERE c.is_new AND NOT EXISTS (SELECT FROM %s AS h WHERE h.as_of = $3 AND %s) RETURNING %s',
                  history, etl._entity_condition(history, view.entity, 'h.%1$I', 'c.k%4$s'), keys);
BEGIN
    RETURN etl._locked_change(format($query$
        WITH before AS (%1$s), compared AS (%2$s), changed AS MATERIALIZED (
            SELECT c.*, c.is_present <> c.was_present OR c.differs AS is_new
            FROM compared AS c
            WHERE c.is_present AND (NOT c.was_present OR c.differs OR c.since < $1 - $4 / 2)
               OR c.was_present AND NOT c.is_present
        ), states AS (%3$s), restored AS (%4$s), still_latest AS (
            UPDATE %5$s AS s SET as_of = $3 FROM restored AS b WHERE %6$s AND s.as_of < $3
        )
        SELECT jsonb_build_object('entities', (SELECT count(*) FROM %7$s),
                                  'changed', (SELECT count(*) FROM changed AS c WHERE c.is_present),
                                  'vanished', (SELECT count(*) FROM changed AS c WHERE NOT c.is_present))
        $query$, before, compared, states, restored, online, same, stage),
        NULL::jsonb, as_of, created_at, next_as_of, view.ttl);
END
$$;
COMMENT ON FUNCTION
    etl._apply_past(etl.feature_view, regclass, regclass, regclass, timestamptz, timestamptz, timestamptz) IS
    'Writes what a moment before the latest adds to the history, and for states that are new there the old ones at the '
    'next moment that was materialised. Where that is the latest state of an entity, the online row, which has its '
    'values, takes its as_of. Counts as etl._apply_latest.';

CREATE FUNCTION etl._fill_online(view etl.feature_view, online regclass, history regclass)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    columns text := concat_ws(', ', etl._column_list(view.entity), 'as_of', etl._column_list(view.features));
BEGIN
    RETURN (SELECT c.rows FROM etl._locked_changes(format($query$
        WITH stored AS (
            INSERT INTO %1$s (%2$s)
            SELECT %2$s FROM (
                SELECT DISTINCT ON (%3$s) h.* FROM %4$s AS h ORDER BY %3$s, h.as_of DESC, h.created_at DESC
            ) AS latest
            WHERE latest.present
            RETURNING 1
        )
        SELECT count(*) FROM stored
        $query$, online, columns, etl._column_list(view.entity), history)) AS c(rows bigint));
END
$$;
COMMENT ON FUNCTION etl._fill_online(etl.feature_view, regclass, regclass) IS
    'Fills an empty online table from the history, and returns how many rows it has then.';

CREATE FUNCTION etl._refill_if_empty(view etl.feature_view, online regclass, history regclass)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    has_rows boolean;
    had_rows CONSTANT boolean := (
        SELECT m.entities > 0 FROM etl.feature_materialization AS m
        WHERE m.view_id = view.view_id AND m.owner = current_user
        ORDER BY m.as_of DESC, m.created_at DESC LIMIT 1);
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM %s)', online) INTO has_rows;
    IF had_rows AND NOT has_rows THEN
        PERFORM etl._fill_online(view, online, history);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._refill_if_empty(etl.feature_view, regclass, regclass) IS
    'Fills an online table that has been emptied, by a crash or by hand: the latest materialisation has left rows.';

CREATE FUNCTION etl._forget_history(view etl.feature_view)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    history regclass := etl._feature_table(view, view.history_table);
    horizon timestamptz := (
        SELECT max(m.as_of) - view.keep_history FROM etl.feature_materialization AS m
        WHERE m.view_id = view.view_id AND m.owner = current_user);
BEGIN
    IF horizon IS NULL THEN
        RETURN 0;
    END IF;
    DELETE FROM etl.feature_materialization AS m
    WHERE m.view_id = view.view_id AND m.owner = current_user AND m.as_of < horizon;
    RETURN etl._locked_command(format($query$
        DELETE FROM %1$s AS h
        WHERE h.as_of <= $1 AND (NOT h.present OR EXISTS (
            SELECT FROM %1$s AS n
            WHERE %2$s AND n.as_of <= $1 AND (n.as_of, n.created_at) > (h.as_of, h.created_at)))
        $query$, history, etl._entity_condition(history, view.entity, 'n.%1$I', 'h.%1$I')), horizon);
END
$$;
COMMENT ON FUNCTION etl._forget_history(etl.feature_view) IS
    'Deletes the states that were superseded longer ago than the view keeps them, and returns how many.';
