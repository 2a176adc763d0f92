#!/usr/bin/env bash
# etl.fetch and the handles of pages where the transport breaks in the middle of many pages: what comes is whole or an
# error that says where, and goes on from there; a page that is slow is cancelled at once; memory is that of a page.
set -euo pipefail

. "$(dirname "$0")/../cluster.sh"
. "$(dirname "$0")/../api.sh"
. "$(dirname "$0")/kill.sh"
dir=$(cluster_tmpdir)
api=$(mktemp -d)
trap 'cluster_stop "$dir"; api_stop "$api"; rm -rf "$api"' EXIT
api_use "$api"
cluster_start "$dir" -o pg_etl.allowed_hosts='127.0.0.1' -o client_min_messages=warning
cluster_env "$dir"
sql -c 'CREATE EXTENSION pg_etl'

number=0
is() { # is WHAT FOUND EXPECTED
    number=$((number + 1))
    if [[ $2 == "$3" ]]; then
        echo "ok $number - $1"
    else
        echo "not ok $number - $1"
        printf '# found:    %s\n# expected: %s\n' "$2" "$3"
    fi
}
like() { # like WHAT FOUND PATTERN
    if [[ $2 == $3 ]]; then is "$1" '' ''; else is "$1" "$2" "$3"; fi
}
server() { # server NAME [OPTIONS]
    sql -c "CREATE SERVER $1 FOREIGN DATA WRAPPER etl_http OPTIONS (base_url '$PG_ETL_API', retry_delay '1ms'${2:+, $2})"
}
# fetch SERVER PATH [ARGUMENTS]: how many records come and how many different ones; or the error, with its detail.
fetch() {
    { psql -X -q -A -t -F ' ' -v VERBOSITY=verbose -c "SELECT count(*), count(DISTINCT f -> 'sale_id')
        FROM etl.fetch('$1', '$2'${3:+, $3}) AS f" 2>&1 || true; } |
        sed -n '/^HINT\|^LOCATION\|^CONTEXT\|^LINE\|^ *^/d; s/^ERROR:  //; p' | paste -sd ' '
}
milliseconds() {
    echo $((${EPOCHREALTIME/[.,]/} / 1000))
}
server api
server once "attempts '1', timeout '2s'"
pages='n=200&size=10'

# --- faults within the 20 pages ---------------------------------------------------------------------------------------

for style in next_page next_cursor links.next bare; do
    for fault in reset=headers reset=body cut=100 'cut=100&chunked=1' lie_length=9 'cut=100&encoding=gzip' fail=503; do
        key=broken_${style//[^a-z]/_}_${fault//[^a-z0-9]/_}
        is "$style, $fault that passes" "$(fetch api "$key/sales?$pages&style=$style&$fault&fail_page=7,8,20&times=2")" '200 200'
    done
done
for fault in reset=headers reset=body cut=100 'cut=100&chunked=1' lie_length=9 'cut=100&encoding=gzip'; do
    like "$fault that does not" "$(fetch once "stays_${fault//[^a-z0-9]/_}/sales?$pages&$fault&fail_page=7")" \
        '08006: page 7* Position: {"page":7,"records":60}.'
done
like '503 that does not' "$(fetch once "stays/sales?$pages&fail=503&fail_page=7")" '08P01: page 7* status 503* Position: {"page":7,"records":60}.'
like 'a page that drips' "$(fetch once "drips/sales?$pages&drip=10:0.2&fail_page=7")" '08006: page 7* Position: {"page":7,"records":60}.'
like 'a redirect' "$(fetch once "redirect/sales?$pages&redirect=other&fail_page=7")" '08P01: page 7* status 302* Position: *'
like 'a body without end' "$(fetch once "bomb/sales?$pages&huge=1073741824&fail_page=7")" '53400: page 7* Position: *'
like 'a bomb' "$(fetch once "bomb/sales?$pages&bomb=1073741824&fail_page=7")" '53400: page 7* Position: *'
is 'a connection that ends after each answer' "$(fetch api "close/sales?$pages&close=silent")" '200 200'
is 'Retry-After within the pages' "$(fetch api "after/sales?$pages&fail=429&retry_after=1&fail_page=7&times=1")" '200 200'
is 'a rate limit' "$(fetch api "rate/sales?$pages&rate=40/s")" '200 200'
for part in cut=100 truncate=3000 html=1 empty=1 'trailing=]' error200=1; do
    # Each page but the last of these is an error at exactly that page, whatever was asked for ahead.
    found=$(fetch once "part_${part//[^a-z]/_}/sales?$pages&$part&fail_page=13,14,15")
    like "$part at page 13" "$found" '* page 13*"page":13,"records":120}.'
done

# --- secrets ----------------------------------------------------------------------------------------------------------

sql -c "CREATE SERVER keyed FOREIGN DATA WRAPPER etl_http OPTIONS (base_url '$PG_ETL_API', attempts '1')" \
    -c "CREATE USER MAPPING FOR CURRENT_USER SERVER keyed OPTIONS (api_key 'hidden-secret-7', api_key_query 'key')"
for style in links.next link_header next; do
    is "a secret in the links of the server: $style" \
        "$(fetch keyed "keyed_${style//[^a-z]/_}/sales?$pages&style=$style&auth=query:key:hidden-secret-7")" '200 200'
done
for fault in fail=401 fail=500 html=1 trailing=x fail=404; do
    found=$(fetch keyed "told/sales?$pages&style=links.next&echo_secret=1&$fault&fail_page=3")
    like "$fault is an error" "$found" '* page 3*'
    like '… that tells no secret' "${found//hidden-secret/FOUND}" "${found//hidden-secret/}"
done
told=0
for ((padding = 0; padding < 60; padding++)); do # wherever a message cuts what the server has told
    found=$(fetch keyed "told/echo?a=$(printf '%*s' "$padding" '' | tr ' ' x)" "records_path => '/x'")
    [[ $found == *'The page begins'* && $found != *hidden* ]] || told=$((told + 1))
done
is 'nor does the beginning of a page' "$told" 0
is 'nor does a position' "$(sql -c "DO \$\$
    DECLARE handle int := etl._open_pages('keyed', 'place/sales', '{\"n\": 30, \"size\": 10, \"style\": \"next\"}', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
        found boolean;
    BEGIN
        CALL etl._await_page(handle, found);
        RAISE '%', etl._page(handle);
    END \$\$" 2>&1 | grep -c hidden-secret || true)" 0

# --- bytes that are no text ---

printf '{"error": "caf\351"}' | curl -sS --data-binary @- "$PG_ETL_API/latin/_put/files/body" > /dev/null
sql -c 'CREATE TABLE latin (sale_id bigint)' -c "SELECT etl.create_extract('latin', 'once', 'latin/files/body', 'latin',
    query => '{\"status\": 500}')" > /dev/null
like 'a body that is not UTF-8' "$(sql -c "CALL etl.run_extract('latin')" 2>&1 || true)" \
    '*failed*answers with status 500*{"error": "caf?"}*'
like '… is a run that failed' "$(sql -c "SELECT status, error FROM etl.runs WHERE name = 'latin'")" 'failed|*status 500*'
like '… a page that is not' "$(fetch once 'latin/files/body')" '08P01: page 1 of * it is not UTF-8 at byte 15 * The page begins: {"error": "caf?"} *'

# --- cancel -----------------------------------------------------------------------------------------------------------

# cancelled WHAT SQL: milliseconds from pg_cancel_backend to the end of a statement that waits for a page.
cancelled() {
    local started pid client
    : > "$dir/output"
    PGAPPNAME=waits sql -c 'SELECT pg_backend_pid()' -c "$2" > "$dir/output" 2> "$dir/errors" &
    client=$!
    until [ -s "$dir/output" ]; do sleep 0.01; done
    pid=$(head -n 1 "$dir/output")
    sleep 0.7
    started=$(milliseconds)
    sql -c "SELECT pg_cancel_backend($pid)" > /dev/null
    wait "$client" || true
    started=$(($(milliseconds) - started))
    like "cancelled: $1" "$(cat "$dir/errors")" 'ERROR:  canceling statement due to user request*'
    echo "# after $started ms, psql's end included"
    is "… at once" "$((started < 300))" 1
}
cancelled 'before the first byte' "SELECT count(*) FROM etl.fetch('api', 'slow/sales?$pages&slow=20&fail_page=3')"
cancelled 'within the headers' "SELECT count(*) FROM etl.fetch('api', 'slow/sales?$pages&drip_headers=0.3&fail_page=3')"
cancelled 'within the body' "SELECT count(*) FROM etl.fetch('api', 'slow/sales?$pages&drip=10:0.2&fail_page=3')"
cancelled 'waiting to ask again' "SELECT count(*) FROM etl.fetch('api', 'slow/sales?$pages&fail=503&retry_after=20&fail_page=3')"
cancelled 'in a procedure, between transactions' "DO \$\$
    DECLARE handle int := etl._open_pages('api', 'slow/sales?$pages&slow=20&fail_page=1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
        found boolean;
    BEGIN
        COMMIT;
        CALL etl._await_page(handle, found);
    END \$\$"
is 'what was cancelled leaves nothing behind' "$(psql -X -q -A -t 2>&1 <<SQL
SET statement_timeout = 300;
SELECT count(*) FROM etl.fetch('api', 'again/sales?$pages&slow=20&fail_page=3');
SET statement_timeout = 0;
SELECT count(*) FROM etl.fetch('api', 'again/sales?$pages');
SQL
)" $'ERROR:  canceling statement due to statement timeout\n200'

# --- memory -----------------------------------------------------------------------------------------------------------

# peak QUERY [PARALLEL]: how many MB a query over pages adds to the peak of the session's memory.
peak() {
    psql -X -q -A -t <<SQL
SET work_mem = '1MB';
SELECT count(*) FROM etl.fetch('api', 'peak/sales?n=10&size=10') \gset
SELECT (regexp_match(pg_read_file('/proc/self/status'), 'VmHWM:\s+(\d+)'))[1]::int AS before \gset
$1 \gset
SELECT ((regexp_match(pg_read_file('/proc/self/status'), 'VmHWM:\s+(\d+)'))[1]::int - :before) / 1024;
SQL
}
mb=$(peak "SELECT count(*) FROM (SELECT etl.fetch('api', 'peak/sales?n=40000&size=1000', parallel => 4)) AS f")
echo "# 40 pages of 0.4 MB, 4 at once: $mb MB"
is '40 pages of 0.4 MB take the memory of some' "$((mb <= 12))" 1
mb=$(peak "SELECT count(*) FROM (SELECT etl.fetch('api', 'peak/sales?n=100000&size=20000', parallel => 1)) AS f")
echo "# 5 pages of 8 MB, one at a time: $mb MB"
is '5 pages of 8 MB take the memory of one and 32 MB' "$((mb <= 8 + 32))" 1
mb=$(peak "SELECT count(*) FROM (SELECT etl.fetch('api', 'peak/sales?n=60000&size=60000', parallel => 1)) AS f")
echo "# a page of 24 MB: $mb MB"
is 'a page of 24 MB takes no more than that and 32 MB' "$((mb <= 24 + 32))" 1

# --- crashes ----------------------------------------------------------------------------------------------------------

# A loader as etl.run_extract is one: the rows of a page and the position of the next one in one transaction.
sql <<'SQL'
CREATE TABLE sale (sale_id bigint);
CREATE TABLE state (style text, "position" jsonb, is_over boolean DEFAULT false);
CREATE PROCEDURE load(of_style text) LANGUAGE plpgsql AS $$
DECLARE
    handle integer;
    found boolean;
    page record;
BEGIN
    handle := etl._open_pages('api', 'crash/sales', jsonb_build_object('n', 1000, 'size', 10, 'style', of_style, 'latency', 0.003),
        NULL, NULL, NULL, NULL, NULL, (SELECT s."position" FROM state AS s WHERE style = of_style), NULL, 4);
    LOOP
        COMMIT;
        CALL etl._await_page(handle, found);
        EXIT WHEN NOT found;
        SELECT * INTO page FROM etl._page(handle);
        INSERT INTO sale SELECT (record::jsonb ->> 'sale_id')::bigint FROM etl._page_records(handle);
        UPDATE state SET "position" = page.next_position, is_over = page.is_last WHERE style = of_style;
    END LOOP;
    PERFORM etl._close_pages(handle);
END $$;
SQL
for style in pagination.next_page next_cursor link_header bare; do
    victim=session
    [ $style != bare ] || victim=server
    sql -c "TRUNCATE sale, state; INSERT INTO state (style) VALUES ('$style')"
    kills=0
    until [ "$(sql -c "SELECT is_over FROM state")" = t ] || [ $kills = 40 ]; do
        kills=$((kills + 1))
        call_and_kill "$dir" "CALL load('$style')" "$victim" $((90 + 10 * kills)) > /dev/null # a busy machine needs more
    done
    echo "# killed the $victim $kills times"
    is "every record is there once: $style" \
        "$(sql -c 'SELECT count(*), count(DISTINCT sale_id), min(sale_id), max(sale_id) FROM sale')" '1000|1000|1|1000'
done
echo "1..$number"
