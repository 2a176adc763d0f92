-- The batches of a copy: rows that are loaded, and rows whose keys are gone.
--
-- xmin: each version of a row names the transaction that wrote it. A copy notes the oldest transaction that is running
-- when it begins; all before that one have ended, so what they wrote was there to be read. The next copy reads the rows
-- of that transaction and of all after it. It may read some twice, and stores them once, by their keys. A
-- subtransaction has a higher number than the transaction it is part of, so it is never taken for one that has ended.
-- Numbers in rows have 32 bits and come again after 2^32 transactions. Where about 2^31 have passed since the last
-- copy, or the server is another one, all rows are read; a frozen row still has its number, and may be read for nothing
-- when that comes again.

CREATE FUNCTION etl._table_load(copy etl._table_copy, query text)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    counts jsonb;
BEGIN
    IF copy.keys IS NOT NULL AND copy.write_mode <> 'append' THEN
        SELECT to_jsonb(l) || jsonb_build_object('received', l.inserted + l.updated + l.unchanged + l.ignored)
        INTO counts FROM etl.load_deduplicated(query, copy.target, copy.keys) AS l;
        RETURN counts;
    END IF;
    SELECT c.counts INTO counts FROM etl._locked_changes(format($query$
        WITH source AS MATERIALIZED (
            %1$s
        ), inserted AS (
            INSERT INTO %2$s (%3$s) OVERRIDING SYSTEM VALUE SELECT %3$s FROM source RETURNING 1
        )
        SELECT jsonb_build_object('received', s.rows, 'inserted', i.rows, 'ignored', s.rows - i.rows)
        FROM (SELECT count(*) FROM source) AS s(rows), (SELECT count(*) FROM inserted) AS i(rows)$query$,
        query, copy.target, etl._column_list(etl._table_columns(copy)))) AS c(counts jsonb);
    RETURN counts;
END
$$;
COMMENT ON FUNCTION etl._table_load(etl._table_copy, text) IS
    'Loads the rows of a query into the target and counts them: received, inserted, updated, unchanged and, held '
    'back by a trigger or a hold, ignored.';

-- By the cursor -------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._table_lower(copy etl._table_copy, mark text, detail jsonb)
RETURNS text
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN detail ? 'position' THEN etl._table_above(copy, '>', detail ->> 'position')
                ELSE etl._table_above(copy, etl._table_comparison(copy, mark, detail), etl._table_floor(copy, mark)) END
$$;
COMMENT ON FUNCTION etl._table_lower(etl._table_copy, text, jsonb) IS
    'Condition that a row comes after what the run has read, or for its first batch after the mark.';

CREATE FUNCTION etl._table_batch_end(copy etl._table_copy, lower text, upto text)
RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
AS $$
DECLARE
    place CONSTANT text := format('%I.%I', etl._table_alias(copy), copy.cursor_column);
BEGIN
    IF NOT copy.has_index THEN -- each batch would sort what is left
        RETURN upto;
    END IF;
    RETURN coalesce(etl._locked_value(format(
        'SELECT to_jsonb((SELECT %1$s %2$s ORDER BY %1$s OFFSET %3$s LIMIT 1)) #>> ''{}''', place,
        etl._table_from(copy, concat_ws(' AND ', lower, etl._table_above(copy, '<=', upto))), copy.batch_rows - 1),
        NULL::text), upto);
END
$$;
COMMENT ON FUNCTION etl._table_batch_end(etl._table_copy, text, text) IS
    'The cursor of the last row of a batch. Rows with the same one belong to it too, however many. Without an index '
    'all there is is one batch.';

-- What was attached to the source, or created by a transaction that nobody knew to wait for, comes with all its rows.
CREATE FUNCTION etl._table_new_parts(copy etl._table_copy, mark text, INOUT detail jsonb, OUT counts jsonb)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    members CONSTANT jsonb := etl._walk(copy.source, 1) -> 'members';
    below CONSTANT text := etl._table_above(copy, '<=', mark);
    part oid;
