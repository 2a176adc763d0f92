-- etl.first_seen: whether a key is seen for the first time within a horizon.
--
-- What is true is a matter of the events alone, in whatever order they come: an event is the first of its key unless
-- another event of the key with an event time at most one horizon away, on either side, was seen before it. "Before"
-- is the order in which transactions commit; within one it is the order of the calls.
--
-- Memory. etl.seen_key has one row a key with the times at which it was seen. Times that are at most one horizon apart
-- are kept as one span: whatever falls into the span, or within one horizon of its ends, is within one horizon of a
-- time at which the key was seen. So a key takes no more room for being seen often, and nothing is lost by it.
--
-- Forgetting. The newest event time of the scope, W, says what may be forgotten: an event older than W - horizon comes
-- too late, and the answer is NULL, for the function does not say what it cannot know. Any other event asks about times
-- from W - 2 horizons on. What is older is deleted, and whether it is deleted already makes no difference.
--
-- Concurrency. The unique index over scope and key lets a second session wait for the first one's end. Sessions with
-- different keys do not meet: there is no row that all of them change, W is read from an index. A pruning session may
-- commit between the look at W and the look at the key; so a key that seems new is looked at again afterwards. Each
-- call locks the row of its scope as a foreign key would (FOR KEY SHARE), so that a scope is not removed under it.
--
-- Roles. Keys belong to a scope by its number, which only the sequence gives out: no role may write it, and each number
-- is given once. A policy lets a role put keys into scopes of its own alone. So nobody has keys in another's scope.

CREATE TABLE etl.seen_scope (
    scope_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    owner name NOT NULL DEFAULT current_user,
    scope text NOT NULL COLLATE "C",
    horizon interval NOT NULL,
    UNIQUE (owner, scope)
);
COMMENT ON TABLE etl.seen_scope IS
    'Scopes of etl.first_seen and their horizons, each under the role that uses it. Read them in '
    'etl.first_seen_scopes.';
COMMENT ON SEQUENCE etl.seen_scope_scope_id_seq IS 'Numbers of scopes.';
ALTER TABLE etl.seen_scope ENABLE ROW LEVEL SECURITY;
CREATE POLICY seen_scope_owner ON etl.seen_scope USING (owner = current_user) WITH CHECK (owner = current_user);
GRANT SELECT, INSERT (scope, horizon), DELETE ON etl.seen_scope TO PUBLIC;
GRANT UPDATE (horizon) ON etl.seen_scope TO PUBLIC; -- without which no role could lock its row

CREATE TABLE etl.seen_key (
    scope_id bigint NOT NULL,
    key text NOT NULL COLLATE "C",
    seen tstzmultirange NOT NULL,
    newest timestamptz NOT NULL,
    is_first boolean NOT NULL DEFAULT true,
    owner name NOT NULL DEFAULT current_user,
    PRIMARY KEY (scope_id, key)
);
CREATE INDEX seen_key_newest_idx ON etl.seen_key (scope_id, newest);
COMMENT ON TABLE etl.seen_key IS
    'Memory of etl.first_seen: for each key of a scope the spans of event time in which it was seen, the newest time, '
    'and what the last call answered that changed the row.';
ALTER TABLE etl.seen_key ENABLE ROW LEVEL SECURITY;
CREATE POLICY seen_key_owner ON etl.seen_key USING (owner = current_user) WITH CHECK (
    owner = current_user AND EXISTS (SELECT FROM etl.seen_scope AS s WHERE s.scope_id = seen_key.scope_id));
GRANT SELECT, INSERT (scope_id, key, seen, newest), UPDATE (seen, newest, is_first), DELETE ON etl.seen_key TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.seen_scope', '');
GRANT SELECT ON SEQUENCE etl.seen_scope_scope_id_seq TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.seen_scope_scope_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('etl.seen_key', '');

CREATE VIEW etl.first_seen_scopes WITH (security_invoker = true) AS
SELECT s.scope,
       s.horizon,
       (SELECT max(k.newest) FROM etl.seen_key AS k WHERE k.scope_id = s.scope_id) AS newest,
       (SELECT max(k.newest) FROM etl.seen_key AS k WHERE k.scope_id = s.scope_id) - s.horizon AS late_before,
       (SELECT count(*) FROM etl.seen_key AS k WHERE k.scope_id = s.scope_id) AS keys,
       s.owner
