-- Relations looked up and counted without running anything of their owners'.

CREATE FUNCTION etl._named_relation(name text, hold boolean DEFAULT false)
RETURNS regclass
LANGUAGE C STRICT STABLE
AS 'MODULE_PATHNAME', 'etl_named_relation';
COMMENT ON FUNCTION etl._named_relation(text, boolean) IS
    'The relation that is named with its schema, whatever rights there are on that; NULL where there is none, or the '
    'text is no such name: unlike to_regclass() it never fails, whoever has written the name. hold: locks it (ACCESS '
    'SHARE) to the end of the transaction, so that no other one takes its place.';

CREATE FUNCTION etl._matview_rows(relation regclass)
RETURNS bigint
LANGUAGE C STRICT STABLE
AS 'MODULE_PATHNAME', 'etl_matview_rows';
COMMENT ON FUNCTION etl._matview_rows(regclass) IS
    'The rows of a materialized view or a plain table. No index is looked at: to plan a query calls the functions of '
    'their conditions, as the role that asks. 42501 without the right SELECT.';

CREATE FUNCTION etl._matview_has_null(relation regclass, columns smallint[])
RETURNS boolean
LANGUAGE C STRICT STABLE
AS 'MODULE_PATHNAME', 'etl_matview_has_null';
COMMENT ON FUNCTION etl._matview_has_null(regclass, smallint[]) IS
    'Whether a row of a materialized view or a plain table has NULL in one of some columns, by their numbers; see '
    'etl._matview_rows(). 42501 without the right SELECT.';
