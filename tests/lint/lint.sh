#!/bin/sh
# make lint: form, layers, banned calls, a test for every source file, the man
# page, the shell scripts. Says what it could not check for want of a program.
set -u
cd "$(dirname "$0")/../.." || exit 1
bad=0

check() {
	what=$1
	shift
	if ! "$@"; then
		echo "lint: $what: failed"
		bad=1
	fi
}
# with PROGRAM WHAT COMMAND...: check, unless the program is absent.
with() {
	program=$1
	shift
	if command -v "$program" >/dev/null 2>&1; then
		check "$@"
	else
		echo "lint: no $program, so not checked: $1"
	fi
}

sources=$(find src tests -name '*.c' -o -name '*.h' | sort)
# shellcheck disable=SC2086
with clang-format "form (.clang-format)" clang-format --dry-run -Werror $sources
# shellcheck disable=SC2046
check "layers" awk -f tests/lint/layers.awk $(find src -name '*.[ch]' | sort)
# shellcheck disable=SC2046
check "banned calls" awk -f tests/lint/words.awk $(find src -name '*.[ch]' | sort)
# shellcheck disable=SC2046
check "lines as root" awk -f tests/lint/root.awk docs/trust.md $(find src -name '*.c' | sort)
with mandoc "man page" mandoc -Tlint -Wwarning docs/*.8
scripts=$(grep -rlE '^#!/bin/sh' tests src .ci | sort)
# shellcheck disable=SC2086
with shellcheck "shell scripts" shellcheck -s sh -e SC2154,SC1091,SC2323 $scripts

for c in src/*/*.c; do
	t=tests/unit/${c#src/}
	t=${t%.c}_test.c
	if [ ! -f "$t" ]; then
		echo "lint: $c has no $t"
		bad=1
	fi
done
if grep -rnE '\b(TODO|FIXME|XXX|HACK)\b' src; then
	echo "lint: unfinished places"
	bad=1
fi
[ "$bad" -eq 0 ] && echo "lint: clean"
exit "$bad"
