-- etl.first_seen: known answers, what is refused, other roles, pruning, and an oracle.
BEGIN;
SELECT plan(52);
SET timezone = 'Europe/Berlin';

CREATE FUNCTION seen(key text, ts text, scope text DEFAULT 'default') RETURNS boolean LANGUAGE sql VOLATILE AS $$
    SELECT etl.first_seen(key, ts::timestamptz, '1 hour', scope)
$$;

-- One key
SELECT is(seen('a', '2025-01-01 10:00+00'), true, 'the first event');
SELECT is(seen('a', '2025-01-01 10:00+00'), false, 'the same again');
SELECT is(seen('a', '2025-01-01 10:40+00'), false, 'within the horizon');
SELECT is(seen('a', '2025-01-01 11:40+00'), false, 'at most one horizon after a duplicate: every event counts');
SELECT is(seen('a', '2025-01-01 12:40:00.000001+00'), true, 'more than one horizon after the last');
SELECT is(seen('a', '2025-01-01 12:10+00'), false, 'between two sightings, near both');
SELECT is((SELECT count(*) FROM etl.seen_key WHERE key = 'a'), 1::bigint, 'one row a key');
SELECT is((SELECT seen FROM etl.seen_key WHERE key = 'a'),
          tstzmultirange(tstzrange('2025-01-01 10:40:00.000001+00', '2025-01-01 12:40:00.000001+00', '[]')),
          'sightings grow together, and what nobody can ask for is cut off');
SELECT is(seen('b', '2025-01-01 11:40:00.000001+00'), true, 'as old as one horizon is not too late');
SELECT is(seen('b', '2025-01-01 11:40+00'), NULL, 'older is: nothing is said');
SELECT is(seen('c', '2025-01-01 11:40+00'), NULL, 'of a new key neither');
SELECT is((SELECT count(*) FROM etl.seen_key WHERE key = 'c'), 0::bigint, 'and it leaves no trace');
SELECT is(seen('b', '2025-01-01 12:39+00'), false, 'later, but an earlier one is near');

-- Events out of order
SELECT is(seen('x', '2025-01-01 10:00+00', 'order'), true, 'order: a first event');
SELECT is(seen('x', '2025-01-01 09:00+00', 'order'), false, 'order: an earlier one, exactly one horizon away');
SELECT is(seen('y', '2025-01-01 11:00+00', 'order'), true, 'order: another key moves the newest time');
SELECT is(seen('y', '2025-01-01 10:00+00', 'order'), false, 'order: an earlier one near a later one');

-- Several rows of one statement
SELECT results_eq(
    $$SELECT key, etl.first_seen(key, ts, '1 day', 'many') FROM (VALUES
        ('a', timestamptz '2025-01-01'), ('b', '2025-01-01'), ('a', '2025-01-01'), ('b', '2025-01-03')) AS v(key, ts)$$,
    $$VALUES ('a', true), ('b', true), ('a', false), ('b', true)$$, 'the same key twice in one statement');

-- Rollback
SAVEPOINT before;
SELECT is(seen('s', '2025-01-01 12:40+00'), true, 'seen in a subtransaction');
ROLLBACK TO before;
SELECT is(seen('s', '2025-01-01 12:40+00'), true, 'a rollback forgets it');

-- Keys and scopes
SELECT is(etl.first_seen(NULL, '2025-01-01', '1 hour'), true, 'a NULL key is new');
SELECT is(etl.first_seen(NULL, '2025-01-01', '1 hour'), true, 'and stays new');
SELECT is(seen('', '2025-01-01 12:40+00'), true, 'an empty key is a key');
SELECT is(seen('A', '2025-01-01 12:40+00'), true, 'keys are compared byte by byte');
SELECT is(seen('a', '2025-01-01 12:40+00', 'other'), true, 'another scope knows other keys');
SELECT is(etl.first_seen('d', '2025-03-30 00:30+00', '1 day', 'dst'), true, 'the day on which the clocks change …');
SELECT is(etl.first_seen('d', '2025-03-31 00:30+00', '24 hours', 'dst'), false, '… has 24 hours for a horizon');

-- What is refused
SELECT throws_ok($$SELECT seen('a', NULL)$$, '22023', 'the time of key "a" must be a moment, not NULL');
SELECT throws_ok($$SELECT seen('a', 'infinity')$$, '22023', 'the time of key "a" must be a moment, not ''infinity''');
SELECT throws_ok($$SELECT seen(repeat('a', 1001), '2025-01-01 12:40+00')$$, '22023', NULL, 'a key that is too long');
SELECT throws_ok($$SELECT etl.first_seen('a', '2025-01-01', '0')$$, '22023',
                 'horizon must be longer than zero, not "00:00:00"');
SELECT throws_ok($$SELECT etl.first_seen('a', '2025-01-01', NULL)$$, '22023', 'horizon must not be NULL');
SELECT throws_ok($$SELECT etl.first_seen('a', '2025-01-01', '1 month')$$, '22023',
                 'horizon must have no months, not "1 mon"');
