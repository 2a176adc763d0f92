-- What is stored of feature views: their definitions, earlier versions of them, and which moments were materialised.
--
-- A view has two tables, in a schema of its owner's choice and owned by the owner, so that privileges, backups and
-- plain SELECTs are as for any table:
--   online   one row for each entity that there is: entity columns (primary key), as_of, features
--   history  every state that a row has ever had: entity columns, as_of, created_at, present, features; rows are only
--            added. The state as of a moment is the row with the latest as_of not after it, and of these the one that
--            was created last. An entity that was no longer there has a row without features, present = false.
-- Definitions know their tables by name, so that a restored dump finds them.

CREATE TABLE etl.feature_view (
    view_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    online_table text NOT NULL,
    history_table text NOT NULL,
    unlogged boolean NOT NULL,
    entity name[] NOT NULL CHECK (cardinality(entity) > 0),
    features name[] NOT NULL CHECK (cardinality(features) > 0),
    query text NOT NULL,
    on_demand jsonb NOT NULL,
    ttl interval CHECK (ttl <= interval '1000 years'),
    keep_history interval CHECK (keep_history <= interval '1000 years'),
    schedule text,
    description text,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    owner name NOT NULL DEFAULT current_user
);
COMMENT ON TABLE etl.feature_view IS
    'Feature views as they are now, one row each; a role sees its own. Read them in etl.feature_views; change them '
    'with etl.create_feature_view, etl.alter_feature_view and etl.drop_feature_view.';
COMMENT ON SEQUENCE etl.feature_view_view_id_seq IS 'Numbers of feature views.';
ALTER TABLE etl.feature_view ENABLE ROW LEVEL SECURITY;
CREATE POLICY feature_view_owner ON etl.feature_view USING (owner = current_user);
-- Nobody writes the number or the owner, so that no role can take numbers in advance, to be in the way of another's.
GRANT SELECT,
      INSERT (name, online_table, history_table, unlogged, entity, features, query, on_demand, ttl, keep_history,
              schedule, description),
      UPDATE (features, query, on_demand, ttl, keep_history, schedule, description, version),
      DELETE ON etl.feature_view TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.feature_view', '');
GRANT SELECT ON SEQUENCE etl.feature_view_view_id_seq TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.feature_view_view_id_seq', '');

CREATE TABLE etl.feature_view_version (
    view_id integer NOT NULL,
    version integer NOT NULL,
    query text NOT NULL,
    on_demand jsonb NOT NULL,
    ttl interval,
    features name[] NOT NULL,
    sources text[] NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    owner name NOT NULL DEFAULT current_user,
    PRIMARY KEY (view_id, version, owner)
);
COMMENT ON TABLE etl.feature_view_version IS
    'Every version that a feature view has had. Read them in etl.feature_view_versions.';
ALTER TABLE etl.feature_view_version ENABLE ROW LEVEL SECURITY;
CREATE POLICY feature_view_version_owner ON etl.feature_view_version USING (owner = current_user);
GRANT SELECT, INSERT, UPDATE, DELETE ON etl.feature_view_version TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.feature_view_version', '');

CREATE TABLE etl.feature_materialization (
    view_id integer NOT NULL,
    -- Everyone may write their own rows, and a superuser's view of all computes with them.
    as_of timestamptz NOT NULL CHECK (as_of BETWEEN '2000-01-01 00:00+00 BC' AND '9999-12-31 00:00+00'),
    created_at timestamptz NOT NULL,
    version integer NOT NULL,
    entities bigint NOT NULL,
    changed bigint NOT NULL,
    vanished bigint NOT NULL,
    owner name NOT NULL DEFAULT current_user,
    PRIMARY KEY (view_id, as_of, created_at, owner)
);
COMMENT ON TABLE etl.feature_materialization IS
    'The moments as of which feature views were materialised: with which version, how many entities there were, how '
    'many states were written, and how many entities had vanished. created_at is that of the rows of the history. '
    'Read the last one in etl.feature_views.';
ALTER TABLE etl.feature_materialization ENABLE ROW LEVEL SECURITY;
CREATE POLICY feature_materialization_owner ON etl.feature_materialization USING (owner = current_user);
GRANT SELECT, INSERT, UPDATE, DELETE ON etl.feature_materialization TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.feature_materialization', '');

-- Sessions keep what they know of the views that they serve until a definition changes.
CREATE FUNCTION etl._forget_served_views()
RETURNS trigger
LANGUAGE C
AS 'MODULE_PATHNAME', 'etl_forget_served_views';
COMMENT ON FUNCTION etl._forget_served_views() IS
    'Tells every session, when the transaction commits, that a definition of a feature view has changed.';
CREATE TRIGGER feature_view_changed
    AFTER INSERT OR DELETE OR UPDATE OF name, online_table, history_table, unlogged, entity, features, on_demand, ttl,
                                        owner
    ON etl.feature_view
    FOR EACH STATEMENT EXECUTE FUNCTION etl._forget_served_views();
COMMENT ON TRIGGER feature_view_changed ON etl.feature_view IS
    'Ends what sessions know of feature views. A materialisation changes nothing of it.';
CREATE TRIGGER feature_view_truncated AFTER TRUNCATE ON etl.feature_view
    FOR EACH STATEMENT EXECUTE FUNCTION etl._forget_served_views();
COMMENT ON TRIGGER feature_view_truncated ON etl.feature_view IS 'Ends what sessions know of feature views.';

-- What users read ----------------------------------------------------------------------------------------------------

