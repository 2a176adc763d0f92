-- The command of etl.load_deduplicated: one statement does a round.
--
-- The source is read once, its own duplicates fall out, what is left is compared with the table as it is now; new keys
-- are inserted, winners that differ are locked in the order of their keys, so that two loads do not wait for each
-- other in a circle, and updated. PostgreSQL looks at the newest version of a row when it updates it, and DO NOTHING
-- passes over a key that another session has inserted meanwhile. Rows that were overtaken in one of these ways are
-- returned, in parts, so that their number has no limit.

CREATE TYPE etl._load_round AS (
    inserted bigint, updated bigint, unchanged bigint, ignored bigint, null_keys bigint, overtaken jsonb
);
COMMENT ON TYPE etl._load_round IS
    'What one round of etl.load_deduplicated has done; rows whose key is NULL; and rows that were overtaken.';

CREATE TYPE etl._load AS (
    target regclass, keys name[], keep text, order_by name, given name[], settable name[], by_index oid
);
COMMENT ON TYPE etl._load IS
    'A checked call of etl.load_deduplicated: the columns that the source gives, those of them that an update may '
    'set, and the unique index over the keys.';

-- Pieces of the command -----------------------------------------------------------------------------------------------

CREATE FUNCTION etl._length_check(target regclass, column_name name)
RETURNS TABLE(call text, type text, modifier int, is_array bool)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- Through domains and arrays, down to the type whose length it is.
    WITH RECURSIVE layer(depth, type, modifier, is_array) AS (
        SELECT 0, a.atttypid, a.atttypmod, false FROM pg_attribute AS a
        WHERE a.attrelid = target AND a.attname = column_name AND a.attnum > 0
        UNION ALL
        SELECT l.depth + 1, CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.typelem END,
               CASE t.typtype WHEN 'd' THEN t.typtypmod ELSE l.modifier END, l.is_array OR t.typtype <> 'd'
        FROM layer AS l JOIN pg_type AS t ON t.oid = l.type
        WHERE t.typtype = 'd' OR t.typsubscript = 'array_subscript_handler'::regproc
    )
    SELECT format('%I.%I', n.nspname, p.proname), format_type(l.type, -1), l.modifier, l.is_array
    FROM (SELECT * FROM layer ORDER BY depth DESC LIMIT 1) AS l
    JOIN pg_cast AS c ON c.castsource = l.type AND c.casttarget = l.type
    JOIN pg_proc AS p ON p.oid = c.castfunc
    JOIN pg_namespace AS n ON n.oid = p.pronamespace
    WHERE l.modifier >= 0 AND p.pronargs = 3
$$;
COMMENT ON FUNCTION etl._length_check(regclass, name) IS
    'The function that holds a column''s values, or the elements of its arrays, to their length and can tell an '
    'assignment, which refuses what is too long, from a cast, which cuts it; the type that it takes, and the length '
    'as a type modifier. No row where there is none: of such types both do the same.';

