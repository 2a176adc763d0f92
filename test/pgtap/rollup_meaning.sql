-- What the query of a rollup means must be what it means at every refresh, in every session: what depends on anything
-- else is refused, or held fast.
SELECT plan(28);
SET client_min_messages = warning;
SET timezone = 'UTC';

CREATE FUNCTION refused(query text, keys name[] DEFAULT '{k}') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    message text;
BEGIN
    PERFORM etl._rollup_plan(query, keys);
    RETURN NULL;
EXCEPTION
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS message = MESSAGE_TEXT;
        RETURN SQLSTATE || ' ' || message;
END
$$;
CREATE TABLE t (k int, x text, at timestamptz, day date);

-- Children that the query does not read ------------------------------------------------------------------------------

CREATE TABLE parent (k int, x int);
CREATE TABLE child () INHERITS (parent);
SELECT etl.create_rollup('public.alone', 'SELECT k, count(*) AS n, sum(x) AS x FROM ONLY public.parent GROUP BY k',
                         '{k}') \g /dev/null
INSERT INTO parent VALUES (1, 1), (2, 2);
INSERT INTO child VALUES (1, 10), (3, 30);
UPDATE parent SET x = x + 1;
CALL etl.refresh_rollup('alone');
SELECT set_eq('TABLE alone', 'VALUES (1, 1::bigint, 2::bigint), (2, 1, 3)', 'FROM ONLY leaves the children out');
SELECT throws_like($$SELECT etl.create_rollup('public.alone_too', 'SELECT k, count(*) AS n FROM ONLY public.parent
    GROUP BY k', '{k}', mode => 'delta')$$, 'changes cannot be merged into rollup%', 'and cannot be merged');

-- Clocks -------------------------------------------------------------------------------------------------------------

SELECT is(refused('SELECT k FROM public.t WHERE ' || condition || ' GROUP BY k'),
          '0A000 the query of a rollup looks at the clock by the literal ''' || literal || '''', condition)
FROM (VALUES
    ('at > ''now''', 'now'), ('at > ''today''::date', 'today'), ('day = date ''yesterday''', 'yesterday'),
    ('day = ANY (''{2024-01-01, Tomorrow}'')', '{2024-01-01, Tomorrow}'),
    ('day IN (''2024-01-01'', '' TODAY'')', ' TODAY'), ('at::date = ''today''::text::date', 'today'),
    ('at <@ ''[yesterday, today)''::tstzrange', '[yesterday, today)'),
    ('k IN (SELECT k FROM public.t WHERE day < ''now'')', 'now')
) AS v (condition, literal);
SELECT is(refused('SELECT k FROM public.t WHERE x = ''now'' OR x LIKE ''today%'' GROUP BY k'), NULL,
          'words are words where they are no times');

-- Sessions -----------------------------------------------------------------------------------------------------------

SELECT is(refused('SELECT k FROM public.t WHERE ' || condition || ' GROUP BY k'),
          format('0A000 the query of a rollup must not use function "%s", which tells of the session, the transaction '
                 'or the system', name), condition)
FROM (VALUES
    ('txid_current() > k', 'txid_current'), ('pg_backend_pid() = k', 'pg_backend_pid'),
    ('has_table_privilege(x, ''SELECT'')', 'has_table_privilege'), ('version() = x', 'version'),
    ('x = pg_get_userbyid(10)', 'pg_get_userbyid'), ('x = current_database()', 'current_database')
) AS v (condition, name);
SELECT matches(refused('SELECT x::regclass AS k FROM public.t GROUP BY 1'), 'must not look up names of objects',
               'casts to regclass');
SELECT matches(refused('SELECT k::regtype::text AS k FROM public.t GROUP BY 1'), 'must not look up names of objects',
               'and from them');
SELECT is(refused('SELECT k::text || to_char(at, ''YYYY'') || pg_typeof(k)::oid AS k, concat(x, day) AS c '
                  'FROM public.t WHERE x::timestamptz < at GROUP BY 1, 2', '{k,c}'), NULL,
          'what follows from its arguments and the settings that are held fast');

CREATE FUNCTION locales() RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT concat_ws(' ', pg_catalog.current_setting('lc_numeric'), pg_catalog.current_setting('lc_monetary'),
                     pg_catalog.current_setting('lc_time'))
$$;
SET lc_numeric = 'C.UTF-8';
SET lc_monetary = 'POSIX';
SET lc_time = 'C.UTF-8';
INSERT INTO t VALUES (1, 'x');
SELECT etl.create_rollup('public.told', 'SELECT k, max(x || public.locales()) AS l FROM public.t GROUP BY k', '{k}')
\g /dev/null
INSERT INTO t VALUES (2, 'x');
CALL etl.refresh_rollup('told');
SELECT set_eq('TABLE told', $$VALUES (1, 'xC C C'), (2, 'xC C C')$$, 'numbers, money and days are written as in C');
SELECT is((SELECT count(*) FROM etl.verify_rollup('told')), 0::bigint, 'whoever looks at them');

-- Types with operators of their own ----------------------------------------------------------------------------------

CREATE EXTENSION citext;
CREATE TABLE person (k int, email citext, other varchar);
SELECT is(refused('SELECT k, ' || value || ' AS v FROM public.person GROUP BY k'), '0A000 ' || error, value)
FROM (VALUES
    ('count(*) FILTER (WHERE email = ''A@x'')',
     'the query of a rollup compares or computes with "public.citext" by operator = of a built-in type'),
    ('count(*) FILTER (WHERE email IN (''A@x'', ''b''))',
     'the query of a rollup compares or computes with "public.citext" by operator = of a built-in type'),
    ('max(email)', 'the query of a rollup calls function "max" of a built-in type for "public.citext"'),
    ('count(*) FILTER (WHERE email LIKE ''a%'')',
     'the query of a rollup compares or computes with "public.citext" by operator ~~ of a built-in type')
) AS v (value, error);
SELECT is(refused('SELECT k, count(*) FILTER (WHERE email OPERATOR(public.=) ''A@x'') AS v, public.max(email) AS m, '
                  'count(*) FILTER (WHERE email::text = ''A@x'' OR other = ''b'') AS w, lower(email) AS l '
                  'FROM public.person GROUP BY k, email', '{k}') ~ 'operator|function', false,
          'what is written with its schema, or cast, is what it says');
SELECT is(refused('SELECT email AS k, count(DISTINCT email) AS n FROM public.person GROUP BY 1'), NULL,
          'groups are those of the type');

SELECT * FROM finish();
