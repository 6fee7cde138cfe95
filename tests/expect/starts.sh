#!/bin/sh
# starts.sh - starts that go wrong: where the kernel refuses one of the calls by
# which in.popd and in.popd-tls make themselves small, nobody is served at all,
# and the exit status says so; never a session that is half shut in. And starts
# that go right though something is odd: the host's name, the program's, closed
# descriptors, somebody without root.
# shellcheck source=tests/lib.sh
. tests/lib.sh
# What somebody left open would take the numbers of what is refused below.
exec 3<&- 4<&- 5<&- 6<&- 7<&- 8<&- 9<&-
refuse=$B/tests/expect/lib/refuse
[ -x "$refuse" ] || {
	skip "starts that go wrong" "no $refuse: make check builds it"
	finish
}
if nm "$popd" | grep -q __asan_init; then
	skip "starts that go wrong" "built with AddressSanitizer, which starts otherwise"
	finish
fi
# Who starts as root may need the usual place for an empty directory: take it
# away again when it was not there.
[ -e /var/lib/in.popd ] ||
	at_end "rmdir /var/lib/in.popd/.empty /var/lib/in.popd 2>/dev/null"
# shellcheck disable=SC2016 # a hash
hash='$5$rounds=1000$abcdefgh$oGpA8yWSAvqGDjkAp0zU.8rjuGSkOn6/xjKmsp4uCw6'
mkdir "$tmp/spool" "$tmp/state"
chmod 711 "$tmp/state"
echo "anna:$hash:$(id -u):$(id -g)::/:" >"$tmp/passwd"
echo "anna:a-device:a-secret" >"$tmp/secrets"
chmod 600 "$tmp/secrets"

# run COMMAND...: $status, $out and $err, with nothing to read.
run() {
	timeout 20 "$@" </dev/null >"$tmp/out" 2>"$tmp/err"
	status=$?
	out=$(cat "$tmp/out")
	err=$(cat "$tmp/err")
}
# serve [OPTION...]: in.popd in our own directories.
serve() {
	run "$popd" -m "$tmp/spool" --state "$tmp/state" "$@"
}
# refused STATUS PATTERN CALL [OPTION...]: STATUS is a pattern.
refused() {
	wanted=$1 pattern=$2 call=$3
	shift 3
	run "$refuse" "$call" "$popd" -m "$tmp/spool" --state "$tmp/state" "$@"
	like "$status" "^($wanted)\$" "in.popd, $call refused: exit status"
	is "$out" "" "in.popd, $call refused: no greeting"
	like "$err" "$pattern" "in.popd, $call refused: says what it has to say"
}

# ---- in.popd: numbers are PR_SET_*, flags and descriptors
serve
is "$status" 0 "in.popd as it is: exit status"
like "$out" '^\+OK POP3 ' "in.popd as it is: greets"
refused 71 '^$' open,2=524290 # /dev/null, O_RDWR | O_CLOEXEC
refused 71 '^$' close_range
refused 66 '^in\.popd: cannot open the spool directory ' fstat,0=4
refused 71 '^in\.popd: cannot start: ' chdir
refused 71 '^in\.popd: cannot start: ' prctl,0=38
refused 71 '^in\.popd: cannot start: ' socketpair
refused 71 '^in\.popd: cannot fork: ' fork
refused 71 '^in\.popd: no random numbers: ' getrandom --secrets "$tmp/secrets"
secrets_fd=7 # root has the session's empty directory before it
! is_root || secrets_fd=8
refused 66 '^in\.popd: cannot read the secrets ' "fstat,0=$secrets_fd" --secrets "$tmp/secrets"
# the session: who is not shut in ends, and so does the judge
refused '7[01]' '^$' prctl,0=1
refused 71 '^$' dup2
refused 71 '^$' dup2,1=3
refused 71 '^$' close_range,0=4
refused '7[01]' '^$' setrlimit
refused '7[01]' '^$' prctl,0=4
refused '7[01]' '^$' prctl,0=22
# The broker, too; but the session may have greeted by then.
run "$refuse" dup2,1=1 "$popd" -m "$tmp/spool" --state "$tmp/state"
is "$status" 71 "in.popd, dup2,1=1 refused: exit status"
if is_root; then
	for call in chroot setgroups setresgid setresuid; do
		refused 71 '^$' "$call"
	done
fi
# What descriptor 2 is it cannot see: perhaps the client.
refused 66 '^$' fstat,0=2 --spool "$tmp/absent"
run "$refuse" fstat,0=2 "$refuse" dup2,1=2 "$popd" -m "$tmp/spool"
is "$status/$out" 71/ "in.popd, which cannot do without it: exit status"

