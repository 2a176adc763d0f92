-- A configuration applied: what it wants is compared with what is there, and the difference is made by the public
-- functions, all or nothing.
--
-- Which object needs which other one is in no list. Drops go first, in the order in which the kinds need each other from
-- the end, then all else from the beginning; what fails as if for want of another object is tried again after the
-- others, until all is done or nothing goes on.

CREATE TYPE etl._config_step AS (
    kind etl._config_kind,
    name text,
    action text,
    changes text,
    statements text[]
);
COMMENT ON TYPE etl._config_step IS
    'What is to be done with an object: create, change, replace or drop it; what that changes, and how it is done.';

CREATE FUNCTION etl._config_require(config jsonb)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    path text;
BEGIN
    PERFORM etl._require_keys_of(
        config, '{pg_etl}'::text[] || ARRAY(SELECT k.name FROM etl._config_kinds() AS k), 'the configuration');
    IF config ->> 'pg_etl' <> '1' THEN
        PERFORM etl._config_refuse('pg_etl', format('%s is no form of a configuration', config -> 'pg_etl'), NULL,
                                   'This version of pg_etl knows "1"; a later one may know others.');
    END IF;
    SELECT m.key INTO path FROM jsonb_each(config - 'pg_etl') AS m
    WHERE jsonb_typeof(m.value) <> 'object' ORDER BY m.key LIMIT 1;
    IF path IS NOT NULL THEN
        PERFORM etl._config_refuse(path, format('it must be a JSON object, not %s', left((config -> path)::text, 80)),
                                   'It has the objects of that kind by their names.', NULL);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._config_require(jsonb) IS
    'Raises (22023) where a document is no configuration: its form, its kinds.';