CREATE FUNCTION etl._as_stored(target regclass, column_name name, value text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
               WHEN c.is_array THEN format('CASE WHEN (SELECT count(%s(e, %s, false)) FROM unnest(%s::%s[]) AS e) >= 0 '
                                           'THEN %3$s::%5$s END', c.call, c.modifier, value, c.type, a.type)
               WHEN c.call IS NOT NULL THEN format('%s(%s::%s, %s, false)::%s', c.call, value, c.type, c.modifier,
                                                   a.type)
               ELSE format('%s::%s', value, a.type)
           END
           || CASE WHEN a.attcollation <> 0 THEN format(' COLLATE %s', a.attcollation::regcollation) ELSE '' END
    FROM (
        SELECT attcollation, format_type(atttypid, atttypmod) FROM pg_attribute
        WHERE attrelid = target AND attname = column_name AND attnum > 0
    ) AS a(attcollation, type)
    LEFT JOIN etl._length_check(target, column_name) AS c ON true
$$;
COMMENT ON FUNCTION etl._as_stored(regclass, name, text) IS
    'Expression that makes of a value what the column would store, to be compared as the column''s values are. What '
    'is too long is refused, as in an assignment.';

CREATE FUNCTION etl._key_collation(by_index oid, column_name name)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format(' COLLATE %I.%I', n.nspname, c.collname)
    FROM pg_index AS i
    CROSS JOIN LATERAL unnest(i.indkey::int2[], i.indcollation::oid[]) AS k(attnum, compared_by)
    JOIN pg_attribute AS col ON col.attrelid = i.indrelid AND col.attnum = k.attnum
    JOIN pg_collation AS c ON c.oid = k.compared_by
    JOIN pg_namespace AS n ON n.oid = c.collnamespace
    WHERE i.indexrelid = by_index AND col.attname = column_name
$$;
COMMENT ON FUNCTION etl._key_collation(oid, name) IS
    'The COLLATE by which an index compares a column; NULL where its type has none, or it is no key of the index.';

CREATE FUNCTION etl._same_key(by_index oid, a text, b text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- The operators of the index: the types of extensions have theirs in other schemas.
    SELECT string_agg(format('%1$s.%3$I OPERATOR(%4$I.%5$s) %2$s.%3$I%6$s', a, b, col.attname, n.nspname, o.oprname,
                             CASE WHEN k.compared_by <> col.attcollation
                                  THEN etl._key_collation(by_index, col.attname) END),
                      ' AND ' ORDER BY k.number)
    FROM pg_index AS i
    CROSS JOIN LATERAL unnest(i.indkey::int2[], i.indclass::oid[], i.indcollation::oid[])
        WITH ORDINALITY AS k(attnum, class, compared_by, number)
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
    -- The operator of the type's default order: the types of extensions have theirs in other schemas.
    SELECT format('%1$s.%3$I OPERATOR(%4$s) %2$s.%3$I', a, b, column_name, coalesce((
        SELECT format('%I.%s', n.nspname, o.oprname)
        FROM pg_attribute AS col
        JOIN pg_opclass AS c ON c.opcintype = etl._base_type(col.atttypid) AND c.opcdefault
        JOIN pg_am AS am ON am.oid = c.opcmethod AND am.amname = 'btree'
        JOIN pg_amop AS m ON m.amopfamily = c.opcfamily AND m.amopstrategy = 1 AND m.amoplefttype = c.opcintype
                         AND m.amoprighttype = c.opcintype
        JOIN pg_operator AS o ON o.oid = m.amopopr
        JOIN pg_namespace AS n ON n.oid = o.oprnamespace
        WHERE col.attrelid = target AND col.attname = column_name), 'pg_catalog.<'))
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
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    -- What arrives comes after what is there: of equal rows the last is the new one, and the first the old one.
    SELECT CASE load.keep
               WHEN 'last' THEN later
               WHEN 'first' THEN earlier
               ELSE format('(%1$s < %2$s OR %1$s = %2$s AND %3$s)', etl._null_count_of(load.given, s),
                           etl._null_count_of(load.given, t), later)
           END || coalesce(' AND NOT ' || etl._held_condition(load.target, t), '')
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
    'Condition that the arriving row (alias s) is to be kept rather than the row in the table (alias t). It is not '
    'where a legal hold stands on the latter.';

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
LANGUAGE sql VOLATILE
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

CREATE FUNCTION etl._load_overtaken(load etl._load, is_new name, is_update name, part_bytes bigint)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format($query$WITH overtaken AS MATERIALIZED (
                SELECT etl._row_as_json(l.*) AS taken FROM (
                    SELECT %s FROM compared AS s
                    WHERE (SELECT sent FROM counted) > (SELECT count(*) FROM done)
                      AND (s.%I OR s.%I) AND NOT EXISTS (SELECT FROM done AS t WHERE %s)
                    ORDER BY %s
                ) AS l
            )
            SELECT jsonb_agg(m.taken) AS rows FROM (
                SELECT taken, sum(pg_column_size(taken)) OVER (ROWS UNBOUNDED PRECEDING) / %s AS number
                FROM overtaken
            ) AS m GROUP BY m.number ORDER BY m.number$query$,
        etl._column_list(load.given), is_new, is_update, etl._same_key(load.by_index, 't', 's'),
        etl._columns_of(load.keys, 's'), part_bytes)
$$;
COMMENT ON FUNCTION etl._load_overtaken(etl._load, name, name, bigint) IS
    'The part of the command that returns the rows that were neither inserted nor updated, though they were to be: in '
    'the order of their keys, so many bytes at a time. is_new and is_update are the columns that mark the rows to '
    'insert and to update.';

CREATE FUNCTION etl._load_command(load etl._load, query text, part_bytes bigint)
RETURNS text
LANGUAGE sql VOLATILE
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
        ), part AS (
            %18$s
        )
        SELECT ROW(
            (SELECT count(*) FROM inserted), (SELECT count(*) FROM updated), c.unchanged,
            c.loses + r.rows - r.null_keys - c.rows, r.null_keys, p.rows)::etl._load_round
        FROM counted AS c
        CROSS JOIN (SELECT count(*), count(*) FILTER (WHERE %5$s) FROM source) AS r(rows, null_keys)
        LEFT JOIN part AS p ON true
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
        etl._load_update(load, n.is_update),                                                         -- 17
        etl._load_overtaken(load, n.is_new, n.is_update, part_bytes))                                -- 18
    FROM (SELECT etl._free_name(load.target, 'nth'), etl._free_name(load.target, 'is_new'),
                 etl._free_name(load.target, 'is_same'), etl._free_name(load.target, 'is_update'))
        AS n(nth, is_new, is_same, is_update)
$$;
COMMENT ON FUNCTION etl._load_command(etl._load, text, bigint) IS
    'One round of etl.load_deduplicated as a statement that returns an etl._load_round for each part of the rows that '
    'were overtaken, or one without such rows. A part has part_bytes and at most one row more.';
