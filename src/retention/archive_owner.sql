-- Whose archive a table is, for all roles to see.
--
-- Row security hides the policies and the ledger of one role from another. What lies in an archive is what its ledger
-- says, and stays as long as its policies say, only where no other role moves rows through it. So the first role that
-- archives to a table keeps it: policies of others are refused, and what others write into the ledger about it does not
-- count.

CREATE TABLE etl.archive_owner (
    relation regclass PRIMARY KEY,
    place text NOT NULL,
    owner name NOT NULL DEFAULT current_user
);
COMMENT ON TABLE etl.archive_owner IS
    'Tables to which retention policies archive (relation; place is how it was called then), and the role that keeps '
    'each: no policy of another role may take rows from it or put rows there. Everybody may read it. The role, or the '
    'owner of the table, gives it up with DELETE.';
ALTER TABLE etl.archive_owner ENABLE ROW LEVEL SECURITY;
CREATE POLICY archive_owner_everybody ON etl.archive_owner FOR SELECT USING (true);
CREATE POLICY archive_owner_claim ON etl.archive_owner FOR INSERT
    WITH CHECK (owner = current_user AND has_table_privilege(relation, 'INSERT'));
CREATE POLICY archive_owner_release ON etl.archive_owner FOR DELETE
    USING (owner = current_user OR etl._may_restore(relation));
GRANT SELECT, INSERT, DELETE ON etl.archive_owner TO PUBLIC;
-- A table that was dropped has a number only, which may be another table's elsewhere.
SELECT pg_catalog.pg_extension_config_dump(
    'etl.archive_owner', 'WHERE EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.oid = relation)');

CREATE FUNCTION etl._archive_keeper(relation regclass)
RETURNS name
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT o.owner FROM etl.archive_owner AS o JOIN pg_roles AS r ON r.rolname = o.owner
    WHERE o.relation = _archive_keeper.relation
$$;
COMMENT ON FUNCTION etl._archive_keeper(regclass) IS
    'The role that keeps a table as its archive; NULL where none does, or there is no such role any more.';

CREATE FUNCTION etl._require_own_archive(relation regclass)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    keeper CONSTANT name := etl._archive_keeper(relation);
BEGIN
    IF keeper <> current_user THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('table "%s" is an archive of role "%s"', relation, keeper),
            DETAIL = format('How long its rows stay is said by policies that role "%s" does not see.', current_user),
            HINT = format('Name another table, or define the policy after SET ROLE %I; role "%s" gives the archive up '
                          'with DELETE FROM etl.archive_owner WHERE relation = %L::regclass;', keeper, keeper,
                          relation);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_own_archive(regclass) IS
    'Raises (22023) where another role keeps a table as its archive.';

CREATE FUNCTION etl._claim_archive(relation regclass)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO etl.archive_owner (relation, place) VALUES (relation, etl._relation_name(relation))
    ON CONFLICT DO NOTHING;
    PERFORM etl._require_own_archive(relation);
END
$$;
COMMENT ON FUNCTION etl._claim_archive(regclass) IS
    'Notes that the current role keeps a table as its archive; 22023 where another one does.';
