/* line - command lines from the client. */
#ifndef WIRE_LINE_H
#define WIRE_LINE_H

#include "sys/err.h"
#include <stddef.h>
#include <stdint.h>

enum {
	LINE_COMMAND_OCTETS = 255, /* RFC 2449 section 4 */
	LINE_BUFFER_OCTETS = 16384 /* no limit may be larger */
};

struct line {
	char *text; /* NUL-terminated, without the line end */
	size_t len;
	size_t octets; /* with the line end, as it came */
};

struct line_reader {
	int fd;
	size_t pos, end;         /* data[pos..end) is read and not yet used */
	size_t seen;             /* data[pos..pos + seen) holds no LF */
	unsigned discarding : 1; /* inside a line that is thrown away */
	unsigned at_end : 1;     /* the descriptor said end of input */
	char data[LINE_BUFFER_OCTETS];
};

/* line_init - reads from fd, which stays the caller's. */
void line_init(struct line_reader *r, int fd);

/* line_read - the next command line, without its CRLF or LF.
 * limit counts octets with the line end, at most LINE_BUFFER_OCTETS; the
 * deadline is on io_now_ms's clock, and no octet moves it; behind it, what is
 * there already is read once. out->text is owned by r, may be written to, and
 * is valid until the next call. RC_TIMEOUT: what came is kept, call again;
 * RC_TOOLONG: the whole line is already thrown away; RC_SYNTAX: it held a NUL
 * and is thrown away; RC_EOF: nothing but perhaps an unterminated line was
 * left, which is no command; RC_IO with errno.
 * RFC 1939 section 3, RFC 2449 section 4. */
enum rc line_read(struct line_reader *r, size_t limit, int64_t deadline_ms,
    struct line *out) MUST_CHECK;

/* line_fill - reads more octets behind those that are there, for who looks at
 * data himself: a header before the first line. RC_TIMEOUT, RC_EOF, RC_IO. */
enum rc line_fill(struct line_reader *r, int64_t deadline_ms) MUST_CHECK;

/* line_skip - the next n octets, which are there, are used. */
void line_skip(struct line_reader *r, size_t n);

/* line_waiting - whether the next line_read needs no octet from outside, so
 * that replies may wait for more of their kind. RFC 2449 section 6.6. */
unsigned line_waiting(struct line_reader *r);

/* line_drop - throws away every octet that was read ahead. RFC 2595 s. 4. */
void line_drop(struct line_reader *r);

/* line_drain - line_drop, and everything that has come meanwhile, be it the
 * end. RC_LIMIT: it does not stop coming; RC_IO. */
enum rc line_drain(struct line_reader *r) MUST_CHECK;

#endif
