# real.sh - for the tests with real launchers, clients and deliverers; they
# begin with  . tests/expect/lib/real.sh  instead of tests/lib.sh.
#
# As root, and where the kernel lets us, the test runs in a mount namespace of
# its own with private copies of what it changes: /etc (where useradd writes),
# the spool, the state directory. Elsewhere it uses the system's and clears up.
# Gives make_user, fill, free_port, wait_port, wait_for, background, syslog and
# have_terminals.
# shellcheck shell=sh
if [ "$(id -u)" -eq 0 ] && [ -z "${TEST_NAMESPACE-}" ]; then
	TEST_NAMESPACE=none
	! unshare -m true 2>/dev/null || TEST_NAMESPACE=own
	export TEST_NAMESPACE
	[ "$TEST_NAMESPACE" = none ] || exec unshare -m "$0" "$@"
fi
# shellcheck source=tests/lib.sh
. tests/lib.sh
lib=$PWD/tests/expect/lib
spool=/var/mail
state=/var/lib/in.popd

# need_root: ends the test when we are not.
need_root() {
	is_root && return
	skip "$1" "needs root: it makes a user"
	finish
}

# private_places: our own /etc, spool and state directory.
private_places() {
	[ "$TEST_NAMESPACE" = own ] || return 0
	cp -a /etc "$tmp/etc" && mount --bind "$tmp/etc" /etc || exit 1
	mkdir -p "$tmp/mail" && chgrp mail "$tmp/mail" &&
		chmod 2775 "$tmp/mail" && mount --bind "$tmp/mail" /var/mail || exit 1
	[ -d "$state" ] || at_end "rmdir $state 2>/dev/null"
	mkdir -p "$state" && mkdir -m 0711 "$tmp/state" &&
		mount --bind "$tmp/state" "$state" || exit 1
	at_end "umount $state; umount /var/mail; umount /etc"
}

# have_terminals: whether there are pseudo-terminals. A bare root has nothing
# mounted where they are; then they are, until the end.
have_terminals() {
	if [ -d /dev/pts ] && [ ! -e /dev/pts/ptmx ]; then
		mount -t devpts -o newinstance,ptmxmode=0666 devpts /dev/pts \
			2>/dev/null && at_end "umount /dev/pts"
	fi
	script -qec true /dev/null >/dev/null 2>&1
}

# make_user: a system user $user with the password $password and an empty
# maildrop, $mbox; gone at the end.
make_user() {
	user=popt$$
	password="a $$ password"
	mbox=$spool/$user
	[ -d "$state" ] || at_end "rmdir $state/.empty $state 2>/dev/null"
	at_end "userdel $user; rm -rf $mbox $mbox.lock $state/$user"
	wait_for 5 useradd -M -d /nonexistent -s /usr/sbin/nologin "$user" &&
		echo "$user:$password" | chpasswd -c SHA256 || exit 1
	: >"$mbox" && chown "$user:mail" "$mbox" && chmod 660 "$mbox" || exit 1
}

# fill FILE [MAIL]: puts the mail into the maildrop FILE, which keeps its inode.
fill() {
	cat "${2:-$tmp/fixture/mbox}" >"$1"
}

# wait_for SECONDS COMMAND...: until the command succeeds; fails when it is
# never so.
wait_for() {
	wait_for_left=$(($1 * 20))
	shift
	until "$@" >/dev/null 2>&1; do
		wait_for_left=$((wait_for_left - 1))
		[ "$wait_for_left" -gt 0 ] || return 1
		sleep 0.05
	done
}

# by_getmail START: START lays everything out, then getmail runs, as_user, with
# $home/getmail; what it says is in $tmp/said. Now and then it misses that a child
# of its own has ended (6.18, which looks for it and waits, but not in one), and
# sits there until as_user's time is over: once more, from the start.
by_getmail() {
	for by_getmail_try in 1 2 3 4 5; do
		"$1" || return
		as_user getmail -g "$home/getmail" >"$tmp/said"
		by_getmail_status=$?
		grep -q "user aborted" "$tmp/said" || break
		echo "# getmail $by_getmail_try: it missed its own child"
	done
	return "$by_getmail_status"
}

# is_listening PORT: looks without connecting, which would start a server.
is_listening() {
	cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
		grep -q "$(printf ':%04X [0-9A-F]*:0000 0A' "$1")"
}

wait_port() {
	wait_for 10 is_listening "$1"
}

# free_port: sets $port to one on which nobody listens.
port=$((20000 + $$ % 10000))
free_port() {
	port=$((port + 1))
	while is_listening "$port"; do
		port=$((port + 1))
	done
}

# background COMMAND...: starts it; $pid is its process, ended at the end.
background() {
	"$@" &
	pid=$!
	at_end "end_process $pid"
}

# end_process PID: by TERM, and by KILL when that does not help.
end_process() {
	kill "$1" 2>/dev/null || return 0
	wait_for 3 is_gone "$1" || kill -9 "$1" 2>/dev/null
	wait "$1" 2>/dev/null
}
is_gone() {
	case $(ps -o stat= -p "$1" 2>/dev/null) in '' | Z*) return 0 ;; esac
	return 1
}

# syslog: $log collects what is logged, a line each; fails when the system's
# own syslog has the socket and cannot be hidden.
syslog() {
	log=$tmp/syslog
	: >"$log"
	if [ ! -e /dev/log ]; then
		at_end "rm -f /dev/log"
		background python3 "$lib/syslog.py" /dev/log "$log"
		wait_for 5 test -S /dev/log
	else
		[ "$TEST_NAMESPACE" = own ] || return 1
		background python3 "$lib/syslog.py" "$tmp/log" "$log"
		wait_for 5 test -S "$tmp/log" || return 1
		syslog_hidden=$(readlink -f /dev/log)
		mount --bind "$tmp/log" "$syslog_hidden" || return 1
		at_end "umount $syslog_hidden"
	fi
}
