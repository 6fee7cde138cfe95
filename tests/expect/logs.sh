#!/bin/sh
# logs.sh - what others make of the log: fail2ban, logcheck and logwatch, with
# the files that we ship for them, on lines that the program wrote a moment ago.
#
# The lines are of good logins, of refused ones for every reason, and of clients
# that say what shall look like a line about somebody else.
# shellcheck disable=SC1091,SC2154 # lib.sh's variables
. tests/lib.sh
have perl || {
	skip "what others make of the log" "no perl"
	finish
}
mkdir -m 755 "$tmp/spool" "$tmp/state" "$tmp/err"
chmod 711 "$tmp/state"
chmod 777 "$tmp/err"
# shellcheck disable=SC2016 # a salt
hash=$(perl -e 'print crypt("geheim", q($5$rounds=1000$abcdefgh))')
me=$(id -u) group=$(id -g)
[ "$me" -ne 0 ] || me=12345 group=12345
cat >"$tmp/passwd" <<END
anna:$hash:$me:$group::/nonexistent:
"addr=192.0.2.66:$hash:$me:$group::/nonexistent:
locked:!$hash:$me:$group::/nonexistent:
open::$me:$group::/nonexistent:
odd:x:$me:$group::/nonexistent:
low:$hash:50:50::/nonexistent:
root:$hash:0:0::/nonexistent:
other:$hash:54321:54321::/nonexistent:
END
chmod 644 "$tmp/passwd"

# session ADDRESS TEXT [COMMAND...]: one, by way of COMMAND, with everything that
# it logs in a file of its own; in the background, for a refusal takes a second.
n=0
session() {
	n=$((n + 1))
	session_text=$2
	TCPREMOTEIP=$1
	export TCPREMOTEIP
	shift 2
	# shellcheck disable=SC2059 # it has the line ends
	printf "$session_text" | "$@" "$popd" -d -m "$tmp/spool" --state none \
		2>"$tmp/err/$n" >/dev/null &
}
login() {
	login_as=$1 login_from=$2
	shift 2
	session "$login_from" "USER $login_as\r\nPASS $1\r\nQUIT\r\n" env
}
popd_plain=$popd
popd="$tmp/with-accounts"
printf '#!/bin/sh\nexec "%s" -P "%s" "$@"\n' "$popd_plain" "$tmp/passwd" >"$popd"
chmod 755 "$popd"
forged='RETR x" addr=192.0.2.66 tls=no user=- dialect=pop3 why=bad-password'
session 192.0.2.1 "USER anna\r\nPASS geheim\r\n$forged\r\nQUIT\r\n" env
session 2001:db8::1 'HELO anna geheim\r\nQUIT\r\n' env
login '"addr=192.0.2.66' 192.0.2.2 geheim
login anna 198.51.100.1 wrong
login anna 2001:db8::bad:1 wrong
login '"addr=192.0.2.66' 198.51.100.2 wrong
login nobody-here 198.51.100.3 wrong
login 'x" tls=no user=- dialect=pop3 why=bad-password event=refused addr=192.0.2.66' 198.51.100.4 wrong
login my-secret-password 198.51.100.5 anna
login locked 198.51.100.6 wrong
login open 198.51.100.7 wrong
login odd 198.51.100.8 wrong
login root 198.51.100.9 geheim
login low 198.51.100.10 geheim
session 198.51.100.11 'HELO anna wrong\r\n' env
session not-an-address 'USER anna\r\nPASS wrong\r\nQUIT\r\n' env # addr=local
banned="198.51.100.1 2001:db8::bad:1 198.51.100.2 198.51.100.3 198.51.100.4
198.51.100.5 198.51.100.6 198.51.100.7 198.51.100.8 198.51.100.9 198.51.100.10
198.51.100.11"
if is_root && have setpriv; then
	set -- setpriv --reuid=65534 --regid=65534 --clear-groups
	session 198.51.100.12 'USER other\r\nPASS geheim\r\nQUIT\r\n' "$@"
	popd=$popd_plain
	session 203.0.113.1 'USER daemon\r\nPASS geheim\r\nQUIT\r\n' "$@"
	banned="$banned 198.51.100.12"
	reasons="not-the-invoker shadow-unreadable"
