-- How many values lie between given edges, as a state.

CREATE TYPE etl.histogram;

CREATE FUNCTION etl.histogram_in(cstring)
RETURNS etl.histogram
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_histogram_in';
COMMENT ON FUNCTION etl.histogram_in(cstring) IS
    'Input function of etl.histogram; checks every byte. Error 22P02 or 22P03 where it is none.';

CREATE FUNCTION etl.histogram_out(etl.histogram)
RETURNS cstring
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_histogram_out';
COMMENT ON FUNCTION etl.histogram_out(etl.histogram) IS
    'Output function of etl.histogram: \x and hexadecimal digits.';

CREATE FUNCTION etl.histogram_recv(internal)
RETURNS etl.histogram
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_histogram_recv';
COMMENT ON FUNCTION etl.histogram_recv(internal) IS
    'Receive function of etl.histogram; checks every byte. Error 22P03 where it is none.';

CREATE FUNCTION etl.histogram_send(etl.histogram)
RETURNS bytea
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_histogram_send';
COMMENT ON FUNCTION etl.histogram_send(etl.histogram) IS 'Send function of etl.histogram.';

CREATE TYPE etl.histogram (
    INPUT = etl.histogram_in,
    OUTPUT = etl.histogram_out,
    RECEIVE = etl.histogram_recv,
    SEND = etl.histogram_send,
    ALIGNMENT = double,
    STORAGE = extended
);
COMMENT ON TYPE etl.histogram IS
    'How many values of a column lie between given edges. Made by the aggregate etl.histogram, stored like any '
    'value, merged by the aggregate etl.merge, read by etl.bins, etl.edges, etl.counts, etl.outside. A bin has its '
    'lower edge and not its upper one, but for the last, which has both. 16 bytes an edge.';

CREATE FUNCTION etl._histogram_add(etl.histogram, double precision, double precision[])
RETURNS etl.histogram
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_histogram_add';
COMMENT ON FUNCTION etl._histogram_add(etl.histogram, double precision, double precision[]) IS
    'Transition function of etl.histogram.';

CREATE FUNCTION etl._histogram_combine(etl.histogram, etl.histogram)
RETURNS etl.histogram
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_histogram_combine';
COMMENT ON FUNCTION etl._histogram_combine(etl.histogram, etl.histogram) IS
    'The counts of both: combine function of etl.histogram, transition of etl.merge.';

CREATE AGGREGATE etl.histogram(x double precision, edges double precision[]) (
    SFUNC = etl._histogram_add,
    STYPE = etl.histogram,
    SSPACE = 256,
    COMBINEFUNC = etl._histogram_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.histogram(double precision, double precision[]) IS
    'How many values of x lie between the edges: n + 1 edges, in ascending order, make n bins. A bin has its lower '
    'edge and not its upper one, but for the last, which has both. Edges may be infinite. Values below, values '
    'above, NaN and NULL are counted apart. NULL without rows. Errors: 22023 edges that are fewer than two, more '
    'than 100001, not ascending, NaN or NULL, or that differ between the rows of a group; 22004 no edges.';

CREATE AGGREGATE etl.merge(etl.histogram) (
    SFUNC = etl._histogram_combine,
    STYPE = etl.histogram,
    SSPACE = 256,
    COMBINEFUNC = etl._histogram_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.merge(etl.histogram) IS
    'The sum of stored histograms. NULL without any. Error 22023 where their edges differ.';

CREATE FUNCTION etl.row_count(state etl.histogram)
RETURNS bigint
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_histogram_row_count';
COMMENT ON FUNCTION etl.row_count(etl.histogram) IS
    'How many values were counted, in bins and outside of them; NULLs are not among them.';

CREATE FUNCTION etl.edges(state etl.histogram)
RETURNS double precision[]
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_histogram_edges';
COMMENT ON FUNCTION etl.edges(etl.histogram) IS
    'The edges of a histogram.';

CREATE FUNCTION etl.counts(state etl.histogram)
RETURNS bigint[]
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_histogram_counts';
COMMENT ON FUNCTION etl.counts(etl.histogram) IS
    'The rows in each bin of a histogram: one number less than there are edges.';

CREATE FUNCTION etl.bins(state etl.histogram)
RETURNS TABLE (bin integer, lower double precision, upper double precision, rows bigint)
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE ROWS 20
AS 'MODULE_PATHNAME', 'etl_histogram_bins';
COMMENT ON FUNCTION etl.bins(etl.histogram) IS
    'The bins of a histogram in order: number from 1, edges, rows. The upper edge is the next bin''s; the last bin '
    'has both of its own.';

CREATE FUNCTION etl.outside(state etl.histogram, OUT below bigint, OUT above bigint, OUT nans bigint, OUT nulls bigint)
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_histogram_outside';
COMMENT ON FUNCTION etl.outside(etl.histogram) IS
    'The rows that are in no bin of a histogram: below its first edge, above its last one, NaN, NULL.';
