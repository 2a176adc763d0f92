-- Retention policies: rows past their time move from a table to its archive, and from the archive into nothing.
--
-- run.sql runs them. A policy knows its tables by name, so that neither a restored dump nor a dropped table can turn it
-- on another table.

CREATE TABLE etl.retention_policy (
    policy_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    relation text NOT NULL,
    time_column name NOT NULL,
    keep interval NOT NULL CHECK (keep > interval '0'),
    archive_to text,
    archive_keep interval,
    filter text,
    batch_rows integer NOT NULL CHECK (batch_rows > 0),
    schedule text,
    created_at timestamptz NOT NULL DEFAULT now(),
    owner name NOT NULL DEFAULT current_user,
    CHECK (archive_keep IS NULL OR archive_to IS NOT NULL AND archive_keep > keep)
);
COMMENT ON TABLE etl.retention_policy IS
    'Retention policies, one row each; a role sees its own. Read them in etl.policies.';
COMMENT ON SEQUENCE etl.retention_policy_policy_id_seq IS 'Numbers of retention policies.';
ALTER TABLE etl.retention_policy ENABLE ROW LEVEL SECURITY;
CREATE POLICY retention_policy_owner ON etl.retention_policy USING (owner = current_user);
GRANT SELECT, INSERT, UPDATE, DELETE ON etl.retention_policy TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.retention_policy', '');
SELECT pg_catalog.pg_extension_config_dump('etl.retention_policy_policy_id_seq', '');

CREATE VIEW etl.policies WITH (security_invoker = true) AS
SELECT p.name AS policy,
       p.relation,
       p.time_column,
       p.keep,
       p.archive_to,
       p.archive_keep,
       p.filter,
       p.batch_rows,
       p.schedule,
       r.run_id AS last_run,
       r.started_at AS last_started_at,
       r.status AS last_status,
       r.rows AS last_rows,
       p.owner
FROM etl.retention_policy AS p
LEFT JOIN LATERAL (
    SELECT u.run_id, u.started_at, u.status, u.rows
    FROM etl.run AS u
    WHERE u.kind = 'retention' AND u.name = p.name AND u.owner = p.owner
    ORDER BY u.run_id DESC
    LIMIT 1
) AS r ON true;
COMMENT ON VIEW etl.policies IS
    'Retention policies with what each does, when it is run, and how its last run went. Define them with '
    'etl.add_retention_policy.';
GRANT SELECT ON etl.policies TO PUBLIC;

-- Checks of a definition ---------------------------------------------------------------------------------------------