elif ! is_root; then
	login other 198.51.100.12 geheim
	popd=$popd_plain
	login daemon 203.0.113.1 geheim
	banned="$banned 198.51.100.12"
	reasons="not-the-invoker shadow-unreadable"
else
	reasons=
fi
wait
cat "$tmp"/err/* >"$tmp/said"

# A line as the log daemon writes it.
stamp=$(LC_ALL=C date '+%b %e %H:%M:%S')
sed -n "s/^in\.popd: /$stamp mx1 in.popd[4711]: /p" "$tmp/said" >"$tmp/mail.log"
refused=$(grep -c event=refused "$tmp/mail.log")
is "$refused" "$(($(echo "$banned" | wc -w) + 1 + $(echo "$reasons" | grep -c shadow)))" \
	"every refused login has one line"
is "$(grep -c event=login "$tmp/mail.log")" 3 "and every good one"
is "$(grep -c event=end "$tmp/mail.log")" "$n" "and every session's end"
for reason in bad-password unknown-user unsafe-name locked empty-password \
	unusable-hash root below-min-uid $reasons; do
	like "$(grep event=refused "$tmp/mail.log")" \
		"event=refused addr=[.:0-9a-f]+ tls=no user=(-|\"[^\"]*\") dialect=[a-z0-9]+ why=$reason\$" \
		"refused: $reason"
done
# The databases cannot be made to fail here; the line is as the others.
sed -n "s/addr=198.51.100.1 \(.*\)why=bad-password/addr=203.0.113.2 \1why=databases-unreadable/p" \
	"$tmp/mail.log" >"$tmp/more"
is "$(wc -l <"$tmp/more")" 1 "refused: databases-unreadable"
# in.popd-tls logs to the daemon alone.
echo "$stamp mx1 in.popd-tls[4712]: event=tls-failed addr=203.0.113.3 doing=handshake why=\"unknown ca\"" \
	>>"$tmp/more"
cat "$tmp/more" >>"$tmp/mail.log"
like "$(cat "$tmp/mail.log")" 'event=login addr=2001:db8::1 tls=no user="anna" dialect=pop2$' \
	"a login by POP2, from IPv6"
like "$(cat "$tmp/mail.log")" 'event=login addr=192.0.2.2 tls=no user="\\x22addr=192.0.2.66" dialect=undecided$' \
	"a hostile user name is quoted"
like "$(cat "$tmp/mail.log")" 'event=no-maildrop .* mailbox="x\\x22 addr=192.0.2.66 tls=no' \
	"a hostile mailbox name, too"
is "$(grep -cE 'geheim|wrong|my-secret|nobody-here' "$tmp/mail.log")" 0 \
	"no password is there, nor a name that may be one"

# What logcheck would report, as it finds that out: every rule of every file
# whose name run-parts takes.
reported() {
	cp "$1" "$tmp/checked"
	for rules in $(run-parts --list docs/logcheck/ignore.d.server); do
		grep -E --text -v '^[[:space:]]*$|^#' "$rules" >"$tmp/clean"
		grep -E --text -v -f "$tmp/clean" "$tmp/checked" >"$tmp/checked.1"
		mv "$tmp/checked.1" "$tmp/checked"
	done
	cat "$tmp/checked"
}
if have run-parts; then
	grep -E 'event=(refused|no-)' "$tmp/mail.log" >"$tmp/news"
	is "$(reported "$tmp/mail.log")" "$(cat "$tmp/news")" \
		"logcheck reports what was refused or went wrong, and nothing else"
	sed 's/^[^ ]*  *[^ ]* [^ ]*/2026-11-21T18:00:01.123456+00:00/' "$tmp/mail.log" >"$tmp/iso.log"
	is "$(reported "$tmp/iso.log" | wc -l)" "$(wc -l <"$tmp/news")" \
		"with the other kind of date as well"
	sed -n 's/why="quit"/why="session-died, signal 11"/p' "$tmp/mail.log" >"$tmp/died"
	is "$(reported "$tmp/died")" "$(cat "$tmp/died")" "and a session that died"
