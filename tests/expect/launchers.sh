#!/bin/sh
# launchers.sh - a session through every superserver, each configured by the
# sample we ship with the port and the program's path put in; and by a pipe.
#
# Under inetd and xinetd descriptor 2 is the client's socket: session.py looks
# that nothing but protocol comes out of it, whatever goes wrong.
. tests/expect/lib/real.sh
need_root "sessions under superservers"
have python3 || {
	skip "sessions under superservers" "no python3"
	finish
}
if peers=$(B=$B tests/peers 2>"$tmp/why"); then
	libraries=$(find "$peers" -name '*.so*' -exec dirname {} + | sort -u |
		tr '\n' ':')
else
	skip "superservers that are not installed" "$(tail -n 1 "$tmp/why")"
	peers=/nonexistent libraries=
fi
private_places
make_user
python3 "$lib/mail.py" "$tmp/fixture"
# session.py deletes message 2 and the last.
python3 - "$tmp/fixture" >"$tmp/left" <<'PY'
import re, sys
mbox = open(sys.argv[1] + "/mbox", "rb").read()
at = [m.start() for m in re.finditer(rb"^From a@", mbox, re.M)]
sys.stdout.buffer.write(mbox[:at[1]] + mbox[at[2]:at[-1]])
PY
syslog || log=
address='127\.0\.0\.9' # session.py's, for grep

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

# start PROGRAM ARGUMENT...: in the background, waits for $port.
start() {
	launched=$tmp/launched.$port
	background env LD_LIBRARY_PATH="$libraries" "$@" \
		>"$launched" 2>&1 </dev/null
	wait_port "$port"
	ok $? "$name listens" "$(cat "$launched")"
}

# hold NAME: a session at $port; then the spool, the locks and the log.
hold() {
	chown "$user:mail" "$mbox" && fill "$mbox"
	before=$(stat -c '%i %U:%G %a' "$mbox")
	[ -z "$log" ] || : >"$log"
	said=$(timeout 20 python3 "$lib/session.py" "$port" "$user" \
		"$password" "$tmp/fixture" 2>&1)
	ok $? "$1: a session, octet by octet" "$said"
	cmp -s "$mbox" "$tmp/left"
	ok $? "$1: what was not deleted is there, and only that"
	is "$(stat -c '%i %U:%G %a' "$mbox")" "$before" \
		"$1: the spool file is the same one, owner and mode too"
	no_locks "$1: no lock file is left" "$spool"
	hold_log "$1"
}
hold_log() {
	if [ -z "$log" ]; then
		skip "$1: the log names the client's address" \
			"the system's syslog has /dev/log"
		return
	fi
	wait_for 5 grep -q event=end "$log"
	like "$(cat "$log")" "event=login addr=$address tls=no user=\"$user\" dialect=undecided\$" \
		"$1: the log names the client's address"
	like "$(cat "$log")" \
		"event=end addr=$address tls=no user=\"$user\" dialect=pop3 sent=10 .* deleted=2 left=8 why=\"quit\"\$" \
		"$1: and tells how the session ended"
	! grep -qF "$password" "$log"
	ok $? "$1: and never the password"
}

# is_silent NAME: a configuration error writes nothing to the client.
is_silent() {
	[ -z "$log" ] || : >"$log"
	said=$(timeout 20 python3 "$lib/session.py" "$port" --silent 2>&1)
	ok $? "$1: a bad option: nothing to the client" "$said"
	[ -n "$log" ] || return 0
	wait_for 5 grep -q event=error "$log"
	like "$(cat "$log")" 'event=error why="--no-such-option' \
		"$1: a bad option: the log says why"
}

# absent NAME: whether the launcher is not to be had; then says so.
absent() {
	name=$1
	case $2 in
	*inetd)
		if ! grep -qs '^tcp[[:blank:]]' /etc/protocols; then
			skip "$name" "needs /etc/protocols, which netbase has"
			return
		fi
		;;
	esac
	program=$(find_peer "$2") && return 1
	skip "$name" "not found"
}

# The inetd samples: the line that is not commented out.
inetd_conf() {
	put_in inetd.conf.sample | sed "s,^pop3[[:blank:]],127.0.0.1:$port ," \
		>"$tmp/inetd.conf"
	sed -n "/^127/{s,:$port ,:$1 ,;s,$, --no-such-option,p;}" \
		"$tmp/inetd.conf" >>"$tmp/inetd.conf.bad"
	cat "$tmp/inetd.conf.bad" >>"$tmp/inetd.conf"
	rm "$tmp/inetd.conf.bad"
}