CREATE VIEW etl.feature_views WITH (security_invoker = true) AS
SELECT v.name,
       v.version,
       v.entity,
       v.features,
       v.on_demand,
       m.as_of,
       now() - m.as_of AS age,
       coalesce(m.as_of + v.ttl < now(), false) AS expired,
       m.version AS materialized_version,
       m.entities AS rows,
       v.ttl,
       v.schedule,
       v.keep_history,
       v.online_table,
       CASE WHEN v.unlogged THEN 'unlogged' ELSE 'logged' END AS online,
       v.history_table,
       d.sources,
       v.query,
       v.description,
       v.created_at,
       v.owner
FROM etl.feature_view AS v
LEFT JOIN etl.feature_view_version AS d ON d.view_id = v.view_id AND d.version = v.version AND d.owner = v.owner
LEFT JOIN LATERAL (
    SELECT *
    FROM etl.feature_materialization AS x
    WHERE x.view_id = v.view_id AND x.owner = v.owner
    ORDER BY x.as_of DESC, x.created_at DESC
    LIMIT 1
) AS m ON true;
COMMENT ON VIEW etl.feature_views IS
    'Feature views: entity columns, stored features and on-demand expressions of the current version; the latest '
    'moment as of which they were materialised (as_of; NULL when never), how long ago that is, whether that is longer '
    'than the ttl (expired), with which version and for how many entities (rows); ttl, schedule, how long superseded '
    'states are kept (keep_history, NULL: for ever); the table with the newest features (online_table, logged or '
    'unlogged) and the one with all states (history_table); the tables that the query reads (sources).';
GRANT SELECT ON etl.feature_views TO PUBLIC;

CREATE VIEW etl.feature_view_versions WITH (security_invoker = true) AS
SELECT v.name, d.version, d.version = v.version AS current, d.query, d.features, d.on_demand, d.ttl, d.sources,
       d.created_at, d.owner
FROM etl.feature_view_version AS d
JOIN etl.feature_view AS v ON v.view_id = d.view_id AND v.owner = d.owner;
COMMENT ON VIEW etl.feature_view_versions IS
    'Every version that the feature views have had: query, features, on-demand expressions, ttl, the tables that the '
    'query read (sources), and since when.';
GRANT SELECT ON etl.feature_view_versions TO PUBLIC;

-- One definition -----------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._feature_view_owner(name text)
RETURNS text
LANGUAGE C STABLE
AS 'MODULE_PATHNAME', 'etl_feature_view_owner';
COMMENT ON FUNCTION etl._feature_view_owner(text) IS
    'The role that a feature view belongs to, whoever asks; NULL when there is none of that name.';

CREATE FUNCTION etl._feature_view(name text)
RETURNS etl.feature_view
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    holder text := etl._feature_view_owner(name);
    view etl.feature_view;
BEGIN
    IF holder IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object',
            MESSAGE = CASE WHEN name IS NULL THEN 'no feature view was given'
                           ELSE format('feature view "%s" does not exist', name) END,
            HINT = 'SELECT * FROM etl.feature_views; lists them. etl.create_feature_view(…) makes one.';
    END IF;
    PERFORM etl._require_owner(holder, format('feature view "%s"', name));
    SELECT * INTO view FROM etl.feature_view AS v WHERE v.name = _feature_view.name AND v.owner = holder;
    RETURN view;
END
$$;
COMMENT ON FUNCTION etl._feature_view(text) IS
    'The definition of a feature view of the current role; 42704 where there is none, 42501 where it is another '
    'role''s.';

CREATE FUNCTION etl._feature_table(view etl.feature_view, relation text)
RETURNS regclass
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found regclass := to_regclass(relation);
    holder name := (SELECT pg_get_userbyid(c.relowner) FROM pg_class AS c WHERE c.oid = found);
BEGIN
    IF holder IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_table',
            MESSAGE = format('table "%s" of feature view "%s" does not exist', relation, view.name),
            HINT = format('Give it back its name, or SELECT etl.drop_feature_view(%L); and create it anew.', view.name);
    ELSIF holder <> view.owner THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = format('table "%s" of feature view "%s" belongs to role "%s", and the view to role "%s"',
                             relation, view.name, holder, view.owner),
            DETAIL = 'A role that was renamed leaves its views to its old name, and keeps its tables.',
            HINT = format('ALTER TABLE %s OWNER TO %I;', relation, view.owner);
    END IF;
    RETURN found;
END
$$;
COMMENT ON FUNCTION etl._feature_table(etl.feature_view, text) IS
    'A table of a feature view by its stored name; 42P01 where it is gone, 42501 where it is not the view''s owner''s.';

CREATE FUNCTION etl._feature_history(
    name text,
    OUT relation regclass, OUT entity name[], OUT ts name, OUT created_ts name, OUT ttl interval, OUT features name[])
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    view etl.feature_view := etl._feature_view(name);
BEGIN
    relation := etl._feature_table(view, view.history_table);
    entity := view.entity;
    ts := 'as_of';
    created_ts := 'created_at';
    ttl := view.ttl;
    features := view.features;
END
$$;
COMMENT ON FUNCTION etl._feature_history(text) IS
    'The table with all states of the rows of a feature view, for point-in-time joins: entity columns, the moment as '
    'of which a state holds (ts), when it was written (created_ts), how long it may be used (ttl), and the stored '
    'features. An entity that had vanished has a state whose features are NULL. Errors: 42704, 42501.';
