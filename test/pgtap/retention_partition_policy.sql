-- Partitions that are created ahead: where they begin and end, what they look like, what is in their way, and the
-- policies behind it. No transaction around the file, because etl.create_partitions commits.
CREATE EXTENSION dblink;
SELECT plan(136);
SET client_min_messages = error;
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';

-- Makes a table of that name, partitioned by a column "at" of that type, with a policy.
CREATE FUNCTION pg_temp.make(relation text, type text, every interval, ahead int DEFAULT 2) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE %I (id int, at %s NOT NULL) PARTITION BY RANGE (at)', relation, type);
    RETURN etl.add_partition_policy(quote_ident(relation)::regclass, every, ahead);
END $$;
CREATE FUNCTION pg_temp.add(relation regclass, name text, lower_bound text, upper_bound text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE %I PARTITION OF %s FOR VALUES FROM (%s) TO (%s)', name, relation,
                   CASE lower_bound WHEN 'MINVALUE' THEN lower_bound ELSE quote_literal(lower_bound) END,
                   CASE upper_bound WHEN 'MAXVALUE' THEN upper_bound ELSE quote_literal(upper_bound) END);
END $$;
-- The partitions of a table: their names without that of the table, and their bounds.
CREATE FUNCTION pg_temp.parts(relation regclass) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT substr(c.relname, length(p.relname) + 1)::text || regexp_replace(
               pg_get_expr(c.relpartbound, c.oid), 'FOR VALUES FROM \(([^)]*)\) TO \(([^)]*)\)', ' \1 \2')
    FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid JOIN pg_class AS p ON p.oid = i.inhparent
    WHERE i.inhparent = relation
    ORDER BY pg_get_expr(c.relpartbound, c.oid)
$$;
CREATE FUNCTION pg_temp.last_run(VARIADIC keys text[]) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s %s', k, coalesce(to_jsonb(r) ->> k, r.detail ->> k, 'none')), ', ' ORDER BY n)
    FROM (SELECT * FROM etl.runs WHERE kind = 'partitions' ORDER BY run_id DESC LIMIT 1) AS r,
         unnest(keys) WITH ORDINALITY AS u(k, n)
$$;
-- A call that commits, in another session, as a statement that may fail.
CREATE FUNCTION pg_temp.call(arguments text) RETURNS text LANGUAGE sql AS $$
    SELECT format('SELECT dblink_exec(%L, %L)',
                  format('dbname=%s host=%s', current_database(), current_setting('unix_socket_directories')),
                  format('CALL etl.create_partitions(%s)', arguments))