is "$(grep -c '^[^#]' inetd.conf.sample)" 1 "inetd.conf.sample turns on one line"

for inetd in inetd inetutils-inetd; do
	absent "$inetd" "$inetd" && continue
	free_port
	bad=$port
	free_port
	inetd_conf "$bad"
	if [ "$inetd" = inetd ]; then
		name=openbsd-inetd
		start "$program" -i "$tmp/inetd.conf"
	else
		# In the foreground only with -d.
		start "$program" -d --pidfile="$tmp/inetd.pid" "$tmp/inetd.conf"
	fi
	hold "$name"
	good=$port port=$bad
	is_silent "$name"
	port=$good
done

# xinetd_conf SERVICE PORT ARGUMENTS: our sample under another name and port.
xinetd_conf() {
	put_in "xinetd.d/${1%-*}" | sed "/port.*=/d; /UNLISTED/d
		s,^service .*,service $1,
		s,^{,{\ntype = UNLISTED\nport = $2\nbind = 127.0.0.1\n${3-},"
}

if ! absent xinetd xinetd; then
	free_port
	pop2=$port
	free_port
	off=$port
	free_port
	bad=$port
	free_port
	{
		xinetd_conf pop3-good "$port"
		xinetd_conf pop3-bad "$bad" "server_args = --no-such-option"
		xinetd_conf pop2-off "$off"
		xinetd_conf pop2-on "$pop2" | sed "s,\(disable.*\)yes,\1no,"
	} >"$tmp/xinetd.conf"
	start "$program" -dontfork -f "$tmp/xinetd.conf" \
		-pidfile "$tmp/xinetd.pid" -filelog "$tmp/xinetd.log"
	hold xinetd
	is "$(grep -iE 'error|unknown|warning' "$tmp/xinetd.log")" "" \
		"xinetd finds no fault with the samples"
	port=$pop2
	hold "xinetd, the sample for port 109"
	! is_listening "$off"
	ok $? "which is off as shipped"
	port=$bad
	is_silent xinetd
fi

if ! absent tcpserver tcpserver; then
	free_port
	start "$program" -l0 -HR 127.0.0.1 "$port" "$popd"
	hold tcpserver
	# A spool elsewhere, without a state file.
	free_port
	mkdir "$tmp/spool" && chgrp mail "$tmp/spool" && chmod 2775 "$tmp/spool"
	cp -p "$mbox" "$tmp/spool/$user"
	name="tcpserver with --spool"
	start "$program" -l0 -HR 127.0.0.1 "$port" \
		"$popd" --spool "$tmp/spool" --state none
	spool=$tmp/spool mbox=$tmp/spool/$user
	hold "$name"
	spool=/var/mail mbox=/var/mail/$user
fi

if ! absent tcpsvd tcpsvd; then
	free_port
	start "$program" 127.0.0.1 "$port" "$popd"
	hold tcpsvd
fi

if ! absent systemd-socket-activate systemd-socket-activate; then
	free_port
	command=$(put_in docs/systemd/in.popd@.service |
		sed -n 's/^ExecStart=//p')
	# shellcheck disable=SC2086 # a command line
	start "$program" -l "127.0.0.1:$port" -a --inetd $command
	hold systemd-socket-activate
fi

if have systemd-analyze; then
	mkdir "$tmp/units"
	for unit in in.popd.socket in.popd@.service; do
		put_in "docs/systemd/$unit" >"$tmp/units/$unit"
	done
	# The system's own units may have faults, too.
	said=$(systemd-analyze verify --man=no "$tmp/units/"* 2>&1 |
		grep -F in.popd)
	is "$said" "" "systemd-analyze finds no fault with the units"
else
	skip "systemd-analyze finds no fault with the units" "not installed"
fi

if ! absent socat socat; then
	free_port
	start "$program" "TCP-LISTEN:$port,bind=127.0.0.1,fork,reuseaddr" \
		"EXEC:$popd"
	# What in.popd gets is a socket pair, which has no address.
	address=local
	hold socat
fi

# A pipe: what a person uses who types at it.
chown "$user:mail" "$mbox" && fill "$mbox"
mkfifo "$tmp/up" "$tmp/down"
"$popd" <"$tmp/up" >"$tmp/down" 2>"$tmp/said" &
at_end "end_process $!"
said=$(timeout 20 python3 "$lib/session.py" 0 "$user" "$password" \
	"$tmp/fixture" 2>&1 4>"$tmp/up" 3<"$tmp/down")
ok $? "a pipe: a session, octet by octet" "$said"
cmp -s "$mbox" "$tmp/left"
ok $? "a pipe: what was not deleted is there, and only that"
finish
