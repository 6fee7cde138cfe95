/* line - command lines from the client, each within its limit and its time.
 * Knows what a line is, and no command. */
#include "wire/line.h"
#include "sys/io.h"
#include <string.h>

enum { DRAIN_READS = 64 }; /* a mebibyte */

void
line_init(struct line_reader *r, int fd)
{
	r->fd = fd;
	r->at_end = 0;
	line_drop(r);
}

void
line_drop(struct line_reader *r)
{
	r->pos = r->end = r->seen = 0;
	r->discarding = 0;
}

/* find_end - the LF that ends the line at pos, or NULL; never looks at an
 * octet twice. */
static char *
find_end(struct line_reader *r)
{
	size_t have = r->end - r->pos;
	char *lf = memchr(r->data + r->pos + r->seen, '\n', have - r->seen);

	if (lf == NULL)
		r->seen = have;
	return lf;
}

enum rc
line_fill(struct line_reader *r, int64_t deadline_ms)
{
	size_t got;
	enum rc rc;

	if (r->at_end)
		return RC_EOF;
	if (r->pos > 0) {
		memmove(r->data, r->data + r->pos, r->end - r->pos);
		r->end -= r->pos;
		r->pos = 0;
	}
	rc = io_read(r->fd, r->data + r->end, sizeof(r->data) - r->end,
	    deadline_ms, &got);
	if (rc == RC_OK)
		r->end += got;
	else if (rc == RC_EOF)
		r->at_end = 1;
	return rc;
}

void
line_skip(struct line_reader *r, size_t n)
{
	r->pos += n;
	r->seen = 0;
}

enum rc
line_read(
    struct line_reader *r, size_t limit, int64_t deadline_ms, struct line *out)
{
	unsigned filled = 0;
	char *lf, *text;
	size_t len;

	while ((lf = find_end(r)) == NULL) {
		enum rc rc;

		/* Who sends faster than we read does not get more time. */
		if (filled &&
		    (deadline_ms == IO_READY || io_now_ms() >= deadline_ms))
			return RC_TIMEOUT;
		if (r->discarding || r->seen >= limit) {
			r->discarding = 1;
			r->pos = r->end = r->seen = 0;
		}
		rc = line_fill(r, deadline_ms);
		if (rc != RC_OK)
			return rc;
		filled = 1;
	}
	text = r->data + r->pos;
	len = (size_t)(lf - text);
	out->octets = len + 1;
	r->pos += len + 1;
	r->seen = 0;
	if (r->discarding || len + 1 > limit) {
		r->discarding = 0;
		return RC_TOOLONG;
	}
	if (len > 0 && text[len - 1] == '\r')
		len--;
	text[len] = '\0';
	if (memchr(text, '\0', len) != NULL)
		return RC_SYNTAX;
	out->text = text;
	out->len = len;
	return RC_OK;
}

unsigned
line_waiting(struct line_reader *r)
{
	return find_end(r) != NULL || r->at_end;
}

enum rc
line_drain(struct line_reader *r)
{
	enum rc rc = RC_OK;
	size_t got;

	line_drop(r);
	for (unsigned i = 0; i < DRAIN_READS && rc == RC_OK; i++)
		rc =
		    io_read(r->fd, r->data, sizeof(r->data), io_now_ms(), &got);
	if (rc == RC_OK)
		return RC_LIMIT;
	return rc == RC_TIMEOUT || rc == RC_EOF ? RC_OK : rc;
}
