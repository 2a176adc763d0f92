-- Which values occur most often, exactly or within a bounded number of counters.

CREATE TYPE etl.frequency_state;

CREATE FUNCTION etl.frequency_state_in(cstring)
RETURNS etl.frequency_state
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_frequency_state_in';
COMMENT ON FUNCTION etl.frequency_state_in(cstring) IS
    'Input function of etl.frequency_state; checks every byte. Error 22P02 or 22P03 where it is none.';

CREATE FUNCTION etl.frequency_state_out(etl.frequency_state)
RETURNS cstring
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_frequency_state_out';
COMMENT ON FUNCTION etl.frequency_state_out(etl.frequency_state) IS
    'Output function of etl.frequency_state: \x and hexadecimal digits.';

CREATE FUNCTION etl.frequency_state_recv(internal)
RETURNS etl.frequency_state
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_frequency_state_recv';
COMMENT ON FUNCTION etl.frequency_state_recv(internal) IS
    'Receive function of etl.frequency_state; checks every byte. Error 22P03 where it is none.';

CREATE FUNCTION etl.frequency_state_send(etl.frequency_state)
RETURNS bytea
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_frequency_state_send';
COMMENT ON FUNCTION etl.frequency_state_send(etl.frequency_state) IS
    'Send function of etl.frequency_state.';

CREATE TYPE etl.frequency_state (
    INPUT = etl.frequency_state_in,
    OUTPUT = etl.frequency_state_out,
    RECEIVE = etl.frequency_state_recv,
    SEND = etl.frequency_state_send,
    ALIGNMENT = double,
    STORAGE = extended
);
COMMENT ON TYPE etl.frequency_state IS
    'How often each value of a column occurs, or the most frequent of them. Made by the aggregate etl.frequencies, '
    'stored like any value, merged by the aggregate etl.merge, read by etl.most_frequent_values, etl.row_count and '
    'etl.most_unlisted.';

CREATE FUNCTION etl._frequencies_combine(etl.frequency_state, etl.frequency_state)
RETURNS etl.frequency_state
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_frequencies_combine';
COMMENT ON FUNCTION etl._frequencies_combine(etl.frequency_state, etl.frequency_state) IS
    'The counts of two states together: combine function of etl.frequencies and etl.most_frequent, transition of '
    'etl.merge.';

CREATE FUNCTION etl._frequencies_add(etl.frequency_state, anyelement)
RETURNS etl.frequency_state
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_frequencies_add';
COMMENT ON FUNCTION etl._frequencies_add(etl.frequency_state, anyelement) IS
    'Transition function of etl.frequencies(value).';

CREATE FUNCTION etl._frequencies_add(etl.frequency_state, anyelement, integer)
RETURNS etl.frequency_state
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_frequencies_add';
COMMENT ON FUNCTION etl._frequencies_add(etl.frequency_state, anyelement, integer) IS
    'Transition function of etl.frequencies(value, counters).';

CREATE FUNCTION etl._most_frequent_add(etl.frequency_state, anyelement, integer)
RETURNS etl.frequency_state
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_most_frequent_add';
COMMENT ON FUNCTION etl._most_frequent_add(etl.frequency_state, anyelement, integer) IS
    'Transition function of etl.most_frequent(value, k).';

CREATE FUNCTION etl._most_frequent_add(etl.frequency_state, anyelement, integer, integer)
RETURNS etl.frequency_state
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_most_frequent_add';
COMMENT ON FUNCTION etl._most_frequent_add(etl.frequency_state, anyelement, integer, integer) IS
    'Transition function of etl.most_frequent(value, k, counters).';

CREATE FUNCTION etl._most_frequent_final(etl.frequency_state, anyelement, integer)
RETURNS anyarray
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_most_frequent_final';
COMMENT ON FUNCTION etl._most_frequent_final(etl.frequency_state, anyelement, integer) IS
    'Final function of etl.most_frequent(value, k).';

CREATE FUNCTION etl._most_frequent_final(etl.frequency_state, anyelement, integer, integer)
RETURNS anyarray
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_most_frequent_final';
COMMENT ON FUNCTION etl._most_frequent_final(etl.frequency_state, anyelement, integer, integer) IS
    'Final function of etl.most_frequent(value, k, counters).';

