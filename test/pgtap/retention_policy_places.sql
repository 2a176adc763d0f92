-- Where a retention policy may send rows: targets as they are written and stored, archives that cannot take rows or
-- would lose them, tiers, cycles, and archives that policies share. All in one transaction, which is rolled back.
BEGIN;
SELECT plan(132);
SET LOCAL client_min_messages = error;
SET LOCAL intervalstyle = 'postgres';

CREATE SCHEMA shop;
CREATE SCHEMA cold;
CREATE SCHEMA "Deep Cold";
CREATE TABLE shop.sale (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL, who text,
                        price numeric, twice numeric GENERATED ALWAYS AS (price * 2) STORED,
                        note varchar(10) COLLATE "C");
CREATE INDEX ON shop.sale (at);
COMMENT ON COLUMN shop.sale.who IS 'Buyer';

CREATE FUNCTION pg_temp.refuses(archive_to text, sqlstate text, message text, about text DEFAULT NULL)
RETURNS text LANGUAGE sql AS $$
    SELECT throws_ok(format('SELECT etl.add_retention_policy(''shop.sale'', ''at'', ''30 days'', archive_to => %L)',
                            archive_to), sqlstate::char(5), message, coalesce(about, archive_to))
$$;
CREATE FUNCTION pg_temp.tiers(name text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s: %s%s', t.after, coalesce(t.archive_to, 'deleted'), ' ' || t.format), ', '
                      ORDER BY t.tier)
    FROM etl.retention_policy AS p JOIN etl.retention_tier AS t USING (policy_id)
    WHERE p.name = tiers.name
$$;

-- Targets ------------------------------------------------------------------------------------------------------------

SELECT is(etl._retention_target('shop.sale', t.written), t.stored, t.written)
FROM (VALUES ('sale_old', 'shop.sale_old'),
             ('SALE_old', 'shop.sale_old'),
             ('table:sale_old', 'shop.sale_old'),
             ('Table:cold.sale', 'cold.sale'),
             ('"Deep Cold"."a:b"', '"Deep Cold"."a:b"'),
             ('"file:///x"', 'shop."file:///x"'),
             ('schema:cold', 'schema:cold'),
             ('SCHEMA: COLD', 'schema:cold'),
             ('schema:"Deep Cold"', 'schema:"Deep Cold"'),
             (NULL, NULL)) AS t(written, stored);
SELECT is(etl._retention_table('shop."Odd.Sale"', 'schema:"Deep Cold"'), '"Deep Cold"."Odd.Sale"',
          'in a schema the table of the same name');
SELECT pg_temp.refuses(t.archive_to, t.sqlstate, t.message)
FROM (VALUES
    ('', '22023', 'archive_to "" is not the name of a table'),
    ('a b', '22023', 'archive_to "a b" is not the name of a table'),
    ('a.b.c', '22023', 'archive_to "a.b.c" is not the name of a table'),
    ('a;b', '22023', 'archive_to "a;b" is not the name of a table'),
    ('"open', '22023', 'archive_to ""open" is not the name of a table'),
    (repeat('n', 64), '22023', format('archive_to "%s" is not the name of a table', repeat('n', 64))),
    ('schema:', '22023', 'archive_to "schema:" is not the name of a schema'),
    ('schema:a.b', '22023', 'archive_to "schema:a.b" is not the name of a schema'),
    ('schema:nowhere', '3F000', 'schema "nowhere" of archive_to "schema:nowhere" does not exist'),
    ('nowhere.sale', '3F000', 'schema "nowhere" of archive_to "nowhere.sale" does not exist'),
    ('pg_temp.sale', '42809', 'archive_to "pg_temp.sale" is temporary'),
    ('pg_catalog.sale', '22023', 'archive_to "pg_catalog.sale" lies in schema "pg_catalog", which belongs to '
                                 'PostgreSQL itself'),
    ('schema:information_schema', '22023', 'archive_to "schema:information_schema" lies in schema '
                                           '"information_schema", which belongs to PostgreSQL itself'),
    ('s3://bucket/x', '0A000', 'archive target "s3://bucket/x" is not supported'),
    ('https://a.b/c', '0A000', 'archive target "https://a.b/c" is not supported'),
    ('schema:shop', '22023', 'table "shop.sale" cannot be its own archive'),
    ('sale', '22023', 'table "shop.sale" cannot be its own archive')
) AS t(archive_to, sqlstate, message);