SELECT is(etl.first_seen('a', '2025-01-01', '30 days', 'month'), true, 'a horizon of 30 days');
SELECT throws_ok($$SELECT etl.first_seen('b', '2025-01-01', '1 month', 'month')$$, '22023',
                 'horizon must have no months, not "1 mon"', 'a month is not one');
SELECT throws_ok($$SELECT etl.first_seen('a', '2025-01-01', '2 hours')$$, '22023',
                 'scope "default" has a horizon of 01:00:00, not 02:00:00');
SELECT throws_ok($$SELECT seen('a', '2025-01-01 12:40+00', NULL)$$, '22023', 'scope must not be NULL');
SELECT throws_ok($$SELECT etl.prune_first_seen('nowhere')$$, '42704', NULL, 'no such scope to prune');

-- Pruning changes no answer, and keys go by themselves
SELECT etl.first_seen(i::text, '2025-01-01'::timestamptz + i * interval '1 minute', '1 hour', 'flow')
FROM generate_series(1, 20000) AS i \g /dev/null
SELECT cmp_ok((SELECT keys FROM etl.first_seen_scopes WHERE scope = 'flow'), '<', 2500::bigint,
              'of 20,000 keys few are kept');
SELECT etl.prune_first_seen('flow') \g /dev/null
SELECT is((SELECT keys FROM etl.first_seen_scopes WHERE scope = 'flow'), 121::bigint,
          'pruned by hand: two horizons before the newest');

-- Roles
CREATE ROLE seen_other;
SET ROLE seen_other;
SELECT is(seen('a', '2025-01-01 12:40+00'), true, 'each role has scopes of its own');
SELECT throws_ok($$INSERT INTO etl.seen_key (scope_id, key, seen, newest) VALUES (1, 'q', '{}', now())$$, '42501', NULL,
                 'and puts no key into another''s');
SELECT throws_ok(format('INSERT INTO etl.seen_scope (scope_id, scope, horizon) OVERRIDING SYSTEM VALUE '
                        'SELECT i, i::text, ''1 hour'' FROM generate_series(%1$s, %1$s + 9) AS i', max(scope_id) + 1),
                 '42501', NULL, 'takes no number that is not given yet') FROM etl.seen_scope;
SELECT throws_ok($$INSERT INTO etl.seen_scope (owner, scope, horizon) VALUES ('postgres', 'q', '1 hour')$$, '42501',
                 NULL, 'makes no scope for another role');
SELECT throws_ok($$UPDATE etl.seen_scope SET owner = 'postgres'$$, '42501', NULL, 'gives none away');
SELECT throws_ok($$UPDATE etl.seen_scope SET scope_id = DEFAULT$$, '42501', NULL, 'changes no number');
SELECT throws_ok($$UPDATE etl.seen_key SET scope_id = scope_id - 1$$, '42501', NULL, 'and moves no key');
RESET ROLE;
SELECT is((SELECT every(k.owner = s.owner) FROM etl.seen_key AS k JOIN etl.seen_scope AS s USING (scope_id)), true,
          'so all keys are of the role of their scope');

-- An oracle: random events out of order, two keys in five hours, against all sightings that were not late.
SELECT setseed(0.7);
CREATE TABLE event AS
SELECT n, 'k' || (random() * 9)::int AS key,
       timestamptz '2025-01-01' + (n * 40 + (random() * 9000)::int) * interval '1 second' AS ts
FROM generate_series(1, 1500) AS n;
CREATE TABLE answer (n bigint, is_new boolean);
DO $$
DECLARE e record;
BEGIN
    FOR e IN SELECT * FROM event ORDER BY n LOOP
        INSERT INTO answer VALUES (e.n, etl.first_seen(e.key, e.ts, '1 hour', 'oracle'));
        IF e.n % 100 = 0 THEN
            PERFORM etl.prune_first_seen('oracle');
        END IF;
    END LOOP;
END
$$;
SELECT is_empty($$
    WITH timed AS (
        SELECT e.*, a.is_new, max(e.ts) OVER (ORDER BY e.n) - interval '1 hour' > e.ts AS is_late
        FROM event AS e JOIN answer AS a USING (n)
    )
    SELECT t.n FROM timed AS t
    WHERE t.is_new IS DISTINCT FROM CASE WHEN NOT t.is_late THEN NOT EXISTS (
        SELECT FROM timed AS b
        WHERE b.key = t.key AND b.n < t.n AND NOT b.is_late
          AND b.ts BETWEEN t.ts - interval '1 hour' AND t.ts + interval '1 hour') END
$$, 'every answer equals an oracle''s');
SELECT is((SELECT count(DISTINCT coalesce(is_new::text, 'late')) FROM answer), 3::bigint, 'all three answers occur');
SELECT is(etl.remove_first_seen('oracle') > 0, true, 'a scope is removed with its keys');
SELECT is(etl.remove_first_seen('oracle', if_exists => true), 0::bigint, 'if it exists');
SELECT * FROM finish();
