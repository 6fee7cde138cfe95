#!/bin/sh
# docs.sh - what the documents say of the program is what the program is:
# options, log events, answers, the README's commands and files, the tables of
# conformance, and the list of what can run as root.
# shellcheck disable=SC1091,SC2016,SC2154 # lib.sh's variables; awk programs
. tests/lib.sh

man=docs/in.popd.8

# section NAME: that section of the manual page.
section() {
	awk -v want=".Sh $1" '/^\.Sh /{ inside = $0 == want } inside' "$man"
}

# same FILE FILE NAME: the same lines, and at least one.
same() {
	difference=$(diff "$1" "$2")
	same_status=$?
	[ -s "$1" ] || same_status=1
	ok "$same_status" "$3" "$difference"
}

"$popd" --help >"$tmp/help"
grep -oE '(^|[ ,])--[a-z-]+' "$tmp/help" | tr -d ' ,' | sort -u >"$tmp/help-options"
section OPTIONS | grep '^\.It Fl' | grep -oE 'Fl -[a-z-]+' |
	sed 's/Fl /-/' | sort -u >"$tmp/man-options"
same "$tmp/help-options" "$tmp/man-options" "the manual page has the options of --help"
grep -E '^ *-' "$tmp/help" | grep -oE ' -[A-Za-z],' | tr -d ' ,' | sort -u >"$tmp/help-letters"
section OPTIONS | grep '^\.It Fl' | grep -oE 'Fl [A-Za-z] ' |
	sed 's/Fl \(.\) /-\1/' | sort -u >"$tmp/man-letters"
same "$tmp/help-letters" "$tmp/man-letters" "and their letters"

# strings FILE...: what stands in quotes there, a line for each, joined where C
# joins it, and without \".
strings() {
	for file; do
		sed '/^ \*/d' "$file" | tr '\n\t' '  ' | sed 's/\\"//g; s/" *"//g' |
			grep -oE '"[^"]*"' | tr -d '"'
	done
}
# Every log line with its keys, in their order. The event may be an argument of
# log_trouble, and the end's last keys are the session's.
# lines FILE...
lines() {
	strings "$@" | grep '^event=' | awk -v events="$(sed '/^ \*/d' src/priv/broker.c |
		tr '\n\t' '  ' | grep -oE 'log_trouble\( *b,[^;]*;' | grep -oE '"[^"]*"' |
		tr -d '"' | tr '\n' ' ')" -v said="$(strings src/pop/session.c | grep '^dialect=')" '
		{ sub(/ %s$/, " " said) }
		{ for (i = 2; i <= NF; i++) sub(/=.*/, "=", $i) }
		$1 != "event=%s" { print; next }
		{ n = split(events, event)
		  for (i = 1; i <= n; i++) { $1 = "event=" event[i]; print } }' | sort -u
}
# shellcheck disable=SC2046 # names without blanks
lines $(find src -name '*.c' ! -path 'src/tls/*' ! -name main_tls.c) >"$tmp/src-lines"
section DIAGNOSTICS | sed -n 's/^\.It Li \(event=.*\)/\1/p' | sort -u >"$tmp/man-lines"
[ "$(wc -l <"$tmp/src-lines")" -ge 14 ]
ok $? "the program has log lines"
same "$tmp/src-lines" "$tmp/man-lines" "DIAGNOSTICS has every log line, key for key"

