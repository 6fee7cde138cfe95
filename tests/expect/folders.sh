#!/bin/sh
# folders.sh - what POP2's FOLD (RFC 937 page 7) and POP1's RETR (RFC 918 page
# 3) open for a real user: his maildrop by any of its names, his own files below
# his home directory; never another user's, by no link and no group, and with
# one answer for whatever he may not have.
# shellcheck disable=SC2088 # "~/" is for the program
. tests/expect/lib/real.sh
need_root "folders of real users"
private_places
make_user
mail_gid=$(getent group mail | cut -d: -f3)

# Another user, whose mail must never be seen.
other=popo$$
at_end "userdel $other; rm -rf $spool/$other $state/$other"
wait_for 5 useradd -M -d "$tmp/homes/$other" -s /usr/sbin/nologin "$other" ||
	exit 1
home=$tmp/homes/$user

# set_home DIRECTORY: $user's, in the account. In an /etc of our own by hand:
# usermod minds processes of the same number that another test has started.
set_home() {
	if [ "$TEST_NAMESPACE" = own ]; then
		sed -i "s,^\($user:\([^:]*:\)\{4\}\)[^:]*,\1$1," /etc/passwd
	else
		wait_for 10 usermod -d "$1" "$user"
	fi
	is "$(getent passwd "$user" | cut -d: -f6)" "$1" "the home is \"$1\""
}
set_home "$home"
mkdir -p "$home/Mail" "$tmp/homes/$other/Mail"

# mbox NUMBER [WORD]: prints that many messages.
mbox() {
	mbox_left=$1
	while [ "$mbox_left" -gt 0 ]; do
		printf 'From a@example.org Mon Jan  2 15:04:05 2006\n%s\n\nx\n\n' \
			"Subject: ${2-mine}"
		mbox_left=$((mbox_left - 1))
	done
}
mbox 1 >"$mbox"
mbox 9 others-secret >"$spool/$other"
chown "$other:mail" "$spool/$other" && chmod 660 "$spool/$other"
mbox 9 others-secret >"$tmp/homes/$other/Mail/x"
chown -R "$other:$other" "$tmp/homes/$other"
chmod 755 "$tmp/homes/$other" "$tmp/homes/$other/Mail"
chmod 644 "$tmp/homes/$other/Mail/x"

mbox 2 >"$home/Mail/x"
mbox 3 >"$home/at home"
mbox 5 >"$home/Mail/read-only" && chmod 400 "$home/Mail/read-only"
mbox 5 >"$home/Mail/unreadable" && chmod 0 "$home/Mail/unreadable"
mbox 5 >"$home/Mail/write-only" && chmod 200 "$home/Mail/write-only"
: >"$home/Mail/empty"
echo "no mbox" >"$home/Mail/text"
mkdir "$home/Mail/dir" "$home/Mail/shut" "$home/Mail/fixed" "$home/Archive"
mbox 5 >"$home/Mail/shut/x"
mbox 4 >"$home/Mail/fixed/x"
mbox 6 >"$home/Archive/x"
mbox 7 >"$home/Mail/linked" && ln "$home/Mail/linked" "$home/Mail/linked-2"
mkfifo "$home/Mail/fifo"
mknod "$home/Mail/zero" c 1 5
ln -s "$spool/$other" "$home/Mail/to-others-spool"
ln -s "$spool/$user" "$home/Mail/to-my-spool"
ln -s x "$home/Mail/to-x"
ln -s "$spool" "$home/Mail/to-spool"
ln -s "$tmp/homes/$other/Mail" "$home/to-other"
ln -s / "$home/root"
ln -s "../Archive" "$home/Mail/to-archive"
ln -s loop "$home/Mail/loop"
chown -hR "$user:$user" "$home"
chmod 0 "$home/Mail/shut" && chmod 555 "$home/Mail/fixed"
# Files in his home that are not his, whoever may read them.
mbox 8 others-secret >"$home/Mail/others"
chown "$other:$other" "$home/Mail/others" && chmod 644 "$home/Mail/others"
mbox 8 others-secret >"$home/Mail/roots" && chmod 666 "$home/Mail/roots"
mbox 8 others-secret >"$home/Mail/mail-group"
chown "root:mail" "$home/Mail/mail-group" && chmod 660 "$home/Mail/mail-group"
# A file that is his, but that only the mail group can get at.
mkdir -m 0710 "$home/Mail/mail-only" && chgrp mail "$home/Mail/mail-only"
mbox 8 others-secret >"$home/Mail/mail-only/x"
chown "$user" "$home/Mail/mail-only/x"
# A file that is his, where only the mail group may make a dotlock.
mkdir "$home/Mail/mail-made" && mbox 4 >"$home/Mail/mail-made/x"
chown "$user" "$home/Mail/mail-made/x"
chgrp mail "$home/Mail/mail-made" && chmod 2775 "$home/Mail/mail-made"
# Another user's file under a second name in his home.
ln "$spool/$other" "$home/Mail/hard" 2>/dev/null ||
	cp -p "$spool/$other" "$home/Mail/hard"

