#!/bin/sh
# big.sh - mailboxes larger than memory ought to be: a hundred thousand messages
# in a thousand million octets, and one message of more than 4 GiB. Both are
# served by pipe within 40 MB, and what is deleted is gone from the file.
. tests/lib.sh
big=$PWD/tests/expect/lib/big.py
have python3 perl || {
	skip "large mailboxes" "no python3 or no perl"
	finish
}
free=$(df -Pk "$tmp" | awk 'NR == 2 { print $4 }')
[ "$free" -ge 3000000 ] || {
	skip "large mailboxes" "less than 3 GB are free in $tmp"
	finish
}

uid=$(id -u)
is_root && uid=65533
# shellcheck disable=SC2016 # perl's own $
hash=$(perl -e 'print crypt("secret", q($6$saltsalt$))')
echo "big:$hash:$uid:$uid::/nowhere:/nowhere" >"$tmp/passwd"
mkdir "$tmp/spool"
box=$tmp/spool/big

# make KIND: the mailbox; sets $count, $octets, $last.
make() {
	made=$(python3 "$big" make "$1" "$box") || return
	read -r count octets last <<-END
		$made
	END
	rm -rf "$tmp/state"
	chmod 600 "$box"
	if is_root; then chown -R "$uid:$uid" "$tmp/spool"; fi
}

# serve COMMAND...: one session; its output in $said.
serve() {
	said=$(python3 "$big" serve "$popd" --spool "$tmp/spool" \
		--passwd "$tmp/passwd" --state "$tmp/state" --min-uid 1 -- "$@" 2>&1)
	printf '%s\n' "$said" | grep '^#'
	like "$said" '^exit 0$' "$kind: the session ends well ($*)"
	used=$(printf '%s\n' "$said" | sed -n 's/^memory //p')
	[ "${used:-999999}" -lt 40960 ]
	ok $? "$kind: within 40 MB ($*)" "it took $used kB"
}

size() {
	stat -c %s "$box"
}

kind=many
make many
ok $? "a mailbox of $count messages, $octets octets"
was=$(size)
echo "# wc -l"
# shellcheck disable=SC2016
perl -MTime::HiRes=time -e '$t = time; system("wc -l <$ARGV[0] >/dev/null");
	printf "#          %.3f s\n", time - $t' "$box"
serve STAT "LIST $count" "UIDL $count" "RETR $count" "TOP $count 3" LIST UIDL
like "$said" "^PASS: \+OK .* $count messages \($octets octets\)" "login"
like "$said" "^STAT: \+OK $count $octets\$" "STAT"
like "$said" "^LIST: \+OK $count $last\$" "LIST of the last"
like "$said" "^UIDL: \+OK $count [!-~]{1,70}\$" "UIDL of the last"
like "$said" "^RETR body $last octets" "RETR of the last: as many octets as LIST said"
like "$said" "^RETR subject $count\$" "RETR of the last: it is the last"
like "$said" "^TOP body [0-9]+ octets 6 lines\$" "TOP of the last"
like "$said" "^LIST body [0-9]+ octets $count lines\$" "LIST of all"
like "$said" "^UIDL distinct $count\$" "UIDL of all: every one is another"
is "$(size)" "$was" "nothing was deleted"

serve "DELE $count"
like "$said" "^QUIT: \+OK .*\($((count - 1)) messages left\)" "the last is deleted"
stored=$((was - $(size)))
[ "$stored" -gt 10000 ] && [ "$stored" -lt "$last" ]
ok $? "the file is shorter by one message" "$stored octets"
was=$(size)
serve "DELE 1"
like "$said" "^QUIT: \+OK .*\($((count - 2)) messages left\)" "the first is deleted"
serve STAT "TOP 1 0" "TOP $((count - 2)) 0" "RETR $((count / 2))"
like "$said" "^STAT: \+OK $((count - 2)) " "two messages fewer"
like "$said" "^TOP subject 2\$" "the second is the first now"
like "$said" "^TOP subject $((count - 1))\$" "the last but one is the last"
like "$said" "^RETR subject $((count / 2 + 1))\$" "those between have moved up"
rm "$box"

kind=sparse
made=
make sparse 2>/dev/null
if [ -z "$made" ] || [ "$(du -k "$box" | cut -f1)" -gt 100000 ]; then
	skip "a message of more than 4 GiB" "the file system makes no holes"
	finish
fi
was=$(size)
serve STAT "LIST 2" "LIST 3" "UIDL 3" "RETR 3" "TOP 3 1" "TOP 2 0"
like "$said" "^STAT: \+OK 3 $octets\$" "STAT beyond 4 GiB"
like "$said" "^LIST: \+OK 2 429[0-9]{7}\$" "LIST of more than 4 GiB"
like "$said" "^LIST: \+OK 3 $last\$" "LIST of the one behind it"
like "$said" "^UIDL: \+OK 3 [!-~]{1,70}\$" "UIDL of the one behind it"
like "$said" "^RETR body $last octets" "RETR of the one behind it"
like "$said" "^RETR subject 3\$" "it is that one"
like "$said" "^TOP subject 2\$" "TOP of the large one"
serve "DELE 3"
like "$said" "^QUIT: \+OK .*\(2 messages left\)" "the last is deleted"
# its From_ line, five lines that gained a CR on the wire, a blank line
is "$(($(size) + 44 + last - 5 + 1))" "$was" "the file ends before it"
finish
