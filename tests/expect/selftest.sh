#!/bin/sh
# selftest.sh - in.popd --selftest on hosts that are made here, below --root:
# one with which nothing is wrong, and then one thing wrong at a time, which must
# be found, with what to do about it, and nothing else.
# shellcheck disable=SC1091,SC2154 # lib.sh's variables
. tests/lib.sh

"$popd" --selftest --root "$tmp/absent" >"$tmp/out" 2>&1
is $? 78 "a host without anything: status"
like "$(cat "$tmp/out")" '^wrong  .*/absent/var/mail: there is no such directory$' \
	"a host without anything: what is wrong"
"$popd" --root "$tmp" >"$tmp/out" 2>&1
is $? 64 "--root without --selftest"
"$popd" --selftest surplus >"$tmp/out" 2>&1
is $? 64 "--selftest with an argument"
"$popd" --selftest >"$tmp/out" 2>&1
case $? in 0 | 1 | 78) ;; *) false ;; esac
ok $? "on this host: a status of its own" "$(cat "$tmp/out")"
like "$(cat "$tmp/out")" '^[0-9]+ wrong, [0-9]+ to look at, [0-9]+ ok$' "on this host: a sum"
if ! is_root; then
	skip "hosts with one thing wrong" "needs root: they have files of many users"
	finish
fi

# What the programs that are asked say; they are found by PATH.
mkdir -m 755 "$tmp/bin"
PATH=$tmp/bin:$PATH
export PATH SAYS="$tmp/says"
# asked PROGRAM LINE...: it will say this.
asked() {
	asked_name=$1
	shift
	printf '%s\n' "$@" >"$SAYS.$asked_name"
}
for program in postconf exim4 procmail doveconf; do
	cat >"$tmp/bin/$program" <<'END'
#!/bin/sh
# doveconf is asked one thing at a time, the others once. procmail answers on
# descriptor 2; the others have warnings there, which are no answer.
case $0 in
*/procmail) exec >&2 ;;
*) echo "${0##*/}: warning: overriding earlier entry" >&2 ;;
esac
case $0 in
*/doveconf) grep "^$4 " "$SAYS.doveconf" | cut -d ' ' -f 2- ;;
*) cat "$SAYS.${0##*/}" ;;
esac
END
	chmod 755 "$tmp/bin/$program"
done
have openssl && openssl req -x509 -newkey rsa:2048 -nodes -days 90 -subj /CN=mx1 \
	-keyout "$tmp/key" -out "$tmp/cert" >/dev/null 2>&1

# host: one with which nothing is wrong, in $h. All is served by inetd.
h=$tmp/host
host() {
	rm -rf "$h"
	(
		umask 022
		mkdir -p "$h/etc/postfix" "$h/etc/xinetd.d" "$h/etc/in.popd" "$h/usr/sbin" \
			"$h/usr/bin" "$h/var/mail" "$h/var/lib/in.popd/.empty" \
			"$h/etc/systemd/system/sockets.target.wants" "$h/usr/lib/systemd/system"
	)
	cat >"$h/etc/passwd" <<'END'
root:x:0:0:root:/root:/bin/sh
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
in.popd:x:990:990::/nonexistent:/usr/sbin/nologin
in.popd-tls:x:991:991::/nonexistent:/usr/sbin/nologin
anna:x:1001:1001::/home/anna:/bin/sh
berta:x:1002:1002::/home/berta:/bin/sh
END
	chgrp 8 "$h/var/mail" && chmod 2775 "$h/var/mail"
	: >"$h/var/mail/anna"
	: >"$h/var/mail/berta"
	chmod 660 "$h/var/mail/anna" && chmod 600 "$h/var/mail/berta"
	chown 1001:8 "$h/var/mail/anna" && chown 1002:1002 "$h/var/mail/berta"
	chmod 711 "$h/var/lib/in.popd" && chmod 555 "$h/var/lib/in.popd/.empty"
	mkdir -m 700 "$h/var/lib/in.popd/anna" && chown 1001 "$h/var/lib/in.popd/anna"
	: >"$h/etc/postfix/main.cf"
	asked postconf '' '' '' 'fcntl, dotlock'
	for program in in.popd in.popd-tls other; do
		cp /bin/true "$h/usr/sbin/$program"
	done
	cp "$tmp/cert" "$h/etc/in.popd/cert.pem" && cp "$tmp/key" "$h/etc/in.popd/key.pem" &&
		chmod 644 "$h/etc/in.popd/cert.pem" && chmod 600 "$h/etc/in.popd/key.pem"
	# Our own sample, with two of its lines that are turned off.
	sed 's/^#\(109\)/\1/; s/^#\(pop3s\)/\1/' inetd.conf.sample >"$h/etc/inetd.conf"
}

# look: $said, $status.
look() {
	said=$("$popd" --selftest --root "$h" "$@" 2>&1)
	status=$?
}

# status_is STATUS NAME
status_is() {
	[ "$status" -eq "$1" ]
	ok $? "$2" "got: $status
$said"
}

