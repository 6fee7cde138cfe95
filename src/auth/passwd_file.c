/* passwd_file - one user from a file in the form of passwd(5) with the hashes
 * in it. Every line is foreign text. Knows no policy. */
#include "auth/entry.h"
#include "sys/num.h"
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

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

enum rc
passwd_line_entry(char *line, const char *user, struct entry *out)
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
	off_t at;        /* what comes behind data */
	size_t pos, len; /* of data: looked at, there */
	unsigned ended : 1;
	char data[2 * PASSWD_LINE_OCTETS + 1];
};

/* fill - more of the file behind what is left in data. */
static enum rc
fill(struct reader *r)
{
	size_t room;
	ssize_t got;

	memmove(r->data, r->data + r->pos, r->len - r->pos);
	r->len -= r->pos;
	r->pos = 0;
	room = sizeof(r->data) - 1 - r->len;
	do
		got = pread(r->fd, r->data + r->len, room, r->at);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return RC_IO;
	r->at += got;
	r->len += (size_t)got;
	r->ended = got == 0;
	return RC_OK;
}

/* next_line - the next line without its LF; RC_EOF behind the last. A line
 * that is too long or holds a NUL comes as "". */
static enum rc
next_line(struct reader *r, char **line)
{
	unsigned too_long = 0;

	for (;;) {
		char *lf = memchr(r->data + r->pos, '\n', r->len - r->pos);
		size_t n = lf != NULL ? (size_t)(lf - r->data) - r->pos
				      : r->len - r->pos;

		if (lf == NULL && !r->ended) {
			enum rc rc;

			if (n >= PASSWD_LINE_OCTETS) {
				too_long = 1;
				r->pos = r->len;
			}
			rc = fill(r);
			if (rc != RC_OK)
				return rc;
			continue;
		}
		if (lf == NULL && n == 0 && !too_long)
			return RC_EOF;
		*line = r->data + r->pos;
		(*line)[n] = '\0';
		r->pos += n + (lf != NULL);
		if (too_long || n >= PASSWD_LINE_OCTETS || strlen(*line) != n)
			*line = r->data + sizeof(r->data) - 1;
		return RC_OK;
	}
}

static void
begin(struct reader *r, int fd)
{
	memset(r, 0, offsetof(struct reader, data));
	r->fd = fd;
	r->data[sizeof(r->data) - 1] = '\0';
}

enum rc
passwd_line_find(int fd, const char *user, char out[PASSWD_LINE_OCTETS + 1])
{
	size_t n = strlen(user);
	struct reader r;
	char *line;
	enum rc rc;

	begin(&r, fd);
	while ((rc = next_line(&r, &line)) == RC_OK) {
		if (strncmp(line, user, n) == 0 && line[n] == ':') {
			memcpy(out, line, strlen(line) + 1);
			break;
		}
	}
	explicit_bzero(&r, sizeof(r));
	return rc == RC_EOF ? RC_NOSUCH : rc;
}

enum rc
passwd_lines(
    int fd, const char *user, void (*each)(void *how, char *rest), void *how)
{
	size_t n = strlen(user);
	struct reader r;
	char *line;
	enum rc rc;

	begin(&r, fd);
	while ((rc = next_line(&r, &line)) == RC_OK) {
		if (line[0] != '#' && strncmp(line, user, n) == 0 &&
		    line[n] == ':')
			each(how, line + n + 1);
	}
	explicit_bzero(&r, sizeof(r));
	return rc == RC_EOF ? RC_OK : rc;
}

enum rc
passwd_file_find(int fd, const char *user, struct entry *out)
{
	struct reader r;
	char *line;
	enum rc rc;

	begin(&r, fd);
	memset(out, 0, sizeof(*out));
	while ((rc = next_line(&r, &line)) == RC_OK) {
		rc = passwd_line_entry(line, user, out);
		if (rc != RC_NOSUCH)
			break;
	}
	explicit_bzero(&r, sizeof(r));
	if (rc == RC_EOF || rc == RC_SYNTAX)
		rc = RC_NOSUCH;
	return rc;
}
