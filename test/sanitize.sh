#!/usr/bin/env bash
# Memory errors and undefined behaviour (make sanitize): the core's tests and the replay of the fuzz targets, then the
# extension inside a server, all under AddressSanitizer and UndefinedBehaviorSanitizer. The first error ends a process;
# what is reported of any of them, also in a cluster that a test makes for itself and throws away, is shown at the end.
#
#   test/sanitize.sh [stage …]       stages as of test/run.sh (core regress pgtap isolation when none is named)
#
# ONLY='extract* load*' restricts those in a server to tests with such names.
set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top"
export SANITIZE=address,undefined BUILD=${BUILD:-$top/build}/sanitize
export UBSAN_OPTIONS=print_stacktrace=1

test/packages.sh build server api test
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# In the server the sanitizers must come before everything else. They call swift_demangle if anybody defines it, and
# PostgreSQL's libraries leave it open. A server never frees everything at its end, so leaks are looked for in the core.
chmod 755 "$work"
g++ -shared -fPIC -o "$work/swift_demangle.so" -x c++ - <<< 'extern "C" char* swift_demangle() { return nullptr; }'
preload=$(g++ -print-file-name=libasan.so):$(g++ -print-file-name=libubsan.so):$work/swift_demangle.so

stages=" ${*:-core regress pgtap isolation} "
failed=0
[[ $stages != *' core '* ]] || test/run.sh core || failed=1
read -ra in_server <<< "${stages/ core / }"
[ "${#in_server[@]}" -gt 0 ] || exit "$failed"

mkdir "$work/reports"
chmod 1777 "$work/reports"
ASAN_OPTIONS=detect_leaks=0:detect_stack_use_after_return=0:abort_on_error=1:log_path=$work/reports/address \
    UBSAN_OPTIONS=$UBSAN_OPTIONS:log_path=$work/reports/undefined PG_ETL_PRELOAD=$preload \
    test/run.sh "${in_server[@]}" || failed=1
if [ -n "$(ls "$work/reports")" ]; then
    head -n 60 "$work"/reports/*
    failed=1
fi
exit "$failed"
