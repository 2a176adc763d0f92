#!/usr/bin/env bash
# What it takes to read an API, against the API server of test/api on loopback: 100,000 records (39 MB) in pages of
# 1,000, from its bytes to records in hand and to jsonb; 100 pages that come after 50 ms, one after the other and side
# by side; and what that adds to the memory of the session.
#
#   test/bench/extract/fetch.sh [rounds]
set -euo pipefail

top=$(cd "$(dirname "$0")/../../.." && pwd)
cd "$top"
. "$top/test/cluster.sh"
. "$top/test/api.sh"
rounds=${1:-5}
work=$(cluster_tmpdir)
api=$(mktemp -d)
trap 'cluster_stop "$work"; api_stop "$api"; rm -rf "$api"' EXIT
api_start "$api"
cluster_start "$work" -o shared_buffers=256MB -o work_mem=64MB -o jit=off -o pg_etl.allowed_hosts=127.0.0.1

cluster_psql "$work" -q -v rounds="$rounds" -v api="$PG_ETL_API" <<'SQL'
SET client_min_messages = warning;
CREATE EXTENSION pg_etl;
CREATE SERVER api FOREIGN DATA WRAPPER etl_http OPTIONS (base_url :'api', parallel '16');
\c -
SET client_min_messages = warning;
SELECT count(*) FROM etl.fetch('api', 'bench/sales', '{"n": 10, "size": 10}') \g /dev/null
CREATE TEMPORARY TABLE measured (what text, at int GENERATED ALWAYS AS IDENTITY, seconds float8, answer bigint);

-- Pages as etl.run_extract reads them: fetched, checked and cut into records.
CREATE FUNCTION pg_temp.pages(query jsonb, parallel int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    handle int := etl._open_pages('api', 'bench/sales', query, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
        parallel);
    found boolean;
    records bigint := 0;
BEGIN
    LOOP
        CALL etl._await_page(handle, found);
        EXIT WHEN NOT found;
        records := records + (etl._page(handle)).record_count;
    END LOOP;
    PERFORM etl._close_pages(handle);
    RETURN records;
END $$;
CREATE FUNCTION pg_temp.records(query jsonb, parallel int) RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*) FROM (SELECT etl.fetch('api', 'bench/sales', query, parallel => parallel)) AS f
$$;
CREATE FUNCTION pg_temp.gathered(query jsonb, parallel int) RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*) FROM etl.fetch('api', 'bench/sales', query, parallel => parallel) AS f
$$;
CREATE PROCEDURE pg_temp.measure(what text, expression text, rounds int) LANGUAGE plpgsql AS $$
DECLARE
    began timestamptz;
    answer bigint;
BEGIN
    FOR round IN 0 .. rounds LOOP
        began := clock_timestamp();
        EXECUTE 'SELECT ' || expression INTO answer;
        IF round > 0 THEN
            INSERT INTO measured (what, seconds, answer)
            VALUES (what, extract(epoch FROM clock_timestamp() - began), answer);
        END IF;
    END LOOP;
END $$;
CREATE FUNCTION pg_temp.peak() RETURNS int LANGUAGE sql AS $$
    SELECT (regexp_match(pg_read_file('/proc/self/status'), 'VmHWM:\s+(\d+)'))[1]::int / 1024
$$;
SELECT pg_temp.peak() AS before \gset
CALL pg_temp.measure('100 pages of 1,000: in hand, 1 request at once',
    $$pg_temp.pages('{"n": 100000, "size": 1000}', 1)$$, :rounds);
CALL pg_temp.measure('100 pages of 1,000: in hand, 8 at once', $$pg_temp.pages('{"n": 100000, "size": 1000}', 8)$$,
    :rounds);
SELECT pg_temp.peak() - :before AS pages_mb \gset
CALL pg_temp.measure('100 pages of 1,000: jsonb, 8 at once', $$pg_temp.records('{"n": 100000, "size": 1000}', 8)$$,
    :rounds);
CALL pg_temp.measure('100 pages of 1,000: jsonb in FROM, 8 at once',
    $$pg_temp.gathered('{"n": 100000, "size": 1000}', 8)$$, :rounds);
SELECT pg_temp.peak() - :before AS records_mb \gset
SELECT format('CALL pg_temp.measure(%L, %L, 2)', format('100 pages after 50 ms: %s at once', n),
    format($$pg_temp.pages('{"n": 1000, "size": 10, "latency": 0.05}', %s)$$, n))
FROM unnest('{1,4,8,16}'::int[]) AS n \gexec
CALL pg_temp.measure('100 pages after 50 ms by cursor: one after the other',
    $$pg_temp.pages('{"n": 1000, "size": 10, "latency": 0.05, "style": "next_cursor"}', 8)$$, 2);
\pset footer off
SELECT what, round(percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds)::numeric, 3) AS "median s",
       round(min(seconds)::numeric, 3) AS "min s", min(answer) AS records
FROM measured GROUP BY what ORDER BY min(at);
SELECT round((max(m) FILTER (WHERE what LIKE '%: 1 at once')
              / max(m) FILTER (WHERE what LIKE '%: 8 at once'))::numeric, 1) AS "8 pages at once, times faster"
FROM (SELECT what, percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) AS m FROM measured
      WHERE what LIKE '%after 50 ms:%' GROUP BY what) AS f;
SELECT :pages_mb AS "MB for pages in hand", :records_mb AS "MB with jsonb and its tuplestore";
SQL
