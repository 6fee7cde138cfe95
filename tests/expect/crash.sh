#!/bin/sh
# crash.sh - a sample of "make crash": some hundred faults, the same ones each
# time, in sessions over mailboxes whose every octet is known. tests/crash/README
# tells what is tried and counted; a case that fails is named by its text.
# shellcheck source=tests/lib.sh
. tests/lib.sh
if nm "$popd" 2>/dev/null | grep -q __asan_init; then
	skip "faults in sessions" "built with AddressSanitizer"
	finish
fi
B=$B tests/crash/run.sh --one pop3/small/none//s1:EINTR >"$tmp/first" 2>&1
if [ $? -eq 77 ]; then
	skip "faults in sessions" "no ptrace(2) here"
	finish
fi

# sample NAME COMMAND...: with the injector's options behind it.
sample() {
	name=$1
	shift
	said=$("$@" 2>&1)
	ok $? "$name: the injector is content" "$said"
	like "$said" '^faults [1-9][0-9]{2,} tried, 0 lost, 0 duplicated, 0 altered, 0 blocked over 1 s, 0 locks left$' \
		"$name: nothing lost, nobody blocked"
	printf '%s\n' "$said" | tail -n 1
}

sample "faults and a storm" tests/crash/run.sh --seed 1 --faults 800 --storm 4
# Not as root nothing changes its identity, and other calls are made.
if is_root && have setpriv && mkdir "$tmp/b" "$tmp/b/tests" "$tmp/b/tests/crash"; then
	cp "$popd" "$tmp/b" && cp "$B/tests/crash/inject" "$tmp/b/tests/crash"
	sample "as a plain user" env B="$tmp/b" setpriv --reuid=65534 \
		--regid=65534 --clear-groups tests/crash/run.sh --seed 2 --faults 150
else
	skip "as a plain user" "needs root and setpriv"
fi
finish
