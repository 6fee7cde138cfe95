#!/bin/sh
# tests/crash/run.sh [OPTION]... - the fault injector on the program in $B, in a
# directory of its own, in memory where there is one. README has the options.
# Without any: what "make crash" runs, SEED and FAULTS may be in the environment.
set -u
: "${B:=build}"
case $B in /*) ;; *) B=$PWD/$B ;; esac
base=${TMPDIR:-/tmp}
[ ! -d /dev/shm ] || [ ! -w /dev/shm ] || base=/dev/shm
dir=$(mktemp -d "$base/in.popd-crash.XXXXXX") || exit 70
trap 'rm -rf "$dir"' EXIT
trap 'exit 143' TERM INT HUP
chmod 755 "$dir" || exit 70
[ $# -gt 0 ] || set -- --faults "${FAULTS:-25000}" --storm 100 \
	--seed "${SEED:-$(date +%s)}"
"$B/tests/crash/inject" --program "$B/in.popd" --dir "$dir" "$@"
