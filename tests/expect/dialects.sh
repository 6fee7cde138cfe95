#!/bin/sh
# dialects.sh - POP1 and POP2 as they are used: the ports 109 and 110 under real
# superservers, set up by the samples we ship, with a client of each dialect on
# both; then deliveries, lost clients and locks in the middle of sessions.
#
# The local port picks the greeting, so nothing but the real ports will do. They
# are those of a network namespace of our own, with nothing but a loopback; or
# the machine's, where that cannot be had and nobody listens there.
: "${B:=build}"
case $B in /*) ;; *) B=$PWD/$B ;; esac
export B
if [ "$(id -u)" -eq 0 ] && [ -z "${TEST_NETWORK-}" ]; then
	TEST_NETWORK=none
	! unshare -n ip link set lo up 2>/dev/null || TEST_NETWORK=own
	export TEST_NETWORK
	if [ "$TEST_NETWORK" = own ]; then
		tests/peers >/dev/null 2>&1 # while there is a network
		exec unshare -n "$0" "$@"
	fi
fi
[ "${TEST_NETWORK-}" != own ] || ip link set lo up || exit 1
. tests/expect/lib/real.sh
need_root "the dialects on their ports"
have python3 || {
	skip "the dialects on their ports" "no python3"
	finish
}
if peers=$(tests/peers 2>"$tmp/why"); then
	libraries=$(find "$peers" -name '*.so*' -exec dirname {} + | sort -u |
		tr '\n' ':')
else
	skip "superservers that are not installed" "$(tail -n 1 "$tmp/why")"
	peers=/nonexistent libraries=
fi
private_places
make_user
other=popo$$
at_end "userdel $other"
wait_for 5 useradd -M -d /nonexistent "$other" || exit 1
python3 "$lib/mail.py" "$tmp/fixture"
cr=$(printf '\r')
# What POP2 sends for each message, and POP1 for all.
mkdir "$tmp/wire"
for file in "$tmp/fixture"/[0-9]*; do
	sed "s/\$/$cr/" "$file" >"$tmp/wire/${file##*/}"
done
{
	cat "$tmp/fixture/mbox"
	echo
} | sed "s/\$/$cr/" >"$tmp/wire/mailbox"
messages=$(find "$tmp/fixture" -name '[0-9]*' | wc -l)

# put_in SAMPLE: prints it with our program instead of the installed one.
put_in() {
	sed "s,/usr/sbin/in\.popd,$popd,g" "$1"
}

# find_peer NAME: prints its path, unpacked or installed.
find_peer() {
	for path in "$peers/usr/sbin/$1" "$peers/usr/bin/$1"; do
		[ ! -x "$path" ] || {
			echo "$path"
			return
		}
	done
	command -v "$1" || PATH=$PATH:/usr/sbin command -v "$1"
}

# absent NAME PROGRAM: whether the launcher is not to be had; then says so.
absent() {
	name=$1
	if ! grep -qs '^tcp[[:blank:]]' /etc/protocols; then
		skip "$name" "needs /etc/protocols, which netbase has"
		return
	fi
	program=$(find_peer "$2") && return 1
	skip "$name" "not found"
}

# start PROGRAM ARGUMENT...: in the background; listens on 109 and 110.
start() {
	background env LD_LIBRARY_PATH="$libraries" "$@" \
		>"$tmp/launched" 2>&1 </dev/null
	started=$pid
	wait_port 109 && wait_port 110
	ok $? "$name listens on 109 and 110" "$(cat "$tmp/launched")"
}

# stop: the last one started; its ports are free then.
stop() {
	end_process "$started"
	wait_for 5 is_free
}
is_free() {
	! is_listening 109 && ! is_listening 110
}

# greeting PORT: the first line, without its end.
greeting() {
	python3 - "$1" <<-'PY'
	import socket, sys
	s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10)
	print(s.makefile("rb").readline().decode().replace("\r\n", ""))
	PY
}

# old_client OPTIONS... PORT: popc, with the files it gets in $tmp/got.
old_client() {
	rm -rf "$tmp/got"
	mkdir "$tmp/got"
	said=$(POP_PASSWORD=$password timeout 30 tests/demo/popc -o "$tmp/got" \
		-u "$user" "$@" 2>&1)
}