CREATE FUNCTION etl._config_refuse_replace(kind etl._config_kind, name text, members text[], changes text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'object_not_in_prerequisite_state',
        MESSAGE = format('%s: %s cannot be changed in place', etl._config_path(kind.name, name),
                         array_to_string(members, ', ')),
        DETAIL = format('The change is: %s', changes),
        HINT = 'etl.apply_config(…, replace => true) drops the object, with the data that it has computed, and makes '
               'it anew.';
END
$$;
COMMENT ON FUNCTION etl._config_refuse_replace(etl._config_kind, text, text[], text) IS
    'Raises (55000) that an object would have to be dropped and made anew.';

CREATE FUNCTION etl._config_fixed(kind etl._config_kind, stored jsonb, wanted jsonb)
RETURNS text[]
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT array_agg(m.name ORDER BY m.name) FROM unnest(kind.members) AS m
    WHERE NOT m.can_change AND stored -> m.name IS DISTINCT FROM wanted -> m.name
$$;
COMMENT ON FUNCTION etl._config_fixed(etl._config_kind, jsonb, jsonb) IS
    'Members that differ and cannot be changed in place; NULL for none.';

CREATE FUNCTION etl._config_statements(kind etl._config_kind, name text, stored jsonb, wanted jsonb)
RETURNS text[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    statements text[];
BEGIN
    EXECUTE format('SELECT %s($1, $2, $3, $4)', etl._config_hook(kind, 'calls')) INTO statements
    USING kind, name, stored, wanted;
    RETURN statements;
END
$$;
COMMENT ON FUNCTION etl._config_statements(etl._config_kind, text, jsonb, jsonb) IS
    'The statements that lead from a stored definition to a wanted one.';

CREATE FUNCTION etl._config_compare(kind etl._config_kind, name text, stored jsonb, wanted jsonb, may_replace boolean)
RETURNS etl._config_step
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    goal CONSTANT jsonb := etl._config_picked(wanted, kind);
    step etl._config_step;
    fixed text[];
BEGIN
    step.kind := kind;
    step.name := name;
    step.action := CASE WHEN stored IS NULL THEN 'create' WHEN wanted IS NULL THEN 'drop' ELSE 'change' END;
    IF step.action <> 'change' THEN
        step.statements := etl._config_statements(kind, name, stored, wanted);
        RETURN step;
    END IF;
    step.changes := (SELECT string_agg(substr(d, 2), E'\n' ORDER BY n)
                     FROM etl._config_differences('', stored, goal) WITH ORDINALITY AS t(d, n));
    fixed := etl._config_fixed(kind, stored, goal);
    IF fixed IS NULL THEN
        step.statements := etl._config_statements(kind, name, stored, goal);
        RETURN step;
    ELSIF NOT may_replace THEN
        PERFORM etl._config_refuse_replace(kind, name, fixed, step.changes);
    END IF;
    step.action := 'replace';
    step.statements := etl._config_statements(kind, name, stored, NULL)
                       || etl._config_statements(kind, name, NULL, wanted);
    RETURN step;
END
$$;
COMMENT ON FUNCTION etl._config_compare(etl._config_kind, text, jsonb, jsonb, boolean) IS
    'What is to be done so that an object is as it is wanted. 55000 where it would have to be replaced and may not be.';

CREATE FUNCTION etl._config_plan(config jsonb, prune boolean, may_replace boolean)
RETURNS SETOF etl._config_step
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    kind etl._config_kind;
    wanted jsonb := '{}';
BEGIN
    -- All of the document is read before anything is compared.
    FOR kind IN SELECT k.* FROM etl._config_kinds() AS k WHERE config ? k.name ORDER BY k.place LOOP
        wanted := wanted || jsonb_build_object(kind.name, (
            SELECT coalesce(jsonb_object_agg(o.key, etl._config_wanted(kind, o.key, o.value)), '{}')
            FROM jsonb_each(config -> kind.name) AS o));
    END LOOP;
    RETURN QUERY
        SELECT c.*
        FROM etl._config_kinds() AS k
        CROSS JOIN LATERAL (
            SELECT name, s.stored, w.wanted
            FROM (SELECT t.name, etl._config_picked(t.definition, k) AS stored FROM etl._config_stored(k) AS t) AS s
            FULL JOIN (SELECT e.key AS name, e.value AS wanted FROM jsonb_each(wanted -> k.name) AS e) AS w USING (name)
        ) AS o
        CROSS JOIN LATERAL etl._config_compare(k, o.name, o.stored, o.wanted, may_replace) AS c
        WHERE config ? k.name
          AND CASE WHEN o.wanted IS NULL THEN prune ELSE o.stored IS DISTINCT FROM etl._config_picked(o.wanted, k) END
        ORDER BY c.action <> 'drop', CASE c.action WHEN 'drop' THEN - k.place ELSE k.place END, o.name COLLATE "C";
END
$$;
COMMENT ON FUNCTION etl._config_plan(jsonb, boolean, boolean) IS
    'What is to be done so that the database is as a configuration says, in order.';

CREATE FUNCTION etl._config_take(step etl._config_step)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC' -- a statement may set it, for its object alone
AS $$
DECLARE
    statement text;
    place text;
    message text;
    detail text;
    hint text;
BEGIN
    FOREACH statement IN ARRAY step.statements LOOP
        EXECUTE statement;
    END LOOP;
EXCEPTION
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
        EXECUTE format('SELECT %s($1, $2, $3)', etl._config_hook(step.kind, 'place')) INTO place
        USING step.kind, step.name, statement;
        PERFORM etl._config_fail(place, SQLSTATE, message, detail, hint,
                                 format('It was said by: %s', left(statement, 500)));
END
$$;
COMMENT ON FUNCTION etl._config_take(etl._config_step) IS
    'Does what a step says; an error has the place in the configuration before its message.';

CREATE FUNCTION etl._config_try(step etl._config_step)
RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._config_take(step);
    RETURN true;
EXCEPTION
    WHEN undefined_table OR undefined_column OR undefined_object OR dependent_objects_still_exist
         OR duplicate_table OR duplicate_object OR object_not_in_prerequisite_state THEN
        RETURN false;
END
$$;
COMMENT ON FUNCTION etl._config_try(etl._config_step) IS
    'Does what a step says; false where it fails as if it came too early, and has done nothing.';

CREATE FUNCTION etl._config_take_all(steps etl._config_step[])
RETURNS etl._config_step[]
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    step etl._config_step;
    waiting etl._config_step[] := steps;
    early etl._config_step[];
    taken etl._config_step[] := '{}';
BEGIN
    WHILE waiting <> '{}' LOOP
        early := '{}';
        FOREACH step IN ARRAY waiting LOOP
            IF etl._config_try(step) THEN
                taken := taken || step;
            ELSE
                early := early || step;
            END IF;
        END LOOP;
        IF cardinality(early) = cardinality(waiting) THEN -- it is no matter of the order
            PERFORM etl._config_take(early[1]);
            taken := taken || early[1];
            early := early[2:];
        END IF;
        waiting := early;
    END LOOP;
    RETURN taken;
END
$$;
COMMENT ON FUNCTION etl._config_take_all(etl._config_step[]) IS
    'Takes all steps and returns them in the order in which they went; the error of the first that cannot be taken.';

CREATE FUNCTION etl.apply_config(
    config jsonb,
    prune boolean DEFAULT false,
    dry_run boolean DEFAULT false,
    replace boolean DEFAULT false
)
RETURNS TABLE(action text, kind text, name text, changes text, statement text)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO, MDY'
SET intervalstyle = 'postgres'
SET extra_float_digits = 1
SET quote_all_identifiers = off
AS $$
DECLARE
    taken etl._config_step[];
BEGIN
    PERFORM etl._require_flag(prune, 'prune'), etl._require_flag(dry_run, 'dry_run'),
            etl._require_flag(replace, 'replace'), etl._config_require(config);
    BEGIN
        -- One at a time for each role. What another has done meanwhile is seen by what follows.
        PERFORM pg_advisory_xact_lock('etl._config_step'::regclass::oid::integer, hashtext(current_user));
        taken := etl._config_take_all(ARRAY(SELECT s FROM etl._config_plan(config, prune, replace) AS s));
        IF dry_run THEN
            RAISE EXCEPTION USING ERRCODE = 'ETLDR', MESSAGE = 'end of the dry run';
        END IF;
    EXCEPTION
        WHEN SQLSTATE 'ETLDR' THEN
            NULL; -- rolled back, and reported all the same
    END;
    RETURN QUERY
        SELECT s.action, (s.kind).name, s.name, s.changes, array_to_string(s.statements, E';\n') || ';'
        FROM unnest(taken) WITH ORDINALITY AS s ORDER BY s.ordinality;
END
$$;
COMMENT ON FUNCTION etl.apply_config(jsonb, boolean, boolean, boolean) IS
    'Makes the definitions of the current role what a configuration says, as etl.export_config writes it, and returns '
    'what it has done, a row for each object that was not so already: action (create, change, replace, drop), its '
    'kind and name, what has changed (a line for each place: schedule: 0 2 * * * -> 0 3 * * *), and the statements '
    'that did it. Applied again it does nothing. All happens in this transaction or not at all, by the public '
    'functions and with their checks and warnings; two calls of a role take turns. What an object does not say is the '
    'default, as when it is made. prune: objects of the kinds that the configuration has, but which are not in it, '
    'are dropped, rollups and feature views with their tables; other kinds are never touched. dry_run: does all of it, '
    'reports it, and rolls it back. replace: an object that cannot be changed in place is dropped, with what it has '
    'computed, and made anew; without it that is an error. Errors name the place, as policies.orders.keep: 22023 what '
    'is no configuration, has unknown kinds or members, lacks some, or has them of a wrong type, 55000 a change that '
    'needs replace; else those of the functions that are called.';
