#!/bin/sh
# coverage.sh [PROGRAM...] - branch coverage of src/ by gcov: builds everything
# with counters in $B/coverage, runs the unit tests and the shell tests that
# start the programs (or the PROGRAMs named, as tests/unit/wire/line_test), and
# lets report.py add up. Ends with 1 below the bar. Run as root, from the top of
# the tree: without root whole functions are out of reach.
set -u
: "${B:?the build directory}"
here=tests/coverage
out=$B/coverage
data=$out/data
log=$out/log
flags="-g -O0 --coverage"
wraps=-Wl,--wrap=sandbox_session,--wrap=sandbox_files
own=tests/unit/sys/sandbox_test # it tests what is wrapped
rm -rf "$data" "$log"
mkdir -p "$data" "$log"
find "$out" -name '*.gcda' -exec rm -f {} +

gcc -std=c11 -D_GNU_SOURCE -DCOUNTERS="\"$out\"" -Isrc -g -c -o "$out/dump.o" \
	$here/dump.c || exit 1
if [ $# -eq 0 ]; then
	for test in tests/unit/*/*_test.c; do
		set -- "$@" "${test%.c}"
	done
	set -- "$@" tests/expect/options.sh
fi
build() {
	${MAKE:-make} -s B="$out" CC=gcc CFLAGS="$flags" "$@"
}
targets=all
for test; do
	case $test in
	*.sh | "$own") ;;
	*) targets="$targets $out/$test" ;;
	esac
done
# shellcheck disable=SC2086 # a list
build LDFLAGS="$out/dump.o $wraps" $targets && build "$out/$own" || exit 1

# Users without any right write their counters, too: all files are there before.
# Each program has its own, so that what one spoils is not lost to the others.
counters() { # DIRECTORY TEST
	find "$out/src" "$out/${2%.sh}.gcno" -name '*.gcno' 2>/dev/null |
		while IFS= read -r notes; do
			file=$1${notes%.gcno}.gcda
			mkdir -p "${file%/*}"
			: >"$file"
		done
	chmod -R a+rwX "$1$out"
}
counters "" ""
export GCOV_ERROR_FILE="$out/errors"
: >"$GCOV_ERROR_FILE"
chmod 666 "$GCOV_ERROR_FILE"
failed=0
for test; do
	name=$(echo "$test" | tr / -)
	program=$test
	[ -f "$test" ] || program=$out/$test
	counters "$data/$name" "$test"
	export GCOV_PREFIX="$data/$name"
	B=$out tests/run "$program" >"$log/$name" || failed=1
	sed -n 1p "$log/$name"
	# What is skipped as root is not skipped as nobody.
	case $test in
	*.sh) ;;
	*)
		if grep -q 'SKIP' "$log/$name"; then
			setpriv --reuid=65534 --regid=65534 --clear-groups "$program" \
				>/dev/null 2>&1 || failed=1
		fi
		;;
	esac
done
unset GCOV_PREFIX
[ "$failed" -eq 0 ] || echo "coverage: some tests failed, see $log" >&2
python3 $here/report.py "$out" $here/exceptions && [ "$failed" -eq 0 ]
