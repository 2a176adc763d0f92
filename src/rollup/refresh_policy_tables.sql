-- What is stored of refresh policies: how each materialized view is refreshed, and what the last refresh knew of its
-- sources.
--
-- A policy knows its view by name, as its pg_cron job does: a view that is dropped and created anew keeps its policy,
-- and a restore may create the view after the policy.

CREATE TABLE etl.refresh_policy (
    matview text NOT NULL CHECK (cardinality(parse_ident(matview)) = 2),
    schedule text NOT NULL,
    setting text NOT NULL CHECK (setting IN ('auto', 'on', 'off')),
    skip_if_unchanged boolean NOT NULL DEFAULT false,
    lock_timeout interval CHECK (lock_timeout > interval '0'),
    timeout interval CHECK (timeout > interval '0'),
    vacuum_after boolean NOT NULL DEFAULT false,
    with_dependencies boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    owner name NOT NULL DEFAULT current_user,
    PRIMARY KEY (matview, owner) -- a role that writes the name of another's view is not in its way
);
COMMENT ON TABLE etl.refresh_policy IS
    'Materialized views that are refreshed on a schedule, one row each. Read them in etl.refresh_policies; change them '
    'with etl.add_refresh_policy, etl.alter_refresh_policy and etl.remove_refresh_policy.';
ALTER TABLE etl.refresh_policy ENABLE ROW LEVEL SECURITY;
CREATE POLICY refresh_policy_owner ON etl.refresh_policy USING (owner = current_user);
GRANT SELECT, INSERT, UPDATE, DELETE ON etl.refresh_policy TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.refresh_policy', '');

-- Numbers of transactions mean nothing in another cluster, so a dump leaves this out: the first refresh after a restore
-- is never skipped.
CREATE TABLE etl.refresh_state (
    matview text NOT NULL,
    view_version text,
    sources oid[] NOT NULL DEFAULT '{}',
    fingerprint text,
    snapshot pg_snapshot NOT NULL DEFAULT pg_catalog.pg_current_snapshot(),
    refreshed_by xid8 NOT NULL DEFAULT pg_catalog.pg_current_xact_id(),
    registered_by xid8 NOT NULL DEFAULT pg_catalog.pg_current_xact_id(),
    owner name NOT NULL DEFAULT current_user,
    PRIMARY KEY (matview, owner),
    FOREIGN KEY (matview, owner) REFERENCES etl.refresh_policy (matview, owner) ON UPDATE CASCADE ON DELETE CASCADE
);
COMMENT ON TABLE etl.refresh_state IS
    'What the last refresh under a policy with skip_if_unchanged knew; one row each. src/rollup/source_changes.sql '
    'says how it is used.';
ALTER TABLE etl.refresh_state ENABLE ROW LEVEL SECURITY;
CREATE POLICY refresh_state_owner ON etl.refresh_state USING (owner = current_user);
GRANT SELECT, INSERT, UPDATE, DELETE ON etl.refresh_state TO PUBLIC;

CREATE TABLE etl.source_change (
    relation oid NOT NULL,
    changed_by xid8 NOT NULL
);
COMMENT ON TABLE etl.source_change IS
    'Tables beneath materialized views whose policies skip needless refreshes, and the transactions that wrote to '
    'them: one row for each table and transaction, written by the trigger etl_note_change, and deleted when the last '
    'refresh of every such view knew of it.';
ALTER TABLE etl.source_change REPLICA IDENTITY FULL; -- a database may publish all its tables
GRANT SELECT ON etl.source_change TO PUBLIC;
