-- etl.load_deduplicated: an idempotent upsert that counts what it did.
--
-- The table ends as if the rows of the source had been appended to it and etl.dedupe had been called with the same
-- keys, keep and order_by: of each key stays the row that wins. What is no change is not written.
--
-- One statement (etl._load_command) does a round: the source is read once, its own duplicates fall out, what is left is
-- compared with the table as it is now; new keys are inserted, winners that differ are locked in the order of their
-- keys, so that two loads do not wait for each other in a circle, and updated. PostgreSQL looks at the newest version
-- of a row when it updates it, and DO NOTHING passes over a key that another session has inserted meanwhile. Rows that
-- were overtaken in one of these ways come back, and the next round compares them with what is there now. So the counts
-- are exact, also beside other writers, and every one of them comes from what a command has done.

CREATE TYPE etl._load_round AS (
    inserted bigint, updated bigint, unchanged bigint, ignored bigint, null_keys bigint, overtaken jsonb
);
COMMENT ON TYPE etl._load_round IS
    'What one round of etl.load_deduplicated has done; rows whose key is NULL; and the rows that were overtaken.';

CREATE TYPE etl._load AS (
    target regclass, keys name[], keep text, order_by name, given name[], settable name[], by_index oid
);
COMMENT ON TYPE etl._load IS
    'A checked call of etl.load_deduplicated: the columns that the source gives, those of them that an update may set, '
    'and the unique index over the keys.';

-- Checks of arguments -------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._load_query(source text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF source IS NULL OR source ~ '^\s*$' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'no source was given',
            HINT = 'Give a query, or the name of a table with its schema.';
    ELSIF source ~* '^\s*(select|with|values|table)\M' OR source ~ '^\s*(\(|--|/\*)' THEN
        RETURN regexp_replace(source, '[\s;]+$', '');
    END IF;
    RETURN 'TABLE ' || source::regclass;
END
$$;
COMMENT ON FUNCTION etl._load_query(text) IS
    'A query as it is, and for the name of a table the query of its rows. 42P01 where there is no such table.';

CREATE FUNCTION etl._key_index(target regclass, keys name[])
RETURNS oid
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found oid := (
        SELECT i.indexrelid FROM pg_index AS i
        WHERE i.indrelid = target AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL
          AND i.indexprs IS NULL AND i.indnkeyatts = cardinality(keys)
          AND NOT EXISTS (
              SELECT FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, number)
              JOIN pg_attribute AS a ON a.attrelid = target AND a.attnum = k.attnum
              WHERE k.number <= i.indnkeyatts AND a.attname <> ALL (keys))
        ORDER BY i.indisprimary DESC, i.indexrelid
        LIMIT 1);
BEGIN
    IF etl._is_inherited(target) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'wrong_object_type',
            MESSAGE = format('other tables inherit from table "%s"', target),
            DETAIL = 'No index can make a key unique in all of them.',
            HINT = 'Load into a partitioned table, or into each of the tables.';
    ELSIF found IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_column_reference',
            MESSAGE = format('table "%s" has no unique index on (%s)', target, etl._column_list(keys)),
            DETAIL = 'Without one, two loads at once could both insert a row with the same key.',
            HINT = format('CREATE UNIQUE INDEX ON %s (%s);', target, etl._column_list(keys));
    END IF;
    RETURN found;
END
$$;
COMMENT ON FUNCTION etl._key_index(regclass, name[]) IS
    'The unique index over exactly these columns, in any order, that ON CONFLICT can use. 42P10 where there is none, '
    '42809 where other tables than partitions inherit from this one.';

CREATE FUNCTION etl._require_source_columns(target regclass, given name[], needed name[])
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    unknown text;
    twice name := (SELECT g FROM unnest(given) AS g GROUP BY g HAVING count(*) > 1 LIMIT 1);
    missing text;
