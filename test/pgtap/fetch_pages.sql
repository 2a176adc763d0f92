-- etl.fetch against the API server of test/api: every style of pages comes whole, every lie is an error; and the
-- handles that etl.run_extract reads pages by. Faults of the transport are in test/t/fetch_faults.t.
\getenv api PG_ETL_API
CREATE EXTENSION dblink;
SET client_min_messages = warning;
SELECT plan(142);

ALTER DATABASE :"DBNAME" SET pg_etl.allowed_hosts = '127.0.0.1';
SET pg_etl.allowed_hosts = '127.0.0.1';
CREATE SERVER api FOREIGN DATA WRAPPER etl_http OPTIONS (base_url :'api', retry_delay '1ms');
DO $$ BEGIN
    PERFORM etl.http_get('api', key || '/_reset')
    FROM unnest('{fetch,fetch_slow,fetch_page,fetch_log,fetch_grow}'::text[]) AS key;
END $$;

-- How many records come, and whether they are 1 to n in order.
CREATE FUNCTION pg_temp.fetched(query text, paginate jsonb DEFAULT '{}', records_path text DEFAULT 'auto',
                                parallel integer DEFAULT NULL) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    ids bigint[];
BEGIN
    SELECT array_agg((f ->> 'sale_id')::bigint) INTO ids
    FROM etl.fetch('api', 'fetch/sales?' || query, NULL, NULL, NULL, NULL, records_path, paginate,
                   parallel => parallel) AS f;
    RETURN coalesce(cardinality(ids), 0)
        || CASE WHEN ids = ARRAY(SELECT generate_series(1::bigint, cardinality(ids))) THEN ' in order' ELSE '' END;
END $$;
CREATE FUNCTION pg_temp.refusal(query text, paginate jsonb DEFAULT '{}', records_path text DEFAULT 'auto') RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    message text;
    state text;
    detail text;
BEGIN
    PERFORM pg_temp.fetched(query, paginate, records_path);
    RETURN 'nothing was refused';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
    RETURN state || ' ' || regexp_replace(message, 'http://127[^ :]*:\d+/', '/') || ' ' || detail;
END $$;

-- ---- styles --------------------------------------------------------------------------------------------------------

SELECT is(pg_temp.fetched('n=234&size=10&style=' || style), '234 in order', 'auto: ' || style)
FROM unnest('{next_page,nextPage,pagination.next_page,pagination.nextPage,has_more,hasMore,pagination.has_more,
    links.next,next,next_cursor,nextCursor,pagination.next_cursor,link_header,bare,total_pages,
    pagination.total_pages,offset,link_header&link_form=tricky,links.next&link=path,links.next&link=query,
    links.next&link=file,next_page&as_string=1,has_more&first_page=0,total_pages&first_page=0,next_page&total=1,
    bare&total=header,has_more&by=cursor,next&by=offset,link_header&by=cursor,
    next_page&records=response.data.items&noise=1,has_more&records=results&shuffle=1,bare&max_size=7,
    has_more&total=1&chunked=1&encoding=gzip&encoding_always=1,next_page&bom=1,next_page&big_numbers=3,
    next_page&dup_keys=3}'::text[]) AS style;
SELECT is(pg_temp.fetched('n=0&size=10&style=' || style), '0', 'auto, nothing: ' || style)
FROM unnest('{next_page,has_more,links.next,link_header,bare,next_cursor,offset}'::text[]) AS style;
SELECT is(pg_temp.fetched('n=10&size=10&style=' || style), '10 in order', 'auto, one full page: ' || style)
FROM unnest('{next_page,has_more,links.next,link_header,bare,next_cursor,offset}'::text[]) AS style;
SELECT is(pg_temp.fetched('n=234&size=10&style=' || style, paginate::jsonb), '234 in order', paginate)
FROM (VALUES
    ('next_page', '{"type": "page"}'),
    ('bare', '{"type": "page", "start": 1}'),
    ('bare&first_page=0', '{"type": "page", "start": 0}'),
    ('bare_short', '{"type": "page", "start": 1, "end": "short", "size": 10}'),
    ('bare_short&beyond=404', '{"type": "page", "start": 1, "end": "404"}'),
    ('bare', '{"type": "page", "size": 50, "size_param": "per_page"}'),
    ('offset_bare', '{"type": "offset"}'),
    ('offset_bare&max_size=7', '{"type": "offset", "size": 100, "size_param": "limit"}'),
    ('X-Next-Cursor', '{"type": "cursor", "at": "header:X-Next-Cursor", "end": "missing"}'),
    ('starting_after', '{"type": "cursor", "at": "record:/sale_id", "param": "starting_after"}'),
    ('meta.paging.next_token', '{"type": "cursor", "at": "/meta/paging/next_token"}'),
    ('meta.paging.next', '{"type": "next", "at": "$.meta.paging.next"}'),
    ('link_header&no_link=1', '{"type": "link", "end": "missing"}'),
    ('meta.has_more', '{"type": "has_more", "at": "/meta/has_more"}'),
    ('none', '{"type": "none"}')) AS v(style, paginate);
