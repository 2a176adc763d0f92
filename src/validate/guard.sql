-- Suites that are enforced stay: a trigger on etl.suite refuses to drop one, and to replace it by one that does not fit
-- its tables. The other side is etl._hold_suite, by which etl.enforce waits for who changes the suite.

CREATE FUNCTION etl._guard_enforced_suite()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    enforced etl.enforcements;
BEGIN
    IF TG_OP = 'UPDATE' AND NEW IS NOT DISTINCT FROM OLD THEN
        RETURN NEW; -- held by etl._hold_suite
    END IF;
    FOR enforced IN SELECT * FROM etl.enforcements AS e WHERE e.suite = OLD.name AND e.owner = OLD.owner LOOP
        IF TG_OP = 'DELETE' OR NEW.name <> OLD.name OR NEW.owner <> OLD.owner THEN
            RAISE EXCEPTION USING
                ERRCODE = 'dependent_objects_still_exist',
                MESSAGE = format('suite "%s" is enforced on table "%s"', OLD.name, enforced.relation),
                HINT = format('SELECT etl.remove_enforcement(%L, %L); ends that.', enforced.relation, OLD.name);
        ELSIF etl._enforceable(enforced.relation, NEW.name, NEW.document, enforced.min_severity,
                               enforced.params::text) = 0 THEN
            RAISE WARNING 'suite "%" is enforced on table "%" and has no expectation on single rows any more',
                OLD.name, enforced.relation;
        END IF;
    END LOOP;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END
$$;
COMMENT ON FUNCTION etl._guard_enforced_suite() IS
    'Keeps a suite that is enforced from being dropped (2BP01), and from being replaced by one that does not fit the '
    'table: its rows could not be stored any more.';

CREATE TRIGGER guard_enforced_suite BEFORE UPDATE OR DELETE ON etl.suite
    FOR EACH ROW EXECUTE FUNCTION etl._guard_enforced_suite();
COMMENT ON TRIGGER guard_enforced_suite ON etl.suite IS 'Looks after suites that are enforced.';