FROM etl.seen_scope AS s;
COMMENT ON VIEW etl.first_seen_scopes IS
    'One row for each scope of etl.first_seen that the role has used: its horizon, the newest event time that was '
    'seen, the time before which events come too late (late_before), and how many keys it remembers.';
GRANT SELECT ON etl.first_seen_scopes TO PUBLIC;

-- Parts of a call -----------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._fixed_horizon(horizon interval)
RETURNS interval
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._require_positive(horizon, 'horizon');
    IF extract(year FROM horizon) <> 0 OR extract(month FROM horizon) <> 0 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('horizon must have no months, not "%s"', horizon),
            DETAIL = 'A month has no fixed length, so it would depend on the event what the horizon is.',
            HINT = 'Give days or less, such as ''30 days''; a day counts as 24 hours.';
    END IF;
    RETURN make_interval(secs => extract(epoch FROM horizon));
END
$$;
COMMENT ON FUNCTION etl._fixed_horizon(interval) IS
    'The horizon in hours and less, so that adding it does not depend on the time zone. 22023 where it is not positive '
    'or has months.';

CREATE FUNCTION etl._check_first_seen(key text, ts timestamptz)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF ts IS NULL OR NOT isfinite(ts) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('the time of key "%s" must be a moment, not %s', left(key, 80),
                             coalesce(quote_literal(ts), 'NULL')),
            HINT = 'Leave such events out, or give them the time at which they arrived: coalesce(ts, now()).';
    ELSIF octet_length(key) > 1000 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('key has %s bytes, more than 1000: "%s…"', octet_length(key), left(key, 80)),
            HINT = 'Give a fingerprint of it: etl.hash128(…)::text.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._check_first_seen(text, timestamptz) IS
    'Raises what is wrong with the arguments of etl.first_seen (22023).';

CREATE FUNCTION etl._open_scope(scope text, horizon interval)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    span CONSTANT interval := etl._fixed_horizon(horizon);
    known etl.seen_scope;
BEGIN
    LOOP
        SELECT * INTO known FROM etl.seen_scope AS s
        WHERE s.owner = current_user AND s.scope = _open_scope.scope FOR KEY SHARE;
        EXIT WHEN FOUND;
        PERFORM etl._require_name(scope, 'scope');
        INSERT INTO etl.seen_scope (scope, horizon) VALUES (_open_scope.scope, span)
        ON CONFLICT (owner, scope) DO NOTHING; -- another session's may be removed before it is locked
    END LOOP;
    IF known.horizon <> span THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('scope "%s" has a horizon of %s, not %s', scope, known.horizon, span),
            DETAIL = 'What it remembers is what that horizon needs.',
            HINT = format('Call etl.remove_first_seen(%L) to begin anew with another horizon, or give another scope.',
                          scope);
    END IF;
    RETURN known.scope_id;
END
$$;
COMMENT ON FUNCTION etl._open_scope(text, interval) IS
    'The number of the current role''s scope, which is made where there is none, and cannot be removed by another '
    'session before the transaction ends. 22023 where it has another horizon.';

CREATE FUNCTION etl._has_newer(scope_id bigint, moment timestamptz)
RETURNS boolean
LANGUAGE C STRICT VOLATILE
AS 'MODULE_PATHNAME', 'etl_has_newer';
COMMENT ON FUNCTION etl._has_newer(bigint, timestamptz) IS
    'Whether the current role''s scope has seen an event after the moment, by what is committed now. An event is late '
    'when its scope has a newer one than itself and the horizon.';

CREATE FUNCTION etl._see_again(scope_id bigint, key text, ts timestamptz, horizon interval)
RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    reach CONSTANT tstzmultirange := tstzmultirange(tstzrange(ts - horizon, ts + horizon, '[]'));
    is_new boolean;
BEGIN
    INSERT INTO etl.seen_key AS k (scope_id, key, seen, newest)
    VALUES (_see_again.scope_id, _see_again.key, tstzmultirange(tstzrange(ts, ts, '[]')), ts)
    ON CONFLICT (scope_id, key) DO UPDATE
    SET seen = (k.seen + tstzmultirange(tstzrange(least(ts, lower(k.seen * reach)),
                                                  greatest(ts, upper(k.seen * reach)), '[]')))
               * tstzmultirange(tstzrange(greatest(k.newest, ts) - 2 * _see_again.horizon, NULL)),
        newest = greatest(k.newest, ts),
        is_first = NOT k.seen && reach
    WHERE NOT k.seen @> ts
    RETURNING k.is_first INTO is_new;
    RETURN coalesce(is_new, false); -- there is no row where it was seen at this very time
