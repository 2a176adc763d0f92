#!/usr/bin/env bash
# The API server of test/api (see the head of test/api/server.py) for tests, benchmarks and the demo.
#
#   test/api.sh start DIR [--port N] [--seconds N]     prints what to `eval`: PG_ETL_API and the rest
#   test/api.sh stop DIR
#
# Sourced, it offers the same as functions. A test that uses the server of test/run.sh or, run alone, one of its own:
#
#   . "$(dirname "$0")/../api.sh"
#   dir=$(mktemp -d)
#   trap 'api_stop "$dir"; rm -rf "$dir"' EXIT
#   api_use "$dir"
#   curl "$PG_ETL_API/my_test/events?n=10"
#
# A server that api_start started ends with the script that did, one that was started by hand after an hour (--seconds).
# The user of the database server can read the file of PG_ETL_API_CA unless a folder above DIR forbids it.

api_source=$(cd "$(dirname "${BASH_SOURCE[0]}")/api" && pwd)

# api_launch DIR [option …]: starts it and waits until it answers.
api_launch() {
    local dir=$1 tries=0
    shift
    mkdir -p "$dir" && rm -f "$dir"/api.{pid,port,env} || return
    /usr/bin/python3 -BS "$api_source/server.py" "$dir" "$@" > "$dir/api.log" 2>&1 < /dev/null &
    disown $!
    until [ -e "$dir/api.port" ]; do
        if ! kill -0 $! 2> /dev/null || [ "$((tries += 1))" -gt 1000 ]; then
            cat "$dir/api.log" >&2
            return 1
        fi
        sleep 0.01
    done
    # The server of PostgreSQL reads the certificate of the authority.
    [ "$(id -u)" != 0 ] || [ ! -O "$dir" ] || chmod go+x "$dir"
}

# api_start DIR [option …]: the same, and exports where it is found. It ends when this script has.
api_start() {
    api_launch "$1" --parent $$ --seconds 21600 "${@:2}" || return
    # shellcheck source=/dev/null
    . "$1/api.env"
}

# api_use DIR: the server that the environment names, when it answers, or one of our own.
api_use() {
    { [ -n "${PG_ETL_API:-}" ] && (exec 3<> "/dev/tcp/127.0.0.1/${PG_ETL_API##*:}") 2> /dev/null; } || api_start "$1"
}

# api_stop DIR: no harm when there is none.
api_stop() {
    local pid
    pid=$(cat "$1/api.pid" 2> /dev/null) || return 0
    [[ $(tr '\0' ' ' 2> /dev/null < "/proc/$pid/cmdline") != *api/server.py* ]] || kill "$pid"
    rm -f "$1"/api.{pid,port,env,log,ca.pem}
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
    set -euo pipefail
    case "${1:-}:${2:+dir}" in
        start:dir) api_launch "${@:2}" && cat "$2/api.env" ;;
        stop:dir) api_stop "$2" ;;
        *) sed -n '2,/^$/s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
fi
