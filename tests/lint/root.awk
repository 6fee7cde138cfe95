# What can be root after the first octet of a client: the functions that
# docs/trust.md lists, 300 lines of them at most, and no function of ours that
# they call and that is not listed, but for the two that begin when root is
# over: the judge's, and attend. The first file is the list.
BEGIN {
	over["judge_run"] = over["attend"]
}
FNR == NR {
	if (/^src\/[a-z_\/]*\.c [a-z0-9_]+ [0-9]+$/) {
		listed[$1 " " $2] = $3
		total += $3
	}
	next
}
/^[a-z][a-z0-9_]*\(/ {
	name = $1
	sub(/\(.*/, "", name)
	where[name] = where[name] " " FILENAME
	inside = (FILENAME " " name) in listed
	me = name
	next
}
/^}/ { inside = 0 }
inside {
	sub(/\/\*.*/, "")
	gsub(/"[^"]*"/, "")
	line = $0
	while (match(line, /[a-z_][a-z0-9_]*/)) {
		word = substr(line, RSTART, RLENGTH)
		line = substr(line, RSTART + RLENGTH)
		# Without "(": a pointer to it, to a function of the same file.
		if (line ~ /^\(/ || !((FILENAME " " word) in uses))
			uses[FILENAME " " word] = (line ~ /^\(/ ? "" : "*") me
	}
}
END {
	for (use in uses) {
		split(use, p, " ")
		word = p[2]
		if (!(word in where) || word in over)
			continue
		n = split(where[word], files, " ")
		found = sub(/^\*/, "", uses[use]) && index(where[word], p[1]) == 0
		for (i = 1; i <= n; i++)
			if ((files[i] " " word) in listed)
				found = 1
		if (!found) {
			printf "%s calls %s, which docs/trust.md does not list as root\n", uses[use], word
			bad = 1
		}
	}
	if (total == 0 || total > 300) {
		printf "%d lines can be root after the first octet of a client, 300 may\n", total
		bad = 1
	}
	exit bad
}
