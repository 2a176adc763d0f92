-- Clusters that are kept: their tables, and the views of them that users read. etl.resolve_new fills them
-- (src/dedupe/resolve.sql); etl.unmerge, etl.forget_members and their kin take from them (src/dedupe/resolve_undo.sql).
--
-- A resolution is what one role knows about one table. Its lock is its row in etl.resolution: whoever changes members
-- holds it to the end of the transaction.
--
-- Whose rows these are. Row security lets a role see and write its own rows alone, and only under a resolution of its
-- own. Nobody may write the columns that the database numbers, nor the owner: INSERT and UPDATE are granted by column.
-- So no role can take numbers in advance, to be in the way of another's rows or to have rows of its own ready under
-- them. Row security does not hold superusers, so each statement asks for the owner as well.
--
-- Every member is in a part, and a cluster is the parts that the merges in force hold together, named by the smallest
-- (src/dedupe/resolution.hpp). Parts are numbered within a resolution, so that a run that is rolled back leaves no gap.

CREATE TABLE etl.resolution (
    resolution_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    relation text NOT NULL,
    id_column text NOT NULL,
    runs bigint NOT NULL DEFAULT 0,
    parts bigint NOT NULL DEFAULT 0,
    last_run_at timestamptz,
    owner name NOT NULL DEFAULT current_user,
    UNIQUE (relation, owner)
);
COMMENT ON TABLE etl.resolution IS
    'Tables whose rows are in clusters that are kept, by their names, and the column of their ids; one row for each '
    'role that does so. Read them in etl.resolutions. After ALTER TABLE … RENAME, change relation to the new name, as '
    'etl.resolutions shows it.';
COMMENT ON SEQUENCE etl.resolution_resolution_id_seq IS 'Numbers of etl.resolution.';
ALTER TABLE etl.resolution ENABLE ROW LEVEL SECURITY;
CREATE POLICY resolution_owner ON etl.resolution USING (owner = current_user);
GRANT SELECT, INSERT (relation, id_column, runs, last_run_at),
      UPDATE (relation, id_column, runs, parts, last_run_at), DELETE ON etl.resolution TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.resolution', '');
GRANT SELECT ON SEQUENCE etl.resolution_resolution_id_seq TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.resolution_resolution_id_seq', '');

CREATE TABLE etl.cluster_member (
    resolution_id integer NOT NULL,
    id text NOT NULL,
    part_id bigint NOT NULL,
    cluster_id bigint NOT NULL,
    run bigint NOT NULL,
    since timestamptz NOT NULL,
    owner name NOT NULL DEFAULT current_user,
    PRIMARY KEY (resolution_id, id)
);
CREATE INDEX cluster_member_cluster_idx ON etl.cluster_member (resolution_id, cluster_id);
COMMENT ON TABLE etl.cluster_member IS
    'The cluster of each row that etl.resolve_new has seen, and the part of that cluster. Read them in '
    'etl.cluster_members.';
ALTER TABLE etl.cluster_member ENABLE ROW LEVEL SECURITY;
CREATE POLICY cluster_member_owner ON etl.cluster_member USING (owner = current_user)
    WITH CHECK (owner = current_user AND resolution_id IN (
        SELECT r.resolution_id FROM etl.resolution AS r WHERE r.owner = current_user));
GRANT SELECT, INSERT (resolution_id, id, part_id, cluster_id, run, since), UPDATE (cluster_id), DELETE
      ON etl.cluster_member TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.cluster_member', '');

CREATE TABLE etl.cluster_merge (
    merge_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    resolution_id integer NOT NULL,
    run bigint NOT NULL,
    merged_at timestamptz NOT NULL,
    kept_cluster_id bigint NOT NULL,
    merged_cluster_id bigint NOT NULL,
    id_a text NOT NULL,
    id_b text NOT NULL,
    probability float8 NOT NULL,
    part_a bigint NOT NULL,
    part_b bigint NOT NULL,
    undone_at timestamptz,
    owner name NOT NULL DEFAULT current_user
);
CREATE INDEX cluster_merge_resolution_idx ON etl.cluster_merge (resolution_id, run);
COMMENT ON TABLE etl.cluster_merge IS
    'Merges of two clusters by a new row that matched both, in force or undone. Read them in etl.merges; undo one with '
    'etl.unmerge.';
COMMENT ON SEQUENCE etl.cluster_merge_merge_id_seq IS 'Numbers of etl.cluster_merge.';
ALTER TABLE etl.cluster_merge ENABLE ROW LEVEL SECURITY;
CREATE POLICY cluster_merge_owner ON etl.cluster_merge USING (owner = current_user)
    WITH CHECK (owner = current_user AND resolution_id IN (
        SELECT r.resolution_id FROM etl.resolution AS r WHERE r.owner = current_user));
