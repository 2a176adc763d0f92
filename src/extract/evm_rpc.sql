-- Asking a node by JSON-RPC 2.0 (https://www.jsonrpc.org/specification), several calls in one request.
--
-- While the answer is awaited, no snapshot is held. The procedures give back what went wrong and do not raise it.

CREATE PROCEDURE etl._await_rpc(
    server name, path text, request text, pause double precision, INOUT answer text, INOUT failure jsonb)
LANGUAGE C
AS 'MODULE_PATHNAME', 'etl_await_rpc';
COMMENT ON PROCEDURE etl._await_rpc(name, text, text, double precision, text, jsonb) IS
    'Commits, waits some seconds, posts a request to a server and waits for its answer. It holds no snapshot '
    'meanwhile, and so cannot be called in a transaction block or in a block with EXCEPTION (2D000). failure: what '
    'went wrong (sqlstate, message, detail, hint): as of etl.http_post, 08P01 the status is no success and the body no '
    'JSON-RPC, 57014 a cancel.';

CREATE FUNCTION etl._evm_request(calls jsonb, first integer, size integer, in_batch boolean)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (CASE WHEN in_batch THEN c.listed ELSE c.listed -> 0 END)::text
    FROM (
        SELECT jsonb_agg(jsonb_build_object('jsonrpc', '2.0', 'id', first + n, 'method', calls -> (first + n) -> 0,
                                            'params', calls -> (first + n) -> 1) ORDER BY n) AS listed
        FROM generate_series(0, size - 1) AS n
    ) AS c
$$;
COMMENT ON FUNCTION etl._evm_request(jsonb, integer, integer, boolean) IS
    'The body of a request with some of the calls, a list of [method, params]; their places are their ids.';

CREATE FUNCTION etl._evm_refuse(sqlstate text, message text, detail text, hint text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = sqlstate, MESSAGE = message, DETAIL = coalesce(detail, ''),
        HINT = coalesce(hint, '');
END
$$;
COMMENT ON FUNCTION etl._evm_refuse(text, text, text, text) IS 'Raises an error.';

CREATE FUNCTION etl._evm_complaint(answer jsonb)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT left(coalesce(answer -> 'error' ->> 'message', answer ->> 'error'), 500) $$;
COMMENT ON FUNCTION etl._evm_complaint(jsonb) IS
    'What an answer says went wrong, its first 500 characters, NULL: nothing. Some proxies write a text where an '
    'object should be.';

CREATE FUNCTION etl._evm_result(call jsonb, answer jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    is_final CONSTANT boolean := call #>> '{1,0}' = 'finalized';
BEGIN
    IF answer -> 'error' <> 'null' OR is_final AND answer -> 'result' = 'null' THEN
        PERFORM etl._evm_refuse(
            'HV000', format('the node refused %s: %s', call ->> 0,
                            coalesce(etl._evm_complaint(answer), 'it knows no such block')),
            format('It was asked for %s, and answered with code %s.', left(call ->> 1, 500),
                   coalesce(answer -> 'error' ->> 'code', 'NULL')),
            CASE WHEN is_final THEN 'SELECT etl.alter_evm_extract(…, confirmations => 64); takes blocks as final by '
                                    'how deep they are, where the node does not know which are.' END);
    ELSIF NOT answer ? 'result' THEN
        PERFORM etl._evm_refuse('08P01', format('answer to %s has neither result nor error', call ->> 0),
                                format('It is %s.', left(answer::text, 500)), NULL);
    END IF;
    RETURN answer -> 'result';
END
$$;
COMMENT ON FUNCTION etl._evm_result(jsonb, jsonb) IS
    'The result in the answer to a call: HV000 the node answered with an error, 08P01 it is no answer.';

CREATE FUNCTION etl._evm_results(calls jsonb, first integer, size integer, in_batch boolean, answer text)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    document jsonb;
    is_one boolean;
    results jsonb;
    answered integer;
BEGIN
    BEGIN
        document := answer::jsonb;
    EXCEPTION
        WHEN data_exception THEN
            PERFORM etl._evm_refuse('08P01', 'the answer of the node is no JSON',
                                    format('It begins with %s.', quote_literal(left(answer, 200))), NULL);
    END;
    is_one := jsonb_typeof(document) <> 'array';
    document := CASE WHEN is_one THEN jsonb_build_array(document) ELSE document END;
    IF jsonb_array_length(document) = 1 AND document -> 0 -> 'error' <> 'null'
       AND (in_batch AND is_one OR document -> 0 ->> 'id' IS NULL) THEN
        PERFORM etl._evm_refuse(
            'HV000', format('the node refused %s: %s',
                            CASE size WHEN 1 THEN calls -> first ->> 0 ELSE size || ' calls in one request' END,
                            etl._evm_complaint(document -> 0)),
            NULL,
            CASE WHEN in_batch THEN 'SELECT etl.alter_evm_extract(…, batch_size => …); sends fewer calls at once; 1 '
                                    'sends each by itself.' END);
    END IF;
    SELECT jsonb_agg(etl._evm_result(calls -> (a ->> 'id')::integer, a) ORDER BY (a ->> 'id')::integer),
           count(DISTINCT (a ->> 'id')::integer)
    INTO results, answered
    FROM jsonb_array_elements(document) AS a
    WHERE a ->> 'id' IN (SELECT (first + n)::text FROM generate_series(0, size - 1) AS n); -- some write texts
    IF answered IS DISTINCT FROM size OR jsonb_array_length(document) <> size THEN
        PERFORM etl._evm_refuse('08P01', format('the node answered %s of %s calls', answered, size),
                                format('It begins with %s.', quote_literal(left(answer, 200))), NULL);
    END IF;
    RETURN results;
END
$$;
COMMENT ON FUNCTION etl._evm_results(jsonb, integer, integer, boolean, text) IS
    'The results of the calls of one request, in their order, whatever the order of the answers is. Errors: 08P01 the '
    'answer is no JSON, or not one to these calls, HV000 a call was refused.';

CREATE FUNCTION etl._evm_try_results(
    calls jsonb, first integer, size integer, in_batch boolean, answer text, INOUT results jsonb, OUT failure jsonb)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    problem etl._problem;
BEGIN
    results := results || etl._evm_results(calls, first, size, in_batch, answer);
EXCEPTION
    WHEN OTHERS OR query_canceled THEN
        PERFORM etl._take_cancel_once(SQLSTATE);
        GET STACKED DIAGNOSTICS problem.sqlstate = RETURNED_SQLSTATE, problem.message = MESSAGE_TEXT,
            problem.detail = PG_EXCEPTION_DETAIL, problem.hint = PG_EXCEPTION_HINT;
        failure := to_jsonb(problem);
END
$$;
COMMENT ON FUNCTION etl._evm_try_results(jsonb, integer, integer, boolean, text, jsonb) IS
    'Adds etl._evm_results to the results, or says what went wrong.';

CREATE PROCEDURE etl._evm_ask(
    source jsonb, calls jsonb, pause double precision, INOUT results jsonb, INOUT failure jsonb)
LANGUAGE plpgsql
AS $$
DECLARE
    size CONSTANT pg_catalog.int4 := (source ->> 'batch_size')::pg_catalog.int4;
    server CONSTANT pg_catalog.name := source ->> 'server';
    path CONSTANT pg_catalog.text := source ->> 'path';
    asked pg_catalog.int4 := 0;
    chunk pg_catalog.int4;
    request pg_catalog.text;
    answer pg_catalog.text;
BEGIN
    results := '[]';
    WHILE asked < jsonb_array_length(calls) AND failure IS NULL LOOP
        chunk := least(size, jsonb_array_length(calls) - asked);
        request := etl._evm_request(calls, asked, chunk, size > 1);
        CALL etl._await_rpc(server, path, request, pause, answer, failure);
        COMMIT;
        SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
        PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
        IF failure IS NULL THEN
            SELECT r.* INTO results, failure
            FROM etl._evm_try_results(calls, asked, chunk, size > 1, answer, results) AS r;
        END IF;
        asked := asked + chunk;
        pause := 0;
    END LOOP;
END
$$;
COMMENT ON PROCEDURE etl._evm_ask(jsonb, jsonb, double precision, jsonb, jsonb) IS
    'The results of calls, a list of [method, params], to the node of an extract, in requests of up to batch_size '
    'calls each, or what went wrong. pause: seconds to wait before the first. Called with the path pinned, and leaves '
    'it so.';
