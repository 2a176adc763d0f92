-- etl.load_text: what CSV means, what becomes of lines that are wrong, into which kinds of tables rows go, and who may.
SELECT plan(106);
SET client_min_messages = warning;

CREATE TABLE item (
    id int PRIMARY KEY, name text NOT NULL, price numeric(10, 2) CHECK (price >= 0), tags text[], info jsonb,
    at timestamptz DEFAULT '2025-01-01 00:00+00', double_price numeric GENERATED ALWAYS AS (price * 2) STORED
);
CREATE FUNCTION shown(r etl._load_result) RETURNS text LANGUAGE sql AS $$
    SELECT format('%s %s=%s+%s+%s+%s+%s', r.status, r.received, r.inserted, r.updated, r.unchanged, r.ignored,
                  r.rejected)
$$;
CREATE VIEW latest AS SELECT * FROM etl.rejected_lines
WHERE batch_id = (SELECT max(batch_id) FROM etl.batches);

-- Values --------------------------------------------------------------------------------------------------------------

SELECT is(shown(etl.load_text(
    E'id,name,price,tags,info\n1,a,1.5,"{x,""y z""}","{""k"": 1}"\r\n2,"b ""b"", c",,,\r3,"two\nlines",0,{},null',
    'item')),
    'loaded 3=3+0+0+0+0', 'line ends of every kind, quotes, quoted line ends');
SELECT results_eq('SELECT id, name, price, tags, info::text, double_price FROM item ORDER BY id', $$VALUES
    (1, 'a', 1.50, '{x,"y z"}'::text[], '{"k": 1}', 3.00), (2, 'b "b", c', NULL, NULL, NULL, NULL),
    (3, E'two\nlines', 0.00, '{}', 'null', 0.00)$$, 'have the values that they mean');
SELECT is((SELECT count(*) FROM item WHERE at = '2025-01-01 00:00+00'), 3::bigint,
    'columns not given get their default');