END
$$;
COMMENT ON FUNCTION etl._see_again(bigint, text, timestamptz, interval) IS
    'Adds a time to a key that is known, and says whether none within the horizon was known.';

CREATE FUNCTION etl._prune_scope(scope_id bigint, horizon interval, at_most bigint)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET datestyle = 'ISO, YMD'
SET enable_seqscan = off -- a plan that was made for an empty table and kept would scan it when it has grown
SET enable_bitmapscan = off
SET enable_sort = off
AS $$
DECLARE
    before CONSTANT timestamptz := (SELECT max(k.newest) FROM etl.seen_key AS k
                                    WHERE k.scope_id = _prune_scope.scope_id) - 2 * horizon;
    -- What this transaction has deleted is still in the index: it is not walked over again.
    bookmark CONSTANT text := 'etl.seen_pruned_' || scope_id;
    reached timestamptz := coalesce(nullif(current_setting(bookmark, true), ''), '-infinity');
    places tid[];
    pruned bigint;
BEGIN
    SELECT array_agg(o.ctid), max(o.newest) INTO places, reached
    FROM (
        SELECT k.ctid, k.newest FROM etl.seen_key AS k
        WHERE k.scope_id = _prune_scope.scope_id AND k.newest >= reached AND k.newest < before
        ORDER BY k.newest
        LIMIT at_most
        FOR UPDATE SKIP LOCKED
    ) AS o;
    IF places IS NULL THEN
        RETURN 0;
    END IF;
    DELETE FROM etl.seen_key AS k WHERE k.ctid = ANY (places);
    GET DIAGNOSTICS pruned = ROW_COUNT;
    PERFORM set_config(bookmark, reached::text, true);
    RETURN pruned;
END
$$;
COMMENT ON FUNCTION etl._prune_scope(bigint, interval, bigint) IS
    'Deletes keys that no event can ask for any more, the oldest first, at most as many as given, and returns how '
    'many. Passes over what another session holds.';

CREATE FUNCTION etl._unsee(scope_id bigint, key text, ts timestamptz)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moment CONSTANT tstzmultirange := tstzmultirange(tstzrange(ts, ts, '[]'));
BEGIN
    DELETE FROM etl.seen_key AS k WHERE k.scope_id = _unsee.scope_id AND k.key = _unsee.key AND k.seen = moment;
    UPDATE etl.seen_key AS k SET seen = k.seen - moment, newest = upper(k.seen - moment)
    WHERE k.scope_id = _unsee.scope_id AND k.key = _unsee.key;
END
$$;
COMMENT ON FUNCTION etl._unsee(bigint, text, timestamptz) IS
    'Takes back that a key was seen for the first time at a moment.';

-- What users call -----------------------------------------------------------------------------------------------------

CREATE FUNCTION etl.first_seen(key text, ts timestamptz, horizon interval, scope text DEFAULT 'default')
RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    span CONSTANT interval := make_interval(secs => extract(epoch FROM horizon));
    number bigint;
    is_new boolean := true;
BEGIN
    IF first_seen.key IS NULL THEN
        RETURN true;
    END IF;
    INSERT INTO etl.seen_key AS k (scope_id, key, seen, newest)
    SELECT s.scope_id, first_seen.key, tstzmultirange(tstzrange(ts, ts, '[]')), ts
    FROM etl.seen_scope AS s
    WHERE s.owner = current_user AND s.scope = first_seen.scope AND s.horizon = span
      AND date_trunc('month', first_seen.horizon) = interval '0' -- 1 month is equal to 30 days
      AND isfinite(ts) AND octet_length(first_seen.key) <= 1000
    FOR KEY SHARE
    ON CONFLICT (scope_id, key) DO NOTHING
    RETURNING k.scope_id INTO number;
    IF number IS NULL THEN
        -- The key is known, or the scope is not, or an argument is at fault.
        PERFORM etl._check_first_seen(first_seen.key, ts) WHERE isfinite(ts) IS NOT TRUE
            OR octet_length(first_seen.key) > 1000;
        number := etl._open_scope(scope, horizon);
        IF etl._has_newer(number, ts + span) THEN
            RETURN NULL;
        END IF;
        is_new := etl._see_again(number, first_seen.key, ts, span);
    END IF;
    IF is_new AND etl._has_newer(number, ts + span) THEN
        PERFORM etl._unsee(number, first_seen.key, ts);
        RETURN NULL;
    ELSIF is_new AND hashtext(first_seen.key) & 255 = 0
          AND current_setting('transaction_isolation') IN ('read committed', 'read uncommitted') THEN
        PERFORM etl._prune_scope(number, span, 1024);
    END IF;
    RETURN is_new;
