#!/bin/sh
# tls.sh - in.popd-tls: what it refuses and what its processes are (lib/tls.py),
# and real clients that log in by STLS and by pop3s through each superserver, by
# the samples we ship, with a certificate of our own making. Also TLS that is
# ended by somebody else: stunnel, haproxy.
. tests/expect/lib/real.sh
tls=$B/in.popd-tls
[ -x "$tls" ] || {
	skip "TLS" "in.popd-tls was not built: no OpenSSL"
	finish
}
have python3 openssl || {
	skip "TLS" "no python3 or no openssl"
	finish
}

# ---- the program file
headers=$(readelf -W -h -l -d "$tls")
like "$headers" 'Type: +DYN' "position-independent"
like "$headers" 'BIND_NOW|FLAGS_1.*NOW' "bound at start"
like "$headers" '^ +GNU_STACK .* RW +0x' "no executable stack"
readelf -W -d "$popd" | grep -qE 'lib(ssl|crypto)'
is $? 1 "in.popd does not know OpenSSL"
if nm "$tls" | grep -q __asan_init; then
	skip "the rest" "built with AddressSanitizer, which needs what we give up"
	finish
fi

# ---- options
for options in "" "--cert" "--cert x" "--no-such-option" "--cert $popd -- true" \
	"--cert /nonexistent -- true"; do
	# shellcheck disable=SC2086 # a list
	said=$("$tls" $options 2>&1 </dev/null)
	case $? in 64 | 78) true ;; *) false ;; esac
	ok $? "in.popd-tls $options: refused" "$said"
	like "$said" '^in\.popd-tls: .' "in.popd-tls $options: with a reason"
done

# ---- an authority and a certificate
authority() {
	cd "$tmp" || exit 1
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-keyout ca.key -out ca.pem -days 2 -subj "/CN=in.popd tests" &&
		openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
			-keyout key.pem -out req.pem -subj /CN=localhost &&
		echo "subjectAltName=DNS:localhost,IP:127.0.0.1" >ext &&
		openssl x509 -req -in req.pem -CA ca.pem -CAkey ca.key \
			-set_serial 7 -days 2 -extfile ext -out cert.pem
}
said=$( (authority) 2>&1)
ok $? "a certificate" "$said"
chmod 600 "$tmp/key.pem"
chmod 644 "$tmp/ca.pem" "$tmp/cert.pem"

# ---- what is refused, and who is who
mkdir -m 755 "$tmp/raw"
cat "$tmp/cert.pem" "$tmp/ca.pem" >"$tmp/chain.pem"
timeout 120 python3 -W ignore "$lib/tls.py" "$B" "$tmp/raw" \
	"$(openssl passwd -5 -salt abcdefgh geheim)" "$tmp/chain.pem" \
	"$tmp/key.pem" >"$tmp/tap" 2>"$tmp/err"
is "$?" 0 "tls.py ran to its end"
sed 's/^/# /' "$tmp/err"
while read -r line; do
	case $line in
	"ok - "*"# SKIP "*) skip "${line#ok - }" "" ;;
	"ok - "*) ok 0 "${line#ok - }" ;;
	"not ok - "*) ok 1 "${line#not ok - }" ;;
	*) printf '%s\n' "$line" ;;
	esac
done <"$tmp/tap"

need_root "sessions with real clients"
if peers=$(B=$B tests/peers 2>"$tmp/why"); then
	libraries=$(find "$peers" -name '*.so*' -exec dirname {} + | sort -u |
		tr '\n' ':')
else
	skip "launchers that are not installed" "$(tail -n 1 "$tmp/why")"
	peers=/nonexistent libraries=
fi
private_places
make_user
python3 "$lib/mail.py" "$tmp/fixture"
fill "$mbox"
syslog || log=
home=$tmp/home
mkdir "$home"
chown "$user" "$home"
mkdir -p "$tmp/conf"
cp "$tmp/chain.pem" "$tmp/conf/cert.pem"
cp -p "$tmp/key.pem" "$tmp/conf/key.pem"

# put_in SAMPLE: prints it with our programs and files.
put_in() {
	sed "s,/usr/sbin/in\.popd,$popd,g; s,/etc/in\.popd/,$tmp/conf/,g" "$1"
}
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
as_user() {
	(cd "$home" && HOME=$home TERM=vt100 timeout 30 setpriv --reuid "$user" \
		--regid "$user" --clear-groups "$@" 2>&1)
}
owned() {
	cat >"$1" && chown "$user" "$1" && chmod 600 "$1"
}
forget() {
	[ -z "$log" ] || : >"$log"
}
# logged NAME YES|NO ADDRESS: the log's view of the login and of the end.
logged() {
	[ -n "$log" ] || return 0
	wait_for 5 grep -q "event=end" "$log"
	like "$(cat "$log")" "event=login addr=$3 tls=$2 user=\"$user\" dialect=" \
		"$1: the log says tls=$2 and from where"
	like "$(cat "$log")" "event=end addr=$3 tls=$2 user=\"$user\" dialect=pop3 .*why=" \
		"$1: and at the end"
}

