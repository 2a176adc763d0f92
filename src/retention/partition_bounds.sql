-- Partitions by time: which a table has, and which it lacks.
--
-- Bounds are computed in UTC, as timestamps without time zone, whatever the type of the key is. A width makes a grid
-- that no table and no day of creation moves: months and years are the calendar's, weeks begin on Monday (days are
-- counted from Monday, 1 January of the year 1), hours are counted from midnight. What a table has already need not lie
-- on the grid: what is missing begins where that ends, and comes back to the grid with its first bound.

CREATE FUNCTION etl._partition_check_width(every interval, type regtype)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    months integer;
    days integer;
    seconds numeric;
    problem text;
BEGIN
    PERFORM etl._require_positive(every, 'every');
    months := extract(year FROM every) * 12 + extract(month FROM every);
    days := extract(day FROM every);
    seconds := extract(epoch FROM every - make_interval(months => months, days => days));
    problem := CASE
        WHEN sign(months) + sign(days) + sign(seconds) > 1 THEN 'It mixes months, days or hours.'
        WHEN every > interval '100 years' THEN 'It is longer than 100 years.'
        WHEN months > 12 AND months % 12 <> 0 THEN 'It is longer than a year, but no number of years.'
        WHEN months BETWEEN 1 AND 12 AND 12 % months <> 0 THEN 'The months of a year cannot be divided by it.'
        WHEN seconds % 3600 <> 0 THEN 'It is no whole number of hours.'
        WHEN seconds > 0 AND 86400 % seconds <> 0 THEN 'The hours of a day cannot be divided by it.'
        WHEN seconds BETWEEN 1 AND 86399 AND type = 'date'::regtype THEN
            'It is shorter than a day, and the partition key is of type date.'
    END;
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('every "%s" does not fit the calendar', every),
            DETAIL = problem,
            HINT = 'Give years, 1, 2, 3, 4 or 6 months, weeks, days, or 1, 2, 3, 4, 6, 8 or 12 hours, such as '
                   '''1 month''.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._partition_check_width(interval, regtype) IS
    'Checks that partitions of a width begin at fixed times, and that a key of that type has these times (22023).';

CREATE FUNCTION etl._partition_floor(at timestamp, every interval)
RETURNS timestamp
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
               WHEN w.months > 0 THEN
                   date_trunc('month', at) - make_interval(months => (
                       extract(year FROM at)::integer * 12 + extract(month FROM at)::integer - 1) % w.months)
               ELSE date_bin(every, at, '0001-01-01')
           END
    FROM (SELECT nullif(extract(year FROM every) * 12 + extract(month FROM every), 0)::integer) AS w(months)
$$;
COMMENT ON FUNCTION etl._partition_floor(timestamp, interval) IS
    'The last bound of the grid of a width that is not after a time, from the year 1 on.';

CREATE FUNCTION etl._partition_literal(bound timestamp, type regtype)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET datestyle = 'ISO, YMD'
AS $$
    SELECT quote_literal(CASE type
                             WHEN 'date'::regtype THEN bound::date::text
                             WHEN 'timestamp'::regtype THEN bound::text
                             ELSE bound || '+00'
                         END)
$$;
COMMENT ON FUNCTION etl._partition_literal(timestamp, regtype) IS
    'A bound in UTC as an SQL literal for a key of type date, timestamp or timestamptz.';

CREATE FUNCTION etl._partition_ranges(relation regclass)
RETURNS TABLE(partition regclass, lower_bound timestamp, upper_bound timestamp)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO, YMD'
AS $$
    -- Infinity is also what is later than the year 99999: dates go further than timestamps.
    SELECT c.oid::regclass, m.moments[1], m.moments[2]
    FROM pg_inherits AS i
    JOIN pg_class AS c ON c.oid = i.inhrelid
    CROSS JOIN LATERAL regexp_match(pg_get_expr(c.relpartbound, c.oid),
                                    '^FOR VALUES FROM \(([^,]*)\) TO \(([^,]*)\)$') AS b(bounds)
    CROSS JOIN LATERAL (
        SELECT array_agg(CASE WHEN u.bound = 'MINVALUE' THEN '-infinity'
                              WHEN u.bound = 'MAXVALUE' OR u.bound ~ '^''\d{6}' THEN 'infinity'
                              ELSE btrim(u.bound, '''')::timestamptz::timestamp END ORDER BY u.place)
        FROM unnest(b.bounds) WITH ORDINALITY AS u(bound, place)
    ) AS m(moments)
    WHERE i.inhparent = relation AND b.bounds IS NOT NULL
