# lib.sh - for the shell tests: . tests/lib.sh from the top of the tree.
#
# Gives $popd (the program), $tmp (a directory that goes away at the end), and
# ok, is, like, skip, which print one TAP line each. End with finish.
# shellcheck shell=sh
set -u
: "${B:=build}"
case $B in /*) ;; *) B=$PWD/$B ;; esac
popd=$B/in.popd
tests_run=0 tests_bad=0
tmp=$(mktemp -d "${TMPDIR:-/tmp}/in.popd-test.XXXXXX") || exit 1
chmod 755 "$tmp"

# at_end COMMAND: to be run before $tmp is removed, the latest first.
at_end_list=:
at_end() {
	at_end_list="$1; $at_end_list"
}
clean_up() {
	trap - EXIT
	eval "$at_end_list"
	rm -rf "$tmp"
}
trap clean_up EXIT
trap 'exit 143' TERM INT HUP

# ok STATUS NAME [DETAIL]
ok() {
	tests_run=$((tests_run + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $tests_run - $2"
	else
		tests_bad=$((tests_bad + 1))
		[ -z "${3-}" ] || printf '%s\n' "$3" | sed 's/^/# /'
		echo "not ok $tests_run - $2"
	fi
}

# is GOT WANTED NAME
is() {
	[ "$1" = "$2" ]
	ok $? "$3" "got:    $1
wanted: $2"
}

# like TEXT PATTERN NAME: an extended regular expression, on any line.
like() {
	printf '%s\n' "$1" | grep -qE -- "$2"
	ok $? "$3" "got:           $1
wanted like: $2"
}

# skip NAME WHY
skip() {
	tests_run=$((tests_run + 1))
	echo "ok $tests_run - $1 # SKIP $2"
}

# report FILE [WHAT]: the lines of a program that says "ok - name" and "not ok -
# name", numbered; what else it says stays as it is.
report() {
	while read -r report_line; do
		case $report_line in
		"ok - "*) ok 0 "${2:+$2: }${report_line#ok - }" ;;
		"not ok - "*) ok 1 "${2:+$2: }${report_line#not ok - }" ;;
		*) printf '%s\n' "$report_line" ;;
		esac
	done <"$1"
}

# no_locks NAME DIR...: no lock and no journal is left there. A client may have
# its last reply some milliseconds before the locks end.
no_locks() {
	no_locks_name=$1
	shift
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		left=$(find "$@" -name '*.lock*' -o -name '.in.popd*' -o -name '_*')
		[ -n "$left" ] || break
		sleep 0.1
	done
	is "$left" "" "$no_locks_name"
}

is_root() {
	[ "$(id -u)" -eq 0 ]
}

# have PROGRAM...: whether all are installed.
have() {
	for have_program; do
		command -v "$have_program" >/dev/null 2>&1 || return 1
	done
}

finish() {
	echo "1..$tests_run"
	[ "$tests_bad" -eq 0 ]
	exit
}
