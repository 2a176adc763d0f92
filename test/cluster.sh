#!/usr/bin/env bash
# Throw-away PostgreSQL clusters: one directory that holds data, log, unix socket and a staged copy of the extension.
# Nothing of it is installed into the system, no port is opened, and the system's own clusters are never touched.
#
#   test/cluster.sh start DIR [--database NAME] [--durable] [-o setting=value …]
#   test/cluster.sh psql DIR [argument …]
#   test/cluster.sh env DIR          prints what to `eval` so that psql, createdb, … reach the cluster
#   test/cluster.sh stop DIR         stops the server and deletes DIR
#
# Sourced, it offers the same as functions. A test with a cluster of its own reads:
#
#   . "$(dirname "$0")/../cluster.sh"
#   dir=$(cluster_tmpdir)
#   trap 'cluster_stop "$dir"' EXIT
#   cluster_start "$dir" --durable -o work_mem=1MB
#   cluster_env "$dir"
#   psql -c 'CREATE EXTENSION pg_etl'
#
# --database creates a database and is where pg_cron runs (default: postgres). --durable leaves fsync on.
# PG_CONFIG chooses the server version. PG_ETL_STAGE names a stage that is already there (see cluster_stage),
# PG_ETL_TEMPLATE the data directory of a new cluster (see cluster_initdb), which is copied in less time than initdb
# takes, PG_ETL_TMP where cluster_tmpdir makes directories (default: /tmp), and PG_ETL_PRELOAD libraries to preload into
# the server (the sanitizers come that way).

cluster_top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# The program that runs a command as the server's user: PostgreSQL refuses to run as root.
cluster_as_server() {
    if [ "$(id -u)" = 0 ]; then
        runuser -u postgres -- env HOME="$1" "${@:2}"
    else
        env HOME="$1" "${@:2}"
    fi
}

cluster_fail() {
    echo "cluster.sh: $1" >&2
    return 1
}

# Whether a directory is ours: made by us or, for root, handed to the server's user.
cluster_owns() {
    [ ! -L "$1" ] && { [ -O "$1" ] || { [ "$(id -u)" = 0 ] && [ "$(stat -c %U "$1")" = postgres ]; }; }
}

# Makes the directory of a cluster, or takes one that was made so: the marker says that it may be deleted whole.
cluster_mkdir() {
    local marker=$1/pg_etl-cluster
    mkdir -p "$1" || return
    [ -e "$marker" ] || [ -z "$(ls -A "$1")" ] || cluster_fail "$1 is not empty, and not a cluster of pg_etl" || return
    cluster_owns "$1" || cluster_fail "$1 belongs to another user" || return
    chmod 700 "$1" && touch "$marker" || return
    [ "$(id -u)" != 0 ] || chown postgres: "$1"
}

# A new one; short, as a socket's path may have no more than 107 bytes.
cluster_tmpdir() {
    local dir
    dir=$(mktemp -d "${PG_ETL_TMP:-/tmp}/pg_etl.XXXXXX") && cluster_mkdir "$dir" && echo "$dir"
}

# cluster_stage DIR: builds the extension and installs it below DIR, readable for the server's user.
cluster_stage() {
    env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -s --no-print-directory -C "$cluster_top" -j"$(nproc)" \
        PG_CONFIG="${PG_CONFIG:-pg_config}" DESTDIR="$1" install || return
    [ "$(id -u)" != 0 ] || chown -R postgres: "$1"
}

# The settings that make a server find a staged extension: Debian's own up to version 17, PostgreSQL's from 18 on.
cluster_stage_settings() {
    local stage=$1 pg_config=${PG_CONFIG:-pg_config} known
    known=$("$("$pg_config" --bindir)/postgres" --describe-config) || return
    echo "dynamic_library_path = '$stage$("$pg_config" --pkglibdir):\$libdir'"
    case $known in
        *extension_control_path*) echo "extension_control_path = '$stage$("$pg_config" --sharedir):\$system'" ;;
        *extension_destdir*) echo "extension_destdir = '$stage'" ;;
        *) cluster_fail 'this server cannot load a staged extension; use "make install" and "make installcheck"' ;;
    esac
}

cluster_settings() {
    local dir=$1 stage=$2 database=$3 durable=$4 lib
    lib=$("${PG_CONFIG:-pg_config}" --pkglibdir)
    cat <<SETTINGS
listen_addresses = ''
unix_socket_directories = '$dir'
port = 5432
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] %q%u@%d '
max_worker_processes = 16
fsync = $durable
SETTINGS
    cluster_stage_settings "$stage" || return
    # pg_cron by libpq: with background workers its launcher waits for the longest job.
    [ ! -e "$lib/pg_cron.so" ] || cat <<SETTINGS
