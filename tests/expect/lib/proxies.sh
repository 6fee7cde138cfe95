# proxies.sh - for the tests with haproxy and nginx, behind real.sh: the
# unpacked programs of tests/peers, or those of the system. Gives find_peer,
# start, certificate.
# shellcheck shell=sh disable=SC2154 # lib.sh's and real.sh's variables
if peers=$(B=$B tests/peers 2>"$tmp/why"); then
	libraries=$(find "$peers" -name '*.so*' -exec dirname {} + | sort -u |
		tr '\n' ':')
else
	skip "proxies that are not installed" "$(tail -n 1 "$tmp/why")"
	peers=/nonexistent libraries=
fi

# find_peer NAME: prints its path, unpacked or installed.
find_peer() {
	for path in "$peers/usr/sbin/$1" "$peers/usr/lib/nginx/modules/$1" \
		"/usr/lib/nginx/modules/$1"; do
		[ ! -e "$path" ] || {
			echo "$path"
			return
		}
	done
	command -v "$1" || PATH=$PATH:/usr/sbin command -v "$1"
}

# start NAME PROGRAM ARGUMENT...: in the background, waits for $port.
start() {
	name=$1
	shift
	launched=$tmp/launched.$port
	background env LD_LIBRARY_PATH="$libraries" "$@" \
		>"$launched" 2>&1 </dev/null
	wait_port "$port"
	ok $? "$name listens" "$(cat "$launched")"
}

# certificate: $tmp/both.pem, certificate and key.
certificate() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-keyout "$tmp/key.pem" -out "$tmp/cert.pem" -days 2 \
		-subj /CN=localhost >/dev/null 2>&1 &&
		cat "$tmp/cert.pem" "$tmp/key.pem" >"$tmp/both.pem"
}