SELECT is(pg_temp.fetched('n=234&size=10&style=bare', parallel => 1), '234 in order', 'one request after the other');

-- ---- lies ----------------------------------------------------------------------------------------------------------

SELECT alike(
    pg_temp.refusal(CASE WHEN query LIKE 'n=%' THEN '' ELSE 'n=100&' END || 'size=10&' || query, paginate::jsonb),
    pattern, query)
FROM (VALUES
    ('style=next_page&has_more_lies=true', '{}', '08P01 page 10 of /fetch/sales: it contradicts itself%'),
    ('style=has_more&has_more_lies=true&total=no', '{}',
     '08P01 page 11 of %it is empty%Position: {"page":11,"records":100}.'),
    ('style=has_more&has_more_lies=false', '{}', '08P01 page 2 of %total (/total) is 100%/has_more is false%'),
    ('style=next_page&repeat_page=3', '{}', '08P01 page 4 of %same records as a page before it%'),
    ('style=bare&repeat_page=1', '{}', '08P01 page 2 of %same records as a page before it%'),
    ('style=next_cursor&repeat_token=1', '{}', '08P01 page 2 of %that was read before%'),
    ('style=links.next&repeat_token=1', '{}', '08P01 page 2 of %same records as a page before it%'),
    ('style=next_page&total_off_by=5', '{}', '08P01 page 10 of %total (/total) is 105 and 100 records have come%'),
    ('style=next_page&total_off_by=-5', '{}', '08P01 page 10 of %is 95, but 100 records have come%'),
    ('style=next_cursor&total_off_by=5', '{}', '08P01 page 10 of %is 105, but 100 records have come%'),
    ('style=total_pages&total_off_by=-20', '{"total": false}', 'nothing was refused'),
    ('style=next_page&grow_front=-3&total=1', '{}',
     '08P01 page 2 of %its total (/total) is %, after 100 Records were deleted%'),
    ('style=links.next&link=other', '{}', '42501 page 1 of %leads to another origin%'),
    ('style=links.next&link=file:///etc/passwd', '{}', '08P01 page 1 of %cannot be followed%'),
    ('style=bare&first_page=0', '{}', '08P01 page 1 of %nothing says what number it has%'),
    ('n=95&style=bare_short', '{}', '08P01 page 11: %answers with status 404%Position: {"page":11,"records":95}.'),
    ('style=link_header&no_link=1', '{}', '08P01 page 10 of %no Link header, which the page before it had%'),
    ('style=none', '{}', '08P01 page 1 of %does not say whether another page follows%'),
    ('style=starting_after', '{}', '08P01 page 2 of %same records as a page before it%'),
    ('style=X-Next-Cursor', '{"type": "cursor", "at": "header:X-Next-Cursor"}',
     '08P01 page 10 of %does not tell the next page%'),
    ('style=next_page&total=1', '{"type": "none"}', '08P01 page 1 of %is 100, but 10 records have come%')
) AS v(query, paginate, pattern);
SELECT alike(pg_temp.fetched('n=100&size=10&style=next_page&grow=1&total=1'), '1__ in order',
    'records added at the end');

