#!/bin/sh
# proxy.sh - in.popd behind real proxies: haproxy with each of its headers, TLS
# ended there, and its health checks; nginx's mail proxy. And who comes without
# a header, or is no proxy. Clients come from 127.0.0.9, haproxy from 127.0.0.77,
# nginx from 127.0.0.1, and strangers from 127.0.0.78.
# shellcheck source=tests/expect/lib/real.sh
. tests/expect/lib/real.sh
need_root "sessions behind proxies"
have python3 curl openssl || {
	skip "sessions behind proxies" "no python3, no curl or no openssl"
	finish
}
# shellcheck source=tests/expect/lib/proxies.sh
. tests/expect/lib/proxies.sh
private_places
make_user
python3 "$lib/mail.py" "$tmp/fixture"
certificate
ok $? "a certificate"
syslog || {
	skip "sessions behind proxies" "the system's syslog has /dev/log"
	finish
}
from='addr=127\.0\.0\.9 proxy=127\.0\.0\.(77|1)'
via=127.0.0.77

# whole NAME PORT: a session, octet by octet; then the log.
whole() {
	chown "$user:mail" "$mbox" && fill "$mbox"
	: >"$log"
	said=$(timeout 20 python3 "$lib/session.py" "$2" "$user" "$password" \
		"$tmp/fixture" 2>&1)
	ok $? "$1: a session, octet by octet" "$said"
	wait_for 5 grep -qE "event=end.*$from" "$log"
	like "$(cat "$log")" "event=login $from tls=no user=\"$user\" dialect=" \
		"$1: the log has the client's address, and the proxy's"
	like "$(cat "$log")" "event=end $from .*deleted=2 .*why=\"quit\"\$" \
		"$1: at the end, too"
}

# by_tls NAME URL yes|no OPTION...: curl fetches a message; then the log.
by_tls() {
	name=$1 url=$2 tls=$3
	shift 3
	chown "$user:mail" "$mbox" && fill "$mbox"
	: >"$log"
	timeout 20 curl -sk --interface 127.0.0.9 -u "$user:$password" "$@" \
		"$url/7" >"$tmp/got" 2>"$tmp/err"
	ok $? "$name: a message is fetched" "$(cat "$tmp/err")"
	sed 's/$/\r/' "$tmp/fixture/7" | cmp -s - "$tmp/got"
	ok $? "$name: and is the one that is stored"
	like "$(cat "$log")" "event=login $from tls=$tls user=\"$user\" dialect=" \
		"$name: the log says tls=$tls"
}

# talk ADDRESS PORT WORD [TEXT]: what the server says to a connection from
# there; "reset" breaks it off at once, "say" says TEXT.
talk() {
	timeout 10 python3 - "$@" <<'PY'
import socket, struct, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[2])), 8,
                             (sys.argv[1], 0))
if sys.argv[3] == "reset":
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
else:
    s.sendall(sys.argv[4].encode().decode("unicode_escape").encode("latin1"))
    s.shutdown(socket.SHUT_WR)
    try:
        while chunk := s.recv(4096):
            sys.stdout.write(chunk.decode("latin1"))
    except ConnectionResetError:  # what was said has not been read
        pass
s.close()
PY
}

# sample PATTERN: the part of docs/scale-out.md whose first line is like that.
sample() {
	awk -v first="$1" '/^```/ { n = NR; inside = 0 }
		NR == n + 1 && $0 ~ first { inside = 1 }
		inside' docs/scale-out.md
}

# noted: what the log has of connections here.
noted() {
	grep -oE 'event=.* (addr|proxy)=127\.0\.0\.7[78].*' "$log"
}

# ---- who may come, and how
free_port
inner=$port
start "in.popd --proxy-protocol" python3 "$lib/inetd.py" "$inner" "$popd" \
	--proxy-protocol 10.0.0.0/8,127.0.0.1,$via
is "$(talk 127.0.0.78 "$inner" say 'PROXY TCP4 192.0.2.7 192.0.2.1 1 110\r\n')" \
	"" "who is not listed is told nothing"
