-- Retention policies in a configuration. Their tiers are given as etl.add_retention_policy takes them (keep, archive_to,
-- archive_keep), or, where there are more or other ones, all of them as a list (tiers). One form is used where it does.

CREATE FUNCTION etl._config_tier(after text, archive_to text, format text)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'after', after, 'archive_to', archive_to,
        'format', CASE WHEN archive_to LIKE 'file:%' THEN nullif(format, 'ndjson.zst') ELSE format END))
$$;
COMMENT ON FUNCTION etl._config_tier(text, text, text) IS
    'A tier as a configuration has it, without the format that files have anyway.';

CREATE FUNCTION etl._config_tiers(definition jsonb)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN definition ? 'tiers' THEN definition -> 'tiers'
        ELSE jsonb_build_array(etl._config_tier(definition ->> 'keep', definition ->> 'archive_to', NULL))
             || CASE WHEN definition ? 'archive_keep'
                     THEN jsonb_build_array(etl._config_tier(definition ->> 'archive_keep', NULL, NULL))
                     ELSE '[]' END
    END
$$;
COMMENT ON FUNCTION etl._config_tiers(jsonb) IS 'All tiers of a policy as a list.';

CREATE FUNCTION etl._config_with_tiers(definition jsonb, tiers jsonb)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT definition - '{keep,archive_to,archive_keep,tiers}'::text[] || CASE
        WHEN tiers -> 0 ? 'format' OR jsonb_array_length(tiers) > 2
             OR jsonb_array_length(tiers) = 2 AND tiers -> 1 ? 'archive_to'
            THEN jsonb_build_object('tiers', tiers)
        ELSE jsonb_strip_nulls(jsonb_build_object(
            'keep', tiers -> 0 -> 'after', 'archive_to', tiers -> 0 -> 'archive_to',
            'archive_keep', tiers -> 1 -> 'after'))
    END
$$;
COMMENT ON FUNCTION etl._config_with_tiers(jsonb, jsonb) IS
    'A definition with these tiers, as keep, archive_to and archive_keep where these can say it.';

CREATE FUNCTION etl._config_policies_export()
RETURNS TABLE(name text, definition jsonb)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT p.name, etl._config_with_tiers(to_jsonb(p), (
        SELECT jsonb_agg(etl._config_tier(t.after::text, t.archive_to, t.format) ORDER BY t.tier)
        FROM etl._retention_tiers(p) AS t))
    FROM etl.retention_policy AS p WHERE p.owner = current_user
$$;
COMMENT ON FUNCTION etl._config_policies_export() IS
    'The retention policies of the current role. Whether one is paused is no part of its definition.';

