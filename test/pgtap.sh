#!/usr/bin/env bash
# What pg_prove runs in place of psql: psql in a database of its own for each file, a copy of pgtap_template.
# A file named *_cron.sql gets a cluster of its own whose pg_cron runs in that database.
set -euo pipefail


file=${*: -1}
name=$(basename "$file" .sql)

if [[ $name == *_cron ]]; then
    . "$(dirname "$0")/cluster.sh"
    dir=$(cluster_tmpdir)
    trap 'cluster_stop "$dir"' EXIT
    cluster_start "$dir" --database "$name"
    cluster_env "$dir"
    psql -X -q -d "$name" -c 'CREATE EXTENSION pgtap' -c 'CREATE EXTENSION pg_etl'
    psql "$@" --dbname "$name"
else
    createdb -T pgtap_template "$name"
    psql "$@" --dbname "$name"
fi
