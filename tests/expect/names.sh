#!/bin/sh
# names.sh - users whom no file of this host knows: by a name service module
# (libnss-extrausers), in a mount namespace with an nsswitch.conf of its own.
# shellcheck source=tests/lib.sh
. tests/lib.sh
if ! is_root || ! unshare -m true 2>/dev/null; then
	skip "name services" "needs root and namespaces"
	finish
fi
if [ ! -d /var/lib/extrausers ] || ! have openssl; then
	skip "name services" "no libnss-extrausers, or no openssl"
	finish
fi

mkdir "$tmp/spool" "$tmp/state" "$tmp/extra"
chmod 711 "$tmp/state"
chown root:mail "$tmp/spool"
chmod 2775 "$tmp/spool"
echo "passwd: files extrausers
shadow: files extrausers
group: files" >"$tmp/nsswitch.conf"
echo "elsewhere:x:31999:31999::/nonexistent:/bin/false
nohash:x:31998:31999::/nonexistent:/bin/false
4711:x:31997:31999::/nonexistent:/bin/false" >"$tmp/extra/passwd"
hash=$(openssl passwd -5 -salt abcdefgh geheim)
echo "elsewhere:$hash:19000:0:99999:7:::
4711:$hash:19000:0:99999:7:::" >"$tmp/extra/shadow"
chmod 640 "$tmp/extra/shadow"
printf 'From a Thu Jan  1 00:00:00 2026\n\nmail of elsewhere\n' \
	>"$tmp/spool/elsewhere"
chown 31999:31999 "$tmp/spool/elsewhere"

# session USER PASSWORD [COMMAND]: what is said, COMMAND having been run in the
# namespace before.
session() {
	# shellcheck disable=SC2016 # for the inner shell
	printf 'USER %s\r\nPASS %s\r\nLIST\r\nQUIT\r\n' "$1" "$2" |
		unshare -m sh -c 'mount --bind "$1/nsswitch.conf" /etc/nsswitch.conf &&
			mount --bind "$1/extra" /var/lib/extrausers && eval "$3" &&
			exec "$2" -d -m "$1/spool" --state "$1/state"' sh "$tmp" "$popd" \
			"${3-:}" 2>&1
}

said=$(session elsewhere geheim)
like "$said" '^\+OK maildrop has 1 message' "a user of a name service logs in"
like "$said" 'event=login .*user="elsewhere"' "and the log says who"
is "$(stat -c %u "$tmp/state/elsewhere")" 31999 "as the user of that number"
said=$(session elsewhere falsch)
like "$said" '^-ERR \[AUTH\]' "a wrong password does not"
like "$said" 'why=bad-password' "as one"
said=$(session nohash geheim)
like "$said" 'event=refused .*user=- .*why=unknown-user' \
	"a user of passwd alone does not"
said=$(session 31999 geheim)
like "$said" 'event=refused .*user=- .*why=unknown-user' \
	"a user's number is not his name"
said=$(session 4711 geheim)
like "$said" 'event=refused .*user=- .*why=unknown-user' \
	"nor is a name of digits found, which getent takes for a number"
said=$(session --help geheim)
like "$said" 'event=refused .*user=- .*why=unknown-user' "an option is a name"
said=$(session elsewhere geheim 'mount -t tmpfs tmpfs /usr/bin')
like "$said" 'event=refused .*user=- .*why=unknown-user' \
	"without getent the files are all there is"
said=$(session elsewhere geheim 'mount --bind /dev/null /usr/bin/getent')
like "$said" '^-ERR \[SYS/TEMP\]' "a getent that cannot be run is no answer"
like "$said" 'why=databases-unreadable' "and the log says so"
# shellcheck disable=SC2016 # likewise
echo '#!/bin/sh
if [ "$1" = passwd ]; then yes "elsewhere:x:0:0::/:/bin/sh" | head -n 100000; fi' \
	>"$tmp/getent"
chmod 755 "$tmp/getent"
said=$(session elsewhere geheim "mount --bind '$tmp/getent' /usr/bin/getent")
like "$said" 'event=refused .*why=(unknown-user|root|unusable-hash)' \
	"one that says too much gives nobody root"
# shellcheck disable=SC2016
echo '#!/bin/sh
kill -KILL $$' >"$tmp/getent"
said=$(session elsewhere geheim "mount --bind '$tmp/getent' /usr/bin/getent")
like "$said" '^-ERR \[SYS/TEMP\]' "nor is one that dies"
no_locks "no lock is left" "$tmp/spool"
finish
