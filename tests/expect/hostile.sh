#!/bin/sh
# hostile.sh - clients that mean no good: endless lines, a million commands at
# once, text that would split replies, clients that vanish (lib/hostile.py);
# guessing who exists by how long a refusal takes (lib/enumerate.py); hundreds
# and thousands who connect and say nothing, under xinetd and our sample
# (lib/crowd.py). What is injected before TLS is in tls.sh. HOSTILE_TIMES=1000
# makes that many clients vanish, not 60; HOSTILE_SEED= lets them do something
# else.
. tests/expect/lib/real.sh
have python3 openssl || {
	skip "hostile clients" "no python3 or no openssl"
	finish
}
if nm "$popd" | grep -q __asan_init; then
	skip "hostile clients" "AddressSanitizer needs memory of its own"
	finish
fi

# tap COMMAND...: runs it, and gives its TAP lines numbers.
tap() {
	"$@" >"$tmp/tap" 2>"$tmp/err"
	is "$?" 0 "${2##*/} ran to its end"
	sed 's/^/# /' "$tmp/err"
	report "$tmp/tap"
}

mkdir -m 755 "$tmp/raw"
tap python3 "$lib/hostile.py" "$popd" "$tmp/raw" \
	"$(openssl passwd -5 -salt abcdefgh geheim)" "${HOSTILE_SEED:-1}" \
	"${HOSTILE_TIMES:-60}"

need_root "accounts of every kind, and superservers"
private_places
make_user

# ---- who exists?

if [ "$TEST_NAMESPACE" = own ]; then
	# account NAME UID HASH EXPIRES: HASH "none": no line in shadow.
	account() {
		echo "$1:x:$2:$2::/nonexistent:/bin/sh" >>/etc/passwd
		[ "$3" = none ] || echo "$1:$3:19000:::::${4-}:" >>/etc/shadow
	}
	hash=$(sed -n "s/^$user:\([^:]*\):.*/\1/p" /etc/shadow)
	account popt-locked 47001 "!$hash"
	account popt-expired 47002 "$hash" 1
	account popt-small 50 "$hash"
	account popt-absent 47003 none
	account popt-empty 47004 ""
	account popt-star 47005 "*"
	syslog || log=
	long=$(printf '%0200d' 0)
	said=$(timeout 200 python3 "$lib/enumerate.py" "$popd" 12 \
		"$user=wrong=wrong password" "$user=false=wrong password again" \
		"popt-nobody=$password=unknown user" \
		"popt-locked=$password=locked" "popt-expired=$password=expired" \
		"popt-small=$password=uid too small" \
		"popt-absent=$password=no shadow entry" \
		"popt-empty=$password=empty password" \
		"popt-star=$password=no password" "$user=$long=long password" \
		"root=$password=root" "no/name=$password=no user's name")
	ok $? "why a login is refused cannot be told by the time it takes" "$said"
	if [ -n "$log" ]; then
		is "$(sed -n 's/.*event=refused.* why=\([a-z-]*\).*/\1/p' "$log" |
			sort -u | tr "\n" " ")" \
			"bad-password below-min-uid empty-password expired locked root unknown-user unsafe-name " \
			"though the log can"
	else
		skip "but by the log" "the system's syslog has /dev/log"
	fi
else
	skip "who exists" "no mount namespace of our own"
fi

# ---- a crowd

python3 "$lib/mail.py" "$tmp/fixture"
if ! peers=$(B=$B tests/peers 2>"$tmp/why"); then
	skip "a crowd under xinetd" "$(tail -n 1 "$tmp/why")"
	finish
fi
libraries=$(find "$peers" -name '*.so*' -exec dirname {} + | sort -u |
	tr '\n' ':')
# crowd MODE [NAME=VALUE...]: under xinetd and our sample, but for the settings
# named; the mailbox is filled for each.
crowd() {
	mode=$1
	shift
	free_port
	sed "s,/usr/sbin/in\.popd,$popd,; s,^service .*,service pop3-crowd,
		s,^{,{\ntype = UNLISTED\nport = $port\nbind = 127.0.0.1," \
		xinetd.d/pop3 >"$tmp/xinetd.conf"
	for setting; do
		sed -i "s,^\(\t${setting%%=*}\t*\)= .*,\1= ${setting#*=}," \
			"$tmp/xinetd.conf"
	done
	background env LD_LIBRARY_PATH="$libraries" "$peers/usr/sbin/xinetd" \
		-dontfork -f "$tmp/xinetd.conf" -pidfile "$tmp/xinetd.pid" \
		-filelog "$tmp/xinetd.log" >"$tmp/said" 2>&1 </dev/null
	xinetd=$pid
	wait_port "$port"
	ok $? "$mode: xinetd listens" "$(cat "$tmp/said")"
	chown "$user:mail" "$mbox" && fill "$mbox"
	tap python3 "$lib/crowd.py" "$mode" "$port" "$user" "$password" \
		"$tmp/fixture"
	wait_for 60 all_gone
	ok $? "all of them are gone afterwards" \
		"$(ps -o pid,args --ppid "$xinetd")"
	fill "$mbox"
	said=$(timeout 20 python3 "$lib/session.py" "$port" "$user" \
		"$password" "$tmp/fixture" 2>&1)
	ok $? "and the next client is served" "$said"
	end_process "$xinetd"
}
all_gone() {
	[ -z "$(ps -o pid= --ppid "$xinetd")" ]
}
crowd sample
crowd flood
files=$(sed -n "s/^Max open files *[^ ]* *\([^ ]*\).*/\1/p" /proc/self/limits)
if [ "$files" != unlimited ] && [ "$files" -lt 4096 ]; then
	skip "thousands" "no more than $files files may be open"
elif [ "$(awk '$1 == "MemAvailable:" { print int($2 / 1024) }' \
	/proc/meminfo)" -lt 4000 ]; then
	skip "thousands" "less than 4 GB of memory"
else
	crowd thousands instances=3000 "cps=10000 1"
fi
no_locks "no lock file is left" "$spool"
finish