-- Directories: what lies below the archive directory, and nothing that only looks like it
SET LOCAL pg_etl.archive_directory = '/srv/archive';
SELECT is(etl._retention_target('shop.sale', t.written), t.stored, t.written)
FROM (VALUES ('file:///srv/archive', 'file:///srv/archive'),
             ('file:///srv/archive/', 'file:///srv/archive'),
             ('FILE:///srv/archive/sale', 'file:///srv/archive/sale'),
             ('file:///srv/archive/a b/...', 'file:///srv/archive/a b/...')) AS t(written, stored);
SELECT pg_temp.refuses(t.archive_to, t.sqlstate, format(t.message, t.archive_to))
FROM (VALUES
    ('file:///srv/archive/../secret', '22023', 'archive_to "%s" has a part that is empty, "." or ".."'),
    ('file:///srv/archive/..', '22023', 'archive_to "%s" has a part that is empty, "." or ".."'),
    ('file:///srv/archive/./a', '22023', 'archive_to "%s" has a part that is empty, "." or ".."'),
    ('file:///srv/archive//a', '22023', 'archive_to "%s" has a part that is empty, "." or ".."'),
    ('file:////srv/archive', '22023', 'archive_to "%s" has a part that is empty, "." or ".."'),
    ('file:///', '22023', 'archive_to "%s" has a part that is empty, "." or ".."'),
    ('file:///srv/archive/%2e%2e/a', '22023', 'archive_to "%s" has a character that is not plain in a path'),
    ('file:///srv/archive/a?b', '22023', 'archive_to "%s" has a character that is not plain in a path'),
    ('file:///srv/archive/a#b', '22023', 'archive_to "%s" has a character that is not plain in a path'),
    ('file:///srv/archive/a\..\b', '22023', 'archive_to "%s" has a character that is not plain in a path'),
    (E'file:///srv/archive/a\nb', '22023', 'archive_to "%s" has a character that is not plain in a path'),
    ('file://srv/archive', '22023', 'archive_to "%s" names no absolute directory of this server'),
    ('file:srv/archive', '22023', 'archive_to "%s" names no absolute directory of this server'),
    ('file:', '22023', 'archive_to "%s" names no absolute directory of this server'),
    ('file:///srv/archived', '42501', 'archive_to "%s" is not below the archive directory "/srv/archive"'),
    ('file:///etc', '42501', 'archive_to "%s" is not below the archive directory "/srv/archive"')
) AS t(archive_to, sqlstate, message);
SELECT pg_temp.refuses('file:///srv/archive/' || repeat('n', 256), '22023', NULL, 'a part of more than 255 bytes');
SELECT pg_temp.refuses('file:///srv/archive/' || repeat('n/', 500), '22023', NULL, 'a path of more than 900 bytes');
SELECT lives_ok($$SELECT etl.add_retention_policy('shop.sale', 'at', '30 days', 'files', 'file:///srv/archive/sale',
                                                  '2 years')$$, 'a policy of files');
SELECT lives_ok($$SELECT etl.alter_retention_policy('files', follow_references => true)$$,
                'which may follow references');
SELECT is(pg_temp.tiers('files'), '30 days: file:///srv/archive/sale ndjson.zst, 2 years: deleted', 'their format');
CREATE ROLE etl_tap_place_ann;
GRANT USAGE ON SCHEMA shop TO etl_tap_place_ann;
GRANT SELECT, UPDATE, DELETE ON shop.sale TO etl_tap_place_ann;
SET LOCAL ROLE etl_tap_place_ann;
SELECT pg_temp.refuses('file:///srv/archive/a', '42501', 'role "etl_tap_place_ann" may not write archive files',
                       'a role without the right');
RESET ROLE;
GRANT pg_write_server_files, pg_read_server_files TO etl_tap_place_ann;
SET LOCAL ROLE etl_tap_place_ann;
SELECT lives_ok($$SELECT etl.add_retention_policy('shop.sale', 'at', '30 days', 'her files', 'file:///srv/archive/a')$$,
                'with it');
