#!/bin/sh
# options.sh - the command line: what it takes, what it refuses, the exit
# statuses of sysexits(3), and where messages go.
# shellcheck source=tests/lib.sh
. tests/lib.sh

# Root without a usable --state needs the usual place for the session's empty
# directory: take it away again when it was not there.
[ -e /var/lib/in.popd ] ||
	at_end "rmdir /var/lib/in.popd/.empty /var/lib/in.popd 2>/dev/null"
# shellcheck disable=SC2016 # a hash
hash='$5$rounds=1000$abcdefgh$oGpA8yWSAvqGDjkAp0zU.8rjuGSkOn6/xjKmsp4uCw6'
mkdir "$tmp/spool" "$tmp/state"
chmod 711 "$tmp/state"
echo "anna:$hash:$(id -u):$(id -g)::/:" >"$tmp/passwd"

# run ARGUMENT...: $status, $out and $err, with nothing to read and only our own
# directories in use.
run() {
	XDG_STATE_HOME=$tmp/xdg "$popd" "$@" </dev/null >"$tmp/out" 2>"$tmp/err"
	status=$?
	out=$(cat "$tmp/out")
	err=$(cat "$tmp/err")
}

# good ARGUMENT...: one session that only gets its greeting.
good() {
	run -m "$tmp/spool" --state "$tmp/state" "$@"
	is "$status" 0 "$*: exit status"
	like "$out" '^\+OK POP3 [^ ]+ in\.popd ready' "$*: greets"
}

# bad STATUS PATTERN ARGUMENT...
bad() {
	wanted=$1 pattern=$2
	shift 2
	run "$@"
	is "$status" "$wanted" "$*: exit status $wanted"
	is "$out" "" "$*: nothing for the client"
	like "$err" "$pattern" "$*: says what is wrong and what to do"
	is "$(wc -l <"$tmp/err")" 1 "$*: in one line"
}

for option in --help -h; do
	run "$option"
	is "$status" 0 "$option: exit status"
	like "$out" '^usage: in\.popd ' "$option: usage on descriptor 1"
	is "$err" "" "$option: nothing on descriptor 2"
	for word in -d --debug -D --dialect -m --spool -P --passwd -u --user -t \
		--timeout --state --lock-timeout --min-uid -h --help -V --version; do
		like "$out" "(^|[ ,[])$word([], ]|\$)" "$option names $word"
	done
	is "$(awk 'length > 80' "$tmp/out")" "" "$option fits a terminal"
done
for option in --version -V; do
	run "$option"
	is "$status" 0 "$option: exit status"
	like "$out" '^in\.popd [0-9]+\.[0-9]+\.[0-9]+$' "$option: one line"
done

good
good -D pop3
for version in 1 2; do
	run -m "$tmp/spool" --state "$tmp/state" --dialect "pop$version"
	is "$status" 0 "--dialect pop$version: exit status"
	like "$out" "^\+(OK)? POP$version [^ ]+ in\.popd ready" \
		"--dialect pop$version: greets"
done
good --dialect auto
good --dialect=pop3
good --passwd "$tmp/passwd"
good -P "$tmp/passwd" -t 600
good --timeout 86400 --lock-timeout 0 --min-uid 1
good --lock-timeout=3600 --min-uid=4294967294
good --state none
good --lock-t 5
(
	cd "$tmp" || exit
	XDG_STATE_HOME=$tmp/xdg "$popd" -m spool --state state -P passwd \
		</dev/null >out 2>err
)
like "$(cat "$tmp/out")" '^\+OK' "relative names are taken"

