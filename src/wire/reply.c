/* reply - what the client gets to read: status lines, and bodies with CRLF
 * line ends and byte-stuffing. Knows no command and no mail.
 *
 * Octets gather in data and leave when it is full or when the caller flushes,
 * so that the replies to a pipelined batch share their writes. */
#include "wire/reply.h"
#include "sys/io.h"
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
/* Most lines are shorter than a call of memchr and one of memcpy take. */
#ifdef __SSE2__
#include <emmintrin.h>
#endif

void
reply_init(struct reply *r, int fd, unsigned stall_ms)
{
	r->fd = fd;
	r->stall_ms = stall_ms;
	r->deadline_ms = INT64_MAX;
	r->last = '\n';
	r->at_bol = 1;
	r->broken = RC_OK;
	r->len = 0;
	r->written = 0;
	r->dots = 0;
	r->first[0] = '\0';
	r->data = r->few;
	r->full = REPLY_BUFFER_OCTETS;
}

enum rc
reply_flush(struct reply *r)
{
	size_t n = r->len;
	enum rc rc;

	if (r->broken != RC_OK || n == 0)
		return r->broken;
	r->len = 0;
	rc = io_write_until(r->fd, r->data, n, r->stall_ms, r->deadline_ms);
	if (rc == RC_OK)
		r->written += n;
	r->broken = rc;
	return rc;
}

enum rc
reply_try(struct reply *r)
{
	/* So much a pipe that is ready takes at once, and a socket. */
	if (r->len > PIPE_BUF || !io_can_write(r->fd))
		return r->broken;
	return reply_flush(r);
}

unsigned
reply_fits(const struct reply *r)
{
	return r->len + REPLY_LINE_OCTETS < r->full;
}

enum { LARGE_OCTETS = REPLY_LARGE_OCTETS + 2 * REPLY_PART_OCTETS };

void
reply_rest(struct reply *r)
{
	if (r->data == r->few)
		return;
	(void)munmap(r->data, LARGE_OCTETS);
	r->data = r->few;
	r->full = REPLY_BUFFER_OCTETS;
	r->len = 0;
}

/* grow - who has so much to say has more: the reader is woken less often.
 * Without the memory it goes on as it was. */
static void
grow(struct reply *r)
{
	void *large = mmap(NULL, LARGE_OCTETS, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (large == MAP_FAILED)
		return;
	r->data = large;
	r->full = REPLY_LARGE_OCTETS;
}

/* flush_full - lets data go when it is full. There is always room for a part
 * of a body behind that. */
static enum rc
flush_full(struct reply *r)
{
	enum rc rc;

	if (r->len < r->full)
		return r->broken;
	rc = reply_flush(r);
	if (rc == RC_OK && r->data == r->few)
		grow(r);
	return rc;
}

/* put - n octets as they are. */
static enum rc
put(struct reply *r, const char *octets, size_t n)
{
	enum rc rc = r->broken;

	while (n > 0 && rc == RC_OK) {
		size_t room = r->full + 2 * REPLY_PART_OCTETS - r->len;
		size_t part = n < room ? n : room;

		memcpy(r->data + r->len, octets, part);
		r->len += part;
		octets += part;
		n -= part;
		rc = flush_full(r);
	}
	return rc;
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

uint64_t
reply_plain(const struct reply *r)
{
	return reply_octets(r) - r->dots;
}

enum rc
reply_line(struct reply *r, const char *fmt, ...)
{
	char line[REPLY_LINE_OCTETS - 1];
	va_list ap;
	size_t len;

	line[0] = '\0';
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	len = strlen(line);
	for (size_t i = 0; i < len; i++) {
		if (line[i] == '\r' || line[i] == '\n')
			line[i] = '?';
	}
	return reply_made(r, line, len);
}

enum rc
reply_made(struct reply *r, const char *text, size_t n)
{
	if (r->first[0] == '\0') {
		memcpy(r->first, text, n);
		r->first[n] = '\0';
	}
	reply_body(r);
	return reply_listed(r, text, n);
}

enum rc
reply_listed(struct reply *r, const char *text, size_t n)
{
	enum rc rc = put(r, text, n);

	return rc == RC_OK ? put(r, "\r\n", 2) : rc;
}

/* copy_line - copies what stands before the first LF of n octets, or all of
 * them; returns how many. n octets of room are written, whatever they become.
 */
#ifdef __SSE2__
static size_t
copy_line(char *to, const char *from, size_t n)
{
	const __m128i lf = _mm_set1_epi8('\n');
	size_t i = 0;

	for (; n - i >= sizeof(lf); i += sizeof(lf)) {
		__m128i v = _mm_loadu_si128((const void *)(from + i));
		unsigned at =
		    (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v, lf));

		_mm_storeu_si128((void *)(to + i), v);
		if (at != 0)
			return i + (size_t)__builtin_ctz(at);
	}
	for (; i < n && from[i] != '\n'; i++)
		to[i] = from[i];
	return i;
}
#else
static size_t
copy_line(char *to, const char *from, size_t n)
{
	const char *lf = memchr(from, '\n', n);

	if (lf != NULL)
		n = (size_t)(lf - from);
	memcpy(to, from, n);
	return n;
}
#endif

/* convert - n octets of a body, at most REPLY_PART_OCTETS, into data. A LF
 * gets a CR unless it has one; stuffed: and a "." that begins a line another
 * one. Of n octets that makes 2 n at most. */
static void
convert(struct reply *r, const char *octets, size_t n, unsigned stuffed)
{
	const char *end = octets + n;
	char *to = r->data + r->len;
	unsigned at_bol = r->at_bol;
	char last = (char)r->last;

	while (octets < end) {
		size_t text;

		if (stuffed && at_bol && *octets == '.') {
			*to++ = '.';
			r->dots++;
		}
		text = copy_line(to, octets, (size_t)(end - octets));
		to += text;
		octets += text;
		if (text > 0) {
			last = octets[-1];
			at_bol = 0;
		}
		if (octets < end) {
			*to = '\r';
			to += last != '\r';
			*to++ = '\n';
			octets++;
			last = '\n';
			at_bol = 1;
		}
	}
	r->len = (size_t)(to - r->data);
	r->at_bol = at_bol & 1u;
	r->last = (unsigned char)last;
}

/* body - n octets with CRLF line ends; stuffed: and with byte-stuffing. */
static enum rc
body(struct reply *r, const char *octets, size_t n, unsigned stuffed)
{
	enum rc rc = r->broken;

	while (n > 0 && rc == RC_OK) {
		size_t part = n < REPLY_PART_OCTETS ? n : REPLY_PART_OCTETS;

		convert(r, octets, part, stuffed);
		octets += part;
		n -= part;
		rc = flush_full(r);
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
