# A room includes its own headers and those of lower levels, never a room
# beside or above it; and some system headers belong to certain rooms.
BEGIN {
	split("sys 0 wire 1 store 1 auth 1 priv 2 pop 3 tls 3 selftest.h 3 selftest.c 4 selftest_mta.c 4 selftest_starts.c 4 main.c 4 main_tls.c 4", a)
	for (i = 1; i in a; i += 2)
		level[a[i]] = a[i + 1] + 0
	only["shadow.h"] = only["crypt.h"] = " auth "
	only["pwd.h"] = " auth main.c main_tls.c selftest.c "
	only["syslog.h"] = " sys priv main.c main_tls.c "
	only["fcntl.h"] = " sys store auth priv tls main.c main_tls.c selftest.c "
	only["sys/socket.h"] = " sys priv tls main_tls.c "
	only["openssl/ssl.h"] = only["openssl/err.h"] = " tls "
	only["sha2.h"] = only["md5.h"] = " sys "
}
FNR == 1 { split(FILENAME, p, "/"); me = p[2] }
/^#[ \t]*include "/ {
	split($2, q, /["\/]/)
	to = q[2]
	# TLS is a program of its own: it shares nothing but sys/.
	if ((me == "tls" && to != "tls" && to != "sys") ||
	    (to == "tls" && me != "tls" && me != "main_tls.c") ||
	    (to != me && !(to in level && level[to] < level[me]))) {
		printf "%s:%d: %s may not include %s\n", FILENAME, FNR, me, to
		bad = 1
	}
}
/^#[ \t]*include </ {
	to = $2
	gsub(/[<>]/, "", to)
	if (to in only && index(only[to], " " me " ") == 0) {
		printf "%s:%d: %s may not include <%s>\n", FILENAME, FNR, me, to
		bad = 1
	}
}
END { exit bad }
