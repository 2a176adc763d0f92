-- etl.ingest in several sessions at once: a call gets verdicts, whatever the others do. No transaction around the file,
-- because the sessions must see its tables.
SELECT plan(9);
CREATE EXTENSION dblink;
CREATE TABLE member (id int PRIMARY KEY, mail text UNIQUE, CHECK (id > 0));
CREATE TABLE plain (id int PRIMARY KEY, note text, CHECK (id > 0));
CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM pg_sleep(0.3); RETURN new; END$$;
CREATE TRIGGER slow BEFORE INSERT ON member FOR EACH ROW EXECUTE FUNCTION slowly();
CREATE TRIGGER slow BEFORE INSERT ON plain FOR EACH ROW EXECUTE FUNCTION slowly();
SELECT etl.create_ingest('members', 'member', key_columns => '{id}'),
       etl.create_ingest('plains', 'plain', key_columns => '{id}');
SELECT dblink_connect(s, format('dbname=%s host=%s options=''-c deadlock_timeout=200ms''', current_database(),
                                current_setting('unix_socket_directories')))
FROM unnest('{a,b}'::text[]) AS s;
CREATE FUNCTION pg_temp.send(session text, source text, records text) RETURNS int LANGUAGE sql AS $$
    SELECT dblink_send_query(session, format('SELECT i.accepted, i.verdicts::text FROM etl.ingest(%L, %L::text) AS i',
                                             source, records))
$$;
-- accepted: verdicts; or the error.
CREATE FUNCTION pg_temp.answer(session text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    made text;
BEGIN
    SELECT string_agg(v ->> 'verdict', ' ' ORDER BY v ->> 'record') INTO made
    FROM dblink_get_result(session) AS r(accepted int, verdicts jsonb), jsonb_array_elements(r.verdicts) AS v;
    PERFORM * FROM dblink_get_result(session) AS r(accepted int, verdicts jsonb);
    RETURN made;
EXCEPTION
    WHEN OTHERS THEN
        RETURN SQLERRM;
END
$$;

-- Two that have the same values in another order.
SELECT pg_temp.send('a', 'members', '[{"id": 1, "mail": "x"}, {"id": 2, "mail": "y"}]');
DO $$
BEGIN
    WHILE NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep') LOOP
        ASSERT clock_timestamp() < now() + interval '1 minute', 'the first of two has not come to its trigger';
        PERFORM pg_sleep(0.01), pg_stat_clear_snapshot();
    END LOOP;
END
$$;
SELECT pg_temp.send('b', 'members', '[{"id": 3, "mail": "y"}, {"id": 4, "mail": "x"}]');
SELECT is(pg_temp.answer('a'), 'inserted inserted', 'the first of two has its rows');
SELECT is(pg_temp.answer('b'), 'rejected rejected', 'the second one is told that there are such');
SELECT is(array_agg(id ORDER BY id), '{1,2}', 'and each is there once') FROM member;
SELECT is(array_agg(DISTINCT sqlstate), '{23505}', 'with the reason') FROM etl.dead_letters;

-- One that is written in parts, because of a bad record, and has no order any more.
SELECT pg_temp.send('a', 'plains', '[{"id": 5}, {"id": 9}, {"id": 1}, {"id": 0}]'), pg_sleep(0.5);
SELECT pg_temp.send('b', 'plains', '[{"id": 1}, {"id": 5}]');
SELECT matches(pg_temp.answer('a'), '^(inserted|duplicate) inserted (inserted|duplicate) rejected$',
               'a deadlock ends no call');
SELECT matches(pg_temp.answer('b'), '^(inserted|duplicate) (inserted|duplicate)$', 'neither of them');
SELECT is(array_agg(id ORDER BY id), '{1,5,9}', 'and all rows are there') FROM plain;

-- Keys that are one by their collation.
CREATE COLLATION any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE word (word text COLLATE any_case PRIMARY KEY, n int);
SELECT etl.create_ingest('words', 'word', key_columns => '{word}');
SELECT is(string_agg(v ->> 'verdict', ' ' ORDER BY v ->> 'record'), 'duplicate inserted inserted',
          'keys that are one by their collation: the last one counts')
FROM etl.ingest('words', '[{"word": "a", "n": 1}, {"word": "A", "n": 2}, {"word": "b", "n": 3}]'::text) AS i,
     jsonb_array_elements(i.verdicts) AS v;

-- A trigger that calls etl.ingest for more sources than a session keeps plans for.
CREATE TABLE other (id int PRIMARY KEY, n int);
SELECT count(etl.create_ingest('other_' || i, 'other', key_columns => '{id}', description => i::text))
FROM generate_series(1, 40) AS i;
CREATE FUNCTION go_on() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM etl.ingest('other_' || i, format('{"id": %s, "n": %s}', i, new.n)) FROM generate_series(1, 40) AS i;
    RETURN new;
END
$$;
CREATE TRIGGER go_on BEFORE INSERT ON word FOR EACH ROW EXECUTE FUNCTION go_on();
SELECT is(i.accepted, 3, 'a command that runs keeps its plan')
FROM etl.ingest('words', '[{"word": "x", "n": 1}, {"word": "y", "n": 2}, {"word": "z", "n": 3}]'::text) AS i;
SELECT * FROM finish();
