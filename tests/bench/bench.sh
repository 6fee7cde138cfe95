#!/bin/sh
# bench.sh - measures in.popd, the tools that set the bounds (wc, cat, cp,
# ftruncate, an empty program), popa3d and Dovecot side by side in one run: one
# line a figure on the terminal, docs/bench.md and docs/bench.svg. make bench.
#
#     BENCH=quick    smaller mailboxes, fewer rounds; writes below $B only
#     BENCH_ROUNDS=N that many rounds
#     BENCH_PORT=N   where Dovecot listens meanwhile, on 127.0.0.1 (21110)
#
# Each round takes every server once, so that what else the machine does falls
# on all of them. Absolute times are of little use to others; the ratios are.
#
# As root it runs in a mount namespace of its own, with its own passwd, shadow
# and /var/mail over the system's, so that the servers run as they would when
# installed, and the system sees nothing of it. Not root: in.popd alone, by
# --passwd. The peers are Debian's packages, unpacked below $B/bench/peers.
#
# Where the history is at hand, in.popd as it was once is measured as well, in
# two rows: that what came since costs a login nothing.
set -u
: "${B:=build}"
case $B in /*) ;; *) B=$PWD/$B ;; esac
: "${BENCH:=full}" "${BENCH_PORT:=21110}"
top=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
data=$B/bench mail=$B/bench/mail copy=$B/bench/copy
popd=$B/in.popd load=$B/tests/bench/load gen=$B/tests/bench/gen
empty=$B/tests/bench/empty
# NAME=COMMIT of each, the last commit before some of the work. locks: the
# journal and the locks are there, nothing of the index, the sandbox and TLS,
# which came in one commit. speed: the index and the work on speed as well; the
# log's line of each login, secrets and SASL, --plaintext, the PROXY protocol and
# the third process are not.
old_commits='locks=0011fd7 speed=949211e4' old=$data/before
peers=$data/peers figures=$data/figures
popa3d=$peers/usr/sbin/popa3d
first_uid=31000 dovecot_pid='' popd_options=''
# "secret", by the cheapest method there is: a hash costs all servers the same,
# and a dear one would hide what they do besides.
hash=pefNtk9WM5pCo

if [ "$BENCH" = quick ]; then
	rounds=3 sizes='1 4 16 64' big=64 many=100000 delete=16 sessions=50
	need_mib=1200 out=$data
else
	rounds=3 sizes='1 4 16 64 256 1000 4000' big=1000 many=1000000
	delete=1000 sessions=200 need_mib=18000 out=$top/docs
fi

rounds=${BENCH_ROUNDS:-$rounds}
# What is short is done more often, since chance has a large share of it: the last
# message is deleted that many times, other things as often as there are words.
lasts=60 again='1 2 3 4'

say() {
	echo "bench: $*" >&2
}
have() {
	command -v "$1" >/dev/null 2>&1
}
is_root() {
	[ "$(id -u)" -eq 0 ]
}

# What does not fit into memory twice would measure the disk.
fitting=
mem_mib=$(awk '$1 == "MemAvailable:" { print int($2 / 1024) }' /proc/meminfo)
for mb in $sizes; do
	if [ $((mb * 4)) -gt "${mem_mib:-0}" ]; then
		say "a mailbox of $mb MB is too large for $mem_mib MiB of memory: skipped"
		[ "$mb" -gt "$big" ] || exit 1
	else
		fitting="$fitting $mb"
	fi
done
sizes=$fitting

# --- The peers, before the namespace hides what apt needs.

fetch() {
	[ ! -e "$peers/complete" ] || return 0
	have apt-get && have dpkg || return 1
	mkdir -p "$peers/deb" || return 1
	(
		cd "$peers/deb" || exit 1
		for package in popa3d dovecot-core dovecot-pop3d; do
			echo "$package"
			apt-cache depends --no-recommends --no-suggests \
				--no-conflicts --no-breaks --no-replaces \
				"$package" | sed -n 's/^ *Depends: \(lib.*\)/\1/p'
		done | sort -u | while read -r package; do
			dpkg-query -W -f '${db:Status-Status}\n' "$package" \
				2>/dev/null | grep -q '^installed$' && continue
			apt-get -qq -o APT::Sandbox::User=root download \
				"$package" || exit 1
		done || exit 1
		for deb in *.deb; do
			dpkg -x "$deb" "$peers" || exit 1
		done
	) >&2 && : >"$peers/complete"
}

# build_old NAME COMMIT: in.popd as it was then, by its own Makefile.
build_old() {
	[ ! -x "$old/$1/in.popd" ] || return 0
	have git && mkdir -p "$old/$1/tree" &&
		git -C "$top" archive "$2" >"$old/$1/tar" 2>/dev/null &&
		tar -x -C "$old/$1/tree" -f "$old/$1/tar" &&
		env -u MAKEFLAGS -u MFLAGS make -s -C "$old/$1/tree" \
			B="$old/$1" "$old/$1/in.popd" >&2
}

if [ -z "${BENCH_INSIDE-}" ]; then
	mkdir -p "$data" || exit 1
	free_mib=$(df -Pm "$data" | awk 'NR == 2 { print $4 }')
	if [ "$free_mib" -lt "$need_mib" ]; then
		say "$need_mib MiB are needed below $data, $free_mib are free;" \
			"BENCH=quick takes less"
		exit 1
	fi
	for commit in $old_commits; do
		build_old "${commit%%=*}" "${commit#*=}" ||
			say "no history, or ${commit#*=} does not build:" \
				"nothing to compare a login with"
	done
	if is_root && unshare -m true 2>/dev/null; then
		fetch || say "cannot fetch the peers; apt-get update may help"
		BENCH_INSIDE=root exec unshare -m "$0"
	fi
	say "not root, or no namespaces: in.popd alone is measured"
	BENCH_INSIDE=alone
fi

clear_up() {
	for used in mail state state-locks state-speed dovecot etc lib del copy \
		image ext4; do
		rm -rf "${data:?}/$used"
	done
}
end() {
	trap - EXIT
	# unshare(1) holds milder signals off; its child dies with it.
	[ -z "$dovecot_pid" ] || kill -KILL "$dovecot_pid" 2>/dev/null
	[ -z "$dovecot_pid" ] || wait "$dovecot_pid" 2>/dev/null
	clear_up
}
trap end EXIT
trap 'exit 143' TERM INT HUP

# --- Accounts and mailboxes.

clear_up
mkdir -p "$mail" "$data/etc/pam.d" "$data/lib/popa3d" "$data/state" \
	"$data/state-locks" "$data/state-speed" "$data/dovecot" "$data/ext4" || exit 1
: >"$figures"
uid=$first_uid

# account NAME: able to log in, wherever a server looks.
account() {
	uid=$((uid + 1))
	echo "$1:x:$uid:$first_uid::/nonexistent:/bin/false" >>"$data/etc/passwd"
	echo "$1:$hash:19000:0:99999:7:::" >>"$data/etc/shadow"
	echo "$1:$hash:$uid:$first_uid::/nonexistent:/bin/false" \
		>>"$data/etc/users"
}

# box NAME ARGUMENT...: a mailbox by gen, and Dovecot's own copy of it, since
# Dovecot writes its marks into it.
box() {
	box_name=$1
	shift
	account "$box_name"
	"$gen" "$@" "$mail/$box_name" || exit 1
	own "$box_name"
	account "d$box_name"
	if [ "$with_dovecot" = 1 ]; then
		cp "$mail/$box_name" "$mail/d$box_name" || exit 1
		own "d$box_name"
	fi
}

# own NAME: its owner, and as if the last mail were a minute old: popa3d waits
# a second when it came just now.
own() {
	if is_root; then
		chown "$(sed -n "s/^$1:x:\([0-9]*\):.*/\1/p" \
			"$data/etc/passwd")" "$mail/$1"
	fi
	touch -d '1 minute ago' "$mail/$1"
}