BEGIN
    FOR part IN
        SELECT m::oid FROM jsonb_array_elements_text(members) AS m
        WHERE mark IS NOT NULL AND NOT detail -> 'members' @> to_jsonb(m::bigint)
    LOOP
        IF copy.write_mode <> 'append' THEN
            counts := etl._table_sum(counts, etl._table_load(copy, etl._table_query(copy, below, part)));
        ELSIF etl._locked_value(format('SELECT EXISTS (SELECT %s)', etl._table_from(copy, below, part)),
                                NULL::boolean) THEN
            RAISE EXCEPTION USING
                ERRCODE = 'object_not_in_prerequisite_state',
                MESSAGE = format('table "%s" was added to "%s" with rows below the mark %s', part::regclass,
                                 copy.source, mark),
                DETAIL = 'Whether they were copied before they were moved there cannot be told.',
                HINT = 'Define the extract anew with write_mode => ''upsert''; or detach the table, and copy what is '
                       'missing of its rows by hand.';
        END IF;
    END LOOP;
    detail := detail || jsonb_build_object('members', members);
END
$$;
COMMENT ON FUNCTION etl._table_new_parts(etl._table_copy, text, jsonb) IS
    'Loads the rows at or below the mark of tables that have come to be below the source since the last run; raises '
    '(55000) where they would be appended.';

CREATE FUNCTION etl._table_moved_mark(
    copy etl._table_copy, mark text, detail jsonb, reached text, is_open boolean,
    OUT moved text, OUT moved_open boolean)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    safe CONSTANT text := detail ->> 'safe';
BEGIN
    moved := mark;
    moved_open := coalesce(detail ->> 'open_at' = mark, false);
    IF safe IS NULL THEN
        RETURN;
    END IF;
    reached := etl._table_least(copy, safe, reached);
    IF mark IS NULL OR etl._table_least(copy, reached, mark) <> reached THEN
        moved := reached;
        moved_open := is_open OR moved = safe AND etl._table_may_repeat(copy, moved);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._table_moved_mark(etl._table_copy, text, jsonb, text, boolean) IS
    'The mark after a batch: where that ended, but no further than is safe and never back; and whether rows that are '
    'equal to it are to be read again.';

CREATE FUNCTION etl._table_cursor_batch(copy etl._table_copy, INOUT mark text, INOUT detail jsonb, OUT counts jsonb)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    upto CONSTANT text := detail ->> 'upto';
    lower CONSTANT text := etl._table_lower(copy, mark, detail);
    is_last boolean := upto IS NULL;
    is_open boolean;
    last_one text;
    moved record;
BEGIN
    IF NOT is_last THEN
        last_one := etl._table_batch_end(copy, lower, upto);
        is_last := etl._table_least(copy, upto, last_one) = upto;
        is_open := is_last AND etl._table_may_repeat(copy, upto);
        -- Of rows with the highest value more may come. Those that are appended are left until they are complete.
        counts := etl._table_load(copy, etl._table_query(copy, concat_ws(' AND ', lower, etl._table_above(
            copy, CASE WHEN is_open AND copy.write_mode = 'append' THEN '<' ELSE '<=' END, last_one)))
            || format(' ORDER BY %I.%I', etl._table_alias(copy), copy.cursor_column));
        moved := etl._table_moved_mark(copy, mark, detail, last_one, is_open);
        mark := moved.moved;
        detail := detail || jsonb_build_object('position', last_one, 'open_at', CASE WHEN moved.moved_open
                                                                                     THEN mark END);
    END IF;
    IF is_last THEN
        detail := detail - '{position,highest,safe,upto}'::text[] || '{"stage": "deletes"}';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._table_cursor_batch(etl._table_copy, text, jsonb) IS
    'Loads the next rows in the order of the cursor, and moves the mark.';

