#!/bin/sh
# secrets.sh - who may send a password, and where: --plaintext; secrets of
# devices, and in.popd-secret, which makes them; and the ways by which real
# clients log in: AUTH and APOP.
. tests/expect/lib/real.sh

# Root without a usable --state needs the usual place for the session's empty
# directory: take it away again when it was not there.
[ -e /var/lib/in.popd ] ||
	at_end "rmdir /var/lib/in.popd/.empty /var/lib/in.popd 2>/dev/null"
mkdir "$tmp/spool" "$tmp/notes"
chmod 711 "$tmp/notes"

# from ADDRESS RULE...: what a client at that address is told when it begins to
# log in; "-" is a pipe.
from() {
	address=$1
	shift
	[ "$address" = - ] || export TCPREMOTEIP="$address"
	printf 'CAPA\r\nUSER anna\r\nQUIT\r\n' |
		"$popd" -m "$tmp/spool" --state "$tmp/notes" "$@" 2>&1
	unset TCPREMOTEIP
}

# taken, refused ADDRESS RULE...
taken() {
	said=$(from "$@")
	like "$said" '^\+OK send PASS' "$*: a password is taken"
	like "$said" '^USER' "$*: and CAPA says so"
}
refused() {
	said=$(from "$@")
	like "$said" '^-ERR \[AUTH\] no password without TLS; connect to' \
		"$*: no password is taken"
	printf '%s\n' "$said" | grep -q '^USER'
	is $? 1 "$*: nor does CAPA say so"
}
taken 192.0.2.1
taken 192.0.2.1 --plaintext always
taken - --plaintext local
taken 127.0.0.1 --plaintext local
taken 127.8.9.1 --plaintext local
taken ::1 --plaintext=local
taken ::ffff:127.0.0.1 --plaintext local
taken 192.168.1.9 --plaintext local,192.168.1.0/24,fd00::/8
taken fd12::1 --plaintext local,192.168.1.0/24,fd00::/8
taken 127.0.0.1 --plaintext local,192.168.1.0/24
taken 192.0.2.1 --plaintext never --tls
refused 192.0.2.1 --plaintext local
refused 2001:db8::1 --plaintext local
refused 192.168.2.9 --plaintext local,192.168.1.0/24,fd00::/8
refused 192.0.2.1 --plaintext never
refused 127.0.0.1 --plaintext never
refused - --plaintext never

# Not even when it comes unasked; the log says it once.
said=$(printf 'USER anna\r\nPASS geheim\r\nUSER anna\r\nQUIT\r\n' |
	TCPREMOTEIP=192.0.2.1 "$popd" -d -m "$tmp/spool" --state "$tmp/notes" \
		--plaintext local 2>&1)
is "$(printf '%s\n' "$said" | grep -c 'event=refused')" 1 "logged once"
like "$said" 'event=refused addr=192\.0\.2\.1 tls=no user=- dialect=[a-z0-9]+ why=plaintext$' \
	"with the reason and the address"

for rule in '' yes Always 'local,' local,x local,10.0.0.1/8 local:10.0.0.0/8 \
	never,10.0.0.0/8 localhost; do
	said=$("$popd" -m "$tmp/spool" --plaintext "$rule" 2>&1 </dev/null)
	is "$?" 64 "--plaintext '$rule' is refused"
	like "$said" "^in\\.popd: --plaintext takes always, never, or local.*, not $rule\$" \
		"and why"
done

# ---- in.popd-secret
secret() {
	sh src/in.popd-secret.sh -f "$tmp/made/secrets" "$@"
}
printer=$(secret add anna printer)
like "$printer" '^[a-z2-9]{24}$' "a secret is made"
phone=$(secret add anna "a phone")
[ "$printer" != "$phone" ]
ok $? "and another one"
is "$(cat "$tmp/made/secrets")" "anna:printer:$printer
anna:a phone:$phone" "they are in the file"
is "$(stat -c %a "$tmp/made/secrets")" 600 "which is for nobody else"
is "$(secret list)" "anna:printer
anna:a phone" "list has no secret"
for what in "add anna printer" "remove anna x" "remove bea printer" "add a:b x" \
	"add anna x:y" "add #anna x" "list anna" "add anna" ""; do
	# shellcheck disable=SC2086 # words
	! said=$(secret $what 2>&1) && [ -n "$said" ]
	ok $? "refused: $what"