run "$refuse" uname "$popd" -m "$tmp/spool" --state "$tmp/state"
like "$out" '^\+OK POP3 localhost in' "a host that has no name for us"
if is_root && unshare -u true 2>/dev/null; then
	# greets_as NAME WANTED
	greets_as() {
		# shellcheck disable=SC2016 # for the inner shell
		run unshare -u sh -c 'printf "$1" >/proc/sys/kernel/hostname
			shift; exec "$@"' sh "$1" \
			"$popd" -m "$tmp/spool" --state "$tmp/state"
		like "$out" "^\\+OK POP3 $2 in\\.popd ready" "an odd host is called $2"
	}
	greets_as 'a b\t<c>' 'a-b--c-'
	greets_as '\n' localhost
	greets_as mx1.example.org 'mx1\.example\.org'
else
	skip "hosts with odd names" "needs root, and namespaces"
fi

# ---- by which name it is started
# called NAME GREETING
called() {
	ln -sf "$popd" "$tmp/$1"
	run "$tmp/$1" -m "$tmp/spool" --state "$tmp/state"
	like "$out" "^\\+(OK)? ?$2 " "started as $1"
}
called in.pop1d POP1
called in.pop2d POP2
called in.pop3d POP3
called in.pop4d POP3
called in.pop22 POP3
called inxpop2d POP3
called in.pop2dd POP3
serve --supersede 60 --strict-lock
is "$status" 0 "--supersede and --strict-lock: exit status"
serve --plaintext sometimes
is "$status" 64 "--plaintext sometimes: exit status"

# ---- closed descriptors
"$popd" -m "$tmp/spool" --state "$tmp/state" </dev/null 2>&- >"$tmp/out"
like "$(cat "$tmp/out")" '^\+OK POP3 ' "descriptor 2 closed: greets"
"$popd" -m "$tmp/absent" <&- >&- 2>&-
is $? 66 "all three closed: a status of its own"

if is_root; then
	serve -u nobody
	like "$out" '^\+OK POP3 ' "--user nobody: greets"
	: >"$tmp/state/.empty.file"
	mkdir "$tmp/state2" && chmod 711 "$tmp/state2" && : >"$tmp/state2/.empty"
	run "$popd" -m "$tmp/spool" --state "$tmp/state2"
	is "$status/$out" 72/ "a file in the place of the empty directory: 72"
	like "$err" '^in\.popd: cannot make the empty directory .*state2: ' \
		"a file in the place of the empty directory: says so"
	for kind in "4321 8 2775" "0 0 2775" "0 8 0755"; do
		# shellcheck disable=SC2086 # three words
		set -- $kind
		chown "$1:$2" "$tmp/spool" && chmod "$3" "$tmp/spool"
		serve
		like "$out" '^\+OK POP3 ' \
			"a spool of user $1 and group $2, mode $3: greets"
	done
	chown 0:0 "$tmp/spool"
	chmod 755 "$tmp/spool"
fi

# ---- hosts that lack something
cat >"$tmp/lacking" <<-'END'
	#!/bin/sh
	# lacking WHAT COMMAND...: in a mount namespace of our own
	case $1 in
	state) mount -t tmpfs -o ro,mode=755 none /var/lib ;;
	nobody) mount --bind "${0%/*}/few" /etc/passwd ;;
	esac || exit 99
	shift
	exec "$@"
END
chmod 755 "$tmp/lacking"
echo root:x:0:0::/root:/bin/sh >"$tmp/few"
namespaces=0
! is_root || ! unshare -m true 2>/dev/null || namespaces=1
# lacks WHAT STATUS PATTERN COMMAND...
lacks() {
	what=$1 wanted=$2 pattern=$3
	shift 3
	run unshare -m "$tmp/lacking" "$what" "$@"
	is "$status/$out" "$wanted/" "${1##*/}, no $what: exit status, and no greeting"
	like "$err" "$pattern" "${1##*/}, no $what: says so"
}
if [ "$namespaces" -eq 1 ]; then
	lacks state 72 '^in\.popd: cannot make the empty directory ' \
		"$popd" -m "$tmp/spool" --state none
	lacks nobody 67 '^in\.popd: no user nobody ' \
		"$popd" -m "$tmp/spool" --state "$tmp/state"
else
	skip "hosts that lack something" "needs root, and namespaces"
fi

# ---- without root
nobody="env"
! is_root || nobody="setpriv --reuid=65534 --regid=65534 --clear-groups"
mkdir -m 700 "$tmp/own"
# whose group it is, is of no matter then
! is_root || { chown 65534:65534 "$tmp/own" && chown 0:8 "$tmp/spool" &&
	chmod 2775 "$tmp/spool"; }