# append NAME: one message of mail.
append() {
	for append_to in "$1" "d$1"; do
		[ ! -e "$mail/$append_to" ] || {
			"$gen" -A -n 1 -a 3000 "$mail/$append_to"
			touch -d '1 minute ago' "$mail/$append_to"
		}
	done
}

with_popa3d=0 with_dovecot=0
if [ "$BENCH_INSIDE" = root ]; then
	if [ -x "$popa3d" ]; then with_popa3d=1; fi
	if [ -x "$peers/usr/sbin/dovecot" ]; then with_dovecot=1; fi
fi
cat >"$data/etc/passwd" <<-END
	root:x:0:0:root:/root:/bin/sh
	nobody:x:65534:65534::/nonexistent:/bin/false
	in.popd:x:30001:30001::/nonexistent:/bin/false
	popa3d:x:30002:30002::/nonexistent:/bin/false
	dovecot:x:30003:30003::/nonexistent:/bin/false
	dovenull:x:30004:30004::/nonexistent:/bin/false
END
cat >"$data/etc/group" <<-END
	root:x:0:
	mail:x:8:
	nogroup:x:65534:
	in.popd:x:30001:
	popa3d:x:30002:
	dovecot:x:30003:
	dovenull:x:30004:
	bench:x:$first_uid:
END
[ ! -f "$peers/etc/pam.d/popa3d" ] ||
	cp "$peers/etc/pam.d/popa3d" "$data/etc/pam.d" || exit 1
: >"$data/etc/shadow"
chmod 600 "$data/etc/shadow"

say "making mailboxes below $mail"
box small -n 5 -a 3000
box other -n 5 -a 3000
box many -n "$many" -a 800
box del -t "${delete}000000"
for mb in $sizes; do
	box "z$mb" -t "${mb}000000"
done
cp "$mail/del" "$data/del" || exit 1
big=z$big

if [ "$BENCH_INSIDE" = root ]; then
	if getent group mail >/dev/null; then chgrp mail "$mail"; fi
	chmod 2775 "$mail"
	chmod 711 "$data/state" "$data/state-locks" "$data/state-speed"
	# Not file by file: a rename over one, by useradd, would unmount ours.
	mount -t overlay overlay -o "lowerdir=$data/etc:/etc" /etc &&
		mount --bind "$mail" /var/mail &&
		mount --bind "$data/lib" /var/lib &&
		mount -t tmpfs tmpfs /run || exit 1
else
	popd_options="--passwd $data/etc/users --min-uid 1"
	sed -i "s/^\([^:]*:[^:]*\):[0-9]*:[0-9]*/\1:$(id -u):$(id -g)/" \
		"$data/etc/users"
fi
old_options="$popd_options -m $mail --state $data/state-"
popd_options="$popd_options --state $data/state"

# start_dovecot: as its package would, with our port, passwords and places.
start_dovecot() {
	mkdir -p "$data/dovecot/index" && chmod 1777 "$data/dovecot/index"
	awk -F: '{ print $1 ":{CRYPT}" $2 }' "$data/etc/users" \
		>"$data/dovecot/users"
	cat >"$data/dovecot/conf" <<-END
		base_dir = /run/dovecot
		state_dir = /run/dovecot
		protocols = pop3
		listen = 127.0.0.1
		ssl = no
		disable_plaintext_auth = no
		log_path = $data/dovecot.log
		mail_privileged_group = mail
		mail_location = mbox:$data/dovecot/index/%n/mail:INBOX=/var/mail/%n:INDEX=$data/dovecot/index/%n
		mbox_read_locks = fcntl
		mbox_write_locks = fcntl
		passdb {
		  driver = passwd-file
		  args = $data/dovecot/users
		}
		userdb {
		  driver = passwd
		}
		service pop3-login {
		  inet_listener pop3 {
		    port = $BENCH_PORT
		  }
		  inet_listener pop3s {
		    port = 0
		  }
		}
	END
	: >"$data/dovecot.log"
	# In a process namespace too, so that nothing of it outlives us.
	# shellcheck disable=SC2016 # for the inner shell
	unshare -m -p --fork --kill-child sh -c 'mount -t overlay overlay -o "lowerdir=$1/usr:/usr" /usr &&
		exec /usr/sbin/dovecot -F -c "$2"' sh "$peers" \
		"$data/dovecot/conf" >>"$data/dovecot.log" 2>&1 &
	dovecot_pid=$!
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		sleep 0.3
		"$load" -u dsmall -P "$BENCH_PORT" stat >/dev/null 2>&1 && return
	done
	say "Dovecot does not start, see $data/dovecot.log: skipped"
	with_dovecot=0
}
if [ "$with_popa3d" = 1 ] && ! "$load" -u small stat "$popa3d" >/dev/null; then
	say "popa3d does not serve: skipped"
	with_popa3d=0