CREATE FUNCTION etl._config_archive(relation text, archive_to text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN to_regclass(relation) IS NULL THEN archive_to
                ELSE etl._retention_target(to_regclass(relation), archive_to) END
$$;
COMMENT ON FUNCTION etl._config_archive(text, text) IS
    'An archive_to as it is stored. Where the table is not there yet no policy is, with which it could be compared.';

CREATE FUNCTION etl._config_written_tier(relation text, tier jsonb, path text)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    said jsonb := '{}';
    member etl._config_member;
BEGIN
    PERFORM etl._require_keys_of(tier, '{after,archive_to,format}', path);
    IF coalesce(jsonb_typeof(tier -> 'after'), 'null') = 'null' THEN
        PERFORM etl._config_refuse(path, 'after is missing', NULL, 'Say when rows go there, as in "90 days".');
    END IF;
    -- As in etl.add_tier.
    FOR member IN
        SELECT * FROM etl._config_members('etl.add_tier'::regproc, 'etl.add_tier'::regproc, 'policy', '{}', '{}', '{}')
    LOOP
        said := said || jsonb_build_object(member.name, etl._config_value(
            tier -> member.name, member, etl._config_path(path, member.name)));
    END LOOP;
    RETURN etl._config_tier(said ->> 'after', etl._config_archive(relation, said ->> 'archive_to'),
                            lower(said ->> 'format'));
END
$$;
COMMENT ON FUNCTION etl._config_written_tier(text, jsonb, text) IS 'A written tier in one form.';

CREATE FUNCTION etl._config_written_tiers(relation text, written jsonb, path text)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    tiers jsonb;
    early text;
BEGIN
    IF jsonb_typeof(written) <> 'array' OR written = '[]' THEN
        PERFORM etl._config_refuse(path, 'it must be a JSON array of one tier or more', NULL,
                                   'A tier is {"after": "90 days", "archive_to": "archive.orders"}.');
    END IF;
    SELECT jsonb_agg(w.tier ORDER BY (w.tier ->> 'after')::interval, NOT w.tier ? 'archive_to') INTO tiers
    FROM jsonb_array_elements(written) WITH ORDINALITY AS t
    CROSS JOIN LATERAL etl._config_written_tier(relation, t.value, format('%s[%s]', path, t.ordinality - 1))
        AS w(tier);
    SELECT t.value ->> 'after' INTO early FROM jsonb_array_elements(tiers - -1) AS t
    WHERE NOT t.value ? 'archive_to' LIMIT 1;
    IF early IS NOT NULL THEN
        PERFORM etl._config_refuse(path, format('rows are deleted after %s, and there are tiers after that', early),
                                   'Only the last tier may be without archive_to.', NULL);
    END IF;
    RETURN tiers;
END
$$;
COMMENT ON FUNCTION etl._config_written_tiers(text, jsonb, text) IS
    'The tiers of a written list, in the order of their times; 22023 where they are none.';

CREATE FUNCTION etl._config_policies_definition(kind etl._config_kind, name text, definition jsonb, path text)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    is_list CONSTANT boolean := coalesce(jsonb_typeof(definition -> 'tiers'), 'null') <> 'null';
    said jsonb;
BEGIN
    IF is_list AND definition ?| '{keep,archive_to,archive_keep}' THEN
        PERFORM etl._config_refuse(path, 'tiers is given together with keep, archive_to or archive_keep',
                                   'The tiers are all that a policy has.', 'Leave one or the other out.');
    ELSIF is_list THEN
        said := etl._config_definition(kind, name, definition || '{"keep": "1 day"}', path);
        RETURN etl._config_with_tiers(said, etl._config_written_tiers(
            said ->> 'relation', said -> 'tiers', etl._config_path(path, 'tiers')));
    END IF;
    said := etl._config_definition(kind, name, definition, path);
    IF said ? 'archive_keep' AND NOT said ? 'archive_to' THEN
        PERFORM etl._config_refuse(path, 'archive_keep is given without archive_to', NULL,
                                   'Name the archive in archive_to, or leave archive_keep out.');
    END IF;
    RETURN said || jsonb_strip_nulls(jsonb_build_object(
        'archive_to', etl._config_archive(said ->> 'relation', said ->> 'archive_to')));
END
$$;
COMMENT ON FUNCTION etl._config_policies_definition(etl._config_kind, text, jsonb, text) IS
    'A written policy with its tiers in one form; 22023 where there are none, or they are given twice.';

-- Calls --------------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._config_add_tier(name text, tier jsonb)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._config_call('etl.add_tier', format('policy => %L', name), format('after => %L', tier ->> 'after'),
                            format('archive_to => %L', tier ->> 'archive_to'),
                            'format => ' || quote_literal(tier ->> 'format'))
$$;
COMMENT ON FUNCTION etl._config_add_tier(text, jsonb) IS 'The call that adds a tier to a policy.';

CREATE FUNCTION etl._config_remove_tier(name text, number bigint)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._config_call('etl.remove_tier', format('policy => %L', name), format('tier => %s', number))
$$;
COMMENT ON FUNCTION etl._config_remove_tier(text, bigint) IS 'The call that takes a tier from a policy.';

CREATE FUNCTION etl._config_last_span(name text, tiers jsonb, span text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._config_call('etl.alter_retention_policy', format('name => %L', name), format('%s => %L', CASE
        WHEN jsonb_array_length(tiers) = 1 AND NOT tiers -> 0 ? 'archive_to' THEN 'keep' ELSE 'archive_keep' END,
        span))
$$;
COMMENT ON FUNCTION etl._config_last_span(text, jsonb, text) IS
    'The call that lets a policy with these tiers delete rows at the end after another time, or from now on.';

-- Tiers are added and removed one by one, and between any two calls the policy has to be a sound one. So the end is
-- first put far off: behind it there is room for all that comes, and one tier is left when all others go.
CREATE FUNCTION etl._config_tier_calls(name text, stored jsonb, wanted jsonb)
RETURNS text[]
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH old AS (
        SELECT t.value AS tier, t.ordinality AS number FROM jsonb_array_elements(stored) WITH ORDINALITY AS t
        WHERE t.value ? 'archive_to'
    ), new AS (
        SELECT t.value AS tier, t.ordinality AS number FROM jsonb_array_elements(wanted) WITH ORDINALITY AS t
        WHERE t.value ? 'archive_to'
    ), kept AS (
        SELECT o.tier FROM old AS o JOIN new AS n USING (tier)
    )
    SELECT ARRAY[etl._config_last_span(name, stored, '900 years')]
        || ARRAY(SELECT etl._config_remove_tier(name, o.number) FROM old AS o
                 WHERE o.tier NOT IN (SELECT k.tier FROM kept AS k) ORDER BY o.number DESC)
        || ARRAY(SELECT etl._config_add_tier(name, n.tier) FROM new AS n
                 WHERE n.tier NOT IN (SELECT k.tier FROM kept AS k) ORDER BY n.number)
        || CASE WHEN wanted -> -1 ? 'archive_to'
                THEN etl._config_remove_tier(name, jsonb_array_length(wanted) + 1)
                ELSE etl._config_last_span(name, wanted, wanted -> -1 ->> 'after') END
$$;
COMMENT ON FUNCTION etl._config_tier_calls(text, jsonb, jsonb) IS
    'The calls that give a policy with some tiers other ones.';

CREATE FUNCTION etl._config_span_calls(name text, stored jsonb, wanted jsonb)
RETURNS text[]
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN stored ? 'archive_keep' AND NOT wanted ? 'archive_keep'
                THEN ARRAY[etl._config_remove_tier(name, 2)] ELSE '{}' END
           || CASE WHEN d.keep IS NOT NULL OR d.archive_keep IS NOT NULL
                   THEN etl._config_call('etl.alter_retention_policy', format('name => %L', name),
                                         'keep => ' || quote_literal(d.keep),
                                         'archive_keep => ' || quote_literal(d.archive_keep)) END
    FROM (SELECT CASE WHEN stored -> 'keep' <> wanted -> 'keep' THEN wanted ->> 'keep' END,
                 CASE WHEN stored -> 'archive_keep' IS DISTINCT FROM wanted -> 'archive_keep'
                      THEN wanted ->> 'archive_keep' END) AS d(keep, archive_keep)
$$;
COMMENT ON FUNCTION etl._config_span_calls(text, jsonb, jsonb) IS
    'The calls that change how long the rows of a policy are kept, where they go to the same archive as before.';

CREATE FUNCTION etl._config_alter_tiers(name text, stored jsonb, wanted jsonb)
RETURNS text[]
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN etl._config_tiers(stored) = etl._config_tiers(wanted) THEN '{}'
                WHEN stored ? 'keep' AND wanted ? 'keep'
                     AND stored -> 'archive_to' IS NOT DISTINCT FROM wanted -> 'archive_to'
                    THEN etl._config_span_calls(name, stored, wanted)
                ELSE etl._config_tier_calls(name, etl._config_tiers(stored), etl._config_tiers(wanted)) END
$$;
COMMENT ON FUNCTION etl._config_alter_tiers(text, jsonb, jsonb) IS
    'The calls that give a policy the tiers that its wanted definition has.';

CREATE FUNCTION etl._config_make_policy(kind etl._config_kind, name text, wanted jsonb)
RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN wanted ? 'tiers'
                THEN etl._config_calls(kind, name, NULL, wanted || '{"keep": "900 years"}')
                     || (etl._config_tier_calls(name, '[{}]', wanted -> 'tiers'))[2:]
                ELSE etl._config_calls(kind, name, NULL, wanted) END
           || CASE WHEN EXISTS (SELECT FROM etl.retention_policy AS p -- that it replaces
                                WHERE p.name = _config_make_policy.name AND p.owner = current_user
                                  AND p.paused_at IS NOT NULL)
                   THEN ARRAY[etl._config_call('etl.pause_retention_policy', format('name => %L', name))] END
$$;
COMMENT ON FUNCTION etl._config_make_policy(etl._config_kind, text, jsonb) IS
    'The statements that make a policy; one that replaces a paused one is paused.';

CREATE FUNCTION etl._config_policies_calls(kind etl._config_kind, name text, stored jsonb, wanted jsonb)
RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN wanted IS NULL THEN etl._config_calls(kind, name, stored, NULL)
                WHEN stored IS NULL THEN etl._config_make_policy(kind, name, wanted)
                ELSE etl._config_calls(kind, name, stored - m.tiers, wanted - m.tiers)
                     || etl._config_alter_tiers(name, stored, wanted) END
    FROM (VALUES ('{keep,archive_to,archive_keep,tiers}'::text[])) AS m(tiers)
$$;
COMMENT ON FUNCTION etl._config_policies_calls(etl._config_kind, text, jsonb, jsonb) IS
    'The statements that make a policy, change it and its tiers, or remove it.';