RESET ROLE;
SET LOCAL pg_etl.archive_directory = '';
SELECT pg_temp.refuses('file:///srv/archive/a', '55000',
                       'archive_to "file:///srv/archive/a" needs the setting pg_etl.archive_directory, which is empty',
                       'no archive directory');
SELECT etl.remove_retention_policy(policy) FROM etl.policies \g /dev/null

-- Archives that cannot take the rows, or lose them -------------------------------------------------------------------

CREATE VIEW cold.view AS SELECT * FROM shop.sale;
CREATE UNLOGGED TABLE cold.fleeting AS TABLE shop.sale;
CREATE TABLE cold.parts (LIKE shop.sale) PARTITION BY LIST (id);
CREATE UNLOGGED TABLE cold.part PARTITION OF cold.parts FOR VALUES IN (1);
CREATE FOREIGN DATA WRAPPER tap_nothing;
CREATE SERVER tap_elsewhere FOREIGN DATA WRAPPER tap_nothing;
CREATE TABLE cold.spread (LIKE shop.sale) PARTITION BY LIST (id);
CREATE FOREIGN TABLE cold.far PARTITION OF cold.spread FOR VALUES IN (1) SERVER tap_elsewhere;
CREATE TABLE cold.ruled AS TABLE shop.sale;
CREATE RULE lose AS ON INSERT TO cold.ruled DO INSTEAD NOTHING;
CREATE TABLE cold.narrow AS SELECT id, at, price, twice, note FROM shop.sale;
CREATE TABLE cold.retyped AS SELECT id, at::timestamp, who, price, twice, note FROM shop.sale;
CREATE TABLE cold.demanding (LIKE shop.sale, reason text NOT NULL);
CREATE TABLE cold.content (LIKE shop.sale, reason text NOT NULL DEFAULT 'old', n int GENERATED ALWAYS AS IDENTITY);
CREATE TABLE cold.child () INHERITS (shop.sale);
SELECT pg_temp.refuses(t.archive_to, t.sqlstate, t.message)
FROM (VALUES
    ('cold.view', '42809', '"cold.view" is a view, not a table'),
    ('shop.sale_at_idx', '42809', '"shop.sale_at_idx" is an index, not a table'),
    ('cold.far', '42809', '"cold.far" is a foreign table, not a table'),
    ('cold.fleeting', '42809', 'archive table "cold.fleeting" is not logged'),
    ('cold.parts', '42809', 'archive table "cold.part" is not logged'),
    ('cold.spread', '42809', 'partition "cold.far" of table "cold.spread" is a foreign table'),
    ('cold.ruled', '0A000', 'table "cold.ruled" has rule "lose" on INSERT'),
    ('cold.narrow', '42703', 'archive table "cold.narrow" lacks column "who" of table "shop.sale"'),
    ('cold.retyped', '42804', 'column "at" is of type timestamp without time zone in archive table "cold.retyped" and '
                              'of type timestamp with time zone in table "shop.sale"'),
    ('cold.demanding', '23502', 'archive table "cold.demanding" needs a value in column "reason", which table '
                                '"shop.sale" does not have'),
    ('cold.child', '22023', 'archive table "cold.child" is a part of table "shop.sale"')
) AS t(archive_to, sqlstate, message);
SELECT throws_ok($$SELECT etl.add_retention_policy('cold.child', 'at', '30 days', archive_to => 'shop.sale')$$, '22023',
                 'table "cold.child" is a part of archive table "shop.sale"', 'the parent is no archive either');
DROP TABLE cold.child;
SELECT lives_ok($$SELECT etl.add_retention_policy('shop.sale', 'at', '30 days', 'content', 'cold.content')$$,
                'an archive with more columns that fill themselves');
SELECT etl.remove_retention_policy('content') \g /dev/null

-- What is made -------------------------------------------------------------------------------------------------------

SELECT lives_ok($$SELECT etl.add_retention_policy('shop.sale', 'at', '30 days', 'sale', 'schema:cold', '1 year')$$,
                'into a schema');
