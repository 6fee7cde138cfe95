#!/bin/sh
# fuzz.sh - the fuzz targets over their seeds, as plain programs of this build:
# they live through them, and nothing that they look for is there.
# shellcheck disable=SC2154 # lib.sh's variables
. tests/lib.sh

seeds=$tmp/seeds
sh tests/fuzz/seeds.sh "$seeds"
ok $? "there are seeds"
for source in tests/fuzz/*.c; do
	target=$(basename "$source" .c)
	[ "$target" != plain ] || continue
	if [ "$target" = relay ] && [ ! -x "$B/in.popd-tls" ]; then
		skip relay "in.popd-tls was not built: no OpenSSL"
		continue
	fi
	if [ ! -x "$B/tests/fuzz/$target" ]; then
		ok 1 "$target is built" "no $B/tests/fuzz/$target"
		continue
	fi
	said=$("$B/tests/fuzz/$target" "$seeds/$target"/* 2>&1)
	ok $? "$target over its seeds" "$said"
	like "$said" '^[1-9][0-9]* inputs' "$target has read some"
done
finish