bad 64 '^in\.popd: --frobnicate: .*--help' --frobnicate
bad 64 '^in\.popd: -x: .*--help' -x
bad 64 '^in\.popd: -x: .*--help' -xd
bad 64 '^in\.popd: -x: .*--help' -dx
bad 64 '^in\.popd: --spool: .*--help' --spool
bad 64 '^in\.popd: --state: .*--help' --state
bad 64 '^in\.popd: -P: .*--help' -P
bad 64 '^in\.popd: .*--help' --debug=yes
bad 64 '^in\.popd: pop3: .*--help' pop3
bad 64 '^in\.popd: anything: .*--help' -- anything
bad 64 '^in\.popd: .*pop3 or auto, not imap' --dialect imap
bad 64 '^in\.popd: .*pop3 or auto, not POP2' --dialect POP2
bad 64 '^in\.popd: .*pop3 or auto, not pop4' --dialect=pop4
bad 64 '^in\.popd: .*pop3 or auto, not ' -D ''
for option in --timeout --lock-timeout --min-uid; do
	for value in '' -1 +1 x 1x ' 600' 99999999999999999999 4294967296; do
		bad 64 "^in\\.popd: $option takes a number from [0-9]+ to [0-9]+" \
			"$option" "$value"
	done
done
bad 64 'from 600 to 86400, not 599' -t 599
bad 64 'from 600 to 86400, not 86401' --timeout 86401
bad 64 'from 1 to 4294967294, not 0' --min-uid 0
bad 64 'from 0 to 3600, not 3601' --lock-timeout 3601

for networks in '' x ',' '192.0.2.1,' ',192.0.2.1' '192.0.2.1, 192.0.2.2' 192.0.2.1/24 \
	192.0.2.0/33 2001:db8::/129 192.0.2.0/ localhost; do
	bad 64 '^in\.popd: --proxy-protocol takes networks, such as 192\.0\.2\.0/24,2001:db8::7, not ' \
		--proxy-protocol "$networks"
done

# Who starts it by hand is no proxy, unless the environment says so.
run -d --proxy-protocol 0.0.0.0/0,::/0 -m "$tmp/spool" --state "$tmp/state"
is "$status/$out" 0/ "a pipe is no proxy: nothing for the client"
is "$err" "in.popd: event=no-proxy-header addr=local why=not-listed" \
	"a pipe is no proxy: the log says so"
out=$(printf 'PROXY TCP4 192.0.2.7 192.0.2.1 1 110\r\nQUIT\r\n' |
	TCPREMOTEIP=192.0.2.1 "$popd" -d --proxy-protocol 192.0.2.0/30 \
		-m "$tmp/spool" --state "$tmp/state" 2>"$tmp/err")
like "$out" '^\+OK POP3 .* ready' "a proxy by TCPREMOTEIP is served"
like "$(cat "$tmp/err")" 'event=end .*addr=192\.0\.2\.7 proxy=192\.0\.2\.1' \
	"and its client is in the log"
out=$(PROTO=SSL TCPREMOTEIP=192.0.2.1 "$popd" --proxy-protocol 192.0.2.1 \
	-m "$tmp/spool" --state "$tmp/state" </dev/null 2>"$tmp/err")
is "$?/$out" 64/ "no proxy's header within TLS: exit status 64"
like "$(cat "$tmp/err")" 'header comes before TLS.*--starttls$' \
	"no proxy's header within TLS: says what to do"

bad 66 'spool directory .*/absent: No such file.*--spool' -m "$tmp/absent"
bad 66 'spool directory .*/passwd: Not a dir.*--spool' -m "$tmp/passwd"
bad 66 'accounts in .*/absent: No such file' -m "$tmp/spool" -P "$tmp/absent"
bad 66 'spool is no regular file; --passwd takes' \
	-m "$tmp/spool" -P "$tmp/spool"
mkfifo "$tmp/fifo"
bad 66 'fifo is no regular file; --passwd takes' -m "$tmp/spool" -P "$tmp/fifo"
if is_root; then
	bad 67 'no user no-such-user for the session.*--user' \
		-m "$tmp/spool" --state "$tmp/state" -u no-such-user
	chmod 777 "$tmp/state"
	run -m "$tmp/spool" --state "$tmp/state"
	is "$status" 0 "a state directory that all may write to costs no mail"
	chmod 711 "$tmp/state"
	skip "an accounts file without permission" "root may read everything"
