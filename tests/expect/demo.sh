#!/bin/sh
# demo.sh - the demo runs, as root and as nobody in particular, shows what it
# should, ends with 0 and leaves nothing behind; and it notices a program that
# says the wrong thing, or a maildrop that is not what it should be.
# shellcheck source=tests/lib.sh
. tests/lib.sh

cp tests/demo/sample.mbox "$tmp/sample"

# demo DIRECTORY [RUNNER...]: with its temporary files below DIRECTORY.
# Afterwards $status, and what it said in $said.
tree=.
demo() {
	TMPDIR=$1
	export TMPDIR
	shift
	said=$("$@" timeout 60 sh "$tree/tests/demo/demo.sh" 2>&1 </dev/null)
	status=$?
	unset TMPDIR
}

# processes DIRECTORY: those that were started with a file of it.
processes() {
	echo "$1/" >"$tmp/pattern"
	grep -alFf "$tmp/pattern" /proc/[0-9]*/cmdline 2>/dev/null
}

# clean DIRECTORY NAME: neither files nor processes are left; one that was
# told to end may take its second.
clean() {
	is "$(ls -A "$1")" "" "$2: no file is left"
	[ -z "$(processes "$1")" ] || sleep 1
	is "$(processes "$1")" "" "$2: no process is left"
}

# whole NAME: what a demo that went well has shown.
whole() {
	is "$status" 0 "$1: ends with 0"
	for line in '^S: \+OK POP3 [^ ]+ in.popd ready$' '^C: CAPA$' \
		'^S: IMPLEMENTATION in.popd-' '^C: PASS ' '^S: \+OK 7 [0-9]+$' \
		'^S: 7 [0-9a-f]+$' '^C: TOP 3 3$' '^C: RETR 3$' '^S: \.\.$' \
		'^S: >From here' '^S: From now on' '^S: -ERR ' '^C: NOOP$' \
		'\[\.\.\.\]$' '^S: \+OK .*\(6 messages left\)$' \
		'^S: #6 messages in your mailbox$' '^C: ACKS$' '^S: \+ OK ' \
		'^C: RDEL INBOX$' '^C: RCVD$' 'the maildrop is empty\.$' \
		'^event=end .*dialect=pop2' '^event=end .*dialect=pop1' \
		'^cmp finds no difference' '^event=login .*user="mrose"' \
		'^event=end .*deleted=1 left=6'; do
		like "$said" "$line" "$1: shows $line"
	done
	is "$(printf '%s\n' "$said" | grep -c '^From: "Prize')" 0 \
		"$1: the deleted message is not listed afterwards"
}

mkdir "$tmp/mine"
demo "$tmp/mine"
whole demo
clean "$tmp/mine" demo

if is_root && have setpriv; then
	# A copy, since nobody can look into a tree that lies below /root.
	tree=$tmp/tree
	mkdir -p "$tree/tests" "$tmp/nobody"
	cp -r tests/demo "$tree/tests" && cp "$popd" "$tree" &&
		chmod -R a+rX "$tree" && chown 65534:65534 "$tmp/nobody"
	demo "$tmp/nobody" env B="$tree" \
		setpriv --reuid=65534 --regid=65534 --clear-groups
	tree=.
	whole "demo, not as root"
	clean "$tmp/nobody" "demo, not as root"
else
	skip "demo, not as root" "not root, so the first one was that"
fi
cmp -s tests/demo/sample.mbox "$tmp/sample"
ok $? "the sample is untouched"

# substitute TEXT: a program that is none, in place of the real one.
substitute() {
	mkdir -p "$tmp/wrong"
	printf '#!/bin/sh\n%s\n' "$1" >"$tmp/wrong/in.popd"
	chmod 755 "$tmp/wrong/in.popd"
}
mkdir "$tmp/bad"
substitute 'printf "+OK POP3 x\r\n-ERR no\r\n"; sleep 1'
demo "$tmp/bad" env B="$tmp/wrong"
[ "$status" -ne 0 ]
ok $? "a wrong reply is noticed" "$said"
clean "$tmp/bad" "a wrong reply"
substitute 'printf "+OK POP3 x\r\n"'
demo "$tmp/bad" env B="$tmp/wrong"
like "$said" "has closed the connection" "an early end is noticed"
clean "$tmp/bad" "an early end"
substitute "'$popd' \"\$@\"
for f in '$tmp/bad'/in.popd-demo.*/spool/mrose; do echo >>\$f; done"
demo "$tmp/bad" env B="$tmp/wrong"
like "$said" "the rest has changed" "an octet more in the maildrop is noticed"
[ "$status" -ne 0 ]
ok $? "an octet more in the maildrop is no success"
clean "$tmp/bad" "an octet more"
finish