if $nobody test -x "$popd"; then
	# shellcheck disable=SC2086 # a list
	# without DIRECTORY VARIABLE...: which state directory there is then.
	without() {
		wanted=$1
		shift
		title="without root, $(echo "$*" | cut -c 1-90)"
		rm -rf "$tmp/own/"* "$tmp/own/".[!.]*
		run $nobody env -i "$@" "$popd" -m "$tmp/spool"
		like "$out" '^\+OK POP3 ' "$title: greets"
		found=$(find "$tmp/own" -name in.popd)
		is "$found" "$wanted" "$title: the state directory"
	}
	without "$tmp/own/x/in.popd" "XDG_STATE_HOME=$tmp/own/x" "HOME=$tmp/own"
	without "$tmp/own/.local/state/in.popd" "HOME=$tmp/own"
	without "$tmp/own/.local/state/in.popd" XDG_STATE_HOME=own "HOME=$tmp/own"
	without "" HOME=own
	without "" A=b
	without "" "HOME=$tmp/own/$(printf '%4090s' x | tr ' ' x)"
	if have script && $nobody script -qec true /dev/null >/dev/null 2>&1 &&
		[ -w /dev/ptmx ]; then
		said=$($nobody script -qec "$popd -m $tmp/spool --state none" \
			/dev/null </dev/null 2>&1)
		like "$said" 'not root, so no system account can log in; .*--passwd' \
			"without root, at a terminal: what can be done"
		said=$($nobody script -qec "$popd -m $tmp/spool --state none \
			-P $tmp/passwd" /dev/null </dev/null 2>&1)
		like "$said" '\+OK POP3' "without root, with --passwd: greets"
		! printf '%s' "$said" | grep -q 'no system account'
		ok $? "without root, with --passwd: nothing to be said"
	else
		skip "without root, at a terminal" "no terminal"
	fi
else
	skip "without root" "nobody may not run $popd"
fi

# ---- in.popd-tls
tls=$B/in.popd-tls
if ! [ -x "$tls" ] || ! have openssl; then
	skip "in.popd-tls" "it was not built, or no openssl"
	finish
fi
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
	-keyout "$tmp/key.pem" -out "$tmp/cert.pem" -subj /CN=localhost 2>/dev/null
cat "$tmp/key.pem" >>"$tmp/cert.pem"
chmod 644 "$tmp/cert.pem"

# A program that says when it is over.
cat >"$tmp/program" <<-END
	#!/bin/sh
	cat >/dev/null
	echo over >>$tmp/over
	exit 7
END
chmod 755 "$tmp/program"
: >"$tmp/over"
chmod 666 "$tmp/over"
# tls_refused STATUS PATTERN CALL [OPTION...]: and who was started, ends.
tls_refused() {
	wanted=$1 pattern=$2 call=$3
	shift 3
	run "$refuse" "$call" "$tls" --cert "$tmp/cert.pem" "$@" -- "$tmp/program"
	is "$status" "$wanted" "in.popd-tls, $call refused: exit status"
	is "$out" "" "in.popd-tls, $call refused: nothing for the client"
	like "$err" "$pattern" "in.popd-tls, $call refused: says what it has to say"
}
run "$tls" --cert "$tmp/cert.pem" -- "$tmp/program"
is "$status/$(cat "$tmp/over")" 7/over "in.popd-tls as it is: the program's status"
for option in --help -h; do
	run "$tls" "$option"
	is "$status" 0 "in.popd-tls $option: exit status"
	like "$out" '^usage: in\.popd-tls ' "in.popd-tls $option: usage"
done
run "$tls" --version
like "$out" '^in\.popd-tls [0-9]+\.[0-9]+\.[0-9]+$' "in.popd-tls --version"
run "$tls" --cert "$tmp/cert.pem" --key "$tmp/key.pem"
is "$status" 64 "in.popd-tls without a program: exit status"
run env -i "$tls" --cert "$tmp/cert.pem" -- true
is "$status" 0 "in.popd-tls without PATH: finds the program"
run "$tls" --cert "$tmp/cert.pem" -- "$tmp/absent"
is "$status" 71 "in.popd-tls, no such program: exit status"
like "$err" 'cannot start .*/absent: No such file' "in.popd-tls, no such program"
# shellcheck disable=SC2016 # for the inner shell
run "$tls" --cert "$tmp/cert.pem" -- sh -c 'kill -KILL $$'
is "$status" 70 "in.popd-tls, a program that is killed: exit status"
# shellcheck disable=SC2016
run "$tls" --cert "$tmp/cert.pem" --starttls -- sh -c 'echo n >&"$SSLCTLFD"; exit 5'
is "$status" 5 "in.popd-tls, a program that says what it may not: its status"
"$tls" --cert "$tmp/cert.pem" -- true <&- >&- 2>&-
is $? 0 "in.popd-tls, all three descriptors closed: exit status"