listing() {
	find "$tmp/homes" "$spool" \( -type f -o -type l -o -type p \) \
		-printf '%p %U %G %m %s %l\n' | sort
}
listing >"$tmp/before"

# run COMMANDS: $said is what the program says to them; a pipe, as root.
run() {
	said=$(printf '%s\n' "$1" | timeout -k 1 20 "$popd" 2>/dev/null |
		tr -d '\r')
}
helo="HELO $user $(printf '%s\n' "$password" | sed 's/ /\\ /g')"

# has NUMBER MAILBOX [WHY]: FOLD and RETR find that many messages.
has() {
	run "$helo
FOLD $2
QUIT"
	is "$(printf '%s\n' "$said" | sed -n '3s/ .*//p')" "#$1" \
		"FOLD $2: $1${3:+ ($3)}"
	run "USER $user
PASS $password
RETR $2
RCEV
QUIT"
	is "$(printf '%s\n' "$said" | grep -c '^From ')" "$1" \
		"RETR $2: $1${3:+ ($3)}"
	! printf '%s\n' "$said" | grep -q others-secret
	ok $? "RETR $2: none of another user's"
}

# hasnt MAILBOX WHY: FOLD finds nothing, and RETR says what it always says.
hasnt() {
	run "$helo
FOLD $1
READ
FOLD INBOX
QUIT"
	is "$(printf '%s\n' "$said" | sed -n '3,$p' | tr '\n' '|')" \
		"#0 messages in that folder|=0 octets in message 1|#1 message in that folder|+ OK $(hostname) signing off|" \
		"FOLD $1: nothing ($2)"
	run "USER $user
PASS $password
RETR $1
RDEL $1
RETR INBOX
QUIT"
	is "$(printf '%s\n' "$said" | sed -n '4,5p' | sort -u)" \
		"-ERR no such mailbox for you" "RETR $1, RDEL: refused ($2)"
}

has 1 INBOX
has 1 inbox "in any case"
has 1 "$user" "the user's name"
has 1 "$spool/$user" "the spool file's path"
has 1 "/usr/spool/mail/$user" "as in RFC 937's example 2"
has 2 Mail/x
has 2 "~/Mail/x"
has 2 "$home/Mail/x" "absolute"
has 2 Mail/../Mail//x
has 3 "at home" "a blank in the name"
has 5 Mail/read-only "mode 400"
has 4 Mail/fixed/x "in a directory that takes no dotlock"
has 4 Mail/mail-made/x "where only the mail group may make a dotlock"
has 6 Mail/to-archive/x "a link that stays in the home directory"

# What lies on a read-only file system can be read.
if [ "$TEST_NAMESPACE" = own ]; then
	mount --bind "$home/Archive" "$home/Archive" &&
		mount -o remount,bind,ro "$home/Archive" || exit 1
	at_end "umount $home/Archive 2>/dev/null"
	has 6 Archive/x "on a read-only file system"
	umount "$home/Archive"
else
	skip "a read-only file system" "no mount namespace"
fi