wait_for 5 noted
is "$(noted)" \
	"event=no-proxy-header addr=127.0.0.78 why=not-listed" "but the log is"
: >"$log"
is "$(talk $via "$inner" say 'CAPA\r\n')" "" \
	"a listed one without a header is told nothing either"
wait_for 5 noted
is "$(noted)" \
	"event=no-proxy-header addr=$via why=no-such" "but the log is"
: >"$log"
like "$(talk $via "$inner" say \
	'PROXY TCP4 192.0.2.7 192.0.2.1 1 110\r\nUSER nobody\r\nPASS x\r\n')" \
	'^-ERR \[AUTH\]' "with one it is served"
wait_for 5 noted
like "$(noted)" \
	'event=refused addr=192\.0\.2\.7 proxy=127\.0\.0\.77 tls=no user=(-|"nobody") dialect=[a-z0-9]+ why=[a-z-]+$' \
	"and a refused login has both addresses"
: >"$log"
for address in "$via" 127.0.0.78; do
	for _ in 1 2 3 4 5 6 7 8; do
		talk "$address" "$inner" reset
	done
done
talk $via "$inner" say ''
like "$(talk $via "$inner" say 'PROXY UNKNOWN\r\nQUIT\r\n')" \
	'^\+OK POP3' "a check is answered"
sleep 0.5
is "$(noted | grep -v 'addr=127\.0\.0\.78 why=not-listed$')" "" \
	"who only looks in is not in the log"
like "$("$popd" --state none --spool "$tmp" 2>/dev/null <<-X
	PROXY TCP4 192.0.2.7 192.0.2.1 1 110
	QUIT
X
)" '^-ERR unknown command' "without the option a header is no command"

# ---- haproxy
# A port of haproxy's for each header: what "server" gets as options.
if ! program=$(find_peer haproxy); then
	skip "haproxy" "not found"
else
	free_port
	tls_inner=$port
	start "in.popd --tls --proxy-protocol" python3 "$lib/inetd.py" \
		"$tls_inner" "$popd" --tls --proxy-protocol "$via"
	cat >"$tmp/haproxy.conf" <<-X
		global
			stats socket $tmp/haproxy.sock
		defaults
			mode tcp
			timeout connect 5s
			timeout client 11m
			timeout server 11m
			source $via
			default-server inter 200 fastinter 200 rise 1 fall 2
	X
	# proxy BIND SERVER [BACKEND-LINE]: $port is its.
	proxy() {
		free_port
		cat >>"$tmp/haproxy.conf" <<-X
			listen port$port
				bind 127.0.0.1:$port $1
				server $2
				${3-}
		X
	}
	ssl="ssl crt $tmp/both.pem"
	proxy "" "one 127.0.0.1:$inner send-proxy-v2"
	v6=$port
	if ip -6 addr show dev lo 2>/dev/null | grep -q ::1; then
		echo "bind [::1]:$v6" >>"$tmp/haproxy.conf"
	fi
	proxy "" "one 127.0.0.1:$inner send-proxy check"
	v1=$port
	proxy "" "one 127.0.0.1:$inner send-proxy-v2 check check-send-proxy"
	v2=$port
	proxy "" "one 127.0.0.1:$inner send-proxy-v2 proxy-v2-options crc32c,unique-id,authority check"
	crc=$port
	proxy "$ssl" "one 127.0.0.1:$inner send-proxy-v2-ssl check"
	by_ssl=$port
	proxy "$ssl" "one 127.0.0.1:$inner send-proxy-v2-ssl-cn proxy-v2-options crc32c,cert-cn,ssl-cipher"
	by_ssl_cn=$port
	proxy "$ssl" "one 127.0.0.1:$tls_inner send-proxy"
	v1_ssl=$port
	proxy "" "one 127.0.0.1:$inner send-proxy-v2-ssl"
	no_ssl=$port
	# Checks that only connect, and those that read the greeting.
	proxy "" "one 127.0.0.1:$inner check port $inner"
	proxy "" "one 127.0.0.1:$inner send-proxy check" "option tcp-check
	tcp-check expect string +OK
	tcp-check send QUIT\r\n
	tcp-check expect string +OK"
	proxy "" "one 127.0.0.1:$inner send-proxy-v2 check" "option tcp-check
	tcp-check expect string +OK"
	: >"$log"
	start haproxy "$program" -db -f "$tmp/haproxy.conf"
	sleep 2
	is "$(noted)" "" "haproxy's health checks are not in the log"
	echo "show servers state" | timeout 5 python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(sys.stdin.buffer.read())
