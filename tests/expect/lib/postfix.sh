# postfix.sh PEERS DIRECTORY USER MAIL N M - the Postfix that is unpacked below
# PEERS delivers the messages MAIL/N to MAIL/(M-1) to USER: sendmail(1), the
# queue, local(8) as its package has it, and nothing of a network. DIRECTORY,
# which is new, holds its queue and log. To be run in mount and process
# namespaces of its own, which take all of it along when they end.
# shellcheck shell=sh
set -u
peers=$1 place=$2 user=$3 mail=$4 n=$5 end=$6
each=$((end - n))
mkdir -p "$place/queue" "$place/data" || exit 1
mount -t overlay overlay -o "lowerdir=$peers/usr:/usr" /usr &&
	mount -t proc proc /proc && cp -a /etc "$place/etc" &&
	cp -a "$peers/etc/postfix" /usr/share/postfix/dynamicmaps.cf \
		"$place/etc" && mount --bind "$place/etc" /etc || exit 1
mv /etc/dynamicmaps.cf /etc/postfix && groupadd -r postdrop &&
	useradd -r -M -U postfix && chown postfix "$place/data" || exit 1

# No smtpd, no smtp: what is not local stays. A mailbox that was locked for too
# long is tried again soon, not in five minutes.
cat >/etc/postfix/main.cf <<-END
	compatibility_level = 3.6
	myhostname = mail.example.org
	mydestination = mail.example.org
	inet_interfaces = loopback-only
	queue_directory = $place/queue
	data_directory = $place/data
	mail_spool_directory = /var/mail
	alias_maps =
	queue_run_delay = 1s
	minimal_backoff_time = 1s
	maximal_backoff_time = 2s
	maillog_file_prefixes = $place
	maillog_file = $place/log
END
for service in 'pickup unix n - n 60 1 pickup' \
	'cleanup unix n - n - 0 cleanup' 'qmgr unix n - n 300 1 qmgr' \
	'rewrite unix - - n - - trivial-rewrite' 'bounce unix - - n - 0 bounce' \
	'defer unix - - n - 0 bounce' 'trace unix - - n - 0 bounce' \
	'error unix - - n - - error' 'retry unix - - n - - error' \
	'local unix - n n - - local' 'postlog unix-dgram n - n - 1 postlogd'; do
	echo "$service"
done >/etc/postfix/master.cf

# complain WHY: with what it logged; this file's only way to fail from here on.
complain() {
	echo "postfix.sh: $1"
	tail -n 20 "$place/log"
	exit 1
}
locks=$(postconf -h mailbox_delivery_lock)
[ "$locks" = "fcntl, dotlock" ] || complain "it would lock by $locks"
postfix start || complain "it does not start"
while [ "$n" -lt "$end" ]; do
	sendmail -i -f f@example.org "$user@mail.example.org" <"$mail/$n" ||
		complain "sendmail failed"
	n=$((n + 1))
done
left=600
while sent=$(grep -c 'relay=local.* status=sent (delivered to mailbox)$' \
	"$place/log"); [ "$sent" -lt "$each" ]; do
	left=$((left - 1))
	[ "$left" -gt 0 ] || complain "$sent of $each delivered in a minute"
	sleep 0.1
done
! grep -E 'fatal|panic|error:|status=bounced' "$place/log" ||
	complain "it was not content"
