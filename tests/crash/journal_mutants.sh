#!/bin/sh
# tests/crash/journal_mutants.sh [NAME]... - whether journal_model_test notices:
# builds it with each change of journal.mutants, or those named, and demands that
# it fails. One line each: "killed" or "survived"; the first is the unchanged
# source, which must pass. ROUNDS and SEED of the model from the environment.
set -u
cd "$(dirname "$0")/../.." || exit 1
list=tests/crash/journal.mutants
rounds=${ROUNDS:-150000} seed=${SEED:-2}
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
mkdir -p "$tmp/src/store"
bad=0

# fresh: the sources as they are.
fresh() {
	cp src/store/journal.c src/store/survivors.c "$tmp/src/store"
}
# change NAME FILE: FILE with the change of that name; fails unless its lines
# stand there exactly once.
change() {
	awk -v name="$1" '
	NR == FNR {
		if ($1 == "=")
			mine = $2 == name
		else if (mine && /^-/)
			old[++olds] = substr($0, 2)
		else if (mine && /^[+]/)
			new[++news] = substr($0, 2)
		next
	}
	{ line[++lines] = $0 }
	END {
		for (i = 1; i <= lines; i++) {
			for (k = 1; k <= olds && line[i + k - 1] == old[k]; k++)
				;
			if (olds > 0 && k > olds) {
				found++
				for (k = 1; k <= news; k++)
					print new[k]
				i += olds - 1
			} else
				print line[i]
		}
		exit found != 1
	}' "$list" "$2" >"$tmp/$2"
}
build() {
	${CC:-cc} -g -O1 -std=c11 -D_GNU_SOURCE -I"$tmp/src" -Isrc -o "$tmp/model" \
		tests/unit/store/journal_model_test.c "$tmp/src/store/survivors.c" \
		src/sys/io.c src/sys/digest.c src/sys/buf.c src/sys/err.c \
		-lmd -lcmocka >"$tmp/log" 2>&1
}
# run: the model; $status is 124 when it took too long, which says nothing.
run() {
	timeout "${SECONDS_EACH:-300}" "$tmp/model" "$rounds" "$seed" \
		>"$tmp/log" 2>&1
	status=$?
}

fresh
if ! build || { run; [ "$status" -ne 0 ]; }; then
	echo "the unchanged source fails:"
	cat "$tmp/log"
	exit 1
fi
echo "unchanged: passes"
while read -r sign name file; do
	[ "$sign" = = ] || continue
	case " $* " in '  ' | *" $name "*) ;; *) continue ;; esac
	fresh
	if ! change "$name" "$file"; then
		echo "$name: does not fit $file any more"
		bad=1
	elif ! build; then
		echo "$name: does not build"
		cat "$tmp/log"
		bad=1
	else
		run
		case $status in
		0) echo "$name: survived"
			bad=1 ;;
		124) echo "$name: took too long"
			bad=1 ;;
		*) echo "$name: killed" ;;
		esac
	fi
done <"$list"
exit "$bad"