else
	run -m "$tmp/spool" --state "$tmp/state" -u no-such-user
	is "$status" 0 "without root, --user is of no matter"
	chmod 0 "$tmp/passwd"
	bad 66 'accounts in .*/passwd: Permission denied' \
		-m "$tmp/spool" -P "$tmp/passwd"
	chmod 600 "$tmp/passwd"
	run -m "$tmp/spool" -P "$tmp/passwd"
	is "$(ls -d "$tmp/xdg/in.popd")" "$tmp/xdg/in.popd" \
		"without root, state is kept in XDG_STATE_HOME"
	[ "$(stat -c %a "$tmp/xdg/in.popd")" = 711 ]
	ok $? "with the modes it needs"
fi
bad 66 'spool directory' -m "$tmp/spool/$(printf '%0300d' 0)"

# A line that cannot be written goes nowhere, and the session goes on.
"$popd" -m "$tmp/spool" --state "$tmp/state" </dev/null >"$tmp/out" 2>&-
is "$?" 0 "a closed descriptor 2 is no error"
like "$(cat "$tmp/out")" '^\+OK' "and costs no greeting"
"$popd" --frobnicate </dev/null >"$tmp/out" 2>&-
is "$?/$(cat "$tmp/out")" 64/ "wrong usage with descriptor 2 closed"

# -d shows the dialogue without secrets, on descriptor 2, and nothing else does.
talk() {
	printf 'USER anna\r\nPASS not-my-secret\r\nQUIT\r\n' |
		"$popd" -m "$tmp/spool" --state "$tmp/state" -P "$tmp/passwd" "$@" \
			>"$tmp/out" 2>"$tmp/err"
	err=$(cat "$tmp/err")
}
talk
is "$err" "" "without -d nothing is written to descriptor 2"
talk -d
like "$err" '^C: USER anna' "-d shows commands"
like "$err" '^S: -ERR \[AUTH\]' "-d shows replies"
like "$err" '^in\.popd: event=refused .*user="anna"' "-d shows the log"
like "$err" '^C: PASS \*\*\*\*$' "-d masks the secret"
is "$(grep -c not-my-secret "$tmp/err")" 0 "everywhere"

# Under inetd descriptor 2 is the client's socket: nothing but POP goes there.
if have python3; then
	cat >"$tmp/inetd.py" <<'END'
import socket, subprocess, sys
ours, theirs = socket.socketpair()
ours.sendall(b"QUIT\r\n")
run = subprocess.run(sys.argv[1:], stdin=theirs, stdout=theirs, stderr=theirs)
theirs.close()
got = b""
while True:
    try:
        part = ours.recv(4096)
    except ConnectionResetError:  # it never read what we said
        part = b""
    if not part:
        break
    got += part
print(run.returncode, got.decode().replace("\r\n", "|"))
END
	socket() {
		XDG_STATE_HOME=$tmp/xdg python3 "$tmp/inetd.py" "$popd" "$@"
	}
	is "$(socket --frobnicate)" "64 " "nothing to a socket: wrong usage"
	is "$(socket -m "$tmp/absent")" "66 " "nothing to a socket: no spool"
	is "$(socket -m "$tmp/spool" -P "$tmp/absent")" "66 " \
		"nothing to a socket: no accounts"
	like "$(socket -m "$tmp/spool" --state "$tmp/state")" \
		'^0 \+OK [^|]*ready\|\+OK [^|]*signing off\|$' \
		"nothing to a socket but POP"
	like "$(socket -m "$tmp/spool" --state "$tmp/passwd")" \
		'^0 \+OK [^|]*ready\|\+OK [^|]*signing off\|$' \
		"nothing to a socket: no state directory"
else
	skip "descriptor 2 is the client's socket" "no python3"
fi
finish