# found STATUS wrong|warn PATTERN MENDING [OPTION...]: that, and nothing else
# that is not ok; below it what to do.
found() {
	found_status=$1 found_kind=$2 found_pattern=$3 found_mend=$4
	shift 4
	look "$@"
	status_is "$found_status" "$found_pattern: status"
	is "$(echo "$said" | grep -cE '^(wrong|warn) ')" 1 "$found_pattern: nothing else"
	like "$said" "^$found_kind +$found_pattern" "$found_pattern: found"
	like "$(echo "$said" | grep -A1 -E "^$found_kind ")" "^       $found_mend" \
		"$found_pattern: what to do"
}
wrong() {
	found 78 wrong "$@"
}
warn() {
	found 1 warn "$@"
}
without_openssl() {
	[ ! -s "$tmp/cert" ]
}
if without_openssl; then
	skip "hosts with one thing wrong" "no openssl to make a certificate"
	finish
fi

host
look
if echo "$said" | grep -qE '^(warn|wrong) +(kernel|in\.popd):'; then
	skip "hosts with one thing wrong" "this kernel, or this build, is one already"
	finish
fi
before=$(find "$h" -printf '%p %y %m %u %g %s %T@ %C@\n' | sort)
look
status_is 0 "a host with which nothing is wrong: status"
is "$(echo "$said" | grep -cE '^(wrong|warn) ')" 0 "a host with which nothing is wrong"
for line in 'ok     /.*/var/mail: mode 2775, group 8' 'ok     /.*/var/mail: 2 maildrops' \
	'ok     Postfix: locks by dotlock and fcntl' 'ok     /.*/var/lib/in.popd: of 1 users' \
	'ok     /.*/inetd.conf: pop3 is served by /usr/sbin/in.popd' \
	'ok     /.*/inetd.conf: 109 is served by /usr/sbin/in.popd' \
	'ok     /.*/inetd.conf: pop3s is served by /usr/sbin/in.popd-tls' \
	'ok     /.*/cert.pem: certificate and key' 'ok     user in.popd' 'ok     user in.popd-tls' \
	'ok     kernel: seccomp' '0 wrong, 0 to look at, [0-9]+ ok'; do
	like "$said" "^$line\$" "says $line"
done
is "$(find "$h" -printf '%p %y %m %u %g %s %T@ %C@\n' | sort)" "$before" "nothing has changed"

# The spool.
host && rm -r "$h/var/mail"
wrong '/.*/var/mail: there is no such directory' 'install -d '
host && mv "$h/var/mail" "$h/var/post"
look --spool /var/post
status_is 0 "--spool names another spool"
host && chown 1001 "$h/var/mail"
wrong '/.*/var/mail: belongs to user 1001' 'chown root '
host && chmod 00777 "$h/var/mail"
wrong '/.*/var/mail: mode 777: everybody' 'chgrp mail .*; chmod 2775 '
host && chmod 01777 "$h/var/mail"
look
status_is 0 "a sticky spool is as good"
host && chmod 00755 "$h/var/mail"
wrong '/.*/var/mail: mode 755, group 8: no lock file' 'chgrp mail '
host && chgrp 0 "$h/var/mail"
wrong '/.*/var/mail: mode 2775, group 0: no lock file' 'chgrp mail '

host && chown 1002 "$h/var/mail/anna"
wrong '/.*/var/mail/anna: belongs to user 1002' 'chown anna /.*/anna$'
host && ln "$h/var/mail/anna" "$h/var/anna"
wrong '/.*/var/mail/anna: has 2 names' 'find the others'
host && rm "$h/var/mail/anna" && ln -s /home/anna/mbox "$h/var/mail/anna"
wrong '/.*/var/mail/anna: is no plain file' 'move it away'
host && rm "$h/var/mail/anna" && mkdir "$h/var/mail/anna"
wrong '/.*/var/mail/anna: is no plain file' 'move it away'
host && rm "$h/var/mail/anna" && mkfifo "$h/var/mail/anna"
wrong '/.*/var/mail/anna: is no plain file' 'move it away'
host && chmod 060 "$h/var/mail/anna"
wrong '/.*/var/mail/anna: mode 60, so anna cannot' 'chmod u\+rw '
host && chmod 664 "$h/var/mail/anna"
wrong '/.*/var/mail/anna: mode 664, so others' 'chmod o= '
host && : >"$h/var/mail/carla"
warn '/.*/var/mail/carla: there is no user' 'move it away'
name=$(printf 'x\033[2J')
host && : >"$h/var/mail/$name"
warn '/.*/var/mail/x\?\[2J: there is no user' 'move it away'
host && : >"$h/var/mail/anna.lock"
look
status_is 0 "a fresh lock file is nothing"
touch -d '10 minutes ago' "$h/var/mail/anna.lock"
warn '/.*/var/mail/anna\.lock: a lock file, 10 minutes old' 'if the program .*: rm '
host && : >"$h/var/mail/.anna.in.popd"
warn '/.*/var/mail/\.anna\.in\.popd: a deletion was cut short' 'leave it'

