# report.awk - the figures of bench.sh as a table, a line each: the best of the
# rounds, the median in brackets (or, by "median", the other way round), the
# ratios, and whether a bar is met. With plain=1 for the terminal, else Markdown.

# row FIGURE UNIT TITLE BOUND BAR BY: BOUND is who to be compared with; BAR is
# "who op number", where who is bound, popa3d, dovecot or value; BY is "median",
# or nothing for the best.
function row(f, unit, title, bound, bar, by) {
	n++; F[n] = f; U[n] = unit; T[n] = title; O[n] = bound; R[n] = bar; M[n] = by
}
# last: the rows of a figure of bench.sh's last_goes.
function last(f, where) {
	row(f, "ms", "QUIT, last message deleted" where, "truncate", "bound <= 1.3", "median")
	row(f, "ms", "the same beside a cut under both locks", "truncate-locked", "", "median")
	row(f, "ms", "the same beside a cut of a disk that is awake", "at-once", "", "median")
	row(f, "ms", "the same beside an empty server that cuts", "empty", "", "median")
}
function figure(by, f, w, unit) {
	return by == "median" ? median(f, w, unit) : best(f, w, unit)
}
function is_rate(unit) { return unit ~ /\/s$/ }
function best(f, w, unit,   k, i, b, v) {
	k = f "|" w "|" unit
	if (!(k in count)) return ""
	b = value[k, 1]
	for (i = 2; i <= count[k]; i++) {
		v = value[k, i]
		if (is_rate(unit) ? v > b : v < b) b = v
	}
	return b
}
function median(f, w, unit,   k, i, j, t, a, c) {
	k = f "|" w "|" unit
	if (!(k in count)) return ""
	c = count[k]
	for (i = 1; i <= c; i++) a[i] = value[k, i]
	for (i = 2; i <= c; i++)
		for (j = i; j > 1 && a[j] < a[j - 1]; j--) {
			t = a[j]; a[j] = a[j - 1]; a[j - 1] = t
		}
	return c % 2 ? a[(c + 1) / 2] : (a[c / 2] + a[c / 2 + 1]) / 2
}
function short(v) {
	if (v == "") return ""
	return v >= 100 ? sprintf("%.0f", v) : v >= 10 ? sprintf("%.1f", v) : sprintf("%.2f", v)
}
# against: how many times better a is than b.
function against(a, b, unit) {
	if (a == "" || b == "" || a == 0 || b == 0) return ""
	return is_rate(unit) ? a / b : b / a
}
function met(bar, us, of_bound, of_popa3d, of_dovecot,   p, v) {
	if (bar == "") return ""
	split(bar, p, " ")
	v = p[1] == "bound" ? of_bound : p[1] == "popa3d" ? of_popa3d : p[1] == "dovecot" ? of_dovecot : us
	if (v == "") return bar ": not measured"
	return bar ": " ((p[2] == "<=" ? v <= p[3] + 0 : v >= p[3] + 0) ? "met" : "not met")
}
FNR == NR { limit[$2] = $3; next }
{
	split($0, c, "|")
	k = c[1] "|" c[2] "|" c[3]
	value[k, ++count[k]] = c[4] + 0
}
END {
	big = ENVIRON["BENCH_BIG"]; many = ENVIRON["BENCH_MANY"]
	del = ENVIRON["BENCH_DELETE"]
	row("first", "ms", "first STAT, " big, "wc", "bound <= 1.3")
	row("poll", "ms", "unchanged: STAT and UIDL, " big, "", "dovecot >= 8")
	row("append", "ms", "after an append: STAT and UIDL", "poll", "bound <= 1.5")
	row("retr", "MB/s", "RETR pipelined, " big, "empty", "popa3d >= 3")
	row("retr1", "MB/s", "RETR one by one, " big, "empty", "popa3d >= 2")
	row("retr", "cpu-ms/GB", "processor time of it", "empty", "")
	row("retr", "MiB-peak", "largest process meanwhile", "", "")
	row("list", "ms", "LIST of " many " messages", "", "")
	row("sessions", "sessions/s", "login, STAT, QUIT", "empty", "popa3d >= 2")
	row("sessions", "sessions/s", "in.popd before sandbox, TLS, index", "before-locks", "bound <= 1.05")
	row("sessions", "sessions/s", "in.popd before secrets, logs, judge", "before-speed", "bound <= 1.05")
	row("sessions", "cpu-ms", "processor time of one", "empty", "")
	row("sessions", "faults", "page faults of one", "empty", "")
	row("calls", "calls", "system calls of one", "empty", "value <= 200")
	row("memory", "KiB", "private memory, idle", "", "value <= 256")
	row("memory-many", "KiB", "private memory, " many " messages", "", "value <= " limit["memory-many"])
	row("delete-first", "ms", "QUIT, first message of " del " deleted", "shift", "bound <= 2.5")
	row("delete-third", "ms", "QUIT, every third deleted", "cp", "")
	row("delete-half", "ms", "QUIT, first half deleted", "shift", "bound <= 1.5")
	last("delete-last", "")
	last("delete-ext4", ", ext4 in a file")
	row("delete-all", "ms", "QUIT, all deleted", "truncate", "bound <= 1.3")
	if (!plain) {
		print "| figure | unit | bound | in.popd | of the bound | popa3d | times | Dovecot | times | bar |"
		print "|---|---|---:|---:|---:|---:|---:|---:|---:|---|"
	}
	for (i = 1; i <= n; i++) {
		us = figure(M[i], F[i], "in.popd", U[i])
		if (us == "") continue
		if (O[i] == "poll") { b = best("poll", "in.popd", U[i]); name = "unchanged" }
		else { b = figure(M[i], F[i], O[i], U[i]); name = O[i] == "wc" ? "wc -l" : O[i] }
		p3 = figure(M[i], F[i], "popa3d", U[i]); dv = figure(M[i], F[i], "dovecot", U[i])
		ob = against(b, us, U[i]); tp = against(us, p3, U[i]); td = against(us, dv, U[i])
		m = met(R[i], us, ob, tp, td)
		if (plain)
			printf "%-36s %10s %-10s %6s x %-9s %6s x popa3d %6s x Dovecot  %s\n", T[i], short(us), U[i],
			    ob == "" ? "-" : short(ob), b == "" ? "-" : name,
			    tp == "" ? "-" : short(tp), td == "" ? "-" : short(td), m
		else
			printf "| %s | %s | %s | %s (%s) | %s | %s | %s | %s | %s | %s |\n", T[i], U[i],
			    b == "" ? "" : name " " short(b), short(us), short(figure(M[i] == "median" ? "" : "median", F[i], "in.popd", U[i])),
			    ob == "" ? "" : short(ob) " x", short(p3), tp == "" ? "" : short(tp),
			    short(dv), td == "" ? "" : short(td), m
	}
}
