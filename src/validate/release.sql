-- The way back from quarantine: etl.release_quarantined judges the rows again and stores those that break nothing.
--
-- Rows are taken in parts of one table, one suite and one set of JSON keys. For each part one statement judges, deletes
-- from quarantine and stores, so that a row is in one of the two places at any time.

CREATE FUNCTION etl._require_released_columns(relation regclass, keys text[])
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    missing text := (
        SELECT k FROM unnest(keys) AS k
        WHERE NOT EXISTS (SELECT FROM pg_attribute AS a
                          WHERE a.attrelid = relation AND a.attname = k AND a.attnum > 0 AND NOT a.attisdropped)
        ORDER BY k LIMIT 1);
BEGIN
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_column',
            MESSAGE = format('quarantined rows have "%s", and table "%s" has no such column', missing, relation),
            DETAIL = (SELECT format('The table has columns %s.', string_agg(a.attname, ', ' ORDER BY a.attnum))
                      FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped),
            HINT = format('UPDATE etl.quarantined_rows SET "row" = "row" - %L WHERE relation = %L; leaves it out.',
                          missing, etl._relation_name(relation));
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_released_columns(regclass, text[]) IS
    'Raises (42703) when a table lacks what quarantined rows have.';

CREATE FUNCTION etl._is_json(type regtype)
RETURNS bool
LANGUAGE sql STABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
    WITH RECURSIVE base(type) AS (
        SELECT type::oid
        UNION ALL
        SELECT t.typbasetype FROM base AS b JOIN pg_type AS t ON t.oid = b.type WHERE t.typtype = 'd'
    )
    SELECT bool_or(b.type IN ('json'::regtype, 'jsonb'::regtype)) FROM base AS b
$$;
COMMENT ON FUNCTION etl._is_json(regtype) IS 'Whether a type is json or jsonb, or a domain over one of them.';