$$;
-- Detail and hint of an error, which are half of it.
CREATE FUNCTION pg_temp.advice(command text, OUT detail text, OUT hint text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE command;
EXCEPTION
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT, detail = PG_EXCEPTION_DETAIL;
END $$;

-- Bounds ------------------------------------------------------------------------------------------------------------

SELECT is(etl._partition_floor(b.at::timestamp, b.every::interval), b.bound::timestamp, b.every || ' ' || b.at)
FROM (VALUES ('1 month', '2024-02-29 23:59:59.999999', '2024-02-01'), ('1 month', '2024-03-01', '2024-03-01'),
             ('3 months', '2026-12-31', '2026-10-01'), ('6 months', '2026-06-30 12:00', '2026-01-01'),
             ('1 year', '2026-12-31', '2026-01-01'), ('12 months', '2026-12-31', '2026-01-01'),
             ('10 years', '2029-12-31', '2020-01-01'), ('1 week', '2026-03-01', '2026-02-23'),
             ('7 days', '2026-03-02', '2026-03-02'), ('14 days', '2026-03-15 23:59', '2026-03-02'),
             ('1 day', '2026-03-29 01:30', '2026-03-29'), ('24 hours', '2026-03-29 23:30', '2026-03-29'),
             ('6 hours', '2026-03-29 23:59', '2026-03-29 18:00'), ('1 hour', '2026-03-29 02:59', '2026-03-29 02:00'),
             ('1 month', '0001-01-31', '0001-01-01'), ('1 day', '0001-01-01 01:00', '0001-01-01'),
             ('100 years', '9999-12-31', '9900-01-01')) AS b(every, at, bound);

CREATE TABLE plain (at timestamptz NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE by_day (at date NOT NULL) PARTITION BY RANGE (at);
SELECT throws_ok(format('SELECT etl.add_partition_policy(%L, %L)', coalesce(w.relation, 'plain'), w.every), '22023',
                 w.message, coalesce(w.every, 'no width'))
FROM (VALUES ('0', 'every must be longer than zero, not "00:00:00"', NULL),
             ('-1 month', 'every must be longer than zero, not "-1 mons"', NULL),
             ('1 month -1 day', 'every must have no negative part, not "1 mon -1 days"', NULL),
             ('1 month 1 day', NULL, NULL), ('1.5 months', NULL, NULL), ('5 months', NULL, NULL),
             ('18 months', NULL, NULL), ('101 years', NULL, NULL), ('5 hours', NULL, NULL), ('36 hours', NULL, NULL),
             ('90 minutes', NULL, NULL), ('1 day 1 hour', NULL, NULL), ('1 second', NULL, NULL),
             ('6 hours', NULL, 'by_day'), (NULL, 'every must not be NULL', NULL)) AS w(every, message, relation);
SELECT results_eq('SELECT * FROM pg_temp.advice(''SELECT etl.add_partition_policy(''''plain'''', ''''5 months'''')'')',
                  $$VALUES ('The months of a year cannot be divided by it.',
                            'Give years, 1, 2, 3, 4 or 6 months, weeks, days, or 1, 2, 3, 4, 6, 8 or 12 hours, such as '
                            '''1 month''.')$$, 'an error says what is wrong and what is right');
SELECT throws_ok(format('SELECT etl.add_partition_policy(''plain'', ''1 day'', %s)', coalesce(n::text, 'NULL')),
                 '22023', NULL, 'ahead ' || coalesce(n::text, 'NULL'))
FROM unnest(ARRAY[0, -1, 1001, NULL]) AS n;

-- Month ends, leap years, and the time zone of the session, which changes nothing.
SELECT pg_temp.make('leap', 'timestamptz', '1 month') \g /dev/null
SET timezone = 'America/New_York';
CALL etl.create_partitions('leap', '2024-01-31 23:59:59.9+00');
SET timezone = 'UTC';
SELECT results_eq('SELECT pg_temp.parts(''leap'')',
                  $$VALUES ('_p20240101 ''2024-01-01 00:00:00+00'' ''2024-02-01 00:00:00+00'''),
                           ('_p20240201 ''2024-02-01 00:00:00+00'' ''2024-03-01 00:00:00+00'''),
                           ('_p20240301 ''2024-03-01 00:00:00+00'' ''2024-04-01 00:00:00+00''')$$,
                  'months of timestamptz in a session of another time zone');
SET timezone = 'Pacific/Kiritimati';
CALL etl.create_partitions('leap', '2024-01-31 23:59:59.9+00');
SELECT is(pg_temp.last_run('status', 'rows'), 'status succeeded, rows 0', 'once more, there is nothing to do');
CALL etl.create_partitions('leap', '2024-02-01 00:00+00');
SET timezone = 'UTC';
SELECT is((SELECT array_agg(p) FROM pg_temp.parts('leap') AS p OFFSET 0)[4],
          '_p20240401 ''2024-04-01 00:00:00+00'' ''2024-05-01 00:00:00+00''', 'and a moment later one more');

SELECT pg_temp.make('clock', 'timestamp', '1 day', 1) \g /dev/null
SET timezone = 'Europe/Berlin'; -- where 29 March 2026 has 23 hours
CALL etl.create_partitions('clock', '2026-03-28 23:30+00');
SET timezone = 'UTC';
SELECT results_eq('SELECT pg_temp.parts(''clock'')',
                  $$VALUES ('_p20260328 ''2026-03-28 00:00:00'' ''2026-03-29 00:00:00'''),
                           ('_p20260329 ''2026-03-29 00:00:00'' ''2026-03-30 00:00:00''')$$,
                  'days of timestamp over a clock change are days in UTC');

SELECT pg_temp.make('weeks', 'date', '1 week', 1) \g /dev/null
CALL etl.create_partitions('weeks', '2024-02-26 00:00+00');
SELECT results_eq('SELECT pg_temp.parts(''weeks'')',
                  $$VALUES ('_p20240226 ''2024-02-26'' ''2024-03-04'''), ('_p20240304 ''2024-03-04'' ''2024-03-11''')$$,
                  'weeks of date begin on Monday');

CREATE DOMAIN moment AS timestamptz CHECK (VALUE > '2000-01-01');
SELECT pg_temp.make('hours', 'moment', '12 hours', 1) \g /dev/null
CALL etl.create_partitions('hours', '2026-12-31 12:00+00');
SELECT results_eq(
    'SELECT pg_temp.parts(''hours'')',
    $$VALUES ('_p20261231_120000 ''2026-12-31 12:00:00+00'' ''2027-01-01 00:00:00+00'''),
             ('_p20270101_000000 ''2027-01-01 00:00:00+00'' ''2027-01-01 12:00:00+00''')$$,
    'hours of a domain, over the end of the year');
SELECT lives_ok($$INSERT INTO hours VALUES (1, '2027-01-01 11:59:59+00')$$, 'which take rows');

-- What a table has already ------------------------------------------------------------------------------------------

SELECT pg_temp.make('gaps', 'date', '1 month', 3) \g /dev/null
SELECT pg_temp.add('gaps', 'gaps_1', '2026-01-01', '2026-02-01'),
       pg_temp.add('gaps', 'gaps_3', '2026-05-01', '2026-06-01'),
       pg_temp.add('gaps', 'gaps_4', '2026-07-01', '2026-08-01') \g /dev/null
CALL etl.create_partitions('gaps', '2026-05-15 00:00+00');
SELECT results_eq('SELECT pg_temp.parts(''gaps'')',
                  $$VALUES ('_1 ''2026-01-01'' ''2026-02-01'''), ('_3 ''2026-05-01'' ''2026-06-01'''),
                           ('_p20260601 ''2026-06-01'' ''2026-07-01'''), ('_4 ''2026-07-01'' ''2026-08-01'''),
                           ('_p20260801 ''2026-08-01'' ''2026-09-01''')$$, 'a gap ahead is filled, the past is left');
SELECT results_eq($$SELECT * FROM etl._partition_gaps('gaps', '1 month', 3, '2026-05-15 00:00+00', NULL)$$,
                  $$VALUES ('2026-02-01'::timestamp, '2026-05-01'::timestamp)$$, 'and reported');
CALL etl.create_partitions('gaps', '2026-05-15 00:00+00', since => '2026-03-31 12:00+00');
SELECT results_eq('SELECT pg_temp.parts(''gaps'') LIMIT 3',
                  $$VALUES ('_1 ''2026-01-01'' ''2026-02-01'''), ('_p20260301 ''2026-03-01'' ''2026-04-01'''),
                           ('_p20260401 ''2026-04-01'' ''2026-05-01''')$$, 'since says from when on it is filled');

SELECT pg_temp.make('local', 'timestamptz', '1 month') \g /dev/null
SELECT pg_temp.add('local', 'local_6', '2026-06-01 00:00+02', '2026-07-01 00:00+02') \g /dev/null
CALL etl.create_partitions('local', '2026-06-15 00:00+00');
SELECT results_eq(
    'SELECT pg_temp.parts(''local'')',
    $$VALUES ('_6 ''2026-05-31 22:00:00+00'' ''2026-06-30 22:00:00+00'''),
             ('_p20260630_220000 ''2026-06-30 22:00:00+00'' ''2026-08-01 00:00:00+00'''),
             ('_p20260801 ''2026-08-01 00:00:00+00'' ''2026-09-01 00:00:00+00''')$$,
    'months of another time zone go on in UTC: two hours go with the month after them');
SELECT pg_temp.make('mid', 'date', '1 month') \g /dev/null
SELECT pg_temp.add('mid', 'mid_1', '2026-06-01', '2026-06-11'),
       pg_temp.add('mid', 'mid_2', '2026-08-02', '2026-08-20') \g /dev/null
CALL etl.create_partitions('mid', '2026-06-05 00:00+00');
SELECT results_eq(
    'SELECT pg_temp.parts(''mid'')',
    $$VALUES ('_1 ''2026-06-01'' ''2026-06-11'''), ('_p20260611 ''2026-06-11'' ''2026-07-01'''),
             ('_p20260701 ''2026-07-01'' ''2026-08-02'''), ('_2 ''2026-08-02'' ''2026-08-20'''),
             ('_p20260820 ''2026-08-20'' ''2026-09-01''')$$,
    'ends in the midst of months: 20 days are a partition, one day is none');
SELECT pg_temp.make('wide', 'date', '1 month') \g /dev/null
SELECT pg_temp.add('wide', 'wide_2026', '2026-01-01', '2027-01-01') \g /dev/null
CALL etl.create_partitions('wide', '2026-02-05 00:00+00');
SELECT results_eq(
    'SELECT pg_temp.parts(''wide'')',
    $$VALUES ('_2026 ''2026-01-01'' ''2027-01-01'''), ('_p20270101 ''2027-01-01'' ''2027-02-01'''),
             ('_p20270201 ''2027-02-01'' ''2027-03-01''')$$, 'ahead is counted after the partition of the present');
SELECT pg_temp.make('ends', 'date', '1 month') \g /dev/null
SELECT pg_temp.add('ends', 'ends_min', 'MINVALUE', '2026-01-01'),
       pg_temp.add('ends', 'ends_max', '2026-02-01', 'MAXVALUE') \g /dev/null
CALL etl.create_partitions('ends', '2026-01-05 00:00+00');
SELECT results_eq('SELECT pg_temp.parts(''ends'') AS p ORDER BY p',
                  $$VALUES ('_max ''2026-02-01'' MAXVALUE'), ('_min MINVALUE ''2026-01-01'''),
                           ('_p20260101 ''2026-01-01'' ''2026-02-01''')$$, 'between MINVALUE and MAXVALUE');
CALL etl.create_partitions('ends', '2026-03-05 00:00+00');
SELECT is(pg_temp.last_run('status', 'rows'), 'status succeeded, rows 0', 'nothing is ahead of MAXVALUE');
SELECT pg_temp.make('far', 'date', '1 month') \g /dev/null
SELECT pg_temp.add('far', 'far_1', 'infinity', 'MAXVALUE'), pg_temp.add('far', 'far_2', '300000-01-01', '400000-01-01'),
       pg_temp.add('far', 'far_3', '4000-01-01 BC', '0001-01-01') \g /dev/null
CALL etl.create_partitions('far', '2026-03-05 00:00+00');
SELECT is(pg_temp.last_run('status', 'rows'), 'status succeeded, rows 3', 'partitions at the ends of time stay apart');

-- Random layouts: what is made has no gap from the present on, reaches as far as it shall, and is made once.
CREATE PROCEDURE pg_temp.compare(seed int, OUT wrong text) LANGUAGE plpgsql AS $$
DECLARE
    width CONSTANT interval := (ARRAY['1 day', '1 week', '1 month', '3 months', '6 hours'])[1 + seed % 5];
    present CONSTANT timestamptz := '2026-01-01 00:00+00'::timestamptz + seed * interval '31 hours';
    edge timestamp := '2025-12-20';
    next timestamp;
    holder timestamp;
BEGIN
    PERFORM setseed(seed / 100.0);
    CREATE TABLE layout (at timestamp) PARTITION BY RANGE (at);
    FOR n IN 1 .. 6 LOOP
        next := edge + width * (random() * 2) + interval '1 second';
        IF random() < 0.6 THEN
            PERFORM pg_temp.add('layout', 'layout_' || n, edge::text, next::text);
        END IF;
        edge := next;
    END LOOP;
    SELECT r.upper_bound INTO holder FROM etl._partition_ranges('layout') AS r
    WHERE r.lower_bound <= present AT TIME ZONE 'UTC' AND r.upper_bound > present AT TIME ZONE 'UTC';
    PERFORM etl.add_partition_policy('layout', width, 3);
    COMMIT;
    CALL etl.create_partitions('layout', present);
    COMMIT;
    WITH r AS (SELECT * FROM etl._partition_ranges('layout'))
    SELECT concat_ws('; ',
                     CASE WHEN NOT EXISTS (SELECT FROM r WHERE lower_bound <= present AND upper_bound > present)
                          THEN 'the present has none' END,
                     CASE WHEN min(r.upper_bound) < coalesce(holder, etl._partition_floor(present::timestamp, width)
                                                             + width) + width * 3 THEN 'it ends too early' END)
    INTO wrong
    FROM r WHERE r.upper_bound > present AND NOT EXISTS (SELECT FROM r AS n WHERE n.lower_bound = r.upper_bound);
    CALL etl.create_partitions('layout', present);
    COMMIT;
    IF pg_temp.last_run('status', 'rows') <> 'status succeeded, rows 0' THEN
        wrong := wrong || '; the second time ' || pg_temp.last_run('status', 'rows');
    END IF;
    DROP TABLE layout;
    PERFORM etl.remove_partition_policy('layout');
    wrong := nullif(format('%s: ', seed) || wrong, format('%s: ', seed));
END $$;
CREATE PROCEDURE pg_temp.compare_all(INOUT wrong text[]) LANGUAGE plpgsql AS $$
DECLARE
    one text;
BEGIN
    FOR seed IN 1 .. 40 LOOP
        CALL pg_temp.compare(seed, one);
        wrong := array_remove(wrong || one, NULL);
    END LOOP;
END $$;
CALL pg_temp.compare_all('{}') \gset
SELECT is(:'wrong'::text, '{}', 'forty random layouts');

-- Retention ---------------------------------------------------------------------------------------------------------

SELECT pg_temp.make('kept', 'timestamptz', '1 month', 1) \g /dev/null
SELECT etl.add_retention_policy('kept', 'at', '60 days'),
       etl.add_retention_policy('kept', 'at', '1 day', name => 'some of it', filter => 'id = 1') \g /dev/null
CALL etl.create_partitions('kept', '2026-06-15 00:00+00', since => '2020-01-01 00:00+00');
SELECT results_eq('SELECT left(p, 10) FROM pg_temp.parts(''kept'') AS p',
                  $$VALUES ('_p20260401'), ('_p20260501'), ('_p20260601'), ('_p20260701')$$,
                  'no partition whose rows a retention policy would take at once; one with a filter does not take all');

-- Moments -----------------------------------------------------------------------------------------------------------

SELECT throws_ok(pg_temp.call('''leap'', ''infinity'''), '22023', 'as_of must be a point in time, not ''infinity''',
                 'infinity');
SELECT throws_ok(pg_temp.call('''leap'', NULL'), '22023', 'as_of must be a point in time, not NULL', 'no moment');
SELECT throws_ok(pg_temp.call('''leap'', since => ''-infinity'''), '22023', NULL, 'since -infinity');
SELECT throws_ok(pg_temp.call('''leap'', since => ''2100-01-01'''), '22023', NULL, 'since in the future');
SELECT throws_ok(pg_temp.call('''leap'', dry_run => NULL'), '22023', 'dry_run must not be NULL', 'no dry_run');
SELECT throws_ok(pg_temp.call(quote_literal('leap') || ', ' || quote_literal(m)), '22023', NULL, m)
FROM unnest(ARRAY['9999-11-01 00:00+00', '12000-01-01 00:00+00', '294276-12-31 00:00+00', '0001-12-31 00:00+00 BC',
                  '4714-11-24 00:00+00 BC']) AS m;
SELECT is(pg_temp.last_run('status', 'rows'), 'status failed, rows 0', 'and nothing is created');
SELECT throws_ok(pg_temp.call('''weeks'', since => ''1990-01-01'''), '54000', NULL, 'more than a thousand weeks');
SELECT is(count(*), 2::bigint, 'create none') FROM pg_temp.parts('weeks');
CALL etl.create_partitions('weeks', '9999-12-01 00:00+00');
SELECT is(count(*), 4::bigint, 'the last year that there is') FROM pg_temp.parts('weeks');
CALL etl.create_partitions('weeks', '0001-01-01 00:00+00');
SELECT is(count(*), 6::bigint, 'the first one') FROM pg_temp.parts('weeks');

-- What a partition looks like ---------------------------------------------------------------------------------------

CREATE TABLE ref (id int PRIMARY KEY);
CREATE TABLE rich (
    id bigint GENERATED ALWAYS AS IDENTITY, at timestamptz NOT NULL DEFAULT now(), price numeric CHECK (price > 0),
    gross numeric GENERATED ALWAYS AS (price * 1.2) STORED, note text COLLATE "C" DEFAULT 'none', dropped int,
    ref int REFERENCES ref, PRIMARY KEY (id, at)
) PARTITION BY RANGE (at);
ALTER TABLE rich DROP COLUMN dropped, ALTER COLUMN note SET STORAGE EXTERNAL;
CREATE INDEX rich_price ON rich (price) WHERE price > 10;
ALTER TABLE rich ENABLE ROW LEVEL SECURITY;
CREATE FUNCTION trigger_note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.note := NEW.note || '!';
    RETURN NEW;
END $$;
CREATE TRIGGER note BEFORE INSERT ON rich FOR EACH ROW EXECUTE FUNCTION trigger_note();
CREATE SCHEMA parts;
CREATE UNLOGGED TABLE parts.rich_old PARTITION OF rich FOR VALUES FROM ('2026-01-01') TO ('2026-02-01')
    WITH (fillfactor = 70);
CREATE UNLOGGED TABLE rich_older PARTITION OF rich FOR VALUES FROM ('2025-12-01') TO ('2026-01-01');
ALTER TABLE parts.rich_old REPLICA IDENTITY USING INDEX rich_old_pkey;
SELECT etl.add_partition_policy('rich', '1 month', 1) \g /dev/null
CALL etl.create_partitions('rich', '2026-01-10 00:00+00');
-- Beside it what PARTITION OF makes.
CREATE UNLOGGED TABLE parts.rich_twin PARTITION OF rich FOR VALUES FROM ('2026-03-01') TO ('2026-04-01');
CREATE FUNCTION pg_temp.shape(relation regclass) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT format('%s %s %s %s %s %s %s %s %s %s', a.attname, a.atttypid::regtype, a.attnotnull, a.attidentity,
                  a.attgenerated, a.attstorage, a.attcompression, a.attcollation, a.attislocal, a.attinhcount)
           || coalesce(pg_get_expr(d.adbin, d.adrelid), '')
    FROM pg_attribute AS a LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT format('%s %s %s %s', pg_get_constraintdef(c.oid), c.contype, c.conislocal, c.coninhcount)
    FROM pg_constraint AS c WHERE c.conrelid = relation
    UNION ALL
    SELECT substr(pg_get_indexdef(i.indexrelid), strpos(pg_get_indexdef(i.indexrelid), ' USING'))
           || (SELECT count(*) FROM pg_inherits AS h WHERE h.inhrelid = i.indexrelid)
    FROM pg_index AS i WHERE i.indrelid = relation
    UNION ALL
    SELECT format('%s %s %s', t.tgname, t.tgfoid::regproc, t.tgenabled) FROM pg_trigger AS t
    WHERE t.tgrelid = relation AND NOT t.tgisinternal
    ORDER BY 1
$$;
SELECT bag_eq('SELECT pg_temp.shape(''parts.rich_p20260201'')', 'SELECT pg_temp.shape(''parts.rich_twin'')',
              'a partition has the columns, constraints, indexes and triggers that PARTITION OF gives it');
SELECT results_eq(
    $$SELECT format('%s %s %s %s %s', c.relpersistence, c.reloptions, c.relrowsecurity, c.relreplident,
                    (SELECT i.indexrelid::regclass FROM pg_index AS i WHERE i.indrelid = c.oid AND i.indisreplident))
                 COLLATE "default", c.relacl IS NULL
      FROM pg_class AS c WHERE c.oid = 'parts.rich_p20260201'::regclass$$,
    $$VALUES ('u {fillfactor=70} t i parts.rich_p20260201_pkey', true)$$,
    'schema, persistence, storage parameters and replica identity of the newest partition, and row security');
INSERT INTO ref VALUES (1);
INSERT INTO rich (at, price, ref) VALUES ('2026-02-03', 2, 1);
SELECT results_eq('SELECT format(''%s %s %s %s'', tableoid::regclass, id, gross, note) COLLATE "default" FROM rich',
                  $$VALUES ('parts.rich_p20260201 1 2.4 none!')$$, 'and it works');
ALTER TABLE parts.rich_p20260201 REPLICA IDENTITY FULL;
CALL etl.create_partitions('rich', '2026-03-10 00:00+00'); -- beside the twin, whose identity is the default
ALTER TABLE parts.rich_p20260401 REPLICA IDENTITY FULL;
CALL etl.create_partitions('rich', '2026-04-10 00:00+00');
SELECT results_eq($$SELECT relname::text COLLATE "default", relreplident::text FROM pg_class
                    WHERE relname IN ('rich_p20260401', 'rich_p20260501') ORDER BY 1$$,
                  $$VALUES ('rich_p20260401', 'f'), ('rich_p20260501', 'f')$$, 'replica identity FULL goes on');

CREATE TABLE sub (id int, at date, region text) PARTITION BY RANGE (at);
CREATE TABLE sub_1 PARTITION OF sub FOR VALUES FROM ('2026-01-01') TO ('2026-02-01') PARTITION BY LIST (region);
CREATE TABLE sub_1_eu PARTITION OF sub_1 FOR VALUES IN ('de', 'fr') WITH (fillfactor = 50);
CREATE TABLE sub_1_other PARTITION OF sub_1 DEFAULT;
ALTER TABLE sub_1_eu REPLICA IDENTITY FULL;
SELECT etl.add_partition_policy('sub', '1 month', 1) \g /dev/null
CALL etl.create_partitions('sub', '2026-01-10 00:00+00');
SELECT results_eq(
    $$SELECT format('%s %s %s %s %s', c.relname, pg_get_expr(c.relpartbound, c.oid), c.relkind, c.relreplident,
                    c.reloptions) COLLATE "default"
      FROM pg_class AS c WHERE c.relname LIKE 'sub\_p%' ORDER BY c.relname$$,
    $$VALUES ('sub_p20260201 FOR VALUES FROM (''2026-02-01'') TO (''2026-03-01'') p d '),
             ('sub_p20260201_s0 FOR VALUES IN (''de'', ''fr'') r f {fillfactor=50}'),
             ('sub_p20260201_s1 DEFAULT r d ')$$, 'subpartitions are made again');
CREATE TABLE deep (id int, at date) PARTITION BY RANGE (at);
CREATE TABLE deep_1 PARTITION OF deep FOR VALUES FROM ('2026-01-01') TO ('2026-02-01') PARTITION BY RANGE (at);
SELECT etl.add_partition_policy('deep', '1 month', 1) \g /dev/null
SELECT throws_ok(pg_temp.call('''deep'', ''2026-01-10'''), '0A000',
                 'partition policy "deep" failed: partition "public.deep_1" has subpartitions that cannot be made for '
                 'another one',
                 'but not those by time');

-- Names -------------------------------------------------------------------------------------------------------------

SELECT pg_temp.make(repeat('ä', 30), 'date', '1 day', 1) \g /dev/null
CALL etl.create_partitions(repeat('ä', 30), '2026-01-10 00:00+00');
SELECT results_eq($$SELECT c.relname::text COLLATE "default"
                    FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
                    WHERE i.inhparent = repeat('ä', 30)::regclass ORDER BY 1$$,
                  $$VALUES (repeat('ä', 26) || '_p20260110'), (repeat('ä', 26) || '_p20260111')$$,
                  'a name is cut between two characters, to 63 bytes');
SELECT pg_temp.make(repeat('ä', 29) || 'b', 'date', '1 day', 1) \g /dev/null
SELECT throws_ok(pg_temp.call('repeat(''ä'', 29) || ''b'', ''2026-01-10 00:00+00'''), '42P07', NULL,
                 'a name that another table has got by that');
SELECT pg_temp.make('Odd "Name"', 'date', '1 month', 2) \g /dev/null
CREATE VIEW "Odd ""Name""_p20260201" AS SELECT 1;
SELECT throws_ok(
    pg_temp.call('''Odd "Name"'', ''2026-01-10 00:00+00'''), '42P07',
    'partition policy "Odd "Name"" failed: partition "public."Odd ""Name""_p20260201"" of table "public."Odd ""Name""""'
    ' cannot be created: there is a view of that name', 'a name that is taken');
SELECT is(count(*), 2::bigint, 'hinders no other partition') FROM pg_temp.parts('"Odd ""Name"""');
SELECT is(pg_temp.last_run('status', 'rows'), 'status failed, rows 2', 'and is recorded');
ALTER VIEW "Odd ""Name""_p20260201" RENAME TO away;
CALL etl.create_partitions('Odd "Name"', '2026-01-10 00:00+00');
SELECT is(count(*), 3::bigint, 'renamed, it is out of the way') FROM pg_temp.parts('"Odd ""Name"""');

-- Rows in the default partition -------------------------------------------------------------------------------------

CREATE TABLE fallen (id int GENERATED ALWAYS AS IDENTITY, at timestamp, day date GENERATED ALWAYS AS (at::date) STORED)
    PARTITION BY RANGE (at);
CREATE TABLE fallen_default PARTITION OF fallen DEFAULT;
INSERT INTO fallen (at) SELECT '2026-02-01'::timestamp + n * interval '1 day' FROM generate_series(-1, 28) AS n;
INSERT INTO fallen (at) VALUES (NULL), ('infinity'), ('-infinity');
SELECT etl.add_partition_policy('fallen', '1 month', 2) \g /dev/null
SELECT throws_ok(pg_temp.call('''fallen'', ''2026-02-10 00:00+00'''), '23514',
                 'partition policy "fallen" failed: default partition "public.fallen_default" has 28 rows of partition '
                 '"public.fallen_p20260201", which is to be created', 'rows that are in the way are counted');
SELECT results_eq('SELECT left(p, 10) FROM pg_temp.parts(''fallen'') AS p',
                  $$VALUES ('_defaultDE'), ('_p20260401')$$, 'those of the other partitions, too');
SELECT matches((SELECT detail FROM pg_temp.advice(pg_temp.call('''fallen'', ''2026-02-10 00:00+00'''))),
               'More went wrong:\nPartition policy "fallen": default partition "public.fallen_default" has 1 row of',
               'and all are told');
-- The way out, as the hint has it.
CREATE PROCEDURE pg_temp.take_way_out(call text) LANGUAGE plpgsql AS $$
DECLARE
    command text;
BEGIN
    FOREACH command IN ARRAY string_to_array(split_part((pg_temp.advice(call)).hint, E'locked:\n', 2), E';\n') LOOP
        CONTINUE WHEN command IN ('BEGIN', 'COMMIT;');
        EXECUTE command;
    END LOOP;
END $$;
SELECT etl.rows_hash(f)::text AS before FROM fallen AS f \gset
CALL pg_temp.take_way_out(pg_temp.call('''fallen'', ''2026-02-10 00:00+00'''));
CALL pg_temp.take_way_out(pg_temp.call('''fallen'', ''2026-02-10 00:00+00'''));
SELECT results_eq('SELECT left(p, 10) FROM pg_temp.parts(''fallen'') AS p',
                  $$VALUES ('_defaultDE'), ('_p20260201'), ('_p20260301'), ('_p20260401')$$, 'the hint moves them');
SELECT results_eq('SELECT tableoid::regclass::text, count(*) FROM fallen GROUP BY 1 ORDER BY 1',
                  $$VALUES ('fallen_default', 4::bigint), ('fallen_p20260201', 28), ('fallen_p20260301', 1)$$,
                  'each to its partition');
SELECT is(etl.rows_hash(f)::text, :'before'::text, 'and changes none') FROM fallen AS f;
CALL etl.create_partitions('fallen', '2026-02-10 00:00+00');
SELECT is(pg_temp.last_run('status', 'rows'), 'status succeeded, rows 0', 'then nothing is missing');

-- Dry run, record, audit log ----------------------------------------------------------------------------------------

SELECT pg_temp.make('dry', 'date', '1 month', 1) \g /dev/null
CALL etl.create_partitions('dry', '2026-01-10 00:00+00', dry_run => true);
SELECT is_empty('SELECT pg_temp.parts(''dry'')', 'a dry run creates nothing');
SELECT is(pg_temp.last_run('status', 'rows', 'dry_run', 'created'),
          'status succeeded, rows 2, dry_run true, created '
          '[{"to": "2026-02-01 00:00:00", "from": "2026-01-01 00:00:00", "partition": "public.dry_p20260101"}, '
          '{"to": "2026-03-01 00:00:00", "from": "2026-02-01 00:00:00", "partition": "public.dry_p20260201"}]',
          'and says what it would');
SELECT is_empty($$SELECT FROM etl.audit_log WHERE object LIKE 'public.dry\_p%'$$, 'the audit log has nothing of it');
CALL etl.create_partitions('dry', '2026-01-10 00:00+00');
SELECT is(pg_temp.last_run('created'), (SELECT 'created ' || (detail ->> 'created') FROM etl.runs
                                        WHERE name = 'dry' AND (detail ->> 'dry_run')::bool),
          'which is what is then done');
SELECT results_eq($$SELECT object, detail ->> 'policy', detail ->> 'of', detail ->> 'from' FROM etl.audit_log
                    WHERE action = 'create partition' AND object LIKE 'public.dry\_p%' ORDER BY seq$$,
                  $$VALUES ('public.dry_p20260101', 'dry', 'public.dry', '2026-01-01 00:00:00'),
                           ('public.dry_p20260201', 'dry', 'public.dry', '2026-02-01 00:00:00')$$,
                  'the audit log has each partition');
CALL etl.create_partitions('dry');
SELECT is((SELECT reaches FROM etl.partition_policies WHERE policy = 'dry'),
          date_trunc('month', now()) + interval '2 months', 'the view says how far they reach');
SELECT throws_ok('CALL etl.create_partitions(''dry'')', '2D000', NULL, 'no call inside a transaction');

-- Policies ----------------------------------------------------------------------------------------------------------

SELECT throws_ok(format('SELECT etl.add_partition_policy(%s, ''1 day'')', coalesce(quote_literal(t.name), 'NULL')),
                 t.sqlstate::char(5), t.message, coalesce(t.name, 'no table'))
FROM (VALUES ('ref', '42809', 'table "public.ref" is not partitioned'),
             ('sub_1', '42809', 'table "public.sub_1" is partitioned by LIST (region)'),
             ('etl.policies', '42809', '"etl.policies" is a view, not a table'),
             (NULL, '22023', 'no table was given')) AS t(name, sqlstate, message);
CREATE TABLE two (a date, b date) PARTITION BY RANGE (a, b);
CREATE TABLE expression (a timestamp) PARTITION BY RANGE ((a::date));
CREATE TABLE number (a int) PARTITION BY RANGE (a);
CREATE TEMPORARY TABLE fleeting (a date) PARTITION BY RANGE (a);
SELECT throws_ok(format('SELECT etl.add_partition_policy(%L, ''1 day'')', t.name), t.sqlstate::char(5), NULL, t.name)
FROM (VALUES ('two', '42809'), ('expression', '42809'), ('number', '42804'), ('fleeting', '42809'))
     AS t(name, sqlstate);
SELECT throws_ok('SELECT etl.add_partition_policy(''plain'', ''1 day'', name => '' p'')', '22023', NULL, 'a bad name');
SELECT throws_ok('SELECT etl.add_partition_policy(''plain'', ''1 day'', lock_timeout => ''0'')', '22023', NULL,
                 'no time');
SELECT throws_ok('SELECT etl.add_partition_policy(''plain'', ''1 day'', schedule => ''nightly'')', '22023', NULL,
                 'a bad schedule');
SELECT throws_ok('SELECT etl.add_partition_policy(''plain'', ''1 day'', schedule => ''@daily'')', '55000', NULL,
                 'a schedule without pg_cron');
SELECT is(etl.add_partition_policy('plain', '1 day', 5, 'p', lock_timeout => '2 s'), 'p', 'a policy with a name');
SELECT throws_ok('SELECT etl.add_partition_policy(''plain'', ''1 day'', 5, ''p'')', '42710',
                 'partition policy "p" already exists', 'twice');
SELECT throws_ok('SELECT etl.add_partition_policy(''plain'', ''1 day'')', '42710',
                 'table "public.plain" has partition policy "p" already', 'under another name');
SELECT throws_ok('SELECT etl.add_partition_policy(''by_day'', ''1 day'', if_not_exists => NULL)', '22023', NULL,
                 'if_not_exists NULL');
SELECT is(etl.add_partition_policy('plain', '1 day', 6, 'p', if_not_exists => true), 'p', 'if_not_exists');
SELECT etl.alter_partition_policy('p', ahead => 7) \g /dev/null
SELECT results_eq('SELECT every, ahead, lock_timeout FROM etl.partition_policies WHERE policy = ''p''',
                  $$VALUES (interval '1 day', 7, interval '2 s')$$, 'leaves it; alter changes what is given');
SELECT throws_ok('SELECT etl.alter_partition_policy(''p'', every => ''5 hours'')', '22023', NULL, 'if it is right');
SELECT is((SELECT detail FROM etl.audit_log WHERE action = 'alter partition policy' ORDER BY seq DESC LIMIT 1),
          '{"ahead": {"is": 7, "was": 5}}', 'the audit log has the change');
SELECT throws_ok('SELECT etl.alter_partition_policy(''nowhere'', ahead => 2)', '42704', NULL, 'no such policy');
DROP TABLE plain;
SELECT throws_ok(pg_temp.call('''p'''), '42P01', NULL, 'its table is gone');
SELECT lives_ok('SELECT etl.remove_partition_policy(''p'')', 'it can be removed');
SELECT throws_ok('SELECT etl.remove_partition_policy(''p'')', '42704', NULL, 'once');
SELECT lives_ok('SELECT etl.remove_partition_policy(''p'', if_exists => true)', 'or as often as one likes');

-- Another width: the next partitions have it.
SELECT etl.alter_partition_policy('dry', every => '7 days') \g /dev/null
CALL etl.create_partitions('dry', '2026-02-10 00:00+00');
SELECT results_eq('SELECT p FROM pg_temp.parts(''dry'') AS p LIMIT 1 OFFSET 2',
                  $$VALUES ('_p20260301 ''2026-03-01'' ''2026-03-09''')$$, 'which ends on a Monday');

-- pg_partman, as much of it as is asked: an extension of that name whose schema has a table part_config.
CREATE SCHEMA partman;
CREATE TABLE partman.part_config (parent_table text PRIMARY KEY);
CREATE TABLE managed (at date) PARTITION BY RANGE (at);
INSERT INTO partman.part_config VALUES ('public.managed');
SELECT lives_ok('SELECT etl.add_partition_policy(''managed'', ''1 day'')', 'a table of that name is not pg_partman');
INSERT INTO pg_extension SELECT 1, 'pg_partman', 10, 'partman'::regnamespace, false, '4.7.2', NULL, NULL;
SELECT throws_ok('SELECT etl.add_partition_policy(''managed'', ''1 day'', name => ''q'')', '55000',
                 'pg_partman manages the partitions of table "public.managed"',
                 'what pg_partman manages is left to it');
SELECT is((SELECT hint FROM pg_temp.advice('SELECT etl.add_partition_policy(''managed'', ''1 day'', name => ''q'')')),
          'Leave it to pg_partman (its column premake says how many partitions are created ahead), or end that with '
          'DELETE FROM partman.part_config WHERE parent_table = ''public.managed'';', 'the hint says both ways');
SELECT throws_ok(pg_temp.call('''managed'', ''2026-01-01'''), '55000', NULL, 'also when it has come later');
SELECT is_empty('SELECT pg_temp.parts(''managed'')', 'nothing is created');
CALL etl.create_partitions('leap', '2024-03-01 00:00+00');
SELECT is(pg_temp.last_run('status', 'rows'), 'status succeeded, rows 1', 'beside it other tables get theirs');
CREATE ROLE etl_tap_part_cleo;
GRANT USAGE, CREATE ON SCHEMA public TO etl_tap_part_cleo;
SET ROLE etl_tap_part_cleo;
CREATE TABLE cleos (id int, at date) PARTITION BY RANGE (at);
SELECT lives_ok('SELECT etl.add_partition_policy(''cleos'', ''1 month'')',
                'a role that may not look it up is only warned');
RESET ROLE;
DELETE FROM pg_extension WHERE extname = 'pg_partman';
DROP OWNED BY etl_tap_part_cleo;
DROP ROLE etl_tap_part_cleo;

-- Roles -------------------------------------------------------------------------------------------------------------

CREATE ROLE etl_tap_part_ann;
CREATE ROLE etl_tap_part_ben IN ROLE etl_tap_part_ann;
GRANT USAGE, CREATE ON SCHEMA public TO etl_tap_part_ann;
SET ROLE etl_tap_part_ann;
CREATE TABLE anns (id int, at date) PARTITION BY RANGE (at);
SELECT throws_ok('SELECT etl.add_partition_policy(''dry'', ''1 day'', name => ''a'')', '42501',
                 'must be owner of table "public.dry"', 'another role''s table');
SELECT throws_ok('SELECT etl.add_partition_policy(''anns'', ''1 day'', name => ''dry'')', '42710', NULL,
                 'another role''s policy has the name');
SELECT is_empty('SELECT FROM etl.partition_policies', 'and is not seen');
SET ROLE etl_tap_part_ben;
SELECT is(etl.add_partition_policy('anns', '1 month', 1), 'anns', 'a member of the owner');
CALL etl.create_partitions(as_of => '2026-01-10 00:00+00');
SELECT results_eq($$SELECT DISTINCT pg_get_userbyid(c.relowner)::text COLLATE "default" FROM pg_class AS c
                    WHERE relname LIKE 'anns%'$$, $$VALUES ('etl_tap_part_ann')$$, 'makes partitions for him');
RESET ROLE;
SELECT throws_ok(pg_temp.call('''anns'''), '42501', NULL, 'a superuser does not run it');
SELECT lives_ok('SELECT etl.remove_partition_policy(''anns'')', 'but may remove it');
DROP TABLE anns;
DELETE FROM etl.run;
DROP OWNED BY etl_tap_part_ann, etl_tap_part_ben;
DROP ROLE etl_tap_part_ann, etl_tap_part_ben;
SELECT * FROM finish();
