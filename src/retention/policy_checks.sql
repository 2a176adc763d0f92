-- What is checked of a retention policy when it is defined, and again when it is run: its table, its time column, its
-- spans and its settings.

CREATE FUNCTION etl._policy_table(relation text, kind text, policy text)
RETURNS regclass
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF to_regclass(relation) IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_table',
            MESSAGE = format('table "%s" of %s policy "%s" does not exist', relation, kind, policy),
            DETAIL = 'It was dropped or renamed after the policy had been defined.',
            HINT = format('Call etl.remove_%s_policy(%L), and define a policy for the table that is there now.', kind,
                          policy);
    END IF;
    RETURN relation::regclass;
END
$$;
COMMENT ON FUNCTION etl._policy_table(text, text, text) IS
    'The table of a policy, of a kind (retention, partition) and a name, after checking that it is still there '
    '(42P01).';

CREATE FUNCTION etl._retention_time_type(relation regclass, time_column name)
RETURNS regtype
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    type regtype;
    base regtype;
BEGIN
    PERFORM etl._require_column(relation, time_column);
    SELECT a.atttypid INTO type
    FROM pg_attribute AS a
    WHERE a.attrelid = relation AND a.attname = time_column AND NOT a.attisdropped;
    WITH RECURSIVE layer(type) AS (
        SELECT type::oid
        UNION ALL
        SELECT t.typbasetype FROM layer AS l JOIN pg_type AS t ON t.oid = l.type WHERE t.typtype = 'd'
    )
    SELECT l.type INTO base FROM layer AS l JOIN pg_type AS t ON t.oid = l.type WHERE t.typtype <> 'd';
    IF base NOT IN ('date'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'datatype_mismatch',
            MESSAGE = format('column "%s" of table "%s" is of type %s, which does not tell a row''s age', time_column,
                             relation, type),
            HINT = 'Name a column of type date, timestamp or timestamptz.';
    END IF;
    RETURN base;
END
$$;
COMMENT ON FUNCTION etl._retention_time_type(regclass, name) IS
    'Type of a policy''s time column, of a domain the type beneath it: date, timestamp or timestamptz (42804 when it '
    'is any other, 42703 when there is no such column).';

CREATE FUNCTION etl._retention_check_relation(relation regclass, archived boolean)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._require_table(relation, ARRAY['SELECT', 'UPDATE', 'DELETE']);
    IF relation::oid < 16384 THEN -- FirstNormalObjectId: what initdb made
        RAISE EXCEPTION USING
            ERRCODE = 'wrong_object_type',
            MESSAGE = format('table "%s" belongs to PostgreSQL itself', relation),
            HINT = 'Name a table of your own.';
    END IF;
    PERFORM etl._require_users_table(relation), etl._require_permanent(relation);
    PERFORM etl._require_no_foreign_children(relation), etl._require_mutable(relation);
    PERFORM etl._require_no_rule(relation, '4', 'Let a trigger do what it does, or');
    IF archived THEN
        PERFORM etl._require_no_wider_children(relation);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._retention_check_relation(regclass, boolean) IS
    'Checks that rows of a table can be deleted (and archived): an ordinary or partitioned table, neither temporary '
    'nor a system catalog nor one of pg_etl nor with foreign partitions or children of more columns (42809) nor with '
    'a rule on DELETE (0A000) nor immutable (55000), with the privileges (42501).';

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
    IF moment > as_of OR moment = as_of AND span <> interval '0' THEN
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
    'is none or not before (for a span of zero: not the same); the last argument names the span in the error.';

CREATE FUNCTION etl._retention_check_span(span interval, argument text, may_be_zero boolean)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Zero in every part: '1 month -30 days' only compares equal to it.
    IF may_be_zero AND span = interval '0' AND extract(year FROM span) = 0 AND extract(month FROM span) = 0
       AND extract(day FROM span) = 0 THEN
        RETURN;
    END IF;
    PERFORM etl._require_positive(span, argument);
    PERFORM etl._retention_before('2000-01-01 00:00+00', span, argument);
END
$$;
COMMENT ON FUNCTION etl._retention_check_span(interval, text, boolean) IS
    'Checks that a span is there, reaches back from any moment and not too far; the last argument says whether it may '
    'be zero as well (22023).';

CREATE FUNCTION etl._retention_duration(value interval, argument text, shortest interval, longest interval)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF value IS NULL OR NOT isfinite(value) OR NOT value BETWEEN shortest AND longest
       OR extract(year FROM value) + extract(month FROM value) <> 0 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = CASE
                          WHEN value IS NULL THEN format('%s must not be NULL', argument)
                          WHEN isfinite(value) AND value BETWEEN shortest AND longest THEN
                              format('%s must be in days, hours, minutes and seconds, not "%s"', argument, value)
                          ELSE format('%s must be between "%s" and "%s", not "%s"', argument, shortest, longest, value)
                      END,
            HINT = 'Give an interval such as ''10 minutes'', or leave it out for the default.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._retention_duration(interval, text, interval, interval) IS
    'Checks that a setting lies between two others and has no months in it, which are of no fixed length (22023).';

CREATE FUNCTION etl._require_choice(value text, argument text, choices text[])
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF value = ANY (choices) THEN
        RETURN;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'invalid_parameter_value',
        MESSAGE = CASE
                      WHEN value IS NULL THEN format('%s must not be NULL', argument)
                      ELSE format('unknown %s "%s"', argument, left(value, 80))
                  END,
        HINT = format('Give one of ''%s'', or leave it out for the default.', array_to_string(choices, ''', '''));
END
$$;
COMMENT ON FUNCTION etl._require_choice(text, text, text[]) IS
    'Checks that a text is one of several (22023); the second argument names it in the error.';

CREATE FUNCTION etl._retention_check_settings(policy etl.retention_policy)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._require_name(policy.name, 'name'),
            etl._require_choice(policy.kind, 'kind', ARRAY['age', 'expiry']),
            etl._require_choice(policy.method, 'method', ARRAY['auto', 'rows', 'partitions']),
            etl._require_choice(policy.on_unfresh_rollup, 'on_unfresh_rollup', ARRAY['freeze', 'wait', 'ignore']),
            etl._retention_duration(policy.max_runtime, 'max_runtime', '1 s', '1000 days'),
            etl._retention_duration(policy.pause, 'pause', '0', '1 day'),
            etl._retention_duration(policy.lock_timeout, 'lock_timeout', '1 ms', '1 day'),
            etl._require_flag(policy.follow_references, 'follow_references'),
            etl._require_flag(policy.evolve, 'evolve');
    IF policy.batch_rows IS NULL OR policy.batch_rows NOT BETWEEN 1 AND 1000000 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = CASE
                          WHEN policy.batch_rows > 1 THEN
                              format('batch_rows must be at most 1000000, not %s', policy.batch_rows)
                          ELSE format('batch_rows must be at least 1, not %s',
                                      coalesce(policy.batch_rows::text, 'NULL'))
                      END,
            HINT = 'Give the number of rows that one transaction moves; the default is 5000.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._retention_check_settings(etl.retention_policy) IS
    'Checks the name and the settings of a policy but for its schedule (22023).';

CREATE FUNCTION etl._retention_check_schedule(schedule text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF schedule IS NOT NULL THEN
        PERFORM etl._require_schedule(schedule);
        PERFORM etl._require_pg_cron();
    END IF;
END
$$;
COMMENT ON FUNCTION etl._retention_check_schedule(text) IS
    'Checks the schedule of a policy, NULL for none (22023, 55000 without pg_cron, 42501 without the right to use it).';
