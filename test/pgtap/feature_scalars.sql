-- Features of one row against formulas in SQL, geo_velocity over windows, and lookups of addresses against containment.
BEGIN;
SELECT plan(63);
SET LOCAL timezone = 'UTC';
SELECT setseed(0.5);

-- cyclic
CREATE TABLE moments AS
SELECT '2000-01-01'::timestamp + random() * interval '80 years' AS ts FROM generate_series(1, 5000)
UNION ALL SELECT '0044-03-15 12:00 BC' UNION ALL SELECT '2024-02-29 23:59:59.999999' UNION ALL SELECT '2026-01-01'
UNION ALL SELECT '290000-12-31 23:59';
SELECT is_empty(format($$
    SELECT ts, etl.cyclic(ts, %1$L) FROM moments,
           LATERAL (SELECT 2 * pi() * (extract(epoch FROM ts - date_trunc(%1$L, ts))
                                       / extract(epoch FROM date_trunc(%1$L, ts) + interval '1 %1$s'
                                                            - date_trunc(%1$L, ts)))::float8 AS angle) AS a
    WHERE abs((etl.cyclic(ts, %1$L))[1] - sin(angle)) > 1e-9 OR abs((etl.cyclic(ts, %1$L))[2] - cos(angle)) > 1e-9$$,
                       period), 'cyclic by the ' || period || ' is what date_trunc says')
FROM unnest('{hour,day,week,month,year}'::text[]) AS period;
SELECT is(etl.cyclic(timestamptz '2026-07-01 22:00+00', 'day', 'Europe/Berlin'), '{0,1}',
          'a day begins at midnight of the zone');
SELECT is(etl.cyclic(timestamp 'infinity', 'day'), NULL, 'an infinite moment has no place');
SELECT is(etl.cyclic(timestamptz '-infinity', 'day', 'UTC'), NULL, 'in no zone');
SELECT throws_ok($$SELECT etl.cyclic(timestamp '2026-01-01', 'decade')$$, '22023', 'unknown period "decade"');
SELECT throws_ok($$SELECT etl.cyclic(now(), 'day', 'Atlantis')$$, '22023', 'time zone "Atlantis" not recognized');
SELECT is_empty($$
    SELECT x, etl.cyclic(x, 360) FROM generate_series(-1000, 1000, 7) AS x
    WHERE abs((etl.cyclic(x, 360))[1] - sind(x)) > 1e-12 OR abs((etl.cyclic(x, 360))[2] - cosd(x)) > 1e-12$$,
    'cyclic of an angle is its sine and cosine');
SELECT is(etl.cyclic(v, 24), NULL, v || ' has no place') FROM unnest('{NaN,Infinity}'::float8[]) AS v;
SELECT throws_ok(format('SELECT etl.cyclic(1, %L)', p), '22023',
                 'period must be a finite number greater than 0, not ' || p)
FROM unnest('{0,-1,NaN,Infinity}'::text[]) AS p;

-- bucketize
SELECT is_empty($$
    SELECT x FROM (SELECT random() * 12 - 1 AS x FROM generate_series(1, 2000)
                   UNION ALL SELECT unnest('{1,2,4,8,Infinity,-Infinity,NaN}'::float8[])) AS v
    WHERE etl.bucketize(x, '{1,2,4,8}') <> width_bucket(x, '{1,2,4,8}'::float8[])$$, 'bucketize is width_bucket');
SELECT is(etl.bucketize(1, '{}'), 0, 'without edges there is one bucket');
SELECT throws_ok(format('SELECT etl.bucketize(1, %L)', e), '22023', NULL, 'refused edges: ' || e)
FROM unnest(ARRAY['{1,1}', '{2,1}', '{1,NaN}', '{NaN}', '{1,NULL}', '{{1,2},{3,4}}']) AS e;

-- texts
SELECT is_empty($$
    SELECT t FROM (SELECT left(md5(i::text) || repeat('ä', i % 7), i % 40) AS t FROM generate_series(1, 500) AS i) AS v
    WHERE abs(etl.text_entropy(t) - coalesce((
              SELECT -sum(n / length(t) * log(2, n / length(t)))
              FROM (SELECT count(*)::numeric AS n FROM regexp_split_to_table(t, '') AS c WHERE c <> '' GROUP BY c) AS g
          ), 0)::float8) > 1e-9
       OR etl.digit_count(t) <> length(regexp_replace(t, '[^0-9]', '', 'g'))$$,
    'entropy and digits are what SQL counts');