hasnt Mail/absent "absent"
hasnt absent/x "in a directory that is absent"
hasnt Mail/unreadable "mode 0"
hasnt Mail/write-only "mode 200"
hasnt Mail/shut/x "in a directory of mode 0"
hasnt Mail/text "no mbox"
hasnt Mail "a directory"
hasnt Mail/dir "a directory"
hasnt Mail/fifo "a FIFO"
hasnt Mail/zero "a device"
hasnt Mail/x/x "below a file"
hasnt Mail/to-others-spool "a link to another user's spool"
hasnt Mail/to-my-spool "a link to the own spool"
hasnt Mail/to-x "a link, if only beside itself"
hasnt Mail/loop "a link to itself"
hasnt "Mail/to-spool/$other" "through a link to the spool"
hasnt "Mail/to-spool/$user" "through a link to the spool"
hasnt to-other/x "through a link to another user's home"
hasnt "root$spool/$other" "through a link to /"
hasnt root/etc/passwd "through a link to /"
hasnt Mail/linked "a file with two names"
hasnt Mail/hard "another user's file under a second name"
hasnt Mail/others "another user's file, mode 644"
hasnt Mail/roots "root's file, mode 666"
hasnt Mail/mail-group "the mail group's file"
hasnt Mail/mail-only/x "where only the mail group gets through"
hasnt "$spool/$other" "another user's spool"
hasnt "/var/spool/mail/$other" "another user's spool"
hasnt "$spool/../mail/$user" "a detour"
hasnt "$other" "another user's name"
hasnt "~$other/Mail/x" "no such syntax"
hasnt "$tmp/homes/$other/Mail/x" "another user's file, readable for all"
hasnt "../$other/Mail/x" "the same"
hasnt "../$user/Mail/x" "out of the home and in again"
hasnt /etc/passwd "absolute, elsewhere"
hasnt /dev/zero "absolute, elsewhere"
hasnt /proc/self/root "absolute, elsewhere"
hasnt "$home" "the home directory itself"
hasnt "~/" "the home directory itself"
hasnt "$(printf '%0248d' 0 | tr 0 x)" "a long name"
run "$helo
FOLD Mail/empty
QUIT"
like "$said" '^#0 ' "FOLD Mail/empty: an empty folder"
run "USER $user
PASS $password
RETR Mail/empty
QUIT"
like "$said" '^#0$' "RETR Mail/empty: an empty folder, which is none that is absent"

# What cannot be changed is not, with the same answers (RFC 937, ACKD).
for folder in Mail/read-only Mail/fixed/x Mail/mail-made/x; do
	run "$helo
FOLD $folder
READ
RETR
ACKD
QUIT"
	like "$said" '^\+ OK ' "$folder: ACKD and QUIT go well"
	like "$said" '^=[1-9][0-9]* octets in message 2$' "$folder: ACKD counts on"
	run "USER $user
PASS $password
RDEL $folder
RCEV
RCVD
QUIT"
	like "$said" '^-ERR the mailbox is read-only, nothing was deleted$' \
		"$folder: RDEL's RCVD says that nothing was deleted"
done
listing >"$tmp/after"
is "$(diff "$tmp/before" "$tmp/after")" "" \
	"after all that every file is as it was, and none has come"
find "$state/$user" -type f -printf '%f %U %m %s\n' | sort >"$tmp/states"
is "$(grep -cvE "^(maildrop|folder-[0-9a-f]{16}) $(id -u "$user") 600 " "$tmp/states")" \
	0 "state files are the user's, mode 600"

# What can be changed is, in place.
inode=$(stat -c %i "$home/Mail/x")
run "$helo
FOLD ~/Mail/x
READ 2
RETR
ACKD
QUIT"
mbox 1 >"$tmp/one"
cmp "$home/Mail/x" "$tmp/one"
ok $? "ACKD and QUIT: the message is gone from the folder"
is "$(stat -c '%i %U %a' "$home/Mail/x")" "$inode $user 644" \
	"in the same file, with its owner and mode"
is "$(grep -c . "$mbox")" "$(mbox 1 | grep -c .)" "the maildrop has its message"
run "USER $user
PASS $password
RDEL at home
RCEV
RCVD
QUIT"
[ -f "$home/at home" ] && [ ! -s "$home/at home" ]
ok $? "RDEL and RCVD: the folder is empty, and there"

# Homes that are none. The maildrop is served all the same.
# home_is WHY: with $user's home as it is now.
home_is() {
	hasnt Mail/x "$1"
	hasnt "~/Mail/x" "$1"
	has 1 INBOX "$1"
}
mbox 2 >"$home/Mail/x" && chown "$user" "$home/Mail/x"
chmod 0 "$home"
home_is "a home of mode 0"
chown root:mail "$home" && chmod 710 "$home"
home_is "a home that only the mail group gets into"
chown root:root "$home" && chmod 700 "$home"
home_is "a home that is root's"
chown "$user:$user" "$home" && chmod 755 "$home"
has 2 Mail/x "it was the home"
set_home /nonexistent
home_is "no home"
set_home ""
home_is "an empty home"
set_home "$home/Mail/x"
home_is "a home that is a file"
set_home /
home_is "a home that is /"
hasnt "${spool#/}/$other" "a home that is /"
hasnt "$spool/$other" "a home that is /"
is "$(stat -c %g "$spool/$other")" "$mail_gid" "the other's spool is the group's still"
is "$(grep -c others-secret "$spool/$other")" 9 "and whole"
no_locks "no lock file is left" "$tmp/homes" "$spool"
finish
