/* reply - what the client gets to read: status lines, and bodies with CRLF
 * line ends and byte-stuffing. Knows no command and no mail.
 *
 * Octets gather in data and leave when it is full or when the caller flushes,
 * so that the replies to a pipelined batch share their writes. */
#include "wire/reply.h"
#include "sys/io.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void
reply_init(struct reply *r, int fd, unsigned stall_ms)
{
	r->fd = fd;
	r->stall_ms = stall_ms;
	r->last = '\n';
	r->at_bol = 1;
	r->broken = RC_OK;
	r->len = 0;
	r->written = 0;
	r->first[0] = '\0';
}

enum rc
reply_flush(struct reply *r)
{
	size_t n = r->len;
	enum rc rc;

	if (r->broken != RC_OK || n == 0)
		return r->broken;
	r->len = 0;
	rc = io_write(r->fd, r->data, n, r->stall_ms);
	if (rc == RC_OK)
		r->written += n;
	r->broken = rc;
	return rc;
}

/* put - n octets as they are. */
static enum rc
put(struct reply *r, const char *octets, size_t n)
{
	while (n > 0) {
		size_t room = sizeof(r->data) - r->len;
		size_t part = n < room ? n : room;

		memcpy(r->data + r->len, octets, part);
		r->len += part;
		octets += part;
		n -= part;
		if (r->len == sizeof(r->data)) {
			enum rc rc = reply_flush(r);

			if (rc != RC_OK)
				return rc;
		}
	}
	return r->broken;
}

void
reply_body(struct reply *r)
{
	r->last = '\n';
	r->at_bol = 1;
}

uint64_t
reply_octets(const struct reply *r)
{
	return r->written + r->len;
}

enum rc
reply_line(struct reply *r, const char *fmt, ...)
{
	char line[REPLY_LINE_OCTETS - 1];
	va_list ap;
	size_t len;
	enum rc rc;

	va_start(ap, fmt);
	if (vsnprintf(line, sizeof(line), fmt, ap) < 0)
		line[0] = '\0';
	va_end(ap);
	len = strlen(line);
	for (size_t i = 0; i < len; i++) {
		if (line[i] == '\r' || line[i] == '\n')
			line[i] = '?';
	}
	if (r->first[0] == '\0')
		memcpy(r->first, line, len + 1);
	reply_body(r);
	rc = put(r, line, len);
	return rc == RC_OK ? put(r, "\r\n", 2) : rc;
}

/* body - n octets with CRLF line ends; stuffed: and with byte-stuffing. */
static enum rc
body(struct reply *r, const char *octets, size_t n, unsigned stuffed)
{
	const char *end = octets + n;
	enum rc rc = r->broken;

	while (octets < end && rc == RC_OK) {
		const char *lf = memchr(octets, '\n', (size_t)(end - octets));
		const char *stop = lf != NULL ? lf : end;

		if (stuffed && r->at_bol && *octets == '.')
			rc = put(r, ".", 1);
		if (stop > octets) {
			if (rc == RC_OK)
				rc = put(r, octets, (size_t)(stop - octets));
			r->last = (unsigned char)stop[-1];
			r->at_bol = 0;
		}
		if (lf != NULL) {
			if (rc == RC_OK)
				rc = r->last == '\r' ? put(r, "\n", 1)
						     : put(r, "\r\n", 2);
			r->last = '\n';
			r->at_bol = 1;
		}
		octets = lf != NULL ? lf + 1 : end;
	}
	return rc;
}

enum rc
reply_stuffed(struct reply *r, const char *octets, size_t n)
{
	return body(r, octets, n, 1);
}

enum rc
reply_counted(struct reply *r, const char *octets, size_t n)
{
	return body(r, octets, n, 0);
}

enum rc
reply_end_line(struct reply *r)
{
	enum rc rc;

	if (r->at_bol)
		return r->broken;
	rc = r->last == '\r' ? put(r, "\n", 1) : put(r, "\r\n", 2);
	r->last = '\n';
	r->at_bol = 1;
	return rc;
}

enum rc
reply_end_multiline(struct reply *r)
{
	enum rc rc = reply_end_line(r);

	return rc == RC_OK ? put(r, ".\r\n", 3) : rc;
}
