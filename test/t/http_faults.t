#!/usr/bin/env bash
# HTTP where the other side, or somebody in between, means harm: connections that break in each phase, bodies that are
# cut, drip, or grow without end, TLS that proves nothing, names that lead inside, proxies and files of the environment;
# and how fast a request is cancelled in each phase. No secret gets into the server's log by any of it.
set -euo pipefail

. "$(dirname "$0")/../cluster.sh"
. "$(dirname "$0")/../api.sh"
. "$(dirname "$0")/kill.sh"
dir=$(cluster_tmpdir)
api=$(mktemp -d)
silent=0
clean_up() {
    [ "$silent" = 0 ] || kill "$silent" 2> /dev/null || true
    cluster_stop "$dir"
    api_stop "$api"
    rm -rf "$api"
}
trap clean_up EXIT
api_use "$api"
port=${PG_ETL_API##*:}
tls_port=${PG_ETL_API_TLS##*:}
proxy_port=${PG_ETL_API_PROXY##*:}

# What a resolver of somebody else's may say: of slow.test nothing for ten minutes, of all others below .test where we
# ask it to lead. libcurl calls getaddrinfo.
g++ -shared -fPIC -o "$dir/resolver.so" -x c++ - -ldl <<'CODE'
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>
extern "C" int getaddrinfo(const char* name, const char* service, const addrinfo* hints, addrinfo** result)
{
    static const auto next = reinterpret_cast<decltype(&getaddrinfo)>(dlsym(RTLD_NEXT, "getaddrinfo"));
    const char* const known[][2] = {{"inside.test", "127.0.0.1"}, {"mapped.test", "::ffff:127.0.0.1"},
                                    {"metadata.test", "169.254.169.254"}, {"private.test", "10.1.2.3"}};
    if (name != nullptr && strcmp(name, "slow.test") == 0) {
        sleep(600);
    }
    for (const auto& each : known) {
        if (name != nullptr && strcmp(name, each[0]) == 0) {
            return next(each[1], service, hints, result);
        }
    }
    return next(name, service, hints, result);
}
CODE
chmod 755 "$dir/resolver.so"

# Whatever the environment says of proxies, and a .netrc with a password for the host, are none of ours.
export http_proxy=http://127.0.0.1:1 https_proxy=http://127.0.0.1:1 all_proxy=http://127.0.0.1:1 no_proxy='*'
export HTTPS_PROXY=$https_proxy ALL_PROXY=$all_proxy ETL_TEST_PASSWORD=secret-of-environment
for host in localhost 127.0.0.1; do
    echo "machine $host login netrc password secret-of-netrc"
done > "$dir/.netrc"
echo secret-of-file > "$dir/secret"
[ "$(id -u)" != 0 ] || chown postgres: "$dir/.netrc" "$dir/secret"
export PG_ETL_PRELOAD=${PG_ETL_PRELOAD:+$PG_ETL_PRELOAD:}$dir/resolver.so # the sanitizers must be the first
cluster_start "$dir" -o log_min_messages=debug1 \
    -o pg_etl.allowed_hosts='localhost, 127.0.0.1, *.test'
unset http_proxy https_proxy all_proxy no_proxy HTTPS_PROXY ALL_PROXY
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

server() { # server NAME BASE_URL [OPTIONS]
    sql -c "CREATE SERVER $1 FOREIGN DATA WRAPPER etl_http OPTIONS (base_url '$2', retry_delay '1ms'${3:+, $3})"
}
# call FUNCTION ARGUMENTS: status and length of the body, or the SQLSTATE and the message of the error.
call() {
    { psql -X -q -A -t -F ' ' -v VERBOSITY=verbose -c "SELECT status, length(body) FROM etl.http_$1($2)" 2>&1 || true; } |
        sed -n '/^DETAIL\|^HINT\|^LOCATION\|^CONTEXT/d; s/^ERROR:  //; p'
}
get() { # get SERVER PATH
    call get "'$1', '$2'"
}
seen() { # seen KEY JSON-PATH: from each entry of the API's log of requests
    sql -c "SELECT jsonb_path_query_array(body::jsonb, '\$[*]$2') FROM etl.http_get('log', '$1/_log')"
}
summary() { # summary KEY MEMBER
    sql -c "SELECT body::jsonb ->> '$2' FROM etl.http_get('log', '$1/_log?summary=1')"
}
milliseconds() {
    echo $((${EPOCHREALTIME/[.,]/} / 1000))
}

server log "http://localhost:$port"
server api "http://localhost:$port" "timeout '2s', max_body '1MB'"
server once "http://localhost:$port" "timeout '600ms', attempts '1', max_body '1MB'"

# --- broken connections and bodies ------------------------------------------------------------------------------------

server resets "http://localhost:${PG_ETL_API_RESETS##*:}"
like 'reset at once' "$(get resets x)" '08006: GET http://localhost:*/x failed (attempt 3, the last)'
server nobody http://localhost:1
like 'nobody listens' "$(get nobody x)" '08001: could not connect to host "localhost" (port 1) (attempt 3, the last)'
server unknown https://no-such-host.invalid.test "attempts '2'"
like 'no such host' "$(get unknown x)" '08001: host "no-such-host.invalid.test" could not be resolved (attempt 2, the last)'
for fault in reset=headers reset=body cut=100 'cut=100&chunked=1' lie_length=7 'cut=100&encoding=gzip'; do
    key=broken_${fault//[^a-z0-9]/_}
    like "$fault" "$(get api "$key/events?n=50&$fault")" '08006: GET http://localhost:*/events * (attempt 3, the last)'
    is "… was tried three times" "$(summary "$key" requests)" 3
done
is 'two lengths that differ' "$(get api 'lengths/events?n=50&length=twice' | cut -c 1-5)" 08P01
is 'a fault that passes' "$(get api 'passing/events?n=1&style=none&reset=body&times=2' | cut -d ' ' -f 1)" 200
is '503 twice' "$(sql -c "SELECT status, timing -> 'attempts' FROM etl.http_get('api', 'later/events?fail=503:2')")" '200|3'
is '503 for ever' "$(sql -c "SELECT status, timing -> 'attempts' FROM etl.http_get('api', 'never/events?fail=503')")" '503|3'
is '404' "$(sql -c "SELECT status, timing -> 'attempts' FROM etl.http_get('api', 'no/events?fail=404')")" '404|1'

post() { # post PATH [IDEMPOTENT]: status, attempts
    sql -c "SELECT status, timing -> 'attempts'
            FROM etl.http_post('api', '$1', body => '{}', idempotent => ${2:-false})" 2>&1 | sed '/^DETAIL/d; s/^ERROR:.*failed.*/failed/'
}
is 'a POST is not repeated' "$(post 'post/echo?fail=500')" '500|1'
is '… unless it may be' "$(post 'post/echo?fail=500' true)" '500|3'
is '… or the server says that it has done nothing' "$(post 'post_503/echo?fail=503:2')" '200|3'
is '… nor when its answer is lost' "$(post 'post_lost/echo?reset=headers')|$(summary post_lost requests)" 'failed|1'
post 'post_reused/echo?close=silent' > /dev/null
is '… nor on a connection that the server has left' \
    "$(sql -c "SELECT status FROM etl.http_get('api', 'left/events?n=1&close=silent');
               SELECT status FROM etl.http_post('api', 'left/echo?reset=headers', body => '{}')" 2> /dev/null |
       tr '\n' ' ')$(seen left '.method')" '200 ["GET", "POST"]'

waits() { # waits PARAMETERS: whether the answer took from 0.9 to 4 s
    local started
    started=$(milliseconds)
    is "Retry-After: $1" "$(get api "after_${1//[^a-z0-9]/_}/events?n=1&style=none&$1" | cut -d ' ' -f 1)" 200
    started=$(($(milliseconds) - started))
    is '… is waited for' "$((started > 900 && started < 4000))" 1
}
waits 'fail=429:1&retry_after=1'
waits 'fail=503:1&retry_after=date:2'
waits 'fail=503:1&retry_after=date:2&clock=-86400'
server impatient "http://localhost:$port" "max_retry_after '2s'"
is 'who asks to wait too long is not asked again' \
    "$(sql -c "SELECT status, timing -> 'attempts' FROM etl.http_get('impatient', 'long/events?fail=429&retry_after=3')")" '429|1'

# --- slow, and large --------------------------------------------------------------------------------------------------

like 'headers that drip' "$(get once 'drip/events?n=1&drip_headers=0.05')" '08006: GET * took longer than 600 ms'
like 'a body that drips' "$(get once 'drip/events?n=50&drip=1:0.05')" '08006: GET * took longer than 600 ms'
like 'no answer' "$(get once 'drip/events?slow=5')" '08006: GET * took longer than 600 ms'
server patient "http://localhost:$port" "timeout '1h', stall_timeout '500ms', attempts '1'"
like 'less than 100 bytes a second' "$(get patient 'drip/events?n=50&drip=1:0.05')" '08006: GET * was slower than 100 bytes a second for 500 ms'
is 'more than that' "$(get patient 'drip/events?n=10&style=none&drip=100:0.01' | cut -d ' ' -f 1)" 200

peak() { # peak PATH: what a request of the server "once" adds to the peak of the session's memory, in MB
    psql -X -q -A -t 2> /dev/null <<SQL
SELECT status FROM etl.http_get('once', 'peak/events?n=1') \gset
SELECT (regexp_match(pg_read_file('/proc/self/status'), 'VmHWM:\s+(\d+)'))[1]::int AS before \gset
SELECT status FROM etl.http_get('once', '$1');
SELECT ((regexp_match(pg_read_file('/proc/self/status'), 'VmHWM:\s+(\d+)'))[1]::int - :before) / 1024;
SQL
}
like 'a body of 1 GB' "$(get once 'huge/events?huge=1073741824')" '53400: GET * answers with a body of more than 1048576 bytes'
like '… in chunks' "$(get once 'huge/events?huge=1073741824&chunked=1')" '53400: GET * answers with a body of more than 1048576 bytes'
like 'a bomb' "$(get once 'huge/events?bomb=1073741824')" '53400: GET * answers with a body *'
for path in 'huge/events?huge=1073741824' 'huge/events?huge=1073741824&chunked=1' 'huge/events?bomb=1073741824'; do
    mb=$(peak "$path")
    is "… takes no more than 8 MB: ${path#*\?}" "$((mb <= 8))" 1
done
server roomy "http://localhost:$port" "max_body '1000MB', attempts '1'"
like 'a bomb with room' "$(get roomy 'huge/events?bomb=1073741824')" '53400: GET * that grows to more than 250 times its size*'
is 'it is not repeated' "$(summary huge requests)" 7

# --- TLS --------------------------------------------------------------------------------------------------------------

trust="attempts '3', ca_file '$PG_ETL_API_CA'"
server tls "https://localhost:$tls_port" "$trust"
is 'TLS' "$(get tls 'tls/events?n=1&style=none' | cut -d ' ' -f 1)" 200
server stranger "https://localhost:$tls_port"
like 'a certificate that nobody vouches for' "$(get stranger x)" "08001: host \"localhost\" did not prove who it is"
server other "https://localhost:${PG_ETL_API_BAD_TLS##*:}" "$trust"
like 'a certificate for another name' "$(get other x)" '08001: host "localhost" did not prove who it is'
server old "https://localhost:${PG_ETL_API_EXPIRED_TLS##*:}" "$trust"
like 'a certificate that has expired' "$(get old x)" '08001: host "localhost" did not prove who it is'
server plain "https://localhost:$port" "$trust, connect_timeout '200ms'"
like 'no TLS at all' "$(get plain x)" '08001: GET https://localhost:*/x was not connected after 200 ms (attempt 3, the last)'
server no_file "https://localhost:$tls_port" "ca_file '/no/such/file'"
like 'a ca_file that is none' "$(get no_file x)" '22023: the certificates of ca_file could not be read'

# --- where requests go ------------------------------------------------------------------------------------------------

refused() { # refused NAME ADDRESS
    server "${1%%.*}" "http://$1:$port"
    like "$1 leads to $2" "$(get "${1%%.*}" x)" "42501: host \"$1\" leads to the address $2, which is not allowed"
}
sql -c "ALTER SYSTEM SET pg_etl.allowed_hosts = 'localhost, *.test'" -c 'SELECT pg_reload_conf()' > /dev/null
refused inside.test 127.0.0.1
refused mapped.test 127.0.0.1
refused metadata.test 169.254.169.254
refused private.test 10.1.2.3
server number "http://2130706433:$port"
like 'an address as a number' "$(get number x)" "42501: host \"127.0.0.1\" (port $port) is not allowed"
allowed_as() { # allowed_as LIST SERVER
    psql -X -q -A -t -v ON_ERROR_STOP=1 -v VERBOSITY=verbose -c "DO 'BEGIN PERFORM etl.version(); END'" \
        -c "SET pg_etl.allowed_hosts = '$1'" -c "SELECT status FROM etl.http_get('$2', 'rules/events?n=1&style=none')" 2>&1 |
        sed 's/^ERROR:  //; s/: .*//; q'
}
is 'a name whose address is listed' "$(allowed_as '*.test, 127.0.0.0/8' inside)" 200
is 'at this port' "$(allowed_as "*.test:$port, 127.0.0.1:$port" inside)" 200
is 'at another port' "$(allowed_as "*.test, 127.0.0.1:1" inside)" 42501
is 'an empty list' "$(allowed_as '' log)" 42501
is 'localhost is no other name' "$(allowed_as 'localhost' inside)" 42501
is 'an address alone does not allow a name' "$(allowed_as '127.0.0.1' log)" 42501
is 'no list' "$(allowed_as 'http://x' log)" 22023
sql -c 'ALTER SYSTEM RESET pg_etl.allowed_hosts' -c 'SELECT pg_reload_conf()' > /dev/null
sql -c "CREATE ROLE user_of_api; GRANT USAGE ON FOREIGN SERVER api TO user_of_api; GRANT EXECUTE ON FUNCTION etl.http_get TO user_of_api"
like 'the list is a superuser'"'"'s' "$(psql -X -q -c "DO 'BEGIN PERFORM etl.version(); END'" -c 'SET ROLE user_of_api' \
    -c "SET pg_etl.allowed_hosts = 'x'" 2>&1)" '*permission denied to set parameter "pg_etl.allowed_hosts"*'
like '… also before the library is there' "$(psql -X -q -A -t -c 'SET ROLE user_of_api' -c "SET pg_etl.allowed_hosts = 'x'" \
    -c "SELECT etl.version()" -c 'SHOW pg_etl.allowed_hosts' 2>&1 | tail -n 1)" 'localhost, 127.0.0.1, \*.test'

sql -c 'CREATE ROLE nobody_in_particular'
like 'a procedure that asks is not for PUBLIC' "$(psql -X -q -c 'SET ROLE nobody_in_particular' \
    -c "CALL etl._await_rpc('api', '', '{}', 0, NULL, NULL)" 2>&1)" '*"sqlstate": "42501"*'

is 'a redirect is an answer' "$(get api 'redirect/events?n=1&redirect=same' | cut -d ' ' -f 1)" 302
server follows "http://localhost:$port" "redirects 'same_origin'"
is '… or followed' "$(get follows 'redirect/events?n=1&style=none&redirect=same' | cut -d ' ' -f 1)" 200
server keyed "http://localhost:$port" "redirects 'same_origin'"
sql -c "CREATE USER MAPPING FOR postgres SERVER keyed OPTIONS (api_key 'k', api_key_query 'api_key')"
is '… with a key in the query that is sent once' \
    "$(get keyed 'redirect/events?n=1&style=none&redirect=same' | cut -d ' ' -f 1)" 200
like '… not to another origin' "$(get follows 'redirect/events?redirect=other')" '42501: redirect of http://localhost:*/events: URL "*" is not of the server'"'"'s origin'
like '… not for ever' "$(get follows 'redirect/events?redirect=loop')" '08P01: redirect of *: GET is redirected more than 10 times'
redirected() { # redirected TO SQLSTATE
    is "… not to $1" "$(get follows "redirect/events?redirect=${1//:/%3A}" | cut -c 1-5)" "$2"
}
redirected http://169.254.169.254/latest 42501
redirected //evil.example 42501
redirected file:///etc/passwd 08P01
redirected "http://user:pw@localhost:$port/x" 08P01
like 'a path that is a URL elsewhere' "$(get api 'https://evil.example/x')" '42501: URL "https://evil.example/x" is not of the server*'
like '… or without its scheme' "$(get api '//evil.example/x')" '22023: path begins with two slashes*'

is 'no proxy, no password from the environment' \
    "$(get log 'env/events?n=1&style=none' | cut -d ' ' -f 1) $(seen env '.headers[*] ? (@ like_regex "auth" flag "i")')" '200 []'

# --- proxies ----------------------------------------------------------------------------------------------------------

server by_proxy "http://api.test:$port" "proxy '$PG_ETL_API_PROXY'"
is 'by a proxy' "$(get by_proxy 'by_proxy/events?n=1&style=none' | cut -d ' ' -f 1)" 200
is '… in truth' "$(seen by_proxy '.listener')" '["proxy", "http"]'
server tunnel "https://localhost:$tls_port" "proxy '$PG_ETL_API_PROXY', ca_file '$PG_ETL_API_CA'"
sql -c "CREATE USER MAPPING FOR postgres SERVER tunnel OPTIONS (bearer_token 'secret-of-tunnel')"
is 'through a tunnel' "$(get tunnel 'tunnel/events?n=1&style=none' | cut -d ' ' -f 1)" 200
is '… that does not see the secret' "$(seen _proxy '.headers ? (exists(@ ? (@.** like_regex "secret")))')" '[]'
is 'a proxy that is not allowed' "$(allowed_as 'localhost, *.test' by_proxy)" 42501
is 'a host that the proxy would reach' "$(allowed_as "127.0.0.1:$proxy_port" by_proxy)" 42501
like 'a proxy is a superuser'"'"'s' "$(psql -X -q -c 'GRANT USAGE ON FOREIGN DATA WRAPPER etl_http TO user_of_api' -c 'SET ROLE user_of_api' \
    -c "CREATE SERVER mine FOREIGN DATA WRAPPER etl_http OPTIONS (base_url 'http://localhost', proxy 'http://localhost')" 2>&1)" '*only a superuser may set option "proxy"*'

# --- secrets ----------------------------------------------------------------------------------------------------------

storm() { # storm SERVER OPTIONS PARAMETERS: faults of all kinds, with a secret that the server tells again
    sql -c "CREATE USER MAPPING FOR postgres SERVER $1 OPTIONS ($2)"
    local fault
    for fault in fail=500 fail=401 fail=403 html reset=headers reset=body cut=5 redirect=other redirect=same bomb=99999999 slow=5 \
        length=twice content_type=text/plain%3Bcharset=x-none; do
        get "$1" "storm_$1/events?n=3&echo_secret=1&$fault&$3" > /dev/null
    done
}
fast="timeout '300ms', attempts '2', max_body '100kB', redirects 'same_origin'"
for name in bearer basic header query machine environment oauth; do
    server "$name" "http://localhost:$port" "$fast"
done
storm bearer "bearer_token 'secret-of-bearer'" x=1
storm basic "username 'u', password 'secret-of-basic'" x=1
storm header "api_key 'secret-of-header', api_key_header 'X-Key'" x=1
storm query "api_key 'secret-of-query', api_key_query 'key'" x=1
storm machine "bearer_token_file '$dir/secret'" x=1
storm environment "username 'u', password_env 'ETL_TEST_PASSWORD'" x=1
storm oauth "client_id 'client', client_secret 'secret', token_url 'http://localhost:$port/storm_oauth/oauth/token'" x=1
sent() { # sent KEY PATTERN: whether a request had such a header or query
    seen "$1" " ? (@.query like_regex \"$2\" || exists(@.headers[*] ? (@ like_regex \"$2\"))).method" | grep -c GET || true
}
is 'secrets were sent' "$(sent storm_bearer '^Bearer secret-of-bearer$') $(sent storm_basic '^Basic dTpzZWNyZXQtb2YtYmFzaWM=$') $(
    sent storm_header '^secret-of-header$') $(sent storm_query 'key=secret-of-query') $(sent storm_machine '^Bearer secret-of-file$') $(
    sent storm_environment '^Basic dTpzZWNyZXQtb2YtZW52aXJvbm1lbnQ=$') $(sent storm_oauth '^Bearer ')" '1 1 1 1 1 1 1'
sql -c "SELECT status FROM etl.http_get('log', 'wrong/_set/oauth/token?client_secret=another&echo_secret=1')" > /dev/null
server wrong "http://localhost:$port/wrong" "$fast"
sql -c "CREATE USER MAPPING FOR postgres SERVER wrong OPTIONS (client_id 'client', client_secret 'secret-of-client',
            token_url 'http://localhost:$port/wrong/oauth/token')"
like 'no token' "$(get wrong events)" '28000: no token from "http://localhost:*/wrong/oauth/token" (status 401)'
is 'a mapping that is refused' "$(sql -c "CREATE USER MAPPING FOR PUBLIC SERVER bearer OPTIONS (bearer_token 'secret-of typo')" 2>&1)" \
    'ERROR:  option "bearer_token" holds a blank or a letter that is not of ASCII'
is '… is not in the log with its statement' "$(grep -c 'secret-of typo' "$dir/log" || true)" 0
is 'none is in the log' "$(grep -v 'STATEMENT\|CREATE USER MAPPING' "$dir/log" |
    grep -c 'secret-of\|c2VjcmV0LW9m\|dTpzZWNyZXQ\|Bearer ' || true)" 0
like 'the log is not empty' "$(grep -c ERROR "$dir/log")" '[1-9][0-9]*'
# An error shows how an answer begins that tells what it was sent; it is cut at any place of that.
for name in bearer basic header query; do
    is "no beginning of a secret: $name" "$(sql -v name="$name" <<'SQL'
CREATE TEMPORARY TABLE said (padding int, text text);
SELECT set_config('my.server', :'name', false) \g /dev/null
DO $$
DECLARE
    message text; detail text; hint text;
BEGIN
    FOR padding IN 1..300 LOOP
        BEGIN
            PERFORM * FROM etl.fetch(current_setting('my.server'), 'cut/echo', jsonb_build_object('a', repeat('.', padding)),
                                     records_path => '/none');
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
            INSERT INTO said VALUES (padding, concat_ws(' ', message, detail, hint));
        END;
    END LOOP;
END $$;
SELECT count(*), count(*) FILTER (WHERE text LIKE '%\*\*\*%') > 0,
       count(*) FILTER (WHERE text ~ 'key=[^*…]|Bearer [^*…]|Basic [^*…]|secr|dTpz') FROM said;
SQL
    )" '300|t|0'
done
sql -c 'ALTER SERVER environment OWNER TO user_of_api'
like 'a secret of the machine goes only where a superuser says' "$(get environment x)" '42501: server "environment" is not owned by a superuser'

# --- the rate, over sessions ------------------------------------------------------------------------------------------

server limited "http://localhost:$port" "rate_limit '10/s'"
for session in 1 2 3; do
    sql -c "SELECT count(*) FROM generate_series(1, 5) AS i, etl.http_get('limited', 'limited/events?n=' || i)" > "$dir/session.$session" &
    pids[session]=$!
done
wait "${pids[@]}"
gaps=$(sql -c "SELECT round(extract(epoch FROM max(t) - min(t)) * 1000) FROM (SELECT to_timestamp((e ->> 'time')::float8) AS t
    FROM etl.http_get('log', 'limited/_log') AS r, jsonb_array_elements(r.body::jsonb) AS e) AS e")
is "15 requests of three sessions take 14 times 100 ms (took $gaps ms)" "$((gaps >= 1350 && gaps < 4000))" 1
rates=$dir/data/base/pgsql_tmp/pgsql_tmp_etl_http_rates
is 'the file of rates' "$(stat -c '%a %s' "$rates")" '600 65552'
cluster_down "$dir"
cluster_up "$dir"
is '… goes when the server starts' "$([ -e "$rates" ] && echo there || echo gone)" gone
is '… and comes again' "$(get limited 'limited/events?n=1&style=none' | cut -d ' ' -f 1)" 200
kill_server "$dir"
is '… also after a crash' "$(get limited 'limited/events?n=1&style=none' | cut -d ' ' -f 1)" 200

# --- cancel -----------------------------------------------------------------------------------------------------------

# One who accepts and then says nothing, and one whose queue is full, so that nobody gets in.
python3 - "$dir/silent" <<'CODE' &
import socket, sys, time
accepts = socket.create_server(("127.0.0.1", 0))
full = socket.create_server(("127.0.0.1", 0), backlog=0)
waiting = [socket.socket() for _ in range(3)]
for each in waiting:
    each.setblocking(False)
    each.connect_ex(full.getsockname())
with open(sys.argv[1] + ".new", "w") as out:
    print(accepts.getsockname()[1], full.getsockname()[1], file=out)
import os
os.rename(sys.argv[1] + ".new", sys.argv[1])
time.sleep(600)
CODE
silent=$!
until [ -e "$dir/silent" ]; do sleep 0.05; done
read -r accepts full < "$dir/silent"

# cancelled WHAT SQL: within 100 ms, of five tries at most (the machine may be busy), from the signal that
# pg_cancel_backend() sends to the end of the client.
cancelled() {
    local try pid started took best=99999 said
    for try in 1 2 3 4 5; do
        psql -X -q -A -t -c "SET application_name = 'victim $try'" -c "$2" > "$dir/victim" 2>&1 &
        until pid=$(sql -c "SELECT pid FROM pg_stat_activity WHERE application_name = 'victim $try'
                            AND state = 'active' AND now() - query_start > '200ms'") && [ -n "$pid" ]; do
            kill -0 $! 2> /dev/null || break
        done
        started=$(milliseconds)
        [ -z "$pid" ] || kill -INT "$pid"
        wait $! || true
        took=$(($(milliseconds) - started))
        [ "$took" -ge "$best" ] || best=$took
        said=$(grep -o 'canceling statement due to user request' "$dir/victim" || cat "$dir/victim")
        [ "$best" -gt 100 ] || break
    done
    is "cancelled $1" "$said" 'canceling statement due to user request'
    is "… within 100 ms ($best ms)" "$((best <= 100))" 1
}
lone="attempts '3', timeout '1h', connect_timeout '1h', stall_timeout '1h'"
server slow "http://slow.test:$port" "$lone"
cancelled 'while the name is resolved' "SELECT etl.http_get('slow', 'x')"
is '… and the session goes on' "$(psql -X -q -A -t -c "SET statement_timeout = 300" -c "SELECT etl.http_get('slow', 'x')" \
    -c "SELECT status FROM etl.http_get('log', 'after/events?n=1')" 2> /dev/null)" 200
sql -c "SELECT pg_sleep(0.2)" > /dev/null
is '… and ends, with the resolver still at it' "$(sql -c "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()")" 0
server crowded "http://127.0.0.1:$full" "$lone"
cancelled 'while it connects' "SELECT etl.http_get('crowded', 'x')"
server silent "https://localhost:$accepts" "$lone"
cancelled 'in the handshake of TLS' "SELECT etl.http_get('silent', 'x')"
server waits "http://localhost:$port" "$lone, max_retry_after '1h'"
cancelled 'before the answer' "SELECT etl.http_get('waits', 'cancel/events?slow=30')"
cancelled 'in the headers' "SELECT etl.http_get('waits', 'cancel/events?n=1&drip_headers=0.5')"
cancelled 'in the body' "SELECT etl.http_get('waits', 'cancel/events?n=50&drip=1:0.5')"
cancelled 'before another attempt' "SELECT etl.http_get('waits', 'cancel/events?fail=503&retry_after=1000')"
server hourly "http://localhost:$port" "rate_limit '1/h'"
get hourly 'cancel/events?n=1' > /dev/null
cancelled 'before its turn' "SELECT etl.http_get('hourly', 'cancel/events?n=1')"
server token "http://localhost:$port" "$lone"
sql -c "CREATE USER MAPPING FOR postgres SERVER token OPTIONS (client_id 'client', client_secret 'secret', token_url 'http://localhost:$port/cancel/oauth/token')" \
    -c "SELECT status FROM etl.http_get('log', 'cancel/_set/oauth/token?slow=30')" > /dev/null
cancelled 'before its token' "SELECT etl.http_get('token', 'cancel/events?n=1')"

psql -X -q -A -t -c "SET application_name = 'waiting'" -c "SELECT etl.http_get('waits', 'cancel/events?slow=30')" > /dev/null 2>&1 &
until pid=$(sql -c "SELECT pid FROM pg_stat_activity WHERE application_name = 'waiting' AND now() - query_start > '200ms'") &&
    [ -n "$pid" ]; do
    kill -0 $! || break
done
is 'the wait is seen' "$(sql -c "SELECT wait_event_type FROM pg_stat_activity WHERE pid = $pid")" Extension
is 'the server has not crashed' "$(grep -c 'terminated by signal' "$dir/log" || true)" 0
kill -9 "$(head -n 1 "$dir/data/postmaster.pid")"
for try in {1..100}; do
    kill -0 "$pid" 2> /dev/null || break
    sleep 0.05
done
is 'who waits ends with the server' "$(kill -0 "$pid" 2> /dev/null && echo there || echo gone)" gone
echo "1..$number"
