-- What was done to data and to the rules about it: a log to which rows can only be added, chained by hash.
--
-- Each role has a chain of its own, for each role writes under its own rights. A row's hash covers the hash of the row
-- before and all that the row says; so a row that is changed, cut out, moved or put in breaks the chain, at that place
-- or at the next one. Only the end can be cut off unseen, or a chain be written anew from some row on by one who may
-- disable the triggers; who has kept the head of the chain elsewhere sees that, too.

CREATE TABLE etl.audit_log (
    owner name NOT NULL DEFAULT current_user,
    seq bigint NOT NULL CHECK (seq > 0),
    at timestamptz NOT NULL,
    actor name NOT NULL,
    action text NOT NULL CHECK (action <> ''),
    object text,
    detail jsonb NOT NULL DEFAULT '{}',
    previous bytea NOT NULL CHECK (octet_length(previous) = 32),
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (owner, seq)
);
-- What was done about one object; batches of runs are not of interest there.
CREATE INDEX audit_log_object_idx ON etl.audit_log (object) WHERE action NOT IN ('archive', 'delete');
COMMENT ON TABLE etl.audit_log IS
    'What was archived, deleted, held, released and defined: by whom (owner: the role whose rights were used; actor: '
    'the role that had logged in), when (at), what (action, object, detail). Rows can only be added, by '
    'etl._audit. The rows of each owner are a chain: seq counts them from 1, and hash = sha256(previous || '
    'convert_to(jsonb_build_array(owner, seq, at in microseconds since 1970, actor, action, object, detail)::text, '
    '''UTF8'')), where previous is the hash of the row before, and 32 zero bytes for the first one. '
    'etl.verify_audit() checks it. A role sees its own rows, a member of pg_read_all_data those of all roles.';
ALTER TABLE etl.audit_log ENABLE ROW LEVEL SECURITY;
CREATE POLICY audit_log_owner ON etl.audit_log USING (owner = current_user);
CREATE POLICY audit_log_auditor ON etl.audit_log FOR SELECT USING (pg_has_role('pg_read_all_data', 'USAGE'));
GRANT SELECT, INSERT (action, object, detail) ON etl.audit_log TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.audit_log', '');

CREATE FUNCTION etl._audit_hash(
    previous bytea, owner name, seq bigint, at timestamptz, actor name, action text, object text, detail jsonb)
RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT sha256(previous || convert_to(
        jsonb_build_array(owner, seq, (extract(epoch FROM at) * 1000000)::bigint, actor, action, object, detail)::text,
        'UTF8'))
$$;
COMMENT ON FUNCTION etl._audit_hash(bytea, name, bigint, timestamptz, name, text, text, jsonb) IS
    'The hash of a row of etl.audit_log, as the comment of that table says.';

CREATE FUNCTION etl._may_restore(rows_of regclass)
RETURNS bool
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT pg_has_role(c.relowner, 'USAGE') FROM pg_class AS c WHERE c.oid = rows_of
$$;
COMMENT ON FUNCTION etl._may_restore(regclass) IS
    'Whether the current role may put rows of a table back as a dump has them: its owner, and a superuser.';

CREATE FUNCTION etl._chain_audit_row()
RETURNS trigger
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    head jsonb;
BEGIN
    IF NEW.hash IS NOT NULL AND etl._may_restore('etl.audit_log') THEN
        RETURN NEW; -- of a dump; etl.verify_audit() tells whether it belongs here
    END IF;
    PERFORM pg_advisory_xact_lock('etl.audit_log'::regclass::oid::integer,
                                  quote_ident(current_user)::regrole::oid::integer);
    head := etl._latest_value(
        'SELECT (SELECT jsonb_build_array(l.seq, l.hash) FROM etl.audit_log AS l WHERE l.owner = $1 '
        'ORDER BY l.seq DESC LIMIT 1)', NULL::jsonb, current_user);
    NEW.owner := current_user;
    NEW.actor := session_user;
    NEW.at := clock_timestamp();
    NEW.seq := coalesce((head ->> 0)::bigint, 0) + 1;
    NEW.previous := coalesce((head ->> 1)::bytea, decode(repeat('00', 32), 'hex'));
    NEW.hash := etl._audit_hash(NEW.previous, NEW.owner, NEW.seq, NEW.at, NEW.actor, NEW.action, NEW.object,
                                NEW.detail);
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION etl._chain_audit_row() IS
    'Puts a new row at the end of the chain of the current role, whatever it says about its place. Waits for a '
    'transaction that has added to the same chain. Rows of a dump stay as they are.';

CREATE FUNCTION etl._keep_record()
RETURNS trigger
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'insufficient_privilege',
        MESSAGE = format('%s of table "etl.%s" is not allowed', TG_OP, TG_TABLE_NAME),
        DETAIL = 'Its rows are a record of what was done: they stay as they are.',
        HINT = TG_ARGV[0];
END
$$;
COMMENT ON FUNCTION etl._keep_record() IS
    'Trigger that keeps rows that are a record from being changed or deleted (42501). Its argument is the hint.';

CREATE TRIGGER chain BEFORE INSERT ON etl.audit_log FOR EACH ROW EXECUTE FUNCTION etl._chain_audit_row();
COMMENT ON TRIGGER chain ON etl.audit_log IS 'Puts each new row at the end of its owner''s chain.';
CREATE TRIGGER keep BEFORE UPDATE OR DELETE OR TRUNCATE ON etl.audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION etl._keep_record('What was wrong is put right by another row.');
COMMENT ON TRIGGER keep ON etl.audit_log IS 'Keeps rows from being changed or deleted.';
-- Whatever session_replication_role says.
ALTER TABLE etl.audit_log ENABLE ALWAYS TRIGGER chain, ENABLE ALWAYS TRIGGER keep;

CREATE FUNCTION etl._audit(action text, object text, detail jsonb DEFAULT '{}')
RETURNS bigint
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO etl.audit_log (action, object, detail) VALUES (action, object, coalesce(detail, '{}')) RETURNING seq
$$;
COMMENT ON FUNCTION etl._audit(text, text, jsonb) IS
    'Adds a row to the current role''s chain of etl.audit_log, and returns its number. To the end of the transaction '
    'no other one adds to that chain: called last, nothing waits long.';

-- Checking ------------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._broken_audit_rows(chain name)
RETURNS TABLE(owner name, seq bigint, hash bytea, rows bigint, problem text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT l.owner, l.seq, l.hash, row_number() OVER w,
           CASE WHEN l.seq <= coalesce(lag(l.seq) OVER w, 0) THEN format('row %s is there twice', l.seq)
                WHEN l.seq <> coalesce(lag(l.seq) OVER w, 0) + 1 THEN
                    format('rows %s to %s are missing', coalesce(lag(l.seq) OVER w, 0) + 1, l.seq - 1)
                WHEN NOT isfinite(l.at) OR l.hash <> etl._audit_hash(
                         l.previous, l.owner, l.seq, l.at, l.actor, l.action, l.object, l.detail) THEN
                    format('row %s was changed', l.seq)
                WHEN l.previous <> coalesce(lag(l.hash) OVER w, decode(repeat('00', 32), 'hex')) THEN
                    format('row %s does not follow what stands before it', l.seq) END
    FROM etl.audit_log AS l
    WHERE chain IS NULL OR l.owner = chain
    WINDOW w AS (PARTITION BY l.owner ORDER BY l.seq)
$$;
COMMENT ON FUNCTION etl._broken_audit_rows(name) IS
    'The rows of a chain, or of all, in order, each with its number in what is there, and with what is wrong with it.';

CREATE FUNCTION etl._kept_head_problem(owner name, kept_seq bigint, kept_hash bytea)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE (SELECT l.hash = kept_hash FROM etl.audit_log AS l
                 WHERE l.owner = _kept_head_problem.owner AND l.seq = kept_seq)
               WHEN true THEN NULL
               WHEN false THEN format('row %s has not the hash that was kept', kept_seq)
               ELSE format('row %s, whose hash was kept, is missing', kept_seq) END
    WHERE kept_seq IS NOT NULL
$$;
COMMENT ON FUNCTION etl._kept_head_problem(name, bigint, bytea) IS
    'What speaks against a chain that had a row of this number and hash; NULL where nothing does.';

CREATE FUNCTION etl.verify_audit(owner name DEFAULT NULL, kept_seq bigint DEFAULT NULL, kept_hash bytea DEFAULT NULL)
RETURNS TABLE(chain name, rows bigint, head_seq bigint, head_hash bytea, is_whole bool, broken_at bigint, problem text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    IF (kept_seq IS NULL) <> (kept_hash IS NULL) OR kept_seq IS NOT NULL AND verify_audit.owner IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'a head that was kept needs an owner, a number and a hash',
            HINT = 'Give owner, kept_seq and kept_hash: chain, head_seq and head_hash of an earlier '
                   'etl.verify_audit().';
    END IF;
    RETURN QUERY
        SELECT f.chain, f.rows, f.head_seq, f.head_hash, f.problem IS NULL, f.broken_at, f.problem
        FROM (
            SELECT c.owner, count(r.seq), max(r.seq), (array_agg(r.hash ORDER BY r.seq DESC))[1],
                   coalesce(min(r.seq) FILTER (WHERE r.problem IS NOT NULL), min(k.problem_at)),
                   coalesce((array_agg(r.problem ORDER BY r.seq) FILTER (WHERE r.problem IS NOT NULL))[1],
                            min(k.problem))
            FROM (SELECT DISTINCT l.owner FROM etl.audit_log AS l WHERE verify_audit.owner IS NULL
                  UNION ALL SELECT verify_audit.owner WHERE verify_audit.owner IS NOT NULL) AS c
            LEFT JOIN etl._broken_audit_rows(verify_audit.owner) AS r ON r.owner = c.owner
            CROSS JOIN LATERAL (
                SELECT kept_seq, etl._kept_head_problem(c.owner, kept_seq, kept_hash)) AS k(problem_at, problem)
            GROUP BY c.owner
        ) AS f(chain, rows, head_seq, head_hash, broken_at, problem)
        ORDER BY f.chain;
END
$$;
COMMENT ON FUNCTION etl.verify_audit(name, bigint, bytea) IS
    'Checks that in etl.audit_log no row was changed, cut out, moved or put in: one row for each chain, or for that '
    'of one owner, with how many rows it has, its last one (head_seq, head_hash), whether it is whole, and otherwise '
    'the first row where it is not (broken_at) and why (problem). What was cut off at the end, or written anew from '
    'some row on, shows only against a head that was kept elsewhere: kept_seq and kept_hash are the head_seq and '
    'head_hash of an earlier check. Reads what the role may see: its own chain; as a member of pg_read_all_data, all. '
    'Errors: 22023 a head without its owner, number or hash.';
