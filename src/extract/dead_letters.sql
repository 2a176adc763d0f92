-- Dead letters: records that could not be loaded. They wait, as they came, until the mapping or the table is mended.

CREATE VIEW etl.dead_letters WITH (security_invoker = true) AS
SELECT d.dead_letter_id,
       d.extract,
       d.run_id,
       d.origin,
       d.ordinal,
       d.record,
       d.column_name,
       d.reason,
       d.sqlstate,
       d.attempts,
       d.arrived_at,
       d.owner
FROM etl.dead_letter AS d;
COMMENT ON VIEW etl.dead_letters IS
    'One row for each record that could not be loaded: where it came from (origin: the page, file or ingestion, and '
    'its place in there), the record as it came, the column and the reason, and how often it was tried again.';
GRANT SELECT ON etl.dead_letters TO PUBLIC;

CREATE FUNCTION etl._replay_batch(definition etl.extract, after bigint, up_to bigint, batch integer,
                                  OUT last bigint, OUT counts etl._page_counts)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    letters bigint[];
    records text[];
    page etl._page_load;
BEGIN
    SELECT array_agg(d.dead_letter_id ORDER BY d.dead_letter_id), array_agg(d.record ORDER BY d.dead_letter_id),
           max(d.dead_letter_id)
    INTO letters, records, last
    FROM (
        SELECT n.*, sum(octet_length(n.record)) OVER (ORDER BY n.dead_letter_id) AS bytes,
               row_number() OVER () AS number
        FROM (
            SELECT * FROM etl.dead_letter AS w
            WHERE w.owner = current_user AND w.extract = (_replay_batch.definition).name AND w.record IS NOT NULL
              AND w.dead_letter_id > after AND w.dead_letter_id <= up_to
            ORDER BY w.dead_letter_id
            LIMIT batch
            FOR UPDATE
        ) AS n
    ) AS d
    WHERE d.bytes <= 4000000 OR d.number = 1;
    IF last IS NULL THEN
        RETURN;
    ELSIF definition.kind = 'ingest' THEN
        counts := etl._replay_ingest(definition, letters, records);
        RETURN;
    END IF;
    page.definition := definition;
    page.origin := 'dead letters';
    page.source := format('etl._map_records(%s, %s::regclass, %s::jsonb, %%s, %%s)',
                          replace(format('%L::text[]', records), '%', '%%'),
                          replace(quote_literal(definition.target), '%', '%%'),
                          replace(quote_nullable(definition.mapping), '%', '%%'));
    page.rejects := 'etl._page_rejects(0)';
    page.records := format('(SELECT * FROM unnest(%L::text[]) WITH ORDINALITY AS t(record, ordinal))', records);
    IF definition.write_mode = 'upsert' THEN
        -- A letter is older than what has come since: without a column that tells, the row that is there wins.
        page.upsert := etl._check_load(
            etl._range_query(page, 1, 1), definition.target::regclass, definition.key_columns,
            CASE WHEN definition."cursor" IS NULL THEN 'first' ELSE 'last' END,
            (definition."cursor" ->> 'column')::name, false);
    END IF;
    PERFORM etl._lock_holds();
    counts := etl._replay_letters(page, letters);
END
$$;
COMMENT ON FUNCTION etl._replay_batch(etl.extract, bigint, bigint, integer) IS
    'Tries the next dead letters of an extract again; the number of the last of them, NULL where there are none.';

CREATE FUNCTION etl._replay_letters(page etl._page_load, letters bigint[])
RETURNS etl._page_counts
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    counts etl._page_counts;
    newest bigint;
BEGIN
    SELECT coalesce(max(d.dead_letter_id), 0) INTO newest FROM etl.dead_letter AS d WHERE d.owner = current_user;
    page.definition.on_bad_row := 'dead_letter';
    counts := etl._load_records(page, cardinality(letters));
    -- What failed again has a new letter, whose number in the batch tells which old one it was: that one stays.
    WITH again AS (
        DELETE FROM etl.dead_letter AS d
        WHERE d.owner = current_user AND d.dead_letter_id > newest AND d.extract = (page.definition).name
          AND d.run_id IS NULL AND d.origin = page.origin
        RETURNING d.ordinal, d.column_name, d.reason, d.sqlstate
    ), kept AS (
        UPDATE etl.dead_letter AS d
        SET attempts = d.attempts + 1, column_name = a.column_name, reason = a.reason, sqlstate = a.sqlstate
        FROM again AS a
        WHERE d.dead_letter_id = letters[a.ordinal]
        RETURNING d.dead_letter_id
    )
    DELETE FROM etl.dead_letter AS d
    WHERE d.dead_letter_id = ANY (letters) AND d.dead_letter_id NOT IN (SELECT k.dead_letter_id FROM kept AS k);
    RETURN counts;
END
$$;
COMMENT ON FUNCTION etl._replay_letters(etl._page_load, bigint[]) IS
    'Loads the records of dead letters, and deletes those that could be loaded.';

CREATE FUNCTION etl.replay_dead_letters(
    name text, OUT received bigint, OUT inserted bigint, OUT updated bigint, OUT unchanged bigint, OUT ignored bigint,
    OUT dead bigint)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored etl.extract := etl._extract(name);
    newest CONSTANT bigint := (SELECT max(d.dead_letter_id) FROM etl.dead_letter AS d WHERE d.owner = current_user);
    batch record;
    total etl._page_counts := (0, 0, 0, 0, 0, 0);
    last bigint := 0;
BEGIN
    PERFORM etl._require_writable(), etl._require_extract_table(stored);
    PERFORM etl._lock_extract(stored);
    IF stored.kind = 'evm' THEN
        total := etl._evm_replay(stored);
    ELSIF stored.write_mode IN ('replace', 'delete_insert') THEN -- what was put in place lacks these
        stored.write_mode := 'append';
        stored.key_columns := NULL;
    END IF;
    WHILE stored.kind <> 'evm' LOOP
        batch := etl._replay_batch(stored, last, newest, 1000);
        EXIT WHEN batch.last IS NULL;
        last := batch.last;
        total := etl._add_counts(total, batch.counts);
    END LOOP;
    PERFORM etl._unlock_run('etl.extract', stored.extract_id);
    received := total.received;
    inserted := total.inserted;
    updated := total.updated;
    unchanged := total.unchanged;
    ignored := total.ignored;
    dead := total.dead;
END
$$;
COMMENT ON FUNCTION etl.replay_dead_letters(text) IS
$$Tries the dead letters of an extract again, with its mapping and its table as they are now, in one transaction. Those
that can be loaded are dead letters no more; the others stay, with the new reason and one attempt more.
Those of an extract that replaces rows are added to what it has put in place.
Returns what became of them: received is the sum of inserted, updated, unchanged (the row was there), ignored (a newer
row is there) and dead.
Errors: 42704 no such extract, 42501 another role's, 42P01 its table is gone, 55006 it is being run.$$;