GRANT SELECT,
      INSERT (resolution_id, run, merged_at, kept_cluster_id, merged_cluster_id, id_a, id_b, probability, part_a,
              part_b),
      UPDATE (undone_at), DELETE ON etl.cluster_merge TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.cluster_merge', '');
GRANT SELECT ON SEQUENCE etl.cluster_merge_merge_id_seq TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.cluster_merge_merge_id_seq', '');

CREATE TABLE etl.separation (
    separation_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    resolution_id integer NOT NULL,
    merge_id bigint NOT NULL,
    id_a text NOT NULL,
    id_b text NOT NULL,
    part_a bigint NOT NULL,
    part_b bigint NOT NULL,
    since timestamptz NOT NULL,
    owner name NOT NULL DEFAULT current_user
);
CREATE INDEX separation_resolution_idx ON etl.separation (resolution_id);
COMMENT ON TABLE etl.separation IS
    'What etl.unmerge has taken apart and etl.resolve_new leaves apart. Read it in etl.separations; end one with '
    'etl.remove_separation.';
COMMENT ON SEQUENCE etl.separation_separation_id_seq IS 'Numbers of etl.separation.';
ALTER TABLE etl.separation ENABLE ROW LEVEL SECURITY;
CREATE POLICY separation_owner ON etl.separation USING (owner = current_user)
    WITH CHECK (owner = current_user AND resolution_id IN (
        SELECT r.resolution_id FROM etl.resolution AS r WHERE r.owner = current_user));
GRANT SELECT, INSERT (resolution_id, merge_id, id_a, id_b, part_a, part_b, since), DELETE
      ON etl.separation TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.separation', '');
GRANT SELECT ON SEQUENCE etl.separation_separation_id_seq TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.separation_separation_id_seq', '');

-- What users read ----------------------------------------------------------------------------------------------------

CREATE VIEW etl.resolutions WITH (security_invoker = true) AS
SELECT r.relation, r.id_column, r.runs, r.last_run_at, r.owner, r.resolution_id
FROM etl.resolution AS r;
COMMENT ON VIEW etl.resolutions IS
    'Tables whose clusters are kept by etl.resolve_new: the column of their ids, how many runs there were, and the '
    'moment (as_of) of the last.';
GRANT SELECT ON etl.resolutions TO PUBLIC;

CREATE VIEW etl.cluster_members WITH (security_invoker = true) AS
SELECT r.relation, m.id, m.cluster_id, m.run, m.since, m.owner
FROM etl.cluster_member AS m
JOIN etl.resolution AS r ON r.resolution_id = m.resolution_id AND r.owner = m.owner;
COMMENT ON VIEW etl.cluster_members IS
    'The cluster of every row that etl.resolve_new has seen: the table, the id as text, the number of the cluster '
    'within the table, and the run and moment that put the row there. Rows of one cluster are the same thing.';
GRANT SELECT ON etl.cluster_members TO PUBLIC;

CREATE VIEW etl.merges WITH (security_invoker = true) AS
SELECT g.merge_id, r.relation, g.run, g.merged_at, g.kept_cluster_id, g.merged_cluster_id, g.id_a, g.id_b,
       g.probability, g.undone_at, g.owner
FROM etl.cluster_merge AS g
JOIN etl.resolution AS r ON r.resolution_id = g.resolution_id AND r.owner = g.owner;
COMMENT ON VIEW etl.merges IS
    'Merges of clusters by etl.resolve_new: in which run and when, the cluster that stayed and the one that went into '
    'it, and the pair of rows because of which (id_a of the one that stayed, id_b of the other, one of them new). '
    'undone_at: when etl.unmerge took it back.';
GRANT SELECT ON etl.merges TO PUBLIC;

CREATE VIEW etl.separations WITH (security_invoker = true) AS
SELECT s.separation_id, r.relation, s.id_a, s.id_b, s.merge_id, s.since, s.owner
FROM etl.separation AS s
JOIN etl.resolution AS r ON r.resolution_id = s.resolution_id AND r.owner = s.owner;
COMMENT ON VIEW etl.separations IS
    'What is kept apart since etl.unmerge took a merge back: the rows id_a and id_b, and the rows that were with each '
    'of them before that merge. etl.resolve_new brings them into no common cluster.';
GRANT SELECT ON etl.separations TO PUBLIC;