tls_refused 71 '^$' open,2=524290
tls_refused 71 '^$' close_range
tls_refused 78 'cannot use the certificate' prctl,0=4
tls_refused 71 '^in\.popd-tls: cannot start: ' socketpair
tls_refused 71 '^in\.popd-tls: cannot fork: ' fork
tls_refused 71 '^$' waitpid
run "$refuse" fstat,0=2 "$tls" --cert "$tmp/absent" -- true
is "$status/$err" 78/ "in.popd-tls, which cannot see what descriptor 2 is: nothing there"
run "$refuse" fstat,0=2 "$refuse" dup2,1=2 "$tls" --cert "$tmp/cert.pem" -- true
is "$status" 71 "in.popd-tls, which cannot do without it: exit status"
if [ "$namespaces" -eq 1 ]; then
	lacks state 72 '^in\.popd-tls: cannot make the empty directory ' \
		"$tls" --cert "$tmp/cert.pem" -- true
fi
# the program, which is not run without what it needs
tls_refused 71 '^in\.popd-tls: cannot start .*/program: ' fcntl,1=1030
tls_refused 71 '^in\.popd-tls: cannot start .*/program: ' dup2,1=0
tls_refused 71 '^in\.popd-tls: cannot start .*/program: ' dup2,1=1
for fd in 3 4 5; do
	tls_refused 71 '^in\.popd-tls: cannot start .*/program: ' "dup2,1=$fd" \
		--starttls
done
tls_refused 71 '^in\.popd-tls: cannot start .*/program: ' close_range,0=6 \
	--starttls
# it gives up its rights, all of them
: >"$tmp/over"
for call in chdir prctl,0=38 setrlimit,1=4 setrlimit,1=1 setrlimit,1=6 \
	setrlimit,1=7 setrlimit,1=2; do
	tls_refused 71 '^in\.popd-tls: cannot give up its rights: ' "$call"
done
tls_refused 71 '^$' prctl,0=22 # it may write to no file by then
n=8
if is_root; then
	for call in chroot setgroups setresgid setresuid; do
		tls_refused 71 '^in\.popd-tls: cannot give up its rights: ' "$call"
		n=$((n + 1))
	done
	run "$tls" --cert "$tmp/cert.pem" --user no-such-user -- true
	is "$status" 67 "in.popd-tls --user no-such-user: exit status"
	run "$tls" --cert "$tmp/cert.pem" --user nobody -- true
	is "$status" 0 "in.popd-tls --user nobody: exit status"
fi
for _ in 1 2 3 4 5 6 7 8 9 10; do
	[ "$(wc -l <"$tmp/over")" -lt "$n" ] || break
	sleep 0.1
done
is "$(wc -l <"$tmp/over")" "$n" "the program of each got its end"
# With --starttls the program has the client until it asks for TLS: he is
# hung up on, and the program ends.
cat >"$tmp/hung_up.py" <<-'END'
	import socket, subprocess, sys
	ours, client = socket.socketpair()
	server = subprocess.Popen(sys.argv[1:], stdin=ours, stdout=ours)
	ours.close()
	client.settimeout(10)
	print(client.recv(100), server.wait(10))
END
cat >"$tmp/echo" <<-END
	#!/bin/sh
	sleep 0.3
	cat
	echo over >>$tmp/over
END
chmod 755 "$tmp/echo"
if have python3; then
	: >"$tmp/over"
	for call in prctl,0=38 prctl,0=22; do
		said=$(python3 "$tmp/hung_up.py" "$refuse" "$call" "$tls" --cert \
			"$tmp/cert.pem" --starttls -- "$tmp/echo" 2>/dev/null)
		is "$said" "b'' 71" "in.popd-tls --starttls, $call refused: hangs up"
	done
	sleep 1
	is "$(wc -l <"$tmp/over")" 2 "and the program of each got its end"
fi
# what is read and written without waiting
tls_refused 7 '^$' fcntl,1=4
if $nobody test -x "$tls" -a -r "$tmp/cert.pem"; then
	# shellcheck disable=SC2086 # a list
	run $nobody "$tls" --cert "$tmp/cert.pem" -- sh -c 'exit 6'
	is "$status" 6 "in.popd-tls without root: the program's status"
fi
finish
