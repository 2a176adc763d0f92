#!/usr/bin/env bash
# Searches for inputs that break the parsers of the core (make fuzz): every target of test/fuzz for FUZZ_SECONDS with
# libFuzzer, AddressSanitizer and UndefinedBehaviorSanitizer. An input that breaks one is kept; put it into
# test/fuzz/corpus/NAME, so that every `make test` replays it.
#
#   test/fuzz.sh [name …]       the targets test/fuzz/NAME_fuzz.cpp (all of them when none is named)
set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top"
build=${BUILD:-$top/build}/fuzz
seconds=${FUZZ_SECONDS:-60}

test/packages.sh build fuzz
cmake -S . -B "$build" -DCMAKE_CXX_COMPILER=clang++ -DETL_FUZZ=ON > /dev/null
env -u MAKEFLAGS -u MFLAGS cmake --build "$build" -j "$(nproc)" > /dev/null

names=("$@")
if [ $# = 0 ]; then
    mapfile -t names < <(basename -a -s _fuzz.cpp test/fuzz/*_fuzz.cpp)
fi
failed=0
for name in "${names[@]}"; do
    found=$build/found/$name
    corpus=("$found")
    [ ! -d "test/fuzz/corpus/$name" ] || corpus+=("test/fuzz/corpus/$name")
    mkdir -p "$found"
    echo "$name, $seconds s …"
    if "$build/${name}_fuzz" -max_total_time="$seconds" -timeout=10 -print_final_stats=1 \
        -artifact_prefix="$found-" "${corpus[@]}" > "$build/$name.log" 2>&1; then
        sed -n 's/^stat::number_of_executed_units: */  inputs tried: /p' "$build/$name.log"
    else
        tail -n 40 "$build/$name.log"
        failed=1
    fi
done
exit $failed