-- By xmin -------------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._table_xids(copy etl._table_copy)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF copy.transactions IS NOT NULL THEN
        RETURN etl._locked_value(format(
            'SELECT jsonb_build_object(''oldest'', min(t.oldest_xid), ''next'', max(t.next_xid), '
            '''server'', max(t.server_id)) FROM %s AS t', copy.transactions), NULL::jsonb);
    END IF;
    RETURN jsonb_build_object(
        'oldest', pg_snapshot_xmin(pg_current_snapshot())::text::bigint,
        'next', pg_snapshot_xmax(pg_current_snapshot())::text::bigint,
        'server', (SELECT c.system_identifier FROM pg_control_system() AS c));
END
$$;
COMMENT ON FUNCTION etl._table_xids(etl._table_copy) IS
    'Of the server of the source: the oldest transaction id that is running, the next one, and which server it is.';

CREATE FUNCTION etl._table_xmin_begin(copy etl._table_copy, detail jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    walk jsonb := etl._walk(copy.source, etl._walk_step(copy.source, copy.batch_rows));
BEGIN
    RETURN detail || jsonb_build_object('stage', 'rows', 'xids', etl._table_xids(copy), 'walk', walk,
                                        'found', walk -> 'members');
END
$$;
COMMENT ON FUNCTION etl._table_xmin_begin(etl._table_copy, jsonb) IS
    'Begins a walk through the source. What is written from now on is for the next one, whether this one sees it or '
    'not.';

CREATE FUNCTION etl._table_changed(copy etl._table_copy, mark text, detail jsonb, part oid)
RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    xids CONSTANT jsonb := etl._table_xids(copy);
    short CONSTANT bigint := mark::bigint & 4294967295;
BEGIN
    IF mark IS NULL OR xids -> 'server' IS DISTINCT FROM detail -> 'server'
       OR (xids ->> 'next')::bigint - mark::bigint NOT BETWEEN 0 AND 2000000000
       OR part IS NOT NULL AND NOT coalesce(detail -> 'members' @> to_jsonb(part::bigint), false) THEN
        RETURN 'true';
    ELSIF copy.xid_column IS NOT NULL THEN
        RETURN format('((%I.%I - %s) & 4294967295) < 2147483648', etl._table_alias(copy), copy.xid_column, short);
    END IF;
    RETURN format('age(%I.xmin) <= (SELECT age(%L::xid))', etl._table_alias(copy), short);
END
$$;
COMMENT ON FUNCTION etl._table_changed(etl._table_copy, text, jsonb, oid) IS
    'Condition that a row of the source, or of one of the tables below it, was written since the mark. All were, in '
    'a table that was not below the source when it was last read, on another server, and when too many transactions '
    'have passed for numbers of 32 bits to tell.';

CREATE FUNCTION etl._table_xmin_batch(copy etl._table_copy, INOUT mark text, INOUT detail jsonb, OUT counts jsonb)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    walk jsonb := etl._walk_on(detail -> 'walk');
    part CONSTANT oid := walk #>> '{members,0}';
    is_resumed CONSTANT boolean := detail ? 'is_resumed';
BEGIN
    IF copy.is_foreign THEN
        counts := etl._table_load(copy, etl._table_query(copy, etl._table_changed(copy, mark, detail, NULL)));
    ELSIF walk IS NOT NULL THEN
        counts := etl._table_load(copy, etl._table_query(copy, concat_ws(
            ' AND ', etl._walk_condition(walk, etl._table_alias(copy)), etl._table_changed(copy, mark, detail, part)),
            part));
        detail := detail || jsonb_build_object('walk', etl._walk_past(walk, (counts ->> 'received')::bigint,
                                                                      copy.batch_rows));
        RETURN;
    END IF;
    mark := detail #>> '{xids,oldest}';
    detail := detail - '{walk,found,xids,is_resumed}'::text[]
        || jsonb_build_object('stage', 'deletes', 'members', detail -> 'found', 'server', detail #> '{xids,server}');
    IF is_resumed THEN
        detail := etl._table_xmin_begin(copy, detail);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._table_xmin_batch(etl._table_copy, text, jsonb) IS
    'Loads what was written since the mark in the next blocks of the source, of a foreign table in all of it. The '
    'mark moves at the end.';

-- Rows that are gone --------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._table_there(copy etl._table_copy)
RETURNS text
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    -- Of a foreign table come only keys that may be meant, and only the columns of the key.
    SELECT CASE WHEN (copy).is_foreign
        THEN etl._table_key_query(copy, format(E'(\n%s\n) = ANY (ARRAY(SELECT here.%I FROM here))',
                                               (copy).columns ->> (copy).keys[1]::text, (copy).keys[1]))
        ELSE etl._table_key_query(copy) END
$$;
COMMENT ON FUNCTION etl._table_there(etl._table_copy) IS
    'The query of the keys that the source has, among those of the target in a query called here.';

CREATE FUNCTION etl._table_delete_command(copy etl._table_copy, part regclass, condition text)
RETURNS text
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format($query$
        WITH here AS MATERIALIZED (
            SELECT %1$s, t.ctid AS %2$I, %3$s AS %4$I FROM ONLY %5$s AS t WHERE %6$s
        ), %7$s gone AS MATERIALIZED (
            SELECT * FROM here WHERE NOT EXISTS (SELECT FROM %8$s AS there WHERE %9$s)
        ), deleted AS (
            DELETE FROM ONLY %5$s AS t WHERE t.ctid = ANY (ARRAY(SELECT g.%2$I FROM gone AS g WHERE NOT g.%4$I))
            RETURNING 1
        )
        SELECT jsonb_build_object('deleted', (SELECT count(*) FROM deleted), 'compared', (SELECT count(*) FROM here),
                                  'held', (SELECT count(*) FROM gone AS g WHERE g.%4$I))$query$,
        etl._columns_of((copy).keys, 't'), n.place,
        coalesce(etl._held_condition((copy).target, 't'), 'false'), n.is_held, part, condition,
        CASE WHEN (copy).is_foreign THEN format('there AS MATERIALIZED (%s),', etl._table_there(copy)) END,
        CASE WHEN (copy).is_foreign THEN 'there' ELSE '(' || etl._table_there(copy) || ')' END,
        etl._same_key((copy).key_index, 'there', 'here'))
    FROM (SELECT etl._free_name((copy).target, 'place'), etl._free_name((copy).target, 'is_held')) AS n(place, is_held)
$$;
COMMENT ON FUNCTION etl._table_delete_command(etl._table_copy, regclass, text) IS
    'The command that deletes the rows of the target, in one of its parts and under a condition (alias t), whose keys '
    'the source does not have, and counts them. Rows under a legal hold stay.';

CREATE FUNCTION etl._table_require_all_rows(copy etl._table_copy)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF row_security_active(copy.source) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('row security hides rows of table "%s" from role "%s"', copy.source, current_user),
            DETAIL = 'Rows that are hidden cannot be told from rows that are gone, and would be deleted in the target.',
            HINT = 'Leave out deletes, or give the extract to a role that sees all rows.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._table_require_all_rows(etl._table_copy) IS
    'Raises (55000) where row security may hide rows of the source.';

CREATE FUNCTION etl._table_delete_batch(copy etl._table_copy, INOUT detail jsonb, OUT counts jsonb)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    walk jsonb := CASE WHEN copy.deletes THEN etl._walk_on(coalesce(detail -> 'walk', etl._walk(
        copy.target, etl._walk_step(copy.target, copy.batch_rows)))) END;
BEGIN
    IF walk IS NULL THEN
        detail := detail - '{walk,stage}'::text[];
        RETURN;
    END IF;
    PERFORM etl._table_require_all_rows(copy);
    PERFORM etl._lock_holds();
    copy.key_index := etl._key_index(copy.target, copy.keys);
    SELECT c.counts INTO counts FROM etl._locked_changes(etl._table_delete_command(
        copy, (walk #>> '{members,0}')::oid, etl._walk_condition(walk, 't'))) AS c(counts jsonb);
    detail := detail || jsonb_build_object('walk', etl._walk_past(walk, (counts ->> 'compared')::bigint,
                                                                  copy.batch_rows));
END
$$;
COMMENT ON FUNCTION etl._table_delete_batch(etl._table_copy, jsonb) IS
    'Deletes what is gone in the next blocks of the target. The stage of the run ends with them.';

-- All of it -----------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._table_empty(copy etl._table_copy)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    rows bigint;
BEGIN
    PERFORM etl._require_unheld(copy.target);
    rows := etl._locked_command(format('DELETE FROM %s', copy.target));
    RETURN jsonb_build_object('deleted', rows);
END
$$;
COMMENT ON FUNCTION etl._table_empty(etl._table_copy) IS
    'Deletes all rows of the target; 55000 where a legal hold stands on one.';

CREATE FUNCTION etl._table_full(copy etl._table_copy, INOUT detail jsonb, OUT counts jsonb)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    gone record;
BEGIN
    IF copy.write_mode = 'replace' AND copy.keys IS NULL THEN
        counts := etl._table_empty(copy);
    END IF;
    counts := coalesce(counts, '{}') || etl._table_load(copy, etl._table_query(copy));
    detail := detail || '{"stage": "deletes"}';
    copy.deletes := copy.deletes OR copy.write_mode = 'replace' AND copy.keys IS NOT NULL;
    WHILE copy.write_mode = 'replace' AND detail ? 'stage' LOOP -- in this transaction: no reader sees half of it
        gone := etl._table_delete_batch(copy, detail);
        detail := gone.detail;
        counts := etl._table_sum(counts, gone.counts);
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._table_full(etl._table_copy, jsonb) IS
    'Loads all rows of the source. With write_mode replace the target has no others when the transaction commits.';