while chunk := s.recv(65536):
    sys.stdout.write(chunk.decode())' "$tmp/haproxy.sock" |
		awk '$2 ~ /^port/ { print $6 }' >"$tmp/states"
	is "$(sort -u "$tmp/states")" 2 "and find all servers up"
	is "$(wc -l <"$tmp/states")" 11 "eleven of them"
	whole "haproxy, version 1" "$v1"
	whole "haproxy, version 2" "$v2"
	whole "haproxy, version 2 with a checksum" "$crc"
	by_tls "TLS at haproxy" "pop3s://127.0.0.1:$by_ssl" yes
	by_tls "TLS at haproxy, all that it tells" \
		"pop3s://127.0.0.1:$by_ssl_cn" yes
	by_tls "no TLS at haproxy" "pop3://127.0.0.1:$no_ssl" no
	by_tls "TLS at haproxy, version 1, --tls" \
		"pop3s://127.0.0.1:$v1_ssl" yes
	if ip -6 addr show dev lo 2>/dev/null | grep -q ::1; then
		: >"$log"
		curl -sg -m 5 -u "$user:$password" "pop3://[::1]:$v6/7" >/dev/null
		like "$(cat "$log")" "event=login addr=::1 proxy=127\.0\.0\.77 " \
			"haproxy, from IPv6"
	else
		skip "haproxy, from IPv6" "there is none"
	fi
	: >"$log"
	sleep 1
	is "$(noted)" "" "health checks are still not in the log"

	# What docs/scale-out.md has.
	sample "^defaults" | sed "s,/etc/haproxy/mail.pem,$tmp/both.pem," \
		>"$tmp/sample.conf"
	said=$(LD_LIBRARY_PATH=$libraries "$program" -c -f "$tmp/sample.conf" 2>&1)
	ok $? "haproxy finds no fault with our sample" "$said"

	# haproxy in front of in.popd-tls: the header is in front of TLS.
	if [ -x "$B/in.popd-tls" ]; then
		free_port
		stls_inner=$port
		start "in.popd-tls --starttls" python3 "$lib/inetd.py" \
			"$stls_inner" "$B/in.popd-tls" --cert "$tmp/both.pem" \
			--starttls -- "$popd" --proxy-protocol "$via"
		free_port
		pop3s=$port
		start "in.popd-tls" python3 "$lib/inetd.py" "$pop3s" \
			"$B/in.popd-tls" --cert "$tmp/both.pem" -- \
			"$popd" --proxy-protocol 127.0.0.1
		sed -n '/^global/,/default-server/p' "$tmp/haproxy.conf" |
			grep -v 'global\|stats' >"$tmp/haproxy2.conf"
		cp "$tmp/haproxy2.conf" "$tmp/haproxy.conf"
		proxy "" "one 127.0.0.1:$stls_inner send-proxy"
		start "haproxy in front of in.popd-tls" "$program" -db \
			-f "$tmp/haproxy.conf"
		by_tls "STLS behind haproxy" "pop3://127.0.0.1:$port" yes --ssl-reqd
		: >"$log"
		curl -sk -m 5 "pop3s://127.0.0.1:$pop3s" >/dev/null
		wait_for 5 grep -q event=error "$log"
		like "$(cat "$log")" \
			'event=error why="--proxy-protocol: a proxy.s header comes before TLS' \
			"TLS from the start in front of --proxy-protocol: refused"
	else
		skip "in.popd-tls behind haproxy" "not built"
	fi