fi
[ "$with_dovecot" = 0 ] || start_dovecot
servers=in.popd
[ "$with_popa3d" = 0 ] || servers="$servers popa3d"
[ "$with_dovecot" = 0 ] || servers="$servers dovecot"
say "measuring: $servers; $rounds rounds"
sync

# --- Measuring. A figure is kept as FIGURE|WHO|UNIT|VALUE.

# keep FIGURE WHO: what load says, one line a unit.
keep() {
	while read -r unit value; do
		echo "$1|$2|$unit|$value" >>"$figures"
	done
}
# tool FIGURE NAME COMMAND...: how long a program takes.
tool() {
	tool_figure=$1 tool_name=$2
	shift 2
	"$load" time "$@" | keep "$tool_figure" "$tool_name"
}
# server WHO BOX OPTION... WHAT: by load.
server() {
	who=$1 box=$2
	shift 2
	case $who in
	in.popd)
		# shellcheck disable=SC2086 # a list
		"$load" -u "$box" -o other "$@" "$popd" $popd_options -m "$mail"
		;;
	before-*)
		# shellcheck disable=SC2086 # a list
		"$load" -u "$box" -o other "$@" "$old/${who#before-}/in.popd" \
			$old_options${who#before-}
		;;
	popa3d) "$load" -u "$box" -o other "$@" "$popa3d" ;;
	dovecot)
		"$load" -u "d$box" -o dother -P "$BENCH_PORT" -p "$dovecot_pid" "$@"
		;;
	esac || say "$who, $box: no figure"
}
# all FIGURE BOX OPTION... WHAT: of each server.
all() {
	all_figure=$1 all_box=$2
	shift 2
	for all_who in $servers; do
		server "$all_who" "$all_box" "$@" | keep "$all_figure" "$all_who"
	done
}
# forget WHO BOX: what the server remembers of it.
forget() {
	case $1 in
	in.popd) rm -rf "$data/state/$2" ;;
	dovecot) rm -rf "$data/dovecot/index/d$2" ;;
	esac
}

