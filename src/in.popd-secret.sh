#!/bin/sh
# in.popd-secret - the secrets of devices, in the file of in.popd --secrets:
# adds one of its own making and prints it, lists whose there are, removes one.
set -eu
umask 077
export LC_ALL=C

usage() {
	cat >&2 <<'END'
usage: in.popd-secret [-f file] add user label
       in.popd-secret [-f file] remove user label
       in.popd-secret [-f file] list
END
	exit 64
}
die() {
	echo "in.popd-secret: $*" >&2
	exit 1
}

file=/etc/in.popd/secrets
if [ "${1-}" = -f ] && [ $# -gt 1 ]; then
	file=$2
	shift 2
fi
case ${1-},$# in add,3 | remove,3 | list,1) ;; *) usage ;; esac

# The file without the user's secret of that label; 1 when there is none.
without() {
	user=$1 label=$2 awk -F: '
		$1 "" == ENVIRON["user"] "" && $2 "" == ENVIRON["label"] "" {
			found = 1
			next
		}
		{ print }
		END { exit !found }' "$file"
}

if [ "$1" = list ]; then
	awk -F: '!/^#/ && NF > 2 && $2 != "" { print $1 ":" $2 }' "$file" ||
		die "cannot list $file"
	exit 0
fi
case $2 in
'' | '#'* | *:* | *[[:space:]]*) die "no user can be called '$2'" ;;
esac
case $3 in
'' | *:* | *[[:cntrl:]]*) die "a label is a text without a colon, not '$3'" ;;
esac
if [ "$1" = add ]; then
	dir=$(dirname "$file")
	[ -d "$dir" ] || mkdir -m 755 "$dir" || die "cannot make $dir"
	[ -e "$file" ] || (: >"$file") || die "cannot make $file"
fi
[ -r "$file" ] || die "cannot read $file"

# The new file keeps others from making one, and takes the old one's place at
# once: no login finds half of it.
(set -C && : >"$file.new") 2>/dev/null ||
	die "cannot make $file.new: not allowed to, or another one is at work"
trap 'rm -f "$file.new"' EXIT
trap 'exit 1' HUP INT TERM
found=0
without "$2" "$3" >|"$file.new" || found=$?
case $1,$found in
remove,0) ;;
remove,1) die "$2 has no secret $3" ;;
add,0) die "$2 has a secret $3 already: remove it first" ;;
add,1)
	secret=$(tr -dc a-km-z2-9 </dev/urandom | head -c 24)
	[ ${#secret} -eq 24 ] || die "no random numbers"
	printf '%s:%s:%s\n' "$2" "$3" "$secret" >>"$file.new"
	;;
*) die "cannot copy $file" ;;
esac
mv "$file.new" "$file"
trap - EXIT
[ "$1" = remove ] || echo "$secret"