done
# fails STATUS ARGUMENT...: with a reason.
fails() {
	fails_with=$1
	shift
	said=$(sh src/in.popd-secret.sh "$@" 2>&1)
	is "$?" "$fails_with" "in.popd-secret $*: status"
	like "$said" '^(in\.popd-secret|usage): ' "in.popd-secret $*: with a reason"
}
fails 64 list anna
fails 64 -f "$tmp/made/secrets" add anna
fails 1 -f "$tmp/made/secrets" add anna printer
fails 1 -f "$tmp/made/secrets" remove anna x
fails 1 -f "$tmp/made/absent" list
fails 1 -f "$tmp/made/absent" remove anna x
fails 1 -f "$tmp/made" list
fails 1 -f "$tmp/made" add anna x
fails 1 -f /proc/absent add anna x # who may not make a file there
fails 1 -f /proc/absent/secrets add anna x
fails 1 -f "$tmp/made/secrets/x" add anna x
secret remove anna printer
is "$(cat "$tmp/made/secrets")" "anna:a phone:$phone" "one is removed"
: >"$tmp/made/secrets.new"
said=$(secret add anna other 2>&1)
like "$said" "another one is at work" "two do not work at once"
rm "$tmp/made/secrets.new"
is "$(ls "$tmp/made")" secrets "nothing is left beside it"

# ---- whose the file must be
refused_file() {
	said=$("$popd" -m "$tmp/spool" --state "$tmp/notes" --secrets "$1" \
		2>&1 </dev/null)
	is "$?" 66 "$2: refused at the start"
	like "$said" "^in\\.popd: .*$3" "and why"
}
refused_file "$tmp/absent" "no file" "cannot read the secrets in .*: No such file"
refused_file "$tmp/spool" "a directory" "must be nobody's but user $(id -u)'s"
for mode in 640 604 620 602 660; do
	cp "$tmp/made/secrets" "$tmp/open"
	chmod "$mode" "$tmp/open"
	refused_file "$tmp/open" "a file of mode $mode" "chmod 600"
done
mkfifo -m 600 "$tmp/fifo"
refused_file "$tmp/fifo" "a FIFO" "a regular file"
if is_root; then
	cp "$tmp/made/secrets" "$tmp/theirs"
	chmod 600 "$tmp/theirs"
	chown 65534 "$tmp/theirs"
	refused_file "$tmp/theirs" "somebody else's file" "chown 0"
fi

# ---- the greeting: a msg-id, and never the same
greeting() {
	"$popd" -m "$tmp/spool" --state "$tmp/notes" "$@" </dev/null
}
like "$(greeting --secrets "$tmp/made/secrets")" \
	'^\+OK POP3 [^ ]+ in\.popd ready <[0-9a-f]{32}@[A-Za-z0-9._-]+>.$' \
	"with secrets the greeting has a timestamp"
for _ in 1 2 3 4 5 6 7 8 9 10; do
	greeting --secrets "$tmp/made/secrets"
done | sort -u >"$tmp/greetings"
is "$(wc -l <"$tmp/greetings")" 10 "which is never the same"
greeting | grep -q '<'
is $? 1 "without there is none"

need_root "sessions with real clients"
have python3 || {
	skip "sessions with real clients" "no python3"
	finish
}
private_places
make_user
python3 "$lib/mail.py" "$tmp/fixture"
fill "$mbox"
home=$tmp/home
mkdir "$home"
chown "$user" "$home"

# serve OPTION...: as inetd does, at $port from now on.
serve() {
	free_port
	background python3 "$lib/inetd.py" "$port" "$popd" "$@"
	wait_port "$port"
}
as_user() {
	(cd "$home" && HOME=$home timeout 30 setpriv --reuid "$user" \
		--regid "$user" --clear-groups "$@" 2>&1)
}

# by_curl NAME OPTION...: lists the maildrop, as $user with $password.
by_curl() {
	name=$1
	shift
	said=$(as_user curl -vsS -u "$user:$password" "$@" \
		"pop3://127.0.0.1:$port/")
	like "$said" '^10 [0-9]+' "curl: $name"
}

# by_mpop NAME METHOD: how many messages there are.
by_mpop() {
	cat >"$home/mpoprc" <<-X
		account default
		host 127.0.0.1
		port $port
		tls off
		auth $2
		user $user
		password "$password"
		keep on
		delivery mbox $home/got
		uidls_file $home/mpop.$2
	X
	chown "$user" "$home/mpoprc" && chmod 600 "$home/mpoprc"
	said=$(as_user mpop -C "$home/mpoprc" --debug --auth-only)
	ok $? "mpop: $1" "$said"
}

