#!/bin/sh
# clients.sh - real mail clients fetch, leave and delete a maildrop of awkward
# mail from a server started as inetd does. What they store must be, octet for
# octet, what is in the spool, save what a client is known to add.
. tests/expect/lib/real.sh
need_root "sessions with real clients"
have python3 || {
	skip "sessions with real clients" "no python3"
	finish
}
private_places
make_user
python3 "$lib/mail.py" "$tmp/fixture"
free_port
background python3 "$lib/inetd.py" "$port" "$popd"
wait_port "$port"
ok $? "the server listens"
url=pop3://127.0.0.1:$port
home=$tmp/home
mkdir "$home"
chown "$user" "$home"

# as_user COMMAND...: clients do not like to be root. None may take longer.
as_user() {
	(cd "$home" && HOME=$home TERM=vt100 timeout 20 setpriv --reuid "$user" \
		--regid "$user" --clear-groups "$@" 2>&1)
}

# owned FILE: a client's configuration, from standard input.
owned() {
	cat >"$1" && chown "$user" "$1" && chmod 600 "$1"
}

# maildir DIR
maildir() {
	as_user mkdir -p "$1/new" "$1/cur" "$1/tmp"
}

# all_kept NAME, none_left NAME: what the spool holds afterwards. A client may
# close without awaiting the answer to QUIT, so UPDATE is waited for.
all_kept() {
	cmp -s "$mbox" "$tmp/fixture/mbox"
	ok $? "$1: the spool is as it was"
}
none_left() {
	wait_for 5 test ! -s "$mbox"
	ok $? "$1: the spool is empty"
}

# same NAME OPTION... FILE...: what the client stored, by compare.py.
same() {
	same_name=$1
	shift
	same_said=$(python3 "$lib/compare.py" "$tmp/fixture" "$@" 2>&1)
	ok $? "$same_name" "$same_said"
}

# ---- curl
if have curl; then
	fill "$mbox"
	wanted='' bad=''
	for i in 1 2 3 4 5 6 7 8 9 10; do
		sed 's/$/\r/' "$tmp/fixture/$i" >"$tmp/wire"
		wanted="$wanted$i $(wc -c <"$tmp/wire")
"
		as_user curl -sS -u "$user:$password" "$url/$i" >"$tmp/got"
		cmp -s "$tmp/got" "$tmp/wire" || bad="$bad $i"
	done
	is "$bad" "" "curl: RETR, each message octet for octet"
	is "$(as_user curl -sS -u "$user:$password" "$url/" | tr -d '\r')
" "$wanted" "curl: LIST, and the sizes are those of RETR"
	all_kept curl
	said=$(for i in 1 2 3 4 5 6 7 8 9 10; do
		# The first message each time: the others have moved up.
		as_user curl -sS -u "$user:$password" -I -X "DELE 1" "$url/" ||
			echo "curl failed for $i"
	done)
	is "$said" "" "curl: ten sessions with a DELE, one after the other"
	none_left curl
else
	skip curl "not installed"
fi

# ---- mpop
if have mpop; then
	mpop_conf() {
		owned "$home/mpoprc" <<-X
			account default
			host 127.0.0.1
			port $port
			tls off
			auth user
			user $user
			password "$password"
			keep $1
			uidls_file $home/mpop.uidls
			received_header off
			delivery $2
		X
	}
	fill "$mbox"
	maildir "$home/mpop"
	mpop_conf on "maildir $home/mpop"
	as_user mpop -C "$home/mpoprc" >"$tmp/said"
	ok $? "mpop: a session that keeps" "$(cat "$tmp/said")"
	same "mpop: the mail is the same" "$home/mpop/new/"*
	all_kept mpop
	like "$(as_user mpop -C "$home/mpoprc")" "new: no messages, total: 10" \
		"mpop: nothing is new the second time"
	mpop_conf off "mbox $home/mpop.mbox"
	rm "$home/mpop.uidls"
	as_user mpop -C "$home/mpoprc" >"$tmp/said"
	ok $? "mpop: a session that deletes" "$(cat "$tmp/said")"
	same "mpop: the mail is the same, in an mbox" --mbox "$home/mpop.mbox"
	none_left mpop
else
	skip mpop "not installed"
fi