# session KIND: one by curl, at $port, with KIND stls, pop3s or plain.
one_session() {
	case $2 in
	stls) set -- "$1" "$2" --ssl-reqd "pop3://localhost:$port/1" ;;
	pop3s) set -- "$1" "$2" --no-alpn "pop3s://localhost:$port/1" ;;
	esac
	forget
	sed 's/$/\r/' "$tmp/fixture/1" >"$tmp/wire"
	as_user curl -sS --cacert "$tmp/ca.pem" -u "$user:$password" \
		"$3" "$4" >"$tmp/got"
	cmp -s "$tmp/got" "$tmp/wire"
	ok $? "$1: a message by $2" "$(head -c 500 "$tmp/got")"
	logged "$1" yes '127\.0\.0\.1'
}

# ---- each launcher, by its sample
for inetd in inetd inetutils-inetd; do
	program=$(find_peer "$inetd") || {
		skip "$inetd" "not found"
		continue
	}
	name=$inetd
	free_port
	pop3s=$port
	free_port
	put_in inetd.conf.sample | grep in.popd-tls | sed "s,^#,,
		s,^pop3s,127.0.0.1:$pop3s,; s,^pop3[[:blank:]],127.0.0.1:$port	," \
		>"$tmp/inetd.conf"
	if [ "$inetd" = inetd ]; then
		start "$program" -i "$tmp/inetd.conf"
	else
		start "$program" -d --pidfile="$tmp/inetd.pid" "$tmp/inetd.conf"
	fi
	one_session "$name" stls
	port=$pop3s
	one_session "$name" pop3s
done

