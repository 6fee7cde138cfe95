#!/bin/sh
# fuzz.sh [TARGET...] - runs the fuzz targets, all of them or those named, each
# for SECONDS_EACH seconds (20) under libFuzzer with the address and undefined
# behaviour sanitizers. Ends with 1 when one has found something; the input is
# in $B/fuzz then. Run from the top of the tree, with clang.
set -u
: "${B:?the build directory}"
: "${SECONDS_EACH:=20}"
: "${CLANG:=clang}"
if ! command -v "$CLANG" >/dev/null 2>&1; then
	echo "fuzz: no $CLANG, nothing done" >&2
	exit 1
fi
sanitize=address,undefined
flags="-g -O1 -fno-sanitize-recover=undefined"
out=$B/fuzz
found=0
mkdir -p "$out"

${MAKE:-make} -s B="$out/lib" CC="$CLANG" \
	CFLAGS="$flags -fsanitize=fuzzer-no-link,$sanitize" \
	"$out/lib/libpopd.a" || exit 1
rm -rf "$out/seeds"
sh tests/fuzz/seeds.sh "$out/seeds" || exit 1

if [ $# -eq 0 ]; then
	for target in tests/fuzz/*.c; do
		target=$(basename "$target" .c)
		case $target in
		plain) ;;
		relay) # which has OpenSSL's headers, and not OpenSSL
			if echo '#include <openssl/ssl.h>' |
				"$CLANG" -E -xc - >/dev/null 2>&1; then
				set -- "$@" relay
			else
				echo "relay: no OpenSSL, left out" >&2
			fi
			;;
		*) set -- "$@" "$target" ;;
		esac
	done
fi
for target; do
	# shellcheck disable=SC2086 # flags are several
	"$CLANG" -std=c11 -D_GNU_SOURCE -Isrc $flags \
		-fsanitize="fuzzer,$sanitize" -o "$out/$target" \
		"tests/fuzz/$target.c" "$out/lib/libpopd.a" -lcrypt -lmd || exit 1
	mkdir -p "$out/corpus/$target"
	if (cd "$out" && "./$target" -max_total_time="$SECONDS_EACH" \
		-timeout=10 -rss_limit_mb=1024 -max_len=8192 -print_final_stats=1 \
		-artifact_prefix="$target-" "corpus/$target" "seeds/$target" \
		>"$target.log" 2>&1); then
		runs=$(sed -n 's/^stat::number_of_executed_units: *//p' \
			"$out/$target.log")
		cover=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$out/$target.log" |
			tail -n 1)
		echo "$target: $runs runs, $cover places reached, nothing found"
	else
		echo "$target: found something ($out/$target.log)"
		grep -nE 'not so:|ERROR:|runtime error|SUMMARY|Test unit' \
			"$out/$target.log" | head -n 8
		found=1
	fi
done
exit "$found"