# ---- getmail
if have getmail; then
	getmail_conf() {
		as_user mkdir -p "$home/getmail"
		owned "$home/getmail/getmailrc" <<-X
			[retriever]
			type = SimplePOP3Retriever
			server = 127.0.0.1
			port = $port
			username = $user
			password = $password
			[destination]
			type = $2
			path = $3
			[options]
			delete = $1
			read_all = $1
			received = false
			delivered_to = false
		X
	}
	getmail_keeps() {
		rm -rf "$home/getmail" "$home/getmail.maildir"
		fill "$mbox"
		maildir "$home/getmail.maildir"
		getmail_conf false Maildir "$home/getmail.maildir/"
	}
	by_getmail getmail_keeps
	ok $? "getmail: a session that keeps" "$(cat "$tmp/said")"
	same "getmail: the mail is the same" --top "Return-Path: <unknown>" \
		--end-header "$home/getmail.maildir/new/"*
	all_kept getmail
	like "$(as_user getmail -g "$home/getmail")" \
		"0 messages .* retrieved, 10 skipped" \
		"getmail: nothing is new the second time"
	getmail_deletes() {
		rm -f "$home/getmail.mbox"
		fill "$mbox"
		as_user touch "$home/getmail.mbox"
		getmail_conf true Mboxrd "$home/getmail.mbox"
	}
	by_getmail getmail_deletes
	ok $? "getmail: a session that deletes" "$(cat "$tmp/said")"
	same "getmail: the mail is the same, in an mbox" --mbox \
		--top "Return-Path: <unknown>" --end-header \
		"$home/getmail.mbox"
	none_left getmail
else
	skip getmail "not installed"
fi

# ---- fetchmail
if have fetchmail; then
	cat >"$home/to-file" <<-'X'
		#!/bin/sh
		exec cat >"$(mktemp "$1/XXXXXX")"
	X
	chmod 755 "$home/to-file"
	fetchmail_conf() {
		as_user mkdir "$2"
		owned "$home/fetchmailrc" <<-X
			set invisible
			set idfile $home/fetchmail.ids
			set pidfile $home/fetchmail.pid
			poll 127.0.0.1 port $port proto pop3 auth password uidl
				user '$user' password '$password' sslproto ''
				$1 no rewrite no mimedecode
				mda "$home/to-file $2"
		X
	}
	fill "$mbox"
	fetchmail_conf keep "$home/fetchmail.kept"
	as_user fetchmail -f "$home/fetchmailrc" >"$tmp/said"
	ok $? "fetchmail: a session that keeps" "$(cat "$tmp/said")"
	same "fetchmail: the mail is the same" --break --end-header \
		"$home/fetchmail.kept/"*
	all_kept fetchmail
	as_user fetchmail -f "$home/fetchmailrc" >"$tmp/said"
	is $? 1 "fetchmail: no mail the second time, by its exit status"
	like "$(cat "$tmp/said")" "10 messages \(10 seen\)" \
		"fetchmail: it has seen it all"
	fetchmail_conf "no keep fetchall" "$home/fetchmail.moved"
	as_user fetchmail -f "$home/fetchmailrc" >"$tmp/said"
	ok $? "fetchmail: a session that deletes" "$(cat "$tmp/said")"
	same "fetchmail: the mail is the same again" --break --end-header \
		"$home/fetchmail.moved/"*
	none_left fetchmail
else
	skip fetchmail "not installed"
fi

# ---- mutt, which wants a terminal
if ! have mutt script; then
	skip mutt "not installed"
elif ! have_terminals; then
	skip mutt "no terminal to be had: nothing is mounted at /dev/pts"
else
	# run_mutt KEYS
	run_mutt() {
		owned "$home/muttrc" <<-X
			set pop_user="$user" pop_pass="$password"
			set pop_authenticators="user"
			set ssl_starttls=no ssl_force_tls=no
			set confirmappend=no confirmcreate=no wait_key=no beep=no
			set quit=yes delete=yes move=no sort=mailbox-order
			set mbox_type=Maildir folder="$home" record="" copy=no
			set header_cache="" message_cachedir=""
			push "$1<quit>"
		X
		as_user script -qec "mutt -n -F $home/muttrc -f \
			pop://$user@127.0.0.1:$port/" /dev/null >"$tmp/said"
	}
	copy="<tag-pattern>~A<enter><tag-prefix><copy-message>"
	fill "$mbox"
	run_mutt "$copy$home/mutt.kept<enter>"
	ok $? "mutt: a session that keeps" "$(cat "$tmp/said")"
	same "mutt: the mail is the same" --drop Content-Length --drop Lines \
		--end-header "$home/mutt.kept/new/"*
	all_kept mutt
	run_mutt "$copy$home/mutt.moved<enter><delete-pattern>~A<enter>"
	ok $? "mutt: a session that deletes" "$(cat "$tmp/said")"
	same "mutt: the mail is the same again" --drop Content-Length \
		--drop Lines --end-header "$home/mutt.moved/new/"*
	none_left mutt
