-- What a point-in-time join does where rows are read. The rows of the spine come first; from them an index of their
-- keys and moments is made, which goes as a parameter to the query that reads the features. That query may have
-- parallel workers: each drops the rows of other keys, keeps the rows that may be joined, and sets them aside in
-- temporary files, whose list is what the aggregate returns.

CREATE FUNCTION etl._asof_key(seed bigint, VARIADIC keys "any")
RETURNS uuid
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 20
AS 'MODULE_PATHNAME', 'etl_asof_key';
COMMENT ON FUNCTION etl._asof_key(bigint, "any") IS
    '128 bits that stand for the keys of a row, by the equality of their types and collations. NULL where one of them '
    'is. Errors: 42883 a value within a key has no hash function.';

CREATE FUNCTION etl._asof_may_match(index bytea, VARIADIC keys "any")
RETURNS bool
LANGUAGE C STABLE PARALLEL SAFE COST 20
AS 'MODULE_PATHNAME', 'etl_asof_may_match';
COMMENT ON FUNCTION etl._asof_may_match(bytea, "any") IS
    'Whether the keys may be those of a row of the spine: true for every one that is, and for few others, unless most '
    'of the first rows were.';

CREATE FUNCTION etl._asof_features_step(internal, bytea, bytea, record, "any", "any", VARIADIC "any")
RETURNS internal
LANGUAGE C VOLATILE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_asof_features_step';
COMMENT ON FUNCTION etl._asof_features_step(internal, bytea, bytea, record, "any", "any", "any") IS
    'Transition function of etl._asof_features.';

CREATE FUNCTION etl._asof_features_combine(internal, internal)
RETURNS internal
LANGUAGE C VOLATILE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_asof_features_combine';
COMMENT ON FUNCTION etl._asof_features_combine(internal, internal) IS 'Combine function of etl._asof_features.';

CREATE FUNCTION etl._asof_features_chunks(internal)
RETURNS bytea
LANGUAGE C STRICT VOLATILE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_asof_features_chunks';
COMMENT ON FUNCTION etl._asof_features_chunks(internal) IS
    'Final function of etl._asof_features, and its state as bytes.';

CREATE FUNCTION etl._asof_features_deserial(bytea, internal)
RETURNS internal
LANGUAGE C STRICT VOLATILE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_asof_features_deserial';
COMMENT ON FUNCTION etl._asof_features_deserial(bytea, internal) IS 'State of etl._asof_features from bytes.';

CREATE AGGREGATE etl._asof_features(
    area bytea, index bytea, feature record, moment "any", created "any", VARIADIC keys "any") (
    SFUNC = etl._asof_features_step,
    STYPE = internal,
    COMBINEFUNC = etl._asof_features_combine,
    SERIALFUNC = etl._asof_features_chunks,
    DESERIALFUNC = etl._asof_features_deserial,
    FINALFUNC = etl._asof_features_chunks,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl._asof_features(bytea, bytea, record, "any", "any", "any") IS
    'Sets the rows aside that may be joined to the spine. Arguments: where to, the index of the spine, the row, its '
    'moment, the moment at which it was created, its keys. Returns the list of what was set aside. Errors: 42883 a '
    'value within a key has no hash function, 0A000 a moment that is no timestamp, date or whole number.';
