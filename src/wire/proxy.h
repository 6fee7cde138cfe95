/* proxy - the header that a proxy sends before the first octet of its client:
 * the PROXY protocol, versions 1 and 2. Knows octets and no socket. */
#ifndef WIRE_PROXY_H
#define WIRE_PROXY_H

#include "sys/err.h"
#include <stddef.h>

enum {
	PROXY_V1_OCTETS = 107, /* the longest line of version 1, with CRLF */
	PROXY_OCTETS = 4096,   /* version 2 could have 65551 */
	PROXY_ADDRESS_OCTETS = 46
};

struct proxy {
	size_t octets; /* of the header; what follows is the client's */
	char from[PROXY_ADDRESS_OCTETS]; /* the client's address in digits; "":
					  * the header has none, those of the
					  * connection itself count */
	unsigned port;    /* the one the client came to; 0 with "" */
	unsigned tls : 1; /* the client speaks TLS with the proxy */
};

/* proxy_parse - the header at the front of the n octets that have come so far.
 *
 * RC_OK: it is whole, and out is filled in; RC_EOF: it goes on behind them, try
 * again with more; RC_NOSUCH: no header begins like this; RC_SYNTAX: it is
 * malformed; RC_TOOLONG: longer than one may be; RC_CORRUPT: its checksum is
 * wrong. Anything but RC_OK and RC_EOF is final.
 * The PROXY protocol, section 2: version 1's UNKNOWN, version 2's LOCAL and
 * every family but TCP have no address; what else such a header says is
 * skipped. A CRC32c is checked where there is one (2.2.3). */
enum rc proxy_parse(const char *octets, size_t n, struct proxy *out) MUST_CHECK;

#endif
