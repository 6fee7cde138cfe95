#!/bin/sh
# secrets.sh - who may send a password, and where: --plaintext; and by which
# ways real clients log in: AUTH.
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
like "$said" 'event=refused tls=no why=plaintext user=- addr=192\.0\.2\.1$' \
	"with the reason and the address"

for rule in '' yes Always 'local,' local,x local,10.0.0.1/8 local:10.0.0.0/8 \
	never,10.0.0.0/8 localhost; do
	said=$("$popd" -m "$tmp/spool" --plaintext "$rule" 2>&1 </dev/null)
	is "$?" 64 "--plaintext '$rule' is refused"
	like "$said" "^in\\.popd: --plaintext takes always, never, or local.*, not $rule\$" \
		"and why"
done

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
finish
