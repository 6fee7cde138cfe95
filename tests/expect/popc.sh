#!/bin/sh
# popc.sh - the POP1 and POP2 client of tests/demo: what it fetches, that it
# deletes nothing without having all of it, and that it says what is wrong.
# shellcheck source=tests/lib.sh
. tests/lib.sh

popc=$PWD/tests/demo/popc
uid=$(id -u)
is_root && uid=65534
mkdir "$tmp/spool" "$tmp/state" "$tmp/home" "$tmp/temporary"
TMPDIR=$tmp/temporary
export TMPDIR
chmod 711 "$tmp/state"
# shellcheck disable=SC2016
hash='$5$rounds=1000$quote$2MvFhKrFQ74RLPc96ouc9Oe1CxRCfpN8LoamGjBsKJ3'
POP_PASSWORD='a\b '\\
export POP_PASSWORD
echo "anna:$hash:$uid:$uid::$tmp/home:" >"$tmp/accounts"
for n in 1 2 3; do
	printf 'From a@example.org Mon Jan  2 15:04:05 2006\nSubject: %s\n\n.\n\n' $n
done >"$tmp/three"
printf 'Subject: %s\n\n.\n' 1 2 3 >"$tmp/texts"
cp "$tmp/three" "$tmp/home/a b"

fill() {
	cat "$tmp/three" >"$tmp/spool/anna"
	! is_root || chown -R "$uid:$uid" "$tmp/spool" "$tmp/home"
}

# client OPTION...: $said, $complained and $status.
client() {
	said=$(timeout 20 "$popc" -u anna "$@" -c "$popd" -m "$tmp/spool" \
		-P "$tmp/accounts" --state "$tmp/state" 2>"$tmp/err")
	status=$?
	complained=$(cat "$tmp/err")
}

fill
for mailbox in INBOX "a b"; do
	client -2 -f "$mailbox"
	is "$status$complained" 0 "POP2, $mailbox"
	is "$said" "$(cat "$tmp/texts")" "POP2, $mailbox: every message"
	client -1 -f "$mailbox"
	is "$status$complained" 0 "POP1, $mailbox"
	is "$said" "$(cat "$tmp/three")" "POP1, $mailbox: the whole of it"
done
cmp "$tmp/three" "$tmp/spool/anna" && cmp "$tmp/three" "$tmp/home/a b"
ok $? "without -d nothing is deleted"
client -2 -d -n 2 -v
is "$status" 0 "POP2, -d, two messages"
is "$(grep -c . "$tmp/spool/anna")" 3 "POP2: one is left"
is "$(printf '%s\n' "$said" | grep -cE '^C: (READ 1|RETR|ACKD|QUIT)$')" 6 \
	"POP2, -v: the dialogue"
like "$said" '^C: HELO anna \*\*\*\*$' "without the password"
fill
mkdir "$tmp/got"
client -1 -d -o "$tmp/got"
is "$status$said$(wc -c <"$tmp/spool/anna")" 00 "POP1, -d, -o"
tr -d '\r' <"$tmp/got/mailbox" | cmp - "$tmp/three"
ok $? "POP1, -o: the octets are in a file"
fill
POP_PASSWORD=wrong
client -1
is "$status/$complained" \
	"1/popc: the server says: -ERR [AUTH] invalid user name or password" \
	"a wrong password is said"
POP_PASSWORD='a\b '\\
client -1 -f nothing
is "$status/$complained" "1/popc: the server says: -ERR no such mailbox for you" \
	"a refusal is said"
client -2 -f nothing
is "$status/$said" 0/ "POP2: nothing of a folder that is not there"
cmp "$tmp/three" "$tmp/spool/anna"
ok $? "after that all mail is there"

# server TEXT: a server that says TEXT and keeps what it is told in $tmp/heard.
server() {
	printf '%s' "$1" >"$tmp/text"
	cat >"$tmp/server" <<-'TEXT'
	#!/bin/sh
	cat "$1/text"
	exec 1>&-
	cat >"$1/heard"
	TEXT
	chmod +x "$tmp/server"
	said=$(timeout 20 "$popc" "$2" -d -u anna -c "$tmp/server" "$tmp" 2>&1)
	status=$?
}
crlf=$(printf '\r\n.')
crlf=${crlf%.}
server "+OK$crlf+OK$crlf+OK$crlf#10${crlf}only" -1
is "$status/$said" "1/popc: 10 octets were announced, 4 came" \
	"POP1: octets that are missing are an error"
wait_for_file() {
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		[ ! -s "$1" ] || return 0
		sleep 0.1
	done
}
wait_for_file "$tmp/heard"
is "$(grep -c '^RCEV' "$tmp/heard")$(grep -c '^RCVD' "$tmp/heard")" 10 \
	"POP1: and nothing is confirmed then"
server "+ POP2$crlf#1$crlf=10${crlf}only" -2
is "$status/$said" "1/popc: 10 octets were announced, 4 came" \
	"POP2: octets that are missing are an error"
wait_for_file "$tmp/heard"
is "$(grep -c '^RETR' "$tmp/heard")$(grep -c '^ACK' "$tmp/heard")" 10 \
	"POP2: and nothing is confirmed then"

# bad PATTERN ARGUMENT...
bad() {
	pattern=$1
	shift
	said=$("$popc" "$@" 2>&1 </dev/null)
	is "$?" 64 "$*: misuse"
	like "$said" "$pattern" "$*: says what"
}
bad 'say -1 or -2' -u anna host 109
bad 'say -u' -1 host 109
bad 'host and port' -1 -u anna host
bad 'takes a number' -2 -u anna -n x host 109
bad 'without a command' -2 -u anna -c
bad 'wrong usage' -3
POP_PASSWORD=''
bad 'no POP_PASSWORD' -1 -u anna host 109
like "$("$popc" --help)" '^usage: popc' "--help"
is "$(ls -A "$TMPDIR")" "" "nothing is left behind"
finish