$$;
COMMENT ON FUNCTION etl._partition_ranges(regclass) IS
    'Partitions of a table by one date or timestamp with their bounds in UTC, the default partition apart.';

CREATE FUNCTION etl._partition_key(relation regclass, OUT key name, OUT type regtype)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._require_table(relation, '{}');
    IF etl._relation_kind(relation) <> 'partitioned table' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'wrong_object_type',
            MESSAGE = format('table "%s" is not partitioned', relation),
            HINT = 'Name a table that was created with PARTITION BY RANGE, by a column of type date, timestamp or '
                   'timestamptz.';
    END IF;
    SELECT a.attname INTO key
    FROM pg_partitioned_table AS p
    JOIN pg_attribute AS a ON a.attrelid = p.partrelid AND a.attnum = p.partattrs[0]
    WHERE p.partrelid = relation AND p.partstrat = 'r' AND p.partnatts = 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'wrong_object_type',
            MESSAGE = format('table "%s" is partitioned by %s', relation, pg_get_partkeydef(relation)),
            DETAIL = 'Partitions are created for ranges of one column.',
            HINT = 'Name a table that is partitioned by RANGE, by one column of type date, timestamp or timestamptz.';
    END IF;
    type := etl._retention_time_type(relation, key);
END
$$;
COMMENT ON FUNCTION etl._partition_key(regclass) IS
    'The column of type date, timestamp or timestamptz by whose ranges a table is partitioned, and which of these it '
    'is (42809 or 42804 where that is not so).';

-- What is missing -----------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._partition_cutoff(relation regclass, as_of timestamptz)
RETURNS timestamp
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT max(etl._retention_before(as_of, t.after, 'keep')) AT TIME ZONE 'UTC'
    FROM etl.retention_policy AS p
    JOIN etl.retention_tier AS t ON t.policy_id = p.policy_id AND t.tier = 1
    WHERE p.relation = etl._relation_name(_partition_cutoff.relation) AND p.filter IS NULL
      AND p.time_column = (etl._partition_key(_partition_cutoff.relation)).key
$$;
COMMENT ON FUNCTION etl._partition_cutoff(regclass, timestamptz) IS
    'Before which time rows of a table are due at once by a retention policy of the current role; NULL without one.';

CREATE FUNCTION etl._partition_horizon(
    relation regclass, every interval, ahead integer, as_of timestamptz, since timestamptz,
    OUT first timestamp, OUT last timestamp)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    at CONSTANT timestamp := as_of AT TIME ZONE 'UTC';
    begins CONSTANT timestamp := least(at, since AT TIME ZONE 'UTC');
    holder timestamp;
BEGIN
    IF begins >= '0001-01-01' AND at < '10000-01-01' THEN
        first := etl._partition_floor(greatest(begins, etl._partition_cutoff(relation, as_of)), every);
        SELECT r.upper_bound INTO holder FROM etl._partition_ranges(relation) AS r
        WHERE at >= r.lower_bound AND at < r.upper_bound;
        last := CASE
            WHEN holder >= '10000-01-01' THEN etl._partition_floor(at, every) -- nothing is ahead of it
            ELSE etl._partition_floor(coalesce(holder - interval '1 microsecond', at), every) + every * (ahead + 1)
        END;
    END IF;
    IF at - first > every * 1000 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'program_limit_exceeded',
            MESSAGE = format('since (%s) lies more than 1000 partitions of %s before as_of (%s)', since, every, as_of),
            HINT = 'Give a later moment in since; or an earlier one in as_of as well, and call it several times.';
    ELSIF last <= '10000-01-01' THEN
        RETURN;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'invalid_parameter_value',
        MESSAGE = format('partitions from %s to %s ahead of %s do not lie in the years 1 to 9999',
                         coalesce(since, as_of), every * ahead, as_of),
        HINT = 'Give as_of and since in these years, or leave them out.';
