-- The one command that writes the records of a call of etl.ingest, in the order of their keys, and says of each what
-- became of it. ingest.sql is what calls it.

CREATE FUNCTION etl._ingest_conflict(definition etl.extract, columns name[], held text)
RETURNS text
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format(' ON CONFLICT (%s) ', etl._column_list(definition.key_columns)) || CASE
        WHEN definition.write_mode = 'append' OR settable = '{}' THEN 'DO NOTHING'
        ELSE format('DO UPDATE SET %s WHERE record_image_ne(ROW(%s), ROW(%s))%s',
                    (SELECT string_agg(format('%1$I = excluded.%1$I', c), ', ') FROM unnest(settable) AS c),
                    etl._columns_of(settable, 't'), etl._columns_of(settable, 'excluded'),
                    ' AND NOT ' || held)
        END
    FROM (SELECT ARRAY(SELECT c FROM unnest(columns) AS c WHERE c <> ALL (definition.key_columns))) AS s(settable)
    WHERE definition.key_columns IS NOT NULL
$$;
COMMENT ON FUNCTION etl._ingest_conflict(etl.extract, name[], text) IS
    'What becomes of a record whose key is in the table already; NULL where there is no key. held: the condition '
    'that a legal hold stands on the row (alias t), or NULL.';

CREATE FUNCTION etl._ingest_broken(definition etl.extract, columns name[], alias text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN definition.source ? 'suite'
        THEN format('(SELECT etl.violations(%L, r) FROM (SELECT %s) AS r)', definition.source ->> 'suite', (
            SELECT string_agg(CASE WHEN a.attname = ANY (columns) THEN format('%s.%I', alias, a.attname)
                                   ELSE format('NULL::%s AS %I', format_type(a.atttypid, a.atttypmod), a.attname) END,
                              ', ' ORDER BY a.attnum)
            FROM pg_attribute AS a
            WHERE a.attrelid = definition.target::regclass AND a.attnum > 0 AND NOT a.attisdropped))
        ELSE $sql$'{}'::text[]$sql$ END
$$;
COMMENT ON FUNCTION etl._ingest_broken(etl.extract, name[], text) IS
    'Expression for the expectations of the source''s suite that a row breaks. Columns without a rule are NULL there.';

CREATE FUNCTION etl._ingest_verdict_of(definition etl.extract, written name, nth name)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- The command does not see what it has written itself.
    SELECT CASE
        WHEN definition.key_columns IS NULL
            THEN $sql$WHEN (SELECT count(*) FROM written) <> (SELECT count(*) FROM good) THEN 'held back'
                      ELSE 'inserted'$sql$
        ELSE format($sql$WHEN w.%1$I AND %4$L AND EXISTS (SELECT FROM %2$s AS t WHERE %3$s) THEN 'updated'
                         WHEN w.%1$I THEN 'inserted'
                         WHEN g.%5$I > 1 OR EXISTS (SELECT FROM %2$s AS t WHERE %3$s) THEN 'duplicate'
                         ELSE 'held back'$sql$,
                    written, definition.target,
                    etl._same_key(etl._key_index(definition.target::regclass, definition.key_columns), 't', 'g'),
                    definition.write_mode = 'upsert', nth)
        END
$$;
COMMENT ON FUNCTION etl._ingest_verdict_of(etl.extract, name, name) IS
    'The branches of a CASE for the verdict of a good record (alias g); written is the column of what the command '
    'has written (alias w), nth that of how many of the same key come before it. Held back: its key is not there, '
    'before or by the command.';

CREATE FUNCTION etl._ingest_columns(definition etl.extract, OUT names name[], OUT list text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- Keys are compared as their index does it: by its collation 'a' and 'A' may be the same one.
    SELECT array_agg(m.name ORDER BY m.number),
           string_agg(format('%I %s%s', m.name, m.type, CASE WHEN m.name = ANY (definition.key_columns) THEN
               etl._key_collation(etl._key_index(definition.target::regclass, definition.key_columns), m.name) END),
               ', ' ORDER BY m.number)
    FROM etl._mapped_columns(definition.target::regclass, definition.mapping)
        WITH ORDINALITY AS m(name, type, expression, number)
$$;
COMMENT ON FUNCTION etl._ingest_columns(etl.extract) IS
    'The columns that a source fills, and the list of them for etl._map_records.';

CREATE FUNCTION etl._ingest_order(definition etl.extract, target regclass, records text[])
RETURNS integer[]
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    places integer[];
BEGIN
    EXECUTE format('SELECT array_agg(%1$I ORDER BY %2$s%1$I)
                    FROM etl._map_records($1, $2, $3) AS m(%1$I integer, %3$I jsonb, %4$s)',
                   etl._free_name(target, 'ordinal'), etl._column_list(definition.key_columns) || ', ',
                   etl._free_name(target, 'record'), (etl._ingest_columns(definition)).list)
    INTO places USING records, target, definition.mapping;
    RETURN places;
END
$$;
COMMENT ON FUNCTION etl._ingest_order(etl.extract, regclass, text[]) IS
    'The places of the records that map, in the order of their keys.';

CREATE FUNCTION etl._ingest_command(definition etl.extract, held text)
RETURNS text
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
SET jit = off -- catalog queries, which take a fraction of what compiling them would
AS $$
    SELECT format($query$
        WITH judged AS MATERIALIZED (
            SELECT m.*, %1$s AS %2$I
            FROM etl._map_records($1, %3$L::regclass, %4$L, $2, $3) AS m(%5$I integer, %6$I jsonb, %7$s)
        ), good AS MATERIALIZED (
            SELECT j.*, %8$s AS %9$I FROM judged AS j WHERE j.%2$I = '{}' AND NOT (%10$s)
        ), written AS (
            INSERT INTO %3$s AS t (%11$s) SELECT %11$s FROM good WHERE %9$I = 1 ORDER BY %12$s%13$s
            RETURNING %14$strue AS %6$I
        )
        SELECT array_agg(ROW(j.%5$I, v.verdict,
            CASE WHEN v.verdict = 'rejected' AND j.%2$I = '{}' THEN %15$L END,
            CASE WHEN v.verdict <> 'rejected' THEN NULL WHEN j.%2$I = '{}' THEN 'a key column is NULL'
                 ELSE 'the row breaks ' || array_to_string(j.%2$I, ', ') END,
            CASE WHEN v.verdict = 'rejected' THEN CASE j.%2$I WHEN '{}' THEN '23502' ELSE '23514' END END
            )::etl._ingest_verdict)
        FROM judged AS j
        LEFT JOIN good AS g ON g.%5$I = j.%5$I
        %16$s
        CROSS JOIN LATERAL (SELECT CASE WHEN g.%5$I IS NULL THEN 'rejected' %17$s END) AS v(verdict)
        $query$,
        etl._ingest_broken(definition, c.names, 'm'),                                                -- 1
        n.broken,                                                                                    -- 2
        definition.target,                                                                           -- 3
        definition.mapping,                                                                          -- 4
        n.ordinal,                                                                                   -- 5
        n.written,                                                                                   -- 6
        c.list,                                                                                      -- 7
        CASE WHEN keys IS NULL THEN '1'
             ELSE format('row_number() OVER (PARTITION BY %s ORDER BY %I %s)', keys, n.ordinal,
                         CASE definition.write_mode WHEN 'append' THEN 'ASC' ELSE 'DESC' END) END,   -- 8
        n.nth,                                                                                       -- 9
        coalesce((SELECT string_agg(format('j.%I IS NOT DISTINCT FROM NULL', k), ' OR ')
                  FROM unnest(definition.key_columns) AS k), 'false'),                               -- 10
        etl._column_list(c.names),                                                                   -- 11
        coalesce(keys, quote_ident(n.ordinal)),                                                      -- 12
        etl._ingest_conflict(definition, c.names, held),                                             -- 13
        etl._columns_of(definition.key_columns, 't') || ', ',                                        -- 14
        CASE cardinality(definition.key_columns) WHEN 1 THEN definition.key_columns[1] END,          -- 15
        CASE WHEN keys IS NOT NULL
             THEN format('LEFT JOIN written AS w ON g.%I = 1 AND %s', n.nth, etl._same_key(
                 etl._key_index(definition.target::regclass, definition.key_columns), 'w', 'g')) END, -- 16
        etl._ingest_verdict_of(definition, n.written, n.nth))                                               -- 17
    FROM etl._ingest_columns(definition) AS c
    CROSS JOIN etl._column_list(definition.key_columns) AS keys
    CROSS JOIN (
        SELECT etl._free_name(t, 'broken'), etl._free_name(t, 'ordinal'), etl._free_name(t, 'written'),
               etl._free_name(t, 'nth')
        FROM CAST(definition.target AS regclass) AS t
    ) AS n(broken, ordinal, written, nth)
$$;
COMMENT ON FUNCTION etl._ingest_command(etl.extract, text) IS
    'The command that writes the records $1 with the ordinals $2 to $3 and returns an array of verdicts.';

CREATE FUNCTION etl._ingest_change(
    definition etl.extract, target regclass, records text[], first integer, last integer, held text)
RETURNS etl._ingest_verdict[]
LANGUAGE C VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'etl_ingest_change';
COMMENT ON FUNCTION etl._ingest_change(etl.extract, regclass, text[], integer, integer, text) IS
    'Writes the records with these ordinals and returns their verdicts. The session keeps the plan of the command '
    'until the source, its table or the holds on it change.';