SELECT alike(pg_temp.refusal('n=40&size=10&style=next_page&' || query, '{}', path), pattern, query || ' ' || path)
FROM (VALUES
    ('truncate=2000&fail_page=3', 'auto', '08P01 page 3 of /fetch/sales: it ends at byte 2001, within the document%'),
    ('trailing=x&fail_page=2', 'auto', '08P01 page 2 of %where the end of the document should be%'),
    ('html=1&fail_page=2', 'auto', '08P01 page 2 of %it is HTML or XML, not JSON The page begins: <!DOCTYPE%'),
    ('error200=1&fail_page=2', 'auto', '08P01 page 2 of %it has nothing at "/data"%'),
    ('empty=1&fail_page=2', 'auto', '08P01 page 2 of %it is empty%'),
    ('invalid_utf8=15', 'auto', '08P01 page 2 of %it is not UTF-8 at byte %'),
    ('deep=300', 'auto', '54000 page 1 of %nests deeper than 256 levels%'),
    ('missing=null', 'auto', '08P01 page 1 of %it has no array of records%'),
    ('missing=object', '/data', '08P01 page 1 of %it has a value of type object at "/data"%'),
    ('missing=string', '/data', '08P01 page 1 of %it has a value of type string at "/data"%'),
    ('', '/items', '08P01 page 1 of %it has nothing at "/items"%'),
    ('nul=15', 'auto', '22P05 unsupported Unicode escape sequence%')) AS v(query, path, pattern);

-- ---- arguments -----------------------------------------------------------------------------------------------------

SELECT throws_ok(format('SELECT count(*) FROM etl.fetch(''api'', ''fetch/sales'', %s)', arguments), state, NULL,
    arguments)
FROM (VALUES
    ('paginate => ''{"type": "pages"}''', '22023'), ('paginate => ''{"type": "page", "at": "/x"}''', '22023'),
    ('paginate => ''[]''', '22023'), ('records_path => ''data''', '22023'), ('max_pages => 0', '22023'),
    ('parallel => -1', '22023'), ('method => ''DELETE''', '22023'), ('method => ''get''', '22023'),
        ('query => ''[]''', '22023'),
    ('query => ''{"size": 10}'', max_pages => 3', '53400')) AS v(arguments, state);
SELECT throws_ok('SELECT etl.fetch(NULL)', '22004', NULL, 'no server');
SELECT throws_ok('SELECT etl.fetch(''nowhere'')', '42704', NULL, 'an unknown server');
SELECT is(count(*), 5::bigint, 'LIMIT ends it')
FROM (SELECT etl.fetch('api', 'fetch_log/sales', '{"n": 1000, "size": 5}') LIMIT 5) AS f;
SELECT cmp_ok((body::jsonb ->> 'requests')::int, '<', 20, 'and what is not wanted is not asked for')
FROM etl.http_get('api', 'fetch_log/_log?summary');
SELECT is((SELECT count(*) FROM etl.fetch('api', 'fetch/echo', body => '{"a": 1}', records_path => '',
    paginate => '{"type": "none"}') AS f
    WHERE f ->> 'method' = 'POST' AND (f ->> 'body')::jsonb = '{"a": 1}'), 1::bigint, 'a body is sent by POST');
CREATE ROLE fetch_nobody;
SET ROLE fetch_nobody;
SELECT throws_ok($$SELECT etl.fetch('api')$$, '42501', NULL, 'it is not for PUBLIC');
SELECT throws_ok($$SELECT etl._open_pages('api', '', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)$$, '42501',
    'role "fetch_nobody" may not fetch pages', 'nor are handles');
RESET ROLE;
GRANT EXECUTE ON FUNCTION etl.fetch TO fetch_nobody;
SET ROLE fetch_nobody;
SELECT throws_ok($$SELECT etl._open_pages('api', '', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)$$, '42501',
    'permission denied for foreign server api', 'the right to fetch is not one to a server');
RESET ROLE;
SELECT lives_ok($$SELECT etl._check_paging('/data', '{"type": "link"}', '{"a": [1, 2]}', '{"X-A": "b"}', 64),
                         etl._check_paging(NULL, NULL, NULL, NULL, NULL)$$, 'paging');
SELECT throws_ok($$SELECT etl._check_paging('/data', '{"type": "lnk"}', NULL, NULL, NULL)$$, '22023', NULL,
    'paging that is none');
SELECT throws_ok($$SELECT etl._check_paging('data', NULL, NULL, NULL, NULL)$$, '22023', NULL, 'a path that is none');

-- ---- handles -------------------------------------------------------------------------------------------------------

CREATE FUNCTION pg_temp.open(query jsonb, "position" jsonb DEFAULT NULL) RETURNS integer LANGUAGE sql AS $$
    SELECT etl._open_pages('api', 'fetch_page/sales', query, NULL, NULL, NULL, 'auto', '{}', "position", NULL, NULL)
