-- etl.velocity_tiles: against counting the rows, however the plan goes; spans and moments that are none; states stored,
-- sent and forged.
BEGIN;
SELECT plan(41);
SET LOCAL timezone = 'UTC';

-- known answers: whole minutes
CREATE TABLE known AS
SELECT etl.velocity_tiles(ts, 10) AS s
FROM unnest('{2025-03-01 10:00:00,2025-03-01 10:00:59.999999,2025-03-01 10:01,2025-03-01 10:05:30,NULL}'
            ::timestamptz[]) AS ts;
SELECT is(etl.rows_within(s, '1 minute'), 1::bigint, 'the newest minute') FROM known;
SELECT is(etl.rows_within(s, '5 minutes'), 2::bigint, 'the newest five') FROM known;
SELECT is(etl.rows_within(s, '10 minutes'), 4::bigint, 'all') FROM known;
SELECT is(etl.rows_within(s, '1 minute', '2025-03-01 10:00:00'), 2::bigint, 'a tile counts as a whole') FROM known;
SELECT is(etl.rows_within(s, '2 minutes', '2025-03-01 10:01:59.9'), 3::bigint, 'two tiles') FROM known;
SELECT is(etl.rows_within(s, '10 minutes', '2025-03-01 10:14:59'), 1::bigint, 'a moment after the newest row')
FROM known;
SELECT is(etl.rows_within(s, '10 minutes', '2026-01-01'), 0::bigint, 'long after it') FROM known;
SELECT is(etl.rows_within(s, '10 minutes', '2025-03-01 09:59'), 0::bigint, 'before all rows') FROM known;
SELECT results_eq('SELECT t.* FROM known, etl.tiles(s) AS t',
                  $$VALUES ('2025-03-01 10:00'::timestamptz, 2::bigint), ('2025-03-01 10:01', 1),
                           ('2025-03-01 10:05', 1)$$,
                  'tiles');
SELECT is(ROW(etl.row_count(s), etl.dropped_rows(s))::text, '(4,0)', 'nothing is dropped') FROM known;
SELECT is(pg_column_size(s), 1 + 24 + 3 * 16, 'few bytes') FROM known;

CREATE TABLE ring AS
SELECT etl.velocity_tiles('2025-03-01 10:00'::timestamptz + i * interval '1 minute', 3) AS s
FROM generate_series(0, 9) AS i;
SELECT is(ROW(etl.row_count(s), etl.dropped_rows(s))::text, '(3,7)', 'a ring says what it has dropped') FROM ring;
SELECT is(etl.rows_within(s, '2 minutes', '2025-03-01 10:08'), 2::bigint, 'a span within the ring') FROM ring;
SELECT throws_ok($$SELECT etl.rows_within(s, '3 minutes', '2025-03-01 10:08') FROM ring$$, '22023',
                 'the span begins 1 minute before the 3 minutes that the tiles keep', 'a span that begins before it');
SELECT is(etl.rows_within(etl._velocity_tiles_add(NULL, '1999-12-31 23:59:59.9', 5), '1 minute'), 1::bigint,
          'before 2000');
SELECT is((SELECT max(minute) FROM etl.tiles(etl._velocity_tiles_add(NULL, '1999-12-31 23:59:59.9', 5))),
          '1999-12-31 23:59'::timestamptz, 'minutes are rounded down there too');
SELECT is((SELECT max(minute) FROM etl.tiles(etl._velocity_tiles_add(NULL, '4714-11-24 00:00 BC', 5))),
          '4714-11-24 00:00 BC'::timestamptz, 'the first of all moments');

-- nothing, errors
SELECT ok((SELECT etl.velocity_tiles(ts, 5) FROM unnest('{NULL}'::timestamptz[]) AS ts) IS NULL, 'NULL is no row');
SELECT throws_ok(format('SELECT etl.velocity_tiles(now(), %s)', n), '22023',
                 format('minutes must be from 1 to 527040, not %s', n), 'minutes ' || n)
FROM unnest('{0,-1,527041}'::int[]) AS n;
SELECT throws_ok('SELECT etl.velocity_tiles(now(), NULL)', '22004', 'minutes must not be NULL');
SELECT throws_ok('SELECT etl.velocity_tiles(ts, 5) FROM (VALUES (''infinity''::timestamptz)) AS v (ts)', '22023',
                 'infinity lies in no minute', 'an infinite moment');