fi

# ---- Python's poplib
cat >"$tmp/pop.py" <<'PY'
import poplib, sys
poplib._MAXLINE = 1 << 20  # it refuses lines of more than 2048 octets
port, user, password, fixture, wanted = sys.argv[1:6]
pop = poplib.POP3("127.0.0.1", int(port), 20)
assert "UIDL" in pop.capa()
pop.user(user)
pop.pass_(password)
mail = [open("%s/%d" % (fixture, i), "rb").read() for i in range(1, 11)]
octets = [len(m) + m.count(b"\n") for m in mail]
assert pop.stat() == (10, sum(octets)), pop.stat()
assert pop.list()[1] == [b"%d %d" % (i, n) for i, n in enumerate(octets, 1)]
ids = [line.split()[1] for line in pop.uidl()[1]]
assert len(set(ids)) == 10, ids
for i, text in enumerate(mail, 1):
    assert pop.uidl(i).split()[2] == ids[i - 1]
    got = pop.retr(i)[1]
    assert b"".join(line + b"\n" for line in got) == text, i
    assert pop.top(i, 100000)[1] == got, i
    head = text.split(b"\n\n")[0].rstrip(b"\n").split(b"\n")
    assert pop.top(i, 0)[1] == head + [b""] * (b"\n\n" in text), i
    if wanted == "delete":
        pop.dele(i)
if wanted == "reset":
    pop.dele(3)
    pop.rset()
    assert pop.stat() == (10, sum(octets))
pop.quit()
PY
fill "$mbox"
for what in keep reset; do
	said=$(timeout 30 python3 "$tmp/pop.py" "$port" "$user" "$password" \
		"$tmp/fixture" "$what" 2>&1)
	ok $? "poplib: CAPA STAT LIST UIDL RETR TOP, $what" "$said"
	all_kept "poplib, $what"
done
said=$(timeout 30 python3 "$tmp/pop.py" "$port" "$user" "$password" \
	"$tmp/fixture" delete 2>&1)
ok $? "poplib: and DELE" "$said"
none_left poplib

# ---- Perl's Net::POP3
if have perl && perl -MNet::POP3 -e 1 2>/dev/null; then
	cat >"$tmp/pop.pl" <<-'PL'
		use strict; use warnings; use Net::POP3;
		my ($port, $user, $password, $fixture, $delete) = @ARGV;
		my $pop = Net::POP3->new("127.0.0.1", Port => $port, Timeout => 20)
			or die "no connection";
		$pop->login($user, $password) == 10 or die "login: not ten messages";
		my ($sizes, $ids) = ($pop->list, $pop->uidl);
		for my $i (1 .. 10) {
			open(my $in, "<", "$fixture/$i") or die; local $/;
			my $text = <$in>;
			join("", @{$pop->get($i)}) eq $text or die "message $i differs";
			$sizes->{$i} == length($text) + ($text =~ tr/\n//) or die "size $i";
			length($ids->{$i}) > 0 or die "id $i";
			if ($delete) { $pop->delete($i) or die "delete $i" }
		}
		$pop->last == 10 or die "last";
		$pop->quit or die "quit";
	PL
	fill "$mbox"
	said=$(as_user perl "$tmp/pop.pl" "$port" "$user" "$password" \
		"$tmp/fixture" 0)
	ok $? "Net::POP3: login list uidl get last quit" "$said"
	all_kept Net::POP3
	said=$(as_user perl "$tmp/pop.pl" "$port" "$user" "$password" \
		"$tmp/fixture" 1)
	ok $? "Net::POP3: and delete" "$said"
	none_left Net::POP3
else
	skip Net::POP3 "not installed"
fi

no_locks "no lock file is left" "$spool"
finish