$$;
SELECT pg_temp.open('{"n": 25, "size": 10, "style": "pagination.next_page"}') AS handle \gset
SELECT throws_ok(format('SELECT etl._page(%s)', :handle), '55000', NULL, 'no page is there before it is awaited');
CALL etl._await_page(:handle, NULL) \gset
SELECT is(:'found'::boolean, true, 'a page comes');
SELECT results_eq(format('SELECT number, "position", next_position, is_last, record_count, chosen,
    url ~ ''/fetch_page/sales$'' FROM etl._page(%s)', :handle),
    $$VALUES (1, '{}'::jsonb, '{"page": 2, "records": 10}'::jsonb, false, 10,
    'records at /data; page numbers in "page", told at /pagination/next_page', true)$$, 'it tells what it is');
BEGIN;
CALL etl._await_page(:handle, NULL) \gset
SELECT is((SELECT array_agg((record::jsonb ->> 'sale_id')::int - ordinal) FROM etl._page_records(:handle)),
    array_fill(10, ARRAY[10]), 'its records, within a transaction');
COMMIT;
CALL etl._await_page(:handle, NULL) \gset
SELECT results_eq(format('SELECT number, next_position, is_last, record_count FROM etl._page(%s)', :handle),
    $$VALUES (3, NULL::jsonb, true, 5)$$, 'the last page');
CALL etl._await_page(:handle, NULL) \gset
SELECT is(:'found'::boolean, false, 'the end');
SELECT lives_ok(format('SELECT etl._close_pages(%s)', :handle), 'it is closed');
SELECT throws_ok(format('SELECT etl._page(%s)', :handle), '22023', NULL, 'and is known no longer');
SELECT throws_ok(format('SELECT etl._close_pages(%s)', :handle), '22023', NULL, 'nor closed twice');
SELECT throws_ok('SELECT pg_temp.open(''{}'', ''{"page": "2"}'')', '22023', NULL, 'a position that is none');

SELECT pg_temp.open('{"n": 25, "size": 10}') AS handle \gset
BEGIN;
SELECT pg_temp.open('{"n": 25, "size": 10}') AS second \gset
SAVEPOINT s;
SELECT pg_temp.open('{"n": 25, "size": 10}') AS third \gset
ROLLBACK TO s;
SELECT throws_ok(format('SELECT etl._close_pages(%s)', :third), '22023', NULL, 'a handle ends with its subtransaction');
SELECT lives_ok(format('DO $x$ DECLARE f boolean; BEGIN CALL etl._await_page(%s, f); END $x$', :second),
    'not with another one');
ROLLBACK;
SELECT throws_ok(format('SELECT etl._close_pages(%s)', :handle), '22023', NULL,
    'all end with a transaction that fails');
SELECT pg_temp.open('{"n": 25, "size": 10}') AS handle \gset
SET ROLE fetch_nobody;
SELECT throws_ok(format('SELECT etl._close_pages(%s)', :handle), '22023', NULL, 'a handle belongs to its role');
RESET ROLE;
SELECT etl._close_pages(:handle);

-- A function of a user's that runs while the records of a page are mapped, and takes the page away.
CREATE TABLE mapped (sale_id bigint, note text);
CREATE SEQUENCE calls;
CREATE FUNCTION close_within(handle integer) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('public.calls') = 3 THEN
        PERFORM etl._close_pages(handle);
    END IF;
    RETURN repeat('x', 1000);
END $$;
SELECT pg_temp.open('{"n": 1000, "size": 1000}') AS handle \gset
CALL etl._await_page(:handle, NULL) \gset
SELECT is(count(*), 1000::bigint, 'a page lasts as long as it is read') FROM etl._map_page(:handle, 'mapped',
    jsonb_build_object('sale_id', 'sale_id', 'note',
    jsonb_build_object('sql', format('public.close_within(%s)', :handle)))) AS p(ordinal integer, record jsonb,
        sale_id bigint, note text);
SELECT throws_ok(format('SELECT etl._close_pages(%s)', :handle), '22023', NULL, 'and is closed then');

-- From each position that was told, the rest comes.
CREATE TABLE stop (style text, next_position jsonb, seen int);
CREATE PROCEDURE pg_temp.note_stops(style text) LANGUAGE plpgsql AS $$
DECLARE
    handle integer := pg_temp.open(jsonb_build_object('n', 95, 'size', 10, 'style', style));
    found boolean;
    seen integer := 0;
    page record;
BEGIN
    LOOP
        CALL etl._await_page(handle, found);
        EXIT WHEN NOT found;
        SELECT * INTO page FROM etl._page(handle);
        seen := seen + page.record_count;
        INSERT INTO stop SELECT style, page.next_position, seen WHERE NOT page.is_last;
        COMMIT;
    END LOOP;
    PERFORM etl._close_pages(handle);
END $$;
CREATE FUNCTION pg_temp.rest(style text, "position" jsonb) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    handle integer := pg_temp.open(jsonb_build_object('n', 95, 'size', 10, 'style', style), "position");
    found boolean;
    seen integer := 0;
BEGIN
    LOOP
        CALL etl._await_page(handle, found);
        EXIT WHEN NOT found;
        seen := seen + (SELECT count(*) FROM etl._page_records(handle));
    END LOOP;
    PERFORM etl._close_pages(handle);
    RETURN seen;
END $$;
DO $$
DECLARE
    style text;
BEGIN
    FOREACH style IN ARRAY string_to_array('next_page,has_more,pagination.has_more,links.next,link_header,'
        'next_cursor,bare,total_pages,offset', ',')
    LOOP
        CALL pg_temp.note_stops(style);
    END LOOP;
END $$;
SELECT is(count(*), 82::bigint, 'positions are told') FROM stop;
SELECT is(count(*), 0::bigint, 'from each of them the rest comes') FROM stop
WHERE seen + pg_temp.rest(style, next_position) <> 95;

-- While a page is awaited there is no snapshot, and nothing done that would be open.
CREATE PROCEDURE load_slowly() LANGUAGE plpgsql AS $$
DECLARE
    handle integer;
    found boolean := true;
BEGIN
    handle := etl._open_pages('api', 'fetch_slow/sales', '{"n": 20, "size": 10, "fail_page": 2, "slow": 2}', NULL, NULL,
                              NULL, 'auto', '{}', NULL, NULL, 1);
    COMMIT;
    CALL etl._await_page(handle, found);
    INSERT INTO loaded SELECT record::jsonb FROM etl._page_records(handle);
    COMMIT;
    CALL etl._await_page(handle, found);
    INSERT INTO loaded SELECT record::jsonb FROM etl._page_records(handle);
    PERFORM etl._close_pages(handle);
END $$;
CREATE TABLE loaded (record jsonb);
SELECT dblink_connect('other', format('dbname=%s host=%s application_name=loads_slowly', current_database(),
    current_setting('unix_socket_directories')));
SELECT dblink_send_query('other', 'CALL load_slowly()');
DO $$
BEGIN
    FOR i IN 1 .. 300 LOOP
        EXIT WHEN (SELECT count(*) FROM loaded) = 10;
        PERFORM pg_sleep(0.01);
        COMMIT;
    END LOOP;
    PERFORM pg_sleep(0.3);
END $$;
SELECT results_eq($$SELECT state, backend_xid IS NULL, backend_xmin IS NULL,
    (SELECT count(*) FROM pg_locks AS l WHERE l.pid = a.pid AND l.locktype <> 'virtualxid')
    FROM pg_stat_activity AS a WHERE application_name = 'loads_slowly'$$, $$VALUES ('active', true, true, 0::bigint)$$,
    'a page is awaited without a snapshot, a transaction number or a lock');
SELECT * FROM dblink_get_result('other') AS r(status text);
SELECT count(*) FROM dblink_get_result('other') AS r(status text);
SELECT is(count(DISTINCT record -> 'sale_id'), 20::bigint, 'and comes') FROM loaded;

CREATE PROCEDURE load_without_commit() LANGUAGE plpgsql AS $$
DECLARE
    handle integer := etl._open_pages('api', 'fetch_page/sales', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
    found boolean;
BEGIN
    DELETE FROM loaded;
    CALL etl._await_page(handle, found);
END $$;
SELECT throws_ok($$SELECT dblink_exec('other', 'CALL load_without_commit()')$$, '25001',
    'etl._await_page must be called right after COMMIT', 'what was done does not stay open while a page is awaited');
SELECT dblink_disconnect('other');
SELECT * FROM finish();
