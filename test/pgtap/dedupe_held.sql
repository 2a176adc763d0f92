-- Deduplication, loading and quarantine beside legal holds and immutable tables: what is held stays as it is.
SELECT plan(24);
SET client_min_messages = warning;
CREATE TABLE sale (id int PRIMARY KEY, ticket text, note text);
INSERT INTO sale VALUES (1, 'a', NULL), (2, 'a', 'x'), (3, 'a', 'y'), (4, 'b', 'z'), (5, 'b', 'z'), (6, 'c', 'c');
CREATE TABLE line (id int PRIMARY KEY, sale int REFERENCES sale, note text);
CREATE TABLE copy (LIKE sale INCLUDING ALL);
INSERT INTO copy SELECT * FROM sale;
SELECT etl.add_legal_hold('first', 'sale', 'id = 1', 'r') \g /dev/null

SELECT results_eq($$ SELECT key ->> 'ticket', rows FROM etl.duplicates('sale', '{ticket}') ORDER BY 1 $$,
                  $$ VALUES ('a', 2::bigint), ('b', 2) $$, 'a held row is no duplicate');
SELECT results_eq($$ SELECT groups, duplicates, removed FROM etl.dedupe('sale', '{ticket}', 'last', 'id',
          dry_run => true) $$,
                  'VALUES (2::bigint, 2::bigint, 2::bigint)', 'nor in a dry run');
SELECT results_eq($$ SELECT groups, duplicates, removed FROM etl.dedupe('sale', '{ticket}', 'last', 'id',
                     where_sql => 'note IS NOT NULL OR true -- all') $$,
                  'VALUES (2::bigint, 2::bigint, 2::bigint)', 'beside a condition of the caller');
SELECT is(array_agg(id ORDER BY id), '{1,3,5,6}', 'it stays, and so does the last of the others') FROM sale;
INSERT INTO sale VALUES (7, 'a', 'w');
SELECT results_eq($$ SELECT groups, duplicates, removed FROM etl.dedupe('sale', '{ticket}', 'most_complete') $$,
                  'VALUES (1::bigint, 1::bigint, 1::bigint)', 'by two scans, too');
SELECT is(array_agg(id ORDER BY id), '{1,5,6,7}', 'it stays') FROM sale;
-- A held row does not take the values of others.
INSERT INTO sale VALUES (0, 'a', 'older');
SELECT etl.dedupe('sale', '{ticket}', 'merge', 'id') \g /dev/null
SELECT is(note, NULL, 'it is not merged into') FROM sale WHERE id = 1;
SELECT is(array_agg(id ORDER BY id), '{1,5,6,7}', 'the others are merged') FROM sale;

-- Rows that refer to a duplicate.
INSERT INTO sale VALUES (8, 'd', NULL), (9, 'd', NULL);
INSERT INTO line VALUES (1, 8, 'held');
SELECT etl.add_legal_hold('line', 'line', 'note = ''held''', 'r') \g /dev/null
SELECT throws_ok($$ SELECT etl.dedupe('sale', '{ticket}', 'last', 'id', repoint => '{line}') $$, '55000',
                 'a row of table "public.line" that refers to a duplicate is under a legal hold',
                           'are not pointed elsewhere where they are held');
SELECT etl.release_legal_hold('line', 'r') \g /dev/null
SELECT etl.set_immutable('line') \g /dev/null
SELECT throws_ok($$ SELECT etl.dedupe('sale', '{ticket}', 'last', 'id', repoint => '{line}') $$, '55000',
                 'table "public.line" is immutable', 'or their table is immutable');
SELECT etl.set_immutable('line', false) \g /dev/null
SELECT is(removed, 1::bigint, 'otherwise they are') FROM etl.dedupe('sale', '{ticket}', 'last', 'id',
          repoint => '{line}');
SELECT etl.add_legal_hold('line 2', 'line', NULL, 'r') \g /dev/null
SELECT throws_ok(format('SELECT etl.undo_dedupe(%s)', max(run_id)), '55000', NULL,
          'nor are held ones changed back') FROM etl.dedupe_run;
SELECT etl.release_legal_hold('line 2', 'r') \g /dev/null
SELECT lives_ok(format('SELECT etl.undo_dedupe(%s)', max(run_id)),
          'but they are when they are free') FROM etl.dedupe_run;

-- Loading over rows that are held.
SELECT results_eq($$ SELECT * FROM
          etl.load_deduplicated('SELECT 1 AS id, ''new'' AS ticket UNION ALL SELECT 6, ''new''', 'sale', '{id}') $$,
                  'VALUES (0::bigint, 1::bigint, 0::bigint, 1::bigint)', 'what arrives loses against a held row');
SELECT is(ticket, 'a', 'which stays as it is') FROM sale WHERE id = 1;

-- Quarantine.
SELECT
          etl.load_suite('{"expectation_suite_name": "tickets", "expectations": [
    {"expectation_type": "expect_column_values_to_be_in_set",
    "kwargs": {"column": "ticket", "value_set": ["b"]}}]}') \g /dev/null
DELETE FROM line;
SELECT ok(etl.quarantine('sale', 'tickets') > 1, 'broken rows are quarantined');
SELECT is(array_agg(id ORDER BY id), '{1,5}', 'but for held ones') FROM sale;

-- All rows, and a table nobody may change.
SELECT etl.add_legal_hold('all', 'copy', NULL, 'r') \g /dev/null
SELECT results_eq($$ SELECT groups, duplicates, removed FROM etl.dedupe('copy', '{ticket}') $$,
                  'VALUES (0::bigint, 0::bigint, 0::bigint)', 'where all is held nothing is done');
SELECT etl.release_legal_hold('all', 'r') \g /dev/null
SELECT etl.add_legal_hold('raises', 'copy', '1 / (id - 1) = 1', 'r') \g /dev/null
SELECT throws_ok($$ SELECT etl.dedupe('copy', '{ticket}') $$, '22012', NULL,
          'a hold that cannot be evaluated stops it');
SELECT throws_ok($$ SELECT etl._require_obeyable_holds('copy') $$, '22012',
                 'legal hold "raises" cannot be obeyed in table "public.copy": division by zero', 'and can be named');
SELECT is(count(*), 6::bigint, 'nothing was deleted') FROM copy;
SELECT etl.release_legal_hold('raises', 'r') \g /dev/null
SELECT etl.set_immutable('copy') \g /dev/null
SELECT throws_ok($$ SELECT etl.dedupe('copy', '{ticket}') $$, '55000', 'table "public.copy" is immutable',
          'no deduplication of an immutable table');
SELECT throws_ok($$ SELECT etl.quarantine('copy', 'tickets') $$, '55000', 'table "public.copy" is immutable',
          'and no quarantine');
SELECT isnt_empty($$ SELECT FROM etl.duplicates('copy', '{ticket}') $$, 'its duplicates can be listed');

SELECT * FROM finish();
