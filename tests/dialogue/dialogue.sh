#!/bin/sh
# dialogue.sh - plays every transcript in pop3/ against the program, on a
# socketpair as inetd would give it: line by line, in one write, and split in
# two at every octet (in long ones at 60 places). Each time the replies must
# be the transcript's octet for octet, the maildrop afterwards too, with the
# same inode, owner and mode, and nothing else may lie in the spool. Those in
# wrong/ must fail, or the others prove nothing. For the form of a transcript
# see README beside this file; play.c reads it.
#
# Runs as root (the account is then user 65534, the spool Debian's root:mail
# 2775) and as anybody else (the account is the caller's own).
# shellcheck source=tests/lib.sh
. tests/lib.sh

here=tests/dialogue
play=$B/$here/play
version=$("$popd" --version) || exit 1
version=${version##* }

# A process that keeps a saved group cannot be traced, so a leak checker ends
# with an error in it. Whoever is not root has it checked.
if is_root; then
	export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"
fi

# make_home DIRECTORY: accounts, an empty spool and a state directory. mrose's
# password is "secret" and anna's "two  words ", who never had mail; locked and
# empty have none that could be given.
# shellcheck disable=SC2016
make_home() {
	mkdir "$1" "$1/spool" "$1/state"
	chmod 711 "$1/state"
	uid=$(id -u)
	if is_root; then
		uid=65534
		chgrp mail "$1/spool" && chmod 2775 "$1/spool"
	fi
	rest=$uid:$uid::/nonexistent:
	secret='$5$rounds=1000$mrose$OEi.CY3Q7JXddE134t3YbVkND3i3vGGNtgXnuqzflo6'
	words='$5$rounds=1000$anna$hyqSfidAAq75U.0MxLZ.kXnYAyC.9dQyQybSM.AWVL.'
	printf '%s\n' "mrose:$secret:$rest" "anna:$words:$rest" \
		"locked:!$secret:$rest" "empty::$rest" >"$1/accounts"
}

# Those in which a refusal waits out its second wait side by side.
bad=0 quick='' slow=''
for transcript in "$here"/pop3/*.txt; do
	if grep -q '^N: 1$' "$transcript"; then
		home=$tmp/$(basename "$transcript")
		make_home "$home"
		"$play" "$popd" "$version" "$home" "$transcript" >"$home/said" &
		slow="$slow $!:$home"
	else
		quick="$quick $transcript"
	fi
done
make_home "$tmp/quick"
# shellcheck disable=SC2086
"$play" "$popd" "$version" "$tmp/quick" $quick || bad=1
for transcript in "$here"/wrong/*.txt; do
	right=$("$play" "$popd" "$version" "$tmp/quick" "$transcript" |
		grep -c '^ok')
	if [ "$right" -eq 0 ]; then
		echo "ok - a wrong transcript fails: $(basename "$transcript")"
	else
		echo "not ok - a wrong transcript passes: $transcript"
		bad=1
	fi
done
for s in $slow; do
	wait "${s%%:*}" || bad=1
	cat "${s#*:}/said"
done
exit "$bad"