# Who else delivers.
host && asked postconf '' '' '' flock
wrong 'Postfix: takes neither' 'postconf -e .mailbox_delivery_lock = fcntl, dotlock'
host && asked postconf '' '' '' fcntl
look
like "$said" '^ok     Postfix: locks by fcntl$' "one of the two locks is enough"
status_is 0 "one of the two locks is enough: status"
host && asked postconf '' '' Maildir/ 'fcntl, dotlock'
wrong 'Postfix: delivers into home directories' 'postconf -e home_mailbox='
host && asked postconf lmtp:unix:x '' '' 'fcntl, dotlock'
warn 'Postfix: has a mailbox_transport' 'see that it takes'
# shellcheck disable=SC2016 # Postfix's
host && asked postconf '' 'procmail -a "$EXTENSION"' '' 'fcntl, dotlock'
look
like "$said" '^ok     Postfix: delivers by procmail$' "Postfix with procmail"
host && asked postconf '' /usr/bin/own '' 'fcntl, dotlock'
warn 'Postfix: has a mailbox_command' 'see that it takes'
host && rm "$SAYS.postconf"
warn 'Postfix: postconf does not say' 'see that it takes'
# no_postfix: a host with another one.
no_postfix() {
	host && rm "$h/etc/postfix/main.cf"
}
no_postfix
warn 'delivery: neither' 'see that it takes'
no_postfix && mkdir -p "$h/var/lib/exim4" && : >"$h/var/lib/exim4/config.autogenerated"
# As exim4 -bP transports prints them.
# shellcheck disable=SC2016 # Exim's
transport='file = /var/mail/$local_part_data'
asked exim4 'remote_smtp transport:' 'driver = smtp' '' 'mail_spool transport:' \
	'driver = appendfile' "$transport" use_fcntl_lock no_use_flock_lock use_lockfile '' \
	'maildir_home transport:' 'driver = appendfile' 'file = ' no_use_fcntl_lock no_use_lockfile
look
status_is 0 "Exim: status"
like "$said" '^ok     Exim, transport mail_spool: locks by dotlock and fcntl$' "Exim"
asked exim4 'mail_spool transport:' 'driver = appendfile' "$transport" no_use_fcntl_lock \
	use_flock_lock no_use_lockfile 'x transport:' 'driver = smtp'
wrong 'Exim, transport mail_spool: takes neither' 'use_lockfile and use_fcntl_lock'
asked exim4 'x transport:' 'driver = smtp'
warn 'Exim: has no transport into the spool' 'see that it takes'
no_postfix && cp /bin/true "$h/usr/bin/procmail"
asked procmail 'procmail v3' 'Locking strategies:	dotlocking, fcntl()' 'fcntl is a word'
look
like "$said" '^ok     procmail: locks by dotlock and fcntl$' "procmail"
status_is 0 "procmail: status"
asked procmail 'procmail v3' 'Locking strategies:	flock()' 'fcntl, dotlock'
wrong 'procmail: takes neither' 'a procmail'
no_postfix && mkdir "$h/etc/mail"
printf 'Dx\nMlocal,\tP=/usr/bin/procmail, F=l\n' >"$h/etc/mail/sendmail.cf"
look
like "$said" '^ok     Sendmail: delivers by procmail$' "Sendmail with procmail"
printf 'Dx\nMlocal,\tP=/usr/lib/sm.bin/mail.local, F=l\n' >"$h/etc/mail/sendmail.cf"
look
like "$said" '^ok     Sendmail.s mail.local: locks by dotlock$' "Sendmail with mail.local"
printf 'Dx\nMlocal,\tP=/usr/bin/own, F=l\nMx, P=procmail\n' >"$h/etc/mail/sendmail.cf"
warn 'Sendmail: delivers neither' 'see that it takes'
host && mkdir "$h/etc/dovecot" && : >"$h/etc/dovecot/dovecot.conf"
asked doveconf 'mail_location mbox:~/mail:INBOX=/var/mail/%u' 'mbox_write_locks fcntl'
look
like "$said" '^ok     Dovecot: locks by fcntl$' "Dovecot"
asked doveconf 'mail_location mbox:~/mail:INBOX=/var/mail/%u' 'mbox_write_locks flock'
wrong 'Dovecot: takes neither' 'mbox_write_locks = dotlock fcntl'
asked doveconf 'mail_location maildir:~/Maildir' 'mbox_write_locks flock'
look
status_is 0 "Dovecot with another store is of no matter"

