#!/usr/bin/env bash
# Builds the library of this folder in a new directory, readable for the server's user, and prints its path; that in
# PG_ETL_MODULE is there already (test/run.sh builds it once for all tests).
#
#   test/module/build.sh DIR
set -euo pipefail

if [ -z "${PG_ETL_MODULE:-}" ]; then
    makefile=$(cd "$(dirname "$0")" && pwd)/Makefile
    PG_ETL_MODULE=$1/pg_etl_boundary
    mkdir "$1"
    env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -s --no-print-directory -C "$1" -f "$makefile" -j "$(nproc)" \
        PG_CONFIG="${PG_CONFIG:-pg_config}" pg_etl_boundary.so > "$1/log" 2>&1 || { cat "$1/log" >&2; exit 1; }
    chmod 755 "$1"
    [ "$(id -u)" != 0 ] || chown -R postgres: "$1"
fi
echo "$PG_ETL_MODULE"
