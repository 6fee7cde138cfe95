#!/bin/sh
# dialogue.sh - plays every transcript against the program, on a socketpair as
# inetd would give it: line by line, in one write, and split in two at every
# octet (in long ones at 60 places). Each time the replies must be the
# transcript's octet for octet, the mailboxes afterwards too, with the same
# inode, owner and mode, and nothing else may lie beside them. pop1/, pop2/ and
# pop3/ hold the dialects, auto/ how they are told apart. Those in wrong/ must
# fail, or the others prove nothing. For the form of a transcript see README
# beside this file; play.c reads it.
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

# make_home DIRECTORY: accounts, an empty spool, a home and a state directory.
# mrose's password is "secret", anna's "two  words " (she never had mail),
# quote's "a\b \"; locked and empty have none that could be given. The others
# are the RFCs': Fred's is "Secret", and "password" for RFC 918; test's is
# "test".
# shellcheck disable=SC2016
make_home() {
	mkdir "$1" "$1/spool" "$1/home" "$1/state"
	chmod 711 "$1/state"
	uid=$(id -u)
	if is_root; then
		uid=65534
		chgrp mail "$1/spool" && chmod 2775 "$1/spool"
		chown "$uid:$uid" "$1/home"
	fi
	rest=$uid:$uid::$1/home:
	h='$5$rounds=1000'
	secret=$h'$mrose$OEi.CY3Q7JXddE134t3YbVkND3i3vGGNtgXnuqzflo6'
	words=$h'$anna$hyqSfidAAq75U.0MxLZ.kXnYAyC.9dQyQybSM.AWVL.'
	quote=$h'$quote$2MvFhKrFQ74RLPc96ouc9Oe1CxRCfpN8LoamGjBsKJ3'
	capitals=$h'$POSTEL$NB5NU7hxkinxl4QeuzAV9SgubAsehSV3/wemQDrfam2'
	test='$5$test$mE81Hk6jfF7kPRvM6bmJqs2BJ3jxWduOAHAwURD2Ev9'
	fred=$h'$Fred2$BIEs7O7EejAg5y/lEm0kUXo/3ewECohyXwCEyyIGCb.'
	fred918=$h'$Fred1$avDJFaylWWEi5MztSxS.uBBu6bh7GI.NW1IC1uLun.D'
	printf '%s\n' "mrose:$secret:$rest" "anna:$words:$rest" \
		"quote:$quote:$rest" "locked:!$secret:$rest" "empty::$rest" \
		"POSTEL:$capitals:$rest" "smith:$secret:$rest" \
		"Jones:$secret:$rest" "Fred:$fred:$rest" "test:$test:$rest" \
		>"$1/accounts"
	sed "s,^Fred:[^:]*:,Fred:$fred918:," "$1/accounts" >"$1/accounts918"
}

# play_all HOME TRANSCRIPT...: in the background, in a home of their own.
beside=
play_all() {
	home=$1
	shift
	make_home "$home"
	"$play" "$popd" "$version" "$home" "$@" >"$home/said" &
	beside="$beside $!:$home"
}

# POP3's beside the others; and those in which a refusal waits out its second
# wait side by side.
bad=0 pop3='' others=''
for transcript in "$here"/pop[123]/*.txt "$here"/auto/*.txt; do
	if grep -q '^N: 1$' "$transcript"; then
		play_all "$tmp/$(echo "${transcript#"$here/"}" | tr / -)" \
			"$transcript"
		continue
	fi
	case $transcript in
	*/pop3/*) pop3="$pop3 $transcript" ;;
	*) others="$others $transcript" ;;
	esac
done
# shellcheck disable=SC2086
play_all "$tmp/pop3" $pop3
# shellcheck disable=SC2086
play_all "$tmp/others" $others
make_home "$tmp/wrong"
for transcript in "$here"/wrong/*.txt; do
	right=$("$play" "$popd" "$version" "$tmp/wrong" "$transcript" |
		grep -c '^ok')
	if [ "$right" -eq 0 ]; then
		echo "ok - a wrong transcript fails: $(basename "$transcript")"
	else
		echo "not ok - a wrong transcript passes: $transcript"
		bad=1
	fi
	# What a transcript that fails has left is not the next one's.
	rm -rf "$tmp/wrong"/home/*
done
for s in $beside; do
	wait "${s%%:*}" || bad=1
	cat "${s#*:}/said"
done
exit "$bad"
