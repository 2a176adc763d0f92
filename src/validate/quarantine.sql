-- One row against a suite, and the rows that break it: etl.violations and etl.quarantine. The way back is in
-- release.sql.

CREATE FUNCTION etl.violations(suite text, "row" record)
RETURNS text[]
LANGUAGE C STRICT STABLE PARALLEL RESTRICTED COST 100  -- what conditions do is hidden from the planner
AS 'MODULE_PATHNAME', 'etl_violations';
COMMENT ON FUNCTION etl.violations(text, record) IS
    'The row-level expectations of a stored suite that one row breaks, as names like '
    'expect_column_values_to_match_regex(wallet_address), in the suite''s order; empty when it keeps them all. For '
    'WHERE, triggers and CHECK constraints: CHECK (etl.violations(''transactions'', transactions.*) = ''{}'') NOT '
    'VALID, which lets a restored dump fill the table before it looks for the suite. Uniqueness is no matter of one '
    'row and not among them. Errors: 42704 no such suite, 42501 another role''s, 42703 the row lacks a column of the '
    'suite, 42804 an expectation that does not fit its column''s type.';

CREATE FUNCTION etl._violations(suite text, "row" record, min_severity text, params text)
RETURNS text[]
LANGUAGE C STABLE PARALLEL RESTRICTED COST 100
AS 'MODULE_PATHNAME', 'etl_violations';
COMMENT ON FUNCTION etl._violations(text, record, text, text) IS
    'etl.violations without the expectations below a severity, and with values for the suite''s parameters (JSON, or '
    'NULL).';

CREATE TABLE etl.quarantined_rows (
    quarantine_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    relation text NOT NULL,
    suite text NOT NULL,
    "row" jsonb NOT NULL CHECK (jsonb_typeof("row") = 'object'),
    reasons text[] NOT NULL,
    operation text NOT NULL DEFAULT 'quarantine' CHECK (operation IN ('quarantine', 'insert', 'update')),
    quarantined_at timestamptz NOT NULL DEFAULT now(),
    owner name NOT NULL DEFAULT current_user
);
CREATE INDEX quarantined_rows_relation_idx ON etl.quarantined_rows (relation, quarantine_id);
COMMENT ON TABLE etl.quarantined_rows IS
    'Rows that break a suite and are not in their table (relation, by its name): the row as JSON, the broken '
    'expectations (reasons), the suite, and when. operation tells how it came here: quarantine took it out of the '
    'table; insert, or update, would have stored it where etl.enforce is at work (of an update the old row stayed in '
    'the table). Each role sees the rows that it moved, and the owner of a table those that its enforcement has set '
    'aside. Mend "row" with UPDATE, and let etl.release_quarantined store it.';
ALTER TABLE etl.quarantined_rows ENABLE ROW LEVEL SECURITY;
CREATE POLICY quarantined_rows_owner ON etl.quarantined_rows USING (owner = current_user);
GRANT SELECT, INSERT, UPDATE, DELETE ON etl.quarantined_rows TO PUBLIC;
COMMENT ON SEQUENCE etl.quarantined_rows_quarantine_id_seq IS 'Numbers of etl.quarantined_rows.';
SELECT pg_catalog.pg_extension_config_dump('etl.quarantined_rows', '');
GRANT SELECT ON SEQUENCE etl.quarantined_rows_quarantine_id_seq TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.quarantined_rows_quarantine_id_seq', '');

CREATE FUNCTION etl._row_as_json("row" record)
RETURNS jsonb
LANGUAGE C STRICT STABLE
SET search_path = pg_catalog, pg_temp
SET extra_float_digits = 1
SET datestyle = 'ISO, YMD'
SET intervalstyle = 'postgres'
AS 'MODULE_PATHNAME', 'etl_row_as_json';
COMMENT ON FUNCTION etl._row_as_json(record) IS
    'A row as JSON from which etl.release_quarantined makes the same row, whatever the session''s settings are: as '
    'to_jsonb, but values of json, and of types that have a cast to json, are texts, as their output functions write '
    'them, and so are arrays and composites that hold such, or jsonb, and a jsonb that is a string or null. Errors: '
    '54000 a row of more than 256 MB.';