# hold: the sessions of each dialect on each port.
hold() {
	is "$(greeting 109)" "+ POP2 $(hostname) in.popd ready" \
		"$name: 109 greets as POP2"
	is "$(greeting 110)" "+OK POP3 $(hostname) in.popd ready" \
		"$name: 110 greets as POP3"
	for at in 109 110; do
		fill "$mbox"
		said=$(timeout 20 python3 "$lib/session.py" "$at" "$user" \
			"$password" "$tmp/fixture" 2>&1)
		ok $? "$name: a POP3 client on $at, octet by octet" "$said"

		fill "$mbox"
		old_client -2 127.0.0.1 "$at"
		ok $? "$name: a POP2 client on $at" "$said"
		cp "$tmp/wire/mailbox" "$tmp/got/mailbox"
		difference=$(LC_ALL=C diff -rq "$tmp/wire" "$tmp/got" 2>&1)
		is "$(find "$tmp/got" -name '[0-9]*' | wc -l)$difference" "$messages" \
			"$name: which gets every octet of every message"
		cmp -s "$mbox" "$tmp/fixture/mbox"
		ok $? "$name: and leaves them"
		old_client -2 -d 127.0.0.1 "$at"
		is "$?$(wc -c <"$mbox")" "00" "$name: or deletes them"

		fill "$mbox"
		old_client -1 127.0.0.1 "$at"
		ok $? "$name: a POP1 client on $at" "$said"
		cmp "$tmp/got/mailbox" "$tmp/wire/mailbox"
		ok $? "$name: which gets every octet of the maildrop"
		old_client -1 -d 127.0.0.1 "$at"
		is "$?$(wc -c <"$mbox")" "00" "$name: and deletes them with RDEL"
	done
	no_locks "$name: no lock file is left" "$spool"
}

if ! is_free; then
	skip "ports 109 and 110" "in use, and no network namespace to be had"
else
	if ! absent xinetd xinetd; then
		for sample in pop2 pop3; do
			put_in "xinetd.d/$sample" |
				sed 's,\(disable.*\)yes,\1no,; s,^{,{\nbind = 127.0.0.1,'
		done >"$tmp/xinetd.conf"
		start "$program" -dontfork -f "$tmp/xinetd.conf" \
			-pidfile "$tmp/xinetd.pid" -filelog "$tmp/xinetd.log"
		hold
		is "$(grep -iE 'error|unknown|warning' "$tmp/xinetd.log")" "" \
			"xinetd finds no fault with the samples"
		stop
	fi
	if ! absent openbsd-inetd inetd; then
		# The line for 109 is off as shipped.
		put_in inetd.conf.sample | sed -n \
			's,^#*\(109[[:blank:]]\),127.0.0.1:\1,p
			s,^\(pop3[[:blank:]]\),127.0.0.1:\1,p' >"$tmp/inetd.conf"
		is "$(wc -l <"$tmp/inetd.conf")" 2 "inetd.conf.sample has both ports"
		start "$program" -i "$tmp/inetd.conf"
		hold
		stop
	fi
	if ! absent tcpserver tcpserver; then
		background env LD_LIBRARY_PATH="$libraries" "$program" -l0 -HR \
			127.0.0.1 109 "$popd" >"$tmp/launched" 2>&1 </dev/null
		first=$pid
		start "$program" -l0 -HR 127.0.0.1 110 "$popd"
		hold
		end_process "$first"
		stop
	fi
	if [ -e /proc/net/if_inet6 ]; then
		# An IPv6 socket's local port counts as well.
		is "$(python3 - "$popd" <<-'PY'
		import socket, subprocess, sys
		try:
		    s = socket.socket(socket.AF_INET6)
		    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
		    s.bind(("::1", 109))
		except OSError:
		    sys.exit(print("+ POP2"))
		s.listen(1)
		c = socket.create_connection(("::1", 109), 10)
		t, _ = s.accept()
		subprocess.Popen([sys.argv[1]], stdin=t, stdout=t, stderr=t)
		t.close()
		print(c.makefile("rb").readline().decode()[:6])
		PY
		)" "+ POP2" "port 109 of an IPv6 address greets as POP2"
	fi
fi

: >"$mbox"
python3 "$lib/dialects.py" "$popd" "$user" "$password" "$mbox" "$other" \
	>"$tmp/tap" 2>"$tmp/err"
is "$?" 0 "dialects.py ran to its end"
[ ! -s "$tmp/err" ] || sed 's/^/# /' "$tmp/err"
report "$tmp/tap"
finish
