-- Pipelines in a configuration, each with its steps by their names. In which order steps were added means nothing: what
-- they need says all.

CREATE FUNCTION etl._config_steps()
RETURNS etl._config_kind
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (NULL, 'steps', 'etl.add_step', 'etl.alter_step', 'etl.remove_step', 'name', false, ARRAY(
        SELECT etl._config_members('etl.add_step'::regproc, 'etl.alter_step'::regproc, 'name', '{}', '{}', '{}')
    ))::etl._config_kind
$$;
COMMENT ON FUNCTION etl._config_steps() IS 'Steps, as a kind of their own within a pipeline.';

CREATE FUNCTION etl._config_pipelines_export()
RETURNS TABLE(name text, definition jsonb)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT p.name, to_jsonb(p) || jsonb_build_object('steps', coalesce(jsonb_object_agg(
        s.name, etl._config_picked(to_jsonb(s) || jsonb_build_object('run_as', quote_ident(s.run_as)), k))
        FILTER (WHERE s.name IS NOT NULL), '{}'))
    FROM etl.pipeline AS p
    CROSS JOIN etl._config_steps() AS k
    LEFT JOIN etl.step AS s ON s.pipeline_id = p.pipeline_id AND s.owner = p.owner
    WHERE p.owner = current_user
    GROUP BY p.pipeline_id
$$;
COMMENT ON FUNCTION etl._config_pipelines_export() IS
    'The pipelines of the current role with their steps. Whether one is paused is no part of its definition.';

CREATE FUNCTION etl._config_pipelines_short(kind etl._config_kind, definition jsonb)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._config_short(kind, definition) || coalesce((
        SELECT jsonb_build_object('steps', jsonb_object_agg(s.key, etl._config_short(k, s.value)))
        FROM etl._config_steps() AS k CROSS JOIN LATERAL jsonb_each(definition -> 'steps') AS s
        HAVING count(*) > 0), '{}')
$$;
COMMENT ON FUNCTION etl._config_pipelines_short(etl._config_kind, jsonb) IS
    'A pipeline without its defaults and those of its steps.';

-- The order of steps -------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._config_step_order(steps jsonb)
RETURNS TABLE(name text, rank integer)
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT l.name, l.rank
    FROM (SELECT array_agg(k.name) AS names FROM jsonb_object_keys(steps) AS k(name)) AS s
    CROSS JOIN (
        SELECT coalesce(array_agg(d.name), '{}') AS names, coalesce(array_agg(d.needed), '{}') AS needed
        FROM (
            SELECT DISTINCT m.key AS name, n.needed
            FROM jsonb_each(steps) AS m
            CROSS JOIN LATERAL jsonb_array_elements_text(m.value -> 'depends_on') AS n(needed)
            WHERE steps ? n.needed
        ) AS d
    ) AS e
    CROSS JOIN LATERAL unnest(s.names, etl._step_levels(s.names, e.names, e.needed)) AS l(name, rank)
$$;
COMMENT ON FUNCTION etl._config_step_order(jsonb) IS
    'How many steps come one after the other before each of these; -1 for one that is in a circle or needs one that '
    'is.';