shared_preload_libraries = 'pg_cron'
cron.database_name = '$database'
cron.host = '$dir'
cron.use_background_workers = off
SETTINGS
}

# One line of postgresql.conf for "name=value"; of two for one name the later wins.
cluster_setting() {
    local value=${1#*=}
    echo "${1%%=*} = '${value//\'/\'\'}'"
}

# cluster_initdb DIR: the data directory of a new cluster, DIR/data.
cluster_initdb() {
    local make=("$("${PG_CONFIG:-pg_config}" --bindir)/initdb" -D data -U postgres -A trust -E UTF8 --locale=C.UTF-8
        --no-sync)
    [ -z "${PG_ETL_TEMPLATE:-}" ] || make=(cp -a --reflink=auto "$PG_ETL_TEMPLATE" data)
    (cd "$1" && cluster_as_server "$1" "${make[@]}")
}

cluster_start() {
    local dir database=postgres durable=off extra='' stage settings
    dir=$(realpath -m "$1")
    shift
    while [ $# -gt 0 ]; do
        case $1 in
            --database) database=$2; shift 2 ;;
            --durable) durable=on; shift ;;
            -o) extra+=$(cluster_setting "$2")$'\n'; shift 2 ;;
            *) cluster_fail "unknown option $1"; return ;;
        esac
    done
    [ "${#dir}" -le 90 ] || { cluster_fail "the path $dir is too long for a unix socket"; return; }
    [ ! -e "$dir/data" ] || { cluster_fail "there is a cluster in $dir already; stop it first"; return; }
    cluster_mkdir "$dir" || return
    stage=${PG_ETL_STAGE:-$dir/stage}
    [ -d "$stage" ] || cluster_stage "$stage" >&2 || return
    settings=$(cluster_settings "$dir" "$stage" "$database" "$durable") || return
    cluster_initdb "$dir" > "$dir/initdb.log" 2>&1 || { cat "$dir/initdb.log" >&2; return 1; }
    printf '%s\n%s' "$settings" "$extra" >> "$dir/data/postgresql.conf"
    cluster_up "$dir" || return
    [ "$database" = postgres ] || cluster_psql "$dir" -q -c "CREATE DATABASE \"$database\""
}

# cluster_up DIR, cluster_down DIR [MODE]: start and stop the server, the data stay.
cluster_up() {
    local bindir
    bindir=$("${PG_CONFIG:-pg_config}" --bindir)
    (
        cd "$1"
        cluster_as_server "$1" env ${PG_ETL_PRELOAD:+LD_PRELOAD="$PG_ETL_PRELOAD"} \
            "$bindir/pg_ctl" -D "$1/data" -l "$1/log" -w -s start
    ) || { tail -n 20 "$1/log" >&2; return 1; }
}

cluster_down() {
    local bindir
    bindir=$("${PG_CONFIG:-pg_config}" --bindir)
    (cd "$1" && cluster_as_server "$1" "$bindir/pg_ctl" -D "$1/data" -m "${2:-fast}" -w -s stop)
}

# Stops the server and deletes the directory; no harm when either is gone already.
cluster_stop() {
    [ -e "$1" ] || return 0
    cluster_owns "$1" || cluster_fail "$1 belongs to another user" || return
    [ ! -e "$1/data/postmaster.pid" ] || cluster_down "$1" immediate > /dev/null 2>&1 || true
    [ ! -e "$1/pg_etl-cluster" ] || rm -rf "$1"
}

# Points psql and every other client at the cluster, whatever the environment said before.
cluster_env() {
    local name
    for name in "${!PG@}"; do
        [[ $name == PG_* ]] || unset "$name"
    done
    export PGHOST=$1 PGPORT=5432 PGUSER=postgres PGDATABASE=postgres
}

cluster_psql() {
    (
        dir=$1
        bindir=$("${PG_CONFIG:-pg_config}" --bindir)
        cluster_env "$dir"
        exec "$bindir/psql" -X -v ON_ERROR_STOP=1 "${@:2}"
    )
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
    set -euo pipefail
    [ $# -ge 2 ] || { sed -n '2,/^$/s/^# \{0,1\}//p' "$0" >&2; exit 2; }
    command=$1
    shift
    case $command in
        start) cluster_start "$@" ;;
        stop) cluster_stop "$1" ;;
        psql) cluster_psql "$@" ;;
        env) cluster_env "$1" && export -p | sed -n '/ PG[A-Z]*=/p' ;;
        *) cluster_fail "unknown command $command" ;;
    esac
fi
