-- Legal holds: rows that nothing of pg_etl deletes or changes as long as the hold stands. Retention, deduplication and
-- erasure ask etl._held_condition().
--
-- Placing a hold and deleting rows exclude each other: who deletes takes a shared lock at the start of the transaction
-- (etl._lock_holds) and looks at the holds after that; who places one takes the same lock alone. So when a hold is
-- committed, no transaction is under way that has not seen it.

CREATE TABLE etl.legal_hold (
    hold_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    relation regclass NOT NULL,
    relation_name text NOT NULL,
    predicate text,
    reason text NOT NULL,
    until timestamptz,
    placed_at timestamptz NOT NULL,
    released_at timestamptz,
    released_by name,
    release_reason text,
    part_names text[] NOT NULL DEFAULT '{}',
    column_numbers jsonb NOT NULL DEFAULT '{}',
    owner name NOT NULL DEFAULT current_user,
    CHECK ((released_at IS NULL) = (released_by IS NULL) AND (released_at IS NULL) = (release_reason IS NULL))
);
COMMENT ON TABLE etl.legal_hold IS
    'Legal holds: the rows of a table (relation; relation_name is how it was called then) for which a condition is '
    'true (predicate; NULL: all rows) are neither deleted nor changed by pg_etl, from placed_at until the hold is '
    'released or its time is over (until). part_names are the partitions and children that it had then, and '
    'column_numbers the places of the columns that the condition names: what comes to bear one of the names later is '
    'held too, and a column that lost its name stops whoever asks. Nothing of it changes, but that it is released '
    'once. Placed with '
    'etl.add_legal_hold by roles that have a right to it: GRANT SELECT, INSERT, UPDATE ON etl.legal_hold TO …; Every '
    'role may see what it needs to obey a hold, not the reason. Read them in etl.legal_holds.';
COMMENT ON SEQUENCE etl.legal_hold_hold_id_seq IS 'Numbers of etl.legal_hold.';
-- Who deletes must see every hold: no policy hides one.
ALTER TABLE etl.legal_hold ENABLE ROW LEVEL SECURITY;
CREATE POLICY legal_hold_everybody ON etl.legal_hold USING (true);
GRANT SELECT (hold_id, name, relation, relation_name, predicate, until, placed_at, released_at, part_names,
              column_numbers, owner) ON etl.legal_hold TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.legal_hold', '');
GRANT SELECT ON SEQUENCE etl.legal_hold_hold_id_seq TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.legal_hold_hold_id_seq', '');

CREATE FUNCTION etl._plain_condition(relation regclass, condition text, alias text, portably bool)
RETURNS text
LANGUAGE C VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'etl_plain_condition';
COMMENT ON FUNCTION etl._plain_condition(regclass, text, text, bool) IS
    'A condition over the columns of a table, written such that it means the same under all settings, with an alias '
    'before its columns (NULL: without). Only columns, constants, and immutable functions and operators of PostgreSQL '
    'itself: it may be evaluated with the rights of another role than the one that wrote it. portably: the text comes '
    'from here; otherwise literals are read by the settings of the session. NULL for NULL. Errors: 42601 not one '
    'expression, 42P17 something else stands in it, 42703 and what else PostgreSQL has against it.';

-- Placing and releasing -----------------------------------------------------------------------------------------------

