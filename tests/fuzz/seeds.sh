#!/bin/sh
# seeds.sh DIR - first inputs for the fuzz targets, in DIR/TARGET: from the
# transcripts, the sample mailbox, and a few by hand. Run from the top of the
# tree.
set -eu
dir=$1
for target in tests/fuzz/*.c; do
	target=$(basename "$target" .c)
	[ "$target" = plain ] || mkdir -p "$dir/$target"
done

# seed TARGET: standard input is one more.
seed() {
	seed_dir=$dir/$1
	set -- "$seed_dir"/*
	[ -e "$1" ] || shift
	cat >"$seed_dir/$(printf %03d $#)"
}

# line: a limit, then what clients say.
for transcript in tests/dialogue/*/*.txt; do
	{
		printf '\004'
		sed -n 's/^C: \(.*\)/\1\r/p' "$transcript"
	} | seed line
done

# args, place: what stands behind the verbs.
sed -n 's/^C: [A-Za-z0-9]*\( .*\)$/\1/p' tests/dialogue/*/*.txt | sort -u |
	while IFS= read -r rest; do
		printf '%s' "$rest" | seed args
		printf '%s' "${rest# }" | seed place
	done
# shellcheck disable=SC2088 # no shell's tilde
for name in '' INBOX inbox anna /var/mail/anna /usr/spool/mail/anna '~/Mail/x' \
	Mail/x ../x /etc/passwd a//b ./x x/. x/.. ~ '~root/x' /proc/self/fdinfo/0 \
	0 net/x; do
	printf '%s' "$name" | seed place
done

# mbox: two octets of how, then a mailbox.
mbox=tests/demo/sample.mbox
for how in '\000\000' '\001\020' '\007\144' '\377\377'; do
	# shellcheck disable=SC2059 # octets
	{
		printf "$how"
		cat "$mbox"
	} | seed mbox
	# shellcheck disable=SC2059
	{
		printf "$how"
		sed 's/$/\r/' "$mbox"
	} | seed mbox
	# shellcheck disable=SC2059
	{
		printf "$how"
		printf '\n\nFrom a Mon Jan  1 00:00:00 2024\nA: b\n\nx\r\r\n.\n\r'
		printf '\nFrom a Mon Jan  1 00:00:00 2024\n\n\nFrom no\n'
	} | seed mbox
	# shellcheck disable=SC2059
	{
		printf "$how"
		printf 'From MAILER-DAEMON Mon Jan  1 00:00:00 2024\nSubject: '
		printf "DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n"
		printf 'X-IMAP: 1 2\n\ntext\n\n'
		cat "$mbox"
	} | seed mbox
done
printf '\001\001' | seed mbox
printf '\001\001no mailbox\n' | seed mbox

# from: lines that are and are not.
{
	sed -n 's/^\(From .*\)/\1/p' "$mbox"
	cat <<-'END'
		From a@b Mon Jan  1 00:00:00 2024
		From a Mon Jan 1 0:00 MET DST 2024
		From a Mon Jan 11 10:00:59 2024 +0100 remote from host
		From Mon Jan Mon Jan  1 00:00:00 GMT 2024
		From here to there
	END
} | while IFS= read -r line; do
	printf '%s' "$line" | seed from
	printf '%s\r' "$line" | seed from
done

# num: the greatest that is allowed, then a text.
printf '\377\377\377\377\377\377\377\37718446744073709551615' | seed num
printf '\377\377\377\377\377\377\377\37718446744073709551616' | seed num
printf '\377\377\377\377\000\000\000\0004294967296' | seed num
printf '\012\000\000\000\000\000\000\0000007' | seed num
printf '\012\000\000\000\000\000\000\000-1' | seed num

# passwd: a name, then a file.
printf 'anna\nanna:hash:1:1:gecos:/home/anna:/bin/sh\n' | seed passwd
printf 'anna\n#anna:x:1:1::/:\nbea:x:1:1::/:\nanna:h:4294967294:07::/:' |
	seed passwd
{
	printf 'bea\nanna:'
	head -c 2040 /dev/zero | tr '\0' x
	printf '\nbea:h:1:1::/:\n'
} | seed passwd
{
	printf 'bea\nanna:'
	head -c 5000 /dev/zero | tr '\0' x
	printf '\nbea:h:1:1::/:\n'
} | seed passwd

# index: how, what is deleted, then changes of its octets.
for mode in 000 001 005 011 015 012 014; do
	# shellcheck disable=SC2059
	printf "\\$mode\\003" | seed index
	# shellcheck disable=SC2059
	printf "\\$mode\\001\\377\\010\\001\\377\\020\\200" | seed index
	# shellcheck disable=SC2059
	printf "\\$mode\\002\\377\\050\\001\\377\\007\\377\\007\\004" | seed index
	# shellcheck disable=SC2059
	printf "\\$mode\\000\\000\\000\\007\\000\\000\\000\\020\\000\\001" |
		seed index
done

# journal: a header by numbers, a list, saved octets; or just octets.
printf '\000popdjrn1popdjrn1popdjrn1' | seed journal
printf '\001\000\020\040\004\000\200\001\200\001\001\001' | seed journal
printf '\001\000\012\020\002\001\200\001\177\056\003' | seed journal
printf '\001\001\012\020\002\001\001\001\002\200\001\177\056\003' | seed journal
printf '\001\002\012\020\002\000\012\001\100\013\001\004\200\001\177' |
	seed journal

# client: frames, then questions.
for request in 2 4 6 8 10 12; do
	kind=$((request / 2 - 1))
	for nfds in 0 1 2; do
		# shellcheck disable=SC2059
		{
			printf '\000'
			printf "\\$(printf %03o $((request + 1)))\\00$nfds\\024"
			printf '\000\000\000\000\000\000\000\000'
			printf "\\001\\000\\000\\000\\00$((nfds / 2))\\000\\000"
			printf '\000\000\000\000\000'
			printf "\\00$kind"
		} | seed client
		# shellcheck disable=SC2059
		{
			printf '\000'
			printf "\\$(printf %03o $((request + 1)))\\00$nfds\\010"
			printf '\000\000\000\000\000\000\000\000'
			printf "\\00$kind\\006"
		} | seed client
	done
done

# base64: what stands behind AUTH.
for text in '' AA== AAA= AAAA dGVzdAB0ZXN0AHRlc3Q= dGVzdA== =AAA AAA=BBB \
	AGFubmEAZ2VoZWlt 'AAA ' Zh== A===; do
	printf '%s' "$text" | seed base64
done

# secrets: a name, a claim, then a file.
printf 'anna\none\nanna:phone:one\nbea:x:two\n#anna:x:one\n' | seed secrets
printf 'anna\n\nanna:phone:\nanna::one\nanna:\nanna\n' | seed secrets
printf 'a\nx:y\na:b:x:y' | seed secrets

# session: how, what goes wrong, what the client says, then the spool. The
# transcripts' sessions, and a few for each dialect.
session_seed() { # MODE MOOD, standard input: the commands
	cat >"$dir/said"
	size=$(wc -c <"$dir/said")
	{
		# shellcheck disable=SC2059 # octets
		printf "\\$(printf %03o "$1")\\$(printf %03o "$2")$(printf \
			'\\%03o\\%03o' $((size % 256)) $((size / 256)))"
		cat "$dir/said" "$mbox"
	} | seed session
	rm -f "$dir/said"
}
for transcript in tests/dialogue/*/*.txt; do
	case $transcript in
	*/pop1/*) mode=1 ;;
	*/pop2/*) mode=2 ;;
	*/pop3/*) mode=3 ;;
	*) mode=0 ;;
	esac
	sed -n 's/^C: \(.*\)/\1\r/p' "$transcript" |
		sed 's/^\(PASS\|pass\) .*\r/\1 geheim\r/' | session_seed "$mode" 0
done
for mode in 0 2; do
	for mood in 0 1 2 8 16; do
		printf 'HELO a geheim\r\nREAD 1\r\nRETR\r\nACKD\r\nRETR\r\nNACK\r\n%s' \
			"$(printf 'READ 3\r\nRETR\r\nACKS\r\nFOLD folder\r\nREAD\r')
RETR
ACKD
FOLD empty
FOLD x
FOLD d
QUIT
" | session_seed "$mode" "$mood"
	done
done
for mode in 0 1; do
	for mood in 0 1 2 4 8 16; do
		printf '%s\r\n' 'USER a' 'PASS geheim' 'RDEL f' RCEV RCVD 'RETR f' \
			RCEV RSET 'RETR empty' RCEV RCVD 'RDEL INBOX' QUIT |
			session_seed "$mode" "$mood"
	done
done
for mode in 0 3 8 11; do
	for mood in 0 1 2 8 16; do
		printf '%s\r\n' CAPA STLS 'USER a' 'PASS no' 'USER a' 'PASS geheim' \
			CAPA STAT LIST 'LIST 2' UIDL 'UIDL 1' 'TOP 1 2' 'TOP 2 99999' \
			'RETR 1' 'DELE 1' 'RETR 2' 'DELE 3' LAST NOOP RSET 'DELE 2' \
			QUIT | session_seed "$mode" "$mood"
	done
done

# proxy: headers, whole and not.
for line in 'TCP4 192.0.2.7 192.0.2.1 56324 110' 'TCP6 2001:db8::7 ::1 1 995' \
	'UNKNOWN' 'UNKNOWN any thing' 'TCP4 192.0.2.256 192.0.2.1 1 2' 'TCP4'; do
	printf 'PROXY %s\r\nCAPA\r\n' "$line" | seed proxy
done
signature='\r\n\r\n\000\r\nQUIT\n'
v4='\300\000\002\007\306\063\144\001\334\004\000\156'
for rest in '\040\000\000\000' '\041\000\000\000' "\\041\\021\\000\\014$v4" \
	"\\041\\021\\000\\024$v4\\040\\000\\005\\001\\000\\000\\000\\000" \
	"\\041\\021\\000\\023$v4\\003\\000\\004abcd" \
	"\\041\\041\\000\\044$v4$v4$v4" "\\041\\061\\000\\330$v4" \
	"\\041\\021\\000\\017$v4\\004\\000\\001" '\041\021\377\377'; do
	# shellcheck disable=SC2059
	printf "$signature$rest" | seed proxy
done

# relay: a handshake, and then a few turns of each.
for turns in '\001\144' '\001\377' '\310\001\020' '\001\010\374' '\310\310\310' \
	'\001\310\360\001\144'; do
	for end in '' '\360\360\001' '\001\020\360\310\001\001' '\375\372\003\003'; do
		# shellcheck disable=SC2059
		printf "\\001$turns$turns$turns$turns$end" | seed relay
	done
done

# broker: how, then requests: a kind, how, what it takes; and what is written
# into the state file.
zero8='\000\000\000\000\000\000\000\000'
for how in '\000' '\002' '\004' '\006'; do
	for cut in "\\001\\114\\000\\000$zero8" "\\001\\000\\000\\000$zero8" \
		"\\003\\046\\046\\002$zero8" "\\002\\046\\046\\002\\302\\003$zero8"; do
		# shellcheck disable=SC2059
		printf "$how\\004\\001\\000\\010\\000\\012$cut\\014\\000\\006\\000\\004\\001\\006folder\\010\\000\\012$cut\\014\\000" |
			seed broker
		# shellcheck disable=SC2059
		printf "$how\\004\\001\\000\\014\\000\\034$cut\\014\\000" | seed broker
		# shellcheck disable=SC2059
		printf "$how\\004\\001\\000\\014\\000\\360\\001\\000\\046\\010\\000\\012$cut" |
			seed broker
	done
done
for what in '\002\000\004anna\006secret' '\002\000\004anna\006wrong!' '\002\000\003bea\001x' \
	'\024\001\004pop3\002\000\004anna\006secret' '\030\000\004anna\002ab' \
	'\026\000\022\000\016\001\003end' '\032\010\000\000\000\000\003\000\000\000::1'; do
	# shellcheck disable=SC2059
	printf "\\001$what$what" | seed broker
done
