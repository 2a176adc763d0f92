-- Records of an API over all of its pages: etl.fetch for who reads them in a query, and handles for who loads them page
-- by page (etl.run_extract), which commits between the pages and holds nothing open while the network is waited for.
-- The right to execute etl.fetch is the right to both: etl._open_pages asks for it, and a handle is its role's alone.

CREATE FUNCTION etl.fetch(
    server name, path text DEFAULT '', query jsonb DEFAULT NULL, headers jsonb DEFAULT NULL,
    method text DEFAULT NULL, body jsonb DEFAULT NULL, records_path text DEFAULT 'auto',
    paginate jsonb DEFAULT '{"type": "auto"}', max_pages integer DEFAULT 10000, parallel integer DEFAULT NULL)
RETURNS SETOF jsonb
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'etl_fetch';
COMMENT ON FUNCTION etl.fetch(name, text, jsonb, jsonb, text, jsonb, text, jsonb, integer, integer) IS
    'All records of an API, in order, over all of its pages; each page is handed on before the next one is read. '
    'server, path, query, headers: as of etl.http_get. method: GET or POST, which it is where there is a body; body: '
    'JSON. Whatever the method, the request is taken for one that reads, and is tried again. records_path: where the '
    'records are in a page: auto, a JSON pointer (/data/items), a JSONPath ($.data.items[*]), or ndjson for one '
    'record a line. paginate: how the pages follow each other: {"type": "auto" | "none" | "page" | "offset" | '
    '"cursor" | "next" | "link" | "has_more", …}; docs/fetch.md has the options of each type, and what ends its '
    'pages. What auto has chosen is told by a NOTICE. max_pages: more are an error. parallel: requests side by side '
    'where pages are asked for by number or offset (default: the server''s option). 08P01 a page that is cut, is no '
    'JSON or has no records at that place, contradicts itself, a total or the page before, repeats one, or does not '
    'say whether there is more; 22P05 \u0000 in a record; 42501 a link to another origin; 53400 more pages than '
    'max_pages; 54000 a page that nests deeper than 256 levels; and the errors of etl.http_get. Each tells the page '
    'and its position. Not for PUBLIC: GRANT EXECUTE ON FUNCTION etl.fetch TO the roles that may.';
REVOKE EXECUTE ON FUNCTION etl.fetch(name, text, jsonb, jsonb, text, jsonb, text, jsonb, integer, integer) FROM PUBLIC;

CREATE FUNCTION etl._check_paging(
    records_path text, paginate jsonb, query jsonb, headers jsonb, parallel integer)
RETURNS void
LANGUAGE C IMMUTABLE
AS 'MODULE_PATHNAME', 'etl_check_paging';
COMMENT ON FUNCTION etl._check_paging(text, jsonb, jsonb, jsonb, integer) IS
    'Checks that etl.fetch takes these arguments (22023), without asking a server.';

CREATE FUNCTION etl._open_pages(
    server name, path text, query jsonb, headers jsonb, method text, body jsonb, records_path text, paginate jsonb,
    "position" jsonb, max_pages integer, parallel integer)
RETURNS integer
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'etl_open_pages';
COMMENT ON FUNCTION etl._open_pages(name, text, jsonb, jsonb, text, jsonb, text, jsonb, jsonb, integer, integer) IS
    'Asks for the pages of an API, from a position on that etl._page has told (NULL or {}: the first page), and '
    'returns the number by which this session knows them. It lasts over commits, to the abort of the '
    '(sub)transaction that it is in, and belongs to the current role. The other arguments, and errors, are those of '
    'etl.fetch, which the role must have the right to execute (42501).';

CREATE PROCEDURE etl._await_page(handle integer, INOUT found boolean)
LANGUAGE C
AS 'MODULE_PATHNAME', 'etl_await_page';
COMMENT ON PROCEDURE etl._await_page(integer, boolean) IS
    'Waits for the next page; found is false behind the last one. Called right after COMMIT, it waits without a '
    'snapshot, in a transaction that has done nothing (25001 where it has): what it waits for holds up no VACUUM. In a '
    'transaction block or a function it waits within that transaction. Errors are those of etl.fetch; the pages before '
    'are right and stay so.';

CREATE PROCEDURE etl._try_await_page(handle integer, INOUT found boolean, INOUT failure jsonb)
LANGUAGE C
AS 'MODULE_PATHNAME', 'etl_try_await_page';
COMMENT ON PROCEDURE etl._try_await_page(integer, boolean, jsonb) IS
    'etl._await_page that gives back what is wrong with the page, or on the way to it, and does not raise it (an '
    'etl._problem), cancels too: a block that catches errors would keep its snapshot.';

CREATE FUNCTION etl._page(
    handle integer, OUT number integer, OUT url text, OUT "position" jsonb, OUT next_position jsonb,
    OUT is_last boolean, OUT record_count integer, OUT bytes bigint, OUT chosen text, OUT seconds double precision)
RETURNS record
LANGUAGE C STRICT VOLATILE
AS 'MODULE_PATHNAME', 'etl_page';
COMMENT ON FUNCTION etl._page(integer) IS
    'The page that was awaited: its number among those of the handle, its URL without the query, its position and that '
    'of the next page (NULL where it is the last one), how many records and bytes it has, where the records were found '
    'and how the pages follow each other (for people), and the seconds that were waited for it.';

CREATE FUNCTION etl._page_records(handle integer, OUT ordinal integer, OUT record text)
RETURNS SETOF record
LANGUAGE C STRICT VOLATILE
AS 'MODULE_PATHNAME', 'etl_page_records';
COMMENT ON FUNCTION etl._page_records(integer) IS
    'The records of the page that was awaited, from 1 on, as they stand in the body.';

CREATE FUNCTION etl._close_pages(handle integer)
RETURNS void
LANGUAGE C STRICT VOLATILE
AS 'MODULE_PATHNAME', 'etl_close_pages';
COMMENT ON FUNCTION etl._close_pages(integer) IS
    'Forgets the pages, and ends what requests for them are under way.';
