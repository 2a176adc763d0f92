#!/usr/bin/env bash
# Writes docs/reference.md from the comments of the extension's objects (make reference); test/t/lifecycle.t compares.
set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/test/cluster.sh"
dir=$(cluster_tmpdir)
trap 'cluster_stop "$dir"' EXIT
cluster_start "$dir"
cluster_psql "$dir" -q -c 'CREATE EXTENSION pg_etl'
cluster_psql "$dir" -q -f "$top/docs/reference.sql" > "$top/docs/reference.md.new"
mv "$top/docs/reference.md.new" "$top/docs/reference.md"
