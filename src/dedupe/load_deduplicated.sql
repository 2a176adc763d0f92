-- etl.load_deduplicated: an idempotent upsert that counts what it did.
--
-- The table ends as if the rows of the source had been appended to it and etl.dedupe had been called with the same
-- keys, keep and order_by: of each key stays the row that wins. What is no change is not written.
--
-- One statement does a round (load_command.sql) and returns the rows that were overtaken by another session; the next
-- round compares them with what is there now. So the counts are exact, also beside other writers, and every one of
-- them comes from what a command has done. What was overtaken waits in a tuplestore, on disk past work_mem.

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
    'Checks that what the source returns are columns of the table (42703), each once (42701), and that those which '
    'are needed are among them (42703).';

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

-- Rounds --------------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._load_again(again text, overtaken jsonb)
RETURNS etl._load_round
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    round etl._load_round;
    total etl._load_round := (0, 0, 0, 0, 0, overtaken);
    idle int := 0;
BEGIN
    WHILE total.overtaken IS NOT NULL AND idle < 3 LOOP
        round := etl._locked_change(again, NULL::etl._load_round, total.overtaken);
        idle := CASE WHEN jsonb_array_length(total.overtaken) = jsonb_array_length(round.overtaken) THEN idle + 1
                     ELSE 0 END;
        total := (total.inserted + round.inserted, total.updated + round.updated, total.unchanged + round.unchanged,
                  total.ignored + round.ignored, 0, round.overtaken);
    END LOOP;
    RETURN total;
END
$$;
COMMENT ON FUNCTION etl._load_again(text, jsonb) IS
    'Rounds over rows that were overtaken, until none of them is any more. What three rounds in a row could not move '
    'is held back by something else than another session, and left in overtaken.';

CREATE FUNCTION etl._again_command(load etl._load)
RETURNS text
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._load_command(
        load, format('SELECT %s FROM jsonb_populate_recordset(NULL::%s, $1)', etl._column_list(load.given),
                     load.target), 1000000000) -- a part of the first round stays whole
$$;
COMMENT ON FUNCTION etl._again_command(etl._load) IS
    'The command of the rounds after the first, over rows that were overtaken ($1).';

CREATE FUNCTION etl._run_rounds(
    first text, again text,
    OUT inserted bigint, OUT updated bigint, OUT unchanged bigint, OUT ignored bigint, OUT null_keys bigint,
    OUT held bigint)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    round etl._load_round;
    more etl._load_round;
BEGIN
    held := 0;
    FOR round IN SELECT (r.done).* FROM etl._locked_changes(first) AS r(done etl._load_round) LOOP
        IF inserted IS NULL THEN -- the counts are the same in each part
            inserted := round.inserted;
            updated := round.updated;
            unchanged := round.unchanged;
            ignored := round.ignored;
            null_keys := round.null_keys;
        END IF;
        EXIT WHEN null_keys > 0 OR round.overtaken IS NULL;
        more := etl._load_again(again, round.overtaken);
        inserted := inserted + more.inserted;
        updated := updated + more.updated;
        unchanged := unchanged + more.unchanged;
        ignored := ignored + more.ignored;
        held := held + coalesce(jsonb_array_length(more.overtaken), 0);
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._run_rounds(text, text) IS
    'The first round (a command of etl._load_command), and further ones (etl._again_command) for what was overtaken in '
    'it; held: rows that could not be stored. Stops after the first where there are NULL keys.';

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
    done record;
    finished bool := false;
BEGIN
    BEGIN
        PERFORM etl._lock_holds();
        done := etl._run_rounds(etl._load_command(load, query, 1000000), etl._again_command(load));
        finished := true;
        IF dry_run THEN
            RAISE EXCEPTION USING ERRCODE = 'ETL00', MESSAGE = 'end of the dry run';
        END IF;
    EXCEPTION
        WHEN SQLSTATE 'ETL00' THEN -- rolled back, counts kept
            IF NOT (dry_run AND finished) THEN
                RAISE; -- of the source or of a trigger of the table
            END IF;
    END;
    IF done.null_keys > 0 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'not_null_violation',
            MESSAGE = format('%s %s of the source have NULL in a key column (%s)', done.null_keys,
                             CASE done.null_keys WHEN 1 THEN 'row' ELSE 'rows' END, etl._column_list(keys)),
            DETAIL = 'Such a row equals no other: it would be inserted anew by each load.',
            HINT = 'Leave them out with WHERE … IS NOT NULL, or give them a key with coalesce().';
    END IF;
    IF done.held > 0 THEN
        RAISE WARNING USING
            MESSAGE = format('%s rows were not stored in table "%s", and count as ignored', done.held, target),
            HINT = 'A trigger, a rule or row security held them back.';
    END IF;
    inserted := done.inserted;
    updated := done.updated;
    unchanged := done.unchanged;
    ignored := done.ignored + done.held;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION etl.load_deduplicated(text, regclass, name[], text, name, bool) IS
    'Loads the rows of a source into a table so that each key stands there once, and counts every row of the source: '
    'inserted (its key was new), updated (it took the place of the table''s row), unchanged (the table''s row has the '
    'same values), ignored (it lost against the table''s row, which one under a legal hold wins, or against another '
    'row of the source). The table ends as if the rows had been appended and etl.dedupe had been called with the same '
    'keys, keep and order_by; a second load of the same rows changes nothing, and what does not change is not '
    'written. source: a SELECT, which is run once, or the name of a table; names outside pg_catalog need their '
    'schema. Columns go by their names; a column of the table that the source lacks keeps its value or gets its '
    'default, and generated columns are computed. Values are cast to the columns'' types; what is too long is '
    'refused. target: an ordinary or partitioned table with a unique index on exactly the keys; the caller needs '
    'SELECT, INSERT and UPDATE. keep: last or first by order_by, or most_complete (the fewest NULLs among the columns '
    'that the source gives, then the last). A NULL in order_by loses against any value. In a tie, and without '
    'order_by, the row that arrives is the later one; within the source the order of its rows decides. dry_run: does '
    'all of it and rolls it back. Errors: 42P10 no unique index, 42703 a column that the table or the source does not '
    'have, 42701 a column given twice, 23502 NULL in a key, 22023 no source, unknown keep or a NULL argument, 42883 '
    'keys or order_by that cannot be compared, 42501 missing privilege, 42809 not a table, 40001 above READ '
    'COMMITTED, when another transaction has changed a row; for source the error of its text.';
