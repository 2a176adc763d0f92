-- Where an address lies: tables of ranges of addresses that do not overlap, and the lookup by their primary key.
--
-- Providers publish such tables as CSV, by network (203.0.113.0/24) or by first and last address. Both become the two
-- columns first_ip and last_ip, without netmasks, so that of the ranges that begin at or before an address only the
-- last one can hold it: the lookup reads one entry of an index. IPv4 sorts before IPv6, and no range has both.

CREATE FUNCTION etl._ip_range_columns(query text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    columns name[] := etl._require_query_columns(query);
    ends text;
    others text;
BEGIN
    IF 'network' = ANY (columns) AND columns && '{first_ip,last_ip}' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'ambiguous_column',
            MESSAGE = 'ranges of addresses have either a column "network", or the columns "first_ip" and "last_ip"',
            DETAIL = format('There are %s.', etl._column_list(columns)),
            HINT = 'Leave out one or the other.';
    ELSIF 'network' = ANY (columns) THEN
        ends := 'set_masklen(network(q.network::inet)::inet, -1) AS first_ip, '
                'set_masklen(broadcast(q.network::inet), -1) AS last_ip';
    ELSIF columns @> '{first_ip,last_ip}' THEN
        ends := 'set_masklen(q.first_ip::inet, -1) AS first_ip, set_masklen(q.last_ip::inet, -1) AS last_ip';
    ELSE
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_column',
            MESSAGE = 'ranges of addresses need a column "network", or the columns "first_ip" and "last_ip"',
            DETAIL = format('There are %s.', etl._column_list(columns)),
            HINT = 'Give columns these names, as in SELECT ip_from AS first_ip, ip_to AS last_ip, country FROM …';
    END IF;
    SELECT string_agg(format(', q.%I', c), '' ORDER BY n) INTO others
    FROM unnest(columns) WITH ORDINALITY AS u (c, n)
    WHERE c NOT IN ('network', 'first_ip', 'last_ip');
    RETURN ends || coalesce(others, '');
END
$$;
COMMENT ON FUNCTION etl._ip_range_columns(text) IS
    'What a table of ranges of addresses takes from a query: first_ip, last_ip, and the query''s other columns.';

CREATE FUNCTION etl._require_ip_ranges(ranges regclass)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    first inet;
    last inet;
    next inet;
    found bool;
BEGIN
    EXECUTE format(
        'SELECT first_ip, last_ip, true FROM %s '
        'WHERE (first_ip <= last_ip AND family(first_ip) = family(last_ip)) IS NOT TRUE LIMIT 1', ranges)
    INTO first, last, found;
    IF found THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('the range from %s to %s is none', coalesce(host(first), 'NULL'),
                             coalesce(host(last), 'NULL')),
            HINT = 'Both ends are addresses of one family, and the first one is not above the last.';
    END IF;
    EXECUTE format(
        'SELECT s.first_ip, s.last_ip, s.next_ip FROM (SELECT r.first_ip, r.last_ip, lead(r.first_ip) OVER '
        '(ORDER BY r.first_ip, r.last_ip) AS next_ip FROM %s AS r) AS s WHERE s.next_ip <= s.last_ip LIMIT 1', ranges)
    INTO first, last, next;
    IF next IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'exclusion_violation',
            MESSAGE = format('ranges of addresses overlap: one from %s to %s, and one from %s', host(first), host(last),
                             host(next)),
            HINT = 'Keep one range for each address, so that a lookup has one answer.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_ip_ranges(regclass) IS
    'Raises unless the ranges of a table are ranges (22023) and do not overlap (23P01).';

CREATE FUNCTION etl._ip_ranges_columns(ranges regclass)
RETURNS name[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT array_agg(a.attname ORDER BY a.attnum) FROM pg_attribute AS a
    WHERE a.attrelid = ranges AND a.attnum > 0 AND NOT a.attisdropped
$$;
COMMENT ON FUNCTION etl._ip_ranges_columns(regclass) IS 'The columns of a table of ranges.';

CREATE FUNCTION etl._replace_ip_ranges(ranges regclass, columns text, query text)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    present name[];
    given name[];
    names text;
    rows bigint;
BEGIN
    PERFORM etl._require_table(ranges, '{SELECT,INSERT,DELETE}');
    EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', ranges);
    PERFORM etl._locked_command(
        format(E'CREATE TEMPORARY TABLE etl_new_ip_ranges ON COMMIT DROP AS SELECT %s FROM (\n%s\n) AS q', columns,
               query));
    present := etl._ip_ranges_columns(ranges);
    given := etl._ip_ranges_columns('pg_temp.etl_new_ip_ranges');
    IF NOT (present @> given AND given @> present) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_column',
            MESSAGE = format('the query has other columns than table %s', ranges),
            DETAIL = format('The table has %s, the ranges of the query have %s.', etl._column_list(present),
                            etl._column_list(given)),
            HINT = 'Give the columns of the query the names of the table''s with AS, or drop the table first.';
    END IF;
    names := etl._column_list(present);
    EXECUTE format('DELETE FROM %s', ranges);
    EXECUTE format('INSERT INTO %s (%s) SELECT %s FROM pg_temp.etl_new_ip_ranges', ranges, names, names);
    GET DIAGNOSTICS rows = ROW_COUNT;
    DROP TABLE pg_temp.etl_new_ip_ranges;
    RETURN rows;
END
$$;
COMMENT ON FUNCTION etl._replace_ip_ranges(regclass, text, text) IS
    'Gives a table of ranges the rows of a query, column by name. The query is read to its end before a row goes, for '
    'it may read the table itself; whoever else replaces the rows waits.';

CREATE FUNCTION etl.create_ip_ranges(new_table text, query text, replace bool DEFAULT false)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name text := etl._new_table_name(new_table);
    columns text := etl._ip_range_columns(query);
    plain text := etl._plain_query(query);
    rows bigint;
BEGIN
    PERFORM etl._require_flag(replace, 'replace');
    IF replace AND to_regclass(name) IS NOT NULL THEN
        rows := etl._replace_ip_ranges(name, columns, plain);
        PERFORM etl._require_ip_ranges(name);
    ELSE
        rows := etl._locked_command(
            format(E'CREATE TABLE %s AS SELECT %s FROM (\n%s\n) AS q', name, columns, plain));
        PERFORM etl._require_ip_ranges(name);
        EXECUTE format('ALTER TABLE %s ADD PRIMARY KEY (first_ip), ALTER last_ip SET NOT NULL', name);
        EXECUTE format('ANALYZE %s', name);
    END IF;
    RETURN rows;
END
$$;
COMMENT ON FUNCTION etl.create_ip_ranges(text, text, bool) IS
    'Makes a table of ranges of addresses out of a query, for etl.ip_lookup. new_table: its name with its schema. '
    'query: a SELECT with a column network (cidr, or a text of one; what the address has past its mask does not '
    'count), or with first_ip and last_ip; its other columns are what is known of a range. replace: an existing table, '
    'which must have the same columns, has its rows replaced, for readers at once. Returns the number of ranges. '
    'Errors: 42602 a name without a schema, 42P07 there is such a table, 42703 no such columns, or others than the '
    'table that is replaced, 42702 both kinds of columns, 42809 what is replaced is no table, 22P02 no address, 22023 '
    'no range, 23P01 ranges overlap.';

CREATE FUNCTION etl.load_ip_ranges(
    new_table text, file text, columns name[], header bool DEFAULT true, replace bool DEFAULT false)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    declared text := (SELECT string_agg(quote_ident(c) || ' text', ', ' ORDER BY n)
                      FROM unnest(columns) WITH ORDINALITY AS u (c, n));
    rows bigint;
BEGIN
    IF declared IS NULL OR file IS NULL OR array_position(columns, NULL) IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = CASE
                          WHEN file IS NULL THEN 'no file was given'
                          WHEN declared IS NULL THEN 'no columns were given'
                          ELSE 'a column has no name'
                      END,
            HINT = 'Name the file and all of its columns in their order, as in '
                   'etl.load_ip_ranges(''public.country_ip'', ''/srv/country.csv'', ''{first_ip,last_ip,country}'').';
    END IF;
    EXECUTE format('CREATE TEMPORARY TABLE etl_loaded_ip_ranges (%s) ON COMMIT DROP', declared);
    EXECUTE format('COPY pg_temp.etl_loaded_ip_ranges FROM %L WITH (FORMAT csv, HEADER %s)', file,
                   CASE WHEN header THEN 'true' ELSE 'false' END);
    rows := etl.create_ip_ranges(new_table, 'SELECT * FROM pg_temp.etl_loaded_ip_ranges', replace);
    DROP TABLE pg_temp.etl_loaded_ip_ranges;
    RETURN rows;
END
$$;
COMMENT ON FUNCTION etl.load_ip_ranges(text, text, name[], bool, bool) IS
    'etl.create_ip_ranges of a CSV file on the server. columns: the names of all its columns, in their order; header: '
    'whether its first line is passed over. The other columns become texts. Needs the rights of COPY FROM a file '
    '(pg_read_server_files); without them, \copy the file into a table and give that to etl.create_ip_ranges.';
REVOKE EXECUTE ON FUNCTION etl.load_ip_ranges(text, text, name[], bool, bool) FROM PUBLIC;

CREATE FUNCTION etl.ip_lookup(ranges regclass, ip inet)
RETURNS jsonb
LANGUAGE C STRICT STABLE PARALLEL RESTRICTED COST 100
AS 'MODULE_PATHNAME', 'etl_ip_lookup';
COMMENT ON FUNCTION etl.ip_lookup(regclass, inet) IS
    'What is known of the range that an address lies in: the row of a table that etl.create_ip_ranges or '
    'etl.load_ip_ranges has made, without its ends. A netmask of the address does not count. NULL where no range holds '
    'the address. Runs in the leader of a parallel plan, for the table may be a temporary one. Errors: 42703 a table '
    'without addresses in first_ip and last_ip, 42P01 no such table.';
