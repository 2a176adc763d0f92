# shellcheck shell=bash
# A line per stage for the scripts of this folder: what runs, how it ended, the seconds. The output of a stage goes
# to a log, which is shown when the stage fails. Sourced; the caller sets step_log to a directory of its own.

# The stages are not make's children, although make may have started them.
unset MAKEFLAGS MFLAGS MAKELEVEL

step_count=0
step_failures=0
step_log=${step_log:-}

step_begin() {
    step_started=$EPOCHREALTIME
    printf '%-44s ' "$1"
}

# Seconds since step_begin, with one decimal.
step_seconds() {
    local tenths=$(( (${EPOCHREALTIME/[.,]/} - ${step_started/[.,]/}) / 100000 ))
    echo "$(( tenths / 10 )).$(( tenths % 10 )) s"
}

# step LABEL COMMAND …: true when the command was. The log of the stage is $step_output.
step() {
    local label=$1
    shift
    step_count=$((step_count + 1))
    step_output=$step_log/$step_count.log
    step_begin "$label"
    if "$@" > "$step_output" 2>&1; then
        printf 'ok %10s\n' "$(step_seconds)"
    else
        printf 'FAILED %6s\n' "$(step_seconds)"
        sed 's/^/    /' "$step_output"
        step_failures=$((step_failures + 1))
        return 1
    fi
}

step_skip() {
    printf '%-44s skipped: %s\n' "$1" "$2"
}