CREATE FUNCTION etl._retention_time_type(relation regclass, time_column name)
RETURNS regtype
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    type regtype;
BEGIN
    PERFORM etl._require_column(relation, time_column);
    SELECT a.atttypid INTO type
    FROM pg_attribute AS a
    WHERE a.attrelid = relation AND a.attname = time_column AND NOT a.attisdropped;
    IF type NOT IN ('date'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'datatype_mismatch',
            MESSAGE = format('column "%s" of table "%s" is of type %s, which does not tell a row''s age', time_column,
                             relation, type),
            HINT = 'Name a column of type date, timestamp or timestamptz.';
    END IF;
    RETURN type;
END
$$;
COMMENT ON FUNCTION etl._retention_time_type(regclass, name) IS
    'Type of a policy''s time column: date, timestamp or timestamptz (42804 when it is any other, 42703 when there is '
    'no such column).';

CREATE FUNCTION etl._retention_columns(source regclass, archive regclass)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    columns text;
    missing text;
    first_missing name;
    differing record;
BEGIN
    SELECT string_agg(format('ADD COLUMN %I %s', s.attname, format_type(s.atttypid, s.atttypmod)), ', '
                      ORDER BY s.attnum) FILTER (WHERE a.attname IS NULL),
           (array_agg(s.attname ORDER BY s.attnum) FILTER (WHERE a.attname IS NULL))[1],
           -- An archive column that computes itself is left to do so.
           string_agg(quote_ident(s.attname), ', ' ORDER BY s.attnum) FILTER (WHERE a.attgenerated = '')
        INTO missing, first_missing, columns
    FROM pg_attribute AS s
    LEFT JOIN pg_attribute AS a ON a.attrelid = archive AND a.attname = s.attname AND a.attnum > 0
                               AND NOT a.attisdropped
    WHERE s.attrelid = source AND s.attnum > 0 AND NOT s.attisdropped;
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_column',
            MESSAGE = format('archive table "%s" lacks column "%s" of table "%s"', archive, first_missing, source),
            DETAIL = 'Its rows would lose what stands there.',
            HINT = format('ALTER TABLE %s %s;', archive, missing);
    END IF;
    SELECT s.attname, format_type(s.atttypid, s.atttypmod) AS wanted, format_type(a.atttypid, a.atttypmod) AS found
        INTO differing
    FROM pg_attribute AS s
    JOIN pg_attribute AS a ON a.attrelid = archive AND a.attname = s.attname AND NOT a.attisdropped
    WHERE s.attrelid = source AND s.attnum > 0 AND NOT s.attisdropped
      AND (a.atttypid <> s.atttypid OR a.atttypmod NOT IN (s.atttypmod, -1))
    ORDER BY s.attnum
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'datatype_mismatch',
            MESSAGE = format('column "%s" is of type %s in archive table "%s" and of type %s in table "%s"',
                             differing.attname, differing.found, archive, differing.wanted, source),
            DETAIL = 'A conversion could change what is archived.',
            HINT = format('ALTER TABLE %s ALTER COLUMN %I TYPE %s;', archive, differing.attname, differing.wanted);
    END IF;
    RETURN columns;
END
$$;
COMMENT ON FUNCTION etl._retention_columns(regclass, regclass) IS
    'Columns to carry from a table to its archive, quoted and separated by commas, after checking that the archive has '
    'each of them (42703) in the same type (42804); the hints are the ALTER TABLE that mends it.';

CREATE FUNCTION etl._retention_check_relation(relation regclass, archived boolean)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._require_table(relation, ARRAY['SELECT', 'UPDATE', 'DELETE']);
    PERFORM etl._require_permanent(relation);
    PERFORM etl._require_no_foreign_children(relation);
    IF archived THEN
        PERFORM etl._require_no_wider_children(relation);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._retention_check_relation(regclass, boolean) IS
    'Checks that rows of a table can be deleted (and archived): an ordinary or partitioned table, neither temporary '
    'nor with foreign partitions or children of more columns (42809), with the privileges (42501).';

CREATE FUNCTION etl._retention_before(as_of timestamptz, span interval, argument text)
RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moment timestamptz;
BEGIN
    -- In UTC, so that days and months are the same wherever it is computed.
    moment := (as_of AT TIME ZONE 'UTC' - span) AT TIME ZONE 'UTC';
    IF moment >= as_of THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('%s "%s" does not reach back from as_of', argument, span),
            HINT = 'Give a positive interval, such as ''90 days''.';
    END IF;
    RETURN moment;
EXCEPTION
    WHEN datetime_field_overflow THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('%s "%s" is too long', argument, span),
            DETAIL = 'It reaches back to before 4714 BC, where timestamps begin.',
            HINT = 'Give an interval of not more than some thousand years.';
END
$$;
COMMENT ON FUNCTION etl._retention_before(timestamptz, interval, text) IS
    'The moment that lies a span before another, computed in UTC; NULL for a span that is NULL. Raises 22023 when it '
    'is none or not before; the last argument names the span in the error.';

CREATE FUNCTION etl._retention_check_spans(keep interval, archive_to text, archive_keep interval, batch_rows integer)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._require_positive(keep, 'keep');
    IF archive_keep IS NOT NULL THEN
        PERFORM etl._require_positive(archive_keep, 'archive_keep');
    END IF;
    PERFORM etl._retention_before('2000-01-01 00:00+00', keep, 'keep'),
            etl._retention_before('2000-01-01 00:00+00', archive_keep, 'archive_keep');
    IF archive_keep <= keep THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('archive_keep "%s" is not longer than keep "%s"', archive_keep, keep),
            DETAIL = 'Both count from the time of the row: it leaves the table after keep and the archive after '
                     'archive_keep.',
            HINT = 'Give a longer archive_keep, or leave archive_to out so that rows are deleted at once.';
    ELSIF archive_keep IS NOT NULL AND archive_to IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'archive_keep is given without archive_to',
            HINT = 'Name the archive table in archive_to, or leave archive_keep out.';
    ELSIF batch_rows IS NULL OR batch_rows < 1 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('batch_rows must be at least 1, not %s', coalesce(batch_rows::text, 'NULL')),
            HINT = 'Give the number of rows that one transaction moves; the default is 5000.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._retention_check_spans(interval, text, interval, integer) IS
    'Checks the spans and the batch size of a policy (22023).';

-- Defining policies --------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._retention_policy(name text, or_superuser boolean DEFAULT false)
RETURNS etl.retention_policy
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored etl.retention_policy;
BEGIN
    SELECT p.* INTO stored FROM etl.retention_policy AS p WHERE p.name = _retention_policy.name;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object',
            MESSAGE = format('retention policy "%s" does not exist', name),
            HINT = 'SELECT policy FROM etl.policies lists the policies of the current role; '
                   'etl.add_retention_policy(…) defines one.';
    END IF;
    PERFORM etl._require_owner(stored.owner, format('retention policy "%s"', name), or_superuser);
    RETURN stored;
END
$$;
COMMENT ON FUNCTION etl._retention_policy(text, boolean) IS
    'The current role''s policy of that name (42704 when there is none, 42501 when it is another role''s and the '
    'caller no superuser for whom or_superuser makes an exception).';

CREATE FUNCTION etl._retention_keep_existing(asked etl.retention_policy, if_not_exists boolean)
RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored etl.retention_policy;
    differences text;
BEGIN
    SELECT p.* INTO stored FROM etl.retention_policy AS p WHERE p.name = asked.name;
    IF NOT FOUND THEN
        RETURN false;
    ELSIF NOT if_not_exists THEN
        RAISE EXCEPTION USING
            ERRCODE = 'duplicate_object',
            MESSAGE = format('retention policy "%s" already exists', asked.name),
            HINT = format('Choose another name, or call etl.remove_retention_policy(%L) first.', asked.name);
    END IF;
    SELECT string_agg(a.key, ', ' ORDER BY a.key) INTO differences
    FROM jsonb_each(to_jsonb(asked) - 'policy_id' - 'created_at') AS a
    JOIN jsonb_each(to_jsonb(stored)) AS s USING (key)
    WHERE a.value <> s.value;
    IF differences IS NULL THEN
        RAISE NOTICE USING MESSAGE = format('retention policy "%s" already exists, skipping', asked.name);
    ELSE
        RAISE WARNING USING
            MESSAGE = format('retention policy "%s" already exists and was not changed', asked.name),
            DETAIL = format('It differs from the definition that was given now in: %s.', differences),
            HINT = format('To define it anew, call etl.remove_retention_policy(%L) first.', asked.name);
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION etl._retention_keep_existing(etl.retention_policy, boolean) IS
    'True when a policy of that name exists and may stay (notice when it is the same, warning when it differs); 42710 '
    'when it exists and if_not_exists is false.';

CREATE FUNCTION etl.add_retention_policy(
    relation regclass,
    time_column name,
    keep interval,
    name text DEFAULT NULL,
    archive_to text DEFAULT NULL,
    archive_keep interval DEFAULT NULL,
    filter text DEFAULT NULL,
    batch_rows integer DEFAULT 5000,
    schedule text DEFAULT NULL,
    if_not_exists boolean DEFAULT false
)
RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    made etl.retention_policy;
BEGIN
    PERFORM etl._retention_check_relation(relation, archive_to IS NOT NULL);
    PERFORM etl._retention_time_type(relation, time_column);
    PERFORM etl._retention_check_spans(keep, archive_to, archive_keep, batch_rows);
    made.name := coalesce(name, (SELECT c.relname FROM pg_class AS c WHERE c.oid = relation));
    PERFORM etl._require_name(made.name, 'name');
    IF filter IS NOT NULL THEN
        PERFORM etl._require_condition(relation, filter, 'filter');
    END IF;
    IF schedule IS NOT NULL THEN
        PERFORM etl._require_schedule(schedule);
        PERFORM etl._require_pg_cron();
    END IF;
    made.relation := etl._relation_name(relation);
    made.time_column := time_column;
    made.keep := keep;
    made.archive_to := etl._retention_archive_name(relation, archive_to);
    made.archive_keep := archive_keep;
    made.filter := filter;
    made.batch_rows := batch_rows;
    made.schedule := lower(btrim(schedule));
    made.owner := current_user;
    IF etl._retention_keep_existing(made, if_not_exists) THEN
        RETURN made.name;
    END IF;

    IF archive_to IS NOT NULL THEN
        IF to_regclass(made.archive_to) IS NULL THEN
            PERFORM etl._retention_make_archive(relation, time_column, made.archive_to);
        END IF;
        PERFORM etl._retention_check_archive(made);
        PERFORM etl._retention_check_sharing(made);
    END IF;
    PERFORM etl._retention_warn(relation, time_column);
    IF archive_keep IS NOT NULL THEN
        PERFORM etl._retention_warn(made.archive_to::regclass, time_column);
    END IF;
    BEGIN
        INSERT INTO etl.retention_policy (name, relation, time_column, keep, archive_to, archive_keep, filter,
                                          batch_rows, schedule)
        VALUES (made.name, made.relation, made.time_column, made.keep, made.archive_to, made.archive_keep, made.filter,
                made.batch_rows, made.schedule);
    EXCEPTION
        WHEN unique_violation THEN -- another role's, which row security hides
            RAISE EXCEPTION USING
                ERRCODE = 'duplicate_object',
                MESSAGE = format('retention policy "%s" already exists', made.name),
                DETAIL = 'Names of policies are unique in the database; this one belongs to another role.',
                HINT = 'Choose another name.';
    END;
    IF schedule IS NOT NULL THEN
        PERFORM etl._cron_schedule(etl._cron_job_name('retention', made.name), schedule,
                                   format('CALL etl.run_retention(%L)', made.name));
    END IF;
    RETURN made.name;
END
$$;
COMMENT ON FUNCTION etl.add_retention_policy(regclass, name, interval, text, text, interval, text, integer, text,
                                             boolean) IS
$$Defines how long the rows of a table are kept, and returns the name of the policy. etl.run_retention carries it out.
relation: an ordinary or partitioned table. time_column: its date, timestamp or timestamptz column from which a row's
age counts; timestamps without time zone and dates are taken as UTC. keep: rows older than this leave the table.
name: name of the policy, unique in the database (default: the name of the table).
archive_to: table that takes the rows, created like the source where it is missing; a bare name lies in the schema of
the source. NULL: rows are deleted. archive_keep: rows older than this, counted from the same time, are deleted from
the archive.
filter: SQL condition; only rows for which it is true are touched, in the archive as well. batch_rows: rows per
transaction.
schedule: five cron fields (GMT) or a macro such as @daily, run by pg_cron. if_not_exists: an existing policy is left
as it is.
Errors: 42809 not a table, 42703 unknown column, 42804 column of another type, 22023 bad span, name or schedule, 42501
missing privilege, 42710 name taken, 55000 schedule without pg_cron; a bad filter keeps the SQLSTATE of its parse
error.$$;

CREATE FUNCTION etl.remove_retention_policy(name text, if_exists boolean DEFAULT false)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    doomed etl.retention_policy;
BEGIN
    IF if_exists AND NOT EXISTS (
        SELECT FROM etl.retention_policy AS p WHERE p.name = remove_retention_policy.name
    ) THEN
        RAISE NOTICE USING MESSAGE = format('retention policy "%s" does not exist, skipping', name);
        RETURN;
    END IF;
    doomed := etl._retention_policy(name, or_superuser => true);
    IF doomed.schedule IS NOT NULL THEN
        PERFORM etl._cron_unschedule(etl._cron_job_name('retention', doomed.name), doomed.owner);
    END IF;
    DELETE FROM etl.retention_policy AS p WHERE p.policy_id = doomed.policy_id;
END
$$;
COMMENT ON FUNCTION etl.remove_retention_policy(text, boolean) IS
    'Removes a retention policy and its schedule; the table, the archive and the record of its runs stay. if_exists: '
    'only a notice when there is none. A superuser may remove another role''s. Errors: 42704 no such policy, 42501 '
    'another role''s.';