END
$$;
COMMENT ON FUNCTION etl.first_seen(text, timestamptz, interval, text) IS
    'true when no event of this key was seen before whose time is at most horizon away from ts, earlier or later; '
    'false when one was; NULL when ts is more than horizon older than the newest event of the scope, which is too late '
    'to tell. Every event counts, also one that was a duplicate; one that came too late leaves no trace. The call '
    'remembers the event in its transaction: a rollback forgets it, and a session that asks for a key which an open '
    'transaction has seen waits for its end. key: up to 1000 bytes, compared byte by byte; etl.hash128(…)::text makes '
    'one of any columns; a NULL key is always new. ts: the time of the event. horizon: days and less, a day counts as '
    '24 hours; one and the same for all events of a scope. scope: a name for events that share their keys; each role '
    'has its own. Keys older than two horizons before the newest event are deleted by and by. Errors: 22023 no moment, '
    'no positive horizon, one with months or other than the scope has, a longer key; 40001 above READ COMMITTED, when '
    'another transaction has seen the key since this one began.';

CREATE FUNCTION etl.prune_first_seen(scope text DEFAULT 'default', at_most bigint DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known etl.seen_scope := etl._known_scope(scope);
BEGIN
    IF at_most < 1 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('at_most must be positive, not %s', at_most),
            HINT = 'Leave it out to prune all that can be.';
    END IF;
    PERFORM set_config('etl.seen_pruned_' || known.scope_id, '', true);
    RETURN etl._prune_scope(known.scope_id, known.horizon, at_most);
END
$$;
COMMENT ON FUNCTION etl.prune_first_seen(text, bigint) IS
    'Deletes the keys of a scope that are older than two horizons before its newest event, and returns how many. '
    'etl.first_seen does it by itself as new keys come; call it when none come any more. at_most: how many at once. '
    'Errors: 42704 no such scope, 22023 at_most is not positive.';

CREATE FUNCTION etl._known_scope(scope text)
RETURNS etl.seen_scope
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known etl.seen_scope;
BEGIN
    SELECT * INTO known FROM etl.seen_scope AS s WHERE s.owner = current_user AND s.scope = _known_scope.scope;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object',
            MESSAGE = format('role "%s" has no scope %s', current_user, coalesce(format('"%s"', scope), 'NULL')),
            HINT = 'See etl.first_seen_scopes; etl.first_seen makes a scope when it is first called for it.';
    END IF;
    RETURN known;
END
$$;
COMMENT ON FUNCTION etl._known_scope(text) IS 'The current role''s scope of etl.first_seen; 42704 where there is none.';

CREATE FUNCTION etl.remove_first_seen(scope text, if_exists boolean DEFAULT false)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known etl.seen_scope;
    forgotten bigint;
BEGIN
    PERFORM etl._require_flag(if_exists, 'if_exists');
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_transaction_state',
            MESSAGE = format('etl.remove_first_seen cannot run at isolation level %s',
                             current_setting('transaction_isolation')),
            DETAIL = 'It would leave behind the keys that other sessions have seen since the transaction began.',
            HINT = 'Call it in a transaction of its own that begins with BEGIN ISOLATION LEVEL READ COMMITTED.';
    END IF;
    IF if_exists AND NOT EXISTS (SELECT FROM etl.seen_scope AS s
                                 WHERE s.owner = current_user AND s.scope = remove_first_seen.scope) THEN
        RETURN 0;
    END IF;
    known := etl._known_scope(scope);
    DELETE FROM etl.seen_scope AS s WHERE s.scope_id = known.scope_id; -- waits for who has seen keys in it
    DELETE FROM etl.seen_key AS k WHERE k.scope_id = known.scope_id;
    GET DIAGNOSTICS forgotten = ROW_COUNT;
    RETURN forgotten;
END
$$;
COMMENT ON FUNCTION etl.remove_first_seen(text, boolean) IS
    'Forgets a scope of etl.first_seen and all its keys, and returns how many these were. Needed to change a horizon, '
    'or after an event with a time far in the future, before which all others come too late. Waits for transactions '
    'that have called etl.first_seen for the scope. Errors: 42704 no such scope, unless if_exists, 25000 isolation '
    'level above READ COMMITTED.';
