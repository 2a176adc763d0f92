-- Queries that are run with the role locked: their values, their parameters, and what cannot be run so.
BEGIN;
SELECT plan(11);

SELECT is(etl._locked_value('SELECT 1', 0), 1, 'a value');
SELECT is(etl._locked_value('SELECT NULL::int', 0), NULL, 'none');
SELECT is(etl._locked_value('SELECT $1 || $2 || $3 || $4 || $5 || $6 || $7 || $8 || $9', ''::text, 'a'::text, 'b'::text,
                            'c'::text, 'd'::text, 'e'::text, 'f'::text, 'g'::text, 'h'::text, 'i'::text),
          'abcdefghi', 'parameters');
SELECT is(etl._locked_command('CREATE TABLE made AS SELECT $1 AS i FROM generate_series(1, $2)', NULL::text, 3),
          3::bigint, 'a command');
SELECT results_eq('SELECT * FROM etl._locked_changes(''DELETE FROM public.made RETURNING 1'') AS r(i int)',
                  'VALUES (1), (1), (1)', 'changes');
SELECT throws_ok(call, state, NULL, call)
FROM (VALUES
    ($$SELECT etl._locked_command('COMMIT')$$, '0A000'),
    ($$SELECT etl._locked_command('COPY public.made TO STDOUT')$$, '0A000'),
    ($$SELECT etl._locked_value('ROLLBACK', 0)$$, '0A000'),
    ($$SELECT FROM etl._locked_changes('COMMIT') AS r(i int)$$, '0A000'),
    ($$SELECT etl._locked_value('SELECT 1 WHERE false', 0)$$, '42804'),
    ($$SELECT etl._locked_value('SELECT ''1''', 0)$$, '42804')
) AS c(call, state);

SELECT * FROM finish();
ROLLBACK;