SELECT throws_ok('SELECT etl.rows_within(s, ''1 minute'', ''-infinity'') FROM known', '22023',
                 '-infinity lies in no minute', 'an infinite as_of');
SELECT throws_ok('SELECT etl.velocity_tiles(now(), i) FROM generate_series(5, 6) AS i', '22023',
                 'velocity tiles of 5 minutes and of 6 minutes cannot be merged', 'minutes that differ between rows');
SELECT throws_ok('SELECT etl.merge(s) FROM (TABLE known UNION ALL TABLE ring) AS u', '22023',
                 'velocity tiles of 10 minutes and of 3 minutes cannot be merged', 'or between states');
SELECT throws_ok(format('SELECT etl.rows_within(s, %L) FROM known', span), '22023', message, 'span ' || span)
FROM (VALUES
    ('11 minutes', 'span must be from 1 minute to the 10 minutes that the tiles keep, not 11 minutes'),
    ('-1 minutes', 'span must be from 1 minute to the 10 minutes that the tiles keep, not -1 minutes'),
    ('1 day', 'span must be from 1 minute to the 10 minutes that the tiles keep, not 1440 minutes'),
    ('90 seconds', 'span must be whole minutes, not 00:01:30'),
    ('1 month', 'span must be whole minutes, not 1 mon')) AS f (span, message);

-- random data, out of order, in every plan
SELECT setseed(0.42);
CREATE TABLE sample AS
SELECT (random() ^ 3 * 100)::int AS grp, i % 7 AS part, '2025-03-01'::timestamptz + random() * interval '5 hours' AS ts
FROM generate_series(1, 50000) AS i;
ANALYZE sample;
SET LOCAL max_parallel_workers_per_gather = 0;
CREATE TABLE hashed AS SELECT grp, etl.velocity_tiles(ts, 90) AS s FROM sample GROUP BY grp;
SELECT set_eq($$SELECT grp, span, etl.rows_within(s, span) FROM hashed, unnest('{1m,17m,1h,90m}'::interval[]) AS span$$,
              $$SELECT grp, span, count(*) FILTER (WHERE date_trunc('minute', ts) > date_trunc('minute', newest) - span)
                FROM sample JOIN (SELECT grp, max(ts) AS newest FROM sample GROUP BY grp) AS n USING (grp),
                     unnest('{1m,17m,1h,90m}'::interval[]) AS span
                GROUP BY grp, span$$, 'every group has its rows of the last minutes');
SELECT set_eq('SELECT grp, etl.row_count(s) + etl.dropped_rows(s) FROM hashed',
              'SELECT grp, count(*) FROM sample GROUP BY grp', 'no row is lost');
SET LOCAL enable_hashagg = off;
SELECT set_eq('SELECT grp, etl.velocity_tiles(ts, 90 ORDER BY ts)::text FROM sample GROUP BY grp',
              'SELECT grp, s::text FROM hashed', 'in order: the same bytes');
SET LOCAL enable_hashagg = on;
SELECT set_eq('SELECT grp, etl.merge(s)::text FROM (SELECT grp, etl.velocity_tiles(ts, 90) AS s FROM sample
               GROUP BY grp, part) AS p GROUP BY grp', 'SELECT grp, s::text FROM hashed', 'merged');
SET LOCAL max_parallel_workers_per_gather = 2;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SELECT set_eq('SELECT grp, etl.velocity_tiles(ts, 90)::text FROM sample GROUP BY grp',
              'SELECT grp, s::text FROM hashed', 'in parallel');

-- as a value
CREATE TABLE received (LIKE hashed);
SELECT current_setting('data_directory') || '/velocity_tiles.bin' AS file \gset
COPY hashed TO :'file' (FORMAT binary);
COPY received FROM :'file' (FORMAT binary);
SELECT set_eq('SELECT grp, s::text FROM received', 'SELECT grp, s::text FROM hashed', 'the binary form is whole');
SELECT is_empty('SELECT FROM hashed WHERE s::text::etl.velocity_tiles::text <> s::text', 'the text form is whole');
SELECT throws_ok(format('SELECT %L::etl.velocity_tiles', set_byte(decode(substr(s::text, 3), 'hex'), at, byte)),
                 '22P03', 'invalid value for type etl.velocity_tiles', what)
FROM known, (VALUES (0, 0, 'another mark'), (4, 2, 'another version'), (12, 9, 'false tiles')) AS f (at, byte, what);

SELECT * FROM finish();
ROLLBACK;