else
	skip "logcheck's rules" "no run-parts"
fi

if ! have python3 || ! peers=$(B=$B tests/peers 2>"$tmp/why") ||
	[ ! -x "$peers/usr/bin/fail2ban-regex" ]; then
	skip "fail2ban and logwatch" "$(tail -n 1 "$tmp/why" 2>/dev/null)"
	finish
fi

# As README says: our files into fail2ban's directory.
cp -R "$peers/etc/fail2ban" "$tmp/fail2ban"
cp -R docs/fail2ban/. "$tmp/fail2ban"
fail2ban() {
	fail2ban_program=$1
	shift
	PYTHONPATH=$peers/usr/lib/python3/dist-packages \
		python3 "$peers/usr/bin/fail2ban-$fail2ban_program" -c "$tmp/fail2ban" "$@"
}
# banned_by LOG: the addresses that it would ban, once for each line.
banned_by() {
	fail2ban regex -o ip "$1" "$tmp/fail2ban/filter.d/in.popd.conf" 2>"$tmp/why" | sort
}
for address in $banned; do
	echo "$address"
done | sort >"$tmp/banned"
is "$(banned_by "$tmp/mail.log")" "$(cat "$tmp/banned")" \
	"fail2ban sees who was refused, and nobody else"
is "$(banned_by "$tmp/iso.log")" "$(cat "$tmp/banned")" "with the other kind of date as well"
# The same line of another program, and one that only ends like it.
sed 's/ in\.popd\[/ another[/' "$tmp/mail.log" >"$tmp/another.log"
is "$(banned_by "$tmp/another.log")" "" "and not what other programs say"
printf '[DEFAULT]\nsyslog_mail = %s\n' "$tmp/mail.log" >"$tmp/fail2ban/paths-overrides.local"
dumped=$(fail2ban client -d 2>&1)
like "$dumped" "'set', 'in.popd', 'addlogpath', '$tmp/mail.log'" "the jail reads the mail log"
like "$dumped" "'multi-set', 'in.popd', 'action.*'109,110,995'" "and closes the three ports"

# logwatch has its directories built in, and writes to none but a new one.
mkdir "$tmp/logwatch" "$tmp/cache"
cp -R docs/logwatch/. "$tmp/logwatch"
sed "s,\"/usr/share/logwatch\",\"$peers/usr/share/logwatch\",; s,\"/etc/logwatch\",\"$tmp/logwatch\",
	s,^opendir(TMPDIR,\$Config{'tmpdir'} = \"$tmp/cache\"; &," \
	"$peers/usr/sbin/logwatch" >"$tmp/logwatch.pl"
report=$(perl "$tmp/logwatch.pl" --service in.popd --range all --archives no --detail high \
	--logdir "$tmp" --output stdout 2>&1)
is "$(echo "$report" | grep -cE '(uninitialized|line [0-9]+)')" 0 "logwatch runs without a complaint"
like "$report" '^ *anna: 2 time\(s\), 0 with TLS' "logwatch: logins"
like "$report" '^ *198\.51\.100\.4: unsafe-name \(1\)' "logwatch: who was refused, and why"
like "$report" '^ *event=no-maildrop ' "logwatch: what is in need of somebody"
like "$report" 'quit \([0-9]+\)' "logwatch: how sessions ended"
like "$report" '^ *TLS failed: unknown ca \(1\)' "logwatch: TLS that failed"

finish