CREATE AGGREGATE etl.merge(etl.frequency_state) (
    SFUNC = etl._frequencies_combine,
    STYPE = etl.frequency_state,
    SSPACE = 1024,
    COMBINEFUNC = etl._frequencies_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.merge(etl.frequency_state) IS
    'The counts of all states together. Exact states give what one aggregate over all rows gives; those with '
    'counters keep their bounds. NULL without states. Errors: 22023 states of different types or numbers of '
    'counters, or of a database of another encoding; 42704 a type or collation that is not there any more; 54000 '
    'too many distinct values; 22P03 a state that was not made by etl.';

CREATE AGGREGATE etl.frequencies(value anyelement) (
    SFUNC = etl._frequencies_add,
    STYPE = etl.frequency_state,
    SSPACE = 1024,
    COMBINEFUNC = etl._frequencies_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.frequencies(anyelement) IS
    'How often each value occurs, to be stored, merged by etl.merge and read by etl.most_frequent_values. Values '
    'are equal as their type and its collation say; of equal values that look different, as 1.0 and 1.00, the one '
    'with the lower bytes is shown. NULLs are left out; NULL without values. Errors: 54000 more distinct values '
    'in a group than have room in work_mem * hash_mem_multiplier + 64 MB: count them with counters instead; 0A000 '
    'values that cannot be stored, as rows of no named type; 42883 values that cannot be compared or hashed.';

CREATE AGGREGATE etl.frequencies(value anyelement, counters integer) (
    SFUNC = etl._frequencies_add,
    STYPE = etl.frequency_state,
    SSPACE = 1024,
    COMBINEFUNC = etl._frequencies_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.frequencies(anyelement, integer) IS
    'How often the most frequent values occur, to be stored, merged by etl.merge and read by '
    'etl.most_frequent_values. Counts with so many counters (1 to 10000000), by the space-saving algorithm: '
    'memory is bounded, every value that makes up more than 1/counters of the rows has a counter, and no count is '
    'too low or too high by more than rows/counters. Which of the rarer values have counters depends on the order '
    'of the rows. (Metwally, Agrawal, El Abbadi 2005; merged as Agarwal et al. 2012 do.) Values are equal as '
    'their type and its collation say; of equal values that look different, as 1.0 and 1.00, the one with the '
    'lower bytes is shown. NULLs are left out; NULL without values. Errors: 22023 counters out of range or not '
    'the same for all rows of a group; 22004 counters is NULL; 0A000 values that cannot be stored, as rows of no '
    'named type; 42883 values that cannot be compared or hashed.';

CREATE AGGREGATE etl.most_frequent(value anyelement, k integer) (
    SFUNC = etl._most_frequent_add,
    STYPE = etl.frequency_state,
    SSPACE = 1024,
    FINALFUNC = etl._most_frequent_final,
    FINALFUNC_EXTRA,
    COMBINEFUNC = etl._frequencies_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.most_frequent(anyelement, integer) IS
    'The k values (1 to 10000000) that occur most often, the most frequent first, as an array; of equally '
    'frequent values the lower one comes first, texts by their bytes. Values are equal as their type and its '
    'collation say; of equal values that look different, as 1.0 and 1.00, the one with the lower bytes is shown. '
    'NULLs are left out; NULL without values. Errors: 54000 more distinct values in a group than have room in '
    'work_mem * hash_mem_multiplier + 64 MB: count them with counters instead; 22023 k out of range or not the '
    'same for all rows of a group; 22004 k is NULL; 0A000 values that cannot be stored, as rows of no named type; '
    '42883 values that cannot be compared or hashed.';

CREATE AGGREGATE etl.most_frequent(value anyelement, k integer, counters integer) (
    SFUNC = etl._most_frequent_add,
    STYPE = etl.frequency_state,
    SSPACE = 1024,
    FINALFUNC = etl._most_frequent_final,
    FINALFUNC_EXTRA,
    COMBINEFUNC = etl._frequencies_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.most_frequent(anyelement, integer, integer) IS
    'The k values that seem to occur most often, the most frequent first, as an array. Counts with so many '
    'counters (1 to 10000000), by the space-saving algorithm: memory is bounded, every value that makes up more '
    'than 1/counters of the rows has a counter, and no count is too low or too high by more than rows/counters. '
    'Which of the rarer values have counters depends on the order of the rows. (Metwally, Agrawal, El Abbadi '
    '2005; merged as Agarwal et al. 2012 do.) Values are equal as their type and its collation say; of equal '
    'values that look different, as 1.0 and 1.00, the one with the lower bytes is shown. NULLs are left out; NULL '
    'without values. Errors: 22023 k or counters out of range, fewer counters than k, or not the same for all '
    'rows of a group; 22004 k or counters is NULL; 0A000 values that cannot be stored, as rows of no named type; '
    '42883 values that cannot be compared or hashed.';

CREATE FUNCTION etl.most_frequent_values(
    state etl.frequency_state, type_of_values anyelement, k integer DEFAULT NULL,
    OUT value anyelement, OUT count bigint, OUT error bigint)
RETURNS SETOF record
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_most_frequent_values';
COMMENT ON FUNCTION etl.most_frequent_values(etl.frequency_state, anyelement, integer) IS
    'The first k values of a state (all of them without k) with their counts, the most frequent first, of equal '
    'counts the lower value. A value occurs at most count times, and at least count - error times; error is 0 '
    'where counting is exact. type_of_values: NULL of their type, as NULL::text; for values of a domain, of the '
    'type that it is made of. No rows for NULL. Errors: 42804 the values are of another type; 22023 k is '
    'negative, or a database of another encoding; 22P03 a state that was not made by etl.';

CREATE FUNCTION etl.row_count(etl.frequency_state)
RETURNS bigint
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_frequencies_rows';
COMMENT ON FUNCTION etl.row_count(etl.frequency_state) IS
    'How many values that are not NULL a state has counted.';

CREATE FUNCTION etl.most_unlisted(etl.frequency_state)
RETURNS bigint
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_frequencies_most_missed';
COMMENT ON FUNCTION etl.most_unlisted(etl.frequency_state) IS
    'How often a value occurs at most that etl.most_frequent_values does not list: 0 where counting is exact.';
