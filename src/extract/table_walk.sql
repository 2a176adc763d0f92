-- Walks through a table by ranges of its blocks, so that each range can be a transaction of its own. The walk is a
-- value that is stored with what was done: who goes on with it begins where it ended. A table that was rewritten
-- meanwhile has its rows elsewhere, and is walked through again from its first block.

CREATE FUNCTION etl._walk(relation regclass, step integer)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object('block', 0, 'step', greatest(step, 1), 'members', coalesce(jsonb_agg(
               c.oid::bigint ORDER BY c.oid), '[]'))
    FROM pg_class AS c
    WHERE c.oid IN (SELECT etl._family(relation)) AND c.relkind = 'r'
$$;
COMMENT ON FUNCTION etl._walk(regclass, integer) IS
    'A walk through a table and those below it, so many blocks at a time.';

CREATE FUNCTION etl._walk_step(relation regclass, rows integer)
RETURNS integer
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT least(greatest(rows / greatest(coalesce(max(c.reltuples / nullif(c.relpages, 0))
                                                       FILTER (WHERE c.reltuples > 0), 50), 1), 1), 131072)::integer
    FROM pg_class AS c
    WHERE c.oid IN (SELECT etl._family(relation)) AND c.relkind = 'r'
$$;
COMMENT ON FUNCTION etl._walk_step(regclass, integer) IS
    'How many blocks of a table have about so many rows, up to 1 GB.';

CREATE FUNCTION etl._walk_on(walk jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    member oid;
    file oid;
BEGIN
    WHILE walk -> 'members' <> '[]' LOOP
        member := (walk #>> '{members,0}')::oid;
        IF EXISTS (SELECT FROM pg_class AS c WHERE c.oid = member) THEN
            EXECUTE format('LOCK TABLE ONLY %s IN ACCESS SHARE MODE', member::regclass);
            file := pg_relation_filenode(member);
            IF file IS DISTINCT FROM (walk ->> 'file')::oid THEN
                walk := walk || jsonb_build_object('block', 0, 'file', file::bigint);
            END IF;
            RETURN walk || jsonb_build_object('is_last', (walk ->> 'block')::bigint + (walk ->> 'step')::bigint >= (
                pg_relation_size(member) / current_setting('block_size')::bigint));
        END IF;
        walk := walk - 'file' || jsonb_build_object('block', 0, 'members', (walk -> 'members') - 0);
    END LOOP;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION etl._walk_on(jsonb) IS
    'A walk at the range that comes next, whose table is locked against being rewritten to the end of the '
    'transaction; NULL at its end.';

CREATE FUNCTION etl._walk_condition(walk jsonb, alias name)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('%1$I.ctid >= ''(%2$s,0)''', alias, (walk ->> 'block')::bigint)
        || CASE WHEN (walk -> 'is_last')::boolean THEN ''
                ELSE format(' AND %I.ctid < ''(%s,0)''', alias,
                            (walk ->> 'block')::bigint + (walk ->> 'step')::bigint) END
$$;
COMMENT ON FUNCTION etl._walk_condition(jsonb, name) IS
    'Condition that a row lies in the range of a walk; the last range of a table has no end.';

CREATE FUNCTION etl._walk_past(walk jsonb, rows bigint, wanted integer)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN (walk -> 'is_last')::boolean
                    THEN walk - 'file' || jsonb_build_object('block', 0, 'members', (walk -> 'members') - 0)
                ELSE walk || jsonb_build_object('block', (walk ->> 'block')::bigint + (walk ->> 'step')::bigint) END
        || jsonb_build_object('step', least(greatest(CASE
               WHEN rows > wanted THEN (walk ->> 'step')::bigint * wanted / rows
               WHEN rows < wanted / 2 THEN (walk ->> 'step')::bigint * 2
               ELSE (walk ->> 'step')::bigint END, 1), 131072))
$$;
COMMENT ON FUNCTION etl._walk_past(jsonb, bigint, integer) IS
    'A walk after a range was done that had so many rows of interest: the next one has more blocks or fewer, so that '
    'it comes nearer to the number wanted.';
