-- Tiers of retention policies: added and removed.

CREATE FUNCTION etl.add_tier(policy text, after interval, archive_to text, format text DEFAULT NULL)
RETURNS integer
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored etl.retention_policy := etl._retention_lock(policy);
    relation regclass := etl._policy_table(stored.relation, 'retention', stored.name);
    tiers etl.retention_tier[] := ARRAY(SELECT etl._retention_tiers(stored));
    target text := etl._retention_target(relation, archive_to);
BEGIN
    PERFORM etl._retention_check_span(after, 'after', may_be_zero => stored.kind = 'expiry');
    tiers := etl._retention_ordered(
        tiers || etl._retention_tier(after, target, etl._retention_format(target, add_tier.format)));
    PERFORM etl._retention_check_spans(stored, tiers), etl._retention_check_tiers(tiers);
    PERFORM etl._retention_change(stored, stored, tiers, 'add tier');
    RETURN (SELECT t.tier FROM unnest(tiers) AS t WHERE t.policy_id IS NULL);
END
$$;
COMMENT ON FUNCTION etl.add_tier(text, interval, text, text) IS
$$Adds a tier to a retention policy, and returns its number: rows older than "after", counted from the same time as
keep, go on to archive_to from where the tiers before put them. The tiers stand in the order of their times, whatever
the order in which they are added; etl.policies lists them.
archive_to: a table, a schema or a directory for files, as in etl.add_retention_policy; NULL: they are deleted, which
must be the last tier. Only deleting follows a tier of files. format: of files: ndjson or csv, with .gz or .zst at the
end when they are compressed (default ndjson.zst).
Errors: those of etl.add_retention_policy, 42704 no such policy, 42501 another role's, 42P01 its table is gone, 55006
another session is running it.$$;

CREATE FUNCTION etl.remove_tier(policy text, tier integer)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored etl.retention_policy := etl._retention_lock(policy);
    tiers etl.retention_tier[] := ARRAY(SELECT etl._retention_tiers(stored));
    doomed etl.retention_tier := tiers[tier];
BEGIN
    PERFORM etl._policy_table(stored.relation, 'retention', stored.name);
    IF doomed.tier IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object',
            MESSAGE = format('retention policy "%s" has no tier %s', policy, coalesce(tier::text, 'NULL')),
            HINT = format('It has tiers 1 to %s; SELECT tiers FROM etl.policies shows them.', cardinality(tiers));
    ELSIF cardinality(tiers) = 1 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('tier 1 is all that retention policy "%s" has', policy),
            HINT = format('Call etl.remove_retention_policy(%L), or add another tier first.', policy);
    END IF;
    tiers := etl._retention_ordered(ARRAY(SELECT t FROM unnest(tiers) AS t WHERE t.tier <> doomed.tier));
    PERFORM etl._retention_check_spans(stored, tiers), etl._retention_check_tiers(tiers);
    PERFORM etl._retention_change(stored, stored, tiers, 'remove tier');
    IF doomed.archive_to IS NOT NULL THEN
        RAISE NOTICE USING
            MESSAGE = format('what is archived in "%s" stays there', doomed.archive_to),
            DETAIL = 'The policy takes no rows out of it any more.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl.remove_tier(text, integer) IS
$$Takes a tier, given by its number, out of a retention policy; the later ones move up. What it has archived stays where
it is, and the policy does not touch it any more.
Errors: 42704 no such policy or tier, 22023 it is the only one, 42501 another role's, 42P01 its table is gone, 55006
another session is running it.$$;