# The same of in.popd-tls, where it was built.
if [ -x "$B/in.popd-tls" ]; then
	man=docs/in.popd-tls.8
	"$B/in.popd-tls" --help >"$tmp/help"
	grep -oE '^ +-[a-z], --[a-z-]+|^ +-[A-Z], --[a-z-]+' "$tmp/help" | tr -d ' ' |
		sort -u >"$tmp/help-options"
	section OPTIONS | sed -n 's/^\.It Fl \([A-Za-z]\) , Fl -\([a-z-]*\).*/-\1,--\2/p' |
		sort -u >"$tmp/man-options"
	same "$tmp/help-options" "$tmp/man-options" "in.popd-tls.8 has the options of --help"
	lines src/tls/*.c src/main_tls.c >"$tmp/src-lines"
	section DIAGNOSTICS | sed -n 's/^\.It Li \(event=.*\)/\1/p' | sort -u >"$tmp/man-lines"
	same "$tmp/src-lines" "$tmp/man-lines" "and its log lines"
	man=docs/in.popd.8
else
	skip "in.popd-tls.8" "not built"
fi

# The reasons of a refused login are the words that auth and the broker set.
grep -hoE '(= |return |\? |: )"[a-z]+(-[a-z]+)*"' src/auth/auth.c \
	src/priv/broker.c | grep -oE '"[a-z-]+"' | tr -d '"' | sort -u |
	grep -vxE 'signal' >"$tmp/reasons"
missing=$(while read -r word; do
	section DIAGNOSTICS | grep -qw -e "$word" || echo "$word"
done <"$tmp/reasons")
[ "$(wc -l <"$tmp/reasons")" -ge 10 ] && [ -z "$missing" ]
ok $? "DIAGNOSTICS has every reason for a refused login" "missing: $missing"

# Every answer: a C string that begins with -ERR, or - in POP2, and the strings
# joined to it, up to the first %.
# answers DIALECT: those of the manual page's part for it.
answers() {
	section DIAGNOSTICS | awk -v want="In POP${1#pop}" '
		/^In POP[123]/ { inside = index($0, want) == 1 } inside'
}
for dialect in pop1 pop2 pop3; do
	sed '/^ \*/d' "src/pop/$dialect.c" | tr '\n\t' '  ' | sed 's/" *"//g; s/"- %s/"- VERB/g' |
		grep -oE '"(-ERR|- )[^"]*"' | sed 's/^"//; s/"$//; s/ *%.*//' |
		sort -u >"$tmp/answers"
	answers "$dialect" >"$tmp/answers-man"
	missing=$(while IFS= read -r answer; do
		grep -qF -e ".It Li $answer" "$tmp/answers-man" || echo "$answer"
	done <"$tmp/answers")
	[ "$(wc -l <"$tmp/answers")" -ge 11 ] && [ -z "$missing" ]
	ok $? "DIAGNOSTICS has every refusal of $dialect" "missing: $missing"
	# And no other, as far as the first verb, number or inserted text.
	strings src/pop/*.c >"$tmp/said"
	sed -n 's/^\.It Li \(-ERR .*\|- .*\)/\1/p' "$tmp/answers-man" |
		sed 's/^- VERB/- %s/; s/ \(VERB\|N\) .*//; s/ in use, .*/ in use,/' >"$tmp/items"
	surplus=$(while IFS= read -r answer; do
		grep -qF -e "$answer" "$tmp/said" || grep -qxF -e "${answer#-ERR }" "$tmp/said" ||
			echo "$answer"
	done <"$tmp/items")
	[ -s "$tmp/items" ] && [ -z "$surplus" ]
	ok $? "and none that $dialect does not say" "surplus: $surplus"
done

grep -rhoE '"-ERR \[[A-Z/-]+\]' src/pop | grep -oE '\[.*\]' | sort -u >"$tmp/src-codes"
grep -oE '^-ERR \[[A-Z/-]+\]' README | grep -oE '\[.*\]' | sort -u >"$tmp/readme-codes"
same "$tmp/src-codes" "$tmp/readme-codes" "README says what to do about every response code"

if have mandoc; then
	lint=$(mandoc -Tlint -Wwarning "$man" docs/in.popd-tls.8 2>&1)
	ok $? "mandoc has no warning" "$lint"
else
	skip "mandoc has no warning" "no mandoc"
fi

# The two commands, each a line of its own, and those that .ci/run calls.
sed -n 's/^ *\(sh tests\/need [a-z]* && make [a-z]*\)$/\1/p' README | sort >"$tmp/commands"
cat >"$tmp/two" <<'END'
sh tests/need check && make check
sh tests/need demo && make demo
END
same "$tmp/two" "$tmp/commands" "README has its two commands"
if [ -f .ci/run ]; then
	grep -E '^sh tests/need [a-z]+ &&' .ci/run | sort -u >"$tmp/ci"
	stranger=$(grep -vxF -f "$tmp/commands" "$tmp/ci")
	grep -qxF 'sh tests/need check && make check' "$tmp/ci" && [ -z "$stranger" ]
	ok $? ".ci/run calls them as README has them" "$(cat "$tmp/ci")"
