-- etl.z_score, etl.min_max_scale by stored moments; etl.one_hot.
BEGIN;
SELECT plan(29);

CREATE TABLE stats AS
SELECT 'some' AS name, etl.moments(x) AS s FROM unnest('{2,4,4,4,5,5,7,9}'::float8[]) AS x
UNION ALL SELECT 'one value', etl.moments(5) FROM generate_series(1, 3)
UNION ALL SELECT 'huge', etl.moments(x) FROM unnest('{-1.7e308,1.7e308}'::float8[]) AS x
UNION ALL SELECT 'not finite', etl.moments(x) FROM unnest('{1,Infinity}'::float8[]) AS x;

-- mean 5, standard deviation of the population 2
SELECT is(etl.z_score(9, s), 2::float8, 'z_score') FROM stats WHERE name = 'some';
SELECT is(etl.z_score(5, s), 0::float8, 'of the mean') FROM stats WHERE name = 'some';
SELECT is(etl.min_max_scale(2, s), 0::float8, 'min_max_scale of the least') FROM stats WHERE name = 'some';
SELECT is(etl.min_max_scale(9, s), 1::float8, 'of the greatest') FROM stats WHERE name = 'some';
SELECT is(etl.min_max_scale(16, s), 2::float8, 'of one beyond') FROM stats WHERE name = 'some';
SELECT is(etl.z_score(5, s), 0::float8, 'a constant column gives 0') FROM stats WHERE name = 'one value';
SELECT is(etl.min_max_scale(5, s), 0::float8, 'in its range too') FROM stats WHERE name = 'one value';
SELECT is(etl.z_score(7, s), 2::float8, 'and another value its difference') FROM stats WHERE name = 'one value';
SELECT is(etl.z_score(1.7e308, s), 1::float8, 'no overflow') FROM stats WHERE name = 'huge';
SELECT is(etl.min_max_scale(1.7e308, s), 1::float8, 'none of the range') FROM stats WHERE name = 'huge';
SELECT is(etl.min_max_scale(0, s), 0.5::float8, 'in its middle') FROM stats WHERE name = 'huge';
SELECT is(etl.z_score(1, s), 'NaN'::float8, 'statistics with an infinity') FROM stats WHERE name = 'not finite';
SELECT is(etl.min_max_scale(5, s), 0::float8, 'an infinite range') FROM stats WHERE name = 'not finite';
SELECT is(etl.z_score('NaN', s), 'NaN'::float8, 'NaN') FROM stats WHERE name = 'some';
SELECT ok(etl.z_score(NULL, s) IS NULL AND etl.z_score(1, NULL) IS NULL, 'NULL') FROM stats WHERE name = 'some';
SELECT set_eq($$SELECT name, i, etl.z_score(i, s), etl.min_max_scale(i, s) FROM stats, generate_series(1, 3) AS i
                WHERE name <> 'not finite' ORDER BY i$$,
              $$SELECT name, i,
                       (i - etl.mean(s)) / coalesce(nullif(etl.stddev_pop(s), 0), 1) AS z,
                       (i / 2.0::float8 - etl.min(s) / 2) / coalesce(nullif(etl.max(s) / 2 - etl.min(s) / 2, 0), 0.5)
                           AS m
                FROM stats, generate_series(1, 3) AS i WHERE name <> 'not finite'$$,
              'statistics that change from row to row');

SELECT is(etl.one_hot('b', '{a,b,c}'), '{0,1,0}', 'one_hot');
SELECT is(etl.one_hot('x', '{a,b,c}'), '{0,0,0}', 'an unknown category');
SELECT is(etl.one_hot(NULL, '{a,b,c}'), '{0,0,0}', 'NULL');
SELECT is(etl.one_hot('', '{a,""}'), '{0,1}', 'the empty text is a category');
SELECT is(etl.one_hot('a', '{}'), '{}', 'no categories');
SELECT throws_ok($$SELECT etl.one_hot('x', '{a,b}', 'error')$$, '22023', '"x" is none of the categories',
                 'error on request');
SELECT throws_ok($$SELECT etl.one_hot(NULL, '{a,b}', unknown => 'error')$$, '22023', 'NULL is none of the categories',
                 'for NULL too');
SELECT is(etl.one_hot('a', '{a,b}', 'error'), '{1,0}', 'a known one');
SELECT throws_ok($$SELECT etl.one_hot('a', '{a,b,a}')$$, '22023', 'category "a" is given more than once',
                 'a category twice');
SELECT throws_ok($$SELECT etl.one_hot('a', '{a,NULL}')$$, '22023', 'categories must not have NULL among them',
                 'a NULL category');
SELECT throws_ok($$SELECT etl.one_hot('a', NULL)$$, '22004', NULL, 'no categories at all');
SELECT throws_ok($$SELECT etl.one_hot('a', '{a}', 'skip')$$, '22023',
                 'unknown must be ''zeros'' or ''error'', not ''skip''', 'another unknown');
CREATE COLLATION any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
SELECT is(etl.one_hot('B' COLLATE any_case, '{a,b}'), '{0,1}', 'the collation decides what is equal');

SELECT * FROM finish();
ROLLBACK;