if program=$(find_peer xinetd); then
	name=xinetd
	free_port
	pop3s=$port
	free_port
	sample() {
		put_in xinetd.d/pop3s | sed "s,^service .*,service popd-$1,
			s,^{,{\ntype = UNLISTED\nport = $1\nbind = 127.0.0.1,
			s,\(disable.*\)yes,\1no,; s, -- , ${2-} -- ,"
	}
	{
		sample "$pop3s"
		sample "$port" --starttls
	} >"$tmp/xinetd.conf"
	start "$program" -dontfork -f "$tmp/xinetd.conf" \
		-pidfile "$tmp/xinetd.pid" -filelog "$tmp/xinetd.log"
	one_session "$name" stls
	is "$(grep -iE 'error|unknown|warning' "$tmp/xinetd.log")" "" \
		"xinetd finds no fault with the sample"
	stls=$port port=$pop3s
	one_session "$name" pop3s
else
	skip xinetd "not found"
	free_port
	pop3s=$port
	background python3 "$lib/inetd.py" "$port" "$tls" --cert \
		"$tmp/conf/cert.pem" --key "$tmp/conf/key.pem" -- "$popd"
	wait_port "$port"
	free_port
	stls=$port
	background python3 "$lib/inetd.py" "$port" "$tls" --cert \
		"$tmp/conf/cert.pem" --key "$tmp/conf/key.pem" --starttls -- "$popd"
	wait_port "$port"
fi

if program=$(find_peer tcpserver); then
	name=tcpserver
	free_port
	start "$program" -l0 -HR 127.0.0.1 "$port" "$tls" --cert \
		"$tmp/conf/cert.pem" --key "$tmp/conf/key.pem" --starttls -- "$popd"
	one_session "$name" stls
else
	skip tcpserver "not found"
fi

if program=$(find_peer systemd-socket-activate); then
	name=systemd-socket-activate
	free_port
	command=$(put_in docs/systemd/in.popd-tls@.service |
		sed -n 's/^ExecStart=//p')
	# shellcheck disable=SC2086 # a command line
	start "$program" -l "127.0.0.1:$port" -a --inetd $command
	one_session "$name" pop3s
else
	skip systemd-socket-activate "not found"
fi
if have systemd-analyze; then
	mkdir "$tmp/units"
	for unit in in.popd-tls.socket in.popd-tls@.service; do
		put_in "docs/systemd/$unit" >"$tmp/units/$unit"
	done
	said=$(systemd-analyze verify --man=no "$tmp/units/"* 2>&1 |
		grep -F in.popd)
	is "$said" "" "systemd-analyze finds no fault with the units"
fi

# ---- each client, by both; under xinetd
# openssl talks the dialogue.
dialogue() {
	printf 'USER %s\r\nPASS %s\r\nSTAT\r\nQUIT\r\n' "$user" "$password"
}
forget
said=$(dialogue | timeout 20 openssl s_client -quiet -ign_eof -verify_return_error \
	-CAfile "$tmp/ca.pem" -starttls pop3 -connect "127.0.0.1:$stls" 2>&1)
like "$said" '^\+OK 10 [0-9]+' "openssl s_client -starttls pop3"
logged "openssl s_client, stls" yes '127\.0\.0\.1'
forget
said=$(dialogue | timeout 20 openssl s_client -quiet -ign_eof -verify_return_error \
	-CAfile "$tmp/ca.pem" -connect "127.0.0.1:$pop3s" 2>&1)
like "$said" '^\+OK 10 [0-9]+' "openssl s_client"
logged "openssl s_client, pop3s" yes '127\.0\.0\.1'

# kinds NAME COMMAND: runs it with $port and $kind set to each.
kinds() {
	for kind in stls pop3s; do
		[ "$kind" = stls ] && port=$stls || port=$pop3s
		forget
		"$2" >"$tmp/said" 2>&1
		ok $? "$1 by $kind" "$(cat "$tmp/said")"
		logged "$1, $kind" yes '127\.0\.0\.1'
	done
}

by_mpop() {
	[ "$kind" = stls ] && on=on || on=off
	as_user mkdir -p "$home/mpop/new" "$home/mpop/cur" "$home/mpop/tmp"
	owned "$home/mpoprc" <<-X
		account default
		host localhost
		port $port
		tls on
		tls_starttls $on
		tls_trust_file $tmp/ca.pem
		auth user
		user $user
		password "$password"
		keep on
		uidls_file $home/mpop.$kind
		received_header off
		delivery maildir $home/mpop
	X
	as_user mpop -C "$home/mpoprc" && compared "$home/mpop/new/"* &&
		rm -r "$home/mpop"
}
compared() {
	python3 "$lib/compare.py" "$tmp/fixture" "$@"
}

by_fetchmail() {
	[ "$kind" = stls ] && on='sslproto "TLS1.2+"' || on=ssl
	as_user mkdir -p "$home/fetchmail.$kind"
	owned "$home/fetchmailrc" <<-X
		set invisible
		set idfile $home/fetchmail.ids.$kind
		set pidfile $home/fetchmail.pid
		poll localhost port $port proto pop3 auth password uidl
			user '$user' password '$password' $on sslcertck
			sslcertfile $tmp/ca.pem
			keep no rewrite no mimedecode
			mda "$home/to-file $home/fetchmail.$kind"
	X
	as_user fetchmail -f "$home/fetchmailrc" &&
		compared --break --end-header "$home/fetchmail.$kind/"*
}
cat >"$home/to-file" <<-'X'
	#!/bin/sh
	exec cat >"$(mktemp "$1/XXXXXX")"
X
chmod 755 "$home/to-file"

by_mutt() {
	[ "$kind" = stls ] && scheme=pop || scheme=pops
	owned "$home/muttrc" <<-X
		set pop_user="$user" pop_pass="$password"
		set pop_authenticators="user"
		set ssl_starttls=yes ssl_force_tls=yes
		set certificate_file=$tmp/ca.pem ssl_ca_certificates_file=$tmp/ca.pem
		set confirmappend=no confirmcreate=no wait_key=no beep=no
		set quit=yes delete=no move=no sort=mailbox-order
		set mbox_type=Maildir folder="$home" record="" copy=no
		set header_cache="" message_cachedir=""
		push "<tag-pattern>~A<enter><tag-prefix><copy-message>$home/mutt.$kind<enter><quit>"
	X
	as_user script -qec "mutt -n -F $home/muttrc -f \
		$scheme://$user@localhost:$port/" /dev/null &&
		compared --drop Content-Length --drop Lines --end-header \
			"$home/mutt.$kind/new/"*
}

by_poplib() {
	timeout 30 python3 - "$kind" "$port" "$user" "$password" \
		"$tmp/ca.pem" <<-'PY'
		import poplib, ssl, sys
		poplib._MAXLINE = 1 << 20
		kind, port, user, password, ca = sys.argv[1:6]
		c = ssl.create_default_context(cafile=ca)
		if kind == "stls":
		    pop = poplib.POP3("localhost", int(port), 20)
		    assert "STLS" in pop.capa()
		    pop.stls(c)
		else:
		    pop = poplib.POP3_SSL("localhost", int(port), timeout=20, context=c)
		assert "STLS" not in pop.capa()
		pop.user(user)
		pop.pass_(password)
		assert pop.stat()[0] == 10
		for i in range(1, 11):
		    pop.retr(i)
		pop.quit()
	PY
}

by_curl() {
	if [ "$kind" = stls ]; then
		as_user curl -sS --ssl-reqd --cacert "$tmp/ca.pem" \
			-u "$user:$password" "pop3://localhost:$port/"
	else
		as_user curl -sS --cacert "$tmp/ca.pem" \
			-u "$user:$password" "pop3s://localhost:$port/"
	fi
}

for client in curl mpop fetchmail; do
	if have "$client"; then
		kinds "$client" "by_$client"
	else
		skip "$client" "not installed"
	fi
done
if have mutt script && have_terminals; then
	kinds mutt by_mutt
else
	skip mutt "not installed, or no terminal"
fi
kinds poplib by_poplib

if have getmail; then # which has no STLS
	port=$pop3s
	getmail_keeps() {
		forget
		rm -rf "$home/getmail" "$home/got"
		as_user mkdir -p "$home/getmail" "$home/got/new" "$home/got/cur" \
			"$home/got/tmp"
		owned "$home/getmail/getmailrc" <<-X
			[retriever]
			type = SimplePOP3SSLRetriever
			server = localhost
			port = $port
			username = $user
			password = $password
			ca_certs = $tmp/ca.pem
			[destination]
			type = Maildir
			path = $home/got/
			[options]
			delete = false
			read_all = false
			received = false
			delivered_to = false
		X
	}
	by_getmail getmail_keeps
	ok $? "getmail by pop3s" "$(cat "$tmp/said")"
	said=$(compared --top "Return-Path: <unknown>" --end-header \
		"$home/got/new/"* 2>&1)
	ok $? "getmail: the mail is the same" "$said"
	logged getmail yes '127\.0\.0\.1'
else
	skip getmail "not installed"
fi

# A client that will have nothing of our certificate.
forget
as_user curl -sS --ssl-reqd -u "$user:$password" "pop3://localhost:$stls/" >"$tmp/said"
is $? 60 "curl without our authority refuses"
if [ -n "$log" ]; then
	wait_for 5 grep -q tls-failed "$log"
	like "$(cat "$log")" \
		'event=tls-failed addr=127\.0\.0\.1 doing=handshake why="[a-z0-9 ]*unknown ca"$' \
		"and the log has its reason"
	! grep -q "event=login .*user=\"$user\"" "$log"
	ok $? "and no login" "$(cat "$log")"
fi

# Without TLS on the same port: as ever.
forget
port=$stls
as_user curl -sS -u "$user:$password" "pop3://localhost:$port/" >"$tmp/said"
ok $? "without TLS where STLS is offered" "$(cat "$tmp/said")"
logged "without TLS" no '127\.0\.0\.1'

# ---- TLS that somebody else ends
if program=$(find_peer stunnel4) || program=$(find_peer stunnel); then
	name=stunnel
	free_port
	# docs/tls.md's, with our files.
	cat >"$tmp/stunnel.conf" <<-X
		foreground = yes
		pid =
		[pop3s]
		accept = 127.0.0.1:$port
		cert = $tmp/conf/cert.pem
		key = $tmp/conf/key.pem
		exec = $popd
		execArgs = in.popd --tls
	X
	start "$program" "$tmp/stunnel.conf"
	one_session stunnel pop3s
else
	skip stunnel "not found"
fi
if program=$(find_peer haproxy); then
	name=haproxy
	free_port
	inner=$port
	name="in.popd --tls"
	start python3 "$lib/inetd.py" "$inner" "$popd" --tls
	name=haproxy
	free_port
	cat "$tmp/conf/cert.pem" "$tmp/conf/key.pem" >"$tmp/conf/both.pem"
	cat >"$tmp/haproxy.conf" <<-X
		defaults
			mode tcp
			timeout connect 5s
			timeout client 11m
			timeout server 11m
		frontend pop3s
			bind 127.0.0.1:$port ssl crt $tmp/conf/both.pem
			default_backend popd
		backend popd
			server one 127.0.0.1:$inner
	X
	start "$program" -db -f "$tmp/haproxy.conf"
	one_session haproxy pop3s
else
	skip haproxy "not found"
fi

# ---- nothing is left
is_quiet() {
	! pgrep -f "^$tls" >/dev/null && ! pgrep -f "^$popd" >/dev/null
}
if have pgrep; then
	wait_for 10 is_quiet
	ok $? "no process is left" "$(pgrep -af "$B/in.popd")"
fi
cmp -s "$mbox" "$tmp/fixture/mbox"
ok $? "the spool is as it was"
finish