END
$$;
COMMENT ON FUNCTION etl._partition_horizon(regclass, interval, integer, timestamptz, timestamptz) IS
    'Between which two bounds of the grid a table shall have no gap: from the bound before as_of, or before since, but '
    'not before what a retention policy would take at once, to as many widths as are wanted after the partition that '
    'holds as_of, or would hold it (22023 beyond the years 1 to 9999, 54000 where since is too long ago).';

CREATE FUNCTION etl._partition_end(at timestamp, every interval, free_until timestamp)
RETURNS timestamp
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    bound timestamp := etl._partition_floor(at, every) + every;
BEGIN
    IF (bound - at) * 2 < every THEN
        bound := bound + every;
    END IF;
    IF bound > free_until OR (free_until - bound) * 2 < every THEN
        RETURN free_until;
    END IF;
    RETURN bound;
END
$$;
COMMENT ON FUNCTION etl._partition_end(timestamp, interval, timestamp) IS
    'Where a partition ends that begins at a time, when there is room until another: at the next bound of the grid. A '
    'rest of less than half a width, before or behind it, goes with it.';

CREATE FUNCTION etl._partition_missing(
    relation regclass, every interval, ahead integer, as_of timestamptz, since timestamptz, reached timestamp,
    OUT lower_bound timestamp, OUT upper_bound timestamp)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    horizon record;
    taken record;
BEGIN
    SELECT h.first, h.last INTO horizon FROM etl._partition_horizon(relation, every, ahead, as_of, since) AS h;
    lower_bound := greatest(horizon.first, reached);
    FOR taken IN
        SELECT r.lower_bound AS first, r.upper_bound AS last FROM etl._partition_ranges(relation) AS r
        WHERE r.upper_bound > _partition_missing.lower_bound AND r.lower_bound < horizon.last
        UNION ALL
        SELECT horizon.last, horizon.last
        ORDER BY first, last
    LOOP
        IF lower_bound < taken.first THEN
            upper_bound := etl._partition_end(lower_bound, every, taken.first);
            RETURN;
        END IF;
        lower_bound := greatest(lower_bound, taken.last);
    END LOOP;
    lower_bound := NULL;
END
$$;
COMMENT ON FUNCTION etl._partition_missing(regclass, interval, integer, timestamptz, timestamptz, timestamp) IS
    'The first partition that a table lacks, from the time that was reached on: what is free of '
    'etl._partition_horizon, cut at the bounds of the grid. NULL when none is missing.';

CREATE FUNCTION etl._partition_gaps(
    relation regclass, every interval, ahead integer, as_of timestamptz, since timestamptz)
RETURNS TABLE(lower_bound timestamp, upper_bound timestamp)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT g.ends, least(g.next, h.first)
    FROM etl._partition_horizon(relation, every, ahead, as_of, since) AS h
    CROSS JOIN LATERAL (
        SELECT r.upper_bound, lead(r.lower_bound) OVER (ORDER BY r.lower_bound, r.upper_bound)
        FROM etl._partition_ranges(relation) AS r
    ) AS g(ends, next)
    WHERE g.ends < least(g.next, h.first)
      AND least(g.next, h.first) > coalesce(etl._partition_cutoff(relation, as_of), '-infinity')
    ORDER BY g.ends
$$;
COMMENT ON FUNCTION etl._partition_gaps(regclass, interval, integer, timestamptz, timestamptz) IS
    'Times before etl._partition_horizon for which a table has no partition, though it has earlier ones, and which no '
    'retention policy would take at once.';

CREATE FUNCTION etl._partitions_reach(relation regclass)
RETURNS timestamptz
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH range AS MATERIALIZED (
        SELECT r.lower_bound, r.upper_bound FROM etl._partition_ranges(relation) AS r
        WHERE r.upper_bound > now() AT TIME ZONE 'UTC'
    )
    SELECT min(r.upper_bound) AT TIME ZONE 'UTC'
    FROM range AS r
    WHERE NOT EXISTS (SELECT FROM range AS n WHERE n.lower_bound = r.upper_bound)
      AND EXISTS (SELECT FROM range AS n WHERE n.lower_bound <= now() AT TIME ZONE 'UTC')
$$;
COMMENT ON FUNCTION etl._partitions_reach(regclass) IS
    'Until when a table has partitions, from now on and without a gap; NULL when it has none for now.';