CREATE FUNCTION etl._config_refuse_circle(steps jsonb, path text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    circle CONSTANT text := (
        SELECT string_agg(to_json(o.name)::text, ', ' ORDER BY o.name COLLATE "C")
        FROM etl._config_step_order(steps) AS o WHERE o.rank < 0);
BEGIN
    IF circle IS NOT NULL THEN
        PERFORM etl._config_refuse(path, 'steps need each other in a circle', 'They are among ' || circle || '.',
                                   'Give depends_on without the step that leads back.');
    END IF;
END
$$;
COMMENT ON FUNCTION etl._config_refuse_circle(jsonb, text) IS
    'Raises (22023) where steps need each other in a circle.';

-- A written pipeline -------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._config_written_steps(steps jsonb, path text)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    kind CONSTANT etl._config_kind := etl._config_steps();
    said jsonb;
BEGIN
    IF jsonb_typeof(steps) <> 'object' THEN
        PERFORM etl._config_refuse(path, format('it must be a JSON object, not %s', left(steps::text, 80)),
                                   'It has the steps by their names.', NULL);
    END IF;
    SELECT coalesce(jsonb_object_agg(s.key, etl._config_definition(kind, s.key, s.value,
                                                                   etl._config_path(path, s.key))), '{}') INTO said
    FROM jsonb_each(steps) AS s;
    PERFORM etl._config_refuse_circle(said, path);
    RETURN said;
END
$$;
COMMENT ON FUNCTION etl._config_written_steps(jsonb, text) IS
    'The written steps of a pipeline, each in one form; 22023 where they are none or need each other in a circle.';

CREATE FUNCTION etl._config_pipelines_definition(kind etl._config_kind, name text, definition jsonb, path text)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    said CONSTANT jsonb := etl._config_definition(kind, name, definition, path);
BEGIN
    IF said ->> 'catchup' = 'all' AND definition ->> 'overlap' <> 'queue' THEN
        PERFORM etl._config_refuse(path, format('overlap %L cannot be with catchup ''all''', definition ->> 'overlap'),
                                   'Runs that were missed come one after the other.', 'Leave overlap out.');
    END IF;
    -- As etl.create_pipeline has it.
    RETURN said
        || CASE WHEN said ? 'schedule' THEN jsonb_build_object('schedule', btrim(definition ->> 'schedule'))
                ELSE '{}' END
        || CASE WHEN said ->> 'catchup' = 'all' AND definition ->> 'overlap' IS NULL THEN '{"overlap": "queue"}'
                ELSE '{}' END::jsonb
        || jsonb_build_object('steps', etl._config_written_steps(said -> 'steps', etl._config_path(path, 'steps')));
END
$$;
COMMENT ON FUNCTION etl._config_pipelines_definition(etl._config_kind, text, jsonb, text) IS
    'A written pipeline with its steps in one form.';

-- Calls --------------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._config_step_call(function text, pipeline text, step text, arguments text[])
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._config_call(function, VARIADIC
                            ARRAY[format('pipeline => %L', pipeline), format('name => %L', step)] || arguments)
$$;
COMMENT ON FUNCTION etl._config_step_call(text, text, text, text[]) IS 'A call of a function for a step of a pipeline.';

CREATE FUNCTION etl._config_pipelines_place(kind etl._config_kind, name text, statement text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    own CONSTANT text := etl._config_path(kind.name, name);
    literal CONSTANT text := (regexp_match(
        statement, '^SELECT etl\.\w+_step\(pipeline => E?''(?:[^'']|'''')*'', name => (E?''(?:[^'']|'''')*'')'))[1];
    step text;
BEGIN
    IF literal IS NULL THEN
        RETURN own;
    END IF;
    EXECUTE 'SELECT ' || literal INTO step; -- as etl._config_step_call has written it
    RETURN etl._config_path(etl._config_path(own, 'steps'), step);
END
$$;
COMMENT ON FUNCTION etl._config_pipelines_place(etl._config_kind, text, text) IS
    'The place of a pipeline in a configuration or, for a call of etl._config_step_call, that of the step.';

CREATE FUNCTION etl._config_add_steps(pipeline text, stored jsonb, wanted jsonb)
RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY(
        SELECT etl._config_step_call(k.makes, pipeline, o.name,
                                     etl._config_arguments(k.members, wanted -> o.name))
        FROM etl._config_steps() AS k CROSS JOIN etl._config_step_order(wanted) AS o
        WHERE NOT stored ? o.name
        ORDER BY o.rank, o.name COLLATE "C")
$$;
COMMENT ON FUNCTION etl._config_add_steps(text, jsonb, jsonb) IS
    'The calls that add the steps that a pipeline lacks, each after those that it needs.';

CREATE FUNCTION etl._config_remove_steps(pipeline text, stored jsonb, wanted jsonb)
RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY(
        SELECT etl._config_step_call(k.drops, pipeline, o.name, '{}')
        FROM etl._config_steps() AS k CROSS JOIN etl._config_step_order(stored) AS o
        WHERE NOT wanted ? o.name
        ORDER BY o.rank DESC, o.name COLLATE "C")
$$;
COMMENT ON FUNCTION etl._config_remove_steps(text, jsonb, jsonb) IS
    'The calls that remove the steps that a pipeline shall not have, each before those that it needs.';

CREATE FUNCTION etl._config_loosened(stored jsonb, wanted jsonb)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- What needs nothing cannot be for a failure of what it needs.
    SELECT stored || jsonb_build_object('depends_on', b.kept)
           || CASE WHEN b.kept = '[]' AND stored ->> 'run_if' = 'any_failed'
                   THEN jsonb '{"run_if": "all_done"}' ELSE '{}' END
    FROM (
        SELECT coalesce(jsonb_agg(n.needed ORDER BY n.place), '[]') AS kept
        FROM jsonb_array_elements(stored -> 'depends_on') WITH ORDINALITY AS n(needed, place)
        WHERE wanted -> 'depends_on' @> n.needed
    ) AS b
$$;
COMMENT ON FUNCTION etl._config_loosened(jsonb, jsonb) IS
    'A stored step that needs no more what it shall not need.';

CREATE FUNCTION etl._config_loosen_steps(pipeline text, stored jsonb, wanted jsonb)
RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY(
        SELECT etl._config_step_call(k.changes, pipeline, s.key, c.changed)
        FROM etl._config_steps() AS k
        CROSS JOIN LATERAL jsonb_each(stored) AS s
        CROSS JOIN LATERAL etl._config_changed(k, s.value, etl._config_loosened(s.value, wanted -> s.key))
            AS c(changed)
        WHERE wanted ? s.key AND c.changed <> '{}'
        ORDER BY s.key COLLATE "C")
$$;
COMMENT ON FUNCTION etl._config_loosen_steps(text, jsonb, jsonb) IS
    'The calls by which steps need no more what they shall not need: so whatever is done next closes no circle, and '
    'steps that are to be removed are needed by none that stays.';

CREATE FUNCTION etl._config_alter_steps(pipeline text, stored jsonb, wanted jsonb)
RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY(
        SELECT etl._config_step_call(k.changes, pipeline, s.key, c.changed)
        FROM etl._config_steps() AS k
        CROSS JOIN LATERAL jsonb_each(stored) AS s
        CROSS JOIN LATERAL etl._config_changed(k, etl._config_loosened(s.value, wanted -> s.key), wanted -> s.key)
            AS c(changed)
        WHERE wanted ? s.key AND c.changed <> '{}'
        ORDER BY s.key COLLATE "C")
$$;
COMMENT ON FUNCTION etl._config_alter_steps(text, jsonb, jsonb) IS 'The calls that change steps of a pipeline.';

CREATE FUNCTION etl._config_pipelines_calls(kind etl._config_kind, name text, stored jsonb, wanted jsonb)
RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._config_calls(kind, name, stored, wanted) || CASE WHEN wanted IS NULL THEN '{}' ELSE
        etl._config_loosen_steps(name, s.old, s.new) || etl._config_remove_steps(name, s.old, s.new)
        || etl._config_add_steps(name, s.old, s.new) || etl._config_alter_steps(name, s.old, s.new) END
    FROM (SELECT coalesce(stored -> 'steps', '{}'), wanted -> 'steps') AS s(old, new)
$$;
COMMENT ON FUNCTION etl._config_pipelines_calls(etl._config_kind, text, jsonb, jsonb) IS
    'The statements that make a pipeline with its steps, change both, or drop it.';
