/* reply - what the client gets to read. */
#ifndef WIRE_REPLY_H
#define WIRE_REPLY_H

#include "sys/err.h"
#include <stddef.h>
#include <stdint.h>

enum {
	REPLY_BUFFER_OCTETS = 65536, /* as many leave by themselves */
	REPLY_LARGE_OCTETS = 262144, /* of a long answer, from then on */
	REPLY_PART_OCTETS = 8192, /* of a body, converted without looking up */
	REPLY_LINE_OCTETS = 512   /* RFC 1939 section 3, with CRLF */
};

struct reply {
	int fd;
	unsigned stall_ms;   /* how long the client may take nothing */
	int64_t deadline_ms; /* when it must have taken all; INT64_MAX */
	unsigned char last;  /* the body's last octet so far */
	unsigned at_bol : 1; /* the next body octet begins a line */
	enum rc broken;      /* why a write failed: all is thrown away; RC_OK */
	size_t len;          /* octets in data that are not yet written */
	uint64_t written;    /* octets handed to the descriptor so far */
	uint64_t dots;       /* that byte-stuffing has added so far */
	char first[REPLY_LINE_OCTETS]; /* the first line since the caller made
					* it empty, for the -d log */
	size_t full;                   /* so many octets in data leave */
	char *data;                    /* few, or memory of our own */
	char few[REPLY_BUFFER_OCTETS + 2 * REPLY_PART_OCTETS];
};

/* reply_init - writes to fd, which stays the caller's. Memory of its own is
 * reply_rest's to give back. */
void reply_init(struct reply *r, int fd, unsigned stall_ms);

/* reply_line - one line, formatted, with CRLF added. Octets of it that are
 * CR or LF become '?', and it is cut at REPLY_LINE_OCTETS with its CRLF. Also
 * begins a body, for the calls below. RC_EOF, RC_TIMEOUT, RC_IO: the client
 * does not take it, and every later call on r says the same. */
enum rc reply_line(struct reply *r, const char *fmt, ...) MUST_CHECK
    PRINTF(2, 3);

/* reply_made - the same for a line of our own making, which is not looked at: n
 * octets, at most REPLY_LINE_OCTETS - 2. */
enum rc reply_made(struct reply *r, const char *text, size_t n) MUST_CHECK;

/* reply_listed - a line of a listing, which is not looked at: n octets of our
 * own making, with CRLF added. Errors as above. */
enum rc reply_listed(struct reply *r, const char *text, size_t n) MUST_CHECK;

/* reply_body - begins a body that no line goes before. */
void reply_body(struct reply *r);

/* reply_octets - how many octets have been given to r so far. */
uint64_t reply_octets(const struct reply *r);

/* reply_plain - the same without the dots of byte-stuffing: what counts as a
 * message's octets. */
uint64_t reply_plain(const struct reply *r);

/* reply_stuffed - n octets of a POP3 body as they are stored, in pieces of any
 * size: a LF without CR gets one, a line that begins with "." gets another.
 * What is CRLF stays so. Errors as above. RFC 1939 section 3. */
enum rc reply_stuffed(struct reply *r, const char *octets, size_t n) MUST_CHECK;

/* reply_counted - the same without byte-stuffing: a POP1 or POP2 body, whose
 * octets the client counts. RFC 937, Message Length. */
enum rc reply_counted(struct reply *r, const char *octets, size_t n) MUST_CHECK;

/* reply_end_line - ends the body's last line if its end is missing: CRLF, or
 * LF alone behind a CR. */
enum rc reply_end_line(struct reply *r) MUST_CHECK;

/* reply_end_multiline - ends the last line, then the line ".". */
enum rc reply_end_multiline(struct reply *r) MUST_CHECK;

/* reply_flush - hands everything to the descriptor. */
enum rc reply_flush(struct reply *r) MUST_CHECK;

/* reply_try - the same, if that takes no waiting; else nothing. */
enum rc reply_try(struct reply *r) MUST_CHECK;

/* reply_fits - whether another line can be added and nothing has to leave. */
unsigned reply_fits(const struct reply *r);

/* reply_rest - gives back the memory that only a long answer needs, after a
 * flush: else its end is lost. */
void reply_rest(struct reply *r);

#endif
