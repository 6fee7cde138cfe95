/* passwd_file - one user from a file in the form of passwd(5) with the hashes
 * in it. Every line is foreign text. Knows no policy. */
#include "auth/entry.h"
#include "sys/io.h"
#include "sys/num.h"
#include <string.h>

enum { FIELDS = 7 };

/* split - the line's fields, in place. 0 unless there are just FIELDS. */
static unsigned
split(char *line, char *field[FIELDS])
{
	size_t n = 0;

	for (;;) {
		char *colon = strchr(line, ':');

		field[n++] = line;
		if (colon == NULL)
			return n == FIELDS;
		if (n == FIELDS)
			return 0;
		*colon = '\0';
		line = colon + 1;
	}
}

/* match - RC_OK when line is user's and well formed, RC_NOSUCH when it is for
 * another, RC_SYNTAX when it is for user and malformed. */
static enum rc
match(char *line, const char *user, struct entry *out)
{
	size_t n = strlen(user);
	char *field[FIELDS];
	uint64_t uid, gid;

	if (line[0] == '#' || strncmp(line, user, n) != 0 || line[n] != ':')
		return RC_NOSUCH;
	if (!split(line, field) || strcmp(field[0], user) != 0 ||
	    num_parse(field[2], UINT32_MAX - 1, &uid) != RC_OK ||
	    num_parse(field[3], UINT32_MAX - 1, &gid) != RC_OK)
		return RC_SYNTAX;
	if (entry_set(out, field[0], (uid_t)uid, (gid_t)gid, field[5]) !=
		RC_OK ||
	    entry_set_hash(out, field[1]) != RC_OK)
		return RC_SYNTAX;
	return RC_OK;
}

/* reader - lines of the file, one after the other. */
struct reader {
	int fd;
	off_t at;
	char line[PASSWD_LINE_OCTETS + 1];
};

/* next_line - the next line without its LF; RC_EOF behind the last. A line
 * that is too long or holds a NUL comes as "". */
static enum rc
next_line(struct reader *r)
{
	size_t got, len;
	const char *lf;
	enum rc rc = io_pread(r->fd, r->line, PASSWD_LINE_OCTETS, r->at, &got);

	if (rc != RC_OK)
		return rc;
	if (got == 0)
		return RC_EOF;
	lf = memchr(r->line, '\n', got);
	len = lf != NULL ? (size_t)(lf - r->line) : got;
	r->at += (off_t)len + (lf != NULL);
	r->line[len] = '\0';
	if (lf == NULL && got == PASSWD_LINE_OCTETS) {
		char c = '\0';

		do {
			rc = io_pread(r->fd, &c, 1, r->at++, &got);
		} while (rc == RC_OK && got == 1 && c != '\n');
		r->line[0] = '\0';
	}
	if (strlen(r->line) != len)
		r->line[0] = '\0';
	return rc;
}

enum rc
passwd_file_find(int fd, const char *user, struct entry *out)
{
	struct reader r = {.fd = fd};
	enum rc rc;

	memset(out, 0, sizeof(*out));
	while ((rc = next_line(&r)) == RC_OK) {
		rc = match(r.line, user, out);
		if (rc != RC_NOSUCH)
			break;
	}
	explicit_bzero(&r, sizeof(r));
	if (rc == RC_EOF || rc == RC_SYNTAX)
		rc = RC_NOSUCH;
	return rc;
}
