-- Proof: a rollup compared with what its query gives.
--
-- Everything is read under one snapshot. Groups whose changes a refresh has not taken in yet differ by right, and are
-- left out; so are groups that are frozen, for there is nothing left to compare them with. Of a rollup that keeps
-- states it is checked besides that it shows what they say, frozen groups too, and that no group has more or fewer rows
-- than the query finds.

CREATE FUNCTION etl._has_equality(type text)
RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    answer boolean;
BEGIN
    EXECUTE format('SELECT ROW(NULL::%s)::record = ROW(NULL::%1$s)::record', type) INTO answer;
    RETURN true;
EXCEPTION
    WHEN undefined_function THEN
        RETURN false;
END
$$;
COMMENT ON FUNCTION etl._has_equality(text) IS 'Whether values of a type can be compared: those of json cannot.';

CREATE FUNCTION etl._rollup_difference(rollup etl.rollup)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH cols AS (
        SELECT c.value ->> 'name' AS name, c.ordinality AS place,
               CASE WHEN c.value ->> 'type' IN ('real', 'double precision') THEN 'float'
                    WHEN etl._has_equality(c.value ->> 'type') THEN 'value' ELSE 'image' END AS kind
        FROM jsonb_array_elements(rollup.plan -> 'columns') WITH ORDINALITY AS c
        WHERE NOT (c.value ->> 'key')::boolean
    ), parts AS (
        SELECT format('ROW(%s)::record IS DISTINCT FROM ROW(%s)::record',
                      string_agg(format('s.%I', name), ', ' ORDER BY place),
                      string_agg(format('e.%I', name), ', ' ORDER BY place)) AS part
        FROM cols WHERE kind = 'value' HAVING count(*) > 0
        UNION ALL
        SELECT format('ROW(s.%1$I)::record OPERATOR(pg_catalog.*<>) ROW(e.%1$I)::record', name)
        FROM cols WHERE kind = 'image'
        UNION ALL
        SELECT format('s.%1$I IS DISTINCT FROM e.%1$I AND (abs(s.%1$I / 2 - e.%1$I / 2) < ''Infinity'' AND '
                      'abs(s.%1$I / 2 - e.%1$I / 2) <= $1 * greatest(abs(s.%1$I), abs(e.%1$I)) / 2) IS NOT TRUE', name)
        FROM cols WHERE kind = 'float'
    )
    SELECT coalesce(string_agg('(' || part || ')', ' OR '), 'false') FROM parts
$$;
COMMENT ON FUNCTION etl._rollup_difference(etl.rollup) IS
    'A condition that two rows of one group of a rollup, s and e, differ: by the equality of their types, by their '
    'bytes where there is none, and floats by more than the parameter $1, relatively.';

-- Which groups -------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._unrefreshed_keys(rollup etl.rollup, contents jsonb)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('SELECT %s FROM %s', etl._column_list(rollup.key_columns), etl._rollup_table(rollup.name, '_pending'))
        || CASE WHEN contents = '[]' THEN '' ELSE ' UNION ALL ' || etl._noted_keys(rollup, contents) END
$$;
COMMENT ON FUNCTION etl._unrefreshed_keys(etl.rollup, jsonb) IS
    'A query that gives the keys of the groups that are known to need a refresh: the pending ones, and those that what '
    'stands in the logs touches.';