BEGIN
    SELECT string_agg(quote_ident(g), ', ' ORDER BY g) INTO unknown FROM unnest(given) AS g
    WHERE NOT EXISTS (SELECT FROM pg_attribute AS a
                      WHERE a.attrelid = target AND a.attname = g AND a.attnum > 0 AND NOT a.attisdropped);
    SELECT string_agg(quote_ident(n), ', ') INTO missing FROM unnest(needed) AS n WHERE n <> ALL (given);
    IF unknown IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_column',
            MESSAGE = format('the source returns columns that table "%s" does not have: %s', target, unknown),
            DETAIL = (SELECT format('The table has columns %s.', string_agg(quote_ident(a.attname), ', '
                                                                            ORDER BY a.attnum))
                      FROM pg_attribute AS a WHERE a.attrelid = target AND a.attnum > 0 AND NOT a.attisdropped),
            HINT = 'Leave them out of the query, or name them after columns of the table with AS.';
    ELSIF twice IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'duplicate_column',
            MESSAGE = format('the source returns column "%s" twice', twice),
            HINT = 'Name each column once.';
    ELSIF missing IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_column',
            MESSAGE = format('the source does not return %s', missing),
            DETAIL = format('It returns %s.', etl._column_list(given)),
            HINT = 'The columns of keys and order_by must be among the columns of the source.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_source_columns(regclass, name[], name[]) IS
    'Checks that what the source returns are columns of the table (42703), each once (42701), and that those which are '
    'needed are among them (42703).';

CREATE FUNCTION etl._check_load(
    query text, target regclass, keys name[], keep text, order_by name, dry_run bool)
RETURNS etl._load
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET jit = off -- catalog queries, which take a fraction of what compiling them would
AS $$
DECLARE
    made etl._load;
    given name[];
BEGIN
    PERFORM etl._require_flag(dry_run, 'dry_run');
    PERFORM etl._require_table(target, ARRAY['SELECT', 'INSERT', 'UPDATE']);
    PERFORM etl._require_no_foreign_children(target);
    PERFORM etl._require_keys(target, keys);
    PERFORM etl._require_keep(keep);
    IF order_by IS NOT NULL THEN
        PERFORM etl._require_ordering(target, order_by, 'order_by column');
    END IF;
    given := ARRAY(SELECT q.name FROM etl._query_columns(query) AS q);
    PERFORM etl._require_source_columns(target, given, keys || order_by);
    made := (target, keys, keep, order_by, NULL, NULL, etl._key_index(target, keys));
    -- The table computes its generated columns, and an identity that it always makes cannot be updated.
    SELECT array_agg(a.attname ORDER BY a.attnum),
           coalesce(array_agg(a.attname ORDER BY a.attnum)
                        FILTER (WHERE a.attname <> ALL (keys) AND a.attidentity <> 'a'), '{}')
    INTO made.given, made.settable
    FROM pg_attribute AS a
    WHERE a.attrelid = target AND a.attname = ANY (given) AND a.attnum > 0 AND a.attgenerated = '';
    RETURN made;
END
$$;
COMMENT ON FUNCTION etl._check_load(text, regclass, name[], text, name, bool) IS
    'Checks the arguments of etl.load_deduplicated; the query is planned and not run.';

-- Pieces of the command -----------------------------------------------------------------------------------------------