SELECT is(pg_temp.tiers('sale'), '30 days: schema:cold, 1 year: deleted', 'which is what is stored');
SELECT is(etl._retention_place(p, 1), 'cold.sale', 'the table of the same name') FROM etl.retention_policy AS p;
SELECT is(etl._retention_place(p, 0), 'shop.sale', 'place 0 is the table') FROM etl.retention_policy AS p;
SELECT is(etl._retention_place(p, 2), NULL, 'the last place is nowhere') FROM etl.retention_policy AS p;
SELECT results_eq(
    $$SELECT a.attname::text COLLATE "default", format_type(a.atttypid, a.atttypmod),
             concat(a.attidentity, a.attgenerated), a.attcollation::regcollation::text COLLATE "default",
             col_description(a.attrelid, a.attnum)
      FROM pg_attribute AS a WHERE a.attrelid = 'cold.sale'::regclass AND a.attnum > 0 ORDER BY a.attnum$$,
    $$VALUES ('id', 'integer', '', '-', NULL), ('at', 'timestamp with time zone', '', '-', NULL),
             ('who', 'text', '', '"default"', 'Buyer'), ('price', 'numeric', '', '-', NULL),
             ('twice', 'numeric', '', '-', NULL), ('note', 'character varying(10)', '', '"C"', NULL)$$,
    'identity and generated columns are plain values there');

-- Tiers --------------------------------------------------------------------------------------------------------------

SELECT is(etl.add_tier('sale', '90 days', 'cold.colder'), 2, 'a tier between two');
SELECT is(pg_temp.tiers('sale'), '30 days: schema:cold, 90 days: cold.colder, 1 year: deleted',
          'moves the last one on');
SELECT is(etl.add_tier('sale', '1 day', 'table:sale_warm'), 1, 'one before all');
SELECT is(pg_temp.tiers('sale'), '1 day: shop.sale_warm, 30 days: schema:cold, 90 days: cold.colder, 1 year: deleted',
          'becomes the first');
SELECT results_eq('SELECT keep, archive_to, archive_keep FROM etl.policies',
                  $$VALUES (interval '1 day', 'shop.sale_warm', interval '1 year')$$, 'as the view says');
SELECT is((SELECT count(*) FROM pg_attribute WHERE attrelid = 'cold.colder'::regclass AND attnum > 0), 6::bigint,
          'a later archive is like the one before it');
