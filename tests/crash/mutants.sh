#!/bin/sh
# tests/crash/mutants.sh [NAME]... - whether the fault injector notices: builds a
# copy of the tree with each change of tests/crash/mutants, or those named, and
# lets the injector of $B loose on it until it complains. Prints TAP lines; the
# first is the unchanged copy, on which it must not.
# shellcheck source=tests/lib.sh
. tests/lib.sh
seed=${SEED:-1}
copy=$tmp/copy
list=$PWD/tests/crash/mutants
mkdir "$copy" "$tmp/b" "$tmp/b/tests" "$tmp/b/tests/crash" || exit 1
cp -R Makefile src "$copy" && cp "$B/tests/crash/inject" "$tmp/b/tests/crash" || exit 1

build() {
	(cd "$copy" && make -s B="$tmp/b" WARN= "$tmp/b/in.popd") >"$tmp/make" 2>&1
}
# run: the injector's verdict is in $said.
run() {
	said=$(B=$tmp/b timeout "${SECONDS_EACH:-300}" tests/crash/run.sh \
		--seed "$seed" --faults "${FAULTS:-4000}" --storm 16 --first 2>&1)
}

build || {
	ok 1 "the copy builds" "$(cat "$tmp/make")"
	finish
}
[ $# -gt 0 ] || { run; ok $? "nothing is wrong with the unchanged tree" "$said"; }
while read -r name file script; do
	case $name in '' | '#'*) continue ;; esac
	case " $* " in '  ' | *" $name "*) ;; *) continue ;; esac
	sed "$script" "$file" >"$copy/$file"
	if cmp -s "$file" "$copy/$file"; then
		ok 1 "$name: $file has changed, so must the mutant"
	elif ! build; then
		ok 1 "$name: builds" "$(cat "$tmp/make")"
	else
		run
		status=$?
		[ "$status" -eq 1 ]
		ok $? "$name: noticed" "status $status: $said"
		printf '%s\n' "$said" | grep -E '^(bad:|faults)' | sed 's/^/# /'
	fi
	cp "$file" "$copy/$file"
done <"$list"
finish