SELECT is(shown(etl.load_text(E'\uFEFF"id",name\n4,x\n', 'item')), 'loaded 1=1+0+0+0+0', 'a mark is passed over');
SELECT is(shown(etl.load_text(E'id;name;price\n5;''a;b'';1', 'item', delimiter => ';', quote => '''')),
    'loaded 1=1+0+0+0+0', 'another dialect');
SELECT is(shown(etl.load_text(E'id\tname\n6\t"a\n7\tb"', 'item', delimiter => E'\t', quote => '')),
    'loaded 2=2+0+0+0+0', 'no quotes at all');
SELECT is(shown(etl.load_text(E'id,name\n8,"a\\"b\\\\"', 'item', escape => '\')), 'loaded 1=1+0+0+0+0', 'an escape');
SELECT results_eq('SELECT name FROM item WHERE id IN (5, 6, 7, 8) ORDER BY id',
    $$VALUES ('a;b'), ('"a'), ('b"'), ('a"b\')$$, 'mean what they say');
SELECT is(shown(etl.load_text(E'id,name,price\n9,"NA",NA\n', 'item', "null" => 'NA')), 'loaded 1=1+0+0+0+0',
    'another text for NULL');
SELECT results_eq('SELECT name, price FROM item WHERE id = 9', $$VALUES ('NA', NULL::numeric)$$,
    'which in quotes is a text');
CREATE TABLE one (v text);
SELECT is(shown(etl.load_text(E'v\na\n\n""\nb', 'one')), 'loaded 4=4+0+0+0+0', 'of one column an empty line is a row');
SELECT results_eq('SELECT v FROM one', $$VALUES ('a'), (NULL), (''), ('b')$$, 'with NULL');
SELECT is(shown(etl.load_text(E'id,name\n\n10,x\r\n\r\n', 'item')), 'loaded 1=1+0+0+0+0', 'of more it is none');
SELECT is(shown(etl.load_text('id,name', 'item')), 'loaded 0=0+0+0+0+0', 'a header alone has no rows');
SELECT is(shown(etl.load_text('v' || E'\n"' || repeat('x""', 3500000) || '"', 'one')), 'loaded 1=1+0+0+0+0',
    'a value of 10 MB');
SELECT is((SELECT v FROM one WHERE length(v) > 10) = repeat('x"', 3500000), true, 'is whole');

-- Headers -------------------------------------------------------------------------------------------------------------

SELECT is(shown(etl.load_text(E' ID ,Name\n11,x', 'item')), 'loaded 1=1+0+0+0+0', 'names go without case and blanks');
SELECT throws_ok($$SELECT etl.load_text(E'id,nam\n1,x', 'item')$$, '42703',
    'the header has columns that cannot be loaded: nam', 'an unknown column');
SELECT throws_ok($$SELECT etl.load_text(E'id,name,name\n1,x,y', 'item')$$, '42701', NULL, 'a column twice');
SELECT throws_ok($$SELECT etl.load_text(E'id,name,NAME\n1,x,y', 'item', mapping => '{"id": "id", "name": "Name"}')$$,
    '42701', NULL, 'two names that may be meant');
SELECT throws_ok($$SELECT etl.load_text(E'id,double_price\n1,1', 'item')$$, '42703', NULL, 'a generated column');
SELECT throws_ok($$SELECT etl.load_text('', 'item')$$, '22P04', 'the content has no header', 'no content');
SELECT throws_ok($$SELECT etl.load_text(E'"id\n1', 'item')$$, '22P04', 'the content has no header', 'a wrong header');
SELECT throws_ok($$SELECT etl.load_text(E'id\n1', 'item', required => '{name}')$$, '42703',
    'required column "name" is not in the content', 'a required column that is missing');
SELECT throws_ok($$SELECT etl.load_text(E'name,id\nx,1', 'item', header => 'match')$$, '22P04',
    'the header does not match the columns of the table', 'a header that must match');
CREATE TABLE two (a int, b text);
SELECT is(shown(etl.load_text(E'a,b\n1,x', 'two', header => 'match')), 'loaded 1=1+0+0+0+0', 'and does');
SELECT is(shown(etl.load_text(E'2,y\n3,z', 'two', header => 'false')), 'loaded 2=2+0+0+0+0', 'without a header');
SELECT throws_ok($$SELECT etl.load_text('1,x,y', 'two', header => 'false')$$, '22P04',
    'the first line has 3 values, and the table 2 columns', 'which must have as many values');
SELECT is(shown(etl.load_text('x,4,y', 'two', header => 'false', mapping => '{"a": "2", "b": "3"}')),
    'loaded 1=1+0+0+0+0', 'or say which go where');
SELECT is(shown(etl.load_text(E'Key,text,more\n5,v,1', 'two', mapping => '{"a": "id|Key", "b": "text"}')),
    'loaded 1=1+0+0+0+0', 'a mapping of names, with alternatives');
SELECT is(shown(etl.load_text(E'k,when\n6,1735689600', 'two', mapping =>
    '{"a": "k", "b": {"sql": "''k'' || (record->>''when'')"}}')), 'loaded 1=1+0+0+0+0', 'with an expression');
SELECT results_eq('SELECT a, b FROM two ORDER BY a', $$VALUES
    (1, 'x'), (2, 'y'), (3, 'z'), (4, 'y'), (5, 'v'), (6, 'k1735689600')$$, 'give the rows that they say');
SELECT throws_ok($$SELECT etl.load_text(E'k,w\n6,1', 'two', mapping => '{"a": "key|id", "b": "w"}')$$, '42703',
    'the header has none of the columns that the mapping names for "a"', 'a mapping of what is not there');
SELECT is(shown(etl.load_text(E'id,name\n14,\n15,x', 'item', required => '{name}')), 'loaded 2=1+0+0+0+1',
    'a required value that is missing');

-- Lines that are wrong ------------------------------------------------------------------------------------------------

SELECT is(shown(etl.load_text(
    E'id,name,price\n20,a,1\n21,b\n22,c,1,\nx,d,1\n23,"e" e,1\n24,f,-1\n25,,1\n20,g,1\n26,h,1e99\n'
    '27,"i\n28,j,2\n', 'item')), 'loaded 11=2+0+0+0+9', 'every other line is loaded');
SELECT results_eq('SELECT line, column_name, sqlstate, content FROM latest ORDER BY line', $$VALUES
    (3::bigint, NULL, '22P04', '21,b'), (4, NULL, '22P04', '22,c,1,'), (5, 'id', '22P02', 'x,d,1'),
    (6, 'name', '22P04', '23,"e" e,1'), (7, NULL, '23514', '24,f,-1'), (8, 'name', '23502', '25,,1'),
    (9, NULL, '23505', '20,g,1'), (10, 'price', '22003', '26,h,1e99'), (11, 'name', '22P04', '27,"i')$$,
    'and it is told which ones were not');
SELECT ok((SELECT bool_and(reason <> '') FROM latest), 'with reasons');
SELECT is((SELECT jsonb_agg(e -> 'line') FROM etl.batches AS b, jsonb_array_elements(b.errors) AS e
           WHERE b.batch_id = (SELECT max(batch_id) FROM latest)),
          (SELECT jsonb_agg(line ORDER BY line) FROM latest), 'the batch has the same lines');
SELECT results_eq('SELECT received, valid, rejected, loaded, jsonb_array_length(errors), errors -> 2 ->> ''line'',
                          errors -> 2 ->> ''column'', errors -> 2 ->> ''code''
                   FROM etl.batches ORDER BY batch_id DESC LIMIT 1',
    $$VALUES (11::bigint, 2::bigint, 9::bigint, 2::bigint, 9, '5', 'id', '22P02')$$, 'the batch counts them');
CREATE TABLE three (a text, b text, c text);
SELECT is((etl.load_text(E'a,b,c\n1,"x,3\n4,5,6\n7,"8",9\n', 'three')).rejected, 1::bigint,
          'a quote that is not closed');
SELECT is((SELECT errors -> 0 -> 'line' FROM etl.batches ORDER BY batch_id DESC LIMIT 1), '2',
          'is a fault of the line that it opens in');
SELECT is((SELECT array_agg(id ORDER BY id) FROM item WHERE id >= 20), '{20,28}', 'the rows are there');
SELECT is(shown(etl.load_text(E'id,name\nx,a\n30,b', 'item', on_bad_row => 'skip')), 'loaded 2=1+0+0+0+1', 'skipped');
SELECT is((SELECT count(*) FROM latest), 0::bigint, 'lines are not kept');
SELECT throws_ok($$SELECT etl.load_text(E'id,name\n31,b\nx,a\n', 'item', on_bad_row => 'error')$$, '22P02', NULL,
    'or the first one is an error');
SELECT throws_ok($$SELECT etl.load_text(E'id,name\n31,b\n30,a\n', 'item', on_bad_row => 'error')$$, '23505', NULL,
    'of whatever kind');
SELECT throws_ok($$SELECT etl.load_text(E'id,name\n31,b\nx,a\ny,a\n', 'item', max_errors => 1)$$, '22P04',
    'the content has more than 1 lines that cannot be loaded', 'too many of them are one, too');
SELECT is((SELECT count(*) FROM item WHERE id = 31), 0::bigint, 'which leaves nothing');
SELECT is(shown(etl.load_text(E'id,name\n31,b\nx,a\n', 'item', max_errors => 1)), 'loaded 2=1+0+0+0+1',
    'so many are not');
INSERT INTO item (id, name) SELECT i, 'there' FROM generate_series(1000, 40000, 7) AS i;
SELECT is(shown(etl.load_text((SELECT 'id,name' || string_agg(format(E'\n%s,new', i), '')
    FROM generate_series(1000, 40000) AS i), 'item')), 'loaded 39001=33429+0+0+0+5572', 'many keys that are taken');
SELECT is((SELECT count(*) FROM item WHERE id BETWEEN 1000 AND 40000), 39001::bigint, 'each is there once');
SELECT is((SELECT count(*) FROM latest WHERE content = format('%s,new', 1000 + 7 * (ordinal - 1) / 7)
           AND line = ordinal + 1 AND sqlstate = '23505'), 5572::bigint, 'and each line is the right one');

-- Encodings -----------------------------------------------------------------------------------------------------------

SELECT is(shown(etl.load_text('\x612c620a312ce42c0a322ce40a332c780a'::bytea, 'two')), 'loaded 3=1+0+0+0+2',
    'bytes that are no text cost their line');
SELECT results_eq('SELECT line, column_name, sqlstate, content, raw FROM latest ORDER BY line', $$VALUES
    (2::bigint, NULL, '22P04', NULL, '\x312ce42c'::bytea), (3, 'b', '22021', NULL,
    '\x322ce4')$$, 'which is kept as it is');
SELECT is(shown(etl.load_text('\x612c620a372ce4fc0a'::bytea, 'two', encoding => 'LATIN1')), 'loaded 1=1+0+0+0+0',
    'LATIN1');
SELECT is(shown(etl.load_text('\xfffe61002c0062000a0038002c0025213dd800de0a00'::bytea, 'two')), 'loaded 1=1+0+0+0+0',
    'UTF-16 by its mark');
SELECT is(shown(etl.load_text('\x0061002c0062000a0039002c00e4000a'::bytea, 'two', encoding => 'UTF-16BE')),
    'loaded 1=1+0+0+0+0', 'UTF-16 by its name');
SELECT is(shown(etl.load_text('\x612c620a31302c835c0a31312c83ff0a31322c780a'::bytea, 'two', encoding => 'SJIS')),
    'loaded 3=2+0+0+0+1', 'an encoding with ASCII within its characters');
SELECT is(shown(etl.load_text('\xfffe61002c0062000a00310033002c0000d80a00310034002c007800'::bytea, 'two')),
    'loaded 2=1+0+0+0+1', 'half a surrogate pair');
SELECT results_eq('SELECT a, b FROM two WHERE a >= 7 ORDER BY a', $$VALUES
    (7, 'äü'), (8, E'\u2125\U0001F600'), (9, 'ä'), (10, 'ソ'), (12, 'x'), (14, 'x')$$, 'are the same texts');
SELECT is(shown(etl.load_text('\x612c620a31352c78007a0a31362c790a'::bytea, 'two')), 'loaded 2=1+0+0+0+1',
    'a zero byte');
SELECT throws_ok($$SELECT etl.load_text('\x61002c0062000a00'::bytea, 'two')$$, '22021', NULL,
    'UTF-16 that nobody told of');
SELECT throws_ok($$SELECT etl.load_text('a'::bytea, 'two', encoding => 'klingon')$$, '42704', NULL,
    'an unknown encoding');

-- The same content ----------------------------------------------------------------------------------------------------

SELECT is(shown(etl.load_text(E'a,b\n100,x', 'two')), 'loaded 1=1+0+0+0+0', 'content that is new');
SELECT is(shown(etl.load_text(E'a,b\n100,x', 'two')), 'duplicate 0=0+0+0+0+0', 'is loaded once');
SELECT is((etl.load_text(E'a,b\n100,x', 'two')).batch_id, (SELECT max(batch_id) FROM etl.batches),
    'and its batch is named');
SELECT is(shown(etl.load_text(E'a,b\n100,x', 'two', force => true)), 'loaded 1=1+0+0+0+0', 'unless it must be');
SELECT is((SELECT count(*) FROM two WHERE a = 100), 2::bigint, 'then it is there twice');
DELETE FROM etl.batch AS b WHERE b.target = 'public.two';
SELECT is(shown(etl.load_text(E'a,b\n100,x', 'two')), 'loaded 1=1+0+0+0+0', 'a batch that is deleted is forgotten');
CREATE TABLE mended (id int CHECK (id > 0));
SELECT is(shown(etl.load_text(E'id\n-1', 'mended')), 'loaded 1=0+0+0+0+1', 'content of which nothing was loaded');
ALTER TABLE mended DROP CONSTRAINT mended_id_check;
SELECT is(shown(etl.load_text(E'id\n-1', 'mended')), 'loaded 1=1+0+0+0+0', 'may be loaded when the cause is gone');
CREATE TABLE other (LIKE two);
SELECT is(shown(etl.load_text(E'a,b\n100,x', 'other')), 'loaded 1=1+0+0+0+0', 'another table is another matter');

-- Modes ---------------------------------------------------------------------------------------------------------------

CREATE TABLE account (id int PRIMARY KEY, owner text DEFAULT 'nobody', amount numeric NOT NULL CHECK (amount < 1000));
INSERT INTO account VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3);
SELECT is(shown(etl.load_text(E'id,amount\n1,1\n2,20\n4,4\n4,44\n5,5000\n,6\n7,', 'account', write_mode => 'upsert',
    key_columns => '{id}')), 'loaded 7=1+1+1+1+3', 'rows are updated by their keys');
SELECT results_eq('SELECT * FROM account ORDER BY id', $$VALUES
    (1, 'a', 1.0), (2, 'b', 20), (3, 'c', 3), (4, 'nobody', 44)$$, 'the last one wins');
SELECT is(shown(etl.load_text(E'id,amount\n1,1\n2,20\n3,3', 'account', key_columns => '{id}')),
    'loaded 3=0+0+3+0+0', 'with a key that is what is done where nothing is said');
SELECT is(shown(etl.load_text(E'id,owner,amount\n2,x,1\n9,y,2\n', 'account', write_mode => 'delete_insert',
    key_columns => '{id}')), 'loaded 2=2+0+0+0+0', 'rows are deleted by their keys');
SELECT is((SELECT deleted FROM etl.batches ORDER BY batch_id DESC LIMIT 1), 1::bigint, 'which is counted');
SELECT is(shown(etl.load_text(E'id,owner,amount\n2,x,1\nz,y,2\n', 'account', write_mode => 'replace')),
    'loaded 2=1+0+0+0+1', 'all rows are replaced');
SELECT results_eq('SELECT * FROM account ORDER BY id', $$VALUES (2, 'x', 1.0)$$, 'by those that are right');
SELECT throws_ok($$SELECT etl.load_text(E'id,owner,amount\nz,y,2', 'account', write_mode => 'replace')$$, '22000',
    'no line could be loaded, so table "public.account" is not replaced', 'but not by nothing');
SELECT is(shown(etl.load_text(E'id,owner,amount\n2,y,2', 'account', write_mode => 'replace')), 'loaded 1=1+0+0+0+0',
    'another content');
SELECT is(shown(etl.load_text(E'id,owner,amount\n2,x,1\nz,y,2\n', 'account', write_mode => 'replace')),
    'loaded 2=1+0+0+0+1', 'and the first one again, as the table is another one by now');
SELECT is(shown(etl.load_text(E'id,owner,amount\n2,x,1\nz,y,2\n', 'account', write_mode => 'replace')),
    'duplicate 0=0+0+0+0+0', 'but not twice in a row');
BEGIN;
CREATE TABLE account_of_others () INHERITS (account);
SELECT etl.load_text(E'id,owner,amount\n2,y,2\n3,y,2', 'account', write_mode => 'replace') \g /dev/null
SELECT is(count(*), 0::bigint, 'a table that inherits keeps its rows, and is not locked against its writers')
FROM pg_locks WHERE relation = 'account_of_others'::regclass AND mode = 'ShareRowExclusiveLock';
ROLLBACK;
SELECT etl.add_legal_hold('lawsuit', 'account', 'id = 2', 'a lawsuit') \g /dev/null
SELECT throws_ok($$SELECT etl.load_text(E'id,amount\n2,3', 'account', write_mode => 'replace')$$, '55000', NULL,
    'nor rows under a legal hold');
SELECT throws_ok($$SELECT etl.load_text(E'id,amount\n2,4', 'account', write_mode => 'delete_insert',
    key_columns => '{id}')$$, '55000', NULL, 'not by their keys either');
SELECT is(shown(etl.load_text(E'id,amount\n50,4', 'account', write_mode => 'delete_insert', key_columns => '{id}')),
    'loaded 1=1+0+0+0+0', 'others go on');
SELECT etl.release_legal_hold('lawsuit', 'it is over') \g /dev/null
SELECT throws_ok($$SELECT etl.load_text('id', 'account', write_mode => 'upsert')$$, '22023',
    'write_mode ''upsert'' needs key_columns', 'keys are needed');
SELECT throws_ok($$SELECT etl.load_text('id', 'account', write_mode => 'append', key_columns => '{id}')$$,
    '22023', NULL, 'or have no meaning');
SELECT throws_ok($$SELECT etl.load_text('id', 'account', write_mode => 'merge')$$, '22023', NULL, 'an unknown mode');

-- Tables of every kind ------------------------------------------------------------------------------------------------

CREATE TABLE child (id int GENERATED ALWAYS AS IDENTITY, account int REFERENCES account, note text);
CREATE TABLE part (id int, k text) PARTITION BY LIST (k);
CREATE TABLE part_a PARTITION OF part FOR VALUES IN ('a');
CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF new.b = 'hold' THEN
        RETURN NULL;
    ELSIF new.b = 'no' THEN
        RAISE EXCEPTION 'not this one';
    END IF;
    new.b := upper(new.b);
    RETURN new;
END
$$;
CREATE TABLE loud (LIKE two);
CREATE TRIGGER shout BEFORE INSERT ON loud FOR EACH ROW EXECUTE FUNCTION shout();
SELECT is(shown(etl.load_text(E'account,note\n2,x\n3,y\n2,z', 'child')), 'loaded 3=2+0+0+0+1', 'a foreign key');
SELECT is((SELECT format('%s %s', line, sqlstate) FROM latest), '3 23503', 'refuses its line');
CREATE TABLE late (id int UNIQUE DEFERRABLE INITIALLY DEFERRED);
SELECT is(shown(etl.load_text(E'id\n1\n2\n1\n3', 'late')), 'loaded 4=3+0+0+0+1', 'also a constraint that is deferred');
SELECT is(shown(etl.load_text(E'id,k\n1,a\n2,b\n3,a', 'part')), 'loaded 3=2+0+0+0+1', 'partitions');
CREATE TABLE whole (id int, k text NOT NULL) PARTITION BY LIST (id);
CREATE TABLE whole_part PARTITION OF whole DEFAULT;
SELECT is(shown(etl.load_text(E'id\n1', 'whole')), 'loaded 1=0+0+0+0+1', 'a column that is not in the content');
SELECT results_eq('SELECT column_name, sqlstate FROM latest', $$VALUES ('k', '23502')$$, 'is named also where it is a '
                  'part that refuses the row');
SELECT is(shown(etl.load_text(E'a,b\n1,x\n2,hold\n3,no\n4,y', 'loud')), 'loaded 4=2+0+0+1+1', 'triggers');
SELECT results_eq('SELECT a, b FROM loud ORDER BY a', $$VALUES (1, 'X'), (4, 'Y')$$, 'do what they do');

-- PostgreSQL 18 has generated columns that are not stored at all.
SELECT CASE WHEN current_setting('server_version_num')::int < 180000 THEN 'STORED' ELSE 'VIRTUAL' END AS kept \gset
CREATE TABLE doubled (id int, a int, twice int GENERATED ALWAYS AS (a * 2) :kept NOT NULL CHECK (twice < 100));
CREATE TABLE doubled_keyed (LIKE doubled INCLUDING ALL, PRIMARY KEY (id));
SELECT is(shown(etl.load_text(E'id,a\n1,1\n2,50\n3,\n4,7', relation)), 'loaded 4=2+0+0+0+2',
          'generated columns of ' || relation)
FROM (VALUES ('doubled'::regclass), ('doubled_keyed')) AS t(relation);
SELECT results_eq('SELECT line, column_name, sqlstate FROM latest ORDER BY line',
    $$VALUES (3::bigint, NULL, '23514'), (4, 'twice', '23502')$$, 'are checked');
SELECT is(shown(etl.load_text(E'id,a\n1,2\n4,7\n4,50', 'doubled_keyed', write_mode => 'upsert', key_columns => '{id}')),
          'loaded 3=0+1+1+0+1', 'also of rows that are there');
SELECT results_eq('TABLE doubled_keyed ORDER BY id', 'VALUES (1, 2, 4), (4, 7, 14)', 'and follow');

-- Rights --------------------------------------------------------------------------------------------------------------

CREATE ROLE load_text_role;
CREATE TABLE guarded (a int, b text, c text DEFAULT 'c');
GRANT INSERT (a, b) ON guarded TO load_text_role;
ALTER TABLE two ENABLE ROW LEVEL SECURITY;
CREATE POLICY two_positive ON two USING (true) WITH CHECK (a > 0);
GRANT INSERT ON two TO load_text_role;
SET ROLE load_text_role;
SELECT is(shown(etl.load_text(E'a,b\n1,x', 'guarded')), 'loaded 1=1+0+0+0+0', 'columns that may be inserted');
SELECT throws_ok($$SELECT etl.load_text(E'a,c\n1,x', 'guarded')$$, '42501', NULL, 'and one that may not');
SELECT throws_ok($$SELECT etl.load_text(E'a,b\n1,x\n-1,y', 'two')$$, '42501', NULL, 'policies hold');
RESET ROLE;
DROP OWNED BY load_text_role;
DROP ROLE load_text_role;

SELECT * FROM finish();