SET LOCAL pg_etl.archive_directory = '/srv/archive';
SELECT throws_ok(format('SELECT etl.add_tier(''sale'', %s)', t.arguments), t.sqlstate::char(5), t.message, t.message)
FROM (VALUES
    ('NULL, ''x''', '22023', 'after must not be NULL'),
    ('''0'', ''x''', '22023', 'after must be longer than zero, not "00:00:00"'),
    ('''-1 day'', ''x''', '22023', 'after must be longer than zero, not "-1 days"'),
    ('''1 day'', ''x''', '22023', 'after "1 day" is not longer than keep "1 day"'),
    ('''90 days'', ''x''', '22023', 'after "90 days" is not longer than after "90 days"'),
    ('''2 years'', ''x''', '22023', 'rows that are deleted after "1 year" cannot be archived after "2 years"'),
    ('''2 years'', NULL', '22023', 'rows that are deleted after "1 year" cannot be deleted after "2 years"'),
    ('''50 days'', NULL', '22023', 'rows that are deleted after "50 days" cannot be archived after "90 days"'),
    ('''60 days'', ''file:///srv/archive''', '22023',
        'rows cannot go on from files in "file:///srv/archive" to "cold.colder"'),
    ('''60 days'', ''x'', ''csv''', '22023', 'format "csv" is given for ''shop.x'', which is no directory'),
    ('''2 years'', NULL, ''csv''', '22023', 'format "csv" is given for a tier that deletes, which is no directory'),
    ('''100 days'', ''file:///srv/archive'', ''parquet''', '22023', 'unknown format "parquet" for files'),
    ('''60 days'', ''cold.sale''', '22023', 'two tiers have archive table "cold.sale"'),
    ('''60 days'', ''schema:cold''', '22023', 'two tiers have archive table "cold.sale"'),
    ('''60 days'', ''shop.sale''', '22023', 'table "shop.sale" cannot be its own archive'),
    ('''60 days'', ''cold.narrow''', '42703', 'archive table "cold.narrow" lacks column "who" of table "cold.sale"')
) AS t(arguments, sqlstate, message);
SELECT throws_ok($$SELECT etl.add_tier('nobody', '1 day', 'x')$$, '42704', 'retention policy "nobody" does not exist',
                 'of no policy');
SELECT is(etl.add_tier('sale', '200 days', 'file:///srv/archive/sale', 'CSV.gz'), 4, 'files are the last archive');
SELECT is(pg_temp.tiers('sale'), '1 day: shop.sale_warm, 30 days: schema:cold, 90 days: cold.colder, '
          '200 days: file:///srv/archive/sale csv.gz, 1 year: deleted', 'before the rows are deleted');
SELECT throws_ok($$SELECT etl.add_tier('sale', '300 days', 'cold.coldest')$$, '22023',
                 'rows cannot go on from files in "file:///srv/archive/sale" to "cold.coldest"',
                 'nothing follows files');
SELECT throws_ok($$SELECT etl.remove_tier('sale', 6)$$, '42704', 'retention policy "sale" has no tier 6',
                 'no such tier');
SELECT throws_ok($$SELECT etl.remove_tier('sale', 0)$$, '42704', 'retention policy "sale" has no tier 0', 'nor that');
SELECT throws_ok($$SELECT etl.remove_tier('sale', NULL)$$, '42704', 'retention policy "sale" has no tier NULL',
                 'nor NULL');
SELECT lives_ok($$SELECT etl.remove_tier('sale', 1)$$, 'the first tier goes');
SELECT lives_ok($$SELECT etl.remove_tier('sale', 3)$$, 'and that of files');
SELECT lives_ok($$SELECT etl.remove_tier('sale', 3)$$, 'and the last');
SELECT is(pg_temp.tiers('sale'), '30 days: schema:cold, 90 days: cold.colder', 'which leaves two');
SELECT lives_ok($$SELECT etl.add_tier('sale', '5 years', NULL)$$, 'a tier that deletes');
SELECT is(pg_temp.tiers('sale'), '30 days: schema:cold, 90 days: cold.colder, 5 years: deleted', 'comes last');
SELECT etl.add_retention_policy('shop.sale', 'at', '30 days', 'one') \g /dev/null
SELECT throws_ok($$SELECT etl.remove_tier('one', 1)$$, '22023', 'tier 1 is all that retention policy "one" has',
                 'the only tier stays');
SELECT is(etl.add_tier('one', '10 days', 'cold.sale_of_one'), 1, 'a policy that deletes gets an archive');
SELECT is(pg_temp.tiers('one'), '10 days: cold.sale_of_one, 30 days: deleted', 'from which it deletes now');
SELECT etl.remove_retention_policy(policy) FROM etl.policies \g /dev/null

-- Rows that would come back ------------------------------------------------------------------------------------------

CREATE TABLE shop.a (at timestamptz);
CREATE INDEX ON shop.a (at);
SELECT etl.add_retention_policy('shop.a', 'at', '1 day', archive_to => 'b') \g /dev/null
SELECT etl.add_retention_policy('shop.b', 'at', '2 days', archive_to => 'c') \g /dev/null
SELECT etl.add_retention_policy('shop.c', 'at', '3 days', archive_to => 'd') \g /dev/null
SELECT throws_ok($$SELECT etl.add_retention_policy('shop.d', 'at', '4 days', archive_to => 'a')$$, '22023',
                 'archive table "shop.a" is archived into table "shop.d" by other policies', 'over four policies');
SELECT throws_ok($$SELECT etl.add_retention_policy('shop.d', 'at', '4 days', archive_to => 'c')$$, '22023',
                 'archive table "shop.c" is archived into table "shop.d" by other policies', 'over two');
SELECT throws_ok($$SELECT etl.add_tier('c', '9 days', 'b')$$, '22023',
                 'archive table "shop.d" is archived into table "shop.c" by other policies', 'by a later tier');
SELECT lives_ok($$SELECT etl.add_retention_policy('shop.d', 'at', '4 days', archive_to => 'e')$$, 'a chain is none');
CREATE TABLE shop.e_part () INHERITS (shop.e);
CREATE INDEX ON shop.e_part (at);
SELECT throws_ok($$SELECT etl.add_retention_policy('shop.e_part', 'at', '5 days', archive_to => 'a')$$, '22023',
                 'archive table "shop.a" is archived into table "shop.e_part" by other policies', 'by way of a part');
SELECT etl.remove_retention_policy(policy) FROM etl.policies \g /dev/null

-- Any number of policies with one step each, between tables of which some are parts of others, against the closure of
-- the steps that were let through.
CREATE TABLE shop.net_1 (at timestamptz, n int);
CREATE TABLE shop.net_2 () INHERITS (shop.net_1);
CREATE TABLE shop.net_3 () INHERITS (shop.net_2);
CREATE TABLE shop.net_4 (LIKE shop.net_1) PARTITION BY RANGE (n);
CREATE TABLE shop.net_5 PARTITION OF shop.net_4 FOR VALUES FROM (0) TO (9);
CREATE TABLE shop.net_6 (LIKE shop.net_1);
CREATE TABLE shop.net_7 (LIKE shop.net_1);
CREATE TABLE shop.net_8 (LIKE shop.net_1);
CREATE FUNCTION pg_temp.same_rows(one int, other int) RETURNS bool LANGUAGE sql AS $$
    SELECT one = other OR least(one, other) < 4 AND greatest(one, other) < 4 OR (one, other) IN ((4, 5), (5, 4))
$$;
CREATE FUNCTION pg_temp.wrong_answers(seed float8) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    steps int[] := '{}'; -- source * 10 + target
    step int[];
    is_cycle bool;
    refused text;
BEGIN
    PERFORM setseed(seed);
    FOR attempt IN 1 .. 40 LOOP
        step := ARRAY[1 + floor(random() * 8), 1 + floor(random() * 8)];
        CONTINUE WHEN pg_temp.same_rows(step[1], step[2]);
        WITH RECURSIVE way(place) AS (
            SELECT step[2]
            UNION
            SELECT s % 10 FROM way AS w, unnest(steps) AS s WHERE pg_temp.same_rows(w.place, s / 10)
        )
        SELECT bool_or(pg_temp.same_rows(w.place, step[1])) INTO is_cycle FROM way AS w;
        refused := NULL;
        BEGIN
            PERFORM etl.add_retention_policy(
                ('shop.net_' || step[1])::regclass, 'at', '1 day', 'net ' || attempt, 'net_' || step[2],
                filter => 'true');
            steps := steps || step[1] * 10 + step[2];
        EXCEPTION
            WHEN invalid_parameter_value THEN
                refused := SQLERRM;
        END;
        IF is_cycle IS DISTINCT FROM coalesce(refused LIKE '%is archived into table%', false) THEN
            RETURN NEXT format('after %s, %s: %s', steps, step, coalesce(refused, 'let through'));
        END IF;
    END LOOP;
    PERFORM etl.remove_retention_policy(p.name) FROM etl.retention_policy AS p WHERE p.name LIKE 'net %';
END $$;
SELECT is_empty(format('SELECT pg_temp.wrong_answers(%s)', seed), 'steps at random, ' || seed)
FROM unnest('{0.1,0.2,0.3}'::float8[]) AS seed;

-- Archives that are shared -------------------------------------------------------------------------------------------

SELECT etl.add_retention_policy('shop.sale', 'at', '30 days', 'ann', 'cold.shared', '1 year',
                                'who = ''ann''') \g /dev/null
SELECT lives_ok($$SELECT etl.add_retention_policy('shop.sale', 'at', '60 days', 'ben', 'cold.shared', '2 years',
                                                  'who = ''ben''')$$, 'filters tell the rows apart');
SELECT throws_ok($$SELECT etl.add_retention_policy('shop.sale', 'at', '90 days', 'all', 'cold.shared', '2 years')$$,
                 '22023', 'retention policy "ann" keeps the rows of archive table "cold.shared" for another time',
                 'no filter does not');
SELECT throws_ok($$SELECT etl.alter_retention_policy('ben', filter => '')$$, '22023',
                 'retention policy "ann" keeps the rows of archive table "cold.shared" for another time',
                 'nor one that is taken away');
SELECT lives_ok($$SELECT etl.add_retention_policy('shop.sale', 'at', '90 days', 'all', 'cold.shared', '1 year',
                                                  'who IS NULL')$$, 'one more');
CREATE TABLE shop.other (LIKE shop.sale);
CREATE INDEX ON shop.other (at);
SELECT throws_ok($$SELECT etl.add_retention_policy('shop.other', 'at', '30 days', archive_to => 'cold.shared',
                                                   filter => 'who = ''cid''')$$, '22023',
                 'archive table "cold.shared" belongs to retention policy "ann" of table "shop.sale"',
                 'an archive is that of one table');
SELECT throws_ok($$SELECT etl.add_tier('ann', '90 days', 'cold.x'),
                          etl.add_retention_policy('shop.other', 'at', '30 days', archive_to => 'cold.x')$$, '22023',
                 'archive table "cold.x" belongs to retention policy "ann" of table "shop.sale"', 'in any tier');

-- Columns that the table gets ----------------------------------------------------------------------------------------

CREATE TABLE shop.grown (id int, at timestamptz, gone int);
CREATE INDEX ON shop.grown (at);
SELECT etl.add_retention_policy('shop.grown', 'at', '30 days', archive_to => 'cold.grown') \g /dev/null
SELECT etl.add_tier('grown', '60 days', 'cold.grown_2') \g /dev/null
CREATE TYPE shop.mood AS ENUM ('sad', 'glad');
ALTER TABLE shop.grown ADD COLUMN "A Mood" shop.mood NOT NULL DEFAULT 'sad', ADD n numeric(9,2),
    ADD t text COLLATE "C" DEFAULT 'x', DROP COLUMN gone;
SELECT throws_ok($$SELECT etl.alter_retention_policy('grown', keep => '31 days')$$, '42703',
                 'archive table "cold.grown" lacks column "A Mood" of table "shop.grown"',
                 'an archive that lacks columns');
SELECT lives_ok($$SELECT etl.alter_retention_policy('grown', evolve => true)$$, 'gets them where the policy evolves');
SELECT results_eq(
    $$SELECT (a.attrelid::regclass::text || ': ' || string_agg(
                 format('%s %s%s%s', a.attname, format_type(a.atttypid, a.atttypmod),
                        CASE WHEN a.attnotnull THEN ' not null' END,
                        CASE WHEN a.attcollation = '"C"'::regcollation THEN ' C' END),
                 ', ' ORDER BY a.attnum)) COLLATE "default"
      FROM pg_attribute AS a WHERE a.attrelid IN ('cold.grown'::regclass, 'cold.grown_2'::regclass) AND a.attnum > 3
      GROUP BY a.attrelid ORDER BY a.attrelid$$,
    $$VALUES ('cold.grown: A Mood shop.mood, n numeric(9,2), t text C'),
             ('cold.grown_2: A Mood shop.mood, n numeric(9,2), t text C')$$, 'in every archive, empty');
SELECT results_eq(
    $$SELECT l.object, l.detail FROM etl.audit_log AS l WHERE l.action = 'evolve archive' ORDER BY l.seq$$,
    $$SELECT a.archive, jsonb_build_object('policy', 'grown', 'alter_table', 'ADD COLUMN "A Mood" shop.mood, '
                                           'ADD COLUMN n numeric(9,2), ADD COLUMN t text COLLATE "C"')
      FROM unnest('{cold.grown,cold.grown_2}'::text[]) AS a(archive)$$, 'which is written down, once');
ALTER TABLE shop.grown ALTER COLUMN n TYPE numeric(12,2);
SELECT throws_ok($$SELECT etl.alter_retention_policy('grown', keep => '31 days')$$, '42804',
                 'column "n" is of type numeric(9,2) in archive table "cold.grown" and of type numeric(12,2) in table '
                 '"shop.grown"', 'a type is not changed by itself');

SELECT * FROM finish();
ROLLBACK;