CREATE FUNCTION etl._refuse_quarantine_cascades(target regclass, suite text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    tables oid[];
    places tid[];
BEGIN
    IF NOT EXISTS (SELECT FROM etl._cascades(target)) THEN
        RETURN;
    END IF;
    EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', target);
    EXECUTE format('SELECT array_agg(t.tableoid), array_agg(t.ctid) FROM %s AS t WHERE etl.violations(%L, t.*) <> %L',
                   target, suite, '{}')
    INTO tables, places;
    PERFORM etl._refuse_cascades(
        target, tables, places, 'broken rows',
        'Delete the rows of "%s" first, or let its foreign key be ON DELETE NO ACTION.');
END
$$;
COMMENT ON FUNCTION etl._refuse_quarantine_cascades(regclass, text) IS
    'Raises (23503) when taking out the broken rows would delete or change rows of other tables by a foreign key. '
    'Keeps other writers out of a table that has such a key.';

CREATE FUNCTION etl._warn_held_back(target regclass, suite text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    before_row_delete CONSTANT int := 1 | 2 | 8; -- of pg_trigger.tgtype
    held bigint;
BEGIN
    IF NOT (row_security_active(target)
            OR EXISTS (SELECT FROM pg_rewrite AS r WHERE r.ev_class IN (SELECT etl._family(target)) AND r.ev_type = '4')
            OR EXISTS (SELECT FROM pg_trigger AS g WHERE g.tgrelid IN (SELECT etl._family(target))
                       AND g.tgtype & before_row_delete = before_row_delete)) THEN
        RETURN;
    END IF;
    EXECUTE format('SELECT count(*) FROM %s AS t WHERE etl.violations(%L, t.*) <> %L', target, suite, '{}') INTO held;
    IF held > 0 THEN
        RAISE WARNING USING
            MESSAGE = format('%s broken rows of table "%s" were held back', held, target),
            DETAIL = 'A trigger, a rule or a policy of the table kept them from being deleted.',
            HINT = format('SELECT * FROM %s AS t WHERE etl.violations(%L, t.*) <> %L shows them.', target, suite, '{}');
    END IF;
END
$$;
COMMENT ON FUNCTION etl._warn_held_back(regclass, text) IS
    'Warns when broken rows stayed in a table that has something that can keep rows from being deleted.';

CREATE FUNCTION etl.quarantine(target regclass, suite text)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    document text;
    left_out text;
    held text;
    moved bigint;
BEGIN
    PERFORM etl._require_table(target, ARRAY['SELECT', 'DELETE']), etl._require_mutable(target);
    PERFORM etl._require_no_wider_children(target);
    document := etl._suite_document(suite);
    PERFORM etl._enforceable(target, suite, document, 'info', NULL);
    SELECT string_agg(e.label, ', ') INTO left_out FROM etl._suite_expectations(document) AS e WHERE NOT e.row_level;
    IF left_out IS NOT NULL THEN
        RAISE NOTICE 'quarantine tests each row alone and leaves out %', left_out
            USING HINT = 'etl.dedupe removes duplicates.';
    END IF;
    PERFORM etl._lock_holds();
    held := etl._held_condition(target, 't');
    PERFORM etl._refuse_quarantine_cascades(target, suite);
    EXECUTE format($sql$
        WITH broken AS (
            DELETE FROM %s AS t WHERE etl.violations(%L, t.*) <> '{}'%s
            RETURNING etl._row_as_json(t.*) AS "row", etl.violations(%L, t.*) AS reasons
        )
        INSERT INTO etl.quarantined_rows (relation, suite, "row", reasons)
        SELECT %L, %L, b."row", b.reasons FROM broken AS b
        $sql$, target, suite, ' AND NOT ' || held, suite, etl._relation_name(target), suite);
    GET DIAGNOSTICS moved = ROW_COUNT;
    PERFORM etl._warn_held_back(target, suite);
    PERFORM etl._tell_held(target, format('etl.violations(%L, %I.*) <> %L', suite, c.relname, '{}'))
    FROM pg_class AS c WHERE c.oid = target;
    RETURN moved;
END
$$;
COMMENT ON FUNCTION etl.quarantine(regclass, text) IS
    'Moves the rows of a table that break a row-level expectation of a stored suite to etl.quarantined_rows, with the '
    'reasons, in one statement: a row is in one place or the other. Returns how many. Uniqueness is left out with a '
    'notice; etl.dedupe sees to that. Rows under a legal hold stay, with a notice. Arguments: target, an ordinary or '
    'partitioned table; suite. Errors: as etl.validate, 42501 without DELETE on the table, and 55000 an immutable '
    'table.';
