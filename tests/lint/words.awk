# Calls that are banned: unbounded, locale-bound, or the end of the process
# outside main.c. Comments and strings do not count.
BEGIN {
	banned = "strcpy|strcat|sprintf|vsprintf|strtok|strncpy|strncat|atoi|atol|gets|alloca|setjmp|longjmp|sigsetjmp|siglongjmp|system|popen|strtoul|sscanf"
}
{
	line = $0
	gsub(/"([^"\\]|\\.)*"/, "\"\"", line)
	sub(/\/\*.*$/, "", line)
	if (line ~ /^[ \t]*\*/)
		next
	if (line ~ ("(^|[^A-Za-z0-9_])(" banned ")[ \t]*\\(")) {
		printf "%s:%d: banned call: %s\n", FILENAME, FNR, $0
		bad = 1
	}
	# root.c ends what it has forked, and what cannot give up root.
	if (FILENAME !~ /^src\/(main|priv\/root\.c)/ && line ~ /(^|[^A-Za-z0-9_])_?exit[ \t]*\(/) {
		printf "%s:%d: only main.c ends the process: %s\n", FILENAME, FNR, $0
		bad = 1
	}
}
END { exit bad }