CREATE FUNCTION etl._is_comparable(rollup etl.rollup, contents jsonb, alias text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('NOT EXISTS (SELECT FROM (%s) AS u WHERE ROW(%s)::record OPERATOR(pg_catalog.=) ROW(%s)::record) '
                  'AND NOT %s', etl._unrefreshed_keys(rollup, contents), etl._key_list(rollup.plan -> 'keys', 'u'),
                  etl._key_list(rollup.plan -> 'keys', alias), etl._is_frozen(rollup, alias))
$$;
COMMENT ON FUNCTION etl._is_comparable(etl.rollup, jsonb, text) IS
    'A condition that the group of a row, by its alias, is to be as the query gives it: it is refreshed and not '
    'frozen.';

CREATE FUNCTION etl._sampled_rows(source etl.rollup_source, wanted integer)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- So many pages, each from somewhere else: rows that lie together are often of one group.
    SELECT format('SELECT %s FROM %s AS l TABLESAMPLE SYSTEM (%s) ORDER BY random() LIMIT %s',
                  etl._logged_columns(source, etl._all_columns(source)), source.relation,
                  least(100, 100.0 * greatest(wanted, 20) / greatest(sum(pg_relation_size(f)) / 8192, 1)), wanted)
    FROM etl._family(source.relation::regclass) AS f
$$;
COMMENT ON FUNCTION etl._sampled_rows(etl.rollup_source, integer) IS
    'A query that gives so many rows of a source at random, or fewer.';

CREATE FUNCTION etl._sample_groups(rollup etl.rollup, sample integer)
RETURNS etl._rollup_batch
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    keys CONSTANT text := etl._column_list(rollup.key_columns);
    source etl.rollup_source;
    of_rows text;
BEGIN
    -- Groups that the rollup lacks are found by rows of the tables only.
    SELECT s.* INTO source FROM etl._sources(rollup) AS s
    WHERE NOT (etl._plan_source(rollup.plan, s.number) ->> 'everything')::boolean ORDER BY s.number LIMIT 1;
    IF FOUND THEN
        of_rows := format('(SELECT * FROM (%s) AS q ORDER BY random() LIMIT %s)',
                          etl._keys_of_rows(rollup, source, etl._sampled_rows(source, sample / 2 + sample % 2)),
                          sample / 2 + sample % 2);
    END IF;
    RETURN etl._batch_of(rollup, concat_ws(' UNION ALL ', of_rows, format(
        '(SELECT %s FROM %s ORDER BY random() LIMIT %s)', keys, rollup.name,
        CASE WHEN of_rows IS NULL THEN sample ELSE sample / 2 END)));
END
$$;
COMMENT ON FUNCTION etl._sample_groups(etl.rollup, integer) IS
    'So many groups at random: half of them of random rows of a table that the query reads, half of the rollup.';

-- Comparisons --------------------------------------------------------------------------------------------------------

-- Whether a group matters is looked for among those that differ, which are few.
CREATE FUNCTION etl._compared(
    rollup etl.rollup, stored text, expected text, differs text, problem text, condition text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format($query$
        WITH stored AS (
            SELECT q AS etl_row, true AS etl_there, q.* FROM (%1$s) AS q
        ), expected AS (
            SELECT q AS etl_row, true AS etl_there, q.* FROM (%2$s) AS q
        ), compared AS (
            SELECT %3$s, s.etl_there AS is_stored, s.etl_row AS stored, e.etl_there AS is_expected,
                   e.etl_row AS expected
            FROM stored AS s FULL JOIN expected AS e ON ROW(%4$s)::record OPERATOR(pg_catalog.=) ROW(%5$s)::record
            WHERE s.etl_there IS NULL OR e.etl_there IS NULL OR %6$s
        )
        SELECT jsonb_build_object(%7$s), %8$s, CASE WHEN d.is_stored THEN to_jsonb(d.stored) END,
               CASE WHEN d.is_expected THEN to_jsonb(d.expected) END
        FROM compared AS d WHERE $1 IS NOT NULL AND %9$s ORDER BY ROW(%10$s)::record
        $query$,
        stored, expected, etl._key_list(k.keys, NULL, 'CASE WHEN s.etl_there THEN s.%2$I ELSE e.%2$I END AS %2$I'),
        etl._key_list(k.keys, 's'), etl._key_list(k.keys, 'e'), differs,
        etl._key_list(k.keys, 'd', '%2$L, %1$s.%2$I'), problem,
        condition, etl._key_list(k.keys, 'd'))
    FROM (SELECT rollup.plan -> 'keys') AS k(keys)
$$;
COMMENT ON FUNCTION etl._compared(etl.rollup, text, text, text, text, text) IS
    'A query that gives the rows in which two queries, stored and expected, differ, by the key columns of a rollup. '
    'differs: a condition on two rows (s, e) of one group, with the parameter $1; problem: an expression over '
    'is_stored and is_expected; condition: which groups matter, on a row d with their keys.';

CREATE FUNCTION etl._in_groups(rollup etl.rollup, query text, batch etl._rollup_batch)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN batch.whole THEN query ELSE
        format(E'WITH batch AS MATERIALIZED (%s) SELECT * FROM (\n%s\n) AS q WHERE %s', etl._batch_rows(rollup, batch),
               query, etl._in_batch(rollup, batch, 'q')) END
$$;
COMMENT ON FUNCTION etl._in_groups(etl.rollup, text, etl._rollup_batch) IS
    'A query for the rows of another that are of the groups of a batch.';

CREATE FUNCTION etl._stored_rows(rollup etl.rollup, suffix text, columns name[], batch etl._rollup_batch)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._in_groups(rollup, format(
        'SELECT %s FROM %s AS t WHERE %s', etl._column_list(columns), etl._rollup_table(rollup.name, suffix),
        etl._stored_condition(rollup, batch, 't')), batch)
$$;
COMMENT ON FUNCTION etl._stored_rows(etl.rollup, text, name[], etl._rollup_batch) IS
    'A query for the rows of a table of a rollup that are of the groups of a batch.';

CREATE FUNCTION etl._expected_rows(rollup etl.rollup, batch etl._rollup_batch)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- The query as it was given owes nothing to its plan. Where it speaks of now(), the plan's has the moment instead.
    SELECT etl._in_groups(rollup, format(
        E'SELECT %s FROM (\n%s\n) AS q', etl._typed_columns(rollup, '', etl._rollup_columns(rollup), 'q'),
        CASE WHEN batch.whole AND rollup.plan -> 'moving' = '[]' THEN rollup.query
             ELSE etl._restricted(rollup.plan -> 'recompute', rollup, batch) END), batch)
$$;
COMMENT ON FUNCTION etl._expected_rows(etl.rollup, etl._rollup_batch) IS
    'A query for what the rows of a rollup are to be, of the groups of a batch.';

CREATE FUNCTION etl._rows_differences(rollup etl.rollup, batch etl._rollup_batch, condition text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._compared(
        rollup, etl._stored_rows(rollup, '', etl._rollup_columns(rollup), batch), etl._expected_rows(rollup, batch),
        etl._rollup_difference(rollup),
        'CASE WHEN is_stored IS NULL THEN ''missing'' WHEN is_expected IS NULL THEN ''extra'' ELSE ''differs'' END',
        condition)
$$;
COMMENT ON FUNCTION etl._rows_differences(etl.rollup, etl._rollup_batch, text) IS
    'A query for the differences between a rollup and its query, in groups for which a condition (d) holds.';

CREATE FUNCTION etl._states_differences(rollup etl.rollup, batch etl._rollup_batch)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._compared(
        rollup, etl._stored_rows(rollup, '', etl._rollup_columns(rollup), batch),
        etl._in_groups(rollup, etl._visible_query(rollup, etl._stored_condition(rollup, batch, 's')), batch),
        etl._rollup_difference(rollup), '''state''', CASE
            WHEN rollup.retention = 'freeze' THEN 'NOT ' || etl._among_frozen(rollup, 'd', 'f.etl_closed')
            ELSE 'true' END)
$$;
COMMENT ON FUNCTION etl._states_differences(etl.rollup, etl._rollup_batch) IS
    'A query for the differences between a rollup and what its states say.';

CREATE FUNCTION etl._counts_differences(rollup etl.rollup, batch etl._rollup_batch, condition text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._compared(
        rollup, etl._stored_rows(rollup, '_state', c.columns, batch),
        etl._in_groups(rollup, format(
            E'SELECT %s FROM (\n%s\n) AS q', etl._typed_columns(rollup, '_state', c.columns, 'q'),
            etl._restricted(rollup.plan -> 'delta' -> 'states_query', rollup, batch)), batch),
        's.etl_rows IS DISTINCT FROM e.etl_rows', '''state''', condition)
    FROM (SELECT rollup.key_columns || 'etl_rows'::name) AS c(columns)
$$;
COMMENT ON FUNCTION etl._counts_differences(etl.rollup, etl._rollup_batch, text) IS
    'A query for the differences between the numbers of rows that the states of a rollup know of and what is there, '
    'in groups for which a condition (d) holds.';

CREATE FUNCTION etl._count_unrefreshed(rollup etl.rollup, contents jsonb)
RETURNS bigint
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF etl._is_everything(rollup, contents) THEN
        RETURN NULL;
    END IF;
    RETURN etl._locked_value(format('SELECT count(*) FROM (SELECT DISTINCT * FROM (%s) AS q) AS q',
                                    etl._unrefreshed_keys(rollup, contents)), NULL::bigint);
EXCEPTION
    WHEN data_exception OR integrity_constraint_violation OR feature_not_supported OR raise_exception THEN
        RETURN NULL; -- an expression fails on a row of the log, perhaps one that is gone by now
END
$$;
COMMENT ON FUNCTION etl._count_unrefreshed(etl.rollup, jsonb) IS
    'How many groups need a refresh by what stands in the logs of a rollup and by what is pending; NULL where it may '
    'be all of them.';

CREATE FUNCTION etl._tell_unverified(rollup etl.rollup, unrefreshed bigint)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    frozen bigint := 0;
BEGIN
    IF unrefreshed IS NULL THEN
        RAISE NOTICE USING
            MESSAGE = format('no group of rollup "%s" was compared with the query', rollup.name),
            DETAIL = 'What was noted since the last refresh may touch all of them.',
            HINT = format('CALL etl.refresh_rollup(%L); takes it in.', rollup.name);
        RETURN;
    END IF;
    IF rollup.retention = 'freeze' THEN
        frozen := etl._locked_value(format('SELECT count(*) FROM %s AS t WHERE %s', rollup.name,
                                           etl._is_frozen(rollup, 't')), NULL::bigint);
    END IF;
    IF unrefreshed + frozen > 0 THEN
        RAISE NOTICE USING
            MESSAGE = format('rollup "%s" has %s groups that were not refreshed yet and %s that are frozen',
                             rollup.name, unrefreshed, frozen),
            DETAIL = 'They were not compared with the query.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._tell_unverified(etl.rollup, bigint) IS
    'Tells (NOTICE) which groups etl.verify_rollup leaves out. unrefreshed: what etl._count_unrefreshed returns.';

CREATE FUNCTION etl._check_verify(sample integer, as_of timestamptz, tolerance float8)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF sample < 1 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('sample must be at least 1, not %s', sample),
            HINT = 'So many groups are compared, at random; leave it out to have all.';
    ELSIF tolerance IS NULL OR NOT tolerance >= 0 OR tolerance >= 1 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('tolerance must be from 0 to less than 1, not %s', coalesce(tolerance::text, 'NULL')),
            HINT = 'It is the share by which two floats may differ, as 1e-9.';
    ELSIF as_of IS NOT NULL THEN
        PERFORM etl._require_moment(as_of, 'as_of');
    END IF;
END
$$;
COMMENT ON FUNCTION etl._check_verify(integer, timestamptz, float8) IS
    'Checks the arguments of etl.verify_rollup (22023).';

CREATE FUNCTION etl.verify_rollup(
    name text, sample integer DEFAULT NULL, as_of timestamptz DEFAULT NULL, tolerance float8 DEFAULT 0)
RETURNS TABLE(key jsonb, problem text, stored jsonb, expected jsonb)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO, MDY'
SET intervalstyle = 'postgres'
SET extra_float_digits = 1
SET bytea_output = 'hex'
SET lc_monetary = 'C'
SET lc_numeric = 'C'
SET lc_time = 'C'
SET array_nulls = on
SET quote_all_identifiers = off
SET pg_etl.rollup_as_of = ''
SET pg_etl.rollup_uses = ''
AS $$
DECLARE
    rollup CONSTANT etl.rollup := etl._rollup(name);
    contents jsonb;
    unrefreshed bigint;
    everything boolean;
    batch etl._rollup_batch := (true, NULL, NULL);
    condition text;
    query text;
BEGIN
    PERFORM etl._check_verify(sample, as_of, tolerance),
            etl._require_parts(rollup),
            etl._hold_to(rollup, coalesce(as_of, rollup.refreshed_as_of, now()));
    contents := coalesce(etl._log_contents(rollup), '[]');
    IF sample IS NOT NULL THEN
        batch := etl._sample_groups(rollup, sample);
        IF batch IS NULL THEN
            RETURN;
        END IF;
    END IF;
    unrefreshed := etl._count_unrefreshed(rollup, contents);
    everything := unrefreshed IS NULL;
    PERFORM etl._tell_unverified(rollup, unrefreshed);
    IF NOT everything THEN
        condition := etl._is_comparable(rollup, contents, 'd');
    END IF;
    FOREACH query IN ARRAY array_remove(ARRAY[
        CASE WHEN NOT everything THEN etl._rows_differences(rollup, batch, condition) END,
        CASE WHEN etl._is_delta(rollup) THEN etl._states_differences(rollup, batch) END,
        CASE WHEN etl._is_delta(rollup) AND NOT everything THEN etl._counts_differences(rollup, batch, condition) END],
        NULL)
    LOOP
        RETURN QUERY SELECT d.* FROM etl._locked_rows(query, tolerance)
            AS d(key jsonb, problem text, stored jsonb, expected jsonb);
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl.verify_rollup(text, integer, timestamptz, float8) IS
    'Compares a rollup with what its query gives, under one snapshot, and returns where they differ: nothing where all '
    'is right. key: of the group; problem: missing, extra or differs, or state where the rollup does not show what its '
    'states say, or they count other rows than there are; stored, expected: the two rows. Groups that are to be '
    'refreshed yet, and those that are frozen, are left out, with a NOTICE of how many they are. sample: so many '
    'groups, at random: half of them of rows of a table that the query reads; leave it out to compare all, at the cost '
    'of the query. as_of: now() in a filter of the query; left out it is the moment of the last refresh. tolerance: '
    'the share by which two floats may differ: a sum of floats depends on the order in which they are added, so '
    'compare such with 1e-9. Errors: 42704 no such rollup, 22023 bad argument, 42P01, 42809, 42703, 42804, 55000 what '
    'its query reads or uses, or a table of its own, is gone or has become something else, and whatever the query '
    'raises.';
