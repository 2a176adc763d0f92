#!/usr/bin/env bash
# The style that a program can check (make lint); --fix formats the C++ sources instead (make format).
set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top"
. "$top/test/steps.sh"
export LC_ALL=C.UTF-8
build=${BUILD:-$top/build}
shopt -s nullglob

cpp_files=(src/*/*.{hpp,cpp} test/*/*.{hpp,cpp})
sql_files=(src/*/*.sql control/*.sql sql/*.sql test/*/*.sql docs/examples/*/*.sql)
scripts=(.ci/run test/*.sh test/*/*.sh)
bindings=(src/pg/* src/*/*_pg.*)
core_files=()
for file in src/*/*.{hpp,cpp}; do
    [[ " ${bindings[*]} " == *" $file "* ]] || core_files+=("$file")
done

if [ "${1:-}" = --fix ]; then
    clang-format -i "${cpp_files[@]}"
    exit
fi

# forbid WHAT PATTERN FILE…: the pattern must not be found in the code, comments apart.
forbid() {
    local what=$1 pattern=$2 found
    shift 2
    [ $# -gt 0 ] || return 0
    found=$(grep -nHE "$pattern" "$@" | grep -vE '^[^:]*:[0-9]+: *(//|--|#|\*)' || true)
    [ -z "$found" ] || { printf '%s:\n%s\n' "$what" "$found"; return 1; }
}

formatting() {
    local file bad=0
    for file in "${cpp_files[@]}"; do
        clang-format "$file" | diff -U1 --label "$file" --label "formatted (make format)" "$file" - || bad=1
    done
    return $bad
}

scripts_check() {
    shellcheck -x -P SCRIPTDIR "${scripts[@]}"
}

# What only src/pg may know: PostgreSQL's error handling and memory, and catching everything.
boundary() {
    local outside words='PG_TRY|PG_CATCH|PG_FINALLY|PG_RE_THROW|sigsetjmp|siglongjmp|ereport|elog|CHECK_FOR_INTERRUPTS'
    mapfile -t outside < <(printf '%s\n' src/*/*.{hpp,cpp} | grep -v '^src/pg/')
    forbid 'only src/pg may do this' "\\b(catch *\\(\\.\\.\\.\\)|palloc[a-z0-9_]* *\\(|$words)" "${outside[@]}" &&
        forbid 'PostgreSQL comes in by "pg/postgres.hpp"' '#include *[<"]postgres\.h[>"]' "${outside[@]}" &&
        forbid 'the core knows nothing of PostgreSQL' '#include *["<](pg|utils|catalog|nodes)/' "${core_files[@]}" &&
        every_core_file_asserts_it
}

every_core_file_asserts_it() {
    local file bad=0
    for file in "${core_files[@]}"; do
        [[ $file == *.cpp ]] || continue
        grep -q '#include "core/cpp_only.hpp"' "$file" || { echo "$file does not include core/cpp_only.hpp"; bad=1; }
    done
    return $bad
}

# The rooms that a room may include, beside core, pg and itself.
declare -A leans_on=([validate]='sketch' [dedupe]='sketch' [feature]='sketch' [rollup]='sketch')

floors() {
    local file room other bad=0
    for file in src/*/*.{hpp,cpp}; do
        room=${file#src/}
        room=${room%%/*}
        while read -r other; do
            case " core pg $room ${leans_on[$room]:-} " in
                *" $other "*) ;;
                *) [ ! -d "src/$other" ] || { echo "$file includes a file of $other"; bad=1; } ;;
            esac
        done < <(sed -n 's|^#include "\([a-z_]*\)/.*|\1|p' "$file")
    done
    return $bad
}

sql_rules() {
    local shipped=(src/*/*.sql)
    forbid 'a shipped script creates and never replaces' '\b[Oo][Rr] +[Rr][Ee][Pp][Ll][Aa][Cc][Ee]\b' "${shipped[@]}" &&
        forbid 'functions run as their caller' 'SECURITY +DEFINER' "${shipped[@]}"
}

# The script of the extension is in ASCII, once the Makefile has put three dots for each ellipsis.
plain_script() {
    ! LC_ALL=C.UTF-8 grep -nP '[^\x00-\x7F…]' src/*/*.sql
}

# Of text files: no tabs or blanks at the ends, no long lines (but \echo draws as it likes), no path of one machine.
text_rules() {
    local prose=(docs/*.md ./*.md CMakeLists.txt control/modules)
    local code=("${cpp_files[@]}" "${sql_files[@]}" "${scripts[@]}")
    forbid 'tab or trailing blank' $'\t|[ \t]+$' "${code[@]}" "${prose[@]}" &&
        forbid 'longer than 120 characters' '^([^\].|\\[^e]).{119}' "${code[@]}" &&
        forbid 'a path of one machine' '/(home|root|work|Users)/[a-z]' "${code[@]}" "${prose[@]}" test/t/*
}

tidy() {
    cmake -S . -B "$build/core" > /dev/null &&
        printf '%s\n' "${core_files[@]}" | grep '\.cpp$' |
            xargs -P "$(nproc)" -n 1 clang-tidy -p "$build/core" --quiet 2> /dev/null
}

test/packages.sh lint
step_log=$(mktemp -d)
trap 'rm -rf "$step_log"' EXIT
step 'clang-format' formatting || true
step 'shellcheck' scripts_check || true
step 'boundary to PostgreSQL' boundary || true
step 'order of the rooms' floors || true
step 'rules for SQL' sql_rules || true
step 'script in ASCII' plain_script || true
step 'rules for text' text_rules || true
if [ "$step_failures" -gt 0 ]; then
    echo "FAILED: $step_failures of $step_count checks ($SECONDS s)"
    exit 1
fi
echo "PASSED: all $step_count checks ($SECONDS s)"
