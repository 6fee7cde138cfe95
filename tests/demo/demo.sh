#!/bin/sh
# demo.sh - a whole session with the real program in each dialect, on a pipe,
# for a person to read: make demo. POP3 is spoken here, POP2 and POP1 by popc
# beside this file. The maildrop is a temporary copy of sample.mbox, the account
# one of our own, so that neither root nor any set-up is needed. Each command
# waits for its reply. Ends with 0 when all replies were as they should be and
# the maildrop afterwards is right; leaves nothing behind.
set -u
: "${B:=build}"
case $B in /*) ;; *) B=$PWD/$B ;; esac
here=$(cd "$(dirname "$0")" && pwd) || exit 1
popd=$B/in.popd
cr=$(printf '\r')
pid=''

fail() {
	echo
	echo "demo: $*" >&2
	[ ! -s "$tmp/log" ] || sed 's/^/demo: /' "$tmp/log" >&2
	exit 1
}

# note TEXT...: what happens next, each TEXT a line.
note() {
	echo
	printf '# %s\n' "$@"
}

# hear: the next line that the program says, into $line.
hear() {
	IFS= read -r line <&4 || fail "the program has closed the connection"
	line=${line%"$cr"}
}

# show: $line, cut where it is too long to be read.
show() {
	if [ "${#line}" -gt 76 ]; then
		printf 'S: %.60s [...]\n' "$line"
	else
		printf 'S: %s\n' "$line"
	fi
}

# expect PATTERN: one line, like a shell pattern.
expect() {
	hear
	show
	# shellcheck disable=SC2254
	case $line in
	$1) ;;
	*) fail "expected $1" ;;
	esac
}

# say COMMAND PATTERN: its reply of one line.
say() {
	printf 'C: %s\n' "$1"
	printf '%s\r\n' "$1" >&3
	expect "$2"
}

# body: the lines of a reply that ends with a dot; how many, into $lines.
body() {
	lines=0
	hear
	while [ "$line" != . ]; do
		show
		lines=$((lines + 1))
		hear
	done
	show
}

[ -x "$popd" ] || {
	echo "demo: no program $popd; run make first" >&2
	exit 1
}
tmp=$(mktemp -d "${TMPDIR:-/tmp}/in.popd-demo.XXXXXX") || exit 1
clean_up() {
	trap - EXIT
	exec 3>&- 4<&-
	[ -z "$pid" ] || kill "$pid" 2>/dev/null
	rm -rf "$tmp"
}
trap clean_up EXIT
trap 'exit 143' TERM INT HUP
trap '' PIPE # a program that is gone is found out by hear

# The account mrose, password "tanstaaf": whoever runs this, or nobody, since
# root has no mail here.
chmod 711 "$tmp"
mkdir "$tmp/spool" "$tmp/state" || exit 1
cp "$here/sample.mbox" "$tmp/spool/mrose" || exit 1
chmod 600 "$tmp/spool/mrose"
uid=$(id -u)
if [ "$uid" -eq 0 ]; then
	uid=65534
	chown -R "$uid:$uid" "$tmp/spool" || exit 1
fi
# shellcheck disable=SC2016
hash='$6$rounds=1000$sample$D/RnJUV0fj4HaKYuxIJJzvPp7jFvzRHChc8G3Z79b4I0rl1Yx66QcHj93tbixZnrZSqZnRc0Pgq7QnIIhj3CH1'
echo "mrose:$hash:$uid:$uid::/nonexistent:" >"$tmp/accounts"

set -- --passwd "$tmp/accounts" --spool "$tmp/spool" --state "$tmp/state"
echo "# in.popd on a pipe: C: is the client, S: the program, # a remark."
echo "# The maildrop is a copy of tests/demo/sample.mbox."
mkfifo "$tmp/to" "$tmp/from" || exit 1
"$popd" -d "$@" <"$tmp/to" >"$tmp/from" 2>"$tmp/log" &
pid=$!
exec 3>"$tmp/to" 4<"$tmp/from"

note "The program greets."
expect '+OK POP3 *'

note "What can it do? CAPA lists it, with the version."
say CAPA '+OK *'
body

note "Logging in. The user's name is never refused, so that nobody can find" \
	"out by it who has mail here."
say "USER mrose" '+OK*'
say "PASS tanstaaf" '+OK maildrop has 7 messages *'

note "How much mail is there, and how large is each? Sizes are octets as" \
	"they are sent, with CRLF line ends."
say STAT '+OK 7 *'
say LIST '+OK*'
body
[ "$lines" -eq 7 ] || fail "7 messages, but LIST names $lines"

note "Unique-ids stay the same from session to session: by them a client" \
	"knows what it has fetched already."
say UIDL '+OK*'
body

note "A look at message 3 before fetching it: the header and three lines."
say "TOP 3 3" '+OK*'
body

note "That one is wanted. It brings two attachments."
say "RETR 3" '+OK * octets'
body

note "Message 5 is raw 8-bit text, and stays so."
say "RETR 5" '+OK * octets'
body

note "Message 6 has lines that begin with a dot. On the wire they get one" \
	"more, since a line that is a dot ends the message." \
	"Lines with From at the beginning come as they are stored."
say "RETR 6" '+OK * octets'
body

note "Message 7 is one of a long thread. (Lines are cut here, not by the" \
	"program.)"
say "TOP 7 0" '+OK*'
body

note "Message 2 can go, and message 1 was a slip of the hand: RSET takes" \
	"both marks away, for nothing is deleted before QUIT."
say "DELE 2" '+OK*'
say "DELE 1" '+OK*'
say STAT '+OK 5 *'
say RSET '+OK maildrop has 7 messages *'

note "So once more, message 2 only."
say "DELE 2" '+OK*'
say "RETR 2" '-ERR*'
say NOOP '+OK*'

note "What is no command, or too long a number, is refused; nothing happens."
say "XYZZY" '-ERR*'
say "DELE 4294967297" '-ERR*'

note "QUIT deletes, unlocks, and only then answers."
say QUIT '+OK *6 messages left*'
if IFS= read -r line <&4; then
	fail "more was said after QUIT: $line"
fi
wait "$pid" || fail "the program ended with status $?"
pid=''

was=$(wc -c <"$here/sample.mbox")
now=$(wc -c <"$tmp/spool/mrose")
note "The maildrop was $was octets and is $now now. Message 2 is gone:"
if grep '^From: "Prize' "$tmp/spool/mrose"; then
	fail "message 2 is still there"
fi
grep -n '^From: ' "$tmp/spool/mrose"
note "The six others are as they were, octet for octet:"
sed '/^From prizes@/,/^From carla@/{/^From carla@/!d;}' "$here/sample.mbox" \
	>"$tmp/wanted"
cmp "$tmp/wanted" "$tmp/spool/mrose" || fail "the rest has changed"
echo "cmp finds no difference."

# old_client OPTIONS...: popc with the same program and maildrop.
old_client() {
	POP_PASSWORD=tanstaaf "$here/popc" -v -u mrose -o "$tmp/got" "$@" -c \
		"$popd" -d --passwd "$tmp/accounts" --spool "$tmp/spool" \
		--state "$tmp/state" 2>>"$tmp/log" || fail "popc ended with status $?"
}
mkdir "$tmp/got"
sed "s/\$/$cr/" "$tmp/spool/mrose" >"$tmp/wanted"

note "The same program and maildrop, and a client of 1985: POP2 (RFC 937)." \
	"Nobody tells the program; HELO does. Messages come as so many octets," \
	"without a dot at the end. The client reads two of the six and keeps them."
old_client -2 -n 2

note "And one of 1984: POP1 (RFC 918). It knows no messages, only the whole" \
	"mailbox; RDEL deletes it when the client has said RCVD."
old_client -1 -d
cmp "$tmp/wanted" "$tmp/got/mailbox" || fail "POP1 got something else"
[ -f "$tmp/spool/mrose" ] || fail "the maildrop is gone"
[ ! -s "$tmp/spool/mrose" ] || fail "the maildrop is not empty"
note "All $(($(wc -c <"$tmp/got/mailbox"))) octets have come, cmp finds no difference, and the maildrop is empty."

note "In the log, an administrator finds:"
sed -n 's/^in\.popd: //p' "$tmp/log"