else
	skip ".ci/run calls them as README has them" "no .ci/run"
fi

# Paths in the documents that are paths of the tree.
for document in README docs/*.md; do
	absent=$(grep -oE '(^|[^A-Za-z0-9_/.])((docs|tests|src|xinetd\.d|\.ci)/[A-Za-z0-9_.@/-]*|(LICENSE|Makefile|[a-z]+\.conf\.sample)\b)' \
		"$document" | grep -oE '[.A-Za-z][A-Za-z0-9_.@/-]*' |
		sed 's/\.$//' | sort -u | while read -r path; do
		[ -e "$path" ] || echo "$path"
	done)
	[ -z "$absent" ]
	ok $? "what $document names is there" "absent: $absent"
done

# Every make target, in README.
missing=$(sed -n 's/^\.PHONY: //p' Makefile | tr ' ' '\n' | while read -r target; do
	sed -n '/^MAKE$/,/^B=DIR/p' README | grep -qw -e "$target" || echo "$target"
done)
[ -z "$missing" ]
ok $? "README has every make target" "missing: $missing"

# The names in decisions.md are names in the source.
absent=$(grep -oE '\[`[^]]*\]' docs/decisions.md | grep -oE '`[a-z_.0-9]+`' |
	tr -d '`' | sort -u | while read -r name; do
	case $name in
	*.c) find src -name "$name" | grep -q . || echo "$name" ;;
	*) grep -rqE "^[ 	]*$name\(" src || echo "$name" ;;
	esac
done)
[ -z "$absent" ]
ok $? "what docs/decisions.md names is in the source" "absent: $absent"

# Every row of conformance.md says what follows the clause or why nothing does;
# the functions, test cases, transcripts and files it names are there.
awk -F'|' '/^\|/ && !/^\|---/ && (NF != 5 || $2 $3 $4 ~ /^ *$/ ||
	$2 ~ /^ *$/ || $3 ~ /^ *$/ || $4 ~ /^ *$/) { print FNR ": " $0 }' \
	docs/conformance.md >"$tmp/rows"
is "$(cat "$tmp/rows")" "" "docs/conformance.md has three columns everywhere"
awk -F'|' '/^\|/ { print $3, $4 }' docs/conformance.md | grep -oE '`[^`]*`' |
	tr -d '`' | sort -u >"$tmp/named"
absent=$(while read -r name; do
	file=${name%%:*} within=${name#*:}
	case $name in
	*_test:*) grep -q "^$within(" "tests/unit/$file.c" 2>/dev/null ;;
	*.c:*) grep -qE "(^|[ *])$within(\(|\[| = \{)" "src/$file" 2>/dev/null ;;
	*) [ -e "$name" ] || [ -e "tests/$name" ] ||
		[ -e "tests/dialogue/$name.txt" ] ;;
	esac || echo "$name"
done <"$tmp/named")
[ "$(wc -l <"$tmp/named")" -ge 150 ] && [ -z "$absent" ]
ok $? "every function and test in docs/conformance.md is there" "absent: $absent"

# docs/trust.md: what it says of root is make lint's to compare; how long the
# functions are is ours.
awk '/^[a-z][a-z0-9_]*\(/ { f = $1; sub(/\(.*/, "", f); n = FNR - 1 }
	/^}/ && f != "" { print FILENAME, f, FNR - n + 1; f = "" }' \
	src/*.c src/*/*.c | sort >"$tmp/functions"
grep -E '^src/[a-z_/]+\.c [a-z0-9_]+ [0-9]+$' docs/trust.md | sort >"$tmp/listed"
stale=$(comm -13 "$tmp/functions" "$tmp/listed" | while read -r file name lines; do
	echo "docs: $file $name $lines"
	grep -e "^$file $name " "$tmp/functions" | sed 's/^/src:  /'
done)
[ -s "$tmp/listed" ] && [ -z "$stale" ]
ok $? "docs/trust.md lists functions with as many lines as they have" "$stale"

finish
