-- Tiers of a retention policy: the places through which its rows go, and when.

CREATE FUNCTION etl._retention_tiers(policy etl.retention_policy)
RETURNS SETOF etl.retention_tier
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT t.* FROM etl.retention_tier AS t WHERE t.policy_id = (policy).policy_id ORDER BY t.tier
$$;
COMMENT ON FUNCTION etl._retention_tiers(etl.retention_policy) IS 'The tiers of a policy, the first one first.';

CREATE FUNCTION etl._retention_table(relation text, archive_to text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off -- the name is compared with stored ones
AS $$
    SELECT CASE
               WHEN archive_to LIKE 'schema:%' THEN
                   format('%I.%I', (parse_ident(substr(archive_to, 8)))[1], (parse_ident(relation))[2])
               WHEN archive_to NOT LIKE 'file:%' THEN archive_to
           END
$$;
COMMENT ON FUNCTION etl._retention_table(text, text) IS
    'The table that takes the rows of a relation under a stored archive_to: in a schema the one of the relation''s own '
    'name; NULL where rows go to files or nowhere.';

CREATE FUNCTION etl._retention_place(policy etl.retention_policy, tier integer)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
               WHEN _retention_place.tier = 0 THEN (policy).relation
               ELSE (
                   SELECT coalesce(etl._retention_table((policy).relation, t.archive_to), t.archive_to)
                   FROM etl.retention_tier AS t
                   WHERE t.policy_id = (policy).policy_id AND t.tier = _retention_place.tier
               )
           END
$$;
COMMENT ON FUNCTION etl._retention_place(etl.retention_policy, integer) IS
    'Where rows are after a tier of a policy: the policy''s table for 0, else the table or the file:/// directory that '
    'the tier moves them to, and NULL where it deletes them or there is no such tier.';

CREATE FUNCTION etl._retention_tier(after interval, archive_to text, format text)
RETURNS etl.retention_tier
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (NULL, NULL, after, archive_to, format, current_user)::etl.retention_tier
$$;
COMMENT ON FUNCTION etl._retention_tier(interval, text, text) IS 'A tier that is not stored yet.';

CREATE FUNCTION etl._retention_ordered(tiers etl.retention_tier[])
RETURNS etl.retention_tier[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT array_agg((t.policy_id, t.place, t.after, t.archive_to, t.format, t.owner)::etl.retention_tier
                     ORDER BY t.place)
    FROM (
        SELECT u.*, row_number() OVER (ORDER BY u.after, u.archive_to IS NULL) AS place FROM unnest(tiers) AS u
    ) AS t
$$;
COMMENT ON FUNCTION etl._retention_ordered(etl.retention_tier[]) IS
    'Tiers in the order of their times, numbered from 1.';

CREATE FUNCTION etl._retention_span_name(tiers etl.retention_tier[], tier integer)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
               WHEN tier = 1 THEN 'keep'
               WHEN tiers[tier].archive_to IS NULL THEN 'archive_keep'
               ELSE 'after'
           END
$$;
COMMENT ON FUNCTION etl._retention_span_name(etl.retention_tier[], integer) IS
    'The argument by which the user gives the span of a tier.';

CREATE FUNCTION etl._retention_check_spans(policy etl.retention_policy, tiers etl.retention_tier[])
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    FOR n IN 1 .. cardinality(tiers) LOOP
        PERFORM etl._retention_check_span(tiers[n].after, etl._retention_span_name(tiers, n),
                                          may_be_zero => n = 1 AND policy.kind = 'expiry');
        IF tiers[n].after <= tiers[n - 1].after THEN
            RAISE EXCEPTION USING
                ERRCODE = 'invalid_parameter_value',
                MESSAGE = format('%s "%s" is not longer than %s "%s"', etl._retention_span_name(tiers, n),
                                 tiers[n].after, etl._retention_span_name(tiers, n - 1), tiers[n - 1].after),
                DETAIL = 'Both count from the time of the row, not from when it was archived.',
                HINT = format('Give a longer %s, or leave the archive out so that rows are deleted at once.',
                              etl._retention_span_name(tiers, n));
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._retention_check_spans(etl.retention_policy, etl.retention_tier[]) IS
    'Checks that the spans of the tiers are positive, the first one of kind expiry at least zero, and grow from each '
    'to the next (22023).';

CREATE FUNCTION etl._retention_check_tiers(tiers etl.retention_tier[])
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    FOR n IN 2 .. cardinality(tiers) LOOP
        IF tiers[n - 1].archive_to IS NULL THEN
            RAISE EXCEPTION USING
                ERRCODE = 'invalid_parameter_value',
                MESSAGE = format('rows that are deleted after "%s" cannot be %s after "%s"', tiers[n - 1].after,
                                 CASE WHEN tiers[n].archive_to IS NULL THEN 'deleted' ELSE 'archived' END,
                                 tiers[n].after),
                HINT = format('Give an interval below "%s", or remove the tier that deletes first.',
                              tiers[n - 1].after);
        ELSIF tiers[n - 1].archive_to LIKE 'file:%' AND tiers[n].archive_to IS NOT NULL THEN
            RAISE EXCEPTION USING
                ERRCODE = 'invalid_parameter_value',
                MESSAGE = format('rows cannot go on from files in "%s" to "%s"', tiers[n - 1].archive_to,
                                 tiers[n].archive_to),
                DETAIL = 'Files are kept as they were written, until all their rows are old enough to be deleted.',
                HINT = 'Let the tier of files be the last one before the rows are deleted.';
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._retention_check_tiers(etl.retention_tier[]) IS
    'Checks that only the last tier deletes, and that nothing but deleting follows files (22023).';