transfers() {
	for _ in 1 2; do
		"$load" retr "$empty" 100000 10000 | keep retr empty
		all retr "$big" retr
	done
	for _ in $again; do
		"$load" -c 5000 retr1 "$empty" 100000 10000 | keep retr1 empty
		all retr1 "$big" -c 5000 retr1
	done
	tool retr cat cat "$mail/$big"
	all list many list
}
starts() {
	for _ in $again; do
		"$load" -c "$sessions" bare "$empty" | keep sessions empty
		all sessions small -c "$sessions" sessions
		for commit in $old_commits; do
			name=${commit%%=*}
			[ ! -x "$old/$name/in.popd" ] ||
				server "before-$name" small -c "$sessions" \
					sessions | keep sessions "before-$name"
		done
	done
}
polls() {
	warm "$big"
	tool first wc wc -l "$mail/$big"
	tool first cat cat "$mail/$big"
	for who in $servers; do
		forget "$who" "$big"
		[ "$who" = dovecot ] && [ "$1" -gt 2 ] && continue
		server "$who" "$big" stat | keep first "$who"
	done
	# Two, so that whatever a server wants to keep is kept.
	for who in $servers; do
		server "$who" "$big" poll >/dev/null
		server "$who" "$big" poll >/dev/null
	done
	for _ in $again; do
		sleep 1.1
		all poll "$big" poll
		append "$big"
		sleep 1.1
		all append "$big" poll
	done
}
# warm BOX: into the page cache, each server's.
warm() {
	for box in "$mail/$1" "$mail/d$1"; do
		[ ! -e "$box" ] || cat "$box" >/dev/null
	done
}
# to_delete_from WHO: the name of its mailbox for that; anything but Dovecot is
# content with the same.
to_delete_from() {
	case $1 in dovecot) echo ddel ;; *) echo del ;; esac
}
# restore WHO: it, as it was.
restore() {
	name=$(to_delete_from "$1")
	cp "$data/del" "$mail/$name"
	own "$name"
	sleep 1.1
	server "$1" del poll >/dev/null
	sync -d "$mail/$name"
}
# plain WHAT NUMBER FIGURE: what no server does faster, with a copy of the
# mailbox.
plain() {
	"$load" "$1" "$copy" "$2" | keep "$3" "$1"
}
fresh_copy() {
	cp "$data/del" "$copy" && sync -d "$copy" || exit 1
}
# deliver_last NAME: the last message again.
deliver_last() {
	tail -c "+$((del_last + 1))" "$data/del" >>"$mail/$1" &&
		touch -d '1 minute ago' "$mail/$1" &&
		sync -d "$mail/$1" || exit 1
}
# last_goes FIGURE SERVER...: QUIT after DELE of the last message, and beside it
# plain cuts: all of the same mailbox, since where a file lies on a disk makes
# more of a difference than a server does; those of "truncate" in a session of
# in.popd, where QUIT would have been sent, "at-once" behind the delivery; and in
# an order of chance, $lasts times.
last_goes() {
	figure=$1
	shift
	for who; do
		restore "$who"
	done
	for _ in $(seq "$lasts"); do
		for what in $(shuf -e truncate truncate-locked at-once empty "$@"); do
			last_goes_by "$what" | keep "$figure" "$what"
			deliver_last "$(to_delete_from "$what")"
		done
	done
}
# last_goes_by WHAT: one turn of it.
last_goes_by() {
	case $1 in
	truncate*) server in.popd del "$1" "$mail/del" "$del_last" ;;
	at-once) "$load" truncate "$mail/del" "$del_last" ;;
	empty) "$load" delete-last "$empty" 1 100 "$mail/del" "$del_last" ;;
	*) server "$1" del delete-last ;;
	esac
}
deletes() {
	del_octets=$(stat -c %s "$data/del")
	del_first=$(head -c 1000000 "$data/del" | LC_ALL=C grep -abm 2 '^From ' |
		sed -n '2s/:.*//p')
	del_last=$(LC_ALL=C grep -ab '^From ' "$data/del" | tail -n 1 |
		cut -d: -f1)
	fresh_copy
	plain shift "$del_first" delete-first
	tool delete-third cp sh -c "cp '$data/del' '$copy' &&
		sync -d '$copy'"
	fresh_copy
	plain shift "$((del_octets / 2))" delete-half
	fresh_copy
	plain truncate 0 delete-all
	rm -f "$copy"
	for who in $servers; do
		for pattern in "first -c 0 delete" "third -c 3 delete" \
			"half delete-half" "all delete"; do
			restore "$who"
			# shellcheck disable=SC2086 # a list
			server "$who" del ${pattern#* } |
				keep "delete-${pattern%% *}" "$who"
		done
	done
	# shellcheck disable=SC2086 # a list
	last_goes delete-last $servers
}
# on_ext4 COMMAND...: with the mailboxes in a file system of our own, in a file.
# It has a journal, so that an fsync waits for its commit, as on most hosts.
on_ext4() {
	spool=$mail
	if ! have mkfs.ext4 ||
		! truncate -s "$((delete * 2 + 100))M" "$data/image" ||
		! mkfs.ext4 -q -F "$data/image" ||
		! mount -o loop "$data/image" "$data/ext4"; then
		say "no file system of our own: its rows are left out"
		return
	fi
	mail=$data/ext4/mail
	mkdir "$mail" && chgrp mail "$mail" && chmod 2775 "$mail" || exit 1
	"$@"
	mail=$spool
	umount "$data/ext4"
	rm -f "$data/image"
}
memory() {
	all memory small memory
	all memory-many many memory-uidl
	for who in $servers; do
		[ "$who" = dovecot ] ||
			server "$who" small calls | keep calls "$who"
	done
	"$load" calls "$empty" 1 100 | keep calls empty
}
# growth SIZE ROUND: a login against the mailbox's size.
growth() {
	warm "z$1"
	for who in $servers; do
		[ "$who" = dovecot ] && [ "$1" -ge 1000 ] && [ "$2" -gt 1 ] &&
			continue
		forget "$who" "z$1"
		server "$who" "z$1" stat | keep "growth-first-$1" "$who"
		server "$who" "z$1" stat >/dev/null
	done
	sleep 1.1
	all "growth-unchanged-$1" "z$1" stat
	append "z$1"
	sleep 1.1
	all "growth-append-$1" "z$1" stat
}

round=0
while [ "$((round += 1))" -le "$rounds" ]; do
	say "round $round"
	starts
	polls "$round"
	transfers
	[ "$round" -gt 3 ] || memory
	[ "$round" -gt 3 ] || deletes
	[ "$round" -gt 3 ] || [ "$BENCH_INSIDE" != root ] ||
		on_ext4 last_goes delete-ext4 in.popd
	[ "$round" -gt 2 ] || for mb in $sizes; do
		growth "$mb" "$round"
	done
done

# --- The report.

octets_many=$(stat -c %s "$mail/many")
big_octets=$(stat -c %s "$mail/$big")
{
	printf 'bar memory-many %d\n' $((many * 32 / 1024 + 256))
} >"$data/bars"
export BENCH_BIG="${big#z} MB" BENCH_MANY="$many" BENCH_DELETE="$delete MB"
awk -f "$top/tests/bench/report.awk" "$data/bars" "$figures" \
	>"$data/table" || exit 1
awk -v plain=1 -f "$top/tests/bench/report.awk" "$data/bars" "$figures"

{
	cat <<-END
		# Measurements

		Written by \`make bench\` on $(date +%Y-%m-%d), $(nproc) processors
		($(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)), Linux $(uname -r), page cache warm, over
		127.0.0.1. Figures are the best of up to $rounds rounds (the median in
		brackets); every round takes all servers in turn. "Of the bound" is what
		we take in time, or leave in rate, against the tool in the column before;
		"times" is how much better we are than that server. The mailbox has
		$big_octets octets, the one of $many messages $octets_many.
		Passwords are hashed by DES, the cheapest method: a hash costs all the same.
		"ext4 in a file" is a file system with a journal, made for its rows; the
		others are on the one that the tree is on. Where the last message is deleted,
		a disk's moods are larger than what a server adds: there medians of all turns
		are compared (the best in brackets), each turn takes everybody in an order of
		chance, and all work on the same file. "truncate" is ftruncate and fsync by
		themselves in the middle of a session of in.popd, where QUIT would have been
		sent; "at-once" the same a moment after the disk was written to, when it is
		still awake; "empty" a server that does these two at QUIT, takes no lock and
		looks at nothing, in a session that has read nothing before. In a file system
		with a journal the entry of the dotlock goes to the disk with what fsync waits
		for. Whoever retrieves one by one leaves it to the kernel when to acknowledge
		what came, but does so at once where the server would stand still until then.
		Measured: $servers.
		$([ "$with_dovecot" = 0 ] ||
			echo 'Dovecot stands ready while the others are started for each session; its memory is that of its pop3 process alone.')

	END
	cat "$data/table"
} >"$out/bench.md"

for state in first unchanged append; do
	for mb in $sizes; do
		awk -F'|' -v s="growth-$state-$mb" -v mb="$mb" '
			$1 == s && $3 == "ms" && (!($2 in best) || $4 + 0 < best[$2]) {
				best[$2] = $4 + 0 }
			function of(w) { return w in best ? best[w] : "?" }
			END { print mb, of("in.popd"), of("popa3d"), of("dovecot") }
		' "$figures"
	done >"$data/growth-$state"
done
{
	echo
	echo "## A login against the mailbox's size"
	echo
	echo "From connecting to the reply of STAT, in ms. popa3d remembers nothing, so"
	echo "its three states are one."
	echo
	echo "![login time](bench.svg)"
	echo
	echo "| MB | in.popd first | unchanged | after append | popa3d | Dovecot first | unchanged | after append |"
	echo "|---:|---:|---:|---:|---:|---:|---:|---:|"
	paste -d' ' "$data/growth-first" "$data/growth-unchanged" \
		"$data/growth-append" | awk '{ printf "| %s | %s | %s | %s | %s | %s | %s | %s |\n",
			$1, $2, $6, $10, $7, $4, $8, $12 }'
} >>"$out/bench.md"
if have gnuplot; then
	(cd "$data" && gnuplot -e "out='$out/bench.svg'" \
		"$top/tests/bench/growth.gp") || say "gnuplot failed: no plot"
else
	say "no gnuplot: no plot"
fi
say "$out/bench.md is written; all figures: $figures"
