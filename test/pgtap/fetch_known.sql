-- The conventions of known APIs (test/api/known.py), as docs/fetch.md says to ask them: lists of any length come whole,
-- empty ones too; what auto knows, and what it says where it does not.
\getenv api PG_ETL_API
SET client_min_messages = warning;
SELECT plan(151);

SET pg_etl.allowed_hosts = '127.0.0.1';
CREATE SERVER api FOREIGN DATA WRAPPER etl_http OPTIONS (base_url :'api', retry_delay '1ms');
CREATE FUNCTION pg_temp.fetched(api text, n integer, body jsonb, records_path text, paginate jsonb) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    message text;
    detail text;
    hint text;
BEGIN
    RETURN (SELECT count(*) || ', ' || count(DISTINCT r)
            FROM etl.fetch('api', 'known/known/' || api, jsonb_build_object('n', n), body => body,
                           records_path => records_path, paginate => paginate) AS r);
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN SQLSTATE || ' ' || regexp_replace(message, 'http://127[^ :]*:\d+/', '/') || ' ' || detail || ' ' || hint;
END $$;

SELECT is(pg_temp.fetched(api, n, body::jsonb, coalesce(records_path, 'auto'), paginate::jsonb), n || ', ' || n,
          format('%s, %s records', api, n))
FROM (VALUES
    ('airtable', NULL, NULL, '{"type": "cursor", "at": "/offset", "param": "offset", "end": "missing"}'),
    ('asana', NULL, NULL, '{"type": "cursor", "at": "/next_page/offset", "param": "offset"}'),
    ('asana', NULL, NULL, '{"type": "next", "at": "/next_page/uri"}'),
    ('couchdb', '{"selector": {}}', NULL, '{"type": "cursor", "at": "/bookmark", "param": "bookmark", "in": "body",
        "end": "empty"}'),
    ('dynamodb', '{"TableName": "sale"}', NULL, '{"type": "cursor", "at": "/LastEvaluatedKey",
        "param": "ExclusiveStartKey", "in": "body", "end": "missing"}'),
    ('elasticsearch', '{"sort": ["id", "_id"]}', '/hits/hits', '{"type": "cursor", "at": "record:/sort",
        "param": "search_after", "in": "body", "end": "empty", "total": "/hits/total/value"}'),
    ('eventbrite', NULL, NULL, '{"type": "cursor", "at": "/pagination/continuation", "param": "continuation",
        "end": "missing", "has_more": "/pagination/has_more_items", "total": "/pagination/object_count"}'),
    ('facebook', NULL, NULL, '{"type": "next", "at": "/paging/next", "end": "missing"}'),
    ('gitlab', NULL, NULL, '{"type": "link", "end": "missing"}'),
    ('google', NULL, '/items', '{"type": "cursor", "at": "/nextPageToken", "param": "pageToken", "end": "missing",
        "missing_is_empty": true}'),
    ('graphql', '{"query": "{…}", "variables": {"first": 10}}', '/data/sales/edges', '{"type": "cursor", "in": "body",
        "at": "/data/sales/pageInfo/endCursor", "param": "/variables/after",
        "has_more": "/data/sales/pageInfo/hasNextPage"}'),
    ('hal', NULL, NULL, '{"type": "next", "at": "/_links/next", "end": "missing"}'),
    ('hubspot', NULL, NULL, '{"type": "cursor", "at": "/paging/next/after", "param": "after", "end": "missing"}'),
    ('jira', NULL, NULL, '{"type": "offset", "param": "startAt"}'),
    ('laravel', NULL, NULL, '{"type": "next", "at": "/next_page_url"}'),
    ('laravel', NULL, NULL, '{}'),
    ('notion', '{}', NULL, '{"type": "cursor", "at": "/next_cursor", "param": "start_cursor", "in": "body"}'),
    ('odata', NULL, NULL, '{"type": "next", "at": "/@odata.nextLink", "end": "missing"}'),
    ('okta', NULL, NULL, '{"type": "link"}'),
    ('postgrest', NULL, NULL, '{"type": "offset", "size_param": "limit", "size": 10}'),
    ('salesforce', NULL, NULL, '{"type": "next", "at": "/nextRecordsUrl", "end": "missing", "total": "/totalSize"}'),
    ('sharepoint', NULL, NULL, '{"type": "next", "at": "/d/__next", "end": "missing"}'),
    ('slack', NULL, NULL, '{}'),
    ('spring', NULL, NULL, '{"type": "page", "start": 0, "current": "/number", "total": "/totalElements"}'),
    ('stripe', NULL, NULL, '{"type": "cursor", "at": "record:/id", "param": "starting_after"}'),
    ('ticketmaster', NULL, '/_embedded/events', '{"type": "page", "start": 0, "pages": "/page/totalPages",
        "current": "/page/number", "total": "/page/totalElements", "missing_is_empty": true}'),
    ('x', NULL, '/data', '{"type": "cursor", "at": "/meta/next_token", "param": "pagination_token", "end": "missing",
        "missing_is_empty": true}'),
    ('zendesk', NULL, NULL, '{"type": "cursor", "at": "/meta/after_cursor", "param": "page[after]",
        "has_more": "/meta/has_more"}')) AS v(api, body, records_path, paginate),
    unnest('{0,1,10,20,25}'::int[]) AS n;

-- By auto, what is not known is an error that shows the way.
SELECT alike(pg_temp.fetched(api, 25, body::jsonb, 'auto', NULL), pattern, 'auto: ' || api)
FROM (VALUES
    ('odata', NULL, '%does not say whether another page follows%{"type": "next", "at": "/@odata.nextLink", %'),
    ('hubspot', NULL, '%{"type": "cursor", "at": "/paging/next/after", "param": "after", "end": "missing"}%'),
    ('google', NULL, '%{"type": "cursor", "at": "/nextPageToken", "param": "nextPageToken", %'),
    ('hal', NULL, '%{"type": "next", "at": "/_links/next/href", "end": "missing"}%'),
    ('asana', NULL, '%neither a number nor a text at /next_page%Tell the place within it, for example %'),
    ('stripe', NULL, '%answers with status 400%unknown parameter page%How the pages follow each other was found out%'),
    ('notion', '{}', '%answers with status 400%unknown parameter cursor%cursors in "cursor", told at /next_cursor%'),
    ('spring', NULL, '%nothing says what number it has%"start": 0%')) AS v(api, body, pattern);

-- Options that have no sense.
SELECT throws_ok(format($$SELECT etl.fetch('api', 'known/known/graphql', body => %L, paginate => %L)$$, body, paginate),
    '22023', message, 'refused: ' || message)
FROM (VALUES
    ('{"query": "{…}"}', '{"type": "cursor", "at": "/a", "in": "body", "param": "/variables/after"}',
     'paginate puts "/variables/after" into the body, which must be a JSON object with an object there, without it'),
    ('{"variables": {"after": null}}', '{"type": "cursor", "at": "/a", "in": "body", "param": "/variables/after"}',
     'paginate puts "/variables/after" into the body, which must be a JSON object with an object there, without it'),
    ('{}', '{"type": "none", "missing_is_empty": true}',
     'paginate of "missing_is_empty" needs to be told where the records are otherwise')) AS v(body, paginate, message);

SELECT * FROM finish();
