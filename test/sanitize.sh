#!/usr/bin/env bash
# Memory errors and undefined behaviour (make sanitize): the core's tests and the replay of the fuzz targets, then the
# extension inside a server, all under AddressSanitizer and UndefinedBehaviorSanitizer. The first error ends the run.
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

test/run.sh core
ASAN_OPTIONS=detect_leaks=0:detect_stack_use_after_return=0:abort_on_error=1 PG_ETL_PRELOAD=$preload \
    test/run.sh regress pgtap isolation