fi

# ---- nginx
if program=$(find_peer nginx) && module=$(find_peer ngx_mail_module.so); then
	free_port
	auth=$port
	start auth_http python3 "$lib/auth_http.py" "$auth" \
		"$user=127.0.0.1:$inner"
	free_port
	plain=$port
	free_port
	cat >"$tmp/nginx.conf" <<-X
		load_module $module;
		daemon off;
		master_process off;
		pid $tmp/nginx.pid;
		error_log $tmp/nginx.log;
		events {}
		mail {
			server_name mail.example.org;
			auth_http 127.0.0.1:$auth/;
			proxy_protocol on;
			proxy_pass_error_message on;
			server {
				protocol pop3;
				listen 127.0.0.1:$plain;
			}
			server {
				protocol pop3;
				listen 127.0.0.1:$port ssl;
				ssl_certificate $tmp/cert.pem;
				ssl_certificate_key $tmp/key.pem;
			}
		}
	X
	sample "^mail" >"$tmp/sample.conf"
	{
		echo "load_module $module; pid $tmp/nginx2.pid; events {}"
		sed "s/listen 110/listen 127.0.0.1:$plain/" "$tmp/sample.conf"
	} >"$tmp/nginx2.conf"
	said=$(LD_LIBRARY_PATH=$libraries "$program" -t -e "$tmp/nginx2.log" \
		-c "$tmp/nginx2.conf" 2>&1)
	ok $? "nginx finds no fault with our sample" "$said"
	start nginx "$program" -e "$tmp/nginx.log" -c "$tmp/nginx.conf"
	whole nginx "$plain"
	by_tls "TLS at nginx, which has no word for it" \
		"pop3s://127.0.0.1:$port" no

	# Two hosts that share nothing, and each user on one of them.
	hosts=
	for name in anna bert; do
		mkdir -m 1777 "$tmp/$name"
		mkdir -m 711 "$tmp/$name.state"
		printf 'From a Thu Jan  1 00:00:00 2026\n\nfor %s\n\n' "$name" \
			>"$tmp/$name/$name"
		chown 34567 "$tmp/$name/$name"
		echo "$name:$(openssl passwd -5 geheim):34567:34567::/nonexistent:/" \
			>"$tmp/$name.accounts"
		free_port
		hosts="$hosts $name=127.0.0.1:$port"
		start "the host of $name" python3 "$lib/inetd.py" "$port" "$popd" \
			--proxy-protocol 127.0.0.1 --spool "$tmp/$name" \
			--state "$tmp/$name.state" --passwd "$tmp/$name.accounts"
	done
	free_port
	# shellcheck disable=SC2086 # a list
	start "auth_http for two hosts" python3 "$lib/auth_http.py" "$port" $hosts
	auth=$port
	free_port
	sed "s,auth_http .*,auth_http 127.0.0.1:$auth/;,
		s,listen 127.0.0.1:$plain;,listen 127.0.0.1:$port;,
		/ssl/d; s,nginx.pid,nginx3.pid," "$tmp/nginx.conf" |
		awk '/server {/ && seen++ { skip = 1 } !skip; /}/ { skip = 0 }' \
			>"$tmp/nginx3.conf"
	start "nginx for two hosts" "$program" -e "$tmp/nginx3.log" \
		-c "$tmp/nginx3.conf"
	for name in anna bert; do
		is "$(curl -s -m 5 -u "$name:geheim" "pop3://127.0.0.1:$port/1")" \
			"$(printf '\r\nfor %s\r\n' "$name")" \
			"nginx sends $name to her or his host"
	done
	! curl -s -m 5 -u "carl:geheim" "pop3://127.0.0.1:$port/1"
	ok $? "and carl, whom it does not know, to none"
else
	skip "nginx" "not found"
fi
finish