CREATE FUNCTION etl._require_reason(reason text, argument text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF reason !~ '\S' IS NOT FALSE THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('%s must not be %s', argument, CASE WHEN reason IS NULL THEN 'NULL' ELSE 'empty' END),
            HINT = 'Say why, such as the number of the case: who looks at it in years has only that.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_reason(text, text) IS
    'Checks that a reason was given (22023); the second argument names it in the error.';

CREATE FUNCTION etl._column_numbers(relation regclass, predicate text)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off
AS $$
    SELECT coalesce(jsonb_object_agg(a.attname, a.attnum), '{}')
    FROM pg_attribute AS a
    WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
      AND strpos(predicate, quote_ident(a.attname)) > 0
$$;
COMMENT ON FUNCTION etl._column_numbers(regclass, text) IS
    'The numbers of the columns of a relation whose names stand in a condition, also within another name or a text: '
    'none is missed.';

CREATE FUNCTION etl._place_hold()
RETURNS trigger
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NEW.placed_at IS NOT NULL AND etl._may_restore('etl.legal_hold') THEN -- of a dump
        NEW.column_numbers := etl._column_numbers(NEW.relation, NEW.predicate); -- a dropped column is not in it
        RETURN NEW;
    END IF;
    PERFORM etl._require_name(NEW.name, 'the name of a legal hold'), etl._require_table(NEW.relation, '{}'),
        etl._require_permanent(NEW.relation), etl._require_reason(NEW.reason, 'the reason of a legal hold');
    IF NEW.until <= clock_timestamp() THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('until must lie in the future, not at "%s"', NEW.until),
            HINT = 'Leave it out for a hold that stands until it is released.';
    END IF;
    NEW.predicate := etl._plain_condition(NEW.relation, NEW.predicate, NULL, false);
    PERFORM pg_advisory_xact_lock('etl.legal_hold'::regclass::oid::integer, 0);
    NEW.relation_name := etl._relation_name(NEW.relation);
    NEW.part_names := ARRAY(SELECT etl._relation_name(f) FROM etl._family(NEW.relation) AS f WHERE f <> NEW.relation);
    NEW.column_numbers := etl._column_numbers(NEW.relation, NEW.predicate);
    NEW.owner := current_user;
    NEW.placed_at := clock_timestamp();
    NEW.released_at := NULL;
    NEW.released_by := NULL;
    NEW.release_reason := NULL;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION etl._place_hold() IS
    'Checks a new hold, fills in who and when, and waits until no transaction is under way that deletes rows without '
    'having seen it. Rows of a dump stay as they are, but for numbers of columns. Errors: 22023 a bad name, no reason, '
    'or an end in the past, '
    '42P17 and 42601 a condition that cannot be evaluated for others, 42809 not a table.';

CREATE FUNCTION etl._release_hold()
RETURNS trigger
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    released etl.legal_hold := OLD;
BEGIN
    IF OLD.released_at IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('legal hold "%s" was released already', OLD.name),
            DETAIL = format('Role "%s" released it at %s.', OLD.released_by, OLD.released_at),
            HINT = 'etl.add_legal_hold places another one.';
    END IF;
    PERFORM etl._require_reason(NEW.release_reason, 'the reason of a release');
    released.released_at := clock_timestamp();
    released.released_by := current_user;
    released.release_reason := NEW.release_reason;
    NEW.released_at := released.released_at;
    NEW.released_by := released.released_by;
    IF NEW IS DISTINCT FROM released THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('legal hold "%s" cannot be changed', OLD.name),
            DETAIL = 'It is a record of what was ordered.',
            HINT = format('Place another one, and after that SELECT etl.release_legal_hold(%L, ''…'');', OLD.name);
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION etl._release_hold() IS
    'Lets of a hold only change that it is released, once, and fills in who and when. Errors: 22023 no reason, 55000 '
    'it was released already, or something else would change.';

CREATE FUNCTION etl._audit_hold()
RETURNS trigger
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'INSERT' AND NEW.placed_at BETWEEN now() AND clock_timestamp() THEN -- and not of a dump
        PERFORM etl._audit('hold placed', NEW.relation_name, jsonb_strip_nulls(jsonb_build_object(
            'hold', NEW.name, 'predicate', NEW.predicate, 'reason', NEW.reason, 'until', NEW.until)));
    ELSIF TG_OP = 'UPDATE' THEN
        PERFORM etl._audit('hold released', NEW.relation_name, jsonb_build_object(
            'hold', NEW.name, 'reason', NEW.release_reason, 'placed_by', NEW.owner));
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION etl._audit_hold() IS 'Writes down in etl.audit_log that a hold was placed or released.';

CREATE TRIGGER place BEFORE INSERT ON etl.legal_hold FOR EACH ROW EXECUTE FUNCTION etl._place_hold();
COMMENT ON TRIGGER place ON etl.legal_hold IS 'Checks a new hold, and lets it bind whoever deletes from now on.';
CREATE TRIGGER release BEFORE UPDATE ON etl.legal_hold FOR EACH ROW EXECUTE FUNCTION etl._release_hold();
COMMENT ON TRIGGER release ON etl.legal_hold IS 'Lets a hold be released, and nothing else.';
CREATE TRIGGER audit AFTER INSERT OR UPDATE ON etl.legal_hold FOR EACH ROW EXECUTE FUNCTION etl._audit_hold();
COMMENT ON TRIGGER audit ON etl.legal_hold IS 'Writes down what was done.';
CREATE TRIGGER keep BEFORE DELETE OR TRUNCATE ON etl.legal_hold
    FOR EACH STATEMENT EXECUTE FUNCTION etl._keep_record('etl.release_legal_hold ends a hold.');
COMMENT ON TRIGGER keep ON etl.legal_hold IS 'Keeps holds from being deleted.';
-- Whatever session_replication_role says.
ALTER TABLE etl.legal_hold ENABLE ALWAYS TRIGGER place, ENABLE ALWAYS TRIGGER release, ENABLE ALWAYS TRIGGER audit,
    ENABLE ALWAYS TRIGGER keep;

CREATE FUNCTION etl._require_hold_right(privilege text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT has_table_privilege('etl.legal_hold', privilege) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = format('role "%s" has no right to legal holds', current_user),
            DETAIL = format('The call needs %s on table "etl.legal_hold".', privilege),
            HINT = format('GRANT SELECT, INSERT, UPDATE ON etl.legal_hold TO %I;', current_user);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_hold_right(text) IS
    'Checks that the current role may place (INSERT) or release (UPDATE) holds (42501).';

CREATE FUNCTION etl.add_legal_hold(
    name text, relation regclass, predicate text DEFAULT NULL, reason text DEFAULT NULL, until timestamptz DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    placed bigint;
BEGIN
    PERFORM etl._require_hold_right('INSERT');
    IF EXISTS (SELECT FROM etl.legal_hold AS h WHERE h.name = add_legal_hold.name) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'duplicate_object',
            MESSAGE = format('legal hold "%s" already exists', name),
            HINT = 'The name of a hold is never used again, so that the record stays clear: take another one.';
    END IF;
    INSERT INTO etl.legal_hold (name, relation, predicate, reason, until)
    VALUES (name, relation, predicate, reason, until) RETURNING hold_id INTO placed;
    RETURN placed;
END
$$;
COMMENT ON FUNCTION etl.add_legal_hold(text, regclass, text, text, timestamptz) IS
    'Places a legal hold: from the commit on, no policy, deduplication or erasure of pg_etl deletes or changes the '
    'rows of the relation (and of its partitions and children, and of its archives) for which the predicate is true; '
    'NULL holds all rows. It goes with the table when that is renamed, and is on a table that gets its name, or that '
    'of a partition or child that it has now. The predicate is a condition of columns, constants, and immutable '
    'functions and operators of PostgreSQL itself, for it is evaluated with the rights of whoever deletes; its '
    'literals are read by the settings of this session. reason: why, for the record. until: when the hold ends by '
    'itself. Waits for transactions that are deleting rows, and keeps others from starting until this one has ended. '
    'Returns its number. It does not bind statements of users: REVOKE DELETE, TRUNCATE for these. Errors: 42501 no '
    'INSERT on etl.legal_hold, 42710 the name was used before, 22023 no name, no reason or an end in the past, 42P17 '
    'something else in the predicate, 42601 it is not one expression, 42703 no such column, 42809 not a table.';

CREATE FUNCTION etl.release_legal_hold(name text, reason text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
    PERFORM etl._require_hold_right('UPDATE'), etl._require_reason(reason, 'the reason of a release');
    UPDATE etl.legal_hold AS h SET release_reason = reason WHERE h.name = release_legal_hold.name;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object',
            MESSAGE = format('legal hold %s does not exist', coalesce('"' || name || '"', 'NULL')),
            HINT = 'SELECT name FROM etl.legal_holds; lists them.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl.release_legal_hold(text, text) IS
    'Ends a legal hold, for a reason that is recorded with it. Errors: 42501 no UPDATE on etl.legal_hold, 42704 no '
    'such hold, 55000 it was released already, 22023 no reason.';

CREATE VIEW etl.legal_holds WITH (security_invoker = true) AS
SELECT h.hold_id,
       h.name,
       coalesce(etl._relation_name(h.relation), h.relation_name) AS relation,
       h.predicate,
       h.until,
       CASE WHEN h.released_at IS NOT NULL THEN 'released'
            WHEN h.until <= now() THEN 'expired'
            WHEN etl._relation_kind(h.relation) IS NULL AND etl._named(h.relation_name) IS NULL THEN 'lost'
            ELSE 'active' END AS status,
       h.owner AS placed_by,
       h.placed_at,
       h.released_at
FROM etl.legal_hold AS h;
COMMENT ON VIEW etl.legal_holds IS
    'Legal holds and whether they stand: active, released, expired (until has passed), or lost (the table was '
    'dropped, and none has its name). Everybody may read it; the reasons are in etl.legal_hold.';
GRANT SELECT ON etl.legal_holds TO PUBLIC;
