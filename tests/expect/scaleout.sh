#!/bin/sh
# scaleout.sh - docs/scale-out.md's shared spool: two mail hosts behind haproxy,
# one of which dies in the middle of an UPDATE while mail is delivered.
# lib/scaleout.py does it; here are its user, its log and its haproxy.
# shellcheck source=tests/expect/lib/real.sh
. tests/expect/lib/real.sh
need_root "two hosts and a spool"
have python3 ip nsenter unshare || {
	skip "two hosts and a spool" "no python3, ip, nsenter or unshare"
	finish
}
if [ "$TEST_NAMESPACE" = none ] ||
	! unshare --net --uts --pid --mount-proc --fork true 2>/dev/null; then
	skip "two hosts and a spool" "no namespaces here"
	finish
fi
# shellcheck source=tests/expect/lib/proxies.sh
. tests/expect/lib/proxies.sh
if ! haproxy=$(find_peer haproxy); then
	skip "two hosts and a spool" "no haproxy"
	finish
fi
private_places
make_user
syslog || {
	skip "two hosts and a spool" "the system's syslog has /dev/log"
	finish
}
cat >"$tmp/haproxy" <<X
#!/bin/sh
LD_LIBRARY_PATH=$libraries exec $haproxy "\$@"
X
chmod +x "$tmp/haproxy"
timeout -k 5 400 unshare --net --uts python3 "$lib/scaleout.py" "$popd" \
	"$tmp/haproxy" "$lib/inetd.py" "$tmp" "$user" "$password" "$log" \
	>"$tmp/tap" 2>"$tmp/err"
status=$?
if [ "$status" -eq 77 ]; then
	skip "two hosts and a spool" "no virtual network: $(tail -n 1 "$tmp/err")"
	finish
fi
is "$status" 0 "it ran to its end"
sed 's/^/# /' "$tmp/err"
report "$tmp/tap"
finish
