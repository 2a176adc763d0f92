-- What is known of a rollup's query before it is made: which tables it reads, what their triggers log, which groups a
-- change touches, and how single groups are recomputed.

CREATE FUNCTION etl._rollup_as_of()
RETURNS timestamptz
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_rollup_as_of';
COMMENT ON FUNCTION etl._rollup_as_of() IS
    'The moment that a refresh speaks of: the setting pg_etl.rollup_as_of, or now() where that is empty. It stands in '
    'the queries of rollups where their definitions say now().';

CREATE FUNCTION etl._restriction(VARIADIC place "any")
RETURNS boolean
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_restriction';
COMMENT ON FUNCTION etl._restriction("any") IS
    'Marks a place in the query of a rollup at which a refresh says which groups it wants, while etl._rollup_plan '
    'works on it. True; no query of a user''s may call it.';

CREATE FUNCTION etl._rollup_plan(
    query text, key_columns name[], affects jsonb DEFAULT '{}', images boolean DEFAULT false)
RETURNS jsonb
LANGUAGE C STABLE
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off
SET standard_conforming_strings = on
SET datestyle = 'ISO'
SET intervalstyle = 'postgres'
SET extra_float_digits = 1
SET bytea_output = 'hex'
SET lc_monetary = 'C'
SET lc_numeric = 'C'
SET lc_time = 'C'
AS 'MODULE_PATHNAME', 'etl_rollup_plan';
COMMENT ON FUNCTION etl._rollup_plan(text, name[], jsonb, boolean) IS
    'The plan of a rollup of a query, as a JSON object; it is not run. uses: what etl._rollup_uses gives. columns: '
    'of the table, with their types. keys: the key columns and their expressions. sources: the tables, each with the '
    'columns that the query uses, what its log holds (kind keys: the keys of the changed rows; columns: what leads '
    'to them; images: all used columns), and keys_query, a query for the touched keys over "etl changes N" (the rows '
    'that the log of source N tells of) and "etl rows N" (these, and the rows of the table; rows has the number of '
    'each that it reads, as often as it does); joins_unique names the columns by which that query joins changed rows '
    'with no other rows of the delta''s fact than those that have them in unique_join, one by one, or is null; '
    'everything is true where any change touches all groups. whole: the query. recompute: the query in pieces, with '
    'the numbers of the restrictions between them, each with the key''s '
    'expression as valid there and, where that rounds a time down, the column and the interval (in the time zone, if '
    'one is given) below which it lies. moving: filters of now(), whose edge calls etl._rollup_as_of(), with a query '
    'over "etl changes N" for the keys of the rows between two edges (none: all groups). delta: how changes are '
    'merged, or delta_refused. Names are read under a search_path of system objects. affects gives, by table, the '
    'query for the touched keys over changed, the rows changed. images: the source of the delta logs all used '
    'columns. Errors: 0A000 what a rollup cannot do or cannot follow, 42803 and 42703 for key columns, 42701 for a '
    'name used twice, 42809 for what is no table, 22023 and 42P01 for affects.';

CREATE FUNCTION etl._rollup_uses(query text, key_columns name[], affects jsonb)
RETURNS text[]
LANGUAGE C STRICT STABLE
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off
SET standard_conforming_strings = on
SET datestyle = 'ISO'
SET intervalstyle = 'postgres'
AS 'MODULE_PATHNAME', 'etl_rollup_uses';
COMMENT ON FUNCTION etl._rollup_uses(text, name[], jsonb) IS
    'What the query of a rollup, and those of affects, use that is not PostgreSQL''s own: functions, also those behind '
    'operators, aggregates and casts, with the types of their arguments, and types with what they are made of. Names '
    'mean what they mean now. Errors: those of etl._rollup_plan.';

CREATE FUNCTION etl._type_identity(type oid, modifier integer, collation_id oid)
RETURNS text
LANGUAGE C STRICT STABLE
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off
AS 'MODULE_PATHNAME', 'etl_type_identity';
COMMENT ON FUNCTION etl._type_identity(oid, integer, oid) IS
    'A type with what it is made of, as in "public.price (domain over numeric(10,2))", so that another one of its name '
    'has another text; and the collation, where it is not that of the type.';
