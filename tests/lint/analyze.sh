#!/bin/sh
# make analyze: what gcc's analyzer, clang-tidy and cppcheck find in src/, and
# what valgrind finds in the unit tests. Prints nothing but findings, and one
# last line.
set -u
cd "$(dirname "$0")/../.." || exit 1
: "${B:=build}"
bad=0
set -- -std=c11 -D_GNU_SOURCE '-DPOPD_VERSION="0"' -Isrc

for program in gcc clang-tidy cppcheck valgrind; do
	command -v "$program" >/dev/null 2>&1 || {
		echo "analyze: no $program: apt-get install gcc clang-tidy cppcheck valgrind"
		exit 1
	}
done
for c in src/*.c src/*/*.c; do
	gcc "$@" -O2 -Wall -Werror -fanalyzer -c -o /dev/null "$c" || bad=1
done
clang-tidy --quiet src/*.c src/*/*.c -- "$@" 2>/dev/null || bad=1
cppcheck -q --std=c11 --enable=warning,performance,portability \
	--error-exitcode=1 --inline-suppr --suppress=missingIncludeSystem \
	-Isrc -D_GNU_SOURCE src || bad=1
for t in "$B"/tests/unit/*/*_test; do
	[ -x "$t" ] || continue
	# What a test forks is watched too. Slow as it makes them, all pass: one
	# that fails here and not elsewhere is a finding as well.
	valgrind -q --error-exitcode=9 --leak-check=full --trace-children=no \
		"$t" >/dev/null 2>"$B/valgrind.log" </dev/null
	status=$?
	if [ "$status" -ne 0 ] || grep -q '^==' "$B/valgrind.log"; then
		echo "valgrind: $t ends with $status"
		grep -E '^==|^\[  FAILED' "$B/valgrind.log" | head -20
		bad=1
	fi
done
[ "$bad" -eq 0 ] && echo "analyze: clean"
exit "$bad"
