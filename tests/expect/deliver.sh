#!/bin/sh
# deliver.sh - real deliverers at work on a spool while sessions read it and
# delete from it. In the end every message that no session deleted is there,
# once and unchanged, and no lock file is left.
#
# procmail takes the dotlock and fcntl, Postfix's local(8) likewise and twice at
# once, dotlockfile the dotlock alone, the last one fcntl alone. Each session runs
# until the last mail is delivered.
#
# shellcheck disable=SC2317 # deliverer calls the by_ functions
. tests/expect/lib/real.sh
need_root "deliveries during sessions"
have python3 || {
	skip "deliveries during sessions" "no python3"
	finish
}
private_places
make_user
each=150
free_port
background python3 "$lib/inetd.py" "$port" "$popd"
wait_port "$port"
ok $? "the server listens"
total=0
mkdir "$tmp/mail.d"

# deliverer FUNCTION NAME: in the background, $each messages.
deliverers=
deliverer() {
	from=$total
	total=$((total + each))
	("$1" "$from" "$total" >"$tmp/$1" 2>&1
	echo $? >"$tmp/$1.status") &
	at_end "kill $! 2>/dev/null"
	deliverers="$deliverers $!"
}

by_procmail() {
	# It sleeps 8 seconds when a dotlock is held; wait a second here.
	[ "$TEST_NAMESPACE" = none ] || echo LOCKSLEEP=1 >/etc/procmailrc
	n=$1
	while [ "$n" -lt "$2" ]; do
		procmail -f p@example.org -d "$user" <"$tmp/mail.d/$n" || return
		n=$((n + 1))
	done
}

by_dotlockfile() {
	n=$1
	while [ "$n" -lt "$2" ]; do
		# A try at a time: dotlockfile sleeps for 5 seconds between two.
		wait_for 20 dotlockfile -r 0 -l "$mbox.lock" || return
		{
			echo "From d@example.org Mon Jan  2 15:04:05 2006"
			cat "$tmp/mail.d/$n"
			echo
		} >"$tmp/mail.d/dot"
		cat "$tmp/mail.d/dot" >>"$mbox" || return
		dotlockfile -u "$mbox.lock" || return
		n=$((n + 1))
	done
}

by_postfix() {
	unshare -m -p --fork --kill-child sh "$lib/postfix.sh" "$postfix" \
		"$tmp/postfix" "$user" "$tmp/mail.d" "$1" "$2" &
	inner=$!
	# It holds milder signals off.
	trap 'kill -KILL $inner; exit 143' TERM
	wait $inner
}

by_fcntl() {
	python3 "$lib/traffic.py" fcntl "$mbox" "$1" "$2"
}

python3 - "$lib" "$tmp/mail.d" $((4 * each)) <<'PY'
import sys
sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
import traffic
for n in range(int(sys.argv[3])):
    with open("%s/%d" % (sys.argv[2], n), "wb") as out:
        out.write(traffic.mail(n))
PY

if have procmail; then
	deliverer by_procmail
else
	skip "procmail delivers" "not installed"
fi
if have dotlockfile; then
	deliverer by_dotlockfile
else
	skip "dotlockfile and cat deliver" "not installed"
fi
if [ "$TEST_NAMESPACE" = none ]; then
	skip "Postfix delivers" "no namespaces"
elif ! postfix=$(tests/peers postfix 2>"$tmp/why") ||
	! unshare -m -p --fork mount -t overlay overlay \
		-o "lowerdir=$postfix/usr:/usr" /usr 2>"$tmp/why"; then
	skip "Postfix delivers" "$(tail -n 1 "$tmp/why")"
else
	deliverer by_postfix
fi
deliverer by_fcntl

# Two readers of one maildrop: now and then one finds it in use.
readers=
for seed in 1 2; do
	python3 "$lib/traffic.py" pop "$port" "$user" "$password" "$tmp/done" \
		$seed >"$tmp/gone.$seed" 2>"$tmp/pop.$seed" &
	at_end "kill $! 2>/dev/null"
	readers="$readers $!"
done

for pid in $deliverers; do
	wait "$pid"
done
: >"$tmp/done"
for by in by_procmail by_dotlockfile by_postfix by_fcntl; do
	[ ! -e "$tmp/$by.status" ] ||
		ok "$(cat "$tmp/$by.status")" "$each messages delivered $by" \
			"$(cat "$tmp/$by")"
done
seed=0
for pid in $readers; do
	seed=$((seed + 1))
	wait "$pid"
	ok $? "reader $seed found every message whole" "$(cat "$tmp/pop.$seed")"
	tail -n 1 "$tmp/pop.$seed"
done
cat "$tmp/gone.1" "$tmp/gone.2" >"$tmp/gone"
said=$(python3 "$lib/traffic.py" check "$mbox" "$tmp/gone" "$total" 2>&1)
ok $? "every message that was not deleted is there once, unchanged" "$said"
echo "$said"
no_locks "no lock file is left" "$spool"
is "$(stat -c %U:%G:%a "$mbox")" "$user:mail:660" "the spool's owner and mode stay"
finish