CREATE FUNCTION etl._as_stored(target regclass, column_name name, value text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- The length that the column has is enforced as an assignment does it: what is too long is refused, not cut.
    SELECT CASE
               WHEN a.atttypmod < 0 THEN base
               WHEN p.pronargs = 3 THEN format('%I.%I(%s, %s, false)', n.nspname, p.proname, base, a.atttypmod)
               WHEN p.pronargs = 2 THEN format('%I.%I(%s, %s)', n.nspname, p.proname, base, a.atttypmod)
               ELSE format('%s::%s', value, format_type(a.atttypid, a.atttypmod))
           END
           || CASE WHEN a.attcollation <> 0 THEN format(' COLLATE %s', a.attcollation::regcollation) ELSE '' END
    FROM pg_attribute AS a
    CROSS JOIN LATERAL (SELECT format('%s::%s', value, format_type(a.atttypid, NULL))) AS b(base)
    LEFT JOIN pg_cast AS c ON c.castsource = a.atttypid AND c.casttarget = a.atttypid
    LEFT JOIN pg_proc AS p ON p.oid = c.castfunc
    LEFT JOIN pg_namespace AS n ON n.oid = p.pronamespace
    WHERE a.attrelid = target AND a.attname = column_name AND a.attnum > 0
$$;
COMMENT ON FUNCTION etl._as_stored(regclass, name, text) IS
    'Expression that makes of a value what the column would store, to be compared as the column''s values are.';

CREATE FUNCTION etl._same_key(by_index oid, a text, b text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- The operators of the index: the types of extensions have theirs in other schemas.
    SELECT string_agg(format('%1$s.%3$I OPERATOR(%4$I.%5$s) %2$s.%3$I', a, b, col.attname, n.nspname, o.oprname),
                      ' AND ' ORDER BY k.number)
    FROM pg_index AS i
    CROSS JOIN LATERAL unnest(i.indkey::int2[], i.indclass::oid[]) WITH ORDINALITY AS k(attnum, class, number)
    JOIN pg_attribute AS col ON col.attrelid = i.indrelid AND col.attnum = k.attnum
    JOIN pg_opclass AS c ON c.oid = k.class
    JOIN pg_amop AS m ON m.amopfamily = c.opcfamily AND m.amopstrategy = 3 AND m.amoplefttype = c.opcintype
                     AND m.amoprighttype = c.opcintype
    JOIN pg_operator AS o ON o.oid = m.amopopr
    JOIN pg_namespace AS n ON n.oid = o.oprnamespace
    WHERE i.indexrelid = by_index AND k.number <= i.indnkeyatts
$$;
COMMENT ON FUNCTION etl._same_key(oid, text, text) IS
    'Condition that the rows under two aliases have the same key by a unique B-tree index.';

CREATE FUNCTION etl._comes_before(target regclass, column_name name, a text, b text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('%1$s.%3$I OPERATOR(%4$I.<) %2$s.%3$I', a, b, column_name, coalesce((
        SELECT n.nspname
        FROM pg_attribute AS col
        JOIN pg_opclass AS c ON c.opcintype = etl._base_type(col.atttypid) AND c.opcdefault
        JOIN pg_am AS am ON am.oid = c.opcmethod AND am.amname = 'btree'
        JOIN pg_amop AS m ON m.amopfamily = c.opcfamily AND m.amopstrategy = 1 AND m.amoplefttype = c.opcintype
                         AND m.amoprighttype = c.opcintype
        JOIN pg_operator AS o ON o.oid = m.amopopr AND o.oprname = '<'
        JOIN pg_namespace AS n ON n.oid = o.oprnamespace
        WHERE col.attrelid = target AND col.attname = column_name), 'pg_catalog'))
$$;
COMMENT ON FUNCTION etl._comes_before(regclass, name, text, text) IS
    'Condition that the value of a column under one alias is less than under another, as ORDER BY has it.';

CREATE FUNCTION etl._null_count_of(columns name[], alias text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(format('num_nulls(%s)', names), ' + ' ORDER BY part)
    FROM (
        SELECT number / 50, string_agg(format('%s%I', alias || '.', name), ', ' ORDER BY number)
        FROM unnest(columns) WITH ORDINALITY AS c(name, number) GROUP BY number / 50
    ) AS parts(part, names)
$$;
COMMENT ON FUNCTION etl._null_count_of(name[], text) IS 'Expression that counts the NULLs among columns of an alias.';

CREATE FUNCTION etl._arrival_wins(load etl._load, t text, s text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- What arrives comes after what is there: of equal rows the last is the new one, and the first the old one.
    SELECT CASE load.keep
               WHEN 'last' THEN later
               WHEN 'first' THEN earlier
               ELSE format('(%1$s < %2$s OR %1$s = %2$s AND %3$s)', etl._null_count_of(load.given, s),
                           etl._null_count_of(load.given, t), later)
           END
    FROM (
        SELECT coalesce(format('(%1$s.%3$I IS NOT DISTINCT FROM NULL OR %2$s.%3$I IS DISTINCT FROM NULL AND NOT %4$s)',
                               t, s, load.order_by, etl._comes_before(load.target, load.order_by, s, t)), 'true'),
               coalesce(format('(%2$s.%3$I IS DISTINCT FROM NULL AND (%1$s.%3$I IS NOT DISTINCT FROM NULL OR %4$s))',
                               t, s, load.order_by, etl._comes_before(load.target, load.order_by, s, t)), 'false')
        WHERE load.order_by IS NOT NULL
        UNION ALL
        SELECT 'true', 'false' WHERE load.order_by IS NULL
    ) AS sides(later, earlier)
$$;
COMMENT ON FUNCTION etl._arrival_wins(etl._load, text, text) IS
    'Condition that the arriving row (alias s) is to be kept rather than the row in the table (alias t).';

CREATE FUNCTION etl._columns_of(columns name[], alias text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(format('%s.%I', alias, name), ', ' ORDER BY number)
    FROM unnest(columns) WITH ORDINALITY AS c(name, number)
$$;
COMMENT ON FUNCTION etl._columns_of(name[], text) IS 'Quoted columns of an alias with commas between them.';

CREATE FUNCTION etl._arrival_differs(load etl._load, t text, s text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- By the bytes that are stored: 1.0 and 1.00 are different here, and types without an equality are compared too.
    SELECT CASE WHEN load.settable = '{}' THEN 'false'
           ELSE format('record_image_ne(ROW(%s), ROW(%s))', etl._columns_of(load.settable, t),
                       etl._columns_of(load.settable, s)) END
$$;
COMMENT ON FUNCTION etl._arrival_differs(etl._load, text, text) IS
    'Condition that an update would change the row.';

CREATE FUNCTION etl._survivor_order(load etl._load, nth name)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT concat_ws(', ', etl._column_list(load.keys),
        CASE WHEN load.keep = 'most_complete' THEN etl._null_count_of(load.given, 'source') END,
        CASE WHEN load.order_by IS NOT NULL THEN format('%I %s NULLS LAST', load.order_by, direction) END,
        format('%I %s', nth, direction))
    FROM (SELECT CASE load.keep WHEN 'first' THEN 'ASC' ELSE 'DESC' END) AS d(direction)
$$;
COMMENT ON FUNCTION etl._survivor_order(etl._load, name) IS
    'What stands after ORDER BY so that of the source''s rows with one key the one to keep is the first; nth is the '
    'column with their numbers.';

-- A round -------------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._load_update(load etl._load, is_update name)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN load.settable = '{}'
        THEN format('SELECT %s FROM compared AS s WHERE false', etl._columns_of(load.keys, 's'))
        ELSE format($query$UPDATE %1$s AS t SET %2$s
            FROM (
                SELECT s.* FROM compared AS s JOIN %1$s AS t ON %3$s WHERE s.%4$I ORDER BY %5$s FOR NO KEY UPDATE OF t
            ) AS s
            WHERE %3$s AND %6$s AND %7$s
            RETURNING %5$s$query$,
            load.target,
            (SELECT string_agg(format('%1$I = s.%1$I', c), ', ') FROM unnest(load.settable) AS c),
            etl._same_key(load.by_index, 't', 's'), is_update, etl._columns_of(load.keys, 's'),
            etl._arrival_wins(load, 't', 's'), etl._arrival_differs(load, 't', 's')) END
$$;
COMMENT ON FUNCTION etl._load_update(etl._load, name) IS
    'The part of the command that updates; is_update is the column that marks the rows to update.';

CREATE FUNCTION etl._load_command(load etl._load, query text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off -- catalog queries, which take a fraction of what compiling them would
AS $$
    SELECT format($query$
        WITH source AS MATERIALIZED (
            SELECT row_number() OVER () AS %1$I, %2$s FROM (
%3$s
            ) AS q
        ), survivor AS MATERIALIZED (
            SELECT DISTINCT ON (%4$s) * FROM source WHERE NOT (%5$s) ORDER BY %6$s
        ), compared AS MATERIALIZED (
            SELECT s.*, t.tableoid IS NULL AS %7$I, t.tableoid IS NOT NULL AND NOT %8$s AS %9$I,
                   t.tableoid IS NOT NULL AND %10$s AND %8$s AS %11$I
            FROM survivor AS s LEFT JOIN %12$s AS t ON %13$s
        ), inserted AS (
            INSERT INTO %12$s AS t (%14$s) OVERRIDING SYSTEM VALUE
            SELECT %14$s FROM compared AS s WHERE s.%7$I ORDER BY %15$s
            ON CONFLICT (%4$s) DO NOTHING
            RETURNING %16$s
        ), updated AS (
            %17$s
        ), done AS MATERIALIZED (
            SELECT * FROM inserted UNION ALL SELECT * FROM updated
        ), counted AS (
            SELECT count(*) FILTER (WHERE s.%7$I OR s.%11$I) AS sent, count(*) FILTER (WHERE s.%9$I) AS unchanged,
                   count(*) FILTER (WHERE NOT (s.%7$I OR s.%9$I OR s.%11$I)) AS loses, count(*) AS rows
            FROM compared AS s
        )
        SELECT ROW(
            (SELECT count(*) FROM inserted), (SELECT count(*) FROM updated), c.unchanged,
            c.loses + r.rows - r.null_keys - c.rows, r.null_keys,
            CASE WHEN c.sent > (SELECT count(*) FROM done) THEN (
                SELECT jsonb_agg(etl._row_as_json(l.*)) FROM (
                    SELECT %14$s FROM compared AS s
                    WHERE (s.%7$I OR s.%11$I) AND NOT EXISTS (SELECT FROM done AS t WHERE %13$s)
                ) AS l
            ) END)::etl._load_round
        FROM counted AS c, (SELECT count(*), count(*) FILTER (WHERE %5$s) FROM source) AS r(rows, null_keys)
        $query$,
        n.nth,                                                                                       -- 1
        (SELECT string_agg(format('%s AS %I', etl._as_stored(load.target, g, format('q.%I', g)), g), ', ')
         FROM unnest(load.given) AS g),                                                              -- 2
        query,                                                                                       -- 3
        etl._column_list(load.keys),                                                                 -- 4
        (SELECT string_agg(format('%I IS NOT DISTINCT FROM NULL', k), ' OR ') FROM unnest(load.keys) AS k), -- 5
        etl._survivor_order(load, n.nth),                                                            -- 6
        n.is_new,                                                                                    -- 7
        etl._arrival_differs(load, 't', 's'),                                                        -- 8
        n.is_same,                                                                                   -- 9
        etl._arrival_wins(load, 't', 's'),                                                           -- 10
        n.is_update,                                                                                 -- 11
        load.target,                                                                                 -- 12
        etl._same_key(load.by_index, 't', 's'),                                                      -- 13
        etl._column_list(load.given),                                                                -- 14
        etl._columns_of(load.keys, 's'),                                                             -- 15
        etl._columns_of(load.keys, 't'),                                                             -- 16
        etl._load_update(load, n.is_update))                                                         -- 17
    FROM (SELECT etl._free_name(load.target, 'nth'), etl._free_name(load.target, 'is_new'),
                 etl._free_name(load.target, 'is_same'), etl._free_name(load.target, 'is_update'))
        AS n(nth, is_new, is_same, is_update)
$$;
COMMENT ON FUNCTION etl._load_command(etl._load, text) IS
    'One round of etl.load_deduplicated as a statement that returns an etl._load_round.';

CREATE FUNCTION etl._load_rounds(load etl._load, query text)
RETURNS etl._load_round
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    round etl._load_round := etl._locked_change(etl._load_command(load, query), NULL::etl._load_round, NULL::jsonb);
    total etl._load_round := round;
    again CONSTANT text := etl._load_command(
        load, format('SELECT %s FROM jsonb_populate_recordset(NULL::%s, $1)', etl._column_list(load.given),
                     load.target));
    idle integer := 0;
BEGIN
    WHILE total.null_keys = 0 AND total.overtaken IS NOT NULL AND idle < 3 LOOP
        round := etl._locked_change(again, NULL::etl._load_round, total.overtaken);
        idle := CASE WHEN jsonb_array_length(total.overtaken) = jsonb_array_length(round.overtaken) THEN idle + 1
                     ELSE 0 END;
        total := (total.inserted + round.inserted, total.updated + round.updated, total.unchanged + round.unchanged,
                  total.ignored + round.ignored, 0, round.overtaken);
    END LOOP;
    RETURN total;
END
$$;
COMMENT ON FUNCTION etl._load_rounds(etl._load, text) IS
    'Rounds until no row is overtaken any more. What three rounds in a row could not move is held back by something '
    'else than another session, and left in overtaken.';

-- What users call -----------------------------------------------------------------------------------------------------

CREATE FUNCTION etl.load_deduplicated(
    source text, target regclass, keys name[], keep text DEFAULT 'last', order_by name DEFAULT NULL,
    dry_run bool DEFAULT false)
RETURNS TABLE(inserted bigint, updated bigint, unchanged bigint, ignored bigint)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    query CONSTANT text := etl._load_query(source);
    load CONSTANT etl._load := etl._check_load(query, target, keys, keep, order_by, dry_run);
    done etl._load_round;
    held bigint;
BEGIN
    BEGIN
        done := etl._load_rounds(load, query);
        IF dry_run THEN
            RAISE EXCEPTION USING ERRCODE = 'ETL00', MESSAGE = 'end of the dry run';
        END IF;
    EXCEPTION
        WHEN SQLSTATE 'ETL00' THEN NULL;  -- rolled back, counts kept
    END;
    IF done.null_keys > 0 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'not_null_violation',
            MESSAGE = format('%s %s of the source have NULL in a key column (%s)', done.null_keys,
                             CASE done.null_keys WHEN 1 THEN 'row' ELSE 'rows' END, etl._column_list(keys)),
            DETAIL = 'Such a row equals no other: it would be inserted anew by each load.',
            HINT = 'Leave them out with WHERE … IS NOT NULL, or give them a key with coalesce().';
    END IF;
    held := coalesce(jsonb_array_length(done.overtaken), 0);
    IF held > 0 THEN
        RAISE WARNING USING
            MESSAGE = format('%s rows were not stored in table "%s", and count as ignored', held, target),
            HINT = 'A trigger, a rule or row security held them back.';
    END IF;
    inserted := done.inserted;
    updated := done.updated;
    unchanged := done.unchanged;
    ignored := done.ignored + held;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION etl.load_deduplicated(text, regclass, name[], text, name, bool) IS
    'Loads the rows of a source into a table so that each key stands there once, and counts every row of the source: '
    'inserted (its key was new), updated (it took the place of the table''s row), unchanged (the table''s row has the '
    'same values), ignored (it lost against the table''s row, or against another row of the source). The table ends as '
    'if the rows had been appended and etl.dedupe had been called with the same keys, keep and order_by; a second load '
    'of the same rows changes nothing, and what does not change is not written. source: a SELECT, which is run once, '
    'or the name of a table; names outside pg_catalog need their schema. Columns go by their names; a column of the table '
    'that the source lacks keeps its value or gets its default, and generated columns are computed. Values are cast to '
    'the columns'' types; what is too long is refused. target: an ordinary or partitioned table with a unique index on '
    'exactly the keys; the caller needs SELECT, INSERT and UPDATE. keep: last or first by order_by, or most_complete '
    '(the fewest NULLs among the columns that the source gives, then the last). A NULL in order_by loses against any '
    'value. In a tie, and without order_by, the row that arrives is the later one; within the source the order of its '
    'rows decides. dry_run: does all of it and rolls it back. Errors: 42P10 no unique index, 42703 a column that the '
    'table or the source does not have, 42701 a column given twice, 23502 NULL in a key, 22023 no source, unknown keep '
    'or a NULL argument, 42883 keys or order_by that cannot be compared, 42501 missing privilege, 42809 not a table, '
    '40001 above READ COMMITTED, when another transaction has changed a row; for source the error of its text.';
