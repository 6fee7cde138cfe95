#!/bin/sh
# locks.sh [quota] - the locks with real processes: two sessions, an idle one that makes
# way, --strict-lock, sessions that end in every way, stale dotlocks, deliverers
# of both lock orders, programs that change the mailbox under a session, full
# disks and used up quotas, or the last alone. lib/locks.py does it; here are its
# users and file systems.
# shellcheck source=tests/lib.sh
. tests/lib.sh
lib=$PWD/tests/expect/lib
only=${1-}
have python3 || {
	skip "locks" "no python3"
	finish
}

# locks NAME COMMAND...: locks.py's arguments are at the end.
locks() {
	name=$1
	shift
	"$@" >"$tmp/tap" 2>"$tmp/err"
	is "$?" 0 "$name: it ran to its end"
	sed 's/^/# /' "$tmp/err"
	report "$tmp/tap" "$name"
}

# disk NAME COMMAND...: a small file system at $tmp/NAME, if it can be had.
disks=
disk() {
	name=$1
	shift
	mkdir "$tmp/$name"
	if "$@" >"$tmp/err" 2>&1; then
		at_end "umount $tmp/$name"
		chmod 755 "$tmp/$name"
		rm -rf "$tmp/$name/lost+found"
		disks="$disks $tmp/$name"
	elif [ "$name$only" != quota ] || ! another_kernel; then
		skip "a full disk: $name" "cannot be mounted: $(head -n 1 "$tmp/err")"
	fi
}

# An image of 8 MiB, with nothing kept back for root.
ext4() {
	truncate -s 8M "$tmp/image" && mkfs.ext4 -q -m 0 "$tmp/image" &&
		mount -o loop "$tmp/image" "$tmp/ext4"
}

# The same, with quotas, if the kernel has them (CONFIG_QFMT_V2).
quota() {
	truncate -s 8M "$tmp/image2" && mkfs.ext4 -q -m 0 -O quota \
		-E quotatype=usrquota "$tmp/image2" &&
		mount -o loop,usrquota "$tmp/image2" "$tmp/quota"
}

# another_kernel: "locks.sh quota" in a user-mode Linux; fails when there is none,
# or too much in the program for one.
another_kernel() {
	! nm "$popd" 2>/dev/null | grep -q __asan_init || return
	peers=$(B=$B timeout 90 tests/peers user-mode-linux 2>&1) || return
	B=$B unshare -p --fork --kill-child sh "$lib/uml.sh" "$peers" "$tmp/uml" \
		tests/expect/locks.sh quota >"$tmp/out" 2>&1 &
	at_end "kill -KILL $! 2>/dev/null"
	wait $!
	status=$?
	[ "$status" -ne 70 ] || return
	is "$status" 0 "user-mode Linux: all is well in it"
	sed 's/^\(.*ok\) [0-9]* /\1 /; /^1\.\./d' "$tmp/out" >"$tmp/tap"
	report "$tmp/tap" "user-mode Linux"
}

if ! is_root; then
	mkdir "$tmp/user"
	locks "not root" python3 "$lib/locks.py" "$popd" "$tmp/user" "$(id -u)"
	finish
fi
if [ "$only" = quota ]; then
	disk quota quota
	mkdir "$tmp/root"
	# shellcheck disable=SC2086 # none or one
	locks "root" python3 "$lib/locks.py" "$popd" "$tmp/root" 34567 only $disks
	finish
fi
disk tmpfs mount -t tmpfs -o size=2m,mode=755 tmpfs "$tmp/tmpfs"
if have mkfs.ext4; then
	disk ext4 ext4
	disk quota quota
else
	skip "a full disk: ext4, quota" "no mkfs.ext4"
fi
mkdir "$tmp/root"
chmod 755 "$tmp/root"
# shellcheck disable=SC2086 # a word each
locks "root" python3 "$lib/locks.py" "$popd" "$tmp/root" 34567 $disks
if have setpriv; then
	mkdir "$tmp/user"
	chown 65534:65534 "$tmp/user"
	locks "a plain user" setpriv --reuid=65534 --regid=65534 --clear-groups \
		env PATH=/usr/sbin:/usr/bin:/sbin:/bin python3 "$lib/locks.py" "$popd" "$tmp/user" 65534
else
	skip "a plain user" "no setpriv"
fi
finish