-- places
SELECT ok(abs(etl.geodesic_km(-30, 0, 29.9, 179.8) - 19989.832827610) < 1e-9, 'geodesic_km of nearly antipodal places');
SELECT throws_ok('SELECT etl.geodesic_km(91, 0, 0, 0)', '22023', NULL, 'a place off the globe');
CREATE TABLE trip AS
SELECT i % 5 AS wallet, '2026-01-01'::timestamptz + i * interval '10 minutes' AS ts,
       random() * 8 + 45 AS latitude, random() * 8 AS longitude
FROM generate_series(1, 400) AS i;
SELECT is_empty($$
    SELECT * FROM (
        SELECT etl.geo_velocity(ts, latitude, longitude) OVER w AS found,
               etl.geo_velocity(ts, latitude, longitude)
                   OVER (PARTITION BY wallet ORDER BY ts ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS found_in_two,
               etl.haversine_km(latitude, longitude, lag(latitude) OVER w, lag(longitude) OVER w) > 500
               AND ts - lag(ts) OVER w < interval '1 hour' AS expected
        FROM trip WINDOW w AS (PARTITION BY wallet ORDER BY ts)) AS s
    WHERE found <> coalesce(expected, false) OR found_in_two <> found$$,
    'geo_velocity over a window compares each row with the one before it');
SELECT isnt_empty($$SELECT FROM trip AS a JOIN trip AS b USING (wallet)
                    WHERE b.ts - a.ts = interval '50 minutes'
                    AND etl.haversine_km(a.latitude, a.longitude, b.latitude, b.longitude) > 500$$,
                  'and some are too far');

-- addresses
CREATE TABLE network AS
SELECT set_masklen(('20.' || i || '.0.0')::cidr, 16 + i % 3) AS network, 'n' || i AS country
FROM generate_series(0, 200, 2) AS i
UNION ALL SELECT '2001:db8::/33', 'six' UNION ALL SELECT '0.0.0.0/32', 'first';
SELECT is(etl.create_ip_ranges('public.country_ip', 'SELECT * FROM public.network'), 103::bigint, 'ranges are made');
CREATE TABLE address AS
SELECT ('20.' || (random() * 210)::int || '.' || (random() * 255)::int || '.255/8')::inet AS ip
FROM generate_series(1, 2000)
UNION ALL SELECT unnest('{0.0.0.0,0.0.0.1,2001:db8::1,2001:db8:8000::,::,ffff::,255.255.255.255}'::inet[]);
SELECT is_empty($$
    SELECT ip FROM address
    WHERE etl.ip_lookup('country_ip', ip) ->> 'country'
          IS DISTINCT FROM (SELECT country FROM network WHERE network >>= host(ip)::inet)$$,
    'a lookup finds the network that holds the address, or none');
SELECT cmp_ok((SELECT count(etl.ip_lookup('country_ip', ip)) FROM address), '>', 300::bigint, 'many are found');
SELECT throws_ok($$SELECT etl.create_ip_ranges('public.twice', $q$VALUES ('10.0.0.0/8')$q$)$$, '42703',
                 'ranges of addresses need a column "network", or the columns "first_ip" and "last_ip"');
SELECT throws_ok(format('SELECT etl.create_ip_ranges(%L, %L)', 'public.bad',
                        'SELECT * FROM (VALUES ' || bad || ') AS v (first_ip, last_ip)'), state, message)
FROM (VALUES ($$('10.0.0.0', '10.0.0.9'), ('10.0.0.9', '10.0.1.0')$$, '23P01',
              'ranges of addresses overlap: one from 10.0.0.0 to 10.0.0.9, and one from 10.0.0.9'),
             ($$('10.0.0.9', '10.0.0.0')$$, '22023', 'the range from 10.0.0.9 to 10.0.0.0 is none'),
             ($$('10.0.0.9', '::1')$$, '22023', 'the range from 10.0.0.9 to ::1 is none'),
             ($$('10.0.0.9', NULL)$$, '22023', 'the range from 10.0.0.9 to NULL is none')) AS v (bad, state, message);
SELECT is(etl.create_ip_ranges('public.country_ip', $q$SELECT '10.0.0.0/8' AS network, 'ten' AS country$q$, true),
          1::bigint, 'the rows of a table are replaced');
SELECT is(etl.ip_lookup('country_ip', ip), found, 'then ' || ip || ' is what is new')
FROM (VALUES ('10.9.9.9'::inet, '{"country": "ten"}'::jsonb), ('20.2.0.1', NULL)) AS v (ip, found);
SELECT is(etl.create_ip_ranges('public.country_ip', query, true), 1::bigint, query)
FROM unnest(ARRAY['SELECT ''10.0.0.0/8'' AS network, ''ten'' AS country -- a comment',
                  'SELECT ''10.0.0.0/8'' AS network, ''ten'' AS country; ']) AS query;
SELECT is(etl.create_ip_ranges('public.commented', 'SELECT ''10.1.2.3/8'' AS network, 1 AS a, 2 AS b -- a comment'),
          1::bigint, 'a new table of a query that ends in a comment');
SELECT is(etl.ip_lookup('commented', '10.0.0.1'), '{"a": 1, "b": 2}', 'what lies past the mask does not count');
SELECT is(etl.create_ip_ranges('public.commented',
                               'SELECT 4 AS b, 3 AS a, ''11.255.255.255'' AS last_ip, ''11.0.0.0'' AS first_ip', true),
          1::bigint, 'columns in another order');
SELECT is(etl.ip_lookup('commented', '11.0.0.1'), '{"a": 3, "b": 4}', 'keep their names');
SELECT is(etl.create_ip_ranges('public.commented', 'TABLE public.commented UNION ALL
                                                    SELECT ''12.0.0.0'', ''12.0.0.9'', 5, 6', true), 2::bigint,
          'a query may read the table that it replaces');
SELECT is((SELECT array_agg(a) FROM commented), '{3,5}', 'and lose nothing');
CREATE VIEW ranges_view AS TABLE commented;
SELECT throws_ok(format('SELECT etl.create_ip_ranges(%L, %L, true)', ranges, query), state, message)
FROM (VALUES ('public.commented', $$SELECT '10.0.0.0/8' AS network, 1 AS a$$, '42703',
              'the query has other columns than table public.commented'),
             ('public.commented', $$SELECT '10.0.0.0/8' AS network, 1 AS a, 2 AS b, 3 AS c$$, '42703',
              'the query has other columns than table public.commented'),
             ('public.ranges_view', $$SELECT '10.0.0.0/8' AS network, 1 AS a, 2 AS b$$, '42809',
              '"public.ranges_view" is a view, not a table'),
             ('public.commented', $$SELECT '10.0.0.0/8' AS network, '10.0.0.1' AS last_ip, 1 AS a, 2 AS b$$, '42702',
              'ranges of addresses have either a column "network", or the columns "first_ip" and "last_ip"')
     ) AS v (ranges, query, state, message);
SELECT is((SELECT count(*) FROM commented), 2::bigint, 'what fails replaces nothing');
SELECT throws_ok($$SELECT etl.ip_lookup(4000000000::oid::regclass, '10.0.0.1')$$, '42P01',
                 'table with OID 4000000000 does not exist');
CREATE TABLE text_ip AS SELECT '10.0.0.0'::text AS first_ip, '10.0.0.9'::text AS last_ip;
SELECT throws_ok(format('SELECT etl.ip_lookup(%L, ''10.0.0.1'')', relation), '42703',
                 format('table "%s" has no addresses in columns first_ip and last_ip', relation))
FROM unnest('{text_ip,network}'::text[]) AS relation;

-- a temporary table is out of the reach of parallel workers
CREATE TEMPORARY TABLE own_ip AS TABLE country_ip;
ANALYZE address;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL parallel_leader_participation = off;
SELECT set_eq($$SELECT count(etl.ip_lookup('own_ip', ip)) FROM address$$, 'VALUES (0::bigint)',
              'a table of the session in a parallel plan');
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET parallel_leader_participation;

SELECT format('%s/ranges.csv', current_setting('data_directory')) AS file \gset
COPY (VALUES ('from', 'to', 'place'), ('1.0.0.0', '1.0.0.255', 'AU'), ('1.0.1.0', '1.0.3.255', 'a "b", c'))
TO :'file' WITH (FORMAT csv);
SELECT is(etl.load_ip_ranges('public.loaded_ip', :'file', '{first_ip,last_ip,place}'), 2::bigint, 'a file is loaded');
SELECT is(etl.ip_lookup('loaded_ip', '1.0.2.0'), '{"place": "a \"b\", c"}', 'and looked up');
SELECT throws_ok(format('SELECT etl.load_ip_ranges(%L, %L, NULL)', 'public.loaded_ip', :'file'), '22023',
                 'no columns were given');
SELECT throws_ok(format('SELECT etl.load_ip_ranges(%L, %L, %L)', 'public.loaded_ip', :'file', '{first_ip,NULL,x}'),
                 '22023', 'a column has no name');
CREATE ROLE stranger;
SET LOCAL ROLE stranger;
SELECT throws_ok(format('SELECT etl.load_ip_ranges(%L, %L, %L)', 'public.loaded_ip', :'file', '{network}'), '42501',
                 NULL, 'files of the server are not for everybody');
RESET ROLE;
SELECT * FROM finish();
ROLLBACK;
