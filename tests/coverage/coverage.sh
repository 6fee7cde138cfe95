#!/bin/sh
# coverage.sh [TEST...] - branch coverage of src/ by gcov: builds everything with
# counters in $B/coverage, runs the unit tests and the shell tests that start the
# programs (or the TESTs named, as tests/unit/wire/line_test), and lets report.py
# add up. Ends with 1 below the bar. Run as root, from the top of the tree:
# without root whole functions are out of reach.
set -u
: "${B:?the build directory}"
here=tests/coverage
out=$B/coverage
data=$out/data
raw=$out/raw # what counters.c lays the counters over
# gcc would hand over counters at each fork and exec; counters.c knows better.
flags="-g -O0 --coverage -fdata-sections"
for call in fork execl execlp execle execv execvp execve; do
	flags="$flags -fno-builtin-$call"
done
rm -rf "$data" "$raw"
mkdir -p "$data" "$raw"
chmod 777 "$raw"

if [ $# -eq 0 ]; then
	for test in tests/unit/*/*_test.c; do
		set -- "$@" "${test%.c}"
	done
	for test in options starts selftest tls launchers secrets proxy; do
		set -- "$@" "tests/expect/$test.sh"
	done
fi
units=
for test; do
	shift
	case $test in
	*.sh) set -- "$@" "$test" ;;
	*)
		set -- "$@" "$out/$test"
		units="$units $out/$test"
		;;
	esac
done

gcc -std=c11 -D_GNU_SOURCE -DCOUNTERS="\"$raw\"" -g -c -o "$out/counters.o" \
	$here/counters.c || exit 1
# shellcheck disable=SC2086 # a list
${MAKE:-make} -s B="$out" CC=gcc CFLAGS="$flags" \
	LDFLAGS="$out/counters.o -Wl,-T,$here/counters.ld -Wl,--wrap=__gcov_exit,--wrap=fork" \
	all "$out/tests/expect/lib/refuse" $units || exit 1

failed=0
B=$out tests/run "$@" || failed=1
# What is skipped as root is not skipped as nobody.
for test; do
	name=$(echo "${test#"$out"/}" | sed 's,^tests/,,; s,/,-,g')
	case $name in expect-tls.sh | expect-launchers.sh) continue ;; esac
	if grep -q SKIP "$out/tests/log/$name"; then
		B=$out setpriv --reuid=65534 --regid=65534 --clear-groups "$test" \
			>"$out/tests/log/$name.nobody" 2>&1 || {
			echo "coverage: $test fails as nobody" >&2
			failed=1
		}
	fi
done
# Each hands over its counters to a directory of its own: a test may have a
# function in the place of one that gcov's library calls.
for program in "$out/in.popd" "$out/in.popd-tls" $units; do
	name=$(echo "$program" | tr / -)
	[ ! -d "$raw/$name" ] || find "$raw/$name" -type f -exec cat {} + |
		COUNTERS_WANTED=1 GCOV_PREFIX=$data/$name "$program"
	rm -rf "${raw:?}/$name"
done
[ "$failed" -eq 0 ] || echo "coverage: some tests failed" >&2
python3 $here/report.py "$out" $here/exceptions && [ "$failed" -eq 0 ]