serve --plaintext always
if have curl; then
	for way in PLAIN LOGIN; do
		by_curl "AUTH $way" --login-options "AUTH=$way"
		like "$said" "^> AUTH $way" "and so it is"
		by_curl "AUTH $way with an initial response" --sasl-ir \
			--login-options "AUTH=$way"
		like "$said" "^> AUTH $way [A-Za-z0-9+/=]+" "and so it is"
	done
	by_curl "what it thinks best"
else
	skip curl "not installed"
fi
if have mpop; then
	for way in plain login user; do
		by_mpop "auth $way" "$way"
	done
else
	skip mpop "not installed"
fi

# ---- where TLS is needed, STLS and pop3s bring the password
certificate() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-keyout "$tmp/key.pem" -out "$tmp/cert.pem" -days 2 \
		-subj /CN=localhost -addext subjectAltName=IP:127.0.0.1
}
if have curl openssl && [ -x "$B/in.popd-tls" ] && certificate 2>"$tmp/said"; then
	# tls OPTION...: as serve, behind in.popd-tls.
	tls() {
		free_port
		background python3 "$lib/inetd.py" "$port" "$B/in.popd-tls" \
			--cert "$tmp/cert.pem" --key "$tmp/key.pem" "$@" \
			--plaintext never
		wait_port "$port"
	}
	tls --starttls -- "$popd"
	said=$(as_user curl -vsS -u "$user:$password" "pop3://127.0.0.1:$port/")
	ok $((! $?)) "curl: not without STLS"
	printf '%s\n' "$said" | grep -qE '^< (USER|SASL)'
	is $? 1 "which is offered nothing"
	said=$(printf 'USER %s\r\nQUIT\r\n' "$user" |
		timeout 20 python3 -c 'import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20)
s.sendall(sys.stdin.buffer.read())
while part := s.recv(4096): sys.stdout.write(part.decode())' "$port")
	like "$said" '^-ERR \[AUTH\] no password without TLS; send STLS first' \
		"and told so"
	by_curl "AUTH PLAIN through STLS" --ssl-reqd -k
	like "$said" '^< SASL PLAIN LOGIN' "which is offered then"
	tls -- "$popd"
	said=$(as_user curl -vsSk --no-alpn -u "$user:$password" \
		"pop3s://127.0.0.1:$port/")
	like "$said" '^10 [0-9]+' "curl: through pop3s"
else
	skip "STLS and pop3s" "no curl, openssl or in.popd-tls"
fi

# ---- with secrets of devices; the password of the shell is as good as before
own=$password
devices=$tmp/devices/secrets
device=$(sh src/in.popd-secret.sh -f "$devices" add "$user" phone)
ok $? "in.popd-secret makes its file" "$device"
like "$(ls -l "$devices")" '^-rw------- 1 root root' "for root alone"
serve --secrets "$devices" --plaintext local
by_python() {
	said=$(timeout 30 python3 - "$port" "$user" "$own" "$device" 2>&1 \
		<"$tmp/clients.py")
	ok $? "$1" "$said"
}
cat >"$tmp/clients.py" <<'PY'
import base64, hashlib, poplib, socket, sys, threading, time
port, user, own, device = int(sys.argv[1]), *sys.argv[2:5]

def connect():
    return poplib.POP3("127.0.0.1", port, 20)

pop = connect()
pop.apop(user, device)
assert pop.stat()[0] == 10
pop.quit()
for secret in own, device:
    pop = connect()
    pop.user(user)
    pop.pass_(secret)
    pop.quit()

# POP2 and POP1, as old machines speak them.
def talk(*lines):
    s = socket.create_connection(("127.0.0.1", port), 20)
    f = s.makefile("rwb")
    said = [f.readline()]
    for line in lines:
        f.write(line.encode() + b"\r\n")
        f.flush()
        said.append(f.readline())
    s.close()
    return said
assert talk("HELO %s %s" % (user, device))[1].startswith(b"#10 "), "POP2"
assert talk("USER " + user, "PASS " + device, "RETR INBOX")[3].startswith(b"#")

# Why ever, by whatever way: a refusal has one text, after one second.
def plain(name, secret):
    text = "\0%s\0%s" % (name, secret)
    return "AUTH PLAIN " + base64.b64encode(text.encode()).decode()
ways = [["APOP nobody-here " + "0" * 32], ["APOP %s %s" % (user, "0" * 32)],
        ["APOP root " + "0" * 32], ["APOP games x"], [plain(user, "wrong")],
        [plain("nobody-here", device)], [plain("root", own)],
        ["USER " + user, "PASS wrong"], ["USER games", "PASS " + device]]
costs = {}
def price(way):
    began = time.monotonic()
    said = talk(*way)[-1]
    costs[way[0]] = said, time.monotonic() - began
threads = [threading.Thread(target=price, args=(way,)) for way in ways]
for t in threads:
    t.start()
for t in threads:
    t.join()
print(costs)
assert {said for said, _ in costs.values()} == \
    {b"-ERR [AUTH] invalid user name or password\r\n"}
assert all(1 <= s < 1.9 for _, s in costs.values())
# The password of the shell is no secret of APOP's.
pop = connect()
stamp = pop.welcome[pop.welcome.index(b"<"):]
try:
    pop.apop(user, own)
    assert False
except poplib.error_proto as e:
    assert b"[AUTH]" in e.args[0]
PY
by_python "poplib: apop, and PASS with both; POP2, POP1; all refusals alike"

password=$device
if have curl; then
	by_curl "APOP" --login-options AUTH=+APOP
	like "$said" "^> APOP $user [0-9a-f]{32}" "and so it is"
	by_curl "AUTH PLAIN with a secret" --login-options AUTH=PLAIN
	password=$own
	by_curl "AUTH PLAIN with the password" --login-options AUTH=PLAIN
	password=$device
	by_curl "what it thinks best of secrets"
fi
if have mpop; then
	for way in apop plain user; do
		by_mpop "auth $way with a secret" "$way"
	done
fi
if have perl && perl -MNet::POP3 -MDigest::MD5 -e 1 2>/dev/null; then
	said=$(perl -MNet::POP3 -e 'my ($port, @who) = @ARGV;
		my $pop = Net::POP3->new("127.0.0.1", Port => $port, Timeout => 20)
			or die "no connection";
		$pop->apop(@who) == 10 or die "apop: not ten messages";
		$pop->quit or die "quit"' "$port" "$user" "$device" 2>&1)
	ok $? "Net::POP3: apop" "$said"
else
	skip "Net::POP3: apop" "not installed"
fi
if have fetchmail; then
	cat >"$home/fetchmailrc" <<-X
		set invisible
		set idfile $home/fetchmail.ids
		set pidfile $home/fetchmail.pid
		poll 127.0.0.1 port $port proto apop uidl
			user '$user' password '$device' sslproto ''
			keep mda "cat >>$home/fetched"
	X
	chown "$user" "$home/fetchmailrc" && chmod 600 "$home/fetchmailrc"
	said=$(as_user fetchmail -v -f "$home/fetchmailrc")
	ok $? "fetchmail: proto apop" "$said"
	like "$said" 'POP3> APOP ' "and so it is"
else
	skip "fetchmail: proto apop" "not installed"
fi

# The secret that was taken away opens nothing any more.
sh src/in.popd-secret.sh -f "$devices" remove "$user" phone
said=$(printf 'USER %s\r\nPASS %s\r\nUSER %s\r\nPASS %s\r\nQUIT\r\n' "$user" \
	"$device" "$user" "$own" | "$popd" --secrets "$devices")
like "$said" '^-ERR \[AUTH\]' "a secret that was removed is none"
like "$said" '^\+OK maildrop has 10' "and the password is still one"

# ---- the session has no descriptor of the file
mkfifo "$tmp/in"
"$popd" --secrets "$devices" <"$tmp/in" >"$tmp/out" 2>&1 &
broker=$!
exec 9>"$tmp/in"
wait_for 5 grep -q '^+OK' "$tmp/out"
# It has two children, in the order of their numbers.
# shellcheck disable=SC2046
set -- $(cat "/proc/$broker/task/$broker/children")
like "$(ls -l "/proc/$2/fd")" '/secrets$' "the judge has the secrets"
for process in "$1" "$broker"; do
	held=$(ls -l "/proc/$process/fd")
	like "$held" ' -> ' "the others hold descriptors"
	printf '%s\n' "$held" | grep -q '/secrets$'
	is $? 1 "but not of them"
done
exec 9>&-
wait "$broker"
finish