CREATE FUNCTION etl._released_values(relation regclass, keys text[])
RETURNS TABLE (number int2, name text, "value" text, source text, generated text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH live AS (
        SELECT a.attnum, quote_ident(a.attname) AS name, format_type(a.atttypid, a.atttypmod) AS type,
               a.attname = ANY (keys) AS given, a.attgenerated <> '' AS is_generated,
               etl._is_json(a.atttypid) AS is_json,
               coalesce(pg_get_expr(d.adbin, d.adrelid), pg_get_expr(t.typdefaultbin, 0)) AS expression,
               CASE WHEN a.attcollation <> t.typcollation THEN format(' COLLATE %s', a.attcollation::regcollation)
                    ELSE '' END AS collated
        FROM pg_attribute AS a
        JOIN pg_type AS t ON t.oid = a.atttypid
        LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
    )
    SELECT attnum, name,
           CASE WHEN is_generated THEN NULL
                WHEN given THEN format('j.%s::%s%s', name, type, collated)
                ELSE format('(%s)::%s%s', coalesce(expression, 'NULL'), type, collated) END,
           CASE WHEN given AND NOT is_generated
                THEN format('%s %s', name, CASE WHEN is_json THEN 'text' ELSE type END) END,
           CASE WHEN is_generated THEN expression END
    FROM live
$$;
COMMENT ON FUNCTION etl._released_values(regclass, text[]) IS
    'The columns of a table for rows from JSON with the given keys: the value, which is that of the JSON (j) or the '
    'default, and how the JSON is read; or the expression of a generated column.';

CREATE FUNCTION etl._released_row(relation regclass, keys text[])
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- Not jsonb_populate_record: that wants values of domains that are not null for what the JSON lacks.
    SELECT format(
        'SELECT ROW(%s)::%s AS r FROM (SELECT %s FROM %s) AS s',
        string_agg(coalesce('(' || v.generated || ')', 's.' || v.name), ', ' ORDER BY v.number),
        relation,
        string_agg(v."value" || ' AS ' || v.name, ', ' ORDER BY v.number),
        coalesce('jsonb_to_record(p."row") AS j (' || string_agg(v.source, ', ' ORDER BY v.number) || ')',
                 '(SELECT p."row") AS j'))
    FROM etl._released_values(relation, keys) AS v
$$;
COMMENT ON FUNCTION etl._released_row(regclass, text[]) IS
    'A query for the row (r) that the JSON p."row" with the given keys is in the table: columns that the JSON lacks '
    'have their defaults, generated columns are computed.';

CREATE FUNCTION etl._released_key(
    relation regclass, keys text[], OUT conflict text, OUT columns int2[], OUT latest text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    parts text;
BEGIN
    SELECT format('ON CONFLICT ON CONSTRAINT %I', c.conname), c.conkey INTO conflict, columns
    FROM pg_constraint AS c WHERE c.conrelid = relation AND c.contype = 'p';
    IF conflict IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('table "%s" has no primary key', relation),
            DETAIL = 'overwrite replaces the row that has the same primary key.',
            HINT = 'Leave overwrite out, or add a primary key.';
    END IF;
    -- A key that the table numbers by itself is nobody else's.
    SELECT string_agg(format('(g.r).%I', a.attname), ', ')
        FILTER (WHERE NOT EXISTS (SELECT FROM pg_attribute AS own
                                  WHERE own.attrelid = relation AND own.attnum = ANY (columns)
                                    AND own.attidentity <> '' AND own.attname <> ALL (keys)))
        INTO parts
    FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attnum = ANY (columns);
    latest := 'SELECT DISTINCT ON (' || parts || ') g.quarantine_id, g.r FROM gone AS g ORDER BY ' || parts
              || ', g.quarantine_id DESC';
END
$$;
COMMENT ON FUNCTION etl._released_key(regclass, text[]) IS
    'The primary key of a table (55000 without one) for rows from JSON with the given keys: the ON CONFLICT that it '
    'decides, its columns, and, where the rows say them, a query for the latest row of each key of the CTE "gone".';

CREATE FUNCTION etl._released_columns(
    relation regclass, keys text[], overwrite bool,
    OUT names text, OUT "values" text, OUT conflict text, OUT latest text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    key record;
    changes text;
BEGIN
    IF overwrite THEN
        key := etl._released_key(relation, keys);
    ELSE
        SELECT '' AS conflict, '{}'::int2[] AS columns, NULL::text AS latest INTO key;
    END IF;
    -- What the row does not say and the table fills in by itself is left to it.
    SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum),
           string_agg('(l.r).' || quote_ident(a.attname), ', ' ORDER BY a.attnum),
           coalesce(string_agg(format('%1$I = excluded.%1$I', a.attname), ', ')
                        FILTER (WHERE a.attnum <> ALL (key.columns) AND a.attidentity <> 'a'),
                    string_agg(format('%1$I = excluded.%1$I', a.attname), ', '))
        INTO names, "values", changes
    FROM pg_attribute AS a
    WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
      AND (a.attname = ANY (keys) OR a.atthasdef AND a.attidentity = '');
    conflict := CASE WHEN overwrite THEN format('%s DO UPDATE SET %s', key.conflict, changes) END;
    latest := coalesce(key.latest, 'SELECT g.quarantine_id, g.r FROM gone AS g');
END
$$;
COMMENT ON FUNCTION etl._released_columns(regclass, text[], bool) IS
    'For rows from JSON with the given keys: the columns to store, their values, the ON CONFLICT that replaces the row '
    'of the same primary key (55000 without one), and a query for the rows to store.';

CREATE FUNCTION etl._release_judges(relation regclass, suite text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH judge AS (
        SELECT 1 AS place, _release_judges.suite AS suite, coalesce(min(e.min_severity), 'info') AS min_severity,
               min(e.params::text) AS params
        FROM etl.enforcements AS e
        WHERE e.relation = _release_judges.relation AND e.suite = _release_judges.suite
        UNION ALL
        SELECT 2, e.suite, e.min_severity, e.params::text
        FROM etl.enforcements AS e
        WHERE e.relation = _release_judges.relation AND e.suite <> _release_judges.suite AND e.mode = 'quarantine'
          AND e.enabled AND e.owner = current_user
    )
    SELECT string_agg(format('(%s, %L, etl._violations(%L, b.r, %L, %L))', row_number, suite, suite, min_severity,
                             params), ', ')
    FROM (SELECT *, row_number() OVER (ORDER BY place, suite) FROM judge) AS numbered
$$;
COMMENT ON FUNCTION etl._release_judges(regclass, text) IS
    'Rows of VALUES, each a suite and what a row (b.r) breaks of it: the suite that the row was set aside by, as it is '
    'enforced now, and others that would set it aside again.';

CREATE FUNCTION etl._require_release_target(source text, suite text)
RETURNS regclass
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    relation regclass := to_regclass(source);
BEGIN
    IF relation IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_table',
            MESSAGE = format('table "%s" of quarantined rows does not exist', source),
            HINT = format('UPDATE etl.quarantined_rows SET relation = ''…'' WHERE relation = %L; names the table that '
                          'shall have them.', source);
    ELSIF NOT EXISTS (SELECT FROM etl.suite AS s WHERE s.name = _require_release_target.suite) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object',
            MESSAGE = format('suite "%s" of quarantined rows does not exist', suite),
            HINT = format('Load it again, or UPDATE etl.quarantined_rows SET suite = ''…'' WHERE suite = %L; names '
                          'the suite that shall judge them.', suite);
    END IF;
    PERFORM etl._require_table(relation, ARRAY['INSERT']);
    RETURN relation;
END
$$;
COMMENT ON FUNCTION etl._require_release_target(text, text) IS
    'The table of quarantined rows; 42P01 when it is gone, 42704 when their suite is, 42501 without INSERT.';

CREATE FUNCTION etl._judge_released(relation regclass, source text, suite text, keys text[], filter text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format($sql$
        picked AS MATERIALIZED (
            SELECT quarantine_id, "row", reasons, suite FROM etl.quarantined_rows
            WHERE relation = %1$L AND suite = %2$L AND owner = current_user AND etl._json_keys("row") = %3$L AND %4$s
            ORDER BY quarantine_id
            FOR UPDATE
        ), judged AS MATERIALIZED (
            SELECT p.quarantine_id, b.r, v.suite, v.reasons, (p.suite, p.reasons) AS before
            FROM picked AS p
            CROSS JOIN LATERAL (%5$s) AS b
            CROSS JOIN LATERAL (
                SELECT * FROM (VALUES %6$s) AS all_verdicts (place, suite, reasons)
                ORDER BY all_verdicts.reasons = '{}', all_verdicts.place LIMIT 1
            ) AS v
        )$sql$, source, suite, keys, coalesce('(' || filter || E'\n)', 'true'), etl._released_row(relation, keys),
        etl._release_judges(relation, suite))
$$;
COMMENT ON FUNCTION etl._judge_released(regclass, text, text, text[], text) IS
    'CTEs for the quarantined rows of one table and suite whose JSON has the same keys ("judged"): the row that each '
    'is in the table (r), and what it breaks now.';

CREATE FUNCTION etl._store_released(relation regclass, keys text[], overwrite bool)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- The row comes with its DELETE: to look it up among the judged ones again would be quadratic, as nothing is known
    -- of how many these are.
    SELECT format($sql$
        gone AS (
            DELETE FROM etl.quarantined_rows AS q USING judged AS j
            WHERE q.quarantine_id = j.quarantine_id AND j.reasons = '{}'
            RETURNING q.quarantine_id, j.r
        ), refreshed AS (
            UPDATE etl.quarantined_rows AS q SET suite = j.suite, reasons = j.reasons FROM judged AS j
            WHERE q.quarantine_id = j.quarantine_id AND j.reasons <> '{}' AND (j.suite, j.reasons) <> j.before
        ), latest AS (
            %1$s
        ), stored AS (
            INSERT INTO %2$s (%3$s) OVERRIDING SYSTEM VALUE
            SELECT %4$s FROM latest AS l ORDER BY l.quarantine_id
            %5$s
            RETURNING 1
        )$sql$, c.latest, relation, c.names, c."values", c.conflict)
    FROM etl._released_columns(relation, keys, overwrite) AS c
$$;
COMMENT ON FUNCTION etl._store_released(regclass, text[], bool) IS
    'CTEs that move the rows of "judged" which break nothing ("gone") to their table ("stored"), of several for one '
    'key the last ("latest"), and give the others the reasons of now.';

CREATE FUNCTION etl._release_rows(
    source text, suite text, keys text[], filter text, overwrite bool,
    OUT released bigint, OUT still_broken bigint)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    relation regclass := etl._require_release_target(source, suite);
    held_back bigint;
BEGIN
    PERFORM etl._require_released_columns(relation, keys);
    EXECUTE format(
        'WITH %s, %s SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM latest) - (SELECT count(*) FROM stored),'
        ' (SELECT count(*) FROM judged WHERE reasons <> %L)',
        etl._judge_released(relation, source, suite, keys, filter), etl._store_released(relation, keys, overwrite),
        '{}')
    INTO released, held_back, still_broken;
    IF held_back > 0 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'triggered_action_exception',
            MESSAGE = format('%s of %s rows were held back from table "%s"', held_back, released, relation),
            DETAIL = 'A trigger, a rule or another role''s enforcement keeps them out; nothing was changed.',
            HINT = 'Leave the rows out with the filter, or mend them further.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._release_rows(text, text, text[], text, bool) IS
    'etl.release_quarantined for the rows of one table and suite whose JSON has the same keys.';

CREATE FUNCTION etl._release_part(
    source text, suite text, keys text[], filter text, overwrite bool,
    OUT released bigint, OUT still_broken bigint)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    message text;
    detail text;
    schema_name text;
    table_name text;
    constraint_name text;
BEGIN
    SELECT * INTO released, still_broken FROM etl._release_rows(source, suite, keys, filter, overwrite);
EXCEPTION
    WHEN unique_violation THEN
        GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, schema_name = SCHEMA_NAME,
            table_name = TABLE_NAME, constraint_name = CONSTRAINT_NAME;
        RAISE EXCEPTION USING
            ERRCODE = 'unique_violation',
            MESSAGE = message,
            DETAIL = detail,
            HINT = 'Leave the row out with the filter, or call etl.release_quarantined(…, overwrite => true) to let it '
                   'replace the stored row of the same primary key.',
            SCHEMA = schema_name, TABLE = table_name, CONSTRAINT = constraint_name;
END
$$;
COMMENT ON FUNCTION etl._release_part(text, text, text[], text, bool) IS
    'etl._release_rows, with a hint where the table has a row of that key (23505).';

CREATE FUNCTION etl._json_keys("row" jsonb)
RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(array_agg(k ORDER BY k COLLATE "C"), '{}') FROM jsonb_object_keys("row") AS k
$$;
COMMENT ON FUNCTION etl._json_keys(jsonb) IS 'The keys of a JSON object, sorted.';

CREATE FUNCTION etl.release_quarantined(
    filter text DEFAULT NULL, target regclass DEFAULT NULL, overwrite bool DEFAULT false, dry_run bool DEFAULT false)
RETURNS TABLE (released bigint, still_broken bigint)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    part record;
    counts record;
    finished bool := false;
BEGIN
    PERFORM etl._require_flag(overwrite, 'overwrite');
    PERFORM etl._require_flag(dry_run, 'dry_run');
    IF filter IS NOT NULL THEN
        PERFORM etl._require_condition('etl.quarantined_rows', filter, 'filter');
    END IF;
    released := 0;
    still_broken := 0;
    BEGIN
        FOR part IN EXECUTE format(
            'SELECT relation, suite, etl._json_keys("row") AS keys FROM etl.quarantined_rows
             WHERE owner = current_user AND %s AND %s
             GROUP BY 1, 2, 3 ORDER BY min(quarantine_id)',
            coalesce('(' || filter || E'\n)', 'true'),
            CASE WHEN target IS NULL THEN 'true' ELSE format('relation = %L', etl._relation_name(target)) END)
        LOOP
            counts := etl._release_part(part.relation, part.suite, part.keys, filter, overwrite);
            released := released + counts.released;
            still_broken := still_broken + counts.still_broken;
        END LOOP;
        finished := true;
        IF dry_run THEN
            RAISE EXCEPTION USING ERRCODE = 'ETL00', MESSAGE = 'end of the dry run';
        END IF;
    EXCEPTION
        WHEN SQLSTATE 'ETL00' THEN -- rolled back, counts kept
            IF NOT (dry_run AND finished) THEN
                RAISE; -- of a trigger of the table
            END IF;
    END;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION etl.release_quarantined(text, regclass, bool, bool) IS
    'Judges quarantined rows again and stores those that keep their suite now in their table, in one statement: a row '
    'is in one place or the other. The others stay, with the reasons of now. Arguments: filter, an SQL condition on '
    'etl.quarantined_rows (NULL: all rows of the current role); target, the table whose rows are meant (NULL: every '
    'one); overwrite, whether a row replaces the stored one of the same primary key, which is what a quarantined '
    'UPDATE wants, and of several for one key the last; dry_run, does all of it and rolls it back. Columns that the '
    'JSON lacks have their defaults, generated columns are computed, identity columns keep their values. Returns the '
    'rows released and those still broken. Errors: 42P01 the table is gone, 42703 it has lost a column of the row, '
    '42704 the suite is gone, 42501 without INSERT on the table, 23505 the table has a row of that key, 23503 and '
    'others as INSERT raises them, 09000 a trigger holds rows back; then nothing has changed.';
