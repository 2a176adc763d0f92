-- The record of rules: what etl.audit_log says of a retention policy is what the policy is, however it was changed.
--
-- The functions that change policies write down what they do and why, and then do it. A trigger compares the rule with
-- the record after each statement, and adds what is missing: a role may change its own rows by hand, but not unseen.

CREATE FUNCTION etl._recorded_definition(policy text, owners name[])
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH change AS (
        SELECT l.action, l.detail, row_number() OVER (ORDER BY l.at, l.seq) AS n
        FROM etl.audit_log AS l
        WHERE l.object = policy AND jsonb_typeof(l.detail) = 'object'
          AND l.action IN ('add policy', 'remove policy', 'alter policy', 'add tier', 'remove tier', 'pause policy',
                           'resume policy')
          AND (l.owner = ANY (owners) OR l.owner IN (SELECT r.rolname FROM pg_roles AS r WHERE r.rolsuper))
    ), begun AS (
        SELECT c.* FROM change AS c WHERE c.action IN ('add policy', 'remove policy') ORDER BY c.n DESC LIMIT 1
    )
    SELECT jsonb_strip_nulls(b.detail || coalesce((
        SELECT jsonb_object_agg(m.key, m.value ORDER BY c.n)
        FROM change AS c
        CROSS JOIN LATERAL (
            SELECT d.key, d.value -> 'is' FROM jsonb_each(c.detail) AS d
            WHERE c.action NOT IN ('pause policy', 'resume policy')
            UNION ALL
            SELECT 'paused', CASE c.action WHEN 'pause policy' THEN 'true'::jsonb END
            WHERE c.action IN ('pause policy', 'resume policy')
        ) AS m(key, value)
        WHERE c.n > b.n), '{}'))
    FROM begun AS b
    WHERE b.action = 'add policy'
$$;
COMMENT ON FUNCTION etl._recorded_definition(text, name[]) IS
    'What a retention policy says by etl.audit_log: by the chains of these roles and of superusers, as far as the '
    'current role sees them. NULL where it has none of that name.';

CREATE FUNCTION etl._stored_definition(policy etl.retention_policy)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_strip_nulls(
        etl._retention_definition(policy, ARRAY(SELECT etl._retention_tiers(policy)))
        || jsonb_build_object('paused', CASE WHEN (policy).paused_at IS NOT NULL THEN true END))
$$;
COMMENT ON FUNCTION etl._stored_definition(etl.retention_policy) IS
    'What a policy says, as etl._recorded_definition has it.';

CREATE FUNCTION etl._record_rule_of(policy text, owners name[])
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    recorded CONSTANT jsonb := etl._recorded_definition(policy, owners);
    stored CONSTANT jsonb := (
        SELECT etl._stored_definition(p) FROM etl.retention_policy AS p WHERE p.name = policy);
BEGIN
    IF recorded IS NOT DISTINCT FROM stored THEN
        RETURN;
    END IF;
    PERFORM etl._audit(
        CASE WHEN recorded IS NULL THEN 'add policy' WHEN stored IS NULL THEN 'remove policy' ELSE 'alter policy' END,
        policy,
        CASE WHEN recorded IS NULL OR stored IS NULL THEN coalesce(recorded, stored)
             ELSE (SELECT jsonb_object_agg(d.setting, jsonb_build_object('was', d.was, 'is', d.is_now))
                   FROM etl._retention_differences(recorded, stored) AS d) END);
END
$$;
COMMENT ON FUNCTION etl._record_rule_of(text, name[]) IS
    'Writes into the audit log in what a policy, by its name, differs from what is recorded there.';

CREATE FUNCTION etl._record_rule()
RETURNS trigger
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_TABLE_NAME = 'retention_tier' THEN
        IF TG_OP = 'INSERT' AND etl._may_restore(TG_RELID) THEN
            RETURN NULL; -- of a dump
        END IF;
        PERFORM etl._record_rule_of(p.name, ARRAY[p.owner, current_user])
        FROM etl.retention_policy AS p WHERE p.policy_id IN (OLD.policy_id, NEW.policy_id);
    ELSIF TG_OP = 'INSERT' AND NEW.created_at <> now() AND etl._may_restore(TG_RELID) THEN
        RETURN NULL; -- of a dump
    ELSE
        PERFORM etl._record_rule_of(n.name, ARRAY[OLD.owner, NEW.owner, current_user])
        FROM (SELECT OLD.name WHERE OLD.name <> coalesce(NEW.name, '') UNION ALL
              SELECT NEW.name WHERE NEW.name IS NOT NULL) AS n(name);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION etl._record_rule() IS
    'Trigger of etl.retention_policy and etl.retention_tier: what is changed there stands in the audit log. Not rows '
    'of a dump, which brings the log along.';

CREATE TRIGGER record AFTER INSERT OR UPDATE OR DELETE ON etl.retention_policy
    FOR EACH ROW EXECUTE FUNCTION etl._record_rule();
COMMENT ON TRIGGER record ON etl.retention_policy IS 'Writes down every change of a rule.';
CREATE TRIGGER record AFTER INSERT OR UPDATE OR DELETE ON etl.retention_tier
    FOR EACH ROW EXECUTE FUNCTION etl._record_rule();
COMMENT ON TRIGGER record ON etl.retention_tier IS 'Writes down every change of a rule.';
-- Whatever session_replication_role says.
ALTER TABLE etl.retention_policy ENABLE ALWAYS TRIGGER record;
ALTER TABLE etl.retention_tier ENABLE ALWAYS TRIGGER record;
