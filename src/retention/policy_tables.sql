-- What is stored of retention policies: the table that each is about, and the tiers through which its rows go.
--
-- Place 0 of a policy is its table, place n is what archive_to of tier n names. Tier n takes the rows of place n - 1
-- whose time is past its "after" to place n, or deletes them where archive_to is NULL, which only the last tier may.
-- A policy knows its tables by name, so that neither a restored dump nor a dropped table can turn it on another table.

CREATE TABLE etl.retention_policy (
    policy_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    relation text NOT NULL CHECK (cardinality(parse_ident(relation)) = 2),
    kind text NOT NULL DEFAULT 'age' CHECK (kind IN ('age', 'expiry')),
    time_column name NOT NULL,
    filter text,
    method text NOT NULL DEFAULT 'auto' CHECK (method IN ('auto', 'rows', 'partitions')),
    batch_rows integer NOT NULL DEFAULT 5000 CHECK (batch_rows > 0),
    max_runtime interval NOT NULL DEFAULT '10 min' CHECK (max_runtime > interval '0'),
    pause interval NOT NULL DEFAULT '0' CHECK (pause >= interval '0'),
    lock_timeout interval NOT NULL DEFAULT '1 s' CHECK (lock_timeout > interval '0'),
    on_unfresh_rollup text NOT NULL DEFAULT 'freeze' CHECK (on_unfresh_rollup IN ('freeze', 'wait', 'ignore')),
    follow_references boolean NOT NULL DEFAULT false,
    evolve boolean NOT NULL DEFAULT false,
    schedule text,
    paused_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    owner name NOT NULL DEFAULT current_user,
    UNIQUE (policy_id, owner)
);
COMMENT ON TABLE etl.retention_policy IS
    'Retention policies, one row each; a role sees its own. Read them in etl.policies.';
COMMENT ON SEQUENCE etl.retention_policy_policy_id_seq IS 'Numbers of retention policies.';
ALTER TABLE etl.retention_policy ENABLE ROW LEVEL SECURITY;
CREATE POLICY retention_policy_owner ON etl.retention_policy USING (owner = current_user);
GRANT SELECT, INSERT, UPDATE, DELETE ON etl.retention_policy TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.retention_policy', '');
GRANT SELECT ON SEQUENCE etl.retention_policy_policy_id_seq TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.retention_policy_policy_id_seq', '');

CREATE TABLE etl.retention_tier (
    policy_id integer NOT NULL,
    tier smallint NOT NULL CHECK (tier > 0),
    after interval NOT NULL CHECK (after >= interval '0'),
    archive_to text CHECK (CASE
        WHEN archive_to LIKE 'file:///_%' THEN true
        WHEN archive_to LIKE 'schema:%' THEN cardinality(parse_ident(substr(archive_to, 8))) = 1
        ELSE cardinality(parse_ident(archive_to)) = 2
    END),
    format text CHECK (format IS NULL OR archive_to LIKE 'file:///%'),
    owner name NOT NULL DEFAULT current_user,
    PRIMARY KEY (policy_id, tier),
    FOREIGN KEY (policy_id, owner) REFERENCES etl.retention_policy (policy_id, owner)
        ON UPDATE CASCADE ON DELETE CASCADE
);
COMMENT ON TABLE etl.retention_tier IS
    'Tiers of retention policies, one row each: rows go to archive_to (a table, schema:name or file:///directory) once '
    'they are past "after", and are deleted where it is NULL. Read them in etl.policies.';
ALTER TABLE etl.retention_tier ENABLE ROW LEVEL SECURITY;
CREATE POLICY retention_tier_owner ON etl.retention_tier USING (owner = current_user);
GRANT SELECT, INSERT, UPDATE, DELETE ON etl.retention_tier TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.retention_tier', '');

CREATE VIEW etl.policies WITH (security_invoker = true) AS
SELECT p.name AS policy,
       p.relation,
       p.kind,
       p.time_column,
       t.keep,
       t.archive_to,
       t.archive_keep,
       p.filter,
       p.method,
       p.batch_rows,
       p.max_runtime,
       p.pause,
       p.lock_timeout,
       p.on_unfresh_rollup,
       p.follow_references,
       p.evolve,
       p.schedule,
       p.paused_at IS NOT NULL AS paused,
       t.tiers,
       r.run_id AS last_run,
       r.started_at AS last_started_at,
       r.status AS last_status,
       r.rows AS last_rows,
       p.owner
FROM etl.retention_policy AS p
CROSS JOIN LATERAL (
    SELECT min(s.after) FILTER (WHERE s.tier = 1) AS keep,
           min(s.archive_to) FILTER (WHERE s.tier = 1) AS archive_to,
           min(s.after) FILTER (WHERE s.tier > 1 AND s.archive_to IS NULL) AS archive_keep,
           jsonb_agg(jsonb_strip_nulls(jsonb_build_object('tier', s.tier, 'after', s.after,
                                                          'archive_to', s.archive_to, 'format', s.format))
                     ORDER BY s.tier) AS tiers
    FROM etl.retention_tier AS s
    WHERE s.policy_id = p.policy_id
) AS t
LEFT JOIN LATERAL (
    SELECT u.run_id, u.started_at, u.status, u.rows
    FROM etl.run AS u
    WHERE u.kind = 'retention' AND u.name = p.name AND u.owner = p.owner
    ORDER BY u.run_id DESC
    LIMIT 1
) AS r ON true;
COMMENT ON VIEW etl.policies IS
    'Retention policies with what each does, when it is run, and how its last run went. keep and archive_to are those '
    'of the first tier, archive_keep is when rows are deleted from the last archive, and tiers has all of them in '
    'order. Define policies with etl.add_retention_policy and further tiers with etl.add_tier.';
GRANT SELECT ON etl.policies TO PUBLIC;