# The state directory.
host && rm -r "$h/var/lib/in.popd"
look
status_is 0 "a state directory that is not there yet is nothing"
host && chown 1001 "$h/var/lib/in.popd"
wrong '/.*/lib/in\.popd: is no directory that root alone' 'chown root:root .*; chmod 711 '
host && chmod 1777 "$h/var/lib/in.popd"
wrong '/.*/lib/in\.popd: is no directory that root alone' 'chown root:root '
host && chmod 777 "$h/var/lib/in.popd/.empty"
wrong '/.*/\.empty: is no directory that root alone' '.*; chmod 555 '
host && chown 1002 "$h/var/lib/in.popd/anna"
wrong '/.*/in\.popd/anna: is no directory that anna alone' 'chown -R anna '
host && chmod 770 "$h/var/lib/in.popd/anna"
wrong '/.*/in\.popd/anna: is no directory that anna alone' 'chown -R anna '
host && mkdir "$h/var/lib/in.popd/carla"
warn '/.*/in\.popd/carla: left behind' 'rm -r '
host
warn 'no state is kept' 'start in\.popd without' --state none
if unshare -m true 2>/dev/null; then
	host
	said=$(unshare -m sh -c "mount -t tmpfs -o size=1m,mode=711 none '$h/var/lib/in.popd' &&
		exec '$popd' --selftest --root '$h'" 2>&1)
	is $? 1 "a full disk: status"
	like "$said" '^warn   .*/lib/in.popd: only [0-9]+ KiB are free$' "a full disk"
	said=$(unshare -m sh -c "mount -t tmpfs -o nr_inodes=1,mode=711 none '$h/var/lib/in.popd' &&
		exec '$popd' --selftest --root '$h'" 2>&1)
	like "$said" '^warn   .*/lib/in.popd: no more files can be made there$' "no inodes"
else
	skip "a full disk" "no mount namespace"
fi

# Users.
host && sed -i /^in.popd:/d "$h/etc/passwd"
warn 'user in\.popd: is not there; "nobody" serves' 'useradd -r .* in\.popd$'
host && sed -i '/^in.popd:/d; /^in.popd-tls/d; /^nobody/d' "$h/etc/passwd"
look
is "$status/$(echo "$said" | grep -c '^wrong  user in.popd.*: is not there, so no session')" 78/2 \
	"nobody is not there either"
host
wrong 'user carla: is not there' 'useradd ' --user carla
wrong 'user root: is root' 'useradd ' --user root
host && sed -i /^in.popd-tls:/d "$h/etc/passwd"
warn 'user in\.popd-tls: is not there' 'useradd -r .* in\.popd-tls$'

# What starts it: inetd.
host && rm "$h/usr/sbin/in.popd-tls"
wrong '/.*/inetd\.conf: starts /usr/sbin/in\.popd-tls, which is no program' 'make install'
# entry LINE...: inetd.conf has these and no other.
entry() {
	host && printf '%s\n' "$@" >"$h/etc/inetd.conf"
}
entry 'pop3 stream tcp nowait root /usr/sbin/tcpd /usr/sbin/in.popd'
look
like "$said" '^ok     /.*/inetd.conf: pop3 is served by /usr/sbin/in.popd$' "behind tcpd"
status_is 0 "behind tcpd: status"
entry 'pop3s stream tcp nowait root /usr/sbin/tcpd /usr/sbin/in.popd-tls -c /etc/in.popd/cert.pem -k /etc/in.popd/key.pem -- /usr/sbin/in.popd'
look
status_is 0 "in.popd-tls behind tcpd"
entry '10.0.0.1:110 stream tcp nowait.1000 root.mail /usr/sbin/in.popd in.popd'
look
status_is 0 "with an address, and user.group"
entry 'pop3 stream tcp nowait mail /usr/sbin/in.popd in.popd'
wrong '/.*/inetd\.conf: starts /usr/sbin/in\.popd as user mail' 'make the user root'
entry 'pop3 stream tcp wait root /usr/sbin/in.popd in.popd'
wrong '/.*/inetd\.conf: pop3: "wait"' 'nowait'
entry 'pop3 stream tcp nowait root /usr/sbin/other other'
warn '/.*/inetd\.conf: pop3 is served by /usr/sbin/other' 'turn it off'
entry 'pop3 stream tcp nowait root /usr/sbin/tcpd /usr/sbin/in.pop3d'
wrong '/.*/inetd\.conf: starts /usr/sbin/in\.pop3d, which is no program' 'make install'
entry 'pop3 stream tcp nowait root /usr/sbin/in.popd in.popd' \
	'110 stream tcp nowait root /usr/sbin/in.popd in.popd'
warn '/.*/inetd\.conf: serves 110, which another' 'turn one'
entry 'pop3 stream tcp nowait root /usr/sbin/in.popd in.popd' \
	'*:110 stream tcp nowait root /usr/sbin/in.popd in.popd'
warn '/.*/inetd\.conf: serves \*:110, which another' 'turn one'
entry '10.0.0.1:pop3 stream tcp nowait root /usr/sbin/in.popd in.popd' \
	'10.0.0.1:110 stream tcp nowait root /usr/sbin/in.popd in.popd'
warn '/.*/inetd\.conf: serves 10.0.0.1:110, which another' 'turn one'
entry '10.0.0.1:pop3 stream tcp nowait root /usr/sbin/in.popd in.popd' \
	'pop3 stream tcp nowait root /usr/sbin/in.popd in.popd'
warn '/.*/inetd\.conf: serves pop3, which another' 'turn one'
entry 'pop3 stream tcp4 nowait root /usr/sbin/in.popd in.popd' \
	'pop3 stream tcp6 nowait root /usr/sbin/in.popd in.popd' \
	'10.0.0.1:109 stream tcp nowait root /usr/sbin/in.popd in.popd' \
	'10.0.0.2:109 stream tcp nowait root /usr/sbin/in.popd in.popd'
look
status_is 0 "two addresses, two protocols"
is "$(echo "$said" | grep -c '^ok     /.*/etc/inetd\.conf: .* is served by')" 4 \
	"two addresses, two protocols: all are looked at"
entry 'pop3 stream tcp nowait root /usr/sbin/in.popd in.popd' \
	'x1 stream tcp nowait root /usr/sbin/in.popd in.popd' 'x2 stream tcp nowait root /usr/sbin/in.popd in.popd' \
	'x3 stream tcp nowait root /usr/sbin/in.popd in.popd' 'x4 stream tcp nowait root /usr/sbin/in.popd in.popd' \
	'x5 stream tcp nowait root /usr/sbin/in.popd in.popd'
look
is "$(echo "$said" | grep -c '^ok     /.*/etc/inetd\.conf: .* is served by')" 6 "many entries"
entry 'imap2 stream tcp nowait root /usr/sbin/imapd imapd' '# pop3 stream'
warn 'no entry of inetd, xinetd or systemd' 'README'
entry 'pop3 stream tcp nowait root /usr/sbin/in.popd-tls in.popd-tls -c /etc/in.popd/cert.pem -k /etc/in.popd/key.pem -- /usr/sbin/absent'
wrong '/.*/inetd\.conf: starts /usr/sbin/absent, which is no program' 'make install'
entry 'pop3 stream tcp nowait root /usr/sbin/in.popd-tls in.popd-tls --cert=/etc/in.popd/cert.pem --key=/etc/in.popd/key.pem -- in.popd'
look
status_is 0 "a program by PATH behind in.popd-tls"
for args in '-c/etc/in.popd/cert.pem -k/etc/in.popd/key.pem --' \
	'-sc/etc/in.popd/cert.pem -uin.popd-tls -k /etc/in.popd/key.pem --' \
	'--cer /etc/in.popd/cert.pem -k /absent --key=/etc/in.popd/key.pem'; do
	entry "pop3 stream tcp nowait root /usr/sbin/in.popd-tls in.popd-tls $args /usr/sbin/in.popd -c x"
	look
	status_is 0 "in.popd-tls $args"
	like "$said" '^ok     /.*/etc/in\.popd/cert\.pem: certificate and key$' \
		"in.popd-tls $args: the certificate"
done
entry 'pop3 stream tcp nowait root /usr/sbin/in.popd-tls in.popd-tls -- /usr/sbin/in.popd --cert x'
wrong '/.*/inetd\.conf: in\.popd-tls is given no certificate' 'in\.popd-tls --cert FILE'

# xinetd: our samples.
xinetd() {
	entry '' && cp xinetd.d/* "$h/etc/xinetd.d" &&
		sed -i 's/= yes/= no/' "$h/etc/xinetd.d/pop2" "$h/etc/xinetd.d/pop3s"
}
xinetd
look
status_is 0 "xinetd: status"
for line in pop2:\ 109 pop3:\ pop3 pop3s:\ pop3s; do
	like "$said" "^ok     /.*/xinetd.d/$line is served by /usr/sbin/in.popd" "xinetd: $line"
done
xinetd && sed -i 's/$/  /' "$h"/etc/xinetd.d/*
look
status_is 0 "xinetd: blanks at the ends of lines"
xinetd && sed -i 's/\(user.*= \)root/\1mail/' "$h/etc/xinetd.d/pop3"
wrong '/.*/xinetd\.d/pop3: starts /usr/sbin/in\.popd as user mail' 'make the user root'
xinetd && sed -i 's,\(server.*= \)/usr/sbin/in.popd$,\1/usr/local/sbin/in.popd,' "$h/etc/xinetd.d/pop3"
wrong '/.*/xinetd\.d/pop3: starts /usr/local/sbin/in\.popd, which' 'make install'
xinetd && for family in 4 6; do
	sed "s/socket_type.*/flags = REUSE IPv$family/" xinetd.d/pop3 >"$h/etc/xinetd.d/pop3-v$family"
	sed "s/socket_type.*/bind = 10.0.0.$family/" "$h/etc/xinetd.d/pop2" >"$h/etc/xinetd.d/pop2-$family"
done && rm "$h/etc/xinetd.d/pop3" "$h/etc/xinetd.d/pop2"
look
status_is 0 "xinetd: two addresses, two protocols"
xinetd && cp xinetd.d/pop3 "$h/etc/xinetd.d/again"
warn '/.*/xinetd\.d/.*: serves pop3, which another' 'turn one'
xinetd && sed 's,server.*=.*,server = /absent,' "$h/etc/xinetd.d/pop3" >"$h/etc/xinetd.d/pop3.bak"
look
status_is 0 "files that xinetd does not read are of no matter"
xinetd && sed -i 's/= no$/= yes/' "$h"/etc/xinetd.d/*
warn 'no entry of inetd, xinetd or systemd' 'README'

# systemd: our samples.
systemd() {
	entry '' && cp docs/systemd/* "$h/etc/systemd/system"
	for socket in in.popd in.popd-tls; do
		ln -s "/etc/systemd/system/$socket.socket" \
			"$h/etc/systemd/system/sockets.target.wants"
	done
}
systemd
look
status_is 0 "systemd: status"
like "$said" '^ok     /.*/in\.popd\.socket: 110 is served by /usr/sbin/in\.popd$' "systemd: 110"
like "$said" '^ok     /.*/in\.popd-tls\.socket: 995 is served by /usr/sbin/in\.popd-tls$' "systemd: 995"
systemd && rm "$h/etc/systemd/system/sockets.target.wants/in.popd.socket"
warn '/.*/in\.popd\.socket: is not enabled' 'systemctl enable --now in\.popd\.socket'
systemd && sed -i s/Accept=yes/Accept=no/ "$h/etc/systemd/system/in.popd.socket"
wrong '/.*/in\.popd\.socket: without Accept=yes' 'Accept=yes'
systemd && sed -i 's,ExecStart=,ExecStart=-/usr/local,' "$h/etc/systemd/system/in.popd@.service"
wrong '/.*/in\.popd\.socket: starts /usr/local/usr/sbin/in\.popd, which' 'make install'
systemd && echo User=mail >>"$h/etc/systemd/system/in.popd@.service"
wrong '/.*/in\.popd\.socket: starts /usr/sbin/in\.popd as user mail' 'make the user root'
systemd && sed 's/Accept=yes/Accept=no/' docs/systemd/in.popd.socket >"$h/usr/lib/systemd/system/in.popd.socket"
look
status_is 0 "a unit that another is in force for is of no matter"

# The certificate.
host && chmod 644 "$h/etc/in.popd/key.pem"
wrong '/.*/key\.pem: mode 644: the key' 'chmod 600 '
host && chown 1001 "$h/etc/in.popd/key.pem"
wrong '/.*/key\.pem: the key belongs to user 1001' 'chown root '
host && chgrp 8 "$h/etc/in.popd/key.pem" && chmod 640 "$h/etc/in.popd/key.pem"
warn '/.*/key\.pem: mode 640: group 8' 'chmod 600 '
host && rm "$h/etc/in.popd/key.pem"
wrong '/.*/key\.pem: no key: No such file' 'docs/tls\.md'
host && rm "$h/etc/in.popd/cert.pem"
wrong '/.*/cert\.pem: is no certificate' 'docs/tls\.md'
# linked: as docs/tls.md has it, by links that are absolute: on that host.
linked() {
	host && mkdir -p "$h$tmp/live" && mv "$h/etc/in.popd/cert.pem" "$h/etc/in.popd/key.pem" \
		"$h$tmp/live" &&
		ln -s "$tmp/live/cert.pem" "$tmp/live/key.pem" "$h/etc/in.popd"
}
linked
look
status_is 0 "a certificate and a key by absolute links"
like "$said" '^ok     /.*/live/cert\.pem: certificate and key$' \
	"a certificate and a key by absolute links: found"
mkdir "$tmp/live" && cp "$tmp/key" "$tmp/live/key.pem" && chmod 600 "$tmp/live/key.pem" &&
	cp "$tmp/cert" "$tmp/live/cert.pem"
linked && chmod 644 "$h$tmp/live/key.pem"
wrong '/.*/key\.pem: mode 644: the key' "chmod 600 $h$tmp/live/key\.pem"
linked && rm "$h$tmp/live/key.pem"
wrong '/.*/in\.popd/key\.pem: no key: No such file' 'docs/tls\.md'
linked && rm "$h$tmp/live/cert.pem"
wrong '/.*/in\.popd/cert\.pem: is no certificate' 'docs/tls\.md'
rm -r "$tmp/live"
linked && mv "$h/usr/sbin/in.popd-tls" "$h$tmp/live" &&
	ln -s "$tmp/live/in.popd-tls" "$h/usr/sbin"
look
status_is 0 "a program by an absolute link"
host && openssl x509 -in "$tmp/cert" -signkey "$tmp/key" -days 7 \
	-out "$h/etc/in.popd/cert.pem" 2>/dev/null
warn '/.*/cert\.pem: the certificate expires within 14 days' 'renew it'
host && openssl x509 -in "$tmp/cert" -signkey "$tmp/key" -days -1 \
	-out "$h/etc/in.popd/cert.pem" 2>/dev/null
wrong '/.*/cert\.pem: the certificate has expired' 'renew it'
host && cat "$tmp/cert" "$tmp/key" >"$h/etc/in.popd/cert.pem" &&
	sed -i 's, --key [^ ]*,,' "$h/etc/inetd.conf"
wrong '/.*/cert\.pem: mode 644: the key' 'chmod 600 '

# What is odd about what is looked at.
host && : >"$h/var/mail/annabella"
warn '/.*/var/mail/annabella: there is no user' 'move it away'
host && : >"$h/var/mail/.of-no-matter" && touch -d '1 day ago' "$h/var/mail/.of-no-matter"
look
status_is 0 "a hidden file in the spool is nothing"
host && : >"$h/var/mail/$(printf 'x\177')"
warn '/.*/var/mail/x\?: there is no user' 'move it away'
host && rm -r "$h/var/mail" && : >"$h/var/mail"
wrong '/.*/var/mail: there is no such directory' 'install -d '
host && rm -r "$h/var/lib/in.popd" && : >"$h/var/lib/in.popd"
wrong '/.*/lib/in\.popd: is no directory that root alone' 'chown root:root '
host && rm -r "$h/var/lib/in.popd/anna" && : >"$h/var/lib/in.popd/anna"
wrong '/.*/in\.popd/anna: is no directory that anna alone' 'chown -R anna '
host
look --state /var/mail/anna/state
status_is 1 "a state directory below a file: status"
like "$said" '^warn   .*/anna/state: cannot look: Not a directory$' "a state directory below a file"
long=$(printf '%5000s' x | tr ' ' x)
"$popd" --selftest --root "/$long" >"$tmp/out" 2>&1
is $? 78 "a root that no path can have: status"

# Whom it asks, and how they answer.
dumb() { # PROGRAM COMMAND...
	printf '#!/bin/sh\n%s\n' "$2" >"$tmp/bin/$1" && chmod 755 "$tmp/bin/$1"
}
host && mv "$tmp/bin/postconf" "$tmp/postconf"
# shellcheck disable=SC2016 # for the inner shell
dumb postconf 'kill -KILL $$'
warn 'Postfix: postconf does not say' 'see that it takes'
mv "$tmp/postconf" "$tmp/bin/postconf"
no_postfix && mkdir -p "$h/etc/exim" && : >"$h/etc/exim/exim.conf"
dumb exim 'exit 1'
warn 'Exim: does not say how it locks' 'see that it takes'
# its last line need not end, and a spool may have the older name, or our own
for file in /var/spool/mail/x /var/post/x; do
	dumb exim "printf 'own transport:\nfile = $file'"
	mv "$h/var/mail" "$h/var/post"
	look --spool /var/post
	mv "$h/var/post" "$h/var/mail"
	like "$said" '^ok     Exim, transport own: locks by dotlock and fcntl$' "Exim, $file"
done
no_postfix && cp /bin/true "$h/usr/bin/procmail"
asked procmail 'procmail v3'
warn 'procmail: does not say how it locks' 'see that it takes'
rm "$SAYS.procmail"
warn 'procmail: does not say how it locks' 'see that it takes'
no_postfix && mkdir "$h/etc/mail" && echo Dx >"$h/etc/mail/sendmail.cf"
warn 'Sendmail: delivers neither' 'see that it takes'
host && mkdir "$h/etc/dovecot" && : >"$h/etc/dovecot/dovecot.conf"
dumb doveconf 'exit 1'
warn 'Dovecot: doveconf does not say' 'see that it takes'
# shellcheck disable=SC2016
dumb doveconf 'case $4 in mail_location) echo mbox:x ;; *) exit 1 ;; esac'
look
status_is 0 "Dovecot, which does not say how it locks its spool: status"

# More of what starts it.
entry 'pop3 stream tcp nowait root in.popd in.popd'
look
status_is 0 "a program that inetd finds by itself"
entry 'pop3 stream tcp nowait root /usr/sbin/tcpd'
warn '/.*/inetd\.conf: pop3 is served by /usr/sbin/tcpd' 'turn it off'
entry 'pop3 stream tcp wait root /usr/sbin/other other' 'ftp stream tcp wait root /usr/sbin/ftpd ftpd'
wrong '/.*/inetd\.conf: pop3: "wait"' 'nowait'
entry "pop3 stream tcp nowait root /usr/sbin/in.popd in.popd $(printf '%100s' '' | sed 's/ / x/g')"
look
status_is 0 "an entry of many words"
entry 'pop3 stream tcp nowait root /usr/sbin/in.popd in.popd' && chmod 644 "$h/usr/sbin/in.popd"
wrong '/.*/inetd\.conf: starts /usr/sbin/in\.popd, which is no program' 'make install'
entry 'pop3 stream tcp nowait root /usr/sbin/in.popd in.popd' && rm "$h/usr/sbin/in.popd" &&
	mkdir "$h/usr/sbin/in.popd"
wrong '/.*/inetd\.conf: starts /usr/sbin/in\.popd, which is no program' 'make install'
for args in '--cert /etc/in.popd/cert.pem' '--cert /etc/in.popd/cert.pem --' '-- -c' '-k'; do
	entry "pop3s stream tcp nowait root /usr/sbin/in.popd-tls in.popd-tls $args"
	wrong '/.*/inetd\.conf: in\.popd-tls is given no certificate' 'in\.popd-tls --cert FILE'
done
xinetd && sed -i '1i}\n\n# }' "$h/etc/xinetd.d/pop3"
look
status_is 0 "xinetd: what is outside of a service is nothing"
for accept in Accept=true Accept=1 Accept=on Accept=Y Accept=t 'Accept = yes ' ' Accept =YES'; do
	systemd && sed -i "s/Accept=yes/$accept/" "$h/etc/systemd/system/in.popd.socket"
	look
	status_is 0 "systemd: $accept"
done
systemd && sed -i 's/=/ = /; s/$/ /' "$h"/etc/systemd/system/in.popd*
look
status_is 0 "systemd: blanks around = and at the ends of lines"
for accept in off 0 false yesterday; do
	systemd && sed -i "s/Accept=yes/Accept=$accept/" "$h/etc/systemd/system/in.popd.socket"
	wrong '/.*/in\.popd\.socket: without Accept=yes' 'Accept=yes'
done
systemd && sed -i 's/^ListenStream=.*/ListenStream=0.0.0.0:110\nListenStream=[::]:110/' \
	"$h/etc/systemd/system/in.popd.socket"
look
status_is 0 "systemd: two addresses"
systemd && echo ListenStream=10.0.0.1:110 >>"$h/etc/systemd/system/in.popd.socket"
warn '/.*/in\.popd\.socket: serves 10.0.0.1:110, which another' 'turn one'
systemd && echo 'pop3 stream tcp4 nowait root /usr/sbin/in.popd in.popd' >"$h/etc/inetd.conf"
warn '/.*/in\.popd\.socket: serves 110, which another' 'turn one'
systemd && rm "$h/etc/systemd/system/in.popd@.service"
look
status_is 0 "systemd: a socket without a service is none of ours"
systemd && printf 'ListenStream=%s\n' 1 2 3 4 5 6 >>"$h/etc/systemd/system/in.popd.socket"
look
status_is 0 "systemd: many ports"
host && chgrp 0 "$h/etc/in.popd/key.pem" && chmod 640 "$h/etc/in.popd/key.pem"
look
status_is 0 "a key that root's group may read"

# Where something cannot be looked at, it says so, and goes on.
looks() { # PATTERN COMMAND...
	looks_for=$1
	shift
	said=$("$@" --selftest --root "$h" 2>&1)
	like "$said" "$looks_for" "${1##*/} ${2##*/}: $looks_for"
	like "$said" '^[0-9]+ wrong, [0-9]+ to look at, [0-9]+ ok$' "${1##*/} ${2##*/}: to its end"
}
host && chmod 2770 "$h/var/mail" && chmod 755 "$h" "$h/var" "$h/var/lib"
if setpriv --reuid=65534 --regid=65534 --clear-groups test -x "$popd" -a -r "$h/etc/passwd"; then
	for dir in var/mail var/lib/in.popd; do
		looks "^warn   .*/$dir: cannot look: Permission denied; run this as root\$" \
			setpriv --reuid=65534 --regid=65534 --clear-groups "$popd"
	done
else
	skip "without root" "nobody may not run $popd"
fi
host
looks '^warn   .*/cert\.pem: cannot look: there is no openssl' env PATH=/nonexistent "$popd"
looks '^warn   Postfix: postconf does not say' env PATH=/nonexistent "$popd"
said=$("$popd" --selftest --root "$h$(printf '%1200s' '' | sed 's, ,/.,g')" 2>&1)
like "$said" '^warn   Postfix: postconf does not say' "a path that no program can be asked of"
refuse=$B/tests/expect/lib/refuse
if [ -x "$refuse" ]; then
	looks '^wrong  kernel: no seccomp, so no session' "$refuse" has_filter "$popd"
	looks '^warn   kernel: no Landlock' "$refuse" has_landlock "$popd"
	looks '^warn   Postfix: postconf does not say' "$refuse" pipe2 "$popd"
	looks '^warn   Postfix: postconf does not say' "$refuse" waitpid "$popd"
	looks '^ok     .*/var/mail: 2 maildrops$' "$refuse" statfs "$popd"
	looks '^warn   kernel: no openat2' "$refuse" openat2 "$popd"
	like "$said" '^0 wrong, 1 to look at, ' "without openat2 the other things are looked at, too"
	# AT_SYMLINK_NOFOLLOW: files that are gone again
	looks '^ok     .*/var/mail: 0 maildrops$' "$refuse" fstat,3=256 "$popd"
	looks '^warn   .*/lib/in\.popd: cannot look: Permission denied$' "$refuse" fstat,3=256 "$popd"
	case $(uname -m) in
	x86_64) # opendir(3)'s flags
		looks '^warn   .*/var/mail: cannot look: Permission denied$' \
			"$refuse" open,2=591872 "$popd"
		;;
	esac
else
	skip "calls that the kernel refuses" "no $refuse: make check builds it"
fi

finish
